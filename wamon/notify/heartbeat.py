"""The dead man's sign of life: somebody outside is told that wamon is well, and raises the alarm when that stops.

A healthchecks-style URL: a GET says "all is well". When wamon is not well it says nothing, since silence is the signal.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, Protocol

from wamon.core.timing import Clock
from wamon.notify.http import HttpClient, NoAnswer, Unsendable

log = logging.getLogger(__name__)

# It runs each minute, and must not last into the next one.
TIMEOUT_SECONDS: Final = 5.0


class HeartbeatObserver(Protocol):
    """Who notes that a sign of life arrived."""

    def heartbeat_sent(self, at: datetime) -> None: ...


class Heartbeat:
    """Sends signs of life to one URL, which is a secret.

    `is_well` gives the reasons why wamon is not well, none for well.
    """

    def __init__(
        self,
        url: str,
        *,
        is_well: Callable[[], Awaitable[tuple[str, ...]]],
        clock: Clock,
        observer: HeartbeatObserver,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._url = url
        self._is_well = is_well
        self._clock = clock
        self._observer = observer
        self._client = HttpClient(timeout_seconds=timeout_seconds)
        self._withheld: tuple[str, ...] = ()
        self._problem: str | None = None

    @property
    def problem(self) -> str | None:
        """Why the last sign of life did not arrive, in words; None when it did or when none was to be sent."""
        return self._problem

    async def beat(self) -> None:
        """Say once that all is well, if it is. Reasons and problems are logged when they change."""
        reasons = await self._is_well()
        if reasons and reasons != self._withheld:
            log.warning("heartbeat withheld", extra={"reasons": list(reasons)})
        if self._withheld and not reasons:
            log.info("heartbeat goes on")
        self._withheld = reasons
        self._note(None if reasons else await self._send())

    async def close(self) -> None:
        await self._client.close()

    async def _send(self) -> str | None:
        """What went wrong, in words."""
        try:
            answer = await self._client.get(self._url)
        except (NoAnswer, Unsendable) as exc:
            return f"the heartbeat did not arrive: {exc}"
        if answer.is_ok:
            self._observer.heartbeat_sent(self._clock.now())
            return None
        if 400 <= answer.status < 500 and answer.status not in (408, 429):
            step = "put the check's ping URL into WAMON_HEARTBEAT_URL"
            return f"the heartbeat was refused (status {answer.status}): {step}"
        return f"the heartbeat did not arrive (status {answer.status})"

    def _note(self, problem: str | None) -> None:
        if problem is not None and problem != self._problem:
            log.warning("heartbeat failed", extra={"reason": problem})
        self._problem = problem
