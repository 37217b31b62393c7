"""A past to ask: a real store with what the store's own samples say, and the history over it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Mount

from tests.fakes import FakeClock
from tests.operators import Floor, run
from tests.store.samples import SIGNALS
from wamon.core.health import Snapshot
from wamon.core.markers import MarkerKind
from wamon.core.state import Changes, State
from wamon.operating.history import Asked, Entry, History
from wamon.rules import RULES
from wamon.store import SqliteStore
from wamon.web.api import PREFIX, api


class Past:
    """`latest` is what the observer was told. `snapshot` is the picture by which things get their names."""

    def __init__(self, database: Path) -> None:
        self.clock = FakeClock()
        self.store = SqliteStore(database, synchronous="OFF", clock=self.clock)
        self.latest: dict[str, float] = {}
        self.snapshot = Snapshot()
        self.history = self.anew()

    def anew(self) -> History:
        """The history as another start of the daemon has it."""
        return History(
            store=self.store,
            state=lambda: State(snapshot=self.snapshot),
            signals=SIGNALS,
            rules=RULES,
            clock=self.clock,
            random=Random(7),
            observer=self,
        )

    def marked(self, kind: MarkerKind, at: Any) -> None:
        self.latest[kind.value] = at.timestamp()

    def commit(self, changes: Changes) -> None:
        run(self.store.commit(changes))

    def entries(self, **asked: Any) -> tuple[Entry, ...]:
        return run(self.history.timeline(Asked(**asked))).entries

    def mark(self, title: str = "shop 4.2", *, author: str = "ci", **other: Any) -> Any:
        return run(self.history.mark(title, author=author, **other))

    def app(self) -> Starlette:
        """The operators' API over it."""
        return Starlette(routes=[Mount(PREFIX, app=api(Floor().operations, self.history))])


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Past]:
    past = Past(folder / "wamon.db")
    run(past.store.open())
    try:
        yield past
    finally:
        run(past.store.close())
