"""The store in one SQLite file, worked by one thread of its own."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from sqlite_utils import Database

from wamon.core.alerting import Transition
from wamon.core.books import Tally, TallyKey
from wamon.core.delivery import Update
from wamon.core.desk import TransitionId
from wamon.core.errors import StoreError
from wamon.core.health import Change, Fact, Signal, Snapshot, Subject, Value
from wamon.core.markers import Marker, MarkerKind
from wamon.core.outgoing import Batch, Receipt, Story, Thread
from wamon.core.past import Page, Wanted
from wamon.core.ports import OutboxFigures, Quarantined, Resumed
from wamon.core.state import Changes, State
from wamon.core.timing import Clock, Moment, SystemClock
from wamon.store import ledger, outbox, past, telling
from wamon.store.backup import row_counts
from wamon.store.faults import store_error
from wamon.store.files import MOUNTS, DatabaseLock, files_size, identity, prepare_directory, prepare_file
from wamon.store.migrations import check_origin, migrate
from wamon.store.outbox import DeadLetter
from wamon.store.pruning import prune
from wamon.store.rows import (
    RowReader,
    alert_row,
    change_row,
    counter_row,
    fact_row,
    labels_text,
    microseconds,
    moment,
    transition_row,
)
from wamon.store.thread import StoreThread

R = TypeVar("R")

# After a burst the write-ahead log is cut back to this.
_WAL_BYTES = 64 * 1024 * 1024

_REMOVE_SUBJECT = "DELETE FROM facts WHERE subject_kind = ? AND subject_labels = ?"
_PUT_FACT = "REPLACE INTO facts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ADD_CHANGE = """
    INSERT INTO history (at, subject_kind, subject_labels, signal, before, after, raw, source, known_before)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_REMOVE_ALERT = "DELETE FROM alerts WHERE key = ?"
_PUT_ALERT = "REPLACE INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ADD_TRANSITION = """
    INSERT INTO alert_transitions (
        key, rule, subject_kind, subject_labels, episode, ordinal, kind, severity, at, observed_at, opened_at,
        last_confirmed_at, returns, what, evidence, close_reason, group_id, actor, note, is_rehearsal
    ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_PUT_COUNTER = "REPLACE INTO counters VALUES (?, ?, ?)"
_PUT_MOMENT = "UPDATE instance SET moment_at = ?, moment_boot_id = ?, moment_monotonic = ?"

_FACTS = """
    SELECT subject_kind, subject_labels, signal, value, raw, known, before, observed_at, changed_at, stale_at,
           is_current, source
    FROM facts
"""
_ALERTS = """
    SELECT key, rule, subject_kind, subject_labels, state, severity, since, last_observed_at, last_confirmed_at,
           episode, ordinal, is_stale, opened_at, counted, credited, lower_credited, unknown_since, returns, what,
           evidence, is_rehearsal
    FROM alerts
"""
_COUNTERS = "SELECT name, labels, value FROM counters"
_MOMENT = "SELECT moment_at, moment_boot_id, moment_monotonic FROM instance WHERE moment_at IS NOT NULL"


class SqliteStore:
    """A `Store` and a `Ledger` in one file.

    `synchronous` OFF is for what may be lost with the machine: tests and the demo.

    A call that is cancelled while it waits is carried out all the same. `max_bytes` bounds the file: beyond it a
    commit fails as on a full disk. `mounts` is where the system lists its file systems.
    """

    def __init__(
        self,
        path: Path,
        *,
        synchronous: Literal["FULL", "OFF"] = "FULL",
        clock: Clock | None = None,
        busy_timeout: timedelta = timedelta(seconds=2),
        max_bytes: int | None = None,
        mounts: Path = MOUNTS,
    ) -> None:
        self._path = path.resolve()
        self._synchronous = synchronous
        self._clock = clock or SystemClock()
        self._busy_timeout = busy_timeout
        self._max_bytes = max_bytes
        self._mounts = mounts
        self._lock = DatabaseLock(self._path)
        self._thread: StoreThread | None = None
        self._db: Database | None = None
        self._identity: tuple[int, int] | None = None
        # The store's thread alone reads and changes it.
        self._unfolded = ledger.Unfolded()

    # --- life cycle ---------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        if self._thread is not None:
            raise StoreError(f"database {self._path} is open already: close it first")
        self._thread = StoreThread()
        try:
            await self._in_thread(self._open)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        thread = self._thread
        if thread is None:
            return
        try:
            await self._in_thread(self._close)
        finally:
            self._thread = None
            # What still waits in the queue finds the database closed, so this takes no time.
            thread.stop()

    def _open(self) -> None:
        now = self._clock.now()
        prepare_directory(self._path, mounts=self._mounts)
        self._lock.take(now=now)
        prepare_file(self._path)
        self._identity = identity(self._path)
        connection = sqlite3.connect(self._path, timeout=self._busy_timeout.total_seconds(), isolation_level=None)
        # Other programs' sqlite-utils plug-ins have no business here.
        self._db = db = Database(connection, recursive_triggers=False, execute_plugins=False)
        check_origin(db, self._path)
        (journal_mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if journal_mode != "wal":
            raise StoreError(f"database {self._path} cannot keep a write-ahead log there: name a path on a local disk")
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise StoreError(
                f"database {self._path} is damaged: restore a backup, or move it away to start afresh ({verdict})"
            )
        migrate(db, now=now)
        if self._max_bytes is not None:
            (page_size,) = connection.execute("PRAGMA page_size").fetchone()
            connection.execute(f"PRAGMA max_page_count = {self._max_bytes // page_size}")
        self._unfolded = self._legible(lambda: ledger.load(connection))

    def _close(self) -> None:
        try:
            if self._db is not None:
                self._db.close()
        finally:
            self._db = None
            self._lock.release()

    # --- the state ----------------------------------------------------------------------------------------------------

    async def load(self, signals: Mapping[str, Signal[Value]]) -> State:
        return await self._read(partial(_load, signals=signals))

    async def commit(self, changes: Changes) -> None:
        await self._write(partial(_commit, changes=changes))

    # --- the outbox ---------------------------------------------------------------------------------------------------

    async def due_batches(self, receiver: str, now: datetime, *, limit: int) -> tuple[Batch, ...]:
        return await self._read(lambda connection: outbox.due(connection, receiver, now, limit))

    async def next_due_at(self, receiver: str, now: datetime) -> datetime | None:
        return await self._read(lambda connection: outbox.next_due_at(connection, receiver, now))

    async def begin_attempt(self, notification_ids: Sequence[int], *, at: datetime) -> str:
        return await self._write(lambda connection: outbox.begin(connection, notification_ids, at))

    async def finish_attempt(
        self, reference: str, receipt: Receipt, *, at: datetime, root_revision: int | None
    ) -> None:
        await self._write(
            lambda connection: outbox.finish(connection, reference, receipt, at, root_revision=root_revision)
        )

    async def defer_attempt(
        self, reference: str, *, due_at: datetime, reason: str, may_have_arrived: bool, is_problem: bool = False
    ) -> None:
        await self._write(
            lambda connection: outbox.defer(
                connection, reference, due_at, reason, may_have_arrived=may_have_arrived, is_problem=is_problem
            )
        )

    async def looked_in_vain(self, reference: str, *, due_at: datetime) -> None:
        await self._write(lambda connection: outbox.looked_in_vain(connection, reference, due_at))

    async def bury(self, notification_ids: Sequence[int], *, at: datetime, reason: str) -> None:
        await self._write(lambda connection: outbox.bury(connection, notification_ids, at, reason))

    async def hand_over(self, notification_ids: Sequence[int], *, to: str, at: datetime, reason: str) -> int:
        return await self._write(lambda connection: outbox.hand_over(connection, notification_ids, to, at, reason))

    async def stale_threads(self, receiver: str, *, limit: int) -> tuple[Thread, ...]:
        return await self._read(lambda connection: outbox.stale_threads(connection, receiver, limit))

    async def thread_shown(self, receiver: str, group_id: int, revision: int) -> None:
        await self._write(lambda connection: outbox.thread_shown(connection, receiver, group_id, revision))

    async def thread_lost(self, receiver: str, group_id: int) -> None:
        await self._write(lambda connection: outbox.thread_lost(connection, receiver, group_id))

    async def story(self, group_id: int) -> Story:
        return await self._read(lambda connection: outbox.story(connection, group_id))

    async def acted(self, act_id: str) -> bool:
        return await self._read(lambda connection: telling.acted(connection, act_id))

    async def revive_interrupted(self, receiver: str, *, at: datetime) -> int:
        return await self._write(lambda connection: outbox.revive(connection, [receiver], at))

    async def resume_outbox(self, receivers: Sequence[str], *, at: datetime, look_at: datetime) -> Resumed:
        return await self._write(lambda connection: outbox.resume(connection, receivers, at, look_at))

    async def outbox_figures(self) -> OutboxFigures:
        return await self._read(outbox.figures)

    async def arrived(self) -> Mapping[TransitionId, Mapping[str, int]]:
        """How often each transition has arrived as news, by receiver."""
        return await self._read(outbox.arrived)

    async def dead_letters(self) -> tuple[DeadLetter, ...]:
        """Notifications that were given up, oldest first."""
        return await self._read(outbox.dead_letters)

    # --- the ledger ---------------------------------------------------------------------------------------------------

    async def digest_key(self) -> bytes:
        return await self._read(ledger.digest_key)

    async def record(
        self,
        updates: Sequence[Update],
        *,
        counted: Mapping[TallyKey, int],
        quarantined: Sequence[Quarantined] = (),
    ) -> Tally:
        if not (updates or counted or quarantined):
            return defaultdict(int)

        def record() -> Tally:
            recorded = self._transact(
                lambda connection: ledger.record(connection, self._unfolded, updates, counted, quarantined)
            )
            self._unfolded.add(recorded)
            return recorded.tally

        return await self._in_thread(record)

    async def tallied(self) -> Mapping[TallyKey, int]:
        return await self._read(lambda connection: ledger.tallied(connection, self._unfolded))

    async def fold(self, compaction: Mapping[TallyKey, int]) -> None:
        """Carry the journal into the tables in slices, with statuses recorded in between; then add the compaction.

        Where it fails the journal keeps what was not carried over, for the next time.
        """
        is_over = await self._in_thread(lambda: self._begin_fold(compaction))
        while not is_over:
            is_over = await self._in_thread(lambda: self._fold_slice(compaction))

    async def unheard(self, digests: Collection[bytes]) -> frozenset[bytes]:
        return await self._read(lambda connection: ledger.unheard(connection, digests))

    async def quarantine(self, *, limit: int) -> tuple[Quarantined, ...]:
        return await self._read(lambda connection: ledger.quarantine(connection, limit))

    async def prune_ledger(self, before: datetime, *, limit: int = 5000) -> int:
        # What is old may still be in the journal alone. On a full disk there is no room to carry it over, and pruning
        # is what makes room: then it waits in the journal for the next time.
        with suppress(StoreError):
            await self.fold({})
        return await self._in_thread(lambda: self._prune_ledger(before, limit))

    def _begin_fold(self, compaction: Mapping[TallyKey, int]) -> bool:
        """Whether there is nothing to do."""
        self._opened()
        if self._unfolded.is_empty:
            return not compaction
        self._unfolded.begin_fold()
        return False

    def _fold_slice(self, compaction: Mapping[TallyKey, int]) -> bool:
        """Whether it was the last one."""
        done = self._transact(lambda connection: ledger.fold_slice(connection, self._unfolded, compaction))
        self._unfolded.folded(done)
        return done.is_last

    def _prune_ledger(self, before: datetime, limit: int) -> int:
        went, emptied = self._transact(lambda connection: ledger.prune(connection, self._unfolded, before, limit))
        if emptied is not None:
            self._unfolded.days.discard(emptied)
        return went

    # --- the past -----------------------------------------------------------------------------------------------------

    async def transitions(self, *, since: datetime | None = None, limit: int = 1000) -> tuple[Transition, ...]:
        """The latest `limit` transitions since a moment, in the order in which they were committed."""
        return await self._read(partial(past.transitions, since=since, limit=limit))

    async def history(
        self, signals: Mapping[str, Signal[Value]], *, since: datetime | None = None, limit: int = 1000
    ) -> tuple[Change, ...]:
        """The latest `limit` changes since a moment, in the order of commit; those of unknown signals are left out."""
        return await self._read(partial(past.history, signals=signals, since=since, limit=limit))

    async def past(self, signals: Mapping[str, Signal[Value]], wanted: Wanted) -> Page:
        """One page of everything that has happened, newest first; changes of unknown signals are left out."""
        return await self._read(partial(past.page, signals=signals, wanted=wanted))

    async def add_marker(self, marker: Marker) -> Marker | None:
        """Keep a marker; None when that is done, else the one that has this id already, which stays as it is."""
        return await self._write(partial(past.add_marker, marker=marker))

    async def count_markers(self, since: datetime, until: datetime) -> int:
        """How many there are from one moment on, before another."""
        return await self._read(partial(past.count_markers, since=since, until=until))

    async def last_markers(self) -> Mapping[MarkerKind, datetime]:
        """When the latest marker of each kind was; kinds without any are left out."""
        return await self._read(past.last_markers)

    async def prune(self, before: datetime, *, limit: int = 5000) -> int:
        """Forget what is older: history, markers, notifications that are over, closed alerts' transitions.

        What belongs to an open alert stays, and a closed one is forgotten altogether with the last of its transitions.
        At most `limit` rows of each go at once; the answer is how many went, so repeat until it is 0.
        """
        return await self._write(partial(prune, before=before, limit=limit))

    async def row_counts(self) -> Mapping[str, int]:
        """How many rows each table has."""
        return await self._read(row_counts)

    async def shrink(self) -> None:
        """Give the room of what was forgotten back to the disk; meanwhile it takes as much again as is left."""
        await self._in_thread(self._shrink)

    def _shrink(self) -> None:
        connection = self._opened().conn
        self._check_place()
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    async def size_bytes(self) -> int:
        return await self._in_thread(lambda: files_size(self._path))

    # --- the thread ---------------------------------------------------------------------------------------------------

    async def _read(self, work: Callable[[sqlite3.Connection], R]) -> R:
        return await self._in_thread(lambda: self._legible(lambda: self._transact(work)))

    async def _write(self, work: Callable[[sqlite3.Connection], R]) -> R:
        return await self._in_thread(lambda: self._transact(work))

    def _legible(self, work: Callable[[], R]) -> R:
        try:
            return work()
        except (ValueError, TypeError, KeyError, AttributeError) as exc:
            raise StoreError(
                f"database {self._path} holds a row that this wamon cannot read ({exc}): "
                "restore a backup, or move it away to start afresh"
            ) from exc

    def _transact(self, work: Callable[[sqlite3.Connection], R]) -> R:
        db = self._opened()
        self._check_place()
        with db.atomic():
            return work(db.conn)

    def _check_place(self) -> None:
        # SQLite works on in a deleted file without a word, and all of it would be gone with the process.
        if identity(self._path) != self._identity or not self._lock.is_in_place():
            raise StoreError(
                f"database {self._path} or its lock file was deleted or replaced while wamon worked on it, and nothing "
                "more is written: put back the one that is right, and start wamon again"
            )

    def _opened(self) -> Database:
        if self._db is None:
            raise StoreError(f"database {self._path} is closed: open it first")
        return self._db

    async def _in_thread(self, work: Callable[[], R]) -> R:
        if self._thread is None:
            raise StoreError(f"database {self._path} is closed: open it first")

        def guarded() -> R:
            try:
                return work()
            except (sqlite3.Error, OSError) as exc:
                raise store_error(self._path, exc) from exc

        return await self._thread.call(guarded)


def _commit(connection: sqlite3.Connection, changes: Changes) -> None:
    # Removals first: a subject that went and came back in one step is there.
    connection.executemany(
        _REMOVE_SUBJECT, [(subject.kind.value, labels_text(subject.labels)) for subject in changes.removed_subjects]
    )
    connection.executemany(_PUT_FACT, [fact_row(fact) for fact in changes.facts if not fact.signal.is_derived])
    connection.executemany(_ADD_CHANGE, map(change_row, changes.history))
    connection.executemany(_REMOVE_ALERT, [(key,) for key in changes.removed_alerts])
    connection.executemany(_PUT_ALERT, map(alert_row, changes.alerts))
    for transition in changes.transitions:
        connection.execute(_ADD_TRANSITION, transition_row(transition))
    telling.commit(connection, changes)
    for announcement in changes.announcements:
        outbox.enqueue(connection, announcement)
    outbox.follow_up(connection, changes.announcements)
    connection.executemany(_PUT_COUNTER, [counter_row(key, value) for key, value in changes.counters.items()])
    last = changes.moment
    ledger.add_notices(connection, changes.notices, last.at)
    connection.execute(_PUT_MOMENT, (microseconds(last.at), last.boot_id, last.monotonic))


def _load(connection: sqlite3.Connection, signals: Mapping[str, Signal[Value]]) -> State:
    reader = RowReader(signals)
    facts: dict[Subject, dict[str, Fact]] = {}
    subject: Subject | None = None
    own: dict[str, Fact] = {}
    for row in connection.execute(_FACTS):
        fact = reader.fact(row)
        if fact is None:
            continue
        if fact.subject is not subject:
            # Rows come in the order of the key and equal subjects are one object: a lookup per subject, not per fact.
            subject = fact.subject
            own = facts.setdefault(subject, {})
        own[fact.signal.name] = fact
    alerts = {alert.key: alert for alert in map(reader.alert, connection.execute(_ALERTS))}
    counters = dict(map(reader.counter, connection.execute(_COUNTERS)))
    last = connection.execute(_MOMENT).fetchone()
    return State(
        snapshot=Snapshot(facts),
        alerts=alerts,
        counters=counters,
        desk=telling.load(connection),
        moment=Moment(at=moment(last[0]), boot_id=last[1], monotonic=last[2]) if last else None,
    )
