"""Every example in Meta's own API description of the nodes that wamon polls is read, or told as the fault that it is.

The description has nothing about debug_token and app subscriptions; tests/payloads holds what Meta documents of those.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from tests.tools import require_contract
from wamon.core.errors import Denied, GraphFault, Refused, Throttled, Unreachable
from wamon.core.health import Reading, Signal, Subject
from wamon.core.ports import JsonObject, Report
from wamon.core.targets import AccountTarget
from wamon.graph.faults import Question, find_trouble
from wamon.graph.http import Reply
from wamon.graph.redaction import Redactor
from wamon.probes import account as probe
from wamon.probes.account import read_account

WABA_ID = "1234567890123456"
NODE = "/{Version}/{WABA-ID}"
NUMBERS = "/{Version}/{WABA-ID}/phone_numbers"
APPS = "/{Version}/{WABA-ID}/subscribed_apps"
NUMBER = "/{Version}/{Phone-Number-ID}"
NUMBER_STATUS = "/{Version}/{WhatsApp-Account-Number-ID}"
POLLED = (NODE, NUMBERS, APPS, NUMBER, NUMBER_STATUS)

TARGET = AccountTarget(name="contract", waba_id=WABA_ID, token="main", version="v23.0")
NO_NUMBERS: JsonObject = {"data": []}


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(require_contract().read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return document


def resolve(contract: dict[str, Any], node: Any) -> Any:
    while isinstance(node, dict) and "$ref" in node:
        place: Any = contract
        for part in node["$ref"].removeprefix("#/").split("/"):
            place = place[part]
        node = place
    return node


def examples(contract: dict[str, Any], path: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """The HTTP status, name and body of each example answer to a GET of this path."""
    for status, response in contract["paths"][path]["get"]["responses"].items():
        for content in resolve(contract, response).get("content", {}).values():
            if "example" in content:
                yield int(status), "example", content["example"]
            for name, example in content.get("examples", {}).items():
                yield int(status), name, resolve(contract, example)["value"]


def answers(contract: dict[str, Any], path: str) -> dict[str, dict[str, Any]]:
    return {name: body for status, name, body in examples(contract, path) if status == 200}


def account(
    *, node: JsonObject | None = None, numbers: JsonObject = NO_NUMBERS, apps: JsonObject = NO_NUMBERS
) -> Report:
    """The report on an account put together of these parts."""
    body = {**(node or {}), "id": WABA_ID, "phone_numbers": numbers, "subscribed_apps": apps}
    return read_account(body, TARGET)


def values(readings: tuple[Reading, ...], signal: Signal[Any]) -> dict[str | None, Any]:
    """The value by phone number, or by None for a signal about the WABA."""
    return {r.subject.label("phone_number_id"): r.value for r in readings if r.signal is signal}


def test_every_polled_node_has_examples_of_answers_and_of_faults(contract: dict[str, Any]) -> None:
    statuses = {path: {status for status, _, _ in examples(contract, path)} for path in POLLED}

    assert all({200, 400, 401, 403, 404, 422, 429, 500} <= seen for seen in statuses.values()), statuses


def test_waba_examples_give_the_wabas_words(contract: dict[str, Any]) -> None:
    reports = {name: account(node=body).readings for name, body in answers(contract, NODE).items()}

    reviews = {name: values(readings, probe.WABA_REVIEW_STATUS)[None] for name, readings in reports.items()}
    verified = {
        name: values(readings, probe.WABA_BUSINESS_VERIFICATION_STATUS)[None] for name, readings in reports.items()
    }
    names = {name: values(readings, probe.WABA_INFO)[None]["name"] for name, readings in reports.items()}
    assert reviews == {"verified_account": "APPROVED", "basic_account": "PENDING"}
    assert verified == {"verified_account": "VERIFIED", "basic_account": "NOT_VERIFIED"}
    assert names == {"verified_account": "My Business WhatsApp Account", "basic_account": "Test Business Account"}
    assert all(reading.is_recognised for readings in reports.values() for reading in readings)


def test_list_of_numbers_gives_each_number_its_readings(contract: dict[str, Any]) -> None:
    report = account(numbers=answers(contract, NUMBERS)["multiple_phone_numbers"])

    market, ice_cream = "1906385232743451", "1913623884432103"
    assert report.rosters
    assert report.rosters[0].present == {
        Subject.phone_number(WABA_ID, market),
        Subject.phone_number(WABA_ID, ice_cream),
    }
    assert values(report.readings, probe.PHONE_NUMBER_INFO) == {
        market: {
            "display_phone_number": "+1 631-555-5555",
            "verified_name": "Jasper's Market",
            "platform_type": "CLOUD_API",
            "account_mode": "LIVE",
        },
        ice_cream: {
            "display_phone_number": "+1 631-555-5556",
            "verified_name": "Jasper's Ice Cream",
            "platform_type": "CLOUD_API",
            "account_mode": "SANDBOX",
        },
    }
    assert values(report.readings, probe.PHONE_STATUS) == {market: "LINKED", ice_cream: "PENDING"}
    assert values(report.readings, probe.QUALITY_RATING) == {market: "GREEN", ice_cream: None}
    assert values(report.readings, probe.CODE_VERIFICATION_STATUS) == {market: "VERIFIED", ice_cream: "NOT_VERIFIED"}
    assert values(report.readings, probe.MESSAGING_LIMIT) == {market: 1_000.0, ice_cream: 50.0}
    assert values(report.readings, probe.NUMBER_CAN_SEND) == {market: None, ice_cream: None}
    assert all(reading.is_recognised for reading in report.readings)


def test_short_list_of_numbers_leaves_the_rest_unknown(contract: dict[str, Any]) -> None:
    report = account(numbers=answers(contract, NUMBERS)["single_phone_number"])

    number = "1906385232743451"
    assert values(report.readings, probe.QUALITY_RATING) == {number: "GREEN"}
    assert values(report.readings, probe.PHONE_STATUS) == {number: "LINKED"}
    assert values(report.readings, probe.NAME_STATUS) == {number: None}
    assert values(report.readings, probe.MESSAGING_LIMIT) == {number: None}


@pytest.mark.parametrize(
    ("path", "name", "signal", "value"),
    [
        (NUMBER, "default_response", probe.QUALITY_RATING, "GREEN"),
        (NUMBER, "default_response", probe.PHONE_STATUS, None),
        (NUMBER, "with_name_status", probe.NAME_STATUS, "AVAILABLE_WITHOUT_REVIEW"),
        (NUMBER, "with_verification_status", probe.CODE_VERIFICATION_STATUS, "VERIFIED"),
        (NUMBER, "comprehensive_response", probe.NAME_STATUS, "APPROVED"),
        (NUMBER_STATUS, "verified_account_number", probe.PHONE_STATUS, "CONNECTED"),
        (NUMBER_STATUS, "verified_account_number", probe.MESSAGING_LIMIT, 1_000.0),
        (NUMBER_STATUS, "unverified_account_number", probe.PHONE_STATUS, "UNVERIFIED"),
        (NUMBER_STATUS, "unverified_account_number", probe.QUALITY_RATING, None),
        (NUMBER_STATUS, "unverified_account_number", probe.CODE_VERIFICATION_STATUS, "NOT_VERIFIED"),
        (NUMBER_STATUS, "unverified_account_number", probe.NAME_STATUS, "NONE"),
    ],
)
def test_example_of_one_number_is_read_as_an_item_of_the_list(
    contract: dict[str, Any], path: str, name: str, signal: Signal[Any], value: object
) -> None:
    number = answers(contract, path)[name]

    report = account(numbers={"data": [number]})

    assert values(report.readings, signal) == {number["id"]: value}
    assert values(report.readings, probe.PHONE_NUMBER_IN_WABA) == {number["id"]: True}


def test_every_example_of_a_number_is_recognised(contract: dict[str, Any]) -> None:
    numbers = [body for path in (NUMBER, NUMBER_STATUS) for body in answers(contract, path).values()]

    reports = [account(numbers={"data": [number]}) for number in numbers]

    assert len(reports) == 6
    assert all(report.rosters for report in reports)
    assert all(reading.is_recognised for report in reports for reading in report.readings)


def test_subscription_examples_name_the_subscribed_apps(contract: dict[str, Any]) -> None:
    seen = {
        name: values(account(apps=body).readings, probe.WEBHOOK_SUBSCRIBED)[None]
        for name, body in answers(contract, APPS).items()
    }

    assert seen == {
        "multiple_subscriptions": {"1234567890123456": True, "2345678901234567": True},
        "no_subscriptions": {},
    }


FAULTS: dict[int, type[GraphFault]] = {
    4: Throttled,
    17: Throttled,
    80007: Throttled,
    2: Unreachable,
    100: Refused,
    104: Refused,
    190: Denied,
    200: Denied,
    803: Denied,
}


@pytest.mark.parametrize("path", POLLED)
def test_error_example_becomes_the_fault_of_its_code(contract: dict[str, Any], path: str) -> None:
    wrong = []
    for status, name, body in examples(contract, path):
        reply = Reply(
            status=status, headers={}, content=json.dumps(body).encode(), received_at=datetime(2026, 11, 22, tzinfo=UTC)
        )
        question = Question(thing=f"WABA {WABA_ID}", caller="access token 'main'")
        trouble = find_trouble(reply, body, question, Redactor(()))
        expected = None if status == 200 else FAULTS[body["error"]["code"]]
        if (type(trouble.fault) if trouble else None) is not expected:
            wrong.append((status, name, trouble))

    assert wrong == []


@pytest.mark.parametrize("path", POLLED)
def test_error_example_taken_for_an_answer_claims_nothing(contract: dict[str, Any], path: str) -> None:
    for _, _, body in (each for each in examples(contract, path) if each[0] != 200):
        with pytest.raises(GraphFault):
            read_account(body, TARGET)
