"""The pages' facts as JSON: the same numbers by the same questions, and plain words for what cannot be asked."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from tests.fakes import START
from tests.web.gallery import Gallery
from wamon.web.json_api import EXCEPTION_HANDLERS
from wamon.web.picture_api import picture_routes


def ask(path: str) -> httpx.Response:
    app = Starlette(routes=[*picture_routes(Gallery(120))], exception_handlers=dict(EXCEPTION_HANDLERS))

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://wamon") as client:
            return await client.get(path)

    return asyncio.run(ask())


def get(path: str) -> Any:
    answer = ask(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_overview_is_what_the_page_shows() -> None:
    found = get("/overview")

    assert (found["mood"], found["verdict"]) == ("bad", "1 number has a bad rating.")
    assert found["numbers"]["of"] == 120
    assert found["numbers"]["rows"][0]["rating"] == {
        "text": "RED",
        "mood": "bad",
        "last": "RED",
        "meaning": "",
        "observed_at": (START - timedelta(seconds=20)).isoformat(),
        "changed_at": (START - timedelta(days=3)).isoformat(),
        "known_by": "poll",
    }
    assert found["countdowns"][0]["kind"] == "token"
    assert found["unseen"][0]["what"] == "failures of south"


def test_durations_are_seconds_and_say_so() -> None:
    first, second = get("/overview")["webhooks"]["rows"]

    assert first["usual_pause_seconds"] == 720.0
    assert second["usual_pause_seconds"] is None


def test_numbers_are_searched_filtered_and_paged_as_on_the_page() -> None:
    found = get("/numbers?q=555&mood=bad&mood=watch&account=100&limit=5&page=2")

    assert [each["phone_number_id"] for each in found["rows"]] == ["230", "236", "242", "248", "254"]
    assert (found["page"], found["pages"], found["total"], found["of"]) == (2, 4, 20, 120)


def test_number_has_its_funnel_and_its_codes() -> None:
    found = get("/numbers/200")

    assert [each["name"] for each in found["windows"]] == ["15 min", "1 h", "24 h"]
    assert found["codes"][0]["fix"] == "Do not send again to the same people; clean the list."
    assert found["row"]["severity"] == "critical"


def test_number_that_is_not_watched_is_404() -> None:
    answer = ask("/numbers/999")

    assert (answer.status_code, set(answer.json())) == (404, {"error", "next"})


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("search=x", "there is no parameter 'search'"),
        ("mood=sad", "there is no mood 'sad'"),
        ("sort=best", "there is no sort 'best'"),
        ("page=0", "page is no number"),
        ("page=\u00b2", "page is no number"),
        ("limit=x", "limit is no number"),
        ("limit=501", "limit is out of range"),
    ],
)
def test_what_cannot_be_asked_is_said(query: str, error: str) -> None:
    for path in ("/overview", "/numbers"):
        answer = ask(f"{path}?{query}")

        assert (answer.status_code, answer.json()["error"]) == (400, error)
