"""What a broken configuration tells: where it is, which key, the nearest that exists, and what to do next."""

import pytest

from tests.config.loading import Faults

GOOD = 'waba_id = "1"\naccess_token = "EAAcanary"\n'


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        ("poll_intervall = 60", ["poll_intervall (wamon.toml:3): there is no such key; did you mean poll_interval?"]),
        (
            'poll_interval = "canary"',
            ["poll_interval (wamon.toml:3): must be a number of seconds, like 60, without a unit"],
        ),
        ('alerting_mode = "canary"', ["alerting_mode (wamon.toml:3): must be one of builtin, prometheus, push"]),
        (
            'private_listen = "canary"',
            ["private_listen (wamon.toml:3): must be host:port, like 127.0.0.1:9877 or [::1]:9877"],
        ),
        (
            'slack_bot_token = "xoxb-canary"',
            ["slack_bot_token (wamon.toml:3): is set without slack_channel: set WAMON_SLACK_CHANNEL too"],
        ),
        (
            'access_token_file = "canary"',
            ["access_token (wamon.toml:2): is set beside access_token_file: keep one of them"],
        ),
        (
            '[[accounts]]\nwabaid = "2"',
            [
                "accounts #1 waba_id (wamon.toml:3): is missing: each [[accounts]] table needs one",
                "accounts #1 wabaid (wamon.toml:4): there is no such key; did you mean waba_id?",
            ],
        ),
        (
            '[[routes]]\nchannel = "#canary"',
            [
                (
                    "routes #1 channel (wamon.toml:4): needs the Slack bot: "
                    "set slack_bot_token and slack_channel, or their WAMON_ variables"
                )
            ],
        ),
        (
            '[[routes]]\nreceiver = "webhook"',
            ["routes #1 receiver (wamon.toml:4): is not configured: set webhook_url (or WAMON_WEBHOOK_URL) too"],
        ),
        (
            "[alertting]\nrepeat_critical_hours = 3",
            ["alertting (wamon.toml:3): there is no such key; did you mean alerting?"],
        ),
        (
            "[alerting]\nrepeat_critical_hour = 3",
            ["alerting.repeat_critical_hour (wamon.toml:4): there is no such key; did you mean repeat_critical_hours?"],
        ),
        (
            "[rules.WhatsAppTokenExpirin]\nwarning_days = 3",
            ["rules.WhatsAppTokenExpirin (wamon.toml:3): there is no such rule; did you mean WhatsAppTokenExpiring?"],
        ),
        (
            "[rules.WhatsAppTokenExpiring]\nwarnin_days = 3",
            [
                (
                    "rules.WhatsAppTokenExpiring.warnin_days (wamon.toml:4): "
                    "WhatsAppTokenExpiring has no such parameter; did you mean warning_days?"
                )
            ],
        ),
    ],
)
def test_fault_in_the_file_names_line_key_and_next_step_and_never_the_value(
    faults: Faults, written: str, lines: list[str]
) -> None:
    assert faults(f"{GOOD}{written}\n") == lines


@pytest.mark.parametrize(
    ("variable", "line"),
    [
        (
            "POLL_INTERVALL",
            "poll_intervall (WAMON_POLL_INTERVALL): there is no such setting; did you mean WAMON_POLL_INTERVAL?",
        ),
        ("POLL_INTERVAL", "poll_interval (WAMON_POLL_INTERVAL): must be a number of seconds, like 60, without a unit"),
        (
            "ESCALATION_RECEIVER",
            "escalation_receiver (WAMON_ESCALATION_RECEIVER): is no receiver that is configured: there is log",
        ),
    ],
)
def test_fault_in_the_environment_names_the_variable(faults: Faults, variable: str, line: str) -> None:
    assert faults(GOOD, **{variable: "canary"}) == [line]
