"""The outbox in front of the fake Slack, on a real socket, with Slack's own limits."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes import START
from tests.notify.cases import transition
from tests.notify.desk import Desk, at_desk, closed, opened
from wamon.core.alerting import Severity, TransitionKind
from wamon.notify.slack import SlackBot, SlackWebhook
from wamon.sim.serve import serve
from wamon.sim.slack import SlackChannel, SlackMessage, slack_app
from wamon.sim.wire import SLEEP, Sleep

Scenario = Callable[[Desk, SlackChannel], Awaitable[None]]
# Long enough for a busy machine to answer, short enough to wait for in a test of a hang.
TIMEOUT = 5.0
SHORT = 0.5


def at_slack(
    folder: Path, scenario: Scenario, *, way: str = "slack_bot", timeout_seconds: float = TIMEOUT, sleep: Sleep = SLEEP
) -> None:
    async def main(desk: Desk) -> None:
        channel = SlackChannel(now=desk.clock.now)
        async with serve(slack_app(channel, sleep=sleep)) as url:
            webhook = SlackWebhook(url + channel.webhook_path, timeout_seconds=timeout_seconds)
            bot = SlackBot(channel.bot_token, channel.id, url + "/api", timeout_seconds=timeout_seconds)
            desk.notifiers = {way: webhook if way == "slack_webhook" else bot}
            desk.outbox = desk.another()
            await scenario(desk, channel)

    at_desk(folder, main)


def headline(message: SlackMessage) -> str:
    return message.text.splitlines()[0]


def roots(channel: SlackChannel) -> list[SlackMessage]:
    return [message for message in channel.messages if message.thread_ts in (None, message.ts)]


@pytest.mark.parametrize("way", ["slack_webhook", "slack_bot"])
def test_slack_is_down_for_half_an_hour_and_then_each_group_is_one_message(
    tmp_path: Path, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def scenario(desk: Desk, channel: SlackChannel) -> None:
        outage = channel.faults.add("status", http_status=503)
        told = 0
        for minute in range(25):
            now = desk.clock.now()
            for step in range(4):
                index = minute * 4 + step
                await desk.owe(opened(index, when=now, group=index % 12 + 1), receivers=(way,))
                await desk.owe(closed(index, when=now, opened_at=now, group=index % 12 + 1), receivers=(way,))
                told += 2
            await desk.live(timedelta(minutes=1))
        await desk.live(timedelta(minutes=5))
        attempts = len(channel.calls)
        assert (told, attempts < 80) == (200, True)
        assert channel.messages == []
        channel.faults.remove(outage)

        await desk.live(timedelta(minutes=6))

        assert len(roots(channel)) == len(channel.messages) == 12
        assert all(headline(message).startswith("RESOLVED after") for message in channel.messages)
        assert all("Slack was unreachable" in message.all_text for message in channel.messages)
        assert "possible duplicate" not in "".join(message.all_text for message in channel.messages)
        assert (desk.recorder.figures.due, desk.recorder.figures.dead) == (0, 0)
        assert not channel.limits.hits

    at_slack(tmp_path, scenario, way=way)

    assert "simulated" not in caplog.text


def test_life_of_an_alert_is_one_message_and_its_thread(tmp_path: Path) -> None:
    async def scenario(desk: Desk, channel: SlackChannel) -> None:
        await desk.owe(opened(severity=Severity.WARNING))
        await desk.live(timedelta(minutes=10))
        raised = transition(TransitionKind.RAISE, subject=opened().subject, when=desk.clock.now(), ordinal=2)
        await desk.owe(replace(raised, group_id=1, opened_at=START), is_broadcast=True)
        await desk.live(timedelta(minutes=10))
        await desk.owe(replace(closed(when=desk.clock.now()), ordinal=3))

        await desk.live(timedelta(minutes=1))

        (root,) = roots(channel)
        first, second = channel.replies(root.ts)
        assert headline(root).startswith("RESOLVED after 20 min")
        assert [shown.text.split()[0] for shown in root.versions] == ["WARNING", "CRITICAL", "RESOLVED"]
        assert (first.reply_broadcast, second.reply_broadcast) == (True, False)
        assert [headline(message).split()[0] for message in (first, second)] == ["CRITICAL", "RESOLVED"]

    at_slack(tmp_path, scenario)


@pytest.mark.parametrize("fault", ["accept_then_reset", "accept_then_hang"])
def test_accepted_and_then_lost_is_found_again(tmp_path: Path, fault: str) -> None:
    async def scenario(desk: Desk, channel: SlackChannel) -> None:
        channel.faults.add(fault, path="chat.postMessage", times=1)
        await desk.owe(opened())
        await desk.live(timedelta(minutes=1))
        channel.faults.add(fault, path="chat.postMessage", times=1)
        await desk.owe(opened(1, when=desk.clock.now(), group=1))

        await desk.live(timedelta(minutes=1))

        (root,) = roots(channel)
        assert len(channel.replies(root.ts)) == 1
        assert desk.recorder.outcomes == [("slack_bot", "deferred"), ("slack_bot", "adopted")] * 2
        assert "possible duplicate" not in "".join(message.all_text for message in channel.messages)
        assert desk.recorder.figures.edits == 0

    at_slack(tmp_path, scenario, timeout_seconds=SHORT)


def test_request_that_arrives_after_it_was_given_up_is_found(tmp_path: Path) -> None:
    has_arrived = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        await has_arrived.wait()

    async def scenario(desk: Desk, channel: SlackChannel) -> None:
        channel.faults.add("accept_late", path="chat.postMessage", times=1)
        await desk.owe(opened())
        await desk.live(timedelta(seconds=29))
        assert channel.messages == []
        has_arrived.set()
        async with asyncio.timeout(20):
            await channel.wait_for(lambda messages: len(messages) == 1)

        await desk.live(timedelta(minutes=1))

        assert len(channel.messages) == 1
        assert ("slack_bot", "adopted") in desk.recorder.outcomes

    at_slack(tmp_path, scenario, timeout_seconds=SHORT, sleep=sleep)


def test_history_that_lags_is_looked_at_twice(tmp_path: Path) -> None:
    async def scenario(desk: Desk, channel: SlackChannel) -> None:
        channel.faults.add("accept_then_reset", path="chat.postMessage", times=1)
        channel.faults.add("lagging_history", seconds=35.0)
        await desk.owe(opened())

        await desk.live(timedelta(minutes=1))

        assert len(channel.messages) == 1
        assert len([call for call in channel.calls if "conversations.history" in call.path]) == 2

    at_slack(tmp_path, scenario)


def test_without_the_right_to_read_it_arrives_twice_and_says_so(tmp_path: Path) -> None:
    async def scenario(desk: Desk, channel: SlackChannel) -> None:
        channel.workspace.scopes[:] = ["chat:write"]
        channel.faults.add("accept_then_reset", path="chat.postMessage", times=1)
        await desk.owe(opened())

        await desk.live(timedelta(minutes=1))

        first, second = channel.messages
        assert "possible duplicate" not in first.all_text
        assert "possible duplicate" in second.text
        assert "possible duplicate" in str(second.blocks)
        assert desk.recorder.possible_duplicates == 1

    at_slack(tmp_path, scenario)


@pytest.mark.parametrize("fault", ["accept_then_reset", "accept_then_hang"])
def test_webhook_cannot_look_so_that_it_arrives_twice_and_says_so(tmp_path: Path, fault: str) -> None:
    async def scenario(desk: Desk, channel: SlackChannel) -> None:
        channel.faults.add(fault, times=1)
        await desk.owe(opened(), receivers=("slack_webhook",))

        await desk.live(timedelta(minutes=1))

        first, second = channel.messages
        assert "possible duplicate" not in first.all_text
        assert "possible duplicate" in second.all_text

    at_slack(tmp_path, scenario, way="slack_webhook", timeout_seconds=SHORT)


def test_deleted_message_is_followed_by_a_new_one(tmp_path: Path) -> None:
    async def scenario(desk: Desk, channel: SlackChannel) -> None:
        await desk.owe(opened())
        await desk.outbox.deliver_due()
        (gone,) = channel.messages
        channel.delete(gone.ts)
        await desk.owe(opened(1, when=desk.clock.now(), group=1))

        await desk.live(timedelta(minutes=1))

        # Slack shows an answer to what is gone in the channel, and the bot asks to delete that.
        root = channel.messages[-1]
        assert "deleted" in root.all_text
        assert "1000" in root.all_text
        assert "1001" in root.all_text

    at_slack(tmp_path, scenario)


def test_archived_channel_delays_what_is_owed_until_it_is_back(tmp_path: Path) -> None:
    async def scenario(desk: Desk, channel: SlackChannel) -> None:
        channel.is_archived = True
        await desk.owe(opened(), opened(1))
        await desk.live(timedelta(hours=30))
        (problem,) = desk.outbox.problems
        channel.is_archived = False

        await desk.live(timedelta(minutes=6))

        assert "unarchive" in problem
        assert len(channel.messages) == 2
        assert await desk.store.dead_letters() == ()
        assert not desk.outbox.problems

    at_slack(tmp_path, scenario)


def test_many_groups_that_change_at_once_stay_within_slacks_limits(tmp_path: Path) -> None:
    async def scenario(desk: Desk, channel: SlackChannel) -> None:
        for index in range(80):
            await desk.owe(opened(index))
        await desk.live(timedelta(minutes=3))
        for index in range(80):
            await desk.change(index + 1)

        await desk.live(timedelta(minutes=3))

        assert [message.edits for message in channel.messages] == [1] * 80
        assert not channel.limits.hits

    at_slack(tmp_path, scenario)
