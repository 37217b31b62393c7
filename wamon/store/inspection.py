"""What the files of a database tell without being touched: soundness, schema, sizes, and who holds it."""

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlite_utils import Database

from wamon.core.errors import StoreError
from wamon.store.faults import store_error
from wamon.store.migrations import check_origin, migrations

SQLITE_VERSION: Final = sqlite3.sqlite_version

_PATIENCE_SECONDS: Final = 2.0
_HOLDER_BYTES: Final = 300
# How many of SQLite's steps pass between two looks at whether the time is up; a look costs next to nothing.
_STEPS_BETWEEN_LOOKS: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """A database as it lies there.

    `is_checked` is false when the quick check was not done in time. `schema` is the last step taken, None in an empty
    file; `holder` is who runs with it, in words, None for nobody.
    """

    is_checked: bool
    schema: str | None
    is_current: bool
    size_bytes: int
    wal_bytes: int
    free_bytes: int
    holder: str | None


def inspect(database: Path, *, is_over: Callable[[], bool]) -> Inspection | None:
    """Look at a database beside the daemon that writes it; None where there is none yet.

    The quick check reads every page, and is broken off when `is_over`. Raises StoreError for what wamon cannot use.
    """
    database = database.resolve()
    if not database.exists():
        return None
    try:
        with closing(_opened(database)) as connection:
            db = Database(connection, execute_plugins=False)
            check_origin(db, database)
            applied = migrations().applied(db)
            is_current = not migrations().pending(db)
            is_checked = _quick_check(connection, database, is_over)
        wal = database.with_name(f"{database.name}-wal")
        return Inspection(
            is_checked=is_checked,
            schema=applied[-1].name if applied else None,
            is_current=is_current,
            size_bytes=database.stat().st_size,
            wal_bytes=wal.stat().st_size if wal.exists() else 0,
            free_bytes=shutil.disk_usage(database.parent).free,
            holder=holder(database),
        )
    except (sqlite3.Error, OSError) as exc:
        raise store_error(database, exc) from exc


def holder(database: Path) -> str | None:
    """Who holds a database, as it wrote of itself; None for nobody. Raises OSError.

    There is no asking without trying: the lock is shared for a moment, and only by who already finds its file.
    """
    file = database.resolve().with_name(f"{database.name}.lock")
    if not file.exists():
        return None
    descriptor = os.open(file, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.read(descriptor, _HOLDER_BYTES).decode(errors="replace").strip() or "another process"
    finally:
        os.close(descriptor)
    return None


def _opened(database: Path) -> sqlite3.Connection:
    """A connection that only reads."""
    uri = f"{database.as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, timeout=_PATIENCE_SECONDS, isolation_level=None)


def _quick_check(connection: sqlite3.Connection, database: Path, is_over: Callable[[], bool]) -> bool:
    """Whether every page was read in time."""
    connection.set_progress_handler(is_over, _STEPS_BETWEEN_LOOKS)
    try:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as exc:
        if exc.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return False
        raise
    finally:
        connection.set_progress_handler(None, 0)
    if verdict != "ok":
        raise StoreError(f"database {database} is damaged: restore a backup ({verdict})")
    return True
