"""Whether Meta's webhooks still come, and whether they can be believed."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.flows.harness import simulated
from tests.flows.webhooks_harness import WebhookFlow

SILENCE = "WhatsAppWebhookSilence"
SIGNATURES = "WamonWebhookBadSignatures"
LAG = "WhatsAppWebhookLagHigh"
# The rule with a shorter memory, for stories that need not wait for a day.
SOON = f"[rules.{SILENCE}]\nsilent_for_hours = 2\nmin_active_hours = 4"


async def send_hourly(flow: WebhookFlow, *, hours: int) -> None:
    for _ in range(hours):
        messages = flow.messages(1)
        await flow.say(messages, "sent")
        await flow.say(messages, "delivered")
        await flow.run(minutes=60)


@simulated
async def test_silence_speaks_after_a_day_of_habit_and_resolves_with_the_next_webhook(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path, poll_interval="3600") as flow:
        await send_hourly(flow, hours=25)
        await flow.run(minutes=4 * 60 + 55)
        assert await flow.announced() == []

        await flow.run(minutes=10)
        assert flow.headlines == [f"CRITICAL  No webhook for 6 h 3 min  Jasper's Market (WABA {flow.waba.id})"]
        assert "Last webhook: 2026-11-23 10:00 UTC, field messages" in flow.last_message

        await flow.run(minutes=300)
        await flow.say(flow.messages(1), "sent")
        await flow.run(minutes=3)

        assert await flow.announced() == [(SILENCE, "open", "critical"), (SILENCE, "close", "critical")]


@simulated
async def test_silence_before_there_is_a_habit_says_nothing(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path, poll_interval="3600") as flow:
        await send_hourly(flow, hours=10)
        await flow.run(minutes=20 * 60)

        assert await flow.announced() == []


@simulated
async def test_account_that_never_had_a_webhook_is_not_silent(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path, poll_interval="3600", tables=SOON) as flow:
        await flow.run(minutes=12 * 60)

        assert await flow.transitions() == []


@simulated
async def test_time_in_which_wamon_was_stopped_is_not_silence(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path, poll_interval="3600", tables=SOON) as flow:
        await send_hourly(flow, hours=6)
        await flow.restart(gap=timedelta(hours=8))
        await flow.run(minutes=115)
        assert await flow.announced() == []

        await flow.run(minutes=10)

        assert await flow.announced() == [(SILENCE, "open", "critical")]
        assert "wamon listens since" in flow.last_message


@simulated
async def test_time_in_which_wamon_was_stopped_is_a_pause_of_the_habit_at_most(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path, poll_interval="3600", tables=SOON) as flow:
        await send_hourly(flow, hours=6)
        await flow.restart(gap=timedelta(hours=8))
        await send_hourly(flow, hours=6)

        assert await flow.announced() == []


@simulated
async def test_time_in_which_the_machine_slept_is_not_silence(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path, poll_interval="3600", tables=SOON) as flow:
        await send_hourly(flow, hours=6)
        flow.clock.step(8 * 3600)
        await flow.run(minutes=110)
        assert SILENCE not in {rule for rule, _, _ in await flow.announced()}

        await flow.run(minutes=20)

        assert flow.open_alerts == [SILENCE]


@simulated
async def test_restarts_do_not_close_a_silence_that_lasts(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path, poll_interval="3600", tables=SOON) as flow:
        await send_hourly(flow, hours=6)
        await flow.run(minutes=90)
        assert flow.open_alerts == [SILENCE]

        for _ in range(3):
            await flow.restart(gap=timedelta(minutes=5))
            await flow.run(minutes=30)

        assert await flow.announced() == [(SILENCE, "open", "critical")]


@simulated
async def test_account_event_breaks_the_silence_too(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path, poll_interval="3600", tables=SOON) as flow:
        await send_hourly(flow, hours=6)
        await flow.run(minutes=90)
        await flow.tell("phone_number_quality_update", {"event": "UNFLAGGED", "display_phone_number": "15550783881"})
        await flow.run(minutes=3)

        assert await flow.announced() == [(SILENCE, "open", "critical"), (SILENCE, "close", "critical")]


@simulated
async def test_wrong_secret_is_critical_and_ends_with_the_right_one(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        before = flow.totals()
        forged = [await flow.sender.forge(flow.app) for _ in range(20)]
        forged += [await flow.post(flow.notice("account_update", {"event": "DISABLED_UPDATE"}), secret="wrong")]
        await flow.run(minutes=2)

        assert forged == [401] * 21
        assert await flow.announced() == [(SIGNATURES, "open", "critical")]
        assert flow.headlines == [
            "CRITICAL  Every one of 21 webhook requests had a bad signature: the app secret may be wrong  wamon"
        ]
        assert flow.metric("wamon_webhook_signature_failures_total") == 21
        assert flow.metric("wamon_webhook_requests_total", code="401") == 20
        assert flow.totals() == before

        flow.traffic.start(flow.number.id, per_hour=60)
        await flow.run(minutes=90)
        assert await flow.announced() == [(SIGNATURES, "open", "critical"), (SIGNATURES, "close", "critical")]


@simulated
async def test_stranger_among_good_senders_is_a_warning(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        flow.traffic.start(flow.number.id, per_hour=200)
        await flow.run(minutes=5)
        for _ in range(20):
            assert await flow.sender.forge(flow.app) == 401
        await flow.run(minutes=90)

        assert await flow.announced() == [(SIGNATURES, "open", "warning"), (SIGNATURES, "close", "warning")]


@simulated
async def test_a_few_bad_signatures_alert_nobody(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        for _ in range(12):
            for _ in range(2):
                assert await flow.sender.forge(flow.app) == 401
            await flow.run(minutes=15)

        assert await flow.announced() == []


@simulated
async def test_secret_that_is_reset_is_followed_with_both_secrets_and_nothing_is_lost(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path, is_checked=False) as flow:
        former = flow.app.secret
        flow.traffic.start(flow.number.id, per_hour=200, lasts=timedelta(minutes=30))
        await flow.run(minutes=10)
        flow.app.secret = "d" * 32
        await flow.run(minutes=10)
        assert SIGNATURES in flow.open_alerts

        await flow.restart(app_secret=flow.app.secret, previous_app_secret=former)
        await flow.run(minutes=120)

        assert SIGNATURES not in flow.open_alerts
        told = flow.sender.ledger.number(flow.number.id)
        assert flow.sender.ledger.lost == 0
        for word, messages in told.statuses().items():
            shown = flow.metric("whatsapp_message_statuses_total", phone_number_id=flow.number.id, status=word)
            assert (word, shown) == (word, messages)


@pytest.mark.parametrize("minutes", [2, 20])
@simulated
async def test_backlog_of_a_stop_is_caught_up_without_an_alert(tmp_path: Path, minutes: int) -> None:
    """What Meta repeats after a stop is late, but that is over with the last of it."""
    async with WebhookFlow(tmp_path) as flow:
        flow.traffic.start(flow.number.id, per_hour=120)
        await flow.run(minutes=60)

        await flow.restart(gap=timedelta(minutes=minutes))
        await flow.run(minutes=60)

        assert await flow.announced() == []


@simulated
async def test_webhooks_that_stay_late_are_told(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        flow.traffic.start(flow.number.id, per_hour=200)
        await flow.run(minutes=20)
        late = flow.clock.now() + timedelta(minutes=40)
        while flow.clock.now() < late:
            await flow.say(flow.messages(5), "sent", at=flow.clock.now() - timedelta(minutes=12))
            await flow.run(minutes=1)
        assert LAG in flow.open_alerts
        await flow.run(minutes=40)

        assert [each for each in await flow.announced() if each[0] == LAG] == [
            (LAG, "open", "critical"),
            (LAG, "close", "critical"),
        ]
