"""Silences: which alerts, by whom, why and until when. They gate what people are told, never what is true."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final

LONGEST_SILENCE: Final = timedelta(days=30)
# A pattern whose time grows faster than the cube of a label's length is refused.
MOST_REPEATS: Final = 3
LONGEST_PATTERN: Final = 300
_FEW: Final = f"{MOST_REPEATS} of * + {{"
_ESCAPE: Final = re.compile(r"\\.", re.DOTALL)
_CLASS: Final = re.compile(r"\[\^?\]?[^\]]*\]")
_REPEAT: Final = re.compile(r"[*+{]")
_GROUP_REPEATED: Final = re.compile(r"\)[*+{]")
_MATCHER: Final = re.compile(r'\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*(?:"(.*)"|(.*?))\s*', re.DOTALL)


class Operator(StrEnum):
    """How a matcher compares; the same four as Prometheus and Alertmanager have."""

    EQUAL = "="
    NOT_EQUAL = "!="
    MATCHES = "=~"
    MATCHES_NOT = "!~"


@dataclass(frozen=True, slots=True, order=True)
class Matcher:
    """One condition on an alert's labels. A label that is not there counts as empty; patterns match the whole value."""

    label: str
    operator: Operator
    value: str

    @classmethod
    def parse(cls, text: str) -> "Matcher":
        """`waba_id=102290129340398`, `alertname=~"WhatsApp.*"`. Raises ValueError in words for a person."""
        found = _MATCHER.fullmatch(text)
        if found is None:
            raise ValueError(
                f"{text!r} is not a matcher: write LABEL=VALUE, LABEL!=VALUE, LABEL=~REGEX or LABEL!~REGEX"
            )
        label, operator, quoted, bare = found.groups()
        matcher = cls(label, Operator(operator), bare if quoted is None else quoted)
        if matcher.operator in (Operator.MATCHES, Operator.MATCHES_NOT):
            try:
                _pattern(matcher.value)
            except (re.error, OverflowError, RecursionError) as exc:
                raise ValueError(f"{matcher.value!r} is not a regular expression: {exc}") from None
            if _is_costly(matcher.value):
                raise ValueError(f"{matcher.value!r} could take for ever: repeat no group, and use {_FEW} at most")
        return matcher

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.label, "")
        match self.operator:
            case Operator.EQUAL:
                return value == self.value
            case Operator.NOT_EQUAL:
                return value != self.value
            case Operator.MATCHES:
                return _pattern(self.value).fullmatch(value) is not None
            case _:
                return _pattern(self.value).fullmatch(value) is None

    def __str__(self) -> str:
        return f"{self.label}{self.operator.value}{self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Alerts that match all `matchers` are not announced between `starts_at` and `ends_at`."""

    id: str
    matchers: tuple[Matcher, ...]
    reason: str
    author: str
    starts_at: datetime
    ends_at: datetime

    def is_active(self, now: datetime) -> bool:
        return self.starts_at <= now < self.ends_at

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(matcher.matches(labels) for matcher in self.matchers)


def silence_problems(silence: Silence, *, now: datetime) -> list[str]:
    """Why this silence cannot be accepted, in words; empty when it can."""
    problems = []
    if not silence.matchers:
        problems.append("a silence needs at least one matcher: without any it would hide every alert")
    elif all(matcher.matches({}) for matcher in silence.matchers):
        problems.append("the matchers match anything: name at least one value, for example alertname=...")
    if not silence.reason.strip():
        problems.append("a silence needs a reason: the next person on call must know why")
    if not silence.author.strip():
        problems.append("a silence needs an author")
    if silence.ends_at <= now:
        problems.append("the silence would end before it begins")
    if silence.ends_at - now > LONGEST_SILENCE:
        problems.append(
            f"a silence ends within {LONGEST_SILENCE.days} days: choose a nearer end, and renew it if needed"
        )
    return problems


def silenced_by(labels: Mapping[str, str], silences: Iterable[Silence], now: datetime) -> Silence | None:
    """The active silence that hides an alert with these labels; the one that ends last when there are several."""
    hiding = [silence for silence in silences if silence.is_active(now) and silence.matches(labels)]
    return max(hiding, key=lambda silence: (silence.ends_at, silence.id), default=None)


def _is_costly(pattern: str) -> bool:
    """Whether matching might take more than a moment: it runs where everything else waits for it."""
    bare = _CLASS.sub("x", _ESCAPE.sub("x", pattern))
    return len(pattern) > LONGEST_PATTERN or _GROUP_REPEATED.search(bare) is not None or _repeats(bare) > MOST_REPEATS


def _repeats(bare: str) -> int:
    return len(_REPEAT.findall(bare))


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.DOTALL)
