"""The account probe's questions, and what it makes of refusals and denials."""

from dataclasses import replace

import pytest

from tests.probes.driving import (
    ACCOUNT_TARGET,
    APP_ID,
    ASSET,
    NUMBER,
    WABA,
    WABA_ID,
    finish,
    of_signal,
    payload,
    value_of,
)
from wamon.core.errors import Denied, GraphFault, Refused, Throttled, UnexpectedShape, Unreachable
from wamon.core.ports import Edge, GraphQuery
from wamon.probes.account import (
    PHONE_NUMBER_IN_WABA,
    PROBE,
    QUALITY_RATING,
    TOKEN_ASSET_ACCESS,
    WABA_STATUS,
    WEBHOOK_SUBSCRIBED,
    run,
)

WABA_FIELDS = (
    "id",
    "name",
    "currency",
    "status",
    "account_review_status",
    "business_verification_status",
    "whatsapp_business_manager_messaging_limit",
    "health_status",
)
NUMBERS = Edge(
    "phone_numbers",
    (
        "id",
        "display_phone_number",
        "verified_name",
        "status",
        "quality_rating",
        "quality_score",
        "name_status",
        "code_verification_status",
        "throughput",
        "account_mode",
        "platform_type",
        "is_pin_enabled",
        "whatsapp_business_manager_messaging_limit",
        "health_status",
    ),
    limit=100,
)
APPS = Edge("subscribed_apps", ())


def split_account() -> tuple[dict[str, object], dict[str, object], dict[str, object]]:
    """The account's payload as three answers: the node and its two edges."""
    node = payload("account")
    return (
        {name: value for name, value in node.items() if name not in (NUMBERS.name, APPS.name)},
        node[NUMBERS.name],
        node[APPS.name],
    )


def test_one_nested_question_asks_for_everything() -> None:
    query = next(run(ACCOUNT_TARGET))

    assert query == GraphQuery(path=WABA_ID, fields=(*WABA_FIELDS, NUMBERS, APPS), token="main", waba_id=WABA_ID)


@pytest.mark.parametrize(
    ("version", "limit_field"),
    [
        ("v21.0", "messaging_limit_tier"),
        ("v23.0", "messaging_limit_tier"),
        ("v24.0", "whatsapp_business_manager_messaging_limit"),
        ("v100.0", "whatsapp_business_manager_messaging_limit"),
    ],
)
def test_old_versions_are_asked_for_the_old_limit(version: str, limit_field: str) -> None:
    target = replace(ACCOUNT_TARGET, version=version)

    query = next(run(target))

    assert isinstance(query, GraphQuery)
    (numbers,) = (field for field in query.fields if isinstance(field, Edge) and field.name == "phone_numbers")
    assert [name for name in numbers.fields if "limit" in name] == [limit_field]


def test_nested_answer_ends_the_run_without_a_fault() -> None:
    steps = run(ACCOUNT_TARGET)
    next(steps)

    report = finish(steps, payload("account"))

    assert report.fault is None
    assert value_of(report.readings, QUALITY_RATING) == "GREEN"
    assert value_of(report.readings, TOKEN_ASSET_ACCESS) is True


def test_edges_that_are_not_nested_are_asked_for_by_themselves_and_say_the_same() -> None:
    nested = run(ACCOUNT_TARGET)
    next(nested)
    whole = finish(nested, payload("account"))
    node, numbers, apps = split_account()
    steps = run(ACCOUNT_TARGET)
    next(steps)

    first = steps.send(node)
    second = steps.send(numbers)
    report = finish(steps, apps)

    assert first == GraphQuery(path=WABA_ID, edge=NUMBERS, token="main", waba_id=WABA_ID)
    assert second == GraphQuery(path=WABA_ID, edge=APPS, token="main", waba_id=WABA_ID)
    assert report == whole


@pytest.mark.parametrize("is_null", [False, True])
def test_nested_edge_that_is_left_out_is_asked_for_by_itself(is_null: bool) -> None:
    account = payload("account")
    numbers = account.pop("phone_numbers")
    if is_null:
        account["phone_numbers"] = None
    steps = run(ACCOUNT_TARGET)
    next(steps)

    query = steps.send(account)
    report = finish(steps, numbers)

    assert query == GraphQuery(path=WABA_ID, edge=NUMBERS, token="main", waba_id=WABA_ID)
    assert value_of(report.readings, QUALITY_RATING) == "GREEN"


def test_subscription_is_lost_only_when_the_edge_itself_is_empty() -> None:
    account = payload("account")
    del account["subscribed_apps"]
    steps = run(ACCOUNT_TARGET)
    next(steps)

    query = steps.send(account)
    report = finish(steps, {"data": []})

    assert query == GraphQuery(path=WABA_ID, edge=APPS, token="main", waba_id=WABA_ID)
    assert value_of(report.readings, WEBHOOK_SUBSCRIBED) == {APP_ID: False}


@pytest.mark.parametrize(
    "fault",
    [
        Denied("access token 'main' lacks a right", is_token=False, code=200),
        Refused("no such edge", code=100),
        Unreachable("HTTP 502"),
    ],
)
def test_unreadable_subscription_does_not_hide_the_numbers(fault: GraphFault) -> None:
    account = payload("account")
    del account["subscribed_apps"]
    steps = run(ACCOUNT_TARGET)
    next(steps)
    steps.send(account)

    report = finish(steps, fault)

    assert report.fault is fault
    assert value_of(report.readings, QUALITY_RATING) == "GREEN"
    assert value_of(report.readings, WEBHOOK_SUBSCRIBED) is None
    assert value_of(report.readings, TOKEN_ASSET_ACCESS) is True


def test_unreadable_list_of_numbers_says_nothing_about_any_number() -> None:
    account = payload("account")
    del account["phone_numbers"]
    steps = run(ACCOUNT_TARGET)
    next(steps)
    steps.send(account)

    with pytest.raises(Unreachable):
        steps.throw(Unreachable("HTTP 502"))


@pytest.mark.parametrize("code", [368, 131031])
def test_restricted_account_is_read_from_the_refusal(code: int) -> None:
    steps = run(ACCOUNT_TARGET)
    next(steps)
    fault = Refused("the account is restricted", code=code)

    report = finish(steps, fault)

    assert report.fault is fault
    assert report.rosters == ()
    assert report.readings == (WABA_STATUS.reading(WABA, "RESTRICTED", raw=f"code {code}"),)


@pytest.mark.parametrize(
    ("code", "subcode", "raw"),
    [(10, None, "code 10"), (200, None, "code 200"), (100, 33, "code 100, subcode 33"), (803, None, "code 803")],
)
def test_denied_account_proves_that_the_token_cannot_read_it(code: int, subcode: int | None, raw: str) -> None:
    steps = run(ACCOUNT_TARGET)
    next(steps)
    fault = Denied("closed", is_token=False, is_asset=subcode == 33, code=code, subcode=subcode)

    report = finish(steps, fault)

    assert report.fault is fault
    assert report.readings == (TOKEN_ASSET_ACCESS.reading(ASSET, False, raw=raw),)


def test_dead_token_says_nothing_about_the_account() -> None:
    steps = run(ACCOUNT_TARGET)
    next(steps)
    fault = Denied("rejected", is_token=True, code=190, subcode=463)

    report = finish(steps, fault)

    assert report.fault is fault
    assert report.readings == ()


def test_denied_list_of_numbers_is_lost_access_too() -> None:
    # What is left of the account is nothing that anybody watches it for.
    node, _, _ = split_account()
    steps = run(ACCOUNT_TARGET)
    next(steps)
    steps.send(node)
    fault = Denied("closed", is_token=False, code=200)

    report = finish(steps, fault)

    assert report.fault is fault
    assert report.readings == (TOKEN_ASSET_ACCESS.reading(ASSET, False, raw="code 200"),)


@pytest.mark.parametrize(
    "fault",
    [Unreachable("timeout"), Throttled("wait", retry_after=None, code=80008), UnexpectedShape("HTML")],
)
def test_fault_that_proves_nothing_passes_through(fault: GraphFault) -> None:
    steps = run(ACCOUNT_TARGET)
    next(steps)

    with pytest.raises(type(fault)):
        steps.throw(fault)


@pytest.mark.parametrize(
    ("node_type", "field", "kind", "place"),
    [
        ("WhatsAppBusinessPhoneNumber", "name", "a phone number id", ", and this one into phone_number_ids"),
        (
            "WhatsAppBusinessAccountToNumberCurrentStatus",
            "phone_numbers",
            "a phone number id",
            ", and this one into phone_number_ids",
        ),
        ("Business", "phone_numbers", "the id of a business portfolio", ""),
        ("Application", "currency", "an app id", ", and this one into app_id"),
        ("User", "subscribed_apps", "a user id", ""),
        ("Page", "currency", "the id of a Page", ""),
    ],
)
def test_id_of_another_kind_is_told_apart(node_type: str, field: str, kind: str, place: str) -> None:
    steps = run(ACCOUNT_TARGET)
    next(steps)

    report = finish(steps, Refused("nonexisting field", code=100, field=field, node_type=node_type))

    assert report.readings == ()
    assert isinstance(report.fault, Refused)
    assert str(report.fault) == (
        f"account market: {WABA_ID} is {kind}, not a WABA id: put the WhatsApp Business Account id into waba_id{place}"
    )
    assert (report.fault.code, report.fault.field, report.fault.node_type) == (100, field, node_type)


@pytest.mark.parametrize(
    ("node_type", "field"),
    [
        ("WhatsAppBusinessAccount", "currency"),
        ("WhatsAppBusinessPhoneNumber", "is_pin_enabled"),
        ("WhatsAppBusinessPhoneNumber", "status"),
        (None, "phone_numbers"),
        ("WhatsAppBusinessPhoneNumber", None),
    ],
)
def test_refusal_that_a_waba_may_give_is_told_as_it_is(node_type: str | None, field: str | None) -> None:
    steps = run(ACCOUNT_TARGET)
    next(steps)
    fault = Refused("nonexisting field", code=100, field=field, node_type=node_type)

    report = finish(steps, fault)

    assert (report.fault, report.readings, report.rosters) == (fault, (), ())


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Refused("no", code=100, field="phone_numbers", node_type="User"), "a user id, not a WABA id"),
        (Refused("no", code=131031), "no"),
    ],
)
def test_refused_list_of_numbers_tells_as_much_as_a_refused_account(fault: Refused, words: str) -> None:
    node, _, _ = split_account()
    steps = run(ACCOUNT_TARGET)
    next(steps)
    steps.send(node)

    report = finish(steps, fault)

    assert words in str(report.fault)
    assert [reading.value for reading in report.readings] == ["RESTRICTED"] * (fault.code == 131031)


def test_answer_about_another_object_is_not_taken_for_this_waba() -> None:
    steps = run(ACCOUNT_TARGET)
    next(steps)

    with pytest.raises(UnexpectedShape, match=f"WABA {WABA_ID}: the answer does not carry this id"):
        steps.send({**payload("account"), "id": "1"})


def test_probe_declares_every_signal_that_it_reads() -> None:
    steps = run(ACCOUNT_TARGET)
    next(steps)
    report = finish(steps, payload("account"))

    assert {reading.signal.name for reading in report.readings} <= {signal.name for signal in PROBE.signals}
    assert of_signal(report.readings, PHONE_NUMBER_IN_WABA)[0].subject == NUMBER
