"""How a number fared: segments without gaps, told backwards from what is so now."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import START
from tests.picture.stage import number, scene, target, told
from wamon.core.health import Change, Sighting, Signal, Snapshot, Subject, Value
from wamon.core.vocabulary import OTHER
from wamon.picture.lanes import lanes, strip
from wamon.picture.values import Lane, Mood
from wamon.probes.account import NUMBER_CAN_SEND, PHONE_STATUS, QUALITY_RATING

NUMBER = Subject.phone_number("100", "200")
SINCE = START - timedelta(days=30)
DAY = timedelta(days=1)


def change(before: str | None, after: str | None, at: datetime, signal: Signal[Any] = QUALITY_RATING) -> Change:
    return Change(
        signal=cast("Signal[Value]", signal), subject=NUMBER, before=before, after=after, raw=None, at=at, source="poll"
    )


def told_by(*changes: Change, rating: str = "GREEN", status: str = "CONNECTED") -> tuple[Lane, ...]:
    snapshot = scene(*told(target(), number(quality_rating=rating, status=status))).snapshot
    return lanes(snapshot, NUMBER, changes, since=SINCE, until=START)


def spans(lane: Lane) -> list[tuple[str | None, int]]:
    return [(each.text, (each.until - each.since) // DAY) for each in lane.segments]


def test_without_changes_it_was_as_it_is() -> None:
    rating, status, can_send = told_by()

    assert [spans(lane) for lane in (rating, status, can_send)] == [
        [("GREEN", 30)],
        [("CONNECTED", 30)],
        [("AVAILABLE", 30)],
    ]


def test_changes_in_any_order_are_told_in_theirs() -> None:
    changes = (
        change("YELLOW", "RED", START - 3 * DAY),
        change(None, "GREEN", START - 20 * DAY),
        change("GREEN", "YELLOW", START - 10 * DAY),
    )

    rating, *_ = told_by(*changes, rating="RED")

    assert spans(rating) == [(None, 10), ("GREEN", 10), ("YELLOW", 7), ("RED", 3)]
    assert [each.mood for each in rating.segments] == [Mood.UNKNOWN, Mood.GOOD, Mood.WATCH, Mood.BAD]


def test_foreign_word_is_shown_as_meta_said_it() -> None:
    foreign = replace(change("CONNECTED", OTHER, START - 20 * DAY, PHONE_STATUS), raw="HIBERNATING")
    over = change(OTHER, "CONNECTED", START - 10 * DAY, PHONE_STATUS)

    _, found, _ = told_by(foreign, status="HIBERNATING")
    _, gone, _ = told_by(foreign, over)

    assert spans(found) == [("CONNECTED", 10), ("HIBERNATING", 20)]
    assert spans(gone) == [("CONNECTED", 10), ("HIBERNATING", 10), ("CONNECTED", 10)]


def test_strip_is_the_worst_of_each_moment() -> None:
    changes = (
        change("GREEN", "YELLOW", START - 20 * DAY),
        change("YELLOW", "GREEN", START - 10 * DAY),
        change("AVAILABLE", "BLOCKED", START - 15 * DAY, NUMBER_CAN_SEND),
        change("BLOCKED", "AVAILABLE", START - 14 * DAY, NUMBER_CAN_SEND),
    )

    assert [(each.text, (each.until - each.since) // DAY, each.mood) for each in strip(told_by(*changes)).segments] == [
        ("GREEN", 10, Mood.GOOD),
        ("Quality rating YELLOW", 5, Mood.WATCH),
        ("Can send BLOCKED", 1, Mood.BAD),
        ("Quality rating YELLOW", 4, Mood.WATCH),
        ("GREEN", 10, Mood.GOOD),
    ]


@pytest.mark.parametrize("is_first_remembered", [True, False])
def test_webhooks_that_came_in_the_wrong_order_do_not_colour_what_was_before(is_first_remembered: bool) -> None:
    snapshot = Snapshot()
    changes: list[Change] = []
    for value, at in (("GREEN", START - 25 * DAY), ("RED", START - 2 * DAY), ("YELLOW", START - 3 * DAY)):
        sighting = Sighting(
            readings=(QUALITY_RATING.reading(NUMBER, value),), observed_at=at, interval=30 * DAY, source="webhook"
        )
        snapshot, _, own = snapshot.fold(sighting)
        changes.extend(own)
    kept = changes if is_first_remembered else changes[1:]

    rating, *_ = lanes(snapshot, NUMBER, kept, since=START - 20 * DAY, until=START)

    assert spans(rating) == [("GREEN", 18), ("RED", 2)]


def test_strip_of_nothing_is_empty() -> None:
    assert strip(()).segments == ()


@given(
    st.lists(
        st.tuples(st.sampled_from(["GREEN", "RED", None]), st.sampled_from(["GREEN", "RED", None]), st.integers(-5, 40))
    )
)
def test_segments_fill_the_time_without_gap_or_overlap(steps: list[tuple[str | None, str | None, int]]) -> None:
    whole = told_by(*(change(before, after, START - days * DAY) for before, after, days in steps))

    for lane in (*whole, strip(whole)):
        assert lane.segments[0].since == SINCE
        assert lane.segments[-1].until == START
        assert all(a.until == b.since for a, b in zip(lane.segments, lane.segments[1:], strict=False))
        assert all(each.since < each.until for each in lane.segments)
        assert all((a.text, a.mood) != (b.text, b.mood) for a, b in zip(lane.segments, lane.segments[1:], strict=False))
