"""The operators' API: JSON in, JSON out, and nothing for other sites' pages."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.core.telling import number
from tests.fakes import START
from tests.operators import Floor
from wamon.picture.values import Health
from wamon.web.origin import MAX_BODY_BYTES
from wamon.web.private import private_app

SILENCE = {"matchers": ["waba_id=100"], "for_seconds": 3600, "reason": "move", "author": "Kim"}


class Caller:
    """Asks the private listener's app, with the API of a floor, without a socket."""

    def __init__(self, floor: Floor, *, bearer_token: str | None = None) -> None:
        self.floor = floor
        self._app = private_app(
            scrape=lambda is_gzip: b"up 1\n",
            health=lambda: Health(is_healthy=True),
            operations=floor.operations,
            bearer_token=bearer_token,
        )

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9877") as client:
                return await client.request(method, f"/api/v1{path}", **options)

        return asyncio.run(ask())

    def get(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, **body: object) -> httpx.Response:
        return self.ask("POST", path, json=body)


@pytest.fixture
def caller() -> Caller:
    """Two numbers have gone bad, and people know."""
    floor = Floor()
    floor.see("YELLOW", number(0), number(1))
    floor.passes(timedelta(minutes=1))
    return Caller(floor)


def first_id(caller: Caller) -> str:
    return str(caller.get("/alerts")["alerts"][0]["id"])


# --- reading ----------------------------------------------------------------------------------------------------------


def test_alerts_are_plain_json(caller: Caller) -> None:
    alerts = caller.get("/alerts")["alerts"]

    by_number = {alert["labels"]["phone_number_id"]: alert for alert in alerts}
    assert set(by_number) == {"200", "201"}
    assert {name: by_number["200"][name] for name in ("alertname", "severity", "state", "what", "group_id")} == {
        "alertname": "BadWarning",
        "severity": "warning",
        "state": "firing",
        "what": "is YELLOW",
        "group_id": 1,
    }
    assert by_number["200"]["opened_at"] == START.isoformat()
    assert by_number["200"]["overlays"] == []


def test_ended_alerts_only_when_asked_for(caller: Caller) -> None:
    caller.floor.see("GREEN", number(0), number(1))
    caller.floor.see("GREEN", number(0), number(1), after=60)

    assert caller.get("/alerts")["alerts"] == []
    assert len(caller.get("/alerts?all=true")["alerts"]) == 2


def test_one_alert_with_its_time_line(caller: Caller) -> None:
    found = caller.get(f"/alerts/{first_id(caller)}")

    assert [each["kind"] for each in found["timeline"]] == ["open"]
    assert found["alert"]["id"] == first_id(caller)


def test_receivers(caller: Caller) -> None:
    assert caller.get("/receivers") == {"receivers": ["slack"]}


# --- acting -----------------------------------------------------------------------------------------------------------


def test_silence_is_set_listed_and_ended(caller: Caller) -> None:
    made = caller.post("/silences", **SILENCE)
    listed = caller.get("/silences")["silences"]
    ended = caller.post(f"/silences/{listed[0]['id']}/end", author="Kim")

    assert (made.status_code, ended.status_code) == (201, 200)
    assert made.json()["silence"] == listed[0]
    assert (listed[0]["matchers"], len(listed[0]["hides"])) == (["waba_id=100"], 2)
    assert caller.get("/silences")["silences"] == []


def test_preview_changes_nothing(caller: Caller) -> None:
    hidden = caller.post("/silences", matchers=["phone_number_id=201"], preview=True)

    assert [alert["labels"]["phone_number_id"] for alert in hidden.json()["alerts"]] == ["201"]
    assert caller.get("/silences")["silences"] == []


def test_silence_may_end_at_a_moment(caller: Caller) -> None:
    ends_at = (START + timedelta(hours=3)).isoformat()
    body = {name: value for name, value in SILENCE.items() if name != "for_seconds"}

    made = caller.post("/silences", **body, ends_at=ends_at)

    assert datetime.fromisoformat(made.json()["silence"]["ends_at"]) == START + timedelta(hours=3)


def test_repeated_request_with_its_own_id_acts_once(caller: Caller) -> None:
    first = caller.post("/silences", **SILENCE, id="mine")
    second = caller.post("/silences", **SILENCE, id="mine")

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["is_repeated"] is True
    assert len(caller.get("/silences")["silences"]) == 1


def test_alert_is_acknowledged_and_closed(caller: Caller) -> None:
    target = first_id(caller)

    acknowledged = caller.post(f"/alerts/{target}/acknowledge", author="Kim").json()
    closed = caller.post(f"/alerts/{target}/close", author="Kim", reason="given up").json()

    assert (acknowledged["text"], acknowledged["alerts"]) == ("acknowledged 1 alert", [target])
    assert closed["text"] == "closed 1 alert"
    assert len(caller.get("/alerts")["alerts"]) == 1


def test_drill(caller: Caller) -> None:
    started = caller.post(
        "/drills", alertname="BadCritical", subject={"phone_number_id": "201"}, for_seconds=30, author="Kim"
    )

    assert (started.status_code, started.json()["receivers"]) == (201, ["slack"])
    assert [each["is_rehearsal"] for each in caller.get("/alerts")["alerts"]].count(True) == 1


def test_receiver_with_a_hash_in_its_name_is_tried() -> None:
    caller = Caller(Floor(receivers=("slack_bot:#other",)))

    assert caller.post("/receivers/slack_bot:%23other/test", author="Kim").status_code == 200
    assert caller.floor.words() == ["slack_bot:#other test"]


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/alerts/ffffffffffff", 404),
        ("GET", "/nothing", 404),
        ("GET", "/alerts/", 404),
        ("DELETE", "/alerts", 405),
        ("GET", "/drills", 405),
    ],
)
def test_what_is_not_there_says_what_to_do(caller: Caller, method: str, path: str, status: int) -> None:
    answer = caller.ask(method, path)

    assert answer.status_code == status
    assert set(answer.json()) == {"error", "next"}
    assert answer.json()["next"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the body is no JSON object"),
        (b"[]", "the body is no JSON object"),
        (b"{", "the body is no JSON object"),
        (b"\xff", "the body is no JSON object"),
        (b"[" * 20_000, "the body is no JSON object"),
        (b'{"author": "\\ud800"}', "the body is no JSON object"),
        (b"{}", "matchers is missing"),
        (b'{"matchers": "a=b"}', "matchers is of the wrong type"),
        (b'{"matchers": [1]}', "matchers has something in it that is no text"),
        (b'{"matchers": [], "for": 1}', "there is no field 'for'"),
        (b'{"matchers": [], "for_seconds": true}', "for_seconds is of the wrong type"),
        (b'{"matchers": [], "for_seconds": 1e400}', "for_seconds is no duration"),
        (b'{"matchers": [], "for_seconds": NaN}', "for_seconds is no duration"),
        (b'{"matchers": [], "ends_at": "tomorrow"}', "ends_at is no moment"),
        (b'{"matchers": [], "ends_at": "2026-11-22T18:00:00"}', "ends_at is no moment"),
        (b'{"matchers": ["a"], "for_seconds": 1, "reason": "r", "author": "a"}', "'a' is not a matcher"),
    ],
)
def test_body_that_does_not_serve(caller: Caller, content: bytes, words: str) -> None:
    answer = caller.ask("POST", "/silences", content=content, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert answer.json()["error"].startswith(words)
    assert caller.get("/silences")["silences"] == []


def test_subject_of_a_drill_is_made_of_texts(caller: Caller) -> None:
    answer = caller.post("/drills", alertname="BadCritical", subject={"phone_number_id": 201}, author="Kim")

    assert (answer.status_code, answer.json()["error"]) == (400, "subject has something in it that is no text")


def test_body_that_is_too_large(caller: Caller) -> None:
    content = json.dumps({**SILENCE, "reason": "x" * MAX_BODY_BYTES}).encode()

    assert (
        caller.ask("POST", "/silences", content=content, headers={"Content-Type": "application/json"}).status_code
        == 413
    )


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_form_of_a_browser_is_no_json(caller: Caller, kind: str) -> None:
    answer = caller.ask("POST", "/silences", content=json.dumps(SILENCE), headers={"Content-Type": kind})

    assert answer.status_code == 415
    assert caller.get("/silences")["silences"] == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://wamon:9878"},
        {"Origin": "http://["},
        {"Origin": "http://127.0.0.1:9877", "Sec-Fetch-Site": "cross-site"},
        # A name of somebody else's that leads here, as a browser sees it.
        {"Host": "evil.example:9877", "Origin": "http://evil.example:9877", "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_page_of_another_site_changes_nothing(caller: Caller, headers: dict[str, str]) -> None:
    answer = caller.ask("POST", "/silences", json=SILENCE, headers=headers)

    assert answer.status_code == 403
    assert caller.get("/silences")["silences"] == []


def test_page_of_our_own_may(caller: Caller) -> None:
    for host in ("127.0.0.1:9877", "localhost:9877", "[::1]:9877"):
        headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}

        assert caller.ask("POST", "/silences", json=SILENCE, headers=headers).status_code == 201


def test_program_may_use_a_name(caller: Caller) -> None:
    assert caller.ask("POST", "/silences", json=SILENCE, headers={"Host": "wamon.internal:9877"}).status_code == 201


def test_store_that_refuses_is_503(caller: Caller) -> None:
    caller.floor.refuses = True

    answer = caller.post("/silences", **SILENCE)

    assert answer.status_code == 503
    assert answer.json()["error"] == "the store did not take it"


def test_answers_carry_strict_headers(caller: Caller) -> None:
    headers = caller.ask("GET", "/alerts").headers

    assert headers["content-type"] == "application/json"
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"


def test_without_the_token_nothing_is_told_or_done() -> None:
    caller = Caller(Floor(), bearer_token="0123456789abcdef")
    known = {"Authorization": "Bearer 0123456789abcdef"}

    assert caller.ask("GET", "/alerts").status_code == 401
    assert caller.ask("POST", "/silences", json=SILENCE).status_code == 401
    assert caller.ask("GET", "/alerts", headers=known).status_code == 200
    assert caller.ask("POST", "/silences", json=SILENCE, headers=known).status_code == 201


def test_any_body_is_answered(caller: Caller) -> None:
    values: tuple[object, ...] = (None, "", "x", 0, -1, 1.5, True, [], ["a=b"], [None], {}, {"a": "b"}, {"a": []})
    names = ("matchers", "alertname", "author", "subject", "for_seconds", "ends_at", "preview", "reason", "id")
    drill = {"alertname": "BadCritical", "author": "Kim"}

    for each in ({name: value} for name in names for value in values):
        assert caller.post("/drills", **{**drill, **each}).status_code < 500
        assert caller.post("/silences", **{**SILENCE, **each}).status_code < 500
