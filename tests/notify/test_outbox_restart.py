"""What the next process makes of an outbox: what is open is told where it was not, and problems are not forgotten."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes import START
from tests.notify.cases import number
from tests.notify.desk import Desk, Pigeon, at_desk, closed, opened, whos
from wamon.core.errors import DeliveryDeferred, DeliveryRejected
from wamon.notify import MessageRejected

DOWN = DeliveryDeferred("Slack cannot be reached: Connection refused")
UNSPEAKABLE = MessageRejected("Slack refused (invalid_blocks): report it", reason="invalid_blocks")


def test_dead_letter_of_a_live_group_is_tried_again_by_the_next_process(tmp_path: Path) -> None:
    pigeon = Pigeon()
    pigeon.fate = {1: UNSPEAKABLE, 2: UNSPEAKABLE}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())
        await desk.owe(opened(1), closed(1))
        await desk.outbox.deliver_due()

        await desk.restart()
        await desk.outbox.deliver_due()

        assert whos(pigeon.carried) == ["CRITICAL 1000"]
        assert desk.recorder.figures.dead == 1

    at_desk(tmp_path, scenario, pigeon)


@pytest.mark.parametrize(
    "fault",
    [UNSPEAKABLE, DeliveryRejected("Slack refused (is_archived): unarchive it", reason="is_archived")],
    ids=["dead letter", "waits"],
)
def test_problem_outlives_the_process(tmp_path: Path, fault: DeliveryRejected) -> None:
    pigeon = Pigeon()
    pigeon.fate = {1: fault}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())
        await desk.outbox.deliver_due()

        await desk.restart()

        assert list(desk.outbox.problems) == [f"slack_bot: {fault}"]
        assert (desk.recorder.figures.due + desk.recorder.figures.dead) == 1
        await desk.owe(opened(1))
        await desk.outbox.deliver_due()
        assert not desk.outbox.problems

    at_desk(tmp_path, scenario, pigeon)


def test_problem_of_a_receiver_that_is_gone_is_none(tmp_path: Path) -> None:
    pigeon = Pigeon()
    pigeon.fate = {1: UNSPEAKABLE}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())
        await desk.outbox.deliver_due()

        await desk.restart(Pigeon("pager"))

        assert not desk.outbox.problems

    at_desk(tmp_path, scenario, pigeon)


def test_what_is_owed_to_a_receiver_that_is_gone_is_given_up_and_logged_in_full(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    webhook = Pigeon("slack_webhook")
    webhook.fate = {None: DOWN}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(), receivers=("slack_webhook",))
        await desk.outbox.deliver_due()

        await desk.restart(Pigeon("slack_bot"))

        assert [letter.notification.receiver for letter in await desk.store.dead_letters()] == ["slack_webhook"]
        assert not desk.outbox.problems

    at_desk(tmp_path, scenario, webhook)

    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.getMessage() == "notification given up"
    assert record.__dict__["told"] == [f"critical open: Quality rating RED: {number(0)}"]


def test_wait_that_slack_asked_for_outlives_the_process(tmp_path: Path) -> None:
    pigeon = Pigeon()
    pigeon.fate = {1: DeliveryDeferred("Slack asks to wait 21600 s", retry_after=timedelta(hours=6))}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())
        await desk.outbox.deliver_due()
        desk.clock.advance(3600)

        await desk.restart()

        assert await desk.outbox.deliver_due() == START + timedelta(hours=6, seconds=0.5)
        assert len(pigeon.tried) == 1

    at_desk(tmp_path, scenario, pigeon)
