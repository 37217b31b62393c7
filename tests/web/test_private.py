import asyncio
import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import httpx
import pytest
from starlette.applications import Starlette

from tests.fakes import START
from wamon.picture.values import Health
from wamon.web.landing import AccountRow, AlertRow, Landing, Mood
from wamon.web.private import ago, content_security_policy, moment, private_app

PAGE = Landing(
    version="1.2.3",
    at=START,
    mood=Mood.BAD,
    verdict="2 alerts are open, the worst is critical.",
    reasons=("The first poll has not ended yet.",),
    numbers=3,
    open_alerts=2,
    alerts=(
        AlertRow(
            alertname="WhatsAppQualityRatingRed",
            severity="critical",
            what="Quality rating RED",
            subject="phone number +1 555 0100, account main",
            since=START - timedelta(minutes=5),
            last_confirmed_at=START - timedelta(seconds=20),
            remark="cannot be confirmed now",
        ),
    ),
    accounts=(
        AccountRow(
            name="main",
            waba_id="1029",
            numbers=3,
            open_alerts=2,
            last_success_at=START - timedelta(hours=2),
            is_stale=True,
        ),
        AccountRow(
            name="<script>alert(1)</script>",
            waba_id="1030",
            numbers=0,
            open_alerts=0,
            last_success_at=None,
            is_stale=False,
        ),
    ),
)


@dataclass
class Daemon:
    """What the app asks; a test sets it."""

    health: Health = field(default_factory=lambda: Health(is_healthy=True))
    page: Landing = PAGE

    def scrape(self, is_gzip: bool) -> bytes:
        return gzip.compress(b"up 1\n") if is_gzip else b"up 1\n"


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


class Client:
    """Asks the app without a socket."""

    def __init__(self, app: Starlette) -> None:
        self._app = app

    def request(self, method: str, path: str, **headers: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://wamon") as client:
                client.headers = httpx.Headers({"accept-encoding": "identity"})
                return await client.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})

        return asyncio.run(ask())

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.request("GET", path, **headers)


@pytest.fixture
def client(daemon: Daemon) -> Client:
    return Client(private_app(scrape=daemon.scrape, health=lambda: daemon.health, landing=lambda: daemon.page))


def test_metrics_are_text_format_0_0_4(client: Client) -> None:
    answer = client.get("/metrics")

    assert answer.status_code == 200
    assert answer.text == "up 1\n"
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("accepted", "is_gzip"),
    [
        ("gzip", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("GZIP ; q=0.8", True),
        ("x-gzip", True),
        ("*", True),
        ("br, deflate", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("*;q=0", False),
        ("identity", False),
        ("", False),
    ],
)
def test_metrics_are_compressed_for_those_who_accept_it(client: Client, accepted: str, is_gzip: bool) -> None:
    answer = client.get("/metrics", accept_encoding=accepted)

    assert answer.headers.get("content-encoding") == ("gzip" if is_gzip else None)
    assert answer.text == "up 1\n"


def test_healthy_while_the_loops_live(client: Client, daemon: Daemon) -> None:
    assert (client.get("/-/healthy").status_code, client.get("/-/healthy").text) == (200, "healthy\n")

    daemon.health = Health(is_healthy=False)

    answer = client.get("/-/healthy")
    assert (answer.status_code, answer.text) == (503, "a part of wamon has stopped: restart it and read its log\n")


@pytest.mark.parametrize(
    ("health", "status", "text"),
    [
        (Health(is_healthy=True), 200, "ready\n"),
        (Health(is_healthy=True, not_ready_reasons=("One.", "Two.")), 503, "One.\nTwo.\n"),
        (Health(is_healthy=False), 503, "a part of wamon has stopped: restart it and read its log\n"),
    ],
)
def test_readiness_gives_its_reasons(client: Client, daemon: Daemon, health: Health, status: int, text: str) -> None:
    daemon.health = health

    answer = client.get("/-/ready")

    assert (answer.status_code, answer.text) == (status, text)


def test_landing_page_says_how_things_are(client: Client) -> None:
    page = client.get("/").text

    words = " ".join(re.sub(r"<[^>]+>", " ", page.split("</style>")[1]).split())
    assert words == (
        "wamon 1.2.3 Metrics Runbooks Healthy? Ready? 2 alerts are open, the worst is critical. "
        "The first poll has not ended yet. "
        "Accounts 2 Phone numbers 3 Open alerts 2 Open alerts Alert About Since Last seen "
        "critical Quality rating RED WhatsAppQualityRatingRed, cannot be confirmed now "
        "phone number +1 555 0100, account main 5 min ago 20 s ago "
        "And 1 more: see wamon_alerts in the metrics . "
        "Accounts Account Phone numbers Open alerts Meta last answered "
        "main WABA 1029 3 2 2 h ago "
        "&lt;script&gt;alert(1)&lt;/script&gt; WABA 1030 0 0 never "
        "As of 2026-11-22 10:00:00 UTC. Reload for the present state."
    )


def test_landing_page_links_the_other_pages_and_no_other_host(client: Client) -> None:
    page = client.get("/").text

    assert set(re.findall(r'(?:href|src)="([^"]*)"', page)) == {
        "/metrics",
        "/runbooks",
        "/-/healthy",
        "/-/ready",
        "data:,",
    }
    assert "://" not in page
    assert "<script" not in page


def test_landing_page_without_accounts_or_alerts_says_so(client: Client, daemon: Daemon) -> None:
    daemon.page = replace(PAGE, alerts=(), accounts=(), open_alerts=0, reasons=())

    page = client.get("/").text

    assert "<p>None.</p>" in page
    assert "<p>None is configured.</p>" in page
    assert "reasons" not in page.split("</style>")[1]


def test_style_of_the_page_is_the_one_that_its_policy_allows(client: Client) -> None:
    answer = client.get("/")

    style = re.search(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    assert style is not None
    assert answer.headers["content-security-policy"] == content_security_policy(style.group(1))


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/-/ready", "/nowhere"])
def test_every_answer_carries_strict_headers(client: Client, path: str) -> None:
    headers = client.get(path).headers

    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/-/ready"])
def test_head_answers_as_get_does(client: Client, path: str) -> None:
    head, got = client.request("HEAD", path), client.get(path)

    assert head.status_code == got.status_code == 200
    assert head.headers == got.headers


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/-/ready"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(client: Client, path: str, method: str) -> None:
    assert client.request(method, path).status_code == 405


@pytest.mark.parametrize("path", ["/metrics/", "/-", "/webhook", "/..%2fetc%2fpasswd", "/static/landing.css"])
def test_anything_else_is_not_found(client: Client, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("waited", "words"),
    [
        (timedelta(seconds=-5), "0 s ago"),
        (timedelta(seconds=59), "59 s ago"),
        (timedelta(seconds=60), "1 min ago"),
        (timedelta(hours=5, minutes=59), "5 h ago"),
        (timedelta(days=3), "3 d ago"),
    ],
)
def test_age_is_told_in_one_unit(waited: timedelta, words: str) -> None:
    assert ago(START - waited, START) == words


@pytest.mark.parametrize("tell", [moment, lambda at: ago(at, START)])
def test_what_never_was_is_told_so(tell: Callable[[None], str]) -> None:
    assert tell(None) == "never"


# --- the bearer token -------------------------------------------------------------------------------------------------

TOKEN = "0123456789abcdef"


@pytest.fixture
def guarded(daemon: Daemon) -> Client:
    return Client(
        private_app(scrape=daemon.scrape, health=lambda: daemon.health, landing=lambda: daemon.page, bearer_token=TOKEN)
    )


@pytest.mark.parametrize("path", ["/", "/metrics", "/nowhere", "/api/v1/alerts", "/-/healthy/"])
@pytest.mark.parametrize("given", [None, TOKEN, "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer \u00e9"])
def test_nothing_is_told_without_the_token(guarded: Client, path: str, given: str | None) -> None:
    headers = {} if given is None else {"authorization": given.encode("latin-1")}

    answer = guarded.get(path, **headers)  # type: ignore[arg-type]  # httpx takes bytes

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="wamon"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert set(answer.json()) == {"error", "next"}


@pytest.mark.parametrize("given", [f"Bearer {TOKEN}", f"bearer  {TOKEN} "])
def test_token_opens_everything(guarded: Client, given: str) -> None:
    assert [guarded.get(path, authorization=given).status_code for path in ("/", "/metrics")] == [200, 200]


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready"])
def test_health_is_told_to_everybody(guarded: Client, path: str) -> None:
    assert guarded.get(path).status_code == 200


def test_without_operations_there_is_no_api(client: Client) -> None:
    assert client.get("/api/v1/alerts").status_code == 404
