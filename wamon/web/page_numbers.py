"""The pages of the numbers: the overview with its verdict, and each number's own page."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, Protocol

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from wamon.operating import OperatingError, Operations, UnknownError
from wamon.operating.history import Asked, Timeline
from wamon.picture.values import Lane, Mood, NumberPage, NumberRow, Overview, Query, Segment, Sort
from wamon.web.page_look import Look, moment, span

REACH: Final = timedelta(days=30)
WORST_ALERTS: Final = 5
# Of accounts, tokens and the like: the worst come first, and there may be hundreds.
MOST_ROWS: Final = 25
LATEST_CHANGES: Final = 20
# The strip's own width; a segment that would be narrower than can be seen is drawn this wide.
STRIP_WIDTH: Final = 720.0
LEAST_WIDTH: Final = 2.0
# What a list can be ordered by, in the words of the menu.
SORTS: Final[Mapping[Sort, str]] = MappingProxyType(
    {
        Sort.WORST: "worst first",
        Sort.NUMBER: "number",
        Sort.NAME: "name",
        Sort.ACCOUNT: "account",
        Sort.RATING: "rating",
        Sort.STATUS: "status",
        Sort.CAN_SEND: "can send",
        Sort.FAILURES: "failures",
        Sort.BOUNCES: "bounces",
        Sort.MESSAGES: "messages",
        Sort.CHECKED: "last checked",
    }
)
MOODS: Final[Mapping[Mood, str]] = MappingProxyType(
    {Mood.BAD: "bad", Mood.WATCH: "to watch", Mood.UNKNOWN: "not known", Mood.INFO: "with a note", Mood.GOOD: "good"}
)


class Pictures(Protocol):
    """What the pages show of the accounts, as it is at the moment of asking."""

    def overview(self, query: Query) -> Overview: ...

    def number(self, phone_number_id: str) -> NumberPage | None:
        """None where no such number is watched."""

    async def strips(self, rows: Sequence[NumberRow], *, since: datetime) -> Mapping[str, Lane]:
        """How each of these numbers fared since then, by its id; without those of which nothing can be told."""

    async def lanes(self, row: NumberRow, *, since: datetime) -> tuple[Lane, ...]:
        """What is known of one number's life since then, one lane for each thing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A segment as it is drawn: where it begins and how wide it is, of STRIP_WIDTH."""

    x: float
    width: float
    mood: Mood
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """A lane as it is drawn; `words` say the same to who cannot see it."""

    name: str
    stretches: tuple[Stretch, ...]
    words: str


def number_routes(
    pictures: Pictures,
    operations: Operations,
    look: Look,
    *,
    timeline: Callable[[Asked], Awaitable[Timeline]],
) -> list[Route]:
    """The routes."""

    async def overview(request: Request) -> Response:
        query = number_query(request.query_params)
        picture = pictures.overview(query)
        since = look.now() - REACH
        lanes = await pictures.strips(picture.numbers.rows, since=since)
        alerts = operations.alerts()
        return look.page(
            request,
            "overview.html",
            picture=picture,
            strips={each: strip(lane, since=since, until=look.now()) for each, lane in lanes.items()},
            alerts=alerts[:WORST_ALERTS],
            open_alerts=len(alerts),
            query=_address(query),
            wanted=query,
            sorts=SORTS,
            moods=MOODS,
            most=MOST_ROWS,
        )

    async def number(request: Request) -> Response:
        phone_number_id = request.path_params["phone_number_id"]
        page = pictures.number(phone_number_id)
        if page is None:
            words = f"there is no number {phone_number_id!r} among those that are watched"
            return look.failed(request, UnknownError(words, next_step="the overview lists them"))
        since = look.now() - REACH
        lanes = await pictures.lanes(page.row, since=since)
        return look.page(
            request,
            "number.html",
            picture=page,
            row=page.row,
            strips=[strip(lane, since=since, until=look.now()) for lane in lanes],
            since=since,
            alerts=[each for each in operations.alerts() if each.labels.get("phone_number_id") == phone_number_id],
            changes=await _changes(phone_number_id, since),
            moods=MOODS,
        )

    async def _changes(phone_number_id: str, since: datetime) -> Timeline | None:
        try:
            return await timeline(Asked(since=since, subject=phone_number_id, limit=LATEST_CHANGES))
        except OperatingError:
            # The page is worth seeing without it, most of all when the store is what is broken.
            return None

    async def numbers(request: Request) -> Response:
        # Who shortens the address of a number means all of them.
        return RedirectResponse("/", status_code=308)

    return [
        Route("/", overview, methods=["GET"]),
        Route("/numbers", numbers, methods=["GET"]),
        Route("/numbers/", numbers, methods=["GET"]),
        Route("/numbers/{phone_number_id}", number, methods=["GET"]),
    ]


def number_query(given: QueryParams) -> Query:
    """Which numbers an address asks for; what makes no sense in it is left out."""
    page = given.get("page", "")
    return Query(
        text=given.get("q", "").strip()[:200],
        moods=frozenset(Mood(each) for each in given.getlist("mood") if each in set(Mood)),
        waba_id=given.get("account", "").strip(),
        sort=Sort(given["sort"]) if given.get("sort", "") in set(Sort) else Sort.WORST,
        is_reversed=given.get("reversed", "") == "1",
        page=max(1, int(page)) if page.isascii() and page.isdigit() and len(page) < 7 else 1,
    )


def _address(query: Query) -> dict[str, str]:
    """The query as an address says it, without the page."""
    return {
        "q": query.text,
        "mood": next(iter(sorted(query.moods)), ""),
        "account": query.waba_id,
        "sort": "" if query.sort is Sort.WORST else query.sort.value,
        "reversed": "1" if query.is_reversed else "",
    }


def strip(lane: Lane, *, since: datetime, until: datetime) -> Strip:
    """The lane between these moments, drawn to scale."""
    return Strip(
        name=lane.name,
        stretches=tuple(_stretches(lane.segments, since, until)),
        words="; ".join(_shares(lane.segments, since, until)) or "nothing is known",
    )


def _stretches(segments: Sequence[Segment], since: datetime, until: datetime) -> Iterator[Stretch]:
    scale = STRIP_WIDTH / (until - since).total_seconds()
    for each in segments:
        begins, ends = max(each.since, since), min(each.until, until)
        if ends <= begins:
            continue
        x = (begins - since).total_seconds() * scale
        width = max((ends - begins).total_seconds() * scale, LEAST_WIDTH)
        yield Stretch(
            x=round(min(x, STRIP_WIDTH - width), 1),
            width=round(width, 1),
            mood=each.mood,
            words=f"{each.text or 'not known'}: {moment(begins)}, for {span(ends - begins)}",
        )


def _shares(segments: Sequence[Segment], since: datetime, until: datetime) -> Iterator[str]:
    """`GREEN 97 %`, the longest first."""
    lasted: dict[str, float] = {}
    for each in segments:
        seconds = (min(each.until, until) - max(each.since, since)).total_seconds()
        if seconds > 0:
            lasted[each.text or "not known"] = lasted.get(each.text or "not known", 0.0) + seconds
    whole = (until - since).total_seconds()
    for text, seconds in sorted(lasted.items(), key=lambda item: -item[1]):
        yield f"{text} {seconds / whole:.0%}"
