"""The life of an alert, row by row of ALERTING section 2."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.fakes import START
from wamon.core.alerting import (
    Advance,
    Alert,
    AlertState,
    CloseReason,
    Severity,
    Timing,
    Transition,
    TransitionKind,
    Truth,
    Verdict,
    advance,
    alert_key,
    clamp,
    close,
)
from wamon.core.health import Subject

RULE = "WhatsAppQualityRating"
NUMBER = Subject.phone_number("100", "200")
MAX_GAP = timedelta(minutes=2)
ZERO = timedelta(0)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def at(minute: float) -> datetime:
    return START + minutes(minute)


class Life:
    """One alert, observed at the minutes that the test names. Its interval is a minute."""

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self.alert: Alert | None = None
        self.transitions: list[Transition] = []
        self.dropped = 0

    def see(self, script: str, *, max_gap: timedelta = MAX_GAP) -> "Life":
        """`0 warning, 1 good, 2 unknown`: what is seen at which minute."""
        for part in script.split(", "):
            minute, word = part.split()
            self.observe(verdict(word, at(float(minute))), now=at(float(minute)), max_gap=max_gap)
        return self

    def observe(self, seen: Verdict, *, now: datetime, max_gap: timedelta = MAX_GAP) -> "Life":
        return self.follow(advance(self.alert, seen, self.timing, rule=RULE, subject=NUMBER, now=now, max_gap=max_gap))

    def close(self, reason: CloseReason, *, minute: float) -> "Life":
        assert self.alert is not None
        return self.follow(close(self.alert, reason=reason, now=at(minute)))

    def follow(self, moved: Advance) -> "Life":
        self.alert = moved.alert
        self.transitions += moved.transitions
        self.dropped += moved.is_pending_dropped
        return self

    @property
    def known(self) -> Alert:
        assert self.alert is not None
        return self.alert

    @property
    def picture(self) -> str:
        """`firing critical stale`, as the tables spell it."""
        alert = self.alert
        if alert is None or alert.state is AlertState.INACTIVE:
            return "inactive"
        return f"{alert.state} {alert.severity}{' stale' if alert.is_stale else ''}"

    @property
    def kinds(self) -> str:
        return " ".join(row.kind for row in self.transitions)

    @property
    def announced(self) -> str:
        return " ".join(row.kind for row in self.transitions if row.is_announced)


def verdict(word: str, observed_at: datetime) -> Verdict:
    if word == "good":
        return Verdict(truth=Truth.FALSE, observed_at=observed_at)
    if word == "unknown":
        return Verdict(truth=Truth.UNKNOWN, observed_at=observed_at)
    severity = Severity[word.upper()]
    evidence = (("Seen", f"{observed_at:%H:%M}"),)
    return Verdict(truth=Truth.TRUE, severity=severity, observed_at=observed_at, what=f"is {word}", evidence=evidence)


AT_ONCE = Timing(min_observations=1)
TWICE = Timing(min_observations=2)
FOR_5 = Timing(for_=minutes(5), min_observations=2)
KEEP_5 = Timing(min_observations=1, keep_firing_for=minutes(5))
LOWER_5 = Timing(min_observations=1, lower_after=minutes(5))
RED_AT_ONCE = Timing(min_observations=2, min_observations_critical=1)

ROWS = [
    # INACTIVE
    ("inactive, FALSE", AT_ONCE, "0 good", "inactive", ""),
    ("inactive, UNKNOWN", AT_ONCE, "0 unknown, 1 unknown", "inactive", ""),
    ("inactive, TRUE", TWICE, "0 warning", "pending warning", ""),
    ("inactive, TRUE, one is enough", AT_ONCE, "0 warning", "firing warning", "open"),
    # PENDING
    ("pending, TRUE, too few", Timing(min_observations=3), "0 warning, 1 warning", "pending warning", ""),
    ("pending, TRUE, enough", TWICE, "0 warning, 1 warning", "firing warning", "open"),
    (
        "pending, TRUE, too short",
        FOR_5,
        "0 warning, 1 warning, 2 warning, 3 warning, 4.9 warning",
        "pending warning",
        "",
    ),
    (
        "pending, TRUE, long enough",
        FOR_5,
        "0 warning, 1 warning, 2 warning, 3 warning, 4 warning, 5 warning",
        "firing warning",
        "open",
    ),
    (
        "pending, TRUE, long enough but too few",
        Timing(for_=minutes(1), min_observations=3),
        "0 warning, 2 warning",
        "pending warning",
        "",
    ),
    ("pending, FALSE", TWICE, "0 warning, 1 good", "inactive", ""),
    ("pending, FALSE, starts anew", TWICE, "0 warning, 1 good, 2 warning", "pending warning", ""),
    ("pending, UNKNOWN", TWICE, "0 warning, 1 unknown", "pending warning", ""),
    ("pending, UNKNOWN, counts go on", TWICE, "0 warning, 1 unknown, 2 warning", "firing warning", "open"),
    # FIRING
    ("firing, TRUE, same severity", AT_ONCE, "0 warning, 1 warning", "firing warning", "open"),
    ("firing, TRUE, higher severity", AT_ONCE, "0 warning, 1 critical", "firing critical", "open raise"),
    ("firing, TRUE, lower severity, too short", LOWER_5, "0 critical, 1 warning", "firing critical", "open"),
    (
        "firing, TRUE, lower severity, long enough",
        LOWER_5,
        "0 critical, 1 warning, 2 warning, 4 warning, 6 warning",
        "firing warning",
        "open lower",
    ),
    (
        "firing, TRUE, lower severity, interrupted",
        LOWER_5,
        "0 critical, 1 warning, 3 warning, 5 critical, 6 warning, 8 warning, 10 warning",
        "firing critical",
        "open",
    ),
    ("firing, FALSE", AT_ONCE, "0 warning, 1 good", "recovering warning", "open recovering"),
    ("firing, UNKNOWN", AT_ONCE, "0 warning, 1 unknown", "firing warning stale", "open stale"),
    ("firing, UNKNOWN again", AT_ONCE, "0 warning, 1 unknown, 2 unknown", "firing warning stale", "open stale"),
    ("stale, TRUE", AT_ONCE, "0 warning, 1 unknown, 2 warning", "firing warning", "open stale confirmed"),
    (
        "stale, TRUE, higher severity",
        AT_ONCE,
        "0 warning, 1 unknown, 2 critical",
        "firing critical",
        "open stale confirmed raise",
    ),
    (
        "stale, FALSE",
        AT_ONCE,
        "0 warning, 1 unknown, 2 good",
        "recovering warning",
        "open stale confirmed recovering",
    ),
    # RECOVERING
    ("recovering, FALSE, enough", AT_ONCE, "0 warning, 1 good, 2 good", "inactive", "open recovering close"),
    (
        "recovering, FALSE, too short",
        KEEP_5,
        "0 warning, 1 good, 3 good, 5 good",
        "recovering warning",
        "open recovering",
    ),
    (
        "recovering, FALSE, long enough",
        KEEP_5,
        "0 warning, 1 good, 3 good, 5 good, 6 good",
        "inactive",
        "open recovering close",
    ),
    ("recovering, TRUE", AT_ONCE, "0 warning, 1 good, 2 warning", "firing warning", "open recovering returned"),
    (
        "recovering, TRUE, higher severity",
        AT_ONCE,
        "0 warning, 1 good, 2 critical",
        "firing critical",
        "open recovering returned raise",
    ),
    (
        "recovering, TRUE, lower severity",
        LOWER_5,
        "0 critical, 1 good, 2 warning",
        "firing critical",
        "open recovering returned",
    ),
    (
        "recovering, TRUE, and good again starts anew",
        KEEP_5,
        "0 warning, 1 good, 3 good, 5 warning, 6 good, 8 good",
        "recovering warning",
        "open recovering returned recovering",
    ),
    (
        "recovering, UNKNOWN",
        AT_ONCE,
        "0 warning, 1 good, 2 unknown",
        "firing warning stale",
        "open recovering stale",
    ),
    (
        "recovering, UNKNOWN, and good again starts anew",
        AT_ONCE,
        "0 warning, 1 good, 2 unknown, 3 good",
        "recovering warning",
        "open recovering stale confirmed recovering",
    ),
]


@pytest.mark.parametrize(("timing", "script", "picture", "kinds"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS])
def test_row_of_the_table(timing: Timing, script: str, picture: str, kinds: str) -> None:
    life = Life(timing).see(script)

    assert (life.picture, life.kinds) == (picture, kinds)


# --- time counts only between observations ----------------------------------------------------------------------------


def test_waiting_opens_nothing_without_another_observation() -> None:
    life = Life(Timing(for_=minutes(1), min_observations=1)).see("0 warning")

    life.observe(verdict("warning", at(0)), now=at(60))

    assert life.picture == "pending warning"


def test_for_starts_at_the_time_of_the_observation_not_of_its_arrival() -> None:
    life = Life(Timing(for_=minutes(2), min_observations=1))

    life.observe(verdict("warning", at(0)), now=at(1.5)).observe(verdict("warning", at(2)), now=at(2.1))

    assert life.picture == "firing warning"
    assert life.known.since == at(0)
    assert life.known.opened_at == at(2.1)


def test_gap_of_two_intervals_still_counts() -> None:
    life = Life(Timing(for_=minutes(2), min_observations=2)).see("0 warning, 2 warning")

    assert life.picture == "firing warning"


def test_longer_gap_gives_no_credit_for_opening() -> None:
    life = Life(Timing(for_=minutes(2), min_observations=2)).see("0 warning, 2.1 warning, 3.1 warning")

    assert life.picture == "pending warning"
    assert life.known.credited == minutes(1)


def test_longer_gap_gives_no_credit_for_closing() -> None:
    life = Life(KEEP_5).see("0 warning, 1 good, 60 good")

    assert life.picture == "recovering warning"


def test_longer_gap_gives_no_credit_for_lowering() -> None:
    life = Life(LOWER_5).see("0 critical, 1 warning, 60 warning")

    assert life.picture == "firing critical"


def test_no_gap_gives_credit_across_a_clock_step() -> None:
    life = Life(Timing(for_=minutes(1), min_observations=2)).see("0 warning").see("1 warning", max_gap=ZERO)

    assert life.picture == "pending warning"


@pytest.mark.parametrize(
    ("timing", "script"),
    [
        (Timing(for_=minutes(2), min_observations=2), "0 warning, 1 unknown, 2 warning"),
        (Timing(min_observations=1, lower_after=minutes(2)), "0 critical, 1 warning, 2 unknown, 3 warning"),
    ],
    ids=["opening", "lowering"],
)
def test_unknown_freezes_the_timer_within_a_short_gap_too(timing: Timing, script: str) -> None:
    life = Life(timing).see(script)
    frozen = life.picture

    life.see("5 warning").see("7 warning")

    assert frozen in {"pending warning", "firing critical"}
    assert life.picture == "firing warning"


def test_time_before_the_first_lower_observation_does_not_count_for_lowering() -> None:
    life = Life(Timing(min_observations=1, lower_after=minutes(2))).see("0 critical, 2 warning")

    assert life.picture == "firing critical"


@pytest.mark.parametrize(
    "script",
    ["0 warning", "0 warning, 1 warning", "0 warning, 1 warning, 2 good", "0 warning, 1 warning, 2 good, 3 good"],
    ids=["pending", "firing", "recovering", "inactive"],
)
@pytest.mark.parametrize("word", ["critical", "good"])
def test_observation_that_is_not_later_moves_nothing(script: str, word: str) -> None:
    life = Life(TWICE).see(script)
    before, told = life.known, list(life.transitions)

    life.observe(verdict(word, before.last_observed_at), now=at(10))
    life.observe(verdict(word, before.last_observed_at - minutes(1)), now=at(11))

    assert life.alert == before
    assert life.transitions == told


def test_repeated_observation_does_not_confirm_a_stale_alert() -> None:
    life = Life(AT_ONCE).see("0 warning, 1 unknown")

    life.observe(verdict("warning", at(0)), now=at(2))

    assert life.picture == "firing warning stale"


# --- how many observations --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "picture"),
    [
        ("0 critical", "firing critical"),
        ("0 warning", "pending warning"),
        ("0 warning, 1 warning", "firing warning"),
        ("0 warning, 1 critical", "firing critical"),
    ],
)
def test_critical_may_need_fewer_observations(script: str, picture: str) -> None:
    life = Life(RED_AT_ONCE).see(script)

    assert life.picture == picture


@pytest.mark.parametrize(
    ("timing", "severity", "needed"),
    [
        (TWICE, Severity.CRITICAL, 2),
        (RED_AT_ONCE, Severity.CRITICAL, 1),
        (RED_AT_ONCE, Severity.WARNING, 2),
        (RED_AT_ONCE, Severity.INFO, 2),
    ],
)
def test_observations_needed(timing: Timing, severity: Severity, needed: int) -> None:
    assert timing.observations_needed(severity) == needed


def test_one_good_observation_never_closes_however_long_ago() -> None:
    life = Life(Timing(min_observations=1, keep_firing_for=ZERO)).see("0 warning, 1 good")

    life.observe(verdict("good", at(1)), now=at(600))

    assert life.picture == "recovering warning"


def test_two_good_observations_do_not_close_before_the_time() -> None:
    life = Life(KEEP_5).see("0 warning, 1 good, 2 good")

    assert life.picture == "recovering warning"


# --- severity ---------------------------------------------------------------------------------------------------------


def test_raise_is_at_once_and_tells_what_was_seen() -> None:
    life = Life(LOWER_5).see("0 warning, 1 critical")

    raised = life.transitions[-1]
    assert (raised.kind, raised.severity, raised.what, raised.at) == ("raise", Severity.CRITICAL, "is critical", at(1))


def test_text_and_severity_stay_together_while_lower_is_waited_for() -> None:
    life = Life(LOWER_5).see("0 critical, 1 warning")

    assert (life.known.severity, life.known.what) == (Severity.CRITICAL, "is critical")


def test_return_at_a_lower_severity_waits_from_the_return_on() -> None:
    life = Life(LOWER_5).see("0 critical, 1 warning, 3 good, 4 warning, 6 warning, 8 warning")
    waiting = life.picture

    life.see("9 warning")

    assert waiting == "firing critical"
    assert life.picture == "firing warning"


def test_pending_alert_takes_the_severity_that_was_seen_last() -> None:
    life = Life(TWICE).see("0 warning, 1 info")

    assert life.transitions[0].severity is Severity.INFO
    assert life.transitions[0].what == "is info"


@pytest.mark.parametrize("timing", [Timing(min_observations=3), AT_ONCE], ids=["pending", "firing"])
def test_alert_shows_what_was_seen_last(timing: Timing) -> None:
    life = Life(timing).see("0 warning, 1 warning")

    assert life.known.evidence == (("Seen", "10:01"),)


def test_severities_are_ordered_and_have_names() -> None:
    # The numbers are stored.
    assert [int(severity) for severity in Severity] == [1, 2, 3]
    assert Severity.INFO < Severity.WARNING < Severity.CRITICAL
    assert [str(severity) for severity in Severity] == ["info", "warning", "critical"]


def test_rule_is_patient_unless_it_says_otherwise() -> None:
    assert Timing() == Timing(
        for_=ZERO,
        min_observations=2,
        min_observations_critical=None,
        keep_firing_for=ZERO,
        lower_after=minutes(30),
        pending_unknown_max=minutes(60),
    )


# --- UNKNOWN ----------------------------------------------------------------------------------------------------------


def test_pending_is_dropped_once_it_was_unknown_for_too_long() -> None:
    life = Life(Timing(min_observations=2, pending_unknown_max=minutes(10))).see("0 warning, 1 unknown, 10.9 unknown")
    waiting = life.picture

    life.see("11 unknown")

    assert waiting == "pending warning"
    assert (life.picture, life.dropped, life.kinds) == ("inactive", 1, "")


def test_answer_ends_the_time_of_not_knowing() -> None:
    timing = Timing(for_=minutes(30), min_observations=2, pending_unknown_max=minutes(10))

    life = Life(timing).see("0 warning, 1 unknown, 10 warning, 11 unknown, 20 unknown")

    assert life.picture == "pending warning"
    assert life.dropped == 0


def test_stale_alert_stays_open_for_ever() -> None:
    life = Life(AT_ONCE).see("0 critical, 1 unknown, 600 unknown, 60000 unknown")

    assert life.picture == "firing critical stale"
    assert life.announced == "open"


def test_stale_alert_says_when_it_was_last_confirmed() -> None:
    life = Life(AT_ONCE).see("0 warning, 1 warning, 2 good, 3 unknown")

    stale = life.transitions[-1]
    assert (stale.kind, stale.last_confirmed_at, stale.observed_at, stale.at) == ("stale", at(1), at(2), at(3))


# --- ends from outside ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [CloseReason.REMOVED, CloseReason.FORCED])
@pytest.mark.parametrize("script", ["0 warning", "0 warning, 1 good", "0 warning, 1 unknown"])
def test_open_alert_is_closed_from_outside_with_the_reason(script: str, reason: CloseReason) -> None:
    life = Life(AT_ONCE).see(script).close(reason, minute=5)

    closed = life.transitions[-1]
    assert (closed.kind, closed.close_reason, closed.at, closed.is_announced) == ("close", reason, at(5), True)
    assert life.picture == "inactive"
    assert not life.known.is_stale


def test_resolved_is_the_reason_of_an_ordinary_close() -> None:
    life = Life(AT_ONCE).see("0 warning, 1 good, 2 good")

    assert [row.close_reason for row in life.transitions] == [None, None, CloseReason.RESOLVED]


def test_pending_alert_ends_from_outside_without_a_word() -> None:
    life = Life(TWICE).see("0 warning").close(CloseReason.REMOVED, minute=1)

    assert life.alert is None
    assert life.transitions == []


def test_inactive_alert_is_not_closed_again() -> None:
    life = Life(AT_ONCE).see("0 warning, 1 good, 2 good")
    before, kinds = life.known, life.kinds

    life.close(CloseReason.FORCED, minute=3)

    assert life.alert == before
    assert life.kinds == kinds


# --- numbers and identity ---------------------------------------------------------------------------------------------


def test_rows_are_numbered_within_their_episode() -> None:
    life = Life(AT_ONCE).see("0 warning, 1 critical, 2 good, 3 good, 4 warning, 5 good, 6 good")

    assert [(row.episode, row.ordinal, str(row.kind)) for row in life.transitions] == [
        (1, 1, "open"),
        (1, 2, "raise"),
        (1, 3, "recovering"),
        (1, 4, "close"),
        (2, 1, "open"),
        (2, 2, "recovering"),
        (2, 3, "close"),
    ]


def test_alert_that_never_opened_leaves_nothing_to_keep() -> None:
    life = Life(TWICE).see("0 warning, 1 good")

    assert life.alert is None


def test_alert_that_opened_is_kept_for_its_count_of_episodes() -> None:
    life = Life(TWICE).see("0 warning, 1 warning, 2 good, 3 good, 4 warning, 5 good")

    assert life.known.state is AlertState.INACTIVE
    assert life.known.episode == 1


def test_returns_are_counted_for_each_episode() -> None:
    life = Life(AT_ONCE).see("0 warning, 1 good, 2 warning, 3 good, 4 warning, 5 good, 6 good, 7 warning")

    assert [row.returns for row in life.transitions if row.kind == "close"] == [2]
    assert life.known.returns == 0


def test_only_open_raise_and_close_are_announced() -> None:
    life = Life(replace(AT_ONCE, lower_after=ZERO)).see(
        "0 warning, 1 critical, 2 warning, 3 unknown, 4 warning, 5 good, 6 warning, 7 good, 8 good"
    )

    assert life.kinds == "open raise lower stale confirmed recovering returned recovering close"
    assert life.announced == "open raise close"


def test_every_row_of_an_episode_says_when_it_opened() -> None:
    life = Life(AT_ONCE).see("3 warning, 4 good, 5 good, 8 warning")

    assert [(row.at, row.opened_at) for row in life.transitions] == [
        (at(3), at(3)),
        (at(4), at(3)),
        (at(5), at(3)),
        (at(8), at(8)),
    ]


def test_transition_carries_the_alert_as_it_was_then() -> None:
    seen = Verdict(
        truth=Truth.TRUE,
        severity=Severity.CRITICAL,
        observed_at=at(0),
        what="Quality rating RED",
        evidence=(("Quality rating", "RED"),),
    )

    life = Life(AT_ONCE).observe(seen, now=at(1))

    assert life.transitions == [
        Transition(
            key=alert_key(RULE, NUMBER),
            rule=RULE,
            subject=NUMBER,
            episode=1,
            ordinal=1,
            kind=TransitionKind.OPEN,
            severity=Severity.CRITICAL,
            at=at(1),
            observed_at=at(0),
            opened_at=at(1),
            last_confirmed_at=at(0),
            returns=0,
            what="Quality rating RED",
            evidence=(("Quality rating", "RED"),),
        )
    ]


def test_key_depends_on_rule_and_identity_only() -> None:
    yellow = Life(AT_ONCE).see("0 warning").known
    red = Life(AT_ONCE).see("0 critical").known

    assert yellow.key == red.key == alert_key(RULE, NUMBER)
    assert len({red.key, alert_key("Other", NUMBER), alert_key(RULE, Subject.phone_number("100", "201"))}) == 3


def test_key_tells_kinds_with_equal_labels_apart() -> None:
    token, account = Subject.token_asset("main", "100"), Subject.waba("100")

    assert len({alert_key(RULE, token), alert_key(RULE, account), alert_key(RULE, Subject.instance())}) == 3


def test_key_stays_the_same_for_ever() -> None:
    # It is stored: another text to hash would open every alert a second time.
    assert alert_key(RULE, NUMBER) == "93426d20cbca3ce96b0456aca62287e7ae45285de3aa28ac65a179b3a397d3c1"


# --- the clock --------------------------------------------------------------------------------------------------------


def test_clock_that_went_back_leaves_nothing_of_the_alert_ahead() -> None:
    life = Life(TWICE).see("0 warning, 10 warning, 20 unknown")

    clamped = clamp(life.known, at(5))

    assert (clamped.since, clamped.opened_at) == (at(0), at(5))
    assert (clamped.last_observed_at, clamped.last_confirmed_at, clamped.unknown_since) == (at(5), at(5), at(5))


def test_clock_that_went_back_leaves_out_what_never_was() -> None:
    life = Life(TWICE).see("10 warning")

    clamped = clamp(life.known, at(5))

    assert (clamped.since, clamped.opened_at, clamped.unknown_since) == (at(5), None, None)


def test_credit_earned_before_the_clock_went_back_is_kept() -> None:
    life = Life(FOR_5).see("10 warning, 12 warning, 14 warning")

    life.alert = clamp(life.known, at(5))
    life.see("6 warning")

    assert life.picture == "firing warning"
