"""Flows whose endpoint or screens fail, that Meta throttles or blocks, or whose version ends."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from wamon.core import vocabulary
from wamon.core.alerting import Severity, Timing, Verdict
from wamon.core.health import SubjectKind
from wamon.core.ports import Owner, Rule, View, clear, firing, unknown
from wamon.core.vocabulary import OTHER
from wamon.rules.words import moment
from wamon.webhooks.fields.flows import ACTIVATED, FLOW_ALERT


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowParams:
    """After how many days a trouble whose end Meta never told counts as over; of a version's end it tells none."""

    days: float = 30.0


def check(view: View, params: FlowParams, now: datetime) -> Verdict | None:
    fact = view.fact(FLOW_ALERT)
    if fact is None or fact.value is None:
        return unknown(now)
    if now - fact.observed_at >= timedelta(days=params.days):
        return clear(now)
    if fact.value != ACTIVATED:
        return unknown(now) if fact.value == OTHER else clear(now)
    event = view.subject.label("event") or OTHER
    evidence = [("Meta's words", fact.raw or event), ("Told", moment(fact.observed_at))]
    if known := vocabulary.FLOW_EVENT.get(event):
        evidence.append(("Which means", f"{known.meaning} {known.action}"))
    return firing(Severity.WARNING, now, "Flow is unhealthy", evidence=evidence)


FLOW_UNHEALTHY = Rule(
    name="WhatsAppFlowUnhealthy",
    kind=SubjectKind.FLOW,
    check=check,
    alertnames={Severity.WARNING: "WhatsAppFlowUnhealthy"},
    timing=Timing(min_observations=1),
    params=FlowParams(),
    meaning="Meta reports trouble with a Flow: its endpoint fails, is slow or not there, its screens fail, it is "
    "throttled or blocked, or its version ends soon.",
    cause="The endpoint behind the Flow most often: a deployment, a certificate or keys, or load.",
    owner=Owner.SRE,
    steps=(
        "Look at the logs and the load of the Flow's endpoint around the time in the evidence.",
        "WhatsApp Manager > Flows shows the errors by kind, and the endpoint's measures.",
        "Meta throttles and then blocks a Flow whose endpoint stays bad: send it less until it is mended.",
        "A version that ends: move the Flow's JSON to the recommended version and publish it again.",
    ),
)
RULES = (FLOW_UNHEALTHY,)
