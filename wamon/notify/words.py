"""The small words of messages: moments, durations, and what a transition is called."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from wamon.core.alerting import CloseReason, Transition, TransitionKind
from wamon.rules.words import span

_KINDS: Final = {
    TransitionKind.STALE: "cannot see it at present",
    TransitionKind.CONFIRMED: "seen again, still so",
    TransitionKind.RECOVERING: "seems to recover",
    TransitionKind.RETURNED: "came back",
    TransitionKind.FLAPPING: "flapping: held as firing until it calms",
    TransitionKind.CALMED: "no longer flapping",
    TransitionKind.TAKEN_OVER: "told by wamon from now on",
}


def moment_words(at: datetime, now: datetime) -> str:
    """`10:02 UTC`, with the date when that is not today's."""
    utc = at.astimezone(UTC)
    return f"{utc:%H:%M} UTC" if utc.date() == now.astimezone(UTC).date() else f"{utc:%Y-%m-%d %H:%M} UTC"


def duration_words(duration: timedelta) -> str:
    """`2 h 10 min`, `3 d 4 h`, `40 s`: whole minutes from an hour on, whole hours from a day on; never below zero."""
    if duration >= timedelta(days=1):
        grain = timedelta(hours=1)
    else:
        grain = timedelta(minutes=1) if duration >= timedelta(hours=1) else timedelta(seconds=1)
    return span(max(duration - duration % grain, timedelta(0)))


def counted(number: int, noun: str) -> str:
    """`1 alert`, `3 alerts`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def fixed_word(transition: Transition) -> str:
    """The word to search and filter by (ALERTING section 10)."""
    if transition.kind is not TransitionKind.CLOSE:
        word = transition.severity.name
    else:
        word = ending_word([transition], lasted=transition.at - transition.opened_at)
    return f"rehearsal  {word}" if transition.is_rehearsal else word


def ending_word(closes: Iterable[Transition], *, lasted: timedelta) -> str:
    """How all of these ended: only what was seen to be well again is resolved."""
    ends = list(closes)
    after = f"after {duration_words(lasted)}"
    reasons = {each.close_reason for each in ends}
    if reasons == {CloseReason.RESOLVED}:
        return f"RESOLVED {after}"
    if reasons == {CloseReason.REMOVED}:
        return f"no longer monitored {after}"
    if CloseReason.RESOLVED not in reasons and CloseReason.REMOVED not in reasons:
        actors = {each.actor for each in ends if each.actor}
        return f"CLOSED by {' and '.join(sorted(actors)) or 'an operator'} {after}"
    return f"OVER {after}"


def happened(transition: Transition) -> str:
    """One line of a time line, without whom it is about."""
    whose = f" by {transition.actor}" if transition.actor else ""
    why = f": {transition.note}" if transition.note else ""
    match transition.kind:
        case TransitionKind.OPEN | TransitionKind.CLOSE:
            return f"{fixed_word(transition)}  {transition.what}{why}"
        case TransitionKind.RAISE:
            return f"raised to {transition.severity.name}  {transition.what}"
        case TransitionKind.LOWER:
            return f"lowered to {transition.severity.name}  {transition.what}"
        case TransitionKind.INHIBITED:
            return f"not told while its cause is open{why}"
        case TransitionKind.UNINHIBITED:
            return f"its cause is over{why}"
        case TransitionKind.SILENCED:
            return f"silenced{whose}{why}"
        case TransitionKind.UNSILENCED:
            return f"the silence{whose} ended"
        case TransitionKind.ACKNOWLEDGED:
            return f"acknowledged{whose}"
        case TransitionKind.UNACKNOWLEDGED:
            return f"no longer acknowledged{why}"
        case TransitionKind.ESCALATED:
            return f"escalated to {transition.note}" if transition.note else "escalated"
        case kind:
            return _KINDS.get(kind, str(kind))
