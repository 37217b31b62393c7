"""Every error that Slack documents, method by method: what it means to the outbox."""

from datetime import timedelta

import pytest

from tests.notify.slack_world import MESSAGE, World, in_world
from wamon.core.errors import (
    DeliveryDeferred,
    DeliveryError,
    DeliveryRejected,
    HistoryUnreadable,
    MessageLost,
)
from wamon.core.outgoing import Receipt
from wamon.notify import MessageRejected
from wamon.notify.slack.errors import (
    AMBIGUOUS,
    CONNECT,
    EDIT,
    MEMBERS,
    RATE_LIMITED,
    READ,
    REPLY,
    SEND,
    STEPS,
    TRANSIENT,
    Use,
    refusal,
)

# The errors that Slack's page of each method lists, without those in EVERYWHERE. A word that Slack adds goes in here.
# Source: Slack's pages of these methods, and their collection in slack-ruby/slack-api-ref, read 2026-11.
EVERYWHERE = """
    access_denied accesslimited account_inactive deprecated_endpoint ekm_access_denied enterprise_is_restricted
    fatal_error internal_error invalid_arg_name invalid_arguments invalid_array_arg invalid_auth invalid_charset
    invalid_form_data invalid_post_type method_deprecated missing_post_type missing_scope no_permission
    not_allowed_token_type not_authed org_login_required ratelimited request_timeout service_unavailable
    team_access_not_granted team_added_to_org token_expired token_revoked two_factor_setup_required
"""
CONTENT = """
    invalid_attachments invalid_blocks invalid_blocks_format invalid_metadata_format invalid_metadata_schema
    markdown_text_conflict metadata_must_be_sent_from_app metadata_too_large msg_too_long no_text too_many_attachments
"""
POST = """
    as_user_not_supported attachment_payload_limit_exceeded cannot_reply_to_message channel_not_found
    duplicate_channel_not_found duplicate_message_not_found is_archived message_limit_exceeded messages_tab_disabled
    missing_file_data msg_blocks_too_long not_in_channel rate_limited restricted_action
    restricted_action_non_threadable_channel restricted_action_read_only_channel restricted_action_thread_locked
    restricted_action_thread_only_channel slack_connect_canvas_sharing_blocked slack_connect_file_link_sharing_blocked
    team_not_found too_many_contact_cards
"""
DOCUMENTED: dict[str, tuple[Use, str]] = {
    "chat.postMessage": (SEND, POST + CONTENT),
    "chat.postMessage in a thread": (REPLY, POST + CONTENT),
    "chat.update": (
        EDIT,
        """as_user_not_supported block_mismatch cant_broadcast_message cant_update_message channel_not_found
        edit_window_closed external_channel_migrating is_inactive message_not_found no_dual_broadcast_content_update
        slack_connect_file_link_sharing_blocked streaming_state_conflict team_not_found update_failed"""
        + CONTENT,
    ),
    "chat.postEphemeral": (
        SEND,
        """channel_not_found is_archived message_limit_exceeded messages_tab_disabled restricted_action
        user_not_in_channel"""
        + CONTENT,
    ),
    "conversations.history": (
        READ,
        """channel_is_limited_access channel_not_found invalid_cursor invalid_metadata_filter_keys invalid_ts_latest
        invalid_ts_oldest not_in_channel""",
    ),
    "conversations.replies": (
        READ,
        """channel_not_found invalid_cursor invalid_metadata_filter_keys invalid_ts_latest invalid_ts_oldest
        list_record_comment_fetch_failed method_not_supported_for_channel_type""",
    ),
    "auth.test": (SEND, ""),
    "usergroups.users.list": (
        MEMBERS,
        "invalid_cursor is_bot no_such_subteam plan_upgrade_required user_is_bot user_is_restricted",
    ),
    "apps.connections.open": (CONNECT, "forbidden_team insecure_request is_bot missing_args"),
}
CASES = [
    (method, use, word)
    for method, (use, words) in DOCUMENTED.items()
    for word in sorted({*EVERYWHERE.split(), *words.split()})
]
LOST = {
    "chat.update": "block_mismatch cant_update_message edit_window_closed is_inactive message_not_found",
    "chat.postMessage in a thread": "cannot_reply_to_message restricted_action_non_threadable_channel "
    "restricted_action_thread_locked",
}
WAITED_FOR = """
    external_channel_migrating fatal_error internal_error invalid_cursor list_record_comment_fetch_failed
    message_limit_exceeded rate_limited ratelimited request_timeout service_unavailable streaming_state_conflict
    team_added_to_org update_failed
"""
# What ails the token itself ails every method.
OF_THE_TOKEN = """
    account_inactive deprecated_endpoint enterprise_is_restricted invalid_auth method_deprecated missing_args not_authed
    org_login_required team_access_not_granted token_expired token_revoked two_factor_setup_required
"""


def expected(method: str, word: str) -> type[DeliveryError]:
    if word in LOST.get(method, "").split():
        return MessageLost
    if word in WAITED_FOR.split():
        return DeliveryDeferred
    if method.startswith("conversations.") and word not in OF_THE_TOKEN.split():
        return HistoryUnreadable
    return DeliveryRejected


@pytest.mark.parametrize(("method", "use", "word"), CASES, ids=[f"{method}: {word}" for method, _, word in CASES])
def test_documented_error_has_its_place(method: str, use: Use, word: str) -> None:
    error = refusal(word, use)

    assert isinstance(error, expected(method, word))
    assert word in str(error) or word in ("ratelimited", "rate_limited")


@pytest.mark.parametrize("use", [SEND, REPLY, EDIT, READ, MEMBERS, CONNECT])
@pytest.mark.parametrize("word", sorted({*STEPS, *TRANSIENT, *RATE_LIMITED}))
def test_known_error_says_what_to_do(word: str, use: Use) -> None:
    error = refusal(word, use)

    if isinstance(error, DeliveryDeferred):
        assert error.may_have_arrived is (word in AMBIGUOUS)
        assert error.retry_after == (timedelta(seconds=30) if word in RATE_LIMITED else None)
    elif isinstance(error, DeliveryRejected):
        assert error.reason == word
        assert str(error).startswith(f"Slack refused ({word}): ")
    else:
        assert isinstance(error, HistoryUnreadable | MessageLost)


def test_no_word_is_in_two_tables() -> None:
    assert not set(STEPS) & (TRANSIENT | RATE_LIMITED)
    assert not TRANSIENT & RATE_LIMITED
    assert AMBIGUOUS <= TRANSIENT


def test_word_that_nobody_knows_is_none() -> None:
    assert [refusal("planet_not_aligned", use) for use in (SEND, REPLY, EDIT, READ, MEMBERS, CONNECT)] == [None] * 6


@pytest.mark.parametrize(
    ("use", "word", "step"),
    [
        (SEND, "missing_scope", "chat:write"),
        (READ, "missing_scope", "channels:history"),
        (READ, "not_in_channel", "invite the bot"),
        (READ, "not_allowed_token_type", "channels:history"),
        (MEMBERS, "missing_scope", "usergroups:read"),
        (MEMBERS, "no_such_subteam", "WAMON_SLACK_ALLOWED_USERS"),
        (CONNECT, "missing_scope", "connections:write"),
        (CONNECT, "invalid_auth", "WAMON_SLACK_APP_TOKEN"),
        (CONNECT, "not_allowed_token_type", "WAMON_SLACK_APP_TOKEN"),
        (CONNECT, "forbidden_team", "Socket Mode"),
    ],
)
def test_step_is_that_of_what_was_asked(use: Use, word: str, step: str) -> None:
    assert step in str(refusal(word, use))


@pytest.mark.parametrize(
    ("needed", "shown"),
    [("groups:history", True), ("channels:history,groups:history", True), ("xoxb-1 secret", False), (7, False)],
)
def test_scope_that_slack_names_is_shown_when_it_is_one(needed: object, shown: bool) -> None:
    assert (str(needed) in str(refusal("missing_scope", READ, needed=needed))) is shown


def test_fault_of_a_message_is_not_one_of_the_receiver() -> None:
    assert isinstance(refusal("invalid_blocks", EDIT), MessageRejected)
    assert not isinstance(refusal("is_archived", EDIT), MessageRejected)


@pytest.mark.parametrize(
    ("word", "error"),
    [
        ("cant_update_message", MessageLost),
        ("is_inactive", MessageLost),
        ("channel_not_found", DeliveryRejected),
        ("invalid_blocks", MessageRejected),
        ("update_failed", DeliveryDeferred),
    ],
)
def test_edit_refused_over_the_wire(word: str, error: type[DeliveryError]) -> None:
    async def scenario(here: World) -> None:
        here.channel.faults.add("error", code=word)

        with pytest.raises(error):
            await here.bot().edit(MESSAGE, Receipt(channel="C0WAMONSIM", message_id="1.000001"))

    in_world(scenario)


@pytest.mark.parametrize("word", ["cannot_reply_to_message", "restricted_action_thread_locked", "thread_not_found"])
def test_reply_refused_over_the_wire(word: str) -> None:
    async def scenario(here: World) -> None:
        here.channel.faults.add("error", code=word)

        with pytest.raises(MessageLost):
            await here.bot().reply(MESSAGE, Receipt(channel="C0WAMONSIM", message_id="1.000001"), is_broadcast=False)

    in_world(scenario)
