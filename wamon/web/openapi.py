"""The API's description for programs (OpenAPI), made from the same types that it answers with.

Source: OpenAPI Specification 3.1.0, which takes JSON Schema 2020-12 as it is; read 2026-11.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum, IntEnum
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wamon import __version__
from wamon.core.health import JsonValue
from wamon.core.markers import Marker, MarkerKind
from wamon.operating import AlertHistory, AlertView, Outcome, SilenceView
from wamon.operating.history import Marked, Timeline
from wamon.picture.values import Mood, NumberList, NumberPage, Overview, Sort
from wamon.web.json_api import answer, json_name

Json = Mapping[str, Any]

TEXT: Final[Json] = MappingProxyType({"type": "string"})
TEXTS: Final[Json] = MappingProxyType({"type": "array", "items": {"type": "string"}})
NUMBER: Final[Json] = MappingProxyType({"type": "number"})
MOMENT: Final[Json] = MappingProxyType({"type": "string", "format": "date-time"})
FLAG: Final[Json] = MappingProxyType({"type": "boolean"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One request: what it does, the query and the body that it takes, and what it answers with.

    `answers` is a type, or an object's fields with their types; `needs` names the fields that a body must have.
    """

    method: str
    path: str
    summary: str
    answers: Any
    status: int = 200
    query: Mapping[str, Json] = field(default_factory=dict)
    body: Mapping[str, Json] = field(default_factory=dict)
    needs: tuple[str, ...] = ()


def _choice(choices: type[Enum]) -> Json:
    return {"type": "string", "enum": [str(each.value) for each in choices]}


_AUTHOR: Final = {"author": TEXT, "id": TEXT}
_NUMBERS: Final[Mapping[str, Json]] = MappingProxyType(
    {
        "q": TEXT,
        "mood": _choice(Mood),
        "account": TEXT,
        "sort": _choice(Sort),
        "reversed": {"type": "string", "enum": ["1"]},
        "page": {"type": "integer", "minimum": 1},
        "limit": {"type": "integer", "minimum": 1, "maximum": 500},
    }
)
_PAST: Final[Mapping[str, Json]] = MappingProxyType(
    {"since": TEXT, "until": TEXT, "subject": TEXT, "kind": TEXT, "limit": {"type": "integer"}}
)
_CURSOR: Final = {"cursor": TEXT}

REQUESTS: Final = (
    Described(method="get", path="/overview", summary="How everything is.", answers=Overview, query=_NUMBERS),
    Described(method="get", path="/numbers", summary="Numbers, worst first.", answers=NumberList, query=_NUMBERS),
    Described(method="get", path="/numbers/{phone_number_id}", summary="One number.", answers=NumberPage),
    Described(
        method="get",
        path="/alerts",
        summary="The open alerts, worst first.",
        answers={"alerts": tuple[AlertView, ...]},
        query={"all": {"type": "string", "enum": ["1", "true", "yes"]}},
    ),
    Described(method="get", path="/alerts/{id}", summary="One alert and its time line.", answers=AlertHistory),
    Described(
        method="post",
        path="/alerts/{id}/acknowledge",
        summary="Take an alert, or a group of them, in hand.",
        answers=Outcome,
        body=_AUTHOR,
        needs=("author",),
    ),
    Described(
        method="post",
        path="/alerts/{id}/close",
        summary="End an alert, or a group of them, although nobody saw it recover.",
        answers=Outcome,
        body={**_AUTHOR, "reason": TEXT},
        needs=("author", "reason"),
    ),
    Described(method="get", path="/silences", summary="The silences.", answers={"silences": tuple[SilenceView, ...]}),
    Described(
        method="post",
        path="/silences",
        summary="Silence what these matchers match; with `preview` only show what that would be.",
        answers=Outcome,
        status=201,
        body={**_AUTHOR, "matchers": TEXTS, "for_seconds": NUMBER, "ends_at": MOMENT, "reason": TEXT, "preview": FLAG},
        needs=("matchers",),
    ),
    Described(
        method="post",
        path="/silences/{id}/end",
        summary="End a silence before its time.",
        answers=Outcome,
        body=_AUTHOR,
        needs=("author",),
    ),
    Described(
        method="post",
        path="/drills",
        summary="Open a rehearsal of an alert, which ends by itself.",
        answers=Outcome,
        status=201,
        body={
            **_AUTHOR,
            "alertname": TEXT,
            "subject": {"type": "object", "additionalProperties": TEXT},
            "for_seconds": {"type": "number", "minimum": 1, "maximum": 3600},
        },
        needs=("alertname", "author"),
    ),
    Described(method="get", path="/receivers", summary="The receivers' names.", answers={"receivers": tuple[str, ...]}),
    Described(
        method="post",
        path="/receivers/{name}/test",
        summary="Send a test message.",
        answers=Outcome,
        body=_AUTHOR,
        needs=("author",),
    ),
    Described(method="get", path="/timeline", summary="What happened.", answers=Timeline, query={**_PAST, **_CURSOR}),
    Described(
        method="get",
        path="/markers",
        summary="The markers, newest first.",
        answers={"markers": tuple[Marker, ...], "next_cursor": str},
        query={"since": TEXT, "until": TEXT, "limit": {"type": "integer"}, **_CURSOR},
    ),
    Described(
        method="post",
        path="/markers",
        summary="Set a marker: a deploy, a campaign.",
        answers=Marked,
        status=201,
        body={
            **_AUTHOR,
            "title": TEXT,
            "kind": _choice(MarkerKind),
            "text": TEXT,
            "link": TEXT,
            "tags": TEXTS,
            "at": MOMENT,
        },
        needs=("title", "author"),
    ),
    Described(
        method="get", path="/annotations", summary="What happened, as Grafana reads it.", answers=list[Any], query=_PAST
    ),
)


def description_route() -> Route:
    """The route of the description itself."""
    description = openapi(__version__)

    async def described(request: Request) -> Response:
        return answer(description)

    return Route("/openapi.json", described, methods=["GET"])


def openapi(version: str) -> dict[str, Any]:
    """The whole description. `version` is wamon's own."""
    schemas: dict[str, Json] = {
        "Error": {
            "type": "object",
            "properties": {"error": TEXT, "next": TEXT},
            "required": ["error", "next"],
            "additionalProperties": False,
        }
    }
    paths: dict[str, dict[str, Any]] = {}
    for each in REQUESTS:
        paths.setdefault(each.path, {})[each.method] = _operation(each, schemas)
    description: dict[str, Any] = _unwrapped(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "wamon",
                "version": version,
                "summary": "The health of WhatsApp Business accounts, and what people are told of it.",
            },
            "servers": [{"url": "/api/v1"}],
            "paths": paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": {
                    "token": {"type": "http", "scheme": "bearer"},
                    "password": {"type": "http", "scheme": "basic"},
                },
            },
            "security": [{}, {"token": []}, {"password": []}],
        }
    )
    return description


def _operation(each: Described, schemas: dict[str, Json]) -> Json:
    named = [part.strip("{}") for part in each.path.split("/") if part.startswith("{")]
    parameters = [{"name": name, "in": "path", "required": True, "schema": TEXT} for name in named]
    parameters += [{"name": name, "in": "query", "schema": schema} for name, schema in each.query.items()]
    operation: dict[str, Any] = {
        "summary": each.summary,
        "operationId": "_".join([each.method, *(part.strip("{}") for part in each.path.split("/") if part)]),
        "responses": {
            str(each.status): _content("what was asked for", _answer(each.answers, schemas)),
            "default": _content("what is wrong, and what to do", {"$ref": "#/components/schemas/Error"}),
        },
    }
    if each.status == 201:
        operation["responses"]["200"] = _content("it was so already, or only looked at", {"type": "object"})
    if parameters:
        operation["parameters"] = parameters
    if each.method == "post":
        schema = {"type": "object", "properties": each.body, "required": each.needs, "additionalProperties": False}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _content(words: str, schema: Json) -> Json:
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def _answer(answers: Any, schemas: dict[str, Json]) -> Json:
    if not isinstance(answers, Mapping):
        return _schema(answers, schemas)
    properties = {name: _schema(each, schemas) for name, each in answers.items()}
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


# --- types as schemas -------------------------------------------------------------------------------------------------

_PLAIN: Final[Mapping[Any, Json]] = MappingProxyType(
    {
        str: TEXT,
        int: {"type": "integer"},
        float: NUMBER,
        bool: FLAG,
        datetime: MOMENT,
        timedelta: NUMBER,
        NoneType: {"type": "null"},
        Any: {},
        # A signal's value: of many forms, and each signal has its own.
        JsonValue: {},
    }
)


def _schema(kind: Any, schemas: dict[str, Json]) -> Json:
    """The schema of a type's JSON form; what has a name of its own is put among `schemas` and referred to."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return {"anyOf": [_schema(each, schemas) for each in inner]}
    if origin is tuple and inner[-1] is not Ellipsis:
        return {"type": "array", "prefixItems": [_schema(each, schemas) for each in inner], "items": False}
    if origin in (tuple, list):
        return {"type": "array", "items": _schema(inner[0], schemas)}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _schema(inner[1], schemas)}
    if kind.__name__ not in schemas:
        # Known before its fields are, for one that holds another of its kind.
        schemas[kind.__name__] = {}
        schemas[kind.__name__] = _named(kind, schemas)
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def _named(kind: Any, schemas: dict[str, Json]) -> Json:
    if isinstance(kind, type) and issubclass(kind, IntEnum):
        return {"type": "string", "enum": [str(each) for each in kind]}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _choice(kind)
    if not is_dataclass(kind):
        raise TypeError(f"{kind} has no JSON form here: add it to _PLAIN")
    hints = get_type_hints(kind)
    properties = {json_name(each): _schema(hints[each.name], schemas) for each in fields(kind)}
    first = (kind.__doc__ or "").partition("\n")[0]
    return {
        "type": "object",
        "description": first,
        "properties": properties,
        "required": [*properties],
        "additionalProperties": False,
    }


def _unwrapped(value: Any) -> Any:
    """Plain dictionaries and lists, which can be written as JSON."""
    if isinstance(value, Mapping):
        return {name: _unwrapped(each) for name, each in value.items()}
    return [_unwrapped(each) for each in value] if isinstance(value, list | tuple) else value
