"""Whatever stands in an account-level notice, its reader gives readings of its own signals or refuses the form."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.webhooks.notices import directory, notice
from wamon.core import vocabulary
from wamon.webhooks.field import Field, WebhookShapeError
from wamon.webhooks.fields import (
    account_alerts,
    account_review_update,
    account_update,
    business_capability_update,
    flows,
    phone_number_name_update,
    phone_number_quality_update,
    security,
)

MODULES = (
    account_alerts,
    account_review_update,
    account_update,
    business_capability_update,
    flows,
    phone_number_name_update,
    phone_number_quality_update,
    security,
)
KEYS = [
    "event",
    "decision",
    "display_phone_number",
    "ban_info",
    "waba_ban_state",
    "waba_ban_date",
    "restriction_info",
    "restriction_type",
    "expiration",
    "remediation",
    "violation_info",
    "violation_type",
    "waba_info",
    "waba_id",
    "disconnection_info",
    "reason",
    "initiated_by",
    "alert_info",
    "alert_severity",
    "alert_status",
    "alert_type",
    "alert_description",
    "entity_type",
    "entity_id",
    "current_limit",
    "rejection_reason",
    "max_daily_conversations_per_business",
    "max_daily_conversation_per_phone",
    "flow_id",
    "alert_state",
    "threshold",
    "error_rate",
    "p90_latency",
    "new_status",
    "message",
    "warning",
]
WORDS = [
    "DISABLED_UPDATE",
    "ACCOUNT_RESTRICTION",
    "ACCOUNT_VIOLATION",
    "PARTNER_REMOVED",
    "THROUGHPUT_UPGRADE",
    "15550783881",
    "April 17, 2025",
    *(value for known in vocabulary.ALL_VOCABULARIES for value in known.values),
]
TEXTS = st.sampled_from(WORDS) | st.text(max_size=20)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
)
NOTICES = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8)


@pytest.mark.parametrize("field", [module.FIELD for module in MODULES], ids=lambda field: field.name)
@given(value=NOTICES)
def test_nothing_but_the_refusal_of_a_form_is_raised(field: Field, value: dict[str, Any]) -> None:
    assert field.read is not None
    try:
        heed = field.read(notice(field.name, value), directory())
    except WebhookShapeError:
        return

    assert {reading.signal.name for reading in heed.readings} <= {signal.name for signal in field.signals}
    assert all(reading.subject.kind is reading.signal.kind for reading in heed.readings)
