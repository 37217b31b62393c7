"""Stories for two judges. Each lets the simulated Meta bring about some alerts, lets them end, and is recorded.

They run in mode prometheus: the built-in engine judges there too, it only tells nobody. After each turn a story waits
until both judges have made up their minds: their timers take half an hour at most, the slow probes a quarter of one
for each look.
"""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeAlias

from tests.flows.harness import Flow
from tests.flows.webhooks_harness import WebhookFlow
from tests.recording import Recorder, Recording
from wamon.sim.entities import MANAGEMENT, MESSAGING, Template
from wamon.sim.webhooks import JsonObject, restriction
from wamon.sim.world import World

Story: TypeAlias = Callable[[Path], Coroutine[Any, Any, Recording]]

# What the alert rules take for granted: their `for` is that of a poll each minute.
AS_SHIPPED: Final = {"poll_interval": "60", "alerting_mode": "prometheus"}


@asynccontextmanager
async def polled(folder: Path, **given: Any) -> AsyncIterator[tuple[Flow, Recorder]]:
    """A daemon that only polls."""
    async with Flow(folder, is_checked=False, **{**AS_SHIPPED, **given}) as flow:
        yield flow, Recorder(flow)


@asynccontextmanager
async def heard(folder: Path, **given: Any) -> AsyncIterator[tuple[WebhookFlow, Recorder]]:
    """A daemon that Meta sends webhooks to as well."""
    async with WebhookFlow(folder, is_checked=False, **{**AS_SHIPPED, **given}) as flow:
        yield flow, Recorder(flow)


# --- what polls show --------------------------------------------------------------------------------------------------


async def quality_falls_hides_and_recovers(folder: Path) -> Recording:
    async with polled(folder) as (flow, it):
        other = flow.world.number(flow.waba.number_ids[1])
        await it.run(minutes=15)
        flow.number.quality_rating = other.quality_rating = "YELLOW"
        await it.run(minutes=30)
        flow.number.quality_rating = "RED"
        await it.run(minutes=30)
        for word in ("NA", "UNKNOWN", None):
            flow.number.quality_rating = other.quality_rating = word
            await it.run(minutes=25)
        flow.number.quality_rating, other.quality_rating = "RED", "GREEN"
        await it.run(minutes=60)
        flow.number.quality_rating = "YELLOW"
        await it.run(minutes=90)
        flow.number.quality_rating = "GREEN"
        await it.run(minutes=60)
        return it.recording()


async def numbers_go_down_and_are_flagged(folder: Path) -> Recording:
    async with polled(folder) as (flow, it):
        first, second, third = (flow.world.number(each) for each in flow.waba.number_ids)
        for status in ("DISCONNECTED", "BANNED"):
            first.status = status
            await it.run(minutes=30)
        first.status, second.status, third.status = "UNKNOWN", "FLAGGED", "RATE_LIMITED"
        await it.run(minutes=40)
        first.status, second.status, third.status = "CONNECTED", "MIGRATED", "HIBERNATING"
        await it.run(minutes=40)
        first.status = second.status = third.status = "CONNECTED"
        await it.run(minutes=40)
        return it.recording()


async def number_leaves_its_account(folder: Path) -> Recording:
    async with polled(folder) as (flow, it):
        left = flow.number
        left.quality_rating = "RED"
        left.status = "BANNED"
        await it.run(minutes=30)
        flow.world.remove_number(left.id)
        await it.run(minutes=60)
        return it.recording()


async def named_number_is_not_in_its_account(folder: Path) -> Recording:
    async with polled(folder, phone_number_ids="106540352242922") as (_, it):
        await it.run(minutes=40)
        return it.recording()


async def sending_is_limited_and_blocked(folder: Path) -> Recording:
    async with polled(folder) as (flow, it):
        business = next(iter(flow.world.businesses.values()))
        flow.number.health.limit("Your display name is not approved yet.")
        flow.waba.health.block(141010, "A template limit")
        await it.run(minutes=30)
        flow.number.health.block(131031, "The account has been locked")
        business.health.limit("The business is not verified.")
        await it.run(minutes=40)
        for each in (flow.number, flow.waba, business):
            each.health.can_send_message = "NOBODY KNOWS"
        await it.run(minutes=30)
        for each in (flow.number, flow.waba, business):
            each.health.clear()
        await it.run(minutes=40)
        return it.recording()


async def account_is_disabled_and_rejected(folder: Path) -> Recording:
    async with polled(folder, accounts=2) as (flow, it):
        first, second = flow.world.wabas.values()
        first.status, second.account_review_status = "DISABLED", "REJECTED"
        await it.run(minutes=30)
        first.status = second.account_review_status = None
        await it.run(minutes=30)
        first.status, second.account_review_status = "ACTIVE", "APPROVED"
        await it.run(minutes=40)
        return it.recording()


async def token_dies_and_is_renewed(folder: Path) -> Recording:
    async with polled(folder) as (flow, it):
        await it.run(minutes=15)
        flow.number.quality_rating = "RED"
        flow.world.revoke_token("system-user", subcode=463)
        await it.run(minutes=60)
        flow.number.quality_rating = "GREEN"
        flow.world.renew_token("system-user")
        await it.run(minutes=90)
        return it.recording()


async def token_nears_its_end(folder: Path) -> Recording:
    async with polled(folder) as (flow, it):
        for days in (10.0, 1.5):
            flow.token.expires_at = flow.clock.now() + timedelta(days=days)
            await it.run(minutes=60)
        flow.token.expires_at = None
        flow.token.data_access_expires_at = flow.clock.now() + timedelta(days=13)
        await it.run(minutes=75)
        flow.world.renew_token("system-user")
        flow.token.data_access_expires_at = None
        await it.run(minutes=75)
        return it.recording()


async def token_loses_a_scope_and_an_account(folder: Path) -> Recording:
    async with polled(folder, accounts=2) as (flow, it):
        flow.world.remove_scope("system-user", MESSAGING)
        await it.run(minutes=60)
        flow.world.remove_asset("system-user", flow.waba.id)
        await it.run(minutes=60)
        flow.token.targets = {MANAGEMENT: None, MESSAGING: None}
        await it.run(minutes=75)
        return it.recording()


async def webhooks_are_no_longer_as_configured(folder: Path) -> Recording:
    async with polled(folder, callback_url="https://hooks.example.com/webhook") as (flow, it):
        subscription = flow.app.subscriptions[0]
        flow.world.unsubscribe(flow.waba.id, flow.app.id)
        subscription.fields.remove("account_update")
        await it.run(minutes=60)
        flow.world.subscribe(flow.waba.id, flow.app.id, override_callback_uri="https://evil.example.net/override")
        subscription.fields.append("account_update")
        subscription.callback_url = "https://evil.example.net/hook"
        await it.run(minutes=75)
        flow.world.unsubscribe(flow.waba.id, flow.app.id)
        flow.world.subscribe(flow.waba.id, flow.app.id)
        subscription.callback_url = "https://hooks.example.com/webhook"
        subscription.active = False
        await it.run(minutes=75)
        subscription.active = True
        await it.run(minutes=75)
        return it.recording()


async def versions_end(folder: Path) -> Recording:
    async with polled(folder, sender_versions="v20.0,v21.0,v22.0") as (flow, it):
        await it.run(minutes=15)
        flow.world.version_ends[flow.daemon.version] = flow.clock.now().date()
        await it.run(minutes=100)
        flow.world.version_ends[flow.daemon.version] = None
        await it.run(minutes=40)
        return it.recording()


async def version_is_about_to_end(folder: Path) -> Recording:
    async with polled(folder, at=datetime(2026, 12, 28, 12, tzinfo=UTC), sender_versions="v21.0") as (_, it):
        await it.run(minutes=25)
        return it.recording()


async def templates_are_in_trouble(folder: Path) -> Recording:
    names = ("paused", "disabled", "rejected", "rejected_long_ago", "red", "flagged", "recategorised", "in_review")
    added: dict[str, Template] = {}

    def world(now: Callable[[], datetime]) -> World:
        made = World.small(now)
        added.update({name: made.add_template(next(iter(made.wabas.values())), name) for name in names})
        for name, status in (("rejected_long_ago", "REJECTED"), ("in_review", "PENDING")):
            added[name].status, added[name].last_updated_time = status, now() - timedelta(days=9)
        return made

    async with polled(folder, world=world) as (flow, it):
        await it.run(minutes=35)
        for name in ("paused", "disabled", "rejected"):
            added[name].status, added[name].last_updated_time = name.upper(), flow.clock.now()
        added["red"].quality, added["flagged"].status = "RED", "FLAGGED"
        added["recategorised"].previous_category, added["recategorised"].category = "UTILITY", "MARKETING"
        await it.run(minutes=60)
        fault = flow.world.faults.add("error", path=f"/{flow.waba.id}/message_templates")
        await it.run(minutes=60)
        flow.world.faults.remove(fault)
        for name in ("paused", "disabled", "rejected", "flagged", "in_review"):
            added[name].status = "APPROVED"
        added["red"].quality = "GREEN"
        await it.run(minutes=120)
        return it.recording()


# --- what webhooks tell -----------------------------------------------------------------------------------------------


async def messages_fail_and_bounce(folder: Path) -> Recording:
    async with heard(folder) as (flow, it):
        numbers = [flow.world.number(each) for each in flow.waba.number_ids]
        for number, code, failed in zip(numbers, (131047, 131026, 131047), (60, 60, 20), strict=True):
            messages = flow.messages(200)
            await flow.say(messages[:failed], "failed", error_code=code, number=number)
            await flow.say(messages[failed:], "delivered", number=number)
        await it.run(minutes=30)
        messages = flow.messages(2_000)
        await flow.say(messages[:110], "failed", error_code=131026, number=numbers[2])
        await flow.say(messages[110:], "delivered", number=numbers[2])
        # An hour after the last of them nothing is known, and nobody has recovered.
        await it.run(minutes=150)
        for number in numbers:
            await flow.say(flow.messages(100), "delivered", number=number)
        await it.run(minutes=50)
        return it.recording()


async def messages_vanish_and_are_slow(folder: Path) -> Recording:
    async with heard(folder) as (flow, it):
        other = flow.world.number(flow.waba.number_ids[1])
        messages = flow.messages(60)
        await flow.say(messages, "sent", number=other)
        slow = flow.traffic.start(flow.number.id, per_hour=300, delivery_seconds=(400.0, 500.0))
        await it.run(minutes=55)
        await flow.say(messages, "delivered", number=other)
        await it.run(minutes=20)
        flow.traffic.stop(slow)
        flow.traffic.start(flow.number.id, per_hour=300)
        await it.run(minutes=70)
        return it.recording()


async def codes_come_late(folder: Path) -> Recording:
    async with heard(folder) as (flow, it):
        codes = flow.traffic.start(
            flow.number.id, per_hour=300, category="authentication", delivery_seconds=(45.0, 60.0)
        )
        await it.run(minutes=60)
        flow.traffic.stop(codes)
        flow.traffic.start(flow.number.id, per_hour=300, category="authentication", delivery_seconds=(1.0, 5.0))
        await it.run(minutes=60)
        return it.recording()


async def webhooks_come_late(folder: Path) -> Recording:
    async with heard(folder) as (flow, it):
        for _ in range(50):
            await flow.say(flow.messages(5), "sent", at=flow.clock.now() - timedelta(minutes=12))
            await it.run(minutes=1)
        for _ in range(40):
            await flow.say(flow.messages(5), "sent")
            await it.run(minutes=1)
        await it.run(minutes=10)
        return it.recording()


async def meta_refuses_messages(folder: Path) -> Recording:
    async with heard(folder) as (flow, it):
        first, second, third = (flow.world.number(each) for each in flow.waba.number_ids)
        await flow.say(flow.messages(1), "failed", error_code=131042, number=first)
        await flow.say(flow.messages(6), "failed", error_code=131048, number=second)
        await it.run(minutes=2)
        await flow.say(flow.messages(200), "sent", number=third)
        await flow.say(flow.messages(40), "failed", error_code=130429, number=third)
        # Nobody tries for hours: that proves nothing.
        await it.run(minutes=180)
        for _ in range(8):
            for number in (first, second, third):
                messages = flow.messages(20)
                await flow.say(messages, "sent", number=number)
                await flow.say(messages, "delivered", number=number)
            await it.run(minutes=10)
        return it.recording()


async def payment_fails_in_the_health_status(folder: Path) -> Recording:
    async with heard(folder) as (flow, it):
        flow.waba.health.block(141006, "There is a payment issue", "Fix the payment method.")
        await it.run(minutes=40)
        flow.waba.health.clear()
        await it.run(minutes=60)
        return it.recording()


async def customers_opt_out(folder: Path) -> Recording:
    async with heard(folder) as (flow, it):
        flow.traffic.start(flow.number.id, per_hour=600, lasts=timedelta(hours=1), category="marketing")
        await it.run(minutes=50)
        for _ in range(25):
            flow.traffic.opt_out(flow.number.id)
        await it.run(minutes=60)
        return it.recording()


async def meta_acts_on_the_account(folder: Path) -> Recording:
    async with heard(folder, accounts=2) as (flow, it):
        soon = flow.clock.now() + timedelta(hours=2)
        ban: JsonObject = {
            "event": "DISABLED_UPDATE",
            "ban_info": {"waba_ban_state": "DISABLE", "waba_ban_date": "November 22, 2026"},
        }
        alerts = [
            {"alert_severity": severity, "alert_status": "ACTIVE", "alert_type": f"INCREASED_CAPABILITIES_{kind}"}
            for severity, kind in (
                ("CRITICAL", "ELIGIBILITY_NEED_MORE_INFO"),
                ("WARNING", "ELIGIBILITY_FAILED"),
                ("INFORMATIONAL", "ELIGIBILITY_DEFERRED"),
            )
        ]
        flow.waba.status = "DISABLED"
        await flow.tell("account_update", ban)
        await flow.tell("account_update", restriction(soon, "RESTRICTED_BIZ_INITIATED_MESSAGING"))
        for alert in alerts:
            await flow.tell("account_alerts", {"alert_info": alert})
        await flow.tell("flows", flow_trouble("ACTIVATED"))
        await it.run(minutes=90)
        flow.waba.status = "ACTIVE"
        await flow.tell("account_update", {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "REINSTATE"}})
        for alert in alerts:
            await flow.tell("account_alerts", {"alert_info": {**alert, "alert_status": "NONE"}})
        await flow.tell("flows", flow_trouble("DEACTIVATED"))
        await it.run(minutes=60)
        await flow.tell("account_update", {"event": "PARTNER_REMOVED"})
        await it.run(minutes=120)
        return it.recording()


def flow_trouble(state: str) -> JsonObject:
    rate = 12.5 if state == "ACTIVATED" else 2.0
    return {
        "event": "ENDPOINT_ERROR_RATE",
        "flow_id": "661234567890123",
        "alert_state": state,
        "error_rate": rate,
        "threshold": 10,
    }


async def events_alert_for_a_day(folder: Path) -> Recording:
    async with heard(folder, poll_interval="1200") as (flow, _):
        pin = {"display_phone_number": "15550783881", "event": "PIN_CHANGED", "requester": "61550000000012"}
        violation: JsonObject = {"event": "ACCOUNT_VIOLATION", "violation_info": {"violation_type": "ADULT"}}
        template = {"message_template_name": "spring_sale", "message_template_language": "en-US"}
        sale = flow.world.template(flow.waba.id, "spring_sale")
        await flow.tell("security", pin)
        await flow.tell("account_update", violation)
        sale.category, sale.previous_category = "UTILITY", "MARKETING"
        moved = {"message_template_id": int(sale.id), "previous_category": "MARKETING", "new_category": "UTILITY"}
        await flow.tell("template_category_update", {**template, **moved})
        await flow.run(minutes=23 * 60)
        it = Recorder(flow)
        await it.run(minutes=150)
        return it.recording()


async def strangers_try_the_webhook(folder: Path) -> Recording:
    async with heard(folder) as (flow, it):
        good = flow.traffic.start(flow.number.id, per_hour=200)
        await it.run(minutes=10)
        for _ in range(4):
            for _ in range(8):
                await flow.sender.forge(flow.app)
            await it.run(minutes=8)
        await it.run(minutes=90)
        flow.traffic.stop(good)
        await it.run(minutes=30)
        for _ in range(8):
            for _ in range(20):
                await flow.sender.forge(flow.app)
            await it.run(minutes=5)
        await it.run(minutes=100)
        return it.recording()


async def webhooks_fall_silent(folder: Path) -> Recording:
    async with heard(folder, poll_interval="1200") as (flow, _):
        for _ in range(25):
            await flow.say(flow.messages(1), "delivered")
            await flow.run(minutes=60)
        await flow.run(minutes=4 * 60)
        it = Recorder(flow)
        await it.run(minutes=100)
        await flow.say(flow.messages(1), "delivered")
        await it.run(minutes=40)
        return it.recording()


# --- what wamon says of itself ----------------------------------------------------------------------------------------


async def graph_goes_dark_with_red_held(folder: Path) -> Recording:
    async with polled(folder) as (flow, it):
        flow.number.quality_rating, flow.number.status = "RED", "BANNED"
        flow.world.unsubscribe(flow.waba.id, flow.app.id)
        await it.run(minutes=20)
        flow.world.faults.add("refused")
        await it.run(minutes=190)
        flow.world.faults.clear()
        await it.run(minutes=60)
        return it.recording()


async def one_account_goes_dark(folder: Path) -> Recording:
    async with polled(folder, accounts=2) as (flow, it):
        fault = flow.world.faults.add("reset", path=f"/{flow.waba.id}")
        await it.run(minutes=60)
        flow.world.faults.remove(fault)
        await it.run(minutes=30)
        return it.recording()


async def quota_is_used_up(folder: Path) -> Recording:
    async with polled(folder) as (flow, it):
        await it.run(minutes=10)
        limit = flow.world.waba_call_limit(flow.waba.id)
        flow.world.quota.spend((flow.app.id, flow.waba.id), limit * 8 // 10)
        await it.run(minutes=100)
        return it.recording()


async def clock_jumps(folder: Path) -> Recording:
    async with polled(folder) as (flow, it):
        await it.run(minutes=20)
        flow.clock.step(120)
        await it.run(minutes=100)
        return it.recording()


async def wamon_restarts_while_red(folder: Path) -> Recording:
    async with heard(folder) as (flow, it):
        flow.number.quality_rating = "RED"
        await flow.say(flow.messages(60), "failed", error_code=131047)
        await it.run(minutes=30)
        await it.restart(gap=timedelta(minutes=3))
        await it.run(minutes=40)
        return it.recording()


STORIES: Final[tuple[Story, ...]] = (
    quality_falls_hides_and_recovers,
    numbers_go_down_and_are_flagged,
    number_leaves_its_account,
    named_number_is_not_in_its_account,
    sending_is_limited_and_blocked,
    account_is_disabled_and_rejected,
    token_dies_and_is_renewed,
    token_nears_its_end,
    token_loses_a_scope_and_an_account,
    webhooks_are_no_longer_as_configured,
    versions_end,
    version_is_about_to_end,
    templates_are_in_trouble,
    messages_fail_and_bounce,
    messages_vanish_and_are_slow,
    codes_come_late,
    webhooks_come_late,
    meta_refuses_messages,
    payment_fails_in_the_health_status,
    customers_opt_out,
    meta_acts_on_the_account,
    events_alert_for_a_day,
    strangers_try_the_webhook,
    webhooks_fall_silent,
    graph_goes_dark_with_red_held,
    one_account_goes_dark,
    quota_is_used_up,
    clock_jumps,
    wamon_restarts_while_red,
)
