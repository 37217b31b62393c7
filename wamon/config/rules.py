"""The `[rules.*]` tables: thresholds and patience of the alert rules, as the user wants them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final, get_type_hints

from pydantic import TypeAdapter, ValidationError

from wamon.config.problems import Problem, nearest
from wamon.config.values import alerting_mode, number_of
from wamon.core.alerting import Timing
from wamon.core.ports import Rule

# A duration is written with its unit behind its name: warning_days = 14, for_seconds = 300.
UNITS: Final[Mapping[str, timedelta]] = MappingProxyType(
    {
        "_seconds": timedelta(seconds=1),
        "_minutes": timedelta(minutes=1),
        "_hours": timedelta(hours=1),
        "_days": timedelta(days=1),
    }
)
LONGEST_DURATION: Final = timedelta(days=3660)
ENABLED: Final = "enabled"
MODE: Final = "mode"
# What may be set beside the parameters and the patience.
_OWN_KEYS: Final = (ENABLED, MODE)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundRules:
    """The rules that remain, those that have an alerting mode of their own, and what was wrong with the overrides."""

    rules: tuple[Rule, ...]
    modes: Mapping[str, str]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleKey:
    """One thing that may be set for a rule: `key` as it is written, with its default in that unit."""

    key: str
    default: object


def bind(rules: Sequence[Rule], overrides: Mapping[str, Mapping[str, Any]]) -> BoundRules:
    by_name = {rule.name: rule for rule in rules}
    problems = [
        Problem(key=("rules", name), text=f"there is no such rule{nearest(_rule_meant(name, rules), by_name)}")
        for name in overrides
        if name not in by_name
    ]
    bound: list[Rule] = []
    modes: dict[str, str] = {}
    for rule in rules:
        outcome = _override(rule, overrides.get(rule.name, {}))
        problems += outcome.problems
        bound += outcome.rules
        modes.update(outcome.modes)
    return BoundRules(rules=tuple(bound), modes=MappingProxyType(modes), problems=tuple(problems))


def dataclass_keys(part: Any) -> Iterator[RuleKey]:
    """What may be set of a rule's params or timing, with the present value; durations in their longest whole unit."""
    for name, value in _values(part).items():
        if _is_duration(part, name):
            suffix = _readable_unit(value)
            yield RuleKey(key=_base(name) + suffix, default=value / UNITS[suffix] if value is not None else None)
        else:
            yield RuleKey(key=name, default=value)


def _override(rule: Rule, given: Mapping[str, Any]) -> BoundRules:
    where = ("rules", rule.name)
    problems: list[Problem] = []
    changes: dict[int, dict[str, Any]] = {0: {}, 1: {}}
    parts = (rule.params, rule.timing)
    is_enabled = given.get(ENABLED, True)
    if not isinstance(is_enabled, bool):
        problems.append(Problem(key=(*where, ENABLED), text="must be true or false"))
    modes: dict[str, str] = {}
    if MODE in given:
        try:
            modes[rule.name] = alerting_mode(given[MODE])
        except ValueError as exc:
            problems.append(Problem(key=(*where, MODE), text=str(exc)))
    for key, value in given.items():
        if key in _OWN_KEYS:
            continue
        target = _target(parts, key)
        if target is None:
            known = [*_OWN_KEYS, *(entry.key for part in parts for entry in dataclass_keys(part))]
            problems.append(Problem(key=(*where, key), text=f"{rule.name} has no such parameter{nearest(key, known)}"))
            continue
        index, name, unit = target
        if name in changes[index]:
            problems.append(Problem(key=(*where, key), text="is set twice, in two units: keep one of them"))
        try:
            changes[index][name] = _plain(parts[index], name, value) if unit is None else _duration(value, unit)
        except ValueError as exc:
            problems.append(Problem(key=(*where, key), text=str(exc)))
    params, params_problems = _changed(rule.params, changes[0], where)
    timing, timing_problems = _changed(rule.timing, changes[1], where)
    problems += [*params_problems, *timing_problems]
    bound = (replace(rule, params=params, timing=timing),) if is_enabled is True and not problems else ()
    return BoundRules(rules=bound, modes=modes, problems=tuple(problems))


def _changed(part: Any, changes: Mapping[str, Any], where: tuple[str, str]) -> tuple[Any, list[Problem]]:
    if not changes:
        return part, []
    try:
        return TypeAdapter(type(part)).validate_python({**_values(part), **changes}), []
    except ValidationError as exc:
        return part, [_problem(part, where, error["loc"], error["msg"]) for error in exc.errors(include_input=False)]


def _problem(part: Any, where: tuple[str, str], loc: tuple[int | str, ...], message: str) -> Problem:
    text = message.removeprefix("Value error, ")
    return Problem(key=(*where, str(loc[0])) if loc else where, text=f"{text[:1].lower()}{text[1:]}")


def _target(parts: tuple[Any, Any], key: str) -> tuple[int, str, timedelta | None] | None:
    """Which part has the key, under which field name, and in which unit (None: no duration)."""
    for index, part in enumerate(parts):
        for name in _values(part):
            if not _is_duration(part, name):
                if name == key:
                    return index, name, None
                continue
            for suffix, unit in UNITS.items():
                if key == _base(name) + suffix:
                    return index, name, unit
    return None


def _plain(part: Any, name: str, value: object) -> object:
    """A value that the dataclass's types will judge, without what they would let through."""
    if isinstance(value, bool):
        if get_type_hints(type(part))[name] is not bool:
            raise ValueError("must not be true or false")
    elif isinstance(value, int | float):
        number = number_of(value)
        if number is None or number < 0:
            raise ValueError("must be a number that is not negative")
        if isinstance(part, Timing) and number < 1:
            raise ValueError("must be at least 1")
    return value


def _duration(value: object, unit: timedelta) -> timedelta:
    number = number_of(value)
    if number is None or isinstance(value, str):
        raise ValueError("must be a number")
    if not 0 <= number * unit.total_seconds() <= LONGEST_DURATION.total_seconds():
        raise ValueError(f"must be from 0 to {LONGEST_DURATION / unit:,.0f}")
    return number * unit


def _values(part: Any) -> dict[str, Any]:
    return {field.name: getattr(part, field.name) for field in fields(part)}


def _is_duration(part: Any, name: str) -> bool:
    return get_type_hints(type(part))[name] in (timedelta, timedelta | None)


def _base(name: str) -> str:
    return name.rstrip("_")


def _readable_unit(value: timedelta | None) -> str:
    if not value:
        return "_seconds"
    whole = [suffix for suffix, unit in UNITS.items() if value % unit == timedelta(0)]
    return whole[-1] if whole else "_seconds"


def _rule_meant(name: str, rules: Sequence[Rule]) -> str:
    """The rule's own name for one of its alert names, which people know better."""
    return next((rule.name for rule in rules if name in rule.alertnames.values()), name)
