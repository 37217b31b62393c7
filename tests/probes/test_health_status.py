"""Who lets messages be sent: the verdicts that are drawn from health_status."""

from typing import Any

import pytest

from tests.probes.driving import ACCOUNT_TARGET, APP_ID, BUSINESS_ID, NUMBER_ID, WABA_ID, of_signal, payload, value_of
from wamon.core.health import Reading, Subject
from wamon.probes.account import CAN_SEND, CAN_SEND_REASON, NUMBER_CAN_SEND, read_account

NUMBER_SENDER = Subject.sender(WABA_ID, "phone_number", NUMBER_ID)
WABA_SENDER = Subject.sender(WABA_ID, "waba", WABA_ID)
BUSINESS_SENDER = Subject.sender(WABA_ID, "business", BUSINESS_ID)
APP_SENDER = Subject.sender(WABA_ID, "app", APP_ID)


def read(number_health: object, account_health: object = None) -> tuple[Reading, ...]:
    body = payload("account")
    body["health_status"] = account_health
    body["phone_numbers"]["data"][0]["health_status"] = number_health
    return read_account(body, ACCOUNT_TARGET).readings


def states(readings: tuple[Reading, ...]) -> dict[Subject, Any]:
    return {reading.subject: reading.value for reading in of_signal(readings, CAN_SEND)}


def reasons(readings: tuple[Reading, ...]) -> dict[Subject, tuple[Any, str | None]]:
    return {reading.subject: (reading.value, reading.raw) for reading in of_signal(readings, CAN_SEND_REASON)}


def entity(**fields: object) -> dict[str, object]:
    return {"entity_type": "PHONE_NUMBER", "id": NUMBER_ID, **fields}


def test_blocked_aggregate_with_available_entities_is_available() -> None:
    readings = read(payload("health_sip"))

    assert set(states(readings).values()) == {"AVAILABLE"}
    assert value_of(readings, NUMBER_CAN_SEND) == "AVAILABLE"
    assert list(reasons(readings).values()) == [({}, None)] * 4


def test_limited_entity_limits_the_number_and_tells_why() -> None:
    readings = read(payload("health_limited"))

    assert states(readings) == {
        NUMBER_SENDER: "LIMITED",
        WABA_SENDER: "AVAILABLE",
        BUSINESS_SENDER: "AVAILABLE",
        APP_SENDER: "AVAILABLE",
    }
    assert value_of(readings, NUMBER_CAN_SEND) == "LIMITED"
    assert reasons(readings)[NUMBER_SENDER] == (
        {},
        "The display name is not approved yet, so the messaging limit is low.",
    )


def test_blocked_entity_blocks_the_number_and_names_the_codes_of_messaging_only() -> None:
    readings = read(payload("health_blocked"))

    assert states(readings) == {
        NUMBER_SENDER: "AVAILABLE",
        WABA_SENDER: "BLOCKED",
        BUSINESS_SENDER: "LIMITED",
        APP_SENDER: "AVAILABLE",
    }
    assert value_of(readings, NUMBER_CAN_SEND) == "BLOCKED"
    assert reasons(readings) == {
        NUMBER_SENDER: ({}, None),
        WABA_SENDER: ({"141006": True}, "141006 There is an error with the payment method."),
        BUSINESS_SENDER: ({"141010": True}, "141010 The business is not verified."),
        APP_SENDER: ({}, None),
    }


def test_entity_blocked_by_calling_errors_alone_can_send() -> None:
    errors = [{"error_code": 138024}, {"error_code": "138000"}]

    readings = read({"entities": [entity(can_send_message="BLOCKED", errors=errors)]})

    (reading,) = of_signal(readings, CAN_SEND)
    assert reading == CAN_SEND.reading(NUMBER_SENDER, "AVAILABLE", raw="BLOCKED")


@pytest.mark.parametrize(
    "errors",
    [
        [],
        None,
        "138024",
        [{}],
        [{"error_code": None}],
        [{"error_code": 137999}],
        [{"error_code": 139000}],
        [{"error_code": 138024}, {"error_code": "unknown"}],
        [{"error_code": "9" * 5000}],
    ],
)
def test_block_that_calling_does_not_explain_stays_a_block(errors: object) -> None:
    readings = read({"entities": [entity(can_send_message="BLOCKED", errors=errors)]})

    assert states(readings) == {NUMBER_SENDER: "BLOCKED"}


@pytest.mark.parametrize("code", ["no funds", "141006x", "9" * 5000, "141 006", "-1", "٣", 1.5, True, [], None])
def test_error_code_that_is_no_number_becomes_no_label(code: object) -> None:
    errors = [{"error_code": code, "error_description": "Blocked."}]

    readings = read({"entities": [entity(can_send_message="BLOCKED", errors=errors)]})

    assert reasons(readings) == {NUMBER_SENDER: ({}, "Blocked.")}


@pytest.mark.parametrize(
    ("word", "value", "is_recognised"),
    [("limited", "LIMITED", True), ("PAUSED", "OTHER", False), (None, None, True), (5, None, True)],
)
def test_verdict_is_an_open_word(word: object, value: str | None, is_recognised: bool) -> None:
    readings = read({"entities": [entity(can_send_message=word)]})

    (reading,) = of_signal(readings, CAN_SEND)
    assert (reading.value, reading.is_recognised) == (value, is_recognised)
    assert value_of(readings, NUMBER_CAN_SEND) == value


@pytest.mark.parametrize(
    ("words", "worst"),
    [
        (["AVAILABLE", "LIMITED"], "LIMITED"),
        (["BLOCKED", "LIMITED", "AVAILABLE"], "BLOCKED"),
        (["AVAILABLE", "PAUSED"], "OTHER"),
        (["PAUSED", "LIMITED"], "LIMITED"),
        (["AVAILABLE", None], None),
        (["BLOCKED", None], "BLOCKED"),
        ([], None),
    ],
)
def test_number_can_send_no_better_than_its_worst_entity(words: list[str | None], worst: str | None) -> None:
    entities = [
        {"entity_type": scope, "id": str(n), "can_send_message": word}
        for n, (scope, word) in enumerate(zip(("WABA", "BUSINESS", "APP"), words, strict=False))
    ]

    assert value_of(read({"entities": entities}), NUMBER_CAN_SEND) == worst


def test_worst_report_about_a_shared_entity_counts() -> None:
    waba = {"entity_type": "WABA", "id": WABA_ID}

    readings = read(
        {"entities": [{**waba, "can_send_message": "BLOCKED", "errors": [{"error_code": 141006}]}]},
        {"entities": [{**waba, "can_send_message": "AVAILABLE"}]},
    )

    assert states(readings) == {WABA_SENDER: "BLOCKED"}
    assert reasons(readings) == {WABA_SENDER: ({"141006": True}, "141006")}


def test_codes_of_an_available_entity_are_no_reason() -> None:
    available = entity(can_send_message="AVAILABLE", errors=[{"error_code": 141010}])

    assert reasons(read({"entities": [available]}))[NUMBER_SENDER] == ({}, "141010")


@pytest.mark.parametrize("health", [None, {}, [], "AVAILABLE", {"can_send_message": "AVAILABLE"}, {"entities": {}}])
def test_health_without_entities_is_not_known(health: object) -> None:
    readings = read(health)

    assert states(readings) == {}
    assert value_of(readings, NUMBER_CAN_SEND) is None


def test_entity_of_an_unknown_type_keeps_its_name() -> None:
    catalog = {"entity_type": "CATALOG", "id": "77", "can_send_message": "BLOCKED"}

    assert states(read({"entities": [catalog]})) == {Subject.sender(WABA_ID, "catalog", "77"): "BLOCKED"}


@pytest.mark.parametrize(
    ("additional_info", "raw"),
    [(["One.", "Two."], "One.; Two."), (["", None, {}, "One."], "One."), ("One.", None), ({}, None), (None, None)],
)
def test_additional_info_is_a_list_of_texts(additional_info: object, raw: str | None) -> None:
    readings = read({"entities": [entity(can_send_message="LIMITED", additional_info=additional_info)]})

    assert reasons(readings) == {NUMBER_SENDER: ({}, raw)}
