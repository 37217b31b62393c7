"""What every ledger must do, whatever it is made of."""

import asyncio
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.fakes import START
from tests.store.contract import Run
from tests.store.samples import changes, later
from wamon.core import books
from wamon.core.books import Books, Tally, TallyKey
from wamon.core.delivery import DELIVERED, FAILED, OPT_OUT, READ, SENT, Update
from wamon.core.errors import StoreError
from wamon.core.ports import Ledger, Quarantined, Store

NOW = int(START.timestamp())
DAY = 86400
WABA, NUMBER = "100", "200"
UNDELIVERABLE = 131026


class LedgerStore(Ledger, Store, Protocol):
    """A store that keeps the ledger too."""


def digest(name: str) -> bytes:
    return name.encode().ljust(16, b".")


def update(status: int, name: str = "m", *, at: int = NOW, received_at: float | None = None, **other: Any) -> Update:
    received_at = at + 1.5 if received_at is None else received_at
    plain = Update(WABA, NUMBER, digest(name), status, at, received_at)
    return plain._replace(**{"error_code": UNDELIVERABLE, **other} if status == FAILED else other)


def statuses(tally: Mapping[TallyKey, int], number: str = NUMBER) -> dict[str, int]:
    """How many messages of a number reached each status."""
    return {
        label: value
        for (figure, _, whose, label, _), value in tally.items()
        if figure == books.STATUSES and whose == number
    }


def total(tally: Mapping[TallyKey, int], figure: str) -> int:
    return sum(value for (name, *_), value in tally.items() if name == figure)


def quarantined(number: int, *, at: datetime = START) -> Quarantined:
    return Quarantined(reason="unexpected_shape", skeleton=f'{{"n": {number}}}', at=at)


def reopen(run: Run, store: LedgerStore) -> None:
    run(store.close())
    run(store.open())


class LedgerContract(ABC):
    """`make` gives an unopened store; those of one folder share what they remember."""

    @abstractmethod
    def make(self, folder: Path) -> LedgerStore: ...

    @pytest.fixture
    def store(self, run: Run, tmp_path: Path) -> Iterator[LedgerStore]:
        store = self.make(tmp_path)
        run(store.open())
        yield store
        run(store.close())

    @pytest.fixture(params=["together", "alone", "reopened", "folded", "folded and reopened"])
    def record(self, request: pytest.FixtureRequest, run: Run, store: LedgerStore) -> Any:
        """Record updates, with this between one and the next; all that they add to the books."""

        def record(*updates: Update) -> Books:
            added: Tally = defaultdict(int)
            for batch in [updates] if request.param == "together" else [(each,) for each in updates]:
                for key, amount in run(store.record(batch, counted={})).items():
                    added[key] += amount
                if "folded" in request.param:
                    run(store.fold({}))
                if "reopened" in request.param:
                    reopen(run, store)
            assert run(store.tallied()) == {key: value for key, value in added.items() if value}
            return Books(added)

        return record

    # --- each status once ---------------------------------------------------------------------------------------------

    def test_message_counts_once_a_status(self, record: Any) -> None:
        added = record(update(SENT), update(DELIVERED, at=NOW + 3), update(READ, at=NOW + 60))

        assert statuses(added.totals) == {"sent": 1, "delivered": 1, "read": 1}

    def test_repeated_status_adds_nothing_but_a_duplicate(self, record: Any) -> None:
        added = record(update(SENT), update(DELIVERED), update(SENT), update(DELIVERED), update(SENT))

        assert statuses(added.totals) == {"sent": 1, "delivered": 1}
        assert total(added.totals, books.DUPLICATES) == 3
        assert added.windowed(WABA, NUMBER, books.ATTEMPTED, since=0) == 1

    def test_order_of_arrival_does_not_matter(self, record: Any) -> None:
        added = record(update(READ, at=NOW + 60), update(SENT), update(DELIVERED, at=NOW + 3))

        assert statuses(added.totals) == {"sent": 1, "delivered": 1, "read": 1}
        assert total(added.totals, books.OUT_OF_ORDER) == 2
        assert total(added.totals, books.DELIVERY_SECONDS) == 1 + 3000

    @pytest.mark.parametrize("days", [1, 7, 29])
    def test_message_is_known_on_whatever_day_its_next_status_comes(self, record: Any, days: int) -> None:
        then = NOW + days * DAY

        added = record(update(SENT), update(READ, at=then), update(DELIVERED, at=then - 5, received_at=then + 1.0))

        assert statuses(added.totals) == {"sent": 1, "delivered": 1, "read": 1}

    def test_replay_seven_days_late_is_a_duplicate(self, record: Any) -> None:
        then = NOW + 7.0 * DAY

        added = record(update(SENT), update(FAILED), update(SENT, received_at=then), update(FAILED, received_at=then))

        assert statuses(added.totals) == {"sent": 1, "failed": 1}
        assert total(added.totals, books.DUPLICATES) == 2

    def test_sent_that_comes_after_a_later_days_delivered_is_of_the_same_message(self, record: Any) -> None:
        added = record(update(DELIVERED, at=NOW + DAY), update(SENT, received_at=NOW + DAY + 5.0))

        assert statuses(added.totals) == {"sent": 1, "delivered": 1}

    def test_sent_stamped_just_after_the_midnight_of_its_delivery_is_of_the_same_message(self, record: Any) -> None:
        midnight = NOW // DAY * DAY

        added = record(update(DELIVERED, at=midnight - 1), update(SENT, at=midnight + 1))

        assert statuses(added.totals) == {"sent": 1, "delivered": 1}

    def test_delivered_after_failed_takes_the_message_out_of_the_failed(self, record: Any) -> None:
        added = record(update(SENT), update(FAILED), update(DELIVERED))

        assert statuses(added.totals) == {"sent": 1, "delivered": 1, "failed": 1}
        assert total(added.totals, books.CONTRADICTIONS) == 1
        assert added.windowed(WABA, NUMBER, books.FAILED_MESSAGES, since=0) == 0

    @pytest.mark.parametrize("off", [-60 * DAY, 400 * DAY], ids=["far past", "far future"])
    def test_absurd_stamp_counts_once_all_the_same(self, record: Any, off: int) -> None:
        absurd = update(SENT, at=NOW + off, received_at=float(NOW))

        added = record(absurd, update(DELIVERED, at=NOW + 5), absurd._replace(received_at=NOW + 7.0 * DAY))

        assert statuses(added.totals) == {"sent": 1, "delivered": 1}
        assert total(added.totals, books.DUPLICATES) == 1

    def test_clock_that_was_wrong_by_years_does_not_hide_a_message(self, record: Any) -> None:
        first = update(SENT, received_at=NOW + 1000.0 * DAY)

        added = record(first, update(SENT), update(DELIVERED), update(DELIVERED, received_at=0.0))

        assert statuses(added.totals) == {"sent": 1, "delivered": 1}
        assert total(added.totals, books.DUPLICATES) == 2

    def test_clock_that_was_years_behind_does_not_hide_a_message(self, record: Any) -> None:
        added = record(update(SENT, received_at=NOW - 1000.0 * DAY), update(SENT), update(DELIVERED))

        assert statuses(added.totals) == {"sent": 1, "delivered": 1}
        assert total(added.totals, books.DUPLICATES) == 1

    def test_error_code_beyond_all_measure_is_as_unknown_as_none(self, record: Any) -> None:
        added = record(update(FAILED, error_code=10**30), update(DELIVERED))

        assert statuses(added.totals) == {"sent": 1, "delivered": 1, "failed": 1}
        assert added.windowed(WABA, NUMBER, books.FAILED_MESSAGES, since=0) == 0

    def test_bounce_is_remembered_with_its_code(self, record: Any) -> None:
        added = record(update(FAILED, error_code=UNDELIVERABLE), update(READ))

        assert added.windowed(WABA, NUMBER, books.HARD_BOUNCED, since=0) == 0
        assert added.windowed(WABA, NUMBER, books.SOFT_BOUNCED, since=0) == 0
        assert total(added.totals, books.BOUNCES) == 1

    @pytest.mark.parametrize("category", ["marketing", "authentication", "group_marketing", ""])
    def test_category_counts_once(self, record: Any, category: str) -> None:
        added = record(update(SENT), update(DELIVERED, category=category), update(READ, category="utility"))

        assert {key[3]: value for key, value in added.totals.items() if key[0] == books.BY_CATEGORY} == {category: 1}

    def test_opt_out_counts_once(self, record: Any) -> None:
        added = record(update(OPT_OUT, "stop"), update(OPT_OUT, "stop"), update(SENT))

        assert total(added.totals, books.OPT_OUTS) == 1
        assert statuses(added.totals) == {"sent": 1}

    def test_members_of_a_group_have_lives_of_their_own(self, record: Any) -> None:
        added = record(
            *[update(SENT, name) for name in ("m:1", "m:2", "m:3")], update(READ, "m:2"), update(FAILED, "m:3")
        )

        assert statuses(added.totals) == {"sent": 3, "delivered": 1, "read": 1, "failed": 1}

    def test_numbers_and_accounts_are_told_apart(self, record: Any) -> None:
        added = record(update(SENT, "a"), update(SENT, "b", phone_number_id="201"), update(SENT, "c", waba_id="101"))

        assert {key[1:3]: value for key, value in added.totals.items() if key[0] == books.STATUSES} == {
            ("100", "200"): 1,
            ("100", "201"): 1,
            ("101", "200"): 1,
        }

    @pytest.mark.parametrize("count", [1, 3, 64, 129, 1000])
    def test_batch_of_any_size_is_found_again(self, run: Run, store: LedgerStore, count: int) -> None:
        batch = [update(SENT, str(each), at=NOW - each % 3 * DAY) for each in range(count)]
        run(store.record(batch, counted={}))
        run(store.fold({}))

        again = run(store.record(batch, counted={}))

        assert again == {(books.DUPLICATES, "", "", "", 0): count}

    # --- the books ----------------------------------------------------------------------------------------------------

    def test_fresh_ledger_has_empty_books(self, run: Run, store: LedgerStore) -> None:
        assert run(store.tallied()) == {}

    def test_nothing_adds_nothing(self, run: Run, store: LedgerStore) -> None:
        assert run(store.record([], counted={})) == {}
        run(store.fold({}))

        assert run(store.tallied()) == {}

    def test_what_was_counted_is_added_once_and_told_with_the_rest(self, run: Run, store: LedgerStore) -> None:
        counted = {(books.WEBHOOK_EVENTS, WABA, "", "messages", 0): 2, (books.DUPLICATES, "", "", "", 0): 5}

        run(store.record([update(SENT)], counted=counted))
        added = run(store.record([update(SENT)], counted=counted))

        assert added == {(books.WEBHOOK_EVENTS, WABA, "", "messages", 0): 2, (books.DUPLICATES, "", "", "", 0): 6}
        assert total(run(store.tallied()), books.WEBHOOK_EVENTS) == 4

    def test_books_survive_a_restart_folded_or_not(self, run: Run, store: LedgerStore) -> None:
        run(store.record([update(SENT, "a"), update(SENT, "b")], counted={}))
        run(store.fold({}))
        run(store.record([update(DELIVERED, "a"), update(READ, "c")], counted={}))
        before = run(store.tallied())

        reopen(run, store)

        assert run(store.tallied()) == before
        assert statuses(before) == {"sent": 3, "delivered": 2, "read": 1}

    @pytest.mark.parametrize("is_reopened", [False, True])
    def test_compaction_is_added_once(self, run: Run, store: LedgerStore, *, is_reopened: bool) -> None:
        narrow, wide = (
            (books.OPEN, WABA, NUMBER, "", NOW // 300 * 300),
            (books.OPEN, WABA, NUMBER, "", NOW // DAY * DAY),
        )
        run(store.record([update(SENT)], counted={}))

        run(store.fold({narrow: -1, wide: 1}))
        if is_reopened:
            reopen(run, store)
        run(store.fold({}))
        run(store.fold({}))

        tallied = run(store.tallied())
        assert (tallied.get(narrow, 0), tallied[wide]) == (0, 1)

    def test_fold_of_a_large_fleet_changes_no_sum(self, run: Run, store: LedgerStore) -> None:
        batch = [update(SENT, str(each), phone_number_id=str(each), at=NOW - each) for each in range(1500)]
        run(store.record(batch, counted={}))
        before = run(store.tallied())

        run(store.fold({}))

        assert run(store.tallied()) == before
        reopen(run, store)
        assert run(store.tallied()) == before
        assert run(store.record(batch, counted={})) == {(books.DUPLICATES, "", "", "", 0): 1500}

    def test_statuses_that_come_during_a_fold_are_neither_lost_nor_doubled(self, run: Run, store: LedgerStore) -> None:
        names = [str(each) for each in range(1500)]
        sent = [update(SENT, name, phone_number_id=name) for name in names]
        delivered = [update(DELIVERED, name, phone_number_id=name) for name in names]

        async def fold_twice_while_they_come() -> None:
            await store.record(sent, counted={})
            folds = [asyncio.ensure_future(store.fold({})) for _ in range(2)]
            for start in range(0, 1500, 100):
                await store.record(delivered[start : start + 100], counted={})
                await store.record(sent[start : start + 100], counted={})
            await asyncio.gather(*folds)

        run(fold_twice_while_they_come())

        for _ in range(2):
            tallied = run(store.tallied())
            assert [total(tallied, figure) for figure in (books.STATUSES, books.DUPLICATES)] == [3000, 1500]
            reopen(run, store)
            run(store.fold({}))

    # --- notices, quarantine, the key ---------------------------------------------------------------------------------

    def test_notice_is_unheard_until_it_is_committed(self, run: Run, store: LedgerStore) -> None:
        heard, unheard = digest("heard"), digest("unheard")

        run(store.commit(changes(notices=(heard,))))
        run(store.commit(changes(notices=(heard,))))

        assert run(store.unheard([heard, unheard])) == {unheard}
        reopen(run, store)
        assert run(store.unheard([heard])) == frozenset()

    def test_quarantine_gives_the_latest_newest_last(self, run: Run, store: LedgerStore) -> None:
        three = [quarantined(each, at=later(each)) for each in range(3)]
        run(store.record([], counted={}, quarantined=three[:2]))
        run(store.record([update(SENT)], counted={}, quarantined=three[2:]))

        reopen(run, store)

        assert run(store.quarantine(limit=10)) == tuple(three)
        assert run(store.quarantine(limit=2)) == tuple(three[1:])

    def test_quarantine_keeps_the_newest_thousand(self, run: Run, store: LedgerStore) -> None:
        run(store.record([], counted={}, quarantined=[quarantined(each) for each in range(700)]))
        run(store.record([], counted={}, quarantined=[quarantined(each) for each in range(700, 1400)]))
        bounded = run(store.quarantine(limit=5000))
        run(store.record([], counted={}, quarantined=[quarantined(each) for each in range(3000)]))

        assert bounded == tuple(quarantined(each) for each in range(400, 1400))
        assert run(store.quarantine(limit=5000)) == tuple(quarantined(each) for each in range(2000, 3000))

    def test_digest_key_is_the_installs_own_for_life(self, run: Run, store: LedgerStore, tmp_path: Path) -> None:
        key = run(store.digest_key())
        other = self.make(tmp_path / "other")
        run(other.open())
        other_key = run(other.digest_key())
        run(other.close())

        reopen(run, store)

        assert run(store.digest_key()) == key
        assert len(key) == 16
        assert other_key != key

    # --- age ----------------------------------------------------------------------------------------------------------

    def test_prune_forgets_messages_of_earlier_days_in_slices(self, run: Run, store: LedgerStore) -> None:
        old = [update(SENT, f"old {each}", at=NOW - 3 * DAY) for each in range(5)]
        recent = [update(SENT, f"recent {each}") for each in range(5)]
        run(store.record([*old, *recent], counted={}))
        before = run(store.tallied())

        slices = [run(store.prune_ledger(START, limit=2)) for _ in range(5)]

        assert slices == [2, 2, 1, 0, 0]
        assert run(store.tallied()) == before
        assert statuses(run(store.record(recent, counted={}))) == {}
        assert statuses(run(store.record(old, counted={}))) == {"sent": 5}

    def test_prune_keeps_the_day_that_it_ends_in(self, run: Run, store: LedgerStore) -> None:
        midnight = NOW // DAY * DAY
        day_before, of_the_day = update(SENT, "a", at=midnight - 1), update(SENT, "b", at=midnight)
        run(store.record([day_before, of_the_day], counted={}))

        while run(store.prune_ledger(START)):
            pass

        assert statuses(run(store.record([of_the_day], counted={}))) == {}
        assert statuses(run(store.record([day_before], counted={}))) == {"sent": 1}

    def test_message_with_an_absurd_stamp_is_forgotten_by_its_receipt(self, run: Run, store: LedgerStore) -> None:
        past, future = (update(SENT, str(off), at=NOW + off * DAY, received_at=float(NOW)) for off in (-900, 900))
        run(store.record([past, future], counted={}))

        kept = run(store.prune_ledger(START))
        forgotten = run(store.prune_ledger(START + timedelta(days=1)))

        assert (kept, forgotten) == (0, 2)

    def test_prune_forgets_old_notices_and_quarantined(self, run: Run, store: LedgerStore) -> None:
        run(store.commit(changes(notices=tuple(digest(str(each)) for each in range(3)))))
        run(store.record([], counted={}, quarantined=[quarantined(1), quarantined(2), quarantined(3, at=later(60))]))

        slices = [run(store.prune_ledger(later(30), limit=2)) for _ in range(3)]

        assert slices == [4, 1, 0]
        assert run(store.quarantine(limit=9)) == (quarantined(3, at=later(60)),)
        assert run(store.unheard([digest("0")])) == {digest("0")}

    # --- life cycle ---------------------------------------------------------------------------------------------------

    def test_ledger_that_is_not_open_says_so(self, run: Run, tmp_path: Path) -> None:
        store = self.make(tmp_path / "closed")

        for call in (store.record([update(SENT)], counted={}), store.tallied(), store.fold({}), store.digest_key()):
            with pytest.raises(StoreError, match="closed: open it first"):
                run(call)
