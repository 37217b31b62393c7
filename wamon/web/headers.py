"""The headers that let a browser do as little as possible with an answer of the private listener."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STRICT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        # Under no-referrer a browser sends `Origin: null` with our own forms, and those would be refused.
        # Source: WHATWG "Fetch", append a request `Origin` header, read 2026-11.
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
)


class StrictHeaders:
    """Adds them to every answer, errors too. `extra` are the operator's own, and win; who says so may be kept."""

    def __init__(self, app: ASGIApp, *, policy: str, extra: Mapping[str, str] = MappingProxyType({})) -> None:
        self._app = app
        self._headers = {"Content-Security-Policy": policy, **STRICT, **extra}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)
