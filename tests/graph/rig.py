"""A Graph client over the simulated Meta, or over canned answers, with everything that a test looks at."""

import asyncio
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.fakes import FakeClock
from tests.sim.callers import HTTPX_ERRORS
from wamon.core.errors import GraphFault
from wamon.core.ports import Edge, GraphQuery
from wamon.graph.client import Answer, GraphClient
from wamon.graph.credentials import Credentials
from wamon.graph.quota import QuotaBudget
from wamon.sim.graph import graph_app
from wamon.sim.world import World

WABA_ID = "102290000000003"
APP_ID = "634974000000002"
TOKEN = "EAAcannedtokencannedtokencannedtoken"
APP_SECRET = "0123456789abcdef0123456789abcdef"
NUMBERS = Edge("phone_numbers", ("id", "display_phone_number", "status", "quality_rating"), limit=2)
NESTED = ("id", "name", "status", NUMBERS, Edge("subscribed_apps", ()))
WABA = GraphQuery(path=WABA_ID, fields=NESTED, token="main", waba_id=WABA_ID)


@dataclass
class Recorder:
    requests: list[str] = field(default_factory=list)
    dropped: list[tuple[str, str]] = field(default_factory=list)
    retries: list[str] = field(default_factory=list)

    def request(self, code: str, seconds: float) -> None:
        assert seconds >= 0
        self.requests.append(code)

    def dropped_field(self, node_type: str, field: str) -> None:
        self.dropped.append((node_type, field))

    def retry(self, reason: str) -> None:
        self.retries.append(reason)


class Rig:
    """A client with its surroundings. `fetch` gives an answer, `fault` the fault in its place."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport | None,
        clock: FakeClock,
        credentials: Credentials,
        **options: Any,
    ) -> None:
        self.clock = clock
        self.credentials = credentials
        self.budget = QuotaBudget(clock)
        self.observer = Recorder()
        self.client = GraphClient(
            **{"base_url": "https://graph.facebook.com", "version": "v25.0", **options},
            credentials=credentials,
            clock=clock,
            random=random.Random(7),
            transport=transport,
            budget=self.budget,
            observer=self.observer,
        )

    def fetch(self, query: GraphQuery = WABA, *, is_essential: bool = True) -> Answer:
        return asyncio.run(self.client.fetch(query, is_essential=is_essential))

    def fault(self, query: GraphQuery = WABA, *, is_essential: bool = True) -> GraphFault:
        with pytest.raises(GraphFault) as caught:
            self.fetch(query, is_essential=is_essential)
        return caught.value


class SimRig(Rig):
    """The client before the simulated Meta."""

    def __init__(self, **options: Any) -> None:
        clock = FakeClock()
        self.world = World.small(clock.now)
        token = self.world.token("system-user")
        app = self.world.app(token.app_id)
        self.app_id = app.id
        self.waba_id = next(iter(self.world.wabas))
        self.waba = GraphQuery(path=self.waba_id, fields=NESTED, token="main", waba_id=self.waba_id)
        credentials = Credentials.of({"main": token.value}, app_secrets={app.id: app.secret}, app_ids={"main": app.id})
        transport = httpx.ASGITransport(app=graph_app(self.world, sleep=clock.sleep, stand_ins=HTTPX_ERRORS))
        super().__init__(transport, clock, credentials, **options)

    def fetch(self, query: GraphQuery | None = None, *, is_essential: bool = True) -> Answer:
        return super().fetch(query or self.waba, is_essential=is_essential)

    def fault(self, query: GraphQuery | None = None, *, is_essential: bool = True) -> GraphFault:
        return super().fault(query or self.waba, is_essential=is_essential)


class CannedRig(Rig):
    """The client before answers that a test writes itself; `requests` are what arrived."""

    def __init__(self, *answers: httpx.Response | Exception | Callable[[], httpx.Response], **options: Any) -> None:
        self.requests: list[httpx.Request] = []
        self._answers = list(answers)
        credentials = Credentials.of({"main": TOKEN}, app_secrets={APP_ID: APP_SECRET}, app_ids={"main": APP_ID})
        super().__init__(httpx.MockTransport(self._answer), FakeClock(), credentials, **options)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        """The next answer; the last one for ever."""
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer


def ok(
    body: Mapping[str, Any] | None = None, *, headers: Mapping[str, str] | None = None
) -> Callable[[], httpx.Response]:
    content = json.dumps(body if body is not None else {"id": WABA_ID, "name": "Jasper's Market"})
    return lambda: httpx.Response(200, content=content, headers=headers)


def error(code: int, status: int = 400, *, headers: Mapping[str, str] | None = None, **more: Any) -> httpx.Response:
    body = {"error": {"message": f"(#{code}) Something", "type": "OAuthException", "code": code, **more}}
    return httpx.Response(status, json=body, headers=headers)


def usage(percent: int, *, minutes: int = 0, waba_id: str = WABA_ID) -> dict[str, str]:
    """The usage header of a WABA."""
    case = {
        "type": "whatsapp_business_management",
        "call_count": percent,
        "total_cputime": 1,
        "total_time": 2,
        "estimated_time_to_regain_access": minutes,
    }
    return {"X-Business-Use-Case-Usage": json.dumps({waba_id: [case]})}
