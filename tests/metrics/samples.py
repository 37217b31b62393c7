"""A signal of each shape, and steps of a state, for the tests of what becomes of them in the text."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tests.fakes import START
from wamon.core.alerting import Alert, AlertState, Severity, Timing
from wamon.core.health import (
    Flag,
    FlagMap,
    Gauge,
    GaugeMap,
    Info,
    Reading,
    Sighting,
    Signal,
    SparseState,
    StateSet,
    Subject,
    SubjectKind,
    Timestamp,
)
from wamon.core.ports import Owner, Rule, unknown
from wamon.core.state import Changes, CounterKey, State
from wamon.core.timing import Moment

NUMBER = Subject.phone_number("1029", "1065")
KIND = SubjectKind.PHONE_NUMBER

GAUGE = Signal(name="whatsapp_gauge", kind=KIND, shape=Gauge(), help="A gauge.", changed_at="whatsapp_gauge_changed")
FLAG = Signal(name="whatsapp_flag", kind=KIND, shape=Flag(), help="A flag.", is_optional=True)
TIMESTAMP = Signal(name="whatsapp_moment_seconds", kind=KIND, shape=Timestamp(), help="A moment.", is_event=True)
RATING = Signal(
    name="whatsapp_rating",
    kind=KIND,
    shape=StateSet("rating", ("GREEN", "RED", "UNKNOWN")),
    help="A rating.",
    last_known="whatsapp_last_known_rating",
    changed_at="whatsapp_rating_changed_timestamp_seconds",
)
STATUS = Signal(
    name="whatsapp_status",
    kind=KIND,
    shape=SparseState("status"),
    help='A status: "quoted", back\\slashed,\nin two lines.',
    last_known="whatsapp_last_known_status",
)
INFO = Signal(name="whatsapp_info", kind=KIND, shape=Info(("verified_name", "mode")), help="Names.", is_optional=True)
FLAGS = Signal(name="whatsapp_flags", kind=KIND, shape=FlagMap("scope"), help="Flags.")
GAUGES = Signal(name="wamon_gauges", kind=KIND, shape=GaugeMap("dimension"), help="Gauges.", is_event=True)
RATIOS = Signal(name="whatsapp_ratio", kind=KIND, shape=GaugeMap("window"), help="Ratios.", is_derived=True)
HIDDEN = Signal(name="wamon_hidden", kind=KIND, shape=Gauge(), help="Not shown.", is_exported=False)
SIGNALS: tuple[Signal[Any], ...] = (GAUGE, FLAG, TIMESTAMP, RATING, STATUS, INFO, FLAGS, GAUGES, RATIOS, HIDDEN)

RULE = Rule(
    name="Rating",
    kind=KIND,
    check=lambda view, params, now: unknown(now),
    alertnames={Severity.WARNING: "RatingYellow", Severity.CRITICAL: "RatingRed"},
    timing=Timing(),
    params=None,
    meaning="The rating is bad.",
    cause="Complaints.",
    owner=Owner.MARKETING,
    steps=("Look.",),
)


def moment(at: datetime = START) -> Moment:
    return Moment(at=at, boot_id="boot", monotonic=0.0)


def seen(state: State, *readings: Reading, at: datetime = START) -> tuple[State, Changes]:
    """The state after these readings."""
    sighting = Sighting(readings=readings, observed_at=at, interval=timedelta(minutes=1), source="poll")
    snapshot, facts, history = state.snapshot.fold(sighting)
    after = replace(state, snapshot=snapshot, version=state.version + 1)
    return after, Changes(moment=moment(at), facts=facts, history=history)


def aged(state: State, at: datetime) -> tuple[State, Changes]:
    snapshot, facts, history = state.snapshot.age(at)
    after = replace(state, snapshot=snapshot, version=state.version + 1)
    return after, Changes(moment=moment(at), facts=facts, history=history)


def removed(state: State, *subjects: Subject) -> tuple[State, Changes]:
    after = replace(state, snapshot=state.snapshot.without(subjects), version=state.version + 1)
    return after, Changes(moment=moment(), removed_subjects=subjects)


def counted(state: State, counters: Mapping[CounterKey, int]) -> tuple[State, Changes]:
    after = replace(state, counters={**state.counters, **counters}, version=state.version + 1)
    return after, Changes(moment=moment(), counters=counters)


def alerted(state: State, alerts: Iterable[Alert] = (), *, gone: Iterable[str] = ()) -> tuple[State, Changes]:
    touched, dropped = tuple(alerts), tuple(gone)
    kept = {key: alert for key, alert in state.alerts.items() if key not in dropped}
    after = replace(state, alerts={**kept, **{a.key: a for a in touched}}, version=state.version + 1)
    return after, Changes(moment=moment(), alerts=touched, removed_alerts=dropped)


def alert(
    key: str = "key",
    *,
    state: AlertState = AlertState.FIRING,
    severity: Severity = Severity.CRITICAL,
    is_stale: bool = False,
    rule: str = RULE.name,
    subject: Subject = NUMBER,
    what: str = "Quality rating RED",
) -> Alert:
    return Alert(
        key=key,
        rule=rule,
        subject=subject,
        state=state,
        severity=severity,
        since=START,
        last_observed_at=START,
        last_confirmed_at=START,
        opened_at=START,
        is_stale=is_stale,
        what=what,
    )
