"""The runbooks on the private listener: every alert's, as a page that leads to the others."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from tests.operators import Floor
from tests.web.paging import Reader
from wamon.picture.values import Health
from wamon.rules import RULES
from wamon.web.private import private_app
from wamon.web.runbooks import Runbooks

ALERTNAMES = sorted({name for rule in RULES for name in rule.alertnames.values()})


def get(path: str, *, bearer_token: str | None = None) -> httpx.Response:
    app = private_app(
        scrape=lambda is_gzip: b"",
        health=lambda: Health(is_healthy=True),
        pages=Reader(Floor()).app.routes,
        bearer_token=bearer_token,
    )

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://wamon") as client:
            return await client.get(path)

    return asyncio.run(ask())


@pytest.mark.parametrize("alertname", ALERTNAMES)
def test_every_alert_has_a_page_whose_links_lead_somewhere(alertname: str) -> None:
    answer = get(f"/runbooks/{alertname}")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert f"<h1>{alertname}</h1>" in answer.text
    links = re.findall(r'href="([^"#]+)"', answer.text)
    here = [link for link in links if not re.match(r"https?://|/|data:", link)]
    assert {link.removesuffix(".md") for link in here} <= set(Runbooks().names)


def test_page_is_the_same_with_the_ending_of_its_file() -> None:
    assert get("/runbooks/WhatsAppTokenInvalid.md").text == get("/runbooks/WhatsAppTokenInvalid").text


def test_index_lists_every_alert() -> None:
    page = get("/runbooks").text

    assert [name for name in ALERTNAMES if f'<a href="/runbooks/{name}">{name}</a>' not in page] == []
    assert "README" not in page


@pytest.mark.parametrize("name", ["Nothing", "README", "..%2Falerting", "%2e%2e", "WhatsAppTokenInvalid.md.md"])
def test_what_is_no_runbook_is_not_found(name: str) -> None:
    answer = get(f"/runbooks/{name}")

    assert answer.status_code == 404


def test_link_in_a_message_needs_no_token() -> None:
    guarded = {
        path: get(path, bearer_token="0123456789abcdef").status_code for path in ("/runbooks", "/runbooks/X", "/")
    }

    assert guarded == {"/runbooks": 200, "/runbooks/X": 404, "/": 401}


def test_words_stay_where_a_link_would_lead_out_of_the_runbooks(tmp_path: Path) -> None:
    text = "# A\n\nsee [the design](../adr/1.md), [B](B.md), [Meta](https://meta.example) <b>no</b>\n"
    (tmp_path / "A.md").write_text(text, encoding="utf-8")

    assert Runbooks(tmp_path).html("A") == (
        "<h1>A</h1>\n"
        '<p>see the design, <a href="B.md">B</a>, <a href="https://meta.example">Meta</a> &lt;b&gt;no&lt;/b&gt;</p>\n'
    )
