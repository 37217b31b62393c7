"""Which apps receive the WABA's webhooks, and where an override sends them."""

from dataclasses import replace
from typing import Any

import pytest

from tests.probes.driving import ACCOUNT_TARGET, APP_ID, WABA, payload
from wamon.core.health import Reading
from wamon.probes.account import WEBHOOK_OVERRIDE_MATCHES, WEBHOOK_SUBSCRIBED, read_account

URL = "https://hooks.example.com/whatsapp"


def wrapped(app_id: object, **beside: object) -> dict[str, object]:
    return {"whatsapp_business_api_data": {"id": app_id, "name": "App"}, **beside}


def read(apps: object, **target: Any) -> list[Reading]:
    report = read_account({**payload("account"), "subscribed_apps": apps}, replace(ACCOUNT_TARGET, **target))
    return [r for r in report.readings if r.signal in (WEBHOOK_SUBSCRIBED, WEBHOOK_OVERRIDE_MATCHES)]


@pytest.mark.parametrize(
    ("data", "apps"),
    [
        ([wrapped(APP_ID)], {APP_ID: True}),
        ([{"id": APP_ID, "name": "App"}], {APP_ID: True}),
        ([wrapped("7"), {"id": int(APP_ID)}], {"7": True, APP_ID: True}),
        ([wrapped(APP_ID), wrapped(APP_ID)], {APP_ID: True}),
        ([], {APP_ID: False}),
        ([wrapped("7")], {"7": True, APP_ID: False}),
        ([wrapped("7"), wrapped("7")], {"7": True, APP_ID: False}),
        ([{"id": APP_ID, "whatsapp_business_api_data": None}], {APP_ID: True}),
    ],
)
def test_own_app_is_always_told_and_others_when_seen(data: list[object], apps: dict[str, bool]) -> None:
    assert read({"data": data}) == [
        WEBHOOK_SUBSCRIBED.reading(WABA, apps),
        WEBHOOK_OVERRIDE_MATCHES.reading(WABA, None),
    ]


@pytest.mark.parametrize(("data", "apps"), [([], {}), ([wrapped("7")], {"7": True})])
def test_without_a_known_app_only_what_is_seen_is_told(data: list[object], apps: dict[str, bool]) -> None:
    assert read({"data": data}, app_id=None)[0].value == apps


@pytest.mark.parametrize(
    ("data", "apps"),
    [
        ([], {APP_ID: False}),
        ([wrapped(APP_ID)], {APP_ID: True}),
        # The token of an app that only watches: the sender's app is subscribed, and nothing is lost.
        ([wrapped("7")], {"7": True}),
    ],
)
def test_learned_app_is_missed_only_where_no_app_is_subscribed(data: list[object], apps: dict[str, bool]) -> None:
    assert read({"data": data}, is_app_learned=True)[0].value == apps


@pytest.mark.parametrize("edge", [None, [], "x", {}, {"data": None}, {"data": {"id": APP_ID}}])
def test_answer_without_a_list_is_not_known(edge: object) -> None:
    assert read(edge) == [WEBHOOK_SUBSCRIBED.reading(WABA, None, raw="no list named data")]


@pytest.mark.parametrize("item", [None, 3, APP_ID, {}, {"id": None}, wrapped(None), wrapped({"id": APP_ID})])
@pytest.mark.parametrize("app_id", [APP_ID, None])
def test_app_is_not_called_lost_while_an_item_cannot_be_read(item: object, app_id: str | None) -> None:
    readings = read({"data": [item, wrapped("7")]}, app_id=app_id)

    assert readings == [WEBHOOK_SUBSCRIBED.reading(WABA, None, raw="the list has items without an id")]


def test_unreadable_item_beside_the_own_app_does_not_matter() -> None:
    assert read({"data": [None, wrapped(APP_ID)]})[0].value == {APP_ID: True}


@pytest.mark.parametrize(
    ("override", "expected", "matches", "shown"),
    [
        (URL, URL, True, URL),
        (URL, "https://other.example.com/", False, URL),
        (URL, None, None, URL),
        (None, URL, None, None),
        ("", URL, None, None),
        (["x"], URL, None, None),
    ],
)
def test_override_is_compared_where_one_is_expected(
    override: object, expected: str | None, matches: bool | None, shown: str | None
) -> None:
    readings = read({"data": [wrapped(APP_ID, override_callback_uri=override)]}, expected_callback_url=expected)

    assert readings[1] == WEBHOOK_OVERRIDE_MATCHES.reading(WABA, matches, raw=shown)


def test_secrets_in_an_override_are_compared_but_not_kept() -> None:
    url = "https://user:pa55@hooks.example.com:8443/wa?key=s3cret#frag"

    readings = read({"data": [wrapped(APP_ID, override_callback_uri=url)]}, expected_callback_url=url)

    assert readings[1] == WEBHOOK_OVERRIDE_MATCHES.reading(WABA, True, raw="https://hooks.example.com:8443/wa")


def test_override_of_another_app_does_not_count() -> None:
    readings = read({"data": [wrapped("7", override_callback_uri=URL), wrapped(APP_ID)]}, expected_callback_url=URL)

    assert readings[1] == WEBHOOK_OVERRIDE_MATCHES.reading(WABA, None)


@pytest.mark.parametrize("url", ["http://[::1", "https://hooks.example.com:99999/wa", "https://hooks.example.com:x/"])
def test_override_that_is_no_url_differs_and_breaks_nothing(url: str) -> None:
    readings = read({"data": [wrapped(APP_ID, override_callback_uri=url)]}, expected_callback_url=URL)

    assert readings[1] == WEBHOOK_OVERRIDE_MATCHES.reading(WABA, False, raw="not a URL")
