"""Every failure of the database names the file and the next step."""

import errno
import sqlite3
from pathlib import Path

import pytest

from wamon.store.faults import store_error

DATABASE = Path("/var/lib/wamon/wamon.db")


def sqlite_fault(code: int) -> sqlite3.Error:
    exc = sqlite3.OperationalError("its own words")
    exc.sqlite_errorcode = code
    return exc


@pytest.mark.parametrize(
    ("exc", "advice"),
    [
        (sqlite_fault(sqlite3.SQLITE_FULL), "make room"),
        (sqlite_fault(sqlite3.SQLITE_READONLY), "it is read-only"),
        (sqlite_fault(sqlite3.SQLITE_READONLY_DBMOVED), "was moved away"),
        (sqlite_fault(sqlite3.SQLITE_BUSY), "another program holds it locked"),
        (sqlite_fault(sqlite3.SQLITE_BUSY_SNAPSHOT), "another program holds it locked"),
        (sqlite_fault(sqlite3.SQLITE_CORRUPT), "restore a backup"),
        (sqlite_fault(sqlite3.SQLITE_NOTADB), "is not a SQLite database"),
        (sqlite_fault(sqlite3.SQLITE_IOERR_FSYNC), "look at the kernel log"),
        (sqlite_fault(sqlite3.SQLITE_CANTOPEN), "its directory must exist"),
        (sqlite_fault(sqlite3.SQLITE_CONSTRAINT_UNIQUE), "nothing was written"),
        (sqlite_fault(sqlite3.SQLITE_MISUSE), "it did not do as asked"),
        (sqlite3.ProgrammingError("its own words"), "it did not do as asked"),
        (PermissionError(errno.EACCES, "its own words"), "must own the file"),
        (OSError(errno.EROFS, "its own words"), "it is read-only"),
        (OSError(errno.ENOSPC, "its own words"), "make room"),
        (OSError(errno.ENOTDIR, "its own words"), "its directory must exist"),
        (OSError("its own words"), "its directory must exist"),
    ],
)
def test_fault_names_the_database_the_next_step_and_the_original_words(
    exc: sqlite3.Error | OSError, advice: str
) -> None:
    text = str(store_error(DATABASE, exc))

    assert text.startswith("database /var/lib/wamon/wamon.db: ")
    assert advice in text
    assert "its own words" in text
