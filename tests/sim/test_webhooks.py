"""Webhook bodies: Meta's form, Meta's escapes, Meta's signature."""

import base64
import hmac
import json
import random
from datetime import timedelta
from functools import cache
from typing import Any

import jsonschema
import pytest
import yaml

from tests.fakes import START
from tests.sim.callers import small_world
from tests.tools import require_contract
from wamon.sim.traffic import Mix, Traffic
from wamon.sim.webhooks import (
    MESSAGES,
    Customer,
    Event,
    body_of,
    encode,
    restriction,
    signature,
    status,
    stop,
    wamid,
)
from wamon.sim.world import World

STAMP = int(START.timestamp())
ZOE = Customer(phone="493023125042", name="Zoë / Müller 🌷", user_id="DE.1234567890123456")
MESSAGE_ID = wamid(ZOE.phone, "3A4A6599AEE0381014")


def first_waba_id(world: World) -> str:
    return next(iter(world.wabas))


def told(world: World, word: str = "sent", *, number_index: int = 0, **options: Any) -> Event:
    number = tuple(world.numbers.values())[number_index]
    item = status(MESSAGE_ID, word, START, ZOE, **options)
    return Event(waba_id=number.waba_id, field=MESSAGES, at=START, item=item, number=number, customer=ZOE)


def test_one_status_stands_in_metas_envelope() -> None:
    world, _ = small_world()

    body = body_of([told(world, category="utility")])

    assert body == {
        "object": "whatsapp_business_account",
        "entry": [
            {
                "id": first_waba_id(world),
                "changes": [
                    {
                        "value": {
                            "messaging_product": "whatsapp",
                            "metadata": {
                                "display_phone_number": "15550783881",
                                "phone_number_id": next(iter(world.numbers)),
                            },
                            "contacts": [
                                {
                                    "profile": {"name": "Zoë / Müller 🌷"},
                                    "wa_id": "493023125042",
                                    "user_id": "DE.1234567890123456",
                                }
                            ],
                            "statuses": [
                                {
                                    "id": MESSAGE_ID,
                                    "status": "sent",
                                    "timestamp": str(STAMP),
                                    "recipient_id": "493023125042",
                                    "recipient_user_id": "DE.1234567890123456",
                                    "pricing": {
                                        "billable": True,
                                        "pricing_model": "PMP",
                                        "category": "utility",
                                        "type": "regular",
                                    },
                                }
                            ],
                        },
                        "field": "messages",
                    }
                ],
            }
        ],
    }


def test_events_of_several_numbers_and_accounts_share_a_body() -> None:
    world, _ = small_world()
    market, deliveries = world.wabas
    restricted = Event(
        waba_id=deliveries, field="account_update", at=START, item=restriction(START, "RESTRICTED_UTILITY_TEMPLATES")
    )

    body: Any = body_of([told(world), told(world, number_index=1), restricted, told(world, "delivered")])

    entries = {entry["id"]: entry for entry in body["entry"]}
    assert [len(change["value"]["statuses"]) for change in entries[market]["changes"]] == [2, 1]
    assert [change["field"] for change in entries[deliveries]["changes"]] == ["account_update"]
    assert ["time" in entries[market], entries[deliveries]["time"]] == [False, STAMP]


def test_failed_status_carries_the_error_and_no_price() -> None:
    world, _ = small_world()

    item: Any = told(world, "failed", error_code=131026).item

    (error,) = item["errors"]
    assert "pricing" not in item
    assert (error["code"], error["title"], error["message"]) == (
        131026,
        "Message undeliverable",
        "Message undeliverable",
    )
    assert set(error) == {"code", "title", "message", "error_data", "href"}


def test_unknown_code_has_an_error_too() -> None:
    world, _ = small_world()

    item: Any = told(world, "failed", error_code=999999).item

    assert item["errors"][0]["code"] == 999999


def test_stop_is_a_user_preference_with_a_whole_number_for_its_stamp() -> None:
    world, _ = small_world()
    number = next(iter(world.numbers.values()))
    event = Event(
        waba_id=number.waba_id,
        field="user_preferences",
        at=START,
        item=stop(START, ZOE),
        number=number,
        customer=ZOE,
    )

    body: Any = body_of([event])

    value = body["entry"][0]["changes"][0]["value"]
    assert value["user_preferences"] == [
        {
            "wa_id": "493023125042",
            "user_id": "DE.1234567890123456",
            "detail": "User requested to stop marketing messages",
            "category": "marketing_messages",
            "value": "stop",
            "timestamp": STAMP,
        }
    ]


def test_restriction_names_its_own_end() -> None:
    value = restriction(START + timedelta(hours=1), "RESTRICTED_BIZ_INITIATED_MESSAGING")

    assert value == {
        "event": "ACCOUNT_RESTRICTION",
        "restriction_info": [
            {"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": STAMP + 3600},
        ],
    }


def test_message_id_holds_the_customers_number_in_clear_as_metas_does() -> None:
    metas = "HBgLMTY1MDM4Nzk0MzkVAgARGBI0RTJEOTc2ODVERUY5RDlGNkYA"

    ours = wamid("16503879439", "4E2D97685DEF9D9F6F")

    assert ours == f"wamid.{metas}"
    assert b"493023125042" in base64.b64decode(MESSAGE_ID.removeprefix("wamid."))


def test_body_is_escaped_as_meta_escapes() -> None:
    content = encode({"name": "Zoë / Müller 🌷", "list": [1, True, None]})

    assert content == rb'{"name":"Zo\u00eb \/ M\u00fcller \ud83c\udf37","list":[1,true,null]}'
    assert json.loads(content)["name"] == "Zoë / Müller 🌷"


def test_signature_is_over_the_bytes_with_the_apps_secret() -> None:
    content = encode({"name": "Zoë"})

    header = signature("secret", content)

    assert header == "sha256=" + hmac.digest(b"secret", rb'{"name":"Zo\u00eb"}', "sha256").hex()
    assert len(header) == 71


@cache
def contract() -> dict[str, Any]:
    loaded = yaml.load(require_contract().read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    assert isinstance(loaded, dict)
    return loaded


@pytest.mark.parametrize("failed", [{}, {131026: 1.0}])
def test_statuses_keep_to_metas_own_description(failed: dict[int, float]) -> None:
    world, clock = small_world()
    traffic = Traffic(world, random.Random(1))
    traffic.start(next(iter(world.numbers)), per_hour=3600, mix=Mix(failed=failed))
    clock.advance(1200)
    schema = {"$ref": "#/components/schemas/StatusMessageValue", "components": contract()["components"]}
    body: Any = json.loads(encode(body_of(traffic.due())))

    (change,) = body["entry"][0]["changes"]

    assert len(change["value"]["statuses"]) > 100
    jsonschema.validate(change["value"], schema, cls=jsonschema.Draft202012Validator)


def test_keys_of_the_envelope_are_those_of_metas_examples() -> None:
    world, _ = small_world()
    ours: Any = body_of([told(world)])
    examples = contract()["paths"]["/whatsapp/webhooks"]["post"]["requestBody"]["content"]["application/json"][
        "examples"
    ]
    theirs = examples["Text Message"]["value"]

    assert ours.keys() == theirs.keys()
    assert ours["entry"][0].keys() == theirs["entry"][0].keys()
    assert ours["entry"][0]["changes"][0].keys() == theirs["entry"][0]["changes"][0].keys()
    metadata = theirs["entry"][0]["changes"][0]["value"]["metadata"]
    assert ours["entry"][0]["changes"][0]["value"]["metadata"].keys() == metadata.keys()
