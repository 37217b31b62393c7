"""What every store must do with what went wrong: problems for a human, and the start after an end."""

from tests.fakes import START
from tests.store.contract import Contract, ReadableStore, Run
from tests.store.outbox_contract import CLOSED, OPENED, OTHER
from tests.store.samples import announcement, changes, group, later, owed, transition
from wamon.core.desk import NO_GROUP, AnnouncementKind
from wamon.core.outgoing import Attempt, Receipt
from wamon.core.ports import OutboxFigures, Resumed


class ResumingContract(Contract):
    """Problems, figures, and the start."""

    # --- what a human must mend ---------------------------------------------------------------------------------------

    def test_problem_stands_until_its_receiver_takes_something(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(transition(), receivers=("slack", "log"))))
        run(store.commit(owed(transition(rule="other"), of=group(2))))
        first, second = self.due(run, store)
        self.defer(run, store, self.begin(run, store, first), until=START, reason="archived", is_problem=True)
        self.defer(run, store, self.begin(run, store, first), until=START, reason="timeout")
        self.bury(run, store, self.due(run, store, receiver="log")[0], reason="invalid_blocks")

        self.reloaded(run, store)
        before = self.problems(run, store)
        run(store.finish_attempt(self.begin(run, store, second), Receipt(), at=START, root_revision=None))

        assert before == {"slack": "archived", "log": "invalid_blocks"}
        assert self.problems(run, store) == {"log": "invalid_blocks"}

    def test_start_tries_at_once_what_waits_for_a_human(self, run: Run, store: ReadableStore) -> None:
        for number, rule in enumerate(("refused", "limited", "unconfirmed"), 1):
            run(store.commit(owed(transition(rule=rule), of=group(number))))
        for batch, kind in zip(self.due(run, store), ("refused", "limited", "unconfirmed"), strict=True):
            self.defer(
                run,
                store,
                self.begin(run, store, batch),
                until=later(60),
                is_problem=kind != "limited",
                may_have_arrived=kind == "unconfirmed",
            )

        run(store.resume_outbox(["slack"], at=later(1), look_at=later(2)))

        assert [batch.group_id for batch in self.due(run, store, at=later(1))] == [1]

    def test_figures_count_what_waits_and_since_when(self, run: Run, store: ReadableStore) -> None:
        for minute, rule in enumerate(("sent", "sending", "deferred", "dead", "due"), 1):
            run(store.commit(owed(transition(rule=rule, at=later(minute)), of=group(minute))))
        sent, sending, deferred, dead, _ = self.due(run, store, at=later(9))
        run(store.finish_attempt(self.begin(run, store, sent), Receipt(), at=START, root_revision=None))
        self.begin(run, store, sending)
        self.defer(run, store, self.begin(run, store, deferred), until=later(20))
        self.bury(run, store, dead, reason="is_archived")

        assert run(store.outbox_figures()) == OutboxFigures(
            due=2, sending=1, dead=1, oldest_created_at=later(2), problems=(("slack", "is_archived"),)
        )

    # --- the start ----------------------------------------------------------------------------------------------------

    def test_interrupted_attempts_are_unconfirmed(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(OPENED)))
        run(store.commit(owed(OTHER, of=group(2))))
        reference = self.begin(run, store, self.due(run, store, at=later(4))[0], at=later(4))
        self.reloaded(run, store)

        of_another = run(store.revive_interrupted("log", at=later(6)))
        revived = [run(store.revive_interrupted("slack", at=later(6))) for _ in range(2)]

        assert (of_another, revived) == (0, [1, 0])
        assert self.waiting(run, store, at=later(5)) == [(2, [OTHER])]
        first, second = self.due(run, store, at=later(6))
        assert first.unconfirmed == Attempt(reference=reference, started_at=later(4))
        assert second.unconfirmed is None

    def test_start_looks_for_what_was_interrupted(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(OPENED)))
        self.begin(run, store, self.due(run, store, at=later(1))[0])

        resumed = run(store.resume_outbox(["slack"], at=later(5), look_at=later(6)))

        assert resumed == Resumed(interrupted=1)
        assert self.due(run, store, at=later(5)) == []
        assert self.waiting(run, store, at=later(6)) == [(1, [OPENED])]

    def test_start_with_the_same_receivers_owes_nothing(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(OPENED)))
        run(store.commit(owed(OTHER, of=group(2))))
        told = self.begin(run, store, self.due(run, store, at=later(4))[1])
        run(store.finish_attempt(told, Receipt(), at=START, root_revision=1))

        resumed = run(store.resume_outbox(["slack"], at=later(5), look_at=later(5)))

        assert resumed == Resumed()
        assert self.waiting(run, store, at=later(5)) == [(1, [OPENED])]

    def test_dead_letter_of_a_live_group_is_owed_afresh(self, run: Run, store: ReadableStore) -> None:
        over = transition(rule="over", group_id=2)
        run(store.commit(owed(OPENED)))
        run(store.commit(owed(over, of=group(2, closed_at=START))))
        run(store.commit(changes(announcements=(announcement(group_id=NO_GROUP, kind=AnnouncementKind.TEST),))))
        for batch in self.due(run, store, at=later(1)):
            self.begin(run, store, batch)
            self.bury(run, store, batch)

        resumed = run(store.resume_outbox(["slack"], at=later(5), look_at=later(5)))

        ((anew,),) = (batch.notifications for batch in self.due(run, store, at=later(5)))
        assert resumed == Resumed(owed=1)
        assert (anew.transitions, anew.attempts, anew.created_at, anew.due_at) == ((OPENED,), 0, later(5), later(5))
        assert [letter.notification.group_id for letter in run(store.dead_letters())] == [2, NO_GROUP]

    def test_what_is_owed_to_a_receiver_that_is_gone_is_a_dead_letter_and_no_problem(
        self, run: Run, store: ReadableStore
    ) -> None:
        run(store.commit(owed(OPENED)))
        self.begin(run, store, self.due(run, store, at=later(1))[0])
        run(store.commit(owed(CLOSED)))

        resumed = run(store.resume_outbox(["bot"], at=later(5), look_at=later(5)))

        assert (resumed.interrupted, resumed.owed) == (0, 0)
        assert [each.transitions for each in resumed.orphans] == [(OPENED,), (CLOSED,)]
        assert {letter.reason for letter in run(store.dead_letters())} == {"this receiver is not configured any more"}
        assert self.problems(run, store) == {}
        assert run(store.revive_interrupted("slack", at=later(5))) == 0
