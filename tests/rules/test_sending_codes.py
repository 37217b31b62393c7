"""When one error code alone alerts: payment, spam limit, throughput."""

from datetime import timedelta

import pytest

from tests.rules.views import HOUR, MINUTE, NO_TIME, NOW, NUMBER, WABA, WABA_ID, seen, view
from wamon.core.alerting import Severity, Truth, Verdict
from wamon.core.error_codes import lookup
from wamon.core.figures import (
    DELIVERY_PACE,
    MESSAGES_ATTEMPTED,
    RECENT_FAILURES,
    WABA_RECENT_FAILURES,
)
from wamon.core.health import Sighting, Subject
from wamon.core.ports import Rule, clear, firing, unknown
from wamon.probes.account import CAN_SEND, CAN_SEND_REASON, QUALITY_RATING
from wamon.rules.sending_codes import PAYMENT_BLOCKED, SPAM_RATE_LIMITED, THROUGHPUT_LIMITED

W, C = Severity.WARNING, Severity.CRITICAL
HEALTH = Subject.sender(WABA_ID, "waba", WABA_ID)
SUBJECTS = {PAYMENT_BLOCKED.name: WABA, SPAM_RATE_LIMITED.name: NUMBER, THROUGHPUT_LIMITED.name: NUMBER}
each_rule = pytest.mark.parametrize(
    "rule", [PAYMENT_BLOCKED, SPAM_RATE_LIMITED, THROUGHPUT_LIMITED], ids=lambda rule: rule.name
)


def sent(attempted: float, codes: dict[str, float] | None = None) -> Sighting:
    """What went out in the last hour, and which codes came back."""
    return seen(
        MESSAGES_ATTEMPTED.reading(NUMBER, {"1h": attempted, "24h": 1000.0}),
        DELIVERY_PACE.reading(WABA, {"attempted_1h": attempted}),
        RECENT_FAILURES.reading(NUMBER, codes or {}),
        WABA_RECENT_FAILURES.reading(WABA, codes or {}),
    )


def quiet(attempted_24h: float) -> Sighting:
    """An hour in which nothing went out, at the end of a day in which that much did."""
    return seen(
        *sent(0).readings,
        MESSAGES_ATTEMPTED.reading(NUMBER, {"1h": 0.0, "24h": attempted_24h}),
        DELIVERY_PACE.reading(WABA, {"attempted_1h": 0.0, "attempted_24h": attempted_24h}),
    )


def polled(state: str, *codes: str, ago: timedelta = NO_TIME, interval: timedelta = MINUTE) -> Sighting:
    """What a poll of the WABA's own health_status said."""
    reasons = CAN_SEND_REASON.reading(HEALTH, dict.fromkeys(codes, True))
    return seen(CAN_SEND.reading(HEALTH, state), reasons, ago=ago, interval=interval)


def judged(rule: Rule, *sightings: Sighting, open_severity: Severity | None = None) -> Verdict:
    picture = view(SUBJECTS[rule.name], *sightings, open_severity=open_severity)
    verdict = rule.check(picture, rule.params, NOW)
    assert verdict is not None
    return verdict


def fix(code: int) -> str:
    row = lookup(code)
    assert row is not None
    return row.fix


@each_rule
def test_subject_without_webhooks_is_no_subject_of_the_rule(rule: Rule) -> None:
    assert rule.check(view(SUBJECTS[rule.name]), rule.params, NOW) is None


@each_rule
def test_codes_that_are_old_are_unknown(rule: Rule) -> None:
    codes = {"131042": 99.0, "131048": 99.0, "130429": 99.0}

    old = seen(*sent(100, codes).readings, ago=HOUR)

    assert judged(rule, old) == unknown(NOW)


@each_rule
def test_messages_without_the_code_are_clear_and_no_messages_are_unknown(rule: Rule) -> None:
    for open_severity in (None, C):
        assert judged(rule, sent(1, {"131026": 1.0}), open_severity=open_severity) == clear(NOW)
        assert judged(rule, sent(0), open_severity=open_severity) == unknown(NOW)


@each_rule
def test_codes_without_a_count_of_messages_are_unknown(rule: Rule) -> None:
    none = seen(RECENT_FAILURES.reading(NUMBER, {}), WABA_RECENT_FAILURES.reading(WABA, {}))

    assert judged(rule, none) == unknown(NOW)


@each_rule
def test_day_without_messages_is_clear_and_a_quiet_hour_is_not(rule: Rule) -> None:
    for open_severity in (None, W, C):
        assert judged(rule, quiet(0), open_severity=open_severity) == clear(NOW)
        assert judged(rule, quiet(1), open_severity=open_severity) == unknown(NOW)


# --- payment ----------------------------------------------------------------------------------------------------------


def test_first_refused_payment_is_critical() -> None:
    assert judged(PAYMENT_BLOCKED, sent(400, {"131042": 1.0})) == firing(
        C,
        NOW,
        "Messages are blocked by a payment problem",
        evidence=[("Code 131042", "1 x Payment problem"), ("What fixes code 131042", fix(131042))],
    )
    assert PAYMENT_BLOCKED.timing.min_observations == 1


@pytest.mark.parametrize("attempted", [0, 100])
def test_health_status_tells_of_the_payment_too(attempted: float) -> None:
    health = seen(CAN_SEND_REASON.reading(HEALTH, {"141006": True}), ago=MINUTE)

    assert judged(PAYMENT_BLOCKED, health, sent(attempted)) == firing(
        C,
        NOW,
        "Messages are blocked by a payment problem",
        evidence=[("Meta's health_status", "code 141006 at this WABA")],
    )


def test_other_reason_or_another_account_is_no_payment_problem() -> None:
    other = seen(CAN_SEND_REASON.reading(HEALTH, {"141010": True}))
    foreign = seen(CAN_SEND_REASON.reading(Subject.sender("7", "waba", "7"), {"141006": True}))

    assert judged(PAYMENT_BLOCKED, other, foreign, sent(100)) == clear(NOW)


def test_old_health_status_is_no_payment_problem() -> None:
    health = seen(CAN_SEND_REASON.reading(HEALTH, {"141006": True}), ago=HOUR)

    assert judged(PAYMENT_BLOCKED, health, sent(100)) == clear(NOW)


def test_health_status_tells_of_the_payment_without_any_webhook() -> None:
    assert judged(PAYMENT_BLOCKED, polled("BLOCKED", "141006")) == firing(
        C,
        NOW,
        "Messages are blocked by a payment problem",
        evidence=[("Meta's health_status", "code 141006 at this WABA")],
    )


@pytest.mark.parametrize(
    ("poll", "truth"),
    [
        (polled("AVAILABLE"), Truth.FALSE),
        (polled("LIMITED", "141010"), Truth.UNKNOWN),
        (polled("AVAILABLE", ago=HOUR), Truth.UNKNOWN),
        (polled("AVAILABLE", ago=2 * HOUR, interval=HOUR), Truth.FALSE),
    ],
)
def test_account_that_has_become_available_again_ends_it(poll: Sighting, truth: Truth) -> None:
    blocked = polled("BLOCKED", "141006", ago=3 * HOUR)

    assert judged(PAYMENT_BLOCKED, blocked, poll, open_severity=C).truth is truth
    assert judged(PAYMENT_BLOCKED, blocked, poll, sent(0), open_severity=C).truth is truth


def test_account_that_polls_call_available_is_no_proof_while_payments_are_refused_or_nobody_hears() -> None:
    refused = sent(400, {"131042": 1.0})
    old = seen(*refused.readings, ago=HOUR)

    assert judged(PAYMENT_BLOCKED, polled("AVAILABLE"), refused, open_severity=C).truth is Truth.TRUE
    assert judged(PAYMENT_BLOCKED, old, polled("AVAILABLE"), open_severity=C) == unknown(NOW)


def test_day_without_messages_does_not_end_what_the_health_status_last_told() -> None:
    old = polled("BLOCKED", "141006", ago=HOUR)

    assert judged(PAYMENT_BLOCKED, old, quiet(0), open_severity=C) == unknown(NOW)


# --- spam limit -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refused", "while_closed", "while_open"),
    [
        (0, Truth.FALSE, Truth.FALSE),
        (1, Truth.FALSE, Truth.TRUE),
        (4, Truth.FALSE, Truth.TRUE),
        (5, Truth.TRUE, Truth.TRUE),
    ],
)
def test_spam_limit_opens_at_five_and_holds_until_none(refused: float, while_closed: Truth, while_open: Truth) -> None:
    codes = sent(1000, {"131048": refused} if refused else {})

    assert judged(SPAM_RATE_LIMITED, codes).truth is while_closed
    assert judged(SPAM_RATE_LIMITED, codes, open_severity=C).truth is while_open


def test_spam_limit_is_told_with_what_is_known_of_the_number() -> None:
    rating = seen(QUALITY_RATING.reading(NUMBER, "RED"))

    assert judged(SPAM_RATE_LIMITED, sent(50, {"131048": 12.0, "131026": 3.0}), rating) == firing(
        C,
        NOW,
        "Meta's spam limit refused 12 messages in an hour",
        evidence=[
            ("Code 131048", "12 x Spam limit reached"),
            ("What fixes code 131048", fix(131048)),
            ("Quality rating", "RED"),
        ],
    )


# --- throughput -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codes", "attempted", "while_closed", "while_open"),
    [
        ({"130429": 19.0}, 100, Truth.FALSE, Truth.TRUE),
        ({"130429": 20.0}, 100, Truth.TRUE, Truth.TRUE),
        ({"130429": 10.0, "131056": 10.0}, 100, Truth.TRUE, Truth.TRUE),
        ({"131056": 20.0}, 0, Truth.TRUE, Truth.TRUE),
        ({"130429": 20.0}, 2000, Truth.FALSE, Truth.TRUE),
        ({"130429": 21.0}, 2000, Truth.TRUE, Truth.TRUE),
        ({"130429": 10.0}, 2000, Truth.FALSE, Truth.FALSE),
        ({"130429": 1.0}, 0, Truth.UNKNOWN, Truth.TRUE),
    ],
)
def test_throughput_needs_twenty_and_one_in_a_hundred(
    codes: dict[str, float], attempted: float, while_closed: Truth, while_open: Truth
) -> None:
    assert judged(THROUGHPUT_LIMITED, sent(attempted, codes)).truth is while_closed
    assert judged(THROUGHPUT_LIMITED, sent(attempted, codes), open_severity=W).truth is while_open


def test_throughput_is_told_with_both_codes() -> None:
    assert judged(THROUGHPUT_LIMITED, sent(5000, {"130429": 1500.0, "131056": 40.0})) == firing(
        W,
        NOW,
        "1,540 messages were refused in an hour because they came too fast",
        evidence=[
            ("Messages attempted in the last hour", "5,000"),
            ("Code 130429", "1,500 x Throughput limit reached"),
            ("Code 131056", "40 x Too many messages to the same user"),
            ("What fixes code 130429", fix(130429)),
        ],
    )
    assert THROUGHPUT_LIMITED.timing.for_ == 10 * MINUTE
