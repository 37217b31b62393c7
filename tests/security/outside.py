"""Everybody else whom the daemon tells something: a receiver of alerts, an Alertmanager, who awaits its heartbeat."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


class Outside:
    """Takes everything. `posts` are the bodies with their headers, `paths` where they went."""

    def __init__(self) -> None:
        self.posts: list[str] = []
        self.paths: list[str] = []

    def app(self) -> Starlette:
        async def take(request: Request) -> Response:
            self.paths.append(request.url.path)
            self.posts.append(f"{dict(request.headers)!r}\n{(await request.body()).decode()}")
            return JSONResponse({})

        return Starlette(routes=[Route("/{path:path}", take, methods=["GET", "POST"])])
