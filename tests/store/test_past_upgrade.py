"""A database from before there were markers keeps its past, and takes markers."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from sqlite_utils import Database

from tests.fakes import START, FakeClock
from tests.store.contract import CLOSE, OPEN, Run
from tests.store.past_contract import marker, past
from tests.store.samples import MOMENT, OTHER_NUMBER, SIGNALS, alert, change, later, transition
from wamon.core.markers import MarkerKind
from wamon.core.past import Step
from wamon.store import SqliteStore
from wamon.store.migrations import APPLICATION_ID, migrations
from wamon.store.rows import alert_row, change_row, microseconds, transition_row

OPENED, CLOSED = transition(OPEN, 1, group_id=1), transition(CLOSE, 2, at=later(5), group_id=1)
SEEN = (change("GREEN", "RED"), change("RED", "GREEN", at=later(4)))


def write(database: Path) -> None:
    """A database as the version before had it: two changes, an alert that opened and closed."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        migrations().apply(Database(connection, execute_plugins=False), stop_before="m0004_markers")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        at = microseconds(MOMENT.at)
        connection.execute(
            "INSERT INTO instance VALUES (1, 'a1b2c3d4e5f6', ?, ?, ?, ?)", (at, at, MOMENT.boot_id, MOMENT.monotonic)
        )
        for each in SEEN:
            connection.execute("INSERT INTO history VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)", change_row(each)[:8])
        connection.execute(f"INSERT INTO alerts VALUES ({', '.join('?' * 21)})", alert_row(alert()))
        for told in (OPENED, CLOSED):
            connection.execute(
                f"INSERT INTO alert_transitions VALUES (NULL, {', '.join('?' * 20)})", transition_row(told)
            )


def test_past_from_before_markers_is_told_with_the_first_of_them(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "wamon.db")
    store = SqliteStore(tmp_path / "wamon.db", synchronous="OFF", clock=FakeClock(START + timedelta(days=1)))
    run(store.open())

    deploy = marker(at=later(2))
    run(store.add_marker(deploy))

    told = past(run, store)
    state = run(store.load(SIGNALS))
    run(store.close())
    assert told == [
        Step(transition=CLOSED, severity_before=OPENED.severity),
        SEEN[1],
        deploy,
        Step(transition=OPENED, severity_before=None),
        SEEN[0],
    ]
    assert state.alerts == {alert().key: alert()}


def test_what_was_known_before_each_change_is_found_again(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "wamon.db")
    lost = change("GREEN", None, at=later(5))
    other = replace(change(None, "YELLOW", at=later(6)), subject=OTHER_NUMBER)
    red = change(None, "RED", at=later(7))
    with closing(sqlite3.connect(tmp_path / "wamon.db", isolation_level=None)) as connection:
        for each in (lost, other, red):
            connection.execute("INSERT INTO history VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)", change_row(each)[:8])
    store = SqliteStore(tmp_path / "wamon.db", synchronous="OFF", clock=FakeClock(START + timedelta(days=1)))

    run(store.open())

    kept = run(store.history(SIGNALS))
    run(store.close())
    assert kept == (*SEEN, lost, other, replace(red, known_before="GREEN"))


def test_install_keeps_its_identity(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "wamon.db")
    store = SqliteStore(tmp_path / "wamon.db", synchronous="OFF", clock=FakeClock(START + timedelta(days=1)))

    run(store.open())
    run(store.close())

    with closing(sqlite3.connect(tmp_path / "wamon.db")) as connection:
        assert connection.execute("SELECT install_id FROM instance").fetchall() == [("a1b2c3d4e5f6",)]


def test_marker_of_a_later_wamons_kind_is_a_note(run: Run, tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "wamon.db", synchronous="OFF", clock=FakeClock())
    run(store.open())
    run(store.add_marker(marker()))
    with closing(sqlite3.connect(tmp_path / "wamon.db", isolation_level=None)) as connection:
        connection.execute("UPDATE markers SET kind = 'eclipse'")

    told, last = past(run, store), run(store.last_markers())

    run(store.close())
    assert told == [marker(kind=MarkerKind.NOTE)]
    assert last == {}
