"""What every store must forget, and what it must not."""

from dataclasses import replace

import pytest

from tests.store.contract import CLOSE, OPEN, Contract, ReadableStore, Run
from tests.store.samples import (
    MOMENT,
    SIGNALS,
    alert,
    announcement,
    change,
    changes,
    group,
    later,
    owed,
    standing,
    transition,
)
from wamon.core.alerting import AlertState
from wamon.core.desk import STORM_KEY, Act, AnnouncementKind, EndSilence
from wamon.core.errors import StoreError
from wamon.core.outgoing import Receipt
from wamon.core.ports import Resumed


class PruningContract(Contract):
    """Forgetting: the old goes in slices; the life of what is open is never cut, nor what tells of it."""

    def prune(self, run: Run, store: ReadableStore, *, minutes: float = 99) -> None:
        while run(store.prune(later(minutes))):
            pass

    def is_gone(self, run: Run, store: ReadableStore, group_id: int) -> bool:
        try:
            run(store.story(group_id))
        except StoreError:
            return True
        return False

    def test_old_and_delivered_goes_in_slices(self, run: Run, store: ReadableStore) -> None:
        old, older = transition(OPEN, 1), transition(CLOSE, 2)
        run(store.commit(owed(old, of=group(1, closed_at=later(1)), history=(change(None, "RED"),) * 3)))
        run(store.commit(owed(older, of=group(1, closed_at=later(1)))))
        recent = transition(OPEN, 1, episode=2, at=later(60), group_id=2)
        run(store.commit(owed(recent, of=group(2), history=(change("RED", "GREEN", at=later(60)),))))
        self.deliver(run, store)

        slices = []
        while went := run(store.prune(later(30), limit=2)):
            slices.append(went)

        assert len(slices) == 2
        assert run(store.transitions()) == (recent,)
        assert [kept.after for kept in run(store.history(SIGNALS))] == ["GREEN"]
        assert (self.is_gone(run, store, 1), self.is_gone(run, store, 2)) == (True, False)

    def test_story_of_a_live_group_is_never_cut(self, run: Run, store: ReadableStore) -> None:
        told = [
            transition(OPEN, 1, group_id=1),
            transition(CLOSE, 2, group_id=1),
            transition(OPEN, 1, rule="other", group_id=1),
        ]
        run(store.commit(owed(*told, alerts=(alert(state=AlertState.INACTIVE),))))
        self.deliver(run, store, root=1)

        self.prune(run, store)

        assert run(store.story(1)).transitions == tuple(told)
        with pytest.raises(StoreError, match="was told of this transition already"):
            run(store.commit(changes(announcements=(announcement(told[1], sequence=9),))))

    def test_open_alert_and_what_is_not_delivered_stay(self, run: Run, store: ReadableStore) -> None:
        firing = transition(OPEN, 1, rule="firing")
        undelivered = transition(OPEN, 1, rule="undelivered", group_id=2)
        run(store.commit(changes(firing, alerts=(alert("firing"),))))
        run(store.commit(owed(undelivered, of=group(2, closed_at=later(1)))))

        self.prune(run, store)

        assert run(store.transitions()) == (firing, undelivered)
        assert self.waiting(run, store) == [(2, [undelivered])]
        assert not self.is_gone(run, store, 2)

    def test_dead_letters_and_alerts_that_ended_go(self, run: Run, store: ReadableStore) -> None:
        ended, recent = alert("ended", state=AlertState.INACTIVE), alert("recent", state=AlertState.INACTIVE)
        first = transition(OPEN, 1, rule="ended")
        second = transition(CLOSE, 1, rule="recent", at=later(60))
        run(store.commit(owed(first, of=group(1, closed_at=later(1)), alerts=(ended, recent))))
        run(store.commit(owed(second, of=group(2, closed_at=later(61)))))
        for batch in self.due(run, store, at=later(60)):
            ids = [each.id for each in batch.notifications]
            run(store.bury(ids, at=batch.notifications[0].created_at, reason="invalid_blocks"))

        self.prune(run, store, minutes=30)

        assert [row.rule for row in run(store.transitions())] == ["recent"]
        assert [letter.notification.group_id for letter in run(store.dead_letters())] == [2]
        # Its number guards the transitions that are left: another first episode would collide with them.
        assert run(store.load(SIGNALS)).alerts == {recent.key: recent}

    def test_alert_that_stays_open_for_years_is_not_told_again(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(transition(), alerts=(alert(),), standings=(standing(),))))
        self.deliver(run, store)

        self.prune(run, store)

        assert run(store.resume_outbox(["slack"], at=later(99), look_at=later(99))) == Resumed()
        assert run(store.load(SIGNALS)).desk.standings == {standing().key: standing()}

    def test_closed_group_stays_while_something_needs_it(self, run: Run, store: ReadableStore) -> None:
        over = {"closed_at": later(1)}
        storm = group(9, key=STORM_KEY, members=(), is_storm=True)
        in_a_storm, remembered, alone = group(1, storm_id=9, **over), group(2, **over), group(3, **over)
        run(
            store.commit(
                changes(groups=(storm, in_a_storm, remembered, alone), standings=(standing(group_id=2, told=None),))
            )
        )

        self.prune(run, store)
        first = [self.is_gone(run, store, group_id) for group_id in (9, 1, 2, 3)]
        run(store.commit(changes(groups=(replace(storm, closed_at=later(1)),), removed_standings=(standing().key,))))
        self.prune(run, store)

        assert first == [False, False, False, True]
        assert [self.is_gone(run, store, group_id) for group_id in (9, 1, 2)] == [True, True, True]

    def test_message_of_a_group_is_forgotten_with_the_group(self, run: Run, store: ReadableStore) -> None:
        for group_id in (1, 2):
            run(store.commit(owed(transition(rule=f"rule {group_id}"), of=group(group_id))))
        for batch in self.due(run, store):
            reference = self.begin(run, store, batch)
            run(store.finish_attempt(reference, Receipt(message_id="1.2"), at=later(1), root_revision=1))
        run(store.commit(changes(groups=(group(1, revision=2, closed_at=later(1)), group(2, revision=2)))))

        self.prune(run, store)

        assert [each.group_id for each in run(store.stale_threads("slack", limit=9))] == [2]

    def test_acts_are_forgotten_when_they_are_old(self, run: Run, store: ReadableStore) -> None:
        for act_id, minute in (("old", 0), ("recent", 60)):
            act = Act(id=act_id, actor="ann", deed=EndSilence(silence_id="s1"))
            run(store.commit(changes(act=act, moment=replace(MOMENT, at=later(minute)))))

        self.prune(run, store, minutes=30)

        assert [run(store.acted(act_id)) for act_id in ("old", "recent")] == [False, True]

    def test_nothing_is_left_of_what_is_over(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(owed(transition(), of=group(), alerts=(alert(state=AlertState.INACTIVE),))))
        reminder = announcement(transition(), sequence=2, kind=AnnouncementKind.REPEAT)
        run(store.commit(changes(announcements=(reminder,))))
        self.deliver(run, store, root=1)
        run(store.commit(changes(groups=(group(closed_at=later(1)),))))

        went = [run(store.prune(later(99))) for _ in range(2)]

        # Two announcements and their attempt, the group and its message, the transition, the alert.
        assert went == [7, 0]
