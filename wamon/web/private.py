"""The private listener's routes: /metrics, health, the status pages, and the operators' API if wanted."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from wamon.metrics.instruments import CONTENT_TYPE
from wamon.operating import Operations
from wamon.operating.history import History
from wamon.picture.values import Health
from wamon.web import api
from wamon.web.access import Guard
from wamon.web.headers import StrictHeaders
from wamon.web.page_look import accepts_gzip
from wamon.web.pages import POLICY, Pictures
from wamon.web.reloading import reload_route
from wamon.web.web_config import OPEN, WebConfig


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
    web_config: WebConfig = OPEN,
    reload: Callable[[], str] | None = None,
) -> Starlette:
    """The app. The callables must be quick and are asked anew for each request. `pages` are the status pages' routes.

    With `operations` there is the API: of what happened with `history`, of how the accounts are with `pictures`. With
    `reload` (which tells what came of it) the configuration can be read again. With a `bearer_token`, or users in the
    `web_config`, everything but health checks and runbooks asks for one of them.
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
        guarded=Middleware(Guard, token=bearer_token, users=web_config.users),
        headers=web_config.headers,
    )


Endpoint = Callable[[Request], object]


def _routed(
    endpoints: dict[str, Endpoint],
    *,
    policy: str,
    mounted: Sequence[BaseRoute],
    guarded: Middleware,
    headers: Mapping[str, str],
) -> Starlette:
    routes = [Route(path, endpoint, methods=["GET"]) for path, endpoint in endpoints.items()]
    # The headers first, so that a refusal has them too.
    middleware = [Middleware(StrictHeaders, policy=policy, extra=headers), guarded]
    app = Starlette(routes=[*routes, *mounted], middleware=middleware)
    # /metrics/ is not a route, and nobody is sent elsewhere.
    app.router.redirect_slashes = False
    return app
