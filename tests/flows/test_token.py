"""The access token dies, nears its end, loses a scope or an account; and all of that is put right again."""

from datetime import timedelta
from pathlib import Path

from tests.flows.harness import Flow, simulated
from wamon.sim.entities import MANAGEMENT, MESSAGING


@simulated
async def test_revoked_token_is_told_after_one_look_and_resolved_when_renewed(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.world.revoke_token("system-user", subcode=463)
        await flow.run(minutes=1)

        assert await flow.transitions("WhatsAppTokenInvalid") == [("open", "critical")]
        assert flow.metric("whatsapp_token_valid", token="default") == 0
        assert flow.metric("wamon_alerts", alertname="WhatsAppTokenInvalid", state="firing") == 1
        assert flow.headlines == ["CRITICAL  Access token is not valid  token default"]
        assert "Meta's answer: code 190, subcode 463" in flow.last_message
        assert "A timeout never says that" in flow.last_message

        await flow.run(minutes=5)
        flow.world.renew_token("system-user")
        # Two good looks close it, and only debug_token says that a token is good.
        await flow.run(minutes=31)

        assert flow.metric("whatsapp_token_valid", token="default") == 1
        assert await flow.transitions("WhatsAppTokenInvalid") == [
            ("open", "critical"),
            ("recovering", "critical"),
            ("close", "critical"),
        ]
        assert flow.headlines[-1].startswith("RESOLVED after ")
        assert flow.headlines[-1].endswith("  Access token is not valid  token default")


@simulated
async def test_dead_token_does_not_end_what_is_known_of_the_number(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.number.quality_rating = "RED"
        await flow.run(minutes=2)

        flow.world.revoke_token("system-user", subcode=460)
        await flow.run(minutes=20)

        quality = flow.alert("WhatsAppQualityRating")
        assert quality is not None
        assert quality.is_stale
        assert flow.metric("whatsapp_phone_number_last_known_quality_rating", rating="RED") == 1
        assert flow.metric("wamon_probe_runs_total", probe="account", outcome="denied") == 20
        assert await flow.announced() == [
            ("WhatsAppQualityRating", "open", "critical"),
            ("WhatsAppTokenInvalid", "open", "critical"),
        ]


@simulated
async def test_token_that_nears_its_end_warns_rises_and_is_resolved_by_a_fresh_one(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.token.expires_at = flow.clock.now() + timedelta(days=10)
        await flow.run(minutes=20)
        assert flow.metric("whatsapp_token_expiry_timestamp_seconds") == flow.token.expires_at.timestamp()
        flow.token.expires_at = flow.clock.now() + timedelta(hours=36)
        await flow.run(minutes=20)
        flow.world.renew_token("system-user")
        await flow.run(minutes=40)

        assert await flow.announced() == [
            ("WhatsAppTokenExpiring", "open", "warning"),
            ("WhatsAppTokenExpiring", "raise", "critical"),
            ("WhatsAppTokenExpiring", "close", "critical"),
        ]
        assert flow.headlines[0].startswith("WARNING  Access token expires in 9 d 23 h  token default")
        assert flow.headlines[1].startswith("CRITICAL  Access token expires in 1 d 11 h  token default")
        assert flow.headlines[2].startswith("RESOLVED after ")


@simulated
async def test_token_without_an_end_has_no_expiry_series(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.world.renew_token("system-user", life=None)
        await flow.run(minutes=20)

        assert flow.metric("whatsapp_token_expiry_timestamp_seconds") is None
        assert await flow.announced() == []


@simulated
async def test_scope_that_is_taken_away_is_named(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.world.remove_scope("system-user", MESSAGING)
        await flow.run(minutes=31)

        assert flow.metric("whatsapp_token_scope_granted", scope=MESSAGING) == 0
        assert flow.metric("whatsapp_token_scope_granted", scope=MANAGEMENT) == 1
        assert await flow.announced() == [("WhatsAppTokenScopeMissing", "open", "critical")]
        assert flow.headlines == [f"CRITICAL  Access token lacks {MESSAGING}  token default"]

        flow.token.targets[MESSAGING] = None
        await flow.run(minutes=31)

        assert flow.open_alerts == []
        assert flow.headlines[-1].startswith("RESOLVED after 30 min")


@simulated
async def test_account_that_the_token_may_no_longer_read_is_told_and_the_token_stays_valid(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.world.remove_asset("system-user", flow.waba.id)
        await flow.run(minutes=16)

        assert flow.metric("whatsapp_token_asset_access", waba_id=flow.waba.id) == 0
        assert flow.metric("whatsapp_token_valid") == 1
        assert await flow.announced() == [("WhatsAppAssetAccessLost", "open", "critical")]
        assert flow.headlines == [
            f"CRITICAL  Access to the WABA is lost  token default on Jasper's Market (WABA {flow.waba.id})"
        ]
        assert "Meta's answer: code 100, subcode 33" in flow.last_message

        flow.token.targets = {MANAGEMENT: None, MESSAGING: None}
        await flow.run(minutes=3)

        assert flow.open_alerts == []
        assert flow.metric("whatsapp_token_asset_access", waba_id=flow.waba.id) == 1


@simulated
async def test_two_accounts_on_one_token_cost_one_debug_token_a_slow_cycle(tmp_path: Path) -> None:
    async with Flow(tmp_path, accounts=2) as flow:
        started_at = flow.clock.now()
        await flow.run(minutes=60)

        first, second = flow.world.wabas
        assert flow.calls("/debug_token", since=started_at) == 4
        assert flow.calls(f"/{flow.app.id}/subscriptions", since=started_at) == 4
        assert flow.calls(f"/{first}", since=started_at) == 60
        assert flow.calls(f"/{second}", since=started_at) == 60
        assert flow.calls(f"/{first}/message_templates", since=started_at) == 4
        assert flow.calls(f"/{second}/message_templates", since=started_at) == 4
        assert flow.calls(since=started_at) == 136


@simulated
async def test_token_shared_by_two_accounts_dies_once(tmp_path: Path) -> None:
    async with Flow(tmp_path, accounts=2) as flow:
        flow.world.revoke_token("system-user")
        await flow.run(minutes=20)

        assert await flow.announced() == [("WhatsAppTokenInvalid", "open", "critical")]
        assert flow.samples("whatsapp_token_valid") == {(("token", "account-1"),): 0}
