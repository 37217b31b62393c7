"""Pressed buttons that Slack delivers by signed HTTP requests.

Source: Slack "Verifying requests from Slack" and "Handling user interaction", read 2026-11.
"""

import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qsl

from wamon.core.timing import Clock
from wamon.notify.slack.actions import UNKNOWN, Observer

log = logging.getLogger(__name__)

SIGNATURE_HEADER: Final = b"x-slack-signature"
TIMESTAMP_HEADER: Final = b"x-slack-request-timestamp"
VERSION: Final = "v0"
# How old a request may be, and how far its clock may be ahead of ours.
TOLERANCE: Final = timedelta(minutes=5)
LONGEST_TIMESTAMP: Final = 12
MOST_FIELDS: Final = 16


class SlackRequests:
    """Takes signed requests in. A request that is sent again makes the same act again, which is done once."""

    def __init__(
        self, signing_secret: str, take: Callable[[Mapping[str, Any]], bool], *, clock: Clock, observer: Observer
    ) -> None:
        self._secret = signing_secret.encode()
        self._take = take
        self._clock = clock
        self._observer = observer
        self._is_believed = True

    async def receive(self, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> int:
        """Take one request in, its body as it came; the status to answer: 200, 400, 401 or 503.

        The names of the headers are in lower case.
        """
        if not self._is_signed(list(headers), body):
            self._observer.slack_action(UNKNOWN, "refused")
            if self._is_believed:
                # Once: anybody may send anything here.
                log.warning("slack request with a wrong signature or time refused; see WAMON_SLACK_SIGNING_SECRET")
            self._is_believed = False
            return 401
        self._is_believed = True
        payload = payload_of(body)
        if payload is None:
            self._observer.slack_action(UNKNOWN, "malformed")
            log.warning("slack request without a payload")
            return 400
        return 200 if self._take(payload) else 503

    def _is_signed(self, headers: list[tuple[bytes, bytes]], body: bytes) -> bool:
        signatures = [value for name, value in headers if name == SIGNATURE_HEADER]
        stamps = [value for name, value in headers if name == TIMESTAMP_HEADER]
        if len(signatures) != 1 or len(stamps) != 1:
            return False
        stamp = stamps[0]
        if not stamp.isdigit() or len(stamp) > LONGEST_TIMESTAMP:
            return False
        # The signature first, so that how long it takes tells nothing of our clock.
        is_genuine = hmac.compare_digest(signature_of(self._secret, stamp, body), signatures[0])
        age = self._clock.now().timestamp() - int(stamp)
        return is_genuine and abs(age) <= TOLERANCE.total_seconds()


def signature_of(secret: bytes, timestamp: bytes, body: bytes) -> bytes:
    """What Slack puts into the header of a request."""
    base = b"%s:%s:%s" % (VERSION.encode(), timestamp, body)
    return f"{VERSION}={hmac.new(secret, base, hashlib.sha256).hexdigest()}".encode()


def payload_of(body: bytes) -> Mapping[str, Any] | None:
    """The JSON object in the form's field `payload`; None when there is none."""
    try:
        form = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        (text,) = (value for name, value in form if name == "payload")
        payload = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None
