"""Whatever a sender draws out or heaps up on a connection comes to an end, and the others are served meanwhile."""

import asyncio
import contextlib
import logging
import resource

import pytest
from starlette.types import Receive, Scope, Send

from tests.web import receiving
from tests.web.receiving import Desk, Sender, listening, post
from wamon.web.guard import Limits
from wamon.web.server import bind, serve

SHORT = Limits(head_seconds=0.1)


@pytest.fixture(autouse=True, params=["direct", "asgi"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole posts take the short way, or all that ASGI has to offer: nobody can tell."""
    if request.param == "asgi":
        monkeypatch.setattr(receiving, "WRAP", receiving.asgi_only)


async def still_answers(port: int) -> int:
    async with Sender(port) as sender:
        await sender.send(post())
        return (await sender.reply()).code


# --- slow heads -------------------------------------------------------------------------------------------------------


def test_connection_that_says_nothing_is_closed_without_a_word() -> None:
    async def story() -> bool:
        async with listening(Desk(), limits=SHORT) as port, Sender(port) as silent:
            return await silent.is_closed()

    assert asyncio.run(story())


def test_head_that_never_ends_is_given_up() -> None:
    desk = Desk()

    async def story() -> tuple[int, bool]:
        async with listening(desk, limits=SHORT) as port, Sender(port) as slow:
            await slow.send(b"POST /webhook HTTP/1.1\r\nHost: a\r\nX-Pad: ")
            return (await slow.reply()).code, await slow.is_closed()

    assert asyncio.run(story()) == (408, True)
    assert desk.codes == []


def test_head_that_drips_gains_no_time_by_it() -> None:
    async def story() -> int:
        async with listening(Desk(), limits=SHORT) as port, Sender(port) as slow:
            await slow.send(b"POST /webhook HTTP/1.1\r\n")
            reply = asyncio.ensure_future(slow.reply())
            for _ in range(10_000):
                if reply.done():
                    break
                await slow.send(b"X: y\r\n")
                await asyncio.sleep(0.005)
            return (await reply).code

    assert asyncio.run(story()) == 408


def test_next_request_on_a_kept_connection_has_no_longer() -> None:
    async def story() -> list[int]:
        async with listening(Desk(), limits=SHORT) as port, Sender(port) as slow:
            await slow.send(post())
            first = await slow.reply()
            await slow.send(b"POST /web")
            return [first.code, (await slow.reply()).code]

    assert asyncio.run(story()) == [200, 408]


def test_empty_lines_do_not_keep_a_connection_open() -> None:
    async def story() -> bool:
        async with listening(Desk(), limits=SHORT) as port, Sender(port) as sender:
            await sender.send(post())
            await sender.reply()
            await sender.send(b"\r\n\r\n")
            return await sender.is_closed()

    assert asyncio.run(story())


def test_kept_connection_outlives_the_time_for_a_head() -> None:
    async def story() -> list[int]:
        async with listening(Desk(), limits=SHORT) as port, Sender(port) as sender:
            await sender.send(post())
            first = await sender.reply()
            await asyncio.sleep(0.3)
            await sender.send(post())
            return [first.code, (await sender.reply()).code]

    assert asyncio.run(story()) == [200, 200]


def test_request_under_way_has_its_own_time() -> None:
    async def take(body: bytes) -> int:
        await asyncio.sleep(0.3)
        return 200

    async def story() -> int:
        async with listening(Desk(take), limits=SHORT) as port, Sender(port) as sender:
            await sender.send(post())
            return (await sender.reply()).code

    assert asyncio.run(story()) == 200


# --- large heads ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [b"X-Pad: " + b"x" * 1000 + b"\r\n", b"x" * 1000], ids=["many", "one"])
def test_megabyte_of_headers_is_refused(line: bytes) -> None:
    desk = Desk()

    async def story() -> int:
        async with listening(desk) as port:
            async with Sender(port) as sender:
                with contextlib.suppress(ConnectionError):
                    await sender.send(b"POST /webhook HTTP/1.1\r\nX-First: ")
                    for _ in range(1000):
                        await sender.send(line)
                    await sender.send(b"\r\n\r\n")
                # A reset may have come before the answer, and nothing else ends the reading.
                with contextlib.suppress(ConnectionError):
                    assert b" 431 " in await sender.reader.read()
            return await still_answers(port)

    assert asyncio.run(story()) == 200
    assert desk.codes == [200]


def test_head_of_a_usual_size_in_many_pieces_is_read() -> None:
    async def story() -> int:
        async with listening(Desk()) as port, Sender(port) as sender:
            for byte in post(b"{}", f"X-Pad: {'x' * 500}"):
                await sender.send(bytes([byte]))
            return (await sender.reply()).code

    assert asyncio.run(story()) == 200


def test_headers_behind_the_body_are_bounded_too() -> None:
    desk = Desk()

    async def story() -> int:
        limits = Limits(request_bytes=1_000_000)
        async with listening(desk, limits=limits) as port:
            async with Sender(port) as sender:
                with contextlib.suppress(ConnectionError):
                    await sender.send(b"POST /webhook HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ")
                    for _ in range(3000):
                        await sender.send(b"x" * 1000)
                assert await sender.is_closed()
            return await still_answers(port)

    assert asyncio.run(story()) == 200
    assert desk.received == [(None, b"{}", None)]


# --- many -------------------------------------------------------------------------------------------------------------


def test_connections_beyond_the_limit_are_closed_and_the_open_ones_served_on(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> tuple[list[int], list[bool], int]:
        async with listening(Desk(), limits=Limits(connections=3)) as port, contextlib.AsyncExitStack() as stack:
            early = [await stack.enter_async_context(Sender(port)) for _ in range(3)]
            for sender in early:
                await sender.send(post())
                await sender.reply()
            late = [await stack.enter_async_context(Sender(port)) for _ in range(3)]
            refused = [await sender.is_closed() for sender in late]
            codes = []
            for sender in early:
                await sender.send(post())
                codes.append((await sender.reply()).code)
            early[0].writer.close()
            await early[0].writer.wait_closed()
            for _ in range(100):
                with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                    return codes, refused, await still_answers(port)
            return codes, refused, 0

    with caplog.at_level(logging.WARNING):
        assert asyncio.run(story()) == ([200] * 3, [True] * 3, 200)

    assert [record.message for record in caplog.records] == ["too many connections, more are refused"]


def test_half_of_the_files_stay_for_everything_else() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1000, hard) if hard != resource.RLIM_INFINITY else 1000, hard))
    try:
        affordable = Limits().affordable_connections(), Limits(connections=10).affordable_connections()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert affordable == (500, 10)


def test_flood_in_one_pipeline_is_cut_off() -> None:
    async def take(body: bytes) -> int:
        await asyncio.sleep(0.01)
        return 200

    desk = Desk(take)

    async def story() -> int:
        async with listening(desk) as port:
            async with Sender(port) as sender:
                with contextlib.suppress(ConnectionError):
                    await sender.send(post() * 2000)
                    await sender.reader.read()
            return await still_answers(port)

    assert asyncio.run(story()) == 200
    assert len(desk.received) < 50


def test_answers_that_nobody_reads_are_not_heaped_up() -> None:
    size = 50_000_000

    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % size)]})
        await send({"type": "http.response.body", "body": bytes(size)})

    async def story() -> int:
        sock = bind("127.0.0.1", 0)
        async with asyncio.TaskGroup() as tasks:
            server = tasks.create_task(serve(large, sock, is_public=True))
            async with Sender(sock.getsockname()[1]) as deaf:
                await deaf.send(post())
                read = 0
                with contextlib.suppress(ConnectionError):
                    while piece := await deaf.reader.read(100_000):
                        read += len(piece)
            server.cancel()
        return read

    assert asyncio.run(story()) < size


def test_each_request_has_the_whole_limit() -> None:
    async def story() -> set[int]:
        limits = Limits(head_bytes=1_000, request_bytes=2_000)
        codes = set()
        async with listening(Desk(), limits=limits) as port, Sender(port) as sender:
            for _ in range(20):
                head, _, body = post(b"x" * 500).partition(b"\r\n\r\n")
                await sender.send(head)
                await asyncio.sleep(0)
                await sender.send(b"\r\n\r\n" + body)
                codes.add((await sender.reply()).code)
        return codes

    assert asyncio.run(story()) == {200}


# --- what is not HTTP -------------------------------------------------------------------------------------------------


def test_what_is_not_http_is_refused_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    oddities = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET http:// HTTP/1.1\r\n\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /webhook HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"POST /webhook HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /webhook HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ]
    desk = Desk()

    async def story() -> list[bytes]:
        heads = []
        async with listening(desk, limits=SHORT) as port:
            for oddity in oddities:
                async with Sender(port) as sender:
                    await sender.send(oddity)
                    heads.append((await sender.reader.readline())[9:12])
            assert await still_answers(port) == 200
        return heads

    with caplog.at_level(logging.WARNING):
        codes = asyncio.run(story())

    assert set(codes) <= {b"400", b"404"}
    assert desk.received == [(None, b"{}", None)]
    assert caplog.records == []


@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
def test_request_to_speak_something_else_is_refused(protocol: str) -> None:
    desk = Desk()

    async def story() -> int:
        async with listening(desk) as port, Sender(port) as sender:
            await sender.send(post(b"{}", "Connection: Upgrade, HTTP2-Settings", f"Upgrade: {protocol}"))
            return (await sender.reply()).code

    assert asyncio.run(story()) == 400
    assert desk.received == []
