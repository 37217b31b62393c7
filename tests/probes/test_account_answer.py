"""How the account probe reads Meta's answer: the WABA, its phone numbers and their list."""

import math
from dataclasses import replace
from typing import Any

import pytest

from tests.probes.driving import (
    ACCOUNT_TARGET,
    APP_ID,
    ASSET,
    BUSINESS_ID,
    NUMBER,
    NUMBER_ID,
    WABA,
    WABA_ID,
    of_signal,
    payload,
    value_of,
)
from wamon.core.errors import UnexpectedShape
from wamon.core.health import Signal, Subject, SubjectKind
from wamon.core.state import Roster
from wamon.probes import account as probe
from wamon.probes.account import read_account

OTHER_ID = "106540352242923"
OTHER_NUMBER = Subject.phone_number(WABA_ID, OTHER_ID)


def with_number(**changes: object) -> dict[str, Any]:
    """The account with its one number changed; a value of `...` takes the field away."""
    body = payload("account")
    number = body["phone_numbers"]["data"][0]
    number.update(changes)
    body["phone_numbers"]["data"][0] = {name: value for name, value in number.items() if value is not ...}
    return body


def number_readings(body: dict[str, Any]) -> list[Any]:
    return [reading for reading in read_account(body, ACCOUNT_TARGET).readings if reading.subject == NUMBER]


def senders() -> dict[str, Subject]:
    return {
        "phone_number": Subject.sender(WABA_ID, "phone_number", NUMBER_ID),
        "waba": Subject.sender(WABA_ID, "waba", WABA_ID),
        "business": Subject.sender(WABA_ID, "business", BUSINESS_ID),
        "app": Subject.sender(WABA_ID, "app", APP_ID),
    }


def test_healthy_account_gives_exactly_these_readings() -> None:
    report = read_account(payload("account"), ACCOUNT_TARGET)

    by_scope = senders()
    verdicts = [
        reading
        for scope in ("waba", "business", "app", "phone_number")
        for reading in (
            probe.CAN_SEND.reading(by_scope[scope], "AVAILABLE", raw="AVAILABLE"),
            probe.CAN_SEND_REASON.reading(by_scope[scope], {}),
        )
    ]
    assert report.readings == (
        probe.TOKEN_ASSET_ACCESS.reading(ASSET, True),
        probe.WABA_INFO.reading(WABA, {"name": "Jasper's Market", "currency": "USD"}),
        probe.WABA_STATUS.reading(WABA, "ACTIVE", raw="ACTIVE"),
        probe.WABA_REVIEW_STATUS.reading(WABA, "APPROVED", raw="APPROVED"),
        probe.WABA_BUSINESS_VERIFICATION_STATUS.reading(WABA, "VERIFIED", raw="verified"),
        probe.PHONE_NUMBER_IN_WABA.reading(NUMBER, True),
        probe.PHONE_NUMBER_INFO.reading(
            NUMBER,
            {
                "display_phone_number": "+1 555-078-3881",
                "verified_name": "Jasper's Market",
                "platform_type": "CLOUD_API",
                "account_mode": "LIVE",
            },
        ),
        probe.QUALITY_RATING.reading(NUMBER, "GREEN", raw="GREEN"),
        probe.PHONE_STATUS.reading(NUMBER, "CONNECTED", raw="CONNECTED"),
        probe.NAME_STATUS.reading(NUMBER, "APPROVED", raw="APPROVED"),
        probe.CODE_VERIFICATION_STATUS.reading(NUMBER, "VERIFIED", raw="VERIFIED"),
        probe.THROUGHPUT_LEVEL.reading(NUMBER, "STANDARD", raw="STANDARD"),
        probe.PIN_ENABLED.reading(NUMBER, True),
        probe.MESSAGING_LIMIT.reading(NUMBER, 10_000.0, raw="TIER_10K"),
        probe.NUMBER_CAN_SEND.reading(NUMBER, "AVAILABLE"),
        *verdicts,
        probe.WEBHOOK_SUBSCRIBED.reading(WABA, {APP_ID: True}),
        probe.WEBHOOK_OVERRIDE_MATCHES.reading(WABA, None),
    )
    assert report.rosters[0] == Roster(parent=WABA, kind=SubjectKind.PHONE_NUMBER, present=frozenset({NUMBER}))
    assert report.fault is None


# --- words of Meta's that no list has, or that are none ---------------------------------------------------------------

WORDS: dict[str, tuple[Signal[str], dict[str, tuple[str | None, bool]]]] = {
    "status": (
        probe.PHONE_STATUS,
        {
            "CONNECTED": ("CONNECTED", True),
            "connected": ("CONNECTED", True),
            " Banned ": ("BANNED", True),
            "REGISTERED": ("REGISTERED", True),
            "LINKED": ("LINKED", True),
            "HIBERNATING": ("OTHER", False),
        },
    ),
    "quality_rating": (
        probe.QUALITY_RATING,
        {
            "red": ("RED", True),
            "YELLOW": ("YELLOW", True),
            "NA": (None, True),
            "UNKNOWN": (None, True),
            "PURPLE": (None, False),
        },
    ),
    "name_status": (
        probe.NAME_STATUS,
        {"AVAILABLE_WITHOUT_REVIEW": ("AVAILABLE_WITHOUT_REVIEW", True), "LOST": ("OTHER", False)},
    ),
    "code_verification_status": (
        probe.CODE_VERIFICATION_STATUS,
        {"UNVERIFIED": ("NOT_VERIFIED", True), "NOT_VERIFIED": ("NOT_VERIFIED", True), "EXPIRED": ("EXPIRED", True)},
    ),
}


@pytest.mark.parametrize(
    ("field", "word", "value", "is_recognised"),
    [
        (field, word, value, is_recognised)
        for field, (_, words) in WORDS.items()
        for word, (value, is_recognised) in words.items()
    ],
)
def test_word_keeps_its_raw_text_and_is_counted_when_unknown(
    field: str, word: str, value: str | None, is_recognised: bool
) -> None:
    signal = WORDS[field][0]

    (reading,) = of_signal(number_readings(with_number(**{field: word, "quality_score": ...})), signal)

    assert reading == signal.reading(NUMBER, value, raw=word.strip(), is_recognised=is_recognised)


@pytest.mark.parametrize("field", WORDS)
@pytest.mark.parametrize("wrong", [..., None, "", "  ", 5, 1.5, True, [], ["RED"], {"score": "RED"}])
def test_field_without_a_word_is_not_known(field: str, wrong: object) -> None:
    signal = WORDS[field][0]

    (reading,) = of_signal(number_readings(with_number(**{field: wrong, "quality_score": ...})), signal)

    assert reading.value is None
    assert reading.is_recognised


@pytest.mark.parametrize(
    ("field", "signal", "word", "value"),
    [
        ("status", probe.WABA_STATUS, "restricted", "RESTRICTED"),
        ("status", probe.WABA_STATUS, "ASLEEP", "OTHER"),
        ("status", probe.WABA_STATUS, None, None),
        ("account_review_status", probe.WABA_REVIEW_STATUS, "REJECTED", "REJECTED"),
        ("account_review_status", probe.WABA_REVIEW_STATUS, ["APPROVED"], None),
        ("business_verification_status", probe.WABA_BUSINESS_VERIFICATION_STATUS, "UNVERIFIED", "NOT_VERIFIED"),
        ("business_verification_status", probe.WABA_BUSINESS_VERIFICATION_STATUS, "not_verified", "NOT_VERIFIED"),
        ("business_verification_status", probe.WABA_BUSINESS_VERIFICATION_STATUS, 7, None),
    ],
)
def test_words_about_the_waba_are_read_alike(field: str, signal: Signal[str], word: object, value: str | None) -> None:
    report = read_account({**payload("account"), field: word}, ACCOUNT_TARGET)

    assert value_of(report.readings, signal) == value


@pytest.mark.parametrize(
    ("rating", "score", "value"),
    [
        (..., {"score": "RED"}, "RED"),
        (None, {"score": "yellow"}, "YELLOW"),
        (["x"], {"score": "RED"}, "RED"),
        ("GREEN", {"score": "RED"}, "GREEN"),
        (..., {"score": None}, None),
        (..., "RED", None),
        (..., ..., None),
    ],
)
def test_quality_score_stands_in_for_a_missing_rating(rating: object, score: object, value: str | None) -> None:
    readings = number_readings(with_number(quality_rating=rating, quality_score=score))

    assert value_of(readings, probe.QUALITY_RATING) == value


@pytest.mark.parametrize(
    ("throughput", "value"),
    [({"level": "HIGH"}, "HIGH"), ({"level": "WARP"}, "OTHER"), ({}, None), (None, None), ("HIGH", None), (..., None)],
)
def test_throughput_is_an_object_with_a_level(throughput: object, value: str | None) -> None:
    assert value_of(number_readings(with_number(throughput=throughput)), probe.THROUGHPUT_LEVEL) == value


@pytest.mark.parametrize(("raw", "value"), [(True, True), (False, False), (None, None), ("true", None), (1, None)])
def test_pin_flag_takes_only_true_and_false(raw: object, value: bool | None) -> None:
    assert value_of(number_readings(with_number(is_pin_enabled=raw)), probe.PIN_ENABLED) is value


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ({"platform_type": "cloud_api", "host_platform": "ON_PREMISE"}, "CLOUD_API"),
        ({"platform_type": ..., "host_platform": "ON_PREMISE"}, "ON_PREMISE"),
        ({"platform_type": ["x"]}, ""),
    ],
)
def test_platform_goes_by_either_of_its_two_names(platform: dict[str, object], expected: str) -> None:
    assert value_of(number_readings(with_number(**platform)), probe.PHONE_NUMBER_INFO)["platform_type"] == expected


# --- the messaging limit ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number_limit", "old_limit", "account_limit", "value", "raw"),
    [
        ("TIER_250", "TIER_1K", "TIER_10K", 250.0, "TIER_250"),
        (..., "TIER_1K", "TIER_10K", 1_000.0, "TIER_1K"),
        (None, None, "TIER_100K", 100_000.0, "TIER_100K"),
        ("TIER_UNLIMITED", ..., None, math.inf, "TIER_UNLIMITED"),
        ("tier_2k", ..., None, 2_000.0, "tier_2k"),
        ("UNTIERED", ..., None, None, "UNTIERED"),
        (..., ..., ..., None, None),
    ],
)
def test_limit_is_the_numbers_own_else_the_old_one_else_the_accounts(
    number_limit: object, old_limit: object, account_limit: object, value: float | None, raw: str | None
) -> None:
    body = with_number(whatsapp_business_manager_messaging_limit=number_limit, messaging_limit_tier=old_limit)
    body["whatsapp_business_manager_messaging_limit"] = account_limit

    (reading,) = of_signal(number_readings(body), probe.MESSAGING_LIMIT)

    assert reading == probe.MESSAGING_LIMIT.reading(NUMBER, value, raw=raw)


def test_unknown_tier_is_counted_and_no_limit_is_claimed() -> None:
    readings = number_readings(with_number(whatsapp_business_manager_messaging_limit="TIER_5M"))

    (reading,) = of_signal(readings, probe.MESSAGING_LIMIT)
    assert reading == probe.MESSAGING_LIMIT.reading(NUMBER, None, raw="TIER_5M", is_recognised=False)


# --- the list of numbers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [..., None, [], "x", {}, {"data": None}, {"data": {}}, {"data": "x"}, {"paging": {}}])
def test_account_without_a_list_of_numbers_is_no_answer(page: object) -> None:
    body = payload("account")
    body["phone_numbers"] = page

    with pytest.raises(UnexpectedShape, match=f"WABA {WABA_ID}: phone_numbers has no list named data"):
        read_account({name: value for name, value in body.items() if value is not ...}, ACCOUNT_TARGET)


@pytest.mark.parametrize("wrong", [..., None, "", "102290129340399", ["102290129340398"]])
def test_account_without_its_own_id_is_no_answer(wrong: object) -> None:
    body = {**payload("account"), "id": wrong}

    with pytest.raises(UnexpectedShape, match="does not carry this id"):
        read_account(body, ACCOUNT_TARGET)


def test_ids_may_come_as_numbers() -> None:
    body = with_number(id=int(NUMBER_ID))
    body["id"] = int(WABA_ID)
    body["subscribed_apps"]["data"][0]["whatsapp_business_api_data"]["id"] = int(APP_ID)

    report = read_account(body, ACCOUNT_TARGET)

    assert report.rosters
    assert report.rosters[0].present == {NUMBER}
    assert value_of(report.readings, probe.WEBHOOK_SUBSCRIBED) == {APP_ID: True}


def test_empty_list_is_a_waba_without_numbers() -> None:
    report = read_account({**payload("account"), "phone_numbers": {"data": []}}, ACCOUNT_TARGET)

    assert report.rosters[0] == Roster(parent=WABA, kind=SubjectKind.PHONE_NUMBER, present=frozenset())
    assert of_signal(report.readings, probe.PHONE_NUMBER_IN_WABA) == []


@pytest.mark.parametrize("item", [None, 3, "106540352242923", [], {}, {"id": None}, {"status": "CONNECTED"}])
def test_item_without_an_id_leaves_the_list_incomplete(item: object) -> None:
    body = payload("account")
    body["phone_numbers"]["data"].append(item)

    report = read_account(body, ACCOUNT_TARGET)

    assert report.rosters == ()
    assert [reading.subject for reading in of_signal(report.readings, probe.QUALITY_RATING)] == [NUMBER]


def test_last_of_two_items_with_one_id_counts() -> None:
    body = with_number(quality_rating="YELLOW")
    body["phone_numbers"]["data"].append({"id": NUMBER_ID, "quality_rating": "RED"})

    report = read_account(body, ACCOUNT_TARGET)

    assert value_of(report.readings, probe.QUALITY_RATING) == "RED"
    assert report.rosters


# --- numbers that the configuration names -----------------------------------------------------------------------------


def test_only_the_configured_numbers_are_read() -> None:
    body = payload("account")
    body["phone_numbers"]["data"].append({"id": OTHER_ID, "quality_rating": "RED"})

    report = read_account(body, replace(ACCOUNT_TARGET, phone_number_ids=frozenset({OTHER_ID})))

    numbers = {reading.subject for reading in report.readings if reading.subject.kind is SubjectKind.PHONE_NUMBER}
    assert numbers == {OTHER_NUMBER}
    assert report.rosters[0] == Roster(parent=WABA, kind=SubjectKind.PHONE_NUMBER, present=frozenset({OTHER_NUMBER}))


@pytest.mark.parametrize(("listed", "raw"), [(0, "no other numbers"), (1, "1 other number"), (2, "2 other numbers")])
def test_configured_number_that_the_waba_does_not_list_is_absent(listed: int, raw: str) -> None:
    body = {**payload("account"), "phone_numbers": {"data": [{"id": str(n)} for n in range(listed)]}}

    report = read_account(body, replace(ACCOUNT_TARGET, phone_number_ids=frozenset({OTHER_ID})))

    own = [reading for reading in report.readings if reading.subject == OTHER_NUMBER]
    assert own == [probe.PHONE_NUMBER_IN_WABA.reading(OTHER_NUMBER, False, raw=f"the WABA lists {raw}")]
    assert report.rosters
    assert report.rosters[0].present == {OTHER_NUMBER}


def test_waba_id_among_the_configured_numbers_is_named() -> None:
    report = read_account(payload("account"), replace(ACCOUNT_TARGET, phone_number_ids=frozenset({WABA_ID})))

    (reading,) = of_signal(report.readings, probe.PHONE_NUMBER_IN_WABA)
    assert reading.value is False
    assert reading.raw == "the WABA lists 1 other number; this is the id of the WABA itself"


def test_configured_number_is_not_called_absent_by_an_incomplete_list() -> None:
    body = payload("account")
    body["phone_numbers"]["data"].append({"status": "CONNECTED"})

    report = read_account(body, replace(ACCOUNT_TARGET, phone_number_ids=frozenset({OTHER_ID})))

    (reading,) = of_signal(report.readings, probe.PHONE_NUMBER_IN_WABA)
    assert reading.value is None
    assert reading.raw == "the list has items without an id"
