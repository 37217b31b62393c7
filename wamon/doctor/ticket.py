"""What goes into a support ticket: the diagnosis as JSON, with versions and configuration, and without any secret."""

import platform
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from wamon import __version__
from wamon.config.settings import Settings
from wamon.doctor.diagnosis import Diagnosis
from wamon.doctor.findings import Finding, worst
from wamon.doctor.routes import Route
from wamon.probes.payload import without_query
from wamon.store.inspection import SQLITE_VERSION

# Grows when a program that reads the JSON must change with it.
SHAPE: Final = 1


def ticket(diagnosis: Diagnosis, settings: Settings, *, redact: Callable[[str], str], now: datetime) -> dict[str, Any]:
    """All of it, ready for `json.dumps`. Every text from outside or from the configuration goes through `redact`."""
    return {
        "shape": SHAPE,
        "version": __version__,
        "at": now.isoformat(timespec="seconds"),
        "status": str(worst(diagnosis.findings)),
        "versions": versions(),
        "findings": [_finding(finding, redact) for finding in diagnosis.findings],
        "routes": [_route(route, redact) for route in diagnosis.routes],
        "configuration": [
            {"key": row.key, "value": _shown(row.value, redact), "source": row.source} for row in settings.shown
        ],
    }


def versions() -> Mapping[str, str]:
    """What wamon runs on."""
    return {
        "wamon": __version__,
        "python": platform.python_version(),
        "sqlite": SQLITE_VERSION,
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
    }


def _shown(value: str | None, redact: Callable[[str], str]) -> str | None:
    """A configured value; a URL without its query, where people put secrets that nobody told us of."""
    if value is None:
        return None
    is_url = value.startswith(("http://", "https://")) and "?" in value
    return redact((without_query(value) or "") if is_url else value)


def _finding(finding: Finding, redact: Callable[[str], str]) -> dict[str, Any]:
    return {
        "check": finding.check,
        "about": redact(finding.about),
        "status": finding.word,
        "evidence": {name: redact(value) for name, value in finding.evidence},
        "cause": finding.skipped or finding.cause,
        "fix": [redact(step) for step in finding.fix],
    }


def _route(route: Route, redact: Callable[[str], str]) -> dict[str, Any]:
    return {
        "waba_id": route.waba_id,
        "phone_number_id": route.phone_number_id,
        "about": redact(route.about),
        "fields": list(route.fields),
        "callback_url": None if route.callback is None else redact(str(route.callback)),
        "decided_by": str(route.by),
    }
