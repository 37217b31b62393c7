"""A receiver with threads: one message for a group, answers below it, and what may have arrived is looked for."""

import asyncio
import logging
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes import START
from tests.notify.desk import Courier, Desk, at_desk, closed, opened, who
from wamon.core.alerting import Severity
from wamon.core.desk import AnnouncementKind
from wamon.core.errors import DeliveryDeferred, DeliveryRejected, HistoryUnreadable, MessageLost, StoreError
from wamon.core.outgoing import Message, Receipt

DOWN = DeliveryDeferred("Slack cannot be reached: Connection refused")
LOST = DeliveryDeferred("Slack did not answer: timed out", may_have_arrived=True)
REVOKED = DeliveryRejected("Slack refused (token_revoked): reinstall it", reason="token_revoked")
UNREADABLE = HistoryUnreadable("Slack does not show the channel's history (missing_scope): give it the scope")
DUPLICATE = "possible duplicate: an earlier attempt may have arrived"


# --- one message for a group ------------------------------------------------------------------------------------------


def test_first_message_of_a_group_is_its_root_and_further_news_answer_it(tmp_path: Path) -> None:
    courier = Courier()

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(0, group=1))
        await desk.outbox.deliver_due()
        await desk.owe(opened(1, group=1))

        await desk.live(timedelta(seconds=10))

        (root,), (reply,) = courier.roots, courier.replies
        assert who(reply.shown) == "CRITICAL 1001"
        assert courier.posts[str(reply.thread)] is root
        assert [len(message.members) for message in root.versions] == [0, 2]
        assert desk.recorder.figures.edits == 0

    at_desk(tmp_path, scenario, courier)


def test_group_after_the_last_one_closed_has_a_message_of_its_own(tmp_path: Path) -> None:
    courier = Courier()

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(0, group=1))
        await desk.owe(closed(0, group=1))
        await desk.live(timedelta(seconds=10))
        await desk.owe(opened(1, group=2))

        await desk.live(timedelta(seconds=10))

        assert [who(root.shown) for root in courier.roots] == ["RESOLVED 1000", "CRITICAL 1001"]

    at_desk(tmp_path, scenario, courier)


@pytest.mark.parametrize("is_broadcast", [False, True])
def test_answer_is_shown_in_the_channel_too_when_a_notification_says_so(tmp_path: Path, *, is_broadcast: bool) -> None:
    courier = Courier()

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(0, group=1))
        await desk.outbox.deliver_due()
        await desk.owe(opened(1, group=1))
        await desk.owe(opened(2, group=1), is_broadcast=is_broadcast)

        await desk.outbox.deliver_due()

        (reply,) = courier.replies
        assert reply.is_broadcast is is_broadcast

    at_desk(tmp_path, scenario, courier)


def test_reminder_is_an_answer(tmp_path: Path) -> None:
    courier = Courier()

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())
        await desk.outbox.deliver_due()
        desk.clock.advance(4 * 3600)
        await desk.owe(opened(), kind=AnnouncementKind.REPEAT)

        await desk.outbox.deliver_due()

        (reply,) = courier.replies
        assert reply.shown.headline.startswith("still firing")
        # A reminder is not late by the age of what it reminds of.
        assert desk.recorder.delays == [0.0, 0.0]

    at_desk(tmp_path, scenario, courier)


def test_groups_do_not_wait_for_each_other(tmp_path: Path) -> None:
    courier = Courier()
    courier.fate = {1: DOWN}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(0), opened(1))

        await desk.outbox.deliver_due()

        assert [who(root.shown) for root in courier.roots] == ["CRITICAL 1001"]

    at_desk(tmp_path, scenario, courier)


def test_what_comes_while_its_turn_is_waited_for_goes_into_the_same_message(tmp_path: Path) -> None:
    courier = Courier()

    async def scenario(desk: Desk) -> None:
        for index in range(5):
            await desk.owe(opened(index))
        await desk.outbox.deliver_due()
        await desk.owe(opened(5, group=1))
        sleep = desk.clock.sleep

        async def sleep_and_hear(seconds: float) -> None:
            desk.clock.sleep = sleep  # type: ignore[method-assign]
            await desk.owe(opened(6, group=1))
            await sleep(seconds)

        desk.clock.sleep = sleep_and_hear  # type: ignore[method-assign]

        await desk.outbox.deliver_due()

        (reply,) = courier.replies
        assert "2 opened" in reply.shown.headline

    at_desk(tmp_path, scenario, courier)


# --- the message is gone ----------------------------------------------------------------------------------------------


def test_news_of_a_group_whose_message_is_gone_come_in_a_new_one_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    courier = Courier()
    courier.lost = lambda: MessageLost("Slack has no such message")

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(0, group=1))
        await desk.outbox.deliver_due()
        courier.posts.clear()
        await desk.owe(opened(1, group=1))

        await desk.live(timedelta(seconds=1))

        (root,) = courier.roots
        assert not courier.replies
        assert who(root.versions[0]) == "CRITICAL 1001"
        assert len(root.shown.members) == 2
        assert all("deleted" in str(message.remarks) for message in root.versions)
        assert DUPLICATE not in root.versions[0].remarks

        await desk.owe(opened(2, group=1))
        await desk.live(timedelta(seconds=10))
        assert len(courier.replies) == 1

    at_desk(tmp_path, scenario, courier)

    assert "message cannot be answered any more" in caplog.messages


# --- what may have arrived --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_reply", [False, True], ids=["root", "reply"])
def test_what_arrived_although_nobody_said_so_is_found_and_not_sent_again(tmp_path: Path, *, is_reply: bool) -> None:
    courier = Courier()
    courier.takes_what_it_loses = True

    async def scenario(desk: Desk) -> None:
        if is_reply:
            await desk.owe(opened(0, group=1))
            await desk.outbox.deliver_due()
        courier.fate = {len(courier.tried) + 1: LOST}
        await desk.owe(opened(1, group=1))

        await desk.live(timedelta(minutes=2))

        assert len(courier.posts) == len(courier.tried) == 1 + is_reply
        assert desk.recorder.outcomes[-2:] == [("slack_bot", "deferred"), ("slack_bot", "adopted")]
        assert desk.recorder.possible_duplicates == 0
        # Nobody knows what the first message shows, so it is written anew.
        assert [len(root.versions) for root in courier.roots] == [2]

        await desk.owe(opened(2, group=1))
        await desk.live(timedelta(minutes=1))
        assert len(courier.roots) == 1

    at_desk(tmp_path, scenario, courier)


def test_late_request_is_waited_for_before_it_is_looked_for(tmp_path: Path) -> None:
    courier = Courier()
    courier.fate = {1: LOST}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())

        assert await desk.outbox.deliver_due() == START + timedelta(seconds=30)

        desk.clock.advance(29.9)
        await desk.outbox.deliver_due()
        assert courier.looked_for == []
        desk.clock.advance(0.1)
        assert await desk.outbox.deliver_due() == START + timedelta(seconds=40)
        assert courier.looked_since == [START - timedelta(minutes=1)]

    at_desk(tmp_path, scenario, courier)


def test_what_is_not_found_twice_is_sent_again_without_a_mark(tmp_path: Path) -> None:
    courier = Courier()
    courier.fate = {1: LOST}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())

        await desk.live(timedelta(minutes=1))

        first, again = courier.tried
        assert courier.looked_for == [first.reference] * 2
        assert again.remarks == ()
        assert again.reference != first.reference
        assert desk.recorder.delays == [40.0]
        assert desk.recorder.possible_duplicates == 0

    at_desk(tmp_path, scenario, courier)


def test_what_arrives_late_is_found_by_the_second_look(tmp_path: Path) -> None:
    courier = Courier()
    courier.takes_what_it_loses = True
    courier.fate = {1: LOST}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())
        await desk.outbox.deliver_due()
        under_way = dict(courier.posts)
        courier.posts.clear()
        await desk.live(timedelta(seconds=35))
        courier.posts.update(under_way)

        await desk.live(timedelta(minutes=1))

        assert len(courier.looked_for) == 2
        assert len(courier.tried) == 1

    at_desk(tmp_path, scenario, courier)


def test_where_history_cannot_be_read_it_is_sent_again_as_a_possible_duplicate(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    courier = Courier()
    courier.fate = {1: LOST, 2: LOST}
    courier.find_fate = {None: UNREADABLE}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())

        await desk.live(timedelta(minutes=2))

        assert [message.remarks for message in courier.tried] == [(), (DUPLICATE,), (DUPLICATE,)]
        assert desk.recorder.possible_duplicates == 1

    at_desk(tmp_path, scenario, courier)

    assert [record.__dict__["reason"] for record in caplog.records if record.getMessage() == "cannot look for messages"]
    assert caplog.messages.count("cannot look for messages") == 1


def test_look_that_fails_is_made_again_and_costs_no_second_message(tmp_path: Path) -> None:
    courier = Courier()
    courier.takes_what_it_loses = True
    courier.fate = {1: LOST}
    courier.find_fate = {1: DOWN, 2: LOST, 3: ZeroDivisionError("a fault of ours")}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())

        await desk.live(timedelta(minutes=5))

        assert len(courier.looked_for) == 4
        assert len(courier.tried) == 1

    at_desk(tmp_path, scenario, courier)


def test_look_that_fails_for_long_does_not_hold_the_message_back_for_ever(tmp_path: Path) -> None:
    courier = Courier()
    courier.fate = {1: LOST, 2: LOST}
    courier.find_fate = {None: DOWN}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())

        await desk.live(timedelta(minutes=15))
        assert len(courier.tried) == 2
        assert len(courier.looked_for) < 100
        await desk.live(timedelta(minutes=10))

        (root,) = courier.roots
        assert len(courier.tried) == 3
        assert root.shown.remarks[0] == DUPLICATE

    at_desk(tmp_path, scenario, courier)


def test_wait_that_is_asked_of_looks_is_none_of_posts(tmp_path: Path) -> None:
    courier = Courier()
    courier.takes_what_it_loses = True
    courier.fate = {1: LOST, 2: LOST}
    courier.find_fate = {1: DeliveryDeferred("Slack asks to wait 60 s", retry_after=timedelta(seconds=60))}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(), opened(1))
        await desk.live(timedelta(seconds=31))
        await desk.owe(opened(2, when=desk.clock.now()))

        await desk.outbox.deliver_due()

        assert len(courier.tried) == 3
        await desk.live(timedelta(seconds=55))
        assert len(courier.looked_for) == 1
        await desk.live(timedelta(minutes=2))
        assert (len(courier.tried), len(courier.looked_for)) == (3, 3)

    at_desk(tmp_path, scenario, courier)


def test_news_waits_until_it_is_known_what_became_of_the_message_before(tmp_path: Path) -> None:
    courier = Courier()
    courier.takes_what_it_loses = True
    courier.fate = {1: LOST}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(0, group=1))
        await desk.outbox.deliver_due()
        await desk.owe(opened(1, group=1))

        await desk.live(timedelta(seconds=29))
        assert len(courier.tried) == 1
        await desk.live(timedelta(seconds=10))

        (reply,) = courier.replies
        assert who(reply.shown) == "CRITICAL 1001"
        assert len(courier.roots) == 1

    at_desk(tmp_path, scenario, courier)


# --- crashes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_arrived", [False, True])
def test_crash_between_the_request_and_its_receipt_is_cleared_up_by_the_next_process(
    tmp_path: Path, *, has_arrived: bool
) -> None:
    courier = Courier()

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())
        (batch,) = await desk.store.due_batches("slack_bot", desk.clock.now(), limit=9)
        reference = await desk.store.begin_attempt([each.id for each in batch.notifications], at=desk.clock.now())
        desk.clock.advance(3600)
        assert await desk.restart() == 1
        if has_arrived:
            await _arrive(courier, reference)

        await desk.live(timedelta(seconds=29))
        assert courier.looked_for == []
        await desk.live(timedelta(minutes=1))

        assert len(courier.roots) == 1
        assert DUPLICATE not in courier.roots[0].shown.remarks
        assert (("slack_bot", "adopted") in desk.recorder.outcomes) is has_arrived

    at_desk(tmp_path, scenario, courier)


async def _arrive(courier: Courier, reference: str) -> Receipt:
    """What the process that died had sent."""
    sent = Message(headline="CRITICAL", severity=Severity.CRITICAL, is_resolved=False, reference=reference)
    return await courier.send(sent)


def test_request_that_a_stop_did_not_wait_for_is_found_by_the_next_process(tmp_path: Path) -> None:
    class Slow(Courier):
        """What it takes is there at once, and its answer never comes."""

        has_begun: asyncio.Event

        async def send(self, message: Message) -> Receipt:
            await super().send(message)
            self.has_begun.set()
            await asyncio.Event().wait()
            return Receipt()

    courier = Slow()

    async def scenario(desk: Desk) -> None:
        courier.has_begun = asyncio.Event()
        outbox = desk.another(stop_seconds=0.05)
        await desk.owe(opened())
        running = asyncio.ensure_future(outbox.run())
        await courier.has_begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

        assert await desk.restart() == 1
        await desk.live(timedelta(minutes=1))

        assert len(courier.tried) == 1
        assert desk.recorder.outcomes == [("slack_bot", "adopted")]

    at_desk(tmp_path, scenario, courier)


def test_receipt_that_could_not_be_written_down_is_found_later(tmp_path: Path) -> None:
    courier = Courier()

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())
        desk.store.broken = frozenset({"finish"})
        with pytest.raises(StoreError):
            await desk.outbox.deliver_due()
        desk.store.broken = frozenset()

        await desk.live(timedelta(minutes=1))

        assert len(courier.tried) == 1
        assert ("slack_bot", "adopted") in desk.recorder.outcomes

    at_desk(tmp_path, scenario, courier)


def test_refusal_to_look_is_a_problem_and_waits_for_a_human(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    courier = Courier()
    courier.takes_what_it_loses = True
    courier.fate = {1: LOST}
    courier.find_fate = {1: REVOKED, 2: REVOKED}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())

        await desk.live(timedelta(minutes=4))
        assert desk.outbox.problems == (f"slack_bot: {REVOKED}",)
        await desk.live(timedelta(minutes=10))

        assert not desk.outbox.problems
        assert len(courier.tried) == 1

    at_desk(tmp_path, scenario, courier)

    assert caplog.messages == ["notifications are refused"]
