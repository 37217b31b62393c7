"""The whole daemon in one process and in simulated time, against the simulated Meta and the fake Slack.

Nothing of the daemon is replaced: its jobs, its store in a file, its Graph client and Slack's own SDK are the real
ones. What moves is the clock: `Flow.run` goes from job to job, so that an hour takes a fraction of a second.
"""

import asyncio
import functools
import heapq
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, closing
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, Self

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.fakes import START, FakeClock
from tests.sim.callers import HTTPX_ERRORS
from wamon.config.load import load_settings
from wamon.core.alerting import Alert, Transition, TransitionKind
from wamon.core.desk import Desk
from wamon.core.state import Woken
from wamon.daemon import Daemon
from wamon.rules import RULES
from wamon.schedule import Job
from wamon.sim.entities import App, Number, Token, Waba
from wamon.sim.graph import graph_app
from wamon.sim.serve import serve
from wamon.sim.slack import SlackChannel, SlackMessage, slack_app
from wamon.sim.world import World

GRAPH_URL = "http://127.0.0.1:9"
MUTES = (TransitionKind.INHIBITED, TransitionKind.SILENCED)
TOLD = """
    SELECT t.key, t.episode, t.ordinal, i.receiver
    FROM outbox_items i JOIN outbox o ON o.id = i.outbox_id JOIN alert_transitions t ON t.seq = i.transition_seq
    WHERE i.receiver IS NOT NULL AND o.state = 'done' AND t.kind IN ('open', 'raise', 'close')
"""

P = ParamSpec("P")


def simulated(story: Callable[P, Coroutine[None, None, None]]) -> Callable[P, None]:
    """A test out of a coroutine: each story has an event loop of its own."""

    @functools.wraps(story)
    def test(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(story(*args, **kwargs))

    return test


class Flow:
    """A daemon at work on a world.

    `accounts` is how many of the world's WABAs it watches, `tables` is the text of a wamon.toml, `at` is when the story
    begins, and each further keyword is a setting by its key: `poll_interval="300"`, empty for one that is left out. At
    the end of the block every announced transition must have been told, but for what was muted, and nothing to anybody
    twice, unless `is_checked` is false.
    """

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
        self._folder = folder
        self._is_checked = is_checked
        self._given = settings
        self.tables = tables
        self._accounts = accounts
        self.clock = FakeClock(at)
        self.world = world(self.clock.now)
        self.channel = SlackChannel(now=self.clock.now)
        self.daemon: Daemon
        self.slack_url = ""
        self._here = AsyncExitStack()
        self._running = AsyncExitStack()
        self._agenda: list[tuple[float, int, Job]] = []
        self._notify_at: datetime | None = None
        self._seen_desk: Desk | None = None

    # --- the life of the daemon ---------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self.slack_url = await self._here.enter_async_context(serve(slack_app(self.channel)))
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is None and self._is_checked:
                await self._check_books()
        finally:
            await self.stop()
            await self._here.aclose()

    async def start(self, **changed: str) -> None:
        """Bring the daemon up, with these settings changed, and let it take its first look."""
        self._given = {**self._given, **changed}
        app = graph_app(self.world, sleep=self.clock.sleep, stand_ins=HTTPX_ERRORS)
        self.daemon = Daemon(
            load_settings(self._file(), self._environment(), rules=RULES, default_paths=()),
            clock=self.clock,
            random=random.Random(0),
            transport=httpx.ASGITransport(app=app),
        )
        await self._running.enter_async_context(self.daemon.opened())
        started_at = self.clock.monotonic()
        self._agenda = [
            (started_at + job.first_after.total_seconds(), number, job) for number, job in enumerate(self.jobs())
        ]
        heapq.heapify(self._agenda)
        self._notify_at = self.clock.now()
        await self.daemon.first_round()
        await self._notify()

    def jobs(self) -> tuple[Job, ...]:
        """What is done as time passes."""
        return self.daemon.jobs()

    async def stop(self) -> None:
        await self._running.aclose()

    async def restart(self, *, gap: timedelta = timedelta(0), **changed: str) -> None:
        """Stop, let time pass without a daemon, and start again on the same database."""
        await self.stop()
        self.clock.advance(gap.total_seconds())
        await self.start(**changed)

    async def run(self, *, minutes: float) -> None:
        """Let the daemon work for so long. A job that was overtaken by slow ones runs once, late, as in the real."""
        end = self.clock.monotonic() + minutes * 60
        while self._agenda[0][0] <= end:
            due, number, job = self._agenda[0]
            await self._wait_until(due)
            await job.run()
            await self._notify()
            interval = job.interval.total_seconds()
            missed = max(self.clock.monotonic() - due, 0.0) // interval
            heapq.heapreplace(self._agenda, (due + (missed + 1) * interval, number, job))
        await self._wait_until(end)
        await self._notify()

    async def _wait_until(self, monotonic: float) -> None:
        """Let time pass; the desk and the outbox do what they wait for at its time, as in the real."""
        while (due_at := self._due_before(monotonic)) is not None:
            self.clock.advance(max((due_at - self.clock.now()).total_seconds(), 0.0))
            desk_at = self.daemon.engine.state.desk.next_at
            if desk_at is not None and desk_at <= self.clock.now():
                await self.daemon.engine.observe(lambda moment: Woken(moment=moment))
            await self._notify()
        self.clock.advance(max(monotonic - self.clock.monotonic(), 0.0))

    def _due_before(self, monotonic: float) -> datetime | None:
        """When something is due that no job does, if that is sooner."""
        end = self.clock.now() + timedelta(seconds=monotonic - self.clock.monotonic())
        waits = [at for at in (self.daemon.engine.state.desk.next_at, self._notify_at) if at is not None and at <= end]
        return min(waits, default=None)

    async def _notify(self) -> None:
        """Deliver when the daemon's own outbox would: something happened, or a wait is over."""
        # Whatever is owed, or changes a message, is a change of the desk.
        desk = self.daemon.engine.state.desk
        is_due = self._notify_at is not None and self._notify_at <= self.clock.now()
        if is_due or desk is not self._seen_desk:
            self._seen_desk = desk
            self._notify_at = await self.daemon.outbox.deliver_due()

    # --- what it was told ---------------------------------------------------------------------------------------------

    def _environment(self) -> dict[str, str]:
        settings = {
            "access_token": self.token.value,
            "app_id": self.app.id,
            "app_secret": self.app.secret,
            "graph_base_url": GRAPH_URL,
            "database": str(self._folder / "wamon.db"),
            "slack_webhook_url": f"{self.slack_url}{self.channel.webhook_path}",
            **({"waba_id": self.waba.id} if self._accounts == 1 else {}),
            **self._given,
        }
        return {f"WAMON_{key.upper()}": value for key, value in settings.items() if value}

    def _file(self) -> Path | None:
        watched = list(self.world.wabas.values())[: self._accounts]
        accounts = [
            f'[[accounts]]\nname = "account-{index}"\nwaba_id = "{waba.id}"' for index, waba in enumerate(watched, 1)
        ]
        text = "\n".join([self.tables, *(accounts if self._accounts > 1 else [])])
        if not text.strip():
            return None
        file = self._folder / "wamon.toml"
        file.write_text(text, encoding="utf-8")
        return file

    # --- the world ----------------------------------------------------------------------------------------------------

    @property
    def waba(self) -> Waba:
        return next(iter(self.world.wabas.values()))

    @property
    def number(self) -> Number:
        return self.world.number(self.waba.number_ids[0])

    @property
    def app(self) -> App:
        return next(iter(self.world.apps.values()))

    @property
    def token(self) -> Token:
        return next(iter(self.world.tokens.values()))

    # --- what came of it ----------------------------------------------------------------------------------------------

    def metric(self, name: str, **labels: str) -> float | None:
        """The one sample of this name with at least these labels, as a scrape shows it; None when there is none."""
        found = self.samples(name, **labels)
        assert len(found) <= 1, f"{len(found)} samples of {name} with {labels}"
        return next(iter(found.values()), None)

    def samples(self, name: str, **labels: str) -> dict[tuple[tuple[str, str], ...], float]:
        """Every sample of this name with at least these labels, by all of its labels."""
        return {
            tuple(sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(self.daemon.scrape(False).decode())
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        }

    async def transitions(self, rule: str | None = None) -> list[tuple[str, str]]:
        """Every transition of a rule as (kind, severity), in order."""
        return [(str(t.kind), str(t.severity)) for t in await self._transitions() if rule in (None, t.rule)]

    async def announced(self) -> list[tuple[str, str, str]]:
        """Every transition that a human must hear of as (rule, kind, severity), in order."""
        return [(t.rule, str(t.kind), str(t.severity)) for t in await self._transitions() if t.is_announced]

    def alert(self, rule: str) -> Alert | None:
        """The one open alert of a rule; None when none is open."""
        found = [alert for alert in self.daemon.engine.state.alerts.values() if alert.rule == rule and alert.is_open]
        assert len(found) <= 1, f"{len(found)} open alerts of {rule}"
        return found[0] if found else None

    @property
    def open_alerts(self) -> list[str]:
        return sorted(alert.rule for alert in self.daemon.engine.state.alerts.values() if alert.is_open)

    def calls(self, path: str = "", *, since: datetime | None = None) -> int:
        """How many requests of exactly this path (all of them when empty) Meta has had since a moment."""
        return sum(
            call.path in (path, path or call.path) and (since is None or call.at > since) for call in self.world.calls
        )

    @property
    def headlines(self) -> list[str]:
        """The first line of each Slack message, in order."""
        return [message.text.splitlines()[0] for message in self.channel.messages]

    @property
    def last_message(self) -> str:
        """Every word of the latest Slack message."""
        return self.channel.messages[-1].all_text

    async def _transitions(self) -> tuple[Transition, ...]:
        return await self.daemon.store.transitions(limit=100_000)

    async def _check_books(self) -> None:
        transitions = await self._transitions()
        muted = {(t.key, t.episode) for t in transitions if t.kind in MUTES}
        announced = {(t.key, t.episode, t.ordinal): t.kind for t in transitions if t.is_announced}
        told = self._told()
        known = {each[:2] for each in told}
        # Whoever heard of the opening hears of the close.
        spared = {
            each
            for each, kind in announced.items()
            if each[:2] in muted and not (kind is TransitionKind.CLOSE and each[:2] in known)
        }
        assert {each for each, receivers in told.items() if len(receivers) != len(set(receivers))} == set()
        assert told.keys() <= announced.keys()
        assert announced.keys() - told.keys() - spared == set()
        references = Counter(map(reference_of, self.channel.messages))
        assert {reference for reference, count in references.items() if count > 1} == set()

    def _told(self) -> dict[tuple[str, int, int], list[str]]:
        """Who was told of which transition, by what the store says has arrived."""
        told: dict[tuple[str, int, int], list[str]] = {}
        with closing(sqlite3.connect(self._folder / "wamon.db")) as connection:
            for key, episode, ordinal, receiver in connection.execute(TOLD):
                told.setdefault((key, episode, ordinal), []).append(receiver)
        return told


def reference_of(message: SlackMessage) -> str:
    """Which attempt brought a message: the last words of its last line."""
    return message.all_text.splitlines()[-1].removeprefix("ref ")


def is_possible_duplicate(message: SlackMessage) -> bool:
    return "possible duplicate" in message.text
