"""Threads, updates, ephemeral messages and several channels of the fake Slack."""

from datetime import timedelta
from typing import Any

import pytest

from tests.fakes import START
from tests.sim.slack_callers import SECTION, buttons, method, post, quiet_channel


def test_reply_to_a_reply_joins_the_thread_of_its_root() -> None:
    channel, _ = quiet_channel()
    root = post(channel)["ts"]
    reply = post(channel, thread_ts=root)

    second = post(channel, thread_ts=reply["ts"])

    assert reply["message"]["thread_ts"] == second["message"]["thread_ts"] == root
    assert [message.ts for message in channel.replies(root)] == [reply["ts"], second["ts"]]


def test_reply_to_nothing_silently_comes_into_the_channel_by_itself() -> None:
    channel, _ = quiet_channel()

    answer = post(channel, thread_ts="1.000000", reply_broadcast=True)

    assert answer["ok"]
    assert "thread_ts" not in answer["message"]
    assert (channel.messages[0].thread_ts, channel.messages[0].reply_broadcast) == (None, False)


def test_deleted_message_can_neither_be_updated_nor_replied_to() -> None:
    channel, _ = quiet_channel()
    ts = post(channel)["ts"]

    channel.delete(ts)

    assert method(channel, "chat.update", channel=channel.id, ts=ts, text="x")["error"] == "message_not_found"
    assert method(channel, "conversations.replies", channel=channel.id, ts=ts)["error"] == "thread_not_found"
    assert "thread_ts" not in post(channel, thread_ts=ts)["message"]
    assert [message.ts for message in channel.deleted] == [ts]
    with pytest.raises(LookupError, match="no message"):
        channel.delete(ts)


def test_deleted_root_with_replies_stays_as_a_tombstone_that_keeps_its_thread() -> None:
    channel, _ = quiet_channel()
    root = post(channel)["ts"]
    post(channel, thread_ts=root)

    channel.delete(root)

    update = method(channel, "chat.update", channel=channel.id, ts=root, text="x")
    thread = method(channel, "conversations.replies", channel=channel.id, ts=root)["messages"]
    assert update["error"] == "message_not_found"
    assert [message.get("subtype") for message in thread] == ["tombstone", None]
    assert post(channel, thread_ts=root)["message"]["thread_ts"] == root


def test_update_keeps_what_was_shown_before() -> None:
    channel, clock = quiet_channel()
    ts = post(channel, text="firing", blocks=[SECTION], metadata={"event_type": "a", "event_payload": {}})["ts"]
    for text in ("acknowledged", "resolved"):
        clock.advance(60)
        method(channel, "chat.update", channel=channel.id, ts=ts, text=text, blocks=[SECTION])

    (message,) = channel.messages

    assert [shown.text for shown in message.versions] == ["firing", "acknowledged", "resolved"]
    assert [shown.at - START for shown in message.versions] == [timedelta(minutes=each) for each in range(3)]
    assert message.shown_at(START - timedelta(seconds=1)) is None
    assert message.shown_at(START + timedelta(seconds=90)) == message.former[1]
    assert message.former[0].blocks == (SECTION,)
    assert message.former[0].all_text == "firing\n*CRITICAL* quality"


def test_text_without_blocks_takes_the_blocks_away_and_blocks_hide_the_edited_mark() -> None:
    channel, _ = quiet_channel()
    ts = post(channel, blocks=[SECTION], attachments=[{"text": "a"}])["ts"]

    with_blocks = method(channel, "chat.update", channel=channel.id, ts=ts, text="new", blocks=[SECTION])["message"]
    text_only = method(channel, "chat.update", channel=channel.id, ts=ts, text="new")["message"]

    assert "edited" not in with_blocks
    assert with_blocks["attachments"] == [{"text": "a"}]
    assert "edited" in text_only
    assert "blocks" not in text_only


def test_update_keeps_metadata_unless_it_brings_some() -> None:
    channel, _ = quiet_channel()
    first: dict[str, Any] = {"event_type": "first", "event_payload": {}}
    second = {**first, "event_type": "second"}
    updates: list[dict[str, Any]] = [{}, {"metadata": second}, {"metadata": {}}]
    ts = post(channel, metadata=first)["ts"]

    answers = [
        method(channel, "chat.update", channel=channel.id, ts=ts, text="x", **more)["message"].get("metadata")
        for more in updates
    ]

    assert answers == [first, second, None]


def test_update_can_broadcast_a_reply() -> None:
    channel, _ = quiet_channel()
    reply = post(channel, thread_ts=post(channel)["ts"])["ts"]

    message = method(channel, "chat.update", channel=channel.id, ts=reply, text="x", reply_broadcast=True)["message"]

    assert message["subtype"] == "thread_broadcast"


def test_update_takes_no_name_for_the_channel_and_no_message_of_a_person() -> None:
    channel, _ = quiet_channel()
    ts = post(channel, channel="#wamon-alerts")["ts"]
    said = channel.say("looking")

    by_name = method(channel, "chat.update", channel="#wamon-alerts", ts=ts, text="x")
    foreign = method(channel, "chat.update", channel=channel.id, ts=said.ts, text="x")

    assert (by_name["error"], foreign["error"]) == ("channel_not_found", "cant_update_message")


def test_edit_window_closes_when_the_workspace_has_one() -> None:
    channel, clock = quiet_channel()
    channel.workspace.edit_window = timedelta(minutes=5)
    ts = post(channel)["ts"]

    clock.advance(300)
    in_time = method(channel, "chat.update", channel=channel.id, ts=ts, text="x")
    clock.advance(1)
    late = method(channel, "chat.update", channel=channel.id, ts=ts, text="x")

    assert in_time["ok"]
    assert late["error"] == "edit_window_closed"


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"text": ""}, "no_text"),
        ({"blocks": [{"type": "marquee"}]}, "invalid_blocks"),
        ({"text": "x", "metadata": {"event_type": 7}}, "invalid_metadata_format"),
    ],
)
def test_refused_update_changes_nothing(payload: dict[str, Any], error: str) -> None:
    channel, _ = quiet_channel()
    ts = post(channel)["ts"]

    assert method(channel, "chat.update", channel=channel.id, ts=ts, **payload)["error"] == error
    assert len(channel.messages[0].versions) == 1


def test_ephemeral_message_is_kept_apart() -> None:
    channel, _ = quiet_channel()
    ask = {"channel": channel.id, "text": "only you"}

    answer = method(channel, "chat.postEphemeral", user="U0BEN", **ask)
    nobody = method(channel, "chat.postEphemeral", **ask)
    channel.workspace.members = {"U0ANNA"}
    outsider = method(channel, "chat.postEphemeral", user="U0BEN", **ask)
    channel.is_archived = True

    (message,) = channel.ephemerals
    assert channel.messages == []
    assert (answer["message_ts"], message.user, message.text) == (message.ts, "U0BEN", "only you")
    assert (nobody["error"], outsider["error"]) == ("invalid_arguments", "user_not_in_channel")
    assert method(channel, "chat.postEphemeral", user="U0ANNA", **ask)["error"] == "is_archived"


def test_each_channel_has_its_own_messages_found_by_id_or_name() -> None:
    channel, _ = quiet_channel()
    ops = channel.workspace.add_channel("ops", "C0OPS")

    stamps = [post(channel, channel=wanted)["ts"] for wanted in ("C0OPS", "ops", "#ops", channel.id)]

    assert [message.ts for message in ops.messages] == stamps[:3]
    assert [message.ts for message in channel.messages] == stamps[3:]
    assert method(channel, "chat.update", channel="C0OPS", ts=stamps[3], text="x")["error"] == "message_not_found"


def test_bot_outside_a_channel_needs_another_scope_to_post_and_cannot_read() -> None:
    channel, _ = quiet_channel()
    channel.workspace.add_channel("ops", "C0OPS", is_member=False)
    channel.workspace.add_channel("secret", "C0SECRET", is_member=False, is_private=True)

    outside = post(channel, channel="C0OPS")["error"]
    hidden = post(channel, channel="C0SECRET")["error"]
    channel.workspace.scopes.append("chat:write.public")

    assert (outside, hidden) == ("not_in_channel", "channel_not_found")
    assert post(channel, channel="C0OPS")["ok"]
    assert method(channel, "conversations.history", channel="C0OPS")["error"] == "not_in_channel"


def test_private_channel_is_read_with_its_own_scope() -> None:
    channel, _ = quiet_channel()
    channel.workspace.add_channel("secret", "C0SECRET", is_private=True)
    channel.workspace.scopes = ["chat:write", "channels:history"]

    assert method(channel, "conversations.history", channel="C0SECRET")["needed"] == "groups:history"


def test_blocks_come_back_with_ids() -> None:
    channel, _ = quiet_channel()
    button = {"type": "button", "text": {"type": "plain_text", "text": "x"}}
    section = {**SECTION, "accessory": button, "block_id": "mine"}
    pictured = {**SECTION, "accessory": {"type": "image", "image_url": "https://x", "alt_text": "x"}}

    blocks = post(channel, blocks=[section, {"type": "actions", "elements": [button]}, pictured])["message"]["blocks"]

    assert blocks[0]["block_id"] == "mine"
    assert blocks[0]["accessory"]["action_id"] != blocks[1]["elements"][0]["action_id"]
    assert blocks[1]["block_id"]
    assert blocks[2]["accessory"] == pictured["accessory"]


def test_value_of_a_button_is_no_text() -> None:
    channel, _ = quiet_channel()

    post(channel, blocks=buttons("ack", value="opaque"))

    assert channel.messages[0].all_text == "hello\nack"


def test_attachments_alone_are_replaced_alone() -> None:
    channel, _ = quiet_channel()
    ts = post(channel, blocks=[SECTION], attachments=[{"text": "old"}])["ts"]

    method(channel, "chat.update", channel=channel.id, ts=ts, attachments=[{"text": "new"}])

    (message,) = channel.messages
    assert (message.text, message.blocks, message.attachments) == ("hello", (SECTION,), ({"text": "new"},))


def test_token_can_be_changed_while_it_runs() -> None:
    channel, _ = quiet_channel()
    old = channel.bot_token

    channel.bot_token = "xoxb-new"

    assert channel.workspace.bot_token == "xoxb-new" != old
    assert post(channel)["ok"]
    assert repr(channel) == "SlackChannel(#wamon-alerts, 1 messages)"
