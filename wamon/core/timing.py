"""The clock: the one place that reads the time, and how a step of it is noticed."""

import asyncio
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

# Kernels discipline the clock by slewing up to 500 ppm; over a minute that is 30 ms. Two seconds is clearly a step.
STEP_TOLERANCE = timedelta(seconds=2)
KERNEL_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A wall time together with the monotonic reading taken with it, so that a clock step can be told from waiting.

    `monotonic` is in seconds and compares only between moments of the same `boot_id`.
    """

    at: datetime
    boot_id: str
    monotonic: float


class Clock(Protocol):
    """What the daemon knows of time. `sleep` and `monotonic` are in the same seconds as `now`."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    def moment(self) -> Moment: ...

    def real_seconds(self, seconds: float) -> float:
        """How long `seconds` of this clock take in the world outside, for libraries that bring their own clock."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's clock; with `speed` above 1 a clock that starts now and runs that many times faster (demo)."""

    def __init__(self, *, speed: float = 1.0, boot_id_path: Path = KERNEL_BOOT_ID) -> None:
        self._speed = speed
        self._started_at = datetime.now(UTC)
        self._started_monotonic = time.monotonic()
        self._boot_id = _boot_id(boot_id_path) if speed == 1.0 else uuid.uuid4().hex

    def now(self) -> datetime:
        if self._speed == 1.0:
            return datetime.now(UTC)
        elapsed = time.monotonic() - self._started_monotonic
        return self._started_at + timedelta(seconds=elapsed * self._speed)

    def monotonic(self) -> float:
        return time.monotonic() * self._speed

    def moment(self) -> Moment:
        return Moment(at=self.now(), boot_id=self._boot_id, monotonic=self.monotonic())

    def real_seconds(self, seconds: float) -> float:
        return seconds / self._speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._speed)


def clock_step(before: Moment, after: Moment) -> timedelta:
    """How far the wall clock jumped between two moments; zero when it only ran, negative when it went back.

    After a reboot the monotonic readings do not compare; then only a step back can be seen.
    """
    waited = after.at - before.at
    if before.boot_id == after.boot_id:
        step = waited - timedelta(seconds=after.monotonic - before.monotonic)
    else:
        step = min(waited, timedelta(0))
    return step if abs(step) > STEP_TOLERANCE else timedelta(0)


def _boot_id(path: Path) -> str:
    """The kernel's id of this boot, so that monotonic readings of an earlier process still compare.

    A system without one gets an id of this process: then only a step back is seen across a restart.
    """
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return uuid.uuid4().hex
