"""The message templates of a WABA as the Graph API shows them: their fields, the filters of the list, its summary.

Source: Meta "Message templates" reference and its OpenAPI file, read 2026-11; for filters and summary Meta's Python SDK
v25.0.2 and pywa 4.4.0, read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from wamon.sim.entities import Template

JsonObject = dict[str, object]

# The type that Meta's refusals name. Source: a public program that quotes one, read 2026-11.
TEMPLATE_TYPE = "WhatsAppMessageTemplate"
TEMPLATE_DEFAULTS = ("name", "previous_category", "components", "language", "status", "category", "id")
TEMPLATE_PLAIN = (
    "id",
    "name",
    "language",
    "status",
    "category",
    "sub_category",
    "previous_category",
    "correct_category",
    "rejected_reason",
    "source",
    "parameter_format",
)
TEMPLATE_OTHER = (
    "components",
    "quality_score",
    "last_updated_time",
    "health_status",
    "library_template_name",
    "message_send_ttl_seconds",
    "cta_url_link_tracking_opted_out",
    "is_primary_device_delivery_only",
)
# No page of Meta's names the largest one; this is the largest that public programs were seen to ask for.
LARGEST_PAGE = 250
# How many a WABA may have. Source: Meta error codes page (2388019), read 2026-09.
TEMPLATE_LIMIT = 250

STATUSES = (
    "APPROVED",
    "ARCHIVED",
    "DELETED",
    "DISABLED",
    "IN_APPEAL",
    "LIMIT_EXCEEDED",
    "PAUSED",
    "PENDING",
    "PENDING_DELETION",
    "REJECTED",
)
CATEGORIES = ("AUTHENTICATION", "MARKETING", "UTILITY")
QUALITIES = ("GREEN", "RED", "UNKNOWN", "YELLOW")
_ENUMS = {"status": STATUSES, "category": CATEGORIES, "quality_score": QUALITIES}
FILTERS = (*_ENUMS, "language", "name", "name_or_content", "content", "source", "since", "until")
SUMMARIES = ("total_count", "message_template_count", "message_template_limit", "are_translations_complete")


class FilterError(ValueError):
    """A filter has a value that Meta would refuse; the text is Meta's."""


def template_values(template: Template) -> JsonObject:
    """The fields that have a value."""
    values: JsonObject = {name: getattr(template, name) for name in TEMPLATE_PLAIN}
    values["components"] = [{"type": "BODY", "text": template.body}]
    if template.quality is not None:
        score: JsonObject = {"score": template.quality}
        if template.quality_reasons:
            score["reasons"] = list(template.quality_reasons)
        values["quality_score"] = score
    if template.last_updated_time is not None:
        values["last_updated_time"] = template.last_updated_time.strftime("%Y-%m-%dT%H:%M:%S+0000")
    return values


def matching(templates: Sequence[Template], params: Mapping[str, str]) -> list[Template]:
    """The templates that pass every filter. Raises FilterError."""
    tests = [_test(name, params[name]) for name in FILTERS if name in params]
    return [template for template in templates if all(test(template) for test in tests)]


def summary(found: Sequence[Template], everything: Sequence[Template], wanted: str) -> JsonObject:
    """The figures asked for beside the page: of what passes the filters, and of the whole WABA."""
    figures: JsonObject = {
        "total_count": len(found),
        "message_template_count": len(everything),
        "message_template_limit": TEMPLATE_LIMIT,
        "are_translations_complete": True,
    }
    names = [name.strip() for name in wanted.strip("[]").replace('"', "").split(",")]
    if unknown := [name for name in names if name not in SUMMARIES]:
        raise FilterError(f"(#100) Tried accessing nonexisting summary field ({unknown[0]})")
    return {name: figures[name] for name in names}


def _test(name: str, given: str) -> Callable[[Template], bool]:
    if name in ("since", "until"):
        moment = _unix(name, given)
        return lambda each: (
            each.last_updated_time is not None
            and (each.last_updated_time.timestamp() - moment) * (1 if name == "since" else -1) >= 0
        )
    if name in ("name", "content", "name_or_content"):
        wanted = given.casefold()
        return lambda each: any(wanted in text.casefold() for text in _texts(name, each))
    words = _words(name, given)
    return lambda each: (each.quality if name == "quality_score" else getattr(each, name)) in words


def _texts(name: str, template: Template) -> tuple[str, ...]:
    return {"name": (template.name,), "content": (template.body,)}.get(name, (template.name, template.body))


def _words(name: str, given: str) -> list[str]:
    """The words of a filter: a JSON list, or words with commas between."""
    if given.lstrip().startswith("["):
        try:
            words = [str(word) for word in json.loads(given)]
        except ValueError:
            raise FilterError(f"(#100) Param {name} must be an array.") from None
    else:
        words = [word.strip() for word in given.split(",")]
    for index, word in enumerate(words):
        if name in _ENUMS and word.upper() not in _ENUMS[name]:
            allowed = ", ".join(_ENUMS[name])
            raise FilterError(f"(#100) Param {name}[{index}] must be one of {{{allowed}}} - got {word!r}.")
    return [word.upper() for word in words] if name in _ENUMS else words


def _unix(name: str, given: str) -> float:
    if not given.isascii() or not given.isdigit():
        raise FilterError(f"(#100) Param {name} must be a valid timestamp.")
    return float(given)
