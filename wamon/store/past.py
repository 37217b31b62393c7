"""What has happened, read back: transitions, changes, markers, and all of them as one sequence."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from sqlite3 import Connection, Cursor
from typing import Any, Final, TypeAlias

from wamon.core.alerting import Severity, Transition
from wamon.core.health import Change, Signal, SubjectKind, Value
from wamon.core.markers import Marker, MarkerKind
from wamon.core.past import Gap, Happening, Page, PastKind, Position, Step, Wanted
from wamon.store.rows import Row, RowReader, labels_text, microseconds, moment, plain

_CHANGE: Final = "at, subject_kind, subject_labels, signal, before, after, raw, source, known_before"
_TRANSITION: Final = """
    key, rule, subject_kind, subject_labels, episode, ordinal, kind, severity, at, observed_at, opened_at,
    last_confirmed_at, returns, what, evidence, close_reason, group_id, actor, note, is_rehearsal
"""
_SEVERITY_BEFORE: Final = """
    (SELECT b.severity FROM alert_transitions b
     WHERE (b.key, b.episode, b.ordinal) = (alert_transitions.key, alert_transitions.episode,
                                            alert_transitions.ordinal - 1))
"""
_MARKER: Final = "id, at, kind, title, source, text, link, tags"

_HISTORY: Final = f"SELECT {_CHANGE} FROM history WHERE at >= ? ORDER BY id DESC LIMIT ?"  # noqa: S608 - no input in it
_TRANSITIONS: Final = f"SELECT {_TRANSITION} FROM alert_transitions WHERE at >= ? ORDER BY seq DESC LIMIT ?"  # noqa: S608 - no input in it
_MARKER_OF: Final = f"SELECT {_MARKER} FROM markers WHERE id = ?"  # noqa: S608 - no input in it
_ADD_MARKER: Final = f"INSERT INTO markers ({_MARKER}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - no input in it
_COUNT_MARKERS: Final = "SELECT count(*) FROM markers WHERE at >= ? AND at < ?"
_LAST_MARKERS: Final = "SELECT kind, max(at) FROM markers GROUP BY kind"

# What a poll finds the first time was so before; it is no change. A webhook tells of what happened just then, and the
# subjects of these kinds are only there because something happened to them.
_ALWAYS_NEWS: Final = (SubjectKind.TEMPLATE, SubjectKind.RESTRICTION, SubjectKind.ACCOUNT_ALERT, SubjectKind.FLOW)
_IS_NEWS: Final = f"""
    (before IS NOT NULL OR known_before IS NOT NULL
     OR (source <> 'poll' AND subject_kind <> '{SubjectKind.PROBE.value}')
     OR subject_kind IN ({", ".join(f"'{kind.value}'" for kind in _ALWAYS_NEWS)}))
"""

# An end of theirs is what happened, whether Meta said so or their own time was over.
_TOLD_SINGLY: Final = frozenset(
    kind.value for kind in (SubjectKind.RESTRICTION, SubjectKind.ACCOUNT_ALERT, SubjectKind.FLOW)
)

# Later than any moment there is.
_NEVER: Final = 2**63 - 1


def transitions(connection: Connection, since: datetime | None, limit: int) -> tuple[Transition, ...]:
    """The latest `limit`, in the order in which they were committed."""
    rows = connection.execute(_TRANSITIONS, (_from(since), limit)).fetchall()
    return tuple(map(RowReader().transition, reversed(rows)))


def history(
    connection: Connection, signals: Mapping[str, Signal[Value]], since: datetime | None, limit: int
) -> tuple[Change, ...]:
    """The latest `limit`, in the order in which they were committed; those of unknown signals are left out."""
    rows = connection.execute(_HISTORY, (_from(since), limit)).fetchall()
    return tuple(change for change in map(RowReader(signals).change, reversed(rows)) if change is not None)


# --- markers ----------------------------------------------------------------------------------------------------------


def add_marker(connection: Connection, marker: Marker) -> Marker | None:
    """Keep a marker; None when that is done, else the marker that has this id already, which stays as it is."""
    row = connection.execute(_MARKER_OF, (marker.id,)).fetchone()
    if row is not None:
        return _marker(row)
    connection.execute(_ADD_MARKER, _marker_row(marker))
    return None


def count_markers(connection: Connection, since: datetime, until: datetime) -> int:
    (count,) = connection.execute(_COUNT_MARKERS, (microseconds(since), microseconds(until))).fetchone()
    return int(count)


def last_markers(connection: Connection) -> Mapping[MarkerKind, datetime]:
    """When the latest of each kind was; kinds without any are left out."""
    known = frozenset(MarkerKind)
    return {MarkerKind(kind): moment(at) for kind, at in connection.execute(_LAST_MARKERS) if kind in known}


def _marker_row(marker: Marker) -> Row:
    return (
        marker.id,
        microseconds(marker.at),
        marker.kind.value,
        plain(marker.title),
        plain(marker.source),
        plain(marker.text),
        marker.link,
        json.dumps(marker.tags),
    )


def _marker(row: Row) -> Marker:
    marker_id, at, kind, title, source, text, link, tags = row
    return Marker(
        id=marker_id,
        at=moment(at),
        # A later wamon may have had kinds that this one has not, and its markers are to be seen all the same.
        kind=MarkerKind(kind) if kind in frozenset(MarkerKind) else MarkerKind.NOTE,
        title=title,
        source=source,
        text=text,
        link=link,
        tags=tuple(json.loads(tags)),
    )


# --- all as one sequence ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Table:
    """Where one kind of happening lies: its table, its number there, what is read; and whether it has a subject."""

    name: str
    number: str
    columns: str
    has_subject: bool = True


_TABLES: Final = {
    PastKind.MARKER: _Table("markers", "seq", _MARKER, has_subject=False),
    PastKind.CHANGE: _Table("history", "id", _CHANGE),
    PastKind.ALERT: _Table("alert_transitions", "seq", f"{_SEVERITY_BEFORE}, {_TRANSITION}"),
}
_RANKS: Final = {kind: rank for rank, kind in enumerate(PastKind)}
# Where it stands, and what it is; None for a change of a signal that no longer exists.
_Found: TypeAlias = tuple[Position, Happening | None]


def page(connection: Connection, signals: Mapping[str, Signal[Value]], wanted: Wanted) -> Page:
    """One page of what has happened, newest first."""
    reader = RowReader(signals)
    found = sorted(
        (each for kind in wanted.kinds for each in islice(_past(connection, kind, wanted, reader), wanted.limit + 1)),
        key=lambda each: each[0],
        reverse=True,
    )
    taken = found[: wanted.limit]
    return Page(
        happenings=tuple((position, each) for position, each in taken if each is not None),
        # One more than fit on the page shows that there is another.
        last=taken[-1][0] if len(found) > wanted.limit else None,
    )


def _past(connection: Connection, kind: PastKind, wanted: Wanted, reader: RowReader) -> Iterator[_Found]:
    with closing(_rows(connection, kind, wanted)) as rows:
        match kind:
            case PastKind.MARKER:
                yield from ((_position(kind, row), _marker(row[2:])) for row in rows)
            case PastKind.CHANGE:
                yield from _folded(rows, wanted.before, reader)
            case PastKind.ALERT:
                for row in rows:
                    severity = None if row[2] is None else Severity(row[2])
                    step = Step(transition=reader.transition(row[3:]), severity_before=severity)
                    yield _position(kind, row), step


def _position(kind: PastKind, row: Row) -> Position:
    return Position(moment(row[1]), _RANKS[kind], row[0])


def _rows(connection: Connection, kind: PastKind, wanted: Wanted) -> Cursor:
    """Number, moment and columns, newest first.

    Of changes the whole moment at which the page begins, as what belongs together shall stay so.
    """
    table = _TABLES[kind]
    at, row = _bound(wanted.before, _RANKS[kind])
    conditions = ["at >= ? AND at < ?"]
    values: list[Any] = [_from(wanted.since), _NEVER if wanted.until is None else microseconds(wanted.until)]
    if kind is PastKind.CHANGE:
        conditions += ["at <= ?", _IS_NEWS]
        values += [at]
    else:
        conditions += [f"(at, {table.number}) < (?, ?)"]
        values += [at, row]
    if table.has_subject:
        conditions += ["instr(subject_labels, ?) > 0"] * len(wanted.about)
        values += [_label_text(name, value) for name, value in wanted.about]
    statement = f"""
        SELECT {table.number}, at, {table.columns} FROM {table.name} WHERE {" AND ".join(conditions)}
        ORDER BY at DESC, {table.number} DESC
    """  # noqa: S608 - names of ours alone, what is asked for is bound
    return connection.execute(statement, values)


def _folded(rows: Iterable[Row], before: Position | None, reader: RowReader) -> Iterator[_Found]:
    """The changes before a position, with the edges of a gap folded into the oldest of their moment.

    An outage of a large account is tens of thousands of rows, so what is folded is not read one by one.
    """
    for _, group in groupby(rows, key=itemgetter(1)):
        told: list[_Found] = []
        edges: dict[bool, list[Row]] = {}
        for row in group:
            kind, name, value_before, after, known_before = row[3], row[5], row[6], row[7], row[10]
            is_edge = after is None or (value_before is None and after == known_before)
            if is_edge and kind not in _TOLD_SINGLY and reader.signal(name) is not None:
                edges.setdefault(after is not None, []).append(row)
            else:
                told.append((_position(PastKind.CHANGE, row), reader.change(row[2:])))
        told += (_edge(is_over, edge, reader) for is_over, edge in edges.items())
        told.sort(key=lambda each: each[0], reverse=True)
        yield from (each for each in told if before is None or each[0] < before)


def _edge(is_over: bool, edge: Sequence[Row], reader: RowReader) -> _Found:
    oldest = edge[-1]
    position, change = _position(PastKind.CHANGE, oldest), reader.change(oldest[2:])
    if len(edge) == 1:
        return position, change
    names = dict.fromkeys(row[5] for row in reversed(edge))
    subjects = dict.fromkeys((row[3], row[4]) for row in reversed(edge))
    return position, Gap(
        at=position.at,
        is_over=is_over,
        signals=tuple(signal for name in names if (signal := reader.signal(name)) is not None),
        subjects=tuple(reader.subject(kind, labels) for kind, labels in subjects),
        count=len(edge),
        source=oldest[9],
    )


def _bound(before: Position | None, rank: int) -> tuple[int, int]:
    """Where this kind's part of the page begins: of the same moment, what ranks lower is older, all of it."""
    if before is None:
        return _NEVER, 0
    at = microseconds(before.at)
    if rank == before.rank:
        return at, before.row
    return at, _NEVER if rank < before.rank else 0


def _label_text(name: str, value: str) -> str:
    """What the stored labels hold when one of them is this, and only then: quotes within a value are escaped."""
    text = labels_text(((name, value),))[1:-1]
    return text if name else text.removeprefix('""')


def _from(since: datetime | None) -> int:
    return 0 if since is None else microseconds(since)
