"""What single panels of the boards are to show, on a real Prometheus that remembers a few made-up accounts."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any, Final

import pytest

from tests.assets import fleet
from tests.assets.boards import Board, Panel, boards, filled_in
from tests.assets.few_accounts import (
    CANNOT_SEE,
    DAY,
    EQUALLY_BAD,
    MINUTES,
    OK,
    RANKED,
    RANKS,
    VERDICTS,
    Samples,
    everything,
    written,
)
from tests.assets.grafana import Viewer
from tests.assets.past import Series, Span, past
from tests.assets.ruletest import TARGET
from tests.assets.shipped import alerting_rules, rule_files
from tests.fakes import START
from wamon.rules import RULES

BOARDS: Final = {board.stem: board for board in boards()}
FLEET: Final = BOARDS["wamon-fleet"]
NUMBER: Final = BOARDS["wamon-number"]
TABLES: Final = tuple((board, panel) for board in BOARDS.values() for panel in board.panels if panel.type == "table")
GRID_WIDTH: Final = 24
SPAN: Final = Span(begins_at=START, ends_at=START + timedelta(minutes=MINUTES - 1))
OTHER_INSTANCE: Final = "other:9877"


@pytest.fixture(scope="module")
def viewer() -> Iterator[Viewer]:
    with past(written(everything()), SPAN) as remembered:
        yield Viewer(remembered)


def rows(viewer: Viewer, board: Board, title: str, name: str = "A", **chosen: str) -> list[Series]:
    """What a query of a panel finds now, in the order of the answer."""
    query = next(each for each in board.panel(title).queries if each.name == name)
    return viewer.past.instant(filled_in(query.expr, {**viewer.values(board), **chosen}))


def value(found: Series) -> float:
    (only,) = found.values.values()
    return only


def sorted_by(panel: Panel) -> tuple[str, bool]:
    (by,) = panel.options["sortBy"]
    return by["displayName"], by["desc"]


# --- the verdict ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("what", "samples", "verdict"), VERDICTS, ids=[what for what, _, _ in VERDICTS])
def test_verdict_of_an_account(what: str, samples: Samples, verdict: int, viewer: Viewer) -> None:
    waba = next(iter(samples)).partition('waba_id="')[2].partition('"')[0]

    found = rows(viewer, FLEET, "Verdict per account", waba=waba)

    assert [(each.labels["waba_id"], value(each)) for each in found] == [(waba, verdict)]


def test_all_is_well_only_where_all_was_looked_at(viewer: Viewer) -> None:
    here = TARGET["instance"]

    one = rows(viewer, FLEET, "All well?", waba="100|111", instance=here)
    with_one_unseen = rows(viewer, FLEET, "All well?", waba="100|122", instance=here)
    with_one_down = rows(viewer, FLEET, "All well?", waba="100")
    of_nobody = rows(viewer, FLEET, "All well?", waba="nobody", instance=here)

    assert [value(each) for each in one] == [OK]
    assert [value(each) for each in with_one_unseen] == [CANNOT_SEE]
    assert [value(each) for each in with_one_down] == [CANNOT_SEE]
    assert of_nobody == []


def test_only_ok_is_drawn_as_well() -> None:
    panel = FLEET.panel("All well?")

    (mapping,) = panel.defaults["mappings"]
    colours = {key: shown["color"] for key, shown in mapping["options"].items()}

    assert [key for key, colour in colours.items() if colour == colours[str(OK)]] == [str(OK)]
    assert {step["color"] for step in panel.defaults["thresholds"]["steps"]}.isdisjoint({colours[str(OK)]})


# --- whom a board is about --------------------------------------------------------------------------------------------


def offered(viewer: Viewer, name: str, label: str, **chosen: str) -> dict[str, str | None]:
    """The choices of a variable of the board of one number, by value, each with the words that are shown for it."""
    variable = NUMBER.variables[name]
    expr = filled_in(variable.expr, {**viewer.values(NUMBER), **chosen})
    found = viewer.past.instant(expr.removeprefix("query_result(").removesuffix(")"))
    return {value: each.labels.get(label) for each in found for value in [each.labels[IDENTITY[name]]]}


IDENTITY: Final = {"waba": "waba_id", "phone": "phone_number_id", "instance": "instance"}


def test_accounts_that_only_webhooks_or_the_past_know_can_be_chosen(viewer: Viewer) -> None:
    wabas = offered(viewer, "waba", "name")

    assert (wabas["600"], wabas["601"], wabas["120"]) == (None, "Bygone", None)
    assert set(viewer.choices(NUMBER, "waba")) == wabas.keys()


def test_numbers_that_only_webhooks_or_the_past_know_can_be_chosen(viewer: Viewer) -> None:
    numbers = offered(viewer, "phone", "display_phone_number", waba=".*")

    assert (numbers["6001"], numbers["6011"]) == (None, "+1 555 0100")
    assert set(viewer.choices(NUMBER, "phone")) == numbers.keys()


def test_a_wamon_that_is_down_can_be_chosen_however_little_time_is_shown(viewer: Viewer) -> None:
    assert offered(viewer, "instance", "instance", __range="1s").keys() == {TARGET["instance"], "gone:9877"}


def test_whoever_else_is_scraped_is_left_out(viewer: Viewer) -> None:
    board = BOARDS["wamon-daemon"]

    values = viewer.values(board)
    memory = viewer.found(board, board.panel("Size of the database and memory").queries[1], ())

    assert (values["job"], values["instance"]) == (TARGET["job"], f"gone:9877|{TARGET['instance']}")
    assert [set(each.values.values()) for each in memory] == [{1e8}]


# --- what is ranked ---------------------------------------------------------------------------------------------------


def test_worse_numbers_come_before_better_ones(viewer: Viewer) -> None:
    panel = FLEET.panel("Worst numbers first")

    badness = {each.labels["phone_number_id"]: value(each) for each in rows(viewer, FLEET, panel.title, waba=RANKED)}

    names = [next(iter(samples)).partition('phone_number_id="')[2][0] for _, samples in RANKS]
    assert sorted(badness) == sorted(names)
    for worse, better in pairwise(names):
        if (worse, better) in EQUALLY_BAD:
            assert badness[worse] == badness[better]
        else:
            assert badness[worse] > badness[better], (worse, better)
    assert badness["q"] == 0


def test_worst_numbers_are_in_an_order_that_is_not_shown() -> None:
    panel = FLEET.panel("Worst numbers first")

    (order,) = (each["options"] for each in panel.raw["transformations"] if each["id"] == "sortBy")
    hidden = [name for name, look in panel.looks if look.get("custom.hidden")]

    assert order["sort"] == [{"field": "Value #A", "desc": True}]
    assert hidden == ["Value #A"]


def test_lines_are_of_the_same_ten_accounts_from_begin_to_end(viewer: Viewer) -> None:
    panel = FLEET.panel("The 10 accounts that fail most")

    found = viewer.found(FLEET, panel.queries[0], ())

    assert {each.labels["waba_id"] for each in found} == {f"{720 + place}" for place in range(10)}
    assert {len(each.values) for each in found} == {MINUTES}


def test_the_worst_of_what_meta_says_comes_first(viewer: Viewer) -> None:
    title = "What Meta says of accounts that is not all well"

    found = rows(viewer, FLEET, title)
    few = rows(viewer, FLEET, title, waba="999|20.")
    since = rows(viewer, FLEET, title, "B", waba="999")

    assert found[0].labels["said"] == "DISABLE"
    assert len(found) == 50
    ranks = {each.labels["said"]: value(each) for each in few}
    assert ranks == {"DISABLE": 1, "PENDING": 2, "OTHER": 2, "UNKNOWN": 3}
    assert [value(each) for each in since] == [7200]
    assert sorted_by(FLEET.panel(title)) == ("Severity", False)


def test_flows_in_trouble_come_first_and_the_newest_of_them(viewer: Viewer) -> None:
    board = BOARDS["wamon-delivery"]

    found = rows(viewer, board, "Flows")
    # The table is sorted by the state; rows of the same one stay in the order of the answer.
    shown = sorted(found, key=lambda each: each.labels["state"])

    assert sorted_by(board.panel("Flows")) == ("State", False)
    assert [each.labels["flow_id"] for each in shown][:5] == ["2", "3", "1", "10", "11"]
    assert len(shown) == 25
    assert value(shown[0]) == 3600


def test_restrictions_without_an_end_come_first_then_the_latest_end(viewer: Viewer) -> None:
    found = rows(viewer, FLEET, "Restrictions and bans", waba="40.")

    shown = [(each.labels["restriction_type"], value(each)) for each in sorted(found, key=value, reverse=True)]
    assert {kind for kind, _ in shown[:2]} == {"FOR_EVER", "BAN"}
    assert shown[2:] == [("LATER", 9 * DAY), ("BAN TO COME", 3 * DAY), ("SOON", DAY)]
    panel = FLEET.panel("Restrictions and bans")
    assert sorted_by(panel) == ("Ends in", True)
    ((mapping,),) = panel.overrides["mappings"]
    assert f"{shown[0][1]:.0f}" in mapping["options"]


# --- alerts -----------------------------------------------------------------------------------------------------------


def test_open_alerts_are_those_of_both_judges_each_once(viewer: Viewer) -> None:
    found = rows(viewer, FLEET, "Open alerts")

    # Two of wamon's own and WamonDown are critical.
    assert {each.labels["severity"]: value(each) for each in found} == {"critical": 3, "warning": 1, "info": 1}


def test_table_of_alerts_names_what_only_prometheus_judges(viewer: Viewer) -> None:
    counted = {
        (each.labels["alertname"], each.labels["state"]): value(each) for each in rows(viewer, FLEET, "Alerts now")
    }
    ranked = {each.labels["alertname"]: value(each) for each in rows(viewer, FLEET, "Alerts now", "B")}

    assert counted == {
        ("WhatsAppQualityRatingRed", "firing"): 2,
        ("WhatsAppQualityRatingRed", "pending"): 1,
        ("WamonDown", "firing"): 1,
        ("WamonStoreFailing", "pending"): 1,
        ("WhatsAppDeliveryErrorBudgetBurn", "firing"): 1,
        ("WamonShapeDrift", "firing"): 1,
    }
    assert (ranked["WamonDown"], ranked["WhatsAppDeliveryErrorBudgetBurn"], ranked["WamonShapeDrift"]) == (2, 1, 0)


def test_alerts_by_state_count_both_judges(viewer: Viewer) -> None:
    found = rows(viewer, BOARDS["wamon-daemon"], "Alerts by state")

    assert {each.labels["state"]: value(each) for each in found} == {"firing": 5, "pending": 2}


@pytest.mark.parametrize(
    ("stem", "title"),
    [("wamon-fleet", "Open alerts"), ("wamon-fleet", "Alerts now"), ("wamon-daemon", "Alerts by state")],
)
def test_every_alert_that_only_prometheus_judges_is_asked_for(stem: str, title: str) -> None:
    own = {name for rule in RULES for name in rule.alertnames.values()}
    every = alerting_rules().keys()

    expr = BOARDS[stem].panel(title).queries[0].expr

    assert "ALERTS" in expr
    assert {name for name in every if name in expr} == every - own - {"WamonWatchdog"}


# --- links ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("board", "panel"), TABLES, ids=[f"{board.stem}: {panel.title}" for board, panel in TABLES])
def test_link_of_a_row_carries_no_account_but_the_rows_own(board: Board, panel: Panel) -> None:
    urls = [str(link["url"]) for link in panel.links]

    stuck = [url for url in urls if "${waba:" in url or "${phone:" in url]

    assert stuck == []


@pytest.mark.parametrize(
    ("stem", "title"),
    [
        ("wamon-fleet", "What cannot be seen"),
        ("wamon-daemon", "Probes, the longest without an answer first"),
    ],
)
def test_rows_of_no_account_link_to_all_of_them(stem: str, title: str, viewer: Viewer) -> None:
    board = BOARDS[stem]
    panel = board.panel(title)

    found = [each for query in panel.queries for each in rows(viewer, board, title, query.name)]

    assert any("${__data.fields.waba_id}" in str(link["url"]) for link in panel.links)
    assert {each.labels.get("waba_id", "") for each in found if each.labels["probe"] != "account"} == {"All"}
    assert "" not in {each.labels.get("waba_id", "") for each in found}
    assert board.variables["waba"].raw["includeAll"]


def test_error_budget_leads_to_its_own_runbook() -> None:
    board = BOARDS["wamon-delivery"]

    for title in ("Budget burn of the worst account", "Accounts that burn most of their budget"):
        urls = [str(link["url"]).rpartition("/")[2] for link in board.panel(title).raw["links"]]
        assert urls == ["WhatsAppDeliveryErrorBudgetBurn"]


# --- words and places -------------------------------------------------------------------------------------------------


def test_rates_by_the_minute_say_so() -> None:
    by_minute = [
        panel for board in BOARDS.values() for panel in board.panels if any("* 60" in q.expr for q in panel.queries)
    ]

    units = {panel.title: panel.defaults["unit"] for panel in by_minute if panel.type == "timeseries"}

    assert units == {"Probe runs by outcome": "opm", "Graph requests by answer": "reqpm"}


@pytest.mark.parametrize(
    ("stem", "title", "units"),
    [
        ("wamon-webhooks", "Commits to the ledger", {"C": "cps"}),
        ("wamon-webhooks", "Answering webhooks", {"C": "none"}),
        ("wamon-daemon", "Alertmanager, Slack's buttons, the heartbeat", {"C": "s"}),
        ("wamon-daemon", "Last turn of the scheduler", {"B": "s"}),
    ],
)
def test_what_is_measured_otherwise_has_its_own_unit(stem: str, title: str, units: dict[str, str]) -> None:
    panel = BOARDS[stem].panel(title)

    assert {name: look["unit"] for name, look in panel.looks if "unit" in look} == units
    assert {look["decimals"] for _, look in panel.looks if "unit" in look} == {2}
    assert panel.defaults["unit"] not in units.values()


def test_marks_say_that_they_are_of_all_accounts() -> None:
    names = {each.name for board in BOARDS.values() for each in board.annotations}

    assert names == {
        *(f"Alerts {what} (any account)" for what in ("opened", "raised", "closed")),
        "Markers (any account)",
    }


def test_markers_stand_at_the_moment_that_their_value_is() -> None:
    written = {
        each["name"]: (each.get("useValueForTime"), each["tagKeys"])
        for board in BOARDS.values()
        for each in board.raw["annotations"]["list"]
    }

    assert {name: told for name, told in written.items() if told[0]} == {"Markers (any account)": (True, "kind")}


@pytest.mark.parametrize(
    ("stem", "title", "columns"),
    [
        ("wamon-fleet", "Tokens that end", {"Ends in"}),
        ("wamon-fleet", "API versions that end", {"Ends in"}),
        ("wamon-fleet", "Restrictions and bans", {"Ends in"}),
        ("wamon-fleet", "What Meta says of accounts that is not all well", {"Severity", "For"}),
        ("wamon-delivery", "Templates with problems", {"Effect"}),
        ("wamon-webhooks", "Tokens", {"Ends in", "Data access ends in"}),
        ("wamon-webhooks", "Ends of versions", {"Ends in"}),
    ],
)
def test_columns_have_the_same_words_everywhere(stem: str, title: str, columns: set[str]) -> None:
    assert columns <= set(BOARDS[stem].panel(title).overrides["displayName"])


@pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board.stem)
def test_every_line_of_the_grid_is_full(board: Board) -> None:
    places: list[Mapping[str, Any]] = [panel.raw["gridPos"] for panel in board.every_panel]

    for y, line in groupby(sorted(places, key=itemgetter("y", "x")), key=itemgetter("y")):
        in_line = list(line)
        assert sum(place["w"] for place in in_line) == GRID_WIDTH, f"line {y}"
        assert len({place["h"] for place in in_line}) == 1, f"line {y}"


@pytest.mark.parametrize(
    ("stem", "titles"),
    [
        ("wamon-fleet", ("All well?", "Open alerts", "Verdict per account", "Worst numbers first")),
        ("wamon-webhooks", ("Accounts that are not subscribed", "The most silent accounts")),
        ("wamon-delivery", ("Failed", "Bounced", "The 10 accounts whose messages fail most")),
        ("wamon-daemon", ("Scraped", "Probes that cannot see", "Probes, the longest without an answer first")),
    ],
)
def test_what_matters_most_needs_no_scrolling(stem: str, titles: tuple[str, ...]) -> None:
    places = [BOARDS[stem].panel(title).raw["gridPos"] for title in titles]

    assert max(place["y"] + place["h"] for place in places) <= 23


def test_subscriptions_come_before_what_is_odd() -> None:
    titles = [panel.title for panel in BOARDS["wamon-webhooks"].every_panel if panel.type == "row"]

    assert titles.index("Subscriptions and fields") < titles.index("What is odd about webhooks")


# --- everything twice -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small_fleet() -> list[str]:
    """The samples of a small fleet, and what the rules record of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fleet, "WABAS", 4)
        patch.setattr(fleet, "TOKENS", 2)
        text = fleet.scrapes(START, every=timedelta(minutes=1), count=MINUTES)
    with past(text, SPAN, rules=rule_files()) as once:
        recorded = once.range('{__name__=~".+:.+"}')
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for each in recorded:
        labels = ",".join(f'{label}="{told}"' for label, told in each.labels.items() if label != "__name__")
        lines += [f"{each.labels['__name__']}{{{labels}}} {one!r} {at:.3f}" for at, one in each.values.items()]
    return lines


@pytest.fixture(scope="module")
def doubled(small_fleet: list[str]) -> Iterator[Viewer]:
    """Each series is there twice, as where two Prometheus write to one place."""
    again = [line.replace("{", '{replica="b",', 1) for line in small_fleet]
    with past("\n".join([*small_fleet, *again, "# EOF", ""]), SPAN) as remembered:
        yield Viewer(remembered)


@pytest.fixture(scope="module")
def watched_twice(small_fleet: list[str]) -> Iterator[Viewer]:
    """Two wamons watch the same accounts."""
    again = [line.replace(TARGET["instance"], OTHER_INSTANCE, 1) for line in small_fleet]
    with past("\n".join([*small_fleet, *again, "# EOF", ""]), SPAN) as remembered:
        yield Viewer(remembered)


@pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board.stem)
def test_no_join_breaks_where_series_are_there_twice(board: Board, doubled: Viewer) -> None:
    for panel in board.panels:
        for query in panel.queries:
            doubled.found(board, query, [doubled.past.span.ends_at])


@pytest.mark.parametrize("panel", NUMBER.panels, ids=lambda panel: panel.title)
def test_board_of_one_number_tells_each_thing_once(panel: Panel, watched_twice: Viewer) -> None:
    both = watched_twice.values(NUMBER)
    assert both["instance"] == "|".join(sorted((TARGET["instance"], OTHER_INSTANCE)))

    for query in panel.queries:
        ask = watched_twice.past.instant if query.is_instant else watched_twice.past.range
        of_one = ask(filled_in(query.expr, {**both, "instance": TARGET["instance"]}))
        of_both = ask(filled_in(query.expr, both))
        assert sorted(map(told, of_both)) == sorted(map(told, of_one))


def told(found: Series) -> str:
    """What a series says, but for who says it."""
    return repr((sorted({**found.labels, "instance": ""}.items()), sorted(found.values.items())))
