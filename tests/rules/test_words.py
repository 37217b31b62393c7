"""The words that evidence is told in."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.rules.views import HOUR, MINUTE, NOW, NUMBER, seen, view
from wamon.core.health import NEVER, Reading
from wamon.probes.account import PHONE_STATUS
from wamon.rules.words import evidence_of, is_above, moment, number_context, span


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=40.9), "40 s"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(minutes=5, seconds=1), "5 min 1 s"),
        (timedelta(hours=2, minutes=10, seconds=30), "2 h 10 min"),
        (timedelta(days=3, seconds=5), "3 d 5 s"),
        (timedelta(days=400), "400 d"),
        (-timedelta(hours=1), "1 h"),
    ],
)
def test_span_has_the_two_largest_units(duration: timedelta, words: str) -> None:
    assert span(duration) == words


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (NEVER, "never"),
        (datetime(2026, 11, 22, 10, 5, 59, tzinfo=UTC), "2026-11-22 10:05 UTC"),
        (datetime(2026, 11, 22, 1, 0, tzinfo=timezone(timedelta(hours=2))), "2026-11-21 23:00 UTC"),
    ],
)
def test_moment_is_told_in_utc(at: datetime, words: str) -> None:
    assert moment(at) == words


@pytest.mark.parametrize(
    ("value", "is_open", "above"),
    [(0.8, False, False), (0.81, False, True), (0.61, True, True), (0.6, True, False), (0.61, False, False)],
)
def test_open_alert_holds_until_the_lower_threshold(value: float, is_open: bool, above: bool) -> None:
    assert is_above(value, fires=0.8, clears=0.6, is_open=is_open) is above


def told(*readings: Reading) -> list[tuple[str, str]]:
    sightings = [seen(reading, ago=HOUR - n * MINUTE) for n, reading in enumerate(readings)]
    fact = view(NUMBER, *sightings).fact(PHONE_STATUS)
    assert fact is not None
    return list(evidence_of(fact, "Status"))


@pytest.mark.parametrize(
    ("readings", "words"),
    [
        ([("BANNED", "BANNED")], "BANNED since 2026-11-22 09:00 UTC"),
        ([("BANNED", "banned")], "BANNED since 2026-11-22 09:00 UTC"),
        ([("BANNED", None)], "BANNED since 2026-11-22 09:00 UTC"),
        ([("OTHER", "Asleep")], "OTHER (Meta's word: Asleep) since 2026-11-22 09:00 UTC"),
        (
            [("CONNECTED", None), ("BANNED", None), ("BANNED", None)],
            "BANNED since 2026-11-22 09:01 UTC, before that CONNECTED",
        ),
        ([(None, None)], "None"),
    ],
)
def test_evidence_tells_the_reading_and_what_was_before(
    readings: list[tuple[str | None, str | None]], words: str
) -> None:
    evidence = told(*(PHONE_STATUS.reading(NUMBER, value, raw=raw) for value, raw in readings))

    assert evidence == [("Status", words)]


def test_context_leaves_out_what_is_old_and_what_the_alert_is_about() -> None:
    picture = view(NUMBER, seen(PHONE_STATUS.reading(NUMBER, "CONNECTED"), ago=HOUR))

    assert list(number_context(picture, besides=PHONE_STATUS)) == []
    assert picture.snapshot.facts[NUMBER][PHONE_STATUS.name].observed_at == NOW - HOUR
