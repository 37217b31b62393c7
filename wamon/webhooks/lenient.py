"""Reads what the strict decoder refuses, so that one spoilt character does not lose what stands beside it."""

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from wamon.core.ports import JsonObject
from wamon.webhooks.field import WebhookShapeError

NOT_JSON: Final = "not_json"
TOO_DEEP: Final = "too_deep"
UNEXPECTED_SHAPE: Final = "unexpected_shape"

# Meta's longest ids have 17 digits.
LONGEST_NUMBER: Final = 40


def loads(text: bytes) -> Any:
    """The value that a JSON text stands for; what is not UTF-8 is replaced, a number beyond measure is None.

    Half a character (a lone surrogate, where somebody cut a name in the middle of an emoji) is taken as it is.
    Raises WebhookShapeError.
    """
    try:
        return json.loads(
            bytes(text).decode("utf-8", "replace"),
            strict=False,
            parse_int=_whole,
            parse_float=_fraction,
            parse_constant=_no_number,
        )
    except RecursionError:
        raise WebhookShapeError(TOO_DEEP) from None
    except ValueError:
        # Its message holds a piece of the text.
        raise WebhookShapeError(NOT_JSON) from None


def dumps(value: object) -> bytes:
    """The JSON text of what `loads` gave, which the strict decoder takes. Raises WebhookShapeError."""
    try:
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    except RecursionError:
        raise WebhookShapeError(TOO_DEEP) from None


def load_object(text: bytes) -> JsonObject:
    """The object that a JSON text stands for. Raises WebhookShapeError."""
    value = loads(text)
    if not isinstance(value, Mapping):
        raise WebhookShapeError(UNEXPECTED_SHAPE)
    return value


def _whole(digits: str) -> int | None:
    return int(digits) if len(digits) <= LONGEST_NUMBER else None


def _fraction(digits: str) -> float | None:
    value = float(digits)
    return value if math.isfinite(value) else None


def _no_number(_name: str) -> None:
    return None
