"""The dashboards as Grafana reads them: panels, queries and variables, and what stands for a variable in a query."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from tests.assets.promql import Node, parse

ROOT: Final = Path(__file__).parents[2]
DASHBOARDS: Final = ROOT / "dashboards"
STEMS: Final = ("wamon-fleet", "wamon-number", "wamon-delivery", "wamon-webhooks", "wamon-daemon")
PROMETHEUS: Final = {"type": "prometheus", "uid": "${datasource}"}
ALL: Final = ".*"
# What draws something over time, and so asks over a range.
OVER_TIME: Final = frozenset({"timeseries", "state-timeline", "status-history", "heatmap", "trend", "barchart"})
_REFERENCE: Final = re.compile(r"\$\{(?P<long>[a-zA-Z_]\w*)(?::\w+)?\}|\$(?P<short>[a-zA-Z_]\w*)|\[\[(?P<old>\w+)\]\]")


@dataclass(frozen=True)
class Query:
    """One expression of a panel."""

    raw: Mapping[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        return str(self.raw.get("refId", ""))

    @property
    def expr(self) -> str:
        return str(self.raw.get("expr", ""))

    @property
    def is_instant(self) -> bool:
        return bool(self.raw.get("instant")) and not self.raw.get("range")

    @cached_property
    def tree(self) -> Node:
        return parse(self.expr)


@dataclass(frozen=True)
class Variable:
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        return str(self.raw["name"])

    @property
    def type(self) -> str:
        return str(self.raw["type"])

    @property
    def expr(self) -> str:
        """The query, in Grafana's language for variables."""
        query = self.raw.get("query", "")
        return str(query.get("query", "") if isinstance(query, Mapping) else query)

    @property
    def regex(self) -> str:
        """What picks the values out of the answer, in Python's words; "" for the answer as it is."""
        written = str(self.raw.get("regex") or "")
        found = re.fullmatch(r"/(.*)/\w*", written, re.DOTALL)
        return re.sub(r"\(\?<(\w+)>", r"(?P<\1>", found[1] if found else written)

    @property
    def is_one(self) -> bool:
        """Whether it is one value at a time."""
        return not self.raw.get("multi") and not self.raw.get("includeAll")


@dataclass(frozen=True)
class Panel:
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def title(self) -> str:
        return str(self.raw.get("title", ""))

    @property
    def type(self) -> str:
        return str(self.raw.get("type", ""))

    @cached_property
    def queries(self) -> tuple[Query, ...]:
        return tuple(Query(each) for each in self.raw.get("targets") or ())

    @property
    def defaults(self) -> Mapping[str, Any]:
        """How its fields look where nothing else is said."""
        return dict((self.raw.get("fieldConfig") or {}).get("defaults") or {})

    @property
    def overrides(self) -> dict[str, list[Any]]:
        """The values given to a property for single fields, by the property."""
        found: dict[str, list[Any]] = {}
        for override in (self.raw.get("fieldConfig") or {}).get("overrides") or ():
            for each in override["properties"]:
                found.setdefault(each["id"], []).append(each.get("value"))
        return found

    @property
    def looks(self) -> list[tuple[Any, Mapping[str, Any]]]:
        """What is said of single fields, each with which they are, and its properties by name."""
        found = (self.raw.get("fieldConfig") or {}).get("overrides") or ()
        return [
            ((each.get("matcher") or {}).get("options"), {one["id"]: one.get("value") for one in each["properties"]})
            for each in found
        ]

    @property
    def options(self) -> Mapping[str, Any]:
        return dict(self.raw.get("options") or {})

    @property
    def columns(self) -> list[str] | None:
        """The fields that a table keeps, None where it keeps them all."""
        for each in self.raw.get("transformations") or ():
            if each["id"] == "filterFieldsByName":
                return list(each["options"]["include"]["names"])
        return None

    @property
    def links(self) -> list[Mapping[str, Any]]:
        """Its own links and those of its fields."""
        of_fields = [link for links in self.overrides.get("links", ()) for link in links]
        return [*(self.raw.get("links") or ()), *(self.defaults.get("links") or ()), *of_fields]


@dataclass(frozen=True)
class Board:
    """A dashboard; `others` are the variables of every board that it may lead to, by uid."""

    stem: str
    raw: Mapping[str, Any] = field(repr=False)
    others: Mapping[str, Collection[str]] = field(repr=False)

    @property
    def every_panel(self) -> tuple[Panel, ...]:
        """The panels and the rows between them, those inside of a folded row too."""
        return tuple(self._unfolded(self.raw.get("panels") or ()))

    @cached_property
    def panels(self) -> tuple[Panel, ...]:
        return tuple(panel for panel in self.every_panel if panel.type != "row")

    @cached_property
    def variables(self) -> dict[str, Variable]:
        found = (Variable(each) for each in (self.raw.get("templating") or {}).get("list") or ())
        return {each.name: each for each in found}

    @cached_property
    def annotations(self) -> tuple[Query, ...]:
        """Those that ask Prometheus."""
        found = (self.raw.get("annotations") or {}).get("list") or ()
        queries = ({**(each.get("target") or {}), **each} for each in found if not each.get("builtIn"))
        return tuple(Query({"refId": each.get("name", ""), **each}) for each in queries)

    @property
    def links(self) -> list[Mapping[str, Any]]:
        return list(self.raw.get("links") or ())

    def panel(self, title: str) -> Panel:
        """Raises KeyError."""
        for panel in self.panels:
            if panel.title == title:
                return panel
        raise KeyError(f"{self.stem} has no panel {title!r}")

    def _unfolded(self, panels: Sequence[Mapping[str, Any]]) -> Iterator[Panel]:
        for each in panels:
            yield Panel(each)
            yield from self._unfolded(each.get("panels") or [])


def boards() -> tuple[Board, ...]:
    """The shipped dashboards."""
    raws = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(DASHBOARDS.glob("*.json"))}
    variables = {stem: [each["name"] for each in raw["templating"]["list"]] for stem, raw in raws.items()}
    return tuple(Board(stem, raw, variables) for stem, raw in raws.items())


def references(text: str) -> set[str]:
    """The variables that a text names."""
    return {found["long"] or found["short"] or found["old"] for found in _REFERENCE.finditer(text)}


def filled_in(text: str, values: Mapping[str, str]) -> str:
    """The text with these values in place of its variables; raises KeyError where one is not known."""
    return _REFERENCE.sub(lambda found: values[found["long"] or found["short"] or found["old"]], text)


def objects(raw: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, at any depth."""
    if isinstance(raw, Mapping):
        for key, value in raw.items():
            yield key, value
            yield from objects(value)
    elif isinstance(raw, list):
        for each in raw:
            yield from objects(each)
