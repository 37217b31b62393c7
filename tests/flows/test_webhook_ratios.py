"""What becomes of messages, told by webhook: who fails, who bounces, who is never heard of again."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.flows.harness import simulated
from tests.flows.webhooks_harness import WebhookFlow
from wamon.sim.traffic import Mix

FAILURES = "WhatsAppFailureRatioHigh"
BOUNCES = "WhatsAppBounceRatioHigh"
PAYMENT = "WhatsAppPaymentBlocked"
SPAM = "WhatsAppSpamRateLimited"
SILENT_DROP = "WhatsAppSilentDrop"
SLOW = "WhatsAppDeliverySlow"
LAG = "WhatsAppWebhookLagHigh"
USUAL = Mix(failed={131026: 0.004}, undelivered=0.02)
BAD_LIST = Mix(failed={131026: 0.14, 131049: 0.10, 131047: 0.14}, undelivered=0.05)
DAY = timedelta(days=1)


@simulated
async def test_usual_traffic_alerts_nobody(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        flow.traffic.start(flow.number.id, per_hour=120, mix=USUAL)

        await flow.run(minutes=180)

        assert await flow.transitions() == []
        assert flow.metric("whatsapp_messages_attempted", phone_number_id=flow.number.id, window="24h") == 358


@simulated
async def test_bad_campaign_is_told_once_by_each_rule_and_resolves_after_good_traffic(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        flow.traffic.start(flow.number.id, per_hour=120, mix=USUAL)
        await flow.run(minutes=30)

        flow.traffic.start(
            flow.number.id, per_hour=480, mix=BAD_LIST, category="marketing", lasts=timedelta(minutes=30)
        )
        await flow.run(minutes=30)
        assert flow.open_alerts == [BOUNCES, FAILURES]
        await flow.run(minutes=100)

        assert await flow.announced() == [
            (BOUNCES, "open", "warning"),
            (BOUNCES, "raise", "critical"),
            (FAILURES, "open", "warning"),
            (FAILURES, "close", "warning"),
            (BOUNCES, "close", "critical"),
        ]
        assert flow.open_alerts == []


@simulated
async def test_alert_about_failures_names_the_code_its_title_and_what_fixes_it(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        messages = flow.messages(100)
        await flow.say(messages[:30], "failed", error_code=131047)
        await flow.say(messages[30:], "sent")
        await flow.run(minutes=4)

        what = "30.0% of messages fail for a reason on the sender's side or Meta's"
        assert flow.headlines == [f"CRITICAL  {what}  +1 555-078-3881 (Jasper's Market)"]
        assert "30 of 100 messages, bounces left out" in flow.last_message
        assert "Code 131047: 30 x" in flow.last_message
        assert "What fixes code 131047" in flow.last_message


@pytest.mark.parametrize(("failed", "of"), [(1, 2), (2, 2), (40, 40)])
@simulated
async def test_a_few_messages_prove_nothing(tmp_path: Path, failed: int, of: int) -> None:
    async with WebhookFlow(tmp_path) as flow:
        messages = flow.messages(of)
        await flow.say(messages, "sent")
        await flow.say(messages[:failed], "failed", error_code=131026)

        await flow.run(minutes=120)

        assert await flow.transitions() == []
        assert flow.samples("whatsapp_message_failure_ratio") == {}
        assert flow.metric("whatsapp_messages_failed", phone_number_id=flow.number.id, window="24h") == failed


@simulated
async def test_ratio_beyond_the_threshold_that_could_be_chance_alerts_nobody(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        messages = flow.messages(60)
        await flow.say(messages[:5], "failed", error_code=131047)
        await flow.say(messages[5:], "delivered")

        await flow.run(minutes=60)

        assert flow.metric("whatsapp_message_failure_ratio", window="24h") == pytest.approx(5 / 60)
        assert await flow.transitions() == []


@simulated
async def test_failure_that_is_delivered_after_all_is_no_failure(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        messages = flow.messages(200)
        await flow.say(messages, "failed", error_code=131000)
        await flow.run(minutes=1)
        await flow.say(messages, "delivered")
        await flow.run(minutes=10)

        assert await flow.announced() == []
        assert flow.metric("whatsapp_message_failure_ratio", window="1h") == 0
        assert flow.metric("wamon_webhook_contradictions_total") == 200


@simulated
async def test_payment_block_opens_at_once_and_closes_only_when_messages_go_out_again(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        await flow.say(flow.messages(1), "failed", error_code=131042)
        await flow.run(minutes=1)
        assert await flow.announced() == [(PAYMENT, "open", "critical")]

        await flow.run(minutes=240)
        # Nobody tried, which proves nothing.
        assert flow.open_alerts == [PAYMENT]
        assert flow.metric("wamon_alerts", alertname=PAYMENT, state="stale") == 1

        await flow.say(flow.messages(3), "sent")
        await flow.run(minutes=10)
        assert flow.open_alerts == [PAYMENT]
        await flow.run(minutes=10)

        assert await flow.announced() == [(PAYMENT, "open", "critical"), (PAYMENT, "close", "critical")]


@simulated
async def test_payment_block_stays_while_some_messages_still_fail_of_it(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        for _ in range(8):
            await flow.say(flow.messages(1), "failed", error_code=131042)
            await flow.say(flow.messages(20), "sent")
            await flow.run(minutes=30)

        assert await flow.announced() == [(PAYMENT, "open", "critical")]


@simulated
async def test_spam_limit_is_told_of_its_number_and_ends_with_its_refusals(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        await flow.say(flow.messages(4), "failed", error_code=131048)
        await flow.run(minutes=5)
        assert flow.open_alerts == []

        await flow.say(flow.messages(1), "failed", error_code=131048)
        await flow.run(minutes=2)
        assert flow.headlines == [
            "CRITICAL  Meta's spam limit refused 5 messages in an hour  +1 555-078-3881 (Jasper's Market)"
        ]

        for _ in range(10):
            await flow.say(flow.messages(5), "sent")
            await flow.run(minutes=10)
        assert await flow.announced() == [(SPAM, "open", "critical"), (SPAM, "close", "critical")]


@simulated
async def test_silent_drop_opens_when_messages_are_ripe_and_closes_when_they_arrive(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        messages = flow.messages(60)
        await flow.say(messages, "sent")
        await flow.run(minutes=15)
        assert flow.metric("whatsapp_messages_open", phone_number_id=flow.number.id, age="lt15m") == 60
        assert await flow.transitions() == []

        await flow.run(minutes=17)
        assert flow.metric("whatsapp_messages_open", phone_number_id=flow.number.id, age="15m_1h") == 60
        assert await flow.announced() == [(SILENT_DROP, "open", "warning")]

        await flow.say(messages, "delivered")
        await flow.run(minutes=13)

        assert await flow.announced() == [(SILENT_DROP, "open", "warning"), (SILENT_DROP, "close", "warning")]
        assert flow.metric("whatsapp_messages_open", phone_number_id=flow.number.id, age="15m_1h") == 0


@simulated
async def test_silent_drop_that_nobody_adds_to_stays_until_it_is_seen_to_end(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        await flow.say(flow.messages(60), "sent")
        await flow.run(minutes=180)
        assert flow.open_alerts == [SILENT_DROP]
        assert flow.metric("wamon_alerts", alertname=SILENT_DROP, state="stale") == 1

        messages = flow.messages(20)
        await flow.say(messages, "sent")
        await flow.say(messages, "delivered")
        await flow.run(minutes=40)

        assert flow.open_alerts == []


@simulated
async def test_phones_that_are_off_for_a_while_alert_nobody(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        flow.traffic.start(flow.number.id, per_hour=200, mix=Mix(undelivered=0.15))

        await flow.run(minutes=180)

        assert await flow.transitions() == []


@simulated
async def test_phones_that_come_back_at_once_alert_nobody(tmp_path: Path) -> None:
    """A burst of late deliveries: slow is what is slow for a quarter of an hour."""
    async with WebhookFlow(tmp_path) as flow:
        messages = flow.messages(40)
        await flow.say(messages, "sent")
        await flow.run(minutes=12)
        await flow.say(messages, "delivered")

        await flow.run(minutes=60)

        assert await flow.announced() == []


@simulated
async def test_slow_delivery_is_told_after_a_quarter_of_an_hour_and_resolves(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        slow = flow.traffic.start(flow.number.id, per_hour=300, delivery_seconds=(400.0, 500.0))
        await flow.run(minutes=40)
        assert await flow.announced() == [(SLOW, "open", "warning")]

        flow.traffic.stop(slow)
        flow.traffic.start(flow.number.id, per_hour=300)
        await flow.run(minutes=60)

        assert await flow.announced() == [(SLOW, "open", "warning"), (SLOW, "close", "warning")]


@simulated
async def test_webhooks_that_are_seven_days_late_count_in_no_window_and_alert_of_their_lateness_only(
    tmp_path: Path,
) -> None:
    async with WebhookFlow(tmp_path) as flow:
        then = flow.clock.now() - 7 * DAY
        await flow.say(flow.messages(300), "failed", at=then, error_code=131042)
        await flow.say(flow.messages(300), "failed", at=then, error_code=131048)
        await flow.say(flow.messages(300), "failed", at=then, error_code=131026)
        await flow.run(minutes=60)

        assert {rule for rule, _, _ in await flow.announced()} <= {LAG}
        for window in ("1h", "24h"):
            assert flow.metric("whatsapp_messages_attempted", phone_number_id=flow.number.id, window=window) in (
                0,
                None,
            )
        assert flow.samples("whatsapp_message_failure_ratio") == {}
        assert flow.samples("whatsapp_message_recent_failures") == {}
        assert flow.metric("whatsapp_message_statuses_total", phone_number_id=flow.number.id, status="failed") == 900


@simulated
async def test_sent_that_is_seven_days_late_is_open_and_old(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        messages = flow.messages(8)
        await flow.say(messages, "sent", at=flow.clock.now() - 7 * DAY)
        await flow.run(minutes=2)
        before = flow.metric("whatsapp_messages_open", phone_number_id=flow.number.id, age="gt24h")
        await flow.say(messages, "delivered")
        await flow.run(minutes=2)

        assert before == 8
        assert flow.metric("whatsapp_messages_open", phone_number_id=flow.number.id, age="gt24h") == 0
        assert await flow.transitions() == []
