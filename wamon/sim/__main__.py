"""Runs the simulated Meta and the fake Slack until Ctrl-C, for a real `wamon run`: `python -m wamon.sim`."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from contextlib import suppress
from datetime import UTC, datetime

from wamon.sim.control import PREFIX, Webhooks, with_control
from wamon.sim.graph import graph_app
from wamon.sim.sender import Sender
from wamon.sim.serve import serve
from wamon.sim.slack import SlackChannel, slack_app
from wamon.sim.traffic import Traffic
from wamon.sim.wire import SLEEP, Sleep
from wamon.sim.world import World

VERIFY_TOKEN = "simulated-verify-token"
HANDSHAKE_SECONDS = 2.0


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m wamon.sim", description=__doc__)
    parser.add_argument("--port", type=int, default=8800, help="the simulated Graph API's port (0: any)")
    parser.add_argument("--slack-port", type=int, help="the fake Slack's port (default: the next one)")
    parser.add_argument(
        "--fleet", type=int, metavar="WABAS", help="a large world of so many WABAs with 20 numbers each"
    )
    parser.add_argument(
        "--webhook-url", metavar="URL", help="send webhooks there, such as http://127.0.0.1:8080/webhook"
    )
    parser.add_argument("--per-hour", type=float, default=60.0, help="messages an hour of each number (with webhooks)")
    options = parser.parse_args(arguments)
    port: int = options.port
    slack_port: int = options.slack_port if options.slack_port is not None else (port and port + 1)
    world = World.fleet(_now, wabas=options.fleet) if options.fleet else World.small(_now)
    with suppress(KeyboardInterrupt):
        asyncio.run(
            run(
                world,
                SlackChannel(now=_now),
                port=port,
                slack_port=slack_port,
                webhook_url=options.webhook_url,
                per_hour=options.per_hour,
            )
        )
    return 0


async def run(
    world: World,
    channel: SlackChannel,
    *,
    port: int,
    slack_port: int,
    webhook_url: str | None = None,
    per_hour: float = 60.0,
    sleep: Sleep = SLEEP,
) -> None:
    """Serve both and say how to reach them, and send webhooks where a URL is given; ends only by cancellation."""
    traffic = Traffic(world, random.Random())
    if webhook_url:
        # Other than at Meta it stands there before the handshake, so that `wamon doctor` can tell who is missing.
        next(iter(world.apps.values())).subscriptions[0].callback_url = webhook_url
    async with Sender(world, traffic.due, sleep=sleep, random=random.Random()) as sender:
        webhooks = Webhooks(traffic=traffic, sender=sender) if webhook_url else None
        slack = with_control(slack_app(channel), world, channel, webhooks)
        async with serve(graph_app(world), port=port) as graph_url, serve(slack, port=slack_port) as slack_url:
            said = introduction(world, channel, graph_url=graph_url, slack_url=slack_url, webhook_url=webhook_url)
            _say(said)
            if webhook_url:
                await _shake_hands(world, sender, webhook_url, sleep)
                for number_id in world.numbers if per_hour > 0 else ():
                    traffic.start(number_id, per_hour=per_hour)
                await sender.run()
            await asyncio.Event().wait()


async def _shake_hands(world: World, sender: Sender, webhook_url: str, sleep: Sleep) -> None:
    """Wait until the daemon is up and knows its verify token."""
    app = next(iter(world.apps.values()))
    while not await sender.subscribe(app, webhook_url, VERIFY_TOKEN):
        await sleep(HANDSHAKE_SECONDS)
    _say(f"# {webhook_url} answered the handshake: webhooks are on their way\n")


def introduction(
    world: World, channel: SlackChannel, *, graph_url: str, slack_url: str, webhook_url: str | None = None
) -> str:
    """The environment for a `wamon run` against this world, and where a tester looks and pulls."""
    app = next(iter(world.apps.values()))
    token = next(iter(world.tokens.values()))
    waba_id, *others = world.wabas
    lines = [
        f"export WAMON_GRAPH_BASE_URL={graph_url}",
        f"export WAMON_WABA_ID={waba_id}",
        f"export WAMON_ACCESS_TOKEN={token.value}",
        f"export WAMON_APP_ID={app.id}",
        f"export WAMON_APP_SECRET={app.secret}",
        f"export WAMON_SLACK_WEBHOOK_URL={slack_url}{channel.webhook_path}",
        *((f"export WAMON_VERIFY_TOKEN={VERIFY_TOKEN}",) if webhook_url else ()),
        "# or, instead of the webhook, a bot:",
        f"# export WAMON_SLACK_BOT_TOKEN={channel.bot_token}",
        f"# export WAMON_SLACK_CHANNEL='#{channel.name}'",
        f"# export WAMON_SLACK_BASE_URL={slack_url}/api/",
        f"# the channel: {slack_url}/   the handles: curl {slack_url}{PREFIX}",
    ]
    if others:
        lines.append(f"# further WABAs: {' '.join(others[:5])}")
    return "\n".join(lines) + "\n"


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  the simulator may not import the product's clock


if __name__ == "__main__":
    sys.exit(main())
