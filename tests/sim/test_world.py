"""The world and its handles."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.fakes import START, FakeClock
from tests.sim.callers import first_number, first_waba, small_world
from wamon.sim.entities import MANAGEMENT, Call
from wamon.sim.world import MAX_CALLS_KEPT, World


def test_small_world_is_the_same_each_time() -> None:
    first, second = small_world()[0], small_world()[0]

    assert list(first.numbers) == list(second.numbers)
    assert first.token("system-user").value == second.token("system-user").value


def test_small_world_is_one_business_with_two_accounts_and_four_numbers() -> None:
    world, _ = small_world()

    assert [waba.name for waba in world.wabas.values()] == ["Jasper's Market", "Jasper's Deliveries"]
    assert [number.display_phone_number for number in world.numbers.values()] == [
        "+1 555-078-3881",
        "+1 555-010-0142",
        "+1 555-010-0177",
        "+1 555-010-0163",
    ]
    assert world.token("system-user").expires_at == START + timedelta(days=60)


def test_ids_look_like_metas() -> None:
    world, _ = small_world()

    ids = [*world.businesses, *world.wabas, *world.numbers, *world.apps]

    assert len(set(ids)) == len(ids)
    assert all(each.isdigit() and len(each) == 15 for each in ids)


def test_fleet_has_the_asked_size() -> None:
    world = World.fleet(FakeClock().now, wabas=3, numbers_per_waba=4)

    assert len(world.wabas) == 3
    assert [len(world.numbers_of(waba_id)) for waba_id in world.wabas] == [4, 4, 4]


def test_token_is_found_by_alias_and_by_value() -> None:
    world, _ = small_world()
    token = world.token("system-user")

    assert world.token(token.value) is token
    with pytest.raises(KeyError, match="no token"):
        world.token("nobody")


def test_things_are_found_by_id() -> None:
    world, _ = small_world()
    waba = world.waba(first_waba(world))

    assert world.business(waba.business_id).name == "Jasper's Market"
    assert world.app(waba.subscribed_apps[0].app_id).name == "Wamon Demo"
    assert world.number(waba.number_ids[0]).waba_id == waba.id


def test_removed_asset_leaves_the_others() -> None:
    world, _ = small_world()
    lost, kept = world.wabas

    world.remove_asset("system-user", lost)

    assert world.token("system-user").targets[MANAGEMENT] == [kept]
    assert not world.token("system-user").may_see(lost)
    assert world.token("system-user").may_see(kept)


def test_removed_number_is_nowhere() -> None:
    world, _ = small_world()
    number_id = first_number(world)

    world.remove_number(number_id)

    assert number_id not in world.numbers
    assert number_id not in world.waba(first_waba(world)).number_ids


def test_subscribing_twice_keeps_one_link() -> None:
    world, _ = small_world()
    app_id = next(iter(world.apps))

    world.subscribe(first_waba(world), app_id, override_callback_uri="https://other.example.com/hook")

    links = world.waba(first_waba(world)).subscribed_apps
    assert [(link.app_id, link.override_callback_uri) for link in links] == [(app_id, "https://other.example.com/hook")]


@pytest.mark.parametrize(
    ("today", "asked", "served"),
    [
        (date(2026, 11, 22), "v25.0", "v25.0"),
        (date(2026, 11, 22), "v20.0", "v21.0"),
        (date(2027, 1, 20), "v21.0", "v21.0"),
        (date(2027, 1, 21), "v21.0", "v22.0"),
        (date(2026, 11, 22), "v99.0", None),
    ],
)
def test_expired_version_is_served_by_the_oldest_usable(today: date, asked: str, served: str | None) -> None:
    clock = FakeClock(datetime(today.year, today.month, today.day, tzinfo=UTC))

    assert World(clock.now).served_version(asked) == served


def test_record_of_calls_is_bounded() -> None:
    world, clock = small_world()
    call = Call(at=clock.now(), method="GET", path="/", version=None, fields=None, params={}, has_bearer=True)

    for _ in range(MAX_CALLS_KEPT + 1):
        world.record(call)

    assert len(world.calls) <= MAX_CALLS_KEPT
