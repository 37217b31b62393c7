"""POST /-/reload, as Prometheus and Alertmanager have it: read the configuration again."""

from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from wamon.core.errors import ConfigurationError
from wamon.web.origin import RefusedError, check_origin

PATH: Final = "/-/reload"


def reload_route(reload: Callable[[], str]) -> Route:
    """Answers 200 and what came of it, or 500 and each fault: then all stays as it was."""

    async def endpoint(request: Request) -> Response:
        try:
            check_origin(request)
            return PlainTextResponse(f"{reload()}\n")
        except RefusedError as exc:
            return PlainTextResponse(f"{exc}: {exc.next_step}\n", status_code=exc.status)
        except ConfigurationError as exc:
            return PlainTextResponse(f"the configuration stays as it was:\n{exc}\n", status_code=500)

    return Route(PATH, endpoint, methods=["POST"])
