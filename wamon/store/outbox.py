"""The outbox table: what is owed to whom, from the commit that caused it to the receipt.

A row is due, sending, done or dead. Of the rows of one alert for one receiver only the oldest that is neither done nor
dead may go out, so that "resolved" never overtakes "firing".
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from sqlite3 import Connection

from wamon.core.alerting import Transition
from wamon.core.errors import StoreError
from wamon.core.ports import Notification, OutboxFigures, Receipt, Resumed
from wamon.store.rows import Row, RowReader, maybe_moment, microseconds, moment, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A notification that was given up: `reason` is what the last attempt said."""

    notification: Notification
    reason: str
    at: datetime


_ENQUEUE = """
    INSERT INTO outbox (transition_seq, alert_key, receiver, created_at, due_at) VALUES (?, ?, ?, ?, ?)
"""

_ROWS = """
    SELECT o.id, o.receiver, o.created_at, o.due_at, o.attempts, o.is_possible_duplicate,
           t.key, t.rule, t.subject_kind, t.subject_labels, t.episode, t.ordinal, t.kind, t.severity, t.at,
           t.observed_at, t.opened_at, t.last_confirmed_at, t.returns, t.what, t.evidence, t.close_reason,
           o.last_reason, o.finished_at
    FROM outbox o JOIN alert_transitions t ON t.seq = o.transition_seq
"""

_ARE_DUE = """
    WHERE o.receiver = ? AND o.state = 'due' AND (o.due_at <= ? OR coalesce(o.attempted_at, o.created_at) > ?)
      AND NOT EXISTS (
        SELECT 1 FROM outbox e
        WHERE e.alert_key = o.alert_key AND e.receiver = o.receiver AND e.id < o.id AND e.state IN ('due', 'sending')
    )
    ORDER BY o.id LIMIT ?
"""

# Only the rows whose turn it is: one that waits behind another is long due and would make the sender spin.
_NEXT_DUE = """
    SELECT min(CASE WHEN coalesce(o.attempted_at, o.created_at) > ? THEN ? ELSE o.due_at END) FROM outbox o
    WHERE o.receiver = ? AND o.state = 'due' AND NOT EXISTS (
        SELECT 1 FROM outbox e
        WHERE e.alert_key = o.alert_key AND e.receiver = o.receiver AND e.id < o.id AND e.state IN ('due', 'sending')
    )
"""

_ARE_DEAD = "WHERE o.state = 'dead' ORDER BY o.id"

_BEGIN = """
    UPDATE outbox SET state = 'sending', attempts = attempts + 1, attempted_at = ? WHERE id = ? AND state = 'due'
"""

_FINISH = """
    UPDATE outbox SET state = 'done', finished_at = ?, channel = ?, message_id = ? WHERE id = ? AND state = 'sending'
"""

_MEND = """
    UPDATE outbox SET problem = NULL
    WHERE problem IS NOT NULL AND receiver = (SELECT receiver FROM outbox WHERE id = ?)
"""

_DEFER = """
    UPDATE outbox
    SET state = 'due', due_at = ?, last_reason = ?, is_possible_duplicate = max(is_possible_duplicate, ?),
        problem = coalesce(?, problem)
    WHERE id = ? AND state IN ('due', 'sending')
"""

_BURY = """
    UPDATE outbox SET state = 'dead', finished_at = ?, last_reason = ?, problem = ?
    WHERE id = ? AND state IN ('due', 'sending')
"""

# A list of receivers is one parameter, as JSON.
_REVIVE = """
    UPDATE outbox SET state = 'due', due_at = ?, last_reason = 'interrupted', is_possible_duplicate = 1
    WHERE state = 'sending' AND receiver IN (SELECT value FROM json_each(?))
"""

# As if the alert had opened at the start: earlier attempts, all of which were given up, do not count.
_OWE = """
    INSERT INTO outbox (transition_seq, alert_key, receiver, created_at, due_at)
    SELECT t.seq, t.key, r.value, ?, ?
    FROM alerts a JOIN alert_transitions t ON t.key = a.key AND t.episode = a.episode, json_each(?) r
    WHERE a.state IN ('firing', 'recovering') AND t.ordinal = (
        SELECT max(l.ordinal) FROM alert_transitions l
        WHERE l.key = a.key AND l.episode = a.episode AND l.kind IN ('open', 'raise')
    )
    ORDER BY t.seq
    ON CONFLICT (transition_seq, receiver) DO UPDATE
    SET state = 'due', created_at = excluded.created_at, due_at = excluded.due_at, attempts = 0, attempted_at = NULL,
        finished_at = NULL
    WHERE state = 'dead'
"""

_TRY_NOW = "UPDATE outbox SET due_at = ? WHERE state = 'due' AND problem IS NOT NULL"

_ARE_ORPHANS = """
    WHERE o.state IN ('due', 'sending') AND o.receiver NOT IN (SELECT value FROM json_each(?)) ORDER BY o.id
"""

_BURY_ORPHANS = """
    UPDATE outbox
    SET state = 'dead', finished_at = ?, last_reason = 'this receiver is not configured any more', problem = NULL
    WHERE state IN ('due', 'sending') AND receiver NOT IN (SELECT value FROM json_each(?))
"""

_COUNTS = "SELECT state, count(*), min(created_at) FROM outbox WHERE state IN ('due', 'sending', 'dead') GROUP BY state"

_PROBLEMS = "SELECT receiver, problem FROM outbox WHERE problem IS NOT NULL ORDER BY attempted_at"


def enqueue(connection: Connection, seq: int, transition: Transition, receivers: Iterable[str]) -> None:
    """Owe a transition, stored under `seq`, to each receiver, at once."""
    at = microseconds(transition.at)
    connection.executemany(_ENQUEUE, [(seq, transition.key, receiver, at, at) for receiver in receivers])


def due(connection: Connection, receiver: str, now: datetime, limit: int) -> tuple[Notification, ...]:
    at = microseconds(now)
    return _notifications(connection.execute(_ROWS + _ARE_DUE, (receiver, at, at, limit)))


def next_due_at(connection: Connection, receiver: str, now: datetime) -> datetime | None:
    at = microseconds(now)
    (found,) = connection.execute(_NEXT_DUE, (at, at, receiver)).fetchone()
    return maybe_moment(found)


def dead_letters(connection: Connection) -> tuple[DeadLetter, ...]:
    rows = connection.execute(_ROWS + _ARE_DEAD).fetchall()
    return tuple(
        DeadLetter(notification=notification, reason=row[-2], at=moment(row[-1]))
        for notification, row in zip(_notifications(rows), rows, strict=True)
    )


def begin(connection: Connection, notification_id: int, at: datetime) -> None:
    _update(connection, _BEGIN, (microseconds(at), notification_id), expected="due")


def finish(connection: Connection, notification_id: int, receipt: Receipt, at: datetime) -> None:
    row = (microseconds(at), plain(receipt.channel), plain(receipt.message_id), notification_id)
    _update(connection, _FINISH, row, expected="being sent")
    connection.execute(_MEND, (notification_id,))


def defer(
    connection: Connection,
    notification_id: int,
    due_at: datetime,
    reason: str,
    *,
    may_have_arrived: bool,
    is_problem: bool,
) -> None:
    text = plain(reason)
    row = (microseconds(due_at), text, may_have_arrived, text if is_problem else None, notification_id)
    _update(connection, _DEFER, row, expected="due or being sent")


def bury(connection: Connection, notification_id: int, at: datetime, reason: str) -> None:
    text = plain(reason)
    _update(connection, _BURY, (microseconds(at), text, text, notification_id), expected="due or being sent")


def revive(connection: Connection, receivers: Sequence[str], at: datetime) -> int:
    return connection.execute(_REVIVE, (microseconds(at), json.dumps(receivers))).rowcount


def resume(connection: Connection, receivers: Sequence[str], at: datetime) -> Resumed:
    now, names = microseconds(at), json.dumps(receivers)
    interrupted = revive(connection, receivers, at)
    owed = connection.execute(_OWE, (now, now, names)).rowcount
    connection.execute(_TRY_NOW, (now,))
    orphans = _notifications(connection.execute(_ROWS + _ARE_ORPHANS, (names,)))
    connection.execute(_BURY_ORPHANS, (now, names))
    return Resumed(interrupted=interrupted, owed=owed, orphans=orphans)


def figures(connection: Connection) -> OutboxFigures:
    counts = {state: (count, oldest) for state, count, oldest in connection.execute(_COUNTS)}
    unsent = [counts[state][1] for state in ("due", "sending") if state in counts]
    return OutboxFigures(
        due=counts.get("due", (0,))[0],
        sending=counts.get("sending", (0,))[0],
        dead=counts.get("dead", (0,))[0],
        oldest_created_at=maybe_moment(min(unsent, default=None)),
        problems=tuple(sorted(dict(connection.execute(_PROBLEMS)).items())),
    )


def _update(connection: Connection, statement: str, row: Row, *, expected: str) -> None:
    if connection.execute(statement, row).rowcount != 1:
        raise StoreError(f"notification {row[-1]} is not {expected}: two senders work on one outbox")


def _notifications(rows: Iterable[Row]) -> tuple[Notification, ...]:
    reader = RowReader()
    return tuple(
        Notification(
            id=notification_id,
            receiver=receiver,
            transition=reader.transition(tuple(transition)),
            created_at=moment(created_at),
            due_at=moment(due_at),
            attempts=attempts,
            is_possible_duplicate=bool(is_possible_duplicate),
        )
        for notification_id, receiver, created_at, due_at, attempts, is_possible_duplicate, *transition, _, _ in rows
    )
