"""What the webhook fields about message templates have in common: whom they are about, and how long they hold."""

from datetime import datetime, timedelta
from typing import Final

from wamon.core.health import Info, Signal, Subject, SubjectKind, Timestamp
from wamon.probes.templates import template_subject
from wamon.webhooks.field import Notice, WebhookShapeError
from wamon.webhooks.lenient import UNEXPECTED_SHAPE

# The next read of the templates, minutes later, replaces what a webhook told. Where no read works it holds for longer
# than the longest pause, which is of six hours (Meta "Template pausing", read 2026-09).
HOLDS_FOR: Final = timedelta(days=1)

TEMPLATE_REMARK = Signal(
    name="whatsapp_template_remark",
    kind=SubjectKind.TEMPLATE,
    shape=Info(("status", "words")),
    help="What Meta's last webhook about the template's status said beside it; kept for messages.",
    is_event=True,
    is_exported=False,
    keeps_history=False,
)
TEMPLATE_RECATEGORISED = Signal(
    name="whatsapp_template_recategorised_timestamp_seconds",
    kind=SubjectKind.TEMPLATE,
    shape=Timestamp(),
    help="When Meta last moved the template to another category, or said that it belongs to another.",
    is_event=True,
)


def template_of(notice: Notice) -> Subject:
    """The template that a notice is about. Raises WebhookShapeError where it has no name or no language."""
    value = notice.value
    named = template_subject(notice.waba_id, value.get("message_template_name"), value.get("message_template_language"))
    if named is None:
        raise WebhookShapeError(UNEXPECTED_SHAPE)
    return named


def holds_until(notice: Notice) -> datetime:
    return notice.at + HOLDS_FOR
