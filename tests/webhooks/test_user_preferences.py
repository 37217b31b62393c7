"""A customer's stop is one opt-out, however often Meta tells it."""

import pytest

from tests.webhooks.posting import (
    APP_ID,
    NUMBER,
    ONE_NUMBER,
    RECEIVED_AT,
    WABA_ID,
    envelope,
    events,
    payload,
    post,
    quarantined,
    unmonitored,
    unrecognised,
)
from wamon.core.delivery import OPT_OUT
from wamon.webhooks.envelope import Post

STOP = {"wa_id": "15550100234", "category": "marketing_messages", "value": "stop", "timestamp": 1795342205}


def preferences(*each: object, number: object = NUMBER) -> Post:
    value = {"metadata": {"phone_number_id": number}, "user_preferences": list(each)}
    return post(envelope({"field": "user_preferences", "value": value}), watched=ONE_NUMBER)


def test_stop_is_an_opt_out() -> None:
    found = post(payload("preference_stop"))

    (update,) = found.updates
    assert update[:2] == (WABA_ID, NUMBER)
    assert update[3:] == (OPT_OUT, 1795342205, RECEIVED_AT, None, None, None)
    assert events(found) == {"user_preferences": 1}


def test_resume_and_signup_are_events_only() -> None:
    found = post(payload("preference_resume"))

    assert (found.updates, found.quarantined, unrecognised(found)) == ([], [], {})
    assert events(found) == {"user_preferences": 1}


def test_odd_preferences_lose_nothing_but_themselves() -> None:
    found = post(payload("preference_odd"))

    assert [(update.status, update.at) for update in found.updates] == [(OPT_OUT, 1795342207)]
    assert unrecognised(found) == {"user_preference": 2}
    assert quarantined(found) == {"unexpected_shape": 2}


def test_repeated_stop_has_the_same_digest_and_a_later_one_another() -> None:
    first, again, later, other = (
        preferences(each).updates[0].digest
        for each in (STOP, STOP | {"detail": "x"}, STOP | {"timestamp": 1795342206}, STOP | {"wa_id": "15550100235"})
    )

    assert first == again
    assert len({first, later, other}) == 3


@pytest.mark.parametrize("timestamp", [None, "soon", [], 1795342205000])
def test_stop_without_a_stamp_is_of_when_it_came(timestamp: object) -> None:
    (update,) = preferences(STOP | {"timestamp": timestamp}).updates

    assert update.at == 1795342210


def test_stop_to_a_number_that_is_not_watched_is_not_kept() -> None:
    found = preferences(STOP, number="106540352242999")

    assert found.updates == []
    assert unmonitored(found) == {APP_ID: 1}


def test_without_a_number_the_change_is_quarantined() -> None:
    assert quarantined(preferences(STOP, number=None)) == {"no_phone_number_id": 1}


@pytest.mark.parametrize("value", [7, "stop", {}, {"value": "stop"}])
def test_preferences_that_are_no_list_are_quarantined(value: object) -> None:
    body = envelope(
        {"field": "user_preferences", "value": {"metadata": {"phone_number_id": NUMBER}, "user_preferences": value}}
    )

    assert quarantined(post(body)) == {"unexpected_shape": 1}


def test_change_without_preferences_is_an_event_only() -> None:
    found = post(envelope({"field": "user_preferences", "value": {"metadata": {"phone_number_id": NUMBER}}}))

    assert (found.updates, found.quarantined) == ([], [])
    assert events(found) == {"user_preferences": 1}
