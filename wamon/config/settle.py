"""From keys as written to settings as used: defaults filled in, accounts, apps and tokens tied together."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel, SecretStr

from wamon.config.checks import TOP_NAME, default_app
from wamon.config.problems import spelled
from wamon.config.receiving import RouteSettings, channel_receiver
from wamon.config.rules import bind
from wamon.config.schema import TABLES, AccountTable, AlertingTable, AppTable, Keys, RouteTable
from wamon.config.settings import AccountSettings, AppSettings, Setting, Settings, SlackBot, TokenSettings
from wamon.config.sources import KeyPath, Sources
from wamon.config.values import without_user
from wamon.core.alerting import Severity
from wamon.core.api_versions import VersionTable
from wamon.core.manner import Patience
from wamon.core.ports import Rule
from wamon.web.web_config import WebConfig

# Tokens and apps change rarely, and their calls are charged to the app, not to a WABA.
SLOW_POLLS: Final = 15
LONGEST_DEFAULT_SLOW_POLL: Final = timedelta(minutes=15)
HIDDEN: Final = "(set, not shown)"
DEFAULT: Final = "default"


def settle(
    keys: Keys, sources: Sources, *, versions: VersionTable, rules: Sequence[Rule], web_config: WebConfig
) -> Settings:
    """The settings that these keys amount to; the keys have passed every check."""
    apps = tuple(_apps(keys))
    tables = list(_account_tables(keys))
    aliases: dict[str, str] = {}
    for name, table in tables:
        aliases.setdefault(_revealed(table.access_token) or "", name)
    standard = default_app([app.name for app in apps])
    accounts = tuple(_account(name, table, aliases, apps, standard, keys) for name, table in tables)
    slow_poll_interval = keys.slow_poll_interval or max(
        keys.poll_interval, min(LONGEST_DEFAULT_SLOW_POLL, SLOW_POLLS * keys.poll_interval)
    )
    bot_token = _revealed(keys.slack_bot_token)
    return Settings(
        path=sources.path,
        accounts=accounts,
        apps=apps,
        access_tokens=tuple(_token(secret, alias, accounts, apps) for secret, alias in aliases.items()),
        wanted_fields=keys.wanted_fields,
        required_scopes=keys.required_scopes,
        slack_webhook_url=_revealed(keys.slack_webhook_url),
        slack_bot=SlackBot(token=bot_token, channel=keys.slack_channel) if bot_token and keys.slack_channel else None,
        slack_app_token=_revealed(keys.slack_app_token),
        slack_signing_secret=_revealed(keys.slack_signing_secret),
        slack_allowed_users=keys.slack_allowed_users,
        slack_escalation_mention=keys.slack_escalation_mention,
        slack_base_url=keys.slack_base_url,
        webhook_url=_revealed(keys.webhook_url),
        webhook_secret=_revealed(keys.webhook_secret),
        alertmanager_urls=keys.alertmanager_urls,
        alerting_mode=keys.alerting_mode,
        rule_modes=_rule_modes(keys, rules),
        routes=tuple(_route(table, keys.slack_channel) for table in keys.routes),
        escalation_receiver=keys.escalation_receiver,
        fallback_receiver=keys.fallback_receiver,
        patience=_patience(keys.alerting),
        heartbeat_url=_revealed(keys.heartbeat_url),
        weekly_digest=keys.weekly_digest,
        runbook_url=keys.runbook_url or (f"{keys.page_url}/runbooks" if keys.page_url else None),
        page_url=keys.page_url,
        graph_base_url=keys.graph_base_url,
        graph_version=keys.graph_version,
        sender_versions=keys.sender_versions,
        versions=versions,
        version_table_url=keys.version_table_url,
        poll_interval=keys.poll_interval,
        slow_poll_interval=slow_poll_interval,
        database=sources.resolved("database", keys.database) or Path(keys.database),
        message_retention=timedelta(days=keys.message_retention_days),
        public_listen=keys.public_listen,
        private_listen=keys.private_listen,
        private_bearer_token=_revealed(keys.private_bearer_token),
        web_config=web_config,
        api_password=_revealed(keys.api_password),
        api_certificate=_api_certificate(keys, sources),
        metrics_max_series=keys.metrics_max_series,
        log_level=keys.log_level,
        log_format=keys.log_format,
        rules=MappingProxyType({name: MappingProxyType(dict(table)) for name, table in keys.rules.items()}),
        shown=tuple(_shown(keys, sources, slow_poll_interval)),
    )


def _api_certificate(keys: Keys, sources: Sources) -> tuple[Path, Path] | None:
    files = [sources.resolved(key, getattr(keys, key)) for key in ("api_cert_file", "api_key_file")]
    return None if files[0] is None or files[1] is None else (files[0], files[1])


def _apps(keys: Keys) -> Iterator[AppSettings]:
    if keys.app_id:
        yield AppSettings(
            name=TOP_NAME,
            app_id=keys.app_id,
            app_secret=_revealed(keys.app_secret),
            previous_app_secret=_revealed(keys.previous_app_secret),
            verify_token=_revealed(keys.verify_token),
            callback_url=keys.callback_url,
            wanted_fields=keys.wanted_fields,
        )
    for table in keys.apps:
        yield _app(table, keys)


def _app(table: AppTable, keys: Keys) -> AppSettings:
    return AppSettings(
        name=table.name or table.app_id,
        app_id=table.app_id,
        app_secret=_revealed(table.app_secret),
        previous_app_secret=_revealed(table.previous_app_secret),
        verify_token=_revealed(table.verify_token),
        callback_url=table.callback_url or keys.callback_url,
        wanted_fields=keys.wanted_fields if table.wanted_fields is None else table.wanted_fields,
    )


def _account_tables(keys: Keys) -> Iterator[tuple[str, AccountTable]]:
    """Every account by its name, the top-level one first, each with the access token that it uses."""
    if keys.waba_id:
        yield (
            TOP_NAME,
            AccountTable.model_construct(
                waba_id=keys.waba_id, access_token=keys.access_token, phone_number_ids=keys.phone_number_ids
            ),
        )
    for table in keys.accounts:
        token = table.access_token or keys.access_token
        yield table.name or table.waba_id, table.model_copy(update={"access_token": token})


def _account(
    name: str,
    table: AccountTable,
    aliases: dict[str, str],
    apps: tuple[AppSettings, ...],
    standard: str | None,
    keys: Keys,
) -> AccountSettings:
    app = next((app for app in apps if app.name == (table.app or standard)), None)
    return AccountSettings(
        name=name,
        waba_id=table.waba_id,
        token=aliases[_revealed(table.access_token) or ""],
        app=app.name if app else None,
        phone_number_ids=frozenset(table.phone_number_ids),
        callback_url=table.callback_url or (app.callback_url if app else keys.callback_url),
    )


def _token(
    secret: str, alias: str, accounts: tuple[AccountSettings, ...], apps: tuple[AppSettings, ...]
) -> TokenSettings:
    users = [account for account in accounts if account.token == alias]
    app = next((app for app in apps if app.name == users[0].app), None)
    return TokenSettings(
        alias=alias,
        secret=secret,
        app_id=app.app_id if app else None,
        app_secret=app.app_secret if app else None,
        waba_ids=tuple(account.waba_id for account in users),
    )


def _rule_modes(keys: Keys, rules: Sequence[Rule]) -> Mapping[str, str]:
    own = bind(rules, keys.rules).modes
    return MappingProxyType({rule.name: own.get(rule.name, keys.alerting_mode) for rule in rules})


def _route(table: RouteTable, default_channel: str | None) -> RouteSettings:
    receiver = channel_receiver(table.channel, default_channel) if table.channel else table.receiver or ""
    return RouteSettings(receiver=receiver, least=table.min_severity, accounts=frozenset(table.accounts))


def _patience(table: AlertingTable) -> Patience:
    return Patience(
        group_wait=timedelta(seconds=table.group_wait_seconds),
        group_interval=timedelta(seconds=table.group_interval_seconds),
        repeats=MappingProxyType(
            {
                Severity.CRITICAL: timedelta(hours=table.repeat_critical_hours),
                Severity.WARNING: timedelta(hours=table.repeat_warning_hours),
            }
        ),
        ack_lasts=timedelta(hours=table.ack_hours),
        escalate_after=(
            timedelta(minutes=table.escalate_after_minutes),
            timedelta(minutes=table.escalate_again_after_minutes),
        ),
        storm_groups=table.storm_groups,
    )


def _shown(keys: Keys, sources: Sources, slow_poll_interval: timedelta) -> Iterator[Setting]:
    for key in Keys.model_fields:
        if key in TABLES:
            continue
        value = getattr(keys, key)
        if key == "slow_poll_interval":
            value = slow_poll_interval
        elif key == "alertmanager_urls":
            value = tuple(map(without_user, keys.alertmanager_urls))
        yield Setting(key=key, value=_in_words(value), source=sources.place((key,)) or DEFAULT)
    named: tuple[tuple[str, Sequence[BaseModel]], ...] = (
        ("accounts", keys.accounts),
        ("apps", keys.apps),
        ("routes", keys.routes),
    )
    for name, tables in named:
        for index, table in enumerate(tables):
            yield from _table_shown((name, index), table, sources)
    yield from _table_shown(("alerting",), keys.alerting, sources)
    for name, overrides in keys.rules.items():
        for key, value in overrides.items():
            path: KeyPath = ("rules", name, key)
            yield Setting(key=spelled(path), value=_in_words(value), source=sources.place(path) or DEFAULT)


def _table_shown(where: KeyPath, table: BaseModel, sources: Sources) -> Iterator[Setting]:
    for field in type(table).model_fields:
        if field in table.model_fields_set:
            path = (*where, field)
            value = _in_words(getattr(table, field))
            yield Setting(key=spelled(path), value=value, source=sources.place(path) or DEFAULT)


def _in_words(value: object) -> str | None:
    match value:
        case None | ():
            return None
        case SecretStr():
            return HIDDEN
        case timedelta():
            return f"{value.total_seconds():g}"
        case tuple():
            return ", ".join(map(str, value))
        case bool():
            return str(value).lower()
        case _:
            return _printed(value)


def _printed(value: object) -> str:
    try:
        return str(value)
    except ValueError:
        # An integer of thousands of digits, which Python does not print.
        return "(too long to show)"


def _revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
