"""The webhook subscription: lost for a WABA, a wanted field missing, or the callback URL not the expected one."""

from datetime import datetime

from wamon.core.alerting import Severity, Timing, Verdict
from wamon.core.health import Subject, SubjectKind
from wamon.core.ports import Owner, Rule, View, clear, firing, unknown
from wamon.probes.account import WEBHOOK_OVERRIDE_MATCHES, WEBHOOK_SUBSCRIBED
from wamon.probes.app import WEBHOOK_ACTIVE, WEBHOOK_CALLBACK_MATCHES, WEBHOOK_FIELD_SUBSCRIBED
from wamon.rules.words import NoParams


def check_lost(view: View, params: NoParams, now: datetime) -> Verdict | None:
    fact = view.fact(WEBHOOK_SUBSCRIBED)
    apps = view.value(WEBHOOK_SUBSCRIBED)
    if fact is None or apps is None:
        return unknown(now)
    evidence = [
        (f"App {app_id}", "subscribed" if is_in else "not subscribed") for app_id, is_in in sorted(apps.items())
    ]
    missing = [app_id for app_id, is_in in apps.items() if not is_in]
    if missing or not apps:
        what = "Webhook subscription is lost" if missing else "No app is subscribed to the WABA's webhooks"
        return firing(Severity.CRITICAL, fact.observed_at, what, evidence=evidence)
    inactive = [app_id for app_id in apps if view.value(WEBHOOK_ACTIVE, of=Subject.app(app_id)) is False]
    if inactive:
        evidence += [(f"Webhook of app {app_id}", "inactive") for app_id in inactive]
        return firing(Severity.CRITICAL, fact.observed_at, "The app's webhook is inactive", evidence=evidence)
    # Inactive when it was last seen, and not seen since: that is no recovery.
    if any(view.known(WEBHOOK_ACTIVE, of=Subject.app(app_id)) is False for app_id in apps):
        return unknown(now)
    return clear(fact.observed_at)


def check_fields(view: View, params: NoParams, now: datetime) -> Verdict | None:
    fact = view.fact(WEBHOOK_FIELD_SUBSCRIBED)
    fields = view.value(WEBHOOK_FIELD_SUBSCRIBED)
    if fact is None or fields is None:
        return unknown(now)
    missing = sorted(name for name, is_in in fields.items() if not is_in)
    if not missing:
        return clear(fact.observed_at)
    if view.value(WEBHOOK_ACTIVE) is False:
        # Without an active webhook every field is missing; the lost subscription says so, once.
        return unknown(now)
    count = "1 webhook field is" if len(missing) == 1 else f"{len(missing)} webhook fields are"
    evidence = (("Missing", ", ".join(missing)),)
    return firing(Severity.WARNING, fact.observed_at, f"{count} not subscribed", evidence=evidence)


def check_callback(view: View, params: NoParams, now: datetime) -> Verdict | None:
    return _check_url(view, now, app=True)


def check_override(view: View, params: NoParams, now: datetime) -> Verdict | None:
    return _check_url(view, now, app=False)


def _check_url(view: View, now: datetime, *, app: bool) -> Verdict | None:
    signal = WEBHOOK_CALLBACK_MATCHES if app else WEBHOOK_OVERRIDE_MATCHES
    fact = view.fact(signal)
    if fact is None or (fact.is_current and fact.value is None and view.open_severity is None):
        return None
    if not fact.is_current or (app and fact.value is None and view.value(WEBHOOK_ACTIVE) is False):
        return unknown(now)
    # No override, or none expected any more: nothing that could differ.
    if fact.value is not False:
        return clear(fact.observed_at)
    what = "Callback URL is not the expected one" if app else "Override of the callback URL is not the expected one"
    evidence = (("Meta sends webhooks to", fact.raw or "nowhere"),)
    return firing(Severity.WARNING, fact.observed_at, what, evidence=evidence)


RESUBSCRIBE = (
    "Subscribe again with the app's token: POST /WABA_ID/subscribed_apps (wamon only reads, it never does that)."
)

# Its alerts share one message an account.
FAMILY = "subscription"

LOST = Rule(
    name="WhatsAppSubscriptionLost",
    kind=SubjectKind.WABA,
    check=check_lost,
    alertnames={Severity.CRITICAL: "WhatsAppSubscriptionLost"},
    timing=Timing(min_observations=2),
    params=NoParams(),
    meaning="The app no longer receives this WABA's webhooks: replies and delivery statuses vanish without an error.",
    cause="Somebody unsubscribed it, the app lost its rights on the WABA, or its webhook was switched off.",
    owner=Owner.SRE,
    family=FAMILY,
    steps=(
        RESUBSCRIBE,
        "Check in the App Dashboard > WhatsApp > Configuration that the callback URL answers and is verified.",
        "Meta repeats nothing that it never sent: compare your own records for the time in between.",
    ),
)
FIELD_MISSING = Rule(
    name="WhatsAppWebhookFieldMissing",
    kind=SubjectKind.APP,
    check=check_fields,
    alertnames={Severity.WARNING: "WhatsAppWebhookFieldMissing"},
    timing=Timing(min_observations=2),
    params=NoParams(),
    meaning="A webhook field that the configuration wants is not subscribed by the app.",
    cause="The app was set up without it, or somebody switched it off.",
    owner=Owner.SRE,
    family=FAMILY,
    steps=(
        "App Dashboard > WhatsApp > Configuration > Webhook fields: subscribe the fields named in the evidence.",
        "Not wanted? Take them out of `wanted_fields` in the configuration.",
    ),
)
DRIFT_STEPS = (
    "Compare with the deployment: was the endpoint moved on purpose?",
    "If not, set the URL back in the App Dashboard > WhatsApp > Configuration, and find out who changed it.",
    "If it was, set `callback_url` in the configuration.",
)
CALLBACK_DRIFT = Rule(
    name="WhatsAppWebhookCallbackDrift",
    kind=SubjectKind.APP,
    check=check_callback,
    alertnames={Severity.WARNING: "WhatsAppWebhookCallbackDrift"},
    timing=Timing(min_observations=2),
    params=NoParams(),
    meaning="Meta sends the app's webhooks to another URL than the configuration expects.",
    cause="The callback URL was changed in the App Dashboard.",
    owner=Owner.SRE,
    family=FAMILY,
    steps=DRIFT_STEPS,
)
OVERRIDE_DRIFT = Rule(
    name="WhatsAppWebhookOverrideDrift",
    kind=SubjectKind.WABA,
    check=check_override,
    alertnames={Severity.WARNING: "WhatsAppWebhookCallbackDrift"},
    timing=Timing(min_observations=2),
    params=NoParams(),
    meaning="The WABA overrides the app's callback URL with another one than the configuration expects.",
    cause="An override_callback_uri was set when subscribing the app to the WABA.",
    owner=Owner.SRE,
    family=FAMILY,
    steps=DRIFT_STEPS,
)
RULES = (LOST, FIELD_MISSING, CALLBACK_DRIFT, OVERRIDE_DRIFT)
