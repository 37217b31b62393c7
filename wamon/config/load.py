"""Reading the configuration: every source, every check, all faults of one load in one error."""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError

from wamon.config.checks import together
from wamon.config.problems import Problem, nearest, spelled
from wamon.config.rules import bind
from wamon.config.schema import TABLES, AccountTable, AlertingTable, AppTable, Keys, RouteTable, validate
from wamon.config.settings import Settings
from wamon.config.settle import settle
from wamon.config.sources import (
    DEFAULT_PATHS,
    FILE_SUFFIX,
    SECRET_KEYS,
    KeyPath,
    Sources,
    read_limited,
    read_sources,
    variable,
)
from wamon.config.values import text
from wamon.core.api_versions import BUNDLED_TABLE, VersionTable, VersionTableError, parse_version_table
from wamon.core.errors import ConfigurationError
from wamon.core.ports import Rule
from wamon.web.web_config import OPEN, WebConfig, WebConfigError, read_web_config

LARGEST_SECRET: Final = 64 * 1024
LARGEST_VERSION_TABLE: Final = 1024 * 1024
MOST_LINES: Final = 50

_VARIABLE_KEYS: Final = frozenset(
    {*(set(Keys.model_fields) - set(TABLES)), *(f"{key}{FILE_SUFFIX}" for key in SECRET_KEYS)}
)
_TABLE_KEYS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "accounts": frozenset(AccountTable.model_fields),
        "apps": frozenset(AppTable.model_fields),
        "routes": frozenset(RouteTable.model_fields),
        "alerting": frozenset(AlertingTable.model_fields),
    }
)
# There is one of these; of the others there may be many.
_SINGLE_TABLES: Final = frozenset({"alerting"})


@dataclass(frozen=True, slots=True)
class _Given:
    """Both sources with the secrets from files in their keys' place."""

    environment: dict[str, Any]
    document: dict[str, Any]

    @property
    def merged(self) -> dict[str, Any]:
        return {**self.document, **self.environment}


def load_settings(
    path: Path | None,
    environ: Mapping[str, str],
    *,
    rules: Sequence[Rule] = (),
    default_paths: Sequence[Path] = DEFAULT_PATHS,
) -> Settings:
    """The configuration in the file at `path` (None: WAMON_CONFIG, else a default place), overridden by `environ`.

    With `rules` the `[rules.*]` tables are checked as well. Raises ConfigurationError, whose text has one line a fault.
    """
    return settings_of(read_sources(path, environ, default_paths=default_paths), rules=rules)


def settings_of(sources: Sources, *, rules: Sequence[Rule] = ()) -> Settings:
    """The configuration that is written in `sources`; as `load_settings`."""
    problems: list[Problem] = []
    given = _given(sources, problems)
    reported = {problem.key for problem in problems}
    # What is written but empty or unreadable was reported; it is not missing besides.
    problems += [problem for problem in together(given.merged) if problem.key not in reported]
    keys = _validated(given, problems)
    problems += _rule_problems(given.merged.get("rules"), rules)
    versions = _versions(given, sources, problems)
    web_config = _web_config(given, sources, problems)
    if problems or keys is None:
        raise ConfigurationError("\n".join(_lines(problems, sources)))
    return settle(keys, sources, versions=versions, rules=rules, web_config=web_config)


def _given(sources: Sources, problems: list[Problem]) -> _Given:
    environment = {}
    for key, value in sources.environment.items():
        if key not in _VARIABLE_KEYS:
            problems.append(Problem(key=(key,), text=_unknown_variable(key)))
        elif not value.strip():
            problems.append(
                Problem(key=(key.removesuffix(FILE_SUFFIX),), text="is empty: give it a value or remove it")
            )
        else:
            environment[key] = value
    document = _with_secrets(sources.document, (), sources.base, problems)
    for name in _TABLE_KEYS:
        tables = document.get(name)
        if isinstance(tables, list):
            document[name] = [
                _with_secrets(table, (name, index), sources.base, problems) if isinstance(table, dict) else table
                for index, table in enumerate(tables)
            ]
    return _Given(_with_secrets(environment, (), Path(), problems), document)


def _with_secrets(table: Mapping[str, Any], where: KeyPath, base: Path, problems: list[Problem]) -> dict[str, Any]:
    """The table with `<key>_file` replaced by `<key>` and what the file holds. Relative paths start at `base`."""
    known = dict(table)
    for key in sorted(SECRET_KEYS & (_TABLE_KEYS[str(where[0])] if where else SECRET_KEYS)):
        if (path := known.pop(f"{key}{FILE_SUFFIX}", None)) is None:
            continue
        if key in known:
            problems.append(Problem(key=(*where, key), text=f"is set beside {key}{FILE_SUFFIX}: keep one of them"))
            continue
        try:
            known[key] = _secret_in(path, base)
        except ValueError as exc:
            problems.append(Problem(key=(*where, key), text=str(exc)))
    return known


def _secret_in(path: object, base: Path) -> str:
    """Raises ValueError, without the path: somebody may have put the secret itself there."""
    try:
        known = read_limited(base / Path(text(path)).expanduser(), LARGEST_SECRET).strip()
    except (OSError, RuntimeError) as exc:
        reason = getattr(exc, "strerror", None) or type(exc).__name__
        raise ValueError(f"its file cannot be read ({reason}): check the path and who may read it") from exc
    except ValueError as exc:
        raise ValueError(f"its file {exc}") from exc
    if not known:
        raise ValueError("its file is empty: write the secret into it")
    return known


def _validated(given: _Given, problems: list[Problem]) -> Keys | None:
    try:
        return validate(given.environment, given.document)
    except ValidationError as exc:
        problems += [
            Problem(
                key=error["loc"],
                text=_explained(error["type"], error["loc"], error.get("ctx", {}), given.document) or error["msg"],
            )
            for error in exc.errors(include_url=False, include_input=False)
        ]
        return None


def _explained(kind: str, key: KeyPath, context: Mapping[str, Any], document: Mapping[str, Any]) -> str | None:
    """What pydantic found, in our words; None for what has none."""
    match kind:
        case "value_error":
            return str(context["error"])
        case "missing":
            return f"is missing: each [[{key[0]}]] table needs one"
        case "extra_forbidden":
            return _unknown_key(key, document)
        case "tuple_type" if key[0] in _TABLE_KEYS:
            return f"must be written with two brackets: [[{key[0]}]]"
        case "dict_type" | "model_type" | "model_attributes_type":
            return "must be a table"
        case _:
            return None


def _unknown_variable(key: str) -> str:
    if key in TABLES:
        return "there is no such variable: these are tables of wamon.toml"
    hint = nearest(variable(key), map(variable, _VARIABLE_KEYS))
    return f"there is no such setting{hint or ': see docs/configuration.md'}"


def _unknown_key(key: KeyPath, document: Mapping[str, Any]) -> str:
    own = str(key[-1])
    if len(key) > 1:
        known = _TABLE_KEYS[str(key[0])]
        if own in _VARIABLE_KEYS - known and not nearest(own, known):
            table = f"[{key[0]}]" if key[0] in _SINGLE_TABLES else f"[[{key[0]}]]"
            return f"does not belong into {table}: move it to the top of the file, above the first table"
        hint = nearest(own, {*known, *(f"{name}{FILE_SUFFIX}" for name in known & SECRET_KEYS)})
        return f"there is no such key{hint or ': see docs/configuration.md'}"
    value = document.get(own)
    flat = [f"{own}_{part}" for part in value if f"{own}_{part}" in _VARIABLE_KEYS] if isinstance(value, dict) else []
    if flat:
        return f"there is no such table: write {flat[0]} = ... at the top of the file"
    return f"there is no such key{nearest(own, {*_VARIABLE_KEYS, *TABLES}) or ': see docs/configuration.md'}"


def _rule_problems(tables: object, rules: Sequence[Rule]) -> Sequence[Problem]:
    if not rules or not isinstance(tables, dict):
        return ()
    return bind(rules, {name: table for name, table in tables.items() if isinstance(table, dict)}).problems


def _versions(given: _Given, sources: Sources, problems: list[Problem]) -> VersionTable:
    """The bundled table, with the override file's rows in it where one is configured and good."""
    path = sources.resolved("version_table", given.merged.get("version_table"))
    if path is None:
        return BUNDLED_TABLE
    try:
        written = read_limited(path, LARGEST_VERSION_TABLE)
        payload = json.loads(written) if path.suffix == ".json" else tomllib.loads(written)
        rows = payload if isinstance(payload, dict) else {}
        return BUNDLED_TABLE.merge(parse_version_table(rows, source=path.name))
    except OSError as exc:
        reason = exc.strerror or type(exc).__name__
        problems.append(Problem(key=("version_table",), text=f"its file cannot be read ({reason}): check the path"))
    except VersionTableError as exc:
        problems.append(Problem(key=("version_table",), text=str(exc)))
    except (ValueError, RecursionError):
        problems.append(
            Problem(key=("version_table",), text="its file is neither valid TOML nor, as *.json, valid JSON")
        )
    return BUNDLED_TABLE


def _web_config(given: _Given, sources: Sources, problems: list[Problem]) -> WebConfig:
    path = sources.resolved("web_config", given.merged.get("web_config"))
    if path is None:
        return OPEN
    try:
        return read_web_config(path)
    except WebConfigError as exc:
        problems.append(Problem(key=("web_config",), text=str(exc)))
    return OPEN


def _lines(problems: Sequence[Problem], sources: Sources) -> Iterator[str]:
    lines = dict.fromkeys(_line(problem, sources) for problem in problems)
    yield from list(lines)[:MOST_LINES]
    if len(lines) > MOST_LINES:
        yield f"and {len(lines) - MOST_LINES} more"


def _line(problem: Problem, sources: Sources) -> str:
    place = sources.place(problem.key)
    where = f" ({place})" if place else ""
    return f"{spelled(problem.key)}{where}: {problem.text}"
