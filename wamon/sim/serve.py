"""Serves an ASGI app on a loopback socket inside the running event loop, for as long as a block lasts.

uvicorn's protocol is used without its Server: no signal handlers, no log lines, and stopping takes no grace period.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from wamon.sim.wire import ABORT


@asynccontextmanager
async def serve(app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Give the base URL under which the app is served; port 0 takes a free one.

    The app finds in its scope's extensions, under `wire.ABORT`, a function that resets the connection.
    """
    # Every logging option at its "leave it" value: uvicorn's loggers are the process's, and so the daemon's too.
    config = Config(app, log_config=None, log_level=None, lifespan="off", ws="websockets-sansio", server_header=False)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Protocol(config=config, server_state=state, app_state={}), host, port)
    try:
        bound_port = server.sockets[0].getsockname()[1]
        yield f"http://{host}:{bound_port}"
    finally:
        server.close()
        for connection in tuple(state.connections):
            connection.transport.abort()
        # A request that is still being answered learns that its caller has gone, and ends by itself.
        if state.tasks:
            await asyncio.wait(tuple(state.tasks), timeout=1)
        for task in tuple(state.tasks):
            task.cancel()


class _Protocol(H11Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self.access_log = False
        self.app = _with_abort(self.config.loaded_app, transport)


def _with_abort(app: ASGIApp, transport: asyncio.Transport) -> ASGIApp:
    def abort() -> None:
        connection = transport.get_extra_info("socket")
        # Without lingering, closing sends a reset instead of an orderly end.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()

    async def with_abort(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "extensions": {**scope.get("extensions", {}), ABORT: abort}}, receive, send)

    return with_abort
