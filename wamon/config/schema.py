"""Every key that can be configured: its type, its default and what it is for."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from wamon.config import values
from wamon.config.values import Listen, WeeklyTime
from wamon.core.alerting import Severity

# What wamon reads or will read of Meta's webhooks, and what an account's owner should not miss.
# Source: Meta "Webhooks overview", read 2026-11.
WANTED_FIELDS: Final = (
    "messages",
    "account_update",
    "account_review_update",
    "account_alerts",
    "business_capability_update",
    "phone_number_quality_update",
    "phone_number_name_update",
    "message_template_status_update",
    "message_template_quality_update",
    "template_category_update",
    "security",
    "user_preferences",
)
# The first is needed to look, the second to send. Source: Meta "Access tokens", read 2026-09.
REQUIRED_SCOPES: Final = ("whatsapp_business_management", "whatsapp_business_messaging")
DEFAULT_POLL_INTERVAL: Final = timedelta(seconds=60)
DEFAULT_RETENTION_DAYS: Final = 30


def _each(read: Callable[[object], str]) -> Callable[[object], tuple[str, ...]]:
    def read_all(value: object) -> tuple[str, ...]:
        return values.once(tuple(read(part) for part in values.items(value)))

    return read_all


def _secret(read: Callable[[object], str]) -> Callable[[object], SecretStr]:
    return lambda value: SecretStr(read(value))


Id: TypeAlias = Annotated[str, BeforeValidator(values.identifier)]
Ids: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_each(values.identifier))]
Name: TypeAlias = Annotated[str, BeforeValidator(values.name)]
Word: TypeAlias = Annotated[str, BeforeValidator(values.word)]
Words: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_each(values.word))]
PathText: TypeAlias = Annotated[str, BeforeValidator(values.text)]
HttpsUrl: TypeAlias = Annotated[str, BeforeValidator(values.https_url)]
BaseUrl: TypeAlias = Annotated[str, BeforeValidator(values.base_url)]
Address: TypeAlias = Annotated[Listen, BeforeValidator(values.listen)]
Interval: TypeAlias = Annotated[timedelta, BeforeValidator(values.interval)]
Count: TypeAlias = Annotated[int, BeforeValidator(values.count)]
RetentionDays: TypeAlias = Annotated[int, BeforeValidator(values.retention_days)]
Version: TypeAlias = Annotated[str, BeforeValidator(values.version)]
Versions: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_each(values.version))]
LogLevel: TypeAlias = Annotated[str, BeforeValidator(values.log_level)]
LogFormat: TypeAlias = Annotated[str, BeforeValidator(values.log_format)]
AlertingMode: TypeAlias = Annotated[str, BeforeValidator(values.alerting_mode)]
AccessToken: TypeAlias = Annotated[SecretStr, BeforeValidator(_secret(values.access_token))]
AppSecret: TypeAlias = Annotated[SecretStr, BeforeValidator(_secret(values.app_secret))]
VerifyToken: TypeAlias = Annotated[SecretStr, BeforeValidator(_secret(values.text))]
WebhookUrl: TypeAlias = Annotated[SecretStr, BeforeValidator(_secret(values.https_url))]
BotToken: TypeAlias = Annotated[SecretStr, BeforeValidator(_secret(values.slack_bot_token))]
AppToken: TypeAlias = Annotated[SecretStr, BeforeValidator(_secret(values.slack_app_token))]
SigningSecret: TypeAlias = Annotated[SecretStr, BeforeValidator(_secret(values.slack_signing_secret))]
AllowedUsers: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_each(values.slack_allowed))]
Mention: TypeAlias = Annotated[str, BeforeValidator(values.slack_mention)]
ReceiverUrl: TypeAlias = Annotated[SecretStr, BeforeValidator(_secret(values.receiver_url))]
SharedSecret: TypeAlias = Annotated[SecretStr, BeforeValidator(_secret(values.text))]
BearerToken: TypeAlias = Annotated[SecretStr, BeforeValidator(_secret(values.bearer_token))]
AlertmanagerUrls: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_each(values.alertmanager_url))]
UserName: TypeAlias = Annotated[str, BeforeValidator(values.user_name)]
PageUrl: TypeAlias = Annotated[str, BeforeValidator(values.page_url)]
Weekly: TypeAlias = Annotated[WeeklyTime | None, BeforeValidator(values.weekly)]
Names: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_each(values.name))]
LeastSeverity: TypeAlias = Annotated[Severity, BeforeValidator(values.severity)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True)


# Said of the top-level app and of those in tables.
INSPECTION_USE: Final = (
    "Lets wamon read the app's webhook fields, inspect tokens with the app's own token, and check webhooks' signatures."
)
ROTATION_USE: Final = "Accepted beside app_secret in webhooks' signatures while the secret is rotated."
HANDSHAKE_USE: Final = (
    "The verify token that you enter beside the callback URL in Meta's app dashboard: your own choice. "
    "With it wamon receives the app's webhooks, which needs app_secret too."
)


class AppTable(_Table):
    """One `[[apps]]` table: a Meta app."""

    app_id: Id = Field(description="The app's id.")
    name: Name | None = Field(None, description="What accounts call it. Default: its app_id.")
    app_secret: AppSecret | None = Field(None, description=INSPECTION_USE)
    previous_app_secret: AppSecret | None = Field(None, description=ROTATION_USE)
    verify_token: VerifyToken | None = Field(None, description=HANDSHAKE_USE)
    callback_url: HttpsUrl | None = Field(
        None, description="The callback URL that the app should have. Default: the top-level callback_url."
    )
    wanted_fields: Words | None = Field(
        None, description="Webhook fields that the app should receive. Default: the top-level wanted_fields."
    )


class AccountTable(_Table):
    """One `[[accounts]]` table: a WhatsApp Business account (WABA)."""

    waba_id: Id = Field(description="The WhatsApp Business account's id.")
    name: Name | None = Field(None, description="What wamon calls the account and its token. Default: its waba_id.")
    access_token: AccessToken | None = Field(
        None, description="A system user's access token. Default: the top-level access_token."
    )
    app: Name | None = Field(
        None,
        description="The name of the app that the token belongs to. Default: the top-level one, else the only one.",
    )
    phone_number_ids: Ids = Field((), description="The numbers to watch. Default: all numbers of the WABA.")
    callback_url: HttpsUrl | None = Field(
        None, description="The callback URL override that the WABA should have. Default: its app's callback_url."
    )


class RouteTable(_Table):
    """One `[[routes]]` table: who is told of which alerts."""

    channel: Word | None = Field(None, description="A Slack channel, written to by the bot: its id, or its name.")
    receiver: Word | None = Field(
        None, description="Another receiver, in place of a channel: `slack_webhook`, `slack_bot`, `webhook` or `log`."
    )
    min_severity: LeastSeverity = Field(
        Severity.INFO, description="Alerts at least this severe: `info` (the default), `warning` or `critical`."
    )
    accounts: Names = Field((), description="Alerts of the accounts with these names only. Default: all.")


def _number(least: float, most: float, unit: str) -> BeforeValidator:
    return BeforeValidator(values.between(least, most, unit))


class AlertingTable(_Table):
    """The `[alerting]` table: patience with messages and with people."""

    group_wait_seconds: Annotated[float, _number(0, 600, "seconds")] = Field(
        20, description="How long the first message of a group waits for company."
    )
    group_interval_seconds: Annotated[float, _number(1, 3600, "seconds")] = Field(
        120, description="How long there is between two messages of a group; what is urgent does not wait for it."
    )
    repeat_critical_hours: Annotated[float, _number(0.25, 168, "hours")] = Field(
        4, description="After how long an open critical alert is told again."
    )
    repeat_warning_hours: Annotated[float, _number(0.25, 168, "hours")] = Field(
        24, description="After how long an open warning is told again."
    )
    ack_hours: Annotated[float, _number(0.25, 168, "hours")] = Field(
        24, description="For how long an acknowledgement stops repeats and escalation."
    )
    escalate_after_minutes: Annotated[float, _number(1, 1440, "minutes")] = Field(
        15, description="After how long an unacknowledged critical alert calls `slack_escalation_mention`."
    )
    escalate_again_after_minutes: Annotated[float, _number(1, 1440, "minutes")] = Field(
        30, description="After how long it goes to `escalation_receiver` too; counted from the same moment."
    )
    storm_groups: Annotated[int, BeforeValidator(values.whole_between(2, 1000))] = Field(
        20, description="More groups than this that open within a minute share one message."
    )


class Keys(BaseSettings):
    """All keys at the top of wamon.toml; each is also the environment variable WAMON_<KEY>."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        validate_default=False,
    )

    waba_id: Id | None = Field(None, description="The WhatsApp Business account to watch, when there is one.")
    access_token: AccessToken | None = Field(
        None,
        description="A system user's access token with whatsapp_business_management. "
        "`[[accounts]]` without one of their own use it too.",
    )
    phone_number_ids: Ids = Field(
        (), description="The numbers of waba_id to watch. Default: all of them.", examples=[("106540352242922",)]
    )
    app_id: Id | None = Field(
        None, description="The Meta app that the access token belongs to.", examples=["610000000000001"]
    )
    app_secret: AppSecret | None = Field(None, description=INSPECTION_USE)
    previous_app_secret: AppSecret | None = Field(None, description=ROTATION_USE)
    verify_token: VerifyToken | None = Field(None, description=HANDSHAKE_USE)
    callback_url: HttpsUrl | None = Field(
        None,
        description="The callback URL that your app should have; another one raises WhatsAppWebhookCallbackDrift.",
        examples=["https://hooks.example.org/whatsapp"],
    )
    wanted_fields: Words = Field(
        WANTED_FIELDS, description="Webhook fields that your app should receive; a missing one raises an alert."
    )
    required_scopes: Words = Field(REQUIRED_SCOPES, description="Scopes that every access token should have.")

    slack_webhook_url: WebhookUrl | None = Field(
        None, description="A Slack incoming webhook: each opening, rise and end of an alert is a message there."
    )
    slack_bot_token: BotToken | None = Field(None, description="A Slack bot token (xoxb-), used with slack_channel.")
    slack_channel: Word | None = Field(
        None, description="The channel that the bot writes to: its id, or its name.", examples=["#whatsapp-alerts"]
    )
    slack_app_token: AppToken | None = Field(
        None, description="The Slack app's app-level token (xapp-): presses of buttons come by Socket Mode."
    )
    slack_signing_secret: SigningSecret | None = Field(
        None,
        description="The Slack app's signing secret: presses of buttons come to `/slack/actions` of public_listen. "
        "Not needed with slack_app_token.",
    )
    slack_allowed_users: AllowedUsers = Field(
        ("*",),
        description="Who may use the buttons: ids of users (U...), user groups (S...) and channels (C...); "
        "`*` is everybody who sees the message, an empty list nobody.",
    )
    slack_escalation_mention: Mention | None = Field(
        None,
        description="Whom an unacknowledged critical alert calls: the id of a user (U...) or a user group (S...), "
        "or a mention as Slack's API has it, in angle brackets.",
        examples=["S0123456789"],
    )
    slack_base_url: BaseUrl = Field("https://slack.com/api", description="Where Slack's Web API is.")

    webhook_url: ReceiverUrl | None = Field(
        None,
        description="A receiver of your own: each message is a POST of JSON there, "
        "see [webhook-receiver.md](webhook-receiver.md).",
    )
    webhook_secret: SharedSecret | None = Field(None, description="What those requests are signed with.")
    alertmanager_urls: AlertmanagerUrls = Field(
        (),
        description="Every Alertmanager of the cluster, never a balancer before them; used by the mode `push`.",
        examples=[("http://alertmanager-0:9093", "http://alertmanager-1:9093")],
    )
    alerting_mode: AlertingMode = Field(
        values.BUILTIN,
        description="Who alerts: `builtin` (wamon, by Slack and the other receivers), `prometheus` (yours, by the "
        "shipped rules) or `push` (wamon tells your Alertmanagers). `[rules.X] mode` says it for one rule.",
    )
    escalation_receiver: Word | None = Field(
        None,
        description="The receiver that hears of a critical alert which stays unacknowledged after the mention too: "
        "`slack_webhook`, `slack_bot`, `slack_bot:CHANNEL` of a route, `webhook` or `log`.",
        examples=["webhook"],
    )
    fallback_receiver: Word | None = Field(
        None,
        description="The receiver that is told what another one refuses for good.",
        examples=["slack_webhook"],
    )
    heartbeat_url: ReceiverUrl | None = Field(
        None, description="A check of the healthchecks kind: asked each minute while wamon is well, else not."
    )
    weekly_digest: Weekly = Field(
        None, description="When the weekly digest is sent, in UTC. Empty: never.", examples=["monday 09:00"]
    )
    runbook_url: PageUrl | None = Field(
        None,
        description="Where the runbooks are that messages link to: the folder of `WhatsAppTokenInvalid.md` and so on. "
        "Default: where wamon itself serves them, once page_url is set.",
        examples=["https://example.org/runbooks"],
    )
    page_url: PageUrl | None = Field(
        None,
        description="Where people reach the status page of private_listen, for the link in messages.",
        examples=["https://wamon.example.org"],
    )

    graph_base_url: BaseUrl = Field("https://graph.facebook.com", description="Where Meta's Graph API is.")
    graph_version: Version | None = Field(
        None,
        description="The Graph API version to ask for. Default: the newest but one of the version table.",
        examples=["v25.0"],
    )
    sender_versions: Versions = Field(
        (),
        description="Graph API versions that your own senders use; their end is counted down too.",
        examples=[("v24.0",)],
    )
    version_table: PathText | None = Field(
        None,
        description="A TOML or JSON file that adds to the bundled table of Graph API versions or corrects it.",
        examples=["versions.toml"],
    )
    version_table_url: HttpsUrl | None = Field(
        None,
        description="Where such a table is published as JSON; asked about once an hour.",
        examples=["https://example.org/versions.json"],
    )

    poll_interval: Interval = Field(
        DEFAULT_POLL_INTERVAL, description="Seconds between two looks at an account: one Graph call each."
    )
    slow_poll_interval: Interval | None = Field(
        None,
        description="Seconds between two looks at a token, an app or message templates. Default: 15 times "
        "poll_interval, at most 900 unless poll_interval itself is longer.",
        examples=[900],
    )

    database: PathText = Field(
        "./wamon.db", description="The SQLite file that remembers everything; not on a network disk."
    )
    message_retention_days: RetentionDays = Field(
        DEFAULT_RETENTION_DAYS,
        description="How many days the state of each message is remembered: at least 8, because Meta repeats webhooks "
        "for up to 7.",
    )
    public_listen: Address = Field(
        values.PUBLIC_LISTEN,
        description="host:port for Meta's webhooks, `/webhook` and `/webhook/NAME`; "
        "listens only where a verify_token is configured.",
    )
    private_listen: Address = Field(
        values.PRIVATE_LISTEN,
        description="host:port for /metrics, the health checks, the status page and the operators' API.",
    )
    private_bearer_token: BearerToken | None = Field(
        None,
        description="With it everything on private_listen but the health checks asks for "
        "`Authorization: Bearer TOKEN`: Prometheus needs it too.",
    )
    web_config: PathText | None = Field(
        None,
        description="TLS, users and headers of private_listen, in the file format of Prometheus's exporters "
        "(exporter-toolkit web configuration).",
        examples=["web.yml"],
    )
    api_url: PageUrl | None = Field(
        None,
        description="Where wamon's own commands (`wamon alerts`, `wamon timeline` and so on) ask the daemon. "
        "Default: at private_listen.",
        examples=["https://wamon.example.org"],
    )
    api_user: UserName | None = Field(
        None,
        description="As whom they ask: a user of the daemon's web_config. Not needed with private_bearer_token.",
        examples=["anna"],
    )
    api_password: SharedSecret | None = Field(None, description="That user's password.")
    api_ca_file: PathText | None = Field(
        None,
        description="The PEM file of who issued the certificate of api_url or `--url`. "
        "Default: whom the machine trusts.",
        examples=["ca.pem"],
    )
    api_cert_file: PathText | None = Field(
        None,
        description="The certificate that they show a daemon which asks its clients for one. "
        "Default: that of the web_config.",
        examples=["client.pem"],
    )
    api_key_file: PathText | None = Field(None, description="Its key.", examples=["client.key"])
    metrics_max_series: Count = Field(
        500_000, description="The most series that /metrics may show; beyond it optional families are left out first."
    )
    log_level: LogLevel = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_format: LogFormat | None = Field(
        None,
        description="`console` for people or `json` for machines. Default: console on a terminal, else json.",
        examples=["json"],
    )

    accounts: tuple[AccountTable, ...] = Field((), description="More accounts, a table each.")
    apps: tuple[AppTable, ...] = Field((), description="More Meta apps, a table each.")
    routes: tuple[RouteTable, ...] = Field((), description="Who is told of which alerts, a table each.")
    alerting: AlertingTable = Field(AlertingTable(), description="Patience with messages and people.")
    rules: dict[str, dict[str, Any]] = Field(
        {}, description="A table for each alert rule that is to behave differently."
    )


# Tables have no environment variable.
TABLES: Final = ("accounts", "apps", "routes", "alerting", "rules")


class _Given(PydanticBaseSettingsSource):
    """Values that were read already."""

    def __init__(self, settings_cls: type[BaseSettings], given: Mapping[str, Any]) -> None:
        super().__init__(settings_cls)
        self._given = given

    def get_field_value(self, field: object, field_name: str) -> tuple[Any, str, bool]:
        return self._given.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return dict(self._given)


def validate(environment: Mapping[str, Any], document: Mapping[str, Any]) -> Keys:
    """The keys of both sources, the environment first. Raises pydantic's ValidationError."""

    class BoundKeys(Keys):
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_: PydanticBaseSettingsSource, **__: PydanticBaseSettingsSource
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return _Given(settings_cls, environment), _Given(settings_cls, document)

    return BoundKeys()
