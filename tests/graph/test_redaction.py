"""No secret reaches a message, a log line, a repr or an answer."""

import asyncio
import logging
import traceback

import httpx
import pytest

from tests.graph.rig import APP_ID, APP_SECRET, TOKEN, WABA, WABA_ID, CannedRig, Rig, SimRig, error, ok
from wamon.core.errors import GraphFault
from wamon.core.ports import GraphQuery
from wamon.graph.credentials import Credentials, Secret
from wamon.graph.redaction import HIDDEN, Redactor

UNKNOWN_TOKEN = "EAA" + "Zz9" * 10


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nothing to hide in WABA 1029", "nothing to hide in WABA 1029"),
        ("token sesame1 refused", f"token {HIDDEN} refused"),
        ("634|open-sesame", HIDDEN),
        ("input=634%7Copen-sesame&x=1", f"input={HIDDEN}&x=1"),
        ("GET /debug_token?input_token=abc&fields=id", f"GET /debug_token?input_token={HIDDEN}&fields=id"),
        ('"next": "https://g/x?access_token=abc&after=QQ"', f'"next": "https://g/x?access_token={HIDDEN}&after=QQ"'),
        ('{"access_token": "abc", "x": 1}', f'{{"access_token": "{HIDDEN}", "x": 1}}'),
        ("{'client_secret': 'abc'}", f"{{'client_secret': '{HIDDEN}'}}"),
        ("access_token%3Dabc%26after", f"access_token%3D{HIDDEN}"),
        ("Authorization: Bearer abcdefgh12345", f"Authorization: Bearer {HIDDEN}"),
        (f"somebody's {UNKNOWN_TOKEN}.", f"somebody's {HIDDEN}."),
        ("12345678|0123456789abcdef", HIDDEN),
        ("appsecret_proof=00ff", f"appsecret_proof={HIDDEN}"),
    ],
)
def test_secret_is_hidden_wherever_it_stands(text: str, expected: str) -> None:
    assert Redactor(["sesame1", "open-sesame", "634|open-sesame"])(text) == expected


def test_secret_that_is_part_of_another_does_not_show_the_rest() -> None:
    assert Redactor(["abcd", "abcdefgh"])("abcdefgh abcd") == f"{HIDDEN} {HIDDEN}"


def test_empty_and_tiny_secrets_are_not_looked_for() -> None:
    assert Redactor(["", "a", "404"])("a 404 at last") == "a 404 at last"


def test_redactor_and_credentials_do_not_show_what_they_know() -> None:
    credentials = Credentials.of({"main": TOKEN}, app_secrets={APP_ID: APP_SECRET}, app_ids={"main": APP_ID})

    shown = " ".join(map(repr, (credentials, Redactor([TOKEN]), Secret(TOKEN)))) + f"{Secret(TOKEN)} {credentials}"

    assert TOKEN not in shown
    assert APP_SECRET not in shown


def test_credentials_name_every_secret_and_what_is_made_of_them() -> None:
    credentials = Credentials.of({"main": TOKEN}, app_secrets={APP_ID: APP_SECRET}, app_ids={"main": APP_ID})

    proof = credentials.appsecret_proof("main")

    assert set(credentials.secrets()) == {TOKEN, APP_SECRET, f"{APP_ID}|{APP_SECRET}", proof}


def test_proof_is_only_made_for_a_token_whose_app_and_secret_are_known() -> None:
    no_secret = Credentials.of({"main": TOKEN}, app_ids={"main": APP_ID})
    no_app = Credentials.of({"main": TOKEN}, app_secrets={APP_ID: APP_SECRET})

    assert no_secret.appsecret_proof("main") is None
    assert no_app.appsecret_proof("main") is None


@pytest.mark.parametrize(
    "answer",
    [
        error(100, message=f"bad access_token={TOKEN} and {APP_ID}|{APP_SECRET}"),
        error(100, error_data={"details": f"https://g/x?access_token={UNKNOWN_TOKEN}"}),
        error(190, 401, message=f"Malformed access token {TOKEN}"),
        httpx.Response(302, headers={"Location": f"https://elsewhere/?access_token={TOKEN}"}),
        httpx.Response(200, text=f"<html>{TOKEN}</html>"),
        httpx.ConnectError(f"cannot reach https://g/?access_token={TOKEN}"),
        httpx.RemoteProtocolError(f"bad line {TOKEN}"),
    ],
)
def test_fault_never_repeats_a_secret(answer: httpx.Response | Exception) -> None:
    fault = CannedRig(answer).fault()

    for secret in (TOKEN, APP_SECRET, UNKNOWN_TOKEN):
        assert secret not in str(fault)
        assert secret not in repr(fault)


def test_redactor_cleans_the_traceback_of_a_fault_whose_cause_shows_a_secret() -> None:
    rig = CannedRig(httpx.ConnectError(f"https://g/?access_token={TOKEN}"))

    text = "".join(traceback.format_exception(rig.fault()))

    assert TOKEN in text
    assert TOKEN not in Redactor([TOKEN])(text)


def test_links_with_the_token_do_not_leave_the_client() -> None:
    rig = SimRig()
    token = rig.world.token("system-user").value

    answer = rig.fetch()

    assert len(rig.world.calls) == 2
    assert token not in repr(answer)


def test_no_log_line_at_any_level_shows_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    inspect = GraphQuery(path="debug_token", as_app=APP_ID, inspect_token="main")
    rig = CannedRig(ok({"data": {}}), error(2, 500, message=TOKEN), error(100, message=f"access_token={TOKEN}"))

    async def ask() -> None:
        await rig.client.fetch(inspect, is_essential=True)
        with pytest.raises(GraphFault):
            await rig.client.fetch(WABA, is_essential=True)

    asyncio.run(ask(), debug=True)

    assert caplog.records
    for secret in (TOKEN, APP_SECRET):
        assert secret not in caplog.text
        assert all(secret not in repr(record.__dict__) for record in caplog.records)


def test_environment_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    credentials = Credentials.of({"main": TOKEN})

    client = Rig(None, CannedRig(ok()).clock, credentials).client

    assert client._http._client._mounts == {}
    assert WABA_ID not in repr(client)
