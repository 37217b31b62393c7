"""The demo's story as data: what happens to Jasper's Market in four simulated hours.

Told for a daemon that polls every 5 minutes, calls a reading stale after 15 minutes and says "cannot see" after 30:
YELLOW needs two polls, a recovery two polls and 30 minutes of GREEN.
It lasts 47 seconds at 5 simulated minutes a second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from wamon.sim.world import World

NEARLY_EXPIRED = timedelta(hours=36)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """One thing that happens. `at_seconds` counts simulated seconds from the story's start.

    `narration` is one sentence for the terminal; `expect` says what the watcher should then do (None: nothing more).
    """

    at_seconds: float
    title: str
    narration: str
    act: Callable[[World], None]
    expect: str | None = None


def story(world: World) -> tuple[Beat, ...]:
    """The beats in order, about `World.small`; the last one only ends the story."""
    waba = next(iter(world.wabas.values()))
    number = world.number(waba.number_ids[0])
    token = next(iter(world.tokens.values()))
    app = world.app(token.app_id)
    who = f"{number.display_phone_number} ({number.verified_name})"

    def rate(rating: str) -> Callable[[World], None]:
        return lambda world: setattr(world.number(number.id), "quality_rating", rating)

    return (
        _beat(
            10,
            "Quality falls to YELLOW",
            f"Customers start to block {who}: its quality rating falls to YELLOW.",
            rate("YELLOW"),
            expect="a WARNING after the second poll that sees it",
        ),
        _beat(
            30,
            "Quality falls to RED",
            f"More customers report {who}: its quality rating is RED.",
            rate("RED"),
            expect="the same alert rises to CRITICAL with the next poll",
        ),
        _beat(
            50,
            "Quality recovers",
            f"The campaign was stopped: {who} is GREEN again, but wamon waits before it believes it.",
            rate("GREEN"),
            expect="RESOLVED after 30 minutes of GREEN",
        ),
        _beat(
            60,
            "The access token nears its end",
            "Somebody looks at the calendar: the access token expires in 36 hours.",
            lambda world: setattr(world.token(token.alias), "expires_at", world.now() + NEARLY_EXPIRED),
            expect="an alert about the token with its next check",
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
        _beat(
            125,
            "The subscription returns",
            f"The app {app.name} is subscribed to {waba.name} again.",
            lambda world: world.subscribe(waba.id, app.id),
            expect="the subscription's alert is RESOLVED",
        ),
        _beat(
            150,
            "Meta is unreachable",
            "The Graph API resets every connection: wamon cannot see, so it claims neither 'fine' nor 'broken'.",
            _cut_off,
            expect="readings turn UNKNOWN after 15 minutes, 'cannot see' alerts after 30",
        ),
        _beat(
            195,
            "Meta is back",
            "The Graph API answers again, and everything is as it was.",
            lambda world: world.faults.clear(),
            expect="the 'cannot see' alerts are RESOLVED",
        ),
        _beat(235, "The end", "All is well, and the story is over.", lambda world: None),
    )


def _beat(
    minute: float, title: str, narration: str, act: Callable[[World], None], *, expect: str | None = None
) -> Beat:
    return Beat(at_seconds=minute * 60, title=title, narration=narration, act=act, expect=expect)


def _cut_off(world: World) -> None:
    world.faults.add("reset")
