"""When the quality rating of a phone number alerts."""

import math
from datetime import timedelta

import pytest

from tests.rules.views import HOUR, MINUTE, NOW, NUMBER, seen, view
from wamon.core.alerting import Severity
from wamon.core.ports import clear, firing, unknown
from wamon.probes.account import MESSAGING_LIMIT, NUMBER_CAN_SEND, PHONE_STATUS, QUALITY_RATING
from wamon.rules.quality import QUALITY, check
from wamon.rules.words import NoParams


@pytest.mark.parametrize(("value", "severity"), [("YELLOW", Severity.WARNING), ("RED", Severity.CRITICAL)])
def test_bad_rating_fires(value: str, severity: Severity) -> None:
    verdict = check(view(NUMBER, seen(QUALITY_RATING.reading(NUMBER, value))), NoParams(), NOW)

    assert verdict == firing(
        severity, NOW, f"Quality rating {value}", evidence=[("Quality rating", f"{value} since 2026-11-22 10:00 UTC")]
    )


def test_green_is_clear() -> None:
    seen_at = NOW - MINUTE

    assert check(view(NUMBER, seen(QUALITY_RATING.reading(NUMBER, "GREEN"), ago=MINUTE)), NoParams(), NOW) == clear(
        seen_at
    )


def test_number_that_was_never_rated_is_unknown() -> None:
    never_seen = view(NUMBER)
    not_rated = view(NUMBER, seen(QUALITY_RATING.reading(NUMBER, None, raw="NA")))

    assert check(never_seen, NoParams(), NOW) == unknown(NOW)
    assert check(not_rated, NoParams(), NOW) == unknown(NOW)


@pytest.mark.parametrize("value", ["GREEN", "RED"])
def test_old_rating_is_neither_good_nor_bad(value: str) -> None:
    old = seen(QUALITY_RATING.reading(NUMBER, value), ago=timedelta(minutes=15))

    assert check(view(NUMBER, old), NoParams(), NOW) == unknown(NOW)


def test_rating_just_short_of_old_still_counts() -> None:
    recent = seen(QUALITY_RATING.reading(NUMBER, "RED"), ago=timedelta(minutes=15) - timedelta(seconds=1))

    verdict = check(view(NUMBER, recent), NoParams(), NOW)

    assert verdict is not None
    assert verdict.severity is Severity.CRITICAL


def test_rating_that_meta_withdraws_after_red_is_unknown_not_clear() -> None:
    red, withdrawn = QUALITY_RATING.reading(NUMBER, "RED"), QUALITY_RATING.reading(NUMBER, None, raw="UNKNOWN")

    assert check(view(NUMBER, seen(red, ago=MINUTE), seen(withdrawn)), NoParams(), NOW) == unknown(NOW)


def test_evidence_tells_what_was_before_and_what_else_is_known() -> None:
    before = seen(QUALITY_RATING.reading(NUMBER, "YELLOW", raw="YELLOW"), ago=HOUR)
    now = seen(
        QUALITY_RATING.reading(NUMBER, "RED", raw="RED"),
        PHONE_STATUS.reading(NUMBER, "FLAGGED"),
        NUMBER_CAN_SEND.reading(NUMBER, "LIMITED"),
        MESSAGING_LIMIT.reading(NUMBER, 10_000.0),
    )

    verdict = check(view(NUMBER, before, now), NoParams(), NOW)

    assert verdict is not None
    assert verdict.evidence == (
        ("Quality rating", "RED since 2026-11-22 10:00 UTC, before that YELLOW"),
        ("Status", "FLAGGED"),
        ("Can send", "LIMITED"),
        ("Messaging limit", "10,000 people in 24 h"),
    )


def test_no_limit_is_said_in_words() -> None:
    readings = QUALITY_RATING.reading(NUMBER, "RED"), MESSAGING_LIMIT.reading(NUMBER, math.inf)

    verdict = check(view(NUMBER, seen(*readings)), NoParams(), NOW)

    assert verdict is not None
    assert verdict.evidence[-1] == ("Messaging limit", "no limit")


def test_red_needs_one_observation_and_yellow_two() -> None:
    assert QUALITY.timing.observations_needed(Severity.CRITICAL) == 1
    assert QUALITY.timing.observations_needed(Severity.WARNING) == 2
    assert QUALITY.timing.keep_firing_for == timedelta(minutes=30)


def test_yellow_and_red_are_one_alert_with_two_names() -> None:
    assert QUALITY.alertname(Severity.WARNING) == "WhatsAppQualityRatingYellow"
    assert QUALITY.alertname(Severity.CRITICAL) == "WhatsAppQualityRatingRed"
