"""When a decision of Meta's against the whole account alerts."""

from datetime import timedelta

import pytest

from tests.rules.views import MINUTE, NOW, WABA, seen, view
from wamon.core.alerting import Severity
from wamon.core.health import Sighting
from wamon.core.ports import clear, firing, unknown
from wamon.probes.account import WABA_REVIEW_STATUS, WABA_STATUS
from wamon.rules.account import RESTRICTED, check
from wamon.rules.words import NoParams

SINCE = "since 2026-11-22 10:00 UTC"


def words(status: str | None, review: str | None, *, ago: timedelta = timedelta(0)) -> Sighting:
    return seen(WABA_STATUS.reading(WABA, status), WABA_REVIEW_STATUS.reading(WABA, review), ago=ago)


@pytest.mark.parametrize(
    ("status", "review", "what"),
    [
        ("RESTRICTED", "APPROVED", "Account status RESTRICTED"),
        ("DISABLED", None, "Account status DISABLED"),
        ("ACTIVE", "REJECTED", "Account review REJECTED"),
        (None, "RESTRICTED", "Account review RESTRICTED"),
        ("OTHER", "REJECTED", "Account review REJECTED"),
    ],
)
def test_restriction_fires(status: str | None, review: str | None, what: str) -> None:
    name, value = what.rsplit(" ", 1)

    verdict = check(view(WABA, words(status, review)), NoParams(), NOW)

    assert verdict == firing(Severity.CRITICAL, NOW, what, evidence=[(name, f"{value} {SINCE}")])


@pytest.mark.parametrize(
    ("status", "review"),
    [("ACTIVE", "APPROVED"), ("ACTIVE", "PENDING"), ("PENDING", "APPROVED"), (None, "APPROVED"), ("ACTIVE", None)],
)
def test_account_that_works_or_waits_is_clear(status: str | None, review: str | None) -> None:
    assert check(view(WABA, words(status, review, ago=MINUTE)), NoParams(), NOW) == clear(NOW - MINUTE)


@pytest.mark.parametrize(("status", "review"), [("OTHER", "APPROVED"), ("ACTIVE", "OTHER"), ("OTHER", None)])
def test_unknown_word_may_be_a_ban_and_closes_nothing(status: str, review: str | None) -> None:
    banned = words("DISABLED", "APPROVED", ago=MINUTE)

    assert check(view(WABA, banned, words(status, review)), NoParams(), NOW) == unknown(NOW)


def test_account_without_any_word_is_unknown() -> None:
    pictures = (view(WABA), view(WABA, words(None, None)), view(WABA, words("DISABLED", "REJECTED", ago=15 * MINUTE)))

    assert [check(picture, NoParams(), NOW) for picture in pictures] == [unknown(NOW)] * 3


def test_refusal_code_is_told_as_evidence() -> None:
    picture = view(WABA, seen(WABA_STATUS.reading(WABA, "RESTRICTED", raw="code 368")))

    verdict = check(picture, NoParams(), NOW)

    assert verdict is not None
    assert verdict.evidence == (("Account status", f"RESTRICTED (Meta's word: code 368) {SINCE}"),)


def test_restriction_is_told_at_once() -> None:
    assert RESTRICTED.timing.min_observations == 1
    assert RESTRICTED.timing.for_ == timedelta(0)
