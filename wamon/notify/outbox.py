"""Delivers what the store's outbox owes: at least once, in order, for as long as it takes, each receiver by itself."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from types import MappingProxyType

from wamon.core.outgoing import Batch
from wamon.core.ports import Notifier, Store
from wamon.core.state import State
from wamon.core.timing import Clock
from wamon.notify.lane import STOP_SECONDS, Lane, OutboxObserver, about
from wamon.notify.looking import LOOK_AFTER
from wamon.notify.pace import EDIT_BURST, EDIT_EVERY, Bucket
from wamon.notify.writing import Words, Writer

log = logging.getLogger(__name__)


class Outbox:
    """Sends what is owed to each receiver, and keeps its messages true; no receiver waits for another.

    `state` gives the picture at the moment of sending, `words` the message about it. `fallbacks` names who is told
    instead of a receiver that refuses. `recover` comes first, once.
    """

    def __init__(
        self,
        *,
        store: Store,
        notifiers: Mapping[str, Notifier],
        words: Words,
        state: Callable[[], State],
        clock: Clock,
        random: random.Random,
        observer: OutboxObserver,
        fallbacks: Mapping[str, str] = MappingProxyType({}),
        stop_seconds: float = STOP_SECONDS,
    ) -> None:
        self._store = store
        self._clock = clock
        self._observer = observer
        self._problems: tuple[str, ...] = ()
        self._has_handed_over = False
        writer = Writer(words, store=store, state=state, clock=clock)
        # All bots are those of one workspace.
        edits = Bucket(clock, every=EDIT_EVERY, burst=EDIT_BURST)
        self._lanes = {
            receiver: Lane(
                notifier,
                store=store,
                writer=writer,
                look=self._look,
                clock=clock,
                random=random,
                observer=observer,
                edits=edits,
                hand_over=self._handing_over(fallbacks[receiver]) if fallbacks.get(receiver) in notifiers else None,
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
        """Take up what an earlier process left, before the first delivery; how many requests it was interrupted in.

        What was given up of groups that are still live is owed anew, so that a refusal loses nothing; what is owed to
        receivers that are gone is given up, and logged in full. Raises StoreError.
        """
        now = self._clock.now()
        resumed = await self._store.resume_outbox(tuple(self._lanes), at=now, look_at=now + LOOK_AFTER)
        if resumed.interrupted:
            log.warning("interrupted notifications are looked for", extra={"notifications": resumed.interrupted})
        if resumed.owed:
            log.warning("what was given up of open alerts is owed anew", extra={"notifications": resumed.owed})
        for orphan in resumed.orphans:
            log.error("notification given up", extra={**about([orphan]), "reason": "its receiver is not configured"})
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
        while True:
            self._has_handed_over = False
            found = [await lane.deliver_due() for lane in self._lanes.values()]
            if not self._has_handed_over:
                return min((due_at for due_at in found if due_at is not None), default=None)

    def _handing_over(self, to: str) -> Callable[[Batch, str], Awaitable[None]]:
        async def hand_over(batch: Batch, reason: str) -> None:
            ids = [each.id for each in batch.notifications]
            owed = await self._store.hand_over(ids, to=to, at=self._clock.now(), reason=reason)
            log.warning("notifications handed over", extra={"receiver": batch.receiver, "to": to, "owed": owed})
            self._has_handed_over = True
            self._lanes[to].wake()

        return hand_over

    async def _look(self) -> None:
        figures = await self._store.outbox_figures()
        self._problems = tuple(
            f"{receiver}: {problem}" for receiver, problem in figures.problems if receiver in self._lanes
        )
        self._observer.outbox(figures)
