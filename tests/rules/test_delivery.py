"""When the fate of a number's messages alerts: failures, bounces, silence after sent."""

from datetime import timedelta

import pytest

from tests.rules.views import HOUR, MINUTE, NO_TIME, NOW, NUMBER, seen, view
from wamon.core.alerting import Severity, TransitionKind, Truth, Verdict
from wamon.core.error_codes import lookup
from wamon.core.figures import (
    MESSAGES_ATTEMPTED,
    MESSAGES_BOUNCED,
    MESSAGES_FAILED,
    MESSAGES_OPEN,
    MESSAGES_SENT,
    RECENT_FAILURES,
    RIPE,
)
from wamon.core.health import Sighting
from wamon.core.ports import Rule, clear, unknown
from wamon.core.state import State, Ticked
from wamon.core.step import Policy, step
from wamon.core.timing import Moment
from wamon.probes.account import QUALITY_RATING
from wamon.rules.delivery import (
    BOUNCE_RATIO,
    FAILURE_RATIO,
    SILENT_DROP,
    GradedShareParams,
    ShareParams,
    code_evidence,
    judge_share,
)

W, C = Severity.WARNING, Severity.CRITICAL
RULES = (FAILURE_RATIO, BOUNCE_RATIO, SILENT_DROP)
FIGURES = {
    FAILURE_RATIO.name: ("at_fault", "attempted"),
    BOUNCE_RATIO.name: ("bounced", "attempted"),
    SILENT_DROP.name: ("ripe_open", "ripe"),
}
each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


def tallied(counts: dict[str, float], *, ago: timedelta = NO_TIME) -> Sighting:
    """The figures of a number that sends: each other message that counts is neither failed nor open."""
    plain = {"attempted": 0.0, "bounced": 0.0, "at_fault": 0.0, "ripe": 0.0, "ripe_open": 0.0}
    told = {**plain, **counts}
    return seen(
        MESSAGES_ATTEMPTED.reading(NUMBER, {"1h": told["attempted"], "24h": 1000.0}),
        MESSAGES_FAILED.reading(NUMBER, {"1h": told["at_fault"] + told["bounced"], "24h": 0.0}),
        MESSAGES_BOUNCED.reading(NUMBER, {"1h": told["bounced"], "24h": 0.0}),
        MESSAGES_SENT.reading(NUMBER, {RIPE: told["ripe"]}),
        MESSAGES_OPEN.reading(NUMBER, {"lt15m": 900.0, RIPE: told["ripe_open"], "1h_24h": 900.0, "gt24h": 900.0}),
        ago=ago,
    )


def failed(codes: dict[str, float]) -> Sighting:
    return seen(RECENT_FAILURES.reading(NUMBER, codes))


def judged(rule: Rule, hits: float, total: float, *besides: Sighting, open_severity: Severity | None = None) -> Verdict:
    hit, of = FIGURES[rule.name]
    picture = view(NUMBER, tallied({hit: hits, of: total}), *besides, open_severity=open_severity)
    verdict = rule.check(picture, rule.params, NOW)
    assert verdict is not None
    return verdict


def level(verdict: Verdict) -> Severity | str:
    """The severity of a TRUE, the word of any other."""
    return verdict.severity if verdict.truth is Truth.TRUE else str(verdict.truth)


# --- where they open, hold and clear ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hits", "total", "while_closed", "while_open"),
    [
        # At 100 messages the lower bound passes 5 % with 10 failures and 15 % with 22.
        (9, 100, "false", W),
        (10, 100, W, W),
        (21, 100, W, W),
        (22, 100, C, C),
        (100, 100, C, C),
        # An open alert holds until the share itself is below 3 %.
        (3, 100, "false", W),
        (2, 100, "false", "false"),
        (0, 100, "false", "false"),
        # 49 are too few to open by; a lower share closes from ten on.
        (49, 49, "unknown", "unknown"),
        (50, 50, C, C),
        (0, 49, "unknown", "false"),
        (0, 10, "unknown", "false"),
        (0, 9, "unknown", "unknown"),
        (0, 0, "unknown", "unknown"),
    ],
)
def test_failure_ratio(hits: int, total: int, while_closed: Severity | str, while_open: Severity | str) -> None:
    assert level(judged(FAILURE_RATIO, hits, total)) == while_closed
    assert level(judged(FAILURE_RATIO, hits, total, open_severity=W)) == while_open


@pytest.mark.parametrize(
    ("hits", "total", "while_closed", "while_open"),
    [
        # At 200 messages the lower bound passes 3 % with 11 bounces and 10 % with 29.
        (10, 200, "false", W),
        (11, 200, W, W),
        (28, 200, W, W),
        (29, 200, C, C),
        (4, 200, "false", W),
        (3, 200, "false", "false"),
        (99, 99, "unknown", "unknown"),
        (100, 100, C, C),
        (0, 10, "unknown", "false"),
    ],
)
def test_bounce_ratio(hits: int, total: int, while_closed: Severity | str, while_open: Severity | str) -> None:
    assert level(judged(BOUNCE_RATIO, hits, total)) == while_closed
    assert level(judged(BOUNCE_RATIO, hits, total, open_severity=W)) == while_open


@pytest.mark.parametrize(
    ("hits", "total", "while_closed", "while_open"),
    [
        # At 100 messages the lower bound passes 30 % with 39 that are open.
        (38, 100, "false", W),
        (39, 100, W, W),
        (100, 100, W, W),
        (20, 100, "false", W),
        (19, 100, "false", "false"),
        (49, 49, "unknown", "unknown"),
        (50, 50, W, W),
        (1, 10, "unknown", "false"),
        (9, 9, "unknown", "unknown"),
    ],
)
def test_silent_drop(hits: int, total: int, while_closed: Severity | str, while_open: Severity | str) -> None:
    assert level(judged(SILENT_DROP, hits, total)) == while_closed
    assert level(judged(SILENT_DROP, hits, total, open_severity=W)) == while_open


@each_rule
def test_figures_in_which_nothing_moved_are_still_those_of_now(rule: Rule) -> None:
    hit, of = FIGURES[rule.name]
    bad, good = {hit: 1000.0, of: 1000.0}, {hit: 0.0, of: 1000.0}

    firing = rule.check(view(NUMBER, tallied(bad, ago=MINUTE)), rule.params, NOW)

    assert firing is not None
    assert (firing.truth, firing.observed_at) == (Truth.TRUE, NOW)
    assert rule.check(view(NUMBER, tallied(good, ago=MINUTE)), rule.params, NOW) == clear(NOW)


@each_rule
def test_number_without_webhooks_is_no_subject_of_the_rule(rule: Rule) -> None:
    assert rule.check(view(NUMBER), rule.params, NOW) is None


@each_rule
def test_figures_that_are_old_are_unknown(rule: Rule) -> None:
    hit, of = FIGURES[rule.name]

    assert rule.check(view(NUMBER, tallied({hit: 100.0, of: 100.0}, ago=HOUR)), rule.params, NOW) == unknown(NOW)


def test_critical_share_that_is_held_by_its_clearing_threshold_only_warns() -> None:
    assert level(judged(FAILURE_RATIO, 5, 100, open_severity=C)) is W


def test_more_hits_than_messages_count_as_all_of_them() -> None:
    params = ShareParams(warning_ratio=0.5, clears_ratio=0.4, min_messages=1)

    assert level(judge_share(30, 20, params, now=NOW, open_severity=None)) is W


def test_share_of_nothing_is_unknown_however_the_volume_is_configured() -> None:
    params = ShareParams(warning_ratio=0.5, clears_ratio=0.4, min_messages=0, min_messages_to_clear=0)

    assert judge_share(0, 0, params, now=NOW, open_severity=W) == unknown(NOW)


def test_thresholds_can_be_configured() -> None:
    params = GradedShareParams(warning_ratio=0.5, critical_ratio=0.9, clears_ratio=0.4, min_messages=1000)

    assert level(judge_share(600, 1000, params, now=NOW, open_severity=None)) is W
    assert level(judge_share(1000, 1000, params, now=NOW, open_severity=None)) is C
    assert level(judge_share(999, 999, params, now=NOW, open_severity=None)) == "unknown"


# --- what they say ----------------------------------------------------------------------------------------------------


def test_failures_are_told_with_their_codes_and_the_fix_of_the_first() -> None:
    payment = lookup(131042)
    assert payment is not None
    codes = failed({"131026": 60.0, "131042": 18.0, "131000": 3.0, "132015": 2.0, "130429": 1.0, "other": 1.0})

    verdict = judged(FAILURE_RATIO, 24, 120, codes, seen(QUALITY_RATING.reading(NUMBER, "YELLOW")))

    assert verdict.what == "20.0% of messages fail for a reason on the sender's side or Meta's"
    assert verdict.evidence == (
        ("Failed in the last hour", "24 of 120 messages, bounces left out"),
        ("Lower bound of the share", "13.8% (warning above 5.0%, critical above 15.0%)"),
        ("Code 131042", "18 x Payment problem"),
        ("Code 131000", "3 x Something went wrong"),
        ("Code 132015", "2 x Template paused"),
        ("What fixes code 131042", payment.fix),
        ("Quality rating", "YELLOW"),
    )


def test_bounces_are_told_as_hard_and_soft() -> None:
    undeliverable = lookup(131026)
    assert undeliverable is not None
    codes = failed({"131026": 30.0, "131050": 5.0, "131049": 1200.0, "131042": 7.0, "other": 2.0})

    verdict = judged(BOUNCE_RATIO, 1235, 2470, codes)

    assert verdict.what == "50.0% of messages bounce"
    assert verdict.evidence[:6] == (
        ("Bounced in the last hour", "1,235 of 2,470 messages"),
        ("Lower bound of the share", "48.0% (warning above 3.0%, critical above 10.0%)"),
        ("Hard bounces", "35: these recipients cannot be reached, stop sending to them"),
        ("Soft bounces", "1,200: not delivered this time"),
        ("Code 131049", "1,200 x Marketing message held back by Meta"),
        ("Code 131026", "30 x Message undeliverable"),
    )
    assert "131042" not in str(verdict.evidence)
    assert undeliverable.fix not in str(verdict.evidence)


def test_silent_drop_is_told_in_messages() -> None:
    verdict = judged(SILENT_DROP, 60, 120)

    assert verdict.what == "50% of messages were sent and are neither delivered nor failed"
    assert verdict.evidence == (
        ("Sent 15 to 60 minutes ago", "120 messages"),
        ("Neither delivered nor failed since", "60 messages"),
        ("Lower bound of the share", "41.2% (warning above 30.0%)"),
    )
    assert "sent, never delivered and never failed" in SILENT_DROP.meaning
    assert "first-contact trap" in SILENT_DROP.meaning


def test_codes_that_nobody_knows_are_told_without_a_fix() -> None:
    assert list(code_evidence({"other": 4.0, "131026": 1.0})) == [
        ("Other codes", "4 x not in the table of known codes"),
        ("Code 131026", "1 x Message undeliverable"),
    ]
    assert list(code_evidence({})) == []


def test_codes_of_equal_count_are_told_in_a_fixed_order() -> None:
    assert [name for name, _ in code_evidence({"131042": 2.0, "131026": 2.0})][:2] == ["Code 131026", "Code 131042"]


# --- how patient they are ---------------------------------------------------------------------------------------------


TICK = timedelta(seconds=15)


def moved(rule: Rule, *, bad_ticks: int, ticks: int, told_every: int) -> dict[TransitionKind, float]:
    """After how many minutes what happened to the alert; its figures are told every so many ticks, the first ones bad.

    A number of which nothing is heard has its figures told every five minutes only, which is every 20 ticks.
    """
    hit, of = FIGURES[rule.name]
    policy = Policy(rules=(rule,), tick_interval=TICK)
    state, found = State(), dict[TransitionKind, float]()
    for tick in range(ticks):
        at = Moment(at=NOW + tick * TICK, boot_id="boot-1", monotonic=tick * 15.0)
        figures = tallied({hit: 100.0 if tick < bad_ticks else 0.0, of: 100.0}).readings
        state, changes = step(state, Ticked(moment=at, figures=() if tick % told_every else figures), policy)
        found.update({transition.kind: tick / 4 for transition in changes.transitions})
    return found


@pytest.mark.parametrize("told_every", [1, 20])
@pytest.mark.parametrize(("rule", "minutes"), [(FAILURE_RATIO, 2), (BOUNCE_RATIO, 2), (SILENT_DROP, 10)])
def test_patience_counts_the_time_in_which_nothing_more_is_heard(rule: Rule, minutes: float, told_every: int) -> None:
    assert moved(rule, bad_ticks=80, ticks=80, told_every=told_every) == {TransitionKind.OPEN: minutes}


@pytest.mark.parametrize("told_every", [1, 20])
@each_rule
def test_alert_closes_when_nothing_more_is_heard(rule: Rule, told_every: int) -> None:
    patience = rule.timing.keep_firing_for / timedelta(minutes=1)

    found = moved(rule, bad_ticks=80, ticks=160, told_every=told_every)

    assert found[TransitionKind.RECOVERING] == 20
    assert found[TransitionKind.CLOSE] == 20 + patience


def test_silence_of_one_bucket_is_not_told() -> None:
    assert moved(SILENT_DROP, bad_ticks=40, ticks=80, told_every=20) == {}


@each_rule
def test_day_without_messages_is_clear_and_a_quiet_hour_is_not(rule: Rule) -> None:
    def day(attempted: float, *, ago: timedelta = NO_TIME) -> Sighting:
        return seen(MESSAGES_ATTEMPTED.reading(NUMBER, {"1h": 0.0, "24h": attempted}), ago=ago)

    for open_severity in (None, W, C):
        assert judged(rule, 0, 0, day(0), open_severity=open_severity) == clear(NOW)
        assert judged(rule, 0, 0, day(1), open_severity=open_severity) == unknown(NOW)
        assert judged(rule, 0, 0, day(0, ago=HOUR), open_severity=open_severity) == unknown(NOW)
