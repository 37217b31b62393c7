"""wamon stops and starts again in every state: nothing is repeated, nothing is missed."""

from datetime import timedelta
from pathlib import Path

from tests.flows.harness import Flow, simulated

QUALITY = "WhatsAppQualityRating"
RATING = "whatsapp_phone_number_quality_rating"
OPENED = (QUALITY, "open", "critical")
CLOSED = (QUALITY, "close", "critical")


@simulated
async def test_healthy_restart_says_nothing(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        for _ in range(5):
            await flow.run(minutes=2)
            await flow.restart(gap=timedelta(minutes=30))

        assert await flow.transitions() == []
        assert flow.channel.calls == []


@simulated
async def test_pending_alert_counts_on_after_a_short_stop(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.number.quality_rating = "YELLOW"
        await flow.run(minutes=1)
        before = await flow.announced()
        await flow.restart(gap=timedelta(seconds=30))

        assert before == []
        assert await flow.announced() == [(QUALITY, "open", "warning")]
        assert flow.headlines == []

        await flow.run(minutes=1)

        assert flow.headlines == ["WARNING  Quality rating YELLOW  +1 555-078-3881 (Jasper's Market)"]


@simulated
async def test_firing_alert_is_not_told_again(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.number.quality_rating = "RED"
        await flow.run(minutes=2)
        for gap in (0, 1, 600):
            await flow.restart(gap=timedelta(minutes=gap))
            await flow.run(minutes=2)

        assert await flow.announced() == [OPENED]
        assert flow.metric("wamon_alerts", alertname="WhatsAppQualityRatingRed", state="firing") == 1
        assert flow.metric("wamon_alert_transitions_total", alertname="WhatsAppQualityRatingRed", kind="open") == 1


@simulated
async def test_recovery_goes_on_where_it_was_and_the_time_without_wamon_does_not_count(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.number.quality_rating = "RED"
        await flow.run(minutes=2)
        flow.number.quality_rating = "GREEN"
        await flow.run(minutes=21)

        await flow.restart(gap=timedelta(minutes=10))
        await flow.run(minutes=5)
        during = await flow.announced()
        await flow.run(minutes=7)

        assert during == [OPENED]
        assert await flow.announced() == [OPENED, CLOSED]


@simulated
async def test_long_stop_in_the_middle_of_a_recovery_ends_nothing_by_itself(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.number.quality_rating = "RED"
        await flow.run(minutes=2)
        flow.number.quality_rating = "GREEN"
        await flow.run(minutes=15)

        await flow.restart(gap=timedelta(hours=8))
        await flow.run(minutes=10)

        assert await flow.announced() == [OPENED]


@simulated
async def test_stale_alert_stays_stale_and_open_over_a_restart(tmp_path: Path) -> None:
    async with Flow(tmp_path, poll_interval="300") as flow:
        flow.number.quality_rating = "RED"
        await flow.run(minutes=6)
        flow.world.faults.add("reset")
        await flow.run(minutes=25)

        await flow.restart(gap=timedelta(minutes=2))
        restarted = flow.alert(QUALITY)
        flow.world.faults.clear()
        await flow.run(minutes=6)
        seen_again = flow.alert(QUALITY)

        assert restarted is not None
        assert seen_again is not None
        assert restarted.is_stale
        assert not seen_again.is_stale
        assert await flow.transitions(QUALITY) == [
            ("open", "critical"),
            ("stale", "critical"),
            ("confirmed", "critical"),
        ]


@simulated
async def test_restart_into_an_outage_closes_nothing(tmp_path: Path) -> None:
    async with Flow(tmp_path, poll_interval="300") as flow:
        flow.number.quality_rating = "RED"
        flow.world.unsubscribe(flow.waba.id, flow.app.id)
        await flow.run(minutes=11)

        flow.world.faults.add("refused")
        await flow.restart(gap=timedelta(hours=3))
        await flow.run(minutes=10)

        assert {QUALITY, "WhatsAppSubscriptionLost"} <= set(flow.open_alerts)
        assert [kind for _, kind, _ in await flow.announced() if kind == "close"] == []
        assert flow.metric(RATING, phone_number_id=flow.number.id, rating="UNKNOWN") == 1


@simulated
async def test_what_became_true_while_down_is_told_and_what_was_known_is_not(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        first, second = flow.waba.number_ids[:2]
        flow.world.number(first).quality_rating = "RED"
        await flow.run(minutes=2)

        await flow.stop()
        flow.world.number(second).quality_rating = "RED"
        flow.clock.advance(600)
        await flow.start()

        assert await flow.announced() == [OPENED, OPENED]
        assert flow.headlines[1:] == ["CRITICAL  Quality rating RED  +1 555-010-0142 (Jasper's Market)"]


@simulated
async def test_after_a_long_stop_one_message_tells_what_is_new_and_what_was_carried_over(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        first, second = flow.waba.number_ids[:2]
        flow.world.number(first).quality_rating = "RED"
        await flow.run(minutes=2)

        await flow.stop()
        flow.world.number(second).quality_rating = "RED"
        flow.clock.advance(3600)
        await flow.start()

        assert await flow.announced() == [OPENED, OPENED]
        whose = f"Jasper's Market (WABA {flow.waba.id})"
        assert flow.headlines[1:] == [f"CRITICAL  Quality rating RED  2 phone numbers of {whose}"]
        assert "+1 555-010-0142 (Jasper's Market)" in flow.last_message


@simulated
async def test_rise_while_down_is_told_as_a_rise(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.number.quality_rating = "YELLOW"
        await flow.run(minutes=3)

        await flow.stop()
        flow.number.quality_rating = "RED"
        flow.clock.advance(3600)
        await flow.start()

        assert await flow.announced() == [(QUALITY, "open", "warning"), (QUALITY, "raise", "critical")]


@simulated
async def test_what_ended_while_down_is_resolved_only_after_it_was_seen_long_enough(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.number.quality_rating = "RED"
        await flow.run(minutes=2)

        await flow.stop()
        flow.number.quality_rating = "GREEN"
        flow.clock.advance(7200)
        await flow.start()
        await flow.run(minutes=25)
        early = await flow.announced()
        await flow.run(minutes=7)

        assert early == [OPENED]
        assert await flow.announced() == [OPENED, CLOSED]


@simulated
async def test_account_that_is_taken_out_of_the_configuration_is_no_longer_monitored(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        first, second = flow.world.wabas
        flow.number.quality_rating = "RED"
        await flow.run(minutes=2)

        await flow.restart(waba_id=second)
        await flow.run(minutes=2)

        assert await flow.announced() == [OPENED, CLOSED]
        assert flow.headlines[1].startswith("no longer monitored after ")
        assert flow.samples("whatsapp_waba_info", waba_id=first) == {}
        assert len(flow.samples("whatsapp_waba_info", waba_id=second)) == 1


@simulated
async def test_rule_that_is_switched_off_closes_its_alerts(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.number.quality_rating = "RED"
        await flow.run(minutes=2)

        flow.tables = f"[rules.{QUALITY}]\nenabled = false"
        await flow.restart()
        await flow.run(minutes=5)

        assert await flow.announced() == [OPENED, CLOSED]
        assert flow.headlines[1].startswith("no longer monitored after ")


@simulated
async def test_counters_and_history_go_on(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        await flow.run(minutes=9)
        await flow.restart(gap=timedelta(minutes=1))
        await flow.run(minutes=9)

        assert flow.metric("wamon_probe_runs_total", probe="account", outcome="ok") == 20


@simulated
async def test_message_that_slack_did_not_take_before_the_stop_is_told_after_it(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        outage = flow.channel.faults.add("status")
        flow.number.quality_rating = "RED"
        await flow.run(minutes=2)
        before = flow.headlines

        await flow.stop()
        flow.channel.faults.remove(outage)
        flow.clock.advance(3600)
        await flow.start()

        assert before == []
        assert flow.headlines == ["CRITICAL  Quality rating RED  +1 555-078-3881 (Jasper's Market)"]
        assert "Slack was unreachable or wamon was stopped: this message is 1 h" in flow.last_message


@simulated
async def test_whoever_lets_prometheus_alert_is_told_nothing_more_and_still_watched(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.number.quality_rating = "RED"
        await flow.run(minutes=2)

        await flow.restart(alerting_mode="prometheus")
        flow.number.quality_rating = "GREEN"
        await flow.run(minutes=2)

        assert flow.metric("wamon_alerting_mode", mode="prometheus") == 1
        assert flow.metric(RATING, phone_number_id=flow.number.id, rating="GREEN") == 1
        assert len(flow.headlines) == 1
