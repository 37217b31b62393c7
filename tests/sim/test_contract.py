"""The simulator's answers against Meta's own API description.

Meta's description is not always true of Meta's API; what departs from it is listed in `EXCEPTIONS`, each with the
reason, and nothing else may depart.
"""

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import jsonschema
import pytest
import yaml

from tests.sim.callers import app_token, first_number, first_waba, get, small_world
from tests.tools import require_contract
from wamon.sim.entities import MANAGEMENT
from wamon.sim.world import World

JsonObject = dict[str, Any]
PATHS = {
    "waba": "/{Version}/{WABA-ID}",
    "phone_numbers": "/{Version}/{WABA-ID}/phone_numbers",
    "subscribed_apps": "/{Version}/{WABA-ID}/subscribed_apps",
    "number": "/{Version}/{Phone-Number-ID}",
}
EXCEPTIONS = {
    # Meta's guide and its classic reference say CONNECTED, FLAGGED, ...; the description says LINKED, UNLINKED.
    ("phone_numbers", "data/0/status"),
    # The SDK has lower-case words, the description upper-case ones.
    ("waba", "business_verification_status"),
    # The edges inside a WABA come with `data` and `paging`, as every edge does; the description has bare arrays.
    ("waba", "phone_numbers"),
    ("waba", "subscribed_apps"),
}


@cache
def description() -> JsonObject:
    loaded = yaml.load(require_contract().read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    assert isinstance(loaded, dict)
    return loaded


def schema_of(kind: str, status: int) -> JsonObject:
    response = description()["paths"][PATHS[kind]]["get"]["responses"][str(status)]
    return {**response["content"]["application/json"]["schema"], "components": description()["components"]}


def departures(kind: str, status: int, body: JsonObject) -> set[tuple[str, str]]:
    validator = jsonschema.Draft202012Validator(schema_of(kind, status))
    return {(kind, "/".join(map(str, error.absolute_path))) for error in validator.iter_errors(body)}


def query_names(kind: str) -> Iterator[str]:
    for parameter in description()["paths"][PATHS[kind]]["get"]["parameters"]:
        if parameter.get("in") == "query":
            yield parameter["name"]


def fields_in_description(kind: str) -> str:
    """The fields which the description's own text offers for a node."""
    parameters = description()["paths"][PATHS[kind]]["get"]["parameters"]
    text = next(each["description"] for each in parameters if each.get("name") == "fields")
    if kind == "number":
        return ",".join(re.findall(r"^- `(\w+)`: Display|^- `(\w+)`: Two", text) or ["name_status"])
    return re.sub(r"\s+", "", text.split("vailable fields")[-1].split(":", 1)[-1]).removeprefix("include:")


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("waba", ""),
        ("waba", "name,account_review_status,business_verification_status,country,currency,timezone_id,ownership_type"),
        ("waba", "name,phone_numbers{id,status},subscribed_apps,is_enabled_for_insights"),
        ("phone_numbers", "display_phone_number,status,quality_rating,code_verification_status,account_mode"),
        ("subscribed_apps", ""),
        ("number", ""),
        ("number", "name_status,code_verification_status,quality_rating"),
    ],
)
def test_answer_keeps_to_the_description_but_for_the_listed_exceptions(kind: str, fields: str) -> None:
    world, _ = small_world()

    answer = ask(world, kind, fields)

    assert answer.status_code == 200
    assert {_first(each) for each in departures(kind, 200, answer.json())} <= EXCEPTIONS


def test_listed_exceptions_are_real() -> None:
    world, _ = small_world()
    fields = "name,business_verification_status,phone_numbers{status},subscribed_apps"

    found = departures("waba", 200, ask(world, "waba", fields).json())
    found |= departures("phone_numbers", 200, ask(world, "phone_numbers", "display_phone_number,status").json())

    assert {_first(each) for each in found} == EXCEPTIONS


@pytest.mark.parametrize("kind", ["waba", "phone_numbers", "subscribed_apps"])
def test_every_field_that_the_description_offers_is_served(kind: str) -> None:
    world, _ = small_world()

    answer = ask(world, kind, fields_in_description(kind))

    assert answer.status_code == 200, answer.text


def revoke(world: World) -> None:
    world.revoke_token("system-user", subcode=463)


def drop_scope(world: World) -> None:
    world.remove_scope("system-user", MANAGEMENT)


def exhaust(world: World) -> None:
    world.quota.spend((next(iter(world.apps)), first_waba(world)), 5_000)


def break_down(world: World) -> None:
    world.faults.add("error")


@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.parametrize(("harm", "status"), [(revoke, 401), (drop_scope, 403), (exhaust, 429), (break_down, 500)])
def test_refusal_has_the_described_envelope_and_status(kind: str, harm: Callable[[World], None], status: int) -> None:
    world, _ = small_world()
    harm(world)

    answer = ask(world, kind, "")

    assert answer.status_code == status
    assert departures(kind, status, answer.json()) == set()


@pytest.mark.parametrize("kind", PATHS)
def test_bad_request_has_the_described_envelope(kind: str) -> None:
    world, _ = small_world()

    answer = ask(world, kind, "shoe_size")

    assert answer.status_code == 400
    assert departures(kind, 400, answer.json()) == set()


def test_paging_parameters_are_those_of_the_description() -> None:
    assert set(query_names("phone_numbers")) >= {"fields", "limit", "after", "before"}


def test_usage_header_has_the_form_of_the_descriptions_example() -> None:
    world, _ = small_world()
    world.usage_headers_after_calls = 0
    example = description()["components"]["headers"]["x-business-use-case-usage"]["schema"]["example"]
    ((described, *_),) = json.loads(example).values()

    header = ask(world, "waba", "").headers["x-business-use-case-usage"]

    ((item, *_),) = json.loads(header).values()
    assert {name: type(value) for name, value in item.items()} == {
        name: type(value) for name, value in described.items()
    }


def test_debug_token_is_not_in_the_description() -> None:
    """So facts/graph-api.md, not a schema, is what the simulator's answer is held to."""
    world, _ = small_world()
    assert not [path for path in description()["paths"] if "debug_token" in path]

    answer = get(world, "/v25.0/debug_token", token=app_token(world), input_token=world.token("system-user").value)

    assert set(answer.json()) == {"data"}


def ask(world: World, kind: str, fields: str) -> Any:
    waba_id = first_waba(world)
    path = {
        "waba": f"/v23.0/{waba_id}",
        "phone_numbers": f"/v23.0/{waba_id}/phone_numbers",
        "subscribed_apps": f"/v23.0/{waba_id}/subscribed_apps",
        "number": f"/v23.0/{first_number(world)}",
    }[kind]
    return get(world, path, **({"fields": fields} if fields else {}))


def _first(departure: tuple[str, str]) -> tuple[str, str]:
    """What holds for one item of a list holds for all."""
    kind, place = departure
    return kind, re.sub(r"/\d+", "/0", place)
