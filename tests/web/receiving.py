"""The public listener on a loopback port, somebody behind it, and a sender who writes bytes as it likes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType

from starlette.types import ASGIApp, Receive, Scope, Send

from wamon.web.guard import Limits
from wamon.web.public import BODY_SECONDS, public_app
from wamon.web.server import bind, serve

TOKEN = "our-verify-token"


def untouched(app: ASGIApp) -> ASGIApp:
    return app


# How listening() wraps the app where it is not told; tests of both ways set it.
WRAP: Callable[[ASGIApp], ASGIApp] = untouched
# No answer on loopback takes that long; a test that waits for one that never comes ends.
PATIENCE_SECONDS = 20.0


class Desk:
    """A receiver of two apps, main and second. It answers 200 unless `take` says otherwise."""

    def __init__(self, take: Callable[[bytes], Awaitable[int]] | None = None) -> None:
        self._take = take
        self.received: list[tuple[str | None, bytes, bytes | None]] = []
        self.asked: list[tuple[str | None, str]] = []
        self.codes: list[int] = []
        self.seconds: list[float] = []

    def is_app(self, name: str | None) -> bool:
        return name in (None, "main", "second")

    def handshake(self, app: str | None, verify_token: str) -> bool:
        self.asked.append((app, verify_token))
        return verify_token == TOKEN

    async def receive(self, app: str | None, body: bytes, signature: bytes | None) -> int:
        self.received.append((app, body, signature))
        return 200 if self._take is None else await self._take(body)

    def answered(self, code: int, seconds: float) -> None:
        self.codes.append(code)
        self.seconds.append(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    code: int
    headers: dict[str, str]
    body: bytes


class Sender:
    """One connection to the listener."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> "Sender":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self) -> Reply:
        """The next answer on this connection."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.rstrip("\r\n").split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Reply(code=int(first.split()[1]), headers=headers, body=body)

    async def is_closed(self) -> bool:
        """Whether the listener ends the connection without a further byte."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self.reader.read(1) == b""
        except ConnectionResetError:
            return True


def asgi_only(app: ASGIApp) -> ASGIApp:
    """The app without its short way for posts."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)

    return call


def post(body: bytes = b"{}", *headers: str, path: str = "/webhook") -> bytes:
    """A whole request."""
    lines = [f"POST {path} HTTP/1.1", "Host: hooks.example.org", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def get(target: str, *headers: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: hooks.example.org", *headers, "", ""]).encode()


@contextlib.asynccontextmanager
async def listening(
    desk: Desk,
    *,
    limits: Limits | None = None,
    body_seconds: float = BODY_SECONDS,
    wrap: Callable[[ASGIApp], ASGIApp] | None = None,
) -> AsyncIterator[int]:
    """The listener's port."""
    sock = bind("127.0.0.1", 0)
    port: int = sock.getsockname()[1]
    async with asyncio.TaskGroup() as tasks:
        app = (wrap or WRAP)(public_app(desk, body_seconds=body_seconds))
        task = tasks.create_task(serve(app, sock, is_public=True, limits=limits or Limits()))
        try:
            yield port
        finally:
            task.cancel()


def ask(desk: Desk, *requests: bytes) -> list[Reply]:
    """Each request on a connection of its own."""

    async def story() -> list[Reply]:
        replies = []
        async with listening(desk) as port:
            for request in requests:
                async with Sender(port) as sender:
                    await sender.send(request)
                    replies.append(await sender.reply())
        return replies

    return asyncio.run(story())
