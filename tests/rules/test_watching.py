"""When wamon's own sight alerts: silent probes, a quota nearly used, a clock that jumped."""

from datetime import datetime, timedelta

import pytest

from tests.rules.views import HOUR, MINUTE, NOW, WABA, WABA_ID, seen, view
from wamon.core import watch
from wamon.core.alerting import Severity, TransitionKind
from wamon.core.health import Reading, Snapshot, Subject
from wamon.core.ports import View, clear, firing, unknown
from wamon.core.state import Polled, State, Ticked
from wamon.core.step import Policy, step
from wamon.core.timing import Moment
from wamon.probes.evidence import quota_used
from wamon.rules.watching import (
    CANNOT_SEE,
    QUOTA,
    CannotSeeParams,
    ClockParams,
    GraphUnreachableParams,
    QuotaParams,
    check_cannot_see,
    check_clock,
    check_graph_unreachable,
    check_quota,
)

# --- cannot see -------------------------------------------------------------------------------------------------------


def watched(
    *,
    answered: timedelta | None,
    watched_for: timedelta = 24 * HOUR,
    interval: timedelta = MINUTE,
    probe: str = "account",
    fault: str | None = None,
) -> View:
    """A probe whose last answer came that long ago (None: never)."""
    subject = Subject.probe(probe, WABA)
    readings: list[Reading] = [
        watch.PROBE_WATCHED_SINCE.reading(subject, NOW - watched_for),
        watch.PROBE_INTERVAL.reading(subject, interval.total_seconds()),
        watch.PROBE_FAULT.reading(subject, fault),
    ]
    if answered is not None:
        readings.append(watch.PROBE_LAST_SUCCESS.reading(subject, NOW - answered))
    return view(subject, seen(*readings, ago=24 * HOUR, interval=interval))


@pytest.mark.parametrize(
    ("silent", "severity"),
    [
        (timedelta(0), None),
        (30 * MINUTE, None),
        (30 * MINUTE + timedelta(seconds=1), Severity.WARNING),
        (2 * HOUR, Severity.WARNING),
        (2 * HOUR + timedelta(seconds=1), Severity.CRITICAL),
    ],
)
def test_silent_probe_warns_after_30_minutes_and_is_critical_after_two_hours(
    silent: timedelta, severity: Severity | None
) -> None:
    verdict = check_cannot_see(watched(answered=silent), CannotSeeParams(), NOW)

    assert verdict is not None
    assert (verdict.severity if verdict.what else None) is severity


@pytest.mark.parametrize(
    ("interval", "silent", "severity"),
    [
        (15 * MINUTE, 37 * MINUTE, None),
        (15 * MINUTE, 38 * MINUTE, Severity.WARNING),
        (HOUR, 150 * MINUTE, None),
        (HOUR, 151 * MINUTE, Severity.CRITICAL),
    ],
)
def test_rare_probe_may_miss_two_runs(interval: timedelta, silent: timedelta, severity: Severity | None) -> None:
    verdict = check_cannot_see(watched(answered=silent, interval=interval), CannotSeeParams(), NOW)

    assert verdict is not None
    assert (verdict.severity if verdict.what else None) is severity


def test_silence_is_told_in_whole_minutes_with_its_reason() -> None:
    silent = 45 * MINUTE + timedelta(seconds=40)

    verdict = check_cannot_see(watched(answered=silent, fault="HTTP 502"), CannotSeeParams(), NOW)

    assert verdict == firing(
        Severity.WARNING,
        NOW,
        "wamon cannot see: no answer to the account probe for 45 min",
        evidence=[("Last answer", "2026-11-22 09:14 UTC"), ("Reason", "HTTP 502")],
    )


def test_probe_that_never_answered_is_counted_from_its_first_run() -> None:
    patient = check_cannot_see(watched(answered=None, watched_for=30 * MINUTE), CannotSeeParams(), NOW)
    verdict = check_cannot_see(watched(answered=None, watched_for=31 * MINUTE), CannotSeeParams(), NOW)

    assert patient == clear(NOW)
    assert verdict == firing(
        Severity.WARNING,
        NOW,
        "wamon cannot see: no answer to the account probe for 31 min",
        evidence=[("Last answer", "never, asked since 2026-11-22 09:29 UTC")],
    )


@pytest.mark.parametrize(
    ("probe", "speaks"), [("account", True), ("token", True), ("app", True), ("api_version", False)]
)
def test_only_critical_probes_speak(probe: str, speaks: bool) -> None:
    verdict = check_cannot_see(watched(answered=24 * HOUR, probe=probe), CannotSeeParams(), NOW)

    assert (verdict is not None) is speaks


@pytest.mark.parametrize(("outcome", "is_over"), [("throttled", False), ("unreachable", False), ("ok", True)])
def test_open_alert_ends_by_an_answer_only(outcome: str, is_over: bool) -> None:
    subject = Subject.probe("account", WABA)
    readings = (
        watch.PROBE_LAST_SUCCESS.reading(subject, NOW - 40 * MINUTE),
        watch.PROBE_OUTCOME.reading(subject, outcome),
        # Stretched by the quota: two and a half of these are more than the silence.
        watch.PROBE_INTERVAL.reading(subject, (20 * MINUTE).total_seconds()),
    )

    verdict = check_cannot_see(view(subject, seen(*readings), open_severity=Severity.WARNING), CannotSeeParams(), NOW)

    assert verdict is not None
    assert (verdict == clear(NOW)) is is_over


def test_probe_that_was_never_watched_is_no_subject_of_the_rule() -> None:
    assert check_cannot_see(view(Subject.probe("account", WABA)), CannotSeeParams(), NOW) is None


# --- nothing answers --------------------------------------------------------------------------------------------------

TOKEN_PROBE = Subject.probe("token", Subject.token("main"))
ACCOUNT_PROBE = Subject.probe("account", WABA)


def probed(*outcomes: tuple[Subject, str], answered: timedelta | None, open_severity: Severity | None = None) -> View:
    """Probes with their last outcomes, the last answer of all of them that long ago (None: never, for 25 min)."""
    readings: list[Reading] = []
    for probe, outcome in outcomes:
        readings += [
            watch.PROBE_OUTCOME.reading(probe, outcome),
            watch.PROBE_FAULT.reading(probe, "timed out"),
            watch.PROBE_WATCHED_SINCE.reading(probe, NOW - 25 * MINUTE),
        ]
    if answered is not None:
        readings.append(watch.PROBE_LAST_SUCCESS.reading(outcomes[0][0], NOW - answered))
    return view(Subject.instance(), seen(*readings, ago=24 * HOUR), open_severity=open_severity)


@pytest.mark.parametrize(
    ("answered", "severity"),
    [
        (20 * MINUTE, None),
        (21 * MINUTE, Severity.WARNING),
        (2 * HOUR, Severity.WARNING),
        (121 * MINUTE, Severity.CRITICAL),
        (None, Severity.WARNING),
    ],
)
def test_graph_is_unreachable_when_no_probe_has_had_an_answer_for_20_minutes(
    answered: timedelta | None, severity: Severity | None
) -> None:
    seen_by = probed((ACCOUNT_PROBE, "unreachable"), (TOKEN_PROBE, "unreachable"), answered=answered)

    verdict = check_graph_unreachable(seen_by, GraphUnreachableParams(), NOW)

    assert verdict is not None
    assert (verdict.severity if verdict.what else None) is severity


@pytest.mark.parametrize("outcome", ["ok", "denied", "throttled", "refused", "unexpected"])
def test_any_answer_from_meta_proves_that_it_is_reachable(outcome: str) -> None:
    seen_by = probed(
        (ACCOUNT_PROBE, "unreachable"), (TOKEN_PROBE, outcome), answered=3 * HOUR, open_severity=Severity.WARNING
    )

    assert check_graph_unreachable(seen_by, GraphUnreachableParams(), NOW) == clear(NOW)


def test_unreachable_graph_says_how_many_probes_and_why() -> None:
    seen_by = probed((ACCOUNT_PROBE, "unreachable"), (TOKEN_PROBE, "unreachable"), answered=25 * MINUTE)

    verdict = check_graph_unreachable(seen_by, GraphUnreachableParams(), NOW)

    assert verdict == firing(
        Severity.WARNING,
        NOW,
        "The Graph API is unreachable: no probe had an answer for 25 min",
        evidence=[
            ("Last answer", "2026-11-22 09:35 UTC"),
            ("Probes without an answer", "2"),
            ("Reason", "timed out"),
        ],
    )


def test_nothing_is_said_of_the_graph_before_anybody_asked() -> None:
    assert check_graph_unreachable(view(Subject.instance()), GraphUnreachableParams(), NOW) is None


def test_open_alert_about_the_graph_ends_by_an_answer_only() -> None:
    seen_by = probed((ACCOUNT_PROBE, "unreachable"), answered=5 * MINUTE, open_severity=Severity.WARNING)

    verdict = check_graph_unreachable(seen_by, GraphUnreachableParams(), NOW)

    assert verdict is not None
    assert verdict.what


def moment(at: datetime, monotonic: float) -> Moment:
    return Moment(at=at, boot_id="boot-1", monotonic=monotonic)


def polled(at: Moment, outcome: str) -> Polled:
    return Polled(
        moment=at, probe="account", target=WABA, outcome=outcome, observed_at=at.at, interval=MINUTE, fault=None
    )


def kinds(state: State, *events: Polled | Ticked) -> list[TransitionKind]:
    policy = Policy(rules=(CANNOT_SEE,), tick_interval=timedelta(seconds=15))
    seen_kinds: list[TransitionKind] = []
    for event in events:
        state, changes = step(state, event, policy)
        seen_kinds += [transition.kind for transition in changes.transitions]
    return seen_kinds


def ticks(start: datetime, monotonic: float, count: int) -> list[Ticked]:
    """Ticks every 15 seconds; the monotonic clock stands still while the machine sleeps."""
    return [Ticked(moment=moment(start + n * timedelta(seconds=15), monotonic + n * 15.0)) for n in range(1, count + 1)]


def test_restarted_daemon_may_ask_before_anybody_is_told() -> None:
    started = NOW + 3 * HOUR
    before, during = polled(moment(NOW, 0.0), "ok"), ticks(started, 10_800.0, 4)
    answer = polled(moment(started + MINUTE, 10_860.0), "ok")

    assert kinds(State(), before, *during, answer, *ticks(started + MINUTE, 10_860.0, 20)) == []


def test_restarted_daemon_that_gets_no_answer_tells_after_two_minutes() -> None:
    started = NOW + 3 * HOUR
    before = polled(moment(NOW, 0.0), "ok")

    assert kinds(State(), before, *ticks(started, 10_800.0, 8)) == []
    assert kinds(State(), before, *ticks(started, 10_800.0, 9)) == [TransitionKind.OPEN]


def test_sleep_of_the_machine_is_no_silence_of_the_probe() -> None:
    woken = NOW + 8 * HOUR
    before = polled(moment(NOW, 1000.0), "ok")

    assert kinds(State(), before, *ticks(woken, 1000.0, 4 * 30)) == []
    assert kinds(State(), before, *ticks(woken, 1000.0, 4 * 33)) == [TransitionKind.OPEN]


def test_second_sleep_does_not_bring_the_first_one_back() -> None:
    woken = NOW + 8 * HOUR
    again = woken + 8 * HOUR + MINUTE
    before = polled(moment(NOW, 1000.0), "ok")

    assert kinds(State(), before, *ticks(woken, 1000.0, 4), *ticks(again, 1060.0, 4 * 30)) == []


def test_step_back_of_the_clock_is_not_added_to_the_silence() -> None:
    before = polled(moment(NOW, 1000.0), "ok")

    assert kinds(State(), before, *ticks(NOW - HOUR, 1000.0, 4 * 30)) == []
    assert kinds(State(), before, *ticks(NOW - HOUR, 1000.0, 4 * 33)) == [TransitionKind.OPEN]


# --- the quota --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ratio", "while_closed", "while_open"),
    [
        (0.0, False, False),
        (0.6, False, False),
        (0.61, False, True),
        (0.75, False, True),
        (0.76, True, True),
        (1.2, True, True),
    ],
)
def test_quota_fires_at_one_threshold_and_clears_at_a_lower_one(
    ratio: float, while_closed: bool, while_open: bool
) -> None:
    usage = seen(quota_used(WABA_ID, {"call_count": ratio, "total_time": 0.1}))

    closed = check_quota(view(WABA, usage), QuotaParams(), NOW)
    opened = check_quota(view(WABA, usage, open_severity=Severity.WARNING), QuotaParams(), NOW)

    assert closed is not None
    assert opened is not None
    assert (bool(closed.what), bool(opened.what)) == (while_closed, while_open)


def test_most_used_dimension_is_told() -> None:
    usage = seen(quota_used(WABA_ID, {"total_time": 0.9, "call_count": 0.8}))

    assert check_quota(view(WABA, usage), QuotaParams(), NOW) == firing(
        Severity.WARNING,
        NOW,
        "Graph API quota is 90% used (total_time)",
        evidence=[
            ("call_count", "80% of Meta's hourly allowance"),
            ("total_time", "90% of Meta's hourly allowance"),
        ],
    )


def test_quota_that_no_header_told_is_no_subject_of_the_rule() -> None:
    assert check_quota(view(WABA), QuotaParams(), NOW) is None


def test_quota_that_is_old_or_empty_is_unknown() -> None:
    old = view(WABA, seen(quota_used(WABA_ID, {"call_count": 0.9}), ago=15 * MINUTE))
    empty = view(WABA, seen(quota_used(WABA_ID, {})))

    assert check_quota(old, QuotaParams(), NOW) == unknown(NOW)
    assert check_quota(empty, QuotaParams(), NOW) == unknown(NOW)
    assert QUOTA.timing.min_observations == 2


# --- the clock --------------------------------------------------------------------------------------------------------


def jumped(*, ago: timedelta, seconds: float) -> View:
    subject = Subject.instance()
    readings = (
        watch.CLOCK_STEPPED.reading(subject, NOW - ago),
        watch.CLOCK_STEP.reading(subject, seconds),
    )
    return view(subject, seen(*readings, ago=ago))


@pytest.mark.parametrize(
    ("seconds", "what"), [(3600.0, "The clock jumped forward by 1 h"), (-90.0, "The clock jumped back by 1 min 30 s")]
)
def test_jump_of_the_clock_warns(seconds: float, what: str) -> None:
    verdict = check_clock(jumped(ago=MINUTE, seconds=seconds), ClockParams(), NOW)

    assert verdict == firing(
        Severity.WARNING,
        NOW,
        what,
        evidence=[
            ("Seen", "2026-11-22 09:59 UTC"),
            ("What wamon does", "timers stand still over the jump, readings are kept"),
        ],
    )


def test_jump_is_forgotten_after_an_hour() -> None:
    recent = check_clock(jumped(ago=HOUR, seconds=5.0), ClockParams(), NOW)

    assert recent is not None
    assert recent.what
    assert check_clock(jumped(ago=HOUR + MINUTE, seconds=5.0), ClockParams(), NOW) == clear(NOW)


def test_clock_that_never_jumped_is_no_subject_of_the_rule() -> None:
    assert check_clock(View(Snapshot(), Subject.instance()), ClockParams(), NOW) is None
