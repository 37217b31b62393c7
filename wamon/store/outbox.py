"""The outbox tables: what is owed to whom, from the commit that caused it to the receipt.

A row is due, sending, done or dead. Of what is owed to one receiver about one group, whatever waits goes out together,
and nothing while something of it is being sent, so that "resolved" never overtakes "firing".
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from sqlite3 import Connection, IntegrityError

from wamon.core.desk import NO_GROUP, Announcement, AnnouncementKind, TransitionId
from wamon.core.errors import StoreError
from wamon.core.outgoing import Attempt, Batch, Notification, Receipt, Story, Thread
from wamon.core.ports import OutboxFigures, Resumed
from wamon.store import telling
from wamon.store.rows import Row, RowReader, maybe_moment, microseconds, moment, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A notification that was given up: `reason` is what the last attempt said."""

    notification: Notification
    reason: str
    at: datetime


_ENQUEUE = """
    INSERT INTO outbox (group_id, sequence, receiver, kind, created_at, due_at, is_broadcast, mentions, note, because)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
# A transition is news to a receiver once; whatever else is said may name it again.
_ADD_ITEM = """
    INSERT INTO outbox_items (outbox_id, position, transition_seq, receiver)
    SELECT ?, ?, seq, ? FROM alert_transitions WHERE key = ? AND episode = ? AND ordinal = ?
"""

# What goes first of each group: what an unconfirmed attempt sent, or else the oldest. What belongs to no group is a
# group of its own.
_HEADS = """
    SELECT coalesce(min(iif(a.state = 'unconfirmed', w.id, NULL)), min(w.id)) AS id
    FROM outbox w LEFT JOIN attempts a ON a.id = w.attempt_id
    WHERE w.receiver = ? AND w.state IN ('due', 'sending')
    GROUP BY CASE w.group_id WHEN 0 THEN -w.id ELSE w.group_id END
    HAVING NOT max(w.state = 'sending')
"""
_DUE_GROUPS = f"""
    SELECT o.id, o.group_id, a.reference, a.started_at, a.looks, o.attempt_id
    FROM ({_HEADS}) h JOIN outbox o ON o.id = h.id
    LEFT JOIN attempts a ON a.id = o.attempt_id AND a.state = 'unconfirmed'
    WHERE o.due_at <= ? OR coalesce(o.attempted_at, o.created_at) > ?
    ORDER BY o.id LIMIT ?
"""  # noqa: S608 - one constant in another
_NEXT_DUE = f"""
    SELECT min(CASE WHEN coalesce(o.attempted_at, o.created_at) > ? THEN ? ELSE o.due_at END)
    FROM ({_HEADS}) h JOIN outbox o ON o.id = h.id
"""  # noqa: S608 - one constant in another

_ROWS = """
    SELECT id, receiver, group_id, kind, created_at, due_at, attempts, is_broadcast, mentions, note, because,
           last_reason, finished_at
    FROM outbox
"""
# The index of what waits serves those alone who ask for all that waits.
_OF_GROUP = "WHERE receiver = ? AND group_id = ? AND state IN ('due', 'sending') AND state = 'due' ORDER BY id"
_ARRIVED = """
    SELECT t.key, t.episode, t.ordinal, o.receiver, count(*)
    FROM outbox_items i JOIN outbox o ON o.id = i.outbox_id JOIN alert_transitions t ON t.seq = i.transition_seq
    WHERE o.kind = 'news' AND o.state = 'done' GROUP BY t.seq, o.receiver
"""
_AMONG = "WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"
_ITEMS = """
    SELECT i.outbox_id,
           t.key, t.rule, t.subject_kind, t.subject_labels, t.episode, t.ordinal, t.kind, t.severity, t.at,
           t.observed_at, t.opened_at, t.last_confirmed_at, t.returns, t.what, t.evidence, t.close_reason, t.group_id,
           t.actor, t.note, t.is_rehearsal
    FROM outbox_items i JOIN alert_transitions t ON t.seq = i.transition_seq
    WHERE i.outbox_id IN (SELECT value FROM json_each(?)) ORDER BY i.outbox_id, i.position
"""
_STORY = """
    SELECT key, rule, subject_kind, subject_labels, episode, ordinal, kind, severity, at, observed_at, opened_at,
           last_confirmed_at, returns, what, evidence, close_reason, group_id, actor, note, is_rehearsal
    FROM alert_transitions
    WHERE group_id > 0 AND group_id IN (SELECT ? UNION ALL SELECT id FROM groups WHERE storm_id = ?) ORDER BY seq
"""

_INSTALL = "SELECT substr(install_id, 1, 8) FROM instance"
_ADD_ATTEMPT = "INSERT INTO attempts (reference, receiver, group_id, started_at, state) VALUES (?, ?, ?, ?, 'sending')"
_LAST_ATTEMPT = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'attempts'"
_FORGET_ATTEMPTS = """
    UPDATE attempts SET state = 'over' WHERE id IN (
        SELECT attempt_id FROM outbox WHERE id IN (SELECT value FROM json_each(?))
    )
"""
_BEGIN = """
    UPDATE outbox SET state = 'sending', attempts = attempts + 1, attempted_at = ?, attempt_id = ?
    WHERE id IN (SELECT value FROM json_each(?)) AND state = 'due'
"""
_END_ATTEMPT = "UPDATE attempts SET state = ? WHERE reference = ? AND state IN ('sending', 'unconfirmed')"
_LOOKED = "UPDATE attempts SET looks = looks + 1 WHERE reference = ? AND state = 'unconfirmed'"
_OF_ATTEMPT = "attempt_id = (SELECT id FROM attempts WHERE reference = ?) AND state IN ('due', 'sending')"
_FINISH = f"UPDATE outbox SET state = 'done', finished_at = ? WHERE {_OF_ATTEMPT}"  # noqa: S608
_MEND = "UPDATE outbox SET problem = NULL WHERE problem IS NOT NULL AND receiver = ?"
_DEFER = f"""
    UPDATE outbox SET state = 'due', due_at = ?, last_reason = ?, problem = coalesce(?, problem) WHERE {_OF_ATTEMPT}
"""  # noqa: S608
_AGAIN_AT = f"UPDATE outbox SET due_at = ? WHERE {_OF_ATTEMPT}"  # noqa: S608
_ATTEMPT = "SELECT receiver, group_id FROM attempts WHERE reference = ?"
_BURY = """
    UPDATE outbox SET state = 'dead', finished_at = ?, last_reason = ?, problem = ?
    WHERE id IN (SELECT value FROM json_each(?)) AND state IN ('due', 'sending')
"""
# Below zero, so that it never takes a number that the group has still to give.
_SEQUENCE = """
    SELECT min(0, coalesce(min(sequence), 0)) - 1 FROM outbox WHERE group_id = ? AND group_id > 0 AND receiver = ?
"""
_WHOSE = "SELECT receiver FROM outbox WHERE id = ?"
_HANDED = "SELECT group_id, kind, is_broadcast, mentions, note FROM outbox WHERE id = ?"
# Those who hold something of this group that was meant for somebody else.
_TOLD_INSTEAD = """
    SELECT n.id, h.receiver, max(h.because) FROM outbox n JOIN outbox h ON h.group_id = n.group_id
    WHERE n.group_id > 0 AND n.group_id = ? AND n.receiver = ? AND n.sequence = ?
      AND h.because <> '' AND h.receiver <> n.receiver
    GROUP BY h.receiver
"""
# Of an announcement, what is new to this receiver about alerts that it was told of.
_GOES_ON = """
    SELECT i.transition_seq FROM outbox_items i JOIN alert_transitions t ON t.seq = i.transition_seq
    WHERE i.outbox_id = ? AND NOT EXISTS (
        SELECT 1 FROM outbox_items k WHERE k.transition_seq = i.transition_seq AND k.receiver = ?
    ) AND EXISTS (
        SELECT 1 FROM alert_transitions e JOIN outbox_items k ON k.transition_seq = e.seq
        WHERE e.key = t.key AND e.episode = t.episode AND k.receiver = ?
    )
    ORDER BY i.position
"""
_HANDED_ITEMS = """
    SELECT transition_seq FROM outbox_items i WHERE outbox_id = ? AND (i.receiver IS NULL OR NOT EXISTS (
        SELECT 1 FROM outbox_items k WHERE k.transition_seq = i.transition_seq AND k.receiver = ?
    )) ORDER BY position
"""
_PUT_ITEM = "INSERT INTO outbox_items (outbox_id, position, transition_seq, receiver) VALUES (?, ?, ?, ?)"

_THREAD = """
    SELECT receiver, group_id, channel, message_id, shown_revision, wanted_revision, lost_channel, lost_message_id
    FROM threads
"""
_PUT_THREAD = """
    INSERT INTO threads (receiver, group_id, channel, message_id, shown_revision, wanted_revision)
    VALUES (?, ?, ?, ?, ?, coalesce((SELECT revision FROM groups WHERE id = ?), ?))
    ON CONFLICT (receiver, group_id) DO UPDATE
    SET channel = excluded.channel, message_id = excluded.message_id, shown_revision = excluded.shown_revision,
        wanted_revision = excluded.wanted_revision
"""
_STALE_THREADS = """
    INDEXED BY threads_stale
    WHERE receiver = ? AND message_id IS NOT NULL AND shown_revision < wanted_revision AND NOT EXISTS (
        SELECT 1 FROM outbox o
        WHERE o.receiver = threads.receiver AND o.group_id = threads.group_id AND o.state = 'sending'
    )
    ORDER BY group_id LIMIT ?
"""
_SHOWN = "UPDATE threads SET shown_revision = max(shown_revision, ?) WHERE receiver = ? AND group_id = ?"
_LOST = """
    UPDATE threads SET lost_channel = channel, lost_message_id = message_id, channel = NULL, message_id = NULL
    WHERE receiver = ? AND group_id = ? AND message_id IS NOT NULL
"""

# A list of receivers is one parameter, as JSON.
_INTERRUPTED = "SELECT reference FROM attempts WHERE state = 'sending' AND receiver IN (SELECT value FROM json_each(?))"
_OWE = """
    UPDATE outbox SET state = 'due', created_at = ?, due_at = ?, attempts = 0, attempted_at = NULL, attempt_id = NULL,
        finished_at = NULL
    WHERE state = 'dead' AND receiver IN (SELECT value FROM json_each(?))
      AND group_id IN (SELECT id FROM groups WHERE closed_at IS NULL)
"""
_TRY_NOW = """
    UPDATE outbox SET due_at = ? WHERE state = 'due' AND problem IS NOT NULL
      AND (attempt_id IS NULL OR attempt_id NOT IN (SELECT id FROM attempts WHERE state = 'unconfirmed'))
"""
_ORPHANS = """
    SELECT id FROM outbox
    WHERE state IN ('due', 'sending') AND receiver NOT IN (SELECT value FROM json_each(?)) ORDER BY id
"""
_ORPHANED = "this receiver is not configured any more"
_SETTLE_ORPHANS = "UPDATE outbox SET problem = NULL WHERE receiver NOT IN (SELECT value FROM json_each(?))"

_COUNTS = "SELECT state, count(*), min(created_at) FROM outbox WHERE state IN ('due', 'sending', 'dead') GROUP BY state"
_EDITS = "SELECT count(*) FROM threads WHERE message_id IS NOT NULL AND shown_revision < wanted_revision"
_PROBLEMS = "SELECT receiver, problem FROM outbox WHERE problem IS NOT NULL ORDER BY attempted_at"


# --- what is owed -----------------------------------------------------------------------------------------------------


def enqueue(connection: Connection, announcement: Announcement) -> None:
    """Owe an announcement, at once. Raises StoreError when it is news that the receiver was told already."""
    at = microseconds(announcement.at)
    row = (
        announcement.group_id,
        announcement.sequence,
        announcement.receiver,
        announcement.kind.value,
        at,
        at,
        announcement.is_broadcast,
        announcement.mentions,
        plain(announcement.note),
        "",
    )
    outbox_id = connection.execute(_ENQUEUE, row).lastrowid
    once = announcement.receiver if announcement.kind is AnnouncementKind.NEWS else None
    for position, item in enumerate(announcement.items):
        values = (outbox_id, position, once, item.key, item.episode, item.ordinal)
        try:
            added = connection.execute(_ADD_ITEM, values).rowcount
        except IntegrityError as exc:
            raise StoreError(f"{announcement.receiver} was told of this transition already") from exc
        if added != 1:
            raise StoreError("an announcement names a transition that was never stored")


def follow_up(connection: Connection, announcements: Iterable[Announcement]) -> None:
    """Let whoever was told in another's place hear how it goes on, above all that it is over."""
    for announcement in announcements:
        if announcement.kind is AnnouncementKind.NEWS:
            place = (announcement.group_id, announcement.receiver, announcement.sequence)
            for outbox_id, told, because in connection.execute(_TOLD_INSTEAD, place).fetchall():
                items = connection.execute(_GOES_ON, (outbox_id, told, told)).fetchall()
                _owe_too(connection, outbox_id, items, told, announcement.at, because)


def due(connection: Connection, receiver: str, now: datetime, limit: int) -> tuple[Batch, ...]:
    at = microseconds(now)
    found = connection.execute(_DUE_GROUPS, (receiver, at, at, limit)).fetchall()
    return tuple(_batch(connection, receiver, *row) for row in found)


def _batch(
    connection: Connection,
    receiver: str,
    outbox_id: int,
    group_id: int,
    reference: str | None,
    started_at: int | None,
    looks: int | None,
    attempt_id: int | None,
) -> Batch:
    unconfirmed = None
    values: Row
    if reference is not None and started_at is not None:
        unconfirmed = Attempt(reference=reference, started_at=moment(started_at), looks=looks or 0)
        where, values = "WHERE attempt_id = ? AND state = 'due' ORDER BY id", (attempt_id,)
    elif group_id == NO_GROUP:
        where, values = "WHERE id = ?", (outbox_id,)
    else:
        where, values = _OF_GROUP, (receiver, group_id)
    return Batch(
        receiver=receiver,
        group_id=group_id,
        notifications=_notifications(connection, connection.execute(f"{_ROWS} {where}", values).fetchall()),
        thread=thread(connection, receiver, group_id),
        unconfirmed=unconfirmed,
    )


def next_due_at(connection: Connection, receiver: str, now: datetime) -> datetime | None:
    at = microseconds(now)
    (found,) = connection.execute(_NEXT_DUE, (at, at, receiver)).fetchone()
    return maybe_moment(found)


def arrived(connection: Connection) -> Mapping[TransitionId, Mapping[str, int]]:
    """How often each transition has arrived as news, by receiver."""
    found: dict[TransitionId, dict[str, int]] = {}
    for key, episode, ordinal, receiver, count in connection.execute(_ARRIVED):
        found.setdefault(TransitionId(key, episode, ordinal), {})[receiver] = count
    return found


def dead_letters(connection: Connection) -> tuple[DeadLetter, ...]:
    rows = connection.execute(f"{_ROWS} WHERE state = 'dead' ORDER BY id").fetchall()
    return tuple(
        DeadLetter(notification=notification, reason=row[-2], at=moment(row[-1]))
        for notification, row in zip(_notifications(connection, rows), rows, strict=True)
    )


# --- attempts ---------------------------------------------------------------------------------------------------------


def begin(connection: Connection, notification_ids: Sequence[int], at: datetime) -> str:
    ids = json.dumps(list(notification_ids))
    rows = connection.execute(
        "SELECT DISTINCT receiver, group_id FROM outbox WHERE id IN (SELECT value FROM json_each(?))", (ids,)
    ).fetchall()
    if len(rows) != 1:
        raise StoreError(f"notifications {ids} are not of one receiver and group")
    (receiver, group_id) = rows[0]
    (install,) = connection.execute(_INSTALL).fetchone()
    (last,) = connection.execute(_LAST_ATTEMPT).fetchone()
    reference = f"{install}-{last + 1}"
    connection.execute(_FORGET_ATTEMPTS, (ids,))
    attempt_id = connection.execute(_ADD_ATTEMPT, (reference, receiver, group_id, microseconds(at))).lastrowid
    if connection.execute(_BEGIN, (microseconds(at), attempt_id, ids)).rowcount != len(notification_ids):
        raise StoreError(f"notifications {ids} are not due: two senders work on one outbox")
    return reference


def finish(
    connection: Connection, reference: str, receipt: Receipt, at: datetime, *, root_revision: int | None
) -> None:
    receiver, group_id = _end(connection, reference, "over")
    connection.execute(_FINISH, (microseconds(at), reference))
    connection.execute(_MEND, (receiver,))
    if root_revision is not None and group_id != NO_GROUP:
        values = (plain(receipt.channel), plain(receipt.message_id), root_revision, group_id, root_revision)
        connection.execute(_PUT_THREAD, (receiver, group_id, *values))


def defer(
    connection: Connection,
    reference: str,
    due_at: datetime,
    reason: str,
    *,
    may_have_arrived: bool,
    is_problem: bool,
) -> None:
    _end(connection, reference, "unconfirmed" if may_have_arrived else "over")
    text = plain(reason)
    connection.execute(_DEFER, (microseconds(due_at), text, text if is_problem else None, reference))


def looked_in_vain(connection: Connection, reference: str, due_at: datetime) -> None:
    if connection.execute(_LOOKED, (reference,)).rowcount != 1:
        raise StoreError(f"attempt {reference} is not unconfirmed: two senders work on one outbox")
    connection.execute(_AGAIN_AT, (microseconds(due_at), reference))


def bury(connection: Connection, notification_ids: Sequence[int], at: datetime, reason: str) -> None:
    text, ids = plain(reason), json.dumps(list(notification_ids))
    connection.execute(_FORGET_ATTEMPTS, (ids,))
    if connection.execute(_BURY, (microseconds(at), text, text, ids)).rowcount != len(notification_ids):
        raise StoreError(f"notifications {ids} are not due or being sent: two senders work on one outbox")


def hand_over(connection: Connection, notification_ids: Sequence[int], to: str, at: datetime, reason: str) -> int:
    bury(connection, notification_ids, at, reason)
    owed = 0
    for notification_id in notification_ids:
        (receiver,) = connection.execute(_WHOSE, (notification_id,)).fetchone()
        items = connection.execute(_HANDED_ITEMS, (notification_id, to)).fetchall()
        because = f"told here because {receiver} refused: {reason}"
        owed += _owe_too(connection, notification_id, items, to, at, because)
    return owed


def _owe_too(connection: Connection, outbox_id: int, items: Sequence[Row], to: str, at: datetime, because: str) -> bool:
    """Owe a row of somebody else's to another receiver, with these items; false when that would say nothing."""
    group_id, kind, is_broadcast, mentions, note = connection.execute(_HANDED, (outbox_id,)).fetchone()
    is_news = kind == AnnouncementKind.NEWS.value
    if not items and is_news:
        return False
    (sequence,) = connection.execute(_SEQUENCE, (group_id, to)).fetchone()
    now = microseconds(at)
    row = (group_id, sequence, to, kind, now, now, is_broadcast, mentions, note, plain(because))
    added = connection.execute(_ENQUEUE, row).lastrowid
    once = to if is_news else None
    connection.executemany(_PUT_ITEM, [(added, place, seq, once) for place, (seq,) in enumerate(items)])
    return True


def _end(connection: Connection, reference: str, state: str) -> tuple[str, int]:
    """Move an attempt on; whose it is, and about which group."""
    if connection.execute(_END_ATTEMPT, (state, reference)).rowcount != 1:
        raise StoreError(f"attempt {reference} is not under way: two senders work on one outbox")
    receiver, group_id = connection.execute(_ATTEMPT, (reference,)).fetchone()
    return receiver, group_id


# --- messages that stand for groups -----------------------------------------------------------------------------------


def thread(connection: Connection, receiver: str, group_id: int) -> Thread:
    row = connection.execute(f"{_THREAD} WHERE receiver = ? AND group_id = ?", (receiver, group_id)).fetchone()
    return Thread(receiver=receiver, group_id=group_id) if row is None else _thread(row)


def stale_threads(connection: Connection, receiver: str, limit: int) -> tuple[Thread, ...]:
    return tuple(map(_thread, connection.execute(_THREAD + _STALE_THREADS, (receiver, limit))))


def thread_shown(connection: Connection, receiver: str, group_id: int, revision: int) -> None:
    connection.execute(_SHOWN, (revision, receiver, group_id))


def thread_lost(connection: Connection, receiver: str, group_id: int) -> None:
    connection.execute(_LOST, (receiver, group_id))


def story(connection: Connection, group_id: int) -> Story:
    reader = RowReader()
    rows = connection.execute(_STORY, (group_id, group_id))
    return Story(group=telling.one_group(connection, group_id), transitions=tuple(map(reader.transition, rows)))


def _thread(row: Row) -> Thread:
    receiver, group_id, channel, message_id, shown, wanted, lost_channel, lost_message_id = row
    return Thread(
        receiver=receiver,
        group_id=group_id,
        receipt=None if message_id is None else Receipt(channel=channel, message_id=message_id),
        shown_revision=shown,
        wanted_revision=wanted,
        lost_receipt=None if lost_message_id is None else Receipt(channel=lost_channel, message_id=lost_message_id),
    )


# --- starts and figures -----------------------------------------------------------------------------------------------


def revive(connection: Connection, receivers: Sequence[str], at: datetime) -> int:
    """Attempts that were cut off may have arrived; how many there were."""
    references = [reference for (reference,) in connection.execute(_INTERRUPTED, (json.dumps(receivers),))]
    for reference in references:
        defer(connection, reference, at, "interrupted", may_have_arrived=True, is_problem=False)
    return len(references)


def resume(connection: Connection, receivers: Sequence[str], at: datetime, look_at: datetime) -> Resumed:
    now, names = microseconds(at), json.dumps(receivers)
    interrupted = revive(connection, receivers, look_at)
    owed = connection.execute(_OWE, (now, now, names)).rowcount
    connection.execute(_TRY_NOW, (now,))
    ids = [outbox_id for (outbox_id,) in connection.execute(_ORPHANS, (names,))]
    rows = connection.execute(f"{_ROWS} {_AMONG}", (json.dumps(ids),)).fetchall()
    orphans = _notifications(connection, rows)
    bury(connection, ids, at, _ORPHANED)
    connection.execute(_SETTLE_ORPHANS, (names,))
    return Resumed(interrupted=interrupted, owed=owed, orphans=orphans)


def figures(connection: Connection) -> OutboxFigures:
    counts = {state: (count, oldest) for state, count, oldest in connection.execute(_COUNTS)}
    unsent = [counts[state][1] for state in ("due", "sending") if state in counts]
    (edits,) = connection.execute(_EDITS).fetchone()
    return OutboxFigures(
        due=counts.get("due", (0,))[0],
        sending=counts.get("sending", (0,))[0],
        dead=counts.get("dead", (0,))[0],
        edits=edits,
        oldest_created_at=maybe_moment(min(unsent, default=None)),
        problems=tuple(sorted(dict(connection.execute(_PROBLEMS)).items())),
    )


def _notifications(connection: Connection, rows: Sequence[Row]) -> tuple[Notification, ...]:
    reader = RowReader()
    items: dict[int, list[Row]] = {}
    for outbox_id, *transition in connection.execute(_ITEMS, (json.dumps([row[0] for row in rows]),)):
        items.setdefault(outbox_id, []).append(tuple(transition))
    return tuple(_notification(row, items.get(row[0], ()), reader) for row in rows)


def _notification(row: Row, items: Iterable[Row], reader: RowReader) -> Notification:
    outbox_id, receiver, group_id, kind, created_at, due_at, attempts, is_broadcast, mentions, note, because, _, _ = row
    return Notification(
        id=outbox_id,
        receiver=receiver,
        group_id=group_id,
        kind=AnnouncementKind(kind),
        transitions=tuple(map(reader.transition, items)),
        created_at=moment(created_at),
        due_at=moment(due_at),
        attempts=attempts,
        is_broadcast=bool(is_broadcast),
        mentions=bool(mentions),
        note=note,
        because=because,
    )
