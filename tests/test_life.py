"""A reload: the next daemon goes on where the last one stopped, and a bad configuration changes nothing."""

import asyncio
import random
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.configured import environment_for
from tests.sim.callers import HTTPX_ERRORS
from wamon.config.load import load_settings
from wamon.config.settings import Settings
from wamon.core.errors import ConfigurationError
from wamon.core.timing import SystemClock
from wamon.daemon import Daemon
from wamon.life import RELOADING, UNCHANGED, Life
from wamon.rules import RULES
from wamon.sim.graph import graph_app
from wamon.sim.webhooks import MESSAGES, SIGNATURE_HEADER, Customer, Event, body_of, encode, signature, status, wamid
from wamon.sim.world import World
from wamon.store import SqliteStore

PATIENCE_SECONDS = 20.0
ZOE = Customer(phone="493023125042", name="Zoe", user_id="DE.1234567890123456")
SUCCESSFUL = "wamon_config_last_reload_successful"
READ_AT = "wamon_config_last_reload_success_timestamp_seconds"


class Bench:
    """A life before the small world. `changes` are keys of the next configuration; each story may add to them."""

    def __init__(self, folder: Path, **changes: str) -> None:
        self.clock = SystemClock(speed=100.0)
        self.world = World.small(self.clock.now)
        self.folder = folder
        self.changes = {"poll_interval": "86400", "verify_token": "Handshake-7", **changes}
        self.told: list[Settings] = []
        self.urls: asyncio.Queue[str] = asyncio.Queue()
        self.public_urls: list[str] = []
        self.life = Life(self.read(), read=self.read, build=self.build, began=self.told.append)

    def read(self) -> Settings:
        given = environment_for(self.world, self.folder, **self.changes)
        return load_settings(None, given, rules=RULES, default_paths=())

    def build(self, settings: Settings) -> Daemon:
        transport = httpx.ASGITransport(app=graph_app(self.world, sleep=self.clock.sleep, stand_ins=HTTPX_ERRORS))
        return Daemon(settings, clock=self.clock, random=random.Random(0), transport=transport)

    def webhook(self, number: int) -> tuple[bytes, dict[str, str]]:
        app = next(iter(self.world.apps.values()))
        sender = next(iter(self.world.numbers.values()))
        at = self.clock.now()
        item = status(wamid(ZOE.phone, f"{number:020d}"), "sent", at, ZOE)
        told = Event(waba_id=sender.waba_id, field=MESSAGES, at=at, item=item, number=sender, customer=ZOE)
        body = encode(body_of([told]))
        return body, {SIGNATURE_HEADER: signature(app.secret, body)}


Story = Callable[[Bench, httpx.AsyncClient], Coroutine[Any, Any, None]]


def lived(bench: Bench, story: Story) -> None:
    """The story from when the first daemon answers; then the life is told to stop, and must end."""

    async def main() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as tasks, httpx.AsyncClient() as client:
            running = tasks.create_task(
                bench.life.run(listening=bench.urls.put_nowait, receiving=bench.public_urls.append)
            )
            await story(bench, client)
            bench.life.stop()
            await running

    asyncio.run(main())


def sample(metrics: str, name: str) -> float:
    return next(float(line.split()[-1]) for line in metrics.splitlines() if line.split(" ")[0] == name)


# --- a good one -------------------------------------------------------------------------------------------------------


def test_reload_takes_the_new_configuration_over_at_the_same_address(tmp_path: Path) -> None:
    async def story(bench: Bench, client: httpx.AsyncClient) -> None:
        before = await bench.urls.get()
        bench.changes["poll_interval"] = "120"

        assert bench.life.reload() == RELOADING

        after = await bench.urls.get()
        assert after == before
        assert [each.poll_interval.total_seconds() for each in bench.told] == [86400, 120]
        metrics = (await client.get(f"{after}/metrics")).text
        assert sample(metrics, SUCCESSFUL) == 1

    lived(Bench(tmp_path), story)


def test_what_was_known_is_known_after_it(tmp_path: Path) -> None:
    async def story(bench: Bench, client: httpx.AsyncClient) -> None:
        url = await bench.urls.get()
        rating = 'whatsapp_phone_number_quality_rating{phone_number_id="106540000000005"'
        while rating not in (await client.get(f"{url}/metrics")).text:
            await bench.clock.sleep(1)
        bench.world.calls.clear()
        # No time to look again: what the next one shows at once, it was left.
        bench.changes["slow_poll_interval"] = "86400"
        bench.life.reload()
        url = await bench.urls.get()

        assert rating in (await client.get(f"{url}/metrics")).text

    lived(Bench(tmp_path), story)


def test_unchanged_configuration_keeps_the_daemon(tmp_path: Path) -> None:
    async def story(bench: Bench, client: httpx.AsyncClient) -> None:
        url = await bench.urls.get()
        read_at = sample((await client.get(f"{url}/metrics")).text, READ_AT)
        await bench.clock.sleep(2)

        assert bench.life.reload() == UNCHANGED

        assert len(bench.told) == 1
        assert sample((await client.get(f"{url}/metrics")).text, READ_AT) > read_at

    lived(Bench(tmp_path), story)


def test_webhooks_that_come_while_it_changes_over_are_all_taken(tmp_path: Path) -> None:
    async def story(bench: Bench, client: httpx.AsyncClient) -> None:
        await bench.urls.get()
        number = 0
        answers: list[httpx.Response] = []
        for interval in ("120", "240", "360"):
            bench.changes["poll_interval"] = interval
            bench.life.reload()
            # Each by a connection of its own: one that is kept open is closed by the daemon that goes.
            while bench.urls.empty():
                body, headers = bench.webhook(number := number + 1)
                async with httpx.AsyncClient() as other:
                    answers.append(await other.post(f"{bench.public_urls[0]}/webhook", content=body, headers=headers))
            await bench.urls.get()

        assert len(answers) >= 3
        assert {answer.status_code for answer in answers} == {200}
        assert len(set(bench.public_urls)) == 1

    lived(Bench(tmp_path), story)


def test_new_place_is_listened_at_and_the_old_one_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        free = probe.getsockname()[1]

    async def story(bench: Bench, client: httpx.AsyncClient) -> None:
        before = await bench.urls.get()
        bench.changes["private_listen"] = f"127.0.0.1:{free}"

        bench.life.reload()

        after = await bench.urls.get()
        assert after == f"http://127.0.0.1:{free}"
        assert (await client.get(f"{after}/-/healthy")).status_code == 200
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{before}/-/healthy")

    lived(Bench(tmp_path), story)


def test_another_database_is_opened(tmp_path: Path) -> None:
    async def story(bench: Bench, client: httpx.AsyncClient) -> None:
        await bench.urls.get()
        bench.changes["database"] = str(tmp_path / "other.db")
        bench.life.reload()
        await bench.urls.get()

        assert (tmp_path / "other.db").exists()

    lived(Bench(tmp_path), story)


# --- a bad one --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("poll_interval", "soon", "WAMON_POLL_INTERVAL"),
        ("graph_version", "newest", "WAMON_GRAPH_VERSION"),
    ],
)
def test_faulty_configuration_leaves_the_old_one_at_work(tmp_path: Path, key: str, value: str, named: str) -> None:
    async def story(bench: Bench, client: httpx.AsyncClient) -> None:
        url = await bench.urls.get()
        kept, bench.changes[key] = dict(bench.changes), value

        with pytest.raises(ConfigurationError, match=named):
            bench.life.reload()

        metrics = (await client.get(f"{url}/metrics")).text
        assert sample(metrics, SUCCESSFUL) == 0
        assert len(bench.told) == 1
        bench.changes = kept
        assert bench.life.reload() == UNCHANGED
        assert sample((await client.get(f"{url}/metrics")).text, SUCCESSFUL) == 1

    lived(Bench(tmp_path), story)


def test_taken_place_leaves_the_old_one_at_work_and_holds_no_other(tmp_path: Path) -> None:
    async def story(bench: Bench, client: httpx.AsyncClient) -> None:
        url = await bench.urls.get()
        with socket.create_server(("127.0.0.1", 0)) as gone:
            free = gone.getsockname()[1]
        with socket.create_server(("127.0.0.1", 0)) as taken:
            bench.changes["private_listen"] = f"127.0.0.1:{free}"
            bench.changes["public_listen"] = f"127.0.0.1:{taken.getsockname()[1]}"

            with pytest.raises(ConfigurationError, match=r"WAMON_PUBLIC_LISTEN.*another process listens"):
                bench.life.reload()

        assert (await client.get(f"{url}/-/healthy")).status_code == 200
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://127.0.0.1:{free}/-/healthy")

    lived(Bench(tmp_path), story)


def test_daemon_that_cannot_start_hands_back_to_the_configuration_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(bench: Bench, client: httpx.AsyncClient) -> None:
        url = await bench.urls.get()
        other = SqliteStore(tmp_path / "other.db")
        await other.open()
        try:
            bench.changes["database"] = str(tmp_path / "other.db")
            assert bench.life.reload() == RELOADING

            assert await bench.urls.get() == url
        finally:
            await other.close()

        assert [each.database.name for each in bench.told] == ["wamon.db", "other.db", "wamon.db"]
        assert sample((await client.get(f"{url}/metrics")).text, SUCCESSFUL) == 0
        assert "back to the one before" in caplog.text
        # And from there it can be tried again.
        assert bench.life.reload() == RELOADING
        await bench.urls.get()
        assert sample((await client.get(f"{url}/metrics")).text, SUCCESSFUL) == 1

    lived(Bench(tmp_path), story)


def test_first_daemon_that_cannot_start_ends_the_life(tmp_path: Path) -> None:
    async def main() -> None:
        other = SqliteStore(tmp_path / "wamon.db")
        await other.open()
        try:
            with pytest.raises(Exception, match="in use"):
                await Bench(tmp_path).life.run()
        finally:
            await other.close()

    asyncio.run(main())


# --- who asks ---------------------------------------------------------------------------------------------------------


def test_post_asks_for_it_and_is_answered_before_the_daemon_goes(tmp_path: Path) -> None:
    async def story(bench: Bench, client: httpx.AsyncClient) -> None:
        url = await bench.urls.get()
        bench.changes["poll_interval"] = "120"

        answer = await client.post(f"{url}/-/reload")

        assert (answer.status_code, answer.text) == (200, f"{RELOADING}\n")
        await bench.urls.get()
        assert (await client.post(f"{url}/-/reload")).text == f"{UNCHANGED}\n"

    lived(Bench(tmp_path), story)


def test_post_is_told_every_fault(tmp_path: Path) -> None:
    async def story(bench: Bench, client: httpx.AsyncClient) -> None:
        url = await bench.urls.get()
        bench.changes |= {"poll_interval": "soon", "graph_version": "newest"}

        answer = await client.post(f"{url}/-/reload")

        assert answer.status_code == 500
        assert answer.text.startswith("the configuration stays as it was:\n")
        assert "WAMON_POLL_INTERVAL" in answer.text
        assert "WAMON_GRAPH_VERSION" in answer.text

    lived(Bench(tmp_path), story)


def test_page_of_another_site_cannot_ask_for_it(tmp_path: Path) -> None:
    async def story(bench: Bench, client: httpx.AsyncClient) -> None:
        url = await bench.urls.get()
        bench.changes["poll_interval"] = "120"

        answer = await client.post(f"{url}/-/reload", headers={"Origin": "https://elsewhere.example"})

        assert answer.status_code == 403
        assert len(bench.told) == 1

    lived(Bench(tmp_path), story)


# --- at the wrong moment ----------------------------------------------------------------------------------------------


def test_reload_before_the_daemon_answers_is_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    with pytest.raises(ConfigurationError, match="try again in a moment"):
        bench.life.reload()


def test_stop_while_it_changes_over_ends_the_life(tmp_path: Path) -> None:
    async def story(bench: Bench, client: httpx.AsyncClient) -> None:
        await bench.urls.get()
        bench.changes["poll_interval"] = "120"
        bench.life.reload()

    bench = Bench(tmp_path)
    lived(bench, story)

    assert len(bench.told) == 1


def test_hangup_is_heard_and_told_to_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(bench: Bench, client: httpx.AsyncClient) -> None:
        await bench.urls.get()
        bench.changes["poll_interval"] = "soon"
        bench.life.hear()

        assert len(bench.told) == 1

    lived(Bench(tmp_path), story)

    refused = next(record for record in caplog.records if record.message.startswith("reload refused"))
    assert "WAMON_POLL_INTERVAL" in vars(refused)["reason"]
