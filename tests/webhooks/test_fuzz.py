"""Any bytes into decode: nothing raises, and every status has one fate."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.webhooks.posting import (
    APP_ID,
    NUMBER,
    ONE_NUMBER,
    OTHER_NUMBER,
    PAYLOADS,
    WABA_ID,
    envelope,
    post,
    quarantined,
    unmonitored,
    unrecognised,
)
from wamon.webhooks.envelope import MOST_KEPT, Post
from wamon.webhooks.skeleton import MOST_CHARACTERS

BODIES = [path.read_bytes() for path in sorted(PAYLOADS.glob("*.json"))]

# The names that the reader looks for, and some words of which it knows none.
NAMES = """
    object entry id time changes field value metadata phone_number_id statuses status timestamp recipient_id
    recipient_type recipient_participant_id errors code pricing category conversation origin type user_preferences
    wa_id waba_info waba_id event other
"""
KEYS = st.sampled_from(NAMES.split())
WORDS = [WABA_ID, NUMBER, OTHER_NUMBER, "messages", "user_preferences", "account_update", "sent", "failed", "stop"]
WORDS += ["marketing_messages", "wamid.x", "1795342205", "15550100234", "deleted", "utility", "9" * 5000, "\ud83d"]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(WORDS)
JSON: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=25,
)

GOOD_STATUS = {"id": "wamid.x", "status": "delivered", "timestamp": "1795342205", "recipient_id": "15550100234"}
STATUSES = st.lists(
    st.just(GOOD_STATUS)
    | st.builds(lambda spoilt: GOOD_STATUS | spoilt, st.dictionaries(KEYS, JSON, max_size=3))
    | st.dictionaries(KEYS, JSON, max_size=4)
    | JSON,
    max_size=12,
)


def kept_in_bounds(found: Post) -> bool:
    assert all(amount > 0 for amount in found.counted.values())
    assert all(len(label) <= 40 for _, _, _, label, _ in found.counted)
    assert all(update.waba_id == WABA_ID and len(update.digest) == 16 for update in found.updates)
    assert all(type(update.at) is int and update.at < 1795342210 + 86_401 for update in found.updates)
    assert all(len(kept.skeleton) <= MOST_CHARACTERS for kept in found.quarantined)
    # Everything that goes into the store can be written there.
    assert repr((found.updates, found.counted, found.quarantined)).encode()
    return len(found.quarantined) == min(sum(quarantined(found).values()), MOST_KEPT)


@given(st.binary(max_size=300))
def test_any_bytes_are_survived(body: bytes) -> None:
    assert kept_in_bounds(post(body))


@given(JSON)
def test_any_json_is_survived(document: Any) -> None:
    assert kept_in_bounds(post(document))


@given(st.lists(JSON | st.fixed_dictionaries({"field": LEAVES, "value": JSON}), max_size=4), JSON, JSON)
def test_any_changes_are_survived(changes: list[Any], waba_id: Any, time: Any) -> None:
    body = {"entry": [waba_id, *envelope(*changes, time=time)["entry"], {"id": waba_id, "changes": changes}]}

    assert kept_in_bounds(post(body, watched=ONE_NUMBER))


@given(st.sampled_from(BODIES), st.data())
def test_spoilt_bytes_of_a_real_body_are_survived(body: bytes, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(body) - 1))
    end = data.draw(st.integers(begin, min(begin + 40, len(body))))
    spoilt = body[:begin] + data.draw(st.binary(max_size=10)) + body[end:]

    assert kept_in_bounds(post(spoilt))


@given(st.sampled_from(BODIES), st.data(), JSON)
def test_any_value_in_a_real_body_may_be_another(body: bytes, data: st.DataObject, other: Any) -> None:
    document = json.loads(body)
    places = list(walk(document))
    holder, key = data.draw(st.sampled_from(places))
    holder[key] = other

    assert kept_in_bounds(post(document))


@given(STATUSES)
def test_every_status_is_an_update_or_counted_once(statuses: list[Any]) -> None:
    found = post(
        envelope({"field": "messages", "value": {"metadata": {"phone_number_id": NUMBER}, "statuses": statuses}})
    )

    assert kept_in_bounds(found)
    words = unrecognised(found).get("status", 0)
    assert len(found.updates) + words + sum(quarantined(found).values()) == len(statuses)


@given(STATUSES)
def test_no_good_status_is_lost_by_what_stands_beside_it(statuses: list[Any]) -> None:
    good = {**GOOD_STATUS, "id": "wamid.this one"}
    alone = post(
        envelope({"field": "messages", "value": {"metadata": {"phone_number_id": NUMBER}, "statuses": [good]}})
    )
    value = {"metadata": {"phone_number_id": NUMBER}, "statuses": [*statuses, good]}

    found = post(envelope("nonsense", {"field": "messages", "value": value}))

    assert found.updates[-1] == alone.updates[0]


@given(STATUSES)
def test_nothing_of_a_number_that_is_not_watched_is_kept(statuses: list[Any]) -> None:
    value = {"metadata": {"phone_number_id": OTHER_NUMBER}, "statuses": statuses}

    found = post(envelope({"field": "messages", "value": value}), watched=ONE_NUMBER)

    assert (found.updates, found.notices, found.quarantined) == ([], [], [])
    assert unmonitored(found) == {APP_ID: 1}
    assert len(found.counted) == 1


def walk(node: Any) -> Any:
    """Every place in a JSON value that holds a value: (object or list, key or index)."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, member in pairs:
        yield node, key
        yield from walk(member)
