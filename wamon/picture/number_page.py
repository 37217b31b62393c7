"""One phone number: what is known of it, who must agree before it sends, and what became of its messages."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from wamon.core import books, figures
from wamon.core.error_codes import lookup
from wamon.core.health import Signal, Subject, SubjectKind
from wamon.core.vocabulary import (
    CODE_VERIFICATION_STATUS,
    HEALTH_STATE,
    NAME_STATUS,
    PHONE_NUMBER_STATUS,
    QUALITY_RATING,
    THROUGHPUT_LEVEL,
    Vocabulary,
)
from wamon.picture.numbers import number_row
from wamon.picture.scene import Scene, known
from wamon.picture.values import CodeRow, NumberPage, Property, SenderRow, Window
from wamon.probes import account

_PROPERTIES: Final[tuple[tuple[str, Signal[Any], Vocabulary | None], ...]] = (
    ("Quality rating", account.QUALITY_RATING, QUALITY_RATING),
    ("Status", account.PHONE_STATUS, PHONE_NUMBER_STATUS),
    ("Can send", account.NUMBER_CAN_SEND, HEALTH_STATE),
    ("Listed by its account", account.PHONE_NUMBER_IN_WABA, None),
    ("People it may write to first in 24 h", account.MESSAGING_LIMIT, None),
    ("Throughput", account.THROUGHPUT_LEVEL, THROUGHPUT_LEVEL),
    ("Display name", account.NAME_STATUS, NAME_STATUS),
    ("Ownership", account.CODE_VERIFICATION_STATUS, CODE_VERIFICATION_STATUS),
    ("Two-step PIN", account.PIN_ENABLED, None),
)
# In the order of a message's life.
_STATUSES: Final = ("sent", "delivered", "read", "played", "failed")
_AGES: Final[Mapping[str, str]] = {
    "lt15m": "under 15 min",
    figures.RIPE: "15 to 60 min",
    "1h_24h": "1 to 24 h",
    "gt24h": "over 24 h",
}
_SCOPES: Final = ("phone_number", "waba", "business", "app")


def number_page(scene: Scene, phone_number_id: str) -> NumberPage | None:
    """The page of a number; None for one that is not watched."""
    numbers = scene.snapshot.subjects(SubjectKind.PHONE_NUMBER)
    subject = next((each for each in numbers if each.label("phone_number_id") == phone_number_id), None)
    if subject is None:
        return None
    waba_id = subject.label("waba_id") or ""
    return NumberPage(
        row=number_row(scene, subject),
        properties=tuple(
            Property(name=name, known=known(scene.snapshot, subject, signal, vocabulary))
            for name, signal, vocabulary in _PROPERTIES
        ),
        senders=tuple(_senders(scene, waba_id, phone_number_id)),
        windows=tuple(_window(scene, subject, name) for name in _counted_windows(scene, subject)),
        statuses=_statuses(scene, waba_id, phone_number_id) if scene.is_receiving else (),
        open_by_age=_open_by_age(scene, subject) if scene.is_receiving else (),
        codes=_codes(scene, waba_id, phone_number_id),
    )


def code_row(code: str, count: int | None) -> CodeRow:
    """What the table knows of a code as Meta or a metric writes it."""
    number, _, subcode = code.partition("/")
    row = lookup(int(number), int(subcode) if subcode.isdigit() else None) if number.isdigit() else None
    if row is None:
        return CodeRow(code=code, count=count, title="", meaning="", cause="", fix="", owner="")
    return CodeRow(
        code=code,
        count=count,
        title=row.title,
        meaning=row.meaning,
        cause=row.cause,
        fix=row.fix,
        owner=row.owner.value,
    )


def _senders(scene: Scene, waba_id: str, number_id: str) -> Iterable[SenderRow]:
    """Who has a say: the number itself, and all of its account that are no numbers."""
    own = [
        subject
        for subject in scene.snapshot.subjects(SubjectKind.SENDER)
        if subject.label("waba_id") == waba_id
        and (subject.label("scope") != "phone_number" or subject.label("id") == number_id)
    ]
    for subject in sorted(own, key=lambda each: (_rank(each.label("scope") or ""), each.label("id") or "")):
        reasons = scene.snapshot.value(subject, account.CAN_SEND_REASON) or {}
        yield SenderRow(
            scope=(subject.label("scope") or "").replace("_", " "),
            id=subject.label("id") or "",
            can_send=known(scene.snapshot, subject, account.CAN_SEND, HEALTH_STATE),
            reasons=tuple(code_row(code, None) for code, holds in sorted(reasons.items()) if holds),
        )


def _rank(scope: str) -> int:
    return _SCOPES.index(scope) if scope in _SCOPES else len(_SCOPES)


def _counted_windows(scene: Scene, subject: Subject) -> Iterable[str]:
    """Those that have been counted: after the start, and where no webhooks tell, not known is not none."""
    counted = scene.snapshot.value(subject, figures.MESSAGES_ATTEMPTED) if scene.is_receiving else None
    return [name for name in figures.WINDOWS if name in (counted or {})]


def _window(scene: Scene, subject: Subject, name: str) -> Window:
    def figure(signal: Signal[Mapping[str, float]]) -> float | None:
        return (scene.snapshot.value(subject, signal) or {}).get(name)

    attempted, failed = int(figure(figures.MESSAGES_ATTEMPTED) or 0), int(figure(figures.MESSAGES_FAILED) or 0)
    by_age = scene.snapshot.value(subject, figures.MESSAGES_OPEN) or {}
    ages = ("lt15m", figures.RIPE) if name == "1h" else ("lt15m", figures.RIPE, "1h_24h")
    # A window begins with a whole bucket and ages do not, so their sum may be a little more than there were.
    still_open = min(int(sum(by_age.get(age, 0.0) for age in ages)), attempted - failed)
    return Window(
        name=name,
        attempted=attempted,
        delivered=attempted - failed - still_open,
        failed=failed,
        bounced=int(figure(figures.MESSAGES_BOUNCED) or 0),
        open=still_open,
        failure_ratio=figure(figures.FAILURE_RATIO),
        bounce_ratio=figure(figures.BOUNCE_RATIO),
    )


def _statuses(scene: Scene, waba_id: str, number_id: str) -> tuple[tuple[str, int], ...]:
    totals = scene.books.totals
    counts = [(word, totals.get((books.STATUSES, waba_id, number_id, word, books.FOR_EVER), 0)) for word in _STATUSES]
    return tuple((word, count) for word, count in counts if count)


def _open_by_age(scene: Scene, subject: Subject) -> tuple[tuple[str, int], ...]:
    by_age = scene.snapshot.value(subject, figures.MESSAGES_OPEN) or {}
    return tuple((words, int(by_age[age])) for age, words in _AGES.items() if age in by_age)


def _codes(scene: Scene, waba_id: str, number_id: str) -> tuple[CodeRow, ...]:
    """Most frequent first."""
    since = scene.now.timestamp() - books.DAY
    counts = scene.books.by_label(waba_id, number_id, books.RECENT_CODES, since=since)
    return tuple(code_row(code, count) for code, count in sorted(counts.items(), key=lambda each: (-each[1], each[0])))
