"""Stand-ins that a test steers by hand."""

from datetime import UTC, datetime, timedelta

from wamon.core.timing import Moment

START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


class FakeClock:
    """A clock that moves only when told, or when somebody sleeps. `step` moves the wall without time passing."""

    def __init__(self, at: datetime = START) -> None:
        self._at = at
        self._monotonic = 1000.0
        self.boot_id = "boot-1"
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._at

    def monotonic(self) -> float:
        return self._monotonic

    def moment(self) -> Moment:
        return Moment(at=self._at, boot_id=self.boot_id, monotonic=self._monotonic)

    def real_seconds(self, seconds: float) -> float:
        return seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self._at += timedelta(seconds=seconds)
        self._monotonic += seconds

    def step(self, seconds: float) -> None:
        self._at += timedelta(seconds=seconds)
