"""Slack's signed requests at the public listener: what is taken, and what is not."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.fakes import START, FakeClock
from tests.web.receiving import Desk, Reply, Sender, get, listening, post
from wamon.notify.slack.actions import click_of
from wamon.notify.slack.requests import SlackRequests
from wamon.sim.slack_clicks import Click, SignedRequest, slack_signature
from wamon.sim.slack_workspace import SlackChannel
from wamon.web.direct import TakesPosts
from wamon.web.public import MAX_SLACK_BODY_BYTES, SlackReceiver, public_app

PATH = "/slack/actions"
SECRET = "simulated-signing-secret"
FORM = b"payload=%7B%22type%22%3A+%22block_actions%22%7D"
BUTTON = {
    "type": "actions",
    "elements": [
        {
            "type": "button",
            "action_id": "wamon_acknowledge",
            "text": {"type": "plain_text", "text": "Acknowledge"},
            "value": "7",
        }
    ],
}


class Office:
    """What stands behind the route, with a clock of its own."""

    def __init__(self, *, is_full: bool = False) -> None:
        self.clock = FakeClock(START)
        self.taken: list[Mapping[str, Any]] = []
        self.counted: list[tuple[str, str]] = []
        self._is_full = is_full
        self.requests = SlackRequests(SECRET, self._take, clock=self.clock, observer=self)

    def _take(self, payload: Mapping[str, Any]) -> bool:
        self.taken.append(payload)
        return not self._is_full

    def slack_action(self, action: str, outcome: str) -> None:
        self.counted.append((action, outcome))

    def status(self, body: bytes, headers: Iterable[tuple[bytes, bytes]]) -> int:
        return asyncio.run(self.requests.receive(headers, body))


def signed(body: bytes, *, ago: timedelta = timedelta(0), secret: str = SECRET) -> list[tuple[bytes, bytes]]:
    stamp = str(int((START - ago).timestamp()))
    return [
        (b"x-slack-request-timestamp", stamp.encode()),
        (b"x-slack-signature", slack_signature(secret, stamp, body).encode()),
    ]


def lines(headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
    return [f"{name.decode()}: {value.decode()}" for name, value in headers]


@contextlib.asynccontextmanager
async def route(slack: SlackReceiver | None, desk: Desk | None = None, body_seconds: float = 5.0) -> AsyncIterator[int]:
    behind = desk or Desk()
    app = public_app(behind, slack, body_seconds=body_seconds)
    async with listening(behind, wrap=lambda _: app) as port:
        yield port


def ask(slack: SlackReceiver | None, *requests: bytes, desk: Desk | None = None) -> list[Reply]:
    async def story() -> list[Reply]:
        replies = []
        async with route(slack, desk) as port:
            for request in requests:
                async with Sender(port) as sender:
                    await sender.send(request)
                    replies.append(await sender.reply())
        return replies

    return asyncio.run(story())


# --- the signature ----------------------------------------------------------------------------------------------------


def test_signed_payload_is_taken() -> None:
    office = Office()

    assert office.status(FORM, signed(FORM)) == 200
    assert office.taken == [{"type": "block_actions"}]
    assert office.counted == []


def test_signature_is_that_of_slacks_own_example() -> None:
    # Source: Slack "Verifying requests from Slack", read 2026-11.
    secret, stamp = b"8f742231b10e8888abcd99yyyzzz85a5", b"1531420618"
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    expected = b"v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    counted: list[str] = []

    class Watch:
        def slack_action(self, action: str, outcome: str) -> None:
            counted.append(outcome)

    clock = FakeClock(START - timedelta(seconds=START.timestamp() - int(stamp)))
    requests = SlackRequests(secret.decode(), lambda _: True, clock=clock, observer=Watch())
    headers = [(b"x-slack-request-timestamp", stamp), (b"x-slack-signature", expected)]

    # Rightly signed, and no payload.
    assert asyncio.run(requests.receive(headers, body)) == 400
    assert counted == ["malformed"]


@pytest.mark.parametrize("ago", [timedelta(minutes=5), timedelta(minutes=-5), timedelta(0)])
def test_request_of_the_last_and_next_five_minutes_is_taken(ago: timedelta) -> None:
    assert Office().status(FORM, signed(FORM, ago=ago)) == 200


@pytest.mark.parametrize("ago", [timedelta(seconds=301), timedelta(seconds=-301), timedelta(days=30)])
def test_stale_request_is_refused(ago: timedelta) -> None:
    office = Office()

    assert office.status(FORM, signed(FORM, ago=ago)) == 401
    assert (office.taken, office.counted) == ([], [("unknown", "refused")])


STAMP, SIGNATURE = signed(FORM)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [STAMP],
        [SIGNATURE],
        [STAMP, SIGNATURE, SIGNATURE],
        [STAMP, STAMP, SIGNATURE],
        [STAMP, (SIGNATURE[0], b"")],
        [STAMP, (SIGNATURE[0], b"v0=")],
        [STAMP, (SIGNATURE[0], SIGNATURE[1][3:])],
        [STAMP, (SIGNATURE[0], b"v1" + SIGNATURE[1][2:])],
        [STAMP, (SIGNATURE[0], SIGNATURE[1].upper())],
        [STAMP, (SIGNATURE[0], SIGNATURE[1][:-1])],
        [STAMP, (SIGNATURE[0], "é".encode())],
        [(STAMP[0], b"0" + STAMP[1]), SIGNATURE],
        [(STAMP[0], b""), SIGNATURE],
        [(STAMP[0], b"-1"), SIGNATURE],
        [(STAMP[0], b"now"), SIGNATURE],
        [(STAMP[0], b"9" * 400), SIGNATURE],
        signed(FORM, secret="not-the-secret"),
        signed(FORM + b" "),
    ],
)
def test_forged_request_is_refused_and_counted(headers: list[tuple[bytes, bytes]]) -> None:
    office = Office()

    assert office.status(FORM, headers) == 401
    assert (office.taken, office.counted) == ([], [("unknown", "refused")])


def test_refusals_are_logged_once_until_one_is_believed(caplog: pytest.LogCaptureFixture) -> None:
    office = Office()

    for headers in ([], [], signed(FORM), [], []):
        office.status(FORM, headers)

    assert len(caplog.records) == 2
    assert "WAMON_SLACK_SIGNING_SECRET" in caplog.text


@pytest.mark.parametrize(
    "body",
    [b"", b"payload=", b"payload=text", b"payload=[1]", b"payload={}&payload={}", b"\xff", b"other={}", b"{}",
     b"payload=" + b"[" * 100_000, b"&".join(b"a=1" for _ in range(100)) + b"&payload={}"],
)  # fmt: skip
def test_request_without_a_payload_is_counted_and_not_quoted(body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    office = Office()

    assert office.status(body, signed(body)) == 400
    assert (office.taken, office.counted) == ([], [("unknown", "malformed")])
    assert [record.message for record in caplog.records] == ["slack request without a payload"]


def test_request_beyond_what_can_be_looked_after_is_not_taken() -> None:
    assert Office(is_full=True).status(FORM, signed(FORM)) == 503


def test_replayed_request_makes_the_same_act() -> None:
    channel = SlackChannel(now=FakeClock(START).now)
    office = Office()

    async def scenario() -> None:
        message = channel.accept({"text": "x", "blocks": [BUTTON]}, via="bot")
        click = await clicked(channel, message.ts)
        request = channel.workspace.interactivity.signed(click.payload)
        for _ in range(2):
            assert await office.requests.receive(raw(request), request.body) == 200

    asyncio.run(scenario())

    first, second = (click_of(payload) for payload in office.taken)
    assert first is not None
    assert first == second


async def clicked(channel: SlackChannel, ts: str) -> Click:
    """A click that goes nowhere."""
    channel.workspace.sockets.ack_seconds = 0.001
    return await channel.click(ts, "wamon_acknowledge")


def raw(request: SignedRequest) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in request.headers.items()]


# --- the route --------------------------------------------------------------------------------------------------------


def test_press_comes_through_the_public_listener_and_is_answered_with_nothing() -> None:
    office = Office()

    (reply,) = ask(office.requests, post(FORM, *lines(signed(FORM)), path=PATH))

    assert (reply.code, reply.body) == (200, b"")
    assert office.taken == [{"type": "block_actions"}]


def test_without_a_signing_secret_there_is_no_such_route() -> None:
    desk = Desk()

    replies = ask(None, post(FORM, *lines(signed(FORM)), path=PATH), get(PATH), desk=desk)

    assert [reply.code for reply in replies] == [404, 404]
    assert desk.received == []


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (post(FORM, path=PATH), 401),
        (post(b"x", *lines(signed(b"x")), path=PATH), 400),
        (get(PATH), 405),
        (get(PATH, method="PUT"), 405),
        (post(FORM, *lines(signed(FORM)), path=PATH + "/"), 404),
        (post(FORM, *lines(signed(FORM)), path="/slack"), 404),
    ],
)
def test_what_is_not_right_is_refused(request_: bytes, code: int) -> None:
    (reply,) = ask(Office().requests, request_)

    assert reply.code == code


def test_metas_webhooks_are_received_as_without_slack() -> None:
    desk, office = Desk(), Office()

    codes = [reply.code for reply in ask(office.requests, post(b"{}"), post(b"{}", path="/webhook/main"), desk=desk)]

    assert codes == [200, 200]
    assert [app for app, _, _ in desk.received] == [None, "main"]
    assert isinstance(public_app(desk, office.requests), TakesPosts)


def test_slacks_answers_are_not_counted_as_metas() -> None:
    desk, office = Desk(), Office()

    ask(office.requests, post(FORM, path=PATH), post(FORM, *lines(signed(FORM)), path=PATH), desk=desk)

    assert desk.codes == []


def test_payload_of_the_largest_size_is_taken() -> None:
    body = b"payload=%7B%7D&x="
    body += b"x" * (MAX_SLACK_BODY_BYTES - len(body))

    (reply,) = ask(Office().requests, post(body, *lines(signed(body)), path=PATH))

    assert reply.code == 200


def test_length_above_the_limit_is_refused_before_the_body() -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {MAX_SLACK_BODY_BYTES + 1}\r\n\r\n".encode()

    (reply,) = ask(Office().requests, head)

    assert reply.code == 413


def test_chunks_above_the_limit_are_refused() -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    piece = b"x" * (MAX_SLACK_BODY_BYTES // 2 + 1)
    chunk = b"%x\r\n%s\r\n" % (len(piece), piece)

    (reply,) = ask(Office().requests, head + chunk * 2 + b"0\r\n\r\n")

    assert reply.code == 413


def test_chunked_payload_is_put_together() -> None:
    office = Office()
    head = "\r\n".join([f"POST {PATH} HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", *lines(signed(FORM)), "", ""])
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (FORM[:9], FORM[9:]))

    (reply,) = ask(office.requests, head.encode() + chunks + b"0\r\n\r\n")

    assert reply.code == 200
    assert len(office.taken) == 1


def test_body_that_does_not_come_in_time_is_refused() -> None:
    async def story() -> int:
        async with route(Office().requests, body_seconds=0.05) as port, Sender(port) as sender:
            await sender.send(post(FORM, path=PATH)[:-1])
            return (await sender.reply()).code

    assert asyncio.run(story()) == 408


def test_sender_that_leaves_half_way_leaves_nothing() -> None:
    office = Office()

    async def story() -> int:
        async with route(office.requests) as port:
            async with Sender(port) as sender:
                await sender.send(post(FORM, path=PATH)[:-1])
            async with Sender(port) as sender:
                await sender.send(post(FORM, *lines(signed(FORM)), path=PATH))
                return (await sender.reply()).code

    assert asyncio.run(story()) == 200
    assert len(office.taken) == 1


def test_error_behind_the_route_is_told_to_nobody_but_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        async def receive(self, headers: object, body: bytes) -> int:
            raise RuntimeError("secret-text")

    (reply,) = ask(Broken(), post(FORM, path=PATH))

    assert reply.code == 500
    assert b"secret" not in reply.body
    assert "slack request could not be taken in" in caplog.text
    assert "secret-text" not in caplog.text


def test_clicks_in_the_fake_slack_arrive_and_forged_ones_do_not(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="wamon")
    channel = SlackChannel(now=FakeClock(START).now)
    office = Office()

    async def story() -> list[int | None]:
        people = channel.workspace.interactivity
        message = channel.accept({"text": "x", "blocks": [BUTTON]}, via="bot")
        async with route(office.requests) as port:
            channel.workspace.request_url = f"http://127.0.0.1:{port}{PATH}"
            click = await channel.click(message.ts, "wamon_acknowledge")
            forgeries = (people.forged, people.unsigned, people.tampered, people.stale)
            return [click.status, *[(await people.send(forge(click.payload))).status for forge in forgeries]]

    assert asyncio.run(story()) == [200, 401, 401, 401, 401]
    assert len(office.taken) == 1
    assert SECRET not in caplog.text


def test_form_with_other_fields_is_read() -> None:
    body = urlencode({"payload": '{"a": "ü&="}', "ssl_check": "0"}).encode()
    office = Office()

    assert office.status(body, signed(body)) == 200
    assert office.taken == [{"a": "ü&="}]
