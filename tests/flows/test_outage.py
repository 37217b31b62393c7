"""Meta cannot be reached: wamon claims neither "fine" nor "broken", says that it cannot see, and forgets nothing."""

from pathlib import Path
from typing import Any

import pytest

from tests.flows.harness import Flow, simulated

RATING = "whatsapp_phone_number_quality_rating"
LAST_KNOWN = "whatsapp_phone_number_last_known_quality_rating"
UNREACHABLE = "WamonGraphUnreachable"
CANNOT_SEE = "WamonCannotSee"
QUALITY = "WhatsAppQualityRating"


@simulated
async def test_outage_makes_readings_unknown_then_warns_then_alarms_and_ends_as_it_began(tmp_path: Path) -> None:
    async with Flow(tmp_path, poll_interval="300") as flow:
        red, green = flow.waba.number_ids[:2]
        flow.world.number(red).quality_rating = "RED"
        await flow.run(minutes=10)
        assert await flow.announced() == [(QUALITY, "open", "critical")]

        flow.world.faults.add("reset")
        await flow.run(minutes=13)
        assert flow.metric(RATING, phone_number_id=green, rating="GREEN") == 1

        await flow.run(minutes=8)
        for number, rating in ((green, "GREEN"), (red, "RED")):
            assert flow.metric(RATING, phone_number_id=number, rating="UNKNOWN") == 1
            assert flow.metric(RATING, phone_number_id=number, rating=rating) == 0
            assert flow.metric(LAST_KNOWN, phone_number_id=number, rating=rating) == 1
        quality = flow.alert(QUALITY)
        assert quality is not None
        assert quality.is_stale
        assert flow.open_alerts == [UNREACHABLE, QUALITY]
        assert flow.headlines[-1].startswith("WARNING  The Graph API is unreachable: no probe had an answer for 2")
        assert "the connection to 127.0.0.1 broke (ReadError)" in flow.last_message

        # What is not told is true all the same.
        await flow.run(minutes=119)
        assert flow.open_alerts == [CANNOT_SEE] * 3 + [UNREACHABLE, QUALITY]
        assert sorted(await flow.announced()) == [
            *[(CANNOT_SEE, "open", "warning")] * 3,
            *[(CANNOT_SEE, "raise", "critical")] * 3,
            (UNREACHABLE, "open", "warning"),
            (UNREACHABLE, "raise", "critical"),
            (QUALITY, "open", "critical"),
        ]
        assert flow.headlines[-1].startswith("CRITICAL  The Graph API is unreachable: no probe had an answer for 2 h")
        assert "hides 3 alerts" in flow.last_message
        assert flow.metric("wamon_alerts", alertname=CANNOT_SEE, severity="critical", state="firing") == 3

        flow.world.faults.clear()
        await flow.run(minutes=35)
        assert flow.open_alerts == [QUALITY]
        closed = [*[(CANNOT_SEE, "close", "critical")] * 3, (UNREACHABLE, "close", "critical")]
        assert sorted((await flow.announced())[9:]) == closed
        assert [headline.split(maxsplit=1)[0] for headline in flow.headlines] == [
            "CRITICAL",
            "WARNING",
            "CRITICAL",
            "RESOLVED",
        ]
        assert flow.headlines[-1].endswith("  wamon")
        assert not any("wamon cannot see" in headline for headline in flow.headlines)
        assert await flow.transitions(QUALITY) == [
            ("open", "critical"),
            ("stale", "critical"),
            ("confirmed", "critical"),
        ]
        assert flow.metric(RATING, phone_number_id=green, rating="GREEN") == 1
        assert flow.metric(RATING, phone_number_id=red, rating="RED") == 1
        assert flow.samples(LAST_KNOWN) == {}


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("hang", {"seconds": 25.0}),
        ("refused", {}),
        ("drip", {"seconds": 2.0}),
        ("status", {"http_status": 503}),
    ],
)
@simulated
async def test_no_answer_never_raises_token_invalid_and_never_clears_red(
    tmp_path: Path, kind: str, options: dict[str, Any]
) -> None:
    async with Flow(tmp_path, poll_interval="300") as flow:
        flow.number.quality_rating = "RED"
        await flow.run(minutes=6)

        flow.number.quality_rating = "GREEN"
        flow.world.revoke_token("system-user", subcode=463)
        flow.world.faults.add(kind, **options)
        await flow.run(minutes=60)

        assert QUALITY in flow.open_alerts
        assert set(flow.open_alerts) == {CANNOT_SEE, UNREACHABLE, QUALITY}
        assert await flow.transitions(QUALITY) == [("open", "critical"), ("stale", "critical")]
        assert await flow.transitions("WhatsAppTokenInvalid") == []
        assert flow.metric("wamon_probe_runs_total", probe="account", outcome="ok") == 2
        unreachable = flow.metric("wamon_probe_runs_total", probe="account", outcome="unreachable")
        assert unreachable is not None
        assert unreachable >= 10


@pytest.mark.parametrize("code", [1, 2, 131000])
@simulated
async def test_trouble_that_meta_admits_is_an_outage_and_no_verdict(tmp_path: Path, code: int) -> None:
    async with Flow(tmp_path, poll_interval="300") as flow:
        flow.number.quality_rating = "RED"
        await flow.run(minutes=6)

        flow.number.quality_rating = "GREEN"
        flow.world.faults.add("error", code=code, http_status=500)
        await flow.run(minutes=60)

        assert set(flow.open_alerts) == {CANNOT_SEE, UNREACHABLE, QUALITY}
        assert await flow.transitions(QUALITY) == [("open", "critical"), ("stale", "critical")]
        assert flow.metric("wamon_graph_requests_total", code=str(code)) is not None


@simulated
async def test_short_outage_is_bridged_by_retries_and_nobody_hears_of_it(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.world.faults.add("reset", times=3)
        await flow.run(minutes=2)
        flow.world.faults.add("status", times=10)
        await flow.run(minutes=20)

        assert await flow.transitions() == []
        assert flow.metric("wamon_probe_runs_total", probe="account", outcome="unreachable") == 2
        assert flow.metric("wamon_graph_retries_total", reason="network") == 3


@simulated
async def test_daemon_that_starts_into_an_outage_says_so_and_claims_nothing(tmp_path: Path) -> None:
    flow = Flow(tmp_path, poll_interval="300")
    flow.world.faults.add("refused")
    async with flow:
        await flow.run(minutes=45)

        assert flow.samples("whatsapp_phone_number_info") == {}
        assert flow.metric("whatsapp_token_valid") is None
        unseen = [(CANNOT_SEE, "open", "warning")] * 3
        assert await flow.announced() == [(UNREACHABLE, "open", "warning"), *unseen]
        assert len(flow.headlines) == 1
        assert "Last answer*: never, asked since 2026-11-22 10:00 UTC" in flow.last_message

        flow.world.faults.clear()
        await flow.run(minutes=30)

        assert flow.open_alerts == []
        assert len(flow.headlines) == 2
        assert len(flow.samples("whatsapp_phone_number_info")) == 3


@simulated
async def test_one_account_that_stays_dark_does_not_darken_the_other(tmp_path: Path) -> None:
    async with Flow(tmp_path, accounts=2, poll_interval="300") as flow:
        dark, bright = flow.world.wabas
        flow.world.faults.add("reset", path=f"/{dark}")
        await flow.run(minutes=40)

        alert = flow.alert(CANNOT_SEE)
        assert alert is not None
        assert alert.subject.label("waba_id") == dark
        assert flow.open_alerts == [CANNOT_SEE]
        assert "the account probe for 3" in flow.headlines[-1]
        assert flow.metric("whatsapp_waba_status", waba_id=bright, value="ACTIVE") == 1
        assert flow.metric("whatsapp_waba_status", waba_id=dark, value="ACTIVE") is None
