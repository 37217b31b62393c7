"""A fake Slack: one workspace with one channel, which keeps and shows what it was sent.

Served: an incoming webhook, `/api/chat.postMessage`, `/api/chat.update`, `/api/auth.test` (JSON or form bodies, as
slack_sdk sends them) and, at `/`, the channel as a page. The faults are in the table of `faults.py`.
Sources: Slack "Incoming webhooks", "chat.postMessage", "chat.update", "Rate limits"; read 2026-11.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from wamon.sim.blocks import block_problems
from wamon.sim.faults import SLACK_FAULTS, ActiveFaults, Fault, Faults
from wamon.sim.slack_page import SlackPage
from wamon.sim.wire import SLEEP, Sleep, StandIns, Wire, ready_made

JsonObject = Mapping[str, object]
MAX_TEXT = 40_000
MAX_ATTACHMENTS = 100
_WEBHOOK_STATUS: Mapping[str, int] = {
    "invalid_payload": 400,
    "invalid_blocks": 400,
    "no_text": 400,
    "too_many_attachments": 400,
    "user_not_found": 400,
    "action_prohibited": 403,
    "invalid_token": 403,
    "posting_to_general_channel_denied": 403,
    "team_disabled": 403,
    "channel_not_found": 404,
    "no_active_hooks": 404,
    "no_service": 404,
    "no_team": 404,
    "channel_is_archived": 410,
    "rollup_error": 500,
}
_METHODS = frozenset({"auth.test", "chat.postMessage", "chat.update"})
_IDENTITY: JsonObject = {
    "ok": True,
    "url": "https://wamon-sim.slack.example/",
    "team": "Wamon Demo",
    "user": "wamon",
    "team_id": "T0WAMONSIM",
    "user_id": "U0WAMONSIM",
    "bot_id": "B0WAMONSIM",
    "is_enterprise_install": False,
}


@dataclass(slots=True, kw_only=True, eq=False)
class SlackMessage:
    """A message that the channel accepted; an update changes it in place and counts in `edits`."""

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

    @property
    def all_text(self) -> str:
        """Every text in it (fallback, blocks, attachments), one a line: for looking for words."""
        return "\n".join([self.text, *_texts(self.blocks), *_texts(self.attachments)])


@dataclass(slots=True, kw_only=True)
class SlackCall:
    """One request that reached the fake Slack. `status` is None when no answer was given."""

    at: datetime
    path: str
    status: int | None = None


@dataclass(slots=True, eq=False)
class _RefusedError(Exception):
    code: str
    problems: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True, eq=False)
class SlackChannel:
    """The channel and what it accepted. `on_message` is called after each accepted message and update.

    `is_archived`, `is_missing`, `webhook_is_active` and `bot_token` may be changed at any time.
    """

    now: Callable[[], datetime]
    name: str = "wamon-alerts"
    id: str = "C0WAMONSIM"
    bot_token: str = "xoxb-simulated-bot"
    webhook_path: str = "/services/T0WAMONSIM/B0WAMONSIM/simulated"
    on_message: Callable[[SlackMessage], None] | None = None
    is_archived: bool = False
    is_missing: bool = False
    webhook_is_active: bool = True
    faults: Faults = field(default_factory=lambda: Faults(SLACK_FAULTS))
    messages: list[SlackMessage] = field(default_factory=list)
    calls: list[SlackCall] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _last_ts: int = 0

    @property
    def revision(self) -> int:
        """Grows with everything that the page shows."""
        return len(self.messages) + sum(message.edits for message in self.messages)

    async def wait_for(self, wanted: Callable[[list[SlackMessage]], bool]) -> list[SlackMessage]:
        """Wait until the messages satisfy this; bound it with `asyncio.timeout`."""
        while not wanted(self.messages):
            self._changed.clear()
            await self._changed.wait()
        return self.messages

    def find(self, ts: str) -> SlackMessage | None:
        """The message with this `ts`."""
        return next((message for message in self.messages if message.ts == ts), None)

    def accept(self, payload: JsonObject, *, via: str) -> SlackMessage:
        """Take a message in; raises when Slack would refuse it."""
        self._check_open()
        _check_content(payload)
        metadata = payload.get("metadata")
        message = SlackMessage(
            at=self.now(),
            via=via,
            ts=self._next_ts(),
            text=str(payload.get("text") or ""),
            blocks=_objects(payload.get("blocks")),
            attachments=_objects(payload.get("attachments")),
            thread_ts=None if payload.get("thread_ts") is None else str(payload["thread_ts"]),
            reply_broadcast=payload.get("reply_broadcast") in (True, "true", "1"),
            metadata=metadata if isinstance(metadata, Mapping) else None,
        )
        self.messages.append(message)
        self._tell(message)
        return message

    def update(self, payload: JsonObject) -> SlackMessage:
        """Change a message that the bot sent; raises when Slack would refuse it."""
        self._check_open()
        message = self.find(str(payload.get("ts", "")))
        if message is None:
            raise _RefusedError("message_not_found")
        if message.via != "bot":
            raise _RefusedError("cant_update_message")
        _check_content(payload)
        message.text = str(payload.get("text") or "")
        message.blocks = _objects(payload.get("blocks"))
        message.attachments = _objects(payload.get("attachments"))
        message.edits += 1
        message.edited_at = self.now()
        self._tell(message)
        return message

    def _check_open(self) -> None:
        if self.is_missing:
            raise _RefusedError("channel_not_found")
        if self.is_archived:
            raise _RefusedError("is_archived")

    def _tell(self, message: SlackMessage) -> None:
        self._changed.set()
        if self.on_message is not None:
            self.on_message(message)

    def _next_ts(self) -> str:
        # Two messages of one moment, or of a clock that went back, still need two growing stamps.
        self._last_ts = max(self._last_ts + 1, int(self.now().timestamp() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"


def slack_app(channel: SlackChannel, *, sleep: Sleep = SLEEP, stand_ins: StandIns | None = None) -> ASGIApp:
    """Serve the channel as Slack. `sleep` passes the time of slow answers."""
    slack = _Slack(channel)
    page = SlackPage()
    misfortunes = stand_ins or StandIns()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        path = request.url.path
        wire = Wire(scope, receive, send, sleep=sleep, stand_ins=misfortunes)
        if request.method == "GET" and path == "/":
            await wire.deliver(page.answer(channel), ActiveFaults())
            return
        if not _is_webhook(path) and not _is_method(path):
            # A browser's request for an icon must not use up a fault.
            await wire.deliver(PlainTextResponse("not found", 404), ActiveFaults())
            return
        active = channel.faults.take(path)
        call = SlackCall(at=channel.now(), path=path)
        channel.calls.append(call)
        body = await request.body()
        if await wire.lost_before_answer(active):
            return
        response = ready_made(active) or slack.answer(request, path, body, active)
        if lost := active.first("accept_then_reset", "accept_then_hang"):
            await wire.lose(lost)
            return
        call.status = response.status_code
        await wire.deliver(response, active)

    return app


class _Slack:
    def __init__(self, channel: SlackChannel) -> None:
        self.channel = channel

    def answer(self, request: Request, path: str, body: bytes, active: ActiveFaults) -> Response:
        fault = active.first("rate_limited", "error")
        is_method = not _is_webhook(path)
        if fault is not None and fault.kind == "rate_limited":
            return _rate_limited(fault, is_method=is_method)
        try:
            if is_method:
                return self._method(path.rpartition("/")[2], request, body, fault)
            return self._webhook(path, request, body, fault)
        except _RefusedError as refused:
            if is_method:
                return JSONResponse(_method_error(refused), 200 if fault is None else _status(fault, 200))
            code = {"is_archived": "channel_is_archived"}.get(refused.code, refused.code)
            default = _WEBHOOK_STATUS.get(code, 400)
            return PlainTextResponse(code, default if fault is None else _status(fault, default))

    def _webhook(self, path: str, request: Request, body: bytes, fault: Fault | None) -> Response:
        if fault is not None:
            raise _RefusedError(fault.text("code"))
        if path != self.channel.webhook_path or not self.channel.webhook_is_active:
            raise _RefusedError("no_service")
        if request.method != "POST":
            raise _RefusedError("invalid_payload")
        text = body.decode("utf-8", "replace")
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            text = dict(parse_qsl(text)).get("payload", "")
        try:
            payload = json.loads(text)
        except ValueError as exc:
            raise _RefusedError("invalid_payload") from exc
        if not isinstance(payload, dict):
            raise _RefusedError("invalid_payload")
        self.channel.accept(payload, via="webhook")
        return PlainTextResponse("ok")

    def _method(self, method: str, request: Request, body: bytes, fault: Fault | None) -> Response:
        payload = _method_payload(request, body)
        if fault is not None:
            raise _RefusedError(fault.text("code"))
        if method not in _METHODS:
            raise _RefusedError("unknown_method")
        self._check_token(request, payload)
        if method == "auth.test":
            return JSONResponse(_IDENTITY, headers={"x-oauth-scopes": "chat:write"})
        if str(payload.get("channel", "")) not in (self.channel.id, self.channel.name, f"#{self.channel.name}"):
            raise _RefusedError("channel_not_found")
        message = self.channel.update(payload) if method == "chat.update" else self.channel.accept(payload, via="bot")
        answer = {"ok": True, "channel": self.channel.id, "ts": message.ts}
        if method == "chat.update":
            return JSONResponse({**answer, "text": message.text, "message": _as_json(message)})
        return JSONResponse({**answer, "message": _as_json(message)})

    def _check_token(self, request: Request, payload: JsonObject) -> None:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        token = bearer if scheme.lower() == "bearer" else str(payload.get("token", ""))
        if not token:
            raise _RefusedError("not_authed")
        if token != self.channel.bot_token:
            raise _RefusedError("invalid_auth")


def _is_webhook(path: str) -> bool:
    return path.startswith("/services/")


def _is_method(path: str) -> bool:
    """Clients differ in whether the base address already ends in `/api/`."""
    return path.startswith("/api/") or path.lstrip("/") in _METHODS


def _rate_limited(fault: Fault, *, is_method: bool) -> Response:
    seconds = fault.options["retry_after"]
    headers = {} if seconds is None else {"retry-after": str(seconds)}
    if is_method:
        return JSONResponse({"ok": False, "error": "ratelimited"}, 429, headers)
    return PlainTextResponse("rate_limited", 429, headers)


def _status(fault: Fault, default: int) -> int:
    return default if fault.options["http_status"] is None else int(fault.number("http_status"))


def _method_error(refused: _RefusedError) -> JsonObject:
    answer: dict[str, object] = {"ok": False, "error": refused.code}
    if refused.problems:
        answer["errors"] = [problem.removeprefix("[ERROR] ") for problem in refused.problems]
        answer["response_metadata"] = {"messages": list(refused.problems)}
    return answer


def _method_payload(request: Request, body: bytes) -> JsonObject:
    """The arguments of a method call: a JSON object, or a form whose structured values are JSON texts."""
    text = body.decode("utf-8", "replace")
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            payload = json.loads(text or "{}")
        except ValueError as exc:
            raise _RefusedError("invalid_json") from exc
        if not isinstance(payload, dict):
            raise _RefusedError("json_not_object")
        return payload
    form: dict[str, object] = {**request.query_params, **dict(parse_qsl(text))}
    for name in ("blocks", "attachments", "metadata"):
        # What is not JSON stays a string, which the checks of the content then refuse.
        with suppress(KeyError, ValueError):
            form[name] = json.loads(str(form[name]))
    return form


def _check_content(payload: JsonObject) -> None:
    text, blocks, attachments = payload.get("text"), payload.get("blocks"), payload.get("attachments")
    if not text and not blocks and not attachments:
        raise _RefusedError("no_text")
    if text is not None and not isinstance(text, str):
        raise _RefusedError("invalid_arguments")
    if isinstance(text, str) and len(text) > MAX_TEXT:
        raise _RefusedError("msg_too_long")
    if attachments is not None and not isinstance(attachments, list):
        raise _RefusedError("invalid_attachments")
    if attachments is not None and len(_objects(attachments)) > MAX_ATTACHMENTS:
        raise _RefusedError("too_many_attachments")
    problems = [] if blocks is None else block_problems(blocks)
    for attachment in _objects(attachments):
        if attachment.get("blocks") is not None:
            problems += block_problems(attachment["blocks"])
    if problems:
        raise _RefusedError("invalid_blocks", tuple(problems))
    metadata = payload.get("metadata")
    if metadata is not None and not (
        isinstance(metadata, Mapping)
        and isinstance(metadata.get("event_type"), str)
        and isinstance(metadata.get("event_payload"), Mapping)
    ):
        raise _RefusedError("invalid_metadata_format")


def _as_json(message: SlackMessage) -> JsonObject:
    answer: dict[str, object] = {
        "type": "message",
        "user": _IDENTITY["user_id"],
        "bot_id": _IDENTITY["bot_id"],
        "text": message.text,
        "ts": message.ts,
        "blocks": list(message.blocks),
        "attachments": list(message.attachments),
    }
    if message.thread_ts is not None:
        answer["thread_ts"] = message.thread_ts
    if message.metadata is not None:
        answer["metadata"] = message.metadata
    return answer


def _objects(value: object) -> tuple[JsonObject, ...]:
    return tuple(item for item in value if isinstance(item, Mapping)) if isinstance(value, list) else ()


def _texts(value: object) -> list[str]:
    """The strings under every "text", "title", "fallback" and "pretext", in order."""
    if isinstance(value, list | tuple):
        return [text for item in value for text in _texts(item)]
    if not isinstance(value, Mapping):
        return []
    found: list[str] = []
    for name, inner in value.items():
        if isinstance(inner, str):
            found += [inner] if name in ("text", "title", "fallback", "pretext", "value") else []
        else:
            found += _texts(inner)
    return found
