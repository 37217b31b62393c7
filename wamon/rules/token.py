"""The access token: invalid, expiring, lacking a scope, or without access to a WABA."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from wamon.core.alerting import Severity, Timing, Verdict
from wamon.core.error_codes import lookup
from wamon.core.health import NEVER, SubjectKind
from wamon.core.ports import Owner, Rule, View, clear, firing, unknown
from wamon.probes.account import TOKEN_ASSET_ACCESS
from wamon.probes.evidence import TOKEN_VALID
from wamon.probes.token import TOKEN_DATA_ACCESS_EXPIRY, TOKEN_EXPIRY, TOKEN_SCOPE_GRANTED, TOKEN_TARGET_GRANTED
from wamon.rules.words import NoParams, moment, span


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiringParams:
    """Days left at which the alert opens; it closes, or falls back, `clear_margin_days` above."""

    warning_days: float = 14.0
    critical_days: float = 2.0
    clear_margin_days: float = 3.0


def check_invalid(view: View, params: NoParams, now: datetime) -> Verdict | None:
    fact = view.fact(TOKEN_VALID)
    is_valid = view.value(TOKEN_VALID)
    if fact is None or is_valid is None:
        return unknown(now)
    if is_valid:
        return clear(fact.observed_at)
    evidence = [("Meta's answer", fact.raw or "is_valid: false")]
    if known := _known_code(fact.raw):
        evidence.append(("Which means", known))
    return firing(Severity.CRITICAL, fact.observed_at, "Access token is not valid", evidence=evidence)


def _known_code(raw: str | None) -> str | None:
    """The meaning of `code 190, subcode 463`, None when nothing is known of it."""
    numbers = [int(part) if part.isdecimal() else None for part in (raw or "").replace(",", "").split()[1::2]]
    code, subcode = [*numbers, None, None][:2]
    known = lookup(code, subcode) if code is not None else None
    return known.meaning if known else None


# Each end of a token, with its words before and after the day.
ENDS = (
    (TOKEN_EXPIRY, "Access token expires", "Access token expired"),
    (TOKEN_DATA_ACCESS_EXPIRY, "Data access ends", "Data access ended"),
)


def check_expiring(view: View, params: ExpiringParams, now: datetime) -> Verdict | None:
    fact = view.fact(TOKEN_EXPIRY)
    known = [(end, present, past) for signal, present, past in ENDS if (end := view.value(signal)) is not None]
    if fact is None or not known:
        return unknown(now)
    end, present, past = min(known)
    left = end - now
    severity = None if end == NEVER else _severity(left, params, view.open_severity)
    if severity is None:
        # An end that was known before and is not any more may be the near one.
        is_blind = any(view.value(signal) is None and view.known(signal) is not None for signal, _, _ in ENDS)
        return unknown(now) if is_blind else clear(fact.observed_at)
    what = f"{present} in {span(left)}" if left > timedelta(0) else f"{past} {span(left)} ago"
    return firing(severity, fact.observed_at, what, evidence=[(name, moment(at)) for at, name, _ in known])


def _severity(left: timedelta, params: ExpiringParams, open_severity: Severity | None) -> Severity | None:
    for severity, days in ((Severity.CRITICAL, params.critical_days), (Severity.WARNING, params.warning_days)):
        holds = open_severity is not None and open_severity >= severity
        if left < timedelta(days=days + (params.clear_margin_days if holds else 0.0)):
            return severity
    return None


def check_scopes(view: View, params: NoParams, now: datetime) -> Verdict | None:
    fact = view.fact(TOKEN_SCOPE_GRANTED)
    scopes = view.value(TOKEN_SCOPE_GRANTED)
    if fact is None or scopes is None:
        return unknown(now)
    missing = sorted(scope for scope, is_granted in scopes.items() if not is_granted)
    if not missing:
        return clear(fact.observed_at)
    evidence = [(scope, "granted" if is_granted else "missing") for scope, is_granted in sorted(scopes.items())]
    return firing(Severity.CRITICAL, fact.observed_at, f"Access token lacks {' and '.join(missing)}", evidence=evidence)


def check_asset(view: View, params: NoParams, now: datetime) -> Verdict | None:
    access, granted = view.fact(TOKEN_ASSET_ACCESS), view.fact(TOKEN_TARGET_GRANTED)
    can_read, is_granted = view.value(TOKEN_ASSET_ACCESS), view.value(TOKEN_TARGET_GRANTED)
    if access is not None and can_read:
        # A read that works beats what debug_token lists.
        return clear(access.observed_at)
    if access is not None and can_read is False:
        evidence = (("Meta's answer", access.raw or "denied"), *_target_words(is_granted))
        return firing(Severity.CRITICAL, access.observed_at, "Access to the WABA is lost", evidence=evidence)
    if granted is not None and is_granted is False:
        evidence = tuple(_target_words(is_granted))
        return firing(Severity.CRITICAL, granted.observed_at, "Access to the WABA is lost", evidence=evidence)
    return unknown(now)


def _target_words(is_granted: bool | None) -> tuple[tuple[str, str], ...]:
    if is_granted is None:
        return ()
    return (("Token's own list of WABAs", "contains this one" if is_granted else "does not contain this one"),)


RENEW = "Make a new system-user token in Business settings > System users, with the scopes that the README names."

# Its alerts share one message an account.
FAMILY = "token"

INVALID = Rule(
    name="WhatsAppTokenInvalid",
    kind=SubjectKind.TOKEN,
    check=check_invalid,
    alertnames={Severity.CRITICAL: "WhatsAppTokenInvalid"},
    # Denied here and answered there by turns is one trouble, not many.
    timing=Timing(min_observations=1, keep_firing_for=timedelta(minutes=5)),
    params=NoParams(),
    meaning="Meta said in so many words that the access token is not valid. A timeout never says that.",
    cause="It expired, was revoked, its user changed the password or lost the role, or the app was removed.",
    owner=Owner.SRE,
    family=FAMILY,
    steps=(
        RENEW,
        "Put it where wamon and your senders read it, reload wamon and restart the senders: they fail now too.",
        "Find out who or what revoked it before it happens again: Business settings > Security, audit log.",
    ),
)
EXPIRING = Rule(
    name="WhatsAppTokenExpiring",
    kind=SubjectKind.TOKEN,
    check=check_expiring,
    alertnames={Severity.WARNING: "WhatsAppTokenExpiring", Severity.CRITICAL: "WhatsAppTokenExpiring"},
    timing=Timing(min_observations=1),
    params=ExpiringParams(),
    meaning="The access token, or the app's access to the user's data, ends soon; then polling and sending stop.",
    cause="A 60-day system-user token or a user token; a system-user token can also be made without an end.",
    owner=Owner.SRE,
    family=FAMILY,
    steps=(
        RENEW,
        "Prefer one that never expires for machines, or renew the 60-day one before its day.",
        "Put it where wamon and your senders read it, reload wamon and restart the senders.",
    ),
)
SCOPE_MISSING = Rule(
    name="WhatsAppTokenScopeMissing",
    kind=SubjectKind.TOKEN,
    check=check_scopes,
    alertnames={Severity.CRITICAL: "WhatsAppTokenScopeMissing"},
    timing=Timing(min_observations=2),
    params=NoParams(),
    meaning="A scope that the configuration requires is not among those of the token.",
    cause="The token was made without it, or an admin took the permission away.",
    owner=Owner.META_ADMIN,
    family=FAMILY,
    steps=(
        RENEW,
        "Monitoring needs whatsapp_business_management, senders whatsapp_business_messaging.",
        "A scope that you do not need: take it out of `required_scopes` in the configuration.",
    ),
)
ASSET_LOST = Rule(
    name="WhatsAppAssetAccessLost",
    kind=SubjectKind.TOKEN_ASSET,
    check=check_asset,
    alertnames={Severity.CRITICAL: "WhatsAppAssetAccessLost"},
    timing=Timing(min_observations=2),
    params=NoParams(),
    meaning="The token is valid, but may no longer read this WABA.",
    cause="The system user was unassigned from the WABA, or the WABA was removed: Meta answers both alike.",
    owner=Owner.META_ADMIN,
    family=FAMILY,
    steps=(
        "Business settings > Accounts > WhatsApp accounts: check that the WABA is still there.",
        "Assign the system user to it again (Manage phone numbers, or full control).",
        "If it was removed on purpose, take it out of wamon's configuration.",
    ),
)
RULES = (INVALID, EXPIRING, SCOPE_MISSING, ASSET_LOST)
