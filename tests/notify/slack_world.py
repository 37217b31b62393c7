"""The fake Slack on a real loopback socket, and our notifiers in front of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from tests.fakes import FakeClock
from wamon.core.alerting import Severity
from wamon.core.errors import DeliveryError
from wamon.core.outgoing import Button, Message, Receipt
from wamon.notify.slack import SlackBot, SlackWebhook
from wamon.sim.serve import serve
from wamon.sim.slack import SlackChannel, slack_app

MESSAGE = Message(
    headline="CRITICAL  Quality rating RED  +1 555 078 3881 (Jasper's Market)",
    severity=Severity.CRITICAL,
    is_resolved=False,
    facts=(("Since", "10:00"),),
    steps=("Look at the templates",),
    buttons=(Button("acknowledge", "Acknowledge", "7"),),
    reference="7-1-a",
)
TOKEN = "xoxb-simulated-bot"
SECRET_PATH = "/services/T0WAMONSIM/B0WAMONSIM/simulated"
WAYS = ["webhook", "bot"]
# Long enough for a busy machine to answer, short enough to wait for in a test of a hang.
TIMEOUT = 5.0
SHORT = 0.6


@dataclass(kw_only=True)
class World:
    channel: SlackChannel
    url: str

    def notifier(
        self, way: str, *, timeout_seconds: float = TIMEOUT, channel: str = "C0WAMONSIM"
    ) -> SlackWebhook | SlackBot:
        if way == "webhook":
            return SlackWebhook(self.url + SECRET_PATH, timeout_seconds=timeout_seconds)
        return self.bot(timeout_seconds=timeout_seconds, channel=channel)

    def bot(self, *, timeout_seconds: float = TIMEOUT, channel: str = "C0WAMONSIM") -> SlackBot:
        return SlackBot(TOKEN, channel, self.url + "/api", timeout_seconds=timeout_seconds)

    async def send(self, way: str, *, timeout_seconds: float = TIMEOUT, message: Message = MESSAGE) -> Receipt:
        notifier = self.notifier(way, timeout_seconds=timeout_seconds)
        try:
            return await notifier.send(message)
        finally:
            await notifier.close()

    async def failure(self, way: str, *, timeout_seconds: float = TIMEOUT) -> DeliveryError:
        with pytest.raises(DeliveryError) as caught:
            await self.send(way, timeout_seconds=timeout_seconds)
        return caught.value


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    channel = SlackChannel(now=FakeClock().now, limits=False)
    async with serve(slack_app(channel)) as url:
        yield World(channel=channel, url=url)


def in_world(scenario: Callable[[World], Awaitable[None]]) -> None:
    async def main() -> None:
        async with world() as here:
            await scenario(here)

    asyncio.run(main())
