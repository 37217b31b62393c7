"""A post on the short way through uvicorn is answered as on the long one, in its turn, and to the end."""

import asyncio
import logging
import re
from collections.abc import Callable

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.web.receiving import Desk, Sender, asgi_only, get, listening, post, untouched
from wamon.web import public, server
from wamon.web.direct import Answer, Headers, Post, TakesPosts


class Watched:
    """The public app, which notes the way of each request."""

    def __init__(self, app: ASGIApp) -> None:
        given: object = app
        assert isinstance(given, TakesPosts)
        self._app, self._taker = app, given
        self.ways: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.ways.append("asgi")
        await self._app(scope, receive, send)

    def wants(self, url: bytes, headers: Headers) -> Post | None:
        return self._taker.wants(url, headers)

    async def take_post(self, post: Post, body: bytes, give: Callable[[Answer], None]) -> None:
        self.ways.append("direct")
        await self._taker.take_post(post, body, give)


def ways_of(*requests: bytes) -> list[str]:
    apps: list[Watched] = []

    def watched(app: ASGIApp) -> ASGIApp:
        apps.append(Watched(app))
        return apps[0]

    async def story() -> None:
        async with listening(Desk(), wrap=watched) as port:
            for request in requests:
                async with Sender(port) as sender:
                    await sender.send(request)
                    await sender.reply()

    asyncio.run(story())
    return apps[0].ways


# --- which way --------------------------------------------------------------------------------------------------------


def test_whole_posts_to_a_route_take_the_short_way() -> None:
    signed = post(b"{}", "X-Hub-Signature-256: sha256=aa", path="/webhook/main")

    assert ways_of(post(), signed, post(b""), post(b"{}", "Connection: close")) == ["direct"] * 4


def test_everything_else_takes_the_long_way() -> None:
    odd = [
        get("/webhook"),
        get("/webhook", method="PUT"),
        post(path="/webhook/other"),
        post(path="/webhook?a=1"),
        post(path="/webhook/m%61in"),
        post().replace(b"HTTP/1.1", b"HTTP/1.0"),
        get("/webhook", method="POST"),
        get("/webhook", "Transfer-Encoding: chunked", method="POST") + b"2\r\n{}\r\n0\r\n\r\n",
        get("/webhook", "Expect: 100-continue", "Content-Length: 9999999", method="POST"),
        get("/webhook", f"Content-Length: {public.MAX_BODY_BYTES + 1}", method="POST"),
    ]

    assert ways_of(*odd) == ["asgi"] * len(odd)


def test_body_behind_its_head_takes_the_long_way_and_loses_nothing() -> None:
    desk = Desk()
    apps: list[Watched] = []

    def watched(app: ASGIApp) -> ASGIApp:
        apps.append(Watched(app))
        return apps[0]

    async def story() -> list[int]:
        codes = []
        async with listening(desk, wrap=watched) as port, Sender(port) as sender:
            for length in (5, 1):
                # Cut before, and then within, the body.
                await sender.send(post(b"12345")[:-length])
                await asyncio.sleep(0.05)
                await sender.send(post(b"12345")[-length:] + post(b"next"))
                codes += [(await sender.reply()).code, (await sender.reply()).code]
        return codes

    assert asyncio.run(story()) == [200] * 4
    assert [body for _, body, _ in desk.received] == [b"12345", b"next"] * 2
    assert apps[0].ways[::2] == ["asgi", "asgi"]


# --- the same answers -------------------------------------------------------------------------------------------------


async def as_told(body: bytes) -> int:
    if body == b"fail":
        raise ValueError
    return int(body)


@pytest.mark.parametrize("body", [b"200", b"401", b"503", b"fail", b"299"])
@pytest.mark.parametrize("header", ["X-Any: 1", "Connection: close", "Connection: keep-alive"])
def test_answers_are_the_same_to_the_byte(body: bytes, header: str) -> None:
    async def story(wrap: Callable[[ASGIApp], ASGIApp]) -> bytes:
        async with listening(Desk(as_told), wrap=wrap) as port, Sender(port) as sender:
            # The end of the last answer is that of the connection.
            await sender.send(post(body, header))
            if header != "Connection: close":
                await sender.send(get("/"))
            return re.sub(rb"date: [^\r]+", b"date", await sender.reader.read())

    assert asyncio.run(story(untouched)) == asyncio.run(story(asgi_only))


# --- in turn ----------------------------------------------------------------------------------------------------------


def test_what_is_behind_a_post_waits_for_it() -> None:
    events: list[bytes] = []

    async def take(body: bytes) -> int:
        events.append(b"begin " + body)
        for _ in range(5):
            await asyncio.sleep(0)
        events.append(b"end " + body)
        return 401 if body == b"2" else 200

    async def story() -> list[int]:
        async with listening(Desk(take)) as port, Sender(port) as sender:
            chunked = get("/webhook", "Transfer-Encoding: chunked", method="POST") + b"1\r\n3\r\n0\r\n\r\n"
            await sender.send(post(b"1") + post(b"2") + chunked + get("/webhook", method="PUT"))
            codes = [(await sender.reply()).code for _ in range(4)]
        async with listening(Desk(take)) as port, Sender(port) as sender:
            for number in (b"4", b"5"):
                await sender.send(post(number) + post(number))
                codes += [(await sender.reply()).code, (await sender.reply()).code]
        return codes

    assert asyncio.run(story()) == [200, 401, 200, 405, 200, 200, 200, 200]
    assert events == [
        word + body for body in (b"1", b"2", b"3", b"4", b"4", b"5", b"5") for word in (b"begin ", b"end ")
    ]


def test_connection_that_rests_after_a_post_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PUBLIC_KEEP_ALIVE_SECONDS", 0.05)

    async def story() -> tuple[int, bool]:
        async with listening(Desk()) as port, Sender(port) as sender:
            await sender.send(post())
            return (await sender.reply()).code, await sender.is_closed()

    assert asyncio.run(story()) == (200, True)


# --- to the end -------------------------------------------------------------------------------------------------------


def test_post_of_who_has_left_is_still_taken_in() -> None:
    async def story() -> list[int]:
        begun, may_end = asyncio.Event(), asyncio.Event()

        async def take(body: bytes) -> int:
            begun.set()
            await may_end.wait()
            return 200

        desk = Desk(take)
        async with listening(desk) as port:
            async with Sender(port) as sender:
                await sender.send(post())
                await begun.wait()
            may_end.set()
            async with Sender(port) as other:
                await other.send(post())
                await other.reply()
        return desk.codes

    assert asyncio.run(story()) == [200, 200]


@pytest.mark.parametrize("wrap", [untouched, asgi_only], ids=["direct", "asgi"])
def test_stop_that_has_waited_long_enough_says_so(
    wrap: Callable[[ASGIApp], ASGIApp], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "PUBLIC_STOP_SECONDS", 0.05)

    async def story() -> tuple[int, str | None, bytes]:
        begun = asyncio.Event()

        async def take(body: bytes) -> int:
            begun.set()
            await asyncio.Event().wait()
            return 200

        async with asyncio.TaskGroup() as tasks:
            desk = Desk(take)
            async with listening(desk, wrap=wrap) as port:
                sender = await Sender(port).__aenter__()
                await sender.send(post())
                await begun.wait()
            reply = tasks.create_task(sender.reply())
        sender.writer.close()
        assert desk.codes == []
        return reply.result().code, reply.result().headers.get("connection"), reply.result().body

    with caplog.at_level(logging.CRITICAL):
        assert asyncio.run(story()) == (500, "close", b"Internal Server Error")


@pytest.mark.parametrize("wrap", [untouched, asgi_only], ids=["direct", "asgi"])
def test_observer_that_fails_costs_one_connection(wrap: Callable[[ASGIApp], ASGIApp]) -> None:
    class Failing(Desk):
        def answered(self, code: int, seconds: float) -> None:
            super().answered(code, seconds)
            if len(self.codes) == 1:
                raise ValueError

    async def story() -> tuple[int, bool, int]:
        async with listening(Failing(), wrap=wrap) as port, Sender(port) as sender, Sender(port) as other:
            await sender.send(post())
            first = await sender.reply()
            is_closed = await sender.is_closed()
            await other.send(post())
            return first.code, is_closed, (await other.reply()).code

    assert asyncio.run(story()) == (200, True, 200)
