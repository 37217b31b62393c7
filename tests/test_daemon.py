"""The composition root: what is watched, how it starts and stops, and when it calls itself well."""

import asyncio
import os
import random
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import pytest

from tests.configured import settings_for
from tests.fakes import FakeClock
from tests.sim.callers import HTTPX_ERRORS
from wamon.config.load import load_settings
from wamon.config.settings import Settings
from wamon.core import books
from wamon.core.errors import ConfigurationError, StoreError, StoreInUseError
from wamon.core.health import Subject
from wamon.core.ports import signals_by_name
from wamon.core.state import Monitored
from wamon.core.targets import AccountTarget
from wamon.core.timing import Clock, SystemClock
from wamon.daemon import HISTORY_KEPT, PRUNE, TICK, Daemon, tick_interval
from wamon.metrics.instruments import INSTRUMENTS
from wamon.picture.values import Query
from wamon.polling import Watch
from wamon.probes import account, app, token
from wamon.probes.account import WEBHOOK_SUBSCRIBED
from wamon.receivers import build_notifiers
from wamon.rules import BY_WEBHOOKS_ONLY, RULES
from wamon.signals import SIGNALS
from wamon.sim.entities import Number
from wamon.sim.graph import graph_app
from wamon.sim.webhooks import (
    MESSAGES,
    SIGNATURE_HEADER,
    Customer,
    Event,
    body_of,
    encode,
    signature,
    status,
    wamid,
)
from wamon.sim.world import World
from wamon.store import SqliteStore
from wamon.watches import senders

MINUTE = timedelta(minutes=1)
PATIENCE_SECONDS = 20.0
MANY = """
poll_interval = 60
graph_version = "v25.0"
sender_versions = ["v24.0"]

[[apps]]
name = "shop"
app_id = "61"
app_secret = "0123456789abcdef0123456789abcdef"

[[apps]]
name = "bank"
app_id = "62"
app_secret = "fedcba9876543210fedcba9876543210"

[[apps]]
name = "blind"
app_id = "63"

[[accounts]]
name = "market"
waba_id = "100"
access_token = "EAAshop"
app = "shop"

[[accounts]]
name = "deliveries"
waba_id = "101"
access_token = "EAAshop"
app = "shop"

[[accounts]]
name = "bank"
waba_id = "102"
access_token = "EAAbank"
app = "bank"
"""


class Meta(httpx.ASGITransport):
    """The simulated Meta in process, which knows whether the daemon has let go of it."""

    def __init__(self, world: World, clock: FakeClock | None = None) -> None:
        super().__init__(app=graph_app(world, sleep=(clock or FakeClock()).sleep, stand_ins=HTTPX_ERRORS))
        self.is_closed = False

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        self.is_closed = True
        await super().aclose()


class Bench:
    """A daemon in simulated time before the small world."""

    def __init__(self, folder: Path, *, file: str = "", **settings: str) -> None:
        self.clock = FakeClock()
        self.world = World.small(self.clock.now)
        self.app = next(iter(self.world.apps.values()))
        self.meta = Meta(self.world, self.clock)
        self.settings = settings_for(self.world, folder, file=file, **settings)
        self.daemon = Daemon(self.settings, clock=self.clock, random=random.Random(0), transport=self.meta)

    @asynccontextmanager
    async def started(self) -> AsyncIterator[Daemon]:
        async with self.daemon.opened():
            await self.daemon.first_round()
            yield self.daemon


def many(folder: Path) -> Settings:
    path = folder / "wamon.toml"
    path.write_text(f'database = "wamon.db"\n{MANY}', encoding="utf-8")
    return load_settings(path, {}, rules=RULES, default_paths=())


def daemon_of(settings: Settings, clock: Clock | None = None) -> Daemon:
    return Daemon(settings, clock=clock or FakeClock(), random=random.Random(0), transport=httpx.MockTransport(_absent))


def _absent(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("nobody there")


# --- what is watched --------------------------------------------------------------------------------------------------


def test_every_token_account_and_app_is_watched_once_and_tokens_come_first(tmp_path: Path) -> None:
    watches = daemon_of(many(tmp_path)).watches()

    assert [(watch.name, watch.interval) for watch in watches] == [
        ("token token token=market", 15 * MINUTE),
        ("token token token=bank", 15 * MINUTE),
        ("account waba waba_id=100", MINUTE),
        ("account waba waba_id=101", MINUTE),
        ("account waba waba_id=102", MINUTE),
        ("templates waba waba_id=100", 15 * MINUTE),
        ("templates waba waba_id=101", 15 * MINUTE),
        ("templates waba waba_id=102", 15 * MINUTE),
        ("app app app_id=61", 15 * MINUTE),
        ("app app app_id=62", 15 * MINUTE),
        ("api_version instance", 60 * MINUTE),
    ]


def test_no_two_jobs_share_a_name(tmp_path: Path) -> None:
    """The scheduler would refuse the second one, and with it the start."""
    names = [job.name for job in daemon_of(many(tmp_path)).jobs()]

    assert len(names) == len(set(names)) == 13
    assert names[:2] == [TICK, PRUNE]


def test_account_is_asked_as_its_own_token_and_judged_by_its_own_app(tmp_path: Path) -> None:
    targets = account_targets(daemon_of(many(tmp_path)))

    assert [(target.name, target.token, target.app_id, target.version) for target in targets] == [
        ("market", "market", "61", "v25.0"),
        ("deliveries", "market", "61", "v25.0"),
        ("bank", "bank", "62", "v25.0"),
    ]


def test_token_of_two_accounts_is_inspected_once_for_both(tmp_path: Path) -> None:
    targets: list[Any] = [w.target() for w in daemon_of(many(tmp_path)).watches() if w.probe is token.PROBE]

    assert [(target.token, target.app_id, target.waba_ids) for target in targets] == [
        ("market", "61", ("100", "101")),
        ("bank", "62", ("102",)),
    ]


def test_everything_configured_counts_as_monitored(tmp_path: Path) -> None:
    assert daemon_of(many(tmp_path)).monitored() == Monitored(
        waba_ids=frozenset({"100", "101", "102"}),
        tokens=frozenset({"market", "bank"}),
        app_ids=frozenset({"61", "62"}),
        versions=frozenset({"v25.0", "v24.0"}),
        probes=frozenset({"account", "templates", "token", "app", "api_version"}),
        # Nobody sends webhooks to this one.
        rules=frozenset(rule.name for rule in RULES) - BY_WEBHOOKS_ONLY,
    )


def test_disabled_rule_is_not_monitored(tmp_path: Path) -> None:
    file = "[rules.WhatsAppQualityRating]\nenabled = false\n"

    monitored = Bench(tmp_path, file=file, verify_token="a-word").daemon.monitored()

    assert monitored.rules == {rule.name for rule in RULES} - {"WhatsAppQualityRating"}


@pytest.mark.parametrize(
    ("poll_interval", "tick_seconds"), [("1", 1), ("4", 1), ("20", 5), ("60", 15), ("240", 60), ("3600", 60)]
)
def test_time_is_let_pass_four_times_a_poll_within_bounds(
    tmp_path: Path, poll_interval: str, tick_seconds: float
) -> None:
    settings = Bench(tmp_path, poll_interval=poll_interval).settings

    assert tick_interval(settings).total_seconds() == tick_seconds


# --- the app that nobody configured -----------------------------------------------------------------------------------


def account_targets(daemon: Daemon) -> list[AccountTarget]:
    targets = [watch.target() for watch in daemon.watches() if watch.probe is account.PROBE]
    return [target for target in targets if isinstance(target, AccountTarget)]


def test_app_that_debug_token_tells_is_the_one_that_accounts_are_judged_by(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path, app_id="", app_secret="")
        waba_id = next(iter(bench.world.wabas))
        bench.world.unsubscribe(waba_id, bench.app.id)
        assert [target.app_id for target in account_targets(bench.daemon)] == [None]

        async with bench.started() as daemon:
            assert [target.app_id for target in account_targets(daemon)] == [bench.app.id]
            # In the first round already: the token is asked before the account.
            seen = daemon.engine.state.snapshot.value(Subject.waba(waba_id), WEBHOOK_SUBSCRIBED)
            assert seen == {bench.app.id: False}

    asyncio.run(story())


def test_app_that_was_learned_is_remembered_over_a_restart(tmp_path: Path) -> None:
    async def story() -> None:
        async with Bench(tmp_path, app_id="", app_secret="").started():
            pass
        again = Bench(tmp_path, app_id="", app_secret="")

        async with again.daemon.opened():
            assert [target.app_id for target in account_targets(again.daemon)] == [again.app.id]

    asyncio.run(story())


def test_configured_app_beats_the_learned_one(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path, app_id="61", app_secret="")
        async with bench.started() as daemon:
            assert [target.app_id for target in account_targets(daemon)] == ["61"]

    asyncio.run(story())


def test_app_without_its_secret_is_not_asked_about(tmp_path: Path) -> None:
    watches: tuple[Watch, ...] = Bench(tmp_path, app_secret="").daemon.watches()

    assert [watch.name for watch in watches if watch.probe is app.PROBE] == []


# --- whether it is well -----------------------------------------------------------------------------------------------


def test_ready_comes_with_the_first_look_at_everything(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path)
        before = bench.daemon.health()
        async with bench.started() as daemon:
            after = daemon.health()

        assert (before.is_healthy, before.is_ready) == (True, False)
        assert before.not_ready_reasons == ("the first look at every account is not done yet",)
        assert (after.is_healthy, after.is_ready, after.not_ready_reasons) == (True, True, ())

    asyncio.run(story())


def test_meta_being_down_does_not_keep_it_from_being_ready(tmp_path: Path) -> None:
    """Else an outage at Meta would look like one of wamon, and somebody would restart it."""

    async def story() -> None:
        bench = Bench(tmp_path)
        bench.world.faults.add("refused")
        async with bench.started() as daemon:
            assert daemon.health().is_ready

    asyncio.run(story())


def test_loop_that_hangs_is_not_healthy_until_it_ticks_again(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path, poll_interval="60")
        async with bench.started() as daemon:
            await daemon.tick()
            bench.clock.advance(89)
            assert daemon.health().is_healthy

            # Four ticks of 15 s and half a minute.
            bench.clock.advance(1)
            assert not daemon.health().is_healthy
            assert daemon.pictures.overview(Query()).verdict == "wamon itself is not well: a part of it has stopped."

            await daemon.tick()
            assert daemon.health().is_healthy

    asyncio.run(story())


def test_loop_that_never_began_to_tick_is_not_healthy_either(tmp_path: Path) -> None:
    bench = Bench(tmp_path, poll_interval="60")

    bench.clock.advance(90)

    assert not bench.daemon.health().is_healthy


def test_store_that_takes_nothing_is_not_healthy_in_the_end(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path)
        async with bench.started() as daemon:
            await daemon.tick()
            await daemon.store.close()
            bench.clock.advance(90)
            with pytest.raises(StoreError):
                await daemon.tick()

            assert not daemon.health().is_healthy
            await daemon.store.open()

    asyncio.run(story())


def test_tick_measures_the_database(tmp_path: Path) -> None:
    async def story() -> None:
        async with Bench(tmp_path).started() as daemon:
            await daemon.tick()

            size = daemon.instruments.registry.get_sample_value("wamon_database_size_bytes")
            assert size is not None
            assert size >= (tmp_path / "wamon.db").stat().st_size > 0

    asyncio.run(story())


def test_old_history_is_forgotten_and_the_present_is_not(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path)
        async with bench.started() as daemon:
            signals = signals_by_name(SIGNALS)
            assert await daemon.store.history(signals)
            bench.clock.advance(HISTORY_KEPT.total_seconds())
            await daemon.prune()
            assert await daemon.store.history(signals)

            bench.clock.advance(1)
            await daemon.prune()

            assert await daemon.store.history(signals) == ()
            assert (await daemon.store.load(signals)).snapshot.facts == daemon.engine.state.snapshot.facts

    asyncio.run(story())


# --- webhooks ---------------------------------------------------------------------------------------------------------

ZOE = Customer(phone="493023125042", name="Zoe", user_id="DE.1234567890123456")
VERIFY_TOKEN = "a-word-of-ours"


def told(number: Number, word: str, at: datetime, **options: Any) -> Event:
    """Meta tells a status of the one message there is."""
    item = status(wamid(ZOE.phone, "3A4A6599AEE0381014"), word, at, ZOE, **options)
    return Event(waba_id=number.waba_id, field=MESSAGES, at=at, item=item, number=number, customer=ZOE)


async def take(bench: Bench, *events: Event) -> bool:
    """The daemon takes in one body that tells all of these, now."""
    body = encode(body_of(events))
    return await bench.daemon.intake.take(body, app_id=bench.app.id, now=bench.clock.now().timestamp())


def test_webhooks_are_taken_of_apps_with_a_verify_token_by_either_secret(tmp_path: Path) -> None:
    path = tmp_path / "wamon.toml"
    text = MANY.replace('name = "shop"', 'name = "shop"\nverify_token = "shop-word"\nprevious_app_secret = "former00"')
    path.write_text(f'database = "wamon.db"\n{text}', encoding="utf-8")

    (sender,) = senders(load_settings(path, {}, rules=RULES, default_paths=()))

    assert (sender.name, sender.app_id, sender.verify_token) == ("shop", "61", "shop-word")
    assert sender.secrets == ("0123456789abcdef0123456789abcdef", "former00")
    assert "word" not in repr(sender)
    assert "former00" not in repr(sender)


def test_statuses_show_at_the_next_tick(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path, verify_token=VERIFY_TOKEN)
        async with bench.started() as daemon:
            number = next(iter(bench.world.numbers.values()))
            assert await take(bench, told(number, "sent", bench.clock.now()))
            assert b'status="sent"' not in daemon.scrape(False)

            await daemon.tick()

            shown = daemon.scrape(False).decode()
            labels = f'phone_number_id="{number.id}",status="{{}}",waba_id="{number.waba_id}"'
            assert f"whatsapp_message_statuses_total{{{labels.format('sent')}}} 1.0" in shown
            assert f"whatsapp_message_statuses_total{{{labels.format('delivered')}}} 0.0" in shown

    asyncio.run(story())


def test_books_show_at_once_after_a_restart(tmp_path: Path) -> None:
    """A counter that is away at the first scrape would look like a reset."""

    async def story() -> None:
        bench = Bench(tmp_path, verify_token=VERIFY_TOKEN)
        async with bench.started():
            number = next(iter(bench.world.numbers.values()))
            assert await take(bench, told(number, "sent", bench.clock.now()))

        again = Bench(tmp_path, verify_token=VERIFY_TOKEN)
        async with again.daemon.opened():
            shown = again.daemon.scrape(False).decode()

        assert re.search(r'^whatsapp_message_statuses_total\{[^}]*status="sent"[^}]*\} 1\.0$', shown, re.MULTILINE)

    asyncio.run(story())


def test_messages_older_than_the_retention_are_forgotten(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path, verify_token=VERIFY_TOKEN, message_retention_days="8")
        async with bench.started() as daemon:
            number = next(iter(bench.world.numbers.values()))
            sent = told(number, "sent", bench.clock.now())
            assert await take(bench, sent)

            bench.clock.advance(timedelta(days=7, hours=23).total_seconds())
            await daemon.prune()
            assert await take(bench, sent)
            assert duplicates(daemon) == 1

            # The last message of a day goes when the first one of it could have gone a day ago.
            bench.clock.advance(timedelta(days=1, hours=1).total_seconds())
            await daemon.prune()
            assert await take(bench, sent)
            assert duplicates(daemon) == 1

    asyncio.run(story())


def duplicates(daemon: Daemon) -> int:
    return sum(count for key, count in daemon.intake.books.totals.items() if key[0] == books.DUPLICATES)


def test_webhooks_that_cannot_be_kept_make_it_not_ready_until_they_can(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path, verify_token=VERIFY_TOKEN)
        async with bench.started() as daemon:
            number = next(iter(bench.world.numbers.values()))
            sent = told(number, "sent", bench.clock.now())
            await daemon.store.close()
            assert not await take(bench, sent)

            assert (daemon.health().is_healthy, daemon.health().is_ready) == (True, False)
            assert len(daemon.health().not_ready_reasons) == 1

            await daemon.store.open()
            assert await take(bench, sent)
            assert daemon.health().is_ready

    asyncio.run(story())


# --- who is told ------------------------------------------------------------------------------------------------------

WEBHOOK = {"slack_webhook_url": "https://hooks.slack.com/services/T/B/x"}
BOT = {"slack_bot_token": "xoxb-1", "slack_channel": "#alerts"}


@pytest.mark.parametrize(
    ("configured", "receivers"),
    [
        ({}, ["log"]),
        (WEBHOOK, ["slack_webhook"]),
        (BOT, ["slack_bot"]),
        ({**WEBHOOK, **BOT}, ["slack_webhook", "slack_bot"]),
        ({**BOT, "webhook_url": "https://pager.example/in"}, ["slack_bot", "webhook"]),
        ({"alerting_mode": "prometheus"}, []),
        ({**WEBHOOK, **BOT, "alerting_mode": "prometheus"}, []),
    ],
)
def test_receivers_follow_from_the_configuration(
    tmp_path: Path, configured: dict[str, str], receivers: list[str]
) -> None:
    assert list(build_notifiers(Bench(tmp_path, **configured).settings, RULES)) == receivers


def test_with_prometheus_alerting_alerts_are_judged_and_nobody_is_told(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path, alerting_mode="prometheus", **WEBHOOK)
        next(iter(bench.world.numbers.values())).quality_rating = "RED"
        async with bench.started() as daemon:
            opened = [alert.rule for alert in daemon.engine.state.alerts.values() if alert.is_open]

            assert opened == ["WhatsAppQualityRating"]
            assert (await daemon.store.outbox_figures()).due == 0
            assert 'wamon_alerting_mode{mode="prometheus"} 1.0' in daemon.scrape(False).decode()

    asyncio.run(story())


# --- taking and giving back -------------------------------------------------------------------------------------------


def test_what_was_opened_is_given_back(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path)
        async with bench.started():
            assert not bench.meta.is_closed

        assert bench.meta.is_closed
        await _can_be_opened(bench.settings.database)

    asyncio.run(story())


def test_what_was_opened_is_given_back_when_the_state_cannot_be_loaded(tmp_path: Path) -> None:
    async def story() -> None:
        async with Bench(tmp_path).started():
            pass
        with closing(sqlite3.connect(tmp_path / "wamon.db", isolation_level=None)) as other:
            other.execute("UPDATE facts SET value = '{'")
        again = Bench(tmp_path)

        with pytest.raises(StoreError, match="holds a row that this wamon cannot read"):
            async with again.daemon.opened():
                raise AssertionError("opened all the same")

        assert again.meta.is_closed
        await _can_be_opened(again.settings.database)

    asyncio.run(story())


def test_failure_inside_gives_back_too_and_is_told_as_it_was(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path)
        with pytest.raises(ZeroDivisionError):
            async with bench.daemon.opened():
                raise ZeroDivisionError

        assert bench.meta.is_closed
        await _can_be_opened(bench.settings.database)

    asyncio.run(story())


async def _can_be_opened(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.close()


def test_wrong_base_url_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="graph_base_url"):
        Bench(tmp_path, graph_base_url="http://graph.example")


# --- the whole life ---------------------------------------------------------------------------------------------------


def test_run_serves_polls_and_stops_when_told(tmp_path: Path) -> None:
    async def story() -> None:
        clock = SystemClock(speed=100.0)
        world = World.small(clock.now)
        daemon = Daemon(settings_for(world, tmp_path), clock=clock, random=random.Random(0), transport=Meta(world))
        stop = asyncio.Event()
        listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as tasks, httpx.AsyncClient() as client:
            life = tasks.create_task(daemon.run(stop, listening=listening.set_result))
            url = await listening
            while (await client.get(f"{url}/-/ready")).status_code != 200:
                await clock.sleep(1)
            metrics = await client.get(f"{url}/metrics")
            page = await client.get(url)
            healthy = await client.get(f"{url}/-/healthy")
            stop.set()
            await life

        assert (healthy.status_code, healthy.text) == (200, "healthy\n")
        assert 'whatsapp_phone_number_quality_rating{phone_number_id="106540000000005"' in metrics.text
        assert INSTRUMENTS[0].name in metrics.text
        assert "no alert is open." in page.text
        with pytest.raises(httpx.ConnectError):
            async with httpx.AsyncClient() as client:
                await client.get(url)
        await _can_be_opened(tmp_path / "wamon.db")

    asyncio.run(story())


def test_run_shakes_hands_takes_webhooks_and_looks_at_once_where_they_say_so(tmp_path: Path) -> None:
    async def story() -> None:
        clock = SystemClock(speed=100.0)
        world = World.small(clock.now)
        app = next(iter(world.apps.values()))
        number = next(iter(world.numbers.values()))
        settings = settings_for(world, tmp_path, verify_token=VERIFY_TOKEN, poll_interval="86400")
        daemon = Daemon(settings, clock=clock, random=random.Random(0), transport=Meta(world))
        stop = asyncio.Event()
        urls: dict[str, str] = {}
        is_listening = asyncio.Event()

        def listening(url: str) -> None:
            urls["private"] = url
            is_listening.set()

        def looks() -> int:
            return sum(call.path == f"/{number.waba_id}" for call in world.calls)

        async def post(event: Event) -> httpx.Response:
            body = encode(body_of([event]))
            headers = {SIGNATURE_HEADER: signature(app.secret, body)}
            return await client.post(f"{urls['public']}/webhook", content=body, headers=headers)

        async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as tasks, httpx.AsyncClient() as client:
            life = tasks.create_task(
                daemon.run(stop, listening=listening, receiving=partial(urls.__setitem__, "public"))
            )
            await is_listening.wait()
            asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": VERIFY_TOKEN}
            hands = await client.get(f"{urls['public']}/webhook/default", params=asked)
            taken = await post(told(number, "sent", clock.now()))
            while looks() < 1:
                await clock.sleep(1)
            number.quality_rating = "RED"
            item: dict[str, object] = {"display_phone_number": number.display_phone_number, "event": "FLAGGED"}
            hinted = await post(
                Event(waba_id=number.waba_id, field="phone_number_quality_update", at=clock.now(), item=item)
            )
            while looks() < 2:
                await clock.sleep(1)
            while "whatsapp_message_statuses_total" not in (await client.get(f"{urls['private']}/metrics")).text:
                await clock.sleep(1)
            elsewhere = await client.get(f"{urls['public']}/metrics")
            stop.set()
            await life

        assert (hands.status_code, hands.text) == (200, "1158201444")
        assert (taken.status_code, hinted.status_code, elsewhere.status_code) == (200, 200, 404)
        with pytest.raises(httpx.ConnectError):
            async with httpx.AsyncClient() as client:
                await client.get(urls["public"])

    asyncio.run(story())


def test_without_a_verify_token_nothing_is_open_to_the_public(tmp_path: Path) -> None:
    async def story() -> None:
        clock = SystemClock(speed=100.0)
        world = World.small(clock.now)
        daemon = Daemon(settings_for(world, tmp_path), clock=clock, random=random.Random(0), transport=Meta(world))
        stop = asyncio.Event()
        heard: list[str] = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            await daemon.run(stop, listening=lambda _url: stop.set(), receiving=heard.append)

        assert heard == []

    asyncio.run(story())


def test_second_daemon_on_the_database_is_refused_before_anything_runs(tmp_path: Path) -> None:
    async def story() -> None:
        heard: list[str] = []
        async with Bench(tmp_path).daemon.opened():
            second = Bench(tmp_path)
            with pytest.raises(StoreInUseError, match=str(os.getpid())):
                await second.daemon.run(asyncio.Event(), listening=heard.append)

        assert heard == []
        assert second.world.calls == []

    asyncio.run(story())


def test_start_that_fails_half_way_gives_everything_back(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path)

        def fail(url: str) -> None:
            raise ZeroDivisionError(url)

        with pytest.raises(ExceptionGroup) as caught:
            await bench.daemon.run(asyncio.Event(), listening=fail)

        assert [type(error) for error in caught.value.exceptions] == [ZeroDivisionError]
        assert bench.meta.is_closed
        await _can_be_opened(bench.settings.database)

    asyncio.run(story())
