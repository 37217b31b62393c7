"""What every Graph answer says besides its content: the version that served it, the quota used, a dead token."""

from collections.abc import Mapping
from typing import Any

from wamon.core.errors import Denied
from wamon.core.health import Flag, GaugeMap, Info, Reading, Signal, Subject, SubjectKind

TOKEN_VALID = Signal(
    name="whatsapp_token_valid",
    kind=SubjectKind.TOKEN,
    shape=Flag(),
    help="Whether Meta says that the access token is valid (1) or not (0); only ever from an explicit answer.",
    last_known="whatsapp_token_last_known_valid",
)
VERSION_SERVED = Signal(
    name="whatsapp_api_version_served_info",
    kind=SubjectKind.API_VERSION,
    shape=Info(("requested", "served")),
    help="The Graph API version asked for, and the one that answered (header facebook-api-version).",
    last_known="whatsapp_api_version_last_known_served_info",
)
QUOTA_USED = Signal(
    name="wamon_graph_quota_used_ratio",
    kind=SubjectKind.WABA,
    shape=GaugeMap("dimension"),
    help="Share of Meta's hourly call quota used on this WABA by everybody who shares the app, 0 to 1 (usage headers).",
    keeps_history=False,
)

SIGNALS: tuple[Signal[Any], ...] = (TOKEN_VALID, VERSION_SERVED, QUOTA_USED)


def token_accepted(token: str) -> Reading:
    """An answer to a query asked with this token: only a valid one gets any."""
    return TOKEN_VALID.reading(Subject.token(token), True)


def token_denied(token: str, fault: Denied) -> Reading | None:
    """What a denial proves of the token that was used; None when it was about a permission or an object."""
    if not fault.is_token:
        return None
    return TOKEN_VALID.reading(Subject.token(token), False, raw=code_words(fault.code, fault.subcode))


def code_words(code: int | str | None, subcode: int | str | None) -> str | None:
    """Meta's error code as evidence: `code 190, subcode 463`; None without a code."""
    if code is None:
        return None
    return f"code {code}" if subcode is None else f"code {code}, subcode {subcode}"


def version_served(requested: str, served: str) -> Reading:
    """Meta serves an expired version by the oldest usable one, without any error (versioning guide, read 2026-09)."""
    return VERSION_SERVED.reading(
        Subject.api_version(requested), {"requested": requested, "served": served}, raw=served
    )


def quota_used(waba_id: str, used: Mapping[str, float]) -> Reading:
    """`used` is 0 to 1 by dimension: call_count, total_cputime, total_time."""
    return QUOTA_USED.reading(Subject.waba(waba_id), dict(used))
