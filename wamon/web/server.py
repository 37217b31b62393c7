"""A listener inside the daemon's own loop: the socket first, so that a taken port stops the start, then uvicorn."""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from wamon.core.errors import ConfigurationError
from wamon.web.guard import GuardedConfig, Limits

BACKLOG = 128
PUBLIC_BACKLOG = 2048
# A scraper's answer is out in well under a second; who reads slower than that does not hold up the stop.
STOP_SECONDS = 1
# Who waits for a commit is answered, or Meta sends all of it again.
PUBLIC_STOP_SECONDS = 5
# Longer than the proxy in front keeps its connections (nginx: 60 s), or it sends into one that is being closed.
# Source: nginx "ngx_http_upstream_module", keepalive_timeout, read 2026-11.
PUBLIC_KEEP_ALIVE_SECONDS = 75


def bind(host: str, port: int, key: str = "WAMON_PRIVATE_LISTEN") -> socket.socket:
    """A listening socket for serve(); port 0 takes any free one.

    `host` may be an IPv6 address, with or without brackets. Raises ConfigurationError that names `key`.
    """
    if not 0 <= port <= 65535:
        # getaddrinfo would take the number modulo 65536 and listen somewhere else.
        raise ConfigurationError(f"{key}: {port} is not a port: write one from 1 to 65535")
    bare = host.removeprefix("[").removesuffix("]")
    shown = f"[{bare}]:{port}" if ":" in bare else f"{bare}:{port}"
    try:
        family, _, _, _, address = socket.getaddrinfo(
            bare, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )[0]
        return _listen(family, address)
    except socket.gaierror as error:
        raise ConfigurationError(
            f"{key}: no address is known for host {bare!r}: write one of this machine's own, such as 127.0.0.1:{port}"
        ) from error
    except OSError as error:
        raise ConfigurationError(f"{key}: cannot listen on {shown}: {next_step(error, port)}") from error


def _listen(family: int, address: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A restart must not wait until the connections of the process before it are forgotten.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def next_step(error: OSError, port: int) -> str:
    """What to do when the system does not let us listen."""
    match error.errno:
        case errno.EADDRINUSE:
            return "another process listens there: stop it, or choose another port"
        case errno.EACCES | errno.EPERM:
            return f"not permitted: choose a port from 1024 up instead of {port}"
        case errno.EADDRNOTAVAIL:
            return "this machine has no such address: choose one of its own, or 127.0.0.1"
    return f"{error.strerror or error}: choose another address"


async def serve(
    app: ASGIApp,
    sock: socket.socket,
    *,
    is_public: bool = False,
    tls: ssl.SSLContext | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> None:
    """Answer on `sock` until cancelled; then finish what is being answered, close the socket and let go.

    With `tls` it speaks HTTPS alone. A public listener keeps strangers to the `limits`, has more time to finish, and
    keeps connections open for longer.
    """
    server = _Server(_public(app, limits) if is_public else _private(app, tls))
    try:
        await server.serve(sockets=[sock])
    except asyncio.CancelledError:
        if server.started:
            await server.shutdown(sockets=[sock])
        raise
    finally:
        sock.close()


def _private(app: ASGIApp, tls: ssl.SSLContext | None) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        backlog=BACKLOG,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    config.load()
    # uvicorn would make one of its own from file names, without the versions that were asked for.
    config.ssl = tls
    return config


def _public(app: ASGIApp, limits: Limits) -> uvicorn.Config:
    return GuardedConfig(
        app,
        limits=limits,
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        # Nothing depends on who the sender says it is.
        proxy_headers=False,
        ws="none",
        backlog=PUBLIC_BACKLOG,
        timeout_keep_alive=PUBLIC_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=PUBLIC_STOP_SECONDS,
    )


class _Server(uvicorn.Server):
    """uvicorn without its hands on the signals: those are the daemon's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
