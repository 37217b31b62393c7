"""Control endpoints for a tester with curl: change the simulated world while a real daemon watches it.

GET /_sim            this list
GET /_sim/world      the ids, and where everything stands
GET /_sim/calls      the requests that the Graph API has had (?last=20)
GET /_sim/slack      the messages that Slack has accepted
POST /_sim/numbers/{id}, /_sim/wabas/{id}, /_sim/apps/{id}, /_sim/tokens/{alias}
                     set fields: {"quality_rating": "RED"}; an unknown field is refused with the known ones;
                     "health" is "AVAILABLE", "LIMITED" or "BLOCKED"; "raw" puts any value into an answer;
                     "expires_at" is seconds from this moment, or null for never
DELETE /_sim/numbers/{id}
POST, DELETE /_sim/wabas/{id}/subscribed_apps/{app_id}
POST /_sim/tokens/{alias}/revoke {"subcode": 463}, /_sim/tokens/{alias}/renew
POST /_sim/faults    {"kind": "hang", "path": "debug_token", "times": 2, "seconds": 30}; the kinds are in faults.py
GET, DELETE /_sim/faults, and the same under /_sim/slack/faults
POST /_sim/slack     {"is_archived": true}
GET /_sim/story      the demo's beats; POST /_sim/story/{index} lets one happen

With --webhook-url also:
GET /_sim/webhooks   what was told of each number, once each, and how often it had to be repeated
POST /_sim/webhooks  {"waba_id": "...", "field": "account_update", "value": {"event": "..."}} tells an account's event
POST /_sim/webhooks/mischief
                     {"repeated": 0.1, "late": 0.1, "shared": 0.9, "most_in_body": 100}
POST /_sim/webhooks/forged
                     posts a body with a wrong signature
GET /_sim/traffic    who sends how much
POST /_sim/traffic   {"number_id": "...", "per_hour": 600, "minutes": 30, "category": "marketing", "undelivered": 0.1,
                     "failed": {"131026": 0.2}}; only number_id and per_hour are needed
DELETE /_sim/traffic/{index}
POST /_sim/numbers/{id}/opt_out
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from wamon.sim.entities import App, Health, Number, Token, Waba
from wamon.sim.faults import Faults
from wamon.sim.sender import Sender
from wamon.sim.slack import SlackChannel
from wamon.sim.story import Beat, story
from wamon.sim.traffic import Campaign, Mix, Traffic
from wamon.sim.world import World

PREFIX = "/_sim"
Thing = TypeVar("Thing")
_FIXED = frozenset({"id", "waba_id", "business_id", "app_id", "user_id", "alias", "number_ids", "subscribed_apps"})
_CHANNEL_FIELDS = frozenset({"is_archived", "is_missing", "webhook_is_active", "bot_token"})
_MOMENTS = frozenset({"expires_at", "data_access_expires_at", "issued_at", "last_onboarded_time", "creation_time"})
_DEFAULT_LAST = 20
_MOST = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """What sends webhooks, and what there is to tell."""

    traffic: Traffic
    sender: Sender


def with_control(app: ASGIApp, world: World, channel: SlackChannel, webhooks: Webhooks | None = None) -> ASGIApp:
    """Put the control endpoints in front of another app; those of webhooks only where some are sent."""
    control = control_app(world, channel, webhooks)

    async def either(scope: Scope, receive: Receive, send: Send) -> None:
        is_control = scope["type"] == "http" and f"{scope['path']}/".startswith(f"{PREFIX}/")
        await (control if is_control else app)(scope, receive, send)

    return either


def control_app(world: World, channel: SlackChannel, webhooks: Webhooks | None = None) -> ASGIApp:
    """The control endpoints by themselves."""
    traffic = Traffic(world, random.Random()) if webhooks is None else webhooks.traffic
    meta, slack = _MetaControl(world, channel, story(world, traffic)), _SlackControl(channel)
    routes = [
        ("GET", "", _help),
        ("GET", "/world", meta.show),
        ("GET", "/calls", meta.show_calls),
        ("POST", "/numbers/{id}", meta.change_number),
        ("DELETE", "/numbers/{id}", meta.remove_number),
        ("POST", "/wabas/{id}", meta.change_waba),
        ("POST", "/wabas/{id}/subscribed_apps/{app_id}", meta.subscribe),
        ("DELETE", "/wabas/{id}/subscribed_apps/{app_id}", meta.unsubscribe),
        ("POST", "/apps/{id}", meta.change_app),
        ("POST", "/tokens/{id}", meta.change_token),
        ("POST", "/tokens/{id}/revoke", meta.revoke_token),
        ("POST", "/tokens/{id}/renew", meta.renew_token),
        ("GET", "/story", meta.show_story),
        ("POST", "/story/{index:int}", meta.tell),
        ("GET", "/slack", slack.show),
        ("POST", "/slack", slack.change),
    ]
    for place, faults in (("/faults", _FaultControl(world.faults)), ("/slack/faults", _FaultControl(channel.faults))):
        routes += [("GET", place, faults.show), ("POST", place, faults.add), ("DELETE", place, faults.clear)]
    if webhooks is not None:
        control = _WebhookControl(world, webhooks)
        routes += [
            ("GET", "/webhooks", control.show),
            ("POST", "/webhooks", control.tell),
            ("POST", "/webhooks/mischief", control.change_mischief),
            ("POST", "/webhooks/forged", control.forge),
            ("GET", "/traffic", control.show_traffic),
            ("POST", "/traffic", control.start),
            ("DELETE", "/traffic/{index:int}", control.stop),
            ("POST", "/numbers/{id}/opt_out", control.opt_out),
        ]
    return Starlette(routes=[Route(PREFIX + path, answer, methods=[method]) for method, path, answer in routes])


async def _help(request: Request) -> Response:
    return PlainTextResponse(__doc__ or "")


class _MetaControl:
    def __init__(self, world: World, channel: SlackChannel, beats: Sequence[Beat]) -> None:
        self.channel = channel
        self.world = world
        self.beats = beats

    async def show(self, request: Request) -> Response:
        """Everything but the secrets."""
        world = self.world
        return _json(
            {
                "now": world.now(),
                "wabas": [asdict(waba) for waba in world.wabas.values()],
                "numbers": [asdict(number) for number in world.numbers.values()],
                "apps": [{**asdict(app), "secret": "(hidden)"} for app in world.apps.values()],
                "tokens": [{**asdict(token), "value": "(hidden)"} for token in world.tokens.values()],
            }
        )

    async def show_calls(self, request: Request) -> Response:
        last = request.query_params.get("last", str(_DEFAULT_LAST))
        if not last.isdigit():
            raise HTTPException(400, "last must be a number")
        calls = self.world.calls
        return _json({"count": len(calls), "last": [asdict(call) for call in calls[len(calls) - int(last) :]]})

    async def change_number(self, request: Request) -> Response:
        return await self._change(_find(self.world.numbers, request), request)

    async def remove_number(self, request: Request) -> Response:
        self.world.remove_number(_find(self.world.numbers, request).id)
        return _json({"ok": True})

    async def change_waba(self, request: Request) -> Response:
        return await self._change(_find(self.world.wabas, request), request)

    async def change_app(self, request: Request) -> Response:
        """An app's fields; `callback_url`, `active` and `fields` go to its first subscription."""
        app = _find(self.world.apps, request)
        body = await _body(request)
        if app.subscriptions:
            for name in ("callback_url", "active", "fields"):
                if name in body:
                    setattr(app.subscriptions[0], name, body.pop(name))
        return self._set(app, body)

    async def change_token(self, request: Request) -> Response:
        return await self._change(_find(self.world.tokens, request), request)

    async def revoke_token(self, request: Request) -> Response:
        subcode = (await _body(request)).get("subcode")
        if not isinstance(subcode, int | None):
            raise HTTPException(400, "subcode must be a number")
        self.world.revoke_token(_find(self.world.tokens, request).alias, subcode=subcode)
        return _json({"ok": True})

    async def renew_token(self, request: Request) -> Response:
        self.world.renew_token(_find(self.world.tokens, request).alias)
        return _json({"ok": True})

    async def subscribe(self, request: Request) -> Response:
        override = (await _body(request)).get("override_callback_uri")
        uri = None if override is None else str(override)
        waba_id = _find(self.world.wabas, request).id
        self.world.subscribe(waba_id, request.path_params["app_id"], override_callback_uri=uri)
        return _json({"ok": True})

    async def unsubscribe(self, request: Request) -> Response:
        self.world.unsubscribe(_find(self.world.wabas, request).id, request.path_params["app_id"])
        return _json({"ok": True})

    async def show_story(self, request: Request) -> Response:
        return _json([{"index": index, "title": beat.title} for index, beat in enumerate(self.beats)])

    async def tell(self, request: Request) -> Response:
        index = request.path_params["index"]
        if index >= len(self.beats):
            raise HTTPException(404, f"the story has {len(self.beats)} beats")
        beat = self.beats[index]
        beat.act(self.world)
        if beat.at_slack is not None:
            try:
                await beat.at_slack(self.channel)
            except LookupError as exc:
                raise HTTPException(409, str(exc)) from exc
        return _json({"ok": True, "narration": beat.narration})

    async def _change(self, thing: Number | Waba | Token, request: Request) -> Response:
        return self._set(thing, await _body(request))

    def _set(self, thing: Number | Waba | App | Token, body: Mapping[str, object]) -> Response:
        known = {each.name for each in fields(thing)} - _FIXED
        _refuse_unknown(body, known)
        for name, value in body.items():
            if name == "health":
                _set_health(thing, value)
            elif name in _MOMENTS:
                setattr(thing, name, self._moment(name, value))
            else:
                setattr(thing, name, value)
        return _json({"ok": True, "changed": sorted(body)})

    def _moment(self, name: str, value: object) -> datetime | None:
        if value is None:
            return None
        if not isinstance(value, int | float):
            raise HTTPException(400, f"{name} must be seconds from this moment, or null")
        return self.world.now() + timedelta(seconds=value)


class _SlackControl:
    def __init__(self, channel: SlackChannel) -> None:
        self.channel = channel

    async def show(self, request: Request) -> Response:
        return _json(
            {"count": len(self.channel.messages), "messages": [asdict(each) for each in self.channel.messages]}
        )

    async def change(self, request: Request) -> Response:
        body = await _body(request)
        _refuse_unknown(body, _CHANNEL_FIELDS)
        for name, value in body.items():
            setattr(self.channel, name, value)
        return _json({"ok": True, "changed": sorted(body)})


class _WebhookControl:
    def __init__(self, world: World, webhooks: Webhooks) -> None:
        self.world = world
        self.sender = webhooks.sender
        self.traffic = webhooks.traffic

    async def show(self, request: Request) -> Response:
        ledger = self.sender.ledger
        numbers = {
            number_id: {
                "messages": told.messages,
                "statuses": told.statuses(),
                "failures": told.failures(),
                "opt_outs": len(told.stops),
            }
            for number_id, told in ledger.numbers.items()
        }
        whole = {each.name: getattr(ledger, each.name) for each in fields(ledger) if each.name[0] != "_"}
        whole.pop("numbers")
        return _json({**whole, "is_idle": self.sender.is_idle, "numbers": numbers, "mischief": self.sender.mischief})

    async def tell(self, request: Request) -> Response:
        body = await _body(request)
        waba_id, name, value = body.get("waba_id"), body.get("field"), body.get("value")
        if waba_id not in self.world.wabas or not isinstance(name, str) or not isinstance(value, dict):
            raise HTTPException(400, f"waba_id must be one of {', '.join(self.world.wabas)}, value a JSON object")
        self.traffic.tell(str(waba_id), name, value)
        return _json({"ok": True})

    async def change_mischief(self, request: Request) -> Response:
        body = await _body(request)
        _refuse_unknown(body, {"repeated", "late", "shared", "most_in_body"})
        was = self.sender.mischief
        self.sender.mischief = replace(
            was,
            repeated=_number(body, "repeated", was.repeated),
            late=_number(body, "late", was.late),
            shared=_number(body, "shared", was.shared),
            most_in_body=max(int(_number(body, "most_in_body", was.most_in_body)), 1),
        )
        return _json({"ok": True, "changed": sorted(body)})

    async def forge(self, request: Request) -> Response:
        return _json({"answer": await self.sender.forge(next(iter(self.world.apps.values())))})

    async def show_traffic(self, request: Request) -> Response:
        return _json([_campaign(index, each) for index, each in enumerate(self.traffic.campaigns)])

    async def start(self, request: Request) -> Response:
        body = await _body(request)
        _refuse_unknown(body, {"number_id", "per_hour", "minutes", "category", "undelivered", "failed"})
        failed = body.get("failed", {})
        if body.get("number_id") not in self.world.numbers or not isinstance(failed, dict):
            raise HTTPException(400, f"number_id must be one of {', '.join(self.world.numbers)}, failed shares by code")
        codes = {int(code): _number(failed, code) for code in failed if code.isdecimal()}
        campaign = self.traffic.start(
            str(body["number_id"]),
            per_hour=_number(body, "per_hour") or 1.0,
            mix=Mix(failed=codes, undelivered=_number(body, "undelivered", 0.0)),
            category=str(body.get("category", "utility")),
            lasts=timedelta(minutes=_number(body, "minutes")) if "minutes" in body else None,
        )
        return _json(_campaign(self.traffic.campaigns.index(campaign), campaign))

    async def stop(self, request: Request) -> Response:
        index = request.path_params["index"]
        if index >= len(self.traffic.campaigns):
            raise HTTPException(404, f"there are {len(self.traffic.campaigns)} campaigns")
        self.traffic.stop(self.traffic.campaigns[index])
        return _json({"ok": True})

    async def opt_out(self, request: Request) -> Response:
        self.traffic.opt_out(_find(self.world.numbers, request).id)
        return _json({"ok": True})


class _FaultControl:
    def __init__(self, faults: Faults) -> None:
        self.faults = faults

    async def show(self, request: Request) -> Response:
        return _json(
            [
                {"kind": each.kind, "path": each.path, "times": each.times, "hits": each.hits, **each.options}
                for each in self.faults
            ]
        )

    async def add(self, request: Request) -> Response:
        body = await _body(request)
        path, times = body.pop("path", None), body.pop("times", None)
        if not isinstance(path, str | None) or not isinstance(times, int | None):
            raise HTTPException(400, "path must be a text and times a number")
        try:
            self.faults.add(str(body.pop("kind", "")), path=path, times=times, **body)
        except ValueError as exc:
            raise HTTPException(400, str(exc)) from exc
        return _json({"ok": True})

    async def clear(self, request: Request) -> Response:
        self.faults.clear()
        return _json({"ok": True})


def _find(things: Mapping[str, Thing], request: Request) -> Thing:
    wanted = request.path_params["id"]
    if wanted not in things:
        raise HTTPException(404, f"no {wanted}; known: {', '.join(things)}")
    return things[wanted]


async def _body(request: Request) -> dict[str, object]:
    raw = await request.body()
    try:
        body = json.loads(raw or "{}")
    except ValueError as exc:
        raise HTTPException(400, f"not JSON: {exc}") from exc
    if not isinstance(body, dict):
        raise HTTPException(400, "a JSON object is wanted")
    return body


def _refuse_unknown(body: Mapping[str, object], known: set[str] | frozenset[str]) -> None:
    if unknown := set(body) - known:
        raise HTTPException(400, f"no field {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")


def _campaign(index: int, campaign: Campaign) -> dict[str, object]:
    shown = (each.name for each in fields(campaign) if each.name != "random")
    return {"index": index, **{name: getattr(campaign, name) for name in shown}}


def _number(body: Mapping[str, object], name: str, default: float | None = None) -> float:
    """A number above or at zero; raises HTTPException for anything else."""
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST:
        raise HTTPException(400, f"{name} must be a number from 0 to {_MOST}")
    return value


def _set_health(thing: Number | Waba | App | Token, value: object) -> None:
    if isinstance(thing, Token) or value not in ("AVAILABLE", "LIMITED", "BLOCKED"):
        raise HTTPException(400, "health must be AVAILABLE, LIMITED or BLOCKED")
    thing.health = Health()
    if value == "LIMITED":
        thing.health.limit("Limited by the tester")
    elif value == "BLOCKED":
        thing.health.block(131031, "Blocked by the tester")


def _json(value: object) -> Response:
    text = json.dumps(value, default=_plain, indent=1, ensure_ascii=False)
    return Response(f"{text}\n", media_type="application/json")


def _plain(value: object) -> object:
    """Moments as ISO text, sets as lists, values by their fields; a predicate has no better form than its name."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return dict(value) if isinstance(value, Mapping) else str(value)
