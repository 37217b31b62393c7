"""Slack refuses, stalls or answers late: every transition still arrives, and nothing is told twice unmarked."""

import re
from pathlib import Path

import pytest

from tests.flows.harness import Flow, is_possible_duplicate, simulated

QUALITY = "WhatsAppQualityRating"


@simulated
async def test_episode_that_opened_and_closed_unseen_is_still_told(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        outage = flow.channel.faults.add("status")
        flow.world.unsubscribe(flow.waba.id, flow.app.id)
        await flow.run(minutes=3)
        flow.world.subscribe(flow.waba.id, flow.app.id)
        await flow.run(minutes=10)
        assert flow.headlines == []
        assert flow.metric("wamon_outbox_items", state="due") == 2

        flow.channel.faults.remove(outage)
        await flow.run(minutes=7)

        (headline,) = flow.headlines
        assert headline.startswith("RESOLVED after ")
        assert re.search(r"fired 10:0\d UTC, resolved 10:0\d UTC, Slack was unreachable", flow.last_message)
        assert "Slack was unreachable or wamon was stopped: this message is " in flow.last_message
        assert flow.metric("wamon_outbox_items", state="due") == 0


@simulated
async def test_accepted_message_whose_answer_was_lost_is_sent_again_and_marked(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.channel.faults.add("accept_then_reset", times=1)
        flow.number.quality_rating = "RED"
        await flow.run(minutes=2)

        assert [is_possible_duplicate(message) for message in flow.channel.messages] == [False, True]
        assert flow.metric("wamon_notification_possible_duplicates_total") == 1


@pytest.mark.parametrize("retry_after", [1, 3600, None])
@simulated
async def test_slack_is_left_alone_as_long_as_it_asks(tmp_path: Path, retry_after: int | None) -> None:
    async with Flow(tmp_path) as flow:
        flow.channel.faults.add("rate_limited", times=1, retry_after=retry_after)
        flow.number.quality_rating = "RED"
        await flow.run(minutes=65)

        refused, accepted = flow.channel.calls
        assert (accepted.at - refused.at).total_seconds() >= (retry_after or 30)
        assert flow.headlines == ["CRITICAL  Quality rating RED  +1 555-078-3881 (Jasper's Market)"]


@simulated
async def test_archived_channel_makes_wamon_unready_and_delays_what_is_owed(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.channel.is_archived = True
        flow.number.quality_rating = "RED"
        await flow.run(minutes=2)

        assert flow.metric("wamon_outbox_items", state="due") == 1
        assert flow.daemon.health().is_healthy
        assert not flow.daemon.health().is_ready
        await flow.restart()
        assert "unarchive the channel" in flow.daemon.health().not_ready_reasons[0]

        flow.channel.is_archived = False
        flow.number.quality_rating = "GREEN"
        await flow.run(minutes=35)

        assert [headline.split(maxsplit=1)[0] for headline in flow.headlines] == ["CRITICAL", "RESOLVED"]
        assert flow.daemon.health().is_ready


@simulated
async def test_bot_and_webhook_are_both_told(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        await flow.restart(
            slack_bot_token=flow.channel.bot_token,
            slack_channel="#wamon-alerts",
            slack_base_url=f"{flow.slack_url}/api",
        )
        flow.number.quality_rating = "RED"
        await flow.run(minutes=2)

        assert sorted(message.via for message in flow.channel.messages) == ["bot", "webhook"]
        assert len(set(flow.headlines)) == 1
