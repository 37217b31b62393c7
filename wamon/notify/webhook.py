"""A generic receiver: each message as one signed HTTP request, described in docs/webhook-receiver.md."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from wamon.core.errors import DeliveryDeferred, DeliveryError, DeliveryRejected
from wamon.core.outgoing import Message, Receipt
from wamon.core.ports import Threads
from wamon.core.timing import Clock, SystemClock
from wamon.notify.http import TIMEOUT_SECONDS, Answer, HttpClient, NoAnswer, Unsendable, host_of

SIGNATURE_HEADER: Final = "X-Wamon-Signature-256"
TIMESTAMP_HEADER: Final = "X-Wamon-Timestamp"
REFERENCE_HEADER: Final = "X-Wamon-Reference"
# What a 429 without Retry-After is taken for, and the longest wait that is believed.
DEFAULT_WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(days=1)

_URL_STEP: Final = "put the URL that takes wamon's messages into WAMON_WEBHOOK_URL"
_SECRET_STEP: Final = "put the secret that the receiver knows into WAMON_WEBHOOK_SECRET, and its user into the URL"  # noqa: S105
_REDIRECT_STEP: Final = "put the address that it points to into WAMON_WEBHOOK_URL: redirects are not followed"
_BODY_STEP: Final = f"read docs/webhook-receiver.md, let the receiver take that form, or {_URL_STEP}"
_STEPS: Final[Mapping[int, str]] = {
    401: _SECRET_STEP,
    403: _SECRET_STEP,
    404: _URL_STEP,
    405: _URL_STEP,
    410: _URL_STEP,
}
# Said before any work, so that the message was not taken. Source: RFC 9110, RFC 8470 (425), RFC 6585 (429).
_ASKED_TO_WAIT: Final = frozenset({408, 425, 429, 503})


class SignedWebhook:
    """Posts to one URL; without a `secret` nothing is signed. `clock` is the machine's unless told otherwise."""

    def __init__(
        self,
        url: str,
        secret: str | None,
        *,
        name: str = "webhook",
        timeout_seconds: float = TIMEOUT_SECONDS,
        clock: Clock | None = None,
    ) -> None:
        self.name = name
        self._url = url
        self._secret = secret
        # The receiver compares the timestamp with the world's time.
        self._clock = clock or SystemClock()
        self._client = HttpClient(timeout_seconds=timeout_seconds)

    @property
    def threads(self) -> Threads | None:
        """None: a webhook cannot be written to twice."""
        return None

    async def send(self, message: Message) -> Receipt:
        body = body_of(message)
        timestamp = str(int(self._clock.now().timestamp()))
        headers = {TIMESTAMP_HEADER: timestamp, REFERENCE_HEADER: message.reference}
        if self._secret is not None:
            headers[SIGNATURE_HEADER] = signature(self._secret, timestamp, body)
        try:
            answer = await self._client.post(self._url, body, headers)
        except NoAnswer as exc:
            raise DeliveryDeferred(f"the webhook: {exc}", may_have_arrived=exc.may_have_arrived) from exc
        except Unsendable:
            raise self._malformed() from None
        if not answer.is_ok:
            raise _failure(answer)
        return Receipt(message_id=message.reference)

    async def check(self) -> str:
        """What the URL's form tells: a webhook cannot be tried without posting. Raises DeliveryRejected."""
        host = host_of(self._url)
        if host is None:
            raise self._malformed()
        manner = "signed" if self._secret is not None else "not signed (WAMON_WEBHOOK_SECRET is not set)"
        plain = "" if urlsplit(self._url).scheme == "https" else ", over plain http"
        return f"messages go to {host}{plain}, {manner}; nothing was sent"

    async def close(self) -> None:
        await self._client.close()

    def _malformed(self) -> DeliveryRejected:
        return DeliveryRejected(f"the webhook's URL or secret is malformed: {_URL_STEP}", reason="invalid_url")


def body_of(message: Message) -> bytes:
    """The request's body: the message for machines, and beside it the words for people."""
    content = {
        **message.data,
        "reference": message.reference,
        "text": message.text,
        "remarks": list(message.remarks),
    }
    # Half a surrogate pair, which Meta's JSON can bring, has no form in UTF-8.
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", errors="replace")


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Proves that a body came from a holder of the secret, and when."""
    # A secret from the environment may be any bytes.
    key = secret.encode("utf-8", errors="surrogateescape")
    return "sha256=" + hmac.new(key, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _failure(answer: Answer) -> DeliveryError:
    status = answer.status
    if status in _ASKED_TO_WAIT:
        return DeliveryDeferred(f"the webhook asks to wait (status {status})", retry_after=_wait(answer))
    if status >= 500 or status < 200:
        return DeliveryDeferred(f"the webhook is in trouble (status {status})", may_have_arrived=True)
    step = _REDIRECT_STEP if status < 400 else _STEPS.get(status, _BODY_STEP)
    return DeliveryRejected(f"the webhook refused (status {status}): {step}", reason=f"http_{status}")


def _wait(answer: Answer) -> timedelta | None:
    """How long to leave it alone; None for the outbox's own measure."""
    seconds = answer.retry_after_seconds()
    if seconds is None:
        return DEFAULT_WAIT if answer.status == 429 else None
    # A wait of nothing would make us ask again and again without a pause.
    return min(max(timedelta(seconds=seconds), timedelta(seconds=1)), LONGEST_WAIT)
