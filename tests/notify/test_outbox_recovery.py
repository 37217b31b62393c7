import asyncio
import logging
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes import START
from tests.notify.cases import Pigeon, notification, transition
from tests.notify.desk import Desk, at_desk, cancelled, closed, opened
from wamon.core.errors import DeliveryDeferred, StoreError
from wamon.core.ports import Message, Receipt
from wamon.notify import MessageRejected
from wamon.notify.slack import SlackBot, SlackWebhook
from wamon.sim.serve import serve
from wamon.sim.slack import SlackChannel, slack_app

DOWN = DeliveryDeferred("Slack cannot be reached: Connection refused")
UNSPEAKABLE = MessageRejected("Slack refused (invalid_blocks): report it", reason="invalid_blocks")
LOST = DeliveryDeferred("Slack did not answer: timed out", may_have_arrived=True)


# --- at least once ----------------------------------------------------------------------------------------------------


def test_lost_answer_is_sent_again_as_a_possible_duplicate(tmp_path: Path) -> None:
    pigeon = Pigeon()
    pigeon.fate = {1: LOST}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())

        await desk.live(timedelta(minutes=1))

        assert [message.remarks for message in pigeon.tried] == [
            (),
            ("possible duplicate: an earlier attempt may have arrived",),
        ]
        assert len({message.reference for message in pigeon.tried}) == 1
        assert desk.recorder.possible_duplicates == 1

    at_desk(tmp_path, scenario, pigeon)


def test_refused_connection_makes_no_possible_duplicate(tmp_path: Path) -> None:
    pigeon = Pigeon()
    pigeon.fate = {1: DOWN}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())

        await desk.live(timedelta(minutes=1))

        assert [message.remarks for message in pigeon.carried] == [()]
        assert desk.recorder.possible_duplicates == 0

    at_desk(tmp_path, scenario, pigeon)


def test_crash_between_acceptance_and_commit_sends_again_and_says_so(tmp_path: Path) -> None:
    pigeon = Pigeon()

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())
        (row,) = await desk.store.due_notifications("slack_bot", desk.clock.now(), limit=1)
        await desk.store.begin_attempt(row.id, at=desk.clock.now())
        # Here Slack accepted it, and the process died.
        next_process = desk.another()

        assert await next_process.recover() == 1
        await next_process.deliver_due()

        assert pigeon.carried[0].remarks == ("possible duplicate: an earlier attempt may have arrived",)
        assert desk.recorder.possible_duplicates == 1
        assert await next_process.recover() == 0

    at_desk(tmp_path, scenario, pigeon)


def test_restart_after_the_commit_repeats_nothing(tmp_path: Path) -> None:
    pigeon = Pigeon()

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())
        await desk.outbox.deliver_due()
        next_process = desk.another()

        await next_process.recover()
        await next_process.deliver_due()

        assert len(pigeon.carried) == 1

    at_desk(tmp_path, scenario, pigeon)


def test_nothing_is_sent_before_the_attempt_is_noted(tmp_path: Path) -> None:
    pigeon = Pigeon()

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())
        desk.store.broken = frozenset({"begin"})

        with pytest.raises(StoreError):
            await desk.outbox.deliver_due()

        assert pigeon.tried == []
        desk.store.broken = frozenset()
        await desk.outbox.deliver_due()
        assert [message.remarks for message in pigeon.carried] == [()]

    at_desk(tmp_path, scenario, pigeon)


def test_success_that_could_not_be_noted_is_sent_again_as_a_possible_duplicate(tmp_path: Path) -> None:
    pigeon = Pigeon()

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())
        desk.store.broken = frozenset({"finish", "revive"})
        for _ in range(2):
            with pytest.raises(StoreError):
                await desk.outbox.deliver_due()
        desk.store.broken = frozenset()

        assert await desk.outbox.deliver_due() is None

        assert [message.remarks for message in pigeon.carried] == [
            (),
            ("possible duplicate: an earlier attempt may have arrived",),
        ]

    at_desk(tmp_path, scenario, pigeon)


# --- the clock --------------------------------------------------------------------------------------------------------


def test_row_from_the_future_is_sent_now(tmp_path: Path) -> None:
    pigeon = Pigeon()

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(when=START + timedelta(days=1)))

        await desk.live(timedelta(seconds=1))

        assert len(pigeon.carried) == 1

    at_desk(tmp_path, scenario, pigeon)


def test_retry_stamped_before_the_clock_went_back_is_not_waited_for(tmp_path: Path) -> None:
    pigeon = Pigeon()
    pigeon.fate = {1: DOWN}

    async def scenario(desk: Desk) -> None:
        desk.clock.advance(7 * 3600)
        await desk.owe(opened(when=START))
        await desk.outbox.deliver_due()
        desk.clock.step(-6 * 3600)

        await desk.live(timedelta(minutes=1))

        assert len(pigeon.carried) == 1

    at_desk(tmp_path, scenario, pigeon)


# --- the loop ---------------------------------------------------------------------------------------------------------


def test_run_delivers_what_it_is_woken_for(tmp_path: Path) -> None:
    pigeon = Pigeon()

    async def scenario(desk: Desk) -> None:
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            with cancelled(group.create_task(desk.outbox.run())):
                for index in range(3):
                    await desk.owe(opened(index))
                    desk.outbox.wake()
                    while len(pigeon.carried) <= index:
                        await desk.store.outbox_figures()

        assert len(pigeon.carried) == 3

    at_desk(tmp_path, scenario, pigeon)


def test_run_waits_for_the_next_attempt_by_the_clock(tmp_path: Path) -> None:
    pigeon = Pigeon()
    pigeon.fate = dict.fromkeys(range(1, 11), DOWN)

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            with cancelled(group.create_task(desk.outbox.run())):
                while not pigeon.carried:
                    await desk.store.outbox_figures()

        assert desk.clock.now() - START == timedelta(seconds=405.5)
        assert max(desk.clock.slept) == 60

    at_desk(tmp_path, scenario, pigeon)


def test_run_survives_a_store_that_fails(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pigeon = Pigeon()

    async def scenario(desk: Desk) -> None:
        caplog.set_level(logging.INFO, logger="wamon.notify")
        await desk.owe(opened())
        desk.store.broken = frozenset({"begin"})
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            with cancelled(group.create_task(desk.outbox.run())):
                while desk.recorder.commit_failures < 3:
                    await desk.store.outbox_figures()
                desk.store.broken = frozenset()
                while "outbox can use the store again" not in caplog.messages:
                    await desk.store.outbox_figures()

        assert len(pigeon.carried) == 1

    at_desk(tmp_path, scenario, pigeon)

    assert caplog.messages == ["outbox cannot use the store", "outbox can use the store again"]


class Slow(Pigeon):
    """Its answer comes when it may."""

    def __init__(self, name: str = "slack_bot") -> None:
        super().__init__(name)
        self.has_begun = asyncio.Event()
        self.may_end = asyncio.Event()

    async def send(self, message: Message) -> Receipt:
        self.has_begun.set()
        await self.may_end.wait()
        return await super().send(message)


def test_slow_receiver_holds_up_no_other(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        slow, quick = Slow("slack_webhook"), Pigeon("slack_bot")
        await desk.restart(slow, quick)
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            with cancelled(group.create_task(desk.outbox.run())):
                for index in range(3):
                    await desk.owe(opened(index), receivers=("slack_webhook", "slack_bot"))
                    desk.outbox.wake()
                    await slow.has_begun.wait()
                    while len(quick.carried) <= index:
                        await desk.store.outbox_figures()
                slow.may_end.set()

        assert len(slow.carried) <= 1

    at_desk(tmp_path, scenario)


def test_stopped_in_the_middle_what_was_accepted_is_noted(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        pigeon = Slow()
        desk.notifiers["slack_bot"] = pigeon
        outbox = desk.another()
        await desk.owe(opened(), opened(1))
        running = asyncio.ensure_future(outbox.run())
        await pigeon.has_begun.wait()

        running.cancel()
        asyncio.get_running_loop().call_soon(pigeon.may_end.set)
        with pytest.raises(asyncio.CancelledError):
            await running

        figures = await desk.store.outbox_figures()
        assert (figures.sending, figures.due) == (0, 1)
        assert len(pigeon.carried) == 1

    at_desk(tmp_path, scenario)


def test_stop_does_not_wait_for_ever_and_the_next_process_sends_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(desk: Desk) -> None:
        pigeon = Slow()
        desk.notifiers["slack_bot"] = pigeon
        outbox = desk.another(stop_seconds=0.05)
        await desk.owe(opened())
        running = asyncio.ensure_future(outbox.run())
        await pigeon.has_begun.wait()

        running.cancel()
        async with asyncio.timeout(20):
            with pytest.raises(asyncio.CancelledError):
                await running

        pigeon.may_end.set()
        await desk.restart()
        await desk.outbox.deliver_due()
        assert [message.remarks for message in pigeon.carried] == [
            ("possible duplicate: an earlier attempt may have arrived",)
        ]

    at_desk(tmp_path, scenario)

    assert "stopped before the receiver answered" in caplog.messages


# --- with Slack -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["slack_webhook", "slack_bot"])
def test_slack_is_down_for_half_an_hour_and_then_everything_arrives_in_order(
    tmp_path: Path, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def scenario(desk: Desk) -> None:
        channel = SlackChannel(now=desk.clock.now)
        async with serve(slack_app(channel)) as url:
            desk.notifiers[way] = (
                SlackWebhook(url + channel.webhook_path, timeout_seconds=5)
                if way == "slack_webhook"
                else SlackBot(channel.bot_token, channel.id, url + "/api", timeout_seconds=5)
            )
            desk.outbox = desk.another()
            outage = channel.faults.add("status", http_status=503)
            for minute in range(30):
                now = desk.clock.now()
                await desk.owe(opened(minute, when=now), receivers=(way,))
                if minute % 3 == 0:
                    await desk.owe(closed(minute, when=now), receivers=(way,))
                end = now + timedelta(minutes=1)
                await desk.live(timedelta(minutes=1))
                desk.clock.advance((end - desk.clock.now()).total_seconds())
            assert channel.messages == []
            attempts = len(channel.calls)
            channel.faults.remove(outage)

            await desk.live(timedelta(minutes=6))

            seen = [message.text.splitlines()[0] for message in channel.messages]
            expected = []
            for minute in range(30):
                expected.append(f"CRITICAL  Quality rating RED  phone number {1000 + minute}")
                if minute % 3 == 0:
                    expected.append(f"RESOLVED after 0 s  Quality rating RED  phone number {1000 + minute}")
            assert seen == expected
            assert attempts < 60
            assert "Slack was unreachable" in channel.messages[0].text
            assert "possible duplicate" not in "".join(message.all_text for message in channel.messages)
            await desk.notifiers[way].close()

    at_desk(tmp_path, scenario)

    assert "simulated" not in caplog.text


@pytest.mark.parametrize("fault", ["accept_then_reset", "accept_then_hang"])
def test_accepted_and_then_lost_arrives_twice_and_says_so(tmp_path: Path, fault: str) -> None:
    async def scenario(desk: Desk) -> None:
        channel = SlackChannel(now=desk.clock.now)
        async with serve(slack_app(channel)) as url:
            desk.notifiers["slack_bot"] = SlackBot(channel.bot_token, channel.id, url + "/api", timeout_seconds=0.5)
            desk.outbox = desk.another()
            channel.faults.add(fault, times=1)
            await desk.owe(opened())

            await desk.live(timedelta(minutes=1))

            first, second = channel.messages
            assert "possible duplicate" not in first.all_text
            assert "possible duplicate" in second.text
            assert "possible duplicate" in str(second.blocks)
            assert first.metadata == second.metadata
            await desk.notifiers["slack_bot"].close()

    at_desk(tmp_path, scenario)


def test_archived_channel_delays_what_is_owed_until_it_is_back(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        channel = SlackChannel(now=desk.clock.now, is_archived=True)
        async with serve(slack_app(channel)) as url:
            desk.notifiers["slack_bot"] = SlackBot(channel.bot_token, channel.id, url + "/api", timeout_seconds=5)
            desk.outbox = desk.another()
            await desk.owe(opened(), opened(1))
            await desk.live(timedelta(hours=30))
            (problem,) = desk.outbox.problems
            channel.is_archived = False

            await desk.live(timedelta(minutes=6))

            assert "unarchive" in problem
            assert len(channel.messages) == 2
            assert await desk.store.dead_letters() == ()
            assert not desk.outbox.problems
            await desk.notifiers["slack_bot"].close()

    at_desk(tmp_path, scenario)


def test_notification_of_the_cases_is_that_of_the_store(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.owe(transition())

        assert await desk.store.due_notifications("slack_bot", START, limit=9) == (notification(transition()),)

    at_desk(tmp_path, scenario)
