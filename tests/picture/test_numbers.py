"""The list of numbers: worst first, found by what people type, and the same whatever the order it came in."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.metrics.samples import alert
from tests.picture.stage import number, scene, target, told
from wamon.core import figures
from wamon.core.alerting import Severity
from wamon.core.health import Reading, Subject
from wamon.picture.numbers import listed, number_rows
from wamon.picture.scene import Scene
from wamon.picture.values import Mood, NumberRow, Query, Sort
from wamon.rules.delivery import FAILURE_RATIO, GradedShareParams

MAIN, SOUTH = target(), target("101", name="south")
NUMBERS = (
    *told(
        MAIN,
        number("200"),
        number("201", quality_rating="YELLOW"),
        number("202", quality_rating="RED"),
        number("203", can_send="BLOCKED"),
    ),
    *told(SOUTH, number("300", verified_name="Lucky Shrub"), number("301", can_send="LIMITED")),
)


def ratios(number_id: str, failed: float, bounced: float, attempted: float) -> tuple[Reading, ...]:
    subject = Subject.phone_number("100", number_id)
    return (
        figures.MESSAGES_ATTEMPTED.reading(subject, {"1h": 1.0, "24h": attempted}),
        figures.MESSAGES_FAILED.reading(subject, {"1h": 0.0, "24h": attempted * failed}),
        figures.FAILURE_RATIO.reading(subject, {"24h": failed}),
        figures.BOUNCE_RATIO.reading(subject, {"24h": bounced}),
    )


def rows(*more: Reading) -> tuple[NumberRow, ...]:
    return number_rows(scene(*NUMBERS, *more, accounts=(MAIN, SOUTH)))


def ids(of: tuple[NumberRow, ...], query: Query) -> list[str]:
    return [row.phone_number_id for row in listed(of, query).rows]


def only(of: Scene) -> NumberRow:
    (row,) = number_rows(of)
    return row


def test_worst_stands_first_and_what_cannot_send_before_all() -> None:
    assert ids(rows(), Query()) == ["203", "202", "201", "301", "200", "300"]


def test_what_fails_most_stands_first_among_equals() -> None:
    failing = rows(*ratios("200", 0.04, 0.0, 100))

    assert ids(failing, Query())[-2:] == ["200", "300"]
    assert ids(failing, Query(sort=Sort.FAILURES))[0] == "200"


@given(st.permutations(range(6)), st.sampled_from(Sort), st.booleans(), st.integers(1, 7))
def test_pages_together_are_every_number_once_in_one_order(
    order: list[int], sort: Sort, is_reversed: bool, page_size: int
) -> None:
    of = rows(*ratios("201", 0.1, 0.05, 70), *ratios("202", 0.1, 0.01, 700))
    query = Query(sort=sort, is_reversed=is_reversed, page_size=page_size)

    shuffled = tuple(of[place] for place in order)
    turned = [
        number_id
        for page in range(1, listed(shuffled, query).pages + 1)
        for number_id in ids(shuffled, replace(query, page=page))
    ]

    assert turned == ids(of, replace(query, page_size=6))


@given(
    st.sampled_from(["GREEN", "UNKNOWN", "NA", "FOREIGN"]),
    st.sampled_from([None, "CONNECTED", "FOREIGN"]),
    st.sampled_from([None, "AVAILABLE", "FOREIGN"]),
    st.integers(0, 300),
)
def test_number_is_good_only_while_status_and_sending_are_known_to_be(
    rating: str, status: str | None, can_send: str | None, minutes: int
) -> None:
    told_now = told(MAIN, number(quality_rating=rating, status=status, can_send=can_send))
    row = only(scene(*told_now, later=timedelta(minutes=minutes)))

    if row.mood is Mood.GOOD:
        assert (row.status.text, row.can_send.text, row.is_stale) == ("CONNECTED", "AVAILABLE", False)
    assert all(each.mood is Mood.UNKNOWN for each in (row.rating, row.status, row.can_send) if each.text is None)


@pytest.mark.parametrize("sort", Sort)
def test_order_is_the_same_for_the_same_numbers(sort: Sort) -> None:
    of = rows(*ratios("201", 0.1, 0.05, 70), *ratios("202", 0.1, 0.01, 700))
    shuffled = list(of)
    random.Random(7).shuffle(shuffled)

    assert ids(tuple(shuffled), Query(sort=sort)) == ids(of, Query(sort=sort))
    assert ids(of, Query(sort=sort, is_reversed=True)) == ids(of, Query(sort=sort))[::-1]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("lucky", ["300"]),
        ("SHOP 101", ["301", "300"]),
        ("+1 (555) 000-203", ["203"]),
        ("555000202", ["202"]),
        ("301", ["301"]),
        ("jasper 202", ["202"]),
        ("nobody", []),
    ],
)
def test_text_is_found_in_number_name_account_and_ids(text: str, found: list[str]) -> None:
    assert ids(rows(), Query(text=text)) == found


def test_filters_by_account_and_mood_and_counts_what_is_left() -> None:
    page = listed(rows(), Query(waba_id="100", moods=frozenset({Mood.BAD})))

    assert [row.phone_number_id for row in page.rows] == ["203", "202"]
    assert (page.total, page.of) == (2, 6)
    # The counts of the other moods stay, so that people see where to look.
    assert page.moods == {Mood.BAD: 2, Mood.WATCH: 1, Mood.GOOD: 1}


@pytest.mark.parametrize(("page", "shown"), [(1, (1, 2)), (3, (3, 2)), (9, (3, 2)), (-4, (1, 2))])
def test_page_beyond_the_last_is_the_last(page: int, shown: tuple[int, int]) -> None:
    found = listed(rows(), Query(page=page, page_size=2))

    assert (found.page, len(found.rows), found.pages) == (*shown, 3)


def test_nothing_found_is_one_empty_page() -> None:
    found = listed(rows(), Query(text="nobody"))

    assert (found.rows, found.page, found.pages, found.total) == ((), 1, 1, 0)


# --- one row ----------------------------------------------------------------------------------------------------------


def test_row_has_what_is_known_and_when_it_was_seen() -> None:
    row = only(scene(*told(MAIN, number()), *ratios("200", 0.02, 0.01, 100)))

    assert (row.rating.text, row.rating.mood, row.can_send.text) == ("GREEN", Mood.GOOD, "AVAILABLE")
    assert (row.attempted, row.failed, row.failure_ratio, row.bounce_ratio) == (100, 2, 0.02, 0.01)
    assert (row.account, row.display_phone_number) == ("Shop 100", "+1 555 000 200")
    assert not row.is_stale
    assert row.rating.known_by == "poll"


def test_what_is_too_old_is_unknown_and_says_what_it_was() -> None:
    row = only(scene(*told(MAIN, number(quality_rating="RED")), later=timedelta(hours=1)))

    assert (row.mood, row.is_stale) == (Mood.UNKNOWN, True)
    assert (row.rating.text, row.rating.last, row.rating.is_stale) == (None, "RED", True)


def test_alert_makes_a_number_worse_than_its_readings() -> None:
    subject = Subject.sender("100", "phone_number", "200")
    row = only(scene(*told(MAIN, number()), alerts=[alert(severity=Severity.WARNING, subject=subject)]))

    assert (row.mood, row.open_alerts, row.severity) == (Mood.WATCH, 1, Severity.WARNING)


def messages(attempted: tuple[int, int], failed: tuple[int, int], bounced: tuple[int, int]) -> tuple[Reading, ...]:
    """Each in the last hour and in the last day."""
    told_so = ((figures.MESSAGES_ATTEMPTED, attempted), (figures.MESSAGES_FAILED, failed))
    return tuple(
        signal.reading(Subject.phone_number("100", "200"), {"1h": float(hour), "24h": float(day)})
        for signal, (hour, day) in (*told_so, (figures.MESSAGES_BOUNCED, bounced))
    )


@pytest.mark.parametrize(
    ("counted", "mood"),
    [
        (messages((4, 100), (1, 21), (0, 0)), Mood.WATCH),
        (messages((4, 200), (1, 21), (1, 21)), Mood.WATCH),
        # Ten of two hundred may be chance, and so may whatever of a few.
        (messages((4, 200), (0, 10), (0, 0)), Mood.GOOD),
        (messages((4, 40), (1, 40), (0, 0)), Mood.GOOD),
        # Of the last hour's messages none fails any more.
        (messages((60, 200), (0, 80), (0, 0)), Mood.GOOD),
        (messages((60, 200), (2, 80), (0, 0)), Mood.WATCH),
    ],
)
def test_number_whose_messages_fail_is_to_be_looked_at_until_they_do_not(
    counted: tuple[Reading, ...], mood: Mood
) -> None:
    assert only(scene(*told(MAIN, number()), *counted)).mood is mood


def test_row_says_whether_messages_fail_or_bounce() -> None:
    failing, bouncing = (
        only(scene(*told(MAIN, number()), *counted))
        for counted in (messages((4, 100), (1, 21), (0, 0)), messages((4, 200), (1, 21), (1, 21)))
    )

    assert (failing.is_failing, failing.is_bouncing) == (True, False)
    assert (bouncing.is_failing, bouncing.is_bouncing) == (False, True)


def test_messages_are_judged_by_the_rules_as_they_are_configured() -> None:
    counted = messages((4, 100), (1, 21), (0, 0))
    usual = scene(*told(MAIN, number()), *counted)
    params = GradedShareParams(warning_ratio=0.5, critical_ratio=0.9, clears_ratio=0.4, min_messages=50)
    patient = replace(FAILURE_RATIO, params=params)

    off = only(replace(usual, rules={}))
    later = only(replace(usual, rules={patient.name: patient}))

    assert (off.mood, later.mood) == (Mood.GOOD, Mood.GOOD)


def test_word_that_wamon_does_not_know_is_shown_as_meta_said_it() -> None:
    row = only(scene(*told(MAIN, number(status="HIBERNATING"))))

    assert (row.status.text, row.status.mood) == ("HIBERNATING", Mood.UNKNOWN)


def test_without_webhooks_no_message_is_counted() -> None:
    row = only(scene(*told(MAIN, number()), *ratios("200", 0.0, 0.0, 0.0), is_receiving=False))

    assert (row.attempted, row.failed) == (None, None)
