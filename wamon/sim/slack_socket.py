"""Socket Mode: the WebSocket over which the fake Slack hands an app what people click.

Sources: Slack "Using Socket Mode" and "apps.connections.open", read 2026-11. An app may hold ten connections; a payload
goes to any one of them, and wants its envelope's id back within three seconds. Whether Slack hands a click that nobody
acknowledged over again is not promised (python-slack-sdk issue 1940 says it does not): `attempts` is for both.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from itertools import count

from starlette.types import Receive, Scope, Send

from wamon.sim.slack_content import JsonObject

SOCKET_PATH = "/link/"
MAX_CONNECTIONS = 10
_DEBUG = {"host": "applink-sim", "build_number": 1, "approximate_connection_time": 18_060}


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of a payload: how often it was handed over, and what the acknowledgement brought."""

    is_acknowledged: bool
    attempts: int
    answer: JsonObject | None = None


@dataclass(slots=True, eq=False)
class _Connection:
    send: Send
    waiting: dict[str, asyncio.Future[JsonObject | None]] = field(default_factory=dict)

    async def say(self, message: JsonObject) -> None:
        await self.send({"type": "websocket.send", "text": json.dumps(message)})

    def gone(self) -> None:
        for future in self.waiting.values():
            if not future.done():
                future.set_exception(ConnectionResetError())


class SocketHub:
    """The open connections of the app. `ack_seconds` and `attempts` may be changed at any time."""

    def __init__(self, *, app_id: str) -> None:
        self.ack_seconds = 3.0
        self.attempts = 2
        self.acknowledged: list[str] = []
        self._app_id = app_id
        self._tickets: set[str] = set()
        self._numbers = count(1)
        self._connections: list[_Connection] = []
        self._joined = asyncio.Event()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    def open(self, url: str) -> str:
        """A fresh WebSocket address, good for one connection."""
        ticket = f"ticket-{next(self._numbers)}"
        self._tickets.add(ticket)
        return f"{url.replace('http', 'ws', 1)}{SOCKET_PATH}?ticket={ticket}&app_id={self._app_id}"

    async def wait_for_connections(self, wanted: int = 1) -> None:
        """Wait until so many are open; bound it with `asyncio.timeout`."""
        while len(self._connections) < wanted:
            self._joined.clear()
            await self._joined.wait()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hold one connection, until either side ends it."""
        await receive()
        ticket = scope["query_string"].decode().partition("ticket=")[2].partition("&")[0]
        if scope["path"] != SOCKET_PATH or ticket not in self._tickets:
            await send({"type": "websocket.close", "code": 1008})
            return
        self._tickets.discard(ticket)
        await send({"type": "websocket.accept"})
        connection = _Connection(send)
        if len(self._connections) >= MAX_CONNECTIONS:
            await connection.say(_goodbye("too_many_websockets"))
            await send({"type": "websocket.close", "code": 1000})
            return
        self._connections.append(connection)
        try:
            await connection.say(
                {
                    "type": "hello",
                    "num_connections": len(self._connections),
                    "debug_info": _DEBUG,
                    "connection_info": {"app_id": self._app_id},
                }
            )
            self._joined.set()
            while (event := await receive())["type"] == "websocket.receive":
                self._heard(connection, event.get("text") or "")
        finally:
            self._leave(connection)

    def _heard(self, connection: _Connection, text: str) -> None:
        try:
            message = json.loads(text)
        except ValueError:
            return
        envelope_id = message.get("envelope_id") if isinstance(message, dict) else None
        future = connection.waiting.get(str(envelope_id))
        if future is None or future.done():
            return
        self.acknowledged.append(str(envelope_id))
        future.set_result(message.get("payload"))

    def _leave(self, connection: _Connection) -> None:
        if connection in self._connections:
            self._connections.remove(connection)
        connection.gone()

    async def deliver(self, payload: JsonObject) -> Delivery:
        """Hand a payload to one connection, and to the next when nobody acknowledges it in time."""
        handed_over = 0
        envelope = {
            "envelope_id": f"00000000-0000-4000-8000-{next(self._numbers):012d}",
            "type": "interactive",
            "accepts_response_payload": False,
            "payload": payload,
        }
        for _ in range(self.attempts):
            try:
                async with asyncio.timeout(self.ack_seconds):
                    await self.wait_for_connections()
                    connection = self._connections.pop(0)
                    self._connections.append(connection)
                    handed_over += 1
                    answer = await self._exchange(connection, envelope)
            except OSError:
                # Too late, or the connection broke: either way nobody has acknowledged it.
                continue
            return Delivery(is_acknowledged=True, attempts=handed_over, answer=answer)
        return Delivery(is_acknowledged=False, attempts=handed_over)

    async def _exchange(self, connection: _Connection, envelope: JsonObject) -> JsonObject | None:
        future = asyncio.get_running_loop().create_future()
        envelope_id = str(envelope["envelope_id"])
        connection.waiting[envelope_id] = future
        try:
            await connection.say(envelope)
            answer: JsonObject | None = await future
            return answer
        finally:
            del connection.waiting[envelope_id]

    async def warn(self) -> None:
        """Tell every connection that it will be closed soon."""
        for connection in tuple(self._connections):
            await connection.say(_goodbye("warning"))

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Tell every connection why it ends, and end it."""
        for connection in tuple(self._connections):
            await connection.say(_goodbye(reason))
            await self._end(connection)

    async def drop(self) -> None:
        """End every connection without a word."""
        for connection in tuple(self._connections):
            await self._end(connection)

    async def _end(self, connection: _Connection) -> None:
        self._leave(connection)
        await connection.send({"type": "websocket.close", "code": 1000})


def _goodbye(reason: str) -> JsonObject:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": _DEBUG["host"]}}
