"""The alert machine against a naive reading of its specification, over thousands of random lives."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product
from typing import Literal, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.oracle import Ended, Entry, Picture, Seen, SetBack, Told, picture
from tests.fakes import START
from wamon.core.alerting import (
    Advance,
    Alert,
    CloseReason,
    Severity,
    Timing,
    Transition,
    TransitionKind,
    Truth,
    Verdict,
    advance,
    alert_key,
    clamp,
    close,
)
from wamon.core.health import Subject

RULE = "Example"
SUBJECT = Subject.waba("100")
MAX_GAP = timedelta(seconds=120)

Verb: TypeAlias = Literal["see", "see late", "repeat", "see across a step", "set back", "remove", "force"]


@dataclass(frozen=True, slots=True)
class Act:
    """What the world does next: some seconds pass, then this, so many times over."""

    verb: Verb
    seconds: int = 0
    truth: Truth = Truth.FALSE
    severity: Severity = Severity.WARNING
    times: int = 1


ANSWERS = (
    (Truth.FALSE, Severity.WARNING),
    (Truth.TRUE, Severity.INFO),
    (Truth.TRUE, Severity.WARNING),
    (Truth.TRUE, Severity.CRITICAL),
    (Truth.UNKNOWN, Severity.WARNING),
)
GAPS = (60, 30, 120, 121, 900)
# One list to draw from: a single choice an act is fast, and shrinks towards the first, a FALSE that moves nothing.
ACTS = (
    *(Act("see", gap, *answer, times) for times, gap, answer in product((1, 2, 4), GAPS, ANSWERS)),
    *(Act("repeat", gap) for gap in (0, 60)),
    *(Act("see late", gap, *answer) for gap, answer in product((0, 600), ANSWERS)),
    *(Act("see across a step", 60, *answer) for answer in ANSWERS),
    *(Act("set back", gap) for gap in (1, 90, 3600)),
    Act("remove"),
    Act("force"),
)
TIMINGS = tuple(
    Timing(
        for_=timedelta(seconds=for_),
        min_observations=min_observations,
        min_observations_critical=critical,
        keep_firing_for=timedelta(seconds=keep),
        lower_after=timedelta(seconds=lower),
        pending_unknown_max=timedelta(seconds=blind),
    )
    for for_, min_observations, critical, keep, lower, blind in product(
        (0, 120, 300), (2, 1, 3), (None, 1), (0, 60, 300), (0, 120, 300), (300, 900)
    )
)


@dataclass(slots=True)
class Machine:
    """Drives the real `advance` and writes down what it was given, for the oracle."""

    timing: Timing
    now: timedelta = timedelta(0)
    alert: Alert | None = None
    entries: list[Entry] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    dropped: int = 0
    last_answer: Verdict | None = None
    # Distinct FALSE since it was last bad or unseen.
    good: int = 0

    def act(self, act: Act) -> None:
        self.now += timedelta(seconds=-act.seconds if act.verb == "set back" else act.seconds)
        at = START + self.now
        match act.verb:
            case "see" | "see across a step":
                verdict = Verdict(truth=act.truth, severity=act.severity, observed_at=at)
                self.see(verdict, max_gap=MAX_GAP if act.verb == "see" else timedelta(0))
            case "see late":
                late = Verdict(truth=act.truth, severity=act.severity, observed_at=at - timedelta(seconds=300))
                self.see(late, max_gap=MAX_GAP)
            case "repeat":
                if self.last_answer is not None:
                    self.see(self.last_answer, max_gap=MAX_GAP)
            case "set back":
                self.entries.append(SetBack(now=at))
                self.alert = clamp(self.alert, at) if self.alert else None
                # What an old answer says of the time is of the old clock.
                self.last_answer = None
            case "remove":
                self.end(CloseReason.REMOVED)
            case "force":
                self.end(CloseReason.FORCED)

    def see(self, verdict: Verdict, *, max_gap: timedelta) -> None:
        now = START + self.now
        self.entries.append(
            Seen(
                truth=verdict.truth,
                severity=verdict.severity,
                observed_at=verdict.observed_at,
                now=now,
                max_gap=max_gap,
            )
        )
        self.count_good(verdict)
        self.follow(
            advance(self.alert, verdict, self.timing, rule=RULE, subject=SUBJECT, now=now, max_gap=max_gap),
            verdict,
        )
        if verdict.truth is not Truth.UNKNOWN:
            self.last_answer = verdict

    def count_good(self, verdict: Verdict) -> None:
        if verdict.truth is Truth.UNKNOWN:
            self.good = 0
        elif self.alert is None or verdict.observed_at > self.alert.last_observed_at:
            self.good = self.good + 1 if verdict.truth is Truth.FALSE else 0

    def end(self, reason: CloseReason) -> None:
        self.entries.append(Ended(reason=reason))
        if self.alert is not None:
            self.follow(close(self.alert, reason=reason, now=START + self.now), None)

    def follow(self, moved: Advance, verdict: Verdict | None) -> None:
        check_step(self.alert, verdict, moved)
        if any(row.close_reason is CloseReason.RESOLVED for row in moved.transitions):
            assert self.good >= 2
        self.alert = moved.alert
        self.transitions += moved.transitions
        self.dropped += moved.is_pending_dropped
        check_life(self.transitions)

    def picture(self) -> Picture:
        alert = self.alert
        is_active = alert is not None and alert.state != "inactive"
        return Picture(
            state=alert.state if alert else "inactive",
            severity=alert.severity if alert and is_active else None,
            is_stale=alert is not None and alert.is_stale,
            returns=alert.returns if alert and is_active else 0,
            told=tuple(
                Told(
                    kind=row.kind,
                    severity=row.severity,
                    episode=row.episode,
                    ordinal=row.ordinal,
                    reason=row.close_reason,
                )
                for row in self.transitions
            ),
            dropped=self.dropped,
        )


def check_step(before: Alert | None, verdict: Verdict | None, moved: Advance) -> None:
    """What must hold of any single step, whatever the specification's details."""
    kinds = [row.kind for row in moved.transitions]
    was_open = before is not None and before.is_open
    is_open = moved.alert is not None and moved.alert.is_open
    if verdict is not None and verdict.truth is Truth.UNKNOWN:
        assert is_open == was_open, "UNKNOWN opened or closed an alert"
        assert set(kinds) <= {TransitionKind.STALE}
    assert kinds.count(TransitionKind.OPEN) == (is_open and not was_open)
    assert kinds.count(TransitionKind.CLOSE) == (was_open and not is_open)
    if before is not None and moved.alert is not None and was_open and is_open:
        has_moved = before.severity != moved.alert.severity
        assert has_moved == bool({TransitionKind.RAISE, TransitionKind.LOWER} & set(kinds))
    for row in moved.transitions:
        assert row.key == alert_key(RULE, SUBJECT)
        assert row.is_announced == (row.kind in {TransitionKind.OPEN, TransitionKind.RAISE, TransitionKind.CLOSE})


def check_life(transitions: Sequence[Transition]) -> None:
    """What must hold of all rows together."""
    episodes: dict[int, list[Transition]] = {}
    for row in transitions:
        episodes.setdefault(row.episode, []).append(row)
    assert list(episodes) == list(range(1, len(episodes) + 1))
    for number, rows in episodes.items():
        assert [row.ordinal for row in rows] == list(range(1, len(rows) + 1))
        assert [row.kind for row in rows].count(TransitionKind.OPEN) == 1
        assert rows[0].kind is TransitionKind.OPEN
        closes = [row for row in rows if row.kind is TransitionKind.CLOSE]
        assert closes == rows[-1:] if number < len(episodes) else closes in ([], rows[-1:])


@settings(max_examples=250)
@given(timing=st.sampled_from(TIMINGS), acts=st.lists(st.sampled_from(ACTS), min_size=20, max_size=60))
def test_life_of_an_alert_is_that_of_the_specification(timing: Timing, acts: list[Act]) -> None:
    machine = Machine(timing)

    for act in acts:
        for _ in range(act.times):
            machine.act(act)

            assert machine.picture() == picture(machine.entries, timing)
