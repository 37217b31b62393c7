"""The fake Slack as senders see it."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from tests.fakes import START
from tests.sim.callers import request, slack_call, slack_channel
from tests.sim.slack_callers import SECTION, method, post
from wamon.sim.serve import serve
from wamon.sim.slack import SlackCall, SlackMessage, slack_app


def test_webhook_message_is_accepted_and_kept() -> None:
    channel, _ = slack_channel()

    answer = slack_call(channel, channel.webhook_path, json={"text": "hello", "blocks": [SECTION]})

    (message,) = channel.messages
    assert (answer.status_code, answer.text) == (200, "ok")
    assert (message.at, message.via, message.text, message.blocks) == (START, "webhook", "hello", (SECTION,))
    assert message.all_text == "hello\n*CRITICAL* quality"


def test_webhook_takes_a_form_with_a_payload() -> None:
    channel, _ = slack_channel()

    slack_call(channel, channel.webhook_path, data={"payload": '{"text":"hello"}'})

    assert channel.messages[0].text == "hello"


@pytest.mark.parametrize(
    ("content", "status", "error"),
    [
        (b"hello", 400, "invalid_payload"),
        (b"[]", 400, "invalid_payload"),
        (b"{}", 400, "no_text"),
        (b'{"blocks":[{"type":"marquee"}]}', 400, "invalid_blocks"),
    ],
)
def test_webhook_refuses_what_is_no_message(content: bytes, status: int, error: str) -> None:
    channel, _ = slack_channel()

    answer = slack_call(channel, channel.webhook_path, content=content)

    assert (answer.status_code, answer.text) == (status, error)
    assert channel.messages == []


def test_webhook_that_is_not_there_is_no_service() -> None:
    channel, _ = slack_channel()

    wrong_path = slack_call(channel, "/services/T0/B0/other", json={"text": "hello"})
    channel.webhook_is_active = False
    inactive = slack_call(channel, channel.webhook_path, json={"text": "hello"})

    assert [(each.status_code, each.text) for each in (wrong_path, inactive)] == [(404, "no_service")] * 2


def test_webhook_takes_only_posts() -> None:
    channel, _ = slack_channel()

    assert request(slack_app(channel), "GET", channel.webhook_path).text == "invalid_payload"


def test_archived_or_missing_channel_refuses_both_ways_in_their_own_words() -> None:
    channel, _ = slack_channel()
    channel.is_archived = True
    archived = slack_call(channel, channel.webhook_path, json={"text": "hello"})
    archived_for_bot = post(channel)["error"]
    assert method(channel, "chat.update", channel=channel.id, ts="1.0", text="x")["error"] == "is_inactive"
    channel.is_missing = True
    missing = slack_call(channel, channel.webhook_path, json={"text": "hello"})

    assert (archived.status_code, archived.text, archived_for_bot) == (410, "channel_is_archived", "is_archived")
    assert (missing.status_code, missing.text) == (404, "channel_not_found")
    assert post(channel)["error"] == "channel_not_found"


def test_bot_message_gets_a_stamp_and_keeps_thread_and_metadata() -> None:
    channel, _ = slack_channel()
    metadata = {"event_type": "wamon", "event_payload": {"outbox_id": 7}}

    root = post(channel)
    reply = post(channel, thread_ts=root["ts"], reply_broadcast=True, metadata=metadata, attachments=[{"text": "a"}])

    assert root["ok"]
    assert root["channel"] == channel.id
    assert float(reply["ts"]) > float(root["ts"]) == START.timestamp()
    assert reply["message"]["thread_ts"] == root["ts"]
    assert reply["message"]["metadata"] == metadata
    assert channel.messages[1].reply_broadcast
    assert channel.messages[1].attachments == ({"text": "a"},)


def test_update_changes_the_message_in_place() -> None:
    channel, clock = slack_channel()
    seen: list[SlackMessage] = []
    channel.on_message = seen.append
    ts = post(channel)["ts"]
    clock.advance(60)

    answer = method(channel, "chat.update", channel=channel.id, ts=ts, text="resolved")

    (message,) = channel.messages
    assert (answer["ok"], answer["ts"], answer["text"]) == (True, ts, "resolved")
    assert (message.text, message.edits, message.edited_at) == ("resolved", 1, clock.now())
    assert seen == [message, message]
    assert channel.revision == 2


def test_update_of_what_the_bot_did_not_send_is_refused() -> None:
    channel, _ = slack_channel()
    slack_call(channel, channel.webhook_path, json={"text": "hello"})

    foreign = method(channel, "chat.update", channel=channel.id, ts=channel.messages[0].ts, text="x")
    unknown = method(channel, "chat.update", channel=channel.id, ts="1.0", text="x")

    assert foreign["error"] == "cant_update_message"
    assert unknown["error"] == "message_not_found"


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        ({"text": ""}, "no_text"),
        ({"text": 7}, "invalid_arguments"),
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"blocks": "text"}, "invalid_blocks_format"),
        ({"metadata": "text"}, "invalid_metadata_format"),
        ({"metadata": {"event_type": "wamon", "event_payload": {"x": "y" * 20_000}}}, "metadata_too_large"),
        ({"channel": "C0OTHER"}, "channel_not_found"),
        ({"blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"attachments": [{"blocks": [{"type": "marquee"}]}]}, "invalid_blocks"),
        ({"attachments": "red"}, "invalid_attachments"),
        ({"attachments": [{"text": "a"}] * 101}, "too_many_attachments"),
        ({"metadata": {"event_type": "wamon"}}, "invalid_metadata_format"),
    ],
)
def test_bot_message_that_slack_would_refuse_is_refused(payload: dict[str, Any], error: str) -> None:
    channel, _ = slack_channel()

    answer = post(channel, **payload)

    assert (answer["ok"], answer["error"]) == (False, error)
    assert channel.messages == []


def test_refused_blocks_are_explained() -> None:
    channel, _ = slack_channel()

    answer = post(channel, blocks=[{"type": "marquee"}])

    assert answer["errors"] == ["unsupported type: marquee [json-pointer:/blocks/0/type]"]
    assert answer["response_metadata"]["messages"] == [
        "[ERROR] unsupported type: marquee [json-pointer:/blocks/0/type]"
    ]


@pytest.mark.parametrize(
    ("content", "error"), [(b"hello", "invalid_json"), (b"[]", "json_not_object"), (b"", "channel_not_found")]
)
def test_method_body_must_be_a_json_object(content: bytes, error: str) -> None:
    channel, _ = slack_channel()
    headers = {"Authorization": f"Bearer {channel.bot_token}", "content-type": "application/json"}

    assert slack_call(channel, "/api/chat.postMessage", content=content, headers=headers).json()["error"] == error


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({}, "not_authed"),
        ({"headers": {"Authorization": "Bearer xoxb-other"}}, "invalid_auth"),
        ({"data": {"token": "xoxb-other"}}, "invalid_auth"),
        ({"data": {"token": "xoxb-simulated-bot"}}, None),
    ],
)
def test_bot_token_is_checked(options: dict[str, Any], error: str | None) -> None:
    channel, _ = slack_channel()

    assert slack_call(channel, "/api/auth.test", **options).json().get("error") == error


@pytest.mark.parametrize("error", ["token_revoked", "account_inactive", "invalid_auth"])
def test_token_can_lose_its_power(error: str) -> None:
    channel, _ = slack_channel()
    channel.workspace.token_error = error

    assert post(channel) == {"ok": False, "error": error}
    assert channel.calls[0].error == error


def test_app_level_token_is_none_for_messages() -> None:
    channel, _ = slack_channel()
    headers = {"Authorization": f"Bearer {channel.workspace.app_token}"}

    answer = slack_call(channel, "/api/chat.postMessage", json={"channel": channel.id, "text": "x"}, headers=headers)

    assert answer.json()["error"] == "not_allowed_token_type"


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("chat.postMessage", "chat:write"),
        ("chat.update", "chat:write"),
        ("chat.postEphemeral", "chat:write"),
        ("conversations.history", "channels:history"),
        ("conversations.replies", "channels:history"),
    ],
)
def test_missing_scope_is_named_with_those_that_are_there(name: str, needed: str) -> None:
    channel, _ = slack_channel()
    channel.workspace.scopes = ["users:read", "groups:history"]

    assert method(channel, name, channel=channel.id, text="x", ts="1.0") == {
        "ok": False,
        "error": "missing_scope",
        "needed": needed,
        "provided": "users:read,groups:history",
    }


def test_unknown_method_is_refused() -> None:
    channel, _ = slack_channel()

    assert method(channel, "chat.shout")["error"] == "unknown_method"


def test_methods_are_served_without_the_api_prefix_too() -> None:
    channel, _ = slack_channel()
    headers = {"Authorization": f"Bearer {channel.bot_token}"}

    assert slack_call(channel, "/auth.test", headers=headers).json()["team"] == "Wamon Demo"


def test_form_body_carries_blocks_as_json() -> None:
    channel, _ = slack_channel()
    headers = {"Authorization": f"Bearer {channel.bot_token}"}

    data = {"channel": "#wamon-alerts", "blocks": json.dumps([SECTION])}
    good = slack_call(channel, "/api/chat.postMessage", data=data, headers=headers).json()
    bad = slack_call(channel, "/api/chat.postMessage", data={**data, "blocks": "[SECTION"}, headers=headers).json()

    assert good["ok"]
    assert channel.messages[0].blocks == (SECTION,)
    assert bad["error"] == "invalid_blocks_format"


def test_slack_sdk_talks_to_it() -> None:
    channel, _ = slack_channel()

    def talk(url: str) -> list[Any]:
        client = WebClient(token=channel.bot_token, base_url=f"{url}/api/")
        webhook = WebhookClient(f"{url}{channel.webhook_path}")
        identity = client.auth_test()
        posted = client.chat_postMessage(channel="wamon-alerts", text="hello", blocks=[SECTION])
        client.chat_update(channel=posted["channel"], ts=posted["ts"], text="edited", blocks=[SECTION])
        with pytest.raises(SlackApiError, match="message_not_found"):
            client.chat_update(channel=posted["channel"], ts="1.0", text="edited")
        return [identity["user"], webhook.send(text="from a webhook").body]

    async def scenario() -> list[Any]:
        async with serve(slack_app(channel)) as url:
            return await asyncio.to_thread(talk, url)

    assert asyncio.run(scenario()) == ["wamon", "ok"]
    assert [message.text for message in channel.messages] == ["edited", "from a webhook"]


@pytest.mark.parametrize("retry_after", [1, 3600, None])
def test_rate_limit_says_when_to_come_back_unless_told_not_to(retry_after: int | None) -> None:
    channel, _ = slack_channel()
    channel.faults.add("rate_limited", retry_after=retry_after, path="chat.postMessage", times=1)

    limited = slack_call(channel, "/api/chat.postMessage", json={})
    other = method(channel, "auth.test")

    assert (limited.status_code, limited.json()["error"]) == (429, "ratelimited")
    assert limited.headers.get("retry-after") == (None if retry_after is None else str(retry_after))
    assert other["ok"]


def test_webhook_can_be_rate_limited() -> None:
    channel, _ = slack_channel()
    channel.faults.add("rate_limited", times=1)

    answer = slack_call(channel, channel.webhook_path, json={"text": "hello"})

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert channel.messages == []


@pytest.mark.parametrize(
    ("kind", "raised", "accepted"),
    [
        ("reset", httpx.ReadError, 0),
        ("hang", httpx.ReadTimeout, 0),
        ("accept_then_reset", httpx.ReadError, 1),
        ("accept_then_hang", httpx.ReadTimeout, 1),
    ],
)
def test_answer_can_be_lost_before_or_after_the_message_is_accepted(
    kind: str, raised: type[Exception], accepted: int
) -> None:
    channel, _ = slack_channel()
    channel.faults.add(kind)

    with pytest.raises(raised):
        slack_call(channel, channel.webhook_path, json={"text": "hello"})

    assert len(channel.messages) == accepted
    assert channel.calls == [SlackCall(at=START, path=channel.webhook_path, status=None)]


def test_message_can_appear_after_its_sender_has_given_up() -> None:
    channel, clock = slack_channel()
    channel.faults.add("accept_late", seconds=20, times=1)

    with pytest.raises(httpx.ReadTimeout):
        slack_call(channel, channel.webhook_path, clock, json={"text": "hello"})

    (message,) = channel.messages
    assert message.at == START + timedelta(seconds=20)
    assert channel.calls[0].status is None


def test_late_message_appears_although_the_connection_is_gone() -> None:
    channel, _ = slack_channel()
    channel.faults.add("accept_late", seconds=0.1)

    async def scenario() -> list[SlackMessage]:
        async with serve(slack_app(channel)) as url, httpx.AsyncClient(trust_env=False) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.post(f"{url}{channel.webhook_path}", json={"text": "hello"}, timeout=0.02)
            assert channel.messages == []
            async with asyncio.timeout(5):
                return await channel.wait_for(bool)

    assert [message.text for message in asyncio.run(scenario())] == ["hello"]


def test_caller_that_dies_while_it_speaks_has_sent_nothing(caplog: pytest.LogCaptureFixture) -> None:
    channel, _ = slack_channel()

    async def scenario() -> str:
        async with serve(slack_app(channel)) as url, httpx.AsyncClient(trust_env=False) as client:
            _, writer = await asyncio.open_connection(url.split("/")[2].split(":")[0], int(url.rsplit(":")[-1]))
            writer.write(f"POST {channel.webhook_path} HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{{".encode())
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            return (await client.post(f"{url}{channel.webhook_path}", json={"text": "hello"})).text

    assert asyncio.run(scenario()) == "ok"
    assert [message.text for message in channel.messages] == ["hello"]
    assert caplog.records == []


def test_slow_answer_comes_after_its_seconds() -> None:
    channel, clock = slack_channel()
    channel.faults.add("slow", seconds=9)

    assert slack_call(channel, channel.webhook_path, clock, json={"text": "hello"}).text == "ok"
    assert clock.slept == [9]


@pytest.mark.parametrize("code", ["account_inactive", "missing_scope", "not_in_channel", "token_revoked"])
def test_any_method_error_can_be_planted(code: str) -> None:
    channel, _ = slack_channel()
    channel.faults.add("error", code=code, times=1)

    assert post(channel) == {"ok": False, "error": code}
    assert post(channel)["ok"]


def test_webhook_error_comes_with_its_documented_status() -> None:
    channel, _ = slack_channel()
    channel.faults.add("error", code="action_prohibited", times=1)
    channel.faults.add("error", code="rollup_error", http_status=599, times=2)

    answers = [slack_call(channel, channel.webhook_path, json={"text": "hello"}) for _ in range(2)]

    assert [(each.status_code, each.text) for each in answers] == [(403, "action_prohibited"), (599, "rollup_error")]


def test_gateway_page_can_stand_for_an_answer() -> None:
    channel, _ = slack_channel()
    channel.faults.add("status", http_status=502)

    assert slack_call(channel, channel.webhook_path, json={"text": "hello"}).status_code == 502


def test_waiting_ends_when_the_wanted_message_has_come() -> None:
    channel, _ = slack_channel()

    async def scenario() -> list[str]:
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(channel.wait_for(lambda messages: len(messages) == 2))
            await asyncio.sleep(0)
            for text in ("one", "two"):
                channel.accept({"text": text}, via="webhook")
                await asyncio.sleep(0)
        return [message.text for message in waiting.result()]

    assert asyncio.run(scenario()) == ["one", "two"]


def test_other_protocols_are_ignored() -> None:
    channel, _ = slack_channel()

    async def nothing() -> None:
        raise AssertionError("neither read from nor written to")

    asyncio.run(slack_app(channel)({"type": "lifespan"}, nothing, nothing))  # type: ignore[arg-type]  # must not be called

    assert channel.calls == []
