"""Where the two judges differ on purpose, and what no story can show. docs/prometheus-and-grafana.md tells of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from tests.parity.judges import Judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """An alert that one judge alone names in some settled minute of a story: `said_by` is who names it."""

    alert: str
    said_by: Judge
    what: str
    why: str


DIFFERENCES: Final = (
    Difference(
        alert="WhatsAppPhoneNumberDown",
        said_by="builtin",
        what="Meta says UNKNOWN, or a word that is new, of a number that was down",
        why="For wamon such a word is no verdict and the alert stays. Prometheus cannot hold what it no longer sees.",
    ),
    Difference(
        alert="WhatsAppCannotSend",
        said_by="builtin",
        what="Meta's word on the right to send is new",
        why="For wamon such a word is no verdict and the alert stays. Prometheus cannot hold what it no longer sees.",
    ),
    Difference(
        alert="WhatsAppSendLimited",
        said_by="builtin",
        what="Meta's word on the right to send is new",
        why="For wamon such a word is no verdict and the alert stays. Prometheus cannot hold what it no longer sees.",
    ),
    Difference(
        alert="WhatsAppSilentDrop",
        said_by="builtin",
        what="the messages arrive after all, and nobody sends any more",
        why="wamon wants to see the recovery for ten minutes; Prometheus is content with the last ratio that it saw.",
    ),
    Difference(
        alert="WhatsAppAccountRestricted",
        said_by="builtin",
        what="an event's day is over, and polls are rare",
        why="wamon closes with its second look after that; Prometheus by the clock.",
    ),
)

# Alerts that have no rule in wamon, and why.
PROMETHEUS_ONLY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "WhatsAppDeliveryErrorBudgetBurn": "needs windows of days over counters, which Prometheus keeps and wamon not",
        "WamonShapeDrift": "a count over time; wamon keeps what drifted and shows it, and alerts of what follows",
        "WamonDown": "who is down tells nobody",
        "WamonWatchdog": "the sign of life of the way from Prometheus to people; wamon's own is its heartbeat",
        "WamonNotifierFailing": "who cannot tell people cannot tell them that either",
        "WamonStoreFailing": "without its store wamon neither judges nor tells",
    }
)

# The stories in which those fire; in every other one they must not. WamonWatchdog fires in none, because the simulated
# time of the stories has no scheduler.
FIRE_ALONE_IN: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "WamonShapeDrift": frozenset({"numbers_go_down_and_are_flagged", "sending_is_limited_and_blocked"}),
    }
)

# Alerts and severities that no story brings to a settled minute in which both name them, and why.
UNTOUCHED: Final[Mapping[tuple[str, str], str]] = MappingProxyType({})
