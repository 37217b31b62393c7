"""When the webhooks themselves alert: silence, and signatures that cannot be believed."""

from datetime import timedelta

import pytest

from tests.rules.views import DAY, HOUR, MINUTE, NO_TIME, NOW, WABA, seen, view
from wamon.core import watch
from wamon.core.alerting import Severity, Truth, Verdict
from wamon.core.figures import ACTIVE_SECONDS, LAST_EVENT, LONGEST_GAP, RECEIVER_TALLY
from wamon.core.health import Reading, Sighting, Subject
from wamon.core.ports import clear, firing, unknown
from wamon.rules.webhooks import (
    BAD_SIGNATURES,
    SILENCE,
    SignatureParams,
    SilenceParams,
    check_signatures,
    check_silence,
)

W, C = Severity.WARNING, Severity.CRITICAL
INSTANCE = Subject.instance()
SECOND = timedelta(seconds=1)


# --- silence ----------------------------------------------------------------------------------------------------------


def heard(
    ago: timedelta | None,
    *,
    active_hours: float = 100,
    longest_gap: timedelta = HOUR,
    listening_for: timedelta | None = 30 * DAY,
) -> Sighting:
    """A WABA whose last webhook came that long ago (None: never)."""
    readings: list[Reading] = [
        ACTIVE_SECONDS.reading(WABA, 3600.0 * active_hours),
        LONGEST_GAP.reading(WABA, longest_gap.total_seconds()),
    ]
    if ago is not None:
        last = (NOW - ago).timestamp()
        readings.append(LAST_EVENT.reading(WABA, {"account_update": last - 86400.0, "messages": last}))
    if listening_for is not None:
        tally = {"accepted": 0.0, "bad_signatures": 0.0, "listening_since": (NOW - listening_for).timestamp()}
        readings.append(RECEIVER_TALLY.reading(INSTANCE, tally))
    return seen(*readings)


def silent(*sightings: Sighting, open_severity: Severity | None = None) -> Verdict:
    verdict = check_silence(view(WABA, *sightings, open_severity=open_severity), SilenceParams(), NOW)
    assert verdict is not None
    return verdict


@pytest.mark.parametrize(
    ("ago", "longest_gap", "truth"),
    [
        (NO_TIME, HOUR, Truth.FALSE),
        (6 * HOUR, HOUR, Truth.FALSE),
        (6 * HOUR + SECOND, HOUR, Truth.TRUE),
        (6 * HOUR + SECOND, 3 * HOUR, Truth.TRUE),
        (20 * HOUR, 10 * HOUR, Truth.FALSE),
        (20 * HOUR + SECOND, 10 * HOUR, Truth.TRUE),
        # One outage of some days does not make the next one normal.
        (72 * HOUR, 4 * DAY, Truth.FALSE),
        (72 * HOUR + SECOND, 4 * DAY, Truth.TRUE),
    ],
)
def test_silence_is_six_hours_or_twice_the_longest_pause(ago: timedelta, longest_gap: timedelta, truth: Truth) -> None:
    assert silent(heard(ago, longest_gap=longest_gap)).truth is truth


def test_patience_that_is_configured_may_be_longer_than_the_longest() -> None:
    params = SilenceParams(silent_for_hours=96.0)

    patient, impatient = (
        check_silence(view(WABA, heard(ago, longest_gap=4 * DAY)), params, NOW)
        for ago in (96 * HOUR, 96 * HOUR + SECOND)
    )

    assert patient == clear(NOW)
    assert impatient is not None
    assert impatient.truth is Truth.TRUE


def test_webhook_stamped_by_a_clock_that_was_ahead_counts_from_when_the_clock_was_set_right() -> None:
    ahead = (NOW + 90 * DAY).timestamp()
    stamped = seen(LAST_EVENT.reading(WABA, {"messages": ahead}), ago=7 * HOUR)

    assert silent(stamped, heard(None)).what == "No webhook for 7 h"
    assert silent(seen(LAST_EVENT.reading(WABA, {"messages": ahead}), ago=HOUR), heard(None)) == clear(NOW)


@pytest.mark.parametrize(
    ("active_hours", "while_closed", "while_open"),
    [(24, Truth.TRUE, Truth.TRUE), (23, Truth.UNKNOWN, Truth.TRUE), (0, Truth.UNKNOWN, Truth.TRUE)],
)
def test_habit_of_less_than_a_day_cannot_be_judged_yet_but_a_long_silence_does_not_end_itself(
    active_hours: float, while_closed: Truth, while_open: Truth
) -> None:
    quiet = heard(3 * DAY, active_hours=active_hours)

    assert silent(quiet).truth is while_closed
    assert silent(quiet, open_severity=C).truth is while_open


def test_time_in_which_nobody_listened_is_no_silence_and_no_recovery() -> None:
    restarted = heard(2 * DAY, listening_for=6 * HOUR)

    assert silent(restarted) == unknown(NOW)
    assert silent(restarted, open_severity=C) == unknown(NOW)
    assert silent(heard(2 * DAY, listening_for=6 * HOUR + SECOND)).truth is Truth.TRUE


def test_webhook_that_came_ends_it_although_wamon_only_just_started() -> None:
    assert silent(heard(MINUTE, listening_for=2 * MINUTE), open_severity=C) == clear(NOW)


def test_silence_of_a_process_that_does_not_listen_is_unknown() -> None:
    assert silent(heard(2 * DAY, listening_for=None)) == unknown(NOW)


@pytest.mark.parametrize(("seconds", "truth"), [(86400.0, Truth.UNKNOWN), (-86400.0, Truth.TRUE), (None, Truth.TRUE)])
def test_sleep_of_the_machine_is_no_silence(seconds: float | None, truth: Truth) -> None:
    stepped = seen(
        watch.CLOCK_STEPPED.reading(INSTANCE, NOW - HOUR), watch.CLOCK_STEP.reading(INSTANCE, seconds), ago=HOUR
    )

    assert silent(heard(2 * DAY), stepped).truth is truth


def test_figures_that_stopped_are_unknown() -> None:
    old = seen(*heard(2 * DAY).readings, ago=HOUR)

    assert silent(old) == unknown(NOW)
    assert silent(old, open_severity=C) == unknown(NOW)


def test_silence_that_outlasts_the_habit_does_not_end_itself() -> None:
    forgotten = seen(
        *(r for r in heard(9 * DAY).readings if r.signal.name not in (ACTIVE_SECONDS.name, LONGEST_GAP.name))
    )

    assert silent(forgotten) == unknown(NOW)
    assert silent(forgotten, open_severity=C).what == "No webhook for 9 d"


@pytest.mark.parametrize("listening_for", [None, 30 * DAY])
def test_waba_without_webhooks_is_no_subject_of_the_rule(listening_for: timedelta | None) -> None:
    assert check_silence(view(WABA), SilenceParams(), NOW) is None
    assert check_silence(view(WABA, heard(None, listening_for=listening_for)), SilenceParams(), NOW) is None


def test_silence_is_told_in_whole_minutes_with_the_last_webhook() -> None:
    ago = 7 * HOUR + 20 * MINUTE + 40 * SECOND

    assert silent(heard(ago, longest_gap=2 * HOUR)) == firing(
        C,
        NOW,
        "No webhook for 7 h 20 min",
        evidence=[
            ("Last webhook", "2026-11-22 02:39 UTC, field messages"),
            ("wamon listens since", "2026-10-23 10:00 UTC"),
            ("Longest pause of the last week", "2 h"),
        ],
    )


def test_silence_can_be_configured() -> None:
    params = SilenceParams(silent_for_hours=1.0, gap_factor=0.0, min_active_hours=0)

    verdict = check_silence(view(WABA, heard(61 * MINUTE, active_hours=0)), params, NOW)

    assert verdict is not None
    assert verdict.truth is Truth.TRUE
    assert SILENCE.timing.min_observations == 2


# --- signatures -------------------------------------------------------------------------------------------------------


def signed(bad: float, accepted: float, *, open_severity: Severity | None = None) -> Verdict:
    tally = {"accepted": accepted, "bad_signatures": bad, "listening_since": NOW.timestamp()}
    picture = view(INSTANCE, seen(RECEIVER_TALLY.reading(INSTANCE, tally)), open_severity=open_severity)
    verdict = check_signatures(picture, SignatureParams(), NOW)
    assert verdict is not None
    return verdict


@pytest.mark.parametrize(
    ("bad", "accepted", "while_closed", "while_warning", "while_critical"),
    [
        (0, 0, None, None, None),
        (0, 100, None, None, None),
        (4, 100, None, W, W),
        (4, 0, None, W, C),
        (5, 100, W, W, W),
        (5, 1, W, W, W),
        (5, 0, W, W, C),
        (19, 0, W, W, C),
        (20, 0, C, C, C),
        (20, 1, W, W, W),
    ],
)
def test_bad_signatures_warn_and_many_are_critical_when_there_are_no_good_ones(
    bad: float,
    accepted: float,
    while_closed: Severity | None,
    while_warning: Severity | None,
    while_critical: Severity | None,
) -> None:
    for open_severity, expected in ((None, while_closed), (W, while_warning), (C, while_critical)):
        verdict = signed(bad, accepted, open_severity=open_severity)

        assert (verdict.severity if verdict.truth is Truth.TRUE else None) is expected
        assert verdict.truth is not Truth.UNKNOWN


def test_strangers_and_a_wrong_secret_are_told_apart() -> None:
    counts = [("Bad signatures in 15 minutes", "20")]

    assert signed(20, 3400) == firing(
        W,
        NOW,
        "20 webhook requests in 15 minutes had a bad signature",
        evidence=[*counts, ("Good signatures in 15 minutes", "3,400")],
    )
    assert signed(20, 0) == firing(
        C,
        NOW,
        "Every one of 20 webhook requests had a bad signature: the app secret may be wrong",
        evidence=[*counts, ("Good signatures in 15 minutes", "0")],
    )


def test_count_that_is_old_is_unknown_and_no_count_is_no_subject() -> None:
    old = seen(RECEIVER_TALLY.reading(INSTANCE, {"bad_signatures": 50.0}), ago=HOUR)

    assert check_signatures(view(INSTANCE, old), SignatureParams(), NOW) == unknown(NOW)
    assert check_signatures(view(INSTANCE), SignatureParams(), NOW) is None


def test_quarter_of_an_hour_without_requests_does_not_end_a_wrong_secret() -> None:
    assert BAD_SIGNATURES.timing.keep_firing_for == HOUR
