"""What is read of the statuses of messages, of every shape that Meta documents or was seen to send."""

import json
from itertools import pairwise
from typing import Any

import pytest

from tests.webhooks.posting import (
    NUMBER,
    PAYLOADS,
    RECEIVED_AT,
    WABA_ID,
    envelope,
    events,
    messages,
    payload,
    post,
    quarantined,
    statuses,
    unrecognised,
)
from wamon.core.delivery import DELIVERED, FAILED, PLAYED, READ, SENT, Update

STATUS = {"id": "wamid.one", "status": "sent", "timestamp": "1795342205", "recipient_id": "15550100234"}

# What of a customer stands in the payloads; "wamid" and "wacid" cover the ids of messages and calls.
PERSONAL = (
    *("15550100234", "15550100235", "447700900123", "250788123200", "16315551181"),
    *("13491208655302741918", "9081726354", "20598127461133", "wamid", "wacid"),
    *("Rosa", "rosa", "Beispiel", "Paket", "4711", "test user"),
)


def only_update(body: object) -> Update:
    found = post(body)
    assert found.quarantined == []
    (update,) = found.updates
    return update


def facts(update: Update) -> tuple[int, int, int | None, str | None, str | None]:
    return update.status, update.at, update.error_code, update.category, update.calling_code


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("status_sent", (SENT, 1795342200, None, "marketing", "1")),
        ("status_delivered", (DELIVERED, 1795342203, None, "service", "44")),
        ("status_read", (READ, 1795342209, None, None, "250")),
        ("status_played", (PLAYED, 1795342230, None, None, "1")),
        ("status_failed", (FAILED, 1795342201, 131026, None, "1")),
        ("status_failed_short", (FAILED, 1795342202, 131047, None, "1")),
        ("status_failed_bare", (FAILED, 1795342202, None, None, "1")),
        ("status_conversation_v1", (SENT, 1795342202, None, "authentication-international", "1")),
        ("status_bsuid_only", (DELIVERED, 1795342204, None, "utility", None)),
        ("all_three_together", (READ, 1795342205, None, None, "1")),
    ],
)
def test_status_is_read(name: str, read: tuple[object, ...]) -> None:
    update = only_update(payload(name))

    assert facts(update) == read
    assert (update.waba_id, update.phone_number_id, update.received_at) == (WABA_ID, NUMBER, RECEIVED_AT)
    assert len(update.digest) == 16


@pytest.mark.parametrize("name", ["inbound_text", "inbound_unsupported", "inbound_revoke", "value_errors"])
def test_what_is_no_status_is_an_event_only(name: str) -> None:
    found = post(payload(name))

    assert (found.updates, found.notices, found.quarantined) == ([], [], [])
    assert events(found) == {"messages": 1}
    assert unrecognised(found) == {}


def test_each_member_of_a_group_has_a_life_of_its_own() -> None:
    found = post(payload("status_group"))

    assert [update.status for update in found.updates] == [DELIVERED, DELIVERED, READ, SENT, DELIVERED, DELIVERED]
    assert [update.category for update in found.updates] == ["group_service", *[None] * 5]
    assert [update.calling_code for update in found.updates] == [None] * 6
    # The first two and the last two are of the same members.
    digests = [update.digest for update in found.updates]
    assert digests[:2] == digests[4:]
    assert len(set(digests)) == 4


def test_unknown_words_are_counted_and_the_rest_is_read() -> None:
    found = post(payload("status_unknown_words"))

    assert [facts(update) for update in found.updates] == [(SENT, 1795342205, None, "other", "1")]
    assert unrecognised(found) == {"status": 2, "category": 1}
    assert found.quarantined == []


def test_mistyped_values_lose_nothing_but_themselves() -> None:
    found = post(payload("status_mistyped"))

    assert [facts(update) for update in found.updates] == [
        (SENT, 1795342205, None, None, "1"),
        (FAILED, 1795342210, None, None, None),
        (FAILED, 1795342210, None, "other", None),
        (READ, 1795342209, None, None, None),
    ]
    assert quarantined(found) == {"unexpected_shape": 2, "no_message_id": 1}
    assert [kept.skeleton for kept in found.quarantined] == [
        "text of 9",
        "{status: text of 4, timestamp: text of 10, recipient_id: text of 11}",
        "{id: text of 58, status: {word: text of 4}}",
    ]


def test_without_a_number_the_change_is_quarantined() -> None:
    found = post(payload("status_without_metadata"))

    assert found.updates == []
    assert quarantined(found) == {"no_phone_number_id": 1}
    assert events(found) == {"messages": 1}


@pytest.mark.parametrize("number", [None, "", " ", "1 2", "+15550783881", "n" * 33, "Ü1", [], {}, True, 1.5])
@pytest.mark.parametrize("beside", [[], ["mistyped"]])
def test_what_cannot_be_a_number_is_none(number: object, beside: list[object]) -> None:
    value = {"metadata": {"phone_number_id": number}, "statuses": [STATUS, *beside]}

    found = post(envelope({"field": "messages", "value": value}))

    assert found.updates == []
    assert quarantined(found) == {"no_phone_number_id": 1}


def test_statuses_that_are_no_list_are_quarantined() -> None:
    found = post(envelope(messages(statuses={"id": "wamid.one"})))

    assert quarantined(found) == {"unexpected_shape": 1}


@pytest.mark.parametrize("value", [None, []])
def test_no_statuses_are_no_fault(value: object) -> None:
    found = post(envelope(messages(statuses=value)))

    assert (found.updates, found.quarantined) == ([], [])


def test_spoilt_value_without_statuses_is_an_event_only() -> None:
    value: dict[str, Any] = {"metadata": {"phone_number_id": NUMBER}, "statuses": None, "contacts": [{}]}
    body = json.dumps(envelope({"field": "messages", "value": value})).encode()

    found = post(body.replace(b"{}", b'"\\ud83d"'))

    assert (found.updates, found.quarantined) == ([], [])
    assert events(found) == {"messages": 1}


@pytest.mark.parametrize(
    ("timestamp", "at"),
    [
        ("1795342205", 1795342205),
        (1795342205, 1795342205),
        (1795342205.9, 1795342205),
        ("1795342300", 1795342300),
        (None, 1795342210),
        ("", 1795342210),
        ("soon", 1795342210),
        ("0", 1795342210),
        (-5, 1795342210),
        ("1795342205000", 1795342210),
        (10**30, 1795342210),
        ("9" * 5000, 1795342210),
        (True, 1795342210),
        ([1795342205], 1795342210),
    ],
)
def test_stamp_is_metas_or_else_ours(timestamp: object, at: int) -> None:
    assert only_update(statuses(STATUS | {"timestamp": timestamp})).at == at


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ([{"code": 131026}], 131026),
        ([{"code": "131026"}], 131026),
        ([{"code": 0}], 0),
        ([{"title": "x"}], None),
        ([{"code": "E1"}], None),
        ([{"code": -1}], None),
        ([{"code": 10**12}], None),
        ([{"code": True}], None),
        ([{"code": [131026]}], None),
        ([], None),
        ({}, None),
        ("x", None),
        (None, None),
    ],
)
def test_failure_code_is_that_of_the_first_error(errors: object, code: int | None) -> None:
    assert only_update(statuses(STATUS | {"status": "failed", "errors": errors})).error_code == code


def test_errors_belong_to_failures_only() -> None:
    assert only_update(statuses(STATUS | {"errors": [{"code": 131026}]})).error_code is None


@pytest.mark.parametrize(
    ("parts", "category"),
    [
        ({"pricing": {"category": "utility"}, "conversation": {"origin": {"type": "service"}}}, "utility"),
        ({"pricing": {}, "conversation": {"pricing": {"category": "utility"}}}, "utility"),
        ({"conversation": {"pricing": {"category": "utility"}, "origin": {"type": "service"}}}, "utility"),
        ({"conversation": {"origin": {"type": "referral_conversion"}}}, "referral_conversion"),
        ({"conversation": {"origin": {}}}, None),
        ({"conversation": {}}, None),
        ({"pricing": {"category": "AUTHENTICATION_INTERNATIONAL"}}, "authentication-international"),
        ({"pricing": {"category": "MARKETING_LITE"}}, "marketing_lite"),
        ({"pricing": {"category": None}}, None),
        ({"pricing": {"category": ["utility"]}}, None),
        ({"pricing": 7, "conversation": "x"}, None),
        ({}, None),
    ],
)
def test_category_is_found_wherever_meta_puts_it(parts: dict[str, Any], category: str | None) -> None:
    found = post(statuses(STATUS | parts))

    assert [update.category for update in found.updates] == [category]
    assert unrecognised(found) == {}


@pytest.mark.parametrize("word", ["SENT", "sent ", "queued", "RINGING", "x" * 10_000])
def test_word_that_is_no_status_is_counted(word: str) -> None:
    found = post(statuses(STATUS | {"status": word}))

    assert found.updates == []
    assert unrecognised(found) == {"status": 1}


@pytest.mark.parametrize("word", [None, "", 5, True, []])
def test_status_without_a_word_is_quarantined(word: object) -> None:
    assert quarantined(post(statuses(STATUS | {"status": word}))) == {"unexpected_shape": 1}


@pytest.mark.parametrize("message_id", [None, "", [], {}, 1.5, True])
def test_status_without_a_message_is_quarantined(message_id: object) -> None:
    found = post(statuses(STATUS | {"id": message_id}, STATUS))

    assert quarantined(found) == {"no_message_id": 1}
    assert len(found.updates) == 1


def test_message_has_the_same_digest_in_every_status_and_on_either_path() -> None:
    ways: tuple[dict[str, Any], ...] = (
        {},
        {"status": "read", "timestamp": 1795342209},
        {"status": "failed", "errors": "mistyped"},
        {"recipient_id": None, "recipient_user_id": "US.1349"},
        {"recipient_identity_key_hash": 5},
    )

    digests = {only_update(statuses(STATUS | way)).digest for way in ways}

    assert len(digests) == 1


def test_digest_tells_messages_numbers_members_and_installs_apart() -> None:
    body = json.dumps(statuses(STATUS)).encode()
    other_number = body.replace(NUMBER.encode(), b"106540352242999")
    member = {"recipient_participant_id": "15550100234"}

    digests = {
        only_update(body).digest,
        only_update(statuses(STATUS | {"id": "wamid.two"})).digest,
        only_update(other_number).digest,
        only_update(statuses(STATUS | member)).digest,
        post(body, key=b"another install").updates[0].digest,
    }

    assert len(digests) == 5


def test_order_of_the_statuses_is_kept() -> None:
    found = post(statuses(*[STATUS | {"timestamp": str(1795340000 + index)} for index in range(1000)]))

    assert all(one.at + 1 == next_one.at for one, next_one in pairwise(found.updates))
    assert len(found.updates) == 1000


@pytest.mark.parametrize("path", sorted(PAYLOADS.glob("*.json")), ids=lambda path: path.stem)
def test_nothing_of_a_customer_leaves_the_reader(path: Any) -> None:
    found = post(path.read_bytes())

    assert [word for word in PERSONAL if word in repr(found)] == []
