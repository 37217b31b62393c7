"""The app probe: the webhook of the Meta app itself."""

from dataclasses import replace
from typing import Any

import pytest

from tests.probes.driving import APP, APP_ID, APP_TARGET, finish, payload
from wamon.core.errors import UnexpectedShape
from wamon.core.ports import Edge, GraphQuery, Report
from wamon.probes.app import (
    PROBE,
    WEBHOOK_ACTIVE,
    WEBHOOK_CALLBACK_MATCHES,
    WEBHOOK_FIELD_SUBSCRIBED,
    read_subscriptions,
    run,
)

URL = "https://hooks.example.com/whatsapp?key=s3cret"
SHOWN = "https://hooks.example.com/whatsapp"
ALL = {"messages": True, "account_update": True}
NONE = {"messages": False, "account_update": False}


def entry(**changes: object) -> dict[str, Any]:
    """The WhatsApp entry of the payload with these changes; a value of `...` takes the field away."""
    changed = {**payload("subscriptions")["data"][1], **changes}
    return {name: value for name, value in changed.items() if value is not ...}


def read(*entries: object, expected: str | None = URL) -> tuple[object, object, object]:
    """Whether the webhook is active, its fields, and whether the callback matches."""
    report = read_subscriptions({"data": list(entries)}, replace(APP_TARGET, expected_callback_url=expected))
    active, fields, callback = report.readings
    return active.value, fields.value, callback.value


def test_app_is_asked_with_its_own_token() -> None:
    steps = run(APP_TARGET)

    query = next(steps)
    report = finish(steps, payload("subscriptions"))

    assert query == GraphQuery(path=APP_ID, edge=Edge("subscriptions", ()), as_app=APP_ID)
    assert {reading.signal.name for reading in report.readings} == {signal.name for signal in PROBE.signals}


def test_subscribed_app_gives_exactly_these_readings() -> None:
    report = read_subscriptions(payload("subscriptions"), replace(APP_TARGET, expected_callback_url=URL))

    assert report == Report(
        readings=(
            WEBHOOK_ACTIVE.reading(APP, True),
            WEBHOOK_FIELD_SUBSCRIBED.reading(APP, ALL),
            WEBHOOK_CALLBACK_MATCHES.reading(APP, True, raw=SHOWN),
        )
    )


@pytest.mark.parametrize(
    ("active", "value"), [(True, True), (False, False), (..., None), (None, None), ("true", None), (1, None)]
)
def test_webhook_is_active_only_where_meta_says_so(active: object, value: bool | None) -> None:
    assert read(entry(active=active))[0] is value


@pytest.mark.parametrize("others", [[], [{"object": "user", "active": True}], [{"object": "page"}, {"object": "user"}]])
def test_app_without_a_whatsapp_entry_is_inactive_and_has_no_url_that_could_drift(others: list[object]) -> None:
    assert read(*others) == (False, NONE, None)


@pytest.mark.parametrize(
    "unreadable", [None, 3, "whatsapp_business_account", [], {}, {"object": None}, {"active": True}]
)
def test_unreadable_entry_may_be_the_one_that_is_missed(unreadable: object) -> None:
    with pytest.raises(UnexpectedShape, match=f"subscriptions of app {APP_ID}: an entry does not tell its object"):
        read({"object": "user"}, unreadable)


def test_unreadable_entry_beside_the_right_one_does_not_matter() -> None:
    assert read(None, entry(), {}) == (True, ALL, True)


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": {}}, {"data": "x"}])
def test_answer_without_a_list_is_none(body: dict[str, Any]) -> None:
    with pytest.raises(UnexpectedShape, match=f"subscriptions of app {APP_ID}: the answer has no list named data"):
        read_subscriptions(body, APP_TARGET)


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ([{"name": "messages"}], {"messages": True, "account_update": False}),
        ([{"name": "messages", "version": "v25.0"}, {"name": "security"}], {"messages": True, "account_update": False}),
        (["messages", {"name": "account_update"}], ALL),
        ([], NONE),
        ([None, {}, {"name": None}, {"name": 5}, ["messages"]], NONE),
        (..., None),
        (None, None),
        ("messages", None),
        ({"name": "messages"}, None),
    ],
)
def test_wanted_field_is_missing_only_from_a_list(fields: object, value: dict[str, bool] | None) -> None:
    assert read(entry(fields=fields))[1] == value


@pytest.mark.parametrize(
    ("callback", "expected", "matches"),
    [
        (URL, URL, True),
        (URL, "https://elsewhere.example.com/", False),
        (URL, SHOWN, False),
        (URL, None, None),
        (None, URL, None),
        (..., URL, None),
        (["x"], URL, None),
    ],
)
def test_callback_is_compared_where_there_are_two(callback: object, expected: str | None, matches: bool | None) -> None:
    assert read(entry(callback_url=callback), expected=expected)[2] is matches


def test_secret_in_the_callback_url_is_not_kept() -> None:
    report = read_subscriptions(
        {"data": [entry(callback_url="https://u:p@h.example.com/w?token=s3cret#f")]}, APP_TARGET
    )

    assert report.readings[2] == WEBHOOK_CALLBACK_MATCHES.reading(APP, None, raw="https://h.example.com/w")
