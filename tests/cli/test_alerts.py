"""`wamon alerts`: what people and programs see, and what the daemon is told."""

import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import click
import pytest
from click.testing import CliRunner

from tests.cli.daemon import Beside, daemon
from tests.cli.running import wamon
from tests.core.telling import number
from tests.operators import Floor
from wamon import cli
from wamon.cli.asking import duration, whoami
from wamon.core.timing import SystemClock

TOKEN = "0123456789abcdef"
COMMANDS = ("list", "show", "silence", "unsilence", "silences", "ack", "close", "test-receiver")


@pytest.fixture
def beside() -> Iterator[Beside]:
    """Two numbers have gone bad, and people know."""
    floor = Floor()
    floor.see("YELLOW", number(0), number(1))
    floor.passes(timedelta(minutes=1))
    with daemon(floor) as it:
        yield it


def first_id(beside: Beside) -> str:
    return beside.floor.operations.alerts()[0].id


# --- what is shown ----------------------------------------------------------------------------------------------------


def test_list_is_a_table(beside: Beside) -> None:
    beside.run("alerts", "ack", first_id(beside), "--author", "Kim")

    result = beside.run("alerts", "list")

    assert result.exit_code == 0
    header, _, first, second = result.stdout.splitlines()
    assert header.split() == ["id", "group", "severity", "alert", "about", "what", "since", "remarks"]
    assert first.split()[:4] == [first_id(beside), "1", "warning", "BadWarning"]
    assert "is YELLOW" in first
    assert first.endswith("2026-11-22 10:00:00 UTC   acknowledged by Kim")
    assert "acknowledged" not in second


def test_list_for_programs(beside: Beside) -> None:
    result = beside.run("alerts", "list", "--json")

    assert [alert["alertname"] for alert in json.loads(result.stdout)["alerts"]] == ["BadWarning", "BadWarning"]


def test_quiet_day() -> None:
    with daemon(Floor()) as beside:
        assert beside.run("alerts", "list").stdout == "No alert is open.\n"
        assert beside.run("alerts", "list", "--all").stdout == "There has been no alert.\n"
        assert beside.run("alerts", "silences").stdout == "Nothing is silenced.\n"


def test_list_of_all_has_what_ended(beside: Beside) -> None:
    for _ in range(2):
        beside.floor.see("GREEN", number(0), number(1), after=60)

    result = beside.run("alerts", "list", "--all")

    assert result.stdout.count("inactive") == 2


def test_one_alert_with_everything_known_of_it(beside: Beside) -> None:
    target = first_id(beside)
    beside.run("alerts", "ack", target, "--author", "Kim")

    result = beside.run("alerts", "show", target[:6])

    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[0] == "WARNING BadWarning"
    assert f"id {target}" in lines
    assert "state firing" in lines
    assert "last confirmed 2026-11-22 10:00:00 UTC" in lines
    assert "acknowledged by Kim until 2026-11-23 10:01:00 UTC" in lines
    assert any(line.startswith("labels alertname=BadWarning family=Bad phone_number_id=") for line in lines)
    assert "2026-11-22 10:00:00 UTC open warning" in lines
    assert "2026-11-22 10:01:00 UTC acknowledged warning Kim" in lines


# --- what is done -----------------------------------------------------------------------------------------------------


def test_silence_is_previewed_set_listed_and_ended(beside: Beside) -> None:
    wanted = ("alerts", "silence", "--match", "waba_id=100", "--match", "phone_number_id=~20[01]")

    preview = beside.run(*wanted, "--preview")
    made = beside.run(*wanted, "--for", "1h30m", "--reason", "move", "--author", "Kim")
    (silence,) = beside.floor.operations.silences()
    listed = beside.run("alerts", "silences")
    ended = beside.run("alerts", "unsilence", silence.id, "--author", "Ada")

    first, empty, *table = preview.stdout.splitlines()
    assert first == (
        "Nothing was changed. The silence would hide 2 open alerts, and those that open later and match, "
        "until the end that --for gives:"
    )
    assert (empty, preview.stdout.count("BadWarning"), len(table)) == ("", 2, 4)
    assert made.stdout == f"silenced until 2026-11-22 11:31 UTC: 2 open alerts are quiet now (silence {silence.id})\n"
    assert listed.stdout.splitlines()[2].split() == [
        silence.id,
        *("2026-11-22", "11:31:00", "UTC"),
        *("waba_id=100", "phone_number_id=~20[01]"),
        *("2", "Kim", "move"),
    ]
    assert ended.stdout == "the silence has ended\n"
    assert beside.floor.operations.silences() == ()


def test_preview_of_a_silence_that_hides_nothing(beside: Beside) -> None:
    result = beside.run("alerts", "silence", "--match", "waba_id=999", "--preview")

    assert result.stdout == (
        "Nothing was changed. No alert that is open now matches; `wamon alerts show ID` lists its labels.\n"
        "The silence would hide those that open later and match, until the end that --for gives.\n"
    )


def test_preview_tells_when_the_silence_would_end(beside: Beside) -> None:
    """The command asks the machine's clock: it knows no other."""
    earliest = SystemClock().now() + timedelta(hours=4)

    result = beside.run("alerts", "silence", "--match", "waba_id=100", "--for", "4h", "--preview")

    latest = SystemClock().now() + timedelta(hours=4)
    until = result.stdout.splitlines()[0].partition(" until ")[2]
    assert until in {f"{moment:%Y-%m-%d %H:%M} UTC:" for moment in (earliest, latest)}
    assert beside.floor.operations.silences() == ()


@pytest.mark.parametrize("target", ["999", "abcdef12"])
def test_what_cannot_be_acknowledged_says_where_to_look(beside: Beside, target: str) -> None:
    result = beside.run("alerts", "ack", target)

    assert result.exit_code == 1
    assert "`wamon alerts list` shows " in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--for", "4h"], "--reason TEXT is missing"),
        (["--reason", "x"], "--for DURATION is missing"),
        (["--for", "soon", "--reason", "x"], "'soon' is no duration: write it like 90s, 30m, 4h, 2d or 1h30m"),
    ],
)
def test_silence_without_end_or_reason_is_a_usage_error(beside: Beside, arguments: list[str], words: str) -> None:
    result = beside.run("alerts", "silence", "--match", "waba_id=100", *arguments)

    assert result.exit_code == 2
    assert words in result.stderr


def test_alert_is_closed_for_a_reason_and_json_says_the_same(beside: Beside) -> None:
    target = first_id(beside)

    result = beside.run("alerts", "close", target, "--reason", "given up", "--json")

    assert json.loads(result.stdout)["alerts"] == [target]
    assert len(beside.floor.operations.alerts()) == 1


def test_who_it_was_is_known_by_login(beside: Beside) -> None:
    beside.run("alerts", "ack", first_id(beside))

    (overlay,) = beside.floor.operations.alerts()[0].overlays
    assert overlay.by == whoami()
    assert overlay.by.endswith(f"@{socket.gethostname()}")


def test_receiver_with_a_channel_is_tried() -> None:
    with daemon(Floor(receivers=("slack_bot:#other",))) as beside:
        result = beside.run("alerts", "test-receiver", "slack_bot:#other")

    assert result.stdout == "a test message is on its way to slack_bot:#other\n"


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_unknown_id_is_exit_code_1_with_the_nearest(beside: Beside) -> None:
    target = first_id(beside)

    result = beside.run("alerts", "show", f"{target[:-1]}x")

    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: there is no alert '{target[:-1]}x': did you mean ")
    assert target in result.stderr


def test_daemon_that_cannot_store_is_exit_code_2(beside: Beside) -> None:
    beside.floor.refuses = True

    result = beside.run("alerts", "ack", first_id(beside))

    assert result.exit_code == 2
    assert result.stderr == ("Error: the store did not take it: try again; `/-/ready` tells what is wrong\n")


def test_no_daemon_says_where_it_was_looked_for() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    result = CliRunner().invoke(cli.main, ["alerts", "list"], env={"WAMON_PRIVATE_LISTEN": f"127.0.0.1:{port}"})

    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: no answer from http://127.0.0.1:{port}: Connection refused: "
        "is `wamon run` running there? --url asks another one\n"
    )


def test_something_else_that_listens_is_not_taken_for_wamon() -> None:
    with HTTPServer(("127.0.0.1", 0), type("Other", (BaseHTTPRequestHandler,), {"log_message": lambda *_: None})) as it:
        thread = Thread(target=it.handle_request)
        thread.start()
        result = CliRunner().invoke(cli.main, ["alerts", "list", "--url", f"http://127.0.0.1:{it.server_port}"])
        thread.join()

    assert result.exit_code == 2
    assert "answered 501, and not as wamon does: is it the private listener?" in result.stderr


@pytest.mark.parametrize("url", ["127.0.0.1:9877", "ftp://x", "http://user:secret@x", "http://x?y"])
def test_url_that_is_none(url: str) -> None:
    result = CliRunner().invoke(cli.main, ["alerts", "list", "--url", url])

    assert result.exit_code == 2
    assert result.stderr.startswith("Error: --url ")
    assert "secret" not in result.stderr


def test_listener_that_is_configured_wrongly() -> None:
    result = CliRunner().invoke(cli.main, ["alerts", "list"], env={"WAMON_PRIVATE_LISTEN": "9877"})

    assert result.exit_code == 2
    assert result.stderr.startswith("Error: private_listen (WAMON_PRIVATE_LISTEN): must be host:port")


# --- the bearer token -------------------------------------------------------------------------------------------------


@pytest.fixture
def guarded() -> Iterator[Beside]:
    with daemon(Floor(), bearer_token=TOKEN) as it:
        yield it


def test_token_of_the_configuration_is_sent(guarded: Beside, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n", encoding="utf-8")
    (tmp_path / "wamon.toml").write_text('private_bearer_token_file = "token"\n', encoding="utf-8")

    by_variable = guarded.run("alerts", "list", WAMON_PRIVATE_BEARER_TOKEN=TOKEN)
    by_file = guarded.run("alerts", "list", WAMON_PRIVATE_BEARER_TOKEN_FILE=str(tmp_path / "token"))
    by_toml = guarded.run("alerts", "list", "--config", str(tmp_path / "wamon.toml"))

    assert [result.exit_code for result in (by_variable, by_file, by_toml)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("", "asks who you are, and nothing is configured here: set WAMON_PRIVATE_BEARER_TOKEN"),
        ("another-token-here", "asks who you are, and refuses what is configured here: set WAMON_PRIVATE_BEARER"),
        ("short", "private_bearer_token: must be at least 16 characters"),
    ],
)
def test_wrong_token_is_exit_code_2_and_not_repeated(guarded: Beside, token: str, words: str) -> None:
    environment = {"WAMON_PRIVATE_BEARER_TOKEN": token} if token else {}

    result = guarded.run("alerts", "list", **environment)

    assert result.exit_code == 2
    assert words in result.stderr
    assert "another-token-here" not in result.output


def test_token_file_that_is_not_there(guarded: Beside, tmp_path: Path) -> None:
    result = guarded.run("alerts", "list", WAMON_PRIVATE_BEARER_TOKEN_FILE=str(tmp_path / "absent"))

    assert result.exit_code == 2
    assert "its file cannot be read (No such file or directory)" in result.stderr


# --- the rest ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("30min", 1800), ("4h", 14400), ("2d", 172800), ("1h 30m", 5400)]
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "4", "h", "-4h", "4 hours", f"{'9' * 30}d"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(click.BadParameter):
        duration(text)


@pytest.mark.parametrize("arguments", [["alerts"], *(["alerts", name] for name in COMMANDS), ["drill"]])
def test_every_command_has_help_with_an_example(arguments: list[str]) -> None:
    result = CliRunner().invoke(cli.main, [*arguments, "--help"])

    assert result.exit_code == 0
    assert f"Example:\n    wamon {arguments[0]}" in result.output


def test_they_import_nothing_heavy(tmp_path: Path) -> None:
    result = wamon("alerts", "list", folder=tmp_path, WAMON_PRIVATE_LISTEN="127.0.0.1:9", PYTHONPROFILEIMPORTTIME="1")

    imported = {
        line.rpartition("|")[2].strip() for line in result.stderr.splitlines() if line.startswith("import time")
    }
    assert result.returncode == 2
    assert imported & {"asyncio", "httpx", "pydantic", "starlette", "structlog", "wamon.rules"} == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "ID"],
        ["silence", "--match", "waba_id=100", "--preview"],
        ["silence", "--match", "waba_id=100", "--for", "1h", "--reason", "move"],
        ["silences"],
        ["ack", "ID"],
        ["test-receiver", "slack"],
    ],
)
def test_everything_is_json_for_programs(beside: Beside, arguments: list[str]) -> None:
    target = first_id(beside)

    result = beside.run("alerts", *(target if each == "ID" else each for each in arguments), "--json")

    assert result.exit_code == 0
    assert isinstance(json.loads(result.stdout), dict)


def test_list_remarks_on_what_is_not_plain(beside: Beside) -> None:
    beside.run("drill", "BadCritical", "--for", "5m")
    beside.floor.see("GREEN", number(0), after=60)
    beside.floor.see(None, number(1))

    lines = [line.rstrip() for line in beside.run("alerts", "list").stdout.splitlines()[2:]]

    assert sorted(line.partition(" UTC")[2].strip() for line in lines) == [
        "cannot be confirmed now",
        "recovering",
        "rehearsal",
    ]


def test_container_user_without_a_name_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 7")

    monkeypatch.setattr("getpass.getuser", nameless)

    assert whoami().startswith("uid ")
