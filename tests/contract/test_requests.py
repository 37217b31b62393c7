"""Every request that wamon makes of the nodes it polls is valid against Meta's OpenAPI description."""

import asyncio
import random
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import httpx
import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.fakes import FakeClock
from tests.graph.rig import Recorder
from tests.tools import require_contract
from wamon.core.ports import GraphQuery
from wamon.core.targets import AccountTarget
from wamon.graph.client import GraphClient
from wamon.graph.credentials import Credentials
from wamon.graph.fields import Field, read_fields
from wamon.graph.quota import QuotaBudget
from wamon.graph.runner import run_probe
from wamon.probes import account
from wamon.sim.graph import graph_app
from wamon.sim.world import World

NODES = {
    "waba": (
        "/{Version}/{WABA-ID}",
        ("WhatsAppBusinessAccount", "WhatsAppBusinessAccount_1", "WhatsAppBusinessAccount_3"),
    ),
    "phone_numbers": ("/{Version}/{WABA-ID}/phone_numbers", ("WhatsAppBusinessAccountPhoneNumber", "PhoneNumberInfo")),
    "phone_number": ("/{Version}/{Phone-Number-ID}", ("PhoneNumberInfo", "WhatsAppBusinessAccountPhoneNumber")),
    "subscribed_apps": ("/{Version}/{WABA-ID}/subscribed_apps", ("WhatsAppBusinessApiData_1",)),
}
# Valid on every node, and therefore in no node's own description. Source: Meta "Secure Graph API calls", read 2026-11.
ANYWHERE = {"appsecret_proof"}
# Fields that the file lacks although Meta's own SDK has them on these nodes.
# Source: facebook-python-business-sdk v25.0.2 and the pages "Health status" and "Phone numbers", read 2026-11.
ONLY_IN_THE_SDK = {
    "waba": {"currency", "status", "health_status", "whatsapp_business_manager_messaging_limit"},
    "phone_numbers": {
        "name_status",
        "throughput",
        "platform_type",
        "is_pin_enabled",
        "health_status",
        "quality_score",
        "whatsapp_business_manager_messaging_limit",
    },
    "phone_number": {"status"},
    "subscribed_apps": set(),
}


class Tap(httpx.AsyncBaseTransport):
    """The simulated Meta behind a tap that keeps each request as it left."""

    def __init__(self, world: World, clock: FakeClock) -> None:
        self.requests: list[httpx.Request] = []
        self._meta = httpx.ASGITransport(app=graph_app(world, sleep=clock.sleep))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return await self._meta.handle_async_request(request)


@cache
def contract() -> Mapping[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loaded: Mapping[str, Any] = yaml.load(require_contract().read_text(encoding="utf-8"), Loader=loader)
    return loaded


def requests_of_the_account_probe(*, is_nested: bool, version: str = "v25.0") -> list[httpx.Request]:
    """What one cycle sends: the one nested call, or the separate ones."""
    clock = FakeClock()
    world = World.fleet(clock.now, wabas=1, numbers_per_waba=130)
    if not is_nested:
        world.faults.add("no_expansion")
    waba_id, app_id = next(iter(world.wabas)), next(iter(world.apps))
    target = AccountTarget(name="fleet", waba_id=waba_id, token="main", app_id=app_id, version=version)
    tap = Tap(world, clock)

    async def poll() -> None:
        ended = await run_probe(client(world, tap, clock, version), account.PROBE, target, clock=clock)
        assert ended.fault is None

    asyncio.run(poll())
    return tap.requests


def client(world: World, tap: Tap, clock: FakeClock, version: str = "v25.0") -> GraphClient:
    token = world.token("system-user")
    secret = world.app(token.app_id).secret
    return GraphClient(
        base_url="https://graph.facebook.com",
        version=version,
        credentials=Credentials.of(
            {"main": token.value}, app_secrets={token.app_id: secret}, app_ids={"main": token.app_id}
        ),
        clock=clock,
        random=random.Random(1),
        transport=tap,
        budget=QuotaBudget(clock),
        observer=Recorder(),
    )


def node_of(request: httpx.Request) -> str:
    last = request.url.path.rsplit("/", 1)[1]
    return last if last in NODES else "waba" if last.startswith("102290") else "phone_number"


def parameters(path: str) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The declared parameters of a path's GET, by place and name."""
    item = contract()["paths"][path]
    declared = [*item.get("parameters", []), *item["get"].get("parameters", [])]
    resolved = [
        contract()["components"]["parameters"][each["$ref"].rsplit("/", 1)[1]] if "$ref" in each else each
        for each in declared
    ]
    return {(each["in"], each["name"]): each for each in resolved}


def check(request: httpx.Request) -> None:
    node = node_of(request)
    path, _ = NODES[node]
    declared = parameters(path)
    names = re.findall(r"{([^}]+)}", path)
    values = re.fullmatch(re.sub(r"{[^}]+}", "([^/]+)", path), request.url.path)
    assert request.method == "GET"
    assert values is not None
    given = {("path", name): value for name, value in zip(names, values.groups(), strict=True)}
    given |= {("query", name): value for name, value in request.url.params.items() if name not in ANYWHERE}
    given |= {("header", name): request.headers[name] for place, name in declared if place == "header"}
    for key, value in given.items():
        assert key in declared, f"{key} is not a parameter of {path}"
        schema = declared[key]["schema"]
        is_whole = schema.get("type") == "integer"
        Draft202012Validator(schema).validate(int(value) if is_whole else value)
    missing = [key for key, each in declared.items() if each.get("required") and key not in given]
    assert missing == []
    check_fields(node, read_fields([request.url.params["fields"]] if "fields" in request.url.params else []))


def check_fields(node: str, fields: tuple[Field, ...]) -> None:
    """Each name is a field of the node or one of its edges, whose own fields are checked in turn."""
    known = set(ONLY_IN_THE_SDK[node])
    for schema in NODES[node][1]:
        known |= set(contract()["components"]["schemas"][schema].get("properties", {}))
    for field in fields:
        if node == "waba" and field.name in NODES:
            check_fields(field.name, field.inner)
        else:
            assert field.name in known, f"{field.name} is not a field of {node}"


@pytest.mark.parametrize("version", ["v23.0", "v25.0"])
@pytest.mark.parametrize("is_nested", [True, False])
def test_requests_of_the_account_probe_are_valid(version: str, is_nested: bool) -> None:
    require_contract()

    requests = requests_of_the_account_probe(is_nested=is_nested, version=version)

    assert {node_of(request) for request in requests} >= (
        {"waba", "phone_numbers"} if is_nested else {"waba", "phone_numbers", "subscribed_apps"}
    )
    for request in requests:
        check(request)


def test_request_of_one_phone_number_is_valid() -> None:
    require_contract()
    clock = FakeClock()
    world = World.small(clock.now)
    tap = Tap(world, clock)
    number_id = next(iter(world.numbers))
    fields = ("id", "display_phone_number", "verified_name", "status", "quality_rating", "name_status")

    asyncio.run(
        client(world, tap, clock).fetch(GraphQuery(path=number_id, fields=fields, token="main"), is_essential=True)
    )

    check(tap.requests[0])


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("https://graph.facebook.com/v25.0/1022900/phone_numbers?limit=101", "maximum"),
        ("https://graph.facebook.com/v25.0/1022900/phone_numbers?page=2", "not a parameter"),
        ("https://graph.facebook.com/v25.0/1022900?fields=shoe_size", "not a field"),
        ("https://graph.facebook.com/v25.0/1022900?fields=phone_numbers{shoe_size}", "not a field"),
        ("https://graph.facebook.com/25/1022900", "does not match"),
    ],
)
def test_request_that_is_not_valid_is_found(url: str, fault: str) -> None:
    require_contract()
    headers = {"Authorization": "Bearer abc", "User-Agent": "wamon/1.2.3"}

    with pytest.raises(Exception, match=fault):
        check(httpx.Request("GET", url, headers=headers))
