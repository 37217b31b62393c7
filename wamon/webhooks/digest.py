"""Keyed digests: what stands in for what must not be kept, and cannot be found by trying without the key."""

from hashlib import blake2b
from typing import Final

DIGEST_BYTES: Final = 16


def digest(key: bytes, *parts: str | bytes) -> bytes:
    """The digest of these parts in this order."""
    joined = b"\0".join(part.encode() if isinstance(part, str) else part for part in parts)
    return blake2b(joined, digest_size=DIGEST_BYTES, key=key).digest()
