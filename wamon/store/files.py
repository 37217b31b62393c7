"""The ground a database stands on: its directory, its file system, and the lock that keeps a second daemon out."""

import fcntl
import os
import re
import socket
from datetime import datetime
from pathlib import Path

from wamon.core.errors import StoreError, StoreInUseError

MOUNTS = Path("/proc/self/mounts")

# SQLite's locks and its shared memory do not hold across machines. Source: sqlite.org "Write-Ahead Logging" and
# "SQLite Over a Network", read 2026-11. 9p and virtiofs are not here: sandboxes and virtual machines show their host's
# own disk through them, and where shared memory does not work SQLite says so itself.
_NETWORK_TYPES = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "ncpfs", "afs", "coda", "davfs", "ceph", "glusterfs"),
        *("lustre", "beegfs", "orangefs", "pvfs2", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs"),
        *(
            "fuse.rclone",
            "fuse.gcsfuse",
            "fuse.goofys",
            "fuse.davfs2",
            "fuse.juicefs",
            "fuse.smbnetfs",
            "fuse.curlftpfs",
        ),
    }
)

_SQLITE_HEADER = b"SQLite format 3\x00"
_HOLDER_BYTES = 300


class DatabaseLock:
    """The exclusive right to a database, for as long as it is held or the process lives.

    The lock file stays behind: removing it would let two daemons lock two files of one name.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self._file = database.with_name(f"{database.name}.lock")
        self._descriptor: int | None = None
        self._identity: tuple[int, int] | None = None

    def take(self, *, now: datetime) -> None:
        """Hold the lock from here on. Raises StoreInUseError, which names the holder."""
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"pid {os.getpid()} on {socket.gethostname()} since {now.isoformat()}\n".encode())
        except BlockingIOError as exc:
            holder = os.read(descriptor, _HOLDER_BYTES).decode(errors="replace").strip()
            os.close(descriptor)
            raise StoreInUseError(
                f"database {self._database} is in use by wamon {holder or 'in another process'}; "
                "stop it or use another WAMON_DATABASE"
            ) from exc
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        self._identity = identity(self._file)

    def is_in_place(self) -> bool:
        """Whether the file that is held is still the one that another daemon would find."""
        return identity(self._file) == self._identity

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def prepare_directory(database: Path, *, mounts: Path) -> None:
    """Make the directory if it is missing, for the owner alone. Raises StoreError for a network file system."""
    database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    listing = mounts.read_text(encoding="utf-8", errors="replace") if mounts.exists() else ""
    kind = file_system(database.parent, listing)
    if kind in _NETWORK_TYPES:
        raise StoreError(
            f"database {database} lies on a network file system ({kind}), where its locks do not hold: "
            "name a path on a local disk in WAMON_DATABASE"
        )


def prepare_file(database: Path) -> None:
    """Make the file if it is missing, for the owner alone. Raises StoreError for what is no database, and leaves it.

    Call it under the lock: closing a file ends the locks that SQLite holds on it in the same process.
    """
    if database.is_dir():
        raise StoreError(f"database {database} is a directory: name a file in it in WAMON_DATABASE")
    with open(os.open(database, os.O_CREAT | os.O_RDONLY, 0o600), "rb") as file:  # noqa: PTH123 - Path.open takes no mode
        header = file.read(len(_SQLITE_HEADER))
    # An empty file is a database that was not begun yet.
    if header and header != _SQLITE_HEADER:
        raise StoreError(
            f"database {database} is not a SQLite database and was left untouched: name another file in WAMON_DATABASE"
        )


def identity(file: Path) -> tuple[int, int] | None:
    """What tells a file from another of the same name; None for one that is not there."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def file_system(directory: Path, mounts: str) -> str | None:
    """The type of the file system that holds a directory, from the text of /proc/mounts; None when it lists none."""
    found: tuple[int, str] | None = None
    for line in mounts.splitlines():
        _, mount_point, kind, *_ = line.split(" ")
        root = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), mount_point))
        depth = len(root.parts)
        # Of two mounts on one place the later hides the earlier.
        if directory.is_relative_to(root) and (found is None or depth >= found[0]):
            found = (depth, kind)
    return found[1] if found else None


def files_size(database: Path) -> int:
    """Bytes on disk, the write-ahead log included."""
    files = (database, database.with_name(f"{database.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
