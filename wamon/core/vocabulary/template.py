"""The vocabularies of message templates."""

from types import MappingProxyType
from typing import Final

from wamon.core.vocabulary.entry import Grade, Vocabulary, values_of

# One value is two or three lines here, so that a vocabulary reads as a table; the formatter would make five of them.
# fmt: off
TEMPLATE_STATUS: Final = Vocabulary(
    name="template_status",
    title="Status of a message template",
    values=values_of({
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
    values=values_of({
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
    values=values_of({
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
    values=values_of({
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
