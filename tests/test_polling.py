"""Polling: who is asked when, what the quota leaves out, and what the engine is told of it."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import START, FakeClock
from tests.graph.rig import SimRig, usage
from wamon.core.api_versions import BUNDLED_TABLE
from wamon.core.health import Subject, SubjectKind
from wamon.core.ports import GraphQuery, Probe, ProbeSteps, Report, signals_by_name
from wamon.core.state import CounterKey, Event, Monitored, Polled, Roster
from wamon.core.step import PROBE_RUNS, Policy
from wamon.core.targets import AccountTarget, AppTarget, InstanceTarget, Target, TokenTarget
from wamon.core.timing import Moment
from wamon.engine import Engine
from wamon.polling import FIRST_ROUND_CONCURRENCY, HINT_GAP_SECONDS, HINT_SECONDS, Poller, Watch
from wamon.probes import PROBES, account, api_version, app, token
from wamon.probes.account import QUALITY_RATING, TOKEN_ASSET_ACCESS
from wamon.probes.evidence import TOKEN_VALID
from wamon.schedule import Job
from wamon.signals import SIGNALS
from wamon.store import SqliteStore

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
HERE = InstanceTarget(versions=("v25.0",), table=BUNDLED_TABLE)
APP_OF_ANOTHER = AppTarget(app_id="9", wanted_fields=("messages",), expected_callback_url=None)


class Silence:
    """Counts nothing."""

    def committed(self, seconds: float) -> None: ...

    def commit_failed(self) -> None: ...


class Listening(Engine):
    """The real engine, which remembers what it was told."""

    def __init__(self, store: SqliteStore, clock: FakeClock) -> None:
        super().__init__(
            store=store,
            policy=Policy(rules=(), tick_interval=MINUTE),
            clock=clock,
            observer=Silence(),
            publish=lambda _state, _changes: None,
        )
        self.told: list[Polled] = []
        self.taken = 0

    async def observe(self, event: Callable[[Moment], Event]) -> bool:
        def remembered(moment: Moment) -> Event:
            made = event(moment)
            assert isinstance(made, Polled)
            self.told.append(made)
            return made

        is_taken = await super().observe(remembered)
        self.taken += is_taken
        return is_taken


class Bench:
    """A poller before the simulated Meta, with a real engine and store behind it."""

    def __init__(self, folder: Path) -> None:
        self.rig = SimRig()
        self.clock = self.rig.clock
        self.store = SqliteStore(folder / "wamon.db", synchronous="OFF")
        self.engine = Listening(self.store, self.clock)
        self.durations: list[tuple[str, float]] = []
        self.poller = Poller(
            client=self.rig.client, budget=self.rig.budget, engine=self.engine, clock=self.clock, observer=self
        )

    def probe_run(self, probe: str, seconds: float) -> None:
        self.durations.append((probe, seconds))

    @property
    def calls(self) -> list[str]:
        """The paths that Meta was asked for, in order."""
        return [call.path for call in self.rig.world.calls]

    @property
    def told(self) -> list[Polled]:
        return self.engine.told

    def runs(self, probe: str, outcome: str) -> int:
        return self.engine.state.counters.get(CounterKey.of(PROBE_RUNS, probe=probe, outcome=outcome), 0)

    def account(self) -> Watch:
        target = AccountTarget(
            name="market", waba_id=self.rig.waba_id, token="main", app_id=self.rig.app_id, version="v25.0"
        )
        return watch(account.PROBE, target)

    def app(self) -> Watch:
        target = AppTarget(app_id=self.rig.app_id, wanted_fields=("messages",), expected_callback_url=None)
        return watch(app.PROBE, target)

    def use_waba(self, percent: int, *, minutes: int = 0) -> None:
        """As if an answer had told that so much of the WABA's quota is used."""
        header = usage(percent, minutes=minutes, waba_id=self.rig.waba_id)["X-Business-Use-Case-Usage"]
        self.rig.budget.observe(waba_id=self.rig.waba_id, caller=self.rig.app_id, business_usage=header, app_usage=None)

    def use_app(self, percent: int) -> None:
        header = json.dumps({"call_count": percent, "total_cputime": 0, "total_time": 0})
        self.rig.budget.observe(waba_id=None, caller=self.rig.app_id, business_usage=None, app_usage=header)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Bench]:
    bench = Bench(folder)
    await bench.store.open()
    try:
        monitored = Monitored(
            waba_ids=frozenset(bench.rig.world.wabas),
            tokens=frozenset({"main"}),
            app_ids=frozenset({bench.rig.app_id}),
            versions=frozenset({"v25.0"}),
            probes=frozenset(probe.name for probe in PROBES),
            rules=frozenset(),
        )
        await bench.engine.start(signals_by_name(SIGNALS), monitored)
        yield bench
    finally:
        await bench.rig.client.close()
        await bench.store.close()


def watch(probe: Probe[Any], target: Target, interval: timedelta = MINUTE) -> Watch:
    return Watch(probe=probe, subject=target.subject, target=lambda: target, interval=interval)


# --- one run ----------------------------------------------------------------------------------------------------------


def test_engine_is_told_what_the_run_brought(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as bench:
            bench.clock.advance(5)
            waba = Subject.waba(bench.rig.waba_id)
            numbers = frozenset(
                Subject.phone_number(bench.rig.waba_id, number_id)
                for number_id in bench.rig.world.wabas[bench.rig.waba_id].number_ids
            )

            await bench.poller.poll(bench.account())

            (polled,) = bench.told
            assert (polled.probe, polled.target, polled.outcome, polled.fault) == ("account", waba, "ok", None)
            assert (polled.observed_at, polled.interval) == (START + timedelta(seconds=5), MINUTE)
            assert polled.rosters[0] == Roster(parent=waba, kind=SubjectKind.PHONE_NUMBER, present=numbers)
            ratings = {r.subject: r.value for r in polled.readings if r.signal.name == QUALITY_RATING.name}
            assert ratings == dict.fromkeys(numbers, "GREEN")
            assert bench.durations == [("account", 0.0)]
            assert bench.runs("account", "ok") == 1

    asyncio.run(story())


def test_engine_is_told_of_a_denial_with_what_it_proves(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as bench:
            bench.rig.world.revoke_token("system-user", subcode=463)

            await bench.poller.poll(bench.account())

            (polled,) = bench.told
            assert (polled.outcome, polled.rosters) == ("denied", ())
            assert polled.fault is not None
            assert "463" in polled.fault
            assert [(r.signal.name, r.value, r.raw) for r in polled.readings] == [
                (TOKEN_VALID.name, False, "code 190, subcode 463")
            ]

    asyncio.run(story())


def test_engine_is_told_of_a_lost_account_and_of_no_lost_token(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as bench:
            bench.rig.world.remove_asset("system-user", bench.rig.waba_id)

            await bench.poller.poll(bench.account())

            (polled,) = bench.told
            assert polled.outcome == "denied"
            assert [(r.signal.name, r.value) for r in polled.readings] == [(TOKEN_ASSET_ACCESS.name, False)]

    asyncio.run(story())


def test_what_was_seen_is_dated_by_the_first_answer_not_by_the_last(tmp_path: Path) -> None:
    """A rating must not look newer than it is because the list of apps came late."""

    async def story() -> None:
        async with opened(tmp_path) as bench:
            bench.rig.world.faults.add("missing", field="subscribed_apps", times=1)
            bench.rig.world.faults.add("slow", path="/subscribed_apps", seconds=5)

            await bench.poller.poll(bench.account())

            (polled,) = bench.told
            assert (polled.outcome, polled.observed_at) == ("ok", START)
            assert polled.moment.at == START + timedelta(seconds=5)

    asyncio.run(story())


def test_retries_belong_to_the_run_and_to_its_duration(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as bench:
            bench.rig.world.faults.add("status", http_status=503)

            await bench.poller.poll(bench.account())

            (polled,) = bench.told
            assert (polled.outcome, polled.readings, polled.rosters) == ("unreachable", (), ())
            # Nothing takes time here but the waits between the attempts.
            (duration,) = [seconds for _, seconds in bench.durations]
            assert polled.observed_at == polled.moment.at == bench.clock.now() > START
            assert duration == pytest.approx(sum(bench.clock.slept))

    asyncio.run(story())


def test_target_is_looked_up_anew_at_each_run_and_once(tmp_path: Path) -> None:
    """debug_token may tell between two runs to which app the account belongs; looking costs with many accounts."""

    async def story() -> None:
        async with opened(tmp_path) as bench:
            names = iter(["market", "bank"])
            asked: list[str] = []

            def ask(target: AccountTarget) -> ProbeSteps:
                asked.append(target.name)
                return _ask_once(target)

            moving = Watch(
                probe=replace(_ONE_QUESTION, run=ask),
                subject=Subject.waba(bench.rig.waba_id),
                target=lambda: AccountTarget(
                    name=next(names), waba_id=bench.rig.waba_id, token="main", version="v25.0"
                ),
                interval=MINUTE,
            )

            await bench.poller.poll(moving)
            await bench.poller.poll(moving)

            assert asked == ["market", "bank"]
            assert list(names) == []

    asyncio.run(story())


def test_only_a_run_that_ends_otherwise_than_the_last_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "wamon.polling")

    async def story() -> None:
        async with opened(tmp_path) as bench:
            await bench.poller.poll(bench.account())
            bench.rig.world.faults.add("html_200", times=2)
            for _ in range(4):
                await bench.poller.poll(bench.account())

    asyncio.run(story())

    told = [record for record in caplog.records if record.name == "wamon.polling"]
    assert [(record.levelname, record.message) for record in told] == [
        ("WARNING", "probe failed"),
        ("INFO", "probe answers again"),
    ]
    assert vars(told[0])["outcome"] == "unexpected"
    assert "is not a JSON object" in vars(told[0])["reason"]


# --- the quota --------------------------------------------------------------------------------------------------------


def test_from_75_percent_every_second_run_is_left_out_and_the_interval_doubles(tmp_path: Path) -> None:
    async def story() -> list[int]:
        async with opened(tmp_path) as bench:
            bench.use_waba(75)
            asked = []
            for _ in range(4):
                before = len(bench.calls)
                await bench.poller.poll(bench.account())
                asked.append(len(bench.calls) - before)

            assert [polled.interval for polled in bench.told] == [2 * MINUTE, 2 * MINUTE]
            assert {polled.outcome for polled in bench.told} == {"ok"}
            return asked

    first, second, third, fourth = asyncio.run(story())
    assert (first, third) == (0, 0)
    assert second > 0
    assert fourth > 0


def test_one_percent_below_every_run_is_made(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as bench:
            bench.use_waba(74)

            for _ in range(3):
                await bench.poller.poll(bench.account())

            assert [polled.interval for polled in bench.told] == [MINUTE] * 3

    asyncio.run(story())


def test_run_that_was_left_out_is_not_left_out_twice_when_the_quota_eases(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as bench:
            bench.use_waba(80)
            await bench.poller.poll(bench.account())
            bench.use_waba(10)
            await bench.poller.poll(bench.account())
            bench.use_waba(80)
            await bench.poller.poll(bench.account())

            assert [polled.interval for polled in bench.told] == [MINUTE]

    asyncio.run(story())


def test_each_watch_sits_out_by_itself(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as bench:
            bench.use_waba(80)
            bench.use_app(80)
            await bench.poller.poll(bench.account())
            await bench.poller.poll(bench.app())
            assert bench.calls == []

            await bench.poller.poll(bench.account())
            await bench.poller.poll(bench.app())

            assert [polled.probe for polled in bench.told] == ["account", "app"]

    asyncio.run(story())


def test_from_90_percent_what_is_not_essential_is_left_out_and_counted(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as bench:
            bench.use_app(90)

            await bench.poller.poll(bench.app())

            (polled,) = bench.told
            assert bench.calls == []
            assert (polled.outcome, polled.readings, polled.rosters) == ("throttled", (), ())
            assert polled.fault == (
                f"not asking about subscriptions of app {bench.rig.app_id}: "
                "Meta's call quota is nearly used up, the rest is left to the essential probes"
            )
            assert (polled.observed_at, polled.interval) == (START, MINUTE)
            assert bench.runs("app", "throttled") == 1

    asyncio.run(story())


def test_from_90_percent_the_essential_go_on_at_half_pace(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as bench:
            bench.use_waba(95)

            await bench.poller.poll(bench.account())
            await bench.poller.poll(bench.account())

            assert [(polled.outcome, polled.interval) for polled in bench.told] == [("ok", 2 * MINUTE)]

    asyncio.run(story())


def test_at_100_percent_nothing_is_sent_until_the_time_that_meta_names(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as bench:
            bench.use_waba(100, minutes=12)

            await bench.poller.poll(bench.account())

            (polled,) = bench.told
            assert bench.calls == []
            assert (polled.outcome, polled.readings, polled.rosters) == ("throttled", (), ())
            assert polled.fault == (
                f"not asking about WABA {bench.rig.waba_id} until 10:12 UTC: Meta's call quota is used up"
            )
            assert bench.runs("account", "throttled") == 1

            bench.clock.advance(3600)
            await bench.poller.poll(bench.account())
            assert bench.told[-1].outcome == "ok"

    asyncio.run(story())


def test_quota_of_one_account_holds_up_no_other(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as bench:
            bench.use_waba(100, minutes=12)
            other_id = list(bench.rig.world.wabas)[1]
            other = AccountTarget(name="deliveries", waba_id=other_id, token="main", version="v25.0")

            await bench.poller.poll(watch(account.PROBE, other))

            assert [polled.outcome for polled in bench.told] == ["ok"]

    asyncio.run(story())


def test_throttled_app_stops_neither_another_app_nor_what_asks_nothing_of_meta(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as bench:
            bench.rig.budget.throttled(waba_id=None, caller="another app", code=4, wait=None)

            await bench.poller.poll(token_watch("main"))
            await bench.poller.poll(bench.app())
            await bench.poller.poll(watch(api_version.PROBE, HERE))

            assert [(polled.probe, polled.outcome) for polled in bench.told] == [
                ("token", "ok"),
                ("app", "ok"),
                ("api_version", "ok"),
            ]

    asyncio.run(story())


def test_app_near_its_limit_slows_down_its_own_tokens_only(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as bench:
            bench.use_app(80)

            await bench.poller.poll(token_watch("main"))
            await bench.poller.poll(watch(app.PROBE, APP_OF_ANOTHER))
            await bench.poller.poll(watch(api_version.PROBE, HERE))

            assert [polled.probe for polled in bench.told] == ["app", "api_version"]

    asyncio.run(story())


def test_throttled_app_stops_its_accounts_without_a_call(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as bench:
            bench.rig.budget.throttled(waba_id=None, caller=bench.rig.app_id, code=4, wait=None)

            await bench.poller.poll(bench.account())

            assert [(polled.outcome, polled.readings, polled.interval) for polled in bench.told] == [
                ("throttled", (), MINUTE)
            ]
            assert bench.calls == []

    asyncio.run(story())


# --- the first round --------------------------------------------------------------------------------------------------


def test_first_round_begins_in_the_order_given_and_runs_at_most_ten_at_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as bench:
            begun: list[str] = []
            most = 0
            waba_ids = [str(number) for number in range(25)]

            def watched(waba_id: str) -> Watch:
                def target() -> Target:
                    nonlocal most
                    begun.append(waba_id)
                    most = max(most, len(begun) - bench.engine.taken)
                    return AccountTarget(name=waba_id, waba_id=waba_id, token="main", version="v25.0")

                return Watch(probe=_ONE_QUESTION, subject=Subject.waba(waba_id), target=target, interval=MINUTE)

            await bench.poller.first_round([watched(waba_id) for waba_id in waba_ids])

            assert begun == waba_ids
            assert most == FIRST_ROUND_CONCURRENCY == 10
            assert bench.engine.taken == 25

    asyncio.run(story())


def test_look_that_breaks_in_the_first_round_leaves_the_others_theirs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> Target:
        raise ZeroDivisionError

    async def story() -> None:
        async with opened(tmp_path) as bench:
            well = AccountTarget(name="2", waba_id="2", token="main", version="v25.0")
            watches = [
                Watch(probe=_ONE_QUESTION, subject=Subject.waba("1"), target=broken, interval=MINUTE),
                Watch(probe=_ONE_QUESTION, subject=Subject.waba("2"), target=lambda: well, interval=MINUTE),
            ]

            await bench.poller.first_round(watches)

            assert bench.engine.taken == 1

    asyncio.run(story())

    assert [record.message for record in caplog.records if record.exc_info] == ["first look failed"]


def _ask_once(target: AccountTarget) -> ProbeSteps:
    yield GraphQuery(path=target.waba_id, fields=("id",), token=target.token, waba_id=target.waba_id)
    return Report(readings=())


_ONE_QUESTION = Probe(
    name="account", target=AccountTarget, run=_ask_once, signals=(), interval=MINUTE, doc="Asks for one field."
)


# --- hints ------------------------------------------------------------------------------------------------------------


class RestingClock(FakeClock):
    """A clock whose sleeper rests until it is woken."""

    def __init__(self) -> None:
        super().__init__()
        self._rests = asyncio.Event()
        self._woken = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self._rests.set()
        await self._woken.wait()
        self._woken.clear()
        await super().sleep(seconds)

    async def rest(self) -> None:
        """Wait until somebody sleeps."""
        await self._rests.wait()
        self._rests.clear()

    def wake(self) -> None:
        self._woken.set()


def about(waba_id: str, target: Callable[[], Target] | None = None) -> Watch:
    """A watch with one question over an account."""
    known = AccountTarget(name=waba_id, waba_id=waba_id, token="main", version="v25.0")
    return Watch(
        probe=_ONE_QUESTION, subject=Subject.waba(waba_id), target=target or (lambda: known), interval=15 * MINUTE
    )


def test_hint_is_answered_by_each_probe_of_its_subject_and_by_no_other(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as bench:
            mine, other = Subject.waba(bench.rig.waba_id), list(bench.rig.world.wabas)[1]
            watches = [bench.account(), about(other), bench.app(), about(bench.rig.waba_id)]

            bench.poller.hint(mine)
            await bench.poller.answer_hints(watches)

            assert [(polled.probe, polled.target, polled.interval) for polled in bench.told] == [
                ("account", mine, MINUTE),
                ("account", mine, 15 * MINUTE),
            ]

    asyncio.run(story())


def test_hint_is_answered_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as bench:
            for _ in range(50):
                bench.poller.hint(Subject.waba(bench.rig.waba_id))

            await bench.poller.answer_hints([bench.account()])
            await bench.poller.answer_hints([bench.account()])

            assert len(bench.told) == 1

    asyncio.run(story())


def test_hint_at_what_nobody_watches_is_ignored(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as bench:
            bench.poller.hint(Subject.waba("999"))

            await bench.poller.answer_hints([bench.account(), bench.app()])

            assert (bench.told, bench.calls) == ([], [])

    asyncio.run(story())


def test_burst_of_hints_is_one_look_at_once_and_one_after_the_pause(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as bench:
            clock = RestingClock()
            poller = Poller(
                client=bench.rig.client, budget=bench.rig.budget, engine=bench.engine, clock=clock, observer=bench
            )
            following = asyncio.create_task(poller.follow_hints([bench.account()]))

            for _ in range(50):
                poller.hint(Subject.waba(bench.rig.waba_id))
            await clock.rest()
            assert len(bench.told) == 1

            for _ in range(50):
                poller.hint(Subject.waba(bench.rig.waba_id))
                await asyncio.sleep(0)
            assert len(bench.told) == 1

            clock.wake()
            await clock.rest()
            assert clock.slept == [HINT_SECONDS]
            assert len(bench.told) == 1

            clock.advance(HINT_GAP_SECONDS)
            clock.wake()
            await clock.rest()
            assert len(bench.told) == 2
            following.cancel()

    asyncio.run(story())


def test_hint_during_the_look_is_answered_by_another_one(tmp_path: Path) -> None:
    """What it tells may have happened after Meta wrote the answer that is on its way."""

    async def story() -> None:
        async with opened(tmp_path) as bench:
            mine = Subject.waba(bench.rig.waba_id)
            clock = RestingClock()
            poller = Poller(
                client=bench.rig.client, budget=bench.rig.budget, engine=bench.engine, clock=clock, observer=bench
            )
            hints = [mine]

            def hinting() -> Target:
                while hints:
                    poller.hint(hints.pop())
                return AccountTarget(name="market", waba_id=bench.rig.waba_id, token="main", version="v25.0")

            following = asyncio.create_task(poller.follow_hints([about(bench.rig.waba_id, hinting)]))
            poller.hint(mine)
            await clock.rest()
            assert len(bench.told) == 1

            clock.advance(HINT_GAP_SECONDS)
            clock.wake()
            await clock.rest()
            assert len(bench.told) == 2
            following.cancel()

    asyncio.run(story())


def test_hint_at_one_account_does_not_wait_for_another_s_pause(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as bench:
            other = list(bench.rig.world.wabas)[1]
            watches = [bench.account(), about(other)]
            for waba_id in (bench.rig.waba_id, bench.rig.waba_id, other):
                bench.poller.hint(Subject.waba(waba_id))
                await bench.poller.answer_hints(watches)

            assert [polled.target for polled in bench.told] == [Subject.waba(bench.rig.waba_id), Subject.waba(other)]

    asyncio.run(story())


def test_look_that_breaks_does_not_end_the_following_of_hints(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as bench:
            failures = [ZeroDivisionError()]

            def broken_once() -> Target:
                if failures:
                    raise failures.pop()
                return AccountTarget(name="market", waba_id=bench.rig.waba_id, token="main", version="v25.0")

            watches = [about(bench.rig.waba_id, broken_once)]
            for _ in range(2):
                bench.poller.hint(Subject.waba(bench.rig.waba_id))
                await bench.poller.answer_hints(watches)
                bench.clock.advance(HINT_GAP_SECONDS)

            assert len(bench.told) == 1

    asyncio.run(story())


# --- the jobs ---------------------------------------------------------------------------------------------------------


def jobs_of(watches: Sequence[Watch], folder: Path) -> tuple[Job, ...]:
    return Bench(folder).poller.jobs(watches)


def token_watch(alias: str, interval: timedelta = MINUTE) -> Watch:
    target = TokenTarget(token=alias, app_id=None, waba_ids=(), required_scopes=())
    return watch(token.PROBE, target, interval)


def test_job_is_named_by_its_probe_and_its_target(tmp_path: Path) -> None:
    jobs = jobs_of([token_watch("main"), watch(api_version.PROBE, HERE)], tmp_path)

    assert [job.name for job in jobs] == ["token token token=main", "api_version instance"]


def test_planning_the_jobs_looks_no_target_up(tmp_path: Path) -> None:
    def never() -> Target:
        raise AssertionError("looked up")

    unplanned = Watch(probe=account.PROBE, subject=Subject.waba("1"), target=never, interval=MINUTE)

    assert [job.name for job in jobs_of([unplanned], tmp_path)] == ["account waba waba_id=1"]


def test_place_of_a_job_is_the_same_in_every_process(tmp_path: Path) -> None:
    """A restart must not move the calls of all accounts to new places; the value is that of SHA-256, not of hash()."""
    (job,) = jobs_of([token_watch("main", HOUR)], tmp_path)

    assert job.first_after.total_seconds() == pytest.approx(3360.126, abs=0.001)


def test_jobs_begin_half_to_one_and_a_half_intervals_later_and_spread_evenly(tmp_path: Path) -> None:
    """The first round has asked already, so the next look comes about one interval later."""
    jobs = jobs_of([token_watch(f"account-{number}", HOUR) for number in range(1000)], tmp_path)

    tenths = [int((job.first_after - HOUR / 2) / HOUR * 10) for job in jobs]

    assert all(HOUR / 2 <= job.first_after < 1.5 * HOUR for job in jobs)
    assert {job.interval for job in jobs} == {HOUR}
    assert min(tenths.count(tenth) for tenth in range(10)) > 70


def test_job_runs_its_own_watch(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as bench:
            jobs = bench.poller.jobs([bench.account(), bench.app()])

            await jobs[1].run()

            assert [polled.probe for polled in bench.told] == ["app"]

    asyncio.run(story())
