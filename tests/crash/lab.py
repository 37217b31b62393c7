"""The real daemon as a process of its own, against a Meta and a Slack that the test serves on loopback."""

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.crash.hurry import HurriedClock
from wamon.sim.entities import Waba
from wamon.sim.graph import graph_app
from wamon.sim.serve import serve
from wamon.sim.slack import SlackChannel, slack_app
from wamon.sim.world import World

REPOSITORY = Path(__file__).parents[2]
# A shared machine may take its time; no wait of these tests is meant to last as long.
PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.05


@dataclass(kw_only=True)
class Lab:
    """A folder with a database, the two services, and the environment in which wamon finds them."""

    folder: Path
    world: World
    channel: SlackChannel
    slack_url: str
    environment: Mapping[str, str]
    clock: HurriedClock | None = None
    started: list[asyncio.subprocess.Process] = field(default_factory=list)

    @property
    def waba(self) -> Waba:
        return next(iter(self.world.wabas.values()))

    @property
    def database(self) -> Path:
        return self.folder / "wamon.db"

    async def start(self) -> asyncio.subprocess.Process:
        """A `wamon run`, by the lab's clock if it has one; its log goes to log.txt."""
        command = ["wamon", "run"] if self.clock is None else ["tests.crash.hurry", *self.clock.arguments]
        with (self.folder / "log.txt").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *command, cwd=self.folder, env=self.environment, stderr=log
            )
        self.started.append(process)
        return process

    async def has_asked(self, calls: int = 1, *, since: int = 0) -> None:
        """Wait until Meta has had so many calls about the account after the first `since` of all calls."""
        path = f"/{self.waba.id}"
        await until(lambda: sum(call.path == path for call in self.world.calls[since:]) >= calls)

    async def page(self) -> str:
        """The private listener's URL, as the latest daemon's log tells it."""
        await until(lambda: '"page"' in self.log)
        return [str(line["page"]) for line in map(json.loads, self.log.splitlines()) if "page" in line][-1]

    async def stop(self, process: asyncio.subprocess.Process) -> int:
        """Ask it to stop; its exit code."""
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await process.wait()

    async def end(self) -> None:
        """Leave nothing running, however the test ended."""
        for process in self.started:
            if process.returncode is None:
                process.kill()
                await process.wait()

    def query(self, statement: str) -> Sequence[tuple[Any, ...]]:
        """Rows of the database, whether a daemon has it open or not."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=5)) as connection:
            return connection.execute(statement).fetchall()

    @property
    def log(self) -> str:
        return (self.folder / "log.txt").read_text(encoding="utf-8")


@asynccontextmanager
async def lab(
    folder: Path,
    *,
    is_bot: bool = False,
    tables: str = "",
    settings: Mapping[str, str] | None = None,
    speed: float | None = None,
) -> AsyncIterator[Lab]:
    """Serve a small world and a Slack, in a folder that is made.

    `tables` is the text of a wamon.toml, `settings` are more of them by their keys. With a `speed` everybody here lives
    by one clock that is so much faster than the world's; what waits for an answer still does so by the world's.
    """
    _prepare(folder, tables)
    clock = None if speed is None else HurriedClock.starting(speed)
    now, sleep = (_now, asyncio.sleep) if clock is None else (clock.now, clock.sleep)
    world, channel = World.small(now), SlackChannel(now=now, limits=False)
    async with serve(graph_app(world, sleep=sleep)) as graph_url, serve(slack_app(channel, sleep=sleep)) as slack_url:
        app, token = next(iter(world.apps.values())), next(iter(world.tokens.values()))
        given = {
            "waba_id": next(iter(world.wabas)),
            "access_token": token.value,
            "app_id": app.id,
            "app_secret": app.secret,
            "graph_base_url": graph_url,
            "database": str(folder / "wamon.db"),
            "private_listen": "127.0.0.1:0",
            "poll_interval": "1",
            "log_format": "json",
            **_slack(channel, slack_url, is_bot=is_bot),
            **(settings or {}),
        }
        it = Lab(
            folder=folder,
            world=world,
            channel=channel,
            slack_url=slack_url,
            clock=clock,
            environment=our_environment() | {f"WAMON_{key.upper()}": value for key, value in given.items()},
        )
        try:
            yield it
        finally:
            await it.end()


async def until(is_so: Callable[[], object], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until it is so; what is asked lives in another process, which tells nobody."""
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110 - another process sets no event of ours
            await asyncio.sleep(LOOK_SECONDS)


def _prepare(folder: Path, tables: str) -> None:
    folder.mkdir()
    if tables:
        (folder / "wamon.toml").write_text(tables, encoding="utf-8")


def _slack(channel: SlackChannel, url: str, *, is_bot: bool) -> Mapping[str, str]:
    if is_bot:
        return {
            "slack_bot_token": channel.bot_token,
            # By its id: the history of a channel that is given by name cannot be asked for after a start.
            "slack_channel": channel.id,
            "slack_base_url": f"{url}/api",
        }
    return {"slack_webhook_url": f"{url}{channel.webhook_path}"}


def our_environment() -> dict[str, str]:
    """Ours, so that the interpreter is found and coverage goes on; the code under test is this repository's."""
    return {**os.environ, "PYTHONPATH": str(REPOSITORY)}


def _now() -> datetime:
    return datetime.now(UTC)
