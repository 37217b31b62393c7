"""A running SlackSocket in front of the fake Slack."""

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import Scope

from tests.fakes import START, FakeClock
from tests.notify.slack_world import TIMEOUT, World, world
from wamon.notify.slack.socket import SlackSocket
from wamon.sim.slack_workspace import SlackMessage

APP_TOKEN = "xapp-1-A0WAMONSIM-1-simulated"
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


class PatientClock(FakeClock):
    """Its sleepers wait until they are let go, so that a test sees each wait."""

    def __init__(self) -> None:
        super().__init__(START)
        self.may_go = asyncio.Semaphore(0)
        self.asleep = asyncio.Semaphore(0)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.asleep.release()
        await self.may_go.acquire()
        self.advance(seconds)


@dataclass(kw_only=True)
class Plug:
    """A running SlackSocket and what it took."""

    socket: SlackSocket
    clock: PatientClock
    taken: list[Mapping[str, Any]] = field(default_factory=list)
    arrived: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    def take(self, payload: Mapping[str, Any]) -> None:
        self.taken.append(payload)
        self.arrived.release()

    async def next_wait(self) -> float:
        """How long it waits next, which passes at once."""
        await self.clock.asleep.acquire()
        self.clock.may_go.release()
        return self.clock.slept[-1]


async def plugged(
    url: str,
    scenario: Callable[[Plug], Awaitable[None]],
    *,
    app_token: str = APP_TOKEN,
    timeout_seconds: float = TIMEOUT,
    take: Callable[[Mapping[str, Any]], object] | None = None,
) -> None:
    """Run the socket for as long as the scenario lasts."""
    clock = PatientClock()
    plug: Plug

    def taken(payload: Mapping[str, Any]) -> object:
        return plug.take(payload) if take is None else take(payload)  # type: ignore[func-returns-value]  # none is read

    plug = Plug(
        clock=clock,
        socket=SlackSocket(
            app_token, url, take=taken, clock=clock, chance=random.Random(1), timeout_seconds=timeout_seconds
        ),
    )
    running = asyncio.ensure_future(plug.socket.run())
    try:
        async with asyncio.timeout(30):
            played = asyncio.ensure_future(scenario(plug))
            await asyncio.wait([running, played], return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                played.cancel()
                await running
            await played
    finally:
        running.cancel()
        await asyncio.wait([running])
        # A request on its way is left to itself; the fake Slack should not end under it.
        for thread in threading.enumerate():
            if thread.name == "wamon-slack":
                await asyncio.to_thread(thread.join, TIMEOUT)
    assert not plug.socket.is_connected


def in_plugged_world(
    scenario: Callable[[World, Plug], Awaitable[None]], *, app_token: str = APP_TOKEN, timeout_seconds: float = TIMEOUT
) -> None:
    async def main() -> None:
        async with world() as here:
            await plugged(
                here.url + "/api",
                lambda plug: scenario(here, plug),
                app_token=app_token,
                timeout_seconds=timeout_seconds,
            )

    asyncio.run(main())


def own_address(scope: Scope) -> JSONResponse:
    """The answer of apps.connections.open that sends the caller back here."""
    host, port = scope["server"]
    return JSONResponse({"ok": True, "url": f"ws://{host}:{port}/link"})


async def pressed(here: World, plug: Plug) -> None:
    """Press something and wait until it arrives: now the connection is surely read."""
    await here.channel.click(shown(here).ts, "wamon_acknowledge")
    await plug.arrived.acquire()


def shown(here: World) -> SlackMessage:
    return here.channel.accept({"text": "an alert", "blocks": [BUTTON]}, via="bot")
