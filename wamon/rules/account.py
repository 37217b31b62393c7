"""What polling shows of a decision against the whole account: its status and its review."""

from datetime import datetime, timedelta

from wamon.core.alerting import Severity, Timing, Verdict
from wamon.core.health import SubjectKind
from wamon.core.ports import Owner, Rule, View, clear, firing, unknown
from wamon.core.vocabulary import ACCOUNT_REVIEW_STATUS, OTHER, WABA_STATUS, Grade
from wamon.probes.account import WABA_REVIEW_STATUS
from wamon.probes.account import WABA_STATUS as WABA_STATUS_SIGNAL
from wamon.rules.words import NoParams, evidence_of


def check(view: View, params: NoParams, now: datetime) -> Verdict | None:
    sources = (
        ("Account status", WABA_STATUS_SIGNAL, WABA_STATUS),
        ("Account review", WABA_REVIEW_STATUS, ACCOUNT_REVIEW_STATUS),
    )
    seen, is_other = [], False
    for name, signal, known in sources:
        fact, value = view.fact(signal), view.value(signal)
        if fact is None or value is None:
            continue
        if known.grade(value) is Grade.DOWN:
            evidence = tuple(evidence_of(fact, name))
            return firing(Severity.CRITICAL, fact.observed_at, f"{name} {value}", evidence=evidence)
        seen.append(fact.observed_at)
        is_other = is_other or value == OTHER
    # A word that wamon does not know may be a new one for a ban.
    if is_other:
        return unknown(now)
    # The status says nothing when Meta leaves it out, which it does for some accounts; the review alone may clear.
    return clear(max(seen)) if seen else unknown(now)


RESTRICTED = Rule(
    name="WhatsAppAccountRestricted",
    kind=SubjectKind.WABA,
    check=check,
    alertnames={Severity.CRITICAL: "WhatsAppAccountRestricted"},
    timing=Timing(min_observations=1, keep_firing_for=timedelta(minutes=5)),
    params=NoParams(),
    meaning="Meta restricted or disabled the WhatsApp Business account, or rejected it in review.",
    cause="A decision by Meta about policy, commerce rules or the business's identity.",
    owner=Owner.META_ADMIN,
    steps=(
        "Open Business Support Home, choose the account and read the reason.",
        "Request a review there; have the business documents at hand.",
        "Tell those who send: messages of every number of this account are affected.",
    ),
)
RULES = (RESTRICTED,)
