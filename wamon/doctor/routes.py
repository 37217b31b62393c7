"""Where Meta sends which webhook: the app's callback URL, a WABA's override of it, or a number's."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from wamon.config.settings import AccountSettings, AppSettings, Settings
from wamon.core.errors import WamonError
from wamon.core.health import Snapshot, Subject
from wamon.core.ports import Edge, GraphQuery, JsonObject
from wamon.core.targets import AccountTarget
from wamon.graph.client import GraphClient
from wamon.probes.app import WHATSAPP_OBJECT
from wamon.probes.names import describe
from wamon.probes.payload import items, mapping, text, texts, without_query
from wamon.watches import learned_app_ids

# What an override moves; everything else, all that is about the account itself, goes to the app's own callback URL.
# Source: Meta "Webhooks: overriding the callback URL", read 2026-09.
OVERRIDABLE: Final = frozenset(
    {
        "messages",
        "message_echoes",
        "calls",
        "consumer_profile",
        "messaging_handovers",
        "group_lifecycle_update",
        "group_participants_update",
        "group_settings_update",
        "group_status_update",
        "smb_message_echoes",
        "smb_app_state_sync",
        "history",
        "account_settings_update",
    }
)
PAGE: Final = 100


class By(StrEnum):
    """Whose word decides."""

    NUMBER = "number"
    WABA = "WABA"
    APP = "app"


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """A URL as Meta has it, which may carry a secret; `str()` gives what may be shown."""

    url: str = field(repr=False)

    def __str__(self) -> str:
        return without_query(self.url) or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppHook:
    """What an app is subscribed to.

    `callback` is None where it has no webhook for WhatsApp, `fields` None where Meta did not name them.
    """

    app_id: str
    callback: Callback | None
    is_active: bool
    fields: frozenset[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where some fields of one number, or of the account as a whole, go; `callback` is None where nobody knows."""

    waba_id: str
    about: str
    phone_number_id: str | None
    fields: tuple[str, ...]
    callback: Callback | None
    by: By


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """What Meta told of all routes. `faults` are the questions that it did not answer, by what they are about."""

    hooks: Mapping[str, AppHook]
    routes: tuple[Route, ...]
    faults: Mapping[str, str]


class _Questions:
    """Asks Meta until its time is over; `faults` are the questions without an answer, by what they are about."""

    def __init__(self, client: GraphClient, seconds: float) -> None:
        self._client = client
        self._give_up_at = asyncio.get_running_loop().time() + seconds
        self.faults: dict[str, str] = {}

    async def answer(self, query: GraphQuery, about: str) -> JsonObject | None:
        try:
            # The client's own retries are in it.
            async with asyncio.timeout_at(self._give_up_at):
                return (await self._client.fetch(query, is_essential=False)).body
        except TimeoutError:
            self.faults[about] = "no answer in time"
        except WamonError as fault:
            self.faults[about] = str(fault)
        return None


async def ask_routing(
    settings: Settings, *, client: GraphClient, snapshot: Snapshot, version: str, seconds: float
) -> Routing:
    """Ask for every app's callback URL, every WABA's override and every number's, within so many real seconds."""
    questions = _Questions(client, seconds)
    apps = [app for app in settings.apps if app.app_secret]
    targets = settings.account_targets(learned_app_ids(snapshot), version=version)
    async with asyncio.TaskGroup() as group:
        asked_apps = [group.create_task(_asked_app(questions, app)) for app in apps]
        asked_accounts = [group.create_task(_asked_account(questions, target)) for target in targets]
    hooks = {hook.app_id: hook for task in asked_apps if (hook := task.result()) is not None}
    routes: list[Route] = []
    for account, target, task in zip(settings.accounts, targets, asked_accounts, strict=True):
        if (told := task.result()) is not None:
            hook = hooks.get(target.app_id or "")
            routes += account_routes(target, told, hook, wanted_of(settings, account), snapshot)
    return Routing(hooks=hooks, routes=tuple(routes), faults=questions.faults)


def wanted_of(settings: Settings, account: AccountSettings) -> tuple[str, ...]:
    """The fields that are wanted of an account's webhooks."""
    app = settings.app(account.app)
    return app.wanted_fields if app is not None else settings.wanted_fields


async def _asked_app(questions: _Questions, app: AppSettings) -> AppHook | None:
    query = GraphQuery(path=app.app_id, edge=Edge("subscriptions", ()), as_app=app.app_id)
    body = await questions.answer(query, f"app {app.app_id}")
    return None if body is None else read_hook(body, app.app_id)


async def _asked_account(questions: _Questions, target: AccountTarget) -> tuple[JsonObject, JsonObject] | None:
    about = f"WABA {target.waba_id}"
    numbers = Edge(
        "phone_numbers", ("id", "display_phone_number", "verified_name", "webhook_configuration"), limit=PAGE
    )
    apps, listed = [
        await questions.answer(
            GraphQuery(path=target.waba_id, edge=edge, token=target.token, waba_id=target.waba_id), about
        )
        for edge in (Edge("subscribed_apps", ()), numbers)
    ]
    return None if apps is None or listed is None else (apps, listed)


def read_hook(body: JsonObject, app_id: str) -> AppHook:
    """An app's webhook for WhatsApp from its subscriptions; fields come as objects or bare."""
    entry = next((item for item in items(body.get("data")) if text(item.get("object")) == WHATSAPP_OBJECT), {})
    listed = entry.get("fields")
    fields = None
    if isinstance(listed, list):
        fields = texts(listed) | texts([each.get("name") for each in items(listed)])
    return AppHook(
        app_id=app_id,
        callback=_callback(entry.get("callback_url")),
        is_active=entry.get("active") is True,
        fields=fields,
    )


def account_routes(
    target: AccountTarget,
    told: tuple[JsonObject, JsonObject],
    hook: AppHook | None,
    wanted: Sequence[str],
    snapshot: Snapshot,
) -> Iterator[Route]:
    """The effective routes of one account: number over WABA over app, and the account's own fields by the app alone.

    Each number tells all three of its levels, which fills in what could not be asked elsewhere: the app's callback URL
    without the app's secret. Source: Meta "Webhooks: overriding the callback URL", read 2026-09; the names of the keys
    as pywa 4.4 reads them.
    """
    apps, listed = told
    levels = [(number, mapping(number.get("webhook_configuration"))) for number in items(listed)]
    waba = _override(apps, target.app_id) or _first(levels, "whatsapp_business_account")
    own = (hook.callback if hook is not None else None) or _first(levels, "application")
    moved = tuple(name for name in wanted if name in OVERRIDABLE)
    fixed = tuple(name for name in wanted if name not in OVERRIDABLE)
    if fixed:
        yield Route(
            waba_id=target.waba_id,
            about=describe(target.subject, snapshot),
            phone_number_id=None,
            fields=fixed,
            callback=own,
            by=By.APP,
        )
    for number, level in levels if moved else ():
        number_id = text(number.get("id")) or ""
        if target.phone_number_ids and number_id not in target.phone_number_ids:
            continue
        mine = _callback(level.get("phone_number"))
        yield Route(
            waba_id=target.waba_id,
            about=describe(Subject.phone_number(target.waba_id, number_id), snapshot),
            phone_number_id=number_id,
            fields=moved,
            callback=mine or waba or own,
            by=By.NUMBER if mine else By.WABA if waba else By.APP,
        )


def _override(apps: JsonObject, app_id: str | None) -> Callback | None:
    for item in items(apps):
        wrapped = mapping(item.get("whatsapp_business_api_data")) or item
        if text(wrapped.get("id")) == app_id:
            return _callback(item.get("override_callback_uri"))
    return None


def _first(levels: Sequence[tuple[JsonObject, JsonObject]], key: str) -> Callback | None:
    return next((found for _, level in levels if (found := _callback(level.get(key)))), None)


def _callback(value: object) -> Callback | None:
    url = text(value)
    return Callback(url=url) if url else None
