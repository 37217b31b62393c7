"""Who may do what at the public listener: every path that it names, every method, and all of the private one's paths.

A path that is new there fails here until it stands in the table.
"""

import ast
import asyncio
import inspect
from collections.abc import Sequence

import httpx
import pytest

from tests.security.test_access_matrix import MATRIX, asked
from tests.web.receiving import TOKEN, Desk
from wamon.web import public
from wamon.web.public import public_app

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
SHAKE = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": TOKEN}
SIGNATURE = "of whom we know"

# What a stranger is answered, and what Meta or Slack is; every other method is refused.
MATRIX_PUBLIC = {
    "GET /webhook": (403, 200),
    "POST /webhook": (401, 200),
    "GET /webhook/main": (403, 200),
    "POST /webhook/main": (401, 200),
    "POST /slack/actions": (401, 200),
}
PATHS = sorted({line.partition(" ")[2] for line in MATRIX_PUBLIC})
NO_PATHS = [
    "/",
    "/webhook/",
    "/webhook/nobody",
    "/webhook/main/",
    "/webhooks",
    "/WEBHOOK",
    "/slack",
    "/slack/actions/",
    *sorted({asked(line)[1] for line in MATRIX}),
]


class Door(Desk):
    """Takes what is signed by whom it knows."""

    async def receive(self, app: str | None, body: bytes, signature: bytes | None) -> int:
        return 200 if signature == SIGNATURE.encode() else 401


class Slack:
    """Takes what is signed by whom it knows."""

    async def receive(self, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> int:
        return 200 if (b"x-slack-signature", SIGNATURE.encode()) in headers else 401


def ask(method: str, path: str, *, is_known: bool = False, has_slack: bool = True) -> httpx.Response:
    names = ("X-Hub-Signature-256", "X-Slack-Signature") if is_known else ()
    query = SHAKE if is_known else {**SHAKE, "hub.verify_token": "guessed"}

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=public_app(Door(), Slack() if has_slack else None))
        async with httpx.AsyncClient(transport=transport, base_url="https://hooks.example.org") as client:
            return await client.request(
                method, path, params=query, headers=dict.fromkeys(names, SIGNATURE), content=b"{}"
            )

    return asyncio.run(ask())


def test_every_path_that_the_listener_names_is_in_the_table_and_no_other() -> None:
    constants = [
        node.value for node in ast.walk(ast.parse(inspect.getsource(public))) if isinstance(node, ast.Constant)
    ]

    named = {value for value in constants if isinstance(value, str) and value.startswith("/") and len(value) > 1}

    assert named == {path for path in PATHS if path != "/webhook/main"}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", METHODS)
def test_stranger_and_friend_are_answered_as_the_table_says(method: str, path: str) -> None:
    expected = MATRIX_PUBLIC.get(f"{method} {path}", (405, 405))

    assert (ask(method, path).status_code, ask(method, path, is_known=True).status_code) == expected


@pytest.mark.parametrize("path", NO_PATHS)
def test_every_other_path_is_none_whoever_asks(path: str) -> None:
    codes = {ask(method, path, is_known=is_known).status_code for method in METHODS for is_known in (False, True)}

    assert codes == {404}


def test_without_slack_its_path_is_none() -> None:
    assert {ask(method, "/slack/actions", has_slack=False, is_known=True).status_code for method in METHODS} == {404}


@pytest.mark.parametrize("path", [*PATHS, "/metrics"])
def test_refusal_tells_nothing_and_what_may_be_asked_where_there_is_something(path: str) -> None:
    answer = ask("PUT", path)

    allowed = {"/slack/actions": "POST", "/metrics": None}.get(path, "GET, POST")
    assert (answer.text, answer.headers.get("allow")) == ("", allowed)
