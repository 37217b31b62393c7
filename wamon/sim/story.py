"""The demo's story as data: what happens to Jasper's Market in four simulated hours.

Told for a daemon that polls every 5 minutes, calls a reading stale after 15 minutes, says "cannot see" after 30, and
judges messages by the last hour. Jasper's four numbers send all the time. A bad campaign comes first, because its
failures leave the last hour an hour after it was stopped; quality follows the campaign. What ends by itself has 25
minutes and more until the end. It lasts 48 seconds at 5 simulated minutes a second.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from wamon.sim.entities import Number
from wamon.sim.sender import Mischief
from wamon.sim.slack import SlackChannel
from wamon.sim.traffic import Mix, Traffic
from wamon.sim.webhooks import restriction
from wamon.sim.world import World

NEARLY_EXPIRED = timedelta(hours=36)
# Enough an hour for every rule that judges shares of messages, little enough for a laptop.
MESSAGES_PER_HOUR = 75.0
# Nobody's traffic is without a miss: a phone that is off, a number that has gone.
USUAL = Mix(failed={131026: 0.004}, undelivered=0.02)
# Numbers that are not on WhatsApp, people who get too much marketing, and free text after the 24 hours.
BAD_LIST = Mix(failed={131026: 0.14, 131049: 0.10, 131047: 0.14}, undelivered=0.05, read=0.3)
UNPAID = Mix(failed={131042: 1.0})
UNHEARD = Mix(undelivered=0.95, read=0.3)
RESTRICTED_FOR = timedelta(minutes=30)
OPT_OUTS = 6
ANNA, BEN = "U0ANNA", "U0BEN"
# Meta promises neither order nor that it tells a thing once only.
EVERYDAY_MISCHIEF = Mischief(repeated=0.05, late=0.05, shared=0.5, most_in_body=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """One thing that happens. `at_seconds` counts simulated seconds from the story's start.

    `narration` is one sentence for the terminal; `expect` says what the watcher should then do (None: nothing more).
    `who` does it, and `at_slack` is what happens there besides.
    """

    at_seconds: float
    title: str
    narration: str
    act: Callable[[World], None]
    expect: str | None = None
    who: str = "Meta"
    at_slack: Callable[[SlackChannel], Awaitable[None]] | None = None


def story(world: World, traffic: Traffic) -> tuple[Beat, ...]:
    """The beats in order, about `World.small`; the last one stops the traffic and ends the story."""
    waba, deliveries = (tuple(world.wabas.values())[index] for index in (0, -1))
    token = next(iter(world.tokens.values()))
    app = world.app(token.app_id)
    marketing, first_contacts = (world.number(waba.number_ids[index]) for index in (0, -1))
    bystander = world.number(waba.number_ids[min(1, len(waba.number_ids) - 1)])
    courier = world.number(deliveries.number_ids[0])
    who = f"{marketing.display_phone_number} ({marketing.verified_name})"

    def rate(rating: str, *others: Number) -> Callable[[World], None]:
        def act(world: World) -> None:
            for number in (marketing, *others):
                world.number(number.id).quality_rating = rating

        return act

    def begin(world: World) -> None:
        for number_id in world.numbers:
            traffic.start(number_id, per_hour=MESSAGES_PER_HOUR, mix=USUAL)

    def campaign(world: World) -> None:
        traffic.start(marketing.id, per_hour=480, mix=BAD_LIST, category="marketing", lasts=timedelta(minutes=35))

    def reject(world: World) -> None:
        rate("RED")(world)
        for _ in range(OPT_OUTS):
            traffic.opt_out(marketing.id)

    def pay(mix: Mix) -> Callable[[World], None]:
        return lambda world: traffic.change(courier.id, mix)

    def contact_strangers(world: World) -> None:
        traffic.start(first_contacts.id, per_hour=360, mix=UNHEARD, category="marketing", lasts=timedelta(minutes=20))

    def restrict(world: World) -> None:
        value = restriction(world.now() + RESTRICTED_FOR, "RESTRICTED_BIZ_INITIATED_MESSAGING")
        traffic.tell(deliveries.id, "account_update", value)

    return (
        _beat(
            0,
            "Messages flow",
            f"Each number sends {MESSAGES_PER_HOUR:g} messages an hour; webhooks tell of each, some late, some twice.",
            begin,
            expect="each status counted once, and no alert",
        ),
        _beat(
            5,
            "A bad campaign starts",
            f"A bought list gets marketing from {who}: 480 messages an hour, and many of them fail.",
            campaign,
            expect="alerts about bounces and about failures, once there are messages enough to judge",
        ),
        _beat(
            10,
            "Quality falls to YELLOW",
            f"Those who got it block {marketing.display_phone_number}, and its neighbour too: both fall to YELLOW.",
            rate("YELLOW", bystander),
            expect="one WARNING for both, after the second poll that sees it",
        ),
        _pressed(
            22,
            "Ben acknowledges",
            "Ben looks after the bounces and presses Acknowledge.",
            "acknowledge",
            "of messages bounce",
            BEN,
            expect="no reminder and no call",
        ),
        _beat(
            30,
            "Quality falls to RED",
            f"More customers report {marketing.display_phone_number}, {OPT_OUTS} of them press stop: it is RED.",
            reject,
            expect="the same alert rises to CRITICAL with the next poll",
        ),
        _pressed(
            38,
            "Anna acknowledges",
            "Anna presses Acknowledge under the message about the quality rating.",
            "acknowledge",
            "Quality rating RED",
            ANNA,
            expect="the message says so, and nobody is called",
        ),
        _beat(
            50,
            "Quality recovers",
            f"The campaign was stopped: {who} is GREEN again, but wamon waits before it believes it.",
            rate("GREEN", bystander),
            expect="RESOLVED after 30 minutes of GREEN; the ratios when the campaign is an hour old",
        ),
        _beat(
            60,
            "The access token nears its end",
            "Somebody looks at the calendar: the access token expires in 36 hours.",
            lambda world: setattr(world.token(token.alias), "expires_at", world.now() + NEARLY_EXPIRED),
            expect="an alert about the token with its next check",
        ),
        _beat(
            66,
            "The payment fails",
            f"A card was refused: every message of {deliveries.name} fails with 131042.",
            pay(UNPAID),
            expect="a CRITICAL alert with the first of them; nobody acknowledges: after 15 minutes people are called, "
            "after 30 the managers' channel is told",
        ),
        _pressed(
            76,
            "Anna acknowledges the token",
            "Anna asks an administrator for a new token and presses Acknowledge.",
            "acknowledge",
            "Access token expires",
            ANNA,
            expect="no reminder and no call",
        ),
        _pressed(
            83,
            "Anna acknowledges the failures",
            "Anna presses Acknowledge for the failures, but nobody does for the payment.",
            "acknowledge",
            "+1 555-010-0163",
            ANNA,
            expect="people are called about the payment only",
        ),
        _beat(
            84,
            "The payment works",
            f"Finance has a new card, and the messages of {deliveries.name} go out again.",
            pay(USUAL),
            expect="RESOLVED after an hour without 131042",
        ),
        _beat(
            95,
            "The webhook subscription is lost",
            f"The app {app.name} is no longer subscribed to {waba.name}: its webhooks stop without any error.",
            lambda world: world.unsubscribe(waba.id, app.id),
            expect="a CRITICAL alert about the subscription",
        ),
        _beat(
            110,
            "The token is renewed",
            "An administrator renews the access token for another 60 days.",
            lambda world: world.renew_token(token.alias),
            expect="the token's alert is RESOLVED",
        ),
        _pressed(
            114,
            "Ben silences",
            "Ben knows about the subscription and presses Silence 1 h.",
            "silence_1h",
            "subscription is lost",
            BEN,
            expect="no reminder; the end is told all the same",
        ),
        _beat(
            125,
            "The subscription returns",
            f"The app {app.name} is subscribed to {waba.name} again; what happened meanwhile Meta never tells.",
            lambda world: world.subscribe(waba.id, app.id),
            expect="the subscription's alert is RESOLVED",
        ),
        _beat(
            130,
            "Messages are dropped silently",
            f"{first_contacts.display_phone_number} writes to strangers: sent, never delivered, and no error either.",
            contact_strangers,
            expect="an alert about the silent drop, when they should have arrived for a while",
        ),
        Beat(
            at_seconds=138 * 60,
            title="Slack is unreachable",
            narration="Slack resets every connection for half an hour; what happens meanwhile waits.",
            act=_nothing,
            expect="one late message for each group when Slack is back, with its whole time line",
            who="Slack",
            at_slack=_cut_off_slack,
        ),
        _beat(
            150,
            "Meta is unreachable",
            "The Graph API resets every connection: wamon cannot see, so it claims neither 'fine' nor 'broken'.",
            _cut_off,
            expect="readings turn UNKNOWN after 15 minutes, one alert about it after 20 that hides its consequences",
        ),
        Beat(
            at_seconds=168 * 60,
            title="Slack is back",
            narration="Slack answers again.",
            act=_nothing,
            who="Slack",
            at_slack=_mend_slack,
        ),
        _beat(
            172,
            "Meta restricts the account",
            f"A webhook still comes through: {deliveries.name} may start no conversations for 30 minutes.",
            restrict,
            expect="a CRITICAL alert at once, RESOLVED when the restriction ends by itself",
        ),
        _pressed(
            176,
            "Ben acknowledges the restriction",
            "Ben presses Acknowledge: the restriction ends by itself.",
            "acknowledge",
            "Account is restricted",
            BEN,
            expect="no reminder and no call",
        ),
        _beat(
            195,
            "Meta is back",
            "The Graph API answers again, and everything is as it was.",
            lambda world: world.faults.clear(),
            expect="the alert about it is RESOLVED",
        ),
        _beat(
            240, "The end", "All is well, the last messages arrive, and the story is over.", lambda world: traffic.end()
        ),
    )


def _beat(
    minute: float, title: str, narration: str, act: Callable[[World], None], *, expect: str | None = None
) -> Beat:
    return Beat(at_seconds=minute * 60, title=title, narration=narration, act=act, expect=expect)


def _pressed(minute: float, title: str, narration: str, action: str, about: str, user: str, *, expect: str) -> Beat:
    """Somebody presses a button under the latest message about something."""

    async def press(channel: SlackChannel) -> None:
        for message in reversed(channel.messages):
            if message.thread_ts is None and about in message.all_text:
                await channel.click(message.ts, f"wamon_{action}", user=user)
                return
        raise LookupError(f"no message about {about}")

    who = user.removeprefix("U0").capitalize()
    return Beat(
        at_seconds=minute * 60, title=title, narration=narration, act=_nothing, expect=expect, who=who, at_slack=press
    )


def _nothing(world: World) -> None:
    """All of it happens at Slack."""


async def _cut_off_slack(channel: SlackChannel) -> None:
    channel.faults.add("reset")


async def _mend_slack(channel: SlackChannel) -> None:
    channel.faults.clear()


def _cut_off(world: World) -> None:
    world.faults.add("reset")
