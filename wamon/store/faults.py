"""What a failure of the database means to the person who must mend it."""

import errno
import sqlite3
from pathlib import Path

from wamon.core.errors import StoreError

# The low byte of an extended result code is its family. Source: sqlite.org "Result and Error Codes", read 2026-11.
_FAMILY = 0xFF

_ADVICE = {
    sqlite3.SQLITE_PERM: "access denied: the user that runs wamon must own the file and its directory",
    sqlite3.SQLITE_READONLY: (
        "it is read-only, or was moved away: check its owner, its mode and the mount, then start wamon again"
    ),
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: its directory must exist and belong to the user that runs wamon",
    sqlite3.SQLITE_FULL: "the disk, or the space allowed to it, is full: make room",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write: look at the kernel log and the free space",
    sqlite3.SQLITE_BUSY: "another program holds it locked: end the sqlite3 shell or the copy that reads it",
    sqlite3.SQLITE_LOCKED: "another program holds it locked: end the sqlite3 shell or the copy that reads it",
    sqlite3.SQLITE_CORRUPT: "it is damaged: restore a backup, or move it away to start afresh",
    sqlite3.SQLITE_NOTADB: "it is not a SQLite database: name another file in WAMON_DATABASE",
    sqlite3.SQLITE_CONSTRAINT: "it refused what contradicts it; nothing was written, please report this",
}


# What the operating system says before SQLite is asked; anything else means that there is no way to the file.
_ADVISED_AS = {
    errno.EACCES: sqlite3.SQLITE_PERM,
    errno.EPERM: sqlite3.SQLITE_PERM,
    errno.EROFS: sqlite3.SQLITE_READONLY,
    errno.ENOSPC: sqlite3.SQLITE_FULL,
    errno.EDQUOT: sqlite3.SQLITE_FULL,
    errno.EIO: sqlite3.SQLITE_IOERR,
}


def store_error(path: Path, exc: sqlite3.Error | OSError) -> StoreError:
    """The error that may leave the store: it names the database, the next step and the original words."""
    if isinstance(exc, OSError):
        code = _ADVISED_AS.get(exc.errno or 0, sqlite3.SQLITE_CANTOPEN)
    else:
        # The module's own complaints carry no code.
        code = getattr(exc, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    advice = _ADVICE.get(code & _FAMILY, "it did not do as asked")
    return StoreError(f"database {path}: {advice} ({exc})")
