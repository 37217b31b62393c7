"""Many steps in a row: restarts, a clock that jumps, and outages with the real rules."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.core.world import (
    BAD,
    INSTANCE,
    MINUTE,
    MONITORED,
    NUMBER,
    PROBE,
    RATING,
    SILENT,
    World,
    listed,
)
from wamon.core import watch
from wamon.core.alerting import AlertState, CloseReason, Timing
from wamon.core.health import Reading, Subject
from wamon.probes.account import QUALITY_RATING
from wamon.probes.evidence import TOKEN_VALID
from wamon.rules import RULES

# --- start and restart ------------------------------------------------------------------------------------------------


def test_start_removes_what_is_no_longer_monitored() -> None:
    world = World()
    world.rate("RED")
    world.poll(roster=listed())

    changes = world.start(replace(MONITORED, waba_ids=frozenset({"101"})))

    assert set(changes.removed_subjects) == {NUMBER, PROBE}
    assert [(str(row.kind), row.close_reason) for row in changes.transitions] == [("close", CloseReason.REMOVED)]
    assert world.state.missing == {}
    assert world.state.snapshot.facts == {}


def test_start_ends_alerts_of_rules_that_are_gone() -> None:
    world = World()
    world.rate("RED")
    world.policy = replace(world.policy, rules=())

    changes = world.start(replace(MONITORED, rules=frozenset()))

    assert [(str(row.kind), row.close_reason) for row in changes.transitions] == [("close", CloseReason.REMOVED)]
    assert world.count("wamon_alert_transitions_total", alertname="Bad", kind="close") == 1
    assert world.value(NUMBER, RATING) == "RED"


def test_start_ends_the_alert_of_a_subject_without_any_reading() -> None:
    world = World()
    world.rate("RED")
    world.state = replace(world.state, snapshot=world.state.snapshot.without([NUMBER]))

    world.start(replace(MONITORED, waba_ids=frozenset()))

    assert world.picture() == "inactive"


def test_start_leaves_what_is_monitored() -> None:
    world = World()
    world.rate("RED")
    before = world.alert()

    changes = world.start()

    assert world.alert() == before
    assert (changes.removed_subjects, changes.transitions, changes.facts) == ((), (), ())


def test_start_knows_what_grew_old_meanwhile() -> None:
    world = World()
    world.rate("RED")

    world.start(after=3600)

    assert world.value(NUMBER, RATING) is None


@pytest.mark.parametrize("is_new_boot", [False, True])
@pytest.mark.parametrize("downtime", [30, 3600])
def test_nothing_closes_after_a_restart_without_a_fresh_observation(downtime: float, is_new_boot: bool) -> None:
    world = World()
    world.rate("RED", "GREEN")

    world.clock.boot_id = "boot-2" if is_new_boot else "boot-1"
    world.start(after=downtime)
    for _ in range(10):
        world.tick()
        world.fail(after=1)

    assert "close" not in world.kinds()
    alert = world.alert()
    assert alert is not None
    assert alert.is_open


def test_fresh_observation_after_a_restart_closes() -> None:
    world = World()
    world.rate("RED", "GREEN")

    world.start(after=30)
    world.rate("GREEN")

    assert world.kinds() == ["open", "recovering", "close"]


def test_what_was_known_stays_quiet_after_a_restart() -> None:
    world = World()
    world.rate("RED")

    world.start(after=3600)
    world.tick()
    world.rate("RED", "RED")

    assert world.kinds() == ["open", "stale", "confirmed"]


def test_what_became_true_while_down_is_told() -> None:
    world = World()
    world.rate("GREEN")

    world.start(after=3600)
    world.rate("RED")

    assert world.kinds() == ["open"]


# --- the clock --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "direction"), [(3600, "forward"), (-3600, "back"), (-50, "back")])
def test_clock_step_is_counted_and_known(seconds: float, direction: str) -> None:
    world = World()
    world.rate("GREEN")

    world.clock.step(seconds)
    changes = world.tick()

    assert changes.clock_step == timedelta(seconds=seconds)
    assert world.count("wamon_clock_steps_total", direction=direction) == 1
    assert world.value(INSTANCE, watch.CLOCK_STEPPED) == world.clock.now()
    assert world.value(INSTANCE, watch.CLOCK_STEP) == seconds
    assert world.fact(INSTANCE, watch.CLOCK_STEPPED) in changes.facts


def test_waiting_is_no_clock_step() -> None:
    world = World()
    world.rate("GREEN")

    changes = world.tick(after=86_400)

    assert changes.clock_step == timedelta(0)
    assert world.state.snapshot.fact(INSTANCE, watch.CLOCK_STEPPED) is None


@pytest.mark.parametrize("seconds", [-3600, -61.5])
def test_readings_are_taken_after_the_clock_went_back(seconds: float) -> None:
    world = World()
    world.rate("RED")

    world.clock.step(seconds)
    world.tick()
    world.rate("GREEN", "GREEN")

    assert world.value(NUMBER, RATING) == "GREEN"
    assert world.kinds() == ["open", "recovering", "close"]


def test_nothing_known_lies_ahead_of_a_clock_that_went_back() -> None:
    world = World(BAD, SILENT)
    world.rate("RED")

    world.clock.step(-3600)
    changes = world.tick()

    now = world.clock.now()
    assert all(fact.observed_at <= now for own in world.state.snapshot.facts.values() for fact in own.values())
    assert world.value(PROBE, watch.PROBE_LAST_SUCCESS) == now
    alert = world.alert()
    assert alert is not None
    assert alert.last_observed_at == now
    assert alert in changes.alerts
    assert world.fact(NUMBER, RATING) in changes.facts


def test_alert_that_is_not_ahead_is_not_written_for_a_small_step_back() -> None:
    world = World()
    world.rate("RED")
    world.tick(after=30)

    world.clock.step(-20)
    changes = world.tick(after=0)

    assert changes.clock_step == timedelta(seconds=-20)
    assert changes.alerts == ()


def test_answer_stamped_by_the_clock_before_it_went_back_does_not_lie_ahead() -> None:
    world = World()
    world.rate("RED")
    world.clock.step(-3600)

    world.poll(RATING.reading(NUMBER, "GREEN"), answered_seconds_ago=-3600)

    now = world.clock.now()
    assert world.fact(NUMBER, RATING).observed_at == now
    assert world.value(NUMBER, RATING) == "GREEN"
    assert world.value(PROBE, watch.PROBE_LAST_SUCCESS) == now


@pytest.mark.parametrize("seconds", [60, -30, -3600])
@pytest.mark.parametrize("is_seen_by_tick", [True, False])
def test_gap_with_a_clock_step_in_it_gives_no_credit(seconds: float, is_seen_by_tick: bool) -> None:
    world = World(replace(BAD, timing=Timing(for_=timedelta(seconds=45), min_observations=1)))
    world.rate("RED")

    world.clock.step(seconds)
    if is_seen_by_tick:
        world.tick(after=5)
    world.rate("RED", after=40)
    after_the_step = world.alert()
    world.rate("RED")

    assert after_the_step is not None
    assert after_the_step.credited <= timedelta(seconds=40)
    assert after_the_step.state is AlertState.PENDING
    assert world.picture() == "firing"


def test_timers_run_on_after_a_clock_step() -> None:
    world = World(replace(BAD, timing=Timing(for_=2 * MINUTE, min_observations=1)))
    world.rate("RED", "RED")

    world.clock.step(-3600)
    world.tick()
    world.rate("RED", "RED")

    assert world.picture() == "firing"


# --- stories, with the real rules -------------------------------------------------------------------------------------


def a_number_is(rating: str) -> Reading:
    return QUALITY_RATING.reading(NUMBER, rating)


def test_timeout_never_raises_a_token_alert() -> None:
    world = World(*RULES)
    world.poll(TOKEN_VALID.reading(Subject.token("main"), True))

    for _ in range(180):
        world.fail()
        world.tick()

    assert {row.rule for row in world.told} == {"WamonGraphUnreachable", "WamonCannotSee"}


def test_timeout_never_clears_red() -> None:
    world = World(*RULES)
    world.poll(a_number_is("RED"))

    for _ in range(180):
        world.fail()
        world.tick()

    assert world.kinds("WhatsAppQualityRating") == ["open", "stale"]
    assert world.picture("WhatsAppQualityRating") == "firing stale"


def test_red_that_was_unseen_for_an_hour_closes_only_after_half_an_hour_of_green() -> None:
    world = World(*RULES)
    world.poll(a_number_is("RED"))
    for _ in range(60):
        world.fail()
        world.tick(after=0)
    unseen = world.picture("WhatsAppQualityRating")

    world.poll(a_number_is("GREEN"))
    for _ in range(29):
        world.poll(a_number_is("GREEN"))
    almost = world.picture("WhatsAppQualityRating")
    world.poll(a_number_is("GREEN"))

    assert unseen == "firing stale"
    assert almost == "recovering"
    assert world.kinds("WhatsAppQualityRating") == ["open", "stale", "confirmed", "recovering", "close"]
    assert world.told[-1].close_reason is CloseReason.RESOLVED


def test_red_survives_the_end_of_its_token() -> None:
    world = World(*RULES)
    world.poll(a_number_is("RED"))

    world.poll(TOKEN_VALID.reading(Subject.token("main"), False, raw="code 190, subcode 463"), outcome="denied")
    world.tick(after=900)

    assert world.picture("WhatsAppQualityRating") == "firing stale"
    assert world.picture("WhatsAppTokenInvalid", Subject.token("main")) == "firing stale"


def test_clock_that_went_back_a_day_does_not_hide_that_nothing_answers() -> None:
    world = World(*RULES)
    world.poll()

    world.clock.step(-86_400)
    for _ in range(45):
        world.fail()
        world.tick(after=0)

    assert world.kinds("WamonCannotSee") == ["open"]
    assert world.kinds("WamonClockJumped") == ["open"]
