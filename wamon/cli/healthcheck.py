"""`wamon healthcheck`: is the daemon beside us well? Docker asks this every half minute, so it imports little."""

import http.client
import os
from pathlib import Path
from typing import Final

import click

from wamon.cli import Failure, config_option
from wamon.config.sources import read_sources, variable
from wamon.config.values import PRIVATE_LISTEN, Listen, listen
from wamon.core.errors import ConfigurationError

HEALTH_PATH: Final = "/-/healthy"
TIMEOUT_SECONDS: Final = 3.0
# A listener on every address cannot be asked at that address.
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read from the configuration, not bound


class Unwell(Failure):
    """The daemon is not well, or cannot be asked."""

    exit_code = 1


@click.command()
@config_option
@click.option("--timeout", default=TIMEOUT_SECONDS, show_default=True, help="Seconds to wait for the answer.")
def healthcheck(config_path: Path | None, timeout: float) -> None:
    """Ask the running daemon whether it is well.

    It asks the private listener of the configuration. Exit code 0: well; 1: not well, or no answer.

    \b
    Example:
      wamon healthcheck && echo well
    """
    try:
        address = _private_listener(config_path)
    except ConfigurationError as exc:
        # Docker keeps exit code 2 for itself.
        raise Unwell(str(exc)) from exc
    try:
        status, reason = _ask(address, timeout)
    except (OSError, http.client.HTTPException) as exc:
        raise Unwell(f"no answer from http://{address}{HEALTH_PATH}: {str(exc) or type(exc).__name__}") from exc
    if status != http.client.OK:
        raise Unwell(f"not well: http://{address}{HEALTH_PATH} answered {status} {reason}")
    click.echo("well")


def _private_listener(config_path: Path | None) -> Listen:
    """The one key that is needed. Raises ConfigurationError when just that one is wrong."""
    written = read_sources(config_path, os.environ).value("private_listen")
    if written is None:
        return PRIVATE_LISTEN
    try:
        address = listen(written)
    except ValueError as exc:
        raise ConfigurationError(f"private_listen ({variable('private_listen')}): {exc}") from exc
    return Listen(_EVERYWHERE.get(address.host, address.host), address.port)


def _ask(address: Listen, timeout: float) -> tuple[int, str]:
    connection = http.client.HTTPConnection(address.host, address.port, timeout=timeout)
    try:
        connection.request("GET", HEALTH_PATH)
        answer = connection.getresponse()
        return answer.status, answer.reason
    finally:
        connection.close()
