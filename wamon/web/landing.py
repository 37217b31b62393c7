"""What the landing page says, read from the state."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from wamon.core import watch
from wamon.core.alerting import Alert, Severity
from wamon.core.health import Snapshot, SubjectKind, fresh_for
from wamon.core.ports import Rule
from wamon.core.state import State
from wamon.core.targets import AccountTarget
from wamon.picture.values import Health
from wamon.probes.names import describe

MOST_ALERTS = 100


class Mood(StrEnum):
    """How the page is coloured; the words say the same."""

    GOOD = "good"
    WATCH = "watch"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRow:
    """An open alert. `remark` tells when it recovers or cannot be confirmed, else it is empty."""

    alertname: str
    severity: str
    what: str
    subject: str
    since: datetime
    last_confirmed_at: datetime
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """A watched account. `last_success_at` is when Meta last answered about it, None before the first time.

    `is_stale` is true once that is too long ago for anything of it to count as known.
    """

    name: str
    waba_id: str
    numbers: int
    open_alerts: int
    last_success_at: datetime | None
    is_stale: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """The page's content. `alerts` are the worst ones, `open_alerts` says how many there are in all."""

    version: str
    at: datetime
    mood: Mood
    verdict: str
    reasons: tuple[str, ...]
    numbers: int
    open_alerts: int
    alerts: tuple[AlertRow, ...]
    accounts: tuple[AccountRow, ...]


def landing(
    state: State,
    *,
    health: Health,
    rules: Sequence[Rule],
    accounts: Sequence[AccountTarget],
    version: str,
    now: datetime,
) -> Landing:
    """The page's content for this state."""
    by_name = {rule.name: rule for rule in rules}
    opened = sorted((a for a in state.alerts.values() if a.is_open), key=lambda a: (-a.severity, a.since, a.key))
    numbers = sum(1 for _ in state.snapshot.subjects(SubjectKind.PHONE_NUMBER))
    rows = tuple(_accounts(state.snapshot, accounts, opened, now))
    mood, verdict = _verdict(health, opened, rows)
    return Landing(
        version=version,
        at=now,
        mood=mood,
        verdict=verdict,
        reasons=health.not_ready_reasons,
        numbers=numbers,
        open_alerts=len(opened),
        alerts=tuple(_alert(alert, by_name, state.snapshot) for alert in opened[:MOST_ALERTS]),
        accounts=rows,
    )


def _verdict(health: Health, opened: Sequence[Alert], rows: Sequence[AccountRow]) -> tuple[Mood, str]:
    if not health.is_healthy:
        return Mood.BAD, "wamon itself is not well: a part of it has stopped."
    if opened:
        worst = opened[0].severity
        count = f"{len(opened)} alert is open" if len(opened) == 1 else f"{len(opened)} alerts are open"
        mood = Mood.BAD if worst is Severity.CRITICAL else Mood.WATCH
        return mood, f"{count}, the worst is {worst}."
    if not health.is_ready:
        return Mood.UNKNOWN, "Not ready yet: what follows may be old or incomplete."
    if any(row.last_success_at is None for row in rows):
        return Mood.UNKNOWN, "No alert is open, but not every account has answered yet."
    if stale := sum(row.is_stale for row in rows):
        count = "1 account has" if stale == 1 else f"{stale} accounts have"
        return Mood.UNKNOWN, f"No alert is open, but {count} not answered lately: what was known of it is old."
    return Mood.GOOD, "No alert is open."


def _accounts(
    snapshot: Snapshot, accounts: Sequence[AccountTarget], opened: Sequence[Alert], now: datetime
) -> Iterator[AccountRow]:
    """One pass over the subjects, whatever the count of accounts: the page is made on the daemon's loop."""
    numbers = Counter(subject.label("waba_id") for subject in snapshot.subjects(SubjectKind.PHONE_NUMBER))
    open_alerts = Counter(alert.subject.label("waba_id") for alert in opened)
    answers: dict[str | None, datetime] = {}
    stale_at: dict[str | None, datetime] = {}
    for subject in snapshot.subjects(SubjectKind.PROBE):
        at = snapshot.value(subject, watch.PROBE_LAST_SUCCESS)
        if at is not None:
            waba_id = subject.label("waba_id")
            interval = timedelta(seconds=snapshot.value(subject, watch.PROBE_INTERVAL) or 0.0)
            answers[waba_id] = max(at, answers.get(waba_id, at))
            stale_at[waba_id] = answers[waba_id] + fresh_for(interval)
    for account in accounts:
        yield AccountRow(
            name=account.name,
            waba_id=account.waba_id,
            numbers=numbers[account.waba_id],
            open_alerts=open_alerts[account.waba_id],
            last_success_at=answers.get(account.waba_id),
            is_stale=stale_at.get(account.waba_id, now) < now,
        )


def _alert(alert: Alert, rules: Mapping[str, Rule], snapshot: Snapshot) -> AlertRow:
    rule = rules.get(alert.rule)
    remark = "cannot be confirmed now" if alert.is_stale else ""
    return AlertRow(
        alertname=rule.alertname(alert.severity) if rule else alert.rule,
        severity=str(alert.severity),
        what=alert.what,
        subject=describe(alert.subject, snapshot),
        since=alert.opened_at or alert.since,
        last_confirmed_at=alert.last_confirmed_at,
        remark=remark or ("recovering" if alert.state == "recovering" else ""),
    )
