"""The clock: how a step of it is told from waiting, and how a faster one keeps its own time."""

import asyncio
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from tests.fakes import START
from wamon.core.timing import KERNEL_BOOT_ID, Moment, SystemClock, clock_step

ZERO = timedelta(0)


def moment(wall_seconds: float, monotonic: float, boot_id: str = "boot-1") -> Moment:
    return Moment(at=START + timedelta(seconds=wall_seconds), boot_id=boot_id, monotonic=monotonic)


@pytest.mark.parametrize(
    ("wall_seconds", "monotonic", "step_seconds"),
    [
        (60, 60, 0),
        (0, 0, 0),
        (62, 60, 0),
        (58, 60, 0),
        (62.1, 60, 2.1),
        (57.9, 60, -2.1),
        (3660, 60, 3600),
        (-3540, 60, -3600),
        # The wall is later than before and was set back all the same.
        (10, 600, -590),
        # A suspended machine: its monotonic clock stood still.
        (28_800, 0, 28_800),
    ],
)
def test_step_is_what_the_wall_moved_more_than_time_passed(
    wall_seconds: float, monotonic: float, step_seconds: float
) -> None:
    step = clock_step(moment(0, 1000), moment(wall_seconds, 1000 + monotonic))

    assert step == timedelta(seconds=step_seconds)


@pytest.mark.parametrize(
    ("wall_seconds", "step_seconds"),
    [(60, 0), (3600, 0), (-1, 0), (-2, 0), (-3, -3), (-3600, -3600)],
)
def test_after_a_reboot_only_a_step_back_can_be_seen(wall_seconds: float, step_seconds: float) -> None:
    step = clock_step(moment(0, 100_000), moment(wall_seconds, 5, boot_id="boot-2"))

    assert step == timedelta(seconds=step_seconds)


def test_system_clock_runs_at_the_pace_of_the_world() -> None:
    clock = SystemClock()

    before, after = clock.moment(), clock.moment()

    assert before.at.tzinfo is UTC
    assert before.at <= clock.now()
    assert 0 <= after.monotonic - before.monotonic < 60
    assert clock_step(before, after) == ZERO
    assert clock.real_seconds(90) == 90


def test_fast_clock_runs_its_own_seconds() -> None:
    clock = SystemClock(speed=1000)
    before = clock.moment()

    asyncio.run(clock.sleep(20))

    after = clock.moment()
    assert 20 <= after.monotonic - before.monotonic < 60_000
    assert after.at - before.at >= timedelta(seconds=19)
    assert clock_step(before, after) == ZERO
    assert clock.real_seconds(90) == pytest.approx(0.09)


def test_fast_clock_starts_now() -> None:
    assert abs(SystemClock(speed=1000).now() - SystemClock().now()) < timedelta(hours=1)


def test_real_clocks_of_one_boot_compare(tmp_path: Path) -> None:
    boot_id = tmp_path / "boot_id"
    boot_id.write_text("8f1e\n", encoding="ascii")

    first, second = (SystemClock(boot_id_path=boot_id).moment() for _ in range(2))

    assert first.boot_id == second.boot_id == "8f1e"


def test_system_without_a_boot_id_compares_with_nobody(tmp_path: Path) -> None:
    first, second = (SystemClock(boot_id_path=tmp_path / "absent").moment() for _ in range(2))

    assert first.boot_id != second.boot_id


def test_fast_clock_compares_with_nobody() -> None:
    first, second = (SystemClock(speed=60).moment() for _ in range(2))

    assert first.boot_id != second.boot_id


@pytest.mark.skipif(not KERNEL_BOOT_ID.exists(), reason="this kernel has no boot id")
def test_kernels_boot_id_is_used_where_there_is_one() -> None:
    assert SystemClock().moment().boot_id == KERNEL_BOOT_ID.read_text(encoding="ascii").strip()
