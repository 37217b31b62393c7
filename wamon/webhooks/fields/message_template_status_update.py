"""The field `message_template_status_update`: a message template was approved, rejected, paused, disabled and so on.

Source: Meta "message_template_status_update" webhook reference and "Template pausing", read 2026-09; YCloud's pages on
what an unpause looks like, read 2026-11.
"""

from collections.abc import Iterator
from datetime import UTC
from typing import Final

from wamon.core.health import Reading
from wamon.core.ports import JsonObject
from wamon.core.vocabulary import TEMPLATE_STATUS
from wamon.probes.payload import mapping, text, unix_time
from wamon.probes.templates import (
    GONE,
    LONGEST_WORDS,
    TEMPLATE_PROBLEM,
    TEMPLATE_REJECTED_REASON,
    rejected_reading,
    status_reading,
)
from wamon.webhooks.field import Directory, Field, Heed, Notice, WebhookShapeError
from wamon.webhooks.fields import message_template_quality_update
from wamon.webhooks.lenient import UNEXPECTED_SHAPE
from wamon.webhooks.templates import TEMPLATE_REMARK, holds_until, template_of

# What `other_info` says to have happened when the event only says that the template was locked.
_LOCKED_MEANS: Final = {
    "FIRST_PAUSE": "PAUSED",
    "SECOND_PAUSE": "PAUSED",
    "RATE_LIMITING_PAUSE": "PAUSED",
    "DISABLED": "DISABLED",
}
_UNPAUSE: Final = "UNPAUSE"


def read(notice: Notice, directory: Directory) -> Heed:
    """Nothing is read of a template that was taken away: that it is on no list any more, the next reads tell."""
    value = notice.value
    event = value.get("event")
    if not isinstance(event, str) or text(event) is None:
        # Meta's own example of a quality update carries this field's name.
        if "new_quality_score" in value:
            return message_template_quality_update.read(notice, directory)
        raise WebhookShapeError(UNEXPECTED_SHAPE)
    template = template_of(notice)
    word = _status(event, mapping(value.get("other_info")))
    status = TEMPLATE_STATUS.normalise(word)
    if status in GONE:
        return Heed()
    until = holds_until(notice)
    readings: list[Reading] = [
        status_reading(template, word, holds_until=until),
        rejected_reading(template, value.get("reason"), holds_until=until),
    ]
    words = "; ".join(_words(value))[:LONGEST_WORDS]
    if words and status is not None:
        readings.append(TEMPLATE_REMARK.reading(template, {"status": status, "words": words}))
    return Heed(readings=tuple(readings))


def _status(event: str, other_info: JsonObject) -> str:
    """The status that the event leaves the template in."""
    title = (text(other_info.get("title")) or "").upper()
    status = TEMPLATE_STATUS.normalise(event)
    if title == _UNPAUSE and status not in GONE:
        return "APPROVED"
    return _LOCKED_MEANS.get(title, event) if status == "LOCKED" else event


def _words(value: JsonObject) -> Iterator[str]:
    other, rejection = mapping(value.get("other_info")), mapping(value.get("rejection_info"))
    said = (other.get("title"), other.get("description"), rejection.get("reason"), rejection.get("recommendation"))
    yield from (" ".join(words.split()) for each in said if (words := text(each)))
    # A number by the reference, `January 31, 2021` in older samples.
    date = mapping(value.get("disable_info")).get("disable_date")
    at = unix_time(date)
    if at is not None:
        yield f"disabled on {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    elif words := text(date):
        yield f"disabled on {words}"


FIELD: Final = Field(
    name="message_template_status_update",
    doc="A message template was approved, rejected, paused, disabled and so on.",
    signals=(TEMPLATE_PROBLEM, TEMPLATE_REJECTED_REASON, TEMPLATE_REMARK),
    read=read,
)
