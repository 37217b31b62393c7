"""What a scrape shows is what Meta told, whatever happens on the way: repetition, disorder, restarts, removals."""

import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.flows.harness import simulated
from tests.flows.webhooks_harness import SEND_EVERY, Series, WebhookFlow
from wamon.core import books
from wamon.sim.sender import Mischief
from wamon.sim.traffic import Mix, Traffic
from wamon.sim.webhooks import Event, body_of, encode

FAILURES = "WhatsAppFailureRatioHigh"
BAD_LIST = Mix(failed={131026: 0.16, 131049: 0.10, 131047: 0.20}, undelivered=0.05)
# What repetition and disorder are bound to change: they are counted, and so is how often Meta wrote.
OF_THE_WAY = {books.DUPLICATES, books.OUT_OF_ORDER, books.WEBHOOK_EVENTS}

Post: TypeAlias = Callable[[list[Event]], list[bytes]]


def plain(events: list[Event]) -> list[bytes]:
    return [encode(body_of(events))]


class Disorder:
    """The same events in bodies of every size, out of order, and most of them again."""

    def __init__(self) -> None:
        self._random = random.Random(7)
        self._told: list[bytes] = []

    def __call__(self, events: list[Event]) -> list[bytes]:
        mixed = self._random.sample(events, len(events))
        bodies = []
        while mixed:
            size = self._random.randint(1, 7)
            bodies.append(encode(body_of(mixed[:size])))
            del mixed[:size]
        repeated = self._random.sample(self._told, min(len(self._told), 3))
        self._told += bodies
        return self._random.sample([*bodies, *bodies, *repeated], 2 * len(bodies) + len(repeated))


async def play(flow: WebhookFlow, traffic: Traffic, post: Post, *, minutes: int) -> None:
    """Let time pass, with what happened posted by hand every so often."""
    for _ in range(int(timedelta(minutes=minutes) / SEND_EVERY)):
        await flow.run(minutes=SEND_EVERY.total_seconds() / 60)
        events = traffic.due()
        if events:
            for body in post(events):
                assert await flow.post(body) == 200


async def campaign(flow: WebhookFlow, post: Post, *, restarts: bool = False) -> None:
    """A bad campaign comes, ends, and good traffic follows."""
    traffic = Traffic(flow.world, random.Random(3))
    traffic.start(flow.number.id, per_hour=90)
    await play(flow, traffic, post, minutes=10)
    traffic.start(flow.number.id, per_hour=600, mix=BAD_LIST, category="marketing", lasts=timedelta(minutes=20))
    traffic.opt_out(flow.number.id)
    for minutes in (8, 2, 10, 15, 60):
        await play(flow, traffic, post, minutes=minutes)
        if restarts:
            await flow.restart()
    await play(flow, traffic, post, minutes=15)


@simulated
async def test_repetition_and_disorder_change_no_figure_and_no_alert(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path / "plain") as flow:
        await campaign(flow, plain)
        totals, figures = flow.totals(), flow.figures()
        announced = await flow.timeline()

    async with WebhookFlow(tmp_path / "disturbed") as flow:
        await campaign(flow, Disorder())
        disturbed, disturbed_figures = flow.totals(), flow.figures()
        disturbed_announced = await flow.timeline()

    assert {FAILURES} < {rule for _, rule, _, _ in announced}
    assert disturbed_announced == announced
    assert disturbed_figures == figures
    assert without(disturbed, OF_THE_WAY) == without(totals, OF_THE_WAY)
    assert disturbed[books.DUPLICATES, ()] > 1000
    assert disturbed[books.OUT_OF_ORDER, ()] > 50
    assert totals[books.DUPLICATES, ()] == 0


@simulated
async def test_restarts_change_no_figure_and_no_alert(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path / "plain") as flow:
        await campaign(flow, plain)
        totals, figures, announced = flow.totals(), flow.figures(), await flow.timeline()

    async with WebhookFlow(tmp_path / "restarted") as flow:
        await campaign(flow, plain, restarts=True)
        restarted, restarted_figures, restarted_announced = flow.totals(), flow.figures(), await flow.timeline()

    assert {FAILURES} < {rule for _, rule, _, _ in announced}
    assert restarted == totals
    assert restarted_figures == figures
    assert restarted_announced == announced


@simulated
async def test_open_alert_does_not_go_stale_over_a_restart(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        await flow.say(flow.messages(100), "failed", error_code=131047)
        await flow.run(minutes=5)
        for _ in range(3):
            await flow.restart()
            await flow.run(minutes=1)

        assert await flow.transitions(FAILURES) == [("open", "critical")]


@simulated
async def test_what_comes_minutes_late_and_out_of_order_changes_no_sum_and_no_announcement(tmp_path: Path) -> None:
    stories = []
    for name, mischief in (("plain", Mischief(shared=0)), ("late", Mischief(repeated=0.3, late=0.3, most_in_body=9))):
        async with WebhookFlow(tmp_path / name) as flow:
            flow.sender.mischief = mischief
            flow.traffic.start(flow.number.id, per_hour=90)
            flow.traffic.start(flow.number.id, per_hour=600, mix=BAD_LIST, lasts=timedelta(minutes=25))
            await flow.run(minutes=120)
            flow.traffic.end()
            await flow.run(minutes=45)
            lags = {f"{books.WEBHOOK_LAG}_{part}" for part in ("bucket", "sum")}
            stories.append((without(flow.totals(), OF_THE_WAY | lags), await flow.announced()))

    assert stories[0][0] == stories[1][0]
    assert sorted(stories[0][1]) == sorted(stories[1][1])
    assert stories[0][1]


@simulated
async def test_scrape_agrees_with_what_was_sent(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        flow.sender.mischief = Mischief(repeated=0.2, late=0.2, shared=0.7, most_in_body=8)
        for index, number_id in enumerate(flow.waba.number_ids):
            flow.traffic.start(number_id, per_hour=120 * (index + 1), mix=BAD_LIST, lasts=timedelta(minutes=30))
            flow.traffic.opt_out(number_id)
        await flow.run(minutes=75)
        assert flow.traffic.is_quiet
        assert flow.sender.is_idle

        told = [flow.sender.ledger.number(number_id) for number_id in flow.waba.number_ids]
        for number_id, own in zip(flow.waba.number_ids, told, strict=True):
            for word, messages in own.statuses().items():
                shown = flow.metric("whatsapp_message_statuses_total", phone_number_id=number_id, status=word)
                assert (word, shown) == (word, messages)
            failures = own.failures()
            hard, soft = (
                flow.metric("whatsapp_message_bounces_total", phone_number_id=number_id, kind=kind)
                for kind in ("hard", "soft")
            )
            assert (hard, soft) == (failures[131026], failures[131049])
            assert flow.metric("whatsapp_message_opt_outs_total", phone_number_id=number_id) == len(own.stops) == 1
            window = {"phone_number_id": number_id, "window": "24h"}
            assert flow.metric("whatsapp_messages_attempted", **window) == own.messages
            assert flow.metric("whatsapp_messages_failed", **window) == failures.total()
            assert flow.metric("whatsapp_message_failure_ratio", **window) == pytest.approx(
                failures.total() / own.messages
            )
            assert flow.metric("whatsapp_message_bounce_ratio", **window) == pytest.approx(
                (failures[131026] + failures[131049]) / own.messages
            )
            still_open = [words for words in own.words.values() if words == {"sent"}]
            ages = flow.samples("whatsapp_messages_open", phone_number_id=number_id)
            assert sum(ages.values()) == len(still_open)

        codes = sum((own.failures() for own in told), start=type(told[0].failures())())
        for code, messages in codes.items():
            assert flow.metric("whatsapp_message_failure_codes_total", code=str(code)) == messages
            assert len(flow.samples("whatsapp_error_code_info", code=str(code))) == 1
        words = [each for own in told for each in own.words.values()]
        timed = sum({"sent", "delivered"} <= each for each in words)
        assert flow.metric("whatsapp_message_delivery_seconds_count", waba_id=flow.waba.id) == timed
        assert flow.metric("whatsapp_message_delivery_seconds_bucket", waba_id=flow.waba.id, le="30.0") == timed
        assert flow.metric("whatsapp_webhook_lag_seconds_count", waba_id=flow.waba.id) == sum(map(len, words))
        assert flow.metric("wamon_webhook_duplicates_total") == flow.sender.ledger.repeats > 100
        assert flow.metric("wamon_webhook_requests_total", code="200") == flow.sender.ledger.posts


@simulated
async def test_restart_keeps_every_counter_exactly(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        flow.sender.mischief = Mischief(repeated=0.2, late=0.2)
        flow.traffic.start(flow.number.id, per_hour=300, mix=BAD_LIST)
        flow.traffic.opt_out(flow.number.id)
        await flow.run(minutes=20)
        await flow.daemon.tick()
        before = flow.counter_lines()
        await flow.restart()
        at_the_start = flow.counter_lines()
        await flow.run(minutes=20)
        flow.traffic.end()
        await flow.run(minutes=45)

        assert at_the_start == before
        told = flow.sender.ledger.number(flow.number.id)
        for word, messages in told.statuses().items():
            shown = flow.metric("whatsapp_message_statuses_total", phone_number_id=flow.number.id, status=word)
            assert (word, shown) == (word, messages)


@simulated
async def test_figures_are_there_again_with_the_first_tick_after_a_restart(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        messages = flow.messages(80)
        await flow.say(messages, "sent")
        await flow.say(messages[:20], "failed", error_code=131026)
        await flow.run(minutes=1)
        before = flow.figures()

        await flow.restart()
        await flow.run(minutes=1)

        assert flow.figures() == before
        assert flow.metric("whatsapp_message_bounce_ratio", window="1h") == 0.25


@simulated
async def test_account_that_is_taken_out_of_the_configuration_leaves_no_series(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        first, second = flow.world.wabas
        gone = [first, *flow.waba.number_ids]
        for number_id in flow.world.numbers:
            flow.traffic.start(number_id, per_hour=120, mix=BAD_LIST)
        await flow.run(minutes=40)
        assert all(each in flow.daemon.scrape(False).decode() for each in gone)

        await flow.restart(waba_id=second)
        await flow.run(minutes=5)

        text = flow.daemon.scrape(False).decode()
        assert [each for each in gone if each in text] == []
        assert len(flow.samples("whatsapp_message_statuses_total", waba_id=second, status="sent")) == 1

        await flow.restart(waba_id=first)
        await flow.run(minutes=1)
        # The books outlive it, so that the counters go on where they were.
        assert len(flow.samples("whatsapp_message_statuses_total", waba_id=first, status="sent")) == 3


@simulated
async def test_number_that_left_its_account_leaves_no_series_and_no_late_webhook_brings_it_back(
    tmp_path: Path,
) -> None:
    async with WebhookFlow(tmp_path) as flow:
        leaving = flow.world.number(flow.waba.number_ids[1])
        messages = flow.messages(60)
        await flow.say(messages, "sent", number=leaving)
        await flow.run(minutes=10)
        assert flow.samples("whatsapp_messages_open", phone_number_id=leaving.id)

        flow.world.remove_number(leaving.id)
        await flow.run(minutes=15)
        assert leaving.id not in flow.daemon.scrape(False).decode()

        await flow.say(messages, "delivered", number=leaving)
        await flow.run(minutes=15)
        assert leaving.id not in flow.daemon.scrape(False).decode()
        await flow.restart()
        await flow.run(minutes=15)
        assert leaving.id not in flow.daemon.scrape(False).decode()


def without(totals: dict[Series, float], names: set[str]) -> dict[Series, float]:
    return {key: value for key, value in totals.items() if key[0] not in names}
