"""The field `messages`: what became of each message that was sent, by `value.statuses[]`.

Nothing of inbound messages is read (`messages[]`, their `errors[]` included); that one came counts as an event. The
`errors[]` beside them are faults of the account or the system without a message id, so no failed sends either.
Source: Meta "messages" webhook reference, read 2026-09.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from wamon.core import books
from wamon.core.books import Tally
from wamon.core.calling_codes import calling_code
from wamon.core.delivery import DELIVERED, FAILED, PLAYED, READ, SENT, Update
from wamon.core.ports import JsonObject
from wamon.probes.payload import error_code, items, mapping, text
from wamon.webhooks.entering import stamp, watched_number
from wamon.webhooks.field import Change, Field, WebhookShapeError
from wamon.webhooks.lenient import UNEXPECTED_SHAPE, load_object
from wamon.webhooks.skeleton import UnreadablePartsError

NO_MESSAGE_ID: Final = "no_message_id"

STATUSES: Final = {"sent": SENT, "delivered": DELIVERED, "read": READ, "failed": FAILED, "played": PLAYED}

# Pricing categories; conversation.origin.type spells one of them with an underscore.
CATEGORIES: Final = {
    "authentication": "authentication",
    "authentication-international": "authentication-international",
    "authentication_international": "authentication-international",
    "marketing": "marketing",
    "marketing_lite": "marketing_lite",
    "referral_conversion": "referral_conversion",
    "service": "service",
    "utility": "utility",
    "group_marketing": "group_marketing",
    "group_service": "group_service",
    "user_initiated": "user_initiated",
    "business_initiated": "business_initiated",
}
OTHER_CATEGORY: Final = "other"

UNRECOGNISED_STATUS: Final = (books.UNRECOGNISED, "", "", "status", books.FOR_EVER)
UNRECOGNISED_CATEGORY: Final = (books.UNRECOGNISED, "", "", "category", books.FOR_EVER)


class _Metadata(msgspec.Struct, gc=False):
    phone_number_id: str | int | None = None


class _Pricing(msgspec.Struct, gc=False):
    category: str | None = None


class _Origin(msgspec.Struct, gc=False):
    type: str | None = None


class _Conversation(msgspec.Struct, gc=False):
    pricing: _Pricing | None = None
    origin: _Origin | None = None


class _Error(msgspec.Struct, gc=False):
    code: str | int | None = None


class _Status(msgspec.Struct, gc=False):
    """What is read of a status; nothing else reaches memory. The types that vary in the wild are unions."""

    id: str | int | None = None
    status: str | None = None
    timestamp: str | int | float | None = None
    recipient_id: str | int | None = None
    recipient_type: str | None = None
    recipient_participant_id: str | int | None = None
    participant_recipient_id: str | int | None = None
    recipient_participant_user_id: str | int | None = None
    group_id: str | int | None = None
    errors: list[_Error] | None = None
    pricing: _Pricing | None = None
    conversation: _Conversation | None = None


class _Value(msgspec.Struct, gc=False):
    metadata: _Metadata | None = None
    statuses: list[_Status] | None = None


_DECODER: Final = msgspec.json.Decoder(_Value)


def enter(change: Change, updates: list[Update], tally: Tally) -> None:
    try:
        value = _DECODER.decode(change.value)
    except (ValueError, RecursionError):
        _enter_loosely(change, updates, tally)
        return
    number = watched_number(change, value.metadata.phone_number_id if value.metadata else None, tally)
    if number is not None and value.statuses:
        unreadable = _enter_statuses(value.statuses, number, change, updates, tally)
        if unreadable:
            statuses = load_object(change.value)["statuses"]
            raise UnreadablePartsError([(reason, statuses[index]) for reason, index in unreadable])


def _enter_loosely(change: Change, updates: list[Update], tally: Tally) -> None:
    """Read each status as far as it can be read, since something in the value has not its type."""
    value = load_object(change.value)
    number = watched_number(change, mapping(value.get("metadata")).get("phone_number_id"), tally)
    statuses = value.get("statuses")
    if number is None or statuses is None:
        return
    if not isinstance(statuses, list):
        raise WebhookShapeError(UNEXPECTED_SHAPE)
    unreadable = _enter_statuses([_loose(mapping(each)) for each in statuses], number, change, updates, tally)
    if unreadable:
        raise UnreadablePartsError([(reason, statuses[index]) for reason, index in unreadable])


def _loose(status: JsonObject) -> _Status:
    conversation = mapping(status.get("conversation"))
    word, timestamp = status.get("status"), status.get("timestamp")
    return _Status(
        id=text(status.get("id")),
        status=word if isinstance(word, str) else None,
        timestamp=timestamp if isinstance(timestamp, float) else text(timestamp),
        recipient_id=text(status.get("recipient_id")),
        recipient_type=text(status.get("recipient_type")),
        recipient_participant_id=text(status.get("recipient_participant_id")),
        participant_recipient_id=text(status.get("participant_recipient_id")),
        recipient_participant_user_id=text(status.get("recipient_participant_user_id")),
        group_id=text(status.get("group_id")),
        errors=[_Error(text(error.get("code"))) for error in items(status.get("errors"))],
        pricing=_Pricing(text(mapping(status.get("pricing")).get("category"))),
        conversation=_Conversation(
            _Pricing(text(mapping(conversation.get("pricing")).get("category"))),
            _Origin(text(mapping(conversation.get("origin")).get("type"))),
        ),
    )


def _enter_statuses(
    statuses: Iterable[_Status], number: str, change: Change, updates: list[Update], tally: Tally
) -> list[tuple[str, int]]:
    """Append an update for each status; where those stand that are none of a message comes back, with the reason."""
    unreadable: list[tuple[str, int]] = []
    waba_id, received_at = change.waba_id, change.received_at
    digest_of = change.digests.of_joined
    for index, status in enumerate(statuses):
        bit = STATUSES.get(status.status or "")
        if bit is None:
            if status.status:
                tally[UNRECOGNISED_STATUS] += 1
            else:
                unreadable.append((UNEXPECTED_SHAPE, index))
            continue
        message_id = status.id
        if message_id is None or message_id == "":
            unreadable.append((NO_MESSAGE_ID, index))
            continue
        participant = (
            status.recipient_participant_id
            or status.participant_recipient_id
            or status.recipient_participant_user_id
            or (status.group_id and _member(status))
            or ""
        )
        is_personal = not participant and status.recipient_type != "group" and status.recipient_id
        updates.append(
            Update(
                waba_id,
                number,
                # It stands for the message and, in a group, its member: one message has a status for each of them.
                digest_of(f"{number}\0{message_id}\0{participant}".encode()),
                bit,
                stamp(status.timestamp, received_at),
                received_at,
                _failure_code(status) if bit == FAILED else None,
                _category(status, tally),
                calling_code(str(status.recipient_id)) if is_personal else None,
            )
        )
    return unreadable


def _member(status: _Status) -> str | int | None:
    """Whom of a group the status is about, where the group stands beside its member, not in the recipient's place.

    Source: Meta's OpenAPI description of the Cloud API, v23.0, schema Statuses.
    """
    return status.recipient_id if str(status.recipient_id) != str(status.group_id) else None


def _failure_code(status: _Status) -> int | None:
    code = error_code(status.errors[0].code) if status.errors else None
    return None if code is None else int(code)


def _category(status: _Status, tally: Tally) -> str | None:
    """The pricing category, which stands in the conversation in examples of groups, and as its origin in older ones."""
    pricing, conversation = status.pricing, status.conversation
    name = pricing.category if pricing is not None else None
    if name is None and conversation is not None:
        if conversation.pricing is not None:
            name = conversation.pricing.category
        if name is None and conversation.origin is not None:
            name = conversation.origin.type
    if name is None:
        return None
    category = CATEGORIES.get(name) or CATEGORIES.get(name.lower())
    if category is None:
        tally[UNRECOGNISED_CATEGORY] += 1
        return OTHER_CATEGORY
    return category


FIELD: Final = Field(name="messages", doc="What became of each message: sent, delivered, read, failed.", enter=enter)
