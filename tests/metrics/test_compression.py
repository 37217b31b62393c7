import gzip
import zlib

import httpx
from hypothesis import given
from hypothesis import strategies as st

from wamon.metrics.compression import deflate, gzipped, joined


@given(st.lists(st.binary(max_size=50)), st.binary(max_size=50))
def test_parts_compressed_apart_are_one_gzip_member(parts: list[bytes], tail: bytes) -> None:
    body = joined((part, deflate(part)) for part in parts)

    packed = gzipped(body, tail)

    decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    assert decoder.decompress(packed) + decoder.flush() == b"".join(parts) + tail
    assert decoder.eof
    assert decoder.unused_data == b""


def test_decoder_that_stops_after_one_member_reads_everything() -> None:
    body = joined((part, deflate(part)) for part in (b"one\n" * 1000, b"two\n" * 1000))
    packed = gzipped(body, b"three\n")

    answer = httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=packed)

    assert answer.content == b"one\n" * 1000 + b"two\n" * 1000 + b"three\n"
    assert gzip.decompress(packed) == answer.content
