"""The demo: the real daemon against the simulated Meta and Slack on loopback, in sped-up time, told as it happens."""

import asyncio
import contextlib
import random
import re
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeAlias

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wamon.config.load import load_settings
from wamon.core import books
from wamon.core.alerting import TransitionKind
from wamon.core.desk import TransitionId
from wamon.core.timing import Clock, SystemClock
from wamon.daemon import Daemon
from wamon.rules import RULES, delivery_pace
from wamon.rules.words import span
from wamon.sim.graph import graph_app
from wamon.sim.sender import Sender
from wamon.sim.serve import serve
from wamon.sim.slack import SlackChannel, SlackMessage, slack_app
from wamon.sim.story import EVERYDAY_MISCHIEF, story
from wamon.sim.traffic import Traffic
from wamon.sim.world import World

# Five simulated minutes a second: a poll a second, the whole story in about a minute.
SPEED = 300.0
POLL_INTERVAL_SECONDS = 300
NAMES = ("market", "deliveries")
META = "Meta"
MANAGERS, MANAGERS_ID = "managers", "C0MANAGERS"
VERIFY_TOKEN = "demo-verify-token"  # noqa: S105  known to both sides of one process
# The same messages with every demo, so that their failures are the ones that the story tells of.
SEED = 3
# Twenty looks a second at what Meta has to tell.
SENDER_STEP_SECONDS = 15.0
# After the last beat the last messages, notifications and repeats are still on their way, and a tick after them.
SETTLING_REAL_SECONDS = 30.0
SETTLING_LOOK_SECONDS = 30.0
LAST_TICKS_SECONDS = 240.0
MUTES = (TransitionKind.INHIBITED, TransitionKind.SILENCED)
MOST_TRANSITIONS = 10_000
SAMPLE = re.compile(r"^(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')

SampleKey: TypeAlias = tuple[str, frozenset[tuple[str, str]]]

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

    def told(self, message: SlackMessage, who: str = "Slack") -> None:
        """A message came; an edit of one is not worth a line."""
        if message.edits:
            return
        headline = message.text.splitlines()[0]
        self.headlines.append(headline)
        word = headline.split(maxsplit=1)[0]
        where = "in the thread: " if message.thread_ts else ""
        self._say(who, "bold magenta", f"{where}{headline}", style=COLOURS.get(word, ""))

    def did(self, who: str, narration: str, expect: str | None) -> None:
        self._say(who, "bold cyan", narration)
        if expect is not None:
            self._say("", "", f"to come: {expect}", style="dim")

    def _say(self, who: str, who_style: str, words: str, *, style: str = "") -> None:
        stamp = _story_time(self.clock.now() - self.started_at) if who else ""
        line = Table.grid(padding=(0, 1))
        line.add_column(width=6, style="dim")
        line.add_column(width=9)
        line.add_column(overflow="fold")
        line.add_row(stamp, Text(who, style=who_style), Text(words, style=style))
        self.console.print(line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What the demo plays on."""

    clock: Clock
    world: World
    traffic: Traffic
    sender: Sender
    channel: SlackChannel
    daemon: Daemon
    narrator: Narrator
    slack_url: str


async def play(*, is_once: bool, console: Console, stop: asyncio.Event, speed: float = SPEED) -> bool:
    """Play the story; whether the books balance in the end.

    They do when every announced transition that was not held back came to Slack exactly once, no alert is left open,
    and wamon has counted each status that Meta told exactly once.

    With `is_once` that is all, else wamon goes on until `stop`. Stopped early, there are no books to check: True.
    """
    clock = SystemClock(speed=speed)
    is_balanced = True
    async with _staged(clock, console) as stage, asyncio.TaskGroup() as tasks:
        loop = asyncio.get_running_loop()
        listening: asyncio.Future[str] = loop.create_future()
        receiving: asyncio.Future[str] = loop.create_future()
        running = stage.daemon.run(stop, listening=listening.set_result, receiving=receiving.set_result)
        tasks.create_task(running)
        _introduce(console, stage, await listening, await receiving, is_once=is_once)
        await _shake_hands(stage, f"{await receiving}/webhook")
        sending = tasks.create_task(stage.sender.run())
        if await _tell(stage, stop):
            is_balanced = await _sum_up(console, stage)
            if not is_once:
                console.print("\nThe story is over; wamon goes on watching. Ctrl-C stops it.", style="bold")
                await stop.wait()
        sending.cancel()
        await asyncio.wait({sending})
        stop.set()
    console.print("Stopped.", style="dim")
    return is_balanced


@contextlib.asynccontextmanager
async def _staged(clock: Clock, console: Console) -> AsyncIterator[Stage]:
    world = World.small(clock.now)
    traffic = Traffic(world, random.Random(SEED))
    sender = Sender(
        world,
        traffic.due,
        sleep=clock.sleep,
        random=random.Random(SEED),
        mischief=EVERYDAY_MISCHIEF,
        step_seconds=SENDER_STEP_SECONDS,
    )
    narrator = Narrator(console, clock, clock.now())
    channel = SlackChannel(now=clock.now, on_message=narrator.told)
    managers = channel.workspace.add_channel(MANAGERS, MANAGERS_ID)
    managers.on_message = partial(narrator.told, who=f"#{MANAGERS}")
    async with sender, serve(graph_app(world)) as graph_url, serve(slack_app(channel)) as slack_url:
        with tempfile.TemporaryDirectory(prefix="wamon-demo-") as name:
            folder = Path(name)
            file = folder / "wamon.toml"
            text = _configuration(world, folder, graph_url, slack_url, channel)
            file.write_text(text, encoding="utf-8")
            settings = load_settings(file, {}, rules=RULES)
            daemon = Daemon(settings, clock=clock, random=random.Random())
            yield Stage(
                clock=clock,
                world=world,
                traffic=traffic,
                sender=sender,
                channel=channel,
                daemon=daemon,
                narrator=narrator,
                slack_url=slack_url,
            )


def _configuration(world: World, folder: Path, graph_url: str, slack_url: str, channel: SlackChannel) -> str:
    """A wamon.toml as a user would write it, with the simulated places."""
    app, token = next(iter(world.apps.values())), next(iter(world.tokens.values()))
    accounts = zip(NAMES, world.wabas, strict=True)
    lines = [
        f'graph_base_url = "{graph_url}"',
        f'slack_base_url = "{slack_url}/api"',
        f'slack_bot_token = "{channel.workspace.bot_token}"',
        f'slack_app_token = "{channel.workspace.app_token}"',
        f'slack_channel = "{channel.id}"',
        'slack_escalation_mention = "<!here>"',
        f'escalation_receiver = "slack_bot:{MANAGERS_ID}"',
        f'database = "{folder / "wamon.db"}"',
        'private_listen = "127.0.0.1:0"',
        'public_listen = "127.0.0.1:0"',
        f"poll_interval = {POLL_INTERVAL_SECONDS}",
        f'access_token = "{token.value}"',
        f'app_id = "{app.id}"',
        f'app_secret = "{app.secret}"',
        f'verify_token = "{VERIFY_TOKEN}"',
        # At this pace a second in which the machine is busy elsewhere is minutes of lag.
        f"[rules.{delivery_pace.WEBHOOK_LAG.name}]\nenabled = false",
        *(f'[[accounts]]\nname = "{name}"\nwaba_id = "{waba_id}"' for name, waba_id in accounts),
    ]
    return "\n".join(lines)


def _introduce(console: Console, stage: Stage, url: str, public_url: str, *, is_once: bool) -> None:
    pace, patience = SPEED / 60, span(timedelta(seconds=POLL_INTERVAL_SECONDS))
    console.print("[bold]wamon demo[/]: the real daemon, a simulated Meta and a fake Slack, all on this machine.")
    console.print(f"One second is {pace:g} minutes; wamon looks every {patience}.\n")
    places = Table.grid(padding=(0, 2))
    places.add_row("  Slack channel", f"{stage.slack_url}/")
    places.add_row("  metrics", f"{url}/metrics")
    places.add_row("  wamon's page", f"{url}/")
    places.add_row("  webhooks", f"{public_url}/webhook")
    console.print(places)
    console.print("" if is_once else "\nCtrl-C stops it.\n", style="dim")


async def _shake_hands(stage: Stage, callback_url: str) -> None:
    """Give the app its callback URL, as the App Dashboard does; without it Meta would send to nobody here."""
    app = next(iter(stage.world.apps.values()))
    if await stage.sender.subscribe(app, callback_url, VERIFY_TOKEN):
        stage.narrator.happened("The webhook handshake: wamon knew its verify token and gave the challenge back.", None)
    else:
        stage.narrator.happened("The webhook handshake failed, so no webhooks will be sent.", None)
        app.subscriptions.clear()


async def _tell(stage: Stage, stop: asyncio.Event) -> bool:
    """Let the story happen; false when it was stopped before its end."""
    started_at = stage.narrator.started_at
    for beat in story(stage.world, stage.traffic):
        at = started_at + timedelta(seconds=beat.at_seconds)
        if await _stopped_within(stop, stage.clock, at - stage.clock.now()):
            return False
        beat.act(stage.world)
        if beat.who == META:
            stage.narrator.happened(beat.narration, beat.expect)
        else:
            stage.narrator.did(beat.who, beat.narration, beat.expect)
        if beat.at_slack is not None:
            await beat.at_slack(stage.channel)
    return True


async def _stopped_within(stop: asyncio.Event, clock: Clock, duration: timedelta) -> bool:
    try:
        async with asyncio.timeout(max(clock.real_seconds(duration.total_seconds()), 0.0)):
            await stop.wait()
    except TimeoutError:
        return False
    return True


async def _sum_up(console: Console, stage: Stage) -> bool:
    """Print what the story came to; whether the books balance."""
    await _settle(stage)
    is_counted = _sum_up_webhooks(console, stage)
    is_told = await _sum_up_alerts(console, stage)
    if is_counted and is_told:
        console.print("The books balance: every transition was told once, and nothing is left open.", style="green")
    return is_counted and is_told


async def _settle(stage: Stage) -> None:
    """Wait until what is on its way has arrived, but not for ever."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLING_REAL_SECONDS):
            while not (stage.traffic.is_quiet and stage.sender.is_idle):
                await stage.clock.sleep(SETTLING_LOOK_SECONDS)
            await stage.clock.sleep(LAST_TICKS_SECONDS)
            while await _owes(stage):
                await stage.clock.sleep(SETTLING_LOOK_SECONDS)


async def _owes(stage: Stage) -> bool:
    """Whether something is still to be sent, edited, or waits for company."""
    figures = await stage.daemon.store.outbox_figures()
    waits = any(group.pending for group in stage.daemon.engine.state.desk.groups.values())
    return bool(figures.due or figures.sending or figures.edits or waits)


def _sum_up_webhooks(console: Console, stage: Stage) -> bool:
    """Print both sides' count of the messages; whether they agree in each figure."""
    counted = dict(_samples(stage.daemon.scrape(False).decode()))
    ledger = stage.sender.ledger
    words = ("sent", "delivered", "read", "failed")
    table = _table("\nWhat was counted: by Meta = by wamon", "number", *words, "stops")
    is_balanced = ledger.lost == 0 and ledger.numbers.keys() == stage.world.numbers.keys()
    for number_id, told in ledger.numbers.items():
        number = stage.world.number(number_id)
        whose = {"waba_id": number.waba_id, "phone_number_id": number_id}
        statuses = told.statuses()
        pairs = [(statuses[word], counted.get(_key(books.STATUSES, status=word, **whose), 0.0)) for word in words]
        pairs.append((len(told.stops), counted.get(_key(books.OPT_OUTS, **whose), 0.0)))
        is_balanced = is_balanced and all(meta == ours for meta, ours in pairs)
        table.add_row(number.display_phone_number, *(_compared(meta, ours) for meta, ours in pairs))
    console.print(table)
    failures = Counter(code for told in ledger.numbers.values() for code in told.error_codes.values())
    for code, count in failures.most_common():
        ours = sum(
            value
            for (name, labels), value in counted.items()
            if name == books.FAILURE_CODES and ("code", str(code)) in labels
        )
        is_balanced = is_balanced and count == ours
        console.print(Text.assemble(f"  failed with {code}: ", _compared(count, ours)))
    repeats = counted.get(_key(books.DUPLICATES), 0.0)
    # After a request without an answer nobody but the receiver knows whether it was taken.
    is_balanced = is_balanced and (repeats >= ledger.repeats if ledger.refusals else repeats == ledger.repeats)
    console.print(Text.assemble("  told again, counted once: ", _compared(ledger.repeats, repeats)))
    out_of_order = counted.get(_key(books.OUT_OF_ORDER), 0.0)
    console.print(
        f"{ledger.posts} webhooks, {out_of_order:g} statuses out of order; "
        f"{ledger.withheld} events went to nobody while the subscription was lost."
    )
    if not is_balanced:
        console.print("The books do not balance: wamon has not counted what Meta told.", style="bold red")
    return is_balanced


async def _sum_up_alerts(console: Console, stage: Stage) -> bool:
    """Print what was told; whether each transition was told once to each who should know, and nothing is left open."""
    store = stage.daemon.store
    transitions = await store.transitions(limit=MOST_TRANSITIONS)
    announced = [transition for transition in transitions if transition.is_announced]
    table = _table("\nWhat wamon told", "alert", "opened", "raised", "resolved", "held back")
    rules = {rule.name: rule for rule in stage.daemon.rules}
    arrived = await store.arrived()
    muted = {(each.key, each.episode) for each in transitions if each.kind in MUTES}
    counts: Counter[tuple[str, TransitionKind]] = Counter()
    held: Counter[str] = Counter()
    is_balanced = bool(announced)
    for each in announced:
        times = arrived.get(TransitionId(each.key, each.episode, each.ordinal), {})
        counts[each.rule, each.kind] += bool(times)
        held[each.rule] += not times
        is_told = bool(times) or (each.key, each.episode) in muted
        is_balanced = is_balanced and is_told and all(count == 1 for count in times.values())
    for rule in dict.fromkeys(transition.rule for transition in announced):
        kinds = (TransitionKind.OPEN, TransitionKind.RAISE, TransitionKind.CLOSE)
        names = " / ".join(dict.fromkeys(rules[rule].alertnames.values()))
        table.add_row(names, *(str(counts[rule, kind] or "-") for kind in kinds), str(held[rule] or "-"))
    console.print(table)
    channels = stage.channel.workspace.channels
    messages = [message for channel in channels for message in channel.messages]
    roots, edits = sum(message.thread_ts is None for message in messages), sum(message.edits for message in messages)
    series = sum(not line.startswith(b"#") for line in stage.daemon.exposition.text().splitlines())
    console.print(
        f"\n{len(stage.world.calls)} Graph calls, {series} series of the account on /metrics; "
        f"{len(announced)} announced transitions: {roots} Slack messages, {len(messages) - roots} replies in their "
        f"threads, {edits} edits."
    )
    references = Counter(_reference(message) for message in messages)
    is_balanced = is_balanced and references.most_common(1)[0][1] == 1
    still_open = [alert for alert in stage.daemon.engine.state.alerts.values() if alert.is_open]
    if is_balanced and not still_open:
        return True
    names = ", ".join(sorted(alert.rule for alert in still_open)) or "none"
    console.print(f"The books do not balance; alerts that are still open: {names}.", style="bold red")
    return False


def _reference(message: SlackMessage) -> object:
    payload = (message.metadata or {}).get("event_payload")
    return payload.get("reference") if isinstance(payload, dict) else None


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column(first)
    for heading in others:
        table.add_column(heading, justify="right")
    return table


def _compared(meta: float, ours: float) -> Text:
    return Text(f"{meta:g} = {ours:g}") if meta == ours else Text(f"{meta:g} != {ours:g}", style="bold red")


def _samples(exposition: str) -> Iterator[tuple[SampleKey, float]]:
    """Every sample of /metrics, as a scraper sees it."""
    for match in SAMPLE.finditer(exposition):
        yield (match["name"], frozenset(LABEL.findall(match["labels"] or ""))), float(match["value"])


def _key(name: str, **labels: str) -> SampleKey:
    return name, frozenset(labels.items())


def _story_time(elapsed: timedelta) -> str:
    minutes = int(elapsed.total_seconds() // 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
