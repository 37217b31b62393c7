"""The status of a phone number: down is critical, degraded warns."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from wamon.core.alerting import Severity, Timing, Verdict
from wamon.core.health import SubjectKind
from wamon.core.ports import Owner, Rule, View, clear, firing, unknown
from wamon.core.vocabulary import OTHER, PHONE_NUMBER_STATUS, Grade
from wamon.probes.account import PHONE_NUMBER_IN_WABA, PHONE_STATUS
from wamon.rules.words import NoParams, evidence_of, number_context

# Words that give no verdict: neither down nor up again.
NO_VERDICT = frozenset({OTHER, "UNKNOWN"})
# A number that somebody is just setting up is not degraded.
SETTING_UP = frozenset({"PENDING", "UNVERIFIED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DegradedParams:
    """`setup_hours` is how long a number may stay PENDING or UNVERIFIED."""

    setup_hours: float = 48.0


def check_down(view: View, params: NoParams, now: datetime) -> Verdict | None:
    presence = view.fact(PHONE_NUMBER_IN_WABA)
    if presence is not None and view.value(PHONE_NUMBER_IN_WABA) is False:
        where = [("Listed by the WABA", f"no: {presence.raw}")]
        return firing(Severity.CRITICAL, presence.observed_at, "Phone number is not in its WABA", evidence=where)
    fact = view.fact(PHONE_STATUS)
    status = view.value(PHONE_STATUS)
    if fact is None or status is None or status in NO_VERDICT:
        return unknown(now)
    grade = PHONE_NUMBER_STATUS.grade(status)
    if grade is Grade.GONE:
        # Taken away is not recovered; that it is gone, the degraded number's alert says.
        return unknown(now)
    if grade is not Grade.DOWN:
        return clear(fact.observed_at)
    evidence = (*evidence_of(fact, "Status"), *number_context(view, besides=PHONE_STATUS))
    return firing(Severity.CRITICAL, fact.observed_at, f"Phone number is {status}", evidence=evidence)


def check_degraded(view: View, params: DegradedParams, now: datetime) -> Verdict | None:
    fact = view.fact(PHONE_STATUS)
    status = view.value(PHONE_STATUS)
    if fact is None or status is None:
        return unknown(now)
    grade = PHONE_NUMBER_STATUS.grade(status)
    age = fact.observed_at - (fact.changed_at or fact.observed_at)
    is_patient = status in SETTING_UP and age < timedelta(hours=params.setup_hours)
    if is_patient or (grade not in (Grade.WATCH, Grade.GONE) and status != OTHER):
        return clear(fact.observed_at)
    what = f"Phone number has the unknown status {fact.raw}" if status == OTHER else f"Phone number is {status}"
    evidence = (*evidence_of(fact, "Status"), *number_context(view, besides=PHONE_STATUS))
    return firing(Severity.WARNING, fact.observed_at, what, evidence=evidence)


# Its alerts share one message an account.
FAMILY = "phone_status"

DOWN = Rule(
    name="WhatsAppPhoneNumberDown",
    kind=SubjectKind.PHONE_NUMBER,
    check=check_down,
    alertnames={Severity.CRITICAL: "WhatsAppPhoneNumberDown"},
    timing=Timing(min_observations=2, keep_firing_for=timedelta(minutes=5)),
    params=NoParams(),
    meaning="Meta reports a status in which the number cannot send (BANNED, DISCONNECTED, RESTRICTED, UNLINKED, "
    "OFFLINE), or the WABA does not list a number that the configuration names.",
    cause="A policy decision, a lost registration, or the number was moved or removed.",
    owner=Owner.META_ADMIN,
    family=FAMILY,
    steps=(
        "Open WhatsApp Manager > Phone numbers and read the notice at this number.",
        "BANNED or RESTRICTED: read the reason in Business Support Home and request a review there.",
        "DISCONNECTED, UNLINKED or OFFLINE: somebody deregistered or moved the number; register it again with its PIN.",
        "Move urgent traffic to another number of the account until it is CONNECTED again.",
    ),
)
DEGRADED = Rule(
    name="WhatsAppPhoneNumberDegraded",
    kind=SubjectKind.PHONE_NUMBER,
    check=check_degraded,
    alertnames={Severity.WARNING: "WhatsAppPhoneNumberDegraded"},
    timing=Timing(min_observations=2, keep_firing_for=timedelta(minutes=5)),
    params=DegradedParams(),
    meaning="The number still exists but is not simply CONNECTED: FLAGGED, RATE_LIMITED, long PENDING or UNVERIFIED, "
    "MIGRATED, DELETED, or a status that wamon does not know.",
    cause="A low rating, a limit, or a set-up that was never finished.",
    owner=Owner.SRE,
    family=FAMILY,
    steps=(
        "Open WhatsApp Manager > Phone numbers and read the notice at this number.",
        "FLAGGED or RATE_LIMITED: send less on your own initiative, and read the quality alert if there is one.",
        "PENDING or UNVERIFIED: finish verification and registration.",
        "MIGRATED or DELETED on purpose: take the number out of wamon's configuration.",
    ),
)
RULES = (DOWN, DEGRADED)
