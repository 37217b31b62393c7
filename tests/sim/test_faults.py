"""Every fault of the Graph API, as a caller in process sees it."""

import json
import re
from typing import Any

import httpx
import pytest

from tests.sim.callers import first_number, first_waba, get, get_with, request, small_world
from wamon.sim import faults as faults_module
from wamon.sim.faults import GRAPH_FAULTS, SLACK_FAULTS, Faults
from wamon.sim.graph import graph_app
from wamon.sim.world import World

FIELDS = "name,phone_numbers.limit(2){id,status,quality_rating,verified_name},subscribed_apps"


def account(world: World, **params: str) -> httpx.Response:
    return get(world, f"/v25.0/{first_waba(world)}", **{"fields": FIELDS, **params})


def test_table_in_the_docstring_names_every_fault() -> None:
    documented = set(re.findall(r"^\| (\w+) \|", faults_module.__doc__ or "", re.MULTILINE))

    assert documented == set(GRAPH_FAULTS) | set(SLACK_FAULTS)


def test_fault_is_gone_after_its_times() -> None:
    world, _ = small_world()
    fault = world.faults.add("status", times=2)

    statuses = [account(world).status_code for _ in range(3)]

    assert statuses == [503, 503, 200]
    assert fault.hits == 2
    assert len(world.faults) == 0


@pytest.mark.parametrize("path", ["debug_token", "/debug*", lambda path: path.endswith("token")])
def test_fault_meets_only_calls_of_its_path(path: faults_module.PathMatch) -> None:
    world, _ = small_world()
    world.faults.add("status", path=path)

    assert account(world).status_code == 200
    assert get(world, "/v25.0/debug_token").status_code == 503


def test_fault_can_be_taken_away() -> None:
    world, _ = small_world()
    fault = world.faults.add("status")
    world.faults.remove(fault)
    world.faults.remove(fault)
    world.faults.add("status")
    world.faults.clear()

    assert account(world).status_code == 200


def test_unknown_fault_or_option_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no fault 'hangs'; known: cut_json"):
        Faults().add("hangs")
    with pytest.raises(ValueError, match=r"no option second; known: seconds"):
        Faults().add("hang", second=3)
    with pytest.raises(ValueError, match="known: none"):
        Faults().add("refused", second=3)


def test_option_that_must_be_a_number_is_refused_when_used() -> None:
    fault = Faults().add("hang", seconds="long")

    with pytest.raises(ValueError, match="must be a number"):
        fault.number("seconds")


@pytest.mark.parametrize(
    ("kind", "options", "raised"),
    [
        ("refused", {}, httpx.ConnectError),
        ("reset", {}, httpx.ReadError),
        ("reset", {"after_bytes": 10}, httpx.ReadError),
        ("hang", {}, httpx.ReadTimeout),
    ],
)
def test_lost_connection_raises_what_stands_for_it(kind: str, options: dict[str, Any], raised: type[Exception]) -> None:
    world, _ = small_world()
    world.faults.add(kind, **options)

    with pytest.raises(raised):
        account(world)
    assert world.calls[0].faults == (kind,)


def test_without_stand_ins_the_errors_are_pythons_own() -> None:
    world, _ = small_world()
    world.faults.add("reset")

    with pytest.raises(ConnectionResetError):
        request(graph_app(world), "GET", "/v25.0/1")


def test_call_without_an_answer_has_no_status_in_the_record() -> None:
    world, _ = small_world()
    world.faults.add("reset")

    with pytest.raises(httpx.ReadError):
        account(world)

    assert world.calls[0].status is None


def test_hang_lasts_its_seconds() -> None:
    world, clock = small_world()
    world.faults.add("hang", seconds=90)

    with pytest.raises(httpx.ReadTimeout):
        get_with(clock, world, f"/v25.0/{first_waba(world)}")

    assert clock.slept == [90]


def test_slow_answer_is_right_but_late() -> None:
    world, clock = small_world()
    world.faults.add("slow", seconds=7)

    answer = get_with(clock, world, f"/v25.0/{first_waba(world)}")

    assert answer.json()["name"] == "Jasper's Market"
    assert clock.slept == [7]


def test_dripping_answer_is_right_and_pauses_before_each_piece() -> None:
    world, clock = small_world()
    world.faults.add("drip", seconds=2, chunk_bytes=10)

    answer = get_with(clock, world, f"/v25.0/{first_waba(world)}")

    assert answer.json()["name"] == "Jasper's Market"
    assert clock.slept == [2] * 5


def test_web_page_comes_with_status_200() -> None:
    world, _ = small_world()
    world.faults.add("html_200")

    answer = account(world)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.text.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(("options", "length"), [({}, 24), ({"keep_bytes": 3}, 3)])
def test_cut_answer_is_no_json(options: dict[str, Any], length: int) -> None:
    world, _ = small_world()
    world.faults.add("cut_json", **options)

    answer = get(world, f"/v25.0/{first_waba(world)}")

    assert len(answer.content) == length
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_huge_body_is_as_huge_as_asked() -> None:
    world, _ = small_world()
    world.faults.add("huge_body", bytes=200_000)

    answer = account(world)

    assert len(answer.json()["data"][0]) == 200_000
    assert "content-length" not in answer.headers


def test_redirect_leads_to_another_host() -> None:
    world, _ = small_world()
    world.faults.add("redirect", http_status=307)

    answer = account(world)

    assert (answer.status_code, answer.headers["location"]) == (307, "https://elsewhere.example.net/graph")


def test_planted_error_has_metas_envelope() -> None:
    world, _ = small_world()
    world.faults.add(
        "error", code=368, subcode=7, http_status=403, message="Blocked", transient=True, headers={"retry-after": "60"}
    )

    answer = account(world)

    body = answer.json()["error"]
    assert body.pop("fbtrace_id")
    assert (answer.status_code, answer.headers["retry-after"]) == (403, "60")
    assert body == {
        "message": "Blocked",
        "type": "OAuthException",
        "code": 368,
        "error_subcode": 7,
        "is_transient": True,
    }


@pytest.mark.parametrize("code", [4, 17, 80007, 80008, 130429])
def test_throttle_comes_with_usage_headers(code: int) -> None:
    world, _ = small_world()
    world.faults.add("throttle", code=code, minutes=33)

    answer = account(world)

    usage = json.loads(answer.headers["x-business-use-case-usage"])[first_waba(world)][0]
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, code)
    assert (usage["call_count"], usage["estimated_time_to_regain_access"]) == (100, 33)
    assert json.loads(answer.headers["x-app-usage"])["call_count"] == 100


def test_throttle_may_come_without_usage_headers() -> None:
    world, _ = small_world()
    world.faults.add("throttle", usage=False, http_status=400)

    answer = account(world)

    assert answer.status_code == 400
    assert not {"x-business-use-case-usage", "x-app-usage"} & set(answer.headers)


def test_refused_field_is_named_wherever_it_stands() -> None:
    world, _ = small_world()
    world.faults.add("unknown_field", field="quality_rating")
    world.faults.add("unknown_field", field="can_send_message")

    nested = account(world)
    inner = get(world, f"/v25.0/{first_waba(world)}", fields="health_status{can_send_message}")
    spared = get(world, f"/v25.0/{first_waba(world)}", fields="name,status")

    assert "nonexisting field (quality_rating)" in nested.json()["error"]["message"]
    assert "nonexisting field (can_send_message)" in inner.json()["error"]["message"]
    assert spared.status_code == 200


def test_expansion_can_be_refused_while_plain_fields_are_served() -> None:
    world, _ = small_world()
    world.faults.add("no_expansion")

    assert account(world).json()["error"]["code"] == 100
    assert get(world, f"/v25.0/{first_waba(world)}", fields="name,status").status_code == 200
    assert get(world, f"/v25.0/{first_waba(world)}/phone_numbers", fields="id,status").status_code == 200


def test_paging_loop_never_ends() -> None:
    world, _ = small_world()
    world.faults.add("paging_loop")
    path = f"/v25.0/{first_waba(world)}/phone_numbers"

    first = get(world, path, limit="2").json()
    second = get(world, path, limit="2", after=first["paging"]["cursors"]["after"]).json()

    assert second == first
    assert "next" in first["paging"]


def test_next_page_can_point_to_another_host() -> None:
    world, _ = small_world()
    world.faults.add("foreign_next", host="collector.example.net")

    paging = account(world).json()["phone_numbers"]["paging"]

    assert paging["next"].startswith("https://collector.example.net/v25.0/")
    assert paging["cursors"]["after"]


@pytest.mark.parametrize(
    ("kind", "options", "name"),
    [
        ("null", {"field": "verified_name"}, None),
        ("number", {"field": "verified_name"}, 7),
        ("unknown_enum", {"field": "verified_name", "value": "HIBERNATING"}, "HIBERNATING"),
    ],
)
def test_field_can_have_a_wrong_value_everywhere(kind: str, options: dict[str, Any], name: object) -> None:
    world, _ = small_world()
    world.faults.add(kind, **options)

    numbers = account(world).json()["phone_numbers"]["data"]

    assert [number["verified_name"] for number in numbers] == [name, name]


@pytest.mark.parametrize("field", ["quality_rating", "subscribed_apps", "data"])
def test_field_can_be_missing(field: str) -> None:
    world, _ = small_world()
    world.faults.add("missing", field=field)

    assert f'"{field}"' not in account(world).text


def test_rating_can_flip_within_a_page() -> None:
    world, _ = small_world()
    world.faults.add("flip")

    numbers = account(world).json()["phone_numbers"]["data"]

    assert (numbers[0]["id"], numbers[0]["quality_rating"]) == (first_number(world), "GREEN")
    assert (numbers[-1]["id"], numbers[-1]["quality_rating"]) == (first_number(world), "RED")


def test_another_version_can_seem_to_have_answered() -> None:
    world, _ = small_world()
    world.faults.add("served_version", version="v22.0")

    assert account(world).headers["facebook-api-version"] == "v22.0"


def test_world_itself_stays_well_under_faults_of_content() -> None:
    world, _ = small_world()
    world.faults.add("null", field="health_status", times=1)
    world.number(first_number(world)).health.block(131031, "locked")
    fields = "health_status{entities{errors}}"

    spoilt = get(world, f"/v25.0/{first_number(world)}", fields=fields).json()
    right = get(world, f"/v25.0/{first_number(world)}", fields=fields).json()

    assert spoilt["health_status"] is None
    assert right["health_status"]["entities"][0]["errors"][0]["error_code"] == 131031
