"""What the client asks, and how it puts answers together."""

import asyncio
import hashlib
import hmac
from datetime import timedelta

import httpx
import pytest

from tests.fakes import START, FakeClock
from tests.graph.rig import (
    APP_ID,
    APP_SECRET,
    NESTED,
    NUMBERS,
    TOKEN,
    WABA,
    WABA_ID,
    CannedRig,
    Rig,
    SimRig,
    error,
    ok,
    usage,
)
from wamon.core.errors import (
    ConfigurationError,
    Denied,
    GraphFault,
    Refused,
    Throttled,
    UnexpectedShape,
    Unreachable,
)
from wamon.core.ports import Edge, GraphQuery, UrlQuery
from wamon.graph.credentials import Credentials

NUMBER_TYPE = "WhatsAppBusinessAccountToNumberCurrentStatus"


def nonexisting(name: str, node_type: str) -> httpx.Response:
    message = f"(#100) Tried accessing nonexisting field ({name}) on node type ({node_type})"
    return httpx.Response(400, json={"error": {"message": message, "type": "OAuthException", "code": 100}})


def asked_fields(rig: CannedRig) -> list[str]:
    return [request.url.params["fields"] for request in rig.requests]


# --- requests ---------------------------------------------------------------------------------------------------------


def test_one_call_asks_for_the_account_its_numbers_and_its_apps() -> None:
    rig = CannedRig(ok())

    rig.fetch()

    request = rig.requests[0]
    assert request.method == "GET"
    assert request.url.path == f"/v25.0/{WABA_ID}"
    assert request.url.params["fields"] == (
        "id,name,status,phone_numbers.limit(2){id,display_phone_number,status,quality_rating},subscribed_apps"
    )


def test_edge_query_goes_to_the_edge_with_its_fields_and_limit() -> None:
    rig = CannedRig(ok({"data": []}))

    rig.fetch(GraphQuery(path=WABA_ID, edge=NUMBERS, token="main", waba_id=WABA_ID))

    assert rig.requests[0].url.path == f"/v25.0/{WABA_ID}/phone_numbers"
    assert rig.requests[0].url.params["fields"] == "id,display_phone_number,status,quality_rating"
    assert rig.requests[0].url.params["limit"] == "2"


def test_query_without_fields_sends_no_fields_parameter() -> None:
    rig = CannedRig(ok({"data": []}))

    rig.fetch(GraphQuery(path=WABA_ID, edge=Edge("subscribed_apps", ()), token="main", waba_id=WABA_ID))

    assert set(rig.requests[0].url.params) == {"appsecret_proof"}


def test_token_travels_in_the_header_with_a_proof_beside_it() -> None:
    rig = CannedRig(ok())

    rig.fetch()

    request = rig.requests[0]
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    expected = hmac.new(APP_SECRET.encode(), TOKEN.encode(), hashlib.sha256).hexdigest()
    assert request.url.params["appsecret_proof"] == expected
    assert TOKEN not in str(request.url)


def test_debug_token_is_asked_as_app_about_the_token() -> None:
    rig = CannedRig(ok({"data": {"is_valid": True}}))

    rig.fetch(GraphQuery(path="debug_token", as_app=APP_ID, inspect_token="main"))

    request = rig.requests[0]
    assert request.url.path == "/v25.0/debug_token"
    assert request.headers["authorization"] == f"Bearer {APP_ID}|{APP_SECRET}"
    assert dict(request.url.params) == {"input_token": TOKEN}


def test_simulated_meta_takes_the_proof_where_the_app_requires_it() -> None:
    rig = SimRig()
    rig.world.app(rig.app_id).require_app_secret = True

    assert rig.fetch().body["name"] == "Jasper's Market"


def test_credential_that_nobody_configured_is_a_configuration_error() -> None:
    rig = CannedRig(ok())

    with pytest.raises(ConfigurationError, match="'other'"):
        rig.fetch(GraphQuery(path=WABA_ID, token="other"))
    with pytest.raises(ConfigurationError, match="app 5"):
        rig.fetch(GraphQuery(path="5", as_app="5"))
    with pytest.raises(ValueError, match="neither a token nor an app"):
        rig.fetch(GraphQuery(path=WABA_ID))
    assert rig.requests == []


def test_path_cannot_leave_the_version() -> None:
    rig = CannedRig(ok())

    rig.fetch(GraphQuery(path="102?x=1#y", token="main"))

    assert rig.requests[0].url.raw_path.startswith(b"/v25.0/102%3Fx%3D1%23y")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8123", "http://localhost:1/meta/", "http://[::1]:1", "https://g.example"]
)
def test_base_url_may_be_https_or_this_machine(url: str) -> None:
    CannedRig(ok(), base_url=url).fetch()


@pytest.mark.parametrize(
    "url",
    [
        "http://graph.facebook.com",
        "http://127.0.0.1.example.com",
        "ftp://x",
        "graph.facebook.com",
        "",
        "https://",
        "https://u:p@x",
        "https://x:port",
        "http://[x",
    ],
)
def test_base_url_that_would_show_a_secret_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="Graph base URL"):
        CannedRig(ok(), base_url=url)


# --- answers ----------------------------------------------------------------------------------------------------------


def test_answer_tells_when_by_which_version_and_what_it_cost() -> None:
    rig = CannedRig(ok(headers={"facebook-api-version": "v22.0", **usage(31)}))

    answer = rig.fetch()

    assert answer.body == {"id": WABA_ID, "name": "Jasper's Market"}
    assert answer.received_at == START
    assert answer.requested_version == "v25.0"
    assert answer.served_version == "v22.0"
    assert answer.usage == {WABA_ID: {"call_count": 0.31, "total_cputime": 0.01, "total_time": 0.02}}
    assert rig.observer.requests == ["ok"]


def test_answer_without_the_headers_tells_neither_version_nor_use() -> None:
    answer = CannedRig(ok()).fetch()

    assert answer.served_version is None
    assert answer.usage == {}


def test_nested_edge_is_completed_by_cursor() -> None:
    rig = SimRig()

    answer = rig.fetch()

    assert [number["id"] for number in answer.body["phone_numbers"]["data"]] == rig.world.waba(rig.waba_id).number_ids
    assert "paging" not in answer.body["phone_numbers"]
    first, second = rig.world.calls
    assert second.path == f"/{rig.waba_id}/phone_numbers"
    assert second.params["fields"] == "id,display_phone_number,status,quality_rating"
    assert second.params["limit"] == "2"
    assert second.params["after"]
    assert first.has_bearer
    assert second.has_bearer


def test_queried_edge_is_completed_by_cursor() -> None:
    rig = SimRig()

    body = rig.fetch(GraphQuery(path=rig.waba_id, edge=NUMBERS, token="main", waba_id=rig.waba_id)).body

    assert [number["id"] for number in body["data"]] == rig.world.waba(rig.waba_id).number_ids
    assert "paging" not in body


def test_list_that_fits_one_page_is_one_call() -> None:
    rig = SimRig()
    numbers = Edge("phone_numbers", ("id",), limit=100)

    rig.fetch(GraphQuery(path=rig.waba_id, fields=("name", numbers), token="main", waba_id=rig.waba_id))

    assert len(rig.world.calls) == 1


def test_link_to_the_next_page_is_never_followed() -> None:
    rig = SimRig()
    rig.world.faults.add("foreign_next")

    answer = rig.fetch()

    assert len(answer.body["phone_numbers"]["data"]) == 3
    assert "collector.example.net" not in str(answer)


def test_edge_that_is_missing_from_the_answer_is_left_to_the_probe() -> None:
    assert CannedRig(ok({"id": WABA_ID, "phone_numbers": None})).fetch().body["phone_numbers"] is None
    assert CannedRig(ok({"id": WABA_ID, "phone_numbers": {"paging": {}}})).fetch().body["phone_numbers"] == {}


@pytest.mark.parametrize(
    ("paging", "words"),
    [
        ({"next": "https://x"}, "not where"),
        ({"next": "https://x", "cursors": {"after": 5}}, "not where"),
        ({"next": "https://x", "cursors": {"after": "QQ"}}, "circle"),
    ],
)
def test_list_that_cannot_be_read_to_its_end_is_no_answer(paging: object, words: str) -> None:
    page = {"data": [{"id": "1"}], "paging": paging}
    rig = CannedRig(ok({"id": WABA_ID, "phone_numbers": page}), ok(page))

    fault = rig.fault()

    assert isinstance(fault, UnexpectedShape)
    assert words in str(fault)


def test_page_without_a_list_is_no_answer() -> None:
    page = {"data": [], "paging": {"next": "https://x", "cursors": {"after": "QQ"}}}
    rig = CannedRig(ok({"id": WABA_ID, "phone_numbers": page}), ok({"data": "none"}))

    assert isinstance(rig.fault(), UnexpectedShape)


def test_list_of_too_many_pages_is_no_answer() -> None:
    rig = SimRig(max_pages=2)
    numbers = Edge("phone_numbers", ("id",), limit=1)

    fault = rig.fault(GraphQuery(path=rig.waba_id, edge=numbers, token="main", waba_id=rig.waba_id))

    assert isinstance(fault, UnexpectedShape)
    assert len(rig.world.calls) == 2


# --- names that Meta refuses ------------------------------------------------------------------------------------------


def test_refused_field_is_dropped_counted_and_remembered_for_the_whole_kind() -> None:
    rig = SimRig()
    rig.world.faults.add("unknown_field", field="quality_rating")
    other = list(rig.world.wabas)[1]

    first = rig.fetch()
    calls_for_the_first = len(rig.world.calls)
    second = rig.fetch(GraphQuery(path=other, fields=NESTED, token="main", waba_id=other))

    assert first.body["name"] == "Jasper's Market"
    assert "quality_rating" not in first.body["phone_numbers"]["data"][0]
    assert rig.observer.dropped == [(NUMBER_TYPE, "quality_rating")]
    assert calls_for_the_first == 3
    assert second.body["name"] == "Jasper's Deliveries"
    assert len(rig.world.calls) == 4


def test_refused_field_is_asked_for_again_after_a_day() -> None:
    rig = CannedRig(nonexisting("status", "WhatsAppBusinessAccount"), ok(), ok(), ok())
    rig.fetch()

    rig.clock.advance(86_399)
    rig.fetch()
    rig.clock.advance(1)
    rig.fetch()

    assert ["name,status" in fields for fields in asked_fields(rig)] == [True, False, False, True]


def test_field_named_at_several_places_is_dropped_where_the_node_type_says() -> None:
    rig = CannedRig(nonexisting("status", NUMBER_TYPE), ok())

    rig.fetch()

    assert asked_fields(rig)[1] == (
        "id,name,status,phone_numbers.limit(2){id,display_phone_number,quality_rating},subscribed_apps"
    )


def test_wrong_guess_of_the_place_is_put_right_by_the_next_refusal() -> None:
    rig = CannedRig(nonexisting("status", "Mystery"), nonexisting("status", "Mystery"), ok())

    rig.fetch()

    assert asked_fields(rig)[2] == (
        "id,name,phone_numbers.limit(2){id,display_phone_number,quality_rating},subscribed_apps"
    )


def test_refused_name_inside_a_field_is_dropped_there() -> None:
    fields = ("id", "name", "health_status{can_send_message,entities{id,errors}}")
    rig = CannedRig(nonexisting("errors", "HealthEntity"), nonexisting("entities", "HealthStatus"), ok())

    rig.fetch(GraphQuery(path=WABA_ID, fields=fields, token="main"))

    assert asked_fields(rig) == [
        "id,name,health_status{can_send_message,entities{id,errors}}",
        "id,name,health_status{can_send_message,entities{id}}",
        "id,name,health_status{can_send_message}",
    ]


def test_edge_that_is_not_nested_is_left_out_and_is_no_lost_field() -> None:
    rig = CannedRig(nonexisting("phone_numbers", "WhatsAppBusinessAccount"), ok())

    answer = rig.fetch()

    assert answer.body == {"id": WABA_ID, "name": "Jasper's Market"}
    assert asked_fields(rig)[1] == "id,name,status,subscribed_apps"
    assert rig.observer.dropped == []


def test_refused_nesting_leaves_out_every_edge_and_wastes_one_call_a_day() -> None:
    rig = SimRig()
    rig.world.faults.add("no_expansion")

    def calls_of_a_fetch() -> list[str]:
        before = len(rig.world.calls)
        assert "phone_numbers" not in rig.fetch().body
        return [call.params["fields"] for call in rig.world.calls[before:]]

    first = calls_of_a_fetch()
    second = calls_of_a_fetch()
    rig.clock.advance(86_400)
    next_day = calls_of_a_fetch()

    assert first[1:] == second == ["id,name,status"]
    assert next_day == first
    assert len(first) == 2


def test_refused_nesting_of_one_node_says_nothing_about_another() -> None:
    """The id may be that of another kind of node, which has none of these edges."""
    rig = CannedRig(nonexisting("phone_numbers", "User"), nonexisting("status", "User"), ok({"id": "5"}))
    rig.fetch(GraphQuery(path="5", fields=NESTED, token="main", waba_id="5"))

    rig.fetch()

    assert asked_fields(rig)[2] == "id,name,subscribed_apps"
    assert asked_fields(rig)[3] == asked_fields(rig)[0]


def test_edge_that_is_refused_by_itself_is_told_to_the_probe() -> None:
    rig = CannedRig(nonexisting("phone_numbers", "WhatsAppBusinessAccount"))

    fault = rig.fault(GraphQuery(path=WABA_ID, edge=NUMBERS, token="main", waba_id=WABA_ID))

    assert isinstance(fault, Refused)
    assert (fault.field, fault.node_type) == ("phone_numbers", "WhatsAppBusinessAccount")
    assert len(rig.requests) == 1


@pytest.mark.parametrize("code", [368, 131031, 99_999])
def test_refusal_of_another_kind_is_not_taken_for_one_of_nesting(code: int) -> None:
    rig = CannedRig(error(code))

    assert isinstance(rig.fault(), GraphFault)
    assert len(rig.requests) == 1


def test_phone_number_id_in_place_of_a_waba_id_is_refused_with_its_node_type() -> None:
    rig = SimRig()
    number_id = rig.world.waba(rig.waba_id).number_ids[0]

    fault = rig.fault(GraphQuery(path=number_id, fields=NESTED, token="main", waba_id=number_id))

    assert isinstance(fault, Refused)
    assert (fault.field, fault.node_type) == ("name", NUMBER_TYPE)
    assert len(rig.world.calls) == 1


def test_node_that_refuses_field_after_field_is_of_another_kind() -> None:
    names = tuple(f"field_{letter}" for letter in "abcdefgh")
    rig = CannedRig(*(nonexisting(name, "Album") for name in names[1:]))

    fault = rig.fault(GraphQuery(path=WABA_ID, fields=names, token="main"))

    assert isinstance(fault, Refused)
    assert fault.node_type == "Album"
    assert len(rig.requests) == 7


def test_field_that_nobody_asked_for_cannot_be_dropped() -> None:
    rig = CannedRig(nonexisting("shoe_size", "WhatsAppBusinessAccount"))

    assert isinstance(rig.fault(), Refused)
    assert len(rig.requests) == 1


def test_what_a_failed_call_refused_is_not_remembered() -> None:
    rig = CannedRig(nonexisting("status", "WhatsAppBusinessAccount"), error(10, 403), ok())
    assert isinstance(rig.fault(), Denied)

    rig.fetch()

    assert asked_fields(rig)[2] == asked_fields(rig)[0]
    # A wrong id would else be counted and logged again with every poll.
    assert rig.observer.dropped == []


# --- retries ----------------------------------------------------------------------------------------------------------


def test_passing_fault_is_tried_again_after_a_jittered_backoff() -> None:
    rig = SimRig()
    rig.world.faults.add("error", code=2, http_status=500, times=2)

    assert rig.fetch().body["name"] == "Jasper's Market"

    assert rig.observer.retries == ["2", "2"]
    assert rig.observer.requests == ["2", "2", "ok", "ok"]
    first, second = rig.clock.slept
    assert 0 <= first <= 1
    assert 0 <= second <= 2


def test_retries_end_after_four_attempts() -> None:
    rig = CannedRig(error(1, 500))

    assert isinstance(rig.fault(), Unreachable)
    assert len(rig.requests) == 4


def test_retries_end_when_the_next_would_come_too_late() -> None:
    rig = SimRig()
    rig.world.faults.add("hang", seconds=31)

    assert isinstance(rig.fault(), Unreachable)
    assert len(rig.world.calls) == 2


def test_retry_waits_as_long_as_the_answer_asks() -> None:
    rig = CannedRig(httpx.Response(503, headers={"Retry-After": "7"}), ok())

    rig.fetch()

    assert 7 <= rig.clock.slept[0] <= 8


def test_retry_that_is_asked_to_wait_too_long_is_not_made() -> None:
    rig = CannedRig(httpx.Response(503, headers={"Retry-After": "3600"}), ok())

    assert isinstance(rig.fault(), Unreachable)
    assert rig.clock.slept == []


@pytest.mark.parametrize("answer", [error(190, 401), error(10, 403), error(4, 429), error(100), error(99_999)])
def test_denied_throttled_and_refused_are_never_tried_again(answer: httpx.Response) -> None:
    rig = CannedRig(answer)

    rig.fault(GraphQuery(path=WABA_ID, fields=("name",), token="main", waba_id=WABA_ID))

    assert len(rig.requests) == 1
    assert rig.observer.retries == []


# --- quota ------------------------------------------------------------------------------------------------------------


def test_nothing_is_sent_while_meta_wants_us_to_wait() -> None:
    rig = CannedRig(error(80008, 429, headers=usage(100, minutes=12)), ok())
    rig.fault()

    rig.clock.advance(60)
    fault = rig.fault()

    assert isinstance(fault, Throttled)
    assert fault.retry_after == timedelta(minutes=11)
    assert fault.code is None
    assert len(rig.requests) == 1


def test_calls_go_on_when_the_wait_is_over() -> None:
    rig = CannedRig(error(80008, 429, headers=usage(100, minutes=12)), ok())
    rig.fault()

    rig.clock.advance(12 * 60)

    assert rig.fetch().body["id"] == WABA_ID


def test_other_waba_is_not_held_up_by_one_that_is_throttled() -> None:
    rig = CannedRig(error(80008, 429), ok())
    rig.fault()

    assert rig.fetch(GraphQuery(path="5", fields=("name",), token="main", waba_id="5")).body["id"] == WABA_ID


def test_throttled_app_holds_up_every_token_that_it_is_known_to_have_issued() -> None:
    """debug_token may have told the app that nobody configured."""
    learned = {"main": "9", "second": "9", "third": "8"}
    credentials = Credentials.of(dict.fromkeys(("main", "second", "third", "fourth"), TOKEN))
    answers = iter([error(4, 429), ok()(), ok()()])
    transport = httpx.MockTransport(lambda request: next(answers))
    rig = Rig(transport, FakeClock(), credentials, learned_app_id=learned.get)
    rig.fault(GraphQuery(path="1", fields=("name",), token="main", waba_id="1"))

    fault = rig.fault(GraphQuery(path="2", fields=("name",), token="second", waba_id="2"))
    rig.fetch(GraphQuery(path="3", fields=("name",), token="third", waba_id="3"))
    rig.fetch(GraphQuery(path="4", fields=("name",), token="fourth", waba_id="4"))

    assert isinstance(fault, Throttled)
    assert fault.code is None


def test_fault_of_the_budget_says_until_when() -> None:
    rig = CannedRig(error(80008, 429, headers=usage(100, minutes=12)), ok())
    rig.fault()

    assert str(rig.fault()) == f"not asking about WABA {WABA_ID} until 10:12 UTC: Meta's call quota is used up"


def test_only_essential_probes_run_when_the_quota_is_nearly_used_up() -> None:
    rig = CannedRig(lambda: httpx.Response(200, json={"id": WABA_ID}, headers=usage(90)))
    rig.fetch()

    fault = rig.fault(is_essential=False)
    rig.fetch()

    assert isinstance(fault, Throttled)
    assert "essential" in str(fault)
    assert len(rig.requests) == 2


def test_page_is_not_asked_for_once_the_quota_is_used_up() -> None:
    page = {"data": [], "paging": {"next": "https://x", "cursors": {"after": "QQ"}}}
    full = httpx.Response(200, json={"id": WABA_ID, "phone_numbers": page}, headers=usage(100, minutes=3))
    rig = CannedRig(full)

    assert isinstance(rig.fault(), Throttled)
    assert len(rig.requests) == 1


# --- other documents --------------------------------------------------------------------------------------------------


def test_plain_document_is_read_without_any_credential() -> None:
    rig = CannedRig(ok({"versions": {}}))

    body = asyncio.run(rig.client.fetch_url(UrlQuery(url="https://table.example/versions.json?v=1")))

    assert body == {"versions": {}}
    assert str(rig.requests[0].url) == "https://table.example/versions.json?v=1"
    assert "authorization" not in rig.requests[0].headers


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (httpx.Response(404, text="no"), UnexpectedShape),
        (httpx.Response(200, text="[]"), UnexpectedShape),
        (httpx.Response(503), Unreachable),
        (httpx.Response(429), Throttled),
        (httpx.ConnectTimeout("slow"), Unreachable),
    ],
)
def test_plain_document_that_cannot_be_had_is_a_fault(answer: httpx.Response | Exception, raised: type) -> None:
    rig = CannedRig(answer)

    with pytest.raises(raised, match=r"table\.example"):
        asyncio.run(rig.client.fetch_url(UrlQuery(url="https://table.example/versions.json")))


def test_plain_document_over_plain_http_is_refused() -> None:
    rig = CannedRig(ok())

    with pytest.raises(ConfigurationError):
        asyncio.run(rig.client.fetch_url(UrlQuery(url="http://table.example/versions.json")))


def test_no_more_than_ten_calls_are_under_way_at_once() -> None:
    under_way: list[int] = []
    running = 0

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal running
        running += 1
        under_way.append(running)
        for _ in range(5):
            await asyncio.sleep(0)
        running -= 1
        return ok()()

    async def ask_often() -> None:
        client = Rig(httpx.MockTransport(answer), FakeClock(), Credentials.of({"main": TOKEN})).client
        await asyncio.gather(*(client.fetch(WABA, is_essential=True) for _ in range(30)))
        await client.close()

    asyncio.run(ask_often())

    assert max(under_way) == 10
