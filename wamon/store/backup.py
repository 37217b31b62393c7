"""A copy of the database that can be trusted: taken while a daemon writes, whole or not there, and looked through."""

import os
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlite_utils import Database

from wamon.core.errors import StoreError
from wamon.store.faults import store_error
from wamon.store.migrations import check_origin, migrations
from wamon.store.rows import moment

# Another program may hold the database for a moment, never for long.
_PATIENCE_SECONDS: Final = 10.0
_TABLES: Final = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '*sqlite_*' ORDER BY name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a sound database holds.

    `schema` is the last step taken towards the present schema, `is_current` whether none is left to take; `last_at`
    is when a daemon last wrote, None if none ever did.
    """

    schema: str
    is_current: bool
    last_at: datetime | None
    size_bytes: int
    rows: Mapping[str, int]


def backup(database: Path, target: Path, *, replace: bool = False) -> Contents:
    """Copy a database to a file that is checked before it gets its name, for the owner alone.

    A daemon may write meanwhile: the copy is of one moment, and nobody waits for it. An existing file is refused
    unless `replace`, and then it is there, old or new, at every moment. Raises StoreError.
    """
    database, target = database.resolve(), target.resolve()
    _check_target(database, target, replace=replace)
    try:
        with closing(_opened(database)) as source:
            check_origin(Database(source, execute_plugins=False), database)
            return _written(source, target)
    except (sqlite3.Error, OSError) as exc:
        raise store_error(database, exc) from exc


def check(database: Path) -> Contents:
    """What a backup holds. Raises StoreError for one that is damaged, empty, of another program or a newer wamon."""
    database = database.resolve()
    try:
        with closing(_opened(database)) as connection:
            return _contents(connection, database)
    except (sqlite3.Error, OSError) as exc:
        raise store_error(database, exc) from exc


def row_counts(connection: sqlite3.Connection) -> Mapping[str, int]:
    """How many rows each table has."""
    names = [name for (name,) in connection.execute(_TABLES)]
    return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}  # noqa: S608 - our tables


def _check_target(database: Path, target: Path, *, replace: bool) -> None:
    if target.is_dir():
        raise StoreError(f"{target} is a directory: name a file in it")
    if not target.exists():
        return
    if not replace:
        raise StoreError(f"{target} exists already: name a file that does not, or ask to overwrite it")
    if database.exists() and target.samefile(database):
        raise StoreError(f"{target} is the database itself: name another file")


def _opened(database: Path) -> sqlite3.Connection:
    """A connection that only reads."""
    if not database.exists():
        raise StoreError(f"there is no database {database}: name the one that wamon writes in WAMON_DATABASE")
    return sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=_PATIENCE_SECONDS, isolation_level=None)


def _written(source: sqlite3.Connection, target: Path) -> Contents:
    """Write, check and name the copy."""
    try:
        # A name of its own, so that two who copy at once do not mix; the mode is the owner's alone from the first byte.
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    except OSError as exc:
        raise store_error(target, exc) from exc
    os.close(descriptor)
    part = Path(name)
    try:
        with closing(sqlite3.connect(part, isolation_level=None)) as copy:
            # All in one step: in slices it would begin anew with every commit of the daemon.
            source.backup(copy)
            # One file that needs no other beside it; who opens it to write sets this back.
            copy.execute("PRAGMA journal_mode = DELETE")
            contents = _contents(copy, target)
        _sync(part)
        part.replace(target)
        _sync(target.parent)
    except (sqlite3.Error, OSError) as exc:
        raise store_error(target, exc) from exc
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
    return contents


def _contents(connection: sqlite3.Connection, database: Path) -> Contents:
    """Read every page. Raises StoreError for what no wamon of this version could go on with."""
    db = Database(connection, execute_plugins=False)
    check_origin(db, database)
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict == "ok" and connection.execute("PRAGMA foreign_key_check").fetchone():
        verdict = "a row refers to one that is not there"
    if verdict != "ok":
        raise StoreError(f"database {database} is damaged: use another backup ({verdict})")
    applied = migrations().applied(db)
    if not applied:
        raise StoreError(f"database {database} is empty: no wamon ever ran with it")
    (pages,), (page_size,) = (connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
    written = connection.execute("SELECT moment_at FROM instance WHERE moment_at IS NOT NULL").fetchone()
    return Contents(
        schema=applied[-1].name,
        is_current=not migrations().pending(db),
        last_at=moment(written[0]) if written else None,
        size_bytes=pages * page_size,
        rows=row_counts(connection),
    )


def _sync(path: Path) -> None:
    """Bring a file, or the names in a directory, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
