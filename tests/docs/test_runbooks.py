"""Every alert has a runbook that is worth opening at 03:00, and the index finds it. Links are held by test_links.py."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from tests.assets.shipped import alerting_rules
from wamon.cli import main
from wamon.config.reference import render_configuration
from wamon.core.error_codes import lookup
from wamon.core.health import Subject, SubjectKind
from wamon.core.ports import Rule
from wamon.rules import RULES

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
INDEX = RUNBOOKS / "README.md"
# With those that Prometheus alone can tell.
ALERTS = sorted({name for rule in RULES for name in rule.alertnames.values()} | alerting_rules().keys())
SECTIONS: Final = (
    "Meaning",
    "How it is known",
    "First five minutes",
    "Causes and fixes",
    "Silencing",
    "When to call Meta",
    "Related",
)
# Shorter than this, a section only says that somebody meant to write it.
LEAST_WORDS: Final = {
    "Meaning": 20,
    "How it is known": 25,
    "First five minutes": 40,
    "Causes and fixes": 40,
    "Silencing": 10,
    "When to call Meta": 5,
    "Related": 3,
}
# What silences may go by: `alert_labels` adds these to the identity of whatever the alert is about.
COMMON_LABELS: Final = {"alertname", "rule", "severity"}
LABELS: Final[Mapping[SubjectKind, set[str]]] = {
    subject.kind: {name for name, _ in subject.labels}
    for subject in (
        Subject.instance(),
        Subject.app(""),
        Subject.token(""),
        Subject.token_asset("", ""),
        Subject.waba(""),
        Subject.phone_number("", ""),
        Subject.sender("", "", ""),
        Subject.api_version(""),
        Subject.probe("", Subject.waba("")),
        Subject.restriction("", ""),
        Subject.account_alert("", ""),
        Subject.template("", "", ""),
        Subject.flow("", "", ""),
    )
}
FENCE = re.compile(r"^ *```(?P<language>\w*)\n(?P<code>.*?)^ *```$", re.MULTILINE | re.DOTALL)


def text_of(alert: str) -> str:
    return (RUNBOOKS / f"{alert}.md").read_text(encoding="utf-8")


def headings(text: str) -> list[str]:
    return re.findall(r"^## +(.+)$", FENCE.sub("", text), flags=re.MULTILINE)


def sections(text: str) -> dict[str, str]:
    """What stands under each heading, by its words."""
    parts = re.split(r"^## +(.+)$", text, flags=re.MULTILINE)[1:]
    return {title: body.strip() for title, body in zip(parts[::2], parts[1::2], strict=True)}


def lead(text: str) -> str:
    """The one sentence below the name."""
    return " ".join(text.split("\n\n")[1].split())


def faults(alert: str, text: str) -> Iterator[str]:
    """What is wrong with the form of one runbook."""
    if not text.startswith(f"# {alert}\n\n"):
        yield "does not begin with its alert's name"
    if not re.fullmatch(r"[A-Z][^\n]*[.]", lead(text)):
        yield "has no sentence below its name"
    if headings(text) != list(SECTIONS):
        yield f"has the sections {headings(text)}"
    for title, body in sections(text).items():
        if len(body.split()) < LEAST_WORDS.get(title, 1):
            yield f"{title} is a stub"
    if not re.search(r"^1\. .*^2\. .*^3\. ", sections(text).get("First five minutes", ""), re.MULTILINE | re.DOTALL):
        yield "First five minutes are not numbered"
    if "Owner:" not in sections(text).get("Causes and fixes", ""):
        yield "Causes and fixes name no owner"


def repeated_sections(texts: Mapping[str, str]) -> Iterator[str]:
    """Sections that say the same as another runbook's, but for the name of the alert."""
    seen: dict[str, str] = {}
    for alert, text in texts.items():
        for title, body in sections(text).items():
            words = " ".join(body.replace(alert, "ALERT").split())
            first = seen.setdefault(f"{title}: {words}", alert)
            if first != alert:
                yield f"{alert}: {title} is that of {first}"


# --- each file --------------------------------------------------------------------------------------------------------


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    names = sorted(path.stem for path in RUNBOOKS.glob("*.md") if path != INDEX)

    assert names == ALERTS


@pytest.mark.parametrize("alert", ALERTS)
def test_runbook_has_its_sections_in_order_and_none_is_a_stub(alert: str) -> None:
    assert list(faults(alert, text_of(alert))) == []


def test_no_section_is_copied_from_another_runbook() -> None:
    assert list(repeated_sections({alert: text_of(alert) for alert in ALERTS})) == []


def test_planted_stubs_are_found() -> None:
    stub = "# WamonX\n\nTo be written\n\n" + "".join(f"## {title}\n\nSee WamonX.\n\n" for title in SECTIONS[::-1])

    found = list(faults("WamonX", stub))
    copied = list(repeated_sections({"WamonX": stub, "WamonY": stub.replace("WamonX", "WamonY")}))

    assert found[0] == "has no sentence below its name"
    assert found[1].startswith("has the sections ['Related'")
    assert {"Meaning is a stub", "First five minutes are not numbered", "Causes and fixes name no owner"} <= set(found)
    assert len(copied) == len(SECTIONS)


# --- truth ------------------------------------------------------------------------------------------------------------


def configured(text: str) -> dict[str, object]:
    """The `[rules.*]` tables in a document's examples."""
    tables: dict[str, object] = {}
    for match in FENCE.finditer(text):
        if match["language"] == "toml" and match["code"].startswith("[rules."):
            tables |= tomllib.loads(match["code"])["rules"]
    return tables


DEFAULTS = configured(render_configuration(RULES))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_runbook_names_the_rule_with_its_true_defaults(rule: Rule) -> None:
    for alert in set(rule.alertnames.values()):
        shown = configured(sections(text_of(alert))["How it is known"])

        assert shown.get(rule.name) == DEFAULTS[rule.name]


@pytest.mark.parametrize("alert", ALERTS)
def test_silences_that_are_proposed_are_narrow_and_have_an_end_and_a_reason(alert: str) -> None:
    text = sections(text_of(alert))["Silencing"]

    commands = [code for match in FENCE.finditer(text) if (code := match["code"]).startswith("wamon alerts silence")]
    for command in commands:
        assert f"--match alertname={alert} " in command
        assert command.count("--match") > 1
        assert re.search(r'--for [1-9]\d*h --reason ".+"', command.replace("\\\n    ", ""))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_silences_that_are_proposed_name_labels_that_the_alerts_have(rule: Rule) -> None:
    for alert in set(rule.alertnames.values()):
        named = set(re.findall(r"--match (\w+)=", sections(text_of(alert))["Silencing"]))

        kinds = {each.kind for each in RULES if alert in each.alertnames.values()}
        assert named <= COMMON_LABELS.union(*(LABELS[kind] for kind in kinds))


@pytest.mark.parametrize("alert", ALERTS)
def test_no_runbook_puts_a_token_into_a_url(alert: str) -> None:
    assert re.findall(r"access_token=|input_token=|Bearer (?!\$)", text_of(alert)) == []


@pytest.mark.parametrize("alert", ALERTS)
def test_every_word_that_is_to_be_explained_is_known(alert: str) -> None:
    text = text_of(alert)

    words = set(re.findall(r"`wamon explain ([A-Z0-9][A-Z0-9_/]+)`", text)) - {"CODE", "WORD"}
    codes = set(re.findall(r"\b1[34]\d{4}\b", text))
    unknown = {word for word in words if CliRunner().invoke(main, ["explain", word]).exit_code}
    assert unknown | {code for code in codes if lookup(int(code)) is None} == set()


# --- the index --------------------------------------------------------------------------------------------------------


def rows() -> dict[str, list[str]]:
    """The index's cells by alert."""
    lines = re.findall(r"^\| (W\w+) \|(.+)\|$", INDEX.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {alert: [cell.strip() for cell in cells.split("|")] for alert, cells in lines}


def test_index_lists_every_runbook_once() -> None:
    listed = re.findall(r"^\| (W\w+) \|", INDEX.read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert sorted(listed) == ALERTS


@pytest.mark.parametrize("alert", ALERTS)
def test_index_says_what_the_rule_and_the_runbook_say(alert: str) -> None:
    severity, meaning, owner, link = rows()[alert]
    rules = [rule for rule in RULES if alert in rule.alertnames.values()]
    severities = {severity for rule in rules for severity, name in rule.alertnames.items() if name == alert}

    assert meaning == lead(text_of(alert))
    assert link == f"[{alert}.md]({alert}.md)"
    assert not rules or severity == ", ".join(str(each) for each in sorted(severities))
    assert not rules or owner == ", ".join(dict.fromkeys(str(rule.owner) for rule in rules))
