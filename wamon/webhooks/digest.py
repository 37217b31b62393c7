"""Keyed digests: what stands in for what must not be kept, and cannot be found by trying without the key."""

from hashlib import blake2b
from typing import Final

DIGEST_BYTES: Final = 16


class Digests:
    """Makes digests under one key, which is taken in once: that costs more than the digest of a message."""

    __slots__ = ("_keyed",)

    def __init__(self, key: bytes) -> None:
        self._keyed = blake2b(digest_size=DIGEST_BYTES, key=key)

    def of(self, *parts: str | bytes) -> bytes:
        """The digest of these parts in this order."""
        return self.of_joined(b"\0".join(part.encode() if isinstance(part, str) else part for part in parts))

    def of_joined(self, parts: bytes) -> bytes:
        """The digest of parts with a zero byte between each two."""
        hashed = self._keyed.copy()
        hashed.update(parts)
        return hashed.digest()
