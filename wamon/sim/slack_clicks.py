"""What people click in the fake Slack, and how the app learns of it: over Socket Mode, or by a signed request.

Sources: Slack "block_actions payload", "Handling user interaction" (three seconds to answer; a `response_url` is good
for five uses in 30 minutes), "Verifying requests from Slack" (v0 signature, five minutes of tolerance); read 2026-11.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import httpx

from wamon.sim.slack_content import JsonObject, RefusedError, is_true, objects

if TYPE_CHECKING:
    from wamon.sim.slack_workspace import SlackChannel, SlackMessage, SlackWorkspace

RESPONSE_PATH = "/actions/"
RESPONSE_USES = 5
RESPONSE_LASTS = timedelta(minutes=30)
ANSWER_SECONDS = 3.0
STALE_AFTER = timedelta(minutes=6)
"""Just beyond the five minutes in which a receiver takes a request for fresh."""


@dataclass(slots=True, kw_only=True, eq=False)
class Click:
    """One press of a button: what was sent, and what became of it. `error` says why it failed, in our words."""

    at: datetime
    channel_id: str
    ts: str
    action_id: str
    user: str
    payload: JsonObject
    via: str = "socket"
    is_delivered: bool = False
    attempts: int = 0
    status: int | None = None
    answer: JsonObject | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """A request as Slack sends it to an app's request URL; send it twice to replay it."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpOutcome:
    """What the app's request URL answered; `status` is None when it did not within three seconds."""

    status: int | None
    body: str = ""
    error: str | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class _ResponseUrl:
    channel: SlackChannel
    message: SlackMessage
    user: str
    at: datetime
    uses: int = field(default=0)


def slack_signature(secret: str, timestamp: str, body: bytes) -> str:
    """Slack's signature of a request, version 0."""
    signed = b":".join((b"v0", timestamp.encode(), body))
    return "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


class Interactivity:
    """People's clicks in one workspace."""

    def __init__(self, workspace: SlackWorkspace) -> None:
        self.clicks: list[Click] = []
        self._workspace = workspace
        self._numbers = count(1)
        self._response_urls: dict[str, _ResponseUrl] = {}

    async def click(
        self,
        channel: SlackChannel,
        message: SlackMessage,
        action_id: str,
        *,
        user: str,
        user_name: str,
        value: str | None = None,
        block_id: str | None = None,
    ) -> Click:
        """Press it; raises LookupError when the message shows no such button."""
        action = _action(message, action_id, value, block_id)
        click = Click(
            at=self._workspace.now(),
            channel_id=channel.id,
            ts=message.ts,
            action_id=action_id,
            user=user,
            payload=self.payload(channel, message, action, user=user, user_name=user_name),
        )
        self.clicks.append(click)
        await self.deliver(click)
        return click

    async def deliver(self, click: Click) -> None:
        """Hand a click to the app: by HTTP where a request URL is set, else over Socket Mode."""
        if self._workspace.request_url is None:
            delivery = await self._workspace.sockets.deliver(click.payload)
            click.is_delivered, click.answer = delivery.is_acknowledged, delivery.answer
            click.attempts += delivery.attempts
            if not delivery.is_acknowledged:
                click.error = "nobody is connected" if not delivery.attempts else "no acknowledgement"
            return
        click.via = "http"
        click.attempts += 1
        outcome = await self.send(self.signed(click.payload))
        click.status, click.error = outcome.status, outcome.error
        click.is_delivered = outcome.status == httpx.codes.OK
        if outcome.status is not None and not click.is_delivered:
            click.error = f"answered {outcome.status}"

    def payload(
        self, channel: SlackChannel, message: SlackMessage, action: JsonObject, *, user: str, user_name: str
    ) -> JsonObject:
        """What Slack tells the app of this click."""
        team = {"id": self._workspace.TEAM_ID, "domain": self._workspace.TEAM_DOMAIN}
        container: dict[str, object] = {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": channel.id,
            "is_ephemeral": message.is_ephemeral,
        }
        if message.thread_ts is not None:
            container["thread_ts"] = message.thread_ts
        payload: dict[str, object] = {
            "type": "block_actions",
            "user": {"id": user, "username": user_name, "name": user_name, "team_id": team["id"]},
            "api_app_id": self._workspace.APP_ID,
            "token": "simulated-verification-token",
            "container": container,
            "trigger_id": f"1{next(self._numbers):09d}.{next(self._numbers):09d}.simulated",
            "team": team,
            "enterprise": None,
            "is_enterprise_install": False,
            "channel": {"id": channel.id, "name": "privategroup" if channel.is_private else channel.name},
            "state": {"values": {}},
            "response_url": self._response_url(channel, message, user),
            "actions": [{**action, "action_ts": self._workspace.next_ts()}],
        }
        if not message.is_ephemeral:
            payload["message"] = channel.as_json(message)
        return payload

    # --- by HTTP, true and false ---

    def signed(self, payload: JsonObject, *, secret: str | None = None, at: datetime | None = None) -> SignedRequest:
        """A request as Slack sends it, signed with the workspace's secret and stamped with this moment."""
        body = urlencode({"payload": json.dumps(payload)}).encode()
        timestamp = str(int((at or self._workspace.now()).timestamp()))
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "user-agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "x-slack-request-timestamp": timestamp,
            "x-slack-signature": slack_signature(secret or self._workspace.signing_secret, timestamp, body),
        }
        return SignedRequest(headers=headers, body=body)

    def forged(self, payload: JsonObject) -> SignedRequest:
        """Signed by somebody who does not know the secret."""
        return self.signed(payload, secret="not-the-secret")

    def unsigned(self, payload: JsonObject) -> SignedRequest:
        """Without a signature."""
        request = self.signed(payload)
        headers = {name: value for name, value in request.headers.items() if name != "x-slack-signature"}
        return SignedRequest(headers=headers, body=request.body)

    def tampered(self, payload: JsonObject) -> SignedRequest:
        """Rightly signed, and changed on the way."""
        return SignedRequest(headers=self.signed(payload).headers, body=self.signed({**payload, "token": "x"}).body)

    def stale(self, payload: JsonObject) -> SignedRequest:
        """Rightly signed, and kept for longer than a receiver should take it."""
        return self.signed(payload, at=self._workspace.now() - STALE_AFTER)

    async def send(self, request: SignedRequest) -> HttpOutcome:
        """Send a request to the request URL; raises ValueError when none is set."""
        url = self._workspace.request_url
        if url is None:
            raise ValueError("set workspace.request_url first")
        try:
            async with httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False) as client:
                answer = await client.post(url, content=request.body, headers=dict(request.headers))
        except httpx.HTTPError as exc:
            return HttpOutcome(status=None, error=type(exc).__name__)
        return HttpOutcome(status=answer.status_code, body=answer.text)

    # --- response_url ---

    def _response_url(self, channel: SlackChannel, message: SlackMessage, user: str) -> str:
        secret = f"{next(self._numbers):012d}"
        self._response_urls[secret] = _ResponseUrl(
            channel=channel, message=message, user=user, at=self._workspace.now()
        )
        return f"{self._workspace.url}{RESPONSE_PATH}{self._workspace.TEAM_ID}/{secret}"

    def respond(self, path: str, payload: JsonObject) -> None:
        """Take what the app posts to a `response_url`; raises RefusedError."""
        found = self._response_urls.get(path.rpartition("/")[2])
        if found is None or self._workspace.now() - found.at > RESPONSE_LASTS:
            raise RefusedError("expired_url")
        if found.uses >= RESPONSE_USES:
            raise RefusedError("used_url")
        found.uses += 1
        channel, message = found.channel, found.message
        if is_true(payload.get("delete_original")):
            if message.is_ephemeral:
                channel.ephemerals.remove(message)
            else:
                channel.delete(message.ts)
        elif is_true(payload.get("replace_original")):
            channel.update({**payload, "ts": message.ts})
        elif payload.get("response_type") == "in_channel":
            channel.accept(payload, via="bot")
        else:
            channel.accept_ephemeral(payload, user=found.user)


def _action(message: SlackMessage, action_id: str, value: str | None, block_id: str | None) -> JsonObject:
    """What `actions` says of a click on this element; raises LookupError when the message does not show it."""
    shown = list(_elements(message))
    for block, element in shown:
        if element.get("action_id") != action_id or (block_id is not None and block.get("block_id") != block_id):
            continue
        if element["type"] == "button":
            if value is None or element.get("value") == value:
                kept = {name: element[name] for name in ("text", "value", "style", "url", "confirm") if name in element}
                return {"type": "button", "action_id": action_id, "block_id": block["block_id"], **kept}
            continue
        option = next((each for each in _options(element) if value is None or each.get("value") == value), None)
        if option is not None:
            kind = element["type"]
            return {"type": kind, "action_id": action_id, "block_id": block["block_id"], "selected_option": option}
    there = ", ".join(str(element["action_id"]) for _, element in shown) or "none"
    raise LookupError(f"message {message.ts} shows no {action_id!r}; what it shows: {there}")


def _elements(message: SlackMessage) -> Iterator[tuple[JsonObject, JsonObject]]:
    for block in message.blocks_with_ids:
        inside = (*objects(block.get("elements")), *objects([block.get("accessory")]))
        yield from ((block, element) for element in inside if "action_id" in element)


def _options(element: JsonObject) -> Iterator[JsonObject]:
    yield from objects(element.get("options"))
    for group in objects(element.get("option_groups")):
        yield from objects(group.get("options"))
