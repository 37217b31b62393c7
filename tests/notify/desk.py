"""An outbox at work: over a real store, with a clock and receivers in the test's hand."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from tests.fakes import START, FakeClock
from tests.notify.cases import QUALITY, number, snapshot, transition
from wamon.core.alerting import Alert, AlertState, CloseReason, Severity, Transition, TransitionKind
from wamon.core.desk import NO_GROUP, Announcement, AnnouncementKind, Group, GroupKey, TransitionId
from wamon.core.desk import Desk as Told
from wamon.core.errors import StoreError
from wamon.core.outgoing import Message, Receipt, Story, Thread
from wamon.core.ports import Notifier, OutboxFigures, Threads
from wamon.core.state import Changes, State
from wamon.notify.details import Links
from wamon.notify.lane import STOP_SECONDS
from wamon.notify.message import Composer
from wamon.notify.outbox import Outbox
from wamon.store.sqlite import SqliteStore


class Halves(random.Random):
    """Chance that always falls in the middle, so that backoffs are 0.5 s, 1 s, 2 s, ..., 150 s."""

    def random(self) -> float:
        return 0.5


class BrittleStore(SqliteStore):
    """A store on a disk that may fill up."""

    broken: frozenset[str] = frozenset()

    def _check(self, what: str) -> None:
        if what in self.broken:
            raise StoreError("the disk is full")

    async def begin_attempt(self, notification_ids: Sequence[int], *, at: datetime) -> str:
        self._check("begin")
        return await super().begin_attempt(notification_ids, at=at)

    async def finish_attempt(
        self, reference: str, receipt: Receipt, *, at: datetime, root_revision: int | None
    ) -> None:
        self._check("finish")
        await super().finish_attempt(reference, receipt, at=at, root_revision=root_revision)

    async def revive_interrupted(self, receiver: str, *, at: datetime) -> int:
        self._check("revive")
        return await super().revive_interrupted(receiver, at=at)

    async def story(self, group_id: int) -> Story:
        self._check("story")
        return await super().story(group_id)

    async def thread_shown(self, receiver: str, group_id: int, revision: int) -> None:
        self._check("shown")
        await super().thread_shown(receiver, group_id, revision)


class Recorder:
    """An OutboxObserver that keeps what it is told."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[str, str]] = []
        self.edits: list[tuple[str, str]] = []
        self.delays: list[float] = []
        self.possible_duplicates = 0
        self.commit_failures = 0
        self.figures = OutboxFigures()

    def delivered(self, receiver: str, *, delay_seconds: float) -> None:
        self.outcomes.append((receiver, "delivered"))
        self.delays.append(delay_seconds)

    def possibly_duplicated(self) -> None:
        self.possible_duplicates += 1

    def notified(self, receiver: str, outcome: str) -> None:
        self.outcomes.append((receiver, outcome))

    def edited(self, receiver: str, outcome: str) -> None:
        self.edits.append((receiver, outcome))

    def outbox(self, figures: OutboxFigures) -> None:
        self.figures = figures

    def commit_failed(self) -> None:
        self.commit_failures += 1


class Pigeon:
    """A receiver without threads that keeps what it carries.

    `on_send` is called first, then `fate` is asked by the number of the attempt (None: any), and may raise.
    """

    def __init__(self, name: str = "slack_bot") -> None:
        self.name = name
        self.tried: list[Message] = []
        self.carried: list[Message] = []
        self.fate: dict[int | None, Exception] = {}
        self.on_send: Callable[[], None] = lambda: None

    @property
    def threads(self) -> Threads | None:
        return None

    async def send(self, message: Message) -> Receipt:
        self.on_send()
        self.tried.append(message)
        error = _fate(self.fate, len(self.tried))
        if error is not None:
            raise error
        self.carried.append(message)
        return Receipt(message_id=message.reference)

    async def check(self) -> str:
        return "it flies"

    async def close(self) -> None:
        """Nothing is held."""


@dataclass(kw_only=True)
class Post:
    """A message in a channel: all that it has shown, and where."""

    versions: list[Message]
    thread: str | None = None
    is_broadcast: bool = False

    @property
    def shown(self) -> Message:
        return self.versions[-1]


class Courier(Pigeon):
    """A receiver with threads. `posts` is what its channel holds, by id; what is not there cannot be written to.

    `fate` is that of posts, `edit_fate` of edits, `find_fate` of looks. With `takes_what_it_loses` a post is there
    although it fails.
    """

    def __init__(self, name: str = "slack_bot") -> None:
        super().__init__(name)
        self.posts: dict[str, Post] = {}
        self.tried_edits: list[tuple[str, Message]] = []
        self.looked_for: list[str] = []
        self.looked_since: list[datetime] = []
        self.edit_fate: dict[int | None, Exception] = {}
        self.find_fate: dict[int | None, Exception] = {}
        self.takes_what_it_loses = False
        self.lost: Callable[[], Exception] = lambda: LookupError("no message there")

    @property
    def threads(self) -> Threads | None:
        return self

    @property
    def roots(self) -> list[Post]:
        return [post for post in self.posts.values() if post.thread is None]

    @property
    def replies(self) -> list[Post]:
        return [post for post in self.posts.values() if post.thread is not None]

    async def send(self, message: Message) -> Receipt:
        return await self._post(message, Post(versions=[message]))

    async def reply(self, message: Message, to: Receipt, *, is_broadcast: bool) -> Receipt:
        if to.message_id not in self.posts:
            self.tried.append(message)
            raise self.lost()
        return await self._post(message, Post(versions=[message], thread=to.message_id, is_broadcast=is_broadcast))

    async def _post(self, message: Message, post: Post) -> Receipt:
        try:
            await super().send(message)
        except Exception:
            if self.takes_what_it_loses:
                self.posts[message.reference] = post
            raise
        self.posts[message.reference] = post
        return Receipt(channel="C1", message_id=message.reference)

    async def edit(self, message: Message, receipt: Receipt) -> None:
        self.tried_edits.append((str(receipt.message_id), message))
        error = _fate(self.edit_fate, len(self.tried_edits))
        if error is not None:
            raise error
        post = self.posts.get(str(receipt.message_id))
        if post is None:
            raise self.lost()
        post.versions.append(message)

    async def find(self, reference: str, *, since: datetime, thread: Receipt | None) -> Receipt | None:
        self.looked_for.append(reference)
        self.looked_since.append(since)
        error = _fate(self.find_fate, len(self.looked_for))
        if error is not None:
            raise error
        post = self.posts.get(reference)
        is_there = post is not None and post.thread == (thread.message_id if thread is not None else None)
        return Receipt(channel="C1", message_id=reference) if is_there else None


def _fate(fates: Mapping[int | None, Exception], number: int) -> Exception | None:
    return fates.get(number) or fates.get(None)


@dataclass(kw_only=True)
class Desk:
    """An outbox over a real store, with a clock and receivers in the test's hand."""

    store: BrittleStore
    notifiers: dict[str, Notifier]
    clock: FakeClock = field(default_factory=FakeClock)
    recorder: Recorder = field(default_factory=Recorder)
    fallbacks: Mapping[str, str] = field(default_factory=dict)
    groups: dict[int, Group] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)
    outbox: Outbox = field(init=False)

    def __post_init__(self) -> None:
        self.outbox = self.another()

    def another(self, *, stop_seconds: float = STOP_SECONDS) -> Outbox:
        """The outbox of the next process."""
        return Outbox(
            store=self.store,
            notifiers=self.notifiers,
            words=Composer(rules=(QUALITY,), links=Links(), has_buttons=True),
            state=self.state,
            clock=self.clock,
            random=Halves(),
            observer=self.recorder,
            fallbacks=self.fallbacks,
            stop_seconds=stop_seconds,
        )

    def state(self) -> State:
        live = {group.id: group for group in self.groups.values() if group.closed_at is None}
        return State(snapshot=snapshot(), alerts=dict(self.alerts), desk=Told(groups=live))

    async def restart(self, *notifiers: Notifier) -> int:
        """The next process takes over, with these receivers or with those of before; what it was interrupted in."""
        self.notifiers = {notifier.name: notifier for notifier in notifiers} or self.notifiers
        self.outbox = self.another()
        return await self.outbox.recover()

    async def owe(
        self,
        *transitions: Transition,
        receivers: tuple[str, ...] = ("slack_bot",),
        kind: AnnouncementKind = AnnouncementKind.NEWS,
        is_broadcast: bool = False,
        note: str = "",
    ) -> None:
        """Commit what happened, and that each receiver is to be told; one announcement for a group.

        What is no NEWS happened before. Without any transition it is about no group.
        """
        by_group: dict[int, list[Transition]] = {each.group_id: [] for each in transitions} or {NO_GROUP: []}
        for each in transitions:
            by_group[each.group_id].append(each)
        announcements = []
        for group_id, own in by_group.items():
            group = self._advance(group_id, own)
            announcements += [
                Announcement(
                    group_id=group_id,
                    sequence=group.sequence,
                    receiver=receiver,
                    kind=kind,
                    at=max((each.at for each in own), default=self.clock.now())
                    if kind is AnnouncementKind.NEWS
                    else self.clock.now(),
                    items=tuple(TransitionId(each.key, each.episode, each.ordinal) for each in own),
                    is_broadcast=is_broadcast,
                    note=note,
                )
                for receiver in receivers
            ]
        is_news = kind is AnnouncementKind.NEWS
        await self.store.commit(
            Changes(
                moment=self.clock.moment(),
                transitions=transitions if is_news else (),
                groups=tuple(self.groups[group_id] for group_id in by_group if group_id != NO_GROUP),
                announcements=tuple(announcements),
            )
        )

    async def change(self, group_id: int = 1) -> None:
        """Something happens that only the group's message shows."""
        group = self.groups[group_id]
        self.groups[group_id] = replace(group, revision=group.revision + 1)
        await self.store.commit(Changes(moment=self.clock.moment(), groups=(self.groups[group_id],)))

    def _advance(self, group_id: int, transitions: Sequence[Transition]) -> Group:
        if group_id == NO_GROUP:
            return Group(id=NO_GROUP, key=GroupKey(""), opened_at=START, sequence=len(self.recorder.outcomes) + 1)
        for each in transitions:
            if each.kind is TransitionKind.CLOSE:
                self.alerts.pop(each.key, None)
            else:
                self.alerts[each.key] = firing(each)
        opened_at = min((each.at for each in transitions), default=START)
        group = self.groups.get(group_id) or Group(id=group_id, key=GroupKey("quality"), opened_at=opened_at)
        members = tuple(dict.fromkeys((*group.members, *(each.key for each in transitions))))
        is_over = not any(key in self.alerts for key in members)
        self.groups[group_id] = replace(
            group,
            members=members,
            sequence=group.sequence + 1,
            revision=group.revision + 1,
            closed_at=self.clock.now() if is_over else None,
        )
        return self.groups[group_id]

    async def live(self, duration: timedelta) -> None:
        """Deliver for so long, as `run` would, and be there at the end."""
        end = self.clock.now() + duration
        while (due_at := await self.outbox.deliver_due()) is not None and due_at <= end:
            self.clock.advance(max((due_at - self.clock.now()).total_seconds(), 0.0))
        self.clock.advance(max((end - self.clock.now()).total_seconds(), 0.0))

    async def root(self, receiver: str = "slack_bot", group_id: int = 1) -> Thread | None:
        """The receiver's message about the group as the store has it, if it is out of date."""
        stale = await self.store.stale_threads(receiver, limit=100)
        return next((thread for thread in stale if thread.group_id == group_id), None)


def at_desk(
    folder: Path,
    scenario: Callable[[Desk], Awaitable[None]],
    *notifiers: Notifier,
    fallbacks: Mapping[str, str] | None = None,
) -> None:
    async def main() -> None:
        clock = FakeClock()
        store = BrittleStore(folder / "wamon.db", synchronous="OFF", clock=clock)
        by_name = {notifier.name: notifier for notifier in notifiers}
        await store.open()
        try:
            await scenario(Desk(store=store, clock=clock, notifiers=by_name, fallbacks=fallbacks or {}))
        finally:
            await store.close()
            for notifier in notifiers:
                await notifier.close()

    asyncio.run(main())


@contextmanager
def cancelled(task: "asyncio.Task[None]") -> Iterator[None]:
    """Let a loop run for as long as a block lasts; what it died of comes out."""
    try:
        yield
    finally:
        task.cancel()


def opened(
    index: int = 0, severity: Severity = Severity.CRITICAL, *, when: datetime = START, group: int | None = None
) -> Transition:
    """An alert about one of many numbers, in a group of its own unless told otherwise."""
    group_id = index + 1 if group is None else group
    return replace(transition(severity=severity, subject=number(index), when=when), group_id=group_id)


def closed(
    index: int = 0, *, when: datetime = START, opened_at: datetime = START, group: int | None = None
) -> Transition:
    """The end of what `opened` began."""
    ended = transition(
        TransitionKind.CLOSE,
        subject=number(index),
        when=when,
        opened_at=opened_at,
        close_reason=CloseReason.RESOLVED,
        ordinal=2,
    )
    return replace(ended, group_id=index + 1 if group is None else group)


def firing(of: Transition) -> Alert:
    """The alert that a transition is about, while it is open."""
    return Alert(
        key=of.key,
        rule=of.rule,
        subject=of.subject,
        state=AlertState.FIRING,
        severity=of.severity,
        since=of.at,
        last_observed_at=of.at,
        last_confirmed_at=of.at,
        episode=of.episode,
        ordinal=of.ordinal,
        opened_at=of.opened_at,
        what=of.what,
        evidence=of.evidence,
    )


def who(message: Message) -> str:
    """`CRITICAL 1000`: the fixed word and the number."""
    words = message.headline.split()
    return f"{words[0]} {words[-1]}"


def whos(messages: Sequence[Message]) -> list[str]:
    return [who(message) for message in messages]
