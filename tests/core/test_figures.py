"""What the books say at a moment: each figure by numbers that were worked out by hand."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wamon.core import books
from wamon.core.books import DAY, HOUR, Books, TallyKey
from wamon.core.figures import (
    ACTIVE_SECONDS,
    BOUNCE_RATIO,
    DELIVERY_PACE,
    FAILURE_RATIO,
    HARD_BOUNCE_RATIO,
    LAST_EVENT,
    LONGEST_GAP,
    MESSAGES_ATTEMPTED,
    MESSAGES_BOUNCED,
    MESSAGES_FAILED,
    MESSAGES_OPEN,
    MESSAGES_SENT,
    RECEIVER_TALLY,
    RECENT_FAILURES,
    RIPE,
    SIGNALS,
    SOFT_BOUNCE_RATIO,
    WABA_RECENT_FAILURES,
    quantile,
    readings,
    wilson_lower_bound,
)
from wamon.core.health import Signal, Subject

NUMBER = Subject.phone_number("100", "200")
WABA = Subject.waba("100")
MIDNIGHT = 20_776 * DAY
# 10:02:30: the hour's window begins at 09:00, the day's at 10:00 of the day before, the quarter's at 09:45.
NOW = MIDNIGHT + 10 * HOUR + 150

NUMBERS_SIGNALS = (
    MESSAGES_ATTEMPTED,
    MESSAGES_FAILED,
    MESSAGES_BOUNCED,
    FAILURE_RATIO,
    BOUNCE_RATIO,
    HARD_BOUNCE_RATIO,
    SOFT_BOUNCE_RATIO,
    MESSAGES_OPEN,
    MESSAGES_SENT,
    RECENT_FAILURES,
)
WABAS_SIGNALS = (WABA_RECENT_FAILURES, DELIVERY_PACE, ACTIVE_SECONDS, LONGEST_GAP)


def row(
    figure: str,
    clock: str,
    amount: int,
    *,
    days_ago: int = 0,
    label: str = "",
    number: str = "200",
    waba_id: str = "100",
) -> dict[TallyKey, int]:
    """An addition to the bucket that begins at this time of day; number "" is the WABA as a whole."""
    hour, minute = clock.split(":")
    bucket = MIDNIGHT - days_ago * DAY + int(hour) * HOUR + int(minute) * 60
    return {(figure, waba_id, number, label, bucket): amount}


def kept(*rows: dict[TallyKey, int]) -> Books:
    of = Books()
    for each in rows:
        of.apply(each)
    return of


def said(of: Books, signal: Signal[Any], subject: Subject = NUMBER) -> Any:
    found = [r.value for r in readings(of, [("100", "200")], NOW) if (r.signal, r.subject) == (signal, subject)]
    assert len(found) == 1
    return found[0]


# --- whose ------------------------------------------------------------------------------------------------------------


def test_number_and_its_waba_are_told_of() -> None:
    told = [(r.subject, r.signal.name) for r in readings(Books(), [("100", "200")], NOW)]

    assert told == [(NUMBER, signal.name) for signal in NUMBERS_SIGNALS] + [(WABA, s.name) for s in WABAS_SIGNALS]


def test_each_waba_is_told_of_once_after_its_numbers() -> None:
    whose = [("100", "200"), ("101", ""), ("100", "201"), ("100", "")]

    told = [reading.subject for reading in readings(Books(), whose, NOW)]

    assert list(dict.fromkeys(told)) == [NUMBER, Subject.phone_number("100", "201"), WABA, Subject.waba("101")]
    assert len(told) == 2 * len(NUMBERS_SIGNALS) + 2 * len(WABAS_SIGNALS)


def test_figures_of_a_number_without_traffic() -> None:
    none = Books()

    assert said(none, MESSAGES_ATTEMPTED) == {"1h": 0.0, "24h": 0.0}
    assert said(none, MESSAGES_FAILED) == {"1h": 0.0, "24h": 0.0}
    assert said(none, FAILURE_RATIO) is None
    assert said(none, BOUNCE_RATIO) is None
    assert said(none, MESSAGES_OPEN) == {"lt15m": 0.0, "15m_1h": 0.0, "1h_24h": 0.0, "gt24h": 0.0}
    assert said(none, RECENT_FAILURES) == {}
    assert said(none, MESSAGES_BOUNCED) == {"1h": 0.0, "24h": 0.0}
    assert said(none, MESSAGES_SENT) == {RIPE: 0.0}


def test_figures_of_a_waba_without_traffic() -> None:
    none = Books()

    assert said(none, WABA_RECENT_FAILURES, WABA) == {}
    assert said(none, DELIVERY_PACE, WABA) == {
        "attempted_1h": 0.0,
        "attempted_24h": 0.0,
        "opt_outs_24h": 0.0,
        "delivery_count": 0.0,
        "authentication_count": 0.0,
        "lag_count": 0.0,
    }
    assert (said(none, ACTIVE_SECONDS, WABA), said(none, LONGEST_GAP, WABA)) == (0.0, 0.0)


def test_only_the_last_event_is_stored_all_others_are_made_anew() -> None:
    assert [signal for signal in SIGNALS if not signal.is_derived] == [LAST_EVENT]
    assert LAST_EVENT.is_event
    assert set(SIGNALS) == {*NUMBERS_SIGNALS, *WABAS_SIGNALS, LAST_EVENT, RECEIVER_TALLY}


# --- a phone number's -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clock", "days_ago", "windows"),
    [
        ("10:00", 0, {"1h": 7.0, "24h": 7.0}),
        ("09:00", 0, {"1h": 7.0, "24h": 7.0}),
        ("08:55", 0, {"1h": 0.0, "24h": 7.0}),
        ("10:00", 1, {"1h": 0.0, "24h": 7.0}),
        ("09:00", 1, {"1h": 0.0, "24h": 0.0}),
    ],
)
def test_hour_and_day_begin_with_a_whole_bucket(clock: str, days_ago: int, windows: dict[str, float]) -> None:
    of = kept(
        row(books.ATTEMPTED, clock, 7, days_ago=days_ago), row(books.FAILED_MESSAGES, clock, 7, days_ago=days_ago)
    )

    assert said(of, MESSAGES_ATTEMPTED) == windows
    assert said(of, MESSAGES_FAILED) == windows


def test_ratios_of_both_windows() -> None:
    # The hour: 10 of 100 failed, 4 hard and 1 soft. The day: 20 of 400 failed, 6 hard and 4 soft.
    of = kept(
        row(books.ATTEMPTED, "09:30", 100),
        row(books.FAILED_MESSAGES, "09:30", 10),
        row(books.HARD_BOUNCED, "09:30", 4),
        row(books.SOFT_BOUNCED, "09:30", 1),
        row(books.ATTEMPTED, "22:00", 300, days_ago=1),
        row(books.FAILED_MESSAGES, "22:00", 10, days_ago=1),
        row(books.HARD_BOUNCED, "22:00", 2, days_ago=1),
        row(books.SOFT_BOUNCED, "22:00", 3, days_ago=1),
    )

    assert said(of, FAILURE_RATIO) == {"1h": 0.10, "24h": 0.05}
    assert said(of, BOUNCE_RATIO) == {"1h": 0.05, "24h": 0.025}
    assert said(of, HARD_BOUNCE_RATIO) == {"1h": 0.04, "24h": 0.015}
    assert said(of, SOFT_BOUNCE_RATIO) == {"1h": 0.01, "24h": 0.01}
    assert said(of, MESSAGES_BOUNCED) == {"1h": 5.0, "24h": 10.0}


@pytest.mark.parametrize(
    ("hour", "day", "ratio"),
    [(49, 0, None), (50, 0, {"1h": 0.0, "24h": 0.0}), (49, 1, {"24h": 0.0}), (0, 50, {"24h": 0.0}), (0, 0, None)],
)
def test_ratio_needs_fifty_messages_in_its_window(hour: int, day: int, ratio: dict[str, float] | None) -> None:
    of = kept(row(books.ATTEMPTED, "09:30", hour), row(books.ATTEMPTED, "22:00", day, days_ago=1))

    assert said(of, FAILURE_RATIO) == ratio
    assert said(of, SOFT_BOUNCE_RATIO) == ratio


@pytest.mark.parametrize(
    ("clock", "days_ago", "age"),
    [
        ("10:00", 0, "lt15m"),
        ("09:45", 0, "lt15m"),
        ("09:40", 0, "15m_1h"),
        ("09:00", 0, "15m_1h"),
        ("08:55", 0, "1h_24h"),
        ("10:00", 1, "1h_24h"),
        ("09:00", 1, "gt24h"),
        ("00:00", 20, "gt24h"),
    ],
)
def test_open_messages_are_told_by_their_age(clock: str, days_ago: int, age: str) -> None:
    of = kept(row(books.OPEN, clock, 3, days_ago=days_ago))

    assert said(of, MESSAGES_OPEN) == {"lt15m": 0.0, "15m_1h": 0.0, "1h_24h": 0.0, "gt24h": 0.0} | {age: 3.0}


def test_codes_of_the_last_hour_are_told() -> None:
    of = kept(
        row(books.RECENT_CODES, "09:00", 2, label="131026"),
        row(books.RECENT_CODES, "10:00", 3, label="131026"),
        row(books.RECENT_CODES, "10:00", 1, label="other"),
        row(books.RECENT_CODES, "08:55", 9, label="131042"),
        row(books.RECENT_CODES, "10:00", 9, label="131048", number="201"),
    )

    assert said(of, RECENT_FAILURES) == {"131026": 5.0, "other": 1.0}


@pytest.mark.parametrize(
    ("clock", "is_ripe"), [("08:55", False), ("09:00", True), ("09:40", True), ("09:45", False), ("10:00", False)]
)
def test_ripe_messages_were_sent_a_quarter_of_an_hour_to_an_hour_ago(clock: str, is_ripe: bool) -> None:
    of = kept(row(books.SENT_MESSAGES, clock, 8), row(books.OPEN, clock, 3))

    found = said(of, MESSAGES_SENT)[RIPE], said(of, MESSAGES_OPEN)[RIPE]

    assert found == ((8.0, 3.0) if is_ripe else (0.0, 0.0))


def test_sums_that_are_below_nothing_for_a_while_are_told_as_nothing() -> None:
    of = kept(
        row(books.ATTEMPTED, "09:30", -1),
        row(books.FAILED_MESSAGES, "09:30", -2),
        row(books.HARD_BOUNCED, "09:30", -1),
        row(books.SENT_MESSAGES, "09:30", -1),
        row(books.OPEN, "09:30", -1),
    )

    assert said(of, MESSAGES_ATTEMPTED) == {"1h": 0.0, "24h": 0.0}
    assert said(of, MESSAGES_FAILED) == {"1h": 0.0, "24h": 0.0}
    assert set(said(of, MESSAGES_OPEN).values()) == {0.0}
    assert said(of, MESSAGES_BOUNCED) == {"1h": 0.0, "24h": 0.0}
    assert said(of, MESSAGES_SENT) == {RIPE: 0.0}


# --- a WABA's ---------------------------------------------------------------------------------------------------------


def test_figures_of_a_waba_are_those_of_all_its_numbers() -> None:
    of = kept(
        row(books.ATTEMPTED, "09:30", 10),
        row(books.ATTEMPTED, "09:30", 20, number="201"),
        row(books.ATTEMPTED, "22:00", 300, number="201", days_ago=1),
        row(books.ATTEMPTED, "09:30", 5000, waba_id="101"),
        row(books.RECENT_OPT_OUTS, "10:00", 1),
        row(books.RECENT_OPT_OUTS, "10:00", 2, number="201", days_ago=1),
        row(books.RECENT_OPT_OUTS, "09:00", 4, number="201", days_ago=1),
        row(books.RECENT_CODES, "09:30", 1, label="131042"),
        row(books.RECENT_CODES, "09:30", 2, label="131042", number="201"),
        row(books.RECENT_CODES, "08:55", 9, label="131042", number="201"),
        row(books.RECENT_CODES, "09:30", 9, label="131048", waba_id="101"),
    )

    pace = said(of, DELIVERY_PACE, WABA)

    assert (pace["attempted_1h"], pace["attempted_24h"], pace["opt_outs_24h"]) == (30.0, 330.0, 3.0)
    assert said(of, WABA_RECENT_FAILURES, WABA) == {"131042": 3.0}


@pytest.mark.parametrize(
    ("figure", "name"),
    [
        (books.RECENT_DELIVERIES, "delivery"),
        (books.RECENT_AUTHENTICATION, "authentication"),
        (books.RECENT_LAGS, "lag"),
    ],
)
def test_pace_is_that_of_the_last_minutes(figure: str, name: str) -> None:
    # 90 within 1 s, 10 within 30 to 60 s: the 95th of 100 is half way through the latter.
    of = kept(
        row(figure, "09:55", 90, label="1.0", number=""),
        row(figure, "10:00", 10, label="60.0", number=""),
        row(figure, "09:50", 1000, label="+Inf", number=""),
        row(figure, "10:00", 1000, label="+Inf", number="", waba_id="101"),
    )

    pace = said(of, DELIVERY_PACE, WABA)

    assert (pace[f"{name}_count"], pace[f"{name}_p95"]) == (100.0, 45.0)
    assert [key for key in pace if key.endswith("_p95")] == [f"{name}_p95"]


def test_habit_is_the_hours_with_webhooks_and_the_longest_pause_between_them() -> None:
    of = kept(
        row(books.RECENT_EVENTS, "10:00", 5, number=""),
        row(books.RECENT_EVENTS, "08:00", 5, number=""),
        row(books.RECENT_EVENTS, "20:00", 5, number="", days_ago=1),
        # 10:02:30 a week ago: the hour that began at 11:00 is in the week, that of 10:00 is not.
        row(books.RECENT_EVENTS, "11:00", 5, number="", days_ago=7),
        row(books.RECENT_EVENTS, "10:00", 5, number="", days_ago=7),
    )

    # From 11:00 seven days ago to 20:00 yesterday are six days and nine hours.
    assert (said(of, ACTIVE_SECONDS, WABA), said(of, LONGEST_GAP, WABA)) == (4 * 3600.0, (6 * 24 + 9) * 3600.0)


def test_hours_of_a_clock_that_was_ahead_are_no_habit() -> None:
    of = kept(
        row(books.RECENT_EVENTS, "10:00", 5, number=""),
        row(books.RECENT_EVENTS, "10:00", 5, number="", days_ago=-30),
    )

    assert (said(of, ACTIVE_SECONDS, WABA), said(of, LONGEST_GAP, WABA)) == (3600.0, 0.0)


def test_single_hour_has_no_pause() -> None:
    of = kept(row(books.RECENT_EVENTS, "10:00", 5, number=""))

    assert (said(of, ACTIVE_SECONDS, WABA), said(of, LONGEST_GAP, WABA)) == (3600.0, 0.0)


# --- quantile ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("q", "counts", "seconds"),
    [
        (0.5, {"1.0": 10}, 0.5),
        (1.0, {"1.0": 10}, 1.0),
        (0.0, {"5.0": 10}, 1.0),
        (0.5, {"1.0": 1, "5.0": 1}, 1.0),
        (0.75, {"1.0": 1, "5.0": 1}, 3.0),
        (0.95, {"1.0": 90, "5.0": 10}, 3.0),
        (0.95, {"1.0": 90, "+Inf": 10}, 10.0),
        (0.90, {"1.0": 90, "+Inf": 10}, 1.0),
        (0.5, {"+Inf": 1}, 10.0),
        (0.5, {"10.0": 4}, 7.5),
        (0.5, {"1.0": 0, "10.0": 4}, 7.5),
    ],
)
def test_quantile_is_linear_within_its_bucket(q: float, counts: dict[str, int], seconds: float) -> None:
    assert quantile(q, counts, (1, 5, 10)) == pytest.approx(seconds)


@pytest.mark.parametrize("counts", [{}, {"1.0": 0}])
def test_nothing_has_no_quantile(counts: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="quantile of nothing"):
        quantile(0.95, counts, (1, 5, 10))


@given(
    st.dictionaries(st.sampled_from(["1.0", "5.0", "10.0", "+Inf"]), st.integers(1, 1000), min_size=1),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_quantile_never_falls_as_it_rises(counts: dict[str, int], one: float, other: float) -> None:
    lower, upper = sorted((one, other))

    assert 0 <= quantile(lower, counts, (1, 5, 10)) <= quantile(upper, counts, (1, 5, 10)) + 1e-9 <= 10 + 1e-9


# --- Wilson's bound ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hits", "total", "bound"),
    [
        # By bisection of the equation that defines it: (share - p)^2 = z^2 p (1 - p) / n.
        (0, 0, 0.0),
        (0, 10, 0.0),
        (1, 2, 0.094529),
        (5, 10, 0.236590),
        (10, 10, 0.722460),
        (1, 100, 0.001767),
        (50, 100, 0.403830),
        (9, 100, 0.048072),
        (10, 100, 0.055229),
        (1300, 26000, 0.047417),
    ],
)
def test_wilson_lower_bound_is_the_least_believable_share(hits: int, total: int, bound: float) -> None:
    assert wilson_lower_bound(hits, total) == pytest.approx(bound, abs=1e-6)


def test_weaker_claim_is_nearer_to_the_share() -> None:
    assert wilson_lower_bound(5, 10, z=1.0) > wilson_lower_bound(5, 10)
    assert wilson_lower_bound(5, 10, z=0.0) == 0.5


@given(st.integers(0, 10_000), st.integers(1, 10_000))
def test_wilson_lower_bound_lies_between_nothing_and_the_share(hits: int, total: int) -> None:
    hits = min(hits, total)

    assert 0 <= wilson_lower_bound(hits, total) <= hits / total + 1e-12
