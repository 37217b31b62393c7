"""The hourly quotas."""

from tests.fakes import FakeClock
from wamon.sim.quota import Quota


def test_call_over_the_limit_says_when_the_next_is_welcome() -> None:
    clock = FakeClock()
    quota = Quota(clock.now)
    for _ in range(3):
        quota.count("app", 3)
        clock.advance(60)

    usage = quota.count("app", 3)

    assert usage.is_exceeded
    assert usage.percent == 133
    # The first call leaves the hour after 57 more minutes, and then three are still in it; the second a minute later.
    assert usage.minutes_to_regain == 58


def test_call_after_the_announced_wait_is_served() -> None:
    clock = FakeClock()
    quota = Quota(clock.now)
    quota.spend("app", 3)
    wait = quota.count("app", 3).minutes_to_regain

    clock.advance(wait * 60)

    assert not quota.count("app", 3).is_exceeded


def test_calls_older_than_an_hour_are_forgotten() -> None:
    clock = FakeClock()
    quota = Quota(clock.now)
    quota.count("app", 200)

    clock.advance(3600)

    assert quota.usage("app", 200).calls == 0


def test_keys_are_counted_apart() -> None:
    quota = Quota(FakeClock().now)
    quota.count(("app", "waba-1"), 200)

    assert quota.count(("app", "waba-2"), 200).calls == 1
