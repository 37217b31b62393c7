"""What a test may need that Python does not bring: outside programs, and Meta's own API description.

Without one of them a test skips and says why. Under WAMON_REQUIRE_TOOLS=1, as in .ci/run, it fails instead:
a check that silently stopped running is worse than none.
"""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

REQUIRE_TOOLS = "WAMON_REQUIRE_TOOLS"

# The names a program goes by, and the Debian package that brings it.
_PROGRAMS = {
    "promtool": (("promtool",), "prometheus"),
    "prometheus": (("prometheus",), "prometheus"),
    "alertmanager": (("prometheus-alertmanager", "alertmanager"), "prometheus-alertmanager"),
    "amtool": (("amtool",), "prometheus-alertmanager"),
    "chromium": (("chromium", "chromium-browser"), "chromium"),
    "systemd-analyze": (("systemd-analyze",), "systemd"),
    "openssl": (("openssl",), "openssl"),
}

_CONTRACT = Path(__file__).parents[2] / "shared" / "contract" / "business-messaging-api_v23.0.yaml"


def require_tool(name: str) -> str:
    """The path of an outside program; where it is not installed, the calling test ends here."""
    aliases, package = _PROGRAMS[name]
    path = next(filter(None, map(shutil.which, aliases)), None)
    if path is None:
        _missing(f"{name} is not installed (Debian package {package})")
    return path


def require_contract() -> Path:
    """Meta's OpenAPI description; where it does not lie beside the repository, the calling test ends here."""
    if not _CONTRACT.is_file():
        _missing(f"Meta's API description is not beside the repository ({_CONTRACT.name} in shared/contract)")
    return _CONTRACT


def _missing(reason: str) -> NoReturn:
    if os.environ.get(REQUIRE_TOOLS) == "1":
        pytest.fail(f"{reason}, and {REQUIRE_TOOLS}=1 demands it", pytrace=False)
    pytest.skip(reason)
