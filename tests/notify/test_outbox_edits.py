"""Messages stay true: edited to the present state, at their own pace, and never in the way of news."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes import START
from tests.notify.desk import Courier, Desk, at_desk, cancelled, closed, opened, who
from wamon.core.errors import DeliveryDeferred, DeliveryRejected, MessageLost, StoreError
from wamon.core.outgoing import Message, Receipt

DOWN = DeliveryDeferred("Slack cannot be reached: Connection refused")
LIMITED = DeliveryDeferred("Slack asks to wait 60 s", retry_after=timedelta(seconds=60))
REFUSED = DeliveryRejected("Slack refused (restricted_action): ask an admin", reason="restricted_action")


def test_message_shows_what_changed_without_any_news(tmp_path: Path) -> None:
    courier = Courier()

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())
        await desk.outbox.deliver_due()
        await desk.change()

        assert await desk.outbox.deliver_due() is None

        assert len(courier.posts) == 1
        assert [len(root.versions) for root in courier.roots] == [2]
        assert desk.recorder.edits == [("slack_bot", "shown")]
        assert await desk.outbox.deliver_due() is None
        assert len(courier.tried_edits) == 1

    at_desk(tmp_path, scenario, courier)


def test_message_that_is_true_is_left_alone(tmp_path: Path) -> None:
    courier = Courier()

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(0, group=1), opened(1, group=1))

        await desk.live(timedelta(minutes=1))

        assert courier.tried_edits == []

    at_desk(tmp_path, scenario, courier)


def test_message_from_a_state_that_the_store_is_ahead_of_is_written_anew(tmp_path: Path) -> None:
    courier = Courier()

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())
        await desk.outbox.deliver_due()
        before = desk.groups[1]
        await desk.change()
        after, desk.groups[1] = desk.groups[1], before
        await desk.outbox.deliver_due()
        desk.groups[1] = after

        await desk.live(timedelta(seconds=4))

        assert len(courier.tried_edits) == 2
        assert desk.recorder.figures.edits == 0

    at_desk(tmp_path, scenario, courier)


def test_many_changes_of_one_message_come_together_three_seconds_apart(tmp_path: Path) -> None:
    courier = Courier()

    async def scenario(desk: Desk) -> None:
        edited_at: list[float] = []
        await desk.owe(opened())
        await desk.outbox.deliver_due()
        for _ in range(20):
            await desk.change()
            before = len(courier.tried_edits)
            await desk.outbox.deliver_due()
            edited_at += [(desk.clock.now() - START).total_seconds()] * (len(courier.tried_edits) - before)
            desk.clock.advance(0.5)
        await desk.live(timedelta(seconds=10))

        assert edited_at == [0, 3, 6, 9]
        assert len(courier.tried_edits) == 5
        assert desk.recorder.figures.edits == 0

    at_desk(tmp_path, scenario, courier)


def test_edits_of_a_workspace_share_one_pace(tmp_path: Path) -> None:
    one, other = Courier("slack_bot"), Courier("slack_bot:#other")

    async def scenario(desk: Desk) -> None:
        for index in range(30):
            await desk.owe(opened(index), receivers=("slack_bot", "slack_bot:#other"))
        await desk.live(timedelta(minutes=1))
        for index in range(30):
            await desk.change(index + 1)
        started_at = desk.clock.now()

        while await desk.outbox.deliver_due() is not None:
            desk.clock.advance(0.1)

        assert len(one.tried_edits) == len(other.tried_edits) == 30
        # 40 a minute, and five at once.
        assert (desk.clock.now() - started_at).total_seconds() == pytest.approx(55 * 1.5, abs=0.2)

    at_desk(tmp_path, scenario, one, other)


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_edit_that_fails_is_made_later_from_what_is_known_then(tmp_path: Path) -> None:
    courier = Courier()
    courier.edit_fate = {1: DOWN, 2: DOWN, 3: ZeroDivisionError("a fault of ours")}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(0, group=1))
        await desk.owe(opened(1, group=1))
        await desk.outbox.deliver_due()
        await desk.change()
        await desk.outbox.deliver_due()
        await desk.owe(closed(1, group=1))

        await desk.live(timedelta(minutes=1))

        (root,) = courier.roots
        assert ("Open", "1 of 2") in root.shown.facts
        assert desk.recorder.edits == [("slack_bot", "deferred")] * 3 + [("slack_bot", "shown")]

    at_desk(tmp_path, scenario, courier)


def test_waits_begin_anew_after_an_edit_that_went_well(tmp_path: Path) -> None:
    courier = Courier()
    courier.edit_fate = {1: DOWN, 2: DOWN, 3: DOWN, 5: DOWN}

    async def scenario(desk: Desk) -> None:
        waits = []
        await desk.owe(opened())
        await desk.outbox.deliver_due()
        for _ in range(2):
            await desk.change()
            while (due_at := await desk.outbox.deliver_due()) is not None:
                waits.append((due_at - desk.clock.now()).total_seconds())
                desk.clock.advance(waits[-1])

        assert waits == [0.5, 1, 2, 3, 0.5]

    at_desk(tmp_path, scenario, courier)


def test_wait_that_is_asked_of_edits_is_none_of_posts(tmp_path: Path) -> None:
    courier = Courier()
    courier.edit_fate = {1: LIMITED}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(0, group=1))
        await desk.outbox.deliver_due()
        await desk.owe(opened(1, group=1))

        assert await desk.outbox.deliver_due() == START + timedelta(seconds=60.5)

        await desk.owe(opened(2, group=2))
        await desk.outbox.deliver_due()
        assert len(courier.posts) == 3
        await desk.live(timedelta(seconds=60))
        assert len(courier.tried_edits) == 1
        await desk.live(timedelta(seconds=1))
        assert desk.recorder.edits == [("slack_bot", "deferred"), ("slack_bot", "shown")]

    at_desk(tmp_path, scenario, courier)


def test_wait_that_is_asked_of_posts_is_none_of_edits(tmp_path: Path) -> None:
    courier = Courier()
    courier.fate = {2: LIMITED}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(0, group=1))
        await desk.outbox.deliver_due()
        await desk.owe(opened(1, group=1))

        await desk.outbox.deliver_due()

        assert len(courier.posts) == 1
        assert len(courier.roots[0].shown.members) == 2

    at_desk(tmp_path, scenario, courier)


def test_edit_that_hangs_holds_up_no_news(tmp_path: Path) -> None:
    class Hanging(Courier):
        async def edit(self, message: Message, receipt: Receipt) -> None:
            await asyncio.Event().wait()

    courier = Hanging()

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(0, group=1))
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            with cancelled(group.create_task(desk.outbox.run())):
                while not courier.posts:
                    await desk.store.outbox_figures()
                for index in range(1, 4):
                    await desk.owe(opened(index, group=1))
                    desk.outbox.wake()
                    while len(courier.posts) <= index:
                        await desk.store.outbox_figures()

        assert len(courier.posts) == 4

    at_desk(tmp_path, scenario, courier)


def test_run_edits_what_it_is_woken_for(tmp_path: Path) -> None:
    courier = Courier()

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            with cancelled(group.create_task(desk.outbox.run())):
                while not courier.posts:
                    await desk.store.outbox_figures()
                for index in range(3):
                    await desk.change()
                    desk.outbox.wake()
                    while len(courier.tried_edits) <= index:
                        await desk.store.outbox_figures()

        assert len(courier.posts) == 1

    at_desk(tmp_path, scenario, courier)


def test_messages_that_cannot_be_edited_hold_up_no_other(tmp_path: Path) -> None:
    class Choking(Courier):
        async def edit(self, message: Message, receipt: Receipt) -> None:
            if who(message) in ("CRITICAL 1000", "CRITICAL 1001"):
                self.tried_edits.append(("", message))
                raise DeliveryDeferred("Slack is in trouble (internal_error)")
            await super().edit(message, receipt)

    courier = Choking()

    async def scenario(desk: Desk) -> None:
        await desk.owe(*(opened(index) for index in range(6)))
        await desk.live(timedelta(minutes=1))
        await desk.change(1)
        await desk.change(2)
        await desk.live(timedelta(minutes=30))
        for index in range(2, 6):
            await desk.change(index + 1)

        await desk.live(timedelta(minutes=6))

        assert [len(root.versions) for root in courier.roots] == [1, 1, 2, 2, 2, 2]

    at_desk(tmp_path, scenario, courier)


def test_outage_costs_two_edits_a_round_however_many_wait(tmp_path: Path) -> None:
    courier = Courier()

    async def scenario(desk: Desk) -> None:
        await desk.owe(*(opened(index) for index in range(30)))
        await desk.live(timedelta(minutes=1))
        courier.edit_fate = {None: DOWN}
        for index in range(30):
            await desk.change(index + 1)

        await desk.outbox.deliver_due()
        assert len(courier.tried_edits) == 2
        await desk.live(timedelta(minutes=30))
        assert len(courier.tried_edits) < 60
        courier.edit_fate.clear()

        await desk.live(timedelta(minutes=6))

        assert [len(root.versions) for root in courier.roots] == [2] * 30

    at_desk(tmp_path, scenario, courier)


def test_refusal_is_logged_once_and_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    courier = Courier()
    courier.edit_fate = dict.fromkeys(range(1, 5), REFUSED)

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())
        await desk.outbox.deliver_due()
        await desk.change()

        await desk.live(timedelta(minutes=25))

        assert desk.recorder.edits == [("slack_bot", "rejected")] * 4 + [("slack_bot", "shown")]
        assert not desk.outbox.problems

    at_desk(tmp_path, scenario, courier)

    assert [record.__dict__["reason"] for record in caplog.records if record.levelname == "ERROR"] == [str(REFUSED)]


def test_message_of_what_is_open_is_tried_for_ever_and_of_what_is_over_for_a_day(tmp_path: Path) -> None:
    courier = Courier()

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(0, group=1), opened(1, group=2))
        await desk.outbox.deliver_due()
        courier.edit_fate = {None: DOWN}
        await desk.owe(closed(1, group=2))
        await desk.change(1)

        await desk.live(timedelta(hours=23))
        assert desk.recorder.figures.edits == 2
        await desk.live(timedelta(hours=2))

        (thread,) = await desk.store.stale_threads("slack_bot", limit=9)
        assert thread.group_id == 1
        courier.edit_fate.clear()
        await desk.live(timedelta(minutes=6))
        assert desk.recorder.figures.edits == 0

    at_desk(tmp_path, scenario, courier)


# --- a message that is gone -------------------------------------------------------------------------------------------


def test_message_that_is_gone_is_replaced_when_there_is_news(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    courier = Courier()
    courier.lost = lambda: MessageLost("Slack does not let that message be edited any more (message_not_found)")

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(0, group=1))
        await desk.outbox.deliver_due()
        courier.posts.clear()
        await desk.change()

        await desk.live(timedelta(minutes=1))
        assert courier.posts == {}
        assert len(courier.tried_edits) == 1
        await desk.owe(opened(1, group=1))
        await desk.live(timedelta(minutes=1))

        (root,) = courier.roots
        assert len(root.shown.members) == 2
        assert "deleted" in str(root.shown.remarks)
        assert [message.reference for message in courier.tried if "duplicate" in str(message.remarks)] == []

    at_desk(tmp_path, scenario, courier)

    assert caplog.messages == ["message cannot be edited any more"]


def test_message_that_is_gone_is_let_be_when_all_is_over(tmp_path: Path) -> None:
    courier = Courier()
    courier.lost = lambda: MessageLost("Slack does not let that message be edited any more (edit_window_closed)")

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())
        await desk.owe(closed())
        await desk.outbox.deliver_due()
        courier.posts.clear()
        await desk.change()

        assert await desk.outbox.deliver_due() is None

        assert courier.posts == {}
        assert desk.recorder.figures.edits == 0

    at_desk(tmp_path, scenario, courier)


def test_message_that_was_replaced_while_the_old_one_was_edited_is_kept(tmp_path: Path) -> None:
    class Racing(Courier):
        async def edit(self, message: Message, receipt: Receipt) -> None:
            if receipt.message_id not in self.posts:
                await news()
            await super().edit(message, receipt)

    courier = Racing()
    courier.lost = lambda: MessageLost("Slack has no such message")

    async def news() -> None:
        """What the loop of posts does meanwhile."""

    async def scenario(desk: Desk) -> None:
        nonlocal news

        async def replace_it() -> None:
            await desk.owe(opened(1, group=1))
            (lane,) = desk.outbox._lanes.values()
            await lane._drain()

        news = replace_it
        await desk.owe(opened(0, group=1))
        await desk.outbox.deliver_due()
        courier.posts.clear()
        await desk.change()

        await desk.live(timedelta(seconds=10))
        await desk.owe(opened(2, group=1))
        await desk.live(timedelta(seconds=10))

        assert (len(courier.roots), len(courier.replies)) == (1, 1)

    at_desk(tmp_path, scenario, courier)


# --- the store --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("broken", "edits"), [("shown", 2), ("story", 1)])
def test_edit_that_the_store_failed_is_made_again(tmp_path: Path, broken: str, edits: int) -> None:
    courier = Courier()

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())
        await desk.outbox.deliver_due()
        await desk.change()
        desk.store.broken = frozenset({broken})
        with pytest.raises(StoreError):
            await desk.outbox.deliver_due()
        desk.store.broken = frozenset()

        await desk.outbox.deliver_due()

        assert len(courier.tried_edits) == edits
        assert desk.recorder.figures.edits == 0

    at_desk(tmp_path, scenario, courier)
