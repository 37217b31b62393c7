"""The arithmetic of flap damping."""

from datetime import timedelta

import pytest

from tests.fakes import START
from wamon.core.flapping import calm_at, faded, half_life

HALF = timedelta(hours=3)


@pytest.mark.parametrize(
    ("keep_firing_for", "expected"),
    [(timedelta(0), timedelta(minutes=30)), (timedelta(minutes=30), HALF)],
)
def test_half_life_is_six_times_the_hold_and_half_an_hour_at_least(
    keep_firing_for: timedelta, expected: timedelta
) -> None:
    assert half_life(keep_firing_for) == expected


def test_penalty_halves_in_a_half_life_and_never_grows_by_a_clock_that_goes_back() -> None:
    assert faded(1000, HALF, HALF) == 500
    assert faded(1000, -HALF, HALF) == 1000


def test_as_fast_as_can_be_it_trips_on_the_fourth_opening() -> None:
    """ALERTING section 3: 1,000; 1,890; 2,690; 3,390 (each half an hour after the one before)."""
    penalty, seen = 0.0, []
    for _ in range(4):
        penalty = faded(penalty, timedelta(minutes=30), HALF) + 1000
        seen.append(round(penalty, -1))

    assert seen == [1000, 1890, 2680, 3390]


@pytest.mark.parametrize(("penalty", "halves"), [(4000, 2), (2000, 1), (1000, 0), (500, 0), (0, 0)])
def test_it_is_calm_when_the_penalty_has_faded_to_a_thousand(penalty: float, halves: int) -> None:
    assert calm_at(penalty, START, HALF) == START + halves * HALF
