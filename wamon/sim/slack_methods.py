"""The fake Slack's Web API: who may call what, and what it answers.

Sources: Slack's pages of each method (arguments, errors, scopes), read 2026-11. `conversations.history` gives the page
nearest to `latest`, newest first, or, with `oldest` alone, the page nearest to that; it knows the messages of the
channel itself and the replies that were sent there too. `conversations.replies` begins with the thread's first message.
"""

from __future__ import annotations

import json
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from wamon.sim.faults import ActiveFaults
from wamon.sim.slack_content import JsonObject, RefusedError, is_true
from wamon.sim.slack_workspace import SlackChannel, SlackMessage, SlackWorkspace

METHODS = frozenset(
    {
        "apps.connections.open",
        "auth.test",
        "chat.delete",
        "chat.postEphemeral",
        "chat.postMessage",
        "chat.update",
        "conversations.history",
        "conversations.replies",
        "usergroups.users.list",
    }
)
_HISTORY_LIMIT, _HISTORY_MOST = 100, 999
_REPLIES_LIMIT, _REPLIES_MOST = 1_000, 1_000


class SlackMethods:
    """Answers method calls."""

    def __init__(self, workspace: SlackWorkspace) -> None:
        self._workspace = workspace

    def answer(self, method: str, request: Request, body: bytes, active: ActiveFaults) -> Response:
        """Answer a call; raises RefusedError."""
        payload = arguments(request, body)
        if fault := active.first("error"):
            raise RefusedError(fault.text("code"))
        if method not in METHODS:
            raise RefusedError("unknown_method")
        if method == "apps.connections.open":
            return self._open_socket(request, payload)
        self._check_token(request, payload)
        if method == "auth.test":
            return self._ok(self._identity())
        if method == "usergroups.users.list":
            return self._ok(self._usergroup(payload))
        channel = self._find_channel(method, payload)
        retry_after = self._workspace.limits.retry_after(method, channel.id)
        if retry_after is not None:
            raise RefusedError("ratelimited", retry_after=retry_after)
        if method.startswith("conversations."):
            lag = active.first("lagging_history")
            seen = self._seen(channel, lag.number("seconds") if lag else 0.0)
            pick = self._history if method == "conversations.history" else self._replies
            return self._ok(pick(channel, seen, payload))
        return self._ok(self._chat(method, channel, payload))

    def _ok(self, answer: JsonObject) -> Response:
        return JSONResponse({"ok": True, **answer}, headers={"x-oauth-scopes": ",".join(self._workspace.scopes)})

    def _identity(self) -> JsonObject:
        return {
            "url": f"https://{self._workspace.TEAM_DOMAIN}.slack.example/",
            "team": "Wamon Demo",
            "user": "wamon",
            "team_id": self._workspace.TEAM_ID,
            "user_id": self._workspace.BOT_USER_ID,
            "bot_id": self._workspace.BOT_ID,
            "is_enterprise_install": False,
        }

    # --- who may ---

    def _check_token(self, request: Request, payload: JsonObject) -> None:
        token = _token(request, payload)
        if not token:
            raise RefusedError("not_authed")
        if token == self._workspace.app_token:
            raise RefusedError("not_allowed_token_type")
        if token != self._workspace.bot_token:
            raise RefusedError("invalid_auth")
        if self._workspace.token_error is not None:
            raise RefusedError(self._workspace.token_error)

    def _need(self, scope: str) -> None:
        if scope not in self._workspace.scopes:
            more = {"needed": scope, "provided": ",".join(self._workspace.scopes)}
            raise RefusedError("missing_scope", more=more)

    def _open_socket(self, request: Request, payload: JsonObject) -> Response:
        token = _token(request, payload)
        if not token:
            raise RefusedError("not_authed")
        if token == self._workspace.bot_token:
            raise RefusedError("not_allowed_token_type")
        if token != self._workspace.app_token:
            raise RefusedError("invalid_auth")
        if "connections:write" not in self._workspace.app_scopes:
            raise RefusedError("missing_scope", more={"needed": "connections:write"})
        return self._ok({"url": self._workspace.sockets.open(self._workspace.url)})

    def _usergroup(self, payload: JsonObject) -> JsonObject:
        self._need("usergroups:read")
        users = self._workspace.usergroups.get(str(payload.get("usergroup")))
        if users is None:
            raise RefusedError("no_such_subteam")
        return {"users": users}

    def _find_channel(self, method: str, payload: JsonObject) -> SlackChannel:
        """The channel of a call; only posting takes a name for it. Raises RefusedError."""
        if method.startswith("chat."):
            self._need("chat:write")
        wanted = payload.get("channel")
        channel = self._workspace.channel(wanted, by_name=method in ("chat.postMessage", "chat.postEphemeral"))
        is_reading = method.startswith("conversations.")
        if is_reading:
            self._need("groups:history" if channel.is_private else "channels:history")
        if not channel.is_member and (is_reading or "chat:write.public" not in self._workspace.scopes):
            raise RefusedError("not_in_channel")
        return channel

    # --- chat.* ---

    def _chat(self, method: str, channel: SlackChannel, payload: JsonObject) -> JsonObject:
        if method == "chat.postEphemeral":
            user = payload.get("user")
            if not isinstance(user, str) or not user:
                raise RefusedError("invalid_arguments", ("[ERROR] missing required field: user",))
            return {"message_ts": channel.accept_ephemeral(payload, user=user).ts}
        if method == "chat.delete":
            message = channel.find(str(payload.get("ts", "")))
            if message is None:
                raise RefusedError("message_not_found")
            if message.via != "bot":
                raise RefusedError("cant_delete_message")
            channel.delete(message.ts)
            return {"channel": channel.id, "ts": message.ts}
        if method == "chat.update":
            message = channel.update(payload)
            return {
                "channel": channel.id,
                "ts": message.ts,
                "text": message.text,
                "message": channel.as_json(message),
            }
        message = channel.accept(payload, via="bot")
        return {"channel": channel.id, "ts": message.ts, "message": channel.as_json(message)}

    # --- conversations.* ---

    def _seen(self, channel: SlackChannel, lag_seconds: float) -> list[SlackMessage]:
        limit = self._workspace.now() - timedelta(seconds=lag_seconds)
        return [message for message in channel.messages if lag_seconds <= 0 or message.at <= limit]

    def _history(self, channel: SlackChannel, seen: list[SlackMessage], payload: JsonObject) -> JsonObject:
        here = [message for message in seen if message.thread_ts is None or message.reply_broadcast]
        is_forward = bool(payload.get("oldest")) and not payload.get("latest")
        wanted = _between(sorted(here, key=_by_ts, reverse=not is_forward), payload)
        page, cursor = _page(wanted, payload, _HISTORY_LIMIT, _HISTORY_MOST)
        answer = self._listed(channel, sorted(page, key=_by_ts, reverse=True), payload, cursor)
        return {**answer, "pin_count": 0, "channel_actions_ts": None, "channel_actions_count": 0}

    def _replies(self, channel: SlackChannel, seen: list[SlackMessage], payload: JsonObject) -> JsonObject:
        named = next((message for message in seen if message.ts == str(payload.get("ts", ""))), None)
        root_ts = None if named is None else named.thread_ts or named.ts
        root = next((message for message in seen if message.ts == root_ts), None)
        if root is None:
            raise RefusedError("thread_not_found")
        thread = sorted((message for message in seen if message.thread_ts == root_ts), key=_by_ts)
        page, cursor = _page([root, *_between(thread, payload)], payload, _REPLIES_LIMIT, _REPLIES_MOST)
        return self._listed(channel, page, payload, cursor)

    def _listed(
        self, channel: SlackChannel, page: Sequence[SlackMessage], payload: JsonObject, cursor: str
    ) -> JsonObject:
        with_metadata = is_true(payload.get("include_all_metadata"))
        answer: dict[str, object] = {
            "messages": [channel.as_json(message, with_metadata=with_metadata) for message in page],
            "has_more": bool(cursor),
        }
        if cursor:
            answer["response_metadata"] = {"next_cursor": cursor}
        return answer


def arguments(request: Request, body: bytes) -> JsonObject:
    """The arguments of a method call: a JSON object, or a form whose structured values are JSON texts.

    Raises RefusedError.
    """
    text = body.decode("utf-8", "replace")
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            payload = json.loads(text or "{}")
        except ValueError as exc:
            raise RefusedError("invalid_json") from exc
        if not isinstance(payload, dict):
            raise RefusedError("json_not_object")
        return payload
    form: dict[str, object] = {**request.query_params, **dict(parse_qsl(text))}
    for name in ("blocks", "attachments", "metadata"):
        # What is not JSON stays a string, which the checks of the content then refuse.
        with suppress(KeyError, ValueError):
            form[name] = json.loads(str(form[name]))
    return form


def refusal(refused: RefusedError) -> Mapping[str, object]:
    """The answer that tells of a refusal."""
    answer: dict[str, object] = {"ok": False, "error": refused.code, **(refused.more or {})}
    if refused.problems:
        answer["errors"] = [problem.removeprefix("[ERROR] ") for problem in refused.problems]
        answer["response_metadata"] = {"messages": list(refused.problems)}
    return answer


def _token(request: Request, payload: JsonObject) -> str:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    return bearer if scheme.lower() == "bearer" else str(payload.get("token") or "")


def _by_ts(message: SlackMessage) -> int:
    return _micros(message.ts)


def _between(messages: Sequence[SlackMessage], payload: JsonObject) -> list[SlackMessage]:
    """Those between `oldest` and `latest`, which count themselves only when `inclusive`; raises RefusedError."""
    oldest = _moment(payload.get("oldest"), "invalid_ts_oldest", -1)
    latest = _moment(payload.get("latest"), "invalid_ts_latest", sys.maxsize)
    if is_true(payload.get("inclusive")):
        return [message for message in messages if oldest <= _by_ts(message) <= latest]
    return [message for message in messages if oldest < _by_ts(message) < latest]


def _page(
    messages: Sequence[SlackMessage], payload: JsonObject, usual: int, most: int
) -> tuple[Sequence[SlackMessage], str]:
    """The page that the cursor points to, and the cursor of the next ("" at the end); raises RefusedError."""
    try:
        limit = int(str(payload.get("limit") or usual))
    except ValueError as exc:
        raise RefusedError("invalid_limit") from exc
    if limit < 1:
        raise RefusedError("invalid_limit")
    start = 0
    if cursor := payload.get("cursor"):
        ts = _after_cursor(str(cursor))
        places = [index for index, message in enumerate(messages) if message.ts == ts]
        if not places:
            raise RefusedError("invalid_cursor")
        start = places[0]
    end = start + min(limit, most)
    if end >= len(messages):
        return messages[start:end], ""
    return messages[start:end], urlsafe_b64encode(f"next_ts:{messages[end].ts}".encode()).decode()


def _after_cursor(cursor: str) -> str:
    try:
        return urlsafe_b64decode(cursor).decode().removeprefix("next_ts:")
    except ValueError as exc:
        raise RefusedError("invalid_cursor") from exc


def _moment(value: object, error: str, default: int) -> int:
    if value in (None, ""):
        return default
    try:
        return _micros(str(value))
    except ValueError as exc:
        raise RefusedError(error) from exc


def _micros(ts: str) -> int:
    """A stamp as a whole number: as a float, two stamps of one moment could be equal."""
    seconds, _, fraction = ts.partition(".")
    return int(seconds) * 1_000_000 + int(fraction[:6].ljust(6, "0"))
