"""What has happened, as one sequence: which part of it is asked for, and a page of it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from wamon.core.alerting import Severity, Transition
from wamon.core.health import Change
from wamon.core.markers import Marker


class PastKind(StrEnum):
    """A marker that somebody set, a reading that changed, an alert that moved: of one moment in this order.

    What was done makes readings change, and these make alerts move.
    """

    MARKER = "marker"
    CHANGE = "change"
    ALERT = "alert"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of an alert. `severity_before` is that of the step before; None for the first, or one forgotten since."""

    transition: Transition
    severity_before: Severity | None


Happening: TypeAlias = Marker | Change | Step


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the past, unique to one happening for ever; `rank` is that of its kind, `row` the store's number."""

    at: datetime
    rank: int
    row: int

    @property
    def kind(self) -> PastKind:
        return tuple(PastKind)[self.rank]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which part of the past: from `since` on, before `until`, and older than what stands at `before`.

    `about` are identity labels that the subject must have, each with its name, or with "" for whatever name. Markers
    are about everything, so it leaves them in.
    """

    since: datetime | None = None
    until: datetime | None = None
    about: tuple[tuple[str, str], ...] = ()
    kinds: Collection[PastKind] = tuple(PastKind)
    before: Position | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A piece of the past, newest first. `last` is where the next page goes on; None where the past ends.

    Changes of signals that no longer exist are left out, so a page can hold fewer than were asked for, even none, and
    not be the last.
    """

    happenings: tuple[tuple[Position, Happening], ...]
    last: Position | None
