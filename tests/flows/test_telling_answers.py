"""What people answer: silences, acknowledgements, and what happens when nobody answers at all."""

import hashlib
import hmac
from datetime import timedelta
from pathlib import Path

from tests.flows.harness import simulated
from tests.flows.telling_harness import ANNA, BEN, ON_CALL, STRANGER, BotFlow, first_line
from tests.notify.ear import Ear, Heard, listening

QUALITY = "WhatsAppQualityRating"
WHO = "+1 555-078-3881 (Jasper's Market)"
SECRET = "a-secret-that-both-sides-know-well"


@simulated
async def test_silence_by_a_button_quiets_until_its_end(tmp_path: Path) -> None:
    async with BotFlow(tmp_path) as flow:
        flow.number.quality_rating = "YELLOW"
        await flow.run(minutes=5)

        assert await flow.press(flow.root, "silence_1h") == (
            "silenced until 2026-11-22 11:05 UTC: 1 open alert is quiet now"
        )
        assert await flow.press(flow.root, "silence_1h", user=BEN) == (
            "already silenced by anna until 2026-11-22 11:05 UTC"
        )
        await flow.run(minutes=1)

        assert "silenced by anna until 11:05 UTC" in flow.root.text
        (reply,) = flow.channel.replies(flow.root.ts)
        assert reply.text.startswith("silenced")
        assert "silenced by anna until 11:05 UTC" in reply.text
        assert not reply.reply_broadcast
        assert flow.metric("wamon_silences") == 1
        assert flow.metric("wamon_alerts_held", overlay="silenced") == 1

        # Worse, and still nobody is told.
        flow.number.quality_rating = "RED"
        await flow.run(minutes=58)

        assert flow.metric("wamon_alerts", alertname="WhatsAppQualityRatingRed", state="firing") == 1
        assert len(flow.channel.messages) == 2

        await flow.run(minutes=2)

        told = flow.channel.messages[-1]
        assert first_line(told.text) == f"CRITICAL  Quality rating RED  {WHO}"
        assert told.reply_broadcast
        assert "a silence by anna ended" in told.text
        assert "silenced by anna until" not in flow.root.text
        assert await flow.transitions(QUALITY) == [
            ("open", "warning"),
            ("silenced", "warning"),
            ("raise", "critical"),
            ("unsilenced", "critical"),
        ]


@simulated
async def test_silence_by_an_operator_stops_repeats_but_not_the_end(tmp_path: Path) -> None:
    async with BotFlow(tmp_path) as flow:
        flow.number.quality_rating = "RED"
        await flow.run(minutes=5)
        await flow.daemon.operations.silence(
            [f"waba_id={flow.waba.id}"], reason="we know", author="ben", lasts=timedelta(hours=12)
        )
        await flow.run(minutes=9 * 60)

        assert flow.replies(flow.root) == [f"silenced: CRITICAL  Quality rating RED  {WHO}"]
        assert "we know" in flow.root.text

        flow.number.quality_rating = "GREEN"
        await flow.run(minutes=35)

        assert flow.replies(flow.root)[1] == f"RESOLVED after 9 h 35 min  Quality rating RED  {WHO}"
        assert first_line(flow.root.text).startswith("RESOLVED after 9 h 35 min")


@simulated
async def test_acknowledged_alert_shows_who_and_calls_nobody_until_it_gets_worse(tmp_path: Path) -> None:
    async with BotFlow(tmp_path, slack_escalation_mention=ON_CALL) as flow:
        other = flow.world.numbers_of(flow.waba.id)[1]
        flow.number.quality_rating = "RED"
        other.quality_rating = "YELLOW"
        await flow.run(minutes=5)

        assert "not on the list" in await flow.press(flow.root, "acknowledge", user=STRANGER)
        assert flow.metric("wamon_slack_actions_total", action="acknowledge", outcome="refused") == 1
        assert "acknowledged" not in flow.root.text

        as_it_was = flow.root.blocks
        assert await flow.press(flow.root, "acknowledge", user=ANNA) == "acknowledged 2 alerts"
        # Ben still sees the message as it was a moment ago.
        flow.root.blocks = as_it_was
        assert (await flow.press(flow.root, "acknowledge", user=BEN)).startswith("already acknowledged by anna until")
        await flow.run(minutes=1)

        assert "acknowledged by anna at 10:05 UTC" in flow.root.text
        assert flow.metric("wamon_slack_actions_total", action="acknowledge", outcome="done") == 2
        assert flow.metric("wamon_alerts_held", overlay="acknowledged") == 2

        replies = len(flow.channel.replies(flow.root.ts))
        await flow.run(minutes=60)

        assert len(flow.channel.replies(flow.root.ts)) == replies

        other.quality_rating = "RED"
        await flow.run(minutes=2)

        raised = flow.channel.replies(flow.root.ts)[-1]
        assert first_line(raised.text).startswith("CRITICAL  Quality rating RED  +1 555-010-0142")
        assert raised.reply_broadcast
        assert flow.metric("wamon_alerts_held", overlay="acknowledged") == 1
        assert ("unacknowledged", "critical") in await flow.transitions(QUALITY)

        await flow.run(minutes=16)

        assert "<!subteam^S0ONCALL>" in flow.channel.replies(flow.root.ts)[-1].all_text


@simulated
async def test_silent_channel_is_called_and_then_somebody_else_is_told_to_the_end(tmp_path: Path) -> None:
    ear = Ear()
    async with (
        listening(ear) as url,
        BotFlow(
            tmp_path,
            slack_escalation_mention=ON_CALL,
            webhook_url=url,
            webhook_secret=SECRET,
            escalation_receiver="webhook",
        ) as flow,
    ):
        flow.number.quality_rating = "RED"
        await flow.run(minutes=15)

        assert flow.replies(flow.root) == []

        await flow.run(minutes=1)

        (call,) = flow.channel.replies(flow.root.ts)
        assert call.reply_broadcast
        assert "<!subteam^S0ONCALL>" in call.all_text
        assert "<!subteam^S0ONCALL>" not in flow.root.all_text
        assert "nobody has acknowledged" in call.text
        assert ear.heard == []
        assert "escalated to" in flow.root.text

        await flow.run(minutes=15)

        (told,) = ear.heard
        assert is_signed(told)
        assert told.json["status"] == "firing"
        assert told.json["headline"] == f"not acknowledged: CRITICAL  Quality rating RED  {WHO}"
        assert told.json["kind"] == ["escalation"]
        assert len(flow.channel.replies(flow.root.ts)) == 1
        assert (await flow.transitions(QUALITY))[1:] == [("escalated", "critical")] * 2

        flow.number.quality_rating = "GREEN"
        await flow.run(minutes=35)

        assert flow.replies(flow.root)[1].startswith("RESOLVED after ")
        assert [heard.json["status"] for heard in ear.heard] == ["firing", "resolved"]
        assert all(map(is_signed, ear.heard))
        assert flow.metric("wamon_notifications_total", receiver="webhook", outcome="delivered") == 2


def is_signed(heard: Heard) -> bool:
    stamp = heard.headers["x-wamon-timestamp"].encode()
    expected = hmac.new(SECRET.encode(), stamp + b"." + heard.body, hashlib.sha256).hexdigest()
    return heard.headers["x-wamon-signature-256"] == f"sha256={expected}"
