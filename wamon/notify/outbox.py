"""Delivers what the store's outbox owes: at least once, in order, for as long as it takes."""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, TypeVar

from wamon.core.alerting import Severity
from wamon.core.errors import DeliveryDeferred, DeliveryRejected, StoreError
from wamon.core.ports import Message, Notification, Notifier, OutboxFigures, Receipt, Rule, Store
from wamon.core.state import State
from wamon.core.timing import Clock
from wamon.notify.message import Links, compose

R = TypeVar("R")

log = logging.getLogger(__name__)

FIRST_BACKOFF: Final = timedelta(seconds=1)
LONGEST_BACKOFF: Final = timedelta(minutes=5)
# A critical alert is tried for ever; anything else is no news after a day.
GIVE_UP_AFTER: Final = timedelta(hours=24)
STORE_PAUSE: Final = timedelta(seconds=5)

_AT_ONCE: Final = 100
_LOOK_AHEAD: Final = 1000
_SOME_DAY: Final = timedelta(days=3650)
# However far the next one is, the clock may be set meanwhile.
_LONGEST_SLEEP: Final = timedelta(minutes=1)
# We set no longer waits, so a row that is due later was stamped by a clock that has since gone back.
_LONGEST_WAIT: Final = timedelta(hours=1)
# What floats leave of a wait that is over.
_NO_WAIT_SECONDS: Final = 0.001


class OutboxObserver(Protocol):
    """Who counts deliveries; the outcomes are delivered, deferred and rejected."""

    def delivered(self, receiver: str, *, delay_seconds: float, is_possible_duplicate: bool) -> None: ...

    def notified(self, receiver: str, outcome: str) -> None: ...

    def outbox(self, figures: OutboxFigures) -> None: ...

    def commit_failed(self) -> None: ...


class Outbox:
    """Sends each stored notification to its receiver, one at a time for each, the oldest first.

    `state` gives the picture at the moment of sending. Rows for a receiver that is not in `notifiers` are dead letters.
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
    ) -> None:
        self._store = store
        self._notifiers = dict(notifiers)
        self._rules = {rule.name: rule for rule in rules}
        self._links = links
        self._state = state
        self._clock = clock
        self._random = random
        self._observer = observer
        self._turn = asyncio.Lock()
        self._woken = asyncio.Event()
        self._resting: dict[str, float] = {}
        self._deferring: set[str] = set()
        self._problems: dict[str, str] = {}
        self._is_interrupted = False

    @property
    def problems(self) -> tuple[str, ...]:
        """What a human must mend, in words, by receiver; each stands until something arrives there again."""
        return tuple(f"{receiver}: {problem}" for receiver, problem in sorted(self._problems.items()))

    def wake(self) -> None:
        """Say that the store has something to send."""
        self._woken.set()

    async def recover(self) -> int:
        """Make what a crash interrupted due again, before the first delivery; how many there were."""
        revived = await self._store.revive_interrupted(at=self._clock.now())
        if revived:
            log.warning("interrupted notifications are sent again", extra={"notifications": revived})
        return revived

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
                    log.error("outbox cannot use the store", extra={"reason": str(error)})
                is_failing = True
                await self._clock.sleep(STORE_PAUSE.total_seconds())
                continue
            if is_failing:
                log.info("outbox can use the store again")
            is_failing = False
            await self._sleep_until(due_at)

    async def deliver_due(self) -> datetime | None:
        """Send everything that is due; when the next is, None for nothing left.

        Raises StoreError. What was being sent then is sent again by the next call, as a possible duplicate.
        """
        async with self._turn:
            try:
                if self._is_interrupted:
                    await self.recover()
                    self._is_interrupted = False
                await self._drain_all()
                due_at = await self._next_due_at()
                self._observer.outbox(await self._store.outbox_figures())
            except StoreError:
                self._is_interrupted = True
                raise
            return due_at

    # --- which one, and when ------------------------------------------------------------------------------------------

    async def _drain_all(self) -> None:
        failures: list[StoreError] = []

        async def survive(receiver: str) -> None:
            # One receiver's failure must not cut the others short.
            try:
                await self._drain(receiver)
            except StoreError as error:
                failures.append(error)

        async with asyncio.TaskGroup() as group:
            for receiver in self._notifiers:
                group.create_task(survive(receiver))
        if failures:
            raise failures[0]

    async def _drain(self, receiver: str) -> None:
        """Send one receiver's notifications until none is due or it has to be left alone.

        One failure may be the message's own fault, so another message is tried. Two in a row are the receiver's: all of
        it waits until both are due, so that they go first and an outage costs two attempts a round, however much waits.
        """
        failed_until: datetime | None = None
        while not self._rest_of(receiver):
            notification = await self._next(receiver, prefer_fresh=failed_until is not None)
            if notification is None:
                return
            due_at = await _to_the_end(self._attempt(notification))
            if due_at is not None and failed_until is not None:
                self._leave_alone(receiver, max(due_at, failed_until) - self._clock.now())
            failed_until = due_at

    async def _next(self, receiver: str, *, prefer_fresh: bool) -> Notification | None:
        """The oldest that is due; or the one tried least, to get past several that cannot be sent."""
        limit = _AT_ONCE
        while True:
            due = await self._store.due_notifications(self._clock.now(), limit=limit)
            own = [notification for notification in due if notification.receiver == receiver]
            if own or len(due) < limit:
                break
            # Only others' are in sight: those of a receiver that is left alone stay due.
            limit *= 2
        return min(own, key=lambda row: (row.attempts if prefer_fresh else 0, row.id), default=None)

    async def _next_due_at(self) -> datetime | None:
        now = self._clock.now()
        waiting = await self._store.due_notifications(now + _SOME_DAY, limit=_LOOK_AHEAD)
        times = [await self._time_of(notification, now) for notification in waiting]
        if len(waiting) == _LOOK_AHEAD:
            times.append(now + _LONGEST_SLEEP)
        return min(times, default=None)

    async def _time_of(self, notification: Notification, now: datetime) -> datetime:
        """When a waiting one can be sent; one that would wait for nothing is put right."""
        if notification.receiver not in self._notifiers:
            await self._bury(notification, "this receiver is not configured any more")
            return now
        rest = self._rest_of(notification.receiver)
        is_misdated = notification.created_at > now or (not rest and notification.due_at > now + _LONGEST_WAIT)
        if is_misdated and notification.due_at > now:
            await self._store.defer_notification(
                notification.id, due_at=now, reason="the clock went back", may_have_arrived=False
            )
            return now + rest
        return max(notification.due_at, now + rest)

    def _leave_alone(self, receiver: str, wait: timedelta) -> None:
        self._resting[receiver] = self._clock.monotonic() + wait.total_seconds()

    def _rest_of(self, receiver: str) -> timedelta:
        """How long the receiver must still be left alone."""
        seconds = self._resting.get(receiver, 0.0) - self._clock.monotonic()
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
        try:
            receipt = await self._notifiers[notification.receiver].send(self._message(notification))
        except DeliveryDeferred as deferred:
            return await self._defer(notification, deferred)
        except DeliveryRejected as rejected:
            await self._bury(notification, str(rejected))
            return None
        except Exception:
            # The edge of one item: a message that wamon fails on must not hold up the others.
            log.exception("notification failed", extra=_about(notification))
            fault = DeliveryDeferred("wamon failed on this message: the log has the traceback", may_have_arrived=True)
            return await self._defer(notification, fault)
        await self._finish(notification, receipt)
        return None

    def _message(self, notification: Notification) -> Message:
        return compose(
            notification,
            rule=self._rules.get(notification.transition.rule),
            snapshot=self._state().snapshot,
            now=self._clock.now(),
            links=self._links,
        )

    async def _finish(self, notification: Notification, receipt: Receipt) -> None:
        now = self._clock.now()
        await self._store.finish_notification(notification.id, receipt, at=now)
        receiver = notification.receiver
        self._problems.pop(receiver, None)
        if receiver in self._deferring:
            self._deferring.remove(receiver)
            log.info("notifications arrive again", extra={"receiver": receiver})
        delay = max((now - notification.transition.at).total_seconds(), 0.0)
        self._observer.delivered(
            receiver, delay_seconds=delay, is_possible_duplicate=notification.is_possible_duplicate
        )

    async def _defer(self, notification: Notification, deferred: DeliveryDeferred) -> datetime | None:
        now = self._clock.now()
        is_critical = notification.transition.severity is Severity.CRITICAL
        if not is_critical and now - notification.created_at >= GIVE_UP_AFTER:
            await self._bury(notification, f"given up after a day: {deferred}")
            return None
        wait = self._backoff(notification.attempts) if deferred.retry_after is None else deferred.retry_after
        await self._store.defer_notification(
            notification.id, due_at=now + wait, reason=str(deferred), may_have_arrived=deferred.may_have_arrived
        )
        receiver = notification.receiver
        if deferred.retry_after is not None:
            self._leave_alone(receiver, wait)
        if receiver not in self._deferring:
            self._deferring.add(receiver)
            log.warning("notification deferred", extra={**_about(notification), "reason": str(deferred)})
        self._observer.notified(receiver, "deferred")
        return now + wait

    async def _bury(self, notification: Notification, reason: str) -> None:
        await self._store.bury_notification(notification.id, at=self._clock.now(), reason=reason)
        if notification.receiver in self._notifiers:
            self._problems[notification.receiver] = reason
        log.error("notification given up", extra={**_about(notification), "reason": reason})
        self._observer.notified(notification.receiver, "rejected")

    def _backoff(self, attempts: int) -> timedelta:
        """Full jitter, so that many who were cut off together do not come back together."""
        ceiling = min(FIRST_BACKOFF * (1 << min(attempts, 16)), LONGEST_BACKOFF)
        return ceiling * self._random.random()


def _about(notification: Notification) -> dict[str, object]:
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


async def _to_the_end(work: Coroutine[Any, Any, R]) -> R:
    """Carry `work` to its end even when cancelled, so that what a receiver accepted is noted before we stop.

    It is bounded by the notifier's own timeout. Not a task of the group, which would cancel it with the rest.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("stopped in the middle of a notification", extra={"reason": str(error)})
        raise
