"""The private listener's routes: /metrics, health, the status pages, and the operators' API if wanted."""

import secrets
from collections.abc import Callable, Sequence
from typing import Protocol

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wamon.metrics.instruments import CONTENT_TYPE
from wamon.operating import Operations
from wamon.operating.history import History
from wamon.picture.values import Health
from wamon.web import api, runbooks
from wamon.web.page_look import accepts_gzip
from wamon.web.pages import POLICY, Pictures
from wamon.web.reloading import reload_route

# Who looks after a container or a load balancer has no credential, nor has who follows a link in a message.
OPEN_PATHS = ("/-/healthy", "/-/ready", runbooks.PREFIX)


class ScrapeBody(Protocol):
    """What /metrics answers, plain or gzip."""

    def __call__(self, is_gzip: bool) -> bytes: ...


def private_app(
    *,
    scrape: ScrapeBody,
    health: Callable[[], Health],
    pages: Sequence[BaseRoute] = (),
    operations: Operations | None = None,
    history: History | None = None,
    pictures: Pictures | None = None,
    bearer_token: str | None = None,
    reload: Callable[[], str] | None = None,
) -> Starlette:
    """The app. The callables must be quick and are asked anew for each request. `pages` are the status pages' routes.

    With `operations` there is the API: of what happened with `history`, of how the accounts are with `pictures`. With
    `reload` (which tells what came of it) the configuration can be read again;
    with a `bearer_token` everything but health checks and runbooks asks for it.
    """

    async def metrics(request: Request) -> Response:
        if not accepts_gzip(request.headers):
            return Response(scrape(False), headers={"Content-Type": CONTENT_TYPE, "Vary": "Accept-Encoding"})
        headers = {"Content-Type": CONTENT_TYPE, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        return Response(scrape(True), headers=headers)

    async def healthy(request: Request) -> Response:
        if health().is_healthy:
            return PlainTextResponse("healthy\n")
        return PlainTextResponse("a part of wamon has stopped: restart it and read its log\n", status_code=503)

    async def ready(request: Request) -> Response:
        answer = health()
        if answer.is_ready:
            return PlainTextResponse("ready\n")
        reasons = answer.not_ready_reasons or ("a part of wamon has stopped: restart it and read its log",)
        return PlainTextResponse("".join(f"{reason}\n" for reason in reasons), status_code=503)

    return _routed(
        {
            "/metrics": metrics,
            "/-/healthy": healthy,
            "/-/ready": ready,
        },
        policy=POLICY,
        mounted=(
            *pages,
            *(() if operations is None else (Mount(api.PREFIX, app=api.api(operations, history, pictures)),)),
            *(() if reload is None else (reload_route(reload),)),
        ),
        bearer_token=bearer_token,
    )


Endpoint = Callable[[Request], object]


def _routed(
    endpoints: dict[str, Endpoint], *, policy: str, mounted: Sequence[BaseRoute], bearer_token: str | None
) -> Starlette:
    routes = [Route(path, endpoint, methods=["GET"]) for path, endpoint in endpoints.items()]
    middleware = [Middleware(StrictHeaders, policy=policy)]
    if bearer_token is not None:
        middleware.append(Middleware(BearerGuard, token=bearer_token))
    app = Starlette(routes=[*routes, *mounted], middleware=middleware)
    # /metrics/ is not a route, and nobody is sent elsewhere.
    app.router.redirect_slashes = False
    return app


class BearerGuard:
    """Asks for `Authorization: Bearer TOKEN` (RFC 6750) everywhere but at OPEN_PATHS and below the runbooks."""

    def __init__(self, app: ASGIApp, *, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_open(scope["path"]) or self._is_known(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        refusal = JSONResponse(
            {"error": "the bearer token is missing or wrong", "next": "send the private_bearer_token of wamon.toml"},
            status_code=401,
            headers={"WWW-Authenticate": 'Bearer realm="wamon"'},
        )
        await refusal(scope, receive, send)

    def _is_known(self, headers: Headers) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        # In the same time whatever is sent, so that nobody can guess it letter by letter.
        is_same = secrets.compare_digest(token.strip().encode(), self._token)
        return is_same and scheme.lower() == "bearer"


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(f"{runbooks.PREFIX}/")


class StrictHeaders:
    """Adds the headers that let a browser do as little as possible with an answer."""

    def __init__(self, app: ASGIApp, *, policy: str) -> None:
        self._app = app
        self._headers = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "no-store",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, send_with_headers)
