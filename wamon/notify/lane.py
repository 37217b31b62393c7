"""One receiver's way out of the outbox: its notifications in order, at its pace, for as long as it takes."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, TypeVar

from wamon.core.alerting import Severity
from wamon.core.errors import DeliveryDeferred, DeliveryError, DeliveryRejected, StoreError
from wamon.core.ports import Message, Notification, Notifier, OutboxFigures, Receipt, Store
from wamon.core.timing import Clock
from wamon.notify import MessageRejected

R = TypeVar("R")

log = logging.getLogger(__name__)

FIRST_BACKOFF: Final = timedelta(seconds=1)
LONGEST_BACKOFF: Final = timedelta(minutes=5)
# What a human must mend is mended in minutes at best.
REFUSED_WAIT: Final = timedelta(minutes=5)
# A critical alert is tried for ever; anything else is no news after a day. Age alone proves nothing: the clock may have
# jumped, and wamon may have been stopped.
GIVE_UP_AFTER: Final = timedelta(hours=24)
GIVE_UP_ATTEMPTS: Final = 10
# Slack takes a message a second in a channel, and short bursts. Source: Slack "Rate limits", read 2026-11.
POST_EVERY: Final = timedelta(seconds=1)
BURST: Final = 3
STORE_PAUSE: Final = timedelta(seconds=5)
# How long a stop waits for an answer, in the world's seconds: less than the ten after which containers are killed.
STOP_SECONDS: Final = 5.0

_AT_ONCE: Final = 100
# However far the next one is, the clock may be set meanwhile.
_LONGEST_SLEEP: Final = timedelta(minutes=1)
# What floats leave of a wait that is over.
_NO_WAIT_SECONDS: Final = 0.001


class OutboxObserver(Protocol):
    """Who counts deliveries; the outcomes are delivered, deferred and rejected."""

    def delivered(self, receiver: str, *, delay_seconds: float, is_possible_duplicate: bool) -> None: ...

    def notified(self, receiver: str, outcome: str) -> None: ...

    def outbox(self, figures: OutboxFigures) -> None: ...

    def commit_failed(self) -> None: ...


class Lane:
    """Sends one receiver's stored notifications, one at a time, the oldest first.

    `compose` gives the words at the moment of sending, `look` is called whenever the rows have changed. What is being
    sent when it is cancelled gets `stop_seconds` to end.
    """

    def __init__(
        self,
        notifier: Notifier,
        *,
        store: Store,
        compose: Callable[[Notification], Message],
        look: Callable[[], Awaitable[None]],
        clock: Clock,
        random: random.Random,
        observer: OutboxObserver,
        stop_seconds: float,
    ) -> None:
        self._notifier = notifier
        self._name = notifier.name
        self._store = store
        self._compose = compose
        self._look = look
        self._clock = clock
        self._random = random
        self._observer = observer
        self._stop_seconds = stop_seconds
        self._woken = asyncio.Event()
        self._rests_until = 0.0
        self._is_full_until = 0.0
        self._is_deferring = False
        self._problem: str | None = None
        self._is_interrupted = False

    def wake(self) -> None:
        """Say that the store has something to send."""
        self._woken.set()

    async def run(self) -> None:
        """Deliver whenever something is due, until cancelled. A store that fails is asked again."""
        is_failing = False
        while True:
            self._woken.clear()
            try:
                due_at = await self.deliver_due()
            except StoreError as error:
                self._observer.commit_failed()
                if not is_failing:
                    log.error("outbox cannot use the store", extra={"receiver": self._name, "reason": str(error)})
                is_failing = True
                await self._clock.sleep(STORE_PAUSE.total_seconds())
                continue
            if is_failing:
                log.info("outbox can use the store again", extra={"receiver": self._name})
            is_failing = False
            await self._sleep_until(due_at)

    async def deliver_due(self) -> datetime | None:
        """Send everything that is due; when the next is, None for nothing left.

        Raises StoreError. What was being sent then is sent again by the next call, as a possible duplicate.
        """
        try:
            if self._is_interrupted:
                await self._store.revive_interrupted(self._name, at=self._clock.now())
                self._is_interrupted = False
            await self._drain()
            await self._look()
            now = self._clock.now()
            due_at = await self._store.next_due_at(self._name, now)
        except StoreError:
            self._is_interrupted = True
            raise
        return None if due_at is None else max(due_at, now + self._rest())

    # --- which one, and when ------------------------------------------------------------------------------------------

    async def _drain(self) -> None:
        """Send until nothing is due or the receiver has to be left alone.

        One failure may be the message's own fault, so another message is tried. Two in a row are the receiver's: all of
        it waits until both are due, so that they go first and an outage costs two attempts a round, however much waits.
        """
        failed_until: datetime | None = None
        while not self._rest():
            notification = await self._next(prefer_fresh=failed_until is not None)
            if notification is None:
                return
            await self._wait_for_turn()
            due_at = await _to_the_end(self._attempt(notification), patience_seconds=self._stop_seconds)
            if due_at is not None and failed_until is not None:
                self._leave_alone(max(due_at, failed_until) - self._clock.now())
            failed_until = due_at

    async def _next(self, *, prefer_fresh: bool) -> Notification | None:
        """The oldest that is due; or the one tried least, to get past several that cannot be sent."""
        due = await self._store.due_notifications(self._name, self._clock.now(), limit=_AT_ONCE if prefer_fresh else 1)
        return min(due, key=lambda row: (row.attempts, row.id), default=None)

    async def _wait_for_turn(self) -> None:
        """Keep the receiver's pace."""
        now = self._clock.monotonic()
        every = POST_EVERY.total_seconds()
        wait = self._is_full_until - (BURST - 1) * every - now
        self._is_full_until = max(self._is_full_until, now) + every
        if wait > _NO_WAIT_SECONDS:
            await self._clock.sleep(wait)

    def _leave_alone(self, wait: timedelta) -> None:
        self._rests_until = self._clock.monotonic() + wait.total_seconds()

    def _rest(self) -> timedelta:
        """How long the receiver must still be left alone."""
        seconds = self._rests_until - self._clock.monotonic()
        return timedelta(seconds=seconds if seconds > _NO_WAIT_SECONDS else 0)

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

    # --- one notification ---------------------------------------------------------------------------------------------

    async def _attempt(self, notification: Notification) -> datetime | None:
        """Try once, and note how it ended; when to try again, None when it is over."""
        await self._store.begin_attempt(notification.id, at=self._clock.now())
        await self._look()
        due_at = await self._send(notification)
        await self._look()
        return due_at

    async def _send(self, notification: Notification) -> datetime | None:
        try:
            receipt = await self._notifier.send(self._compose(notification))
        except MessageRejected as rejected:
            await self._bury(notification, str(rejected))
            return None
        except DeliveryRejected as rejected:
            return await self._refused(notification, rejected)
        except DeliveryDeferred as deferred:
            return await self._deferred(notification, deferred)
        except Exception:
            # The edge of one item: a message that wamon fails on must not hold up the others.
            log.exception("notification failed", extra=about(notification))
            fault = DeliveryDeferred("wamon failed on this message: the log has the traceback", may_have_arrived=True)
            return await self._deferred(notification, fault)
        await self._finish(notification, receipt)
        return None

    async def _finish(self, notification: Notification, receipt: Receipt) -> None:
        now = self._clock.now()
        await self._store.finish_notification(notification.id, receipt, at=now)
        if self._is_deferring or self._problem:
            log.info("notifications arrive again", extra={"receiver": self._name})
        self._is_deferring, self._problem = False, None
        delay = max((now - notification.transition.at).total_seconds(), 0.0)
        self._observer.delivered(
            self._name, delay_seconds=delay, is_possible_duplicate=notification.is_possible_duplicate
        )

    async def _deferred(self, notification: Notification, deferred: DeliveryDeferred) -> datetime | None:
        wait = self._backoff(notification.attempts) if deferred.retry_after is None else deferred.retry_after
        due_at = await self._defer(notification, deferred, wait=wait, may_have_arrived=deferred.may_have_arrived)
        if due_at is not None and deferred.retry_after is not None:
            self._leave_alone(wait)
        if due_at is not None and not self._is_deferring:
            self._is_deferring = True
            log.warning("notification deferred", extra={**about(notification), "reason": str(deferred)})
        return due_at

    async def _refused(self, notification: Notification, rejected: DeliveryRejected) -> datetime | None:
        """The receiver has to be mended by a human, and what is owed waits for that."""
        due_at = await self._defer(notification, rejected, wait=REFUSED_WAIT, is_problem=True)
        if due_at is not None and self._problem != str(rejected):
            self._problem = str(rejected)
            log.error("notifications are refused", extra={**about(notification), "reason": self._problem})
        return due_at

    async def _defer(
        self,
        notification: Notification,
        error: DeliveryError,
        *,
        wait: timedelta,
        may_have_arrived: bool = False,
        is_problem: bool = False,
    ) -> datetime | None:
        now = self._clock.now()
        is_old = now - notification.created_at >= GIVE_UP_AFTER and notification.attempts + 1 >= GIVE_UP_ATTEMPTS
        if is_old and notification.transition.severity is not Severity.CRITICAL:
            await self._bury(notification, f"given up after a day: {error}")
            return None
        await self._store.defer_notification(
            notification.id,
            due_at=now + wait,
            reason=str(error),
            may_have_arrived=may_have_arrived,
            is_problem=is_problem,
        )
        self._observer.notified(self._name, "deferred")
        return now + wait

    async def _bury(self, notification: Notification, reason: str) -> None:
        await self._store.bury_notification(notification.id, at=self._clock.now(), reason=reason)
        log.error("notification given up", extra={**about(notification), "reason": reason})
        self._observer.notified(self._name, "rejected")

    def _backoff(self, attempts: int) -> timedelta:
        """Full jitter, so that many who were cut off together do not come back together."""
        ceiling = min(FIRST_BACKOFF * (1 << min(attempts, 16)), LONGEST_BACKOFF)
        return ceiling * self._random.random()


def about(notification: Notification) -> dict[str, object]:
    """What a log line needs so that the alert can be read there, should it arrive nowhere else."""
    transition = notification.transition
    return {
        "receiver": notification.receiver,
        "notification": notification.id,
        "attempts": notification.attempts,
        "rule": transition.rule,
        "kind": str(transition.kind),
        "severity": str(transition.severity),
        "what": transition.what,
        "subject": str(transition.subject),
    }


async def _to_the_end(work: Coroutine[Any, Any, R], *, patience_seconds: float) -> R:
    """Carry `work` to its end even when cancelled, so that what a receiver accepted is noted before we stop.

    Past `patience_seconds` it is left as interrupted, and the next start sends it again as a possible duplicate.
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
