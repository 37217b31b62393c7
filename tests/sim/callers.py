"""How these tests call the simulator in process."""

import asyncio
from typing import Any

import httpx
from starlette.types import ASGIApp

from tests.fakes import FakeClock
from wamon.sim.graph import graph_app
from wamon.sim.slack import SlackChannel, slack_app
from wamon.sim.wire import StandIns
from wamon.sim.world import World

HTTPX_ERRORS = StandIns(
    refused=lambda: httpx.ConnectError("refused"),
    reset=lambda: httpx.ReadError("reset"),
    timed_out=lambda: httpx.ReadTimeout("timed out"),
)


def small_world() -> tuple[World, FakeClock]:
    clock = FakeClock()
    return World.small(clock.now), clock


def first_waba(world: World) -> str:
    return next(iter(world.wabas))


def first_number(world: World) -> str:
    return next(iter(world.numbers))


def app_token(world: World) -> str:
    return next(iter(world.apps.values())).token


def get(world: World, path: str, *, token: str | None = "", **params: str) -> httpx.Response:
    """One call to the Graph API; an empty token means the world's first, None means none."""
    return get_with(FakeClock(), world, path, token=token, **params)


def get_with(clock: FakeClock, world: World, path: str, *, token: str | None = "", **params: str) -> httpx.Response:
    """The same, with the clock on which slow answers sleep."""
    headers = {} if token is None else {"Authorization": f"Bearer {token or world.token('system-user').value}"}
    app = graph_app(world, sleep=clock.sleep, stand_ins=HTTPX_ERRORS)
    return _call(app, "GET", path, headers=headers, params=params or None)


def request(app: ASGIApp, method: str, path: str, **options: Any) -> httpx.Response:
    """One call to any app."""
    return _call(app, method, path, **options)


def slack_channel() -> tuple[SlackChannel, FakeClock]:
    clock = FakeClock()
    return SlackChannel(now=clock.now), clock


def slack_call(channel: SlackChannel, path: str, clock: FakeClock | None = None, **options: Any) -> httpx.Response:
    """One POST to the fake Slack."""
    app = slack_app(channel, sleep=(clock or FakeClock()).sleep, stand_ins=HTTPX_ERRORS)
    return _call(app, "POST", path, **options)


def _call(app: ASGIApp, method: str, path: str, **options: Any) -> httpx.Response:
    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://graph.test") as client:
            return await client.request(method, path, **options)

    return asyncio.run(call())
