"""Somebody put an id where another kind of id belongs: wamon says which, and what to do."""

import logging
from pathlib import Path

import pytest

from tests.flows.harness import Flow, simulated
from wamon.core import watch
from wamon.core.health import Subject


@simulated
async def test_phone_number_id_where_a_waba_id_belongs_is_named_as_such(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        number = flow.number.id
        await flow.restart(waba_id=number)
        await flow.run(minutes=40)

        subject = Subject.probe("account", Subject.waba(number))
        fault = flow.daemon.engine.state.snapshot.value(subject, watch.PROBE_FAULT)
        advice = (
            f"account default: {number} is a phone number id, not a WABA id: put the WhatsApp Business Account id into "
            "waba_id, and this one into phone_number_ids"
        )
        assert fault == advice
        for probe in ("account", "templates"):
            assert flow.metric("wamon_probe_outcome", probe=probe, waba_id=number, outcome="refused") == 1
        assert flow.metric("whatsapp_token_valid") == 1
        assert await flow.announced() == [("WamonCannotSee", "open", "warning")]
        assert advice in flow.last_message


@simulated
async def test_id_that_does_not_exist_is_lost_access_and_not_a_bad_token(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        await flow.restart(waba_id="102290129340398")
        await flow.run(minutes=20)

        assert await flow.announced() == [("WhatsAppAssetAccessLost", "open", "critical")]
        assert flow.metric("whatsapp_token_valid") == 1


@simulated
async def test_wrong_app_secret_is_no_bad_token(tmp_path: Path) -> None:
    async with Flow(tmp_path, app_secret="0" * 32) as flow:
        await flow.run(minutes=20)

        assert flow.metric("whatsapp_token_valid") != 0
        assert "WhatsAppTokenInvalid" not in flow.open_alerts


@simulated
async def test_failing_probe_is_logged_when_it_begins_and_when_it_ends(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="wamon.polling")
    async with Flow(tmp_path) as flow:
        await flow.restart(waba_id=flow.number.id)
        await flow.run(minutes=10)
        began = {vars(record)["probe"]: vars(record) for record in caplog.records}
        assert "is a phone number id, not a WABA id" in began["account"]["reason"]

        outage = flow.world.faults.add("reset", path=lambda path: path == "/debug_token")
        await flow.run(minutes=20)
        flow.world.faults.remove(outage)
        await flow.run(minutes=20)

        assert {probe: told["outcome"] for probe, told in began.items()} == {
            "account": "refused",
            "templates": "refused",
        }
        assert [(vars(record)["probe"], record.getMessage()) for record in caplog.records[2:]] == [
            ("token", "probe failed"),
            ("token", "probe answers again"),
        ]
