"""The limits of Slack's Block Kit, as far as the messages of a monitor touch them.

Source: Slack "Block Kit reference" and "chat.postMessage", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

MAX_BLOCKS = 50
MAX_HEADER = 150
MAX_SECTION_TEXT = 3_000
MAX_SECTION_FIELDS = 10
MAX_FIELD_TEXT = 2_000
MAX_CONTEXT_ELEMENTS = 10
MAX_CONTEXT_TEXT = 3_000
MAX_ACTION_ELEMENTS = 25
MAX_BUTTON_TEXT = 75
MAX_ID = 255
MAX_URL = 3_000
_TEXT_TYPES = ("mrkdwn", "plain_text")
_UNCHECKED = frozenset({"image", "rich_text", "input", "file", "video", "markdown", "table"})


def block_problems(blocks: object) -> list[str]:
    """What Slack would refuse about these blocks, in the words of its `response_metadata.messages`; empty when fine."""
    if not isinstance(blocks, list):
        return ["[ERROR] must be an array [json-pointer:/blocks]"]
    problems = list(_too_many(blocks, MAX_BLOCKS, "/blocks"))
    seen: set[str] = set()
    for index, block in enumerate(blocks):
        pointer = f"/blocks/{index}"
        if not isinstance(block, Mapping):
            problems.append(_error("must be an object", pointer))
            continue
        problems += _block(block, pointer)
        block_id = block.get("block_id")
        if block_id is None:
            continue
        if not isinstance(block_id, str) or len(block_id) > MAX_ID:
            problems.append(_error(f"must be less than {MAX_ID + 1} characters", f"{pointer}/block_id"))
        elif block_id in seen:
            problems.append(_error(f"`block_id` {block_id} already exists", f"{pointer}/block_id"))
        else:
            seen.add(block_id)
    return problems


def _block(block: Mapping[str, object], pointer: str) -> Iterator[str]:
    kind = block.get("type")
    if kind == "header":
        yield from _text(block.get("text"), f"{pointer}/text", MAX_HEADER, types=("plain_text",))
    elif kind == "section":
        yield from _section(block, pointer)
    elif kind == "context":
        yield from _context(block, pointer)
    elif kind == "actions":
        yield from _actions(block, pointer)
    elif kind != "divider" and kind not in _UNCHECKED:
        yield _error(f"unsupported type: {kind}", f"{pointer}/type")


def _section(block: Mapping[str, object], pointer: str) -> Iterator[str]:
    fields = block.get("fields")
    if block.get("text") is None and fields is None:
        yield _error("missing required field: text", pointer)
    if block.get("text") is not None:
        yield from _text(block["text"], f"{pointer}/text", MAX_SECTION_TEXT)
    if fields is None:
        return
    if not isinstance(fields, list) or not fields:
        yield _error("must be a non-empty array", f"{pointer}/fields")
        return
    yield from _too_many(fields, MAX_SECTION_FIELDS, f"{pointer}/fields")
    for index, field in enumerate(fields):
        yield from _text(field, f"{pointer}/fields/{index}", MAX_FIELD_TEXT)


def _context(block: Mapping[str, object], pointer: str) -> Iterator[str]:
    elements = block.get("elements")
    if not isinstance(elements, list) or not elements:
        yield _error("must be a non-empty array", f"{pointer}/elements")
        return
    yield from _too_many(elements, MAX_CONTEXT_ELEMENTS, f"{pointer}/elements")
    for index, element in enumerate(elements):
        if not (isinstance(element, Mapping) and element.get("type") == "image"):
            yield from _text(element, f"{pointer}/elements/{index}", MAX_CONTEXT_TEXT)


def _actions(block: Mapping[str, object], pointer: str) -> Iterator[str]:
    elements = block.get("elements")
    if not isinstance(elements, list) or not elements:
        yield _error("must be a non-empty array", f"{pointer}/elements")
        return
    yield from _too_many(elements, MAX_ACTION_ELEMENTS, f"{pointer}/elements")
    for index, element in enumerate(elements):
        if not isinstance(element, Mapping) or element.get("type") != "button":
            continue
        place = f"{pointer}/elements/{index}"
        yield from _text(element.get("text"), f"{place}/text", MAX_BUTTON_TEXT, types=("plain_text",))
        if len(str(element.get("url", ""))) > MAX_URL:
            yield _error(f"must be less than {MAX_URL + 1} characters", f"{place}/url")


def _text(text: object, pointer: str, limit: int, *, types: Sequence[str] = _TEXT_TYPES) -> Iterator[str]:
    if not isinstance(text, Mapping):
        yield _error("missing required field: text", pointer)
        return
    if text.get("type") not in types:
        yield _error(f"must be one of the types {', '.join(types)}", f"{pointer}/type")
    content = text.get("text")
    if not isinstance(content, str) or not content:
        yield _error("must be more than 0 characters", f"{pointer}/text")
    elif len(content) > limit:
        yield _error(f"must be less than {limit + 1} characters", f"{pointer}/text")


def _too_many(items: Sequence[object], limit: int, pointer: str) -> Iterator[str]:
    if len(items) > limit:
        yield _error(f"no more than {limit} items allowed", pointer)


def _error(what: str, pointer: str) -> str:
    return f"[ERROR] {what} [json-pointer:{pointer}]"
