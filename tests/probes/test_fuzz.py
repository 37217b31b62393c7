"""Any JSON object into each reader: a report or a GraphFault comes out, and garbage never looks healthy."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.probes.driving import (
    ACCOUNT_TARGET,
    APP_ID,
    APP_TARGET,
    NUMBER_ID,
    TOKEN_TARGET,
    WABA_ID,
    finish,
    of_signal,
    payload,
)
from wamon.core.api_versions import BUNDLED_TABLE
from wamon.core.errors import GraphFault
from wamon.core.health import Reading
from wamon.core.ports import Report
from wamon.core.targets import InstanceTarget
from wamon.probes import account, api_version, app, token
from wamon.probes.evidence import TOKEN_VALID

# The names that the readers look for.
NAMES = """
    id data phone_numbers subscribed_apps health_status entities entity_type can_send_message errors error_code
    additional_info quality_rating quality_score score status throughput level whatsapp_business_api_data
    override_callback_uri is_valid error code subcode expires_at data_access_expires_at scopes granular_scopes scope
    target_ids app_id object active fields name callback_url as_of versions introduced available_until other
"""
KEYS = st.sampled_from(NAMES.split())
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([WABA_ID, NUMBER_ID, APP_ID, "BLOCKED", "GREEN", "138024", "http://[::1", "9" * 5000, "v26.0"])
)
JSON: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)
OBJECTS = st.dictionaries(KEYS, JSON, max_size=6)
# An account whose own id is right and whose edges may be, so that the deeper readers are reached.
ACCOUNTS = st.builds(
    lambda body, numbers, apps: {**body, "id": WABA_ID, "phone_numbers": {"data": numbers}, "subscribed_apps": apps},
    OBJECTS,
    st.lists(OBJECTS | JSON, max_size=3),
    JSON | st.fixed_dictionaries({"data": st.lists(OBJECTS | JSON, max_size=3)}),
)


def holds(value: object, wanted: object) -> bool:
    """Whether a word, or a number of the same digits, stands anywhere in a JSON value."""
    if isinstance(value, Mapping):
        return any(holds(item, wanted) for item in value.values())
    if isinstance(value, list):
        return any(holds(item, wanted) for item in value)
    return str(value).strip().upper() == str(wanted)


def claims(reading: Reading) -> list[str]:
    """What a map of flags says to be so."""
    return [name for name, is_so in reading.value.items() if is_so] if isinstance(reading.value, Mapping) else []


def report_on(read: Any, body: Mapping[str, Any], target: Any) -> Report | None:
    """The report; None for an answer that is refused as such. Any other exception fails the test."""
    try:
        report: Report = read(body, target)
    except GraphFault:
        return None
    assert isinstance(report, Report)
    for reading in report.readings:
        if reading.value is not None:
            json.dumps(reading.signal.shape.encode(reading.value))
    return report


@given(OBJECTS)
def test_object_that_is_no_account_claims_nothing(body: dict[str, Any]) -> None:
    report = report_on(account.read_account, body, ACCOUNT_TARGET)

    assert report is None or str(body["id"]).strip() == WABA_ID


@given(ACCOUNTS)
def test_account_of_garbage_never_looks_healthy(body: dict[str, Any]) -> None:
    report = report_on(account.read_account, body, ACCOUNT_TARGET)

    assert report is not None
    for signal, word in ((account.QUALITY_RATING, "GREEN"), (account.PHONE_STATUS, "CONNECTED")):
        assert all(r.value != word or holds(body, word) for r in of_signal(report.readings, signal))
    for reading in of_signal(report.readings, account.WEBHOOK_SUBSCRIBED):
        assert all(holds(body["subscribed_apps"], app_id) for app_id in claims(reading))
    if report.rosters:
        assert all(isinstance(item, dict) and "id" in item for item in body["phone_numbers"]["data"])


@given(ACCOUNTS)
def test_configured_numbers_are_always_in_the_roster(body: dict[str, Any]) -> None:
    target = replace(ACCOUNT_TARGET, phone_number_ids=frozenset({NUMBER_ID}), expected_callback_url="https://h/")

    report = report_on(account.read_account, body, target)

    assert report is not None
    assert not report.rosters or {s.label("phone_number_id") for s in report.rosters[0].present} == {NUMBER_ID}


@given(OBJECTS | st.fixed_dictionaries({"data": OBJECTS}))
def test_token_is_valid_only_by_a_true_is_valid(body: dict[str, Any]) -> None:
    report = report_on(token.read_token, body, TOKEN_TARGET)

    if report is not None:
        (validity,) = of_signal(report.readings, TOKEN_VALID)
        assert validity.value is body["data"]["is_valid"]
        for reading in of_signal(report.readings, token.TOKEN_SCOPE_GRANTED):
            assert all(holds(body, scope.upper()) for scope in claims(reading))


@given(st.builds(lambda changes: {"data": {**payload("debug_token")["data"], **changes}}, OBJECTS))
def test_token_with_spoilt_fields_is_read_or_refused(body: dict[str, Any]) -> None:
    report = report_on(token.read_token, body, TOKEN_TARGET)

    assert report is None or of_signal(report.readings, TOKEN_VALID)[0].value is body["data"]["is_valid"]


@given(
    OBJECTS
    | st.fixed_dictionaries({"data": st.lists(OBJECTS | JSON, max_size=3)})
    | st.builds(lambda changes: {"data": [{**changes, "object": "whatsapp_business_account"}]}, OBJECTS)
)
def test_webhook_is_active_only_by_a_true_active(body: dict[str, Any]) -> None:
    report = report_on(app.read_subscriptions, body, APP_TARGET)

    if report is not None:
        active, fields, _ = report.readings
        assert active.value is not True or any(
            isinstance(item, dict) and item.get("active") is True for item in body["data"]
        )
        assert all(holds(body, name.upper()) for name in claims(fields))


@given(OBJECTS)
def test_any_version_table_is_merged_or_reported(body: dict[str, Any]) -> None:
    steps = api_version.run(InstanceTarget(versions=("v21.0",), table=BUNDLED_TABLE, table_url="https://example.com/t"))
    next(steps)

    report = finish(steps, body)

    assert len(report.readings) == 2
    assert report.fault is not None or "versions" in body
