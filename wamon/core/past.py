"""What has happened, as one sequence: which part of it is asked for, and a page of it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from wamon.core.alerting import Severity, Transition
from wamon.core.health import Change, Signal, Subject, Value
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Readings that nobody could confirm any longer, or that are back as they were before: an edge of a gap.

    An outage ends the knowledge of everything at one moment, so what belongs to one moment and one edge is one
    happening. `signals` and `subjects` are those concerned, each once; `count` is that of the readings, at least 2: one
    alone is told as the `Change` that it is. `source` says how it was seen.
    """

    at: datetime
    is_over: bool
    signals: tuple[Signal[Value], ...]
    subjects: tuple[Subject, ...]
    count: int
    source: str


Happening: TypeAlias = Marker | Change | Gap | Step


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

    The first value of a signal that a poll found is left out: nobody knows since when it is so. Webhooks tell of what
    happens, so their first values are in it, and so are those of subjects that exist only because something happened
    (a template in trouble, a restriction, an alert of Meta's, a Flow in trouble).
    Changes of signals that no longer exist are left out too, so a page can hold fewer than were asked for, even none,
    and not be the last.
    """

    happenings: tuple[tuple[Position, Happening], ...]
    last: Position | None
