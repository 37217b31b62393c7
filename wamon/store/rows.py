"""Our values as table rows, and back, without loss."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias, cast

from wamon.core.alerting import Alert, AlertState, CloseReason, Severity, Transition, TransitionKind
from wamon.core.health import Change, Fact, JsonValue, Signal, Subject, SubjectKind, Value
from wamon.core.state import CounterKey

Row: TypeAlias = tuple[Any, ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# Pure ASCII, so that half of a surrogate pair, which Meta can send and SQLite refuses, survives as an escape.
_ENCODER = json.JSONEncoder(separators=(",", ":"))


def microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def moment(stored: int) -> datetime:
    return _EPOCH + timedelta(microseconds=stored)


def maybe_microseconds(at: datetime | None) -> int | None:
    return None if at is None else microseconds(at)


def maybe_moment(stored: int | None) -> datetime | None:
    return None if stored is None else moment(stored)


def plain(text: str | None) -> str | None:
    """A text that SQLite takes; half of a surrogate pair becomes a question mark."""
    return text if text is None or text.isascii() else text.encode(errors="replace").decode()


def labels_text(labels: tuple[tuple[str, str], ...]) -> str:
    """Identity labels come sorted by name, so equal ones give equal text."""
    return _ENCODER.encode(dict(labels))


def fact_row(fact: Fact) -> Row:
    value = _value_text(fact.signal, fact.value)
    return (
        fact.subject.kind.value,
        labels_text(fact.subject.labels),
        fact.signal.name,
        value,
        plain(fact.raw),
        value if fact.known is fact.value else _value_text(fact.signal, fact.known),
        _value_text(fact.signal, fact.before),
        microseconds(fact.observed_at),
        maybe_microseconds(fact.changed_at),
        microseconds(fact.stale_at),
        fact.is_current,
        fact.source,
    )


def change_row(change: Change) -> Row:
    return (
        microseconds(change.at),
        change.subject.kind.value,
        labels_text(change.subject.labels),
        change.signal.name,
        _value_text(change.signal, change.before),
        _value_text(change.signal, change.after),
        plain(change.raw),
        change.source,
        _value_text(change.signal, change.known_before),
    )


def alert_row(alert: Alert) -> Row:
    return (
        alert.key,
        alert.rule,
        alert.subject.kind.value,
        labels_text(alert.subject.labels),
        alert.state.value,
        int(alert.severity),
        microseconds(alert.since),
        microseconds(alert.last_observed_at),
        microseconds(alert.last_confirmed_at),
        alert.episode,
        alert.ordinal,
        alert.is_stale,
        maybe_microseconds(alert.opened_at),
        alert.counted,
        alert.credited // _MICROSECOND,
        alert.lower_credited // _MICROSECOND,
        maybe_microseconds(alert.unknown_since),
        alert.returns,
        plain(alert.what),
        _ENCODER.encode(alert.evidence),
        alert.is_rehearsal,
    )


def transition_row(transition: Transition) -> Row:
    return (
        transition.key,
        transition.rule,
        transition.subject.kind.value,
        labels_text(transition.subject.labels),
        transition.episode,
        transition.ordinal,
        transition.kind.value,
        int(transition.severity),
        microseconds(transition.at),
        microseconds(transition.observed_at),
        microseconds(transition.opened_at),
        microseconds(transition.last_confirmed_at),
        transition.returns,
        plain(transition.what),
        _ENCODER.encode(transition.evidence),
        transition.close_reason.value if transition.close_reason else None,
        transition.group_id,
        plain(transition.actor),
        plain(transition.note),
        transition.is_rehearsal,
    )


def counter_row(key: CounterKey, value: int) -> Row:
    return key.name, labels_text(key.labels), value


class RowReader:
    """Rows back to values. Equal texts give one shared object: thousands of numbers say the same few things.

    A row that was not written by this schema raises ValueError, TypeError or KeyError.
    """

    def __init__(self, signals: Mapping[str, Signal[Value]] | None = None) -> None:
        self._signals = signals or {}
        self._subjects: dict[tuple[str, str], Subject] = {}
        self._values: dict[tuple[str, str], Value] = {}
        self._moments: dict[int, datetime] = {}

    def signal(self, name: str) -> Signal[Value] | None:
        """None for a signal that no longer exists."""
        return self._signals.get(name)

    def subject(self, kind: str, labels: str) -> Subject:
        found = self._subjects.get((kind, labels))
        if found is None:
            found = self._subjects[kind, labels] = Subject(SubjectKind(kind), _labels(labels))
        return found

    def fact(self, row: Row) -> Fact | None:
        """None for a signal that no longer exists."""
        kind, labels, name, value, raw, known, before, observed_at, changed_at, stale_at, is_current, source = row
        signal = self._signals.get(name)
        if signal is None:
            return None
        return Fact(
            signal=signal,
            subject=self.subject(kind, labels),
            value=self._value(signal, value),
            raw=raw,
            known=self._value(signal, known),
            before=self._value(signal, before),
            observed_at=self._moment(observed_at),
            changed_at=None if changed_at is None else self._moment(changed_at),
            stale_at=self._moment(stale_at),
            is_current=bool(is_current),
            source=source,
        )

    def change(self, row: Row) -> Change | None:
        """None for a signal that no longer exists."""
        at, kind, labels, name, before, after, raw, source, known_before = row
        signal = self._signals.get(name)
        if signal is None:
            return None
        return Change(
            signal=signal,
            subject=self.subject(kind, labels),
            before=self._value(signal, before),
            after=self._value(signal, after),
            raw=raw,
            at=moment(at),
            source=source,
            known_before=self._value(signal, known_before),
        )

    def alert(self, row: Row) -> Alert:
        key, rule, kind, labels, state, severity, since, last_observed_at, last_confirmed_at = row[:9]
        episode, ordinal, is_stale, opened_at, counted, credited, lower_credited = row[9:16]
        unknown_since, returns, what, evidence, is_rehearsal = row[16:]
        return Alert(
            key=key,
            rule=rule,
            subject=self.subject(kind, labels),
            state=AlertState(state),
            severity=Severity(severity),
            since=moment(since),
            last_observed_at=moment(last_observed_at),
            last_confirmed_at=moment(last_confirmed_at),
            episode=episode,
            ordinal=ordinal,
            is_stale=bool(is_stale),
            opened_at=maybe_moment(opened_at),
            counted=counted,
            credited=timedelta(microseconds=credited),
            lower_credited=timedelta(microseconds=lower_credited),
            unknown_since=maybe_moment(unknown_since),
            returns=returns,
            what=what,
            evidence=_evidence(evidence),
            is_rehearsal=bool(is_rehearsal),
        )

    def transition(self, row: Row) -> Transition:
        key, rule, subject_kind, labels, episode, ordinal, kind, severity = row[:8]
        at, observed_at, opened_at, last_confirmed_at, returns, what, evidence, close_reason = row[8:16]
        group_id, actor, note, is_rehearsal = row[16:]
        return Transition(
            key=key,
            rule=rule,
            subject=self.subject(subject_kind, labels),
            episode=episode,
            ordinal=ordinal,
            kind=TransitionKind(kind),
            severity=Severity(severity),
            at=moment(at),
            observed_at=moment(observed_at),
            opened_at=moment(opened_at),
            last_confirmed_at=moment(last_confirmed_at),
            returns=returns,
            what=what,
            evidence=_evidence(evidence),
            close_reason=CloseReason(close_reason) if close_reason else None,
            group_id=group_id,
            actor=actor,
            note=note,
            is_rehearsal=bool(is_rehearsal),
        )

    def counter(self, row: Row) -> tuple[CounterKey, int]:
        name, labels, value = row
        return CounterKey(name, _labels(labels)), value

    def _moment(self, stored: int) -> datetime:
        found = self._moments.get(stored)
        if found is None:
            found = self._moments[stored] = moment(stored)
        return found

    def _value(self, signal: Signal[Value], text: str | None) -> Value | None:
        if text is None:
            return None
        found = self._values.get((signal.name, text))
        if found is None:
            found = self._values[signal.name, text] = signal.shape.decode(cast(JsonValue, json.loads(text)))
        return found


def _value_text(signal: Signal[Value], value: Value | None) -> str | None:
    return None if value is None else _ENCODER.encode(signal.shape.encode(value))


def _labels(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(json.loads(text).items())


def _evidence(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in json.loads(text))
