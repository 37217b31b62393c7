"""An outbox at work: over a real store, with a clock and receivers in the test's hand."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tests.fakes import START, FakeClock
from tests.notify.cases import QUALITY, Recorder, number, owe, snapshot, transition
from wamon.core.alerting import Alert, AlertState, CloseReason, Severity, Transition, TransitionKind
from wamon.core.errors import StoreError
from wamon.core.ports import Message, Notifier, Receipt
from wamon.core.state import State
from wamon.notify.lane import STOP_SECONDS
from wamon.notify.message import Links
from wamon.notify.outbox import Outbox
from wamon.store.sqlite import SqliteStore


class Halves(random.Random):
    """Chance that always falls in the middle, so that backoffs are 0.5 s, 1 s, 2 s, ..., 150 s."""

    def random(self) -> float:
        return 0.5


class BrittleStore(SqliteStore):
    """A store on a disk that may fill up."""

    broken: frozenset[str] = frozenset()

    def _check(self, what: str) -> None:
        if what in self.broken:
            raise StoreError("the disk is full")

    async def begin_attempt(self, notification_id: int, *, at: datetime) -> None:
        self._check("begin")
        await super().begin_attempt(notification_id, at=at)

    async def finish_notification(self, notification_id: int, receipt: Receipt, *, at: datetime) -> None:
        self._check("finish")
        await super().finish_notification(notification_id, receipt, at=at)

    async def revive_interrupted(self, receiver: str, *, at: datetime) -> int:
        self._check("revive")
        return await super().revive_interrupted(receiver, at=at)


@dataclass(kw_only=True)
class Desk:
    """An outbox over a real store, with a clock and receivers in the test's hand."""

    store: BrittleStore
    clock: FakeClock
    recorder: Recorder
    notifiers: dict[str, Notifier]
    outbox: Outbox

    def another(self, *, stop_seconds: float = STOP_SECONDS) -> Outbox:
        """The outbox of the next process."""
        return _outbox(self.store, self.clock, self.recorder, self.notifiers, stop_seconds=stop_seconds)

    async def restart(self, *notifiers: Notifier) -> None:
        """The next process takes over, with these receivers or with those of before."""
        self.notifiers = {notifier.name: notifier for notifier in notifiers} or self.notifiers
        self.outbox = self.another()
        await self.outbox.recover()

    async def owe(
        self, *transitions: Transition, receivers: tuple[str, ...] = ("slack_bot",), alerts: tuple[Alert, ...] = ()
    ) -> None:
        await owe(self.store, self.clock, transitions, receivers, alerts)

    async def live(self, duration: timedelta) -> None:
        """Deliver for so long, as `run` would."""
        end = self.clock.now() + duration
        while (due_at := await self.outbox.deliver_due()) is not None and due_at <= end:
            self.clock.advance(max((due_at - self.clock.now()).total_seconds(), 0.0))


def _outbox(
    store: BrittleStore,
    clock: FakeClock,
    recorder: Recorder,
    notifiers: dict[str, Notifier],
    *,
    stop_seconds: float = STOP_SECONDS,
) -> Outbox:
    return Outbox(
        store=store,
        notifiers=notifiers,
        rules=(QUALITY,),
        links=Links(),
        state=lambda: State(snapshot=snapshot()),
        clock=clock,
        random=Halves(),
        observer=recorder,
        stop_seconds=stop_seconds,
    )


def at_desk(folder: Path, scenario: Callable[[Desk], Awaitable[None]], *notifiers: Notifier) -> None:
    async def main() -> None:
        clock, recorder = FakeClock(), Recorder()
        store = BrittleStore(folder / "wamon.db", synchronous="OFF", clock=clock)
        by_name = {notifier.name: notifier for notifier in notifiers}
        await store.open()
        try:
            await scenario(
                Desk(
                    store=store,
                    clock=clock,
                    recorder=recorder,
                    notifiers=by_name,
                    outbox=_outbox(store, clock, recorder, by_name),
                )
            )
        finally:
            await store.close()
            for notifier in notifiers:
                await notifier.close()

    asyncio.run(main())


@contextmanager
def cancelled(task: "asyncio.Task[None]") -> Iterator[None]:
    """Let a loop run for as long as a block lasts; what it died of comes out."""
    try:
        yield
    finally:
        task.cancel()


def opened(index: int = 0, severity: Severity = Severity.CRITICAL, *, when: datetime = START) -> Transition:
    return transition(severity=severity, subject=number(index), when=when)


def firing(of: Transition) -> Alert:
    """The alert that a transition opened, while it is open."""
    return Alert(
        key=of.key,
        rule=of.rule,
        subject=of.subject,
        state=AlertState.FIRING,
        severity=of.severity,
        since=of.at,
        last_observed_at=of.at,
        last_confirmed_at=of.at,
        episode=of.episode,
        ordinal=of.ordinal,
        opened_at=of.at,
    )


def closed(index: int = 0, *, when: datetime = START) -> Transition:
    return transition(
        TransitionKind.CLOSE, subject=number(index), when=when, close_reason=CloseReason.RESOLVED, ordinal=2
    )


def whos(messages: list[Message]) -> list[str]:
    return [
        message.headline.split("  ")[0].split(" ")[0] + " " + message.headline.split(" ")[-1] for message in messages
    ]
