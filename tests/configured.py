"""Settings as a user would write them for a simulated world."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wamon import logs
from wamon.config.load import load_settings
from wamon.config.settings import Settings
from wamon.rules import RULES
from wamon.sim.world import World

# Where nobody listens: whoever bypasses the in-process transport is refused.
GRAPH_URL = "http://127.0.0.1:9"


def environment_for(world: World, folder: Path, **changes: str) -> dict[str, str]:
    """The variables of the world's first account; each keyword is a key, empty for one that is left out."""
    app = next(iter(world.apps.values()))
    keys = {
        "waba_id": next(iter(world.wabas)),
        "access_token": world.token("system-user").value,
        "app_id": app.id,
        "app_secret": app.secret,
        "graph_base_url": GRAPH_URL,
        "private_listen": "127.0.0.1:0",
        "public_listen": "127.0.0.1:0",
        "database": str(folder / "wamon.db"),
        **changes,
    }
    return {f"WAMON_{key.upper()}": value for key, value in keys.items() if value}


def settings_for(world: World, folder: Path, *, file: str = "", **changes: str) -> Settings:
    """The settings that these variables and the text of a wamon.toml amount to."""
    path = folder / "wamon.toml" if file else None
    if path is not None:
        path.write_text(file, encoding="utf-8")
    return load_settings(path, environment_for(world, folder, **changes), rules=RULES, default_paths=())


@contextmanager
def logging_restored() -> Iterator[None]:
    """Give the root logger back as it was, so that no other test logs through what this one sets up."""
    names = ["", *logs.QUIET]
    levels = {name: logging.getLogger(name).level for name in names}
    handlers = list(logging.getLogger().handlers)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        logging.getLogger().handlers[:] = handlers
