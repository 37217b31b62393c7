"""The written configuration is the real one: every key documented, every example loads."""

import re
import tomllib
from pathlib import Path

from tests.config.loading import Load
from wamon.config.reference import render_configuration, render_example
from wamon.config.schema import TABLES, AccountTable, AlertingTable, AppTable, Keys, RouteTable
from wamon.config.sources import SECRET_KEYS
from wamon.rules import RULES

PLACEHOLDER = "<WABA id>"


def filled(example: str) -> str:
    return example.replace(PLACEHOLDER, "102290129340398")


def test_secret_keys_are_those_that_the_schema_hides() -> None:
    hidden = {
        key
        for table in (Keys, AccountTable, AppTable)
        for key, field in table.model_fields.items()
        if "SecretStr" in str(field.annotation)
    }

    assert hidden == SECRET_KEYS


def test_every_key_is_documented() -> None:
    text = render_configuration(RULES)

    assert [key for key in Keys.model_fields if key not in TABLES and f"`WAMON_{key.upper()}`" not in text] == []
    in_tables = {*AccountTable.model_fields, *AppTable.model_fields, *RouteTable.model_fields}
    assert [key for key in (*in_tables, *AlertingTable.model_fields) if f"| `{key}`" not in text] == []
    assert [rule.name for rule in RULES if f"[rules.{rule.name}]" not in text] == []


def test_documented_rule_tables_say_what_is_the_default_anyway(load: Load) -> None:
    *_, written = re.findall(r"```toml\n(.*?)```", render_configuration(RULES), re.DOTALL)

    settings = load(f'waba_id = "1"\naccess_token = "EAAx"\n{written}')

    assert set(settings.rules) == {rule.name for rule in RULES}
    assert settings.bound_rules(RULES) == RULES


def test_written_file_loads_once_its_placeholder_is_filled_and_the_token_is_in_its_file(
    load: Load, tmp_path: Path
) -> None:
    (tmp_path / "access-token.txt").write_text("EAAreal\n", encoding="utf-8")

    settings = load(filled(render_example()))

    assert settings.accounts[0].waba_id == "102290129340398"
    assert settings.tokens()[0].secret == "EAAreal"


def test_written_file_loads_with_the_token_in_it_too(load: Load) -> None:
    example = filled(render_example()).replace('access_token_file = "access-token.txt"', "")

    settings = load(example.replace('#   access_token = "EAA..."', 'access_token = "EAAreal"'))

    assert settings.tokens()[0].secret == "EAAreal"


def test_written_file_has_no_other_placeholders() -> None:
    assert re.findall(r"<[^>]+>", render_example()) == [PLACEHOLDER]


def test_every_line_behind_a_hash_loads_too(load: Load, tmp_path: Path) -> None:
    uncommented = re.sub(r"(?m)^# (\w+ = |\[)", r"\1", filled(render_example()))
    for name, secret in {
        "app-secret": "secret1",
        "previous-app-secret": "secret0",
        "verify-token": "secret2",
        "slack-webhook-url": "https://hooks.example.org/1",
        "slack-bot-token": "xoxb-1",
        "slack-app-token": "xapp-1",
        "slack-signing-secret": "0123456789abcdef0123456789abcdef",
        "webhook-url": "https://receiver.example.org/1",
        "webhook-secret": "secret3",
        "heartbeat-url": "https://beat.example.org/1",
        "private-bearer-token": "0123456789abcdef",
        "api-password": "secret4",
        "access-token": "EAAreal",
        "shop-token": "EAAshop",
    }.items():
        (tmp_path / f"{name}.txt").write_text(secret, encoding="utf-8")
    (tmp_path / "versions.toml").write_text(
        "as_of = 2027-01-01\n[versions.v27]\nintroduced = 2027-01-01\n", encoding="utf-8"
    )
    (tmp_path / "web.yml").write_text("http_server_config: {headers: {X-Frame-Options: deny}}\n", encoding="utf-8")

    settings = load(uncommented)

    files = {f"{key}_file" for key in SECRET_KEYS}
    written = {key.removesuffix("_file") if key in files else key for key in tomllib.loads(uncommented)}
    assert written == set(Keys.model_fields)
    assert [account.name for account in settings.accounts] == ["default", "shop"]
