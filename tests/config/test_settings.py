"""What the daemon gets of the configuration: targets, versions, costs, warnings, and no secret in sight."""

from datetime import UTC, datetime

import pytest

from tests.config.loading import Load
from wamon.core.api_versions import BUNDLED_TABLE
from wamon.core.targets import AccountTarget, AppTarget, InstanceTarget, TokenTarget

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
ONE = {"WABA_ID": "1029", "ACCESS_TOKEN": "EAAcanary"}
SECRETS = {
    **ONE,
    "APP_ID": "61",
    "APP_SECRET": "canary-secret",
    "PREVIOUS_APP_SECRET": "canary-old-secret",
    "VERIFY_TOKEN": "canary-verify",
    "SLACK_WEBHOOK_URL": "https://hooks.example.org/canary",
    "SLACK_BOT_TOKEN": "xoxb-canary",
    "SLACK_CHANNEL": "#alerts",
}


def test_targets_of_an_account_alone(load: Load) -> None:
    settings = load(**ONE, PHONE_NUMBER_IDS="7,8")

    assert settings.account_targets({}, version="v25.0") == (
        AccountTarget(
            name="default",
            waba_id="1029",
            token="default",
            phone_number_ids=frozenset({"7", "8"}),
            version="v25.0",
        ),
    )
    assert settings.token_targets() == (
        TokenTarget(
            token="default",
            app_id=None,
            waba_ids=("1029",),
            required_scopes=("whatsapp_business_management", "whatsapp_business_messaging"),
        ),
    )
    assert settings.app_targets() == ()


def test_learned_app_id_serves_where_none_is_configured(load: Load) -> None:
    without, with_app = load(**ONE), load(**ONE, APP_ID="61")

    assert without.account_targets({"default": "62"}, version="v25.0")[0].app_id == "62"
    assert with_app.account_targets({"default": "62"}, version="v25.0")[0].app_id == "61"


def test_app_is_asked_about_only_when_its_secret_is_known(load: Load) -> None:
    settings = load(**ONE, APP_ID="61", WANTED_FIELDS="messages")

    assert settings.token_targets()[0].app_id is None
    assert settings.app_targets() == ()


def test_app_with_its_secret_inspects_its_token(load: Load) -> None:
    settings = load(**ONE, APP_ID="61", APP_SECRET="s3cret", WANTED_FIELDS="messages", CALLBACK_URL="https://a.example")

    assert settings.token_targets()[0].app_id == "61"
    assert settings.app_targets() == (
        AppTarget(app_id="61", wanted_fields=("messages",), expected_callback_url="https://a.example"),
    )


def test_webhooks_are_received_of_apps_that_have_both_a_verify_token_and_a_secret(load: Load) -> None:
    written = """\
[[apps]]
name = "main"
app_id = "62"
app_secret = "s"
verify_token = "v"
[[apps]]
app_id = "63"
app_secret = "s"
"""

    both = load(written, **ONE, APP_ID="61", APP_SECRET="s", VERIFY_TOKEN="v")
    one = load(written, **ONE, APP_ID="61", APP_SECRET="s")

    assert [app.name for app in both.webhook_apps()] == ["default", "main"]
    assert [app.name for app in one.webhook_apps()] == ["main"]
    assert load(**ONE).webhook_apps() == ()


def test_instance_counts_down_its_own_version_and_the_senders(load: Load) -> None:
    settings = load(**ONE, SENDER_VERSIONS="24,v25.0", VERSION_TABLE_URL="https://a.example/v.json")

    assert settings.instance_target(version="v25.0") == InstanceTarget(
        versions=("v25.0", "v24.0"), table=BUNDLED_TABLE, table_url="https://a.example/v.json"
    )


def test_version_is_the_newest_but_one_unless_configured(load: Load) -> None:
    assert load(**ONE).version(BUNDLED_TABLE, NOW) == "v25.0"
    assert load(**ONE, GRAPH_VERSION="v24").version(BUNDLED_TABLE, NOW) == "v24.0"


@pytest.mark.parametrize(("interval", "calls"), [("60", 60.0 + 4), ("300", 12.0 + 4), ("1", 3600.0 + 240)])
def test_calls_per_hour(load: Load, interval: str, calls: float) -> None:
    assert load(**ONE, POLL_INTERVAL=interval).calls_per_hour() == {"1029": calls}


def test_all_secrets_are_named_for_redaction(load: Load) -> None:
    assert set(load(**SECRETS).secrets()) == {
        "EAAcanary",
        "canary-secret",
        "canary-old-secret",
        "canary-verify",
        "https://hooks.example.org/canary",
        "xoxb-canary",
    }


def test_no_secret_is_shown(load: Load) -> None:
    settings = load(**SECRETS)

    assert "canary" not in repr(settings)
    assert "canary" not in repr(settings.shown)


def test_every_value_tells_its_source(load: Load) -> None:
    settings = load('access_token = "EAAx"\n[[accounts]]\nname = "shop"\nwaba_id = "1"\n', POLL_INTERVAL="30")

    shown = {row.key: (row.value, row.source.rpartition("/")[2]) for row in settings.shown}

    assert shown["access_token"] == ("(set, not shown)", "wamon.toml:1")
    assert shown["poll_interval"] == ("30", "WAMON_POLL_INTERVAL")
    assert shown["slow_poll_interval"] == ("450", "default")
    assert shown["private_listen"] == ("127.0.0.1:9877", "default")
    assert shown["accounts #1 name"] == ("shop", "wamon.toml:3")


def test_warnings(load: Load) -> None:
    settings = load(**ONE, APP_ID="61", POLL_INTERVAL="10", SENDER_VERSIONS="v20.0,v99.0")

    assert list(settings.warnings(NOW)) == [
        "no receiver: alerts are only logged; set WAMON_SLACK_WEBHOOK_URL, or a bot token and a channel",
        (
            "poll_interval of 10 s costs 360 calls an hour for each WABA: "
            "more than wamon will spend of the 200 that one without a registered number has"
        ),
        "Graph API v20.0 has expired: Meta serves the oldest usable version in its place",
        "Graph API v99.0 is not in the version table: its end is not known",
        "no app_secret for app default: its webhook fields and callback URL cannot be looked at",
    ]


def test_nothing_to_warn_of(load: Load) -> None:
    assert list(load(**ONE, SLACK_WEBHOOK_URL="https://hooks.example.org/x").warnings(NOW)) == []
    assert list(load(**ONE, ALERTING_MODE="prometheus").warnings(NOW)) == []
