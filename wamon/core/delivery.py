"""The delivery ledger: the forward-only life of one message to one recipient, and what each status adds to the books.

A status proves the ones before it: read or played proves delivered and sent, delivered proves sent, failed proves
nothing. Each message counts once a status, however often and in whatever order Meta tells it.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final, NamedTuple

from wamon.core import books
from wamon.core.books import Tally, place
from wamon.core.error_codes import Bounce, ErrorClass, lookup

# Plain bits, not IntFlag, whose arithmetic costs a microsecond: this runs thousands of times a second.
SENT: Final = 1
DELIVERED: Final = 2
READ: Final = 4
FAILED: Final = 8
PLAYED: Final = 16
# A recipient's stop is an entry of its own, so that it counts once too.
OPT_OUT: Final = 32

STATUS_NAMES: Final = {SENT: "sent", DELIVERED: "delivered", READ: "read", FAILED: "failed", PLAYED: "played"}

_PROVES: Final = {
    SENT: SENT,
    DELIVERED: DELIVERED | SENT,
    READ: READ | DELIVERED | SENT,
    PLAYED: PLAYED | DELIVERED | SENT,
    FAILED: FAILED,
    OPT_OUT: OPT_OUT,
}


def _all_proved(seen: int) -> int:
    proved = 0
    for status, proves in _PROVES.items():
        if seen & status:
            proved |= proves
    return proved


# By the seen bits: the bits that they prove, themselves included.
PROVED: Final = tuple(_all_proved(seen) for seen in range(2 * OPT_OUT))

AUTHENTICATION: Final = frozenset({"authentication", "authentication-international", "authentication_international"})
OTHER_CODE: Final = "other"


class Update(NamedTuple):
    """One status of one message to one recipient, as a webhook told it.

    `digest` stands for the message and its recipient (16 bytes, keyed per install). `at` is Meta's stamp in unix
    seconds, `received_at` ours. `error_code` belongs to FAILED, None where Meta gave none; `category` is the pricing
    category, `calling_code` the recipient's country code, each None where it is not told.
    """

    waba_id: str
    phone_number_id: str
    digest: bytes
    status: int
    at: int
    received_at: float
    error_code: int | None = None
    category: str | None = None
    calling_code: str | None = None


class Entry(NamedTuple):
    """What is remembered of one message to one recipient.

    `first_at` is the stamp of the status that was seen first, which decides the cohort; `seen` the bits of the statuses
    that came, `sent_at` and `delivered_at` their stamps, None for one that did not come.
    """

    digest: bytes
    first_at: int
    seen: int
    sent_at: int | None = None
    delivered_at: int | None = None
    error_code: int | None = None
    category: str | None = None


def settle(entry: Entry | None, update: Update, tally: Tally) -> Entry | None:
    """Move one message by one status, and add to `tally` what that changes in the books; None when nothing moved."""
    status = update.status
    if entry is not None and entry.seen & status:
        tally[books.DUPLICATES, "", "", "", 0] += 1
        return None
    if status == OPT_OUT:
        tally[books.OPT_OUTS, update.waba_id, update.phone_number_id, "", 0] += 1
        _windowed(tally, books.RECENT_OPT_OUTS, update, update.at)
        return Entry(update.digest, update.at, status)
    after = _moved(entry, update)
    before = 0 if entry is None else entry.seen
    if entry is None:
        _count_attempt(update, tally)
    elif status != FAILED and PROVED[before] & status:
        tally[books.OUT_OF_ORDER, "", "", "", 0] += 1
    newly = PROVED[after.seen] & ~PROVED[before]
    for bit, name in STATUS_NAMES.items():
        if newly & bit:
            tally[books.STATUSES, update.waba_id, update.phone_number_id, name, 0] += 1
    if newly & SENT:
        _windowed(tally, books.SENT_MESSAGES, update, after.first_at)
    if status == FAILED:
        _count_failure(update, tally)
    _move_outcome(entry, after, update, tally)
    if after.category is not None and (entry is None or entry.category is None):
        tally[books.BY_CATEGORY, update.waba_id, "", after.category, 0] += 1
    _time_delivery(entry, after, update, tally)
    _time_webhook(update, tally)
    return after


def settle_all(entries: dict[bytes, Entry], updates: Iterable[Update]) -> tuple[dict[bytes, Entry], Tally]:
    """Move every message by its statuses, in order; the entries that moved, and what that adds to the books."""
    tally: Tally = defaultdict(int)
    moved: dict[bytes, Entry] = {}
    for update in updates:
        digest = update.digest
        after = settle(moved.get(digest) or entries.get(digest), update, tally)
        if after is not None:
            moved[digest] = after
    return moved, tally


def _moved(entry: Entry | None, update: Update) -> Entry:
    status, at = update.status, update.at
    if entry is None:
        return Entry(
            update.digest,
            at,
            status,
            at if status == SENT else None,
            at if status == DELIVERED else None,
            update.error_code if status == FAILED else None,
            update.category,
        )
    return Entry(
        entry.digest,
        entry.first_at,
        entry.seen | status,
        at if status == SENT else entry.sent_at,
        at if status == DELIVERED else entry.delivered_at,
        update.error_code if status == FAILED else entry.error_code,
        entry.category or update.category,
    )


def _count_attempt(update: Update, tally: Tally) -> None:
    _windowed(tally, books.ATTEMPTED, update, update.at)
    if update.calling_code is not None:
        tally[books.BY_CALLING_CODE, update.waba_id, "", update.calling_code, 0] += 1


def _count_failure(update: Update, tally: Tally) -> None:
    waba_id, number = update.waba_id, update.phone_number_id
    code = code_label(update.error_code)
    tally[books.FAILURES, waba_id, number, error_class(update.error_code), 0] += 1
    tally[books.FAILURE_CODES, waba_id, "", code, 0] += 1
    _windowed(tally, books.RECENT_CODES, update, update.at, label=code)
    bounce = bounce_of(update.error_code)
    if bounce is not Bounce.NONE:
        tally[books.BOUNCES, waba_id, number, bounce, 0] += 1
    if update.calling_code is not None:
        tally[books.FAILURES_BY_CALLING_CODE, waba_id, "", update.calling_code, 0] += 1


def _move_outcome(entry: Entry | None, after: Entry, update: Update, tally: Tally) -> None:
    """Move the message within its cohort: from open to failed or delivered; delivered beats failed, whichever came
    last."""
    before_figures = () if entry is None else _outcome(entry)
    after_figures = _outcome(after)
    if before_figures == after_figures:
        is_contradiction = update.status == FAILED and bool(PROVED[after.seen] & DELIVERED)
    else:
        for figure in before_figures:
            _windowed(tally, figure, update, after.first_at, amount=-1)
        for figure in after_figures:
            _windowed(tally, figure, update, after.first_at)
        is_contradiction = books.FAILED_MESSAGES in before_figures
    if is_contradiction:
        tally[books.CONTRADICTIONS, "", "", "", 0] += 1


def _outcome(entry: Entry) -> tuple[str, ...]:
    """The figures of its cohort that a message stands in."""
    proved = PROVED[entry.seen]
    if proved & DELIVERED:
        return ()
    if proved & FAILED:
        match bounce_of(entry.error_code):
            case Bounce.HARD:
                return (books.FAILED_MESSAGES, books.HARD_BOUNCED)
            case Bounce.SOFT:
                return (books.FAILED_MESSAGES, books.SOFT_BOUNCED)
        return (books.FAILED_MESSAGES,)
    return (books.OPEN,)


def _time_delivery(entry: Entry | None, after: Entry, update: Update, tally: Tally) -> None:
    """Meta's own stamps, delivered minus sent, once both came; a message that was only read has no delivery time."""
    if after.sent_at is None or after.delivered_at is None:
        return
    if entry is not None and entry.sent_at is not None and entry.delivered_at is not None:
        return
    seconds = max(after.delivered_at - after.sent_at, 0)
    books.observe(tally, books.DELIVERY_SECONDS, update.waba_id, seconds)
    pace = books.RECENT_AUTHENTICATION if after.category in AUTHENTICATION else books.RECENT_DELIVERIES
    bucket = place(pace, after.delivered_at, update.received_at)
    if bucket is not None:
        tally[pace, update.waba_id, "", books.le(books.DELIVERY_BOUNDS, seconds), bucket] += 1


def _time_webhook(update: Update, tally: Tally) -> None:
    lag = max(update.received_at - update.at, 0.0)
    books.observe(tally, books.WEBHOOK_LAG, update.waba_id, lag)
    bucket = place(books.RECENT_LAGS, update.received_at, update.received_at)
    if bucket is not None:
        tally[books.RECENT_LAGS, update.waba_id, "", books.le(books.LAG_BOUNDS, lag), bucket] += 1


def _windowed(tally: Tally, figure: str, update: Update, at: int, *, label: str = "", amount: int = 1) -> None:
    bucket = place(figure, at, update.received_at)
    if bucket is not None:
        tally[figure, update.waba_id, update.phone_number_id, label, bucket] += amount


def code_label(code: int | None) -> str:
    """The code as a metric label: one of the table's, `other` for any other, so that the labels stay bounded."""
    return str(code) if code is not None and lookup(code) is not None else OTHER_CODE


def error_class(code: int | None) -> ErrorClass:
    row = None if code is None else lookup(code)
    return ErrorClass.UNKNOWN if row is None else row.error_class


def bounce_of(code: int | None) -> Bounce:
    row = None if code is None else lookup(code)
    return Bounce.NONE if row is None else row.bounce
