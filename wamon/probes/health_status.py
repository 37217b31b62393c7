"""How health_status is read: the verdict of each entity on sending messages, with calling left out.

The aggregate of Meta's answer is not used: in Meta's own example it says BLOCKED when only calling is not set up.
Source: Meta "Health status", read 2026-06.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from wamon.core import vocabulary
from wamon.core.ports import JsonObject
from wamon.probes.payload import error_code, items, mapping, text

AVAILABLE, LIMITED, BLOCKED = "AVAILABLE", "LIMITED", "BLOCKED"
_BADNESS: Final = {AVAILABLE: 0, vocabulary.OTHER: 1, LIMITED: 2, BLOCKED: 3}

# Calling is not messaging: these codes block an entity for calls and SIP only.
_CALLING_CODES: Final = range(138000, 139000)


def entities_of(node: JsonObject) -> list[JsonObject]:
    """Whoever has a say in whether this node can send; empty when Meta did not tell."""
    return items(mapping(node.get("health_status")).get("entities"))


def worst_state(entities: Iterable[JsonObject]) -> str | None:
    """The worst verdict; None when there is none, or when all is well but for an entity that gave none."""
    states = [state_of(entity) for entity in entities]
    worst = max((state for state in states if state), key=_BADNESS.__getitem__, default=None)
    return None if worst == AVAILABLE and None in states else worst


def state_of(entity: JsonObject) -> str | None:
    """The entity's own verdict; a block that only calling errors explain is none."""
    state = vocabulary.HEALTH_STATE.normalise(entity.get("can_send_message"))
    codes = [error_code(error.get("error_code")) for error in items(entity.get("errors"))]
    if state == BLOCKED and codes and all(_is_calling(code) for code in codes):
        return AVAILABLE
    return state


def causes_of(entity: JsonObject) -> Iterator[tuple[str, str]]:
    """(error code or empty, Meta's words) for each reason that concerns messaging."""
    for error in items(entity.get("errors")):
        code = error_code(error.get("error_code"))
        if not _is_calling(code):
            yield code or "", text(error.get("error_description")) or ""
    additional = entity.get("additional_info")
    for words in additional if isinstance(additional, list) else ():
        if found := text(words):
            yield "", found


def _is_calling(code: str | None) -> bool:
    return code is not None and int(code) in _CALLING_CODES
