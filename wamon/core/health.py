"""The account's picture: what was last observed of every subject, when, and whether that still counts as known."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Generic, TypeAlias, TypeVar, cast

Value: TypeAlias = str | float | bool | datetime | Mapping[str, str] | Mapping[str, bool] | Mapping[str, float]
JsonValue: TypeAlias = str | float | bool | dict[str, str] | dict[str, bool] | dict[str, float]

T = TypeVar("T", bound=Value)

# A reading this old says nothing about now, however short its interval (DESIGN: max(3 intervals, 15 min)).
LEAST_FRESHNESS = timedelta(minutes=15)
NEVER = datetime.max.replace(tzinfo=UTC)


class SubjectKind(StrEnum):
    """What a reading can be about."""

    INSTANCE = "instance"
    APP = "app"
    TOKEN = "token"  # noqa: S105 - the kind of thing, not a secret
    TOKEN_ASSET = "token_asset"  # noqa: S105 - the kind of thing, not a secret
    WABA = "waba"
    PHONE_NUMBER = "phone_number"
    SENDER = "sender"
    API_VERSION = "api_version"
    PROBE = "probe"
    RESTRICTION = "restriction"
    ACCOUNT_ALERT = "account_alert"
    TEMPLATE = "template"
    FLOW = "flow"


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """The thing a reading or an alert is about: its kind and its identity labels, sorted by name."""

    kind: SubjectKind
    labels: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, kind: SubjectKind, **labels: str) -> "Subject":
        return cls(kind, tuple(sorted(labels.items())))

    @classmethod
    def instance(cls) -> "Subject":
        return cls(SubjectKind.INSTANCE, ())

    @classmethod
    def app(cls, app_id: str) -> "Subject":
        return cls.of(SubjectKind.APP, app_id=app_id)

    @classmethod
    def token(cls, token: str) -> "Subject":
        """`token` is the alias of an access token, never the secret."""
        return cls.of(SubjectKind.TOKEN, token=token)

    @classmethod
    def token_asset(cls, token: str, waba_id: str) -> "Subject":
        return cls.of(SubjectKind.TOKEN_ASSET, token=token, waba_id=waba_id)

    @classmethod
    def waba(cls, waba_id: str) -> "Subject":
        return cls.of(SubjectKind.WABA, waba_id=waba_id)

    @classmethod
    def phone_number(cls, waba_id: str, phone_number_id: str) -> "Subject":
        return cls.of(SubjectKind.PHONE_NUMBER, waba_id=waba_id, phone_number_id=phone_number_id)

    @classmethod
    def sender(cls, waba_id: str, scope: str, sender_id: str) -> "Subject":
        """One entity of a health_status answer: `scope` is phone_number, waba, business or app."""
        return cls.of(SubjectKind.SENDER, waba_id=waba_id, scope=scope, id=sender_id)

    @classmethod
    def api_version(cls, version: str) -> "Subject":
        return cls.of(SubjectKind.API_VERSION, version=version)

    @classmethod
    def restriction(cls, waba_id: str, restriction_type: str) -> "Subject":
        """One kind of restriction that Meta can lay on an account."""
        return cls.of(SubjectKind.RESTRICTION, waba_id=waba_id, restriction_type=restriction_type)

    @classmethod
    def account_alert(cls, waba_id: str, alert_type: str) -> "Subject":
        """One kind of alert of Meta's own about an account or one of its numbers."""
        return cls.of(SubjectKind.ACCOUNT_ALERT, waba_id=waba_id, alert_type=alert_type)

    @classmethod
    def template(cls, waba_id: str, template: str, language: str) -> "Subject":
        """A message template in one language, by its name."""
        return cls.of(SubjectKind.TEMPLATE, waba_id=waba_id, template=template, language=language)

    @classmethod
    def flow(cls, waba_id: str, flow_id: str, event: str) -> "Subject":
        """One kind of trouble that one of the account's Flows can have."""
        return cls.of(SubjectKind.FLOW, waba_id=waba_id, flow_id=flow_id, event=event)

    @classmethod
    def probe(cls, probe: str, target: "Subject") -> "Subject":
        """One probe's watch over one target."""
        return cls.of(SubjectKind.PROBE, probe=probe, **dict(target.labels))

    def label(self, name: str) -> str | None:
        return next((value for key, value in self.labels if key == name), None)

    def __str__(self) -> str:
        return " ".join([self.kind.value, *(f"{name}={value}" for name, value in self.labels)])


# --- shapes: how a signal's value is stored and exported -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shape(Generic[T]):
    """The form of a signal's values; `encode` and `decode` are its JSON form for the store."""

    def encode(self, value: T) -> JsonValue:
        return cast(JsonValue, dict(value) if isinstance(value, Mapping) else value)

    def decode(self, stored: JsonValue) -> T:
        return cast(T, stored)


@dataclass(frozen=True, slots=True)
class Gauge(Shape[float]):
    """A number, in the base unit that the metric's name tells."""


@dataclass(frozen=True, slots=True)
class Flag(Shape[bool]):
    """A claim that holds (1) or not (0)."""


@dataclass(frozen=True, slots=True)
class Timestamp(Shape[datetime]):
    """A moment; stored in ISO 8601, exported in unix seconds. NEVER means that it will not come: no series then."""

    def encode(self, value: datetime) -> JsonValue:
        return value.isoformat()

    def decode(self, stored: JsonValue) -> datetime:
        return datetime.fromisoformat(str(stored))


@dataclass(frozen=True, slots=True)
class StateSet(Shape[str]):
    """One of a closed set: every state is a series, exactly one of them is 1. UNKNOWN must be among the states."""

    label: str
    states: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SparseState(Shape[str]):
    """One of an open set: only the present state is a series; UNKNOWN while it is not known."""

    label: str


@dataclass(frozen=True, slots=True)
class Info(Shape[Mapping[str, str]]):
    """Names for joins: one series of value 1 that carries the texts as labels."""

    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FlagMap(Shape[Mapping[str, bool]]):
    """A small closed set of claims, one 0/1 series each."""

    label: str


@dataclass(frozen=True, slots=True)
class GaugeMap(Shape[Mapping[str, float]]):
    """A small closed set of numbers, one series each."""

    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal(Generic[T]):
    """What can be observed of one kind of subject.

    The one declaration serves the storage key, the metric family, its documentation, the history of changes and the
    vocabulary of the rules. `last_known` and `changed_at` name extra families: the value before it became unknown, and
    when the known value last changed. `is_event` readings stay true until replaced, they do not age. `is_derived`
    readings can be made anew from what is stored, so they are not stored themselves.
    """

    name: str
    kind: SubjectKind
    shape: Shape[T]
    help: str
    last_known: str | None = None
    changed_at: str | None = None
    is_event: bool = False
    is_derived: bool = False
    is_exported: bool = True
    is_optional: bool = False
    keeps_history: bool = True

    def reading(
        self,
        subject: Subject,
        value: T | None,
        *,
        raw: str | None = None,
        is_recognised: bool = True,
        holds_until: datetime | None = None,
    ) -> "Reading":
        """One observation of this signal; `value` None means that Meta was asked and did not say."""
        return Reading(
            signal=cast("Signal[Value]", self),
            subject=subject,
            value=value,
            raw=raw,
            is_recognised=is_recognised,
            holds_until=holds_until,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One observation: `raw` is Meta's own text where `value` is our form of it; `is_recognised` is false for a vendor
    value that no vocabulary knows. `holds_until` is an end that Meta itself named, None for none."""

    signal: Signal[Value]
    subject: Subject
    value: Value | None
    raw: str | None = None
    is_recognised: bool = True
    holds_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What is kept of one signal of one subject.

    `value` is what was last observed, None when Meta did not say; `known` the last value that was not None,
    `changed_at` when that one began, and `before` the known one before it (None: it is the first). `is_current` turns
    false at `stale_at`: from then on nobody may call it known.
    """

    signal: Signal[Value]
    subject: Subject
    value: Value | None
    raw: str | None
    known: Value | None
    observed_at: datetime
    changed_at: datetime | None
    stale_at: datetime
    is_current: bool = True
    source: str
    before: Value | None = None

    @property
    def current(self) -> Value | None:
        """The value, or None when it is not known now."""
        return self.value if self.is_current else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row of the history: a signal's value before and after, None for not known; `source` says how it was seen.

    `known_before` is the last value that was known before it, however old; None where it is the first that is known.
    """

    signal: Signal[Value]
    subject: Subject
    before: Value | None
    after: Value | None
    raw: str | None
    at: datetime
    source: str
    known_before: Value | None = None


def fresh_for(interval: timedelta) -> timedelta:
    """How long a reading that is looked at every `interval` may count as known."""
    return max(3 * interval, LEAST_FRESHNESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What arrived together: readings seen at one moment by one source, and how long they may count as known."""

    readings: tuple[Reading, ...]
    observed_at: datetime
    interval: timedelta
    source: str

    @property
    def stale_at(self) -> datetime:
        return self.observed_at + fresh_for(self.interval)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The current picture, by subject and signal name. Never changed in place: `fold` and `age` give the next one."""

    facts: Mapping[Subject, Mapping[str, Fact]] = field(default_factory=lambda: MappingProxyType({}))

    def fact(self, subject: Subject, signal: Signal[T]) -> Fact | None:
        return self.facts.get(subject, {}).get(signal.name)

    def value(self, subject: Subject, signal: Signal[T]) -> T | None:
        """What is known now; None when it was never seen, Meta did not say, or it is too old to count."""
        fact = self.fact(subject, signal)
        return cast("T | None", fact.current) if fact else None

    def known(self, subject: Subject, signal: Signal[T]) -> T | None:
        """The last value that was known, however old."""
        fact = self.fact(subject, signal)
        return cast("T | None", fact.known) if fact else None

    def subjects(self, kind: SubjectKind) -> Iterator[Subject]:
        return (subject for subject in self.facts if subject.kind is kind)

    def fold(self, sighting: Sighting) -> tuple["Snapshot", tuple[Fact, ...], tuple[Change, ...]]:
        """The picture after these readings, the facts that were touched, and what changed in value.

        A reading older than what is known leaves the picture alone and goes to the history only.
        """
        facts = dict(self.facts)
        opened: dict[Subject, dict[str, Fact]] = {}
        changes: list[Change] = []
        touched: dict[tuple[Subject, str], Fact] = {}
        for reading in sighting.readings:
            own = opened.get(reading.subject)
            if own is None:
                own = opened[reading.subject] = dict(facts.get(reading.subject, {}))
                facts[reading.subject] = own
            before = own.get(reading.signal.name)
            is_late = before is not None and sighting.observed_at < before.observed_at
            if (before.current if before else None) != reading.value:
                changes.append(_change(reading, sighting, before=before))
            if not is_late:
                fact = _next_fact(reading, sighting, before=before)
                own[reading.signal.name] = fact
                touched[reading.subject, reading.signal.name] = fact
        return Snapshot(facts), tuple(touched.values()), tuple(c for c in changes if c.signal.keeps_history)

    def age(self, now: datetime) -> tuple["Snapshot", tuple[Fact, ...], tuple[Change, ...]]:
        """The picture at `now`: facts past their `stale_at` are no longer current."""
        aged = tuple(
            replace(fact, is_current=False)
            for own in self.facts.values()
            for fact in own.values()
            if fact.is_current and fact.stale_at <= now
        )
        changes = tuple(
            Change(
                signal=fact.signal,
                subject=fact.subject,
                before=fact.value,
                after=None,
                raw=None,
                at=fact.stale_at,
                source="age",
                known_before=fact.value,
            )
            for fact in aged
            if fact.value is not None and fact.signal.keeps_history
        )
        return self._with(aged), aged, changes

    def clamp(self, now: datetime) -> tuple["Snapshot", tuple[Fact, ...]]:
        """The picture after the clock went back: nothing may have been observed later than `now`.

        Without this, readings stamped by the wrong clock would refuse every new one as late, and an event of ours
        (the last success of a probe) would seem recent until the clock has caught up with it.
        """
        ahead = tuple(
            replace(
                fact,
                value=_happened(fact, fact.value, now),
                known=_happened(fact, fact.known, now),
                observed_at=now,
                changed_at=min(fact.changed_at, now) if fact.changed_at else None,
                # An event holds for ever, or until a moment that Meta named.
                stale_at=fact.stale_at if fact.signal.is_event else now + (fact.stale_at - fact.observed_at),
            )
            for own in self.facts.values()
            for fact in own.values()
            if fact.observed_at > now
        )
        return self._with(ahead), ahead

    def without(self, gone: Iterable[Subject]) -> "Snapshot":
        removed = set(gone)
        return Snapshot({subject: own for subject, own in self.facts.items() if subject not in removed})

    def _with(self, changed: Iterable[Fact]) -> "Snapshot":
        facts = dict(self.facts)
        for fact in changed:
            facts[fact.subject] = {**facts[fact.subject], fact.signal.name: fact}
        return Snapshot(facts)


def _happened(fact: Fact, value: Value | None, now: datetime) -> Value | None:
    """The value, at most `now` when it is the moment of an event: what had happened cannot lie ahead.

    A moment that lay ahead when it was told, as the end of a restriction, is left where Meta put it.
    """
    is_past = fact.signal.is_event and isinstance(value, datetime) and value <= fact.observed_at
    return min(value, now) if is_past and isinstance(value, datetime) else value


def _next_fact(reading: Reading, sighting: Sighting, *, before: Fact | None) -> Fact:
    known_before = before.known if before else None
    is_new = reading.value is not None and reading.value != known_before
    return Fact(
        signal=reading.signal,
        subject=reading.subject,
        value=reading.value,
        raw=reading.raw,
        known=known_before if reading.value is None else reading.value,
        observed_at=sighting.observed_at,
        changed_at=sighting.observed_at if is_new else before.changed_at if before else None,
        stale_at=reading.holds_until or (NEVER if reading.signal.is_event else sighting.stale_at),
        source=sighting.source,
        before=known_before if is_new else before.before if before else None,
    )


def _change(reading: Reading, sighting: Sighting, *, before: Fact | None) -> Change:
    return Change(
        signal=reading.signal,
        subject=reading.subject,
        before=before.current if before else None,
        after=reading.value,
        raw=reading.raw,
        at=sighting.observed_at,
        source=sighting.source,
        known_before=before.known if before else None,
    )
