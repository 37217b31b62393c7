"""What Meta refused within a query, remembered for a day: no call is spent on asking for it again."""

from dataclasses import dataclass
from typing import Final, TypeAlias

from wamon.core.errors import Refused
from wamon.core.ports import Edge, GraphQuery
from wamon.core.timing import Clock
from wamon.graph.fields import Field, Refusal, likeliest_place, places_of, read_fields, write_fields

# What Meta refused yesterday it may have today, so that each lesson is learned again once a day.
LESSON_SECONDS: Final = 86_400.0

# "(#100) Field expansion is not supported on this node": the code of every question that is put wrongly, and no name.
NESTING_REFUSED: Final = 100

# A kind of query, and the node that it was learned from where that says nothing about the others.
_Key: TypeAlias = tuple[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lesson:
    """Which names a query must do without."""

    refusals: frozenset[Refusal]
    learned_at: float


class Lessons:
    """What each query is asked without. Only what a query that was answered in the end had to do without is learned."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lessons: dict[_Key, _Lesson] = {}

    def recall(self, query: GraphQuery) -> frozenset[Refusal]:
        kind = _kind(query)
        return self._fresh((kind, None)) | self._fresh((kind, query.path))

    def learn(self, query: GraphQuery, refusals: frozenset[Refusal]) -> None:
        """Remember a plain name for every query of the kind, an edge for this node only.

        The names tell the kind of node, and the kind decides which names there are: one WABA learns for all. A node
        that answered without its edges may be of another kind (the id of a user in place of a WABA's), from which the
        others must learn nothing.
        """
        has_edge = any(is_nested_edge(refusal, query) for refusal in refusals)
        key = (_kind(query), query.path if has_edge else None)
        self._lessons[key] = _Lesson(refusals=refusals, learned_at=self._clock.monotonic())

    def _fresh(self, key: _Key) -> frozenset[Refusal]:
        lesson = self._lessons.get(key)
        if lesson is None or self._clock.monotonic() - lesson.learned_at >= LESSON_SECONDS:
            return frozenset()
        return lesson.refusals


def refusals_of(fault: Refused, query: GraphQuery, asked: tuple[Field, ...]) -> frozenset[Refusal]:
    """What to leave out of the next try; empty when the query makes no sense without it.

    A nested edge can always go, since it can be asked for by itself. The first plain name of a node (its id apart) can
    not: a probe names first what every node of the wanted kind has, so a node that lacks it is of another kind, and
    dropping name after name would only hide that.
    """
    nested = frozenset(Refusal((), field.name) for field in asked if field.name in _edges(query))
    if fault.field is None:
        return nested if fault.code == NESTING_REFUSED else frozenset()
    if fault.field in _edges(query):
        return nested & {Refusal((), fault.field)}
    places = list(places_of(fault.field, asked))
    if not places or (query.edge and fault.field == query.edge.name):
        return frozenset()
    place = likeliest_place(places, fault.node_type)
    core = next((field.name for field in asked if field.name not in _edges(query) | {"id"}), None)
    is_core = place == () and query.edge is None and fault.field in {core, "id"}
    return frozenset() if is_core else frozenset({Refusal(place, fault.field)})


def is_nested_edge(refusal: Refusal, query: GraphQuery) -> bool:
    return refusal.place == () and refusal.name in _edges(query)


def _kind(query: GraphQuery) -> str:
    fields = write_fields(read_fields(query.edge.fields if query.edge else query.fields))
    return f"{query.edge.name if query.edge else ''}?{fields}"


def _edges(query: GraphQuery) -> frozenset[str]:
    """The edges that are nested in a query of a node."""
    return frozenset(field.name for field in query.fields if isinstance(field, Edge))
