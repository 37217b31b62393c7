"""The example for Alertmanager is whole, in step with our own engine, and its template says what it should."""

import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest
import yaml

from tests.assets.shipped import alerting_rules
from tests.tools import require_tool
from wamon.core.alerting import Severity
from wamon.core.manner import Patience
from wamon.metrics.families import IDENTITY_LABELS
from wamon.notify.alertmanager import WATCHDOG
from wamon.rules import RULES
from wamon.rules.inhibitions import INHIBITIONS

ALERTS: Final = Path(__file__).parents[2] / "alerts"
EXAMPLE: Final = ALERTS / "alertmanager.yml"
GUIDE: Final = ALERTS.parent / "docs" / "alertmanager.md"
TEMPLATE: Final = ALERTS / "slack.tmpl"
CONFIGURATION: Final = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
BY_NAME: Final = {rule.name: rule for rule in RULES}
PATIENCE: Final = Patience()
# Whose alert it is, beside its subject: Prometheus's, and a rehearsal's.
WHOSE: Final = frozenset({"job", "instance"})
SUBJECT: Final = (
    frozenset(label for labels in IDENTITY_LABELS.values() for each in labels for label in each.split(" or "))
    | WHOSE
    | {"rehearsal"}
)
# In any configuration that the example is merged into, only ours are meant.
OURS: Final = ("alertname", "=", frozenset({"WhatsApp.+", "Wamon.+"}))
REAL: Final = ("rehearsal", "=", frozenset({""}))

# A label, an operator (= for =~ too), the values.
Matcher: TypeAlias = tuple[str, str, frozenset[str]]
Inhibit: TypeAlias = tuple[frozenset[Matcher], frozenset[Matcher], frozenset[str]]


def catalogue() -> list[tuple[str, str]]:
    """Every alert's name and severity: wamon's own, and those of the Prometheus rules."""
    own = {(name, str(severity)) for rule in RULES for severity, name in rule.alertnames.items()}
    shipped = {(name, rule["labels"]["severity"]) for name, rules in alerting_rules().items() for rule in rules}
    return sorted(own | shipped)


def matcher(text: str) -> Matcher:
    parts = re.fullmatch(r'(\w+) (=~|!=|=) (?:"([^"]*)"|([\w-]+))', text)
    assert parts is not None, text
    value = parts[3] if parts[3] is not None else parts[4]
    return parts[1], parts[2].rstrip("~"), frozenset(value.split("|") if parts[2] == "=~" else [value])


def matchers(texts: Iterable[str]) -> frozenset[Matcher]:
    return frozenset(map(matcher, texts))


# --- amtool -----------------------------------------------------------------------------------------------------------


def amtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([require_tool("amtool"), *arguments], capture_output=True, text=True, check=False, timeout=30)


def test_amtool_finds_nothing_wrong_with_the_example() -> None:
    checked = amtool("check-config", str(EXAMPLE))

    assert (checked.returncode, checked.stderr) == (0, "")
    assert "FAILED" not in checked.stdout


@pytest.mark.parametrize(("name", "severity"), catalogue())
def test_every_alert_reaches_the_receiver_of_its_severity(name: str, severity: str) -> None:
    routed = amtool("config", "routes", "test", f"--config.file={EXAMPLE}", f"alertname={name}", f"severity={severity}")

    assert routed.stdout.split() == ["dead-man" if name == WATCHDOG else severity]


def test_what_no_route_takes_is_told_all_the_same() -> None:
    routed = amtool("config", "routes", "test", f"--config.file={EXAMPLE}", "alertname=Other")

    assert routed.stdout.split() == ["warning"]


# --- in step with our own engine --------------------------------------------------------------------------------------


def derived() -> set[Inhibit]:
    """Our inhibitions in Alertmanager's form, by the names that the rules' alerts have there."""
    found: set[Inhibit] = set()
    for inhibition in INHIBITIONS:
        only = inhibition.source_where.get("severity")
        alertnames = BY_NAME[inhibition.source].alertnames.items()
        sources = frozenset(name for severity, name in alertnames if only is None or str(severity) in only)
        targets = frozenset(name for target in inhibition.targets for name in BY_NAME[target].alertnames.values())
        present = {(label, "!=", frozenset({""})) for label in inhibition.equal}
        found.add((
            frozenset({("alertname", "=", sources), REAL, *_where(inhibition.source_where)}),
            frozenset({("alertname", "=", targets), REAL, *present, *_where(inhibition.target_where)}),
            frozenset(inhibition.equal) | WHOSE,
        ))  # fmt: skip
    return found


def _where(where: Mapping[str, frozenset[str]]) -> set[Matcher]:
    return {(label, "=", values) for label, values in where.items()}


def risen() -> set[Inhibit]:
    """Of one subject's severities the worst is told: a change of severity is another alert to Alertmanager."""
    found: set[Inhibit] = set()
    for severity in Severity:
        if lower := frozenset(str(each) for each in Severity if each < severity):
            source = frozenset({OURS, ("severity", "=", frozenset({str(severity)}))})
            found.add((source, frozenset({OURS, ("severity", "=", lower)}), SUBJECT | {"alertname"}))
    for rule in RULES:
        for (_, lower_name), (_, name) in pairwise(sorted(rule.alertnames.items())):
            if lower_name != name:
                source = frozenset({("alertname", "=", frozenset({name}))})
                found.add((source, frozenset({("alertname", "=", frozenset({lower_name}))}), SUBJECT))
    return found


def test_inhibitions_are_those_of_our_engine_and_no_others() -> None:
    shipped = [
        (matchers(each["source_matchers"]), matchers(each["target_matchers"]), frozenset(each["equal"]))
        for each in CONFIGURATION["inhibit_rules"]
    ]

    assert set(shipped) == derived() | risen()
    assert len(shipped) == len(set(shipped))


def test_guide_tells_every_inhibition() -> None:
    rows = re.findall(r"^\| (`.+) \| (`.+) \| (.+) \|$", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    told = [tuple(frozenset(re.findall(r"`(\w+)`", cell)) for cell in row) for row in rows]

    # What all of ours have in common is told in words.
    assert set(told) == {
        (_names(source), _names(target), frozenset() if equal == SUBJECT else equal - WHOSE)
        for source, target, equal in derived() | risen()
        if OURS not in source
    }


def _names(side: frozenset[Matcher]) -> frozenset[str]:
    (names,) = (values for label, _, values in side if label == "alertname")
    return names


def families() -> dict[str, set[str]]:
    """The names of each family's alerts, where some of one severity could share a message."""
    by_severity: dict[tuple[str, Severity], set[str]] = {}
    every: dict[str, set[str]] = {}
    for rule in RULES:
        for severity, name in rule.alertnames.items():
            family = rule.family or rule.name
            by_severity.setdefault((family, severity), set()).add(name)
            every.setdefault(family, set()).add(name)
    return {family: every[family] for (family, _), names in by_severity.items() if len(names) > 1}


def routes() -> list[Any]:
    return list(CONFIGURATION["route"]["routes"])


def test_families_share_a_message_for_each_account() -> None:
    own = {name for rule in RULES for name in rule.alertnames.values()}
    (_, *severities) = routes()

    for route in severities:
        taken = []
        for family in route["routes"]:
            ((label, operator, patterns),) = matchers(family["matchers"])
            assert (label, operator) == ("alertname", "=")
            assert family["group_by"] == ["job", "instance", "app_id", "waba_id", "rehearsal"]
            taken.append({name for name in own if any(re.fullmatch(pattern, name) for pattern in patterns)})
        assert sorted(map(sorted, taken)) == sorted(map(sorted, families().values()))


def words(wait: timedelta) -> str:
    for unit, one in (("h", timedelta(hours=1)), ("m", timedelta(minutes=1))):
        if wait % one == timedelta(0):
            return f"{wait // one}{unit}"
    return f"{wait.total_seconds():.0f}s"


def test_waits_are_those_of_our_engine() -> None:
    root = CONFIGURATION["route"]
    _, critical, warning, info = routes()

    assert root["group_wait"] == words(PATIENCE.group_wait)
    assert root["group_interval"] == words(PATIENCE.group_interval)
    assert root["repeat_interval"] == words(PATIENCE.repeats[Severity.WARNING])
    assert critical["group_interval"] == words(PATIENCE.urgent_interval)
    assert critical["repeat_interval"] == words(PATIENCE.repeats[Severity.CRITICAL])
    assert "repeat_interval" not in warning
    # As long as Alertmanager remembers what it told.
    assert Severity.INFO not in PATIENCE.repeats
    assert info["repeat_interval"] == "120h"


def test_every_alert_that_is_named_exists() -> None:
    named = set(re.findall(r"\b(?:WhatsApp|Wamon)\w+(?![\w.])", EXAMPLE.read_text(encoding="utf-8")))

    assert named - {name for name, _ in catalogue()} == set()


def test_recoveries_are_told_except_that_of_the_dead_man() -> None:
    receivers = {each["name"]: each for each in CONFIGURATION["receivers"]}

    slack = [each["slack_configs"] for name, each in receivers.items() if name != "dead-man"]
    assert [[config["send_resolved"] for config in configs] for configs in slack] == [[True]] * 3
    assert [config["send_resolved"] for config in receivers["dead-man"]["webhook_configs"]] == [False]


def test_the_file_asks_for_two_edits_and_holds_no_secret() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")

    assert re.findall(r"EDIT (\d)", text) == ["1", "2"]
    assert "hooks.slack.com" not in text
    assert "api_url:" not in text


# --- the template -----------------------------------------------------------------------------------------------------


def alert(status: str = "firing", *, ended_at: str = "2026-11-23T12:12:05Z", **labels: str) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"alertname": "WhatsAppX", "severity": "critical", **labels},
        "annotations": {"summary": "Quality rating RED"},
        "startsAt": "2026-11-23T10:02:00Z",
        "endsAt": ended_at,
    }


def common(dicts: Iterable[Mapping[str, str]]) -> dict[str, str]:
    first, *rest = dicts
    return {name: value for name, value in first.items() if all(each.get(name) == value for each in rest)}


def rendered(folder: Path, template: str, *alerts: Mapping[str, Any]) -> str:
    data = folder / "data.json"
    data.write_text(
        json.dumps({
            "status": "firing" if any(each["status"] == "firing" for each in alerts) else "resolved",
            "alerts": alerts,
            "commonLabels": common(each["labels"] for each in alerts),
            "commonAnnotations": common(each["annotations"] for each in alerts),
        }),
        encoding="utf-8",
    )  # fmt: skip
    done = amtool(
        "template",
        "render",
        f"--template.glob={TEMPLATE}",
        f'--template.text={{{{ template "{template}" . }}}}',
        f"--template.data={data}",
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(
    ("labels", "subject"),
    [
        ({"phone_number_id": "1065", "waba_id": "1029"}, "phone number 1065"),
        ({"waba_id": "1029", "token": "main", "app_id": "634"}, "WABA 1029"),
        ({"token": "a<b", "app_id": "634"}, "token a&lt;b"),
        ({"app_id": "634"}, "app 634"),
        ({"version": "v25.0"}, "Graph API v25.0"),
        ({"scope": "phone_number", "id": "1065", "waba_id": "1029"}, "phone number 1065"),
        ({"scope": "waba", "id": "1029", "waba_id": "1029"}, "WABA 1029"),
        ({"scope": "business", "id": "88", "waba_id": "1029"}, "business 88 of WABA 1029"),
        ({"probe": "account", "waba_id": "1029"}, "WABA 1029"),
        ({"restriction_type": "RESTRICTED_X", "waba_id": "1029"}, "RESTRICTED_X of WABA 1029"),
        ({"alert_type": "OBA_APPROVED", "waba_id": "1029"}, "OBA_APPROVED of WABA 1029"),
        ({"template": "order", "language": "de", "waba_id": "1029"}, "template order (de) of WABA 1029"),
        ({"flow_id": "33", "event": "ENDPOINT_X", "waba_id": "1029"}, "ENDPOINT_X of Flow 33 of WABA 1029"),
        ({"job": "wamon", "instance": "wamon:9877"}, "wamon wamon:9877"),
        ({}, "wamon"),
    ],
)
def test_headline_names_the_subject(tmp_path: Path, labels: dict[str, str], subject: str) -> None:
    assert rendered(tmp_path, "wamon.headline", alert(**labels)) == f"CRITICAL  Quality rating RED  {subject}"


@pytest.mark.parametrize(
    ("ended_at", "span"),
    [
        ("2026-11-23T10:02:00Z", "0 s"),
        ("2026-11-23T10:02:40.7Z", "40 s"),
        ("2026-11-23T10:03:00Z", "1 min"),
        ("2026-11-23T10:12:05Z", "10 min 5 s"),
        ("2026-11-23T11:02:00Z", "1 h"),
        ("2026-11-23T11:02:59Z", "1 h"),
        ("2026-11-23T12:12:05Z", "2 h 10 min"),
        ("2026-11-23T20:02:10Z", "10 h"),
        ("2026-11-25T10:32:10Z", "48 h 30 min"),
    ],
)
def test_recovery_says_how_long_it_lasted(tmp_path: Path, ended_at: str, span: str) -> None:
    headline = rendered(tmp_path, "wamon.headline", alert("resolved", ended_at=ended_at))

    assert headline == f"RESOLVED after {span}  Quality rating RED  wamon"


def test_text_tells_what_is_there_to_tell_and_no_more(tmp_path: Path) -> None:
    annotations = {
        "summary": "Quality rating RED",
        "description": "Rated low.\nbefore: YELLOW",
        "cannot_see": "last confirmed 2026-11-23 10:30 UTC",
        "owner": "marketing",
        "runbook_url": "http://localhost:9877/runbooks/X",
    }

    assert rendered(tmp_path, "wamon.text", {**alert(), "annotations": annotations}).splitlines() == [
        "Since 2026-11-23 10:02 UTC; cannot see at present, last confirmed 2026-11-23 10:30 UTC",
        "Rated low.",
        "before: YELLOW",
        "Owner: marketing",
        "<http://localhost:9877/runbooks/X|Runbook>",
    ]
    assert rendered(tmp_path, "wamon.text", {**alert(), "annotations": {}}) == "Since 2026-11-23 10:02 UTC"


def test_endless_description_is_cut(tmp_path: Path) -> None:
    text = rendered(tmp_path, "wamon.text", {**alert(), "annotations": {"description": "x" * 10_000}})

    assert text.splitlines()[1] == "x" * 600 + "…"


def test_headline_of_many_counts_those_that_fire(tmp_path: Path) -> None:
    firing, over = alert(waba_id="1029", template="a"), alert("resolved", waba_id="1029", template="b")

    assert rendered(tmp_path, "wamon.headline", firing, firing, over) == (
        "CRITICAL  Quality rating RED  2 alerts of WABA 1029"
    )
    assert rendered(tmp_path, "wamon.headline", over, over) == "RESOLVED  Quality rating RED  2 alerts of WABA 1029"


@pytest.mark.parametrize(("count", "more"), [(10, None), (11, "and 1 more firing")])
def test_long_list_is_cut_after_ten(tmp_path: Path, count: int, more: str | None) -> None:
    lines = rendered(tmp_path, "wamon.text", *([alert()] * count)).splitlines()

    assert lines.count("*CRITICAL  Quality rating RED  wamon*") == 10
    assert (lines[-1] if lines[-1].startswith("and ") else None) == more


def test_rehearsal_is_marked(tmp_path: Path) -> None:
    one = alert(rehearsal="true")

    assert rendered(tmp_path, "wamon.headline", one).startswith("rehearsal  CRITICAL  ")
    assert rendered(tmp_path, "wamon.headline", one, one).startswith("rehearsal  CRITICAL  ")


@pytest.mark.parametrize(
    ("status", "severity", "color"),
    [
        ("firing", "critical", "danger"),
        ("firing", "warning", "warning"),
        ("firing", "info", "#439FE0"),
        ("resolved", "critical", "good"),
    ],
)
def test_color_is_that_of_the_severity(tmp_path: Path, status: str, severity: str, color: str) -> None:
    assert rendered(tmp_path, "wamon.color", alert(status, severity=severity)) == color


def test_templates_that_are_named_are_defined_and_the_other_way_round() -> None:
    template = TEMPLATE.read_text(encoding="utf-8")
    named = re.findall(r'template "([\w.]+)"', EXAMPLE.read_text(encoding="utf-8") + template)

    assert set(named) == set(re.findall(r'define "([\w.]+)"', template))
