"""`wamon healthcheck`: is the daemon beside us well? Docker asks this every half minute, so it imports little."""

import http.client
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from wamon.cli import Failure, config_option
from wamon.cli.asking import private_listener, private_tls
from wamon.config.sources import read_sources
from wamon.config.values import Listen
from wamon.core.errors import ConfigurationError

if TYPE_CHECKING:
    import ssl

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
        sources = read_sources(config_path, os.environ)
        address, tls = private_listener(sources), private_tls(sources)
    except ConfigurationError as exc:
        # Docker keeps exit code 2 for itself.
        raise Unwell(str(exc)) from exc
    url = f"{'http' if tls is None else 'https'}://{address}{HEALTH_PATH}"
    try:
        status, reason = _ask(address, timeout, tls)
    except (OSError, http.client.HTTPException) as exc:
        raise Unwell(f"no answer from {url}: {str(exc) or type(exc).__name__}") from exc
    if status != http.client.OK:
        raise Unwell(f"not well: {url} answered {status} {reason}")
    click.echo("well")


def _ask(address: Listen, timeout: float, tls: "ssl.SSLContext | None") -> tuple[int, str]:
    connection = (
        http.client.HTTPConnection(address.host, address.port, timeout=timeout)
        if tls is None
        else http.client.HTTPSConnection(address.host, address.port, timeout=timeout, context=tls)
    )
    try:
        connection.request("GET", HEALTH_PATH)
        answer = connection.getresponse()
        return answer.status, answer.reason
    finally:
        connection.close()
