"""`wamon replay` on files, as a user would run it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.test_replay import START, body, status
from wamon.cli import main


def wamon(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, arguments, input=stdin)


def recorded(folder: Path) -> Path:
    file = folder / "captured.jsonl"
    lines = [body(status("one", "failed", START, code=131042)), body(status("two", "sent", START))]
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return file


def test_tells_what_was_counted_and_who_would_have_been_told(tmp_path: Path) -> None:
    done = wamon("replay", str(recorded(tmp_path)))

    assert done.exit_code == 0
    assert "131042   1        Payment problem" in done.output
    assert "WhatsAppPaymentBlocked" in done.output
    assert "106540352242922" in done.output


def test_json_holds_the_same(tmp_path: Path) -> None:
    found = json.loads(wamon("replay", "--json", str(recorded(tmp_path))).output)

    assert found["requests"] == 2
    assert found["failures"] == [{"code": "131042", "count": 1, "title": "Payment problem"}]
    assert [alert["alert"] for alert in found["alerts"]] == ["WhatsAppPaymentBlocked"]
    assert found["numbers"][0]["sent"] == 1


def test_quiet_recording_says_so(tmp_path: Path) -> None:
    file = tmp_path / "quiet.json"
    file.write_text(json.dumps(body(status("one", "delivered", START))), encoding="utf-8")

    assert "Nobody would have been told anything." in wamon("replay", str(file)).output


def test_configuration_decides_who_is_watched_and_how_alerts_behave(tmp_path: Path) -> None:
    config = tmp_path / "wamon.toml"
    config.write_text(
        'waba_id = "102290129340398"\naccess_token = "EAAsecret"\n[rules.WhatsAppPaymentBlocked]\nenabled = false\n',
        encoding="utf-8",
    )

    done = wamon("replay", "--config", str(config), str(recorded(tmp_path)))

    assert done.exit_code == 0
    assert "Nobody would have been told anything." in done.output


def test_missing_file_is_a_clean_error(tmp_path: Path) -> None:
    done = wamon("replay", str(tmp_path / "nothing.jsonl"))

    assert done.exit_code == 2
    assert "nothing.jsonl" in done.output


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_file_without_a_webhook_is_an_error(tmp_path: Path, options: tuple[str, ...]) -> None:
    file = tmp_path / "picture.jsonl"
    file.write_bytes(bytes(range(256)) * 4)

    done = wamon("replay", *options, str(file))

    assert done.exit_code == 2
    assert "nothing in it could be read as a webhook" in done.stderr


def test_json_of_a_file_without_a_webhook_is_json_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "empty.json"
    file.write_text("{}", encoding="utf-8")

    assert json.loads(wamon("replay", "--json", str(file)).stdout)["receiver"] == {"not readable": 1}


def test_dash_is_standard_input(tmp_path: Path) -> None:
    file = recorded(tmp_path)

    done = wamon("replay", "--json", "-", stdin=file.read_bytes())

    assert done.exit_code == 0
    assert done.output == wamon("replay", "--json", str(file)).output


def test_bad_receipt_on_standard_input_is_named_by_its_line() -> None:
    done = wamon("replay", "-", stdin=b'\n{"received_at": true, "body": {}}\n{}\n')

    assert done.exit_code == 2
    assert "standard input:2: received_at True is no moment" in done.stderr


def test_file_whose_name_is_a_dash_is_given_with_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recorded(tmp_path).rename("-")

    found = json.loads(wamon("replay", "--json", "./-", stdin=b"").stdout)

    assert found["requests"] == 2


def test_empty_standard_input_is_a_clean_error() -> None:
    done = wamon("replay", "-", stdin=b"")

    assert done.exit_code == 2
    assert "nothing to replay" in done.stderr


def test_empty_file_is_a_clean_error(tmp_path: Path) -> None:
    file = tmp_path / "empty.jsonl"
    file.touch()

    done = wamon("replay", str(file))

    assert done.exit_code == 2
    assert "nothing to replay" in done.output


def test_closed_standard_input_is_a_clean_error() -> None:
    closed = "import sys; sys.stdin = None; from wamon.cli import main; main()"

    done = subprocess.run([sys.executable, "-c", closed, "replay", "-"], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr == "Error: standard input: cannot be read: it is closed\n"
