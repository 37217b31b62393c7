import asyncio
import logging
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes import START
from tests.notify.desk import Desk, Pigeon, at_desk, cancelled, opened
from wamon.core.errors import DeliveryDeferred, StoreError
from wamon.core.outgoing import Message, Receipt

DOWN = DeliveryDeferred("Slack cannot be reached: Connection refused")
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
        (batch,) = await desk.store.due_batches("slack_bot", desk.clock.now(), limit=9)
        await desk.store.begin_attempt([each.id for each in batch.notifications], at=desk.clock.now())
        # Here the receiver accepted it, and the process died.

        assert await desk.restart() == 1
        await desk.live(timedelta(minutes=1))

        assert pigeon.carried[0].remarks == ("possible duplicate: an earlier attempt may have arrived",)
        assert desk.recorder.possible_duplicates == 1
        assert await desk.restart() == 0

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


def test_message_that_the_store_gave_no_words_for_is_sent_when_it_does(tmp_path: Path) -> None:
    pigeon = Pigeon()

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())
        desk.store.broken = frozenset({"story"})
        with pytest.raises(StoreError):
            await desk.outbox.deliver_due()
        assert pigeon.tried == []
        desk.store.broken = frozenset()

        await desk.outbox.deliver_due()

        assert len(pigeon.carried) == 1

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
        await desk.live(timedelta(minutes=1))
        assert [message.remarks for message in pigeon.carried] == [
            ("possible duplicate: an earlier attempt may have arrived",)
        ]

    at_desk(tmp_path, scenario)

    assert "stopped before the receiver answered" in caplog.messages
