"""Signed webhook requests, and a load generator that sends them: one request in flight a connection, loopback only."""

import hashlib
import heapq
import hmac
import itertools
import json
import random
import re
import select
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

SECRET = "bench0secret0bench0secret0bench0"
WABA_ID = "102290129340398"
HEADERS = (
    "Host: 127.0.0.1",
    "User-Agent: facebookexternalua",
    "Accept: */*",
    "Accept-Encoding: deflate, gzip",
    "Content-Type: application/json",
)
RECIPIENT = "15550100199"
AGO = 500
AFTER = {"sent": 0, "delivered": 2, "read": 9, "failed": 2}
FAILED_SHARE = 0.02
CONTENT_LENGTH = re.compile(rb"content-length: *([0-9]+)", re.IGNORECASE)


def bodies(*, posts: int, statuses_per_post: int, numbers: int, started_at: int, seed: int = 7) -> Iterator[bytes]:
    """Each message is sent, delivered and read, some hundred statuses apart; one in fifty fails. No repeats.

    The statuses of one post are grouped by phone number, a change each, as Meta sends them.
    """
    statuses = _statuses(numbers=numbers, started_at=started_at, chance=random.Random(seed))
    for _ in range(posts):
        values: dict[str, dict[str, Any]] = {}
        for number, status in itertools.islice(statuses, statuses_per_post):
            values.setdefault(number, _value(number))["statuses"].append(status)
        entry = {"id": WABA_ID, "changes": [{"field": "messages", "value": value} for value in values.values()]}
        yield json.dumps({"object": "whatsapp_business_account", "entry": [entry]}, separators=(",", ":")).encode()


def _statuses(*, numbers: int, started_at: int, chance: random.Random) -> Iterator[tuple[str, dict[str, Any]]]:
    pending: list[tuple[int, str, str, str]] = []
    for made in itertools.count():
        if pending and pending[0][0] <= made:
            _, wamid, word, number = heapq.heappop(pending)
            yield number, _status(word, wamid, started_at)
            continue
        number = f"{106540000000000 + chance.randrange(numbers)}"
        wamid = f"wamid.HBgLMTU1NTAxMDAxOTkVAgARGBI{made:020X}AA=="
        yield number, _status("sent", wamid, started_at)
        if chance.random() < FAILED_SHARE:
            heapq.heappush(pending, (made + AGO, wamid, "failed", number))
        else:
            heapq.heappush(pending, (made + AGO, wamid, "delivered", number))
            heapq.heappush(pending, (made + 2 * AGO, wamid, "read", number))


def _value(number: str) -> dict[str, Any]:
    return {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550783881", "phone_number_id": number},
        "contacts": [{"profile": {"name": "Someone"}, "wa_id": RECIPIENT}],
        "statuses": [],
    }


def _status(word: str, wamid: str, started_at: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": wamid,
        "status": word,
        "timestamp": str(started_at + AFTER[word]),
        "recipient_id": RECIPIENT,
        "recipient_user_id": "US.13491208655302741918",
        "conversation": {"id": "f" * 32, "origin": {"type": "utility"}},
        "pricing": {"billable": True, "pricing_model": "PMP", "category": "utility", "type": "regular"},
        "biz_opaque_callback_data": "order-4711",
    }
    if word == "failed":
        found["errors"] = [{"code": 131026, "title": "Message undeliverable", "error_data": {"details": "No."}}]
    return found


def requests(found: Iterator[bytes], *, path: str = "/webhook") -> list[bytes]:
    """The bodies as signed HTTP requests."""
    made = []
    for body in found:
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        head = [
            f"POST {path} HTTP/1.1",
            *HEADERS,
            f"X-Hub-Signature-256: sha256={signature}",
            f"Content-Length: {len(body)}",
        ]
        made.append("\r\n".join([*head, "", ""]).encode() + body)
    return made


@dataclass(slots=True)
class Load:
    """What a round came to: answers by kind, and each answer's wait in seconds."""

    answered: int = 0
    refused: int = 0
    unsent: int = 0
    wall_seconds: float = 0.0
    waits: list[float] = field(default_factory=list)

    def wait(self, quantile: float) -> float:
        ordered = sorted(self.waits)
        return ordered[min(int(quantile * len(ordered)), len(ordered) - 1)] if ordered else float("nan")


def send(
    port: int, wanted: Sequence[bytes], *, connections: int, seconds: float, per_second: float | None = None
) -> Load:
    """Send until the requests or the time are over; `per_second` None sends as fast as answers come.

    With a rate the wait counts from the moment in which a request was due, whether or not a connection was free.
    """
    sending = _Sending(port, wanted, connections=connections, per_second=per_second)
    try:
        return sending.run(seconds)
    finally:
        sending.close()


class _Sending:
    def __init__(self, port: int, wanted: Sequence[bytes], *, connections: int, per_second: float | None) -> None:
        self._wanted = wanted
        self._per_second = per_second
        self._poll = select.epoll()
        socks = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(connections)]
        self._socks = {sock.fileno(): sock for sock in socks}
        for number, sock in self._socks.items():
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._poll.register(number, select.EPOLLIN)
        self._idle = list(self._socks)
        self._due_at: dict[int, float] = {}
        self._parts: dict[int, bytes] = {}
        self._sent = 0
        self._load = Load()
        self._started_at = 0.0

    def run(self, seconds: float) -> Load:
        self._started_at = time.perf_counter()
        end = self._started_at + seconds
        while (now := time.perf_counter()) < end and (self._sent < len(self._wanted) or self._due_at):
            self._give(now)
            for number, _ in self._poll.poll(self._patience()):
                self._take(number)
        self._load.wall_seconds = time.perf_counter() - self._started_at
        if self._per_second is not None:
            wanted = min(int(seconds * self._per_second), len(self._wanted))
            self._load.unsent = max(wanted - self._sent, 0)
        # Whatever is still in flight is counted by the server, and so by us, but not timed.
        for number in self._due_at:
            while not self._is_whole(number):
                pass
        return self._load

    def _give(self, now: float) -> None:
        """Send what is due on the connections that are free."""
        while self._idle and self._sent < len(self._wanted):
            due_at = self._next_due_at(now)
            if due_at > now:
                return
            number = self._idle.pop()
            self._socks[number].sendall(self._wanted[self._sent])
            self._due_at[number] = due_at
            self._sent += 1

    def _next_due_at(self, now: float) -> float:
        return now if self._per_second is None else self._started_at + self._sent / self._per_second

    def _patience(self) -> float:
        if self._per_second is None or not self._idle:
            return 0.1
        now = time.perf_counter()
        return max(min(self._next_due_at(now) - now, 0.1), 0.0)

    def _take(self, number: int) -> None:
        if self._is_whole(number):
            self._load.waits.append(time.perf_counter() - self._due_at.pop(number))
            self._idle.append(number)

    def _is_whole(self, number: int) -> bool:
        """Read what came; whether the answer is complete. Head and body may come apart."""
        part = self._socks[number].recv(65536)
        if not part:
            raise ConnectionError("the server closed a connection")
        answer = self._parts.pop(number, b"") + part
        head, end, body = answer.partition(b"\r\n\r\n")
        length = CONTENT_LENGTH.search(head)
        if not end or length is None or len(body) < int(length[1]):
            self._parts[number] = answer
            return False
        if answer[9:12] == b"200":
            self._load.answered += 1
        else:
            self._load.refused += 1
        return True

    def close(self) -> None:
        for sock in self._socks.values():
            sock.close()
        self._poll.close()
