"""The systemd unit: accepted by systemd itself, in step with the code, and with few rights."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.docs.test_links import VARIABLES
from tests.tools import require_tool
from wamon.cli import COMMANDS
from wamon.config.schema import Keys
from wamon.config.sources import DEFAULT_PATHS, FILE_SUFFIX, SECRET_KEYS, variable

ROOT: Final = Path(__file__).parents[2]
TEXT: Final = (ROOT / "deploy" / "systemd" / "wamon.service").read_text(encoding="utf-8")
# What a line would set when its # is taken away.
EVERYTHING: Final = re.sub(r"^#(?=\w+=)", "", TEXT, flags=re.MULTILINE)


def values(name: str, text: str = TEXT) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)


def value(name: str) -> str:
    (found,) = values(name)
    return found


def environment(text: str) -> dict[str, str]:
    words = [word for line in values("Environment", text) for word in line.split()]
    return {name: at for name, _, at in (word.partition("=") for word in words)}


@pytest.mark.parametrize("text", [TEXT, EVERYTHING], ids=["as shipped", "with every secret"])
def test_systemd_accepts_the_unit(tmp_path: Path, text: str) -> None:
    analyze = require_tool("systemd-analyze")
    # The program must exist where this is checked.
    unit = tmp_path / "wamon.service"
    unit.write_text(text.replace("/opt/wamon/bin/wamon", sys.executable), encoding="utf-8")

    done = subprocess.run([analyze, "verify", str(unit)], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_planted_misspelling_is_told(tmp_path: Path) -> None:
    analyze = require_tool("systemd-analyze")
    unit = tmp_path / "wamon.service"
    unit.write_text(
        TEXT.replace("/opt/wamon/bin/wamon", sys.executable).replace("PrivateTmp=", "PrivateTemp="), encoding="utf-8"
    )

    done = subprocess.run([analyze, "verify", str(unit)], capture_output=True, text=True, check=False)

    assert "PrivateTemp" in done.stderr


def test_systemd_finds_little_to_attack(tmp_path: Path) -> None:
    analyze = require_tool("systemd-analyze")
    unit = tmp_path / "wamon.service"
    unit.write_text(TEXT, encoding="utf-8")

    # Of 100. It was 14 with systemd 252; others weigh a little differently.
    command = [analyze, "security", "--offline=true", "--threshold=20", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_it_waits_for_the_words_that_wamon_sends() -> None:
    speaker = (ROOT / "wamon" / "supervision.py").read_text(encoding="utf-8")

    assert value("Type") == "notify"
    assert "READY=1" in speaker
    assert value("WatchdogSec") == "2min"
    assert "WATCHDOG=1" in speaker
    assert value("NotifyAccess") == "main"


def test_reload_is_the_signal_that_wamon_hears() -> None:
    assert value("ExecReload") == "kill -HUP $MAINPID"
    assert "SIGHUP" in (ROOT / "wamon" / "cli" / "run.py").read_text(encoding="utf-8")


def test_it_runs_a_command_that_exists() -> None:
    program, command = value("ExecStart").split()

    assert program == "/opt/wamon/bin/wamon"
    assert command in COMMANDS


def test_database_is_in_the_state_directory() -> None:
    state = value("StateDirectory")

    assert environment(TEXT)["WAMON_DATABASE"] == f"%S/{state}/wamon.db"
    # SQLite's temporary files.
    assert value("WorkingDirectory") == f"%S/{state}"


def test_settings_are_read_where_wamon_looks_for_them() -> None:
    assert Path("/etc/wamon/wamon.toml") in DEFAULT_PATHS
    assert value("EnvironmentFile") == "-/etc/wamon/wamon.env"
    assert {name for name in environment(EVERYTHING) if name.startswith("WAMON_")} - VARIABLES == set()
    # The port of the runbooks.
    assert f":{Keys.model_fields['private_listen'].default.port}/runbooks/" in value("Documentation")


def test_secrets_are_credentials_and_only_the_token_is_needed() -> None:
    def loaded(text: str) -> dict[str, str]:
        return dict(line.split(":") for line in values("LoadCredential", text))

    assert loaded(TEXT).keys() == {"access_token"}
    assert loaded(EVERYTHING) == {name: f"/etc/wamon/secrets/{name}" for name in loaded(EVERYTHING)}
    assert loaded(EVERYTHING).keys() <= SECRET_KEYS
    for text in (TEXT, EVERYTHING):
        files = {name: at for name, at in environment(text).items() if name.endswith(FILE_SUFFIX.upper())}
        assert files == {variable(f"{name}{FILE_SUFFIX}"): f"%d/{name}" for name in loaded(text)}
    assert environment(EVERYTHING).keys() & {variable(key) for key in SECRET_KEYS} == set()


def test_it_runs_as_nobody_in_particular_and_writes_to_its_state_alone() -> None:
    assert value("DynamicUser") == "yes"
    assert value("ProtectSystem") == "strict"
    assert not values("ReadWritePaths")
    assert value("CapabilityBoundingSet") == ""
    assert not values("AmbientCapabilities")
    assert value("NoNewPrivileges") == "yes"
    assert value("UMask") == "0077"


def test_it_starts_again_and_may_open_many_connections() -> None:
    assert value("Restart") == "on-failure"
    assert int(value("LimitNOFILE")) >= 16384


def test_memory_and_patience_are_the_same_wherever_wamon_runs() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]["wamon"]
    pod = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "deployment.yaml").read_text(encoding="utf-8"))
    spec = pod["spec"]["template"]["spec"]

    assert compose["mem_limit"] == "512m"
    assert spec["containers"][0]["resources"]["limits"]["memory"] == "512Mi"
    assert value("MemoryMax") == "512M"
    assert compose["stop_grace_period"] == f"{spec['terminationGracePeriodSeconds']}s" == value("TimeoutStopSec")
