"""What is wrong with an answer: from Meta's error envelope or a gateway's page to the fault a caller acts on."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, NoReturn

from wamon.core.error_codes import GraphFaultKind, classify_fault, lookup
from wamon.core.errors import Denied, GraphFault, Refused, Throttled, UnexpectedShape, Unreachable
from wamon.core.ports import JsonObject
from wamon.graph.http import Reply
from wamon.graph.redaction import Redactor

LONGEST_RETRY_AFTER: Final = timedelta(hours=6)
LONGEST_QUOTE: Final = 300

# Source: many public reports of this text, read 2026-11; no page of Meta documents it.
_NONEXISTING_FIELD: Final = re.compile(
    r"nonexisting field \(([A-Za-z0-9_.]{1,100})\)(?: on node type \(([A-Za-z0-9_]{1,100})\))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Who asked about what, in words for a message: "WABA 1029", "access token 'main'".

    `is_app` when it was asked with the app's own token.
    """

    thing: str
    caller: str
    is_app: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """An answer that is none. `label` is its short name for counters; `retry_after` what the answer asked for."""

    fault: GraphFault
    label: str
    retry_after: timedelta | None = None
    cause: Exception | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Envelope:
    """Meta's error object, read leniently; `code` is None when there is no readable one."""

    code: int | None = None
    subcode: int | None = None
    is_transient: bool = False
    message: str = ""


def read_object(content: bytes) -> JsonObject | None:
    """The JSON object in a body; None for anything else: HTML, cut off, too deep, a list, a NaN."""
    try:
        value = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def find_trouble(reply: Reply, body: JsonObject | None, question: Question, redact: Redactor) -> Trouble | None:
    """What keeps this reply from being an answer; None when nothing does.

    The error code decides, not the HTTP status: Meta's own papers give both 400 and 429 for the same throttle. A
    Throttled comes without `retry_after`, which the quota budget knows better.
    """
    if body is not None and body.get("error") is not None:
        return _envelope_trouble(reply, _read_envelope(body["error"]), question, redact)
    if reply.status == 200 and body is not None:
        return None
    return _status_trouble(reply, question)


def _envelope_trouble(reply: Reply, error: _Envelope, question: Question, redact: Redactor) -> Trouble:
    if error.code is None:
        return _status_trouble(reply, question)
    kind = classify_fault(error.code, error.subcode, http_status=reply.status, is_transient=error.is_transient)
    row = lookup(error.code, error.subcode)
    label = str(error.code) if row else "other"
    return Trouble(fault=_fault(kind, error, question, redact), label=label, retry_after=_retry_after(reply))


def _fault(kind: GraphFaultKind, error: _Envelope, question: Question, redact: Redactor) -> GraphFault:
    """The fault with a text that stays the same while the trouble does.

    Meta's own message is quoted for refusals only, where it names the parameter; that of an expired token carries the
    time of day, and would make every poll look like a change.
    """
    code, subcode = error.code, error.subcode
    title, fix = _known(error)
    thing, caller = question.thing, question.caller
    match kind:
        case GraphFaultKind.TOKEN:
            if question.is_app:
                fix = "Check app_id and app_secret: together they are the app's own token."
            return Denied(f"{caller} rejected for {thing} ({title}): {fix}", is_token=True, code=code, subcode=subcode)
        case GraphFaultKind.PERMISSION:
            message = f"{caller} lacks a right on {thing} ({title}): {fix}"
            return Denied(message, is_token=False, code=code, subcode=subcode)
        case GraphFaultKind.ASSET:
            message = f"{thing} is missing, or closed to {caller} ({title}): {fix}"
            return Denied(message, is_token=False, is_asset=True, code=code, subcode=subcode)
        case GraphFaultKind.THROTTLED:
            message = f"Meta throttles calls about {thing} ({title}): {fix}"
            return Throttled(message, retry_after=None, code=code, subcode=subcode)
        case GraphFaultKind.TRANSIENT:
            return Unreachable(f"Meta failed on {thing} ({title}): {fix}", code=code, subcode=subcode)
    return _refused(error, question, redact)


def _refused(error: _Envelope, question: Question, redact: Redactor) -> Refused:
    title, fix = _known(error)
    if "appsecret_proof" in error.message:
        fix = "Configure the secret of the very app that issued the token."
    found = _NONEXISTING_FIELD.search(error.message)
    quoted = quote_text(error.message, redact)
    return Refused(
        f"Meta refused the question about {question.thing} ({title}): {fix} Meta says: {quoted}",
        code=error.code,
        subcode=error.subcode,
        field=found[1] if found else None,
        node_type=found[2] if found else None,
    )


def _known(error: _Envelope) -> tuple[str, str]:
    row = None if error.code is None else lookup(error.code, error.subcode)
    number = str(error.code) if error.subcode is None else f"{error.code}/{error.subcode}"
    if row is None:
        return f"code {number}, in no list of Meta's", "Look the code up in Meta's documentation."
    return f"code {number}: {row.title}", row.fix


def _status_trouble(reply: Reply, question: Question) -> Trouble:
    """A reply without a readable error envelope: a gateway, a proxy, or something that is not the Graph API."""
    label = f"http_{reply.status}"
    status, thing = reply.status, question.thing
    match classify_fault(None, None, http_status=status, is_transient=False):
        case GraphFaultKind.THROTTLED:
            fault: GraphFault = Throttled(f"calls about {thing} are throttled (HTTP {status})", retry_after=None)
        case GraphFaultKind.TRANSIENT:
            fault = Unreachable(f"HTTP {status} instead of an answer about {thing}: an outage, or a gateway on the way")
        case _ if status == 200:
            label = "shape"
            fault = UnexpectedShape(
                f"the answer about {thing} is not a JSON object: check the base URL and any proxy on the way"
            )
        case _ if 300 <= status < 400:
            fault = UnexpectedShape(
                f"a redirect (HTTP {status}) instead of an answer about {thing}, never followed: check the base URL"
            )
        case _:
            fault = UnexpectedShape(
                f"HTTP {status} without Meta's error form about {thing}: check the base URL and any proxy on the way"
            )
    return Trouble(fault=fault, label=label, retry_after=_retry_after(reply))


def quote_text(text: str, redact: Redactor) -> str:
    """Somebody else's text made fit to be shown: without secrets, on one line, of bounded length."""
    line = " ".join("".join(character if character.isprintable() else " " for character in redact(text)).split())
    return line if len(line) <= LONGEST_QUOTE else f"{line[:LONGEST_QUOTE]}..."


def _read_envelope(error: object) -> _Envelope:
    if not isinstance(error, Mapping):
        return _Envelope()
    details = error.get("error_data")
    # Meta's form is an object with `details`, but a plain string occurs (pywa 4.4 handles both, read 2026-11).
    if isinstance(details, Mapping):
        details = details.get("details")
    texts = [text for text in (error.get("message"), details) if isinstance(text, str) and text]
    return _Envelope(
        code=_whole(error.get("code")),
        subcode=_whole(error.get("error_subcode")) or None,
        is_transient=error.get("is_transient") is True,
        message=" ".join(texts),
    )


def _whole(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 12:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _retry_after(reply: Reply) -> timedelta | None:
    """Retry-After, in seconds or as a date; Meta documents none, but a gateway may send it."""
    text = reply.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return timedelta(seconds=min(int(text[:9]), LONGEST_RETRY_AFTER.total_seconds()))
    try:
        wait = parsedate_to_datetime(text) - reply.received_at
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait, timedelta(0)), LONGEST_RETRY_AFTER)


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")
