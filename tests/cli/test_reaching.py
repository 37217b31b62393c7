"""How wamon's own commands find the daemon, and as whom they come."""

import base64
from collections.abc import Mapping
from pathlib import Path

import pytest

from wamon.cli.reaching import Way, authorization, own_way, way
from wamon.config.load import load_settings
from wamon.config.sources import Sources, read_sources
from wamon.core.errors import ConfigurationError

TOKEN = "0123456789abcdef"
ANNA = {"WAMON_API_USER": "anna", "WAMON_API_PASSWORD": "p:w"}


def sources(environment: Mapping[str, str]) -> Sources:
    return read_sources(None, environment, default_paths=())


def test_user_and_password_go_into_one_header() -> None:
    assert authorization(sources(ANNA)) == "Basic " + base64.b64encode(b"anna:p:w").decode()


def test_token_goes_before_a_user() -> None:
    assert authorization(sources({**ANNA, "WAMON_PRIVATE_BEARER_TOKEN": TOKEN})) == f"Bearer {TOKEN}"


def test_password_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("p:w\n", encoding="utf-8")
    environment = {"WAMON_API_USER": "anna", "WAMON_API_PASSWORD_FILE": str(file)}

    assert authorization(sources(environment)) == authorization(sources(ANNA))


def test_without_any_of_it_nobody_is_named() -> None:
    assert authorization(sources({})) is None


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"WAMON_API_USER": "anna"}, "api_user is set without api_password: set WAMON_API_PASSWORD too"),
        ({"WAMON_API_PASSWORD": "p"}, "api_password is set without api_user: set WAMON_API_USER too"),
        ({**ANNA, "WAMON_API_USER": "an:na"}, r"api_user \(WAMON_API_USER\): has a colon in it"),
    ],
)
def test_half_a_name_is_named(environment: Mapping[str, str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        authorization(sources(environment))


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"WAMON_API_CERT_FILE": "a.pem"}, "api_cert_file is set without api_key_file: set WAMON_API_KEY_FILE too"),
        ({"WAMON_API_KEY_FILE": "a.pem"}, "api_key_file is set without api_cert_file: set WAMON_API_CERT_FILE too"),
        ({"WAMON_API_CA_FILE": "none.pem"}, r"api_ca_file \(WAMON_API_CA_FILE\): the file holds no certificates"),
        (
            {"WAMON_API_CERT_FILE": "a.pem", "WAMON_API_KEY_FILE": "a.key"},
            "api_cert_file and api_key_file: they are no certificate and its key: No such file",
        ),
    ],
)
def test_file_for_tls_that_cannot_be_used_is_named(environment: Mapping[str, str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        way(sources(environment), "https://wamon.example.org")


def found(way: Way) -> tuple[str, bool, bool]:
    return way.base, way.tls is not None, way.is_own


def test_option_goes_before_the_key_and_both_before_the_own_daemon() -> None:
    named = {"WAMON_API_URL": "https://wamon.example.org/", "WAMON_PRIVATE_LISTEN": "0.0.0.0:1234"}

    assert found(way(sources(named), "http://other.example.org")) == ("http://other.example.org", False, False)
    assert found(way(sources(named), None)) == ("https://wamon.example.org", True, False)
    assert found(way(sources({"WAMON_PRIVATE_LISTEN": "0.0.0.0:1234"}), None)) == ("http://127.0.0.1:1234", False, True)


def test_health_is_asked_of_the_own_daemon_alone() -> None:
    assert own_way(sources({"WAMON_API_URL": "https://wamon.example.org"})).base == "http://127.0.0.1:9877"


def test_password_is_a_secret_of_the_settings_and_half_a_pair_stops_the_start() -> None:
    account = {"WAMON_WABA_ID": "102290129340398", "WAMON_ACCESS_TOKEN": "EAAx"}

    settings = load_settings(None, {**account, **ANNA}, default_paths=())

    assert "p:w" in settings.secrets()
    assert "p:w" not in f"{settings!r} {settings.shown!r}"
    with pytest.raises(ConfigurationError, match=r"api_cert_file \(WAMON_API_CERT_FILE\): is set without api_key_file"):
        load_settings(None, {**account, "WAMON_API_CERT_FILE": "a.pem"}, default_paths=())
