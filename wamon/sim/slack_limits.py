"""How often Slack lets itself be called, reckoned by the channel's own clock.

Sources: Slack "Rate limits" (posting: one message a second and channel, short bursts; tiers 3 and 4: 50 and 100 calls a
minute, for each method and workspace, "sporadic bursts are welcome") and "chat.postMessage" (several hundred messages a
minute in a workspace), read 2026-11. How far a burst may go Slack does not say; the bursts here are ours.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil

POSTING_BURST = 4
POSTING_PER_SECOND = 1.0
WINDOW_SECONDS = 60.0
WORKSPACE_POSTS = 300
CALLS_PER_WINDOW: Mapping[str, int] = {
    "chat.update": 55,
    "chat.postEphemeral": 110,
    "conversations.history": 55,
    "conversations.replies": 55,
}


@dataclass(slots=True)
class _Bucket:
    """Fills up with time; each message takes one out."""

    at: datetime
    left: float = POSTING_BURST

    def wait_seconds(self, now: datetime) -> float:
        passed = max((now - self.at).total_seconds(), 0.0)
        self.left = min(self.left + passed * POSTING_PER_SECOND, POSTING_BURST)
        self.at = now
        if self.left >= 1:
            self.left -= 1
            return 0.0
        return (1 - self.left) / POSTING_PER_SECOND


@dataclass(slots=True)
class _Window:
    """So many calls in any minute."""

    most: int
    calls: deque[datetime] = field(default_factory=deque)

    def wait_seconds(self, now: datetime) -> float:
        while self.calls and not 0 <= (now - self.calls[0]).total_seconds() < WINDOW_SECONDS:
            self.calls.popleft()
        if len(self.calls) < self.most:
            self.calls.append(now)
            return 0.0
        return WINDOW_SECONDS - (now - self.calls[0]).total_seconds()


@dataclass(slots=True, kw_only=True, eq=False)
class SlackLimits:
    """Whether a call is one too many; `is_on` may be changed at any time. `hits` counts the refused, by method."""

    now: Callable[[], datetime]
    is_on: bool = True
    hits: Counter[str] = field(default_factory=Counter)
    _buckets: dict[str, _Bucket] = field(default_factory=dict)
    _windows: dict[str, _Window] = field(default_factory=dict)

    def retry_after(self, method: str, channel_id: str = "") -> int | None:
        """Count a call; the whole seconds to wait when it is one too many, None when it may go on."""
        if not self.is_on:
            return None
        now = self.now()
        wait = 0.0
        if method in ("chat.postMessage", "webhook"):
            wait = self._buckets.setdefault(channel_id, _Bucket(now)).wait_seconds(now)
            wait = wait or self._windows.setdefault("posts", _Window(WORKSPACE_POSTS)).wait_seconds(now)
        elif method in CALLS_PER_WINDOW:
            wait = self._windows.setdefault(method, _Window(CALLS_PER_WINDOW[method])).wait_seconds(now)
        if wait <= 0:
            return None
        self.hits[method] += 1
        return max(ceil(wait), 1)
