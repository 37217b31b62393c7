"""A thread that carries out one call after another."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, TypeAlias, TypeVar

R = TypeVar("R")

NAME: Final = "wamon-store"

_Call: TypeAlias = tuple[Callable[[], Any], asyncio.Future[Any]]


class StoreThread:
    """Carries out every call in the order of asking, whether or not somebody still waits for its answer.

    An executor does the same for three times the cost of a call, and a small commit costs little else.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        # A daemon, since who forgets to close the store must still get out.
        self._thread = Thread(target=self._work, name=NAME, daemon=True)
        self._thread.start()

    async def call(self, work: Callable[[], R]) -> R:
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._calls.put((work, answer))
        return await answer

    def stop(self) -> None:
        """End the thread after what was asked of it already. Nothing may be asked afterwards."""
        self._calls.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            _carry_out(*call)
            # What was asked is not held until the next call comes.
            del call


def _carry_out(work: Callable[[], R], answer: asyncio.Future[R]) -> None:
    try:
        result = work()
    except BaseException as exc:  # noqa: BLE001 - it belongs to who asked
        _tell(answer, _fail, exc)
    else:
        _tell(answer, _succeed, result)


def _tell(answer: asyncio.Future[R], how: Callable[[asyncio.Future[R], Any], None], what: object) -> None:
    # Who asked may have gone, and its loop with it.
    with suppress(RuntimeError):
        answer.get_loop().call_soon_threadsafe(how, answer, what)


def _succeed(answer: asyncio.Future[R], result: R) -> None:
    if not answer.done():
        answer.set_result(result)


def _fail(answer: asyncio.Future[R], error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)
