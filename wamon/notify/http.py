"""HTTP requests to receivers other than Slack: only the answer's head counts, and no error quotes a URL or a header."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from wamon import __version__
from wamon.core.errors import WamonError

USER_AGENT: Final = f"wamon/{__version__}"
TIMEOUT_SECONDS: Final = 10.0
# A timeout is that of one read. An answer whose head comes in drops, each in time, is cut off after so many of them.
DEADLINE_TIMEOUTS: Final = 3
# Before these the request is not out.
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class NoAnswer(WamonError):
    """The other side did not answer. `may_have_arrived` is true when the request may have been taken all the same."""

    def __init__(self, message: str, *, may_have_arrived: bool) -> None:
        super().__init__(message)
        self.may_have_arrived = may_have_arrived


class Unsendable(WamonError):
    """No such request can be made: the URL is none, or a header cannot be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the other side said of the request; header names are in lower case."""

    status: int
    headers: Mapping[str, str]

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status < 300

    def retry_after_seconds(self) -> float | None:
        """How long we are asked to wait, by seconds or by a date; None where that is not told.

        A date counts from the answer's own, so that it does not matter how our clock goes.
        """
        text = self.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdecimal():
            return float(text[:9])
        try:
            wait = parsedate_to_datetime(text) - parsedate_to_datetime(self.headers.get("date", ""))
        except (ValueError, TypeError):
            return None
        return max(wait.total_seconds(), 0.0)


class HttpClient:
    """Never follows a redirect, never asks the environment for a proxy, always verifies TLS.

    A user in the URL goes out as basic authentication. What is in an answer's body is not read: nobody here needs it,
    and nobody can make it too long. Waits are the world's, whatever clock the daemon lives by.
    """

    def __init__(
        self, *, timeout_seconds: float = TIMEOUT_SECONDS, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._deadline_seconds = DEADLINE_TIMEOUTS * timeout_seconds
        # httpx writes every URL at INFO, and those of receivers are secrets.
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._client = httpx.AsyncClient(
            transport=transport,
            timeout=timeout_seconds,
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            follow_redirects=False,
            trust_env=False,
        )

    async def get(self, url: str) -> Answer:
        """Raises NoAnswer, Unsendable; any HTTP status is an answer."""
        return await self._exchange("GET", url, None, {})

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Raises NoAnswer, Unsendable; any HTTP status is an answer."""
        return await self._exchange("POST", url, body, {"Content-Type": "application/json", **headers})

    async def close(self) -> None:
        await self._client.aclose()

    async def _exchange(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        host = host_of(url)
        if host is None:
            raise Unsendable("the URL is not one of http or https with a host")
        try:
            async with (
                asyncio.timeout(self._deadline_seconds),
                self._client.stream(method, url, content=body, headers=headers) as response,
            ):
                return Answer(
                    status=response.status_code,
                    headers={name.lower(): value for name, value in response.headers.items()},
                )
        except _NOT_SENT as exc:
            message = f"cannot connect to {host}: check the URL's host, network, name resolution, TLS and firewall"
            raise NoAnswer(message, may_have_arrived=False) from exc
        except (httpx.TimeoutException, TimeoutError) as exc:
            raise NoAnswer(f"no answer from {host} in time", may_have_arrived=True) from exc
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, UnicodeError):
            # Their texts quote what must not be shown, so not even the cause may be chained.
            raise Unsendable(f"the request to {host} cannot be written: its URL or a secret is malformed") from None
        except (httpx.HTTPError, httpx.StreamError, OSError) as exc:
            message = f"the connection to {host} broke ({type(exc).__name__})"
            raise NoAnswer(message, may_have_arrived=True) from exc


def host_of(url: str) -> str | None:
    """All of a URL that may be shown, `host` or `host:port`; None for one that is not of http or https with a host."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        return None
    host = f"[{parsed.host}]" if ":" in parsed.host else parsed.host
    return host if parsed.port is None else f"{host}:{parsed.port}"
