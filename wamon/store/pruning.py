"""Forgetting: what is older than anybody asks for, in slices, in an order that keeps references whole."""

from datetime import datetime
from sqlite3 import Connection

from wamon.store.rows import microseconds

# Each takes a bounded slice, in an order that keeps references whole. The life of an open alert is never cut, nor is
# what tells that it was announced. The count of an alert's episodes outlives its transitions, whose numbers it guards.
_PRUNE = (
    "DELETE FROM history WHERE id IN (SELECT id FROM history WHERE at < ? LIMIT ?)",
    "DELETE FROM markers WHERE seq IN (SELECT seq FROM markers WHERE at < ? LIMIT ?)",
    """
    DELETE FROM outbox WHERE id IN (
        SELECT o.id FROM outbox o LEFT JOIN groups g ON g.id = o.group_id
        WHERE o.state IN ('done', 'dead') AND o.finished_at < ? AND (g.id IS NULL OR g.closed_at IS NOT NULL) LIMIT ?
    )
    """,
    """
    DELETE FROM attempts WHERE id IN (
        SELECT a.id FROM attempts a
        WHERE a.started_at < ? AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.attempt_id = a.id) LIMIT ?
    )
    """,
    """
    DELETE FROM groups WHERE id IN (
        SELECT g.id FROM groups g
        WHERE g.closed_at < ? AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.group_id = g.id AND o.group_id > 0)
          AND NOT EXISTS (SELECT 1 FROM standings s WHERE s.group_id = g.id)
          AND NOT EXISTS (SELECT 1 FROM groups l WHERE l.id = g.storm_id AND l.closed_at IS NULL)
        LIMIT ?
    )
    """,
    """
    DELETE FROM threads WHERE (receiver, group_id) IN (
        SELECT t.receiver, t.group_id FROM threads t
        WHERE ? > 0 AND NOT EXISTS (SELECT 1 FROM groups g WHERE g.id = t.group_id) LIMIT ?
    )
    """,
    "DELETE FROM acts WHERE id IN (SELECT id FROM acts WHERE at < ? LIMIT ?)",
    """
    DELETE FROM alert_transitions WHERE seq IN (
        SELECT t.seq FROM alert_transitions t
        WHERE t.at < ?
          AND NOT EXISTS (SELECT 1 FROM outbox_items i WHERE i.transition_seq = t.seq)
          AND NOT EXISTS (SELECT 1 FROM groups g WHERE g.id = t.group_id)
          AND NOT EXISTS (
              SELECT 1 FROM alerts a
              WHERE a.key = t.key AND a.episode = t.episode AND a.state IN ('firing', 'recovering')
          )
        LIMIT ?
    )
    """,
    """
    DELETE FROM alerts WHERE key IN (
        SELECT a.key FROM alerts a
        WHERE a.state = 'inactive' AND a.last_observed_at < ?
          AND NOT EXISTS (SELECT 1 FROM alert_transitions t WHERE t.key = a.key)
        LIMIT ?
    )
    """,
)


def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Forget at most `limit` rows of each kind; how many went in all."""
    return sum(connection.execute(statement, (microseconds(before), limit)).rowcount for statement in _PRUNE)
