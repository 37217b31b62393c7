"""How an answer reaches the caller, or fails to: the faults of the connection.

Behind a real socket (`serve`) the connection is really aborted. In process (httpx.ASGITransport) there is none, so the
exceptions of `StandIns` are raised in the caller; pass the caller's own, such as `httpx.ReadError`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from wamon.sim.faults import ActiveFaults, Fault

ABORT = "wamon.sim.abort"
"""The ASGI extension by which `serve` lets an app abort the connection."""
Sleep = Callable[[float], Awaitable[object]]
SLEEP: Sleep = asyncio.sleep  # noqa: TID251  the simulator may not import the product's clock; tests pass their own
_CHUNK = b"x" * 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIns:
    """What an in-process caller gets in place of a socket's misfortune."""

    refused: Callable[[], Exception] = ConnectionRefusedError
    reset: Callable[[], Exception] = ConnectionResetError
    timed_out: Callable[[], Exception] = TimeoutError


def ready_made(active: ActiveFaults) -> Response | None:
    """The answer of a fault that needs nothing of the right one."""
    fault = active.first("html_200", "status", "redirect")
    if fault is None:
        return None
    if fault.kind == "redirect":
        return RedirectResponse(fault.text("location"), status_code=int(fault.number("http_status")))
    status = 200 if fault.kind == "html_200" else int(fault.number("http_status"))
    page = f"<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Sorry, {status}</h1></body></html>"
    return HTMLResponse(page, status_code=status)


class Wire:
    """One call's way back to its caller."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, sleep: Sleep, stand_ins: StandIns) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._sleep = sleep
        self._stand_ins = stand_ins

    async def lost_before_answer(self, active: ActiveFaults) -> bool:
        """Lose the connection if a fault wants that before the call is looked at; returns whether it did."""
        fault = active.first("refused", "reset", "hang")
        if fault is None or (fault.kind == "reset" and fault.options.get("after_bytes")):
            return False
        await self.lose(fault)
        return True

    async def lose(self, fault: Fault) -> None:
        """Close the connection without (more of) an answer, at once or after a hang's seconds."""
        if fault.kind.endswith("hang"):
            gone = await self._pause(fault.number("seconds"))
            if not gone:
                await self._break(self._stand_ins.timed_out)
        else:
            await self._break(self._stand_ins.refused if fault.kind == "refused" else self._stand_ins.reset)

    async def deliver(self, response: Response, active: ActiveFaults) -> None:
        """Send the answer in the way that the faults want."""
        fault = active.first("slow", "drip", "cut_json", "huge_body", "reset")
        if fault is None:
            await response(self._scope, self._receive, self._send)
        elif fault.kind == "slow":
            if not await self._pause(fault.number("seconds")):
                await response(self._scope, self._receive, self._send)
        elif fault.kind == "drip":
            await self._drip(response, fault)
        elif fault.kind == "cut_json":
            body = bytes(response.body)
            keep = len(body) // 2 if fault.options["keep_bytes"] is None else int(fault.number("keep_bytes"))
            cut = Response(body[:keep], response.status_code, media_type=response.media_type)
            await cut(self._scope, self._receive, self._send)
        elif fault.kind == "huge_body":
            await self._flood(int(fault.number("bytes")))
        else:
            await self._start(response)
            await self._body(bytes(response.body)[: int(fault.number("after_bytes"))], more=True)
            await self._break(self._stand_ins.reset)

    async def _drip(self, response: Response, fault: Fault) -> None:
        body = bytes(response.body)
        size = max(1, int(fault.number("chunk_bytes")))
        await self._start(response)
        for start in range(0, len(body), size):
            if await self._pause(fault.number("seconds")):
                return
            await self._body(body[start : start + size], more=True)
        await self._body(b"", more=False)

    async def _flood(self, size: int) -> None:
        headers = [(b"content-type", b"application/json; charset=UTF-8")]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._body(b'{"data":["', more=True)
        for start in range(0, size, len(_CHUNK)):
            await self._body(_CHUNK[: size - start], more=True)
        await self._body(b'"]}', more=False)

    async def _start(self, response: Response) -> None:
        await self._send(
            {"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers}
        )

    async def _body(self, body: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def _break(self, stand_in: Callable[[], Exception]) -> None:
        abort = self._scope.get("extensions", {}).get(ABORT)
        if abort is None:
            raise stand_in()
        abort()
        await self._until_gone()

    async def _pause(self, seconds: float) -> bool:
        """Sleep; returns early and True when the caller has gone away."""
        if ABORT not in self._scope.get("extensions", {}):
            await self._sleep(seconds)
            return False
        async with asyncio.TaskGroup() as group:
            slept = group.create_task(_as_coroutine(self._sleep(seconds)))
            gone = group.create_task(self._until_gone())
            await asyncio.wait({slept, gone}, return_when=asyncio.FIRST_COMPLETED)
            is_gone = gone.done()
            slept.cancel()
            gone.cancel()
        return is_gone

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


async def _as_coroutine(awaitable: Awaitable[object]) -> None:
    await awaitable
