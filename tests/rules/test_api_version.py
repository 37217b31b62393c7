"""When a Graph API version alerts: near its end, past it, or served by another."""

from datetime import datetime, timedelta

import pytest

from tests.rules.views import DAY, HOUR, MINUTE, NOW, seen, view
from wamon.core.alerting import Severity
from wamon.core.health import Sighting, Subject
from wamon.core.ports import clear, firing, unknown
from wamon.probes.api_version import VERSION_EXPIRY
from wamon.probes.evidence import VERSION_SERVED, version_served
from wamon.rules.api_version import EXPIRING, SERVED_DIFFERS, ExpiringParams, check_expiring, check_served
from wamon.rules.words import NoParams

VERSION = Subject.api_version("v21.0")


def end(at: datetime | None, *, ago: timedelta = timedelta(0)) -> Sighting:
    return seen(VERSION_EXPIRY.reading(VERSION, at), ago=ago, interval=HOUR)


@pytest.mark.parametrize(
    ("left", "severity"),
    [
        (400 * DAY, None),
        (90 * DAY, None),
        (90 * DAY - MINUTE, Severity.INFO),
        (30 * DAY, Severity.INFO),
        (30 * DAY - MINUTE, Severity.WARNING),
        (MINUTE, Severity.WARNING),
        (timedelta(0), Severity.CRITICAL),
        (-DAY, Severity.CRITICAL),
    ],
)
def test_severity_rises_as_the_end_comes_near(left: timedelta, severity: Severity | None) -> None:
    verdict = check_expiring(view(VERSION, end(NOW + left)), ExpiringParams(), NOW)

    assert verdict is not None
    assert (verdict.severity if verdict.what else None) is severity


def test_coming_end_is_told_with_its_day() -> None:
    verdict = check_expiring(view(VERSION, end(NOW + 60 * DAY, ago=MINUTE)), ExpiringParams(), NOW)

    assert verdict == firing(
        Severity.INFO,
        NOW - MINUTE,
        "Graph API v21.0 ends in 60 d",
        evidence=[("Served until", "2027-01-21 10:00 UTC"), ("Left", "60 d")],
    )


def test_past_end_is_told_with_its_age() -> None:
    verdict = check_expiring(view(VERSION, end(NOW - 25 * HOUR)), ExpiringParams(), NOW)

    assert verdict == firing(
        Severity.CRITICAL,
        NOW,
        "Graph API v21.0 expired 1 d 1 h ago",
        evidence=[("Served until", "2026-11-21 09:00 UTC"), ("Left", "nothing")],
    )


def test_far_end_is_clear() -> None:
    assert check_expiring(view(VERSION, end(NOW + 400 * DAY, ago=MINUTE)), ExpiringParams(), NOW) == clear(NOW - MINUTE)


def test_end_that_is_not_announced_or_no_longer_read_is_unknown() -> None:
    pictures = (view(VERSION), view(VERSION, end(None)), view(VERSION, end(NOW - DAY, ago=3 * HOUR)))

    assert [check_expiring(picture, ExpiringParams(), NOW) for picture in pictures] == [unknown(NOW)] * 3


def test_days_of_notice_can_be_configured() -> None:
    params = ExpiringParams(info_days=10.0, warning_days=5.0)

    assert check_expiring(view(VERSION, end(NOW + 10 * DAY)), params, NOW) == clear(NOW)


def test_every_severity_of_expiring_goes_by_one_name() -> None:
    assert {EXPIRING.alertname(severity) for severity in Severity} == {"WhatsAppApiVersionExpiring"}


# --- served by another ------------------------------------------------------------------------------------------------


def test_version_served_by_another_warns() -> None:
    verdict = check_served(view(VERSION, seen(version_served("v21.0", "v22.0"))), NoParams(), NOW)

    assert verdict == firing(
        Severity.WARNING,
        NOW,
        "Graph API v21.0 is served by v22.0",
        evidence=[("Asked for", "v21.0"), ("Header facebook-api-version", "v22.0")],
    )


def test_version_served_as_itself_is_clear() -> None:
    picture = view(VERSION, seen(version_served("v21.0", "v21.0"), ago=MINUTE))

    assert check_served(picture, NoParams(), NOW) == clear(NOW - MINUTE)


def test_version_that_only_the_senders_use_is_no_subject_of_the_rule() -> None:
    assert check_served(view(VERSION, end(NOW + DAY)), NoParams(), NOW) is None


def test_version_that_nobody_was_served_lately_is_unknown() -> None:
    old = view(VERSION, seen(version_served("v21.0", "v22.0"), ago=15 * MINUTE))
    untold = view(VERSION, seen(VERSION_SERVED.reading(VERSION, None)))

    assert check_served(old, NoParams(), NOW) == unknown(NOW)
    assert check_served(untold, NoParams(), NOW) == unknown(NOW)


def test_other_version_must_serve_for_an_hour() -> None:
    assert SERVED_DIFFERS.timing.for_ == HOUR
