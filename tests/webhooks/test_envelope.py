"""Every change of every entry is read, counted or quarantined, and nothing of it raises."""

import json
import sys
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.webhooks.posting import (
    APP_ID,
    HOUR_BUCKET,
    KEY,
    NUMBER,
    ONE_NUMBER,
    OTHER_NUMBER,
    RECEIVED_AT,
    WABA_ID,
    envelope,
    events,
    messages,
    payload,
    post,
    quarantined,
    statuses,
    unmonitored,
    unrecognised,
)
from wamon.core import books
from wamon.core.books import Tally
from wamon.core.delivery import READ, SENT, Update
from wamon.webhooks.digest import Digests
from wamon.webhooks.envelope import MOST_KEPT, Post, decode, quarantine
from wamon.webhooks.field import Change, Field, Heed, WebhookShapeError
from wamon.webhooks.lenient import dumps, loads

RECEIVED = datetime(2026, 11, 22, 10, 10, 10, 500_000, tzinfo=UTC)
STAMPED = datetime(2026, 11, 22, 10, 10, 6, tzinfo=UTC)
STATUS = {"id": "wamid.one", "status": "sent", "timestamp": "1795342205"}


def test_every_change_of_every_entry_is_read() -> None:
    found = post(payload("two_entries"))

    assert [(update.phone_number_id, update.status) for update in found.updates] == [
        (NUMBER, SENT),
        (NUMBER, SENT),
        (OTHER_NUMBER, READ),
    ]
    assert [(notice.field, notice.value) for notice in found.notices] == [
        ("account_review_update", {"decision": "APPROVED"})
    ]
    assert events(found) == {"messages": 2, "account_review_update": 1}
    assert found.quarantined == []


def test_each_change_is_an_event_of_its_account() -> None:
    found = post(payload("inbound_text"))

    assert found.counted == {
        (books.WEBHOOK_EVENTS, WABA_ID, "", "messages", 0): 1,
        (books.RECENT_EVENTS, WABA_ID, "", "", HOUR_BUCKET): 1,
    }


def test_field_without_reader_is_counted_as_other_and_unrecognised() -> None:
    found = post(payload("other_fields"))

    assert found.counted == {
        (books.WEBHOOK_EVENTS, WABA_ID, "", "other", 0): 3,
        (books.RECENT_EVENTS, WABA_ID, "", "", HOUR_BUCKET): 3,
        (books.UNRECOGNISED, "", "", "field", 0): 3,
    }
    assert (found.updates, found.notices, found.quarantined) == ([], [], [])


def test_statuses_of_calls_are_no_message_statuses() -> None:
    found = post(payload("calls"))

    assert found.updates == []
    assert events(found) == {"other": 1}


# --- whose it is ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["dashboard_test", "partner_solutions"])
def test_account_that_is_not_watched_is_counted_for_the_app_only(name: str) -> None:
    found = post(payload(name))

    assert found == Post([], [], defaultdict(int, {(books.UNMONITORED, "", "", APP_ID, 0): 1}), [])


def test_number_that_is_not_watched_is_counted_for_the_app_only() -> None:
    body = envelope(
        {"field": "messages", "value": {"metadata": {"phone_number_id": OTHER_NUMBER}, "statuses": [STATUS] * 3}}
    )

    found = post(body, watched=ONE_NUMBER)

    assert found == Post([], [], defaultdict(int, {(books.UNMONITORED, "", "", APP_ID, 0): 1}), [])


def test_watched_number_beside_one_that_is_not_is_read() -> None:
    found = post(payload("two_entries"), watched=ONE_NUMBER)

    assert [update.phone_number_id for update in found.updates] == [NUMBER, NUMBER]
    assert unmonitored(found) == {APP_ID: 1}
    assert events(found) == {"messages": 1, "account_review_update": 1}


def test_partner_event_belongs_to_the_account_within() -> None:
    found = post(payload("account_partner"))

    assert [notice.waba_id for notice in found.notices] == [WABA_ID]
    assert events(found) == {"account_update": 1}


def test_account_within_does_not_make_a_watched_entry_anothers() -> None:
    body = envelope({"field": "account_update", "value": {"event": "PARTNER_ADDED", "waba_info": {"waba_id": "7"}}})

    found = post(body, watched={WABA_ID: frozenset(), "7": frozenset()})

    assert [notice.waba_id for notice in found.notices] == [WABA_ID]


@pytest.mark.parametrize("inside", [None, 5, [], {"waba_id": ["1"]}, {"waba_id": "1"}, {}])
def test_foreign_entry_without_a_watched_account_within_is_not_monitored(inside: object) -> None:
    found = post(envelope({"field": "account_update", "value": {"waba_info": inside}}, waba_id="9"))

    assert unmonitored(found) == {APP_ID: 1}
    assert found.notices == []


def test_messages_of_a_foreign_entry_are_not_looked_into() -> None:
    value = {"waba_info": {"waba_id": WABA_ID}, "metadata": {"phone_number_id": NUMBER}, "statuses": [STATUS]}

    found = post(envelope({"field": "messages", "value": value}, waba_id="9"))

    assert unmonitored(found) == {APP_ID: 1}
    assert found.updates == []


def test_account_id_as_a_number_is_the_account() -> None:
    found = post(envelope(messages(statuses=[STATUS]), waba_id=int(WABA_ID)))

    assert [update.waba_id for update in found.updates] == [WABA_ID]


@pytest.mark.parametrize("waba_id", [None, [], {}, True, 1.5])
def test_entry_without_an_account_is_quarantined(waba_id: object) -> None:
    found = post(envelope(messages(statuses=[STATUS]), waba_id=waba_id))

    assert quarantined(found) == {"unexpected_shape": 1}
    assert found.updates == []


# --- notices ----------------------------------------------------------------------------------------------------------


def test_notice_has_the_value_and_metas_stamp() -> None:
    (notice,) = post(payload("account_restriction")).notices

    assert notice.waba_id == WABA_ID
    assert notice.field == "account_update"
    assert notice.at == STAMPED
    assert notice.value["restriction_info"] == [
        {"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": 1795947000}
    ]
    assert len(notice.digest) == 16


def test_stamp_as_text_is_a_stamp() -> None:
    (notice,) = post(payload("account_direct_send")).notices

    assert notice.at == STAMPED


@pytest.mark.parametrize("time", [None, "soon", 0, -5, [], True, 1795342206000, 10**30, 1e300, ""])
def test_notice_without_a_stamp_is_of_when_it_came(time: object) -> None:
    (notice,) = post(envelope({"field": "account_update", "value": {}}, time=time)).notices

    assert notice.at == RECEIVED.replace(microsecond=0)


def test_repeated_notice_has_the_same_digest_whenever_it_comes() -> None:
    first = post(payload("account_restriction"))
    later = post(payload("account_restriction"), received_at=RECEIVED_AT + 604_800)

    assert first.notices[0].digest == later.notices[0].digest


def test_digest_tells_notices_apart_by_each_of_their_parts() -> None:
    def digest_of(field: str = "account_update", waba_id: str = WABA_ID, time: int = 5, event: str = "A") -> bytes:
        body = envelope({"field": field, "value": {"event": event}}, waba_id=waba_id, time=time)
        return post(body, watched={WABA_ID: frozenset(), "7": frozenset()}).notices[0].digest

    digests = {
        digest_of(),
        digest_of(field="security"),
        digest_of(waba_id="7"),
        digest_of(time=6),
        digest_of(event="B"),
    }

    assert len(digests) == 5


def test_digest_is_keyed() -> None:
    posts = [post(payload("account_restriction"), key=key) for key in (KEY, b"another install")]

    assert posts[0].notices[0].digest != posts[1].notices[0].digest


@pytest.mark.parametrize("value", [None, [], "REINSTATE", 7])
def test_notice_without_an_object_is_quarantined_and_an_event(value: object) -> None:
    found = post(envelope({"field": "account_update", "value": value}))

    assert quarantined(found) == {"unexpected_shape": 1}
    assert events(found) == {"account_update": 1}
    assert found.notices == []


# --- what cannot be read ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [b"", b"x", b"\xff\xfe", b'{"entry":', b"{'entry': []}", b'{"entry":[]} 15550100234', b"\x00" * 10]
)
def test_of_what_is_not_json_only_size_and_digest_are_kept(body: bytes) -> None:
    found = post(body)

    (kept,) = found.quarantined
    assert quarantined(found) == {"not_json": 1}
    assert kept.reason == "not_json"
    assert kept.at == RECEIVED
    assert kept.skeleton.startswith(f"{len(body)} bytes, digest ")
    assert len(kept.skeleton.removeprefix(f"{len(body)} bytes, digest ")) == 32


@pytest.mark.parametrize(
    ("body", "form"),
    [
        ([], "[]"),
        ({}, "{}"),
        ("15550100234", "text of 11"),
        (None, "null"),
        ({"object": "whatsapp_business_account", "entry": {}}, "{object: text of 25, entry: {}}"),
        ({"entry": [{"id": WABA_ID}]}, "{id: text of 15}"),
        ({"entry": [{"id": WABA_ID, "changes": {"field": "x"}}]}, "{id: text of 15, changes: {field: text of 1}}"),
        ({"entry": [WABA_ID]}, "text of 15"),
        (envelope({"value": {"a": 1}}), "{value: {a: number}}"),
        (envelope({"field": "messages"}), "{field: text of 8}"),
        (envelope({"field": 7, "value": {}}), "{field: number, value: {}}"),
        (envelope("messages"), "text of 8"),
        (envelope(messages() | {"value": 5}), "number"),
    ],
)
def test_of_what_has_another_form_the_skeleton_is_kept(body: object, form: str) -> None:
    found = post(body)

    assert quarantined(found) == {"unexpected_shape": 1}
    assert [kept.skeleton for kept in found.quarantined] == [form]


def test_shape_of_the_seed_is_quarantined() -> None:
    found = post(payload("status_seed_shape"))

    assert quarantined(found) == {"unexpected_shape": 1}
    assert found.updates == []


def test_bad_change_quarantines_only_itself() -> None:
    good = messages(statuses=[STATUS])
    body = {
        "entry": [
            "nonsense",
            {"id": WABA_ID, "changes": [good, 5, {"field": None, "value": {}}, good | {"value": []}]},
            {"id": WABA_ID, "changes": None},
            {"id": WABA_ID, "changes": [good]},
        ]
    }

    found = post(body)

    assert len(found.updates) == 2
    assert quarantined(found) == {"unexpected_shape": 5}
    assert len(found.quarantined) == 5


def test_kept_skeletons_of_one_request_are_bounded_and_all_are_counted() -> None:
    found = post(statuses(*["nonsense"] * 1000))

    assert quarantined(found) == {"unexpected_shape": 1000}
    assert len(found.quarantined) == MOST_KEPT


def test_what_a_reader_refuses_later_is_quarantined_the_same_way() -> None:
    found = post(envelope())

    quarantine(found, {"event": "ODD"}, reason="no_event", at=RECEIVED)

    assert quarantined(found) == {"no_event": 1}
    assert [kept.skeleton for kept in found.quarantined] == ["{event: text of 3}"]


@pytest.mark.parametrize("depth", [1_000, 100_000])
@pytest.mark.parametrize(("start", "end"), [(b"[", b"]"), (b'{"a":', b"1}")])
def test_bomb_of_brackets_is_survived(depth: int, start: bytes, end: bytes) -> None:
    bomb = start * depth + (b"1" if end == b"}" else b"") + end.replace(b"1", b"") * depth
    inside = json.dumps(statuses(STATUS | {"x": "@"})).encode().replace(b'"@"', bomb)

    assert quarantined(post(bomb))
    assert quarantined(post(inside))


@pytest.mark.parametrize("beside", [[], ["mistyped"]])
@pytest.mark.parametrize(("field", "waba_id"), [("messages", WABA_ID), ("security", WABA_ID), ("security", "9")])
def test_value_about_as_deep_as_python_goes_is_survived(field: str, waba_id: str, beside: list[str]) -> None:
    """Each step of reading stands on another height of the stack, so each fails at another depth."""
    body = json.dumps(envelope({"field": field, "value": "@"}, *beside, waba_id=waba_id))
    limit = sys.getrecursionlimit()

    for depth in range(limit - 120, limit + 5):
        found = post(body.replace('"@"', "[" * depth + "]" * depth).encode())

        assert quarantined(found) or unmonitored(found)


def test_bomb_without_end_is_survived() -> None:
    assert quarantined(post(b"[" * 4_000_000)) == {"too_deep": 1}


@pytest.mark.parametrize(
    "number", ["9" * 5000, "-" + "9" * 5000, "1e999999", "1" + "0" * 30, "NaN", "-Infinity", "0.1e-999"]
)
@pytest.mark.parametrize("place", ["id", "timestamp", "recipient_id", "status", "code", "unused", "waba", "time"])
def test_number_beyond_measure_spoils_nothing_else(number: str, place: str) -> None:
    bad: dict[str, Any] = {"id": "wamid.bad", "status": "failed", "timestamp": "1795342205"}
    body = envelope(messages(statuses=[STATUS, bad, STATUS]), time=1795342205)
    match place:
        case "code":
            bad |= {"errors": [{"code": "@"}]}
        case "waba":
            body["entry"].append({"id": "@", "changes": []})
        case "time":
            body["entry"][0]["time"] = "@"
        case _:
            bad[place] = "@"

    found = post(json.dumps(body).replace('"@"', number).encode())

    assert 2 <= len(found.updates) <= 3
    assert all(0 < update.at <= RECEIVED_AT for update in found.updates)
    assert all((update.error_code or 0) < 10**9 for update in found.updates)


@pytest.mark.parametrize(
    "spoilt", [b'"Rosa \\ud83d"', b'"\\udc00"', b'"Rosa \xff"', b'"Rosa\n"', b'{"\\ud83d": 1}', b'{"\xff": 1}']
)
def test_spoilt_character_does_not_lose_the_status_beside_it(spoilt: bytes) -> None:
    body = json.dumps(envelope(messages(contacts=[{"profile": {"name": "@"}}], statuses=[STATUS]))).encode()

    found = post(body.replace(b'"@"', spoilt))

    assert len(found.updates) == 1
    assert found.updates == post(statuses(STATUS)).updates
    assert found.quarantined == []


@pytest.mark.parametrize("spoilt", [b'"Rosa \\ud83d"', b'"Rosa \xff"'])
def test_spoilt_character_in_a_notice_is_replaced(spoilt: bytes) -> None:
    body = json.dumps(envelope({"field": "security", "value": {"requester": "@"}})).encode()

    (notice,) = post(body.replace(b'"@"', spoilt)).notices

    assert str(notice.value["requester"]).encode("utf-8")


def test_value_too_deep_to_be_written_is_refused() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]

    with pytest.raises(WebhookShapeError, match="too_deep"):
        dumps(value)


def test_text_that_is_taken_as_it_is_can_be_read_again() -> None:
    assert loads(b'{"a": [NaN, Infinity, 1e999, 12, 1.5, "\\ud83d"]}') == {"a": [None, None, None, 12, 1.5, "\ud83d"]}


# --- plug-in fields ---------------------------------------------------------------------------------------------------


def test_fields_are_given_to_their_readers() -> None:
    seen: list[Change] = []

    def enter(change: Change, updates: list[Update], tally: Tally) -> None:
        seen.append(change)
        tally["figure", "", "", "", 0] += 1
        raise WebhookShapeError("odd_thing")

    field = Field(name="things", doc="Things.", enter=enter)
    other = Field(name="facts", doc="Facts.", read=lambda notice, directory: Heed())
    body = json.dumps(envelope({"field": "things", "value": {"a": 1}}, {"field": "facts", "value": {"b": 2}})).encode()

    found = decode(
        body,
        received_at=RECEIVED_AT,
        digests=Digests(KEY),
        watched=ONE_NUMBER,
        app_id=APP_ID,
        fields=(field, other),
    )

    assert [(bytes(each.value), each.waba_id, each.phone_number_ids) for each in seen] == [
        (b'{"a": 1}', WABA_ID, frozenset({NUMBER}))
    ]
    assert found.counted["figure", "", "", "", 0] == 1
    assert quarantined(found) == {"odd_thing": 1}
    assert [notice.value for notice in found.notices] == [{"b": 2}]
    assert events(found) == {"things": 1, "facts": 1}
    assert unrecognised(found) == {}
