"""The shipped rules on a real Prometheus and a real Alertmanager: RED fires, outlives UNKNOWN, resolves, is told once.

Everybody lives faster: wamon and the simulated Meta by a clock that runs SPEED times, the rules with their durations
shortened as much. Prometheus scrapes and evaluates each second, so that this is every fourth minute of the story, and
so often does wamon poll: the freshness of a reading is a quarter of an hour at least, which no setting shortens. What a
rule compares with `time()` is not as it would be, because wamon's clock is ahead.
"""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.assets.shipped import alerting_rules, rule_files
from tests.crash.lab import Lab, lab, until
from tests.e2e.test_prometheus import becomes, value
from tests.notify.ear import Ear, listening
from tests.tools import require_tool
from wamon.rules import RULES

pytestmark = pytest.mark.alone

SPEED = 240.0
POLL_SECONDS = str(int(SPEED))
RED = "WhatsAppQualityRatingRed"
# As long again as Alertmanager waits before it tells of a change, and as Prometheus lets pass between two looks.
SETTLING_SECONDS = 1.5

UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
DURATION = re.compile(r"(\d+)([smhdw])")
RANGE = re.compile(r"(?<=\[)[\dsmhdw]+(?:(?=\])|:[\dsmhdw]*(?=\]))|(?<=offset )[\dsmhdw]+")

PROMETHEUS = """
global:
  scrape_interval: 1s
  evaluation_interval: 1s
rule_files: ["{rules}/*.yml"]
alerting:
  alertmanagers:
    - static_configs:
        - targets: ["{alertmanager}"]
scrape_configs:
  - job_name: wamon
    static_configs:
      - targets: [{targets}]
"""
ALERTMANAGER = """
route:
  receiver: people
  group_by: [alertname, instance, phone_number_id]
  group_wait: 100ms
  group_interval: 300ms
  repeat_interval: 1h
receivers:
  - name: people
    webhook_configs:
      - url: {url}
        send_resolved: true
"""


def shortened(rules: dict[str, Any], speed: float) -> dict[str, Any]:
    """The rules with each duration so many times as short: `for`, `keep_firing_for`, ranges and offsets."""
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        for key in {"for", "keep_firing_for"} & rule.keys():
            rule[key] = _shorter(rule[key], speed)
        rule["expr"] = RANGE.sub(lambda found: _shorter(found[0], speed), rule["expr"])
    return rules


def _shorter(durations: str, speed: float) -> str:
    """Each duration in the text in milliseconds of the faster life. "1h30m" is one, "6h:5m" are two."""
    return ":".join(
        f"{sum(int(count) * UNIT_SECONDS[unit] * 1000 for count, unit in DURATION.findall(each)) / speed:.0f}ms"
        if each
        else ""
        for each in durations.split(":")
    )


@dataclass
class Process:
    """A program of others on a port of loopback that nobody else has."""

    program: str
    folder: Path
    port: int = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @asynccontextmanager
    async def running(self, configuration: str, *options: str) -> AsyncIterator[httpx.AsyncClient]:
        file = self.folder / "configuration.yml"
        file.write_text(configuration, encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            self.program,
            f"--config.file={file}",
            f"--web.listen-address={self.address}",
            *options,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with httpx.AsyncClient(base_url=f"http://{self.address}", trust_env=False) as client:
                yield client
        finally:
            process.terminate()
            await process.wait()


@asynccontextmanager
async def watching(folder: Path, receiver_url: str, *pages: str) -> AsyncIterator[httpx.AsyncClient]:
    """A Prometheus with the shortened rules that scrapes these daemons, and the Alertmanager that it tells."""
    alertmanager = Process(require_tool("alertmanager"), folder / "alertmanager")
    prometheus = Process(require_tool("prometheus"), folder / "prometheus")
    rules = prometheus.folder / "rules"
    rules.mkdir()
    for file in rule_files():
        faster = shortened(yaml.safe_load(file.read_text(encoding="utf-8")), SPEED)
        (rules / file.name).write_text(yaml.safe_dump(faster), encoding="utf-8")
    targets = ", ".join(f'"{page.removeprefix("http://")}"' for page in pages)
    configuration = PROMETHEUS.format(rules=rules, alertmanager=alertmanager.address, targets=targets)
    async with (
        alertmanager.running(
            ALERTMANAGER.format(url=receiver_url),
            f"--storage.path={alertmanager.folder / 'data'}",
            "--cluster.listen-address=",
        ),
        prometheus.running(configuration, f"--storage.tsdb.path={prometheus.folder / 'data'}") as client,
    ):
        yield client


def fast_lab(folder: Path, mode: str) -> AbstractAsyncContextManager[Lab]:
    return lab(folder, settings={"alerting_mode": mode, "poll_interval": POLL_SECONDS}, speed=SPEED)


def told(ear: Ear, name: str) -> list[tuple[str, str]]:
    """What people were told of this alert: the status of each notification, and of which number it was."""
    return [
        (alert["status"], alert["labels"]["phone_number_id"])
        for heard in ear.heard
        for alert in heard.json["alerts"]
        if alert["labels"]["alertname"] == name
    ]


async def fired(client: httpx.AsyncClient, page: str) -> set[str]:
    """The names of all alerts that ever fired or waited to, of one daemon."""
    selector = f'ALERTS{{instance="{page.removeprefix("http://")}"}}'
    answer = await client.get("/api/v1/series", params={"match[]": selector})
    return {series["alertname"] for series in answer.json()["data"]}


def set_rating(labs: Sequence[Lab], rating: str) -> str:
    """The rating of the first number of each; its id, which is the same in every small world."""
    for each in labs:
        each.world.number(each.waba.number_ids[0]).quality_rating = rating
    return labs[0].waba.number_ids[0]


def test_ranges_are_shortened_and_nothing_else() -> None:
    expression = 'last_over_time(a{x="[5m]"}[1d]) > max_over_time(b[6h:5m] offset 1h30m) and c[30s:] < 3600'

    (group,) = shortened({"groups": [{"rules": [{"expr": expression, "for": "2m"}]}]}, 60)["groups"]

    (rule,) = group["rules"]
    assert rule["for"] == "2000ms"
    # A label's value that looks like a range is none of our rules'.
    assert rule["expr"] == (
        'last_over_time(a{x="[5000ms]"}[1440000ms]) > max_over_time(b[360000ms:5000ms] offset 90000ms) '
        "and c[500ms:] < 3600"
    )


def test_red_fires_outlives_unknown_resolves_and_is_told_once_each(tmp_path: Path) -> None:
    kept = next(rule["keep_firing_for"] for rule in alerting_rules()[RED])
    keep_firing_seconds = int(_shorter(kept, SPEED).removesuffix("ms")) / 1000

    async def story() -> None:
        ear = Ear()
        async with (
            listening(ear) as receiver,
            fast_lab(tmp_path / "prometheus-mode", "prometheus") as it,
            fast_lab(tmp_path / "builtin-mode", "builtin") as other,
        ):
            await it.start()
            await other.start()
            page, other_page = await it.page(), await other.page()
            async with watching(tmp_path, receiver, page, other_page) as client:
                await becomes(client, 'sum(up{job="wamon"})', 2)
                number = set_rating((it, other), "RED")
                of_ours = f'instance="{page.removeprefix("http://")}", phone_number_id="{number}"'
                firing = f'ALERTS{{alertname="{RED}", alertstate="firing", {of_ours}}}'
                await becomes(client, firing, 1)
                await until(lambda: told(ear, RED) == [("firing", number)])

                # Meta answers nobody for longer than Prometheus would keep the alert firing by itself.
                for each in (it, other):
                    each.world.faults.add("refused")
                await becomes(client, f'whatsapp_phone_number_quality_rating{{rating="UNKNOWN", {of_ours}}}', 1)
                await asyncio.sleep(keep_firing_seconds + 2 * SETTLING_SECONDS)
                assert await value(client, f'whatsapp_phone_number_quality_rating{{rating="RED", {of_ours}}}') == 0
                assert await value(client, firing) == 1
                assert told(ear, RED) == [("firing", number)]

                set_rating((it, other), "GREEN")
                for each in (it, other):
                    each.world.faults.clear()
                await until(lambda: told(ear, RED) == [("firing", number), ("resolved", number)])
                await asyncio.sleep(SETTLING_SECONDS)
                assert told(ear, RED) == [("firing", number), ("resolved", number)]

                # Where wamon tells people itself, Prometheus has nothing to say of what wamon judges.
                assert RED in await fired(client, page)
                assert (
                    await fired(client, other_page) & {n for rule in RULES for n in rule.alertnames.values()} == set()
                )

    asyncio.run(story())
