"""The form of what could not be read, without anything of its contents: keys, types, lengths."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from wamon.webhooks.field import WebhookShapeError

# What looks like one of Meta's own keys; any other may be a name or a number.
KEY: Final = re.compile(r"[a-z_]{1,40}")
HIDDEN_KEY: Final = "<key>"
CUT: Final = "..."

DEEPEST: Final = 8
MOST_VALUES: Final = 500
MOST_CHARACTERS: Final = 2000


class UnreadablePartsError(WebhookShapeError):
    """Some parts of a change could not be read; the rest of it was. Each part comes with its own reason."""

    def __init__(self, parts: Sequence[tuple[str, object]]) -> None:
        super().__init__(parts[0][0])
        self.parts = tuple(parts)


def skeleton(value: object) -> str:
    """The form of a JSON value: `{entry: [2 x {id: text of 15, time: number}]}`; bounded in depth and length."""
    form = _form(value, depth=0, left=iter(range(MOST_VALUES)))
    return form if len(form) <= MOST_CHARACTERS else form[: MOST_CHARACTERS - len(CUT)] + CUT


def _form(value: object, *, depth: int, left: Iterator[int]) -> str:
    if next(left, None) is None:
        return CUT
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return f"text of {len(value)}"
        case Mapping():
            inside = CUT if depth == DEEPEST else ", ".join(_members(value, depth=depth + 1, left=left))
            return f"{{{inside}}}"
        case list():
            inside = CUT if depth == DEEPEST else ", ".join(_items(value, depth=depth + 1, left=left))
            return f"[{inside}]"
    return "other"


def _members(value: Mapping[str, object], *, depth: int, left: Iterator[int]) -> Iterator[str]:
    for key, member in value.items():
        form = _form(member, depth=depth, left=left)
        if form == CUT:
            yield CUT
            return
        yield f"{key if KEY.fullmatch(key) else HIDDEN_KEY}: {form}"


def _items(value: list[object], *, depth: int, left: Iterator[int]) -> Iterator[str]:
    """The forms of the items, those of one form after each other told once."""
    last, times = "", 0
    for item in value:
        form = _form(item, depth=depth, left=left)
        if form != last and times:
            yield _times(times, last)
            times = 0
        if form == CUT:
            yield CUT
            return
        last, times = form, times + 1
    if times:
        yield _times(times, last)


def _times(times: int, form: str) -> str:
    return form if times == 1 else f"{times} x {form}"
