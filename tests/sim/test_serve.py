"""The simulator behind a real loopback socket."""

import asyncio
import logging
import time
from typing import Any

import httpx
import pytest

from tests.sim.callers import first_waba, small_world
from wamon.sim.graph import graph_app
from wamon.sim.serve import serve
from wamon.sim.world import World


def caller(world: World, url: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {world.token('system-user').value}"}
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=5, trust_env=False)


def test_world_is_served_on_a_free_port_and_gone_afterwards() -> None:
    world, _ = small_world()

    async def scenario() -> tuple[str, str]:
        async with serve(graph_app(world)) as url, caller(world, url) as client:
            body = (await client.get(f"/v25.0/{first_waba(world)}")).json()
        with pytest.raises(httpx.ConnectError):
            await httpx.AsyncClient(trust_env=False).get(url)
        return url, body["name"]

    url, name = asyncio.run(scenario())

    assert url.startswith("http://127.0.0.1:")
    assert name == "Jasper's Market"


@pytest.mark.parametrize(
    ("kind", "options"),
    [("refused", {}), ("reset", {}), ("reset", {"after_bytes": 20}), ("hang", {"seconds": 0.01})],
)
def test_connection_is_really_lost_and_nothing_is_logged(
    kind: str, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    world, _ = small_world()
    world.faults.add(kind, times=1, **options)

    async def scenario() -> int:
        async with serve(graph_app(world)) as url, caller(world, url) as client:
            with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
                await client.get(f"/v25.0/{first_waba(world)}")
            return (await client.get(f"/v25.0/{first_waba(world)}")).status_code

    with caplog.at_level(logging.INFO, logger="uvicorn"):
        status = asyncio.run(scenario())

    assert status == 200
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_dripping_answer_arrives_whole() -> None:
    world, _ = small_world()
    world.faults.add("drip", seconds=0.001)

    async def scenario() -> str:
        async with serve(graph_app(world)) as url, caller(world, url) as client:
            body = (await client.get(f"/v25.0/{first_waba(world)}")).json()
            return str(body["name"])

    assert asyncio.run(scenario()) == "Jasper's Market"


@pytest.mark.parametrize("kind", ["hang", "drip", "slow"])
def test_caller_that_gives_up_leaves_nothing_behind(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    world, _ = small_world()
    world.faults.add(kind, seconds=3600)

    async def scenario() -> None:
        async with serve(graph_app(world)) as url, caller(world, url) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.get(f"/v25.0/{first_waba(world)}", timeout=0.05)

    asyncio.run(scenario())

    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_stopping_does_not_wait_for_a_hanging_answer(caplog: pytest.LogCaptureFixture) -> None:
    world, _ = small_world()

    async def scenario() -> float:
        arrived = asyncio.Event()

        def arrives(path: str) -> bool:
            arrived.set()
            return True

        world.faults.add("hang", path=arrives)
        async with asyncio.TaskGroup() as group:
            async with serve(graph_app(world)) as url:
                group.create_task(failing_call(url))
                await arrived.wait()
                started = time.monotonic()
            return time.monotonic() - started

    async def failing_call(url: str) -> None:
        async with caller(world, url) as client:
            with pytest.raises(httpx.TransportError):
                await client.get(f"/v25.0/{first_waba(world)}")

    assert asyncio.run(scenario()) < 0.9
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_two_worlds_are_served_side_by_side() -> None:
    first, second = small_world()[0], small_world()[0]
    second.waba(first_waba(second)).name = "Other"

    async def scenario() -> list[str]:
        async with (
            serve(graph_app(first)) as first_url,
            serve(graph_app(second)) as second_url,
            caller(first, "") as client,
        ):
            answers = [await client.get(f"{url}/v25.0/{first_waba(first)}") for url in (first_url, second_url)]
            return [answer.json()["name"] for answer in answers]

    assert asyncio.run(scenario()) == ["Jasper's Market", "Other"]
