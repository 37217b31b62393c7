import random
from datetime import timedelta

from tests.fakes import FakeClock
from wamon.notify.pace import LONGEST_BACKOFF, Bucket, Rest, asked_wait, backoff

SECOND = timedelta(seconds=1)


def test_bucket_lets_a_burst_go_and_then_one_at_a_time() -> None:
    clock = FakeClock()
    bucket = Bucket(clock, every=SECOND, burst=3)
    went_at = []

    for _ in range(6):
        clock.advance(bucket.wait().total_seconds())
        bucket.take()
        went_at.append(clock.monotonic() - 1000)

    assert went_at == [0, 0, 0, 1, 2, 3]


def test_bucket_that_was_left_alone_is_empty_and_never_more_than_that() -> None:
    clock = FakeClock()
    bucket = Bucket(clock, every=SECOND, burst=2)
    for _ in range(2):
        bucket.take()
    clock.advance(3600)

    for _ in range(2):
        assert not bucket.wait()
        bucket.take()

    assert bucket.wait() == SECOND


def test_step_of_the_wall_clock_changes_no_pace() -> None:
    clock = FakeClock()
    bucket = Bucket(clock, every=SECOND, burst=1)
    bucket.take()

    clock.step(-3600)

    assert bucket.wait() == SECOND


def test_rest_is_as_long_as_the_longest_that_was_asked_for() -> None:
    clock = FakeClock()
    rest = Rest(clock)
    rest.leave_alone(3 * SECOND)
    rest.leave_alone(SECOND)

    clock.advance(2)

    assert rest.left == SECOND
    clock.advance(1)
    assert not rest.left


def test_backoff_grows_to_five_minutes_and_is_anything_below() -> None:
    chance = random.Random(7)
    waits = [[backoff(attempts, chance).total_seconds() for _ in range(200)] for attempts in range(40)]

    assert [round(max(each)) for each in waits[:5]] == [1, 2, 4, 8, 16]
    assert all(0 <= wait <= LONGEST_BACKOFF.total_seconds() for each in waits for wait in each)
    assert min(waits[-1]) < 20
    assert max(waits[-1]) > 280


def test_wait_that_was_asked_for_is_never_cut_short_and_little_longer() -> None:
    chance = random.Random(7)

    waits = [asked_wait(timedelta(seconds=30), chance).total_seconds() for _ in range(200)]

    assert 30 <= min(waits) < 30.1
    assert 30.9 < max(waits) <= 31
