"""`wamon prune`: what is past its retention is forgotten, and the disk gets the room back."""

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import click

from wamon.cli import Failure
from wamon.cli.database import database_options, database_path, message_retention, size
from wamon.cli.printing import print_facts
from wamon.core.timing import SystemClock
from wamon.daemon import HISTORY_KEPT
from wamon.store import SqliteStore
from wamon.store.backup import backup


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """How many rows of each table went, of those where some did, and the file's size before and after."""

    went: Mapping[str, int]
    bytes_before: int
    bytes_after: int


@click.command()
@click.option("--dry-run", is_flag=True, help="Try it on a copy beside the database, and delete the copy.")
@click.option("--trust-clock", is_flag=True, help="Also where wamon last wrote longer ago than messages are kept.")
@database_options
def prune(*, dry_run: bool, trust_clock: bool, config_path: Path | None, database: Path | None) -> None:
    """Forget what is past its retention, and give the room back to the disk.

    The daemon forgets by itself once a day, and uses the room again; it does not make the file smaller. So this is for
    after a retention was shortened, or an unusual burst. The daemon must be stopped; --dry-run works beside it.

    \b
    Example:
      wamon prune --dry-run
    """
    path = database_path(config_path, database)
    if not path.exists():
        raise Failure(f"there is no database {path}: name the one that wamon writes in WAMON_DATABASE")
    now = SystemClock().now()
    retention = message_retention(config_path)
    if dry_run:
        # Only a copy tells what the file would come to, and a daemon may go on meanwhile.
        with tempfile.TemporaryDirectory(dir=path.resolve().parent, prefix=".prune-") as folder:
            copy = Path(folder) / "wamon.db"
            backup(path, copy)
            found = asyncio.run(_prune(copy, now, retention, trust_clock=trust_clock))
    else:
        found = asyncio.run(_prune(path, now, retention, trust_clock=trust_clock))
    _print(found, now, retention, is_dry=dry_run)


async def _prune(database: Path, now: datetime, retention: timedelta, *, trust_clock: bool) -> Pruned:
    store = SqliteStore(database)
    await store.open()
    try:
        last = (await store.load({})).moment
        if last is not None and now - last.at > retention and not trust_clock:
            raise Failure(
                f"by the clock it is {now:%Y-%m-%d %H:%M} UTC, and wamon last wrote on {last.at:%Y-%m-%d}: every "
                "message would be forgotten. Set the clock right; if it is, give --trust-clock"
            )
        # What waits in the journal belongs to the tables, and would look like rows that came.
        await store.fold({})
        rows, size_before = await store.row_counts(), await store.size_bytes()
        while await store.prune(now - HISTORY_KEPT):
            pass
        while await store.prune_ledger(now - retention):
            pass
        await store.shrink()
        rows_after, size_after = await store.row_counts(), await store.size_bytes()
    finally:
        await store.close()
    went = {name: count - rows_after[name] for name, count in rows.items() if count != rows_after[name]}
    return Pruned(went=went, bytes_before=size_before, bytes_after=size_after)


def _print(found: Pruned, now: datetime, retention: timedelta, *, is_dry: bool) -> None:
    if is_dry:
        click.echo("Nothing was changed. This would be forgotten:")
    rows = [(name, f"{count} rows") for name, count in found.went.items()] or [
        ("nothing", "all is within its retention")
    ]
    print_facts(
        [
            *rows,
            ("messages older than", f"{now - retention:%Y-%m-%d} ({retention.days} days)"),
            ("history older than", f"{now - HISTORY_KEPT:%Y-%m-%d} ({HISTORY_KEPT.days} days)"),
            ("file", f"{size(found.bytes_before)} before, {size(found.bytes_after)} after"),
        ]
    )
