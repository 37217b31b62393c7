"""A phone number goes down, is only degraded, or is no longer where it was."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.flows.harness import Flow, simulated

DOWN = "WhatsAppPhoneNumberDown"
DEGRADED = "WhatsAppPhoneNumberDegraded"
STATUS = "whatsapp_phone_number_status"
WHO = "+1 555-078-3881 (Jasper's Market)"


@simulated
async def test_banned_number_is_down_and_cannot_send(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.world.ban_number(flow.number.id)
        await flow.run(minutes=3)

        assert flow.metric(STATUS, phone_number_id=flow.number.id, status="BANNED") == 1
        assert flow.metric("whatsapp_can_send", scope="phone_number", id=flow.number.id, state="BLOCKED") == 1
        assert sorted(await flow.announced()) == [
            ("WhatsAppCannotSend", "open", "critical"),
            (DOWN, "open", "critical"),
        ]
        assert sorted(flow.headlines) == [f"CRITICAL  Cannot send  {WHO}", f"CRITICAL  Phone number is BANNED  {WHO}"]


@simulated
async def test_disconnected_number_is_resolved_five_minutes_after_it_is_connected_again(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.number.status = "DISCONNECTED"
        await flow.run(minutes=3)
        flow.number.status = "CONNECTED"
        await flow.run(minutes=4)
        still_open = flow.open_alerts
        await flow.run(minutes=4)

        assert still_open == [DOWN]
        assert await flow.announced() == [(DOWN, "open", "critical"), (DOWN, "close", "critical")]
        assert flow.headlines[0] == f"CRITICAL  Phone number is DISCONNECTED  {WHO}"
        assert flow.headlines[1].startswith("RESOLVED after 7 min")


@pytest.mark.parametrize("status", ["FLAGGED", "RATE_LIMITED"])
@simulated
async def test_degraded_number_only_warns(tmp_path: Path, status: str) -> None:
    async with Flow(tmp_path) as flow:
        flow.number.status = status
        await flow.run(minutes=3)

        assert flow.metric(STATUS, phone_number_id=flow.number.id, status=status) == 1
        assert await flow.announced() == [(DEGRADED, "open", "warning")]
        assert flow.headlines == [f"WARNING  Phone number is {status}  {WHO}"]


@simulated
async def test_number_that_is_being_set_up_has_two_days(tmp_path: Path) -> None:
    async with Flow(tmp_path, poll_interval="3600") as flow:
        flow.number.status = "PENDING"
        await flow.run(minutes=180)
        patient = await flow.announced()
        await flow.restart(gap=timedelta(hours=47))
        await flow.run(minutes=120)

        assert patient == []
        assert await flow.announced() == [(DEGRADED, "open", "warning")]


@simulated
async def test_registered_is_as_well_as_connected(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.number.status = "REGISTERED"
        await flow.run(minutes=10)

        assert await flow.announced() == []


@simulated
async def test_number_that_leaves_its_account_is_no_longer_monitored_and_not_called_well(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        number = flow.number.id
        flow.number.quality_rating = "RED"
        await flow.run(minutes=3)

        flow.world.remove_number(number)
        await flow.run(minutes=1)
        after_one_list = await flow.announced()
        await flow.run(minutes=2)

        assert after_one_list == [("WhatsAppQualityRating", "open", "critical")]
        assert await flow.announced() == [
            ("WhatsAppQualityRating", "open", "critical"),
            ("WhatsAppQualityRating", "close", "critical"),
        ]
        assert flow.headlines[1].startswith("no longer monitored after ")
        assert "RESOLVED" not in flow.headlines[1]
        assert "not known to be well" in flow.last_message
        assert flow.samples("whatsapp_phone_number_info", phone_number_id=number) == {}
        assert flow.samples("whatsapp_can_send", id=number) == {}
        assert len(flow.samples("whatsapp_phone_number_info")) == 2


@simulated
async def test_number_that_is_left_out_of_one_list_is_kept(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.number.quality_rating = "RED"
        await flow.run(minutes=3)

        hidden = flow.waba.number_ids.pop(0)
        await flow.run(minutes=1)
        flow.waba.number_ids.insert(0, hidden)
        await flow.run(minutes=3)
        flow.waba.number_ids.pop(0)
        await flow.run(minutes=1)
        flow.waba.number_ids.insert(0, hidden)
        await flow.run(minutes=3)

        assert await flow.announced() == [("WhatsAppQualityRating", "open", "critical")]


@simulated
async def test_number_that_the_configuration_names_must_be_in_the_account(tmp_path: Path) -> None:
    async with Flow(tmp_path, phone_number_ids="106540352242922") as flow:
        await flow.run(minutes=3)

        assert flow.metric("whatsapp_phone_number_in_waba", phone_number_id="106540352242922") == 0
        assert len(flow.samples("whatsapp_phone_number_info")) == 0
        assert await flow.announced() == [(DOWN, "open", "critical")]
        assert flow.headlines == ["CRITICAL  Phone number is not in its WABA  phone number 106540352242922"]
        assert "no: the WABA lists 3 other numbers" in flow.last_message


@simulated
async def test_only_the_numbers_that_the_configuration_names_are_watched(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        mine, other = flow.waba.number_ids[:2]
        await flow.restart(phone_number_ids=mine)
        flow.world.number(other).quality_rating = "RED"
        await flow.run(minutes=3)

        assert await flow.announced() == []
        labels = [dict(sample)["phone_number_id"] for sample in flow.samples("whatsapp_phone_number_info")]
        assert labels == [mine]


@simulated
async def test_named_number_that_leaves_stays_an_alert(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        number = flow.number.id
        await flow.restart(phone_number_ids=number)
        flow.world.remove_number(number)
        await flow.run(minutes=10)

        assert await flow.announced() == [(DOWN, "open", "critical")]
        assert flow.headlines == [f"CRITICAL  Phone number is not in its WABA  {WHO}"]
