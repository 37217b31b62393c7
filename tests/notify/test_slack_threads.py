"""Threads, edits and history of a Slack bot, against the fake Slack on a real loopback socket."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.fakes import START
from tests.notify.slack_world import MESSAGE, SHORT, TOKEN, World, in_world
from wamon.core.errors import DeliveryDeferred, DeliveryRejected, HistoryUnreadable, MessageLost
from wamon.core.outgoing import Receipt
from wamon.notify.slack import SlackBot, SlackWebhook
from wamon.sim.serve import serve

CHANNEL = "C0WAMONSIM"
REPLY = replace(MESSAGE, headline="RESOLVED after 2 h 10 min", reference="7-2-b")
NOWHERE = Receipt(channel=CHANNEL, message_id="1111111111.000001")


def test_only_the_bot_has_threads() -> None:
    bot = SlackBot(TOKEN, CHANNEL)

    assert bot.threads is bot
    assert SlackWebhook("https://hooks.slack.com/services/T/B/x").threads is None


# --- replies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_broadcast", [False, True])
def test_reply_is_in_the_thread_and_broadcast_only_when_asked(is_broadcast: bool) -> None:
    async def scenario(here: World) -> None:
        bot = here.bot()
        root = await bot.send(MESSAGE)

        receipt = await bot.reply(REPLY, root, is_broadcast=is_broadcast)

        reply = here.channel.messages[1]
        assert receipt == Receipt(channel=CHANNEL, message_id=reply.ts)
        assert (reply.thread_ts, reply.reply_broadcast) == (root.message_id, is_broadcast)
        assert reply.metadata == {"event_type": "wamon_alert", "event_payload": {"reference": "7-2-b"}}

    in_world(scenario)


def test_reply_goes_to_the_channel_of_the_message() -> None:
    async def scenario(here: World) -> None:
        root = await here.bot().send(MESSAGE)

        await here.bot(channel="C0ELSEWHERE").reply(REPLY, root, is_broadcast=False)

        assert len(here.channel.replies(str(root.message_id))) == 1

    in_world(scenario)


def test_reply_to_a_message_that_is_gone_is_lost() -> None:
    async def scenario(here: World) -> None:
        bot = here.bot()
        root = await bot.send(MESSAGE)
        here.channel.delete(str(root.message_id))

        with pytest.raises(MessageLost):
            await bot.reply(REPLY, root, is_broadcast=False)

    in_world(scenario)


def test_reply_that_stands_alone_is_taken_back() -> None:
    called: list[tuple[str, dict[str, list[str]]]] = []

    async def slack(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        called.append((request.url.path, parse_qs((await request.body()).decode())))
        answer = {"ok": True, "channel": CHANNEL, "ts": "5.000001", "message": {"ts": "5.000001", "text": "x"}}
        await JSONResponse(answer)(scope, receive, send)

    async def scenario() -> None:
        async with serve(slack) as url:
            with pytest.raises(MessageLost):
                await SlackBot(TOKEN, CHANNEL, url).reply(REPLY, NOWHERE, is_broadcast=False)

    asyncio.run(scenario())

    assert [path for path, _ in called] == ["/chat.postMessage", "/chat.delete"]
    assert called[1][1] == {"channel": [CHANNEL], "ts": ["5.000001"]}


# --- edits ------------------------------------------------------------------------------------------------------------


def test_edit_writes_anew_in_place_and_keeps_the_reference() -> None:
    async def scenario(here: World) -> None:
        bot = here.bot()
        root = await bot.send(MESSAGE)

        await bot.edit(REPLY, root)

        (message,) = here.channel.messages
        assert message.text.startswith("RESOLVED")
        assert message.metadata == {"event_type": "wamon_alert", "event_payload": {"reference": MESSAGE.reference}}
        assert not message.is_marked_edited
        assert await bot.find(MESSAGE.reference, since=START, thread=None) == root

    in_world(scenario)


def test_edit_beyond_the_workspaces_window_is_lost() -> None:
    async def scenario(here: World) -> None:
        bot = here.bot()
        root = await bot.send(MESSAGE)
        here.channel.workspace.edit_window = timedelta(seconds=-1)

        with pytest.raises(MessageLost, match="edit_window_closed"):
            await bot.edit(REPLY, root)

    in_world(scenario)


def test_edit_of_what_is_not_there_is_lost() -> None:
    async def scenario(here: World) -> None:
        with pytest.raises(MessageLost, match="message_not_found"):
            await here.bot().edit(REPLY, NOWHERE)

    in_world(scenario)


def test_edit_in_an_archived_channel_is_lost() -> None:
    async def scenario(here: World) -> None:
        root = await here.bot().send(MESSAGE)
        here.channel.is_archived = True

        with pytest.raises(MessageLost, match="is_inactive"):
            await here.bot().edit(REPLY, root)

    in_world(scenario)


# --- history ----------------------------------------------------------------------------------------------------------


def post(here: World, reference: str, *, event_type: str = "wamon_alert", thread_ts: str | None = None) -> str:
    metadata = {"event_type": event_type, "event_payload": {"reference": reference}}
    payload = {"text": "x", "metadata": metadata, "thread_ts": thread_ts}
    return here.channel.accept(payload, via="bot").ts


def test_sent_message_is_found_again_by_its_reference() -> None:
    async def scenario(here: World) -> None:
        post(here, "1-1-z")
        sent = await here.bot().send(MESSAGE)
        post(here, "9-9-z")

        assert await here.bot().find(MESSAGE.reference, since=START, thread=None) == sent

    in_world(scenario)


def test_reply_is_found_again_in_its_thread() -> None:
    async def scenario(here: World) -> None:
        bot = here.bot()
        root = await bot.send(MESSAGE)
        reply = await bot.reply(REPLY, root, is_broadcast=False)

        assert await bot.find(REPLY.reference, since=START, thread=root) == reply
        assert await bot.find("8-8-q", since=START, thread=root) is None

    in_world(scenario)


def test_thread_that_is_gone_holds_nothing() -> None:
    async def scenario(here: World) -> None:
        assert await here.bot().find("7-2-b", since=START, thread=NOWHERE) is None

    in_world(scenario)


def test_message_of_another_kind_is_not_ours() -> None:
    async def scenario(here: World) -> None:
        post(here, MESSAGE.reference, event_type="task_created")
        here.channel.accept({"text": MESSAGE.reference}, via="person", user="U0ANNA")

        assert await here.bot().find(MESSAGE.reference, since=START, thread=None) is None

    in_world(scenario)


def test_slacks_clock_may_be_behind_ours() -> None:
    async def scenario(here: World) -> None:
        sent = await here.bot().send(MESSAGE)

        found = await here.bot().find(MESSAGE.reference, since=START + timedelta(minutes=14), thread=None)

        assert found == sent

    in_world(scenario)


@pytest.mark.parametrize("in_thread", [False, True])
def test_search_reads_on_through_the_pages(in_thread: bool) -> None:
    async def scenario(here: World) -> None:
        root = post(here, "root")
        thread_ts = root if in_thread else None
        wanted = [post(here, f"r{n}", thread_ts=thread_ts) for n in range(450)]
        thread = Receipt(channel=CHANNEL, message_id=root) if in_thread else None

        for n in (0, 249, 449):
            found = await here.bot().find(f"r{n}", since=START, thread=thread)
            assert found == Receipt(channel=CHANNEL, message_id=wanted[n])

    in_world(scenario)


def test_search_ends_somewhere_and_says_so() -> None:
    async def slack(scope: Scope, receive: Receive, send: Send) -> None:
        answer = {"ok": True, "messages": [], "response_metadata": {"next_cursor": "again"}}
        await JSONResponse(answer)(scope, receive, send)

    async def scenario() -> None:
        async with serve(slack) as url:
            with pytest.raises(HistoryUnreadable, match="2000 messages"):
                await SlackBot(TOKEN, CHANNEL, url).find("7-1-a", since=START, thread=None)

    asyncio.run(scenario())


def test_missing_scope_is_named() -> None:
    async def scenario(here: World) -> None:
        here.channel.workspace.scopes = ["chat:write"]

        with pytest.raises(HistoryUnreadable) as caught:
            await here.bot().find("7-1-a", since=START, thread=None)

        assert "missing_scope" in str(caught.value)
        assert "channels:history" in str(caught.value)

    in_world(scenario)


def test_channel_given_by_name_has_no_history_until_something_was_posted_there() -> None:
    async def scenario(here: World) -> None:
        bot = here.bot(channel="#wamon-alerts")
        with pytest.raises(HistoryUnreadable, match="id where its name stands"):
            await bot.find(MESSAGE.reference, since=START, thread=None)

        sent = await bot.send(MESSAGE)

        assert await bot.find(MESSAGE.reference, since=START, thread=None) == sent

    in_world(scenario)


@pytest.mark.parametrize(
    "messages",
    [None, "text", {}, [None, 1, "x"], [{"metadata": 1}], [{"metadata": {"event_type": "wamon_alert"}}],
     [{"metadata": {"event_type": "wamon_alert", "event_payload": {"reference": 7}}}]],
)  # fmt: skip
def test_history_of_another_shape_holds_nothing(messages: Any) -> None:
    async def slack(scope: Scope, receive: Receive, send: Send) -> None:
        await JSONResponse({"ok": True, "messages": messages, "response_metadata": 3})(scope, receive, send)

    async def scenario() -> Receipt | None:
        async with serve(slack) as url:
            return await SlackBot(TOKEN, CHANNEL, url).find("7-1-a", since=START, thread=None)

    assert asyncio.run(scenario()) is None


# --- what else a bot does ---------------------------------------------------------------------------------------------


def test_ephemeral_message_is_for_one_person_in_the_thread() -> None:
    async def scenario(here: World) -> None:
        bot = here.bot()
        root = await bot.send(MESSAGE)
        await bot.reply(REPLY, root, is_broadcast=False)

        await bot.post_ephemeral("U0ANNA", "Acknowledged.", CHANNEL, root.message_id)

        (shown,) = here.channel.ephemerals
        assert (shown.text, shown.user, shown.thread_ts) == ("Acknowledged.", "U0ANNA", root.message_id)
        assert len(here.channel.messages) == 2

    in_world(scenario)


def answering(answer: dict[str, Any], headers: dict[str, str] | None = None) -> ASGIApp:
    async def slack(scope: Scope, receive: Receive, send: Send) -> None:
        await JSONResponse(answer, headers=headers)(scope, receive, send)

    return slack


def test_members_of_a_user_group() -> None:
    async def scenario() -> frozenset[str]:
        async with serve(answering({"ok": True, "users": ["U1", "W2", 3]})) as url:
            return await SlackBot(TOKEN, CHANNEL, url).members("S1")

    assert asyncio.run(scenario()) == {"U1", "W2"}


def test_members_without_the_scope_names_it() -> None:
    async def scenario() -> None:
        async with serve(answering({"ok": False, "error": "missing_scope", "needed": "usergroups:read"})) as url:
            with pytest.raises(DeliveryRejected, match="usergroups:read"):
                await SlackBot(TOKEN, CHANNEL, url).members("S1")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("scopes", "advice"),
    [("chat:write,channels:history", False), ("chat:write, groups:history", False), ("chat:write", True)],
)
def test_check_advises_the_scope_of_history(scopes: str, advice: bool) -> None:
    async def scenario() -> str:
        identity = {"ok": True, "user": "wamon", "team": "Acme"}
        async with serve(answering(identity, {"X-OAuth-Scopes": scopes})) as url:
            return await SlackBot(TOKEN, CHANNEL, url).check()

    found = asyncio.run(scenario())

    assert found.startswith("the token is that of wamon in the workspace Acme")
    assert ("channels:history" in found) is advice


def test_message_taken_without_saying_where_leaves_doubt() -> None:
    async def scenario() -> DeliveryDeferred:
        async with serve(answering({"ok": True})) as url:
            with pytest.raises(DeliveryDeferred) as caught:
                await SlackBot(TOKEN, CHANNEL, url).send(MESSAGE)
        return caught.value

    assert asyncio.run(scenario()).may_have_arrived


# --- every method fails as sending does -------------------------------------------------------------------------------


async def call(bot: SlackBot, method: str) -> None:
    """Make one call of each kind."""
    if method == "reply":
        await bot.reply(MESSAGE, NOWHERE, is_broadcast=False)
    elif method == "edit":
        await bot.edit(MESSAGE, NOWHERE)
    elif method in ("history", "replies"):
        await bot.find("7-1-a", since=START, thread=NOWHERE if method == "replies" else None)
    elif method == "ephemeral":
        await bot.post_ephemeral("U0ANNA", "x", CHANNEL)
    elif method == "members":
        await bot.members("S1")
    else:
        await bot.check()


METHODS = ["reply", "edit", "history", "replies", "ephemeral", "members", "check"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("fault", "options"),
    [("rate_limited", {"retry_after": 7}), ("status", {"http_status": 503}), ("reset", {}), ("hang", {}),
     ("error", {"code": "internal_error"}), ("error", {"code": "planet_not_aligned"})],
)  # fmt: skip
def test_trouble_defers_every_method(method: str, fault: str, options: dict[str, Any]) -> None:
    async def scenario(here: World) -> None:
        here.channel.faults.add(fault, **options)

        with pytest.raises(DeliveryDeferred) as caught:
            await call(here.bot(timeout_seconds=SHORT), method)

        if fault == "rate_limited":
            assert caught.value.retry_after == timedelta(seconds=7)
        assert "simulated" not in str(caught.value) + str(caught.value.__cause__)

    in_world(scenario)


@pytest.mark.parametrize("method", METHODS)
def test_revoked_token_is_told_whatever_is_asked(method: str) -> None:
    async def scenario(here: World) -> None:
        here.channel.faults.add("error", code="token_revoked")

        with pytest.raises(DeliveryRejected, match="WAMON_SLACK_BOT_TOKEN"):
            await call(here.bot(), method)

    in_world(scenario)


@pytest.mark.parametrize("method", METHODS)
def test_redirect_is_not_followed_by_any_method(method: str) -> None:
    seen: list[str] = []

    async def collector(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["path"])
        await JSONResponse({"ok": True})(scope, receive, send)

    async def scenario() -> None:
        async with serve(collector) as elsewhere:

            async def redirect(scope: Scope, receive: Receive, send: Send) -> None:
                headers = {"location": elsewhere + "/steal"}
                await JSONResponse({}, status_code=307, headers=headers)(scope, receive, send)

            async with serve(redirect) as url:
                with pytest.raises(DeliveryDeferred):
                    await call(SlackBot(TOKEN, CHANNEL, url), method)

    asyncio.run(scenario())

    assert seen == []


def test_history_asks_for_what_is_ours_and_recent() -> None:
    asked: list[dict[str, list[str]]] = []

    async def slack(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        asked.append(parse_qs((await request.body()).decode() or request.url.query))
        await JSONResponse(json.loads('{"ok": true, "messages": []}'))(scope, receive, send)

    async def scenario() -> None:
        async with serve(slack) as url:
            await SlackBot(TOKEN, CHANNEL, url).find("7-1-a", since=START, thread=None)

    asyncio.run(scenario())

    (query,) = asked
    assert query["channel"] == [CHANNEL]
    assert query["limit"] == ["200"]
    assert query["include_all_metadata"][0] in ("1", "true")
    assert query["inclusive"][0] in ("1", "true")
    assert query["oldest"] == [f"{(START - timedelta(minutes=15)).timestamp():.6f}"]
