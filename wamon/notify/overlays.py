"""What holds an alert back at present, and what it holds back itself, in words."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from wamon.core.alerting import CloseReason, TransitionKind
from wamon.core.desk import Mute
from wamon.core.state import State
from wamon.notify.details import is_unseen
from wamon.notify.members import Member, turns
from wamon.notify.words import counted, duration_words, moment_words

_GONE: Final = "no longer monitored: it is gone from Meta's answer or from the configuration, not known to be well"
LOST: Final = "an earlier message about this was deleted or cannot be edited any more"


def group_remarks(members: Sequence[Member], state: State, now: datetime) -> Iterator[str]:
    """What is special about a group as a whole; of a single alert everything."""
    keys = {member.now.key for member in members}
    hidden = [each for each in state.desk.standings.values() if each.muted is Mute.INHIBITED]
    if count := sum(standing.muted_by in keys for standing in hidden):
        yield f"hides {counted(count, 'alert')}"
    if len(members) == 1:
        (member,) = members
        yield from overlay_words(member, state, now)
        if member.is_over and member.now.close_reason is CloseReason.REMOVED:
            yield _GONE
        if member.is_over and member.now.note:
            yield f"closed by {member.now.actor or 'an operator'}: {member.now.note}"
    if any(member.now.is_rehearsal for member in members):
        yield f"rehearsal: nothing is wrong{_asked_for(members)}"


def overlay_words(member: Member, state: State, now: datetime) -> Iterator[str]:
    """What holds back messages about one alert that is not over."""
    if member.is_over:
        return
    if member.is_stale or (not member.now.is_rehearsal and is_unseen(member.now.subject, state.snapshot)):
        yield f"cannot see it at present: last confirmed {moment_words(member.now.last_confirmed_at, now)}"
    standing = member.standing
    if standing is None:
        return
    if standing.is_flapping:
        yield flapping_words(*turns(member.transitions, member.now.key, now))
    if standing.acknowledged is not None:
        yield f"acknowledged by {standing.acknowledged.by} at {moment_words(standing.acknowledged.at, now)}"
    if standing.muted is Mute.SILENCED and (words := silence_words(standing.muted_by, state, now)):
        yield words
    if standing.muted is Mute.INHIBITED:
        source = state.alerts.get(standing.muted_by)
        yield f"not told by itself while its cause is open{f': {source.what}' if source else ''}"


def silence_words(silence_id: str, state: State, now: datetime) -> str | None:
    """Who silences until when and why; None when that is over."""
    silence = state.desk.silences.get(silence_id)
    if silence is None:
        return None
    return f"silenced by {silence.author} until {moment_words(silence.ends_at, now)} ({silence.reason})"


def flapping_words(changes: int, within: timedelta) -> str:
    """The group may know too little of the past to count."""
    how_often = f", {changes} changes in {duration_words(within)}" if changes > 1 else ""
    return f"flapping{how_often}: held as firing until it calms"


def _asked_for(members: Sequence[Member]) -> str:
    people = {each.actor for m in members for each in m.transitions if each.kind is TransitionKind.OPEN and each.actor}
    return f", asked for by {' and '.join(sorted(people))}" if people else ", somebody tries out this way"
