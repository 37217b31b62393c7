"""What every store must do, whatever it is made of."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.fakes import START
from tests.store.samples import (
    FLAG,
    FLAG_MAP,
    GAUGE,
    GAUGE_MAP,
    INFO,
    NUMBER,
    OTHER_NUMBER,
    SIGNALS,
    SPARSE,
    STATE_SET,
    TIMESTAMP,
    alert,
    announcement,
    change,
    changes,
    fact,
    group,
    later,
    owed,
    silence,
    standing,
    transition,
)
from wamon.core.alerting import AlertState, CloseReason, Severity, Transition, TransitionKind
from wamon.core.desk import Act, Desk, EndSilence
from wamon.core.errors import StoreError
from wamon.core.health import NEVER, Change, Fact, Signal, Snapshot, Subject, Value
from wamon.core.outgoing import Batch, Receipt
from wamon.core.ports import Store
from wamon.core.state import CounterKey, State
from wamon.core.timing import Moment
from wamon.store import DeadLetter

Run = Callable[[Any], Any]

OPEN, RAISE, CLOSE = TransitionKind.OPEN, TransitionKind.RAISE, TransitionKind.CLOSE


class ReadableStore(Store, Protocol):
    """A store whose past can be read back."""

    async def transitions(self, *, since: datetime | None = None, limit: int = 1000) -> tuple[Transition, ...]: ...

    async def history(
        self, signals: Mapping[str, Signal[Value]], *, since: datetime | None = None, limit: int = 1000
    ) -> tuple[Change, ...]: ...

    async def dead_letters(self) -> tuple[DeadLetter, ...]: ...

    async def prune(self, before: datetime, *, limit: int = 5000) -> int: ...


class Contract(ABC):
    """What each part of the contract starts from.

    `make` gives an unopened store; those of one folder share what they remember.
    """

    @abstractmethod
    def make(self, folder: Path) -> ReadableStore: ...

    @pytest.fixture
    def store(self, run: Run, tmp_path: Path) -> Iterator[ReadableStore]:
        store = self.make(tmp_path)
        run(store.open())
        yield store
        run(store.close())

    def reloaded(self, run: Run, store: ReadableStore) -> State:
        """What a daemon would find that starts now."""
        run(store.close())
        run(store.open())
        state: State = run(store.load(SIGNALS))
        return state

    def due(
        self, run: Run, store: ReadableStore, *, at: datetime = START, limit: int = 100, receiver: str = "slack"
    ) -> list[Batch]:
        return list(run(store.due_batches(receiver, at, limit=limit)))

    def begin(self, run: Run, store: ReadableStore, batch: Batch, *, at: datetime = START) -> str:
        reference: str = run(store.begin_attempt([each.id for each in batch.notifications], at=at))
        return reference

    def deliver(
        self, run: Run, store: ReadableStore, *, at: datetime = START, receiver: str = "slack", root: int | None = None
    ) -> None:
        """Send all that waits, as the first messages when `root` says what they show."""
        for batch in self.due(run, store, at=later(9999), receiver=receiver):
            reference = self.begin(run, store, batch, at=at)
            receipt = Receipt(channel="C1", message_id=reference)
            run(store.finish_attempt(reference, receipt, at=at, root_revision=root))

    def defer(
        self,
        run: Run,
        store: ReadableStore,
        reference: str,
        *,
        until: datetime,
        may_have_arrived: bool = False,
        is_problem: bool = False,
        reason: str = "timeout",
    ) -> None:
        run(
            store.defer_attempt(
                reference, due_at=until, reason=reason, may_have_arrived=may_have_arrived, is_problem=is_problem
            )
        )

    def bury(self, run: Run, store: ReadableStore, batch: Batch, *, at: datetime = START, reason: str = "gone") -> None:
        run(store.bury([each.id for each in batch.notifications], at=at, reason=reason))

    def problems(self, run: Run, store: ReadableStore) -> dict[str, str]:
        return dict(run(store.outbox_figures()).problems)

    def waiting(
        self, run: Run, store: ReadableStore, *, at: datetime = START, receiver: str = "slack"
    ) -> list[tuple[int, list[Transition]]]:
        """By group, what would be told now."""
        return [
            (batch.group_id, [each for notification in batch.notifications for each in notification.transitions])
            for batch in self.due(run, store, at=at, receiver=receiver)
        ]


class StoreContract(Contract):
    """The life of a store, the state, and the past."""

    # --- life cycle ---------------------------------------------------------------------------------------------------

    def test_fresh_store_loads_the_empty_state(self, run: Run, store: ReadableStore) -> None:
        assert run(store.load(SIGNALS)) == State()

    def test_store_that_is_not_open_says_so(self, run: Run, tmp_path: Path) -> None:
        store = self.make(tmp_path)

        with pytest.raises(StoreError, match="closed: open it first"):
            run(store.load(SIGNALS))

    def test_closed_store_can_be_closed_again(self, run: Run, store: ReadableStore) -> None:
        run(store.close())
        run(store.close())

        with pytest.raises(StoreError, match="closed: open it first"):
            run(store.commit(changes()))

    def test_call_that_comes_while_it_closes_is_refused(self, run: Run, store: ReadableStore) -> None:
        async def close_and_load() -> tuple[object, object]:
            return await asyncio.gather(store.close(), store.load(SIGNALS), return_exceptions=True)

        closed, loaded = run(close_and_load())

        assert closed is None
        assert isinstance(loaded, StoreError)

    def test_open_store_refuses_to_be_opened_again(self, run: Run, store: ReadableStore) -> None:
        with pytest.raises(StoreError, match="open already"):
            run(store.open())

        assert run(store.load(SIGNALS)) == State()

    def test_size_is_that_of_what_is_stored(self, run: Run, store: ReadableStore) -> None:
        assert run(store.size_bytes()) > 0

    # --- the state ----------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "kept",
        [
            fact(GAUGE, 250.5),
            fact(GAUGE, 0),
            fact(GAUGE, 0.1 + 0.2),
            fact(FLAG, True),
            fact(FLAG, False),
            fact(TIMESTAMP, datetime(2026, 11, 22, 10, 0, 0, 123457, tzinfo=UTC)),
            fact(TIMESTAMP, datetime(2026, 11, 22, tzinfo=timezone(timedelta(hours=2)))),
            fact(STATE_SET, "GREEN", raw="Green"),
            fact(SPARSE, "CONNECTED", stale_at=NEVER),
            fact(SPARSE, "", raw=""),
            fact(INFO, {"display_name": 'Jasper\'s "Märket" 🌮 \x00 \ud83d'}, raw="\x00Ā🌮"),
            fact(FLAG_MAP, {"messaging": True, "management": False}),
            fact(FLAG_MAP, {}),
            fact(GAUGE_MAP, {"call_count": 12.5, "cpu": 0}),
            fact(STATE_SET, None, known="RED", before="GREEN", is_current=False),
            fact(STATE_SET, None, changed_at=None),
            fact(
                GAUGE, 1.0, observed_at=START - timedelta(microseconds=1), changed_at=datetime.min.replace(tzinfo=UTC)
            ),
            fact(GAUGE, 1.0, subject=Subject.instance()),
            fact(GAUGE, 1.0, subject=Subject.token('a "quoted" \ud83d ünïcode name')),
        ],
    )
    def test_fact_comes_back_as_it_was(self, run: Run, store: ReadableStore, kept: Fact) -> None:
        run(store.commit(changes(facts=(kept,))))

        assert self.reloaded(run, store).snapshot == Snapshot({kept.subject: {kept.signal.name: kept}})

    def test_raw_text_that_no_encoding_holds_is_kept_as_far_as_it_goes(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(facts=(fact(STATE_SET, "UNKNOWN", raw="RED\ud83d"),))))

        loaded = run(store.load(SIGNALS)).snapshot.fact(NUMBER, STATE_SET)

        assert loaded.raw == "RED?"

    def test_later_fact_replaces_the_earlier_one(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(facts=(fact(GAUGE, 250.0), fact(FLAG, True)))))
        second = fact(GAUGE, 1000.0, observed_at=later(1))

        run(store.commit(changes(facts=(second,))))

        assert run(store.load(SIGNALS)).snapshot.facts == {NUMBER: {"limit": second, "can_send": fact(FLAG, True)}}

    def test_removed_subject_goes_with_all_its_facts_and_no_other(self, run: Run, store: ReadableStore) -> None:
        stays = fact(GAUGE, 1.0, subject=OTHER_NUMBER)
        run(store.commit(changes(facts=(fact(GAUGE, 1.0), fact(FLAG, True), stays))))

        run(store.commit(changes(removed_subjects=(NUMBER,))))

        assert run(store.load(SIGNALS)).snapshot.facts == {OTHER_NUMBER: {"limit": stays}}

    def test_subject_that_went_and_came_back_in_one_step_is_there(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(facts=(fact(GAUGE, 1.0), fact(FLAG, True)))))
        back = fact(GAUGE, 2.0)

        run(store.commit(changes(facts=(back,), removed_subjects=(NUMBER,))))

        assert run(store.load(SIGNALS)).snapshot.facts == {NUMBER: {"limit": back}}

    def test_fact_of_a_signal_that_no_longer_exists_is_kept_but_not_loaded(
        self, run: Run, store: ReadableStore
    ) -> None:
        kept = fact(GAUGE, 1.0)
        run(store.commit(changes(facts=(kept,))))

        assert run(store.load({})).snapshot == Snapshot()
        assert run(store.load(SIGNALS)).snapshot.fact(NUMBER, GAUGE) == kept

    @pytest.mark.parametrize(
        "kept",
        [
            alert(),
            alert(
                state=AlertState.RECOVERING,
                severity=Severity.WARNING,
                is_stale=True,
                counted=3,
                credited=timedelta(minutes=2, microseconds=1),
                lower_credited=timedelta(days=3),
                unknown_since=later(3),
                returns=2,
                evidence=(),
            ),
            alert(state=AlertState.PENDING, episode=0, ordinal=0, opened_at=None, what="Zähler ✓ \x00"),
            alert(subject=Subject.instance()),
            alert(is_rehearsal=True),
        ],
    )
    def test_alert_comes_back_as_it_was(self, run: Run, store: ReadableStore, kept: Any) -> None:
        run(store.commit(changes(alerts=(kept,))))

        assert self.reloaded(run, store).alerts == {kept.key: kept}

    def test_alert_is_replaced_and_removed_by_its_key(self, run: Run, store: ReadableStore) -> None:
        stays, goes = alert("stays"), alert("goes")
        run(store.commit(changes(alerts=(stays, goes))))
        moved = alert("stays", state=AlertState.INACTIVE)

        run(store.commit(changes(alerts=(moved,), removed_alerts=(goes.key,))))

        assert run(store.load(SIGNALS)).alerts == {moved.key: moved}

    def test_counters_are_totals_by_name_and_labels(self, run: Run, store: ReadableStore) -> None:
        ok, denied = CounterKey.of("runs", outcome="ok"), CounterKey.of("runs", outcome="denied")
        run(store.commit(changes(counters={ok: 1, denied: 4, CounterKey("bare"): 7})))

        run(store.commit(changes(counters={ok: 2})))

        assert self.reloaded(run, store).counters == {ok: 2, denied: 4, CounterKey("bare"): 7}

    def test_moment_of_the_last_commit_comes_back_exactly(self, run: Run, store: ReadableStore) -> None:
        last = Moment(at=START + timedelta(microseconds=1), boot_id="boot-2", monotonic=0.1 + 0.2)
        run(store.commit(changes()))

        run(store.commit(changes(moment=last)))

        assert self.reloaded(run, store).moment == last

    # --- the past -----------------------------------------------------------------------------------------------------

    def test_transitions_come_back_in_order_as_they_were(self, run: Run, store: ReadableStore) -> None:
        opened = transition(OPEN, 1)
        lowered = transition(TransitionKind.LOWER, 2, at=later(2), severity=Severity.INFO, returns=3)
        silenced = transition(
            TransitionKind.SILENCED, 4, at=later(1), actor="Zoë \ud83d", note="we know", group_id=3, is_rehearsal=True
        )
        closed = transition(
            CLOSE, 3, at=later(1), close_reason=CloseReason.REMOVED, evidence=(), what="", subject=OTHER_NUMBER
        )
        run(store.commit(changes(opened, lowered)))

        run(store.commit(changes(closed, silenced)))

        kept = replace(silenced, actor="Zoë ?")
        assert run(store.transitions()) == (opened, lowered, closed, kept)
        assert run(store.transitions(since=later(1))) == (lowered, closed, kept)
        assert run(store.transitions(limit=1)) == (kept,)

    def test_history_comes_back_in_order_as_it_was(self, run: Run, store: ReadableStore) -> None:
        first, second = change(None, "GREEN"), change("GREEN", None, at=later(1), signal=SPARSE)
        run(store.commit(changes(history=(first,))))
        run(store.commit(changes(history=(second,))))

        assert run(store.history(SIGNALS)) == (first, second)
        assert run(store.history(SIGNALS, since=later(1))) == (second,)
        assert run(store.history(SIGNALS, limit=1)) == (second,)
        assert run(store.history({"status": SIGNALS["status"]})) == (second,)

    def test_repeated_transition_is_refused_and_nothing_of_its_commit_stays(
        self, run: Run, store: ReadableStore
    ) -> None:
        run(store.commit(owed(transition(), facts=(fact(GAUGE, 1.0),))))
        before = run(store.load(SIGNALS))

        with pytest.raises(StoreError):
            run(
                store.commit(
                    changes(
                        transition(RAISE, 2),
                        transition(),
                        facts=(fact(GAUGE, 2.0),),
                        removed_subjects=(OTHER_NUMBER,),
                        history=(change(None, "RED"),),
                        alerts=(alert(),),
                        groups=(group(2),),
                        standings=(standing(),),
                        silences=(silence(),),
                        desk=Desk(last_group_id=7),
                        announcements=(announcement(transition(RAISE, 2)),),
                        act=Act(id="a1", actor="ann", deed=EndSilence(silence_id="s1")),
                        counters={CounterKey("runs"): 1},
                        moment=Moment(at=later(1), boot_id="b", monotonic=1.0),
                    )
                )
            )

        assert self.reloaded(run, store) == before
        assert run(store.transitions()) == (transition(group_id=1),)
        assert run(store.history(SIGNALS)) == ()
        assert run(store.outbox_figures()).due == 1
        assert not run(store.acted("a1"))
