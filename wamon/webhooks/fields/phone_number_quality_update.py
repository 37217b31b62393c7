"""phone_number_quality_update: throughput and messaging limit of a number, in spite of the name.

It promises no quality rating any more, so it is a hint: the poll that it asks for shows the rating.
Source: Meta "phone_number_quality_update" webhook reference, read 2026-09.
"""

from collections.abc import Iterator

from wamon.core.health import Reading, Subject
from wamon.core.ports import JsonObject
from wamon.probes.account import MESSAGING_LIMIT, THROUGHPUT_LEVEL
from wamon.probes.payload import text
from wamon.webhooks.field import Directory, Field, Heed, Notice
from wamon.webhooks.forms import recipients_of, words_of


def read(notice: Notice, directory: Directory) -> Heed:
    """The throughput and the limit where they are told beyond doubt; always a poll."""
    number = directory.number(notice.waba_id, notice.value.get("display_phone_number"))
    readings = () if number is None else tuple(_readings(number, notice.value))
    return Heed(readings=readings, asks_poll=True)


def _readings(number: Subject, value: JsonObject) -> Iterator[Reading]:
    if (text(value.get("event")) or "").upper() == "THROUGHPUT_UPGRADE":
        yield THROUGHPUT_LEVEL.reading(number, "HIGH", raw=words_of(value.get("event")))
    told = (value.get("max_daily_conversations_per_business"), value.get("current_limit"))
    limits = {limit for each in told if (limit := recipients_of(each)) is not None}
    if len(limits) == 1:
        yield MESSAGING_LIMIT.reading(number, limits.pop(), raw=words_of(*told))


FIELD = Field(
    name="phone_number_quality_update",
    doc="A hint that a number's throughput, limit or quality moved: it is polled at once.",
    signals=(THROUGHPUT_LEVEL, MESSAGING_LIMIT),
    read=read,
)
