"""What must hold of the desk in any story, and the ugly ones by hand (ALERTING sections 2, 5, 6 and 7)."""

from dataclasses import fields, replace
from datetime import timedelta

import pytest

from tests.core.telling import BAD, CAUSE, MONITORED, Telling, number
from tests.core.telling_story import Shelf, Story, Witness
from wamon.core.alerting import Alert, Severity, Timing
from wamon.core.desk import ForceClose, Mute, TransitionId
from wamon.core.inhibition import Inhibition
from wamon.core.manner import Manner
from wamon.core.state import Acted, Started, State, Woken
from wamon.core.step import step

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
INHIBITIONS = (Inhibition(source="Cause", targets=frozenset({"Bad"}), equal=("waba_id",)),)
# The time line of an alert has the overlays' rows in between, so its rows are numbered differently with them.
COMPARED = [each.name for each in fields(Alert) if each.name != "ordinal"]


def change_manner(world: Telling, **changes: object) -> None:
    """What a restart with another configuration brings."""
    manner = replace(world.policy.manner, **changes)  # type: ignore[arg-type]
    world.policy = replace(world.policy, manner=manner)


def told_twice(world: Telling) -> list[tuple[str, TransitionId]]:
    told = [(each.receiver, item) for each in world.said if each.kind == "news" for item in each.items]
    return [each for each in told if told.count(each) > 1]


def real_alerts(state: State) -> dict[str, list[object]]:
    alerts = [alert for alert in state.alerts.values() if not alert.is_rehearsal]
    return {alert.key: [getattr(alert, name) for name in COMPARED] for alert in alerts}


# --- in any story -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(100, 115))
def test_nothing_is_lost_told_twice_or_told_to_strangers(seed: int) -> None:
    Story(seed, witness=Witness()).run(300)


@pytest.mark.parametrize("seed", range(200, 210))
def test_overlays_never_change_what_is_true(seed: int) -> None:
    """ALERTING section 1: the same story without any overlay comes to the same alerts, muted or not."""
    story, bare, replayed = Story(seed), State(), 0

    while story.steps < 300:
        story.happen()
        for event, policy in story.happened[replayed:]:
            if isinstance(event, Started):
                bare = replace(bare, missing={}, members={})
            is_overlay = isinstance(event, Acted) and not isinstance(event.act.deed, ForceClose)
            told = Woken(moment=event.moment) if is_overlay else event
            bare, _ = step(bare, told, replace(policy, manner=Manner()))
        replayed = len(story.happened)
        assert real_alerts(bare) == real_alerts(story.state)


# --- ugly cases -------------------------------------------------------------------------------------------------------


def test_restart_in_the_middle_of_the_group_wait_tells_once_and_no_later() -> None:
    world = Telling()
    world.see("YELLOW")

    world.start(after=10)

    assert world.passes(9 * SECOND) == []
    assert world.words(world.passes(SECOND)) == ["slack news open"]
    assert world.words(world.passes(HOUR)) == []


def test_close_of_the_only_told_member_is_told_while_another_is_muted() -> None:
    world = Telling()
    world.see("YELLOW")
    world.passes(MINUTE)
    world.silence("phone_number_id=201")
    world.see("RED", number(1))

    world.see("GREEN", after=60)
    world.see("GREEN", after=60)
    world.passes(5 * MINUTE)

    assert world.words() == ["slack news open", "slack news close"]
    assert len(world.groups()) == 1
    assert world.words(world.passes(HOUR)) == ["slack news open aloud"]


def test_alert_of_a_rule_that_is_gone_is_closed_to_those_who_were_told() -> None:
    world = Telling()
    world.see("YELLOW")
    world.passes(MINUTE)

    world.policy = replace(world.policy, rules=(CAUSE,))
    world.start(replace(MONITORED, rules=frozenset({"Cause"})), after=60)
    world.passes(5 * MINUTE)

    assert world.words() == ["slack news open", "slack news close"]
    assert world.groups() == {}


def test_receiver_that_is_gone_is_told_nothing_more() -> None:
    world = Telling(receivers=("slack", "log"))
    world.see("YELLOW")
    world.passes(MINUTE)

    change_manner(world, receivers=("log",))
    world.start(after=60)
    world.see("GREEN", after=60)
    world.see("GREEN", after=60)
    world.passes(5 * MINUTE)

    assert world.words() == ["log news open", "slack news open", "log news close"]


def test_storm_is_repeated_and_escalated_in_its_one_message() -> None:
    world = Telling(mentions=True, escalation_receiver="pager")
    numbers = [number(n, waba=str(500 + n)) for n in range(25)]
    world.see("RED", *numbers)

    world.passes(5 * HOUR)

    assert world.words() == [
        "slack news" + " open" * 25,
        "slack escalation aloud",
        "pager escalation aloud",
        "pager repeat",
        "slack repeat",
    ]
    assert len({each.group_id for each in world.said}) == 1


def test_late_waking_tells_everything_late() -> None:
    world = Telling(mentions=True, escalation_receiver="pager")
    world.see("YELLOW", number(1))
    world.see("RED", after=1)

    world.clock.advance(40 * 60)

    assert world.words(world.passes(MINUTE)) == ["slack escalation aloud", "pager escalation aloud"]
    assert world.standing(number(1)).told is Severity.WARNING


def test_clock_that_goes_back_is_remembered_over_a_restart() -> None:
    """Else what waits waits until the old clock's time comes again."""
    world, shelf = Telling(), Shelf()
    shelf.take(world.see("YELLOW"))
    world.clock.step(-7200)

    shelf.take(world.tick())

    assert shelf.groups == world.groups()
    assert shelf.standings == world.state.desk.standings


def test_rise_that_waits_at_a_restart_is_told_once_to_a_new_receiver() -> None:
    world = Telling()
    world.see("YELLOW")
    world.see("RED", number(1), after=1)
    world.see("RED", after=5)

    change_manner(world, receivers=("slack", "log"))
    world.start(after=1)
    world.passes(10 * MINUTE)

    assert told_twice(world) == []


def test_next_episode_is_muted_when_its_cause_opens_before_the_close_was_told() -> None:
    """Neither told nor said to be muted, it would be lost without a word."""
    world = Telling(inhibitions=INHIBITIONS)
    world.see("YELLOW")
    world.passes(MINUTE)
    for rating in ("GREEN", "GREEN", "YELLOW"):
        world.see(rating, after=1)

    world.cause("BAD", after=1)
    world.passes(10 * MINUTE)

    assert world.words() == ["slack news open", "slack news open", "slack news close"]
    assert world.standing().muted is Mute.INHIBITED


def test_what_is_critical_again_escalates_again() -> None:
    world = Telling(replace(BAD, timing=Timing(min_observations=1, lower_after=timedelta(0))), CAUSE, mentions=True)
    world.see("RED")
    world.passes(20 * MINUTE)
    for _ in range(2):
        world.see("YELLOW", after=60)

    world.see("RED", after=60)
    world.passes(20 * MINUTE)

    assert [word for word in world.words() if "escalation" in word] == ["slack escalation aloud"] * 2


def test_clock_that_goes_back_does_not_lift_a_silence() -> None:
    world = Telling()
    world.silence("rule=Bad")

    world.clock.step(-300)
    world.tick()
    world.see("RED")
    world.passes(2 * MINUTE)

    assert world.said == []
