"""Slack's words for what went wrong, what each means to the outbox, and what a human does about it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from wamon.core.errors import DeliveryDeferred, DeliveryError, DeliveryRejected, HistoryUnreadable, MessageLost
from wamon.notify import MessageRejected

POST_SCOPE: Final = "chat:write"
HISTORY_SCOPES: Final = ("channels:history", "groups:history")
# What a 429 without Retry-After is taken for, and the longest wait that is believed.
DEFAULT_WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(days=1)

# The sources of all words here: Slack "chat.postMessage", "chat.update", "chat.postEphemeral", "conversations.history",
# "conversations.replies", "auth.test", "usergroups.users.list", "apps.connections.open" (errors) and
# "Incoming webhooks" (handling errors), read 2026-11.
RATE_LIMITED: Final = frozenset({"ratelimited", "rate_limited"})
TRANSIENT: Final = frozenset({
    "external_channel_migrating", "fatal_error", "internal_error", "invalid_cursor", "list_record_comment_fetch_failed",
    "message_limit_exceeded", "request_timeout", "rollup_error", "service_unavailable", "streaming_state_conflict",
    "team_added_to_org", "update_failed",
})  # fmt: skip
# Slack says of these that part of the work may have been done.
AMBIGUOUS: Final = frozenset({"fatal_error", "internal_error", "rollup_error", "update_failed"})
# Of a message to be edited, and of one to be answered: it is not there, or stays as it is.
_FIXED: Final = frozenset({
    "block_mismatch", "cant_update_message", "edit_window_closed", "is_inactive", "message_not_found",
})  # fmt: skip
_UNANSWERABLE: Final = frozenset({
    "cannot_reply_to_message", "message_not_found", "restricted_action_non_threadable_channel",
    "restricted_action_thread_locked", "thread_not_found",
})  # fmt: skip

TOKEN_STEP: Final = "reinstall the Slack app, put its bot token into WAMON_SLACK_BOT_TOKEN and restart"  # noqa: S105
SCOPE_STEP: Final = f"give the Slack app the scope {POST_SCOPE} and reinstall it"
CHANNEL_STEP: Final = (
    "put the channel's id where its name stands (WAMON_SLACK_CHANNEL, or the route) and invite the bot there "
    "(/invite @name)"
)
ARCHIVED_STEP: Final = "unarchive the channel, or choose another one"
POLICY_STEP: Final = "ask a workspace admin to let the app post in this channel, or choose another one"
WEBHOOK_STEP: Final = "make another incoming webhook and put its URL into WAMON_SLACK_WEBHOOK_URL"
FAULT_STEP: Final = "the message itself is at fault: report it to wamon's makers; the alert stands in the log"
HISTORY_STEP: Final = (
    f"give the Slack app the scope {HISTORY_SCOPES[0]} ({HISTORY_SCOPES[1]} for a private channel), reinstall it and "
    "invite the bot to the channel"
)
GROUP_STEP: Final = (
    "give the Slack app the scope usergroups:read and reinstall it, or list the people themselves in "
    "WAMON_SLACK_ALLOWED_USERS"
)
APP_TOKEN_STEP: Final = (
    "make an app-level token with the scope connections:write, put it into WAMON_SLACK_APP_TOKEN and restart"  # noqa: S105
)
SOCKET_STEP: Final = "switch Socket Mode on in the settings of the Slack app"

STEPS: Final[Mapping[str, str]] = MappingProxyType({
    word: step
    for step, words in {
        TOKEN_STEP: "invalid_auth not_authed token_revoked token_expired account_inactive not_allowed_token_type "
        "org_login_required two_factor_setup_required enterprise_is_restricted team_access_not_granted "
        "team_not_found deprecated_endpoint method_deprecated missing_args",
        SCOPE_STEP: "missing_scope no_permission access_denied",
        CHANNEL_STEP: "channel_not_found not_in_channel messages_tab_disabled user_not_in_channel "
        "channel_is_limited_access method_not_supported_for_channel_type",
        ARCHIVED_STEP: "is_archived channel_is_archived",
        POLICY_STEP: "restricted_action restricted_action_read_only_channel restricted_action_thread_only_channel "
        "restricted_action_non_threadable_channel restricted_action_thread_locked ekm_access_denied "
        "posting_to_general_channel_denied action_prohibited accesslimited as_user_not_supported "
        "slack_connect_canvas_sharing_blocked slack_connect_file_link_sharing_blocked",
        WEBHOOK_STEP: "no_service no_active_hooks no_team team_disabled invalid_token user_not_found "
        "http_401 http_403 http_404 http_410",
        GROUP_STEP: "no_such_subteam plan_upgrade_required user_is_bot user_is_restricted is_bot",
        SOCKET_STEP: "forbidden_team link_disabled",
        FAULT_STEP: "invalid_payload invalid_blocks invalid_blocks_format invalid_attachments no_text msg_too_long "
        "msg_blocks_too_long too_many_attachments attachment_payload_limit_exceeded invalid_metadata_format "
        "invalid_metadata_schema metadata_too_large metadata_must_be_sent_from_app markdown_text_conflict "
        "invalid_arguments invalid_arg_name invalid_array_arg invalid_charset invalid_form_data invalid_json "
        "json_not_object invalid_post_type missing_post_type unknown_method cannot_reply_to_message "
        "too_many_contact_cards missing_file_data duplicate_channel_not_found duplicate_message_not_found "
        "cant_broadcast_message no_dual_broadcast_content_update invalid_metadata_filter_keys invalid_ts_latest "
        "invalid_ts_oldest insecure_request http_400 http_413",
    }.items()
    for word in words.split()
})  # fmt: skip
_WORD: Final = re.compile(r"[a-z][a-z_]{1,79}")
_SCOPES: Final = re.compile(r"[a-z][a-z:._,]{1,199}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a call is for. `lost` are the words that mean MessageLost; `steps` says where others stand for some of ours.

    When `is_reading`, what is no trouble of the token's means HistoryUnreadable: sending may work all the same.
    """

    lost: frozenset[str] = frozenset()
    is_reading: bool = False
    steps: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


SEND: Final = Use()
REPLY: Final = Use(lost=_UNANSWERABLE)
EDIT: Final = Use(lost=_FIXED)
READ: Final = Use(is_reading=True, steps=MappingProxyType({SCOPE_STEP: HISTORY_STEP}))
MEMBERS: Final = Use(steps=MappingProxyType({SCOPE_STEP: GROUP_STEP}))
CONNECT: Final = Use(
    steps=MappingProxyType({TOKEN_STEP: APP_TOKEN_STEP, SCOPE_STEP: APP_TOKEN_STEP, GROUP_STEP: APP_TOKEN_STEP})
)


def slack_word(value: object) -> str | None:
    """The value if it is a word as Slack's are: whoever else answered may have quoted the request, token and all."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None


def refusal(word: str, use: Use = SEND, *, needed: object = None) -> DeliveryError | None:
    """What Slack's own word for an error means to the outbox; None for a word that we do not know.

    `needed` are the scopes that Slack says are missing.
    """
    if word in RATE_LIMITED:
        return DeliveryDeferred("Slack asks to wait", retry_after=DEFAULT_WAIT)
    if word in use.lost:
        return MessageLost(f"Slack does not let that message be answered or edited any more ({word})")
    if word in TRANSIENT:
        return DeliveryDeferred(f"Slack is in trouble ({word})", may_have_arrived=word in AMBIGUOUS)
    if word not in STEPS:
        return None
    step = use.steps.get(STEPS[word], STEPS[word])
    if use.is_reading and (STEPS[word] != TOKEN_STEP or word == "not_allowed_token_type"):
        step = step if STEPS[word] in (SCOPE_STEP, CHANNEL_STEP) else HISTORY_STEP
        asked = f" for {needed}" if isinstance(needed, str) and _SCOPES.fullmatch(needed) else ""
        return HistoryUnreadable(f"Slack does not show the channel's history ({word}{asked}): {step}")
    return rejection(word, step)


def rejection(word: str, step: str) -> DeliveryRejected:
    # Only Slack's own word proves that the receiver is well; a status may be that of somebody on the way.
    is_message = STEPS.get(word) == FAULT_STEP and not word.startswith("http_")
    return (MessageRejected if is_message else DeliveryRejected)(f"Slack refused ({word}): {step}", reason=word)
