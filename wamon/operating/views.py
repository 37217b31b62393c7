"""What operators see of alerts and silences, read from the state."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from wamon.core.alerting import Alert, AlertState, Severity, Transition
from wamon.core.desk import Standing
from wamon.core.manner import Manner, alert_labels
from wamon.core.ports import Rule
from wamon.core.silences import Silence, silenced_by
from wamon.core.state import State
from wamon.core.timing import Clock
from wamon.probes.names import describe

# Of an alert's key people see as much as tells it from any other.
SHORT_ID: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """What holds messages about an alert back: `kind` is acknowledged, silenced, inhibited or flapping.

    `by` is a person, or the alert that says the cause; `id` is the silence's, or that alert's.
    """

    kind: str
    by: str = ""
    since: datetime | None = None
    until: datetime | None = None
    id: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertView:
    """One alert as operators see it. `labels` are those that silences go by; `group_id` is None for one in no group."""

    id: str
    alertname: str
    rule: str
    severity: Severity
    state: AlertState
    is_stale: bool
    is_rehearsal: bool
    subject: str
    labels: Mapping[str, str]
    what: str
    opened_at: datetime | None
    last_confirmed_at: datetime
    group_id: int | None
    overlays: tuple[Overlay, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One step in an alert's time line."""

    at: datetime
    kind: str
    severity: Severity
    actor: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertHistory:
    """An alert with its evidence, and its time line in the life of its group."""

    alert: AlertView
    evidence: tuple[tuple[str, str], ...]
    timeline: tuple[Moved, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceView:
    """One silence, and the open alerts that it hides now (by id)."""

    id: str
    matchers: tuple[str, ...]
    reason: str
    author: str
    starts_at: datetime
    ends_at: datetime
    hides: tuple[str, ...]


class Views:
    """Reads views from the present state."""

    def __init__(self, state: Callable[[], State], *, rules: Mapping[str, Rule], manner: Manner, clock: Clock) -> None:
        self._state = state
        self._rules = rules
        self._manner = manner
        self._clock = clock

    def labels(self, alert: Alert) -> Mapping[str, str]:
        return alert_labels(alert, self._rules.get(alert.rule), self._manner.ties)

    def _alertname(self, alert: Alert) -> str:
        rule = self._rules.get(alert.rule)
        return rule.alertname(alert.severity) if rule else alert.rule

    def alert(self, alert: Alert) -> AlertView:
        state = self._state()
        standing = state.desk.standings.get(alert.key)
        labels = self.labels(alert)
        group = state.desk.groups.get(standing.group_id) if standing else None
        return AlertView(
            id=alert.key[:SHORT_ID],
            alertname=self._alertname(alert),
            rule=alert.rule,
            severity=alert.severity,
            state=alert.state,
            is_stale=alert.is_stale,
            is_rehearsal=alert.is_rehearsal,
            subject=describe(alert.subject, state.snapshot),
            labels=MappingProxyType(labels),
            what=alert.what,
            opened_at=alert.opened_at,
            last_confirmed_at=alert.last_confirmed_at,
            group_id=group.message_id if group else None,
            overlays=tuple(self._overlays(alert, standing, labels)) if alert.is_open else (),
        )

    def _overlays(self, alert: Alert, standing: Standing | None, labels: Mapping[str, str]) -> Iterator[Overlay]:
        silence = silenced_by(labels, self._state().desk.silences.values(), self._clock.now())
        if silence is not None:
            yield Overlay(
                kind="silenced",
                by=silence.author,
                since=silence.starts_at,
                until=silence.ends_at,
                id=silence.id,
                reason=silence.reason,
            )
        if standing is None:
            return
        if (source := self._state().alerts.get(standing.muted_by)) is not None:
            yield Overlay(kind="inhibited", by=self._alertname(source), id=source.key[:SHORT_ID], reason=source.what)
        if (taken := standing.acknowledged) is not None:
            yield Overlay(kind="acknowledged", by=taken.by, since=taken.at, until=taken.until)
        if standing.flapping_since is not None:
            yield Overlay(kind="flapping", since=standing.flapping_since, reason=f"{standing.changes} changes untold")

    def silences(self, silences: Iterable[Silence]) -> tuple[SilenceView, ...]:
        open_alerts = [(alert.key, self.labels(alert)) for alert in self._state().alerts.values() if alert.is_open]
        return tuple(
            SilenceView(
                id=silence.id,
                matchers=tuple(map(str, silence.matchers)),
                reason=silence.reason,
                author=silence.author,
                starts_at=silence.starts_at,
                ends_at=silence.ends_at,
                hides=short_ids(key for key, labels in open_alerts if silence.matches(labels)),
            )
            for silence in silences
        )

    def silence(self, silence: Silence) -> SilenceView:
        (view,) = self.silences([silence])
        return view


def moved(transition: Transition) -> Moved:
    return Moved(
        at=transition.at,
        kind=str(transition.kind),
        severity=transition.severity,
        actor=transition.actor,
        note=transition.note,
    )


def short_ids(keys: Iterable[str]) -> tuple[str, ...]:
    return tuple(key[:SHORT_ID] for key in keys)
