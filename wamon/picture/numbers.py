"""The phone numbers as a list: each a row, the worst first, searched, filtered and paged."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from wamon.core import figures
from wamon.core.alerting import Severity, Truth
from wamon.core.health import Subject, SubjectKind
from wamon.core.ports import Rule
from wamon.core.vocabulary import HEALTH_STATE, PHONE_NUMBER_STATUS, QUALITY_RATING, Grade
from wamon.picture.scene import MOOD_OF_SEVERITY, WORST_FIRST, Scene, known, worst
from wamon.picture.values import Known, Mood, NumberList, NumberRow, Query, Sort
from wamon.probes import account
from wamon.probes.health_status import BLOCKED
from wamon.rules import delivery

HOUR: Final = "1h"
DAY: Final = "24h"
_BAD_RATINGS: Final = frozenset({Mood.BAD, Mood.WATCH})
_DIGITS_OF_A_NUMBER: Final = 3


def number_rows(scene: Scene) -> tuple[NumberRow, ...]:
    """Every phone number that is watched, in no order."""
    return tuple(number_row(scene, subject) for subject in scene.snapshot.subjects(SubjectKind.PHONE_NUMBER))


def number_row(scene: Scene, subject: Subject) -> NumberRow:
    """The row of a phone number that the snapshot knows."""
    snapshot = scene.snapshot
    number_id, waba_id = subject.label("phone_number_id") or "", subject.label("waba_id") or ""
    names = snapshot.known(subject, account.PHONE_NUMBER_INFO) or {}
    rating = known(snapshot, subject, account.QUALITY_RATING, QUALITY_RATING)
    status = known(snapshot, subject, account.PHONE_STATUS, PHONE_NUMBER_STATUS)
    can_send = known(snapshot, subject, account.NUMBER_CAN_SEND, HEALTH_STATE)
    alerts = scene.alerts_of_numbers.get(number_id, ())
    severity = max((alert.severity for alert in alerts), default=None)
    checked = [each.observed_at for each in (rating, status, can_send) if each.observed_at is not None]
    moods = [status.mood, can_send.mood]
    # A number that Meta has not rated yet is none the worse for it.
    moods += [rating.mood] if rating.mood in _BAD_RATINGS or rating.is_stale else []
    moods += [MOOD_OF_SEVERITY[severity]] if severity is not None else []
    attempted, failed, bounced = (
        snapshot.value(subject, signal) or {}
        for signal in (figures.MESSAGES_ATTEMPTED, figures.MESSAGES_FAILED, figures.MESSAGES_BOUNCED)
    )
    # As the rules have it, bounces are none of the failures.
    failures = {window: max(count - bounced.get(window, 0.0), 0.0) for window, count in failed.items()}
    is_failing = _is_too_high(scene, delivery.FAILURE_RATIO, failures, attempted)
    is_bouncing = _is_too_high(scene, delivery.BOUNCE_RATIO, bounced, attempted)
    moods += [Mood.WATCH] if is_failing or is_bouncing else []
    return NumberRow(
        phone_number_id=number_id,
        waba_id=waba_id,
        display_phone_number=" ".join(names.get("display_phone_number", "").split()),
        verified_name=" ".join(names.get("verified_name", "").split()),
        account=scene.names.get(waba_id, ""),
        mood=worst(moods),
        rating=rating,
        status=status,
        can_send=can_send,
        attempted=_count(scene, attempted),
        failed=_count(scene, failed),
        failure_ratio=(snapshot.value(subject, figures.FAILURE_RATIO) or {}).get(DAY),
        bounce_ratio=(snapshot.value(subject, figures.BOUNCE_RATIO) or {}).get(DAY),
        is_failing=is_failing,
        is_bouncing=is_bouncing,
        last_webhook_at=scene.last_webhook(waba_id),
        checked_at=max(checked, default=None),
        is_stale=status.text is None and (status.is_stale or status.observed_at is None),
        open_alerts=len(alerts),
        severity=severity,
    )


def _is_too_high(scene: Scene, rule: Rule, hits: Mapping[str, float], attempted: Mapping[str, float]) -> bool:
    """Whether a day's share of hits is above the rule's own bound; false where the rule is off.

    The rule judges an hour, in which many numbers send too little to be judged. It is over when the last hour would end
    the alert.
    """
    params = scene.rules[rule.name].params if rule.name in scene.rules else None
    if not scene.is_receiving or not isinstance(params, delivery.ShareParams):
        return False
    day, hour = (
        delivery.judge_share(
            hits.get(window, 0.0), attempted.get(window, 0.0), params, now=scene.now, open_severity=severity
        ).truth
        for window, severity in ((DAY, None), (HOUR, Severity.WARNING))
    )
    return day is Truth.TRUE and hour is not Truth.FALSE


def cannot_send(row: NumberRow) -> bool:
    """Whether it is known that messages of this number do not go out."""
    return row.can_send.text == BLOCKED or PHONE_NUMBER_STATUS.grade(row.status.text) is Grade.DOWN


def listed(rows: tuple[NumberRow, ...], query: Query) -> NumberList:
    """The page of these rows that the query asks for; its order is the same for the same rows in any order."""
    in_text = [row for row in rows if _is_in_account(row, query.waba_id) and _has(row, query.text)]
    fitting = [row for row in in_text if not query.moods or row.mood in query.moods]
    fitting.sort(key=_worst_first)
    if query.sort is not Sort.WORST:
        fitting.sort(key=_KEYS[query.sort])
    if query.is_reversed:
        fitting.reverse()
    size = max(query.page_size, 1)
    pages = max(-(-len(fitting) // size), 1)
    page = min(max(query.page, 1), pages)
    return NumberList(
        rows=tuple(fitting[(page - 1) * size : page * size]),
        page=page,
        pages=pages,
        total=len(fitting),
        of=len(rows),
        moods=Counter(row.mood for row in in_text),
    )


def _count(scene: Scene, counts: Mapping[str, float]) -> int | None:
    return int(counts[DAY]) if scene.is_receiving and DAY in counts else None


def _is_in_account(row: NumberRow, waba_id: str) -> bool:
    return not waba_id or row.waba_id == waba_id


def _has(row: NumberRow, text: str) -> bool:
    """Whether each word of the text is in one of the row's; a number is found however its digits are spaced."""
    names = f"{row.display_phone_number} {row.verified_name} {row.account}"
    said = f"{names} {row.phone_number_id} {row.waba_id}".casefold()
    digits = _digits(row.display_phone_number)
    wanted = _digits(text)
    if len(wanted) >= _DIGITS_OF_A_NUMBER and not any(letter.isalpha() for letter in text) and wanted in digits:
        return True
    return all(word in said for word in text.casefold().split())


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isdigit())


def _worst_first(row: NumberRow) -> Any:
    # What cannot send stands before all else that is bad, and then what fails most.
    return (
        WORST_FIRST[row.mood],
        not cannot_send(row),
        -(row.severity or 0),
        -(row.failure_ratio or 0.0),
        row.account.casefold(),
        row.display_phone_number,
        row.phone_number_id,
    )


def _graded(known_value: Known) -> tuple[int, str]:
    return WORST_FIRST[known_value.mood], known_value.text or ""


# Each ascending as people expect it: the worst, the most and the oldest first.
_KEYS: Final[Mapping[Sort, Callable[[NumberRow], Any]]] = {
    Sort.NUMBER: lambda row: (row.display_phone_number, row.phone_number_id),
    Sort.NAME: lambda row: row.verified_name.casefold(),
    Sort.ACCOUNT: lambda row: (row.account.casefold(), row.waba_id),
    Sort.RATING: lambda row: _graded(row.rating),
    Sort.STATUS: lambda row: _graded(row.status),
    Sort.CAN_SEND: lambda row: _graded(row.can_send),
    Sort.FAILURES: lambda row: -1.0 if row.failure_ratio is None else -1.0 - row.failure_ratio,
    Sort.BOUNCES: lambda row: -1.0 if row.bounce_ratio is None else -1.0 - row.bounce_ratio,
    Sort.MESSAGES: lambda row: -(row.attempted or 0),
    Sort.CHECKED: lambda row: 0.0 if row.checked_at is None else row.checked_at.timestamp(),
}
