"""The vocabularies of what Meta tells of an account by webhook only.

Source: Meta's webhook references (account_update, account_alerts, security, flows), read 2026-09.
"""

from types import MappingProxyType
from typing import Final

from wamon.core.vocabulary.entry import Grade, Vocabulary, values_of

# One value is two or three lines here, so that a vocabulary reads as a table; the formatter would make five of them.
# fmt: off
WABA_BAN_STATE: Final = Vocabulary(
    name="waba_ban_state",
    title="Ban of a WhatsApp Business account",
    values=values_of({
        "REINSTATE": (Grade.HEALTHY, "Meta lifted the ban; the account works again.",
                      "Nothing to do, but find out why it was banned."),
        "SCHEDULE_FOR_DISABLE": (Grade.DOWN, "Meta will disable the account on a date that it names.",
                                 "Read the reason in Business Support Home and ask for a review before that day."),
        "DISABLE": (Grade.DOWN, "Meta disabled the account, so nothing can be sent.",
                    "Read the reason in Business Support Home and request a review there."),
    }),
)

RESTRICTION_TYPE: Final = Vocabulary(
    name="restriction_type",
    title="Restriction of a WhatsApp Business account",
    values=values_of({
        "RESTRICTED_BIZ_INITIATED_MESSAGING": (
            Grade.DOWN, "The account may not start conversations; replies are still possible.",
            "Stop campaigns, and read the reason in Business Support Home."),
        "RESTRICTED_CUSTOMER_INITIATED_MESSAGING": (
            Grade.DOWN, "The account may not even answer those who write to it.",
            "Tell those who serve customers to use another channel, and read the reason in Business Support Home."),
        "RESTRICTED_ADD_PHONE_NUMBER_ACTION": (
            Grade.WATCH, "No phone numbers can be added to the account.",
            "Put new numbers off, and read the reason in Business Support Home."),
        "RESTRICTED_BUSINESS_INITIATED_CALLING": (
            Grade.WATCH, "The account may not call users.",
            "Stop calls to users, and read the reason in Business Support Home."),
        "RESTRICTED_USER_INITIATED_CALLING": (
            Grade.WATCH, "Users cannot call the account.",
            "Pick up more of the calls once it has ended; offer another way to call meanwhile."),
        "RESTRICTED_BIZ_INITIATED_AND_USER_INITIATED_CALLING": (
            Grade.WATCH, "Neither side can call the other.",
            "Offer another way to call, and read the reason in Business Support Home."),
        "RESTRICTED_USER_INITIATED_CALLING_CALL_BUTTON_HIDDEN": (
            Grade.WATCH, "Users see no button to call the account.",
            "Pick up more of the calls once it has ended; offer another way to call meanwhile."),
        "RESTRICTED_UTILITY_TEMPLATES": (
            Grade.WATCH, "The account may not use utility templates as before.",
            "Check that each utility template carries what a user asked for, and nothing that sells."),
        "RESTRICTED_DIRECT_SEND_UTILITY_TEMPLATES": (
            Grade.WATCH, "The account may not send utility messages without an approved template.",
            "Send by approved templates until it is lifted."),
    }),
    aliases=MappingProxyType({
        "RESTRICTION_ON_ADD_PHONE_NUMBER_ACTION": "RESTRICTED_ADD_PHONE_NUMBER_ACTION",
        "RESTRICTION_ADD_PHONE_NUMBER_ACTION": "RESTRICTED_ADD_PHONE_NUMBER_ACTION",
    }),
)

# Meta keeps the full list on its policy pages, which nobody may rely on: these are the ones that were seen.
VIOLATION_TYPE: Final = Vocabulary(
    name="violation_type",
    title="Policy violation of a WhatsApp Business account",
    values=values_of({
        "ADULT": (Grade.DOWN, "Meta found adult content or products.",
                  "Take it out of messages, templates and catalogue, or appeal in Business Support Home."),
        "ALCOHOL": (Grade.DOWN, "Meta found the sale of alcohol.",
                    "Take it out of messages, templates and catalogue, or appeal in Business Support Home."),
        "SCAM": (Grade.DOWN, "Meta took messages or offers for a scam.",
                 "Say who you are and why you write, and appeal in Business Support Home."),
        "DIRECT_SEND_UTILITY_CATEGORY_ABUSE": (
            Grade.DOWN, "Messages were sent as utility ones that are none.",
            "Send by approved templates of the category that fits."),
        "USER_INITIATED_CALLS_LOW_PICKUP_RATE": (
            Grade.DOWN, "Too few of the users' calls are picked up.",
            "Staff the line, or switch calling off for the hours when nobody answers."),
    }),
)

WABA_CONNECTION: Final = Vocabulary(
    name="waba_connection",
    title="Connection of a WhatsApp Business account to the platform and its partner",
    values=values_of({
        "CONNECTED": (Grade.HEALTHY, "The account was connected, or connected again.",
                      "Nothing to do."),
        "OFFBOARDED": (Grade.DOWN, "The account is cut off from the Cloud API, as after a change of device in the app.",
                       "Finish the set-up in the WhatsApp Business app or with the partner again."),
        "DELETED": (Grade.DOWN, "The account was deleted.",
                    "Find out who deleted it; if that was meant, take it out of the configuration."),
        "PARTNER_REMOVED": (Grade.WATCH, "The partner through which the account sends was removed from it.",
                            "Find out whether that was meant; if not, share the account with the partner again."),
        "PARTNER_APP_UNINSTALLED": (Grade.WATCH, "The partner's app was removed from the account.",
                                    "Find out whether that was meant; if not, install it again."),
    }),
    aliases=MappingProxyType({
        "ACCOUNT_DELETED": "DELETED",
        "ACCOUNT_OFFBOARDED": "OFFBOARDED",
        "ACCOUNT_RECONNECTED": "CONNECTED",
        "PARTNER_ADDED": "CONNECTED",
        "PARTNER_APP_INSTALLED": "CONNECTED",
    }),
)

SECURITY_EVENT: Final = Vocabulary(
    name="security_event",
    title="Security event of a phone number",
    values=values_of({
        "PIN_CHANGED": (Grade.DOWN, "Somebody set or changed the two-step verification PIN of the number.",
                        "Find out who it was; if nobody did, set another PIN now."),
        "PIN_RESET_REQUEST": (Grade.DOWN, "Somebody asked to switch the two-step verification of the number off.",
                              "Find out who it was; if nobody did, cancel the request in WhatsApp Manager now."),
        "PIN_REQUEST_SUCCESS": (Grade.DOWN, "The two-step verification of the number was switched off on request.",
                                "Set a PIN now, and find out who asked for it."),
    }),
)

ACCOUNT_ALERT_TYPE: Final = Vocabulary(
    name="account_alert_type",
    title="Alert of Meta's own on an account",
    values=values_of({
        "INCREASED_CAPABILITIES_ELIGIBILITY_DEFERRED": (
            Grade.WATCH, "Meta put off its decision on a higher messaging limit.",
            "Wait; Meta looks again by itself."),
        "INCREASED_CAPABILITIES_ELIGIBILITY_FAILED": (
            Grade.WATCH, "Meta will not raise the messaging limit for now.",
            "Improve quality and use, and look at Business Support Home."),
        "INCREASED_CAPABILITIES_ELIGIBILITY_NEED_MORE_INFO": (
            Grade.WATCH, "Meta needs more papers before it raises the messaging limit.",
            "Hand in what Business Support Home asks for."),
        "OBA_APPROVED": (Grade.HEALTHY, "A number became an official business account.",
                         "Nothing to do."),
        "OBA_REJECTED": (Grade.WATCH, "A number did not become an official business account.",
                         "Read the reason in WhatsApp Manager; another request is possible later."),
        "PROFILE_PICTURE_LOST": (Grade.WATCH, "The profile picture of a number is gone.",
                                 "Upload it again in WhatsApp Manager."),
    }),
)

ACCOUNT_ALERT_SEVERITY: Final = Vocabulary(
    name="account_alert_severity",
    title="Severity of an alert of Meta's own",
    values=values_of({
        "CRITICAL": (Grade.DOWN, "Meta calls its alert critical.",
                     "Read the alert in Business Support Home now."),
        "WARNING": (Grade.WATCH, "Meta calls its alert a warning.",
                    "Read the alert in Business Support Home."),
        "INFORMATIONAL": (Grade.HEALTHY, "Meta calls its alert informational.",
                          "Nothing to do."),
        "NONE": (Grade.HEALTHY, "Meta's alert is over.",
                 "Nothing to do."),
    }),
)

FLOW_EVENT: Final = Vocabulary(
    name="flow_event",
    title="Trouble of a Flow",
    values=values_of({
        "FLOW_STATUS_CHANGE": (Grade.WATCH, "Meta throttled or blocked the Flow, or set it free again.",
                               "Mend what its other alerts name: a Flow is throttled for a bad endpoint."),
        "CLIENT_ERROR_RATE": (Grade.WATCH, "Too many of the Flow's screens fail on users' phones.",
                              "Look at the errors in WhatsApp Manager > Flows, and at the Flow's JSON."),
        "ENDPOINT_ERROR_RATE": (Grade.WATCH, "Too many requests to the Flow's endpoint fail.",
                                "Look at the logs of the endpoint, and at its certificate and keys."),
        "ENDPOINT_LATENCY": (Grade.WATCH, "The Flow's endpoint answers slowly.",
                             "Look at the load of the endpoint; users give up after a few seconds."),
        "ENDPOINT_AVAILABILITY": (Grade.WATCH, "The Flow's endpoint is often not reachable for Meta.",
                                  "Check that the endpoint runs and that its health check answers."),
        "FLOW_VERSION_EXPIRY_WARNING": (Grade.WATCH, "The version of the Flow's JSON ends soon, and sending with it.",
                                        "Move the Flow to the version that Meta recommends and publish it again."),
    }),
)

FLOW_ALERT_STATE: Final = Vocabulary(
    name="flow_alert_state",
    title="State of a Flow's trouble",
    values=values_of({
        "ACTIVATED": (Grade.WATCH, "The trouble is there.",
                      "Read what kind of trouble it is."),
        "DEACTIVATED": (Grade.HEALTHY, "The trouble is over.",
                        "Nothing to do."),
    }),
)

FLOW_STATUS: Final = Vocabulary(
    name="flow_status",
    title="Status of a Flow",
    values=values_of({
        "DRAFT": (Grade.HEALTHY, "The Flow is being made.",
                  "Nothing to do; publish it to send it."),
        "PUBLISHED": (Grade.HEALTHY, "The Flow can be sent.",
                      "Nothing to do."),
        "DEPRECATED": (Grade.GONE, "The Flow was retired and cannot be sent or opened.",
                       "Switch the senders to another Flow."),
        "THROTTLED": (Grade.WATCH, "Meta lets only ten of the Flow's messages through an hour.",
                      "Mend its endpoint; Meta lifts the limit by itself."),
        "BLOCKED": (Grade.WATCH, "Meta blocked the Flow; it cannot be sent or opened.",
                    "Mend its endpoint or what the policy notice names, then publish it again."),
    }),
)
# fmt: on
