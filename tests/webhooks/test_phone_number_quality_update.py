"""phone_number_quality_update: a hint to poll, with throughput and limit where they are beyond doubt."""

import math
from typing import Any

import pytest

from tests.webhooks.notices import NUMBER, SECOND_NUMBER, directory, notice, told
from wamon.probes.account import MESSAGING_LIMIT, THROUGHPUT_LEVEL
from wamon.webhooks.field import Heed
from wamon.webhooks.fields.phone_number_quality_update import read


def heed(**value: Any) -> Heed:
    return read(notice("phone_number_quality_update", {"display_phone_number": "15550783881", **value}), directory())


def test_throughput_upgrade_is_high_throughput() -> None:
    found = heed(event="THROUGHPUT_UPGRADE", current_limit="TIER_UNLIMITED")

    assert found == Heed(
        readings=(
            THROUGHPUT_LEVEL.reading(NUMBER, "HIGH", raw="THROUGHPUT_UPGRADE"),
            MESSAGING_LIMIT.reading(NUMBER, math.inf, raw="TIER_UNLIMITED"),
        ),
        asks_poll=True,
    )


@pytest.mark.parametrize(
    ("value", "limit"),
    [
        ({"current_limit": "TIER_10K", "old_limit": "TIER_2K"}, 10_000.0),
        ({"max_daily_conversations_per_business": "TIER_2K"}, 2000.0),
        ({"max_daily_conversations_per_business": 2000, "current_limit": "TIER_2K"}, 2000.0),
        ({"max_daily_conversations_per_business": -1}, math.inf),
    ],
)
def test_limit_is_taken_from_either_key(value: dict[str, Any], limit: float) -> None:
    assert told(heed(event="ONBOARDING", **value)) == {(NUMBER, MESSAGING_LIMIT.name): limit}


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"current_limit": "TIER_NOT_SET"},
        {"current_limit": "TIER_5K"},
        {"current_limit": {}, "max_daily_conversations_per_business": True},
        {"current_limit": "TIER_250", "max_daily_conversations_per_business": "TIER_2K"},
    ],
)
def test_limit_in_doubt_is_left_to_the_poll(value: dict[str, Any]) -> None:
    assert heed(event="ONBOARDING", **value) == Heed(asks_poll=True)


@pytest.mark.parametrize("event", ["FLAGGED", "UNFLAGGED", "UPGRADE", "DOWNGRADE", "SOMETHING_NEW", None, 7, []])
def test_no_event_says_anything_of_the_rating(event: object) -> None:
    assert heed(event=event) == Heed(asks_poll=True)


@pytest.mark.parametrize(
    ("display", "number"),
    [
        ("15550783881", NUMBER),
        ("1-555-078-3881", NUMBER),
        ("+250 788 123 200", SECOND_NUMBER),
    ],
)
def test_number_is_found_by_its_digits(display: str, number: object) -> None:
    found = heed(display_phone_number=display, event="THROUGHPUT_UPGRADE")

    assert [reading.subject for reading in found.readings] == [number]


@pytest.mark.parametrize("display", [None, "", 15550783881, "16505551111", []])
def test_unknown_number_asks_for_a_poll_only(display: object) -> None:
    assert heed(display_phone_number=display, event="THROUGHPUT_UPGRADE", current_limit="TIER_2K") == Heed(
        asks_poll=True
    )
