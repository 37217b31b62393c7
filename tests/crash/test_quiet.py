"""The log of a healthy hour: how it started and that it stopped, and a line for each change between."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.crash.lab import Lab, lab, until

pytestmark = pytest.mark.alone

# An hour takes a quarter of a minute.
SPEED = 240.0
POLLS = 60
# That it watches, that it stops, and what it thinks of its configuration.
MOST_LINES = 6


def lines(where: Lab) -> list[dict[str, Any]]:
    return [json.loads(line) for line in where.log.splitlines()]


def test_healthy_hour_leaves_a_few_lines(tmp_path: Path) -> None:
    async def story() -> None:
        async with lab(tmp_path / "lab", speed=SPEED, settings={"poll_interval": "60"}) as it:
            process = await it.start()
            await it.has_asked(POLLS)
            assert await it.stop(process) == 0

            assert len(lines(it)) <= MOST_LINES, it.log
            assert {line["level"] for line in lines(it)} <= {"info", "warning"}

    asyncio.run(story())


def test_trouble_is_a_line_when_it_begins_and_one_when_it_ends_however_long_it_lasts(tmp_path: Path) -> None:
    async def story() -> None:
        async with lab(tmp_path / "lab", speed=SPEED, settings={"poll_interval": "60"}) as it:
            fault = it.world.faults.add("status", path=f"/{it.waba.id}", http_status=500)
            process = await it.start()
            await until(lambda: fault.hits > POLLS)
            it.world.faults.remove(fault)
            asked = len(it.world.calls)
            await it.has_asked(POLLS // 2, since=asked)
            assert await it.stop(process) == 0

            told = [str(line["message"]) for line in lines(it)]
            # Two probes ask about the account: each says so once when it begins, and once when it ends.
            assert told.count("probe answers again") == 2
            assert max(map(told.count, told)) == 2, it.log
            assert len(told) <= 2 * MOST_LINES, it.log

    asyncio.run(story())
