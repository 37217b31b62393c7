"""The weekly digest comes at its time, once, and not much later."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import httpx
import pytest

from tests.configured import settings_for
from tests.fakes import START, FakeClock
from wamon.config.values import WeeklyTime
from wamon.core.desk import AnnouncementKind
from wamon.daemon import DIGEST, Daemon
from wamon.sim.graph import graph_app
from wamon.sim.world import World
from wamon.weekly import LATE, WEEK, WeeklyDigest, last_time

MONDAY_NINE = WeeklyTime(weekday=0, at=time(9, 0))
# The first Monday, nine o'clock, after the tests' start on a Sunday.
DUE_AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


# --- when -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (DUE_AT, DUE_AT),
        (DUE_AT + timedelta(seconds=1), DUE_AT),
        (DUE_AT - timedelta(seconds=1), DUE_AT - WEEK),
        (DUE_AT + timedelta(days=6, hours=23), DUE_AT),
        (DUE_AT + WEEK, DUE_AT + WEEK),
        (START, DUE_AT - WEEK),
    ],
)
def test_last_time_is_the_latest_such_moment_now_included(now: datetime, expected: datetime) -> None:
    assert last_time(MONDAY_NINE, now) == expected


def test_last_time_is_right_over_a_new_year() -> None:
    sunday_late = WeeklyTime(weekday=6, at=time(23, 30))

    assert last_time(sunday_late, datetime(2027, 1, 1, tzinfo=UTC)) == datetime(2026, 12, 27, 23, 30, tzinfo=UTC)


# --- what is owed -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def running(folder: Path, clock: FakeClock, **settings: str) -> AsyncIterator[tuple[Daemon, WeeklyDigest]]:
    world = World.small(clock.now)
    given = {"weekly_digest": "monday 09:00", **settings}
    daemon = Daemon(
        settings_for(world, folder, **given),
        clock=clock,
        random=random.Random(0),
        transport=httpx.ASGITransport(app=graph_app(world, sleep=clock.sleep)),
    )
    assert daemon.weekly is not None
    async with daemon.opened():
        yield daemon, daemon.weekly


async def owed(daemon: Daemon, clock: FakeClock) -> list[tuple[str, str]]:
    """The digests that wait for each receiver: (receiver, text)."""
    batches = [
        batch
        for receiver in daemon.notifiers
        for batch in await daemon.store.due_batches(receiver, clock.now(), limit=100)
    ]
    return [
        (batch.receiver, each.note)
        for batch in batches
        for each in batch.notifications
        if each.kind is AnnouncementKind.WEEKLY_DIGEST
    ]


async def post_until(digest: WeeklyDigest, clock: FakeClock, end: datetime) -> None:
    """Ask as the daemon does, every five minutes."""
    while clock.now() < end:
        clock.advance(300)
        await digest.post()


def test_digest_is_owed_once_a_week_to_everybody_without_a_route(tmp_path: Path) -> None:
    async def story() -> None:
        clock = FakeClock()
        both = {"slack_webhook_url": "http://127.0.0.1:9/x", "webhook_url": "http://127.0.0.1:9/y"}
        async with running(tmp_path, clock, **both) as (daemon, digest):
            await post_until(digest, clock, DUE_AT - timedelta(minutes=5))
            assert await owed(daemon, clock) == []

            await post_until(digest, clock, DUE_AT + timedelta(days=6))
            first = await owed(daemon, clock)
            await post_until(digest, clock, DUE_AT + timedelta(days=8))

            assert [receiver for receiver, _ in first] == ["slack_webhook", "webhook"]
            assert json.loads(first[0][1])["period"] == "2026-11-16 09:00 UTC to 2026-11-23 09:00 UTC"
            assert len(await owed(daemon, clock)) == 4

    asyncio.run(story())


def test_digest_is_not_owed_twice_over_a_restart(tmp_path: Path) -> None:
    async def story() -> None:
        clock = FakeClock(DUE_AT)
        async with running(tmp_path, clock) as (_, digest):
            await digest.post()
        clock.advance(60)
        async with running(tmp_path, clock) as (daemon, digest):
            await digest.post()

            assert len(await owed(daemon, clock)) == 1

    asyncio.run(story())


@pytest.mark.parametrize(("late", "count"), [(LATE, 1), (LATE + timedelta(seconds=1), 0), (timedelta(days=1), 0)])
def test_digest_that_could_not_be_posted_for_hours_is_left_out(tmp_path: Path, late: timedelta, count: int) -> None:
    async def story() -> None:
        clock = FakeClock(DUE_AT + late)
        async with running(tmp_path, clock) as (daemon, digest):
            await digest.post()

            assert len(await owed(daemon, clock)) == count

    asyncio.run(story())


def test_digest_is_looked_for_every_few_minutes_where_it_is_wanted(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path, FakeClock()) as (daemon, _):
            assert DIGEST in [job.name for job in daemon.jobs()]

    asyncio.run(story())
