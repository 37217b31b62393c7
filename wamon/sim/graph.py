"""The simulated Graph API: an ASGI app over a World.

Served, with a version in the path or without: `/{waba_id}`, its edges `phone_numbers`, `message_templates` and
`subscribed_apps`, `/{phone_number_id}`, `/{app_id}`, `/{app_id}/subscriptions`, `/debug_token`. Reads only: wamon never
writes.
Sources: Meta's OpenAPI file v23.0 and the pages "Handle errors", "Rate limiting", "Secure requests", "Versioning",
"debug_token", read 2026-11. Where Meta's sources disagree about a status, the OpenAPI file decides.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import format_datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from wamon.sim.entities import MANAGEMENT, App, Call, Token
from wamon.sim.faults import ActiveFaults, Fault
from wamon.sim.fields import Field, FieldSyntaxError, parse_fields
from wamon.sim.nodes import NUMBER_TYPE, WABA_TYPE, GraphError, JsonObject, View, nonexisting_field, token_facts
from wamon.sim.quota import Usage
from wamon.sim.spoil import spoil
from wamon.sim.wire import SLEEP, Sleep, StandIns, Wire, ready_made
from wamon.sim.world import World

_VERSION = re.compile(r"v\d+\.\d+")
_SECRET_PARAMS = frozenset({"access_token", "input_token", "appsecret_proof"})
_PROOF_LIFE_SECONDS = 300
_MAX_SEGMENTS = 2
_DEAD_MESSAGES: Mapping[int | None, str] = {
    None: "Invalid OAuth access token - Cannot parse access token",
    458: "Error validating access token: The user has not authorized application.",
    459: "Error validating access token: You cannot access the app till you log in to www.facebook.com.",
    460: "Error validating access token: The session has been invalidated because the user changed the password.",
    463: "Error validating access token: Session has expired.",
    464: "Error validating access token: Sessions for the user are not allowed because the user is not confirmed.",
    467: "Error validating access token: This token has been invalidated.",
    492: "Error validating access token: The user must be an administrator, editor, or moderator of the page.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Caller:
    """Who calls: an app by its own token, or a system user's token of that app."""

    app: App
    token: Token | None
    presented: str


def graph_app(world: World, *, sleep: Sleep = SLEEP, stand_ins: StandIns | None = None) -> ASGIApp:
    """Serve the world as Meta's Graph API. `sleep` passes the time of slow answers."""
    graph = _Graph(world)
    misfortunes = stand_ins or StandIns()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        call = graph.record(request)
        active = world.faults.take(call.path)
        call.faults = active.kinds
        wire = Wire(scope, receive, send, sleep=sleep, stand_ins=misfortunes)
        if await wire.lost_before_answer(active):
            return
        response = ready_made(active) or graph.answer(request, call, active)
        call.status = response.status_code
        await wire.deliver(response, active)

    return app


class _Graph:
    def __init__(self, world: World) -> None:
        self.world = world

    def record(self, request: Request) -> Call:
        version, path = _split_version(request.url.path)
        params = {name: "(hidden)" if name in _SECRET_PARAMS else value for name, value in request.query_params.items()}
        call = Call(
            at=self.world.now(),
            method=request.method,
            path=path,
            version=version,
            fields=params.get("fields"),
            params=params,
            has_bearer=request.headers.get("authorization", "").startswith("Bearer "),
        )
        self.world.record(call)
        return call

    def answer(self, request: Request, call: Call, active: ActiveFaults) -> Response:
        trace_id = self.world.next_trace_id()
        headers = {
            "x-fb-request-id": trace_id,
            "x-fb-trace-id": trace_id,
            "x-fb-rev": "1029384756",
            "cache-control": "private, no-cache, no-store, must-revalidate",
            "date": format_datetime(self.world.now(), usegmt=True),
        }
        try:
            status, body = 200, spoil(self._result(request, call, active, headers), active)
        except GraphError as error:
            status, body = error.http_status, error.body(trace_id)
            headers |= error.headers
            if status == 401:
                headers["www-authenticate"] = f'OAuth "Facebook Platform" "invalid_token" "{error.message}"'
        if fault := active.first("served_version"):
            headers["facebook-api-version"] = fault.text("version")
        content = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        return Response(content, status, headers, media_type="application/json; charset=UTF-8")

    def _result(self, request: Request, call: Call, active: ActiveFaults, headers: dict[str, str]) -> JsonObject:
        """What the call asks for; adds the version and usage headers. Raises GraphError."""
        segments = call.path.strip("/").split("/")
        served = None if call.version is None else self.world.served_version(call.version)
        if (call.version is not None and served is None) or len(segments) > _MAX_SEGMENTS:
            raise GraphError(2500, f"Unknown path components: {request.url.path}")
        if served is not None:
            headers["facebook-api-version"] = served
        caller = self._authenticate(request, call)
        served = served or self.world.served_version(caller.app.default_version) or caller.app.default_version
        headers["facebook-api-version"] = served
        if fault := active.first("error", "throttle"):
            raise _planted(fault, segments[0])
        self._count(caller, segments[0], headers)
        if call.method != "GET":
            raise GraphError(100, "Unsupported post request.", subcode=33, type="GraphMethodException")
        view = View(
            world=self.world,
            app=caller.app,
            version=served,
            base_url=str(request.base_url).rstrip("/"),
            access_token=caller.presented,
            refused=frozenset(fault.text("field") for fault in active.all("unknown_field")),
            refuses_expansion=active.first("no_expansion") is not None,
            loops=active.first("paging_loop") is not None,
        )
        return self._read(view, caller, segments, request.query_params)

    def _read(self, view: View, caller: _Caller, segments: list[str], params: Mapping[str, str]) -> JsonObject:
        if segments == ["debug_token"]:
            return self._debug_token(caller, params)
        node_id, edge = segments[0], "".join(segments[1:])
        if not node_id.isdigit():
            raise GraphError(803, f"(#803) Some of the aliases you requested do not exist: {node_id}", 404)
        try:
            fields = parse_fields(params.get("fields", ""))
        except FieldSyntaxError as exc:
            message = f'Syntax error "Expected {exc.expected}" at character {exc.position}: {params["fields"]}'
            raise GraphError(2500, message) from exc
        if node_id in self.world.apps:
            return self._read_app(view, caller, node_id, edge, fields)
        return self._read_asset(view, caller, node_id, edge, fields, params)

    def _read_app(self, view: View, caller: _Caller, app_id: str, edge: str, fields: tuple[Field, ...]) -> JsonObject:
        app = self.world.app(app_id)
        if not edge:
            return view.application(app, fields)
        if edge != "subscriptions":
            raise nonexisting_field(edge, "Application")
        if caller.token is not None or caller.app is not app:
            raise GraphError(15, "(#15) This method must be called with an app access_token.")
        return view.subscriptions(app)

    def _read_asset(
        self,
        view: View,
        caller: _Caller,
        node_id: str,
        edge: str,
        fields: tuple[Field, ...],
        params: Mapping[str, str],
    ) -> JsonObject:
        number = self.world.numbers.get(node_id)
        waba = self.world.wabas.get(number.waba_id if number else node_id)
        if waba is None or caller.token is None or not self._may_see(caller.token, waba.id):
            raise _missing_object(node_id)
        if MANAGEMENT not in caller.token.targets:
            code = self.world.missing_scope_code
            raise GraphError(code, f"(#{code}) Requires {MANAGEMENT} permission to access this object", 403)
        if number is not None:
            if edge:
                raise nonexisting_field(edge, NUMBER_TYPE)
            return view.number(number, fields)
        if edge in ("phone_numbers", "message_templates"):
            wanted = Field(name=edge, modifiers=_modifiers(params), fields=fields)
            return (view.phone_numbers if edge == "phone_numbers" else view.message_templates)(waba, wanted)
        if edge == "subscribed_apps":
            return view.subscribed_apps(waba, fields)
        if edge:
            raise nonexisting_field(edge, WABA_TYPE)
        return view.waba(waba, fields)

    @staticmethod
    def _may_see(token: Token, waba_id: str) -> bool:
        # A token without the scope is told so, rather than that the object does not exist.
        return token.may_see(waba_id) or (MANAGEMENT not in token.targets and waba_id not in token.unassigned)

    def _debug_token(self, caller: _Caller, params: Mapping[str, str]) -> JsonObject:
        input_token = params.get("input_token", "")
        if not input_token:
            raise GraphError(100, "(#100) The parameter input_token is required")
        token = self.world.find_token(input_token)
        if token is None:
            error = {"code": 190, "message": "Invalid OAuth access token."}
            return {"data": {"error": error, "is_valid": False, "scopes": []}}
        if token.app_id != caller.app.id:
            raise GraphError(100, "(#100) The App_id in the input_token did not match the Viewing App")
        return {"data": token_facts(token, caller.app, dead=self._death_of(token))}

    def _authenticate(self, request: Request, call: Call) -> _Caller:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        presented = bearer.strip() if scheme.lower() == "bearer" else ""
        presented = presented or request.query_params.get("access_token", "")
        if not presented:
            raise GraphError(104, "An access token is required to request this resource.", 401)
        app_id, bar, secret = presented.partition("|")
        if bar:
            app = self.world.apps.get(app_id)
            if app is None or not hmac.compare_digest(app.secret.encode(), secret.encode()):
                raise GraphError(190, "Invalid OAuth access token signature.", 401)
            call.token = f"app {app.name}"
            return _Caller(app=app, token=None, presented=presented)
        token = self.world.find_token(presented)
        if token is None:
            raise GraphError(190, _DEAD_MESSAGES[None], 401)
        call.token = token.alias
        if death := self._death_of(token):
            raise death
        app = self.world.app(token.app_id)
        self._check_proof(app, presented, request.query_params)
        return _Caller(app=app, token=token, presented=presented)

    def _death_of(self, token: Token) -> GraphError | None:
        """What a call with this token is told when it is dead; None while it lives."""
        subcode = token.dead_subcode
        if not token.is_revoked and subcode is None:
            if token.expires_at is None or token.expires_at > self.world.now():
                return None
            subcode = 463
        message = _DEAD_MESSAGES.get(subcode, "Error validating access token.")
        return GraphError(190, message, 401, subcode=subcode)

    def _check_proof(self, app: App, presented: str, params: Mapping[str, str]) -> None:
        proof = params.get("appsecret_proof")
        if proof is None:
            if app.require_app_secret:
                message = "API calls from the server require an appsecret_proof argument"
                raise GraphError(100, message, type="GraphMethodException")
            return
        message = presented
        if sent_at := params.get("appsecret_time"):
            message = f"{presented}|{sent_at}"
            age = self.world.now().timestamp() - float(sent_at) if sent_at.isdigit() else float("inf")
            if abs(age) > _PROOF_LIFE_SECONDS:
                raise GraphError(100, "appsecret_proof has expired", type="GraphMethodException")
        expected = hmac.new(app.secret.encode(), message.encode(), "sha256").hexdigest()
        if not hmac.compare_digest(expected.encode(), proof.encode()):
            message = "Invalid appsecret_proof provided in the API argument"
            raise GraphError(100, message, type="GraphMethodException")

    def _count(self, caller: _Caller, node_id: str, headers: dict[str, str]) -> None:
        """Charge the call to its quota; adds the usage headers. Raises GraphError when it was one too many."""
        number = self.world.numbers.get(node_id)
        waba_id = number.waba_id if number else node_id
        is_waba_call = waba_id in self.world.wabas
        if is_waba_call:
            usage = self.world.quota.count((caller.app.id, waba_id), self.world.waba_call_limit(waba_id))
            name, value = "x-business-use-case-usage", _business_usage(waba_id, usage)
        else:
            usage = self.world.quota.count((caller.app.id, "app"), self.world.app_call_limit(caller.app.id))
            name, value = "x-app-usage", _app_usage(usage)
        if usage.calls > self.world.usage_headers_after_calls:
            headers[name] = value
        if not usage.is_exceeded:
            return
        status = self.world.throttle_http_status
        if is_waba_call:
            message = "(#80008) There have been too many calls to this WhatsApp Business account."
            raise GraphError(80008, message, status, subcode=2446079, is_transient=True)
        raise GraphError(4, "(#4) Application request limit reached", status, subcode=2446079, is_transient=True)


def _modifiers(params: Mapping[str, str]) -> dict[str, str]:
    """What asks for a part of an edge: paging and filters."""
    return {name: value for name, value in params.items() if name not in _SECRET_PARAMS | {"fields", "appsecret_time"}}


def _missing_object(node_id: str) -> GraphError:
    """A removed asset and a lost permission look the same."""
    message = (
        f"Unsupported get request. Object with ID '{node_id}' does not exist, cannot be loaded due to missing "
        "permissions, or does not support this operation."
    )
    return GraphError(100, message, subcode=33, type="GraphMethodException")


def _planted(fault: Fault, node_id: str) -> GraphError:
    code = int(fault.number("code"))
    status = int(fault.number("http_status"))
    if fault.kind == "throttle":
        headers = {}
        if fault.options["usage"]:
            usage = Usage(calls=100, limit=100, minutes_to_regain=int(fault.number("minutes")))
            headers = {"x-business-use-case-usage": _business_usage(node_id, usage), "x-app-usage": _app_usage(usage)}
        message = f"(#{code}) There have been too many calls. Wait a bit and try again."
        return GraphError(code, message, status, subcode=2446079, is_transient=True, headers=headers)
    subcode = None if fault.options["subcode"] is None else int(fault.number("subcode"))
    extra = fault.options["headers"]
    return GraphError(
        code,
        fault.text("message"),
        status,
        subcode=subcode,
        type=fault.text("type"),
        is_transient=bool(fault.options["transient"]),
        headers={str(name): str(value) for name, value in extra.items()} if isinstance(extra, Mapping) else {},
    )


def _business_usage(waba_id: str, usage: Usage) -> str:
    item = {
        "type": "whatsapp_business_management",
        "call_count": usage.percent,
        "total_cputime": usage.percent // 4,
        "total_time": usage.percent // 3,
        "estimated_time_to_regain_access": usage.minutes_to_regain,
    }
    idle = dict.fromkeys(("call_count", "total_cputime", "total_time", "estimated_time_to_regain_access"), 0)
    return json.dumps({waba_id: [item, {"type": "whatsapp", **idle}]}, separators=(",", ":"))


def _app_usage(usage: Usage) -> str:
    percent = usage.percent
    return json.dumps({"call_count": percent, "total_cputime": percent // 4, "total_time": percent // 3})


def _split_version(path: str) -> tuple[str | None, str]:
    first, _, rest = path.lstrip("/").partition("/")
    if _VERSION.fullmatch(first):
        return first, f"/{rest}"
    return None, path
