"""`wamon backup`: what is written, what is told of it, and when it is refused."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.fakes import FakeClock
from tests.store.samples import MOMENT, owed, transition
from wamon.cli import main
from wamon.store import SqliteStore

SCHEMA = "m0005_known_before"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database as a daemon left it."""
    store = SqliteStore(tmp_path / "wamon.db", synchronous="OFF", clock=FakeClock())
    asyncio.run(store.open())
    asyncio.run(store.commit(owed(transition())))
    asyncio.run(store.close())
    return tmp_path / "wamon.db"


def wamon(*arguments: str | Path, **environment: str) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)], env=environment)


def test_backup_is_told_with_what_it_holds(database: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"

    result = wamon("backup", copy, WAMON_DATABASE=str(database))

    assert result.exit_code == 0
    first, *facts = result.stdout.splitlines()
    assert first.startswith(f"{copy}: written and checked, ")
    assert first.endswith(" kB")
    told = dict(line.strip().split("  ", 1) for line in facts)
    assert told["schema"].strip() == SCHEMA
    assert told["last written by the daemon"].strip() == f"{MOMENT.at:%Y-%m-%d %H:%M:%S} UTC"
    assert told["rows in alert_transitions"].strip() == "1"


def test_backup_is_told_to_programs(database: Path, tmp_path: Path) -> None:
    result = wamon("backup", tmp_path / "copy.db", "--database", database, "--json")

    told = json.loads(result.stdout)
    assert told["path"] == str(tmp_path / "copy.db")
    assert told["schema"] == SCHEMA
    assert told["is_current"]
    assert told["last_at"] == MOMENT.at.isoformat()
    assert told["size_bytes"] == (tmp_path / "copy.db").stat().st_size
    assert told["rows"]["outbox"] == 1


def test_no_token_is_needed_and_the_file_of_the_configuration_is_found(database: Path, tmp_path: Path) -> None:
    (tmp_path / "wamon.toml").write_text('database = "wamon.db"\n')

    result = wamon("backup", tmp_path / "copy.db", "--config", tmp_path / "wamon.toml")

    assert result.exit_code == 0, result.output
    assert (tmp_path / "copy.db").exists()


def test_existing_file_is_refused_without_force(database: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("mine")

    refused = wamon("backup", tmp_path / "copy.db", "--database", database)
    forced = wamon("backup", tmp_path / "copy.db", "--database", database, "--force")

    assert refused.exit_code == 2
    assert "exists already" in refused.output
    assert forced.exit_code == 0


def test_check_reads_the_backup_and_writes_nothing(database: Path, tmp_path: Path) -> None:
    wamon("backup", tmp_path / "copy.db", "--database", database)
    before = {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()}

    result = wamon("backup", tmp_path / "copy.db", "--check")

    assert result.exit_code == 0
    assert "is sound" in result.stdout
    assert {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == before


def test_check_tells_a_damaged_backup(database: Path, tmp_path: Path) -> None:
    wamon("backup", tmp_path / "copy.db", "--database", database)
    with closing(sqlite3.connect(tmp_path / "copy.db", isolation_level=None)) as connection:
        connection.execute("DELETE FROM alert_transitions")

    result = wamon("backup", tmp_path / "copy.db", "--check")

    assert result.exit_code == 2
    assert "is damaged: use another backup" in result.output


def test_backup_of_nothing_names_what_is_missing(tmp_path: Path) -> None:
    result = wamon("backup", tmp_path / "copy.db", "--database", tmp_path / "absent.db")

    assert result.exit_code == 2
    assert f"there is no database {tmp_path / 'absent.db'}" in result.output
