"""The vocabularies of a phone number, polled or heard."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from wamon.core.vocabulary.entry import Grade, Vocabulary, values_of

# One value is two or three lines here, so that a vocabulary reads as a table; the formatter would make five of them.
# fmt: off
PHONE_NUMBER_STATUS: Final = Vocabulary(
    name="phone_number_status",
    title="Status of a phone number",
    values=values_of({
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
    values=values_of({
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
    values=values_of({
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
    # The words of the webhook phone_number_name_update. Source: its reference, read 2025-12.
    aliases=MappingProxyType({"PENDING": "PENDING_REVIEW", "DEFERRED": "PENDING_REVIEW", "REJECTED": "DECLINED"}),
)

CODE_VERIFICATION_STATUS: Final = Vocabulary(
    name="code_verification_status",
    title="Verification code of a phone number",
    values=values_of({
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
    values=values_of({
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
    values=values_of({
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
    aliases=MappingProxyType({"TIER_NOT_SET": "UNTIERED"}),
)

ACCOUNT_MODE: Final = Vocabulary(
    name="account_mode",
    title="Mode of a phone number",
    values=values_of({
        "LIVE": (Grade.HEALTHY, "The number is a live one.",
                 "Nothing to do."),
        "SANDBOX": (Grade.WATCH, "The number is a test number and reaches only recipients on its allow list.",
                    "Use a live number for customers; on a test number there is nothing to do."),
    }),
)

PLATFORM_TYPE: Final = Vocabulary(
    name="platform_type",
    title="Platform of a phone number",
    values=values_of({
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
    values=values_of({
        "AVAILABLE": (Grade.HEALTHY, "Sending is possible.",
                      "Nothing to do."),
        "LIMITED": (Grade.WATCH, "Sending is possible within a limit that something holds down.",
                    "Read additional_info of the entity: it names the reason."),
        "BLOCKED": (Grade.DOWN, "Sending is not possible.",
                    "Read the errors of the entity: they name the reason and what to do."),
    }),
)
# fmt: on


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
