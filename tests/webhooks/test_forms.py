"""Values that Meta writes in several forms."""

import math
from datetime import UTC, datetime

import pytest

from wamon.webhooks.field import WebhookShapeError
from wamon.webhooks.forms import moment_of, number_of, objects_of, recipients_of, required_word, words_of


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        (1641330498, datetime(2022, 1, 4, 21, 8, 18, tzinfo=UTC)),
        (1641330498.0, datetime(2022, 1, 4, 21, 8, 18, tzinfo=UTC)),
        ("1641330498", datetime(2022, 1, 4, 21, 8, 18, tzinfo=UTC)),
        ("2026-04-19T13:59:20+0000", datetime(2026, 4, 19, 13, 59, 20, tzinfo=UTC)),
        ("2026-04-19T15:59:20+02:00", datetime(2026, 4, 19, 13, 59, 20, tzinfo=UTC)),
        ("2022-12-12T07:09:27.000Z", datetime(2022, 12, 12, 7, 9, 27, tzinfo=UTC)),
        ("2024-01-01", datetime(2024, 1, 1, tzinfo=UTC)),
        ("April 17, 2025", datetime(2025, 4, 17, tzinfo=UTC)),
        (" october 9,2023 ", datetime(2023, 10, 9, tzinfo=UTC)),
        ("Sept 9, 2023", datetime(2023, 9, 9, tzinfo=UTC)),
    ],
)
def test_moment_is_read_in_every_form(written: object, moment: datetime) -> None:
    assert moment_of(written) == moment


@pytest.mark.parametrize(
    "written",
    [
        None,
        0,
        -5,
        True,
        "",
        "DATE",
        "April",
        "April 31, 2025",
        "April 17, 2025, noon",
        "17/04/2025",
        "99999999999999999999",
        "0001-01-01T00:00:00+23:59",
        10**30,
        float("nan"),
        [],
        {"a": 1},
        # Before there was WhatsApp, and later than anybody plans: a number in another unit, or a word for "never".
        20260419,
        1641330498000,
        "2008-12-31",
        "2100-01-01",
        "9999-12-31",
        "December 31, 9999",
    ],
)
def test_what_is_no_moment_is_none(written: object) -> None:
    assert moment_of(written) is None


@pytest.mark.parametrize(("written", "number"), [(5, 5.0), (14.28, 14.28), ("7000", 7000.0), (-1, -1.0)])
def test_number_is_read(written: object, number: float) -> None:
    assert number_of(written) == number


@pytest.mark.parametrize("written", [None, True, "", "many", "nan", "inf", 10**400, [], {}])
def test_what_is_no_finite_number_is_none(written: object) -> None:
    assert number_of(written) is None


@pytest.mark.parametrize(
    ("limit", "recipients"),
    [
        (2000, 2000.0),
        ("2000", 2000.0),
        (-1, math.inf),
        ("-1", math.inf),
        ("TIER_10K", 10_000.0),
        ("TIER_UNLIMITED", math.inf),
    ],
)
def test_limit_is_a_number_or_a_tier(limit: object, recipients: float) -> None:
    assert recipients_of(limit) == recipients


@pytest.mark.parametrize("limit", [None, 0, -2, True, "", "TIER_NOT_SET", "TIER_5K", "many", [], {}])
def test_limit_without_a_number_is_none(limit: object) -> None:
    assert recipients_of(limit) is None


def test_object_that_stands_alone_is_a_list_of_one() -> None:
    assert objects_of({"a": 1}) == [{"a": 1}]
    assert objects_of([{"a": 1}, "b", None]) == [{"a": 1}]
    assert objects_of("a") == []


def test_words_come_on_one_bearable_line() -> None:
    assert words_of("SCAM", None, "stop\n it", "SCAM", ["x"], 3) == "SCAM; stop it; 3"
    assert len(words_of("x" * 1000) or "") == 300
    assert words_of(None, "", []) is None


def test_required_word_is_upper_case() -> None:
    assert required_word({"event": " pin_changed "}, "event") == "PIN_CHANGED"


@pytest.mark.parametrize("value", [{}, {"event": None}, {"event": ""}, {"event": 3}, {"event": ["PIN_CHANGED"]}])
def test_notice_without_its_word_has_not_the_documented_form(value: dict[str, object]) -> None:
    with pytest.raises(WebhookShapeError) as caught:
        required_word(value, "event")

    assert caught.value.reason == "unexpected_shape"
