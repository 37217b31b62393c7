"""The restore drill: what a backup of a running daemon is worth when its machine is gone."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.crash.lab import Lab, lab, until
from wamon.rules import quality

pytestmark = pytest.mark.alone

# An alert recovers after a quarter of an hour.
SPEED = 240.0


async def wamon(where: Lab, *arguments: str) -> str:
    """What a command prints, run beside the daemon as an operator does."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "wamon",
        *arguments,
        cwd=where.folder,
        env=where.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()


@pytest.mark.parametrize("is_bot", [False, True], ids=["webhook", "bot"])
def test_daemon_that_starts_from_a_backup_knows_the_same_and_tells_nothing_twice(tmp_path: Path, is_bot: bool) -> None:
    async def story() -> None:
        async with lab(tmp_path / "lab", is_bot=is_bot, speed=SPEED, settings={"poll_interval": "60"}) as it:
            number = it.world.number(it.waba.number_ids[0])
            number.quality_rating = "RED"
            process = await it.start()
            await until(lambda: it.channel.messages)
            await until(lambda: it.query("SELECT state FROM outbox") == [("done",)])
            told = [message.ts for message in it.channel.messages]

            written = await wamon(it, "backup", "safe.db")
            process.kill()
            await process.wait()
            before = knowledge(it)
            for lost in it.folder.glob("wamon.db*"):
                lost.unlink()
            (it.folder / "safe.db").rename(it.database)

            asked = len(it.world.calls)
            process = await it.start()
            await it.has_asked(3, since=asked)
            assert "written and checked" in written
            assert knowledge(it) == before
            assert it.query("SELECT rule, state FROM alerts") == [(quality.QUALITY.name, "firing")]
            assert [message.ts for message in it.channel.messages] == told

            # It is no museum piece: what comes next is told, in the thread that the backup knew where there is one.
            number.quality_rating = "GREEN"
            await until(lambda: it.query("SELECT state FROM alerts") == [("inactive",)])
            await until(lambda: set(it.query("SELECT state FROM outbox")) == {("done",)})
            assert it.query("SELECT message_id FROM threads") == [(ts,) for ts in told if is_bot]
            assert await it.stop(process) == 0

    asyncio.run(story())


def knowledge(where: Lab) -> dict[str, list[tuple[object, ...]]]:
    """What must survive the machine: who we are, what is red, what is open, what was told."""
    return {
        statement: list(where.query(statement))
        for statement in (
            "SELECT install_id FROM instance",
            "SELECT subject_labels, signal, value, known FROM facts WHERE signal LIKE '%quality%' ORDER BY 1, 2",
            "SELECT key, state, episode, ordinal, opened_at FROM alerts ORDER BY key",
            "SELECT key, episode, ordinal, kind FROM alert_transitions ORDER BY seq",
            "SELECT receiver, group_id, kind, state, attempts FROM outbox ORDER BY id",
        )
    }


def test_backup_while_the_daemon_works_delays_no_poll_and_is_sound(tmp_path: Path) -> None:
    async def story() -> None:
        async with lab(tmp_path / "lab") as it:
            process = await it.start()
            await it.has_asked()
            for turn in range(3):
                asked = len(it.world.calls)
                await wamon(it, "backup", f"{turn}.db")
                assert "is sound" in await wamon(it, "backup", f"{turn}.db", "--check")
                await it.has_asked(since=asked)
            assert await it.stop(process) == 0
            assert '"level": "error"' not in it.log

    asyncio.run(story())


def test_prune_waits_for_nobody_but_says_who_holds_the_database(tmp_path: Path) -> None:
    async def story() -> None:
        async with lab(tmp_path / "lab") as it:
            process = await it.start()
            await it.has_asked()

            dry = await wamon(it, "prune", "--dry-run")
            with pytest.raises(AssertionError, match=f"is in use by wamon pid {process.pid} on "):
                await wamon(it, "prune")
            assert await it.stop(process) == 0
            real = await wamon(it, "prune")

            assert dry.startswith("Nothing was changed.")
            assert "all is within its retention" in real
            assert list(it.folder.glob(".prune-*")) == []

    asyncio.run(story())
