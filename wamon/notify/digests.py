"""What belongs to no group: the test of a receiver, what is silenced, the weekly digest."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from wamon.core.alerting import Severity
from wamon.core.outgoing import Message, Notification
from wamon.core.state import State
from wamon.notify.overlays import silence_words
from wamon.notify.words import counted
from wamon.probes.names import describe

MOST_LINES: Final = 10


def receiver_test(asked_by: str) -> Message:
    return plain("wamon test message: this receiver works", [f"asked for by {asked_by}"] if asked_by else [])


def silenced_digest(notification: Notification, state: State, now: datetime) -> Message:
    """The critical alerts that are open and out of sight: by whom, until when and why."""
    lines = []
    for each in notification.transitions:
        alert, standing = state.alerts.get(each.key), state.desk.standings.get(each.key)
        words = silence_words(standing.muted_by, state, now) if standing is not None else None
        if alert is not None and alert.is_open and words is not None:
            lines.append(f"{alert.severity.name}  {alert.what}  {describe(each.subject, state.snapshot)}: {words}")
    if not lines:
        return plain("no critical alert is silenced any more", [])
    rest = len(lines) - MOST_LINES
    shown = [*lines[:MOST_LINES], *([f"and {rest} more: wamon alerts silences"] if rest > 0 else [])]
    is_are = "is" if len(lines) == 1 else "are"
    return Message(
        headline=f"{counted(len(lines), 'critical alert')} {is_are} open and silenced",
        severity=Severity.INFO,
        is_resolved=False,
        members=tuple((Severity.CRITICAL, False, line) for line in shown),
        reference="",
    )


def weekly_digest(text: str) -> Message:
    """The digest as another part of wamon wrote it down; an unreadable one says so."""
    try:
        digest = json.loads(text)
        sections = [(str(title), "\n".join(map(str, lines))) for title, lines in digest["sections"]]
        headline = f"wamon, {digest['period']}"
    except (ValueError, KeyError, TypeError):
        return plain("wamon's weekly digest could not be read", [])
    told = tuple((title, lines) for title, lines in sections if lines)
    return Message(
        headline=headline,
        severity=Severity.INFO,
        is_resolved=False,
        facts=told,
        remarks=() if told else ("there is nothing to tell",),
        reference="",
    )


def plain(headline: str, lines: Sequence[str]) -> Message:
    return Message(headline=headline, severity=Severity.INFO, is_resolved=False, remarks=tuple(lines), reference="")
