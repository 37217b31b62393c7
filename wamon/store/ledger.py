"""The ledger's tables: an entry for each message, the books, and the journal through which additions reach both.

A commit appends one row to the journal: the entries that moved, and what that adds to the books. A row for each message
and each sum would touch as many pages, which costs more than all the rest of a commit together. `fold` carries the
journal into the tables later, in slices, when a message that was sent, delivered and read in between is one row, not
three. Until then `Unfolded` holds what the journal says and the tables do not; after a crash it is read back.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from sqlite3 import Connection
from typing import Final, NamedTuple

from wamon.core.books import DAY, HOUR, Tally, TallyKey
from wamon.core.delivery import SENT, Entry, Update, settle_all
from wamon.core.ports import Quarantined
from wamon.store.rows import Row, microseconds, moment, plain

# Beyond these a stamp is a slip, and the message lies at the day of its receipt.
_LONGEST_PAST: Final = 40 * DAY
_LONGEST_AHEAD: Final = DAY

# A message is sent before all else, but Meta's machines need not agree to the second.
_SENT_LATE: Final = HOUR

# SQLite's whole numbers have 64 bits.
_LARGEST: Final = 2**63 - 1
_EVER: Final = -_LARGEST

_QUARANTINE_ROWS: Final = 1000

# So many at once hold the store's thread for some ten milliseconds.
_ENTRIES_A_SLICE: Final = 1000
_SUMS_A_SLICE: Final = 500

# A category by its place here, which takes one byte of a row less than none; any other is kept as its text.
# The place is what is stored: only ever append.
_CATEGORIES: Final = ("marketing", "utility", "authentication", "service", "authentication-international")
_CATEGORY_CODES: Final[Mapping[str | None, int]] = {name: code for code, name in enumerate(_CATEGORIES)}

_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))
_ENTRY_FIELDS: Final = 8
_SUM_FIELDS: Final = 6


def _find_statement(digests: int) -> str:
    return f"""
        WITH days (day) AS (SELECT value FROM json_each(?)),
            wanted (digest) AS (VALUES {", ".join(["(?)"] * digests)})
        SELECT day, digest, first_at, seen, sent_at, delivered_at, error_code, category
        FROM days CROSS JOIN wanted CROSS JOIN messages USING (day, digest)
    """  # noqa: S608 - placeholders only


# By how many messages they look for, so that few statements serve every number; one statement for many takes half the
# time of one for each.
_FIND: Final = {digests: _find_statement(digests) for digests in (128, 64, 32, 16, 8, 4, 2, 1)}

_APPEND = "INSERT INTO tally_journal VALUES (?, ?, ?)"
_JOURNAL = "SELECT seq, tally, entries FROM tally_journal ORDER BY seq"
_CLEAR_JOURNAL = "DELETE FROM tally_journal WHERE seq <= ?"

_PUT_MESSAGE = "REPLACE INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
# One seek a day: DISTINCT would read every row.
_DAYS = """
    WITH RECURSIVE days (day) AS (
        SELECT min(day) FROM messages
        UNION ALL
        SELECT (SELECT min(m.day) FROM messages m WHERE m.day > days.day) FROM days WHERE days.day IS NOT NULL
    )
    SELECT day FROM days WHERE day IS NOT NULL
"""

_ADD_SUM = """
    INSERT INTO tallies (figure, waba_id, phone_number_id, label, bucket, value) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET value = value + excluded.value
"""
_DROP_ZERO = """
    DELETE FROM tallies
    WHERE figure = ? AND waba_id = ? AND phone_number_id = ? AND label = ? AND bucket = ? AND value = 0
"""
_SUMS = "SELECT figure, waba_id, phone_number_id, label, bucket, value FROM tallies"

_INSTALL_ID = "SELECT install_id FROM instance"

_ADD_NOTICE = "INSERT OR IGNORE INTO notices (digest, at) VALUES (?, ?)"
_HAS_NOTICE = "SELECT 1 FROM notices WHERE digest = ?"
_PRUNE_NOTICES = "DELETE FROM notices WHERE digest IN (SELECT digest FROM notices WHERE at < ? LIMIT ?)"

_ADD_QUARANTINED = "INSERT INTO quarantine (at, reason, skeleton) VALUES (?, ?, ?)"
_BOUND_QUARANTINE = """
    DELETE FROM quarantine WHERE id <= (SELECT id FROM quarantine ORDER BY id DESC LIMIT 1 OFFSET ?)
"""
_QUARANTINE = "SELECT reason, skeleton, at FROM quarantine ORDER BY id DESC LIMIT ?"
_PRUNE_QUARANTINE = "DELETE FROM quarantine WHERE id IN (SELECT id FROM quarantine WHERE at < ? LIMIT ?)"

_AFTER_SLICE = "SELECT digest FROM messages WHERE day = ? ORDER BY digest LIMIT 1 OFFSET ?"
_DELETE_SLICE = "DELETE FROM messages WHERE day = ? AND digest < ?"
_DELETE_DAY = "DELETE FROM messages WHERE day = ?"


class Placed(NamedTuple):
    """An entry and the day under which its message lies, for as long as it is kept.

    The day is that of the status that was seen first, counted from 1970; where its stamp cannot be true it is the day
    of receipt, negative.
    """

    day: int
    entry: Entry


class Recorded(NamedTuple):
    """What a commit of statuses appended to the journal."""

    seq: int
    moved: Mapping[bytes, Placed]
    tally: Tally


class Slice(NamedTuple):
    """What one transaction of a fold carried into the tables; `is_last` when the journal was cleared with it."""

    digests: Sequence[bytes]
    days: frozenset[int]
    keys: Sequence[TallyKey]
    is_carry: bool
    is_last: bool
    appended: Tally


@dataclass(slots=True)
class Unfolded:
    """What the journal holds and the tables do not, and the days that the tables have. It changes after each commit.

    What a fold is about to carry over stands apart as `folding`; what came since is newer, and is looked at first.
    """

    days: set[int] = field(default_factory=set)
    entries: dict[bytes, Placed] = field(default_factory=dict)
    tally: Tally = field(default_factory=lambda: defaultdict(int))
    folding: dict[bytes, Placed] = field(default_factory=dict)
    folding_tally: Tally = field(default_factory=lambda: defaultdict(int))
    # The digests of `folding`, the first to go at the end: pages are written in turn, and not each for one row.
    queue: list[bytes] = field(default_factory=list)
    seq: int = 0
    # The journal up to here is what is being folded.
    folding_seq: int = 0
    carries: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.entries or self.tally or self.folding or self.folding_tally)

    def add(self, recorded: Recorded) -> None:
        self.seq = recorded.seq
        self.entries.update(recorded.moved)
        _add(self.tally, recorded.tally)

    def begin_fold(self) -> None:
        """Let a fold carry over all that there is, whatever an earlier one left included."""
        self.folding.update(self.entries)
        _add(self.folding_tally, self.tally)
        self.entries, self.tally = {}, defaultdict(int)
        self.queue = sorted(self.folding, reverse=True)
        self.folding_seq = self.seq

    def folded(self, done: Slice) -> None:
        self.days |= done.days
        for digest in done.digests:
            del self.folding[digest]
        if done.digests:
            del self.queue[-len(done.digests) :]
        for key in done.keys:
            del self.folding_tally[key]
        self.carries += done.is_carry
        if done.appended:
            self.add(Recorded(self.seq + 1, {}, done.appended))


# --- statuses ---------------------------------------------------------------------------------------------------------


def record(
    connection: Connection,
    unfolded: Unfolded,
    updates: Sequence[Update],
    counted: Mapping[TallyKey, int],
    quarantined: Sequence[Quarantined],
) -> Recorded:
    """Append to the journal what the statuses move; pass the answer to `unfolded.add` after the commit."""
    entries, days = _find(connection, unfolded, updates)
    entries_moved, tally = settle_all(entries, updates)
    _add(tally, counted)
    moved = {digest: Placed(days[digest], entry) for digest, entry in entries_moved.items()}
    seq = unfolded.seq
    if tally:
        seq += 1
        connection.execute(_APPEND, (seq, _tally_text(tally.items()), _entries_text(moved.values())))
    if quarantined:
        connection.executemany(
            _ADD_QUARANTINED,
            [
                (microseconds(each.at), plain(each.reason), plain(each.skeleton))
                for each in quarantined[-_QUARANTINE_ROWS:]
            ],
        )
        connection.execute(_BOUND_QUARANTINE, (_QUARANTINE_ROWS,))
    return Recorded(seq, moved, tally)


def _find(
    connection: Connection, unfolded: Unfolded, updates: Sequence[Update]
) -> tuple[dict[bytes, Entry], dict[bytes, int]]:
    """The entries that there are of these messages, and the day of each message, there or not."""
    entries: dict[bytes, Entry] = {}
    days: dict[bytes, int] = {}
    absent: list[Update] = []
    latest, folding = unfolded.entries, unfolded.folding
    for update in updates:
        digest = update.digest
        placed = latest.get(digest) or folding.get(digest)
        if placed is None:
            absent.append(update)
        else:
            days[digest], entries[digest] = placed
    for where in (_likely, _possible) if unfolded.days else ():
        wanted: defaultdict[tuple[int, ...], list[bytes]] = defaultdict(list)
        for update, kept in where(unfolded.days, [update for update in absent if update.digest not in days]):
            wanted[kept].append(update.digest)
        for kept, digests in wanted.items():
            for day, entry in _rows(connection, kept, digests):
                days[entry.digest], entries[entry.digest] = day, entry
    for update in absent:
        if update.digest not in days:
            days[update.digest] = update.at // DAY if _is_plausible(update) else -int(update.received_at // DAY)
    return entries, days


def _likely(kept: set[int], updates: Iterable[Update]) -> Iterator[tuple[Update, tuple[int, ...]]]:
    """The day on which most messages lie: all that befalls them mostly befalls them on one day."""
    return ((update, (update.at // DAY,)) for update in updates if update.at // DAY in kept)


def _possible(kept: set[int], updates: Iterable[Update]) -> Iterator[tuple[Update, tuple[int, ...]]]:
    """All days on which they can lie.

    A message is sent before all else, so it does not lie on an earlier day than that; this spares most messages, which
    are seen for the first time, a look at every day.
    """
    since: dict[int, tuple[int, ...]] = {}
    for update in updates:
        own = update.at // DAY
        earliest = (update.at - _SENT_LATE) // DAY if update.status == SENT and _is_plausible(update) else _EVER
        days = since.get(earliest)
        if days is None:
            days = since[earliest] = tuple(sorted(day for day in kept if day >= earliest or day <= 0))
        if days and days != (own,):
            yield update, days


def _is_plausible(update: Update) -> bool:
    return -_LONGEST_AHEAD <= update.received_at - update.at <= _LONGEST_PAST


def _rows(connection: Connection, days: Sequence[int], digests: Iterable[bytes]) -> Iterator[Placed]:
    days_text = _ENCODER.encode(days)
    # In order, so that neighbours share a page.
    left = sorted(set(digests))
    for size, statement in _FIND.items():
        while len(left) >= size:
            yield from map(_placed, connection.execute(statement, (days_text, *left[:size])).fetchall())
            del left[:size]


def _placed(row: Row) -> Placed:
    day, digest, offset, seen, sent_after, delivered_after, error_code, category = row
    first_at = offset + _base(day)
    return Placed(
        day,
        Entry(
            digest,
            first_at,
            seen,
            None if sent_after is None else first_at + sent_after,
            None if delivered_after is None else first_at + delivered_after,
            error_code,
            _CATEGORIES[category] if isinstance(category, int) else category,
        ),
    )


def _row(placed: Placed) -> Row:
    """Stamps as differences, which are small, so that a row takes two thirds of the space."""
    day, (digest, first_at, seen, sent_at, delivered_at, error_code, category) = placed
    return (
        day,
        digest,
        first_at - _base(day),
        seen,
        None if sent_at is None else sent_at - first_at,
        None if delivered_at is None else delivered_at - first_at,
        # A code beyond all measure is as unknown as none.
        error_code if error_code is None or abs(error_code) <= _LARGEST else None,
        _CATEGORY_CODES.get(category, category),
    )


def _base(day: int) -> int:
    return day * DAY if day > 0 else 0


# --- the books --------------------------------------------------------------------------------------------------------


def load(connection: Connection) -> Unfolded:
    """What the journal holds. Raises ValueError for a row that makes no sense."""
    unfolded = Unfolded(days={day for (day,) in connection.execute(_DAYS)})
    for seq, tally, entries in connection.execute(_JOURNAL):
        moved = {placed.entry.digest: placed for placed in _read_entries(entries)}
        unfolded.add(Recorded(max(seq, 0), moved, _read_tally(tally)))
        unfolded.carries = max(unfolded.carries, -seq)
    return unfolded


def tallied(connection: Connection, unfolded: Unfolded) -> dict[TallyKey, int]:
    sums: Tally = defaultdict(int)
    for figure, waba_id, phone_number_id, label, bucket, value in connection.execute(_SUMS):
        sums[figure, waba_id, phone_number_id, label, bucket] = value
    _add(sums, unfolded.folding_tally)
    _add(sums, unfolded.tally)
    return {key: value for key, value in sums.items() if value}


def fold_slice(connection: Connection, unfolded: Unfolded, compaction: Mapping[TallyKey, int]) -> Slice:
    """Carry a slice of what is to be folded into the tables; pass the answer to `unfolded.folded` after the commit.

    The last slice clears the journal and appends the compaction. Before that, sums that were carried over are taken
    back by a row of the journal in the same transaction, so that tables and journal together always say the same. An
    entry that the journal still holds as well is no matter: it is a state, not an addition.
    """
    digests = unfolded.queue[-_ENTRIES_A_SLICE:]
    placed = [unfolded.folding[digest] for digest in digests]
    connection.executemany(_PUT_MESSAGE, map(_row, reversed(placed)))
    days = frozenset(each.day for each in placed)
    if len(digests) < len(unfolded.queue):
        return Slice(digests, days, (), is_carry=False, is_last=False, appended=defaultdict(int))
    sums = list(islice(unfolded.folding_tally.items(), _SUMS_A_SLICE))
    keys = [key for key, _ in sums]
    connection.executemany(_ADD_SUM, sorted((*key, amount) for key, amount in sums if amount))
    connection.executemany(_DROP_ZERO, [key for key, amount in sums if amount < 0])
    appended: Tally = defaultdict(int)
    if len(keys) < len(unfolded.folding_tally):
        taken_back = _tally_text((key, -amount) for key, amount in sums)
        connection.execute(_APPEND, (-unfolded.carries - 1, taken_back, _entries_text(())))
        return Slice(digests, days, keys, is_carry=True, is_last=False, appended=appended)
    connection.execute(_CLEAR_JOURNAL, (unfolded.folding_seq,))
    if compaction:
        _add(appended, compaction)
        connection.execute(_APPEND, (unfolded.seq + 1, _tally_text(appended.items()), _entries_text(())))
    return Slice(digests, days, keys, is_carry=False, is_last=True, appended=appended)


def _add(tally: Tally, additions: Mapping[TallyKey, int]) -> None:
    for key, amount in additions.items():
        tally[key] += amount


def _tally_text(tally: Iterable[tuple[TallyKey, int]]) -> str:
    values: list[str | int] = []
    for key, amount in tally:
        values += key
        values.append(amount)
    return _ENCODER.encode(values)


def _read_tally(text: str) -> Tally:
    values = iter(json.loads(text))
    tally: Tally = defaultdict(int)
    for figure, waba_id, number, label, bucket, amount in zip(*[values] * _SUM_FIELDS, strict=True):
        tally[figure, waba_id, number, label, bucket] += amount
    return tally


def _entries_text(moved: Iterable[Placed]) -> str:
    values: list[str | int | None] = []
    for day, entry in moved:
        values += (day, entry.digest.hex())
        values += entry[1:]
    return _ENCODER.encode(values)


def _read_entries(text: str) -> Iterator[Placed]:
    values = iter(json.loads(text))
    for day, digest, *rest in zip(*[values] * _ENTRY_FIELDS, strict=True):
        yield Placed(day, Entry(bytes.fromhex(digest), *rest))


# --- notices, quarantine, age -----------------------------------------------------------------------------------------


def digest_key(connection: Connection) -> bytes:
    (install_id,) = connection.execute(_INSTALL_ID).fetchone()
    return bytes.fromhex(install_id)


def add_notices(connection: Connection, digests: Iterable[bytes], at: datetime) -> None:
    connection.executemany(_ADD_NOTICE, [(digest, microseconds(at)) for digest in digests])


def unheard(connection: Connection, digests: Collection[bytes]) -> frozenset[bytes]:
    return frozenset(digest for digest in digests if connection.execute(_HAS_NOTICE, (digest,)).fetchone() is None)


def quarantine(connection: Connection, limit: int) -> tuple[Quarantined, ...]:
    rows = connection.execute(_QUARANTINE, (limit,)).fetchall()
    return tuple(
        Quarantined(reason=reason, skeleton=skeleton, at=moment(at)) for reason, skeleton, at in reversed(rows)
    )


def prune(connection: Connection, unfolded: Unfolded, before: datetime, limit: int) -> tuple[int, int | None]:
    """Delete a slice of what is older; how many went, and a day of which nothing is left.

    Messages go by whole days, a slice of the oldest at a time: what began on the day of `before` itself stays.
    """
    old_notices = connection.execute(_PRUNE_NOTICES, (microseconds(before), limit)).rowcount
    old_quarantined = connection.execute(_PRUNE_QUARANTINE, (microseconds(before), limit)).rowcount
    went = old_notices + old_quarantined
    oldest = min(unfolded.days, key=abs, default=None)
    if oldest is None or (abs(oldest) + 1) * DAY > before.timestamp():
        return went, None
    # A range, not a list of keys: whole pages go, and none is looked up.
    after = connection.execute(_AFTER_SLICE, (oldest, limit)).fetchone()
    if after is None:
        return went + connection.execute(_DELETE_DAY, (oldest,)).rowcount, oldest
    return went + connection.execute(_DELETE_SLICE, (oldest, *after)).rowcount, None
