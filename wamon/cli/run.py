"""`wamon run`: the daemon."""

import asyncio
import gc
import os
import random
import signal
from pathlib import Path

import click
import uvloop

from wamon import logs
from wamon.cli import config_option, settings_from
from wamon.cli.interrupt import stop_on_signals
from wamon.config.settings import Settings
from wamon.core.timing import SystemClock
from wamon.daemon import Daemon
from wamon.graph.redaction import Redactor
from wamon.life import Life
from wamon.supervision import Supervisor

# Webhooks make many small objects that die young; looking for cycles among them after every 700 costs a fifth of a
# core at full load. Source: benchmarks/ingest.py, 2026-11.
COLLECT_AFTER = (10_000, 20, 20)


@click.command()
@config_option
def run(config_path: Path | None) -> None:
    """Watch the configured accounts until told to stop. SIGHUP reads the configuration again.

    \b
    Example:
      WAMON_WABA_ID=102290129340398 WAMON_ACCESS_TOKEN_FILE=token.txt wamon run
    """
    settings = settings_from(config_path)
    _log_as(settings)

    async def main() -> None:
        life = Life(
            settings,
            read=lambda: settings_from(config_path),
            build=lambda given: Daemon(given, clock=SystemClock(), random=random.Random()),
            began=_log_as,
            supervisor=Supervisor(os.environ, SystemClock()),
        )
        # By default it would end the process.
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, life.hear)
        with stop_on_signals(life.stop):
            await life.run()

    gc.set_threshold(*COLLECT_AFTER)
    uvloop.run(main())


def _log_as(settings: Settings) -> None:
    logs.configure(settings.log_level, settings.log_format, Redactor(settings.secrets()))
