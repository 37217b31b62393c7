"""Every fault of the Graph API that TESTING.md plants: what the client makes of it, and that it never makes more."""

import gzip
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.graph.rig import APP_ID, WABA_ID, CannedRig, SimRig, error, ok, usage
from wamon.core.errors import Denied, GraphFault, Refused, Throttled, UnexpectedShape, Unreachable
from wamon.core.ports import GraphQuery
from wamon.graph.quota import FALLBACK_WAIT

# --- the connection ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options", "label"),
    [
        ("refused", {}, "connect"),
        ("reset", {}, "network"),
        ("reset", {"after_bytes": 20}, "network"),
        ("hang", {}, "timeout"),
        ("slow", {"seconds": 21}, "timeout"),
        ("drip", {"seconds": 1, "chunk_bytes": 4}, "timeout"),
    ],
)
def test_connection_that_fails_is_unreachable(kind: str, options: dict[str, Any], label: str) -> None:
    rig = SimRig()
    rig.world.faults.add(kind, **options)

    fault = rig.fault()

    assert isinstance(fault, Unreachable)
    assert set(rig.observer.requests) == {label}
    assert "graph.facebook.com" in str(fault)


@pytest.mark.parametrize("kind", ["refused", "reset"])
def test_connection_that_fails_once_is_no_fault(kind: str) -> None:
    rig = SimRig()
    rig.world.faults.add(kind, times=1)

    assert rig.fetch().body["name"] == "Jasper's Market"


def test_answer_that_is_slow_but_in_time_is_no_fault() -> None:
    rig = SimRig()
    rig.world.faults.add("slow", seconds=19)

    assert rig.fetch().body["name"] == "Jasper's Market"
    assert rig.observer.retries == []


@pytest.mark.parametrize(
    "raised",
    [
        httpx.ConnectTimeout("x"),
        httpx.PoolTimeout("x"),
        httpx.ReadError("x"),
        httpx.WriteError("x"),
        httpx.RemoteProtocolError("x"),
        httpx.ProxyError("x"),
        httpx.UnsupportedProtocol("x"),
        httpx.InvalidURL("x"),
        ConnectionResetError("x"),
        BrokenPipeError("x"),
        TimeoutError("x"),
    ],
)
def test_no_error_of_the_library_reaches_the_caller(raised: Exception) -> None:
    fault = CannedRig(raised).fault()

    assert isinstance(fault, Unreachable)
    assert fault.__cause__ is not None


# --- the body ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["html_200", "cut_json"])
def test_answer_that_is_not_json_is_an_unexpected_shape(kind: str) -> None:
    rig = SimRig()
    rig.world.faults.add(kind)

    fault = rig.fault()

    assert isinstance(fault, UnexpectedShape)
    assert rig.observer.requests == ["shape"]
    assert "base URL" in str(fault)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'"text"',
        b"null",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b"\xff\xfe{}",
        b'{"a": ' + b"9" * 5_000 + b"}",
        b'{"a":' * 100_000,
        b"[" * 1_000_000,
        b'{"error": "broken"}',
        b'{"error": {}}',
        b'{"error": []}',
        b'{"error": {"code": "many"}}',
    ],
)
def test_answer_that_is_no_usable_object_is_an_unexpected_shape(content: bytes) -> None:
    assert isinstance(CannedRig(httpx.Response(200, content=content)).fault(), UnexpectedShape)


class _Flood(httpx.AsyncByteStream):
    def __init__(self, size: int) -> None:
        self.size = size
        self.given = 0

    async def __aiter__(self) -> Any:
        while self.given < self.size:
            self.given += 65_536
            yield b"x" * 65_536


def test_body_of_100_megabytes_is_dropped_before_it_is_read() -> None:
    flood = _Flood(100_000_000)
    rig = CannedRig(httpx.Response(200, stream=flood))

    fault = rig.fault()

    assert isinstance(fault, UnexpectedShape)
    assert "larger than 8388608 bytes" in str(fault)
    assert flood.given < 9_000_000
    assert rig.observer.requests == ["shape"]


def test_body_that_announces_too_much_is_not_read_at_all() -> None:
    flood = _Flood(100_000_000)

    fault = CannedRig(httpx.Response(200, stream=flood, headers={"Content-Length": "100000000"})).fault()

    assert isinstance(fault, UnexpectedShape)
    assert flood.given == 0


def test_body_that_inflates_beyond_the_limit_is_dropped() -> None:
    bomb = gzip.compress(b"x" * 20_000_000)

    fault = CannedRig(httpx.Response(200, content=bomb, headers={"Content-Encoding": "gzip"})).fault()

    assert isinstance(fault, UnexpectedShape)


def test_body_that_cannot_be_inflated_is_an_unexpected_shape() -> None:
    answer = httpx.Response(200, stream=_Flood(65_536), headers={"Content-Encoding": "gzip"})

    assert isinstance(CannedRig(answer).fault(), UnexpectedShape)


def test_redirect_is_never_followed() -> None:
    rig = SimRig()
    rig.world.faults.add("redirect")

    fault = rig.fault()

    assert isinstance(fault, UnexpectedShape)
    assert "redirect" in str(fault)
    assert len(rig.world.calls) == 1
    assert rig.observer.requests == ["http_302"]


def test_paging_loop_is_noticed() -> None:
    rig = SimRig()
    rig.world.faults.add("paging_loop")

    fault = rig.fault()

    assert isinstance(fault, UnexpectedShape)
    assert "circle" in str(fault)
    assert len(rig.world.calls) == 2


@pytest.mark.parametrize(
    ("kind", "options", "quality"),
    [
        ("unknown_enum", {"field": "quality_rating"}, ["HIBERNATING"] * 3),
        ("null", {"field": "quality_rating"}, [None] * 3),
        ("number", {"field": "quality_rating"}, [7] * 3),
        ("missing", {"field": "quality_rating"}, ["absent"] * 3),
        ("flip", {}, ["GREEN", "GREEN", "RED", "GREEN", "RED"]),
    ],
)
def test_odd_value_reaches_the_parser_as_it_came(kind: str, options: dict[str, Any], quality: list[object]) -> None:
    rig = SimRig()
    rig.world.faults.add(kind, **options)

    body = rig.fetch().body

    assert [number.get("quality_rating", "absent") for number in body["phone_numbers"]["data"]] == quality


# --- denials ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subcode", [None, 458, 459, 460, 463, 464, 467, 492])
def test_dead_token_is_denied_with_its_subcode(subcode: int | None) -> None:
    rig = SimRig()
    rig.world.revoke_token("system-user", subcode=subcode)

    fault = rig.fault()

    assert isinstance(fault, Denied)
    assert fault.is_token
    assert not fault.is_asset
    assert (fault.code, fault.subcode) == (190, subcode)
    assert "access token 'main' rejected" in str(fault)
    assert len(rig.world.calls) == 1


@pytest.mark.parametrize("code", [0, 102])
def test_other_codes_of_a_dead_token_deny_it_too(code: int) -> None:
    fault = CannedRig(error(code, 401)).fault()

    assert isinstance(fault, Denied)
    assert fault.is_token


@pytest.mark.parametrize("code", [3, 10, 200, 201, 299])
def test_missing_right_denies_the_call_but_not_the_token(code: int) -> None:
    rig = SimRig()
    rig.world.faults.add("error", code=code, http_status=403)

    fault = rig.fault()

    assert isinstance(fault, Denied)
    assert not fault.is_token
    assert not fault.is_asset
    assert fault.code == code


def test_lost_asset_is_denied_as_such() -> None:
    rig = SimRig()
    rig.world.remove_asset("system-user", rig.waba_id)

    fault = rig.fault()

    assert isinstance(fault, Denied)
    assert fault.is_asset
    assert not fault.is_token
    assert (fault.code, fault.subcode) == (100, 33)


def test_token_swapped_between_two_pages_is_a_denial_and_no_half_answer() -> None:
    page = {"data": [{"id": "1"}], "paging": {"next": "https://x", "cursors": {"after": "QQ"}}}
    rig = CannedRig(ok({"id": WABA_ID, "phone_numbers": page}), error(190, 401, error_subcode=467))

    fault = rig.fault()

    assert isinstance(fault, Denied)
    assert fault.is_token


def test_text_of_a_denial_does_not_change_with_the_time_of_day() -> None:
    message = "Error validating access token: Session has expired on Sunday. The current time is Sunday, {} PST."
    texts = [
        str(CannedRig(httpx.Response(401, json={"error": {"code": 190, "message": message.format(time)}})).fault())
        for time in ("10:00", "10:05")
    ]

    assert texts[0] == texts[1]


@pytest.mark.parametrize("status", [401, 403])
def test_proxy_that_wants_a_login_is_no_evidence_against_the_token(status: int) -> None:
    fault = CannedRig(httpx.Response(status, text="<html>log in</html>")).fault()

    assert isinstance(fault, UnexpectedShape)


# --- throttling -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("http_status", [400, 429])
@pytest.mark.parametrize("code", [4, 17, 32, 613, 80007, 80008, 130429])
def test_throttle_code_waits_as_long_as_the_usage_headers_say(code: int, http_status: int) -> None:
    rig = SimRig()
    rig.world.faults.add("throttle", code=code, http_status=http_status, minutes=17)

    fault = rig.fault()

    assert isinstance(fault, Throttled)
    assert fault.code == code
    assert fault.retry_after == timedelta(minutes=17)
    assert len(rig.world.calls) == 1
    assert rig.observer.requests == [str(code)]


@pytest.mark.parametrize("code", [4, 17, 80007, 80008, 130429])
def test_throttle_code_without_usage_headers_waits_by_our_own_rule(code: int) -> None:
    rig = SimRig()
    rig.world.faults.add("throttle", code=code, usage=False)

    fault = rig.fault()

    assert isinstance(fault, Throttled)
    assert fault.retry_after == FALLBACK_WAIT


def test_gateways_429_is_throttling_too() -> None:
    fault = CannedRig(httpx.Response(429, text="slow down", headers={"Retry-After": "90"})).fault()

    assert isinstance(fault, Throttled)
    assert fault.retry_after == timedelta(seconds=90)


def test_real_exhaustion_of_the_quota_is_met_once() -> None:
    rig = SimRig()
    rig.world.quota.spend((rig.app_id, rig.waba_id), 5_000)

    first = rig.fault()
    second = rig.fault()

    assert isinstance(first, Throttled)
    assert (first.code, second.code) == (80008, None)
    assert len(rig.world.calls) == 1


# --- Meta's own failures, and refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        error(1, 500),
        error(2, 503),
        error(2, 400),
        error(190, 401, is_transient=True),
        error(99_999, 500),
        httpx.Response(500, text="<html>"),
        httpx.Response(502),
        httpx.Response(503, json={"error": "down"}),
        httpx.Response(599, json={}),
    ],
)
def test_failure_of_meta_is_unreachable(answer: httpx.Response) -> None:
    assert isinstance(CannedRig(answer).fault(), Unreachable)


def test_refusal_quotes_meta_on_one_bounded_line() -> None:
    error_data = {"details": "Look\n\there " + "x" * 500}
    fault = CannedRig(error(100, error_data=error_data)).fault()

    assert isinstance(fault, Refused)
    assert "Meta says: (#100) Something Look here xxx" in str(fault)
    assert str(fault).endswith("x...")
    assert len(str(fault)) < 600


def test_error_data_may_be_a_text() -> None:
    assert "(#100) Something bare text" in str(CannedRig(error(100, error_data="bare text")).fault())


def test_denied_app_is_told_to_check_its_secret() -> None:
    fault = CannedRig(error(190, 401)).fault(GraphQuery(path=APP_ID, as_app=APP_ID))

    assert isinstance(fault, Denied)
    assert "Check app_id and app_secret" in str(fault)


def test_wrong_app_secret_is_told_as_such() -> None:
    rig = SimRig()
    rig.world.app(rig.app_id).secret = "another"

    fault = rig.fault()

    assert isinstance(fault, Refused)
    assert "secret of the very app" in str(fault)


def test_code_that_no_list_has_is_a_refusal_counted_as_other() -> None:
    rig = CannedRig(error(99_999))

    fault = rig.fault()

    assert isinstance(fault, Refused)
    assert "code 99999" in str(fault)
    assert rig.observer.requests == ["other"]


@pytest.mark.parametrize("code", ["190", 190])
def test_code_may_be_a_text_of_digits(code: object) -> None:
    answer = httpx.Response(401, json={"error": {"code": code, "message": None}})

    assert isinstance(CannedRig(answer).fault(), Denied)


def test_error_with_status_200_is_still_an_error() -> None:
    assert isinstance(CannedRig(error(190, 200)).fault(), Denied)


@pytest.mark.parametrize(
    ("query", "thing"),
    [
        (GraphQuery(path="7", token="main"), "node 7"),
        (GraphQuery(path="7", token="main", waba_id="7"), "WABA 7"),
        (GraphQuery(path="634974000000002", as_app="634974000000002"), "app 634974000000002"),
        (GraphQuery(path="debug_token", token="main", inspect_token="main"), "access token 'main'"),
    ],
)
def test_fault_names_what_was_asked_about(query: GraphQuery, thing: str) -> None:
    assert thing in str(CannedRig(error(2, 500)).fault(query))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        ("Sun, 22 Nov 2026 10:02:00 GMT", 120.0),
        ("Sun, 22 Nov 2026 09:00:00 GMT", 300.0),
        ("Sun, 22 Nov 2026 10:02:00", 300.0),
        ("soon", 300.0),
        ("-5", 300.0),
        ("9" * 30, 21_600.0),
    ],
)
def test_retry_after_is_read_as_seconds_or_date_and_bounded(header: str, seconds: float) -> None:
    fault = CannedRig(error(80008, 429, headers={"Retry-After": header})).fault()

    assert isinstance(fault, Throttled)
    assert fault.retry_after == timedelta(seconds=seconds)


# --- anything at all --------------------------------------------------------------------------------------------------

_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
_KEYS = st.sampled_from(("error", "code", "error_subcode", "message", "error_data", "details", "is_transient")) | (
    st.sampled_from(("id", "data", "paging", "next", "cursors", "after", "phone_numbers", "subscribed_apps"))
)
_JSON = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4))


def _contents() -> st.SearchStrategy[bytes]:
    return st.binary(max_size=60) | st.dictionaries(_KEYS, _JSON, max_size=6).map(
        lambda body: json.dumps(body).encode()
    )


@given(
    content=_contents(),
    status=st.sampled_from([200, 201, 204, 301, 304, 400, 401, 404, 429, 500, 503, 599]),
    headers=st.dictionaries(
        st.sampled_from(["x-business-use-case-usage", "x-app-usage", "retry-after", "facebook-api-version"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
        | _JSON.map(json.dumps).filter(str.isascii),
    ),
)
def test_any_answer_is_an_answer_or_a_graph_fault(content: bytes, status: int, headers: dict[str, str]) -> None:
    rig = CannedRig(lambda: httpx.Response(status, content=content, headers=headers))

    try:
        body = rig.fetch().body
    except GraphFault:
        return

    assert isinstance(body, dict)


@pytest.mark.parametrize(
    "header",
    [
        json.dumps({WABA_ID: [{"type": "x", "call_count": 10**400, "total_time": -1, "total_cputime": True}]}),
        "{" * 50_000,
        json.dumps({WABA_ID: {"call_count": 1}}),
        json.dumps([usage(1)]),
    ],
)
def test_usage_header_that_makes_no_sense_is_no_fault(header: str) -> None:
    rig = CannedRig(httpx.Response(200, json={"id": "1"}, headers={"X-Business-Use-Case-Usage": header}))

    assert rig.fetch().usage == {}
