"""The generated documents: they say what the code says, and a stale one is found."""

import re
from pathlib import Path

import pytest

from wamon import reference
from wamon.config.rules import dataclass_keys
from wamon.config.schema import TABLES, AccountTable, AppTable, Keys
from wamon.config.sources import SECRET_KEYS, variable
from wamon.core import error_codes
from wamon.metrics.reference import metric_rows
from wamon.rules import RULES
from wamon.signals import SIGNALS


def headings(text: str) -> list[str]:
    return re.findall(r"^## (.+)$", text, flags=re.MULTILINE)


# --- up to date -------------------------------------------------------------------------------------------------------


def test_documents_in_the_repository_are_those_that_the_code_writes() -> None:
    stored = {name: (reference.DOCS / name).read_text(encoding="utf-8") for name in reference.documents()}

    stale = [name for name, text in reference.documents().items() if stored[name] != text]

    assert stale == [], "run python -m wamon.reference"


def test_documents_are_the_same_each_time() -> None:
    assert reference.documents() == reference.documents()


def test_every_document_says_that_it_is_written_by_a_program() -> None:
    assert {text.splitlines()[0] for text in reference.documents().values()} == {
        "<!-- Written by `python -m wamon.reference`; change the code, not this file. -->"
    }


def test_documents_are_written_and_then_up_to_date(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    docs = tmp_path / "docs"

    first, told = reference.main([], docs=docs), capsys.readouterr().out
    check = reference.main(["--check"], docs=docs)
    again, told_again = reference.main([], docs=docs), capsys.readouterr().out

    assert (first, check, again) == (0, 0, 0)
    assert sorted(path.name for path in docs.iterdir()) == [
        "alerts.md",
        "configuration.md",
        "error-codes.md",
        "metrics.md",
    ]
    assert told.splitlines() == [f"wrote docs/{name}" for name in reference.documents()]
    assert told_again == ""


def test_stale_and_missing_documents_are_named_and_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reference.main([], docs=tmp_path)
    capsys.readouterr()
    (tmp_path / "alerts.md").write_text("changed by hand\n", encoding="utf-8")
    (tmp_path / "metrics.md").unlink()

    result = reference.main(["--check"], docs=tmp_path)

    assert result == 1
    assert capsys.readouterr().err.splitlines() == [
        "docs/alerts.md is out of date: run python -m wamon.reference",
        "docs/metrics.md is out of date: run python -m wamon.reference",
    ]
    assert (tmp_path / "alerts.md").read_text(encoding="utf-8") == "changed by hand\n"
    assert not (tmp_path / "metrics.md").exists()


# --- complete ---------------------------------------------------------------------------------------------------------


def test_every_rule_has_its_chapter_and_every_alertname_its_row() -> None:
    text = reference.documents()["alerts.md"]

    rows = set(re.findall(r"^\| \[(\w+)\]\(#(\w+)\) \|", text, flags=re.MULTILINE))
    expected = {(name, rule.name.lower()) for rule in RULES for name in rule.alertnames.values()}
    assert rows == expected
    assert headings(text) == [rule.name for rule in RULES]


def test_chapter_of_an_alert_says_what_the_rule_says() -> None:
    chapters = re.split(r"^## ", reference.documents()["alerts.md"], flags=re.MULTILINE)[1:]

    lacking = [
        (rule.name, words)
        for rule, chapter in zip(RULES, chapters, strict=True)
        for words in (rule.meaning, rule.cause, f"Owner: {rule.owner}.", *rule.steps)
        if words not in chapter
    ]
    assert lacking == []


def test_chapter_tells_patience_and_thresholds() -> None:
    chapters = re.split(r"^## ", reference.documents()["alerts.md"], flags=re.MULTILINE)[1:]
    by_name = {chapter.split("\n", 1)[0]: chapter for chapter in chapters}

    assert (
        "Owner: marketing. Fires after 2 observations (1 when critical) and resolves after 2 good ones over 30 min.\n"
        in by_name["WhatsAppQualityRating"]
    )
    assert (
        "Fires after 2 observations over 1 h and resolves after 2 good ones.\n"
        in by_name["WhatsAppApiVersionServedDiffers"]
    )
    assert "Fires after 1 observation and" in by_name["WhatsAppTokenExpiring"]
    assert (
        "Thresholds: `warning_days = 14`, `critical_days = 2`, `clear_margin_days = 3`.\n"
        in by_name["WhatsAppTokenExpiring"]
    )
    assert "Thresholds" not in by_name["WhatsAppTokenInvalid"]


def test_every_metric_family_has_its_row() -> None:
    text = reference.documents()["metrics.md"]

    rows = re.findall(r"^\| `(\w+)`", text, flags=re.MULTILINE)
    assert sorted(rows) == sorted(row.name for row in metric_rows(SIGNALS))
    exported = [signal.name for signal in SIGNALS if signal.is_exported]
    assert set(exported) <= set(rows)


def test_every_configuration_key_and_variable_occurs() -> None:
    text = reference.documents()["configuration.md"]

    keys = set(Keys.model_fields) | set(AccountTable.model_fields) | set(AppTable.model_fields)
    keys |= {f"{key}_file" for key in SECRET_KEYS}
    variables = {variable(key) for key in Keys.model_fields if key not in TABLES}
    missing = [key for key in keys if not re.search(rf"`(\[\[|\[)?{key}\b", text)]
    assert missing == []
    assert [name for name in variables if f"`{name}`" not in text] == []


def test_every_threshold_of_every_rule_occurs() -> None:
    text = reference.documents()["configuration.md"]

    missing = [
        (rule.name, key.key)
        for rule in RULES
        for key in dataclass_keys(rule.params)
        if f"\n{key.key} = " not in text.partition(f"[rules.{rule.name}]")[2].partition("[rules.")[0]
    ]
    assert missing == []


def test_every_error_code_has_its_row() -> None:
    text = reference.documents()["error-codes.md"]

    rows = [line for line in text.splitlines() if line.startswith("| ")][2:]
    cells = [re.split(r"(?<!\\)\|", row) for row in rows]
    assert [row[1].strip() for row in cells] == [str(code.label) for code in error_codes.ALL]
    # A text with a bar in it must not make another column.
    assert {len(row) for row in cells} == {10}
