"""A process that commits as fast as it can and says so after each commit, until it is killed."""

import asyncio
import sys
from pathlib import Path

from tests.store.samples import GAUGE, SIGNALS, fact, group, owed, transition
from wamon.core.health import Subject
from wamon.core.state import CounterKey
from wamon.store import SqliteStore

COMMITS = CounterKey("commits")
NUMBERS = [Subject.phone_number("100", str(number)) for number in range(50)]


async def write(database: Path) -> None:
    store = SqliteStore(database)
    await store.open()
    commits = (await store.load(SIGNALS)).counters.get(COMMITS, 0)
    while True:
        commits += 1
        await store.commit(
            owed(
                transition(episode=commits),
                of=group(commits),
                facts=tuple(fact(GAUGE, float(commits), subject=number) for number in NUMBERS),
                counters={COMMITS: commits},
            )
        )
        print(commits, flush=True)


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1])))
