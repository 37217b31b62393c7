"""What every store must do with what is owed to the receivers."""

import pytest

from tests.fakes import START
from tests.store.contract import CLOSE, OPEN, RAISE, Contract, ReadableStore, Run
from tests.store.samples import alert, changes, later, transition
from wamon.core.alerting import AlertState, TransitionKind
from wamon.core.errors import StoreError
from wamon.core.ports import OutboxFigures, Receipt, Resumed


class OutboxContract(Contract):
    """The outbox: order, attempts, problems, and the start."""

    def test_announced_transition_is_owed_to_each_receiver(self, run: Run, store: ReadableStore) -> None:
        silent = [kind for kind in TransitionKind if kind not in (OPEN, RAISE, CLOSE)]
        quiet = [transition(kind, 2 + ordinal) for ordinal, kind in enumerate(silent)]

        run(store.commit(changes(transition(OPEN, 1, at=later(1)), *quiet, receivers=("slack", "log"))))

        assert [
            (n.receiver, n.transition, n.created_at, n.due_at, n.attempts, n.is_possible_duplicate)
            for receiver in ("slack", "log")
            for n in self.due(run, store, at=later(1), receiver=receiver)
        ] == [
            ("slack", transition(OPEN, 1, at=later(1)), later(1), later(1), 0, False),
            ("log", transition(OPEN, 1, at=later(1)), later(1), later(1), 0, False),
        ]
        assert run(store.outbox_figures()).due == 2

    def test_notification_is_not_due_before_its_time(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(transition())))
        (notification,) = self.due(run, store)

        run(store.defer_notification(notification.id, due_at=later(1), reason="429", may_have_arrived=False))

        assert self.due(run, store, at=START) == []
        assert run(store.next_due_at("slack", START)) == later(1)
        assert len(self.due(run, store, at=later(1))) == 1

    def test_notification_that_was_stamped_by_a_clock_that_went_back_is_due(
        self, run: Run, store: ReadableStore
    ) -> None:
        run(store.commit(changes(transition(rule="created", at=later(60)), transition(rule="tried"))))
        tried = self.due(run, store)[1]
        run(store.begin_attempt(tried.id, at=later(60)))
        run(store.defer_notification(tried.id, due_at=later(61), reason="reset", may_have_arrived=False))

        assert [n.transition.rule for n in self.due(run, store, at=later(59))] == ["created", "tried"]
        assert run(store.next_due_at("slack", later(59))) == later(59)
        assert [n.transition.rule for n in self.due(run, store, at=later(60))] == ["created"]

    def test_oldest_notifications_come_first_up_to_the_limit(self, run: Run, store: ReadableStore) -> None:
        for rule in ("first", "second", "third"):
            run(store.commit(changes(transition(rule=rule))))

        assert [n.transition.rule for n in self.due(run, store, limit=2)] == ["first", "second"]

    def test_close_waits_until_the_opening_is_delivered(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(transition(OPEN, 1), transition(CLOSE, 2))))
        (opening,) = self.due(run, store)

        run(store.begin_attempt(opening.id, at=START))
        while_sending = self.due(run, store)
        run(store.defer_notification(opening.id, due_at=later(5), reason="timeout", may_have_arrived=False))
        while_deferred = self.due(run, store)
        self.deliver(run, store)

        assert opening.transition.kind is OPEN
        assert while_sending == while_deferred == []
        assert [n.transition.kind for n in self.due(run, store)] == [CLOSE]

    def test_one_receiver_does_not_hold_up_another(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(transition(OPEN, 1), transition(CLOSE, 2), receivers=("slack", "log"))))
        (slack,), (log,) = self.due(run, store), self.due(run, store, receiver="log")
        run(store.defer_notification(slack.id, due_at=later(60), reason="429", may_have_arrived=False))

        run(store.begin_attempt(log.id, at=START))
        run(store.finish_notification(log.id, Receipt(), at=START))

        assert self.due(run, store) == []
        assert [n.transition.kind for n in self.due(run, store, receiver="log")] == [CLOSE]

    def test_dead_letter_does_not_hold_up_what_follows(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(transition(OPEN, 1), transition(CLOSE, 2))))
        (opening,) = self.due(run, store)
        run(store.begin_attempt(opening.id, at=START))

        run(store.bury_notification(opening.id, at=later(1), reason="channel_not_found"))

        assert [n.transition.kind for n in self.due(run, store)] == [CLOSE]
        (dead,) = run(store.dead_letters())
        assert (dead.notification.id, dead.notification.attempts) == (opening.id, 1)
        assert (dead.notification.transition, dead.reason, dead.at) == (transition(), "channel_not_found", later(1))

    def test_attempt_is_noted_before_its_outcome_is_known(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(transition())))
        (notification,) = self.due(run, store)

        run(store.begin_attempt(notification.id, at=START))

        assert self.due(run, store) == []
        assert run(store.outbox_figures()).sending == 1

    def test_second_sender_cannot_begin_the_same_attempt(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(transition())))
        (notification,) = self.due(run, store)
        run(store.begin_attempt(notification.id, at=START))

        with pytest.raises(StoreError, match="is not due"):
            run(store.begin_attempt(notification.id, at=START))

    def test_notification_that_does_not_exist_is_refused(self, run: Run, store: ReadableStore) -> None:
        with pytest.raises(StoreError, match="notification 7 "):
            run(store.begin_attempt(7, at=START))
        with pytest.raises(StoreError, match="notification 7 "):
            run(store.finish_notification(7, Receipt(), at=START))
        with pytest.raises(StoreError, match="notification 7 "):
            run(store.defer_notification(7, due_at=START, reason="", may_have_arrived=False))
        with pytest.raises(StoreError, match="notification 7 "):
            run(store.bury_notification(7, at=START, reason=""))

    def test_deferred_notification_comes_back_at_its_time_with_its_attempts(
        self, run: Run, store: ReadableStore
    ) -> None:
        run(store.commit(changes(transition())))
        (notification,) = self.due(run, store)
        run(store.begin_attempt(notification.id, at=START))

        run(store.defer_notification(notification.id, due_at=later(5), reason="429 \ud83d", may_have_arrived=False))

        assert self.due(run, store, at=later(4)) == []
        (again,) = self.due(run, store, at=later(5))
        assert (again.attempts, again.due_at, again.created_at) == (1, later(5), START)
        assert not again.is_possible_duplicate

    def test_possible_duplicate_stays_one(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(transition())))
        (notification,) = self.due(run, store)

        for may_have_arrived in (True, False):
            run(store.begin_attempt(notification.id, at=START))
            run(
                store.defer_notification(
                    notification.id, due_at=START, reason="reset", may_have_arrived=may_have_arrived
                )
            )

        (again,) = self.due(run, store)
        assert (again.attempts, again.is_possible_duplicate) == (2, True)

    def test_delivered_notification_never_comes_back(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(transition())))

        self.deliver(run, store)

        self.reloaded(run, store)
        assert self.due(run, store, at=later(9999)) == []
        assert run(store.outbox_figures()) == OutboxFigures()

    def test_interrupted_attempts_are_due_again_as_possible_duplicates(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(transition(rule="sending"))))
        run(store.commit(changes(transition(rule="waiting"))))
        run(store.begin_attempt(self.due(run, store)[0].id, at=START))
        self.reloaded(run, store)

        assert run(store.revive_interrupted("log", at=later(1))) == 0
        revived = run(store.revive_interrupted("slack", at=later(1)))

        assert revived == 1
        assert [
            (n.transition.rule, n.due_at, n.attempts, n.is_possible_duplicate)
            for n in self.due(run, store, at=later(1))
        ] == [("sending", later(1), 1, True), ("waiting", START, 0, False)]
        assert run(store.revive_interrupted("slack", at=later(2))) == 0

    def test_figures_count_what_waits_and_since_when(self, run: Run, store: ReadableStore) -> None:
        for minute, rule in enumerate(("sent", "sending", "deferred", "dead", "due")):
            run(store.commit(changes(transition(rule=rule, at=later(minute)))))
        sent, sending, deferred, dead, _ = self.due(run, store, at=later(9))
        for notification in (sent, sending, deferred):
            run(store.begin_attempt(notification.id, at=START))
        run(store.finish_notification(sent.id, Receipt(), at=START))
        run(store.defer_notification(deferred.id, due_at=later(20), reason="429", may_have_arrived=False))
        run(store.bury_notification(dead.id, at=START, reason="is_archived"))

        assert run(store.outbox_figures()) == OutboxFigures(
            due=2, sending=1, dead=1, oldest_created_at=later(1), problems=(("slack", "is_archived"),)
        )

    def test_next_due_is_not_that_of_a_notification_that_must_wait(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(transition(OPEN, 1), transition(CLOSE, 2))))
        (opening,) = self.due(run, store)

        run(store.defer_notification(opening.id, due_at=later(10), reason="429", may_have_arrived=False))

        assert run(store.next_due_at("slack", START)) == later(10)
        assert run(store.next_due_at("log", START)) is None

    # --- what a human must mend ---------------------------------------------------------------------------------------

    def problems(self, run: Run, store: ReadableStore) -> dict[str, str]:
        return dict(run(store.outbox_figures()).problems)

    def test_problem_stands_until_its_receiver_takes_something(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(transition(rule="first"), transition(rule="second"), receivers=("slack", "log"))))
        first, second = self.due(run, store)
        (other, _) = self.due(run, store, receiver="log")
        run(
            store.defer_notification(first.id, due_at=START, reason="archived", may_have_arrived=False, is_problem=True)
        )
        run(store.defer_notification(first.id, due_at=START, reason="timeout", may_have_arrived=False))
        run(store.bury_notification(other.id, at=START, reason="invalid_blocks"))

        self.reloaded(run, store)
        before = self.problems(run, store)
        run(store.begin_attempt(second.id, at=START))
        run(store.finish_notification(second.id, Receipt(), at=START))

        assert before == {"slack": "archived", "log": "invalid_blocks"}
        assert self.problems(run, store) == {"log": "invalid_blocks"}

    def test_start_tries_at_once_what_waits_for_a_human(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(transition(rule="refused"), transition(rule="limited"))))
        for notification, is_problem in zip(self.due(run, store), (True, False), strict=True):
            run(
                store.defer_notification(
                    notification.id, due_at=later(60), reason="", may_have_arrived=False, is_problem=is_problem
                )
            )

        run(store.resume_outbox(["slack"], at=later(1)))

        assert [n.transition.rule for n in self.due(run, store, at=later(1))] == ["refused"]

    # --- the start ----------------------------------------------------------------------------------------------------

    def test_start_with_the_same_receivers_owes_nothing(self, run: Run, store: ReadableStore) -> None:
        opened = [transition(rule=rule) for rule in ("waiting", "told")]
        run(store.commit(changes(*opened, alerts=(alert("waiting"), alert("told")))))
        told = self.due(run, store)[1]
        run(store.begin_attempt(told.id, at=START))
        run(store.finish_notification(told.id, Receipt(), at=START))

        assert run(store.resume_outbox(["slack"], at=later(1))) == Resumed()

        assert [n.transition.rule for n in self.due(run, store)] == ["waiting"]

    def test_new_receiver_is_owed_the_latest_of_each_open_alert(self, run: Run, store: ReadableStore) -> None:
        raised = [transition(OPEN, 1, rule="raised"), transition(RAISE, 2, rule="raised")]
        lowered = [transition(OPEN, 1, rule="lowered"), transition(TransitionKind.LOWER, 2, rule="lowered")]
        over = [transition(OPEN, 1, rule="over"), transition(CLOSE, 2, rule="over")]
        earlier = [transition(OPEN, 1, rule="again"), transition(CLOSE, 2, rule="again")]
        again = transition(OPEN, 1, rule="again", episode=2)
        alerts = (
            alert("raised", ordinal=2),
            alert("lowered", state=AlertState.RECOVERING, ordinal=2),
            alert("over", state=AlertState.INACTIVE, ordinal=2),
            alert("again", episode=2),
        )
        run(store.commit(changes(*raised, *lowered, *over, *earlier, again, alerts=alerts)))
        self.deliver(run, store)

        resumed = run(store.resume_outbox(["slack", "bot"], at=later(5)))

        owed = self.due(run, store, at=later(5), receiver="bot")
        assert resumed == Resumed(owed=3)
        assert [n.transition for n in owed] == [raised[1], lowered[0], again]
        assert {(n.created_at, n.due_at, n.attempts) for n in owed} == {(later(5), later(5), 0)}
        assert run(store.resume_outbox(["slack", "bot"], at=later(6))) == Resumed()

    def test_dead_letter_of_an_open_alert_is_owed_afresh(self, run: Run, store: ReadableStore) -> None:
        opened = [transition(rule=rule) for rule in ("open", "over")]
        run(store.commit(changes(*opened, alerts=(alert("open"), alert("over", state=AlertState.INACTIVE)))))
        for notification in self.due(run, store):
            run(store.begin_attempt(notification.id, at=START))
            run(store.bury_notification(notification.id, at=START, reason="invalid_blocks"))

        resumed = run(store.resume_outbox(["slack"], at=later(5)))

        (owed,) = self.due(run, store, at=later(5))
        assert resumed == Resumed(owed=1)
        assert (owed.transition.rule, owed.attempts, owed.created_at) == ("open", 0, later(5))
        assert [letter.notification.transition.rule for letter in run(store.dead_letters())] == ["over"]

    def test_what_is_owed_to_a_receiver_that_is_gone_is_a_dead_letter_and_no_problem(
        self, run: Run, store: ReadableStore
    ) -> None:
        run(store.commit(changes(transition(OPEN, 1), transition(CLOSE, 2))))
        (opening,) = self.due(run, store)
        run(store.begin_attempt(opening.id, at=START))

        resumed = run(store.resume_outbox(["bot"], at=later(1)))

        assert resumed.interrupted == 0
        assert [n.transition.kind for n in resumed.orphans] == [OPEN, CLOSE]
        assert {letter.reason for letter in run(store.dead_letters())} == {"this receiver is not configured any more"}
        assert self.problems(run, store) == {}

    def test_start_revives_what_was_interrupted(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(transition())))
        run(store.begin_attempt(self.due(run, store)[0].id, at=START))

        resumed = run(store.resume_outbox(["slack"], at=later(1)))

        assert resumed == Resumed(interrupted=1)
        assert [n.is_possible_duplicate for n in self.due(run, store, at=later(1))] == [True]
