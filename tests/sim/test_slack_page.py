"""The fake Slack's page."""

import re

import pytest

from tests.sim.callers import request, slack_channel
from wamon.sim.slack import SlackChannel, slack_app
from wamon.sim.slack_page import Entry, mrkdwn, plain, timeline


def page(channel: SlackChannel) -> str:
    return request(slack_app(channel), "GET", "/").text


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*bold* and _it_ and ~gone~", "<strong>bold</strong> and <em>it</em> and <s>gone</s>"),
        ("`a*b*c`", "<code>a*b*c</code>"),
        ("```\nx < y\n```", "<pre>x &lt; y</pre>"),
        ("snake_case_name 2*3*4", "snake_case_name 2*3*4"),
        ("<https://example.com/a?b=1&amp;c|the runbook>", None),
        ("*<https://example.com|bold link>*", None),
        ("a &lt;b&gt; &amp; c", "a &lt;b&gt; &amp; c"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("<javascript:alert(1)|click>", "&lt;javascript:alert(1)|click&gt;"),
        ("one\ntwo", "one<br>two"),
        ("> quoted\nafter", "<blockquote>quoted</blockquote>after"),
        (":red_circle: :no_such_emoji:", "🔴 :no_such_emoji:"),
        ("<!here> <@U123|anna> <#C123|alerts>", None),
        ("<!date^1795341600^{time}|10:00>", '<span class="mention">10:00</span>'),
        ("\x001\x00", "1"),
    ],
)
def test_markup_becomes_html(text: str, html: str | None) -> None:
    expected = {
        "<https://example.com/a?b=1&amp;c|the runbook>": (
            '<a href="https://example.com/a?b=1&amp;c" rel="noreferrer">the runbook</a>'
        ),
        "*<https://example.com|bold link>*": (
            '<strong><a href="https://example.com" rel="noreferrer">bold link</a></strong>'
        ),
        "<!here> <@U123|anna> <#C123|alerts>": (
            '<span class="mention">@here</span> <span class="mention">@anna</span> <span class="mention">#alerts</span>'
        ),
    }

    assert mrkdwn(text) == (html or expected[text])


def test_plain_text_has_no_markup_but_emoji() -> None:
    assert plain("*not bold* <b> :fire:") == "*not bold* &lt;b&gt; 🔥"


def test_replies_stand_under_their_root_and_a_broadcast_in_the_channel_too() -> None:
    channel, _ = slack_channel()
    root = channel.accept({"text": "root"}, via="bot")
    other = channel.accept({"text": "other"}, via="bot")
    reply = channel.accept({"text": "reply", "thread_ts": root.ts}, via="bot")
    loud = channel.accept({"text": "loud", "thread_ts": root.ts, "reply_broadcast": True}, via="bot")
    whisper = channel.accept_ephemeral({"text": "whisper", "thread_ts": root.ts}, user="U0BEN")

    first, second, third = timeline(channel)

    assert (first, second) == (Entry(message=root, replies=(reply, loud, whisper)), Entry(message=other))
    assert third == Entry(message=loud, root=root)
    assert first.reply_count == 2


def test_page_shows_every_kind_of_block() -> None:
    channel, _ = slack_channel()
    text = {"type": "mrkdwn", "text": "a *fact*"}
    channel.accept(
        {
            "text": "fallback only",
            "blocks": [
                {"type": "header", "text": {"type": "plain_text", "text": ":fire: RED"}},
                {"type": "section", "text": text, "fields": [text, {"type": "mrkdwn", "text": "second field"}]},
                {"type": "context", "elements": [text, {"type": "image", "image_url": "https://x", "alt_text": "map"}]},
                {"type": "divider"},
                {
                    "type": "actions",
                    "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Silence 1 h"}}],
                },
                {"type": "rich_text", "elements": []},
            ],
            "attachments": [
                {"color": "danger", "pretext": "before", "title": "Evidence", "text": "`131031`"},
                {"color": "#2eb886", "fields": [{"title": "Since", "value": "10:00"}], "blocks": [{"type": "divider"}]},
            ],
        },
        via="bot",
    )

    html = page(channel)

    assert '<div class="header">🔥 RED</div>' in html
    assert html.count("a <strong>fact</strong>") == 3
    for piece in (
        "second field",
        "[map]",
        "<hr>",
        "Silence 1 h",
        "[rich_text]",
        "before",
        "Evidence",
        "Since",
        "10:00",
    ):
        assert piece in html
    assert "border-left-color: #a30100" in html
    assert "border-left-color: #2eb886" in html
    assert "fallback only" not in html


def test_page_shows_text_threads_edits_and_the_way_in() -> None:
    channel, _ = slack_channel()
    root = channel.accept({"text": "*root*"}, via="bot")
    channel.accept({"text": "reply", "thread_ts": root.ts}, via="bot")
    channel.update({"ts": root.ts, "text": "*edited root*"})

    html = page(channel)

    assert "<strong>edited root</strong>" in html
    assert re.search(r'<details class="thread" id="t[\d.]+"><summary>1 reply<', html)
    assert "(edited)" in html
    assert 'data-revision="3"' in html


def test_page_shows_who_alone_sees_a_message_and_what_was_said_to_the_channel_too() -> None:
    channel, _ = slack_channel()
    root = channel.accept({"text": "*root*"}, via="bot")
    channel.accept({"text": "loud", "thread_ts": root.ts, "reply_broadcast": True}, via="bot")
    channel.accept_ephemeral({"text": "not for you to press"}, user="U0BEN")
    channel.say("looking", user="U0ANNA", thread_ts=root.ts)

    html = page(channel)

    assert "Only visible to ben" in html
    assert f'replied to a thread: <a href="#m{root.ts}">*root*</a>' in html
    assert "also sent to the channel" in html
    assert "2 replies" in html
    assert '<span class="who">anna</span>' in html


def test_deleted_message_with_replies_leaves_a_tombstone_on_the_page() -> None:
    channel, _ = slack_channel()
    root = channel.accept({"text": "secret"}, via="bot")
    channel.accept({"text": "reply", "thread_ts": root.ts}, via="bot")

    channel.delete(root.ts)

    html = page(channel)
    assert "This message was deleted." in html
    assert "secret" not in html


def test_page_lists_the_channels_when_there_are_several() -> None:
    channel, _ = slack_channel()
    alone = page(channel)
    ops = channel.workspace.add_channel("ops", is_private=True)
    ops.accept({"text": "in ops"}, via="bot")

    html = request(slack_app(channel), "GET", f"/?channel={ops.id}").text

    assert "<nav" not in alone
    assert '<a href="?channel=C0WAMONSIM">' in html
    assert f'<a href="?channel={ops.id}" aria-current="page"><span>🔒 ops</span>' in html
    assert "in ops" in html


def test_button_on_the_page_says_what_to_press() -> None:
    channel, _ = slack_channel()
    button = {"type": "button", "action_id": "ack", "value": "7", "text": {"type": "plain_text", "text": "Acknowledge"}}
    option = {"text": {"type": "plain_text", "text": "1 h"}, "value": "3600"}
    elements = [button | {"style": "primary"}, {"type": "overflow", "action_id": "silence", "options": [option]}]
    message = channel.accept({"blocks": [{"type": "actions", "elements": elements}]}, via="bot")

    html = page(channel)

    assert f'class="primary" data-ts="{message.ts}" data-action="ack" data-value="7">Acknowledge</button>' in html
    assert f'<select class="overflow" data-ts="{message.ts}" data-action="silence"' in html
    assert '<option value="3600">1 h</option>' in html


def test_page_escapes_what_senders_wrote() -> None:
    channel, _ = slack_channel()
    evil = '<img src=x onerror="alert(1)">'
    channel.accept({"text": evil, "attachments": [{"color": '"><b>x', "title": evil, "text": evil}]}, via="webhook")

    html = page(channel)

    assert "<img" not in html
    assert '"><b>' not in html


def test_page_asks_nothing_of_other_hosts() -> None:
    channel, _ = slack_channel()

    answer = request(slack_app(channel), "GET", "/")

    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search(r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//""", answer.text)
    assert "No message has arrived" in answer.text


def test_request_for_an_icon_uses_up_no_fault() -> None:
    channel, _ = slack_channel()
    channel.faults.add("status", times=1)

    assert request(slack_app(channel), "GET", "/favicon.ico").status_code == 404
    assert len(channel.faults) == 1
