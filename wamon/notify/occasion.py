"""Why a message comes now, in words: what it reminds of, that it is late, what held it back until now."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from wamon.core.alerting import Transition, TransitionKind
from wamon.core.desk import AnnouncementKind
from wamon.core.health import Snapshot
from wamon.core.outgoing import Batch, Notification, Story
from wamon.core.state import State
from wamon.notify.members import Member, is_resolved
from wamon.notify.overlays import silence_words
from wamon.notify.words import duration_words, moment_words
from wamon.probes.names import describe

# From then on a message says that it is late.
LATE_AFTER: Final = timedelta(minutes=5)

# What a reminder begins with, so that it is not taken for news; the first that fits.
_LEADS: Final[Mapping[AnnouncementKind, str]] = MappingProxyType({
    AnnouncementKind.ESCALATION: "not acknowledged",
    AnnouncementKind.ACK_EXPIRED: "acknowledgement expired",
    AnnouncementKind.CARRIED: "carried over",
    AnnouncementKind.REPEAT: "still firing",
    AnnouncementKind.SILENCED: "silenced",
})  # fmt: skip

_OPENINGS: Final = frozenset({TransitionKind.OPEN, TransitionKind.RAISE, TransitionKind.TAKEN_OVER})


def news_of(batch: Batch) -> tuple[Transition, ...]:
    """The transitions that the receiver does not know, in the order in which they happened."""
    news = [
        transition
        for notification in batch.notifications
        if notification.kind is AnnouncementKind.NEWS
        for transition in notification.transitions
    ]
    return tuple(sorted(dict.fromkeys(news), key=lambda each: each.at))


def calls(batch: Batch, reminded: Iterable[Member]) -> bool:
    """Whether people are to be called: nobody is when it is over, or somebody has acknowledged meanwhile."""
    keys = {
        each.key for notification in batch.notifications if notification.mentions for each in notification.transitions
    }
    return any(member.now.key in keys and _is_unanswered(member) for member in reminded)


def lead_of(batch: Batch, reminded: Sequence[Member], now: datetime) -> str:
    """What a reminder begins with; empty where there is nothing left to remind of."""
    live = [member for member in reminded if not member.is_over]
    kinds = {notification.kind for notification in batch.notifications}
    if not any(map(_is_unanswered, live)):
        kinds -= {AnnouncementKind.ESCALATION}
    kind = next((each for each in _LEADS if each in kinds), None)
    if not live or kind is None:
        return ""
    if kind is AnnouncementKind.REPEAT:
        return f"still firing after {duration_words(now - min(member.now.opened_at for member in live))}: "
    return f"{_LEADS[kind]}: "


def occasion_remarks(
    batch: Batch, reminded: Sequence[Member], story: Story, state: State, now: datetime
) -> Iterator[str]:
    """What a batch adds to what is so."""
    for notification in batch.notifications:
        keys = {each.key for each in notification.transitions}
        live = [member for member in reminded if member.now.key in keys and not member.is_over]
        yield from _about(notification, live, story, state, now)
    is_late = now - _oldest(batch) > LATE_AFTER
    yield from _unseen_lives(news_of(batch), state.snapshot, now, is_late=is_late)
    yield from lateness(batch, now)
    yield from _held_back(batch, story, now)


def lateness(batch: Batch, now: datetime) -> Iterator[str]:
    late = now - _oldest(batch)
    if late > LATE_AFTER:
        yield f"Slack was unreachable or wamon was stopped: this message is {duration_words(late)} late"


def _oldest(batch: Batch) -> datetime:
    return min(notification.created_at for notification in batch.notifications)


def _is_unanswered(member: Member) -> bool:
    return not member.is_over and not member.is_acknowledged


def _about(
    notification: Notification, live: Sequence[Member], story: Story, state: State, now: datetime
) -> Iterator[str]:
    match notification.kind:
        case AnnouncementKind.ESCALATION:
            told = [
                (member.standing.critical_since if member.standing else None) or member.now.opened_at
                for member in live
                if _is_unanswered(member)
            ]
            if told:
                yield f"nobody has acknowledged for {duration_words(now - min(told))}"
        case AnnouncementKind.SILENCED:
            yield silence_words(notification.note, state, now) or _ended_silence(notification, story)
        case AnnouncementKind.ACK_EXPIRED if live:
            keys = {member.now.key for member in live}
            people = {
                each.actor
                for each in story.transitions
                if each.key in keys and each.kind is TransitionKind.ACKNOWLEDGED and each.actor
            }
            whose = f" of {' and '.join(sorted(people))}" if people else ""
            yield f"the acknowledgement{whose} has expired: is somebody still working on it?"
        case AnnouncementKind.CARRIED if live:
            yield (
                f"wamon was stopped {_stop(notification, now)}; "
                f"{'this alert was open and is' if len(live) == 1 else 'these alerts were open and are'} "
                "being looked at again"
            )
        case _:
            return


def _stop(notification: Notification, now: datetime) -> str:
    until = moment_words(notification.created_at, now)
    try:
        return f"from {moment_words(datetime.fromisoformat(notification.note), now)} to {until}"
    except ValueError:
        return f"until {until}"


def _ended_silence(notification: Notification, story: Story) -> str:
    keys = {each.key for each in notification.transitions}
    began = [each for each in story.transitions if each.key in keys and each.kind is TransitionKind.SILENCED]
    return f"silenced by {began[-1].actor} ({began[-1].note}); that has ended" if began else "silenced for a while"


def _unseen_lives(news: Sequence[Transition], snapshot: Snapshot, now: datetime, *, is_late: bool) -> Iterator[str]:
    """What opened and closed while nobody was told."""
    opened = {(each.key, each.episode) for each in news if each.kind is TransitionKind.OPEN}
    for each in news:
        if each.kind is TransitionKind.CLOSE and (each.key, each.episode) in opened:
            fired, ended = moment_words(each.opened_at, now), moment_words(each.at, now)
            why = ", Slack was unreachable" if is_late else ""
            how = "resolved" if is_resolved(each) else "closed"
            yield f"fired {fired}, {how} {ended}{why}: {each.what}  {describe(each.subject, snapshot)}"


def _held_back(batch: Batch, story: Story, now: datetime) -> Iterator[str]:
    """Why old news comes only now: what held it back has ended."""
    over = {(each.key, each.episode) for each in news_of(batch) if each.kind is TransitionKind.CLOSE}
    for notification in batch.notifications:
        if notification.kind is not AnnouncementKind.NEWS:
            continue
        for news in notification.transitions:
            if news.kind not in _OPENINGS or (news.key, news.episode) in over:
                continue
            ends = [
                each
                for each in story.transitions
                if each.key == news.key
                and each.kind in (TransitionKind.UNSILENCED, TransitionKind.UNINHIBITED)
                and news.at <= each.at <= notification.created_at
            ]
            if ends:
                ago = duration_words(now - ends[-1].at)
                if ends[-1].kind is TransitionKind.UNSILENCED:
                    yield f"a silence by {ends[-1].actor or 'an operator'} ended {ago} ago"
                else:
                    yield f"its cause{f' ({ends[-1].note})' if ends[-1].note else ''} was over {ago} ago"
            elif notification.created_at - news.at > LATE_AFTER:
                yield f"not told here before: it has been open for {duration_words(now - news.opened_at)}"
