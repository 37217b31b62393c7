"""A slow, plain reading of ALERTING section 2, to hold the alert machine against.

It keeps everything that was seen and tells the whole story again at each question. There are no running totals: every
duration is summed over the list, every condition looks back along it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from wamon.core.alerting import CloseReason, Severity, Timing, TransitionKind, Truth

ZERO = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One observation, when it was judged, and the longest gap before it that still counts as watched."""

    truth: Truth
    severity: Severity
    observed_at: datetime
    now: datetime
    max_gap: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBack:
    """The clock went back: whatever was seen, was seen no later than that."""

    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The subject was removed, or an operator closed the alert."""

    reason: CloseReason


Entry = Seen | SetBack | Ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One row of the time line."""

    kind: TransitionKind
    severity: Severity
    episode: int
    ordinal: int
    reason: CloseReason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What a reader of the specification expects after the last entry. `severity` is None when nothing is active."""

    state: str
    severity: Severity | None
    is_stale: bool
    returns: int
    told: tuple[Told, ...]
    dropped: int


def picture(entries: Sequence[Entry], timing: Timing) -> Picture:
    """What is to be expected after these entries."""
    story = _Story(timing)
    for entry in entries:
        story.take(entry)
    return story.picture()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """An observation that counted, with the watched time between the one before it and itself.

    That time did pass, whatever the clock says later, so it is kept beside the moments.
    """

    truth: Truth
    severity: Severity
    observed_at: datetime
    now: datetime
    watched: timedelta


@dataclass(slots=True)
class _Life:
    """All that counted since the condition was first seen. After `settled` begins what may speak for lower severity."""

    items: list[_Item]
    severity: Severity
    is_open: bool = False
    settled: int = 0
    returns: int = 0

    def answers(self) -> list[_Item]:
        return [item for item in self.items if item.truth is not Truth.UNKNOWN]


@dataclass(slots=True)
class _Story:
    timing: Timing
    life: _Life | None = None
    told: list[Told] = field(default_factory=list)
    dropped: int = 0
    # When an alert that was announced once was last seen; one that never opened is forgotten altogether.
    remembered: datetime | None = None

    def picture(self) -> Picture:
        life = self.life
        if life is None:
            state = "inactive"
        elif not life.is_open:
            state = "pending"
        else:
            state = "recovering" if life.items[-1].truth is Truth.FALSE else "firing"
        return Picture(
            state=state,
            severity=life.severity if life else None,
            is_stale=life is not None and life.is_open and life.items[-1].truth is Truth.UNKNOWN,
            returns=life.returns if life else 0,
            told=tuple(self.told),
            dropped=self.dropped,
        )

    def take(self, entry: Entry) -> None:
        match entry:
            case SetBack():
                self.set_back(entry.now)
            case Ended():
                self.end(self.life, entry.reason)
            case Seen(truth=Truth.UNKNOWN):
                self.see_nothing(self.life, entry)
            case Seen():
                if not self.is_repeated(entry):
                    self.see(self.life, entry)

    def set_back(self, now: datetime) -> None:
        self.remembered = min(self.remembered, now) if self.remembered else None
        if self.life is not None:
            self.life.items = [
                replace(item, observed_at=min(item.observed_at, now), now=min(item.now, now))
                for item in self.life.items
            ]

    def is_repeated(self, entry: Seen) -> bool:
        last = self.life.answers()[-1].observed_at if self.life else self.remembered
        return last is not None and entry.observed_at <= last

    # --- UNKNOWN ------------------------------------------------------------------------------------------------------

    def see_nothing(self, life: _Life | None, entry: Seen) -> None:
        if life is None:
            return
        if life.is_open and life.items[-1].truth is not Truth.UNKNOWN:
            self.tell(TransitionKind.STALE, life.severity)
        life.items.append(_item(entry, watched=ZERO))
        if life.is_open:
            return
        blind = _tail(life.items, Truth.UNKNOWN)
        if entry.now - blind[0].now >= self.timing.pending_unknown_max:
            self.dropped += 1
            self.forget(life)

    # --- TRUE and FALSE -----------------------------------------------------------------------------------------------

    def see(self, life: _Life | None, entry: Seen) -> None:
        if life is None:
            if entry.truth is Truth.TRUE:
                self.life = _Life([_item(entry, watched=ZERO)], entry.severity)
                self.open_if_due(self.life)
            return
        before = life.items[-1]
        gap = entry.observed_at - before.observed_at
        is_watched = before.truth is not Truth.UNKNOWN and gap <= entry.max_gap
        life.items.append(_item(entry, watched=gap if is_watched else ZERO))
        if not life.is_open and entry.truth is Truth.FALSE:
            self.forget(life)
        elif not life.is_open:
            life.severity = entry.severity
            self.open_if_due(life)
        else:
            if before.truth is Truth.UNKNOWN:
                self.tell(TransitionKind.CONFIRMED, life.severity)
            if entry.truth is Truth.FALSE:
                self.see_good(life, before)
            else:
                self.see_bad(life, before, entry.severity)

    def open_if_due(self, life: _Life) -> None:
        needed = self.timing.min_observations
        if life.severity is Severity.CRITICAL and self.timing.min_observations_critical is not None:
            needed = self.timing.min_observations_critical
        if len(life.answers()) >= needed and _watched(life.items) >= self.timing.for_:
            life.is_open = True
            life.settled = len(life.items)
            self.tell(TransitionKind.OPEN, life.severity)

    def see_good(self, life: _Life, before: _Item) -> None:
        if before.truth is not Truth.FALSE:
            self.tell(TransitionKind.RECOVERING, life.severity)
        good = _tail(life.items, Truth.FALSE)
        if len(good) >= 2 and _watched(good) >= self.timing.keep_firing_for:
            self.end(life, CloseReason.RESOLVED)

    def see_bad(self, life: _Life, before: _Item, severity: Severity) -> None:
        if before.truth is Truth.FALSE:
            life.returns += 1
            self.tell(TransitionKind.RETURNED, life.severity)
        if severity < life.severity and _watched(_lower(life)) < self.timing.lower_after:
            return
        kind = TransitionKind.RAISE if severity > life.severity else TransitionKind.LOWER
        is_same = severity == life.severity
        life.severity = severity
        life.settled = len(life.items)
        if not is_same:
            self.tell(kind, severity)

    # --- rows and ends ------------------------------------------------------------------------------------------------

    def tell(self, kind: TransitionKind, severity: Severity, reason: CloseReason | None = None) -> None:
        openings = sum(1 for row in self.told if row.kind is TransitionKind.OPEN)
        episode = openings + 1 if kind is TransitionKind.OPEN else openings
        ordinal = 1 + sum(1 for row in self.told if row.episode == episode)
        self.told.append(Told(kind=kind, severity=severity, episode=episode, ordinal=ordinal, reason=reason))

    def end(self, life: _Life | None, reason: CloseReason) -> None:
        if life is None:
            return
        if life.is_open:
            self.tell(TransitionKind.CLOSE, life.severity, reason)
        self.forget(life)

    def forget(self, life: _Life) -> None:
        self.remembered = life.answers()[-1].observed_at if self.told else None
        self.life = None


def _item(entry: Seen, *, watched: timedelta) -> _Item:
    return _Item(
        truth=entry.truth, severity=entry.severity, observed_at=entry.observed_at, now=entry.now, watched=watched
    )


def _tail(items: Sequence[_Item], truth: Truth) -> list[_Item]:
    """The unbroken run of this truth at the end."""
    start = len(items)
    while start and items[start - 1].truth is truth:
        start -= 1
    return list(items[start:])


def _lower(life: _Life) -> list[_Item]:
    """The run at the end that only ever saw a lower severity, from its first answer on."""
    start = len(life.items)
    while start > life.settled and life.items[start - 1].truth is not Truth.FALSE:
        start -= 1
    while life.items[start].truth is Truth.UNKNOWN:
        start += 1
    return life.items[start:]


def _watched(items: Sequence[_Item]) -> timedelta:
    """The time watched from the first of these to the last."""
    return sum((item.watched for item in items[1:]), ZERO)
