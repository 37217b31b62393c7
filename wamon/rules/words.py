"""What rules have in common: no parameters at all, two thresholds, and the evidence in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from wamon.core.health import NEVER, Fact, Signal
from wamon.core.ports import View
from wamon.probes.account import MESSAGING_LIMIT, NUMBER_CAN_SEND, PHONE_STATUS, QUALITY_RATING


@dataclass(frozen=True, slots=True, kw_only=True)
class NoParams:
    """A rule without thresholds."""


def is_above(value: float, *, fires: float, clears: float, is_open: bool) -> bool:
    """Hysteresis: an open alert holds until the value is at or below `clears`, a closed one opens above `fires`."""
    return value > (clears if is_open else fires)


def evidence_of(fact: Fact, name: str) -> Iterator[tuple[str, str]]:
    """The reading and what was before it: `RED since 2026-11-22 10:05 UTC, before that YELLOW`."""
    words = str(fact.value)
    if fact.raw is not None and fact.raw.upper() != words:
        words += f" (Meta's word: {fact.raw})"
    if fact.changed_at is not None:
        words += f" since {moment(fact.changed_at)}"
    if fact.before is not None:
        words += f", before that {fact.before}"
    yield name, words


def number_context(view: View, *, besides: Signal[str]) -> Iterator[tuple[str, str]]:
    """What is known of the phone number now, besides the reading that the alert is about."""
    for name, signal in (("Quality rating", QUALITY_RATING), ("Status", PHONE_STATUS), ("Can send", NUMBER_CAN_SEND)):
        value = view.value(signal)
        if value is not None and signal is not besides:
            yield name, value
    limit = view.value(MESSAGING_LIMIT)
    if limit is not None:
        yield "Messaging limit", "no limit" if limit == float("inf") else f"{limit:,.0f} people in 24 h"


def moment(at: datetime) -> str:
    return "never" if at == NEVER else f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def span(duration: timedelta) -> str:
    """A duration in the two largest units that it has: `3 d 4 h`, `2 h 10 min`, `40 s`."""
    seconds = int(abs(duration).total_seconds())
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
