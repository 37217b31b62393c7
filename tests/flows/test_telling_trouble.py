"""The way to people is broken, or wamon itself was away: somebody is told all the same, and nothing twice."""

from datetime import timedelta
from pathlib import Path

from tests.flows.harness import simulated
from tests.flows.telling_harness import BotFlow, first_line
from tests.notify.ear import Ear, listening

QUALITY = "WhatsAppQualityRating"
WHO = "+1 555-078-3881 (Jasper's Market)"


@simulated
async def test_archived_channel_is_told_around_until_it_is_mended(tmp_path: Path) -> None:
    ear = Ear()
    async with (
        listening(ear) as url,
        BotFlow(tmp_path, webhook_url=url, fallback_receiver="webhook") as flow,
    ):
        flow.channel.is_archived = True
        flow.number.quality_rating = "RED"
        await flow.run(minutes=2)

        (told,) = ear.heard
        assert told.json["headline"] == f"CRITICAL  Quality rating RED  {WHO}"
        (remark,) = told.json["remarks"]
        assert remark.startswith("told here because slack_bot refused: ")
        assert "unarchive the channel" in remark
        assert flow.metric("wamon_notifications_total", receiver="slack_bot", outcome="handed_over") == 1
        assert flow.metric("wamon_notifications_total", receiver="webhook", outcome="delivered") == 1
        assert not flow.daemon.health().is_ready
        assert "unarchive the channel" in flow.daemon.health().not_ready_reasons[0]

        flow.channel.is_archived = False
        flow.number.quality_rating = "GREEN"
        await flow.run(minutes=35)

        assert flow.daemon.health().is_ready
        # Who was told instead hears that it is over, too.
        assert [each.json["status"] for each in ear.heard] == ["firing", "resolved"]
        assert first_line(flow.root.text).startswith("RESOLVED after ")
        assert "CRITICAL  Quality rating RED" in flow.root.text


@simulated
async def test_deleted_message_is_followed_by_a_new_one_that_says_so(tmp_path: Path) -> None:
    async with BotFlow(tmp_path) as flow:
        flow.number.quality_rating = "YELLOW"
        await flow.run(minutes=5)
        gone = flow.root
        flow.channel.delete(gone.ts)
        flow.number.quality_rating = "RED"
        await flow.run(minutes=3)

        new = flow.roots[-1]
        assert first_line(new.text) == f"CRITICAL  Quality rating RED  {WHO}"
        assert "an earlier message about this was deleted" in new.text
        assert "10:01 UTC  WARNING  Quality rating YELLOW" in new.text

        flow.number.quality_rating = "GREEN"
        await flow.run(minutes=35)

        assert flow.replies(new) == [f"RESOLVED after 37 min  Quality rating RED  {WHO}"]
        assert first_line(new.text).startswith("RESOLVED after 37 min")


@simulated
async def test_start_after_a_gap_tells_it_without_a_ping(tmp_path: Path) -> None:
    async with BotFlow(tmp_path) as flow:
        flow.number.quality_rating = "RED"
        await flow.run(minutes=5)
        await flow.restart(gap=timedelta(minutes=20))
        await flow.run(minutes=10)

        (reply,) = flow.channel.replies(flow.root.ts)
        assert "wamon was stopped from 10:05 UTC" in reply.text
        assert not reply.reply_broadcast
        assert first_line(flow.root.text) == f"CRITICAL  Quality rating RED  {WHO}"
        assert await flow.announced() == [(QUALITY, "open", "critical")]


@simulated
async def test_what_became_true_while_wamon_was_stopped_is_told(tmp_path: Path) -> None:
    async with BotFlow(tmp_path) as flow:
        other = flow.world.numbers_of(flow.waba.id)[1]
        flow.number.quality_rating = "RED"
        await flow.run(minutes=5)
        await flow.stop()
        other.quality_rating = "RED"
        flow.world.unsubscribe(flow.waba.id, flow.app.id)
        flow.clock.advance(20 * 60)
        await flow.start()
        await flow.run(minutes=10)

        known, new = flow.roots
        (reply,) = flow.channel.replies(known.ts)
        assert first_line(reply.text).startswith("CRITICAL  Quality rating RED  +1 555-010-0142")
        assert reply.reply_broadcast
        assert "wamon was stopped from 10:05 UTC" in reply.text
        assert first_line(known.text).startswith("CRITICAL  Quality rating RED  2 phone numbers")
        assert first_line(new.text).startswith("CRITICAL  Webhook subscription is lost")
        assert "wamon was stopped" not in new.text


@simulated
async def test_short_restart_says_nothing(tmp_path: Path) -> None:
    async with BotFlow(tmp_path) as flow:
        flow.number.quality_rating = "RED"
        await flow.run(minutes=5)
        await flow.restart(gap=timedelta(minutes=2))
        await flow.run(minutes=30)

        assert flow.channel.messages == [flow.root]
