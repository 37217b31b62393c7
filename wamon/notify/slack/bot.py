"""A Slack app with a bot token as a receiver: it posts, answers, edits and finds its own messages again."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from slack_sdk.errors import SlackApiError

from wamon.core.errors import DeliveryDeferred, DeliveryError, HistoryUnreadable, MessageLost
from wamon.core.outgoing import Message, Receipt
from wamon.notify.blocks import blocks, fallback
from wamon.notify.slack.errors import (
    EDIT,
    HISTORY_SCOPES,
    MEMBERS,
    POST_SCOPE,
    READ,
    REPLY,
    SCOPE_STEP,
    SEND,
    Use,
    rejection,
)
from wamon.notify.slack.wire import (
    DEADLINE_TIMEOUTS,
    MAX_PAGE_BYTES,
    TIMEOUT_SECONDS,
    MethodCaller,
    Wire,
    in_thread,
)

R = TypeVar("R")

BASE_URL: Final = "https://slack.com/api"
EVENT_TYPE: Final = "wamon_alert"
# How far a search for one message reads.
PAGE_SIZE: Final = 200
MOST_PAGES: Final = 10
# Slack stamps messages with its own clock; ours may run ahead of it.
CLOCK_MARGIN: Final = timedelta(minutes=15)


class SlackBot:
    """A bot that posts to one channel. Each message carries its reference as metadata, to be found again."""

    def __init__(
        self,
        token: str,
        channel: str,
        base_url: str = BASE_URL,
        *,
        name: str = "slack_bot",
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self.name = name
        self._channel = channel
        # History is asked by id; a channel given by name has one as soon as something was posted there.
        self._channel_id = channel
        self._client = MethodCaller(token, base_url, Wire(timeout_seconds))
        self._reader = MethodCaller(token, base_url, Wire(timeout_seconds, max_answer_bytes=MAX_PAGE_BYTES))
        self._deadline_seconds = DEADLINE_TIMEOUTS * timeout_seconds

    @property
    def threads(self) -> "SlackBot":
        return self

    async def close(self) -> None:
        """Nothing is held."""

    # --- writing ---

    async def send(self, message: Message) -> Receipt:
        answer = await self._call(SEND, lambda: self._client.chat_postMessage(**self._content(message)))
        receipt = _receipt(answer)
        self._channel_id = receipt.channel or self._channel_id
        return receipt

    async def reply(self, message: Message, to: Receipt, *, is_broadcast: bool) -> Receipt:
        content = self._content(message) | {"channel": to.channel or self._channel}
        answer = await self._call(
            REPLY,
            lambda: self._client.chat_postMessage(
                **content, thread_ts=to.message_id, reply_broadcast=is_broadcast or None
            ),
        )
        receipt = _receipt(answer)
        if _stands_alone(answer):
            # What answers a message that is gone comes into the channel by itself, and no error says so. Source:
            # slack-go issue 1571, read 2026-11. It is taken back as well as we can: its text will be told anew.
            with suppress(DeliveryError):
                await self._call(
                    EDIT, lambda: self._client.chat_delete(channel=str(receipt.channel), ts=str(receipt.message_id))
                )
            raise MessageLost("Slack has no such message to be answered any more")
        return receipt

    async def edit(self, message: Message, receipt: Receipt) -> None:
        # Without metadata the message keeps its own, by which it may yet have to be found.
        await self._call(
            EDIT,
            lambda: self._client.chat_update(
                channel=receipt.channel or self._channel_id,
                ts=str(receipt.message_id),
                text=fallback(message),
                blocks=blocks(message),
            ),
        )

    async def post_ephemeral(self, user: str, text: str, channel: str, thread_ts: str | None = None) -> None:
        """Show a text to one user alone, in a channel or a thread of it. Raises as `send` does."""
        await self._call(
            SEND,
            lambda: self._client.chat_postEphemeral(channel=channel, user=user, text=text, thread_ts=thread_ts),
        )

    def _content(self, message: Message) -> dict[str, Any]:
        return {
            "channel": self._channel,
            "text": fallback(message),
            "blocks": blocks(message),
            "metadata": {"event_type": EVENT_TYPE, "event_payload": {"reference": message.reference}},
            "unfurl_links": False,
            "unfurl_media": False,
        }

    # --- reading ---

    async def find(self, reference: str, *, since: datetime, thread: Receipt | None) -> Receipt | None:
        channel = (thread.channel if thread is not None else None) or self._channel_id
        asked: dict[str, Any] = {
            "channel": channel,
            "oldest": f"{(since - CLOCK_MARGIN).timestamp():.6f}",
            "inclusive": True,
            "include_all_metadata": True,
            "limit": PAGE_SIZE,
        }
        for _ in range(MOST_PAGES):
            page = await self._page(asked, thread)
            for message in _objects(page.get("messages")):
                if _reference(message) == reference:
                    self._channel_id = channel
                    return Receipt(channel=channel, message_id=_text(message.get("ts")))
            asked["cursor"] = _cursor(page)
            if asked["cursor"] is None:
                return None
        raise HistoryUnreadable(f"more than {MOST_PAGES * PAGE_SIZE} messages were posted since; Slack shows no more")

    async def _page(self, asked: Mapping[str, Any], thread: Receipt | None) -> Any:
        if thread is None:
            return await self._call(READ, lambda: self._reader.conversations_history(**asked))
        return await self._call(READ, lambda: self._replies(asked, str(thread.message_id)))

    def _replies(self, asked: Mapping[str, Any], ts: str) -> Any:
        try:
            return self._reader.conversations_replies(ts=ts, **asked)
        except SlackApiError as exc:
            if exc.response.get("error") == "thread_not_found":
                return {"messages": []}
            raise

    async def members(self, usergroup: str) -> frozenset[str]:
        """The ids of a user group's users. Raises as `send` does."""
        answer = await self._call(MEMBERS, lambda: self._client.usergroups_users_list(usergroup=usergroup))
        users = answer.get("users")
        return frozenset(user for user in users if isinstance(user, str)) if isinstance(users, list) else frozenset()

    async def check(self) -> str:
        """Who Slack says the bot is. Raises as `send` does, and without the scope to post too."""
        return await self._call(SEND, self._identity)

    def _identity(self) -> str:
        answer = self._client.auth_test()
        who = f"the token is that of {answer.get('user')} in the workspace {answer.get('team')}"
        header = answer.headers.get("x-oauth-scopes")
        if header is None:
            return who
        scopes = header.replace(",", " ").split()
        if POST_SCOPE not in scopes:
            raise rejection("missing_scope", SCOPE_STEP)
        if any(scope in scopes for scope in HISTORY_SCOPES):
            return who
        return (
            f"{who}; without the scope {HISTORY_SCOPES[0]} ({HISTORY_SCOPES[1]} for a private channel) it cannot look "
            "for what it sent, so that after a fault a message may come twice"
        )

    async def _call(self, use: Use, work: Callable[[], R]) -> R:
        return await in_thread(work, use, deadline_seconds=self._deadline_seconds)


def _receipt(answer: Any) -> Receipt:
    receipt = Receipt(channel=_text(answer.get("channel")), message_id=_text(answer.get("ts")))
    if receipt.channel is None or receipt.message_id is None:
        raise DeliveryDeferred("Slack took the message and did not say where it is", may_have_arrived=True)
    return receipt


def _stands_alone(answer: Any) -> bool:
    """Whether what was to be a reply is none."""
    message = answer.get("message")
    return isinstance(message, Mapping) and bool(message) and "thread_ts" not in message


def _reference(message: Mapping[str, Any]) -> str | None:
    metadata = message.get("metadata")
    if not isinstance(metadata, Mapping) or metadata.get("event_type") != EVENT_TYPE:
        return None
    payload = metadata.get("event_payload")
    return _text(payload.get("reference")) if isinstance(payload, Mapping) else None


def _cursor(page: Any) -> str | None:
    about = page.get("response_metadata")
    return (_text(about.get("next_cursor")) or None) if isinstance(about, Mapping) else None


def _objects(value: object) -> Iterable[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
