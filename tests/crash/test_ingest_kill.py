"""The daemon is killed at random moments while webhooks come in: what it acknowledged is in the books exactly once."""

import asyncio
import hashlib
import hmac
import json
import random
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.crash.lab import Lab, lab, until
from wamon.core import books
from wamon.store import SqliteStore

pytestmark = pytest.mark.alone

LABS = 2
LIVES = 51
WORKERS = 6
VERIFY_TOKEN = "a-word-of-the-test"
# What a status proves, written down once more for the comparison.
PROVES = {
    "sent": {"sent"},
    "delivered": {"sent", "delivered"},
    "read": {"sent", "delivered", "read"},
    "failed": {"failed"},
}


@dataclass
class Sender:
    """Meta's part: posts bodies, and repeats each until it is acknowledged."""

    secret: str
    waba_id: str
    number_id: str
    port: int
    chance: random.Random
    acknowledged: int = 0
    repeated: int = 0
    told: dict[str, set[str]] = field(default_factory=dict)
    is_over: bool = False

    async def work(self) -> None:
        while not self.is_over:
            body = self.body()
            while not await self.is_taken(body):
                self.repeated += 1
                await asyncio.sleep(0.01)
            self.acknowledged += 1

    def body(self) -> bytes:
        """A few statuses of a few messages, some of them told before, in any order."""
        statuses = [self.status() for _ in range(self.chance.randint(1, 6))]
        value = {"metadata": {"phone_number_id": self.number_id}, "statuses": statuses}
        change = {"field": "messages", "value": value}
        envelope = {"object": "whatsapp_business_account", "entry": [{"id": self.waba_id, "changes": [change]}]}
        return json.dumps(envelope).encode()

    def status(self) -> dict[str, Any]:
        is_known = self.told and self.chance.random() < 0.6
        wamid = self.chance.choice(list(self.told)[-50:]) if is_known else f"wamid.{len(self.told)}"
        word = self.chance.choice(["sent", "sent", "delivered", "delivered", "read", "failed"])
        self.told.setdefault(wamid, set()).add(word)
        found: dict[str, Any] = {"id": wamid, "status": word, "timestamp": str(int(time.time()))}
        if word == "failed":
            found["errors"] = [{"code": 131026}]
        return found

    async def is_taken(self, body: bytes) -> bool:
        """Whether a 200 came back; anything else, or nothing, is no acknowledgement."""
        signature = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        head = f"POST /webhook HTTP/1.1\r\nHost: test\r\nX-Hub-Signature-256: sha256={signature}\r\n"
        try:
            async with asyncio.timeout(10):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
                    return (await reader.readline()).startswith(b"HTTP/1.1 200")
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False


@pytest.mark.slow
def test_a_hundred_kills_lose_no_acknowledged_status_and_count_none_twice(tmp_path: Path) -> None:
    async def story() -> None:
        async with asyncio.TaskGroup() as tasks:
            lives = [tasks.create_task(live_and_die(tmp_path / f"lab-{each}", seed=each)) for each in range(LABS)]
        assert sum(task.result() for task in lives) >= 100

    asyncio.run(story())


async def live_and_die(folder: Path, *, seed: int) -> int:
    chance = random.Random(seed)
    port = free_port()
    more = {"verify_token": VERIFY_TOKEN, "public_listen": f"127.0.0.1:{port}"}
    async with lab(folder, settings=more) as where:
        app = next(iter(where.world.apps.values()))
        sender = Sender(
            secret=app.secret,
            waba_id=where.waba.id,
            number_id=where.waba.number_ids[0],
            port=port,
            chance=random.Random(seed + 1000),
        )
        async with asyncio.TaskGroup() as tasks:
            for _ in range(WORKERS):
                tasks.create_task(sender.work())
            for _ in range(LIVES):
                await live_once(where, sender, chance)
            process = await where.start()
            taken = sender.acknowledged
            await until(lambda: sender.acknowledged > taken + 20)
            sender.is_over = True
        assert await where.stop(process) == 0
        assert sender.acknowledged > 20 * LIVES
        assert sender.repeated > LIVES
        await check_books(where, sender)
    return LIVES


async def live_once(where: Lab, sender: Sender, chance: random.Random) -> None:
    """Live until a few requests were answered, in most lives, and die in the middle of others."""
    taken = sender.acknowledged
    process = await where.start()
    try:
        if chance.random() < 0.9:
            await until(lambda: sender.acknowledged > taken + 5)
        await asyncio.sleep(chance.uniform(0, 0.3))
        assert process.returncode is None, where.log
    finally:
        process.kill()
        await process.wait()


async def check_books(where: Lab, sender: Sender) -> None:
    assert where.query("PRAGMA integrity_check") == [("ok",)]
    store = SqliteStore(where.database)
    await store.open()
    try:
        # What the journal still holds goes into the tables.
        await store.fold({})
        tallied = await store.tallied()
    finally:
        await store.close()
    assert counted(tallied, books.STATUSES) == expected(sender.told)
    assert counted(tallied, books.FAILURES) == {"recipient": sum("failed" in words for words in sender.told.values())}
    assert where.query("SELECT count(*) FROM messages") == [(len(sender.told),)]
    # The windows agree with the sums: of all messages, by cohort, as many stand open or failed as are so.
    fates = Counter(fate(words) for words in sender.told.values())
    assert windowed(tallied, books.ATTEMPTED) == len(sender.told)
    assert windowed(tallied, books.OPEN) == fates["open"]
    assert windowed(tallied, books.FAILED_MESSAGES) == fates["failed"]


def expected(told: Mapping[str, set[str]]) -> dict[str, int]:
    return dict(Counter(word for words in told.values() for word in proved(words)))


def proved(words: set[str]) -> Iterator[str]:
    yield from set().union(*(PROVES[word] for word in words))


def fate(words: set[str]) -> str:
    if words & {"delivered", "read"}:
        return "delivered"
    return "failed" if "failed" in words else "open"


def counted(tallied: Mapping[books.TallyKey, int], figure: str) -> dict[str, int]:
    return {key[3]: count for key, count in tallied.items() if key[0] == figure}


def windowed(tallied: Mapping[books.TallyKey, int], figure: str) -> int:
    return sum(count for key, count in tallied.items() if key[0] == figure)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
