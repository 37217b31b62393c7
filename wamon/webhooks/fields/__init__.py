"""Every webhook field that wamon reads. A new one is a file here and one line in FIELDS."""

from typing import Any

from wamon.core.health import Signal
from wamon.webhooks.field import Field
from wamon.webhooks.fields import (
    account_alerts,
    account_review_update,
    account_update,
    business_capability_update,
    flows,
    message_template_quality_update,
    message_template_status_update,
    messages,
    phone_number_name_update,
    phone_number_quality_update,
    security,
    template_category_update,
    template_correct_category_detection,
    user_preferences,
)

FIELDS: tuple[Field, ...] = (
    # First, since nearly all that comes is this.
    messages.FIELD,
    user_preferences.FIELD,
    account_update.FIELD,
    account_review_update.FIELD,
    account_alerts.FIELD,
    business_capability_update.FIELD,
    phone_number_quality_update.FIELD,
    phone_number_name_update.FIELD,
    security.FIELD,
    flows.FIELD,
    message_template_status_update.FIELD,
    message_template_quality_update.FIELD,
    template_category_update.FIELD,
    template_correct_category_detection.FIELD,
)

# In the order in which they are exported and documented.
SIGNALS: tuple[Signal[Any], ...] = tuple(dict.fromkeys(signal for field in FIELDS for signal in field.signals))
