"""The timeline, the markers and Grafana's annotations over HTTP."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes import START
from tests.history import Past, opened
from tests.operators import run
from tests.store.samples import change, changes, later, transition
from wamon.core.alerting import TransitionKind

DEPLOY = {"title": "shop 4.2", "author": "ci", "id": "build-812"}


class Caller:
    """Asks the API of a past, without a socket."""

    def __init__(self, past: Past) -> None:
        self.past = past
        self._app = past.app()

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9877") as client:
                return await client.request(method, f"/api/v1{path}", **options)

        return asyncio.run(ask())

    def get(self, path: str, **query: str) -> Any:
        answer = self.ask("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def mark(self, **body: object) -> httpx.Response:
        return self.ask("POST", "/markers", json={**DEPLOY, **body})


@pytest.fixture
def caller(tmp_path: Path) -> Iterator[Caller]:
    """A rating went bad and an alert opened, one minute after the other; it is ten minutes past."""
    with opened(tmp_path) as past:
        past.commit(changes(transition(at=later(1)), history=(change("GREEN", "RED"),)))
        past.clock.advance(600)
        yield Caller(past)


def texts(answer: Any) -> list[str]:
    return [each["text"] for each in answer["entries"]]


# --- the timeline -----------------------------------------------------------------------------------------------------


def test_timeline_is_plain_json_newest_first(caller: Caller) -> None:
    caller.mark()

    answer = caller.get("/timeline")

    assert texts(answer) == ["shop 4.2", "quality opened: Quality rating RED", "quality: GREEN -> RED"]
    assert answer["next_cursor"] == ""
    marked, opened, changed = answer["entries"]
    assert {name: marked["marker"][name] for name in ("at", "kind", "title", "source", "tags", "link")} == {
        "at": later(10).isoformat(),
        "kind": "deploy",
        "title": "shop 4.2",
        "source": "ci",
        "tags": [],
        "link": "",
    }
    assert (opened["kind"], opened["severity"], opened["step"]) == ("alert", "critical", "open")
    assert {name: changed[name] for name in ("at", "kind", "before", "after", "known_by", "labels", "subject")} == {
        "at": START.isoformat(),
        "kind": "change",
        "before": "GREEN",
        "after": "RED",
        "known_by": "poll",
        "labels": {"phone_number_id": "200", "waba_id": "100"},
        "subject": "phone number 200",
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"kind": "change"}, 1),
        ({"kind": "change, alert"}, 2),
        ({"kind": ""}, 2),
        ({"subject": "200"}, 2),
        ({"subject": "201"}, 0),
        ({"since": "2026-11-22T10:01:00Z"}, 1),
        ({"since": "2026-11-22T11:01:00+01:00"}, 1),
        ({"until": "2026-11-22 10:01:00+00:00"}, 1),
        ({"since": "9m"}, 1),
        ({"until": "9m"}, 1),
        ({"since": "999999w"}, 2),
        ({"since": "0001-01-01T00:00:00+23:00"}, 2),
        ({"until": "9999-12-31T23:59:59-23:00"}, 2),
    ],
)
def test_part_of_the_timeline(caller: Caller, query: dict[str, str], expected: int) -> None:
    assert len(caller.get("/timeline", **query)["entries"]) == expected


def test_plus_that_nobody_escaped_is_understood(caller: Caller) -> None:
    answer = caller.ask("GET", "/timeline?since=2026-11-22T10:01:00+00:00")

    assert len(answer.json()["entries"]) == 1


def test_pages_follow_each_other(caller: Caller) -> None:
    first = caller.get("/timeline", limit="1")

    second = caller.get("/timeline", limit="1", cursor=first["next_cursor"])

    assert texts(first) + texts(second) == ["quality opened: Quality rating RED", "quality: GREEN -> RED"]
    assert second["next_cursor"] == ""


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"since": "yesterday"}, "since is no moment"),
        ({"until": "2026-11-22T10:00:00"}, "until is no moment"),
        ({"kind": "deploy"}, "there is no kind 'deploy'"),
        ({"limit": "many"}, "limit is no number"),
        ({"limit": "0"}, "limit is out of range"),
        ({"limit": "501"}, "limit is out of range"),
        ({"cursor": "x"}, "there is no such cursor"),
        ({"suject": "200"}, "there is no parameter 'suject'"),
    ],
)
def test_what_cannot_be_asked_is_explained(caller: Caller, query: dict[str, str], error: str) -> None:
    answer = caller.ask("GET", "/timeline", params=query)

    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert answer.json()["next"]


def test_store_that_does_not_answer_is_503(caller: Caller) -> None:
    run(caller.past.store.close())

    assert caller.ask("GET", "/timeline").status_code == 503
    assert caller.mark().status_code == 503


# --- markers ----------------------------------------------------------------------------------------------------------


def test_marker_is_set_once_however_often_it_is_sent(caller: Caller) -> None:
    first, second = caller.mark(), caller.mark(title="another")

    assert (first.status_code, second.status_code) == (201, 200)
    assert (first.json()["is_repeated"], second.json()["is_repeated"]) == (False, True)
    assert second.json()["marker"] == first.json()["marker"]
    assert caller.get("/markers") == {"markers": [first.json()["marker"]], "next_cursor": ""}


def test_marker_with_everything(caller: Caller) -> None:
    answer = caller.mark(
        kind="campaign",
        text="first wave",
        link="https://ci.example.com/7",
        tags=["shop", "eu"],
        at="2026-11-22T10:05:00Z",
    )

    made = answer.json()["marker"]
    assert {name: made[name] for name in ("at", "kind", "text", "link", "tags")} == {
        "at": later(5).isoformat(),
        "kind": "campaign",
        "text": "first wave",
        "link": "https://ci.example.com/7",
        "tags": ["shop", "eu"],
    }


def test_markers_are_listed_in_pages(caller: Caller) -> None:
    for build in range(3):
        caller.mark(id=f"build-{build}", title=f"shop 4.{build}")

    first = caller.get("/markers", limit="2", since="1h")
    rest = caller.get("/markers", cursor=first["next_cursor"])

    assert [each["title"] for each in (*first["markers"], *rest["markers"])] == ["shop 4.2", "shop 4.1", "shop 4.0"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"title": None}, "title is missing"),
        ({"author": None}, "author is missing"),
        ({"title": 7}, "title is of the wrong type"),
        ({"kind": "deplyo"}, "there is no kind 'deplyo'"),
        ({"tags": "shop"}, "tags is of the wrong type"),
        ({"tags": [7]}, "tags has something in it that is no text"),
        ({"at": "now"}, "at is no moment"),
        ({"colour": "red"}, "there is no field 'colour'"),
    ],
)
def test_marker_that_cannot_be_is_refused(caller: Caller, body: dict[str, object], error: str) -> None:
    answer = caller.mark(**body)

    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert caller.get("/markers")["markers"] == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_other_sites_set_no_markers(caller: Caller, headers: dict[str, str], status: int) -> None:
    answer = caller.ask(
        "POST",
        "/markers",
        content=b'{"title": "x", "author": "y"}',
        headers={"Content-Type": "application/json", **headers},
    )

    assert answer.status_code == status
    assert caller.get("/markers")["markers"] == []


# --- as Grafana reads it ----------------------------------------------------------------------------------------------


def test_annotations_are_a_list_as_grafana_reads_them(caller: Caller) -> None:
    caller.mark(text="first wave", link="https://ci.example.com/7", tags=["shop,eu"])

    assert caller.get("/annotations") == [
        {
            "time": 1795342200000,
            "title": "shop 4.2",
            "text": "first wave https://ci.example.com/7 (ci)",
            "tags": "marker,deploy,shop eu",
        },
        {
            "time": 1795341660000,
            "title": "phone number 200: quality opened: Quality rating RED",
            "text": "",
            "tags": "alert,quality,critical",
        },
    ]


def test_annotations_of_changes_only_when_asked_for(caller: Caller) -> None:
    assert [each["title"] for each in caller.get("/annotations", kind="change")] == [
        "phone number 200: quality: GREEN -> RED"
    ]


def test_annotations_leave_out_steps_that_nobody_would_draw(caller: Caller) -> None:
    caller.past.commit(
        changes(
            transition(TransitionKind.RECOVERING, 2, at=later(2)),
            transition(TransitionKind.CLOSE, 3, at=later(3), is_rehearsal=True),
        )
    )

    assert [each["tags"] for each in caller.get("/annotations", kind="alert")] == [
        "alert,quality,critical,rehearsal",
        "alert,quality,critical",
    ]


def test_annotations_of_a_span(caller: Caller) -> None:
    assert caller.get("/annotations", since="2026-11-22T10:05:00.000Z", until="2026-11-22T11:00:00.000Z") == []
