"""What every store must do, whatever it is made of."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
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
    change,
    changes,
    fact,
    later,
    transition,
)
from wamon.core.alerting import AlertState, CloseReason, Severity, Transition, TransitionKind
from wamon.core.errors import StoreError
from wamon.core.health import NEVER, Change, Fact, Signal, Snapshot, Subject, Value
from wamon.core.ports import Notification, Receipt, Resumed, Store
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
    ) -> list[Notification]:
        return list(run(store.due_notifications(receiver, at, limit=limit)))

    def deliver(self, run: Run, store: ReadableStore, *, at: datetime = START) -> None:
        for notification in self.due(run, store, at=later(9999)):
            run(store.begin_attempt(notification.id, at=at))
            run(store.finish_notification(notification.id, Receipt(channel="C1", message_id="1.2"), at=at))


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
        closed = transition(
            CLOSE, 3, at=later(1), close_reason=CloseReason.REMOVED, evidence=(), what="", subject=OTHER_NUMBER
        )
        run(store.commit(changes(opened, lowered)))

        run(store.commit(changes(closed)))

        assert run(store.transitions()) == (opened, lowered, closed)
        assert run(store.transitions(since=later(1))) == (lowered, closed)
        assert run(store.transitions(limit=1)) == (closed,)

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
        run(store.commit(changes(transition(), facts=(fact(GAUGE, 1.0),))))
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
                        counters={CounterKey("runs"): 1},
                        moment=Moment(at=later(1), boot_id="b", monotonic=1.0),
                    )
                )
            )

        assert self.reloaded(run, store) == before
        assert run(store.transitions()) == (transition(),)
        assert run(store.history(SIGNALS)) == ()
        assert run(store.outbox_figures()).due == 1

    def test_prune_forgets_the_old_and_delivered_in_slices(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(transition(OPEN, 1), transition(CLOSE, 2), history=(change(None, "RED"),) * 3)))
        recent = transition(OPEN, 1, episode=2, at=later(60))
        run(store.commit(changes(recent, history=(change("RED", "GREEN", at=later(60)),))))
        for _ in range(2):
            self.deliver(run, store)

        slices = [run(store.prune(later(30), limit=2)) for _ in range(3)]

        assert slices == [6, 1, 0]
        assert run(store.transitions()) == (recent,)
        assert [kept.after for kept in run(store.history(SIGNALS))] == ["GREEN"]
        assert [due.transition for due in self.due(run, store, at=later(99))] == [recent]

    def test_prune_leaves_open_alerts_and_what_is_not_delivered(self, run: Run, store: ReadableStore) -> None:
        firing = transition(OPEN, 1, rule="firing")
        undelivered = transition(OPEN, 1, rule="undelivered")
        run(store.commit(changes(firing, alerts=(alert("firing"),))))
        self.deliver(run, store)
        run(store.commit(changes(undelivered)))

        while run(store.prune(later(99))):
            pass

        assert run(store.transitions()) == (firing, undelivered)

    def test_prune_forgets_dead_letters_and_the_alerts_that_ended(self, run: Run, store: ReadableStore) -> None:
        ended, recent = alert("ended", state=AlertState.INACTIVE), alert("recent", state=AlertState.INACTIVE)
        run(store.commit(changes(transition(OPEN, 1, rule="ended"), alerts=(ended, recent))))
        run(store.commit(changes(transition(CLOSE, 1, rule="recent", at=later(60)))))
        for notification in self.due(run, store, at=later(60)):
            run(store.bury_notification(notification.id, at=notification.created_at, reason="invalid_blocks"))

        while run(store.prune(later(30))):
            pass

        assert [row.rule for row in run(store.transitions())] == ["recent"]
        assert [letter.notification.transition.rule for letter in run(store.dead_letters())] == ["recent"]
        # Its number guards the transitions that are left: another first episode would collide with them.
        assert run(store.load(SIGNALS)).alerts == {recent.key: recent}

    def test_alert_that_stays_open_for_years_is_not_told_again(self, run: Run, store: ReadableStore) -> None:
        run(store.commit(changes(transition(), alerts=(alert(),))))
        self.deliver(run, store)
        while run(store.prune(later(99))):
            pass

        assert run(store.resume_outbox(["slack"], at=later(99))) == Resumed()
