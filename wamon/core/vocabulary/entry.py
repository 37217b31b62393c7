"""What a vocabulary of Meta's is: its values with their grades, and how a raw text becomes one of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

# What `normalise` makes of a text that no list has: Meta may extend a vocabulary any day.
OTHER: Final = "OTHER"


class Grade(StrEnum):
    """How a value is to be taken.

    HEALTHY: nothing to do. WATCH: somebody should look, a warning. DOWN: sending has stopped or may stop, critical.
    GONE: taken away on purpose, no longer to be watched. UNKNOWN: the value gives no verdict, or is not known.
    """

    HEALTHY = "healthy"
    WATCH = "watch"
    DOWN = "down"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class VocabularyValue:
    """One value in its canonical spelling; `action` is what a person does about it."""

    value: str
    grade: Grade
    meaning: str
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The known values of one field of Meta's.

    `aliases` maps other spellings to the canonical one. Values in `not_known` are words of Meta's for "no verdict yet":
    they can be explained, but `normalise` makes None of them.
    """

    name: str
    title: str
    values: Mapping[str, VocabularyValue]
    aliases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    not_known: frozenset[str] = frozenset()

    def normalise(self, raw: object) -> str | None:
        """The canonical value; OTHER for a text that is not in the list, None for what is empty, null or no text.

        The caller keeps the raw text: it is lost here.
        """
        text = _canonical(raw)
        if text is None:
            return None
        value = self.aliases.get(text, text)
        if value in self.not_known:
            return None
        return value if value in self.values else OTHER

    def get(self, value: str) -> VocabularyValue | None:
        """What is known of a value in any spelling, None when it is not in the list."""
        text = _canonical(value)
        return None if text is None else self.values.get(self.aliases.get(text, text))

    def grade(self, value: str | None) -> Grade:
        """The grade of a value; UNKNOWN for None and for what is not in the list."""
        known = None if value is None else self.get(value)
        return Grade.UNKNOWN if known is None else known.grade


def _canonical(raw: object) -> str | None:
    return raw.strip().upper() or None if isinstance(raw, str) else None


def values_of(rows: Mapping[str, tuple[Grade, str, str]]) -> Mapping[str, VocabularyValue]:
    """The values of a table whose rows are grade, meaning and action."""
    return MappingProxyType(
        {
            value: VocabularyValue(value=value, grade=grade, meaning=meaning, action=action)
            for value, (grade, meaning, action) in rows.items()
        }
    )
