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


def button(text: str, **more: str) -> dict[str, Any]:
    return {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": text}, **more}]}


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
