"""What every store must do with the messages that stand for groups, and with a group's story."""

import pytest

from tests.fakes import START
from tests.store.contract import CLOSE, OPEN, Contract, ReadableStore, Run
from tests.store.samples import announcement, changes, group, later, owed, transition
from wamon.core.alerting import TransitionKind
from wamon.core.desk import NO_GROUP, STORM_KEY, AnnouncementKind
from wamon.core.errors import StoreError
from wamon.core.outgoing import Receipt, Story, Thread

ROOT = Receipt(channel="C1", message_id="1.2")


class ThreadsContract(Contract):
    """Threads: what a message shows, what it should show, and what is left of one that is gone."""

    def rooted(self, run: Run, store: ReadableStore, *, group_id: int = 1, shows: int = 1, of: int = 1) -> None:
        """Send a group's first message, which shows one of its revisions."""
        told = transition(rule=f"rule {group_id}")
        run(store.commit(owed(told, of=group(group_id, revision=of))))
        reference = self.begin(run, store, self.due(run, store)[0])
        run(store.finish_attempt(reference, ROOT, at=START, root_revision=shows))

    def revise(self, run: Run, store: ReadableStore, revision: int, *, group_id: int = 1) -> None:
        run(store.commit(changes(groups=(group(group_id, revision=revision),))))

    def thread(self, run: Run, store: ReadableStore, *, group_id: int = 1) -> Thread:
        """The thread as the next batch has it."""
        reminder = announcement(group_id=group_id, sequence=99, kind=AnnouncementKind.REPEAT)
        run(store.commit(changes(announcements=(reminder,))))
        ((batch, *_),) = (self.due(run, store),)
        thread: Thread = batch.thread
        return thread

    def stale(self, run: Run, store: ReadableStore, *, limit: int = 100, receiver: str = "slack") -> list[Thread]:
        return list(run(store.stale_threads(receiver, limit=limit)))

    def test_first_message_stands_for_its_group(self, run: Run, store: ReadableStore) -> None:
        self.rooted(run, store, shows=2, of=2)
        self.reloaded(run, store)

        assert self.stale(run, store) == []
        assert self.thread(run, store) == Thread(
            receiver="slack", group_id=1, receipt=ROOT, shown_revision=2, wanted_revision=2
        )

    def test_message_that_is_no_first_one_stands_for_nothing(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(transition())))
        self.deliver(run, store)
        test = announcement(group_id=NO_GROUP, kind=AnnouncementKind.TEST)
        run(store.commit(changes(announcements=(test,))))
        self.deliver(run, store, root=1)

        self.revise(run, store, 9)

        assert self.stale(run, store) == []
        assert self.thread(run, store) == Thread(receiver="slack", group_id=1)

    def test_reply_leaves_the_first_message_as_it_was(self, run: Run, store: ReadableStore) -> None:
        self.rooted(run, store)
        run(store.commit(owed(transition(CLOSE, 2, rule="rule 1"))))

        self.deliver(run, store)

        assert self.thread(run, store).receipt == ROOT

    def test_message_that_shows_less_than_is_known_is_stale(self, run: Run, store: ReadableStore) -> None:
        self.rooted(run, store, group_id=1)
        self.rooted(run, store, group_id=2, shows=1, of=3)
        self.rooted(run, store, group_id=3)
        run(store.commit(changes(groups=(group(3, revision=4, closed_at=later(1)),))))

        assert [(each.group_id, each.shown_revision, each.wanted_revision) for each in self.stale(run, store)] == [
            (2, 1, 3),
            (3, 1, 4),
        ]
        assert [each.group_id for each in self.stale(run, store, limit=1)] == [2]
        assert self.stale(run, store, receiver="log") == []
        assert run(store.outbox_figures()).edits == 2

    def test_message_is_not_stale_once_it_shows_everything(self, run: Run, store: ReadableStore) -> None:
        self.rooted(run, store)
        self.revise(run, store, 3)

        run(store.thread_shown("slack", 1, 2))
        between = self.stale(run, store)
        run(store.thread_shown("slack", 1, 3))
        run(store.thread_shown("slack", 1, 2))

        assert [each.shown_revision for each in between] == [2]
        assert self.stale(run, store) == []

    def test_message_is_left_alone_while_something_of_its_group_is_being_sent(
        self, run: Run, store: ReadableStore
    ) -> None:
        self.rooted(run, store, group_id=1)
        self.rooted(run, store, group_id=2)
        for group_id in (1, 2):
            self.revise(run, store, 2, group_id=group_id)
        run(store.commit(changes(announcements=(announcement(sequence=2, kind=AnnouncementKind.REPEAT),))))
        (waiting,) = self.due(run, store)
        while_due = self.stale(run, store)

        reference = self.begin(run, store, waiting)
        while_sending = self.stale(run, store)
        run(store.finish_attempt(reference, Receipt(), at=START, root_revision=None))

        assert [each.group_id for each in while_due] == [1, 2]
        assert [each.group_id for each in while_sending] == [2]
        assert [each.group_id for each in self.stale(run, store)] == [1, 2]

    def test_lost_message_is_remembered_and_the_next_one_is_the_first(self, run: Run, store: ReadableStore) -> None:
        self.rooted(run, store)
        self.revise(run, store, 2)

        run(store.thread_lost("slack", 1))
        run(store.thread_lost("slack", 1))
        lost = self.thread(run, store)
        stale = self.stale(run, store)
        reference = self.begin(run, store, self.due(run, store)[0])
        again = Receipt(channel="C1", message_id="3.4")
        run(store.finish_attempt(reference, again, at=START, root_revision=1))

        assert (lost.receipt, lost.lost_receipt, stale) == (None, ROOT, [])
        assert self.stale(run, store) == [
            Thread(receiver="slack", group_id=1, receipt=again, shown_revision=1, wanted_revision=2, lost_receipt=ROOT)
        ]

    def test_message_that_is_lost_before_there_is_one_changes_nothing(self, run: Run, store: ReadableStore) -> None:
        run(store.thread_lost("slack", 1))
        run(store.thread_shown("slack", 1, 7))

        assert self.thread(run, store) == Thread(receiver="slack", group_id=1)

    # --- stories ------------------------------------------------------------------------------------------------------

    def test_story_is_all_that_happened_to_a_group(self, run: Run, store: ReadableStore) -> None:
        told = [
            transition(OPEN, 1, group_id=1),
            transition(TransitionKind.STALE, 2, group_id=1, at=later(2)),
            transition(CLOSE, 3, group_id=1, at=later(1)),
        ]
        other = transition(rule="other", group_id=2)
        closed = group(1, closed_at=later(2), revision=4)
        run(store.commit(changes(told[0], other, transition(rule="alone"), groups=(group(), group(2)))))
        run(store.commit(changes(*told[1:], groups=(closed,))))

        assert run(store.story(1)) == Story(group=closed, transitions=tuple(told))

    def test_story_of_a_storm_is_that_of_its_groups(self, run: Run, store: ReadableStore) -> None:
        storm = group(3, key=STORM_KEY, members=(), is_storm=True)
        first, second = (transition(rule=f"rule {number}", group_id=number) for number in (1, 2))
        run(store.commit(changes(first, groups=(group(1, storm_id=3),))))
        run(store.commit(changes(second, groups=(group(2, storm_id=3), storm))))

        assert run(store.story(3)) == Story(group=storm, transitions=(first, second))
        assert run(store.story(2)).transitions == (second,)

    def test_story_of_a_group_that_never_was_is_refused(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(transition())))

        for group_id in (NO_GROUP, 7):
            with pytest.raises(StoreError, match=f"there is no group {group_id}"):
                run(store.story(group_id))
