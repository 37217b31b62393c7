"""`wamon healthcheck`: is the daemon beside us well? Docker asks this every half minute, so it imports little."""

import http.client
import os
from pathlib import Path
from typing import Final

import click

from wamon.cli import Failure, config_option
from wamon.cli.reaching import own_way
from wamon.config.sources import read_sources
from wamon.core.errors import ConfigurationError

HEALTH_PATH: Final = "/-/healthy"
TIMEOUT_SECONDS: Final = 3.0


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
        to = own_way(read_sources(config_path, os.environ))
    except ConfigurationError as exc:
        # Docker keeps exit code 2 for itself.
        raise Unwell(str(exc)) from exc
    connection = to.connection(timeout)
    try:
        connection.request("GET", f"{to.path}{HEALTH_PATH}")
        with connection.getresponse() as answer:
            status, reason = answer.status, answer.reason
    except (OSError, http.client.HTTPException) as exc:
        raise Unwell(f"no answer from {to.base}{HEALTH_PATH}: {to.explained(exc)}") from exc
    finally:
        connection.close()
    if status != http.client.OK:
        raise Unwell(f"not well: {to.base}{HEALTH_PATH} answered {status} {reason}")
    click.echo("well")
