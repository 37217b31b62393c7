"""JSON in, JSON out: reading what programs ask, and writing what they are answered.

Errors are `{"error": ..., "next": ...}`.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import Field, fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, get_args

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from wamon.core.alerting import Severity
from wamon.operating import NotStoredError, OperatingError, UnknownError
from wamon.web.origin import JSON, RefusedError, changing_body

Endpoint = Callable[[Request], Awaitable[Response]]


# --- what is asked ----------------------------------------------------------------------------------------------------


async def read_body(request: Request, **kinds: Any) -> dict[str, Any]:
    """The fields of the request's body, None for those that may be left out and are. Raises RefusedError."""
    body = _parsed(await changing_body(request, kind=JSON))
    if unknown := sorted(set(body) - set(kinds)):
        raise RefusedError(400, f"there is no field {unknown[0]!r}", f"the fields are {', '.join(kinds)}")
    return {name: _field(name, body.get(name), wanted) for name, wanted in kinds.items()}


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
        # Half a surrogate pair is JSON, and still no text that could be kept.
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise RefusedError(400, "the body is no JSON object", "send an object, like {}")
    return body


def _field(name: str, value: Any, wanted: Any) -> Any:
    if value is None and wanted in _OPTIONAL:
        return None
    plain = _OPTIONAL.get(wanted, wanted)
    is_number = plain is float and isinstance(value, int | float) and not isinstance(value, bool)
    if value is None or not (is_number or isinstance(value, plain)):
        missing = "is missing" if value is None else "is of the wrong type"
        raise RefusedError(400, f"{name} {missing}", f"{name} must be {_KINDS[plain]}")
    return value


_OPTIONAL: Final[Mapping[Any, type]] = {each | None: each for each in (str, float, bool, dict, list)}
_KINDS: Final = {
    str: "a text",
    float: "a number",
    bool: "true or false",
    list: "a list of texts",
    dict: "an object of texts",
}


def texts(values: list[Any], name: str) -> list[str]:
    if not all(isinstance(each, str) for each in values):
        raise RefusedError(400, f"{name} has something in it that is no text", "put each value in quotes")
    return values


def duration(seconds: float | None) -> timedelta | None:
    try:
        return None if seconds is None else timedelta(seconds=seconds)
    except (OverflowError, ValueError) as exc:
        raise RefusedError(400, "for_seconds is no duration", "give a number of seconds, like 3600") from exc


def moment(text: str | None, name: str) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise RefusedError(400, f"{name} is no moment", "write it like 2026-11-22T18:00:00Z, with its time zone")
    return at


# --- what is answered -------------------------------------------------------------------------------------------------


def answer(content: object, *, status: int = 200) -> Response:
    return JSONResponse(plain(content), status_code=status)


def plain(value: object) -> Any:
    """A view as JSON values: moments in ISO 8601, durations in seconds (and said so), severities by name."""
    match value:
        case Severity():
            return str(value)
        case Enum():
            return value.value
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Mapping():
            return {key: plain(each) for key, each in value.items()}
        case tuple() | list():
            return [plain(each) for each in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {json_name(field): plain(getattr(value, field.name)) for field in fields(value)}
    return value


def json_name(field: Field[Any]) -> str:
    """What a view's field is called in JSON, where a bare number has to tell its unit."""
    return f"{field.name}_seconds" if timedelta in (field.type, *get_args(field.type)) else field.name


def _error(status: int, error: str, next_step: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": error, "next": next_step}, status_code=status, headers=headers)


async def _operating_error(request: Request, exc: Exception) -> Response:
    match exc:
        case UnknownError():
            return _error(404, str(exc), exc.next_step)
        case NotStoredError():
            return _error(503, str(exc), exc.next_step)
        case OperatingError():
            return _error(400, str(exc), exc.next_step)
    raise exc


async def _refused(request: Request, exc: Exception) -> Response:
    if not isinstance(exc, RefusedError):
        raise exc
    return _error(exc.status, str(exc), exc.next_step)


async def _not_there(request: Request, exc: Exception) -> Response:
    if not isinstance(exc, HTTPException):
        raise exc
    words = "this takes another method" if exc.status_code == 405 else "there is nothing at this address"
    return _error(exc.status_code, words, "docs/api.md tells what there is", exc.headers)


EXCEPTION_HANDLERS: Final = MappingProxyType(
    {OperatingError: _operating_error, RefusedError: _refused, HTTPException: _not_there}
)
