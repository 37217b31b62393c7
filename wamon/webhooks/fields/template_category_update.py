"""The field `template_category_update`: Meta has moved a message template to another category, or will in 24 hours.

Source: Meta "template_category_update" webhook reference, read 2026-09.
"""

from datetime import UTC
from typing import Final

from wamon.core.health import Reading
from wamon.probes.payload import unix_time
from wamon.probes.templates import (
    CATEGORY_WILL_CHANGE,
    TEMPLATE_CATEGORIES,
    TEMPLATE_CATEGORY_PROBLEM,
    categories_reading,
    category_word,
)
from wamon.webhooks.field import Directory, Field, Heed, Notice, WebhookShapeError
from wamon.webhooks.lenient import UNEXPECTED_SHAPE
from wamon.webhooks.templates import TEMPLATE_RECATEGORISED, holds_until, template_of


def read(notice: Notice, directory: Directory) -> Heed:
    """Done: `previous_category`, which may be missing, and `new_category`. To come: `new_category` is the present one.

    One that says that nothing changes (the dashboard's test may) is no news.
    """
    template, value, until = template_of(notice), notice.value, holds_until(notice)
    category, previous, correct = (
        category_word(value.get(key)) for key in ("new_category", "previous_category", "correct_category")
    )
    if not category and not correct:
        raise WebhookShapeError(UNEXPECTED_SHAPE)
    is_to_come = correct not in ("", category)
    at = unix_time(value.get("category_update_timestamp"))
    when = f"on {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else None
    readings: list[Reading] = [
        categories_reading(template, category=category, previous=previous, correct=correct, holds_until=until),
        TEMPLATE_CATEGORY_PROBLEM.reading(
            template,
            {CATEGORY_WILL_CHANGE: True} if is_to_come else {},
            raw=when if is_to_come else None,
            holds_until=until,
        ),
    ]
    if is_to_come or category != previous:
        readings.append(TEMPLATE_RECATEGORISED.reading(template, notice.at))
    return Heed(readings=tuple(readings))


FIELD: Final = Field(
    name="template_category_update",
    doc="Meta has moved a message template to another category, or will in 24 hours.",
    signals=(TEMPLATE_CATEGORIES, TEMPLATE_CATEGORY_PROBLEM, TEMPLATE_RECATEGORISED),
    read=read,
)
