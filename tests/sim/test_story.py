"""The demo's story: its beats change the world as they say, in time, and leave it well."""

import random
from collections import Counter
from datetime import timedelta
from typing import Any

from tests.fakes import FakeClock
from tests.sim.callers import first_number, first_waba, get, small_world
from wamon.sim.entities import MANAGEMENT
from wamon.sim.story import Beat, story
from wamon.sim.traffic import Traffic
from wamon.sim.webhooks import Event
from wamon.sim.world import World


def beats(world: World) -> tuple[Beat, ...]:
    return story(world, Traffic(world, random.Random(1)))


def beat(world: World, title: str) -> Beat:
    return next(each for each in beats(world) if each.title == title)


def played() -> tuple[World, list[Event]]:
    """The world after the whole story, and all that happened in it."""
    clock = FakeClock()
    world = World.small(clock.now)
    traffic = Traffic(world, random.Random(1))
    began, events = clock.monotonic(), []
    for each in story(world, traffic):
        clock.advance(began + each.at_seconds - clock.monotonic())
        events += traffic.due()
        each.act(world)
    clock.advance(1200)
    events += traffic.due()
    assert traffic.is_quiet
    return world, events


def failures(events: list[Event], number_id: str) -> Counter[int]:
    items: list[Any] = [event.item for event in events if event.number is not None and event.number.id == number_id]
    return Counter(item["errors"][0]["code"] for item in items if item.get("status") == "failed")


def test_beats_come_in_order_within_five_hours() -> None:
    moments = [each.at_seconds for each in beats(small_world()[0])]

    assert moments == sorted(moments)
    assert moments[0] == 0
    assert moments[-1] <= 5 * 3600


def test_every_beat_is_told_in_one_sentence() -> None:
    for each in beats(small_world()[0]):
        assert each.title
        assert each.narration.endswith(".")
        assert ". " not in each.narration
        assert len(each.narration) <= 120


def test_quality_falls_twice_and_recovers() -> None:
    world, _ = small_world()
    ratings = []

    for title in ("Quality falls to YELLOW", "Quality falls to RED", "Quality recovers"):
        beat(world, title).act(world)
        ratings.append(world.number(first_number(world)).quality_rating)

    assert ratings == ["YELLOW", "RED", "GREEN"]


def test_token_nears_its_end_and_is_renewed() -> None:
    world, clock = small_world()
    token = world.token("system-user")

    beat(world, "The access token nears its end").act(world)
    near = token.expires_at
    clock.advance(3600)
    beat(world, "The token is renewed").act(world)

    assert near == clock.now() + timedelta(hours=35)
    assert token.expires_at == clock.now() + timedelta(days=60)


def test_subscription_is_lost_and_returns() -> None:
    world, _ = small_world()
    before = list(world.waba(first_waba(world)).subscribed_apps)

    beat(world, "The webhook subscription is lost").act(world)
    lost = list(world.waba(first_waba(world)).subscribed_apps)
    beat(world, "The subscription returns").act(world)

    assert lost == []
    assert world.waba(first_waba(world)).subscribed_apps == before


def test_meta_goes_away_long_enough_to_be_missed_and_comes_back() -> None:
    world, _ = small_world()
    away, back = beat(world, "Meta is unreachable"), beat(world, "Meta is back")

    away.act(world)
    faults = [fault.kind for fault in world.faults]
    back.act(world)

    assert faults == ["reset"]
    assert len(world.faults) == 0
    assert back.at_seconds - away.at_seconds >= 40 * 60


def test_story_has_traffic_enough_to_judge_and_little_enough_for_a_laptop() -> None:
    _, events = played()

    assert 3000 < len(events) < 6000
    assert {event.field for event in events} == {"messages", "user_preferences", "account_update"}


def test_bad_campaign_fails_by_its_three_codes() -> None:
    world, events = played()
    marketing = first_number(world)

    found = failures(events, marketing)

    assert {131026, 131049, 131047} == found.keys()
    assert all(count > 20 for count in found.values())
    assert sum(event.field == "user_preferences" for event in events) == 6


def test_payment_fails_for_the_second_account_only() -> None:
    world, events = played()

    blocked = {number_id for number_id in world.numbers if failures(events, number_id)[131042]}

    assert [world.number(number_id).waba_id for number_id in blocked] == [list(world.wabas)[1]]
    assert sum(failures(events, number_id)[131042] for number_id in blocked) > 15


def test_many_first_messages_are_never_heard_of_again() -> None:
    _, events = played()
    last: dict[object, Any] = {}
    for event in events:
        if event.field == "messages":
            last[event.item["id"]] = event

    silent = Counter(each.number.display_phone_number for each in last.values() if each.item["status"] == "sent")

    assert silent["+1 555-010-0177"] > 100
    assert all(count < 15 for number, count in silent.items() if number != "+1 555-010-0177")


def test_restriction_ends_before_the_story_does() -> None:
    _, events = played()
    (told,) = [event for event in events if event.field == "account_update"]

    value: Any = told.item

    (info,) = value["restriction_info"]
    assert info["expiration"] - told.at.timestamp() == 1800
    assert told.at - FakeClock().now() + timedelta(minutes=30) < timedelta(minutes=220)


def test_world_is_well_at_the_end() -> None:
    clock = FakeClock()
    told, untold = World.small(clock.now), World.small(clock.now)

    for each in beats(told):
        each.act(told)

    fields = "status,health_status,phone_numbers{status,quality_rating},subscribed_apps"
    path = f"/v25.0/{first_waba(told)}"
    assert get(told, path, fields=fields).json() == get(untold, path, fields=fields).json()
    assert told.token("system-user").targets[MANAGEMENT] is None
