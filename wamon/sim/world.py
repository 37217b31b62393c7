"""The world that the simulated Meta serves, with the handles that scenarios and tests pull."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from hashlib import sha256

from wamon.sim.entities import (
    App,
    AppSubscription,
    Business,
    Call,
    Number,
    SubscribedApp,
    Template,
    Token,
    Waba,
)
from wamon.sim.faults import Faults
from wamon.sim.quota import APP_LIMIT_PER_DAILY_USER, REGISTERED_WABA_LIMIT, WABA_LIMIT, Quota

VERSION_ENDS: Mapping[str, date | None] = {
    "v16.0": date(2025, 5, 14),
    "v17.0": date(2025, 9, 12),
    "v18.0": date(2026, 1, 26),
    "v19.0": date(2026, 5, 21),
    "v20.0": date(2026, 9, 24),
    "v21.0": date(2027, 1, 21),
    "v22.0": date(2027, 5, 20),
    "v23.0": date(2027, 10, 8),
    "v24.0": date(2028, 2, 18),
    "v25.0": date(2028, 7, 29),
    "v26.0": None,
}
"""The day from which a version is no longer served; None: not announced. Oldest first.
Source: Meta "Graph API: changelog, versions", read 2026-11."""
TOKEN_LIFE = timedelta(days=60)
MAX_CALLS_KEPT = 100_000


class World:
    """Everything the simulated Meta knows, with the faults it is to show and the calls it has had."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.businesses: dict[str, Business] = {}
        self.wabas: dict[str, Waba] = {}
        self.numbers: dict[str, Number] = {}
        self.apps: dict[str, App] = {}
        self.tokens: dict[str, Token] = {}
        self.faults = Faults()
        self.calls: list[Call] = []
        self.quota = Quota(now)
        self.version_ends: dict[str, date | None] = dict(VERSION_ENDS)
        self.usage_headers_after_calls = 10
        self.throttle_http_status = 429
        self.missing_scope_code = 200
        self.shows_only_own_app = False
        self._last_id = 0
        self._last_trace = 0

    def business(self, business_id: str) -> Business:
        """The business of this id."""
        return self.businesses[business_id]

    def waba(self, waba_id: str) -> Waba:
        """The WABA of this id."""
        return self.wabas[waba_id]

    def number(self, number_id: str) -> Number:
        """The phone number of this id."""
        return self.numbers[number_id]

    def app(self, app_id: str) -> App:
        """The app of this id."""
        return self.apps[app_id]

    def token(self, alias_or_value: str) -> Token:
        """The token of this alias or value; raises KeyError when there is none."""
        found = self.tokens.get(alias_or_value) or self.find_token(alias_or_value)
        if found is None:
            raise KeyError(f"no token {alias_or_value!r}")
        return found

    def find_token(self, value: str) -> Token | None:
        """The token with this value."""
        return next((token for token in self.tokens.values() if token.value == value), None)

    def numbers_of(self, waba_id: str) -> list[Number]:
        """The phone numbers of a WABA, in the order in which they were added."""
        return [self.numbers[number_id] for number_id in self.wabas[waba_id].number_ids]

    def add_business(self, name: str) -> Business:
        """Add a business portfolio."""
        business = Business(id=self._new_id(506914), name=name)
        self.businesses[business.id] = business
        return business

    def add_app(self, name: str, *, callback_url: str | None = "https://hooks.example.com/webhook") -> App:
        """Add an app, with a subscription to all WhatsApp webhook fields when a callback URL is given."""
        app_id = self._new_id(634974)
        secret = sha256(f"simulated secret of app {app_id}".encode()).hexdigest()[:32]
        app = App(id=app_id, name=name, secret=secret)
        if callback_url is not None:
            app.subscriptions.append(AppSubscription(callback_url=callback_url))
        self.apps[app.id] = app
        return app

    def add_waba(self, name: str, business: Business, *subscribed: App) -> Waba:
        """Add a WABA whose events these apps receive."""
        waba = Waba(id=self._new_id(102290), business_id=business.id, name=name)
        waba.subscribed_apps = [SubscribedApp(app_id=app.id) for app in subscribed]
        self.wabas[waba.id] = waba
        return waba

    def add_number(self, waba: Waba, display_phone_number: str, verified_name: str | None = None) -> Number:
        """Add a healthy phone number."""
        number = Number(
            id=self._new_id(106540),
            waba_id=waba.id,
            display_phone_number=display_phone_number,
            verified_name=verified_name or waba.name,
            last_onboarded_time=self.now() - timedelta(days=200),
        )
        self.numbers[number.id] = number
        waba.number_ids.append(number.id)
        return number

    def add_template(
        self, waba: Waba, name: str, *, language: str = "en_US", category: str = "UTILITY", quality: str = "GREEN"
    ) -> Template:
        """Add an approved message template."""
        template = Template(
            id=self._new_id(120770),
            name=name,
            language=language,
            category=category,
            quality=quality,
            last_updated_time=self.now() - timedelta(days=30),
        )
        waba.templates.append(template)
        return template

    def template(self, waba_id: str, name: str, language: str = "en_US") -> Template:
        """The template of this name and language; raises KeyError when there is none."""
        for template in self.wabas[waba_id].templates:
            if (template.name, template.language) == (name, language):
                return template
        raise KeyError(f"no template {name!r} in {language}")

    def add_token(self, alias: str, app: App, *, life: timedelta | None = TOKEN_LIFE) -> Token:
        """Add a system user's token, issued at this moment; `life` None: it never expires."""
        issued_at = self.now()
        token = Token(
            alias=alias,
            value=f"EAAsimulated{sha256(f'{alias} {app.id}'.encode()).hexdigest()[:24]}",
            app_id=app.id,
            user_id=self._new_id(104169),
            issued_at=issued_at,
            expires_at=None if life is None else issued_at + life,
        )
        self.tokens[alias] = token
        return token

    def unsubscribe(self, waba_id: str, app_id: str) -> None:
        """Stop the app from receiving the WABA's events."""
        waba = self.wabas[waba_id]
        waba.subscribed_apps = [link for link in waba.subscribed_apps if link.app_id != app_id]

    def subscribe(self, waba_id: str, app_id: str, *, override_callback_uri: str | None = None) -> None:
        """Let the app receive the WABA's events, or change where it does."""
        self.unsubscribe(waba_id, app_id)
        link = SubscribedApp(app_id=app_id, override_callback_uri=override_callback_uri)
        self.wabas[waba_id].subscribed_apps.append(link)

    def revoke_token(self, alias_or_value: str, *, subcode: int | None = None) -> None:
        """Kill a token: 190 with this subcode (458, 460, 463, 467, 492), or without one."""
        token = self.token(alias_or_value)
        token.is_revoked = True
        token.dead_subcode = subcode

    def renew_token(self, alias_or_value: str, *, life: timedelta | None = TOKEN_LIFE) -> None:
        """Give a token a fresh life under the same value."""
        token = self.token(alias_or_value)
        token.is_revoked = False
        token.dead_subcode = None
        token.issued_at = self.now()
        token.expires_at = None if life is None else token.issued_at + life

    def swap_token(self, alias: str, value: str) -> None:
        """Replace a token's value: from this moment the former value is unknown."""
        self.tokens[alias].value = value

    def remove_scope(self, alias_or_value: str, scope: str) -> None:
        """Take a permission away from a token."""
        self.token(alias_or_value).targets.pop(scope, None)

    def remove_asset(self, alias_or_value: str, waba_id: str) -> None:
        """Take one WABA out of what the token's scopes are for; the others stay."""
        token = self.token(alias_or_value)
        for scope, targets in token.targets.items():
            kept = self.wabas if targets is None else targets
            token.targets[scope] = [each for each in kept if each != waba_id]

    def ban_number(self, number_id: str) -> None:
        """Ban a phone number, in all the places where that shows."""
        number = self.numbers[number_id]
        number.status = "BANNED"
        number.health.block(131031, "The account has been locked", "Appeal in Business Support Home.")

    def remove_number(self, number_id: str) -> None:
        """Take a phone number out of its WABA and out of the world."""
        number = self.numbers.pop(number_id)
        self.wabas[number.waba_id].number_ids.remove(number_id)

    def waba_call_limit(self, waba_id: str) -> int:
        """Calls an hour for one app on this WABA."""
        is_registered = any(number.platform_type == "CLOUD_API" for number in self.numbers_of(waba_id))
        return REGISTERED_WABA_LIMIT if is_registered else WABA_LIMIT

    def app_call_limit(self, app_id: str) -> int:
        """Calls an hour with the app's own token."""
        return APP_LIMIT_PER_DAILY_USER * self.apps[app_id].daily_users

    def served_version(self, asked: str) -> str | None:
        """The version that answers a call to `asked`: the oldest usable one for an expired one, None for an unknown."""
        if asked not in self.version_ends:
            return None
        today = self.now().date()
        usable = [version for version, end in self.version_ends.items() if end is None or today < end]
        return asked if asked in usable else usable[0]

    def record(self, call: Call) -> None:
        """Keep a call; the oldest are forgotten after very many."""
        self.calls.append(call)
        if len(self.calls) > MAX_CALLS_KEPT:
            del self.calls[: MAX_CALLS_KEPT // 10]

    def next_trace_id(self) -> str:
        """A fresh support identifier."""
        self._last_trace += 1
        return f"A{sha256(str(self._last_trace).encode()).hexdigest()[:21]}"

    def _new_id(self, prefix: int) -> str:
        self._last_id += 1
        return f"{prefix}{self._last_id:09d}"

    @classmethod
    def small(cls, now: Callable[[], datetime]) -> World:
        """The demo's world: one business, one app, two WABAs, four numbers, one token that lives 60 days."""
        world = cls(now)
        business = world.add_business("Jasper's Market")
        app = world.add_app("Wamon Demo")
        market = world.add_waba("Jasper's Market", business, app)
        deliveries = world.add_waba("Jasper's Deliveries", business, app)
        world.add_number(market, "+1 555-078-3881")
        world.add_number(market, "+1 555-010-0142")
        world.add_number(market, "+1 555-010-0177").throughput_level = "HIGH"
        world.add_number(deliveries, "+1 555-010-0163")
        world.add_token("system-user", app)
        for waba in (market, deliveries):
            world.add_template(waba, "order_update")
            world.add_template(waba, "login_code", category="AUTHENTICATION")
        world.add_template(market, "spring_sale", category="MARKETING")
        world.add_template(market, "spring_sale", category="MARKETING", language="es_MX")
        return world

    @classmethod
    def fleet(cls, now: Callable[[], datetime], *, wabas: int = 50, numbers_per_waba: int = 20) -> World:
        """A large healthy world for load tests: one app and one token for all."""
        world = cls(now)
        business = world.add_business("Fleet")
        app = world.add_app("Wamon Fleet")
        for waba_index in range(1, wabas + 1):
            waba = world.add_waba(f"Account {waba_index:03d}", business, app)
            for number_index in range(1, numbers_per_waba + 1):
                display = f"+1 555-{waba_index:03d}-{number_index:04d}"
                world.add_number(waba, display, f"Account {waba_index:03d} line {number_index:03d}")
        world.add_token("system-user", app, life=None)
        return world
