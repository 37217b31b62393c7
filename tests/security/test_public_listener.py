"""What a stranger can do at the public listener: nothing but be refused, while those who belong there are served."""

import asyncio
import contextlib
import hmac
import logging
from collections import Counter
from typing import NoReturn

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from tests.web import receiving
from tests.web.receiving import TOKEN, Desk, Sender, ask, get, listening, post
from wamon.web.guard import Limits
from wamon.web.private import private_app
from wamon.webhooks.signature import SignatureChecker

pytestmark = pytest.mark.alone

SECRET = "ca9a12ca9a12ca9a12ca9a12ca9a12ca"
BODY = b'{"object":"whatsapp_business_account","entry":[{"id":"1029","changes":[]}]}'
NUMBER = b"15550100123"


@pytest.fixture(autouse=True, params=["direct", "asgi"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole posts take the short way, or all that ASGI has to offer: nobody can tell."""
    if request.param == "asgi":
        monkeypatch.setattr(receiving, "WRAP", receiving.asgi_only)


class Checking(Desk):
    """Takes what is signed."""

    def __init__(self) -> None:
        super().__init__()
        self._checker = SignatureChecker([SECRET])
        self.kept: list[bytes] = []

    async def receive(self, app: str | None, body: bytes, signature: bytes | None) -> int:
        if not self._checker.is_valid(signature, body):
            return 401
        self.kept.append(body)
        return 200


def signed(body: bytes = BODY, secret: str = SECRET) -> bytes:
    return post(body, f"X-Hub-Signature-256: sha256={hmac.new(secret.encode(), body, 'sha256').hexdigest()}")


def private_paths() -> list[str]:
    def never() -> NoReturn:
        raise AssertionError("only its routes are wanted")

    app = private_app(scrape=lambda _: never(), health=never)
    assert isinstance(app, Starlette)
    return [route.path for route in app.routes if isinstance(route, Route)]


def test_nothing_of_the_private_listener_is_reachable() -> None:
    paths = private_paths()
    attempts = [*paths, *(f"/webhook{path}" for path in paths), *(f"/webhook/..{path}" for path in paths)]
    attempts += ["/webhook/%2e%2e/metrics", "//metrics", "/webhook/../metrics", "http://127.0.0.1:9877/metrics"]

    replies = ask(Desk(), *(get(path) for path in attempts), *(get(path, method="POST") for path in attempts))

    assert "/metrics" in paths
    # "/webhook/" is the only attempt that is near a route, and it is none.
    assert {(reply.code, reply.body) for reply in replies} == {(404, b"")}


def test_forged_signatures_are_refused_and_nothing_is_kept() -> None:
    desk = Checking()
    digest = hmac.new(SECRET.encode(), BODY, "sha256").hexdigest()
    forgeries = [
        post(BODY),
        post(BODY, "X-Hub-Signature-256:"),
        post(BODY, f"X-Hub-Signature-256: {digest}"),
        post(BODY, f"X-Hub-Signature-256: sha256={digest.upper()}"),
        post(BODY, f"X-Hub-Signature-256: sha256={digest[:-1]}"),
        post(BODY, f"X-Hub-Signature-256: sha256={digest}, sha256={digest}"),
        post(BODY, f"X-Hub-Signature-256: sha256={digest}", f"X-Hub-Signature-256: sha256={digest}"),
        post(BODY, f"X-Hub-Signature: sha1={hmac.new(SECRET.encode(), BODY, 'sha1').hexdigest()}"),
        post(BODY + b" ", f"X-Hub-Signature-256: sha256={digest}"),
        signed(secret="another"),
        signed(secret=TOKEN),
        signed(secret=""),
    ]

    replies = ask(desk, *forgeries)

    assert {reply.code for reply in replies} == {401}
    assert (desk.kept, desk.codes) == ([], [401] * len(forgeries))
    assert [reply.code for reply in ask(desk, signed())] == [200]


def test_no_answer_names_software_or_repeats_what_was_sent() -> None:
    requests = [
        get(f"/webhook?hub.mode=subscribe&hub.verify_token=wrong&hub.challenge={NUMBER.decode()}"),
        get(f"/{NUMBER.decode()}"),
        get("/webhook", method="PUT"),
        post(NUMBER, path=f"/webhook/{NUMBER.decode()}"),
        post(NUMBER),
        post(b"x" * 5_000_000),
        b"\x00" + NUMBER + b"\r\n\r\n",
    ]

    replies = ask(Checking(), *requests)

    assert [reply.code for reply in replies] == [403, 404, 405, 404, 401, 413, 400]
    for reply in replies:
        assert not {"server", "x-powered-by", "via"} & set(reply.headers)
        assert NUMBER not in reply.body


def test_nothing_that_was_sent_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(body: bytes) -> int:
        raise ValueError(body)

    good = f"hub.mode=subscribe&hub.verify_token={TOKEN}&hub.challenge=ch4llenge"
    with caplog.at_level(logging.DEBUG):
        replies = ask(Desk(fail), get(f"/webhook?{good}"), get(f"/x?{good}"), post(NUMBER), NUMBER + b"\r\n\r\n")

    # asyncio's own DEBUG lines are about sockets.
    told = [str(record.__dict__) for record in caplog.records if record.name != "asyncio"]
    assert [reply.code for reply in replies] == [200, 404, 500, 400]
    assert [line for line in told if any(word in line for word in (TOKEN, "ch4llenge", NUMBER.decode()))] == []


def test_crowd_of_slow_strangers_keeps_nobody_out() -> None:
    desk = Checking()
    openings = [b"", b"POST /web", b"POST /webhook HTTP/1.1\r\nHost: a\r\n", post(b"x" * 1000)[:-1], post(BODY)]

    async def end(stranger: Sender) -> int | None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            return (await stranger.reply()).code
        return None

    async def story() -> tuple[set[int], list[int | None]]:
        limits = Limits(head_seconds=0.5)
        async with listening(desk, limits=limits, body_seconds=0.5) as port, contextlib.AsyncExitStack() as stack:
            strangers = [await stack.enter_async_context(Sender(port)) for _ in range(100)]
            for index, stranger in enumerate(strangers):
                await stranger.send(openings[index % len(openings)])
            meta = await stack.enter_async_context(Sender(port))
            codes = set()
            for _ in range(50):
                await meta.send(signed())
                codes.add((await meta.reply()).code)
            return codes, [await end(stranger) for stranger in strangers]

    codes, ends = asyncio.run(story())

    assert codes == {200}
    assert ends == [None, 408, 408, 408, 401] * 20
    assert desk.kept == [BODY] * 50


@pytest.mark.slow
@pytest.mark.parametrize("connections", [64, 500])
def test_ten_thousand_posts_in_five_seconds_leave_the_listener_answering(connections: int) -> None:
    desk = Checking()
    each = 10_000 // connections

    async def send_some(port: int, codes: Counter[int]) -> None:
        async with Sender(port) as sender:
            for number in range(each):
                # One in ten is forged.
                await sender.send(post(BODY) if number % 10 == 0 else signed())
                codes[(await sender.reply()).code] += 1

    async def story() -> tuple[Counter[int], int]:
        codes: Counter[int] = Counter()
        async with listening(desk) as port:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(connections):
                    tasks.create_task(send_some(port, codes))
            async with Sender(port) as late:
                await late.send(signed())
                return codes, (await late.reply()).code

    codes, last = asyncio.run(story())

    forged = connections * len(range(0, each, 10))
    assert codes == {200: connections * each - forged, 401: forged}
    assert last == 200
    assert len(desk.codes) == connections * each + 1
