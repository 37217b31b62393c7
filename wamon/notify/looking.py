"""Looking for what may have arrived although nobody said so."""

import logging
import random
from datetime import timedelta
from typing import Final

from wamon.core.errors import DeliveryDeferred, DeliveryError, HistoryUnreadable
from wamon.core.outgoing import Attempt, Receipt
from wamon.core.ports import Threads
from wamon.core.timing import Clock
from wamon.notify.pace import Rest, asked_wait

log = logging.getLogger(__name__)

# A request without an answer may still arrive for as long as one may take. It is looked for after that, and once more.
LOOK_AFTER: Final = timedelta(seconds=30)
LOOK_AGAIN_AFTER: Final = timedelta(seconds=10)
LOOKS: Final = 2
# How far before the attempt: the receiver stamps messages with its own clock.
LOOK_BACK: Final = timedelta(minutes=1)
# Twice is better than never: what could not be looked for in so long is sent again.
LOOK_PATIENCE: Final = timedelta(minutes=10)


class Lookout:
    """Finds one receiver's messages again; `threads` is None for one that cannot be asked."""

    def __init__(self, threads: Threads | None, name: str, *, clock: Clock, random: random.Random) -> None:
        self._threads = threads
        self._name = name
        self._clock = clock
        self._random = random
        self._rest = Rest(clock)
        self._is_blind = False
        self._failing_since: float | None = None

    @property
    def first_after(self) -> timedelta:
        """How long to wait for a request without an answer; nothing where it cannot be looked for."""
        return timedelta(0) if self._threads is None else LOOK_AFTER

    async def find(self, attempt: Attempt, thread: Receipt | None) -> Receipt | None:
        """What the attempt sent, in the thread if there is one; None when it is not there.

        Raises HistoryUnreadable when nobody can tell, DeliveryDeferred to be asked again later, DeliveryRejected.
        """
        if self._threads is None:
            raise HistoryUnreadable("this receiver cannot be asked")
        if left := self._rest.left:
            raise DeliveryDeferred("an earlier look had to wait", retry_after=left)
        try:
            found = await self._threads.find(attempt.reference, since=attempt.started_at - LOOK_BACK, thread=thread)
        except HistoryUnreadable as unreadable:
            if not self._is_blind:
                self._is_blind = True
                log.warning("cannot look for messages", extra={"receiver": self._name, "reason": str(unreadable)})
            raise
        except DeliveryDeferred as deferred:
            self._check_patience()
            if deferred.retry_after is None:
                raise
            wait = asked_wait(deferred.retry_after, self._random)
            self._rest.leave_alone(wait)
            raise DeliveryDeferred(str(deferred), retry_after=wait) from deferred
        except DeliveryError:
            raise
        except Exception as exc:
            log.exception("looking for a message failed", extra={"receiver": self._name})
            self._check_patience()
            raise DeliveryDeferred("wamon failed on looking for it: the log has the traceback") from exc
        self._is_blind, self._failing_since = False, None
        return found

    def _check_patience(self) -> None:
        """Raise HistoryUnreadable when looking has failed for too long."""
        now = self._clock.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        elif now - self._failing_since >= LOOK_PATIENCE.total_seconds():
            # The next one is looked for as patiently.
            self._failing_since = None
            raise HistoryUnreadable("looking has failed for too long")
