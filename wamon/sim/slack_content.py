"""What a Slack message may hold, and how Slack gives it back.

Sources: Slack "chat.postMessage", "chat.update", "Message metadata", "Block Kit reference"; read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from wamon.sim.blocks import block_problems

JsonObject = Mapping[str, object]
MAX_TEXT = 40_000
MAX_ATTACHMENTS = 100
MAX_METADATA_BYTES = 16_384
"""Slack has the error (`metadata_too_large`) but names no number; this one is ours, and generous."""


@dataclass(slots=True, eq=False)
class RefusedError(Exception):
    """Slack's refusal of a call: its error code, the explanations, and what else stands in the answer."""

    code: str
    problems: tuple[str, ...] = ()
    more: JsonObject | None = None
    retry_after: int | None = None


def check_content(payload: JsonObject) -> None:
    """Raise RefusedError when Slack would not take this as a message."""
    text, blocks, attachments = payload.get("text"), payload.get("blocks"), payload.get("attachments")
    if not text and not blocks and not attachments:
        raise RefusedError("no_text")
    if text is not None and not isinstance(text, str):
        raise RefusedError("invalid_arguments")
    if isinstance(text, str) and len(text) > MAX_TEXT:
        raise RefusedError("msg_too_long")
    if attachments is not None and not isinstance(attachments, list):
        raise RefusedError("invalid_attachments")
    if attachments is not None and len(objects(attachments)) > MAX_ATTACHMENTS:
        raise RefusedError("too_many_attachments")
    if blocks is not None and not isinstance(blocks, list):
        raise RefusedError("invalid_blocks_format")
    problems = [] if blocks is None else block_problems(blocks)
    for attachment in objects(attachments):
        if attachment.get("blocks") is not None:
            problems += block_problems(attachment["blocks"])
    if problems:
        raise RefusedError("invalid_blocks", tuple(problems))
    _check_metadata(payload.get("metadata"))


def _check_metadata(metadata: object) -> None:
    if metadata is None or metadata == {}:
        return
    if not (
        isinstance(metadata, Mapping)
        and isinstance(metadata.get("event_type"), str)
        and metadata["event_type"]
        and isinstance(metadata.get("event_payload"), Mapping)
    ):
        raise RefusedError("invalid_metadata_format")
    if len(json.dumps(metadata).encode()) > MAX_METADATA_BYTES:
        raise RefusedError("metadata_too_large")


def with_ids(blocks: tuple[JsonObject, ...], salt: int) -> list[JsonObject]:
    """The blocks as Slack gives them back: each with a `block_id`, each interactive element with an `action_id`."""
    answer: list[JsonObject] = []
    for index, block in enumerate(blocks):
        block_id = block.get("block_id") or f"b{salt}-{index}"
        whole: dict[str, object] = {**block, "block_id": block_id}
        if isinstance(block.get("accessory"), Mapping):
            whole["accessory"] = _with_action_id(block["accessory"], f"a{salt}-{index}")
        elements = block.get("elements")
        if block.get("type") == "actions" and isinstance(elements, list):
            whole["elements"] = [_with_action_id(each, f"a{salt}-{index}-{i}") for i, each in enumerate(elements)]
        answer.append(whole)
    return answer


def _with_action_id(element: object, made_up: str) -> object:
    if not isinstance(element, Mapping) or element.get("type") == "image":
        return element
    return {"action_id": made_up, **element}


def objects(value: object) -> tuple[JsonObject, ...]:
    """The JSON objects of a list; nothing for anything else."""
    return tuple(item for item in value if isinstance(item, Mapping)) if isinstance(value, list | tuple) else ()


def texts(value: object) -> list[str]:
    """The strings under every "text", "title", "fallback" and "pretext", in order."""
    if isinstance(value, list | tuple):
        return [text for item in value for text in texts(item)]
    if not isinstance(value, Mapping):
        return []
    # The value of an attachment's field is shown, that of a button is not.
    shown = {"text", "title", "fallback", "pretext"} | (set() if "type" in value else {"value"})
    found: list[str] = []
    for name, inner in value.items():
        if isinstance(inner, str):
            found += [inner] if name in shown else []
        else:
            found += texts(inner)
    return found


def is_true(value: object) -> bool:
    """Whether an argument that came as JSON or in a form says yes."""
    return value is True or str(value).lower() in ("true", "1")
