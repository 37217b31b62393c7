"""The limits of Slack's Block Kit, as far as the messages of a monitor touch them.

Sources: Slack "Block Kit reference" (blocks, block elements, composition objects) and "chat.postMessage", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

Json = Mapping[str, object]
Problems = Iterator[str]
MAX_BLOCKS = 50
MAX_HEADER = 150
MAX_SECTION_TEXT = 3_000
MAX_SECTION_FIELDS = 10
MAX_FIELD_TEXT = 2_000
MAX_CONTEXT_ELEMENTS = 10
MAX_CONTEXT_TEXT = 3_000
MAX_ACTION_ELEMENTS = 25
MAX_BUTTON_TEXT = 75
MAX_BUTTON_VALUE = 2_000
MAX_OPTIONS = 100
MAX_OVERFLOW_OPTIONS = 5
MAX_OPTION_TEXT = 75
MAX_OPTION_VALUE = 150
MAX_PLACEHOLDER = 150
MAX_CONFIRM_TITLE = 100
MAX_CONFIRM_TEXT = 300
MAX_CONFIRM_BUTTON = 30
MAX_ALT_TEXT = 2_000
MAX_MARKDOWN = 12_000
MAX_ID = 255
MAX_URL = 3_000
_TEXT_TYPES = ("mrkdwn", "plain_text")
_PLAIN = ("plain_text",)
_STYLES = ("primary", "danger")
_UNCHECKED = frozenset({"rich_text", "input", "file", "video", "table"})
_KNOWN: Mapping[str, frozenset[str]] = {
    "header": frozenset({"text"}),
    "section": frozenset({"text", "fields", "accessory", "expand"}),
    "context": frozenset({"elements"}),
    "divider": frozenset(),
    "actions": frozenset({"elements"}),
    "image": frozenset({"image_url", "alt_text", "title", "slack_file"}),
    "markdown": frozenset({"text"}),
}
_KNOWN_OF_ELEMENT: Mapping[str, frozenset[str]] = {
    "button": frozenset({"text", "action_id", "url", "value", "style", "confirm", "accessibility_label"}),
    "overflow": frozenset({"action_id", "options", "confirm"}),
    "static_select": frozenset(
        {"action_id", "options", "option_groups", "initial_option", "placeholder", "confirm", "focus_on_load"}
    ),
    "image": frozenset({"image_url", "alt_text", "slack_file"}),
}


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
        problems += _unique(block, "block_id", pointer, seen)
    return problems


def _block(block: Json, pointer: str) -> Problems:
    kind = str(block.get("type"))
    if kind in _UNCHECKED:
        return
    check = _BLOCKS.get(kind)
    if check is None:
        yield _error(f"unsupported type: {kind}", f"{pointer}/type")
        return
    yield from _unknown(block, _KNOWN[kind] | {"type", "block_id"}, pointer)
    yield from check(block, pointer)


def _header(block: Json, pointer: str) -> Problems:
    yield from _text(block.get("text"), f"{pointer}/text", MAX_HEADER, types=_PLAIN)


def _section(block: Json, pointer: str) -> Problems:
    fields = block.get("fields")
    if block.get("text") is None and fields is None:
        yield _error("missing required field: text", pointer)
    if block.get("text") is not None:
        yield from _text(block["text"], f"{pointer}/text", MAX_SECTION_TEXT)
    if block.get("accessory") is not None:
        yield from _element(block["accessory"], f"{pointer}/accessory", set())
    if fields is None:
        return
    for place, field in _items(fields, f"{pointer}/fields"):
        yield from _text(field, place, MAX_FIELD_TEXT)
    yield from _count(fields, MAX_SECTION_FIELDS, f"{pointer}/fields")


def _context(block: Json, pointer: str) -> Problems:
    elements = block.get("elements")
    yield from _count(elements, MAX_CONTEXT_ELEMENTS, f"{pointer}/elements")
    for place, element in _items(elements, f"{pointer}/elements"):
        if isinstance(element, Mapping) and element.get("type") == "image":
            yield from _element(element, place, set())
        else:
            yield from _text(element, place, MAX_CONTEXT_TEXT)


def _actions(block: Json, pointer: str) -> Problems:
    elements = block.get("elements")
    yield from _count(elements, MAX_ACTION_ELEMENTS, f"{pointer}/elements")
    seen: set[str] = set()
    for place, element in _items(elements, f"{pointer}/elements"):
        yield from _element(element, place, seen)


def _image(block: Json, pointer: str) -> Problems:
    if block.get("slack_file") is None:
        yield from _string(block, "image_url", pointer, MAX_URL, is_needed=True)
    yield from _string(block, "alt_text", pointer, MAX_ALT_TEXT, is_needed=True)
    if block.get("title") is not None:
        yield from _text(block["title"], f"{pointer}/title", MAX_ALT_TEXT, types=_PLAIN)


def _markdown(block: Json, pointer: str) -> Problems:
    yield from _string(block, "text", pointer, MAX_MARKDOWN, is_needed=True)


def _divider(block: Json, pointer: str) -> Problems:
    return iter(())


_BLOCKS: Mapping[str, Callable[[Json, str], Problems]] = {
    "header": _header,
    "section": _section,
    "context": _context,
    "divider": _divider,
    "actions": _actions,
    "image": _image,
    "markdown": _markdown,
}


def _element(element: object, pointer: str, seen: set[str]) -> Problems:
    """One interactive element or image; `seen` holds the action ids of the block so far."""
    if not isinstance(element, Mapping):
        yield _error("must be an object", pointer)
        return
    kind = str(element.get("type"))
    if kind not in _KNOWN_OF_ELEMENT:
        return
    yield from _unknown(element, _KNOWN_OF_ELEMENT[kind] | {"type"}, pointer)
    if kind == "image":
        yield from _image(element, pointer)
        return
    yield from _unique(element, "action_id", pointer, seen)
    if element.get("confirm") is not None:
        yield from _confirm(element["confirm"], f"{pointer}/confirm")
    if kind == "button":
        yield from _button(element, pointer)
    elif kind == "overflow":
        yield from _options(element.get("options"), f"{pointer}/options", MAX_OVERFLOW_OPTIONS)
    else:
        yield from _static_select(element, pointer)


def _button(element: Json, pointer: str) -> Problems:
    yield from _text(element.get("text"), f"{pointer}/text", MAX_BUTTON_TEXT, types=_PLAIN)
    yield from _string(element, "url", pointer, MAX_URL)
    yield from _string(element, "value", pointer, MAX_BUTTON_VALUE)
    yield from _string(element, "accessibility_label", pointer, MAX_BUTTON_TEXT)
    yield from _style(element, pointer)


def _static_select(element: Json, pointer: str) -> Problems:
    if element.get("placeholder") is not None:
        yield from _text(element["placeholder"], f"{pointer}/placeholder", MAX_PLACEHOLDER, types=_PLAIN)
    if element.get("option_groups") is None:
        yield from _options(element.get("options"), f"{pointer}/options", MAX_OPTIONS)
        return
    yield from _count(element["option_groups"], MAX_OPTIONS, f"{pointer}/option_groups")
    for place, group in _items(element["option_groups"], f"{pointer}/option_groups"):
        group_json: Json = group if isinstance(group, Mapping) else {}
        yield from _text(group_json.get("label"), f"{place}/label", MAX_OPTION_TEXT, types=_PLAIN)
        yield from _options(group_json.get("options"), f"{place}/options", MAX_OPTIONS)


def _options(options: object, pointer: str, limit: int) -> Problems:
    yield from _count(options, limit, pointer)
    for place, option in _items(options, pointer):
        if not isinstance(option, Mapping):
            yield _error("must be an object", place)
            continue
        yield from _text(option.get("text"), f"{place}/text", MAX_OPTION_TEXT)
        yield from _string(option, "value", place, MAX_OPTION_VALUE, is_needed=True)
        yield from _string(option, "url", place, MAX_URL)
        if option.get("description") is not None:
            yield from _text(option["description"], f"{place}/description", MAX_OPTION_TEXT)


def _confirm(confirm: object, pointer: str) -> Problems:
    if not isinstance(confirm, Mapping):
        yield _error("must be an object", pointer)
        return
    yield from _unknown(confirm, {"title", "text", "confirm", "deny", "style"}, pointer)
    yield from _text(confirm.get("title"), f"{pointer}/title", MAX_CONFIRM_TITLE, types=_PLAIN)
    yield from _text(confirm.get("text"), f"{pointer}/text", MAX_CONFIRM_TEXT)
    for name in ("confirm", "deny"):
        yield from _text(confirm.get(name), f"{pointer}/{name}", MAX_CONFIRM_BUTTON, types=_PLAIN)
    yield from _style(confirm, pointer)


def _text(text: object, pointer: str, limit: int, *, types: Sequence[str] = _TEXT_TYPES) -> Problems:
    if not isinstance(text, Mapping):
        yield _error(f"missing required field: {pointer.rpartition('/')[2]}", pointer)
        return
    if text.get("type") not in types:
        yield _error(f"must be one of the types {', '.join(types)}", f"{pointer}/type")
    yield from _unknown(text, {"type", "text", "emoji" if text.get("type") == "plain_text" else "verbatim"}, pointer)
    content = text.get("text")
    if not isinstance(content, str) or not content:
        yield _error("must be more than 0 characters", f"{pointer}/text")
    elif len(content) > limit:
        yield _error(f"must be less than {limit + 1} characters", f"{pointer}/text")


def _string(thing: Json, name: str, pointer: str, limit: int, *, is_needed: bool = False) -> Problems:
    value = thing.get(name)
    if value is None:
        if is_needed:
            yield _error(f"missing required field: {name}", pointer)
    elif not isinstance(value, str):
        yield _error("must be a string", f"{pointer}/{name}")
    elif not value and is_needed:
        yield _error("must be more than 0 characters", f"{pointer}/{name}")
    elif len(value) > limit:
        yield _error(f"must be less than {limit + 1} characters", f"{pointer}/{name}")


def _unique(thing: Json, name: str, pointer: str, seen: set[str]) -> Problems:
    value = thing.get(name)
    if value is None:
        return
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID:
        yield _error(f"must be less than {MAX_ID + 1} characters", f"{pointer}/{name}")
    elif value in seen:
        yield _error(f"`{name}` {value} already exists", f"{pointer}/{name}")
    else:
        seen.add(value)


def _style(thing: Json, pointer: str) -> Problems:
    if thing.get("style") is not None and thing["style"] not in _STYLES:
        yield _error("must be a valid enum value", f"{pointer}/style")


def _unknown(thing: Json, known: Collection[str], pointer: str) -> Problems:
    if extra := sorted(set(thing) - set(known)):
        yield _error(f"no additional properties allowed: {', '.join(extra)}", pointer)


def _items(items: object, pointer: str) -> Iterator[tuple[str, object]]:
    if isinstance(items, list):
        yield from ((f"{pointer}/{index}", item) for index, item in enumerate(items))


def _count(items: object, limit: int, pointer: str) -> Problems:
    if not isinstance(items, list) or not items:
        yield _error("must be a non-empty array", pointer)
    else:
        yield from _too_many(items, limit, pointer)


def _too_many(items: Sequence[object], limit: int, pointer: str) -> Problems:
    if len(items) > limit:
        yield _error(f"no more than {limit} items allowed", pointer)


def _error(what: str, pointer: str) -> str:
    return f"[ERROR] {what} [json-pointer:{pointer}]"
