"""What an answer, or a denial, proves besides its content."""

import pytest

from tests.probes.driving import TOKEN, WABA, WABA_ID
from wamon.core.errors import Denied
from wamon.core.health import Subject
from wamon.probes.evidence import (
    QUOTA_USED,
    TOKEN_VALID,
    VERSION_SERVED,
    code_words,
    quota_used,
    token_accepted,
    token_denied,
    version_served,
)


def test_accepted_token_is_valid() -> None:
    assert token_accepted("main") == TOKEN_VALID.reading(TOKEN, True)


def test_rejected_token_is_invalid_with_metas_code() -> None:
    fault = Denied("rejected", is_token=True, code=190, subcode=460)

    assert token_denied("main", fault) == TOKEN_VALID.reading(TOKEN, False, raw="code 190, subcode 460")


def test_denied_permission_says_nothing_of_the_token() -> None:
    assert token_denied("main", Denied("no right", is_token=False, code=200)) is None


@pytest.mark.parametrize(
    ("code", "subcode", "words"),
    [(190, 463, "code 190, subcode 463"), (190, None, "code 190"), (None, None, None), (None, 463, None)],
)
def test_code_is_told_without_what_is_missing(code: int | None, subcode: int | None, words: str | None) -> None:
    assert code_words(code, subcode) == words


def test_served_version_is_told_of_the_requested_one() -> None:
    reading = version_served("v20.0", "v21.0")

    assert reading == VERSION_SERVED.reading(
        Subject.api_version("v20.0"), {"requested": "v20.0", "served": "v21.0"}, raw="v21.0"
    )


def test_used_quota_is_told_of_the_waba() -> None:
    used = {"call_count": 0.8, "total_time": 0.1}

    assert quota_used(WABA_ID, used) == QUOTA_USED.reading(WABA, used)
