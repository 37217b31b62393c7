"""What a shipped dashboard must keep to: each rule a function that names what breaks it."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final, TypeAlias

from tests.assets.boards import OVER_TIME, PROMETHEUS, ROOT, STEMS, Board, Panel, Query, objects, references
from tests.assets.known_metrics import known_labels, of_various_targets, state_families
from tests.assets.panel_looks import (
    colours_only_what_was_checked,
    gives_colours_a_meaning,
    has_units,
    keeps_the_words_of_states,
    rounds_as_people_read,
    says_what_is_missing,
)
from tests.assets.promql import (
    LIMITS,
    RATES,
    Aggregate,
    Binary,
    Call,
    Literal,
    Node,
    PromqlError,
    Selector,
    Subquery,
    moves,
    parse,
    selectors,
    walk,
)

Rule: TypeAlias = Callable[[Board], Iterator[str]]

VARIABLES: Final = ("datasource", "job", "instance")
# Which variable speaks of which label.
FILTERS: Final[Mapping[str, str]] = {"waba_id": "waba", "phone_number_id": "phone"}
# There are as many as the fleet has accounts, numbers, templates, countries.
UNBOUNDED: Final = frozenset({"waba_id", "phone_number_id", "id", "template", "flow_id", "calling_code"})
# Grafana's own, known to every dashboard.
BUILT_IN: Final = frozenset({"__rate_interval", "__interval", "__range", "__range_s", "__interval_ms"})
MOST_PANELS: Final = 25
GRID_WIDTH: Final = 24
SCHEMA_VERSIONS: Final = range(36, 40)
LEAST_DESCRIPTION: Final = 60
# Each panel says where its values come from and how old they may be, and what one does about them.
TOLD: Final = ("Source: ", "What to do: ")
WITHOUT_QUERIES: Final = frozenset({"text", "dashlist"})
WITH_STATES: Final = frozenset({"state-timeline", "status-history", "table", "stat"})
RUNBOOKS: Final = ROOT / "docs" / "runbooks"
_BOARD_LINK: Final = re.compile(r"/d/(?P<uid>[\w-]+)")
_FIELD: Final = re.compile(r"\$\{__data\.fields\.(\w+)")
_RUNBOOK_LINK: Final = re.compile(r"/runbooks/(?P<name>\$\{[^}]*\}|\w*)")


@dataclass(frozen=True, slots=True)
class _Place:
    x: int
    y: int
    width: int
    height: int

    def overlaps(self, other: "_Place") -> bool:
        beside = self.x >= other.x + other.width or other.x >= self.x + self.width
        return not beside and not (self.y >= other.y + other.height or other.y >= self.y + self.height)


# --- the board --------------------------------------------------------------------------------------------------------


def is_imported_as_it_is(board: Board) -> Iterator[str]:
    """No id of somebody's Grafana, a uid that stays, a schema that Grafana 10 knows, nothing to be edited."""
    raw = board.raw
    if raw.get("id") is not None:
        yield f"id is {raw['id']!r}, not null"
    if raw.get("uid") != board.stem:
        yield f"uid {raw.get('uid')!r} is not the file's name"
    if raw.get("editable") is not False:
        yield "can be edited"
    if raw.get("schemaVersion") not in SCHEMA_VERSIONS:
        yield f"schemaVersion {raw.get('schemaVersion')!r}"
    if not raw.get("title"):
        yield "no title"
    if "__inputs" in raw or "__requires" in raw:
        yield "asks for inputs at the import"


def has_its_variables(board: Board) -> Iterator[str]:
    """Those of the target always, those of accounts and numbers where it shows any, and none that choose nothing."""
    known = known_labels()
    asked = [query for _, query in _readable(board)]
    shown = {label for query in asked for each in selectors(query.tree) for label in known.get(each.name, ())}
    wanted = {*VARIABLES, *(name for label, name in FILTERS.items() if label in shown)}
    yield from (f"no variable {name}" for name in sorted(wanted - board.variables.keys()))
    used = {name for query in asked for name in references(query.expr)} | {"datasource"}
    used |= {name for each in board.variables.values() for name in references(each.expr)}
    yield from (f"variable {name} chooses nothing" for name in sorted(board.variables.keys() - used))
    sources = [each for each in board.variables.values() if each.type == "datasource"]
    if [each.name for each in sources] != ["datasource"]:
        yield f"{len(sources)} variables for a data source: {[each.name for each in sources]}"
    for each in board.variables.values():
        if each.type == "query" and each.raw.get("refresh") not in (1, 2):
            yield f"variable {each.name} never looks again"


def lets_no_strangers_in(board: Board) -> Iterator[str]:
    """All jobs and instances are those that are listed: others have series of the same names, as `up`."""
    for name in ("job", "instance"):
        variable = board.variables.get(name)
        if variable is not None and variable.raw.get("allValue"):
            yield f"variable {name}: All is {variable.raw['allValue']!r}"


def names_no_data_source(board: Board) -> Iterator[str]:
    """Whatever asks, asks the variable. Grafana's own annotations ask Grafana."""
    own = [each for each in (board.raw.get("annotations") or {}).get("list") or () if each.get("builtIn")]
    exempt = {id(each["datasource"]) for each in own if "datasource" in each}
    for key, value in objects(board.raw):
        if key == "datasource" and id(value) not in exempt and value != PROMETHEUS:
            yield f"data source {value!r}"
    for panel in board.panels:
        if panel.queries and panel.raw.get("datasource") != PROMETHEUS:
            yield f"{panel.title}: no data source of its own"


def has_annotations_of_transitions(board: Board) -> Iterator[str]:
    if not any("wamon_alert_transitions_total" in each.expr for each in board.annotations):
        yield "no annotations of alert transitions"


def has_few_panels(board: Board) -> Iterator[str]:
    if len(board.panels) > MOST_PANELS:
        yield f"{len(board.panels)} panels"
    if not board.panels:
        yield "no panels"


def has_panels_apart(board: Board) -> Iterator[str]:
    """Each id once, each title once, each place once."""
    ids: list[Any] = [panel.raw.get("id") for panel in board.every_panel]
    yield from (f"panel id {each} is there twice" for each in sorted({each for each in ids if ids.count(each) > 1}))
    if None in ids:
        yield "a panel without an id"
    titles = [panel.title for panel in board.panels]
    yield from (f"title {each!r} is there twice" for each in sorted({t for t in titles if titles.count(t) > 1}))
    places = [(panel.title, _place(panel)) for panel in board.every_panel]
    for title, place in places:
        if place is None:
            yield f"{title}: no place"
        elif place.x + place.width > GRID_WIDTH:
            yield f"{title}: wider than the grid"
    for (one, place), (other, elsewhere) in combinations(places, 2):
        if place is not None and elsewhere is not None and place.overlaps(elsewhere):
            yield f"{one} overlaps {other}"


def _place(panel: Panel) -> _Place | None:
    grid = panel.raw.get("gridPos")
    return None if grid is None else _Place(grid["x"], grid["y"], grid["w"], grid["h"])


# --- the panels -------------------------------------------------------------------------------------------------------


def explains_panels(board: Board) -> Iterator[str]:
    for panel in board.panels:
        description = str(panel.raw.get("description") or "")
        if not panel.title:
            yield f"panel {panel.raw.get('id')}: no title"
        if len(description) < LEAST_DESCRIPTION or not description.endswith((".", "?")):
            yield f"{panel.title}: no description"
        yield from (f"{panel.title}: no {each!r}" for each in TOLD if each not in description)


def shows_states_as_states(board: Board) -> Iterator[str]:
    """The state itself is no line; how many are in it may be one."""
    states = state_families()
    for panel, query in _readable(board):
        if panel.type in WITH_STATES:
            continue
        for each in _unaggregated(query.tree):
            if each.name in states:
                yield f"{panel.title}: {each.name} as a {panel.type}"


def _unaggregated(node: Node) -> Iterator[Selector]:
    match node:
        case Selector():
            yield node
        case Aggregate(operator, inner) if operator in LIMITS:
            yield from _unaggregated(inner[1])
        case Call(_, inner):
            for each in inner:
                yield from _unaggregated(each)
        case Binary(_, left):
            yield from _unaggregated(left)


def sorts_tables_and_links_them(board: Board) -> Iterator[str]:
    for panel in board.panels:
        if panel.type != "table":
            continue
        if not _is_sorted(panel):
            yield f"{panel.title}: not sorted by a column of its own"
        if not panel.links:
            yield f"{panel.title}: leads nowhere"


def _is_sorted(panel: Panel) -> bool:
    """By a column that is seen; a table does not sort by one that it hides, its rows must come in that order."""
    hidden = {name for name, look in panel.looks if look.get("custom.hidden")}
    titles = {look.get("displayName", name) for name, look in panel.looks if name in hidden}
    columns = {*(panel.columns or ("Value",))}
    before = [each for rows in _transformations(panel, "sortBy") for each in rows["sort"]]
    if before:
        return all(each["field"] in columns for each in before) and not panel.options.get("sortBy")
    shown = {*columns - hidden, *panel.overrides.get("displayName", ())} - titles
    sorted_by = panel.options.get("sortBy") or []
    return bool(sorted_by) and all(each["displayName"] in shown for each in sorted_by)


def _transformations(panel: Panel, kind: str) -> Iterator[Mapping[str, Any]]:
    return (each["options"] for each in panel.raw.get("transformations") or () if each["id"] == kind)


def has_links_that_lead_somewhere(board: Board) -> Iterator[str]:
    """To a board with the time and the variables, or to a runbook that there is."""
    for where, link in _links(board):
        url = str(link.get("url") or "")
        if found := _BOARD_LINK.search(url):
            if found["uid"] not in STEMS:
                yield f"{where}: no board {found['uid']}"
            yield from (f"{where}: {url} loses {each}" for each in _lost(board, url, link))
        elif found := _RUNBOOK_LINK.search(url):
            if not _is_runbook(found["name"]):
                yield f"{where}: no runbook {found['name']}"
        elif link.get("type") != "dashboards":
            yield f"{where}: {url!r} leads out"
        elif not (link.get("includeVars") and link.get("keepTime")):
            yield f"{where}: the list of boards loses time or variables"


def _is_runbook(name: str) -> bool:
    if name.startswith("${"):
        return "alertname" in name.lower() or "alert" in name.lower()
    return (RUNBOOKS / f"{name}.md").is_file()


def _links(board: Board) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from (("the board", link) for link in board.links)
    for panel in board.panels:
        yield from ((panel.title, link) for link in panel.links)


def _lost(board: Board, url: str, link: Mapping[str, Any]) -> Iterator[str]:
    """Of what both boards have. Who names an account need not name a number: it would be one of another account."""
    if "${__url_time_range}" not in url and not link.get("keepTime"):
        yield "the time"
    if "${__all_variables}" in url or link.get("includeVars"):
        return
    found = _BOARD_LINK.search(url)
    theirs = board.others.get(found["uid"], ()) if found else ()
    for name in board.variables:
        is_kept = f"${{{name}:queryparam}}" in url or f"var-{name}=" in url
        if name in theirs and not is_kept and not (name == "phone" and "var-waba=" in url):
            yield f"the variable {name}"


def has_links_that_know_their_fields(board: Board) -> Iterator[str]:
    """A link of a row names what the row still has after its columns were chosen."""
    for panel in board.panels:
        if panel.columns is None:
            continue
        shown = {*panel.columns, *panel.overrides.get("displayName", ())}
        for link in panel.links:
            for name in _FIELD.findall(str(link.get("url"))):
                if name not in shown:
                    yield f"{panel.title}: no field {name} for a link"


# --- the queries ------------------------------------------------------------------------------------------------------


def _readable(board: Board) -> Iterator[tuple[Panel, Query]]:
    """Those that can be read."""
    for panel in board.panels:
        for query in panel.queries:
            try:
                parse(query.expr)
            except PromqlError:
                continue
            yield panel, query


def has_queries_that_can_be_read(board: Board) -> Iterator[str]:
    for panel in board.panels:
        if not panel.queries and panel.type not in WITHOUT_QUERIES:
            yield f"{panel.title}: no query"
        names = [query.name for query in panel.queries]
        if len(set(names)) < len(names) or "" in names:
            yield f"{panel.title}: queries are named {names}"
    for title, query in expressions(board):
        try:
            parse(query.expr)
        except PromqlError as exc:
            yield f"{title}: {exc}"


def expressions(board: Board) -> Iterator[tuple[str, Query]]:
    """Every expression of panels and annotations, with where it stands."""
    yield from ((panel.title, query) for panel in board.panels for query in panel.queries)
    yield from ((f"annotation {query.name}", query) for query in board.annotations)


def asks_for_metrics_that_exist(board: Board) -> Iterator[str]:
    known = known_labels()
    for title, query in expressions(board):
        for selector in selectors(query.tree):
            if selector.name not in known:
                yield f"{title}: no metric {selector.name!r}"
                continue
            if ":" not in selector.name:
                wrong = {each.label for each in selector.matchers} - {*known[selector.name], "job", "instance"}
                yield from (f"{title}: {selector.name} has no label {label}" for label in sorted(wrong))


def uses_its_variables(board: Board) -> Iterator[str]:
    """Each selector asks for the chosen job and instance, and for the chosen account and number where it has one."""
    known, various = known_labels(), of_various_targets()
    for title, query in expressions(board):
        for selector in selectors(query.tree):
            wanted = {"job": "job", "instance": "instance"}
            if selector.name not in various:
                wanted |= {label: name for label, name in FILTERS.items() if label in known.get(selector.name, ())}
            for label, name in wanted.items():
                if not _is_filtered(selector, label, name):
                    yield f"{title}: {selector.name} without {label}=~${name}"


def _is_filtered(selector: Selector, label: str, name: str) -> bool:
    return any(each.label == label and name in references(each.value) for each in selector.matchers)


def knows_its_variables(board: Board) -> Iterator[str]:
    known = board.variables.keys() | BUILT_IN
    for title, query in expressions(board):
        yield from (f"{title}: no variable {name}" for name in sorted(references(query.expr) - known))
    for variable in board.variables.values():
        yield from (
            f"variable {variable.name}: no variable {name}" for name in sorted(references(variable.expr) - known)
        )


def has_windows_that_follow_the_zoom(board: Board) -> Iterator[str]:
    for panel, query in _readable(board):
        if panel.type not in OVER_TIME or query.is_instant:
            continue
        for node in walk(query.tree):
            if not isinstance(node, Call) or node.function not in RATES or not moves(node):
                continue
            if _window(node) != "__rate_interval":
                yield f"{panel.title}: {node.function} over {_window(node)}"


def _window(node: Call) -> str:
    (argument,) = node.arguments
    window = argument.window if isinstance(argument, Selector | Subquery) else ""
    return window.strip("${}")


def asks_as_it_shows(board: Board) -> Iterator[str]:
    """Over a range what is drawn over time, at one moment what a table lists."""
    for panel in board.panels:
        for query in panel.queries:
            if panel.type in OVER_TIME and query.is_instant:
                yield f"{panel.title}: one moment over time"
            if panel.type == "table" and not query.is_instant:
                yield f"{panel.title}: a table over a range"
            if panel.type == "table" and query.raw.get("format") != "table":
                yield f"{panel.title}: a table of series"


def draws_the_same_lines_throughout(board: Board) -> Iterator[str]:
    """Who is worst is asked for once, not at each point: else every line that ever was among them is drawn."""
    for panel, query in _readable(board):
        if query.is_instant:
            continue
        for node in walk(query.tree):
            if isinstance(node, Aggregate) and node.operator in LIMITS and moves(node):
                yield f"{panel.title}: {query.name} has another {node.operator} at each point"


def draws_few_lines(board: Board) -> Iterator[str]:
    """However large the fleet is."""
    known = known_labels()
    single = frozenset(name for name, variable in board.variables.items() if variable.is_one)
    for panel, query in _readable(board):
        if not is_bounded(query.tree, known, single):
            yield f"{panel.title}: {query.name} can have lines without end"


def is_bounded(node: Node, labels: Mapping[str, frozenset[str]], single: frozenset[str] = frozenset()) -> bool:
    """Whether the result has few series, whatever the fleet; `single` are the variables with one value at a time."""
    return not _endless(node, labels, single)


def _endless(node: Node, labels: Mapping[str, frozenset[str]], single: frozenset[str]) -> frozenset[str]:
    """The labels of the result that have as many values as there are accounts, numbers and so on."""

    def endless(*nodes: Node) -> frozenset[str]:
        return frozenset[str]().union(*(_endless(each, labels, single) for each in nodes))

    match node:
        case Selector(name, matchers):
            pinned = {each.label for each in matchers if each.sign == "=" or references(each.value) & single}
            return (labels.get(name, UNBOUNDED) & UNBOUNDED) - pinned
        case Subquery(inner):
            return endless(inner)
        case Call(_, arguments):
            return endless(*arguments)
        case Aggregate(_, arguments, by, is_without):
            # Those that limit keep all labels, but for each group only so many series.
            inside = endless(arguments[-1])
            return inside - by if is_without else inside & by
        case Binary("or", left, right):
            return endless(left, right)
        case Binary("unless", left):
            return endless(left)
        case Binary(operator, left, right) if _is_scalar(left) or _is_scalar(right):
            return endless(left, right)
        case Binary(operator, left, right, on, _, group):
            if operator == "and" or group == "left":
                return endless(left) - _pinned_by(endless(right), on)
            if group == "right":
                return endless(right) - _pinned_by(endless(left), on)
            return min(endless(left), endless(right), key=len)
    return frozenset()


def _pinned_by(others: frozenset[str], on: frozenset[str] | None) -> frozenset[str]:
    """The labels of which one side has few values, because the other side has few and they must be the same."""
    return frozenset() if others else UNBOUNDED if on is None else on


def _is_scalar(node: Node) -> bool:
    match node:
        case Literal():
            return True
        case Call(function, arguments):
            return function in ("time", "scalar", "pi") or (function == "" and _is_scalar(arguments[0]))
        case Binary(_, left, right):
            return _is_scalar(left) and _is_scalar(right)
    return False


RULES: Final[tuple[Rule, ...]] = (
    is_imported_as_it_is,
    has_its_variables,
    lets_no_strangers_in,
    names_no_data_source,
    has_annotations_of_transitions,
    has_few_panels,
    has_panels_apart,
    explains_panels,
    has_units,
    rounds_as_people_read,
    says_what_is_missing,
    colours_only_what_was_checked,
    keeps_the_words_of_states,
    gives_colours_a_meaning,
    shows_states_as_states,
    sorts_tables_and_links_them,
    has_links_that_lead_somewhere,
    has_links_that_know_their_fields,
    has_queries_that_can_be_read,
    asks_for_metrics_that_exist,
    uses_its_variables,
    knows_its_variables,
    has_windows_that_follow_the_zoom,
    asks_as_it_shows,
    draws_the_same_lines_throughout,
    draws_few_lines,
)
