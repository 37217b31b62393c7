"""The books: what all deliveries come to, as sums over all time and over recent windows, from additions only.

A tally is a set of additions. The store writes each together with the ledger entries that caused it, and the books add
it up afterwards; so what is shown is never ahead of what is stored, and a restart adds up to the same.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

# Figure, waba_id, phone_number_id ("" for the whole WABA), label ("" for none), bucket.
# A bucket is the unix second in which a stretch of time begins; 0 for a sum over all time.
TallyKey: TypeAlias = tuple[str, str, str, str, int]
Tally: TypeAlias = defaultdict[TallyKey, int]

FOR_EVER: Final = 0

# --- sums over all time, each under its metric's name -----------------------------------------------------------------

STATUSES: Final = "whatsapp_message_statuses_total"
FAILURES: Final = "whatsapp_message_failures_total"
FAILURE_CODES: Final = "whatsapp_message_failure_codes_total"
BOUNCES: Final = "whatsapp_message_bounces_total"
OPT_OUTS: Final = "whatsapp_message_opt_outs_total"
BY_CATEGORY: Final = "whatsapp_messages_by_category_total"
BY_CALLING_CODE: Final = "whatsapp_messages_by_calling_code_total"
FAILURES_BY_CALLING_CODE: Final = "whatsapp_message_failures_by_calling_code_total"
DELIVERY_SECONDS: Final = "whatsapp_message_delivery_seconds"
AUTHENTICATION_SECONDS: Final = "whatsapp_authentication_delivery_seconds"
WEBHOOK_LAG: Final = "whatsapp_webhook_lag_seconds"
WEBHOOK_EVENTS: Final = "whatsapp_webhook_events_total"
DUPLICATES: Final = "wamon_webhook_duplicates_total"
OUT_OF_ORDER: Final = "wamon_webhook_out_of_order_total"
CONTRADICTIONS: Final = "wamon_webhook_contradictions_total"
QUARANTINED: Final = "wamon_webhook_quarantined_total"
UNMONITORED: Final = "wamon_webhook_unmonitored_total"
UNRECOGNISED: Final = "wamon_webhook_unrecognised_total"

# Upper bounds of the histograms, in seconds.
DELIVERY_BOUNDS: Final = (1, 2, 5, 10, 30, 60, 300, 1800, 7200, 86400)
LAG_BOUNDS: Final = (1, 2, 5, 10, 30, 60, 300, 1800, 7200, 86400)
BOUNDS: Final[Mapping[str, tuple[int, ...]]] = {
    DELIVERY_SECONDS: DELIVERY_BOUNDS,
    AUTHENTICATION_SECONDS: DELIVERY_BOUNDS,
    WEBHOOK_LAG: LAG_BOUNDS,
}
INFINITE: Final = "+Inf"
_LABELS: Final[Mapping[tuple[int, ...], tuple[str, ...]]] = {
    bounds: (*(f"{bound}.0" for bound in bounds), INFINITE) for bounds in (DELIVERY_BOUNDS, LAG_BOUNDS)
}
# The label under which a histogram's sum is kept, in milliseconds: additions are whole numbers.
SUM: Final = "sum_ms"

# --- sums over recent windows -----------------------------------------------------------------------------------------

# By cohort: each message stands where its first status was stamped, whenever its fate is known.
ATTEMPTED: Final = "attempted"
SENT_MESSAGES: Final = "sent"
FAILED_MESSAGES: Final = "failed"
HARD_BOUNCED: Final = "hard_bounced"
SOFT_BOUNCED: Final = "soft_bounced"
# Neither delivered nor failed.
OPEN: Final = "open"
# By the moment of the event.
RECENT_CODES: Final = "codes"
RECENT_DELIVERIES: Final = "deliveries"
RECENT_AUTHENTICATION: Final = "authentication_deliveries"
RECENT_LAGS: Final = "lags"
RECENT_OPT_OUTS: Final = "opt_outs"
RECENT_EVENTS: Final = "events"

SLOT: Final = 300
HOUR: Final = 3600
DAY: Final = 24 * HOUR

# Up to this age every figure by cohort has buckets of one slot.
FRESH_SECONDS: Final = 2 * HOUR

# How wide the buckets are, and up to which age; what is older than the last is in no window any more.
_COHORT: Final = ((SLOT, FRESH_SECONDS), (HOUR, 26 * HOUR))
_RECENT: Final = ((SLOT, FRESH_SECONDS),)
_LEVELS: Final[Mapping[str, tuple[tuple[int, int], ...]]] = {
    ATTEMPTED: _COHORT,
    SENT_MESSAGES: _COHORT,
    FAILED_MESSAGES: _COHORT,
    HARD_BOUNCED: _COHORT,
    SOFT_BOUNCED: _COHORT,
    OPEN: (*_COHORT, (DAY, 31 * DAY)),
    RECENT_CODES: _COHORT,
    RECENT_DELIVERIES: _RECENT,
    RECENT_AUTHENTICATION: _RECENT,
    RECENT_LAGS: _RECENT,
    RECENT_OPT_OUTS: ((HOUR, 26 * HOUR),),
    RECENT_EVENTS: ((HOUR, 8 * DAY),),
}


def place(figure: str, at: float, now: float) -> int | None:
    """The bucket of a window that a moment belongs to, seen from `now`; None when it is too old for any."""
    age = now - at
    for width, until in _LEVELS[figure]:
        if age <= until:
            return int(at) // width * width
    return None


def le(bounds: tuple[int, ...], seconds: float) -> str:
    """The histogram bucket of a duration, by its upper bound as Prometheus writes it."""
    return _LABELS[bounds][bisect_left(bounds, seconds)]


def count(tally: Tally, histogram: str, waba_id: str, seconds: float) -> str:
    """Add a duration to a histogram over all time; the label of its bucket."""
    label = le(BOUNDS[histogram], seconds)
    tally[histogram, waba_id, "", label, FOR_EVER] += 1
    tally[histogram, waba_id, "", SUM, FOR_EVER] += round(seconds * 1000)
    return label


def observe(tally: Tally, histogram: str, recent: str, waba_id: str, seconds: float, at: float, now: float) -> None:
    """Add a duration to a histogram over all time, and to a recent one where `at` is still in its window."""
    label = count(tally, histogram, waba_id, seconds)
    bucket = place(recent, at, now)
    if bucket is not None:
        tally[recent, waba_id, "", label, bucket] += 1


def observe_lags(tally: Tally, lags: Iterable[tuple[str, float, float]]) -> None:
    """Add lags to their histograms, each with its waba_id, in seconds, and when it was observed: at that very moment.

    Every status has one, so they are summed up before they reach the tally.
    """
    counts: defaultdict[tuple[str, str, float], int] = defaultdict(int)
    sums: defaultdict[str, int] = defaultdict(int)
    labels = _LABELS[LAG_BOUNDS]
    for waba_id, seconds, at in lags:
        counts[waba_id, labels[bisect_left(LAG_BOUNDS, seconds)], at // SLOT] += 1
        sums[waba_id] += round(seconds * 1000)
    for (waba_id, label, slot), amount in counts.items():
        tally[WEBHOOK_LAG, waba_id, "", label, FOR_EVER] += amount
        tally[RECENT_LAGS, waba_id, "", label, int(slot) * SLOT] += amount
    for waba_id, milliseconds in sums.items():
        tally[WEBHOOK_LAG, waba_id, "", SUM, FOR_EVER] += milliseconds


Series: TypeAlias = dict[int, int]


class Books:
    """Everything that was tallied so far. It belongs to one thread; `apply` is called after the commit."""

    def __init__(self, tallied: Mapping[TallyKey, int] | None = None) -> None:
        self._totals: dict[TallyKey, int] = {}
        self._windows: dict[tuple[str, str], dict[tuple[str, str], Series]] = {}
        self._changed_totals: set[TallyKey] = set()
        self._touched: set[tuple[str, str]] = set()
        self._queue: list[tuple[str, str]] = []
        self.apply(tallied or {})

    def apply(self, tally: Mapping[TallyKey, int]) -> None:
        """Add a tally up."""
        totals, windows, changed, touched = self._totals, self._windows, self._changed_totals, self._touched
        for key, amount in tally.items():
            figure, waba_id, number, label, bucket = key
            if bucket == FOR_EVER:
                totals[key] = totals.get(key, 0) + amount
                changed.add(key)
                continue
            whose = waba_id, number
            touched.add(whose)
            own = windows.get(whose)
            if own is None:
                own = windows[whose] = {}
            series = own.get((figure, label))
            if series is None:
                series = own[figure, label] = {}
            value = series.get(bucket, 0) + amount
            if value:
                series[bucket] = value
            else:
                series.pop(bucket, None)

    @property
    def totals(self) -> Mapping[TallyKey, int]:
        return self._totals

    def changed_totals(self) -> dict[TallyKey, int]:
        """The sums that changed since the last call."""
        changed = {key: self._totals[key] for key in self._changed_totals}
        self._changed_totals.clear()
        return changed

    def touched(self) -> set[tuple[str, str]]:
        """The (waba_id, phone_number_id) whose windows changed since the last call; "" is the WABA as a whole."""
        touched, self._touched = self._touched, set()
        return touched

    def whose(self) -> Iterable[tuple[str, str]]:
        """Every (waba_id, phone_number_id) that has windows."""
        return self._windows.keys()

    def windowed(self, waba_id: str, number: str, figure: str, *, since: float, until: float | None = None) -> int:
        """The sum of a figure without labels over the buckets that begin in [since, until)."""
        series = self._windows.get((waba_id, number), {}).get((figure, ""), {})
        if until is None:
            return sum(value for bucket, value in series.items() if bucket >= since)
        return sum(value for bucket, value in series.items() if since <= bucket < until)

    def by_label(self, waba_id: str, number: str, figure: str, *, since: float) -> dict[str, int]:
        """The sums of a figure by its labels over the buckets that begin at `since` or later; empty ones left out."""
        own = self._windows.get((waba_id, number), {})
        sums = {
            label: sum(value for bucket, value in series.items() if bucket >= since)
            for (name, label), series in own.items()
            if name == figure
        }
        return {label: value for label, value in sums.items() if value}

    def buckets(self, waba_id: str, number: str, figure: str) -> list[int]:
        """Where the buckets of a figure without labels begin, in order."""
        return sorted(self._windows.get((waba_id, number), {}).get((figure, ""), {}))

    def compaction(self, now: float, *, limit: int = 500) -> Tally:
        """The additions that move what has aged into wider buckets and out of the windows; empty when nothing has.

        Store it, then apply it. It looks at `limit` windows a call, in turn, so that a large fleet stalls nobody; what
        waits for its turn stands in a narrower bucket than it must, which changes no figure.
        """
        if not self._queue:
            self._queue = list(self._windows)
        turn, self._queue = self._queue[:limit], self._queue[limit:]
        tally: Tally = defaultdict(int)
        # A bucket is as young as the youngest moment in it.
        then = now - SLOT
        for whose in turn:
            own = self._windows.get(whose, {})
            for name, series in list(own.items()):
                for bucket, value in series.items():
                    target = place(name[0], bucket, then)
                    if target != bucket:
                        tally[name[0], *whose, name[1], bucket] -= value
                        if target is not None:
                            tally[name[0], *whose, name[1], target] += value
                if not series:
                    del own[name]
            if not own:
                self._windows.pop(whose, None)
        return tally
