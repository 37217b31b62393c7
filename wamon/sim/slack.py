"""A fake Slack: a workspace with channels, which keeps and shows what it was sent, and hands on what people click.

Served: incoming webhooks, the Web API's methods under `/api/` (JSON or form bodies, as slack_sdk sends them), Socket
Mode, `response_url`s and, at `/`, the channels as a page, on which buttons can be pressed. The faults are in the table
of `faults.py`. `slack_workspace.py` is what is kept, `slack_methods.py` the Web API, `slack_clicks.py` and
`slack_socket.py` the way of a click, `slack_limits.py` the rate limits, `slack_page.py` the page.
Source: Slack "Incoming webhooks", read 2026-11.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from wamon.sim.faults import ActiveFaults, Fault
from wamon.sim.slack_clicks import RESPONSE_PATH
from wamon.sim.slack_content import JsonObject, RefusedError
from wamon.sim.slack_methods import METHODS, SlackMethods, refusal
from wamon.sim.slack_page import SlackPage
from wamon.sim.slack_workspace import SlackCall, SlackChannel, SlackMessage, SlackWorkspace
from wamon.sim.wire import ABORT, SLEEP, Sleep, StandIns, Wire, ready_made

__all__ = ["SlackCall", "SlackChannel", "SlackMessage", "SlackWorkspace", "slack_app"]

CLICK_PATH = "/sim/click"
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
    "expired_url": 404,
    "no_active_hooks": 404,
    "no_service": 404,
    "no_team": 404,
    "used_url": 404,
    "channel_is_archived": 410,
    "rollup_error": 500,
}
_WEBHOOK_WORDS: Mapping[str, str] = {"is_archived": "channel_is_archived", "invalid_blocks_format": "invalid_blocks"}


def slack_app(channel: SlackChannel, *, sleep: Sleep = SLEEP, stand_ins: StandIns | None = None) -> ASGIApp:
    """Serve the channel's workspace as Slack. `sleep` passes the time of slow answers."""
    slack = _Slack(channel.workspace)
    misfortunes = stand_ins or StandIns()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await channel.workspace.sockets.serve(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        wire = Wire(scope, receive, send, sleep=sleep, stand_ins=misfortunes)
        if own := await slack.own_answer(request):
            # What a browser asks for must not use up a fault.
            await wire.deliver(own, ActiveFaults())
            return
        await slack.serve(request, wire, sleep)

    return app


class _Slack:
    def __init__(self, workspace: SlackWorkspace) -> None:
        self.workspace = workspace
        self.methods = SlackMethods(workspace)
        self.page = SlackPage()
        self.late: set[asyncio.Task[None]] = set()

    async def own_answer(self, request: Request) -> Response | None:
        """The answer to what is no part of Slack's interface; None for what is."""
        path = request.url.path
        if _is_hook(path) or _is_method(path):
            self.workspace.url = str(request.base_url).rstrip("/")
            return None
        if request.method == "GET" and path == "/":
            wanted = request.query_params.get("channel")
            channels = self.workspace.channels
            return self.page.answer(next((each for each in channels if each.id == wanted), channels[0]))
        if request.method == "POST" and path == CLICK_PATH:
            return await self._click(request)
        return PlainTextResponse("not found", 404)

    async def _click(self, request: Request) -> Response:
        """The page's own request: press a button as somebody."""
        if not request.headers.get("content-type", "").startswith("application/json"):
            # A page of another origin can send anything but this without being asked.
            return PlainTextResponse("JSON only", 415)
        try:
            wish = json.loads(await request.body())
            channel = next(each for each in self.workspace.channels if each.id == wish["channel"])
            click = await channel.click(
                str(wish["ts"]),
                str(wish["action_id"]),
                user=str(wish["user"]),
                value=wish.get("value"),
            )
        except (ValueError, KeyError, TypeError, StopIteration, LookupError) as exc:
            return JSONResponse({"ok": False, "error": str(exc) or "no such channel"}, 400)
        return JSONResponse({"ok": click.is_delivered, "error": click.error})

    async def serve(self, request: Request, wire: Wire, sleep: Sleep) -> None:
        """Answer a call to Slack's interface, with the faults that it meets."""
        path = request.url.path
        active = self.workspace.faults.take(path)
        call = SlackCall(at=self.workspace.now(), path=path)
        self.workspace.calls.append(call)
        try:
            body = await request.body()
        except ClientDisconnect:
            # A caller that was killed while it spoke has sent nothing.
            return
        if await wire.lost_before_answer(active):
            return
        if late := active.first("accept_late"):
            await self._accept_late(late, request, body, wire, sleep)
            return
        response = ready_made(active) or self.answer(request, body, active, call)
        if lost := active.first("accept_then_reset", "accept_then_hang"):
            await wire.lose(lost)
            return
        call.status = response.status_code
        await wire.deliver(response, active)

    async def _accept_late(self, fault: Fault, request: Request, body: bytes, wire: Wire, sleep: Sleep) -> None:
        seconds = fault.number("seconds")

        async def accept() -> None:
            await sleep(seconds)
            self.answer(request, body, ActiveFaults(), SlackCall(at=self.workspace.now(), path=request.url.path))

        if ABORT not in request.scope.get("extensions", {}):
            await accept()
            await wire.lose(_hang(0.0))
            return
        task = asyncio.create_task(accept())
        self.late.add(task)
        task.add_done_callback(self.late.discard)
        await wire.lose(_hang(seconds))

    def answer(self, request: Request, body: bytes, active: ActiveFaults, call: SlackCall) -> Response:
        """The right answer, or the refusal, to a call."""
        path = request.url.path
        fault = active.first("error")
        is_method = not _is_hook(path)
        if limited := active.first("rate_limited"):
            call.error = "ratelimited"
            return _rate_limited(limited.options["retry_after"], is_method=is_method)
        try:
            if is_method:
                return self.methods.answer(path.rpartition("/")[2], request, body, active)
            return self._hook(path, request, body, fault)
        except RefusedError as refused:
            call.error = refused.code
            if refused.retry_after is not None:
                return _rate_limited(refused.retry_after, is_method=is_method)
            if is_method:
                return JSONResponse(refusal(refused), 200 if fault is None else _status(fault, 200))
            code = _WEBHOOK_WORDS.get(refused.code, refused.code)
            default = _WEBHOOK_STATUS.get(code, 400)
            return PlainTextResponse(code, default if fault is None else _status(fault, default))

    def _hook(self, path: str, request: Request, body: bytes, fault: Fault | None) -> Response:
        if fault is not None:
            raise RefusedError(fault.text("code"))
        if path.startswith(RESPONSE_PATH):
            self.workspace.interactivity.respond(path, _hook_payload(request, body))
            return PlainTextResponse("ok")
        channel = next((each for each in self.workspace.channels if each.webhook_path == path), None)
        if channel is None or not channel.webhook_is_active:
            raise RefusedError("no_service")
        payload = _hook_payload(request, body)
        retry_after = self.workspace.limits.retry_after("webhook", channel.id)
        if retry_after is not None:
            raise RefusedError("rate_limited", retry_after=retry_after)
        channel.accept(payload, via="webhook")
        return PlainTextResponse("ok")


def _hook_payload(request: Request, body: bytes) -> JsonObject:
    if request.method != "POST":
        raise RefusedError("invalid_payload")
    text = body.decode("utf-8", "replace")
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        text = dict(parse_qsl(text)).get("payload", "")
    try:
        payload = json.loads(text)
    except ValueError as exc:
        raise RefusedError("invalid_payload") from exc
    if not isinstance(payload, dict):
        raise RefusedError("invalid_payload")
    return payload


def _is_hook(path: str) -> bool:
    return path.startswith(("/services/", RESPONSE_PATH))


def _is_method(path: str) -> bool:
    """Clients differ in whether the base address already ends in `/api/`."""
    return path.startswith("/api/") or path.lstrip("/") in METHODS


def _rate_limited(retry_after: object, *, is_method: bool) -> Response:
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    if is_method:
        return JSONResponse({"ok": False, "error": "ratelimited"}, 429, headers)
    return PlainTextResponse("rate_limited", 429, headers)


def _hang(seconds: float) -> Fault:
    return Fault(kind="hang", path=None, times=None, options={"seconds": seconds})


def _status(fault: Fault, default: int) -> int:
    return default if fault.options["http_status"] is None else int(fault.number("http_status"))
