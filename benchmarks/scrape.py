"""How much faster a scrape of 10,000 phone numbers is than prometheus_client over the same samples.

One process, three sides in turn, after each change of 1 % of the numbers:
  ours      publish the change and join the text
  gzip      the same change, compressed (what Prometheus asks for)
  custom    generate_latest over a collector that builds the families at each scrape
  labelled  generate_latest over labelled metric objects (the change itself is not counted)

    python benchmarks/scrape.py [--numbers 10000] [--rounds 7] [--check]

The last line is JSON. `--check` fails when `custom` takes less than 50 times as long as `ours`.
"""

import argparse
import gc
import gzip
import json
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, generate_latest

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.metrics.oracle import OracleCollector, samples
from wamon.core.health import Fact, Reading, Sighting, Subject
from wamon.core.state import Changes, State
from wamon.core.targets import AccountTarget
from wamon.core.timing import Moment
from wamon.metrics.exposition import Exposition
from wamon.probes import PROBES, SIGNALS
from wamon.probes.account import read_account

NUMBERS_A_WABA = 20
CHANGED_SHARE = 0.01
LEAST_RATIO = 50
START = datetime(2026, 11, 22, 10, tzinfo=UTC)


class World:
    """Accounts as Meta would describe them, and the state that our own probe makes of it."""

    def __init__(self, numbers: int, chance: random.Random) -> None:
        self._chance = chance
        self._numbers = numbers
        self._at = START
        self.state = State()
        self.changes = self._take(range(numbers))

    def change(self) -> None:
        """One in a hundred numbers, anywhere, is found with other values in nearly every field."""
        self.changes = self._take(self._chance.sample(range(self._numbers), max(1, int(self._numbers * CHANGED_SHARE))))

    def _take(self, numbers: Sequence[int]) -> Changes:
        self._at += timedelta(seconds=60)
        sighting = Sighting(
            readings=tuple(reading for index in numbers for reading in self._readings(index)),
            observed_at=self._at,
            interval=timedelta(minutes=1),
            source="poll",
        )
        snapshot, facts, history = self.state.snapshot.fold(sighting)
        moment = Moment(at=self._at, boot_id="boot", monotonic=0.0)
        self.state = replace(self.state, snapshot=snapshot, moment=moment, version=self.state.version + 1)
        return Changes(moment=moment, facts=facts, history=history)

    def _readings(self, index: int) -> Iterator[Reading]:
        waba_id = str(102_290_129_340_000 + index // NUMBERS_A_WABA)
        target = AccountTarget(name=waba_id, waba_id=waba_id, token="main", app_id="1", version="v25.0")
        answer = {"id": waba_id, "name": "Shop", "phone_numbers": {"data": [self._number(index, waba_id)]}}
        return (r for r in read_account(answer, target).readings if r.subject.label("waba_id") == waba_id)

    def _number(self, index: int, waba_id: str) -> dict[str, Any]:
        pick = self._chance.choice
        number_id = str(106_540_352_240_000 + index)
        sends = pick(["AVAILABLE", "LIMITED", "BLOCKED"])
        return {
            "id": number_id,
            "display_phone_number": f"+1 555 {index:07d}",
            "verified_name": f'Shop "{pick(["North", "South", "East", "West"])}"',
            "status": pick(["CONNECTED", "FLAGGED", "RESTRICTED", "PENDING"]),
            "quality_rating": pick(["GREEN", "YELLOW", "RED", "UNKNOWN"]),
            "name_status": pick(["APPROVED", "DECLINED", "PENDING_REVIEW"]),
            "code_verification_status": pick(["VERIFIED", "NOT_VERIFIED", "EXPIRED"]),
            "throughput": {"level": pick(["STANDARD", "HIGH"])},
            "account_mode": pick(["LIVE", "SANDBOX"]),
            "platform_type": "CLOUD_API",
            "is_pin_enabled": pick([True, False]),
            "whatsapp_business_manager_messaging_limit": pick(["TIER_250", "TIER_1K", "TIER_100K", "TIER_UNLIMITED"]),
            "health_status": {
                "can_send_message": sends,
                "entities": [
                    {
                        "entity_type": "PHONE_NUMBER",
                        "id": number_id,
                        "can_send_message": sends,
                        "errors": [{"error_code": 141000}] if sends != "AVAILABLE" else [],
                    },
                    {"entity_type": "WABA", "id": waba_id, "can_send_message": "AVAILABLE"},
                ],
            },
        }


class Labelled:
    """Metric objects with labels, as one writes them by the book."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._gauges: dict[str, Gauge] = {}
        self._children: dict[tuple[Subject, str], list[tuple[str, ...]]] = {}

    def take(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            name = fact.signal.name
            before = self._children.pop((fact.subject, name), [])
            now = []
            for labels, value in samples(fact.signal, fact):
                pairs = dict(sorted({**dict(fact.subject.labels), **labels}.items()))
                gauge = self._gauges.get(name)
                if gauge is None:
                    gauge = self._gauges[name] = Gauge(name, fact.signal.help, tuple(pairs), registry=self.registry)
                gauge.labels(**pairs).set(value)
                now.append(tuple(pairs.values()))
            for gone in set(before) - set(now):
                self._gauges[name].remove(*gone)
            self._children[fact.subject, name] = now


def cpu_seconds(action: Callable[[], bytes]) -> float:
    """A warm answer's cost; the garbage of the side before is not charged to this one."""
    gc.collect()
    started = time.process_time()
    action()
    return time.process_time() - started


def measure(numbers: int, rounds: int, chance: random.Random) -> dict[str, Any]:
    world = World(numbers, chance)
    ours = Exposition(SIGNALS, rules=(), probes=PROBES, mode="builtin")
    collector = OracleCollector(SIGNALS, rules=(), probes=PROBES, mode="builtin")
    custom = CollectorRegistry()
    custom.register(collector)
    labelled = Labelled()

    started = time.process_time()
    ours.publish(world.state, world.changes)
    text = ours.text()
    first_fill = time.process_time() - started
    ours.gzip()
    collector.state = world.state
    labelled.take(world.changes.facts)
    if text != generate_latest(custom):
        raise SystemExit("our text differs from prometheus_client's: no ratio of unequal things")
    gc.collect()
    gc.freeze()

    def publish_and(join: Callable[[], bytes]) -> Callable[[], bytes]:
        def act() -> bytes:
            ours.publish(world.state, world.changes)
            return join()

        return act

    raw: dict[str, list[float]] = {"ours": [], "gzip": [], "custom": [], "labelled": []}
    for _ in range(rounds):
        world.change()
        raw["ours"].append(cpu_seconds(publish_and(ours.text)))
        collector.state = world.state
        labelled.take(world.changes.facts)
        raw["custom"].append(cpu_seconds(lambda: generate_latest(custom)))
        raw["labelled"].append(cpu_seconds(lambda: generate_latest(labelled.registry)))
        world.change()
        raw["gzip"].append(cpu_seconds(publish_and(ours.gzip)))
        labelled.take(world.changes.facts)
    collector.state = world.state
    if gzip.decompress(ours.gzip()) != generate_latest(custom):
        raise SystemExit("after the changes our text differs from prometheus_client's")
    medians = {side: statistics.median(times) for side, times in raw.items()}
    return {
        "benchmark": "scrape",
        "numbers": numbers,
        "series": ours.series,
        "series_a_number": round(ours.series / numbers, 1),
        "bytes": len(text),
        "gzip_bytes": len(ours.gzip()),
        "first_fill_seconds": round(first_fill, 4),
        "median_seconds": {side: round(seconds, 5) for side, seconds in medians.items()},
        "ratio": round(medians["custom"] / medians["ours"], 1),
        "ratio_labelled": round(medians["labelled"] / medians["ours"], 1),
        "ratio_gzip": round((medians["custom"]) / medians["gzip"], 1),
        "rounds": {side: [round(seconds, 5) for seconds in times] for side, times in raw.items()},
        "python": platform.python_version(),
        "prometheus_client": version("prometheus_client"),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--numbers", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--check", action="store_true", help=f"fail below a ratio of {LEAST_RATIO}")
    options = parser.parse_args()
    result = measure(options.numbers, options.rounds, random.Random(options.seed))
    for side, seconds in result["median_seconds"].items():
        print(f"{side:9} {seconds * 1000:9.1f} ms CPU, median of {options.rounds}")
    print(f"{result['series']} series; ours is {result['ratio']} times faster than a custom collector")
    print(json.dumps(result))
    return 1 if options.check and result["ratio"] < LEAST_RATIO else 0


if __name__ == "__main__":
    sys.exit(main())
