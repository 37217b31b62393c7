"""The metric families: how signals, sums of the books, counters of the state and alerts are named and described."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from wamon.core import books
from wamon.core.alerting import OWN_KINDS
from wamon.core.delivery import STATUS_NAMES
from wamon.core.error_codes import Bounce, ErrorClass
from wamon.core.health import FlagMap, GaugeMap, Info, Shape, Signal, SparseState, StateSet, SubjectKind
from wamon.core.ports import Probe, ProbeOutcome, Rule
from wamon.core.state import CounterKey
from wamon.core.step import ALERT_TRANSITIONS, CLOCK_STEPS, PENDING_DROPPED, PROBE_RUNS, UNRECOGNISED_VALUES
from wamon.webhooks.entering import NO_PHONE_NUMBER_ID
from wamon.webhooks.lenient import NOT_JSON, TOO_DEEP, UNEXPECTED_SHAPE

FRESHNESS_METRIC: Final = "wamon_probe_last_success_timestamp_seconds"
MODES: Final = ("builtin", "prometheus", "push")


class Freshness(StrEnum):
    """How old a value may be, in the words of the reference."""

    CACHED = f"cached from the last poll: see `{FRESHNESS_METRIC}`"
    WEBHOOK = "as the last webhook about it told"
    DERIVED = "as of the last tick, from the webhooks so far"
    EVENT = "holds until the next change"
    DURABLE = "since the first start, restarts included"
    PROCESS = "since this process started"
    LIVE = "at the scrape"


# What HELP says of it; of the others it says nothing.
_IN_HELP: Final[Mapping[Freshness, str]] = MappingProxyType(
    {
        Freshness.CACHED: f" Cached from the last poll, see {FRESHNESS_METRIC}.",
        Freshness.WEBHOOK: " As the last webhook about it told.",
        Freshness.DERIVED: " As of the last tick.",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric family. `type` is Prometheus's word; optional ones go first when there are too many series."""

    name: str
    type: str
    meaning: str
    labels: tuple[str, ...] = ()
    freshness: Freshness
    is_optional: bool = False

    @property
    def help(self) -> str:
        """The HELP text: of a cached value it says so, and which metric tells its age."""
        return self.meaning + _IN_HELP.get(self.freshness, "")


IDENTITY_LABELS: Final[Mapping[SubjectKind, tuple[str, ...]]] = MappingProxyType(
    {
        SubjectKind.INSTANCE: (),
        SubjectKind.APP: ("app_id",),
        SubjectKind.TOKEN: ("token",),
        SubjectKind.TOKEN_ASSET: ("token", "waba_id"),
        SubjectKind.WABA: ("waba_id",),
        SubjectKind.PHONE_NUMBER: ("phone_number_id", "waba_id"),
        SubjectKind.SENDER: ("id", "scope", "waba_id"),
        SubjectKind.API_VERSION: ("version",),
        SubjectKind.PROBE: ("probe", "app_id or token or waba_id"),
        SubjectKind.RESTRICTION: ("restriction_type", "waba_id"),
        SubjectKind.ACCOUNT_ALERT: ("alert_type", "waba_id"),
        SubjectKind.TEMPLATE: ("language", "template", "waba_id"),
        SubjectKind.FLOW: ("event", "flow_id", "waba_id"),
    }
)


@dataclass(frozen=True, slots=True)
class SignalFamilies:
    """A signal's own family, and those of what it was before and since when it is so, where it names them."""

    main: Family
    last_known: Family | None
    changed_at: Family | None

    def __iter__(self) -> Iterator[Family]:
        return (family for family in (self.main, self.last_known, self.changed_at) if family is not None)


def signal_families(signal: Signal[Any]) -> SignalFamilies:
    """The family of what was last known has the form of the main one, but of a state only the one that it was."""
    identity = IDENTITY_LABELS[signal.kind]
    freshness = _freshness(signal)
    main = _gauge(signal, signal.name, signal.help, (*identity, *_shape_labels(signal.shape)), freshness)
    last_known = changed_at = None
    if signal.last_known is not None:
        meaning = f"What {signal.name} was before it became unknown; absent while it is known."
        last_known = _gauge(signal, signal.last_known, meaning, main.labels, freshness)
    if signal.changed_at is not None:
        meaning = f"When the known value of {signal.name} last changed; absent before the first one."
        changed_at = _gauge(signal, signal.changed_at, meaning, identity, freshness)
    return SignalFamilies(main, last_known, changed_at)


def _freshness(signal: Signal[Any]) -> Freshness:
    if signal.is_derived:
        return Freshness.DERIVED
    if signal.is_event:
        # What polls see ages; so what is known of the account and does not came by webhook.
        return Freshness.WEBHOOK if signal.name.startswith("whatsapp_") else Freshness.EVENT
    return Freshness.CACHED


def _gauge(signal: Signal[Any], name: str, meaning: str, labels: tuple[str, ...], freshness: Freshness) -> Family:
    return Family(
        name=name, type="gauge", meaning=meaning, labels=labels, freshness=freshness, is_optional=signal.is_optional
    )


def _shape_labels(shape: Shape[Any]) -> tuple[str, ...]:
    match shape:
        case Info(labels):
            return labels
        case StateSet(label) | SparseState(label) | FlagMap(label) | GaugeMap(label):
            return (label,)
    return ()


# --- from the books ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """A sum of the books over all time, or a histogram of them, as a family.

    It is kept for subjects of this kind; `label` is what it is split by besides, "" for nothing. `starts` are the
    values of that label that have a series from the first: of the instance at once, of a number or account as soon as
    the books hold anything of it.
    """

    family: Family
    kind: SubjectKind
    label: str
    starts: tuple[str, ...]


def _total(
    name: str,
    meaning: str,
    kind: SubjectKind,
    label: str = "",
    *,
    starts: Iterable[str] = (),
    is_optional: bool = False,
) -> Total:
    family = Family(
        name=name,
        type="histogram" if name in books.BOUNDS else "counter",
        meaning=meaning,
        labels=(*IDENTITY_LABELS[kind], *((label,) if label else ())),
        freshness=Freshness.DURABLE,
        is_optional=is_optional,
    )
    return Total(family=family, kind=kind, label=label, starts=tuple(starts) if label else ("",))


ERROR_CODE_INFO: Final = Family(
    name="whatsapp_error_code_info",
    type="gauge",
    meaning="Meta's title of each error code that occurred, and our class of it; for joins by code.",
    labels=("code", "error_class", "title"),
    freshness=Freshness.DURABLE,
)

_NUMBER, _WABA, _INSTANCE = SubjectKind.PHONE_NUMBER, SubjectKind.WABA, SubjectKind.INSTANCE

# In the order of the text. What is left out first stands last among the optional ones.
TOTALS: Final = (
    _total(
        books.STATUSES,
        "Messages by the statuses that they reached: each once a status, and a status implies those that it proves.",
        _NUMBER,
        "status",
        starts=STATUS_NAMES.values(),
    ),
    _total(
        books.FAILURES, "Failed messages by the class of the error code.", _NUMBER, "error_class", starts=ErrorClass
    ),
    _total(
        books.BOUNCES,
        "Failed messages whose code speaks of the recipient: hard for never again, soft for not this time.",
        _NUMBER,
        "kind",
        starts=(bounce for bounce in Bounce if bounce is not Bounce.NONE),
    ),
    _total(books.OPT_OUTS, "Recipients who asked for no more marketing messages.", _NUMBER),
    _total(books.DELIVERY_SECONDS, "From sent to delivered, both as Meta stamped them.", _WABA),
    _total(
        books.AUTHENTICATION_SECONDS,
        "The part of whatsapp_message_delivery_seconds that was one-time codes (pricing category authentication).",
        _WABA,
    ),
    _total(books.WEBHOOK_LAG, "From Meta's stamp of a status to its receipt.", _WABA),
    _total(
        books.WEBHOOK_EVENTS,
        "Changes received by webhook field; fields that wamon does not know are `other`.",
        _WABA,
        "field",
    ),
    _total(
        books.FAILURE_CODES,
        "Failed messages by Meta's error code; codes that wamon does not know are `other`.",
        _WABA,
        "code",
    ),
    _total(
        books.BY_CATEGORY,
        "Messages by Meta's pricing category, of those for which Meta told one.",
        _WABA,
        "category",
        is_optional=True,
    ),
    _total(
        books.BY_CALLING_CODE,
        "Messages by the calling code of the recipient's country; recipients without a number are left out.",
        _WABA,
        "calling_code",
        is_optional=True,
    ),
    _total(
        books.FAILURES_BY_CALLING_CODE,
        "Failed messages by the calling code of the recipient's country.",
        _WABA,
        "calling_code",
        is_optional=True,
    ),
    _total(books.DUPLICATES, "Statuses and notices that had been told before.", _INSTANCE),
    _total(books.OUT_OF_ORDER, "Statuses that came after one that proves them.", _INSTANCE),
    _total(
        books.CONTRADICTIONS,
        "Messages said to have failed and to have been delivered; they count as delivered.",
        _INSTANCE,
    ),
    _total(
        books.QUARANTINED,
        "Webhooks, or parts of one, that could not be read; only their skeleton is kept.",
        _INSTANCE,
        "reason",
        starts=(NOT_JSON, TOO_DEEP, UNEXPECTED_SHAPE, NO_PHONE_NUMBER_ID),
    ),
    _total(
        books.UNMONITORED,
        "Changes that Meta sent of accounts and numbers that are not configured.",
        _INSTANCE,
        "app_id",
    ),
    _total(
        books.UNRECOGNISED,
        "Words in webhooks that wamon does not know, by what they stand for.",
        _INSTANCE,
        "what",
        starts=("field", "status", "category", "user_preference"),
    ),
)


# --- from the state's counters and alerts -----------------------------------------------------------------------------


def _counter(name: str, meaning: str, *labels: str) -> Family:
    return Family(name=name, type="counter", meaning=meaning, labels=labels, freshness=Freshness.DURABLE)


COUNTERS: Final = (
    _counter(PROBE_RUNS, "Runs of each probe by how they ended.", "probe", "outcome"),
    _counter(UNRECOGNISED_VALUES, "Values of Meta's that wamon has no word for, when they appear.", "signal"),
    _counter(ALERT_TRANSITIONS, "What happened to alerts: opened, raised, closed and so on.", "alertname", "kind"),
    _counter(PENDING_DROPPED, "Pending alerts given up because nothing was known of them for too long."),
    _counter(CLOCK_STEPS, "Jumps of the machine's clock.", "direction"),
)
ALERTS: Final = Family(
    name="wamon_alerts",
    type="gauge",
    meaning="Alerts by name and state; stale is firing that cannot be confirmed now.",
    labels=("alertname", "severity", "state"),
    freshness=Freshness.LIVE,
)
ALERTING_MODE: Final = Family(
    name="wamon_alerting_mode",
    type="gauge",
    meaning="Who tells people about alerts: 1 for the mode in use.",
    labels=("mode",),
    freshness=Freshness.LIVE,
)
RULE_MODE: Final = Family(
    name="wamon_alert_mode",
    type="gauge",
    meaning="Who tells people about this alert: 1 for the mode in use.",
    labels=("alertname", "mode"),
    freshness=Freshness.LIVE,
)
HELD: Final = Family(
    name="wamon_alerts_held",
    type="gauge",
    meaning="Open alerts of which people are told less, by what holds back: the alerts themselves are in wamon_alerts.",
    labels=("overlay",),
    freshness=Freshness.LIVE,
)
SILENCES: Final = Family(
    name="wamon_silences", type="gauge", meaning="Silences that were set and have not ended.", freshness=Freshness.LIVE
)
OVERLAYS: Final = ("inhibited", "silenced", "acknowledged", "flapping")
ALERT_STATES: Final = ("pending", "firing", "stale", "recovering")


def starting_counters(
    signals: Iterable[Signal[Any]], rules: Iterable[Rule], probes: Iterable[Probe[Any]]
) -> Iterator[CounterKey]:
    """Every counter whose labels are known beforehand: there from the start at 0, so that a rate sees its first."""
    for probe in probes:
        yield from (CounterKey.of(PROBE_RUNS, probe=probe.name, outcome=outcome) for outcome in ProbeOutcome)
    for signal in signals:
        # Only Meta's vocabularies are open; the daemon's own states are not.
        if signal.name.startswith("whatsapp_") and isinstance(signal.shape, StateSet | SparseState):
            yield CounterKey.of(UNRECOGNISED_VALUES, signal=signal.name)
    for rule in rules:
        for alertname in rule.alertnames.values():
            yield from (CounterKey.of(ALERT_TRANSITIONS, alertname=alertname, kind=kind) for kind in OWN_KINDS)
    yield CounterKey.of(PENDING_DROPPED)
    yield from (CounterKey.of(CLOCK_STEPS, direction=direction) for direction in ("back", "forward"))


def state_families(signals: Sequence[Signal[Any]]) -> tuple[Family, ...]:
    """Every family that is written from the state and the books, in the order of the text."""
    exported = (family for signal in signals if signal.is_exported for family in signal_families(signal))
    totals = (total.family for total in TOTALS)
    return (*exported, *totals, ERROR_CODE_INFO, *COUNTERS, ALERTS, HELD, SILENCES, ALERTING_MODE, RULE_MODE)
