"""How large the database becomes: simulated weeks of a fleet's messages and troubles in the real store, pruned as ever.

The whole daemon on a fake clock, in this process: it takes signed webhooks of three statuses a message, looks at every
account twice a day, and forgets once a day. One number in a hundred falls ill each day and recovers half a day later,
with its alert, its announcement and their past. Messages are sent at a share of the wanted rate (--share), since it is
the rows that cost: what a message takes is measured from them, and the size at the full rate is worked out from it.

    python benchmarks/growth.py [--days 33] [--numbers 10 100 2000] [--messages-a-day 100000] [--share 0.05]

The last line is JSON. It fails when the file grows after the retention by more than a tenth: it would have no bound.
"""

import argparse
import asyncio
import json
import random
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from itertools import cycle
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.soak import fleet
from tests.flows.webhooks_harness import WebhookFlow
from wamon.daemon import TICK
from wamon.schedule import Job
from wamon.store.backup import row_counts

MEGABYTE = 1024 * 1024
RETENTION_DAYS = 30
NUMBERS_AN_ACCOUNT = 20
LOOK_EVERY = timedelta(hours=12)
ILL_EVERY = timedelta(days=1)
TICK_EVERY = timedelta(minutes=15)
SEND_EVERY = timedelta(hours=1)
FAILED_SHARE = 0.02
ILL_SHARE = 0.01
MOST_GROWTH = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """What a fleet came to; sizes in megabytes, of the file and its log together.

    `full_mb` is worked out for the wanted rate from `bytes_a_message`.
    """

    numbers: int
    messages_a_day: int
    share: float
    size_by_day: dict[int, float]
    messages: int
    tallies: int
    bytes_a_message: float
    other_mb: float
    full_mb: float


class Fleet(WebhookFlow):
    """A flow in which everything that fills the database happens, and little else takes time."""

    def __init__(self, folder: Path, *, numbers: int, messages_a_day: int) -> None:
        accounts = max(numbers // NUMBERS_AN_ACCOUNT, 1)
        world = fleet(accounts, numbers // accounts)
        every = str(int(LOOK_EVERY.total_seconds()))
        super().__init__(folder, world=world, accounts=accounts, poll_interval=every, is_checked=False)
        self.database = folder / "wamon.db"
        self._turn = cycle(list(self.world.numbers.values()))
        self._an_hour = max(round(messages_a_day / 24), 1)
        self._chance = random.Random(1)

    def jobs(self) -> tuple[Job, ...]:
        kept = (replace(job, interval=TICK_EVERY) if job.name == TICK else job for job in self.daemon.jobs())
        sending = Job(name="webhooks", interval=SEND_EVERY, first_after=SEND_EVERY, run=self._send_hour)
        illness = Job(name="illness", interval=ILL_EVERY, first_after=ILL_EVERY, run=self._fall_ill)
        return (*kept, sending, illness)

    async def _send_hour(self) -> None:
        """An hour's messages, spread over as many numbers as there are messages for."""
        share = max(self._an_hour // len(self.world.numbers), 1)
        for _ in range(self._an_hour // share):
            number, messages = next(self._turn), self.messages(share)
            failed = [each for each in messages if self._chance.random() < FAILED_SHARE]
            for word in ("sent", "delivered", "read"):
                await self.say(sorted(set(messages) - set(failed)), word, number=number)
            if failed:
                await self.say(failed, "failed", number=number, error_code=131026)

    async def _fall_ill(self) -> None:
        """Who was ill recovers, and others fall ill."""
        for number in self.world.numbers.values():
            number.quality_rating = "RED" if self._chance.random() < ILL_SHARE else "GREEN"
        self.world.calls.clear()
        self.channel.workspace.calls.clear()

    async def day(self) -> float:
        """Live for a day; the megabytes after it."""
        await self.run(minutes=24 * 60)
        return await self.daemon.store.size_bytes() / MEGABYTE


async def grow(folder: Path, *, days: int, numbers: int, messages_a_day: int, share: float) -> Growth:
    fleet = Fleet(folder, numbers=numbers, messages_a_day=round(messages_a_day * share))
    async with fleet:
        sizes = {day: round(await fleet.day(), 2) for day in range(1, days + 1)}
        # What waits in the journal for the tables is counted with them.
        await fleet.daemon.store.fold({})
    with closing(sqlite3.connect(fleet.database)) as connection:
        rows = row_counts(connection)
        by_table = dict(connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"))
    bytes_a_message = by_table["messages"] / max(rows["messages"], 1)
    other_mb = (sum(by_table.values()) - by_table["messages"]) / MEGABYTE
    return Growth(
        numbers=numbers,
        messages_a_day=messages_a_day,
        share=share,
        size_by_day={day: sizes[day] for day in sizes if day in (1, 7, 14, 21, RETENTION_DAYS, days)},
        messages=rows["messages"],
        tallies=rows["tallies"],
        bytes_a_message=round(bytes_a_message, 1),
        other_mb=round(other_mb, 2),
        # Messages of a day go when the whole day is past its retention.
        full_mb=round((RETENTION_DAYS + 1) * messages_a_day * bytes_a_message / MEGABYTE + other_mb, 1),
    )


def show(found: Growth) -> None:
    sizes = ", ".join(f"day {day}: {size:g} MB" for day, size in found.size_by_day.items())
    print(f"{found.numbers} numbers, {found.messages_a_day * found.share:.0f} messages a day: {sizes}")
    print(
        f"  {found.messages} messages of {found.bytes_a_message} bytes, {found.tallies} sums, all but messages "
        f"{found.other_mb} MB; at {found.messages_a_day} messages a day {found.full_mb} MB",
        flush=True,
    )


def faults(found: Growth) -> Iterator[str]:
    before, after = (found.size_by_day.get(day) for day in (RETENTION_DAYS, max(found.size_by_day)))
    if before is not None and after is not None and after > MOST_GROWTH * before:
        yield f"{found.numbers} numbers: it grew from {before} to {after} MB after the retention"


def main() -> int:
    parser = argparse.ArgumentParser(description="How large the database becomes.")
    parser.add_argument("--days", type=int, default=RETENTION_DAYS + 3)
    parser.add_argument("--numbers", type=int, nargs="+", default=[10, 100, 2000])
    parser.add_argument("--messages-a-day", type=int, default=100_000)
    parser.add_argument("--share", type=float, default=0.05)
    given = parser.parse_args()
    grown = []
    for numbers in given.numbers:
        with tempfile.TemporaryDirectory(prefix="growth-") as folder:
            work = grow(
                Path(folder),
                days=given.days,
                numbers=numbers,
                messages_a_day=given.messages_a_day,
                share=given.share,
            )
            grown.append(asyncio.run(work))
        show(grown[-1])
    found = [fault for each in grown for fault in faults(each)]
    print(*found, sep="\n", end="\n" if found else "")
    print(json.dumps([asdict(each) for each in grown]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
