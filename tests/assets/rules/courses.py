"""How what wamon exports goes over time, in promtool's notation: states, figures, and what was last known of them.

A course is a sequence of what is so and for how many minutes. "?RED" is what is unknown now and was RED when it was
last known, "?" what never was known, "-" what has no series.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from tests.assets.ruletest import Labels

Step: TypeAlias = tuple[str, int]

# Longer than most cases, in minutes.
LONG: Final = 1000
DAY: Final = 86400
# Both have all that wamon has, but belong to somebody else.
ELSEWHERE: Final[tuple[Labels, ...]] = ({"job": "other"}, {"instance": "other:9877"})


def series(name: str, labels: Labels, **more: str) -> str:
    return name + "{" + ",".join(f'{key}="{value}"' for key, value in {**labels, **more}.items()) + "}"


def told(severity: str, *subjects: Labels) -> tuple[Labels, ...]:
    return tuple({**subject, "severity": severity} for subject in subjects)


def neighbours(subject: Labels) -> tuple[Labels, ...]:
    """Subjects that differ from this one in one label each, job and instance among them."""
    return (*others(subject), *({**place, **subject} for place in ELSEWHERE))


def others(subject: Labels) -> tuple[Labels, ...]:
    """Subjects of the same daemon that differ from this one in one label each."""
    return tuple({**subject, name: f"other {name}"} for name in subject)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A state as families: `words` where each word has a series, 0 or 1; else only the one that it is."""

    name: str
    label: str
    last_known: str = ""
    words: tuple[str, ...] = ()

    def shown(self, subject: Labels, *course: Step) -> dict[str, str]:
        said = [what for what, _ in course]
        words = self.words or tuple(dict.fromkeys(_word(what) for what in said if what != "-"))
        main = {series(self.name, subject, **{self.label: word}): notation(course, self._value(word)) for word in words}
        before = {
            series(self.last_known, subject, **{self.label: word}): notation(course, _is(f"?{word}"))
            for word in dict.fromkeys(what[1:] for what in said if what.startswith("?") and what != "?")
        }
        return main | before

    def _value(self, word: str) -> Callable[[str], str | None]:
        def value(what: str) -> str | None:
            if what == "-":
                return None
            return "1" if _word(what) == word else "0" if self.words else None

        return value


def _word(what: str) -> str:
    return "UNKNOWN" if what.startswith("?") else what


def _is(wanted: str) -> Callable[[str], str | None]:
    return lambda what: "1" if what == wanted else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A flag, a moment or a number as families: no series says that it is unknown."""

    name: str
    last_known: str = ""

    def shown(self, subject: Labels, *course: Step) -> dict[str, str]:
        known = notation(course, lambda what: None if what == "-" or what.startswith("?") else what)
        main = {series(self.name, subject): known}
        if not any(what.startswith("?") and what != "?" for what, _ in course):
            return main
        before = notation(course, lambda what: what[1:] or None if what.startswith("?") else None)
        return main | {series(self.last_known, subject): before}


def notation(course: tuple[Step, ...], value_of: Callable[[str], str | None]) -> str:
    """One series of a course: where there is no value it goes stale."""
    parts, is_there = list[str](), False
    for what, minutes in course:
        value = value_of(what)
        if value is None:
            parts += ["stale" if is_there else "_", *([f"_x{minutes - 1}"] if minutes > 1 else [])]
        else:
            parts.append(f"{value}x{minutes - 1}")
        is_there = value is not None
    return " ".join(parts)


def merged(*parts: Mapping[str, str]) -> dict[str, str]:
    return {key: values for part in parts for key, values in part.items()}
