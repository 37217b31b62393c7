"""The engine: observe, step, commit, publish; in turn, and never ahead of the disk."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.fakes import START, FakeClock
from wamon.core.errors import StoreError
from wamon.core.health import Reading, Subject
from wamon.core.manner import Manner
from wamon.core.ports import signals_by_name
from wamon.core.state import Changes, Event, Monitored, Polled, State, Ticked
from wamon.core.step import Policy
from wamon.core.timing import Moment
from wamon.engine import Engine
from wamon.metrics.exposition import Exposition
from wamon.probes.account import PHONE_STATUS, QUALITY_RATING
from wamon.rules import RULES
from wamon.signals import SIGNALS
from wamon.store import SqliteStore

WABA = Subject.waba("100")
NUMBER = Subject.phone_number("100", "200")
MINUTE = timedelta(minutes=1)
EVERYTHING = Monitored(
    waba_ids=frozenset({"100"}),
    tokens=frozenset(),
    app_ids=frozenset(),
    versions=frozenset(),
    probes=frozenset({"account"}),
    rules=frozenset(rule.name for rule in RULES),
)
NOTHING = replace(EVERYTHING, waba_ids=frozenset())


class Counts:
    def __init__(self) -> None:
        self.commits: list[float] = []
        self.failures = 0

    def committed(self, seconds: float) -> None:
        self.commits.append(seconds)

    def commit_failed(self) -> None:
        self.failures += 1


class GatedStore(SqliteStore):
    """A store whose commits wait at a gate."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, synchronous="OFF")
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = asyncio.Event()

    async def commit(self, changes: Changes) -> None:
        self.waiting.set()
        await self.gate.wait()
        await super().commit(changes)


class Bench:
    """An engine over a database in a folder, with what it published."""

    def __init__(self, folder: Path, clock: FakeClock) -> None:
        self.path = folder / "wamon.db"
        self.clock = clock
        self.store = GatedStore(self.path)
        self.counts = Counts()
        self.published: list[State] = []
        self.on_publish: Callable[[State, Changes], None] = lambda _state, _changes: None
        self.engine = Engine(
            store=self.store,
            policy=Policy(rules=RULES, manner=Manner(receivers=("slack",)), tick_interval=MINUTE),
            clock=clock,
            observer=self.counts,
            publish=self._publish,
        )

    def _publish(self, state: State, changes: Changes) -> None:
        self.published.append(state)
        self.on_publish(state, changes)

    async def poll(self, *readings: Reading) -> bool:
        return await self.engine.observe(lambda moment: polled(moment, *readings))

    def stored_at(self) -> datetime:
        """The moment of the last step in the file, as another process reads it."""
        with closing(sqlite3.connect(self.path)) as other:
            (microseconds,) = other.execute("SELECT moment_at FROM instance").fetchone()
        return datetime.fromtimestamp(microseconds / 1e6, tz=START.tzinfo)


@asynccontextmanager
async def started(folder: Path, clock: FakeClock, *, monitored: Monitored = EVERYTHING) -> AsyncIterator[Bench]:
    bench = Bench(folder, clock)
    await bench.store.open()
    try:
        await bench.engine.start(signals_by_name(SIGNALS), monitored)
        yield bench
    finally:
        await bench.store.close()


def polled(moment: Moment, *readings: Reading) -> Polled:
    return Polled(
        moment=moment,
        probe="account",
        target=WABA,
        outcome="ok",
        observed_at=moment.at,
        interval=MINUTE,
        readings=readings,
    )


def rating(value: str) -> Reading:
    return QUALITY_RATING.reading(NUMBER, value, raw=value)


def messages(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> list[str]:
    return [record.message for record in caplog.records if record.name == "wamon.engine" and record.levelno >= level]


def only_record(caplog: pytest.LogCaptureFixture, message: str) -> dict[str, object]:
    """The fields of the one record with this message."""
    (record,) = [record for record in caplog.records if record.message == message]
    return vars(record)


# --- commit, then publish ---------------------------------------------------------------------------------------------


def test_what_is_published_is_already_in_the_file(tmp_path: Path) -> None:
    seen: list[tuple[datetime, datetime]] = []

    async def story() -> None:
        clock = FakeClock()
        async with started(tmp_path, clock) as bench:
            bench.on_publish = lambda state, _: seen.append((_at(state), bench.stored_at()))
            for _ in range(3):
                clock.advance(60)
                await bench.poll(rating("GREEN"))

    asyncio.run(story())

    assert seen == [(START + n * MINUTE, START + n * MINUTE) for n in (1, 2, 3)]


def test_while_a_commit_is_under_way_the_state_before_it_is_shown(tmp_path: Path) -> None:
    async def story() -> None:
        async with started(tmp_path, FakeClock()) as bench:
            before, published = bench.engine.state, len(bench.published)
            bench.store.gate.clear()
            bench.store.waiting.clear()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(bench.poll(rating("RED")))
                await bench.store.waiting.wait()

                assert bench.engine.state is before
                assert len(bench.published) == published

                bench.store.gate.set()
            assert bench.engine.state.snapshot.value(NUMBER, QUALITY_RATING) == "RED"
            assert bench.published[-1] is bench.engine.state

    asyncio.run(story())


def test_store_that_refuses_leaves_everything_as_it_was(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        exposition = Exposition(SIGNALS, rules=RULES, mode="builtin")
        async with started(tmp_path, FakeClock()) as bench:
            bench.on_publish = exposition.publish
            await bench.poll(rating("GREEN"))
            state, text, published = bench.engine.state, exposition.text(), len(bench.published)
            commits = len(bench.counts.commits)
            await bench.store.close()

            is_taken = await bench.poll(rating("RED"))

            assert is_taken is False
            assert bench.engine.state is state
            assert exposition.text() == text
            assert len(bench.published) == published
            assert (len(bench.counts.commits), bench.counts.failures) == (commits, 1)
            await bench.store.open()

    asyncio.run(story())

    assert messages(caplog, logging.ERROR) == ["commit failed"]
    assert "is closed" in str(only_record(caplog, "commit failed")["reason"])
    assert "alert transition" not in messages(caplog)


def test_store_that_comes_back_takes_the_next_reading(tmp_path: Path) -> None:
    async def story() -> None:
        clock = FakeClock()
        async with started(tmp_path, clock) as bench:
            await bench.store.close()
            refused = await bench.poll(rating("RED"))
            await bench.store.open()
            clock.advance(60)
            taken = await bench.poll(rating("RED"))

            assert (refused, taken) == (False, True)
            assert [alert.rule for alert in bench.engine.state.alerts.values()] == ["WhatsAppQualityRating"]
            assert [state.version for state in bench.published] == [2, 3]

    asyncio.run(story())


def test_start_without_the_stored_state_is_an_error(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FakeClock())

    with pytest.raises(StoreError, match="is closed"):
        asyncio.run(bench.engine.start(signals_by_name(SIGNALS), EVERYTHING))

    assert bench.published == []


# --- in turn ----------------------------------------------------------------------------------------------------------


def test_event_gets_its_moment_in_its_turn_not_when_it_asks_for_one(tmp_path: Path) -> None:
    async def story() -> None:
        clock = FakeClock()
        async with started(tmp_path, clock) as bench:
            bench.store.gate.clear()
            bench.store.waiting.clear()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(bench.poll(rating("GREEN")))
                tasks.create_task(bench.poll(rating("YELLOW")))
                await bench.store.waiting.wait()
                clock.advance(10)
                bench.store.gate.set()

            assert [_at(state) for state in bench.published[1:]] == [START, START + timedelta(seconds=10)]

    asyncio.run(story())


def test_concurrent_events_are_steps_one_after_the_other(tmp_path: Path) -> None:
    async def story() -> None:
        clock = FakeClock()
        async with started(tmp_path, clock) as bench:

            def make(moment: Moment) -> Event:
                clock.advance(1)
                return Ticked(moment=moment)

            async with asyncio.TaskGroup() as tasks:
                for _ in range(20):
                    tasks.create_task(bench.engine.observe(make))

            assert [state.version for state in bench.published] == list(range(2, 23))
            assert [_at(state) for state in bench.published[1:]] == [START + timedelta(seconds=n) for n in range(20)]
            assert len(bench.counts.commits) == 21

    asyncio.run(story())


# --- after a restart --------------------------------------------------------------------------------------------------


def test_loaded_state_is_shown_whole_with_the_first_publication(tmp_path: Path) -> None:
    async def story() -> None:
        clock = FakeClock()
        async with started(tmp_path, clock) as bench:
            await bench.poll(rating("RED"))
            for _ in range(5):
                await bench.poll()

        clock.advance(30)
        exposition = Exposition(SIGNALS, rules=RULES, mode="builtin")
        again = Bench(tmp_path, clock)
        again.on_publish = exposition.publish
        await again.store.open()
        await again.engine.start(signals_by_name(SIGNALS), EVERYTHING)
        await again.store.close()

        # One step past the loaded state, which is 1 whatever was counted before.
        assert [state.version for state in again.published] == [2]
        series = 'whatsapp_phone_number_quality_rating{phone_number_id="200",rating="RED",waba_id="100"} 1.0'
        assert series in exposition.text().decode()
        assert again.engine.state.snapshot.value(NUMBER, QUALITY_RATING) == "RED"

    asyncio.run(story())


def test_open_alert_is_told_to_be_carried_over_with_the_gap(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        clock = FakeClock()
        async with started(tmp_path, clock) as bench:
            await bench.poll(rating("RED"))
        clock.advance(90)
        async with started(tmp_path, clock) as again:
            assert [alert.is_open for alert in again.engine.state.alerts.values()] == [True]

    asyncio.run(story())

    record = only_record(caplog, "alerts carried over a restart")
    assert (record["levelname"], record["open"], record["gap_seconds"]) == ("WARNING", 1, 90)


def test_restart_with_nothing_open_is_quiet(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        clock = FakeClock()
        async with started(tmp_path, clock) as bench:
            await bench.poll(rating("GREEN"))
        clock.advance(90)
        async with started(tmp_path, clock):
            pass

    asyncio.run(story())

    assert messages(caplog) == []


def test_what_is_no_longer_configured_is_told_and_its_alert_closed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "wamon.engine")

    async def story() -> None:
        clock = FakeClock()
        async with started(tmp_path, clock) as bench:
            await bench.poll(rating("RED"))
        caplog.clear()
        clock.advance(90)
        async with started(tmp_path, clock, monitored=NOTHING) as again:
            assert list(again.engine.state.snapshot.facts) == []

    asyncio.run(story())

    gone = [str(vars(record)["subject"]) for record in caplog.records if record.message == "no longer monitored"]
    assert gone == [
        "phone_number phone_number_id=200 waba_id=100",
        "probe probe=account waba_id=100",
    ]
    assert only_record(caplog, "alert transition")["kind"] == "close"


# --- what is logged ---------------------------------------------------------------------------------------------------


def test_change_of_state_is_logged_and_polls_that_find_the_same_are_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "wamon.engine")

    async def story() -> None:
        clock = FakeClock()
        async with started(tmp_path, clock) as bench:
            await bench.poll(rating("GREEN"))
            caplog.clear()
            for _ in range(3):
                clock.advance(60)
                await bench.poll(rating("GREEN"))
            assert messages(caplog, logging.DEBUG) == []

            clock.advance(60)
            await bench.poll(rating("RED"))

    asyncio.run(story())

    assert messages(caplog, logging.DEBUG) == ["reading changed", "alert transition"]
    changed = only_record(caplog, "reading changed")
    assert (changed["signal"], changed["before"], changed["after"]) == (QUALITY_RATING.name, "GREEN", "RED")
    transition = only_record(caplog, "alert transition")
    assert {name: transition[name] for name in ("levelname", "rule", "kind", "severity", "subject", "what")} == {
        "levelname": "INFO",
        "rule": "WhatsAppQualityRating",
        "kind": "open",
        "severity": "critical",
        "subject": "phone_number phone_number_id=200 waba_id=100",
        "what": "Quality rating RED",
    }


def test_first_look_that_finds_nothing_is_no_change(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "wamon.engine")

    async def story() -> None:
        async with started(tmp_path, FakeClock()) as bench:
            caplog.clear()
            await bench.poll(QUALITY_RATING.reading(NUMBER, None))

    asyncio.run(story())

    subjects = [vars(record)["signal"] for record in caplog.records if record.message == "reading changed"]
    assert QUALITY_RATING.name not in subjects


def test_unknown_word_of_meta_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        clock = FakeClock()
        async with started(tmp_path, clock) as bench:
            for _ in range(3):
                clock.advance(60)
                await bench.poll(PHONE_STATUS.reading(NUMBER, "OTHER", raw="HIBERNATING", is_recognised=False))

    asyncio.run(story())

    record = only_record(caplog, "unrecognised value from Meta, counted and kept")
    assert (record["levelname"], record["signal"], record["raw"]) == ("WARNING", PHONE_STATUS.name, "HIBERNATING")


def test_jump_of_the_clock_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        clock = FakeClock()
        async with started(tmp_path, clock) as bench:
            clock.step(-3600)
            await bench.poll(rating("GREEN"))

    asyncio.run(story())

    record = only_record(caplog, "the clock jumped")
    assert (record["levelname"], record["seconds"]) == ("WARNING", -3600)


def _at(state: State) -> datetime:
    assert state.moment is not None
    return state.moment.at
