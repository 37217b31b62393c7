"""The first page: a verdict, what is behind it, and everything that is watched."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from wamon.core.alerting import Alert, Severity
from wamon.picture.accounts import account_rows, countdowns, subscription_rows, webhooks
from wamon.picture.numbers import cannot_send, listed, number_rows
from wamon.picture.scene import Scene, worst
from wamon.picture.unseen import unseen
from wamon.picture.values import AccountRow, Health, Mood, NumberRow, Overview, Query

MOST_REASONS: Final = 5
_NEEDS_A_LOOK: Final = frozenset({Mood.BAD, Mood.WATCH})


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
        return Mood.BAD, f"{_begin(_of(stopped, len(rows)))} cannot send."
    severities = Counter(alert.severity for alert in scene.open_alerts)
    if critical := severities[Severity.CRITICAL]:
        return Mood.BAD, f"{_counted(critical, 'critical alert')} {_are(critical)} open."
    if warnings := severities[Severity.WARNING]:
        return Mood.WATCH, f"{_counted(warnings, 'warning')} {_are(warnings)} open{_sending(rows)}."
    notices = severities[Severity.INFO]
    none_open = f"Only {_counted(notices, 'notice')} {_are(notices)} open" if notices else "No alert is open"
    if not health.is_ready:
        return Mood.UNKNOWN, "wamon is not ready yet: what follows may be old or incomplete."
    blind = sum(account.is_stale for account in accounts)
    hidden = f"{_of(blind, len(accounts), 'account')} cannot be seen now"
    for noun, moods in (("number", [row.mood for row in rows]), ("account", [each.mood for each in accounts])):
        # A rule may be switched off, or wait before it fires; what Meta says is so all the same.
        if bad := [mood for mood in moods if mood in _NEEDS_A_LOOK]:
            needs = "needs" if len(bad) == 1 else "need"
            rest = f"; {hidden}" if blind else _sending(rows)
            return worst(bad), f"{none_open}, but {_of(len(bad), len(moods), noun)} {needs} a look{rest}."
    if blind:
        return Mood.UNKNOWN, f"{_begin(hidden)}: nobody knows how it is there."
    if unknown := sum(row.mood is Mood.UNKNOWN for row in rows):
        return Mood.UNKNOWN, f"{none_open}, but {_unsure(unknown, len(rows))}."
    if unclear := sum(account.mood is Mood.UNKNOWN for account in accounts):
        whose = _of(unclear, len(accounts), "account")
        return Mood.UNKNOWN, f"{none_open}, but Meta says of {whose} what wamon does not know."
    if not rows:
        return Mood.UNKNOWN, "No phone number is known yet."
    told = f"{_counted(notices, 'notice')} {_are(notices)} open" if notices else "no alert is open"
    return Mood.GOOD, f"{_all(len(rows))} can send, and {told}."


def _sending(rows: Sequence[NumberRow]) -> str:
    """What can be said of sending where no number is known to be stopped; nobody vouches for one that is not seen."""
    if not rows:
        return ""
    unknown = sum(Mood.UNKNOWN in (row.status.mood, row.can_send.mood) for row in rows)
    if unknown:
        return f"; {_unsure(unknown, len(rows))}"
    return "" if any(row.can_send.mood is not Mood.GOOD for row in rows) else "; every known number can send"


def _unsure(count: int, total: int) -> str:
    if total == 1:
        return "it is not known whether the only number can send"
    return f"of {_of(count, total)} it is not known whether {'it' if count == 1 else 'they'} can send"


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
        return f"the only {noun}"
    return f"{count:,} of {total:,} {noun}s"


def _begin(words: str) -> str:
    return words[:1].upper() + words[1:]


def _all(count: int) -> str:
    return "The only number" if count == 1 else f"All {count:,} numbers"
