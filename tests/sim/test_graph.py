"""The simulated Graph API: nodes, edges, access, versions, quotas."""

import asyncio
import hmac
import json
from datetime import timedelta

import pytest

from tests.fakes import START
from tests.sim.callers import app_token, first_number, first_waba, get, request, small_world
from wamon.sim.entities import MANAGEMENT, MESSAGING
from wamon.sim.graph import graph_app
from wamon.sim.world import World

NESTED = (
    "name,status,health_status,phone_numbers.limit(100){id,status,quality_rating,health_status{can_send_message}},"
    "subscribed_apps"
)


def error(world: World, path: str, **options: str) -> dict[str, object]:
    answer = get(world, path, **options)
    body = dict(answer.json()["error"])
    assert body.pop("fbtrace_id")
    return {"http": answer.status_code, **{name: value for name, value in body.items() if name != "type"}}


def test_waba_without_fields_gives_id_and_name() -> None:
    world, _ = small_world()

    answer = get(world, f"/v25.0/{first_waba(world)}")

    assert answer.json() == {"id": first_waba(world), "name": "Jasper's Market"}


def test_answer_has_the_worlds_date() -> None:
    world, _ = small_world()

    assert get(world, "/").headers["date"] == "Sun, 22 Nov 2026 10:00:00 GMT"


def test_number_without_fields_gives_metas_four() -> None:
    world, _ = small_world()

    answer = get(world, f"/v25.0/{first_number(world)}")

    assert answer.json() == {
        "id": first_number(world),
        "display_phone_number": "+1 555-078-3881",
        "verified_name": "Jasper's Market",
        "quality_rating": "GREEN",
    }


def test_one_nested_call_brings_account_numbers_and_subscriptions() -> None:
    world, _ = small_world()
    world.number(first_number(world)).quality_rating = "RED"

    body = get(world, f"/v25.0/{first_waba(world)}", fields=NESTED).json()

    assert body["status"] == "ACTIVE"
    assert [number["quality_rating"] for number in body["phone_numbers"]["data"]] == ["RED", "GREEN", "GREEN"]
    assert body["phone_numbers"]["data"][0]["health_status"] == {"can_send_message": "AVAILABLE"}
    assert "next" not in body["phone_numbers"]["paging"]
    assert body["subscribed_apps"]["data"][0]["whatsapp_business_api_data"]["name"] == "Wamon Demo"
    assert len(world.calls) == 1


def test_unknown_field_refuses_the_call_and_names_the_field() -> None:
    world, _ = small_world()

    assert error(world, f"/v25.0/{first_waba(world)}", fields="name,messaging_limit_tier") == {
        "http": 400,
        "code": 100,
        "message": (
            "(#100) Tried accessing nonexisting field (messaging_limit_tier) on node type (WhatsAppBusinessAccount)"
        ),
    }


@pytest.mark.parametrize(
    ("path", "fields", "node_type"),
    [
        ("waba/phone_numbers", "id,shoe_size", "WhatsAppBusinessAccountToNumberCurrentStatus"),
        ("number", "account_review_status", "WhatsAppBusinessAccountToNumberCurrentStatus"),
        ("waba", "phone_numbers{shoe_size}", "WhatsAppBusinessAccountToNumberCurrentStatus"),
        ("waba", "subscribed_apps{shoe_size}", "Application"),
        ("waba", "name{first}", "String"),
        ("waba/subscribed_apps", "shoe_size", "Application"),
        ("number/subscribed_apps", "", "WhatsAppBusinessAccountToNumberCurrentStatus"),
        ("waba/friends", "", "WhatsAppBusinessAccount"),
        ("app/friends", "", "Application"),
    ],
)
def test_what_a_node_does_not_have_is_refused(path: str, fields: str, node_type: str) -> None:
    world, _ = small_world()
    ids = {"waba": first_waba(world), "number": first_number(world), "app": next(iter(world.apps))}
    kind, slash, edge = path.partition("/")

    refusal = error(world, f"/v25.0/{ids[kind]}{slash}{edge}", fields=fields)

    assert refusal["code"] == 100
    assert str(refusal["message"]).endswith(f"on node type ({node_type})")


def test_bad_field_syntax_is_refused() -> None:
    world, _ = small_world()

    assert error(world, f"/v25.0/{first_waba(world)}", fields="name{")["code"] == 2500


def test_pages_follow_each_other_by_cursor() -> None:
    world, _ = small_world()
    path = f"/v25.0/{first_waba(world)}/phone_numbers"

    first = get(world, path, limit="2").json()
    second = get(world, path, limit="2", after=first["paging"]["cursors"]["after"]).json()
    back = get(world, path, limit="2", before=second["paging"]["cursors"]["before"]).json()

    assert [number["id"] for number in first["data"] + second["data"]] == world.waba(first_waba(world)).number_ids
    assert "access_token=" in first["paging"]["next"]
    assert "next" not in second["paging"]
    assert "previous" in second["paging"]
    assert back["data"] == first["data"]


def test_page_size_is_25_by_default_and_100_at_most() -> None:
    world = World.fleet(lambda: START, wabas=1, numbers_per_waba=130)
    path = f"/v25.0/{first_waba(world)}/phone_numbers"

    sizes = [len(get(world, path, **params).json()["data"]) for params in ({}, {"limit": "100"}, {"limit": "500"})]

    assert sizes == [25, 100, 100]


def test_next_page_of_a_nested_edge_keeps_its_fields() -> None:
    world, _ = small_world()
    body = get(world, f"/v25.0/{first_waba(world)}", fields="phone_numbers.limit(1){status,throughput{level}}").json()

    following = get(world, body["phone_numbers"]["paging"]["next"])

    assert following.json()["data"][0] == {
        "status": "CONNECTED",
        "throughput": {"level": "STANDARD"},
        "id": world.waba(first_waba(world)).number_ids[1],
    }


@pytest.mark.parametrize("params", [{"after": "nonsense"}, {"before": "nonsense"}, {"limit": "0"}, {"limit": "many"}])
def test_bad_paging_is_refused(params: dict[str, str]) -> None:
    world, _ = small_world()

    assert error(world, f"/v25.0/{first_waba(world)}/phone_numbers", **params)["code"] == 100


def test_account_without_numbers_has_an_empty_page() -> None:
    world, _ = small_world()
    for number_id in list(world.waba(first_waba(world)).number_ids):
        world.remove_number(number_id)

    assert get(world, f"/v25.0/{first_waba(world)}/phone_numbers").json() == {"data": []}


def test_every_documented_field_can_be_asked_for() -> None:
    world, _ = small_world()
    world.number(first_number(world)).username = "jaspers"

    number = get(
        world,
        f"/v23.0/{first_number(world)}",
        fields="quality_score,throughput,messaging_limit_tier,last_onboarded_time,webhook_configuration,host_platform,"
        "is_pin_enabled,certificate,username,new_name_status",
    ).json()
    waba = get(world, f"/v25.0/{first_waba(world)}", fields="creation_time,owner_business_info,primary_funding_id")

    assert number == {
        "id": first_number(world),
        "quality_score": {"score": "GREEN"},
        "throughput": {"level": "STANDARD"},
        "messaging_limit_tier": "TIER_10K",
        "last_onboarded_time": "2026-05-06T10:00:00+0000",
        "webhook_configuration": {"application": "https://hooks.example.com/webhook"},
        "host_platform": "CLOUD_API",
        "is_pin_enabled": True,
        "certificate": "simulated-certificate-never-log-this",
        "username": "jaspers",
    }
    assert waba.json()["creation_time"] == 1712016000
    assert waba.json()["owner_business_info"]["name"] == "Jasper's Market"


def test_deprecated_limit_is_gone_from_version_24_on() -> None:
    world, _ = small_world()

    fields = "messaging_limit_tier,whatsapp_business_manager_messaging_limit"
    answer = get(world, f"/v24.0/{first_number(world)}", fields=fields)

    assert answer.json() == {"whatsapp_business_manager_messaging_limit": "TIER_10K", "id": first_number(world)}


def test_raw_value_takes_a_fields_place() -> None:
    world, _ = small_world()
    world.number(first_number(world)).raw = {"status": None, "shoe_size": 44}

    answer = get(world, f"/v25.0/{first_number(world)}", fields="status,shoe_size")

    assert answer.json() == {"status": None, "shoe_size": 44, "id": first_number(world)}


def test_sip_alone_blocks_the_aggregate_as_in_metas_example() -> None:
    world, _ = small_world()
    world.number(first_number(world)).health.block_sip()

    health = get(world, f"/v25.0/{first_number(world)}", fields="health_status").json()["health_status"]

    assert health["can_send_message"] == "BLOCKED"
    assert {entity["can_send_message"] for entity in health["entities"]} == {"AVAILABLE"}
    assert health["entities"][0]["errors"][0]["error_code"] == 138024
    assert [entity["entity_type"] for entity in health["entities"]] == ["PHONE_NUMBER", "WABA", "BUSINESS", "APP"]


def test_limited_entity_says_why_and_limits_the_aggregate() -> None:
    world, _ = small_world()
    waba = world.waba(first_waba(world))
    waba.health.limit("The display name is not approved yet")

    health = get(world, f"/v25.0/{waba.id}", fields="health_status").json()["health_status"]
    waba.health.clear()
    cleared = get(world, f"/v25.0/{waba.id}", fields="health_status{can_send_message}").json()["health_status"]

    assert health["can_send_message"] == "LIMITED"
    assert health["entities"][0]["additional_info"] == ["The display name is not approved yet"]
    assert cleared == {"can_send_message": "AVAILABLE"}


def test_banned_number_shows_in_status_and_health() -> None:
    world, _ = small_world()
    world.ban_number(first_number(world))

    body = get(world, f"/v25.0/{first_number(world)}", fields="status,health_status{entities{errors}}").json()

    assert body["status"] == "BANNED"
    assert body["health_status"]["entities"][0]["errors"][0]["error_code"] == 131031


def test_lost_subscription_leaves_an_empty_list() -> None:
    world, _ = small_world()
    world.unsubscribe(first_waba(world), next(iter(world.apps)))

    assert get(world, f"/v25.0/{first_waba(world)}/subscribed_apps").json() == {"data": []}


def test_subscribed_apps_carry_their_override_and_may_hide_other_apps() -> None:
    world, _ = small_world()
    app_id = next(iter(world.apps))
    world.subscribe(first_waba(world), app_id, override_callback_uri="https://other.example.com/hook")
    world.subscribe(first_waba(world), "634974999999999")
    path = f"/v25.0/{first_waba(world)}/subscribed_apps"

    everybody = get(world, path, fields="id").json()["data"]
    world.shows_only_own_app = True
    own = get(world, path).json()["data"]

    assert [item["whatsapp_business_api_data"] for item in everybody] == [{"id": app_id}, {"id": "634974999999999"}]
    assert [item["override_callback_uri"] for item in own] == ["https://other.example.com/hook"]


def test_app_subscriptions_need_the_apps_own_token() -> None:
    world, _ = small_world()
    app_id = next(iter(world.apps))
    other = world.add_app("Other", callback_url=None)

    body = get(world, f"/v25.0/{app_id}/subscriptions", token=app_token(world)).json()

    assert body["data"][0]["object"] == "whatsapp_business_account"
    assert {"name": "messages", "version": "v25.0"} in body["data"][0]["fields"]
    assert error(world, f"/v25.0/{app_id}/subscriptions")["code"] == 15
    assert error(world, f"/v25.0/{app_id}/subscriptions", token=other.token)["code"] == 15


def test_app_node_is_served() -> None:
    world, _ = small_world()
    app_id = next(iter(world.apps))

    assert get(world, f"/v25.0/{app_id}", fields="name").json() == {"name": "Wamon Demo", "id": app_id}


@pytest.mark.parametrize(
    ("token", "code"),
    [(None, 104), ("EAAnobody", 190), ("634974000000002|wrong", 190), ("1|2", 190)],
)
def test_missing_or_unknown_token_is_refused(token: str | None, code: int) -> None:
    world, _ = small_world()

    answer = get(world, f"/v25.0/{first_waba(world)}", token=token)

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == code
    assert answer.headers["www-authenticate"].startswith("OAuth")


def test_token_in_the_query_is_accepted_and_not_recorded() -> None:
    world, _ = small_world()
    value = world.token("system-user").value

    answer = get(world, f"/v25.0/{first_waba(world)}", token=None, access_token=value)

    assert answer.status_code == 200
    assert world.calls[0].params == {"access_token": "(hidden)"}
    assert not world.calls[0].has_bearer


@pytest.mark.parametrize("subcode", [None, 458, 459, 460, 463, 464, 467, 492, 999])
def test_dead_token_is_refused_with_its_subcode(subcode: int | None) -> None:
    world, _ = small_world()
    world.revoke_token("system-user", subcode=subcode)

    refusal = error(world, f"/v25.0/{first_waba(world)}")

    assert (refusal["http"], refusal["code"], refusal.get("error_subcode")) == (401, 190, subcode)


def test_token_dies_when_its_time_comes_and_lives_again_when_renewed() -> None:
    world, clock = small_world()
    clock.advance(timedelta(days=60).total_seconds())

    dead = error(world, f"/v25.0/{first_waba(world)}")
    world.renew_token("system-user")

    assert (dead["code"], dead["error_subcode"]) == (190, 463)
    assert get(world, f"/v25.0/{first_waba(world)}").status_code == 200


def test_swapped_token_leaves_the_former_unknown() -> None:
    world, _ = small_world()
    former = world.token("system-user").value
    world.swap_token("system-user", "EAAswapped")

    assert error(world, f"/v25.0/{first_waba(world)}", token=former)["code"] == 190
    assert get(world, f"/v25.0/{first_waba(world)}", token="EAAswapped").status_code == 200


@pytest.mark.parametrize("code", [10, 200])
def test_missing_scope_is_told(code: int) -> None:
    world, _ = small_world()
    world.missing_scope_code = code
    world.remove_scope("system-user", MANAGEMENT)

    refusal = error(world, f"/v25.0/{first_waba(world)}")

    assert (refusal["http"], refusal["code"]) == (403, code)


def test_lost_account_and_unknown_id_look_the_same() -> None:
    world, _ = small_world()
    lost, kept = world.wabas
    world.remove_asset("system-user", lost)
    world.token("system-user").unassigned.add(kept)

    for node_id in (lost, kept, first_number(world), "102290999999999"):
        refusal = error(world, f"/v25.0/{node_id}")
        assert (refusal["http"], refusal["code"], refusal["error_subcode"]) == (400, 100, 33)


def test_app_token_may_not_read_an_account() -> None:
    world, _ = small_world()

    assert error(world, f"/v25.0/{first_waba(world)}", token=app_token(world))["error_subcode"] == 33


def test_name_that_is_no_id_is_an_unknown_alias() -> None:
    world, _ = small_world()

    refusal = error(world, "/v25.0/versions")

    assert (refusal["http"], refusal["code"]) == (404, 803)


def test_only_reads_are_served() -> None:
    world, _ = small_world()
    headers = {"Authorization": f"Bearer {world.token('system-user').value}"}

    answer = request(graph_app(world), "POST", f"/v25.0/{first_waba(world)}/subscribed_apps", headers=headers)

    assert answer.json()["error"]["message"] == "Unsupported post request."
    assert world.calls[0].method == "POST"


def proof(world: World, message: str) -> str:
    return hmac.new(next(iter(world.apps.values())).secret.encode(), message.encode(), "sha256").hexdigest()


def test_appsecret_proof_is_checked_when_sent() -> None:
    world, _ = small_world()
    path, value = f"/v25.0/{first_waba(world)}", world.token("system-user").value

    assert get(world, path, appsecret_proof=proof(world, value)).status_code == 200
    assert "Invalid appsecret_proof" in str(error(world, path, appsecret_proof="00")["message"])


def test_appsecret_proof_is_demanded_when_the_app_says_so() -> None:
    world, _ = small_world()
    next(iter(world.apps.values())).require_app_secret = True

    assert "require an appsecret_proof" in str(error(world, f"/v25.0/{first_waba(world)}")["message"])


@pytest.mark.parametrize(("age", "accepted"), [(0, True), (299, True), (301, False)])
def test_timed_appsecret_proof_lives_five_minutes(age: int, accepted: bool) -> None:
    world, clock = small_world()
    value = world.token("system-user").value
    sent_at = str(int(clock.now().timestamp()) - age)

    answer = get(
        world,
        f"/v25.0/{first_waba(world)}",
        appsecret_time=sent_at,
        appsecret_proof=proof(world, f"{value}|{sent_at}"),
    )

    assert (answer.status_code == 200) is accepted


def test_debug_token_tells_all_about_a_living_token() -> None:
    world, _ = small_world()
    token = world.token("system-user")
    token.targets[MANAGEMENT] = [first_waba(world)]
    token.data_access_expires_at = START + timedelta(days=90)

    answer = get(world, "/v25.0/debug_token", token=app_token(world), input_token=token.value)

    assert answer.json() == {
        "data": {
            "app_id": token.app_id,
            "type": "SYSTEM_USER",
            "application": "Wamon Demo",
            "data_access_expires_at": 1803117600,
            "expires_at": 1800525600,
            "is_valid": True,
            "issued_at": 1795341600,
            "scopes": [MANAGEMENT, MESSAGING],
            "granular_scopes": [{"scope": MANAGEMENT, "target_ids": [first_waba(world)]}, {"scope": MESSAGING}],
            "user_id": token.user_id,
        }
    }
    assert world.calls[0].params == {"input_token": "(hidden)"}


def test_token_that_never_expires_says_zero() -> None:
    world, _ = small_world()
    world.renew_token("system-user", life=None)

    facts = get(world, "/debug_token", input_token=world.token("system-user").value).json()["data"]

    assert (facts["expires_at"], facts["data_access_expires_at"]) == (0, 0)


def test_app_token_sees_a_dead_token_as_data() -> None:
    world, _ = small_world()
    world.revoke_token("system-user", subcode=460)
    value = world.token("system-user").value

    answer = get(world, "/v25.0/debug_token", token=app_token(world), input_token=value)

    assert answer.status_code == 200
    assert answer.json()["data"]["is_valid"] is False
    assert answer.json()["data"]["error"]["subcode"] == 460


def test_dead_token_that_inspects_itself_is_refused() -> None:
    world, _ = small_world()
    world.revoke_token("system-user", subcode=463)

    refusal = error(world, "/v25.0/debug_token", input_token=world.token("system-user").value)

    assert (refusal["code"], refusal["error_subcode"]) == (190, 463)


def test_unknown_input_token_is_invalid_without_facts() -> None:
    world, _ = small_world()

    data = get(world, "/v25.0/debug_token", token=app_token(world), input_token="EAAnobody").json()["data"]

    assert (data["is_valid"], data["error"]["code"]) == (False, 190)


def test_debug_token_needs_an_input_token_of_the_same_app() -> None:
    world, _ = small_world()
    other = world.add_app("Other")

    assert "input_token is required" in str(error(world, "/v25.0/debug_token")["message"])
    foreign = error(world, "/v25.0/debug_token", token=other.token, input_token=world.token("system-user").value)
    assert "did not match" in str(foreign["message"])


@pytest.mark.parametrize(
    ("prefix", "served"), [("/v25.0", "v25.0"), ("/v20.0", "v21.0"), ("", "v25.0"), ("/v21.0", "v21.0")]
)
def test_served_version_is_in_the_header(prefix: str, served: str) -> None:
    world, _ = small_world()

    answer = get(world, f"{prefix}/{first_waba(world)}")

    assert answer.headers["facebook-api-version"] == served
    assert answer.headers["x-fb-request-id"] == answer.headers["x-fb-trace-id"]


@pytest.mark.parametrize("path", ["/v99.0/1", "/v25.0/1/phone_numbers/more"])
def test_unknown_version_or_path_is_unknown_path_components(path: str) -> None:
    world, _ = small_world()

    refusal = error(world, path)

    assert (refusal["code"], refusal["message"]) == (2500, f"Unknown path components: {path}")


def test_usage_headers_appear_after_some_calls() -> None:
    world, _ = small_world()
    waba_id = first_waba(world)
    app_id = next(iter(world.apps))

    early = get(world, f"/v25.0/{waba_id}")
    world.quota.spend((app_id, waba_id), 2_499)
    later = get(world, f"/v25.0/{waba_id}")

    assert "x-business-use-case-usage" not in early.headers
    management, messaging = json.loads(later.headers["x-business-use-case-usage"])[waba_id]
    assert (management["type"], management["call_count"]) == ("whatsapp_business_management", 50)
    assert (messaging["type"], messaging["call_count"]) == ("whatsapp", 0)


def test_account_over_its_quota_is_throttled_until_the_hour_has_passed() -> None:
    world, clock = small_world()
    waba_id = first_waba(world)
    for number in world.numbers_of(waba_id):
        number.platform_type = "NOT_APPLICABLE"
    world.quota.spend((next(iter(world.apps)), waba_id), 200)

    throttled = get(world, f"/v25.0/{waba_id}/phone_numbers")
    other = get(world, f"/v25.0/{list(world.wabas)[1]}")
    clock.advance(3600)
    after = get(world, f"/v25.0/{waba_id}/phone_numbers")

    assert (throttled.status_code, throttled.json()["error"]["code"]) == (429, 80008)
    usage = json.loads(throttled.headers["x-business-use-case-usage"])[waba_id][0]
    assert (usage["call_count"], usage["estimated_time_to_regain_access"]) == (100, 60)
    assert other.status_code == 200
    assert after.status_code == 200


def test_number_calls_are_charged_to_their_account() -> None:
    world, _ = small_world()
    app_id = next(iter(world.apps))

    get(world, f"/v25.0/{first_number(world)}")

    assert world.quota.usage((app_id, first_waba(world)), 5_000).calls == 1


def test_app_over_its_quota_is_throttled_with_code_4() -> None:
    world, _ = small_world()
    app_id = next(iter(world.apps))
    world.quota.spend((app_id, "app"), 2_000)

    answer = get(world, f"/v25.0/{app_id}/subscriptions", token=app_token(world))

    assert answer.json()["error"]["code"] == 4
    assert json.loads(answer.headers["x-app-usage"])["call_count"] == 100


def test_calls_are_recorded_for_tests_to_count() -> None:
    world, clock = small_world()

    get(world, f"/v25.0/{first_waba(world)}/phone_numbers", fields="id", limit="100")

    (call,) = world.calls
    assert (call.at, call.method, call.version, call.path, call.fields, call.token, call.status) == (
        clock.now(),
        "GET",
        "v25.0",
        f"/{first_waba(world)}/phone_numbers",
        "id",
        "system-user",
        200,
    )
    assert call.params == {"fields": "id", "limit": "100"}


def test_other_protocols_are_ignored() -> None:
    world, _ = small_world()
    app = graph_app(world)

    async def nothing() -> None:
        raise AssertionError("neither read from nor written to")

    asyncio.run(app({"type": "lifespan"}, nothing, nothing))  # type: ignore[arg-type]  # must not be called

    assert world.calls == []
