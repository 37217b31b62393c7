"""Meta's own alerts on an account, passed on with the severity that Meta gives them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from wamon.core import vocabulary
from wamon.core.alerting import Severity, Timing, Verdict
from wamon.core.health import SubjectKind
from wamon.core.ports import Owner, Rule, View, clear, firing, unknown
from wamon.core.vocabulary import OTHER
from wamon.rules.words import moment
from wamon.webhooks.fields.account_alerts import ACCOUNT_ALERT

SEVERITY = {"CRITICAL": Severity.CRITICAL, "WARNING": Severity.WARNING}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountAlertParams:
    """After how many days an alert whose end Meta never told counts as over."""

    days: float = 30.0


def check(view: View, params: AccountAlertParams, now: datetime) -> Verdict | None:
    fact = view.fact(ACCOUNT_ALERT)
    if fact is None or fact.value is None:
        return unknown(now)
    severity = str(fact.value)
    if now - fact.observed_at >= timedelta(days=params.days):
        return clear(now)
    if severity not in SEVERITY:
        return unknown(now) if severity == OTHER else clear(now)
    kind = view.subject.label("alert_type") or OTHER
    evidence = [("Meta's alert", fact.raw or kind), ("Told", moment(fact.observed_at))]
    if known := vocabulary.ACCOUNT_ALERT_TYPE.get(kind):
        evidence.append(("Which means", f"{known.meaning} {known.action}"))
    return firing(SEVERITY[severity], now, "Meta alerts about the account", evidence=evidence)


ACCOUNT_ALERTED = Rule(
    name="WhatsAppAccountAlert",
    kind=SubjectKind.ACCOUNT_ALERT,
    check=check,
    alertnames=dict.fromkeys((Severity.WARNING, Severity.CRITICAL), "WhatsAppAccountAlert"),
    timing=Timing(min_observations=1),
    params=AccountAlertParams(),
    meaning="Meta raised an alert of its own on the account; what it calls informational is only recorded.",
    cause="A higher messaging limit that is put off or refused, an official business account, a lost profile picture.",
    owner=Owner.META_ADMIN,
    steps=(
        "Read Meta's words in the evidence, then the same alert in Business Support Home.",
        "More information wanted: hand in what is asked for there.",
        "Nothing to be done: wait, the alert ends when Meta takes it back, or after some weeks.",
    ),
)
RULES = (ACCOUNT_ALERTED,)
