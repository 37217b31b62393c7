"""How a WABA's messages travel: delivered late, told of late, or answered with a stop.

A day without messages ends what is said of deliveries and stops, for nothing is late now. It does not end the webhooks'
lag: what customers write may still be told late.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from wamon.core.alerting import Severity, Timing, Truth, Verdict
from wamon.core.figures import DELIVERY_PACE
from wamon.core.health import SubjectKind
from wamon.core.ports import Owner, Rule, View, clear, firing, unknown
from wamon.rules.delivery import ShareParams, bound_evidence, judge_share
from wamon.rules.words import is_above, span


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceParams:
    """The 95th percentile at which the alert opens and clears, and how many events make one worth believing.

    An open alert may clear by `min_events_to_clear` already.
    """

    fires_seconds: float
    clears_seconds: float
    min_events: int = 20
    min_events_to_clear: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOutParams(ShareParams):
    """The share of messages that are answered with a stop, 0 to 1, and how many stops it takes at least."""

    min_opt_outs: int = 20


def check_delivery(view: View, params: PaceParams, now: datetime) -> Verdict | None:
    return _check_pace(view, params, now, "delivery", "Delivery is slow: 5% of messages take longer than")


def check_authentication(view: View, params: PaceParams, now: datetime) -> Verdict | None:
    return _check_pace(view, params, now, "authentication", "One-time codes are slow: 5% take longer than")


def check_lag(view: View, params: PaceParams, now: datetime) -> Verdict | None:
    return _check_pace(view, params, now, "lag", "Webhooks are late: 5% arrive later than")


def _check_pace(view: View, params: PaceParams, now: datetime, figure: str, what: str) -> Verdict | None:
    if view.fact(DELIVERY_PACE) is None:
        return None
    pace = view.value(DELIVERY_PACE)
    if pace is None:
        return unknown(now)
    count, seconds = pace.get(f"{figure}_count", 0.0), pace.get(f"{figure}_p95")
    is_open = view.open_severity is not None
    if not count and figure != "lag" and sends_no_more(pace):
        return clear(now)
    if seconds is None or count < (params.min_events_to_clear if is_open else params.min_events):
        return unknown(now)
    if not is_above(seconds, fires=params.fires_seconds, clears=params.clears_seconds, is_open=is_open):
        return clear(now)
    if count < params.min_events:
        return unknown(now)
    late = span(timedelta(seconds=seconds))
    evidence = (
        ("95th percentile", f"{late}, by the {count:,.0f} of the last minutes"),
        ("Threshold", f"{span(timedelta(seconds=params.fires_seconds))}"),
    )
    severity = Severity.CRITICAL if figure == "lag" else Severity.WARNING
    return firing(severity, now, f"{what} {late}", evidence=evidence)


def sends_no_more(pace: Mapping[str, float]) -> bool:
    """Whether it is known that this account has sent nothing for a day."""
    return pace.get("attempted_24h") == 0


def check_opt_outs(view: View, params: OptOutParams, now: datetime) -> Verdict | None:
    if view.fact(DELIVERY_PACE) is None:
        return None
    pace = view.value(DELIVERY_PACE)
    if pace is None:
        return unknown(now)
    attempted = pace.get("attempted_24h", 0.0)
    opt_outs = pace.get("opt_outs_24h", 0.0)
    if not opt_outs and sends_no_more(pace):
        return clear(now)
    verdict = judge_share(opt_outs, attempted, params, now=now, open_severity=view.open_severity)
    if verdict.truth is not Truth.TRUE:
        return verdict
    if view.open_severity is None and opt_outs < params.min_opt_outs:
        return clear(now)
    evidence = (
        ("Stops in the last 24 hours", f"{opt_outs:,.0f}"),
        ("Messages attempted in the last 24 hours", f"{attempted:,.0f}"),
        bound_evidence(opt_outs, attempted, params),
    )
    what = f"{opt_outs:,.0f} people stopped your messages in 24 hours, {opt_outs / attempted:.1%} of messages sent"
    return replace(verdict, what=what, evidence=evidence)


SLOW_STEPS = (
    "Look at metastatus.com/whatsapp-business-api: if Meta is slow for everybody, wait.",
    "Did a campaign to a new list begin? Phones that are off make its deliveries late, and nothing is broken.",
    "WhatsAppWebhookLagHigh is open too: see to that first, then to this.",
)

# Its alerts share one message an account.
FAMILY = "delivery"

DELIVERY_SLOW = Rule(
    name="WhatsAppDeliverySlow",
    kind=SubjectKind.WABA,
    check=check_delivery,
    alertnames={Severity.WARNING: "WhatsAppDeliverySlow"},
    timing=Timing(for_=timedelta(minutes=15), min_observations=2, keep_firing_for=timedelta(minutes=5)),
    # Most messages arrive within seconds. Phones that come back on deliver late ones, so single hours mean nothing.
    params=PaceParams(fires_seconds=300.0, clears_seconds=180.0),
    meaning="One message in twenty takes longer than five minutes from sent to delivered, by Meta's own stamps, for a "
    "quarter of an hour. One-time codes are judged apart.",
    cause="Delivery is disturbed at Meta, or many phones were out of reach and come back at the same time.",
    owner=Owner.META,
    family=FAMILY,
    steps=SLOW_STEPS,
    on_tick=True,
)
AUTHENTICATION_SLOW = Rule(
    name="WhatsAppAuthenticationDeliverySlow",
    kind=SubjectKind.WABA,
    check=check_authentication,
    # A rule of its own, or a few one-time codes that are fast would close the alert of slow ordinary messages.
    alertnames={Severity.WARNING: "WhatsAppDeliverySlow"},
    timing=Timing(for_=timedelta(minutes=15), min_observations=2, keep_firing_for=timedelta(minutes=5)),
    # Whoever waits for a code looks at the phone: half a minute late is a login that failed.
    params=PaceParams(fires_seconds=30.0, clears_seconds=20.0),
    meaning="One one-time code in twenty takes longer than half a minute from sent to delivered, by Meta's own stamps, "
    "for a quarter of an hour: people cannot log in.",
    cause="Delivery is disturbed at Meta, or the codes wait behind a campaign on the same number.",
    owner=Owner.META,
    family=FAMILY,
    steps=(
        "Offer the code by SMS or another channel until it is over.",
        "A campaign on the same number: stop it, or send codes from a number of their own.",
        "Look at metastatus.com/whatsapp-business-api: slow delivery for everybody is Meta's.",
    ),
    on_tick=True,
)
WEBHOOK_LAG = Rule(
    name="WhatsAppWebhookLagHigh",
    kind=SubjectKind.WABA,
    check=check_lag,
    alertnames={Severity.CRITICAL: "WhatsAppWebhookLagHigh"},
    timing=Timing(for_=timedelta(minutes=10), min_observations=2, keep_firing_for=timedelta(minutes=5)),
    # Meta asks for answers within a quarter of a second; a lag of minutes means that it had to repeat them.
    params=PaceParams(fires_seconds=300.0, clears_seconds=180.0),
    meaning="Webhooks arrive more than five minutes after what they tell of. What wamon shows of deliveries is that "
    "old, and so are the answers to your customers.",
    cause="The receiver, or something before it, was down or answered with errors, and Meta repeats now; or Meta is "
    "late.",
    owner=Owner.SRE,
    family=FAMILY,
    steps=(
        "Was wamon, the proxy or the network down? Then Meta catches up by itself: watch the lag shrink.",
        "Look in the proxy's log for answers other than 200, and in wamon's log for a store that refuses.",
        "Check this machine's clock (`timedatectl`): the lag is our receipt minus Meta's stamp.",
        "All well on this side: look at metastatus.com/whatsapp-business-api.",
    ),
    on_tick=True,
)
OPT_OUTS = Rule(
    name="WhatsAppOptOutsHigh",
    kind=SubjectKind.WABA,
    check=check_opt_outs,
    alertnames={Severity.WARNING: "WhatsAppOptOutsHigh"},
    timing=Timing(min_observations=2, keep_firing_for=timedelta(minutes=30)),
    # A welcome campaign loses a few in a thousand; one in fifty means that people did not want it.
    params=OptOutParams(warning_ratio=0.02, clears_ratio=0.01, min_messages=50),
    meaning="Many people pressed stop in the last 24 hours, measured by the messages that were sent. Blocks and "
    "reports, which nobody tells, go along with it; a bad quality rating follows.",
    cause="A campaign to people who did not ask for it, or too many messages in a short time.",
    owner=Owner.MARKETING,
    family=FAMILY,
    steps=(
        "Stop the campaign that went out before the stops came in.",
        "Take those who pressed stop off the list; a message to them fails with 131050.",
        "Check the quality rating and the templates of the account in the next days.",
    ),
    on_tick=True,
)
RULES = (DELIVERY_SLOW, AUTHENTICATION_SLOW, WEBHOOK_LAG, OPT_OUTS)
