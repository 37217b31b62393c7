"""One gzip stream put together from parts that were compressed before."""

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

# Level 1: at 6 the last fifth of the size costs four times the time (facts of 2026-11).
LEVEL = 1

# RFC 1952: magic, deflate, no flags, no time, "fastest" as the extra flag, unknown system. Then, after the parts, an
# empty final block (RFC 1951), the checksum and the length.
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
_END = b"\x03\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deflated:
    """A text in compressed form, open at its end, with the checksum and length of what it was."""

    pieces: bytes
    checksum: int
    length: int


def deflate(text: bytes) -> bytes:
    """The text as deflate blocks that end on a byte and may be followed by any others."""
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(text) + compressor.flush(zlib.Z_SYNC_FLUSH)


def joined(parts: Iterable[tuple[bytes, bytes]]) -> Deflated:
    """Several (text, deflated text) as one."""
    checksum = length = 0
    pieces = []
    for text, deflated in parts:
        checksum = zlib.crc32(text, checksum)
        length += len(text)
        pieces.append(deflated)
    return Deflated(pieces=b"".join(pieces), checksum=checksum, length=length)


def gzipped(body: Deflated, tail: bytes = b"") -> bytes:
    """One gzip member of `body` and, after it, `tail`.

    A member a part would be simpler and legal, but some decoders (httpx's, old curl's) stop after the first.
    """
    checksum = zlib.crc32(tail, body.checksum)
    trailer = struct.pack("<LL", checksum, (body.length + len(tail)) & 0xFFFFFFFF)
    return b"".join((_HEADER, body.pieces, deflate(tail) if tail else b"", _END, trailer))
