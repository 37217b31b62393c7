"""Settings for every test: the same outcome on a laptop with wamon configured and on a bare machine."""

import os
import signal

import hypothesis
import pytest

from tests.tools import REQUIRE_TOOLS

# Two shared cores can hold up any example, so no example has a deadline; CI draws the same ones every time.
hypothesis.settings.register_profile("laptop", deadline=None, print_blob=True)
hypothesis.settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True, database=None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`make test` runs the tests in two turns, so that ARGS may still bring a -m of its own."""
    parser.addoption("--alone", choices=("only", "never"), help="only the tests marked `alone`, or all the others")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    turn = config.getoption("--alone")
    if turn is None:
        return
    wanted = [item for item in items if (item.get_closest_marker("alone") is not None) == (turn == "only")]
    if gone := [item for item in items if item not in set(wanted)]:
        config.hook.pytest_deselected(items=gone)
    items[:] = wanted


def pytest_configure(config: pytest.Config) -> None:
    """Forget what the shell around us says about wamon and about proxies, before any test or child process reads it."""
    for name in list(os.environ):
        if (name.startswith("WAMON_") and name != REQUIRE_TOOLS) or name.lower().endswith("_proxy"):
            del os.environ[name]
    # A shell without job control starts what is behind an `&` deaf to SIGINT, and so would be what we start.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "laptop")
