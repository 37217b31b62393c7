"""Whether wamon is well: what each part complains of, what waits too long, and whether webhooks would be taken."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes import START, FakeClock
from tests.store.samples import alert, owed, transition
from tests.web.receiving import TOKEN, Desk, listening
from wamon.core.errors import StoreError
from wamon.core.ports import OutboxFigures
from wamon.store import SqliteStore
from wamon.vitals import LATE, Vitals
from wamon.web.server import bind


class Full(SqliteStore):
    """A store whose disk is gone."""

    async def outbox_figures(self) -> OutboxFigures:
        raise StoreError("the disk is gone")


@asynccontextmanager
async def vitals(
    folder: Path, *complaints: str, clock: FakeClock | None = None, store: type[SqliteStore] = SqliteStore
) -> AsyncIterator[tuple[Vitals, SqliteStore]]:
    kept = store(folder / "wamon.db")
    await kept.open()
    asked = Vitals(kept, ailments=lambda: complaints, clock=clock or FakeClock())
    try:
        yield asked, kept
    finally:
        await asked.close()
        await kept.close()


def ailments(folder: Path, *complaints: str, store: type[SqliteStore] = SqliteStore) -> tuple[str, ...]:
    async def story() -> tuple[str, ...]:
        async with vitals(folder, *complaints, store=store) as (asked, _):
            return await asked()

    return asyncio.run(story())


def test_wamon_is_well_when_nobody_complains(tmp_path: Path) -> None:
    assert ailments(tmp_path) == ()


def test_what_the_parts_complain_of_is_passed_on(tmp_path: Path) -> None:
    assert ailments(tmp_path, "the scheduler does not tick", "slack_bot: mend it") == (
        "the scheduler does not tick",
        "slack_bot: mend it",
    )


def test_store_that_does_not_answer_is_an_ailment(tmp_path: Path) -> None:
    assert ailments(tmp_path, store=Full) == ("the disk is gone",)


def test_notification_that_waits_too_long_is_an_ailment(tmp_path: Path) -> None:
    async def story() -> None:
        clock = FakeClock()
        async with vitals(tmp_path, clock=clock) as (asked, store):
            await store.commit(owed(transition(), alerts=(alert(),)))
            clock.advance((START + LATE - clock.now()).total_seconds())
            assert await asked() == ()

            clock.advance(1)
            assert await asked() == ("a notification has been waiting for more than 10 minutes",)

    asyncio.run(story())


# --- the handshake with ourselves -------------------------------------------------------------------------------------


def test_listener_that_shakes_hands_is_well(tmp_path: Path) -> None:
    async def story() -> None:
        desk = Desk()
        async with listening(desk) as port, vitals(tmp_path) as (asked, _):
            asked.listen(f"http://127.0.0.1:{port}", TOKEN)

            assert await asked() == ()
            assert desk.asked == [(None, TOKEN)]

    asyncio.run(story())


@pytest.mark.parametrize("url", ["http://0.0.0.0:{}", "http://[::]:{}"])
def test_listener_on_every_address_is_tried_on_this_machine(tmp_path: Path, url: str) -> None:
    """On IPv6 nobody listens here: what counts is that loopback is asked."""

    async def story() -> None:
        async with listening(Desk()) as port, vitals(tmp_path) as (asked, _):
            asked.listen(url.format(port), TOKEN)

            found = await asked()

        is_ipv6 = "[::]" in url
        assert [f"[::1]:{port}" in each for each in found] == ([True] if is_ipv6 else [])

    asyncio.run(story())


@pytest.mark.parametrize("word", ["another-word", "a word & more=#"])
def test_listener_that_refuses_our_own_token_is_an_ailment_that_hides_it(tmp_path: Path, word: str) -> None:
    async def story() -> None:
        desk = Desk()
        async with listening(desk) as port, vitals(tmp_path) as (asked, _):
            asked.listen(f"http://127.0.0.1:{port}", word)

            assert await asked() == ("the public listener refused a handshake (status 403)",)
            assert desk.asked == [(None, word)]

    asyncio.run(story())


def test_listener_that_is_not_there_is_an_ailment(tmp_path: Path) -> None:
    async def story() -> None:
        with bind("127.0.0.1", 0) as sock:
            port = sock.getsockname()[1]
        async with vitals(tmp_path) as (asked, _):
            asked.listen(f"http://127.0.0.1:{port}", TOKEN)

            (found,) = await asked()

        assert found.startswith(f"the public listener does not answer: cannot connect to 127.0.0.1:{port}")
        assert TOKEN not in found

    asyncio.run(story())


def test_everything_that_is_wrong_is_told(tmp_path: Path) -> None:
    async def story() -> None:
        async with listening(Desk()) as port, vitals(tmp_path, "hung", store=Full) as (asked, _):
            asked.listen(f"http://127.0.0.1:{port}", "another-word")

            assert await asked() == (
                "hung",
                "the disk is gone",
                "the public listener refused a handshake (status 403)",
            )

    asyncio.run(story())
