"""Block Kit's limits."""

from typing import Any

import pytest

from wamon.sim.blocks import block_problems


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def fields(count: int, length: int = 1) -> dict[str, Any]:
    return {"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * length}] * count}


def header(length: int, kind: str = "plain_text") -> dict[str, Any]:
    return {"type": "header", "text": {"type": kind, "text": "x" * length}}


def context(count: int) -> dict[str, Any]:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * count}


def actions(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


def press(text: str = "x", **more: Any) -> dict[str, Any]:
    return {"type": "button", "text": {"type": "plain_text", "text": text}, **more}


def button(text: str, **more: Any) -> dict[str, Any]:
    return actions(press(text, **more))


def options(count: int, text: str = "x", value: str = "v") -> list[dict[str, Any]]:
    return [{"text": {"type": "plain_text", "text": text}, "value": value}] * count


def overflow(count: int, **more: Any) -> dict[str, Any]:
    return actions({"type": "overflow", "action_id": "more", "options": options(count, **more)})


def select(count: int, **more: Any) -> dict[str, Any]:
    return actions({"type": "static_select", "action_id": "choose", "options": options(count), **more})


def confirm(**changes: int) -> dict[str, Any]:
    lengths = {"title": 100, "text": 300, "confirm": 30, "deny": 30, **changes}
    return {name: {"type": "plain_text", "text": "x" * length} for name, length in lengths.items()}


@pytest.mark.parametrize(
    "blocks",
    [
        [section("x" * 3000)],
        [fields(10, 2000)],
        [header(150)],
        [context(10)],
        [{"type": "divider"}] * 50,
        [button("Acknowledge", url="https://example.com")],
        [{"type": "context", "elements": [{"type": "image", "image_url": "https://x", "alt_text": "x"}]}],
        [{"type": "actions", "elements": [{"type": "datepicker"}]}],
        [{"type": "rich_text", "elements": []}],
        [button("x" * 75, action_id="a" * 255, value="v" * 2000, style="primary", confirm=confirm())],
        [button("a", action_id="same"), button("b", action_id="same")],
        [overflow(5)],
        [select(100, placeholder={"type": "plain_text", "text": "x" * 150})],
        [
            select(0)
            | {
                "elements": [
                    {
                        "type": "static_select",
                        "option_groups": [{"label": {"type": "plain_text", "text": "group"}, "options": options(2)}],
                    }
                ]
            }
        ],
        [section("a") | {"accessory": press(style="danger")}],
        [{"type": "image", "image_url": "https://x", "alt_text": "x", "title": {"type": "plain_text", "text": "x"}}],
        [{"type": "markdown", "text": "x" * 12_000}],
        [section("a") | {"block_id": "a"}, section("b") | {"block_id": "b"}],
    ],
)
def test_blocks_within_the_limits_are_fine(blocks: list[dict[str, Any]]) -> None:
    assert block_problems(blocks) == []


@pytest.mark.parametrize(
    ("blocks", "problem"),
    [
        ("text", "must be an array [json-pointer:/blocks]"),
        (["text"], "must be an object [json-pointer:/blocks/0]"),
        ([{"type": "divider"}] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
        ([section("x" * 3001)], "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
        ([section("")], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
        ([{"type": "section"}], "missing required field: text [json-pointer:/blocks/0]"),
        ([{"type": "section", "text": "bare"}], "missing required field: text [json-pointer:/blocks/0/text]"),
        ([fields(11)], "no more than 10 items allowed [json-pointer:/blocks/0/fields]"),
        ([fields(1, 2001)], "must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]"),
        ([{"type": "section", "fields": []}], "must be a non-empty array [json-pointer:/blocks/0/fields]"),
        ([header(151)], "must be less than 151 characters [json-pointer:/blocks/0/text/text]"),
        ([header(5, "mrkdwn")], "must be one of the types plain_text [json-pointer:/blocks/0/text/type]"),
        ([context(11)], "no more than 10 items allowed [json-pointer:/blocks/0/elements]"),
        ([context(0)], "must be a non-empty array [json-pointer:/blocks/0/elements]"),
        ([{"type": "actions"}], "must be a non-empty array [json-pointer:/blocks/0/elements]"),
        ([button("x" * 76)], "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]"),
        ([button("x", url="x" * 3001)], "must be less than 3001 characters [json-pointer:/blocks/0/elements/0/url]"),
        (
            [button("x", value="v" * 2001)],
            "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]",
        ),
        ([button("x", value=7)], "must be a string [json-pointer:/blocks/0/elements/0/value]"),
        ([button("x", style="green")], "must be a valid enum value [json-pointer:/blocks/0/elements/0/style]"),
        (
            [button("x", action_id="a" * 256)],
            "must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]",
        ),
        (
            [actions(press(action_id="same"), press(action_id="same"))],
            "`action_id` same already exists [json-pointer:/blocks/0/elements/1/action_id]",
        ),
        (
            [button("x", confirm=confirm(title=101))],
            "must be less than 101 characters [json-pointer:/blocks/0/elements/0/confirm/title/text]",
        ),
        (
            [button("x", confirm=confirm() | {"deny": None})],
            "missing required field: deny [json-pointer:/blocks/0/elements/0/confirm/deny]",
        ),
        ([button("x", confirm="sure?")], "must be an object [json-pointer:/blocks/0/elements/0/confirm]"),
        ([button("x", colour="red")], "no additional properties allowed: colour [json-pointer:/blocks/0/elements/0]"),
        ([{"type": "divider", "text": "x"}], "no additional properties allowed: text [json-pointer:/blocks/0]"),
        ([actions(*[press()] * 26)], "no more than 25 items allowed [json-pointer:/blocks/0/elements]"),
        ([{"type": "actions", "elements": ["x"]}], "must be an object [json-pointer:/blocks/0/elements/0]"),
        ([overflow(6)], "no more than 5 items allowed [json-pointer:/blocks/0/elements/0/options]"),
        ([overflow(0)], "must be a non-empty array [json-pointer:/blocks/0/elements/0/options]"),
        (
            [overflow(1, text="x" * 76)],
            "must be less than 76 characters [json-pointer:/blocks/0/elements/0/options/0/text/text]",
        ),
        (
            [overflow(1, value="x" * 151)],
            "must be less than 151 characters [json-pointer:/blocks/0/elements/0/options/0/value]",
        ),
        ([select(101)], "no more than 100 items allowed [json-pointer:/blocks/0/elements/0/options]"),
        (
            [{"type": "image", "image_url": "https://x"}],
            "missing required field: alt_text [json-pointer:/blocks/0]",
        ),
        ([{"type": "markdown", "text": ""}], "must be more than 0 characters [json-pointer:/blocks/0/text]"),
        ([{"type": "marquee"}], "unsupported type: marquee [json-pointer:/blocks/0/type]"),
        (
            [section("a") | {"block_id": "x" * 256}],
            "must be less than 256 characters [json-pointer:/blocks/0/block_id]",
        ),
        (
            [section("a") | {"block_id": "same"}, section("b") | {"block_id": "same"}],
            "`block_id` same already exists [json-pointer:/blocks/1/block_id]",
        ),
    ],
)
def test_broken_limit_is_named_with_its_place(blocks: object, problem: str) -> None:
    assert block_problems(blocks) == [f"[ERROR] {problem}"]
