"""What a webhook field is to wamon: its reader, and what a reader gets and gives."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from wamon.core.books import Tally
from wamon.core.delivery import Update
from wamon.core.health import Reading, Signal, Snapshot, Subject, SubjectKind
from wamon.core.ports import JsonObject
from wamon.probes.account import PHONE_NUMBER_INFO
from wamon.webhooks.digest import Digests


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One change of an account-level field. `at` is Meta's stamp, our receipt where it gave none.

    `digest` stands for the notice (16 bytes): a repeated one has the same.
    """

    waba_id: str
    field: str
    at: datetime
    value: JsonObject
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Heed:
    """What a notice means: readings, and whether the account had better be polled at once."""

    readings: tuple[Reading, ...] = ()
    asks_poll: bool = False


class Directory:
    """Finds the phone numbers that account-level webhooks name by their display number only."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def numbers(self, waba_id: str) -> Iterator[Subject]:
        """The known numbers of an account."""
        kind = SubjectKind.PHONE_NUMBER
        return (subject for subject in self._snapshot.subjects(kind) if subject.label("waba_id") == waba_id)

    def number(self, waba_id: str, display_phone_number: object) -> Subject | None:
        """The number of an account with these digits, whatever stands between them; None for an unknown one.

        Meta writes 15550783881, +250 788 123 200 and 1-555-123-4567. Source: facts on webhooks, read 2026-11.
        """
        wanted = digits(display_phone_number)
        return next((each for each in self.numbers(waba_id) if wanted and self._digits_of(each) == wanted), None)

    def _digits_of(self, subject: Subject) -> str:
        return digits((self._snapshot.known(subject, PHONE_NUMBER_INFO) or {}).get("display_phone_number"))


def digits(text: object) -> str:
    """The digits of a phone number; empty for what is none."""
    return "".join(each for each in text if each.isdecimal()) if isinstance(text, str) else ""


class Change(NamedTuple):
    """One change of a field that goes into the ledger, its `value` still as JSON text.

    `phone_number_ids` are the account's watched numbers, empty for all.
    """

    waba_id: str
    phone_number_ids: frozenset[str]
    value: bytes
    received_at: float
    digests: Digests


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One webhook field. Exactly one of the two is there.

    `read` turns a notice into readings of the account's picture. `enter` appends the ledger updates of a change to the
    list and counts the rest in the tally. Both raise WebhookShapeError for what has not the documented form, and only
    then; unknown values are no such thing.
    """

    name: str
    doc: str
    signals: tuple[Signal[Any], ...] = ()
    read: Callable[[Notice, Directory], Heed] | None = None
    enter: Callable[[Change, list[Update], Tally], None] | None = None


class WebhookShapeError(ValueError):
    """A webhook, or a part of one, has not the form that Meta documents; `reason` is a word for a metric's label."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
