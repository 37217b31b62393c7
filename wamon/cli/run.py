"""`wamon run`: the daemon."""

import asyncio
import gc
import logging
import random
import signal
from pathlib import Path

import click
import uvloop

from wamon import logs
from wamon.cli import config_option, settings_from
from wamon.cli.interrupt import stop_on_signals
from wamon.core.timing import SystemClock
from wamon.daemon import Daemon
from wamon.graph.redaction import Redactor

log = logging.getLogger(__name__)

# Webhooks make many small objects that die young; looking for cycles among them after every 700 costs a fifth of a
# core at full load. Source: benchmarks/ingest.py, 2026-11.
COLLECT_AFTER = (10_000, 20, 20)


@click.command()
@config_option
def run(config_path: Path | None) -> None:
    """Watch the configured accounts until told to stop.

    \b
    Example:
      WAMON_WABA_ID=102290129340398 WAMON_ACCESS_TOKEN_FILE=token.txt wamon run
    """
    settings = settings_from(config_path)
    logs.configure(settings.log_level, settings.log_format, Redactor(settings.secrets()))
    daemon = Daemon(settings, clock=SystemClock(), random=random.Random())

    async def main() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _refuse_reload)
        with stop_on_signals(stop):
            await daemon.run(stop)

    gc.set_threshold(*COLLECT_AFTER)
    uvloop.run(main())


def _refuse_reload() -> None:
    """SIGHUP asks other daemons to read their configuration again; by default it would end this one."""
    log.warning("cannot reload yet: restart to read the configuration again")
