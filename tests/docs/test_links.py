"""What the documents for people name must exist: files, chapters, commands, variables, counts."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.assets.shipped import alerting_rules
from wamon.cli import COMMANDS, main
from wamon.config.rules import dataclass_keys
from wamon.config.schema import REQUIRED_SCOPES, TABLES, AccountTable, Keys
from wamon.config.sources import CONFIG_VARIABLE, FILE_SUFFIX, SECRET_KEYS, variable
from wamon.metrics.reference import metric_rows
from wamon.notify.alertmanager import WATCHDOG
from wamon.rules import RULES
from wamon.signals import SIGNALS

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
DOCUMENTS += sorted(
    file for folder in ("docs", "dashboards", "alerts", "deploy") for file in (ROOT / folder).rglob("*.md")
)
FENCE = re.compile(r"^ *(```|~~~).*?^ *\1 *$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\((?P<target>[^()\s]*(?:\([^()\s]*\)[^()\s]*)*)\)")
VARIABLES = {variable(key) for key in Keys.model_fields if key not in TABLES} | {CONFIG_VARIABLE}
VARIABLES |= {variable(f"{key}{FILE_SUFFIX}") for key in SECRET_KEYS}
SECRET_FILE_KEYS = {f"{key}{FILE_SUFFIX}" for key in SECRET_KEYS}
# Meta's permissions are spelled like metrics.
SCOPES = {*REQUIRED_SCOPES, "whatsapp_business_account"}
# Belongs to the tests, and CONTRIBUTING may name it.
VARIABLES |= {"WAMON_REQUIRE_TOOLS"}


def prose(text: str) -> str:
    """The document without its code, where a bracket is no link."""
    return CODE.sub("`code`", FENCE.sub("", text))


def anchors(text: str) -> set[str]:
    """What the headings are called in links, as the forges make them: lower case, dashes, repeated ones numbered."""
    found: set[str] = set()
    seen: Counter[str] = Counter()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", FENCE.sub("", text), flags=re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        found.add(slug if not seen[slug] else f"{slug}-{seen[slug]}")
        seen[slug] += 1
    return found


def broken_links(path: Path, root: Path = ROOT) -> Iterator[str]:
    for match in LINK.finditer(prose(path.read_text(encoding="utf-8"))):
        target = match["target"]
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        if not there.exists():
            yield f"{target}: no such file"
        elif not there.is_relative_to(root):
            yield f"{target}: outside the repository"
        elif anchor and anchor not in anchors(there.read_text(encoding="utf-8")):
            yield f"{target}: no such chapter"


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


# --- links ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    assert list(broken_links(path)) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("see [a](absent.md)", "absent.md: no such file"),
        ("see [a](other.md#absent)", "other.md#absent: no such chapter"),
        ("# Here\n\n[a](#there)", "#there: no such chapter"),
        ("| [`a`](absent.md) |", "absent.md: no such file"),
        ("![picture](absent.png)", "absent.png: no such file"),
        ("[a](..)", "..: outside the repository"),
    ],
)
def test_planted_broken_link_is_found(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "other.md").write_text("# Other thing\n", encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")

    assert list(broken_links(page, tmp_path)) == [fault]


def test_headings_become_anchors_as_on_the_forges() -> None:
    text = "# Meta's `error` codes\n## Run it, for good!\n## Twice\n## Twice\n```\n# not a heading\n```\n### WamonX\n"

    assert anchors(text) == {"metas-error-codes", "run-it-for-good", "twice", "twice-1", "wamonx"}


def test_brackets_in_code_are_no_links() -> None:
    assert LINK.search(prose("`[a](b)` and\n```\n[c](d)\n```\n")) is None


# --- commands ---------------------------------------------------------------------------------------------------------

COMMAND = re.compile(r"(?:^|[\s`/(])wamon(?P<words>(?: (?:--?)?[a-z][a-z-]*)+)", re.MULTILINE)


def code_of(text: str) -> str:
    """Only the code: what stands in fences or between backquotes."""
    fences = [match[0] for match in FENCE.finditer(text)]
    spans = CODE.findall(FENCE.sub("", text))
    return "\n".join([*fences, *spans])


def unknown_commands(text: str) -> Iterator[str]:
    context = click.Context(main)
    for match in COMMAND.finditer(code_of(text)):
        first, *rest = match["words"].split()
        if first.startswith("-"):
            continue
        command = main.get_command(context, first)
        if command is None:
            yield f"wamon {first}"
            continue
        if isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
            sub = command.get_command(context, rest[0])
            if sub is None:
                yield f"wamon {first} {rest[0]}"
                continue
            command = sub
        options = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
        yield from (f"wamon {first} {word}" for word in rest if word.startswith("-") and word not in options)


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_command_that_is_named_exists(path: Path) -> None:
    assert list(unknown_commands(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("planted", ["wamon timelines", "wamon config verify", "wamon demo --twice"])
def test_planted_unknown_command_is_found(planted: str) -> None:
    assert list(unknown_commands(f"Use `{planted}` for it.")) == [planted]


def test_readme_lists_every_command_and_no_other() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.partition("## Commands")[2].partition("\n## ")[0]

    listed = re.findall(r"^\| `wamon (\w+)", table, flags=re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS)


def test_readme_lists_every_subcommand_of_config() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    config = main.get_command(click.Context(main), "config")
    assert isinstance(config, click.Group)

    (row,) = [line for line in text.splitlines() if line.startswith("| `wamon config")]
    assert set(config.commands) <= set(re.findall(r"[\w-]+", row.split("|")[1]))


def test_commands_that_take_json_are_those_that_the_readme_names() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (sentence,) = re.findall(r"((?:`\w+`[,\sand]+)+take\s+`--json`)", text)

    named = set(re.findall(r"`(\w+)`", sentence))
    taking = {name for name in COMMANDS if _takes_json(main.get_command(click.Context(main), name))}
    assert named == taking


def _takes_json(command: click.Command | None) -> bool:
    assert command is not None
    if isinstance(command, click.Group):
        return any(map(_takes_json, command.commands.values()))
    return any("--json" in parameter.opts for parameter in command.params)


def test_make_targets_that_are_named_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, flags=re.MULTILINE))

    named = {
        word
        for path in DOCUMENTS
        for word in re.findall(
            r"(?:^|[\s`])make ([a-z][a-z-]*)", code_of(path.read_text(encoding="utf-8")), re.MULTILINE
        )
    }
    assert named - targets == set()


# --- variables, keys and counts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_variable_that_is_named_exists(path: Path) -> None:
    named = set(re.findall(r"\bWAMON_[A-Z][A-Z_]*[A-Z]", path.read_text(encoding="utf-8")))

    assert named - VARIABLES == set()


def test_readme_names_what_a_first_account_needs() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    needed = {"WAMON_WABA_ID", "WAMON_ACCESS_TOKEN", "WAMON_SLACK_WEBHOOK_URL", "WAMON_APP_ID", "WAMON_APP_SECRET"}
    needed |= {"WAMON_SLACK_BOT_TOKEN", "WAMON_SLACK_CHANNEL", "WAMON_DATABASE", "WAMON_PRIVATE_LISTEN"}
    needed |= {"WAMON_VERIFY_TOKEN", "WAMON_PUBLIC_LISTEN", "WAMON_MESSAGE_RETENTION_DAYS"}
    assert {name for name in needed if name not in text} == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_metric_and_alert_that_is_named_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    metrics = set(re.findall(r"`((?:whatsapp|wamon)_\w+?)(?:_bucket|_count|_sum)?[`{]", text))
    alerts = set(re.findall(r"`((?:WhatsApp|Wamon)(?:[A-Z][a-z]+)+)`", text))
    assert metrics - {row.name for row in metric_rows(SIGNALS)} - SCOPES == set()
    known = {name for rule in RULES for name in (rule.name, *rule.alertnames.values())}
    assert alerts - known - alerting_rules().keys() - {WATCHDOG} == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_key_that_is_set_in_an_example_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    keys = set(re.findall(r"`([a-z]+_[a-z_]+) = ", text))
    thresholds = {key.key for rule in RULES for key in dataclass_keys(rule.params)}
    assert keys - set(Keys.model_fields) - set(AccountTable.model_fields) - thresholds - SECRET_FILE_KEYS == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_module_and_folder_that_is_named_exists(path: Path) -> None:
    named = set(re.findall(r"`((?:wamon|tests|docs|benchmarks)/[\w./-]*)`", path.read_text(encoding="utf-8")))

    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_count_of_the_rules_in_the_changelog_is_right() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert re.findall(r"(\d+) rules", text) == [str(len(RULES))]
