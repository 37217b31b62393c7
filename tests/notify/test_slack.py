"""What arrives in Slack, and Slack's faults, each against the fake Slack on a real loopback socket."""

import asyncio
import socket
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.fakes import FakeClock
from tests.notify.slack_world import MESSAGE, SECRET_PATH, SHORT, TIMEOUT, WAYS, World, in_world
from wamon.core.errors import DeliveryDeferred, DeliveryError
from wamon.core.outgoing import Receipt
from wamon.notify.slack import SlackWebhook
from wamon.sim.serve import serve
from wamon.sim.slack import SlackChannel

# --- what arrives -----------------------------------------------------------------------------------------------------


def test_webhook_posts_blocks_with_a_plain_text() -> None:
    async def scenario(here: World) -> None:
        receipt = await here.send("webhook")

        (message,) = here.channel.messages
        assert message.text.splitlines()[0] == "CRITICAL  Quality rating RED  +1 555 078 3881 (Jasper's Market)"
        assert message.blocks[0]["type"] == "header"
        assert receipt == Receipt()

    in_world(scenario)


def test_bot_posts_with_its_reference_and_learns_where() -> None:
    async def scenario(here: World) -> None:
        receipt = await here.send("bot")

        (message,) = here.channel.messages
        assert message.metadata == {"event_type": "wamon_alert", "event_payload": {"reference": MESSAGE.reference}}
        assert receipt == Receipt(channel="C0WAMONSIM", message_id=message.ts)

    in_world(scenario)


@pytest.mark.parametrize("way", WAYS)
def test_message_of_any_length_is_taken(way: str) -> None:
    huge = replace(MESSAGE, headline="x" * 9000, steps=("&" * 9000,) * 50, remarks=("<" * 9000,) * 50)

    async def scenario(here: World) -> None:
        await here.send(way, message=huge)

        assert len(here.channel.messages) == 1

    in_world(scenario)


# --- Slack asks to wait, or is in trouble -----------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("header", "wait"),
    [
        (1, timedelta(seconds=1)),
        (3600, timedelta(seconds=3600)),
        (None, timedelta(seconds=30)),
        (0, timedelta(seconds=1)),
        ("soon", timedelta(seconds=30)),
        ("-5", timedelta(seconds=30)),
        (10**8, timedelta(days=1)),
    ],
)
def test_rate_limit_is_waited_out_exactly(way: str, header: object, wait: timedelta) -> None:
    async def scenario(here: World) -> None:
        here.channel.faults.add("rate_limited", retry_after=header)

        failure = await here.failure(way)

        assert isinstance(failure, DeliveryDeferred)
        assert failure.retry_after == wait
        assert not failure.may_have_arrived

    in_world(scenario)


@pytest.mark.parametrize("word", ["ratelimited", "rate_limited"])
def test_rate_limit_told_with_status_200_is_one_too(word: str) -> None:
    async def scenario(here: World) -> None:
        here.channel.faults.add("error", code=word)

        failure = await here.failure("bot")

        assert isinstance(failure, DeliveryDeferred)
        assert failure.retry_after == timedelta(seconds=30)

    in_world(scenario)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("status", "may_have_arrived"), [(500, True), (502, True), (503, False), (504, True), (408, False)]
)
def test_gateway_page_is_tried_again(way: str, status: int, may_have_arrived: bool) -> None:
    async def scenario(here: World) -> None:
        here.channel.faults.add("status", http_status=status)

        failure = await here.failure(way)

        assert isinstance(failure, DeliveryDeferred)
        assert failure.retry_after is None
        assert failure.may_have_arrived is may_have_arrived

    in_world(scenario)


def test_nobody_listening_means_that_nothing_arrived() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"

        async def scenario() -> list[DeliveryError]:
            here = World(channel=SlackChannel(now=FakeClock().now), url=url)
            return [await here.failure(way) for way in WAYS]

        failures = asyncio.run(scenario())

    assert [str(failure) for failure in failures] == ["Slack cannot be reached: Connection refused"] * 2
    assert [getattr(failure, "may_have_arrived", None) for failure in failures] == [False, False]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("fault", "arrived"), [("accept_then_reset", 1), ("reset", 0)])
def test_reset_after_the_request_leaves_doubt(way: str, fault: str, arrived: int) -> None:
    async def scenario(here: World) -> None:
        here.channel.faults.add(fault)

        failure = await here.failure(way)

        assert isinstance(failure, DeliveryDeferred)
        assert failure.may_have_arrived
        assert len(here.channel.messages) == arrived

    in_world(scenario)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("fault", "arrived"), [("accept_then_hang", 1), ("hang", 0), ("slow", 0)])
def test_answer_that_does_not_come_leaves_doubt(way: str, fault: str, arrived: int) -> None:
    async def scenario(here: World) -> None:
        here.channel.faults.add(fault)

        failure = await here.failure(way, timeout_seconds=SHORT)

        assert isinstance(failure, DeliveryDeferred)
        assert str(failure) == "Slack did not answer: timed out"
        assert failure.may_have_arrived
        assert len(here.channel.messages) >= arrived

    in_world(scenario)


def slack_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "wamon-slack"]


def test_answer_in_drops_is_cut_off_and_leaves_nothing_behind() -> None:
    has_gone = threading.Event()

    async def drip(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        slow = asyncio.Event()
        while not has_gone.is_set():
            await send({"type": "http.response.body", "body": b"o", "more_body": True})
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(slow.wait(), SHORT / 3)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def scenario() -> DeliveryDeferred:
        async with serve(drip) as url:
            notifier = SlackWebhook(url + SECRET_PATH, timeout_seconds=SHORT)
            with pytest.raises(DeliveryDeferred) as sent:
                await notifier.send(MESSAGE)
            for thread in slack_threads():
                await asyncio.to_thread(thread.join, TIMEOUT)
            left = slack_threads()
            has_gone.set()
            await notifier.close()
        assert left == []
        return sent.value

    sent = asyncio.run(scenario())

    assert str(sent) == "Slack did not answer: timed out"
    assert sent.may_have_arrived


def test_head_of_an_answer_in_drops_is_not_waited_for_and_does_not_hold_the_process() -> None:
    may_end = threading.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        slow = asyncio.Event()
        writer.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not may_end.is_set():
            writer.write(b"o")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(slow.wait(), SHORT / 3)
        writer.close()

    async def scenario() -> tuple[DeliveryDeferred, list[bool]]:
        server = await asyncio.start_server(drip, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            notifier = SlackWebhook(f"http://127.0.0.1:{port}{SECRET_PATH}", timeout_seconds=SHORT)
            with pytest.raises(DeliveryDeferred) as sent:
                await notifier.send(MESSAGE)
            threads = slack_threads()
            may_end.set()
            for thread in threads:
                await asyncio.to_thread(thread.join, TIMEOUT)
        return sent.value, [thread.daemon for thread in threads]

    sent, daemons = asyncio.run(scenario())

    assert str(sent) == "Slack did not finish its answer"
    assert sent.may_have_arrived
    # The interpreter waits for any other thread when it exits.
    assert daemons == [True]


# --- answers that are not Slack's -------------------------------------------------------------------------------------


async def page(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("<html>Please log in</html>")(scope, receive, send)


async def listed(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse('[{"ok": true}]')(scope, receive, send)


async def nested(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("[" * 100_000)(scope, receive, send)


async def bytes_of_nothing(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(b"\xff\xfe\x00", media_type="text/plain; charset=klingon")(scope, receive, send)


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("x" * (3 << 20))(scope, receive, send)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("app", [page, listed, nested, bytes_of_nothing, endless])
def test_success_that_is_not_slacks_counts_as_doubt(way: str, app: ASGIApp) -> None:
    async def scenario() -> DeliveryError:
        async with serve(app) as url:
            return await World(channel=SlackChannel(now=FakeClock().now), url=url).failure(way)

    failure = asyncio.run(scenario())

    assert isinstance(failure, DeliveryDeferred)
    assert failure.may_have_arrived


@pytest.mark.parametrize("way", WAYS)
def test_redirect_is_not_followed_with_the_token(way: str) -> None:
    seen: list[str] = []

    async def collector(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["path"])
        await PlainTextResponse("ok")(scope, receive, send)

    async def scenario() -> DeliveryError:
        async with serve(collector) as elsewhere:

            async def redirect(scope: Scope, receive: Receive, send: Send) -> None:
                await RedirectResponse(elsewhere + "/steal", status_code=302)(scope, receive, send)

            async with serve(redirect) as url:
                return await World(channel=SlackChannel(now=FakeClock().now), url=url).failure(way)

    failure = asyncio.run(scenario())

    assert isinstance(failure, DeliveryDeferred)
    assert seen == []


@pytest.mark.parametrize("way", WAYS)
def test_proxy_of_the_environment_is_left_alone(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    async def scenario(here: World) -> None:
        await here.send(way)

        assert len(here.channel.messages) == 1

    in_world(scenario)
