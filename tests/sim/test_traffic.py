"""Traffic: what becomes of messages, and when."""

import random
import re
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.fakes import START, FakeClock
from tests.sim.callers import first_number, first_waba, small_world
from wamon.sim.traffic import Mix, Traffic
from wamon.sim.webhooks import Event
from wamon.sim.world import World

FICTIONAL = re.compile(r"1\d{3}55501\d\d|493023125\d{3}|447700900\d{3}")


class Street:
    """A world with traffic, and a clock that a test moves."""

    def __init__(self, seed: int = 1) -> None:
        self.world: World
        self.clock: FakeClock
        self.world, self.clock = small_world()
        self.number_id = first_number(self.world)
        self.traffic = Traffic(self.world, random.Random(seed))

    def hours(self, hours: float, *, steps: int = 1) -> list[Event]:
        events = []
        for _ in range(steps):
            self.clock.advance(hours * 3600 / steps)
            events += self.traffic.due()
        return events


def lives(events: list[Event]) -> dict[str, list[str]]:
    """The statuses of each message, in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for event in events:
        item: Any = event.item
        found[item["id"]].append(item["status"])
    return found


def shares(events: list[Event]) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words) for words in lives(events).values())


def test_number_sends_as_many_messages_an_hour_as_told() -> None:
    street = Street()
    campaign = street.traffic.start(street.number_id, per_hour=600)

    events = street.hours(10)

    assert campaign.messages == pytest.approx(6000, rel=0.02)
    assert len(lives(events)) == campaign.messages


def test_messages_are_sent_then_delivered_then_read() -> None:
    street = Street()
    street.traffic.start(street.number_id, per_hour=600, mix=Mix(read=0.5, only_read=0.1), lasts=timedelta(hours=5))

    found = shares(street.hours(6))

    total = found.total()
    assert set(found) == {("sent", "delivered"), ("sent", "delivered", "read"), ("sent", "read")}
    assert found["sent", "delivered"] / total == pytest.approx(0.5, abs=0.03)
    assert found["sent", "read"] / total == pytest.approx(0.05, abs=0.02)


def test_failures_come_by_their_codes_and_some_without_a_sent() -> None:
    street = Street()
    street.traffic.start(street.number_id, per_hour=600, mix=Mix(failed={131026: 0.2, 131042: 0.1}))

    events = street.hours(10)

    items: list[Any] = [event.item for event in events]
    codes = Counter(item["errors"][0]["code"] for item in items if item["status"] == "failed")
    assert codes[131026] / 6000 == pytest.approx(0.2, abs=0.02)
    assert codes[131042] / 6000 == pytest.approx(0.1, abs=0.02)
    assert shares(events)[("failed",)] > shares(events)["sent", "failed"] > 0


def test_undelivered_messages_are_sent_and_no_more() -> None:
    street = Street()
    street.traffic.start(street.number_id, per_hour=600, mix=Mix(undelivered=1.0))

    assert set(shares(street.hours(1))) == {("sent",)}


def test_nothing_is_told_before_it_happens_and_stamps_are_in_order() -> None:
    street = Street()
    street.traffic.start(street.number_id, per_hour=600)
    told: list[tuple[datetime, list[Event]]] = []

    for _ in range(60):
        events = street.hours(1 / 60)
        told.append((street.clock.now(), events))

    stamps = [event.at for _, events in told for event in events]
    assert stamps == sorted(stamps)
    assert all(event.at <= now for now, events in told for event in events)


def test_messages_do_not_depend_on_how_often_somebody_asks() -> None:
    often, seldom = Street(), Street()
    for street in (often, seldom):
        for number_id in street.world.numbers:
            street.traffic.start(number_id, per_hour=100)

    first, second = often.hours(5, steps=500), seldom.hours(5)

    assert sorted(map(str, first)) == sorted(map(str, second))


def test_campaign_ends_when_told_and_what_is_on_its_way_arrives() -> None:
    street = Street()
    campaign = street.traffic.start(street.number_id, per_hour=600, lasts=timedelta(minutes=30))

    events = street.hours(1)

    assert street.traffic.campaigns == []
    assert campaign.messages == pytest.approx(300, rel=0.1)
    assert max(event.at for event in events) > START + timedelta(minutes=30)
    assert street.traffic.is_quiet


def test_stopped_campaign_sends_no_more() -> None:
    street = Street()
    campaign = street.traffic.start(street.number_id, per_hour=600)
    street.clock.advance(3600)

    street.traffic.stop(campaign)
    street.traffic.stop(campaign)

    sent = campaign.messages
    assert sent == pytest.approx(600, rel=0.1)
    assert len(lives(street.hours(2))) == sent


def test_end_leaves_nobody_sending() -> None:
    street = Street()
    for number_id in street.world.numbers:
        street.traffic.start(number_id, per_hour=60)

    street.traffic.end()
    street.hours(1)

    assert street.traffic.is_quiet


def test_changed_mix_counts_from_that_moment_on() -> None:
    street = Street()
    other = street.traffic.start(list(street.world.numbers)[1], per_hour=60)
    street.traffic.start(street.number_id, per_hour=600, mix=Mix(undelivered=1.0))
    street.clock.advance(3600)

    street.traffic.change(street.number_id, Mix(failed={131042: 1.0}))
    before = street.clock.now()
    events = street.hours(1)

    fails = [event for event in events if event.item["status"] == "failed"]
    assert min(event.at for event in fails) > before
    assert other.mix == Mix()


def test_number_that_is_taken_away_sends_no_more() -> None:
    street = Street()
    street.traffic.start(street.number_id, per_hour=600)

    street.world.remove_number(street.number_id)
    events = street.hours(1)

    assert (events, street.traffic.campaigns) == ([], [])


def test_unknown_number_cannot_send() -> None:
    with pytest.raises(KeyError, match="no number 1"):
        Street().traffic.start("1", per_hour=60)


def test_account_events_and_stops_come_at_once() -> None:
    street = Street()

    street.traffic.tell(first_waba(street.world), "account_update", {"event": "VERIFIED_ACCOUNT"})
    street.traffic.opt_out(street.number_id)
    restricted, stopped = street.traffic.due()

    assert (restricted.field, restricted.number, restricted.at) == ("account_update", None, START)
    assert stopped.field == "user_preferences"
    assert stopped.item["value"] == "stop"


def test_customers_have_numbers_that_are_nobodys() -> None:
    street = Street()
    street.traffic.start(street.number_id, per_hour=6000)

    phones = {event.customer.phone for event in street.hours(1) if event.customer is not None}

    assert len(phones) > 1000
    assert [phone for phone in phones if not FICTIONAL.fullmatch(phone)] == []
