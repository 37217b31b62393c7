"""A Graph API version nears its end, passes it, and is served by another one without any error."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.flows.harness import Flow, simulated

EXPIRING = "WhatsAppApiVersionExpiring"
DIFFERS = "WhatsAppApiVersionServedDiffers"
MINUTE = timedelta(minutes=1)
# Meta's calendar: v21.0 is served until then.
END_OF_V21 = datetime(2027, 1, 21, tzinfo=UTC)


@simulated
async def test_version_of_a_sender_is_counted_down_to_its_end_and_past_it(tmp_path: Path) -> None:
    async with Flow(tmp_path, sender_versions="v21.0", at=END_OF_V21 - timedelta(days=89)) as flow:
        assert flow.metric("whatsapp_api_version_expiry_timestamp_seconds", version="v21.0") == END_OF_V21.timestamp()
        await flow.run(minutes=1)
        await flow.restart(gap=timedelta(days=60) - MINUTE)
        await flow.run(minutes=1)
        await flow.restart(gap=timedelta(days=30) - MINUTE)
        await flow.run(minutes=1)

        assert [entry for entry in await flow.announced() if entry[0] == EXPIRING] == [
            (EXPIRING, "open", "info"),
            (EXPIRING, "raise", "warning"),
            (EXPIRING, "raise", "critical"),
        ]
        told = [headline for headline in flow.headlines if "Graph API v21.0" in headline]
        assert told == [
            "INFO  Graph API v21.0 ends in 89 d  Graph API v21.0",
            "WARNING  Graph API v21.0 ends in 29 d  Graph API v21.0",
            "CRITICAL  Graph API v21.0 expired 1 d ago  Graph API v21.0",
        ]


@simulated
async def test_version_that_nobody_uses_any_more_is_no_longer_monitored(tmp_path: Path) -> None:
    async with Flow(tmp_path, sender_versions="v20.0") as flow:
        assert await flow.announced() == [(EXPIRING, "open", "critical")]
        await flow.restart(sender_versions="")
        await flow.run(minutes=3)

        assert await flow.announced() == [(EXPIRING, "open", "critical"), (EXPIRING, "close", "critical")]
        assert flow.headlines[1].startswith("no longer monitored")
        assert flow.metric("whatsapp_api_version_expiry_timestamp_seconds", version="v20.0") is None


@simulated
async def test_version_with_a_far_end_is_silent(tmp_path: Path) -> None:
    async with Flow(tmp_path, sender_versions="v24.0,v26.0") as flow:
        assert await flow.announced() == []
        assert flow.metric("whatsapp_api_version_expiry_timestamp_seconds", version="v26.0") is None


@simulated
async def test_expired_version_is_found_out_by_the_answers_within_an_hour_and_a_half(tmp_path: Path) -> None:
    async with Flow(tmp_path, poll_interval="300") as flow:
        asked = flow.daemon.version
        flow.world.version_ends[asked] = flow.clock.now().date()
        await flow.run(minutes=55)
        early = await flow.announced()
        await flow.run(minutes=15)

        assert early == []
        assert flow.metric("whatsapp_api_version_served_info", requested=asked, served="v21.0") == 1
        assert await flow.announced() == [(DIFFERS, "open", "warning")]
        assert flow.headlines == [f"WARNING  Graph API {asked} is served by v21.0  Graph API {asked}"]

        await flow.restart(graph_version="v26.0")
        await flow.run(minutes=10)

        assert await flow.announced() == [(DIFFERS, "open", "warning"), (DIFFERS, "close", "warning")]


@simulated
async def test_one_answer_of_another_version_is_no_alert(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.world.faults.add("served_version", times=2, version="v26.0")
        await flow.run(minutes=90)

        assert await flow.announced() == []
