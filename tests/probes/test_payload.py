"""The lenient readers: what Meta did not say is None, never an error."""

import json
from datetime import UTC, datetime

import pytest

from wamon.core.errors import UnexpectedShape
from wamon.probes.payload import (
    error_code,
    flag,
    items,
    mapping,
    required_object,
    text,
    texts,
    unix_time,
    without_query,
)


@pytest.mark.parametrize(("value", "read"), [("a", "a"), ("  a ", "a"), (7, "7"), (0, "0")])
def test_text_is_a_text_or_a_whole_number(value: object, read: str) -> None:
    assert text(value) == read


def test_half_a_character_can_be_written_down() -> None:
    assert text(json.loads('"10\\ud800"')) == "10?"


@pytest.mark.parametrize("wrong", ["", " ", None, True, False, 1.5, [], {}, ["a"]])
def test_nothing_else_is_a_text(wrong: object) -> None:
    assert text(wrong) is None


@pytest.mark.parametrize(
    ("value", "read"), [(190, "190"), ("190", "190"), (" 190 ", "190"), (0, "0"), ("999999999", "999999999")]
)
def test_error_code_is_a_short_row_of_digits(value: object, read: str) -> None:
    assert error_code(value) == read


@pytest.mark.parametrize("wrong", ["1000000000", "9" * 5000, -1, "-1", "٣", "1e3", "x", "", None, True, 1.0, []])
def test_nothing_else_is_an_error_code(wrong: object) -> None:
    assert error_code(wrong) is None


@pytest.mark.parametrize("wrong", [None, [], "x", 3, [("a", 1)]])
def test_anything_but_an_object_is_read_as_an_empty_one(wrong: object) -> None:
    assert mapping(wrong) == {}


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ([{"a": 1}, None, "x", [], {"b": 2}], [{"a": 1}, {"b": 2}]),
        ({"data": [{"a": 1}]}, [{"a": 1}]),
        ({"data": {"a": 1}}, []),
        ({}, []),
        (None, []),
        ("x", []),
    ],
)
def test_items_are_the_objects_of_a_list_or_of_an_edge(value: object, read: list[object]) -> None:
    assert items(value) == read


@pytest.mark.parametrize(
    ("value", "read"), [(["a", 1, None, " ", {}, "a"], {"a", "1"}), ([], set()), ("abc", set()), (None, set())]
)
def test_texts_are_the_texts_of_a_list(value: object, read: set[str]) -> None:
    assert texts(value) == read


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (1_700_000_000, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("1700000000.5", datetime(2023, 11, 14, 22, 13, 20, 500_000, tzinfo=UTC)),
    ],
)
def test_unix_time_is_a_moment_after_1970(value: object, read: datetime) -> None:
    assert unix_time(value) == read


@pytest.mark.parametrize(
    "wrong", [0, "0", -5, None, True, "x", "", [], 1e20, float("inf"), float("nan"), "inf", 10**400]
)
def test_nonsense_is_no_moment(wrong: object) -> None:
    assert unix_time(wrong) is None


def test_required_object_is_handed_out() -> None:
    assert required_object({"data": {"a": 1}}, "data", what="answer") == {"a": 1}


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": [{"a": 1}]}])
def test_missing_object_makes_the_answer_useless(body: dict[str, object]) -> None:
    with pytest.raises(UnexpectedShape, match="answer: the answer has no object 'data'"):
        required_object(body, "data", what="answer")


@pytest.mark.parametrize("value", [True, False])
def test_flag_is_a_boolean(value: bool) -> None:
    assert flag(value) is value


@pytest.mark.parametrize("wrong", [None, 0, 1, "true", []])
def test_nothing_else_is_a_flag(wrong: object) -> None:
    assert flag(wrong) is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (None, None),
        ("https://h.example.com/wa", "https://h.example.com/wa"),
        ("https://user:pass@h.example.com:8443/wa?key=1#top", "https://h.example.com:8443/wa"),
        ("https://h.example.com", "https://h.example.com"),
        ("http://[::1", "not a URL"),
        ("https://h.example.com:99999/", "not a URL"),
    ],
)
def test_url_is_shown_without_the_parts_that_hold_secrets(url: str | None, shown: str | None) -> None:
    assert without_query(url) == shown
