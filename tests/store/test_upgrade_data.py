"""Everything that a database of any earlier schema knows is still known after the upgrade."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from sqlite_utils import Database

from tests.fakes import START, FakeClock
from tests.store.contract import CLOSE, OPEN, Run
from tests.store.samples import (
    FLAG,
    GAUGE,
    INFO,
    MOMENT,
    OTHER_NUMBER,
    SIGNALS,
    STATE_SET,
    alert,
    change,
    fact,
    later,
    silence,
    transition,
)
from wamon.core.alerting import AlertState
from wamon.core.books import DAY
from wamon.core.state import CounterKey
from wamon.store import SqliteStore
from wamon.store.migrations import APPLICATION_ID, migrations
from wamon.store.rows import alert_row, change_row, counter_row, fact_row, microseconds, transition_row

INSTALL_ID: Final = "a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4"
# The step after the last one that the database has taken.
BEFORE: Final = ("m0002_ledger", "m0003_telling", "m0004_markers")

FACTS: Final = (
    fact(STATE_SET, "RED"),
    fact(GAUGE, 250.0),
    fact(INFO, {"display_name": "Kaffee & Café"}),
    fact(FLAG, None, subject=OTHER_NUMBER, known=True),
)
CHANGES: Final = (change("GREEN", "YELLOW"), change("YELLOW", "RED", at=later(4)))
# One that fires, and one that is over.
FIRING, ENDED = alert(), alert("tokens", state=AlertState.INACTIVE, last_observed_at=later(2), ordinal=2)
LIVES: Final = (transition(OPEN, 1), transition(OPEN, 1, rule="tokens"), transition(CLOSE, 2, rule="tokens"))
COUNTERS: Final = {CounterKey("wamon_probe_runs_total", (("probe", "account"),)): 7, CounterKey("commits"): 2**40}
TODAY: Final = int(START.timestamp()) // DAY
MESSAGE: Final = (TODAY, b"\x01" * 16, 36_000, 3, 0, 2, 131026, 1)
JOURNALLED: Final = ("failures", "100", "200", "recipient", 0, 2)
TALLIED: Final = ("statuses", "100", "200", "sent", TODAY, 40)


@pytest.fixture(params=BEFORE)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A database as the version before a step left it, with something in each of its tables."""
    step = request.param
    path = tmp_path / "wamon.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrations().apply(Database(connection, execute_plugins=False), stop_before=step)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA journal_mode = WAL")
        for table, row in rows(step):
            columns, *_ = zip(*connection.execute(f"SELECT name FROM pragma_table_info('{table}')"), strict=True)
            given = row[: len(columns)]
            named = ", ".join(columns[: len(given)])
            connection.execute(f"INSERT INTO {table} ({named}) VALUES ({', '.join('?' * len(given))})", given)
    return path


def rows(step: str) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Tables and rows; a row may have more values than an earlier table has columns, new columns stood at the end."""
    at = microseconds(MOMENT.at)
    yield "instance", (1, INSTALL_ID, at, at, MOMENT.boot_id, MOMENT.monotonic)
    yield from (("facts", fact_row(each)) for each in FACTS)
    yield from (("history", (None, *change_row(each))) for each in CHANGES)
    yield from (("alerts", alert_row(each)) for each in (FIRING, ENDED))
    yield from (("alert_transitions", (None, *transition_row(each))) for each in LIVES)
    yield from (("counters", counter_row(key, value)) for key, value in COUNTERS.items())
    if step >= "m0003":
        yield "messages", MESSAGE
        yield "tallies", (TALLIED[4], *TALLIED[:4], TALLIED[5])
        yield "tally_journal", (1, json.dumps(JOURNALLED), "[]")
        yield "notices", (b"\x02" * 16, at)
        yield "quarantine", (None, at, "not JSON", "{}")
    if step >= "m0004":
        given = silence()
        matchers = json.dumps([["waba_id", "=", "100"]])
        yield (
            "silences",
            (
                given.id,
                matchers,
                given.reason,
                given.author,
                microseconds(given.starts_at),
                microseconds(given.ends_at),
            ),
        )


@pytest.fixture
def store(run: Run, database: Path) -> Iterator[SqliteStore]:
    """The same database as this version opens it, a day later."""
    it = SqliteStore(database, synchronous="OFF", clock=FakeClock(START + timedelta(days=1)))
    run(it.open())
    yield it
    run(it.close())


def test_state_is_the_same(run: Run, store: SqliteStore) -> None:
    state = run(store.load(SIGNALS))

    assert {each.signal.name: each for own in state.snapshot.facts.values() for each in own.values()} == {
        each.signal.name: each for each in FACTS
    }
    assert state.alerts == {each.key: each for each in (FIRING, ENDED)}
    assert state.counters == COUNTERS
    assert state.moment == MOMENT


def test_past_is_the_same(run: Run, store: SqliteStore) -> None:
    told = run(store.transitions())

    assert [replace(each, group_id=0) for each in told] == list(LIVES)
    assert run(store.history(SIGNALS)) == CHANGES


def test_install_stays_itself_and_nothing_refers_to_nothing(run: Run, store: SqliteStore, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT install_id FROM instance").fetchall() == [(INSTALL_ID,)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert run(store.digest_key()) == bytes.fromhex(INSTALL_ID)


@pytest.mark.parametrize("database", BEFORE[1:], indirect=True)
def test_books_are_the_same(run: Run, store: SqliteStore, database: Path) -> None:
    assert run(store.tallied()) == {TALLIED[:5]: TALLIED[5], JOURNALLED[:5]: JOURNALLED[5]}
    assert run(store.unheard([b"\x02" * 16, b"\x03" * 16])) == {b"\x03" * 16}
    (kept,) = run(store.quarantine(limit=10))
    assert (kept.reason, kept.skeleton, kept.at) == ("not JSON", "{}", START)
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT * FROM messages").fetchall() == [MESSAGE]


@pytest.mark.parametrize("database", BEFORE[2:], indirect=True)
def test_silences_are_the_same(run: Run, store: SqliteStore) -> None:
    (kept,) = run(store.load(SIGNALS)).desk.silences.values()

    assert (kept.id, kept.reason, kept.ends_at) == ("s1", "we know", later(60))


def test_upgrade_is_kept_when_it_is_opened_again(run: Run, store: SqliteStore, database: Path) -> None:
    before = run(store.load(SIGNALS))
    run(store.close())
    again = SqliteStore(database, synchronous="OFF", clock=FakeClock(START + timedelta(days=2)))

    run(again.open())

    assert run(again.load(SIGNALS)) == before
    run(again.close())
