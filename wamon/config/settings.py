"""What wamon was told: the settings as the daemon, the doctor and the commands see them, checked and complete."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from wamon.config import rules as rule_overrides
from wamon.config.problems import spelled
from wamon.config.receiving import RouteSettings, default_receivers, has_builtin
from wamon.config.values import Listen, WeeklyTime, is_loopback, without_user
from wamon.core.api_versions import VersionState, VersionTable
from wamon.core.errors import ConfigurationError
from wamon.core.manner import Patience
from wamon.core.ports import Rule
from wamon.core.targets import AccountTarget, AppTarget, InstanceTarget, TokenTarget
from wamon.web.web_config import OPEN, WebConfig

# Calls an hour that Meta grants one app on one WABA: at first, and once the WABA has a registered number.
# Source: Meta "Rate limits" of the WhatsApp Business Management API, read 2026-09.
SMALL_QUOTA: Final = 200
LARGE_QUOTA: Final = 5_000
# Source: Slack "Conversations API", read 2026-11.
CHANNEL_ID: Final = re.compile(r"[CDG][A-Z0-9]{6,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """One WABA to watch. `token` is its access token's alias, `app` the name of the app that the token belongs to.

    `phone_number_ids` are the numbers to watch, empty for all. `callback_url` is what an override should be.
    """

    name: str
    waba_id: str
    token: str
    app: str | None = None
    phone_number_ids: frozenset[str] = frozenset()
    callback_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSettings:
    """One Meta app. `previous_app_secret` is accepted beside `app_secret` in webhooks' signatures."""

    name: str
    app_id: str
    app_secret: str | None = field(default=None, repr=False)
    previous_app_secret: str | None = field(default=None, repr=False)
    verify_token: str | None = field(default=None, repr=False)
    callback_url: str | None = None
    wanted_fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSettings:
    """One access token, known by its alias: the name of the first account that uses it."""

    alias: str
    secret: str = field(repr=False)
    app_id: str | None = None
    app_secret: str | None = field(default=None, repr=False)
    waba_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackBot:
    """A Slack bot and the channel that it writes to."""

    token: str = field(repr=False)
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One key as `wamon config show` prints it: secrets hidden, `source` is where the value comes from."""

    key: str
    value: str | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration.

    `path` is the file that was read, None without one. `versions` is the bundled version table with the override in.
    `slack_webhook_url` and `slack_bot` are each None when not configured; with both, both are written to.
    `slack_escalation_mention` is in Slack's own form. `rule_modes` has a mode for every rule that the configuration was
    loaded with, `alerting_mode` is that of the others. Without `routes` every one of `default_receivers` is told of
    everything; with routes these are told what no route takes. `log_format` None means: console on a terminal, else
    json. `api_certificate` is what wamon's own commands show, and its key. `rules` are the overrides as written, see
    `bound_rules`.
    """

    path: Path | None = None
    accounts: tuple[AccountSettings, ...]
    apps: tuple[AppSettings, ...] = ()
    access_tokens: tuple[TokenSettings, ...]
    wanted_fields: tuple[str, ...]
    required_scopes: tuple[str, ...]
    slack_webhook_url: str | None = field(default=None, repr=False)
    slack_bot: SlackBot | None = None
    slack_app_token: str | None = field(default=None, repr=False)
    slack_signing_secret: str | None = field(default=None, repr=False)
    slack_allowed_users: tuple[str, ...] = ("*",)
    slack_escalation_mention: str | None = None
    slack_base_url: str
    webhook_url: str | None = field(default=None, repr=False)
    webhook_secret: str | None = field(default=None, repr=False)
    alertmanager_urls: tuple[str, ...] = field(default=(), repr=False)
    alerting_mode: str
    rule_modes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    routes: tuple[RouteSettings, ...] = ()
    escalation_receiver: str | None = None
    fallback_receiver: str | None = None
    patience: Patience = field(default_factory=Patience)
    heartbeat_url: str | None = field(default=None, repr=False)
    weekly_digest: WeeklyTime | None = None
    runbook_url: str | None = None
    page_url: str | None = None
    graph_base_url: str
    graph_version: str | None = None
    sender_versions: tuple[str, ...] = ()
    versions: VersionTable = field(repr=False)
    version_table_url: str | None = None
    poll_interval: timedelta
    slow_poll_interval: timedelta
    database: Path
    message_retention: timedelta
    public_listen: Listen
    private_listen: Listen
    private_bearer_token: str | None = field(default=None, repr=False)
    web_config: WebConfig = OPEN
    api_password: str | None = field(default=None, repr=False)
    api_certificate: tuple[Path, Path] | None = None
    metrics_max_series: int
    log_level: str
    log_format: str | None = None
    rules: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))
    shown: tuple[Setting, ...] = field(default=(), repr=False)

    def tokens(self) -> tuple[TokenSettings, ...]:
        return self.access_tokens

    def app(self, name: str | None) -> AppSettings | None:
        return next((app for app in self.apps if app.name == name), None)

    def version(self, table: VersionTable, now: datetime) -> str:
        """The Graph version to ask for: the configured one, else the newest but one of the table."""
        return self.graph_version or table.default_version(now)

    def account_target(self, account: AccountSettings, *, learned_app_id: str | None, version: str) -> AccountTarget:
        """One account for the probes; `learned_app_id` is the app that debug_token told of its token, None if none."""
        app = self.app(account.app)
        return AccountTarget(
            name=account.name,
            waba_id=account.waba_id,
            token=account.token,
            app_id=app.app_id if app else learned_app_id,
            is_app_learned=app is None and learned_app_id is not None,
            phone_number_ids=account.phone_number_ids,
            expected_callback_url=account.callback_url,
            version=version,
        )

    def account_targets(self, learned_app_ids: Mapping[str, str], *, version: str) -> tuple[AccountTarget, ...]:
        """The accounts for the probes; `learned_app_ids` are those that debug_token told, by the token's alias."""
        return tuple(
            self.account_target(account, learned_app_id=learned_app_ids.get(account.token), version=version)
            for account in self.accounts
        )

    def token_targets(self) -> tuple[TokenTarget, ...]:
        """The tokens for the probes; `app_id` only where the app's secret, and so its own token, is known."""
        return tuple(
            TokenTarget(
                token=token.alias,
                app_id=token.app_id if token.app_secret else None,
                waba_ids=token.waba_ids,
                required_scopes=self.required_scopes,
            )
            for token in self.access_tokens
        )

    def app_targets(self) -> tuple[AppTarget, ...]:
        """The apps whose secret is known; the others cannot be asked about."""
        return tuple(
            AppTarget(app_id=app.app_id, wanted_fields=app.wanted_fields, expected_callback_url=app.callback_url)
            for app in self.apps
            if app.app_secret
        )

    def webhook_apps(self) -> tuple[AppSettings, ...]:
        """The apps whose webhooks are received; the public listener is there for these."""
        return tuple(app for app in self.apps if app.verify_token and app.app_secret)

    def instance_target(self, *, version: str) -> InstanceTarget:
        versions = tuple(dict.fromkeys((version, *self.sender_versions)))
        return InstanceTarget(versions=versions, table=self.versions, table_url=self.version_table_url)

    def bound_rules(self, rules: Sequence[Rule]) -> tuple[Rule, ...]:
        """The rules with the overrides of `[rules.*]` applied and the disabled ones left out.

        Raises ConfigurationError for a rule or a parameter that does not exist, or a value that it cannot have.
        """
        bound = rule_overrides.bind(rules, self.rules)
        if bound.problems:
            raise ConfigurationError("\n".join(f"{spelled(problem.key)}: {problem.text}" for problem in bound.problems))
        return bound.rules

    def secrets(self) -> tuple[str, ...]:
        """Everything that must never be shown, for redaction."""
        known = (
            *(token.secret for token in self.access_tokens),
            *(secret for app in self.apps for secret in (app.app_secret, app.previous_app_secret, app.verify_token)),
            self.slack_webhook_url,
            self.slack_bot.token if self.slack_bot else None,
            self.slack_app_token,
            self.slack_signing_secret,
            self.webhook_url,
            self.webhook_secret,
            self.heartbeat_url,
            self.private_bearer_token,
            self.api_password,
            *(password for url in self.alertmanager_urls for password in _passwords(url)),
        )
        return tuple(dict.fromkeys(secret for secret in known if secret))

    def calls_per_hour(self) -> Mapping[str, float]:
        """Graph calls that each WABA's quota will be charged with, by waba_id.

        That is for up to a hundred numbers and 250 templates in each.
        """
        cost = timedelta(hours=1) / self.poll_interval + timedelta(hours=1) / self.slow_poll_interval
        return {account.waba_id: cost for account in self.accounts}

    def default_receivers(self) -> tuple[str, ...]:
        """The names of who is told what no route takes."""
        return default_receivers(
            slack_webhook=self.slack_webhook_url is not None,
            slack_bot=self.slack_bot is not None,
            webhook=self.webhook_url is not None,
        )

    def receiver_names(self) -> tuple[str, ...]:
        """The names of all who can be told anything."""
        named = (*self.default_receivers(), *(route.receiver for route in self.routes))
        spare = (self.escalation_receiver, self.fallback_receiver)
        return tuple(dict.fromkeys(name for name in (*named, *spare) if name))

    def receivers(self) -> tuple[str, ...]:
        """Who is told of alerts, in words."""
        bot = f"Slack bot in {self.slack_bot.channel}" if self.slack_bot else None
        slack_webhook = "Slack incoming webhook" if self.slack_webhook_url else None
        webhook = f"webhook at {urlsplit(self.webhook_url).hostname}" if self.webhook_url else None
        peers = (f"Alertmanager at {without_user(url)}" for url in self.alertmanager_urls)
        return tuple(receiver for receiver in (slack_webhook, bot, webhook, *peers) if receiver)

    def warnings(self, now: datetime) -> Iterator[str]:
        """What is allowed, and still probably not meant."""
        is_told = self.slack_webhook_url or self.slack_bot or self.webhook_url
        if not is_told and has_builtin(self.rule_modes, self.alerting_mode):
            yield "no receiver: alerts are only logged; set WAMON_SLACK_WEBHOOK_URL, or a bot token and a channel"
        if self.slack_bot and not CHANNEL_ID.fullmatch(self.slack_bot.channel):
            yield (
                "slack_channel is a name: put the channel's id there, or after a crash wamon cannot look for what it "
                "sent, and sends it again"
            )
        has_buttons = self.slack_bot and (self.slack_app_token or self.slack_signing_secret)
        if has_buttons and "*" in self.slack_allowed_users:
            yield "slack_allowed_users is everybody: whoever sees the channel, guests too, can silence alerts"
        is_guarded = self.private_bearer_token is not None or self.web_config.users
        if not is_guarded and not is_loopback(self.private_listen.host):
            yield (
                "private_listen is open to other machines without private_bearer_token or users in a web_config: "
                "whoever reaches it can silence and close alerts"
            )
        if self.web_config.users and self.web_config.tls is None and not is_loopback(self.private_listen.host):
            yield "web_config has users and no TLS: their passwords can be read on the way"
        cost = timedelta(hours=1) / self.poll_interval
        if cost > 0.75 * SMALL_QUOTA:
            yield (
                f"poll_interval of {self.poll_interval.total_seconds():g} s costs {cost:,.0f} calls an hour for each "
                f"WABA: more than wamon will spend of the {SMALL_QUOTA} that one without a registered number has"
            )
        for version in dict.fromkeys((self.version(self.versions, now), *self.sender_versions)):
            state = self.versions.state(version, now)
            if state is VersionState.EXPIRED:
                yield f"Graph API {version} has expired: Meta serves the oldest usable version in its place"
            if state is VersionState.UNKNOWN:
                yield f"Graph API {version} is not in the version table: its end is not known"
        if any(app.app_secret is None for app in self.apps):
            names = ", ".join(app.name for app in self.apps if app.app_secret is None)
            yield f"no app_secret for app {names}: its webhook fields and callback URL cannot be looked at"


def _passwords(url: str) -> Iterator[str]:
    """The password in a URL, as it is written and as it is meant."""
    password = urlsplit(url).password
    if password:
        yield from (password, unquote(password))
