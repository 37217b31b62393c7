"""The whole table of Meta's error codes, and the way to look one up."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from wamon.core.error_codes import graph, management, messaging
from wamon.core.error_codes.row import ErrorCode, error_codes

SOURCE: Final = "Meta's error code pages, read 2026-09; pywa 4.5.0 where they are silent, read 2026-11"

ALL: Final[tuple[ErrorCode, ...]] = tuple(
    sorted(
        error_codes((*graph.ROWS, *messaging.ROWS, *management.ROWS)),
        key=lambda row: (row.code, row.last_code, row.subcode or 0),
    )
)

_RANGES: Final = tuple(row for row in ALL if row.last_code != row.code)
_SINGLE: Final[Mapping[tuple[int, int | None], ErrorCode]] = MappingProxyType(
    {(row.code, row.subcode): row for row in ALL if row.last_code == row.code}
)


def lookup(code: int, subcode: int | None = None) -> ErrorCode | None:
    """The row that fits best, None for a code that the table lacks.

    A row with this very subcode wins over the code's own row, and that over a range that contains the code.
    """
    row = _SINGLE.get((code, subcode)) or _SINGLE.get((code, None))
    return row or next((span for span in _RANGES if span.code <= code <= span.last_code), None)
