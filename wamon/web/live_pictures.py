"""The pictures that the pages and the API show, of what is known at the moment of asking."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from wamon.core.errors import StoreError
from wamon.core.health import Change, Subject
from wamon.picture.lanes import lanes, strip
from wamon.picture.number_page import number_page
from wamon.picture.overview import overview
from wamon.picture.scene import Scene
from wamon.picture.values import Health, Lane, NumberPage, NumberRow, Overview, Query

# A month of changes is read anew this often; what has changed since then is read each time.
REREAD_AFTER: Final = timedelta(hours=1)

ReadChanges = Callable[[datetime], Awaitable[Sequence[Change]]]


class LivePictures:
    """Makes each picture from the present state. `changes` reads what of the numbers has changed since a moment."""

    def __init__(
        self, *, scene: Callable[[], Scene], health: Callable[[], Health], version: str, changes: ReadChanges
    ) -> None:
        self._scene = scene
        self._health = health
        self._version = version
        self._changes = changes
        self._past: Mapping[Subject, Sequence[Change]] = {}
        self._past_since: datetime | None = None
        self._past_until: datetime | None = None
        # Several pages that are opened at once read the month once.
        self._turn = asyncio.Lock()

    def overview(self, query: Query) -> Overview:
        return overview(self._scene(), query, health=self._health(), version=self._version)

    def number(self, phone_number_id: str) -> NumberPage | None:
        return number_page(self._scene(), phone_number_id)

    async def strips(self, rows: Sequence[NumberRow], *, since: datetime) -> Mapping[str, Lane]:
        """Empty when the store cannot tell."""
        lanes_of = await self._lanes_of(rows, since)
        return {number: strip(whole) for number, whole in lanes_of.items()}

    async def lanes(self, row: NumberRow, *, since: datetime) -> tuple[Lane, ...]:
        """Empty when the store cannot tell."""
        return (await self._lanes_of([row], since)).get(row.phone_number_id, ())

    async def _lanes_of(self, rows: Sequence[NumberRow], since: datetime) -> Mapping[str, tuple[Lane, ...]]:
        try:
            async with self._turn:
                latest = _by_subject(await self._changes(await self._remember(since)))
        except StoreError:
            return {}
        scene, found = self._scene(), {}
        for row in rows:
            subject = Subject.phone_number(row.waba_id, row.phone_number_id)
            changes = (*self._past.get(subject, ()), *latest.get(subject, ()))
            found[row.phone_number_id] = lanes(scene.snapshot, subject, changes, since=since, until=scene.now)
        return found

    async def _remember(self, since: datetime) -> datetime:
        """Have what changed until a moment of the last hour, and tell that moment."""
        now = self._scene().now
        until, begun = self._past_until, self._past_since
        if until is None or begun is None or begun > since or not until <= now < until + REREAD_AFTER:
            self._past = _by_subject(each for each in await self._changes(since) if each.at < now)
            self._past_since, self._past_until = since, now
            return now
        return until


def _by_subject(changes: Iterable[Change]) -> Mapping[Subject, Sequence[Change]]:
    found: defaultdict[Subject, list[Change]] = defaultdict(list)
    for each in changes:
        found[each.subject].append(each)
    return found
