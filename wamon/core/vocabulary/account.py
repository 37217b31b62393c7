"""The vocabularies of a WhatsApp Business account, its business and its token, as polls show them."""

from types import MappingProxyType
from typing import Final

from wamon.core.vocabulary.entry import Grade, Vocabulary, values_of

# One value is two or three lines here, so that a vocabulary reads as a table; the formatter would make five of them.
# fmt: off
WABA_STATUS: Final = Vocabulary(
    name="waba_status",
    title="Status of a WhatsApp Business account",
    values=values_of({
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
    values=values_of({
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
    values=values_of({
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
    values=values_of({
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
# fmt: on
