"""What the alerts on the fate of messages must do: failed, bounced, dropped, refused for a reason, stopped."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.assets.rules.courses import merged, neighbours, others, series, told
from tests.assets.rules.pace import NO, NUMBER, WABA, cases_of, counter, refused, tried
from tests.assets.ruletest import Case, Kind, Labels

# A part of a message, so that each constant of the bound shows.
PART: Final = 0.005
# A second number of the same account.
SECOND: Final = {**NUMBER, "phone_number_id": "107"}
IDLE: Final = "0x9999"
ALL_DAY: Final = "100000x9999"


# --- shares of a number's messages ------------------------------------------------------------------------------------


def needed_for(share: float, total: float) -> float:
    """Of how many in so many Wilson's lower bound is this share."""
    return total * share + 1.96 * math.sqrt(total * share * (1 - share))


def failures(subject: Labels, total: str, hits: str, window: str = "1h") -> dict[str, str]:
    """No message of them bounces."""
    labels = {**subject, "window": window}
    return {
        series("whatsapp_messages_attempted", labels): total,
        series("whatsapp_messages_failed", labels): hits,
        series("whatsapp_messages_bounced", labels): "0x9999",
    }


def bounces(subject: Labels, total: str, hits: str, window: str = "1h") -> dict[str, str]:
    labels = {**subject, "window": window}
    return {
        series("whatsapp_messages_attempted", labels): total,
        series("whatsapp_messages_bounced", labels): hits,
    }


def still_open(subject: Labels, total: str, hits: str, age: str = "15m_1h") -> dict[str, str]:
    labels = {**subject, "age": age}
    return {
        series("whatsapp_messages_sent", labels): total,
        series("whatsapp_messages_open", labels): hits,
        series("whatsapp_messages_attempted", subject, window="1h"): total,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """An alert on a bound: `limits` by severity, the worst first, below `clears` it is over; minutes that it waits and
    that it keeps firing. `shown` makes the series from (subject, messages, hits)."""

    alert: str
    record: str
    shown: Callable[..., dict[str, str]]
    # What is not judged: another window, or another age.
    other: str
    limits: Mapping[str, float]
    clears: float
    least: int
    waits: int
    keeps: int

    def of(self, subject: Labels, total: float, hits: float) -> dict[str, str]:
        """So many all the time, and many more in a day."""
        return self.over_time(subject, f"{total:.12g}x9999", f"{hits:.12g}x9999")

    def over_time(self, subject: Labels, total: str, hits: str, day: str = ALL_DAY) -> dict[str, str]:
        day_of = {series("whatsapp_messages_attempted", subject, window="24h"): day}
        return {**self.shown(subject, total, hits), **day_of}

    def bound(self, subject: Labels, values: str, day: str = ALL_DAY) -> dict[str, str]:
        """The bound itself, as if it had been recorded so."""
        day_of = {series("whatsapp_messages_attempted", subject, window="24h"): day}
        return {series(self.record, subject): values, **day_of}


def share_cases(share: Share) -> tuple[Case, ...]:
    case = cases_of(share.alert)
    worst, lightest = next(iter(share.limits)), list(share.limits)[-1]
    limit, least = share.limits[lightest], share.least
    well = merged(*(share.of(each, 1000, 1) for each in neighbours(NUMBER)))
    # Of the other window all is well.
    other_well = share.shown(NUMBER, "9000x9999", "0x9999", share.other)
    begins, ends = f"{share.waits}m", f"{15 + share.keeps}m"
    early, after = f"{share.waits - 1}m", f"{16 + share.keeps}m"
    yes = told(lightest, NUMBER)
    # Enough for the lightest only, in more messages than the least.
    bad = f"{needed_for(limit, 400) + 2:.12g}"
    held = {"15m": yes, "1h": yes}
    over = {"15m": yes, ends: yes, after: NO, "1h": NO}

    def after_bad(kind: Kind, name: str, total: str, hits: str, firing: Mapping[str, tuple[Labels, ...]]) -> Case:
        """It is ill until minute 15."""
        shown = share.over_time(NUMBER, f"400x15 {total}x99", f"{bad}x15 {hits}x99")
        return case(kind, name, {**well, **other_well, **shown}, firing)

    cases = list[Case]()
    for severity, most in share.limits.items():
        hits = needed_for(most, least)
        lighter = next((each for each in share.limits if share.limits[each] < most), None)
        below = told(lighter, NUMBER) if lighter else NO
        cases += [
            case(
                "fires",
                f"{severity}, of the fewest messages that make it believable",
                {**well, **other_well, **share.of(NUMBER, least, hits + PART)},
                {early: NO, begins: told(severity, NUMBER), "30m": told(severity, NUMBER)},
            ),
            case(
                "boundary",
                f"not enough for {severity}",
                {**well, **other_well, **share.of(NUMBER, least, hits - PART)},
                {begins: below, "30m": below},
            ),
            case("boundary", f"the limit of {severity} itself", share.bound(NUMBER, f"{most}x99"), {"30m": below}),
            case(
                "resolves",
                f"it was {severity}, and of many messages none is so",
                {**well, **share.over_time(NUMBER, "400x15 1000x99", f"{needed_for(most, 400) + 2:.12g}x15 0x99")},
                {"15m": told(severity, NUMBER), ends: told(severity, NUMBER), after: NO, "1h": NO},
            ),
            case(
                "fires",
                f"each of several, {severity}",
                merged(*(share.bound(each, f"{most + 0.01:.4f}x99") for each in (NUMBER, *others(NUMBER)))),
                {"30m": told(severity, NUMBER, *others(NUMBER))},
            ),
        ]
    if worst != lightest:
        grave = merged(*(share.bound(each, "0.9x99") for each in neighbours(NUMBER)))
        cases.append(
            case(
                "boundary",
                "worse with others",
                {**grave, **share.bound(NUMBER, f"{limit + 0.01}x99")},
                {"30m": (*yes, *told(worst, *others(NUMBER)))},
            )
        )
    return (
        *cases,
        case("below", "nothing is wrong", {**well, **share.of(NUMBER, 1000, 0)}, {"15m": NO, "1h": NO}),
        case(
            "boundary",
            "too few messages",
            {**well, **other_well, **share.of(NUMBER, least - 1, least - 1)},
            {"15m": NO, "1h": NO},
        ),
        case(
            "below",
            "another window, or another age, is not judged",
            {**well, **share.of(NUMBER, 0, 0), **share.shown(NUMBER, "9000x99", "9000x99", share.other)},
            {"15m": NO, "1h": NO},
        ),
        after_bad("resolves", "of ten messages few", "10", f"{10 * share.clears - 0.01:.12g}", over),
        after_bad("boundary", "of ten messages so many are not few", "10", f"{10 * share.clears:.12g}", held),
        after_bad("boundary", "nine messages are no proof", "9", "0", held),
        after_bad("unknown", "an hour without any", "0", "0", held),
        case(
            "unknown",
            "lost scrapes",
            {
                **well,
                **share.over_time(
                    NUMBER, "400x15 stale _x3 400x99", f"{bad}x15 stale _x3 {bad}x99", "900x15 stale _x3 900x99"
                ),
            },
            {"15m": yes, "19m": yes, "25m": yes, "1h": yes},
        ),
        case(
            "boundary",
            "one message within a day keeps it",
            {**well, **share.over_time(NUMBER, "400x15 0x99", f"{bad}x15 0x99", "900x15 1x99")},
            held,
        ),
        case(
            "resolves",
            "nobody has sent for a day",
            {**well, **share.over_time(NUMBER, "400x15 5x99", f"{bad}x15 5x99", "900x15 0x99")},
            over,
        ),
        case(
            "unknown",
            "for no longer than a day",
            share.bound(NUMBER, f"{limit + 0.01}x15 stale"),
            {"15m": yes, f"{1455 + share.keeps}m": yes, f"{1456 + share.keeps}m": NO},
        ),
    )


FAULTS: Final = Share(
    alert="WhatsAppFailureRatioHigh",
    record="phone_number:whatsapp_message_faults:lower_bound1h",
    shown=failures,
    other="24h",
    limits={"critical": 0.15, "warning": 0.05},
    clears=0.03,
    least=50,
    waits=2,
    keeps=5,
)
BOUNCES: Final = Share(
    alert="WhatsAppBounceRatioHigh",
    record="phone_number:whatsapp_message_bounces:lower_bound1h",
    shown=bounces,
    other="24h",
    limits={"critical": 0.10, "warning": 0.03},
    clears=0.02,
    least=100,
    waits=2,
    keeps=5,
)
SILENT_DROPS: Final = Share(
    alert="WhatsAppSilentDrop",
    record="phone_number:whatsapp_messages_open:lower_bound",
    shown=still_open,
    other="1h_24h",
    limits={"warning": 0.30},
    clears=0.20,
    least=50,
    waits=10,
    keeps=10,
)


def not_bounced() -> tuple[Case, ...]:
    """Faults are what failed and did not bounce."""
    case = cases_of(FAULTS.alert)
    bounced = series("whatsapp_messages_bounced", NUMBER, window="1h")
    hits = needed_for(0.05, 50)
    warning = told("warning", NUMBER)

    def without_bounces(failed: float) -> dict[str, str]:
        return {name: values for name, values in FAULTS.of(NUMBER, 50, failed).items() if name != bounced}

    return (
        case("below", "all of them bounce", {**FAULTS.of(NUMBER, 50, 40), bounced: "40x99"}, {"15m": NO}),
        case(
            "fires",
            "some of them bounce",
            {**FAULTS.of(NUMBER, 50, 10 + hits + PART), bounced: "10x99"},
            {"15m": warning},
        ),
        case("fires", "nobody ever bounced", without_bounces(hits + PART), {"15m": warning}),
        case("boundary", "nobody ever bounced, and few fail", without_bounces(hits - PART), {"15m": NO}),
    )


# --- refused for a reason ---------------------------------------------------------------------------------------------

PAYMENT: Final = "131042"
SPAM: Final = "131048"
REASON: Final = "whatsapp_can_send_reason_info"
REASON_BEFORE: Final = "whatsapp_last_known_can_send_reason_info"


def sender(waba: Labels) -> Labels:
    return {"id": waba["waba_id"], "scope": "waba", "error_code": "141006", **waba}


def refusal_courses(
    case: Callable[[Kind, str, Mapping[str, str], Mapping[str, tuple[Labels, ...]]], Case],
    code: str,
    many: int,
    yes: Sequence[Labels],
    well: Mapping[str, str],
) -> tuple[Case, ...]:
    """What all alerts on a code do with hours and days in which nobody sends. They keep firing for 15 minutes."""
    yes = tuple(yes)
    gone = refused(NUMBER, f"{many}x15 stale", code)
    over = {"15m": yes, "30m": yes, "31m": NO, "40m": NO}
    held = {"15m": yes, "50m": yes}
    return (
        case("resolves", "none is refused any more", {**well, **tried(NUMBER), **gone}, over),
        case(
            "boundary",
            "one message that is not ends it",
            {**well, **tried(NUMBER, "9x15 0x20 1x99"), **gone},
            {"15m": yes, "51m": yes, "52m": NO},
        ),
        case("unknown", "an hour in which nobody tries", {**well, **tried(NUMBER, "9x15 0x99"), **gone}, held),
        case(
            "boundary",
            "one message within a day keeps it",
            {**well, **tried(NUMBER, "9x15 0x99", "9x15 1x99"), **gone},
            held,
        ),
        case(
            "resolves",
            "nobody has tried for a day",
            {**well, **tried(NUMBER, "9x99", "9x15 0x99"), **refused(NUMBER, f"{many}x99", code)},
            over,
        ),
        case(
            "unknown",
            "lost scrapes",
            {
                **well,
                **tried(NUMBER, "9x15 stale _x3 9x99", "9x15 stale _x3 9x99"),
                **refused(NUMBER, f"{many}x15 stale _x3 {many}x99", code),
            },
            {"15m": yes, "19m": yes, "50m": yes},
        ),
        case(
            "unknown",
            "for no longer than a day",
            {**tried(NUMBER, "9x15 0x9999"), **gone},
            {"15m": yes, "24h30m": yes, "24h31m": NO},
        ),
    )


def payment() -> tuple[Case, ...]:
    case = cases_of("WhatsAppPaymentBlocked")
    yes = told("critical", WABA)
    # They are refused for other reasons, and what blocks others than the account, or for others, is no matter of it.
    well = merged(
        *(
            tried(each) | refused(each, "500x9999", SPAM)
            for each in ({**NUMBER, **account} for account in neighbours(WABA))
        ),
        *(
            {series(name, {**sender(WABA), **other}): "1x9999"}
            for name in (REASON, REASON_BEFORE)
            for other in ({"scope": "phone_number"}, {"error_code": "141000"})
        ),
        {series(name, {**sender(WABA), "id": "102, too"}): "0x9999" for name in (REASON, REASON_BEFORE)},
    )
    others_refused = refused(NUMBER, "500x9999", SPAM)
    several = (WABA, *others(WABA))
    return (
        case(
            "fires",
            "the first that is refused",
            {**well, **tried(NUMBER), **others_refused, **refused(NUMBER, "_ _ _ 1x99", PAYMENT)},
            {"2m": NO, "3m": yes, "30m": yes},
        ),
        case(
            "fires",
            "of one of its numbers",
            {**well, **tried(NUMBER), **tried(SECOND), **refused(SECOND, "1x99", PAYMENT)},
            {"0m": yes, "30m": yes},
        ),
        case(
            "fires",
            "each of several, however it is told",
            {
                **tried({**NUMBER, **several[0]}),
                **refused({**NUMBER, **several[0]}, "3x99", PAYMENT),
                series(REASON, sender(several[1])): "1x99",
            },
            {"5m": told("critical", *several)},
        ),
        case(
            "fires",
            "Meta names it, and nobody sends",
            {**well, series(REASON, sender(WABA)): "_ _ _ 1x99"},
            {"2m": NO, "3m": yes, "30m": yes},
        ),
        case(
            "fires",
            "both at once",
            {**well, **tried(NUMBER), **refused(NUMBER, "1x99", PAYMENT), series(REASON, sender(WABA)): "1x99"},
            {"3m": yes, "30m": yes},
        ),
        case("below", "none, nor named", {**well, **tried(NUMBER), **others_refused}, {"5m": NO, "1h": NO}),
        *refusal_courses(case, PAYMENT, 1, yes, well),
        case(
            "unknown",
            "Meta has named it, and polls fail",
            {**well, series(REASON, sender(WABA)): "1x10 stale", series(REASON_BEFORE, sender(WABA)): "_x11 1x99"},
            {"10m": yes, "50m": yes},
        ),
        case(
            "resolves",
            "Meta no longer names it",
            {**well, series(REASON, sender(WABA)): "1x15 stale"},
            {"15m": yes, "30m": yes, "31m": NO},
        ),
        case(
            "resolves",
            "Meta no longer names it, after polls that failed",
            {**well, series(REASON_BEFORE, sender(WABA)): "1x15 stale"},
            {"15m": yes, "30m": yes, "31m": NO},
        ),
    )


def spam() -> tuple[Case, ...]:
    case = cases_of("WhatsAppSpamRateLimited")
    yes = told("critical", NUMBER)
    well = merged(
        *(
            tried(each) | refused(each, "4x9999", SPAM) | refused(each, "500x9999", PAYMENT)
            for each in neighbours(NUMBER)
        )
    )
    others_refused = refused(NUMBER, "500x9999", PAYMENT)
    several = (NUMBER, *others(NUMBER))
    return (
        case(
            "fires",
            "five, seen twice",
            {**well, **tried(NUMBER), **others_refused, **refused(NUMBER, "5x99", SPAM)},
            {"0m": NO, "1m": yes, "30m": yes},
        ),
        case(
            "fires",
            "each of several",
            merged(*(tried(each) | refused(each, "9x99", SPAM) for each in several)),
            {"5m": told("critical", *several)},
        ),
        case("below", "none", {**well, **tried(NUMBER), **others_refused}, {"5m": NO, "1h": NO}),
        case(
            "boundary",
            "four",
            {**well, **tried(NUMBER), **others_refused, **refused(NUMBER, "4x99", SPAM)},
            {"5m": NO, "1h": NO},
        ),
        case(
            "resolves",
            "few are refused",
            {**well, **tried(NUMBER), **refused(NUMBER, "9x15 4x99", SPAM)},
            {"15m": yes, "30m": yes, "31m": NO},
        ),
        *refusal_courses(case, SPAM, 5, yes, well),
    )


# --- answered with a stop ---------------------------------------------------------------------------------------------

OPT_OUTS: Final = "whatsapp_message_opt_outs_total"
COUNTED: Final = "waba:whatsapp_message_opt_outs:increase24h"
BOUND: Final = "waba:whatsapp_message_opt_outs:lower_bound24h"


def sent_a_day(subject: Labels, many: str) -> dict[str, str]:
    return {
        series("whatsapp_messages_attempted", subject, window="24h"): many,
        series("whatsapp_messages_attempted", subject, window="1h"): "7x9999",
    }


def stopped(subject: Labels, minute: int, many: float) -> dict[str, str]:
    """So many at once."""
    return {series(OPT_OUTS, subject, waba_id=subject["waba_id"]): counter((0, minute - 1), (many, 1), (0, 9999))}


def opt_outs() -> tuple[Case, ...]:
    case = cases_of("WhatsAppOptOutsHigh")
    yes = told("warning", WABA)
    several = (WABA, *others(WABA))
    well = merged(
        *(
            {**sent_a_day({**NUMBER, **each}, "900x9999"), series(OPT_OUTS, {**NUMBER, **each}): "0x9999"}
            for each in neighbours(WABA)
        )
    )
    # Told of little by little: what counts is their sum.
    enough = needed_for(0.02, 2000)
    return (
        case(
            "fires",
            "once the sum is there",
            {**well, **sent_a_day(NUMBER, "2000x99"), **stopped(NUMBER, 10, 99)},
            {"12m": NO, "13m": yes, "30m": yes},
        ),
        case(
            "fires",
            "just enough, of both numbers together",
            {
                **well,
                **sent_a_day(NUMBER, "900x99"),
                **sent_a_day(SECOND, "1100x99"),
                **stopped(NUMBER, 10, 30),
                **stopped(SECOND, 10, enough - 30 + PART),
            },
            {"14m": NO, "15m": yes, "30m": yes},
        ),
        case(
            "boundary",
            "just not enough",
            {**well, **sent_a_day(NUMBER, "2000x99"), **stopped(NUMBER, 10, enough - PART)},
            {"20m": NO, "40m": NO},
        ),
        case(
            "boundary",
            "of the fewest messages that make it believable",
            {**well, **sent_a_day(NUMBER, "50x99"), **stopped(NUMBER, 10, 25)},
            {"30m": yes},
        ),
        case(
            "boundary",
            "too few messages",
            {**well, **sent_a_day(NUMBER, "49x99"), **stopped(NUMBER, 10, 25)},
            {"20m": NO, "40m": NO},
        ),
        case(
            "boundary",
            "more stops than messages",
            {**well, **sent_a_day(NUMBER, "50x99"), **stopped(NUMBER, 10, 90)},
            {"30m": yes},
        ),
        case(
            "boundary",
            "twenty, and the limit of the bound itself; nineteen, however many that are of all",
            {
                series(COUNTED, several[0]): "20x99",
                series(BOUND, several[0]): "0.02001x99",
                series(COUNTED, several[1]): "19x99",
                series(BOUND, several[1]): "0.9x99",
                series(COUNTED, {"waba_id": "at the limit"}): "99x99",
                series(BOUND, {"waba_id": "at the limit"}): "0.02x99",
            },
            {"0m": NO, "1m": yes, "30m": yes},
        ),
        case(
            "boundary",
            "few, with many of others",
            {
                **merged(
                    *({series(COUNTED, each): "99x99", series(BOUND, each): "0.01x99"} for each in neighbours(WABA))
                ),
                series(COUNTED, WABA): "19x99",
                series(BOUND, WABA): "0.9x99",
            },
            {"5m": NO, "30m": NO},
        ),
        case(
            "fires",
            "each of several",
            merged(
                *(sent_a_day({**NUMBER, **each}, "900x99") | stopped({**NUMBER, **each}, 10, 99) for each in several)
            ),
            {"30m": told("warning", *several)},
        ),
        case(
            "below",
            "nobody stops them",
            {**well, **sent_a_day(NUMBER, "2000x99"), **stopped(NUMBER, 10, 0)},
            {"30m": NO},
        ),
        case(
            "unknown",
            "lost scrapes",
            {
                **well,
                **sent_a_day(NUMBER, "900x20 stale _x3 900x99"),
                series(OPT_OUTS, NUMBER): "0x9 99x10 stale _x3 99x99",
            },
            {"20m": yes, "24m": yes, "1h": yes},
        ),
        case(
            "resolves",
            "a day later",
            {**sent_a_day(NUMBER, "900x9999"), **stopped(NUMBER, 10, 99)},
            {"15m": yes, "24h30m": yes, "24h41m": yes, "24h44m": NO},
        ),
        case(
            "resolves",
            "many go out that nobody stops",
            {**well, **sent_a_day(NUMBER, "900x30 90000x99"), **stopped(NUMBER, 10, 99)},
            {"30m": yes, "60m": yes, "61m": NO},
        ),
    )


CASES: tuple[Case, ...] = (
    *share_cases(FAULTS),
    *not_bounced(),
    *share_cases(BOUNCES),
    *share_cases(SILENT_DROPS),
    *payment(),
    *spam(),
    *opt_outs(),
)
WITHOUT: dict[tuple[str, Kind], str] = {}
