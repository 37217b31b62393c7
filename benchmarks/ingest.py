"""How fast webhooks are taken in, durably, against two yardsticks that run in turn with it.

  wamon    the daemon's own public listener, intake, ledger and ticks; a database of its own, `synchronous=FULL`
  fastapi  FastAPI, pydantic, one SQLite commit a request (benchmarks/yardsticks/plain_fastapi.py), the same work
  empty    uvicorn that answers an empty 200

Every server runs on core 0 with the load on core 1 (where there are two), fresh for each round with a fresh database;
the rounds take turns. After each round the database must hold every status that was acknowledged.

    python benchmarks/ingest.py [--rounds 5] [--seconds 3] [--connections 64] [--check]

The last line is JSON: medians, every round, and the ratios of wall rate and of CPU a request. `--check` fails below
the floors. Source of the recipe: the design's notes on performance, section 9.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import random
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import traffic

ROOT = Path(__file__).parents[1]

NUMBERS = 10_000
# A batch is about the numbers of one account.
NUMBERS_IN_BATCHES = 20
WARM_UP_SECONDS = 1.0
OPEN_LOOP_RATE = 3_000
STATUSES_A_BATCH = 1_000
TICK_SECONDS = 15.0
CANDIDATES = ("wamon", "fastapi", "empty")
FLOORS = {"wall_wamon_to_fastapi": 8.0, "wall_wamon_to_empty": 0.4}
LONGEST_P99_SECONDS = 0.1
LEAST_BATCHED_STATUSES = 30_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One candidate, one fresh server: requests a second, server CPU a request, and how long answers took."""

    candidate: str
    per_second: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    unsent: int


# --- the servers, each in a process of its own ------------------------------------------------------------------------


def serve(candidate: str, port: int, database: str) -> None:
    os.environ |= {"BENCH_SECRET": traffic.SECRET, "BENCH_DATABASE": database}
    if candidate == "wamon":
        import gc

        import uvloop

        from wamon.cli.run import COLLECT_AFTER

        gc.set_threshold(*COLLECT_AFTER)
        uvloop.run(_serve_wamon(port, Path(database)))
        return
    import uvicorn

    name = {"fastapi": "plain_fastapi", "empty": "empty"}[candidate]
    uvicorn.run(f"benchmarks.yardsticks.{name}:app", port=port, access_log=False, log_level="warning", loop="uvloop")


async def _serve_wamon(port: int, database: Path) -> None:
    """The daemon without its polling: what it does for webhooks, ticks included."""
    from wamon.config.load import load_settings
    from wamon.core.timing import SystemClock
    from wamon.daemon import Daemon
    from wamon.rules import RULES
    from wamon.web.public import public_app
    from wamon.web.server import bind
    from wamon.web.server import serve as listen

    environment = {
        "WAMON_WABA_ID": traffic.WABA_ID,
        "WAMON_ACCESS_TOKEN": "EAAbenchmark",
        "WAMON_APP_ID": "610000000000001",
        "WAMON_APP_SECRET": traffic.SECRET,
        "WAMON_VERIFY_TOKEN": "benchmark",
        "WAMON_DATABASE": str(database),
    }
    settings = load_settings(None, environment, rules=RULES, default_paths=())
    daemon = Daemon(settings, clock=SystemClock(), random=random.Random(0))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with bind("127.0.0.1", port) as sock:
        async with daemon.opened():
            listener = asyncio.create_task(listen(public_app(daemon.intake), sock, is_public=True))
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), TICK_SECONDS)
                await daemon.tick()
            listener.cancel()
            await asyncio.wait({listener})


@contextlib.contextmanager
def running(candidate: str, folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes], Path]]:
    database = folder / f"{candidate}.db"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, __file__, "--serve", candidate, "--port", str(port), "--database", str(database)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        _pin(process.pid, 0)
        _wait_for(port)
        yield port, process, database
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(port: int) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError("the server did not start")


def _pin(pid: int, core: int) -> None:
    if len(os.sched_getaffinity(0) | {0, 1}) > 1 and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(pid, {core})


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _settled_cpu_seconds(pid: int) -> float:
    """When the server rests: work that it put off belongs to the requests."""
    before = _cpu_seconds(pid)
    for _ in range(40):
        time.sleep(0.1)
        after = _cpu_seconds(pid)
        if after - before <= 0.01:
            return after
        before = after
    return before


# --- rounds -----------------------------------------------------------------------------------------------------------


def measure(
    candidate: str,
    requests: Sequence[bytes],
    *,
    seconds: float,
    connections: int,
    statuses_per_post: int = 1,
    per_second: float | None = None,
) -> Round:
    with tempfile.TemporaryDirectory(prefix="wamon-bench-") as name:
        with running(candidate, Path(name)) as (port, process, database):
            share = WARM_UP_SECONDS / (WARM_UP_SECONDS + seconds)
            warm = requests[: int(len(requests) * share)]
            warming = traffic.send(port, warm, connections=connections, seconds=WARM_UP_SECONDS, per_second=per_second)
            sent = warming.answered
            before = _settled_cpu_seconds(process.pid)
            rest = requests[sent:]
            load = traffic.send(port, rest, connections=connections, seconds=seconds, per_second=per_second)
            cpu = _settled_cpu_seconds(process.pid) - before
        if load.refused or warming.refused:
            raise RuntimeError(f"{candidate} refused {load.refused + warming.refused} requests")
        counted, expected = _counted(candidate, database), (sent + load.answered) * statuses_per_post
        if counted is not None and counted != expected:
            raise RuntimeError(f"{candidate} counted {counted} statuses of {expected}")
    if load.wall_seconds < seconds / 2:
        raise RuntimeError(f"{candidate} was done with all requests too early: make more of them")
    return Round(
        candidate=candidate,
        per_second=len(load.waits) / load.wall_seconds,
        cpu_us=cpu / max(load.answered, 1) * 1e6,
        p50_ms=load.wait(0.5) * 1000,
        p99_ms=load.wait(0.99) * 1000,
        unsent=load.unsent,
    )


def _counted(candidate: str, database: Path) -> int | None:
    """The statuses in the database, read after the server has gone; None for a server without one."""
    if candidate == "empty":
        return None
    if candidate == "wamon":
        return asyncio.run(_tallied(database))
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("SELECT count(*) FROM statuses").fetchone()[0])


async def _tallied(database: Path) -> int:
    from wamon.core import books
    from wamon.store import SqliteStore

    store = SqliteStore(database)
    await store.open()
    try:
        tallied = await store.tallied()
    finally:
        await store.close()
    return sum(count for key, count in tallied.items() if key[0] == books.STATUSES)


def made(posts: int, statuses_per_post: int = 1) -> list[bytes]:
    numbers = NUMBERS if statuses_per_post == 1 else NUMBERS_IN_BATCHES
    started_at = int(time.time()) - 30
    return traffic.requests(
        traffic.bodies(posts=posts, statuses_per_post=statuses_per_post, numbers=numbers, started_at=started_at)
    )


def medians(rounds: Sequence[Round]) -> dict[str, dict[str, float]]:
    found = {}
    for candidate in dict.fromkeys(each.candidate for each in rounds):
        own = [asdict(each) for each in rounds if each.candidate == candidate]
        found[candidate] = {
            name: statistics.median(each[name] for each in own) for name in ("per_second", "cpu_us", "p50_ms", "p99_ms")
        }
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--check", action="store_true", help="fail below the floors")
    parser.add_argument("--serve", choices=CANDIDATES, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--database", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve, asked.port, asked.database)
        return 0
    _pin(os.getpid(), 1)
    report = benchmark(rounds=asked.rounds, seconds=asked.seconds, connections=asked.connections)
    print(json.dumps(report))
    return 1 if asked.check and _complaints(report) else 0


def benchmark(*, rounds: int, seconds: float, connections: int) -> dict[str, Any]:
    posts = made(int(30_000 * (seconds + WARM_UP_SECONDS)))
    closed: list[Round] = []
    for number in range(rounds):
        order = CANDIDATES[number % 3 :] + CANDIDATES[: number % 3]
        for candidate in order:
            closed.append(measure(candidate, posts, seconds=seconds, connections=connections))
            _tell("closed loop", closed[-1])
    steady = posts[: int(OPEN_LOOP_RATE * (seconds + WARM_UP_SECONDS)) + 1000]
    opened: list[Round] = []
    for _ in range(rounds):
        for candidate in ("wamon", "empty"):
            opened.append(
                measure(candidate, steady, seconds=seconds, connections=connections, per_second=OPEN_LOOP_RATE)
            )
            _tell(f"{OPEN_LOOP_RATE} a second", opened[-1])
    batches = made(int(80 * (seconds + WARM_UP_SECONDS)), STATUSES_A_BATCH)
    batched: list[Round] = []
    for _ in range(rounds):
        for candidate in ("wamon", "fastapi"):
            batched.append(
                measure(candidate, batches, seconds=seconds, connections=4, statuses_per_post=STATUSES_A_BATCH)
            )
            _tell(f"{STATUSES_A_BATCH} statuses a post", batched[-1])
    one, many = medians(closed), medians(batched)
    return {
        "ratios": {
            "wall_wamon_to_fastapi": one["wamon"]["per_second"] / one["fastapi"]["per_second"],
            "cpu_fastapi_to_wamon": one["fastapi"]["cpu_us"] / one["wamon"]["cpu_us"],
            "wall_wamon_to_empty": one["wamon"]["per_second"] / one["empty"]["per_second"],
            "cpu_empty_to_wamon": one["empty"]["cpu_us"] / one["wamon"]["cpu_us"],
        },
        "open_loop_p99_ms": medians(opened)["wamon"]["p99_ms"],
        "batched_statuses_per_second": many["wamon"]["per_second"] * STATUSES_A_BATCH,
        "medians": {"closed": one, "open": medians(opened), "batched": many},
        "rounds": [asdict(each) for each in (*closed, *opened, *batched)],
        "connections": connections,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "uvicorn": version("uvicorn"),
        "fastapi": version("fastapi"),
    }


def _tell(load: str, found: Round) -> None:
    print(
        f"{load:24} {found.candidate:8} {found.per_second:9,.0f} posts/s {found.cpu_us:8.1f} us CPU a post"
        f"  p50 {found.p50_ms:6.1f} ms  p99 {found.p99_ms:6.1f} ms" + (f"  unsent {found.unsent}" * bool(found.unsent)),
        flush=True,
    )


def _complaints(report: dict[str, Any]) -> list[str]:
    found = [
        f"{name} is {report['ratios'][name]:.2f}, below {floor}"
        for name, floor in FLOORS.items()
        if report["ratios"][name] < floor
    ]
    if report["open_loop_p99_ms"] > LONGEST_P99_SECONDS * 1000:
        found.append(f"p99 at {OPEN_LOOP_RATE} a second is {report['open_loop_p99_ms']:.0f} ms")
    if report["batched_statuses_per_second"] < LEAST_BATCHED_STATUSES:
        found.append(f"only {report['batched_statuses_per_second']:,.0f} statuses a second in batches")
    for complaint in found:
        print(complaint, file=sys.stderr)
    return found


if __name__ == "__main__":
    sys.exit(main())
