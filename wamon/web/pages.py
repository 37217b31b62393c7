"""The status pages on the private listener: every page's route, its templates, its style and its one script."""

from collections.abc import Collection
from typing import TypeAlias
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from wamon.operating import Operations
from wamon.web import runbooks
from wamon.web.page_alerts import alert_routes
from wamon.web.page_look import STATIC, Look, compressed
from wamon.web.page_numbers import Pictures, number_routes
from wamon.web.page_timeline import ReadTimeline, timeline_route
from wamon.web.runbooks import Runbooks

# What the pages need of a browser, and nothing more: their own style, script and icon, and to send their own forms.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


Pages: TypeAlias = list[Route]

__all__ = ["POLICY", "Look", "Pages", "Pictures", "page_hosts", "page_routes"]


def page_routes(
    look: Look,
    *,
    operations: Operations,
    pictures: Pictures,
    timeline: ReadTimeline,
    hosts: Collection[str] = (),
) -> Pages:
    """The routes. `hosts` are the names under which the pages are reached, besides addresses."""
    return [
        *_static_routes(look),
        *_runbook_routes(look),
        *alert_routes(operations, look, hosts=hosts),
        *number_routes(pictures, operations, look, timeline=timeline),
        timeline_route(timeline, look),
    ]


def page_hosts(page_url: str | None) -> tuple[str, ...]:
    """The names under which the pages are reached, as the configuration tells."""
    host = urlsplit(page_url).netloc.lower() if page_url else ""
    return (host,) if host else ()


def _static_routes(look: Look) -> list[Route]:
    async def static(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in STATIC:
            return PlainTextResponse("there is no such file\n", status_code=404)
        # The pages ask for it with its digest, so that a file that is kept is always the right one.
        headers = {"Content-Type": STATIC[name], "Cache-Control": "max-age=31536000, immutable"}
        return compressed(request, Response(look.static[name], headers=headers))

    return [Route("/static/{name}", static, methods=["GET"])]


def _runbook_routes(look: Look) -> list[Route]:
    books = Runbooks()

    async def index(request: Request) -> Response:
        return look.page(request, "runbook.html", is_public=True, title="Runbooks", names=books.names)

    async def runbook(request: Request) -> Response:
        name = request.path_params["name"]
        body = books.html(name)
        if body is None:
            words = f"{runbooks.PREFIX} lists all"
            return look.page(
                request, "failed.html", is_public=True, status=404, error="there is no such runbook", next_step=words
            )
        return look.page(request, "runbook.html", is_public=True, title=name.removesuffix(".md"), body=body)

    return [
        Route(runbooks.PREFIX, index, methods=["GET"]),
        Route(f"{runbooks.PREFIX}/", index, methods=["GET"]),
        Route(f"{runbooks.PREFIX}/{{name}}", runbook, methods=["GET"]),
    ]
