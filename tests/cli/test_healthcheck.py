"""`wamon healthcheck`: asks the private listener, whatever else the configuration says."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.cli.running import wamon
from wamon.cli import main


class Daemon(HTTPServer):
    """Answers like the private listener; `status` is what /-/healthy answers."""

    status = 200


class Handler(BaseHTTPRequestHandler):
    server: Daemon

    def do_GET(self) -> None:
        self.send_response(self.server.status if self.path == "/-/healthy" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with Daemon(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="daemon", kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def check(**environment: str) -> Result:
    return CliRunner().invoke(main, ["healthcheck"], env=environment)


def test_daemon_that_is_well(daemon: Daemon) -> None:
    result = check(WAMON_PRIVATE_LISTEN=f"127.0.0.1:{daemon.server_port}")

    assert (result.exit_code, result.stdout) == (0, "well\n")


def test_listener_on_every_address_is_asked_on_loopback(daemon: Daemon) -> None:
    assert check(WAMON_PRIVATE_LISTEN=f"0.0.0.0:{daemon.server_port}").exit_code == 0


def test_listener_of_the_file(daemon: Daemon, tmp_path: Path) -> None:
    path = tmp_path / "wamon.toml"
    path.write_text(f'private_listen = "127.0.0.1:{daemon.server_port}"\nunknown = 1\n', encoding="utf-8")

    assert check(WAMON_CONFIG=str(path)).exit_code == 0


def test_daemon_that_is_not_well(daemon: Daemon) -> None:
    daemon.status = 503

    result = check(WAMON_PRIVATE_LISTEN=f"127.0.0.1:{daemon.server_port}")

    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: not well: http://127.0.0.1:{daemon.server_port}/-/healthy answered 503 Service Unavailable\n"
    )


def test_no_daemon() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    result = check(WAMON_PRIVATE_LISTEN=f"127.0.0.1:{port}")

    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: no answer from http://127.0.0.1:{port}/-/healthy: ")


def test_wrong_address_is_exit_code_1_too() -> None:
    result = check(WAMON_PRIVATE_LISTEN="9877")

    assert result.exit_code == 1
    assert result.stderr == (
        "Error: private_listen (WAMON_PRIVATE_LISTEN): must be host:port, like 127.0.0.1:9877 or [::1]:9877\n"
    )


def test_it_imports_nothing_heavy(tmp_path: Path) -> None:
    result = wamon("healthcheck", folder=tmp_path, WAMON_PRIVATE_LISTEN="9877", PYTHONPROFILEIMPORTTIME="1")

    imported = {
        line.rpartition("|")[2].strip() for line in result.stderr.splitlines() if line.startswith("import time")
    }
    assert result.returncode == 1
    assert (
        imported & {"asyncio", "httpx", "pydantic", "pydantic_settings", "rich.console", "structlog", "wamon.rules"}
        == set()
    )
