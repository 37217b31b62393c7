"""A real Prometheus that scrapes nobody and knows a past: recorded scrapes, and what recording rules make of them."""

import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from tests.assets.promql import names_in
from tests.tools import require_tool

PATIENCE_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.05
# Shorter than two scrapes: what vanished from a scrape has left no mark of it in this past.
LOOKBACK: Final = "59s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of the past. Both ends belong to it."""

    begins_at: datetime
    ends_at: datetime

    @property
    def length(self) -> timedelta:
        return self.ends_at - self.begins_at


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer: its labels, with its name among them, and its values by time."""

    labels: Mapping[str, str]
    values: Mapping[float, float]


class QueryError(Exception):
    """Prometheus could not answer."""


@dataclass(frozen=True, slots=True)
class Past:
    """Asks a Prometheus about its past."""

    client: httpx.Client
    span: Span

    def range(self, expr: str, *, step: timedelta = timedelta(minutes=1)) -> list[Series]:
        """The whole past. Raises QueryError."""
        span = {"start": self.span.begins_at.timestamp(), "end": self.span.ends_at.timestamp()}
        found = self._ask("query_range", {"query": expr, **span, "step": step.total_seconds()})
        if found["resultType"] != "matrix":
            raise QueryError(f"{expr}: a {found['resultType']}")
        return [Series(each["metric"], {at: float(value) for at, value in each["values"]}) for each in found["result"]]

    def instant(self, expr: str, *, at: datetime | None = None) -> list[Series]:
        """One moment, the last when none is given. Raises QueryError."""
        found = self._ask("query", {"query": expr, "time": (at or self.span.ends_at).timestamp()})
        match found["resultType"]:
            case "vector":
                return [Series(each["metric"], {each["value"][0]: float(each["value"][1])}) for each in found["result"]]
            case "scalar":
                when, value = found["result"]
                return [Series({}, {when: float(value)})]
        raise QueryError(f"{expr}: a {found['resultType']}")

    def series(self, selector: str) -> list[dict[str, str]]:
        """The labels of every series that was there once. Raises QueryError."""
        span = {"start": self.span.begins_at.timestamp(), "end": self.span.ends_at.timestamp()}
        found: list[dict[str, str]] = self._ask("series", {"match[]": selector, **span})
        return found

    def _ask(self, what: str, query: Mapping[str, Any]) -> Any:
        answer = self.client.post(f"/api/v1/{what}", data=dict(query))
        told = json.loads(answer.content)
        if told["status"] != "success":
            raise QueryError(f"{query.get('query', query)}: {told['error']}")
        return told["data"]


@contextmanager
def past(openmetrics: str, span: Span, *, rules: Sequence[Path] = ()) -> Iterator[Past]:
    """A Prometheus that remembers this text and what the recording rules of these files make of it."""
    with tempfile.TemporaryDirectory(prefix="wamon-past-") as name:
        folder = Path(name)
        data = folder / "data"
        _remember(openmetrics, folder, data)
        for layer, rules_file in enumerate(_layers(rules, folder)):
            made = folder / f"made-{layer}"
            with _running(folder, data) as url:
                _evaluate(rules_file, url, span, made)
            for block in made.iterdir():
                block.rename(data / block.name)
        with _running(folder, data) as url, httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
            yield Past(client, span)


def _remember(openmetrics: str, folder: Path, data: Path) -> None:
    text = folder / "past.om"
    text.write_text(openmetrics, encoding="utf-8")
    _promtool("tsdb", "create-blocks-from", "openmetrics", str(text), str(data))
    text.unlink()


def _evaluate(rules: Path, url: str, span: Span, made: Path) -> None:
    begins, ends = (str(round(at.timestamp())) for at in (span.begins_at, span.ends_at))
    options = (f"--url={url}", f"--start={begins}", f"--end={ends}", f"--output-dir={made}", "--eval-interval=1m")
    # By its name alone: at which second of each minute a group is evaluated hangs on the path that promtool is given.
    _promtool("tsdb", "create-blocks-from", "rules", *options, rules.name, folder=rules.parent)


def _promtool(*arguments: str, folder: Path | None = None) -> None:
    command = [require_tool("promtool"), *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=folder)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def recording_rules(files: Sequence[Path]) -> list[dict[str, Any]]:
    """The recording rules of these files, one after the other."""
    return [
        rule
        for file in files
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        if "record" in rule
    ]


def _layers(files: Sequence[Path], folder: Path) -> Iterator[Path]:
    """Files of rules, each of which needs only what those before it have recorded.

    What a rule has of itself, from its evaluation before, cannot be made afterwards: here it has nothing of it.
    """
    waiting = recording_rules(files)
    layer = 0
    while waiting:
        names = {rule["record"] for rule in waiting}
        ready = [rule for rule in waiting if not (names - {rule["record"]}) & names_in(rule["expr"])]
        assert ready, f"recording rules that need each other: {sorted(names)}"
        waiting = [rule for rule in waiting if rule not in ready]
        file = folder / f"layer-{layer}.rules.yml"
        file.write_text(yaml.safe_dump({"groups": [{"name": f"layer-{layer}", "rules": ready}]}), encoding="utf-8")
        yield file
        layer += 1


@contextmanager
def _running(folder: Path, data: Path) -> Iterator[str]:
    """Run Prometheus on this data; gives its base URL."""
    program = require_tool("prometheus")
    configuration = folder / "prometheus.yml"
    configuration.write_text("global: {scrape_interval: 1m}\n", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen(
        [
            program,
            f"--config.file={configuration}",
            f"--storage.tsdb.path={data}",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address={address}",
            f"--query.lookback-delta={LOOKBACK}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(f"http://{address}", process)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    with httpx.Client(trust_env=False) as client:
        while time.monotonic() < give_up_at and process.poll() is None:
            try:
                if client.get(f"{url}/-/ready").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            time.sleep(LOOK_SECONDS)
    raise AssertionError("Prometheus does not come up")
