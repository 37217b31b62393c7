"""What becomes of the messages of a number: too many fail, bounce, or are never heard of again.

An hour without messages proves nothing, and an open alert stays. A whole day without any ends it: nobody sends any
more, so nothing fails now, and an alert that only new messages could close would stay for ever.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from wamon.core.alerting import Severity, Timing, Truth, Verdict
from wamon.core.delivery import bounce_of
from wamon.core.error_codes import Bounce, ErrorCode, lookup
from wamon.core.figures import (
    MESSAGES_ATTEMPTED,
    MESSAGES_BOUNCED,
    MESSAGES_FAILED,
    MESSAGES_OPEN,
    MESSAGES_SENT,
    RECENT_FAILURES,
    RIPE,
    wilson_lower_bound,
)
from wamon.core.health import Signal, SubjectKind
from wamon.core.ports import Owner, Rule, View, clear, unknown
from wamon.probes.account import NUMBER_CAN_SEND
from wamon.rules.words import number_context

TOP_CODES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareParams:
    """Shares of messages, 0 to 1. The alert opens by the lower bound of the share and clears by the share itself.

    Below `min_messages` nothing opens; an open alert may clear with `min_messages_to_clear` already, or a number that
    stops sending would keep it for ever.
    """

    warning_ratio: float
    clears_ratio: float
    min_messages: int
    min_messages_to_clear: int = 10

    @property
    def levels(self) -> tuple[tuple[Severity, float], ...]:
        return ((Severity.WARNING, self.warning_ratio),)


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedShareParams(ShareParams):
    """Shares of messages, 0 to 1, with a second level."""

    critical_ratio: float

    @property
    def levels(self) -> tuple[tuple[Severity, float], ...]:
        return ((Severity.CRITICAL, self.critical_ratio), (Severity.WARNING, self.warning_ratio))


def judge_share(
    hits: float, total: float, params: ShareParams, *, now: datetime, open_severity: Severity | None
) -> Verdict:
    """Whether `hits` of `total` messages are too many; a verdict of TRUE still lacks its words.

    It is of `now`, not of when the figures were last told: they are told again when something in them moved.
    """
    is_open = open_severity is not None
    # What no longer comes in has not recovered, so few messages are UNKNOWN, not FALSE.
    if not total or total < (params.min_messages_to_clear if is_open else params.min_messages):
        return unknown(now)
    # Hits and total may be counted in different places, so that one can run ahead of the other for a moment.
    hits = min(hits, total)
    if is_open and hits / total < params.clears_ratio:
        return clear(now)
    if total < params.min_messages:
        return unknown(now)
    bound = wilson_lower_bound(hits, total)
    severity = next((severity for severity, ratio in params.levels if bound > ratio), None)
    if severity is None and not is_open:
        return clear(now)
    return Verdict(truth=Truth.TRUE, observed_at=now, severity=severity or Severity.WARNING)


def check_failures(view: View, params: GradedShareParams, now: datetime) -> Verdict | None:
    if view.fact(MESSAGES_ATTEMPTED) is None:
        return None
    failed, bounced = _count(view, MESSAGES_FAILED, "1h"), _count(view, MESSAGES_BOUNCED, "1h")
    verdict, hits, total = _share(view, max(failed - bounced, 0.0), _count(view, MESSAGES_ATTEMPTED, "1h"), params, now)
    if verdict.truth is not Truth.TRUE:
        return verdict
    evidence = [
        ("Failed in the last hour", f"{hits:,.0f} of {total:,.0f} messages, bounces left out"),
        bound_evidence(hits, total, params),
        *_codes(view, bounces=False),
        *number_context(view, besides=NUMBER_CAN_SEND),
    ]
    what = f"{hits / total:.1%} of messages fail for a reason on the sender's side or Meta's"
    return replace(verdict, what=what, evidence=tuple(evidence))


def check_bounces(view: View, params: GradedShareParams, now: datetime) -> Verdict | None:
    if view.fact(MESSAGES_ATTEMPTED) is None:
        return None
    bounced, attempted = _count(view, MESSAGES_BOUNCED, "1h"), _count(view, MESSAGES_ATTEMPTED, "1h")
    verdict, hits, total = _share(view, bounced, attempted, params, now)
    if verdict.truth is not Truth.TRUE:
        return verdict
    by_bounce = dict.fromkeys(Bounce, 0.0)
    for code, count in (view.value(RECENT_FAILURES) or {}).items():
        by_bounce[_bounce(code)] += count
    evidence = [
        ("Bounced in the last hour", f"{hits:,.0f} of {total:,.0f} messages"),
        bound_evidence(hits, total, params),
        ("Hard bounces", f"{by_bounce[Bounce.HARD]:,.0f}: these recipients cannot be reached, stop sending to them"),
        ("Soft bounces", f"{by_bounce[Bounce.SOFT]:,.0f}: not delivered this time"),
        *_codes(view, bounces=True),
        *number_context(view, besides=NUMBER_CAN_SEND),
    ]
    return replace(verdict, what=f"{hits / total:.1%} of messages bounce", evidence=tuple(evidence))


def check_silent_drop(view: View, params: ShareParams, now: datetime) -> Verdict | None:
    if view.fact(MESSAGES_ATTEMPTED) is None:
        return None
    # Sent long enough ago to have arrived, not so long that phones that come back would hide it.
    verdict, hits, total = _share(
        view, _count(view, MESSAGES_OPEN, RIPE), _count(view, MESSAGES_SENT, RIPE), params, now
    )
    if verdict.truth is not Truth.TRUE:
        return verdict
    evidence = (
        ("Sent 15 to 60 minutes ago", f"{total:,.0f} messages"),
        ("Neither delivered nor failed since", f"{hits:,.0f} messages"),
        bound_evidence(hits, total, params),
        *number_context(view, besides=NUMBER_CAN_SEND),
    )
    what = f"{hits / total:.0%} of messages were sent and are neither delivered nor failed"
    return replace(verdict, what=what, evidence=evidence)


def _count(view: View, signal: Signal[Mapping[str, float]], label: str) -> float:
    """A figure of the number's, 0 while it is not known: of nothing nothing is judged."""
    return (view.value(signal) or {}).get(label, 0.0)


def _share(view: View, hits: float, total: float, params: ShareParams, now: datetime) -> tuple[Verdict, float, float]:
    """The verdict on `hits` of `total` messages, with both.

    FALSE when nobody has sent for a day: nothing fails now.
    """
    verdict = judge_share(hits, total, params, now=now, open_severity=view.open_severity)
    if verdict.truth is Truth.UNKNOWN and sends_no_more(view):
        return clear(now), hits, total
    return verdict, hits, total


def sends_no_more(view: View) -> bool:
    """Whether it is known that this number has sent nothing for a day."""
    return (view.value(MESSAGES_ATTEMPTED) or {}).get("24h") == 0


def bound_evidence(hits: float, total: float, params: ShareParams) -> tuple[str, str]:
    """What the alert is judged by: the share that so many messages make believable, beside the thresholds."""
    levels = ", ".join(f"{severity} above {ratio:.1%}" for severity, ratio in reversed(params.levels))
    return "Lower bound of the share", f"{wilson_lower_bound(min(hits, total), total):.1%} ({levels})"


def code_evidence(codes: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """The most frequent error codes with Meta's title, and what fixes the first of them."""
    top = sorted(codes.items(), key=lambda item: (-item[1], item[0]))[:TOP_CODES]
    for code, count in top:
        row = _row(code)
        name = f"Code {code}" if code.isdecimal() else "Other codes"
        yield name, f"{count:,.0f} x {row.title if row else 'not in the table of known codes'}"
    if top and (row := _row(top[0][0])):
        yield f"What fixes code {top[0][0]}", row.fix


def _codes(view: View, *, bounces: bool) -> Iterator[tuple[str, str]]:
    """The evidence from those codes of the last hour that are bounces, or from those that are not."""
    codes = view.value(RECENT_FAILURES) or {}
    return code_evidence({code: n for code, n in codes.items() if (_bounce(code) is not Bounce.NONE) is bounces})


def _bounce(code: str) -> Bounce:
    return bounce_of(int(code) if code.isdecimal() else None)


def _row(code: str) -> ErrorCode | None:
    return lookup(int(code)) if code.isdecimal() else None


# Its alerts share one message an account.
FAMILY = "delivery"

FAILURE_RATIO = Rule(
    name="WhatsAppFailureRatioHigh",
    kind=SubjectKind.PHONE_NUMBER,
    check=check_failures,
    alertnames={Severity.WARNING: "WhatsAppFailureRatioHigh", Severity.CRITICAL: "WhatsAppFailureRatioHigh"},
    # A batch may tell of its failures first; two minutes later the rest of it is there too.
    timing=Timing(for_=timedelta(minutes=2), min_observations=2, keep_firing_for=timedelta(minutes=5)),
    # A healthy sender loses well under 1 % for reasons of its own or Meta's; 5 % is trouble, 15 % an outage.
    params=GradedShareParams(warning_ratio=0.05, critical_ratio=0.15, clears_ratio=0.03, min_messages=50),
    meaning="Too many messages of the last hour failed for a reason on your side or Meta's. "
    "Failures on the recipient's side are bounces and have an alert of their own.",
    cause="Named by the codes in the evidence: payment, a paused template, throttling, a closed 24-hour window, "
    "or a fault of Meta's.",
    owner=Owner.SRE,
    family=FAMILY,
    steps=(
        "Read the top codes in the evidence; `wamon explain CODE` tells the cause and the fix of each.",
        "Did your sender change within the last hour (release, template, media link)? Then roll that back first.",
        "Stop the campaign that causes it if one code makes up most failures; repeating alone mends nothing.",
        "Codes of Meta's own (131000, 131016): look at metastatus.com/whatsapp-business-api and retry with back-off.",
    ),
    on_tick=True,
)
BOUNCE_RATIO = Rule(
    name="WhatsAppBounceRatioHigh",
    kind=SubjectKind.PHONE_NUMBER,
    check=check_bounces,
    alertnames={Severity.WARNING: "WhatsAppBounceRatioHigh", Severity.CRITICAL: "WhatsAppBounceRatioHigh"},
    timing=Timing(for_=timedelta(minutes=2), min_observations=2, keep_firing_for=timedelta(minutes=5)),
    # Lists in good order bounce for 1 to 2 %. More messages are asked for than with failures: nobody's machine is down,
    # so there is time to be sure.
    params=GradedShareParams(warning_ratio=0.03, critical_ratio=0.10, clears_ratio=0.02, min_messages=100),
    meaning="Too many messages of the last hour could not reach their recipient. Hard bounces (131026, 131050) will "
    "fail again; soft ones (131049, 130472) were held back this time.",
    cause="An old or bought list of numbers, recipients who stopped your marketing, or more marketing than Meta lets "
    "one person have.",
    owner=Owner.MARKETING,
    family=FAMILY,
    steps=(
        "Find the campaign that sends now and stop it; the quality rating follows what recipients do with it.",
        "Hard bounces: take these recipients off the list until they confirm their number by another channel.",
        "Codes 131049 and 130472: Meta held the message back. Wait at least 24 hours; do not retry.",
        "`wamon explain CODE` tells more of each code in the evidence.",
    ),
    on_tick=True,
)
SILENT_DROP = Rule(
    name="WhatsAppSilentDrop",
    kind=SubjectKind.PHONE_NUMBER,
    check=check_silent_drop,
    alertnames={Severity.WARNING: "WhatsAppSilentDrop"},
    # The window moves by whole buckets of five minutes: ten minutes are two cohorts that say the same.
    timing=Timing(for_=timedelta(minutes=10), min_observations=2, keep_firing_for=timedelta(minutes=10)),
    # Phones that are switched off or out of reach are normal: at any time a tenth to a fifth of a list, more at night.
    # Nearly a third of all messages is more than sleeping phones explain.
    params=ShareParams(warning_ratio=0.30, clears_ratio=0.20, min_messages=50),
    meaning="Messages are sent, never delivered and never failed: Meta took them and says no more. "
    "This is the first-contact trap: typical of first messages to people who never wrote to you.",
    cause="Meta holds back what strangers send without consent, recipients have blocked the number or have their "
    "phones off, or delivery is disturbed at Meta.",
    owner=Owner.MARKETING,
    family=FAMILY,
    steps=(
        "Stop sending first messages to people who did not opt in; leave replies to customers running.",
        "Compare who gets through: known customers fine and new ones silent means the first-contact trap.",
        "Known customers are silent too: see the number's status, and metastatus.com/whatsapp-business-api.",
        "At night or on a holiday phones are off: see whether the open messages arrive in the morning.",
        "Do not repeat them: a message that was sent may still arrive, and a second one annoys.",
    ),
    on_tick=True,
)
RULES = (FAILURE_RATIO, BOUNCE_RATIO, SILENT_DROP)
