"""The database that a command works on, found without the rest of the configuration.

Who looks after the files need not be able to read the tokens, which a whole configuration demands.
"""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from wamon.cli import config_option
from wamon.config.schema import Keys
from wamon.config.sources import read_sources
from wamon.config.values import retention_days
from wamon.core.errors import ConfigurationError

F = TypeVar("F", bound=Callable[..., Any])

_DATABASE: Final = "database"
_RETENTION: Final = "message_retention_days"
_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")
_THOUSAND: Final = 1000


def database_options(command: F) -> F:
    """The `--config` and `--database` options, as the arguments `config_path` and `database`."""
    database = click.option(
        "--database",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="The database. Default: as the configuration says.",
    )
    return config_option(database(command))


def database_path(config_path: Path | None, database: Path | None) -> Path:
    """The file that is asked for, else the configured one."""
    if database is not None:
        return database
    sources = read_sources(config_path, os.environ)
    return sources.resolved(_DATABASE, sources.value(_DATABASE)) or Path(Keys.model_fields[_DATABASE].default)


def message_retention(config_path: Path | None) -> timedelta:
    """How long messages are remembered. Raises ConfigurationError when just that one key is wrong."""
    sources = read_sources(config_path, os.environ)
    written = sources.value(_RETENTION)
    if written is None:
        return timedelta(days=Keys.model_fields[_RETENTION].default)
    try:
        return timedelta(days=retention_days(written))
    except ValueError as exc:
        raise ConfigurationError(f"{_RETENTION} ({sources.place((_RETENTION,))}): {exc}") from exc


def size(number: int) -> str:
    """A number of bytes for people, like `12.3 MB`."""
    amount = float(number)
    for unit in _UNITS[:-1]:
        if amount < _THOUSAND:
            return f"{amount:.3g} {unit}"
        amount /= _THOUSAND
    return f"{amount:.3g} {_UNITS[-1]}"
