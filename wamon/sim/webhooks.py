"""Webhook bodies as Meta writes and signs them.

Forms and values are those of Meta's pages "Webhooks overview", "messages webhook: status" and "account_update", read
2026-09; captures of real traffic (2026-07) where the pages are silent.
"""

from __future__ import annotations

import hmac
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TypeAlias

from wamon.sim.entities import Number

JsonObject: TypeAlias = dict[str, object]

MESSAGES = "messages"
USER_PREFERENCES = "user_preferences"
SIGNATURE_HEADER = "X-Hub-Signature-256"
HELP_PAGE = "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/"

STATUS_ERRORS: Mapping[int, tuple[str, str]] = {
    130429: ("Rate limit hit", "Cloud API message throughput has been reached."),
    130472: ("User's number is part of an experiment", "Failed to send: the user is part of an experiment."),
    131000: ("Something went wrong", "Message failed to send because of an unknown error."),
    131026: ("Message undeliverable", "Message undeliverable."),
    131042: ("Business eligibility payment issue", "Message failed because of an issue with your payment method."),
    131047: ("Re-engagement message", "More than 24 hours have passed since the customer last replied."),
    131048: ("Spam rate limit hit", "Too many messages of this number were blocked or flagged as spam."),
    131049: ("Message not delivered", "Not delivered, to maintain healthy ecosystem engagement."),
    131050: ("User has stopped marketing messages", "The recipient chose to stop your marketing messages."),
    131053: ("Media upload error", "The media could not be uploaded."),
    131056: ("Pair rate limit hit", "Too many messages from this number to the same recipient."),
}
"""The title and details that Meta sends with a code, shortened."""

_UNKNOWN_ERROR = ("Unknown error", "No details.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Somebody who gets messages. `phone` has digits only; `user_id` is the business-scoped user id."""

    phone: str
    name: str
    user_id: str

    def contact(self) -> JsonObject:
        """As it stands in `contacts` of a webhook."""
        return {"profile": {"name": self.name}, "wa_id": self.phone, "user_id": self.user_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that Meta has to tell about a WABA, stamped `at`.

    `item` is one status or one user preference where many share a value with the number's metadata (`number` is there
    then), else the whole value of an account-level field.
    """

    waba_id: str
    field: str
    at: datetime
    item: JsonObject
    number: Number | None = None
    customer: Customer | None = None


def wamid(phone: str, own: str) -> str:
    """A message id; as in Meta's, its base64 holds the customer's phone number in clear. `own` makes it unique."""
    parts = len(phone), phone.encode(), len(own), own.encode()
    packed = b"\x1c\x18%c%b\x15\x02\x00\x11\x18%c%b\x00" % parts
    return f"wamid.{b64encode(packed).decode()}"


def status(
    message_id: str,
    word: str,
    at: datetime,
    customer: Customer,
    *,
    category: str | None = None,
    error_code: int | None = None,
) -> JsonObject:
    """One status of one message; `category` is the pricing category, None for a status without prices."""
    body: JsonObject = {
        "id": message_id,
        "status": word,
        "timestamp": str(_seconds(at)),
        "recipient_id": customer.phone,
        "recipient_user_id": customer.user_id,
    }
    if category is not None:
        body["pricing"] = {"billable": True, "pricing_model": "PMP", "category": category, "type": "regular"}
    if error_code is not None:
        title, details = STATUS_ERRORS.get(error_code, _UNKNOWN_ERROR)
        error = {"code": error_code, "title": title, "message": title, "error_data": {"details": details}}
        body["errors"] = [{**error, "href": HELP_PAGE}]
    return body


def stop(at: datetime, customer: Customer) -> JsonObject:
    """One user preference: this customer wants no more marketing messages."""
    return {
        "wa_id": customer.phone,
        "user_id": customer.user_id,
        "detail": "User requested to stop marketing messages",
        "category": "marketing_messages",
        "value": "stop",
        "timestamp": _seconds(at),
    }


def restriction(expires_at: datetime, *types: str) -> JsonObject:
    """The value of an `account_update` that restricts the account until its own end."""
    info = [{"restriction_type": each, "expiration": _seconds(expires_at)} for each in types]
    return {"event": "ACCOUNT_RESTRICTION", "restriction_info": info}


def body_of(events: Iterable[Event]) -> JsonObject:
    """One body that tells all of these, an entry for each WABA, a change for each number and each account event."""
    entries: dict[str, list[Event]] = {}
    for event in events:
        entries.setdefault(event.waba_id, []).append(event)
    return {
        "object": "whatsapp_business_account",
        "entry": [_entry(waba_id, told) for waba_id, told in entries.items()],
    }


def _entry(waba_id: str, events: Sequence[Event]) -> JsonObject:
    shared: dict[tuple[str, str], list[Event]] = {}
    changes: list[JsonObject] = []
    stamps: list[int] = []
    for event in events:
        if event.number is not None:
            shared.setdefault((event.field, event.number.id), []).append(event)
        else:
            changes.append({"value": event.item, "field": event.field})
            stamps.append(_seconds(event.at))
    changes += [{"value": _value(field, own), "field": field} for (field, _), own in shared.items()]
    # The stamp of an entry exists for account-level fields only.
    stamp: JsonObject = {"time": max(stamps)} if stamps else {}
    return {"id": waba_id, **stamp, "changes": changes}


def _value(field: str, events: Sequence[Event]) -> JsonObject:
    number = events[0].number
    shown = "" if number is None else number.display_phone_number or ""
    customers = {event.customer.phone: event.customer for event in events if event.customer is not None}
    return {
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": "".join(filter(str.isdecimal, shown)),
            "phone_number_id": "" if number is None else number.id,
        },
        "contacts": [customer.contact() for customer in customers.values()],
        "statuses" if field == MESSAGES else field: [event.item for event in events],
    }


def encode(body: JsonObject) -> bytes:
    """The text that Meta sends and signs: no spaces, all but ASCII escaped in lower case, and each slash too."""
    return json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode("ascii")


def signature(secret: str, body: bytes) -> str:
    """What stands in the signature header, made with the app's secret."""
    return f"sha256={hmac.new(secret.encode(), body, sha256).hexdigest()}"


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
