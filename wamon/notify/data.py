"""A message for machines: what a generic webhook sends; plain JSON values, and no name of a customer."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from wamon.core.alerting import Transition
from wamon.core.desk import AnnouncementKind
from wamon.core.outgoing import JsonObject, Message, Story
from wamon.core.ports import Rule
from wamon.notify.details import SHORT_ID, Links, runbook
from wamon.notify.members import Member

VERSION: Final = 1
# A storm's message must not be larger than what receivers take.
MOST_ALERTS: Final = 100
MOST_TRANSITIONS: Final = 50


def data_of(
    story: Story, members: Sequence[Member], message: Message, rules: Mapping[str, Rule], links: Links
) -> JsonObject:
    """The group as it is now, its alerts, the worst first, and what happened last; times in ISO 8601."""
    key = story.group.key
    return {
        "version": VERSION,
        "kind": [],
        "group": {"id": story.group.id, "family": key.family, "app_id": key.app_id, "waba_id": key.waba_id},
        "status": "resolved" if all(member.is_over for member in members) else "firing",
        "severity": str(message.severity),
        "headline": message.headline,
        "is_rehearsal": any(member.now.is_rehearsal for member in members),
        "alert_count": len(members),
        "alerts": [_alert(member, rules.get(member.now.rule), links) for member in members[:MOST_ALERTS]],
        "transitions": [_transition(each, rules.get(each.rule)) for each in story.transitions[-MOST_TRANSITIONS:]],
    }


def data_alone(message: Message) -> JsonObject:
    """What belongs to no group, in the same form."""
    return {
        "version": VERSION,
        "kind": [],
        "group": None,
        "status": None,
        "severity": str(message.severity),
        "headline": message.headline,
        "is_rehearsal": False,
        "alert_count": 0,
        "alerts": [],
        "transitions": [],
    }


def with_kinds(data: JsonObject, kinds: Iterable[AnnouncementKind], headline: str) -> JsonObject:
    """The same, with why it comes and what it begins with."""
    return {**data, "kind": [str(kind) for kind in dict.fromkeys(kinds)], "headline": headline} if data else data


def _alert(member: Member, rule: Rule | None, links: Links) -> Mapping[str, Any]:
    now = member.now
    state = "closed" if member.is_over else "recovering" if member.is_recovering else "firing"
    return {
        "id": now.key[:SHORT_ID],
        "alertname": _alertname(now, rule),
        "rule": now.rule,
        "severity": str(now.severity),
        "state": state,
        "is_stale": member.is_stale,
        "overlays": list(member.standing.overlays) if member.standing and not member.is_over else [],
        "subject": dict(now.subject.labels),
        "summary": now.what,
        "opened_at": _stamp(now.opened_at),
        "closed_at": _stamp(now.at) if member.is_over else None,
        "last_confirmed_at": _stamp(now.last_confirmed_at),
        "close_reason": str(now.close_reason) if now.close_reason else None,
        "owner": str(rule.owner) if rule else None,
        "evidence": dict(now.evidence),
        "runbook": runbook(now, rule, links),
    }


def _transition(transition: Transition, rule: Rule | None) -> Mapping[str, Any]:
    return {
        "at": _stamp(transition.at),
        "kind": str(transition.kind),
        "alert": transition.key[:SHORT_ID],
        "alertname": _alertname(transition, rule),
        "severity": str(transition.severity),
        "summary": transition.what,
        "actor": transition.actor or None,
        "note": transition.note or None,
    }


def _alertname(transition: Transition, rule: Rule | None) -> str:
    return rule.alertname(transition.severity) if rule else transition.rule


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
