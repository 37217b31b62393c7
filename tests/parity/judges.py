"""Two judges of one recording: what the built-in engine had open, and what the shipped rules fire in Prometheus.

promtool only compares, so it is asked for something that cannot be at each minute, and its complaints are the answers.
"""

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import yaml

from tests.assets.ruletest import TARGET
from tests.assets.shipped import rule_files
from tests.recording import OpenAlert, Recording
from tests.tools import require_tool
from wamon.rules import RULES

Judge: TypeAlias = Literal["builtin", "prometheus"]

SETTLED_MINUTES: Final = 10
# Names that no rule of ours has: whether the condition of an alert holds now, and an answer that is always there.
CONDITIONS: Final = "parity-conditions"
HOLDS: Final = "parity_holds"
ANSWERED: Final = "parity_answered"
QUESTION: Final = f'{{__name__=~"ALERTS|{HOLDS}|{ANSWERED}"}}'
PATIENCE_SECONDS: Final = 120
ANSWER: Final = re.compile(r"time: (?P<at>[\dywdhms]+),\s+exp: nil\s+got: (?P<got>[^\n]*)")
SAMPLE: Final = re.compile(r'\{((?:\w+="(?:[^"\\]|\\.)*"(?:, )?)*)\} \S+')
LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
DURATION: Final = re.compile(r"(\d+)([dhm])")
MINUTES: Final = {"d": 24 * 60, "h": 60, "m": 1}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge says in one minute: the alerts that fire, and the names of which it waits for more."""

    alerts: frozenset[OpenAlert] = frozenset()
    moving: frozenset[str] = frozenset()


def builtin(recording: Recording) -> tuple[Judgement, ...]:
    return tuple(Judgement(scrape.alerts, scrape.moving) for scrape in recording.scrapes)


def prometheus(recording: Recording, folder: Path) -> tuple[Judgement, ...]:
    """Raises AssertionError when promtool does not evaluate every rule in every minute."""
    conditions = folder / "conditions.rules.yml"
    conditions.write_text(yaml.safe_dump(_conditions()), encoding="utf-8")
    script = folder / "recording.test.yml"
    script.write_text(_script(recording, [*rule_files(), conditions]), encoding="utf-8")
    ran = subprocess.run(
        [require_tool("promtool"), "test", "rules", str(script)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert " err: " not in ran.stdout + ran.stderr, ran.stdout + ran.stderr
    answers = {_minute(found["at"]): _judgement(found["got"]) for found in ANSWER.finditer(ran.stdout + ran.stderr)}
    missing = set(range(len(recording.scrapes))) - answers.keys()
    assert not missing, f"promtool did not answer of minutes {sorted(missing)[:5]}: {ran.stdout[:2000]}{ran.stderr}"
    return tuple(answers[minute] for minute in range(len(recording.scrapes)))


@cache
def family_of(alert: str) -> str:
    """The built-in rule that an alert's name belongs to: names of one rule are severities of one alert."""
    return next((rule.name for rule in RULES if alert in rule.alertnames.values()), alert)


# --- the test file ----------------------------------------------------------------------------------------------------


def _groups(files: Iterable[Path]) -> Iterator[Mapping[str, Any]]:
    for file in files:
        yield from yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]


def _conditions() -> dict[str, Any]:
    """Each alert's condition by itself: an alert that fires without it is only kept firing."""
    rules: list[dict[str, Any]] = [{"record": ANSWERED, "expr": "vector(1)"}]
    alerting = [rule for group in _groups(rule_files()) for rule in group["rules"] if "alert" in rule]
    for number, rule in enumerate(alerting):
        labels = {**rule["labels"], "alertname": rule["alert"], "number": str(number)}
        rules.append({"record": HOLDS, "expr": rule["expr"], "labels": labels})
    return {"groups": [{"name": CONDITIONS, "rules": rules}]}


def _script(recording: Recording, files: Sequence[Path]) -> str:
    groups = sorted(_groups(files), key=lambda group: any("alert" in rule for rule in group["rules"]))
    # The metrics among the words of the expressions are enough for promtool.
    words = {
        word for group in groups for rule in group["rules"] for word in re.findall(r"[a-zA-Z_:][\w:]*", rule["expr"])
    }
    minutes = range(len(recording.scrapes))
    test = {
        "interval": "1m",
        "input_series": [
            {"series": series, "values": values} for series, values in recording.promtool_series(words).items()
        ],
        "promql_expr_test": [{"expr": QUESTION, "eval_time": f"{minute}m", "exp_samples": []} for minute in minutes],
    }
    return yaml.dump(
        {
            "rule_files": [str(file) for file in files],
            "evaluation_interval": "1m",
            # promtool's order is another each time; what alerts look at is recorded first.
            "group_eval_order": [*(g["name"] for g in groups if g["name"] != CONDITIONS), CONDITIONS],
            "tests": [test],
        },
        Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper),
        width=10_000,
    )


# --- the answers ------------------------------------------------------------------------------------------------------


def _minute(duration: str) -> int:
    return sum(int(count) * MINUTES[unit] for count, unit in DURATION.findall(duration))


def _judgement(got: str) -> Judgement:
    found = [dict(LABEL.findall(labels)) for labels in SAMPLE.findall(got)]
    holding = {_alert(labels) for labels in found if labels["__name__"] == HOLDS}
    pending = {_alert(labels) for labels in found if labels.get("alertstate") == "pending"}
    firing = {_alert(labels) for labels in found if labels.get("alertstate") == "firing"}
    return Judgement(frozenset(firing), frozenset(alert.name for alert in pending | (firing - holding)))


def _alert(labels: Mapping[str, str]) -> OpenAlert:
    own = {"__name__", "alertname", "alertstate", "severity", "number", *TARGET}
    identity = tuple(sorted((name, value) for name, value in labels.items() if name not in own))
    return OpenAlert(labels["alertname"], labels["severity"], identity)


# --- the comparison ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An alert that one judge alone names while both have made up their minds, from the first such minute to the last.

    `said_by` is who names it.
    """

    alert: OpenAlert
    said_by: Judge
    first_minute: int
    last_minute: int

    def __str__(self) -> str:
        who = " ".join(
            [self.alert.name, self.alert.severity, *(f"{name}={value}" for name, value in self.alert.labels)]
        )
        return f"{self.said_by} alone names {who} from minute {self.first_minute} to {self.last_minute}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of one story: the alerts that both named in a settled minute, and those that one named alone."""

    agreed: frozenset[OpenAlert]
    disagreements: tuple[Disagreement, ...]


def compare(ours: Sequence[Judgement], theirs: Sequence[Judgement]) -> Comparison:
    """Compare two judges of one recording in every settled minute.

    That is, alert by alert: the built-in engine has held the same ones open for SETTLED_MINUTES and goes on to for as
    many, and nobody's timer is under way.
    """
    agreed: set[OpenAlert] = set()
    alone: dict[tuple[OpenAlert, Judge], list[int]] = {}
    families = {family_of(alert.name) for judge in (ours, theirs) for said in judge for alert in said.alerts}
    for family in families:
        own, other = ([_of_family(said, family) for said in judge] for judge in (ours, theirs))
        for minute in range(SETTLED_MINUTES, len(own) - SETTLED_MINUTES):
            around = own[minute - SETTLED_MINUTES : minute + SETTLED_MINUTES + 1]
            if own[minute].moving or other[minute].moving or len({said.alerts for said in around}) > 1:
                continue
            agreed |= own[minute].alerts & other[minute].alerts
            for alert in own[minute].alerts - other[minute].alerts:
                alone.setdefault((alert, "builtin"), []).append(minute)
            for alert in other[minute].alerts - own[minute].alerts:
                alone.setdefault((alert, "prometheus"), []).append(minute)
    found = (Disagreement(alert, judge, minutes[0], minutes[-1]) for (alert, judge), minutes in alone.items())
    return Comparison(frozenset(agreed), tuple(sorted(found, key=lambda each: (each.first_minute, each.alert))))


def _of_family(said: Judgement, family: str) -> Judgement:
    return Judgement(
        frozenset(alert for alert in said.alerts if family_of(alert.name) == family),
        frozenset(name for name in said.moving if family_of(name) == family),
    )
