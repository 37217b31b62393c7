"""When something that happens to the two-step verification of a number alerts."""

from datetime import timedelta

import pytest

from tests.rules.views import DAY, HOUR, MINUTE, NOW, NUMBER, WABA, seen, view
from wamon.core.alerting import Severity, Truth
from wamon.core.ports import clear, firing, unknown
from wamon.probes.account import PHONE_STATUS, PIN_ENABLED
from wamon.rules.security import ACCOUNT_SECURITY_EVENT, SECURITY_EVENT, SecurityParams, check, check_account
from wamon.webhooks.fields.security import LAST_SECURITY_EVENT, WABA_LAST_SECURITY_EVENT


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


def test_event_on_a_number_that_wamon_does_not_know_fires_on_the_account() -> None:
    picture = view(WABA, seen(WABA_LAST_SECURITY_EVENT.reading(WABA, "PIN_CHANGED", raw="PIN_CHANGED"), ago=HOUR))

    assert check_account(picture, SecurityParams(), NOW) == firing(
        Severity.CRITICAL,
        NOW,
        "Two-step verification PIN was changed on a number that wamon does not know",
        evidence=[
            ("Event", "PIN_CHANGED"),
            ("Told", "2026-11-22 09:00 UTC"),
            ("What to check", "Find out who it was; if nobody did, set another PIN now."),
            ("Number", "not known to wamon: not polled so far, or not among phone_number_ids"),
        ],
    )
    assert ACCOUNT_SECURITY_EVENT.alertnames == SECURITY_EVENT.alertnames
    assert ACCOUNT_SECURITY_EVENT.timing == SECURITY_EVENT.timing


def test_account_event_ends_after_a_day_and_an_account_without_one_is_unknown() -> None:
    old = view(WABA, seen(WABA_LAST_SECURITY_EVENT.reading(WABA, "PIN_CHANGED"), ago=DAY))

    assert check_account(old, SecurityParams(), NOW) == clear(NOW)
    assert check_account(view(WABA), SecurityParams(), NOW) == unknown(NOW)
