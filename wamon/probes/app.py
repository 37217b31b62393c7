"""The app probe: does the Meta app ask for the webhook fields that are wanted, and where does it send them."""

from datetime import timedelta
from typing import Any

from wamon.core.errors import UnexpectedShape
from wamon.core.health import Flag, FlagMap, Signal, SubjectKind
from wamon.core.ports import Edge, GraphQuery, JsonObject, Probe, ProbeSteps, Report
from wamon.core.targets import AppTarget
from wamon.probes.payload import flag, items, text, texts, without_query

WEBHOOK_ACTIVE = Signal(
    name="whatsapp_webhook_active",
    kind=SubjectKind.APP,
    shape=Flag(),
    help="Whether the app has an active webhook for whatsapp_business_account.",
    last_known="whatsapp_webhook_last_known_active",
)
WEBHOOK_FIELD_SUBSCRIBED = Signal(
    name="whatsapp_webhook_field_subscribed",
    kind=SubjectKind.APP,
    shape=FlagMap("field"),
    help="Whether the app subscribes to this wanted webhook field.",
    last_known="whatsapp_webhook_last_known_field_subscribed",
)
WEBHOOK_CALLBACK_MATCHES = Signal(
    name="whatsapp_webhook_callback_matches",
    kind=SubjectKind.APP,
    shape=Flag(),
    help="Whether the app's callback URL is the expected one; absent when none is configured.",
)

SIGNALS: tuple[Signal[Any], ...] = (WEBHOOK_ACTIVE, WEBHOOK_FIELD_SUBSCRIBED, WEBHOOK_CALLBACK_MATCHES)

WHATSAPP_OBJECT = "whatsapp_business_account"


def run(target: AppTarget) -> ProbeSteps:
    answer = yield GraphQuery(path=target.app_id, edge=Edge("subscriptions", ()), as_app=target.app_id)
    return read_subscriptions(answer, target)


PROBE = Probe(
    name="app",
    target=AppTarget,
    run=run,
    signals=SIGNALS,
    interval=timedelta(minutes=15),
    doc="A Meta app's webhook: active, fields and callback URL.",
    is_essential=False,
)


def read_subscriptions(body: JsonObject, target: AppTarget) -> Report:
    """Source: Graph API reference "App Subscriptions", read 2026-11. Raises UnexpectedShape without a list."""
    page = body.get("data")
    if not isinstance(page, list):
        raise UnexpectedShape(f"subscriptions of app {target.app_id}: the answer has no list named data")
    objects = {text(item.get("object")): item for item in items(page)}
    entry = objects.get(WHATSAPP_OBJECT)
    if entry is None and (len(items(page)) < len(page) or None in objects):
        raise UnexpectedShape(f"subscriptions of app {target.app_id}: an entry does not tell its object")
    # No entry at all is as clear an answer as active: false.
    is_active = flag(entry.get("active")) if entry else False
    fields = _field_names(entry) if entry else frozenset()
    wanted = None if fields is None else {name: name in fields for name in target.wanted_fields}
    callback = text(entry.get("callback_url")) if entry else None
    matches = callback == target.expected_callback_url if callback and target.expected_callback_url else None
    readings = (
        WEBHOOK_ACTIVE.reading(target.subject, is_active),
        WEBHOOK_FIELD_SUBSCRIBED.reading(target.subject, wanted),
        WEBHOOK_CALLBACK_MATCHES.reading(target.subject, matches, raw=without_query(callback)),
    )
    return Report(readings=readings)


def _field_names(entry: JsonObject) -> frozenset[str] | None:
    """The names of the subscribed fields, given as objects or bare; None when Meta did not say."""
    fields = entry.get("fields")
    if not isinstance(fields, list):
        return None
    return texts(fields) | texts([field.get("name") for field in items(fields)])
