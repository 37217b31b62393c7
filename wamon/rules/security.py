"""The two-step verification of a phone number: somebody changed it, or asked for it to be switched off."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from wamon.core import vocabulary
from wamon.core.alerting import Severity, Timing, Truth, Verdict
from wamon.core.health import Fact, SubjectKind
from wamon.core.ports import Owner, Rule, View, clear, firing, unknown
from wamon.probes.account import PHONE_STATUS, PIN_ENABLED
from wamon.rules.words import moment
from wamon.webhooks.fields.security import LAST_SECURITY_EVENT, WABA_LAST_SECURITY_EVENT

WHAT = {
    "PIN_CHANGED": "Two-step verification PIN was changed",
    "PIN_RESET_REQUEST": "Two-step verification is asked to be switched off",
    "PIN_REQUEST_SUCCESS": "Two-step verification was switched off",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityParams:
    """How long an event alerts: no other one tells that it was meant."""

    hours: float = 24.0


def check(view: View, params: SecurityParams, now: datetime) -> Verdict | None:
    verdict = _judge(view.fact(LAST_SECURITY_EVENT), params, now)
    if verdict.truth is not Truth.TRUE:
        return verdict
    evidence = list(verdict.evidence)
    has_pin = view.value(PIN_ENABLED)
    if has_pin is not None:
        evidence.append(("Two-step verification in the last poll", "on" if has_pin else "off"))
    if status := view.value(PHONE_STATUS):
        evidence.append(("Status", status))
    return replace(verdict, evidence=tuple(evidence))


def check_account(view: View, params: SecurityParams, now: datetime) -> Verdict | None:
    """The same on the account, where the webhook named a number that wamon does not know."""
    verdict = _judge(view.fact(WABA_LAST_SECURITY_EVENT), params, now)
    if verdict.truth is not Truth.TRUE:
        return verdict
    number = ("Number", "not known to wamon: not polled so far, or not among phone_number_ids")
    what = f"{verdict.what} on a number that wamon does not know"
    return replace(verdict, what=what, evidence=(*verdict.evidence, number))


def _judge(fact: Fact | None, params: SecurityParams, now: datetime) -> Verdict:
    if fact is None or fact.value is None:
        return unknown(now)
    if now - fact.observed_at >= timedelta(hours=params.hours):
        return clear(now)
    event = str(fact.value)
    evidence = [("Event", fact.raw or event), ("Told", moment(fact.observed_at))]
    if known := vocabulary.SECURITY_EVENT.get(event):
        evidence.append(("What to check", known.action))
    return firing(Severity.CRITICAL, now, WHAT.get(event, "Security event"), evidence=evidence)


# Its alerts share one message an account.
FAMILY = "security"

SECURITY_EVENT = Rule(
    name="WhatsAppSecurityEvent",
    kind=SubjectKind.PHONE_NUMBER,
    check=check,
    alertnames={Severity.CRITICAL: "WhatsAppSecurityEvent"},
    timing=Timing(min_observations=1),
    params=SecurityParams(),
    meaning="The PIN that guards the registration of the number was changed, or somebody asked to switch it off. Who "
    "has the PIN can take the number to another account.",
    cause="A colleague or the partner at work; else somebody with access to WhatsApp Manager who should not have it.",
    owner=Owner.META_ADMIN,
    family=FAMILY,
    steps=(
        "Ask in the team and at the partner who did it. Meant: nothing else to do, the alert ends by itself.",
        "Not meant: set another PIN in WhatsApp Manager > Phone numbers > the number > Two-step verification now.",
        "Look through people, partners and system users in Business settings, and take out who does not belong there.",
        "Check that the number is still CONNECTED and in its WABA.",
    ),
)
ACCOUNT_SECURITY_EVENT = Rule(
    name="WhatsAppAccountSecurityEvent",
    kind=SubjectKind.WABA,
    check=check_account,
    alertnames={Severity.CRITICAL: "WhatsAppSecurityEvent"},
    timing=Timing(min_observations=1),
    params=SecurityParams(),
    meaning="The PIN that guards the registration of a number of this account was changed, or somebody asked to switch "
    "it off. wamon does not know the number: it was not polled so far, or phone_number_ids leaves it out.",
    cause="A colleague or the partner at work, perhaps on a new number; else somebody with access to WhatsApp Manager "
    "who should not have it.",
    owner=Owner.META_ADMIN,
    family=FAMILY,
    steps=(
        "Find the number: WhatsApp Manager > Phone numbers shows every number of the account.",
        *SECURITY_EVENT.steps,
    ),
)
RULES = (SECURITY_EVENT, ACCOUNT_SECURITY_EVENT)
