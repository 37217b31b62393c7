"""Socket Mode of the fake Slack, with slack_sdk's own clients and with bare WebSockets."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web import WebClient
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.sim.callers import slack_call
from tests.sim.slack_callers import buttons, post, quiet_channel
from wamon.sim.serve import serve
from wamon.sim.slack import SlackChannel, slack_app


def clickable() -> tuple[SlackChannel, str]:
    channel, _ = quiet_channel()
    channel.workspace.sockets.ack_seconds = 0.05
    return channel, post(channel, blocks=buttons("ack", value="7"))["ts"]


@asynccontextmanager
async def connected(channel: SlackChannel, count: int = 1) -> AsyncIterator[list[ClientConnection]]:
    """So many open connections, which have been greeted."""
    sockets = channel.workspace.sockets
    async with serve(slack_app(channel)) as url, asyncio.timeout(10):
        clients = [await connect(sockets.open(url), proxy=None) for _ in range(count)]
        for number, client in enumerate(clients):
            hello = json.loads(await client.recv())
            assert (hello["type"], hello["num_connections"]) == ("hello", number + 1)
            assert hello["connection_info"] == {"app_id": "A0WAMONSIM"}
        yield clients
        for client in clients:
            await client.close()


async def envelope(client: ClientConnection) -> dict[str, Any]:
    message = json.loads(await client.recv())
    assert isinstance(message, dict)
    return message


async def acknowledge(client: ClientConnection, **more: Any) -> dict[str, Any]:
    message = await envelope(client)
    await client.send(json.dumps({"envelope_id": message["envelope_id"], **more}))
    return message


def test_click_comes_in_an_envelope_and_is_acknowledged() -> None:
    channel, ts = clickable()

    async def scenario() -> tuple[Any, dict[str, Any]]:
        async with connected(channel) as (client,), asyncio.TaskGroup() as group:
            received = group.create_task(acknowledge(client, payload={"text": "thanks"}))
            click = await channel.click(ts, "ack")
            return click, await received

    click, message = asyncio.run(scenario())

    assert (click.via, click.is_delivered, click.attempts, click.error) == ("socket", True, 1, None)
    assert click.answer == {"text": "thanks"}
    assert message["type"] == "interactive"
    assert message["accepts_response_payload"] is False
    assert message["payload"]["actions"][0]["value"] == "7"
    assert channel.workspace.sockets.acknowledged == [message["envelope_id"]]


def test_click_that_nobody_acknowledges_goes_to_the_next_connection() -> None:
    channel, ts = clickable()

    async def scenario() -> tuple[Any, list[str]]:
        async with connected(channel, 2) as (deaf, awake), asyncio.TaskGroup() as group:
            unheard, heard = group.create_task(envelope(deaf)), group.create_task(acknowledge(awake))
            click = await channel.click(ts, "ack")
            return click, [(await each)["envelope_id"] for each in (unheard, heard)]

    click, envelopes = asyncio.run(scenario())

    assert (click.is_delivered, click.attempts) == (True, 2)
    assert envelopes[0] == envelopes[1]


def test_click_is_lost_when_nobody_acknowledges_it_at_all() -> None:
    channel, ts = clickable()

    async def scenario() -> Any:
        async with connected(channel) as (client,):
            await client.send("no JSON")
            await client.send("[]")
            await client.send('{"envelope_id": "of-nothing"}')
            return await channel.click(ts, "ack")

    click = asyncio.run(scenario())

    assert (click.is_delivered, click.attempts, click.error) == (False, 2, "no acknowledgement")


def test_click_without_a_connection_is_lost() -> None:
    channel, ts = clickable()

    click = asyncio.run(channel.click(ts, "ack"))

    assert (click.is_delivered, click.attempts, click.error) == (False, 0, "nobody is connected")


def test_click_survives_a_connection_that_breaks_under_it() -> None:
    channel, ts = clickable()
    channel.workspace.sockets.ack_seconds = 5

    async def breaking(client: ClientConnection) -> None:
        await envelope(client)
        await client.close()

    async def scenario() -> Any:
        async with connected(channel, 2) as (broken, whole), asyncio.TaskGroup() as group:
            group.create_task(breaking(broken))
            group.create_task(acknowledge(whole))
            return await channel.click(ts, "ack")

    assert asyncio.run(scenario()).attempts == 2


@pytest.mark.parametrize(
    ("token", "error"),
    [("xapp-other", "invalid_auth"), ("xoxb-simulated-bot", "not_allowed_token_type"), ("", "not_authed")],
)
def test_connection_needs_the_app_level_token(token: str, error: str) -> None:
    channel, _ = quiet_channel()
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    assert slack_call(channel, "/api/apps.connections.open", headers=headers).json()["error"] == error


def test_address_is_good_for_one_connection_only() -> None:
    channel, _ = quiet_channel()

    async def scenario() -> None:
        async with serve(slack_app(channel)) as url:
            address = channel.workspace.sockets.open(url)
            async with connect(address, proxy=None):
                pass
            for wrong in (address, f"{url.replace('http', 'ws')}/elsewhere"):
                with pytest.raises(InvalidStatus):
                    await connect(wrong, proxy=None)

    asyncio.run(scenario())


def test_eleventh_connection_is_one_too_many() -> None:
    channel, _ = quiet_channel()

    async def scenario() -> dict[str, Any]:
        async with connected(channel, 10) as clients:
            address = channel.workspace.sockets.open(f"http://127.0.0.1:{clients[0].remote_address[1]}")
            async with connect(address, proxy=None) as client:
                return await envelope(client)

    assert asyncio.run(scenario())["reason"] == "too_many_websockets"


def test_connections_are_ended_with_a_reason_or_without_a_word() -> None:
    channel, _ = quiet_channel()
    sockets = channel.workspace.sockets

    async def scenario() -> list[str]:
        reasons = []
        async with connected(channel) as (client,):
            await sockets.warn()
            await sockets.disconnect()
            reasons += [(await envelope(client))["reason"] for _ in range(2)]
            with pytest.raises(ConnectionClosed):
                await client.recv()
        async with connected(channel) as (client,):
            await sockets.drop()
            with pytest.raises(ConnectionClosed):
                await client.recv()
        return reasons

    assert asyncio.run(scenario()) == ["warning", "refresh_requested"]
    assert sockets.connections == 0


def test_ping_is_answered() -> None:
    channel, _ = quiet_channel()

    async def scenario() -> float:
        async with connected(channel) as (client,):
            return await (await client.ping())

    assert asyncio.run(scenario()) >= 0


def test_slack_sdk_connects_takes_a_click_and_comes_back_after_a_refresh() -> None:
    channel, ts = clickable()
    sockets = channel.workspace.sockets
    sockets.ack_seconds = 5
    requests: list[SocketModeRequest] = []

    def on_request(client: Any, request: SocketModeRequest) -> None:
        requests.append(request)
        client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))

    async def scenario() -> list[bool]:
        async with serve(slack_app(channel)) as url, asyncio.timeout(20):
            web = WebClient(token=channel.bot_token, base_url=f"{url}/api/")
            with pytest.raises(SlackApiError, match="invalid_auth"):
                await asyncio.to_thread(web.apps_connections_open, app_token="xapp-other")
            client = SocketModeClient(app_token=channel.workspace.app_token, web_client=web)
            client.socket_mode_request_listeners.append(on_request)
            await asyncio.to_thread(client.connect)
            await sockets.wait_for_connections()
            first = await channel.click(ts, "ack")
            await sockets.disconnect()
            await sockets.wait_for_connections()
            second = await channel.click(ts, "ack")
            await asyncio.to_thread(client.close)
            return [first.is_delivered, second.is_delivered]

    assert asyncio.run(scenario()) == [True, True]
    assert [request.payload["actions"][0]["action_id"] for request in requests] == ["ack", "ack"]
