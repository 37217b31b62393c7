"""People's clicks in the fake Slack, and how they reach an app by HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from slack_sdk.signature import Clock, SignatureVerifier
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from tests.fakes import FakeClock
from tests.sim.callers import slack_call
from tests.sim.slack_callers import SECTION, buttons, method, post, quiet_channel
from wamon.sim.serve import serve
from wamon.sim.slack import SlackChannel, slack_app


class Receiver:
    """An app's request URL, which checks as slack_sdk does."""

    def __init__(self, channel: SlackChannel, clock: FakeClock) -> None:
        class _Clock(Clock):
            def now(self) -> float:
                return clock.now().timestamp()

        self.verifier = SignatureVerifier(channel.workspace.signing_secret, _Clock())
        self.status = 200
        self.payloads: list[dict[str, Any]] = []
        self.verdicts: list[bool] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        self.verdicts.append(self.verifier.is_valid_request(body, dict(request.headers)))
        self.payloads.append(json.loads(parse_qs(body.decode())["payload"][0]))
        await PlainTextResponse("", self.status)(scope, receive, send)


@asynccontextmanager
async def received(channel: SlackChannel, clock: FakeClock) -> AsyncIterator[Receiver]:
    receiver = Receiver(channel, clock)
    async with serve(receiver) as url:
        channel.workspace.request_url = f"{url}/slack/actions"
        yield receiver


def test_click_reaches_the_request_url_signed_and_whole() -> None:
    channel, clock = quiet_channel()
    root = post(channel)["ts"]
    ts = post(channel, thread_ts=root, blocks=[SECTION, *buttons("ack", "other", value="7")])["ts"]

    async def scenario() -> Receiver:
        async with received(channel, clock) as receiver:
            click = await channel.click(ts, "ack", user="U0BEN")
        assert (click.via, click.is_delivered, click.status, click.error) == ("http", True, 200, None)
        assert channel.workspace.clicks == [click]
        return receiver

    receiver = asyncio.run(scenario())

    (payload,) = receiver.payloads
    (action,) = payload["actions"]
    assert receiver.verdicts == [True]
    assert payload["type"] == "block_actions"
    assert payload["user"] == {"id": "U0BEN", "username": "ben", "name": "ben", "team_id": "T0WAMONSIM"}
    assert payload["team"] == {"id": "T0WAMONSIM", "domain": "wamon-sim"}
    assert payload["api_app_id"] == "A0WAMONSIM"
    assert payload["channel"] == {"id": channel.id, "name": "wamon-alerts"}
    assert payload["container"] == {
        "type": "message",
        "message_ts": ts,
        "channel_id": channel.id,
        "is_ephemeral": False,
        "thread_ts": root,
    }
    assert payload["message"] == channel.as_json(channel.messages[1])
    assert action.pop("action_ts") > ts
    assert action == {
        "type": "button",
        "action_id": "ack",
        "block_id": "deeds",
        "text": {"type": "plain_text", "text": "ack"},
        "value": "7",
    }


def test_only_what_the_message_shows_now_can_be_pressed() -> None:
    channel, _ = quiet_channel()
    ts = post(channel, blocks=buttons("ack"))["ts"]
    method(channel, "chat.update", channel=channel.id, ts=ts, text="resolved", blocks=buttons("reopen"))

    with pytest.raises(LookupError, match="shows no 'ack'; what it shows: reopen"):
        asyncio.run(channel.click(ts, "ack"))
    with pytest.raises(LookupError, match="no message"):
        asyncio.run(channel.click("1.0", "ack"))

    assert channel.workspace.clicks == []


def test_value_picks_an_option_of_a_menu_or_one_of_several_buttons() -> None:
    channel, _ = quiet_channel()
    channel.workspace.sockets.attempts = 0
    options = [{"text": {"type": "plain_text", "text": each}, "value": each} for each in ("1h", "4h")]
    group = {"label": {"type": "plain_text", "text": "long"}, "options": options}
    elements = [
        {"type": "overflow", "action_id": "more", "options": options},
        {"type": "static_select", "action_id": "choose", "option_groups": [group]},
    ]
    twice = [buttons("ack", value=each)[0] | {"block_id": each} for each in ("7", "8")]
    ts = post(channel, blocks=[{"type": "actions", "block_id": "menus", "elements": elements}, *twice])["ts"]

    async def scenario() -> list[Any]:
        menus = [await channel.click(ts, each, value="4h") for each in ("more", "choose")]
        presses = [await channel.click(ts, "ack", value="8"), await channel.click(ts, "ack", block_id="8")]
        with pytest.raises(LookupError):
            await channel.click(ts, "more", value="9h")
        return [click.payload["actions"] for click in (*menus, *presses)]

    menus_and_presses = [actions[0] for actions in asyncio.run(scenario())]

    assert [action["selected_option"]["value"] for action in menus_and_presses[:2]] == ["4h", "4h"]
    assert [action["value"] for action in menus_and_presses[2:]] == ["8", "8"]


def test_click_that_the_app_refuses_or_cannot_take_is_recorded_as_such() -> None:
    channel, clock = quiet_channel()
    ts = post(channel, blocks=buttons("ack"))["ts"]

    async def scenario() -> list[Any]:
        async with received(channel, clock) as receiver:
            receiver.status = 500
            refused = await channel.click(ts, "ack")
        gone = await channel.click(ts, "ack")
        return [(click.is_delivered, click.status, click.error) for click in (refused, gone)]

    assert asyncio.run(scenario()) == [(False, 500, "answered 500"), (False, None, "ConnectError")]


def test_false_requests_are_told_from_true_ones() -> None:
    channel, clock = quiet_channel()
    ts = post(channel, blocks=buttons("ack"))["ts"]

    async def scenario() -> list[bool]:
        async with received(channel, clock) as receiver:
            payload = (await channel.click(ts, "ack")).payload
            people = channel.workspace.interactivity
            replayed = people.signed(payload)
            for request in (replayed, replayed, *(make(payload) for make in makers(channel))):
                assert (await people.send(request)).status == 200
        return receiver.verdicts

    assert asyncio.run(scenario()) == [True, True, True, False, False, False, False]


def makers(channel: SlackChannel) -> list[Callable[..., Any]]:
    people = channel.workspace.interactivity
    return [people.forged, people.unsigned, people.tampered, people.stale]


def test_request_needs_a_request_url() -> None:
    channel, _ = quiet_channel()
    people = channel.workspace.interactivity

    with pytest.raises(ValueError, match="request_url"):
        asyncio.run(people.send(people.signed({})))


def pressed(channel: SlackChannel, ts: str) -> str:
    """The path of a click's response_url."""
    channel.workspace.sockets.attempts = 0
    url = str(asyncio.run(channel.click(ts, "ack", user="U0BEN")).payload["response_url"])
    return url.removeprefix(channel.workspace.url)


def test_response_url_whispers_replaces_posts_and_deletes() -> None:
    channel, _ = quiet_channel()
    ts = post(channel, blocks=buttons("ack"))["ts"]
    path = pressed(channel, ts)

    wishes: list[dict[str, Any]] = [
        {"text": "only you"},
        {"text": "everybody", "response_type": "in_channel"},
        {"text": "replaced", "replace_original": True},
        {"delete_original": True},
    ]
    answers = [slack_call(channel, path, json=wish) for wish in wishes]

    assert [(answer.status_code, answer.text) for answer in answers] == [(200, "ok")] * 4
    assert [(message.text, message.user) for message in channel.ephemerals] == [("only you", "U0BEN")]
    assert [message.text for message in channel.messages] == ["everybody"]
    assert channel.deleted[0].text == "replaced"


def test_response_url_of_an_ephemeral_message_can_delete_it() -> None:
    channel, _ = quiet_channel()
    answer = method(
        channel, "chat.postEphemeral", channel=channel.id, user="U0BEN", text="sure?", blocks=buttons("ack")
    )
    path = pressed(channel, answer["message_ts"])

    slack_call(channel, path, json={"delete_original": True})

    assert channel.ephemerals == []
    assert "message" not in channel.workspace.clicks[0].payload


def test_response_url_is_good_for_five_uses_in_half_an_hour() -> None:
    channel, clock = quiet_channel()
    ts = post(channel, blocks=buttons("ack"))["ts"]
    first, second = pressed(channel, ts), pressed(channel, ts)

    used = [slack_call(channel, first, json={"text": "x"}).text for _ in range(6)]
    clock.advance(timedelta(minutes=31).total_seconds())
    expired = slack_call(channel, second, json={"text": "x"})

    assert used == ["ok"] * 5 + ["used_url"]
    assert (expired.status_code, expired.text) == (404, "expired_url")


def test_page_of_another_origin_presses_nothing() -> None:
    channel, _ = quiet_channel()

    assert slack_call(channel, "/sim/click", content=b"{}", headers={"content-type": "text/plain"}).status_code == 415


def test_button_is_pressed_from_the_page() -> None:
    channel, clock = quiet_channel()
    ts = post(channel, blocks=buttons("ack"))["ts"]
    wish = {"channel": channel.id, "ts": ts, "action_id": "ack", "user": "U0CARLA"}

    async def scenario() -> list[httpx.Response]:
        async with received(channel, clock), serve(slack_app(channel)) as url, httpx.AsyncClient() as client:
            wishes: list[dict[str, str]] = [wish, {**wish, "action_id": "x"}, {**wish, "channel": "x"}, {}]
            return [await client.post(f"{url}/sim/click", json=each) for each in wishes]

    good, *bad = asyncio.run(scenario())

    assert good.json() == {"ok": True, "error": None}
    assert [answer.status_code for answer in bad] == [400] * 3
    assert bad[1].json()["error"] == "no such channel"
    assert channel.workspace.clicks[0].payload["user"]["name"] == "carla"  # type: ignore[index]  # JSON
