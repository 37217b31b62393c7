"""The receiver that one would write in an afternoon: FastAPI, pydantic, one SQLite commit a request.

It does the same work as wamon: checks the signature over the raw body, keeps each status of a message once and
durably (`synchronous=FULL`), counts it by number, and times the delivery.
"""

import hashlib
import hmac
import os
import sqlite3
from typing import Annotated

from fastapi import FastAPI, Header, HTTPException, Request
from prometheus_client import CollectorRegistry, Counter, Histogram
from pydantic import BaseModel

SECRET = os.environ["BENCH_SECRET"].encode()

STATUSES = """
    CREATE TABLE statuses (
        wamid TEXT NOT NULL, status TEXT NOT NULL, phone_number_id TEXT NOT NULL, timestamp INTEGER NOT NULL,
        code INTEGER, UNIQUE (wamid, status)
    )
"""


class Error(BaseModel):
    code: int


class Status(BaseModel):
    id: str
    status: str
    timestamp: int
    errors: list[Error] = []


class Metadata(BaseModel):
    phone_number_id: str


class Value(BaseModel):
    metadata: Metadata
    statuses: list[Status] = []


class Change(BaseModel):
    field: str
    value: Value


class Entry(BaseModel):
    id: str
    changes: list[Change]


class Webhook(BaseModel):
    entry: list[Entry]


database = sqlite3.connect(os.environ["BENCH_DATABASE"], isolation_level=None)
database.execute("PRAGMA journal_mode = WAL")
database.execute("PRAGMA synchronous = FULL")
database.execute(STATUSES)
registry = CollectorRegistry()
counted = Counter("statuses", "Statuses.", ["phone_number_id", "status"], registry=registry)
delivery = Histogram("delivery_seconds", "Sent to delivered.", ["phone_number_id"], registry=registry)
app = FastAPI()


@app.post("/webhook")
async def webhook(request: Request, x_hub_signature_256: Annotated[str, Header()]) -> str:
    body = await request.body()
    expected = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, x_hub_signature_256):
        raise HTTPException(401)
    found = Webhook.model_validate_json(body)
    fresh = []
    database.execute("BEGIN")
    for entry in found.entry:
        for change in entry.changes:
            number = change.value.metadata.phone_number_id
            for status in change.value.statuses:
                code = status.errors[0].code if status.errors else None
                row = (status.id, status.status, number, status.timestamp, code)
                cursor = database.execute("INSERT OR IGNORE INTO statuses VALUES (?, ?, ?, ?, ?)", row)
                if cursor.rowcount:
                    fresh.append((number, status))
    database.execute("COMMIT")
    for number, status in fresh:
        counted.labels(number, status.status).inc()
        if status.status == "delivered":
            query = "SELECT timestamp FROM statuses WHERE wamid = ? AND status = 'sent'"
            sent = database.execute(query, (status.id,)).fetchone()
            if sent:
                delivery.labels(number).observe(status.timestamp - sent[0])
    return "ok"


@app.get("/counted")
async def total() -> dict[str, int]:
    (count,) = database.execute("SELECT count(*) FROM statuses").fetchone()
    return {"statuses": count}
