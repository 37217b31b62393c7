"""The shipped rules one by one, and which of them an alert needs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

ALERTS: Final = Path(__file__).parents[2] / "alerts"

Rule: TypeAlias = dict[str, Any]

_TOKEN: Final = re.compile(
    r"""(?P<comment>\#[^\n]*)
    |(?P<string>"(?:[^"\\]|\\.)*")
    |(?P<duration>\d+(?:ms|[smhdwy])(?![\w]))
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<name>[a-zA-Z_:][\w:]*)
    |(?P<sign>=~|!~|==|!=|<=|>=|[-+*/%^<>=(){}\[\],])""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an expression, from `begins` to before `ends`. `kind` is a group of the pattern above."""

    kind: str
    text: str
    begins: int
    ends: int


def rule_files() -> tuple[Path, ...]:
    return tuple(sorted(ALERTS.glob("*.rules.yml")))


def alerting_rules() -> dict[str, list[Rule]]:
    """The shipped alerting rules by the alert's name."""
    found: dict[str, list[Rule]] = {}
    for file in rule_files():
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    found.setdefault(rule["alert"], []).append(rule)
    return found


@cache
def rules_in_order() -> tuple[Rule, ...]:
    """Every shipped rule: of one group in its order, and what is recorded in a file of its own first."""
    files = sorted(rule_files(), key=lambda file: (not file.name.startswith("recording"), file.name))
    return tuple(
        rule
        for file in files
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    )


def name_of(rule: Rule) -> str:
    name: str = rule.get("alert") or rule["record"]
    return name


def needed(alert: str) -> list[int]:
    """The places of the alert's rules and of all that is recorded for them, in order."""
    rules = rules_in_order()
    wanted, left = set[int](), [place for place, rule in enumerate(rules) if rule.get("alert") == alert]
    while left:
        place = left.pop()
        if place not in wanted:
            wanted.add(place)
            left += [each for each, rule in enumerate(rules) if rule.get("record") in names_in(rules[place])]
    return sorted(wanted)


def names_in(rule: Rule) -> set[str]:
    """Metrics, functions, labels and words of its expression."""
    return {token.text for token in tokens_of(rule["expr"]) if token.kind == "name"}


def rules_of(alert: str) -> list[Rule]:
    """The alert's rules behind all that is recorded for them: as one group they do what they do in their files."""
    return [rules_in_order()[place] for place in needed(alert)]


def users(position: int) -> list[str]:
    """The alerts that a rule is part of, or recorded for."""
    return [alert for alert in alerting_rules() if position in needed(alert)]


def tokens_of(expr: str) -> Iterator[Token]:
    """What an expression is made of, spaces left out."""
    for found in _TOKEN.finditer(expr):
        yield Token(found.lastgroup or "", found.group(), found.start(), found.end())
