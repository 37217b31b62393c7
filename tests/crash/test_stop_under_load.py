"""SIGTERM while webhooks stream in: gone within ten seconds, and everything that was acknowledged is kept."""

import asyncio
import json
import random
import time
from pathlib import Path

import pytest

from tests.crash.lab import Lab, lab, until
from tests.crash.test_ingest_kill import VERIFY_TOKEN, Sender, check_books, free_port

pytestmark = pytest.mark.alone

STOP_SECONDS = 10.0
WORKERS = 24
BODIES = 300
STOPS = 3


def test_stop_under_load_is_quick_and_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    async def story() -> None:
        port = free_port()
        settings = {"verify_token": VERIFY_TOKEN, "public_listen": f"127.0.0.1:{port}"}
        async with lab(tmp_path / "lab", settings=settings) as it:
            sender = sender_of(it, port)
            async with asyncio.TaskGroup() as tasks:
                for _ in range(WORKERS):
                    tasks.create_task(sender.work())
                for _ in range(STOPS):
                    assert await seconds_to_stop(it, sender) < STOP_SECONDS
                    # Nothing is left to be read back: it was all brought into the file, which is sound by itself.
                    assert not it.database.with_name("wamon.db-wal").exists()
                    assert it.query("PRAGMA integrity_check") == [("ok",)]
                # What was not acknowledged comes again, and counts once whether or not it was kept before.
                process = await it.start()
                taken = sender.acknowledged
                await until(lambda: sender.acknowledged > taken + WORKERS)
                sender.is_over = True
            assert await it.stop(process) == 0
            await check_books(it, sender)
            check_log(it)

    asyncio.run(story())


async def seconds_to_stop(where: Lab, sender: Sender) -> float:
    """How long a daemon that is in the midst of webhooks takes from SIGTERM to a good end."""
    process = await where.start()
    taken = sender.acknowledged
    await until(lambda: sender.acknowledged > taken + BODIES)
    began = time.monotonic()
    assert await where.stop(process) == 0
    return time.monotonic() - began


def sender_of(where: Lab, port: int) -> Sender:
    return Sender(
        secret=next(iter(where.world.apps.values())).secret,
        waba_id=where.waba.id,
        number_id=where.waba.number_ids[0],
        port=port,
        chance=random.Random(1),
    )


def check_log(where: Lab) -> None:
    """Thousands of webhooks and four lives leave a few lines: none for a webhook, none of trouble."""
    lines = [json.loads(line) for line in where.log.splitlines()]
    assert {line["level"] for line in lines} <= {"info", "warning"}
    assert len(lines) < 20 * (STOPS + 1)
