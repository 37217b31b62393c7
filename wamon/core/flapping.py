"""Flap damping: an alert that opens and returns again and again earns a penalty that fades by half-lives.

The shape is that of BGP route flap damping (RFC 2439), with its lesson: criticals are exempt from being hidden, and the
word "flapping" is itself an alert.
"""

from datetime import datetime, timedelta
from math import log2
from typing import Final

OPENED: Final = 1000.0
RETURNED: Final = 500.0
FLAPS_AT: Final = 3000.0
CALM_BELOW: Final = 1000.0
LEAST_HALF_LIFE: Final = timedelta(minutes=30)
LONGEST_HOLD_HALF_LIVES: Final = 4
# A penalty as low as this is forgotten.
FORGOTTEN_BELOW: Final = 50.0


def half_life(keep_firing_for: timedelta) -> timedelta:
    """A fixed one could never trip: `keep_firing_for` spaces the openings already."""
    return max(LEAST_HALF_LIFE, 6 * keep_firing_for)


def faded(penalty: float, elapsed: timedelta, half: timedelta) -> float:
    """What is left of a penalty after a time; a clock that went back lets nothing fade."""
    halves: float = max(elapsed, timedelta(0)) / half
    return penalty * float(0.5**halves)


def calm_at(penalty: float, at: datetime, half: timedelta) -> datetime:
    """When a penalty, earned at `at`, has faded to CALM_BELOW; `at` itself when it is no higher."""
    return at + half * max(log2(penalty / CALM_BELOW), 0.0) if penalty > 0 else at
