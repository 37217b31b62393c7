"""Who is told, by whom and how patiently: the keys about receivers, routes, modes and `[alerting]`."""

from datetime import UTC, datetime, time, timedelta

import pytest

from tests.config.loading import Faults, Load
from wamon.config.receiving import RouteSettings
from wamon.config.values import WeeklyTime
from wamon.core.alerting import Severity
from wamon.core.manner import Patience
from wamon.rules import RULES

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
ONE = {"WABA_ID": "1", "ACCESS_TOKEN": "EAAx"}
WRITTEN = 'waba_id = "1"\naccess_token = "EAAx"\n'
BOT = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_CHANNEL": "#alerts"}
SECRETS = {
    **BOT,
    "SLACK_APP_TOKEN": "xapp-canary1",
    "SLACK_SIGNING_SECRET": "canary2",
    "WEBHOOK_URL": "http://user:canary3@receiver.example.org/canary4",
    "WEBHOOK_SECRET": "canary5",
    "HEARTBEAT_URL": "http://beat.example.org/canary6",
    "PRIVATE_BEARER_TOKEN": "canary7-canary7-canary7",
    "ALERTMANAGER_URLS": "http://wamon:canary%408@am:9093",
}


def test_without_these_keys_wamon_tells_by_itself_and_patiently(load: Load) -> None:
    settings = load(**ONE)

    assert settings.alerting_mode == "builtin"
    assert set(settings.rule_modes.values()) == {"builtin"}
    assert settings.slack_allowed_users == ("*",)
    assert (settings.routes, settings.weekly_digest, settings.escalation_receiver) == ((), None, None)
    assert settings.patience == Patience()
    assert settings.default_receivers() == ("log",)
    assert settings.receiver_names() == ("log",)


def test_every_receiver_that_is_configured_is_told(load: Load) -> None:
    settings = load(
        **ONE, **BOT, SLACK_WEBHOOK_URL="https://hooks.example.org/x", WEBHOOK_URL="http://receiver.example.org:8000/x"
    )

    assert settings.default_receivers() == ("slack_webhook", "slack_bot", "webhook")
    assert settings.receivers() == (
        "Slack incoming webhook",
        "Slack bot in #alerts",
        "webhook at receiver.example.org",
    )


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_no_secret_of_a_receiver_is_shown(load: Load) -> None:
    settings = load(**ONE, **SECRETS)

    assert "canary" not in repr(settings)
    assert "canary" not in repr(settings.shown)
    assert "canary" not in repr(settings.receivers())
    shown = {row.key: row.value for row in settings.shown}
    assert shown["alertmanager_urls"] == "http://am:9093"


def test_every_secret_of_a_receiver_is_named_for_redaction(load: Load) -> None:
    settings = load(**ONE, **SECRETS)

    named = {value for key, value in SECRETS.items() if key not in ("SLACK_CHANNEL", "ALERTMANAGER_URLS")}
    assert {*named, "canary%408", "canary@8"} <= set(settings.secrets())
    assert settings.private_bearer_token == "canary7-canary7-canary7"


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "mention"),
    [
        ("U0123ABC", "<@U0123ABC>"),
        ("W0123ABC", "<@W0123ABC>"),
        ("S0123ABC", "<!subteam^S0123ABC>"),
        ("<@U0123ABC>", "<@U0123ABC>"),
        (" <!subteam^S0123ABC> ", "<!subteam^S0123ABC>"),
        ("<!subteam^S0123ABC|@oncall>", "<!subteam^S0123ABC|@oncall>"),
        ("<!here>", "<!here>"),
    ],
)
def test_mention_is_brought_into_slacks_form(load: Load, written: str, mention: str) -> None:
    assert load(**ONE, **BOT, SLACK_ESCALATION_MENTION=written).slack_escalation_mention == mention


@pytest.mark.parametrize(
    "written", ["@oncall", "<@oncall>", "<!subteam^U1AB>", "<!date>", "C0123ABC", "<@>", "<canary"]
)
def test_mention_that_mentions_nobody(faults: Faults, written: str) -> None:
    assert faults(**ONE, **BOT, SLACK_ESCALATION_MENTION=written) == [
        (
            "slack_escalation_mention (WAMON_SLACK_ESCALATION_MENTION): must be the id of a user (U...) "
            "or a user group (S...), or <!here>; a name mentions nobody"
        )
    ]


@pytest.mark.parametrize(
    ("written", "when"),
    [
        ("monday 09:00", WeeklyTime(weekday=0, at=time(9))),
        ("Sun 23:59 UTC", WeeklyTime(weekday=6, at=time(23, 59))),
        ("thursday 7:05", WeeklyTime(weekday=3, at=time(7, 5))),
    ],
)
def test_weekly_digest(load: Load, written: str, when: WeeklyTime) -> None:
    assert load(**ONE, WEEKLY_DIGEST=written).weekly_digest == when


def test_weekly_digest_is_off_when_empty_and_shown_as_it_is_written(load: Load) -> None:
    assert load(f'{WRITTEN}weekly_digest = ""\n').weekly_digest is None
    shown = {row.key: row.value for row in load(**ONE, WEEKLY_DIGEST="mon 9:00").shown}
    assert shown["weekly_digest"] == "monday 09:00"


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("weekly_digest", "someday 09:00", 'must be a weekday and a time in UTC, like "monday 09:00"'),
        ("weekly_digest", "mo 09:00", 'must be a weekday and a time in UTC, like "monday 09:00"'),
        ("weekly_digest", "monday", 'must be a weekday and a time in UTC, like "monday 09:00"'),
        ("weekly_digest", "monday 24:00", "has no such time of day: write 00:00 to 23:59, in UTC"),
        (
            "slack_app_token",
            "xoxb-canary",
            "looks like a bot token (xoxb-): the app-level token (xapp-) is under Basic Information",
        ),
        (
            "slack_app_token",
            "canary",
            "must begin with xapp-: an app-level token is under Basic Information > App-Level Tokens",
        ),
        (
            "slack_signing_secret",
            "xapp-canary",
            "looks like a Slack token: the signing secret is under Basic Information > App Credentials",
        ),
        (
            "slack_allowed_users",
            "U123,kim",
            "must be ids of users (U...), user groups (S...) or channels (C...), or * for everybody",
        ),
        (
            "private_bearer_token",
            "canary",
            "must be at least 16 characters, for example of `openssl rand -hex 24`",
        ),
        ("private_bearer_token", "Bearer canary", "begins with 'Bearer': give the token alone"),
        ("webhook_url", "ftp://canary", "must be a whole URL, beginning with https://"),
        ("heartbeat_url", "canary", "must be a whole URL, beginning with https://"),
        ("alertmanager_urls", "am:9093", "must be a whole URL, beginning with https://"),
        (
            "alertmanager_urls",
            "http://am:9093/api/v2/alerts",
            "has the API's path in it: give the base URL, like http://alertmanager:9093",
        ),
        ("alertmanager_urls", "http://am/?x", "has a query or fragment: give scheme, host and path only"),
        ("page_url", "https://me:canary@x.example", "has a user or password in it: remove it"),
        ("runbook_url", "https://x.example/#a", "has a query or fragment: give scheme, host and path only"),
    ],
)
def test_value_that_cannot_be(faults: Faults, key: str, value: str, reason: str) -> None:
    environment = {**ONE, **BOT, key.upper(): value}

    assert faults(**environment) == [f"{key} (WAMON_{key.upper()}): {reason}"]


def test_bases_of_links_lose_their_closing_slash(load: Load) -> None:
    settings = load(
        **ONE,
        PAGE_URL="http://wamon.internal:9877/",
        RUNBOOK_URL="https://x.example/books/",
        ALERTMANAGER_URLS="http://a:9093/,https://b/am/",
    )

    assert (settings.page_url, settings.runbook_url) == ("http://wamon.internal:9877", "https://x.example/books")
    assert settings.alertmanager_urls == ("http://a:9093", "https://b/am")


def test_nobody_may_use_the_buttons_when_the_list_is_empty(load: Load) -> None:
    assert load(f"{WRITTEN}slack_allowed_users = []\n").slack_allowed_users == ()


# --- what belongs together --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("slack_app_token", "xapp-1", "is set without slack_bot_token: set WAMON_SLACK_BOT_TOKEN too"),
        ("slack_signing_secret", "x", "is set without slack_bot_token: set WAMON_SLACK_BOT_TOKEN too"),
        ("webhook_secret", "x", "is set without webhook_url: set WAMON_WEBHOOK_URL too"),
        (
            "slack_escalation_mention",
            "<!here>",
            "is set without Slack: set WAMON_SLACK_BOT_TOKEN, or WAMON_SLACK_WEBHOOK_URL, too",
        ),
        ("alerting_mode", "push", "is push without alertmanager_urls: set WAMON_ALERTMANAGER_URLS too"),
        ("escalation_receiver", "webhook", "is no receiver that is configured: there is log"),
        ("fallback_receiver", "pager", "is no receiver that is configured: there is log"),
    ],
)
def test_key_without_what_it_needs(faults: Faults, key: str, value: str, text: str) -> None:
    assert faults(**{**ONE, key.upper(): value}) == [f"{key} (WAMON_{key.upper()}): {text}"]


def test_unknown_receiver_is_told_those_that_are_configured(faults: Faults) -> None:
    written = f'{WRITTEN}fallback_receiver = "pager"\n[[routes]]\nchannel = "#other"\n'

    assert faults(written, **BOT) == [
        (
            "fallback_receiver (wamon.toml:3): is no receiver that is configured: "
            "there are slack_bot, slack_bot:#other, log"
        )
    ]


def test_spare_receivers_are_receivers(load: Load) -> None:
    settings = load(
        f'{WRITTEN}[[routes]]\nchannel = "#other"\n',
        **BOT,
        WEBHOOK_URL="https://receiver.example.org",
        ESCALATION_RECEIVER="webhook",
        FALLBACK_RECEIVER="log",
    )

    assert settings.receiver_names() == ("slack_bot", "webhook", "slack_bot:#other", "log")
    assert (settings.escalation_receiver, settings.fallback_receiver) == ("webhook", "log")


# --- modes ------------------------------------------------------------------------------------------------------------


def test_rule_may_have_a_mode_of_its_own(load: Load) -> None:
    written = f'{WRITTEN}[rules.WhatsAppTokenInvalid]\nmode = "Push"\n'

    settings = load(written, ALERTING_MODE="prometheus", ALERTMANAGER_URLS="http://am:9093")

    assert settings.rule_modes["WhatsAppTokenInvalid"] == "push"
    assert settings.rule_modes["WhatsAppQualityRating"] == "prometheus"
    assert set(settings.rule_modes) == {rule.name for rule in RULES}
    assert settings.bound_rules(RULES) == RULES


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        ('"loud"', "must be one of builtin, prometheus, push"),
        ("3", "must be a text in quotes"),
        ('"push"', "is push without alertmanager_urls: set WAMON_ALERTMANAGER_URLS too"),
    ],
)
def test_mode_of_a_rule_that_cannot_be(faults: Faults, mode: str, text: str) -> None:
    assert faults(f"{WRITTEN}[rules.WhatsAppTokenInvalid]\nmode = {mode}\n") == [
        f"rules.WhatsAppTokenInvalid.mode (wamon.toml:4): {text}"
    ]


# --- routes -----------------------------------------------------------------------------------------------------------


def test_routes_know_their_receivers(load: Load) -> None:
    written = """\
access_token = "EAAx"
[[accounts]]
name = "shop"
waba_id = "1"
[[accounts]]
waba_id = "2"
[[routes]]
channel = "#oncall"
min_severity = "Critical"
[[routes]]
channel = "#alerts"
accounts = ["shop", "2"]
[[routes]]
receiver = "log"
"""

    assert load(written, **BOT).routes == (
        RouteSettings(receiver="slack_bot:#oncall", least=Severity.CRITICAL),
        RouteSettings(receiver="slack_bot", accounts=frozenset({"shop", "2"})),
        RouteSettings(receiver="log"),
    )


@pytest.mark.parametrize(
    ("route", "line"),
    [
        ("", "routes #1 (wamon.toml:3): needs a channel or a receiver: give one of the two"),
        (
            'channel = "#a"\nreceiver = "log"',
            "routes #1 (wamon.toml:3): has a channel and a receiver: give one of the two",
        ),
        (
            'channel = "#a"',
            (
                "routes #1 channel (wamon.toml:4): needs the Slack bot: "
                "set slack_bot_token and slack_channel, or their WAMON_ variables"
            ),
        ),
        (
            'receiver = "webhook"',
            "routes #1 receiver (wamon.toml:4): is not configured: set webhook_url (or WAMON_WEBHOOK_URL) too",
        ),
        (
            'receiver = "pager"',
            "routes #1 receiver (wamon.toml:4): must be one of slack_webhook, slack_bot, webhook, log",
        ),
        (
            'receiver = "log"\naccounts = ["defalt"]',
            "routes #1 accounts (wamon.toml:5): names an account that is not configured; did you mean default?",
        ),
        (
            'receiver = "log"\naccounts = "zzz"',
            "routes #1 accounts (wamon.toml:5): names an account that is not configured: there are default",
        ),
        (
            'receiver = "log"\nmin_severity = "loud"',
            "routes #1 min_severity (wamon.toml:5): must be one of info, warning, critical",
        ),
        (
            'receiver = "log"\nseverity = "info"',
            "routes #1 severity (wamon.toml:5): there is no such key; did you mean min_severity?",
        ),
    ],
)
def test_route_that_leads_nowhere(faults: Faults, route: str, line: str) -> None:
    assert faults(f"{WRITTEN}[[routes]]\n{route}\n") == [line]


def test_routes_are_tables_of_the_file(faults: Faults) -> None:
    assert faults(f'{WRITTEN}[routes]\nreceiver = "log"\n') == [
        "routes (wamon.toml:3): must be written with two brackets: [[routes]]"
    ]
    assert faults(**ONE, ROUTES="x") == [
        "routes (WAMON_ROUTES): there is no such variable: these are tables of wamon.toml"
    ]


# --- patience ---------------------------------------------------------------------------------------------------------


def test_patience_is_as_written(load: Load) -> None:
    written = f"""{WRITTEN}
[alerting]
group_wait_seconds = 0
group_interval_seconds = 60
repeat_critical_hours = 0.5
repeat_warning_hours = 12
ack_hours = 8
escalate_after_minutes = 5
escalate_again_after_minutes = 5
storm_groups = 50
"""

    patience = load(written).patience

    assert patience == Patience(
        group_wait=timedelta(0),
        group_interval=timedelta(minutes=1),
        repeats={Severity.CRITICAL: timedelta(minutes=30), Severity.WARNING: timedelta(hours=12)},
        ack_lasts=timedelta(hours=8),
        escalate_after=(timedelta(minutes=5), timedelta(minutes=5)),
        storm_groups=50,
    )


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ("group_wait_seconds = -1", "alerting.group_wait_seconds (wamon.toml:4): must be from 0 to 600 seconds"),
        ("group_wait_seconds = true", "alerting.group_wait_seconds (wamon.toml:4): must be a number of seconds"),
        ("repeat_critical_hours = 0", "alerting.repeat_critical_hours (wamon.toml:4): must be from 0.25 to 168 hours"),
        ("storm_groups = 2.5", "alerting.storm_groups (wamon.toml:4): must be a whole number from 2 to 1000"),
        (
            "group_wait = 3",
            "alerting.group_wait (wamon.toml:4): there is no such key; did you mean group_wait_seconds?",
        ),
        (
            "poll_interval = 3",
            (
                "alerting.poll_interval (wamon.toml:4): does not belong into [alerting]: "
                "move it to the top of the file, above the first table"
            ),
        ),
        (
            "escalate_after_minutes = 60",
            (
                "alerting.escalate_again_after_minutes (wamon.toml:3): is less than escalate_after_minutes: "
                "both count from the same moment"
            ),
        ),
    ],
)
def test_patience_that_cannot_be(faults: Faults, written: str, line: str) -> None:
    assert faults(f"{WRITTEN}[alerting]\n{written}\n") == [line]


def test_alerting_is_one_table(faults: Faults) -> None:
    assert faults(f"{WRITTEN}[[alerting]]\ngroup_wait_seconds = 3\n") == ["alerting (wamon.toml): must be a table"]


# --- warnings ---------------------------------------------------------------------------------------------------------


def test_listener_that_others_reach_without_a_token_is_warned_of(load: Load) -> None:
    bot = {**BOT, "SLACK_CHANNEL": "C0123456789"}
    warned = load(**ONE, **bot, PRIVATE_LISTEN="0.0.0.0:9877").warnings(NOW)
    quiet = load(**ONE, **bot, PRIVATE_LISTEN="0.0.0.0:9877", PRIVATE_BEARER_TOKEN="x" * 16).warnings(NOW)

    assert list(warned) == [
        (
            "private_listen is open to other machines without private_bearer_token or users in a web_config: "
            "whoever reaches it can silence and close alerts"
        )
    ]
    assert list(quiet) == []


def test_channel_by_name_and_buttons_for_everybody_are_warned_of(load: Load) -> None:
    named = list(load(**ONE, **BOT).warnings(NOW))
    bot = {**BOT, "SLACK_CHANNEL": "C0123456789", "SLACK_APP_TOKEN": "xapp-1-A0-1-x"}
    everybody = list(load(**ONE, **bot).warnings(NOW))
    some = list(load(**ONE, **bot, SLACK_ALLOWED_USERS="U0ANNA").warnings(NOW))

    assert [warning.partition(":")[0] for warning in named] == ["slack_channel is a name"]
    assert [warning.partition(":")[0] for warning in everybody] == ["slack_allowed_users is everybody"]
    assert some == []


def test_rule_that_is_announced_by_wamon_needs_a_receiver(load: Load) -> None:
    written = f'{WRITTEN}[rules.WhatsAppTokenInvalid]\nmode = "builtin"\n'

    (warning,) = load(written, ALERTING_MODE="prometheus").warnings(NOW)

    assert warning.startswith("no receiver: alerts are only logged")


def test_any_channel_of_the_bot_can_be_told_of_escalations(load: Load) -> None:
    settings = load(WRITTEN, **BOT, ESCALATION_RECEIVER="slack_bot:C0MANAGERS")

    assert settings.escalation_receiver == "slack_bot:C0MANAGERS"
    assert settings.receiver_names() == ("slack_bot", "slack_bot:C0MANAGERS")
