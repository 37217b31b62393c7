"""The public listener answers exactly, and nothing that a sender does is more than a refusal."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable

import pytest
from starlette.types import ASGIApp, Message

from tests.web import receiving
from tests.web.receiving import TOKEN, Desk, Reply, Sender, ask, get, listening, post
from wamon.web import public
from wamon.web.public import public_app

GOOD = f"hub.mode=subscribe&hub.verify_token={TOKEN}&hub.challenge=1158201444"


@pytest.fixture(autouse=True, params=["direct", "asgi"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole posts take the short way, or all that ASGI has to offer: nobody can tell."""
    if request.param == "asgi":
        monkeypatch.setattr(receiving, "WRAP", receiving.asgi_only)


# --- the handshake ----------------------------------------------------------------------------------------------------


def test_handshake_gives_the_challenge_as_bare_text() -> None:
    desk = Desk()

    (reply,) = ask(desk, get(f"/webhook?{GOOD}"))

    assert (reply.code, reply.body) == (200, b"1158201444")
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert set(reply.headers) == {"date", "content-type", "content-length", "x-content-type-options", "connection"}
    assert (desk.asked, desk.codes) == ([(None, TOKEN)], [200])


def test_handshake_of_an_app_by_its_path() -> None:
    desk = Desk()

    (reply,) = ask(desk, get(f"/webhook/second?{GOOD}"))

    assert reply.code == 200
    assert desk.asked == [("second", TOKEN)]


def test_challenge_comes_back_byte_for_byte() -> None:
    challenges = {
        "0001158201444": b"0001158201444",
        "1e3": b"1e3",
        "-0": b"-0",
        "a%2Bb+c%20d": b"a+b c d",
        "%C3%A4": "ä".encode(),
        "%FF%FE": b"\xff\xfe",
        "<b>%26amp;</b>": b"<b>&amp;</b>",
        "a=b": b"a=b",
        "x" * 1000: b"x" * 1000,
    }
    asked = f"/webhook?hub.mode=subscribe&hub.verify_token={TOKEN}&hub.challenge="

    replies = ask(Desk(), *(get(f"{asked}{written}") for written in challenges))

    assert [(reply.code, reply.body) for reply in replies] == [(200, challenge) for challenge in challenges.values()]


def test_handshake_that_is_not_exact_is_refused_without_a_word() -> None:
    desk = Desk()
    token = f"hub.verify_token={TOKEN}"
    queries = [
        "",
        "?",
        f"?{token}&hub.challenge=1",
        f"?hub.mode=unsubscribe&{token}&hub.challenge=1",
        f"?hub.mode=Subscribe&{token}&hub.challenge=1",
        "?hub.mode=subscribe&hub.challenge=1",
        "?hub.mode=subscribe&hub.verify_token=&hub.challenge=1",
        "?hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=1",
        f"?hub.mode=subscribe&{token}x&hub.challenge=1",
        f"?hub.mode=subscribe&{token}%FF&hub.challenge=1",
        f"?hub.mode=subscribe&{token}",
        f"?hub.mode=subscribe&{token}&hub.challenge=",
        f"?{GOOD}&hub.challenge=2",
        f"?{GOOD}&hub.mode=subscribe",
        f"?hub.verify_token=wrong&{GOOD}",
        f"?hub.mode=subscribe&{token}&hub.challenge={'x' * 1001}",
        f"?hub.mode=subscribe&{token}&hub.challenge=a%0D%0ASet-Cookie:%20b",
        f"?hub.mode=subscribe&{token}&hub.challenge=a%00b",
        f"?hub.mode=subscribe&{token}&hub.challenge=a%7F",
        f"?{GOOD}&{'&'.join(f'p{number}=1' for number in range(20))}",
        f"?{GOOD}&long={'x' * 5000}",
    ]

    replies = ask(desk, *(get(f"/webhook{query}") for query in queries))

    assert {(reply.code, reply.body) for reply in replies} == {(403, b"")}
    assert desk.codes == [403] * len(queries)


def test_parameter_that_meta_may_add_does_no_harm() -> None:
    (reply,) = ask(Desk(), get(f"/webhook?{GOOD}&hub.lease=1"))

    assert reply.code == 200


def test_verify_token_may_have_any_character() -> None:
    desk = Desk()

    ask(desk, get("/webhook?hub.mode=subscribe&hub.verify_token=%C3%BC+%26%3D&hub.challenge=1"))

    assert desk.asked == [(None, "ü &=")]


# --- what there is and what there is not ------------------------------------------------------------------------------


def test_other_paths_are_not_there() -> None:
    desk = Desk()
    paths = [
        "/",
        "/webhook/",
        "/webhooks",
        "/webhook/other",
        "/webhook/main/",
        "/webhook/main/x",
        "/webhook//main",
        "//webhook",
        "/Webhook",
        "/webhook%2F",
        "/webhook/%FF",
        "/x/webhook",
        "/favicon.ico",
    ]
    requests = [get(path, method=method) for path in paths for method in ("GET", "POST", "HEAD", "DELETE")]

    replies = ask(desk, *requests)

    assert {(reply.code, reply.body, reply.headers["connection"]) for reply in replies} == {(404, b"", "close")}
    assert (desk.codes, desk.received) == ([404] * len(requests), [])


def test_other_methods_are_not_allowed() -> None:
    desk = Desk()
    methods = ["HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]

    replies = ask(desk, *(get("/webhook", method=method) for method in methods))

    assert {(reply.code, reply.headers["allow"], reply.body) for reply in replies} == {(405, "GET, POST", b"")}
    assert desk.codes == [405] * len(methods)


# --- posts ------------------------------------------------------------------------------------------------------------


def test_post_reaches_the_receiver_as_it_was_sent() -> None:
    desk = Desk()
    body = b'{"a":"\\u00e4\\/"}\r\n\0\xff'

    replies = ask(
        desk,
        post(body, "X-Hub-Signature-256: sha256=12ab", path="/webhook/main"),
        post(body, "x-HUB-signature-256:sha256=12ab"),
        post(body),
        post(b""),
    )

    assert [reply.code for reply in replies] == [200] * 4
    assert desk.received == [
        ("main", body, b"sha256=12ab"),
        (None, body, b"sha256=12ab"),
        (None, body, None),
        (None, b"", None),
    ]
    assert desk.codes == [200] * 4
    assert all(0 <= seconds < 20 for seconds in desk.seconds)


def test_of_two_signatures_none_counts() -> None:
    desk = Desk()

    ask(desk, post(b"{}", "X-Hub-Signature-256: sha256=aa", "X-Hub-Signature-256: sha256=bb"))

    assert desk.received == [(None, b"{}", None)]


async def unauthorised(body: bytes) -> int:
    return 401


async def unavailable(body: bytes) -> int:
    return 503


async def unheard_of(body: bytes) -> int:
    return 299


@pytest.mark.parametrize(("take", "code"), [(unauthorised, 401), (unavailable, 503), (unheard_of, 500)])
def test_what_the_receiver_says_is_answered(take: Callable[[bytes], Awaitable[int]], code: int) -> None:
    desk = Desk(take)

    (reply,) = ask(desk, post())

    assert (reply.code, desk.codes) == (code, [code])
    assert reply.headers.get("retry-after") == ("10" if code == 503 else None)
    assert "connection" not in reply.headers


def test_error_of_the_receiver_is_told_to_nobody_but_the_log_and_once(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(body: bytes) -> int:
        raise ValueError(f"cannot read {body!r}")

    with caplog.at_level(logging.DEBUG, logger="wamon"):
        replies = ask(Desk(fail), post(b"+1 555 0100"), post(b"+1 555 0101"))

    assert [(reply.code, reply.body) for reply in replies] == [(500, b"internal error\n")] * 2
    (record,) = caplog.records
    assert (record.levelname, record.__dict__["error"]) == ("ERROR", "ValueError")
    assert "fail:" in record.__dict__["at"][-1]
    assert not re.search(r"\+1|555 01", str(record.__dict__))


def test_another_kind_of_error_is_logged_too(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(body: bytes) -> int:
        raise KeyError(body) if body == b"1" else ValueError(body)

    with caplog.at_level(logging.DEBUG, logger="wamon"):
        ask(Desk(fail), post(b"1"), post(b"2"), post(b"1"))

    assert [record.__dict__["error"] for record in caplog.records] == ["KeyError", "ValueError"]


def test_connection_is_kept_for_the_next_webhook() -> None:
    desk = Desk()

    async def story() -> list[int]:
        async with listening(desk) as port, Sender(port) as sender:
            codes = []
            for number in range(5):
                await sender.send(post(b"%d" % number))
                codes.append((await sender.reply()).code)
            return codes

    assert asyncio.run(story()) == [200] * 5
    assert [body for _, body, _ in desk.received] == [b"0", b"1", b"2", b"3", b"4"]


def test_pipelined_requests_are_answered_in_their_order() -> None:
    async def take(body: bytes) -> int:
        # The first is the slowest.
        for _ in range(10 - int(body)):
            await asyncio.sleep(0)
        return 401 if body == b"1" else 200

    desk = Desk(take)

    async def story() -> list[int]:
        async with listening(desk) as port, Sender(port) as sender:
            await sender.send(post(b"0") + post(b"1") + post(b"2") + get("/webhook"))
            return [(await sender.reply()).code for _ in range(4)]

    assert asyncio.run(story()) == [200, 401, 200, 403]


def test_chunked_body_is_put_together() -> None:
    desk = Desk()

    async def story() -> Reply:
        async with listening(desk) as port, Sender(port) as sender:
            await sender.send(b"POST /webhook HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            for piece in (b'3\r\n{"a', b"\r\n", b'4\r\n":1}\r\n', b"0\r\n\r\n"):
                await sender.send(piece)
                await asyncio.sleep(0)
            return await sender.reply()

    assert asyncio.run(story()).code == 200
    assert desk.received == [(None, b'{"a":1}', None)]


def test_sender_that_asks_first_is_told_to_go_on() -> None:
    desk = Desk()

    async def story() -> tuple[bytes, int]:
        async with listening(desk) as port, Sender(port) as sender:
            head, _, body = post(b"{}", "Expect: 100-continue").partition(b"\r\n\r\n")
            await sender.send(head + b"\r\n\r\n")
            go_on = await sender.reader.readuntil(b"\r\n\r\n")
            await sender.send(body)
            return go_on, (await sender.reply()).code

    assert asyncio.run(story()) == (b"HTTP/1.1 100 Continue\r\n\r\n", 200)


# --- limits -----------------------------------------------------------------------------------------------------------


def test_body_of_the_largest_size_is_taken() -> None:
    desk = Desk()

    (reply,) = ask(desk, post(b"x" * public.MAX_BODY_BYTES))

    assert reply.code == 200
    assert len(desk.received[0][1]) == 4 * 1024 * 1024


def test_length_above_the_limit_is_refused_before_a_byte_of_the_body() -> None:
    desk = Desk()

    async def story() -> tuple[Reply, bool]:
        async with listening(desk) as port, Sender(port) as sender:
            head = f"POST /webhook HTTP/1.1\r\nHost: a\r\nContent-Length: {public.MAX_BODY_BYTES + 1}\r\n\r\n"
            await sender.send(head.encode())
            reply = await sender.reply()
            sender.writer.write_eof()
            return reply, await sender.is_closed()

    reply, is_closed = asyncio.run(story())

    assert (reply.code, reply.body, reply.headers["connection"]) == (413, b"body too large\n", "close")
    assert is_closed
    assert (desk.received, desk.codes) == ([], [413])


def test_sender_of_5_mb_sees_why_it_is_refused() -> None:
    desk = Desk()

    (reply,) = ask(desk, post(b"x" * 5_000_000))

    assert (reply.code, desk.received) == (413, [])


def test_sender_that_asks_first_is_not_told_to_send_too_much() -> None:
    (reply,) = ask(Desk(), get("/webhook", "Expect: 100-continue", "Content-Length: 9999999", method="POST"))

    assert reply.code == 413


def test_chunks_are_counted_while_they_come() -> None:
    desk = Desk()

    async def story() -> Reply:
        async with listening(desk) as port, Sender(port) as sender:
            await sender.send(b"POST /webhook HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(5):
                await sender.send(b"100000\r\n" + b"x" * 0x100000 + b"\r\n")
            return await sender.reply()

    assert asyncio.run(story()).code == 413
    assert (desk.received, desk.codes) == ([], [413])


@pytest.mark.parametrize("length", ["99999999999999", "99999999999999999999999999999", "-1", "1_0", "1, 2"])
def test_odd_length_is_refused(length: str) -> None:
    desk = Desk()

    (reply,) = ask(desk, get("/webhook", f"Content-Length: {length}", method="POST"))

    assert reply.code in (400, 413)
    assert desk.received == []


def test_body_that_does_not_come_in_time_is_refused() -> None:
    desk = Desk()

    async def story() -> tuple[Reply, bool]:
        async with listening(desk, body_seconds=0.05) as port, Sender(port) as sender:
            await sender.send(post(b"{}")[:-1])
            return await sender.reply(), await sender.is_closed()

    reply, is_closed = asyncio.run(story())

    assert (reply.code, is_closed) == (408, True)
    assert (desk.received, desk.codes) == ([], [408])


def test_body_that_drips_does_not_gain_time_by_it() -> None:
    desk = Desk()

    async def story() -> Reply:
        async with listening(desk, body_seconds=0.1) as port, Sender(port) as sender:
            await sender.send(post(b"x" * 100_000)[:-100_000])
            reply = asyncio.ensure_future(sender.reply())
            for _ in range(10_000):
                if reply.done():
                    break
                await sender.send(b"x")
                await asyncio.sleep(0.005)
            return await reply

    assert asyncio.run(story()).code == 408
    assert desk.received == []


def test_time_is_kept_again_after_a_while_without_senders() -> None:
    async def story() -> list[int]:
        async with listening(Desk(), body_seconds=0.05) as port, Sender(port) as sender:
            await sender.send(post())
            first = await sender.reply()
            await asyncio.sleep(0.2)
            await sender.send(post()[:-1])
            return [first.code, (await sender.reply()).code]

    assert asyncio.run(story()) == [200, 408]


def test_slow_sender_holds_up_nobody_else() -> None:
    desk = Desk()

    async def story() -> list[int]:
        async with listening(desk, body_seconds=0.3) as port, Sender(port) as slow, Sender(port) as other:
            await slow.send(post(b"{}")[:-1])
            codes = []
            for _ in range(3):
                await other.send(post())
                codes.append((await other.reply()).code)
            return [*codes, (await slow.reply()).code]

    assert asyncio.run(story()) == [200, 200, 200, 408]


def test_receiver_may_take_longer_than_a_body() -> None:
    async def take(body: bytes) -> int:
        await asyncio.sleep(0.2)
        return 200

    async def story() -> int:
        async with listening(Desk(take), body_seconds=0.05) as port, Sender(port) as sender:
            await sender.send(post())
            return (await sender.reply()).code

    assert asyncio.run(story()) == 200


def test_sender_that_leaves_half_way_leaves_nothing() -> None:
    desk = Desk()

    async def story() -> int:
        async with listening(desk) as port:
            async with Sender(port) as sender:
                await sender.send(post(b'{"a":1}')[:-1])
            async with Sender(port) as other:
                await other.send(post(b"after"))
                return (await other.reply()).code

    assert asyncio.run(story()) == 200
    assert desk.received == [(None, b"after", None)]
    assert desk.codes == [200]


# --- without a server -------------------------------------------------------------------------------------------------


class Call:
    """One request given to the app piece by piece."""

    def __init__(self) -> None:
        self.pieces: asyncio.Queue[Message] = asyncio.Queue()
        self.sent: list[Message] = []

    def give(self, body: bytes, *, is_last: bool) -> None:
        self.pieces.put_nowait({"type": "http.request", "body": body, "more_body": not is_last})

    async def run(self, app: ASGIApp) -> None:
        scope = {"type": "http", "method": "POST", "path": "/webhook", "headers": [], "query_string": b""}
        await app(scope, self.pieces.get, self._send)

    async def _send(self, message: Message) -> None:
        self.sent.append(message)


def test_answer_to_what_was_taken_is_as_short_as_can_be() -> None:
    async def story() -> list[Message]:
        call = Call()
        call.give(b"{}", is_last=True)
        await call.run(public_app(Desk()))
        return call.sent

    assert asyncio.run(story()) == [
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]},
        {"type": "http.response.body", "body": b"", "more_body": False},
    ]


@pytest.mark.parametrize(("size", "code"), [(10, 200), (11, 413)])
def test_body_in_one_piece_is_measured_too(size: int, code: int) -> None:
    async def story() -> object:
        call = Call()
        call.give(b"x" * size, is_last=True)
        call.give(b"", is_last=True)
        await call.run(public_app(Desk(), max_body_bytes=10))
        return call.sent[0]["status"]

    assert asyncio.run(story()) == code


def test_memory_for_bodies_is_bounded_over_all_senders() -> None:
    desk = Desk()

    async def story() -> list[int]:
        app = public_app(desk, most_buffered_bytes=100)
        first, second, third = Call(), Call(), Call()
        async with asyncio.TaskGroup() as tasks:
            first.give(b"1" * 60, is_last=False)
            tasks.create_task(first.run(app))
            await asyncio.sleep(0)
            second.give(b"2" * 60, is_last=False)
            second.give(b"", is_last=True)
            await second.run(app)
            first.give(b"1" * 30, is_last=True)
        third.give(b"3" * 90, is_last=False)
        third.give(b"3", is_last=True)
        await third.run(app)
        return [call.sent[0]["status"] for call in (first, second, third)]

    assert asyncio.run(story()) == [200, 503, 200]
    assert [body for _, body, _ in desk.received] == [b"1" * 90, b"3" * 91]


def test_stop_ends_the_wait_for_a_body() -> None:
    desk = Desk()

    async def story() -> bool:
        task = asyncio.ensure_future(Call().run(public_app(desk)))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(story())
    assert desk.codes == []
