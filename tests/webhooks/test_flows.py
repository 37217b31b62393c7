"""flows: trouble of a Flow, and when it is over."""

from typing import Any

import pytest

from tests.webhooks.notices import WABA_ID, directory, notice
from wamon.core.health import Reading, Subject
from wamon.webhooks.field import Heed, WebhookShapeError
from wamon.webhooks.fields.flows import FLOW_ALERT, read

FLOW_ID = "691244242662581"


def heed(event: object, **value: Any) -> Heed:
    return read(notice("flows", {"event": event, "flow_id": FLOW_ID, **value}), directory())


def reading(event: object, **value: Any) -> Reading:
    (found,) = heed(event, **value).readings
    return found


def flow(event: str) -> Subject:
    return Subject.flow(WABA_ID, FLOW_ID, event)


@pytest.mark.parametrize(
    ("event", "measures"),
    [
        ("CLIENT_ERROR_RATE", {"error_rate": 14.28, "threshold": 10, "errors": [{"error_type": "PUBLIC_KEY_MISSING"}]}),
        ("ENDPOINT_ERROR_RATE", {"error_rate": 14.28, "threshold": 10}),
        ("ENDPOINT_LATENCY", {"p90_latency": 8000, "p50_latency": 500, "requests_count": 34, "threshold": 7000}),
        ("ENDPOINT_AVAILABILITY", {"availability": 75, "threshold": 90}),
    ],
)
@pytest.mark.parametrize("state", ["ACTIVATED", "activated"])
def test_trouble_that_begins_is_activated(event: str, measures: dict[str, Any], state: str) -> None:
    found = heed(event, message="The threshold was reached.", alert_state=state, **measures)

    assert found == Heed(
        readings=(FLOW_ALERT.reading(flow(event), "ACTIVATED", raw=f"{state}; The threshold was reached."),)
    )


@pytest.mark.parametrize(
    ("event", "measures"),
    [
        ("CLIENT_ERROR_RATE", {"error_rate": 2, "threshold": 5}),
        ("CLIENT_ERROR_RATE", {"error_rate": 2, "threshold": 50}),
        ("ENDPOINT_ERROR_RATE", {}),
        ("ENDPOINT_LATENCY", {"p90_latency": "800", "threshold": 7000}),
        ("ENDPOINT_LATENCY", {"threshold": 1000}),
        ("ENDPOINT_AVAILABILITY", {"availability": 99, "threshold": 90}),
    ],
)
def test_trouble_that_is_over_is_deactivated(event: str, measures: dict[str, Any]) -> None:
    assert reading(event, alert_state="DEACTIVATED", **measures).value == "DEACTIVATED"


@pytest.mark.parametrize(
    ("event", "measures"),
    [
        ("CLIENT_ERROR_RATE", {"error_rate": 20, "threshold": 50}),
        ("ENDPOINT_LATENCY", {"p90_latency": 3000, "threshold": 7000}),
    ],
)
def test_recovery_from_a_higher_threshold_is_none_from_the_lower_ones(event: str, measures: dict[str, Any]) -> None:
    assert reading(event, alert_state="DEACTIVATED", **measures).value == "ACTIVATED"


@pytest.mark.parametrize("measured", [None, "much", [], True])
def test_recovery_from_a_higher_threshold_without_a_measure_tells_nothing(measured: object) -> None:
    assert heed("CLIENT_ERROR_RATE", alert_state="DEACTIVATED", threshold=50, error_rate=measured) == Heed()


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("BLOCKED", "ACTIVATED"),
        ("THROTTLED", "ACTIVATED"),
        ("PUBLISHED", "DEACTIVATED"),
        ("DRAFT", "DEACTIVATED"),
        ("DEPRECATED", "DEACTIVATED"),
        ("FROZEN", "OTHER"),
    ],
)
def test_status_of_a_flow(status: str, state: str) -> None:
    found = reading("FLOW_STATUS_CHANGE", old_status="PUBLISHED", new_status=status, message="Flow 3 changed")

    assert found == FLOW_ALERT.reading(
        flow("FLOW_STATUS_CHANGE"), state, raw=f"{status}; Flow 3 changed", is_recognised=state != "OTHER"
    )


def test_end_of_a_version_is_trouble() -> None:
    found = reading("FLOW_VERSION_EXPIRY_WARNING", warning="Your current Flow version will freeze in 21 days.")

    assert (found.value, found.raw) == ("ACTIVATED", "Your current Flow version will freeze in 21 days.")


def test_unknown_event_is_other_with_metas_word() -> None:
    found = reading("ENDPOINT_TEMPERATURE", alert_state="ACTIVATED")

    assert (found.subject, found.value, found.is_recognised) == (flow("OTHER"), "ACTIVATED", False)
    assert found.raw == "ENDPOINT_TEMPERATURE; ACTIVATED"


def test_unknown_state_is_other() -> None:
    found = reading("ENDPOINT_LATENCY", alert_state="SNOOZED")

    assert (found.value, found.raw, found.is_recognised) == ("OTHER", "SNOOZED", False)


@pytest.mark.parametrize("value", [{}, {"alert_state": None}, {"alert_state": 7}, {"new_status": []}])
@pytest.mark.parametrize("event", ["ENDPOINT_LATENCY", "FLOW_STATUS_CHANGE", "SOMETHING_NEW"])
def test_notice_without_a_state_tells_nothing(event: str, value: dict[str, Any]) -> None:
    assert heed(event, **value) == Heed()


def test_id_may_be_a_number() -> None:
    assert reading("FLOW_VERSION_EXPIRY_WARNING", flow_id=691244242662581).subject == flow(
        "FLOW_VERSION_EXPIRY_WARNING"
    )


@pytest.mark.parametrize("flow_id", [None, "", "{FLOW_ID}", "1" * 33, -5, 1.5, [], "\u0661\u0662"])
def test_notice_without_a_readable_id_has_not_the_documented_form(flow_id: object) -> None:
    with pytest.raises(WebhookShapeError):
        heed("FLOW_VERSION_EXPIRY_WARNING", flow_id=flow_id)


@pytest.mark.parametrize("event", [None, "", 1, ["ENDPOINT_LATENCY"]])
def test_notice_without_an_event_has_not_the_documented_form(event: object) -> None:
    with pytest.raises(WebhookShapeError):
        heed(event)
