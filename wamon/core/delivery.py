"""The delivery ledger: the forward-only life of one message to one recipient, and what each status adds to the books.

A status proves the ones before it: read or played proves delivered and sent, delivered proves sent, failed proves
nothing. Each message counts once a status, however often and in whatever order Meta tells it.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final, NamedTuple

from wamon.core import books
from wamon.core.books import FOR_EVER, FRESH_SECONDS, SLOT, Tally, place
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

# By the seen bits and a further status: the names of the statuses that it adds to what is proved.
_NEWLY: Final = tuple(
    {
        status: tuple(name for bit, name in STATUS_NAMES.items() if proves & bit & ~PROVED[seen])
        for status, proves in _PROVES.items()
    }
    for seen in range(2 * OPT_OUT)
)


class _Move(NamedTuple):
    """What a status changes: what is newly proved, and for a message that never failed its place in its cohort."""

    newly: tuple[str, ...]
    enters: tuple[str, ...]
    leaves: tuple[str, ...]


def _move(seen: int, status: int) -> _Move:
    if (seen | status) & FAILED:
        return _Move(_NEWLY[seen][status], (), ())
    before, after = PROVED[seen], PROVED[seen | status]
    was_open, is_open = bool(seen) and not before & DELIVERED, not after & DELIVERED
    enters = (
        *(() if seen else (books.ATTEMPTED,)),
        *((books.SENT_MESSAGES,) if after & SENT & ~before else ()),
        *((books.OPEN,) if is_open and not was_open else ()),
    )
    return _Move(_NEWLY[seen][status], enters, (books.OPEN,) if was_open and not is_open else ())


# By the seen bits and a further status. Nearly all that comes is one of a few moves, so they are worked out beforehand.
_MOVES: Final = tuple({status: _move(seen, status) for status in _PROVES} for seen in range(2 * OPT_OUT))

_NOWHERE: Final[tuple[str, ...]] = ()
_OPEN: Final = (books.OPEN,)
_FAILED_AS: Final = {
    Bounce.HARD: (books.FAILED_MESSAGES, books.HARD_BOUNCED),
    Bounce.SOFT: (books.FAILED_MESSAGES, books.SOFT_BOUNCED),
    Bounce.NONE: (books.FAILED_MESSAGES,),
}
_DUPLICATE: Final = (books.DUPLICATES, "", "", "", FOR_EVER)
_LATE: Final = (books.OUT_OF_ORDER, "", "", "", FOR_EVER)
_CONTRADICTION: Final = (books.CONTRADICTIONS, "", "", "", FOR_EVER)

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
    waba_id, _, digest, status, at, _, error_code, category, calling_code = update
    if entry is None:
        if status == OPT_OUT:
            return _opt_out(update, tally)
        before, first_at, sent_at, delivered_at, known_code, known_category = 0, at, None, None, None, None
        if calling_code is not None:
            tally[books.BY_CALLING_CODE, waba_id, "", calling_code, FOR_EVER] += 1
    else:
        _, first_at, before, sent_at, delivered_at, known_code, known_category = entry
        if before & status:
            tally[_DUPLICATE] += 1
            return None
        if status != FAILED and PROVED[before] & status:
            tally[_LATE] += 1
    if status == SENT:
        sent_at = at
    elif status == DELIVERED:
        delivered_at = at
    elif status == FAILED:
        known_code = error_code
        _count_failure(update, tally)
    if known_category is None and category is not None:
        known_category = category
        tally[books.BY_CATEGORY, waba_id, "", category, FOR_EVER] += 1
    seen = before | status
    after = Entry(digest, first_at, seen, sent_at, delivered_at, known_code, known_category)
    _count_move(_MOVES[before][status], update, first_at, tally)
    if seen & FAILED:
        _move_failed(before, entry, after, update, tally)
    if sent_at is not None and delivered_at is not None and status & (SENT | DELIVERED):
        _time_delivery(sent_at, delivered_at, known_category, update, tally)
    return after


def settle_all(entries: dict[bytes, Entry], updates: Iterable[Update]) -> tuple[dict[bytes, Entry], Tally]:
    """Move every message by its statuses, in order; the entries that moved, and what that adds to the books."""
    tally: Tally = defaultdict(int)
    moved: dict[bytes, Entry] = {}
    lags: list[tuple[str, float, float]] = []
    for update in updates:
        digest = update.digest
        after = settle(moved.get(digest) or entries.get(digest), update, tally)
        if after is not None:
            moved[digest] = after
            if after.seen != OPT_OUT:
                # A clock of ours that lags behind Meta's is no webhook from the future.
                lags.append((update.waba_id, max(update.received_at - update.at, 0.0), update.received_at))
    books.observe_lags(tally, lags)
    return moved, tally


def _opt_out(update: Update, tally: Tally) -> Entry:
    tally[books.OPT_OUTS, update.waba_id, update.phone_number_id, "", FOR_EVER] += 1
    bucket = place(books.RECENT_OPT_OUTS, update.at, update.received_at)
    if bucket is not None:
        tally[books.RECENT_OPT_OUTS, update.waba_id, update.phone_number_id, "", bucket] += 1
    return Entry(update.digest, update.at, OPT_OUT)


def _count_failure(update: Update, tally: Tally) -> None:
    waba_id, number = update.waba_id, update.phone_number_id
    code = code_label(update.error_code)
    tally[books.FAILURES, waba_id, number, error_class(update.error_code), FOR_EVER] += 1
    tally[books.FAILURE_CODES, waba_id, "", code, FOR_EVER] += 1
    _windowed(tally, (books.RECENT_CODES,), update, update.at, label=code)
    bounce = bounce_of(update.error_code)
    if bounce is not Bounce.NONE:
        tally[books.BOUNCES, waba_id, number, bounce, FOR_EVER] += 1
    if update.calling_code is not None:
        tally[books.FAILURES_BY_CALLING_CODE, waba_id, "", update.calling_code, FOR_EVER] += 1


def _count_move(move: _Move, update: Update, first_at: int, tally: Tally) -> None:
    newly, enters, leaves = move
    for name in newly:
        tally[books.STATUSES, update.waba_id, update.phone_number_id, name, FOR_EVER] += 1
    if enters:
        _windowed(tally, enters, update, first_at)
    if leaves:
        _windowed(tally, leaves, update, first_at, amount=-1)


def _move_failed(before: int, entry: Entry | None, after: Entry, update: Update, tally: Tally) -> None:
    """Move a message that failed, now or before, within its cohort; delivered beats failed, whichever came last."""
    if entry is None:
        _windowed(tally, (books.ATTEMPTED,), update, after.first_at)
    if PROVED[after.seen] & SENT and not PROVED[before] & SENT:
        _windowed(tally, (books.SENT_MESSAGES,), update, after.first_at)
    leaves = _NOWHERE if entry is None else _outcome(before, entry.error_code)
    enters = _outcome(after.seen, after.error_code)
    if leaves != enters:
        _windowed(tally, leaves, update, after.first_at, amount=-1)
        _windowed(tally, enters, update, after.first_at)
        is_contradiction = books.FAILED_MESSAGES in leaves
    else:
        is_contradiction = update.status == FAILED and bool(PROVED[before] & DELIVERED)
    if is_contradiction:
        tally[_CONTRADICTION] += 1


def _outcome(seen: int, error_code: int | None) -> tuple[str, ...]:
    """The figures of its cohort that a message stands in."""
    if PROVED[seen] & DELIVERED:
        return _NOWHERE
    if seen & FAILED:
        return _FAILED_AS[bounce_of(error_code)]
    return _OPEN


def _time_delivery(sent_at: int, delivered_at: int, category: str | None, update: Update, tally: Tally) -> None:
    """Meta's own stamps, delivered minus sent, once both came; a message that was only read has no delivery time."""
    seconds = max(delivered_at - sent_at, 0)
    if category in AUTHENTICATION:
        recent = books.RECENT_AUTHENTICATION
        books.count(tally, books.AUTHENTICATION_SECONDS, update.waba_id, seconds)
    else:
        recent = books.RECENT_DELIVERIES
    books.observe(tally, books.DELIVERY_SECONDS, recent, update.waba_id, seconds, delivered_at, update.received_at)


def _windowed(
    tally: Tally, names: tuple[str, ...], update: Update, at: int, *, label: str = "", amount: int = 1
) -> None:
    """Add to figures by cohort where a moment stands."""
    waba_id, number = update.waba_id, update.phone_number_id
    if update.received_at - at <= FRESH_SECONDS:
        slot = at // SLOT * SLOT
        for figure in names:
            tally[figure, waba_id, number, label, slot] += amount
        return
    for figure in names:
        bucket = place(figure, at, update.received_at)
        if bucket is not None:
            tally[figure, waba_id, number, label, bucket] += amount


def code_label(code: int | None) -> str:
    """The code as a metric label: one of the table's, `other` for any other, so that the labels stay bounded."""
    return str(code) if code is not None and lookup(code) is not None else OTHER_CODE


def error_class(code: int | None) -> ErrorClass:
    row = None if code is None else lookup(code)
    return ErrorClass.UNKNOWN if row is None else row.error_class


def bounce_of(code: int | None) -> Bounce:
    row = None if code is None else lookup(code)
    return Bounce.NONE if row is None else row.bounce
