"""`wamon demo`: everything simulated, no credentials, no network."""

import asyncio
import sys

import click
from rich.console import Console

from wamon import logs
from wamon.cli.interrupt import stop_on_signals
from wamon.demo import play


@click.command()
@click.option("--once", is_flag=True, help="Play the story once, sum it up and exit: 0 when the books balance.")
def demo(*, once: bool) -> None:
    """Show the main job at work: a simulated Meta, a fake Slack, the real daemon.

    \b
    Example:
      wamon demo --once
    """
    # The story breaks things on purpose; the daemon's own log about it would only get in the story's way.
    logs.configure("CRITICAL", "console", str)
    console = Console(highlight=False, soft_wrap=True)

    async def main() -> bool:
        stop = asyncio.Event()
        with stop_on_signals(stop.set):
            return await play(is_once=once, console=console, stop=stop)

    sys.exit(0 if asyncio.run(main()) else 1)
