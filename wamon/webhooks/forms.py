"""Readers of values that Meta writes in several forms; but for a notice's own word, whatever is in none is None."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from wamon.core import vocabulary
from wamon.core.ports import JsonObject
from wamon.probes.payload import items, text, unix_time
from wamon.webhooks.field import WebhookShapeError
from wamon.webhooks.lenient import UNEXPECTED_SHAPE

# WhatsApp was founded in 2009; what lies farther ahead than 2099 is a slip, a number in another unit or "for ever".
PLAUSIBLE_YEARS: Final = range(2009, 2100)

# Meta's sentences are evidence: enough of one to be understood.
LONGEST_WORDS: Final = 300

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def required_word(value: JsonObject, key: str) -> str:
    """The word that the whole notice turns on, in upper case. Raises WebhookShapeError where there is none."""
    word = value.get(key)
    found = text(word) if isinstance(word, str) else None
    if found is None:
        raise WebhookShapeError(UNEXPECTED_SHAPE)
    return found.upper()


def moment_of(value: object) -> datetime | None:
    """A moment from unix seconds (number or digits), ISO 8601, or English long form; a day is its midnight in UTC.

    None for one that cannot be meant, before 2009 or from 2100 on: nobody may calculate with it.
    Meta writes 1641330498, "1641330498", "2026-04-19T13:59:20+0000" and "April 17, 2025". Source: facts, 2026-11.
    """
    found = _written(value.strip()) if isinstance(value, str) else unix_time(value)
    return found if found is not None and found.year in PLAUSIBLE_YEARS else None


def _written(value: str) -> datetime | None:
    return unix_time(value) if value.isdecimal() else _iso(value) or _long_form(value)


def _iso(written: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(written)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _long_form(written: str) -> datetime | None:
    """`April 17, 2025`. Not by strptime, whose month names are those of the machine's language."""
    month, *rest = written.replace(",", " ").split() or [""]
    try:
        day, year = (int(part) for part in rest)
        return datetime(year, _MONTHS.index(month[:3].lower()) + 1, day, tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def number_of(value: object) -> float | None:
    """A finite number, also from a text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def recipients_of(limit: object) -> float | None:
    """A messaging limit in people: a positive number, -1 for none (infinite), or a tier's word."""
    number = number_of(limit)
    if number is None:
        return vocabulary.messaging_limit_recipients(limit) if isinstance(limit, str) else None
    return math.inf if number == -1 else number if number > 0 else None


def objects_of(value: object) -> list[JsonObject]:
    """The objects of a list; an object that stands alone is a list of one."""
    return [value] if isinstance(value, Mapping) else items(value)


def words_of(*parts: object) -> str | None:
    """What there is of these texts, on one line of bearable length; None when there is nothing."""
    found = "; ".join(dict.fromkeys(" ".join(part.split()) for each in parts if (part := text(each))))
    return found[:LONGEST_WORDS] or None
