"""The schema, as the steps that lead to it; a database remembers which it has taken."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlite_utils import Database, Migrations

from wamon.core.errors import StoreError
from wamon.store.rows import microseconds
from wamon.store.schema import CARRY_OVER, HEALTH_ALERTS_OUTBOX, KNOWN_BEFORE, LEDGER, MARKERS, TELLING

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
    for statement in HEALTH_ALERTS_OUTBOX:
        db.conn.execute(statement)


def m0002_ledger(db: Database) -> None:
    """Within a message, stamps are differences in seconds; notices and quarantine stand at microseconds."""
    for statement in LEDGER:
        db.conn.execute(statement)


def m0003_telling(db: Database) -> None:
    """Groups, standings, silences, acts; an outbox of announcements with its attempts and threads."""
    for statement in (*TELLING, *CARRY_OVER):
        db.conn.execute(statement)


def m0004_markers(db: Database) -> None:
    """What people say they did, beside what was seen."""
    for statement in MARKERS:
        db.conn.execute(statement)


def m0005_known_before(db: Database) -> None:
    """Each change with what was known before it, so that what only came back is told from what is new."""
    for statement in KNOWN_BEFORE:
        db.conn.execute(statement)


_STEPS: tuple[Callable[[Database], None], ...] = (
    m0001_health_alerts_outbox,
    m0002_ledger,
    m0003_telling,
    m0004_markers,
    m0005_known_before,
)

_BIRTH = """
    INSERT INTO instance (id, install_id, created_at) VALUES (1, lower(hex(randomblob(16))), ?)
    ON CONFLICT (id) DO NOTHING
"""
