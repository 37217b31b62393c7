"""security: what happens to the two-step verification of a number."""

from typing import Any

import pytest

from tests.webhooks.notices import AT, NUMBER, WABA, directory, notice
from wamon.webhooks.field import Heed, WebhookShapeError
from wamon.webhooks.fields.security import (
    LAST_SECURITY_EVENT,
    SECURITY_EVENT_AT,
    WABA_LAST_SECURITY_EVENT,
    WABA_SECURITY_EVENT_AT,
    read,
)


def heed(**value: Any) -> Heed:
    return read(notice("security", {"display_phone_number": "1-555-078-3881", **value}), directory())


@pytest.mark.parametrize("event", ["PIN_CHANGED", "PIN_RESET_REQUEST", "PIN_REQUEST_SUCCESS"])
def test_event_is_kept_with_its_moment(event: str) -> None:
    assert heed(event=event) == Heed(
        readings=(
            LAST_SECURITY_EVENT.reading(NUMBER, event, raw=event),
            SECURITY_EVENT_AT.reading(NUMBER, AT),
        ),
        asks_poll=True,
    )


def test_requester_is_not_kept() -> None:
    found = heed(event="PIN_RESET_REQUEST", requester="Jane Doe")

    assert found.readings
    assert "Jane Doe" not in repr(found)


def test_unknown_event_is_other() -> None:
    event, _ = heed(event="PASSKEY_ADDED").readings

    assert (event.value, event.raw, event.is_recognised) == ("OTHER", "PASSKEY_ADDED", False)


@pytest.mark.parametrize("display", [None, "", 15550783881, "16505551111", {}])
def test_event_on_a_number_that_is_not_known_is_kept_on_the_account(display: object) -> None:
    assert heed(event="PIN_CHANGED", display_phone_number=display) == Heed(
        readings=(
            WABA_LAST_SECURITY_EVENT.reading(WABA, "PIN_CHANGED", raw="PIN_CHANGED"),
            WABA_SECURITY_EVENT_AT.reading(WABA, AT),
        ),
        asks_poll=True,
    )


@pytest.mark.parametrize("event", [None, "", 1, ["PIN_CHANGED"]])
def test_notice_without_an_event_has_not_the_documented_form(event: object) -> None:
    with pytest.raises(WebhookShapeError):
        heed(event=event)
