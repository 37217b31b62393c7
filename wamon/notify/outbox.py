"""Delivers what the store's outbox owes: at least once, in order, for as long as it takes, each receiver by itself."""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from wamon.core.ports import Message, Notification, Notifier, Rule, Store
from wamon.core.state import State
from wamon.core.timing import Clock
from wamon.notify.lane import STOP_SECONDS, Lane, OutboxObserver, about
from wamon.notify.message import Links, compose

log = logging.getLogger(__name__)


class Outbox:
    """Sends each stored notification to its receiver; no receiver waits for another.

    `state` gives the picture at the moment of sending. `recover` comes first, once.
    """

    def __init__(
        self,
        *,
        store: Store,
        notifiers: Mapping[str, Notifier],
        rules: Iterable[Rule],
        links: Links,
        state: Callable[[], State],
        clock: Clock,
        random: random.Random,
        observer: OutboxObserver,
        stop_seconds: float = STOP_SECONDS,
    ) -> None:
        self._store = store
        self._rules = {rule.name: rule for rule in rules}
        self._links = links
        self._state = state
        self._clock = clock
        self._observer = observer
        self._problems: tuple[str, ...] = ()
        self._lanes = {
            receiver: Lane(
                notifier,
                store=store,
                compose=self._compose,
                look=self._look,
                clock=clock,
                random=random,
                observer=observer,
                stop_seconds=stop_seconds,
            )
            for receiver, notifier in notifiers.items()
        }

    @property
    def problems(self) -> tuple[str, ...]:
        """What a human must mend, in words, by receiver; each stands until something arrives there again.

        They are the store's, so that a restart does not hide them.
        """
        return self._problems

    def wake(self) -> None:
        """Say that the store has something to send."""
        for lane in self._lanes.values():
            lane.wake()

    async def recover(self) -> int:
        """Take up what an earlier process left, before the first delivery; how many it was interrupted in.

        Whoever has not been told of an alert that is still open is owed it, so that a change of receivers and a refusal
        lose nothing; what is owed to receivers that are gone is given up, and logged in full. Raises StoreError.
        """
        now = self._clock.now()
        resumed = await self._store.resume_outbox(tuple(self._lanes), at=now)
        if resumed.interrupted:
            log.warning("interrupted notifications are sent again", extra={"notifications": resumed.interrupted})
        if resumed.owed:
            log.warning("open alerts are told where they were not known", extra={"notifications": resumed.owed})
        for orphan in resumed.orphans:
            log.error("notification given up", extra={**about(orphan), "reason": "its receiver is not configured"})
        await self._look()
        return resumed.interrupted

    async def run(self) -> None:
        """Deliver whenever something is due, until cancelled. A store that fails is asked again."""
        async with asyncio.TaskGroup() as group:
            for receiver, lane in self._lanes.items():
                group.create_task(lane.run(), name=f"outbox to {receiver}")

    async def deliver_due(self) -> datetime | None:
        """Send everything that is due, to one receiver after the other; when the next is, None for nothing left.

        A step of `run`, for whoever moves the time by hand. Raises StoreError.
        """
        found = [await lane.deliver_due() for lane in self._lanes.values()]
        return min((due_at for due_at in found if due_at is not None), default=None)

    async def _look(self) -> None:
        figures = await self._store.outbox_figures()
        self._problems = tuple(
            f"{receiver}: {problem}" for receiver, problem in figures.problems if receiver in self._lanes
        )
        self._observer.outbox(figures)

    def _compose(self, notification: Notification) -> Message:
        return compose(
            notification,
            rule=self._rules.get(notification.transition.rule),
            snapshot=self._state().snapshot,
            now=self._clock.now(),
            links=self._links,
        )
