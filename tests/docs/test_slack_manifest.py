"""The Slack app's manifest can be pasted, and asks for what docs/slack.md explains and for nothing else."""

import re
from pathlib import Path
from typing import Any

import yaml

from wamon.notify.slack.errors import HISTORY_SCOPES, POST_SCOPE

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "slack.md").read_text(encoding="utf-8")


def manifest() -> Any:
    return yaml.safe_load((ROOT / "deploy" / "slack-app-manifest.yml").read_text(encoding="utf-8"))


def test_manifest_has_only_the_parts_that_slack_knows() -> None:
    app = manifest()

    # Source: Slack "App manifest reference", read 2026-11.
    assert set(app) == {"display_information", "features", "oauth_config", "settings"}
    assert set(app["features"]) == {"bot_user"}
    assert set(app["oauth_config"]) == {"scopes"}
    assert len(app["display_information"]["name"]) <= 35
    assert len(app["display_information"]["description"]) <= 140


def test_manifest_asks_for_exactly_the_scopes_that_the_guide_explains() -> None:
    table = GUIDE.partition("| scope |")[2].partition("\n\n")[0]

    explained = re.findall(r"^\| `([a-z:]+)` \|", table, flags=re.MULTILINE)
    assert manifest()["oauth_config"]["scopes"] == {"bot": explained}


def test_manifest_asks_for_exactly_the_scopes_that_the_code_uses() -> None:
    assert manifest()["oauth_config"]["scopes"]["bot"] == [POST_SCOPE, *HISTORY_SCOPES]


def test_manifest_lets_buttons_work_without_a_public_address() -> None:
    settings = manifest()["settings"]

    assert settings["socket_mode_enabled"] is True
    assert settings["interactivity"] == {"is_enabled": True}
    assert settings["token_rotation_enabled"] is False


def test_example_for_signed_requests_names_the_path_and_ends_socket_mode() -> None:
    example = yaml.safe_load(GUIDE.partition("```yaml\n")[2].partition("```")[0])

    assert example["settings"]["socket_mode_enabled"] is False
    assert example["settings"]["interactivity"]["request_url"].endswith("/slack/actions")
