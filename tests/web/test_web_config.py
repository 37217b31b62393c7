"""The private listener's web configuration file: what of it is understood, and what a listener makes of it."""

import asyncio
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import bcrypt
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.certificates import make_certificate
from wamon.web.renewing import RenewingTls
from wamon.web.server import bind, serve
from wamon.web.web_config import OPEN, Tls, WebConfigError, read_web_config, trusting

HASH = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()


def written(folder: Path, text: str) -> Path:
    path = folder / "web.yml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_certificate(tmp_path)
    return tmp_path


def tls_of(folder: Path, more: str = "") -> Tls:
    config = read_web_config(written(folder, f"tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n{more}"))
    assert config.tls is not None
    return config.tls


def test_users_headers_and_tls_of_an_exporters_file(folder: Path) -> None:
    text = (
        "tls_server_config: {cert_file: cert.pem, key_file: key.pem, prefer_server_cipher_suites: true}\n"
        "http_server_config: {http2: true, headers: {Strict-Transport-Security: max-age=60}}\n"
        f"basic_auth_users: {{anna: '{HASH.replace('$2b$', '$2y$')}'}}\n"
    )

    config = read_web_config(written(folder, text))

    assert (config.scheme, list(config.users)) == ("https", ["anna"])
    assert config.headers == {"Strict-Transport-Security": "max-age=60"}
    assert config.tls is not None
    assert config.tls.min_version is ssl.TLSVersion.TLSv1_2
    assert HASH[7:] not in repr(config)


@pytest.mark.parametrize("text", ["", "tls_server_config: {}", "basic_auth_users: {}", "tls_server_config:\n"])
def test_empty_file_or_section_leaves_all_open(tmp_path: Path, text: str) -> None:
    assert read_web_config(written(tmp_path, text)) == OPEN


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("basic_auth_user: {}", "did you mean basic_auth_users"),
        ("basic: 1", "the file has the key basic that wamon does not support: it may have tls_server_config, http_"),
        ("'secret in the wrong place': 1", "the file has a key that wamon does not support: it may have tls"),
        ("tls_server_config: {curve_preferences: [X25519]}", "has the key curve_preferences that wamon does not"),
        ("tls_server_config: {cert_file: cert.pem, key_file: key.pem, cipher_suites: [A]}", "list of these: TLS_AES"),
        ("tls_server_config: {min_version: TLS13}", "cert_file is missing"),
        ("http_server_config: {http2: 1}", "http2 must be true or false"),
        ("tls_server_config: {key_file: key.pem}", "cert_file is missing"),
        ("tls_server_config: {cert_file: none.pem, key_file: key.pem}", "cert_file: the file cannot be read"),
        ("tls_server_config: {cert_file: web.yml, key_file: key.pem}", "are no certificate and its key"),
        ("tls_server_config: {cert_file: cert.pem, key_file: key.pem, min_version: TLS10}", "TLS12 or TLS13"),
        (
            "tls_server_config: {cert_file: cert.pem, key_file: key.pem, min_version: TLS13, max_version: TLS12}",
            "above",
        ),
        ("tls_server_config: {cert_file: cert.pem, key_file: key.pem, client_auth_type: Any}", "not secure"),
        (
            "tls_server_config: {cert_file: cert.pem, key_file: key.pem, client_auth_type: RequireAndVerifyClientCert}",
            "client_ca_file is missing",
        ),
        ("basic_auth_users: {anna: secret}", "hash of 'anna' is none of bcrypt's"),
        ("basic_auth_users: {'a:b': x}", "colon"),
        ("basic_auth_users: [anna]", "no mapping"),
        ("http_server_config: {headers: {X-Frame-Options: 7}}", "one line"),
        ("http_server_config: {headers: {Server: x}}", "does not support"),
        ("http_server_config: {headers: {X-Frame-Options: ''}}", "one line"),
        ("http_server_config: {headers: {X-Frame-Options: \u00e9}}", "plain letters"),
        ("basic_auth_users: {}\nbasic_auth_users: {}", "basic_auth_users is there twice"),
        ("basic_auth_users: {anna: '$2b$10$" + "a" * 53 + "'}", "none of bcrypt's"),
        ("tls_server_config: {cert_file: cert.pem, key_file: key.pem, min_version: [TLS12]}", "TLS12 or TLS13"),
        ("tls_server_config: {cert_file: cert.pem, key_file: key.pem, client_ca_file: cert.pem}", "nobody is asked"),
        ("- a list", "no mapping"),
        ("a: [", "not valid YAML in line"),
    ],
)
def test_what_cannot_be_used_is_named(folder: Path, text: str, words: str) -> None:
    with pytest.raises(WebConfigError, match=words):
        read_web_config(written(folder, text))


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WebConfigError, match="cannot be read"):
        read_web_config(tmp_path / "web.yml")


def test_another_certificate_is_another_configuration(folder: Path) -> None:
    before = tls_of(folder)
    same = tls_of(folder)
    make_certificate(folder)

    assert before == same
    assert tls_of(folder) != before


# --- a listener -------------------------------------------------------------------------------------------------------


async def home(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.url.scheme)


def asked(tls: Tls, verify: ssl.SSLContext, *, scheme: str = "https") -> httpx.Response:
    async def story() -> httpx.Response:
        sock = bind("127.0.0.1", 0)
        port = sock.getsockname()[1]
        app = Starlette(routes=[Route("/", home)])
        serving = asyncio.create_task(serve(app, sock, tls=tls.context()))
        try:
            async with httpx.AsyncClient(verify=verify, trust_env=False, timeout=10) as client:
                return await client.get(f"{scheme}://127.0.0.1:{port}/")
        finally:
            serving.cancel()
            await asyncio.wait({serving})

    return asyncio.run(story())


def test_listener_speaks_tls_to_who_trusts_its_certificate(folder: Path) -> None:
    tls = tls_of(folder)

    assert asked(tls, trusting(tls)).text == "https"


def test_listener_speaks_nothing_else(folder: Path) -> None:
    tls = tls_of(folder)

    with pytest.raises(httpx.HTTPError):
        asked(tls, trusting(tls), scheme="http")
    with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        asked(tls, ssl.create_default_context())


def test_older_protocol_than_wanted_is_refused(folder: Path) -> None:
    tls = tls_of(folder, "  min_version: TLS13\n")
    old = trusting(tls)
    old.maximum_version = ssl.TLSVersion.TLSv1_2

    with pytest.raises(httpx.HTTPError):
        asked(tls, old)


def test_only_the_cipher_suites_that_are_listed_are_spoken(folder: Path) -> None:
    tls = tls_of(folder, "  cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n")
    verify = trusting(tls)
    verify.maximum_version = ssl.TLSVersion.TLSv1_2
    assert asked(tls, verify).status_code == 200

    verify.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    with pytest.raises(httpx.HTTPError):
        asked(tls, verify)


def test_client_must_show_a_certificate_where_it_is_wanted(folder: Path) -> None:
    tls = tls_of(folder, "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: cert.pem\n")
    stranger = trusting(replace(tls, client_ca_file=None))

    assert asked(tls, trusting(tls)).status_code == 200
    with pytest.raises(httpx.HTTPError):
        asked(tls, stranger)


def test_of_a_chain_only_the_servers_own_certificate_is_trusted(folder: Path, tmp_path_factory: Any) -> None:
    """Whoever signed it may have signed for others too."""
    other = tmp_path_factory.mktemp("other")
    make_certificate(other)
    tls, stranger = tls_of(folder), tls_of(other)
    chain = folder / "chain.pem"
    chain.write_bytes((folder / "cert.pem").read_bytes() + (other / "cert.pem").read_bytes())

    verify = trusting(replace(tls, cert_file=chain))

    assert asked(tls, verify).status_code == 200
    with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        asked(stranger, verify)


# --- renewal ----------------------------------------------------------------------------------------------------------


def test_renewed_certificate_is_shown_to_whoever_connects_next(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And while only one of its two files is there, the one before."""
    tls = tls_of(folder)
    old_key = (folder / "key.pem").read_bytes()

    async def story() -> list[str]:
        sock = bind("127.0.0.1", 0)
        url = f"https://127.0.0.1:{sock.getsockname()[1]}/"
        serving = asyncio.create_task(serve(Starlette(routes=[Route("/", home)]), sock, tls=RenewingTls(tls).context))

        async def shown(verify: ssl.SSLContext) -> str:
            try:
                async with httpx.AsyncClient(verify=verify, trust_env=False, timeout=10) as client:
                    return (await client.get(url)).text
            except httpx.ConnectError:
                return "another certificate"

        try:
            before = trusting(tls)
            told = [await shown(before)]
            make_certificate(folder)
            after, new_key = trusting(tls), (folder / "key.pem").read_bytes()
            (folder / "key.pem").write_bytes(old_key)
            told += [await shown(before), await shown(after), await shown(before)]
            (folder / "key.pem").unlink()
            told += [await shown(before)]
            (folder / "key.pem").write_bytes(new_key)
            return [*told, await shown(after), await shown(before)]
        finally:
            serving.cancel()
            await asyncio.wait({serving})

    with caplog.at_level("INFO", logger="wamon.web.renewing"):
        told = asyncio.run(story())

    other = "another certificate"
    assert told == ["https", "https", other, "https", "https", "https", other]
    unusable = "the renewed certificate cannot be used, the one before is shown on"
    assert [record.message for record in caplog.records] == [unusable, unusable, "a renewed certificate is shown"]
