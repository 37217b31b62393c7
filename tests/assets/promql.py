"""PromQL read far enough to judge an expression: its selectors, its windows, and which labels its result can have.

Written for the expressions of dashboards, after Grafana's variables were replaced or with them in place: a `$name` is
read as a string, a duration or a number where one of these stands. What Prometheus would refuse may pass here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

AGGREGATES: Final = frozenset(
    {"sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values", "bottomk", "topk", "quantile"}
)
LIMITS: Final = frozenset({"topk", "bottomk"})
RATES: Final = frozenset({"rate", "irate", "increase", "delta", "idelta", "deriv"})
_SETS: Final = frozenset({"and", "or", "unless"})
# The weakest first.
_LEVELS: Final = (
    ("or",),
    ("and", "unless"),
    ("==", "!=", "<=", "<", ">=", ">"),
    ("+", "-"),
    ("*", "/", "%", "atan2"),
)
_TOKEN: Final = re.compile(
    r"""\s+|\#[^\n]*
    |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)
    |(?P<duration>(?:\d+(?:ms|[smhdwy]))+)
    |(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<variable>\$\{[^}]*\}|\$\w+)
    |(?P<name>[a-zA-Z_][\w:]*)
    |(?P<sign>=~|!~|==|!=|<=|>=|[-+*/%^<>=(){}\[\],:@])""",
    re.VERBOSE,
)


class PromqlError(ValueError):
    """What stands there is no PromQL, or none of a kind that is understood here."""


@dataclass(frozen=True, slots=True)
class Matcher:
    label: str
    sign: str
    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """Series of one metric; `window` is what stands in brackets behind it, "" for none.

    What is pinned is asked for at one moment, whichever moment it is evaluated for.
    """

    name: str
    matchers: tuple[Matcher, ...] = ()
    window: str = ""
    is_pinned: bool = False

    def matches(self, label: str, value: str) -> bool:
        """Whether it asks for this label by a regular expression of exactly this text."""
        return Matcher(label, "=~", value) in self.matchers


@dataclass(frozen=True, slots=True)
class Literal:
    text: str


@dataclass(frozen=True, slots=True)
class Call:
    function: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`labels` are those by which it keeps apart, or those that it gives up where `is_without`."""

    operator: str
    arguments: tuple["Node", ...]
    labels: frozenset[str] = frozenset()
    is_without: bool = False


@dataclass(frozen=True, slots=True)
class Binary:
    """`on` and `ignoring` as they stand, None where they do not; `group` is left, right or nothing."""

    operator: str
    left: "Node"
    right: "Node"
    on: frozenset[str] | None = None
    ignoring: frozenset[str] | None = None
    group: str = ""
    included: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Subquery:
    """An expression over a window of its own."""

    inner: "Node"
    window: str
    is_pinned: bool = False


Node: TypeAlias = Selector | Literal | Call | Aggregate | Binary | Subquery


def parse(expr: str) -> Node:
    """Raises PromqlError."""
    parser = _Parser(list(_tokens(expr)), expr)
    node = parser.expression()
    parser.ended()
    return node


def walk(node: Node) -> Iterator[Node]:
    """It and everything in it."""
    yield node
    match node:
        case Call(_, inner) | Aggregate(_, inner):
            for each in inner:
                yield from walk(each)
        case Binary(_, left, right):
            yield from walk(left)
            yield from walk(right)
        case Subquery(inner):
            yield from walk(inner)


def selectors(node: Node) -> tuple[Selector, ...]:
    return tuple(each for each in walk(node) if isinstance(each, Selector))


def moves(node: Node) -> bool:
    """Whether it may be something else at another moment of the time shown."""
    match node:
        case Selector() | Subquery() if node.is_pinned:
            return False
        case Selector():
            return True
        case Subquery(inner):
            return moves(inner)
        case Call(function, inner):
            return function == "time" or any(map(moves, inner))
        case Aggregate(_, inner):
            return any(map(moves, inner))
        case Binary(_, left, right):
            return moves(left) or moves(right)
    return False


def names_in(expr: str) -> set[str]:
    """The metrics that an expression reads."""
    return {each.name for each in selectors(parse(expr))}


@dataclass
class _Parser:
    tokens: list[tuple[str, str]]
    text: str
    at: int = field(default=0)

    def expression(self, level: int = 0) -> Node:
        if level == len(_LEVELS):
            return self._power()
        left = self.expression(level + 1)
        while self._word().lower() in _LEVELS[level] and self._kind() in ("sign", "name"):
            operator = self._take().lower()
            if self._word() == "bool":
                self._take()
            on, ignoring, group, included = self._matching()
            right = self.expression(level + 1)
            left = Binary(operator, left, right, on, ignoring, group, included)
        return left

    def ended(self) -> None:
        if self.at != len(self.tokens):
            raise self._error(f"{self._word()!r} is too much")

    def _matching(self) -> tuple[frozenset[str] | None, frozenset[str] | None, str, frozenset[str]]:
        on = ignoring = None
        group, included = "", frozenset[str]()
        if self._word() == "on":
            self._take()
            on = self._labels()
        elif self._word() == "ignoring":
            self._take()
            ignoring = self._labels()
        if self._word() in ("group_left", "group_right"):
            group = self._take().removeprefix("group_")
            if self._word() == "(":
                included = self._labels()
        return on, ignoring, group, included

    def _power(self) -> Node:
        base = self._unary()
        if self._word() == "^":
            self._take()
            on, ignoring, group, included = self._matching()
            return Binary("^", base, self._power(), on, ignoring, group, included)
        return base

    def _unary(self) -> Node:
        if self._word() in ("-", "+") and self._kind() == "sign":
            self._take()
            return Call("", (self._power(),))
        return self._windowed(self._primary())

    def _windowed(self, node: Node) -> Node:
        while (word := self._word()) in ("[", "offset", "@"):
            self._take()
            if word == "offset":
                if self._word() == "-":
                    self._take()
                self._take()
            elif word == "@":
                self._take()
                if self._word() == "(":
                    self._expect("(")
                    self._expect(")")
                if isinstance(node, Selector | Subquery):
                    node = replace(node, is_pinned=True)
            else:
                node = self._in_brackets(node)
        return node

    def _in_brackets(self, node: Node) -> Node:
        window = self._take()
        is_subquery = self._word() == ":"
        if is_subquery:
            self._take()
            if self._word() != "]":
                self._take()
        self._expect("]")
        if isinstance(node, Selector) and not is_subquery:
            return Selector(node.name, node.matchers, window)
        return Subquery(node, window)

    def _primary(self) -> Node:
        kind = self._kind()
        if kind in ("number", "string", "variable", "duration"):
            return Literal(self._take())
        if self._word() == "(":
            self._take()
            node = self.expression()
            self._expect(")")
            return node
        if self._word() == "{":
            return Selector("", self._matchers())
        if kind != "name":
            raise self._error(f"{self._word()!r} where an expression should start")
        name = self._take()
        if name in AGGREGATES and self._word() in ("(", "by", "without"):
            return self._aggregate(name)
        if self._word() == "(":
            return Call(name, self._arguments())
        return Selector(name, self._matchers() if self._word() == "{" else ())

    def _aggregate(self, operator: str) -> Aggregate:
        labels, is_without = self._grouping()
        arguments = self._arguments()
        if self._word() in ("by", "without"):
            labels, is_without = self._grouping()
        return Aggregate(operator, arguments, labels, is_without)

    def _grouping(self) -> tuple[frozenset[str], bool]:
        if self._word() not in ("by", "without"):
            return frozenset(), False
        is_without = self._take() == "without"
        return self._labels(), is_without

    def _arguments(self) -> tuple[Node, ...]:
        self._expect("(")
        found = []
        while self._word() != ")":
            found.append(self.expression())
            if self._word() == ",":
                self._take()
        self._expect(")")
        return tuple(found)

    def _labels(self) -> frozenset[str]:
        self._expect("(")
        found = set()
        while self._word() != ")":
            found.add(self._take())
            if self._word() == ",":
                self._take()
        self._expect(")")
        return frozenset(found)

    def _matchers(self) -> tuple[Matcher, ...]:
        self._expect("{")
        found = []
        while self._word() != "}":
            label, sign, value = self._take(), self._take(), self._take()
            found.append(Matcher(label, sign, value[1:-1]))
            if self._word() == ",":
                self._take()
        self._expect("}")
        return tuple(found)

    # --- tokens -------------------------------------------------------------------------------------------------------

    def _kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def _word(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def _take(self) -> str:
        if self.at >= len(self.tokens):
            raise self._error("it ends too early")
        self.at += 1
        return self.tokens[self.at - 1][1]

    def _expect(self, word: str) -> None:
        if self._take() != word:
            raise self._error(f"no {word!r} before {self._word()!r}")

    def _error(self, what: str) -> PromqlError:
        return PromqlError(f"{what}: {self.text}")


def _tokens(expr: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(expr):
        found = _TOKEN.match(expr, at)
        if found is None:
            raise PromqlError(f"what is {expr[at : at + 10]!r}: {expr}")
        at = found.end()
        if found.lastgroup is not None:
            yield found.lastgroup, found.group()
