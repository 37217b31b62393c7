"""Meta's open vocabularies: what each known value means, how bad it is and what to do about it.

Source: Meta's WhatsApp guides and Graph reference, read 2026-09; Meta's OpenAPI file v23.0, 2025-11; Meta's Python
business SDK v25.0.2, 2026-06; pywa 4.4.0, 2026-08. They disagree on almost every list, so the lists here are unions.
"""

from typing import Final

from wamon.core.vocabulary.account import (
    ACCOUNT_REVIEW_STATUS,
    BUSINESS_VERIFICATION_STATUS,
    TOKEN_TYPE,
    WABA_STATUS,
)
from wamon.core.vocabulary.entry import OTHER, Grade, Vocabulary, VocabularyValue
from wamon.core.vocabulary.event import (
    ACCOUNT_ALERT_SEVERITY,
    ACCOUNT_ALERT_TYPE,
    FLOW_ALERT_STATE,
    FLOW_EVENT,
    FLOW_STATUS,
    RESTRICTION_TYPE,
    SECURITY_EVENT,
    VIOLATION_TYPE,
    WABA_BAN_STATE,
    WABA_CONNECTION,
)
from wamon.core.vocabulary.number import (
    ACCOUNT_MODE,
    CODE_VERIFICATION_STATUS,
    HEALTH_STATE,
    MESSAGING_LIMIT_TIER,
    NAME_STATUS,
    PHONE_NUMBER_STATUS,
    PLATFORM_TYPE,
    QUALITY_RATING,
    THROUGHPUT_LEVEL,
    messaging_limit_recipients,
)
from wamon.core.vocabulary.template import (
    TEMPLATE_CATEGORY,
    TEMPLATE_QUALITY,
    TEMPLATE_REJECTED_REASON,
    TEMPLATE_STATUS,
)

__all__ = [
    "ACCOUNT_ALERT_SEVERITY",
    "ACCOUNT_ALERT_TYPE",
    "ACCOUNT_MODE",
    "ACCOUNT_REVIEW_STATUS",
    "ALL_VOCABULARIES",
    "BUSINESS_VERIFICATION_STATUS",
    "CODE_VERIFICATION_STATUS",
    "FLOW_ALERT_STATE",
    "FLOW_EVENT",
    "FLOW_STATUS",
    "HEALTH_STATE",
    "MESSAGING_LIMIT_TIER",
    "NAME_STATUS",
    "OTHER",
    "PHONE_NUMBER_STATUS",
    "PLATFORM_TYPE",
    "QUALITY_RATING",
    "RESTRICTION_TYPE",
    "SECURITY_EVENT",
    "TEMPLATE_CATEGORY",
    "TEMPLATE_QUALITY",
    "TEMPLATE_REJECTED_REASON",
    "TEMPLATE_STATUS",
    "THROUGHPUT_LEVEL",
    "TOKEN_TYPE",
    "VIOLATION_TYPE",
    "WABA_BAN_STATE",
    "WABA_CONNECTION",
    "WABA_STATUS",
    "Grade",
    "Vocabulary",
    "VocabularyValue",
    "find",
    "messaging_limit_recipients",
]

ALL_VOCABULARIES: Final = (
    PHONE_NUMBER_STATUS,
    QUALITY_RATING,
    NAME_STATUS,
    CODE_VERIFICATION_STATUS,
    THROUGHPUT_LEVEL,
    MESSAGING_LIMIT_TIER,
    ACCOUNT_MODE,
    PLATFORM_TYPE,
    HEALTH_STATE,
    WABA_STATUS,
    ACCOUNT_REVIEW_STATUS,
    BUSINESS_VERIFICATION_STATUS,
    TOKEN_TYPE,
    TEMPLATE_STATUS,
    TEMPLATE_CATEGORY,
    TEMPLATE_QUALITY,
    TEMPLATE_REJECTED_REASON,
    WABA_BAN_STATE,
    RESTRICTION_TYPE,
    VIOLATION_TYPE,
    WABA_CONNECTION,
    SECURITY_EVENT,
    ACCOUNT_ALERT_TYPE,
    ACCOUNT_ALERT_SEVERITY,
    FLOW_EVENT,
    FLOW_ALERT_STATE,
    FLOW_STATUS,
)


def find(value: str) -> tuple[tuple[Vocabulary, VocabularyValue], ...]:
    """Every vocabulary that knows this value, in any spelling, with what it says about it."""
    return tuple((vocabulary, known) for vocabulary in ALL_VOCABULARIES if (known := vocabulary.get(value)) is not None)
