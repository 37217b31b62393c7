"""`wamon config`: check, show, init."""

import json
import stat
import subprocess
from pathlib import Path

import bcrypt
import pytest
from click.testing import CliRunner, Result

from tests.cli.running import wamon
from wamon.cli import main
from wamon.web.web_config import read_web_config

ONE = {"WAMON_WABA_ID": "1029", "WAMON_ACCESS_TOKEN": "EAAcanary"}


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, ["config", *arguments], env=environment)


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_empty_environment(tmp_path: Path) -> None:
    result = wamon("config", "check", folder=tmp_path)

    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr == (
        "Error:\n"
        "  waba_id: is missing: set WAMON_WABA_ID, or write a wamon.toml with `wamon config init`\n"
        "  access_token: is missing: set WAMON_ACCESS_TOKEN or WAMON_ACCESS_TOKEN_FILE\n"
    )


def test_check_tells_what_was_understood_and_what_it_costs() -> None:
    result = run(
        "check", **ONE, WAMON_APP_ID="61", WAMON_APP_SECRET="s3cret", WAMON_SLACK_WEBHOOK_URL="https://a.example/canary"
    )

    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "default 1029 default default all 64 32.0% 1.3%" in lines
    assert "token default 1 WABA, app 61, inspected by its app" in lines
    assert "app default 61, its webhook fields are watched" in lines
    assert "receivers Slack incoming webhook" in lines
    assert "polling accounts every 60 s, tokens, apps and templates every 900 s" in lines
    assert lines[-1] == "OK"
    assert "canary" not in result.output


def test_check_as_json() -> None:
    result = run("check", "--json", **ONE, WAMON_POLL_INTERVAL="300", WAMON_GRAPH_VERSION="v24.0")

    understood = json.loads(result.stdout)
    assert understood["accounts"] == [
        {
            "name": "default",
            "waba_id": "1029",
            "token": "default",
            "app": None,
            "phone_number_ids": [],
            "calls_per_hour": 16.0,
            "share_of_small_quota": 0.08,
            "share_of_large_quota": 0.0032,
        }
    ]
    assert understood["graph_version"] == "v24.0"
    assert understood["warnings"] == [
        "no receiver: alerts are only logged; set WAMON_SLACK_WEBHOOK_URL, or a bot token and a channel"
    ]


def test_check_tells_where_webhooks_are_received() -> None:
    app = {"WAMON_APP_ID": "61", "WAMON_APP_SECRET": "s3cret", "WAMON_VERIFY_TOKEN": "canary"}

    with_token, without = run("check", **ONE, **app), run("check", **ONE)

    assert "webhooks at 0.0.0.0:8080: /webhook, /webhook/default" in " ".join(with_token.stdout.split())
    assert "webhooks not received: set a verify_token" in " ".join(without.stdout.split())
    assert "canary" not in with_token.output


def test_check_of_a_file_with_changed_rules(tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    path.write_text(
        'waba_id = "1029"\naccess_token = "EAAx"\n[rules.WhatsAppTokenExpiring]\nenabled = false\n', encoding="utf-8"
    )

    result = run("check", "--config", str(path))

    assert result.exit_code == 0
    assert ", changed: WhatsAppTokenExpiring" in result.stdout
    assert str(path) in result.stdout


def test_one_fault_is_one_line() -> None:
    result = run("check", **ONE, WAMON_POLL_INTERVAL="soon")

    assert result.exit_code == 2
    assert result.stderr == (
        "Error: poll_interval (WAMON_POLL_INTERVAL): must be a number of seconds, like 60, without a unit\n"
    )


def test_show_hides_secrets_and_tells_sources() -> None:
    result = run("show", **ONE)

    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "waba_id WAMON_WABA_ID 1029" in lines
    assert "access_token WAMON_ACCESS_TOKEN (set, not shown)" in lines
    assert "poll_interval default 60" in lines
    assert "canary" not in result.output


def test_show_as_json() -> None:
    result = run("show", "--json", **ONE)

    assert {"key": "waba_id", "value": "1029", "source": "WAMON_WABA_ID"} in json.loads(result.stdout)
    assert "canary" not in result.output


def test_init_writes_a_private_file_once(tmp_path: Path) -> None:
    first = run("init", "--output", "wamon.toml")
    written = (tmp_path / "wamon.toml").read_text(encoding="utf-8")
    second = run("init", "--output", "wamon.toml")

    assert first.exit_code == 0
    assert stat.S_IMODE((tmp_path / "wamon.toml").stat().st_mode) == 0o600
    assert second.exit_code == 2
    assert second.stderr == "Error: wamon.toml exists: choose another name, or remove it first\n"
    assert (tmp_path / "wamon.toml").read_text(encoding="utf-8") == written


def test_init_without_output_writes_to_standard_output() -> None:
    result = run("init")

    assert result.exit_code == 0
    assert 'waba_id = "<WABA id>"' in result.stdout


def test_init_where_nothing_can_be_written() -> None:
    result = run("init", "--output", "absent/wamon.toml")

    assert result.exit_code == 2
    assert result.stderr == (
        "Error: absent/wamon.toml cannot be written (No such file or directory): choose another place\n"
    )


def test_written_file_is_found_and_what_it_still_lacks_is_named() -> None:
    run("init", "--output", "wamon.toml")

    result = run("check")

    assert result.exit_code == 2
    assert result.stderr == (
        "Error:\n"
        "  access_token (wamon.toml:12): its file cannot be read (No such file or directory): "
        "check the path and who may read it\n"
        "  waba_id (wamon.toml:7): is still the placeholder: put the real value there\n"
    )


def test_newcomer_who_follows_the_written_comments_has_a_good_configuration(tmp_path: Path) -> None:
    told = run("init", "--output", "wamon.toml")
    written = (tmp_path / "wamon.toml").read_text(encoding="utf-8")
    (command,) = (line for line in written.splitlines() if "umask 077" in line)
    (tmp_path / "wamon.toml").write_text(written.replace("<WABA id>", "102290129340398"), encoding="utf-8")

    typed = command.removeprefix("#").partition("     ")[0].strip()
    subprocess.run(["/bin/sh", "-c", typed], input="EAAcanary\n", text=True, check=True, cwd=tmp_path)
    result = run("check", "--config", "wamon.toml")

    assert told.stdout == (
        "wamon.toml is written: fill in waba_id, put the access token into access-token.txt beside it, then run: "
        "wamon config check --config wamon.toml\n"
    )
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "OK")
    assert stat.S_IMODE((tmp_path / "access-token.txt").stat().st_mode) == 0o600
    assert "canary" not in result.output


def test_check_tells_the_routes_and_who_alerts(tmp_path: Path) -> None:
    (tmp_path / "wamon.toml").write_text(
        'waba_id = "1"\naccess_token = "EAAx"\nslack_bot_token = "xoxb-1"\nslack_channel = "#all"\n'
        '[[routes]]\nchannel = "#oncall"\nmin_severity = "critical"\naccounts = ["default"]\n'
        '[rules.WhatsAppTokenInvalid]\nmode = "prometheus"\n',
        encoding="utf-8",
    )

    result = CliRunner().invoke(main, ["config", "check", "--config", str(tmp_path / "wamon.toml")])

    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    assert "route from critical on of default: slack_bot:#oncall" in lines
    assert "alerts prometheus WhatsAppTokenInvalid" in lines


def test_hashed_password_is_a_line_for_the_web_configuration_file(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["config", "hash-password", "anna"], input="correct horse\n")

    file = tmp_path / "web.yml"
    file.write_text(f"basic_auth_users:\n{result.output}", encoding="utf-8")
    hashed = read_web_config(file).users["anna"]
    assert bcrypt.checkpw(b"correct horse", hashed.encode())
    assert "horse" not in result.output


@pytest.mark.parametrize(("name", "password"), [("anna", ""), ("anna", "x" * 73), ("a:b", "secret"), ("", "secret")])
def test_password_or_name_that_no_file_can_hold_is_refused(name: str, password: str) -> None:
    result = CliRunner().invoke(main, ["config", "hash-password", name], input=f"{password}\n")

    assert result.exit_code != 0
    assert "must have" in result.output
