"""The syntax of the `fields` parameter."""

import pytest

from wamon.sim.fields import Field, FieldSyntaxError, has_expansion, names_of, parse_fields


def test_plain_names_are_read_in_order() -> None:
    assert parse_fields("id, name") == (Field(name="id"), Field(name="name"))


def test_empty_text_asks_for_the_defaults() -> None:
    assert parse_fields(" ") == ()


def test_modifiers_and_nested_fields_are_read() -> None:
    fields = parse_fields("name,phone_numbers.limit(100).after(QQ==){id,health_status{entities}},subscribed_apps")

    assert fields == (
        Field(name="name"),
        Field(
            name="phone_numbers",
            modifiers={"limit": "100", "after": "QQ=="},
            fields=(Field(name="id"), Field(name="health_status", fields=(Field(name="entities"),))),
        ),
        Field(name="subscribed_apps"),
    )


def test_names_are_found_at_every_depth() -> None:
    assert names_of(parse_fields("a,b{c{d}}")) == {"a", "b", "c", "d"}


@pytest.mark.parametrize(("text", "expanded"), [("a,b", False), ("a{b}", True), ("a.limit(1)", True)])
def test_expansion_is_recognised(text: str, expanded: bool) -> None:
    assert has_expansion(parse_fields(text)) is expanded


@pytest.mark.parametrize(
    ("text", "position"),
    [("id,", 3), ("id{", 3), ("id{a", 4), ("id}", 2), ("id.limit", 8), ("id.limit(1", 10), ("7up", 0), ("a b", 2)],
)
def test_bad_syntax_names_the_place(text: str, position: int) -> None:
    with pytest.raises(FieldSyntaxError) as caught:
        parse_fields(text)

    assert caught.value.position == position


def test_absurd_nesting_is_refused() -> None:
    with pytest.raises(FieldSyntaxError, match="less nesting"):
        parse_fields("a{" * 50 + "a" + "}" * 50)
