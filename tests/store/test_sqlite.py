"""The SQLite store: the contract, and what only a file on a disk can go through."""

import asyncio
import os
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FakeClock
from tests.store.contract import Run, StoreContract
from tests.store.desk_contract import DeskContract
from tests.store.outbox_contract import OutboxContract
from tests.store.past_contract import PastContract
from tests.store.pruning_contract import PruningContract
from tests.store.resuming_contract import ResumingContract
from tests.store.samples import GAUGE, NUMBER, SIGNALS, STATE_SET, TIMESTAMP, changes, fact, later, transition
from tests.store.threads_contract import ThreadsContract
from wamon.core.errors import StoreError, StoreInUseError
from wamon.core.health import Subject
from wamon.core.state import CounterKey, State
from wamon.store import SqliteStore

ROOT = Path(__file__).parents[2]
KILLS = 5


class TestContract(
    StoreContract, DeskContract, OutboxContract, ResumingContract, ThreadsContract, PruningContract, PastContract
):
    def make(self, folder: Path) -> SqliteStore:
        return quick(folder / "wamon.db")


def quick(database: Path, **options: Any) -> SqliteStore:
    return SqliteStore(database, synchronous="OFF", clock=FakeClock(), **options)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "wamon.db"


@pytest.fixture
def opened(run: Run) -> Iterator[Callable[[SqliteStore], SqliteStore]]:
    """Open a store now and close it when the test ends, whatever comes."""
    stores: list[SqliteStore] = []

    def open_now(store: SqliteStore) -> SqliteStore:
        stores.append(store)
        run(store.open())
        return store

    yield open_now
    for store in stores:
        run(store.close())


Opened = Callable[[SqliteStore], SqliteStore]


def refusal(run: Run, store: SqliteStore) -> str:
    """Why the store does not open; afterwards another one could."""
    with pytest.raises(StoreError) as caught:
        run(store.open())
    run(store.close())
    return str(caught.value)


def sql(database: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        return connection.execute(statement).fetchall()


# --- who may have it --------------------------------------------------------------------------------------------------


def test_second_daemon_is_told_who_holds_the_database(run: Run, opened: Opened, database: Path) -> None:
    opened(quick(database))

    with pytest.raises(StoreInUseError) as caught:
        run(quick(database).open())

    assert str(caught.value) == (
        f"database {database} is in use by wamon pid {os.getpid()} on {socket.gethostname()} "
        "since 2026-11-22T10:00:00+00:00; stop it or use another WAMON_DATABASE"
    )


def test_refused_daemon_does_not_disturb_the_one_at_work(run: Run, opened: Opened, database: Path) -> None:
    store = opened(quick(database))

    refusal(run, quick(database))

    run(store.commit(changes(facts=(fact(GAUGE, 1.0),))))
    assert "in use by wamon pid" in refusal(run, quick(database))


def test_other_name_of_the_same_file_is_in_use_too(run: Run, opened: Opened, database: Path) -> None:
    opened(quick(database))
    alias = database.with_name("alias.db")
    alias.symlink_to(database)

    assert "in use by wamon" in refusal(run, quick(alias))


def test_holder_that_left_no_name_still_holds(run: Run, opened: Opened, database: Path) -> None:
    opened(quick(database))
    database.with_name("wamon.db.lock").write_text("")

    assert "in use by wamon in another process" in refusal(run, quick(database))


def test_closed_database_is_free_for_the_next(run: Run, opened: Opened, database: Path) -> None:
    first = opened(quick(database))
    run(first.close())

    second = opened(quick(database))

    assert run(second.load(SIGNALS)) == State()


def test_database_and_its_directory_are_for_the_owner_alone(opened: Opened, tmp_path: Path) -> None:
    database = tmp_path / "var" / "lib" / "wamon.db"

    opened(quick(database))

    modes = {path.name: path.stat().st_mode & 0o777 for path in [database.parent, *database.parent.iterdir()]}
    assert modes == {"lib": 0o700} | dict.fromkeys(("wamon.db", "wamon.db-wal", "wamon.db-shm", "wamon.db.lock"), 0o600)


def test_database_has_one_named_thread_for_as_long_as_it_is_open(run: Run, opened: Opened, database: Path) -> None:
    before = threads()
    store = opened(quick(database))
    run(store.load(SIGNALS))
    while_open = threads()

    run(store.close())

    assert (while_open - before, threads() - before) == (1, 0)


def threads() -> int:
    return sum(thread.name.startswith("wamon-store") for thread in threading.enumerate())


# --- what it stands on ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
def test_network_file_system_is_refused(run: Run, tmp_path: Path, kind: str) -> None:
    share = tmp_path / "my share"
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nserver:/x {str(share).replace(' ', chr(92) + '040')} {kind} rw 0 0\n")

    text = refusal(run, quick(share / "db" / "wamon.db", mounts=mounts))

    assert f"network file system ({kind})" in text
    assert "WAMON_DATABASE" in text
    assert list((share / "db").iterdir()) == []


def test_local_disk_below_and_beside_a_network_mount_is_fine(opened: Opened, tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"a:/ / nfs rw 0 0\n/dev/vda {tmp_path} ext4 rw 0 0\nb:/ {tmp_path / 'beside'} nfs rw 0 0\n")

    opened(quick(tmp_path / "besides" / "wamon.db", mounts=mounts))


def test_later_mount_on_the_same_place_counts(run: Run, tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/vda {tmp_path} ext4 rw 0 0\nserver:/x {tmp_path} nfs rw 0 0\n")

    assert "network file system (nfs)" in refusal(run, quick(tmp_path / "wamon.db", mounts=mounts))


def test_system_that_lists_no_mounts_is_trusted(opened: Opened, tmp_path: Path) -> None:
    opened(quick(tmp_path / "wamon.db", mounts=tmp_path / "absent"))


def test_directory_that_cannot_be_made_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    text = refusal(run, quick(tmp_path / "file" / "wamon.db"))

    assert "wamon.db: it cannot be opened: its directory must exist" in text


def test_directory_without_the_right_to_write_is_told(run: Run, tmp_path: Path) -> None:
    with no_right_to_write(tmp_path):
        text = refusal(run, quick(tmp_path / "wamon.db"))

    assert "access denied: the user that runs wamon must own the file and its directory" in text


@contextmanager
def no_right_to_write(directory: Path) -> Iterator[None]:
    """Root may write everywhere, so for root this is a moment as nobody."""
    user = os.geteuid()
    directory.chmod(0o500)
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        directory.chmod(0o700)


def test_lock_file_that_is_no_file_is_told(run: Run, database: Path) -> None:
    os.mkfifo(database.with_name("wamon.db.lock"))

    assert f"database {database}: " in refusal(run, quick(database))
    assert not database.exists()


def test_directory_in_the_place_of_the_database_is_refused(run: Run, database: Path) -> None:
    database.mkdir()

    assert "is a directory" in refusal(run, quick(database))


def test_file_that_is_no_database_is_refused_and_untouched(run: Run, database: Path) -> None:
    database.write_bytes(b"[[accounts]]\nname = 'main'\n")

    text = refusal(run, quick(database))

    assert "is not a SQLite database and was left untouched" in text
    assert database.read_bytes() == b"[[accounts]]\nname = 'main'\n"


def test_database_of_another_program_is_refused_and_untouched(run: Run, database: Path) -> None:
    sql(database, "CREATE TABLE songs (title TEXT)")
    before = database.read_bytes()

    text = refusal(run, quick(database))

    assert "belongs to another program" in text
    assert database.read_bytes() == before


def test_empty_file_becomes_a_database(run: Run, opened: Opened, database: Path) -> None:
    database.touch()

    assert run(opened(quick(database)).load(SIGNALS)) == State()


# --- what can happen to it --------------------------------------------------------------------------------------------


def test_full_disk_refuses_the_commit_and_keeps_what_was_there(run: Run, opened: Opened, database: Path) -> None:
    store = opened(quick(database, max_bytes=250_000))
    run(store.commit(changes(facts=(fact(GAUGE, 1.0),))))
    before = run(store.load(SIGNALS))
    big = fact(STATE_SET, "RED", raw="x" * 300_000)

    with pytest.raises(StoreError, match="is full: make room"):
        run(store.commit(changes(transition(), facts=(fact(GAUGE, 2.0), big), counters={CounterKey("runs"): 1})))

    assert run(store.load(SIGNALS)) == before
    assert run(store.transitions()) == ()


def test_database_works_on_once_there_is_room(run: Run, opened: Opened, database: Path) -> None:
    store = opened(quick(database, max_bytes=250_000))
    with pytest.raises(StoreError):
        run(store.commit(changes(facts=(fact(STATE_SET, "RED", raw="x" * 300_000),))))
    small = fact(STATE_SET, "RED")

    run(store.commit(changes(facts=(small,))))

    assert run(store.load(SIGNALS)).snapshot.fact(small.subject, STATE_SET) == small


def test_lock_of_another_program_is_named_and_survived(run: Run, opened: Opened, database: Path) -> None:
    store = opened(quick(database, busy_timeout=timedelta(0)))

    with closing(sqlite3.connect(database, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another program holds it locked"):
            run(store.commit(changes(transition())))
    run(store.commit(changes(transition())))

    assert run(store.transitions()) == (transition(),)


@pytest.mark.parametrize("name", ["wamon.db", "wamon.db.lock"])
@pytest.mark.parametrize("is_replaced", [False, True], ids=["deleted", "replaced"])
def test_file_that_is_not_the_one_that_was_opened_is_not_written_to(
    run: Run, opened: Opened, database: Path, name: str, *, is_replaced: bool
) -> None:
    store = opened(quick(database))
    run(store.commit(changes(facts=(fact(GAUGE, 1.0),))))
    file, aside = database.with_name(name), database.with_name("aside")
    file.rename(aside)
    if is_replaced:
        file.write_bytes(aside.read_bytes())

    with pytest.raises(StoreError, match="was deleted or replaced while wamon worked on it"):
        run(store.commit(changes(facts=(fact(GAUGE, 2.0),))))

    aside.rename(file)
    run(store.commit(changes(facts=(fact(GAUGE, 3.0),))))
    assert run(store.load(SIGNALS)).snapshot.value(NUMBER, GAUGE) == 3.0


def test_damaged_page_is_found_at_the_start(run: Run, opened: Opened, database: Path) -> None:
    store = opened(quick(database))
    numbers = [Subject.phone_number("100", str(number)) for number in range(2000)]
    run(store.commit(changes(facts=tuple(fact(GAUGE, 1.0, subject=number) for number in numbers))))
    run(store.close())
    with database.open("r+b") as file:
        file.seek(database.stat().st_size // 2 // 4096 * 4096)
        file.write(b"\xff" * 4096)

    text = refusal(run, quick(database))

    assert f"database {database} is damaged: restore a backup" in text


def test_damaged_header_is_told_as_damage(run: Run, opened: Opened, database: Path) -> None:
    run(opened(quick(database)).close())
    with database.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 3996)

    assert "it is damaged: restore a backup" in refusal(run, quick(database))


def test_row_that_makes_no_sense_is_told_and_not_guessed(run: Run, opened: Opened, database: Path) -> None:
    store = opened(quick(database))
    run(store.commit(changes(facts=(fact(TIMESTAMP, later(1)),))))
    sql(database, "UPDATE facts SET value = '\"soon\"'")

    with pytest.raises(StoreError, match="holds a row that this wamon cannot read"):
        run(store.load(SIGNALS))


def test_call_that_is_cancelled_in_the_queue_is_carried_out_all_the_same(
    run: Run, opened: Opened, database: Path
) -> None:
    store = opened(quick(database, busy_timeout=timedelta(seconds=30)))

    async def cancel_the_second_while_the_first_waits_for_a_lock() -> None:
        with closing(sqlite3.connect(database, isolation_level=None)) as shell:
            shell.execute("BEGIN IMMEDIATE")
            first = asyncio.ensure_future(store.commit(changes(transition(rule="first"))))
            second = asyncio.ensure_future(store.commit(changes(transition(rule="second"))))
            await asyncio.wait([first, second], timeout=0)
            second.cancel()
            await asyncio.wait([second])
        await first

    run(cancel_the_second_while_the_first_waits_for_a_lock())

    assert [row.rule for row in run(store.transitions())] == ["first", "second"]


def test_cancelled_start_leaves_the_database_free(run: Run, opened: Opened, database: Path) -> None:
    before = threads()

    async def cancel_an_open() -> None:
        task = asyncio.ensure_future(quick(database).open())
        await asyncio.wait([task], timeout=0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    run(cancel_an_open())

    assert threads() == before
    assert run(opened(quick(database)).load(SIGNALS)) == State()


def test_kill_at_any_moment_loses_nothing_that_was_acknowledged(run: Run, opened: Opened, database: Path) -> None:
    for kill in range(1, KILLS + 1):
        acknowledged = killed_writer(database, after=7 * kill)

        store = opened(SqliteStore(database))
        state = run(store.load(SIGNALS))
        transitions = run(store.transitions())
        figures = run(store.outbox_figures())
        run(store.close())

        written = state.counters[CounterKey("commits")]
        assert written in (acknowledged, acknowledged + 1)
        assert [row.episode for row in transitions] == list(range(1, written + 1))
        assert figures.due == written
        assert {own["limit"].value for own in state.snapshot.facts.values()} == {float(written)}


def killed_writer(database: Path, *, after: int) -> int:
    """Let another process commit until it acknowledged some commits, kill it there; the last one it acknowledged."""
    command = [sys.executable, "-m", "tests.store.writer", str(database)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(after)]
        writer.kill()
        return int([*lines, *writer.stdout][-1])
