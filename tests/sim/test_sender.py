"""The sender: repeats until acknowledged, mixes up, and keeps books."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tests.fakes import FakeClock
from tests.sim.callers import first_number, first_waba, small_world
from wamon.sim.sender import ATTEMPTS, Mischief, Sender, Told
from wamon.sim.serve import serve
from wamon.sim.traffic import Mix, Traffic
from wamon.sim.webhooks import signature
from wamon.sim.world import World

TOKEN = "a-verify-token"
MESSY = Mischief(repeated=0.3, late=0.3, shared=0.8, most_in_body=10)


class Receiver:
    """An app's endpoint that does as it is told, and remembers."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.bodies: list[Any] = []
        self.raw: list[tuple[bytes, str]] = []
        self.app = Starlette(
            routes=[
                Route("/webhook", self.handshake, methods=["GET"]),
                Route("/webhook", self.take, methods=["POST"]),
                Route("/override", self.take, methods=["POST"]),
            ]
        )
        self.paths: Counter[str] = Counter()
        self.changes = asyncio.Semaphore(0)

    async def handshake(self, request: Request) -> Response:
        query = request.query_params
        if (query["hub.mode"], query["hub.verify_token"]) != ("subscribe", TOKEN):
            return PlainTextResponse("no", status_code=403)
        return PlainTextResponse(query["hub.challenge"])

    async def take(self, request: Request) -> Response:
        body = await request.body()
        status = self.answers.pop(0) if self.answers else 200
        self.paths[request.url.path] += 1
        self.raw.append((body, request.headers["x-hub-signature-256"]))
        if status == 200:
            self.bodies.append(json.loads(body))
            for entry in self.bodies[-1]["entry"]:
                for _ in entry["changes"]:
                    self.changes.release()
        return Response(status_code=status)

    async def is_done(self, changes: int) -> None:
        for _ in range(changes):
            await self.changes.acquire()

    def items(self) -> list[Any]:
        return [
            item
            for body in self.bodies
            for entry in body["entry"]
            for change in entry["changes"]
            for item in change["value"].get("statuses", [])
        ]


class Meta:
    """A world, its traffic, and a sender that talks to a receiver in process."""

    def __init__(
        self,
        receiver: Receiver,
        mischief: Mischief | None = None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.world: World
        self.clock: FakeClock
        self.world, self.clock = small_world()
        self.app = next(iter(self.world.apps.values()))
        self.app.subscriptions[0].callback_url = "http://wamon.test/webhook"
        self.traffic = Traffic(self.world, random.Random(1))
        self.sender = Sender(
            self.world,
            self.traffic.due,
            sleep=self.clock.sleep,
            random=random.Random(2),
            mischief=mischief,
            transport=transport or httpx.ASGITransport(app=receiver.app),
        )

    async def run(self, minutes: int) -> None:
        for _ in range(minutes * 6):
            self.clock.advance(10)
            await self.sender.step()

    async def run_out(self) -> None:
        self.traffic.end()
        await self.run(1)
        while not (self.traffic.is_quiet and self.sender.is_idle):
            await self.run(1)


def played(meta: Meta, story: Callable[[], Awaitable[None]]) -> None:
    async def play() -> None:
        async with meta.sender:
            await story()

    asyncio.run(play())


def test_every_status_is_told_once_signed_with_the_apps_secret() -> None:
    receiver = Receiver()
    meta = Meta(receiver)
    meta.traffic.start(first_number(meta.world), per_hour=60)

    async def story() -> None:
        await meta.run(60)
        await meta.run_out()

    played(meta, story)

    told = meta.sender.ledger.number(first_number(meta.world))
    seen = Counter((item["id"], item["status"]) for item in receiver.items())
    assert set(seen.values()) == {1}
    assert told.messages == len({message_id for message_id, _ in seen})
    assert all(header == signature(meta.app.secret, body) for body, header in receiver.raw)


def test_books_hold_each_status_once_under_all_mischief() -> None:
    receiver = Receiver(*[503, 200, 200] * 100)
    meta = Meta(receiver, MESSY)
    for number_id in meta.world.numbers:
        meta.traffic.start(number_id, per_hour=120, mix=Mix(failed={131026: 0.1, 131042: 0.05}, undelivered=0.05))
    meta.traffic.opt_out(first_number(meta.world))

    async def story() -> None:
        await meta.run(120)
        await meta.run_out()

    played(meta, story)

    ledger = meta.sender.ledger
    told = [item for item in receiver.items() if "id" in item]
    distinct = {(item["id"], item["status"]): item for item in told}
    failed = Counter(item["errors"][0]["code"] for item in distinct.values() if item["status"] == "failed")
    assert sum((each.failures() for each in ledger.numbers.values()), Counter()) == failed
    assert sum(each.messages for each in ledger.numbers.values()) == len({item["id"] for item in told})
    assert ledger.repeats >= len(told) - len(distinct) > 100
    assert len(ledger.number(first_number(meta.world)).stops) == 1
    assert (ledger.refusals["503"], ledger.lost) == (100, 0)


def test_disorder_brings_delivered_before_sent() -> None:
    receiver = Receiver()
    meta = Meta(receiver, MESSY)
    meta.traffic.start(first_number(meta.world), per_hour=600)

    async def story() -> None:
        await meta.run(60)

    played(meta, story)

    first: dict[str, str] = {}
    for item in receiver.items():
        first.setdefault(item["id"], item["status"])
    assert Counter(first.values())["delivered"] > 20
    assert max(len(body["entry"][0]["changes"][0]["value"]["statuses"]) for body in receiver.bodies) > 5


@pytest.mark.parametrize(
    ("words", "statuses"),
    [
        ({"sent"}, {"sent": 1}),
        ({"delivered"}, {"sent": 1, "delivered": 1}),
        ({"sent", "read"}, {"sent": 1, "delivered": 1, "read": 1}),
        ({"failed"}, {"failed": 1}),
        ({"sent", "failed"}, {"sent": 1, "failed": 1}),
    ],
)
def test_a_later_status_proves_the_earlier_ones(words: set[str], statuses: dict[str, int]) -> None:
    assert Told(words={"wamid.1": words}).statuses() == statuses


def test_refused_body_is_repeated_with_growing_pauses_and_given_up_in_the_end() -> None:
    receiver = Receiver(*[503] * 100)
    meta = Meta(receiver)
    meta.traffic.tell(first_waba(meta.world), "account_update", {"event": "VERIFIED_ACCOUNT"})
    tries = []

    async def story() -> None:
        while not (meta.traffic.is_quiet and meta.sender.is_idle):
            before = len(receiver.raw)
            await meta.sender.step()
            if len(receiver.raw) > before:
                tries.append(meta.clock.monotonic())
            meta.clock.advance(10)

    played(meta, story)

    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert pauses[:7] == [10, 20, 40, 80, 160, 320, 600]
    assert (len(tries), meta.sender.ledger.lost) == (ATTEMPTS, 1)
    assert meta.sender.ledger.account_events == {}


def test_receiver_that_cannot_be_reached_gets_it_later() -> None:
    answers = iter([httpx.ConnectError("refused"), httpx.ReadTimeout("timed out"), None])

    def answer(request: httpx.Request) -> httpx.Response:
        trouble = next(answers)
        if trouble is not None:
            raise trouble
        return httpx.Response(200)

    meta = Meta(Receiver(), transport=httpx.MockTransport(answer))
    meta.traffic.tell(first_waba(meta.world), "account_update", {"event": "VERIFIED_ACCOUNT"})

    async def story() -> None:
        await meta.run(1)

    played(meta, story)

    assert meta.sender.ledger.refusals == {"ConnectError": 1, "ReadTimeout": 1}
    assert meta.sender.ledger.account_events == {"account_update": 1}


def test_unsubscribed_account_is_not_told_of_and_never_later() -> None:
    receiver = Receiver()
    meta = Meta(receiver)
    waba_id = first_waba(meta.world)
    meta.world.unsubscribe(waba_id, meta.app.id)
    meta.traffic.start(first_number(meta.world), per_hour=60)

    async def story() -> None:
        await meta.run(60)
        meta.traffic.end()
        await meta.run(60)
        meta.world.subscribe(waba_id, meta.app.id)
        await meta.run(60)

    played(meta, story)

    assert receiver.bodies == []
    assert meta.sender.ledger.withheld > 60


def test_account_event_that_comes_again_is_one_event_and_a_repeat() -> None:
    receiver = Receiver()
    meta = Meta(receiver, Mischief(repeated=1.0))
    meta.traffic.tell(first_waba(meta.world), "security", {"event": "PIN_CHANGED"})

    played(meta, meta.run_out)

    assert len(receiver.bodies) == 2
    assert (meta.sender.ledger.account_events, meta.sender.ledger.repeats) == ({"security": 1}, 1)


def test_field_that_is_not_subscribed_is_not_told() -> None:
    receiver = Receiver()
    meta = Meta(receiver)
    meta.app.subscriptions[0].fields.remove("security")
    meta.traffic.tell(first_waba(meta.world), "security", {"event": "PIN_CHANGED"})

    played(meta, meta.sender.step)

    assert (receiver.bodies, meta.sender.ledger.withheld) == ([], 1)


def test_override_takes_messages_but_no_account_events() -> None:
    receiver = Receiver()
    meta = Meta(receiver, Mischief(shared=1.0, most_in_body=100))
    waba_id = first_waba(meta.world)
    meta.world.subscribe(waba_id, meta.app.id, override_callback_uri="http://wamon.test/override")
    meta.traffic.start(first_number(meta.world), per_hour=60)
    meta.traffic.tell(waba_id, "account_update", {"event": "VERIFIED_ACCOUNT"})

    async def story() -> None:
        await meta.run(30)

    played(meta, story)

    assert receiver.paths["/webhook"] == 1
    assert receiver.paths["/override"] > 10


@pytest.mark.parametrize(
    ("url", "token", "is_done"),
    [
        ("http://wamon.test/webhook", TOKEN, True),
        ("http://wamon.test/webhook", "another", False),
        ("http://wamon.test/nowhere", TOKEN, False),
    ],
)
def test_callback_url_is_taken_only_after_the_handshake(url: str, token: str, is_done: bool) -> None:
    meta = Meta(Receiver())
    meta.app.subscriptions.clear()
    found = []

    async def story() -> None:
        found.append(await meta.sender.subscribe(meta.app, url, token))

    played(meta, story)

    assert found == [is_done]
    assert [each.callback_url for each in meta.app.subscriptions] == ([url] if is_done else [])


def test_forged_body_has_another_signature() -> None:
    receiver = Receiver(401)
    meta = Meta(receiver)
    found = []

    async def story() -> None:
        found.append(await meta.sender.forge(meta.app))

    played(meta, story)

    ((body, header),) = receiver.raw
    assert found == [401]
    assert header != signature(meta.app.secret, body)


def test_running_sender_posts_over_real_sockets_until_cancelled() -> None:
    receiver = Receiver()

    async def story() -> int:
        world, _ = small_world()
        app = next(iter(world.apps.values()))
        traffic = Traffic(world, random.Random(1))
        async with serve(receiver.app) as url, Sender(world, traffic.due, sleep=nap, random=random.Random(2)) as sender:
            assert await sender.subscribe(app, f"{url}/webhook", TOKEN)
            for _ in range(20):
                traffic.tell(first_waba(world), "account_update", {"event": "VERIFIED_ACCOUNT"})
            running = asyncio.create_task(sender.run())
            async with asyncio.timeout(10):
                await receiver.is_done(20)
            running.cancel()
            await asyncio.wait({running})
            return receiver.paths["/webhook"]

    async def nap(seconds: float) -> None:
        await asyncio.sleep(0.001)

    assert asyncio.run(story()) >= 4
    assert sum(len(entry["changes"]) for body in receiver.bodies for entry in body["entry"]) == 20
