"""Meta's open vocabularies: what each known value means, how bad it is and what to do about it.

Source: Meta's WhatsApp guides and Graph reference, read 2026-09; Meta's OpenAPI file v23.0, 2025-11; Meta's Python
business SDK v25.0.2, 2026-06; pywa 4.4.0, 2026-08. They disagree on almost every list, so the lists here are unions.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

# What `normalise` makes of a text that no list has: Meta may extend a vocabulary any day.
OTHER: Final = "OTHER"


class Grade(StrEnum):
    """How a value is to be taken.

    HEALTHY: nothing to do. WATCH: somebody should look, a warning. DOWN: sending has stopped or may stop, critical.
    GONE: taken away on purpose, no longer to be watched. UNKNOWN: the value gives no verdict, or is not known.
    """

    HEALTHY = "healthy"
    WATCH = "watch"
    DOWN = "down"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class VocabularyValue:
    """One value in its canonical spelling; `action` is what a person does about it."""

    value: str
    grade: Grade
    meaning: str
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The known values of one field of Meta's.

    `aliases` maps other spellings to the canonical one. Values in `not_known` are words of Meta's for "no verdict yet":
    they can be explained, but `normalise` makes None of them.
    """

    name: str
    title: str
    values: Mapping[str, VocabularyValue]
    aliases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    not_known: frozenset[str] = frozenset()

    def normalise(self, raw: object) -> str | None:
        """The canonical value; OTHER for a text that is not in the list, None for what is empty, null or no text.

        The caller keeps the raw text: it is lost here.
        """
        text = _canonical(raw)
        if text is None:
            return None
        value = self.aliases.get(text, text)
        if value in self.not_known:
            return None
        return value if value in self.values else OTHER

    def get(self, value: str) -> VocabularyValue | None:
        """What is known of a value in any spelling, None when it is not in the list."""
        text = _canonical(value)
        return None if text is None else self.values.get(self.aliases.get(text, text))

    def grade(self, value: str | None) -> Grade:
        """The grade of a value; UNKNOWN for None and for what is not in the list."""
        known = None if value is None else self.get(value)
        return Grade.UNKNOWN if known is None else known.grade


def find(value: str) -> tuple[tuple[Vocabulary, VocabularyValue], ...]:
    """Every vocabulary that knows this value, in any spelling, with what it says about it."""
    return tuple((vocabulary, known) for vocabulary in ALL_VOCABULARIES if (known := vocabulary.get(value)) is not None)


def messaging_limit_recipients(tier: str) -> float | None:
    """How many users a tier lets a business write to first in 24 hours, infinite when unlimited.

    None when the tier names no number or is not in the list. Raw and canonical spellings are both read.
    Source: Meta Python business SDK v25.0.2, 2026-06; TIER_1K: Meta phone number reference, read 2026-09.
    """
    normalised = MESSAGING_LIMIT_TIER.normalise(tier)
    return None if normalised is None else _RECIPIENTS.get(normalised)


_RECIPIENTS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "TIER_50": 50.0,
        "TIER_250": 250.0,
        "TIER_1K": 1_000.0,
        "TIER_2K": 2_000.0,
        "TIER_10K": 10_000.0,
        "TIER_100K": 100_000.0,
        "TIER_UNLIMITED": math.inf,
    }
)


def _canonical(raw: object) -> str | None:
    return raw.strip().upper() or None if isinstance(raw, str) else None


def _values(rows: Mapping[str, tuple[Grade, str, str]]) -> Mapping[str, VocabularyValue]:
    return MappingProxyType(
        {
            value: VocabularyValue(value=value, grade=grade, meaning=meaning, action=action)
            for value, (grade, meaning, action) in rows.items()
        }
    )


# One value is two or three lines here, so that a vocabulary reads as a table; the formatter would make five of them.
# fmt: off
PHONE_NUMBER_STATUS: Final = Vocabulary(
    name="phone_number_status",
    title="Status of a phone number",
    values=_values({
        "CONNECTED": (Grade.HEALTHY, "The number can send and receive through the API.",
                      "Nothing to do."),
        "REGISTERED": (Grade.HEALTHY, "An older word for a number that is registered and works, as CONNECTED.",
                       "Nothing to do."),
        "LINKED": (Grade.HEALTHY, "The number is linked to the platform, as CONNECTED.",
                   "Nothing to do."),
        "PENDING": (Grade.WATCH, "The number was added, but is not yet verified or registered, so it cannot send.",
                    "Verify and register it; look closer when this lasts more than two days."),
        "UNVERIFIED": (Grade.WATCH, "Nobody has proved yet that the business owns the number.",
                       "Verify it by SMS or call in WhatsApp Manager."),
        "FLAGGED": (Grade.WATCH, "The quality of the number has become low; it can still send.",
                    "Find out which messages recipients reject and stop them."),
        "RATE_LIMITED": (Grade.WATCH, "Meta limits the number for some time.",
                         "Send less and look at the quality rating."),
        "UNKNOWN": (Grade.WATCH, "Meta itself gives no status for the number.",
                    "Look at the number in WhatsApp Manager."),
        "RESTRICTED": (Grade.DOWN, "The number may not start conversations; replies are still possible.",
                       "Stop campaigns. Read the reason in WhatsApp Manager and Business Support Home."),
        "BANNED": (Grade.DOWN, "The number can neither send nor receive.",
                   "Read the reason in Business Support Home and appeal there."),
        "DISCONNECTED": (Grade.DOWN, "The number is not connected to the platform, so it cannot send or receive.",
                         "Find out who deregistered it, then register it again."),
        "UNLINKED": (Grade.DOWN, "The number is not linked to the platform, as DISCONNECTED.",
                     "Find out who unlinked it, then register it again."),
        "OFFLINE": (Grade.DOWN, "The number is offline, as DISCONNECTED.",
                    "Look at the number in WhatsApp Manager, then register it again."),
        "MIGRATED": (Grade.GONE, "The number was moved to another account or platform.",
                     "Take it out of the configuration, or watch it at its new account."),
        "DELETED": (Grade.GONE, "The number was removed from the account.",
                    "Take it out of the configuration."),
    }),
)

QUALITY_RATING: Final = Vocabulary(
    name="quality_rating",
    title="Quality rating of a phone number",
    values=_values({
        "GREEN": (Grade.HEALTHY, "Recipients take the recent messages of the number well.",
                  "Nothing to do."),
        "YELLOW": (Grade.WATCH, "Recipients take the recent messages of the number less well: medium quality.",
                   "Look at what changed in the last seven days: volume, templates, audience, opt-outs."),
        "RED": (Grade.DOWN, "Recipients take the recent messages of the number badly: low quality. Limits do not grow.",
                "Stop campaigns on this number now and find the messages that recipients reject."),
        "UNKNOWN": (Grade.UNKNOWN, "Meta has not rated the number yet, often because it sent too little.",
                    "Nothing to do, unless there was a rating before."),
    }),
    aliases=MappingProxyType({"NA": "UNKNOWN", "N/A": "UNKNOWN"}),
    not_known=frozenset({"UNKNOWN"}),
)

NAME_STATUS: Final = Vocabulary(
    name="name_status",
    title="Review of a display name",
    values=_values({
        "APPROVED": (Grade.HEALTHY, "Meta approved the display name.",
                     "Nothing to do."),
        "AVAILABLE_WITHOUT_REVIEW": (Grade.HEALTHY, "The display name can be used without a review.",
                                     "Nothing to do."),
        "PENDING_REVIEW": (Grade.WATCH, "Meta reviews the display name; until then the messaging limit may be low.",
                           "Wait for the review; look closer when it lasts for days."),
        "DECLINED": (Grade.WATCH, "Meta declined the display name.",
                     "Choose a name that follows Meta's display name guidelines and submit it again."),
        "EXPIRED": (Grade.WATCH, "The approval of the display name was not used in time.",
                    "Submit the display name again in WhatsApp Manager."),
        "NONE": (Grade.UNKNOWN, "There is no review of a display name.",
                 "Nothing to do, unless a display name is wanted."),
    }),
)

CODE_VERIFICATION_STATUS: Final = Vocabulary(
    name="code_verification_status",
    title="Verification code of a phone number",
    values=_values({
        "VERIFIED": (Grade.HEALTHY, "The code that proves ownership of the number was confirmed.",
                     "Nothing to do."),
        "NOT_VERIFIED": (Grade.HEALTHY, "No recent confirmation of a code; normal on a number that is CONNECTED.",
                         "Nothing to do, unless the number must be registered again."),
        "EXPIRED": (Grade.HEALTHY, "The confirmation of the code has lapsed; normal on a number that is CONNECTED.",
                    "Nothing to do, unless the number must be registered again."),
    }),
    aliases=MappingProxyType({"UNVERIFIED": "NOT_VERIFIED"}),
)

THROUGHPUT_LEVEL: Final = Vocabulary(
    name="throughput_level",
    title="Throughput of a phone number",
    values=_values({
        "STANDARD": (Grade.HEALTHY, "The number sends up to 80 messages a second, 20 in coexistence with the app.",
                     "Nothing to do."),
        "HIGH": (Grade.HEALTHY, "The number sends up to 1,000 messages a second.",
                 "Nothing to do."),
        "NOT_APPLICABLE": (Grade.UNKNOWN, "The number has no throughput, as it is not registered on the Cloud API.",
                           "Look at the number's status."),
    }),
)

MESSAGING_LIMIT_TIER: Final = Vocabulary(
    name="messaging_limit_tier",
    title="Messaging limit of the business portfolio",
    values=_values({
        "TIER_50": (Grade.HEALTHY, "50 users in 24 hours may be written to first.",
                    "Verify the business if that is too few."),
        "TIER_250": (Grade.HEALTHY, "250 users in 24 hours may be written to first.",
                     "Verify the business if that is too few."),
        "TIER_1K": (Grade.HEALTHY, "1,000 users in 24 hours may be written to first.",
                    "Nothing to do; Meta raises the limit by itself with use and good quality."),
        "TIER_2K": (Grade.HEALTHY, "2,000 users in 24 hours may be written to first.",
                    "Nothing to do; Meta raises the limit by itself with use and good quality."),
        "TIER_10K": (Grade.HEALTHY, "10,000 users in 24 hours may be written to first.",
                     "Nothing to do; Meta raises the limit by itself with use and good quality."),
        "TIER_100K": (Grade.HEALTHY, "100,000 users in 24 hours may be written to first.",
                      "Nothing to do; Meta raises the limit by itself with use and good quality."),
        "TIER_UNLIMITED": (Grade.HEALTHY, "Any number of users may be written to first.",
                           "Nothing to do."),
        "UNTIERED": (Grade.UNKNOWN, "Meta has set no tier for the portfolio.",
                     "Look at the limit in WhatsApp Manager."),
    }),
)

ACCOUNT_MODE: Final = Vocabulary(
    name="account_mode",
    title="Mode of a phone number",
    values=_values({
        "LIVE": (Grade.HEALTHY, "The number is a live one.",
                 "Nothing to do."),
        "SANDBOX": (Grade.WATCH, "The number is a test number and reaches only recipients on its allow list.",
                    "Use a live number for customers; on a test number there is nothing to do."),
    }),
)

PLATFORM_TYPE: Final = Vocabulary(
    name="platform_type",
    title="Platform of a phone number",
    values=_values({
        "CLOUD_API": (Grade.HEALTHY, "The number is registered on the Cloud API.",
                      "Nothing to do."),
        "ON_PREMISE": (Grade.WATCH, "The number is registered on the On-Premises API, not on the Cloud API.",
                       "Migrate it to the Cloud API."),
        "NOT_APPLICABLE": (Grade.WATCH, "The number is not registered anywhere, so it cannot send.",
                           "Register it on the Cloud API."),
    }),
    aliases=MappingProxyType({"ON_PREMISES": "ON_PREMISE"}),
)

HEALTH_STATE: Final = Vocabulary(
    name="can_send_message",
    title="Ability to send, from health_status",
    values=_values({
        "AVAILABLE": (Grade.HEALTHY, "Sending is possible.",
                      "Nothing to do."),
        "LIMITED": (Grade.WATCH, "Sending is possible within a limit that something holds down.",
                    "Read additional_info of the entity: it names the reason."),
        "BLOCKED": (Grade.DOWN, "Sending is not possible.",
                    "Read the errors of the entity: they name the reason and what to do."),
    }),
)

WABA_STATUS: Final = Vocabulary(
    name="waba_status",
    title="Status of a WhatsApp Business account",
    values=_values({
        "ACTIVE": (Grade.HEALTHY, "The account works.",
                   "Nothing to do."),
        "PENDING": (Grade.WATCH, "The account is not active yet.",
                    "Finish its setup in Business settings."),
        "RESTRICTED": (Grade.DOWN, "Meta restricted the account.",
                       "Read the reason in Business Support Home and request a review there."),
        "DISABLED": (Grade.DOWN, "Meta disabled the account, so nothing can be sent.",
                     "Read the reason in Business Support Home and request a review there."),
    }),
)

ACCOUNT_REVIEW_STATUS: Final = Vocabulary(
    name="account_review_status",
    title="Policy review of a WhatsApp Business account",
    values=_values({
        "APPROVED": (Grade.HEALTHY, "The account passed Meta's review.",
                     "Nothing to do."),
        "PENDING": (Grade.WATCH, "Meta reviews the account.",
                    "Wait; look closer when it lasts for days."),
        "DEFERRED": (Grade.WATCH, "Meta put the review of the account off.",
                     "Look at the account in Business settings for what is missing."),
        "LIMIT_REACHED": (Grade.WATCH, "The account cannot be reviewed again, as a limit is reached.",
                          "Open a support case in Business Support Home."),
        "REJECTED": (Grade.DOWN, "The account failed Meta's review.",
                     "Read the reason in Business Support Home and request another review there."),
        "RESTRICTED": (Grade.DOWN, "The review ended with a restriction of the account.",
                       "Read the reason in Business Support Home and request another review there."),
    }),
)

BUSINESS_VERIFICATION_STATUS: Final = Vocabulary(
    name="business_verification_status",
    title="Verification of the business",
    values=_values({
        "VERIFIED": (Grade.HEALTHY, "Meta verified the business.",
                     "Nothing to do."),
        "NOT_VERIFIED": (Grade.WATCH, "The business is not verified, which caps its numbers and its limit.",
                         "Start the verification in the Security Center of Business settings."),
        "PENDING": (Grade.WATCH, "Meta checks the business.",
                    "Wait; look closer when it lasts for days."),
        "PENDING_NEED_MORE_INFO": (Grade.WATCH, "Meta needs more papers to verify the business.",
                                   "Hand in what the Security Center asks for."),
        "PENDING_SUBMISSION": (Grade.WATCH, "The verification was begun, but not handed in.",
                               "Finish it in the Security Center of Business settings."),
        "INELIGIBLE": (Grade.WATCH, "The business cannot be verified at present.",
                       "Read the reason in the Security Center of Business settings."),
        "FAILED": (Grade.WATCH, "The verification did not succeed.",
                   "Correct the data of the business and hand it in again."),
        "REJECTED": (Grade.WATCH, "Meta rejected the verification.",
                     "Read the reason in the Security Center, correct it and hand it in again."),
        "REVOKED": (Grade.WATCH, "Meta took the verification back.",
                    "Read the reason in the Security Center and verify the business again."),
        "EXPIRED": (Grade.WATCH, "The verification has lapsed.",
                    "Verify the business again."),
    }),
    aliases=MappingProxyType({"UNVERIFIED": "NOT_VERIFIED"}),
)

TOKEN_TYPE: Final = Vocabulary(
    name="token_type",
    title="Type of an access token",
    values=_values({
        "SYSTEM_USER": (Grade.HEALTHY, "The token belongs to a system user, the right kind for a server.",
                        "Nothing to do."),
        "USER": (Grade.WATCH, "The token belongs to a person and dies with that person's login or password.",
                 "Use a system-user token instead."),
        "PAGE": (Grade.WATCH, "The token belongs to a Facebook Page.",
                 "Use a system-user token instead."),
        "APP": (Grade.WATCH, "The token is the app's own, which serves to inspect other tokens.",
                "Use a system-user token for the WhatsApp account."),
    }),
)

TEMPLATE_STATUS: Final = Vocabulary(
    name="template_status",
    title="Status of a message template",
    values=_values({
        "APPROVED": (Grade.HEALTHY, "The template can be sent.",
                     "Nothing to do."),
        "REINSTATED": (Grade.HEALTHY, "The template was given back and can be sent again.",
                       "Nothing to do."),
        "UNARCHIVED": (Grade.HEALTHY, "The template was taken out of the archive.",
                       "Nothing to do."),
        "PENDING": (Grade.HEALTHY, "Meta reviews the template; it cannot be sent yet.",
                    "Wait; look closer when it lasts more than three days."),
        "IN_APPEAL": (Grade.WATCH, "An appeal against the rejection of the template is under way.",
                      "Wait for Meta's answer."),
        "FLAGGED": (Grade.WATCH, "The quality of the template is low; it may be paused next.",
                    "Find out why recipients reject it, then edit it or send it less."),
        "PAUSED": (Grade.WATCH, "Meta paused the template for low quality; it cannot be sent for some hours.",
                   "Stop the campaign that uses it and edit it. A third time disables it."),
        "DISABLED": (Grade.WATCH, "Meta disabled the template; it cannot be sent.",
                     "Write a new template with different content and switch the senders to it."),
        "REJECTED": (Grade.WATCH, "Meta rejected the template; it cannot be sent.",
                     "Read rejected_reason, correct the template and submit it again, or appeal."),
        "LIMIT_EXCEEDED": (Grade.WATCH, "The account has more templates than allowed.",
                           "Delete templates that nobody uses."),
        "LOCKED": (Grade.WATCH, "Meta locked the template against changes.",
                   "Look at the template in WhatsApp Manager."),
        "ARCHIVED": (Grade.GONE, "The template was put into the archive and cannot be sent.",
                     "Take it out of the archive if it is still wanted."),
        "PENDING_DELETION": (Grade.GONE, "The template is about to be deleted.",
                             "Switch the senders to another template."),
        "DELETED": (Grade.GONE, "The template was deleted.",
                    "Switch the senders to another template."),
    }),
)

TEMPLATE_CATEGORY: Final = Vocabulary(
    name="template_category",
    title="Category of a message template",
    values=_values({
        "AUTHENTICATION": (Grade.HEALTHY, "The template carries one-time codes.",
                           "Nothing to do."),
        "MARKETING": (Grade.HEALTHY, "The template carries offers and news.",
                      "Nothing to do; know that Meta limits such messages for each user."),
        "UTILITY": (Grade.HEALTHY, "The template carries what a user asked for, like orders and bookings.",
                    "Nothing to do."),
    }),
)

TEMPLATE_QUALITY: Final = Vocabulary(
    name="template_quality",
    title="Quality of a message template",
    values=_values({
        "GREEN": (Grade.HEALTHY, "Recipients give the template little negative feedback.",
                  "Nothing to do."),
        "YELLOW": (Grade.WATCH, "Negative feedback or few readers; the template may soon be paused.",
                   "Look at its content and its audience."),
        "RED": (Grade.WATCH, "Much negative feedback; the template is about to be paused or disabled.",
                "Stop the campaign that uses it and edit it."),
        "UNKNOWN": (Grade.UNKNOWN, "Meta has no data on the template yet.",
                    "Nothing to do."),
    }),
    aliases=MappingProxyType({"NA": "UNKNOWN", "N/A": "UNKNOWN"}),
    not_known=frozenset({"UNKNOWN"}),
)

TEMPLATE_REJECTED_REASON: Final = Vocabulary(
    name="template_rejected_reason",
    title="Why a message template was rejected",
    values=_values({
        "NONE": (Grade.HEALTHY, "The template was not rejected.",
                 "Nothing to do."),
        "ABUSIVE_CONTENT": (Grade.WATCH, "Meta found the content abusive.",
                            "Take the offending words out, or appeal."),
        "CATEGORY_NOT_AVAILABLE": (Grade.WATCH, "The category is not available to this account.",
                                   "Choose another category."),
        "INCORRECT_CATEGORY": (Grade.WATCH, "The content does not fit the category.",
                               "Choose the category that fits, most often MARKETING."),
        "INVALID_FORMAT": (Grade.WATCH, "The template is not formatted as allowed.",
                           "Check variables, links and special characters."),
        "PROMOTIONAL": (Grade.WATCH, "The content is promotional where that is not allowed.",
                        "Take the promotion out, or submit the template as MARKETING."),
        "SCAM": (Grade.WATCH, "Meta took the content for a scam.",
                 "Say who you are and why you write, or appeal."),
        "TAG_CONTENT_MISMATCH": (Grade.WATCH, "Language or category do not fit the content.",
                                 "Correct the language or the category."),
    }),
)
# fmt: on

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
)
