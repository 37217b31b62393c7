"""When something that happens to the two-step verification of a number alerts."""

from datetime import timedelta

import pytest

from tests.rules.views import DAY, HOUR, MINUTE, NOW, NUMBER, seen, view
from wamon.core.alerting import Severity, Truth
from wamon.core.ports import clear, firing, unknown
from wamon.probes.account import PHONE_STATUS, PIN_ENABLED
from wamon.rules.security import SECURITY_EVENT, SecurityParams, check
from wamon.webhooks.fields.security import LAST_SECURITY_EVENT


def test_event_fires_with_what_to_check() -> None:
    picture = view(
        NUMBER,
        seen(LAST_SECURITY_EVENT.reading(NUMBER, "PIN_CHANGED", raw="PIN_CHANGED"), ago=HOUR),
        seen(PIN_ENABLED.reading(NUMBER, True), PHONE_STATUS.reading(NUMBER, "CONNECTED")),
    )

    assert check(picture, SecurityParams(), NOW) == firing(
        Severity.CRITICAL,
        NOW,
        "Two-step verification PIN was changed",
        evidence=[
            ("Event", "PIN_CHANGED"),
            ("Told", "2026-11-22 09:00 UTC"),
            ("What to check", "Find out who it was; if nobody did, set another PIN now."),
            ("Two-step verification in the last poll", "on"),
            ("Status", "CONNECTED"),
        ],
    )


@pytest.mark.parametrize(
    ("event", "what"),
    [
        ("PIN_CHANGED", "Two-step verification PIN was changed"),
        ("PIN_RESET_REQUEST", "Two-step verification is asked to be switched off"),
        ("PIN_REQUEST_SUCCESS", "Two-step verification was switched off"),
        ("OTHER", "Security event"),
    ],
)
def test_every_event_is_critical(event: str, what: str) -> None:
    verdict = check(view(NUMBER, seen(LAST_SECURITY_EVENT.reading(NUMBER, event))), SecurityParams(), NOW)

    assert verdict is not None
    assert (verdict.truth, verdict.severity, verdict.what) == (Truth.TRUE, Severity.CRITICAL, what)


@pytest.mark.parametrize(("ago", "truth"), [(DAY - MINUTE, Truth.TRUE), (DAY, Truth.FALSE), (9 * DAY, Truth.FALSE)])
def test_event_alerts_for_a_day_by_the_clock(ago: timedelta, truth: Truth) -> None:
    picture = view(NUMBER, seen(LAST_SECURITY_EVENT.reading(NUMBER, "PIN_CHANGED"), ago=ago))

    verdict = check(picture, SecurityParams(), NOW)

    assert verdict is not None
    assert (verdict.truth, verdict.observed_at) == (truth, NOW)


def test_how_long_it_alerts_can_be_set() -> None:
    picture = view(NUMBER, seen(LAST_SECURITY_EVENT.reading(NUMBER, "PIN_CHANGED"), ago=HOUR))

    assert check(picture, SecurityParams(hours=1), NOW) == clear(NOW)


def test_number_without_any_event_is_unknown() -> None:
    assert check(view(NUMBER), SecurityParams(), NOW) == unknown(NOW)


def test_event_is_told_at_once() -> None:
    assert SECURITY_EVENT.timing.min_observations == 1
    assert SECURITY_EVENT.timing.for_ == timedelta(0)
