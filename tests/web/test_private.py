import asyncio
import gzip
from dataclasses import dataclass, field

import httpx
import pytest
from starlette.applications import Starlette

from tests.operators import Floor
from tests.web.paging import Reader
from wamon.picture.values import Health
from wamon.web.private import private_app

PAGES = Reader(Floor()).app.routes


@dataclass
class Daemon:
    """What the app asks; a test sets it."""

    health: Health = field(default_factory=lambda: Health(is_healthy=True))

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
    return Client(private_app(scrape=daemon.scrape, health=lambda: daemon.health, pages=PAGES))


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


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/-/ready", "/nowhere"])
def test_every_answer_carries_strict_headers(client: Client, path: str) -> None:
    headers = client.get(path).headers

    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'; script-src 'self'; ")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
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


# --- the bearer token -------------------------------------------------------------------------------------------------

TOKEN = "0123456789abcdef"


@pytest.fixture
def guarded(daemon: Daemon) -> Client:
    return Client(private_app(scrape=daemon.scrape, health=lambda: daemon.health, pages=PAGES, bearer_token=TOKEN))


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
