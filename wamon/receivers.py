"""Who is told, and who may answer, as the settings ask: the notifiers, the manner of telling, Slack's buttons."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

from wamon.config.receiving import LOG, SLACK_BOT, SLACK_WEBHOOK, WEBHOOK
from wamon.config.settings import Settings
from wamon.config.values import BUILTIN, PUSH
from wamon.core.alerting import Transition
from wamon.core.inhibition import check_acyclic
from wamon.core.manner import Manner, Route, alert_labels
from wamon.core.outgoing import Press
from wamon.core.ports import Notifier, Rule
from wamon.core.state import State
from wamon.core.timing import Clock
from wamon.notify.alertmanager import AlertmanagerObserver, AlertmanagerPush
from wamon.notify.details import Links
from wamon.notify.log import LogNotifier
from wamon.notify.slack import SlackBot, SlackWebhook
from wamon.notify.slack.actions import Observer, SlackActions
from wamon.notify.slack.requests import SlackRequests
from wamon.notify.slack.socket import SlackSocket
from wamon.notify.webhook import SignedWebhook
from wamon.rules.inhibitions import INHIBITIONS

_CHANNEL: Final = f"{SLACK_BOT}:"


def mode_of(settings: Settings, rule: str) -> str:
    """Who tells people of this rule's alerts: one of builtin, prometheus and push."""
    return settings.rule_modes.get(rule, settings.alerting_mode)


def build_notifiers(settings: Settings, rules: tuple[Rule, ...]) -> Mapping[str, Notifier]:
    """The receivers by name; nobody when everything is announced by somebody else."""
    if all(mode_of(settings, rule.name) != BUILTIN for rule in rules):
        return MappingProxyType({})
    return MappingProxyType({name: _notifier(settings, name) for name in settings.receiver_names()})


def _notifier(settings: Settings, name: str) -> Notifier:
    bot = settings.slack_bot
    if name == LOG:
        return LogNotifier()
    if name == WEBHOOK and settings.webhook_url:
        return SignedWebhook(settings.webhook_url, settings.webhook_secret)
    if name == SLACK_WEBHOOK and settings.slack_webhook_url:
        return SlackWebhook(settings.slack_webhook_url)
    if name.startswith(SLACK_BOT) and bot is not None:
        channel = name.removeprefix(_CHANNEL) if name.startswith(_CHANNEL) else bot.channel
        return SlackBot(bot.token, channel, base_url=settings.slack_base_url, name=name)
    raise ValueError(f"receiver {name} is not configured")


def manner(settings: Settings, rules: tuple[Rule, ...]) -> Manner:
    """How people are told. Raises ConfigurationError when alerts could mute each other in a circle."""
    check_acyclic(INHIBITIONS)
    spare = {settings.escalation_receiver, settings.fallback_receiver}
    # Who is there for the second step, or in need, is told nothing in the first place, unless nobody else is there.
    first = tuple(name for name in settings.default_receivers() if name not in spare)
    return Manner(
        receivers=first or settings.default_receivers(),
        routes=tuple(Route(receiver=r.receiver, least=r.least, accounts=r.accounts) for r in settings.routes),
        inhibitions=INHIBITIONS,
        ties=_ties(settings),
        outside=frozenset(rule.name for rule in rules if mode_of(settings, rule.name) != BUILTIN),
        mentions=settings.slack_escalation_mention is not None,
        escalation_receiver=settings.escalation_receiver,
        patience=settings.patience,
    )


def fallbacks(settings: Settings) -> Mapping[str, str]:
    """Who is told instead of a receiver that refuses."""
    spare = settings.fallback_receiver
    return {name: spare for name in settings.receiver_names() if spare is not None and name != spare}


def _ties(settings: Settings) -> Mapping[tuple[str, str], Mapping[str, str]]:
    """What the configuration knows of accounts and tokens besides their ids."""
    ties: dict[tuple[str, str], Mapping[str, str]] = {}
    for token in settings.tokens():
        ties["token", token.alias] = _present(account=token.alias, app_id=token.app_id)
    for account in settings.accounts:
        app = settings.app(account.app)
        app_id = app.app_id if app else None
        ties["waba_id", account.waba_id] = _present(account=account.name, token=account.token, app_id=app_id)
    return ties


def _present(**labels: str | None) -> Mapping[str, str]:
    return {name: value for name, value in labels.items() if value}


class Buttons:
    """What people press in Slack, by whichever way it comes in; `requests` takes signed HTTP requests, if any."""

    def __init__(
        self,
        settings: Settings,
        bot: SlackBot,
        press: Callable[[Press], Awaitable[str]],
        *,
        clock: Clock,
        random: random.Random,
        observer: Observer,
    ) -> None:
        self._actions = SlackActions(
            press,
            frozenset(settings.slack_allowed_users),
            bot.post_ephemeral,
            observer,
            members=bot.members,
            clock=clock,
        )
        self._socket: SlackSocket | None = None
        self.requests: SlackRequests | None = None
        if settings.slack_app_token:
            self._socket = SlackSocket(
                settings.slack_app_token,
                settings.slack_base_url,
                take=self._actions.take,
                clock=clock,
                chance=random,
            )
        elif settings.slack_signing_secret:
            self.requests = SlackRequests(
                settings.slack_signing_secret, self._actions.take, clock=clock, observer=observer
            )

    @property
    def problems(self) -> tuple[str, ...]:
        """What a human must mend, in words."""
        return (self._socket.problem,) if self._socket is not None and self._socket.problem else ()

    async def run(self) -> None:
        """Do what is pressed, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._actions.run(), name="slack actions")
            if self._socket is not None:
                tasks.create_task(self._socket.run(), name="slack socket")


def has_buttons(settings: Settings) -> bool:
    """Whether somebody could press a button and be heard."""
    ways_in = settings.slack_app_token or settings.slack_signing_secret
    return settings.slack_bot is not None and bool(ways_in) and bool(settings.slack_allowed_users)


def build_buttons(
    settings: Settings,
    notifiers: Mapping[str, Notifier],
    press: Callable[[Press], Awaitable[str]],
    *,
    clock: Clock,
    random: random.Random,
    observer: Observer,
) -> Buttons | None:
    """The ways in for what people press; None where messages have no buttons."""
    bots = [notifier for notifier in notifiers.values() if isinstance(notifier, SlackBot)]
    if not bots or not has_buttons(settings):
        return None
    return Buttons(settings, bots[0], press, clock=clock, random=random, observer=observer)


def build_push(
    settings: Settings,
    rules: tuple[Rule, ...],
    how: Manner,
    *,
    state: Callable[[], State],
    recent: Callable[[datetime], Awaitable[Sequence[Transition]]],
    is_well: Callable[[], Awaitable[tuple[str, ...]]],
    links: Links,
    clock: Clock,
    random: random.Random,
    observer: AlertmanagerObserver,
) -> AlertmanagerPush | None:
    """The way to Alertmanager; None where no address is configured."""
    if not settings.alertmanager_urls:
        return None
    by_name = {rule.name: rule for rule in rules}
    return AlertmanagerPush(
        settings.alertmanager_urls,
        state=state,
        rules=rules,
        is_pushed=lambda rule: mode_of(settings, rule) == PUSH,
        labels=lambda alert: alert_labels(alert, by_name.get(alert.rule), how.ties),
        recent=recent,
        is_well=is_well,
        instance=str(settings.private_listen),
        links=links,
        clock=clock,
        random=random,
        observer=observer,
    )
