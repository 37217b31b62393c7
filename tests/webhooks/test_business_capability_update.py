"""business_capability_update: the limit of the business portfolio, for each of the account's numbers."""

import math
from typing import Any

import pytest

from tests.webhooks.notices import NUMBER, SECOND_NUMBER, directory, notice, told
from wamon.core.health import Snapshot
from wamon.probes.account import MESSAGING_LIMIT
from wamon.webhooks.field import Directory, Heed
from wamon.webhooks.fields.business_capability_update import read


def heed(**value: Any) -> Heed:
    return read(notice("business_capability_update", value), directory())


@pytest.mark.parametrize(
    ("value", "limit"),
    [
        ({"max_daily_conversations_per_business": 2000, "max_phone_numbers_per_waba": 25}, 2000.0),
        ({"max_daily_conversations_per_business": "TIER_10K"}, 10_000.0),
        ({"max_daily_conversations_per_business": "TIER_UNLIMITED", "max_daily_conversation_per_phone": -1}, math.inf),
        ({"max_daily_conversation_per_phone": 250, "max_phone_numbers_per_business": 2}, 250.0),
        ({"max_daily_conversation_per_phone": 50}, 50.0),
        ({"max_daily_conversations_per_business": None, "max_daily_conversation_per_phone": "1000"}, 1000.0),
    ],
)
def test_limit_counts_for_every_number_of_the_account(value: dict[str, Any], limit: float) -> None:
    found = heed(**value)

    assert told(found) == {(NUMBER, MESSAGING_LIMIT.name): limit, (SECOND_NUMBER, MESSAGING_LIMIT.name): limit}
    assert found.asks_poll


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"max_daily_conversations_per_business": "TIER_NOT_SET"},
        {"max_daily_conversations_per_business": {}, "max_daily_conversation_per_phone": True},
        {"max_daily_conversations_per_business": 2000, "max_daily_conversation_per_phone": 250},
    ],
)
def test_limit_in_doubt_is_left_to_the_poll(value: dict[str, Any]) -> None:
    assert heed(**value) == Heed(asks_poll=True)


def test_account_without_known_numbers_asks_for_a_poll_only() -> None:
    found = read(notice("business_capability_update", {"max_daily_conversation_per_phone": 250}), Directory(Snapshot()))

    assert found == Heed(asks_poll=True)
