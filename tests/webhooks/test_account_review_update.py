"""account_review_update: the outcome of Meta's review."""

import pytest

from tests.webhooks.notices import WABA, directory, notice
from wamon.probes.account import WABA_REVIEW_STATUS
from wamon.webhooks.field import Heed, WebhookShapeError
from wamon.webhooks.fields.account_review_update import read


def heed(decision: object) -> Heed:
    return read(notice("account_review_update", {"decision": decision}), directory())


@pytest.mark.parametrize("decision", ["APPROVED", "REJECTED", "PENDING", "DEFERRED"])
def test_decision_is_the_reviews_status(decision: str) -> None:
    assert heed(decision) == Heed(readings=(WABA_REVIEW_STATUS.reading(WABA, decision, raw=decision),), asks_poll=True)


def test_unknown_decision_is_other() -> None:
    (review,) = heed("postponed").readings

    assert (review.value, review.raw, review.is_recognised) == ("OTHER", "POSTPONED", False)


@pytest.mark.parametrize("decision", [None, "", 1, ["APPROVED"], {"decision": "APPROVED"}])
def test_notice_without_a_decision_has_not_the_documented_form(decision: object) -> None:
    with pytest.raises(WebhookShapeError):
        heed(decision)
