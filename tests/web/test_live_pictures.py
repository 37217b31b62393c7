"""Pictures of the present state: what they are made of, how often the past is read, and how fast a fleet is shown."""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

import pytest

from tests.fakes import START
from tests.metrics.samples import seen
from tests.operators import Floor
from tests.web.paging import Reader
from wamon.core.books import Books
from wamon.core.errors import StoreError
from wamon.core.health import Change, Reading, Signal, Subject, Value
from wamon.core.state import State
from wamon.core.targets import AccountTarget
from wamon.picture.scene import Scene
from wamon.picture.values import Health, Mood, Query
from wamon.probes.account import QUALITY_RATING, read_account
from wamon.rules import RULES
from wamon.web.live_pictures import LivePictures

MONTH = timedelta(days=30)
RATING = cast("Signal[Value]", QUALITY_RATING)
T = TypeVar("T")


def run(awaitable: Awaitable[T]) -> T:
    async def wait() -> T:
        return await awaitable

    return asyncio.run(wait())


def account(index: int) -> AccountTarget:
    return AccountTarget(name=f"account {index}", waba_id=str(100 + index), token="main", version="v25.0")


def read(index: int, numbers: int) -> tuple[Reading, ...]:
    """What Meta answers about one account and its numbers."""
    ratings = ("GREEN", "GREEN", "YELLOW", "RED", "UNKNOWN")
    answer: dict[str, Any] = {
        "id": str(100 + index),
        "name": f"Shop {index}",
        "phone_numbers": {
            "data": [
                {
                    "id": str(1_000_000 + 1000 * index + n),
                    "display_phone_number": f"+1 555 {index:03d} {n:04d}",
                    "verified_name": f"Shop {n}",
                    "status": "CONNECTED",
                    "quality_rating": ratings[n % len(ratings)],
                    "throughput": {"level": "STANDARD"},
                    "health_status": {
                        "can_send_message": "AVAILABLE",
                        "entities": [{"entity_type": "WABA", "id": str(100 + index), "can_send_message": "AVAILABLE"}],
                    },
                }
                for n in range(numbers)
            ]
        },
    }
    return tuple(read_account(answer, account(index)).readings)


class Watched:
    """A fleet that is watched. `past` is what the store remembers, `asked` from when on it was asked for it."""

    def __init__(self, *, accounts: int = 1, numbers: int = 5) -> None:
        self.state = State()
        for index in range(accounts):
            self.state, _ = seen(self.state, *read(index, numbers))
        self.accounts = tuple(map(account, range(accounts)))
        self.now = START
        self.past: list[Change] = []
        self.asked: list[datetime] = []
        self.is_broken = False
        self.pictures = LivePictures(
            scene=self.scene, health=lambda: Health(is_healthy=True), version="1.2.3", changes=self.changes
        )

    def scene(self) -> Scene:
        return Scene(
            state=self.state,
            now=self.now,
            accounts=self.accounts,
            books=Books({}),
            rules={rule.name: rule for rule in RULES},
            is_receiving=False,
        )

    async def changes(self, since: datetime) -> Sequence[Change]:
        self.asked.append(since)
        await asyncio.sleep(0)
        if self.is_broken:
            raise StoreError("the disk is gone: look at it")
        return [each for each in self.past if each.at >= since]

    def changed(self, n: int, before: str, after: str, at: datetime) -> None:
        subject = Subject.phone_number("100", str(1_000_000 + n))
        self.past.append(
            Change(signal=RATING, subject=subject, before=before, after=after, raw=None, at=at, source="poll")
        )

    def row(self, n: int) -> Any:
        page = self.pictures.number(str(1_000_000 + n))
        assert page is not None
        return page.row


def test_overview_is_that_of_the_present_state() -> None:
    watched = Watched()

    picture = watched.pictures.overview(Query())

    assert (picture.version, picture.numbers.of, picture.mood) == ("1.2.3", 5, Mood.BAD)
    assert watched.pictures.number("7") is None


def test_life_of_a_number_is_told_from_what_is_remembered() -> None:
    watched = Watched()
    watched.changed(3, "GREEN", "RED", START - timedelta(days=2))

    rating, *_ = run(watched.pictures.lanes(watched.row(3), since=START - MONTH))

    assert [(each.text, each.until - each.since) for each in rating.segments] == [
        ("GREEN", timedelta(days=28)),
        ("RED", timedelta(days=2)),
    ]


def test_month_is_read_once_and_then_only_what_is_recent() -> None:
    watched = Watched()
    watched.changed(3, "GREEN", "YELLOW", START - timedelta(days=2))
    rows = [watched.row(n) for n in range(5)]

    run(watched.pictures.strips(rows, since=START - MONTH))
    watched.now = START + timedelta(minutes=59)
    watched.changed(3, "YELLOW", "RED", START + timedelta(minutes=30))
    strips = run(watched.pictures.strips(rows, since=watched.now - MONTH))

    assert watched.asked == [START - MONTH, START, START]
    assert len(strips["1000003"].segments) == 3


def test_month_is_read_anew_after_an_hour_and_after_the_clock_went_back() -> None:
    watched = Watched()
    for minutes in (0, 60, 30):
        watched.now = START + timedelta(minutes=minutes)
        run(watched.pictures.strips([], since=watched.now - MONTH))

    assert watched.asked[::2] == [
        START - MONTH,
        START + timedelta(hours=1) - MONTH,
        START + timedelta(minutes=30) - MONTH,
    ]


def test_pages_that_are_opened_at_once_read_the_month_once() -> None:
    watched = Watched()

    async def open_both() -> None:
        await asyncio.gather(*(watched.pictures.strips([], since=START - MONTH) for _ in range(2)))

    asyncio.run(open_both())

    assert watched.asked == [START - MONTH, START, START]


def test_without_the_store_there_is_no_past_and_still_a_page() -> None:
    watched = Watched()
    watched.is_broken = True

    assert run(watched.pictures.strips([watched.row(0)], since=START - MONTH)) == {}
    assert run(watched.pictures.lanes(watched.row(0), since=START - MONTH)) == ()
    assert "no record" in Reader(Floor(), pictures=watched.pictures).get("/")


@pytest.mark.parametrize("path", ["/", "/?sort=rating&q=555&page=40", "/numbers/1009007"])
def test_two_thousand_numbers_are_shown_within_a_second(path: str) -> None:
    watched = Watched(accounts=100, numbers=20)
    for n in range(2000):
        for day in range(5):
            watched.changed(n, "GREEN", "RED", START - timedelta(days=day + 1))
    reader = Reader(Floor(), pictures=watched.pictures)

    began = time.perf_counter()
    page = reader.get(path)
    took = time.perf_counter() - began

    assert "</html>" in page
    assert took < 1.0
