"""Webhook bodies, and what decode makes of them for one watched account."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wamon.core import books
from wamon.core.books import TallyKey
from wamon.webhooks.digest import Digests
from wamon.webhooks.envelope import Post, decode

PAYLOADS = Path(__file__).parents[1] / "payloads" / "webhooks"

WABA_ID = "102290129340398"
NUMBER = "106540352242922"
OTHER_NUMBER = "106540352242999"
APP_ID = "634974688087057"
KEY = b"install-key-of-thirty-two-bytes!"

# 22 Nov 2026, 10:10:10 UTC and a half.
RECEIVED_AT = 1795342210.5
HOUR_BUCKET = 1795341600

WHOLE_ACCOUNT: Mapping[str, frozenset[str]] = {WABA_ID: frozenset()}
ONE_NUMBER: Mapping[str, frozenset[str]] = {WABA_ID: frozenset({NUMBER})}


def payload(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))
    return body


def post(
    body: object,
    *,
    watched: Mapping[str, frozenset[str]] = WHOLE_ACCOUNT,
    received_at: float = RECEIVED_AT,
    key: bytes = KEY,
) -> Post:
    """What becomes of a body, given as bytes or as a JSON value."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return decode(raw, received_at=received_at, digests=Digests(key), watched=watched, app_id=APP_ID)


def envelope(*changes: object, waba_id: object = WABA_ID, **entry: object) -> dict[str, Any]:
    return {"object": "whatsapp_business_account", "entry": [{"id": waba_id, **entry, "changes": list(changes)}]}


def messages(**value: object) -> dict[str, Any]:
    """A change of `messages` about the watched number."""
    return {"field": "messages", "value": {"metadata": {"phone_number_id": NUMBER}, **value}}


def statuses(*each: object) -> dict[str, Any]:
    """A body with these statuses."""
    return envelope(messages(statuses=list(each)))


def by_label(counted: Mapping[TallyKey, int], figure: str) -> dict[str, int]:
    """What was counted of a figure, by its label."""
    return {label: amount for (name, _, _, label, _), amount in counted.items() if name == figure}


def events(found: Post) -> dict[str, int]:
    return by_label(found.counted, books.WEBHOOK_EVENTS)


def quarantined(found: Post) -> dict[str, int]:
    return by_label(found.counted, books.QUARANTINED)


def unrecognised(found: Post) -> dict[str, int]:
    return by_label(found.counted, books.UNRECOGNISED)


def unmonitored(found: Post) -> dict[str, int]:
    return by_label(found.counted, books.UNMONITORED)
