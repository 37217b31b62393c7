"""Meta answers, but not as documented: it is counted and shown, the daemon lives on, and the last reading ages."""

import logging
from pathlib import Path
from typing import Any

import pytest

from tests.flows.harness import Flow, simulated

RATING = "whatsapp_phone_number_quality_rating"
RUNS = "wamon_probe_runs_total"


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("html_200", {}),
        ("cut_json", {}),
        ("huge_body", {"bytes": 20_000_000}),
        ("redirect", {}),
        ("paging_loop", {}),
        ("null", {"field": "id"}),
        ("number", {"field": "phone_numbers"}),
        ("status", {"http_status": 404}),
    ],
)
@simulated
async def test_answer_that_is_none_is_counted_and_the_last_reading_ages(
    tmp_path: Path, kind: str, options: dict[str, Any]
) -> None:
    # Ten minutes apart, so that few of the large bodies are made; in process they arrive as a whole.
    async with Flow(tmp_path, poll_interval="600") as flow:
        flow.number.quality_rating = "RED"
        await flow.run(minutes=11)
        number = flow.number.id

        flow.world.faults.add(kind, **options)
        await flow.run(minutes=35)

        assert flow.metric(RUNS, probe="account", outcome="ok") == 2
        assert sum(flow.samples(RUNS, probe="account").values()) > 4
        assert flow.metric(RATING, phone_number_id=number, rating="UNKNOWN") == 1
        assert await flow.transitions("WhatsAppQualityRating") == [("open", "critical"), ("stale", "critical")]
        assert "WhatsAppTokenInvalid" not in flow.open_alerts

        flow.world.faults.clear()
        await flow.run(minutes=21)

        assert flow.metric(RATING, phone_number_id=number, rating="RED") == 1
        assert flow.open_alerts == ["WhatsAppQualityRating"]


@simulated
async def test_word_in_no_document_is_counted_once_kept_raw_and_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="wamon.engine")
    async with Flow(tmp_path) as flow:
        number = flow.number.id
        flow.number.status = "hibernating"
        await flow.run(minutes=5)

        assert flow.metric("whatsapp_phone_number_status", phone_number_id=number, status="OTHER") == 1
        assert flow.metric("wamon_unrecognised_values_total", signal="whatsapp_phone_number_status") == 1
        assert await flow.announced() == [("WhatsAppPhoneNumberDegraded", "open", "warning")]
        assert flow.headlines[0].startswith("WARNING  Phone number has the unknown status hibernating")
        told = [record for record in caplog.records if "unrecognised" in record.getMessage()]
        assert [getattr(record, "raw", None) for record in told] == ["hibernating"]

        flow.number.status = "ESTIVATING"
        await flow.run(minutes=2)

        assert flow.metric("wamon_unrecognised_values_total", signal="whatsapp_phone_number_status") == 2


@simulated
async def test_rating_in_no_document_clears_nothing(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        number = flow.number.id
        flow.number.quality_rating = "RED"
        await flow.run(minutes=2)
        flow.number.quality_rating = "MAUVE"
        await flow.run(minutes=60)

        assert flow.metric(RATING, phone_number_id=number, rating="UNKNOWN") == 1
        assert flow.metric("wamon_unrecognised_values_total", signal=RATING) == 1
        assert await flow.transitions("WhatsAppQualityRating") == [("open", "critical"), ("stale", "critical")]


@pytest.mark.parametrize("kind", ["null", "number", "missing"])
@pytest.mark.parametrize(
    "field", ["quality_rating", "status", "verified_name", "throughput", "health_status", "name", "subscribed_apps"]
)
@simulated
async def test_field_of_another_type_costs_that_field_and_nothing_else(tmp_path: Path, kind: str, field: str) -> None:
    async with Flow(tmp_path) as flow:
        flow.world.faults.add(kind, field=field)
        await flow.run(minutes=3)

        # The subscriptions are then asked for by themselves, and fail in the same way.
        if field != "subscribed_apps":
            assert flow.metric(RUNS, probe="account", outcome="ok") == 4
        assert flow.metric(RUNS, probe="account", outcome="refused") == 0
        assert flow.metric("whatsapp_phone_number_name_status", phone_number_id=flow.number.id, value="APPROVED") == 1
        severities = {severity for _, _, severity in await flow.announced()}
        assert "critical" not in severities


@simulated
async def test_rating_that_flips_within_a_page_does_not_stop_the_probe(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.world.faults.add("flip", field="quality_rating", value="RED")
        await flow.run(minutes=3)

        assert flow.metric(RUNS, probe="account", outcome="ok") == 4
        assert len(flow.samples("whatsapp_phone_number_info")) == 3


@simulated
async def test_link_to_another_host_is_never_followed_with_the_token(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        for index in range(120):
            flow.world.add_number(flow.waba, f"+1 555-200-{index:04d}")
        flow.world.faults.add("foreign_next")
        await flow.run(minutes=2)

        assert len(flow.samples("whatsapp_phone_number_info")) == 123
        assert flow.metric(RUNS, probe="account", outcome="ok") == 3


@simulated
async def test_name_that_meta_drops_costs_its_readings_and_is_counted(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.world.faults.add("unknown_field", field="throughput")
        await flow.restart()
        await flow.run(minutes=3)

        assert flow.metric(RUNS, probe="account", outcome="refused") == 0
        assert flow.metric("wamon_graph_dropped_fields_total", field="throughput") == 1
        assert flow.metric(RATING, phone_number_id=flow.number.id, rating="GREEN") == 1
        assert (
            flow.metric("whatsapp_phone_number_throughput_level", phone_number_id=flow.number.id, value="UNKNOWN") == 1
        )
