"""What Grafana makes of a board that somebody looks at: choices of variables, and queries with these filled in."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from tests.assets.boards import ALL, Board, Panel, Query, Variable, filled_in
from tests.assets.past import Past, Series

STEP: Final = timedelta(minutes=1)
_LABEL_VALUES: Final = re.compile(r"label_values\((?:(?P<selector>.*),\s*)?(?P<label>\w+)\)", re.DOTALL)
_QUERY_RESULT: Final = re.compile(r"query_result\((?P<expr>.*)\)", re.DOTALL)


@dataclass(frozen=True)
class Viewer:
    """Somebody who looks at boards over a past, the whole of it in sight.

    Variables of one value at a time have those that were picked by hand, all others are as a board opens.
    """

    past: Past
    picks: Mapping[str, str] = field(default_factory=dict)
    _values: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)
    _found: dict[tuple[str, bool], list[Series]] = field(default_factory=dict, repr=False)

    def expr(self, board: Board, query: Query) -> str:
        """The expression as it is sent."""
        return filled_in(query.expr, self.values(board))

    def found(self, board: Board, query: Query, looks: Sequence[datetime]) -> list[Series]:
        """Every series with a value, over the whole past; of a query for one moment those of each of these moments."""
        expr = self.expr(board, query)
        key = expr, query.is_instant
        if key not in self._found:
            answers = (
                [series for at in looks for series in self.past.instant(expr, at=at)]
                if query.is_instant
                else self.past.range(expr, step=STEP)
            )
            self._found[key] = [each for each in answers if not all(map(math.isnan, each.values.values()))]
        return self._found[key]

    def at(self, board: Board, query: Query, moment: datetime) -> list[Series]:
        """What the panel shows of this moment. Panels over time have looked at the whole past."""
        if query.is_instant:
            return self.past.instant(self.expr(board, query), at=moment)
        stamp = moment.timestamp()
        found = self.found(board, query, ())
        return [Series(each.labels, {stamp: each.values[stamp]}) for each in found if stamp in each.values]

    # --- variables ----------------------------------------------------------------------------------------------------

    def values(self, board: Board) -> Mapping[str, str]:
        """What stands for each variable of a board in its queries. A variable knows those before it."""
        if board.stem not in self._values:
            values = self._built_in()
            for variable in board.variables.values():
                values[variable.name] = self._value(variable, values)
            self._values[board.stem] = values
        return self._values[board.stem]

    def choices(self, board: Board, name: str) -> list[str]:
        """The values of a variable that somebody can choose among."""
        return self._choices(board.variables[name], self.values(board))

    def _choices(self, variable: Variable, values: Mapping[str, str]) -> list[str]:
        expr = filled_in(variable.expr, values)
        if labels := _LABEL_VALUES.fullmatch(expr):
            name = labels["label"]
            series = self.past.series(labels["selector"] or f'{{{name}!=""}}')
            found = sorted({each[name] for each in series if name in each})
        elif query := _QUERY_RESULT.fullmatch(expr):
            found = [_written(each) for each in self.past.instant(query["expr"])]
        else:
            found = [each.strip() for each in expr.split(",")]
        return list(dict.fromkeys(picked(found, variable.regex)))

    def _value(self, variable: Variable, before: Mapping[str, str]) -> str:
        if variable.is_one and variable.name in self.picks:
            return self.picks[variable.name]
        if variable.type == "datasource":
            return "prometheus"
        if variable.raw.get("includeAll") and variable.raw.get("allValue"):
            return str(variable.raw["allValue"])
        choices = self._choices(variable, before)
        return "|".join(map(re.escape, choices)) if variable.raw.get("includeAll") else next(iter(choices), ALL)

    def _built_in(self) -> dict[str, str]:
        seconds = round(self.past.span.length.total_seconds())
        return {
            "__range": f"{seconds}s",
            "__range_s": f"{seconds}",
            "__interval": "1m",
            "__interval_ms": "60000",
            # Four times the scrape interval.
            "__rate_interval": "4m",
        }


def picked(found: Sequence[str], regex: str) -> Iterator[str]:
    """The values that a variable's regular expression picks out of each: its group `value`, its first, or all of it."""
    if not regex:
        yield from found
        return
    for text in found:
        matches = list(re.finditer(regex, text))
        named = [each["value"] for each in matches if each.groupdict().get("value") is not None]
        if named:
            yield named[0]
        elif matches:
            yield next(filter(None, matches[0].groups()), matches[0][0])


def _written(series: Series) -> str:
    """A series as `query_result` gives it to the regular expression."""
    labels = ",".join(f'{name}="{value}"' for name, value in series.labels.items() if name != "__name__")
    ((at, value),) = series.values.items()
    return f"{series.labels.get('__name__', '')}{{{labels}}} {value:g} {at * 1000:.0f}"


def fields(panel: Panel, answers: Mapping[str, Sequence[Series]]) -> set[str]:
    """The fields that a table has of these answers, by the names of its queries."""
    labels = {label for found in answers.values() for series in found for label in series.labels}
    values = {f"Value #{name}" for name in answers} if len(panel.queries) > 1 else {"Value"}
    return {*labels, *values, "Time"}
