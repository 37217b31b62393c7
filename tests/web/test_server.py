import asyncio
import contextlib
import errno
import os
import signal
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.web.receiving import Desk, Sender, get, post
from wamon.core.errors import ConfigurationError
from wamon.web.public import public_app
from wamon.web.server import STOP_SECONDS, bind, next_step, serve


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, sock: socket.socket) -> AsyncIterator[str]:
    """The app on its socket, cancelled at the end; gives its base URL."""
    host, port = sock.getsockname()[:2]
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(serve(app, sock))
        yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        task.cancel()


def has_ipv6() -> bool:
    try:
        bind("::1", 0).close()
    except ConfigurationError:
        return False
    return True


def test_served_app_answers_without_naming_its_server() -> None:
    async def story() -> httpx.Response:
        async with serving(hello, bind("127.0.0.1", 0)) as url, httpx.AsyncClient() as client:
            return await client.get(url)

    answer = asyncio.run(story())

    assert answer.text == "hello"
    assert "server" not in answer.headers
    assert "date" in answer.headers


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")
@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_ipv6_address_is_served_with_and_without_brackets(host: str) -> None:
    async def story() -> httpx.Response:
        async with serving(hello, bind(host, 0)) as url, httpx.AsyncClient() as client:
            return await client.get(url)

    assert asyncio.run(story()).text == "hello"


def test_cancelled_server_finishes_the_answer_under_way_and_frees_the_port() -> None:
    async def story() -> tuple[str, bool]:
        asked, may_answer = asyncio.Event(), asyncio.Event()

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            asked.set()
            await may_answer.wait()
            await hello(scope, receive, send)

        sock = bind("127.0.0.1", 0)
        port = sock.getsockname()[1]
        async with asyncio.TaskGroup() as tasks, httpx.AsyncClient() as client:
            server = tasks.create_task(serve(slow, sock))
            answer = tasks.create_task(client.get(f"http://127.0.0.1:{port}"))
            await asked.wait()
            server.cancel()
            may_answer.set()
            text = (await answer).text
        bind("127.0.0.1", port).close()
        return text, server.cancelled()

    assert asyncio.run(story()) == ("hello", True)


def test_answer_that_does_not_end_holds_up_the_stop_for_a_second_at_most() -> None:
    async def story() -> float:
        asked = asyncio.Event()

        async def endless(scope: Scope, receive: Receive, send: Send) -> None:
            asked.set()
            await asyncio.Event().wait()

        sock = bind("127.0.0.1", 0)
        async with asyncio.TaskGroup() as tasks, httpx.AsyncClient() as client:
            server = tasks.create_task(serve(endless, sock))
            request = tasks.create_task(client.get(f"http://127.0.0.1:{sock.getsockname()[1]}"))
            await asked.wait()
            started = asyncio.get_running_loop().time()
            server.cancel()
            await asyncio.wait([server])
            took = asyncio.get_running_loop().time() - started
            request.cancel()
        return took

    assert asyncio.run(story()) < 5


def test_public_listener_finishes_commits_under_way_before_it_stops() -> None:
    """A private one would not wait that long."""

    async def story() -> tuple[list[int], bool]:
        asked = asyncio.Event()

        async def take(body: bytes) -> int:
            asked.set()
            await asyncio.sleep(STOP_SECONDS + 0.5)
            return 200

        sock = bind("127.0.0.1", 0)
        port = sock.getsockname()[1]
        app = public_app(Desk(take))
        async with asyncio.TaskGroup() as tasks, Sender(port) as sender, Sender(port) as idle:
            server = tasks.create_task(serve(app, sock, is_public=True))
            await idle.send(get("/webhook"))
            await idle.reply()
            await sender.send(post())
            await asked.wait()
            server.cancel()
            is_idle_closed = await idle.is_closed()
            code = (await sender.reply()).code
        bind("127.0.0.1", port).close()
        return [code], is_idle_closed

    assert asyncio.run(story()) == ([200], True)


def test_server_cancelled_while_it_starts_closes_its_socket() -> None:
    async def story() -> int:
        sock = bind("127.0.0.1", 0)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(serve(hello, sock))
            await asyncio.sleep(0)
            task.cancel()
        return sock.fileno()

    assert asyncio.run(story()) == -1


def test_signals_stay_with_the_daemon() -> None:
    async def story() -> object:
        async with serving(hello, bind("127.0.0.1", 0)) as url, httpx.AsyncClient() as client:
            await client.get(url)
            return signal.getsignal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)

    assert asyncio.run(story()) is before


# --- what cannot be listened on ---------------------------------------------------------------------------------------


def test_taken_port_names_the_key_and_the_next_step() -> None:
    with contextlib.closing(bind("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ConfigurationError) as caught:
            bind("127.0.0.1", port)

    assert str(caught.value) == (
        f"WAMON_PRIVATE_LISTEN: cannot listen on 127.0.0.1:{port}: "
        "another process listens there: stop it, or choose another port"
    )


def test_address_of_another_machine_is_refused() -> None:
    # 192.0.2.0/24 is set aside for documentation (RFC 5737).
    with pytest.raises(ConfigurationError, match=r"KEY: cannot listen on 192\.0\.2\.1:9877: this machine has no such"):
        bind("192.0.2.1", 9877, "KEY")


def test_unknown_host_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"KEY: no address is known for host 'nowhere\.invalid'"):
        bind("nowhere.invalid", 9877, "KEY")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "not permitted: choose a port from 1024 up instead of 80"),
        (errno.EPERM, "not permitted: choose a port from 1024 up instead of 80"),
        (errno.ENOBUFS, "No buffer space available: choose another address"),
    ],
)
def test_refusal_of_the_system_names_the_next_step(number: int, words: str) -> None:
    # Tests may run as root, to whom no port is forbidden.
    assert next_step(OSError(number, os.strerror(number)), 80) == words


@pytest.mark.parametrize("port", [-1, 65536, 10**6])
def test_impossible_port_is_refused(port: int) -> None:
    with pytest.raises(ConfigurationError, match=f"KEY: {port} is not a port: write one from 1 to 65535"):
        bind("127.0.0.1", port, "KEY")
