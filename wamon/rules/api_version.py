"""Graph API versions: one in use ends soon, or Meta already serves another than the one asked for."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from wamon.core.alerting import Severity, Timing, Verdict
from wamon.core.health import SubjectKind
from wamon.core.ports import Owner, Rule, View, clear, firing, unknown
from wamon.probes.api_version import VERSION_EXPIRY
from wamon.probes.evidence import VERSION_SERVED
from wamon.rules.words import NoParams, moment, span


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiringParams:
    """Days before the version's end; its day past is always critical."""

    info_days: float = 90.0
    warning_days: float = 30.0


def check_expiring(view: View, params: ExpiringParams, now: datetime) -> Verdict | None:
    fact = view.fact(VERSION_EXPIRY)
    end = view.value(VERSION_EXPIRY)
    if fact is None or end is None:
        return unknown(now)
    left = end - now
    version = view.subject.label("version")
    evidence = (("Served until", moment(end)), ("Left", span(left) if left > timedelta(0) else "nothing"))
    if left <= timedelta(0):
        what = f"Graph API {version} expired {span(left)} ago"
        return firing(Severity.CRITICAL, fact.observed_at, what, evidence=evidence)
    for severity, days in ((Severity.WARNING, params.warning_days), (Severity.INFO, params.info_days)):
        if left < timedelta(days=days):
            what = f"Graph API {version} ends in {span(left)}"
            return firing(severity, fact.observed_at, what, evidence=evidence)
    return clear(fact.observed_at)


def check_served(view: View, params: NoParams, now: datetime) -> Verdict | None:
    fact = view.fact(VERSION_SERVED)
    if fact is None:
        # A version that only the user's senders use: wamon never asks for it.
        return None
    served = view.value(VERSION_SERVED)
    if served is None:
        return unknown(now)
    if served["requested"] == served["served"]:
        return clear(fact.observed_at)
    what = f"Graph API {served['requested']} is served by {served['served']}"
    evidence = (("Asked for", served["requested"]), ("Header facebook-api-version", served["served"]))
    return firing(Severity.WARNING, fact.observed_at, what, evidence=evidence)


EXPIRING = Rule(
    name="WhatsAppApiVersionExpiring",
    kind=SubjectKind.API_VERSION,
    check=check_expiring,
    alertnames=dict.fromkeys(Severity, "WhatsAppApiVersionExpiring"),
    timing=Timing(min_observations=1),
    params=ExpiringParams(),
    meaning="Meta stops serving a Graph API version in use. Nothing errors on that day: calls are served by the oldest "
    "version that is left, with whatever changed in it.",
    cause="Meta brings out two or three versions a year and keeps each for about two years after its successor.",
    owner=Owner.SRE,
    steps=(
        "Find who still asks for this version: wamon (`graph_version`) or your senders (`sender_versions`).",
        "Read Meta's changelog from this version to the newest but one, test, and move.",
        "Moved already? Take it out of `sender_versions`.",
    ),
)
SERVED_DIFFERS = Rule(
    name="WhatsAppApiVersionServedDiffers",
    kind=SubjectKind.API_VERSION,
    check=check_served,
    alertnames={Severity.WARNING: "WhatsAppApiVersionServedDiffers"},
    timing=Timing(for_=timedelta(hours=1), min_observations=2),
    params=NoParams(),
    meaning="Meta answers with another Graph API version than the one asked for: the one asked for has expired.",
    cause="The version's end has passed, whatever the table says.",
    owner=Owner.SRE,
    steps=(
        "Set `graph_version` to a version that Meta still serves, or leave it out to follow the bundled table.",
        "Check your senders: those that ask for the same version get the same silent change.",
    ),
)
RULES = (EXPIRING, SERVED_DIFFERS)
