"""What people press under our messages: who may, what it is, and what they are told.

Both ways in (`socket.py`, `requests.py`) hand their payloads to `SlackActions.take`.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from wamon.core.errors import DeliveryError
from wamon.core.outgoing import Press
from wamon.core.timing import Clock

log = logging.getLogger(__name__)

PREFIX: Final = "wamon_"
# A button that only opens a page is told of too; nothing is to be done.
OPEN: Final = "open"
ACTIONS: Final = frozenset({"acknowledge", "silence_1h", "silence_4h", "silence_24h"})
UNKNOWN: Final = "unknown"
EVERYBODY: Final = "*"

MEMBERS_LAST: Final = timedelta(minutes=5)
# An act is soon done; what takes long is telling the person, when Slack is slow.
WORKERS: Final = 4
MOST_WAITING: Final = 100
LONGEST_VALUE: Final = 200
LONGEST_NAME: Final = 80

REFUSAL: Final = (
    "You are not on the list of people who may acknowledge or silence alerts: ask to be added to "
    "WAMON_SLACK_ALLOWED_USERS."
)
FAILURE: Final = "That did not work; wamon's log says why. Try again, or use `wamon alerts` on the command line."

# Sources: Slack "block_actions payload" and "Understanding message timestamps", read 2026-11.
_STAMP: Final = re.compile(r"[0-9]{1,16}\.[0-9]{1,16}")
_USER: Final = re.compile(r"[UW][A-Z0-9]{1,40}")
_CHANNEL: Final = re.compile(r"[CDG][A-Z0-9]{1,40}")


class Observer(Protocol):
    def slack_action(self, action: str, outcome: str) -> None:
        """`action` is one of ours or "unknown"; `outcome` is "done", "refused", "malformed" or "failed"."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """One press of a button, and where whoever pressed it is to be answered."""

    press: Press
    channel: str
    thread_ts: str | None


class SlackActions:
    """Does what allow-listed people press. `press` does it and returns what the person is told.

    `allowed` holds `*` for everybody, and the ids of users, of user groups and of channels where everybody may.
    `reply(user, text, channel, thread_ts)` tells one person; `members` gives the users of a user group. Without `run`
    nothing that was taken is done.
    """

    def __init__(
        self,
        press: Callable[[Press], Awaitable[str]],
        allowed: frozenset[str],
        reply: Callable[[str, str, str, str | None], Awaitable[None]],
        observer: Observer,
        *,
        members: Callable[[str], Awaitable[frozenset[str]]],
        clock: Clock,
    ) -> None:
        self._press = press
        self._allowed = allowed
        self._groups = sorted(each for each in allowed if each.startswith("S"))
        self._reply = reply
        self._observer = observer
        self._members = members
        self._clock = clock
        self._known: dict[str, tuple[frozenset[str], datetime]] = {}
        self._waiting: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue(MOST_WAITING)

    def take(self, payload: Mapping[str, Any]) -> bool:
        """Take a payload in to be done soon; False when too many wait already."""
        try:
            self._waiting.put_nowait(payload)
        except asyncio.QueueFull:
            self._count(UNKNOWN, "failed", "more buttons are pressed than can be looked after")
            return False
        return True

    async def run(self) -> None:
        """Do what is taken in, until cancelled."""
        async with asyncio.TaskGroup() as workers:
            for _ in range(WORKERS):
                workers.create_task(self._work())

    async def _work(self) -> None:
        while True:
            await self.handle(await self._waiting.get())

    async def handle(self, payload: Mapping[str, Any]) -> None:
        """Do at once what a payload asks for; never raises."""
        try:
            click = click_of(payload)
        except ValueError as exc:
            self._count(UNKNOWN, "malformed", str(exc))
            return
        if click is None:
            return
        action = click.press.action
        try:
            if not await self._may(click):
                self._count(action, "refused", f"{click.press.user_id} is not on the list")
                await self._tell(click, REFUSAL)
                return
            answer = await self._press(click.press)
        except Exception as exc:  # noqa: BLE001 - the edge: one press that fails must not end the others
            # Not the text, which may quote the payload.
            self._count(action, "failed", type(exc).__name__)
            await self._tell(click, FAILURE)
            return
        self._observer.slack_action(action, "done")
        await self._tell(click, answer)

    async def _may(self, click: Click) -> bool:
        user = click.press.user_id
        if self._allowed & {EVERYBODY, user, click.channel}:
            return True
        for group in self._groups:
            if user in await self._users_of(group):
                return True
        return False

    async def _users_of(self, group: str) -> frozenset[str]:
        """Who is in a user group. Nobody as far as we know when Slack does not say."""
        now = self._clock.now()
        users, asked_at = self._known.get(group, (frozenset(), None))
        if asked_at is not None and timedelta(0) <= now - asked_at < MEMBERS_LAST:
            return users
        try:
            users = await self._members(group)
        except DeliveryError as exc:
            log.warning("slack user group cannot be read", extra={"group": group, "reason": str(exc)})
            return frozenset()
        self._known[group] = (users, now)
        return users

    async def _tell(self, click: Click, text: str) -> None:
        try:
            await self._reply(click.press.user_id, text, click.channel, click.thread_ts)
        except DeliveryError as exc:
            log.warning("answer to a pressed button not shown", extra={"reason": str(exc)})

    def _count(self, action: str, outcome: str, reason: str) -> None:
        self._observer.slack_action(action, outcome)
        log.warning("slack button not obeyed", extra={"action": action, "outcome": outcome, "reason": reason})


def click_of(payload: Mapping[str, Any]) -> Click | None:
    """Read a press from a `block_actions` payload; None for a button that only opens a page.

    The act's id is made of what Slack repeats when it delivers one click twice, and of what two clicks never share:
    the stamp of the click, with message, person and button. Raises ValueError, with a text that quotes nothing.
    """
    if payload.get("type") != "block_actions":
        raise ValueError("not a press of a button")
    actions = payload.get("actions")
    if not isinstance(actions, list) or len(actions) != 1:
        raise ValueError("not one action")
    action = _object(actions[0])
    action_id = _text(action, "action_id")
    if not action_id.startswith(PREFIX):
        raise ValueError("not a button of ours")
    name = action_id.removeprefix(PREFIX)
    if name == OPEN:
        return None
    if name not in ACTIONS:
        raise ValueError("an action that wamon does not know")
    container, person = _object(payload.get("container")), _object(payload.get("user"))
    if container.get("type") != "message":
        raise ValueError("not under a message")
    user_id = _matching(_USER, person, "id")
    channel = _matching(_CHANNEL, container, "channel_id")
    message_ts = _matching(_STAMP, container, "message_ts")
    action_ts = _matching(_STAMP, action, "action_ts")
    value = _text(action, "value")
    if not 0 < len(value) <= LONGEST_VALUE:
        raise ValueError("a value of no use")
    return Click(
        press=Press(
            act_id=f"slack:{action_ts}:{message_ts}:{user_id}:{action_id}",
            action=name,
            value=value,
            user_id=user_id,
            user=_name(person) or user_id,
        ),
        channel=channel,
        thread_ts=_thread_ts(payload, container),
    )


def _thread_ts(payload: Mapping[str, Any], container: Mapping[str, Any]) -> str | None:
    """The thread to answer in; None while there is none yet, where Slack would not show the answer.

    Source: Slack "chat.postEphemeral", `thread_ts`, read 2026-11.
    """
    message = payload.get("message")
    for holder in (container, message if isinstance(message, Mapping) else {}):
        stamp = holder.get("thread_ts")
        if isinstance(stamp, str) and _STAMP.fullmatch(stamp):
            return stamp
    return None


def _name(person: Mapping[str, Any]) -> str:
    for key in ("name", "username"):
        name = person.get(key)
        if isinstance(name, str) and (shown := "".join(filter(str.isprintable, name)).strip()):
            return shown[:LONGEST_NAME]
    return ""


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("a part is missing")  # noqa: TRY004 - wrong input, no mistake of the caller's
    return value


def _text(holder: Mapping[str, Any], key: str) -> str:
    value = holder.get(key)
    if not isinstance(value, str):
        raise ValueError(f"{key} is missing")  # noqa: TRY004 - wrong input, no mistake of the caller's
    return value


def _matching(pattern: re.Pattern[str], holder: Mapping[str, Any], key: str) -> str:
    value = _text(holder, key)
    if not pattern.fullmatch(value):
        raise ValueError(f"{key} has another form")
    return value
