"""How log lines look, and what never appears in them.

The code logs by the standard library, fields in `extra=`; here each record becomes one line: columns and colours for
people, JSON for machines. Every text in it passes the redaction, the traceback too.
"""

import logging
import os
import sys
from collections.abc import Callable, Mapping, MutableMapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TextIO

if TYPE_CHECKING:
    from structlog.typing import Processor, WrappedLogger

# They say at INFO what we say ourselves, or what nobody asked for; httpx puts whole URLs into it.
QUIET: Final = ("apscheduler", "asyncio", "httpcore", "httpx", "slack_sdk", "uvicorn")
HIDDEN: Final = "[redacted]"
# Fields that hold a secret whatever its look. They should not be logged at all; this is the net below.
SECRET_FIELDS: Final = frozenset(
    {"access_token", "app_secret", "appsecret_proof", "authorization", "input_token", "secret", "verify_token"}
)
DEEPEST: Final = 4


def configure(
    level: str, log_format: str | None, redact: Callable[[str], str], *, stream: TextIO | None = None
) -> None:
    """Send every log line to `stream` (default: standard error), replacing what was set up before.

    `log_format` is "console" or "json"; None takes console on a terminal and json elsewhere. `redact` takes the secrets
    out of a text.
    """
    import structlog

    out = stream or sys.stderr
    is_console = log_format == "console" or (log_format is None and out.isatty())
    # Colours are for eyes: not for a file, and not for whoever asked for none (no-color.org).
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=out.isatty() and "NO_COLOR" not in os.environ)
        if is_console
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.StackInfoRenderer(),
                # Before the redaction, so that the traceback is a text by then.
                structlog.processors.format_exc_info,
                _Redaction(redact, keeps_lines=not is_console),
                structlog.processors.EventRenamer("message") if not is_console else _unchanged,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    for previous in list(root.handlers):
        root.removeHandler(previous)
    root.addHandler(handler)
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


class _Redaction:
    """The processor that turns every value into something that may be shown."""

    def __init__(self, redact: Callable[[str], str], *, keeps_lines: bool) -> None:
        self._redact = redact
        self._keeps_lines = keeps_lines

    def __call__(
        self, logger: "WrappedLogger", method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        for key, value in event.items():
            # A traceback has lines; in any other value of the console a line break could fake a line of ours.
            keeps_lines = self._keeps_lines or key in ("exception", "stack")
            event[key] = HIDDEN if key.lower() in SECRET_FIELDS else self._shown(value, DEEPEST, keeps_lines)
        return event

    def _shown(self, value: object, depth: int, keeps_lines: bool) -> object:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping) and depth > 0:
            return {
                str(key): HIDDEN if str(key).lower() in SECRET_FIELDS else self._shown(part, depth - 1, keeps_lines)
                for key, part in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset) and depth > 0:
            return [self._shown(part, depth - 1, keeps_lines) for part in value]
        text = self._redact(_text(value))
        return text if keeps_lines else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _text(value: object) -> str:
    match value:
        case str():
            return value
        case datetime():
            return value.isoformat()
        case timedelta():
            return f"{value.total_seconds():g} s"
        case _:
            return str(value)


def _unchanged(logger: "WrappedLogger", method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return event
