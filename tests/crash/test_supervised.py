"""`wamon run` under systemd, as far as systemd can tell: the words of the protocol, in order, from the real process."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.crash.lab import Lab, lab, until

pytestmark = pytest.mark.alone

WATCHDOG_SECONDS = 0.5


class Ear:
    """The socket that systemd listens on, and everything that was said."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._said: list[str] = []

    @property
    def said(self) -> list[str]:
        while True:
            try:
                self._said.append(self._sock.recv(65536).decode())
            except BlockingIOError:
                return self._said

    def count(self, word: str) -> int:
        return sum(word in each.split("\n") for each in self.said)


@contextmanager
def supervised(it: Lab) -> Iterator[Ear]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        address = it.folder / "notify"
        sock.bind(str(address))
        sock.setblocking(False)
        it.environment = {
            **it.environment,
            "NOTIFY_SOCKET": str(address),
            "WATCHDOG_USEC": str(int(WATCHDOG_SECONDS * 1_000_000)),
        }
        yield Ear(sock)


def test_ready_is_said_once_the_page_answers_and_stopping_before_the_end(tmp_path: Path) -> None:
    async def story() -> None:
        async with lab(tmp_path / "lab") as it:
            with supervised(it) as ear:
                process = await it.start()
                await until(lambda: ear.count("READY=1"))
                async with httpx.AsyncClient(trust_env=False) as client:
                    answer = await client.get(f"{await it.page()}/-/healthy")
                await until(lambda: ear.count("WATCHDOG=1") > 3)
                await until(lambda: ear.count("STATUS=ready"))
                assert await it.stop(process) == 0

                assert answer.status_code == 200
                assert ear.count("READY=1") == 1
                assert ear.said.index("READY=1") < ear.said.index("STOPPING=1")

    asyncio.run(story())


def test_reload_is_said_and_ends_in_ready(tmp_path: Path) -> None:
    async def story() -> None:
        async with lab(tmp_path / "lab", tables="# nothing yet\n") as it:
            with supervised(it) as ear:
                process = await it.start()
                await until(lambda: ear.count("READY=1") == 1)

                process.send_signal(signal.SIGHUP)
                await until(lambda: ear.count("READY=1") == 2)

                (it.folder / "wamon.toml").write_text("message_retention_days = 20\n")
                process.send_signal(signal.SIGHUP)
                await until(lambda: ear.count("READY=1") == 3)

                (it.folder / "wamon.toml").write_text("message_retention_days = 2\n")
                process.send_signal(signal.SIGHUP)
                await until(lambda: ear.count("READY=1") == 4)
                assert await it.stop(process) == 0

                words = [each.split("\n")[0] for each in ear.said if each.startswith(("READY", "RELOADING"))]
                assert words == ["READY=1", *["RELOADING=1", "READY=1"] * 3]

    asyncio.run(story())
