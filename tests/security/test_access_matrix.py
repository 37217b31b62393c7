"""Who may do what at the private listener: every route, every credential, and pages of other sites.

A route that is new fails here until it stands in the table.
"""

import asyncio
import base64
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import bcrypt
import httpx
import pytest
from starlette.applications import Starlette

from tests.history import opened
from tests.operators import Floor
from tests.security.routes import routes_of
from tests.web.gallery import Gallery
from tests.web.paging import Reader
from wamon.picture.values import Health
from wamon.web.access import MOST_WAITING, Guard
from wamon.web.private import private_app
from wamon.web.web_config import WebConfig

TOKEN = "0123456789abcdef"
PASSWORD = "correct horse"
USERS = {"anna": bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}
OPEN, READS, CHANGES = "open to everybody", "reads", "changes"

MATRIX = {
    "GET /-/healthy": OPEN,
    "GET /-/ready": OPEN,
    "GET /runbooks": OPEN,
    "GET /runbooks/": OPEN,
    "GET /runbooks/{name}": OPEN,
    "GET /static/{name}": OPEN,
    "GET /": READS,
    "GET /metrics": READS,
    "GET /numbers": READS,
    "GET /numbers/": READS,
    "GET /numbers/{phone_number_id}": READS,
    "GET /timeline": READS,
    "GET /alerts": READS,
    "GET /alerts/{id}": READS,
    "GET /silences/new": READS,
    "GET /api/v1/overview": READS,
    "GET /api/v1/numbers": READS,
    "GET /api/v1/numbers/{phone_number_id}": READS,
    "GET /api/v1/alerts": READS,
    "GET /api/v1/alerts/{id}": READS,
    "GET /api/v1/silences": READS,
    "GET /api/v1/receivers": READS,
    "GET /api/v1/timeline": READS,
    "GET /api/v1/markers": READS,
    "GET /api/v1/annotations": READS,
    "GET /api/v1/openapi.json": READS,
    "POST /-/reload": CHANGES,
    "POST /alerts/{id}/acknowledge": CHANGES,
    "POST /alerts/{id}/silence": CHANGES,
    "POST /alerts/{id}/close": CHANGES,
    "POST /silences": CHANGES,
    "POST /silences/{id}/end": CHANGES,
    "POST /api/v1/alerts/{id}/acknowledge": CHANGES,
    "POST /api/v1/alerts/{id}/close": CHANGES,
    "POST /api/v1/silences": CHANGES,
    "POST /api/v1/silences/{id}/end": CHANGES,
    "POST /api/v1/drills": CHANGES,
    "POST /api/v1/receivers/{name}/test": CHANGES,
    "POST /api/v1/markers": CHANGES,
}


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


GOOD = {"token": f"Bearer {TOKEN}", "user": basic("anna", PASSWORD)}
BAD = {
    "nothing": None,
    "empty": "",
    "another token": f"Bearer {TOKEN}x",
    "a token as a password": basic("", TOKEN),
    "another password": basic("anna", PASSWORD + "x"),
    "another name": basic("berta", PASSWORD),
    "a hash as a password": basic("anna", USERS["anna"]),
    "no colon": "Basic " + base64.b64encode(b"anna").decode(),
    "no base64": "Basic anna:" + PASSWORD,
    "a password too long for bcrypt": basic("anna", PASSWORD + "\0" + "x" * 100),
    "another scheme": f"Digest {TOKEN}",
}


@dataclass
class House:
    """The whole private listener over real operations, and how often somebody made it read its configuration."""

    app: Starlette
    reloads: list[str]

    def ask(self, method: str, path: str, **headers: str | None) -> httpx.Response:
        told = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9877") as client:
                return await client.request(method, path, headers=told)

        return asyncio.run(ask())


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    floor = Floor()
    reloads: list[str] = []

    def reload() -> str:
        reloads.append("asked")
        return "done"

    with opened(tmp_path) as past:
        app = private_app(
            scrape=lambda is_gzip: gzip.compress(b"up 1\n") if is_gzip else b"up 1\n",
            health=lambda: Health(is_healthy=True),
            pages=Reader(floor).app.routes,
            operations=floor.operations,
            history=past.history,
            pictures=Gallery(),
            bearer_token=TOKEN,
            web_config=WebConfig(users=USERS),
            reload=reload,
        )
        yield House(app, reloads)


def asked(line: str) -> tuple[str, str]:
    """Method and a path of this route, whether or not there is something there."""
    method, _, path = line.partition(" ")
    for name in ("name", "id", "phone_number_id"):
        path = path.replace(f"{{{name}}}", "4711")
    return method, path


def test_every_route_is_in_the_table_and_no_other(house: House) -> None:
    assert routes_of(house.app.routes) == set(MATRIX)


@pytest.mark.parametrize("line", MATRIX)
def test_without_a_good_credential_only_what_is_open_answers(house: House, line: str) -> None:
    method, path = asked(line)
    for credential in BAD.values():
        answer = house.ask(method, path, authorization=credential)

        assert (answer.status_code == 401) is (MATRIX[line] != OPEN), credential
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["referrer-policy"] == "same-origin"
        if answer.status_code == 401:
            assert answer.headers.get_list("www-authenticate") == ['Basic realm="wamon"', 'Bearer realm="wamon"']
            assert answer.headers["cache-control"] == "no-store"
    assert house.reloads == []


@pytest.mark.parametrize("line", MATRIX)
@pytest.mark.parametrize("credential", GOOD)
def test_with_a_good_credential_every_route_answers(house: House, line: str, credential: str) -> None:
    answer = house.ask(*asked(line), authorization=GOOD[credential])

    assert answer.status_code not in (401, 403, 405, 500)


@pytest.mark.parametrize("line", [line for line, kind in MATRIX.items() if kind == CHANGES])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "http://wamon.example", "host": "elsewhere.example"},
    ],
    ids=str,
)
def test_page_of_another_site_changes_nothing(house: House, line: str, headers: dict[str, str]) -> None:
    """A browser sends its credential along with whatever any page makes it ask for."""
    answer = house.ask(*asked(line), authorization=GOOD["user"], **headers)

    assert answer.status_code == 403
    assert house.reloads == []


def test_name_of_who_signed_in_is_told_and_a_token_has_none() -> None:
    seen: list[object] = []

    async def app(scope: dict[str, object], receive: object, send: object) -> None:
        seen.append(scope.get("user_name"))

    guard = Guard(app, token=TOKEN, users=USERS)  # type: ignore[arg-type]  # a plain app

    async def never() -> NoReturn:
        raise AssertionError("nothing is read or sent")

    for credential in GOOD.values():
        scope = {"type": "http", "path": "/", "headers": [(b"authorization", credential.encode())]}
        asyncio.run(guard(scope, never, never))  # type: ignore[arg-type]

    assert seen == [None, "anna"]


def test_password_is_checked_once_and_not_for_each_scrape(monkeypatch: pytest.MonkeyPatch, house: House) -> None:
    checked: list[bytes] = []
    real = bcrypt.checkpw

    def check(secret: bytes, hashed: bytes) -> bool:
        checked.append(secret)
        return real(secret, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", check)

    for _ in range(5):
        house.ask("GET", "/metrics", authorization=GOOD["user"])
    for _ in range(2):
        house.ask("GET", "/metrics", authorization=basic("anna", "wrong"))
        house.ask("GET", "/metrics", authorization=basic("nobody", "wrong"))

    # What is wrong is paid for each time, whether or not there is such a user.
    assert checked == [PASSWORD.encode(), *[b"wrong"] * 4]


def test_unknown_name_takes_as_long_as_the_slowest_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    costly = bcrypt.hashpw(b"another", bcrypt.gensalt(6))
    against: list[bytes] = []

    def check(_secret: bytes, hashed: bytes) -> bool:
        against.append(hashed)
        return False

    monkeypatch.setattr(bcrypt, "checkpw", check)
    app = private_app(
        scrape=lambda is_gzip: b"",
        health=lambda: Health(is_healthy=True),
        web_config=WebConfig(users={**USERS, "berta": costly.decode(), "carla": USERS["anna"]}),
    )

    House(app, []).ask("GET", "/metrics", authorization=basic("nobody", PASSWORD))

    assert against == [costly]


def test_crowd_that_guesses_is_sent_away_and_keeps_no_token_out() -> None:
    app = private_app(
        scrape=lambda is_gzip: b"",
        health=lambda: Health(is_healthy=True),
        bearer_token=TOKEN,
        web_config=WebConfig(users=USERS),
    )

    async def story() -> tuple[list[httpx.Response], httpx.Response]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9877") as client:
            guesses = [
                asyncio.ensure_future(client.get("/metrics", headers={"authorization": basic("anna", str(guess))}))
                for guess in range(MOST_WAITING + 4)
            ]
            await asyncio.sleep(0)
            known = await client.get(
                "/metrics", headers={"authorization": GOOD["token"], "accept-encoding": "identity"}
            )
            return await asyncio.gather(*guesses), known

    guesses, known = asyncio.run(story())

    assert known.status_code == 200
    assert sorted(answer.status_code for answer in guesses) == [401] * MOST_WAITING + [503] * 4
    assert {answer.headers["retry-after"] for answer in guesses if answer.status_code == 503} == {"5"}


def test_same_password_in_several_requests_at_once_is_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[bytes] = []

    def check(secret: bytes, _hashed: bytes) -> bool:
        checked.append(secret)
        return True

    monkeypatch.setattr(bcrypt, "checkpw", check)
    app = private_app(
        scrape=lambda is_gzip: b"", health=lambda: Health(is_healthy=True), web_config=WebConfig(users=USERS)
    )

    async def story() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=app)
        headers = {"authorization": GOOD["user"], "accept-encoding": "identity"}
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9877") as client:
            return await asyncio.gather(*(client.get("/metrics", headers=headers) for _ in range(5)))

    assert [answer.status_code for answer in asyncio.run(story())] == [200] * 5
    assert checked == [PASSWORD.encode()]


def test_without_token_and_users_everything_is_open() -> None:
    floor = Floor()
    app = private_app(
        scrape=lambda is_gzip: gzip.compress(b"up 1\n") if is_gzip else b"up 1\n",
        health=lambda: Health(is_healthy=True),
        operations=floor.operations,
    )

    assert House(app, []).ask("GET", "/api/v1/alerts").status_code == 200
