"""Every series that an expression may ask for: what wamon exports, what the rules record, what Prometheus adds."""

from collections.abc import Iterable, Mapping
from typing import Final

import yaml

from tests.assets.past import recording_rules
from tests.assets.promql import names_in
from tests.assets.shipped import rule_files
from wamon.core.health import SparseState, StateSet
from wamon.metrics.families import IDENTITY_LABELS, Family
from wamon.metrics.reference import metric_rows
from wamon.signals import SIGNALS

# How the label of probes is written, which go to different kinds of targets: each series has one of them.
_ONE_OF: Final = "app_id or token or waba_id"
_TARGETS: Final = frozenset(_ONE_OF.split(" or "))


def _each(labels: Iterable[str]) -> frozenset[str]:
    return frozenset(labels) - {_ONE_OF} | (_TARGETS if _ONE_OF in labels else frozenset())


# What Prometheus has about every target that it scrapes, and about the rules that it judges.
PROMETHEUS_OWN: Final[Mapping[str, frozenset[str]]] = {
    "up": frozenset(),
    "scrape_duration_seconds": frozenset(),
    "scrape_samples_scraped": frozenset(),
    "scrape_samples_post_metric_relabeling": frozenset(),
    "ALERTS": frozenset({"alertname", "alertstate", "severity"}),
}
# The levels of recorded series, as the part of their names before the first colon tells.
LEVELS: Final[Mapping[str, frozenset[str]]] = {
    **{str(kind): _each(labels) for kind, labels in IDENTITY_LABELS.items()},
    "waba_class": frozenset({"waba_id", "error_class"}),
    "version": frozenset({"version"}),
}
_PARTS: Final = ("_bucket", "_sum", "_count")


def exported_labels() -> dict[str, frozenset[str]]:
    """The labels of what wamon exports, by the names of the samples."""
    found: dict[str, frozenset[str]] = {}
    for row in metric_rows(SIGNALS):
        labels = _each(row.labels)
        if row.type == "histogram":
            found |= {f"{row.name}{part}": labels | ({"le"} if part == "_bucket" else set()) for part in _PARTS}
        else:
            found[row.name] = labels
    return found


def recorded_labels() -> dict[str, frozenset[str]]:
    """The labels of what the shipped rules record; raises KeyError for a level that nobody knows."""
    names = [rule["record"] for rule in recording_rules(rule_files())]
    return {name: LEVELS[name.partition(":")[0]] for name in names}


def known_labels() -> dict[str, frozenset[str]]:
    """The labels of every sample there can be, job and instance aside."""
    return {**PROMETHEUS_OWN, **exported_labels(), **recorded_labels()}


def of_various_targets() -> frozenset[str]:
    """The samples that have only one of the labels of their targets."""
    exported = {row.name for row in metric_rows(SIGNALS) if _ONE_OF in row.labels}
    return frozenset(exported | {name for name in recorded_labels() if name.startswith("probe:")})


def family_of(sample: str) -> str:
    """The family that a sample belongs to."""
    histograms = {row.name for row in metric_rows(SIGNALS) if row.type == "histogram"}
    return next((base for part in _PARTS if (base := sample.removesuffix(part)) in histograms), sample)


def families() -> tuple[Family, ...]:
    return metric_rows(SIGNALS)


def state_families() -> dict[str, str]:
    """The label that holds the state, by the name of each family that is an enumeration over time."""
    found = {}
    for signal in SIGNALS:
        if signal.is_exported and isinstance(signal.shape, StateSet | SparseState):
            found[signal.name] = signal.shape.label
    return found


def read_by_rules() -> set[str]:
    """Every sample that a shipped rule reads."""
    return {name for expr in _rule_expressions() for name in names_in(expr)}


def _rule_expressions() -> Iterable[str]:
    for file in rule_files():
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]:
            yield from (rule["expr"] for rule in group["rules"])
