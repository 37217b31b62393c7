"""What Meta tells of an account by webhook is an alert at once, and ends as it should."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.flows.harness import simulated
from tests.flows.webhooks_harness import WebhookFlow
from wamon.sim.webhooks import JsonObject, restriction

RESTRICTED = "WhatsAppAccountRestricted"
RESTRICTION = "WhatsAppRestrictionActive"
SECURITY = "WhatsAppSecurityEvent"
QUALITY = "WhatsAppQualityRating"
PAUSED = "WhatsAppTemplatePaused"
MARKET = "Jasper's Market"
BAN: JsonObject = {
    "event": "DISABLED_UPDATE",
    "ban_info": {"waba_ban_state": "DISABLE", "waba_ban_date": "November 22, 2026"},
}
REINSTATED = {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "REINSTATE"}}
NO_MESSAGES = "RESTRICTED_BIZ_INITIATED_MESSAGING"


@simulated
async def test_ban_reaches_slack_within_the_same_step(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        await flow.run(minutes=0.5)
        banned_at = flow.clock.now()
        await flow.tell("account_update", BAN)

        assert flow.clock.now() == banned_at
        assert flow.headlines == [f"CRITICAL  Account is disabled  {MARKET} (WABA {flow.waba.id})"]
        assert "Seen by: webhook from Meta" in flow.last_message
        assert flow.metric("whatsapp_waba_ban_state", waba_id=flow.waba.id, state="DISABLE") == 1


@simulated
async def test_reinstatement_resolves_a_ban_and_its_repetition_does_not_reopen_it(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        ban = flow.notice("account_update", BAN)
        assert await flow.post(ban) == 200
        await flow.run(minutes=30)
        assert flow.open_alerts == [RESTRICTED]

        await flow.tell("account_update", REINSTATED)
        await flow.run(minutes=20)
        assert await flow.announced() == [(RESTRICTED, "open", "critical"), (RESTRICTED, "close", "critical")]

        # As it was, and in an envelope of its own making with what came since.
        for repeated in (ban, flow.notice("account_update", BAN, at=flow.clock.now() - timedelta(minutes=45))):
            assert await flow.post(repeated) == 200
            await flow.run(minutes=20)
        await flow.restart()
        assert await flow.post(ban) == 200
        await flow.run(minutes=20)

        assert len(await flow.announced()) == 2
        assert flow.metric("whatsapp_waba_ban_state", waba_id=flow.waba.id, state="REINSTATE") == 1
        assert flow.metric("wamon_webhook_duplicates_total") == 2


@simulated
async def test_ban_that_comes_after_the_reinstatement_that_followed_it_alerts_nobody(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        await flow.run(minutes=10)
        await flow.tell("account_update", REINSTATED)
        await flow.tell("account_update", BAN, at=flow.clock.now() - timedelta(minutes=5))
        await flow.run(minutes=20)

        assert await flow.announced() == []


@simulated
async def test_ban_that_polls_confirm_stays_until_polls_see_its_end(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        flow.waba.status = "DISABLED"
        await flow.tell("account_update", BAN)
        await flow.run(minutes=120)
        assert flow.open_alerts == [RESTRICTED]

        flow.waba.status = "ACTIVE"
        await flow.run(minutes=15)

        assert await flow.announced() == [(RESTRICTED, "open", "critical"), (RESTRICTED, "close", "critical")]


@simulated
async def test_restriction_ends_by_its_own_expiration(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        await flow.tell("account_update", restriction(flow.clock.now() + timedelta(hours=2), NO_MESSAGES))
        assert await flow.announced() == [(RESTRICTION, "open", "critical")]
        assert flow.metric("wamon_alerts", alertname=RESTRICTED, state="firing", severity="critical") == 1
        assert "2026-11-22 12:00" in flow.last_message

        await flow.run(minutes=119)
        assert flow.metric("whatsapp_waba_restriction_active", restriction_type=NO_MESSAGES) == 1
        await flow.run(minutes=4)

        assert await flow.announced() == [(RESTRICTION, "open", "critical"), (RESTRICTION, "close", "critical")]
        assert flow.headlines[-1].startswith("RESOLVED after 2 h")
        assert flow.metric("whatsapp_waba_restriction_active", restriction_type=NO_MESSAGES) is None


@simulated
async def test_restriction_whose_end_passes_while_wamon_is_stopped_resolves_after_the_start(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        await flow.tell("account_update", restriction(flow.clock.now() + timedelta(hours=2), NO_MESSAGES))
        await flow.run(minutes=5)

        await flow.restart(gap=timedelta(hours=3))
        await flow.run(minutes=3)

        assert await flow.announced() == [(RESTRICTION, "open", "critical"), (RESTRICTION, "close", "critical")]


@simulated
async def test_restriction_that_is_told_again_with_a_later_end_lasts_until_that(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        await flow.tell("account_update", restriction(flow.clock.now() + timedelta(hours=1), NO_MESSAGES))
        await flow.run(minutes=30)
        await flow.tell("account_update", restriction(flow.clock.now() + timedelta(hours=2), NO_MESSAGES))

        await flow.run(minutes=118)
        assert await flow.announced() == [(RESTRICTION, "open", "critical")]
        await flow.run(minutes=5)

        assert await flow.announced() == [(RESTRICTION, "open", "critical"), (RESTRICTION, "close", "critical")]


@simulated
async def test_change_of_the_pin_is_told_of_its_number_for_a_day(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path, poll_interval="3600") as flow:
        value = {"display_phone_number": "15550783881", "event": "PIN_CHANGED", "requester": "61550000000012"}
        await flow.tell("security", value)
        assert flow.headlines == [f"CRITICAL  Two-step verification PIN was changed  +1 555-078-3881 ({MARKET})"]

        await flow.run(minutes=23 * 60)
        assert flow.open_alerts == [SECURITY]
        await flow.run(minutes=120)

        assert await flow.announced() == [(SECURITY, "open", "critical"), (SECURITY, "close", "critical")]


@simulated
async def test_fall_of_quality_that_a_webhook_hints_at_is_seen_at_once(tmp_path: Path) -> None:
    hint = {"display_phone_number": "15550783881", "event": "DOWNGRADE", "current_limit": "TIER_1K"}
    async with WebhookFlow(tmp_path, poll_interval="600") as flow:
        flow.number.quality_rating = "YELLOW"
        assert flow.metric("whatsapp_phone_number_quality_rating", phone_number_id=flow.number.id, rating="GREEN") == 1

        await flow.tell("phone_number_quality_update", hint)

        assert flow.metric("whatsapp_phone_number_quality_rating", phone_number_id=flow.number.id, rating="YELLOW") == 1

        # Two looks at an account are half a minute apart at least.
        flow.clock.advance(30)
        flow.number.quality_rating = "RED"
        await flow.tell("phone_number_quality_update", {**hint, "event": "FLAGGED"})
        assert await flow.announced() == [(QUALITY, "open", "critical")]


@simulated
async def test_late_message_about_a_polled_rating_names_the_poll_though_webhooks_came_since(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        flow.traffic.start(flow.number.id, per_hour=300)
        outage = flow.channel.faults.add("status")
        flow.number.quality_rating = "RED"
        await flow.run(minutes=9)
        flow.channel.faults.remove(outage)
        await flow.run(minutes=10)

        assert flow.headlines == [f"CRITICAL  Quality rating RED  +1 555-078-3881 ({MARKET})"]
        assert "Seen by: poll of the Graph API" in flow.last_message


@simulated
async def test_many_hints_at_once_are_answered_by_one_look(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path, poll_interval="600") as flow:
        since = flow.clock.now()
        flow.clock.advance(1)
        for limit in ("TIER_1K", "TIER_10K", "TIER_100K"):
            value: JsonObject = {"display_phone_number": "15550783881", "event": "UPGRADE", "current_limit": limit}
            flow.traffic.tell(flow.waba.id, "phone_number_quality_update", value)
        await flow.run(minutes=0.5)

        assert flow.sender.ledger.account_events["phone_number_quality_update"] == 3
        assert flow.calls(f"/{flow.waba.id}", since=since) == 1


@simulated
async def test_rejected_review_by_webhook_is_corrected_by_the_polls(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        await flow.tell("account_review_update", {"decision": "REJECTED"})
        assert await flow.announced() == [(RESTRICTED, "open", "critical")]
        assert flow.headlines == [f"CRITICAL  Account review REJECTED  {MARKET} (WABA {flow.waba.id})"]

        await flow.run(minutes=16)

        assert await flow.announced() == [(RESTRICTED, "open", "critical"), (RESTRICTED, "close", "critical")]
        assert flow.metric("whatsapp_waba_review_status", waba_id=flow.waba.id, value="APPROVED") == 1


@simulated
async def test_paused_template_by_webhook_is_corrected_by_the_polls(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        value = {
            "event": "PAUSED",
            "message_template_id": 1207700,
            "message_template_name": "spring_sale",
            "message_template_language": "en_US",
            "reason": "NONE",
        }
        await flow.tell("message_template_status_update", value)
        assert await flow.announced() == [(PAUSED, "open", "warning")]

        await flow.run(minutes=40)

        assert await flow.announced() == [(PAUSED, "open", "warning"), (PAUSED, "close", "warning")]
        assert flow.samples("whatsapp_template_problem") == {}


@pytest.mark.parametrize("field", ["account_update", "account_review_update", "security", "a_field_of_tomorrow"])
@simulated
async def test_notice_that_nobody_understands_is_taken_and_counted_and_alerts_nobody(
    tmp_path: Path, field: str
) -> None:
    async with WebhookFlow(tmp_path) as flow:
        await flow.tell(field, {"said": ["what", {"nobody": "knows"}], "event": 7})
        await flow.run(minutes=10)

        assert await flow.announced() == []
        kept = await flow.daemon.store.quarantine(limit=10)
        assert len(kept) == (field != "a_field_of_tomorrow")
        shown = "other" if field == "a_field_of_tomorrow" else field
        assert flow.metric("whatsapp_webhook_events_total", waba_id=flow.waba.id, field=shown) == 1


@simulated
async def test_account_that_nobody_watches_is_counted_and_leaves_no_trace(tmp_path: Path) -> None:
    async with WebhookFlow(tmp_path) as flow:
        other = list(flow.world.wabas)[1]
        flow.traffic.tell(other, "account_update", BAN)
        flow.traffic.start(flow.world.waba(other).number_ids[0], per_hour=60)
        await flow.run(minutes=60)
        flow.traffic.end()
        await flow.run(minutes=15)

        assert flow.headlines == []
        assert other not in flow.daemon.scrape(False).decode()
        assert flow.metric("wamon_webhook_unmonitored_total", app_id=flow.app.id) == flow.sender.ledger.posts
