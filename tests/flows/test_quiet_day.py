"""Nothing happens for a day: nobody hears anything."""

from datetime import timedelta
from pathlib import Path

from tests.flows.harness import Flow, simulated
from wamon.core.ports import signals_by_name
from wamon.signals import SIGNALS


@simulated
async def test_healthy_day_is_silent_and_leaves_next_to_no_history(tmp_path: Path) -> None:
    async with Flow(tmp_path, accounts=2, poll_interval="600") as flow:
        started_at = flow.clock.now()
        await flow.run(minutes=24 * 60)

        assert flow.clock.now() - started_at == timedelta(days=1)
        assert flow.channel.calls == []
        assert await flow.transitions() == []
        history = await flow.daemon.store.history(signals_by_name(SIGNALS), since=started_at + timedelta(minutes=1))
        assert history == ()
        assert flow.metric("wamon_probe_runs_total", probe="account", outcome="ok") == 2 * (1 + 6 * 24)
        # The accounts each cycle; token, app and the templates of each account each slow cycle.
        assert flow.calls(since=started_at) == 2 * 6 * 24 + (2 + 2) * 4 * 24
        assert flow.daemon.health().is_ready
