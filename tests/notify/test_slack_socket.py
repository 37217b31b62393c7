"""Socket Mode against the fake Slack: what is pressed arrives, whatever becomes of the connections."""

import asyncio
import json
import logging
from typing import Any

import pytest
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from tests.notify.slack_plug import BUTTON, Plug, in_plugged_world, own_address, plugged, pressed, shown
from tests.notify.slack_world import MESSAGE, SHORT, World, in_world, world
from tests.notify.test_slack_actions import Desk
from wamon.notify.slack.actions import SlackActions, click_of
from wamon.notify.slack.socket import STEADY_SECONDS
from wamon.sim.serve import serve

# --- what is pressed --------------------------------------------------------------------------------------------------


def test_press_is_acknowledged_and_taken() -> None:
    async def scenario(here: World, plug: Plug) -> None:
        await here.channel.workspace.sockets.wait_for_connections()

        click = await here.channel.click(shown(here).ts, "wamon_acknowledge")

        assert click.is_delivered
        assert click.attempts == 1
        assert [payload["actions"][0]["value"] for payload in plug.taken] == ["7"]
        assert plug.socket.is_connected
        assert plug.socket.problem is None

    in_plugged_world(scenario)


def test_act_that_hangs_is_acknowledged_in_time_all_the_same() -> None:
    async def never(press: object) -> str:
        await asyncio.Event().wait()
        return ""

    async def scenario(here: World) -> None:
        desk = Desk("*")
        actions = SlackActions(never, frozenset("*"), desk._reply, desk, members=desk._members, clock=desk.clock)
        working = asyncio.ensure_future(actions.run())

        async def click(plug: Plug) -> None:
            await here.channel.workspace.sockets.wait_for_connections()
            message = shown(here)
            clicks = [await here.channel.click(message.ts, "wamon_acknowledge") for _ in range(6)]
            assert [(click.is_delivered, click.attempts) for click in clicks] == [(True, 1)] * 6

        await plugged(here.url + "/api", click, take=actions.take)
        working.cancel()
        await asyncio.wait([working])

    in_world(scenario)


def test_whole_way_of_a_press_ends_in_an_answer_for_that_person_alone() -> None:
    async def scenario(here: World) -> None:
        desk, bot = Desk("U0ANNA"), here.bot()
        actions = SlackActions(
            desk._act, frozenset({"U0ANNA"}), bot.post_ephemeral, desk, members=bot.members, clock=desk.clock
        )
        working = asyncio.ensure_future(actions.run())

        async def click(plug: Plug) -> None:
            await here.channel.workspace.sockets.wait_for_connections()
            message = shown(here)
            await here.channel.click(message.ts, "wamon_acknowledge", user="U0ANNA")
            await here.channel.wait_for(lambda _: bool(here.channel.ephemerals))

        await plugged(here.url + "/api", click, take=actions.take)
        working.cancel()
        await asyncio.wait([working])

        (shown_to,) = here.channel.ephemerals
        assert (shown_to.user, shown_to.text) == ("U0ANNA", "Acknowledged by anna.")
        assert desk.counted == [("acknowledge", "done")]

    in_world(scenario)


# --- connections come and go ------------------------------------------------------------------------------------------


def test_connection_that_slack_renews_is_replaced_at_once() -> None:
    async def scenario(here: World, plug: Plug) -> None:
        sockets = here.channel.workspace.sockets
        for _ in range(3):
            await sockets.wait_for_connections()
            await pressed(here, plug)
            plug.clock.advance(STEADY_SECONDS)
            await sockets.disconnect("refresh_requested")

        await sockets.wait_for_connections()
        click = await here.channel.click(shown(here).ts, "wamon_acknowledge")

        assert click.is_delivered
        assert plug.clock.slept == []

    in_plugged_world(scenario)


def test_next_connection_is_there_before_the_last_one_ends() -> None:
    async def scenario(here: World, plug: Plug) -> None:
        sockets = here.channel.workspace.sockets
        await sockets.wait_for_connections()
        await pressed(here, plug)
        plug.clock.advance(STEADY_SECONDS)

        await sockets.warn()
        await sockets.wait_for_connections(2)

        message = shown(here)
        clicks = [await here.channel.click(message.ts, "wamon_acknowledge") for _ in range(2)]
        assert [(click.is_delivered, click.attempts) for click in clicks] == [(True, 1)] * 2
        assert len(plug.taken) == 3

    in_plugged_world(scenario)


def test_connection_that_drops_is_made_again_with_growing_patience() -> None:
    async def scenario(here: World, plug: Plug) -> None:
        sockets = here.channel.workspace.sockets
        waits = []
        for _ in range(12):
            await sockets.wait_for_connections()
            await sockets.drop()
            waits.append(await plug.next_wait())

        assert waits[0] == 1.0
        assert all(2**n / 2 <= wait <= 2**n for n, wait in enumerate(waits[1:9], start=1))
        assert all(150 <= wait <= 300 for wait in waits[9:])

    in_plugged_world(scenario)


def test_steady_connection_makes_patience_short_again() -> None:
    async def scenario(here: World, plug: Plug) -> None:
        sockets = here.channel.workspace.sockets
        for _ in range(6):
            await sockets.wait_for_connections()
            await sockets.drop()
            await plug.next_wait()
        await sockets.wait_for_connections()
        await pressed(here, plug)
        plug.clock.advance(STEADY_SECONDS)

        await sockets.drop()
        await sockets.wait_for_connections()
        await sockets.drop()

        assert await plug.next_wait() == 1.0

    in_plugged_world(scenario)


@pytest.mark.parametrize(
    ("fault", "options"), [("status", {"http_status": 502}), ("reset", {}), ("error", {"code": "internal_error"})]
)
def test_slack_in_trouble_is_asked_again(fault: str, options: dict[str, Any]) -> None:
    async def main() -> None:
        async with world() as here:
            here.channel.faults.add(fault, **options, times=2)

            async def scenario(plug: Plug) -> None:
                assert await plug.next_wait() == 1.0
                assert 1.0 <= await plug.next_wait() <= 2.0
                await here.channel.workspace.sockets.wait_for_connections()
                assert plug.socket.problem is None

            await plugged(here.url + "/api", scenario)

    asyncio.run(main())


def test_wait_that_slack_asks_for_is_kept() -> None:
    async def main() -> None:
        async with world() as here:
            here.channel.faults.add("rate_limited", retry_after=90)

            async def scenario(plug: Plug) -> None:
                assert await plug.next_wait() == 90.0

            await plugged(here.url + "/api", scenario)

    asyncio.run(main())


def test_slack_that_says_no_hello_is_left() -> None:
    async def mute(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await own_address(scope)(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        await receive()

    async def main() -> None:
        async with serve(mute) as url:

            async def scenario(plug: Plug) -> None:
                assert await plug.next_wait() == 1.0
                assert not plug.socket.is_connected
                assert plug.socket.problem is None

            await plugged(url, scenario, timeout_seconds=SHORT)

    asyncio.run(main())


# --- what only a human can mend ---------------------------------------------------------------------------------------


def test_wrong_app_token_is_a_problem_until_it_is_mended(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def scenario(here: World, plug: Plug) -> None:
        waits = [await plug.next_wait() for _ in range(3)]
        assert plug.socket.problem is not None
        assert "WAMON_SLACK_APP_TOKEN" in plug.socket.problem
        assert all(150 <= wait <= 300 for wait in waits)

        here.channel.workspace.app_token = "xapp-secret"
        await here.channel.workspace.sockets.wait_for_connections()
        await here.channel.click(shown(here).ts, "wamon_acknowledge")
        assert plug.socket.problem is None

    in_plugged_world(scenario, app_token="xapp-secret")

    told = [(record.levelname, record.message) for record in caplog.records if record.name.startswith("wamon.notify")]
    assert told == [("ERROR", "slack socket lost"), ("INFO", "slack socket connected")]
    ours = [str(vars(record)) for record in caplog.records if not record.name.startswith("uvicorn")]
    assert not [text for text in ours if "xapp-secret" in text or "ticket" in text]


def test_problem_stands_while_slack_is_out_of_reach() -> None:
    async def scenario(here: World, plug: Plug) -> None:
        await plug.next_wait()
        here.channel.faults.add("status", http_status=503)
        await plug.next_wait()

        assert plug.socket.problem is not None

    in_plugged_world(scenario, app_token="xapp-secret")


@pytest.mark.parametrize("reason", ["link_disabled", "too_many_websockets"])
def test_goodbye_for_good_is_a_problem(reason: str) -> None:
    async def scenario(here: World, plug: Plug) -> None:
        sockets = here.channel.workspace.sockets
        await sockets.wait_for_connections()
        await pressed(here, plug)
        plug.clock.advance(STEADY_SECONDS)

        await sockets.disconnect(reason)
        await plug.clock.asleep.acquire()

        assert plug.socket.problem is not None
        assert plug.clock.slept[-1] >= 150

    in_plugged_world(scenario)


def test_goodbye_in_place_of_a_hello_is_a_problem() -> None:
    async def full(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await own_address(scope)(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": '{"type": "disconnect", "reason": "too_many_websockets"}'})
        await receive()

    async def scenario(plug: Plug) -> None:
        await plug.clock.asleep.acquire()

        assert plug.socket.problem is not None
        assert "no further connection" in plug.socket.problem

    async def main() -> None:
        async with serve(full) as url:
            await plugged(url, scenario)

    asyncio.run(main())


# --- what Slack should not send ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [None, 7, "", "http://127.0.0.1:1/x", "ws://[::1/x", "ws://127.0.0.1:1/secret-ticket"])
def test_address_of_no_use_is_asked_for_again(url: object, caplog: pytest.LogCaptureFixture) -> None:
    async def slack(scope: Scope, receive: Receive, send: Send) -> None:
        await JSONResponse({"ok": True, "url": url})(scope, receive, send)

    async def main() -> None:
        async with serve(slack) as base:

            async def scenario(plug: Plug) -> None:
                assert await plug.next_wait() == 1.0
                await plug.next_wait()
                assert plug.socket.problem is None

            await plugged(base, scenario)

    asyncio.run(main())

    assert [record.message for record in caplog.records] == ["slack socket lost"]
    assert "secret-ticket" not in " ".join(str(vars(record)) for record in caplog.records)


def test_frames_of_another_shape_are_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    frames = [
        '{"type": "hello"}',
        "no json",
        "[1]",
        '{"type": "interactive"}',
        '{"type": "interactive", "envelope_id": 7, "payload": {}}',
        '{"type": "interactive", "envelope_id": "e1", "payload": "secret-text"}',
        '{"type": "events_api", "envelope_id": "e2", "payload": {"n": 0}}',
        '{"type": "interactive", "envelope_id": "e3", "payload": {"n": 1}}',
    ]
    acknowledged: list[str] = []

    async def slack(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await own_address(scope)(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        for frame in frames:
            await send({"type": "websocket.send", "text": frame})
        while (event := await receive())["type"] == "websocket.receive":
            acknowledged.append(json.loads(event["text"])["envelope_id"])

    async def main() -> None:
        async with serve(slack) as url:

            async def scenario(plug: Plug) -> None:
                await plug.arrived.acquire()
                assert plug.taken == [{"n": 1}]

            await plugged(url, scenario)

    asyncio.run(main())

    assert acknowledged == ["e1", "e2", "e3"]
    # The other end of the line is uvicorn's, in the same process.
    ours = [str(vars(record)) for record in caplog.records if not record.name.startswith("uvicorn")]
    assert "secret-text" not in " ".join(ours)


def test_press_that_slack_delivers_again_is_the_same_act() -> None:
    async def scenario(here: World, plug: Plug) -> None:
        sockets = here.channel.workspace.sockets
        await sockets.wait_for_connections()
        await pressed(here, plug)

        # Slack has not seen the acknowledgement, and asks the next connection.
        await sockets.deliver(plug.taken[0])
        await plug.arrived.acquire()

        first, second = (click_of(payload) for payload in plug.taken)
        assert first is not None
        assert first == second

    in_plugged_world(scenario)


def test_press_whose_acknowledgement_is_lost_is_taken_all_the_same() -> None:
    async def slack(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await own_address(scope)(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": '{"type": "hello"}'})
        for n in range(2):
            envelope = {"type": "interactive", "envelope_id": f"e{n}", "payload": {"n": n}}
            await send({"type": "websocket.send", "text": json.dumps(envelope)})
        await send({"type": "websocket.close", "code": 1000})

    async def main() -> None:
        async with serve(slack) as url:

            async def scenario(plug: Plug) -> None:
                await plug.clock.asleep.acquire()
                assert plug.taken == [{"n": 0}, {"n": 1}]

            await plugged(url, scenario)

    asyncio.run(main())


def test_proxy_of_the_environment_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ws_proxy", "socks_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    async def scenario(here: World, plug: Plug) -> None:
        await here.channel.workspace.sockets.wait_for_connections()

    in_plugged_world(scenario)


def test_redirect_of_the_socket_is_not_followed() -> None:
    seen: list[str] = []

    async def slack(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/elsewhere":
            seen.append("elsewhere")
        if scope["type"] == "http":
            await own_address(scope)(scope, receive, send)
            return
        await receive()
        headers = [(b"location", b"/elsewhere")]
        await send({"type": "websocket.http.response.start", "status": 302, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": b""})

    async def main() -> None:
        async with serve(slack) as url:

            async def scenario(plug: Plug) -> None:
                assert await plug.next_wait() == 1.0

            await plugged(url, scenario)

    asyncio.run(main())

    assert seen == []


def test_message_under_which_the_button_is_may_be_long() -> None:
    async def scenario(here: World, plug: Plug) -> None:
        await here.channel.workspace.sockets.wait_for_connections()
        sections = [{"type": "section", "text": {"type": "mrkdwn", "text": "é" * 3000}}] * 40
        long = here.channel.accept({"text": MESSAGE.text, "blocks": [*sections, BUTTON]}, via="bot")

        click = await here.channel.click(long.ts, "wamon_acknowledge")

        assert click.is_delivered

    in_plugged_world(scenario)
