"""The ledger in SQLite: the contract, and what only a file on a disk can go through."""

import asyncio
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FakeClock
from tests.store.contract import Run
from tests.store.ledger_contract import DAY, NOW, LedgerContract, reopen, statuses, update
from tests.store.samples import GAUGE, SIGNALS, changes, fact
from wamon.core import books, figures
from wamon.core.books import TallyKey
from wamon.core.delivery import DELIVERED, SENT
from wamon.core.errors import StoreError
from wamon.core.health import Subject
from wamon.core.ports import signals_by_name
from wamon.store import SqliteStore

OPEN_NOW = (books.OPEN, "100", "200", "", NOW // books.SLOT * books.SLOT)
OPEN_THAT_DAY = (books.OPEN, "100", "200", "", NOW // DAY * DAY)


class TestContract(LedgerContract):
    def make(self, folder: Path) -> SqliteStore:
        return quick(folder / "wamon.db")


def quick(database: Path, **options: Any) -> SqliteStore:
    return SqliteStore(database, synchronous="OFF", clock=FakeClock(), **options)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "wamon.db"


@pytest.fixture
def store(run: Run, database: Path) -> Iterator[SqliteStore]:
    store = quick(database, max_bytes=600_000)
    run(store.open())
    yield store
    run(store.close())


def sql(database: Path, statement: str, *values: Any) -> list[Any]:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        return connection.execute(statement, values).fetchall()


def fill(database: Path) -> None:
    """Take all the room that the database may take."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA max_page_count = 146")
        connection.execute("CREATE TABLE filler (bytes BLOB)")
        for size in (50_000, 5_000, 500, 1):
            try:
                while True:
                    connection.execute("INSERT INTO filler VALUES (zeroblob(?))", (size,))
            except sqlite3.OperationalError:
                continue


def empty(database: Path) -> None:
    sql(database, "DROP TABLE filler")


# --- the disk -----------------------------------------------------------------------------------------------------


def test_full_disk_refuses_statuses_and_a_repeat_counts_them(run: Run, store: SqliteStore, database: Path) -> None:
    batch = [update(SENT, str(each)) for each in range(500)]
    run(store.record([update(SENT, "before")], counted={}))
    fill(database)

    with pytest.raises(StoreError, match="is full: make room"):
        run(store.record(batch, counted={}))

    assert statuses(run(store.tallied())) == {"sent": 1}
    empty(database)
    assert statuses(run(store.record(batch, counted={}))) == {"sent": 500}
    reopen(run, store)
    assert statuses(run(store.tallied())) == {"sent": 501}


@pytest.mark.parametrize("is_reopened", [False, True])
def test_fold_that_fails_on_a_full_disk_loses_and_doubles_nothing(
    run: Run, store: SqliteStore, database: Path, *, is_reopened: bool
) -> None:
    batch = [update(SENT, str(each), phone_number_id=str(each % 200)) for each in range(1300)]
    run(store.record(batch, counted={}))
    before = run(store.tallied())
    fill(database)

    with pytest.raises(StoreError, match="is full: make room"):
        run(store.fold({OPEN_NOW: -1, OPEN_THAT_DAY: 1}))

    if is_reopened:
        reopen(run, store)
    assert run(store.tallied()) == before
    empty(database)
    assert run(store.record(batch, counted={})) == {(books.DUPLICATES, "", "", "", 0): 1300}
    run(store.fold({}))
    assert run(store.tallied()) == before | {(books.DUPLICATES, "", "", "", 0): 1300}
    assert sql(database, "SELECT count(*) FROM messages") == [(1300,)]
    assert sql(database, "SELECT count(*) FROM tally_journal") == [(0,)]


@pytest.mark.parametrize("after", range(6))
def test_fold_that_is_cut_off_after_any_slice_loses_and_doubles_nothing(
    run: Run, store: SqliteStore, database: Path, after: int
) -> None:
    batch = [update(SENT, str(each), phone_number_id=str(each % 300)) for each in range(1300)]
    run(store.record(batch, counted={}))
    before = run(store.tallied())

    cut_off(run, store, after=after)
    run(store.record([update(DELIVERED, "1", phone_number_id="1")], counted={}))
    reopen(run, store)

    assert statuses(run(store.tallied()), "1") == {"sent": 5, "delivered": 1}
    assert run(store.record(batch, counted={})) == {(books.DUPLICATES, "", "", "", 0): 1300}
    run(store.fold({}))
    assert sum_of_sent(run(store.tallied())) == sum_of_sent(before) == 1300


def cut_off(run: Run, store: SqliteStore, *, after: int) -> None:
    """Begin a fold and leave it after some slices."""

    async def some_of_it() -> None:
        fold = asyncio.ensure_future(store.fold({}))
        for _ in range(after):
            # The store's thread takes turns: a slice, an answer, a slice.
            await store.digest_key()
        fold.cancel()
        await asyncio.wait([fold])

    run(some_of_it())


def sum_of_sent(tally: Mapping[TallyKey, int]) -> int:
    return sum(value for key, value in tally.items() if key[0] == books.STATUSES and key[3] == "sent")


def test_journal_that_makes_no_sense_is_told_and_not_guessed(run: Run, store: SqliteStore, database: Path) -> None:
    run(store.record([update(SENT)], counted={}))
    run(store.close())
    sql(database, "UPDATE tally_journal SET tally = '[\"half\"]'")

    with pytest.raises(StoreError, match="holds a row that this wamon cannot read"):
        run(store.open())


# --- what lies there ----------------------------------------------------------------------------------------------


def test_sums_that_come_to_nothing_leave_no_row(run: Run, store: SqliteStore, database: Path) -> None:
    run(store.record([update(SENT)], counted={}))
    run(store.fold({}))

    run(store.record([update(DELIVERED)], counted={}))
    run(store.fold({}))

    assert sql(database, "SELECT count(*) FROM tallies WHERE value = 0 OR figure = ?", books.OPEN) == [(0,)]


def test_days_are_found_again_without_reading_every_message(run: Run, store: SqliteStore, database: Path) -> None:
    days = [update(SENT, str(day), at=NOW - day * DAY) for day in range(40)]
    run(store.record(days, counted={}))
    run(store.fold({}))

    reopen(run, store)

    later = [update(DELIVERED, str(day), at=NOW) for day in range(40)]
    assert statuses(run(store.record(later, counted={}))) == {"delivered": 40}
    assert sql(database, "SELECT min(day), max(day) FROM messages") == [(NOW // DAY - 39, NOW // DAY)]


def test_derived_facts_are_not_stored(run: Run, store: SqliteStore) -> None:
    derived = fact(figures.MESSAGES_OPEN, {"1h": 3.0}, subject=Subject.phone_number("100", "200"))
    kept = fact(GAUGE, 1.0)

    run(store.commit(changes(facts=(derived, kept))))

    loaded = run(store.load({**SIGNALS, **signals_by_name([figures.MESSAGES_OPEN])}))
    assert loaded.snapshot.facts == {kept.subject: {kept.signal.name: kept}}
