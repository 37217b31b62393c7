"""A floor for operators: the world of tests/core/telling with an engine's and a store's ways in, all in memory."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from tests.core.telling import BAD, CAUSE, Telling
from wamon.core.alerting import Transition
from wamon.core.desk import Group
from wamon.core.errors import StoreError
from wamon.core.outgoing import Story
from wamon.core.ports import Rule
from wamon.core.state import Changes, Event
from wamon.core.timing import Moment
from wamon.operating import Operations
from wamon.rules import RULES

T = TypeVar("T")


class Floor(Telling):
    """Real steps. `refuses` makes the store refuse every commit, `is_broken` every question."""

    def __init__(self, *rules: Rule, receivers: tuple[str, ...] = ("slack",), **manner: object) -> None:
        self.acted_ids: set[str] = set()
        self.transitions: list[Transition] = []
        self.ended: dict[int, Group] = {}
        self.refuses = False
        self.is_broken = False
        super().__init__(*(rules or (BAD, CAUSE, *RULES)), receivers=receivers, **manner)
        self.operations = Operations(
            engine=self,
            store=self,
            rules=self.policy.rules,
            manner=self.policy.manner,
            receivers=receivers,
            clock=self.clock,
            random=Random(7),
        )

    def take(self, event: object) -> Changes:
        changes = super().take(event)
        self.transitions += changes.transitions
        self.ended.update({group.id: group for group in changes.groups})
        if changes.act is not None:
            assert changes.act.id not in self.acted_ids
            self.acted_ids.add(changes.act.id)
        return changes

    # --- as the engine ------------------------------------------------------------------------------------------------

    async def observe(self, event: Callable[[Moment], Event]) -> bool:
        # As a commit does, so that others come in between.
        await asyncio.sleep(0)
        if self.refuses:
            return False
        self.take(event(self.clock.moment()))
        return True

    # --- as the store -------------------------------------------------------------------------------------------------

    async def acted(self, act_id: str) -> bool:
        await asyncio.sleep(0)
        if self.is_broken:
            raise StoreError("the disk is gone: look at it")
        return act_id in self.acted_ids

    async def story(self, group_id: int) -> Story:
        if self.is_broken:
            raise StoreError("the disk is gone: look at it")
        told = tuple(each for each in self.transitions if each.group_id == group_id)
        return Story(group=self.ended[group_id], transitions=told)


def run(awaitable: Awaitable[T]) -> T:
    async def wait() -> T:
        return await awaitable

    return asyncio.run(wait())
