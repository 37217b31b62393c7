"""Durable memory: everything that must survive a restart, in one SQLite file."""

from wamon.store.outbox import DeadLetter
from wamon.store.sqlite import SqliteStore

__all__ = ["DeadLetter", "SqliteStore"]
