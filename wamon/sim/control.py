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
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
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
from wamon.sim.slack import SlackChannel
from wamon.sim.story import story
from wamon.sim.world import World

PREFIX = "/_sim"
Thing = TypeVar("Thing")
_FIXED = frozenset({"id", "waba_id", "business_id", "app_id", "user_id", "alias", "number_ids", "subscribed_apps"})
_CHANNEL_FIELDS = frozenset({"is_archived", "is_missing", "webhook_is_active", "bot_token"})
_MOMENTS = frozenset({"expires_at", "data_access_expires_at", "issued_at", "last_onboarded_time", "creation_time"})
_DEFAULT_LAST = 20


def with_control(app: ASGIApp, world: World, channel: SlackChannel) -> ASGIApp:
    """Put the control endpoints in front of another app."""
    control = control_app(world, channel)

    async def either(scope: Scope, receive: Receive, send: Send) -> None:
        is_control = scope["type"] == "http" and f"{scope['path']}/".startswith(f"{PREFIX}/")
        await (control if is_control else app)(scope, receive, send)

    return either


def control_app(world: World, channel: SlackChannel) -> ASGIApp:
    """The control endpoints by themselves."""
    meta, slack = _MetaControl(world), _SlackControl(channel)
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
    return Starlette(routes=[Route(PREFIX + path, answer, methods=[method]) for method, path, answer in routes])


async def _help(request: Request) -> Response:
    return PlainTextResponse(__doc__ or "")


class _MetaControl:
    def __init__(self, world: World) -> None:
        self.world = world
        self.beats = story(world)

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
        self.beats[index].act(self.world)
        return _json({"ok": True, "narration": self.beats[index].narration})

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
    """Moments as ISO text, sets as lists; a fault's path predicate has no better form than its name."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted(value)
    return dict(value) if isinstance(value, Mapping) else str(value)
