"""The syntax of the Graph API's `fields` parameter, field expansion included.

`name,phone_numbers.limit(100).after(QQ){id,health_status{entities}},subscribed_apps`
Source: Meta "Graph API: field expansion", read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAX_DEPTH = 10


class FieldSyntaxError(ValueError):
    """The text is not a field list; `position` counts characters from 0."""

    def __init__(self, expected: str, position: int) -> None:
        super().__init__(f"expected {expected} at character {position}")
        self.expected = expected
        self.position = position


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One wanted field: its modifiers (`limit`, `after`) and, when braces follow, the fields wanted inside it."""

    name: str
    modifiers: Mapping[str, str] = field(default_factory=dict)
    fields: tuple[Field, ...] = ()


def parse_fields(text: str) -> tuple[Field, ...]:
    """Read a field list; an empty text gives none, which on a node means "the default fields".

    Raises FieldSyntaxError.
    """
    if not text.strip():
        return ()
    reader = _Reader(text)
    fields = reader.field_list(depth=0)
    reader.skip_blanks()
    if reader.position != len(text):
        raise FieldSyntaxError("end of string", reader.position)
    return fields


def has_expansion(fields: tuple[Field, ...]) -> bool:
    """Whether any field asks for something inside it."""
    return any(wanted.fields or wanted.modifiers for wanted in fields)


def names_of(fields: tuple[Field, ...]) -> frozenset[str]:
    """Every name that occurs, however deep."""
    names: set[str] = set()
    for wanted in fields:
        names.add(wanted.name)
        names |= names_of(wanted.fields)
    return frozenset(names)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def field_list(self, *, depth: int) -> tuple[Field, ...]:
        if depth > _MAX_DEPTH:
            raise FieldSyntaxError("less nesting", self.position)
        fields = [self.one_field(depth)]
        while self.take(","):
            fields.append(self.one_field(depth))
        return tuple(fields)

    def one_field(self, depth: int) -> Field:
        name = self.name()
        modifiers: dict[str, str] = {}
        while self.take("."):
            modifier = self.name()
            modifiers[modifier] = self.argument()
        inner: tuple[Field, ...] = ()
        if self.take("{"):
            inner = self.field_list(depth=depth + 1)
            if not self.take("}"):
                raise FieldSyntaxError('"}"', self.position)
        return Field(name=name, modifiers=modifiers, fields=inner)

    def name(self) -> str:
        self.skip_blanks()
        match = _NAME.match(self.text, self.position)
        if match is None:
            raise FieldSyntaxError("a name", self.position)
        self.position = match.end()
        return match.group()

    def argument(self) -> str:
        if not self.take("("):
            raise FieldSyntaxError('"("', self.position)
        end = self.text.find(")", self.position)
        if end < 0:
            raise FieldSyntaxError('")"', len(self.text))
        argument = self.text[self.position : end]
        self.position = end + 1
        return argument.strip()

    def take(self, character: str) -> bool:
        self.skip_blanks()
        if not self.text.startswith(character, self.position):
            return False
        self.position += 1
        return True

    def skip_blanks(self) -> None:
        while self.position < len(self.text) and self.text[self.position].isspace():
            self.position += 1
