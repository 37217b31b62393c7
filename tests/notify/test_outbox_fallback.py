"""Who refuses does not keep others from being told, and is tried again."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes import START
from tests.notify.desk import Courier, Desk, Pigeon, at_desk, cancelled, closed, opened, who, whos
from wamon.core.alerting import Severity
from wamon.core.errors import DeliveryDeferred, DeliveryRejected
from wamon.notify import MessageRejected

DOWN = DeliveryDeferred("Slack cannot be reached: Connection refused")
LOST = DeliveryDeferred("Slack did not answer: timed out", may_have_arrived=True)
ARCHIVED = DeliveryRejected("Slack refused (is_archived): unarchive it", reason="is_archived")
UNSPEAKABLE = MessageRejected("Slack refused (invalid_blocks): report it", reason="invalid_blocks")
SPARE = {"slack_bot": "webhook"}
REASON = f"told here because slack_bot refused: {ARCHIVED}"


def test_what_a_receiver_refuses_is_told_at_once_by_the_one_in_its_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    refusing, spare = Courier("slack_bot"), Pigeon("webhook")
    refusing.fate = {None: ARCHIVED}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())

        assert await desk.outbox.deliver_due() is None

        assert whos(spare.carried) == ["CRITICAL 1000"]
        assert spare.carried[0].remarks == (REASON,)
        assert desk.recorder.outcomes == [("slack_bot", "handed_over"), ("webhook", "delivered")]
        assert desk.outbox.problems == (f"slack_bot: {ARCHIVED}",)

    at_desk(tmp_path, scenario, refusing, spare, fallbacks=SPARE)

    assert caplog.messages == ["notifications are refused", "notifications handed over"]


def test_order_of_the_receivers_does_not_matter(tmp_path: Path) -> None:
    spare, refusing = Pigeon("webhook"), Pigeon("slack_bot")
    refusing.fate = {None: ARCHIVED}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())

        assert await desk.outbox.deliver_due() is None

        assert whos(spare.carried) == ["CRITICAL 1000"]

    at_desk(tmp_path, scenario, spare, refusing, fallbacks=SPARE)


def test_fallback_is_woken(tmp_path: Path) -> None:
    refusing, spare = Courier("slack_bot"), Pigeon("webhook")
    refusing.fate = {None: ARCHIVED}

    async def scenario(desk: Desk) -> None:
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            with cancelled(group.create_task(desk.outbox.run())):
                for index in range(3):
                    await desk.owe(opened(index))
                    # Only the one that refuses: the other must not find it by chance.
                    desk.outbox._lanes["slack_bot"].wake()
                    while len(spare.carried) <= index:
                        await desk.store.outbox_figures()

        assert len(spare.carried) == 3

    at_desk(tmp_path, scenario, refusing, spare, fallbacks=SPARE)


def test_who_refuses_is_tried_again_every_five_minutes_with_what_is_new(tmp_path: Path) -> None:
    refusing, spare = Courier("slack_bot"), Pigeon("webhook")
    refusing.fate = {1: ARCHIVED, 2: ARCHIVED}

    async def scenario(desk: Desk) -> None:
        for index in range(12):
            await desk.owe(opened(index, when=desk.clock.now()))
            await desk.live(timedelta(minutes=1))
            assert bool(desk.outbox.problems) is (index < 10)

        assert len(refusing.tried) == 4
        assert whos(spare.carried) == [f"CRITICAL {1000 + index}" for index in range(10)]
        assert [who(root.shown) for root in refusing.roots] == ["CRITICAL 1010", "CRITICAL 1011"]
        assert max(desk.recorder.delays) <= 7

    at_desk(tmp_path, scenario, refusing, spare, fallbacks=SPARE)


def test_one_alert_refused_all_along_is_told_from_beginning_to_end_in_one_place(tmp_path: Path) -> None:
    refusing, spare = Courier("slack_bot"), Courier("slack_bot:#spare")
    refusing.fate = {None: ARCHIVED}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())
        await desk.outbox.deliver_due()
        await desk.owe(closed())

        await desk.live(timedelta(minutes=1))

        (root,), (reply,) = spare.roots, spare.replies
        assert (who(root.shown), who(reply.shown)) == ("RESOLVED 1000", "RESOLVED 1000")

    at_desk(tmp_path, scenario, refusing, spare, fallbacks={"slack_bot": "slack_bot:#spare"})


def test_wait_is_no_refusal_and_is_handed_to_nobody(tmp_path: Path) -> None:
    waiting, spare = Courier("slack_bot"), Pigeon("webhook")
    waiting.fate = {None: DOWN}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())

        await desk.live(timedelta(hours=30))

        assert spare.tried == []
        assert desk.recorder.figures.due == 1

    at_desk(tmp_path, scenario, waiting, spare, fallbacks=SPARE)


def test_message_that_is_at_fault_itself_is_told_by_the_other_and_the_receiver_stays_in_use(tmp_path: Path) -> None:
    choosy, spare = Courier("slack_bot"), Pigeon("webhook")
    choosy.fate = {1: UNSPEAKABLE}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(0))
        await desk.outbox.deliver_due()
        await desk.owe(opened(1))

        await desk.outbox.deliver_due()

        assert whos(spare.carried) == ["CRITICAL 1000"]
        assert whos(choosy.carried) == ["CRITICAL 1001"]
        assert not desk.outbox.problems

    at_desk(tmp_path, scenario, choosy, spare, fallbacks=SPARE)


def test_what_may_have_arrived_at_one_that_now_refuses_is_told_by_the_other(tmp_path: Path) -> None:
    refusing, spare = Courier("slack_bot"), Pigeon("webhook")
    refusing.fate = {1: LOST}
    refusing.find_fate = {None: ARCHIVED}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())

        await desk.live(timedelta(minutes=1))

        assert whos(spare.carried) == ["CRITICAL 1000"]
        assert desk.recorder.figures.due == 0

    at_desk(tmp_path, scenario, refusing, spare, fallbacks=SPARE)


def test_both_refuse_and_it_waits_at_the_second_for_as_long_as_it_takes(tmp_path: Path) -> None:
    refusing, spare = Courier("slack_bot"), Pigeon("webhook")
    refusing.fate, spare.fate = {None: ARCHIVED}, {None: ARCHIVED}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())
        await desk.live(timedelta(hours=30))
        assert len(desk.outbox.problems) == 2
        spare.fate.clear()

        await desk.live(timedelta(minutes=6))

        assert whos(spare.carried) == ["CRITICAL 1000"]
        assert REASON in spare.carried[0].remarks

    at_desk(tmp_path, scenario, refusing, spare, fallbacks=SPARE)


def test_what_grew_old_is_told_by_the_other_before_it_is_given_up(tmp_path: Path) -> None:
    waiting, spare = Courier("slack_bot"), Pigeon("webhook")
    waiting.fate = {None: DOWN}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(severity=Severity.WARNING))

        await desk.live(timedelta(hours=25))

        assert whos(spare.carried) == ["WARNING 1000"]

    at_desk(tmp_path, scenario, waiting, spare, fallbacks=SPARE)


def test_next_process_tries_who_refused_and_does_not_tell_the_other_again(tmp_path: Path) -> None:
    refusing, spare = Courier("slack_bot"), Pigeon("webhook")
    refusing.fate = {1: ARCHIVED, 2: ARCHIVED}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())
        await desk.outbox.deliver_due()
        for _ in range(2):
            await desk.restart()
            await desk.outbox.deliver_due()

        assert whos(spare.carried) == ["CRITICAL 1000"]
        assert [who(root.shown) for root in refusing.roots] == ["CRITICAL 1000"]
        assert not desk.outbox.problems

    at_desk(tmp_path, scenario, refusing, spare, fallbacks=SPARE)


def test_fallback_that_is_not_there_is_none(tmp_path: Path) -> None:
    refusing = Courier("slack_bot")
    refusing.fate = {1: ARCHIVED}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())

        assert await desk.outbox.deliver_due() == START + timedelta(minutes=5)

    at_desk(tmp_path, scenario, refusing, fallbacks=SPARE)
