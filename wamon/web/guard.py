"""A connection from strangers: uvicorn's HTTP protocol with an end to everything that a sender could draw out.

uvicorn bounds the idle time between two requests and nothing else: a head that never ends is kept for ever, and grows.
"""

import asyncio
import logging
import resource
from dataclasses import dataclass
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from wamon.web.direct import DirectProtocol, TakesPosts

log = logging.getLogger(__name__)

FULL_LOGGED_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one listener bears.

    A head may take `head_seconds` and be `head_bytes` long, a whole request `request_bytes`, give or take one read from
    the socket. Beyond `connections` new ones are closed at once and the open ones served on: a proxy in front or Meta
    keeps what it has. `pipelined` requests may wait behind the one that is being answered.
    """

    head_seconds: float = 10.0
    head_bytes: int = 64 * 1024
    request_bytes: int = 8 * 1024 * 1024
    connections: int = 2000
    pipelined: int = 16

    def affordable_connections(self) -> int:
        """No more than half the files that this process may open: polling, the store and Slack need theirs."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return self.connections if soft == resource.RLIM_INFINITY else min(self.connections, soft // 2)


class GuardedConfig(uvicorn.Config):
    """uvicorn's configuration for a listener with `limits`."""

    def __init__(self, app: ASGIApp, *, limits: Limits, **options: Any) -> None:
        super().__init__(app, http=GuardedProtocol, **options)
        self.limits = limits
        given: object = app
        self.taker = given if isinstance(given, TakesPosts) else None
        self.most_connections = limits.affordable_connections()
        self._full_logged = -FULL_LOGGED_SECONDS
        # Anybody can send what is not HTTP, and uvicorn warns of each. Its errors are still told.
        self.logger = logging.getLogger("uvicorn.error.public")
        self.logger.setLevel(logging.ERROR)

    def tell_full(self, now: float) -> None:
        if now - self._full_logged >= FULL_LOGGED_SECONDS:
            self._full_logged = now
            log.warning("too many connections, more are refused", extra={"connections": self.most_connections})


class GuardedProtocol(DirectProtocol):
    """One connection. Needs a GuardedConfig."""

    def __init__(
        self,
        config: GuardedConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = config.logger
        self.taker = config.taker
        self._guarded = config
        self._limits = config.limits
        self._head_timer: asyncio.TimerHandle | None = None
        self._is_in_head = False
        self._has_begun = False
        self._bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        if len(self.connections) > self._guarded.most_connections:
            self._guarded.tell_full(self.loop.time())
            transport.abort()
            return
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._has_begun = False
        super().data_received(data)
        # What came before a request in the same read is not counted against it.
        self._bytes = 0 if self._has_begun else self._bytes + len(data)
        if self._bytes > self._limits.request_bytes:
            # The app counts the body; this is for what never gets there, such as headers behind it.
            self.transport.abort()
        elif self._is_in_head:
            if self._bytes > self._limits.head_bytes:
                self._end(b"431 Request Header Fields Too Large")
            else:
                self._expect_head()
        elif self.is_waiting():
            # Empty lines, which belong to no request and have stopped uvicorn's timer.
            self._expect_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head = self._has_begun = True

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._stop_head_timer()
        if self.parser.should_upgrade():
            # The parser would leave the body to another protocol, and what is left has another signature.
            raise _RefusedError
        super().on_headers_complete()
        if len(self.pipeline) > self._limits.pipelined:
            self.transport.abort()
            # Only an error ends the parsing of what has been read.
            raise _RefusedError

    def pause_writing(self) -> None:
        # Answers are some hundred bytes: who leaves so many of them unread asks without listening.
        self.transport.abort()

    def _expect_head(self) -> None:
        if self._head_timer is None and not self.transport.is_closing():
            self._head_timer = self.loop.call_later(self._limits.head_seconds, self._end, b"408 Request Timeout")

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _end(self, status: bytes) -> None:
        # Who has not begun to ask gets no answer, and none can be put before one that is still owed.
        if self._is_in_head and self.is_waiting():
            self.transport.write(b"HTTP/1.1 %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status)
            self.transport.close()
        else:
            self.transport.abort()


class _RefusedError(Exception):
    """Ends the parsing, and with it the connection."""
