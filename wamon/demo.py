"""The demo: the real daemon against the simulated Meta and Slack on loopback, in sped-up time, told as it happens."""

import asyncio
import contextlib
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wamon.config.load import load_settings
from wamon.core.alerting import TransitionKind
from wamon.core.timing import Clock, SystemClock
from wamon.daemon import Daemon
from wamon.rules import RULES
from wamon.rules.words import span
from wamon.sim.graph import graph_app
from wamon.sim.serve import serve
from wamon.sim.slack import SlackChannel, SlackMessage, slack_app
from wamon.sim.story import story
from wamon.sim.world import World

# Five simulated minutes a second: a poll a second, the whole story in less than a minute.
SPEED = 300.0
POLL_INTERVAL_SECONDS = 300
NAMES = ("market", "deliveries")
# After the last beat the last notification may still be on its way.
SETTLING_REAL_SECONDS = 5.0
SETTLING_LOOK_SECONDS = 30.0

COLOURS = {"CRITICAL": "bold red", "WARNING": "yellow", "RESOLVED": "green", "INFO": "cyan"}


@dataclass(slots=True)
class Narrator:
    """Tells what happens, one line an event, stamped with the story's own time."""

    console: Console
    clock: Clock
    started_at: datetime
    headlines: list[str] = field(default_factory=list)

    def happened(self, narration: str, expect: str | None) -> None:
        self._say("Meta", "bold", narration)
        if expect is not None:
            self._say("", "", f"to come: {expect}", style="dim")

    def told(self, message: SlackMessage) -> None:
        headline = message.text.splitlines()[0]
        self.headlines.append(headline)
        word = headline.split(maxsplit=1)[0]
        self._say("Slack", "bold magenta", headline, style=COLOURS.get(word, ""))

    def _say(self, who: str, who_style: str, words: str, *, style: str = "") -> None:
        stamp = _story_time(self.clock.now() - self.started_at) if who else ""
        line = Table.grid(padding=(0, 1))
        line.add_column(width=6, style="dim")
        line.add_column(width=5)
        line.add_column(overflow="fold")
        line.add_row(stamp, Text(who, style=who_style), Text(words, style=style))
        self.console.print(line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What the demo plays on."""

    clock: Clock
    world: World
    channel: SlackChannel
    daemon: Daemon
    narrator: Narrator
    slack_url: str


async def play(*, is_once: bool, console: Console, stop: asyncio.Event, speed: float = SPEED) -> bool:
    """Play the story; whether the books balance in the end: every announced transition came to Slack exactly once.

    With `is_once` that is all, else wamon goes on until `stop`. Stopped early, there are no books to check: True.
    """
    clock = SystemClock(speed=speed)
    is_balanced = True
    async with _staged(clock, console) as stage, asyncio.TaskGroup() as tasks:
        listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        tasks.create_task(stage.daemon.run(stop, listening=listening.set_result))
        _introduce(console, stage, await listening, is_once=is_once)
        if await _tell(stage, stop):
            is_balanced = await _sum_up(console, stage)
            if not is_once:
                console.print("\nThe story is over; wamon goes on watching. Ctrl-C stops it.", style="bold")
                await stop.wait()
        stop.set()
    console.print("Stopped.", style="dim")
    return is_balanced


@contextlib.asynccontextmanager
async def _staged(clock: Clock, console: Console) -> AsyncIterator[Stage]:
    world = World.small(clock.now)
    narrator = Narrator(console, clock, clock.now())
    channel = SlackChannel(now=clock.now, on_message=narrator.told)
    async with serve(graph_app(world)) as graph_url, serve(slack_app(channel)) as slack_url:
        with tempfile.TemporaryDirectory(prefix="wamon-demo-") as name:
            folder = Path(name)
            file = folder / "wamon.toml"
            text = _configuration(world, folder, graph_url, f"{slack_url}{channel.webhook_path}")
            file.write_text(text, encoding="utf-8")
            settings = load_settings(file, {}, rules=RULES)
            daemon = Daemon(settings, clock=clock, random=random.Random())
            yield Stage(
                clock=clock, world=world, channel=channel, daemon=daemon, narrator=narrator, slack_url=slack_url
            )


def _configuration(world: World, folder: Path, graph_url: str, webhook_url: str) -> str:
    """A wamon.toml as a user would write it, with the simulated places."""
    app, token = next(iter(world.apps.values())), next(iter(world.tokens.values()))
    accounts = zip(NAMES, world.wabas, strict=True)
    lines = [
        f'graph_base_url = "{graph_url}"',
        f'slack_webhook_url = "{webhook_url}"',
        f'database = "{folder / "wamon.db"}"',
        'private_listen = "127.0.0.1:0"',
        f"poll_interval = {POLL_INTERVAL_SECONDS}",
        f'access_token = "{token.value}"',
        f'app_id = "{app.id}"',
        f'app_secret = "{app.secret}"',
        *(f'[[accounts]]\nname = "{name}"\nwaba_id = "{waba_id}"' for name, waba_id in accounts),
    ]
    return "\n".join(lines)


def _introduce(console: Console, stage: Stage, url: str, *, is_once: bool) -> None:
    pace, patience = SPEED / 60, span(timedelta(seconds=POLL_INTERVAL_SECONDS))
    console.print("[bold]wamon demo[/]: the real daemon, a simulated Meta and a fake Slack, all on this machine.")
    console.print(f"One second is {pace:g} minutes; wamon looks every {patience}.\n")
    places = Table.grid(padding=(0, 2))
    places.add_row("  Slack channel", f"{stage.slack_url}/")
    places.add_row("  metrics", f"{url}/metrics")
    places.add_row("  wamon's page", f"{url}/")
    console.print(places)
    console.print("" if is_once else "\nCtrl-C stops it.\n", style="dim")


async def _tell(stage: Stage, stop: asyncio.Event) -> bool:
    """Let the story happen; false when it was stopped before its end."""
    started_at = stage.narrator.started_at
    for beat in story(stage.world):
        at = started_at + timedelta(seconds=beat.at_seconds)
        if await _stopped_within(stop, stage.clock, at - stage.clock.now()):
            return False
        beat.act(stage.world)
        stage.narrator.happened(beat.narration, beat.expect)
    return True


async def _stopped_within(stop: asyncio.Event, clock: Clock, duration: timedelta) -> bool:
    try:
        async with asyncio.timeout(max(clock.real_seconds(duration.total_seconds()), 0.0)):
            await stop.wait()
    except TimeoutError:
        return False
    return True


async def _sum_up(console: Console, stage: Stage) -> bool:
    """Print what the story came to; whether every announced transition reached Slack exactly once."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLING_REAL_SECONDS):
            while (await stage.daemon.store.outbox_figures()).due:
                await stage.clock.sleep(SETTLING_LOOK_SECONDS)
    transitions = await stage.daemon.store.transitions()
    announced = [transition for transition in transitions if transition.is_announced]
    table = Table(title="\nWhat wamon told", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for heading in ("alert", "opened", "raised", "resolved"):
        table.add_column(heading, justify="left" if heading == "alert" else "right")
    rules = {rule.name: rule for rule in stage.daemon.rules}
    counts = Counter((transition.rule, transition.kind) for transition in announced)
    for rule in dict.fromkeys(transition.rule for transition in announced):
        kinds = (TransitionKind.OPEN, TransitionKind.RAISE, TransitionKind.CLOSE)
        names = " / ".join(dict.fromkeys(rules[rule].alertnames.values()))
        table.add_row(names, *(str(counts[rule, kind] or "-") for kind in kinds))
    console.print(table)
    told = len(stage.channel.messages)
    series = sum(not line.startswith(b"#") for line in stage.daemon.exposition.text().splitlines())
    console.print(
        f"\n{len(stage.world.calls)} Graph calls, {series} series of the account on /metrics, "
        f"{len(announced)} announced transitions, {told} Slack messages."
    )
    still_open = [alert for alert in stage.daemon.engine.state.alerts.values() if alert.is_open]
    is_balanced = told == len(announced) and bool(announced) and not still_open
    if is_balanced:
        console.print("The books balance: every transition was told once, and nothing is left open.", style="green")
    else:
        console.print(f"The books do not balance: {len(still_open)} alerts are still open.", style="bold red")
    return is_balanced


def _story_time(elapsed: timedelta) -> str:
    minutes = int(elapsed.total_seconds() // 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
