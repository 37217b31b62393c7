"""Posts the weekly digest at its time, once."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from wamon.config.values import WeeklyTime
from wamon.core.desk import Act, PostDigest
from wamon.core.ports import Rule, signals_by_name
from wamon.core.state import Acted
from wamon.core.timing import Clock
from wamon.engine import Engine
from wamon.notify.weekly import weekly_digest
from wamon.signals import SIGNALS
from wamon.store import SqliteStore

WEEK: Final = timedelta(days=7)
# What could not be sent in these hours is left out, not sent in the middle of the week.
LATE: Final = timedelta(hours=12)
MOST_ROWS: Final = 100_000


class WeeklyDigest:
    """Looks back over a week; `post` may be called as often as one likes."""

    def __init__(
        self, wanted: WeeklyTime, *, engine: Engine, store: SqliteStore, rules: Sequence[Rule], clock: Clock
    ) -> None:
        self._wanted = wanted
        self._engine = engine
        self._store = store
        self._rules = rules
        self._clock = clock

    async def post(self) -> None:
        """Owe the digest to everybody who gets what no route takes, when its time has come since the last one."""
        now = self._clock.now()
        due_at = last_time(self._wanted, now)
        sent_at = self._engine.state.desk.digest_at
        if now - due_at > LATE or (sent_at is not None and sent_at >= due_at):
            return
        since = now - WEEK
        text = weekly_digest(
            self._engine.state,
            self._rules,
            await self._store.transitions(since=since, limit=MOST_ROWS),
            await self._store.history(signals_by_name(SIGNALS), since=since, limit=MOST_ROWS),
            await self._store.tallied(),
            since=since,
            now=now,
        )
        act = Act(id=f"weekly {due_at.isoformat()}", actor="wamon", deed=PostDigest(text=text))
        await self._engine.observe(lambda moment: Acted(moment=moment, act=act))


def last_time(wanted: WeeklyTime, now: datetime) -> datetime:
    """When this moment of the week last was, `now` included."""
    days = (now.weekday() - wanted.weekday) % 7
    at = datetime.combine(now.date(), wanted.at, tzinfo=UTC) - timedelta(days=days)
    return at if at <= now else at - WEEK
