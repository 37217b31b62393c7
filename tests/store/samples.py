"""Signals of every shape, and the facts, alerts and transitions that the tests of the store write."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tests.fakes import START
from wamon.core.alerting import Alert, AlertState, Severity, Transition, TransitionKind, alert_key
from wamon.core.desk import (
    NO_GROUP,
    Announcement,
    AnnouncementKind,
    Group,
    GroupKey,
    Pending,
    Standing,
    TransitionId,
)
from wamon.core.health import (
    Change,
    Fact,
    Flag,
    FlagMap,
    Gauge,
    GaugeMap,
    Info,
    Signal,
    SparseState,
    StateSet,
    Subject,
    SubjectKind,
    Timestamp,
    Value,
)
from wamon.core.ports import signals_by_name
from wamon.core.silences import Matcher, Silence
from wamon.core.state import Changes
from wamon.core.timing import Moment

NUMBER = Subject.phone_number("100", "200")
OTHER_NUMBER = Subject.phone_number("100", "201")
MOMENT = Moment(at=START, boot_id="boot-1", monotonic=12.25)

GAUGE: Signal[float] = Signal(name="limit", kind=SubjectKind.PHONE_NUMBER, shape=Gauge(), help="")
FLAG: Signal[bool] = Signal(name="can_send", kind=SubjectKind.PHONE_NUMBER, shape=Flag(), help="")
TIMESTAMP: Signal[datetime] = Signal(name="expires", kind=SubjectKind.PHONE_NUMBER, shape=Timestamp(), help="")
STATE_SET: Signal[str] = Signal(
    name="quality", kind=SubjectKind.PHONE_NUMBER, shape=StateSet("rating", ("GREEN", "RED", "UNKNOWN")), help=""
)
SPARSE: Signal[str] = Signal(
    name="status", kind=SubjectKind.PHONE_NUMBER, shape=SparseState("status"), help="", is_event=True
)
INFO: Signal[Mapping[str, str]] = Signal(
    name="info", kind=SubjectKind.PHONE_NUMBER, shape=Info(("display_name",)), help="", keeps_history=False
)
FLAG_MAP: Signal[Mapping[str, bool]] = Signal(
    name="scopes", kind=SubjectKind.PHONE_NUMBER, shape=FlagMap("scope"), help=""
)
GAUGE_MAP: Signal[Mapping[str, float]] = Signal(
    name="usage", kind=SubjectKind.PHONE_NUMBER, shape=GaugeMap("kind"), help=""
)
SIGNALS = signals_by_name([GAUGE, FLAG, TIMESTAMP, STATE_SET, SPARSE, INFO, FLAG_MAP, GAUGE_MAP])


def later(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def fact(signal: Signal[Any], value: Value | None, *, subject: Subject = NUMBER, **other: Any) -> Fact:
    plain = Fact(
        signal=signal,
        subject=subject,
        value=value,
        raw=None,
        known=value,
        observed_at=START,
        changed_at=START,
        stale_at=later(15),
        source="poll",
    )
    return replace(plain, **other)


def change(before: str | None, after: str | None, *, at: datetime = START, signal: Signal[Any] = STATE_SET) -> Change:
    return Change(
        signal=signal,
        subject=NUMBER,
        before=before,
        after=after,
        raw=after,
        at=at,
        source="poll",
        known_before=before,
    )


def alert(rule: str = "quality", *, subject: Subject = NUMBER, **other: Any) -> Alert:
    plain = Alert(
        key=alert_key(rule, subject),
        rule=rule,
        subject=subject,
        state=AlertState.FIRING,
        severity=Severity.CRITICAL,
        since=START,
        last_observed_at=START,
        last_confirmed_at=START,
        episode=1,
        ordinal=1,
        opened_at=START,
        what="Quality rating RED",
        evidence=(("quality_rating", "GREEN -> RED"),),
    )
    return replace(plain, **other)


def transition(
    kind: TransitionKind = TransitionKind.OPEN, ordinal: int = 1, *, rule: str = "quality", **other: Any
) -> Transition:
    plain = Transition(
        key=alert_key(rule, NUMBER),
        rule=rule,
        subject=NUMBER,
        episode=1,
        ordinal=ordinal,
        kind=kind,
        severity=Severity.CRITICAL,
        at=START,
        observed_at=START,
        opened_at=START,
        last_confirmed_at=START,
        returns=0,
        what="Quality rating RED",
        evidence=(("quality_rating", "GREEN -> RED"), ("seen", "twice")),
    )
    return replace(plain, **other)


def identity(of: Transition) -> TransitionId:
    return TransitionId(of.key, of.episode, of.ordinal)


def pending(of: Transition, *, is_urgent: bool = False) -> Pending:
    return Pending(id=identity(of), kind=of.kind, severity=of.severity, is_urgent=is_urgent)


def group(group_id: int = 1, **other: Any) -> Group:
    plain = Group(
        id=group_id, key=GroupKey("quality", "", "100"), opened_at=START, members=(alert_key("quality", NUMBER),)
    )
    return replace(plain, **other)


def standing(rule: str = "quality", **other: Any) -> Standing:
    plain = Standing(
        key=alert_key(rule, NUMBER),
        group_id=1,
        told=Severity.CRITICAL,
        told_to=frozenset({"slack"}),
        critical_since=START,
    )
    return replace(plain, **other)


def silence(silence_id: str = "s1", **other: Any) -> Silence:
    plain = Silence(
        id=silence_id,
        matchers=(Matcher.parse("waba_id=100"), Matcher.parse('alertname=~"WhatsApp.*"')),
        reason="we know",
        author="ann",
        starts_at=START,
        ends_at=later(60),
    )
    return replace(plain, **other)


def announcement(
    *about: Transition,
    group_id: int = 1,
    receiver: str = "slack",
    kind: AnnouncementKind = AnnouncementKind.NEWS,
    **other: Any,
) -> Announcement:
    """One about these transitions, made when the last of them happened; numbered after it unless told otherwise."""
    plain = Announcement(
        group_id=group_id,
        sequence=about[-1].ordinal if about else 1,
        receiver=receiver,
        kind=kind,
        at=about[-1].at if about else START,
        items=tuple(map(identity, about)),
    )
    return replace(plain, **other)


def changes(*transitions: Transition, **other: Any) -> Changes:
    return replace(Changes(moment=MOMENT, transitions=transitions), **other)


def owed(
    *transitions: Transition, of: Group | None = None, receivers: tuple[str, ...] = ("slack",), **other: Any
) -> Changes:
    """Transitions of one group, all of them news to each receiver in one announcement."""
    told = of or group()
    announcements = tuple(announcement(*transitions, group_id=told.id, receiver=receiver) for receiver in receivers)
    return changes(
        *(replace(each, group_id=told.id) for each in transitions),
        groups=() if told.id == NO_GROUP else (told,),
        announcements=announcements,
        **other,
    )
