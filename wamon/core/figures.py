"""What the books say at a moment, as readings: ratios, open messages, recent failures, and what the rules judge by."""

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from wamon.core import books
from wamon.core.books import DAY, HOUR, SLOT, Books
from wamon.core.health import Gauge, GaugeMap, Reading, Signal, Subject, SubjectKind

WINDOWS: Final[Mapping[str, int]] = {"1h": HOUR, "24h": DAY}
# Below this many messages a ratio says more about chance than about the number.
MIN_VOLUME: Final = 50

# --- a phone number's -------------------------------------------------------------------------------------------------

MESSAGES_ATTEMPTED = Signal(
    name="whatsapp_messages_attempted",
    kind=SubjectKind.PHONE_NUMBER,
    shape=GaugeMap("window"),
    help="Distinct messages whose first status falls into the window that ends now.",
    keeps_history=False,
    is_derived=True,
)
MESSAGES_FAILED = Signal(
    name="whatsapp_messages_failed",
    kind=SubjectKind.PHONE_NUMBER,
    shape=GaugeMap("window"),
    help="Of the messages attempted in the window, those that failed and were not delivered after all.",
    keeps_history=False,
    is_derived=True,
)
MESSAGES_BOUNCED = Signal(
    name="whatsapp_messages_bounced",
    kind=SubjectKind.PHONE_NUMBER,
    shape=GaugeMap("window"),
    help="Of the messages attempted in the window, those that failed for a reason on the recipient's side.",
    keeps_history=False,
    is_derived=True,
)
FAILURE_RATIO = Signal(
    name="whatsapp_message_failure_ratio",
    kind=SubjectKind.PHONE_NUMBER,
    shape=GaugeMap("window"),
    help=f"Failed messages per attempted one, by cohort; absent below {MIN_VOLUME} messages.",
    keeps_history=False,
    is_derived=True,
)
BOUNCE_RATIO = Signal(
    name="whatsapp_message_bounce_ratio",
    kind=SubjectKind.PHONE_NUMBER,
    shape=GaugeMap("window"),
    help="Messages that failed for a reason on the recipient's side per attempted one, by cohort; "
    f"absent below {MIN_VOLUME} messages.",
    keeps_history=False,
    is_derived=True,
)
HARD_BOUNCE_RATIO = Signal(
    name="whatsapp_message_hard_bounce_ratio",
    kind=SubjectKind.PHONE_NUMBER,
    shape=GaugeMap("window"),
    help="The part of the bounce ratio whose recipients cannot be reached at all: stop sending to them.",
    keeps_history=False,
    is_derived=True,
    is_optional=True,
)
SOFT_BOUNCE_RATIO = Signal(
    name="whatsapp_message_soft_bounce_ratio",
    kind=SubjectKind.PHONE_NUMBER,
    shape=GaugeMap("window"),
    help="The part of the bounce ratio whose recipients could not be reached this time.",
    keeps_history=False,
    is_derived=True,
    is_optional=True,
)
MESSAGES_OPEN = Signal(
    name="whatsapp_messages_open",
    kind=SubjectKind.PHONE_NUMBER,
    shape=GaugeMap("age"),
    help="Messages sent and neither delivered nor failed so far, by the age of their first status.",
    keeps_history=False,
    is_derived=True,
)
MESSAGES_SENT = Signal(
    name="whatsapp_messages_sent",
    kind=SubjectKind.PHONE_NUMBER,
    shape=GaugeMap("age"),
    help="Messages sent, by their age, whatever became of them: whatsapp_messages_open of that age is a part of them.",
    keeps_history=False,
    is_derived=True,
)
RECENT_FAILURES = Signal(
    name="whatsapp_message_recent_failures",
    kind=SubjectKind.PHONE_NUMBER,
    shape=GaugeMap("code"),
    help="Failed statuses of the last hour by Meta's error code; codes that wamon does not know are `other`.",
    keeps_history=False,
    is_derived=True,
)

# --- a WABA's ---------------------------------------------------------------------------------------------------------

WABA_RECENT_FAILURES = Signal(
    name="whatsapp_waba_message_recent_failures",
    kind=SubjectKind.WABA,
    shape=GaugeMap("code"),
    help="Failed statuses of the last hour of all numbers of the account by code, for the rules.",
    keeps_history=False,
    is_derived=True,
    is_exported=False,
)
DELIVERY_PACE = Signal(
    name="whatsapp_waba_delivery_pace",
    kind=SubjectKind.WABA,
    shape=GaugeMap("figure"),
    help="Delivery times, webhook lag and opt-outs of the last minutes, for the rules.",
    keeps_history=False,
    is_derived=True,
    is_exported=False,
)
ACTIVE_SECONDS = Signal(
    name="whatsapp_webhook_active_seconds",
    kind=SubjectKind.WABA,
    shape=Gauge(),
    help="How much of the last week are hours in which webhooks came; the less, the less their absence says.",
    keeps_history=False,
    is_derived=True,
)
LONGEST_GAP = Signal(
    name="whatsapp_webhook_longest_gap_seconds",
    kind=SubjectKind.WABA,
    shape=Gauge(),
    help="The longest time between two webhooks in the last week, in whole hours; 0 before there were two.",
    keeps_history=False,
    is_derived=True,
)
LAST_EVENT = Signal(
    name="whatsapp_webhook_last_event_timestamp_seconds",
    kind=SubjectKind.WABA,
    shape=GaugeMap("field"),
    help="When the last webhook of this field arrived for this account; absent before the first.",
    keeps_history=False,
    is_event=True,
)

# --- the receiver's ---------------------------------------------------------------------------------------------------

RECEIVER_TALLY = Signal(
    name="wamon_webhook_receiver_tally",
    kind=SubjectKind.INSTANCE,
    shape=GaugeMap("figure"),
    help="Webhook requests of the last minutes with a good and with a bad signature, for the rules.",
    keeps_history=False,
    is_derived=True,
    is_exported=False,
)

SIGNALS: tuple[Signal[Any], ...] = (
    MESSAGES_ATTEMPTED,
    MESSAGES_FAILED,
    MESSAGES_BOUNCED,
    FAILURE_RATIO,
    BOUNCE_RATIO,
    HARD_BOUNCE_RATIO,
    SOFT_BOUNCE_RATIO,
    MESSAGES_OPEN,
    MESSAGES_SENT,
    RECENT_FAILURES,
    WABA_RECENT_FAILURES,
    DELIVERY_PACE,
    ACTIVE_SECONDS,
    LONGEST_GAP,
    LAST_EVENT,
    RECEIVER_TALLY,
)

QUARTER: Final = 900
# The age of messages that should have arrived, as whatsapp_messages_open names it.
RIPE: Final = "15m_1h"
# Shorter than the pace rules wait: a burst of late arrivals, when a stop is caught up, is no lasting lateness.
PACE_SECONDS: Final = SLOT


def readings(kept: Books, whose: Iterable[tuple[str, str]], now: float) -> Iterator[Reading]:
    """The figures of these (waba_id, phone_number_id) at `now`, in unix seconds.

    Those of a WABA follow for every WABA that is named or has a number named.
    """
    wabas: dict[str, None] = {}
    for waba_id, number in whose:
        wabas[waba_id] = None
        if number:
            yield from _number_readings(kept, waba_id, number, now)
    numbers: dict[str, list[str]] = {waba_id: [] for waba_id in wabas}
    for waba_id, number in kept.whose():
        if waba_id in numbers and number:
            numbers[waba_id].append(number)
    for waba_id, own in numbers.items():
        yield from _waba_readings(kept, waba_id, own, now)


def _number_readings(kept: Books, waba_id: str, number: str, now: float) -> Iterator[Reading]:
    subject = Subject.phone_number(waba_id, number)
    counts = {window: _cohort(kept, waba_id, number, now, length) for window, length in WINDOWS.items()}
    attempted = {window: float(own[books.ATTEMPTED]) for window, own in counts.items()}
    judged = {window: own for window, own in counts.items() if own[books.ATTEMPTED] >= MIN_VOLUME}

    def ratio(signal: Signal[Mapping[str, float]], *figures: str) -> Reading:
        shares = {
            window: sum(own[figure] for figure in figures) / own[books.ATTEMPTED] for window, own in judged.items()
        }
        return signal.reading(subject, shares or None)

    yield MESSAGES_ATTEMPTED.reading(subject, attempted)
    yield MESSAGES_FAILED.reading(
        subject, {window: float(own[books.FAILED_MESSAGES]) for window, own in counts.items()}
    )
    yield MESSAGES_BOUNCED.reading(
        subject, {window: float(own[books.HARD_BOUNCED] + own[books.SOFT_BOUNCED]) for window, own in counts.items()}
    )
    yield ratio(FAILURE_RATIO, books.FAILED_MESSAGES)
    yield ratio(BOUNCE_RATIO, books.HARD_BOUNCED, books.SOFT_BOUNCED)
    yield ratio(HARD_BOUNCE_RATIO, books.HARD_BOUNCED)
    yield ratio(SOFT_BOUNCE_RATIO, books.SOFT_BOUNCED)
    yield MESSAGES_OPEN.reading(subject, _open_by_age(kept, waba_id, number, now))
    sent = kept.windowed(waba_id, number, books.SENT_MESSAGES, since=_slot(now - HOUR), until=_slot(now - QUARTER))
    yield MESSAGES_SENT.reading(subject, {RIPE: float(max(sent, 0))})
    codes = kept.by_label(waba_id, number, books.RECENT_CODES, since=_window_start(now, HOUR))
    yield RECENT_FAILURES.reading(subject, {code: float(count) for code, count in codes.items()})


def _cohort(kept: Books, waba_id: str, number: str, now: float, length: int) -> dict[str, int]:
    since = _window_start(now, length)
    figures = (books.ATTEMPTED, books.FAILED_MESSAGES, books.HARD_BOUNCED, books.SOFT_BOUNCED)
    return {figure: max(kept.windowed(waba_id, number, figure, since=since), 0) for figure in figures}


def _window_start(now: float, length: int) -> int:
    """Windows begin with a whole bucket: the hour is up to five minutes longer, the day up to an hour."""
    width = SLOT if length <= HOUR else HOUR
    return int(now - length) // width * width


def _open_by_age(kept: Books, waba_id: str, number: str, now: float) -> dict[str, float]:
    def between(oldest: float | None, youngest: float) -> float:
        since = 0 if oldest is None else _slot(now - oldest)
        until = None if youngest == 0 else _slot(now - youngest)
        return float(max(kept.windowed(waba_id, number, books.OPEN, since=since, until=until), 0))

    return {
        "lt15m": between(QUARTER, 0),
        RIPE: between(HOUR, QUARTER),
        "1h_24h": between(DAY, HOUR),
        "gt24h": between(None, DAY),
    }


def _slot(at: float) -> int:
    return int(at) // SLOT * SLOT


def _waba_readings(kept: Books, waba_id: str, numbers: list[str], now: float) -> Iterator[Reading]:
    subject = Subject.waba(waba_id)
    codes: dict[str, float] = {}
    attempted = {"1h": 0, "24h": 0}
    opt_outs = 0
    for number in numbers:
        since = _window_start(now, HOUR)
        for code, count in kept.by_label(waba_id, number, books.RECENT_CODES, since=since).items():
            codes[code] = codes.get(code, 0.0) + count
        day = _window_start(now, DAY)
        attempted["1h"] += kept.windowed(waba_id, number, books.ATTEMPTED, since=since)
        attempted["24h"] += kept.windowed(waba_id, number, books.ATTEMPTED, since=day)
        opt_outs += kept.windowed(waba_id, number, books.RECENT_OPT_OUTS, since=day)
    yield WABA_RECENT_FAILURES.reading(subject, codes)
    since = _slot(now - PACE_SECONDS)
    deliveries = kept.by_label(waba_id, "", books.RECENT_DELIVERIES, since=since)
    authentication = kept.by_label(waba_id, "", books.RECENT_AUTHENTICATION, since=since)
    lags = kept.by_label(waba_id, "", books.RECENT_LAGS, since=since)
    yield DELIVERY_PACE.reading(
        subject,
        {
            "attempted_1h": float(attempted["1h"]),
            "attempted_24h": float(attempted["24h"]),
            "opt_outs_24h": float(opt_outs),
            **_pace("delivery", deliveries, books.DELIVERY_BOUNDS),
            **_pace("authentication", authentication, books.DELIVERY_BOUNDS),
            **_pace("lag", lags, books.LAG_BOUNDS),
        },
    )
    hours = _last_week(kept.buckets(waba_id, "", books.RECENT_EVENTS), now)
    yield ACTIVE_SECONDS.reading(subject, float(len(hours) * HOUR))
    yield LONGEST_GAP.reading(subject, float(max((later - earlier for earlier, later in pairwise(hours)), default=0)))


def _pace(name: str, counts: Mapping[str, int], bounds: tuple[int, ...]) -> dict[str, float]:
    """How many there were, and their 95th percentile in seconds where there was any."""
    total = float(sum(counts.values()))
    if not total:
        return {f"{name}_count": 0.0}
    return {f"{name}_count": total, f"{name}_p95": quantile(0.95, counts, bounds)}


def _last_week(hours: list[int], now: float) -> list[int]:
    """The hours of the last week in which webhooks came; hours ahead are those of a clock that has gone back since."""
    return [hour for hour in hours if now - 7 * DAY <= hour <= now]


def quantile(q: float, counts: Mapping[str, int], bounds: tuple[int, ...]) -> float:
    """The q-quantile of a histogram, linear within a bucket as Prometheus has it; the last bound beyond all of them.

    Raises ValueError for an empty histogram.
    """
    total = sum(counts.values())
    if not total:
        raise ValueError("a quantile of nothing")
    rank = q * total
    below = 0.0
    lower = 0
    for bound in bounds:
        own = counts.get(f"{bound}.0", 0)
        if own and below + own >= rank:
            return lower + (bound - lower) * (rank - below) / own
        below += own
        lower = bound
    return float(bounds[-1])


def wilson_lower_bound(hits: float, total: float, *, z: float = 1.96) -> float:
    """The least ratio that `hits` of `total` make believable at 95 %: 1 of 2 is not half. 0 of 0 is 0.

    Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.
    """
    if total <= 0:
        return 0.0
    share = hits / total
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return max((share + z * z / (2 * total) - spread) / (1 + z * z / total), 0.0)
