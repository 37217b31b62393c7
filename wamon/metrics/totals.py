"""The sums of the books as lines, and what must be remembered to write a family's lines when one of them moved."""

from collections.abc import Collection, Mapping
from typing import Final

from wamon.core import books
from wamon.core.books import TallyKey
from wamon.core.error_codes import ErrorClass, lookup
from wamon.core.health import Subject, SubjectKind
from wamon.metrics.families import TOTALS, Total
from wamon.metrics.lines import Labels, histogram, sample, split

_TOTALS: Final[Mapping[str, Total]] = {total.family.name: total for total in TOTALS}
_NAMES: Final[Mapping[SubjectKind, tuple[str, ...]]] = {
    kind: tuple(total.family.name for total in TOTALS if total.kind is kind)
    for kind in (SubjectKind.INSTANCE, SubjectKind.WABA, SubjectKind.PHONE_NUMBER)
}

OTHER_TITLE: Final = "Codes that wamon does not know"


class Totals:
    """The sums of the books, by whose they are.

    The instance has all its families from the start, a number or account from the first sum of it that is told: one
    that sends nothing costs no series, and all that it would be missed by is the increase of its very first tick.
    """

    def __init__(self) -> None:
        self._sums: dict[Subject, dict[str, dict[str, int]]] = {Subject.instance(): {}}
        self._whose: dict[tuple[str, str], Subject] = {("", ""): Subject.instance()}
        self._codes: set[str] = set()

    def take(self, totals: Mapping[TallyKey, int]) -> dict[Subject, Collection[str]]:
        """Remember these sums; the families whose lines that changes, by subject.

        A sum that no table declares any more stays in the books, not here, and neither do windows.
        """
        changed: dict[Subject, Collection[str]] = {}
        moved: dict[Subject, set[str]] = {}
        for (name, waba_id, phone_number_id, label, bucket), amount in totals.items():
            if bucket != books.FOR_EVER or name not in _TOTALS:
                continue
            subject = self._whose.get((waba_id, phone_number_id))
            if subject is None:
                subject = self._whose[waba_id, phone_number_id] = _subject(waba_id, phone_number_id)
                self._sums[subject] = {}
                changed[subject] = _NAMES[subject.kind]
            own = self._sums[subject].get(name)
            if own is None:
                own = self._sums[subject][name] = {}
            own[label] = amount
            if name == books.FAILURE_CODES:
                self._codes.add(label)
            moved.setdefault(subject, set()).add(name)
        return {**moved, **changed}

    @property
    def subjects(self) -> Collection[Subject]:
        """Everybody who has sums."""
        return self._sums.keys()

    @property
    def codes(self) -> Collection[str]:
        """The error codes that ever occurred, whoever had them."""
        return self._codes

    def names(self, subject: Subject) -> Collection[str]:
        """The families in which this subject has sums; none for one that has no sums at all."""
        return _NAMES[subject.kind] if subject in self._sums else ()

    def chunk(self, subject: Subject, name: str) -> bytes:
        """All lines of this subject in one of its families."""
        total, own = _TOTALS[name], self._sums[subject].get(name, {})
        if name in books.BOUNDS:
            counts = {le: count for le, count in own.items() if le != books.SUM}
            return histogram(name, subject.labels, books.BOUNDS[name], counts, own.get(books.SUM, 0) / 1000)
        if not total.label:
            return sample(name, subject.labels, own.get("", 0))
        return split(name, subject.labels, total.label, {**dict.fromkeys(total.starts, 0), **own})


def code_labels(code: str) -> Labels:
    """What is told of an error code as it stands in the books."""
    row = lookup(int(code)) if code.isdecimal() else None
    title, error_class = (OTHER_TITLE, ErrorClass.UNKNOWN) if row is None else (row.title, row.error_class)
    return (("code", code), ("error_class", str(error_class)), ("title", title))


def _subject(waba_id: str, phone_number_id: str) -> Subject:
    return Subject.phone_number(waba_id, phone_number_id) if phone_number_id else Subject.waba(waba_id)
