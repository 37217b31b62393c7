"""The list of message templates as the simulated Graph API serves it."""

from datetime import timedelta
from typing import Any

import pytest

from tests.sim.callers import first_waba, get, small_world
from wamon.sim.entities import Template
from wamon.sim.world import World


def path(world: World) -> str:
    return f"/v25.0/{first_waba(world)}/message_templates"


def listed(world: World, **params: str) -> dict[str, Any]:
    body: dict[str, Any] = get(world, path(world), **params).json()
    return body


def refusal(world: World, **params: str) -> tuple[int, str]:
    answer = get(world, path(world), **params)
    error = answer.json()["error"]
    return error["code"], error["message"]


def names(body: dict[str, Any]) -> list[str]:
    return [f"{each['name']}/{each['language']}" for each in body["data"]]


def sale(world: World, language: str = "en_US") -> Template:
    return world.template(first_waba(world), "spring_sale", language)


def test_template_without_fields_gives_metas_defaults() -> None:
    world, _ = small_world()
    first = world.waba(first_waba(world)).templates[0]

    body = listed(world)

    assert body["data"][0] == {
        "name": "order_update",
        "components": [{"type": "BODY", "text": "Hello {{1}}"}],
        "language": "en_US",
        "status": "APPROVED",
        "category": "UTILITY",
        "id": first.id,
    }
    assert names(body) == ["order_update/en_US", "login_code/en_US", "spring_sale/en_US", "spring_sale/es_MX"]
    assert "next" not in body["paging"]


def test_every_field_that_wamon_asks_for_is_served() -> None:
    world, clock = small_world()
    template = sale(world)
    template.status = "PAUSED"
    template.quality, template.quality_reasons = "RED", ["SPAM"]
    template.correct_category, template.previous_category = "UTILITY", "MARKETING"
    fields = "id,name,language,status,category,correct_category,previous_category,quality_score,rejected_reason"

    body = listed(world, fields=f"{fields},last_updated_time", name="spring_sale", language="en_US")

    (answer,) = body["data"]
    assert answer == {
        "id": template.id,
        "name": "spring_sale",
        "language": "en_US",
        "status": "PAUSED",
        "category": "MARKETING",
        "correct_category": "UTILITY",
        "previous_category": "MARKETING",
        "quality_score": {"score": "RED", "reasons": ["SPAM"]},
        "rejected_reason": "NONE",
        "last_updated_time": (clock.now() - timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%S+0000"),
    }


def test_unknown_field_is_refused_by_name_and_type() -> None:
    world, _ = small_world()

    assert refusal(world, fields="name,shoe_size") == (
        100,
        "(#100) Tried accessing nonexisting field (shoe_size) on node type (WhatsAppMessageTemplate)",
    )


def test_anything_can_stand_in_a_fields_place() -> None:
    world, _ = small_world()
    sale(world).raw = {"status": None, "quality_score": 7}
    sale(world, "es_MX").quality = None

    body = listed(world, fields="status,quality_score", name="spring_sale")

    assert [{**each, "id": ""} for each in body["data"]] == [
        {"id": "", "status": None, "quality_score": 7},
        {"id": "", "status": "APPROVED"},
    ]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"status": '["PAUSED","REJECTED"]'}, ["login_code/en_US", "spring_sale/es_MX"]),
        ({"status": "paused"}, ["spring_sale/es_MX"]),
        ({"status": "PAUSED,REJECTED"}, ["login_code/en_US", "spring_sale/es_MX"]),
        ({"category": '["MARKETING"]'}, ["spring_sale/en_US", "spring_sale/es_MX"]),
        ({"quality_score": '["RED","YELLOW"]'}, ["spring_sale/en_US"]),
        ({"language": '["es_MX"]'}, ["spring_sale/es_MX"]),
        ({"name": "ORDER"}, ["order_update/en_US"]),
        ({"content": "sale!"}, ["spring_sale/en_US"]),
        ({"name_or_content": "sale"}, ["spring_sale/en_US", "spring_sale/es_MX"]),
        ({"source": "auto_generated"}, []),
        ({"category": "MARKETING", "status": "PAUSED"}, ["spring_sale/es_MX"]),
    ],
)
def test_filters(filters: dict[str, str], found: list[str]) -> None:
    world, _ = small_world()
    world.template(first_waba(world), "login_code").status = "REJECTED"
    sale(world, "es_MX").status = "PAUSED"
    sale(world).quality, sale(world).body = "RED", "Big Sale!"

    assert names(listed(world, **filters)) == found


def test_filters_by_the_last_update() -> None:
    world, clock = small_world()
    sale(world).last_updated_time = clock.now()
    sale(world, "es_MX").last_updated_time = None
    day = str(int(clock.now().timestamp()) - 86_400)

    assert names(listed(world, since=day)) == ["spring_sale/en_US"]
    assert names(listed(world, until=day)) == ["order_update/en_US", "login_code/en_US"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"quality_score": "BLUE"},
            "Param quality_score[0] must be one of {GREEN, RED, UNKNOWN, YELLOW} - got 'BLUE'.",
        ),
        ({"category": '["UTILITY","OTP"]'}, "Param category[1] must be one of {AUTHENTICATION, MARKETING, UTILITY}"),
        ({"status": "[PAUSED"}, "Param status must be an array."),
        ({"since": "yesterday"}, "Param since must be a valid timestamp."),
        ({"limit": "0"}, "Param limit must be a positive integer"),
        ({"after": "nowhere"}, "Invalid cursors values"),
        ({"summary": "price"}, "Tried accessing nonexisting summary field (price)"),
    ],
)
def test_parameter_that_makes_no_sense_is_refused(params: dict[str, str], message: str) -> None:
    world, _ = small_world()

    code, text = refusal(world, **params)

    assert code == 100
    assert text.startswith(f"(#100) {message}")


def test_pages_of_a_filtered_list_follow_each_other_by_cursor() -> None:
    world, _ = small_world()
    waba = world.waba(first_waba(world))
    for index in range(30):
        world.add_template(waba, f"more_{index:02d}", category="MARKETING")

    first = listed(world, category="MARKETING", fields="name,language")
    after = first["paging"]["cursors"]["after"]
    second = listed(world, category="MARKETING", fields="name,language", after=after)

    assert (len(first["data"]), len(second["data"])) == (25, 7)
    assert len(set(names(first) + names(second))) == 32
    assert "category=MARKETING" in first["paging"]["next"]
    assert "/message_templates?" in first["paging"]["next"]
    assert "next" not in second["paging"]


def test_page_has_at_most_250() -> None:
    world, _ = small_world()
    for index in range(300):
        world.add_template(world.waba(first_waba(world)), f"more_{index:03d}")

    assert len(listed(world, limit="1000")["data"]) == 250


def test_summary_counts_what_is_found_and_all_there_is() -> None:
    world, _ = small_world()
    wanted = "total_count,message_template_count,message_template_limit,are_translations_complete"

    assert listed(world, category="MARKETING", summary=wanted)["summary"] == {
        "total_count": 2,
        "message_template_count": 4,
        "message_template_limit": 250,
        "are_translations_complete": True,
    }
    assert listed(world, summary='["total_count"]')["summary"] == {"total_count": 4}
    assert "summary" not in listed(world)


def test_templates_nest_in_their_account() -> None:
    world, _ = small_world()
    sale(world).status = "PAUSED"

    body = get(
        world,
        f"/v25.0/{first_waba(world)}",
        fields='id,message_templates.limit(2).status(["PAUSED"]){name,language,status}',
    ).json()

    assert names(body["message_templates"]) == ["spring_sale/en_US"]


def test_account_without_templates_has_an_empty_list() -> None:
    world, _ = small_world()
    world.waba(first_waba(world)).templates.clear()

    assert listed(world) == {"data": []}


def test_template_that_is_not_there_cannot_be_handled() -> None:
    world, _ = small_world()

    with pytest.raises(KeyError, match="no template 'spring_sale' in fr"):
        sale(world, "fr")
