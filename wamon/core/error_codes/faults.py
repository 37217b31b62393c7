"""What a Graph API error lets the caller conclude: renew a credential, wait, retry or correct the request."""

from enum import StrEnum
from typing import Final

from wamon.core.error_codes.row import ErrorClass
from wamon.core.error_codes.table import lookup


class GraphFaultKind(StrEnum):
    """What to do about a failed Graph call.

    TOKEN, PERMISSION and ASSET are explicit denials, the only evidence there is of a bad token or a lost right.
    THROTTLED and TRANSIENT say nothing about the account. REFUSED means that the same call will fail again; `lookup`
    says why. UNKNOWN means that neither the code nor the status is one we know.
    """

    TOKEN = "token"  # noqa: S105 - the kind of fault, not a secret
    PERMISSION = "permission"
    ASSET = "asset"
    THROTTLED = "throttled"
    TRANSIENT = "transient"
    REFUSED = "refused"
    UNKNOWN = "unknown"


_DENIES_TOKEN: Final = frozenset({0, 102, 190})
# 104 says that no token arrived. That is no denial of one: calling it so would have people renew a good token.
_NO_TOKEN_SENT: Final = 104
_DENIES_ASSET: Final = frozenset({(33, None), (100, 33), (803, None)})

_TOO_MANY_REQUESTS: Final = 429
_SERVER_FAULTS: Final = range(500, 600)


def classify_fault(code: int | None, subcode: int | None, *, http_status: int, is_transient: bool) -> GraphFaultKind:
    """What Meta's error envelope lets us conclude; `code` is None when there was no readable envelope.

    The code decides wherever the table has it: Meta's own papers give 400 and 429 for the same throttle, and 500 for
    a missing permission. An answer that Meta itself marks as transient is never a denial.
    Source: Meta "Handle errors" and OpenAPI file v23.0, read 2026-11.
    """
    row = None if code is None else lookup(code, subcode)
    if row is None:
        return _without_known_code(http_status, is_transient=is_transient)
    if row.error_class is ErrorClass.THROTTLE:
        return GraphFaultKind.THROTTLED
    if is_transient or row.error_class is ErrorClass.PLATFORM:
        return GraphFaultKind.TRANSIENT
    if row.code in _DENIES_TOKEN:
        return GraphFaultKind.TOKEN
    if row.error_class is ErrorClass.TOKEN and row.code != _NO_TOKEN_SENT:
        return GraphFaultKind.PERMISSION
    if (row.code, row.subcode) in _DENIES_ASSET:
        return GraphFaultKind.ASSET
    return GraphFaultKind.REFUSED


def _without_known_code(http_status: int, *, is_transient: bool) -> GraphFaultKind:
    if http_status == _TOO_MANY_REQUESTS:
        return GraphFaultKind.THROTTLED
    if is_transient or http_status in _SERVER_FAULTS:
        return GraphFaultKind.TRANSIENT
    return GraphFaultKind.UNKNOWN
