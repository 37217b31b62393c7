"""One event loop for each test: the tests stay plain functions that run one call after the other."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

pytest.register_assert_rewrite(
    *(
        f"tests.store.{part}contract"
        for part in ("", "desk_", "outbox_", "resuming_", "threads_", "pruning_", "past_", "ledger_")
    )
)


@pytest.fixture
def run() -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    with asyncio.Runner() as runner:
        yield runner.run
