"""The outbox table: what is owed to whom, from the commit that caused it to the receipt.

A row is due, sending, done or dead. Of the rows of one alert for one receiver only the oldest that is neither done nor
dead may go out, so that "resolved" never overtakes "firing".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from sqlite3 import Connection

from wamon.core.alerting import Transition
from wamon.core.errors import StoreError
from wamon.core.ports import Notification, OutboxFigures, Receipt
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

_DUE = """
    SELECT o.id, o.receiver, o.created_at, o.due_at, o.attempts, o.is_possible_duplicate,
           t.key, t.rule, t.subject_kind, t.subject_labels, t.episode, t.ordinal, t.kind, t.severity, t.at,
           t.observed_at, t.opened_at, t.last_confirmed_at, t.returns, t.what, t.evidence, t.close_reason
    FROM outbox o JOIN alert_transitions t ON t.seq = o.transition_seq
    WHERE o.state = 'due' AND o.due_at <= ? AND NOT EXISTS (
        SELECT 1 FROM outbox e
        WHERE e.alert_key = o.alert_key AND e.receiver = o.receiver AND e.id < o.id AND e.state IN ('due', 'sending')
    )
    ORDER BY o.id LIMIT ?
"""

_DEAD = """
    SELECT o.last_reason, o.finished_at,
           o.id, o.receiver, o.created_at, o.due_at, o.attempts, o.is_possible_duplicate,
           t.key, t.rule, t.subject_kind, t.subject_labels, t.episode, t.ordinal, t.kind, t.severity, t.at,
           t.observed_at, t.opened_at, t.last_confirmed_at, t.returns, t.what, t.evidence, t.close_reason
    FROM outbox o JOIN alert_transitions t ON t.seq = o.transition_seq
    WHERE o.state = 'dead' ORDER BY o.id
"""

_BEGIN = """
    UPDATE outbox SET state = 'sending', attempts = attempts + 1, attempted_at = ? WHERE id = ? AND state = 'due'
"""

_FINISH = """
    UPDATE outbox SET state = 'done', finished_at = ?, channel = ?, message_id = ? WHERE id = ? AND state = 'sending'
"""

_DEFER = """
    UPDATE outbox
    SET state = 'due', due_at = ?, last_reason = ?, is_possible_duplicate = max(is_possible_duplicate, ?)
    WHERE id = ? AND state IN ('due', 'sending')
"""

_BURY = """
    UPDATE outbox SET state = 'dead', finished_at = ?, last_reason = ? WHERE id = ? AND state IN ('due', 'sending')
"""

_REVIVE = """
    UPDATE outbox SET state = 'due', due_at = ?, last_reason = 'interrupted', is_possible_duplicate = 1
    WHERE state = 'sending'
"""

_COUNTS = "SELECT state, count(*), min(created_at) FROM outbox WHERE state IN ('due', 'sending', 'dead') GROUP BY state"

# Only the rows whose turn it is: one that waits behind another is long due and would make the sender spin.
_NEXT_DUE = """
    SELECT min(o.due_at) FROM outbox o
    WHERE o.state = 'due' AND NOT EXISTS (
        SELECT 1 FROM outbox e
        WHERE e.alert_key = o.alert_key AND e.receiver = o.receiver AND e.id < o.id AND e.state IN ('due', 'sending')
    )
"""


def enqueue(connection: Connection, seq: int, transition: Transition, receivers: Iterable[str]) -> None:
    """Owe a transition, stored under `seq`, to each receiver, at once."""
    at = microseconds(transition.at)
    connection.executemany(_ENQUEUE, [(seq, transition.key, receiver, at, at) for receiver in receivers])


def due(connection: Connection, now: datetime, limit: int) -> tuple[Notification, ...]:
    reader = RowReader()
    return tuple(_notification(reader, row) for row in connection.execute(_DUE, (microseconds(now), limit)))


def dead_letters(connection: Connection) -> tuple[DeadLetter, ...]:
    reader = RowReader()
    return tuple(
        DeadLetter(notification=_notification(reader, row[2:]), reason=row[0], at=moment(row[1]))
        for row in connection.execute(_DEAD)
    )


def begin(connection: Connection, notification_id: int, at: datetime) -> None:
    _update(connection, _BEGIN, (microseconds(at), notification_id), expected="due")


def finish(connection: Connection, notification_id: int, receipt: Receipt, at: datetime) -> None:
    row = (microseconds(at), plain(receipt.channel), plain(receipt.message_id), notification_id)
    _update(connection, _FINISH, row, expected="being sent")


def defer(
    connection: Connection, notification_id: int, due_at: datetime, reason: str, *, may_have_arrived: bool
) -> None:
    row = (microseconds(due_at), plain(reason), may_have_arrived, notification_id)
    _update(connection, _DEFER, row, expected="due or being sent")


def bury(connection: Connection, notification_id: int, at: datetime, reason: str) -> None:
    _update(connection, _BURY, (microseconds(at), plain(reason), notification_id), expected="due or being sent")


def revive(connection: Connection, at: datetime) -> int:
    return connection.execute(_REVIVE, (microseconds(at),)).rowcount


def figures(connection: Connection) -> OutboxFigures:
    counts = {state: (count, oldest) for state, count, oldest in connection.execute(_COUNTS)}
    (next_due_at,) = connection.execute(_NEXT_DUE).fetchone()
    unsent = [counts[state][1] for state in ("due", "sending") if state in counts]
    return OutboxFigures(
        due=counts.get("due", (0,))[0],
        sending=counts.get("sending", (0,))[0],
        dead=counts.get("dead", (0,))[0],
        oldest_created_at=maybe_moment(min(unsent, default=None)),
        next_due_at=maybe_moment(next_due_at),
    )


def _update(connection: Connection, statement: str, row: Row, *, expected: str) -> None:
    if connection.execute(statement, row).rowcount != 1:
        raise StoreError(f"notification {row[-1]} is not {expected}: two senders work on one outbox")


def _notification(reader: RowReader, row: Row) -> Notification:
    notification_id, receiver, created_at, due_at, attempts, is_possible_duplicate = row[:6]
    return Notification(
        id=notification_id,
        receiver=receiver,
        transition=reader.transition(row[6:]),
        created_at=moment(created_at),
        due_at=moment(due_at),
        attempts=attempts,
        is_possible_duplicate=bool(is_possible_duplicate),
    )
