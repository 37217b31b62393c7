"""What every store must do with what is owed to the receivers."""

from dataclasses import replace

import pytest

from tests.fakes import START
from tests.store.contract import CLOSE, OPEN, RAISE, Contract, ReadableStore, Run
from tests.store.samples import announcement, changes, group, later, owed, transition
from wamon.core.desk import NO_GROUP, AnnouncementKind
from wamon.core.errors import StoreError
from wamon.core.outgoing import Attempt, Batch, Notification, Receipt, Thread
from wamon.core.ports import OutboxFigures

OPENED, RAISED, CLOSED = (
    transition(kind, ordinal, at=later(ordinal), group_id=1) for ordinal, kind in enumerate((OPEN, RAISE, CLOSE), 1)
)
OTHER = transition(rule="other", at=later(4), group_id=2)


class OutboxContract(Contract):
    """The outbox: order, attempts, and what is given up."""

    # --- what is owed -------------------------------------------------------------------------------------------------

    def test_announcement_is_owed_to_its_receiver_as_it_was_made(self, run: Run, store: ReadableStore) -> None:
        called = announcement(
            OPENED,
            RAISED,
            kind=AnnouncementKind.ESCALATION,
            at=later(7),
            is_broadcast=True,
            mentions=True,
            note="ann \ud83d",
        )
        run(store.commit(changes(OPENED, RAISED, groups=(group(),), announcements=(called,))))

        (batch,) = self.due(run, store, at=later(7))
        assert batch == Batch(
            receiver="slack",
            group_id=1,
            thread=Thread(receiver="slack", group_id=1),
            notifications=(
                Notification(
                    id=batch.notifications[0].id,
                    receiver="slack",
                    group_id=1,
                    kind=AnnouncementKind.ESCALATION,
                    transitions=(OPENED, RAISED),
                    created_at=later(7),
                    due_at=later(7),
                    is_broadcast=True,
                    mentions=True,
                    note="ann ?",
                ),
            ),
        )
        assert self.due(run, store, at=later(7), receiver="log") == []

    def test_transition_that_nobody_announces_is_owed_to_nobody(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(OPENED, groups=(group(),))))

        assert run(store.outbox_figures()) == OutboxFigures()

    def test_announcement_may_be_about_what_was_committed_before(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(OPENED, groups=(group(),))))
        run(store.commit(changes(RAISED, announcements=(announcement(OPENED, RAISED),))))

        assert self.waiting(run, store, at=later(9)) == [(1, [OPENED, RAISED])]

    def test_announcement_of_what_never_happened_is_refused(self, run: Run, store: ReadableStore) -> None:
        with pytest.raises(StoreError, match="a transition that was never stored"):
            run(store.commit(changes(OPENED, announcements=(announcement(OPENED), announcement(RAISED)))))

        assert (run(store.transitions()), run(store.outbox_figures())) == ((), OutboxFigures())

    def test_transition_is_news_to_each_receiver_once(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(OPENED)))
        again = announcement(OPENED, sequence=2)

        with pytest.raises(StoreError, match="slack was told of this transition already"):
            run(store.commit(changes(RAISED, announcements=(again,))))
        run(store.commit(changes(announcements=(replace(again, receiver="log"),))))
        for sequence in (2, 3):
            reminder = replace(again, sequence=sequence, kind=AnnouncementKind.REPEAT)
            run(store.commit(changes(announcements=(reminder,))))

        assert run(store.transitions()) == (OPENED,)
        assert self.waiting(run, store, at=later(9)) == [(1, [OPENED, OPENED, OPENED])]
        assert self.waiting(run, store, at=later(9), receiver="log") == [(1, [OPENED])]

    def test_delivered_news_is_still_known_to_its_receiver(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(OPENED)))
        self.deliver(run, store)

        with pytest.raises(StoreError, match="was told of this transition already"):
            run(store.commit(changes(announcements=(announcement(OPENED, sequence=2),))))

    def test_number_within_a_group_is_given_once_to_each_receiver(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(OPENED, RAISED, announcements=(announcement(OPENED, sequence=5),))))
        same = announcement(RAISED, sequence=5)

        with pytest.raises(StoreError):
            run(store.commit(changes(announcements=(same,))))

        run(store.commit(changes(announcements=(replace(same, receiver="log"), replace(same, group_id=2)))))

    def test_what_belongs_to_no_group_needs_no_number(self, run: Run, store: ReadableStore) -> None:
        digest = announcement(group_id=NO_GROUP, kind=AnnouncementKind.WEEKLY_DIGEST, note="{}")
        for _ in range(2):
            run(store.commit(changes(announcements=(digest,))))

        batches = self.due(run, store)

        assert [(batch.group_id, len(batch.notifications)) for batch in batches] == [(NO_GROUP, 1), (NO_GROUP, 1)]

    # --- what is due --------------------------------------------------------------------------------------------------

    def test_everything_about_one_group_goes_out_together_in_order(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(OPENED)))
        run(store.commit(owed(OTHER, of=group(2))))
        run(store.commit(owed(RAISED)))
        run(store.commit(owed(CLOSED)))

        assert self.waiting(run, store, at=later(9)) == [(1, [OPENED, RAISED, CLOSED]), (2, [OTHER])]
        assert [batch.group_id for batch in self.due(run, store, at=later(9), limit=1)] == [1]

    def test_nothing_of_a_group_is_due_while_some_of_it_is_being_sent(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(OPENED)))
        self.begin(run, store, self.due(run, store, at=later(1))[0])

        run(store.commit(owed(CLOSED)))
        run(store.commit(owed(OTHER, of=group(2))))

        assert self.waiting(run, store, at=later(9)) == [(2, [OTHER])]
        assert run(store.next_due_at("slack", later(9))) == later(4)

    def test_what_came_later_waits_for_what_must_wait(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(OPENED)))
        reference = self.begin(run, store, self.due(run, store, at=later(1))[0])
        run(store.commit(owed(CLOSED)))
        self.defer(run, store, reference, until=later(10))

        early, due = self.waiting(run, store, at=later(9)), self.waiting(run, store, at=later(10))

        assert early == []
        assert run(store.next_due_at("slack", later(9))) == later(10)
        assert due == [(1, [OPENED, CLOSED])]

    def test_one_receiver_does_not_hold_up_another(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(OPENED, receivers=("slack", "log"))))

        self.begin(run, store, self.due(run, store, at=later(1))[0])

        assert self.waiting(run, store, at=later(1)) == []
        assert self.waiting(run, store, at=later(1), receiver="log") == [(1, [OPENED])]

    def test_what_a_clock_that_went_back_has_stamped_is_due(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(transition(at=later(60)), of=group(1))))
        run(store.commit(owed(transition(rule="tried"), of=group(2))))
        tried = self.begin(run, store, self.due(run, store)[1], at=later(60))
        self.defer(run, store, tried, until=later(61))

        assert [batch.group_id for batch in self.due(run, store, at=later(59))] == [1, 2]
        assert run(store.next_due_at("slack", later(59))) == later(59)
        assert [batch.group_id for batch in self.due(run, store, at=later(60))] == [1]

    def test_next_is_the_earliest_of_any_group(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(transition(), of=group(1))))
        run(store.commit(owed(transition(rule="other"), of=group(2))))
        for batch, minute in zip(self.due(run, store), (20, 10), strict=True):
            self.defer(run, store, self.begin(run, store, batch), until=later(minute))

        assert run(store.next_due_at("slack", START)) == later(10)
        assert run(store.next_due_at("log", START)) is None

    # --- attempts -----------------------------------------------------------------------------------------------------

    def test_attempt_is_noted_before_its_outcome_is_known(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(OPENED)))

        self.begin(run, store, self.due(run, store, at=later(1))[0])

        self.reloaded(run, store)
        assert self.due(run, store, at=later(9)) == []
        assert run(store.outbox_figures()).sending == 1

    def test_reference_of_an_attempt_is_unique_for_ever(self, run: Run, store: ReadableStore) -> None:
        references = []
        for number in range(1, 4):
            run(store.commit(owed(transition(rule=f"rule {number}"), of=group(number, closed_at=START))))
            references.append(self.begin(run, store, self.due(run, store)[0]))
            run(store.finish_attempt(references[-1], Receipt(), at=START, root_revision=None))
            while run(store.prune(later(1))):
                pass
            self.reloaded(run, store)

        (install,) = {reference.split("-")[0] for reference in references}
        assert references == [f"{install}-{number}" for number in (1, 2, 3)]
        assert len(install) == 8

    def test_second_sender_cannot_begin_the_same_attempt(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(OPENED)))
        (batch,) = self.due(run, store, at=later(1))
        reference = self.begin(run, store, batch)

        with pytest.raises(StoreError, match="are not due: two senders"):
            self.begin(run, store, batch)

        run(store.finish_attempt(reference, Receipt(), at=START, root_revision=None))

    def test_attempt_is_about_one_group_and_receiver(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(OPENED, receivers=("slack", "log"))))
        run(store.commit(owed(OTHER, of=group(2))))
        slack, other = (batch.notifications[0].id for batch in self.due(run, store, at=later(9)))
        ((log,),) = (batch.notifications for batch in self.due(run, store, at=later(9), receiver="log"))

        for ids in ([], [777], [slack, other], [slack, log.id]):
            with pytest.raises(StoreError, match="not of one receiver and group"):
                run(store.begin_attempt(ids, at=START))

    def test_attempt_that_is_not_under_way_is_refused(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(OPENED)))
        over = self.begin(run, store, self.due(run, store, at=later(1))[0])
        run(store.finish_attempt(over, Receipt(), at=START, root_revision=None))

        for reference in (over, "a1b2c3d4-777"):
            with pytest.raises(StoreError, match=f"attempt {reference} is not under way"):
                run(store.finish_attempt(reference, Receipt(), at=START, root_revision=None))
            with pytest.raises(StoreError, match=f"attempt {reference} is not under way"):
                self.defer(run, store, reference, until=START)
            with pytest.raises(StoreError, match=f"attempt {reference} is not unconfirmed"):
                run(store.looked_in_vain(reference, due_at=START))

    def test_attempt_that_did_not_arrive_leaves_what_is_due_as_it_was(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(OPENED)))
        (before,) = self.due(run, store, at=later(1))

        self.defer(run, store, self.begin(run, store, before), until=later(5), reason="429 \ud83d")

        (after,) = self.due(run, store, at=later(5))
        (notification,) = before.notifications
        assert after == replace(before, notifications=(replace(notification, attempts=1, due_at=later(5)),))

    def test_unconfirmed_attempt_is_a_batch_of_its_own(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(OPENED)))
        run(store.commit(owed(RAISED)))
        reference = self.begin(run, store, self.due(run, store, at=later(2))[0], at=later(2))
        run(store.commit(owed(CLOSED)))

        self.defer(run, store, reference, until=later(9), may_have_arrived=True)

        early = self.due(run, store, at=later(8))
        (batch,) = self.due(run, store, at=later(9))
        assert early == []
        assert batch.unconfirmed == Attempt(reference=reference, started_at=later(2))
        assert [each.transitions for each in batch.notifications] == [(OPENED,), (RAISED,)]

    def test_rest_of_a_group_follows_the_unconfirmed_attempt_that_is_found(
        self, run: Run, store: ReadableStore
    ) -> None:
        run(store.commit(owed(OPENED)))
        reference = self.begin(run, store, self.due(run, store, at=later(1))[0])
        run(store.commit(owed(CLOSED)))
        self.defer(run, store, reference, until=START, may_have_arrived=True)

        run(store.finish_attempt(reference, Receipt(), at=later(9), root_revision=None))

        assert self.waiting(run, store, at=later(9)) == [(1, [CLOSED])]

    def test_looks_in_vain_are_counted(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(OPENED)))
        reference = self.begin(run, store, self.due(run, store, at=later(1))[0])
        self.defer(run, store, reference, until=later(2), may_have_arrived=True)

        run(store.looked_in_vain(reference, due_at=later(3)))

        (batch,) = self.due(run, store, at=later(3))
        assert self.due(run, store, at=later(2)) == []
        assert batch.unconfirmed == Attempt(reference=reference, started_at=START, looks=1)

    def test_unconfirmed_attempt_that_is_sent_again_is_given_up(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(OPENED)))
        (batch,) = self.due(run, store, at=later(1))
        lost = self.begin(run, store, batch)
        self.defer(run, store, lost, until=START, may_have_arrived=True)

        again = self.begin(run, store, batch)

        with pytest.raises(StoreError, match="is not under way"):
            run(store.finish_attempt(lost, Receipt(), at=START, root_revision=None))
        self.defer(run, store, again, until=later(9))
        (batch,) = self.due(run, store, at=later(9))
        assert (batch.unconfirmed, batch.notifications[0].attempts) == (None, 2)

    def test_unconfirmed_attempt_comes_before_what_is_owed_anew(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(OPENED)))
        self.bury(run, store, self.due(run, store, at=later(1))[0])
        run(store.commit(owed(RAISED)))
        reference = self.begin(run, store, self.due(run, store, at=later(2))[0])
        run(store.resume_outbox(["slack"], at=later(3), look_at=later(4)))

        (batch,) = self.due(run, store, at=later(4))
        assert batch.unconfirmed == Attempt(reference=reference, started_at=START)
        assert [each.transitions for each in batch.notifications] == [(RAISED,)]

        again = self.begin(run, store, batch)
        assert self.due(run, store, at=later(4)) == []
        run(store.finish_attempt(again, Receipt(), at=later(5), root_revision=None))
        assert self.waiting(run, store, at=later(5)) == [(1, [OPENED])]

    def test_delivered_is_never_due_again(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(OPENED)))

        self.deliver(run, store)

        self.reloaded(run, store)
        assert self.due(run, store, at=later(9999)) == []
        assert run(store.outbox_figures()) == OutboxFigures()

    # --- what is given up ---------------------------------------------------------------------------------------------

    def test_dead_letter_does_not_hold_up_what_follows(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(OPENED)))
        (batch,) = self.due(run, store, at=later(1))
        self.begin(run, store, batch)
        run(store.commit(owed(CLOSED)))

        self.bury(run, store, batch, at=later(2), reason="channel_not_found")

        assert self.waiting(run, store, at=later(9)) == [(1, [CLOSED])]
        (dead,) = run(store.dead_letters())
        assert dead.notification == replace(batch.notifications[0], attempts=1)
        assert (dead.reason, dead.at) == ("channel_not_found", later(2))

    def test_what_is_over_cannot_be_buried(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(OPENED)))
        (batch,) = self.due(run, store, at=later(1))
        self.deliver(run, store)

        with pytest.raises(StoreError, match="are not due or being sent"):
            self.bury(run, store, batch)

    def test_what_is_handed_over_is_owed_to_the_other_receiver(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(OPENED)))
        called = announcement(
            OPENED, sequence=2, kind=AnnouncementKind.ESCALATION, is_broadcast=True, mentions=True, note="ann"
        )
        run(store.commit(changes(announcements=(called,))))
        (batch,) = self.due(run, store, at=later(1))
        self.begin(run, store, batch)
        ids = [each.id for each in batch.notifications]

        owed_now = run(store.hand_over(ids, to="log", at=later(5), reason="is_archived"))

        (handed,) = self.due(run, store, at=later(5), receiver="log")
        assert owed_now == 2
        assert [each.id for each in handed.notifications] != ids
        assert [
            (n.kind, n.transitions, n.created_at, n.due_at, n.attempts, n.is_broadcast, n.mentions, n.note)
            for n in handed.notifications
        ] == [
            (AnnouncementKind.NEWS, (OPENED,), later(5), later(5), 0, False, False, ""),
            (AnnouncementKind.ESCALATION, (OPENED,), later(5), later(5), 0, True, True, "ann"),
        ]
        assert {n.because for n in handed.notifications} == {"told here because slack refused: is_archived"}
        assert [letter.reason for letter in run(store.dead_letters())] == ["is_archived", "is_archived"]
        assert self.problems(run, store) == {"slack": "is_archived"}

    def test_only_what_the_other_receiver_does_not_know_is_handed_over(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(OPENED, receivers=("slack", "log"))))
        self.deliver(run, store, receiver="log")
        both = announcement(RAISED, CLOSED, sequence=3)
        run(store.commit(changes(RAISED, CLOSED, announcements=(announcement(RAISED, receiver="log"), both))))
        (batch,) = self.due(run, store, at=later(9))

        ids = [each.id for each in batch.notifications]
        owed_now = run(store.hand_over(ids, to="log", at=later(9), reason="is_archived"))

        (waiting,) = self.due(run, store, at=later(9), receiver="log")
        assert owed_now == 1
        assert [each.transitions for each in waiting.notifications] == [(RAISED,), (CLOSED,)]

    def test_who_was_told_instead_hears_that_it_is_over(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(OPENED)))
        (batch,) = self.due(run, store, at=later(1))
        run(store.hand_over([each.id for each in batch.notifications], to="log", at=later(1), reason="is_archived"))
        self.deliver(run, store, receiver="log")

        run(store.commit(owed(CLOSED)))

        (waiting,) = self.due(run, store, at=later(9), receiver="log")
        assert [each.transitions for each in waiting.notifications] == [(CLOSED,)]
        assert [each.because for each in waiting.notifications] == ["told here because slack refused: is_archived"]

    def test_what_is_handed_over_takes_no_number_of_the_group(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(OPENED)))
        run(store.commit(owed(RAISED, receivers=("slack", "log"))))
        run(store.commit(changes(announcements=(announcement(group_id=NO_GROUP),) * 2)))
        for batch in self.due(run, store, at=later(9)):
            run(store.hand_over([each.id for each in batch.notifications], to="log", at=later(9), reason=""))

        run(store.commit(owed(CLOSED, receivers=("slack", "log"))))

        (_, *rest) = self.waiting(run, store, at=later(9), receiver="log")
        assert self.waiting(run, store, at=later(9), receiver="log")[0] == (1, [RAISED, OPENED, CLOSED])
        assert len(rest) == 0
