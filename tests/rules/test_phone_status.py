"""When the status of a phone number alerts."""

from datetime import timedelta

import pytest

from tests.rules.views import HOUR, MINUTE, NOW, NUMBER, seen, view
from wamon.core.alerting import Severity
from wamon.core.health import Sighting
from wamon.core.ports import View, clear, firing, unknown
from wamon.probes.account import PHONE_NUMBER_IN_WABA, PHONE_STATUS, QUALITY_RATING
from wamon.rules.phone_status import DEGRADED, DOWN, DegradedParams, check_degraded, check_down
from wamon.rules.words import NoParams

SINCE = "since 2026-11-22 10:00 UTC"


def status(value: str | None, *, raw: str | None = None, ago: timedelta = timedelta(0)) -> Sighting:
    return seen(PHONE_STATUS.reading(NUMBER, value, raw=raw or value), ago=ago)


def lasting(value: str, duration: timedelta) -> View:
    """A number that was first seen with this status that long ago, and last just now."""
    return view(NUMBER, status(value, ago=duration), status(value))


@pytest.mark.parametrize("value", ["BANNED", "DISCONNECTED", "RESTRICTED", "UNLINKED", "OFFLINE"])
def test_number_that_cannot_send_is_down_and_not_degraded(value: str) -> None:
    picture = view(NUMBER, status(value))

    assert check_down(picture, NoParams(), NOW) == firing(
        Severity.CRITICAL, NOW, f"Phone number is {value}", evidence=[("Status", f"{value} {SINCE}")]
    )
    assert check_degraded(picture, DegradedParams(), NOW) == clear(NOW)


@pytest.mark.parametrize("value", ["MIGRATED", "DELETED"])
def test_number_that_is_gone_has_not_recovered(value: str) -> None:
    picture = view(NUMBER, status("BANNED", ago=MINUTE), status(value))

    assert check_down(picture, NoParams(), NOW) == unknown(NOW)
    verdict = check_degraded(picture, DegradedParams(), NOW)
    assert verdict is not None
    assert verdict.what == f"Phone number is {value}"


@pytest.mark.parametrize("value", ["FLAGGED", "RATE_LIMITED"])
def test_number_that_is_in_trouble_is_degraded_and_not_down(value: str) -> None:
    picture = view(NUMBER, status(value))

    assert check_degraded(picture, DegradedParams(), NOW) == firing(
        Severity.WARNING, NOW, f"Phone number is {value}", evidence=[("Status", f"{value} {SINCE}")]
    )
    assert check_down(picture, NoParams(), NOW) == clear(NOW)


@pytest.mark.parametrize("value", ["CONNECTED", "REGISTERED", "LINKED"])
def test_working_number_is_clear(value: str) -> None:
    picture = view(NUMBER, status(value, ago=MINUTE))

    assert check_down(picture, NoParams(), NOW) == clear(NOW - MINUTE)
    assert check_degraded(picture, DegradedParams(), NOW) == clear(NOW - MINUTE)


@pytest.mark.parametrize("value", ["PENDING", "UNVERIFIED"])
def test_number_may_take_two_days_to_set_up(value: str) -> None:
    patient = lasting(value, 48 * HOUR - MINUTE)
    due = lasting(value, 48 * HOUR)

    assert check_degraded(patient, DegradedParams(), NOW) == clear(NOW)
    assert check_degraded(due, DegradedParams(), NOW) == firing(
        Severity.WARNING,
        NOW,
        f"Phone number is {value}",
        evidence=[("Status", f"{value} since 2026-11-20 10:00 UTC")],
    )
    assert check_down(due, NoParams(), NOW) == clear(NOW)


def test_patience_with_the_set_up_can_be_configured() -> None:
    picture = lasting("PENDING", 2 * HOUR)

    verdict = check_degraded(picture, DegradedParams(setup_hours=2.0), NOW)

    assert verdict is not None
    assert verdict.severity is Severity.WARNING


def test_set_up_begins_again_when_the_status_changes() -> None:
    picture = view(NUMBER, status("PENDING", ago=60 * HOUR), status("UNVERIFIED", ago=MINUTE), status("UNVERIFIED"))

    assert check_degraded(picture, DegradedParams(), NOW) == clear(NOW)


def test_unknown_word_warns_but_says_nothing_of_down() -> None:
    picture = view(NUMBER, status("OTHER", raw="Hibernating"))

    assert check_degraded(picture, DegradedParams(), NOW) == firing(
        Severity.WARNING,
        NOW,
        "Phone number has the unknown status Hibernating",
        evidence=[("Status", f"OTHER (Meta's word: Hibernating) {SINCE}")],
    )
    assert check_down(picture, NoParams(), NOW) == unknown(NOW)


def test_unknown_status_after_a_ban_does_not_close_it() -> None:
    picture = view(NUMBER, status("BANNED", ago=MINUTE), status("UNKNOWN"))

    assert check_down(picture, NoParams(), NOW) == unknown(NOW)
    degraded = check_degraded(picture, DegradedParams(), NOW)
    assert degraded is not None
    assert degraded.what == "Phone number is UNKNOWN"


def test_status_that_is_missing_or_old_is_unknown() -> None:
    pictures = (view(NUMBER), view(NUMBER, status(None)), view(NUMBER, status("BANNED", ago=timedelta(minutes=15))))

    assert [check_down(picture, NoParams(), NOW) for picture in pictures] == [unknown(NOW)] * 3
    assert [check_degraded(picture, DegradedParams(), NOW) for picture in pictures] == [unknown(NOW)] * 3


def test_configured_number_that_the_waba_lacks_is_down() -> None:
    absent = PHONE_NUMBER_IN_WABA.reading(NUMBER, False, raw="the WABA lists 3 other numbers")
    picture = view(NUMBER, status("CONNECTED", ago=MINUTE), seen(absent))

    assert check_down(picture, NoParams(), NOW) == firing(
        Severity.CRITICAL,
        NOW,
        "Phone number is not in its WABA",
        evidence=[("Listed by the WABA", "no: the WABA lists 3 other numbers")],
    )


@pytest.mark.parametrize("is_listed", [True, None])
def test_listed_number_is_judged_by_its_status(is_listed: bool | None) -> None:
    picture = view(
        NUMBER, seen(PHONE_NUMBER_IN_WABA.reading(NUMBER, is_listed), PHONE_STATUS.reading(NUMBER, "BANNED"))
    )

    verdict = check_down(picture, NoParams(), NOW)

    assert verdict is not None
    assert verdict.what == "Phone number is BANNED"


def test_old_absence_no_longer_counts() -> None:
    absent = seen(PHONE_NUMBER_IN_WABA.reading(NUMBER, False, raw="x"), ago=timedelta(minutes=15))

    assert check_down(view(NUMBER, absent), NoParams(), NOW) == unknown(NOW)


def test_evidence_tells_what_was_before_and_the_rating() -> None:
    before = status("CONNECTED", ago=HOUR)
    now = seen(PHONE_STATUS.reading(NUMBER, "BANNED", raw="banned"), QUALITY_RATING.reading(NUMBER, "RED"))

    verdict = check_down(view(NUMBER, before, now), NoParams(), NOW)

    assert verdict is not None
    assert verdict.evidence == (("Status", f"BANNED {SINCE}, before that CONNECTED"), ("Quality rating", "RED"))


@pytest.mark.parametrize("rule", [DOWN, DEGRADED], ids=lambda rule: rule.name)
def test_status_must_be_seen_twice(rule: object) -> None:
    assert rule in (DOWN, DEGRADED)
    assert (DOWN.timing.min_observations, DEGRADED.timing.min_observations) == (2, 2)
