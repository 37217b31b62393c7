"""phone_number_name_update: the review of a display name, in the words that polls use."""

from typing import Any

import pytest

from tests.webhooks.notices import NUMBER, directory, notice
from wamon.probes.account import NAME_STATUS
from wamon.webhooks.field import Heed, WebhookShapeError
from wamon.webhooks.fields.phone_number_name_update import read


def heed(**value: Any) -> Heed:
    return read(notice("phone_number_name_update", {"display_phone_number": "15550783881", **value}), directory())


@pytest.mark.parametrize(
    ("decision", "status"),
    [
        ("APPROVED", "APPROVED"),
        ("REJECTED", "DECLINED"),
        ("PENDING", "PENDING_REVIEW"),
        ("DEFERRED", "PENDING_REVIEW"),
    ],
)
def test_decision_is_the_names_status(decision: str, status: str) -> None:
    found = heed(decision=decision, requested_verified_name="Jasper's Market", rejection_reason=None)

    assert found == Heed(readings=(NAME_STATUS.reading(NUMBER, status, raw=decision),), asks_poll=True)


def test_reason_of_a_rejection_is_evidence() -> None:
    (status,) = heed(decision="REJECTED", rejection_reason="NAME_NOT_CONSISTENT").readings

    assert status.raw == "REJECTED; NAME_NOT_CONSISTENT"


def test_unknown_decision_is_other() -> None:
    (status,) = heed(decision="SHELVED", rejection_reason=["x"]).readings

    assert (status.value, status.raw, status.is_recognised) == ("OTHER", "SHELVED", False)


@pytest.mark.parametrize("display", [None, "", 15550783881, "16505551111", []])
def test_unknown_number_asks_for_a_poll_only(display: object) -> None:
    assert heed(decision="APPROVED", display_phone_number=display) == Heed(asks_poll=True)


@pytest.mark.parametrize("decision", [None, "", 1, ["APPROVED"]])
def test_notice_without_a_decision_has_not_the_documented_form(decision: object) -> None:
    with pytest.raises(WebhookShapeError):
        heed(decision=decision)
