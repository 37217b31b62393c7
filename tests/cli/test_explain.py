"""`wamon explain`: codes, statuses, alerts, and what is near when nothing fits."""

import json

import pytest
from click.testing import CliRunner, Result

from wamon.cli import main
from wamon.core import error_codes, vocabulary
from wamon.rules import RULES

ALERTS = sorted({name for rule in RULES for name in (rule.name, *rule.alertnames.values())})


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["explain", *arguments])


def test_code_with_subcode() -> None:
    result = run("190/463")

    assert result.exit_code == 0
    assert result.stdout.startswith("error code 190/463: Access token expired\n")
    assert "what to do       Issue a new token." in result.stdout
    assert "who can mend it  whoever administers Meta's Business settings" in result.stdout


@pytest.mark.parametrize("word", ["131026", "#131026", "(#131026)", " 131026 "])
def test_code_as_people_paste_it(word: str) -> None:
    assert run(word).stdout.startswith("error code 131026: ")


def test_code_within_a_range() -> None:
    assert run("80003").stdout.startswith("error code 80000-80099: ")


def test_status_is_explained_for_every_field_that_has_it() -> None:
    result = run("flagged")

    titles = [line for line in result.stdout.splitlines() if line.startswith("status FLAGGED: ")]
    assert titles == ["status FLAGGED: Status of a phone number", "status FLAGGED: Status of a message template"]


def test_alert_with_its_severities_and_steps() -> None:
    result = run("whatsapptokenexpiring")

    assert result.stdout.startswith("alert WhatsAppTokenExpiring: warning or critical\n")
    assert "what to do       1. " in result.stdout


def test_alert_of_one_severity() -> None:
    assert run("WhatsAppQualityRatingRed").stdout.startswith("alert WhatsAppQualityRatingRed: critical\n")


def test_unknown_word_names_the_nearest_and_exits_with_3() -> None:
    result = run("CONECTED")

    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr.startswith("Nothing is known of 'CONECTED'. Did you mean CONNECTED")


@pytest.mark.parametrize("word", ["qqqq", "999999999", "12345678901234567890"])
def test_unknown_word_with_nothing_near(word: str) -> None:
    result = run(word)

    assert result.exit_code == 3
    assert result.stderr == f"Nothing is known of {word!r}. `wamon explain` lists what is known.\n"


def test_json_of_a_code() -> None:
    (found,) = json.loads(run("--json", "131026").stdout)["found"]

    assert (found["kind"], found["name"], found["bounce"]) == ("error code", "131026", "hard")


def test_json_of_an_unknown_word() -> None:
    result = run("--json", "CONECTED")

    answer = json.loads(result.stdout)
    assert result.exit_code == 3
    assert answer["found"] == []
    assert answer["suggestions"][0] == "CONNECTED"


def test_index_has_every_code_value_and_alert() -> None:
    words = set(run().stdout.split())

    assert {row.label for row in error_codes.ALL} - words == set()
    assert {value for known in vocabulary.ALL_VOCABULARIES for value in known.values} - words == set()
    assert {name for rule in RULES for name in rule.alertnames.values()} - words == set()


def test_index_as_json() -> None:
    index = json.loads(run("--json").stdout)

    assert "190/463" in index["error_codes"]["token"]
    assert "CONNECTED" in index["statuses"]["Status of a phone number"]
    assert index["alerts"]["WhatsAppTokenExpiring"] == "warning or critical"


@pytest.mark.parametrize("word", ALERTS)
def test_every_alert_is_explained(word: str) -> None:
    assert run(word).exit_code == 0
