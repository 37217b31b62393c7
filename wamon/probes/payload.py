"""Lenient readers for the JSON edge: a null, a missing key or a wrong type is "Meta did not say", never an error."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from wamon.core.errors import UnexpectedShape
from wamon.core.ports import JsonObject

# Meta's codes have up to seven digits (error code pages, read 2026-09).
LONGEST_CODE = 9


def text(value: object) -> str | None:
    """A text, also from a number where Meta sends ids unquoted; None for empty, null and anything else.

    JSON can spell half a character (a lone surrogate), which nothing behind us could write: `?` stands in its place.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().strip() or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def error_code(value: object) -> str | None:
    """One of Meta's error codes, fit to be a label and to be read as a number; None for anything else."""
    code = text(value)
    return code if code and code.isascii() and code.isdecimal() and len(code) <= LONGEST_CODE else None


def mapping(value: object) -> JsonObject:
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> list[JsonObject]:
    """The objects of a list, or of an edge's `data`; whatever is not an object is left out."""
    if isinstance(value, Mapping):
        value = value.get("data")
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def texts(value: object) -> frozenset[str]:
    return frozenset(found for item in value if (found := text(item))) if isinstance(value, list) else frozenset()


def unix_time(value: object) -> datetime | None:
    """A moment from unix seconds, as a number or a text of digits; None for 0 ("never") and for nonsense."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
        return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def required_object(body: JsonObject, key: str, *, what: str) -> JsonObject:
    """The object under `key`; raises UnexpectedShape, since without it the answer tells nothing."""
    value: Any = body.get(key)
    if not isinstance(value, Mapping):
        raise UnexpectedShape(f"{what}: the answer has no object {key!r}")
    return value


def flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def without_query(url: str | None) -> str | None:
    """A URL as it may be shown: no user, query or fragment, where people put secrets."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
    except ValueError:
        return "not a URL"
