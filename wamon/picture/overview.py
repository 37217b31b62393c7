"""The first page: a verdict, what is behind it, and everything that is watched."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from wamon.core.alerting import Alert, Severity
from wamon.picture.accounts import account_rows, countdowns, subscription_rows, webhooks
from wamon.picture.numbers import cannot_send, listed, number_rows
from wamon.picture.scene import Scene
from wamon.picture.unseen import unseen
from wamon.picture.values import AccountRow, Health, Mood, NumberRow, Overview, Query

MOST_REASONS: Final = 5


def overview(scene: Scene, query: Query, *, health: Health, version: str) -> Overview:
    """The whole of it, with the page of numbers that is asked for."""
    rows, accounts = number_rows(scene), account_rows(scene)
    mood, verdict = _verdict(scene, health, rows, accounts)
    return Overview(
        version=version,
        at=scene.now,
        mood=mood,
        verdict=verdict,
        reasons=(*_reasons(scene.open_alerts), *health.not_ready_reasons),
        numbers=listed(rows, query),
        cannot_send=sum(map(cannot_send, rows)),
        open_alerts=len(scene.open_alerts),
        accounts=accounts,
        countdowns=countdowns(scene),
        subscriptions=subscription_rows(scene),
        webhooks=webhooks(scene),
        unseen=unseen(scene),
    )


def _verdict(
    scene: Scene, health: Health, rows: Sequence[NumberRow], accounts: Sequence[AccountRow]
) -> tuple[Mood, str]:
    """The worst that is known; what is not known keeps it from being good."""
    if not health.is_healthy:
        return Mood.BAD, "wamon itself is not well: a part of it has stopped."
    if stopped := sum(map(cannot_send, rows)):
        return Mood.BAD, f"{_of(stopped, len(rows))} cannot send."
    severities = Counter(alert.severity for alert in scene.open_alerts)
    if critical := severities[Severity.CRITICAL]:
        return Mood.BAD, f"{_counted(critical, 'critical alert')} {_are(critical)} open."
    if warnings := severities[Severity.WARNING]:
        return Mood.WATCH, f"{_counted(warnings, 'warning')} {_are(warnings)} open; every known number can send."
    if not health.is_ready:
        return Mood.UNKNOWN, "wamon is not ready yet: what follows may be old or incomplete."
    if blind := sum(account.is_stale for account in accounts):
        return Mood.UNKNOWN, f"{_of(blind, len(accounts), 'account')} cannot be seen now: nobody knows how it is there."
    if unknown := sum(row.mood is Mood.UNKNOWN for row in rows):
        return Mood.UNKNOWN, f"No alert is open, but of {_of(unknown, len(rows))} it is not known whether it can send."
    if not rows:
        return Mood.UNKNOWN, "No phone number is known yet."
    if watched := sum(row.mood is Mood.WATCH for row in rows):
        return (
            Mood.WATCH,
            f"No alert is open, but {_of(watched, len(rows))} {'needs' if watched == 1 else 'need'} a look.",
        )
    notices = severities[Severity.INFO]
    told = f"{_counted(notices, 'notice')} {_are(notices)} open" if notices else "no alert is open"
    return Mood.GOOD, f"{_all(len(rows))} can send, and {told}."


def _reasons(alerts: Sequence[Alert]) -> Iterator[str]:
    """What the open alerts say, each kind once, the worst first."""
    kinds = Counter((alert.severity, alert.what) for alert in alerts)
    told = sorted(kinds.items(), key=lambda each: (-each[0][0], -each[1], each[0][1]))
    for (severity, what), count in told[:MOST_REASONS]:
        yield f"{severity}: {what}" + (f" ({count} times)" if count > 1 else "")
    if rest := sum(count for _, count in told[MOST_REASONS:]):
        yield f"and {_counted(rest, 'more alert')}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _of(count: int, total: int, noun: str = "number") -> str:
    if total == 1:
        return f"The only {noun}"
    return f"{count:,} of {total:,} {noun}s"


def _all(count: int) -> str:
    return "The only number" if count == 1 else f"All {count:,} numbers"
