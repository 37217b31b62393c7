"""The quality rating falls, hides for a while, and recovers."""

from pathlib import Path

from tests.flows.harness import Flow, simulated

RULE = "WhatsAppQualityRating"
RATING = "whatsapp_phone_number_quality_rating"
LAST_KNOWN = "whatsapp_phone_number_last_known_quality_rating"


@simulated
async def test_yellow_to_red_is_one_alert_that_is_raised_and_resolves_late(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        number = flow.number.id

        flow.number.quality_rating = "YELLOW"
        await flow.run(minutes=1)
        after_one_poll = flow.headlines
        await flow.run(minutes=2)
        assert flow.metric(RATING, phone_number_id=number, rating="YELLOW") == 1
        assert flow.metric("wamon_alerts", alertname="WhatsAppQualityRatingYellow", state="firing") == 1

        flow.number.quality_rating = "RED"
        await flow.run(minutes=1)
        assert flow.metric(RATING, phone_number_id=number, rating="RED") == 1
        assert flow.metric(RATING, phone_number_id=number, rating="YELLOW") == 0
        assert flow.metric("wamon_alerts", alertname="WhatsAppQualityRatingRed", state="firing") == 1
        red_message = flow.last_message

        flow.number.quality_rating = "GREEN"
        await flow.run(minutes=25)
        assert flow.metric("wamon_alerts", alertname="WhatsAppQualityRatingRed", state="recovering") == 1
        await flow.run(minutes=10)

        assert after_one_poll == []
        assert await flow.announced() == [
            (RULE, "open", "warning"),
            (RULE, "raise", "critical"),
            (RULE, "close", "critical"),
        ]
        assert flow.headlines == [
            "WARNING  Quality rating YELLOW  +1 555-078-3881 (Jasper's Market)",
            "CRITICAL  Quality rating RED  +1 555-078-3881 (Jasper's Market)",
            "RESOLVED after 33 min  Quality rating RED  +1 555-078-3881 (Jasper's Market)",
        ]
        assert "Raised: from WARNING" in red_message
        assert "Owner: marketing" in red_message
        assert "Stop campaigns and bulk sends from this number" in red_message
        assert "before that YELLOW" in red_message
        assert flow.open_alerts == []
        assert flow.metric("wamon_alerts", alertname="WhatsAppQualityRatingRed", state="recovering") == 0


@simulated
async def test_red_at_once_needs_one_poll(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.number.quality_rating = "RED"
        await flow.run(minutes=1)

        assert await flow.announced() == [(RULE, "open", "critical")]
        assert flow.headlines == ["CRITICAL  Quality rating RED  +1 555-078-3881 (Jasper's Market)"]


@simulated
async def test_red_survives_an_hour_without_a_rating(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        number = flow.number.id
        flow.number.quality_rating = "RED"
        await flow.run(minutes=2)

        for word in ("NA", "UNKNOWN", None):
            flow.number.quality_rating = word
            await flow.run(minutes=20)
            assert flow.metric(RATING, phone_number_id=number, rating="UNKNOWN") == 1
            assert flow.metric(LAST_KNOWN, phone_number_id=number, rating="RED") == 1
            assert flow.metric("wamon_alerts", alertname="WhatsAppQualityRatingRed", state="stale") == 1
        flow.number.quality_rating = "RED"
        await flow.run(minutes=2)
        assert flow.metric(LAST_KNOWN, phone_number_id=number) is None
        assert flow.metric("wamon_alerts", alertname="WhatsAppQualityRatingRed", state="firing") == 1
        flow.number.quality_rating = "GREEN"
        await flow.run(minutes=35)

        assert await flow.transitions(RULE) == [
            ("open", "critical"),
            ("stale", "critical"),
            ("confirmed", "critical"),
            ("recovering", "critical"),
            ("close", "critical"),
        ]
        assert len(flow.headlines) == 2


@simulated
async def test_one_green_answer_between_two_red_ones_is_no_recovery(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        for rating in ("RED", "GREEN", "RED", "GREEN", "RED"):
            flow.number.quality_rating = rating
            await flow.run(minutes=1)
        flow.number.quality_rating = "GREEN"
        await flow.run(minutes=35)

        assert await flow.announced() == [(RULE, "open", "critical"), (RULE, "close", "critical")]
        assert "Came back: 2 times" in flow.last_message


@simulated
async def test_rating_that_improves_to_yellow_is_lowered_without_a_message(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.number.quality_rating = "RED"
        await flow.run(minutes=2)
        flow.number.quality_rating = "YELLOW"
        await flow.run(minutes=29)
        held = flow.alert(RULE)
        await flow.run(minutes=5)
        lowered = flow.alert(RULE)

        assert held is not None
        assert lowered is not None
        assert (str(held.severity), str(lowered.severity)) == ("critical", "warning")
        assert await flow.transitions(RULE) == [("open", "critical"), ("lower", "warning")]
        assert len(flow.headlines) == 1
