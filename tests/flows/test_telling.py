"""How alerts are told: together, in threads, not while their cause or a silence says enough, and again in time."""

from datetime import timedelta
from pathlib import Path

from tests.flows.harness import Flow, simulated

QUALITY = "WhatsAppQualityRating"
DOWN = "WhatsAppPhoneNumberDown"
RESTRICTED = "WhatsAppAccountRestricted"
WHO = "+1 555-078-3881 (Jasper's Market)"
MENTION = "<!subteam^S0ONCALL>"


async def with_bot(flow: Flow, **settings: str) -> None:
    """From here on the bot tells, in place of the webhook."""
    await flow.stop()
    await flow.start(
        slack_webhook_url="",
        slack_bot_token=flow.channel.bot_token,
        slack_channel="#wamon-alerts",
        slack_base_url=f"{flow.slack_url}/api",
        **settings,
    )


@simulated
async def test_numbers_that_fall_together_share_one_message(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        for number_id in flow.waba.number_ids:
            flow.world.number(number_id).quality_rating = "RED"
        await flow.run(minutes=2)

        assert await flow.announced() == [(QUALITY, "open", "critical")] * 3
        whose = f"Jasper's Market (WABA {flow.waba.id})"
        assert flow.headlines == [f"CRITICAL  Quality rating RED  3 phone numbers of {whose}"]
        for number_id in flow.waba.number_ids:
            assert str(flow.world.number(number_id).display_phone_number) in flow.last_message


@simulated
async def test_warning_waits_for_company_and_what_is_critical_does_not(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.number.quality_rating = "YELLOW"
        await flow.run(minutes=5)
        flow.number.quality_rating = "RED"
        await flow.run(minutes=2)

        opened, raised = await flow.daemon.store.transitions()
        warned, alarmed = flow.channel.messages
        assert (warned.at - opened.at).total_seconds() == 20
        assert alarmed.at == raised.at


@simulated
async def test_thread_tells_what_happens_and_its_root_what_is_so(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        await with_bot(flow)
        flow.number.quality_rating = "YELLOW"
        await flow.run(minutes=5)
        flow.number.quality_rating = "RED"
        await flow.run(minutes=5)
        flow.number.quality_rating = "GREEN"
        await flow.run(minutes=35)

        root, *replies = flow.channel.messages
        words = [shown.text.split(maxsplit=1)[0] for shown in root.versions]
        assert list(dict.fromkeys(words)) == ["WARNING", "CRITICAL", "RESOLVED"]
        assert [reply.thread_ts for reply in replies] == [root.ts] * 2
        assert [reply.text.split(maxsplit=1)[0] for reply in replies] == ["CRITICAL", "RESOLVED"]
        # A rise is worth the whole channel's attention, an end is not.
        assert [reply.reply_broadcast for reply in replies] == [True, False]


@simulated
async def test_number_of_a_restricted_account_is_not_told_until_the_account_is_free(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.waba.status = "RESTRICTED"
        await flow.run(minutes=5)
        flow.number.status = "BANNED"
        await flow.run(minutes=20)

        assert flow.open_alerts == [RESTRICTED, DOWN]
        assert flow.metric("wamon_alerts", alertname=DOWN, state="firing") == 1
        assert flow.headlines == [f"CRITICAL  Account status RESTRICTED  Jasper's Market (WABA {flow.waba.id})"]

        flow.waba.status = "ACTIVE"
        await flow.run(minutes=15)

        assert flow.open_alerts == [DOWN]
        assert [headline.split("  ")[0] for headline in flow.headlines[1:]] == ["RESOLVED after 30 min", "CRITICAL"]
        assert flow.headlines[2] == f"CRITICAL  Phone number is BANNED  {WHO}"


@simulated
async def test_what_was_told_before_its_cause_is_resolved_all_the_same(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.number.quality_rating = "RED"
        await flow.run(minutes=5)
        flow.waba.status = "RESTRICTED"
        await flow.run(minutes=5)
        flow.number.quality_rating = "GREEN"
        await flow.run(minutes=35)

        assert flow.open_alerts == [RESTRICTED]
        assert flow.headlines[-1].startswith("RESOLVED after ")
        assert "Quality rating RED" in flow.headlines[-1]


@simulated
async def test_silence_hides_from_people_only_and_what_stands_after_it_is_told(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        outcome = await flow.daemon.operations.silence(
            ["rule=WhatsAppQualityRating"], lasts=timedelta(hours=1), reason="we know", author="anna"
        )
        assert outcome.silence is not None
        flow.number.quality_rating = "RED"
        await flow.run(minutes=59)

        assert flow.metric("wamon_alerts", alertname="WhatsAppQualityRatingRed", state="firing") == 1
        assert flow.headlines == []

        await flow.run(minutes=3)

        assert flow.headlines == [f"CRITICAL  Quality rating RED  {WHO}"]
        assert "the silence by anna ended" in flow.last_message


@simulated
async def test_what_ends_under_a_silence_is_never_told(tmp_path: Path) -> None:
    async with Flow(tmp_path, poll_interval="300") as flow:
        await flow.daemon.operations.silence(
            ["rule=WhatsAppQualityRating"], lasts=timedelta(hours=2), reason="we know", author="anna"
        )
        flow.number.quality_rating = "RED"
        await flow.run(minutes=10)
        flow.number.quality_rating = "GREEN"
        await flow.run(minutes=150)

        assert await flow.announced() == [(QUALITY, "open", "critical"), (QUALITY, "close", "critical")]
        assert flow.headlines == []


@simulated
async def test_silence_does_not_hide_the_end_of_what_was_told(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.number.quality_rating = "RED"
        await flow.run(minutes=5)
        await flow.daemon.operations.silence(
            ["rule=WhatsAppQualityRating"], lasts=timedelta(hours=2), reason="we know", author="anna"
        )
        flow.number.quality_rating = "GREEN"
        await flow.run(minutes=35)

        assert flow.headlines[-1].startswith("RESOLVED after ")


@simulated
async def test_critical_alert_without_an_answer_calls_people_and_then_somebody_else(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        await with_bot(flow, slack_escalation_mention=MENTION, escalation_receiver="log")
        flow.number.quality_rating = "RED"
        await flow.run(minutes=14)
        before = len(flow.channel.messages)
        await flow.run(minutes=2)
        root, call = flow.channel.messages

        assert before == 1
        assert MENTION not in root.all_text
        assert MENTION in call.all_text
        assert (call.thread_ts, call.reply_broadcast) == (root.ts, True)
        assert flow.metric("wamon_notifications_total", receiver="log", outcome="delivered") == 0

        await flow.run(minutes=20)

        assert flow.metric("wamon_notifications_total", receiver="log", outcome="delivered") == 1
        assert len(flow.channel.messages) == 2


@simulated
async def test_acknowledged_alert_calls_nobody_and_is_not_repeated(tmp_path: Path) -> None:
    async with Flow(tmp_path, poll_interval="300") as flow:
        await with_bot(flow, slack_escalation_mention=MENTION)
        flow.number.quality_rating = "RED"
        await flow.run(minutes=10)
        (group_id,) = flow.daemon.engine.state.desk.groups
        await flow.daemon.operations.acknowledge(str(group_id), author="anna")
        await flow.run(minutes=5 * 60)

        (root,) = flow.channel.messages
        assert "acknowledged by anna at 10:10 UTC" in root.all_text


@simulated
async def test_open_alert_is_repeated_in_time(tmp_path: Path) -> None:
    async with Flow(tmp_path, poll_interval="300") as flow:
        flow.number.quality_rating = "RED"
        await flow.run(minutes=10)
        told_at = flow.channel.messages[0].at
        await flow.run(minutes=9 * 60)

        hours = [(message.at - told_at).total_seconds() / 3600 for message in flow.channel.messages]
        assert [round(hour, 2) for hour in hours] == [0, 4, 8]
        assert all("Quality rating RED" in headline for headline in flow.headlines)
