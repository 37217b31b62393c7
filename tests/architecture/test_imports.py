"""Who may import whom: a layer imports lower layers only, and each outside library is known to one place."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

WAMON = Path(__file__).parents[2] / "wamon"

# A part may import itself and parts of the layers above its own line, never its neighbours.
# No other part may stand at the top of wamon/.
LAYERS = (
    ("__init__", "sim"),
    ("core",),
    ("logs",),
    ("probes",),
    ("webhooks",),
    ("rules", "signals"),
    ("graph", "store", "metrics", "operating", "picture"),
    ("web", "engine", "notify", "schedule"),
    ("polling", "intake"),
    ("config",),
    ("receivers", "vitals", "weekly", "watches", "supervision"),
    ("daemon",),
    ("life",),
    ("doctor", "reference"),
    ("demo", "replay"),
    ("cli",),
    ("__main__",),
)
RANKS = {part: rank for rank, layer in enumerate(LAYERS) for part in layer}
SIM_USERS = {"sim", "demo", "cli"}
OWNERS = {
    "apscheduler": ("daemon", "schedule"),
    "bcrypt": ("web", "cli"),
    "click": ("cli", "demo"),
    "httpx": ("graph", "notify.http", "sim"),
    "jinja2": ("web", "sim"),
    "markdown_it": ("web",),
    "msgspec": ("webhooks",),
    "prometheus_client": ("metrics",),
    "pydantic": ("config",),
    "pydantic_core": ("config",),
    "pydantic_settings": ("config",),
    "rich": ("cli", "demo"),
    "slack_sdk": ("notify.slack",),
    "sqlite3": ("store",),
    "sqlite_utils": ("store",),
    "starlette": ("web", "sim"),
    "structlog": ("logs",),
    "uvicorn": ("web", "sim"),
    "uvloop": ("cli",),
    "websockets": ("notify.slack",),
    "yaml": ("web",),
}
NOT_FOR_CORE = {"http", "os", "socket", "sqlite3", "ssl", "subprocess", "tempfile", "urllib"}


def violations(root: Path) -> Iterator[str]:
    for path in sorted(root.rglob("*.py")):
        dotted = ".".join(path.relative_to(root).with_suffix("").parts)
        part = dotted.split(".", 1)[0]
        if part not in RANKS:
            yield f"{part}: not a part of the design"
            continue
        for module in imported(ast.parse(path.read_text(encoding="utf-8"))):
            if fault := judge(dotted, part, module):
                yield f"{dotted} imports {module}: {fault}"


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "wamon":
            yield from (f"wamon.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def judge(dotted: str, part: str, module: str) -> str | None:
    library, _, rest = module.partition(".")
    if library == "wamon":
        other = rest.split(".", 1)[0]
        # `from wamon import __version__` names no part.
        other = other if other in RANKS or (WAMON / other).exists() else "__init__"
        if part == "sim":
            return None if other == "sim" else "the simulator knows nothing of the product"
        if other == "sim":
            return None if part in SIM_USERS else "only the command line and tests may simulate"
        return None if other == part or RANKS[other] < RANKS[part] else "not a lower layer"
    if part == "core" and (library not in sys.stdlib_module_names or library in NOT_FOR_CORE):
        return "core is the standard library without input and output"
    if library in OWNERS:
        at_home = any(f"{dotted}.".startswith(f"{owner}.") for owner in OWNERS[library])
        return None if at_home else f"known to {' and '.join(OWNERS[library])} only"
    return None if library in sys.stdlib_module_names else "no part owns this library"


def test_layers_and_libraries_are_where_the_design_puts_them() -> None:
    assert list(violations(WAMON)) == []


@pytest.mark.parametrize(
    ("path", "source", "fault"),
    [
        ("core/health.py", "import httpx", "core is the standard library"),
        ("core/health.py", "import socket", "core is the standard library"),
        ("core/health.py", "from wamon.probes import account", "not a lower layer"),
        ("core/health.py", "from wamon import engine", "not a lower layer"),
        ("core/health.py", "from . import timing", "core is the standard library"),
        ("probes/token.py", "def run():\n    import wamon.rules.token", "not a lower layer"),
        ("graph/client.py", "from wamon.store.sqlite import SqliteStore", "not a lower layer"),
        ("rules/token.py", "from wamon.config import Settings", "not a lower layer"),
        ("web/private.py", "import httpx", "known to graph and notify.http and sim only"),
        ("notify/outbox.py", "from slack_sdk.errors import SlackApiError", "known to notify.slack only"),
        ("engine.py", "import sqlite3", "known to store only"),
        ("engine.py", "import requests", "no part owns this library"),
        ("engine.py", "from wamon.sim.meta import World", "only the command line and tests"),
        ("sim/meta.py", "from wamon.core.health import Signal", "knows nothing of the product"),
        ("utils.py", "", "not a part of the design"),
    ],
)
def test_planted_violation_is_found(tmp_path: Path, path: str, source: str, fault: str) -> None:
    planted = tmp_path / path
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(source, encoding="utf-8")

    found = list(violations(tmp_path))

    assert len(found) == 1
    assert fault in found[0]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("core/timing.py", "import time\nfrom wamon.core import errors"),
        ("rules/token.py", "from wamon.probes.token import VALIDITY\nfrom wamon import __version__"),
        ("notify/slack.py", "import slack_sdk"),
        ("cli/main.py", "import rich.table\nfrom wamon.sim import world"),
        ("sim/graph.py", "from wamon.sim import world\nfrom starlette.routing import Route"),
    ],
)
def test_legal_import_is_left_alone(tmp_path: Path, path: str, source: str) -> None:
    planted = tmp_path / path
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(source, encoding="utf-8")

    assert list(violations(tmp_path)) == []
