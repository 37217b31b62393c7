"""The shipped dashboards keep to the rules, and each rule sees what breaks it."""

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.assets import board_rules, panel_looks
from tests.assets.board_rules import RULES, Rule, expressions, is_bounded
from tests.assets.boards import DASHBOARDS, PROMETHEUS, ROOT, STEMS, Board, boards, filled_in, references
from tests.assets.known_metrics import families, family_of, known_labels, read_by_rules
from tests.assets.promql import names_in, parse
from tests.tools import require_tool

BOARDS: Final = boards()
# What is exported and neither drawn nor judged by a rule, and why that is right.
UNUSED: Final[dict[str, str]] = {
    "whatsapp_templates_listed": "since when it holds is what the rules read; the counts of templates show the rest",
}

# What Prometheus's data source reads of an annotation besides what all data sources do; the SDK has no words for it.
# Source: Grafana documentation, "Prometheus annotations", read 2026-11.
OF_ANNOTATIONS: Final = frozenset({"step", "titleFormat", "textFormat", "tagKeys", "useValueForTime"})

# --- the shipped boards -----------------------------------------------------------------------------------------------


def test_every_board_is_there() -> None:
    assert sorted(board.stem for board in BOARDS) == sorted(STEMS)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.stem)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_board(rule: Rule, board: Board) -> None:
    assert "\n".join(rule(board)) == ""


def test_boards_are_in_step_with_what_builds_them() -> None:
    built = subprocess.run(
        [sys.executable, str(DASHBOARDS / "build.py"), "--check"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert built.returncode == 0, built.stdout + built.stderr


def without_what_the_sdk_does_not_write(raw: Any) -> Any:
    """The id that is null, and what only Prometheus reads."""
    known = copy.deepcopy({key: value for key, value in raw.items() if key != "id"})
    for annotation in known["annotations"]["list"]:
        for key in OF_ANNOTATIONS & annotation.keys():
            del annotation[key]
    return known


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.stem)
def test_grafanas_own_model_knows_every_key(board: Board) -> None:
    register_default_plugins()

    read = Dashboard.from_json(copy.deepcopy(dict(board.raw)))

    assert json.loads(JSONEncoder().encode(read)) == without_what_the_sdk_does_not_write(board.raw)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.stem)
def test_prometheus_can_read_every_expression(board: Board, tmp_path: Path) -> None:
    values = dict.fromkeys(board.variables, ".*") | dict.fromkeys(board_rules.BUILT_IN, "5m")
    rules = [
        {"record": f"query:number:{number}", "expr": filled_in(query.expr, values)}
        for number, (_, query) in enumerate(expressions(board))
    ]
    file = tmp_path / "queries.rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}), encoding="utf-8")

    checked = subprocess.run(
        [require_tool("promtool"), "check", "rules", "--lint=none", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    "metric", ["whatsapp_phone_number_quality_rating", "whatsapp_phone_number_status", "whatsapp_phone_number_can_send"]
)
def test_states_of_a_number_have_a_timeline(metric: str) -> None:
    number = next(board for board in BOARDS if board.stem == "wamon-number")

    timelines = [panel for panel in number.panels if panel.type == "state-timeline"]

    assert any(metric in names_in(query.expr) for panel in timelines for query in panel.queries)


def test_every_exported_metric_is_drawn_or_judged_or_left_out_for_a_reason() -> None:
    asked = {name for board in BOARDS for _, query in expressions(board) for name in names_in(query.expr)}
    asked |= {
        name
        for board in BOARDS
        for variable in board.variables.values()
        for name in known_labels()
        if name in variable.expr
    }

    used = {family_of(name) for name in asked | read_by_rules()}

    exported = {row.name for row in families()}
    assert "\n".join(sorted(exported - used - UNUSED.keys())) == ""
    assert sorted(UNUSED.keys() & used) == []
    assert sorted(UNUSED.keys() - exported) == []
    assert all(UNUSED.values())


# --- each rule sees what breaks it ------------------------------------------------------------------------------------

FILTER: Final = 'job=~"$job", instance=~"$instance"'
NUMBERS: Final = f'{FILTER}, waba_id=~"$waba", phone_number_id=~"$phone"'
CHOSEN: Final = (*board_rules.VARIABLES, *board_rules.FILTERS.values())
KEPT: Final = "&".join(f"${{{name}:queryparam}}" for name in CHOSEN)
MESSAGES: Final = f"sum(rate(whatsapp_message_statuses_total{{{NUMBERS}}}[$__rate_interval]))"
SENTENCE: Final = (
    "How many there are. Source: webhooks, as of the last tick. What to do: look at the codes of the number."
)


NO_SERIES: Final = "No series: nobody has sent a message."
ADVICE: Final = "How many messages there are in a second. What to do: look at the codes of the number."


def variable(name: str) -> dict[str, Any]:
    query = {"query": f"label_values(up, {name})", "refId": name}
    return {"name": name, "type": "query", "datasource": PROMETHEUS, "query": query, "refresh": 2, "includeAll": True}


def panel(number: int, kind: str, title: str, expr: str, **more: Any) -> dict[str, Any]:
    is_table = kind == "table"
    return {
        "id": number,
        "type": kind,
        "title": title,
        "description": SENTENCE,
        "datasource": PROMETHEUS,
        "gridPos": {"x": 0, "y": 8 * number, "w": 24, "h": 8},
        "targets": [
            {
                "refId": "A",
                "expr": expr,
                "datasource": PROMETHEUS,
                "instant": is_table,
                "range": not is_table,
                "format": "table" if is_table else "time_series",
            }
        ],
        "fieldConfig": {"defaults": {"unit": "mps", "noValue": NO_SERIES}, "overrides": []},
        "options": {},
        **more,
    }


def sound() -> dict[str, Any]:
    """A small board that no rule complains of."""
    link = {"title": "number", "url": f"/d/wamon-number?${{__url_time_range}}&{KEPT}"}
    colours = {
        "noValue": NO_SERIES,
        "color": {"mode": "fixed"},
        "mappings": [{"type": "value", "options": {"RED": {"color": "red"}}}],
    }
    transitions = f"sum(changes(wamon_alert_transitions_total{{{FILTER}}}[$__rate_interval])) > 0"
    return {
        "id": None,
        "uid": "wamon-fleet",
        "title": "wamon fleet",
        "editable": False,
        "schemaVersion": 39,
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus"},
                *(variable(name) for name in CHOSEN[1:]),
            ]
        },
        "annotations": {
            "list": [
                {"name": "Grafana", "builtIn": 1, "datasource": {"type": "grafana", "uid": "-- Grafana --"}},
                {"name": "alerts", "datasource": PROMETHEUS, "expr": transitions},
            ]
        },
        "links": [{"type": "dashboards", "tags": ["wamon"], "includeVars": True, "keepTime": True}],
        "panels": [
            panel(1, "timeseries", "Messages", MESSAGES),
            panel(
                2,
                "table",
                "Worst numbers",
                f'topk(20, whatsapp_message_failure_ratio{{{NUMBERS}, window="1h"}})',
                options={"sortBy": [{"displayName": "Value", "desc": True}]},
                transformations=[{"id": "filterFieldsByName", "options": {"include": {"names": ["Value"]}}}],
                fieldConfig={
                    "defaults": {"unit": "percentunit", "decimals": 1, "noValue": NO_SERIES},
                    "overrides": [{"matcher": {}, "properties": [{"id": "links", "value": [link]}]}],
                },
            ),
            panel(
                3,
                "state-timeline",
                "Ratings",
                f"whatsapp_phone_number_quality_rating{{{NUMBERS}}} == 1 and "
                f"topk(20, whatsapp_phone_number_quality_rating{{{NUMBERS}}} @ end())",
                fieldConfig={"defaults": colours, "overrides": []},
            ),
        ],
    }


def complaints(rule: Rule, change: Callable[[dict[str, Any]], object]) -> list[str]:
    raw = sound()
    change(raw)
    return list(rule(Board("wamon-fleet", raw, {"wamon-number": CHOSEN})))


def put(*path: str | int, value: Any) -> Callable[[dict[str, Any]], object]:
    """A change of what lies at the end of the path."""

    def change(raw: Any) -> None:
        *way, last = path
        for step in way:
            raw = raw[step]
        raw[last] = value

    return change


def take(*path: str | int) -> Callable[[dict[str, Any]], object]:
    def change(raw: Any) -> None:
        *way, last = path
        for step in way:
            raw = raw[step]
        del raw[last]

    return change


def asking(expr: str, which: int = 0) -> Callable[[dict[str, Any]], object]:
    """A change of the expression of a panel."""
    return put("panels", which, "targets", 0, "expr", value=expr)


def many(raw: dict[str, Any]) -> None:
    raw["panels"] = raw["panels"] * 9


def on_one_another(raw: dict[str, Any]) -> None:
    raw["panels"][1]["gridPos"]["y"] = raw["panels"][0]["gridPos"]["y"] + 7


def folded(raw: dict[str, Any]) -> None:
    """One panel comes into a row, where a rule must find it too."""
    inner = raw["panels"].pop()
    inner["description"] = ""
    raw["panels"].append(
        {"type": "row", "id": 9, "title": "More", "gridPos": {"x": 0, "y": 90, "w": 24, "h": 1}, "panels": [inner]}
    )


def brief(raw: dict[str, Any]) -> None:
    """A figure whose panel does not say what it means that there is none."""
    raw["panels"][0]["type"] = "stat"
    raw["panels"][0]["fieldConfig"]["defaults"]["noValue"] = "-"


def stat(first: str, colour_mode: str = "value") -> Callable[[dict[str, Any]], object]:
    """A change to a figure that has this colour where it has no value."""

    def change(raw: dict[str, Any]) -> None:
        raw["panels"][0] |= {"type": "stat", "options": {"colorMode": colour_mode}}
        raw["panels"][0]["fieldConfig"]["defaults"]["thresholds"] = {"steps": [{"value": None, "color": first}]}

    return change


def looking(which: int, *properties: dict[str, Any]) -> Callable[[dict[str, Any]], object]:
    """A change of how a panel shows its values."""

    def change(raw: dict[str, Any]) -> None:
        overrides = raw["panels"][which]["fieldConfig"]["overrides"]
        overrides.append({"matcher": {"id": "byName", "options": "Value"}, "properties": list(properties)})

    return change


def sorted_before(name: str) -> Callable[[dict[str, Any]], object]:
    """A change to a table that has its rows from the start in the order of this field."""

    def change(raw: dict[str, Any]) -> None:
        raw["panels"][1]["options"] = {}
        order = {"id": "sortBy", "options": {"sort": [{"field": name, "desc": True}]}}
        raw["panels"][1]["transformations"].append(order)

    return change


def coloured_without_words(raw: dict[str, Any]) -> None:
    del raw["panels"][2]["fieldConfig"]["defaults"]["mappings"]
    raw["panels"][2]["fieldConfig"]["defaults"]["color"]["mode"] = "thresholds"


DEFAULTS: Final = ("panels", 0, "fieldConfig", "defaults")
LINK: Final = ("panels", 1, "fieldConfig", "overrides", 0, "properties", 0, "value", 0, "url")
RATE: Final = f"sum(rate(wamon_probe_runs_total{{{FILTER}}}[5m]))"
RATIO: Final = f"whatsapp_message_failure_ratio{{{NUMBERS}}}"

BROKEN: Final[tuple[tuple[Rule, Callable[[dict[str, Any]], object], str], ...]] = (
    (board_rules.is_imported_as_it_is, put("id", value=7), "id is 7"),
    (board_rules.is_imported_as_it_is, put("uid", value="abc"), "uid 'abc'"),
    (board_rules.is_imported_as_it_is, put("editable", value=True), "can be edited"),
    (board_rules.is_imported_as_it_is, put("schemaVersion", value=16), "schemaVersion 16"),
    (board_rules.is_imported_as_it_is, take("title"), "no title"),
    (board_rules.is_imported_as_it_is, put("__inputs", value=[]), "asks for inputs"),
    (board_rules.has_its_variables, take("templating", "list", 4), "no variable phone"),
    (board_rules.has_its_variables, take("templating", "list", 1), "no variable job"),
    (board_rules.has_its_variables, put("panels", value=[]), "variable phone chooses nothing"),
    (board_rules.has_its_variables, put("templating", "list", 1, "type", value="datasource"), "2 variables for a data"),
    (board_rules.has_its_variables, put("templating", "list", 1, "refresh", value=0), "job never looks again"),
    (board_rules.lets_no_strangers_in, put("templating", "list", 1, "allValue", value=".*"), "job: All is '.*'"),
    (board_rules.lets_no_strangers_in, put("templating", "list", 2, "allValue", value=".+"), "instance: All is '.+'"),
    (
        board_rules.names_no_data_source,
        put("panels", 0, "datasource", value={"uid": "P1"}),
        "data source {'uid': 'P1'}",
    ),
    (board_rules.names_no_data_source, put("panels", 0, "targets", 0, "datasource", value="Mine"), "source 'Mine'"),
    (board_rules.names_no_data_source, take("panels", 0, "datasource"), "Messages: no data source"),
    (board_rules.names_no_data_source, put("annotations", "list", 1, "datasource", value=None), "source None"),
    (board_rules.has_annotations_of_transitions, take("annotations", "list", 1), "no annotations"),
    (board_rules.has_few_panels, many, "27 panels"),
    (board_rules.has_few_panels, put("panels", value=[]), "no panels"),
    (board_rules.has_panels_apart, put("panels", 1, "id", value=1), "panel id 1 is there twice"),
    (board_rules.has_panels_apart, take("panels", 1, "id"), "without an id"),
    (board_rules.has_panels_apart, put("panels", 1, "title", value="Messages"), "'Messages' is there twice"),
    (board_rules.has_panels_apart, take("panels", 1, "gridPos"), "Worst numbers: no place"),
    (board_rules.has_panels_apart, put("panels", 1, "gridPos", "x", value=1), "wider than the grid"),
    (board_rules.has_panels_apart, on_one_another, "Messages overlaps Worst numbers"),
    (board_rules.explains_panels, put("panels", 0, "title", value=""), "panel 1: no title"),
    (board_rules.explains_panels, put("panels", 0, "description", value="Messages."), "Messages: no description"),
    (board_rules.explains_panels, put("panels", 0, "description", value=SENTENCE[:-1]), "Messages: no description"),
    (board_rules.explains_panels, put("panels", 0, "description", value=ADVICE), "Messages: no 'Source: '"),
    (board_rules.explains_panels, folded, "Ratings: no description"),
    (panel_looks.has_units, take("panels", 0, "fieldConfig", "defaults", "unit"), "Messages: no unit"),
    (panel_looks.rounds_as_people_read, put(*DEFAULTS, value={"unit": "locale"}), "Messages: locale with None"),
    (panel_looks.rounds_as_people_read, put(*DEFAULTS, value={"unit": "short"}), "Messages: unit short"),
    (
        panel_looks.rounds_as_people_read,
        put("panels", 1, "fieldConfig", "defaults", "decimals", value=2),
        "Worst numbers: percentunit with 2",
    ),
    (
        panel_looks.rounds_as_people_read,
        looking(1, {"id": "unit", "value": "dtdurations"}),
        "Worst numbers, Value: dtdurations with None",
    ),
    (panel_looks.says_what_is_missing, put(*DEFAULTS, "noValue", value="0"), "Messages: nothing is said of no series"),
    (panel_looks.says_what_is_missing, put("panels", 0, "type", value="stat"), "in large letters"),
    (panel_looks.says_what_is_missing, brief, "Messages: nothing is said of no value"),
    (panel_looks.colours_only_what_was_checked, stat("#4A90D9"), "Messages: no value is #4A90D9"),
    (panel_looks.colours_only_what_was_checked, stat("transparent"), "Messages: no value is transparent"),
    (panel_looks.colours_only_what_was_checked, stat("text", "background_solid"), "Messages: no value is text"),
    (
        panel_looks.colours_only_what_was_checked,
        looking(1, {"id": "thresholds", "value": {"steps": [{"value": None, "color": "#A3123A"}]}}),
        "Worst numbers: no value is #A3123A",
    ),
    (
        panel_looks.keeps_the_words_of_states,
        put("panels", 2, "fieldConfig", "defaults", "color", "mode", value="thresholds"),
        "Ratings: a timeline with colours by thresholds",
    ),
    (
        panel_looks.keeps_the_words_of_states,
        put("panels", 2, "fieldConfig", "defaults", "thresholds", value={"steps": [{"color": "red"}]}),
        "colours by fixed and ['red']",
    ),
    (
        panel_looks.keeps_the_words_of_states,
        take("panels", 2, "fieldConfig", "defaults", "mappings"),
        "a timeline without words",
    ),
    (panel_looks.gives_colours_a_meaning, coloured_without_words, "Ratings: colours"),
    (panel_looks.gives_colours_a_meaning, put("panels", 0, "type", value="stat"), "Messages: colours"),
    (
        board_rules.shows_states_as_states,
        put("panels", 2, "type", value="timeseries"),
        "quality_rating as a timeseries",
    ),
    (board_rules.sorts_tables_and_links_them, take("panels", 1, "options", "sortBy"), "not sorted"),
    (
        board_rules.sorts_tables_and_links_them,
        put("panels", 1, "options", "sortBy", 0, "displayName", value="Ratio"),
        "not sorted",
    ),
    (board_rules.sorts_tables_and_links_them, looking(1, {"id": "custom.hidden", "value": True}), "not sorted"),
    (board_rules.sorts_tables_and_links_them, sorted_before("Badness"), "not sorted"),
    (board_rules.sorts_tables_and_links_them, put("panels", 1, "fieldConfig", "overrides", value=[]), "leads nowhere"),
    (board_rules.has_links_that_lead_somewhere, put(*LINK, value="/d/mine"), "no board mine"),
    (board_rules.has_links_that_lead_somewhere, put(*LINK, value=f"/d/wamon-number?{KEPT}"), "loses the time"),
    (
        board_rules.has_links_that_lead_somewhere,
        put(*LINK, value="/d/wamon-number?${__url_time_range}&var-phone=1&${job:queryparam}"),
        "loses the variable waba",
    ),
    (
        board_rules.has_links_that_lead_somewhere,
        put(*LINK, value="http://localhost:9877/runbooks/Nothing"),
        "no runbook Nothing",
    ),
    (board_rules.has_links_that_lead_somewhere, put(*LINK, value="https://example.com/"), "leads out"),
    (board_rules.has_links_that_lead_somewhere, put("links", 0, "keepTime", value=False), "loses time"),
    (
        board_rules.has_links_that_know_their_fields,
        put(*LINK, value="/d/wamon-number?var-phone=${__data.fields.phone_number_id}"),
        "no field phone_number_id",
    ),
    (board_rules.has_queries_that_can_be_read, put("panels", 0, "targets", value=[]), "Messages: no query"),
    (board_rules.has_queries_that_can_be_read, put("panels", 0, "targets", 0, "refId", value=""), "are named ['']"),
    (board_rules.has_queries_that_can_be_read, asking("sum(up"), "where an expression should start"),
    (
        board_rules.asks_for_metrics_that_exist,
        asking(f"sum(wamon_probe_run_total{{{FILTER}}})"),
        "no metric 'wamon_pro",
    ),
    (board_rules.asks_for_metrics_that_exist, asking(f'sum(up{{{FILTER}, phone="1"}})'), "up has no label phone"),
    (board_rules.asks_for_metrics_that_exist, asking('sum({job=~"$job"})'), "no metric ''"),
    (
        board_rules.asks_for_metrics_that_exist,
        asking(f"sum(whatsapp_webhook_lag_seconds{{{FILTER}}})"),
        "no metric 'wha",
    ),
    (board_rules.uses_its_variables, asking('sum(up{job=~"$job"})'), "up without instance=~$instance"),
    (
        board_rules.uses_its_variables,
        asking(f"sum(whatsapp_webhook_events_total{{{FILTER}}})"),
        "whatsapp_webhook_events_total without waba_id=~$waba",
    ),
    (
        board_rules.uses_its_variables,
        asking(f'sum(whatsapp_message_failure_ratio{{{FILTER}, waba_id=~"$waba"}})'),
        "without phone_number_id=~$phone",
    ),
    (
        board_rules.uses_its_variables,
        put("annotations", "list", 1, "expr", value="up"),
        "annotation alerts: up without",
    ),
    (board_rules.knows_its_variables, asking(f'sum(up{{{FILTER}, version="$version"}})'), "no variable version"),
    (board_rules.knows_its_variables, put("templating", "list", 1, "query", value="$place"), "job: no variable place"),
    (board_rules.has_windows_that_follow_the_zoom, asking(RATE), "Messages: rate over 5m"),
    (board_rules.asks_as_it_shows, put("panels", 0, "targets", 0, value={"instant": True}), "one moment over time"),
    (board_rules.asks_as_it_shows, put("panels", 1, "targets", 0, "instant", value=False), "a table over a range"),
    (board_rules.asks_as_it_shows, put("panels", 1, "targets", 0, "format", value="time_series"), "a table of series"),
    (board_rules.draws_the_same_lines_throughout, asking(f"topk(3, {RATIO})"), "A has another topk at each point"),
    (
        board_rules.draws_the_same_lines_throughout,
        asking(f"{RATIO} and bottomk(3, max_over_time({RATIO}[1h]))"),
        "A has another bottomk at each point",
    ),
    (board_rules.draws_few_lines, asking(RATIO), "Messages: A can have lines without end"),
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_sound_board_keeps_to(rule: Rule) -> None:
    assert complaints(rule, lambda raw: None) == []


@pytest.mark.parametrize(
    ("rule", "change", "complaint"), BROKEN, ids=[f"{rule.__name__}: {complaint}" for rule, _, complaint in BROKEN]
)
def test_broken_board_is_seen(rule: Rule, change: Callable[[dict[str, Any]], object], complaint: str) -> None:
    assert [each for each in complaints(rule, change) if complaint in each] != []


def test_table_may_come_in_the_order_of_a_column_that_it_hides() -> None:
    def change(raw: dict[str, Any]) -> None:
        sorted_before("Value")(raw)
        looking(1, {"id": "custom.hidden", "value": True})(raw)

    assert complaints(board_rules.sorts_tables_and_links_them, change) == []


def test_every_rule_is_shown_to_see_something() -> None:
    assert {rule for rule, _, _ in BROKEN} == set(RULES)


@pytest.mark.parametrize(
    ("expr", "is_few"),
    [
        ("x", False),
        ('x{waba_id="1", phone_number_id="2"}', True),
        ('x{waba_id=~"$waba", phone_number_id=~"$one"}', False),
        ('y{waba_id=~"$one"}', True),
        ('y{waba_id=~"$waba"}', False),
        ("z", True),
        ("sum(x)", True),
        ("sum by (job) (x)", True),
        ("sum by (waba_id) (x)", False),
        ("sum by (phone_number_id) (topk(3, x))", True),
        ("sum without (job) (x)", False),
        ("sum without (waba_id, phone_number_id) (x)", True),
        ("topk(10, x)", True),
        ("topk by (waba_id) (10, x)", False),
        ("count_values(`v`, x)", True),
        ("x > 0", False),
        ("0 < x", False),
        ("x - time()", False),
        ("-x", False),
        ("x / on (waba_id) group_left topk(1, y)", False),
        ("topk(1, x) / on (waba_id) group_left y", True),
        ("topk(1, y) * on (waba_id) group_right x", False),
        ("x and topk(1, x)", True),
        ("x and on (waba_id) topk(1, x)", False),
        ("y and on (waba_id) topk(1, x)", True),
        ("topk(1, x) and y", True),
        ("sum by (waba_id) (x) and on (waba_id) topk(1, y)", True),
        ("topk(1, x) or y", False),
        ("topk(1, x) or topk(1, y)", True),
        ("topk(1, x) unless y", True),
        ("label_replace(x, `a`, `b`, `c`, `d`)", False),
        ("max_over_time(sum(x)[1h:5m])", True),
        ("max_over_time(x[1h])", False),
    ],
)
def test_lines_without_end_are_told_from_few(expr: str, is_few: bool) -> None:
    labels = {
        "x": frozenset({"waba_id", "phone_number_id"}),
        "y": frozenset({"waba_id"}),
        "z": frozenset({"outcome"}),
    }

    assert is_bounded(parse(expr), labels, frozenset({"one"})) is is_few


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('x{a=~"$job"}', {"job"}),
        ('x{a=~"${job:regex}"}', {"job"}),
        ("rate(x[$__rate_interval])", {"__rate_interval"}),
        ("[[job]]", {"job"}),
        ("label_replace(x, `a`, `$1`, `b`, `(.*)`)", set()),
    ],
)
def test_variables_are_found_in_every_form(text: str, names: set[str]) -> None:
    assert references(text) == names
