"""The token probe: who is asked, and what the answer says of the token."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.probes.driving import APP_ID, ASSET, TOKEN, TOKEN_TARGET, WABA_ID, finish, of_signal, payload, value_of
from wamon.core.errors import Denied, GraphFault, Refused, UnexpectedShape, Unreachable
from wamon.core.health import NEVER, Subject
from wamon.core.ports import GraphQuery, Report
from wamon.probes.evidence import TOKEN_VALID
from wamon.probes.token import (
    PROBE,
    TOKEN_DATA_ACCESS_EXPIRY,
    TOKEN_EXPIRY,
    TOKEN_INFO,
    TOKEN_SCOPE_GRANTED,
    TOKEN_TARGET_GRANTED,
    read_token,
    run,
)

MANAGEMENT, MESSAGING = "whatsapp_business_management", "whatsapp_business_messaging"
AS_APP = GraphQuery(path="debug_token", as_app=APP_ID, inspect_token="main")
AS_ITSELF = GraphQuery(path="debug_token", token="main", inspect_token="main")
FOREIGN_APP = "(#100) The App_id in the input_token did not match the Viewing App"


def read(**changes: object) -> Report:
    """The report on a valid token whose data differs like this; a value of `...` takes the field away."""
    data = {**payload("debug_token")["data"], **changes}
    return read_token({"data": {name: value for name, value in data.items() if value is not ...}}, TOKEN_TARGET)


# --- who is asked -----------------------------------------------------------------------------------------------------


def test_app_is_asked_where_its_secret_is_known() -> None:
    assert next(run(TOKEN_TARGET)) == AS_APP


def test_token_is_asked_about_itself_without_an_app() -> None:
    steps = run(replace(TOKEN_TARGET, app_id=None))

    query = next(steps)
    report = finish(steps, payload("debug_token"))

    assert query == AS_ITSELF
    assert value_of(report.readings, TOKEN_VALID) is True
    assert report.fault is None


@pytest.mark.parametrize(
    "fault",
    [
        Denied("app 634974688087057 rejected", is_token=True, code=190),
        Denied("app 634974688087057 lacks a right", is_token=False, code=200),
        Refused(FOREIGN_APP, code=100),
        Refused("Error validating application", code=101),
    ],
)
def test_token_speaks_for_itself_when_its_app_may_not(fault: GraphFault) -> None:
    steps = run(TOKEN_TARGET)
    next(steps)

    query = steps.throw(fault)
    report = finish(steps, payload("debug_token"))

    assert query == AS_ITSELF
    assert report.fault is fault
    assert report.readings == read_token(payload("debug_token"), TOKEN_TARGET).readings


def test_foreign_app_inside_the_answer_does_not_make_the_token_invalid() -> None:
    steps = run(TOKEN_TARGET)
    next(steps)

    query = steps.send({"data": {"is_valid": False, "error": {"code": 100, "message": FOREIGN_APP}, "scopes": []}})
    report = finish(steps, payload("debug_token"))

    assert query == AS_ITSELF
    assert isinstance(report.fault, Refused)
    assert str(report.fault) == "debug_token for token main: the token belongs to another app than the one that asks"
    assert value_of(report.readings, TOKEN_VALID) is True


@pytest.mark.parametrize("app_id", [APP_ID, None])
def test_denied_self_inspection_is_left_to_the_runner(app_id: str | None) -> None:
    steps = run(replace(TOKEN_TARGET, app_id=app_id))
    next(steps)
    if app_id:
        steps.throw(Denied("app rejected", is_token=True, code=190))

    with pytest.raises(Denied, match="token rejected"):
        steps.throw(Denied("token rejected", is_token=True, code=190, subcode=463))


@pytest.mark.parametrize("fault", [Unreachable("timeout"), UnexpectedShape("HTML")])
def test_token_is_not_asked_about_itself_because_meta_is_unreachable(fault: GraphFault) -> None:
    steps = run(TOKEN_TARGET)
    next(steps)

    with pytest.raises(type(fault)):
        steps.throw(fault)


# --- what the answer says ---------------------------------------------------------------------------------------------


def test_system_users_token_gives_exactly_these_readings() -> None:
    report = read_token(payload("debug_token"), TOKEN_TARGET)

    assert report == Report(
        readings=(
            TOKEN_VALID.reading(TOKEN, True),
            TOKEN_EXPIRY.reading(TOKEN, NEVER),
            TOKEN_DATA_ACCESS_EXPIRY.reading(TOKEN, NEVER),
            TOKEN_INFO.reading(TOKEN, {"app_id": APP_ID, "type": "SYSTEM_USER"}),
            TOKEN_SCOPE_GRANTED.reading(TOKEN, {MANAGEMENT: True, MESSAGING: True}),
            TOKEN_TARGET_GRANTED.reading(ASSET, True),
        )
    )
    assert {reading.signal.name for reading in report.readings} <= {signal.name for signal in PROBE.signals}


def test_dead_token_says_why_and_nothing_of_what_it_was_granted() -> None:
    report = read_token(payload("debug_token_dead"), TOKEN_TARGET)

    assert report.readings == (
        TOKEN_VALID.reading(TOKEN, False, raw="code 190, subcode 463"),
        TOKEN_EXPIRY.reading(TOKEN, datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)),
        TOKEN_DATA_ACCESS_EXPIRY.reading(TOKEN, NEVER),
        TOKEN_INFO.reading(TOKEN, {"app_id": APP_ID, "type": "SYSTEM_USER"}),
    )


@pytest.mark.parametrize(
    ("error", "raw"),
    [
        ({"code": 190}, "code 190"),
        ({"code": "190", "subcode": "460"}, "code 190, subcode 460"),
        ({"message": "Session expired"}, None),
        ({"code": "expired", "subcode": 463}, None),
        ({"code": "9" * 5000}, None),
        ("expired", None),
        (None, None),
        (..., None),
    ],
)
def test_dead_token_is_dead_with_or_without_a_readable_reason(error: object, raw: str | None) -> None:
    (reading,) = of_signal(read(is_valid=False, error=error).readings, TOKEN_VALID)

    assert reading == TOKEN_VALID.reading(TOKEN, False, raw=raw)


@pytest.mark.parametrize("app_id", [..., None, "", ["x"]])
def test_answer_without_an_app_does_not_take_the_known_one_away(app_id: object) -> None:
    assert value_of(read(app_id=app_id).readings, TOKEN_INFO) is None


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": []}, {"data": "x"}, {"is_valid": True}])
def test_answer_without_data_is_none(body: dict[str, Any]) -> None:
    with pytest.raises(UnexpectedShape, match="debug_token for token main: the answer has no object 'data'"):
        read_token(body, TOKEN_TARGET)


@pytest.mark.parametrize("is_valid", [..., None, 1, 0, "true", "false", []])
def test_validity_is_taken_only_from_true_or_false(is_valid: object) -> None:
    with pytest.raises(UnexpectedShape, match="data has no boolean is_valid"):
        read(is_valid=is_valid)


@pytest.mark.parametrize(
    ("sent", "expiry"),
    [
        (0, NEVER),
        ("0", NEVER),
        (0.0, NEVER),
        (1790000000, datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)),
        ("1790000000", datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)),
        (..., None),
        (None, None),
        (False, None),
        (-1, None),
        ("soon", None),
        ("", None),
        (1e300, None),
        (float("nan"), None),
        ([], None),
        ({}, None),
    ],
)
@pytest.mark.parametrize(
    ("field", "signal"), [("expires_at", TOKEN_EXPIRY), ("data_access_expires_at", TOKEN_DATA_ACCESS_EXPIRY)]
)
def test_zero_is_never_and_nonsense_is_not_known(
    field: str, signal: Any, sent: object, expiry: datetime | None
) -> None:
    assert value_of(read(**{field: sent}).readings, signal) == expiry


@pytest.mark.parametrize(
    ("scopes", "granular", "granted"),
    [
        ([MANAGEMENT, MESSAGING], ..., {MANAGEMENT: True, MESSAGING: True}),
        (..., [{"scope": MANAGEMENT}, {"scope": MESSAGING}], {MANAGEMENT: True, MESSAGING: True}),
        ([MESSAGING], [{"scope": MANAGEMENT}], {MANAGEMENT: True, MESSAGING: True}),
        ([MANAGEMENT], [], {MANAGEMENT: True, MESSAGING: False}),
        ([], [], {MANAGEMENT: False, MESSAGING: False}),
        ([], ..., {MANAGEMENT: False, MESSAGING: False}),
        ([None, 5, MANAGEMENT], ["x", {"scope": None}], {MANAGEMENT: True, MESSAGING: False}),
        (..., ..., None),
        (None, None, None),
        ("whatsapp_business_management", {}, None),
    ],
)
def test_scopes_are_the_union_of_both_lists(scopes: object, granular: object, granted: dict[str, bool] | None) -> None:
    assert value_of(read(scopes=scopes, granular_scopes=granular).readings, TOKEN_SCOPE_GRANTED) == granted


def test_scope_is_looked_for_only_when_it_is_required() -> None:
    report = read_token(payload("debug_token"), replace(TOKEN_TARGET, required_scopes=()))

    assert value_of(report.readings, TOKEN_SCOPE_GRANTED) == {}


@pytest.mark.parametrize(
    ("management", "covered"),
    [
        ({}, True),
        ({"target_ids": [WABA_ID]}, True),
        ({"target_ids": [int(WABA_ID)]}, True),
        ({"target_ids": ["1", WABA_ID]}, True),
        ({"target_ids": ["1"]}, False),
        ({"target_ids": []}, False),
        ({"target_ids": None}, None),
        ({"target_ids": WABA_ID}, None),
    ],
)
def test_token_covers_the_wabas_that_its_scope_names(management: dict[str, object], covered: bool | None) -> None:
    granular = [{"scope": MANAGEMENT, **management}, {"scope": MESSAGING, "target_ids": []}]

    (reading,) = of_signal(read(granular_scopes=granular).readings, TOKEN_TARGET_GRANTED)

    assert reading == TOKEN_TARGET_GRANTED.reading(ASSET, covered)


def test_token_without_the_management_scope_covers_nothing() -> None:
    assert value_of(read(scopes=[MESSAGING], granular_scopes=[]).readings, TOKEN_TARGET_GRANTED) is False


def test_scopes_that_meta_did_not_list_say_nothing_of_the_wabas() -> None:
    assert of_signal(read(scopes=None, granular_scopes=None).readings, TOKEN_TARGET_GRANTED) == []


def test_each_waba_is_judged_by_itself() -> None:
    granular = [{"scope": MANAGEMENT, "target_ids": ["2"]}]
    body = {"data": {**payload("debug_token")["data"], "granular_scopes": granular}}

    report = read_token(body, replace(TOKEN_TARGET, waba_ids=("1", "2")))

    assert {r.subject: r.value for r in of_signal(report.readings, TOKEN_TARGET_GRANTED)} == {
        Subject.token_asset("main", "1"): False,
        Subject.token_asset("main", "2"): True,
    }
