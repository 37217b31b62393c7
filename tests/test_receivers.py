"""Who is told, and who may answer: what follows from the settings."""

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest

from tests.configured import settings_for
from tests.fakes import FakeClock
from wamon.config.load import load_settings
from wamon.config.settings import Settings
from wamon.core.alerting import Severity, Transition
from wamon.core.errors import ConfigurationError
from wamon.core.inhibition import Inhibition
from wamon.core.manner import Manner, Route
from wamon.core.outgoing import Press
from wamon.core.state import State
from wamon.daemon import Daemon
from wamon.notify.details import Links
from wamon.receivers import (
    Buttons,
    build_buttons,
    build_notifiers,
    build_push,
    fallbacks,
    has_buttons,
    manner,
    mode_of,
)
from wamon.rules import RULES
from wamon.rules.inhibitions import INHIBITIONS
from wamon.sim.world import World

HOOK = {"slack_webhook_url": "https://hooks.slack.com/services/T/B/x"}
BOT = {"slack_bot_token": "xoxb-1", "slack_channel": "#alerts"}
OURS = {"webhook_url": "https://pager.example/in"}
PEERS = {"alertmanager_urls": "http://am-1.example:9093,http://am-2.example:9093"}
QUALITY = "WhatsAppQualityRating"
ALL = frozenset(rule.name for rule in RULES)
ACCOUNTS = """
[[apps]]
name = "shop"
app_id = "61"

[[accounts]]
name = "market"
waba_id = "100"
access_token = "EAAshop"
app = "shop"

[[apps]]
name = "other"
app_id = "62"

[[accounts]]
name = "bank"
waba_id = "102"
access_token = "EAAbank"
"""


def configured(folder: Path, *, file: str = "", **settings: str) -> Settings:
    return settings_for(World.small(FakeClock().now), folder, file=file, **settings)


def of_two_accounts(folder: Path, text: str = "", **settings: str) -> Settings:
    path = folder / "wamon.toml"
    path.write_text(text + ACCOUNTS, encoding="utf-8")
    environment = {f"WAMON_{key.upper()}": value for key, value in settings.items()}
    return load_settings(path, environment, rules=RULES, default_paths=())


def manner_of(settings: Settings) -> Manner:
    return manner(settings, RULES)


# --- who gets what ----------------------------------------------------------------------------------------------------


def test_without_routes_every_receiver_is_told_of_everything(tmp_path: Path) -> None:
    how = manner_of(configured(tmp_path, **HOOK, **BOT, **OURS))

    assert how.route({}, Severity.INFO) == {"slack_webhook", "slack_bot", "webhook"}


def test_route_takes_what_is_severe_enough_and_the_rest_goes_to_the_others(tmp_path: Path) -> None:
    routes = '[[routes]]\nchannel = "#pagers"\nmin_severity = "critical"\naccounts = ["bank"]\n'
    how = manner_of(of_two_accounts(tmp_path, routes, **BOT))

    pagers = Route(receiver="slack_bot:#pagers", least=Severity.CRITICAL, accounts=frozenset({"bank"}))
    assert how.routes == (pagers,)
    assert how.route({"account": "bank"}, Severity.CRITICAL) == {"slack_bot:#pagers"}
    assert how.route({"account": "bank"}, Severity.WARNING) == {"slack_bot"}
    assert how.route({"account": "market"}, Severity.CRITICAL) == {"slack_bot"}


@pytest.mark.parametrize("key", ["escalation_receiver", "fallback_receiver"])
def test_spare_receiver_is_told_nothing_in_the_first_place(tmp_path: Path, key: str) -> None:
    how = manner_of(configured(tmp_path, **BOT, **OURS, **{key: "webhook"}))

    assert how.receivers == ("slack_bot",)


def test_spare_receiver_that_is_alone_is_told_of_everything(tmp_path: Path) -> None:
    how = manner_of(configured(tmp_path, **OURS, escalation_receiver="webhook"))

    assert how.receivers == ("webhook",)
    assert how.escalation_receiver == "webhook"


def test_account_and_token_are_tied_to_the_ids_that_alerts_carry(tmp_path: Path) -> None:
    ties = manner_of(of_two_accounts(tmp_path)).ties

    assert ties["waba_id", "100"] == {"account": "market", "token": "market", "app_id": "61"}
    assert ties["waba_id", "102"] == {"account": "bank", "token": "bank"}
    assert ties["token", "market"] == {"account": "market", "app_id": "61"}
    assert ties["token", "bank"] == {"account": "bank"}


@pytest.mark.parametrize(("given", "mentions"), [({}, False), ({"slack_escalation_mention": "U0ANNA"}, True)])
def test_people_are_called_when_somebody_is_named(tmp_path: Path, given: dict[str, str], mentions: bool) -> None:
    assert manner_of(configured(tmp_path, **BOT, **given)).mentions is mentions


def test_patience_is_that_of_the_settings(tmp_path: Path) -> None:
    settings = configured(tmp_path, file="[alerting]\ngroup_wait_seconds = 7\n")

    assert manner_of(settings).patience.group_wait.total_seconds() == 7


def test_inhibitions_are_the_rules_own(tmp_path: Path) -> None:
    assert manner_of(configured(tmp_path)).inhibitions == INHIBITIONS


def test_inhibitions_in_a_circle_stop_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    circle = (Inhibition(source="A", targets=frozenset({"B"})), Inhibition(source="B", targets=frozenset({"A"})))
    monkeypatch.setattr("wamon.receivers.INHIBITIONS", circle)

    with pytest.raises(ConfigurationError, match="circle"):
        manner_of(configured(tmp_path))


# --- who tells --------------------------------------------------------------------------------------------------------


def test_nothing_is_outside_when_wamon_tells_of_everything(tmp_path: Path) -> None:
    assert manner_of(configured(tmp_path)).outside == frozenset()


def test_rules_that_somebody_else_announces_are_outside(tmp_path: Path) -> None:
    settings = configured(tmp_path, file=f'[rules.{QUALITY}]\nmode = "prometheus"\n')

    assert mode_of(settings, QUALITY) == "prometheus"
    assert manner_of(settings).outside == {QUALITY}


def test_rule_can_stay_with_wamon_when_all_others_do_not(tmp_path: Path) -> None:
    settings = configured(tmp_path, file=f'[rules.{QUALITY}]\nmode = "builtin"\n', alerting_mode="prometheus", **HOOK)

    assert manner_of(settings).outside == ALL - {QUALITY}
    assert list(build_notifiers(settings, RULES)) == ["slack_webhook"]


@pytest.mark.parametrize("mode", [{"alerting_mode": "prometheus"}, {"alerting_mode": "push", **PEERS}])
def test_nobody_is_built_who_would_be_told_nothing(tmp_path: Path, mode: dict[str, str]) -> None:
    settings = configured(tmp_path, **HOOK, **mode)

    assert manner_of(settings).outside == ALL
    assert build_notifiers(settings, RULES) == {}


def test_every_receiver_that_is_named_is_built_under_its_name(tmp_path: Path) -> None:
    routes = '[[routes]]\nchannel = "#pagers"\n[[routes]]\nreceiver = "log"\n'
    settings = of_two_accounts(tmp_path, routes, **BOT, **HOOK, **OURS, fallback_receiver="slack_bot:#spare")

    notifiers = build_notifiers(settings, RULES)

    names = ["slack_webhook", "slack_bot", "webhook", "slack_bot:#pagers", "log", "slack_bot:#spare"]
    assert list(notifiers) == names
    assert [notifier.name for notifier in notifiers.values()] == names


def test_each_receiver_but_the_spare_one_has_it_to_fall_back_on(tmp_path: Path) -> None:
    settings = configured(tmp_path, **BOT, **HOOK, **OURS, fallback_receiver="webhook")

    assert fallbacks(settings) == {"slack_webhook": "webhook", "slack_bot": "webhook"}


def test_without_a_spare_one_nobody_falls_back(tmp_path: Path) -> None:
    assert fallbacks(configured(tmp_path, **BOT, **HOOK)) == {}


# --- buttons ----------------------------------------------------------------------------------------------------------

SOCKET = {"slack_app_token": "xapp-1"}
SIGNED = {"slack_signing_secret": "0123456789abcdef0123456789abcdef"}


class Unheard:
    """Counts nothing."""

    def slack_action(self, action: str, outcome: str) -> None:
        """Not asked for here."""

    def pushed(self, peer: str, outcome: str, alerts: int) -> None:
        """Not asked for here."""


def buttons_of(settings: Settings) -> Buttons | None:
    async def press(_press: Press) -> str:
        return ""

    notifiers = build_notifiers(settings, RULES)
    return build_buttons(settings, notifiers, press, clock=FakeClock(), random=random.Random(0), observer=Unheard())


@pytest.mark.parametrize(
    ("given", "is_there", "takes_requests"),
    [
        ({**BOT, **SOCKET}, True, False),
        ({**BOT, **SIGNED}, True, True),
        ({**BOT, **SOCKET, **SIGNED}, True, False),
        (BOT, False, False),
        (HOOK, False, False),
        ({}, False, False),
    ],
)
def test_messages_have_buttons_only_where_a_press_comes_in(
    tmp_path: Path, given: dict[str, str], is_there: bool, takes_requests: bool
) -> None:
    settings = configured(tmp_path, **given)

    buttons = buttons_of(settings)

    assert has_buttons(settings) is is_there
    assert (buttons is not None) is is_there
    assert (buttons is not None and buttons.requests is not None) is takes_requests


def test_there_are_no_buttons_where_everything_is_announced_by_somebody_else(tmp_path: Path) -> None:
    assert buttons_of(configured(tmp_path, **BOT, **SOCKET, alerting_mode="prometheus")) is None


def test_daemon_offers_what_is_built(tmp_path: Path) -> None:
    def daemon(**given: str) -> Daemon:
        return Daemon(configured(tmp_path, **given), clock=FakeClock(), random=random.Random(0))

    plain, able = daemon(**BOT), daemon(**BOT, **SOCKET, **PEERS, heartbeat_url="https://hc.example/ping")

    assert (plain.buttons, plain.push, plain.heartbeat, plain.weekly) == (None, None, None, None)
    assert None not in (able.buttons, able.push, able.heartbeat)
    assert "heartbeat" in [job.name for job in able.jobs()]


# --- push -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "is_there"), [({}, False), (PEERS, True)])
def test_alerts_are_pushed_only_where_an_address_is_known(
    tmp_path: Path, given: dict[str, str], is_there: bool
) -> None:
    settings = configured(tmp_path, **given)

    async def recent(_since: datetime) -> Sequence[Transition]:
        return ()

    async def is_well() -> tuple[str, ...]:
        return ()

    async def story() -> bool:
        push = build_push(
            settings,
            RULES,
            manner_of(settings),
            state=State,
            recent=recent,
            is_well=is_well,
            links=Links(),
            clock=FakeClock(),
            random=random.Random(0),
            observer=Unheard(),
        )
        if push is not None:
            await push.close()
        return push is not None

    assert asyncio.run(story()) is is_there
