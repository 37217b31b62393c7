"""A small world to take steps in: two signals, three rules, and a driver with a clock of its own."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tests.fakes import FakeClock
from wamon.core import watch
from wamon.core.alerting import Alert, Severity, Timing, Transition, Verdict, alert_key
from wamon.core.health import Fact, Gauge, Reading, Signal, SparseState, Subject, SubjectKind
from wamon.core.manner import Manner
from wamon.core.ports import Owner, Rule, View, clear, firing, unknown
from wamon.core.state import Changes, CounterKey, Event, Monitored, Polled, Roster, Started, State, Ticked
from wamon.core.step import Policy, step
from wamon.rules import RULES

WABA = Subject.waba("100")
NUMBER = Subject.phone_number("100", "200")
OTHER_NUMBER = Subject.phone_number("100", "201")
FOREIGN_NUMBER = Subject.phone_number("101", "300")
PROBE = Subject.probe("account", WABA)
INSTANCE = Subject.instance()
MINUTE = timedelta(minutes=1)

RATING = Signal(name="rating", kind=SubjectKind.PHONE_NUMBER, shape=SparseState("rating"), help="A rating.")
LIMIT = Signal(name="limit", kind=SubjectKind.PHONE_NUMBER, shape=Gauge(), help="A number.")
SENDING = Signal(name="sending", kind=SubjectKind.SENDER, shape=SparseState("state"), help="Whether it may send.")
SEVERITIES = {"YELLOW": Severity.WARNING, "RED": Severity.CRITICAL}


def check_rating(view: View, params: Any, now: datetime) -> Verdict | None:
    """NONE stands for a number that the rule does not apply to."""
    fact, rating = view.fact(RATING), view.value(RATING)
    if rating == "NONE":
        return None
    if fact is None or rating is None:
        return unknown(now)
    if rating not in SEVERITIES:
        return clear(fact.observed_at)
    held = " still" if view.open_severity is not None else ""
    return firing(SEVERITIES[rating], fact.observed_at, f"is{held} {rating}")


def check_sending(view: View, params: Any, now: datetime) -> Verdict | None:
    fact = view.fact(SENDING)
    return firing(Severity.WARNING, fact.observed_at, "cannot send") if fact else None


def check_silence(view: View, params: Any, now: datetime) -> Verdict | None:
    succeeded_at = view.known(watch.PROBE_LAST_SUCCESS)
    if succeeded_at is None:
        return None
    return firing(Severity.WARNING, now, "is silent") if now - succeeded_at > 10 * MINUTE else clear(now)


def a_rule(name: str, kind: SubjectKind, check: Any, **changes: Any) -> Rule:
    plain = Rule(
        name=name,
        kind=kind,
        check=check,
        alertnames={Severity.WARNING: f"{name}Warning", Severity.CRITICAL: f"{name}Critical"},
        timing=Timing(min_observations=1),
        params=None,
        meaning="",
        cause="",
        owner=Owner.SRE,
        steps=(),
    )
    return replace(plain, **changes)


def asking(asked: list[Subject]) -> Rule:
    """A rule that notes of whom it was asked, and never fires."""

    def check(view: View, params: Any, now: datetime) -> Verdict | None:
        asked.append(view.subject)
        return None

    return a_rule("Asking", SubjectKind.PHONE_NUMBER, check)


BAD = a_rule("Bad", SubjectKind.PHONE_NUMBER, check_rating)
BAD_TWICE = replace(BAD, timing=Timing(min_observations=2))
CANNOT_SEND = a_rule("CannotSend", SubjectKind.SENDER, check_sending)
SILENT = a_rule("Silent", SubjectKind.PROBE, check_silence, on_tick=True)

MONITORED = Monitored(
    waba_ids=frozenset({"100", "101"}),
    tokens=frozenset({"main"}),
    app_ids=frozenset(),
    versions=frozenset(),
    probes=frozenset({"account", "token"}),
    rules=frozenset({"Bad", "CannotSend", "Silent", *(rule.name for rule in RULES)}),
)


class World:
    """Drives `step` with a clock of its own, and sees to it that no step changes the state that it was given."""

    def __init__(self, *rules: Rule) -> None:
        self.clock = FakeClock()
        self.policy = Policy(
            rules=rules or (BAD,), manner=Manner(receivers=("slack",)), tick_interval=timedelta(seconds=15)
        )
        self.state = State()
        self.changes = Changes(moment=self.clock.moment())
        self.told: list[Transition] = []

    def take(self, event: Event) -> Changes:
        given, shown = self.state, repr(self.state)
        self.state, self.changes = step(given, event, self.policy)
        assert repr(given) == shown
        self.told += self.changes.transitions
        return self.changes

    def poll(
        self,
        *readings: Reading,
        after: float = 60,
        outcome: str = "ok",
        fault: str | None = None,
        roster: Roster | None = None,
        answered_seconds_ago: float = 0,
    ) -> Changes:
        self.clock.advance(after)
        return self.take(
            Polled(
                moment=self.clock.moment(),
                probe="account",
                target=WABA,
                outcome=outcome,
                observed_at=self.clock.now() - timedelta(seconds=answered_seconds_ago),
                interval=MINUTE,
                readings=readings,
                rosters=() if roster is None else (roster,),
                fault=fault,
            )
        )

    def rate(self, *ratings: str | None, after: float = 60) -> Changes:
        for rating in ratings:
            self.poll(RATING.reading(NUMBER, rating), after=after)
        return self.changes

    def fail(self, *, after: float = 60) -> Changes:
        return self.poll(after=after, outcome="unreachable", fault="connect timeout")

    def tick(self, *, after: float = 15) -> Changes:
        self.clock.advance(after)
        return self.take(Ticked(moment=self.clock.moment()))

    def start(self, monitored: Monitored = MONITORED, *, after: float = 60) -> Changes:
        self.clock.advance(after)
        return self.take(Started(moment=self.clock.moment(), monitored=monitored))

    def alert(self, rule: str = "Bad", subject: Subject = NUMBER) -> Alert | None:
        return self.state.alerts.get(alert_key(rule, subject))

    def picture(self, rule: str = "Bad", subject: Subject = NUMBER) -> str:
        alert = self.alert(rule, subject)
        return f"{alert.state}{' stale' if alert.is_stale else ''}" if alert else "none"

    def kinds(self, rule: str = "Bad") -> list[str]:
        return [str(row.kind) for row in self.told if row.rule == rule]

    def count(self, name: str, **labels: str) -> int:
        return self.state.counters.get(CounterKey.of(name, **labels), 0)

    def fact(self, subject: Subject, signal: Signal[Any]) -> Fact:
        fact = self.state.snapshot.fact(subject, signal)
        assert fact is not None
        return fact

    def value(self, subject: Subject, signal: Signal[Any]) -> Any:
        return self.state.snapshot.value(subject, signal)


def listed(*numbers: Subject) -> Roster:
    return Roster(parent=WABA, kind=SubjectKind.PHONE_NUMBER, present=frozenset(numbers))
