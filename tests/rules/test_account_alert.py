"""When Meta's own alerts are passed on."""

from datetime import timedelta

import pytest

from tests.rules.views import DAY, HOUR, NOW, WABA_ID, seen, view
from wamon.core.alerting import Severity, Truth, Verdict
from wamon.core.health import Subject
from wamon.core.ports import clear, firing, unknown
from wamon.rules.account_alert import ACCOUNT_ALERTED, AccountAlertParams, check
from wamon.webhooks.fields.account_alerts import ACCOUNT_ALERT

ALERT = Subject.account_alert(WABA_ID, "OBA_REJECTED")


def judged(severity: str | None, *, ago: timedelta = HOUR, subject: Subject = ALERT, raw: str | None = None) -> Verdict:
    picture = view(subject, seen(ACCOUNT_ALERT.reading(subject, severity, raw=raw), ago=ago))
    verdict = check(picture, AccountAlertParams(), NOW)
    assert verdict is not None
    return verdict


@pytest.mark.parametrize(("told", "severity"), [("CRITICAL", Severity.CRITICAL), ("WARNING", Severity.WARNING)])
def test_severity_is_metas(told: str, severity: Severity) -> None:
    assert judged(told, raw=f"{told}; ACTIVE; Not eligible") == firing(
        severity,
        NOW,
        "Meta alerts about the account",
        evidence=[
            ("Meta's alert", f"{told}; ACTIVE; Not eligible"),
            ("Told", "2026-11-22 09:00 UTC"),
            (
                "Which means",
                (
                    "A number did not become an official business account. "
                    "Read the reason in WhatsApp Manager; another request is possible later."
                ),
            ),
        ],
    )


@pytest.mark.parametrize("told", ["INFORMATIONAL", "NONE"])
def test_information_and_the_end_of_an_alert_are_clear(told: str) -> None:
    assert judged(told) == clear(NOW)


def test_unknown_severity_neither_opens_nor_closes() -> None:
    assert judged("OTHER") == unknown(NOW)


def test_unknown_type_is_told_in_metas_words() -> None:
    verdict = judged("WARNING", subject=Subject.account_alert(WABA_ID, "OTHER"), raw="WARNING; ACTIVE; STICKERS_LOST")

    assert verdict.evidence[0] == ("Meta's alert", "WARNING; ACTIVE; STICKERS_LOST")


@pytest.mark.parametrize("told", ["CRITICAL", "OTHER"])
def test_alert_whose_end_was_never_told_is_over_after_a_month(told: str) -> None:
    assert judged(told, ago=30 * DAY) == clear(NOW)
    assert judged(told, ago=30 * DAY - HOUR).truth is not Truth.FALSE


def test_alert_that_nobody_told_of_is_unknown() -> None:
    assert check(view(ALERT), AccountAlertParams(), NOW) == unknown(NOW)


def test_alert_is_told_at_once() -> None:
    assert ACCOUNT_ALERTED.timing.min_observations == 1
