"""The client over real sockets: what is bounded, what is never followed, and what no error may quote."""

import asyncio
import logging
import socket

import pytest

from tests.notify.ear import Ear, listening
from wamon import __version__
from wamon.notify.http import Answer, HttpClient, NoAnswer, Unsendable, host_of

SECRETS = ("hunter2", "k3y", "path-secret")


def exchange(
    ear: Ear, *, path: str = "/hook", userinfo: str = "", method: str = "POST", timeout_seconds: float = 5.0
) -> Answer | NoAnswer:
    async def main() -> Answer | NoAnswer:
        async with listening(ear) as url:
            client = HttpClient(timeout_seconds=timeout_seconds)
            full = url.replace("//", f"//{userinfo}", 1) + path
            try:
                return await (client.get(full) if method == "GET" else client.post(full, b"{}", {"X-Own": "1"}))
            except NoAnswer as error:
                return error
            finally:
                await client.close()

    return asyncio.run(main())


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def test_request_arrives_as_json_of_wamon() -> None:
    ear = Ear(status=202, headers={"X-Answer": "yes"})

    answer = exchange(ear)

    assert isinstance(answer, Answer)
    assert (answer.status, answer.is_ok, answer.headers["x-answer"]) == (202, True, "yes")
    (heard,) = ear.heard
    assert (heard.method, heard.path, heard.body) == ("POST", "/hook", b"{}")
    assert heard.headers["content-type"] == "application/json"
    assert heard.headers["user-agent"] == f"wamon/{__version__}"
    assert heard.headers["x-own"] == "1"


def test_get_has_no_body_and_no_content_type() -> None:
    ear = Ear()

    exchange(ear, method="GET")

    (heard,) = ear.heard
    assert (heard.method, heard.body) == ("GET", b"")
    assert "content-type" not in heard.headers


def test_user_in_the_url_is_basic_authentication() -> None:
    ear = Ear()

    exchange(ear, userinfo="wamon:hunter2@")

    assert ear.heard[0].headers["authorization"] == "Basic d2Ftb246aHVudGVyMg=="


def test_redirect_is_an_answer_and_not_followed() -> None:
    ear = Ear(status=307, headers={"Location": "/elsewhere"})

    answer = exchange(ear)

    assert isinstance(answer, Answer)
    assert answer.status == 307
    assert not answer.is_ok
    assert [heard.path for heard in ear.heard] == ["/hook"]


def test_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")

    assert isinstance(exchange(Ear()), Answer)


def test_endless_body_is_not_read() -> None:
    answer = exchange(Ear(manner="flood"))

    assert isinstance(answer, Answer)
    assert answer.is_ok


@pytest.mark.parametrize(("manner", "words"), [("hang", "in time"), ("reset", "broke")])
def test_request_without_an_answer_may_have_arrived(manner: str, words: str) -> None:
    error = exchange(Ear(manner=manner), timeout_seconds=0.2)

    assert isinstance(error, NoAnswer)
    assert error.may_have_arrived
    assert words in str(error)


def test_head_that_comes_in_drops_is_cut_off() -> None:
    async def main() -> NoAnswer:
        ended = asyncio.Event()

        async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\n")
            # The other side speaks once; then it only ever ends.
            await reader.readuntil(b"\r\n\r\n")
            is_over = asyncio.create_task(reader.read())
            while not is_over.done():
                writer.write(b"X-Drop: 1\r\n")
                await asyncio.wait({is_over}, timeout=0.02)
            writer.close()
            ended.set()

        server = await asyncio.start_server(drip, "127.0.0.1", 0)
        client = HttpClient(timeout_seconds=0.1)
        with pytest.raises(NoAnswer, match="in time") as caught:
            await client.get(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        await client.close()
        await ended.wait()
        server.close()
        return caught.value

    assert asyncio.run(main()).may_have_arrived


def test_request_that_finds_nobody_has_not_arrived() -> None:
    async def main() -> None:
        client = HttpClient()
        with pytest.raises(NoAnswer, match=r"cannot connect to 127\.0\.0\.1") as caught:
            await client.get(f"http://127.0.0.1:{closed_port()}/")
        await client.close()
        assert not caught.value.may_have_arrived

    asyncio.run(main())


@pytest.mark.parametrize("url", ["", "ftp://host/x", "http://", "http://host:notaport/", "http://ho st\x00/", "host/x"])
def test_url_that_is_none_is_told_without_being_quoted(url: str) -> None:
    async def main() -> str:
        client = HttpClient()
        with pytest.raises(Unsendable) as caught:
            await client.get(url)
        await client.close()
        return str(caught.value)

    assert host_of(url) is None
    assert "host" in asyncio.run(main())


def test_header_that_cannot_be_written_is_not_quoted() -> None:
    async def main() -> Unsendable:
        client = HttpClient()
        async with listening(Ear()) as url:
            with pytest.raises(Unsendable) as caught:
                await client.post(url, b"", {"X-Secret": "hunter2\r\nX-More: 1"})
        await client.close()
        return caught.value

    error = asyncio.run(main())

    assert "hunter2" not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_neither_errors_nor_logs_name_more_than_the_host(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    port = closed_port()

    async def main() -> str:
        client = HttpClient()
        with pytest.raises(NoAnswer) as caught:
            await client.get(f"http://me:hunter2@127.0.0.1:{port}/path-secret?token=k3y")
        await client.close()
        return str(caught.value)

    words = asyncio.run(main())
    exchange(Ear(), path="/path-secret?token=k3y", userinfo="me:hunter2@")

    told = words + caplog.text
    assert f"127.0.0.1:{port}" in words
    assert [secret for secret in SECRETS if secret in told] == []


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://example.org/x?y#z", "example.org"),
        ("https://example.org:443/", "example.org"),
        ("http://a:b@example.org:9093", "example.org:9093"),
        ("http://[::1]:9093/", "[::1]:9093"),
    ],
)
def test_only_host_and_port_of_a_url_are_shown(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "120"}, 120.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "9" * 5000}, 999999999.0),
        (
            {"retry-after": "Sun, 22 Nov 2026 10:01:00 GMT", "date": "Sun, 22 Nov 2026 10:00:00 GMT"},
            60.0,
        ),
        ({"retry-after": "Sun, 22 Nov 2026 09:00:00 GMT", "date": "Sun, 22 Nov 2026 10:00:00 GMT"}, 0.0),
        ({"retry-after": "Sun, 22 Nov 2026 10:01:00 GMT"}, None),
        ({"retry-after": "soon", "date": "Sun, 22 Nov 2026 10:00:00 GMT"}, None),
        ({"retry-after": "-5"}, None),
        ({}, None),
    ],
)
def test_wait_is_read_in_both_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert Answer(status=429, headers=headers).retry_after_seconds() == seconds
