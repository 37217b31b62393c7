"""The page of the timeline: every change of a reading, every step of an alert and every marker, newest first."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wamon.operating import OperatingError
from wamon.operating.history import Asked, PastKind, Timeline
from wamon.web.page_look import Look, status_of

PAGE_SIZE: Final = 100
# How far back: what the address says, the words for it, and how long that is (None: as far as is known).
SPANS: Final[Mapping[str, tuple[str, timedelta | None]]] = {
    "1h": ("the last hour", timedelta(hours=1)),
    "24h": ("the last day", timedelta(days=1)),
    "7d": ("the last week", timedelta(days=7)),
    "30d": ("the last 30 days", timedelta(days=30)),
    "all": ("all that is kept", None),
}
DEFAULT_SPAN: Final = "7d"

ReadTimeline = Callable[[Asked], Awaitable[Timeline]]


def timeline_route(read: ReadTimeline, look: Look) -> Route:
    """The route of the page."""

    async def timeline(request: Request) -> Response:
        given = request.query_params
        since = given.get("since", "")
        query = {
            "since": since if since in SPANS else DEFAULT_SPAN,
            "subject": given.get("subject", "").strip(),
            "kind": given.get("kind", "") if given.get("kind", "") in {kind.value for kind in PastKind} else "",
        }
        _, reach = SPANS[query["since"]]
        asked = Asked(
            since=look.now() - reach if reach is not None else None,
            subject=query["subject"],
            kinds=(PastKind(query["kind"]),) if query["kind"] else (),
            limit=PAGE_SIZE,
            cursor=given.get("cursor", ""),
        )
        found, error = Timeline(entries=(), next_cursor=""), None
        try:
            found = await read(asked)
        except OperatingError as exc:
            error = exc
        return look.page(
            request,
            "timeline.html",
            status=200 if error is None else status_of(error),
            found=found,
            error=error,
            query=query,
            is_older=bool(asked.cursor),
            spans=[(name, words) for name, (words, _) in SPANS.items()],
            kinds=[kind.value for kind in PastKind],
        )

    return Route("/timeline", timeline, methods=["GET"])
