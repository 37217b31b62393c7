"""The books: sums over all time and over windows, from additions only, and how what ages moves and leaves."""

from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wamon.core import books
from wamon.core.books import DAY, FOR_EVER, HOUR, SLOT, Books, Tally, TallyKey, le, observe_lags, place

# The first second of a day, so that all buckets begin at it.
MIDNIGHT = 20_776 * DAY
NUMBER = ("100", "200")


def booked(*rows: tuple[str, int, int], label: str = "") -> dict[TallyKey, int]:
    """Additions for one number: figure, bucket in seconds after midnight, amount."""
    return {(figure, *NUMBER, label, MIDNIGHT + bucket): amount for figure, bucket, amount in rows}


def kept(*rows: tuple[str, int, int]) -> Books:
    return Books(booked(*rows))


def buckets(of: Books, figure: str) -> list[int]:
    return [bucket - MIDNIGHT for bucket in of.buckets(*NUMBER, figure)]


def compacted(of: Books, now: float) -> Tally:
    """Compact as the daemon does: apply what was stored."""
    tally = of.compaction(MIDNIGHT + now)
    of.apply(tally)
    return tally


# --- buckets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figure", "age", "width"),
    [
        (books.ATTEMPTED, 0, SLOT),
        (books.ATTEMPTED, 2 * HOUR, SLOT),
        (books.ATTEMPTED, 2 * HOUR + 1, HOUR),
        (books.ATTEMPTED, 26 * HOUR, HOUR),
        (books.ATTEMPTED, 26 * HOUR + 1, None),
        (books.SENT_MESSAGES, 26 * HOUR + 1, None),
        (books.FAILED_MESSAGES, 26 * HOUR + 1, None),
        (books.HARD_BOUNCED, 26 * HOUR + 1, None),
        (books.SOFT_BOUNCED, 26 * HOUR + 1, None),
        (books.RECENT_CODES, 26 * HOUR + 1, None),
        (books.OPEN, 2 * HOUR, SLOT),
        (books.OPEN, 26 * HOUR, HOUR),
        (books.OPEN, 26 * HOUR + 1, DAY),
        (books.OPEN, 31 * DAY, DAY),
        (books.OPEN, 31 * DAY + 1, None),
        (books.RECENT_DELIVERIES, 2 * HOUR, SLOT),
        (books.RECENT_DELIVERIES, 2 * HOUR + 1, None),
        (books.RECENT_AUTHENTICATION, 2 * HOUR + 1, None),
        (books.RECENT_LAGS, 2 * HOUR + 1, None),
        (books.RECENT_OPT_OUTS, 0, HOUR),
        (books.RECENT_OPT_OUTS, 26 * HOUR + 1, None),
        (books.RECENT_EVENTS, 0, HOUR),
        (books.RECENT_EVENTS, 8 * DAY, HOUR),
        (books.RECENT_EVENTS, 8 * DAY + 1, None),
        # A stamp that lies ahead of our clock.
        (books.ATTEMPTED, -HOUR, SLOT),
    ],
)
def test_bucket_is_as_wide_as_the_age_allows(figure: str, age: int, width: int | None) -> None:
    # 13:57:21 lies 57 minutes into its hour.
    at = MIDNIGHT + 13 * HOUR + 57 * 60 + 21

    bucket = place(figure, at, at + age)

    assert (
        bucket
        == {
            SLOT: MIDNIGHT + 13 * HOUR + 55 * 60,
            HOUR: MIDNIGHT + 13 * HOUR,
            DAY: MIDNIGHT,
            None: None,
        }[width]
    )


def test_bucket_begins_with_its_first_second() -> None:
    assert place(books.ATTEMPTED, MIDNIGHT + 299.9, MIDNIGHT + 300) == MIDNIGHT
    assert place(books.ATTEMPTED, MIDNIGHT + 300, MIDNIGHT + 300) == MIDNIGHT + 300


@pytest.mark.parametrize(
    ("seconds", "label"),
    [
        (0, "1.0"),
        (1, "1.0"),
        (1.001, "2.0"),
        (5, "5.0"),
        (30.5, "60.0"),
        (301, "1800.0"),
        (86_400, "86400.0"),
        (86_400.5, "+Inf"),
    ],
)
def test_duration_is_at_most_the_bound_of_its_bucket(seconds: float, label: str) -> None:
    assert le(books.LAG_BOUNDS, seconds) == label


def test_histogram_keeps_its_sum_in_whole_milliseconds() -> None:
    tally: Tally = Tally(int)

    observe_lags(tally, [("100", seconds, 1_000_000_000.5) for seconds in (0.0004, 1.2346, 3.0, 100_000.0)])

    assert tally == {
        (books.WEBHOOK_LAG, "100", "", "1.0", FOR_EVER): 1,
        (books.WEBHOOK_LAG, "100", "", "2.0", FOR_EVER): 1,
        (books.WEBHOOK_LAG, "100", "", "5.0", FOR_EVER): 1,
        (books.WEBHOOK_LAG, "100", "", "+Inf", FOR_EVER): 1,
        (books.WEBHOOK_LAG, "100", "", "sum_ms", FOR_EVER): 100_004_235,
        (books.RECENT_LAGS, "100", "", "1.0", 999_999_900): 1,
        (books.RECENT_LAGS, "100", "", "2.0", 999_999_900): 1,
        (books.RECENT_LAGS, "100", "", "5.0", 999_999_900): 1,
        (books.RECENT_LAGS, "100", "", "+Inf", 999_999_900): 1,
    }


# --- sums -------------------------------------------------------------------------------------------------------------

SENT_KEY = (books.STATUSES, "100", "200", "sent", FOR_EVER)
READ_KEY = (books.STATUSES, "100", "200", "read", FOR_EVER)


def test_totals_add_up() -> None:
    of = Books({SENT_KEY: 5})

    of.apply({SENT_KEY: 2, READ_KEY: 1})

    assert of.totals == {SENT_KEY: 7, READ_KEY: 1}


def test_changed_totals_are_told_once() -> None:
    of = Books({SENT_KEY: 5, READ_KEY: 1})
    at_the_start = of.changed_totals()

    of.apply({SENT_KEY: 2})

    assert at_the_start == {SENT_KEY: 5, READ_KEY: 1}
    assert of.changed_totals() == {SENT_KEY: 7}
    assert of.changed_totals() == {}


def test_windows_that_changed_are_told_once() -> None:
    of = kept((books.OPEN, 0, 1))
    at_the_start = of.touched()

    of.apply({SENT_KEY: 1, (books.RECENT_LAGS, "100", "", "1.0", MIDNIGHT): 1})

    assert at_the_start == {NUMBER}
    assert of.touched() == {("100", "")}
    assert of.touched() == set()


def test_sums_over_all_time_are_nobodys_window() -> None:
    assert list(Books({SENT_KEY: 1}).whose()) == []


def test_new_books_are_empty() -> None:
    of = Books()

    assert (of.totals, of.changed_totals(), of.touched(), list(of.whose())) == ({}, {}, set(), [])
    assert of.windowed(*NUMBER, books.OPEN, since=0) == 0
    assert of.by_label(*NUMBER, books.RECENT_CODES, since=0) == {}
    assert of.buckets(*NUMBER, books.OPEN) == []
    assert of.compaction(MIDNIGHT) == {}


@pytest.mark.parametrize(
    ("since", "until", "total"),
    [(0, None, 111), (1, None, 110), (300, None, 110), (301, None, 100), (0, 600, 11), (0, 601, 111), (300, 600, 10)],
)
def test_window_has_the_buckets_that_begin_in_it(since: int, until: int | None, total: int) -> None:
    of = kept((books.OPEN, 0, 1), (books.OPEN, 300, 10), (books.OPEN, 600, 100), (books.ATTEMPTED, 0, 7))

    end = None if until is None else MIDNIGHT + until
    assert of.windowed(*NUMBER, books.OPEN, since=MIDNIGHT + since, until=end) == total


def test_windows_of_others_are_not_ours() -> None:
    of = Books({(books.OPEN, "100", "201", "", MIDNIGHT): 1, (books.OPEN, "101", "200", "", MIDNIGHT): 1})

    assert of.windowed(*NUMBER, books.OPEN, since=0) == 0
    assert set(of.whose()) == {("100", "201"), ("101", "200")}


def test_labels_are_summed_apart_and_empty_ones_left_out() -> None:
    of = Books(booked((books.RECENT_CODES, 0, 2), (books.RECENT_CODES, 300, 3), label="131026"))
    of.apply(booked((books.RECENT_CODES, 0, 1), label="131042"))
    of.apply(booked((books.OPEN, 300, 4)))

    assert of.by_label(*NUMBER, books.RECENT_CODES, since=MIDNIGHT) == {"131026": 5, "131042": 1}
    assert of.by_label(*NUMBER, books.RECENT_CODES, since=MIDNIGHT + 300) == {"131026": 3}


def test_buckets_are_told_in_order() -> None:
    of = kept((books.RECENT_EVENTS, 7200, 1), (books.RECENT_EVENTS, 0, 1), (books.RECENT_EVENTS, 3600, 1))

    assert buckets(of, books.RECENT_EVENTS) == [0, 3600, 7200]


def test_bucket_that_came_to_nothing_is_gone() -> None:
    of = kept((books.OPEN, 0, 2), (books.OPEN, 300, 1))

    of.apply(booked((books.OPEN, 0, -2)))

    assert buckets(of, books.OPEN) == [300]


def test_sum_may_be_below_nothing_for_a_while() -> None:
    """The message was open in a narrow bucket, its delivery was booked in the wide one of its age."""
    of = kept((books.OPEN, 3300, 1))

    of.apply(booked((books.OPEN, 0, -1)))

    assert of.windowed(*NUMBER, books.OPEN, since=MIDNIGHT + 300, until=MIDNIGHT + 3600) == 1
    assert of.windowed(*NUMBER, books.OPEN, since=MIDNIGHT, until=MIDNIGHT + 300) == -1
    compacted(of, 5 * HOUR)
    assert buckets(of, books.OPEN) == []


def test_books_taken_up_again_from_what_was_stored_are_the_same() -> None:
    stored: Counter[TallyKey] = Counter()
    of = Books()
    for tally in (booked((books.OPEN, 300, 3)), booked((books.OPEN, 600, 2)), {SENT_KEY: 5}):
        of.apply(tally)
        stored.update(tally)
    stored.update(compacted(of, 4 * HOUR))

    again = Books(stored)

    assert again.totals == of.totals
    assert buckets(again, books.OPEN) == buckets(of, books.OPEN) == [0]
    assert again.windowed(*NUMBER, books.OPEN, since=0) == 5


# --- what ages --------------------------------------------------------------------------------------------------------


def test_young_buckets_stay() -> None:
    of = kept((books.ATTEMPTED, 0, 1), (books.ATTEMPTED, HOUR, 1))

    assert compacted(of, 2 * HOUR) == {}


@pytest.mark.parametrize(("now", "left"), [(2 * HOUR + 600, [300]), (2 * HOUR + 601, [0])])
def test_narrow_bucket_moves_when_its_youngest_moment_is_two_hours_old(now: int, left: list[int]) -> None:
    of = kept((books.ATTEMPTED, 300, 4))

    compacted(of, now)

    assert buckets(of, books.ATTEMPTED) == left
    assert of.windowed(*NUMBER, books.ATTEMPTED, since=0) == 4


def test_narrow_buckets_of_an_hour_come_together() -> None:
    of = kept(
        (books.ATTEMPTED, 0, 1), (books.ATTEMPTED, 300, 2), (books.ATTEMPTED, 3300, 4), (books.ATTEMPTED, 3600, 8)
    )

    tally = compacted(of, 4 * HOUR)

    assert {key[4] - MIDNIGHT: amount for key, amount in tally.items()} == {0: 6, 300: -2, 3300: -4}
    assert buckets(of, books.ATTEMPTED) == [0, 3600]
    assert of.windowed(*NUMBER, books.ATTEMPTED, since=MIDNIGHT, until=MIDNIGHT + HOUR) == 7
    assert compacted(of, 4 * HOUR) == {}


def test_labels_move_each_for_itself() -> None:
    of = Books(booked((books.RECENT_CODES, 300, 2), label="131026"))
    of.apply(booked((books.RECENT_CODES, 600, 3), label="131042"))

    compacted(of, 4 * HOUR)

    assert of.by_label(*NUMBER, books.RECENT_CODES, since=0) == {"131026": 2, "131042": 3}
    assert of.by_label(*NUMBER, books.RECENT_CODES, since=MIDNIGHT + 1) == {}


@pytest.mark.parametrize(
    ("figure", "last"),
    [
        (books.ATTEMPTED, 26 * HOUR + SLOT),
        (books.RECENT_CODES, 26 * HOUR + SLOT),
        (books.RECENT_LAGS, 2 * HOUR + SLOT),
        (books.RECENT_OPT_OUTS, 26 * HOUR + SLOT),
        (books.RECENT_EVENTS, 8 * DAY + SLOT),
        (books.OPEN, 31 * DAY + SLOT),
    ],
)
def test_what_is_older_than_every_window_is_dropped(figure: str, last: int) -> None:
    of = kept((figure, 0, 5))
    compacted(of, last)
    stayed = of.windowed(*NUMBER, figure, since=0)

    compacted(of, last + 1)

    assert stayed == 5
    assert of.windowed(*NUMBER, figure, since=0) == 0


def test_open_messages_go_from_hours_into_days() -> None:
    of = kept((books.OPEN, HOUR, 1), (books.OPEN, 2 * HOUR, 2))

    compacted(of, 40 * HOUR)

    assert buckets(of, books.OPEN) == [0]
    assert of.windowed(*NUMBER, books.OPEN, since=0) == 3


def test_windows_that_are_empty_vanish() -> None:
    of = Books(booked((books.RECENT_CODES, 0, 1), label="131026"))
    compacted(of, 40 * HOUR)

    compacted(of, 40 * HOUR)

    assert list(of.whose()) == []


def test_compaction_takes_so_many_windows_a_call_and_each_in_its_turn() -> None:
    of = Books({(books.ATTEMPTED, "100", str(number), "", MIDNIGHT + 300): 1 for number in range(5)})
    moved: list[list[str]] = []

    for _ in range(4):
        tally = of.compaction(MIDNIGHT + 4 * HOUR, limit=2)
        of.apply(tally)
        moved.append(sorted({key[2] for key in tally}))

    assert moved == [["0", "1"], ["2", "3"], ["4"], []]


def test_window_that_vanished_while_it_waited_is_passed_over() -> None:
    of = Books({(books.ATTEMPTED, "100", str(number), "", MIDNIGHT): 1 for number in range(2)})
    of.compaction(MIDNIGHT, limit=1)
    of.apply({(books.ATTEMPTED, "100", "1", "", MIDNIGHT): -1})

    assert of.compaction(MIDNIGHT, limit=1) == {}
    assert set(of.whose()) == {("100", "0")}
    assert of.compaction(MIDNIGHT, limit=1) == {}


FIGURES = [books.ATTEMPTED, books.FAILED_MESSAGES, books.OPEN, books.RECENT_OPT_OUTS]
NOW = MIDNIGHT + 40 * DAY + 10 * HOUR + 1234


@st.composite
def additions(draw: st.DrawFn) -> Mapping[TallyKey, int]:
    """Messages of any age, each booked as it was when it came, and never compacted since."""
    tally: Counter[TallyKey] = Counter()
    for _ in range(draw(st.integers(0, 20))):
        figure = draw(st.sampled_from(FIGURES))
        at = NOW - draw(st.integers(0, 33 * DAY))
        bucket = place(figure, at, at + draw(st.integers(0, 3 * HOUR)))
        assert bucket is not None
        tally[figure, *NUMBER, "", bucket] += draw(st.integers(1, 9))
    return tally


@given(additions())
def test_compaction_changes_no_window_that_is_asked_for(tally: Mapping[TallyKey, int]) -> None:
    of = Books(tally)
    # The hour begins with a whole five minutes, the day with a whole hour.
    starts = [(NOW - HOUR) // SLOT * SLOT, (NOW - DAY) // HOUR * HOUR]
    before = [of.windowed(*NUMBER, figure, since=start) for figure in FIGURES for start in starts]

    of.apply(of.compaction(NOW))

    assert [of.windowed(*NUMBER, figure, since=start) for figure in FIGURES for start in starts] == before
    of.apply(of.compaction(NOW))
    assert of.compaction(NOW) == {}
