"""One step from what happened to what is known: polls, alerts, ticks, and what is gone."""

from dataclasses import replace
from datetime import timedelta

from tests.core.world import (
    BAD,
    BAD_TWICE,
    CANNOT_SEND,
    FOREIGN_NUMBER,
    LIMIT,
    MINUTE,
    NUMBER,
    OTHER_NUMBER,
    PROBE,
    RATING,
    SENDING,
    SILENT,
    WABA,
    World,
    asking,
    listed,
)
from tests.fakes import START
from wamon.core import watch
from wamon.core.alerting import AlertState, CloseReason, Timing, alert_key
from wamon.core.health import Reading, Subject, SubjectKind
from wamon.core.state import Changes, CounterKey, Heard, Roster, Ticked
from wamon.probes.evidence import TOKEN_VALID
from wamon.rules import RULES

# --- polls ------------------------------------------------------------------------------------------------------------


def test_answer_is_known_and_written() -> None:
    world = World()

    changes = world.poll(RATING.reading(NUMBER, "GREEN", raw="green"), answered_seconds_ago=2)

    observed_at = START + timedelta(seconds=58)
    fact = world.fact(NUMBER, RATING)
    assert (fact.value, fact.raw, fact.observed_at, fact.source) == ("GREEN", "green", observed_at, "poll")
    assert fact in changes.facts
    assert [(row.signal.name, row.before, row.after) for row in changes.history if row.subject == NUMBER] == [
        ("rating", None, "GREEN")
    ]
    assert changes.moment == world.state.moment == world.clock.moment()


def test_version_grows_with_each_step() -> None:
    world = World()

    world.rate("GREEN")
    world.tick()
    world.start()

    assert world.state.version == 3


def test_successful_poll_is_noted_about_the_probe() -> None:
    world = World()

    world.poll(answered_seconds_ago=2)

    assert world.value(PROBE, watch.PROBE_OUTCOME) == "ok"
    assert world.value(PROBE, watch.PROBE_FAULT) is None
    assert world.value(PROBE, watch.PROBE_INTERVAL) == 60.0
    assert world.value(PROBE, watch.PROBE_WATCHED_SINCE) == START + timedelta(seconds=60)
    assert world.value(PROBE, watch.PROBE_LAST_SUCCESS) == START + timedelta(seconds=58)
    assert world.fact(PROBE, watch.PROBE_OUTCOME).source == "wamon"


def test_failed_poll_keeps_the_reading_and_the_last_success() -> None:
    world = World()
    world.rate("RED")

    world.fail()

    assert world.value(NUMBER, RATING) == "RED"
    assert world.fact(NUMBER, RATING).observed_at == START + timedelta(seconds=60)
    assert world.value(PROBE, watch.PROBE_OUTCOME) == "unreachable"
    assert world.value(PROBE, watch.PROBE_FAULT) == "connect timeout"
    assert world.value(PROBE, watch.PROBE_LAST_SUCCESS) == START + timedelta(seconds=60)
    assert world.value(PROBE, watch.PROBE_WATCHED_SINCE) == START + timedelta(seconds=60)


def test_probe_that_never_succeeded_has_no_last_success() -> None:
    world = World()

    world.fail()

    assert world.state.snapshot.fact(PROBE, watch.PROBE_LAST_SUCCESS) is None
    assert world.value(PROBE, watch.PROBE_WATCHED_SINCE) == START + timedelta(seconds=60)


def test_denied_poll_may_say_something_all_the_same() -> None:
    world = World(*RULES)

    world.poll(TOKEN_VALID.reading(Subject.token("main"), False, raw="code 190, subcode 463"), outcome="denied")

    assert world.value(Subject.token("main"), TOKEN_VALID) is False
    assert world.kinds("WhatsAppTokenInvalid") == ["open"]


def test_runs_are_counted_by_outcome() -> None:
    world = World()

    world.poll()
    world.poll()
    changes = world.fail()

    assert world.count("wamon_probe_runs_total", probe="account", outcome="ok") == 2
    assert changes.counters == {CounterKey.of("wamon_probe_runs_total", probe="account", outcome="unreachable"): 1}


def test_unrecognised_value_is_counted_when_it_appears() -> None:
    world = World()

    for raw in ("PURPLE", "PURPLE", "PINK"):
        world.poll(RATING.reading(NUMBER, "OTHER", raw=raw, is_recognised=False))

    assert world.count("wamon_unrecognised_values_total", signal="rating") == 2
    assert [reading.raw for reading in world.changes.unrecognised] == ["PINK"]


def test_unrecognised_value_that_is_repeated_is_not_told_again() -> None:
    world = World()
    world.poll(RATING.reading(NUMBER, "OTHER", raw="PURPLE", is_recognised=False))

    changes = world.poll(RATING.reading(NUMBER, "OTHER", raw="PURPLE", is_recognised=False))

    assert changes.unrecognised == ()


def test_late_poll_does_not_overwrite_a_newer_one() -> None:
    world = World()
    world.rate("RED")

    changes = world.poll(RATING.reading(NUMBER, "GREEN"), after=1, answered_seconds_ago=30)

    assert world.value(NUMBER, RATING) == "RED"
    assert world.picture() == "firing"
    assert [(row.before, row.after) for row in changes.history if row.signal.name == "rating"] == [("RED", "GREEN")]


# --- alerts -----------------------------------------------------------------------------------------------------------


def test_opening_is_written_with_its_alert_and_counted_by_its_public_name() -> None:
    world = World()

    changes = world.rate("RED")

    assert [str(row.kind) for row in changes.transitions] == ["open"]
    assert changes.alerts == (world.alert(),)
    assert world.count("wamon_alert_transitions_total", alertname="BadCritical", kind="open") == 1


def test_poll_judges_only_what_it_told_of() -> None:
    world = World()
    world.poll(RATING.reading(NUMBER, "RED"), RATING.reading(OTHER_NUMBER, "RED"))
    before = world.alert(subject=OTHER_NUMBER)

    changes = world.rate("RED")

    assert world.alert(subject=OTHER_NUMBER) == before
    assert [alert.subject for alert in changes.alerts] == [NUMBER]


def test_poll_asks_each_rule_once_of_each_subject_of_its_kind() -> None:
    asked: list[Subject] = []
    world = World(asking(asked))

    world.poll(RATING.reading(NUMBER, "RED"), LIMIT.reading(NUMBER, 1.0), RATING.reading(OTHER_NUMBER, "RED"))

    assert asked == [NUMBER, OTHER_NUMBER]


def test_alert_without_news_is_not_written() -> None:
    world = World()
    world.rate("RED")

    changes = world.tick()

    assert (changes.alerts, changes.removed_alerts) == ((), ())


def test_rule_sees_the_severity_of_its_own_open_alert() -> None:
    world = World()

    world.rate("YELLOW", "YELLOW")

    alert = world.alert()
    assert alert is not None
    assert alert.what == "is still YELLOW"


def test_rule_does_not_see_a_pending_alert_as_open() -> None:
    world = World(replace(BAD, timing=Timing(min_observations=3)))

    world.rate("YELLOW", "YELLOW")

    alert = world.alert()
    assert alert is not None
    assert (alert.state, alert.what) == (AlertState.PENDING, "is YELLOW")


def test_pending_alert_that_turned_out_well_is_taken_from_the_store() -> None:
    world = World(BAD_TWICE)
    world.rate("YELLOW")

    changes = world.rate("GREEN")

    assert changes.removed_alerts == (alert_key("Bad", NUMBER),)
    assert world.state.alerts == {}


def test_closed_alert_is_kept_for_its_count() -> None:
    world = World()

    world.rate("RED", "GREEN", "GREEN", "RED")

    assert world.kinds() == ["open", "recovering", "close", "open"]
    assert [row.episode for row in world.told] == [1, 1, 1, 2]


def test_rule_that_does_not_apply_has_no_alert() -> None:
    world = World()

    world.rate("NONE")

    assert world.state.alerts == {}


def test_rule_that_no_longer_applies_leaves_an_open_alert_stale() -> None:
    world = World()

    world.rate("RED", "NONE")

    assert world.picture() == "firing stale"


def test_timer_of_a_rule_goes_by_the_interval_of_the_poll() -> None:
    world = World(replace(BAD, timing=Timing(for_=2 * MINUTE, min_observations=1)))

    world.rate("RED")
    world.rate("RED", after=120)

    assert world.picture() == "firing"


def test_poll_that_comes_later_than_two_intervals_gives_no_credit() -> None:
    world = World(replace(BAD, timing=Timing(for_=2 * MINUTE, min_observations=1)))

    world.rate("RED")
    world.rate("RED", after=121)

    assert world.picture() == "pending"


# --- ticks ------------------------------------------------------------------------------------------------------------


def test_tick_ages_readings_and_judges_what_was_open() -> None:
    world = World()
    world.rate("RED")

    changes = world.tick(after=900)

    assert world.value(NUMBER, RATING) is None
    assert world.state.snapshot.known(NUMBER, RATING) == "RED"
    assert world.picture() == "firing stale"
    assert world.fact(NUMBER, RATING) in changes.facts
    assert [(row.after, row.source) for row in changes.history] == [(None, "age")]


def test_tick_asks_the_rules_of_what_grew_old() -> None:
    asked: list[Subject] = []
    world = World(asking(asked))
    world.poll(RATING.reading(NUMBER, "RED"))
    world.poll(RATING.reading(OTHER_NUMBER, "RED"), LIMIT.reading(WABA, 1.0), after=600)
    asked.clear()

    world.tick(after=300)

    assert asked == [NUMBER]


def test_ageing_opens_nothing_and_keeps_nothing() -> None:
    world = World()
    world.rate("GREEN")

    world.tick(after=900)

    assert world.state.alerts == {}


def test_tick_judges_the_rules_of_the_clock() -> None:
    world = World(SILENT)
    world.poll()

    world.tick(after=600)
    calm = world.picture("Silent", PROBE)
    world.tick(after=1)

    assert calm == "none"
    assert world.picture("Silent", PROBE) == "firing"


def test_rule_of_the_clock_recovers_by_the_poll_and_the_tick_after_it() -> None:
    world = World(SILENT)
    world.poll()
    world.tick(after=601)

    world.poll()
    world.tick()

    assert world.kinds("Silent") == ["open", "recovering", "close"]


def test_pending_alert_that_stays_unknown_is_dropped_and_counted() -> None:
    world = World(BAD_TWICE)
    world.rate("YELLOW")

    world.tick(after=900)
    waiting = world.picture()
    world.tick(after=3600)

    assert waiting == "pending"
    assert world.picture() == "none"
    assert world.count("wamon_alerts_pending_dropped_total") == 1
    assert world.changes.removed_alerts == (alert_key("Bad", NUMBER),)


def test_tick_leaves_the_alert_of_an_unknown_rule_alone() -> None:
    world = World()
    world.rate("RED")
    before = world.alert()
    world.policy = replace(world.policy, rules=())

    world.tick(after=900)

    assert world.alert() == before


# --- figures ----------------------------------------------------------------------------------------------------------

DERIVED = replace(RATING, is_derived=True, keeps_history=False)
ACCOUNT_FIGURE = replace(DERIVED, kind=SubjectKind.WABA)
BAD_FIGURE = replace(BAD, on_tick=True, timing=Timing(for_=MINUTE, min_observations=2))


def figured(world: World, *figures: Reading, after: float = 15) -> Changes:
    world.clock.advance(after)
    return world.take(Ticked(moment=world.clock.moment(), figures=figures))


def test_figures_are_known_at_the_moment_of_the_tick() -> None:
    world = World()

    changes = figured(world, DERIVED.reading(NUMBER, "GREEN"))

    fact = world.fact(NUMBER, DERIVED)
    assert (fact.value, fact.observed_at, fact.source) == ("GREEN", START + timedelta(seconds=15), "webhook")
    assert fact.stale_at == fact.observed_at + timedelta(minutes=15)
    assert changes.facts == (fact,)
    assert changes.history == ()


def test_figure_of_an_account_is_kept_whatever_its_lists_say() -> None:
    world = World()
    world.poll(roster=listed())

    figured(world, ACCOUNT_FIGURE.reading(WABA, "GREEN"))

    assert world.value(WABA, ACCOUNT_FIGURE) == "GREEN"


def test_figures_are_judged_by_the_rules_of_the_clock() -> None:
    world = World(BAD_FIGURE)

    pictures = []
    for _ in range(6):
        figured(world, DERIVED.reading(NUMBER, "RED"))
        pictures.append(world.picture())

    # Four gaps of 15 seconds are a minute.
    assert pictures == ["pending"] * 4 + ["firing"] * 2
    assert world.kinds() == ["open"]


def test_figures_are_not_judged_by_rules_that_have_no_clock() -> None:
    world = World(BAD)

    figured(world, DERIVED.reading(NUMBER, "RED"))

    assert world.picture() == "none"


def test_poll_between_two_ticks_does_not_count_the_same_figures_again() -> None:
    world = World(replace(BAD_FIGURE, timing=Timing(min_observations=2)))
    figured(world, DERIVED.reading(NUMBER, "RED"))

    world.poll(LIMIT.reading(NUMBER, 1.0), after=5)

    assert world.picture() == "pending"


def test_figures_that_stop_coming_leave_an_open_alert_stale() -> None:
    world = World(replace(BAD_FIGURE, timing=Timing(min_observations=1)))
    figured(world, DERIVED.reading(NUMBER, "RED"))

    figured(world, after=900)

    assert world.picture() == "firing stale"


def test_figures_that_are_well_again_close_the_alert() -> None:
    world = World(replace(BAD_FIGURE, timing=Timing(min_observations=1)))

    for rating in ("RED", "GREEN", "GREEN"):
        figured(world, DERIVED.reading(NUMBER, rating))

    assert world.kinds() == ["open", "recovering", "close"]


def test_figures_of_a_removed_number_do_not_bring_it_back() -> None:
    world = World(replace(BAD_FIGURE, timing=Timing(min_observations=1)))
    world.poll(RATING.reading(NUMBER, "GREEN"), roster=listed(NUMBER))
    world.poll(roster=listed())
    world.poll(roster=listed())

    figured(world, DERIVED.reading(NUMBER, "RED"))

    assert NUMBER not in world.state.snapshot.facts
    assert world.picture() != "firing"


# --- webhooks ---------------------------------------------------------------------------------------------------------


def hear(
    world: World,
    *readings: Reading,
    after: float = 60,
    stamped_seconds_ago: float = 0,
    interval: timedelta = MINUTE,
    digest: bytes = b"one",
) -> Changes:
    world.clock.advance(after)
    return world.take(
        Heard(
            moment=world.clock.moment(),
            field="account_update",
            observed_at=world.clock.now() - timedelta(seconds=stamped_seconds_ago),
            interval=interval,
            readings=readings,
            digest=digest,
        )
    )


def test_what_was_heard_is_known_as_of_metas_stamp_and_alerts_at_once() -> None:
    world = World()

    changes = hear(world, RATING.reading(NUMBER, "RED", raw="red"), stamped_seconds_ago=4)

    fact = world.fact(NUMBER, RATING)
    assert (fact.value, fact.raw, fact.source) == ("RED", "red", "webhook")
    assert fact.observed_at == START + timedelta(seconds=56)
    assert fact in changes.facts
    assert [(row.after, row.source) for row in changes.history] == [("RED", "webhook")]
    assert [str(row.kind) for row in changes.transitions] == ["open"]


def test_notice_goes_into_what_is_written() -> None:
    world = World()

    heard = hear(world, RATING.reading(NUMBER, "RED"), digest=b"one")

    assert heard.notices == (b"one",)
    assert world.poll().notices == ()
    assert world.tick().notices == ()


def test_notice_without_a_reading_is_written_all_the_same() -> None:
    changes = hear(World(), digest=b"two")

    assert (changes.notices, changes.facts, changes.history) == ((b"two",), (), ())


def test_late_webhook_goes_to_the_history_only() -> None:
    world = World()
    world.rate("GREEN")

    changes = hear(world, RATING.reading(NUMBER, "RED"), after=1, stamped_seconds_ago=3600, digest=b"late")

    assert world.value(NUMBER, RATING) == "GREEN"
    assert world.picture() == "none"
    assert changes.facts == ()
    assert [(row.before, row.after, row.at) for row in changes.history] == [
        ("GREEN", "RED", START + timedelta(seconds=61 - 3600))
    ]
    assert changes.notices == (b"late",)


def test_poll_that_was_answered_before_the_webhook_does_not_overwrite_it() -> None:
    world = World()
    hear(world, RATING.reading(NUMBER, "RED"))

    world.poll(RATING.reading(NUMBER, "GREEN"), after=1, answered_seconds_ago=5)

    assert world.value(NUMBER, RATING) == "RED"
    assert world.picture() == "firing"


def test_webhook_judges_only_what_it_tells_of() -> None:
    asked: list[Subject] = []
    world = World(asking(asked))
    world.poll(RATING.reading(NUMBER, "GREEN"), RATING.reading(OTHER_NUMBER, "GREEN"))
    asked.clear()

    hear(world, RATING.reading(NUMBER, "RED"))

    assert asked == [NUMBER]


def test_stamp_that_lies_ahead_counts_as_the_present() -> None:
    world = World()

    hear(world, RATING.reading(NUMBER, "RED"), stamped_seconds_ago=-600)

    assert world.fact(NUMBER, RATING).observed_at == START + timedelta(seconds=60)


def test_what_was_heard_is_known_as_long_as_after_a_poll() -> None:
    world = World()

    hear(world, RATING.reading(NUMBER, "RED"), interval=10 * MINUTE)
    world.tick(after=1799)
    known = world.value(NUMBER, RATING)
    world.tick(after=1)

    assert known == "RED"
    assert world.value(NUMBER, RATING) is None


def test_what_has_an_end_of_its_own_is_known_until_then_however_rarely_it_is_polled() -> None:
    world = World()
    end = START + timedelta(days=3)

    hear(world, RATING.reading(NUMBER, "RED", holds_until=end))
    world.tick(after=3 * 86_400 - 61)
    before = (world.value(NUMBER, RATING), world.picture())
    changes = world.tick(after=1)

    assert before == ("RED", "firing")
    assert (world.value(NUMBER, RATING), world.picture()) == (None, "firing stale")
    assert [(row.before, row.after, row.at, row.source) for row in changes.history] == [("RED", None, end, "age")]


def test_unrecognised_value_that_was_heard_is_counted() -> None:
    world = World()

    hear(world, RATING.reading(NUMBER, "OTHER", raw="PURPLE", is_recognised=False))

    assert world.count("wamon_unrecognised_values_total", signal="rating") == 1


# --- what is gone -----------------------------------------------------------------------------------------------------


def test_number_that_is_missing_once_is_kept() -> None:
    world = World()
    world.poll(RATING.reading(NUMBER, "RED"), roster=listed(NUMBER))

    changes = world.poll(roster=listed())

    assert world.picture() == "firing"
    assert world.value(NUMBER, RATING) == "RED"
    assert world.state.missing == {NUMBER: 1}
    assert changes.removed_subjects == ()


def test_number_that_is_missing_twice_is_removed_and_its_alert_closed_as_that() -> None:
    world = World()
    world.poll(RATING.reading(NUMBER, "RED"), roster=listed(NUMBER))
    world.poll(roster=listed())

    changes = world.poll(roster=listed())

    assert changes.removed_subjects == (NUMBER,)
    assert [(str(row.kind), row.close_reason) for row in changes.transitions] == [("close", CloseReason.REMOVED)]
    assert world.state.snapshot.fact(NUMBER, RATING) is None
    assert world.state.missing == {}
    assert world.picture() == "inactive"


def test_number_that_came_back_counts_from_the_start() -> None:
    world = World()
    world.poll(RATING.reading(NUMBER, "RED"), roster=listed(NUMBER))
    world.poll(roster=listed())

    world.poll(RATING.reading(NUMBER, "RED"), roster=listed(NUMBER))
    world.poll(roster=listed())

    assert world.state.missing == {NUMBER: 1}
    assert world.kinds() == ["open"]


def test_poll_without_a_list_removes_nothing() -> None:
    world = World()
    world.poll(RATING.reading(NUMBER, "RED"), roster=listed(NUMBER))

    for _ in range(3):
        world.fail()

    assert world.state.missing == {}
    assert world.picture() == "firing"


def test_list_of_one_account_says_nothing_of_the_numbers_of_another() -> None:
    world = World()
    world.poll(RATING.reading(NUMBER, "RED"), RATING.reading(FOREIGN_NUMBER, "RED"))

    world.poll(roster=listed())
    world.poll(roster=listed())

    assert world.picture(subject=FOREIGN_NUMBER) == "firing"
    assert world.value(FOREIGN_NUMBER, RATING) == "RED"


def test_removed_number_is_not_judged_by_what_still_tells_of_it() -> None:
    asked: list[Subject] = []
    world = World(asking(asked))
    world.poll(RATING.reading(NUMBER, "GREEN"), roster=listed(NUMBER))
    world.poll(roster=listed())
    asked.clear()

    changes = world.poll(RATING.reading(NUMBER, "RED"), roster=listed())

    assert changes.removed_subjects == (NUMBER,)
    assert NUMBER not in {fact.subject for fact in changes.facts}
    assert NUMBER not in world.state.snapshot.facts
    assert asked == []


def test_list_of_one_kind_says_nothing_of_another() -> None:
    world = World(CANNOT_SEND)
    gone, stays = Subject.sender("100", "business", "7"), Subject.sender("100", "business", "8")
    senders = Roster(parent=WABA, kind=SubjectKind.SENDER, present=frozenset({stays}))
    blocked = [SENDING.reading(sender, "BLOCKED") for sender in (gone, stays)]
    world.poll(RATING.reading(NUMBER, "GREEN"), *blocked, roster=listed(NUMBER))
    world.poll(roster=senders)

    changes = world.poll(roster=senders)

    assert changes.removed_subjects == (gone,)
    assert [(row.subject, row.close_reason) for row in changes.transitions] == [(gone, CloseReason.REMOVED)]


def test_number_from_before_a_restart_is_missed_like_any_other() -> None:
    world = World()
    world.poll(RATING.reading(NUMBER, "RED"), roster=listed(NUMBER))
    world.state = replace(world.state, missing={}, members={})

    world.poll(roster=listed())
    changes = world.poll(roster=listed())

    assert changes.removed_subjects == (NUMBER,)
