"""The alerts of a group as they are now: what their time lines say, brought up to date by the state."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from wamon.core.alerting import Alert, AlertState, CloseReason, Severity, Transition, TransitionKind
from wamon.core.desk import Standing
from wamon.core.state import State

_NEWS = frozenset({TransitionKind.OPEN, TransitionKind.RAISE, TransitionKind.CLOSE, TransitionKind.TAKEN_OVER})
# What turns an alert's condition over: to bad, to good, and back.
_TURNS = frozenset({TransitionKind.OPEN, TransitionKind.RECOVERING, TransitionKind.RETURNED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One alert of a group.

    `now` is its last news with what has become of it since; `is_over` counts what people are to believe, so that an
    alert which flaps is not over. `standing` is None for one that is forgotten.
    """

    now: Transition
    transitions: tuple[Transition, ...]
    is_over: bool
    is_stale: bool
    is_recovering: bool
    standing: Standing | None

    @property
    def severity(self) -> Severity:
        return self.now.severity

    @property
    def is_resolved(self) -> bool:
        return is_resolved(self.now)

    @property
    def is_acknowledged(self) -> bool:
        return self.standing is not None and self.standing.acknowledged is not None


def members_of(transitions: Iterable[Transition], state: State) -> tuple[Member, ...]:
    """The alerts that these transitions tell of: what is open first, then the worst, then the oldest."""
    by_key: dict[str, list[Transition]] = {}
    for transition in transitions:
        by_key.setdefault(transition.key, []).append(transition)
    members = [_member(each, state) for each in by_key.values() if any(t.kind in _NEWS for t in each)]
    return tuple(sorted(members, key=lambda member: (member.is_over, -member.severity, member.now.opened_at)))


def _member(transitions: list[Transition], state: State) -> Member:
    last = transitions[-1]
    alert, standing = state.alerts.get(last.key), state.desk.standings.get(last.key)
    latest = next(each for each in reversed(transitions) if each.kind in _NEWS)
    is_held = latest.kind is TransitionKind.CLOSE and standing is not None and standing.is_flapping
    if is_held:
        latest = next((each for each in reversed(transitions) if each.kind in _NEWS - {TransitionKind.CLOSE}), latest)
    is_live = alert is not None and alert.is_open and alert.episode == latest.episode
    return Member(
        now=_up_to_date(latest, alert) if is_live and alert is not None else latest,
        transitions=tuple(transitions),
        is_over=latest.kind is TransitionKind.CLOSE,
        is_stale=is_live and alert is not None and alert.is_stale,
        is_recovering=is_live and alert is not None and alert.state is AlertState.RECOVERING,
        standing=standing,
    )


def _up_to_date(transition: Transition, alert: Alert) -> Transition:
    return replace(
        transition,
        severity=alert.severity,
        what=alert.what,
        evidence=alert.evidence,
        last_confirmed_at=alert.last_confirmed_at,
        returns=alert.returns,
    )


def is_resolved(transition: Transition) -> bool:
    return transition.kind is TransitionKind.CLOSE and transition.close_reason is CloseReason.RESOLVED


def began_at(members: Iterable[Member]) -> datetime:
    """When the first of these opened, in whatever episode."""
    return min(each.opened_at for member in members for each in member.transitions)


def ended_at(members: Iterable[Member]) -> datetime:
    """When the last of these, all over, ended."""
    return max(member.now.at for member in members)


def raised_from(transition: Transition, transitions: Iterable[Transition]) -> Severity | None:
    """How severe the alert was before; None for what is no rise above that, or has no past here."""
    before = [
        each
        for each in transitions
        if (each.key, each.episode) == (transition.key, transition.episode) and each.ordinal < transition.ordinal
    ]
    severity = max(before, key=lambda each: each.ordinal).severity if before else transition.severity
    return severity if severity < transition.severity else None


def turns(transitions: Iterable[Transition], key: str, until: datetime) -> tuple[int, timedelta]:
    """How often an alert's condition turned over by then, and in how long."""
    ats = [each.at for each in transitions if each.key == key and each.kind in _TURNS and each.at <= until]
    return len(ats), (until - min(ats) if ats else timedelta(0))


def last_of_each(transitions: Sequence[Transition]) -> tuple[Transition, ...]:
    """The last of these about each alert."""
    return tuple({each.key: each for each in transitions}.values())
