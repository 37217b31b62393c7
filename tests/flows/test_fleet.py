"""Many numbers cost few calls."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from tests.flows.harness import Flow, simulated
from wamon.sim.world import World


@simulated
async def test_a_thousand_numbers_in_fifty_accounts_cost_fifty_calls_a_cycle(tmp_path: Path) -> None:
    async with Flow(tmp_path, world=World.fleet, accounts=50) as flow:
        first_cycle = flow.calls()
        accounts = [f"/{waba_id}" for waba_id in flow.world.wabas]
        templates = [f"{account}/message_templates" for account in accounts]
        assert [flow.calls(path) for path in accounts] == [1] * 50
        assert [flow.calls(path) for path in templates] == [1] * 50
        assert flow.calls("/debug_token") == 1
        assert flow.calls(f"/{flow.app.id}/subscriptions") == 1
        assert first_cycle == 102

        # The next cycles are spread: each account has its own second of the minute.
        await flow.run(minutes=1.5)
        second_cycle_at = flow.clock.now()
        await flow.run(minutes=1)

        assert [flow.calls(path, since=second_cycle_at) for path in accounts] == [1] * 50
        moments = [call.at for call in flow.world.calls if call.at > second_cycle_at and call.path in accounts]
        assert len(moments) == 50
        assert len({moment.replace(microsecond=0) for moment in moments}) > 25
        assert len(flow.samples("whatsapp_phone_number_quality_rating", rating="GREEN")) == 1000
        assert await flow.announced() == []


@simulated
async def test_templates_of_fifty_accounts_cost_one_call_each_a_slow_cycle_and_come_spread(tmp_path: Path) -> None:
    # The accounts themselves seldom, for they take most of the time.
    async with Flow(tmp_path, world=World.fleet, accounts=50, poll_interval="600") as flow:
        # The first slow cycle after the first round is between half an interval and one and a half away.
        await flow.run(minutes=22.5)
        cycle_at = flow.clock.now()
        await flow.run(minutes=15)

        templates = [f"/{waba_id}/message_templates" for waba_id in flow.world.wabas]
        assert [flow.calls(path, since=cycle_at) for path in templates] == [1] * 50
        moments = [call.at for call in flow.world.calls if call.at > cycle_at and call.path in templates]
        assert len({moment.replace(second=0, microsecond=0) for moment in moments}) > 10


@simulated
async def test_more_numbers_than_a_page_holds_cost_one_more_call(tmp_path: Path) -> None:
    def crowded(now: Callable[[], datetime]) -> World:
        return World.fleet(now, wabas=1, numbers_per_waba=150)

    async with Flow(tmp_path, world=crowded) as flow:
        assert flow.calls(f"/{flow.waba.id}") == 1
        assert flow.calls(f"/{flow.waba.id}/phone_numbers") == 1

        flow.world.number(flow.waba.number_ids[-1]).quality_rating = "RED"
        await flow.run(minutes=1)

        assert flow.calls(f"/{flow.waba.id}") == 2
        assert flow.calls(f"/{flow.waba.id}/phone_numbers") == 2
        assert len(flow.samples("whatsapp_phone_number_info")) == 150
        assert await flow.announced() == [("WhatsAppQualityRating", "open", "critical")]


@simulated
async def test_refused_nesting_falls_back_to_calls_of_their_own(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.world.faults.add("no_expansion")
        started_at = flow.clock.now()
        flow.number.quality_rating = "RED"
        await flow.run(minutes=5)

        assert flow.metric("wamon_probe_runs_total", probe="account", outcome="ok") == 6
        assert flow.calls(f"/{flow.waba.id}/phone_numbers", since=started_at) == 5
        assert flow.calls(f"/{flow.waba.id}/subscribed_apps", since=started_at) == 5
        assert await flow.announced() == [("WhatsAppQualityRating", "open", "critical")]


@simulated
async def test_edge_that_meta_leaves_out_is_asked_for_by_itself(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.world.faults.add("missing", field="phone_numbers")
        await flow.run(minutes=2)

        assert flow.metric("wamon_probe_runs_total", probe="account", outcome="ok") == 3
        assert flow.calls(f"/{flow.waba.id}/phone_numbers") == 2
        assert len(flow.samples("whatsapp_phone_number_info")) == 3
