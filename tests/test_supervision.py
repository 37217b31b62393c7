"""systemd is told the truth, over a real socket, and nobody is bothered where there is none."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes import FakeClock
from wamon.picture.values import Health
from wamon.supervision import LONGEST_STATUS, Supervisor

WELL = Health(is_healthy=True)
HUNG = Health(is_healthy=False)
STARTING = Health(is_healthy=True, not_ready_reasons=("the first look at every account is not done yet",))


@contextmanager
def systemd(address: str) -> Iterator[Callable[[], list[str]]]:
    """Listen as systemd does; what is called back is everything that was said since the last time."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(address)
        ear.setblocking(False)

        def said() -> list[str]:
            heard = []
            while True:
                try:
                    heard.append(ear.recv(65536).decode())
                except BlockingIOError:
                    return heard

        yield said


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Callable[[], list[str]]]:
    with systemd(str(tmp_path / "notify")) as it:
        yield it


def supervisor(folder: Path, clock: FakeClock | None = None, **environment: str) -> Supervisor:
    return Supervisor({"NOTIFY_SOCKET": str(folder / "notify"), **environment}, clock or FakeClock())


class Enough(Exception):
    """The clock has slept as often as the test wants."""


class Short(FakeClock):
    """A clock for a given number of naps."""

    def __init__(self, naps: int) -> None:
        super().__init__()
        self._naps = naps

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        if len(self.slept) == self._naps:
            raise Enough


def watched(folder: Path, *health: Health, **environment: str) -> list[float]:
    """Watch with these healths in turn; how long the naps in between were."""
    clock, turn = Short(len(health)), iter(health)
    with pytest.raises(Enough):
        asyncio.run(supervisor(folder, clock, **environment).watch(lambda: next(turn)))
    return clock.slept


def test_life_is_told_in_the_words_of_the_protocol(tmp_path: Path, ear: Callable[[], list[str]]) -> None:
    clock = FakeClock()
    it = supervisor(tmp_path, clock)

    it.ready()
    clock.advance(0.5)
    it.reloading()
    it.ready()
    it.stopping()

    assert ear() == ["READY=1", "RELOADING=1\nMONOTONIC_USEC=1000500000\nWATCHDOG=1", "READY=1", "STOPPING=1"]


def test_abstract_socket_is_found_by_its_name() -> None:
    name = f"wamon-test-{os.getpid()}"
    with systemd(f"\0{name}") as said:
        Supervisor({"NOTIFY_SOCKET": f"@{name}"}, FakeClock()).ready()

        assert said() == ["READY=1"]


@pytest.mark.parametrize("named", ["", "vsock:2:1234", "relative/path"])
def test_without_a_socket_of_ours_nothing_is_said(named: str, caplog: pytest.LogCaptureFixture) -> None:
    it = Supervisor({"NOTIFY_SOCKET": named, "WATCHDOG_USEC": "1000000"}, FakeClock())

    it.ready()
    it.reloading()
    it.stopping()
    asyncio.run(it.watch(lambda: WELL))

    assert not it.is_there
    assert caplog.records == []


def test_sign_of_life_comes_at_half_the_time_allowed(tmp_path: Path, ear: Callable[[], list[str]]) -> None:
    naps = watched(tmp_path, WELL, WELL, WELL, WATCHDOG_USEC="20000000", WATCHDOG_PID=str(os.getpid()))

    assert naps == [10.0, 10.0, 10.0]
    assert ear() == ["STATUS=ready", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]


def test_who_hangs_gives_no_sign_of_life(tmp_path: Path, ear: Callable[[], list[str]]) -> None:
    watched(tmp_path, HUNG, HUNG, WELL, WATCHDOG_USEC="20000000")

    assert ear() == ["STATUS=not ready: the scheduler does not tick", "STATUS=ready", "WATCHDOG=1"]


def test_who_is_not_ready_lives_all_the_same(tmp_path: Path, ear: Callable[[], list[str]]) -> None:
    watched(tmp_path, STARTING, WATCHDOG_USEC="20000000")

    assert ear() == ["STATUS=not ready: the first look at every account is not done yet", "WATCHDOG=1"]


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "1"},
    ],
)
def test_sign_of_life_that_nobody_waits_for_is_not_given(
    tmp_path: Path, ear: Callable[[], list[str]], environment: dict[str, str]
) -> None:
    naps = watched(tmp_path, WELL, WELL, **environment)

    assert naps == [15.0, 15.0]
    assert ear() == ["STATUS=ready"]


def test_status_is_told_when_it_changes_and_is_one_short_line(tmp_path: Path, ear: Callable[[], list[str]]) -> None:
    long = Health(is_healthy=True, not_ready_reasons=("the store\nrefuses", "x" * 1000))

    watched(tmp_path, WELL, WELL, long, long)

    ready, refused = ear()
    assert ready == "STATUS=ready"
    assert refused.startswith("STATUS=not ready: the store refuses; xxx")
    assert len(refused) == len("STATUS=") + LONGEST_STATUS


def test_supervisor_that_went_away_is_told_to_the_log_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    it = supervisor(tmp_path)

    it.ready()
    it.stopping()

    assert [(record.levelno, record.message) for record in caplog.records] == [
        (logging.WARNING, "the supervisor cannot be told")
    ]


def test_supervisor_that_does_not_listen_holds_nobody_up(tmp_path: Path, ear: Callable[[], list[str]]) -> None:
    it = supervisor(tmp_path)

    for _ in range(10_000):
        it.ready()

    assert 0 < len(ear()) < 10_000
