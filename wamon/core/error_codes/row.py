"""What is known of one Meta error code: the row type of the table and its closed vocabularies."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class ErrorClass(StrEnum):
    """What kind of trouble a code reports; a metric label, so it stays at a dozen members.

    No row of the table is UNKNOWN: it is the label for a code that the table lacks.
    """

    RECIPIENT = "recipient"
    SENDER = "sender"
    THROTTLE = "throttle"
    PLATFORM = "platform"
    TEMPLATE = "template"
    TOKEN = "token"  # noqa: S105 - the kind of trouble, not a secret
    MEDIA = "media"
    REQUEST = "request"
    REGISTRATION = "registration"
    FLOW = "flow"
    CALLING = "calling"
    UNKNOWN = "unknown"


class Bounce(StrEnum):
    """What a failed message says about its recipient.

    HARD: this address cannot be reached, stop sending to it. SOFT: not delivered this time for a reason on the
    recipient's side. NONE: the code says nothing about the recipient, so it never counts as a bounce.
    """

    HARD = "hard"
    SOFT = "soft"
    NONE = "none"


class Owner(StrEnum):
    """Who can make the error go away. US is the engineers who run the sender, META_ADMIN whoever may click in Meta's
    Business settings."""

    META = "meta"
    US = "us"
    RECIPIENT = "recipient"
    MARKETING = "marketing"
    FINANCE = "finance"
    META_ADMIN = "meta_admin"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCode:
    """One row of the table, for a person at 03:00.

    `last_code` equals `code` except in a row for a range. `subcode` None means any subcode that has no row of its own.
    """

    code: int
    last_code: int
    subcode: int | None
    title: str
    error_class: ErrorClass
    bounce: Bounce
    owner: Owner
    meaning: str
    cause: str
    fix: str

    @property
    def label(self) -> str:
        """The code as people write it: `131026`, `190/463` with a subcode, `200-299` for a range."""
        if self.last_code != self.code:
            return f"{self.code}-{self.last_code}"
        return str(self.code) if self.subcode is None else f"{self.code}/{self.subcode}"


# A code, a (code, subcode) pair or a range of codes; then title, class, bounce, owner, meaning, cause, fix.
Row: TypeAlias = tuple[int | tuple[int, int] | range, str, ErrorClass, Bounce, Owner, str, str, str]


def error_codes(rows: Iterable[Row]) -> tuple[ErrorCode, ...]:
    return tuple(_error_code(row) for row in rows)


def _error_code(row: Row) -> ErrorCode:
    key, title, error_class, bounce, owner, meaning, cause, fix = row
    code, last_code, subcode = _span(key)
    return ErrorCode(
        code=code,
        last_code=last_code,
        subcode=subcode,
        title=title,
        error_class=error_class,
        bounce=bounce,
        owner=owner,
        meaning=meaning,
        cause=cause,
        fix=fix,
    )


def _span(key: int | tuple[int, int] | range) -> tuple[int, int, int | None]:
    if isinstance(key, range):
        return key[0], key[-1], None
    if isinstance(key, tuple):
        return key[0], key[0], key[1]
    return key, key, None
