"""What people were told, as table rows, and back: groups, standings, silences, the desk's own values, acts."""

import json
from dataclasses import fields
from datetime import datetime, timedelta
from sqlite3 import Connection
from typing import Any

from wamon.core.alerting import Severity, TransitionKind
from wamon.core.desk import (
    Acknowledgement,
    Act,
    Desk,
    Group,
    GroupKey,
    Mute,
    Pending,
    Standing,
    TransitionId,
)
from wamon.core.errors import StoreError
from wamon.core.silences import Matcher, Operator, Silence
from wamon.core.state import Changes
from wamon.store.rows import Row, maybe_microseconds, maybe_moment, microseconds, moment, plain

_PUT_GROUP = "REPLACE INTO groups VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_WANT_SHOWN = "UPDATE threads SET wanted_revision = ? WHERE group_id = ?"
_PUT_STANDING = "REPLACE INTO standings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_REMOVE_STANDING = "DELETE FROM standings WHERE key = ?"
_PUT_SILENCE = "REPLACE INTO silences VALUES (?, ?, ?, ?, ?, ?)"
_FORGET_SILENCES = "DELETE FROM silences WHERE ends_at <= ?"
_PUT_DESK = "REPLACE INTO desk VALUES (1, ?, ?, ?, ?, ?)"
_ADD_ACT = "INSERT INTO acts VALUES (?, ?, ?, ?, ?)"
_ACTED = "SELECT 1 FROM acts WHERE id = ?"

_GROUPS = """
    SELECT id, family, app_id, waba_id, opened_at, closed_at, members, pending, waiting_since, sequence, told_at,
           urgent_at, revision, storm_id, is_storm
    FROM groups
"""
_STANDINGS = """
    SELECT key, group_id, told, told_to, latest, critical_since, escalated, acknowledged, muted, muted_by, released_at,
           penalty, penalty_at, flapping_since, changes, ends_at, is_inhibited
    FROM standings
"""
_SILENCES = "SELECT id, matchers, reason, author, starts_at, ends_at FROM silences"
_DESK = "SELECT last_group_id, first_told_ats, storm_id, digest_at, silenced_digest_at FROM desk"
_LAST_GROUP = "SELECT coalesce(max(id), 0) FROM groups"


def commit(connection: Connection, changes: Changes) -> None:
    """Write what changed on the desk; its announcements are the outbox's."""
    for group in changes.groups:
        connection.execute(_PUT_GROUP, _group_row(group))
        connection.execute(_WANT_SHOWN, (group.revision, group.id))
    connection.executemany(_REMOVE_STANDING, [(key,) for key in changes.removed_standings])
    connection.executemany(_PUT_STANDING, map(_standing_row, changes.standings))
    connection.executemany(_PUT_SILENCE, map(_silence_row, changes.silences))
    # At once, or a clock that goes back would bring an ended one to life; the acts tell who set it.
    connection.execute(_FORGET_SILENCES, (microseconds(changes.moment.at),))
    if changes.desk is not None:
        connection.execute(_PUT_DESK, _desk_row(changes.desk))
    if changes.act is not None:
        add_act(connection, changes.act, changes.moment.at)


def load(connection: Connection) -> Desk:
    """The desk as last committed."""
    own = connection.execute(_DESK).fetchone()
    (last_group_id,) = connection.execute(_LAST_GROUP).fetchone()
    groups = map(group, connection.execute(f"{_GROUPS} WHERE closed_at IS NULL"))
    standings = map(_standing, connection.execute(_STANDINGS))
    silences = map(_silence, connection.execute(_SILENCES))
    desk = Desk(
        groups={each.id: each for each in groups},
        standings={each.key: each for each in standings},
        silences={each.id: each for each in silences},
        last_group_id=last_group_id,
    )
    if own is None:
        return desk
    return Desk(
        groups=desk.groups,
        standings=desk.standings,
        silences=desk.silences,
        last_group_id=max(own[0], last_group_id),
        first_told_ats=tuple(map(moment, json.loads(own[1]))),
        storm_id=own[2],
        digest_at=maybe_moment(own[3]),
        silenced_digest_at=maybe_moment(own[4]),
    )


def one_group(connection: Connection, group_id: int) -> Group:
    row = connection.execute(f"{_GROUPS} WHERE id = ?", (group_id,)).fetchone()
    if row is None:
        raise StoreError(f"there is no group {group_id}: it was pruned, or belongs to another database")
    return group(row)


def acted(connection: Connection, act_id: str) -> bool:
    return connection.execute(_ACTED, (plain(act_id),)).fetchone() is not None


def add_act(connection: Connection, act: Act, at: datetime) -> None:
    """Write down who did what, once. Raises StoreError for an act that had its effect already."""
    if acted(connection, act.id):
        raise StoreError("this act had its effect already")
    detail = {each.name: _told(getattr(act.deed, each.name)) for each in fields(act.deed)}
    row = (plain(act.id), microseconds(at), plain(act.actor), type(act.deed).__name__, json.dumps(detail))
    connection.execute(_ADD_ACT, row)


# --- rows -------------------------------------------------------------------------------------------------------------


def _group_row(group: Group) -> Row:
    return (
        group.id,
        plain(group.key.family),
        plain(group.key.app_id),
        plain(group.key.waba_id),
        microseconds(group.opened_at),
        maybe_microseconds(group.closed_at),
        json.dumps(group.members),
        json.dumps([_pending_parts(news) for news in group.pending]),
        maybe_microseconds(group.waiting_since),
        group.sequence,
        maybe_microseconds(group.told_at),
        maybe_microseconds(group.urgent_at),
        group.revision,
        group.storm_id,
        group.is_storm,
    )


def group(row: Row) -> Group:
    group_id, family, app_id, waba_id, opened_at, closed_at, members, pending, waiting_since, sequence = row[:10]
    told_at, urgent_at, revision, storm_id, is_storm = row[10:]
    return Group(
        id=group_id,
        key=GroupKey(family, app_id, waba_id),
        opened_at=moment(opened_at),
        closed_at=maybe_moment(closed_at),
        members=tuple(json.loads(members)),
        pending=tuple(_pending(parts) for parts in json.loads(pending)),
        waiting_since=maybe_moment(waiting_since),
        sequence=sequence,
        told_at=maybe_moment(told_at),
        urgent_at=maybe_moment(urgent_at),
        revision=revision,
        storm_id=storm_id,
        is_storm=bool(is_storm),
    )


def _pending_parts(news: Pending) -> list[object]:
    return [news.id.key, news.id.episode, news.id.ordinal, news.kind.value, int(news.severity), news.is_urgent]


def _pending(parts: list[Any]) -> Pending:
    key, episode, ordinal, kind, severity, is_urgent = parts
    return Pending(
        id=TransitionId(key, episode, ordinal),
        kind=TransitionKind(kind),
        severity=Severity(severity),
        is_urgent=bool(is_urgent),
    )


def _standing_row(standing: Standing) -> Row:
    taken = standing.acknowledged
    return (
        standing.key,
        standing.group_id,
        None if standing.told is None else int(standing.told),
        json.dumps(sorted(standing.told_to)),
        None if standing.latest is None else json.dumps(_pending_parts(standing.latest)),
        maybe_microseconds(standing.critical_since),
        standing.escalated,
        None if taken is None else json.dumps([taken.by, microseconds(taken.at), microseconds(taken.until)]),
        None if standing.muted is None else standing.muted.value,
        standing.muted_by,
        maybe_microseconds(standing.released_at),
        standing.penalty,
        maybe_microseconds(standing.penalty_at),
        maybe_microseconds(standing.flapping_since),
        standing.changes,
        maybe_microseconds(standing.ends_at),
        standing.is_inhibited,
    )


def _standing(row: Row) -> Standing:
    key, group_id, told, told_to, latest, critical_since, escalated, acknowledged, muted, muted_by = row[:10]
    released_at, penalty, penalty_at, flapping_since, changes, ends_at, is_inhibited = row[10:]
    return Standing(
        key=key,
        group_id=group_id,
        told=None if told is None else Severity(told),
        told_to=frozenset(json.loads(told_to)),
        latest=None if latest is None else _pending(json.loads(latest)),
        critical_since=maybe_moment(critical_since),
        escalated=escalated,
        acknowledged=None if acknowledged is None else _acknowledgement(*json.loads(acknowledged)),
        muted=None if muted is None else Mute(muted),
        muted_by=muted_by,
        released_at=maybe_moment(released_at),
        penalty=penalty,
        penalty_at=maybe_moment(penalty_at),
        flapping_since=maybe_moment(flapping_since),
        changes=changes,
        ends_at=maybe_moment(ends_at),
        is_inhibited=bool(is_inhibited),
    )


def _acknowledgement(by: str, at: int, until: int) -> Acknowledgement:
    return Acknowledgement(by=by, at=moment(at), until=moment(until))


def _silence_row(silence: Silence) -> Row:
    matchers = [[each.label, each.operator.value, each.value] for each in silence.matchers]
    return (
        plain(silence.id),
        json.dumps(matchers),
        plain(silence.reason),
        plain(silence.author),
        microseconds(silence.starts_at),
        microseconds(silence.ends_at),
    )


def _silence(row: Row) -> Silence:
    silence_id, matchers, reason, author, starts_at, ends_at = row
    return Silence(
        id=silence_id,
        matchers=tuple(Matcher(label, Operator(operator), value) for label, operator, value in json.loads(matchers)),
        reason=reason,
        author=author,
        starts_at=moment(starts_at),
        ends_at=moment(ends_at),
    )


def _desk_row(desk: Desk) -> Row:
    return (
        desk.last_group_id,
        json.dumps([microseconds(at) for at in desk.first_told_ats]),
        desk.storm_id,
        maybe_microseconds(desk.digest_at),
        maybe_microseconds(desk.silenced_digest_at),
    )


def _told(value: object) -> object:
    """A deed's value in the audit: as text, but for lists."""
    if isinstance(value, tuple):
        return [_told(each) for each in value]
    if isinstance(value, Silence):
        return {
            "id": value.id,
            "matchers": [str(each) for each in value.matchers],
            "reason": value.reason,
            "ends_at": value.ends_at.isoformat(),
        }
    return value.total_seconds() if isinstance(value, timedelta) else str(value)
