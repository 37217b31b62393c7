"""The schema's way up: from every earlier step, all or nothing, and never down."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from tests.fakes import START, FakeClock
from tests.store.contract import Run
from tests.store.samples import GAUGE, SIGNALS, changes, fact
from wamon.core.errors import StoreError
from wamon.store import SqliteStore
from wamon.store.migrations import APPLICATION_ID, migrations


def every_step() -> list[str]:
    with closing(sqlite3.connect(":memory:")) as nothing:
        return [step.name for step in migrations().pending(Database(nothing, execute_plugins=False))]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "wamon.db"


def opened_once(run: Run, database: Path) -> None:
    store = SqliteStore(database, synchronous="OFF", clock=FakeClock())
    run(store.open())
    run(store.close())


def sql(database: Path, *statements: str) -> list[Any]:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        return [connection.execute(statement).fetchall() for statement in statements][-1]


def schema(database: Path) -> list[Any]:
    return sql(database, "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name")


@pytest.mark.parametrize("stop_before", every_step())
def test_database_of_an_earlier_schema_comes_up_to_the_present_one(
    run: Run, tmp_path: Path, database: Path, stop_before: str
) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        migrations().apply(Database(connection, execute_plugins=False), stop_before=stop_before)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    opened_once(run, tmp_path / "fresh.db")

    opened_once(run, database)

    assert schema(database) == schema(tmp_path / "fresh.db")
    assert sql(database, "SELECT name FROM _sqlite_migrations ORDER BY id") == [(step,) for step in every_step()]


def test_database_of_a_newer_wamon_is_refused_and_unchanged(run: Run, database: Path) -> None:
    opened_once(run, database)
    sql(
        database, "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('wamon', '9999_future', '')"
    )
    before = sql(database, "SELECT * FROM _sqlite_migrations")

    with pytest.raises(StoreError, match=r"written by a newer wamon \(schema step 9999_future\)"):
        opened_once(run, database)

    assert sql(database, "SELECT * FROM _sqlite_migrations") == before


def test_migration_that_fails_leaves_the_database_as_it_was(run: Run, database: Path) -> None:
    sql(database, "CREATE TABLE outbox (in_the_way TEXT)", f"PRAGMA application_id = {APPLICATION_ID}")
    before = schema(database)

    with pytest.raises(StoreError, match="outbox"):
        opened_once(run, database)

    assert schema(database) == before


def test_install_id_and_birth_are_kept_for_life(run: Run, database: Path) -> None:
    opened_once(run, database)
    before = sql(database, "SELECT install_id, created_at FROM instance")

    opened_once(run, database)

    assert sql(database, "SELECT install_id, created_at FROM instance") == before
    ((install_id, created_at),) = before
    assert len(install_id) == 32
    assert created_at == START.timestamp() * 1_000_000


def test_migrated_database_is_written_ahead_and_holds_its_references(run: Run, database: Path) -> None:
    store = SqliteStore(database, synchronous="OFF", clock=FakeClock())
    run(store.open())
    run(store.commit(changes(facts=(fact(GAUGE, 1.0),))))

    assert sql(database, "PRAGMA journal_mode") == [("wal",)]
    assert sql(database, "PRAGMA foreign_key_check") == []
    assert run(store.load(SIGNALS)).snapshot.fact(fact(GAUGE, 1.0).subject, GAUGE) == fact(GAUGE, 1.0)
    run(store.close())
