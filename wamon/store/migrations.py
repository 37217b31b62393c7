"""The schema, as the steps that lead to it; a database remembers which it has taken."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlite_utils import Database, Migrations

from wamon.core.errors import StoreError
from wamon.store.rows import microseconds

# "wamo": tells our files from other programs' (PRAGMA application_id).
APPLICATION_ID = 0x77616D6F


def migrations() -> Migrations:
    """Every step there is, in order."""
    steps = Migrations("wamon")
    for step in _STEPS:
        steps()(step)
    return steps


def migrate(db: Database, *, now: datetime) -> None:
    """Bring a database to the present schema in one transaction: a failure leaves it as it was.

    A database that is born here gets its install id, which it keeps for life.
    """
    steps = migrations()
    if not steps.pending(db):
        return
    with db.atomic():
        steps.apply(db)
        db.conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.conn.execute(_BIRTH, (microseconds(now),))


def check_origin(db: Database, path: Path) -> None:
    """Refuse a database of another program or of a newer wamon, before anything is written."""
    (application_id,) = db.conn.execute("PRAGMA application_id").fetchone()
    (tables,) = db.conn.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables:
        return
    if application_id != APPLICATION_ID:
        raise StoreError(
            f"database {path} belongs to another program and was left untouched: name another file in WAMON_DATABASE"
        )
    known = {step.__name__ for step in _STEPS}
    newer = [step.name for step in migrations().applied(db) if step.name not in known]
    if newer:
        raise StoreError(
            f"database {path} was written by a newer wamon (schema step {newer[-1]}): "
            "run that version, or restore the backup from before the upgrade"
        )


def m0001_health_alerts_outbox(db: Database) -> None:
    """Moments and durations are microseconds (UTC), values and labels JSON."""
    for statement in _HEALTH_ALERTS_OUTBOX:
        db.conn.execute(statement)


def m0002_ledger(db: Database) -> None:
    """Within a message, stamps are differences in seconds; notices and quarantine stand at microseconds."""
    for statement in _LEDGER:
        db.conn.execute(statement)


# A step that was released is never edited: a further one follows it.
_HEALTH_ALERTS_OUTBOX = (
    """
    CREATE TABLE instance (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        install_id TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        moment_at INTEGER,
        moment_boot_id TEXT,
        moment_monotonic REAL
    ) STRICT
    """,
    """
    CREATE TABLE facts (
        subject_kind TEXT NOT NULL,
        subject_labels TEXT NOT NULL,
        signal TEXT NOT NULL,
        value TEXT,
        raw TEXT,
        known TEXT,
        before TEXT,
        observed_at INTEGER NOT NULL,
        changed_at INTEGER,
        stale_at INTEGER NOT NULL,
        is_current INTEGER NOT NULL,
        source TEXT NOT NULL,
        PRIMARY KEY (subject_kind, subject_labels, signal)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE history (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        subject_kind TEXT NOT NULL,
        subject_labels TEXT NOT NULL,
        signal TEXT NOT NULL,
        before TEXT,
        after TEXT,
        raw TEXT,
        source TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX history_by_time ON history (at)",
    """
    CREATE TABLE alerts (
        key TEXT PRIMARY KEY,
        rule TEXT NOT NULL,
        subject_kind TEXT NOT NULL,
        subject_labels TEXT NOT NULL,
        state TEXT NOT NULL,
        severity INTEGER NOT NULL,
        since INTEGER NOT NULL,
        last_observed_at INTEGER NOT NULL,
        last_confirmed_at INTEGER NOT NULL,
        episode INTEGER NOT NULL,
        ordinal INTEGER NOT NULL,
        is_stale INTEGER NOT NULL,
        opened_at INTEGER,
        counted INTEGER NOT NULL,
        credited INTEGER NOT NULL,
        lower_credited INTEGER NOT NULL,
        unknown_since INTEGER,
        returns INTEGER NOT NULL,
        what TEXT NOT NULL,
        evidence TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE alert_transitions (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL,
        rule TEXT NOT NULL,
        subject_kind TEXT NOT NULL,
        subject_labels TEXT NOT NULL,
        episode INTEGER NOT NULL,
        ordinal INTEGER NOT NULL,
        kind TEXT NOT NULL,
        severity INTEGER NOT NULL,
        at INTEGER NOT NULL,
        observed_at INTEGER NOT NULL,
        opened_at INTEGER NOT NULL,
        last_confirmed_at INTEGER NOT NULL,
        returns INTEGER NOT NULL,
        what TEXT NOT NULL,
        evidence TEXT NOT NULL,
        close_reason TEXT,
        UNIQUE (key, episode, ordinal)
    ) STRICT
    """,
    "CREATE INDEX alert_transitions_by_time ON alert_transitions (at)",
    """
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        transition_seq INTEGER NOT NULL REFERENCES alert_transitions (seq),
        alert_key TEXT NOT NULL,
        receiver TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'sending', 'done', 'dead')),
        attempts INTEGER NOT NULL DEFAULT 0,
        created_at INTEGER NOT NULL,
        due_at INTEGER NOT NULL,
        attempted_at INTEGER,
        finished_at INTEGER,
        is_possible_duplicate INTEGER NOT NULL DEFAULT 0,
        last_reason TEXT,
        problem TEXT,
        channel TEXT,
        message_id TEXT,
        UNIQUE (transition_seq, receiver)
    ) STRICT
    """,
    "CREATE INDEX outbox_by_state ON outbox (state, id)",
    "CREATE INDEX outbox_waiting ON outbox (alert_key, receiver, id) WHERE state IN ('due', 'sending')",
    "CREATE INDEX outbox_problems ON outbox (receiver) WHERE problem IS NOT NULL",
    """
    CREATE TABLE counters (
        name TEXT NOT NULL,
        labels TEXT NOT NULL,
        value INTEGER NOT NULL,
        PRIMARY KEY (name, labels)
    ) STRICT, WITHOUT ROWID
    """,
)

_LEDGER = (
    # `day` leads the key, so that what is written lies together and age is a range; negative is a day of receipt.
    """
    CREATE TABLE messages (
        day INTEGER NOT NULL,
        digest BLOB NOT NULL,
        first_at INTEGER NOT NULL,
        seen INTEGER NOT NULL,
        sent_at INTEGER,
        delivered_at INTEGER,
        error_code INTEGER,
        category ANY,
        PRIMARY KEY (day, digest)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE tally_journal (
        seq INTEGER PRIMARY KEY,
        tally TEXT NOT NULL,
        entries TEXT NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE tallies (
        bucket INTEGER NOT NULL,
        figure TEXT NOT NULL,
        waba_id TEXT NOT NULL,
        phone_number_id TEXT NOT NULL,
        label TEXT NOT NULL,
        value INTEGER NOT NULL,
        PRIMARY KEY (bucket, figure, waba_id, phone_number_id, label)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE notices (
        digest BLOB PRIMARY KEY,
        at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX notices_by_time ON notices (at)",
    """
    CREATE TABLE quarantine (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        reason TEXT NOT NULL,
        skeleton TEXT NOT NULL
    ) STRICT
    """,
)

_STEPS: tuple[Callable[[Database], None], ...] = (m0001_health_alerts_outbox, m0002_ledger)

_BIRTH = """
    INSERT INTO instance (id, install_id, created_at) VALUES (1, lower(hex(randomblob(16))), ?)
    ON CONFLICT (id) DO NOTHING
"""
