"""The webhooks stop arriving although everything else is well: subscription, fields, callback URL."""

from pathlib import Path

from tests.flows.harness import Flow, simulated

SUBSCRIBED = "whatsapp_webhook_subscribed"
URL = "https://hooks.example.com/webhook"


@simulated
async def test_lost_subscription_is_told_and_resolved_when_it_returns(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.world.unsubscribe(flow.waba.id, flow.app.id)
        await flow.run(minutes=3)

        assert flow.metric(SUBSCRIBED, waba_id=flow.waba.id, app_id=flow.app.id) == 0
        assert flow.metric("wamon_alerts", alertname="WhatsAppSubscriptionLost", state="firing") == 1
        assert f"App {flow.app.id}*: not subscribed" in flow.last_message

        flow.world.subscribe(flow.waba.id, flow.app.id)
        await flow.run(minutes=3)

        assert flow.metric(SUBSCRIBED, waba_id=flow.waba.id, app_id=flow.app.id) == 1
        assert await flow.announced() == [
            ("WhatsAppSubscriptionLost", "open", "critical"),
            ("WhatsAppSubscriptionLost", "close", "critical"),
        ]
        who = f"Webhook subscription is lost  Jasper's Market (WABA {flow.waba.id})"
        assert flow.headlines == [f"CRITICAL  {who}", f"RESOLVED after 3 min  {who}"]


@simulated
async def test_subscription_is_judged_by_the_app_that_debug_token_names(tmp_path: Path) -> None:
    async with Flow(tmp_path, app_id="", app_secret="") as flow:
        flow.world.unsubscribe(flow.waba.id, flow.app.id)
        await flow.run(minutes=3)

        assert flow.metric(SUBSCRIBED, waba_id=flow.waba.id, app_id=flow.app.id) == 0
        assert await flow.announced() == [("WhatsAppSubscriptionLost", "open", "critical")]


@simulated
async def test_another_app_of_the_account_does_not_hide_the_loss(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.world.subscribe(flow.waba.id, flow.world.add_app("Somebody else's").id)
        flow.world.unsubscribe(flow.waba.id, flow.app.id)
        await flow.run(minutes=3)

        assert await flow.announced() == [("WhatsAppSubscriptionLost", "open", "critical")]


@simulated
async def test_refused_list_of_subscriptions_is_no_loss(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.world.faults.add("missing", field="subscribed_apps")
        flow.world.faults.add("error", path="*/subscribed_apps", code=10, http_status=403, message="(#10) denied")
        await flow.run(minutes=20)

        assert flow.metric(SUBSCRIBED) is None
        assert flow.metric("whatsapp_phone_number_quality_rating", phone_number_id=flow.number.id, rating="GREEN") == 1
        assert "WhatsAppSubscriptionLost" not in flow.open_alerts
        assert "WhatsAppTokenInvalid" not in flow.open_alerts


@simulated
async def test_inactive_webhook_is_a_lost_subscription_and_names_no_missing_fields(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.app.subscriptions[0].active = False
        flow.app.subscriptions[0].fields = []
        await flow.run(minutes=31)

        assert flow.metric("whatsapp_webhook_active") == 0
        assert await flow.announced() == [("WhatsAppSubscriptionLost", "open", "critical")]
        assert "The app's webhook is inactive" in flow.headlines[0]


@simulated
async def test_missing_webhook_field_is_named(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.app.subscriptions[0].fields.remove("account_update")
        await flow.run(minutes=31)

        assert flow.metric("whatsapp_webhook_field_subscribed", field="account_update") == 0
        assert flow.metric("whatsapp_webhook_field_subscribed", field="messages") == 1
        assert flow.headlines == [f"WARNING  1 webhook field is not subscribed  app {flow.app.id}"]
        assert "Missing*: account_update" in flow.last_message

        flow.app.subscriptions[0].fields.append("account_update")
        await flow.run(minutes=31)

        assert await flow.announced() == [
            ("WhatsAppWebhookFieldMissing", "open", "warning"),
            ("WhatsAppWebhookFieldMissing", "close", "warning"),
        ]


@simulated
async def test_callback_url_that_drifts_is_told_without_its_query(tmp_path: Path) -> None:
    async with Flow(tmp_path, callback_url=URL) as flow:
        assert flow.metric("whatsapp_webhook_callback_matches", app_id=flow.app.id) == 1

        flow.app.subscriptions[0].callback_url = "https://evil.example.net/hook?key=hunter2"
        await flow.run(minutes=31)

        assert flow.metric("whatsapp_webhook_callback_matches", app_id=flow.app.id) == 0
        assert flow.headlines == [f"WARNING  Callback URL is not the expected one  app {flow.app.id}"]
        assert "https://evil.example.net/hook" in flow.last_message
        assert "hunter2" not in flow.last_message

        flow.app.subscriptions[0].callback_url = URL
        await flow.run(minutes=31)

        assert flow.open_alerts == []


@simulated
async def test_override_of_the_callback_url_is_compared_too(tmp_path: Path) -> None:
    async with Flow(tmp_path, callback_url=URL) as flow:
        flow.world.subscribe(flow.waba.id, flow.app.id, override_callback_uri="https://elsewhere.example.net/hook")
        await flow.run(minutes=3)
        flow.world.subscribe(flow.waba.id, flow.app.id)
        await flow.run(minutes=3)

        assert await flow.announced() == [
            ("WhatsAppWebhookOverrideDrift", "open", "warning"),
            ("WhatsAppWebhookOverrideDrift", "close", "warning"),
        ]
        assert "Override of the callback URL is not the expected one" in flow.headlines[0]


@simulated
async def test_without_an_expected_url_no_url_can_drift(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.app.subscriptions[0].callback_url = "https://elsewhere.example.net/hook"
        await flow.run(minutes=31)

        assert flow.metric("whatsapp_webhook_callback_matches") is None
        assert await flow.announced() == []
