"""Installations for the doctor: a simulated Meta, a receiver and listeners on loopback, and a hand on each of them."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import MappingProxyType

import httpx

from tests.configured import settings_for
from tests.fakes import FakeClock
from tests.sim.callers import HTTPX_ERRORS
from wamon import __version__
from wamon.config.settings import Settings
from wamon.core.ports import Notifier
from wamon.core.timing import Clock
from wamon.doctor import Finding, Status
from wamon.doctor.meta import look
from wamon.doctor.patient import Patient
from wamon.doctor.routes import ask_routing
from wamon.graph.quota import QuotaBudget
from wamon.graph.visiting import Visitor
from wamon.metrics.instruments import Instruments
from wamon.rules import RULES
from wamon.sim.graph import graph_app
from wamon.sim.serve import serve
from wamon.sim.world import World
from wamon.watches import build_client
from wamon.web.public import public_app

VERIFY_TOKEN = "the-verify-token-of-this-test"
NOBODY: Mapping[str, Notifier] = MappingProxyType({})

Look = Callable[[Patient], Awaitable[tuple[Finding, ...]]]


class Door:
    """What stands behind a public listener, with the token that it wants."""

    def __init__(self, token: str = VERIFY_TOKEN) -> None:
        self.token = token
        self.asked: list[str] = []
        self.received: list[bytes] = []

    def is_app(self, name: str | None) -> bool:
        return name in (None, "default")

    def handshake(self, app: str | None, verify_token: str) -> bool:
        self.asked.append(verify_token)
        return verify_token == self.token

    async def receive(self, app: str | None, body: bytes, signature: bytes | None) -> int:
        self.received.append(body)
        return 200

    def answered(self, code: int, seconds: float) -> None:
        """Nobody counts."""


class Ward:
    """The small world, with what a patient in it is made of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock: Clock = FakeClock()
        self.world = World.small(FakeClock().now)
        self.waba = next(iter(self.world.wabas.values()))
        self.number = self.world.number(self.waba.number_ids[0])
        self.app = next(iter(self.world.apps.values()))
        self.seconds = 5.0
        self.transport: httpx.AsyncBaseTransport | None = None

    def settings(self, **changes: str) -> Settings:
        return settings_for(self.world, self.folder, **{"verify_token": VERIFY_TOKEN, **changes})

    @asynccontextmanager
    async def patient(
        self, *, settings: Settings | None = None, notifiers: Mapping[str, Notifier] = NOBODY
    ) -> AsyncIterator[Patient]:
        settings = settings or self.settings()
        meta = FakeClock()
        client = build_client(
            settings,
            clock=meta,
            random=random.Random(0),
            budget=QuotaBudget(meta),
            observer=Instruments(version=__version__, clock=meta),
            transport=httpx.ASGITransport(app=graph_app(self.world, sleep=meta.sleep, stand_ins=HTTPX_ERRORS)),
        )
        visitor = Visitor(clock=self.clock, timeout_seconds=self.seconds, transport=self.transport)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(client.close)
            stack.push_async_callback(visitor.close)
            picture = await look(settings, client=client, clock=meta)
            routing = await ask_routing(
                settings, client=client, snapshot=picture.snapshot, version=picture.version, seconds=60.0
            )
            yield Patient(
                settings=settings,
                rules=settings.bound_rules(RULES),
                picture=picture,
                routing=routing,
                notifiers=notifiers,
                visitor=visitor,
                clock=self.clock,
                random=random.Random(0),
            )

    def find(self, look: Look, *, door: Door | None = None, **changes: str) -> tuple[Finding, ...]:
        """What a check finds; with a door behind the app's callback URL."""

        async def ask() -> tuple[Finding, ...]:
            async with AsyncExitStack() as stack:
                if door is not None:
                    url = await stack.enter_async_context(serve(public_app(door)))
                    self.app.subscriptions[0].callback_url = f"{url}/webhook"
                patient = await stack.enter_async_context(self.patient(settings=self.settings(**changes)))
                return await look(patient)

        return asyncio.run(ask())


def told(findings: tuple[Finding, ...]) -> list[tuple[str, str]]:
    """Every finding as (what is printed for its status, check)."""
    return [(finding.word, finding.check) for finding in findings]


def only_ill(findings: tuple[Finding, ...]) -> Finding:
    (finding,) = [each for each in findings if each.status is not Status.OK]
    return finding
