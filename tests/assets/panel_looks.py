"""How the panels of a shipped dashboard must look: units, colours, and words for what is not there."""

from collections.abc import Iterator, Mapping
from typing import Final

from tests.assets.boards import Board, Panel

COLOURED: Final = frozenset({"stat", "gauge", "bargauge", "state-timeline", "status-history"})
COLOURED_BY_VALUE: Final = frozenset({"stat", "gauge", "bargauge", "table"})
# The colour of letters, none, and that of what is not known.
PLAIN: Final = "text"
CLEAR: Final = "transparent"
UNKNOWN: Final = "#8E8E8E"
# How many decimals: of an age it is how many units besides the largest.
ROUNDED: Final[Mapping[str, int]] = {"locale": 0, "percentunit": 1, "dtdurations": 1}
# 1.23 K is no count.
MISREAD: Final = frozenset({"short"})
# Where the words for no value stand in the place of a figure.
IN_LARGE_LETTERS: Final = frozenset({"stat", "gauge", "bargauge"})
MOST_LARGE_LETTERS: Final = 5
WITHOUT_UNIT: Final = frozenset({"text", "state-timeline", "status-history", "annolist", "dashlist"})


def has_units(board: Board) -> Iterator[str]:
    for panel in board.panels:
        if panel.type not in WITHOUT_UNIT and not panel.defaults.get("unit") and not _other_unit(panel):
            yield f"{panel.title}: no unit"


def _other_unit(panel: Panel) -> bool:
    """A table has units by column, a heat map at its axis."""
    return bool(panel.overrides.get("unit") or (panel.options.get("yAxis") or {}).get("unit"))


def rounds_as_people_read(board: Board) -> Iterator[str]:
    """Whole counts, shares to a tenth of a percent, ages in no more than two units."""
    for panel in board.panels:
        places = [(panel.title, panel.defaults), *((f"{panel.title}, {name}", look) for name, look in panel.looks)]
        for place, look in places:
            unit, decimals = str(look.get("unit")), look.get("decimals")
            if unit in ROUNDED and decimals != ROUNDED[unit]:
                yield f"{place}: {unit} with {decimals} decimals"
            if unit in MISREAD:
                yield f"{place}: unit {unit}"


def says_what_is_missing(board: Board) -> Iterator[str]:
    """In one sentence: where there is room for it, else in the description."""
    for panel in board.panels:
        told = str(panel.defaults.get("noValue") or "")
        if not panel.queries:
            continue
        if panel.type not in IN_LARGE_LETTERS:
            if not told.startswith("No series: "):
                yield f"{panel.title}: nothing is said of no series"
        elif not 0 < len(told) <= MOST_LARGE_LETTERS:
            yield f"{panel.title}: {told!r} in large letters"
        elif "No value: " not in str(panel.raw.get("description")):
            yield f"{panel.title}: nothing is said of no value"


def colours_only_what_was_checked(board: Board) -> Iterator[str]:
    """The first colour of the thresholds is that of no value too: it neither praises nor alarms."""
    for panel in board.panels:
        if panel.type not in COLOURED_BY_VALUE:
            continue
        every = [panel.defaults.get("thresholds") or {}, *panel.overrides.get("thresholds", ())]
        is_filled = panel.type == "table" or panel.options.get("colorMode") in ("background", "background_solid")
        silent = {CLEAR, UNKNOWN} if is_filled else {PLAIN, UNKNOWN}
        for first in (steps[0]["color"] for each in every if (steps := each.get("steps"))):
            if first not in silent:
                yield f"{panel.title}: no value is {first}"


def keeps_the_words_of_states(board: Board) -> Iterator[str]:
    """Grafana merges the values of a timeline by the thresholds where these give its colours."""
    for panel in board.panels:
        if panel.type != "state-timeline":
            continue
        mode = panel.defaults.get("color", {}).get("mode")
        colours = {step["color"] for step in (panel.defaults.get("thresholds") or {}).get("steps") or ()}
        if mode != "fixed" or colours - {PLAIN}:
            yield f"{panel.title}: a timeline with colours by {mode} and {sorted(colours)}"
        if not panel.defaults.get("mappings"):
            yield f"{panel.title}: a timeline without words"


def gives_colours_a_meaning(board: Board) -> Iterator[str]:
    for panel in board.panels:
        is_plain = panel.defaults.get("color", {}).get("mode") == "fixed" or panel.options.get("colorMode") == "none"
        if panel.type in COLOURED and not is_plain and not _has_meaning(panel):
            yield f"{panel.title}: colours without thresholds or mappings"


def _has_meaning(panel: Panel) -> bool:
    thresholds = [panel.defaults.get("thresholds") or {}, *panel.overrides.get("thresholds", ())]
    mappings = [panel.defaults.get("mappings") or [], *panel.overrides.get("mappings", ())]
    return any(each.get("steps") for each in thresholds) or any(mappings)
