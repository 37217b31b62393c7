"""The skeleton shows the form of a value, never a value."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wamon.core import books
from wamon.webhooks.envelope import MOST_KEPT, Post, quarantine
from wamon.webhooks.skeleton import MOST_CHARACTERS, UnreadablePartsError, skeleton

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (None, "null"),
        (True, "boolean"),
        (15550100234, "number"),
        (1.5, "number"),
        ("15550100234", "text of 11"),
        ("", "text of 0"),
        ({}, "{}"),
        ([], "[]"),
        ({"id": "1", "time": 7}, "{id: text of 1, time: number}"),
        ([1, 2, 3, "a", 4], "[3 x number, text of 1, number]"),
        ({"statuses": [{"id": "a"}, {"id": "b"}]}, "{statuses: [2 x {id: text of 1}]}"),
    ],
)
def test_form_is_told_by_keys_types_and_lengths(value: object, form: str) -> None:
    assert skeleton(value) == form


@pytest.mark.parametrize("key", ["15550100234", "Rosa", "rosa beispiel", "a" * 41, "", "id1", "ü", "a\n"])
def test_key_that_may_be_a_value_is_hidden(key: str) -> None:
    assert skeleton({key: 1}) == "{<key>: number}"


@pytest.mark.parametrize("key", ["id", "phone_number_id", "a" * 40])
def test_key_like_metas_is_shown(key: str) -> None:
    assert skeleton({key: 1}) == f"{{{key}: number}}"


def test_deep_value_is_cut() -> None:
    value: list[object] = []
    for _ in range(500):
        value = [value]

    assert skeleton(value) == "[[[[[[[[[...]]]]]]]]]"


def test_long_list_of_many_forms_is_cut() -> None:
    form = skeleton([number if number % 2 else str(number % 10) for number in range(10_000)])

    assert len(form) == MOST_CHARACTERS
    assert form.endswith("...")


def test_long_list_of_one_form_is_counted_as_far_as_it_was_looked_at() -> None:
    form = skeleton([{"id": "a"}] * 10_000)

    assert form == "[249 x {id: text of 1}, {...}, ...]"


def test_wide_object_is_cut() -> None:
    form = skeleton({"k" * 40: [{"k" * 40: "x" * number} for number in range(400)]})

    assert len(form) == MOST_CHARACTERS
    assert form.endswith("...")


def test_what_is_no_json_is_named_so() -> None:
    assert skeleton(object()) == "other"


@given(JSON)
def test_any_value_has_a_form_without_its_digits_and_capitals(value: Any) -> None:
    form = skeleton(value)

    assert len(form) <= MOST_CHARACTERS
    assert form.isascii()
    assert not any(each.isupper() for each in form)


def test_unreadable_parts_have_the_reason_of_the_first() -> None:
    error = UnreadablePartsError([("no_message_id", {}), ("unexpected_shape", [1])])

    assert error.reason == "no_message_id"
    assert len(error.parts) == 2


class Looked(list[object]):
    """A list that knows how often its items were asked for."""

    times = 0

    def __iter__(self) -> Iterator[object]:
        self.times += 1
        return super().__iter__()


def test_form_that_is_not_kept_is_not_made() -> None:
    post = Post([], [], defaultdict(int), [])
    value = Looked([1, "two"])

    for _ in range(MOST_KEPT + 5):
        quarantine(post, value, reason="unexpected_shape", at=datetime(2026, 11, 22, tzinfo=UTC))

    assert value.times == MOST_KEPT
    assert post.counted == {(books.QUARANTINED, "", "", "unexpected_shape", books.FOR_EVER): MOST_KEPT + 5}
    assert [kept.skeleton for kept in post.quarantined] == ["[number, text of 3]"] * MOST_KEPT
