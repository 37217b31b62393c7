"""The metric families: how a signal, a counter of the state and the alerts are named, described and labelled."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from wamon.core.alerting import TransitionKind
from wamon.core.health import FlagMap, GaugeMap, Info, Shape, Signal, SparseState, StateSet, SubjectKind
from wamon.core.ports import Probe, ProbeOutcome, Rule
from wamon.core.state import CounterKey
from wamon.core.step import ALERT_TRANSITIONS, CLOCK_STEPS, PENDING_DROPPED, PROBE_RUNS, UNRECOGNISED_VALUES

FRESHNESS_METRIC: Final = "wamon_probe_last_success_timestamp_seconds"
MODES: Final = ("builtin", "prometheus", "push")


class Freshness(StrEnum):
    """How old a value may be, in the words of the reference."""

    CACHED = f"cached from the last poll: see `{FRESHNESS_METRIC}`"
    EVENT = "holds until the next change"
    DURABLE = "since the first start, restarts included"
    PROCESS = "since this process started"
    LIVE = "at the scrape"


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
        if self.freshness is Freshness.CACHED:
            return f"{self.meaning} Cached from the last poll, see {FRESHNESS_METRIC}."
        return self.meaning


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
    """Raises ValueError for a `last_known` family of a signal that has no state label to show it under."""
    identity = IDENTITY_LABELS[signal.kind]
    freshness = Freshness.EVENT if signal.is_event else Freshness.CACHED
    main = _gauge(signal, signal.name, signal.help, (*identity, *_shape_labels(signal.shape)), freshness)
    last_known = changed_at = None
    if signal.last_known is not None:
        if not isinstance(signal.shape, StateSet | SparseState):
            raise ValueError(f"{signal.name}: only a state has a last known one ({signal.last_known})")
        meaning = f"What {signal.name} was before it became unknown; absent while it is known."
        last_known = _gauge(signal, signal.last_known, meaning, main.labels, freshness)
    if signal.changed_at is not None:
        meaning = f"When the known value of {signal.name} last changed; absent before the first one."
        changed_at = _gauge(signal, signal.changed_at, meaning, identity, freshness)
    return SignalFamilies(main, last_known, changed_at)


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
            yield from (CounterKey.of(ALERT_TRANSITIONS, alertname=alertname, kind=kind) for kind in TransitionKind)
    yield CounterKey.of(PENDING_DROPPED)
    yield from (CounterKey.of(CLOCK_STEPS, direction=direction) for direction in ("back", "forward"))


def state_families(signals: Sequence[Signal[Any]]) -> tuple[Family, ...]:
    """Every family that is written from the state, in the order of the text."""
    exported = (family for signal in signals if signal.is_exported for family in signal_families(signal))
    return (*exported, *COUNTERS, ALERTS, ALERTING_MODE)
