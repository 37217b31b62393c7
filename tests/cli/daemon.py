"""A daemon beside the command: the private listener's app over a floor, on a socket of its own."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
from click.testing import CliRunner, Result
from starlette.types import ASGIApp

from tests.operators import Floor
from wamon.cli import main
from wamon.picture.values import Health
from wamon.web.private import private_app


class _Server(HTTPServer):
    app: ASGIApp


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() != "content-length"}

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.server.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://wamon") as client:
                return await client.request(self.command, self.path, content=body, headers=headers)

        answer = asyncio.run(ask())
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers["content-type"])
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@dataclass
class Beside:
    """The floor of the daemon, and how a command is run beside it."""

    floor: Floor
    port: int
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, **environment: str) -> Result:
        known = {"WAMON_PRIVATE_LISTEN": f"127.0.0.1:{self.port}", **self.environment, **environment}
        return CliRunner().invoke(main, arguments, env=known)


@contextlib.contextmanager
def daemon(floor: Floor, *, bearer_token: str | None = None, app: ASGIApp | None = None) -> Iterator[Beside]:
    """With `app` that is what answers."""
    app = app or private_app(
        scrape=lambda is_gzip: b"",
        health=lambda: Health(is_healthy=True),
        operations=floor.operations,
        bearer_token=bearer_token,
    )
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.app = app
        thread = threading.Thread(target=server.serve_forever, name="daemon", kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Beside(floor, server.server_port)
        finally:
            server.shutdown()
            thread.join()
