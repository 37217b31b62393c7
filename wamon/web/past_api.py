"""What has happened, over HTTP: the timeline, markers, and both as Grafana reads annotations."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wamon.core.alerting import TransitionKind
from wamon.core.markers import MarkerKind
from wamon.operating.history import MOST_ENTRIES, Asked, Entry, History, PastKind
from wamon.web.json_api import answer, moment, read_body, texts
from wamon.web.origin import RefusedError

PAGE: Final = 100
UNITS: Final[Mapping[str, timedelta]] = MappingProxyType(
    {
        "s": timedelta(seconds=1),
        "m": timedelta(minutes=1),
        "h": timedelta(hours=1),
        "d": timedelta(days=1),
        "w": timedelta(weeks=1),
    }
)
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_AGO: Final = re.compile(r"([0-9]{1,6})([smhdw])")
# Of an alert's steps a graph shows those that somebody would draw a line for.
DRAWN: Final = frozenset({TransitionKind.OPEN, TransitionKind.RAISE, TransitionKind.CLOSE})


def past_routes(history: History) -> tuple[Route, ...]:
    """The routes, below the prefix of the API."""

    def asked(given: QueryParams, *, kinds: tuple[PastKind, ...], limit: int = PAGE) -> Asked:
        now = history.now()
        return Asked(
            since=_queried(given, "since", now),
            until=_queried(given, "until", now),
            subject=given.get("subject", ""),
            kinds=kinds,
            limit=_limit(given.get("limit", ""), limit),
            cursor=given.get("cursor", ""),
        )

    async def timeline(request: Request) -> Response:
        given = _known(request, "since", "until", "subject", "kind", "limit", "cursor")
        return answer(await history.timeline(asked(given, kinds=_kinds(given.get("kind", "")))))

    async def markers(request: Request) -> Response:
        given = _known(request, "since", "until", "limit", "cursor")
        found = await history.timeline(asked(given, kinds=(PastKind.MARKER,)))
        return answer({"markers": [each.marker for each in found.entries], "next_cursor": found.next_cursor})

    async def annotations(request: Request) -> Response:
        given = _known(request, "since", "until", "subject", "kind", "limit")
        kinds = _kinds(given.get("kind", "")) or (PastKind.MARKER, PastKind.ALERT)
        found = await history.timeline(asked(given, kinds=kinds, limit=MOST_ENTRIES))
        return answer([_annotation(each) for each in found.entries if _is_drawn(each)])

    async def mark(request: Request) -> Response:
        body = await read_body(
            request,
            title=str,
            author=str,
            kind=str | None,
            text=str | None,
            link=str | None,
            tags=list | None,
            at=str | None,
            id=str | None,
        )
        outcome = await history.mark(
            body["title"],
            author=body["author"],
            kind=body["kind"] or MarkerKind.DEPLOY,
            text=body["text"] or "",
            link=body["link"] or "",
            tags=texts(body["tags"] or [], "tags"),
            at=moment(body["at"], "at"),
            marker_id=body["id"],
        )
        return answer(outcome, status=200 if outcome.is_repeated else 201)

    return (
        Route("/timeline", timeline, methods=["GET"]),
        Route("/markers", markers, methods=["GET"]),
        Route("/markers", mark, methods=["POST"]),
        Route("/annotations", annotations, methods=["GET"]),
    )


# --- what is asked ----------------------------------------------------------------------------------------------------


def _known(request: Request, *names: str) -> QueryParams:
    """The query, in which a name that is misspelt would be left out without a word."""
    given = request.query_params
    if unknown := sorted(set(given) - set(names)):
        raise RefusedError(400, f"there is no parameter {unknown[0]!r}", f"there are {', '.join(names)}")
    return given


def _queried(given: QueryParams, name: str, now: datetime) -> datetime | None:
    """A moment, or how long before now: `7d`."""
    text = given.get(name, "")
    if not text:
        return None
    if ago := _AGO.fullmatch(text):
        return now - min(int(ago[1]) * UNITS[ago[2]], now - EARLIEST)
    try:
        # In a query a plus that nobody escaped arrives as a space.
        return moment(text.replace(" ", "+"), name)
    except RefusedError as exc:
        raise RefusedError(400, str(exc), "write it like 7d, 24h or 2026-11-22T18:00:00Z") from exc


def _limit(text: str, default: int) -> int:
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise RefusedError(400, "limit is no number", f"give a number from 1 to {MOST_ENTRIES}")
    return int(text)


def _kinds(text: str) -> tuple[PastKind, ...]:
    """`alert,marker`; empty for all."""
    names = [each.strip() for each in text.split(",") if each.strip()]
    if unknown := sorted(set(names) - set(PastKind)):
        raise RefusedError(400, f"there is no kind {unknown[0]!r}", f"there are {', '.join(PastKind)}")
    return tuple(PastKind(each) for each in dict.fromkeys(names))


# --- as Grafana reads it ----------------------------------------------------------------------------------------------


def _is_drawn(entry: Entry) -> bool:
    return entry.kind is not PastKind.ALERT or entry.step in DRAWN


def _annotation(entry: Entry) -> Mapping[str, Any]:
    """Milliseconds and comma-separated tags.

    Source: Grafana "Infinity data source: annotations" and "HTTP API: annotations", read 2026-11.
    """
    return {
        "time": int(entry.at.timestamp() * 1000),
        "title": entry.text if entry.marker else f"{entry.subject}: {entry.text}",
        "text": " ".join(_details(entry)),
        "tags": ",".join(_tags(entry)),
    }


def _details(entry: Entry) -> Iterator[str]:
    if entry.note:
        yield entry.note
    if entry.marker and entry.marker.link:
        yield entry.marker.link
    if entry.actor:
        yield f"({entry.actor})"


def _tags(entry: Entry) -> Iterator[str]:
    yield entry.kind.value
    yield entry.name
    if entry.severity is not None:
        yield str(entry.severity)
    if entry.is_rehearsal:
        yield "rehearsal"
    if entry.marker:
        yield from (tag.replace(",", " ") for tag in entry.marker.tags)
