"""Runs observe, step, commit, publish: one event at a time, and nothing is shown before it is stored."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, Protocol

from wamon.core.errors import StoreError
from wamon.core.health import Signal, Value
from wamon.core.ports import Store
from wamon.core.state import Changes, Event, Monitored, Started, State, Woken
from wamon.core.step import Policy, step
from wamon.core.timing import Clock, Moment

log = logging.getLogger(__name__)

# However far off what the desk waits for is, the clock may be set meanwhile; and a store that refuses gets a rest.
LONGEST_WAIT_SECONDS: Final = 60.0
REFUSED_WAIT_SECONDS: Final = 5.0


class EngineObserver(Protocol):
    """Who counts what the engine does."""

    def committed(self, seconds: float) -> None: ...

    def commit_failed(self) -> None: ...


class Engine:
    """Owns the state. `publish` is called with each state that the store has taken, in order."""

    def __init__(
        self,
        *,
        store: Store,
        policy: Policy,
        clock: Clock,
        observer: EngineObserver,
        publish: Callable[[State, Changes], None],
    ) -> None:
        self._store = store
        self._policy = policy
        self._clock = clock
        self._observer = observer
        self._publish = publish
        self._turn = asyncio.Lock()
        self._published = asyncio.Event()
        self._state = State()
        self._problem: str | None = None

    @property
    def problem(self) -> str | None:
        """Why the last commit failed, None when it did not."""
        return self._problem

    @property
    def state(self) -> State:
        return self._state

    async def start(self, signals: Mapping[str, Signal[Value]], monitored: Monitored) -> None:
        """Take up the stored state. Raises StoreError: without it nothing may run."""
        # A version of its own, so that whoever shows the state sees that this one does not follow from the last.
        self._state = replace(await self._store.load(signals), version=1)
        stored = self._state.moment
        await self._take(lambda moment: Started(moment=moment, monitored=monitored))
        still_open = [alert for alert in self._state.alerts.values() if alert.is_open]
        if stored is not None and still_open:
            gap = (self._clock.now() - stored.at).total_seconds()
            log.warning("alerts carried over a restart", extra={"open": len(still_open), "gap_seconds": round(gap)})

    async def observe(self, event: Callable[[Moment], Event]) -> bool:
        """Take in one event; false when the store refused it, and then nothing has changed.

        The event gets its moment here, in its turn, so that the moments of all steps are in order.
        """
        try:
            await self._take(event)
        except StoreError as error:
            # The next poll brings the reading again; what is shown stays what is stored.
            self._observer.commit_failed()
            if self._problem is None:
                log.error("commit failed", extra={"reason": str(error)})
            self._problem = str(error)
            return False
        if self._problem is not None:
            log.info("commits succeed again")
            self._problem = None
        return True

    async def keep_desk(self) -> None:
        """Let the desk do what it waits for when its time comes, until cancelled."""
        while True:
            self._published.clear()
            next_at = self._state.desk.next_at
            wait = LONGEST_WAIT_SECONDS if next_at is None else (next_at - self._clock.now()).total_seconds()
            if wait > 0:
                await self._rest(min(wait, LONGEST_WAIT_SECONDS))
            elif not await self.observe(lambda moment: Woken(moment=moment)):
                await self._clock.sleep(REFUSED_WAIT_SECONDS)

    async def _rest(self, seconds: float) -> None:
        """Until then, or until something else was published."""
        async with asyncio.TaskGroup() as group:
            waits = {group.create_task(self._published.wait()), group.create_task(self._clock.sleep(seconds))}
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for task in waits:
                task.cancel()

    async def _take(self, event: Callable[[Moment], Event]) -> None:
        async with self._turn:
            state, changes = step(self._state, event(self._clock.moment()), self._policy)
            started = self._clock.monotonic()
            await self._store.commit(changes)
            self._observer.committed(self._clock.monotonic() - started)
            self._state = state
            self._published.set()
            _tell(changes)
            self._publish(state, changes)


def _tell(changes: Changes) -> None:
    """Log what changed: state, not polls."""
    if changes.clock_step:
        log.warning("the clock jumped", extra={"seconds": changes.clock_step.total_seconds()})
    for reading in changes.unrecognised:
        log.warning(
            "unrecognised value from Meta, counted and kept",
            extra={"signal": reading.signal.name, "subject": str(reading.subject), "raw": reading.raw},
        )
    for subject in changes.removed_subjects:
        log.info("no longer monitored", extra={"subject": str(subject)})
    for change in changes.history:
        if change.before is not None or change.after is not None:
            log.debug(
                "reading changed",
                extra={
                    "signal": change.signal.name,
                    "subject": str(change.subject),
                    "before": change.before,
                    "after": change.after,
                },
            )
    for transition in changes.transitions:
        log.info(
            "alert transition",
            extra={
                "rule": transition.rule,
                "kind": str(transition.kind),
                "severity": str(transition.severity),
                "subject": str(transition.subject),
                "what": transition.what,
            },
        )
