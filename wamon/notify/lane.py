"""One receiver's way out of the outbox: what is owed to it in order, at its pace, for as long as it takes."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from wamon.core.alerting import Severity
from wamon.core.desk import NO_GROUP, AnnouncementKind
from wamon.core.errors import (
    DeliveryDeferred,
    DeliveryError,
    DeliveryRejected,
    HistoryUnreadable,
    MessageLost,
    StoreError,
)
from wamon.core.outgoing import Attempt, Batch, Notification
from wamon.core.ports import Notifier, OutboxFigures, Store
from wamon.core.timing import Clock
from wamon.notify import MessageRejected
from wamon.notify.editing import EditObserver, Editor
from wamon.notify.looking import LOOK_AGAIN_AFTER, LOOKS, Lookout
from wamon.notify.pace import POST_BURST, POST_EVERY, REFUSED_WAIT, Bucket, Rest, asked_wait, backoff
from wamon.notify.rounds import Rounds, to_the_end
from wamon.notify.writing import Writer

log = logging.getLogger(__name__)

# A critical alert is tried for ever; anything else is no news after a day. Age alone proves nothing: the clock may have
# jumped, and wamon may have been stopped.
GIVE_UP_AFTER: Final = timedelta(hours=24)
GIVE_UP_ATTEMPTS: Final = 10
# How long a stop waits for an answer, in the world's seconds: less than the ten after which containers are killed.
STOP_SECONDS: Final = 5.0

_AT_ONCE: Final = 100


class OutboxObserver(EditObserver, Protocol):
    """Who counts messages; the outcomes are delivered, adopted (found again), deferred, handed_over and rejected."""

    def delivered(self, receiver: str, *, delay_seconds: float) -> None: ...

    def notified(self, receiver: str, outcome: str) -> None: ...

    def possibly_duplicated(self) -> None: ...

    def outbox(self, figures: OutboxFigures) -> None: ...

    def commit_failed(self) -> None: ...


class Lane:
    """Sends one receiver's batches, one at a time, the oldest first, and keeps its messages true.

    `edits` is the pace of edits of all who share a workspace. `look` is called whenever the rows have changed.
    `hand_over` gives a batch to another receiver, with the reason; None where there is no other. What is being sent
    when it is cancelled gets `stop_seconds` to end.
    """

    def __init__(
        self,
        notifier: Notifier,
        *,
        store: Store,
        writer: Writer,
        look: Callable[[], Awaitable[None]],
        clock: Clock,
        random: random.Random,
        observer: OutboxObserver,
        edits: Bucket,
        hand_over: Callable[[Batch, str], Awaitable[None]] | None,
        stop_seconds: float,
    ) -> None:
        self._notifier = notifier
        self._name = notifier.name
        self._store = store
        self._writer = writer
        self._look = look
        self._clock = clock
        self._random = random
        self._observer = observer
        self._hand_over = hand_over
        self._stop_seconds = stop_seconds
        self._posts = Bucket(clock, every=POST_EVERY, burst=POST_BURST)
        self._rest = Rest(clock)
        self._refused_rest = Rest(clock)
        self._is_deferring = False
        self._problem: str | None = None
        self._is_interrupted = False
        self._lookout = Lookout(notifier.threads, self._name, clock=clock, random=random)
        self._editor: Editor | None = None
        if notifier.threads is not None:
            self._editor = Editor(
                notifier.threads,
                self._name,
                store=store,
                writer=writer,
                look=look,
                clock=clock,
                random=random,
                observer=observer,
                bucket=edits,
            )
        self._post_rounds = self._rounds(self._post_due)
        self._edit_rounds = self._rounds(self._edit_due)

    def _rounds(self, work: Callable[[], Awaitable[datetime | None]]) -> Rounds:
        return Rounds(work, receiver=self._name, clock=self._clock, store_failed=self._observer.commit_failed)

    def wake(self) -> None:
        """Say that the store has something to send."""
        self._post_rounds.wake()

    async def run(self) -> None:
        """Send and edit whenever something is due, until cancelled. Neither waits for the other."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._post_rounds.run(), name=f"posts to {self._name}")
            if self._editor is not None:
                group.create_task(self._edit_rounds.run(), name=f"edits at {self._name}")

    async def deliver_due(self) -> datetime | None:
        """Send and edit everything that is due; when the next is, None for nothing left. Raises StoreError."""
        found = (await self._post_due(), await self._edit_due())
        return min((due_at for due_at in found if due_at is not None), default=None)

    async def _post_due(self) -> datetime | None:
        """Send everything that is due; when the next is, None for nothing left.

        Raises StoreError. What was being sent then is unconfirmed for the next call.
        """
        try:
            if self._is_interrupted:
                at = self._clock.now() + self._lookout.first_after
                await self._store.revive_interrupted(self._name, at=at)
                self._is_interrupted = False
            await self._drain()
            await self._look()
            now = self._clock.now()
            due_at = await self._store.next_due_at(self._name, now)
        except StoreError:
            self._is_interrupted = True
            raise
        self._edit_rounds.wake()
        return None if due_at is None else max(due_at, now + self._rest.left)

    async def _edit_due(self) -> datetime | None:
        return None if self._editor is None else await self._editor.edit_due()

    # --- which one, and when ------------------------------------------------------------------------------------------

    async def _drain(self) -> None:
        """Send until nothing is due or the receiver has to be left alone.

        One failure may be the message's own fault, so another message is tried. Two in a row are the receiver's: all of
        it waits until both are due, so that they go first and an outage costs two attempts a round, however much waits.
        """
        failed_until: datetime | None = None
        while not self._rest.left:
            batch = await self._next(prefer_fresh=failed_until is not None)
            if batch is None:
                return
            if wait := self._posts.wait():
                # More may have to go into the same message by then.
                await self._clock.sleep(wait.total_seconds())
                continue
            due_at = await to_the_end(self._attempt(batch), patience_seconds=self._stop_seconds)
            if due_at is not None and failed_until is not None:
                self._rest.leave_alone(max(due_at, failed_until) - self._clock.now())
            failed_until = due_at

    async def _next(self, *, prefer_fresh: bool) -> Batch | None:
        """The oldest that is due; or the one tried least, to get past several that cannot be sent."""
        limit = _AT_ONCE if prefer_fresh else 1
        due = await self._store.due_batches(self._name, self._clock.now(), limit=limit)
        return min(due, key=lambda batch: (_attempts(batch), batch.notifications[0].id), default=None)

    # --- one batch ----------------------------------------------------------------------------------------------------

    async def _attempt(self, batch: Batch) -> datetime | None:
        """Try once, and note how it ended; when to try again if it failed."""
        if self._hand_over is not None and self._problem is not None and self._refused_rest.left:
            await self._give_away(batch, self._problem)
            return None
        is_possible_duplicate = False
        if batch.unconfirmed is not None:
            try:
                if not await self._is_missing(batch, batch.unconfirmed):
                    return None
            except HistoryUnreadable:
                is_possible_duplicate = True
            except DeliveryError as error:
                return await self._failed(batch, batch.unconfirmed.reference, error, is_look=True)
        self._posts.take()
        now = self._clock.now()
        reference = await self._store.begin_attempt([each.id for each in batch.notifications], at=now)
        await self._look()
        due_at = await self._send(batch, reference, is_possible_duplicate=is_possible_duplicate)
        await self._look()
        return due_at

    async def _send(self, batch: Batch, reference: str, *, is_possible_duplicate: bool) -> datetime | None:
        threads, root = self._notifier.threads, batch.thread.receipt
        is_reply = threads is not None and root is not None
        is_sent = False
        try:
            written = await self._writer.batch(
                batch, reference, is_reply=is_reply, is_possible_duplicate=is_possible_duplicate
            )
            is_sent = True
            if threads is not None and root is not None:
                is_broadcast = any(each.is_broadcast for each in batch.notifications)
                receipt = await threads.reply(written.message, root, is_broadcast=is_broadcast)
            else:
                receipt = await self._notifier.send(written.message)
        except StoreError:
            raise
        except DeliveryError as error:
            return await self._failed(batch, reference, error)
        except Exception:
            # The edge of one item: a message that wamon fails on must not hold up the others.
            log.exception("notification failed", extra=about(batch.notifications))
            text = "wamon failed on this message: the log has the traceback"
            return await self._failed(batch, reference, DeliveryDeferred(text, may_have_arrived=is_sent))
        is_root = threads is not None and root is None and batch.group_id != NO_GROUP
        now = self._clock.now()
        await self._store.finish_attempt(
            reference, receipt, at=now, root_revision=written.revision if is_root else None
        )
        self._arrived()
        delay = max((now - min(map(_happened_at, batch.notifications))).total_seconds(), 0.0)
        self._observer.delivered(self._name, delay_seconds=delay)
        if is_possible_duplicate:
            self._observer.possibly_duplicated()
        return None

    # --- what may have arrived ----------------------------------------------------------------------------------------

    async def _is_missing(self, batch: Batch, attempt: Attempt) -> bool:
        """Look for what an attempt sent. False when it was found, or is to be looked for once more.

        Raises HistoryUnreadable when nobody can tell, and DeliveryError when looking has to wait.
        """
        receipt = await self._lookout.find(attempt, batch.thread.receipt)
        now = self._clock.now()
        if receipt is not None:
            # A first message shows what was known at the attempt, so that it is to be written anew.
            is_root = batch.thread.receipt is None and batch.group_id != NO_GROUP
            await self._store.finish_attempt(attempt.reference, receipt, at=now, root_revision=0 if is_root else None)
            self._arrived()
            self._observer.notified(self._name, "adopted")
            return False
        if attempt.looks + 1 < LOOKS:
            await self._store.looked_in_vain(attempt.reference, due_at=now + LOOK_AGAIN_AFTER)
            return False
        return True

    # --- how it ended -------------------------------------------------------------------------------------------------

    def _arrived(self) -> None:
        if self._is_deferring or self._problem:
            log.info("notifications arrive again", extra={"receiver": self._name})
        self._is_deferring, self._problem = False, None

    async def _failed(
        self, batch: Batch, reference: str, error: DeliveryError, *, is_look: bool = False
    ) -> datetime | None:
        """Wait, go another way, or give up; when to try again. With `is_look` only looking for it has failed."""
        if isinstance(error, MessageLost) and batch.thread.receipt is not None:
            await self._lost(batch, reference, error)
            return None
        if isinstance(error, MessageRejected):
            await self._give_up(batch, str(error))
            return None
        if isinstance(error, DeliveryRejected):
            return await self._refused(batch, reference, error, is_look=is_look)
        if self._is_past(batch):
            await self._give_up(batch, f"given up after a day: {error}")
            return None
        retry_after = error.retry_after if isinstance(error, DeliveryDeferred) else None
        may_have_arrived = is_look or (isinstance(error, DeliveryDeferred) and error.may_have_arrived)
        if retry_after is None:
            wait = backoff(_attempts(batch), self._random)
        elif is_look:
            # Asked of looks alone: what is posted meanwhile has not to wait.
            wait = retry_after
        else:
            wait = asked_wait(retry_after, self._random)
            self._rest.leave_alone(wait)
        if may_have_arrived:
            wait = max(wait, LOOK_AGAIN_AFTER if is_look else self._lookout.first_after)
        due_at = await self._defer(batch, reference, str(error), wait=wait, may_have_arrived=may_have_arrived)
        if not self._is_deferring:
            self._is_deferring = True
            log.warning("notification deferred", extra={**about(batch.notifications), "reason": str(error)})
        return None if is_look and retry_after is not None else due_at

    async def _refused(
        self, batch: Batch, reference: str, rejected: DeliveryRejected, *, is_look: bool
    ) -> datetime | None:
        """The receiver has to be mended by a human; meanwhile others are told, or what is owed waits for that."""
        reason = str(rejected)
        if self._problem != reason:
            self._problem = reason
            log.error("notifications are refused", extra={**about(batch.notifications), "reason": reason})
        if self._hand_over is not None:
            self._refused_rest.leave_alone(REFUSED_WAIT)
            await self._give_away(batch, reason)
            return None
        if self._is_past(batch):
            await self._give_up(batch, f"given up after a day: {reason}")
            return None
        return await self._defer(batch, reference, reason, wait=REFUSED_WAIT, may_have_arrived=is_look, is_problem=True)

    async def _defer(
        self,
        batch: Batch,
        reference: str,
        reason: str,
        *,
        wait: timedelta,
        may_have_arrived: bool,
        is_problem: bool = False,
    ) -> datetime:
        due_at = self._clock.now() + wait
        await self._store.defer_attempt(
            reference, due_at=due_at, reason=reason, may_have_arrived=may_have_arrived, is_problem=is_problem
        )
        self._observer.notified(self._name, "deferred")
        return due_at

    async def _lost(self, batch: Batch, reference: str, lost: MessageLost) -> None:
        """The message to be answered is gone: the batch goes out as a new first one, at once."""
        log.warning("message cannot be answered any more", extra={**about(batch.notifications), "reason": str(lost)})
        await self._store.thread_lost(self._name, batch.group_id)
        await self._defer(batch, reference, str(lost), wait=timedelta(0), may_have_arrived=False)

    async def _give_up(self, batch: Batch, reason: str) -> None:
        log.error("notification given up", extra={**about(batch.notifications), "reason": reason})
        if self._hand_over is not None:
            await self._give_away(batch, reason)
            return
        await self._store.bury([each.id for each in batch.notifications], at=self._clock.now(), reason=reason)
        self._observer.notified(self._name, "rejected")

    async def _give_away(self, batch: Batch, reason: str) -> None:
        if self._hand_over is not None:
            await self._hand_over(batch, reason)
        self._observer.notified(self._name, "handed_over")

    def _is_past(self, batch: Batch) -> bool:
        """Whether all of it is no news any more."""
        now = self._clock.now()
        is_old = all(
            now - each.created_at >= GIVE_UP_AFTER and each.attempts + 1 >= GIVE_UP_ATTEMPTS
            for each in batch.notifications
        )
        severities = {each.severity for notification in batch.notifications for each in notification.transitions}
        return is_old and Severity.CRITICAL not in severities


def about(notifications: Sequence[Notification]) -> dict[str, object]:
    """What a log line needs so that the alerts can be read there, should they arrive nowhere else."""
    first = notifications[0]
    transitions = dict.fromkeys(each for notification in notifications for each in notification.transitions)
    return {
        "receiver": first.receiver,
        "group": first.group_id,
        "notifications": [each.id for each in notifications],
        "kinds": [str(kind) for kind in dict.fromkeys(each.kind for each in notifications)],
        "attempts": max(each.attempts for each in notifications),
        "told": [f"{each.severity} {each.kind}: {each.what}: {each.subject}" for each in transitions],
    }


def _attempts(batch: Batch) -> int:
    return max(each.attempts for each in batch.notifications)


def _happened_at(notification: Notification) -> datetime:
    """When what it tells happened; of what reminds or tells how, when it was due."""
    is_news = notification.kind is AnnouncementKind.NEWS
    return min((each.at for each in notification.transitions if is_news), default=notification.created_at)
