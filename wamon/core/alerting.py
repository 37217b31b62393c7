"""The life of an alert, from the first bad observation to the closing one, as one pure function.

INACTIVE -> PENDING -> FIRING -> RECOVERING -> INACTIVE. Missing data is UNKNOWN, and UNKNOWN neither opens nor closes
anything: an open alert that cannot be confirmed goes stale and says so.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum

from wamon.core.health import Subject

ZERO = timedelta(0)


class Severity(IntEnum):
    """How bad; ordered, so that a rise can be seen."""

    INFO = 1
    WARNING = 2
    CRITICAL = 3

    def __str__(self) -> str:
        return self.name.lower()


class Truth(StrEnum):
    """What an observation says of a rule's condition."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


class AlertState(StrEnum):
    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"


class TransitionKind(StrEnum):
    """What happened to an alert, and to what people are told of it. Only OPEN, RAISE, CLOSE and TAKEN_OVER are news."""

    OPEN = "open"
    RAISE = "raise"
    LOWER = "lower"
    STALE = "stale"
    CONFIRMED = "confirmed"
    RECOVERING = "recovering"
    RETURNED = "returned"
    CLOSE = "close"
    # The overlays: they gate what is told, and leave the alert as it is.
    INHIBITED = "inhibited"
    UNINHIBITED = "uninhibited"
    SILENCED = "silenced"
    UNSILENCED = "unsilenced"
    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "unacknowledged"
    ESCALATED = "escalated"
    FLAPPING = "flapping"
    CALMED = "calmed"
    TAKEN_OVER = "taken_over"


ANNOUNCED = frozenset({TransitionKind.OPEN, TransitionKind.RAISE, TransitionKind.CLOSE})
# What happens to the alert itself; the rest happens to what people are told of it.
OWN_KINDS = (
    TransitionKind.OPEN,
    TransitionKind.RAISE,
    TransitionKind.LOWER,
    TransitionKind.STALE,
    TransitionKind.CONFIRMED,
    TransitionKind.RECOVERING,
    TransitionKind.RETURNED,
    TransitionKind.CLOSE,
)


class CloseReason(StrEnum):
    RESOLVED = "resolved"
    REMOVED = "removed"
    FORCED = "forced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a rule says of one subject: its condition's truth, seen at `observed_at`.

    `severity` counts only when TRUE. `what` is the headline without the subject, `evidence` the readings behind it.
    """

    truth: Truth
    observed_at: datetime
    severity: Severity = Severity.WARNING
    what: str = ""
    evidence: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How patient a rule is. `min_observations` counts distinct observations; one that is severe enough needs fewer."""

    for_: timedelta = ZERO
    min_observations: int = 2
    min_observations_critical: int | None = None
    keep_firing_for: timedelta = ZERO
    lower_after: timedelta = timedelta(minutes=30)
    pending_unknown_max: timedelta = timedelta(hours=1)

    def observations_needed(self, severity: Severity) -> int:
        if severity is Severity.CRITICAL and self.min_observations_critical is not None:
            return self.min_observations_critical
        return self.min_observations


# A single good answer between two bad ones is not recovery (ALERTING section 2).
OBSERVATIONS_TO_CLOSE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A rule's standing claim about one subject.

    `episode` counts openings, `ordinal` the transitions within the episode. `since` is the observation that started
    the present condition; `counted` and `credited` are the distinct observations and the time between them that speak
    for the next step: opening while PENDING, closing while RECOVERING. While FIRING, `counted` and `lower_credited` are
    those that speak for a lower severity. `last_confirmed_at` is the last TRUE, `last_observed_at` the last TRUE or
    FALSE. `returns` counts how often it came back from RECOVERING in this episode.
    """

    key: str
    rule: str
    subject: Subject
    state: AlertState
    severity: Severity
    since: datetime
    last_observed_at: datetime
    last_confirmed_at: datetime
    episode: int = 0
    ordinal: int = 0
    is_stale: bool = False
    opened_at: datetime | None = None
    counted: int = 1
    credited: timedelta = ZERO
    lower_credited: timedelta = ZERO
    unknown_since: datetime | None = None
    returns: int = 0
    what: str = ""
    evidence: tuple[tuple[str, str], ...] = ()
    is_rehearsal: bool = False

    @property
    def is_open(self) -> bool:
        return self.state in (AlertState.FIRING, AlertState.RECOVERING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One numbered row of an alert's life; (key, episode, ordinal) is unique for ever.

    `group_id` is the group whose message tells it, 0 for one that nobody is told. `actor` is the person behind it,
    empty for wamon itself; `note` is why, in words.
    """

    key: str
    rule: str
    subject: Subject
    episode: int
    ordinal: int
    kind: TransitionKind
    severity: Severity
    at: datetime
    observed_at: datetime
    opened_at: datetime
    last_confirmed_at: datetime
    returns: int
    what: str
    evidence: tuple[tuple[str, str], ...]
    close_reason: CloseReason | None = None
    group_id: int = 0
    actor: str = ""
    note: str = ""
    is_rehearsal: bool = False

    @property
    def is_announced(self) -> bool:
        return self.kind in ANNOUNCED


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """The alert after an observation (None: nothing to keep), and what happened on the way."""

    alert: Alert | None
    transitions: tuple[Transition, ...] = ()
    is_pending_dropped: bool = False


def alert_key(rule: str, subject: Subject, *, is_rehearsal: bool = False) -> str:
    """The identity of an alert: rule and subject, never severity, value or text, so that YELLOW to RED is one alert.

    A rehearsal has one of its own, so that it never touches the real alert.
    """
    text = "\x1f".join([rule, subject.kind, *(f"{name}\x1e{value}" for name, value in subject.labels)])
    if is_rehearsal:
        text = f"rehearsal\x1f{text}"
    return hashlib.sha256(text.encode()).hexdigest()


def advance(
    alert: Alert | None,
    verdict: Verdict,
    timing: Timing,
    *,
    rule: str,
    subject: Subject,
    now: datetime,
    max_gap: timedelta,
) -> Advance:
    """Move one alert by one verdict.

    The same observation seen twice (`observed_at` not later than the last) moves nothing: time counts only between
    observations, and a gap longer than `max_gap` (twice the interval; zero after a clock step) gives no credit.
    `alert` is None for an alert that never was; the answer's is None for one that leaves nothing to remember.
    """
    if alert is None or alert.state is AlertState.INACTIVE:
        return _from_inactive(alert, verdict, timing, rule=rule, subject=subject, now=now)
    if verdict.truth is Truth.UNKNOWN:
        return _unknown(alert, timing, now=now)
    if verdict.observed_at <= alert.last_observed_at:
        return Advance(alert=alert)
    gap = verdict.observed_at - alert.last_observed_at
    # UNKNOWN freezes every timer: a gap with one inside speaks for nothing, however short.
    credit = gap if gap <= max_gap and alert.unknown_since is None else ZERO
    seen, confirmed = _confirm(alert, verdict, now=now)
    match (alert.state, verdict.truth):
        case (AlertState.PENDING, Truth.TRUE):
            moved = _pending_true(seen, verdict, timing, credit=credit, now=now)
        case (AlertState.PENDING, _):
            moved = Advance(alert=_forget(seen))
        case (AlertState.FIRING, Truth.TRUE):
            moved = _firing_true(seen, verdict, timing, credit=credit, now=now)
        case (AlertState.FIRING, _):
            moved = _firing_false(seen, now=now)
        case (_, Truth.TRUE):
            moved = _returned(seen, verdict, timing, now=now)
        case _:
            moved = _recovering_false(seen, timing, credit=credit, now=now)
    return replace(moved, transitions=(*confirmed, *moved.transitions))


def close(alert: Alert, *, reason: CloseReason, now: datetime, actor: str = "", note: str = "") -> Advance:
    """End an alert from outside: its subject was removed, or an operator forced it. A pending one just ends."""
    if not alert.is_open:
        return Advance(alert=_forget(alert))
    closed, transition = _record(alert, TransitionKind.CLOSE, now=now, close_reason=reason, actor=actor, note=note)
    return Advance(alert=_forget(closed), transitions=(transition,))


def annotate(
    alert: Alert, kind: TransitionKind, *, now: datetime, actor: str = "", note: str = ""
) -> tuple[Alert, Transition]:
    """Write an overlay's transition into an alert's time line; its state stays as it is."""
    return _record(alert, kind, now=now, actor=actor, note=note)


def rehearse(
    alert: Alert | None, *, rule: str, subject: Subject, severity: Severity, what: str, actor: str, now: datetime
) -> Advance:
    """Open a rehearsal, at once; `alert` is the one of an earlier rehearsal, None for the first."""
    firing = Alert(
        key=alert_key(rule, subject, is_rehearsal=True),
        rule=rule,
        subject=subject,
        state=AlertState.FIRING,
        severity=severity,
        since=now,
        last_observed_at=now,
        last_confirmed_at=now,
        episode=(alert.episode if alert else 0) + 1,
        opened_at=now,
        counted=0,
        what=what,
        is_rehearsal=True,
    )
    opened, transition = _record(firing, TransitionKind.OPEN, now=now, actor=actor)
    return Advance(alert=opened, transitions=(transition,))


def clamp(alert: Alert, now: datetime) -> Alert:
    """The alert after the clock went back: nothing of it may lie later than `now`."""
    return replace(
        alert,
        since=min(alert.since, now),
        last_observed_at=min(alert.last_observed_at, now),
        last_confirmed_at=min(alert.last_confirmed_at, now),
        opened_at=min(alert.opened_at, now) if alert.opened_at else None,
        unknown_since=min(alert.unknown_since, now) if alert.unknown_since else None,
    )


# --- one function for each row of the table in ALERTING section 2 ----------------------------------------------------


def _from_inactive(
    alert: Alert | None, verdict: Verdict, timing: Timing, *, rule: str, subject: Subject, now: datetime
) -> Advance:
    if verdict.truth is not Truth.TRUE or (alert is not None and verdict.observed_at <= alert.last_observed_at):
        return Advance(alert=alert)
    pending = Alert(
        key=alert.key if alert else alert_key(rule, subject),
        rule=rule,
        subject=subject,
        state=AlertState.PENDING,
        severity=verdict.severity,
        since=verdict.observed_at,
        last_observed_at=verdict.observed_at,
        last_confirmed_at=verdict.observed_at,
        episode=alert.episode if alert else 0,
        what=verdict.what,
        evidence=verdict.evidence,
    )
    return _open_if_due(pending, timing, now=now)


def _pending_true(alert: Alert, verdict: Verdict, timing: Timing, *, credit: timedelta, now: datetime) -> Advance:
    pending = replace(
        alert,
        severity=verdict.severity,
        what=verdict.what,
        evidence=verdict.evidence,
        counted=alert.counted + 1,
        credited=alert.credited + credit,
    )
    return _open_if_due(pending, timing, now=now)


def _open_if_due(pending: Alert, timing: Timing, *, now: datetime) -> Advance:
    if pending.credited < timing.for_ or pending.counted < timing.observations_needed(pending.severity):
        return Advance(alert=pending)
    firing = replace(
        pending, state=AlertState.FIRING, episode=pending.episode + 1, opened_at=now, counted=0, credited=ZERO
    )
    opened, transition = _record(firing, TransitionKind.OPEN, now=now)
    return Advance(alert=opened, transitions=(transition,))


def _firing_true(alert: Alert, verdict: Verdict, timing: Timing, *, credit: timedelta, now: datetime) -> Advance:
    if verdict.severity < alert.severity:
        # The timer starts at the first lower observation: what was before it was seen at the higher severity.
        lower_credited = alert.lower_credited + credit if alert.counted else ZERO
        if lower_credited < timing.lower_after:
            return Advance(alert=replace(alert, counted=alert.counted + 1, lower_credited=lower_credited))
    told = replace(
        alert,
        severity=verdict.severity,
        what=verdict.what,
        evidence=verdict.evidence,
        counted=0,
        lower_credited=ZERO,
    )
    if verdict.severity == alert.severity:
        return Advance(alert=told)
    kind = TransitionKind.RAISE if verdict.severity > alert.severity else TransitionKind.LOWER
    moved, transition = _record(told, kind, now=now)
    return Advance(alert=moved, transitions=(transition,))


def _firing_false(alert: Alert, *, now: datetime) -> Advance:
    recovering = replace(alert, state=AlertState.RECOVERING, counted=1, credited=ZERO, lower_credited=ZERO)
    moved, transition = _record(recovering, TransitionKind.RECOVERING, now=now)
    return Advance(alert=moved, transitions=(transition,))


def _returned(alert: Alert, verdict: Verdict, timing: Timing, *, now: datetime) -> Advance:
    firing = replace(alert, state=AlertState.FIRING, counted=0, credited=ZERO, returns=alert.returns + 1)
    moved, transition = _record(firing, TransitionKind.RETURNED, now=now)
    after = _firing_true(moved, verdict, timing, credit=ZERO, now=now)
    return replace(after, transitions=(transition, *after.transitions))


def _recovering_false(alert: Alert, timing: Timing, *, credit: timedelta, now: datetime) -> Advance:
    recovering = replace(alert, counted=alert.counted + 1, credited=alert.credited + credit)
    if recovering.counted < OBSERVATIONS_TO_CLOSE or recovering.credited < timing.keep_firing_for:
        return Advance(alert=recovering)
    return close(recovering, reason=CloseReason.RESOLVED, now=now)


def _unknown(alert: Alert, timing: Timing, *, now: datetime) -> Advance:
    unknown_since = alert.unknown_since or now
    if alert.state is AlertState.PENDING:
        if now - unknown_since >= timing.pending_unknown_max:
            return Advance(alert=_forget(alert), is_pending_dropped=True)
        return Advance(alert=replace(alert, unknown_since=unknown_since))
    if alert.is_stale:
        return Advance(alert=alert)
    stale = replace(alert, is_stale=True, unknown_since=unknown_since)
    if alert.state is AlertState.RECOVERING:
        # Recovery must be seen, not assumed.
        stale = replace(stale, state=AlertState.FIRING, counted=0, credited=ZERO)
    moved, transition = _record(stale, TransitionKind.STALE, now=now)
    return Advance(alert=moved, transitions=(transition,))


# --- parts ------------------------------------------------------------------------------------------------------------


def _confirm(alert: Alert, verdict: Verdict, *, now: datetime) -> tuple[Alert, tuple[Transition, ...]]:
    """The alert after a real answer (TRUE or FALSE): no longer stale, its times moved."""
    seen = replace(
        alert,
        last_observed_at=verdict.observed_at,
        last_confirmed_at=verdict.observed_at if verdict.truth is Truth.TRUE else alert.last_confirmed_at,
        unknown_since=None,
        is_stale=False,
    )
    if not alert.is_stale:
        return seen, ()
    confirmed, transition = _record(seen, TransitionKind.CONFIRMED, now=now)
    return confirmed, (transition,)


def _forget(alert: Alert) -> Alert | None:
    """What stays of an alert that ended: only the count of its episodes and when it was last seen."""
    if alert.episode == 0:
        return None
    return replace(alert, state=AlertState.INACTIVE, is_stale=False, unknown_since=None, counted=0, credited=ZERO)


def _record(
    alert: Alert,
    kind: TransitionKind,
    *,
    now: datetime,
    close_reason: CloseReason | None = None,
    actor: str = "",
    note: str = "",
) -> tuple[Alert, Transition]:
    numbered = replace(alert, ordinal=alert.ordinal + 1)
    transition = Transition(
        key=numbered.key,
        rule=numbered.rule,
        subject=numbered.subject,
        episode=numbered.episode,
        ordinal=numbered.ordinal,
        kind=kind,
        severity=numbered.severity,
        at=now,
        observed_at=numbered.last_observed_at,
        opened_at=numbered.opened_at or now,
        last_confirmed_at=numbered.last_confirmed_at,
        returns=numbered.returns,
        what=numbered.what,
        evidence=numbered.evidence,
        close_reason=close_reason,
        actor=actor,
        note=note,
        is_rehearsal=numbered.is_rehearsal,
    )
    return numbered, transition
