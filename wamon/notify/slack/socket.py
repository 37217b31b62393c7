"""Pressed buttons that Slack delivers over a websocket of ours: Socket Mode, which needs no public address.

Sources: Slack "Using Socket Mode" and "apps.connections.open", read 2026-11. `websockets` is used as it is: slack_sdk's
clients bring threads of their own or need aiohttp, log payloads and tokens, and follow the environment's proxies.
"""

import asyncio
import contextlib
import json
import logging
import random
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from wamon.core.errors import DeliveryDeferred, DeliveryError, DeliveryRejected
from wamon.core.timing import Clock
from wamon.notify.slack.bot import BASE_URL
from wamon.notify.slack.errors import CONNECT, SOCKET_STEP
from wamon.notify.slack.wire import (
    DEADLINE_TIMEOUTS,
    TIMEOUT_SECONDS,
    MethodCaller,
    Wire,
    in_thread,
    in_words,
    silent_logger,
)

log = logging.getLogger(__name__)

SHORTEST_WAIT: Final = timedelta(seconds=1)
LONGEST_WAIT: Final = timedelta(minutes=5)
# A connection that ends sooner counts as a failure, so that nobody can make us connect in a tight circle.
STEADY_SECONDS: Final = 10.0
# What Slack is going to close is still read for so long: it closes ten seconds after its warning.
LINGER_SECONDS: Final = 30.0
PING_SECONDS: Final = 20.0
CLOSE_SECONDS: Final = 1.0
# A payload repeats the message under which the button is.
MAX_FRAME_BYTES: Final = 1 << 20

# Why Slack says goodbye: it renews a connection every few hours; other reasons are somebody's to mend.
_RENEWALS: Final = frozenset({"warning", "refresh_requested"})
_PROBLEMS: Final[Mapping[str, str]] = {
    "link_disabled": f"Slack has ended Socket Mode: {SOCKET_STEP}",
    "too_many_websockets": "Slack takes no further connection of this app: stop what else uses the app-level token",
}


class _Connect(connect):
    """Follows no redirect: the address holds a ticket that is good for one connection."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class SlackSocket:
    """Keeps a connection to Slack and hands on what people press.

    `take` gets the payload of each press after it was acknowledged, and may not wait. `problem` is what a human must
    mend, None while there is nothing.
    """

    def __init__(
        self,
        app_token: str,
        base_url: str = BASE_URL,
        *,
        take: Callable[[Mapping[str, Any]], object],
        clock: Clock,
        chance: random.Random,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self.problem: str | None = None
        self._is_secure = base_url.startswith("https:")
        self._client = MethodCaller(app_token, base_url, Wire(timeout_seconds))
        self._take = take
        self._clock = clock
        self._chance = chance
        self._timeout_seconds = timeout_seconds
        self._open = 0
        self._told: str | None = None

    @property
    def is_connected(self) -> bool:
        """Whether a press would reach us now."""
        return self._open > 0

    async def run(self) -> None:
        """Stay connected until cancelled."""
        failures = 0
        async with asyncio.TaskGroup() as tasks:
            while True:
                wait = timedelta(0)
                try:
                    websocket = await self._connected()
                except DeliveryError as exc:
                    self._failed(exc)
                    failures += 1
                    wait = getattr(exc, "retry_after", None) or wait
                else:
                    started = self._clock.monotonic()
                    # The next one is made when this one says goodbye, and this one read to its end meanwhile, so that
                    # no press finds nobody.
                    over = asyncio.Event()
                    tasks.create_task(self._read(websocket, over))
                    await over.wait()
                    is_steady = self._clock.monotonic() - started >= STEADY_SECONDS and self.problem is None
                    failures = 0 if is_steady else failures + 1
                if failures:
                    await self._clock.sleep(max(wait, self._back_off(failures)).total_seconds())

    def _back_off(self, failures: int) -> timedelta:
        """Twice as long each time, and never quite the same for two processes."""
        longest = LONGEST_WAIT if self.problem else min(LONGEST_WAIT, SHORTEST_WAIT * 2 ** min(failures, 16) / 2)
        return longest * self._chance.uniform(0.5, 1.0) if longest > SHORTEST_WAIT else longest

    async def _connected(self) -> ClientConnection:
        """A connection on which Slack has said hello. Raises DeliveryDeferred or DeliveryRejected."""
        url = await self.address()
        try:
            if urlsplit(url).scheme not in ({"wss"} if self._is_secure else {"ws", "wss"}):
                raise DeliveryDeferred("the address of the socket is none of Slack's")
            websocket = await _Connect(
                url,
                proxy=None,
                compression=None,
                open_timeout=self._timeout_seconds,
                ping_interval=PING_SECONDS,
                ping_timeout=PING_SECONDS,
                close_timeout=CLOSE_SECONDS,
                max_size=MAX_FRAME_BYTES,
                logger=silent_logger(),
            )
        except (OSError, ValueError, WebSocketException) as exc:
            # Their texts may quote the address.
            raise DeliveryDeferred(f"the socket cannot be opened: {in_words(exc)}") from None
        try:
            await self._hello(websocket)
        except BaseException:
            await websocket.close()
            raise
        return websocket

    async def address(self) -> str:
        """Where Slack takes one connection, with the ticket for it; who only asks holds none.

        Raises DeliveryDeferred or DeliveryRejected.
        """
        return await in_thread(self._address, CONNECT, deadline_seconds=DEADLINE_TIMEOUTS * self._timeout_seconds)

    def _address(self) -> str:
        # The method wants the token in its header, where the client's own is.
        url = self._client.api_call("apps.connections.open").get("url")
        if not isinstance(url, str):
            raise DeliveryDeferred("Slack gave no address for the socket")
        return url

    async def _hello(self, websocket: ClientConnection) -> None:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                message = _object(await websocket.recv())
        except (TimeoutError, ConnectionClosed) as exc:
            raise DeliveryDeferred(f"Slack did not say hello: {in_words(exc)}") from None
        if message.get("type") == "hello":
            return
        reason = str(message.get("reason"))
        if reason in _PROBLEMS:
            raise DeliveryRejected(_PROBLEMS[reason], reason=reason)
        raise DeliveryDeferred("Slack did not say hello")

    async def _read(self, websocket: ClientConnection, over: asyncio.Event) -> None:
        """Read a connection to its end; `over` is set once another one is wanted."""
        self._open += 1
        self._mended()
        reason = None
        try:
            async with asyncio.timeout(None) as lingering:
                async for frame in websocket:
                    message = _object(frame)
                    if message.get("type") != "disconnect":
                        await self._answer(websocket, message)
                    elif not over.is_set():
                        reason = str(message.get("reason"))
                        self.problem = _PROBLEMS.get(reason)
                        lingering.reschedule(asyncio.get_running_loop().time() + LINGER_SECONDS)
                        over.set()
        except (TimeoutError, ConnectionClosed):
            # Whichever way it ended, it is over.
            pass
        finally:
            self._open -= 1
            over.set()
            await websocket.close()
        if not self.is_connected and reason not in _RENEWALS:
            self._tell("lost", reason=self.problem or "Slack has closed the socket")

    async def _answer(self, websocket: ClientConnection, message: Mapping[str, Any]) -> None:
        envelope_id, payload = message.get("envelope_id"), message.get("payload")
        if not isinstance(envelope_id, str):
            return
        # First of all: Slack shows the person a fault after three seconds. What cannot be acknowledged any more is
        # taken all the same, because Slack does not promise to deliver a press again.
        with contextlib.suppress(ConnectionClosed):
            await websocket.send(json.dumps({"envelope_id": envelope_id}))
        if message.get("type") == "interactive" and isinstance(payload, Mapping):
            self._take(payload)

    # --- what is told ---

    def _failed(self, error: DeliveryError) -> None:
        if isinstance(error, DeliveryRejected):
            self.problem = str(error)
        if not self.is_connected:
            self._tell("lost", reason=str(error))

    def _mended(self) -> None:
        self.problem = None
        self._tell("connected", reason=None)

    def _tell(self, state: str, *, reason: str | None) -> None:
        """Log a change of state, or of what a human must mend; not each attempt."""
        told = f"{state}: {self.problem or ''}"
        if told == self._told:
            return
        self._told = told
        if state == "connected":
            log.info("slack socket connected")
        elif self.problem is not None:
            log.error("slack socket lost", extra={"reason": reason})
        else:
            log.warning("slack socket lost", extra={"reason": reason})


def _object(frame: str | bytes) -> Mapping[str, Any]:
    """The frame's JSON object, empty for anything else."""
    try:
        message = json.loads(frame)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}
