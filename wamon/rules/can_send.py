"""Whether an entity lets messages be sent: BLOCKED is critical, LIMITED warns."""

from datetime import datetime, timedelta

from wamon.core.alerting import Severity, Timing, Verdict
from wamon.core.error_codes import lookup
from wamon.core.health import SubjectKind
from wamon.core.ports import Owner, Rule, View, clear, firing, unknown
from wamon.probes.account import CAN_SEND, CAN_SEND_REASON
from wamon.rules.words import NoParams, evidence_of

SEVERITY = {"LIMITED": Severity.WARNING, "BLOCKED": Severity.CRITICAL}
WHAT = {"LIMITED": "Sending is limited", "BLOCKED": "Cannot send"}


def check(view: View, params: NoParams, now: datetime) -> Verdict | None:
    fact = view.fact(CAN_SEND)
    state = view.value(CAN_SEND)
    if fact is None or state is None:
        return unknown(now)
    if state not in SEVERITY:
        return clear(fact.observed_at) if state == "AVAILABLE" else unknown(now)
    evidence = [*evidence_of(fact, "Can send")]
    reason = view.fact(CAN_SEND_REASON)
    if reason is not None and reason.raw is not None:
        evidence.append(("Meta's reason", reason.raw))
    codes = [code for code in view.value(CAN_SEND_REASON) or {} if code.isdecimal()]
    evidence += [(f"Code {code}", f"{known.meaning} {known.fix}") for code in codes if (known := lookup(int(code)))]
    return firing(SEVERITY[state], fact.observed_at, WHAT[state], evidence=evidence)


CANNOT_SEND = Rule(
    name="WhatsAppCannotSend",
    kind=SubjectKind.SENDER,
    check=check,
    alertnames={Severity.WARNING: "WhatsAppSendLimited", Severity.CRITICAL: "WhatsAppCannotSend"},
    timing=Timing(min_observations=2, keep_firing_for=timedelta(minutes=5)),
    params=NoParams(),
    meaning="Meta's health_status says that this phone number, WABA, business or app blocks or limits sending. "
    "Calling errors are left out.",
    cause="Named by Meta in the evidence: payment, display name, verification, policy.",
    owner=Owner.META_ADMIN,
    steps=(
        "Read Meta's reason in the evidence; `wamon explain CODE` tells cause and fix.",
        "Payment (141006): finance checks the payment method of the WABA in Business settings > Billing.",
        "Policy or verification: the admin opens Business Support Home for this business.",
        "LIMITED: sending goes on, slower; plan campaigns with the limit in mind until it is lifted.",
    ),
)
RULES = (CANNOT_SEND,)
