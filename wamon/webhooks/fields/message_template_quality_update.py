"""The field `message_template_quality_update`: how recipients take a message template has changed.

Source: Meta "message_template_quality_update" webhook reference, read 2026-01.
"""

from typing import Final

from wamon.probes.payload import text
from wamon.probes.templates import TEMPLATE_QUALITY_PROBLEM, quality_reading
from wamon.webhooks.field import Directory, Field, Heed, Notice, WebhookShapeError
from wamon.webhooks.lenient import UNEXPECTED_SHAPE
from wamon.webhooks.templates import holds_until, template_of


def read(notice: Notice, directory: Directory) -> Heed:
    score = notice.value.get("new_quality_score")
    if not isinstance(score, str) or text(score) is None:
        raise WebhookShapeError(UNEXPECTED_SHAPE)
    return Heed(readings=(quality_reading(template_of(notice), score, holds_until=holds_until(notice)),))


FIELD: Final = Field(
    name="message_template_quality_update",
    doc="How recipients take a message template has changed.",
    signals=(TEMPLATE_QUALITY_PROBLEM,),
    read=read,
)
