"""One GET over httpx, bounded in time and in size, with every misfortune of the network told as one error."""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Final

import httpx

from wamon import __version__
from wamon.core.errors import ConfigurationError
from wamon.core.timing import Clock

# The form that Meta's OpenAPI file asks for: name/major.minor.patch.
USER_AGENT: Final = f"wamon/{__version__}"

# A clock that runs fast (demo) makes no socket faster: no wait on the network is shorter than this, or than was asked.
LEAST_REAL_SECONDS: Final = 5.0


class HttpFailure(Exception):
    """No usable answer. `reason` is timeout, connect, network or shape; the text names it in words without a secret."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back, whole; header names are in lower case. `received_at` is when its last byte came."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    received_at: datetime


class HttpReader:
    """Reads over HTTP: never follows a redirect, never asks the environment for a proxy, always verifies TLS."""

    def __init__(
        self,
        *,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None,
        timeout_seconds: float,
        max_connections: int,
        max_body_bytes: int,
    ) -> None:
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._max_body_bytes = max_body_bytes
        # httpx writes every URL at INFO, and that of debug_token carries the token to be inspected.
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._client = httpx.AsyncClient(
            transport=transport,
            timeout=httpx.Timeout(real_seconds(clock, timeout_seconds), pool=None),
            limits=httpx.Limits(max_connections=max_connections, max_keepalive_connections=max_connections),
            # Nothing to inflate, so that the limit on the body is a limit on memory too.
            headers={"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "identity"},
            follow_redirects=False,
            trust_env=False,
        )

    async def get(self, url: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str]) -> Reply:
        """Raises HttpFailure; any HTTP status is an answer."""
        host = httpx.URL(url).host
        try:
            async with asyncio.timeout(real_seconds(self._clock, self._timeout_seconds)):
                return await self._read(url, params=params, headers=headers)
        except (httpx.TimeoutException, TimeoutError) as exc:
            message = f"no complete answer from {host} within {self._timeout_seconds:g} s"
            raise HttpFailure("timeout", message) from exc
        except (httpx.ConnectError, ConnectionRefusedError) as exc:
            raise HttpFailure("connect", _connect_message(host, exc)) from exc
        except httpx.DecodingError as exc:
            raise HttpFailure("shape", f"the answer from {host} cannot be decompressed") from exc
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as exc:
            raise HttpFailure("network", f"the connection to {host} broke ({type(exc).__name__})") from exc

    async def close(self) -> None:
        await self._client.aclose()

    async def _read(self, url: str, *, params: Mapping[str, str] | None, headers: Mapping[str, str]) -> Reply:
        deadline = self._clock.monotonic() + patience_seconds(self._clock, self._timeout_seconds)
        async with self._client.stream("GET", url, params=params, headers=headers) as response:
            self._check_time(deadline)
            announced = response.headers.get("content-length", "")
            self._check_size(int(announced[:12]) if announced.isdecimal() else 0, response)
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk
                self._check_time(deadline)
                self._check_size(len(content), response)
            return Reply(
                status=response.status_code,
                headers={name.lower(): value for name, value in response.headers.items()},
                content=bytes(content),
                received_at=self._clock.now(),
            )

    def _check_time(self, deadline: float) -> None:
        # In simulated time nothing really waits, so the deadline of the event loop alone would never come.
        if self._clock.monotonic() > deadline:
            raise TimeoutError

    def _check_size(self, size: int, response: httpx.Response) -> None:
        if size > self._max_body_bytes:
            message = f"the answer from {response.url.host} is larger than {self._max_body_bytes} bytes"
            raise HttpFailure("shape", message)


def real_seconds(clock: Clock, seconds: float) -> float:
    """How long a wait on the network may really last that may last so long by the clock."""
    return max(clock.real_seconds(seconds), min(seconds, LEAST_REAL_SECONDS))


def patience_seconds(clock: Clock, seconds: float) -> float:
    """The same wait as the clock sees it: longer than `seconds` where a fast clock would cut the real one short."""
    return real_seconds(clock, seconds) * seconds / clock.real_seconds(seconds)


def require_safe_url(url: str, *, name: str) -> str:
    """The URL without its last slash, if secrets may travel to it: https, or http to this machine itself.

    Raises ConfigurationError, which calls the URL by `name`.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as exc:
        raise ConfigurationError(f"{name} is not a URL: write it like https://graph.facebook.com") from exc
    if not parsed.host or parsed.userinfo or parsed.fragment:
        raise ConfigurationError(f"{name} must be a plain URL with a host and without user or fragment")
    if parsed.scheme != "https" and not (parsed.scheme == "http" and _is_loopback(parsed.host)):
        raise ConfigurationError(f"{name} must begin with https:// (plain http is for this machine itself only)")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _connect_message(host: str, exc: Exception) -> str:
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return f"TLS with {host} failed: check the certificates of this machine and any proxy on the way"
        cause = cause.__cause__ or cause.__context__
    return f"cannot connect to {host}: check network, name resolution and firewall"
