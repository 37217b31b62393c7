"""Keeping messages true: the first message of each group is written anew whenever it shows less than is known."""

import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from wamon.core.errors import DeliveryDeferred, DeliveryRejected, MessageLost, StoreError
from wamon.core.outgoing import Thread
from wamon.core.ports import Store, Threads
from wamon.core.timing import Clock
from wamon.notify.pace import REFUSED_WAIT, Bucket, Rest, asked_wait, backoff
from wamon.notify.writing import Writer

log = logging.getLogger(__name__)

# A message that changes all the time cannot be read, and many changes come together.
BETWEEN_EDITS: Final = timedelta(seconds=3)
# While something is open its message is tried for ever; when all of it is over, that is no news after a day.
GIVE_UP_AFTER: Final = timedelta(hours=24)
GIVE_UP_EDITS: Final = 10
_AT_ONCE: Final = 100


class EditObserver(Protocol):
    """Who counts edits; the outcomes are shown, deferred and rejected."""

    def edited(self, receiver: str, outcome: str) -> None: ...


class _Patience:
    """When one message may be edited again, and how often in a row that failed."""

    def __init__(self, clock: Clock) -> None:
        self.rest = Rest(clock)
        self.failures = 0


class Editor:
    """Edits one receiver's messages; what goes wrong with that holds up none of its posts.

    `bucket` is shared by all who edit in the same workspace; `look` is called whenever something has changed.
    """

    def __init__(
        self,
        threads: Threads,
        name: str,
        *,
        store: Store,
        writer: Writer,
        look: Callable[[], Awaitable[None]],
        clock: Clock,
        random: random.Random,
        observer: EditObserver,
        bucket: Bucket,
    ) -> None:
        self._threads = threads
        self._name = name
        self._store = store
        self._writer = writer
        self._look = look
        self._clock = clock
        self._random = random
        self._observer = observer
        self._bucket = bucket
        self._rest = Rest(clock)
        self._outages = 0
        self._patience: dict[int, _Patience] = {}
        self._problem: str | None = None

    async def edit_due(self) -> datetime | None:
        """Edit every message that may be; when the next may, None when all of them are true. Raises StoreError.

        One failure may be the message's own fault, so another message is tried. Two in a row are the receiver's, and an
        outage costs two attempts a round.
        """
        has_failed = False
        while stale := await self._store.stale_threads(self._name, limit=_AT_ONCE + len(self._patience)):
            thread = self._next_of(stale)
            wait = max(self._rest.left, self._patience_with(thread).rest.left)
            if wait:
                return self._clock.now() + wait
            if turn := self._bucket.wait():
                # More may be known by then.
                await self._clock.sleep(turn.total_seconds())
                continue
            self._bucket.take()
            failed_for = await self._edit(thread)
            await self._look()
            if failed_for is not None and has_failed:
                self._outages += 1
                self._rest.leave_alone(max(failed_for, backoff(self._outages, self._random)))
            has_failed = failed_for is not None
        return None

    def _next_of(self, stale: Sequence[Thread]) -> Thread:
        """The one whose time comes first; of those whose time has come, the one that failed least."""
        among = {thread.group_id for thread in stale}
        self._patience = {key: each for key, each in self._patience.items() if key in among or each.rest.left}

        def order(thread: Thread) -> tuple[timedelta, int]:
            patience = self._patience_with(thread)
            return patience.rest.left, patience.failures

        return min(stale, key=order)

    def _patience_with(self, thread: Thread) -> _Patience:
        return self._patience.setdefault(thread.group_id, _Patience(self._clock))

    # --- one message --------------------------------------------------------------------------------------------------

    async def _edit(self, thread: Thread) -> timedelta | None:
        """Try once; how long the message has to wait when that failed, None when it is over."""
        if thread.receipt is None:
            raise ValueError(f"group {thread.group_id} has no message to be edited")
        closed_at: datetime | None = None
        try:
            written = await self._writer.root(thread)
            closed_at = written.closed_at
            await self._threads.edit(written.message, thread.receipt)
        except StoreError:
            raise
        except MessageLost as lost:
            await self._lost(thread, lost)
            return None
        except DeliveryRejected as rejected:
            self._observer.edited(self._name, "rejected")
            if self._problem != str(rejected):
                self._problem = str(rejected)
                log.error("edits are refused", extra={**_about(thread), "reason": self._problem})
            return await self._failed(thread, closed_at, REFUSED_WAIT)
        except DeliveryDeferred as deferred:
            self._observer.edited(self._name, "deferred")
            if deferred.retry_after is None:
                return await self._failed(thread, closed_at)
            self._rest.leave_alone(asked_wait(deferred.retry_after, self._random))
            return None
        except Exception:
            # The edge of one item: a message that wamon fails on must not hold up the others.
            log.exception("edit failed", extra=_about(thread))
            self._observer.edited(self._name, "deferred")
            return await self._failed(thread, closed_at)
        await self._store.thread_shown(self._name, thread.group_id, written.revision)
        patience = self._patience_with(thread)
        patience.failures = 0
        patience.rest.leave_alone(BETWEEN_EDITS)
        self._problem, self._outages = None, 0
        self._observer.edited(self._name, "shown")
        return None

    async def _failed(
        self, thread: Thread, closed_at: datetime | None, wait: timedelta | None = None
    ) -> timedelta | None:
        patience = self._patience_with(thread)
        patience.failures += 1
        is_old = closed_at is not None and self._clock.now() - closed_at >= GIVE_UP_AFTER
        if is_old and patience.failures >= GIVE_UP_EDITS:
            log.warning("message stays as it is", extra=_about(thread))
            await self._store.thread_shown(self._name, thread.group_id, thread.wanted_revision)
            return None
        wait = backoff(patience.failures - 1, self._random) if wait is None else wait
        patience.rest.leave_alone(wait)
        return wait

    async def _lost(self, thread: Thread, lost: MessageLost) -> None:
        """The next news of the group comes in a new message; without any there is none."""
        self._observer.edited(self._name, "rejected")
        log.warning("message cannot be edited any more", extra={**_about(thread), "reason": str(lost)})
        stale = await self._store.stale_threads(self._name, limit=_AT_ONCE + len(self._patience))
        # An answer to it may have found that out meanwhile, and there is another message by now.
        if any(each.group_id == thread.group_id and each.receipt == thread.receipt for each in stale):
            await self._store.thread_lost(self._name, thread.group_id)


def _about(thread: Thread) -> dict[str, object]:
    return {"receiver": thread.receiver, "group": thread.group_id}
