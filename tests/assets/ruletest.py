"""The Prometheus rules under the real promtool: what an alert must do over series, told in a few lines.

A case gives series in promtool's notation and says at which times which alerts fire. Series stand at one-minute steps
from time 0, which is also what `time()` says there; job, instance and the alert's mode are added here.
"""

import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import yaml

from tests.assets.shipped import rules_of
from tests.tools import require_tool

Kind: TypeAlias = Literal["fires", "below", "boundary", "unknown", "resolves"]
KINDS: Final[tuple[Kind, ...]] = ("fires", "below", "boundary", "unknown", "resolves")
Labels: TypeAlias = Mapping[str, str]

TARGET: Final = {"job": "wamon", "instance": "wamon:9877"}
# Longer than any case.
MINUTES: Final = 20_000
UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
SERIES: Final = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What one alert must do: `firing` tells, by time ("1h5m"), the labels of its alerts that fire then.

    The labels are those beyond alertname, job and instance, with the severity; () is silence. A label given as "" is
    one that the alert must not have, job or instance where nobody is there to have them. `mode` is who tells of it.
    """

    alert: str
    kind: Kind
    series: Mapping[str, str]
    firing: Mapping[str, tuple[Labels, ...]]
    name: str = ""
    mode: str = "prometheus"

    @property
    def minutes(self) -> int:
        """How long it takes, to its last look."""
        return max((seconds_of(at) // 60 for at in self.firing), default=0)

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}" if self.name else self.kind


def complaints(cases: Sequence[Case]) -> str:
    """What promtool has to say against these cases of one alert, nothing when all of them hold.

    The alert stands here with what is recorded for it alone: all the others take time and change nothing.
    Annotations are those of the rule: they are not compared here, only rendered.
    """
    with tempfile.TemporaryDirectory() as folder:
        rules, script = Path(folder) / "rules.yml", Path(folder) / "cases.test.yml"
        groups = [{"name": "rules", "rules": rules_of(cases[0].alert)}]
        rules.write_text(yaml.safe_dump({"groups": groups}), encoding="utf-8")
        script.write_text(yaml.safe_dump(promtool_file(cases, [rules])), encoding="utf-8")
        ran = subprocess.run(
            [require_tool("promtool"), "test", "rules", str(script)],
            capture_output=True,
            text=True,
            timeout=120,
        )
    if ran.returncode == 0:
        return ""
    return ran.stdout + ran.stderr


def promtool_file(cases: Sequence[Case], files: Sequence[Path]) -> dict[str, Any]:
    """These cases as a file of unit tests. Firing alerts are looked at as the series ALERTS."""
    return {
        "rule_files": [str(file) for file in files],
        "evaluation_interval": "1m",
        "group_eval_order": group_order(files),
        "tests": [_test(case) for case in cases],
    }


def group_order(files: Sequence[Path]) -> list[str]:
    """The groups of these files, those first that only record. Left to itself, promtool 2.42 takes them at random."""
    groups = [group for file in files for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]]
    return [
        group["name"] for group in sorted(groups, key=lambda group: any("alert" in rule for rule in group["rules"]))
    ]


def _test(case: Case) -> dict[str, Any]:
    series = {**_modes(case), **case.series}
    selector = f'ALERTS{{alertname="{case.alert}",alertstate="firing"}}'
    return {
        "name": f"{case.alert}, {case}",
        "interval": "1m",
        "input_series": [{"series": placed(key), "values": _cut(case, values)} for key, values in series.items()],
        "promql_expr_test": [
            {
                "expr": selector,
                "eval_time": at,
                "exp_samples": [{"labels": _alert_series(case.alert, labels), "value": 1} for labels in alerts],
            }
            for at, alerts in case.firing.items()
        ],
    }


def _cut(case: Case, values: str) -> str:
    """The values without most of those after the last look: they cost the most of promtool's time."""
    return re.sub(r"x(\d+)", lambda found: f"x{min(int(found[1]), case.minutes + 1)}", values)


def seconds_of(duration: str) -> int:
    """Of a duration as Prometheus writes it ("1h5m")."""
    return sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)([smhdw])", duration))


def _modes(case: Case) -> dict[str, str]:
    """The series by which the daemon says who tells: as it exports them, for each mode one."""
    values = {mode: f"{int(mode == case.mode)}x{MINUTES}" for mode in ("builtin", "prometheus", "push")}
    return {
        **{f'wamon_alert_mode{{alertname="{case.alert}",mode="{mode}"}}': value for mode, value in values.items()},
        **{f'wamon_alerting_mode{{mode="{mode}"}}': value for mode, value in values.items()},
    }


def placed(series: str) -> str:
    """The series with job and instance, unless it brings its own. Raises ValueError where it is no series."""
    found = SERIES.fullmatch(series)
    if found is None:
        raise ValueError(f"not a series: {series}")
    labels = found["labels"] or ""
    own = [f'{name}="{value}"' for name, value in TARGET.items() if not re.search(rf'(?:^|,)\s*{name}="', labels)]
    return found["name"] + "{" + ",".join([*own, *([labels] if labels else [])]) + "}"


def _alert_series(alert: str, labels: Labels) -> str:
    known = {"alertname": alert, "alertstate": "firing", **TARGET, **labels}
    return "ALERTS{" + ",".join(f'{name}="{value}"' for name, value in known.items() if value) + "}"
