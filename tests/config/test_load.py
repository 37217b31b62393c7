"""Loading: where values come from, what is wrong with them, and how that is told."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.config.loading import Faults, Load
from wamon.config.load import load_settings
from wamon.config.settings import SlackBot
from wamon.config.values import Listen
from wamon.core.errors import ConfigurationError

TOKEN = "EAAtoken1"
MANY = """\
access_token = "EAAshared"

[[apps]]
name = "main"
app_id = 610000000000001
app_secret = "main-secret"

[[apps]]
app_id = "610000000000002"
callback_url = "https://two.example.org/hook"
wanted_fields = ["messages"]

[[accounts]]
name = "shop"
waba_id = "1001"
app = "main"
phone_number_ids = [2001, "2002"]

[[accounts]]
waba_id = 1002
app = "main"

[[accounts]]
name = "own"
waba_id = "1003"
access_token = "EAAown"
app = "610000000000002"
"""


def test_two_variables_are_enough_for_one_account(load: Load) -> None:
    settings = load(WABA_ID="1029", ACCESS_TOKEN=TOKEN)

    assert [(account.name, account.waba_id, account.token) for account in settings.accounts] == [
        ("default", "1029", "default")
    ]
    assert [(token.alias, token.secret, token.waba_ids) for token in settings.tokens()] == [
        ("default", TOKEN, ("1029",))
    ]


def test_defaults(load: Load) -> None:
    settings = load(WABA_ID="1029", ACCESS_TOKEN=TOKEN)

    assert settings.graph_base_url == "https://graph.facebook.com"
    assert settings.graph_version is None
    assert settings.database == Path("wamon.db")
    assert settings.public_listen == Listen("0.0.0.0", 8080)
    assert settings.private_listen == Listen("127.0.0.1", 9877)
    assert settings.message_retention == timedelta(days=30)
    assert settings.poll_interval == timedelta(seconds=60)
    assert settings.slow_poll_interval == timedelta(seconds=900)
    assert settings.alerting_mode == "builtin"
    assert (settings.log_level, settings.log_format) == ("INFO", None)
    assert settings.required_scopes == ("whatsapp_business_management", "whatsapp_business_messaging")


@pytest.mark.parametrize(("written", "days"), [("8", 8), ("366", 366), ("30.0", 30)])
def test_messages_are_remembered_for_longer_than_meta_repeats(load: Load, written: str, days: int) -> None:
    settings = load(WABA_ID="1029", ACCESS_TOKEN=TOKEN, MESSAGE_RETENTION_DAYS=written)

    assert settings.message_retention == timedelta(days=days)


@pytest.mark.parametrize(("poll", "slow"), [("1", 15), ("20", 300), ("60", 900), ("300", 900), ("3600", 3600)])
def test_slow_interval_follows_the_poll_interval(load: Load, poll: str, slow: int) -> None:
    settings = load(WABA_ID="1029", ACCESS_TOKEN=TOKEN, POLL_INTERVAL=poll)

    assert settings.slow_poll_interval == timedelta(seconds=slow)


def test_environment_wins_over_the_file(load: Load) -> None:
    settings = load('waba_id = "1"\naccess_token = "EAAfile"\npoll_interval = 30\n', WABA_ID="2", POLL_INTERVAL="40")

    assert settings.accounts[0].waba_id == "2"
    assert settings.tokens()[0].secret == "EAAfile"
    assert settings.poll_interval == timedelta(seconds=40)


def test_lists_are_arrays_in_the_file_and_commas_in_the_environment(load: Load) -> None:
    written = 'waba_id = "1"\naccess_token = "EAAx"\nsender_versions = ["v24.0", 25.0]\n'

    settings = load(written, PHONE_NUMBER_IDS="11, 12,11,")

    assert settings.sender_versions == ("v24.0", "v25.0")
    assert settings.accounts[0].phone_number_ids == {"11", "12"}


def test_one_account_with_its_app(load: Load) -> None:
    settings = load(
        WABA_ID="1029",
        ACCESS_TOKEN=TOKEN,
        APP_ID="61",
        APP_SECRET="app-secret",
        PREVIOUS_APP_SECRET="old-secret",
        VERIFY_TOKEN="verify me",
        CALLBACK_URL="https://hooks.example.org/w",
    )

    (app,) = settings.apps
    assert (app.name, app.app_id, app.app_secret, app.verify_token) == ("default", "61", "app-secret", "verify me")
    assert app.previous_app_secret == "old-secret"
    assert (settings.tokens()[0].app_id, settings.tokens()[0].app_secret) == ("61", "app-secret")
    assert settings.accounts[0].callback_url == app.callback_url == "https://hooks.example.org/w"
    assert settings.secrets() == (TOKEN, "app-secret", "old-secret", "verify me")


def test_many_accounts_share_a_token_and_name_their_app(load: Load) -> None:
    settings = load(MANY)

    assert [(account.name, account.token, account.app) for account in settings.accounts] == [
        ("shop", "shop", "main"),
        ("1002", "shop", "main"),
        ("own", "own", "610000000000002"),
    ]
    assert [(token.alias, token.secret, token.app_id, token.waba_ids) for token in settings.tokens()] == [
        ("shop", "EAAshared", "610000000000001", ("1001", "1002")),
        ("own", "EAAown", "610000000000002", ("1003",)),
    ]
    assert settings.accounts[0].phone_number_ids == {"2001", "2002"}
    assert settings.accounts[2].callback_url == "https://two.example.org/hook"
    assert settings.apps[1].wanted_fields == ("messages",)


def test_app_may_want_no_field_at_all(load: Load) -> None:
    written = 'access_token = "EAAx"\n[[apps]]\napp_id = "61"\nwanted_fields = []\n[[accounts]]\nwaba_id = "1"\n'

    assert load(written).apps[0].wanted_fields == ()


def test_only_app_is_the_app_of_every_account(load: Load) -> None:
    written = 'access_token = "EAAx"\n[[apps]]\napp_id = "61"\n[[accounts]]\nwaba_id = "1"\n'

    assert load(written).accounts[0].app == "61"


def test_account_in_the_environment_stands_beside_those_of_the_file(load: Load) -> None:
    settings = load('[[accounts]]\nname = "shop"\nwaba_id = "1"\n', WABA_ID="2", ACCESS_TOKEN="EAAx")

    assert [(account.name, account.waba_id, account.token) for account in settings.accounts] == [
        ("default", "2", "default"),
        ("shop", "1", "default"),
    ]


def test_webhook_and_bot_are_both_receivers(load: Load) -> None:
    settings = load(
        WABA_ID="1",
        ACCESS_TOKEN=TOKEN,
        SLACK_WEBHOOK_URL="https://hooks.example.org/services/x",
        SLACK_BOT_TOKEN="xoxb-1",
        SLACK_CHANNEL="#alerts",
        SLACK_BASE_URL="http://127.0.0.1:9000/api/",
    )

    assert settings.receivers() == ("Slack incoming webhook", "Slack bot in #alerts")
    assert settings.slack_bot == SlackBot(token="xoxb-1", channel="#alerts")
    assert settings.slack_base_url == "http://127.0.0.1:9000/api"


# --- secrets in files ------------------------------------------------------------------------------------------------


def test_secret_from_a_file_loses_its_line_break(load: Load, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("EAAinfile\n", encoding="utf-8")

    by_environment = load(WABA_ID="1", ACCESS_TOKEN_FILE=str(tmp_path / "token"))
    by_file = load('waba_id = "1"\naccess_token_file = "token"\n')

    assert by_environment.tokens()[0].secret == by_file.tokens()[0].secret == "EAAinfile"


def test_renewed_token_in_its_file_is_another_configuration(load: Load, tmp_path: Path) -> None:
    """A reload goes on as before when the settings are equal."""
    (tmp_path / "token").write_text("EAAold", encoding="utf-8")
    before = load('waba_id = "1"\naccess_token_file = "token"\n')

    (tmp_path / "token").write_text("EAArenewed", encoding="utf-8")
    after = load('waba_id = "1"\naccess_token_file = "token"\n')

    assert after != before
    assert after.tokens()[0].secret == "EAArenewed"


def test_every_secret_of_a_table_may_be_in_a_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("EAAa", encoding="utf-8")
    (tmp_path / "b").write_text("secret-b", encoding="utf-8")

    settings = load(
        '[[apps]]\napp_id = "6"\napp_secret_file = "b"\n[[accounts]]\nwaba_id = "1"\naccess_token_file = "a"\n'
    )

    assert settings.secrets() == ("EAAa", "secret-b")


def test_secret_in_the_environment_wins_over_a_secret_file_in_the_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("EAAinfile", encoding="utf-8")

    settings = load('waba_id = "1"\naccess_token_file = "token"\n', ACCESS_TOKEN="EAAenv")

    assert settings.tokens()[0].secret == "EAAenv"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "its file cannot be read (No such file or directory): check the path and who may read it"),
        (b" \n", "its file is empty: write the secret into it"),
        (b"\xff\xfe\x00", "its file is not UTF-8 text"),
        (b"x" * 70_000, "its file is larger than 65536 bytes"),
        (b"EAA one\n", "has a space in it: paste the token again, in one piece"),
    ],
)
def test_secret_file_that_does_not_serve(faults: Faults, tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)

    assert faults(WABA_ID="1", ACCESS_TOKEN_FILE=str(path)) == [f"access_token (WAMON_ACCESS_TOKEN_FILE): {reason}"]


def test_secret_given_in_place_of_a_path_is_not_repeated(faults: Faults) -> None:
    (line,) = faults(WABA_ID="1", ACCESS_TOKEN_FILE="EAAcanary")

    assert "canary" not in line


def test_secret_and_file_together_are_refused(faults: Faults) -> None:
    assert faults('waba_id = "1"\naccess_token = "EAAx"\naccess_token_file = "y"\n') == [
        "access_token (wamon.toml:2): is set beside access_token_file: keep one of them"
    ]


# --- what is missing, and what does not fit together ------------------------------------------------------------------


def test_nothing_at_all(faults: Faults) -> None:
    assert faults() == [
        "waba_id: is missing: set WAMON_WABA_ID, or write a wamon.toml with `wamon config init`",
        "access_token: is missing: set WAMON_ACCESS_TOKEN or WAMON_ACCESS_TOKEN_FILE",
    ]


def test_empty_secret_is_told_once(faults: Faults) -> None:
    assert faults(WABA_ID="1", ACCESS_TOKEN=" ") == [
        "access_token (WAMON_ACCESS_TOKEN): is empty: give it a value or remove it"
    ]


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        (
            {"APP_SECRET": "s"},
            "app_secret (WAMON_APP_SECRET): is set without app_id: set WAMON_APP_ID too, both belong to one app",
        ),
        (
            {"APP_SECRET": "s", "VERIFY_TOKEN": "v"},
            "app_secret (WAMON_APP_SECRET): is set without app_id: set WAMON_APP_ID too, both belong to one app",
        ),
        (
            {"APP_ID": "61", "VERIFY_TOKEN": "v"},
            "app_secret: is missing: verify_token is set, and without it the signatures of webhooks cannot be checked",
        ),
        (
            {"APP_ID": "61", "PREVIOUS_APP_SECRET": "s"},
            "app_secret: is missing: previous_app_secret is accepted beside it, not in its place",
        ),
        (
            {"SLACK_BOT_TOKEN": "xoxb-1"},
            "slack_bot_token (WAMON_SLACK_BOT_TOKEN): is set without slack_channel: set WAMON_SLACK_CHANNEL too",
        ),
        (
            {"SLACK_CHANNEL": "#a"},
            (
                "slack_channel (WAMON_SLACK_CHANNEL): is set without slack_bot_token: set WAMON_SLACK_BOT_TOKEN too "
                "(a webhook has its channel built in)"
            ),
        ),
        (
            {"PHONE_NUMBER_IDS": "7,1029"},
            (
                "waba_id (WAMON_WABA_ID): is also in phone_number_ids: that is a phone number id; "
                "WhatsApp Manager shows the WABA id too"
            ),
        ),
        (
            {"APP_ID": "1029"},
            "waba_id (WAMON_WABA_ID): is also an app_id: the WABA has an id of its own in WhatsApp Manager",
        ),
        (
            {"PRIVATE_LISTEN": "127.0.0.1:8080"},
            "private_listen (WAMON_PRIVATE_LISTEN): has the port of public_listen: give each a port of its own",
        ),
    ],
)
def test_keys_that_do_not_fit_together(faults: Faults, environment: dict[str, str], line: str) -> None:
    assert faults(WABA_ID="1029", ACCESS_TOKEN=TOKEN, **environment) == [line]


def test_tables_that_do_not_fit_together(faults: Faults) -> None:
    written = """\
[[apps]]
name = "main"
app_id = "61"
[[apps]]
name = "main"
app_id = "61"
[[accounts]]
name = "shop"
waba_id = 1001
access_token = "EAAone"
app = "mian"
phone_number_ids = ["5"]
[[accounts]]
name = "shop"
waba_id = "1001"
phone_number_ids = "5"
"""

    assert faults(written) == [
        "accounts #2 access_token (wamon.toml:13): is missing: give one here, or one for all at the top of the file",
        "accounts #2 waba_id (wamon.toml:15): this WABA is configured twice, here and in accounts #1: remove one",
        "accounts #2 name (wamon.toml:14): two accounts have this name, here and in accounts #1: remove one",
        (
            "accounts #2 phone_number_ids (wamon.toml:16): has a number that accounts #1 lists too: "
            "a number belongs to one WABA"
        ),
        "apps #2 app_id (wamon.toml:6): this app is configured twice, here and in apps #1: remove one",
        "apps #2 name (wamon.toml:5): two apps have this name, here and in apps #1: remove one",
        "accounts #1 app (wamon.toml:11): names an app that is not defined; did you mean main?",
    ]


def test_verify_token_alone_belongs_to_no_app_and_checks_no_signature(faults: Faults) -> None:
    assert faults(WABA_ID="1029", ACCESS_TOKEN=TOKEN, VERIFY_TOKEN="v") == [
        "verify_token (WAMON_VERIFY_TOKEN): is set without app_id: set WAMON_APP_ID too, both belong to one app",
        "app_secret: is missing: verify_token is set, and without it the signatures of webhooks cannot be checked",
    ]


def test_app_of_a_table_needs_its_own_secret_for_webhooks(faults: Faults) -> None:
    written = """\
waba_id = 1029
access_token = "EAAx"
app_id = "60"
app_secret = "s"
[[apps]]
app_id = "61"
verify_token = "v"
[[apps]]
app_id = "62"
previous_app_secret = "s"
"""

    assert faults(written) == [
        (
            "apps #1 app_secret (wamon.toml:5): is missing: verify_token is set, "
            "and without it the signatures of webhooks cannot be checked"
        ),
        "apps #2 app_secret (wamon.toml:8): is missing: previous_app_secret is accepted beside it, not in its place",
    ]


def test_app_secret_that_cannot_be_read_is_not_missing_besides(faults: Faults) -> None:
    assert faults(WABA_ID="1029", ACCESS_TOKEN=TOKEN, APP_ID="61", VERIFY_TOKEN="v", APP_SECRET_FILE="absent") == [
        (
            "app_secret (WAMON_APP_SECRET_FILE): its file cannot be read (No such file or directory): "
            "check the path and who may read it"
        )
    ]


def test_one_token_cannot_belong_to_two_apps(faults: Faults) -> None:
    written = MANY.replace('access_token = "EAAown"\n', "")

    assert faults(written) == [
        (
            "accounts #3 app (wamon.toml:26): differs from another account's that has the same access token: "
            "one token, one app"
        )
    ]


def test_account_without_waba_id(faults: Faults) -> None:
    assert faults('access_token = "EAAx"\n[[accounts]]\nname = "a"\n') == [
        "accounts #1 waba_id (wamon.toml:2): is missing: each [[accounts]] table needs one"
    ]


def test_phone_numbers_without_their_account(faults: Faults) -> None:
    assert faults('access_token = "EAAx"\nphone_number_ids = ["1"]\n[[accounts]]\nwaba_id = "2"\n') == [
        "phone_number_ids (wamon.toml:2): belongs to waba_id, which is not set: move it into its [[accounts]]"
    ]


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ("[accounts]\nwaba_id = 1\n", "accounts (wamon.toml:1): must be written with two brackets: [[accounts]]"),
        ("rules = 3\n", "rules (wamon.toml:1): must be a table"),
        ("[rules]\nWhatsAppTokenInvalid = 3\n", "rules.WhatsAppTokenInvalid (wamon.toml:2): must be a table"),
        ("apps = [3]\n", "apps #1 (wamon.toml:1): must be a table"),
    ],
)
def test_wrong_kind_of_table(faults: Faults, written: str, line: str) -> None:
    assert line in faults(written)


# --- unknown keys -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("WABAID", "; did you mean WAMON_WABA_ID?"),
        ("TOKEN_FILE", "; did you mean WAMON_VERIFY_TOKEN_FILE?"),
        ("QQQQ", ": see docs/configuration.md"),
    ],
)
def test_unknown_variable_names_the_nearest(faults: Faults, name: str, hint: str) -> None:
    lines = faults(WABA_ID="1", ACCESS_TOKEN=TOKEN, **{name: "x"})

    assert lines == [f"{name.lower()} (WAMON_{name}): there is no such setting{hint}"]


def test_table_as_a_variable(faults: Faults) -> None:
    assert faults(WABA_ID="1", ACCESS_TOKEN=TOKEN, ACCOUNTS="x") == [
        "accounts (WAMON_ACCOUNTS): there is no such variable: these are tables of wamon.toml"
    ]


def test_unknown_keys_of_the_file_name_the_nearest(faults: Faults) -> None:
    written = """\
access_token = "EAAx"
poll = 3
zzz = 1
[slack]
webhook_url = "https://hooks.example.org"
[[accounts]]
waba_id = "1"
access_tokn = "y"
poll_interval = 60
"""

    assert sorted(faults(written)) == [
        "accounts #1 access_tokn (wamon.toml:8): there is no such key; did you mean access_token?",
        (
            "accounts #1 poll_interval (wamon.toml:9): does not belong into [[accounts]]: "
            "move it to the top of the file, above the first table"
        ),
        "poll (wamon.toml:2): there is no such key; did you mean poll_interval?",
        "slack (wamon.toml:4): there is no such table: write slack_webhook_url = ... at the top of the file",
        "zzz (wamon.toml:3): there is no such key: see docs/configuration.md",
    ]


def test_variables_of_tests_and_of_kubernetes_are_not_ours(load: Load) -> None:
    settings = load(
        WABA_ID="1",
        ACCESS_TOKEN=TOKEN,
        REQUIRE_TOOLS="1",
        TEST_FAILPOINT="x",
        SERVICE_HOST="10.0.0.1",
        SERVICE_PORT="9877",
        METRICS_SERVICE_PORT_HTTP="9877",
        PORT="tcp://10.0.0.1:9877",
        PORT_9877_TCP="tcp://10.0.0.1:9877",
        PORT_9877_TCP_ADDR="10.0.0.1",
    )

    assert settings.accounts[0].waba_id == "1"


def test_port_that_is_no_service_of_kubernetes_is_unknown(faults: Faults) -> None:
    assert faults(WABA_ID="1", ACCESS_TOKEN=TOKEN, PORT="9877")[0].startswith("port (WAMON_PORT): there is no such")


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (
            "waba_id",
            "+1 555 0100",
            ("begins with a plus sign: that is a phone number; the id beside it in WhatsApp Manager is wanted"),
        ),
        ("waba_id", "1029 1234", "has more than digits in it: write the digits only, without spaces or dashes"),
        ("waba_id", '"1029"', "begins with a quote: remove the quotes, an env file needs none"),
        ("waba_id", "EAAcanary", "must be digits only: copy the id, not a name or a token"),
        ("waba_id", "1" * 40, "is too long for an id of Meta's: copy it again"),
        ("waba_id", "<WABA id>", "is still the placeholder: put the real value there"),
        ("access_token", "Bearer EAAcanary", "begins with 'Bearer': give the token alone"),
        ("access_token", "EAA canary", "has a space in it: paste the token again, in one piece"),
        ("access_token", "'EAAcanary'", "begins with a quote: remove the quotes, an env file needs none"),
        ("access_token", "EAAcanary\x07", "has a line break or another control character in it: paste it again"),
        ("access_token", "EAAcanarü", "has a character that no token has: paste it again"),
        (
            "access_token",
            "0123456789abcdef" * 2,
            ("looks like an app secret (32 hexadecimal digits): a system user's access token is wanted"),
        ),
        (
            "access_token",
            "61|canary",
            "looks like an app token (APP_ID|APP_SECRET): a system user's access token is wanted",
        ),
        ("access_token", "xoxb-canary", "looks like a Slack token: Meta's access token is wanted"),
        (
            "slack_webhook_url",
            "http://hooks.example.org/canary",
            ("must begin with https:// (plain http is for 127.0.0.1, ::1 and localhost only)"),
        ),
        ("slack_webhook_url", "xoxb-canary", "must be a whole URL, beginning with https://"),
        ("graph_base_url", "https://user:canary@example.org", "has a user or password in it: remove it"),
        ("graph_base_url", "https://example.org/?canary=1", "has a query or fragment: give scheme, host and path only"),
        ("graph_base_url", "https://[canary", "is not a URL: check host and port"),
        ("graph_version", "canary", "must be a Graph API version, like v25.0"),
        ("private_listen", "9877", "must be host:port, like 127.0.0.1:9877 or [::1]:9877"),
        (
            "private_listen",
            ":9877",
            ("has no host: write 0.0.0.0 in front of the port for every address, 127.0.0.1 for this host only"),
        ),
        ("private_listen", "127.0.0.1:99999", "has a port above 65535"),
        ("private_listen", "http://127.0.0.1:9877", "must be host:port, like 127.0.0.1:9877, without http://"),
        ("poll_interval", "0.5", "must be at least 1 second"),
        ("poll_interval", "60s", "must be a number of seconds, like 60, without a unit"),
        ("poll_interval", "nan", "must be a number of seconds, like 60, without a unit"),
        ("poll_interval", "100000", "must be at most 86400 seconds, one day"),
        (
            "message_retention_days",
            "7",
            "must be at least 8 days: Meta repeats webhooks for up to 7, and each must count once",
        ),
        ("message_retention_days", "8.5", "must be a whole number of days, like 30, without a unit"),
        ("message_retention_days", "30d", "must be a whole number of days, like 30, without a unit"),
        ("message_retention_days", "367", "must be at most 366 days"),
        ("alerting_mode", "canary", "must be one of builtin, prometheus, push"),
        ("log_level", "canary", "must be one of DEBUG, INFO, WARNING, ERROR"),
        ("metrics_max_series", "1.5", "must be a whole number from 1 to 1000000000"),
        ("slack_channel", "my canary", "has a space in it: remove it"),
    ],
)
def test_value_that_cannot_be(faults: Faults, key: str, value: str, reason: str) -> None:
    environment = {"WABA_ID": "1", "ACCESS_TOKEN": TOKEN, key.upper(): value}
    if key == "slack_channel":
        environment["SLACK_BOT_TOKEN"] = "xoxb-1"

    assert faults(**environment) == [f"{key} (WAMON_{key.upper()}): {reason}"]


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (
            "app_secret",
            "EAAcanary",
            ("looks like an access token: the secret is under App settings > Basic in Meta's app dashboard"),
        ),
        (
            "slack_bot_token",
            "xapp-canary",
            ("looks like an app-level token (xapp-): the bot token (xoxb-) is under OAuth & Permissions"),
        ),
        (
            "slack_bot_token",
            "https://hooks.example.org",
            "is a URL: an incoming webhook belongs into slack_webhook_url",
        ),
    ],
)
def test_secret_of_another_kind(faults: Faults, key: str, value: str, reason: str) -> None:
    environment = {"APP_ID": "6", "SLACK_CHANNEL": "#a", "SLACK_BOT_TOKEN": "xoxb-1", key.upper(): value}

    assert faults(WABA_ID="1", ACCESS_TOKEN=TOKEN, **environment) == [f"{key} (WAMON_{key.upper()}): {reason}"]


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("waba_id = true", "must be a text in quotes"),
        ("waba_id = 1.5", "must be a text in quotes"),
        # tomllib reads hexadecimal digits without a limit, and Python does not print what comes of them.
        pytest.param(f"waba_id = 0x{'f' * 5000}", "is too long for an id of Meta's: copy it again", id="long id"),
        pytest.param(
            f"poll_interval = 0x{'f' * 5000}",
            "must be a number of seconds, like 60, without a unit",
            id="long number",
        ),
        ('app_id = ""', "is empty: give it a value or remove it"),
        ("poll_interval = true", "must be a number of seconds, like 60, without a unit"),
        ("phone_number_ids = 3", 'must be a list like ["a", "b"]; in the environment a,b'),
        ('phone_number_ids = ["a"]', "must be digits only: copy the id, not a name or a token"),
    ],
)
def test_value_of_a_wrong_type_in_the_file(faults: Faults, written: str, reason: str) -> None:
    key = written.split(maxsplit=1)[0]

    lines = faults(f'access_token = "EAAx"\n{written}\n[[accounts]]\nwaba_id = "7"\n')

    assert f"{key} (wamon.toml:2): {reason}" in lines


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8081", "http://localhost:1/x", "http://[::1]:8081", "https://example.org/"]
)
def test_plain_http_is_for_loopback_only(load: Load, url: str) -> None:
    settings = load(WABA_ID="1", ACCESS_TOKEN=TOKEN, GRAPH_BASE_URL=url)

    assert settings.graph_base_url == url.rstrip("/")


@pytest.mark.parametrize(
    ("written", "address"),
    [("[::]:9877", Listen("::", 9877)), ("localhost:0", Listen("localhost", 0))],
)
def test_listener_with_another_host(load: Load, written: str, address: Listen) -> None:
    settings = load(WABA_ID="1", ACCESS_TOKEN=TOKEN, PRIVATE_LISTEN=written)

    assert settings.private_listen == address
    assert str(settings.private_listen) == written


def test_all_faults_of_one_load_come_together(faults: Faults) -> None:
    lines = faults(
        '[rules.WhatsAppTokenExpirin]\nwarning_days = 3\n[[accounts]]\nwaba_id = "x"\n',
        POLL_INTERVAL="0",
        WANTED="x",
        APP_SECRET="s",
    )

    assert sorted(line.split(":")[0] for line in lines) == [
        "accounts #1 access_token (wamon.toml",
        "accounts #1 waba_id (wamon.toml",
        "app_secret (WAMON_APP_SECRET)",
        "poll_interval (WAMON_POLL_INTERVAL)",
        "rules.WhatsAppTokenExpirin (wamon.toml",
        "wanted (WAMON_WANTED)",
    ]


# --- the file ---------------------------------------------------------------------------------------------------------


def test_named_file_wins_over_the_variable_and_over_the_default_place(tmp_path: Path) -> None:
    for name in ("named", "variable", "standard"):
        (tmp_path / name).write_text(f'waba_id = "1"\naccess_token = "EAA{name}"\n', encoding="utf-8")
    by_variable = {"WAMON_CONFIG": str(tmp_path / "variable")}
    standard = (tmp_path / "absent", tmp_path / "standard")

    loaded = [
        load_settings(tmp_path / "named", by_variable, default_paths=standard),
        load_settings(None, by_variable, default_paths=standard),
        load_settings(None, {}, default_paths=standard),
    ]

    assert [settings.tokens()[0].secret for settings in loaded] == ["EAAnamed", "EAAvariable", "EAAstandard"]
    assert [settings.path for settings in loaded] == [tmp_path / name for name in ("named", "variable", "standard")]


def test_file_that_is_asked_for_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(tmp_path / "absent.toml", {})

    assert str(caught.value) == (
        f"{tmp_path}/absent.toml: cannot be read (No such file or directory): "
        "check the path, or write one with `wamon config init`"
    )


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"a = [\n1,,]", "wamon.toml:2: not valid TOML: Invalid value (at line 2, column 3)"),
        (b"a = \xff", "wamon.toml: is not UTF-8 text: is it the right file?"),
        (b"a = " + b"9" * 5000, "wamon.toml: not valid TOML: a value in it cannot be read"),
        (b"a = " + b"[" * 5000, "wamon.toml: not valid TOML: a value in it cannot be read"),
    ],
)
def test_file_that_is_not_toml(tmp_path: Path, content: bytes, line: str) -> None:
    path = tmp_path / "wamon.toml"
    path.write_bytes(content)

    with pytest.raises(ConfigurationError) as caught:
        load_settings(path, {})

    assert str(caught.value).replace(f"{tmp_path}/", "") == line


def test_relative_paths_start_at_the_files_folder(load: Load, tmp_path: Path) -> None:
    written = 'waba_id = "1"\naccess_token = "EAAx"\ndatabase = "data/wamon.db"\n'

    assert load(written).database == tmp_path / "data" / "wamon.db"
    assert load(written, DATABASE="data/wamon.db").database == Path("data/wamon.db")


# --- the version table ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("versions.toml", "as_of = 2027-02-01\n[versions.'v27.0']\nintroduced = 2027-01-20\n"),
        ("versions.json", '{"as_of": "2027-02-01", "versions": {"v27.0": {"introduced": "2027-01-20"}}}'),
    ],
)
def test_version_table_adds_to_the_bundled_one(load: Load, tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")

    settings = load(WABA_ID="1", ACCESS_TOKEN=TOKEN, VERSION_TABLE=str(tmp_path / name))

    assert settings.versions.get("v27.0") is not None
    assert settings.versions.get("v25.0") is not None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "its file cannot be read (No such file or directory): check the path"),
        ("a = [", "its file is neither valid TOML nor, as *.json, valid JSON"),
        ("[versions]\n", "v.toml: versions must be a table with at least one version, like versions.v25.0"),
    ],
)
def test_version_table_that_does_not_serve(faults: Faults, tmp_path: Path, content: str | None, reason: str) -> None:
    if content is not None:
        (tmp_path / "v.toml").write_text(content, encoding="utf-8")

    lines = faults('waba_id = "1"\naccess_token = "EAAx"\nversion_table = "v.toml"\n')

    assert lines == [f"version_table (wamon.toml:3): {reason}"]
