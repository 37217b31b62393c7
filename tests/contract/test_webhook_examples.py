"""Every webhook example in Meta's own API description is read, each to what it is, and none is quarantined."""

import json
from typing import Any

import pytest
import yaml

from tests.tools import require_contract
from tests.webhooks.posting import APP_ID, KEY, RECEIVED_AT, events, quarantined, unmonitored, unrecognised
from wamon.core.delivery import SENT
from wamon.webhooks.digest import Digests
from wamon.webhooks.envelope import Post, decode

WABA_IDS = ("419561257915477", "102290129340398")
NUMBER = "106540352242922"
PATH = "/whatsapp/webhooks"

# What comes of each example: its events by field. All tell of inbound messages or of groups, none has a status.
EVENTS = {
    "Text Message": {"messages": 1},
    "Text Message with Context (Product Inquiry)": {"messages": 1},
    "Text Message from Click to WhatsApp Ad": {"messages": 1},
    "Reaction Message": {"messages": 1},
    "Image Message": {"messages": 1},
    "Location Message": {"messages": 1},
    "Contact Sharing Message": {"messages": 1},
    "Unsupported Message": {"messages": 1},
    "Button Message": {"messages": 1},
    "Interactive List Reply Message": {"messages": 1},
    "Interactive Button Reply Message": {"messages": 1},
    "Order Message": {"messages": 1},
    "System Message": {"messages": 1},
    "Group Create Message": {"other": 1},
    "Group Settings Update": {"other": 1},
    "Group Remove Participants": {"other": 1},
}


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(require_contract().read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return document


def examples(contract: dict[str, Any]) -> dict[str, Any]:
    content = contract["paths"][PATH]["post"]["requestBody"]["content"]["application/json"]
    return {name: example["value"] for name, example in content["examples"].items()}


def read(body: object, *, numbers: frozenset[str] = frozenset()) -> Post:
    watched = dict.fromkeys(WABA_IDS, numbers)
    raw = json.dumps(body).encode()
    return decode(raw, received_at=RECEIVED_AT, digests=Digests(KEY), watched=watched, app_id=APP_ID)


def test_every_example_is_one_event_of_its_field(contract: dict[str, Any]) -> None:
    posts = {name: read(body, numbers=frozenset({NUMBER})) for name, body in examples(contract).items()}

    assert {name: events(found) for name, found in posts.items()} == EVENTS
    assert {name: len(found.updates) for name, found in posts.items()} == dict.fromkeys(EVENTS, 0)
    assert {name: len(found.notices) for name, found in posts.items()} == dict.fromkeys(EVENTS, 0)
    assert {name: quarantined(found) for name, found in posts.items()} == {name: {} for name in EVENTS}


def test_only_fields_of_groups_have_no_reader(contract: dict[str, Any]) -> None:
    unread = {name for name, body in examples(contract).items() if unrecognised(read(body)) == {"field": 1}}

    assert unread == {"Group Create Message", "Group Settings Update", "Group Remove Participants"}


def test_nothing_is_kept_of_an_example_about_another_number(contract: dict[str, Any]) -> None:
    posts = [
        read(body, numbers=frozenset({"1"}))
        for name, body in examples(contract).items()
        if EVENTS[name] == {"messages": 1}
    ]

    assert [unmonitored(found) for found in posts] == [{APP_ID: 1}] * 13
    assert all(len(found.counted) == 1 for found in posts)


def test_status_of_the_descriptions_schema_is_read(contract: dict[str, Any]) -> None:
    """There is no example of one, so this has every key of the schema, with the types that it gives them."""
    schemas = contract["components"]["schemas"]
    status = {
        "id": "wamid.HBgLMTU1NTAxMDAyMzQVAgARGBI=",
        "status": "sent",
        "timestamp": "1795342205",
        "recipient_id": "15550100234",
        "group_id": "Y2FwaV9ncm91cDo",
        "conversation": {"id": "5a1f", "expiration_timestamp": "1795428600", "origin": {"type": "utility"}},
        "pricing": {"billable": True, "pricing_model": "PMP", "category": "utility"},
        "errors": [{"code": 131026, "title": "x", "message": "x", "error_data": {"details": "x"}}],
    }
    value = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": NUMBER}, "statuses": [status]}
    body = {"entry": [{"id": WABA_IDS[0], "changes": [{"field": "messages", "value": value}]}]}

    found = read(body)

    assert set(schemas["Statuses"]["properties"]) == set(status)
    assert [(update.status, update.at, update.category) for update in found.updates] == [(SENT, 1795342205, "utility")]
    assert found.quarantined == []
