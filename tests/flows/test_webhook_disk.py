"""The store cannot write: nothing is acknowledged that is not kept, somebody can read why, and it ends by itself."""

import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path

import httpx
import pytest

from tests.fakes import FakeClock
from tests.flows.harness import simulated
from tests.flows.webhooks_harness import WebhookFlow
from wamon.core.delivery import SENT, Update
from wamon.core.errors import StoreError
from wamon.sim.traffic import Mix
from wamon.sim.webhooks import JsonObject
from wamon.store import SqliteStore
from wamon.web.private import private_app

Trouble = Callable[[Path], AbstractContextManager[object]]


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """No file of this process may grow beyond its first page."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def moved_away(folder: Path) -> Iterator[None]:
    """Somebody takes the database away, and puts it back."""
    file, aside = folder / "wamon.db", folder / "aside.db"
    file.rename(aside)
    try:
        yield
    finally:
        aside.rename(file)


TROUBLES = {
    "full disk": (full_disk, "look at the kernel log and the free space"),
    "moved away": (moved_away, "was deleted or replaced while wamon worked on it"),
}


async def asked(flow: WebhookFlow, path: str) -> tuple[int, str]:
    """What the private listener answers."""
    daemon = flow.daemon
    app = private_app(scrape=daemon.scrape, health=daemon.health, pages=daemon.pages())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://private") as client:
        answer = await client.get(path)
    return answer.status_code, answer.text


@pytest.mark.parametrize("kind", TROUBLES)
@simulated
async def test_store_that_cannot_write_refuses_says_why_and_recovers(tmp_path: Path, kind: str) -> None:
    trouble, why = TROUBLES[kind]
    async with WebhookFlow(tmp_path) as flow:
        kept, refused = flow.messages(60), flow.messages(60)
        await flow.say(kept, "sent")
        await flow.run(minutes=1)
        assert await asked(flow, "/-/ready") == (200, "ready\n")

        with trouble(tmp_path):
            assert await flow.post(flow.statuses(refused, "sent")) == 503
            assert await flow.post(flow.notice("account_update", {"event": "DISABLED_UPDATE", "ban_info": {}})) == 503
            code, reasons = await asked(flow, "/-/ready")
            assert code == 503
            assert why in reasons
            # Shown is what is kept.
            assert flow.metric("whatsapp_message_statuses_total", status="sent") == 60

        assert await flow.post(flow.statuses(refused, "sent")) == 200
        assert await flow.post(flow.statuses(kept, "delivered")) == 200
        await flow.run(minutes=2)

        assert await asked(flow, "/-/ready") == (200, "ready\n")
        assert flow.metric("whatsapp_message_statuses_total", status="sent") == 120
        assert flow.metric("whatsapp_message_statuses_total", status="delivered") == 60
        assert flow.metric("wamon_webhook_duplicates_total") == 0
        assert flow.metric("wamon_ledger_commit_failures_total") == 1


@pytest.mark.parametrize("kind", TROUBLES)
@simulated
async def test_nothing_is_lost_and_nothing_counts_twice_while_nothing_can_be_written_for_long(
    tmp_path: Path, kind: str
) -> None:
    trouble, why = TROUBLES[kind]
    async with WebhookFlow(tmp_path, is_checked=False) as flow:
        flow.traffic.start(flow.number.id, per_hour=120, mix=Mix(failed={131026: 0.05, 131047: 0.02}))
        await flow.run(minutes=15)
        with trouble(tmp_path):
            await flow.run(minutes=40)
            assert flow.sender.ledger.refusals["503"] > 50
            assert why in (await asked(flow, "/-/ready"))[1]
        await flow.run(minutes=15)
        assert await asked(flow, "/-/ready") == (200, "ready\n")
        flow.traffic.end()
        await flow.run(minutes=30)
        await flow.restart()
        await flow.run(minutes=1)

        ledger = flow.sender.ledger
        assert set(ledger.refusals) == {"503"}
        assert (ledger.lost, flow.sender.is_idle) == (0, True)
        told = ledger.number(flow.number.id)
        assert told.messages > 100
        for word, messages in told.statuses().items():
            shown = flow.metric("whatsapp_message_statuses_total", phone_number_id=flow.number.id, status=word)
            assert (word, shown) == (word, messages)
        assert flow.metric("wamon_webhook_duplicates_total") == 0


@simulated
async def test_ban_that_could_not_be_kept_is_told_when_meta_repeats_it(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        ban: JsonObject = {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}}
        flow.traffic.tell(flow.waba.id, "account_update", ban)
        with full_disk(tmp_path):
            await flow.run(minutes=5)
            assert flow.headlines == []
        await flow.run(minutes=10)

        assert await flow.announced() == [("WhatsAppAccountRestricted", "open", "critical")]


@simulated
async def test_pruning_and_books_go_on_after_the_disk_was_full(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        flow.traffic.start(flow.number.id, per_hour=120)
        await flow.run(minutes=10)
        with full_disk(tmp_path):
            await flow.run(minutes=5)
        flow.traffic.end()
        await flow.run(minutes=30)
        before = flow.totals()

        flow.clock.advance(40 * 86400)
        await flow.daemon.prune()
        await flow.run(minutes=2)

        assert flow.totals() == before
        assert flow.metric("whatsapp_messages_attempted", window="24h") == 0


@simulated
async def test_pruning_makes_room_in_a_store_that_is_full(tmp_path: Path) -> None:
    clock = FakeClock()
    store = SqliteStore(tmp_path / "wamon.db", synchronous="OFF", clock=clock, max_bytes=1_000_000)
    await store.open()
    digests = count()

    async def record() -> None:
        at = int(clock.now().timestamp())
        made = [Update("100", "200", next(digests).to_bytes(16, "big"), SENT, at, at) for _ in range(500)]
        await store.record(made, counted={})

    async def fill() -> None:
        while True:
            await record()

    try:
        for _ in range(10):
            await record()
        await store.fold({})
        with pytest.raises(StoreError, match="is full: make room"):
            await fill()

        clock.advance(40 * 86400)
        while await store.prune_ledger(clock.now() - timedelta(days=30)):
            pass

        await record()
    finally:
        await store.close()
