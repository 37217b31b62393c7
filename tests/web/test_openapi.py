"""The API's description: it names every route and no other, and every answer is as it says."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from starlette.applications import Starlette

from tests.core.telling import number
from tests.history import Past, opened
from tests.operators import Floor
from tests.web.gallery import Gallery
from wamon.web.api import api
from wamon.web.openapi import openapi

BODIES: dict[str, dict[str, Any]] = {
    "/silences": {"matchers": ["waba_id=100"], "for_seconds": 3600, "reason": "move", "author": "Kim"},
    "/drills": {"alertname": "BadCritical", "author": "Kim", "subject": {"phone_number_id": "201"}},
    "/markers": {"title": "shop 4.2", "author": "ci", "tags": ["shop"]},
    "/alerts/{id}/close": {"author": "Kim", "reason": "given up"},
}


@pytest.fixture
def past(tmp_path: Path) -> Iterator[Past]:
    with opened(tmp_path) as past:
        past.mark("shop 4.1")
        yield past


@pytest.fixture
def app(past: Past) -> Starlette:
    floor = Floor()
    floor.see("RED", number(0), number(1))
    floor.silence("phone_number_id=200", name="5111ce")
    return api(floor.operations, past.history, Gallery())


def ask(app: Starlette, method: str, path: str, **options: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as client:
            return await client.request(method, path, **options)

    return asyncio.run(ask())


def address(app: Starlette, path: str) -> str:
    """The path about something that is there."""
    alert_id = ask(app, "GET", "/alerts").json()["alerts"][0]["id"]
    target = "5111ce" if path.startswith("/silences/") else alert_id
    return path.format(id=target, name="slack", phone_number_id="200")


def described() -> list[tuple[str, str, dict[str, Any]]]:
    return [(method, path, each) for path, ways in openapi("1")["paths"].items() for method, each in ways.items()]


def test_every_route_is_described_and_no_other(app: Starlette) -> None:
    routes = {
        (method.lower(), route.path)  # type: ignore[attr-defined]  # of Route, the only kind here
        for route in app.routes
        for method in route.methods - {"HEAD"}  # type: ignore[attr-defined]  # as above
    }

    assert {(method, path) for method, path, _ in described()} == routes - {("get", "/openapi.json")}


def test_description_is_served_as_it_is_made(app: Starlette) -> None:
    served = ask(app, "GET", "/openapi.json").json()

    assert served["openapi"] == "3.1.0"
    assert served["paths"] == openapi("1")["paths"]


def test_each_schema_is_one() -> None:
    for name, schema in openapi("1")["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema.get("description", name) != ""


def test_every_reference_leads_somewhere() -> None:
    document = openapi("1")

    named = set(re.findall(r"'#/components/schemas/(\w+)'", repr(document)))
    assert named == set(document["components"]["schemas"])


@pytest.mark.parametrize(
    ("method", "path", "operation"), described(), ids=lambda each: each if isinstance(each, str) else ""
)
def test_answer_is_as_described(app: Starlette, method: str, path: str, operation: dict[str, Any]) -> None:
    body = {"author": "Kim", **BODIES.get(path, {})}

    answer = ask(app, method, address(app, path), **({"json": body} if method == "post" else {}))

    assert str(answer.status_code) in operation["responses"], answer.text
    schema = operation["responses"][str(answer.status_code)]["content"]["application/json"]["schema"]
    document = {**schema, "components": openapi("1")["components"]}
    jsonschema.Draft202012Validator(document).validate(answer.json())
    if method == "post":
        jsonschema.validate(body, operation["requestBody"]["content"]["application/json"]["schema"])


def test_fields_that_a_body_must_have_are_those_that_are_missed(app: Starlette) -> None:
    for method, path, operation in described():
        if method == "post":
            needs = operation["requestBody"]["content"]["application/json"]["schema"]["required"]

            refused = ask(app, "POST", address(app, path), json={})

            assert refused.status_code == 400
            assert any(refused.json()["error"].startswith(f"{name} is missing") for name in needs), path


def test_every_parameter_that_is_described_is_taken(app: Starlette) -> None:
    for method, path, operation in described():
        for parameter in operation.get("parameters", []):
            if method == "get" and parameter["in"] == "query":
                answer = ask(app, "GET", address(app, path), params={parameter["name"]: ""})

                assert "there is no parameter" not in answer.text, (path, parameter["name"])
