"""An HTTP server of the test's own: it keeps what it hears and answers as it is told."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from wamon.sim.serve import serve
from wamon.sim.wire import ABORT


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One request; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(kw_only=True)
class Ear:
    """`statuses` are for the next requests, then `status` is for all. `manner` is answer, hang, reset or flood."""

    status: int = 200
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    manner: str = "answer"
    heard: list[Heard] = field(default_factory=list)

    @property
    def timeout_seconds(self) -> float:
        """How long to wait for it: briefly where nothing comes, else as long as a busy machine may need."""
        return 1.0 if self.manner == "hang" else 30.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        headers = dict(request.headers)
        self.heard.append(Heard(method=request.method, path=request.url.path, headers=headers, body=body))
        if self.manner == "hang":
            await asyncio.Event().wait()
        if self.manner == "reset":
            scope["extensions"][ABORT]()
            return
        status = self.statuses.pop(0) if self.statuses else self.status
        own = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": own})
        while self.manner == "flood":
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
            if await request.is_disconnected():
                return
        await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def listening(ear: Ear) -> AsyncIterator[str]:
    """The URL under which it listens."""
    async with serve(ear) as url:
        yield url
