"""When things run: jobs as plain values, and APScheduler to run them."""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_SUBMITTED, JobSubmissionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from wamon.core.timing import Clock, SystemClock, clock_step

log = logging.getLogger(__name__)

CLOCK_CHECK_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Something to run again and again. `first_after` is how long after the start it runs first."""

    name: str
    interval: timedelta
    first_after: timedelta
    run: Callable[[], Awaitable[None]]


def spread(name: str, interval: timedelta) -> timedelta:
    """A stable place within the interval for this name, so that many jobs do not all run in the same second."""
    digest = hashlib.sha256(name.encode()).digest()
    return interval * (int.from_bytes(digest[:4]) / 2**32)


class SchedulerObserver(Protocol):
    """Who counts how the jobs run."""

    def job_started(self, name: str, lag_seconds: float) -> None: ...

    def job_failed(self, name: str) -> None: ...

    def job_skipped(self, name: str) -> None:
        """A run was left out because the one before it still goes on."""
        ...


class Scheduler:
    """Runs jobs by APScheduler. A run that raises is logged and counted; the job goes on at its next time."""

    def __init__(self, *, clock: Clock, observer: SchedulerObserver, wall: Clock | None = None) -> None:
        """`wall` is the machine's clock, by which APScheduler lives, whatever speed ours has."""
        self._clock = clock
        self._observer = observer
        self._wall = wall or SystemClock()

    async def run(self, jobs: Sequence[Job]) -> None:
        """Run the jobs until cancelled; runs under way are cancelled with it."""
        scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        scheduler.add_listener(self._measure_lag, EVENT_JOB_SUBMITTED)
        scheduler.add_listener(self._count_skipped, EVENT_JOB_MAX_INSTANCES)
        # It warns of every run left out, without the job's name: the counter has both.
        logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
        now = self._wall.now()
        for job in jobs:
            trigger = self._trigger(job, now + self._real(job.first_after))
            scheduler.add_job(self._run_once, trigger, args=(job,), id=job.name)
        scheduler.start()
        try:
            await self._mind_the_clock(scheduler, jobs)
        finally:
            scheduler.shutdown(wait=False)

    def _measure_lag(self, event: JobSubmissionEvent) -> None:
        late = self._wall.now() - event.scheduled_run_times[-1]
        self._observer.job_started(event.job_id, max(late.total_seconds(), 0.0))

    def _count_skipped(self, event: JobSubmissionEvent) -> None:
        self._observer.job_skipped(event.job_id)

    async def _run_once(self, job: Job) -> None:
        try:
            await job.run()
        except asyncio.CancelledError:
            # The end of the daemon; apscheduler would log it as a fault.
            return
        except Exception:
            self._observer.job_failed(job.name)
            log.exception("job failed", extra={"job": job.name})

    async def _mind_the_clock(self, scheduler: AsyncIOScheduler, jobs: Sequence[Job]) -> None:
        """Plan anew when the machine's clock jumps: APScheduler would wait out an hour that was set back.

        Each job keeps its place within its interval: all at the same moment would be a burst of calls for ever after.
        """
        before = self._wall.moment()
        while True:
            await self._wall.sleep(CLOCK_CHECK_SECONDS)
            after = self._wall.moment()
            if clock_step(before, after):
                for job in jobs:
                    place = job.first_after % job.interval
                    scheduler.reschedule_job(job.name, trigger=self._trigger(job, after.at + self._real(place)))
            before = after

    def _trigger(self, job: Job, first_at: datetime) -> IntervalTrigger:
        return IntervalTrigger(seconds=self._real(job.interval).total_seconds(), start_date=first_at)

    def _real(self, duration: timedelta) -> timedelta:
        return timedelta(seconds=self._clock.real_seconds(duration.total_seconds()))
