"""The field `template_correct_category_detection`: messages sent with a template belong to another category.

It comes for Direct Send, as a warning. Source: Meta "Direct Send: integrity and content guidelines", read 2026-09.
"""

from typing import Final

from wamon.probes.payload import text
from wamon.probes.templates import (
    CATEGORY_MISMATCH,
    TEMPLATE_CATEGORIES,
    TEMPLATE_CATEGORY_PROBLEM,
    categories_reading,
    category_word,
)
from wamon.webhooks.field import Directory, Field, Heed, Notice
from wamon.webhooks.templates import TEMPLATE_RECATEGORISED, holds_until, template_of


def read(notice: Notice, directory: Directory) -> Heed:
    """Name and language may be left out, and the id alone leads to no template that anybody could look up."""
    value, until = notice.value, holds_until(notice)
    if text(value.get("message_template_name")) is None and text(value.get("message_template_id")) is not None:
        return Heed()
    template = template_of(notice)
    category, correct = (category_word(value.get(key)) for key in ("category", "correct_category"))
    is_wrong = correct not in ("", category)
    readings = [
        categories_reading(template, category=category, correct=correct, holds_until=until),
        TEMPLATE_CATEGORY_PROBLEM.reading(template, {CATEGORY_MISMATCH: True} if is_wrong else {}, holds_until=until),
    ]
    if is_wrong:
        readings.append(TEMPLATE_RECATEGORISED.reading(template, notice.at))
    return Heed(readings=tuple(readings))


FIELD: Final = Field(
    name="template_correct_category_detection",
    doc="Messages sent with a template belong to another category than its own.",
    signals=(TEMPLATE_CATEGORIES, TEMPLATE_CATEGORY_PROBLEM, TEMPLATE_RECATEGORISED),
    read=read,
)
