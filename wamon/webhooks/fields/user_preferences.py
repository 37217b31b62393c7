"""The field `user_preferences`: who does not want marketing messages any more.

Source: Meta "user_preferences" webhook reference, read 2026-01.
"""

from typing import Final

from wamon.core import books
from wamon.core.books import Tally
from wamon.core.delivery import OPT_OUT, Update
from wamon.probes.payload import mapping, text
from wamon.webhooks.entering import stamp, watched_number
from wamon.webhooks.field import Change, Field, WebhookShapeError
from wamon.webhooks.lenient import UNEXPECTED_SHAPE, load_object
from wamon.webhooks.skeleton import UnreadablePartsError

MARKETING: Final = "marketing_messages"
STOP: Final = "stop"
# The way back; `signup` is known from pywa only.
WELCOME: Final = frozenset({"resume", "signup"})

UNRECOGNISED_PREFERENCE: Final = (books.UNRECOGNISED, "", "", "user_preference", books.FOR_EVER)


def enter(change: Change, updates: list[Update], tally: Tally) -> None:
    value = load_object(change.value)
    number = watched_number(change, mapping(value.get("metadata")).get("phone_number_id"), tally)
    preferences = value.get("user_preferences")
    if number is None or preferences is None:
        return
    if not isinstance(preferences, list):
        raise WebhookShapeError(UNEXPECTED_SHAPE)
    unreadable: list[tuple[str, object]] = []
    for preference in preferences:
        category, wish = (text(mapping(preference).get(key)) for key in ("category", "value"))
        if category is None or wish is None:
            unreadable.append((UNEXPECTED_SHAPE, preference))
        elif category == MARKETING and wish == STOP:
            who = text(preference.get("wa_id")) or text(preference.get("user_id")) or ""
            when = text(preference.get("timestamp"))
            # Who stops, resumes and stops again has stopped twice, so the stamp is part of it.
            seen_as = change.digests.of(number, who, when or "", "opt_out")
            at = stamp(when, change.received_at)
            updates.append(Update(change.waba_id, number, seen_as, OPT_OUT, at, change.received_at))
        elif category != MARKETING or wish not in WELCOME:
            tally[UNRECOGNISED_PREFERENCE] += 1
    if unreadable:
        raise UnreadablePartsError(unreadable)


FIELD: Final = Field(name="user_preferences", doc="Who does not want marketing messages any more.", enter=enter)
