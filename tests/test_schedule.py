"""The scheduler: APScheduler with real, very short waits, since it brings its own clock."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import given

from wamon.core.timing import Moment, SystemClock
from wamon.schedule import Job, Scheduler, spread

# A thousand of the clock's seconds are a second.
FAST = 1000.0
PATIENCE_SECONDS = 10.0
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


class Records:
    """Counts how the jobs run."""

    def __init__(self) -> None:
        self.started: list[tuple[str, float]] = []
        self.failed: list[str] = []
        self.skipped: list[str] = []

    def job_started(self, name: str, lag_seconds: float) -> None:
        self.started.append((name, lag_seconds))

    def job_failed(self, name: str) -> None:
        self.failed.append(name)

    def job_skipped(self, name: str) -> None:
        self.skipped.append(name)


class JumpingWall(SystemClock):
    """The machine's clock, `ahead` of the world's, looked at without a wait between."""

    def __init__(self, *, ahead: timedelta) -> None:
        super().__init__()
        self.ahead = ahead
        self.looked = asyncio.Event()

    def now(self) -> datetime:
        return super().now() + self.ahead

    def moment(self) -> Moment:
        self.looked.set()
        return super().moment()

    async def sleep(self, seconds: float) -> None:
        await super().sleep(0.01)


@asynccontextmanager
async def running(scheduler: Scheduler, *jobs: Job) -> AsyncIterator[asyncio.Task[None]]:
    """The scheduler at work on these jobs until the end of the block, which must come soon."""
    task = asyncio.get_running_loop().create_task(scheduler.run(jobs))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


def scheduler(records: Records, *, wall: SystemClock | None = None) -> Scheduler:
    return Scheduler(clock=SystemClock(speed=FAST), observer=records, wall=wall)


def job(
    name: str,
    run: Callable[[], Awaitable[None]],
    *,
    interval: timedelta = 10 * SECOND,
    first_after: timedelta = 10 * SECOND,
) -> Job:
    return Job(name=name, interval=interval, first_after=first_after, run=run)


class Counter:
    """A job that counts its runs."""

    def __init__(self, wanted: int = 1, failing: int = 0) -> None:
        self.runs = 0
        self.enough = asyncio.Event()
        self._wanted = wanted
        self._failing = failing

    async def __call__(self) -> None:
        self.runs += 1
        if self.runs >= self._wanted:
            self.enough.set()
        if self.runs <= self._failing:
            raise ZeroDivisionError(f"run {self.runs}")


def test_jobs_run_again_and_again_at_the_speed_of_the_clock() -> None:
    async def story() -> None:
        often, seldom = Counter(wanted=5), Counter()
        records = Records()
        async with running(
            scheduler(records), job("often", often), job("seldom", seldom, interval=HOUR, first_after=HOUR)
        ):
            await often.enough.wait()

        assert seldom.runs == 0
        assert {name for name, _ in records.started} == {"often"}
        assert records.failed == []

    asyncio.run(story())


def test_first_run_waits_for_its_time_and_the_next_ones_for_the_interval() -> None:
    async def story() -> None:
        first = Counter(wanted=1)
        async with running(scheduler(Records()), job("once", first, interval=HOUR, first_after=SECOND)):
            await first.enough.wait()

        assert first.runs == 1

    asyncio.run(story())


def test_job_that_raises_is_counted_logged_and_runs_again(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> Records:
        records = Records()
        shaky, steady = Counter(wanted=4, failing=2), Counter(wanted=4)
        async with running(scheduler(records), job("shaky", shaky), job("steady", steady)):
            await shaky.enough.wait()
            await steady.enough.wait()
        return records

    records = asyncio.run(story())

    assert records.failed == ["shaky", "shaky"]
    failures = [record for record in caplog.records if record.message == "job failed"]
    assert [vars(record)["job"] for record in failures] == ["shaky", "shaky"]
    assert failures[0].levelno == logging.ERROR
    assert failures[0].exc_info is not None
    assert failures[0].exc_info[0] is ZeroDivisionError


def test_lag_is_how_much_later_than_planned_a_job_starts() -> None:
    async def story() -> None:
        records = Records()
        counter = Counter()
        # Late by less than what counts as a step of the clock.
        wall = JumpingWall(ahead=timedelta(0))
        async with running(scheduler(records, wall=wall), job("late", counter)):
            await wall.looked.wait()
            wall.ahead = timedelta(seconds=1.5)
            await counter.enough.wait()

        (name, lag_seconds), *_ = records.started
        assert name == "late"
        assert 1.5 <= lag_seconds < PATIENCE_SECONDS

    asyncio.run(story())


def test_lag_is_never_negative() -> None:
    async def story() -> None:
        records = Records()
        counter = Counter()
        wall = JumpingWall(ahead=timedelta(0))
        async with running(scheduler(records, wall=wall), job("early", counter)):
            await wall.looked.wait()
            wall.ahead = timedelta(seconds=-1.5)
            await counter.enough.wait()

        assert records.started[0] == ("early", 0.0)

    asyncio.run(story())


def test_cancelling_the_scheduler_cancels_the_run_under_way_and_starts_no_other() -> None:
    async def story() -> None:
        begun, ended = asyncio.Event(), asyncio.Event()
        other = Counter()
        records = Records()

        async def endless() -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        async with running(scheduler(records), job("endless", endless), job("other", other)) as task:
            await begun.wait()
            await other.enough.wait()
            task.cancel()
            await ended.wait()
            await asyncio.wait([task])
            runs = other.runs
            await SystemClock(speed=FAST).sleep(50)

            assert task.cancelled()
            assert other.runs == runs
            assert records.failed == []

    asyncio.run(story())


def test_job_that_still_runs_is_not_started_a_second_time_and_that_is_counted() -> None:
    async def story() -> None:
        records = Records()
        runs = 0
        other = Counter(wanted=5)

        async def slow() -> None:
            nonlocal runs
            runs += 1
            await asyncio.Event().wait()

        async with running(scheduler(records), job("slow", slow), job("other", other)):
            await other.enough.wait()

        assert runs == 1
        assert set(records.skipped) == {"slow"}

    asyncio.run(story())


def test_clock_that_was_set_back_does_not_hold_up_the_jobs() -> None:
    """Planned by a clock an hour ahead, the job would run in an hour."""

    async def story() -> None:
        counter = Counter()
        wall = JumpingWall(ahead=HOUR)
        async with running(scheduler(Records(), wall=wall), job("waiting", counter)):
            await wall.looked.wait()
            assert counter.runs == 0
            wall.ahead = timedelta(0)
            await counter.enough.wait()

    asyncio.run(story())


def test_jobs_keep_their_places_after_a_step_of_the_clock() -> None:
    """Else one step would send the calls of all accounts out in the same second for ever after."""

    async def story() -> None:
        near, far = Counter(), Counter()
        wall = JumpingWall(ahead=HOUR)
        async with running(
            scheduler(Records(), wall=wall),
            job("near", near, interval=1000 * HOUR, first_after=1000 * HOUR + 10 * SECOND),
            job("far", far, interval=1000 * HOUR, first_after=1500 * HOUR),
        ):
            await wall.looked.wait()
            wall.ahead = timedelta(0)
            await near.enough.wait()

        assert far.runs == 0

    asyncio.run(story())


def test_clock_that_only_runs_on_changes_no_plan() -> None:
    async def story() -> None:
        often, seldom = Counter(wanted=10), Counter()
        async with running(
            scheduler(Records(), wall=JumpingWall(ahead=timedelta(0))),
            job("often", often),
            job("seldom", seldom, interval=1000 * HOUR, first_after=1500 * HOUR),
        ):
            await often.enough.wait()

        assert seldom.runs == 0

    asyncio.run(story())


@given(name=st.text(), seconds=st.integers(min_value=1, max_value=86_400))
def test_place_within_the_interval_is_stable(name: str, seconds: int) -> None:
    interval = timedelta(seconds=seconds)

    place = spread(name, interval)

    assert timedelta(0) <= place < interval
    assert spread(name, interval) == place


def test_place_is_the_same_in_every_process() -> None:
    """A restart must not move every account's calls; the value is that of SHA-256, which hash() would not give."""
    assert spread("account waba waba_id=100", HOUR).total_seconds() == pytest.approx(2528.094, abs=0.001)
