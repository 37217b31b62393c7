"""The same metrics by prometheus_client's own means: slow, plain, and the measure of what we write ourselves."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from wamon.core.alerting import AlertState
from wamon.core.books import BOUNDS, FAILURE_CODES, FOR_EVER, SUM, TallyKey
from wamon.core.error_codes import lookup
from wamon.core.health import (
    NEVER,
    Fact,
    FlagMap,
    GaugeMap,
    Info,
    Signal,
    SparseState,
    StateSet,
    Subject,
    SubjectKind,
    Timestamp,
)
from wamon.core.ports import Probe, Rule
from wamon.core.state import State
from wamon.metrics.families import (
    ALERTING_MODE,
    ALERTS,
    COUNTERS,
    ERROR_CODE_INFO,
    HELD,
    MODES,
    RULE_MODE,
    SILENCES,
    TOTALS,
    Family,
    Total,
    signal_families,
    starting_counters,
)


class OracleCollector(Collector):
    """Reads `state` and `totals` at each scrape."""

    def __init__(
        self, signals: Sequence[Signal[Any]], *, rules: Sequence[Rule], probes: Sequence[Probe[Any]], mode: str
    ) -> None:
        self._signals = signals
        self._rules = rules
        self._probes = probes
        self._mode = mode
        self.state = State()
        self.totals: dict[TallyKey, int] = {}

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        subjects = sorted(self.state.snapshot.facts, key=lambda subject: (account(subject), subject.labels))
        for signal in self._signals:
            if signal.is_exported:
                facts = (self.state.snapshot.facts[subject].get(signal.name) for subject in subjects)
                yield from self._signal(signal, [fact for fact in facts if fact is not None])
        declared = {total.family.name for total in TOTALS}
        kept = {key: amount for key, amount in self.totals.items() if key[4] == FOR_EVER and key[0] in declared}
        for total in TOTALS:
            yield self._total(total, kept)
        yield self._codes(kept)
        yield from self._counters()
        yield from self._alerts()
        held = gauge(HELD)
        for overlay in ("acknowledged", "flapping", "inhibited", "silenced"):
            add(held, {"overlay": overlay}, float(sum(overlay in words for words in self._overlays())))
        yield held
        silences = gauge(SILENCES)
        add(silences, {}, float(len(self.state.desk.silences)))
        yield silences
        mode = gauge(ALERTING_MODE)
        for name in MODES:
            add(mode, {"mode": name}, float(name == self._mode))
        yield mode
        rule_mode = gauge(RULE_MODE)
        for name in sorted({name for rule in self._rules for name in rule.alertnames.values()}):
            for each in MODES:
                add(rule_mode, {"alertname": name, "mode": each}, float(each == self._mode))
        yield rule_mode

    def _overlays(self) -> Iterator[tuple[str, ...]]:
        for key, standing in self.state.desk.standings.items():
            alert = self.state.alerts.get(key)
            if (
                alert is not None
                and not alert.is_rehearsal
                and (str(alert.state) in ("firing", "recovering") or standing.flapping_since is not None)
            ):
                yield standing.overlays

    def _signal(self, signal: Signal[Any], facts: Sequence[Fact]) -> Iterator[Metric]:
        named = signal_families(signal)
        main = gauge(named.main)
        for fact in facts:
            for labels, value in samples(signal, fact):
                add(main, {**dict(fact.subject.labels), **labels}, value)
        yield main
        if named.last_known is not None:
            last_known = gauge(named.last_known)
            for fact in facts:
                if fact.current is None and fact.known is not None:
                    # Of a set of states only the one that it was, whether or not it is one of the set.
                    own = signal.shape
                    shape = SparseState(own.label) if isinstance(own, StateSet) else own
                    lost = replace(fact, value=fact.known, is_current=True)
                    for labels, value in samples(replace(signal, shape=shape), lost):
                        add(last_known, {**dict(fact.subject.labels), **labels}, value)
            yield last_known
        if named.changed_at is not None:
            changed = gauge(named.changed_at)
            for fact in facts:
                if fact.changed_at is not None:
                    add(changed, dict(fact.subject.labels), fact.changed_at.timestamp())
            yield changed

    def _total(self, total: Total, kept: Mapping[TallyKey, int]) -> Any:
        name = total.family.name
        if name in BOUNDS:
            metric: Any = HistogramMetricFamily(name, total.family.help, labels=total.family.labels)
        else:
            metric = CounterMetricFamily(name, total.family.help)
        for subject in sorted(self._owners(total.kind, kept), key=lambda each: (account(each), each.labels)):
            own = {key[3]: amount for key, amount in kept.items() if key[0] == name and owner(key) == subject}
            if name in BOUNDS:
                buckets = [(f"{bound}.0", up_to(own, bound)) for bound in BOUNDS[name]]
                count = sum(amount for le, amount in own.items() if le != SUM)
                metric.add_metric(
                    [text for _, text in subject.labels], [*buckets, ("+Inf", count)], own.get(SUM, 0) / 1000
                )
                continue
            for value, amount in sorted((dict.fromkeys(total.starts, 0) | own).items()):
                add(
                    metric, {**dict(subject.labels), **({total.label: value} if total.label else {})}, amount, name=name
                )
        return metric

    def _owners(self, kind: SubjectKind, kept: Mapping[TallyKey, int]) -> set[Subject]:
        """Those that the state knows and the books hold anything of."""
        if kind is SubjectKind.INSTANCE:
            return {Subject.instance()}
        return {owner(key) for key in kept if owner(key).kind is kind and owner(key) in self.state.snapshot.facts}

    def _codes(self, kept: Mapping[TallyKey, int]) -> Metric:
        family = gauge(ERROR_CODE_INFO)
        for code in sorted({key[3] for key in kept if key[0] == FAILURE_CODES}):
            row = lookup(int(code)) if code.isdecimal() else None
            title = row.title if row else "Codes that wamon does not know"
            add(family, {"code": code, "title": title, "error_class": row.error_class if row else "unknown"}, 1.0)
        return family

    def _counters(self) -> Iterator[Metric]:
        totals = dict.fromkeys(starting_counters(self._signals, self._rules, self._probes), 0)
        totals |= dict(self.state.counters)
        for declared in COUNTERS:
            family = CounterMetricFamily(declared.name, declared.help)
            for key in sorted(totals):
                if key.name == declared.name:
                    add(family, dict(key.labels), float(totals[key]), name=declared.name)
            yield family

    def _alerts(self) -> Iterator[Metric]:
        counts = {
            (alertname, str(severity), state): 0
            for rule in self._rules
            for severity, alertname in rule.alertnames.items()
            for state in ("pending", "firing", "stale", "recovering")
        }
        rules = {rule.name: rule for rule in self._rules}
        for alert in self.state.alerts.values():
            if alert.state is AlertState.INACTIVE or alert.is_rehearsal:
                continue
            state = "stale" if alert.state is AlertState.FIRING and alert.is_stale else str(alert.state)
            alertname = rules[alert.rule].alertname(alert.severity) if alert.rule in rules else alert.rule
            place = (alertname, str(alert.severity), state)
            counts[place] = counts.get(place, 0) + 1
        family = gauge(ALERTS)
        for place in sorted(counts):
            add(family, dict(zip(("alertname", "severity", "state"), place, strict=True)), float(counts[place]))
        yield family


def text(collector: OracleCollector) -> bytes:
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry)


def account(subject: Subject) -> str:
    return subject.label("waba_id") or ""


def owner(key: TallyKey) -> Subject:
    _, waba_id, phone_number_id, _, _ = key
    if not waba_id:
        return Subject.instance()
    return Subject.phone_number(waba_id, phone_number_id) if phone_number_id else Subject.waba(waba_id)


def up_to(counts: Mapping[str, int], bound: float) -> int:
    return sum(count for le, count in counts.items() if le not in (SUM, "+Inf") and float(le) <= bound)


def gauge(family: Family) -> GaugeMetricFamily:
    return GaugeMetricFamily(family.name, family.help)


def add(metric: Metric, labels: dict[str, str], value: float, *, name: str | None = None) -> None:
    metric.add_sample(name or metric.name, labels, value)


def samples(signal: Signal[Any], fact: Fact) -> Iterator[tuple[dict[str, str], float]]:
    """What a value is in samples, by its shape."""
    value, shape = fact.current, signal.shape
    if isinstance(shape, StateSet):
        present = value if value in shape.states else "UNKNOWN"
        for state in shape.states:
            yield {shape.label: state}, float(state == present)
    elif isinstance(shape, SparseState):
        yield {shape.label: "UNKNOWN" if value is None else str(value)}, 1.0
    elif value is None or value == NEVER:
        return
    elif isinstance(shape, Timestamp):
        yield {}, cast(Any, value).timestamp()
    elif isinstance(shape, Info):
        yield {label: cast(Mapping[str, str], value).get(label, "") for label in shape.labels}, 1.0
    elif isinstance(shape, FlagMap | GaugeMap):
        for key, figure in sorted(cast(Mapping[str, float], value).items()):
            yield {shape.label: key}, float(figure)
    else:
        yield {}, float(cast(float, value))
