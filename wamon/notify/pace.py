"""How fast a receiver may be written to, and when it is tried again."""

import random
from datetime import timedelta
from typing import Final

from wamon.core.timing import Clock

# Slack takes a message a second in a channel, and short bursts. Source: Slack "Rate limits", read 2026-11.
POST_EVERY: Final = timedelta(seconds=1)
POST_BURST: Final = 3
# Its tier 3 allows some fifty edits a minute in a workspace; a few are left for others.
EDIT_EVERY: Final = timedelta(seconds=1.5)
EDIT_BURST: Final = 5

FIRST_BACKOFF: Final = timedelta(seconds=1)
LONGEST_BACKOFF: Final = timedelta(minutes=5)
# What a human must mend is mended in minutes at best.
REFUSED_WAIT: Final = timedelta(minutes=5)
# Whoever was asked to wait comes no sooner, and not at the same moment as the others who were.
_SPREAD: Final = timedelta(seconds=1)
# What floats leave of a wait that is over.
_NO_WAIT_SECONDS: Final = 0.001


class Bucket:
    """Lets `burst` go at once, and after them one each `every`; shared by whoever shares a limit."""

    def __init__(self, clock: Clock, *, every: timedelta, burst: int) -> None:
        self._clock = clock
        self._every = every.total_seconds()
        self._burst = burst
        self._is_full_until = 0.0

    def wait(self) -> timedelta:
        """How long it is until one more may go."""
        return _positive(self._is_full_until - (self._burst - 1) * self._every - self._clock.monotonic())

    def take(self) -> None:
        """Count one that goes now."""
        self._is_full_until = max(self._is_full_until, self._clock.monotonic()) + self._every


class Rest:
    """A time in which something is to be left alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = 0.0

    def leave_alone(self, wait: timedelta) -> None:
        self._until = max(self._until, self._clock.monotonic() + wait.total_seconds())

    @property
    def left(self) -> timedelta:
        """How much of it is left."""
        return _positive(self._until - self._clock.monotonic())


def backoff(attempts: int, chance: random.Random) -> timedelta:
    """How long to wait after so many attempts and one more.

    Full jitter, so that many who were cut off together do not come back together.
    """
    return min(FIRST_BACKOFF * (1 << min(attempts, 16)), LONGEST_BACKOFF) * chance.random()


def asked_wait(retry_after: timedelta, chance: random.Random) -> timedelta:
    """How long to wait where that was asked for: never less."""
    return retry_after + _SPREAD * chance.random()


def _positive(seconds: float) -> timedelta:
    return timedelta(seconds=seconds if seconds > _NO_WAIT_SECONDS else 0)
