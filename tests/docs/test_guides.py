"""The guides, the index, the glossary and the page of sources: whole, true, and found from the front door."""

import re
import shlex
import tomllib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from tests.assets.shipped import alerting_rules
from tests.docs.test_links import DOCUMENTS, FENCE, LINK, ROOT, SCOPES, SECRET_FILE_KEYS, name_of, prose
from wamon.cli import main
from wamon.config.rules import dataclass_keys
from wamon.config.schema import AccountTable, AppTable, Keys, RouteTable
from wamon.metrics.reference import metric_rows
from wamon.notify.alertmanager import WATCHDOG
from wamon.rules import RULES
from wamon.signals import SIGNALS
from wamon.webhooks.fields import FIELDS

DOCS = ROOT / "docs"
GUIDES = sorted((DOCS / "guides").glob("*.md"))
# Written from the schema; its block of what every rule has stands under no table.
GENERATED = (DOCS / "configuration.md",)
# Who looks into the repository begins at one of these.
FRONT_DOORS = (ROOT / "README.md", DOCS / "README.md")
TWO_SCREENS = 120
BLOCK = re.compile(r"^ *(?:```|~~~)(?P<language>\w*)\n(?P<code>.*?)^ *(?:```|~~~) *$", re.MULTILINE | re.DOTALL)
COMMAND_LINE = re.compile(r"^(?:\$ )?(?:\S*/)?wamon (?P<words>.+)$")


def blocks(text: str, *languages: str) -> list[str]:
    return [match["code"] for match in BLOCK.finditer(text) if match["language"] in languages]


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


# --- from the front door ----------------------------------------------------------------------------------------------


def led_to(path: Path) -> Iterator[Path]:
    for match in LINK.finditer(prose(text_of(path))):
        name = match["target"].partition("#")[0]
        if name.endswith(".md") and "://" not in name:
            yield (path.parent / name).resolve()


def reached(doors: Sequence[Path]) -> set[Path]:
    known, waiting = set(doors), list(doors)
    while waiting:
        found = {path for path in led_to(waiting.pop()) if path.exists()} - known
        known |= found
        waiting += found
    return known


def test_every_document_is_found_from_the_front_doors() -> None:
    strays = set(DOCUMENTS) - reached(FRONT_DOORS)

    assert sorted(map(name_of, strays)) == []


def test_index_names_every_guide_every_document_and_every_decision_itself() -> None:
    expected = {*GUIDES, *DOCS.glob("*.md"), *(DOCS / "adr").glob("*.md")} - {DOCS / "README.md"}

    assert sorted(map(name_of, expected - set(led_to(DOCS / "README.md")))) == []


def test_planted_stray_is_found(tmp_path: Path) -> None:
    (tmp_path / "door.md").write_text("[a](a.md)", encoding="utf-8")
    (tmp_path / "a.md").write_text("no way on, `[b](b.md)` is code", encoding="utf-8")
    (tmp_path / "b.md").write_text("", encoding="utf-8")

    assert reached([tmp_path / "door.md"]) == {tmp_path / "door.md", tmp_path / "a.md"}


# --- the guides' form -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", GUIDES, ids=name_of)
def test_guide_says_first_what_you_will_have_and_last_how_to_check_it_and_what_is_next(path: Path) -> None:
    text = text_of(path)

    chapters = re.findall(r"^## (.+)$", FENCE.sub("", text), flags=re.MULTILINE)
    assert text.splitlines()[2].startswith("At the end ")
    assert chapters[-2:] == ["Check that it works", "Read next"]


@pytest.mark.parametrize("path", GUIDES, ids=name_of)
def test_guide_fits_on_two_screens(path: Path) -> None:
    assert len(text_of(path).splitlines()) <= TWO_SCREENS


def test_guide_starts_the_stack_as_its_page_does() -> None:
    page = text_of(DOCS / "prometheus-and-grafana.md").partition("### Compose")[2]

    assert blocks(page, "sh")[0] in blocks(text_of(DOCS / "guides" / "prometheus-and-grafana.md"), "sh")


# --- what stands in code ----------------------------------------------------------------------------------------------


def command_lines(text: str) -> Iterator[list[str]]:
    """The words after `wamon` of every command line, without comments, pipes and what else the shell takes."""
    for block in blocks(text, "sh", "", "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|\|\||[|;]", line.strip()):
                if (match := COMMAND_LINE.match(part.strip())) and "$(" not in part:
                    words = shlex.split(match["words"], comments=True)
                    yield words[: next((at for at, word in enumerate(words) if word[0] in "<>"), len(words))]


def refusal(words: Sequence[str]) -> str | None:
    """What click says against these words; None for what it takes. Nothing is run."""
    command: click.Command = main
    context = click.Context(main, info_name="wamon")
    rest = list(words)
    while isinstance(command, click.Group):
        name = rest.pop(0) if rest else ""
        if name in {"--help", "-h", "--version", "-V"}:
            return None
        found = command.get_command(context, name)
        if found is None:
            return f"no command {name}"
        command = found
        context = click.Context(command, parent=context, info_name=name)
    try:
        command.make_context(command.name, rest, parent=context.parent)
    except click.UsageError as exc:
        return None if "does not exist" in exc.format_message() else exc.format_message()
    return None


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_command_line_would_be_taken(path: Path) -> None:
    refused = [(words, said) for words in command_lines(text_of(path)) if (said := refusal(words))]

    assert refused == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("wamon drill", "Missing argument 'ALERTNAME'."),
        ("wamon mark now --kind party # why not", "'party' is not one of"),
        (".venv/bin/wamon doctor --quickly | less", "--quickly"),
        ("docker compose ps && wamon tell", "no command tell"),
        ("wamon config init && echo well", None),
    ],
)
def test_planted_command_line_is_judged(line: str, said: str | None) -> None:
    (words,) = command_lines(f"```sh\n{line}\n```\n")

    answer = refusal(words)

    assert answer is None if said is None else said in str(answer)


def unknown_keys(settings: dict[str, object]) -> Iterator[str]:
    """The keys of a `wamon.toml` that the schema has not."""
    tables: dict[str, type[BaseModel]] = {"accounts": AccountTable, "apps": AppTable, "routes": RouteTable}
    yield from (key for key in settings if key not in {*Keys.model_fields, *SECRET_FILE_KEYS})
    for name, table in tables.items():
        rows = settings.get(name, [])
        assert isinstance(rows, list)
        yield from (
            f"{name}.{key}" for row in rows for key in row if key not in {*table.model_fields, *SECRET_FILE_KEYS}
        )
    rules = settings.get("rules", {})
    assert isinstance(rules, dict)
    known = {rule.name: rule for rule in RULES}
    for name, changes in rules.items():
        if name not in known:
            yield f"rules.{name}"
            continue
        params = {key.key for key in dataclass_keys(known[name].params)}
        yield from (f"rules.{name}.{key}" for key in changes if key not in params and not is_common(key))


def is_common(key: str) -> bool:
    """Whether every rule has this key, beside its own thresholds."""
    stem = re.sub(r"_(seconds|minutes|hours|days)$", "", key)
    return key in {"enabled", "mode", "min_observations", "min_observations_critical"} or stem in {
        "for",
        "keep_firing_for",
        "lower_after",
        "pending_unknown_max",
    }


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if path not in GENERATED], ids=name_of)
def test_every_key_of_a_toml_example_exists(path: Path) -> None:
    found = [key for block in blocks(text_of(path), "toml") for key in unknown_keys(tomllib.loads(block))]

    assert found == []


def test_planted_unknown_key_is_found() -> None:
    settings = tomllib.loads('wabaid = "1"\n[[routes]]\nmin_sev = "info"\n[rules.WhatsAppCannotSend]\nfor_minute = 1\n')

    assert list(unknown_keys(settings)) == ["wabaid", "routes.min_sev", "rules.WhatsAppCannotSend.for_minute"]


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_metric_in_a_query_or_command_exists(path: Path) -> None:
    code = "\n".join(blocks(text_of(path), "promql", "sh"))

    named = set(re.findall(r"\b(whatsapp_[a-z_]+|wamon_[a-z_]+)\b(?!:)", code))
    known = {row.name for row in metric_rows(SIGNALS)}
    assert {re.sub(r"_(bucket|count|sum)$", "", name) for name in named} - known - SCOPES == set()


# --- the page of sources, and the glossary ----------------------------------------------------------------------------


def test_page_of_sources_has_every_alert_once() -> None:
    page = text_of(DOCS / "how-alerts-are-known.md")

    listed = re.findall(r"\[(\w+)\]\(runbooks/", page)
    alerts = {name for rule in RULES for name in rule.alertnames.values()} | alerting_rules().keys() | {WATCHDOG}
    assert sorted(name for name in listed if name != "runbook") == sorted(alerts)


def test_page_of_sources_puts_to_prometheus_alone_what_no_rule_of_ours_tells() -> None:
    page = text_of(DOCS / "how-alerts-are-known.md")
    chapter = page.partition("## By Prometheus only")[2].partition("\n## ")[0]

    ours = {name for rule in RULES for name in rule.alertnames.values()}
    assert set(re.findall(r"\[(\w+)\]", chapter)) == (alerting_rules().keys() | {WATCHDOG}) - ours


def test_page_of_sources_names_webhook_fields_that_are_read() -> None:
    page = text_of(DOCS / "how-alerts-are-known.md")

    named = set(re.findall(r"\b[a-z]+(?:_[a-z]+)*_update\b", page)) | {"user_preferences", "account_alerts", "flows"}
    assert named - {field.name for field in FIELDS} == set()


def test_glossary_is_in_order() -> None:
    for chapter in re.split(r"^## ", text_of(DOCS / "glossary.md"), flags=re.MULTILINE)[1:]:
        words = re.findall(r"^\| ([^|]+?) \|", chapter, flags=re.MULTILINE)[1:]
        keys = [re.sub(r"[^a-z0-9 ]", "", word.casefold()) for word in words if not word.startswith("-")]

        assert [pair for pair in pairwise(keys) if pair[0] > pair[1]] == []
