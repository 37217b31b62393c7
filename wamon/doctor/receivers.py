"""Who is told: would each receiver take an alert, can the bot look into its channel, would a press be heard?"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Final

from wamon.config.settings import CHANNEL_ID, Settings
from wamon.core.errors import DeliveryDeferred, DeliveryError, DeliveryRejected
from wamon.core.ports import Notifier
from wamon.core.timing import Clock
from wamon.doctor.findings import Finding, Status, skip
from wamon.notify.slack.bot import SlackBot
from wamon.notify.slack.socket import SlackSocket

RECEIVER_TITLE: Final = "Alerts would be taken"
CHANNEL_TITLE: Final = "Slack channel is within reach"
BUTTONS_TITLE: Final = "Slack buttons would be heard"
# By this nothing is ever found: it is the reading that is tried.
_NO_MESSAGE: Final = "wamon doctor"


async def examine_receivers(notifiers: Iterable[Notifier]) -> tuple[Finding, ...]:
    """Ask each receiver whether it would take an alert; none is sent."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_asked(notifier)) for notifier in notifiers]
    return tuple(task.result() for task in tasks)


async def examine_channels(notifiers: Iterable[Notifier], settings: Settings, clock: Clock) -> tuple[Finding, ...]:
    """Let each Slack bot read the last minutes of its channel: the one way to know it is in there without posting."""
    bots = [notifier for notifier in notifiers if notifier.threads is not None]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_channel(bot, settings, clock)) for bot in bots]
    return tuple(task.result() for task in tasks)


async def _asked(notifier: Notifier) -> Finding:
    try:
        words = await notifier.check()
    except DeliveryError as error:
        is_refusal = isinstance(error, DeliveryRejected)
        return Finding(
            check=RECEIVER_TITLE,
            about=notifier.name,
            status=Status.CRITICAL if is_refusal else Status.UNKNOWN,
            evidence=(("Answer", str(error)),),
            cause="Alerts would not arrive." if is_refusal else "The receiver did not answer.",
            fix=("The answer names the next step; then run this again.",),
        )
    return Finding(check=RECEIVER_TITLE, about=notifier.name, status=Status.OK, evidence=(("Answer", words),))


async def _channel(notifier: Notifier, settings: Settings, clock: Clock) -> Finding:
    _, _, own = notifier.name.partition(":")
    channel = own or (settings.slack_bot.channel if settings.slack_bot else "")
    if notifier.threads is None or not CHANNEL_ID.fullmatch(channel):
        reason = "Slack shows a channel by its id only, and a name is configured: put the id there"
        return skip(CHANNEL_TITLE, notifier.name, reason)
    try:
        await notifier.threads.find(_NO_MESSAGE, since=clock.now(), thread=None)
    except DeliveryError as error:
        if isinstance(error, DeliveryRejected):
            status, cause = Status.CRITICAL, "The bot cannot work in this channel."
        elif isinstance(error, DeliveryDeferred):
            status, cause = Status.UNKNOWN, "Slack did not answer."
        else:
            status = Status.WARNING
            cause = (
                "The bot is not in the channel, or may not read it: after a fault a message may come twice or never."
            )
        return Finding(
            check=CHANNEL_TITLE,
            about=f"{notifier.name} in {channel}",
            status=status,
            evidence=(("Answer", str(error)),),
            cause=cause,
            fix=("The answer names the next step; then run this again.",),
        )
    return Finding(check=CHANNEL_TITLE, about=f"{notifier.name} in {channel}", status=Status.OK)


async def examine_buttons(notifiers: Iterable[Notifier], settings: Settings, clock: Clock) -> tuple[Finding, ...]:
    """Ask Slack for the address of a socket, without connecting, and for the members of each allowed user group."""
    if settings.slack_bot is None:
        return ()
    if not (settings.slack_app_token or settings.slack_signing_secret):
        return (skip(BUTTONS_TITLE, "slack", "neither slack_app_token nor slack_signing_secret is configured"),)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_tried(about, ask, cause)) for about, ask, cause in _ways(notifiers, settings, clock)
        ]
    if not tasks:
        return (skip(BUTTONS_TITLE, "slack", "Slack posts them here, signed: only a press can show it"),)
    return tuple(task.result() for task in tasks)


def _ways(
    notifiers: Iterable[Notifier], settings: Settings, clock: Clock
) -> Iterator[tuple[str, Callable[[], Awaitable[object]], str]]:
    """What it is about, what shows that it works, and what it means where Slack refuses."""
    if settings.slack_app_token:
        socket = SlackSocket(
            settings.slack_app_token,
            settings.slack_base_url,
            take=lambda _: None,
            clock=clock,
            chance=random.Random(),
        )
        yield "slack_app_token", socket.address, "No press of a button reaches wamon."
    bot = next((each for each in notifiers if isinstance(each, SlackBot)), None)
    for usergroup in settings.slack_allowed_users:
        if bot is not None and usergroup.startswith("S"):
            yield f"user group {usergroup}", _members(bot, usergroup), "Its members cannot use the buttons."


def _members(bot: SlackBot, usergroup: str) -> Callable[[], Awaitable[object]]:
    return lambda: bot.members(usergroup)


async def _tried(about: str, ask: Callable[[], Awaitable[object]], cause: str) -> Finding:
    try:
        await ask()
    except DeliveryError as error:
        is_deferred = isinstance(error, DeliveryDeferred)
        return Finding(
            check=BUTTONS_TITLE,
            about=about,
            status=Status.UNKNOWN if is_deferred else Status.WARNING,
            evidence=(("Answer", str(error)),),
            cause="Slack did not answer." if is_deferred else cause,
            fix=("The answer names the next step; then run this again.",),
        )
    return Finding(check=BUTTONS_TITLE, about=about, status=Status.OK)
