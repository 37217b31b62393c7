"""Every plug point and seam on one page: Probe, Rule, Notifier, Store (the Clock is in `timing`)."""

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, cast

from wamon.core.alerting import Severity, Timing, Truth, Verdict
from wamon.core.books import Tally, TallyKey
from wamon.core.delivery import Update
from wamon.core.errors import GraphFault
from wamon.core.health import Fact, Reading, Signal, Snapshot, Subject, SubjectKind, Value
from wamon.core.outgoing import Batch, Message, Notification, Receipt, Story, Thread
from wamon.core.state import Changes, Roster, State
from wamon.core.targets import Target

JsonObject: TypeAlias = Mapping[str, Any]

T = TypeVar("T", bound=Value)
TargetT = TypeVar("TargetT", bound=Target)


# --- Probe: what we ask Meta ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Edge:
    """A nested edge of a query: `phone_numbers.limit(100){id,status}`; its further pages are fetched by cursor."""

    name: str
    fields: tuple[str, ...]
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphQuery:
    """One read of a Graph node, or of one of its edges; the answer is the whole JSON object, edges complete.

    `as_app` asks with the app's own token (APP_ID|APP_SECRET) instead of the target's access token.
    `inspect_token` is the alias of a token whose secret goes into debug_token's `input_token`.
    """

    path: str
    fields: tuple[str | Edge, ...] = ()
    edge: Edge | None = None
    token: str | None = None
    as_app: str | None = None
    inspect_token: str | None = None
    waba_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlQuery:
    """One plain read of a JSON document outside the Graph API, without any credential."""

    url: str


Query: TypeAlias = GraphQuery | UrlQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a probe learned. With a `fault` the run counts as failed, and the readings are what the failure proves."""

    readings: tuple[Reading, ...]
    rosters: tuple[Roster, ...] = ()
    fault: GraphFault | None = None


ProbeSteps: TypeAlias = Generator[Query, JsonObject, Report]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe(Generic[TargetT]):
    """One question to Meta, asked of each target of one kind, `interval` apart.

    `run` is a generator: it yields queries, receives their answers (a GraphFault is thrown in when there is none) and
    returns a Report. `is_essential` probes still run when the quota is nearly used up. `is_critical` ones make
    WamonCannotSee speak when they stay without an answer.
    """

    name: str
    target: type[TargetT]
    run: Callable[[TargetT], ProbeSteps]
    signals: tuple[Signal[Any], ...]
    interval: timedelta
    doc: str
    is_essential: bool = True
    is_critical: bool = True


class ProbeOutcome(StrEnum):
    """How a probe's run ended; only OK changes a reading (DENIED changes those about the token itself)."""

    OK = "ok"
    DENIED = "denied"
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    UNEXPECTED = "unexpected"


# --- Rule: when a human should know -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class View:
    """What a rule may see: one subject and the picture around it.

    `open_severity` is that of the rule's own alert while it is open, None otherwise: a numeric rule fires at one
    threshold and clears at another.
    """

    snapshot: Snapshot
    subject: Subject
    open_severity: Severity | None = None

    def fact(self, signal: Signal[T], *, of: Subject | None = None) -> Fact | None:
        return self.snapshot.fact(of or self.subject, signal)

    def value(self, signal: Signal[T], *, of: Subject | None = None) -> T | None:
        """What is known now, None for unknown."""
        return self.snapshot.value(of or self.subject, signal)

    def known(self, signal: Signal[T], *, of: Subject | None = None) -> T | None:
        """The last known value, however old."""
        return self.snapshot.known(of or self.subject, signal)


class Owner(StrEnum):
    """Who can mend it: the word that the message shows."""

    SRE = "SRE"
    MARKETING = "marketing"
    FINANCE = "finance"
    META_ADMIN = "Meta admin"
    META = "Meta"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A named condition about one kind of subject.

    `check` is pure: it gets a View, the rule's parameters and the time, and returns a Verdict, or None when the rule
    does not apply to this subject. `alertnames` gives the public name for each severity it can have. `steps` are the
    first lines of what to do. `on_tick` rules are judged by the clock too, not only when a reading arrives. Alerts of
    the same `family` in one account share a message; empty: the rule is a family of its own.
    """

    name: str
    kind: SubjectKind
    check: Callable[[View, Any, datetime], Verdict | None]
    alertnames: Mapping[Severity, str]
    timing: Timing
    params: Any
    meaning: str
    cause: str
    owner: Owner
    steps: tuple[str, ...]
    on_tick: bool = False
    family: str = ""

    def alertname(self, severity: Severity) -> str:
        """The public name at this severity; that of the highest when the rule has no own name for it."""
        return self.alertnames.get(severity) or self.alertnames[max(self.alertnames)]


def unknown(observed_at: datetime) -> Verdict:
    """The rule cannot judge now."""
    return Verdict(truth=Truth.UNKNOWN, observed_at=observed_at)


def clear(observed_at: datetime) -> Verdict:
    """The condition does not hold."""
    return Verdict(truth=Truth.FALSE, observed_at=observed_at)


def firing(
    severity: Severity, observed_at: datetime, what: str, *, evidence: Sequence[tuple[str, str]] = ()
) -> Verdict:
    """The condition holds."""
    return Verdict(truth=Truth.TRUE, observed_at=observed_at, severity=severity, what=what, evidence=tuple(evidence))


# --- Notifier: how a human is told ------------------------------------------------------------------------------------


class Notifier(Protocol):
    """A way to tell a human. `send` and `check` raise DeliveryDeferred or DeliveryRejected.

    `threads` is the same receiver where it can edit and answer its own messages, None where it cannot.
    """

    name: str

    @property
    def threads(self) -> "Threads | None": ...

    async def send(self, message: Message) -> Receipt: ...

    async def check(self) -> str:
        """Find out, without sending anything, whether a message would be taken; what was found, in words."""
        ...

    async def close(self) -> None: ...


class Threads(Protocol):
    """What a receiver with threads can do besides. Everything raises DeliveryDeferred or DeliveryRejected."""

    async def reply(self, message: Message, to: Receipt, *, is_broadcast: bool) -> Receipt:
        """Answer in the thread of a message. Raises MessageLost when that message is gone."""
        ...

    async def edit(self, message: Message, receipt: Receipt) -> None:
        """Write a message anew, in its place. Raises MessageLost when that cannot be done."""
        ...

    async def find(self, reference: str, *, since: datetime, thread: Receipt | None) -> Receipt | None:
        """The message with this reference, sent after `since`; None when it is not there.

        Raises HistoryUnreadable when the receiver does not let us look.
        """
        ...


# --- Store: what is remembered ----------------------------------------------------------------------------------------


class Store(Protocol):
    """Durable memory. Every method raises StoreError and leaves what was stored before as it was."""

    async def open(self) -> None:
        """Take the lock, check, migrate. Raises StoreInUseError, StoreError."""
        ...

    async def close(self) -> None: ...

    async def load(self, signals: Mapping[str, Signal[Value]]) -> State:
        """The state as last committed; facts of signals that no longer exist are left in the database, not loaded."""
        ...

    async def commit(self, changes: Changes) -> None:
        """Write all of it, durably, or nothing."""
        ...

    async def due_batches(self, receiver: str, now: datetime, *, limit: int) -> tuple[Batch, ...]:
        """A receiver's whose time has come, oldest first; one for each group, and only while none of it is being sent.

        What an unconfirmed attempt sent is a batch of its own and comes before the rest of its group. What belongs to
        no group is a batch each. A row that was last stamped later than `now`, by a clock that has since gone back, is
        due.
        """
        ...

    async def next_due_at(self, receiver: str, now: datetime) -> datetime | None:
        """When the next of a receiver's is due, not later than `now` for one that is; None when none waits."""
        ...

    async def begin_attempt(self, notification_ids: Sequence[int], *, at: datetime) -> str:
        """Note durably that an attempt starts, before the request leaves; its reference, unique for ever.

        An earlier unconfirmed attempt of the same rows is thereby given up for lost.
        """
        ...

    async def finish_attempt(
        self, reference: str, receipt: Receipt, *, at: datetime, root_revision: int | None
    ) -> None:
        """The attempt arrived. With a `root_revision` the receipt is the group's first message, which shows that."""
        ...

    async def defer_attempt(
        self, reference: str, *, due_at: datetime, reason: str, may_have_arrived: bool, is_problem: bool = False
    ) -> None:
        """Wait until `due_at`. With `may_have_arrived` the attempt is unconfirmed: look for it first.

        With `is_problem` a human must mend the `reason`: a problem of the receiver. A receiver's problems stand until
        an attempt of its is finished.
        """
        ...

    async def looked_in_vain(self, reference: str, *, due_at: datetime) -> None:
        """An unconfirmed attempt was looked for and not found; look or send again at `due_at`."""
        ...

    async def bury(self, notification_ids: Sequence[int], *, at: datetime, reason: str) -> None:
        """Give up: dead letters and a problem, which a human must look at."""
        ...

    async def hand_over(self, notification_ids: Sequence[int], *, to: str, at: datetime, reason: str) -> int:
        """Give up here, and owe another receiver what it was not told yet; how much that is."""
        ...

    async def stale_threads(self, receiver: str, *, limit: int) -> tuple[Thread, ...]:
        """The receiver's messages that show less than is known, oldest first; none whose first is not there yet."""
        ...

    async def thread_shown(self, receiver: str, group_id: int, revision: int) -> None:
        """The message now shows this revision of the group."""
        ...

    async def thread_lost(self, receiver: str, group_id: int) -> None:
        """The message is gone: the next one about the group is a new first message, pointing to the lost one."""
        ...

    async def story(self, group_id: int) -> Story:
        """A group's life, closed ones too."""
        ...

    async def revive_interrupted(self, receiver: str, *, at: datetime) -> int:
        """Make a receiver's attempts that were interrupted unconfirmed and due at `at`; how many there were."""
        ...

    async def resume_outbox(self, receivers: Sequence[str], *, at: datetime, look_at: datetime) -> "Resumed":
        """At the start: attempts that were interrupted are unconfirmed, to be looked for at `look_at`.

        Dead letters of live groups to `receivers` are owed anew, as if they had just come. What waits because of a
        problem is due at once: a restart may have mended it. What is owed to any other receiver becomes a dead letter.
        """
        ...

    async def outbox_figures(self) -> "OutboxFigures": ...

    async def acted(self, act_id: str) -> bool:
        """Whether this act had its effect already."""
        ...

    async def size_bytes(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """What is kept of a webhook that could not be read: why, and its form without any of its contents."""

    reason: str
    skeleton: str
    at: datetime


class Ledger(Protocol):
    """The durable ledger of message statuses. Every method raises StoreError and leaves what was stored as it was."""

    async def digest_key(self) -> bytes:
        """The key of this install's digests, the same for life."""
        ...

    async def record(
        self,
        updates: Sequence[Update],
        *,
        counted: Mapping[TallyKey, int],
        quarantined: Sequence[Quarantined] = (),
    ) -> Tally:
        """Write all of it, durably, or nothing: move each message, in order; add `counted` to the books.

        The answer is everything that this adds to the books, `counted` included. What was recorded before, in whatever
        batch, adds nothing but duplicates.
        """
        ...

    async def tallied(self) -> Mapping[TallyKey, int]:
        """The books as last committed."""
        ...

    async def fold(self, compaction: Mapping[TallyKey, int]) -> None:
        """Write a compaction of the books, and bring the additions that came since the last fold into one place."""
        ...

    async def unheard(self, digests: Collection[bytes]) -> frozenset[bytes]:
        """Those of these notices that were not heard yet (Changes.notices are)."""
        ...

    async def quarantine(self, *, limit: int) -> tuple[Quarantined, ...]:
        """The latest webhooks that could not be read, newest last."""
        ...

    async def prune_ledger(self, before: datetime, *, limit: int = 5000) -> int:
        """Forget messages whose first status, and notices and quarantined webhooks that, are older.

        At most `limit` of each go at once; the answer is how many went, so repeat until it is 0.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxFigures:
    """What waits in the outbox: rows by state, and the age's anchor of the oldest unsent (None: nothing waits).

    `edits` counts the messages that show less than is known. `problems` are those that a human must mend, at most one a
    receiver: (receiver, what is wrong).
    """

    due: int = 0
    sending: int = 0
    dead: int = 0
    edits: int = 0
    oldest_created_at: datetime | None = None
    problems: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """What a start found in the outbox: how many were interrupted and owed anew, and whose receiver is gone."""

    interrupted: int = 0
    owed: int = 0
    orphans: tuple[Notification, ...] = ()


def signals_by_name(signals: Sequence[Signal[Any]]) -> Mapping[str, Signal[Value]]:
    """The lookup that a store needs to read facts back."""
    return {signal.name: cast("Signal[Value]", signal) for signal in signals}
