"""How much of Meta's call quota is used, and therefore who may still call.

Source: Meta "Graph API: rate limiting", read 2026-09: figures are whole percent of a rolling hour, waiting times are
minutes, and calling while throttled makes the block longer. The headers come "once enough calls have been made":
their absence says nothing.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from wamon.core.timing import Clock

DIMENSIONS: Final = ("call_count", "total_cputime", "total_time")
MANAGEMENT: Final = "whatsapp_business_management"
LARGEST_FIGURE: Final = 1e6
SLOW_FROM: Final = 0.75
ESSENTIAL_ONLY_FROM: Final = 0.9
STOP_FROM: Final = 1.0

WINDOW: Final = timedelta(hours=1)
# Where Meta names no time: 5 minutes, then 10, then 15 while the throttling goes on.
FALLBACK_WAIT: Final = timedelta(minutes=5)
LONGEST_FALLBACK_WAIT: Final = timedelta(minutes=15)
# The window is an hour, so a longer time than this is nonsense that must not blind us for a week.
LONGEST_WAIT: Final = timedelta(hours=6)

# These speak of the app or its user, whatever object was asked for; the other throttle codes speak of the object.
# Source: Meta "Graph API: rate limiting", read 2026-09.
_CODES_OF_THE_CALLER: Final = frozenset({4, 17, 32, 341})

# What a quota belongs to: ("waba", its id), or ("caller", the app id or token alias).
_Scope: TypeAlias = tuple[str, str]
# What a header tells of one business object: the use by dimension, and the time to wait if any.
_Told: TypeAlias = tuple[Mapping[str, float], timedelta | None]


class Decision(StrEnum):
    """Whether a call may be made. SLOW: every second time. ESSENTIAL_ONLY: not this one, it can wait. STOP: none."""

    RUN = "run"
    SLOW = "slow"
    ESSENTIAL_ONLY = "essential_only"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Usage:
    used: Mapping[str, float]
    seen: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    until: float
    throttles: int


class QuotaBudget:
    """What the usage headers and throttle codes of all answers add up to.

    Figures are kept for an hour on the monotonic clock, so a step of the wall clock neither ends nor prolongs a block.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._usage: dict[_Scope, _Usage] = {}
        self._blocks: dict[_Scope, _Block] = {}

    def used(self, waba_id: str) -> Mapping[str, float]:
        """0 to 1 by dimension; empty while no answer of the last hour has told."""
        return self._current(("waba", waba_id))

    def decide(self, waba_id: str | None, *, caller: str, is_essential: bool) -> Decision:
        """Whether a call about this WABA may be made, None for one about no WABA; `caller` is whose quota it is."""
        if self.blocked_until(waba_id, caller=caller) is not None:
            return Decision.STOP
        used = max(self._measure(waba_id, caller).values(), default=0.0)
        if used >= ESSENTIAL_ONLY_FROM and not is_essential:
            return Decision.ESSENTIAL_ONLY
        return Decision.SLOW if used >= SLOW_FROM else Decision.RUN

    def blocked_until(self, waba_id: str | None, *, caller: str) -> datetime | None:
        """When calls may go on; None when nothing holds them up."""
        now = self._clock.monotonic()
        until = max((self._blocks[s].until for s in self._scopes(waba_id, caller) if s in self._blocks), default=now)
        return self._clock.now() + timedelta(seconds=until - now) if until > now else None

    def observe(
        self, *, waba_id: str | None, caller: str, business_usage: str | None, app_usage: str | None
    ) -> Mapping[str, Mapping[str, float]]:
        """Take in the usage headers of one answer; the use by WABA that they told.

        The key may be the business in place of the WABA that was asked for, which then gets the worst of all figures.
        """
        self._forget_old()
        told = dict(_read_business_usage(business_usage))
        if told and waba_id is not None:
            told.setdefault(waba_id, _worst(told.values()))
        for each, (used, regain) in told.items():
            self._note(("waba", each), used, regain)
        # Where both kinds apply, the business use case counts.
        if waba_id not in told and (used := _figures(_json_object(app_usage))):
            self._note(("caller", caller), used, None)
        return MappingProxyType({each: used for each, (used, _) in told.items()})

    def throttled(self, *, waba_id: str | None, caller: str, code: int | None, wait: timedelta | None) -> timedelta:
        """Take in a throttle answer, after its headers; how long calls will be held up.

        `wait` is what the answer itself asked for (Retry-After), None when it did not.
        """
        is_about_caller = waba_id is None or code in _CODES_OF_THE_CALLER
        scope = ("caller", caller) if is_about_caller else ("waba", str(waba_id))
        now = self._clock.monotonic()
        blocks = [self._blocks[each] for each in self._scopes(waba_id, caller) if each in self._blocks]
        named = [timedelta(seconds=block.until - now) for block in blocks if block.until > now]
        self._block(scope, max([*named, *([wait] if wait else [])], default=None))
        return timedelta(seconds=self._blocks[scope].until - now)

    def succeeded(self, *, waba_id: str | None, caller: str) -> None:
        """Take in an answer that was not throttled: earlier throttles no longer lengthen the next wait."""
        now = self._clock.monotonic()
        for scope in self._scopes(waba_id, caller):
            if scope in self._blocks and self._blocks[scope].until <= now:
                del self._blocks[scope]

    # --- the memory ---------------------------------------------------------------------------------------------------

    def _scopes(self, waba_id: str | None, caller: str) -> Iterable[_Scope]:
        """Everything whose block holds up such a call."""
        return [("caller", caller), *([("waba", waba_id)] if waba_id is not None else [])]

    def _measure(self, waba_id: str | None, caller: str) -> Mapping[str, float]:
        """The use that counts for such a call: the WABA's own where it is known, else the caller's."""
        return self.used(waba_id or "") or self._current(("caller", caller))

    def _current(self, scope: _Scope) -> Mapping[str, float]:
        usage = self._usage.get(scope)
        is_fresh = usage is not None and self._clock.monotonic() - usage.seen < WINDOW.total_seconds()
        return usage.used if usage is not None and is_fresh else MappingProxyType({})

    def _note(self, scope: _Scope, used: Mapping[str, float], regain: timedelta | None) -> None:
        self._usage[scope] = _Usage(used=MappingProxyType(dict(used)), seen=self._clock.monotonic())
        if regain or max(used.values()) >= STOP_FROM:
            self._block(scope, regain)

    def _block(self, scope: _Scope, wait: timedelta | None) -> None:
        now = self._clock.monotonic()
        before = self._blocks.get(scope, _Block(until=now, throttles=0))
        # Calls that were under way together are throttled together, and count as one.
        throttles = before.throttles if before.until > now else before.throttles + 1
        fallback = min(FALLBACK_WAIT * throttles, LONGEST_FALLBACK_WAIT)
        seconds = min(wait or fallback, LONGEST_WAIT).total_seconds()
        self._blocks[scope] = _Block(until=max(now + seconds, before.until), throttles=throttles)

    def _forget_old(self) -> None:
        now = self._clock.monotonic()
        window = WINDOW.total_seconds()
        self._usage = {scope: usage for scope, usage in self._usage.items() if now - usage.seen < window}
        self._blocks = {scope: block for scope, block in self._blocks.items() if now - block.until < window}


# --- the headers ------------------------------------------------------------------------------------------------------


def _read_business_usage(header: str | None) -> Iterator[tuple[str, _Told]]:
    """X-Business-Use-Case-Usage: for each business object the worst figures, and the time to wait if any.

    Where the management use case is listed it alone counts: it is the one our calls are charged to, and a sender that
    uses up its own must not make us look away.
    """
    for business_id, listed in _json_object(header).items():
        cases = [case for case in listed if isinstance(case, Mapping)] if isinstance(listed, list) else []
        cases = [case for case in cases if case.get("type") == MANAGEMENT] or cases
        worst, wait = _worst((_figures(case), _wait(case)) for case in cases)
        if worst:
            yield business_id, (worst, wait)


def _worst(told: Iterable[_Told]) -> _Told:
    """The highest figure of each dimension, and the longest wait."""
    pairs = list(told)
    used = {name: max(each.get(name, 0.0) for each, _ in pairs) for each, _ in pairs for name in each}
    return used, max((wait for _, wait in pairs if wait), default=None)


def _wait(case: Mapping[str, Any]) -> timedelta | None:
    minutes = _number(case.get("estimated_time_to_regain_access")) or 0.0
    # The limit comes first, since a timedelta cannot hold every number that a header can.
    return timedelta(minutes=min(minutes, LONGEST_WAIT / timedelta(minutes=1))) or None


def _figures(item: Mapping[str, Any]) -> Mapping[str, float]:
    percents = {name: _number(item.get(name)) for name in DIMENSIONS}
    return {name: percent / 100 for name, percent in percents.items() if percent is not None}


def _number(value: object) -> float | None:
    """A finite number from 0 up; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= LARGEST_FIGURE else None


def _json_object(header: str | None) -> Mapping[str, Any]:
    """A header's JSON object; empty for none and for anything else, since a quota figure is never worth a fault."""
    try:
        value = json.loads(header or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
