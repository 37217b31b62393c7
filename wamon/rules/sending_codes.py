"""Error codes that each mean one trouble of the sender's: the payment, the spam limit, the throughput.

An hour without messages proves nothing. A day without any ends what the codes told: nobody sends, so nothing is refused
now.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from wamon.core.alerting import Severity, Timing, Verdict
from wamon.core.figures import DELIVERY_PACE, MESSAGES_ATTEMPTED, RECENT_FAILURES, WABA_RECENT_FAILURES
from wamon.core.health import Subject, SubjectKind
from wamon.core.ports import Owner, Rule, View, clear, firing, unknown
from wamon.probes.account import CAN_SEND, CAN_SEND_REASON, NUMBER_CAN_SEND
from wamon.rules import delivery_pace
from wamon.rules.delivery import code_evidence, sends_no_more
from wamon.rules.words import NoParams, number_context

# Source: Meta "Cloud API error codes" and "Messaging health status" references, read 2026-09.
PAYMENT: Final = "131042"
HEALTH_PAYMENT: Final = "141006"
SPAM_LIMIT: Final = "131048"
THROUGHPUT: Final = "130429"
PAIR_RATE: Final = "131056"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpamParams:
    """How many refusals in an hour; an open alert holds until there is none."""

    fires_count: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ThroughputParams:
    """Refusals in an hour, and their share of the messages attempted, 0 to 1; both must be above to open."""

    fires_count: int = 20
    fires_ratio: float = 0.01
    clears_ratio: float = 0.005


def check_payment(view: View, params: NoParams, now: datetime) -> Verdict | None:
    """By the codes of failed messages, and by the WABA's own health status, which needs no webhooks.

    FALSE when messages went out, the account has lately become available again, or nobody has sent for a day, and
    nothing is refused.
    """
    account = _account(view)
    figures = view.fact(WABA_RECENT_FAILURES)
    if figures is None and view.fact(CAN_SEND_REASON, of=account) is None:
        return None
    codes = view.value(WABA_RECENT_FAILURES)
    refused = (codes or {}).get(PAYMENT, 0.0)
    is_told = (view.value(CAN_SEND_REASON, of=account) or {}).get(HEALTH_PAYMENT, False)
    if refused or is_told:
        evidence = list(code_evidence({PAYMENT: refused})) if refused else []
        if is_told:
            evidence.append(("Meta's health_status", f"code {HEALTH_PAYMENT} at this WABA"))
        return firing(Severity.CRITICAL, now, "Messages are blocked by a payment problem", evidence=evidence)
    # Figures that were there and are too old now may hide refused messages.
    if figures is not None and codes is None:
        return unknown(now)
    pace = view.value(DELIVERY_PACE) or {}
    if pace.get("attempted_1h") or _is_available(view, account, now):
        return clear(now)
    was_told = (view.known(CAN_SEND_REASON, of=account) or {}).get(HEALTH_PAYMENT, False)
    # Nobody sending does not settle what a poll last told and no poll has taken back.
    return clear(now) if delivery_pace.sends_no_more(pace) and not was_told else unknown(now)


def _is_available(view: View, account: Subject, now: datetime) -> bool:
    """Whether the WABA's own entity has lately become well again. One that was well all along proves nothing.

    Meta's health status need not show what refuses messages.
    """
    fact = view.fact(CAN_SEND, of=account)
    if fact is None or fact.current != "AVAILABLE" or fact.before is None or fact.changed_at is None:
        return False
    return now - fact.changed_at < timedelta(days=1)


def _account(view: View) -> Subject:
    """The WABA's own entity of its health_status: Meta tells the payment there (one look, not all entities of all)."""
    waba_id = view.subject.label("waba_id") or ""
    return Subject.sender(waba_id, "waba", waba_id)


def check_spam(view: View, params: SpamParams, now: datetime) -> Verdict | None:
    if view.fact(RECENT_FAILURES) is None:
        return None
    codes = view.value(RECENT_FAILURES)
    if codes is None:
        return unknown(now)
    refused = codes.get(SPAM_LIMIT, 0.0)
    if refused and (refused >= params.fires_count or view.open_severity is not None):
        evidence = (*code_evidence({SPAM_LIMIT: refused}), *number_context(view, besides=NUMBER_CAN_SEND))
        what = f"Meta's spam limit refused {refused:,.0f} messages in an hour"
        return firing(Severity.CRITICAL, now, what, evidence=evidence)
    return _clear_if_tried(view, now)


def check_throughput(view: View, params: ThroughputParams, now: datetime) -> Verdict | None:
    if view.fact(RECENT_FAILURES) is None:
        return None
    codes = view.value(RECENT_FAILURES)
    if codes is None:
        return unknown(now)
    refusals = {code: codes[code] for code in (THROUGHPUT, PAIR_RATE) if codes.get(code)}
    refused, attempted = sum(refusals.values()), _attempted(view)
    if view.open_severity is not None:
        is_limited = refused > params.clears_ratio * attempted
    else:
        is_limited = refused >= params.fires_count and refused > params.fires_ratio * attempted
    if not is_limited:
        return _clear_if_tried(view, now)
    evidence = (("Messages attempted in the last hour", f"{attempted:,.0f}"), *code_evidence(refusals))
    what = f"{refused:,.0f} messages were refused in an hour because they came too fast"
    return firing(Severity.WARNING, now, what, evidence=evidence)


def _attempted(view: View) -> float:
    return (view.value(MESSAGES_ATTEMPTED) or {}).get("1h", 0.0)


def _clear_if_tried(view: View, now: datetime) -> Verdict:
    """FALSE when messages went out without the code, or none for a day; UNKNOWN when nobody tried for an hour."""
    return clear(now) if _attempted(view) or sends_no_more(view) else unknown(now)


PAYMENT_BLOCKED = Rule(
    name="WhatsAppPaymentBlocked",
    kind=SubjectKind.WABA,
    check=check_payment,
    alertnames={Severity.CRITICAL: "WhatsAppPaymentBlocked"},
    # No message fails so by chance: the first is enough.
    timing=Timing(min_observations=1, keep_firing_for=timedelta(minutes=15)),
    params=NoParams(),
    meaning="Messages of this account fail with 131042, or its health_status carries 141006: billing keeps Meta from "
    "sending what costs money. Replies within the 24-hour window may still go out.",
    cause="No payment method, a card that was refused, a credit line that is used up or gone, or no currency and "
    "timezone set.",
    owner=Owner.FINANCE,
    steps=(
        "Open Business settings > WhatsApp accounts > Billing and fix what is marked: card, credit line, open invoice.",
        "Pause campaigns until it is mended, and keep what failed: it must be sent again by you, Meta does not.",
        "Send one paid template; the alert closes when none fails with 131042 for an hour and health_status is well.",
        "`wamon explain 131042` tells more.",
    ),
    on_tick=True,
)
SPAM_RATE_LIMITED = Rule(
    name="WhatsAppSpamRateLimited",
    kind=SubjectKind.PHONE_NUMBER,
    check=check_spam,
    alertnames={Severity.CRITICAL: "WhatsAppSpamRateLimited"},
    timing=Timing(min_observations=2, keep_firing_for=timedelta(minutes=15)),
    params=SpamParams(),
    meaning="Meta refuses messages of this number with 131048: too many of its messages were blocked or reported. "
    "What comes next is enforcement against the number.",
    cause="Recipients reject what is sent: no opt-in, unwanted content, or too often.",
    owner=Owner.MARKETING,
    steps=(
        "Stop campaigns and bulk sends from this number now; leave replies to customers running.",
        "Do not move the campaign to another number: it would end there in the same way.",
        "Find the campaign, the template and the list that people block; look at the quality rating.",
        "`wamon explain 131048` tells more.",
    ),
    on_tick=True,
)
THROUGHPUT_LIMITED = Rule(
    name="WhatsAppThroughputLimited",
    kind=SubjectKind.PHONE_NUMBER,
    check=check_throughput,
    alertnames={Severity.WARNING: "WhatsAppThroughputLimited"},
    timing=Timing(for_=timedelta(minutes=10), min_observations=2, keep_firing_for=timedelta(minutes=5)),
    # A burst at a campaign's start is refused now and then and sent again; one in a hundred over minutes is a sender
    # without a brake.
    params=ThroughputParams(),
    meaning="Meta refuses messages because the number sends too many a second (130429), or too many to the same person "
    "(131056). They are lost unless your sender queues and repeats them.",
    cause="A sender without a queue or back-off, or two senders on one number that do not know of each other.",
    owner=Owner.SRE,
    steps=(
        "Code 130429: slow the sender to what the number may send, 80 messages a second unless Meta raised it.",
        "Code 131056: wait before the next message to the same person, and find the loop that sends so many.",
        "Send again what was refused, with back-off.",
        "`wamon explain 130429` tells more.",
    ),
    on_tick=True,
)
RULES = (PAYMENT_BLOCKED, SPAM_RATE_LIMITED, THROUGHPUT_LIMITED)
