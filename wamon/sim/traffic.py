"""What happens in the world that Meta tells by webhook: messages and what becomes of each, and account events.

Nothing runs by itself: whoever sends the webhooks asks again and again for the events that are `due`.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from wamon.sim.entities import Number
from wamon.sim.webhooks import MESSAGES, USER_PREFERENCES, Customer, Event, JsonObject, status, stop, wamid
from wamon.sim.world import World

NAMES = (
    "Sheena Nelson",
    "Zoë Müller",
    "José Álvarez",
    "Łukasz Nowak",
    "Aiyana Begay",
    "李明",
    "Marta 🌷",
    "O'Neill / Sons",
)
AREA_CODES = (202, 212, 303, 312, 404, 415, 503, 512, 602, 617, 702, 713, 808, 907)
# Meta refuses these before the message leaves its servers, so that no `sent` comes first.
REFUSED_AT_ONCE = frozenset({130429, 131042, 131047, 131048, 131056})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """What becomes of messages, as shares of all of them.

    `failed` is by error code. Of those that arrive `read` are read, `only_read` of these at once, so that Meta never
    tells that they were delivered. `undelivered` are sent and then nothing more is heard of them.
    """

    failed: Mapping[int, float] = field(default_factory=dict)
    undelivered: float = 0.0
    read: float = 0.6
    only_read: float = 0.05


@dataclass(slots=True, kw_only=True)
class Campaign:
    """A stream of messages from one number. The mix may be changed on the way; `ends_at` None: until it is stopped.

    `delivery_seconds` and `reading_seconds` are the shortest and the longest time that a step takes.
    """

    number_id: str
    per_hour: float
    mix: Mix
    category: str = "utility"
    ends_at: datetime | None = None
    delivery_seconds: tuple[float, float] = (1.0, 20.0)
    reading_seconds: tuple[float, float] = (10.0, 600.0)
    next_at: datetime
    messages: int = 0
    # Its own, so that its messages do not depend on when somebody asks for those of others.
    random: random.Random = field(repr=False)


class Traffic:
    """All the events of a world. The same random numbers give the same messages."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self._world = world
        self._random = chance
        self._order = count()
        self._planned: list[tuple[datetime, int, Event]] = []
        self.campaigns: list[Campaign] = []

    def start(
        self,
        number_id: str,
        *,
        per_hour: float,
        mix: Mix | None = None,
        category: str = "utility",
        lasts: timedelta | None = None,
        delivery_seconds: tuple[float, float] = (1.0, 20.0),
    ) -> Campaign:
        """Let a number send from this moment on."""
        if number_id not in self._world.numbers:
            raise KeyError(f"no number {number_id}")
        now = self._world.now()
        campaign = Campaign(
            number_id=number_id,
            per_hour=per_hour,
            mix=mix or Mix(),
            category=category,
            ends_at=None if lasts is None else now + lasts,
            delivery_seconds=delivery_seconds,
            next_at=now,
            random=random.Random(self._random.getrandbits(64)),
        )
        campaign.next_at += _gap(campaign)
        self.campaigns.append(campaign)
        return campaign

    def stop(self, campaign: Campaign) -> None:
        """Let it send no more; what is on its way still arrives."""
        self._send_all()
        if campaign in self.campaigns:
            self.campaigns.remove(campaign)

    def change(self, number_id: str, mix: Mix) -> None:
        """Let other things become of a number's messages from this moment on."""
        self._send_all()
        for campaign in self.campaigns:
            if campaign.number_id == number_id:
                campaign.mix = mix

    def end(self) -> None:
        """Let nobody send any more."""
        self._send_all()
        self.campaigns.clear()

    def tell(self, waba_id: str, name: str, value: JsonObject) -> None:
        """Let Meta tell of an account in this field."""
        self._plan(Event(waba_id=waba_id, field=name, at=self._world.now(), item=value))

    def opt_out(self, number_id: str) -> None:
        """Let a customer tell the number to stop its marketing messages."""
        number, now, customer = self._world.number(number_id), self._world.now(), _customer(self._random)
        self._plan(_event(number, USER_PREFERENCES, now, stop(now, customer), customer))

    def due(self) -> list[Event]:
        """What has happened since the last call, in order."""
        self._send_all()
        now = self._world.now()
        events = []
        while self._planned and self._planned[0][0] <= now:
            events.append(heapq.heappop(self._planned)[2])
        return events

    @property
    def is_quiet(self) -> bool:
        """Whether nobody sends and nothing is on its way."""
        return not self.campaigns and not self._planned

    def _send_all(self) -> None:
        now = self._world.now()
        for campaign in tuple(self.campaigns):
            self._send_until(campaign, now)

    def _send_until(self, campaign: Campaign, now: datetime) -> None:
        number = self._world.numbers.get(campaign.number_id)
        end = now if campaign.ends_at is None else min(now, campaign.ends_at)
        while number is not None and campaign.next_at <= end:
            for event in _life(number, campaign):
                self._plan(event)
            campaign.messages += 1
            campaign.next_at += _gap(campaign)
        if number is None or (campaign.ends_at is not None and campaign.ends_at <= now):
            self.campaigns.remove(campaign)

    def _plan(self, event: Event) -> None:
        heapq.heappush(self._planned, (event.at, next(self._order), event))


def _life(number: Number, campaign: Campaign) -> Iterator[Event]:
    """What Meta will tell of the campaign's next message."""
    chance, mix, at = campaign.random, campaign.mix, campaign.next_at
    customer = _customer(chance)
    message_id = wamid(customer.phone, f"{chance.getrandbits(72):018X}")
    code = _failure(mix, chance)

    def told(word: str, *, is_priced: bool = True) -> Event:
        category = campaign.category if is_priced else None
        error_code = code if word == "failed" else None
        item = status(message_id, word, at, customer, category=category, error_code=error_code)
        return _event(number, MESSAGES, at, item, customer)

    if code is not None:
        if code not in REFUSED_AT_ONCE and chance.random() < 0.5:
            yield told("sent", is_priced=False)
            at += _between(chance, (1.0, 5.0))
        yield told("failed", is_priced=False)
        return
    yield told("sent")
    if chance.random() < mix.undelivered:
        return
    at += _between(chance, campaign.delivery_seconds)
    is_read = chance.random() < mix.read
    if is_read and chance.random() < mix.only_read:
        yield told("read")
        return
    yield told("delivered")
    if is_read:
        at += _between(chance, campaign.reading_seconds)
        yield told("read", is_priced=False)


def _failure(mix: Mix, chance: random.Random) -> int | None:
    drawn = chance.random()
    for code, share in mix.failed.items():
        drawn -= share
        if drawn < 0:
            return code
    return None


def _customer(chance: random.Random) -> Customer:
    """Somebody with a number out of the ranges that are kept free for fiction, so that it is nobody's.

    Sources: the North American plan (555-01xx), Bundesnetzagentur (030 23125xxx), Ofcom (07700 900xxx), read 2026-11.
    """
    country = chance.choices(("US", "DE", "GB"), (6, 2, 2))[0]
    phone = {
        "US": f"1{chance.choice(AREA_CODES)}55501{chance.randrange(100):02d}",
        "DE": f"493023125{chance.randrange(1000):03d}",
        "GB": f"447700900{chance.randrange(1000):03d}",
    }[country]
    user_id = f"{country}.{chance.randrange(10**15, 10**16)}"
    return Customer(phone=phone, name=chance.choice(NAMES), user_id=user_id)


def _event(number: Number, name: str, at: datetime, item: JsonObject, customer: Customer) -> Event:
    return Event(waba_id=number.waba_id, field=name, at=at, item=item, number=number, customer=customer)


def _gap(campaign: Campaign) -> timedelta:
    return timedelta(hours=campaign.random.uniform(0.5, 1.5) / campaign.per_hour)


def _between(chance: random.Random, seconds: tuple[float, float]) -> timedelta:
    return timedelta(seconds=chance.uniform(*seconds))
