"""What the fields that go into the ledger have in common: whose number it is, and when it was."""

from typing import Final

from wamon.core import books
from wamon.core.books import Tally
from wamon.probes.payload import text
from wamon.webhooks.field import Change, WebhookShapeError

NO_PHONE_NUMBER_ID: Final = "no_phone_number_id"

# Which app told of a number that is not watched is known to the envelope, which puts its id into the label.
UNWATCHED_NUMBER: Final = (books.UNMONITORED, "", "", "", books.FOR_EVER)

# A stamp from so far ahead is no moment but another unit or a slip, and would stand in the windows for years.
FUTURE_SECONDS: Final = 86400
# Meta repeats for a week; one from so long ago would be a delivery time of years in the histograms.
PAST_SECONDS: Final = 40 * 86400

# Meta's ids have 15 to 17 digits; this one becomes a label.
LONGEST_ID: Final = 32


def watched_number(change: Change, phone_number_id: object, tally: Tally) -> str | None:
    """The number that a change is about; None, and counted, for one that is not watched.

    Raises WebhookShapeError where there is no such number.
    """
    number = phone_number_id if isinstance(phone_number_id, str) else text(phone_number_id)
    if number is None or len(number) > LONGEST_ID or not (number.isascii() and number.isalnum()):
        raise WebhookShapeError(NO_PHONE_NUMBER_ID)
    if change.phone_number_ids and number not in change.phone_number_ids:
        tally[UNWATCHED_NUMBER] += 1
        return None
    return number


def stamp(timestamp: str | float | None, received_at: float) -> int:
    """Meta's stamp in unix seconds, from a number or a text of digits; our receipt where it gave none."""
    try:
        seconds = 0 if timestamp is None else int(timestamp)
    except (ValueError, OverflowError):
        seconds = 0
    return seconds if received_at - PAST_SECONDS <= seconds <= received_at + FUTURE_SECONDS else int(received_at)
