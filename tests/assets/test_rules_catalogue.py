"""The catalogue, the Prometheus rules and the runbooks speak of the same alerts, and every rule keeps to the form."""

import re
import subprocess
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.assets.known_metrics import known_labels, recorded_labels
from tests.assets.promql import names_in
from tests.assets.ruletest import Case, promtool_file
from tests.assets.shipped import ALERTS as FOLDER
from tests.assets.shipped import alerting_rules, rule_files, rules_of
from tests.assets.test_rules import UNGUARDED, cases_of
from tests.tools import require_tool
from wamon.core.alerting import Severity, Timing
from wamon.core.health import SubjectKind
from wamon.metrics.families import IDENTITY_LABELS
from wamon.rules import RULES

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
DASHBOARDS = ROOT / "dashboards"
BY_NAME = alerting_rules()
ALERTS = sorted(BY_NAME)
# wamon has no rule of its own for these.
# They judge what comes within ten minutes, and half an hour in which nothing comes is no recovery.
KEPT_LONGER: Final = {alert: timedelta(minutes=30) for alert in ("WhatsAppDeliverySlow", "WhatsAppWebhookLagHigh")}
# Recorded for people's own boards.
RECORDED_ONLY: Final = frozenset({"waba:whatsapp_message_bounces:ratio24h"})
PROMETHEUS_ONLY: Final = UNGUARDED | {"WhatsAppDeliveryErrorBudgetBurn", "WamonShapeDrift"}
# What metrics cannot express.
WAMON_ONLY: Final[frozenset[str]] = frozenset()
CATALOGUE: Final[dict[str, set[str]]] = {}
for _rule in RULES:
    for _severity, _name in _rule.alertnames.items():
        CATALOGUE.setdefault(_name, set()).add(str(_severity))

LEAST_KEEPING: Final = timedelta(minutes=5)
GUARD: Final = 'and on (job, instance) wamon_alert_mode{{alertname="{alert}", mode="prometheus"}} == 1'
OVERALL_GUARD: Final = 'and on (job, instance) wamon_alerting_mode{mode="prometheus"} == 1'
UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: str) -> timedelta:
    return timedelta(**{UNITS[unit]: int(number) for number, unit in re.findall(r"(\d+)([smhd])", text)})


def each_rule() -> list[Any]:
    return [
        pytest.param(alert, rule, id=f"{alert}-{rule['labels']['severity']}")
        for alert in ALERTS
        for rule in BY_NAME[alert]
    ]


def timings(alert: str) -> list[Timing]:
    return [rule.timing for rule in RULES if alert in rule.alertnames.values()]


# --- the same alerts everywhere ---------------------------------------------------------------------------------------


def test_prometheus_has_the_alerts_of_the_catalogue_and_its_own() -> None:
    assert set(ALERTS) == (CATALOGUE.keys() - WAMON_ONLY) | PROMETHEUS_ONLY
    assert CATALOGUE.keys() & PROMETHEUS_ONLY == set()
    assert CATALOGUE.keys() >= WAMON_ONLY


@pytest.mark.parametrize("alert", sorted(CATALOGUE.keys() - WAMON_ONLY))
def test_severities_are_those_of_the_catalogue(alert: str) -> None:
    severities = [rule["labels"]["severity"] for rule in BY_NAME[alert]]

    assert sorted(severities) == sorted(CATALOGUE[alert])


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    runbooks = {file.stem for file in RUNBOOKS.glob("*.md")} - {"README"}

    assert runbooks == set(ALERTS) | WAMON_ONLY


@pytest.mark.parametrize("alert", sorted(CATALOGUE.keys() - WAMON_ONLY))
def test_alert_is_about_the_subject_that_the_catalogue_names(alert: str) -> None:
    kinds = {rule.kind for rule in RULES if alert in rule.alertnames.values()}
    told = {
        frozenset(name for name, value in labels.items() if value) - {"severity", "job", "instance"}
        for case in cases_of(alert)
        for labels_of_all in case.firing.values()
        for labels in labels_of_all
    }

    identities = {identity for kind in kinds for identity in identities_of(kind)}
    assert told
    assert told <= identities


def identities_of(kind: SubjectKind) -> set[frozenset[str]]:
    """The labels of a subject; probes go to different kinds of targets."""
    if kind is SubjectKind.PROBE:
        return {frozenset({"probe", target}) for target in ("app_id", "token", "waba_id")}
    return {frozenset(IDENTITY_LABELS[kind])}


# --- the form of each rule --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("alert", "rule"), each_rule())
def test_rule_says_what_it_is_in_words_and_where_its_runbook_is(alert: str, rule: dict[str, Any]) -> None:
    annotations = rule["annotations"]

    assert set(rule["labels"]) == {"severity"}
    assert rule["labels"]["severity"] in set(map(str, Severity))
    assert set(annotations) == {"summary", "description", "runbook_url"}
    assert "{{" not in annotations["summary"]
    assert not annotations["summary"].endswith(".")
    assert "{{" in annotations["description"]
    assert annotations["description"].endswith(".")
    assert annotations["runbook_url"] == f"http://localhost:9877/runbooks/{alert}"
    assert (RUNBOOKS / f"{alert}.md").is_file()


@pytest.mark.parametrize(("alert", "rule"), each_rule())
def test_the_last_line_asks_whose_the_alert_is(alert: str, rule: dict[str, Any]) -> None:
    last = rule["expr"].strip().splitlines()[-1].strip()

    if alert in UNGUARDED:
        assert not last.startswith("and")
    elif alert in PROMETHEUS_ONLY:
        assert last == OVERALL_GUARD
    else:
        assert last == GUARD.format(alert=alert)


@pytest.mark.parametrize(("alert", "rule"), each_rule())
def test_rule_is_as_patient_as_the_catalogue(alert: str, rule: dict[str, Any]) -> None:
    severity = Severity[rule["labels"]["severity"].upper()]
    waits, keeps = duration(rule.get("for", "0s")), duration(rule["keep_firing_for"])

    assert keeps >= LEAST_KEEPING
    for timing in timings(alert):
        assert keeps == KEPT_LONGER.get(alert, max(timing.keep_firing_for, LEAST_KEEPING))
        if timing.for_:
            assert waits == timing.for_
        else:
            assert bool(waits) == (timing.observations_needed(severity) > 1)


def test_promtool_finds_nothing_to_say_about_the_rules() -> None:
    promtool, files = require_tool("promtool"), rule_files()

    checked = subprocess.run(
        [promtool, "check", "rules", "--lint=all", "--lint-fatal", *map(str, files)],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert checked.stderr == ""
    assert checked.stdout.count("SUCCESS") == len(files)
    assert checked.returncode == 0


def test_groups_are_named_after_their_files_and_have_no_interval_but_one_that_sums_count_on() -> None:
    for file in rule_files():
        (group,) = yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]

        assert group["name"] == f"wamon-{file.name.removesuffix('.rules.yml')}"
        assert set(group) - {"interval"} == {"name", "rules"}
        assert group.get("interval", "1m") == "1m"


# --- what the rules read ----------------------------------------------------------------------------------------------


def all_rules() -> list[dict[str, Any]]:
    texts = [file.read_text(encoding="utf-8") for file in rule_files()]
    return [rule for text in texts for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def test_every_metric_that_a_rule_reads_exists() -> None:
    read = {name for rule in all_rules() for name in names_in(rule["expr"])}

    assert read - known_labels().keys() == set()


def test_every_recorded_series_is_used() -> None:
    read = {
        name
        for rule in all_rules()
        for name in names_in(rule["expr"])
        # A series that keeps itself is not used by that.
        if name != rule.get("record")
    }
    boards = "".join(file.read_text(encoding="utf-8") for file in DASHBOARDS.glob("*.json"))

    assert {name for name in recorded_labels() if name not in read and name not in boards} == RECORDED_ONLY


def test_every_rules_file_is_looked_at() -> None:
    assert {file.name for file in FOLDER.glob("*.rules.y*ml")} == {file.name for file in rule_files()}


# --- what people read -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alert", ALERTS)
def test_descriptions_render(alert: str) -> None:
    firing = [case for case in cases_of(alert) if case.kind == "fires"]

    text = rendered(alert, firing)

    assert text.count("description=") >= len(BY_NAME[alert])
    assert re.findall(r"error expanding|<no value>|\{\{|%!|NaN", text) == []
    told = set(re.findall(r'Labels:\{.*?severity="(\w+)"', text))
    assert told == {rule["labels"]["severity"] for rule in BY_NAME[alert]}


def rendered(alert: str, cases: Sequence[Case]) -> str:
    """What the cases' alerts say, in the form in which promtool complains of alerts that nobody expected."""
    with tempfile.TemporaryDirectory() as folder:
        rules, script = Path(folder) / "rules.yml", Path(folder) / "words.test.yml"
        rules.write_text(yaml.safe_dump({"groups": [{"name": "words", "rules": rules_of(alert)}]}), encoding="utf-8")
        content = promtool_file(cases, [rules])
        for test, case in zip(content["tests"], cases, strict=True):
            del test["promql_expr_test"]
            test["alert_rule_test"] = [
                {"eval_time": at, "alertname": alert, "exp_alerts": []} for at, alerts in case.firing.items() if alerts
            ]
        script.write_text(yaml.safe_dump(content), encoding="utf-8")
        ran = subprocess.run(
            [require_tool("promtool"), "test", "rules", str(script)], capture_output=True, text=True, timeout=120
        )
    return ran.stdout + ran.stderr
