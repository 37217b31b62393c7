"""The client over real sockets: what an in-process transport cannot show."""

import asyncio
import socket
from typing import Any

import pytest

from tests.fakes import FakeClock
from tests.graph.rig import NESTED, Rig
from wamon.core.errors import GraphFault, UnexpectedShape, Unreachable
from wamon.core.ports import GraphQuery
from wamon.core.timing import SystemClock
from wamon.graph.client import Answer
from wamon.graph.credentials import Credentials
from wamon.graph.http import patience_seconds, real_seconds
from wamon.sim.graph import graph_app
from wamon.sim.serve import serve
from wamon.sim.world import World


async def ask(rig: Rig, waba_id: str) -> Answer | GraphFault:
    try:
        return await rig.client.fetch(
            GraphQuery(path=waba_id, fields=NESTED, token="main", waba_id=waba_id), is_essential=True
        )
    except GraphFault as fault:
        return fault
    finally:
        await rig.client.close()


def ask_served_meta(kind: str | None = None, **options: Any) -> tuple[Answer | GraphFault, Rig, World]:
    """One fetch from the simulated Meta on a loopback socket. Waits on the network are real, backoffs are not."""
    clock = FakeClock()
    world = World.small(clock.now)
    if kind is not None:
        world.faults.add(kind, **options)
    timeout_seconds = 0.2 if kind in ("hang", "drip") else 30.0
    credentials = Credentials.of({"main": world.token("system-user").value})

    async def over_a_socket() -> tuple[Answer | GraphFault, Rig]:
        async with serve(graph_app(world)) as url:
            rig = Rig(None, clock, credentials, base_url=url, timeout_seconds=timeout_seconds)
            return await ask(rig, next(iter(world.wabas))), rig

    return (*asyncio.run(over_a_socket()), world)


def test_answer_comes_over_a_socket() -> None:
    answer, _, world = ask_served_meta()

    assert isinstance(answer, Answer)
    assert len(answer.body["phone_numbers"]["data"]) == 3
    assert answer.served_version == "v25.0"
    assert len(world.calls) == 2


@pytest.mark.parametrize(
    ("kind", "options", "label"),
    [
        ("reset", {}, "network"),
        ("reset", {"after_bytes": 30}, "network"),
        ("refused", {}, "network"),
        ("hang", {}, "timeout"),
        ("drip", {"seconds": 0.02, "chunk_bytes": 1}, "timeout"),
    ],
)
def test_connection_that_fails_is_unreachable(kind: str, options: dict[str, Any], label: str) -> None:
    fault, rig, _ = ask_served_meta(kind, **options)

    assert isinstance(fault, Unreachable)
    assert rig.observer.requests == [label] * 4


def test_body_of_100_megabytes_is_dropped_before_it_is_read() -> None:
    fault, rig, _ = ask_served_meta("huge_body")

    assert isinstance(fault, UnexpectedShape)
    assert rig.observer.requests == ["shape"]


def test_redirect_is_never_followed() -> None:
    fault, _, world = ask_served_meta("redirect")

    assert isinstance(fault, UnexpectedShape)
    assert len(world.calls) == 1


def test_port_where_nobody_listens_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        rig = Rig(None, FakeClock(), Credentials.of({"main": "x" * 20}), base_url=f"http://127.0.0.1:{port}")

        fault = asyncio.run(ask(rig, "5"))

    assert isinstance(fault, Unreachable)
    assert rig.observer.requests == ["connect"] * 4
    assert str(fault) == "cannot connect to 127.0.0.1: check network, name resolution and firewall"


def test_plain_text_where_tls_belongs_is_told_as_such() -> None:
    async def over_a_socket() -> tuple[Answer | GraphFault, Rig]:
        world = World.small(FakeClock().now)
        async with serve(graph_app(world)) as url:
            credentials = Credentials.of({"main": "x" * 20})
            rig = Rig(None, FakeClock(), credentials, base_url=url.replace("http://", "https://"))
            return await ask(rig, "5"), rig

    fault, rig = asyncio.run(over_a_socket())

    assert isinstance(fault, Unreachable)
    assert str(fault).startswith("TLS with 127.0.0.1 failed")
    assert rig.observer.requests == ["connect"] * 4


@pytest.mark.parametrize(
    ("speed", "seconds", "real", "by_the_clock"),
    [(1.0, 20.0, 20.0, 20.0), (2.0, 20.0, 10.0, 20.0), (60.0, 20.0, 5.0, 300.0), (50.0, 0.5, 0.5, 25.0)],
)
def test_fast_clock_does_not_cut_a_real_wait_short(
    speed: float, seconds: float, real: float, by_the_clock: float
) -> None:
    clock = SystemClock(speed=speed)

    assert real_seconds(clock, seconds) == real
    assert patience_seconds(clock, seconds) == pytest.approx(by_the_clock)
