"""What the tests of notify/ start from: a transition, what is owed about it, the names around it, a rule."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from tests.fakes import START
from wamon.core.alerting import (
    Alert,
    AlertState,
    CloseReason,
    Severity,
    Timing,
    Transition,
    TransitionKind,
    alert_key,
)
from wamon.core.desk import NO_GROUP, AnnouncementKind, Desk, Group, GroupKey, Standing
from wamon.core.health import Sighting, Snapshot, Subject, SubjectKind
from wamon.core.outgoing import Batch, Notification, Receipt, Story, Thread
from wamon.core.ports import Owner, Rule, clear
from wamon.core.silences import Matcher, Silence
from wamon.core.state import State
from wamon.probes.account import PHONE_NUMBER_INFO, QUALITY_RATING, WABA_INFO

WABA_ID = "102290129340398"
NUMBER_ID = "106540352242922"
NUMBER = Subject.phone_number(WABA_ID, NUMBER_ID)
GROUP_ID = 1

QUALITY = Rule(
    name="QualityRating",
    kind=SubjectKind.PHONE_NUMBER,
    check=lambda view, params, now: clear(now),
    alertnames={Severity.WARNING: "QualityYellow", Severity.CRITICAL: "QualityRed"},
    timing=Timing(),
    params=None,
    meaning="Recipients dislike what this number sends.",
    cause="Often one campaign.",
    owner=Owner.MARKETING,
    steps=("Stop campaigns.", "Find what changed."),
)


def at(hour: int, minute: int = 0, *, day: int = 22) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def transition(
    kind: TransitionKind = TransitionKind.OPEN,
    severity: Severity = Severity.CRITICAL,
    *,
    subject: Subject = NUMBER,
    when: datetime = START,
    opened_at: datetime | None = None,
    last_confirmed_at: datetime | None = None,
    returns: int = 0,
    what: str = "Quality rating RED",
    evidence: tuple[tuple[str, str], ...] = (("Quality rating", "RED since 09:58"),),
    close_reason: CloseReason | None = None,
    rule: str = QUALITY.name,
    episode: int = 1,
    ordinal: int = 1,
    actor: str = "",
    note: str = "",
    is_rehearsal: bool = False,
) -> Transition:
    return Transition(
        key=alert_key(rule, subject, is_rehearsal=is_rehearsal),
        rule=rule,
        subject=subject,
        episode=episode,
        ordinal=ordinal,
        kind=kind,
        severity=severity,
        at=when,
        observed_at=when,
        opened_at=opened_at or when,
        last_confirmed_at=last_confirmed_at or when,
        returns=returns,
        what=what,
        evidence=evidence,
        close_reason=close_reason,
        actor=actor,
        note=note,
        is_rehearsal=is_rehearsal,
    )


def told(
    *transitions: Transition,
    kind: AnnouncementKind = AnnouncementKind.NEWS,
    when: datetime | None = None,
    mentions: bool = False,
    note: str = "",
    number: int = 1,
) -> Notification:
    """A notification about group 1, made when the last of these happened unless told otherwise."""
    made_at = when or max((each.at for each in transitions), default=START)
    return Notification(
        id=number,
        receiver="slack_bot",
        group_id=GROUP_ID if transitions else NO_GROUP,
        kind=kind,
        transitions=transitions,
        created_at=made_at,
        due_at=made_at,
        mentions=mentions,
        note=note,
    )


def batch(*notifications: Notification, lost: bool = False) -> Batch:
    group_id = notifications[0].group_id
    lost_receipt = Receipt(channel="C1", message_id="1") if lost else None
    thread = Thread(receiver="slack_bot", group_id=group_id, lost_receipt=lost_receipt)
    return Batch(receiver="slack_bot", group_id=group_id, notifications=notifications, thread=thread)


def story(*transitions: Transition, family: str = "quality", waba_id: str = WABA_ID, is_storm: bool = False) -> Story:
    """What happened to group 1, in this order."""
    opened_at = transitions[0].at if transitions else START
    group = Group(id=GROUP_ID, key=GroupKey(family, "", waba_id), opened_at=opened_at, is_storm=is_storm)
    return Story(group=group, transitions=transitions)


def open_alert(of: Transition, *, is_stale: bool = False, state: AlertState = AlertState.FIRING) -> Alert:
    """The alert that a transition is about, while it is open."""
    return Alert(
        key=of.key,
        rule=of.rule,
        subject=of.subject,
        state=state,
        severity=of.severity,
        since=of.opened_at,
        last_observed_at=of.observed_at,
        last_confirmed_at=of.last_confirmed_at,
        episode=of.episode,
        ordinal=of.ordinal,
        is_stale=is_stale,
        opened_at=of.opened_at,
        returns=of.returns,
        what=of.what,
        evidence=of.evidence,
        is_rehearsal=of.is_rehearsal,
    )


def state_of(
    *transitions: Transition,
    standings: Iterable[Standing] = (),
    silences: Iterable[Silence] = (),
    alerts: Iterable[Alert] = (),
    picture: Snapshot | None = None,
) -> State:
    """The state after these: what is not closed is open. `alerts` replace those that the transitions make."""
    last = {each.key: each for each in transitions}
    known = {key: open_alert(each) for key, each in last.items() if each.kind is not TransitionKind.CLOSE}
    known |= {alert.key: alert for alert in alerts}
    by_key = {key: Standing(key=key, group_id=GROUP_ID) for key in last}
    by_key |= {standing.key: standing for standing in standings}
    desk = Desk(standings=by_key, silences={silence.id: silence for silence in silences})
    return State(snapshot=snapshot() if picture is None else picture, alerts=known, desk=desk)


def silence(*, author: str = "anna", reason: str = "campaign", until: datetime | None = None) -> Silence:
    return Silence(
        id="s1",
        matchers=(Matcher.parse(f"waba_id={WABA_ID}"),),
        reason=reason,
        author=author,
        starts_at=START,
        ends_at=until or START + timedelta(hours=4),
    )


def snapshot(*, observed_at: datetime = START, verified_name: str = "Jasper's Market") -> Snapshot:
    """The names of the one number and its WABA, and the number's rating."""
    names = {"display_phone_number": "+1 555 078 3881", "verified_name": verified_name}
    sighting = Sighting(
        readings=(
            PHONE_NUMBER_INFO.reading(NUMBER, names),
            QUALITY_RATING.reading(NUMBER, "RED"),
            WABA_INFO.reading(Subject.waba(WABA_ID), {"name": "Jasper's Market Inc", "currency": "USD"}),
        ),
        observed_at=observed_at,
        interval=timedelta(minutes=1),
        source="poll",
    )
    return Snapshot().fold(sighting)[0]


def number(index: int) -> Subject:
    """One of many phone numbers."""
    return Subject.phone_number(WABA_ID, str(1000 + index))
