"""A flow whose Slack is a bot: a thread for each group, buttons, and whoever presses them.

What people press goes the whole way: a signed request to the public listener's app, which a worker then does.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Self

import httpx
from starlette.types import Receive, Scope, Send

from tests.fakes import START
from tests.flows.harness import Flow
from wamon.sim.serve import serve
from wamon.sim.slack import SlackMessage
from wamon.sim.world import World
from wamon.web.public import SLACK_ROUTE, public_app

ANNA = "U0ANNA"
BEN = "U0BEN"
STRANGER = "U0CARLA"
ON_CALL = "S0ONCALL"
ANSWER_SECONDS = 10.0


class BotFlow(Flow):
    """A flow that tells a bot's channel. Anna and Ben may press buttons."""

    def __init__(
        self,
        folder: Path,
        *,
        world: Callable[[Callable[[], datetime]], World] = World.small,
        accounts: int = 1,
        tables: str = "",
        at: datetime = START,
        is_checked: bool = True,
        **settings: str,
    ) -> None:
        super().__init__(
            folder, world=world, accounts=accounts, tables=tables, at=at, is_checked=is_checked, **settings
        )
        self._pressing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        async def public(scope: Scope, receive: Receive, send: Send) -> None:
            requests = self.daemon.buttons.requests if self.daemon.buttons else None
            await public_app(self.daemon.intake, requests)(scope, receive, send)

        url = await self._here.enter_async_context(serve(public))
        self.channel.workspace.request_url = f"{url}{SLACK_ROUTE}"
        return await super().__aenter__()

    async def start(self, **changed: str) -> None:
        await super().start(**changed)
        if self.daemon.buttons is not None:
            self._pressing = asyncio.create_task(self.daemon.buttons.run())

    async def stop(self) -> None:
        if self._pressing is not None:
            self._pressing.cancel()
            await asyncio.wait({self._pressing})
            self._pressing = None
        await super().stop()

    def _environment(self) -> dict[str, str]:
        bot = {
            "WAMON_SLACK_BOT_TOKEN": self.channel.bot_token,
            "WAMON_SLACK_CHANNEL": "#wamon-alerts",
            "WAMON_SLACK_BASE_URL": f"{self.slack_url}/api",
            "WAMON_SLACK_SIGNING_SECRET": self.channel.workspace.signing_secret,
            "WAMON_SLACK_ALLOWED_USERS": f"{ANNA},{BEN}",
        }
        told = super()._environment()
        if "slack_webhook_url" not in self._given:
            del told["WAMON_SLACK_WEBHOOK_URL"]
        return bot | told

    # --- what people do -----------------------------------------------------------------------------------------------

    async def press(self, message: SlackMessage, action: str, *, user: str = ANNA) -> str:
        """Press a button under a message; what the person is told, whom alone it is shown."""
        answered = len(self.channel.ephemerals)
        click = await self.channel.click(message.ts, f"wamon_{action}", user=user)
        assert click.status == httpx.codes.OK
        async with asyncio.timeout(ANSWER_SECONDS):
            await self.channel.wait_for(lambda _: len(self.channel.ephemerals) > answered)
        await self._notify()
        answer = self.channel.ephemerals[-1]
        assert answer.user == user
        return answer.text

    async def told(self) -> None:
        """Let what an operator has just done reach Slack."""
        await self._notify()

    # --- what Slack shows ---------------------------------------------------------------------------------------------

    @property
    def roots(self) -> list[SlackMessage]:
        """The messages that stand for themselves, oldest first."""
        return [message for message in self.channel.messages if message.thread_ts is None]

    @property
    def root(self) -> SlackMessage:
        """The one message that stands for itself."""
        (found,) = self.roots
        return found

    def replies(self, root: SlackMessage) -> list[str]:
        """The first line of each answer in a thread, oldest first."""
        return [first_line(reply.text) for reply in self.channel.replies(root.ts)]

    def broadcasts(self, root: SlackMessage) -> list[str]:
        """The first line of each answer in a thread that the channel shows too."""
        return [first_line(reply.text) for reply in self.channel.replies(root.ts) if reply.reply_broadcast]


def first_line(text: str) -> str:
    return text.splitlines()[0]


def history_of(message: SlackMessage) -> list[str]:
    """What the headline of a message has said, oldest first, each once."""
    return list(dict.fromkeys(first_line(shown.text) for shown in message.versions))


def shown(flow: BotFlow) -> str:
    """Everything in the channel as a reader sees it, for looking at while writing a story."""
    lines: list[str] = []
    for root in flow.roots:
        lines += [f"[{root.at:%H:%M:%S}, {root.edits} edits]", root.text]
        for reply in flow.channel.replies(root.ts):
            mark = "  >> (in the channel too)" if reply.reply_broadcast else "  >>"
            lines += [f"{mark} [{reply.at:%H:%M:%S}]", *(f"     {line}" for line in reply.text.splitlines())]
    return "\n".join(lines)
