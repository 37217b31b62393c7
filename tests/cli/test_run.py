"""`wamon run` as a process: it says where it listens, stops when asked to, and keeps its secrets."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import pytest

from tests.cli.running import ROOT, wamon
from wamon.cli.interrupt import stop_on_signals

SECRETS = {"WAMON_ACCESS_TOKEN": "EAAcanaryofthetoken", "WAMON_SLACK_WEBHOOK_URL": "https://a.example/canaryofslack"}
# Nobody listens on this port of the loopback, so every poll fails at once.
NOWHERE = {"WAMON_WABA_ID": "100", "WAMON_GRAPH_BASE_URL": "http://127.0.0.1:9", **SECRETS}


@contextmanager
def started(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """`wamon run` in `folder`, killed at the end if it still lives."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
    environment = {"PYTHONPATH": str(ROOT), **kept, **NOWHERE, "WAMON_PRIVATE_LISTEN": "127.0.0.1:0"}
    command = [sys.executable, "-m", "wamon", "run"]
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def until(process: subprocess.Popen[str], message: str) -> dict[str, object]:
    """The first log line with this message, which must come."""
    assert process.stderr is not None
    for line in process.stderr:
        entry: dict[str, object] = json.loads(line)
        if entry["message"] == message:
            return entry
    raise AssertionError(f"the process ended without {message!r}")


def rest_of(stream: IO[str] | None) -> list[str]:
    assert stream is not None
    return stream.read().splitlines()


def status_of(url: str) -> int:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        connection.request("GET", urlsplit(url).path)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_asked_to_stop_and_ends_well(tmp_path: Path, asked: signal.Signals) -> None:
    with started(tmp_path) as process:
        watching = until(process, "watching")

        page = str(watching["page"])
        assert status_of(f"{page}/metrics") == 200
        assert status_of(f"{page}/-/healthy") == 200

        process.send_signal(asked)
        lines = rest_of(process.stderr)

        assert process.wait(timeout=30) == 0
        assert "stopping" in [json.loads(line)["message"] for line in lines]
        assert "Traceback" not in "".join(lines)
        assert "canary" not in "".join(lines)
        assert (watching["accounts"], watching["receivers"]) == (1, ["slack_webhook"])


def test_wrong_configuration_is_one_clean_message(tmp_path: Path) -> None:
    result = wamon("run", folder=tmp_path, **{**NOWHERE, "WAMON_POLL_INTERVAL": "soon"})

    assert result.returncode == 2
    assert result.stderr.startswith("Error: poll_interval (WAMON_POLL_INTERVAL): must be a number of seconds")
    assert not (tmp_path / "wamon.db").exists()


def test_taken_port_is_one_clean_message(tmp_path: Path) -> None:
    with started(tmp_path) as process:
        page = urlsplit(str(until(process, "watching")["page"]))

        result = wamon(
            "run",
            folder=tmp_path,
            **{**NOWHERE, "WAMON_PRIVATE_LISTEN": page.netloc, "WAMON_DATABASE": str(tmp_path / "other.db")},
        )

    assert result.returncode == 2
    assert f"WAMON_PRIVATE_LISTEN: cannot listen on {page.netloc}: another process listens there" in result.stderr


def test_second_one_on_the_same_database_is_one_clean_message(tmp_path: Path) -> None:
    with started(tmp_path) as process:
        until(process, "watching")

        result = wamon("run", folder=tmp_path, **{**NOWHERE, "WAMON_PRIVATE_LISTEN": "127.0.0.1:0"})

    assert result.returncode == 2
    assert result.stderr.startswith("Error: ")
    assert str(process.pid) in result.stderr
    assert "Traceback" not in result.stderr


def test_hangup_reads_the_file_again_and_keeps_the_old_configuration_on_error(tmp_path: Path) -> None:
    file = tmp_path / "wamon.toml"
    file.write_text('log_level = "INFO"\npoll_interval = 60\n', encoding="utf-8")
    with started(tmp_path) as process:
        before = until(process, "watching")
        file.write_text('log_level = "INFO"\npoll_intervall = 90\n', encoding="utf-8")
        process.send_signal(signal.SIGHUP)
        refused = until(process, "reload refused, the configuration stays as it was")
        file.write_text('log_level = "INFO"\npoll_interval = 90\n', encoding="utf-8")
        process.send_signal(signal.SIGHUP)
        until(process, "reload")
        after = until(process, "watching")

        assert "wamon.toml" in str(refused["reason"])
        assert "did you mean poll_interval" in str(refused["reason"])
        assert after["page"] == before["page"]
        assert status_of(f"{after['page']}/-/healthy") == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


# --- the signals ------------------------------------------------------------------------------------------------------

# A command whose stop hangs. Its loop's time runs ahead after the first signal, so that nobody has to wait.
HANGING = """
import asyncio
from wamon.cli.interrupt import IMPATIENT_SECONDS, stop_on_signals

async def main():
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    with stop_on_signals(stop.set):
        print("ready", flush=True)
        await stop.wait()
        real = loop.time
        loop.time = lambda: real() + IMPATIENT_SECONDS
        print("stopping", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_second_signal_a_while_later_ends_a_stop_that_hangs(tmp_path: Path, asked: signal.Signals) -> None:
    environment = {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", HANGING]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            process.send_signal(asked)
            assert process.stdout.readline() == "stopping\n"
            process.send_signal(asked)

            assert process.wait(timeout=30) == 128 + asked
        finally:
            process.kill()


def test_signals_that_come_together_are_one_wish() -> None:
    """A terminal signals the whole group, and a supervisor the process once more."""

    async def story() -> None:
        stop = asyncio.Event()
        with stop_on_signals(stop.set):
            for asked in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
                os.kill(os.getpid(), asked)
            async with asyncio.timeout(10):
                await stop.wait()

    asyncio.run(story())


def test_signals_are_nobodys_again_at_the_end() -> None:
    async def story() -> None:
        with stop_on_signals(lambda: None):
            pass

        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    asyncio.run(story())
