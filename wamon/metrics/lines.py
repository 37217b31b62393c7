"""Lines of Prometheus's text format 0.0.4, byte for byte as prometheus_client writes them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from typing import Any, TypeAlias, cast

from prometheus_client.utils import floatToGoString

from wamon.core.health import (
    NEVER,
    Flag,
    FlagMap,
    Gauge,
    GaugeMap,
    Info,
    Shape,
    SparseState,
    StateSet,
    Timestamp,
    Value,
)
from wamon.metrics.families import Family

Labels: TypeAlias = tuple[tuple[str, str], ...]

UNKNOWN = "UNKNOWN"


def header(family: Family) -> bytes:
    """The HELP and TYPE lines."""
    words = family.help.replace("\\", r"\\").replace("\n", r"\n")
    return _bytes(f"# HELP {family.name} {words}\n# TYPE {family.name} {family.type}\n")


def line(name: str, labels: Iterable[tuple[str, str]], value: float) -> str:
    """One sample, its labels sorted by name; the last of two labels of one name wins."""
    pairs = ",".join(f'{label}="{_escape(text)}"' for label, text in sorted(dict(labels).items()))
    return f"{name}{{{pairs}}} {_number(value)}\n" if pairs else f"{name} {_number(value)}\n"


def sample(name: str, labels: Labels, value: float) -> bytes:
    return _bytes(line(name, labels, value))


def render(name: str, shape: Shape[Any], labels: Labels, value: Value | None) -> bytes:
    """Every line of one signal of one subject; `value` None is what is not known now.

    An unknown state is the series UNKNOWN, as is one that a state set does not list; any other unknown has no series.
    A moment that will not come has none either.
    """
    match shape:
        case StateSet(label, states):
            present = value if value in states else UNKNOWN
            return _one_label(name, labels, label, {state: "1.0" if state == present else "0.0" for state in states})
        case SparseState(label):
            return _one_label(name, labels, label, {UNKNOWN if value is None else str(value): "1.0"})
    if value is None or value == NEVER:
        return b""
    match shape:
        case Info(names):
            texts = cast("Mapping[str, str]", value)
            return _bytes(line(name, (*labels, *((label, texts.get(label, "")) for label in names)), 1.0))
        case FlagMap(label) | GaugeMap(label):
            return split(name, labels, label, cast("Mapping[str, float]", value))
        case Timestamp():
            return sample(name, labels, cast(datetime, value).timestamp())
        case Gauge() | Flag():
            return sample(name, labels, float(cast(float, value)))
    raise TypeError(f"{name}: no way to export {shape!r}")


def split(name: str, labels: Labels, label: str, figures: Mapping[str, float]) -> bytes:
    """A line for each value of `label`, sorted by it."""
    return _one_label(name, labels, label, {key: _number(figures[key]) for key in sorted(figures)})


def histogram(name: str, labels: Labels, bounds: Sequence[int], counts: Mapping[str, int], total: float) -> bytes:
    """The lines of one histogram; `counts` are those of each bucket alone, by its upper bound as Prometheus writes it.

    What stands under no known bound, as after a change of the bounds, is in the last bucket only.
    """
    count = sum(counts.values())
    cumulative = accumulate(counts.get(le, 0) for le in map(_number, bounds))
    buckets = dict(zip(map(_number, bounds), map(_number, cumulative), strict=True)) | {"+Inf": _number(count)}
    return b"".join(
        (
            _one_label(f"{name}_bucket", labels, "le", buckets),
            sample(f"{name}_count", labels, count),
            sample(f"{name}_sum", labels, total),
        )
    )


def _one_label(name: str, labels: Labels, label: str, figures: Mapping[str, str]) -> bytes:
    """A line for each value of `label`; what stands around that value is made once."""
    others = [(key, f'{key}="{_escape(text)}"') for key, text in labels if key != label]
    before = "".join(f"{pair}," for key, pair in others if key < label)
    after = "".join(f",{pair}" for key, pair in others if key > label)
    return _bytes(
        "".join(f'{name}{{{before}{label}="{_escape(text)}"{after}}} {figure}\n' for text, figure in figures.items())
    )


def _number(value: float) -> str:
    # Nearly all counts, at a tenth of the cost; a bool is no count.
    if type(value) is int and 0 <= value < 1_000_000:
        return f"{value}.0"
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]  # prometheus_client leaves it without types


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _bytes(text: str) -> bytes:
    # JSON can smuggle in half of a surrogate pair, which no encoder takes; it must not stop the scrape.
    return text.encode("utf-8", errors="replace")
