"""The store's thread: every call is carried out, in order, and its answer reaches whoever still waits."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from wamon.store.thread import NAME, StoreThread


@pytest.fixture
def thread() -> Iterator[StoreThread]:
    thread = StoreThread()
    yield thread
    thread.stop()


def test_answer_comes_from_the_threads_own_work(thread: StoreThread) -> None:
    assert asyncio.run(thread.call(lambda: threading.current_thread().name)) == NAME


def test_error_reaches_who_asked_and_the_thread_works_on(thread: StoreThread) -> None:
    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        asyncio.run(thread.call(fail))

    assert asyncio.run(thread.call(lambda: 1)) == 1


@pytest.mark.parametrize("is_failing", [False, True])
def test_call_that_is_cancelled_is_carried_out_all_the_same(thread: StoreThread, is_failing: bool) -> None:
    done: list[int] = []
    held = threading.Event()

    def work(number: int) -> None:
        held.wait(5)
        done.append(number)
        if is_failing:
            raise ValueError("nobody hears it")

    async def cancel_both() -> None:
        calls = [asyncio.ensure_future(thread.call(lambda number=number: work(number))) for number in (1, 2)]  # type: ignore[misc]
        await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        held.set()
        await thread.call(lambda: None)

    asyncio.run(cancel_both())

    assert done == [1, 2]


def test_thread_outlives_the_loop_that_asked(thread: StoreThread) -> None:
    held = threading.Event()

    async def leave() -> None:
        call = asyncio.ensure_future(thread.call(lambda: held.wait(5)))
        await asyncio.sleep(0)
        call.cancel()

    asyncio.run(leave())
    held.set()

    assert asyncio.run(thread.call(lambda: 2)) == 2


def test_stop_waits_for_what_was_asked() -> None:
    thread = StoreThread()
    done: list[int] = []

    async def leave() -> None:
        call = asyncio.ensure_future(thread.call(lambda: done.append(1)))
        await asyncio.sleep(0)
        call.cancel()

    asyncio.run(leave())
    thread.stop()

    assert done == [1]
