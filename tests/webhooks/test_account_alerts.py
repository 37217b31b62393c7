"""account_alerts: Meta's own alerts, as its reference shows them and as the dashboard's test sends them."""

from typing import Any

import pytest

from tests.webhooks.notices import WABA_ID, directory, notice
from wamon.core.health import Subject
from wamon.webhooks.field import Heed, WebhookShapeError
from wamon.webhooks.fields.account_alerts import ACCOUNT_ALERT, read


def heed(value: dict[str, Any]) -> Heed:
    return read(notice("account_alerts", value), directory())


def alert(kind: str) -> Subject:
    return Subject.account_alert(WABA_ID, kind)


def documented(severity: object = "WARNING", status: object = "ACTIVE", kind: object = "OBA_REJECTED") -> Heed:
    info = {"alert_severity": severity, "alert_status": status, "alert_type": kind, "alert_description": "Not eligible"}
    return heed({"entity_type": "PHONE_NUMBER", "entity_id": "106540352242922", "alert_info": info})


def test_documented_form_is_read() -> None:
    raw = "WARNING; ACTIVE; Not eligible; about PHONE_NUMBER; 106540352242922"

    assert documented() == Heed(
        readings=(ACCOUNT_ALERT.reading(alert("OBA_REJECTED"), "WARNING", raw=raw),), asks_poll=True
    )


def test_flat_form_of_the_dashboard_is_read() -> None:
    (reading,) = heed(
        {
            "entity_type": "WABA",
            "entity_id": 123456,
            "alert_severity": "CRITICAL",
            "alert_status": "ACTIVE",
            "alert_type": "OBA_APPROVED",
            "alert_description": "Sample alert description",
        }
    ).readings

    assert (reading.subject, reading.value) == (alert("OBA_APPROVED"), "CRITICAL")
    assert reading.raw == "CRITICAL; ACTIVE; Sample alert description; about WABA; 123456"


@pytest.mark.parametrize("severity", ["CRITICAL", "WARNING", "INFORMATIONAL"])
def test_severity_is_that_of_an_active_alert(severity: str) -> None:
    (reading,) = documented(severity).readings

    assert reading.value == severity


@pytest.mark.parametrize(
    "kind",
    [
        "INCREASED_CAPABILITIES_ELIGIBILITY_DEFERRED",
        "INCREASED_CAPABILITIES_ELIGIBILITY_FAILED",
        "INCREASED_CAPABILITIES_ELIGIBILITY_NEED_MORE_INFO",
        "OBA_APPROVED",
        "OBA_REJECTED",
        "PROFILE_PICTURE_LOST",
    ],
)
def test_each_type_is_its_own_subject(kind: str) -> None:
    (reading,) = documented(kind=kind).readings

    assert reading.subject == alert(kind)
    assert reading.is_recognised


@pytest.mark.parametrize("severity", ["CRITICAL", None, "DIRE"])
def test_alert_that_is_over_has_no_severity(severity: object) -> None:
    (reading,) = documented(severity, status="NONE").readings

    assert (reading.value, reading.is_recognised) == ("NONE", True)


@pytest.mark.parametrize("status", [None, "", 7])
def test_alert_without_a_status_is_active(status: object) -> None:
    (reading,) = documented(status=status).readings

    assert reading.value == ("OTHER" if status == 7 else "WARNING")


@pytest.mark.parametrize(
    ("severity", "status", "kind", "value", "subject"),
    [
        ("DIRE", "ACTIVE", "OBA_REJECTED", "OTHER", "OBA_REJECTED"),
        (None, "ACTIVE", "OBA_REJECTED", "OTHER", "OBA_REJECTED"),
        ("WARNING", "SNOOZED", "OBA_REJECTED", "OTHER", "OBA_REJECTED"),
        ("WARNING", "ACTIVE", "STICKERS_LOST", "WARNING", "OTHER"),
    ],
)
def test_unknown_words_are_other(severity: object, status: str, kind: str, value: str, subject: str) -> None:
    (reading,) = documented(severity, status, kind).readings

    assert (reading.value, reading.subject, reading.is_recognised) == (value, alert(subject), False)


def test_unknown_type_is_told_in_metas_word() -> None:
    (reading,) = documented(kind="STICKERS_LOST").readings

    assert "STICKERS_LOST" in (reading.raw or "")


@pytest.mark.parametrize("value", [{}, {"alert_info": []}, {"alert_info": {"alert_type": 3}}, {"alert_severity": {}}])
def test_notice_without_type_and_severity_has_not_the_documented_form(value: dict[str, Any]) -> None:
    with pytest.raises(WebhookShapeError):
        heed(value)
