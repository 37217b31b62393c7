"""Faults of content: an answer of the right form with something wrong in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit, urlunsplit

from wamon.sim.faults import ActiveFaults, Fault
from wamon.sim.nodes import JsonObject

_GONE = object()


def spoil(body: JsonObject, active: ActiveFaults) -> JsonObject:
    """The answer with every active fault of content in it; the given one stays as it is."""
    for fault in active.all("null", "number", "unknown_enum", "missing"):
        value = {"null": None, "missing": _GONE}.get(fault.kind, fault.options.get("value"))
        body = _object(body, partial(_replace, field=fault.text("field"), value=value))
    for fault in active.all("flip"):
        body = _object(body, partial(_flip, fault=fault))
    for fault in active.all("foreign_next"):
        body = _object(body, partial(_move_next, host=fault.text("host")))
    return body


def _object(item: JsonObject, change: Callable[[JsonObject], JsonObject]) -> JsonObject:
    return change({name: _any(value, change) for name, value in item.items()})


def _any(value: object, change: Callable[[JsonObject], JsonObject]) -> object:
    if isinstance(value, dict):
        return _object(value, change)
    if isinstance(value, list):
        return [_any(item, change) for item in value]
    return value


def _replace(item: JsonObject, field: str, value: object) -> JsonObject:
    if field not in item:
        return item
    if value is _GONE:
        return {name: kept for name, kept in item.items() if name != field}
    return {**item, field: value}


def _flip(item: JsonObject, fault: Fault) -> JsonObject:
    page = item.get("data")
    field = fault.text("field")
    if not isinstance(page, list) or not page or not isinstance(page[0], dict) or field not in page[0]:
        return item
    return {**item, "data": [*page, {**page[0], field: fault.options["value"]}]}


def _move_next(item: JsonObject, host: str) -> JsonObject:
    address = item.get("next")
    if not isinstance(address, str):
        return item
    return {**item, "next": urlunsplit(urlsplit(address)._replace(scheme="https", netloc=host))}
