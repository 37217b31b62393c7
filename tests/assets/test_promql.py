"""PromQL is read as Prometheus reads it, as far as the rules of dashboards need."""

import pytest

from tests.assets.promql import (
    Aggregate,
    Binary,
    Call,
    Literal,
    Matcher,
    PromqlError,
    Selector,
    moves,
    names_in,
    parse,
    walk,
)


@pytest.mark.parametrize(
    ("expr", "names"),
    [
        ("up", {"up"}),
        ("sum by (le) (rate(x_bucket[5m]))", {"x_bucket"}),
        ("sum(rate(x[5m])) by (le)", {"x"}),
        ("a / on (b) group_left (c) d or vector(0)", {"a", "d"}),
        ("max_over_time(rate(a[5m])[1h:5m])", {"a"}),
        ("a offset 5m and b offset -1h", {"a", "b"}),
        ("topk(3, a @ end())", {"a"}),
        ("a @ 1600000000", {"a"}),
        ("-2 ^ a > bool 3e5", {"a"}),
        ('label_replace(a, "x", "$1", "y", "b(.*)")', {"a"}),
        ("level:metric:sum1h # of c", {"level:metric:sum1h"}),
        ("1 - 2 * 1e3", set()),
        ('{__name__="a"}', {""}),
        ("count_values without (a) ('v', b)", {"b"}),
    ],
)
def test_metrics_are_found_in_every_kind_of_expression(expr: str, names: set[str]) -> None:
    assert names_in(expr) == names


def test_selector_has_its_matchers_and_its_window() -> None:
    found = parse("""x{a="1", b=~'$c', d!~`.*`,}[$__rate_interval]""")

    matchers = (Matcher("a", "=", "1"), Matcher("b", "=~", "$c"), Matcher("d", "!~", ".*"))
    assert found == Selector("x", matchers, "$__rate_interval")


@pytest.mark.parametrize(
    ("expr", "is_moving"),
    [
        ("x", True),
        ("x[5m]", True),
        ("x @ end()", False),
        ("x[5m] @ end()", False),
        ("x @ 1600000000", False),
        ("x @ end() offset 5m", False),
        ("rate(x[$__range] @ end())", False),
        ("sum by (a) (x @ end() * 2 or y @ start())", False),
        ("sum(x @ end() + y)", True),
        ("max_over_time(rate(x[5m])[1h:5m] @ end())", False),
        ("max_over_time(rate(x[5m] @ end())[1h:5m])", False),
        ("max_over_time(rate(x[5m])[1h:5m])", True),
        ("time() - x @ end()", True),
        ("1 + 2", False),
    ],
)
def test_what_is_pinned_does_not_move(expr: str, is_moving: bool) -> None:
    assert moves(parse(expr)) is is_moving


def test_operators_bind_as_in_prometheus() -> None:
    found = parse("a or b and c == d + e * f ^ g")

    assert isinstance(found, Binary)
    operators = [node.operator for node in walk(found) if isinstance(node, Binary)]
    assert operators == ["or", "and", "==", "+", "*", "^"]


def test_operators_of_one_rank_go_from_left_to_right_but_powers_from_right_to_left() -> None:
    assert parse("1 - 2 - 3") == Binary("-", Binary("-", Literal("1"), Literal("2")), Literal("3"))
    assert parse("1 ^ 2 ^ 3") == Binary("^", Literal("1"), Binary("^", Literal("2"), Literal("3")))
    assert parse("-1 ^ 2") == Call("", (Binary("^", Literal("1"), Literal("2")),))


def test_matching_tells_on_what_and_which_side_is_many() -> None:
    found = parse("a * ignoring (x) group_right (y, z) b")

    assert found == Binary("*", Selector("a"), Selector("b"), None, frozenset({"x"}), "right", frozenset({"y", "z"}))


def test_aggregation_knows_its_labels_wherever_they_stand() -> None:
    by = Aggregate("sum", (Selector("a"),), frozenset({"x", "y"}))

    assert parse("sum by (x, y) (a)") == parse("sum(a) by (x, y)") == by
    assert parse("sum without (x) (a)") == Aggregate("sum", (Selector("a"),), frozenset({"x"}), is_without=True)


@pytest.mark.parametrize(
    "expr", ["", "sum(", "a{", 'a{b="c"', "a b", "a +", "(a", "a[5m", "a[5m:", ")", "a ? b", "a{b=}"]
)
def test_what_is_no_expression_is_refused(expr: str) -> None:
    with pytest.raises(PromqlError):
        parse(expr)
