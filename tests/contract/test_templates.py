"""The list of message templates against Meta's API description, which has little of it: no field list, no paging.

The description offers the filter by name alone. What wamon asks for besides (`fields`, `limit`, `after`) is what every
edge takes, and what the description of the phone numbers has; that is held here, so that a fuller description is seen.
"""

from functools import cache
from typing import Any

import jsonschema
import yaml

from tests.sim.callers import first_waba, get, small_world
from tests.tools import require_contract
from wamon.core.health import Subject
from wamon.core.targets import AccountTarget
from wamon.probes.templates import FIELDS, TEMPLATES, TEMPLATES_BY_CATEGORY, TemplatesTarget, read_templates

PATH = "/{Version}/{WABA-ID}/message_templates"
WABA_ID = "1234567890123456"


@cache
def description() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load(require_contract().read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return loaded


def content() -> dict[str, Any]:
    answer: dict[str, Any] = description()["paths"][PATH]["get"]["responses"]["200"]["content"]["application/json"]
    return answer


def test_every_example_is_read() -> None:
    target = AccountTarget(name="contract", waba_id=WABA_ID, token="main", version="v23.0")
    known = frozenset(Subject.template(WABA_ID, name, "en_US") for name in ("hello_world", "2023_april_promo"))
    assert content()["examples"]

    for example in content()["examples"].values():
        report = read_templates(example["value"], TemplatesTarget(**_fields(target), known=known))
        counts: dict[str, Any] = {reading.signal.name: reading.value for reading in report.readings if reading.value}

        assert all(reading.is_recognised for reading in report.readings)
        assert counts[TEMPLATES.name]["APPROVED"] == len(example["value"]["data"])
        assert counts[TEMPLATES_BY_CATEGORY.name]["MARKETING"] == len(example["value"]["data"])


def _fields(target: AccountTarget) -> dict[str, Any]:
    return {name: getattr(target, name) for name in ("name", "waba_id", "token", "version")}


def test_simulated_answer_keeps_to_the_description() -> None:
    world, _ = small_world()
    schema = {**content()["schema"], "components": description()["components"]}

    for params in ({}, {"name": "spring_sale"}, {"fields": ",".join(FIELDS)}):
        answer = get(world, f"/v23.0/{first_waba(world)}/message_templates", **params)

        assert answer.status_code == 200
        jsonschema.Draft202012Validator(schema).validate(answer.json())


def test_description_names_no_parameter_but_the_name() -> None:
    named = [each["name"] for each in description()["paths"][PATH]["get"]["parameters"] if "name" in each]

    assert named == ["name"]
