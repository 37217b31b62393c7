"""A backup is whole or not there, whatever happens meanwhile."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.fakes import FakeClock
from tests.store.contract import Run
from tests.store.samples import GAUGE, MOMENT, SIGNALS, fact, owed, transition
from wamon.core.errors import StoreError
from wamon.store import SqliteStore
from wamon.store.backup import backup, check

ROOT = Path(__file__).parents[2]
WRITES = 50
TOLD = transition(group_id=1)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "wamon.db"


@pytest.fixture
def store(run: Run, database: Path) -> Iterator[SqliteStore]:
    """A store that a daemon has open, with one alert in it, and what is to be told of it."""
    it = SqliteStore(database, synchronous="OFF", clock=FakeClock())
    run(it.open())
    run(it.commit(owed(TOLD, facts=(fact(GAUGE, 1.0),))))
    yield it
    run(it.close())


def spoil(copy: Path, statement: str) -> None:
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(statement)


# --- writing ----------------------------------------------------------------------------------------------------------


def test_copy_is_a_database_of_its_own(run: Run, store: SqliteStore, database: Path, tmp_path: Path) -> None:
    found = backup(database, tmp_path / "copy.db")

    copy = SqliteStore(tmp_path / "copy.db", synchronous="OFF", clock=FakeClock())
    run(copy.open())
    assert run(copy.load(SIGNALS)) == run(store.load(SIGNALS))
    assert run(copy.transitions()) == (TOLD,)
    run(copy.close())
    assert found.last_at == MOMENT.at
    assert found.is_current
    assert found.rows["alert_transitions"] == 1
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600


def test_copy_is_one_file_and_nothing_is_left_beside_it(store: SqliteStore, database: Path, tmp_path: Path) -> None:
    (tmp_path / "safe").mkdir()

    found = backup(database, tmp_path / "safe" / "copy.db")

    assert [file.name for file in (tmp_path / "safe").iterdir()] == ["copy.db"]
    assert (tmp_path / "safe" / "copy.db").stat().st_size == found.size_bytes


def test_copies_made_while_another_process_commits_are_each_of_one_moment(database: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.store.writer", str(database)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as writer:
        assert writer.stdout is not None
        taken = []
        for turn in range(5):
            acknowledged = int([writer.stdout.readline() for _ in range(WRITES)][-1])
            found = backup(database, tmp_path / f"{turn}.db")
            taken.append((acknowledged, found.rows["alert_transitions"], found.rows["outbox"]))
        writer.kill()
        writer.stdout.read()

    for acknowledged, transitions, announcements in taken:
        assert transitions == announcements >= acknowledged
    assert sorted(taken) == taken


def test_existing_file_is_not_overwritten(store: SqliteStore, database: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")

    with pytest.raises(StoreError, match="exists already"):
        backup(database, tmp_path / "precious")

    assert (tmp_path / "precious").read_text() == "mine"


def test_existing_file_is_replaced_when_asked(store: SqliteStore, database: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("yesterday's")

    backup(database, tmp_path / "copy.db", replace=True)

    assert check(tmp_path / "copy.db").rows["alert_transitions"] == 1


def test_database_is_never_its_own_backup(store: SqliteStore, database: Path, tmp_path: Path) -> None:
    (tmp_path / "other-name").symlink_to(database)

    with pytest.raises(StoreError, match="is the database itself"):
        backup(database, tmp_path / "other-name", replace=True)


def test_damaged_database_does_not_replace_a_good_backup(
    run: Run, store: SqliteStore, database: Path, tmp_path: Path
) -> None:
    backup(database, tmp_path / "copy.db")
    run(store.close())
    spoil(database, "DELETE FROM sqlite_master WHERE name = 'alert_transitions_by_time'")

    with pytest.raises(StoreError, match="is damaged"):
        backup(database, tmp_path / "copy.db", replace=True)

    assert check(tmp_path / "copy.db").rows["alert_transitions"] == 1
    assert [file.name for file in tmp_path.iterdir() if file.name.endswith(".part")] == []


def test_nowhere_to_write_is_named(store: SqliteStore, database: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"absent/copy\.db: it cannot be opened"):
        backup(database, tmp_path / "absent" / "copy.db")

    with pytest.raises(StoreError, match="is a directory"):
        backup(database, tmp_path)


def test_no_database_is_named_and_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no database"):
        backup(tmp_path / "wamon.db", tmp_path / "copy.db")

    assert list(tmp_path.iterdir()) == []


# --- looking through --------------------------------------------------------------------------------------------------


def test_good_backup_is_told_and_untouched(store: SqliteStore, database: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    written = backup(database, copy)
    before = copy.read_bytes()

    assert check(copy) == written
    assert copy.read_bytes() == before


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM alert_transitions", "a row refers to one that is not there"),
        ("DELETE FROM sqlite_master WHERE name = 'alert_transitions_by_time'", "is damaged: use another backup"),
        ("PRAGMA application_id = 1", "belongs to another program"),
        ("UPDATE _sqlite_migrations SET name = 'm9999_future' WHERE id = 4", "written by a newer wamon"),
    ],
)
def test_bad_backup_is_told(store: SqliteStore, database: Path, tmp_path: Path, statement: str, words: str) -> None:
    backup(database, tmp_path / "copy.db")
    spoil(tmp_path / "copy.db", statement)

    with pytest.raises(StoreError, match=words):
        check(tmp_path / "copy.db")


def test_half_a_file_is_told(store: SqliteStore, database: Path, tmp_path: Path) -> None:
    backup(database, tmp_path / "copy.db")
    os.truncate(tmp_path / "copy.db", 8192)

    with pytest.raises(StoreError, match="damaged"):
        check(tmp_path / "copy.db")


def test_what_is_no_database_is_told_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("Dear Meta, " * 100)
    (tmp_path / "empty").touch()

    with pytest.raises(StoreError, match="is not a SQLite database"):
        check(tmp_path / "letter")
    with pytest.raises(StoreError, match="is empty"):
        check(tmp_path / "empty")

    assert (tmp_path / "letter").read_text() == "Dear Meta, " * 100


# --- room -------------------------------------------------------------------------------------------------------------


def test_room_of_what_was_forgotten_goes_back_to_the_disk(run: Run, store: SqliteStore, database: Path) -> None:
    spoil(database, "CREATE TABLE bulk AS SELECT randomblob(1000) AS bytes")
    for _ in range(12):
        spoil(database, "INSERT INTO bulk SELECT randomblob(1000) FROM bulk")
    spoil(database, "DELETE FROM bulk")
    large = run(store.size_bytes())

    run(store.shrink())

    assert run(store.size_bytes()) < large / 10
    assert run(store.row_counts())["alert_transitions"] == 1
