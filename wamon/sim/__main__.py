"""Runs the simulated Meta and the fake Slack until Ctrl-C, for a real `wamon run`: `python -m wamon.sim`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import suppress
from datetime import UTC, datetime

from wamon.sim.control import PREFIX, with_control
from wamon.sim.graph import graph_app
from wamon.sim.serve import serve
from wamon.sim.slack import SlackChannel, slack_app
from wamon.sim.world import World


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m wamon.sim", description=__doc__)
    parser.add_argument("--port", type=int, default=8800, help="the simulated Graph API's port (0: any)")
    parser.add_argument("--slack-port", type=int, help="the fake Slack's port (default: the next one)")
    parser.add_argument(
        "--fleet", type=int, metavar="WABAS", help="a large world of so many WABAs with 20 numbers each"
    )
    options = parser.parse_args(arguments)
    port: int = options.port
    slack_port: int = options.slack_port if options.slack_port is not None else (port and port + 1)
    world = World.fleet(_now, wabas=options.fleet) if options.fleet else World.small(_now)
    with suppress(KeyboardInterrupt):
        asyncio.run(run(world, SlackChannel(now=_now), port=port, slack_port=slack_port))
    return 0


async def run(world: World, channel: SlackChannel, *, port: int, slack_port: int) -> None:
    """Serve both and say how to reach them; ends only by cancellation."""
    slack = with_control(slack_app(channel), world, channel)
    async with serve(graph_app(world), port=port) as graph_url, serve(slack, port=slack_port) as slack_url:
        sys.stdout.write(introduction(world, channel, graph_url=graph_url, slack_url=slack_url))
        sys.stdout.flush()
        await asyncio.Event().wait()


def introduction(world: World, channel: SlackChannel, *, graph_url: str, slack_url: str) -> str:
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
        "# or, instead of the webhook, a bot:",
        f"# export WAMON_SLACK_BOT_TOKEN={channel.bot_token}",
        f"# export WAMON_SLACK_CHANNEL='#{channel.name}'",
        f"# export WAMON_SLACK_BASE_URL={slack_url}/api/",
        f"# the channel: {slack_url}/   the handles: curl {slack_url}{PREFIX}",
    ]
    if others:
        lines.append(f"# further WABAs: {' '.join(others[:5])}")
    return "\n".join(lines) + "\n"


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  the simulator may not import the product's clock


if __name__ == "__main__":
    sys.exit(main())
