"""How people are to be told: patience, routes, inhibitions; and the labels of an alert that all of these go by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

from wamon.core.alerting import Alert, Severity
from wamon.core.desk import GroupKey
from wamon.core.inhibition import Inhibition
from wamon.core.ports import Rule

# Rehearsals never share a message with what is real.
REHEARSAL_FAMILY = "rehearsal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a message waits for company, and people for the next one (ALERTING sections 4 and 6).

    `repeats` says after how long an alert of a severity is told again; a severity that is not there never is.
    `escalate_after` are the steps of an escalation, counted from when people were first told that it is critical.
    """

    group_wait: timedelta = timedelta(seconds=20)
    group_interval: timedelta = timedelta(minutes=2)
    urgent_interval: timedelta = timedelta(seconds=30)
    repeats: Mapping[Severity, timedelta] = field(
        default_factory=lambda: MappingProxyType(
            {Severity.CRITICAL: timedelta(hours=4), Severity.WARNING: timedelta(hours=24)}
        )
    )
    ack_lasts: timedelta = timedelta(hours=24)
    escalate_after: tuple[timedelta, timedelta] = (timedelta(minutes=15), timedelta(minutes=30))
    storm_groups: int = 20
    storm_within: timedelta = timedelta(seconds=60)
    carried_gap: timedelta = timedelta(minutes=15)
    silenced_digest: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Alerts at least this severe, of these accounts (empty: all), go to this receiver."""

    receiver: str
    least: Severity = Severity.INFO
    accounts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How people are told.

    `receivers` get what no route takes. `ties` are further labels that the configuration knows, by an identity label:
    ("waba_id", id) -> account, token, app_id. Alerts of the rules in `outside` are announced by somebody else. With
    `mentions` the first step of an escalation calls people; the second goes to `escalation_receiver`.
    """

    receivers: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()
    inhibitions: tuple[Inhibition, ...] = ()
    ties: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    outside: frozenset[str] = frozenset()
    mentions: bool = False
    escalation_receiver: str | None = None
    patience: Patience = field(default_factory=Patience)

    def everybody(self) -> frozenset[str]:
        """All receivers that can be told anything."""
        named = {route.receiver for route in self.routes} | set(self.receivers)
        return frozenset(named | ({self.escalation_receiver} if self.escalation_receiver else set()))

    def route(self, labels: Mapping[str, str], severity: Severity) -> frozenset[str]:
        """Who is told of an alert with these labels."""
        account = labels.get("account")
        taken = frozenset(
            route.receiver
            for route in self.routes
            if severity >= route.least and (not route.accounts or account in route.accounts)
        )
        return taken or frozenset(self.receivers)


def alert_labels(alert: Alert, rule: Rule | None, ties: Mapping[tuple[str, str], Mapping[str, str]]) -> dict[str, str]:
    """What silences, inhibitions and routes go by; `rule` is None for one that is no longer there."""
    labels = {
        "alertname": rule.alertname(alert.severity) if rule else alert.rule,
        "rule": alert.rule,
        "family": family_of(alert, rule),
        "severity": str(alert.severity),
    }
    for identity in alert.subject.labels:
        labels.update(ties.get(identity, {}))
    labels.update(alert.subject.labels)
    if alert.is_rehearsal:
        labels["rehearsal"] = "true"
    return labels


def family_of(alert: Alert, rule: Rule | None) -> str:
    """Which alerts may share a message with this one."""
    if alert.is_rehearsal:
        return REHEARSAL_FAMILY
    return (rule.family if rule else "") or alert.rule


def group_key(labels: Mapping[str, str]) -> GroupKey:
    """The group of an alert with these labels (ALERTING section 4)."""
    return GroupKey(labels["family"], labels.get("app_id", ""), labels.get("waba_id", ""))
