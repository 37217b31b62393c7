"""The sign of life: sent only when all is well, and never quoted."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

import pytest

from tests.fakes import START, FakeClock
from tests.notify.ear import Ear, listening
from wamon.core.errors import StoreError
from wamon.notify.heartbeat import Heartbeat

PATH = "/ping/0b1c-secret"


class Witness:
    """A HeartbeatObserver that keeps what it is told; and the answer to whether wamon is well."""

    def __init__(self) -> None:
        self.sent: list[datetime] = []
        self.reasons: tuple[str, ...] = ()

    def heartbeat_sent(self, at: datetime) -> None:
        self.sent.append(at)

    async def is_well(self) -> tuple[str, ...]:
        return self.reasons


def with_heartbeat(ear: Ear, witness: Witness, scenario: Callable[[Heartbeat], Awaitable[None]]) -> None:
    async def main() -> None:
        async with listening(ear) as url:
            heartbeat = Heartbeat(
                url + PATH,
                is_well=witness.is_well,
                clock=FakeClock(),
                observer=witness,
                timeout_seconds=ear.timeout_seconds,
            )
            try:
                await scenario(heartbeat)
            finally:
                await heartbeat.close()

    asyncio.run(main())


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_well_wamon_pings_and_the_success_is_noted() -> None:
    ear, witness = Ear(), Witness()

    async def scenario(heartbeat: Heartbeat) -> None:
        await heartbeat.beat()
        assert heartbeat.problem is None

    with_heartbeat(ear, witness, scenario)

    assert [(heard.method, heard.path) for heard in ear.heard] == [("GET", PATH)]
    assert witness.sent == [START]


def test_unwell_wamon_is_silent_and_says_why_once_per_change(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ear, witness = Ear(), Witness()

    async def scenario(heartbeat: Heartbeat) -> None:
        for reasons in (("disk full",), ("disk full",), ("disk full", "scheduler stands still"), ()):
            witness.reasons = reasons
            await heartbeat.beat()

    with_heartbeat(ear, witness, scenario)

    assert len(ear.heard) == 1
    assert [record.getMessage() for record in caplog.records] == [
        "heartbeat withheld",
        "heartbeat withheld",
        "heartbeat goes on",
    ]
    assert caplog.records[1].__dict__["reasons"] == ["disk full", "scheduler stands still"]


def test_not_knowing_whether_wamon_is_well_sends_nothing() -> None:
    ear = Ear()

    async def fails() -> tuple[str, ...]:
        raise StoreError("the disk is full")

    witness = Witness()
    witness.is_well = fails  # type: ignore[method-assign]

    async def scenario(heartbeat: Heartbeat) -> None:
        with pytest.raises(StoreError):
            await heartbeat.beat()

    with_heartbeat(ear, witness, scenario)

    assert ear.heard == []


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "WAMON_HEARTBEAT_URL"),
        (409, "WAMON_HEARTBEAT_URL"),
        (429, "status 429"),
        (503, "status 503"),
        (302, "302"),
    ],
)
def test_ping_that_is_not_taken_is_a_problem_and_no_success(status: int, words: str) -> None:
    witness = Witness()

    async def scenario(heartbeat: Heartbeat) -> None:
        await heartbeat.beat()
        assert words in (heartbeat.problem or "")

    with_heartbeat(Ear(status=status), witness, scenario)

    assert witness.sent == []


def test_problem_is_logged_once_per_change_and_ends_with_a_success(caplog: pytest.LogCaptureFixture) -> None:
    ear, witness = Ear(statuses=[500, 500, 404, 200]), Witness()

    async def scenario(heartbeat: Heartbeat) -> None:
        for _ in range(4):
            await heartbeat.beat()
        assert heartbeat.problem is None

    with_heartbeat(ear, witness, scenario)

    assert warnings(caplog) == ["heartbeat failed", "heartbeat failed"]
    assert witness.sent == [START]


def test_url_stands_in_no_problem_and_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    problems: list[str | None] = []

    async def scenario(heartbeat: Heartbeat) -> None:
        await heartbeat.beat()
        problems.append(heartbeat.problem)

    for ear in (Ear(manner="hang"), Ear(manner="reset"), Ear(status=404)):
        with_heartbeat(ear, Witness(), scenario)

    told = " ".join(map(str, problems)) + caplog.text + str([record.__dict__ for record in caplog.records])
    assert all(problems)
    assert "secret" not in told


def test_malformed_url_is_a_problem() -> None:
    async def main() -> str | None:
        witness = Witness()
        heartbeat = Heartbeat("no url", is_well=witness.is_well, clock=FakeClock(), observer=witness)
        await heartbeat.beat()
        await heartbeat.close()
        return heartbeat.problem

    assert "URL" in (asyncio.run(main()) or "")
