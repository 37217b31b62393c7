"""Every query of every dashboard on a real Prometheus that knows the demo's whole story, and a large and ill fleet."""

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from tests.assets import fleet
from tests.assets.boards import Board, Panel, Query, boards
from tests.assets.demo_story import ENDS_AT, recorded_demo
from tests.assets.grafana import Viewer, fields, picked
from tests.assets.past import QueryError, Span, past
from tests.assets.shipped import rule_files
from tests.assets.shown import (
    BYSTANDER,
    COURIER,
    DELIVERIES,
    EMPTY_IN_THE_DEMO,
    MARKET,
    MARKETING,
    SHOWN,
    STRANGERS,
    Shown,
)
from tests.fakes import START

pytestmark = pytest.mark.alone

BOARDS: Final = boards()
QUERIES: Final = tuple((board, panel, query) for board in BOARDS for panel in board.panels for query in panel.queries)
TABLES: Final = tuple((board, panel) for board in BOARDS for panel in board.panels if panel.columns)
# When a person looks at what shows one moment only.
LOOKS: Final = tuple(START + timedelta(minutes=minute) for minute in range(5, ENDS_AT + 1, 10))


# --- the story --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewer]:
    recording = asyncio.run(recorded_demo(tmp_path_factory.mktemp("demo")))
    span = Span(begins_at=recording.scrapes[0].at, ends_at=recording.scrapes[-1].at)
    with past(recording.openmetrics(), span, rules=rule_files()) as remembered:
        yield Viewer(remembered, picks={"phone": MARKETING})


@pytest.mark.parametrize(
    ("board", "panel", "query"),
    QUERIES,
    ids=[f"{board.stem}: {panel.title} {query.name}" for board, panel, query in QUERIES],
)
def test_query_finds_something_in_the_story(board: Board, panel: Panel, query: Query, story: Viewer) -> None:
    found = story.found(board, query, LOOKS)

    assert bool(found) is not is_excused(board, panel, query)


def is_excused(board: Board, panel: Panel, query: Query) -> bool:
    keys = {(board.stem, panel.title, query.name), (board.stem, panel.title, "")}
    return bool(keys & EMPTY_IN_THE_DEMO.keys())


def test_what_is_excused_exists() -> None:
    known = {(board.stem, panel.title, name) for board, panel, query in QUERIES for name in ("", query.name)}

    assert EMPTY_IN_THE_DEMO.keys() - known == set()
    assert all(EMPTY_IN_THE_DEMO.values())


@pytest.mark.parametrize("shown", SHOWN, ids=str)
def test_what_happened_is_seen(shown: Shown, story: Viewer) -> None:
    board = next(each for each in BOARDS if each.stem == shown.board)
    at = START + timedelta(minutes=shown.minute)

    values = [
        value
        for query in board.panel(shown.panel).queries
        if shown.query in ("", query.name)
        for series in story.at(board, query, at)
        if shown.labels.items() <= series.labels.items()
        for value in series.values.values()
    ]

    assert any(shown.at_least <= value <= shown.at_most for value in values), values


@pytest.mark.parametrize(("board", "panel"), TABLES, ids=[f"{board.stem}: {panel.title}" for board, panel in TABLES])
def test_table_has_the_columns_that_it_names(board: Board, panel: Panel, story: Viewer) -> None:
    answers = {query.name: story.found(board, query, LOOKS) for query in panel.queries}

    missing = set(panel.columns or ()) - fields(panel, answers)

    assert missing == set()


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.stem)
def test_variables_offer_what_there_is(board: Board, story: Viewer) -> None:
    names = [name for name, variable in board.variables.items() if variable.type == "query"]

    offered = {name: set(story.choices(board, name)) for name in names}

    there_is = {
        "job": {"wamon"},
        "instance": {"wamon:9877"},
        "waba": {MARKET, DELIVERIES},
        "phone": {MARKETING, BYSTANDER, STRANGERS, COURIER},
    }
    assert offered == {name: there_is[name] for name in names}


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.stem)
def test_annotations_mark_what_happened_to_alerts(board: Board, story: Viewer) -> None:
    marked = {
        series.labels.get("alertname")
        for query in board.annotations
        for series in story.past.range(story.expr(board, query))
    }

    assert {"WhatsAppQualityRatingRed", "WhatsAppSubscriptionLost", "WhatsAppTokenExpiring"} <= marked


def test_what_prometheus_refuses_is_no_empty_answer(story: Viewer) -> None:
    with pytest.raises(QueryError, match="many-to-many"):
        story.past.range("wamon_alerts * on (job) wamon_alerts")
    with pytest.raises(QueryError, match="parse error"):
        story.past.instant("sum(")


# --- a large fleet ----------------------------------------------------------------------------------------------------

MOST_SERIES: Final = 100
MOST_ROWS: Final = 200
PATIENCE_SECONDS: Final = 10.0
# Enough for a rule of rules to have a value at whatever second of the minute each is evaluated.
LARGE_SCRAPES: Final = 6
# What is empty there says nothing of its size.
ANSWERED_SHARE: Final = 0.95


@pytest.fixture(scope="module")
def large_fleet() -> Iterator[Viewer]:
    text = fleet.scrapes(START, every=timedelta(minutes=1), count=LARGE_SCRAPES)
    span = Span(begins_at=START, ends_at=START + timedelta(minutes=LARGE_SCRAPES - 1))
    with past(text, span, rules=rule_files()) as remembered:
        yield Viewer(remembered)


@pytest.mark.parametrize(
    ("board", "panel", "query"),
    QUERIES,
    ids=[f"{board.stem}: {panel.title} {query.name}" for board, panel, query in QUERIES],
)
def test_query_stays_small_and_quick_for_a_large_fleet(
    board: Board, panel: Panel, query: Query, large_fleet: Viewer
) -> None:
    large_fleet.values(board)

    began_at = time.monotonic()
    found = large_fleet.found(board, query, [large_fleet.past.span.ends_at])
    took = time.monotonic() - began_at

    assert len(found) <= (MOST_ROWS if panel.type == "table" else MOST_SERIES)
    assert took < PATIENCE_SECONDS


def test_large_fleet_has_an_answer_to_nearly_every_query(large_fleet: Viewer) -> None:
    answered = [bool(large_fleet.found(board, query, [large_fleet.past.span.ends_at])) for board, _, query in QUERIES]

    assert sum(answered) > ANSWERED_SHARE * len(answered)


# --- how the past is made ---------------------------------------------------------------------------------------------


def test_rules_are_evaluated_at_the_same_seconds_in_every_past(tmp_path: Path) -> None:
    file = tmp_path / "moment.rules.yml"
    file.write_text("groups: [{name: moment, rules: [{record: 'a:moment:now', expr: time()}]}]\n", encoding="utf-8")
    span = Span(begins_at=START, ends_at=START + timedelta(minutes=5))
    text = "\n".join([*(f"x 1 {START.timestamp() + 60 * minute:.3f}" for minute in range(6)), "# EOF", ""])

    moments = []
    for _ in range(3):
        with past(text, span, rules=[file]) as remembered:
            moments.append([each.values for each in remembered.range("a:moment:now")])

    assert moments[0] != []
    assert moments == moments[:1] * 3


# --- how variables are read -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("regex", "values"),
    [
        ("", ['x{id="7",name="a"} 1 2', 'x{id="8",name="b"} 1 2']),
        (r'id="(?P<value>[^"]+)|name="(?P<text>[^"]+)', ["7", "8"]),
        (r'name="(\w)"', ["a", "b"]),
        (r'"b"', ['"b"']),
    ],
)
def test_choices_are_picked_out_of_the_answer(regex: str, values: list[str]) -> None:
    assert list(picked(['x{id="7",name="a"} 1 2', 'x{id="8",name="b"} 1 2'], regex)) == values
