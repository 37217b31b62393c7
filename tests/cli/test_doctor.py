"""`wamon doctor`: exit codes, what is printed and what is not; the simulated Meta answers on loopback."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.cli.running import wamon
from tests.configured import environment_for, logging_restored
from wamon.cli import main
from wamon.cli.doctor import collapsed
from wamon.core.timing import SystemClock
from wamon.doctor import Finding, Status
from wamon.sim.graph import graph_app
from wamon.sim.serve import serve
from wamon.sim.slack import SlackChannel, slack_app
from wamon.sim.world import World

# The command lives by the machine's clock, whose year no test knows: versions may have ended by then.
NO_CALENDAR = "[rules.WhatsAppApiVersionExpiring]\nenabled = false\n"


class Outside:
    """A small world and a Slack that answer on loopback, and a folder with a configuration for them."""

    def __init__(self, folder: Path) -> None:
        clock = SystemClock()
        self.folder = folder
        self.world = World.small(clock.now)
        self.world.version_ends = dict.fromkeys((f"v{number}.0" for number in range(16, 100)), None)
        self.channel = SlackChannel(now=clock.now)
        self.waba = next(iter(self.world.wabas.values()))
        self.number = self.world.number(self.waba.number_ids[0])
        self.token = self.world.token("system-user").value
        self.app_secret = next(iter(self.world.apps.values())).secret
        self.graph_url = ""
        self.slack_url = ""
        (folder / "wamon.toml").write_text(NO_CALENDAR, encoding="utf-8")

    def environment(self, **changes: str) -> dict[str, str]:
        webhook = f"{self.slack_url}{self.channel.webhook_path}"
        keys = {"graph_base_url": self.graph_url, "slack_webhook_url": webhook, **changes}
        return environment_for(self.world, self.folder, **keys)

    def doctor(self, *arguments: str, **changes: str) -> Result:
        with logging_restored():
            return CliRunner().invoke(main, ["doctor", *arguments], env=self.environment(**changes))


@contextmanager
def answering(outside: Outside) -> Iterator[None]:
    """Meta and Slack on a thread of their own: the command has an event loop to itself."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    over = asyncio.Event()

    async def answer() -> None:
        async with serve(graph_app(outside.world)) as graph_url, serve(slack_app(outside.channel)) as slack_url:
            outside.graph_url, outside.slack_url = graph_url, slack_url
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(answer(),), name="outside")
    thread.start()
    try:
        assert ready.wait(timeout=10)
        yield
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(timeout=10)
        loop.close()


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    monkeypatch.chdir(tmp_path)
    made = Outside(tmp_path)
    with answering(made):
        yield made


def test_help_has_an_example() -> None:
    result = CliRunner().invoke(main, ["doctor", "--help"])

    assert result.exit_code == 0
    assert "Example:\n    wamon doctor" in result.output


def test_all_well_is_exit_code_0_and_one_line_a_check(outside: Outside) -> None:
    result = outside.doctor()

    lines = result.stdout.splitlines()
    assert (result.exit_code, result.stderr) == (0, "")
    told = lines[: lines.index("")]
    assert all(line.startswith(("OK        ", "SKIPPED   ")) for line in told)
    assert "OK        Quality rating  3 checked" in lines
    assert "OK        Access token is valid  token default" in lines
    assert re.fullmatch(r"OK: [0-9]+ ok, [0-9]+ skipped", lines[-1])


def test_evidence_of_what_is_well_is_shown_when_asked_for(outside: Outside) -> None:
    result = outside.doctor("--all")

    lines = result.stdout.splitlines()
    assert f"OK        Quality rating  {outside.number.display_phone_number} (Jasper's Market)" in lines
    assert lines.count("          rating: GREEN") == 3


def test_warning_is_exit_code_1_with_evidence_cause_and_numbered_fix(outside: Outside) -> None:
    outside.number.quality_rating = "YELLOW"

    result = outside.doctor()

    lines = result.stdout.splitlines()
    start = lines.index("WARNING   Quality rating  +1 555-078-3881 (Jasper's Market)")
    assert result.exit_code == 1
    assert lines[start + 1] == "          Found: Quality rating YELLOW"
    assert any(line.startswith("          Cause: Recipients block") for line in lines[start:])
    assert any(line.startswith("          1. Stop campaigns") for line in lines[start:])
    assert "OK        Quality rating  2 checked" in lines
    assert lines[-1].startswith("WARNING: ")
    assert "1 warning" in lines[-1]


def test_critical_is_exit_code_2(outside: Outside) -> None:
    outside.world.revoke_token("system-user")

    result = outside.doctor()

    assert result.exit_code == 2
    assert "CRITICAL  Access token is valid  token default" in result.stdout.splitlines()


def test_wrong_slack_bot_is_exit_code_2(outside: Outside) -> None:
    result = outside.doctor(slack_bot_token="xoxb-wrong", slack_channel="#x", slack_base_url=f"{outside.slack_url}/api")

    assert result.exit_code == 2
    assert "CRITICAL  Alerts would be taken  slack_bot" in result.stdout.splitlines()
    assert outside.channel.messages == []


def test_meta_that_answers_nonsense_is_exit_code_3(outside: Outside) -> None:
    outside.world.faults.add("html_200")

    result = outside.doctor()

    assert result.exit_code == 3
    assert "is not a JSON object" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("UNKNOWN: ")


def test_wrong_configuration_is_one_clean_message(outside: Outside) -> None:
    result = outside.doctor(access_token="")

    assert result.exit_code == 2
    assert "access_token: is missing" in result.stderr
    assert result.stdout == ""


def test_json_is_valid_and_holds_every_finding(outside: Outside) -> None:
    outside.number.quality_rating = "RED"

    result = outside.doctor("--json")

    told: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == 2
    assert set(told) == {"shape", "version", "at", "status", "versions", "findings", "routes", "configuration"}
    assert set(told["versions"]) == {"wamon", "python", "sqlite", "system", "machine"}
    assert told["status"] == "CRITICAL"
    # Nothing is collapsed for programs.
    assert len([finding for finding in told["findings"] if finding["check"] == "Quality rating"]) == 3
    (red,) = [finding for finding in told["findings"] if finding["status"] not in ("OK", "SKIPPED")]
    assert (red["check"], red["about"]) == ("Quality rating", "+1 555-078-3881 (Jasper's Market)")
    assert red["evidence"]["Found"] == "Quality rating RED"
    assert red["cause"]
    assert isinstance(red["fix"], list)


@pytest.mark.parametrize("arguments", [["--json"], ["--all"], []])
def test_secret_that_meta_sends_back_is_redacted(outside: Outside, arguments: list[str]) -> None:
    message = f"(#100) Bad request: access_token={outside.token}&appsecret={outside.app_secret}"
    outside.world.faults.add("error", code=100, http_status=400, message=message, path=outside.waba.id)
    outside.number.verified_name = outside.token

    result = outside.doctor(*arguments)

    assert "[redacted]" in result.output
    for secret in (outside.token, outside.app_secret, outside.channel.webhook_path):
        assert secret not in result.output


def test_name_or_word_that_holds_a_secret_is_redacted_too(outside: Outside) -> None:
    """Somebody pasted the token into the display name, which every headline has; a status nobody knows is evidence."""
    outside.number.verified_name = outside.token
    outside.number.status = outside.token

    as_text, as_json = outside.doctor(), outside.doctor("--json")

    assert "unknown status [redacted]" in as_text.stdout
    assert "unknown status [redacted]" in as_json.stdout
    assert outside.token not in as_text.output
    assert outside.token not in as_json.output


def test_output_of_the_real_process_has_no_escapes_when_piped(outside: Outside) -> None:
    result = wamon("doctor", folder=outside.folder, **outside.environment())

    assert (result.returncode, result.stderr) == (0, "")
    assert "\x1b" not in result.stdout
    assert result.stdout.startswith("OK        Meta answers the token probe")


# --- collapsing -------------------------------------------------------------------------------------------------------


def finding(check: str, about: str, status: Status = Status.OK) -> Finding:
    return Finding(check=check, about=about, status=status, evidence=(("seen", about),))


def test_what_is_well_is_one_line_a_check_and_the_rest_stays_as_it_is() -> None:
    bad = finding("a", "2", Status.CRITICAL)
    unknown = finding("c", "5", Status.UNKNOWN)

    shown = collapsed([finding("a", "1"), bad, finding("a", "3"), finding("b", "4"), unknown])

    assert [(each.check, each.about, each.status, len(each.evidence)) for each in shown] == [
        ("a", "2 checked", Status.OK, 0),
        ("a", "2", Status.CRITICAL, 1),
        ("b", "4", Status.OK, 0),
        ("c", "5", Status.UNKNOWN, 1),
    ]
    assert shown[1] is bad


def test_nothing_collapses_to_nothing() -> None:
    assert collapsed([]) == []
