"""Whether a daemon that runs for long stays as it is: memory and open files, over simulated weeks and real minutes.

  simulated  the whole daemon on a fake clock against the simulated Meta and Slack, in this process: polls, ticks,
             webhooks, scrapes, an alert a day and its end, pruning. Looked at after each simulated day, or part of one.
  live       `wamon run` as a process of its own on loopback: polls, webhooks with repeats and mix-ups, scrapes, pages,
             alerts. Looked at every few seconds, from outside.

    python benchmarks/soak.py [--days 30] [--minutes 10] [--accounts 10] [--numbers 20] [--messages-a-day 5000]

The rule: the looks are parted into three. The first third warms up. What the middle of the last third has more than the
middle of the second may be 5 % of the memory and 5 open files; beyond that it fails, since what grows between these
will not stop growing. (--tolerance changes the share.) The last line is JSON.
"""

import argparse
import asyncio
import gc
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import cycle
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.crash.lab import our_environment, until
from tests.flows.webhooks_harness import VERIFY_TOKEN, WebhookFlow
from wamon.schedule import Job
from wamon.sim.graph import graph_app
from wamon.sim.sender import Mischief, Sender
from wamon.sim.serve import serve
from wamon.sim.slack import SlackChannel, slack_app
from wamon.sim.traffic import Mix, Traffic
from wamon.sim.world import World

MEGABYTE = 1024 * 1024
TOLERANCE = 0.05
MOST_FILES = 5
THIRDS = 3
LOOKS = 30
WEBHOOKS_EVERY = timedelta(minutes=10)
# Without them nobody knows what a number of messages may cost.
MIX = Mix(failed={131026: 0.02}, undelivered=0.01)
SEND_EVERY_SECONDS = 0.5
MESSAGES_A_SECOND = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a process held at one moment; `at` is in words, by the clock of the part that was looked at."""

    at: str
    rss_mb: float
    files: int
    database_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What grew from the second third of the looks to the last, and whether that is too much."""

    part: str
    rss_mb: float
    rss_grew_mb: float
    files: int
    files_grew: int
    faults: tuple[str, ...] = field(default=())


def look(pid: int, database: Path, at: str) -> Look:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    size = sum(file.stat().st_size for file in database.parent.glob(f"{database.name}*"))
    return Look(
        at=at,
        rss_mb=pages * os.sysconf("SC_PAGE_SIZE") / MEGABYTE,
        files=len(list(Path(f"/proc/{pid}/fd").iterdir())),
        database_mb=size / MEGABYTE,
    )


def judge(part: str, looks: Sequence[Look], *, tolerance: float) -> Verdict:
    """The rule of the module's docstring."""
    third = len(looks) // THIRDS
    second, last = looks[third:-third], looks[-third:]
    rss, rss_last = (statistics.median(each.rss_mb for each in part) for part in (second, last))
    files, files_last = (statistics.median_high(each.files for each in part) for part in (second, last))
    faults = []
    if rss_last - rss > tolerance * rss:
        faults.append(f"memory grew from {rss:.1f} to {rss_last:.1f} MB")
    if files_last - files > MOST_FILES:
        faults.append(f"open files grew from {files} to {files_last}")
    return Verdict(
        part=part,
        rss_mb=round(rss_last, 1),
        rss_grew_mb=round(rss_last - rss, 1),
        files=files_last,
        files_grew=files_last - files,
        faults=tuple(faults),
    )


def show(looks: Sequence[Look], verdict: Verdict) -> None:
    print(f"{verdict.part:>14}  memory MB  open files  database MB")
    for each in looks:
        print(f"{each.at:>14}  {each.rss_mb:9.1f}  {each.files:10d}  {each.database_mb:11.1f}")
    print(f"  {'; '.join(verdict.faults) or 'flat'}", flush=True)


def fleet(accounts: int, numbers: int) -> Callable[[Callable[[], datetime]], World]:
    return partial(World.fleet, wabas=accounts, numbers_per_waba=numbers)


# --- simulated weeks --------------------------------------------------------------------------------------------------


class Weeks(WebhookFlow):
    """A flow with steady webhooks and scrapes, whose simulated Meta and Slack forget what they have been asked."""

    def __init__(self, folder: Path, *, accounts: int, numbers: int, messages_a_day: int) -> None:
        super().__init__(
            folder, world=fleet(accounts, numbers), accounts=accounts, poll_interval="900", is_checked=False
        )
        self._senders = cycle(list(self.world.numbers.values()))
        self._messages = max(round(messages_a_day * WEBHOOKS_EVERY / timedelta(days=1)), 1)

    def jobs(self) -> tuple[Job, ...]:
        every = WEBHOOKS_EVERY
        job = Job(name="what happens", interval=every, first_after=every, run=self._happen)
        return (*self.daemon.jobs(), job)

    async def _happen(self) -> None:
        number, messages = next(self._senders), self.messages(self._messages)
        for word in ("sent", "delivered", "read"):
            await self.say(messages, word, number=number)
        failed = self.messages(1)
        await self.say(failed, "failed", number=number, error_code=131026)
        self.daemon.scrape(False)

    async def day(self, *, part: float) -> None:
        """A day, or a part of one, in which one number is ill for a while."""
        number = next(self._senders)
        number.quality_rating = "RED"
        await self.run(minutes=part * 12 * 60)
        number.quality_rating = "GREEN"
        await self.run(minutes=part * 12 * 60)
        # They would grow in this process too.
        self.world.calls.clear()
        self.channel.workspace.calls.clear()


async def simulated(weeks: Weeks, database: Path, *, days: float) -> list[Look]:
    looks = []
    turns = max(round(days), LOOKS)
    async with weeks:
        for turn in range(1, turns + 1):
            await weeks.day(part=days / turns)
            gc.collect()
            looks.append(look(os.getpid(), database, f"day {turn * days / turns:.1f}"))
    return looks


# --- real minutes -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def living(folder: Path, world: World, channel: SlackChannel) -> AsyncIterator[tuple[int, str]]:
    """A `wamon run` that watches the world: its process id and the page's URL. It must end well."""
    app, token = next(iter(world.apps.values())), next(iter(world.tokens.values()))
    accounts = "\n".join(f'[[accounts]]\nwaba_id = "{waba_id}"' for waba_id in world.wabas)
    (folder / "wamon.toml").write_text(accounts, encoding="utf-8")
    async with serve(graph_app(world)) as graph_url, serve(slack_app(channel)) as slack_url:
        settings = {
            "access_token": token.value,
            "app_id": app.id,
            "app_secret": app.secret,
            "verify_token": VERIFY_TOKEN,
            "graph_base_url": graph_url,
            "slack_webhook_url": f"{slack_url}{channel.webhook_path}",
            "database": str(folder / "wamon.db"),
            "private_listen": "127.0.0.1:0",
            "public_listen": "127.0.0.1:0",
            "poll_interval": "15",
            "log_format": "json",
        }
        environment = our_environment() | {f"WAMON_{key.upper()}": value for key, value in settings.items()}
        log = folder / "log.txt"
        with log.open("wb") as to:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "wamon", "run", cwd=folder, env=environment, stderr=to
            )
        try:
            await until(lambda: process.returncode is not None or b'"webhooks"' in log.read_bytes())
            told = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if '"webhooks"' in line]
            if not told:
                raise RuntimeError(f"the daemon ended: {log.read_text(encoding='utf-8')[-2000:]}")
            app.subscriptions[0].callback_url = f"{told[0]['webhooks']}/webhook"
            yield process.pid, str(told[0]["page"])
            process.send_signal(signal.SIGTERM)
            if (code := await asyncio.wait_for(process.wait(), 30)) != 0:
                raise RuntimeError(f"the daemon ended with {code}")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def live(folder: Path, *, seconds: float, accounts: int, numbers: int) -> list[Look]:
    world = fleet(accounts, numbers)(_now)
    channel = SlackChannel(now=_now, limits=False)
    traffic = Traffic(world, random.Random(1))
    for number_id in world.numbers:
        traffic.start(number_id, per_hour=MESSAGES_A_SECOND * 3600 / len(world.numbers), mix=MIX)
    looks: list[Look] = []
    async with living(folder, world, channel) as (pid, page), asyncio.TaskGroup() as tasks:
        busy = [tasks.create_task(_send(world, traffic)), tasks.create_task(_visit(page, world))]
        began = time.monotonic()
        while (passed := time.monotonic() - began) < seconds:
            await asyncio.sleep(seconds / LOOKS)
            looks.append(look(pid, folder / "wamon.db", f"{passed + seconds / LOOKS:.0f} s"))
        for task in busy:
            task.cancel()
    return looks


async def _send(world: World, traffic: Traffic) -> None:
    mischief = Mischief(repeated=0.02, late=0.05, late_seconds=(1.0, 5.0), repeated_after_seconds=(1.0, 10.0))
    chance = random.Random(2)
    async with Sender(world, traffic.due, sleep=asyncio.sleep, random=chance, mischief=mischief) as sender:
        while True:
            await sender.step()
            await asyncio.sleep(SEND_EVERY_SECONDS)


async def _visit(page: str, world: World) -> None:
    """Prometheus, somebody who looks, and a number that falls ill and recovers."""
    numbers = cycle(world.numbers.values())
    async with httpx.AsyncClient(trust_env=False, base_url=page) as client:
        while True:
            number = next(numbers)
            number.quality_rating = "RED" if number.quality_rating == "GREEN" else "GREEN"
            for path in ("/metrics", "/", "/-/healthy", "/api/v1/alerts"):
                (await client.get(path, timeout=30)).raise_for_status()
            await asyncio.sleep(1)


def _now() -> datetime:
    return datetime.now(UTC)


# --- both -------------------------------------------------------------------------------------------------------------


def soak(
    *, days: float, minutes: float, accounts: int, numbers: int, messages_a_day: int, tolerance: float = TOLERANCE
) -> list[Verdict]:
    """Both parts, each shown as a table; one that lasts 0 is left out."""
    verdicts = []
    if minutes:
        with tempfile.TemporaryDirectory(prefix="soak-") as folder:
            looks = asyncio.run(live(Path(folder), seconds=minutes * 60, accounts=accounts, numbers=numbers))
        verdicts.append(judge("live", looks, tolerance=tolerance))
        show(looks, verdicts[-1])
    if days:
        with tempfile.TemporaryDirectory(prefix="soak-") as folder:
            weeks = Weeks(Path(folder), accounts=accounts, numbers=numbers, messages_a_day=messages_a_day)
            looks = asyncio.run(simulated(weeks, Path(folder) / "wamon.db", days=days))
        verdicts.append(judge("simulated", looks, tolerance=tolerance))
        show(looks, verdicts[-1])
    return verdicts


def main() -> int:
    parser = argparse.ArgumentParser(description="Whether a daemon that runs for long stays as it is.")
    parser.add_argument("--days", type=float, default=30, help="simulated; 0 leaves them out")
    parser.add_argument("--minutes", type=float, default=10, help="real; 0 leaves them out")
    parser.add_argument("--accounts", type=int, default=10)
    parser.add_argument("--numbers", type=int, default=20, help="of each account")
    parser.add_argument("--messages-a-day", type=int, default=5_000, help="in the simulated weeks")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE)
    verdicts = soak(**vars(parser.parse_args()))
    print(json.dumps([asdict(each) for each in verdicts]))
    return 1 if any(each.faults for each in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
