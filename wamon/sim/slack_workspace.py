"""The fake Slack's workspace: its channels, what they were sent, and what each message showed when.

Sources: Slack "chat.postMessage", "chat.update", "chat.postEphemeral", read 2026-11. A reply to a message that does not
exist (any more) comes into the channel by itself, without `thread_ts` and without an error (slack-go issue 1571,
2026-07); a deleted message that has replies stays as a "tombstone".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from wamon.sim.faults import SLACK_FAULTS, Faults
from wamon.sim.slack_clicks import Click, Interactivity
from wamon.sim.slack_content import JsonObject, RefusedError, check_content, is_true, objects, texts, with_ids
from wamon.sim.slack_limits import SlackLimits
from wamon.sim.slack_socket import SocketHub

DEFAULT_SCOPES = ("chat:write", "channels:history", "groups:history")
TOMBSTONE = "This message was deleted."


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a message showed from `at` until the next change."""

    at: datetime
    text: str
    blocks: tuple[JsonObject, ...] = ()
    attachments: tuple[JsonObject, ...] = ()
    metadata: JsonObject | None = None

    @property
    def all_text(self) -> str:
        """Every text in it (fallback, blocks, attachments), one a line: for looking for words."""
        return "\n".join([self.text, *texts(self.blocks), *texts(self.attachments)])


@dataclass(slots=True, kw_only=True, eq=False)
class SlackMessage:
    """A message that the channel accepted; an update changes it in place and counts in `edits`.

    `via` is "bot", "webhook" or "person". `former` holds what it showed before, oldest first; `is_marked_edited` is
    whether readers see "(edited)", which Slack leaves out when an update brings blocks. `user` is who wrote it, or,
    for an ephemeral message, who alone sees it.
    """

    at: datetime
    via: str
    ts: str
    text: str
    blocks: tuple[JsonObject, ...] = ()
    attachments: tuple[JsonObject, ...] = ()
    thread_ts: str | None = None
    reply_broadcast: bool = False
    metadata: JsonObject | None = None
    edits: int = 0
    edited_at: datetime | None = None
    is_marked_edited: bool = False
    user: str | None = None
    is_tombstone: bool = False
    is_ephemeral: bool = False
    former: list[Shown] = field(default_factory=list)

    @property
    def all_text(self) -> str:
        """Every text in it (fallback, blocks, attachments), one a line: for looking for words."""
        return self.present.all_text

    @property
    def present(self) -> Shown:
        """What it shows now."""
        return Shown(
            at=self.edited_at or self.at,
            text=self.text,
            blocks=self.blocks,
            attachments=self.attachments,
            metadata=self.metadata,
        )

    @property
    def versions(self) -> tuple[Shown, ...]:
        """All that it has shown, oldest first, the present last."""
        return (*self.former, self.present)

    def shown_at(self, moment: datetime) -> Shown | None:
        """What a reader saw at this moment; None before it was there."""
        return next((shown for shown in reversed(self.versions) if shown.at <= moment), None)

    @property
    def blocks_with_ids(self) -> list[JsonObject]:
        """Its blocks with the ids that Slack makes up where the sender gave none; new ones after each update."""
        return with_ids(self.blocks, self.edits)


@dataclass(slots=True, kw_only=True)
class SlackCall:
    """One request that reached the fake Slack. `status` is None when no answer was given."""

    at: datetime
    path: str
    status: int | None = None
    error: str | None = None


class SlackWorkspace:
    """What the channels share: tokens, scopes, limits, faults, people's clicks and the way to the app.

    `bot_token`, `scopes`, `token_error` (such as "token_revoked"), `app_token`, `app_scopes`, `signing_secret`,
    `request_url`, `edit_window`, `members` (None: everybody), `people` (names by id), `usergroups` (users by id) and
    `limits.is_on` may be changed at any time.
    `url` is where the fake Slack was last reached.
    """

    TEAM_ID = "T0WAMONSIM"
    TEAM_DOMAIN = "wamon-sim"
    BOT_USER_ID = "U0WAMONSIM"
    BOT_ID = "B0WAMONSIM"
    APP_ID = "A0WAMONSIM"

    def __init__(self, *, now: Callable[[], datetime], bot_token: str, limits: bool) -> None:
        self.now = now
        self.bot_token = bot_token
        self.scopes = list(DEFAULT_SCOPES)
        self.token_error: str | None = None
        self.app_token = "xapp-1-A0WAMONSIM-1-simulated"
        self.app_scopes = ["connections:write"]
        self.usergroups: dict[str, list[str]] = {}
        self.signing_secret = "simulated-signing-secret"
        self.request_url: str | None = None
        self.edit_window: timedelta | None = None
        self.members: set[str] | None = None
        self.people = {"U0ANNA": "anna", "U0BEN": "ben", "U0CARLA": "carla"}
        self.url = "http://slack.example"
        self.limits = SlackLimits(now=now, is_on=limits)
        self.faults = Faults(SLACK_FAULTS)
        self.calls: list[SlackCall] = []
        self.channels: list[SlackChannel] = []
        self.sockets = SocketHub(app_id=self.APP_ID)
        self.interactivity = Interactivity(self)
        self._last_ts = 0

    @property
    def clicks(self) -> list[Click]:
        """What people clicked, and what became of it."""
        return self.interactivity.clicks

    def add_channel(
        self, name: str, channel_id: str | None = None, *, is_private: bool = False, is_member: bool = True
    ) -> SlackChannel:
        """Open one more channel; `is_member` is whether the bot is in it."""
        channel = SlackChannel(
            now=self.now, name=name, channel_id=channel_id or f"C0SIM{len(self.channels):04d}", workspace=self
        )
        channel.is_private = is_private
        channel.is_member = is_member
        return channel

    def channel(self, wanted: object, *, by_name: bool = True) -> SlackChannel:
        """The channel with this id or (where the method takes one) name; raises RefusedError."""
        for channel in self.channels:
            names = (channel.id, channel.name, f"#{channel.name}") if by_name else (channel.id,)
            if wanted in names and not channel.is_missing and (channel.is_member or not channel.is_private):
                return channel
        raise RefusedError("channel_not_found")

    def next_ts(self) -> str:
        """A stamp that no message of the workspace has had."""
        # Two messages of one moment, or of a clock that went back, still need two growing stamps.
        self._last_ts = max(self._last_ts + 1, int(self.now().timestamp() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"


class SlackChannel:
    """A channel and what it accepted. `on_message` is called after each accepted message and update.

    `is_archived`, `is_missing`, `is_private`, `is_member`, `webhook_is_active` and `bot_token` may be changed at any
    time. The first channel of a test makes its workspace; `workspace.add_channel` adds others to it.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        name: str = "wamon-alerts",
        channel_id: str = "C0WAMONSIM",
        bot_token: str = "xoxb-simulated-bot",
        webhook_path: str | None = None,
        on_message: Callable[[SlackMessage], None] | None = None,
        is_archived: bool = False,
        is_missing: bool = False,
        webhook_is_active: bool = True,
        limits: bool = True,
        workspace: SlackWorkspace | None = None,
    ) -> None:
        self.now = now
        self.name = name
        self.id = channel_id
        self.workspace = workspace or SlackWorkspace(now=now, bot_token=bot_token, limits=limits)
        own = "" if not self.workspace.channels else f"-{name}"
        self.webhook_path = webhook_path or f"/services/{self.workspace.TEAM_ID}/{self.workspace.BOT_ID}/simulated{own}"
        self.on_message = on_message
        self.is_archived = is_archived
        self.is_missing = is_missing
        self.is_private = False
        self.is_member = True
        self.webhook_is_active = webhook_is_active
        self.messages: list[SlackMessage] = []
        self.ephemerals: list[SlackMessage] = []
        self.deleted: list[SlackMessage] = []
        self.revision = 0
        self._changed = asyncio.Event()
        self.workspace.channels.append(self)

    def __repr__(self) -> str:
        return f"SlackChannel(#{self.name}, {len(self.messages)} messages)"

    @property
    def bot_token(self) -> str:
        """The token that the workspace takes."""
        return self.workspace.bot_token

    @bot_token.setter
    def bot_token(self, token: str) -> None:
        self.workspace.bot_token = token

    @property
    def faults(self) -> Faults:
        """The workspace's faults."""
        return self.workspace.faults

    @property
    def calls(self) -> list[SlackCall]:
        """The workspace's calls."""
        return self.workspace.calls

    @property
    def limits(self) -> SlackLimits:
        """The workspace's rate limits."""
        return self.workspace.limits

    # --- looking ---

    async def wait_for(self, wanted: Callable[[list[SlackMessage]], bool]) -> list[SlackMessage]:
        """Wait until the messages satisfy this; bound it with `asyncio.timeout`."""
        while not wanted(self.messages):
            self._changed.clear()
            await self._changed.wait()
        return self.messages

    def find(self, ts: str) -> SlackMessage | None:
        """The message with this `ts`."""
        return next((message for message in self.messages if message.ts == ts), None)

    def replies(self, ts: str) -> list[SlackMessage]:
        """The replies in the thread of this message, oldest first."""
        return [message for message in self.messages if message.thread_ts == ts]

    def as_json(self, message: SlackMessage, *, with_metadata: bool = True) -> JsonObject:
        """The message as Slack's methods and payloads give it."""
        workspace = self.workspace
        replies = self.replies(message.ts)
        answer: dict[str, object] = {"type": "message", "text": message.text, "ts": message.ts}
        if message.via == "person":
            answer["user"] = message.user
        else:
            answer |= {"user": workspace.BOT_USER_ID, "bot_id": workspace.BOT_ID, "app_id": workspace.APP_ID}
        answer["team"] = workspace.TEAM_ID
        if message.is_tombstone:
            answer |= {"subtype": "tombstone", "hidden": True}
        if message.blocks:
            answer["blocks"] = message.blocks_with_ids
        if message.attachments:
            answer["attachments"] = list(message.attachments)
        if message.is_marked_edited and message.edited_at is not None:
            answer["edited"] = {"user": answer["user"], "ts": f"{int(message.edited_at.timestamp())}.000000"}
        if message.thread_ts is not None:
            answer |= {"thread_ts": message.thread_ts, "parent_user_id": workspace.BOT_USER_ID}
            if message.reply_broadcast:
                answer["subtype"] = "thread_broadcast"
        elif replies:
            answer |= {
                "thread_ts": message.ts,
                "reply_count": len(replies),
                "latest_reply": replies[-1].ts,
                "is_locked": False,
                "subscribed": False,
            }
        if message.metadata is not None and with_metadata:
            answer["metadata"] = message.metadata
        return answer

    # --- what senders do ---

    def accept(self, payload: JsonObject, *, via: str, user: str | None = None) -> SlackMessage:
        """Take a message in; raises RefusedError when Slack would refuse it."""
        if self.is_missing:
            raise RefusedError("channel_not_found")
        if self.is_archived:
            raise RefusedError("is_archived")
        check_content(payload)
        message = self._new(payload, via=via, user=user)
        self.messages.append(message)
        self._tell(message)
        return message

    def accept_ephemeral(self, payload: JsonObject, *, user: str) -> SlackMessage:
        """Take in what only one person sees, and that only until they reload; raises RefusedError."""
        if self.is_archived:
            raise RefusedError("is_archived")
        if self.workspace.members is not None and user not in self.workspace.members:
            raise RefusedError("user_not_in_channel")
        check_content(payload)
        message = self._new(payload, via="bot", user=user)
        message.is_ephemeral = True
        self.ephemerals.append(message)
        self._change()
        return message

    def update(self, payload: JsonObject) -> SlackMessage:
        """Change a message that the bot sent; raises RefusedError when Slack would refuse it."""
        if self.is_missing:
            raise RefusedError("channel_not_found")
        if self.is_archived:
            raise RefusedError("is_inactive")
        message = self.find(str(payload.get("ts", "")))
        if message is None or message.is_tombstone:
            raise RefusedError("message_not_found")
        if message.via != "bot":
            raise RefusedError("cant_update_message")
        window = self.workspace.edit_window
        if window is not None and self.now() - message.at > window:
            raise RefusedError("edit_window_closed")
        check_content(payload)
        message.former.append(message.present)
        has_blocks = payload.get("blocks") is not None
        if has_blocks or payload.get("text"):
            # A text without blocks takes the former blocks away.
            message.text = str(payload.get("text") or "")
            message.blocks = objects(payload.get("blocks"))
        if payload.get("attachments") is not None:
            message.attachments = objects(payload["attachments"])
        if isinstance(payload.get("metadata"), Mapping):
            message.metadata = objects([payload["metadata"]])[0] or None
        if is_true(payload.get("reply_broadcast")) and message.thread_ts is not None:
            message.reply_broadcast = True
        message.edits += 1
        message.edited_at = self.now()
        message.is_marked_edited = message.is_marked_edited or not has_blocks
        self._tell(message)
        return message

    def _new(self, payload: JsonObject, *, via: str, user: str | None) -> SlackMessage:
        thread_ts = self._root_of(payload.get("thread_ts"))
        metadata = payload.get("metadata")
        return SlackMessage(
            at=self.now(),
            via=via,
            ts=self.workspace.next_ts(),
            text=str(payload.get("text") or ""),
            blocks=objects(payload.get("blocks")),
            attachments=objects(payload.get("attachments")),
            thread_ts=thread_ts,
            reply_broadcast=thread_ts is not None and is_true(payload.get("reply_broadcast")),
            metadata=metadata if isinstance(metadata, Mapping) and metadata else None,
            user=user,
        )

    def _root_of(self, thread_ts: object) -> str | None:
        """The message that a reply belongs under; None when there is none, which makes the reply stand alone."""
        parent = None if thread_ts is None else self.find(str(thread_ts))
        return None if parent is None else parent.thread_ts or parent.ts

    # --- what people do ---

    def say(self, text: str, *, user: str = "U0ANNA", thread_ts: str | None = None) -> SlackMessage:
        """Let a person write."""
        return self.accept({"text": text, "thread_ts": thread_ts}, via="person", user=user)

    def delete(self, ts: str) -> None:
        """Let a person delete a message; one with replies leaves a tombstone. Raises LookupError."""
        message = self.find(ts)
        if message is None or message.is_tombstone:
            raise LookupError(f"no message {ts} in #{self.name}")
        self.deleted.append(message)
        index = self.messages.index(message)
        if self.replies(ts):
            self.messages[index] = SlackMessage(
                at=message.at, via="person", ts=ts, text=TOMBSTONE, user="USLACKBOT", is_tombstone=True
            )
        else:
            del self.messages[index]
        self._change()

    async def click(
        self,
        ts: str,
        action_id: str,
        *,
        user: str = "U0ANNA",
        user_name: str | None = None,
        value: str | None = None,
        block_id: str | None = None,
    ) -> Click:
        """Let a person press what the message shows now under this action id; raises LookupError when it shows none.

        `value` picks among several of one id, or an option of a menu; `block_id` a block. Ephemeral messages can be
        clicked too.
        """
        message = self.find(ts) or next((each for each in self.ephemerals if each.ts == ts), None)
        if message is None:
            raise LookupError(f"no message {ts} in #{self.name}")
        name = user_name or self.workspace.people.get(user, user.lower())
        return await self.workspace.interactivity.click(
            self, message, action_id, user=user, user_name=name, value=value, block_id=block_id
        )

    def _tell(self, message: SlackMessage) -> None:
        self._change()
        if self.on_message is not None:
            self.on_message(message)

    def _change(self) -> None:
        self.revision += 1
        self._changed.set()
