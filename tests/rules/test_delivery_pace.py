"""When the pace of a WABA's messages alerts: slow delivery, late webhooks, many stops."""

import pytest

from tests.rules.views import HOUR, MINUTE, NOW, WABA, seen, view
from wamon.core.alerting import Severity, Truth, Verdict
from wamon.core.figures import DELIVERY_PACE
from wamon.core.health import Sighting
from wamon.core.ports import Rule, clear, firing, unknown
from wamon.rules.delivery_pace import AUTHENTICATION_SLOW, DELIVERY_SLOW, OPT_OUTS, WEBHOOK_LAG

W, C = Severity.WARNING, Severity.CRITICAL
FIGURE = {DELIVERY_SLOW.name: "delivery", AUTHENTICATION_SLOW.name: "authentication", WEBHOOK_LAG.name: "lag"}
each_rule = pytest.mark.parametrize(
    "rule", [DELIVERY_SLOW, AUTHENTICATION_SLOW, WEBHOOK_LAG, OPT_OUTS], ids=lambda rule: rule.name
)


def paced(**figures: float) -> Sighting:
    plain = {f"{figure}_count": 0.0 for figure in FIGURE.values()}
    return seen(DELIVERY_PACE.reading(WABA, {"attempted_24h": 0.0, "opt_outs_24h": 0.0, **plain, **figures}))


def judged(rule: Rule, *, open_severity: Severity | None = None, **figures: float) -> Verdict:
    verdict = rule.check(view(WABA, paced(**figures), open_severity=open_severity), rule.params, NOW)
    assert verdict is not None
    return verdict


def slow(rule: Rule, count: float, p95: float, *, open_severity: Severity | None = None) -> str:
    figures = {f"{FIGURE[rule.name]}_count": count, f"{FIGURE[rule.name]}_p95": p95}
    return str(judged(rule, open_severity=open_severity, **figures).truth)


@pytest.mark.parametrize(
    ("rule", "count", "p95", "while_closed", "while_open"),
    [
        (DELIVERY_SLOW, 20, 301, "true", "true"),
        (DELIVERY_SLOW, 20, 300, "false", "true"),
        (DELIVERY_SLOW, 20, 181, "false", "true"),
        (DELIVERY_SLOW, 20, 180, "false", "false"),
        (DELIVERY_SLOW, 19, 5000, "unknown", "unknown"),
        (DELIVERY_SLOW, 10, 180, "unknown", "false"),
        (DELIVERY_SLOW, 9, 1, "unknown", "unknown"),
        (AUTHENTICATION_SLOW, 20, 30.5, "true", "true"),
        (AUTHENTICATION_SLOW, 20, 30, "false", "true"),
        (AUTHENTICATION_SLOW, 20, 20, "false", "false"),
        (AUTHENTICATION_SLOW, 19, 60, "unknown", "unknown"),
        (WEBHOOK_LAG, 20, 301, "true", "true"),
        (WEBHOOK_LAG, 20, 300, "false", "true"),
        (WEBHOOK_LAG, 20, 180, "false", "false"),
        (WEBHOOK_LAG, 19, 5000, "unknown", "unknown"),
    ],
)
def test_95th_percentile_opens_at_one_threshold_and_clears_at_a_lower_one(
    rule: Rule, count: float, p95: float, while_closed: str, while_open: str
) -> None:
    assert slow(rule, count, p95) == while_closed
    assert slow(rule, count, p95, open_severity=W) == while_open


@pytest.mark.parametrize("rule", [DELIVERY_SLOW, AUTHENTICATION_SLOW, WEBHOOK_LAG], ids=lambda rule: rule.name)
def test_nothing_delivered_is_unknown(rule: Rule) -> None:
    assert judged(rule, attempted_24h=1.0) == unknown(NOW)
    assert judged(rule, open_severity=W, attempted_24h=1.0) == unknown(NOW)


@each_rule
def test_waba_without_webhooks_is_no_subject_of_the_rule(rule: Rule) -> None:
    assert rule.check(view(WABA), rule.params, NOW) is None


@each_rule
def test_figures_that_are_old_are_unknown(rule: Rule) -> None:
    old = seen(*paced(delivery_count=100, delivery_p95=1, attempted_24h=100).readings, ago=HOUR)

    assert rule.check(view(WABA, old), rule.params, NOW) == unknown(NOW)


def test_slow_delivery_is_told_with_its_threshold() -> None:
    assert judged(DELIVERY_SLOW, delivery_count=1200.0, delivery_p95=750.0) == firing(
        W,
        NOW,
        "Delivery is slow: 5% of messages take longer than 12 min 30 s",
        evidence=[("95th percentile", "12 min 30 s, by the 1,200 of the last minutes"), ("Threshold", "5 min")],
    )


def test_slow_codes_and_late_webhooks_are_told_apart() -> None:
    codes = judged(AUTHENTICATION_SLOW, authentication_count=20.0, authentication_p95=45.0)
    lag = judged(WEBHOOK_LAG, lag_count=20.0, lag_p95=1800.0)

    assert (codes.severity, codes.what) == (W, "One-time codes are slow: 5% take longer than 45 s")
    assert (lag.severity, lag.what) == (C, "Webhooks are late: 5% arrive later than 30 min")


def test_ordinary_messages_that_are_fast_do_not_close_the_alert_of_slow_codes() -> None:
    verdict = judged(AUTHENTICATION_SLOW, open_severity=W, delivery_count=500.0, delivery_p95=2.0, attempted_24h=500.0)

    assert verdict == unknown(NOW)


def test_slow_delivery_and_slow_codes_share_one_public_name() -> None:
    assert DELIVERY_SLOW.alertname(W) == AUTHENTICATION_SLOW.alertname(W) == "WhatsAppDeliverySlow"


def test_patience() -> None:
    assert DELIVERY_SLOW.timing.for_ == AUTHENTICATION_SLOW.timing.for_ == 15 * MINUTE
    assert WEBHOOK_LAG.timing.for_ == 10 * MINUTE


# --- stops ------------------------------------------------------------------------------------------------------------


def stopped(opt_outs: float, attempted: float, *, open_severity: Severity | None = None) -> Verdict:
    return judged(OPT_OUTS, open_severity=open_severity, opt_outs_24h=opt_outs, attempted_24h=attempted)


@pytest.mark.parametrize(
    ("opt_outs", "attempted", "while_closed", "while_open"),
    [
        # At 1,000 messages the lower bound passes 2 % with 29 stops.
        (28, 1000, "false", "true"),
        (29, 1000, "true", "true"),
        (10, 1000, "false", "true"),
        (9, 1000, "false", "false"),
        # Twenty stops at least, however few the messages.
        (19, 100, "false", "true"),
        (20, 100, "true", "true"),
        (49, 49, "unknown", "unknown"),
        (0, 10, "unknown", "false"),
        (25, 0, "unknown", "unknown"),
        # The stops of a campaign of the day before.
        (80, 60, "true", "true"),
    ],
)
def test_opt_outs(opt_outs: float, attempted: float, while_closed: str, while_open: str) -> None:
    assert str(stopped(opt_outs, attempted).truth) == while_closed
    assert str(stopped(opt_outs, attempted, open_severity=W).truth) == while_open


def test_opt_outs_are_told_by_count_and_share() -> None:
    verdict = stopped(1300, 26000)

    assert verdict == firing(
        W,
        NOW,
        "1,300 people stopped your messages in 24 hours, 5.0% of messages sent",
        evidence=[
            ("Stops in the last 24 hours", "1,300"),
            ("Messages attempted in the last 24 hours", "26,000"),
            ("Lower bound of the share", "4.7% (warning above 2.0%)"),
        ],
    )


def test_few_stops_are_clear_at_the_moment_of_the_figures() -> None:
    assert stopped(0, 1000) == clear(NOW)
    assert stopped(19, 100) == clear(NOW)
    assert stopped(29, 1000).truth is Truth.TRUE


@pytest.mark.parametrize("rule", [DELIVERY_SLOW, AUTHENTICATION_SLOW, OPT_OUTS], ids=lambda rule: rule.name)
def test_day_without_messages_is_clear_and_a_quiet_hour_is_not(rule: Rule) -> None:
    for open_severity in (None, W):
        assert judged(rule, open_severity=open_severity) == clear(NOW)
        assert judged(rule, open_severity=open_severity, attempted_24h=1.0) == unknown(NOW)


def test_day_without_messages_says_nothing_of_the_lag_since_replies_may_come_late() -> None:
    assert judged(WEBHOOK_LAG, open_severity=C) == unknown(NOW)
