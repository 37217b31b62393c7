"""The life of one message to one recipient: which status counts what, in whatever order Meta tells it."""

from collections import defaultdict
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wamon.core import books
from wamon.core.books import DAY, FOR_EVER, Tally
from wamon.core.delivery import (
    DELIVERED,
    FAILED,
    OPT_OUT,
    PLAYED,
    PROVED,
    READ,
    SENT,
    Entry,
    Update,
    bounce_of,
    code_label,
    error_class,
    settle,
    settle_all,
)
from wamon.core.error_codes import Bounce, ErrorClass

# The first second of a day, so that all buckets begin at it.
MIDNIGHT = 20_776 * 86_400
HARD, SOFT, PAYMENT = 131026, 131049, 131042
COHORT = ("attempted", "sent", "open", "failed", "hard_bounced", "soft_bounced")


def told(
    status: int,
    *,
    at: int = 0,
    received: float | None = None,
    message: str = "m1",
    code: int | None = None,
    category: str | None = None,
    calling_code: str | None = None,
) -> Update:
    """A status that Meta stamped so many seconds after midnight; received at once unless told otherwise."""
    return Update(
        waba_id="100",
        phone_number_id="200",
        digest=message.encode(),
        status=status,
        at=MIDNIGHT + at,
        received_at=MIDNIGHT + (at if received is None else received),
        error_code=code,
        category=category,
        calling_code=calling_code,
    )


def tallied(*updates: Update) -> Tally:
    return settle_all({}, updates)[1]


def by_label(tally: Tally, figure: str) -> dict[str, int]:
    """The sums of a figure by its labels, over all buckets; zeros left out."""
    sums: dict[str, int] = defaultdict(int)
    for (name, _, _, label, _), amount in tally.items():
        if name == figure:
            sums[label] += amount
    return {label: amount for label, amount in sums.items() if amount}


def total(tally: Tally, figure: str) -> int:
    return sum(by_label(tally, figure).values())


def failing(code: int | None) -> Update:
    return told(FAILED, code=code)


# --- what a status proves ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "counted"),
    [
        (SENT, {"sent": 1}),
        (DELIVERED, {"sent": 1, "delivered": 1}),
        (READ, {"sent": 1, "delivered": 1, "read": 1}),
        (PLAYED, {"sent": 1, "delivered": 1, "played": 1}),
        (FAILED, {"failed": 1}),
    ],
)
def test_status_counts_itself_and_what_it_proves(status: int, counted: dict[str, int]) -> None:
    assert by_label(tallied(told(status)), books.STATUSES) == counted


@pytest.mark.parametrize(
    ("seen", "proved"),
    [
        (0, 0),
        (SENT, SENT),
        (READ, READ | DELIVERED | SENT),
        (PLAYED | FAILED, PLAYED | DELIVERED | SENT | FAILED),
        (OPT_OUT, OPT_OUT),
        (63, 63),
    ],
)
def test_seen_statuses_prove_what_came_before_them(seen: int, proved: int) -> None:
    assert PROVED[seen] == proved
    assert len(PROVED) == 64


@pytest.mark.parametrize("order", list(permutations([SENT, DELIVERED, READ, PLAYED])))
def test_each_status_counts_once_in_whatever_order_and_however_often(order: tuple[int, ...]) -> None:
    tally = tallied(*(told(status) for status in order for _ in range(3)))

    assert by_label(tally, books.STATUSES) == {"sent": 1, "delivered": 1, "read": 1, "played": 1}
    assert total(tally, books.DUPLICATES) == 8
    assert {figure: total(tally, figure) for figure in COHORT} == {
        "attempted": 1,
        "sent": 1,
        "open": 0,
        "failed": 0,
        "hard_bounced": 0,
        "soft_bounced": 0,
    }
    assert total(tally, books.CONTRADICTIONS) == 0


def test_messages_count_each_for_itself() -> None:
    tally = tallied(told(SENT, message="m1"), told(READ, message="m2"), told(SENT, message="m3"))

    assert by_label(tally, books.STATUSES) == {"sent": 3, "delivered": 1, "read": 1}
    assert total(tally, books.ATTEMPTED) == 3
    assert total(tally, books.DUPLICATES) == 0


def test_first_status_is_written_in_full() -> None:
    moved, tally = settle_all({}, [told(SENT, at=7201, received=7203.5, category="utility", calling_code="250")])

    assert moved == {b"m1": Entry(b"m1", MIDNIGHT + 7201, SENT, MIDNIGHT + 7201, None, None, "utility")}
    # 02:00:01 stands in the five minutes that begin at 02:00.
    slot = MIDNIGHT + 7200
    assert tally == {
        (books.STATUSES, "100", "200", "sent", FOR_EVER): 1,
        (books.ATTEMPTED, "100", "200", "", slot): 1,
        (books.SENT_MESSAGES, "100", "200", "", slot): 1,
        (books.OPEN, "100", "200", "", slot): 1,
        (books.BY_CATEGORY, "100", "", "utility", FOR_EVER): 1,
        (books.BY_CALLING_CODE, "100", "", "250", FOR_EVER): 1,
        (books.WEBHOOK_LAG, "100", "", "5.0", FOR_EVER): 1,
        (books.WEBHOOK_LAG, "100", "", "sum_ms", FOR_EVER): 2500,
        (books.RECENT_LAGS, "100", "", "5.0", slot): 1,
    }


# --- duplicates and order ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [SENT, DELIVERED, READ, PLAYED, FAILED, OPT_OUT])
def test_repeated_status_moves_nothing_and_is_counted_as_such(status: int) -> None:
    entry = settle(None, told(status, code=HARD, category="utility"), defaultdict(int))
    tally: Tally = defaultdict(int)

    again = settle(entry, told(status, at=600, code=SOFT, category="marketing", calling_code="1"), tally)

    assert again is None
    assert tally == {(books.DUPLICATES, "", "", "", FOR_EVER): 1}


@pytest.mark.parametrize(
    ("order", "count"),
    [
        ((SENT, DELIVERED, READ, PLAYED), 0),
        ((DELIVERED, SENT), 1),
        ((READ, DELIVERED, SENT), 2),
        ((READ, SENT), 1),
        ((PLAYED, READ), 0),
        ((PLAYED, DELIVERED), 1),
        ((SENT, FAILED), 0),
        ((FAILED, SENT), 0),
        ((DELIVERED, FAILED), 0),
        ((DELIVERED, FAILED, SENT), 1),
        ((SENT, SENT), 0),
    ],
)
def test_status_that_was_proved_before_it_came_is_out_of_order(order: tuple[int, ...], count: int) -> None:
    assert total(tallied(*map(told, order)), books.OUT_OF_ORDER) == count


# --- the fate of a message --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("updates", "standing", "contradictions"),
    [
        ([told(SENT)], {"sent", "open"}, 0),
        ([told(SENT), told(DELIVERED)], {"sent"}, 0),
        ([told(SENT), told(READ)], {"sent"}, 0),
        ([told(DELIVERED)], {"sent"}, 0),
        ([told(READ)], {"sent"}, 0),
        ([told(PLAYED)], {"sent"}, 0),
        ([failing(PAYMENT)], {"failed"}, 0),
        ([failing(None)], {"failed"}, 0),
        ([failing(999_999)], {"failed"}, 0),
        ([failing(HARD)], {"failed", "hard_bounced"}, 0),
        ([failing(SOFT)], {"failed", "soft_bounced"}, 0),
        ([told(SENT), failing(HARD)], {"sent", "failed", "hard_bounced"}, 0),
        ([failing(HARD), told(SENT)], {"sent", "failed", "hard_bounced"}, 0),
        ([failing(HARD), told(DELIVERED)], {"sent"}, 1),
        ([failing(SOFT), told(READ)], {"sent"}, 1),
        ([failing(PAYMENT), told(SENT), told(DELIVERED)], {"sent"}, 1),
        ([told(DELIVERED), failing(HARD)], {"sent"}, 1),
        ([told(READ), failing(HARD)], {"sent"}, 1),
        ([told(DELIVERED), failing(HARD), told(READ)], {"sent"}, 1),
        ([failing(HARD), told(DELIVERED), told(READ), told(SENT)], {"sent"}, 1),
    ],
)
def test_message_stands_in_the_figures_of_its_fate(
    updates: list[Update], standing: set[str], contradictions: int
) -> None:
    tally = tallied(*updates)

    assert {figure: total(tally, figure) for figure in COHORT} == {
        figure: int(figure in standing or figure == "attempted") for figure in COHORT
    }
    assert total(tally, books.CONTRADICTIONS) == contradictions


def test_fate_is_booked_where_the_message_began() -> None:
    tally = tallied(told(SENT, at=60), told(FAILED, at=4000, code=HARD))

    assert {key[4] for key in tally if key[0] in COHORT} == {MIDNIGHT}
    assert by_label(tally, books.RECENT_CODES) == {"131026": 1}
    assert tally[books.RECENT_CODES, "100", "200", "131026", MIDNIGHT + 3900] == 1


def test_message_of_yesterday_is_booked_in_the_bucket_of_its_hour() -> None:
    yesterday = told(SENT, at=700)

    tally = tallied(yesterday, told(DELIVERED, at=3 * 3600))

    assert tally[books.OPEN, "100", "200", "", MIDNIGHT + 600] == 1
    assert tally[books.OPEN, "100", "200", "", MIDNIGHT] == -1


def test_status_that_comes_seven_days_late_counts_for_ever_but_in_no_window() -> None:
    tally = tallied(told(FAILED, at=0, received=7 * 86_400.0, code=HARD))

    assert {key[0] for key in tally if key[4] != FOR_EVER} == {books.RECENT_LAGS}
    assert by_label(tally, books.STATUSES) == {"failed": 1}


def test_open_message_of_last_week_is_still_open() -> None:
    tally = tallied(told(SENT, at=0, received=7 * 86_400.0))

    assert tally[books.OPEN, "100", "200", "", MIDNIGHT] == 1
    assert total(tally, books.ATTEMPTED) == 0


# --- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "failure_class", "label", "bounce"),
    [
        (HARD, "recipient", "131026", {"hard": 1}),
        (SOFT, "recipient", "131049", {"soft": 1}),
        (PAYMENT, "sender", "131042", {}),
        (130429, "throttle", "130429", {}),
        (131000, "platform", "131000", {}),
        (999_999, "unknown", "other", {}),
        (None, "unknown", "other", {}),
    ],
)
def test_failure_is_counted_by_class_code_and_bounce(
    code: int | None, failure_class: str, label: str, bounce: dict[str, int]
) -> None:
    tally = tallied(failing(code))

    assert by_label(tally, books.FAILURES) == {failure_class: 1}
    assert by_label(tally, books.FAILURE_CODES) == {label: 1}
    assert by_label(tally, books.RECENT_CODES) == {label: 1}
    assert by_label(tally, books.BOUNCES) == bounce
    assert (error_class(code), code_label(code)) == (ErrorClass(failure_class), label)
    assert bounce_of(code) is Bounce(next(iter(bounce), "none"))


def test_totals_of_failures_stay_when_the_message_arrives_after_all() -> None:
    tally = tallied(failing(HARD), told(DELIVERED))

    assert by_label(tally, books.STATUSES) == {"failed": 1, "sent": 1, "delivered": 1}
    assert by_label(tally, books.FAILURES) == {"recipient": 1}
    assert by_label(tally, books.BOUNCES) == {"hard": 1}


def test_code_of_a_repeated_failure_does_not_replace_the_first() -> None:
    moved, tally = settle_all({}, [failing(HARD), failing(SOFT)])

    assert moved[b"m1"].error_code == HARD
    assert by_label(tally, books.FAILURE_CODES) == {"131026": 1}


# --- categories and countries -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("categories", "counted"),
    [
        ([None, None, None], {}),
        (["marketing", None, None], {"marketing": 1}),
        ([None, "marketing", None], {"marketing": 1}),
        ([None, None, "marketing"], {"marketing": 1}),
        (["marketing", "marketing", "marketing"], {"marketing": 1}),
        (["marketing", "utility", None], {"marketing": 1}),
    ],
)
def test_category_counts_once_by_the_first_that_is_told(categories: list[str | None], counted: dict[str, int]) -> None:
    statuses = (SENT, DELIVERED, READ)

    tally = tallied(*(told(status, category=each) for status, each in zip(statuses, categories, strict=True)))

    assert by_label(tally, books.BY_CATEGORY) == counted


def test_calling_code_counts_once_a_message_and_once_a_failure() -> None:
    tally = tallied(
        told(SENT, calling_code="250"),
        told(FAILED, calling_code="250", code=HARD),
        told(READ, message="m2", calling_code="49"),
        told(SENT, message="m3"),
    )

    assert by_label(tally, books.BY_CALLING_CODE) == {"250": 1, "49": 1}
    assert by_label(tally, books.FAILURES_BY_CALLING_CODE) == {"250": 1}


# --- times ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("updates", "buckets"),
    [
        ([told(SENT, at=0), told(DELIVERED, at=7)], {"10.0": 1, "sum_ms": 7000}),
        ([told(DELIVERED, at=7), told(SENT, at=0)], {"10.0": 1, "sum_ms": 7000}),
        ([told(SENT), told(READ, at=3), told(DELIVERED, at=1)], {"1.0": 1, "sum_ms": 1000}),
        ([told(READ, at=3), told(DELIVERED, at=2), told(SENT)], {"2.0": 1, "sum_ms": 2000}),
        ([told(SENT), told(DELIVERED, at=7), told(READ, at=9), told(PLAYED, at=9)], {"10.0": 1, "sum_ms": 7000}),
        ([told(SENT), told(DELIVERED, at=7), told(FAILED, at=9)], {"10.0": 1, "sum_ms": 7000}),
        ([told(SENT, at=5), told(DELIVERED, at=0)], {"1.0": 1}),
        ([told(SENT), told(DELIVERED, at=86_401)], {"+Inf": 1, "sum_ms": 86_401_000}),
        ([told(SENT), told(READ, at=3)], {}),
        ([told(DELIVERED, at=3)], {}),
        ([told(SENT), told(FAILED, at=3)], {}),
    ],
)
def test_delivery_time_is_counted_once_when_both_stamps_are_there(
    updates: list[Update], buckets: dict[str, int]
) -> None:
    assert by_label(tallied(*updates), books.DELIVERY_SECONDS) == buckets


@pytest.mark.parametrize(
    ("category", "figure"),
    [
        (None, books.RECENT_DELIVERIES),
        ("marketing", books.RECENT_DELIVERIES),
        ("authentication", books.RECENT_AUTHENTICATION),
        ("authentication-international", books.RECENT_AUTHENTICATION),
        ("authentication_international", books.RECENT_AUTHENTICATION),
    ],
)
def test_one_time_codes_have_a_pace_of_their_own(category: str | None, figure: str) -> None:
    tally = tallied(told(SENT, category=category), told(DELIVERED, at=45))

    paces = {name: by_label(tally, name) for name in (books.RECENT_DELIVERIES, books.RECENT_AUTHENTICATION)}
    assert paces == {books.RECENT_DELIVERIES: {}, books.RECENT_AUTHENTICATION: {}} | {figure: {"60.0": 1}}
    assert tally[figure, "100", "", "60.0", MIDNIGHT] == 1
    is_code = figure == books.RECENT_AUTHENTICATION
    assert by_label(tally, books.AUTHENTICATION_SECONDS) == ({"60.0": 1, "sum_ms": 45_000} if is_code else {})
    assert by_label(tally, books.DELIVERY_SECONDS) == {"60.0": 1, "sum_ms": 45_000}


def test_delivery_that_is_told_late_is_no_recent_one() -> None:
    tally = tallied(told(SENT), told(DELIVERED, at=10, received=10 + 7201.0))

    assert by_label(tally, books.DELIVERY_SECONDS) == {"10.0": 1, "sum_ms": 10_000}
    assert by_label(tally, books.RECENT_DELIVERIES) == {}


def test_lag_is_receipt_less_stamp_of_each_status_that_moved_something() -> None:
    tally = tallied(
        told(SENT, at=0, received=400.0),
        told(SENT, at=0, received=900.0),
        told(DELIVERED, at=10, received=400.0),
        told(READ, at=500, received=499.0),
    )

    assert by_label(tally, books.WEBHOOK_LAG) == {"1800.0": 2, "1.0": 1, "sum_ms": 790_000}
    # By the time of receipt: 400 s are in the second five minutes, as are 499 s.
    assert tally[books.RECENT_LAGS, "100", "", "1800.0", MIDNIGHT + 300] == 2
    assert tally[books.RECENT_LAGS, "100", "", "1.0", MIDNIGHT + 300] == 1


# --- stops ------------------------------------------------------------------------------------------------------------


def test_stop_counts_once_and_is_no_message() -> None:
    moved, tally = settle_all({}, [told(OPT_OUT, at=3700), told(OPT_OUT, at=3700, received=9000.0)])

    assert moved == {b"m1": Entry(b"m1", MIDNIGHT + 3700, OPT_OUT)}
    assert tally == {
        (books.OPT_OUTS, "100", "200", "", FOR_EVER): 1,
        (books.RECENT_OPT_OUTS, "100", "200", "", MIDNIGHT + 3600): 1,
        (books.DUPLICATES, "", "", "", FOR_EVER): 1,
    }


def test_stop_that_is_told_days_later_counts_but_stands_in_no_window() -> None:
    _, tally = settle_all({}, [told(OPT_OUT, received=2 * DAY)])

    assert tally == {(books.OPT_OUTS, "100", "200", "", FOR_EVER): 1}


# --- batches ----------------------------------------------------------------------------------------------------------


def test_batch_gives_back_only_what_moved_and_leaves_what_it_was_given() -> None:
    entries, _ = settle_all({}, [told(SENT, message="m1"), told(SENT, message="m2")])
    before = dict(entries)

    moved, _ = settle_all(entries, [told(SENT, message="m1"), told(READ, message="m2")])

    assert moved == {b"m2": Entry(b"m2", MIDNIGHT, SENT | READ, MIDNIGHT, None)}
    assert entries == before


STATUS_CODES = st.sampled_from([SENT, DELIVERED, READ, FAILED, PLAYED, OPT_OUT])


@st.composite
def updates_of_a_day(draw: st.DrawFn) -> Update:
    status = draw(STATUS_CODES)
    at = draw(st.integers(0, 86_400))
    return told(
        status,
        at=at,
        received=float(at + draw(st.integers(-60, 700_000))),
        # A stop has an entry of its own, never that of a message.
        message=draw(st.sampled_from(["s1", "s2"] if status == OPT_OUT else ["m1", "m2", "m3"])),
        code=draw(st.sampled_from([None, HARD, SOFT, PAYMENT])) if status == FAILED else None,
        category=draw(st.sampled_from([None, "utility", "authentication"])),
        calling_code=draw(st.sampled_from([None, "49"])),
    )


@given(st.lists(updates_of_a_day(), max_size=30), st.integers(0, 30))
def test_batches_add_up_to_the_same_however_they_are_cut(updates: list[Update], cut: int) -> None:
    whole, tally = settle_all({}, updates)

    first, tally_of_first = settle_all({}, updates[:cut])
    second, tally_of_second = settle_all(first, updates[cut:])

    assert {**first, **second} == whole
    summed: dict[tuple[str, str, str, str, int], int] = defaultdict(int)
    for part in (tally_of_first, tally_of_second):
        for key, amount in part.items():
            summed[key] += amount
    assert {key: n for key, n in summed.items() if n} == {key: n for key, n in tally.items() if n}


@given(st.lists(updates_of_a_day(), max_size=30))
def test_funnel_never_grows_towards_its_end(updates: list[Update]) -> None:
    _, tally = settle_all({}, updates)

    counts = by_label(tally, books.STATUSES)
    messages = {update.digest for update in updates if update.status != OPT_OUT}
    assert counts.get("read", 0) <= counts.get("delivered", 0) <= counts.get("sent", 0) <= len(messages)
    assert counts.get("played", 0) <= counts.get("delivered", 0)
    assert total(tally, books.DUPLICATES) == len(updates) - len({(update.digest, update.status) for update in updates})


@given(st.permutations([told(SENT), told(DELIVERED, at=5), told(READ, at=9), told(FAILED, at=7, code=HARD)]))
def test_order_moves_no_sum_but_that_of_disorder(updates: list[Update]) -> None:
    statuses = by_label(tallied(*updates), books.STATUSES)

    assert statuses == {"sent": 1, "delivered": 1, "read": 1, "failed": 1}
    assert by_label(tallied(*updates), books.DELIVERY_SECONDS) == {"5.0": 1, "sum_ms": 5000}
    assert [total(tallied(*updates), figure) for figure in COHORT] == [1, 1, 0, 0, 0, 0]
    assert total(tallied(*updates), books.CONTRADICTIONS) == 1
