"""What is told, to whom and when (ALERTING sections 3 to 6), in tables and short stories."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.core.telling import BAD, CAUSE, MONITORED, PATIENT, Telling, number
from wamon.core.alerting import Severity, Timing, TransitionKind, alert_key
from wamon.core.desk import (
    STORM_KEY,
    AnnouncementKind,
    ForceClose,
    GroupKey,
    Mute,
    PostDigest,
    Rehearse,
    TryReceiver,
)
from wamon.core.inhibition import Inhibition
from wamon.core.manner import Route

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
INHIBITED = (Inhibition(source="Cause", targets=frozenset({"Bad"}), equal=("waba_id",)),)


def bad(waba: str, n: int = 0) -> GroupKey:
    return GroupKey("Bad", "", waba)


# --- grouping and timing ----------------------------------------------------------------------------------------------


def test_warning_waits_20_seconds_for_company() -> None:
    world = Telling()
    world.see("YELLOW")

    assert world.passes(19 * SECOND) == []
    assert world.words(world.passes(SECOND)) == ["slack news open"]


def test_critical_opening_is_told_at_once() -> None:
    world = Telling()

    world.see("RED")

    assert world.words() == ["slack news open"]


def test_alerts_of_one_family_and_account_share_one_announcement() -> None:
    world = Telling()

    world.see("YELLOW", number(0), number(1), after=0)
    world.see("YELLOW", number(2), after=10)
    world.passes(10 * SECOND)

    assert world.words() == ["slack news open open open"]
    assert [group.key for group in world.groups().values()] == [bad("100")]


def test_other_accounts_have_a_message_of_their_own() -> None:
    world = Telling()

    world.see("YELLOW", number(0), number(1, waba="101"))
    world.passes(20 * SECOND)

    assert world.words() == ["slack news open", "slack news open"]
    assert {group.key for group in world.groups().values()} == {bad("100"), bad("101")}


def test_further_news_of_a_group_waits_two_minutes_after_its_last() -> None:
    world = Telling()
    world.see("YELLOW", number(0))
    world.passes(20 * SECOND)

    world.see("YELLOW", number(1))

    assert world.passes(119 * SECOND) == []
    assert world.words(world.passes(SECOND)) == ["slack news open"]


@pytest.mark.parametrize("first", ["RED", "YELLOW"])
def test_rise_and_critical_opening_do_not_wait_but_30_seconds_apart(first: str) -> None:
    world = Telling()
    world.see(first, number(0))
    world.passes(20 * SECOND)

    world.see("RED", number(1))
    world.see("RED", number(2), after=5)
    world.passes(2 * MINUTE)

    after_the_first = {"RED": ["slack news open open aloud"], "YELLOW": ["slack news open aloud"] * 2}
    assert world.words() == ["slack news open", *after_the_first[first]]


def test_rise_is_told_at_once_and_aloud() -> None:
    world = Telling()
    world.see("YELLOW")
    world.passes(20 * SECOND)

    world.see("RED", after=10)

    assert world.words() == ["slack news open", "slack news raise aloud"]


def test_lower_severity_changes_the_message_only() -> None:
    world = Telling()
    world.see("RED")
    revision = world.groups()[1].revision

    for _ in range(31):
        world.see("YELLOW", after=60)

    assert world.of().severity is Severity.WARNING
    assert world.words() == ["slack news open"]
    assert world.groups()[1].revision > revision
    assert world.standing().told is Severity.WARNING


def test_recovery_is_told_in_its_turn_and_ends_the_group() -> None:
    world = Telling()
    world.see("RED")

    world.see("GREEN", after=60)
    world.see("GREEN", after=30)
    told = world.passes(MINUTE)

    assert world.words(told) == ["slack news close"]
    assert world.groups() == {}
    # Its penalty is remembered.
    assert list(world.state.desk.standings) == [alert_key("Bad", number())]


def test_what_opened_and_closed_before_it_was_told_is_told_as_both() -> None:
    world = Telling()
    world.see("YELLOW")
    world.see("GREEN", after=5)
    world.see("GREEN", after=5)

    world.passes(10 * SECOND)

    assert world.words() == ["slack news open close"]
    assert world.groups() == {}


def test_next_episode_has_a_message_of_its_own() -> None:
    world = Telling()
    for rating in ("RED", "GREEN", "GREEN"):
        world.see(rating, after=60)
    world.passes(5 * MINUTE)

    world.see("RED")

    assert [each.group_id for each in world.said] == [1, 1, 2]
    assert [each.sequence for each in world.said] == [1, 2, 1]


def test_nothing_is_planned_when_nothing_is_due() -> None:
    world = Telling()
    desk = world.state.desk

    world.tick()

    assert world.state.desk is desk


# --- repeats ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rating", "every"), [("RED", 4 * HOUR), ("YELLOW", 24 * HOUR)])
def test_open_alert_is_told_again_measured_from_the_last_message(rating: str, every: timedelta) -> None:
    world = Telling()
    world.see(rating)
    world.passes(20 * SECOND)
    told_at = world.groups()[1].told_at
    assert told_at is not None

    world.passes(2 * every + MINUTE)

    assert world.words()[1:] == ["slack repeat", "slack repeat"]
    assert [each.at for each in world.said[1:]] == [told_at + every, told_at + 2 * every]


def test_what_recovers_is_not_repeated() -> None:
    world = Telling(PATIENT)
    world.see("RED")
    world.see("GREEN", after=60)

    assert world.words(world.passes(5 * HOUR)) == []


# --- routes -----------------------------------------------------------------------------------------------------------


def test_severity_and_account_decide_who_is_told() -> None:
    routes = (
        Route(receiver="pager", least=Severity.CRITICAL),
        Route(receiver="shop", accounts=frozenset({"shop"})),
    )
    ties = {("waba_id", "100"): {"account": "shop"}, ("waba_id", "101"): {"account": "bank"}}
    world = Telling(routes=routes, ties=ties)

    world.see("YELLOW", number(0), number(1, waba="101"))
    world.passes(20 * SECOND)
    world.see("RED", number(0), after=60)

    assert world.words() == ["shop news open", "slack news open", "pager news raise aloud", "shop news raise aloud"]


def test_close_reaches_everybody_who_was_told_of_the_opening() -> None:
    world = Telling(routes=(Route(receiver="pager", least=Severity.CRITICAL), Route(receiver="all")))
    world.see("RED")
    for _ in range(31):
        world.see("YELLOW", after=60)

    world.see("GREEN", after=60)
    world.see("GREEN", after=60)

    assert sorted(world.words(world.said[2:])) == ["all news close", "pager news close"]


def test_new_receiver_is_told_at_the_start_of_what_is_open() -> None:
    world = Telling()
    world.see("RED")
    world.policy = Telling(receivers=("slack", "log")).policy

    world.start(MONITORED)

    assert world.words() == ["slack news open", "log repeat"]


def test_receiver_that_comes_back_is_reminded_and_not_told_the_same_news_again() -> None:
    world = Telling(receivers=("slack", "log"))
    world.see("RED")

    for receivers in (("slack",), ("slack", "log")):
        world.policy = Telling(receivers=receivers).policy
        world.start(MONITORED)

    assert world.words() == ["log news open", "slack news open", "log repeat"]


def test_new_receiver_hears_nothing_of_what_the_others_are_about_to_be_told_is_over() -> None:
    world = Telling(inhibitions=INHIBITED)
    world.see("YELLOW")
    world.passes(MINUTE)
    for rating in ("GREEN", "GREEN", "YELLOW"):
        world.see(rating, after=1)
    world.cause("BAD", after=1)

    world.policy = Telling(receivers=("slack", "log"), inhibitions=INHIBITED).policy
    world.start(MONITORED, after=1)
    world.passes(5 * MINUTE)

    about = [each for each in world.said if any(item.key == world.of().key for item in each.items)]
    assert world.words(about) == ["slack news open", "slack news close"]


def test_rise_that_comes_twice_before_it_is_told_is_told_once() -> None:
    world = Telling(replace(BAD, timing=Timing(min_observations=1, lower_after=timedelta(0))))
    world.see("YELLOW", number(0))
    world.see("RED", number(1), after=1)

    for rating in ("RED", "YELLOW", "RED"):
        world.see(rating, after=2)
    world.passes(5 * MINUTE)

    assert [row.kind for row in world.told if row.key == world.of().key] == [
        TransitionKind.OPEN,
        TransitionKind.RAISE,
        TransitionKind.LOWER,
        TransitionKind.RAISE,
    ]
    assert world.words() == ["slack news open open", "slack news raise aloud"]


# --- inhibition -------------------------------------------------------------------------------------------------------


def test_open_cause_mutes_the_opening_of_its_consequence() -> None:
    world = Telling(inhibitions=INHIBITED)
    world.cause("BAD")

    world.see("RED", number(0), number(1, waba="101"))
    world.passes(20 * SECOND)

    assert world.words() == ["slack news open", "slack news open"]
    assert world.standing().muted is Mute.INHIBITED
    assert world.standing(number(1, waba="101")).muted is None
    assert world.of().is_open


def test_consequence_that_waits_when_its_cause_opens_is_muted() -> None:
    world = Telling(inhibitions=INHIBITED)
    world.see("YELLOW")

    world.cause("BAD", after=10)
    world.passes(HOUR)

    assert world.words() == ["slack news open"]
    assert world.said[0].items[0].key == alert_key("Cause", world.of(number()).subject.of(CAUSE.kind, waba_id="100"))


def test_what_was_told_before_stays_open_and_its_close_is_told() -> None:
    """ALERTING section 5, invariants 2 and 4."""
    world = Telling(inhibitions=INHIBITED)
    world.see("RED")
    world.cause("BAD", after=60)

    world.see("GREEN", after=60)
    world.see("GREEN", after=60)
    world.passes(2 * MINUTE)

    assert world.words() == ["slack news open", "slack news open", "slack news close"]


def test_muted_alert_that_ends_unseen_is_never_mentioned() -> None:
    world = Telling(inhibitions=INHIBITED)
    world.cause("BAD")
    for rating in ("RED", "GREEN", "GREEN"):
        world.see(rating, after=60)

    assert world.words(world.passes(HOUR)) == []
    assert [group.key.family for group in world.groups().values()] == ["Cause"]


def test_after_the_cause_a_consequence_needs_a_fresh_look_and_the_group_wait() -> None:
    """Invariant 5."""
    world = Telling(inhibitions=INHIBITED)
    world.cause("BAD")
    world.see("RED", after=60)
    world.cause("GOOD", after=60)
    world.cause("GOOD", after=60)
    world.passes(10 * MINUTE)
    told = len(world.said)

    unseen = world.passes(10 * MINUTE)
    world.see("RED")
    waiting = world.passes(19 * SECOND)
    after = world.passes(21 * SECOND)

    assert (unseen, waiting) == ([], [])
    assert world.words(after) == ["slack news open"]
    assert told == 2


def test_message_of_the_cause_is_revised_when_it_hides_more() -> None:
    world = Telling(inhibitions=INHIBITED)
    world.cause("BAD")
    revision = world.groups()[1].revision

    world.see("YELLOW")

    assert world.groups()[1].revision > revision


# --- silences ---------------------------------------------------------------------------------------------------------


def test_silenced_alert_is_not_told_until_the_silence_ends() -> None:
    world = Telling()
    world.silence("alertname=BadCritical")
    world.see("RED")

    silent = world.passes(59 * MINUTE)
    after = world.passes(2 * MINUTE)

    assert silent == []
    assert world.words(after) == ["slack news open"]
    assert [str(kind) for kind in world.ids.values()] == ["open", "silenced", "unsilenced"]


def test_silence_that_ends_early_lets_the_alert_be_told() -> None:
    world = Telling()
    world.silence("rule=Bad")
    world.see("RED")

    world.unsilence()
    world.passes(20 * SECOND)

    assert world.words() == ["slack news open"]


def test_silence_that_is_over_can_be_ended_once_more() -> None:
    world = Telling()
    world.silence("rule=Bad")
    world.unsilence()

    changes = world.unsilence()

    assert (changes.silences, changes.announcements, changes.transitions) == ((), (), ())


def test_alert_from_an_older_database_that_never_had_news_is_silenced_without_a_word() -> None:
    world = Telling()
    world.see("RED")
    standing = replace(world.standing(), latest=None)
    world.state = replace(world.state, desk=replace(world.state.desk, standings={standing.key: standing}))

    world.silence("rule=Bad")

    assert world.words() == ["slack news open"]
    assert world.standing().muted is Mute.SILENCED


def test_opening_a_silence_is_said_once_to_those_who_were_told() -> None:
    world = Telling()
    world.see("RED", number(0), number(1))

    world.silence("waba_id=100")
    world.passes(10 * MINUTE)

    assert world.words() == ["slack news open open", "slack silenced"]
    assert len(world.said[1].items) == 2


def test_close_of_a_silenced_alert_is_told_when_its_opening_was() -> None:
    world = Telling()
    world.see("RED")
    world.silence("rule=Bad")

    world.see("GREEN", after=60)
    world.see("GREEN", after=60)
    world.passes(2 * MINUTE)

    assert world.words() == ["slack news open", "slack silenced", "slack news close"]


def test_rise_under_a_silence_is_told_when_it_ends() -> None:
    world = Telling()
    world.see("YELLOW")
    world.passes(20 * SECOND)
    world.silence("rule=Bad")
    world.see("RED", after=60)
    before = len(world.said)

    world.unsilence()
    world.passes(2 * MINUTE)

    assert world.words(world.said[before:]) == ["slack news raise aloud"]


def test_silenced_critical_alert_is_in_a_daily_digest() -> None:
    world = Telling()
    world.silence("rule=Bad", lasts=timedelta(days=3))
    world.see("RED")

    told = world.passes(timedelta(hours=49))

    assert world.words(told) == ["slack silenced_digest", "slack silenced_digest"]
    assert all(each.group_id == 0 for each in told)


# --- acknowledgement and escalation -----------------------------------------------------------------------------------


def test_unacknowledged_critical_alert_calls_people_and_then_somebody_else() -> None:
    world = Telling(mentions=True, escalation_receiver="pager")
    world.see("RED")

    told = world.passes(35 * MINUTE)

    assert world.words(told) == ["slack escalation aloud", "pager escalation aloud"]
    assert [each.at - world.said[0].at for each in told] == [15 * MINUTE, 30 * MINUTE]
    assert world.standing().told_to == {"slack", "pager"}


def test_whoever_was_called_in_the_end_hears_of_the_recovery() -> None:
    world = Telling(mentions=True, escalation_receiver="pager")
    world.see("RED")
    world.passes(35 * MINUTE)

    world.see("GREEN", after=60)
    world.see("GREEN", after=60)

    assert world.words()[-2:] == ["pager news close", "slack news close"]


@pytest.mark.parametrize("rating", ["RED", "YELLOW"])
def test_acknowledged_or_mild_alert_is_not_escalated(rating: str) -> None:
    world = Telling(mentions=True, escalation_receiver="pager")
    world.see(rating)
    world.passes(20 * SECOND)
    if rating == "RED":
        world.acknowledge()

    assert world.words(world.passes(3 * HOUR)) == []


def test_nobody_is_called_where_nobody_is_configured() -> None:
    world = Telling()
    world.see("RED")

    assert world.words(world.passes(3 * HOUR)) == []


def test_acknowledgement_stops_repeats_and_expires_with_a_nudge() -> None:
    world = Telling()
    world.see("RED")
    world.acknowledge()

    silent = world.passes(timedelta(hours=23))
    after = world.passes(timedelta(hours=6))

    assert silent == []
    assert world.words(after) == ["slack ack_expired", "slack repeat"]


def test_rise_drops_the_acknowledgement() -> None:
    world = Telling()
    world.see("YELLOW")
    world.passes(20 * SECOND)
    world.acknowledge()

    world.see("RED", after=60)

    assert world.standing().acknowledged is None
    assert [str(kind) for kind in world.ids.values()] == ["open", "acknowledged", "raise", "unacknowledged"]


def test_everything_that_holds_messages_back_is_named() -> None:
    world = Telling(PATIENT)
    flap(world, 3)
    world.see("YELLOW", after=60)
    quiet = world.standing(number(0)).overlays

    world.silence("rule=Bad")
    world.acknowledge()

    assert quiet == ("flapping",)
    assert world.standing().overlays == ("silenced", "acknowledged", "flapping")


def test_second_acknowledgement_changes_nothing() -> None:
    world = Telling()
    world.see("RED")
    world.acknowledge()
    standing = world.standing()

    world.acknowledge()

    assert world.standing() == standing


# --- flap damping -----------------------------------------------------------------------------------------------------


def flap(world: Telling, times: int, rating: str = "YELLOW") -> None:
    """Open and close as fast as `keep_firing_for` of half an hour lets it."""
    for _ in range(times):
        world.see(rating, after=60)
        world.passes(MINUTE)
        for _ in range(31):
            world.see("GREEN", after=60)
            world.passes(timedelta(0))


def test_fourth_opening_as_fast_as_can_be_is_flapping() -> None:
    world = Telling(PATIENT)
    flap(world, 3)
    world.passes(5 * MINUTE)
    before = len(world.said)

    world.see("YELLOW", after=60)
    world.passes(MINUTE)

    assert world.words(world.said[before:]) == ["slack news open flapping"]
    assert world.standing().is_flapping


def test_flapping_alert_is_held_open_without_a_word() -> None:
    world = Telling(PATIENT)
    flap(world, 4)
    before, revision = len(world.said), max(group.revision for group in world.groups().values())

    flap(world, 3)

    assert world.said[before:] == []
    assert world.standing().told is Severity.WARNING
    assert world.standing().changes >= 6
    assert max(group.revision for group in world.groups().values()) > revision


def test_end_of_flapping_tells_that_it_is_over() -> None:
    world = Telling(PATIENT)
    flap(world, 4)
    before = len(world.said)

    world.passes(timedelta(hours=24))

    assert world.words(world.said[before:]) == ["slack news close"]
    assert TransitionKind.CALMED in world.ids.values()
    assert world.groups() == {}


def test_hold_lasts_four_half_lives_at_most() -> None:
    world = Telling(BAD)
    for _ in range(4):
        for rating in ("YELLOW", "GREEN", "GREEN"):
            world.see(rating, after=20)
    flapping_since = world.standing().flapping_since
    assert flapping_since is not None

    while world.standing().flapping_since == flapping_since:
        for rating in ("YELLOW", "GREEN", "GREEN"):
            world.see(rating, after=20)
    held = world.clock.now() - flapping_since

    assert 2 * HOUR <= held <= 2 * HOUR + MINUTE


def test_rise_to_critical_is_told_once_while_it_flaps() -> None:
    world = Telling(PATIENT)
    flap(world, 4)
    before = len(world.said)

    flap(world, 2, rating="RED")

    assert world.words(world.said[before:]) == ["slack news open aloud"]


def test_what_is_critical_is_never_held_back() -> None:
    world = Telling(PATIENT)

    flap(world, 6, rating="RED")

    assert world.words().count("slack news open") == 6
    assert not world.standing().is_flapping


# --- storms -----------------------------------------------------------------------------------------------------------


def test_more_than_20_groups_at_once_share_one_message() -> None:
    world = Telling()

    world.see("YELLOW", *(number(n, waba=str(500 + n)) for n in range(21)))
    world.passes(MINUTE)

    assert [len(each.items) for each in world.said] == [21]
    storm = world.groups()[world.said[0].group_id]
    assert (storm.is_storm, storm.key) == (True, STORM_KEY)


def test_20_groups_are_no_storm() -> None:
    world = Telling()

    world.see("YELLOW", *(number(n, waba=str(500 + n)) for n in range(20)))
    world.passes(MINUTE)

    assert len(world.said) == 20


def test_recoveries_of_a_storm_are_told_in_its_message_and_end_it() -> None:
    world = Telling()
    numbers = [number(n, waba=str(500 + n)) for n in range(30)]
    world.see("YELLOW", *numbers)
    world.passes(MINUTE)

    world.see("GREEN", *numbers, after=60)
    world.see("GREEN", *numbers, after=60)
    world.passes(5 * MINUTE)

    assert [(each.group_id, len(each.items)) for each in world.said] == [(31, 30), (31, 30)]
    assert (world.groups(), world.state.desk.storm_id) == ({}, None)


def test_after_the_storm_groups_have_messages_of_their_own() -> None:
    world = Telling()
    world.see("YELLOW", *(number(n, waba=str(500 + n)) for n in range(30)))
    world.passes(5 * MINUTE)

    world.see("YELLOW", number(99, waba="999"))
    world.passes(MINUTE)

    assert world.words()[-1] == "slack news open"
    assert not world.groups()[world.said[-1].group_id].is_storm


def test_muted_groups_make_no_storm() -> None:
    world = Telling()
    world.silence("rule=Bad")

    world.see("YELLOW", *(number(n, waba=str(500 + n)) for n in range(40)))
    world.passes(MINUTE)

    assert (world.said, world.state.desk.storm_id) == ([], None)


def test_storm_of_which_nothing_is_left_to_tell_is_followed_by_another() -> None:
    world = Telling()
    numbers = [number(n, waba=str(500 + n)) for n in range(21)]
    world.see("YELLOW", *numbers)
    world.silence("rule=Bad")
    world.do(ForceClose(keys=tuple(alert_key("Bad", each) for each in numbers), reason="known"))
    said = world.passes(20 * SECOND)
    after_the_first = (said, dict(world.groups()), world.state.desk.storm_id)

    world.unsilence()
    world.see("YELLOW", number(99, waba="999"), after=1)
    world.passes(MINUTE)

    assert after_the_first == ([], {}, None)
    assert world.words() == ["slack news open"]
    assert world.groups()[world.said[-1].group_id].is_storm


# --- starts, clocks, other senders ------------------------------------------------------------------------------------


def test_start_after_a_long_gap_says_what_was_carried_over() -> None:
    world = Telling()
    world.see("RED")

    world.start(MONITORED, after=16 * 60)

    assert world.words() == ["slack news open", "slack carried"]


def test_start_after_a_short_gap_is_quiet() -> None:
    world = Telling()
    world.see("RED")

    world.start(MONITORED, after=14 * 60)

    assert world.words() == ["slack news open"]


def test_rule_that_is_announced_elsewhere_is_not_announced_here() -> None:
    world = Telling(outside=frozenset({"Bad"}))

    world.see("RED")

    assert (world.said, world.groups()) == ([], {})
    assert world.of().is_open


def test_rule_that_comes_back_to_us_is_told_of_at_the_start() -> None:
    world = Telling(outside=frozenset({"Bad"}))
    world.see("RED")
    world.policy = Telling().policy

    world.start(MONITORED)
    world.passes(20 * SECOND)

    assert world.words() == ["slack news taken_over"]


def test_rule_that_comes_back_is_told_in_the_message_of_its_family() -> None:
    mild = replace(BAD, name="Mild", family="Bad")
    world = Telling(BAD, mild)
    world.see("RED")

    for outside in (frozenset({"Bad"}), frozenset[str]()):
        world.policy = Telling(BAD, mild, outside=outside).policy
        world.start(replace(MONITORED, rules=frozenset({"Bad", "Mild"})))
    world.passes(2 * MINUTE)

    assert world.words() == ["slack news open open", "slack news taken_over"]
    assert [sorted(group.members) for group in world.groups().values()] == [sorted(world.state.alerts)]


def test_group_takes_the_name_that_its_alerts_have_by_now() -> None:
    """A database of before families, or another app in the configuration."""
    world = Telling()
    world.see("YELLOW")
    world.passes(20 * SECOND)
    world.policy = Telling(replace(BAD, family="quality")).policy

    world.start(MONITORED)
    world.see("YELLOW", number(1))
    world.passes(2 * MINUTE)

    assert [(group.key.family, len(group.members)) for group in world.groups().values()] == [("quality", 2)]


def test_rule_that_goes_elsewhere_is_told_no_more() -> None:
    world = Telling()
    world.see("RED")
    world.policy = Telling(outside=frozenset({"Bad"})).policy

    world.start(MONITORED)
    world.see("GREEN", after=60)
    world.see("GREEN", after=60)

    assert world.words() == ["slack news open"]
    assert (world.groups(), world.state.desk.standings) == ({}, {})


def test_clock_that_goes_back_does_not_hold_news_back() -> None:
    world = Telling()
    world.see("YELLOW", number(0))
    world.passes(20 * SECOND)
    world.clock.step(-3600)
    world.see("YELLOW", number(1), after=1)

    assert world.words(world.passes(2 * MINUTE)) == ["slack news open"]


# --- operators --------------------------------------------------------------------------------------------------------


def test_forced_close_is_told_with_who_and_why() -> None:
    world = Telling()
    world.see("RED")

    changes = world.do(ForceClose(keys=(alert_key("Bad", number()),), reason="the number was sold"))
    world.passes(2 * MINUTE)

    assert [(row.kind, row.actor, row.note) for row in changes.transitions] == [
        (TransitionKind.CLOSE, "Kim", "the number was sold")
    ]
    assert world.words() == ["slack news open", "slack news close"]


def test_rehearsal_goes_the_real_way_and_ends_by_itself() -> None:
    world = Telling()
    rehearsal = Rehearse(
        rule="Bad", subject=number(), severity=Severity.CRITICAL, what="is RED", lasts=timedelta(minutes=1)
    )

    changes = world.do(rehearsal)
    world.passes(5 * MINUTE)

    assert [row.is_rehearsal for row in changes.transitions] == [True]
    assert world.words() == ["slack news open", "slack news close"]
    assert alert_key("Bad", number()) not in world.state.alerts


def test_rehearsal_never_shares_a_message_with_what_is_real() -> None:
    world = Telling()
    world.see("RED")

    world.do(Rehearse(rule="Bad", subject=number(), severity=Severity.CRITICAL, what="is RED", lasts=MINUTE))

    assert len({each.group_id for each in world.said}) == 2


def test_rehearsal_under_way_is_not_judged_by_its_rule() -> None:
    world = Telling()
    world.do(Rehearse(rule="Bad", subject=number(), severity=Severity.CRITICAL, what="is RED", lasts=HOUR))

    world.see("GREEN", after=60)
    world.tick()
    world.see("GREEN", after=60)

    assert world.words() == ["slack news open"]


def test_rehearsal_ends_at_the_next_start() -> None:
    world = Telling()
    world.do(Rehearse(rule="Bad", subject=number(), severity=Severity.CRITICAL, what="is RED", lasts=HOUR))

    world.start(MONITORED)
    world.passes(5 * MINUTE)

    assert world.words() == ["slack news open", "slack news close"]


def test_rule_that_is_announced_elsewhere_is_not_rehearsed_here() -> None:
    world = Telling(outside=frozenset({"Bad"}))

    world.do(Rehearse(rule="Bad", subject=number(), severity=Severity.CRITICAL, what="is RED", lasts=HOUR))

    assert (world.said, world.state.alerts) == ([], {})


def test_receiver_is_tried_with_a_message_of_its_own() -> None:
    world = Telling()

    world.do(TryReceiver(receiver="pager"))

    assert [(each.kind, each.receiver, each.group_id) for each in world.said] == [(AnnouncementKind.TEST, "pager", 0)]


def test_weekly_digest_goes_to_everybody_who_gets_what_no_route_takes() -> None:
    world = Telling()

    world.do(PostDigest(text="{}"))

    assert [(each.kind, each.receiver, each.note) for each in world.said] == [
        (AnnouncementKind.WEEKLY_DIGEST, "slack", "{}")
    ]
    assert world.state.desk.digest_at == world.clock.now()
