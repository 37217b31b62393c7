"""The timeline: every marker, every change of a reading and every step of an alert, newest first.

Markers are set here too. They change nothing that is judged or told, so they go to the store without the engine.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from hashlib import sha256
from random import Random
from typing import Final, Protocol
from urllib.parse import urlsplit

from wamon.core.alerting import Severity
from wamon.core.errors import StoreError
from wamon.core.health import Signal, SubjectKind, Value
from wamon.core.markers import (
    LONGEST_LINK,
    LONGEST_TAG,
    LONGEST_TEXT,
    LONGEST_TITLE,
    MOST_TAGS,
    Marker,
    MarkerKind,
)
from wamon.core.past import Page, PastKind, Position, Wanted
from wamon.core.ports import Rule
from wamon.core.state import State
from wamon.core.timing import Clock
from wamon.operating.entries import Entry, Teller
from wamon.operating.finding import NotStoredError, OperatingError, one_line
from wamon.probes.account import PHONE_NUMBER_INFO

__all__ = ["Asked", "Entry", "History", "Marked", "Marker", "MarkerKind", "PastKind", "Severity", "Timeline"]

MOST_ENTRIES: Final = 500
# A CI run that goes in circles shall not fill the disk.
MOST_MARKERS_A_DAY: Final = 1000
LONGEST_AGO: Final = timedelta(days=30)
# How far ahead of ours the clock of a CI machine may be.
CLOCK_DIFFERENCE: Final = timedelta(minutes=5)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_CURSOR: Final = re.compile(r"([0-9]{1,19})-([0-2])-([0-9]{1,18})")
_LABEL: Final = re.compile(r"([a-z_]+)=(.+)", re.DOTALL)
_NUMBER: Final = re.compile(r"\+?[0-9][0-9 ().-]*")
_NOT_DIGITS: Final = re.compile(r"[^0-9]")


class Memory(Protocol):
    """What is asked of the store."""

    async def past(self, signals: Mapping[str, Signal[Value]], wanted: Wanted) -> Page: ...

    async def add_marker(self, marker: Marker) -> Marker | None: ...

    async def count_markers(self, since: datetime, until: datetime) -> int: ...

    async def last_markers(self) -> Mapping[MarkerKind, datetime]: ...


class Observer(Protocol):
    """Who is told when the latest marker of a kind was."""

    def marked(self, kind: MarkerKind, at: datetime) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What of the timeline is wanted.

    `subject` is empty or names it: `label=value`, an id (of a WABA: with all that belongs to it), or a phone number of
    ours as people write it. Markers are about everything, so they stay. `kinds` empty: all. `cursor` is that of the
    page before, with everything else unchanged.
    """

    since: datetime | None = None
    until: datetime | None = None
    subject: str = ""
    kinds: tuple[PastKind, ...] = ()
    limit: int = 100
    cursor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A page of it, newest first. `next_cursor` asks for what is older; empty where there is nothing older.

    A page that is not full need not be the last.
    """

    entries: tuple[Entry, ...]
    next_cursor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """What setting a marker came to. With `is_repeated` the same id was there before, and its marker stays as it is."""

    text: str
    marker: Marker
    is_repeated: bool = False


class History:
    """What has happened, read from the store and told with the names that are known now."""

    def __init__(
        self,
        *,
        store: Memory,
        state: Callable[[], State],
        signals: Mapping[str, Signal[Value]],
        rules: Iterable[Rule],
        clock: Clock,
        random: Random,
        observer: Observer,
    ) -> None:
        self._store = store
        self._state = state
        self._signals = signals
        self._rules = {rule.name: rule for rule in rules}
        self._clock = clock
        self._random = random
        self._observer = observer
        self._latest: dict[MarkerKind, datetime] = {}
        # Two markers at the same time are counted one after the other.
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Tell the observer of the latest markers. Raises StoreError."""
        for kind, at in (await self._store.last_markers()).items():
            self._see(kind, at)

    def now(self) -> datetime:
        """The daemon's own time, by which markers and steps are stamped."""
        return self._clock.now()

    async def timeline(self, asked: Asked) -> Timeline:
        """One page. Raises OperatingError for what cannot be asked, NotStoredError when the store does not answer."""
        if not 1 <= asked.limit <= MOST_ENTRIES:
            raise OperatingError("limit is out of range", next_step=f"ask for 1 to {MOST_ENTRIES}")
        wanted = Wanted(
            since=asked.since,
            until=asked.until,
            about=self._about(asked.subject.strip()),
            kinds=asked.kinds or tuple(PastKind),
            before=_position(asked.cursor) if asked.cursor else None,
            limit=asked.limit,
        )
        try:
            page = await self._store.past(self._signals, wanted)
        except StoreError as error:
            raise _unstored(error) from error
        teller = Teller(self._state().snapshot, self._rules)
        return Timeline(
            entries=tuple(teller.entry(position, each) for position, each in page.happenings),
            next_cursor=_cursor(page.last) if page.last else "",
        )

    async def mark(
        self,
        title: str,
        *,
        author: str,
        kind: str = MarkerKind.DEPLOY,
        text: str = "",
        link: str = "",
        tags: Sequence[str] = (),
        at: datetime | None = None,
        marker_id: str | None = None,
    ) -> Marked:
        """Set a marker, once for each `marker_id`. Raises OperatingError, NotStoredError."""
        now = self._clock.now()
        marker = Marker(
            id=self._id(marker_id),
            at=_moment(at, now),
            kind=_kind(kind),
            title=_short(title, "title", LONGEST_TITLE),
            source=_short(author, "author", LONGEST_TITLE),
            text=_short(text, "text", LONGEST_TEXT) if text else "",
            link=_link(link) if link else "",
            tags=_tags(tags),
        )
        day = marker.at.replace(hour=0, minute=0, second=0, microsecond=0)
        try:
            async with self._turn:
                is_full = await self._store.count_markers(day, day + timedelta(days=1)) >= MOST_MARKERS_A_DAY
                if is_full:
                    raise OperatingError(
                        f"there are {MOST_MARKERS_A_DAY} markers of that day already",
                        next_step="find out what sets so many, and set fewer",
                    )
                earlier = await self._store.add_marker(marker)
        except StoreError as error:
            raise _unstored(error) from error
        if earlier is not None:
            return Marked(text="done already", marker=earlier, is_repeated=True)
        self._see(marker.kind, marker.at)
        return Marked(text=f"marked: {marker.kind} {marker.title}", marker=marker)

    def _see(self, kind: MarkerKind, at: datetime) -> None:
        # A marker may tell of the past, and the latest stays the latest.
        self._latest[kind] = max(self._latest.get(kind, at), at)
        self._observer.marked(kind, self._latest[kind])

    def _id(self, given: str | None) -> str:
        if given is None:
            return f"{self._random.getrandbits(64):016x}"
        return sha256(one_line(given, "id").encode()).hexdigest()[:16]

    def _about(self, subject: str) -> tuple[tuple[str, str], ...]:
        if not subject:
            return ()
        if label := _LABEL.fullmatch(subject):
            return ((label[1], label[2]),)
        if _NUMBER.fullmatch(subject):
            wanted = _NOT_DIGITS.sub("", subject)
            snapshot = self._state().snapshot
            for number in snapshot.subjects(SubjectKind.PHONE_NUMBER):
                shown = (snapshot.known(number, PHONE_NUMBER_INFO) or {}).get("display_phone_number", "")
                if _NOT_DIGITS.sub("", shown) == wanted:
                    return (("phone_number_id", number.label("phone_number_id") or ""),)
        return (("", subject),)


# --- what is given ----------------------------------------------------------------------------------------------------


def _short(text: str, name: str, longest: int) -> str:
    line = one_line(text, name)
    if len(line) > longest:
        raise OperatingError(f"the {name} is longer than {longest} characters", next_step="make it shorter")
    return line


def _kind(text: str) -> MarkerKind:
    wanted = text.strip().lower()
    if wanted in tuple(MarkerKind):
        return MarkerKind(wanted)
    near = get_close_matches(wanted, tuple(MarkerKind), n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise OperatingError(f"there is no kind {text!r}", next_step=f"{hint}there are {', '.join(MarkerKind)}")


def _moment(at: datetime | None, now: datetime) -> datetime:
    if at is None:
        return now
    if not now - LONGEST_AGO <= at <= now + CLOCK_DIFFERENCE:
        raise OperatingError(
            f"at is later than now, or more than {LONGEST_AGO.days} days ago", next_step="check it, or leave it out"
        )
    return min(at.astimezone(UTC), now)


def _link(link: str) -> str:
    try:
        parts = urlsplit(link)
        is_known = parts.scheme in ("http", "https") and bool(parts.hostname)
        has_credentials = parts.username is not None or parts.password is not None
    except ValueError:
        is_known, has_credentials = False, False
    if not is_known or len(link) > LONGEST_LINK or not (link.isascii() and link.isprintable() and " " not in link):
        raise OperatingError(
            "link is no web address", next_step=f"write it like https://ci.example.com/7, up to {LONGEST_LINK} letters"
        )
    if has_credentials:
        raise OperatingError("link holds a user name", next_step="leave it out: a link is shown to everybody")
    return link


def _tags(tags: Sequence[str]) -> tuple[str, ...]:
    if len(tags) > MOST_TAGS:
        raise OperatingError(f"there are more than {MOST_TAGS} tags", next_step="leave some out")
    return tuple(dict.fromkeys(_short(tag, "tag", LONGEST_TAG) for tag in tags))


# --- cursors ----------------------------------------------------------------------------------------------------------


def _cursor(position: Position) -> str:
    return f"{(position.at - _EPOCH) // _MICROSECOND}-{position.rank}-{position.row}"


def _position(cursor: str) -> Position:
    found = _CURSOR.fullmatch(cursor)
    try:
        if found is not None:
            return Position(_EPOCH + int(found[1]) * _MICROSECOND, int(found[2]), int(found[3]))
    except OverflowError:
        pass
    raise OperatingError("there is no such cursor", next_step="take next_cursor of the page before, as it is")


def _unstored(error: StoreError) -> NotStoredError:
    return NotStoredError(f"the store does not answer: {error}", next_step="try again; `/-/ready` tells what is wrong")
