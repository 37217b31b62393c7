"""How something fared over time, told from the changes that were remembered."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from wamon.core.health import Change, Signal, Snapshot, Subject, Value
from wamon.core.vocabulary import HEALTH_STATE, OTHER, PHONE_NUMBER_STATUS, QUALITY_RATING, Vocabulary
from wamon.picture.scene import MOOD_OF_GRADE, WORST_FIRST
from wamon.picture.values import Lane, Mood, Segment
from wamon.probes import account


class Followed(NamedTuple):
    """A signal whose life people look at."""

    name: str
    signal: Signal[Any]
    vocabulary: Vocabulary


FOLLOWED: Final = (
    Followed("Quality rating", account.QUALITY_RATING, QUALITY_RATING),
    Followed("Status", account.PHONE_STATUS, PHONE_NUMBER_STATUS),
    Followed("Can send", account.NUMBER_CAN_SEND, HEALTH_STATE),
)


def lanes(
    snapshot: Snapshot, subject: Subject, changes: Iterable[Change], *, since: datetime, until: datetime
) -> tuple[Lane, ...]:
    """One lane for each that is FOLLOWED. `changes` are those of the subject since then, in any order."""
    own: dict[str, list[Change]] = {}
    for change in changes:
        own.setdefault(change.signal.name, []).append(change)
    return tuple(
        Lane(
            name=each.name,
            segments=_segments(snapshot, subject, each, own.get(each.signal.name, ()), since=since, until=until),
        )
        for each in FOLLOWED
    )


def strip(whole: Sequence[Lane], *, name: str = "All of it") -> Lane:
    """The worst of these lanes at each moment, in one; they must begin and end together."""
    bounds = sorted({segment.since for lane in whole for segment in lane.segments})
    ends = [lane.segments[-1].until for lane in whole if lane.segments]
    if not ends:
        return Lane(name=name, segments=())
    merged: list[Segment] = []
    for since, until in zip(bounds, [*bounds[1:], max(ends)], strict=True):
        there = [
            (lane.name, segment)
            for lane in whole
            for segment in lane.segments
            if segment.since <= since < segment.until
        ]
        worst_lane, worst = min(there, key=lambda each: _rank(each[1]))
        text = None if worst.text is None else worst.text if worst.mood is Mood.GOOD else f"{worst_lane} {worst.text}"
        merged.append(Segment(since=since, until=until, text=text, mood=worst.mood))
    return Lane(name=name, segments=_joined(merged))


def _rank(segment: Segment) -> int:
    # An unknown rating is no gap where status and sending are known: it only stands where all else is unknown too.
    return len(WORST_FIRST) if segment.mood is Mood.UNKNOWN else WORST_FIRST[segment.mood]


def _segments(
    snapshot: Snapshot,
    subject: Subject,
    followed: Followed,
    changes: Sequence[Change],
    *,
    since: datetime,
    until: datetime,
) -> tuple[Segment, ...]:
    """Told backwards from what is so now; before the first change that is remembered it was what that one replaced."""
    fact = snapshot.fact(subject, followed.signal)
    value: Value | None = fact.current if fact else None
    # Meta's own word, where that is kept: of what is so now, and of each change that is remembered.
    raw = fact.raw if fact else None
    found: list[Segment] = []
    end = until
    for change in sorted(changes, key=lambda each: each.at, reverse=True):
        if value is not None and change.after != value:
            # It arrived late: what follows grew out of something else. The history tells it, the picture does not.
            continue
        start = min(max(change.at, since), end)
        if start < end:
            found.append(_segment(followed, value, change.raw, start, end))
        value, raw, end = change.before, None, start
    if since < end:
        found.append(_segment(followed, value, raw, since, end))
    return _joined(found[::-1])


def _segment(followed: Followed, value: Value | None, raw: str | None, since: datetime, until: datetime) -> Segment:
    text = None if value is None else raw if value == OTHER and raw else str(value)
    mood = Mood.UNKNOWN if text is None else MOOD_OF_GRADE[followed.vocabulary.grade(text)]
    return Segment(since=since, until=until, text=text, mood=mood)


def _joined(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    joined: list[Segment] = []
    for each in segments:
        if joined and (joined[-1].text, joined[-1].mood) == (each.text, each.mood):
            joined[-1] = replace(joined[-1], until=each.until)
        else:
            joined.append(each)
    return tuple(joined)
