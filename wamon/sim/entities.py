"""The things that the simulated Meta knows about: businesses, WABAs, phone numbers, apps, tokens and calls.

Everything is plain and mutable, because scenarios and tests change it: `world.number(id).quality_rating = "RED"`.
Vocabularies are plain strings, so that a test may write a word that no document has.
A field that is None is left out of answers, as Meta does; `raw` puts anything (null included) in a field's place.
Names and values are those of Meta's pages "WhatsApp Business Account", "Phone number" and "Debug token", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

MANAGEMENT = "whatsapp_business_management"
MESSAGING = "whatsapp_business_messaging"
WEBHOOK_FIELDS = (
    "account_alerts",
    "account_review_update",
    "account_update",
    "business_capability_update",
    "message_template_quality_update",
    "message_template_status_update",
    "messages",
    "phone_number_name_update",
    "phone_number_quality_update",
    "security",
    "template_category_update",
    "user_preferences",
)


@dataclass(slots=True, kw_only=True)
class Health:
    """What one entity contributes to `health_status`."""

    can_send_message: str = "AVAILABLE"
    can_receive_call_sip: str | None = None
    errors: list[dict[str, object]] = field(default_factory=list)
    additional_info: list[str] = field(default_factory=list)

    def block(self, error_code: int, error_description: str, possible_solution: str = "Contact support.") -> None:
        """Stop the entity from sending."""
        self.can_send_message = "BLOCKED"
        self._add_error(error_code, error_description, possible_solution)

    def block_sip(self, error_code: int = 138024, error_description: str = "SIP is not enabled on the number") -> None:
        """Stop the entity from receiving SIP calls only: messages still go out, though the aggregate says BLOCKED."""
        self.can_receive_call_sip = "BLOCKED"
        self._add_error(error_code, error_description, "Enable SIP in the calling settings.")

    def limit(self, *additional_info: str) -> None:
        """Let the entity send, but less than it could."""
        self.can_send_message = "LIMITED"
        self.additional_info = list(additional_info)

    def clear(self) -> None:
        """Make it well again."""
        self.can_send_message = "AVAILABLE"
        self.can_receive_call_sip = None
        self.errors = []
        self.additional_info = []

    def _add_error(self, error_code: int, error_description: str, possible_solution: str) -> None:
        self.errors.append(
            {
                "error_code": error_code,
                "error_description": error_description,
                "possible_solution": possible_solution,
            }
        )


@dataclass(slots=True, kw_only=True)
class Business:
    """A business portfolio."""

    id: str
    name: str
    health: Health = field(default_factory=Health)


@dataclass(slots=True, kw_only=True)
class Number:
    """A phone number of a WABA; the names are the Graph API's."""

    id: str
    waba_id: str
    display_phone_number: str | None
    verified_name: str | None
    quality_rating: str | None = "GREEN"
    status: str | None = "CONNECTED"
    code_verification_status: str | None = "VERIFIED"
    name_status: str | None = "APPROVED"
    new_name_status: str | None = None
    new_display_name: str | None = None
    whatsapp_business_manager_messaging_limit: str | None = "TIER_10K"
    messaging_limit_tier: str | None = "TIER_10K"
    throughput_level: str | None = "STANDARD"
    account_mode: str | None = "LIVE"
    platform_type: str | None = "CLOUD_API"
    is_pin_enabled: bool | None = True
    is_official_business_account: bool | None = False
    is_on_biz_app: bool | None = False
    is_preverified_number: bool | None = False
    certificate: str | None = "simulated-certificate-never-log-this"
    eligibility_for_api_business_global_search: str | None = "NON_ELIGIBLE_UNDEFINED_COUNTRY"
    search_visibility: str | None = "VISIBLE"
    unified_cert_status: str | None = "APPROVED"
    last_onboarded_time: datetime | None = None
    country_code: str | None = "US"
    country_dial_code: str | None = "1"
    username: str | None = None
    health: Health = field(default_factory=Health)
    raw: dict[str, object] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class SubscribedApp:
    """An app that receives the events of a WABA."""

    app_id: str
    override_callback_uri: str | None = None


@dataclass(slots=True, kw_only=True)
class Template:
    """A message template in one language; the names are the Graph API's, `quality` is the score of `quality_score`."""

    id: str
    name: str
    language: str = "en_US"
    status: str | None = "APPROVED"
    category: str | None = "UTILITY"
    sub_category: str | None = None
    previous_category: str | None = None
    correct_category: str | None = None
    quality: str | None = "GREEN"
    quality_reasons: list[str] = field(default_factory=list)
    rejected_reason: str | None = "NONE"
    source: str | None = "manual"
    parameter_format: str | None = "POSITIONAL"
    body: str = "Hello {{1}}"
    last_updated_time: datetime | None = None
    raw: dict[str, object] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Waba:
    """A WhatsApp Business account; the names are the Graph API's."""

    id: str
    business_id: str
    name: str | None
    status: str | None = "ACTIVE"
    account_review_status: str | None = "APPROVED"
    business_verification_status: str | None = "verified"
    ownership_type: str | None = "SELF_OWNED"
    primary_funding_id: str | None = "1020000000000001"
    purchase_order_number: str | None = None
    currency: str | None = "USD"
    timezone_id: str | None = "1"
    country: str | None = "US"
    primary_business_location: str | None = "US"
    message_template_namespace: str | None = "5a3c0e11_0000_4000_8000_000000000001"
    creation_time: datetime | None = datetime(2024, 4, 2, tzinfo=UTC)
    is_enabled_for_insights: bool | None = True
    is_shared_with_partners: bool | None = False
    marketing_messages_lite_api_status: str | None = "ELIGIBLE"
    marketing_messages_onboarding_status: str | None = "ELIGIBLE"
    disable_marketing_messages_on_cloud_api: bool | None = False
    template_auto_archival_enabled: bool | None = False
    whatsapp_business_manager_messaging_limit: str | None = "TIER_10K"
    number_ids: list[str] = field(default_factory=list)
    subscribed_apps: list[SubscribedApp] = field(default_factory=list)
    templates: list[Template] = field(default_factory=list)
    health: Health = field(default_factory=Health)
    raw: dict[str, object] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class AppSubscription:
    """What an app receives about one kind of object, and where."""

    callback_url: str
    object: str = "whatsapp_business_account"
    active: bool = True
    fields: list[str] = field(default_factory=lambda: list(WEBHOOK_FIELDS))
    version: str = "v25.0"


@dataclass(slots=True, kw_only=True)
class App:
    """A Meta app. `default_version` serves calls that name none."""

    id: str
    name: str
    secret: str
    require_app_secret: bool = False
    default_version: str = "v25.0"
    daily_users: int = 10
    subscriptions: list[AppSubscription] = field(default_factory=list)
    health: Health = field(default_factory=Health)

    @property
    def token(self) -> str:
        """The app access token."""
        return f"{self.id}|{self.secret}"


@dataclass(slots=True, kw_only=True)
class Token:
    """An access token.

    `targets` maps a granted scope to the ids it is for (None: all). `unassigned` holds WABAs that the system user may
    not see although the scopes do not say so. `expires_at` None means never.
    """

    alias: str
    value: str
    app_id: str
    user_id: str
    type: str = "SYSTEM_USER"
    targets: dict[str, list[str] | None] = field(default_factory=lambda: {MANAGEMENT: None, MESSAGING: None})
    scopes_listed: bool = True
    unassigned: set[str] = field(default_factory=set)
    issued_at: datetime | None = None
    expires_at: datetime | None = None
    data_access_expires_at: datetime | None = None
    dead_subcode: int | None = None
    is_revoked: bool = False

    def may_see(self, waba_id: str) -> bool:
        """Whether this WABA is among its assets."""
        targets = self.targets.get(MANAGEMENT)
        return waba_id not in self.unassigned and (targets is None or waba_id in targets)


@dataclass(slots=True, kw_only=True)
class Call:
    """One request that reached the simulated Meta. `status` is None while, or when, no answer was given.

    `params` are the query parameters with secrets replaced by "(hidden)"; `token` is the alias of the caller's token.
    """

    at: datetime
    method: str
    path: str
    version: str | None
    fields: str | None
    params: Mapping[str, str]
    has_bearer: bool
    token: str | None = None
    status: int | None = None
    faults: tuple[str, ...] = ()
