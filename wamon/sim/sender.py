"""Sends webhooks to the apps as Meta does, repeats and mixes them up, and keeps books of what was told."""

from __future__ import annotations

import heapq
import random
from asyncio import TaskGroup
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from types import TracebackType
from typing import Self

import httpx

from wamon.sim.entities import App, AppSubscription
from wamon.sim.webhooks import (
    MESSAGES,
    SIGNATURE_HEADER,
    USER_PREFERENCES,
    Event,
    body_of,
    encode,
    signature,
)
from wamon.sim.world import World

# Meta gives up after days; the simulated one after about an hour and a half of its own time.
ATTEMPTS = 14
FIRST_WAIT_SECONDS = 10.0
LONGEST_WAIT_SECONDS = 600.0
# In the seconds of the world outside, as the sockets are.
TIMEOUT_SECONDS = 10.0
CONNECTIONS = 8
# What each status proves besides itself: read at once, a message was delivered though Meta never says so.
PROVES: Mapping[str, tuple[str, ...]] = {"delivered": ("sent",), "read": ("delivered", "sent")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mischief:
    """What goes wrong on the way, as shares of the bodies; times in simulated seconds.

    `repeated` bodies come again; `late` ones come after what happened later, and so many are mixed up in themselves. A
    body that is `shared` holds up to `most_in_body` events, any other one.
    """

    repeated: float = 0.0
    late: float = 0.0
    shared: float = 0.5
    most_in_body: int = 5
    late_seconds: tuple[float, float] = (20.0, 120.0)
    repeated_after_seconds: tuple[float, float] = (20.0, 1200.0)


@dataclass(slots=True, kw_only=True)
class Told:
    """What the apps acknowledged about one phone number, each thing once however often it was sent."""

    words: dict[str, set[str]] = field(default_factory=dict)
    error_codes: dict[str, int] = field(default_factory=dict)
    stops: set[tuple[object, object]] = field(default_factory=set)

    @property
    def messages(self) -> int:
        """Distinct messages."""
        return len(self.words)

    def statuses(self) -> Counter[str]:
        """Messages by status, with the statuses that a later one proves."""
        return Counter(
            word for words in self.words.values() for word in words.union(*(PROVES.get(each, ()) for each in words))
        )

    def failures(self) -> Counter[int]:
        """Failed messages by error code."""
        return Counter(self.error_codes.values())

    def add(self, event: Event) -> bool:
        """Note an event; false when it was known."""
        if event.field == USER_PREFERENCES:
            stopped = event.item["wa_id"], event.item["timestamp"]
            is_known = stopped in self.stops
            self.stops.add(stopped)
            return not is_known
        message_id, word = str(event.item["id"]), str(event.item["status"])
        words = self.words.setdefault(message_id, set())
        if word in words:
            return False
        words.add(word)
        if isinstance(errors := event.item.get("errors"), list):
            self.error_codes[message_id] = errors[0]["code"]
        return True


@dataclass(slots=True, kw_only=True)
class Ledger:
    """The sender's books over everything. `withheld` events went to nobody, because no app was subscribed.

    `repeats` are events that were acknowledged again, by the same app or another; `lost` bodies were given up.
    """

    numbers: dict[str, Told] = field(default_factory=dict)
    account_events: Counter[str] = field(default_factory=Counter)
    withheld: int = 0
    posts: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    repeats: int = 0
    lost: int = 0
    _account_events: set[tuple[str, str, datetime, str]] = field(default_factory=set, repr=False)

    def number(self, number_id: str) -> Told:
        """What was told of this number."""
        return self.numbers.setdefault(number_id, Told())

    def acknowledge(self, event: Event) -> None:
        """Note what an app has answered with 200."""
        if event.number is not None:
            is_new = self.number(event.number.id).add(event)
        else:
            told = event.waba_id, event.field, event.at, repr(event.item)
            is_new = told not in self._account_events
            self._account_events.add(told)
            self.account_events[event.field] += is_new
        self.repeats += not is_new


@dataclass(slots=True, kw_only=True)
class _Post:
    """One body on its way to one app: to its callback URL, or to the WABA's override of that."""

    app: App
    events: tuple[Event, ...]
    content: bytes
    override: str | None = None
    attempts: int = 0


class Sender:
    """Meta's end of the webhooks: asks `source` for what happened and posts it until it is acknowledged.

    `now` and `sleep` are of the simulated clock; an in-process `transport` takes the network's place. Use it in an
    `async with` block, with `run` as a task or `step` by hand.
    """

    def __init__(
        self,
        world: World,
        source: Callable[[], Iterable[Event]],
        *,
        sleep: Callable[[float], Awaitable[object]],
        random: random.Random,
        mischief: Mischief | None = None,
        step_seconds: float = 1.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._world = world
        self._source = source
        self._sleep = sleep
        self._random = random
        self._step_seconds = step_seconds
        self.mischief = mischief or Mischief()
        self.ledger = Ledger()
        self._waiting: list[tuple[datetime, int, _Post]] = []
        self._order = count()
        self._on_the_way = 0
        self._client = httpx.AsyncClient(
            transport=transport,
            trust_env=False,
            timeout=httpx.Timeout(TIMEOUT_SECONDS, pool=None),
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            headers={"Content-Type": "application/json", "User-Agent": "facebookexternalua"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def subscribe(self, app: App, callback_url: str, verify_token: str) -> bool:
        """Give an app its callback URL after the handshake with it; false when that fails, and nothing changes then."""
        challenge = str(self._random.randrange(10**9, 10**10))
        query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verify_token}
        try:
            answer = await self._client.get(callback_url, params=query)
        except httpx.HTTPError:
            return False
        if answer.status_code != httpx.codes.OK or answer.text != challenge:
            return False
        if app.subscriptions:
            app.subscriptions[0].callback_url = callback_url
        else:
            app.subscriptions.append(AppSubscription(callback_url=callback_url))
        return True

    async def forge(self, app: App) -> int:
        """Post what somebody else than Meta would: signed with a wrong secret. Gives the HTTP status of the answer."""
        content = encode(body_of([]))
        headers = {SIGNATURE_HEADER: signature(f"not {app.secret}", content)}
        answer = await self._client.post(app.subscriptions[0].callback_url, content=content, headers=headers)
        return answer.status_code

    async def run(self) -> None:
        """Post what falls due, until cancelled."""
        async with TaskGroup() as posts:
            while True:
                for post in self._due():
                    posts.create_task(self._deliver(post))
                await self._sleep(self._step_seconds)

    async def step(self) -> None:
        """Post once what is due now."""
        async with TaskGroup() as posts:
            for post in self._due():
                posts.create_task(self._deliver(post))

    @property
    def is_idle(self) -> bool:
        """Whether everything that was taken from the source is acknowledged or given up."""
        return not self._waiting and not self._on_the_way

    def _due(self) -> Iterator[_Post]:
        events = list(self._source())
        for app in self._world.apps.values():
            self._address(app, events)
        self.ledger.withheld += sum(not self._has_receiver(event) for event in events)
        while self._waiting and self._waiting[0][0] <= self._world.now():
            post = heapq.heappop(self._waiting)[2]
            self._on_the_way += 1
            yield post

    def _address(self, app: App, events: list[Event]) -> None:
        """Put what this app is to hear into bodies, each with its moment."""
        own: dict[str | None, list[Event]] = {}
        for event in events:
            if self._hears(app, event):
                own.setdefault(self._override(app, event), []).append(event)
        for override, told in own.items():
            for batch in self._batches(told):
                self._send(_Post(app=app, events=batch, content=encode(body_of(batch)), override=override))

    def _batches(self, events: list[Event]) -> Iterator[tuple[Event, ...]]:
        mischief = self.mischief
        if self._happens(mischief.late):
            self._random.shuffle(events)
        while events:
            size = self._random.randint(1, mischief.most_in_body) if self._happens(mischief.shared) else 1
            yield tuple(events[:size])
            del events[:size]

    def _send(self, post: _Post) -> None:
        mischief = self.mischief
        self._wait(post, self._between(mischief.late_seconds) if self._happens(mischief.late) else 0.0)
        if self._happens(mischief.repeated):
            self._wait(replace(post), self._between(mischief.repeated_after_seconds))

    def _hears(self, app: App, event: Event) -> bool:
        is_linked = any(link.app_id == app.id for link in self._world.waba(event.waba_id).subscribed_apps)
        return is_linked and any(each.active and event.field in each.fields for each in app.subscriptions)

    def _has_receiver(self, event: Event) -> bool:
        return any(self._hears(app, event) for app in self._world.apps.values())

    def _override(self, app: App, event: Event) -> str | None:
        """The WABA's own URL, which account-level fields never follow."""
        links = self._world.waba(event.waba_id).subscribed_apps if event.field == MESSAGES else ()
        return next((link.override_callback_uri for link in links if link.app_id == app.id), None)

    async def _deliver(self, post: _Post) -> None:
        self.ledger.posts += 1
        try:
            headers = {SIGNATURE_HEADER: signature(post.app.secret, post.content)}
            url = post.override or post.app.subscriptions[0].callback_url
            answer = await self._client.post(url, content=post.content, headers=headers)
            outcome = str(answer.status_code)
        except httpx.HTTPError as error:
            outcome = type(error).__name__
        finally:
            self._on_the_way -= 1
        if outcome == "200":
            for event in post.events:
                self.ledger.acknowledge(event)
            return
        self.ledger.refusals[outcome] += 1
        post.attempts += 1
        if post.attempts < ATTEMPTS:
            self._wait(post, min(FIRST_WAIT_SECONDS * 2 ** (post.attempts - 1), LONGEST_WAIT_SECONDS))
        else:
            self.ledger.lost += 1

    def _wait(self, post: _Post, seconds: float) -> None:
        due_at = self._world.now() + timedelta(seconds=seconds)
        heapq.heappush(self._waiting, (due_at, next(self._order), post))

    def _happens(self, share: float) -> bool:
        return self._random.random() < share

    def _between(self, seconds: tuple[float, float]) -> float:
        return self._random.uniform(*seconds)
