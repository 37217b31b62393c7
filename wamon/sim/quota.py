"""The hourly call quotas of the Graph API, counted over a rolling hour.

Source: Meta "Graph API: rate limiting" and "WhatsApp Business Platform: about the platform", read 2026-09.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

HOUR = timedelta(hours=1)
WABA_LIMIT = 200
"""Calls an hour for one app on one WABA."""
REGISTERED_WABA_LIMIT = 5_000
"""The same once the WABA has a registered phone number."""
APP_LIMIT_PER_DAILY_USER = 200
"""Calls an hour with the app's own token, for each daily user of the app."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How much of a quota the last hour has used, in whole percent and in Meta's own terms."""

    calls: int
    limit: int
    minutes_to_regain: int

    @property
    def percent(self) -> int:
        """Whole percent of the quota; may exceed 100."""
        return self.calls * 100 // self.limit

    @property
    def is_exceeded(self) -> bool:
        """Whether this call was one too many."""
        return self.calls > self.limit


class Quota:
    """Counts calls for each key over a rolling hour.

    Throttled calls count too: Meta warns that calling on while throttled makes the block longer.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._calls: dict[Hashable, deque[datetime]] = {}

    def count(self, key: Hashable, limit: int) -> Usage:
        """Count one call and say where the quota stands with it."""
        calls = self._calls.setdefault(key, deque())
        calls.append(self._now())
        return self.usage(key, limit)

    def usage(self, key: Hashable, limit: int) -> Usage:
        """Where the quota stands, without a call."""
        calls = self._calls.get(key, deque())
        now = self._now()
        while calls and calls[0] <= now - HOUR:
            calls.popleft()
        minutes = 0
        if len(calls) > limit:
            regained_at = calls[len(calls) - limit] + HOUR
            minutes = max(1, ceil((regained_at - now) / timedelta(minutes=1)))
        return Usage(calls=len(calls), limit=limit, minutes_to_regain=minutes)

    def spend(self, key: Hashable, calls: int) -> None:
        """Let somebody else use so many calls at this moment: the user's own senders share the quota."""
        self._calls.setdefault(key, deque()).extend([self._now()] * calls)
