"""`wamon prune`: what goes, what stays, and what the disk gets back."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.store.samples import change, changes
from wamon.cli import main
from wamon.core.books import DAY
from wamon.core.delivery import SENT, Update
from wamon.core.timing import Moment, SystemClock
from wamon.store import SqliteStore

# The command itself asks the machine's clock.
NOW = SystemClock().now()
OLD, YOUNG = NOW - timedelta(days=40), NOW - timedelta(days=2)
MESSAGES = 20_000


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database with two changes, one of them two years old, and messages of which half are 40 days old."""
    asyncio.run(_fill(tmp_path / "wamon.db"))
    return tmp_path / "wamon.db"


async def _fill(database: Path) -> None:
    store = SqliteStore(database, synchronous="OFF")
    await store.open()
    seen = (change("GREEN", "RED", at=NOW - timedelta(days=730)), change("RED", "GREEN", at=YOUNG))
    await store.commit(changes(history=seen, moment=Moment(at=NOW, boot_id="b", monotonic=1.0)))
    for at in (OLD, YOUNG):
        await store.record(tuple(statuses(at)), counted={})
    await store.close()


def statuses(at: datetime) -> Iterator[Update]:
    stamp = int(at.timestamp())
    for index in range(MESSAGES // 2):
        digest = (stamp // DAY * MESSAGES + index).to_bytes(16)
        yield Update(
            digest=digest,
            status=SENT,
            at=stamp,
            received_at=stamp,
            waba_id="100",
            phone_number_id="200",
        )


def wamon(*arguments: str, database: Path, **environment: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--database", str(database)], env=environment)


def facts(result: Result) -> dict[str, str]:
    rows = (line.strip().split("  ", 1) for line in result.stdout.splitlines() if "  " in line.strip())
    return {name: value.strip() for name, value in rows}


def test_what_is_old_goes_and_the_file_shrinks(database: Path) -> None:
    before = database.stat().st_size

    result = wamon("prune", database=database)

    assert result.exit_code == 0, result.output
    assert facts(result)["history"] == "1 rows"
    assert facts(result)["messages"] == f"{MESSAGES // 2} rows"
    assert database.stat().st_size < 0.7 * before


def test_clock_that_is_far_ahead_forgets_nothing_unless_it_is_trusted(database: Path) -> None:
    async def last_wrote(at: datetime) -> None:
        store = SqliteStore(database, synchronous="OFF")
        await store.open()
        await store.commit(changes(moment=Moment(at=at, boot_id="b", monotonic=1.0)))
        await store.close()

    asyncio.run(last_wrote(NOW - timedelta(days=400)))

    refused, tried = (wamon("prune", *flags, database=database) for flags in ((), ("--dry-run",)))
    trusted = wamon("prune", "--trust-clock", database=database)

    assert [(each.exit_code, "Set the clock right" in each.stderr) for each in (refused, tried)] == [(2, True)] * 2
    assert facts(trusted)["messages"] == f"{MESSAGES // 2} rows"


def test_second_time_finds_nothing(database: Path) -> None:
    wamon("prune", database=database)

    result = wamon("prune", database=database)

    assert facts(result)["nothing"] == "all is within its retention"


def test_dry_run_tells_the_same_and_changes_nothing(database: Path) -> None:
    before = database.read_bytes()

    dry = wamon("prune", "--dry-run", database=database)
    unchanged = database.read_bytes()
    real = wamon("prune", database=database)

    assert dry.stdout.startswith("Nothing was changed. This would be forgotten:\n")
    assert unchanged == before
    kept = ("history", "messages", "messages older than", "history older than")
    assert [facts(dry)[name] for name in kept] == [facts(real)[name] for name in kept]
    assert sorted(file.name for file in database.parent.iterdir()) == ["wamon.db", "wamon.db.lock"]


def test_retention_is_the_configured_one(database: Path) -> None:
    result = wamon("prune", database=database, WAMON_MESSAGE_RETENTION_DAYS="60")

    assert "messages" not in facts(result)
    assert facts(result)["history"] == "1 rows"


def test_wrong_retention_is_named_and_nothing_goes(database: Path) -> None:
    result = wamon("prune", database=database, WAMON_MESSAGE_RETENTION_DAYS="3")

    assert result.exit_code == 2
    assert "message_retention_days (WAMON_MESSAGE_RETENTION_DAYS): must be at least 8 days" in result.output


def test_database_that_a_daemon_holds_is_refused_with_its_holder(database: Path) -> None:
    store = SqliteStore(database, synchronous="OFF")
    asyncio.run(store.open())

    result = wamon("prune", database=database)

    asyncio.run(store.close())
    assert result.exit_code == 2
    assert "is in use by wamon pid" in result.output


def test_no_database_is_made(tmp_path: Path) -> None:
    result = wamon("prune", database=tmp_path / "absent.db")

    assert result.exit_code == 2
    assert "there is no database" in result.output
    assert list(tmp_path.iterdir()) == []
