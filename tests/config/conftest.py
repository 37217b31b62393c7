"""A configuration in a folder of its own, and how a test loads it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.config.loading import Faults, Load
from wamon.config.load import load_settings
from wamon.config.settings import Settings
from wamon.core.errors import ConfigurationError
from wamon.rules import RULES


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads `written` as wamon.toml (None: no file) under WAMON_* variables given without their prefix."""

    def load_it(written: str | None = None, **environment: str) -> Settings:
        path = None
        if written is not None:
            path = tmp_path / "wamon.toml"
            path.write_text(written, encoding="utf-8")
        return load_settings(path, prefixed(environment), rules=RULES, default_paths=())

    return load_it


@pytest.fixture
def faults(load: Load, tmp_path: Path) -> Faults:
    """The lines of the error that a configuration brings, paths without the temporary folder."""

    def fail(written: str | None = None, **environment: str) -> list[str]:
        with pytest.raises(ConfigurationError) as caught:
            load(written, **environment)
        return str(caught.value).replace(f"{tmp_path}/", "").splitlines()

    return fail


def prefixed(environment: Mapping[str, str]) -> dict[str, str]:
    return {f"WAMON_{name}": value for name, value in environment.items()}
