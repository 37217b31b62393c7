"""The account's metrics as Prometheus text, rendered where something changed and joined when somebody asks."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

from wamon.core.alerting import Alert, AlertState
from wamon.core.books import TallyKey
from wamon.core.health import Fact, Signal, SparseState, StateSet, Subject
from wamon.core.ports import Probe, Rule
from wamon.core.state import Changes, CounterKey, State
from wamon.metrics import families
from wamon.metrics.compression import Deflated, deflate, gzipped, joined
from wamon.metrics.families import (
    ALERTING_MODE,
    ALERTS,
    COUNTERS,
    ERROR_CODE_INFO,
    HELD,
    MODES,
    RULE_MODE,
    SILENCES,
    Family,
)
from wamon.metrics.lines import Labels, header, render, sample
from wamon.metrics.totals import Totals, code_labels

log = logging.getLogger(__name__)

# Where an alert is counted: its name, severity and state.
Place: TypeAlias = tuple[str, str, str]


class Exposition:
    """The text of a published state, and of the sums of the books.

    The families come in the order of the signals, each followed by its last-known and changed families, then the sums
    of the books, the counters, the alerts, what holds them back, and who tells of them. In a family the lines are
    sorted by account (`waba_id`, those without one first), then by labels. A family without lines keeps its HELP and
    TYPE.

    A number or account has sums as long as the published state knows it: what is no longer monitored loses them.

    Above `max_series` optional families are left out, the last one first, and `left_out` says how many series that
    costs. Others always stay: the alerts rest on them.

    What `publish` and `show_totals` touch they render at once; `text` and `gzip` only join what is there. All of it
    belongs to one thread, so that there is nothing to lock.
    """

    def __init__(
        self,
        signals: Sequence[Signal[Any]],
        *,
        rules: Sequence[Rule],
        probes: Sequence[Probe[Any]] = (),
        mode: str,
        modes: Mapping[str, str] = MappingProxyType({}),
        max_series: int | None = None,
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"alerting mode {mode!r} is none of {', '.join(MODES)}")
        self._signals = {signal.name: families.signal_families(signal) for signal in signals if signal.is_exported}
        self._rules = {rule.name: rule for rule in rules}
        self._start = tuple(families.starting_counters(signals, rules, probes))
        self._mode = mode
        self._modes = {name: modes.get(rule.name, mode) for rule in rules for name in rule.alertnames.values()}
        self._max_series = max_series
        self._lines: dict[str, _Lines] = {}
        for family in families.state_families(signals):
            if family.name in self._lines:
                raise ValueError(f"metric family {family.name} is declared twice")
            self._lines[family.name] = _Lines(family)
        self._alerts: dict[str, Place] = {}
        self._alert_counts: Counter[Place] = Counter()
        self._expected = frozenset(_expected_places(rules))
        self._left_out: tuple[str, ...] = ()
        self._text: bytes | None = None
        self._deflated: Deflated | None = None
        self._state: State | None = None
        self._totals = Totals()
        self._render(State())

    def rebuild(self, state: State) -> None:
        """Render everything."""
        self._state = state
        self._render(state)

    def publish(self, state: State, changes: Changes) -> None:
        """Render what changed on the way to `state`; everything, when the state before it was not seen here."""
        before = self._state
        if before is None or state.version != before.version + 1:
            self.rebuild(state)
            return
        self._state = state
        for subject in changes.removed_subjects:
            self._forget(subject)
            for fact in state.snapshot.facts.get(subject, {}).values():
                self._put_fact(fact)
        appeared = set(changes.removed_subjects)
        for fact in changes.facts:
            own = before.snapshot.facts.get(fact.subject)
            if own is None:
                appeared.add(fact.subject)
            # Most polls find what the one before found: a look at the fact before is cheaper than its line.
            if own is None or not _is_shown_alike(fact, own.get(fact.signal.name)):
                self._put_fact(fact)
        for subject in appeared:
            self._put_totals(subject)
        for key, total in changes.counters.items():
            self._put_counter(key, total)
        touched = self._move_alerts(changes.alerts, gone=changes.removed_alerts)
        self._put_alert_counts(touched)
        self._put_overlays(state)
        self._invalidate()

    def show_totals(self, totals: Mapping[TallyKey, int]) -> None:
        """Show these sums of the books, those over all time; what is not named stays as it was.

        What belongs to a number or account that the published state does not know is remembered until it does.
        """
        codes = len(self._totals.codes)
        changed = self._totals.take(totals)
        for subject, names in changed.items():
            self._put_totals(subject, names)
        if len(self._totals.codes) > codes:
            self._put_codes()
        if changed:
            self._invalidate()

    def text(self) -> bytes:
        """The whole in text format 0.0.4, kept until the next publication."""
        if self._text is None:
            self._text = b"".join([piece for lines in self._shown() for piece in lines.pieces()])
        return self._text

    def deflated(self) -> Deflated:
        """The whole compressed, open at its end, kept until the next publication; blocks that did not change are not
        compressed again."""
        if self._deflated is None:
            self._deflated = joined(part for lines in self._shown() for part in lines.deflated_pieces())
        return self._deflated

    def gzip(self) -> bytes:
        return gzipped(self.deflated())

    @property
    def series(self) -> int:
        """How many there would be without a limit."""
        return sum(lines.series for lines in self._lines.values())

    @property
    def left_out(self) -> int:
        """How many series the limit costs now."""
        return sum(self._lines[name].series for name in self._left_out)

    def _render(self, state: State) -> None:
        for lines in self._lines.values():
            lines.clear()
        for own in state.snapshot.facts.values():
            for fact in own.values():
                self._put_fact(fact)
        for subject in self._totals.subjects:
            self._put_totals(subject)
        self._put_codes()
        for key in self._start:
            self._put_counter(key, 0)
        for key, total in state.counters.items():
            self._put_counter(key, total)
        for mode in MODES:
            self._put(ALERTING_MODE, (("mode", mode),), float(mode == self._mode))
        for alertname, in_use in self._modes.items():
            for mode in MODES:
                self._put(RULE_MODE, (("alertname", alertname), ("mode", mode)), float(mode == in_use))
        self._put_overlays(state)
        self._alerts.clear()
        self._alert_counts.clear()
        self._put_alert_counts(self._expected | self._move_alerts(state.alerts.values()))
        self._invalidate()

    # --- what is shown ------------------------------------------------------------------------------------------------

    def _shown(self) -> list["_Lines"]:
        return [lines for name, lines in self._lines.items() if name not in self._left_out]

    def _invalidate(self) -> None:
        self._text = None
        self._deflated = None
        left_out = tuple(self._too_many())
        if left_out == self._left_out:
            return
        self._left_out = left_out
        if left_out:
            log.warning(
                "metric families left out: too many series",
                extra={"families": left_out, "series": self.left_out, "max_series": self._max_series},
            )
        else:
            log.info("all metric families are exported again", extra={"max_series": self._max_series})

    def _too_many(self) -> Iterator[str]:
        if self._max_series is None:
            return
        excess = self.series - self._max_series
        for name, lines in reversed(self._lines.items()):
            if excess <= 0:
                return
            if lines.is_optional and lines.series:
                excess -= lines.series
                yield name

    # --- facts --------------------------------------------------------------------------------------------------------

    def _put_fact(self, fact: Fact) -> None:
        own = self._signals.get(fact.signal.name)
        if own is None:
            return
        labels, shape, value = fact.subject.labels, fact.signal.shape, fact.current
        self._lines[own.main.name].put(labels, render(own.main.name, shape, labels, value))
        if own.last_known is not None:
            name = own.last_known.name
            one_of = SparseState(shape.label) if isinstance(shape, StateSet) else shape
            is_shown = value is None and fact.known is not None
            self._lines[name].put(labels, render(name, one_of, labels, fact.known) if is_shown else b"")
        if own.changed_at is not None:
            name = own.changed_at.name
            at = fact.changed_at
            self._lines[name].put(labels, sample(name, labels, at.timestamp()) if at is not None else b"")

    def _forget(self, subject: Subject) -> None:
        for own in self._signals.values():
            for family in own:
                self._lines[family.name].put(subject.labels, b"")
        for name in self._totals.names(subject):
            self._lines[name].put(subject.labels, b"")

    # --- sums of the books --------------------------------------------------------------------------------------------

    def _put_totals(self, subject: Subject, names: Iterable[str] | None = None) -> None:
        """Take the subject's sums of these names, of all when none are given, if it may have any."""
        is_instance = subject == Subject.instance()
        if is_instance or (self._state is not None and subject in self._state.snapshot.facts):
            for name in self._totals.names(subject) if names is None else names:
                self._lines[name].put(subject.labels, self._totals.chunk(subject, name))

    def _put_codes(self) -> None:
        for code in self._totals.codes:
            self._put(ERROR_CODE_INFO, code_labels(code), 1.0)

    # --- counters and alerts ------------------------------------------------------------------------------------------

    def _put(self, family: Family, labels: Labels, value: float) -> None:
        self._lines[family.name].put(labels, sample(family.name, labels, value))

    def _put_counter(self, key: CounterKey, total: int) -> None:
        """A counter that no table declares any more stays in the database, not here."""
        if any(key.name == family.name for family in COUNTERS):
            self._lines[key.name].put(key.labels, sample(key.name, key.labels, total))

    def _move_alerts(self, alerts: Iterable[Alert], *, gone: Iterable[str] = ()) -> set[Place]:
        """Count each alert where it is now; the places whose count moved."""
        moves = [(alert.key, self._place(alert)) for alert in alerts] + [(key, None) for key in gone]
        touched = set()
        for key, place in moves:
            before = self._alerts.pop(key, None)
            if before is not None:
                self._alert_counts[before] -= 1
                touched.add(before)
            if place is not None:
                self._alerts[key] = place
                self._alert_counts[place] += 1
                touched.add(place)
        return touched

    def _place(self, alert: Alert) -> Place | None:
        if alert.state is AlertState.INACTIVE or alert.is_rehearsal:
            return None
        rule = self._rules.get(alert.rule)
        alertname = rule.alertname(alert.severity) if rule else alert.rule
        is_stale = alert.is_stale and alert.state is AlertState.FIRING
        return alertname, str(alert.severity), "stale" if is_stale else str(alert.state)

    def _put_alert_counts(self, places: Iterable[Place]) -> None:
        """A place that no rule declares, as of a rule that is gone, has a series only while an alert is there."""
        for place in places:
            labels = tuple(zip(ALERTS.labels, place, strict=True))
            count = self._alert_counts[place]
            is_shown = count > 0 or place in self._expected
            self._lines[ALERTS.name].put(labels, sample(ALERTS.name, labels, count) if is_shown else b"")

    def _put_overlays(self, state: State) -> None:
        """Few alerts are open at once, so these are simply counted anew."""
        held = Counter(
            overlay
            for standing in state.desk.standings.values()
            if (alert := state.alerts.get(standing.key)) is not None
            and (alert.is_open or standing.is_flapping)
            and not alert.is_rehearsal
            for overlay in standing.overlays
        )
        for overlay in families.OVERLAYS:
            self._put(HELD, (("overlay", overlay),), float(held[overlay]))
        self._put(SILENCES, (), float(len(state.desk.silences)))


def _expected_places(rules: Iterable[Rule]) -> Iterator[Place]:
    for rule in rules:
        for severity, alertname in rule.alertnames.items():
            yield from ((alertname, str(severity), state) for state in families.ALERT_STATES)


def _is_shown_alike(fact: Fact, before: Fact | None) -> bool:
    return (
        before is not None
        and before.current == fact.current
        and before.known == fact.known
        and before.changed_at == fact.changed_at
    )


class _Lines:
    """The lines of one family: a block for each account, because a poll changes those of one account together."""

    def __init__(self, family: Family) -> None:
        self.is_optional = family.is_optional
        self.series = 0
        self._header = header(family)
        self._deflated_header = deflate(self._header)
        self._blocks: dict[str, _Block] = {}
        self._is_sorted = True

    def clear(self) -> None:
        self._blocks = {}
        self.series = 0

    def put(self, labels: Labels, chunk: bytes) -> None:
        """Take the lines of one subject; none takes the subject out."""
        account = next((value for name, value in labels if name == "waba_id"), "")
        block = self._blocks.get(account)
        if block is None:
            if not chunk:
                return
            block = self._blocks[account] = _Block()
            self._is_sorted = False
        self.series += block.put(labels, chunk)
        if block.is_empty:
            del self._blocks[account]

    def pieces(self) -> list[bytes]:
        return [self._header, *[block.text for block in self._sorted_blocks()]]

    def deflated_pieces(self) -> Iterator[tuple[bytes, bytes]]:
        yield self._header, self._deflated_header
        for block in self._sorted_blocks():
            yield block.text, block.deflated

    def _sorted_blocks(self) -> Iterable["_Block"]:
        if not self._is_sorted:
            self._blocks = {account: self._blocks[account] for account in sorted(self._blocks)}
            self._is_sorted = True
        return self._blocks.values()


class _Block:
    """The lines of one family about one account, in chunks by subject; joined and compressed once after a change."""

    __slots__ = ("_chunks", "_deflated", "_is_sorted", "_text")

    def __init__(self) -> None:
        self._chunks: dict[Labels, bytes] = {}
        self._is_sorted = True
        self._text: bytes | None = None
        self._deflated: bytes | None = None

    def put(self, labels: Labels, chunk: bytes) -> int:
        """By how many series the block grew."""
        before = self._chunks.get(labels, b"")
        if chunk == before:
            return 0
        self._text = self._deflated = None
        if not chunk:
            del self._chunks[labels]
        else:
            self._is_sorted = self._is_sorted and bool(before)
            self._chunks[labels] = chunk
        # A newline in a label's value is escaped, so each one ends a series.
        return chunk.count(b"\n") - before.count(b"\n")

    @property
    def is_empty(self) -> bool:
        return not self._chunks

    @property
    def text(self) -> bytes:
        if self._text is None:
            if not self._is_sorted:
                self._chunks = {labels: self._chunks[labels] for labels in sorted(self._chunks)}
                self._is_sorted = True
            self._text = b"".join(self._chunks.values())
        return self._text

    @property
    def deflated(self) -> bytes:
        if self._deflated is None:
            self._deflated = deflate(self.text)
        return self._deflated
