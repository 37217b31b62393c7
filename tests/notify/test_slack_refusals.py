"""What only a human can mend in Slack: what is said of it, and what is not."""

import asyncio
import logging
from typing import Any

import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.notify.slack_world import MESSAGE, SHORT, TOKEN, WAYS, World, in_world
from wamon.core.errors import DeliveryDeferred, DeliveryRejected
from wamon.notify import MessageRejected
from wamon.notify.slack import SlackBot, SlackWebhook
from wamon.sim.serve import serve

# --- what only a human can mend ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "step"),
    [
        ("channel_not_found", "WAMON_SLACK_CHANNEL"),
        ("not_in_channel", "invite the bot"),
        ("is_archived", "unarchive"),
        ("invalid_auth", "WAMON_SLACK_BOT_TOKEN"),
        ("not_authed", "WAMON_SLACK_BOT_TOKEN"),
        ("token_revoked", "WAMON_SLACK_BOT_TOKEN"),
        ("token_expired", "WAMON_SLACK_BOT_TOKEN"),
        ("account_inactive", "WAMON_SLACK_BOT_TOKEN"),
        ("missing_scope", "chat:write"),
        ("no_permission", "chat:write"),
        ("restricted_action", "workspace admin"),
        ("ekm_access_denied", "workspace admin"),
        ("accesslimited", "workspace admin"),
        ("invalid_blocks", "report it"),
        ("msg_too_long", "report it"),
        ("no_text", "report it"),
        ("invalid_metadata_format", "report it"),
    ],
)
def test_refused_bot_is_told_the_next_step(word: str, step: str) -> None:
    async def scenario(here: World) -> None:
        here.channel.faults.add("error", code=word)

        failure = await here.failure("bot")

        assert isinstance(failure, DeliveryRejected)
        assert failure.reason == word
        assert word in str(failure)
        assert step in str(failure)

    in_world(scenario)


@pytest.mark.parametrize(
    ("word", "step"),
    [
        ("no_service", "WAMON_SLACK_WEBHOOK_URL"),
        ("no_active_hooks", "WAMON_SLACK_WEBHOOK_URL"),
        ("no_team", "WAMON_SLACK_WEBHOOK_URL"),
        ("invalid_token", "WAMON_SLACK_WEBHOOK_URL"),
        ("user_not_found", "WAMON_SLACK_WEBHOOK_URL"),
        ("channel_is_archived", "unarchive"),
        ("action_prohibited", "workspace admin"),
        ("posting_to_general_channel_denied", "workspace admin"),
        ("invalid_payload", "report it"),
        ("too_many_attachments", "report it"),
    ],
)
def test_refused_webhook_is_told_the_next_step(word: str, step: str) -> None:
    async def scenario(here: World) -> None:
        here.channel.faults.add("error", code=word)

        failure = await here.failure("webhook")

        assert isinstance(failure, DeliveryRejected)
        assert failure.reason == word
        assert step in str(failure)

    in_world(scenario)


@pytest.mark.parametrize(
    ("status", "reason", "step"),
    [
        (403, "http_403", "WAMON_SLACK_WEBHOOK_URL"),
        (404, "http_404", "WAMON_SLACK_WEBHOOK_URL"),
        (410, "http_410", "WAMON_SLACK_WEBHOOK_URL"),
        (400, "http_400", "report it"),
        (418, "http_418", "WAMON_SLACK_WEBHOOK_URL"),
    ],
)
def test_webhook_refused_without_a_word_is_refused(status: int, reason: str, step: str) -> None:
    async def scenario(here: World) -> None:
        here.channel.faults.add("status", http_status=status)

        failure = await here.failure("webhook")

        assert isinstance(failure, DeliveryRejected)
        assert failure.reason == reason
        assert step in str(failure)

    in_world(scenario)


def test_webhook_refused_with_a_word_nobody_knows_is_refused_with_it() -> None:
    async def scenario(here: World) -> None:
        here.channel.faults.add("error", code="planet_not_aligned", http_status=403)

        failure = await here.failure("webhook")

        assert isinstance(failure, DeliveryRejected)
        assert failure.reason == "planet_not_aligned"

    in_world(scenario)


@pytest.mark.parametrize(
    ("way", "options", "is_the_message"),
    [
        ("bot", {"code": "invalid_blocks"}, True),
        ("bot", {"code": "msg_too_long"}, True),
        ("bot", {"code": "is_archived"}, False),
        ("bot", {"code": "invalid_auth"}, False),
        ("webhook", {"code": "invalid_payload"}, True),
        ("webhook", {"code": "no_service"}, False),
        ("webhook", {"code": "planet_not_aligned", "http_status": 400}, False),
    ],
)
def test_only_slacks_own_word_blames_the_message(way: str, options: dict[str, Any], *, is_the_message: bool) -> None:
    async def scenario(here: World) -> None:
        here.channel.faults.add("error", **options)

        assert isinstance(await here.failure(way), MessageRejected) is is_the_message

    in_world(scenario)


def test_refusal_without_a_word_of_slacks_does_not_blame_the_message() -> None:
    async def scenario(here: World) -> None:
        here.channel.faults.add("status", http_status=400)

        assert not isinstance(await here.failure("webhook"), MessageRejected)

    in_world(scenario)


@pytest.mark.parametrize(
    ("word", "may_have_arrived"),
    [("internal_error", True), ("fatal_error", True), ("service_unavailable", False), ("planet_not_aligned", False)],
)
def test_trouble_of_slacks_own_or_unknown_to_us_is_tried_again(word: str, may_have_arrived: bool) -> None:
    async def scenario(here: World) -> None:
        here.channel.faults.add("error", code=word)

        failure = await here.failure("bot")

        assert isinstance(failure, DeliveryDeferred)
        assert failure.may_have_arrived is may_have_arrived
        assert word in str(failure)

    in_world(scenario)


def test_bot_refused_by_somebody_on_the_way_is_tried_again() -> None:
    async def scenario(here: World) -> None:
        here.channel.faults.add("status", http_status=403)

        failure = await here.failure("bot")

        assert isinstance(failure, DeliveryDeferred)
        assert not failure.may_have_arrived

    in_world(scenario)


# --- doctor -----------------------------------------------------------------------------------------------------------


def test_check_of_the_bot_names_it() -> None:
    async def scenario(here: World) -> None:
        notifier = here.notifier("bot")

        assert await notifier.check() == "the token is that of wamon in the workspace Wamon Demo"

        await notifier.close()
        assert here.channel.messages == []

    in_world(scenario)


def test_check_of_the_bot_finds_the_revoked_token() -> None:
    async def scenario(here: World) -> None:
        here.channel.bot_token = "xoxb-another"
        notifier = here.notifier("bot")

        with pytest.raises(DeliveryRejected, match="invalid_auth"):
            await notifier.check()

        await notifier.close()

    in_world(scenario)


def test_check_of_the_bot_finds_the_missing_scope() -> None:
    async def reader(scope: Scope, receive: Receive, send: Send) -> None:
        headers = {"X-OAuth-Scopes": "channels:read,users:read"}
        await Response('{"ok": true, "user": "wamon", "team": "Acme"}', headers=headers)(scope, receive, send)

    async def scenario() -> None:
        async with serve(reader) as url:
            notifier = SlackBot(TOKEN, "C1", url)
            with pytest.raises(DeliveryRejected, match="chat:write"):
                await notifier.check()
            await notifier.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "url",
    ["https://hooks.slack.com/services/T1/B1/abc", "http://127.0.0.1:9/services/T/B/x", "https://chat.example/hooks/x"],
)
def test_check_of_the_webhook_takes_its_form(url: str) -> None:
    assert "has the form of an incoming webhook" in asyncio.run(SlackWebhook(url).check())


@pytest.mark.parametrize(
    "url",
    ["", "hooks.slack.com/services/T1/B1/abc", "https://hooks.slack.com/", "ftp://hooks.slack.com/services/T/B/x",
     "https://hooks.slack.com/workflows/T1/A1/abc", "http://[::1/services/T/B/x"],
)  # fmt: skip
def test_check_of_the_webhook_finds_what_is_none(url: str) -> None:
    with pytest.raises(DeliveryRejected) as caught:
        asyncio.run(SlackWebhook(url).check())

    assert caught.value.reason == "invalid_url"
    assert url == "" or url not in str(caught.value)


# --- secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("error", {"code": "invalid_auth"}),
        ("error", {"code": "planet_not_aligned"}),
        ("status", {"http_status": 404}),
        ("status", {"http_status": 503}),
        ("rate_limited", {}),
        ("reset", {}),
        ("hang", {}),
    ],
)
@pytest.mark.parametrize("way", WAYS)
def test_no_secret_in_errors_or_logs(
    way: str, fault: str, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def scenario(here: World) -> None:
        here.channel.faults.add(fault, **options)

        failure = await here.failure(way, timeout_seconds=SHORT)

        told = [str(failure), repr(failure), str(failure.__cause__), caplog.text, repr(here.notifier(way))]
        assert not [text for text in told if "simulated" in text]

    in_world(scenario)


@pytest.mark.parametrize(
    "notifier",
    [
        SlackBot("xoxb-canary\nX-Evil: 1", "C1", "http://127.0.0.1:9"),
        SlackBot("xoxb-canary-ключ", "C1", "http://127.0.0.1:9"),
        SlackWebhook("hooks.slack.com/services/canary"),
        SlackWebhook("http://127.0.0.1:9/services/canary with spaces"),
        SlackWebhook("file:///etc/canary"),
        SlackWebhook("http://127.0.0.1:notaport/canary"),
    ],
    ids=["newline in token", "letters in token", "no scheme", "spaces", "file", "port"],
)
def test_malformed_secret_is_refused_without_being_quoted(
    notifier: SlackBot | SlackWebhook, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    with pytest.raises(DeliveryRejected) as caught:
        asyncio.run(notifier.send(MESSAGE))

    assert caught.value.reason == "invalid_url_or_token"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "canary" not in str(caught.value) + caplog.text
