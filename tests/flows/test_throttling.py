"""The call quota is the user's: wamon slows down, leaves out what can wait, stops, and comes back by itself."""

from pathlib import Path

from tests.flows.harness import Flow, simulated
from wamon.sim.quota import REGISTERED_WABA_LIMIT

USED = "wamon_graph_quota_used_ratio"


def spend(flow: Flow, percent: int) -> None:
    """Somebody else uses so much of the account's hourly quota."""
    flow.world.quota.spend((flow.app.id, flow.waba.id), REGISTERED_WABA_LIMIT * percent // 100)


@simulated
async def test_four_fifths_used_halves_the_pace_and_warns(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        await flow.run(minutes=10)
        spend(flow, 80)
        await flow.run(minutes=2)
        slowed_at = flow.clock.now()
        await flow.run(minutes=20)

        assert flow.calls(f"/{flow.waba.id}", since=slowed_at) == 10
        assert flow.metric(USED, waba_id=flow.waba.id, dimension="call_count") == 0.8
        assert flow.metric("wamon_probe_interval_seconds", probe="account") == 120
        assert await flow.announced() == [("WamonQuotaNearlyUsed", "open", "warning")]
        assert flow.headlines[0].startswith("WARNING  Graph API quota is 80% used (call_count)")

        # The hour of the spending passes.
        await flow.run(minutes=45)
        recovered_at = flow.clock.now()
        await flow.run(minutes=10)

        assert flow.calls(f"/{flow.waba.id}", since=recovered_at) == 10
        assert flow.open_alerts == []
        assert flow.headlines[-1].startswith("RESOLVED after ")


@simulated
async def test_nearly_all_used_leaves_only_the_essential_probes(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        await flow.run(minutes=20)
        limit = flow.world.app_call_limit(flow.app.id)
        flow.world.quota.spend((flow.app.id, "app"), limit * 95 // 100)
        await flow.run(minutes=20)
        told_at = flow.clock.now()
        await flow.run(minutes=35)

        assert flow.calls(f"/{flow.app.id}/subscriptions", since=told_at) == 0
        assert flow.calls("/debug_token", since=told_at) > 0
        assert flow.calls(f"/{flow.waba.id}", since=told_at) > 0
        held_back = flow.metric("wamon_probe_runs_total", probe="app", outcome="throttled")
        assert held_back is not None
        assert held_back > 0


@simulated
async def test_used_up_quota_stops_every_call_until_meta_says(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.number.quality_rating = "RED"
        await flow.run(minutes=15)
        spend(flow, 100)
        spent_at = flow.clock.now()
        await flow.run(minutes=1)
        assert flow.calls(f"/{flow.waba.id}", since=spent_at) == 1
        assert flow.metric("wamon_graph_requests_total", code="80008") == 1
        stopped_at = flow.clock.now()
        await flow.run(minutes=55)

        assert flow.calls(f"/{flow.waba.id}", since=stopped_at) == 0
        assert flow.metric("whatsapp_phone_number_quality_rating", phone_number_id=flow.number.id, rating="RED") == 0
        assert "WhatsAppQualityRating" in flow.open_alerts
        assert "WhatsAppTokenInvalid" not in flow.open_alerts
        assert ("WamonCannotSee", "open", "warning") in await flow.announced()
        assert any("Meta's call quota" in message.text for message in flow.channel.messages)

        await flow.run(minutes=10)

        assert flow.calls(f"/{flow.waba.id}", since=stopped_at) > 0
        assert flow.metric("whatsapp_phone_number_quality_rating", phone_number_id=flow.number.id, rating="RED") == 1
        assert "WamonCannotSee" not in flow.open_alerts
        assert await flow.transitions("WhatsAppQualityRating") == [
            ("open", "critical"),
            ("stale", "critical"),
            ("confirmed", "critical"),
        ]


@simulated
async def test_throttle_code_alone_stops_the_account_and_not_its_neighbour(tmp_path: Path) -> None:
    async with Flow(tmp_path, accounts=2) as flow:
        first, second = flow.world.wabas
        flow.world.faults.add("throttle", path=f"/{first}", times=1, code=80008, minutes=12)
        await flow.run(minutes=1)
        throttled_at = flow.clock.now()
        await flow.run(minutes=10)

        assert flow.calls(f"/{first}", since=throttled_at) == 0
        assert flow.calls(f"/{second}", since=throttled_at) == 10

        await flow.run(minutes=10)

        assert flow.calls(f"/{first}", since=throttled_at) >= 4
        assert flow.open_alerts == []


@simulated
async def test_throttle_code_without_a_time_waits_five_minutes_then_ten(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        throttle = flow.world.faults.add("throttle", path=f"/{flow.waba.id}", code=80008, usage=False)
        await flow.run(minutes=1)
        throttled_at = flow.clock.now()
        await flow.run(minutes=16)

        calls = [
            (call.at - throttled_at).total_seconds() // 60 for call in flow.world.calls if "throttle" in call.faults
        ]
        assert len(calls) == 3
        assert calls[1] - calls[0] >= 5
        assert calls[2] - calls[1] >= 10

        flow.world.faults.remove(throttle)
        await flow.run(minutes=20)

        assert flow.metric("wamon_probe_outcome", probe="account", outcome="ok") == 1
