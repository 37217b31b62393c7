"""What Ctrl-C and SIGTERM mean to a command that runs until told to stop."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator

IMPATIENT_SECONDS = 1.0


@contextlib.contextmanager
def stop_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on SIGINT and SIGTERM; one that comes a while after the first ends the process at once."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    asked_at: list[float] = []

    def ask_to_stop(number: int) -> None:
        # A terminal or a supervisor may signal the group and then the process: that is one wish, not two.
        if asked_at and loop.time() - asked_at[0] > IMPATIENT_SECONDS:
            # Not by the default action: process 1 of a container has none.
            os._exit(128 + number)
        asked_at.append(loop.time())
        stop()

    for each in signals:
        loop.add_signal_handler(each, ask_to_stop, int(each))
    try:
        yield
    finally:
        for each in signals:
            loop.remove_signal_handler(each)
