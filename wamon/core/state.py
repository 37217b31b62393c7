"""What wamon knows, what can happen to it, and what must be written when it does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TypeAlias

from wamon.core.alerting import Alert, Transition
from wamon.core.desk import Act, Announcement, Desk, Group, Standing
from wamon.core.health import Change, Fact, Reading, Snapshot, Subject, SubjectKind
from wamon.core.silences import Silence
from wamon.core.timing import Moment


@dataclass(frozen=True, slots=True, order=True)
class CounterKey:
    """A counter that survives restarts: its metric name and labels, sorted by name."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, name: str, **labels: str) -> "CounterKey":
        return cls(name, tuple(sorted(labels.items())))


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything that is shown or judged. It never runs ahead of the store.

    `alerts` holds inactive ones too, for their episode count. `missing` counts complete lists in a row that lacked a
    subject, `members` is who the last list had (both only since the start). `desk` is what people were told. `moment`
    is that of the last step, None before the first one. `version` grows with each step.
    """

    snapshot: Snapshot = field(default_factory=Snapshot)
    alerts: Mapping[str, Alert] = field(default_factory=lambda: MappingProxyType({}))
    counters: Mapping[CounterKey, int] = field(default_factory=lambda: MappingProxyType({}))
    missing: Mapping[Subject, int] = field(default_factory=lambda: MappingProxyType({}))
    members: Mapping[tuple[Subject, SubjectKind], frozenset[Subject]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    desk: Desk = field(default_factory=Desk)
    moment: Moment | None = None
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What one step wants written, in one transaction.

    `facts`, `alerts`, `groups`, `standings` and `silences` replace by key (facts of derived signals are not stored);
    `counters` are the new totals; each of `announcements` becomes one outbox row. `desk` is given when one of its own
    values changed: everything of it but the three tables. `act` is what an operator did, once. `notices` are digests of
    what was heard, so that it has its effect once. `unrecognised` are readings with a vendor value first met here, for
    one log line each.
    """

    moment: Moment
    facts: tuple[Fact, ...] = ()
    history: tuple[Change, ...] = ()
    removed_subjects: tuple[Subject, ...] = ()
    alerts: tuple[Alert, ...] = ()
    removed_alerts: tuple[str, ...] = ()
    transitions: tuple[Transition, ...] = ()
    groups: tuple[Group, ...] = ()
    standings: tuple[Standing, ...] = ()
    removed_standings: tuple[str, ...] = ()
    silences: tuple[Silence, ...] = ()
    desk: Desk | None = None
    announcements: tuple[Announcement, ...] = ()
    act: Act | None = None
    counters: Mapping[CounterKey, int] = field(default_factory=lambda: MappingProxyType({}))
    notices: tuple[bytes, ...] = ()
    unrecognised: tuple[Reading, ...] = ()
    clock_step: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """The complete list of a kind of subject under one parent, so that what it lacks is known to be gone."""

    parent: Subject
    kind: SubjectKind
    present: frozenset[Subject]


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitored:
    """What the configuration asks to be watched; anything else that is remembered is removed at the start."""

    waba_ids: frozenset[str]
    tokens: frozenset[str]
    app_ids: frozenset[str]
    versions: frozenset[str]
    probes: frozenset[str]
    rules: frozenset[str]

    def covers(self, subject: Subject) -> bool:
        """Whether each identity label of the subject is still configured; labels of other names do not matter."""
        wanted = {
            "waba_id": self.waba_ids,
            "token": self.tokens,
            "app_id": self.app_ids,
            "version": self.versions,
            "probe": self.probes,
        }
        return all(value in wanted[name] for name, value in subject.labels if name in wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The daemon came up (or its configuration changed)."""

    moment: Moment
    monitored: Monitored


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """Time passed. `figures` are readings that the books of all deliveries come to at this moment."""

    moment: Moment
    figures: tuple[Reading, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """A probe's run over one target ended.

    `observed_at` is when its first answer arrived. `readings` may be there without `outcome` ok: what a denial says of
    the token. `fault` is the reason in words, None when ok.
    """

    moment: Moment
    probe: str
    target: Subject
    outcome: str
    observed_at: datetime
    interval: timedelta
    readings: tuple[Reading, ...] = ()
    rosters: tuple[Roster, ...] = ()
    fault: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Meta told something of an account by webhook.

    `observed_at` is Meta's own stamp. `interval` is how often the account is polled: what polls also see is known for
    as long as after a poll. `digest` stands for the notice, so that one that is repeated has no effect.
    """

    moment: Moment
    field: str
    observed_at: datetime
    interval: timedelta
    readings: tuple[Reading, ...]
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """An operator did something."""

    moment: Moment
    act: Act


@dataclass(frozen=True, slots=True, kw_only=True)
class Woken:
    """The moment that the desk waited for has come: something may have to be told."""

    moment: Moment


Event: TypeAlias = Started | Ticked | Polled | Heard | Acted | Woken
