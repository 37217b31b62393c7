"""The machine's clock jumps: timers stand still, readings are taken all the same, and nothing closes because of it."""

from pathlib import Path

import pytest

from tests.flows.harness import Flow, simulated

HOUR = 3600
DAY = 24 * HOUR
RATING = "whatsapp_phone_number_quality_rating"
QUALITY = "WhatsAppQualityRating"
JUMPED = "WamonClockJumped"


@pytest.mark.parametrize(("seconds", "words"), [(-HOUR, "back by 1 h"), (DAY, "forward by 1 d")])
@simulated
async def test_jump_is_told_once_and_forgotten_after_an_hour(tmp_path: Path, seconds: int, words: str) -> None:
    async with Flow(tmp_path) as flow:
        await flow.run(minutes=5)
        flow.clock.step(seconds)
        await flow.run(minutes=30)

        assert [entry for entry in await flow.announced() if entry[0] == JUMPED] == [(JUMPED, "open", "warning")]
        assert flow.headlines[0] == f"WARNING  The clock jumped {words}  wamon"
        assert flow.metric("wamon_clock_steps_total", direction=words.split(maxsplit=1)[0]) == 1
        assert flow.metric("wamon_clock_step_seconds") == seconds

        await flow.run(minutes=35)

        assert flow.open_alerts == []
        assert flow.headlines[-1].startswith("RESOLVED after 1 h")


@simulated
async def test_machine_that_slept_for_a_day_is_not_called_blind_before_it_has_looked(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        await flow.run(minutes=5)
        flow.clock.step(DAY)
        await flow.run(minutes=30)

        assert await flow.announced() == [(JUMPED, "open", "warning")]


@simulated
async def test_after_a_jump_back_new_readings_count_at_once(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        await flow.run(minutes=10)
        flow.clock.step(-HOUR)
        flow.number.quality_rating = "RED"
        await flow.run(minutes=2)

        assert flow.metric(RATING, phone_number_id=flow.number.id, rating="RED") == 1
        assert (QUALITY, "open", "critical") in await flow.announced()

        flow.number.quality_rating = "GREEN"
        await flow.run(minutes=33)

        assert (QUALITY, "close", "critical") in await flow.announced()


@pytest.mark.parametrize("seconds", [-HOUR, DAY, 25 * 60])
@simulated
async def test_jump_gives_no_credit_towards_recovery(tmp_path: Path, seconds: int) -> None:
    async with Flow(tmp_path) as flow:
        flow.number.quality_rating = "RED"
        await flow.run(minutes=2)
        flow.number.quality_rating = "GREEN"
        await flow.run(minutes=10)

        flow.clock.step(seconds)
        await flow.run(minutes=15)
        assert QUALITY in flow.open_alerts
        await flow.run(minutes=25)

        assert QUALITY not in flow.open_alerts
        assert [entry for entry in await flow.announced() if entry[0] == QUALITY] == [
            (QUALITY, "open", "critical"),
            (QUALITY, "close", "critical"),
        ]


@simulated
async def test_open_alert_survives_a_jump_in_both_directions(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.number.quality_rating = "RED"
        await flow.run(minutes=2)
        for seconds in (DAY, -HOUR, -DAY, HOUR):
            flow.clock.step(seconds)
            await flow.run(minutes=5)

        assert QUALITY in flow.open_alerts
        assert [entry for entry in await flow.announced() if entry[0] == QUALITY] == [(QUALITY, "open", "critical")]
        assert flow.metric(RATING, phone_number_id=flow.number.id, rating="RED") == 1


@simulated
async def test_jump_back_does_not_hold_up_messages(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        outage = flow.channel.faults.add("status")
        flow.number.quality_rating = "RED"
        await flow.run(minutes=2)
        flow.clock.step(-DAY)
        flow.channel.faults.remove(outage)
        await flow.run(minutes=7)

        assert any(headline.startswith("CRITICAL  Quality rating RED") for headline in flow.headlines)


@simulated
async def test_clock_that_was_set_back_while_wamon_was_down_is_noticed(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.number.quality_rating = "RED"
        await flow.run(minutes=2)

        await flow.stop()
        flow.clock.step(-HOUR)
        flow.number.quality_rating = "GREEN"
        await flow.start()
        await flow.run(minutes=5)

        assert await flow.announced() == [(QUALITY, "open", "critical"), (JUMPED, "open", "warning")]
        assert flow.metric(RATING, phone_number_id=flow.number.id, rating="GREEN") == 1
