"""Renders the world's things as Graph API nodes and edges, and refuses what Meta would refuse.

Default fields, edges and refusals follow Meta's OpenAPI file and the pages of each node; read 2026-11.
The portfolio-wide `whatsapp_business_manager_messaging_limit` is served by every version; the deprecated
`messaging_limit_tier` only below v24.0, above it is left out.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from urllib.parse import urlencode

from wamon.sim.entities import App, Business, Health, Number, SubscribedApp, Template, Token, Waba
from wamon.sim.fields import Field, has_expansion, names_of
from wamon.sim.message_templates import (
    LARGEST_PAGE,
    TEMPLATE_DEFAULTS,
    TEMPLATE_OTHER,
    TEMPLATE_PLAIN,
    TEMPLATE_TYPE,
    FilterError,
    matching,
    summary,
    template_values,
)
from wamon.sim.world import World

JsonObject = dict[str, object]

WABA_TYPE = "WhatsAppBusinessAccount"
NUMBER_TYPE = "WhatsAppBusinessAccountToNumberCurrentStatus"
APP_TYPE = "Application"
DEFAULT_LIMIT = 25
MAX_LIMIT = 100

WABA_DEFAULTS = ("id", "name")
WABA_PLAIN = (
    "name",
    "status",
    "account_review_status",
    "business_verification_status",
    "ownership_type",
    "primary_funding_id",
    "purchase_order_number",
    "currency",
    "timezone_id",
    "country",
    "primary_business_location",
    "message_template_namespace",
    "is_enabled_for_insights",
    "is_shared_with_partners",
    "marketing_messages_lite_api_status",
    "marketing_messages_onboarding_status",
    "disable_marketing_messages_on_cloud_api",
    "template_auto_archival_enabled",
    "whatsapp_business_manager_messaging_limit",
)
WABA_OTHER = (
    "id",
    "health_status",
    "owner_business",
    "owner_business_info",
    "on_behalf_of_business_info",
    "creation_time",
    "auth_international_rate_eligibility",
    "linked_commerce_account",
    "marketing_messages_ad_account",
)
NUMBER_DEFAULTS = ("id", "display_phone_number", "verified_name", "quality_rating")
NUMBER_PLAIN = (
    "display_phone_number",
    "verified_name",
    "quality_rating",
    "status",
    "code_verification_status",
    "name_status",
    "new_name_status",
    "new_display_name",
    "whatsapp_business_manager_messaging_limit",
    "messaging_limit_tier",
    "account_mode",
    "platform_type",
    "is_pin_enabled",
    "is_official_business_account",
    "is_on_biz_app",
    "is_preverified_number",
    "certificate",
    "eligibility_for_api_business_global_search",
    "search_visibility",
    "unified_cert_status",
    "country_code",
    "country_dial_code",
    "username",
)
NUMBER_OTHER = (
    "id",
    "quality_score",
    "throughput",
    "health_status",
    "last_onboarded_time",
    "webhook_configuration",
    "host_platform",
    "new_certificate",
    "conversational_automation",
)
_PAGING = frozenset({"limit", "after", "before"})
_WORST_FIRST = ("BLOCKED", "LIMITED")


@dataclass(slots=True, eq=False)
class GraphError(Exception):
    """An answer in Meta's error envelope."""

    code: int
    message: str
    http_status: int = 400
    subcode: int | None = None
    type: str = "OAuthException"
    is_transient: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    def body(self, trace_id: str) -> JsonObject:
        """The envelope."""
        error: JsonObject = {"message": self.message, "type": self.type, "code": self.code}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        if self.is_transient:
            error["is_transient"] = True
        error["fbtrace_id"] = trace_id
        return {"error": error}


def nonexisting_field(name: str, node_type: str) -> GraphError:
    """The refusal of a field that the node does not have: it fails the whole call."""
    return GraphError(100, f"(#100) Tried accessing nonexisting field ({name}) on node type ({node_type})")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Node:
    type: str
    values: JsonObject
    raw: JsonObject
    known: frozenset[str]
    defaults: tuple[str, ...]
    edges: Mapping[str, Callable[[Field], object]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How one call sees the world: by which app, under which version, and what is refused to it on purpose."""

    world: World
    app: App
    version: str
    base_url: str
    access_token: str
    refused: frozenset[str] = frozenset()
    refuses_expansion: bool = False
    loops: bool = False

    def check(self, fields: tuple[Field, ...]) -> None:
        """Refuse expansion where a fault says so."""
        if self.refuses_expansion and has_expansion(fields):
            raise GraphError(100, "(#100) Field expansion is not supported on this node")

    def waba(self, waba: Waba, fields: tuple[Field, ...]) -> JsonObject:
        """A WABA node."""
        values: JsonObject = {name: getattr(waba, name) for name in WABA_PLAIN}
        values["id"] = waba.id
        business = self.world.business(waba.business_id)
        values["owner_business"] = values["owner_business_info"] = {"id": business.id, "name": business.name}
        if waba.creation_time is not None:
            values["creation_time"] = int(waba.creation_time.timestamp())
        if "health_status" in names_of(fields):
            values["health_status"] = self._health(self._waba_entities(waba))
        edges: dict[str, Callable[[Field], object]] = {
            "phone_numbers": lambda wanted: self.phone_numbers(waba, wanted),
            "message_templates": lambda wanted: self.message_templates(waba, wanted),
            "subscribed_apps": lambda wanted: self.subscribed_apps(waba, wanted.fields),
        }
        known = frozenset(WABA_PLAIN + WABA_OTHER)
        node = _Node(type=WABA_TYPE, values=values, raw=waba.raw, known=known, defaults=WABA_DEFAULTS, edges=edges)
        return self._pick(node, fields)

    def number(self, number: Number, fields: tuple[Field, ...]) -> JsonObject:
        """A phone number node."""
        values: JsonObject = {name: getattr(number, name) for name in NUMBER_PLAIN}
        values["id"] = number.id
        values["host_platform"] = number.platform_type
        if not self._is_before(24):
            del values["messaging_limit_tier"]
        if number.quality_rating is not None:
            values["quality_score"] = {"score": number.quality_rating}
        if number.throughput_level is not None:
            values["throughput"] = {"level": number.throughput_level}
        if number.last_onboarded_time is not None:
            values["last_onboarded_time"] = number.last_onboarded_time.strftime("%Y-%m-%dT%H:%M:%S+0000")
        if callback := next((each.callback_url for each in self.app.subscriptions), None):
            values["webhook_configuration"] = {"application": callback}
        if "health_status" in names_of(fields):
            waba = self.world.waba(number.waba_id)
            own = ("PHONE_NUMBER", number.id, number.health)
            values["health_status"] = self._health([own, *self._waba_entities(waba)])
        known = frozenset(NUMBER_PLAIN + NUMBER_OTHER)
        node = _Node(type=NUMBER_TYPE, values=values, raw=number.raw, known=known, defaults=NUMBER_DEFAULTS)
        return self._pick(node, fields)

    def application(self, app: App, fields: tuple[Field, ...]) -> JsonObject:
        """An app node, as far as anybody may read it."""
        values: JsonObject = {"id": app.id, "name": app.name, "link": _app_link(app)}
        node = _Node(type=APP_TYPE, values=values, raw={}, known=frozenset(values), defaults=tuple(values))
        return self._pick(node, fields)

    def phone_numbers(self, waba: Waba, wanted: Field) -> JsonObject:
        """One page of the WABA's phone numbers."""
        numbers = self.world.numbers_of(waba.id)
        return self._page(
            waba, wanted, {number.id: partial(self.number, number, wanted.fields) for number in numbers}, MAX_LIMIT
        )

    def message_templates(self, waba: Waba, wanted: Field) -> JsonObject:
        """One page of those of the WABA's message templates that pass the filters."""
        try:
            found = matching(waba.templates, wanted.modifiers)
            figures = wanted.modifiers.get("summary")
            told = None if figures is None else summary(found, waba.templates, figures)
        except FilterError as exc:
            raise GraphError(100, str(exc)) from exc
        items = {each.id: partial(self.template, each, wanted.fields) for each in found}
        page = self._page(waba, wanted, items, LARGEST_PAGE)
        return page if told is None else {**page, "summary": told}

    def template(self, template: Template, fields: tuple[Field, ...]) -> JsonObject:
        """A message template node."""
        known = frozenset(TEMPLATE_PLAIN + TEMPLATE_OTHER)
        values = template_values(template)
        node = _Node(type=TEMPLATE_TYPE, values=values, raw=template.raw, known=known, defaults=TEMPLATE_DEFAULTS)
        return self._pick(node, fields)

    def subscribed_apps(self, waba: Waba, fields: tuple[Field, ...]) -> JsonObject:
        """The apps that receive the WABA's events; Meta's example has no paging."""
        links = waba.subscribed_apps
        if self.world.shows_only_own_app:
            links = [link for link in links if link.app_id == self.app.id]
        return {"data": [self._subscribed_app(link, fields) for link in links]}

    def subscriptions(self, app: App) -> JsonObject:
        """What the app receives, and where."""
        return {
            "data": [
                {
                    "object": subscription.object,
                    "callback_url": subscription.callback_url,
                    "active": subscription.active,
                    "fields": [{"name": name, "version": subscription.version} for name in subscription.fields],
                }
                for subscription in app.subscriptions
            ]
        }

    def _subscribed_app(self, link: SubscribedApp, fields: tuple[Field, ...]) -> JsonObject:
        app = self.world.apps.get(link.app_id)
        inner: JsonObject = {"id": link.app_id}
        if app is not None:
            inner |= {"name": app.name, "link": _app_link(app)}
        wanted = {each.name for each in fields} - {"whatsapp_business_api_data", "override_callback_uri"}
        for name in sorted((wanted - set(inner)) | (wanted & self.refused)):
            raise nonexisting_field(name, APP_TYPE)
        item: JsonObject = {
            "whatsapp_business_api_data": {
                name: value for name, value in inner.items() if not wanted or name == "id" or name in wanted
            }
        }
        if link.override_callback_uri is not None:
            item["override_callback_uri"] = link.override_callback_uri
        return item

    def _page(
        self, waba: Waba, wanted: Field, items: Mapping[str, Callable[[], JsonObject]], largest: int
    ) -> JsonObject:
        """One page of an edge, whose items are made when they are on it."""
        self.check(wanted.fields)
        limit = min(_limit(wanted.modifiers.get("limit")), largest)
        ids = list(items)
        start, end = _slice(ids, wanted.modifiers, limit, loops=self.loops)
        page: JsonObject = {"data": [items[each]() for each in ids[start:end]]}
        if start == end:
            return page
        cursors = {"before": cursor_of(ids[start]), "after": cursor_of(ids[end - 1])}
        paging: JsonObject = {"cursors": cursors}
        if end < len(ids) or self.loops:
            paging["next"] = self._page_url(waba, wanted, limit, after=cursors["after"])
        if start > 0:
            paging["previous"] = self._page_url(waba, wanted, limit, before=cursors["before"])
        page["paging"] = paging
        return page

    def _pick(self, node: _Node, fields: tuple[Field, ...]) -> JsonObject:
        self.check(fields)
        answer: JsonObject = {}
        for wanted in fields or tuple(Field(name=name) for name in node.defaults):
            name = wanted.name
            if name in self.refused or not (name in node.known or name in node.edges or name in node.raw):
                raise nonexisting_field(name, node.type)
            if name in node.raw:
                answer[name] = node.raw[name]
            elif name in node.edges:
                answer[name] = node.edges[name](wanted)
            elif node.values.get(name) is not None:
                answer[name] = self._narrow(node.values[name], wanted)
        answer.setdefault("id", node.values["id"])
        return answer

    def _narrow(self, value: object, wanted: Field) -> object:
        """Keep only the fields asked for inside an object, or inside each object of a list."""
        if not wanted.fields:
            return value
        if isinstance(value, list):
            return [self._narrow(item, wanted) for item in value]
        if not isinstance(value, dict):
            raise nonexisting_field(wanted.fields[0].name, "String")
        if refused := [inner.name for inner in wanted.fields if inner.name in self.refused]:
            raise nonexisting_field(refused[0], wanted.name)
        return {inner.name: self._narrow(value[inner.name], inner) for inner in wanted.fields if inner.name in value}

    def _waba_entities(self, waba: Waba) -> list[tuple[str, str, Health]]:
        business: Business = self.world.business(waba.business_id)
        return [
            ("WABA", waba.id, waba.health),
            ("BUSINESS", business.id, business.health),
            ("APP", self.app.id, self.app.health),
        ]

    @staticmethod
    def _health(entities: Sequence[tuple[str, str, Health]]) -> JsonObject:
        # The aggregate counts SIP too, as in Meta's own example: it may say BLOCKED though every entity can send.
        verdicts = {health.can_send_message for _, _, health in entities}
        verdicts |= {health.can_receive_call_sip or "AVAILABLE" for _, _, health in entities}
        aggregate = next((word for word in _WORST_FIRST if word in verdicts), None)
        known = {"AVAILABLE", *_WORST_FIRST}
        return {
            "can_send_message": aggregate or min(verdicts - known, default="AVAILABLE"),
            "entities": [_entity(kind, entity_id, health) for kind, entity_id, health in entities],
        }

    def _page_url(self, waba: Waba, wanted: Field, limit: int, **cursor: str) -> str:
        # Meta puts the caller's token into these addresses: whoever logs or exports them has leaked it.
        kept = {name: value for name, value in wanted.modifiers.items() if name not in _PAGING}
        query = {"access_token": self.access_token, **kept, "limit": str(limit), **cursor}
        if wanted.fields:
            query["fields"] = ",".join(_source(each) for each in wanted.fields)
        return f"{self.base_url}/{self.version}/{waba.id}/{wanted.name}?{urlencode(query)}"

    def _is_before(self, major: int) -> bool:
        return int(self.version.removeprefix("v").split(".")[0]) < major


def token_facts(token: Token, app: App, *, dead: GraphError | None) -> JsonObject:
    """The `data` of a debug_token answer; `dead` is what a call with that token is told.

    Source: Meta "Graph API reference: debug_token", read 2026-11.
    """
    facts: JsonObject = {
        "app_id": app.id,
        "type": token.type,
        "application": app.name,
        "data_access_expires_at": _unix(token.data_access_expires_at),
        "expires_at": _unix(token.expires_at),
        "is_valid": dead is None,
    }
    if token.issued_at is not None:
        facts["issued_at"] = _unix(token.issued_at)
    if dead is not None:
        facts["error"] = {"code": dead.code, "message": dead.message, "subcode": dead.subcode or 0}
    facts["scopes"] = list(token.targets) if token.scopes_listed and dead is None else []
    facts["granular_scopes"] = [
        {"scope": scope} if targets is None else {"scope": scope, "target_ids": list(targets)}
        for scope, targets in token.targets.items()
    ]
    facts["user_id"] = token.user_id
    return facts


def cursor_of(item_id: str) -> str:
    """The opaque cursor that points at an item."""
    return urlsafe_b64encode(item_id.encode()).decode()


def _slice(ids: list[str], modifiers: Mapping[str, str], limit: int, *, loops: bool) -> tuple[int, int]:
    cursors = [cursor_of(each) for each in ids]
    if after := modifiers.get("after"):
        if loops:
            return 0, min(limit, len(ids))
        if after not in cursors:
            raise GraphError(100, "(#100) Invalid cursors values")
        start = cursors.index(after) + 1
        return start, min(start + limit, len(ids))
    if before := modifiers.get("before"):
        if before not in cursors:
            raise GraphError(100, "(#100) Invalid cursors values")
        end = cursors.index(before)
        return max(0, end - limit), end
    return 0, min(limit, len(ids))


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise GraphError(100, "(#100) Param limit must be a positive integer")
    return int(text)


def _source(wanted: Field) -> str:
    modifiers = "".join(f".{name}({argument})" for name, argument in wanted.modifiers.items())
    inner = ",".join(_source(each) for each in wanted.fields)
    return wanted.name + modifiers + (f"{{{inner}}}" if inner else "")


def _entity(kind: str, entity_id: str, health: Health) -> JsonObject:
    entity: JsonObject = {"entity_type": kind, "id": entity_id, "can_send_message": health.can_send_message}
    if health.can_receive_call_sip is not None:
        entity["can_receive_call_sip"] = health.can_receive_call_sip
    if health.errors:
        entity["errors"] = list(health.errors)
    if health.additional_info:
        entity["additional_info"] = list(health.additional_info)
    return entity


def _unix(moment: datetime | None) -> int:
    return 0 if moment is None else int(moment.timestamp())


def _app_link(app: App) -> str:
    return f"https://www.facebook.com/games/?app_id={app.id}"
