"""Meta's open vocabularies: every value that the facts name, and what becomes of those that they do not."""

import math

import pytest

from wamon.core.vocabulary import (
    ACCOUNT_ALERT_SEVERITY,
    ACCOUNT_ALERT_TYPE,
    ACCOUNT_MODE,
    ACCOUNT_REVIEW_STATUS,
    ALL_VOCABULARIES,
    BUSINESS_VERIFICATION_STATUS,
    CODE_VERIFICATION_STATUS,
    FLOW_ALERT_STATE,
    FLOW_EVENT,
    FLOW_STATUS,
    HEALTH_STATE,
    MESSAGING_LIMIT_TIER,
    NAME_STATUS,
    OTHER,
    PHONE_NUMBER_STATUS,
    PLATFORM_TYPE,
    QUALITY_RATING,
    RESTRICTION_TYPE,
    SECURITY_EVENT,
    TEMPLATE_CATEGORY,
    TEMPLATE_QUALITY,
    TEMPLATE_REJECTED_REASON,
    TEMPLATE_STATUS,
    THROUGHPUT_LEVEL,
    TOKEN_TYPE,
    VIOLATION_TYPE,
    WABA_BAN_STATE,
    WABA_CONNECTION,
    WABA_STATUS,
    Grade,
    Vocabulary,
    VocabularyValue,
    find,
    messaging_limit_recipients,
)

EXPECTED: list[tuple[Vocabulary, str]] = [
    (
        PHONE_NUMBER_STATUS,
        """
        CONNECTED DISCONNECTED PENDING UNVERIFIED FLAGGED RESTRICTED RATE_LIMITED BANNED MIGRATED DELETED
        UNKNOWN LINKED UNLINKED OFFLINE REGISTERED
    """,
    ),
    (QUALITY_RATING, "GREEN YELLOW RED UNKNOWN"),
    (NAME_STATUS, "APPROVED AVAILABLE_WITHOUT_REVIEW DECLINED EXPIRED PENDING_REVIEW NONE"),
    (CODE_VERIFICATION_STATUS, "VERIFIED NOT_VERIFIED EXPIRED"),
    (THROUGHPUT_LEVEL, "STANDARD HIGH NOT_APPLICABLE"),
    (MESSAGING_LIMIT_TIER, "TIER_50 TIER_250 TIER_1K TIER_2K TIER_10K TIER_100K TIER_UNLIMITED UNTIERED"),
    (ACCOUNT_MODE, "LIVE SANDBOX"),
    (PLATFORM_TYPE, "CLOUD_API ON_PREMISE NOT_APPLICABLE"),
    (HEALTH_STATE, "AVAILABLE LIMITED BLOCKED"),
    (WABA_STATUS, "ACTIVE PENDING RESTRICTED DISABLED"),
    (ACCOUNT_REVIEW_STATUS, "PENDING APPROVED REJECTED LIMIT_REACHED RESTRICTED DEFERRED"),
    (
        BUSINESS_VERIFICATION_STATUS,
        """
        EXPIRED FAILED INELIGIBLE NOT_VERIFIED PENDING PENDING_NEED_MORE_INFO PENDING_SUBMISSION REJECTED
        REVOKED VERIFIED
    """,
    ),
    (TOKEN_TYPE, "USER PAGE APP SYSTEM_USER"),
    (
        TEMPLATE_STATUS,
        """
        APPROVED ARCHIVED DELETED DISABLED IN_APPEAL LIMIT_EXCEEDED PAUSED PENDING PENDING_DELETION REJECTED
        FLAGGED REINSTATED UNARCHIVED LOCKED
    """,
    ),
    (TEMPLATE_CATEGORY, "AUTHENTICATION MARKETING UTILITY"),
    (TEMPLATE_QUALITY, "GREEN YELLOW RED UNKNOWN"),
    (
        TEMPLATE_REJECTED_REASON,
        """
        ABUSIVE_CONTENT CATEGORY_NOT_AVAILABLE INCORRECT_CATEGORY INVALID_FORMAT NONE PROMOTIONAL SCAM
        TAG_CONTENT_MISMATCH
    """,
    ),
    (WABA_BAN_STATE, "DISABLE SCHEDULE_FOR_DISABLE REINSTATE"),
    (
        RESTRICTION_TYPE,
        """
        RESTRICTED_ADD_PHONE_NUMBER_ACTION RESTRICTED_BIZ_INITIATED_MESSAGING RESTRICTED_CUSTOMER_INITIATED_MESSAGING
        RESTRICTED_BUSINESS_INITIATED_CALLING RESTRICTED_USER_INITIATED_CALLING
        RESTRICTED_BIZ_INITIATED_AND_USER_INITIATED_CALLING RESTRICTED_USER_INITIATED_CALLING_CALL_BUTTON_HIDDEN
        RESTRICTED_UTILITY_TEMPLATES RESTRICTED_DIRECT_SEND_UTILITY_TEMPLATES
    """,
    ),
    (
        VIOLATION_TYPE,
        "ADULT ALCOHOL SCAM USER_INITIATED_CALLS_LOW_PICKUP_RATE DIRECT_SEND_UTILITY_CATEGORY_ABUSE",
    ),
    (WABA_CONNECTION, "CONNECTED OFFBOARDED DELETED PARTNER_REMOVED PARTNER_APP_UNINSTALLED"),
    (SECURITY_EVENT, "PIN_CHANGED PIN_RESET_REQUEST PIN_REQUEST_SUCCESS"),
    (
        ACCOUNT_ALERT_TYPE,
        """
        INCREASED_CAPABILITIES_ELIGIBILITY_DEFERRED INCREASED_CAPABILITIES_ELIGIBILITY_FAILED
        INCREASED_CAPABILITIES_ELIGIBILITY_NEED_MORE_INFO OBA_APPROVED OBA_REJECTED PROFILE_PICTURE_LOST
    """,
    ),
    (ACCOUNT_ALERT_SEVERITY, "CRITICAL WARNING INFORMATIONAL NONE"),
    (
        FLOW_EVENT,
        """
        FLOW_STATUS_CHANGE CLIENT_ERROR_RATE ENDPOINT_ERROR_RATE ENDPOINT_LATENCY ENDPOINT_AVAILABILITY
        FLOW_VERSION_EXPIRY_WARNING
    """,
    ),
    (FLOW_ALERT_STATE, "ACTIVATED DEACTIVATED"),
    (FLOW_STATUS, "DRAFT PUBLISHED DEPRECATED THROTTLED BLOCKED"),
]

EVERY_VALUE = [(vocabulary, value) for vocabulary in ALL_VOCABULARIES for value in vocabulary.values.values()]


@pytest.mark.parametrize(("vocabulary", "values"), EXPECTED, ids=[vocabulary.name for vocabulary, _ in EXPECTED])
def test_vocabulary_has_every_value_of_the_facts(vocabulary: Vocabulary, values: str) -> None:
    assert set(vocabulary.values) == set(values.split())


def test_every_vocabulary_is_listed_once() -> None:
    assert [vocabulary for vocabulary, _ in EXPECTED] == list(ALL_VOCABULARIES)
    assert len({vocabulary.name for vocabulary in ALL_VOCABULARIES}) == len(ALL_VOCABULARIES)


@pytest.mark.parametrize(
    ("vocabulary", "value"), EVERY_VALUE, ids=[f"{vocabulary.name}-{value.value}" for vocabulary, value in EVERY_VALUE]
)
def test_every_value_is_explained_in_sentences(vocabulary: Vocabulary, value: VocabularyValue) -> None:
    assert vocabulary.values[value.value] is value
    assert value.value == value.value.strip().upper()
    for text in (value.meaning, value.action):
        assert text == text.strip()
        assert len(text) > 5
        assert text.endswith(".")


def test_aliases_lead_to_values_of_the_list() -> None:
    for vocabulary in ALL_VOCABULARIES:
        assert set(vocabulary.aliases.values()) <= set(vocabulary.values)
        assert vocabulary.not_known <= set(vocabulary.values)


@pytest.mark.parametrize(
    ("vocabulary", "raw", "value"),
    [
        (PHONE_NUMBER_STATUS, "CONNECTED", "CONNECTED"),
        (PHONE_NUMBER_STATUS, " connected\n", "CONNECTED"),
        (PHONE_NUMBER_STATUS, "REGISTERED", "REGISTERED"),
        (PHONE_NUMBER_STATUS, "UNKNOWN", "UNKNOWN"),
        (PHONE_NUMBER_STATUS, "UNVERIFIED", "UNVERIFIED"),
        (PHONE_NUMBER_STATUS, "MESSAGING_LIMIT_TIER_0", OTHER),
        (BUSINESS_VERIFICATION_STATUS, "not_verified", "NOT_VERIFIED"),
        (BUSINESS_VERIFICATION_STATUS, "UNVERIFIED", "NOT_VERIFIED"),
        (BUSINESS_VERIFICATION_STATUS, "unverified", "NOT_VERIFIED"),
        (CODE_VERIFICATION_STATUS, "UNVERIFIED", "NOT_VERIFIED"),
        (CODE_VERIFICATION_STATUS, "NOT_VERIFIED", "NOT_VERIFIED"),
        (QUALITY_RATING, "green", "GREEN"),
        (QUALITY_RATING, "PURPLE", OTHER),
        (TEMPLATE_STATUS, "Paused", "PAUSED"),
        (MESSAGING_LIMIT_TIER, "TIER_5K", OTHER),
        (MESSAGING_LIMIT_TIER, "TIER_NOT_SET", "UNTIERED"),
        (NAME_STATUS, "REJECTED", "DECLINED"),
        (RESTRICTION_TYPE, "RESTRICTION_ON_ADD_PHONE_NUMBER_ACTION", "RESTRICTED_ADD_PHONE_NUMBER_ACTION"),
        (WABA_CONNECTION, "ACCOUNT_RECONNECTED", "CONNECTED"),
    ],
)
def test_raw_texts_become_canonical_values(vocabulary: Vocabulary, raw: str, value: str) -> None:
    assert vocabulary.normalise(raw) == value


@pytest.mark.parametrize("vocabulary", [QUALITY_RATING, TEMPLATE_QUALITY], ids=lambda vocabulary: vocabulary.name)
@pytest.mark.parametrize("raw", ["NA", "na", "N/A", "UNKNOWN", "unknown", None])
def test_ratings_that_say_nothing_are_not_known(vocabulary: Vocabulary, raw: object) -> None:
    assert vocabulary.normalise(raw) is None


@pytest.mark.parametrize("raw", [None, "", "   ", 3, 0, True, ["RED"], {"score": "RED"}])
def test_what_is_no_text_is_not_known(raw: object) -> None:
    assert [vocabulary.normalise(raw) for vocabulary in ALL_VOCABULARIES] == [None] * len(ALL_VOCABULARIES)


@pytest.mark.parametrize(
    ("grade", "statuses"),
    [
        (Grade.HEALTHY, "CONNECTED REGISTERED LINKED"),
        (Grade.WATCH, "FLAGGED RATE_LIMITED PENDING UNVERIFIED UNKNOWN"),
        (Grade.DOWN, "BANNED RESTRICTED DISCONNECTED OFFLINE UNLINKED"),
        (Grade.GONE, "DELETED MIGRATED"),
        (Grade.UNKNOWN, ""),
    ],
)
def test_phone_statuses_have_the_severity_of_the_facts(grade: Grade, statuses: str) -> None:
    graded = {value.value for value in PHONE_NUMBER_STATUS.values.values() if value.grade is grade}

    assert graded == set(statuses.split())


@pytest.mark.parametrize(
    ("vocabulary", "value", "grade"),
    [
        (QUALITY_RATING, "GREEN", Grade.HEALTHY),
        (QUALITY_RATING, "YELLOW", Grade.WATCH),
        (QUALITY_RATING, "RED", Grade.DOWN),
        (HEALTH_STATE, "AVAILABLE", Grade.HEALTHY),
        (HEALTH_STATE, "LIMITED", Grade.WATCH),
        (HEALTH_STATE, "BLOCKED", Grade.DOWN),
        (ACCOUNT_REVIEW_STATUS, "REJECTED", Grade.DOWN),
        (TEMPLATE_STATUS, "REJECTED", Grade.WATCH),
        (QUALITY_RATING, None, Grade.UNKNOWN),
        (QUALITY_RATING, OTHER, Grade.UNKNOWN),
        (QUALITY_RATING, "", Grade.UNKNOWN),
    ],
)
def test_grades(vocabulary: Vocabulary, value: str | None, grade: Grade) -> None:
    assert vocabulary.grade(value) is grade


def test_restrictions_of_messages_weigh_more_than_others() -> None:
    down = {value.value for value in RESTRICTION_TYPE.values.values() if value.grade is Grade.DOWN}

    assert down == {"RESTRICTED_BIZ_INITIATED_MESSAGING", "RESTRICTED_CUSTOMER_INITIATED_MESSAGING"}
    assert {value.grade for value in RESTRICTION_TYPE.values.values()} == {Grade.DOWN, Grade.WATCH}


@pytest.mark.parametrize("value", ["VERIFIED", "NOT_VERIFIED", "UNVERIFIED", "EXPIRED"])
def test_lapsed_code_verification_alarms_nobody(value: str) -> None:
    assert CODE_VERIFICATION_STATUS.grade(value) is Grade.HEALTHY


@pytest.mark.parametrize(
    ("tier", "recipients"),
    [
        ("TIER_50", 50.0),
        ("TIER_250", 250.0),
        ("TIER_1K", 1000.0),
        ("TIER_2K", 2000.0),
        ("TIER_10K", 10000.0),
        ("TIER_100K", 100000.0),
        ("tier_100k", 100000.0),
        ("TIER_UNLIMITED", math.inf),
        ("UNTIERED", None),
        ("TIER_5K", None),
        ("OTHER", None),
        ("", None),
    ],
)
def test_messaging_limit_of_a_tier(tier: str, recipients: float | None) -> None:
    assert messaging_limit_recipients(tier) == recipients


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("RED", ["quality_rating", "template_quality"]),
        ("red ", ["quality_rating", "template_quality"]),
        ("NA", ["quality_rating", "template_quality"]),
        ("BANNED", ["phone_number_status"]),
        ("NOT_APPLICABLE", ["throughput_level", "platform_type"]),
        ("UNVERIFIED", ["phone_number_status", "code_verification_status", "business_verification_status"]),
        ("PURPLE", []),
        ("", []),
    ],
)
def test_value_is_found_wherever_it_is_known(value: str, names: list[str]) -> None:
    assert [vocabulary.name for vocabulary, _ in find(value)] == names


def test_found_value_comes_with_its_explanation() -> None:
    (_, red), *_ = find("RED")

    assert red.value == "RED"
    assert red.action == "Stop campaigns on this number now and find the messages that recipients reject."
