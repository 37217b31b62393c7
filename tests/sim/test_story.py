"""The demo's story: its beats change the world as they say, in time, and leave it well."""

from datetime import timedelta

from tests.fakes import FakeClock
from tests.sim.callers import first_number, first_waba, get, small_world
from wamon.sim.entities import MANAGEMENT
from wamon.sim.story import Beat, story
from wamon.sim.world import World


def beat(world: World, title: str) -> Beat:
    return next(each for each in story(world) if each.title == title)


def test_beats_come_in_order_within_five_hours() -> None:
    moments = [each.at_seconds for each in story(small_world()[0])]

    assert moments == sorted(moments)
    assert moments[0] == 600
    assert moments[-1] <= 5 * 3600


def test_every_beat_is_told_in_one_sentence() -> None:
    for each in story(small_world()[0]):
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


def test_world_is_well_at_the_end() -> None:
    clock = FakeClock()
    told, untold = World.small(clock.now), World.small(clock.now)

    for each in story(told):
        each.act(told)

    fields = "status,health_status,phone_numbers{status,quality_rating},subscribed_apps"
    path = f"/v25.0/{first_waba(told)}"
    assert get(told, path, fields=fields).json() == get(untold, path, fields=fields).json()
    assert told.token("system-user").targets[MANAGEMENT] is None
