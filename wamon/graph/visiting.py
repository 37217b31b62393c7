"""One GET of an address that is not the Graph API's: what it answers, and under which certificate."""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx

from wamon.core.timing import Clock
from wamon.graph.http import USER_AGENT, HttpFailure

TIMEOUT_SECONDS: Final = 10.0
MAX_BODY_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The certificate of who answered; its chain was verified before anything was asked."""

    issuer: str
    begins_at: datetime
    ends_at: datetime

    @property
    def life(self) -> timedelta:
        return self.ends_at - self.begins_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """An answer, cut after `MAX_BODY_BYTES`; header names are in lower case. `certificate` is None over plain http."""

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)
    asked_at: datetime
    answered_at: datetime
    certificate: Certificate | None


class Visitor:
    """Asks with no credential but what the URL carries; never follows a redirect or a proxy, always verifies TLS.

    The timeout is the world's, whatever clock is given, and holds for all of one visit.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        timeout_seconds: float = TIMEOUT_SECONDS,
        transport: httpx.AsyncBaseTransport | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`tls` says whom to trust; None for those that every browser trusts."""
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        # httpx writes every URL at INFO, and that of a handshake carries the verify token.
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._client = httpx.AsyncClient(
            transport=transport,
            verify=tls or True,
            timeout=timeout_seconds,
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            follow_redirects=False,
            trust_env=False,
        )

    async def get(self, url: str) -> Visit:
        """Raises HttpFailure, whose reason is timeout, connect, tls, network or shape; any status is an answer."""
        try:
            host = httpx.URL(url).host
        except httpx.InvalidURL:
            # Its text quotes the URL.
            raise HttpFailure("shape", "this is not a URL") from None
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._read(url)
        except (httpx.TimeoutException, TimeoutError) as exc:
            raise HttpFailure("timeout", f"no answer from {host} within {self._timeout_seconds:g} s") from exc
        except httpx.ConnectError as exc:
            raise _connect_failure(host, exc) from exc
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, UnicodeError):
            raise HttpFailure("shape", f"the address of {host or 'nobody'} is not one of http or https") from None
        except (httpx.HTTPError, httpx.StreamError, OSError) as exc:
            raise HttpFailure("network", f"the connection to {host} broke ({type(exc).__name__})") from exc

    async def close(self) -> None:
        await self._client.aclose()

    async def _read(self, url: str) -> Visit:
        asked_at = self._clock.now()
        async with self._client.stream("GET", url) as response:
            answered_at = self._clock.now()
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) >= MAX_BODY_BYTES:
                    break
            return Visit(
                status=response.status_code,
                headers={name.lower(): value for name, value in response.headers.items()},
                content=bytes(content[:MAX_BODY_BYTES]),
                asked_at=asked_at,
                answered_at=answered_at,
                certificate=_certificate(response),
            )


def _certificate(response: httpx.Response) -> Certificate | None:
    stream = response.extensions.get("network_stream")
    tls = stream.get_extra_info("ssl_object") if stream is not None else None
    told: Mapping[str, Any] = (tls.getpeercert() if tls is not None else None) or {}
    if "notBefore" not in told or "notAfter" not in told:
        return None
    issuer = dict(pair for part in told.get("issuer", ()) for pair in part)
    return Certificate(
        issuer=issuer.get("organizationName") or issuer.get("commonName") or "unnamed",
        begins_at=_moment(told["notBefore"]),
        ends_at=_moment(told["notAfter"]),
    )


def _moment(text: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)


def _connect_failure(host: str, exc: Exception) -> HttpFailure:
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return HttpFailure("tls", f"the certificate of {host} is not trusted: {cause.verify_message}")
        if isinstance(cause, ssl.SSLError):
            return HttpFailure("tls", f"TLS with {host} failed ({cause.reason or 'no reason given'})")
        cause = cause.__cause__ or cause.__context__
    return HttpFailure("connect", f"cannot connect to {host}")
