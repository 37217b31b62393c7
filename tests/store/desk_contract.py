"""What every store must do with what people were told and what they answered."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.fakes import START
from tests.store.contract import CLOSE, OPEN, RAISE, Contract, ReadableStore, Run
from tests.store.samples import (
    NUMBER,
    SIGNALS,
    changes,
    group,
    later,
    pending,
    silence,
    standing,
    transition,
)
from wamon.core.alerting import Severity
from wamon.core.desk import (
    Acknowledge,
    Acknowledgement,
    Act,
    Deed,
    Desk,
    EndSilence,
    ForceClose,
    GroupKey,
    Mute,
    PostDigest,
    Rehearse,
    SetSilence,
    TryReceiver,
)
from wamon.core.errors import StoreError
from wamon.core.silences import Matcher
from wamon.core.timing import Moment

DEEDS: list[Deed] = [
    SetSilence(silence=silence()),
    EndSilence(silence_id="s1"),
    Acknowledge(keys=("k1", "k2")),
    ForceClose(keys=("k1",), reason="moved away"),
    Rehearse(rule="Quality", subject=NUMBER, severity=Severity.CRITICAL, what="a drill", lasts=timedelta(minutes=5)),
    TryReceiver(receiver="slack"),
    PostDigest(text='{"weeks": 1}'),
]


class DeskContract(Contract):
    """Groups, standings, silences, the desk's own values, and what operators did."""

    # --- groups -------------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "kept",
        [
            group(),
            group(
                7,
                key=GroupKey("quality", "1", "100"),
                members=("b", "a"),
                pending=(pending(transition(RAISE, 2), is_urgent=True), pending(transition(CLOSE, 3))),
                waiting_since=later(1),
                sequence=3,
                told_at=later(2),
                urgent_at=later(3),
                revision=9,
                storm_id=8,
            ),
            group(8, key=GroupKey("storm"), members=(), is_storm=True),
        ],
    )
    def test_live_group_comes_back_as_it_was(self, run: Run, store: ReadableStore, kept: Any) -> None:
        run(store.commit(changes(groups=(group(kept.id, revision=0), group(99, closed_at=START)))))

        run(store.commit(changes(groups=(kept,))))

        assert self.reloaded(run, store).desk.groups == {kept.id: kept}

    def test_number_of_a_group_is_never_given_again(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(groups=(group(3, closed_at=START),))))
        of_a_group = self.reloaded(run, store).desk.last_group_id
        run(store.commit(changes(desk=Desk(last_group_id=5))))

        assert (of_a_group, self.reloaded(run, store).desk.last_group_id) == (3, 5)

    # --- standings ----------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "kept",
        [
            standing(),
            standing(told=None, told_to=frozenset(), critical_since=None),
            standing(
                told=Severity.INFO,
                told_to=frozenset({"slack_bot:#other", "log"}),
                latest=pending(transition(RAISE, 2), is_urgent=True),
                critical_since=later(1),
                escalated=2,
                acknowledged=Acknowledgement(by="Zoë", at=later(1), until=later(2)),
                muted=Mute.SILENCED,
                muted_by="s1",
                is_inhibited=True,
                released_at=later(3),
                penalty=2689.1 + 0.2,
                penalty_at=later(4),
                flapping_since=later(5),
                changes=4,
                ends_at=later(6),
            ),
            standing(muted=Mute.INHIBITED, muted_by="k1", is_inhibited=True),
        ],
    )
    def test_standing_comes_back_as_it_was(self, run: Run, store: ReadableStore, kept: Any) -> None:
        run(store.commit(changes(standings=(standing(changes=77), standing("stays")))))

        run(store.commit(changes(standings=(kept,))))

        assert self.reloaded(run, store).desk.standings == {kept.key: kept, standing("stays").key: standing("stays")}

    def test_removed_standing_is_gone(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(standings=(standing(), standing("stays")))))

        run(store.commit(changes(removed_standings=(standing().key,))))

        assert set(self.reloaded(run, store).desk.standings) == {standing("stays").key}

    # --- silences -----------------------------------------------------------------------------------------------------

    def test_silence_comes_back_as_it_was_until_it_has_ended(self, run: Run, store: ReadableStore) -> None:
        matchers = tuple(map(Matcher.parse, ('account="Zoë\'s \\"shop\\""', "severity!=info", "rule!~Poll.*")))
        kept = silence("kept", matchers=matchers, reason="because 🌮", author="Zoë", starts_at=later(5))
        ending = silence("ending", ends_at=later(30))
        run(store.commit(changes(silences=(kept, ending, silence("ended", ends_at=START)))))
        before = self.reloaded(run, store).desk.silences

        run(store.commit(changes(moment=Moment(at=later(30), boot_id="b", monotonic=1.0))))

        assert before == {"kept": kept, "ending": ending}
        assert self.reloaded(run, store).desk.silences == {"kept": kept}

    def test_silence_that_has_ended_stays_so_when_the_clock_goes_back(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(silences=(silence(ends_at=later(30)),))))
        run(store.commit(changes(moment=Moment(at=later(30), boot_id="b", monotonic=1.0))))

        run(store.commit(changes(moment=Moment(at=later(1), boot_id="b", monotonic=2.0))))

        assert self.reloaded(run, store).desk.silences == {}

    def test_silence_that_is_ended_early_is_replaced(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(silences=(silence(),))))

        run(store.commit(changes(silences=(silence(ends_at=START),))))

        assert self.reloaded(run, store).desk.silences == {}

    # --- the desk's own values ----------------------------------------------------------------------------------------

    def test_own_values_of_the_desk_come_back_as_they_were(self, run: Run, store: ReadableStore) -> None:
        own = Desk(
            last_group_id=4,
            first_told_ats=(START, later(0.5)),
            storm_id=3,
            digest_at=later(1),
            silenced_digest_at=later(2),
        )
        run(store.commit(changes(desk=own, groups=(group(),), standings=(standing(),), silences=(silence(),))))

        run(store.commit(changes()))

        assert self.reloaded(run, store).desk == replace(
            own, groups={1: group()}, standings={standing().key: standing()}, silences={"s1": silence()}
        )

    def test_what_is_on_the_desk_is_written_by_its_tables_alone(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(desk=Desk(groups={1: group()}, silences={"s1": silence()}))))

        assert self.reloaded(run, store).desk == Desk()

    # --- what operators did -------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: type(deed).__name__)
    def test_act_is_remembered_and_has_its_effect_once(self, run: Run, store: ReadableStore, deed: Deed) -> None:
        act = Act(id="slack:1.2 \ud83d", actor="Zoë \ud83d", deed=deed)
        before = run(store.acted(act.id))
        run(store.commit(changes(act=act)))

        with pytest.raises(StoreError, match="this act had its effect already"):
            run(store.commit(changes(transition(OPEN), act=act)))

        self.reloaded(run, store)
        assert (before, run(store.acted(act.id)), run(store.acted("another"))) == (False, True, False)
        assert run(store.transitions()) == ()

    def test_act_that_was_not_stored_may_be_tried_again(self, run: Run, store: ReadableStore) -> None:
        act = Act(id="a1", actor="ann", deed=EndSilence(silence_id="s1"))
        run(store.commit(changes(transition())))
        with pytest.raises(StoreError):
            run(store.commit(changes(transition(), act=act)))

        run(store.commit(changes(act=act)))

        assert run(store.load(SIGNALS)).desk == Desk()
        assert run(store.acted("a1"))
