"""Work that comes round: at its time, or when somebody says that there is some; and what is carried to its end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from wamon.core.errors import StoreError
from wamon.core.timing import Clock

R = TypeVar("R")

log = logging.getLogger(__name__)

STORE_PAUSE: Final = timedelta(seconds=5)
# However far the next one is, the clock may be set meanwhile.
_LONGEST_SLEEP: Final = timedelta(minutes=1)


class Rounds:
    """Does `work` again and again; its answer is when it is due next, None for not before it is woken."""

    def __init__(
        self,
        work: Callable[[], Awaitable[datetime | None]],
        *,
        receiver: str,
        clock: Clock,
        store_failed: Callable[[], None],
    ) -> None:
        self._work = work
        self._receiver = receiver
        self._clock = clock
        self._store_failed = store_failed
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Say that there is work."""
        self._woken.set()

    async def run(self) -> None:
        """Work whenever something is due, until cancelled. A store that fails is asked again."""
        is_failing = False
        while True:
            self._woken.clear()
            try:
                due_at = await self._work()
            except StoreError as error:
                self._store_failed()
                if not is_failing:
                    log.error("outbox cannot use the store", extra={"receiver": self._receiver, "reason": str(error)})
                is_failing = True
                await self._clock.sleep(STORE_PAUSE.total_seconds())
                continue
            if is_failing:
                log.info("outbox can use the store again", extra={"receiver": self._receiver})
            is_failing = False
            await self._sleep_until(due_at)

    async def _sleep_until(self, due_at: datetime | None) -> None:
        """Wait for `due_at` or to be woken."""
        async with asyncio.TaskGroup() as group:
            waits: set[asyncio.Task[Any]] = {group.create_task(self._woken.wait())}
            if due_at is not None:
                wait = min(max(due_at - self._clock.now(), timedelta(0)), _LONGEST_SLEEP)
                waits.add(group.create_task(self._clock.sleep(wait.total_seconds())))
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for task in waits:
                task.cancel()


async def to_the_end(work: Coroutine[Any, Any, R], *, patience_seconds: float) -> R:
    """Carry `work` to its end even when cancelled, so that what a receiver accepted is noted before we stop.

    Past `patience_seconds` it is left as interrupted, and the next start looks for it.
    """
    # Not a task of a group, which would cancel it with the rest.
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait({task}, timeout=patience_seconds)
        if not task.done():
            log.warning("stopped before the receiver answered", extra={"waited_seconds": patience_seconds})
            task.cancel()
            await asyncio.wait({task})
        elif not task.cancelled() and (error := task.exception()) is not None:
            log.warning("stopped in the middle of a notification", extra={"reason": str(error)})
        raise
