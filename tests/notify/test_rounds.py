import asyncio
from datetime import datetime

from tests.fakes import START, FakeClock
from tests.notify.desk import cancelled
from wamon.notify.rounds import Rounds


def test_being_woken_brings_one_round_and_one_more_when_it_happened_during_a_round() -> None:
    rounds_done: list[datetime] = []

    async def main() -> None:
        clock, may_end = FakeClock(), asyncio.Event()

        async def work() -> None:
            await may_end.wait()
            rounds_done.append(clock.now())

        rounds = Rounds(work, receiver="slack_bot", clock=clock, store_failed=lambda: None)
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            with cancelled(group.create_task(rounds.run())):
                await _settle()
                rounds.wake()
                rounds.wake()
                may_end.set()
                await _settle()
                assert rounds_done == [START] * 2
                rounds.wake()
                await _settle()

    asyncio.run(main())

    assert rounds_done == [START] * 3


async def _settle() -> None:
    """Let everything that can go on go on."""
    for _ in range(20):
        await asyncio.sleep(0)
