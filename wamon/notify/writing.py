"""What goes out, put into words from what is known at the moment of sending, never before."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from wamon.core.desk import NO_GROUP
from wamon.core.outgoing import Batch, Message, Story, Thread
from wamon.core.ports import Store
from wamon.core.state import State
from wamon.core.timing import Clock

_DUPLICATE: Final = "possible duplicate: an earlier attempt may have arrived"


class Words(Protocol):
    """Who finds the words."""

    def first(self, batch: Batch, story: Story, state: State, now: datetime) -> Message:
        """The first message about a group; where there are no threads, each."""
        ...

    def reply(self, batch: Batch, story: Story, state: State, now: datetime) -> Message:
        """A further message, in the thread of the first."""
        ...

    def root(self, thread: Thread, story: Story, state: State, now: datetime) -> Message:
        """The first message anew."""
        ...

    def alone(self, batch: Batch, state: State, now: datetime) -> Message:
        """What belongs to no group."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A message, and what revision of its group it shows, 0 when not all of it; `closed_at` is the group's."""

    message: Message
    revision: int = 0
    closed_at: datetime | None = None


class Writer:
    """Puts batches and threads into words, as things are now. Everything raises StoreError."""

    def __init__(self, words: Words, *, store: Store, state: Callable[[], State], clock: Clock) -> None:
        self._words = words
        self._store = store
        self._state = state
        self._clock = clock

    async def batch(self, batch: Batch, reference: str, *, is_reply: bool, is_possible_duplicate: bool) -> Written:
        """A batch as one message, with the reference by which it is found again."""
        if batch.group_id == NO_GROUP:
            written = Written(message=self._words.alone(batch, self._state(), self._clock.now()))
        else:
            story = await self._store.story(batch.group_id)
            compose = self._words.reply if is_reply else self._words.first
            written = self._written(story, lambda state, now: compose(batch, story, state, now))
            told = {each.key for notification in batch.notifications for each in notification.transitions}
            if any(each.key not in told for each in story.transitions):
                written = replace(written, revision=0)
        because = dict.fromkeys(each.because for each in batch.notifications if each.because)
        # First, so that they are shown however much else there is to say.
        remarks = (*([_DUPLICATE] if is_possible_duplicate else []), *because, *written.message.remarks)
        return replace(written, message=replace(written.message, remarks=remarks, reference=reference))

    async def root(self, thread: Thread) -> Written:
        """The first message about a group, as it should be by now."""
        story = await self._store.story(thread.group_id)
        return self._written(story, lambda state, now: self._words.root(thread, story, state, now))

    def _written(self, story: Story, compose: Callable[[State, datetime], Message]) -> Written:
        state = self._state()
        # A commit is in the store a moment before it is in the state: such a message is out of date already.
        group = state.desk.groups.get(story.group.id, story.group)
        return Written(
            message=compose(state, self._clock.now()),
            revision=min(story.group.revision, group.revision),
            closed_at=story.group.closed_at,
        )
