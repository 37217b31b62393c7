"""The operators' API on the private listener: JSON in, JSON out, what `wamon alerts` and `wamon drill` speak.

Errors are `{"error": ..., "next": ...}`. A browser that another site leads here is refused: what is changed here is for
programs and for our own page.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from wamon.core.alerting import Severity
from wamon.operating import AlertView, NotStoredError, OperatingError, Operations, UnknownError
from wamon.web.origin import JSON, RefusedError, changing_body

PREFIX: Final = "/api/v1"

Endpoint = Callable[[Request], Awaitable[Response]]


def api(operations: Operations) -> Starlette:
    """The app below PREFIX."""

    async def alerts(request: Request) -> Response:
        views = operations.alerts(include_all=request.query_params.get("all") in ("1", "true", "yes"))
        return _answer({"alerts": views})

    async def alert(request: Request) -> Response:
        return _answer(await operations.alert(request.path_params["id"]))

    async def acknowledge(request: Request) -> Response:
        body = await _body(request, author=str, id=str | None)
        outcome = await operations.acknowledge(request.path_params["id"], author=body["author"], act_id=body["id"])
        return _answer(outcome)

    async def close(request: Request) -> Response:
        body = await _body(request, author=str, reason=str, id=str | None)
        target = request.path_params["id"]
        outcome = await operations.force_close(target, reason=body["reason"], author=body["author"], act_id=body["id"])
        return _answer(outcome)

    async def silences(request: Request) -> Response:
        return _answer({"silences": operations.silences()})

    async def silence(request: Request) -> Response:
        body = await _body(
            request,
            matchers=list,
            preview=bool | None,
            for_seconds=float | None,
            ends_at=str | None,
            reason=str | None,
            author=str | None,
            id=str | None,
        )
        matchers = _texts(body["matchers"], "matchers")
        if body["preview"]:
            hidden: tuple[AlertView, ...] = operations.preview(matchers)
            return _answer({"alerts": hidden})
        outcome = await operations.silence(
            matchers,
            reason=body["reason"] or "",
            author=body["author"] or "",
            lasts=_duration(body["for_seconds"]),
            ends_at=_moment(body["ends_at"]),
            act_id=body["id"],
        )
        return _answer(outcome, status=200 if outcome.is_repeated else 201)

    async def end_silence(request: Request) -> Response:
        body = await _body(request, author=str, id=str | None)
        outcome = await operations.unsilence(request.path_params["id"], author=body["author"], act_id=body["id"])
        return _answer(outcome)

    async def drill(request: Request) -> Response:
        body = await _body(
            request, alertname=str, subject=dict | None, for_seconds=float | None, author=str, id=str | None
        )
        subject = body["subject"] or {}
        _texts(list(subject.values()), "subject")
        options = {} if body["for_seconds"] is None else {"lasts": _duration(body["for_seconds"]) or timedelta(0)}
        outcome = await operations.rehearse(
            body["alertname"], labels=subject, author=body["author"], act_id=body["id"], **options
        )
        return _answer(outcome, status=200 if outcome.is_repeated else 201)

    async def receivers(request: Request) -> Response:
        return _answer({"receivers": operations.receivers})

    async def test_receiver(request: Request) -> Response:
        body = await _body(request, author=str, id=str | None)
        outcome = await operations.try_receiver(request.path_params["name"], author=body["author"], act_id=body["id"])
        return _answer(outcome)

    app = Starlette(
        routes=[
            Route("/alerts", alerts, methods=["GET"]),
            Route("/alerts/{id}", alert, methods=["GET"]),
            Route("/alerts/{id}/acknowledge", acknowledge, methods=["POST"]),
            Route("/alerts/{id}/close", close, methods=["POST"]),
            Route("/silences", silences, methods=["GET"]),
            Route("/silences", silence, methods=["POST"]),
            Route("/silences/{id}/end", end_silence, methods=["POST"]),
            Route("/drills", drill, methods=["POST"]),
            Route("/receivers", receivers, methods=["GET"]),
            Route("/receivers/{name}/test", test_receiver, methods=["POST"]),
        ],
        exception_handlers={
            OperatingError: _operating_error,
            RefusedError: _refused,
            HTTPException: _not_there,
        },
    )
    app.router.redirect_slashes = False
    return app


# --- what is asked ----------------------------------------------------------------------------------------------------


async def _body(request: Request, **kinds: Any) -> dict[str, Any]:
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


_OPTIONAL: Final[Mapping[Any, type]] = {each | None: each for each in (str, float, bool, dict)}
_KINDS: Final = {
    str: "a text",
    float: "a number",
    bool: "true or false",
    list: "a list of texts",
    dict: "an object of texts",
}


def _texts(values: list[Any], name: str) -> list[str]:
    if not all(isinstance(each, str) for each in values):
        raise RefusedError(400, f"{name} has something in it that is no text", "put each value in quotes")
    return values


def _duration(seconds: float | None) -> timedelta | None:
    try:
        return None if seconds is None else timedelta(seconds=seconds)
    except (OverflowError, ValueError) as exc:
        raise RefusedError(400, "for_seconds is no duration", "give a number of seconds, like 3600") from exc


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise RefusedError(400, "ends_at is no moment", "write it like 2026-11-22T18:00:00+00:00, with its time zone")
    return at


# --- what is answered -------------------------------------------------------------------------------------------------


def _answer(content: object, *, status: int = 200) -> Response:
    return JSONResponse(_plain(content), status_code=status)


def _plain(value: object) -> Any:
    """A view as JSON values: moments in ISO 8601, severities by name."""
    match value:
        case Severity():
            return str(value)
        case Enum():
            return value.value
        case datetime():
            return value.isoformat()
        case Mapping():
            return {key: _plain(each) for key, each in value.items()}
        case tuple() | list():
            return [_plain(each) for each in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return value


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
