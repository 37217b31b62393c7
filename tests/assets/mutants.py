"""Rules with one thing changed each, and which of them the cases of an alert let pass.

What no case notices, no case holds. So each number, comparison, window, label, state, duration, set operator and guard
of a rule is changed in turn, and at least one case must notice.
"""

import copy
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import yaml

from tests.assets.ruletest import MINUTES, Case, promtool_file, seconds_of
from tests.assets.shipped import Rule, Token, name_of, names_in, needed, rules_in_order, tokens_of
from tests.tools import require_tool

THREADS: Final = 2
# How many changed rules one promtool tries: many share the cost of its start and of the series.
AT_ONCE: Final = 100
# Short cases come first, as many as last this long together; the longer ones are tried only on what those let pass.
STAGES_MINUTES: Final = (25, 100, 300, 1000)
TIMEOUT_SECONDS: Final = 300
# A promtool lives for a second or two: it need not tidy up as long as there is room.
UNTIDY: Final = {"GOGC": "off", "GOMEMLIMIT": "1GiB"}

_COMPARISONS: Final[Mapping[str, tuple[str, ...]]] = {
    ">": (">=", "<"),
    ">=": (">", "<="),
    "<": ("<=", ">"),
    "<=": ("<", ">="),
    "==": ("!=",),
    "!=": ("==",),
}
_SETS: Final = ("and", "or", "unless")
_MATCHES: Final[Mapping[str, str]] = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}
_LISTS: Final = ("by", "on", "without", "ignoring")
_GUARD: Final = re.compile(r"\s*\b(?:and|unless) on \(job, instance\) wamon_alert(?:ing)?_mode\{[^}]*\} == 1\s*\Z")
# How promtool names what it cannot evaluate, and what is not as expected.
_BROKEN: Final = re.compile(r"rule: [\w:]+__(\d+), time:")
_FAILED: Final = re.compile(r'expr: "ALERTS\{alertname=\\"\w+__(\d+)\\"')
_SEVERITIES: Final = {"critical": "warning", "warning": "info", "info": "warning"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One rule, changed in one place. `position` is the rule's place among all of them."""

    position: int
    name: str
    what: str
    rule: Rule = field(compare=False)

    def __str__(self) -> str:
        return f"{self.name}: {self.what}"


# --- what is changed --------------------------------------------------------------------------------------------------


def mutants(position: int) -> Iterator[Mutant]:
    """Every change of one rule."""
    rule = rules_in_order()[position]
    seen = set[str]()
    for what, changed in (*_changed_expressions(rule), *_changed_durations(rule), *_changed_severities(rule)):
        if what not in seen:
            seen.add(what)
            yield Mutant(position=position, name=name_of(rule), what=what, rule=changed)


def _changed_expressions(rule: Rule) -> Iterator[tuple[str, Rule]]:
    expr: str = rule["expr"]
    tokens = [token for token in tokens_of(expr) if token.kind != "comment"]
    for begins, ends, new in (*_places(tokens), *_lists(tokens), *_matchers(tokens)):
        line = expr.count("\n", 0, begins) + 1
        what = f"line {line}, column {begins - expr.rfind(chr(10), 0, begins)}: {expr[begins:ends]!r} is now {new!r}"
        yield what, {**rule, "expr": expr[:begins] + new + expr[ends:]}
    if "alert" in rule and _GUARD.search(expr):
        yield "no guard", {**rule, "expr": _GUARD.sub("", expr)}


def _places(tokens: Sequence[Token]) -> Iterator[tuple[int, int, str]]:
    """Numbers, comparisons, set operators and windows."""
    depth = 0
    for before, token in zip([None, *tokens], tokens, strict=False):
        depth += {"{": 1, "}": -1}.get(token.text, 0)
        news: tuple[str, ...] = ()
        if token.kind == "number":
            news = _steps(token.text)
        elif token.kind == "sign" and not depth:
            news = _COMPARISONS.get(token.text, ())
        elif token.kind == "name" and token.text in _SETS and not depth:
            news = tuple(each for each in _SETS if each != token.text)
        elif token.kind == "duration" and before is not None and before.text in ("[", "offset"):
            news = _halved_and_doubled(token.text)
        yield from ((token.begins, token.ends, new) for new in news)


def _steps(number: str) -> tuple[str, ...]:
    value = float(number)
    if value != int(value):
        return f"{value * 1.1:.6g}", f"{value * 0.9:.6g}"
    step = 1 if value <= 10 else round(value / 10)
    return f"{int(value) + step}", f"{int(value) - step}"


def _halved_and_doubled(duration: str) -> tuple[str, ...]:
    seconds = seconds_of(duration)
    return f"{seconds * 2}s", f"{seconds // 2}s"


def _lists(tokens: Sequence[Token]) -> Iterator[tuple[int, int, str]]:
    """The lists of labels, one label taken away."""
    for place, token in enumerate(tokens):
        if token.text in _LISTS and token.kind == "name" and tokens[place + 1].text == "(":
            end = next(at for at in range(place, len(tokens)) if tokens[at].text == ")")
            labels = [each.text for each in tokens[place + 2 : end] if each.kind == "name"]
            for gone in labels:
                rest = ", ".join(each for each in labels if each != gone)
                yield tokens[place].begins, tokens[end].ends, f"{token.text} ({rest})"


def _matchers(tokens: Sequence[Token]) -> Iterator[tuple[int, int, str]]:
    """Each matcher dropped, turned round, and with another value; of alternatives each one taken away."""
    is_inside = False
    for place, token in enumerate(tokens):
        is_inside = token.text == "{" or (is_inside and token.text != "}")
        if not is_inside or token.kind != "string":
            continue
        label, sign = tokens[place - 2], tokens[place - 1]
        # A comma too many at the end is allowed, one at the beginning is not.
        ends = tokens[place + 1].ends if tokens[place + 1].text == "," else token.ends
        yield label.begins, ends, ""
        yield sign.begins, sign.ends, _MATCHES[sign.text]
        words = token.text[1:-1].split("|") if sign.text in ("=~", "!~") else []
        for word in words if len(words) > 1 else []:
            yield token.begins, token.ends, '"' + "|".join(each for each in words if each != word) + '"'
        yield token.begins, token.ends, '"mutant"'


def _changed_durations(rule: Rule) -> Iterator[tuple[str, Rule]]:
    for key in ("for", "keep_firing_for"):
        if "alert" not in rule:
            continue
        seconds = seconds_of(rule[key]) if key in rule else 0
        for new in (seconds + 60, seconds - 60, 0):
            if 0 <= new != seconds:
                yield f"{key} is now {new} s", {**rule, key: f"{new}s"}


def _changed_severities(rule: Rule) -> Iterator[tuple[str, Rule]]:
    if "alert" in rule:
        changed = copy.deepcopy(rule)
        changed["labels"]["severity"] = _SEVERITIES[rule["labels"]["severity"]]
        yield "another severity", changed


# --- which of them pass -----------------------------------------------------------------------------------------------


def guard_cases(cases: Sequence[Case]) -> Iterator[Case]:
    """What would fire, were it not for the mode: everybody else's alerts, and our other ones, are Prometheus's."""
    seen = set[str]()
    for case in sorted(cases, key=lambda case: case.minutes):
        if case.kind != "fires" or case.mode != "prometheus" or any("_mode{" in series for series in case.series):
            continue
        severities = {labels["severity"] for alerts in case.firing.values() for labels in alerts}
        if severities - seen:
            seen |= severities
            yield replace(case, mode="builtin", series={**_others(case), **case.series}, firing=_silence(case))


def _others(case: Case) -> dict[str, str]:
    """Everybody else's modes, and that of another alert of ours."""
    guards = (("wamon_alert_mode", f'alertname="{case.alert}",'), ("wamon_alerting_mode", ""))
    places = ('job="elsewhere",', 'instance="elsewhere",')
    others = [f'{name}{{{place}{alert}mode="prometheus"}}' for name, alert in guards for place in places]
    return dict.fromkeys((*others, 'wamon_alert_mode{alertname="Another",mode="prometheus"}'), f"1x{MINUTES}")


def _silence(case: Case) -> dict[str, tuple[Mapping[str, str], ...]]:
    return dict.fromkeys(case.firing, ())


def survivors(alert: str, cases: Sequence[Case], tried: Iterable[Mutant]) -> list[Mutant]:
    """Those with which every case of the alert still holds."""
    left = list(tried)
    for stage in _stages(cases):
        left = _passing(alert, stage, left)
    return left


def _stages(cases: Sequence[Case]) -> Iterator[list[Case]]:
    waiting = sorted(cases, key=lambda case: case.minutes)
    for most in STAGES_MINUTES:
        lengths = list(accumulate(case.minutes for case in waiting))
        count = sum(length <= most for length in lengths)
        if count:
            yield waiting[:count]
        waiting = waiting[count:]
    if waiting:
        yield waiting


def _passing(alert: str, cases: Sequence[Case], tried: Sequence[Mutant]) -> list[Mutant]:
    size = max(1, min(AT_ONCE, -(-len(tried) // THREADS)))
    batches = [tried[at : at + size] for at in range(0, len(tried), size)]
    promtool = require_tool("promtool")
    with ThreadPoolExecutor(THREADS) as threads:
        found = threads.map(lambda batch: _try(promtool, alert, cases, batch), batches)
        return [mutant for passed in found for mutant in passed]


def _try(promtool: str, alert: str, cases: Sequence[Case], batch: Sequence[Mutant]) -> list[Mutant]:
    """All of the batch stand side by side in one group, each under a name of its own, over the same series."""
    left = dict(enumerate(batch))
    while left:
        output = _run(promtool, cases, _group(alert, left), left)
        # A rule that cannot be evaluated ends a whole test: the others must be looked at again without it.
        broken = {int(number) for number in _BROKEN.findall(output)}
        failed = {int(number) for number in _FAILED.findall(output)}
        left = {number: mutant for number, mutant in left.items() if number not in broken | failed}
        if not broken:
            if not failed and "SUCCESS" not in output:
                raise ValueError(f"promtool did not try {alert}: {output}")
            break
    return list(left.values())


def _group(alert: str, changed: Mapping[int, Mutant]) -> list[Rule]:
    """What is recorded as it is, and for each mutant whatever the change reaches."""
    rules, places = rules_in_order(), needed(alert)
    group = [rules[place] for place in places if "record" in rules[place]]
    for number, mutant in changed.items():
        reached = {mutant.name} if "record" in mutant.rule else set[str]()
        for place in places:
            rule = mutant.rule if place == mutant.position else rules[place]
            if "alert" in mutant.rule and _severity(place) not in ("", _severity(mutant.position)):
                # What the other severity says of it stays as it is.
                continue
            if "record" in rule:
                if not reached & {name_of(rule), *names_in(rule)}:
                    continue
                reached.add(name_of(rule))
            group.append(_renamed(rule, reached, _suffix(number)))
    return group


def _severity(place: int) -> str:
    severity: str = rules_in_order()[place].get("labels", {}).get("severity", "")
    return severity


def _renamed(rule: Rule, reached: Set[str], suffix: str) -> Rule:
    """The rule under a name of its own, which reads what the same change reached. Words are left out."""
    expr = rule["expr"]
    for token in reversed(list(tokens_of(expr))):
        if token.kind == "name" and token.text in reached:
            expr = expr[: token.ends] + suffix + expr[token.ends :]
    key = "record" if "record" in rule else "alert"
    return {
        **{name: value for name, value in rule.items() if name != "annotations"},
        key: rule[key] + suffix,
        "expr": expr,
    }


def _suffix(number: int) -> str:
    return f"__{number}"


def _run(promtool: str, cases: Sequence[Case], group: Sequence[Rule], changed: Mapping[int, Mutant]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        file, script = Path(folder) / "rules.yml", Path(folder) / "cases.test.yml"
        file.write_text(_dumped({"groups": [{"name": "mutants", "rules": list(group)}]}), encoding="utf-8")
        content = promtool_file(cases, [file])
        for test, case in zip(content["tests"], cases, strict=True):
            test["promql_expr_test"] = [
                _about(mutant, f"{case.alert}{_suffix(number)}", case, look)
                for look in test["promql_expr_test"]
                for number, mutant in changed.items()
            ]
        script.write_text(_dumped(content), encoding="utf-8")
        ran = subprocess.run(
            [promtool, "test", "rules", str(script)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_SECONDS,
            env={**os.environ, **UNTIDY},
        )
    return ran.stdout


def _about(mutant: Mutant, alert: str, case: Case, look: Mapping[str, Any]) -> dict[str, Any]:
    """The same look at the alert of another name; of a changed alert it shows one severity alone."""
    was, now = f'alertname="{case.alert}"', f'alertname="{alert}"'
    severity = f'severity="{_severity(mutant.position)}"' if "alert" in mutant.rule else ""
    samples = [
        {**sample, "labels": sample["labels"].replace(was, now)}
        for sample in look["exp_samples"]
        if severity in sample["labels"]
    ]
    return {**look, "expr": look["expr"].replace(was, now), "exp_samples": samples}


def _dumped(content: object) -> str:
    return yaml.dump(content, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper))
