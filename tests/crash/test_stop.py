"""The daemon is asked to stop, or to share its database."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.crash.lab import lab, until

pytestmark = pytest.mark.alone

STOP_SECONDS = 10.0


def test_stop_while_meta_has_not_answered_is_clean(tmp_path: Path) -> None:
    async def story() -> int:
        async with lab(tmp_path / "lab") as it:
            it.world.faults.add("hang", path=f"/{it.waba.id}", seconds=60)
            process = await it.start()
            await it.has_asked()
            async with asyncio.timeout(STOP_SECONDS):
                return await it.stop(process)

    assert asyncio.run(story()) == 0


@pytest.mark.parametrize("is_bot", [False, True], ids=["webhook", "bot"])
def test_stop_while_slack_has_not_answered_notes_what_was_told(tmp_path: Path, is_bot: bool) -> None:
    async def story() -> None:
        async with lab(tmp_path / "lab", is_bot=is_bot) as it:
            it.channel.faults.add("slow", seconds=2)
            it.world.number(it.waba.number_ids[0]).quality_rating = "RED"
            process = await it.start()
            await until(lambda: it.channel.messages)
            async with asyncio.timeout(STOP_SECONDS):
                assert await it.stop(process) == 0
            assert it.query("SELECT state, attempts FROM outbox") == [("done", 1)]
            told = [message.ts for message in it.channel.messages]
            assert len(told) == 1
            assert it.query("SELECT message_id FROM threads") == [(ts,) for ts in told if is_bot]

            asked = len(it.world.calls)
            process = await it.start()
            await it.has_asked(2, since=asked)
            assert await it.stop(process) == 0
            assert [message.ts for message in it.channel.messages] == told
            assert it.query("SELECT state FROM alerts") == [("firing",)]

    asyncio.run(story())


@pytest.mark.parametrize("moment", [0.1, 0.6])
def test_stop_at_work_leaves_everything_committed(tmp_path: Path, moment: float) -> None:
    async def story() -> None:
        async with lab(tmp_path / "lab") as it:
            process = await it.start()
            await it.has_asked(2)
            await asyncio.sleep(moment)
            async with asyncio.timeout(STOP_SECONDS):
                assert await it.stop(process) == 0
            answered = sum(call.path == f"/{it.waba.id}" and call.status == 200 for call in it.world.calls)
            ((kept,),) = it.query(
                "SELECT sum(value) FROM counters WHERE name = 'wamon_probe_runs_total' "
                "AND json_extract(labels, '$.probe') = 'account' AND json_extract(labels, '$.outcome') = 'ok'"
            )
            # The last one may have been under way.
            assert answered - kept in (0, 1)
            assert it.query("PRAGMA integrity_check") == [("ok",)]
            assert '"level": "error"' not in it.log

    asyncio.run(story())


def test_second_daemon_on_one_database_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with lab(tmp_path / "lab") as it:
            first = await it.start()
            await it.has_asked()
            second = await it.start()
            async with asyncio.timeout(STOP_SECONDS):
                code = await second.wait()

            assert code == 2
            assert f"database {it.database} is in use by wamon pid {first.pid} on " in it.log
            assert "stop it or use another WAMON_DATABASE" in it.log
            assert "Traceback" not in it.log
            asked = len(it.world.calls)
            await it.has_asked(2, since=asked)
            assert await it.stop(first) == 0

    asyncio.run(story())


def test_database_of_a_killed_daemon_is_free_at_once(tmp_path: Path) -> None:
    async def story() -> int:
        async with lab(tmp_path / "lab") as it:
            first = await it.start()
            await it.has_asked()
            first.send_signal(signal.SIGKILL)
            await first.wait()
            asked = len(it.world.calls)
            second = await it.start()
            await it.has_asked(since=asked)
            return await it.stop(second)

    assert asyncio.run(story()) == 0
