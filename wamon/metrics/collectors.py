"""Instruments that prometheus_client has not, or has not fast enough, to be registered with it all the same.

Each belongs to one thread. Nothing is locked: that and the labels' lookup are what an `inc` of the library costs most.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from wamon.metrics.families import Family


class MomentGauge(Collector):
    """A moment that is not always there: a 0 in its place would read as an age of fifty years."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._at: datetime | None = None

    def set(self, at: datetime | None) -> None:
        self._at = at

    def collect(self) -> Iterator[GaugeMetricFamily]:
        metric = GaugeMetricFamily(self._family.name, self._family.help)
        if self._at is not None:
            metric.add_metric([], self._at.timestamp())
        yield metric


class PlainCounter(Collector):
    """A counter with at most one label, whose values are all there from the start."""

    def __init__(self, family: Family, values: Iterable[str] = ("",)) -> None:
        self._family = family
        self._counts = dict.fromkeys(values, 0)

    def inc(self, value: str = "", *, by: int = 1) -> None:
        """Raises KeyError for a value that was not there from the start."""
        self._counts[value] += by

    def collect(self) -> Iterator[CounterMetricFamily]:
        metric = CounterMetricFamily(self._family.name, self._family.help, labels=self._family.labels)
        for value, count in self._counts.items():
            metric.add_metric([value] if self._family.labels else [], count)
        yield metric


class PlainHistogram(Collector):
    """A histogram without labels."""

    def __init__(self, family: Family, bounds: Sequence[float]) -> None:
        self._family = family
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, amount: float) -> None:
        self._counts[bisect_left(self._bounds, amount)] += 1
        self._sum += amount

    def collect(self) -> Iterator[HistogramMetricFamily]:
        names = [floatToGoString(bound) for bound in (*self._bounds, float("inf"))]  # type: ignore[no-untyped-call]  # prometheus_client leaves it without types
        buckets = list(zip(names, accumulate(self._counts), strict=True))
        yield HistogramMetricFamily(self._family.name, self._family.help, buckets=buckets, sum_value=self._sum)
