"""The quota budget: what the usage headers and throttle codes allow."""

import json
from datetime import timedelta

import pytest

from tests.fakes import START, FakeClock
from tests.graph.rig import WABA_ID, usage
from wamon.graph.quota import Decision, QuotaBudget

APP = "634"


def observe(budget: QuotaBudget, percent: int, *, minutes: int = 0, waba_id: str = WABA_ID) -> None:
    header = usage(percent, minutes=minutes, waba_id=waba_id)["X-Business-Use-Case-Usage"]
    budget.observe(waba_id=waba_id, caller=APP, business_usage=header, app_usage=None)


def observe_app(budget: QuotaBudget, percent: int, *, waba_id: str | None = None) -> None:
    header = json.dumps({"call_count": percent, "total_cputime": 0, "total_time": 0})
    budget.observe(waba_id=waba_id, caller=APP, business_usage=None, app_usage=header)


def throttle(budget: QuotaBudget, code: int | None = 80008, *, wait: timedelta | None = None) -> timedelta:
    return budget.throttled(waba_id=WABA_ID, caller=APP, code=code, wait=wait)


@pytest.mark.parametrize(
    ("percent", "essential", "other"),
    [
        (0, Decision.RUN, Decision.RUN),
        (74, Decision.RUN, Decision.RUN),
        (75, Decision.SLOW, Decision.SLOW),
        (89, Decision.SLOW, Decision.SLOW),
        (90, Decision.SLOW, Decision.ESSENTIAL_ONLY),
        (99, Decision.SLOW, Decision.ESSENTIAL_ONLY),
        (100, Decision.STOP, Decision.STOP),
        (130, Decision.STOP, Decision.STOP),
    ],
)
def test_pace_follows_the_use(percent: int, essential: Decision, other: Decision) -> None:
    budget = QuotaBudget(FakeClock())
    observe(budget, percent)

    assert budget.decide(WABA_ID, caller=APP, is_essential=True) is essential
    assert budget.decide(WABA_ID, caller=APP, is_essential=False) is other


def test_nothing_is_known_before_the_first_header() -> None:
    budget = QuotaBudget(FakeClock())

    assert budget.used(WABA_ID) == {}
    assert budget.blocked_until(WABA_ID, caller=APP) is None
    assert budget.decide(WABA_ID, caller=APP, is_essential=False) is Decision.RUN
    assert budget.decide(None, caller=APP, is_essential=False) is Decision.RUN


def test_missing_header_does_not_mean_zero() -> None:
    budget = QuotaBudget(FakeClock())
    observe(budget, 80)

    budget.observe(waba_id=WABA_ID, caller=APP, business_usage=None, app_usage=None)

    assert budget.used(WABA_ID)["call_count"] == 0.8


def test_figure_is_forgotten_after_an_hour() -> None:
    clock = FakeClock()
    budget = QuotaBudget(clock)
    observe(budget, 95)

    clock.advance(3_599)
    before = budget.decide(WABA_ID, caller=APP, is_essential=False)
    clock.advance(1)

    assert before is Decision.ESSENTIAL_ONLY
    assert budget.decide(WABA_ID, caller=APP, is_essential=False) is Decision.RUN
    assert budget.used(WABA_ID) == {}


def test_management_use_case_counts_alone_where_it_is_listed() -> None:
    budget = QuotaBudget(FakeClock())
    cases = [
        {"type": "whatsapp", "call_count": 99, "total_time": 99, "estimated_time_to_regain_access": 50},
        {
            "type": "whatsapp_business_management",
            "call_count": 10,
            "total_time": 5,
            "estimated_time_to_regain_access": 0,
        },
    ]

    told = budget.observe(waba_id=WABA_ID, caller=APP, business_usage=json.dumps({WABA_ID: cases}), app_usage=None)

    assert told == {WABA_ID: {"call_count": 0.1, "total_time": 0.05}}
    assert budget.blocked_until(WABA_ID, caller=APP) is None


def test_worst_of_several_use_cases_counts_for_each_dimension() -> None:
    budget = QuotaBudget(FakeClock())
    cases = [{"type": "a", "call_count": 20, "total_time": 5}, {"type": "b", "call_count": 10, "total_time": 60}, "odd"]

    budget.observe(waba_id=WABA_ID, caller=APP, business_usage=json.dumps({WABA_ID: cases}), app_usage=None)

    assert budget.used(WABA_ID) == {"call_count": 0.2, "total_time": 0.6}


def test_figures_under_another_id_are_those_of_the_account_that_was_asked() -> None:
    """Meta may key them by the business: the worst of them then counts."""
    budget = QuotaBudget(FakeClock())
    header = json.dumps(
        {
            "77": [{"type": "whatsapp_business_management", "call_count": 92, "total_time": 3}],
            "78": [{"type": "whatsapp_business_management", "call_count": 5, "total_time": 40}],
        }
    )

    told = budget.observe(waba_id=WABA_ID, caller=APP, business_usage=header, app_usage=None)

    assert told[WABA_ID] == budget.used(WABA_ID) == {"call_count": 0.92, "total_time": 0.4}
    assert budget.decide(WABA_ID, caller=APP, is_essential=False) is Decision.ESSENTIAL_ONLY


def test_time_named_under_another_id_holds_up_the_account_that_was_asked() -> None:
    budget = QuotaBudget(FakeClock())
    case = {"type": "whatsapp_business_management", "call_count": 100, "estimated_time_to_regain_access": 25}

    budget.observe(waba_id=WABA_ID, caller=APP, business_usage=json.dumps({"77": [case]}), app_usage=None)

    assert budget.blocked_until(WABA_ID, caller=APP) == START + timedelta(minutes=25)


def test_figures_of_an_account_are_its_own_where_the_header_has_them() -> None:
    budget = QuotaBudget(FakeClock())
    cases = {"77": [{"type": "a", "call_count": 99}], WABA_ID: [{"type": "a", "call_count": 3}]}

    budget.observe(waba_id=WABA_ID, caller=APP, business_usage=json.dumps(cases), app_usage=None)

    assert budget.used(WABA_ID) == {"call_count": 0.03}


def test_full_quota_waits_for_the_minutes_that_meta_names() -> None:
    clock = FakeClock()
    budget = QuotaBudget(clock)
    observe(budget, 100, minutes=25)

    assert budget.blocked_until(WABA_ID, caller=APP) == START + timedelta(minutes=25)
    clock.advance(25 * 60)
    assert budget.blocked_until(WABA_ID, caller=APP) is None
    # The figure is still that of the last answer, so the next call is an essential one and careful.
    assert budget.decide(WABA_ID, caller=APP, is_essential=True) is Decision.SLOW


def test_minutes_beyond_reason_are_bounded() -> None:
    budget = QuotaBudget(FakeClock())
    observe(budget, 100, minutes=999_999)

    assert budget.blocked_until(WABA_ID, caller=APP) == START + timedelta(hours=6)


def test_throttle_without_a_time_waits_longer_each_time_in_a_row() -> None:
    clock = FakeClock()
    budget = QuotaBudget(clock)
    waits = []
    for _ in range(4):
        waits.append(throttle(budget))
        clock.advance(waits[-1].total_seconds())

    assert waits == [timedelta(minutes=5), timedelta(minutes=10), timedelta(minutes=15), timedelta(minutes=15)]


def test_throttles_at_one_moment_count_as_one() -> None:
    budget = QuotaBudget(FakeClock())

    waits = [throttle(budget) for _ in range(5)]

    assert waits == [timedelta(minutes=5)] * 5


def test_answer_that_is_let_through_ends_the_row() -> None:
    clock = FakeClock()
    budget = QuotaBudget(clock)
    throttle(budget)
    clock.advance(300)

    budget.succeeded(waba_id=WABA_ID, caller=APP)

    assert throttle(budget) == timedelta(minutes=5)


def test_late_answer_does_not_lift_a_block() -> None:
    budget = QuotaBudget(FakeClock())
    throttle(budget)

    budget.succeeded(waba_id=WABA_ID, caller=APP)

    assert budget.decide(WABA_ID, caller=APP, is_essential=True) is Decision.STOP


def test_throttle_takes_the_longest_time_that_was_named() -> None:
    budget = QuotaBudget(FakeClock())
    observe(budget, 100, minutes=2)

    assert throttle(budget, wait=timedelta(minutes=9)) == timedelta(minutes=9)


def test_code_of_the_app_stops_every_account_of_that_app() -> None:
    budget = QuotaBudget(FakeClock())
    observe(budget, 1, waba_id="5")
    throttle(budget, code=4)

    assert budget.decide("5", caller=APP, is_essential=True) is Decision.STOP
    assert budget.decide("6", caller="other", is_essential=True) is Decision.RUN
    assert budget.decide(None, caller=APP, is_essential=True) is Decision.STOP
    assert budget.decide(None, caller="other", is_essential=True) is Decision.RUN


def test_code_of_the_account_stops_that_account_only() -> None:
    budget = QuotaBudget(FakeClock())
    throttle(budget, code=80008)

    assert budget.decide(WABA_ID, caller=APP, is_essential=True) is Decision.STOP
    assert budget.decide("5", caller=APP, is_essential=True) is Decision.RUN
    assert budget.decide(None, caller=APP, is_essential=True) is Decision.RUN


def test_use_of_the_app_counts_where_the_account_has_told_none() -> None:
    budget = QuotaBudget(FakeClock())
    observe_app(budget, 92, waba_id="5")

    assert budget.decide("5", caller=APP, is_essential=False) is Decision.ESSENTIAL_ONLY
    assert budget.decide(None, caller=APP, is_essential=False) is Decision.ESSENTIAL_ONLY
    observe(budget, 10, waba_id="5")
    assert budget.decide("5", caller=APP, is_essential=False) is Decision.RUN
    assert budget.used("5") == {"call_count": 0.1, "total_cputime": 0.01, "total_time": 0.02}


def test_step_of_the_wall_clock_neither_ends_nor_prolongs_a_block() -> None:
    clock = FakeClock()
    budget = QuotaBudget(clock)
    throttle(budget)

    clock.step(-7_200)
    assert budget.blocked_until(WABA_ID, caller=APP) == START - timedelta(hours=2) + timedelta(minutes=5)
    clock.step(86_400)
    assert budget.decide(WABA_ID, caller=APP, is_essential=True) is Decision.STOP
    clock.advance(300)
    assert budget.decide(WABA_ID, caller=APP, is_essential=True) is Decision.RUN


@pytest.mark.parametrize("header", ["", "null", "[]", "{", '{"x": 5}', '{"x": [5]}', '{"x": [{"call_count": "7"}]}'])
def test_header_that_makes_no_sense_tells_nothing(header: str) -> None:
    budget = QuotaBudget(FakeClock())

    assert budget.observe(waba_id="x", caller=APP, business_usage=header, app_usage=header) == {}
    assert budget.decide("x", caller=APP, is_essential=False) is Decision.RUN


def test_ids_of_headers_long_past_are_not_kept() -> None:
    clock = FakeClock()
    budget = QuotaBudget(clock)
    for number in range(50):
        observe(budget, 100, waba_id=str(number))
        clock.advance(3_600 * 8)

    assert len(budget._usage) == 1
    assert len(budget._blocks) == 1
