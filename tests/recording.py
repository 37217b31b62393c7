"""What a scraper would have seen of a simulated daemon, minute by minute, and what the built-in engine said meanwhile.

A recording becomes input series for promtool's unit tests of rules, or a text that `promtool tsdb create-blocks-from
openmetrics` makes a Prometheus's past of.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from types import MappingProxyType
from typing import Final

from tests.assets.ruletest import TARGET
from tests.flows.harness import Flow
from wamon.core.alerting import Alert, AlertState
from wamon.core.ports import Rule

MINUTE: Final = timedelta(minutes=1)
UP: Final = "up"
TIMESTAMP: Final = "_timestamp_seconds"
ABSENT: Final = "_"
GONE: Final = "stale"
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True, order=True)
class OpenAlert:
    """An alert of the built-in engine as Prometheus would name it: by its name, its severity and its identity."""

    name: str
    severity: str
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrape:
    """One scrape: each sample by its series as text, its labels sorted. Nothing at all when nobody answered.

    `alerts` are those of the built-in engine that were open then, stale and recovering ones too. `moving` are the names
    of those of which it waited for more: to open, to close, or to become less severe.
    """

    at: datetime
    samples: Mapping[str, float]
    alerts: frozenset[OpenAlert] = frozenset()
    moving: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Recording:
    """Scrapes at equal distances, oldest first."""

    scrapes: tuple[Scrape, ...]

    @property
    def began_at(self) -> datetime:
        return self.scrapes[0].at

    @property
    def every(self) -> timedelta:
        return self.scrapes[1].at - self.scrapes[0].at if len(self.scrapes) > 1 else MINUTE

    def promtool_series(self, metrics: Collection[str] | None = None, origin: datetime | None = None) -> dict[str, str]:
        """The input series of a unit test of rules, by series with job and instance: one value a scrape.

        `metrics` are the names of the samples that are wanted, all when None. Gauges that hold a time are shifted, so
        that `origin` is time 0 of the test: the first scrape unless another is given.
        """
        zero = (origin or self.began_at).timestamp()
        scrapes = self._with_up()
        found = {}
        for series in _seen(scrapes, metrics):
            shift = zero if is_time(series) else 0.0
            values = [samples.get(series) for samples in scrapes]
            found[placed(series)] = _notation([None if value is None else value - shift for value in values])
        return found

    def openmetrics(self, metrics: Collection[str] | None = None, *, began_at: datetime | None = None) -> str:
        """The samples with their times, as `promtool tsdb create-blocks-from openmetrics` wants them.

        Everything is moved in time so that the first scrape was at `began_at`, the gauges that hold a time along with
        it: a Prometheus drops what is older than its retention.
        """
        shift = ((began_at or self.began_at) - self.began_at).total_seconds()
        scrapes = self._with_up()
        names = {series: (placed(series), shift if is_time(series) else 0.0) for series in _seen(scrapes, metrics)}
        lines = [
            f"{names[series][0]} {value + names[series][1]!r} {scrape.at.timestamp() + shift:.3f}"
            for scrape, samples in zip(self.scrapes, scrapes, strict=True)
            for series, value in samples.items()
            if series in names
        ]
        return "\n".join([*lines, "# EOF", ""])

    def _with_up(self) -> list[dict[str, float]]:
        """The samples of each scrape with the one that the scraper itself adds."""
        return [{UP: float(bool(scrape.samples)), **scrape.samples} for scrape in self.scrapes]


@dataclass
class Recorder:
    """Lets a flow run, and keeps what a scrape shows each minute. The first scrape is of the moment it is made."""

    flow: Flow
    every: timedelta = MINUTE
    _scrapes: list[Scrape] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._due_at = self.flow.clock.now()
        self._names: dict[str, str] = {}
        self._take()

    async def run(self, *, minutes: float) -> None:
        """Let the daemon work for so long. Where its jobs take longer than a scrape waits, the scrape is taken late."""
        for _ in range(round(timedelta(minutes=minutes) / self.every)):
            wait = self._due_at - self.flow.clock.now()
            await self.flow.run(minutes=max(wait / MINUTE, 0.0))
            self._take()

    async def restart(self, *, gap: timedelta = timedelta(0), **changed: str) -> None:
        """Stop the daemon, scrape nobody for a while, and start it again with these settings changed."""
        for _ in range(round(gap / self.every)):
            self._keep({}, self._alerts())
        await self.flow.restart(gap=gap, **changed)

    def recording(self) -> Recording:
        return Recording(tuple(self._scrapes))

    def _take(self) -> None:
        self._keep(dict(self._samples()), self._alerts())

    def _keep(self, samples: Mapping[str, float], alerts: Iterable[tuple[Alert, Rule]]) -> None:
        known = tuple(alerts)
        scrape = Scrape(
            at=self._due_at,
            samples=MappingProxyType(samples),
            alerts=frozenset(_open_alert(alert, rule) for alert, rule in known if alert.is_open),
            moving=frozenset(name for alert, rule in known if _is_moving(alert) for name in rule.alertnames.values()),
        )
        self._scrapes.append(scrape)
        self._due_at += self.every

    def _alerts(self) -> Iterator[tuple[Alert, Rule]]:
        rules = {rule.name: rule for rule in self.flow.daemon.rules}
        for alert in self.flow.daemon.engine.state.alerts.values():
            if not alert.is_rehearsal:
                yield alert, rules[alert.rule]

    def _samples(self) -> Iterator[tuple[str, float]]:
        # Not by the client library's parser: it takes a hundred times as long, and a story has many scrapes.
        for line in self.flow.daemon.scrape(False).decode().splitlines():
            if line and not line.startswith("#"):
                written, _, value = line.rpartition(" ")
                series = self._names.get(written)
                if series is None:
                    series = self._names[written] = sorted_series(written)
                yield series, float(value)


def _seen(scrapes: Iterable[Mapping[str, float]], metrics: Collection[str] | None) -> list[str]:
    """Every series that was there once, of these metrics."""
    seen = dict.fromkeys(series for samples in scrapes for series in samples)
    return [series for series in seen if metrics is None or name_of(series) in metrics]


def name_of(series: str) -> str:
    return series.partition("{")[0]


def labels_of(series: str) -> dict[str, str]:
    """The labels of a series, their values as they are written."""
    return dict(_LABEL.findall(series.partition("{")[2]))


def is_time(series: str) -> bool:
    return name_of(series).endswith(TIMESTAMP)


def sorted_series(series: str) -> str:
    return _written(name_of(series), labels_of(series))


def placed(series: str) -> str:
    """The series as Prometheus has it, with the job and the instance it was scraped of."""
    return _written(name_of(series), {**labels_of(series), **TARGET})


def _written(name: str, labels: Mapping[str, str]) -> str:
    inside = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    return f"{name}{{{inside}}}" if inside else name


def _open_alert(alert: Alert, rule: Rule) -> OpenAlert:
    return OpenAlert(rule.alertname(alert.severity), str(alert.severity), tuple(sorted(alert.subject.labels)))


def _is_moving(alert: Alert) -> bool:
    """Whether a timer of the built-in engine is under way; a firing alert counts what speaks for a lower severity."""
    match alert.state:
        case AlertState.PENDING | AlertState.RECOVERING:
            return True
        case AlertState.FIRING:
            return alert.counted > 0
    return False


def _notation(values: list[float | None]) -> str:
    """The values in promtool's notation: runs in short, a series that vanishes is marked stale at once."""
    words: list[str] = []
    was_there = False
    for value, run in groupby(values):
        count = len(list(run))
        if value is not None:
            words.append(f"{value!r}x{count - 1}" if count > 1 else repr(value))
        else:
            if was_there:
                words.append(GONE)
                count -= 1
            if count:
                words.append(f"{ABSENT}x{count}")
        was_there = value is not None
    return " ".join(words)
