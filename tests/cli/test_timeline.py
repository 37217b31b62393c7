"""`wamon timeline` and `wamon mark`: what people and programs see of the past, and what they add to it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from tests.cli.daemon import Beside, daemon
from tests.history import Past, opened
from tests.operators import Floor
from tests.store.samples import OTHER_NUMBER, change, changes, later, transition
from wamon.cli.mark import mark
from wamon.cli.timeline import timeline


class Command:
    """Runs a command beside a daemon with a past."""

    def __init__(self, past: Past, beside: Beside) -> None:
        self.past = past
        self._beside = beside

    def __call__(self, command: click.Command, *arguments: str) -> Result:
        environment = {"WAMON_PRIVATE_LISTEN": f"127.0.0.1:{self._beside.port}"}
        return CliRunner().invoke(command, arguments, env=environment)

    def mark(self, *arguments: str) -> Result:
        return self(mark, *arguments, "--author", "ci")


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Command]:
    """A rating went bad and an alert opened, one minute after the other; it is ten minutes past."""
    with opened(tmp_path) as past:
        past.commit(changes(transition(at=later(1)), history=(change("GREEN", "RED"),)))
        past.clock.advance(600)
        with daemon(Floor(), app=past.app()) as beside:
            yield Command(past, beside)


# --- the timeline -----------------------------------------------------------------------------------------------------


def test_timeline_is_a_table_newest_first(run: Command) -> None:
    run.mark("shop 4.2", "--link", "https://ci.example.com/7", "--tag", "eu", "--text", "first wave")

    result = run(timeline)

    assert result.exit_code == 0
    header, _, marked, opened_line, changed = (line.rstrip() for line in result.stdout.splitlines())
    assert header.split() == ["when", "about", "what", "known", "by"]
    assert "2026-11-22 10:10:00 UTC   -" in marked
    assert "deploy: shop 4.2 first wave https://ci.example.com/7 #eu" in marked
    assert marked.endswith("operator ci")
    assert "phone number 200   quality opened: Quality rating RED" in opened_line
    assert opened_line.endswith("wamon")
    assert "quality: GREEN -> RED" in changed
    assert changed.endswith("poll")


def test_timeline_for_programs(run: Command) -> None:
    result = run(timeline, "--json", "--kind", "change")

    answer = json.loads(result.stdout)
    assert [(each["before"], each["after"]) for each in answer["entries"]] == [("GREEN", "RED")]
    assert answer["next_cursor"] == ""


def test_timeline_of_a_subject_since_then(run: Command) -> None:
    run.past.commit(changes(history=(replace(change("GREEN", "YELLOW", at=later(5)), subject=OTHER_NUMBER),)))

    assert "YELLOW" in run(timeline, "--subject", "phone_number_id=201").stdout
    assert "RED" not in run(timeline, "--subject", "201").stdout
    assert "YELLOW" not in run(timeline, "--until", "2026-11-22T10:05Z").stdout
    assert run(timeline, "--since", "4m").stdout == "Nothing happened that is kept.\n"


def test_subject_of_which_nothing_is_kept_is_named(run: Command) -> None:
    run.mark("shop 4.2")

    result = run(timeline, "--subject", "phone_number_id=999")

    assert "shop 4.2" in result.stdout
    assert "Nothing about 'phone_number_id=999' is kept" in result.stderr
    assert run(timeline, "--subject", "phone_number_id=999", "--kind", "change").stdout == ""


def test_rehearsal_is_told_as_one(run: Command) -> None:
    run.past.commit(changes(transition(ordinal=2, at=later(2), is_rehearsal=True)))

    assert "(rehearsal) quality opened" in run(timeline).stdout


def test_long_timeline_is_read_page_by_page_up_to_the_limit(run: Command) -> None:
    run.past.commit(changes(history=tuple(change("x", f"r{n:03}", at=later(2 + n / 100)) for n in range(700))))

    whole, part = run(timeline, "--limit", "2000"), run(timeline, "--limit", "600")

    assert whole.stdout.count(" UTC ") == 702
    assert whole.stderr == ""
    assert part.stdout.count(" UTC ") == 600
    assert part.stderr.startswith("There is more: --limit 1200, or --until 2026-11-22T10:0")


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (["--since", "yesterday"], 1, "since is no moment"),
        (["--kind", "deploy"], 2, "'deploy' is not one of"),
        (["--limit", "0"], 2, "--limit"),
    ],
)
def test_what_cannot_be_asked_is_explained(run: Command, arguments: list[str], exit_code: int, words: str) -> None:
    result = run(timeline, *arguments)

    assert result.exit_code == exit_code
    assert words in result.stderr


# --- markers ----------------------------------------------------------------------------------------------------------


def test_mark_says_what_it_did(run: Command) -> None:
    result = run.mark("shop 4.2", "--kind", "campaign")

    assert (result.exit_code, result.stdout) == (0, "marked: campaign shop 4.2\n")


def test_mark_with_the_same_key_marks_once(run: Command) -> None:
    first, second = (run.mark("shop 4.2", "--key", "build-812", "--json") for _ in range(2))

    assert [json.loads(each.stdout)["is_repeated"] for each in (first, second)] == [False, True]
    assert len([each for each in run.past.entries() if each.marker]) == 1


def test_mark_of_another_moment(run: Command) -> None:
    run.mark("shop 4.2", "--at", "2026-11-22T10:05Z")

    assert run.past.entries()[0].at == later(5)


def test_mark_that_is_refused_says_what_to_do(run: Command) -> None:
    result = run.mark("shop 4.2", "--link", "ftp://ci")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: link is no web address: write it like https://")


def test_mark_is_by_whoever_is_logged_in(run: Command) -> None:
    run(mark, "shop 4.2")

    assert "@" in run.past.entries()[0].actor


@pytest.mark.parametrize("command", [timeline, mark])
def test_help_has_an_example(command: click.Command) -> None:
    result = CliRunner().invoke(command, ["--help"])

    assert f"Example:\n    wamon {command.name}" in result.output
