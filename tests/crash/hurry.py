"""`wamon run` by a clock that is faster than the world's, so that what waits half a minute is seen within a life.

The clock goes on while no process lives: one that is started after a kill finds as much time gone by as really has.
"""

import asyncio
import random
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import uvloop

from wamon import logs
from wamon.cli import settings_from
from wamon.cli.interrupt import stop_on_signals
from wamon.core.timing import Moment
from wamon.daemon import Daemon
from wamon.graph.redaction import Redactor


@dataclass(frozen=True, slots=True, kw_only=True)
class HurriedClock:
    """The machine's monotonic clock, which all processes share, taken `speed` times since `began`."""

    speed: float
    began_at: datetime
    began: float

    @classmethod
    def starting(cls, speed: float) -> "HurriedClock":
        return cls(speed=speed, began_at=datetime.now(UTC), began=time.monotonic())

    @classmethod
    def of(cls, arguments: list[str]) -> "HurriedClock":
        """The clock that another process has told of."""
        speed, began_at, began = arguments
        return cls(speed=float(speed), began_at=datetime.fromisoformat(began_at), began=float(began))

    @property
    def arguments(self) -> list[str]:
        return [str(self.speed), self.began_at.isoformat(), repr(self.began)]

    def now(self) -> datetime:
        return self.began_at + timedelta(seconds=(time.monotonic() - self.began) * self.speed)

    def monotonic(self) -> float:
        return time.monotonic() * self.speed

    def moment(self) -> Moment:
        return Moment(at=self.now(), boot_id="hurried", monotonic=self.monotonic())

    def real_seconds(self, seconds: float) -> float:
        return seconds / self.speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)


def main(arguments: list[str]) -> None:
    """What `wamon run` does, but for the clock."""
    settings = settings_from(None)
    logs.configure(settings.log_level, settings.log_format, Redactor(settings.secrets()))
    daemon = Daemon(settings, clock=HurriedClock.of(arguments), random=random.Random())

    async def live() -> None:
        stop = asyncio.Event()
        with stop_on_signals(stop.set):
            await daemon.run(stop)

    uvloop.run(live())


if __name__ == "__main__":
    main(sys.argv[1:])
