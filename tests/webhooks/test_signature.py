"""The signature is good for these very bytes and one of the app's secrets, and for nothing else."""

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wamon.webhooks.signature import SIGNATURE_LENGTH, SignatureChecker

BODY = b'{"object":"whatsapp_business_account","entry":[]}'


def sign(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()


def test_known_signature_is_accepted() -> None:
    # Test case 2 of RFC 4231.
    header = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"

    assert SignatureChecker(["Jefe"]).is_valid(header, b"what do ya want for nothing?")
    assert len(header) == SIGNATURE_LENGTH


@given(st.text(max_size=200), st.binary(max_size=300))
def test_any_secret_and_body_give_the_hmac_of_the_standard_library(secret: str, body: bytes) -> None:
    assert SignatureChecker([secret]).is_valid(sign(secret, body), body)


@pytest.mark.parametrize("length", [63, 64, 65, 200])
def test_secret_around_the_block_size_is_keyed_as_the_standard_says(length: int) -> None:
    secret = "s" * length

    assert SignatureChecker([secret]).is_valid(sign(secret, BODY), BODY)


def test_header_is_taken_as_bytes_and_as_text() -> None:
    checker = SignatureChecker(["secret"])

    assert checker.is_valid(sign("secret", BODY), BODY)
    assert checker.is_valid(sign("secret", BODY).encode(), BODY)


def test_either_secret_is_accepted_during_rotation() -> None:
    checker = SignatureChecker(["old", "new"])

    assert checker.is_valid(sign("old", BODY), BODY)
    assert checker.is_valid(sign("new", BODY), BODY)
    assert not checker.is_valid(sign("other", BODY), BODY)


def test_checker_gives_the_same_answer_again() -> None:
    checker = SignatureChecker(["secret"])

    answers = [checker.is_valid(sign("secret", BODY), BODY) for _ in range(3)]

    assert answers == [True, True, True]


def test_without_a_secret_nothing_is_valid() -> None:
    assert not SignatureChecker([]).is_valid(sign("", BODY), BODY)


GOOD = sign("secret", BODY)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        b"",
        "sha256=",
        GOOD.removeprefix("sha256="),
        GOOD.replace("sha256=", "sha1="),
        GOOD.upper(),
        "sha256=" + GOOD.removeprefix("sha256=").upper(),
        GOOD + "0",
        GOOD[:-1],
        f" {GOOD}",
        "sha256=" + "0" * 64,
        "sha256=" + "é" * 64,
        "sha256=\ud800",
        b"\xff" * 71,
    ],
)
def test_anything_else_is_refused(header: bytes | str | None) -> None:
    assert not SignatureChecker(["secret"]).is_valid(header, BODY)


def test_changed_body_is_refused() -> None:
    assert not SignatureChecker(["secret"]).is_valid(GOOD, BODY + b" ")


def test_signature_is_over_the_bytes_as_sent() -> None:
    """Parsed and written anew, an escaped character gives other bytes."""
    escaped, plain = b'{"name":"\\u00e4"}', '{"name":"ä"}'.encode()
    checker = SignatureChecker(["secret"])

    assert checker.is_valid(sign("secret", escaped), escaped)
    assert not checker.is_valid(sign("secret", escaped), plain)
