"""Whatever happens, the store gives back the state that `step` computed, and owes what it announced."""

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import FakeClock
from tests.store.samples import FLAG, FLAG_MAP, GAUGE, GAUGE_MAP, INFO, SPARSE, STATE_SET, TIMESTAMP
from wamon.core import watch
from wamon.core.alerting import Severity, Timing, Transition, Verdict
from wamon.core.desk import (
    Acknowledge,
    Act,
    Announcement,
    Deed,
    EndSilence,
    ForceClose,
    PostDigest,
    Rehearse,
    SetSilence,
    TransitionId,
)
from wamon.core.health import Change, Reading, Signal, Subject, SubjectKind
from wamon.core.manner import Manner, Patience
from wamon.core.outgoing import Notification, Receipt
from wamon.core.ports import Owner, Rule, View, clear, firing, signals_by_name, unknown
from wamon.core.silences import Matcher, Silence
from wamon.core.state import Acted, Event, Monitored, Polled, Roster, Started, State, Ticked, Woken
from wamon.core.step import Policy, step
from wamon.store import SqliteStore

WABA = Subject.waba("100")
NUMBERS = [Subject.phone_number("100", str(number)) for number in range(3)]
ANY_SIGNAL: list[Signal[Any]] = [GAUGE, FLAG, TIMESTAMP, STATE_SET, SPARSE, INFO, FLAG_MAP, GAUGE_MAP]
SIGNALS = signals_by_name([*ANY_SIGNAL, *watch.SIGNALS])
INTERVAL = timedelta(minutes=1)


def check_flag(view: View, params: Any, now: datetime) -> Verdict | None:
    fact = view.fact(FLAG)
    if fact is None:
        return None
    if view.value(FLAG) is None:
        return unknown(fact.observed_at)
    return clear(fact.observed_at) if view.value(FLAG) else firing(Severity.CRITICAL, fact.observed_at, "cannot send")


def check_quality(view: View, params: Any, now: datetime) -> Verdict | None:
    fact = view.fact(STATE_SET)
    rating = view.value(STATE_SET)
    if fact is None or rating is None:
        return unknown(now)
    if rating == "GREEN":
        return clear(fact.observed_at)
    severity = Severity.CRITICAL if rating == "RED" else Severity.WARNING
    return firing(severity, fact.observed_at, f"quality {rating}", evidence=[("raw", fact.raw or "")])


def rule(name: str, check: Any, timing: Timing, *, on_tick: bool) -> Rule:
    return Rule(
        name=name,
        kind=SubjectKind.PHONE_NUMBER,
        check=check,
        alertnames={Severity.CRITICAL: name},
        timing=timing,
        params=None,
        meaning="",
        cause="",
        owner=Owner.SRE,
        steps=(),
        on_tick=on_tick,
    )


POLICY = Policy(
    rules=(
        rule("Flag", check_flag, Timing(min_observations=1), on_tick=False),
        rule("Quality", check_quality, Timing(for_=INTERVAL, keep_firing_for=INTERVAL), on_tick=True),
    ),
    manner=Manner(
        receivers=("slack", "log"),
        mentions=True,
        escalation_receiver="webhook",
        patience=Patience(group_wait=timedelta(seconds=5), storm_groups=2),
    ),
    tick_interval=INTERVAL,
)

# --- what can happen --------------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBERS_OF_ANY_KIND = st.one_of(st.floats(allow_nan=False), st.integers(-(10**20), 10**20))
VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    GAUGE.name: NUMBERS_OF_ANY_KIND,
    FLAG.name: st.booleans(),
    TIMESTAMP.name: st.datetimes(timezones=st.just(UTC)),
    STATE_SET.name: st.sampled_from(["GREEN", "YELLOW", "RED"]),
    SPARSE.name: st.text(max_size=5),
    INFO.name: st.dictionaries(st.text(max_size=3), st.text(max_size=5), max_size=2),
    FLAG_MAP.name: st.dictionaries(TEXTS, st.booleans(), max_size=2),
    GAUGE_MAP.name: st.dictionaries(TEXTS, NUMBERS_OF_ANY_KIND, max_size=2),
}


@dataclass(frozen=True)
class Poll:
    readings: tuple[Reading, ...]
    outcome: str
    late_seconds: int
    present: frozenset[Subject] | None


@dataclass(frozen=True)
class Wait:
    seconds: float
    is_step: bool
    is_reboot: bool


@dataclass(frozen=True)
class Start:
    waba_ids: frozenset[str]
    rules: frozenset[str]


@dataclass(frozen=True)
class Do:
    what: str
    seconds: int


Move: TypeAlias = Poll | Wait | Start | Do


@st.composite
def readings(draw: st.DrawFn) -> tuple[Reading, ...]:
    """What the rules look at for one number or two, and anything else besides."""
    judged: list[Signal[Any]] = [FLAG, STATE_SET]
    about = [(number, signal) for number in NUMBERS[: draw(st.integers(1, 2))] for signal in judged]
    besides = draw(st.lists(st.tuples(st.sampled_from(NUMBERS), st.sampled_from(ANY_SIGNAL)), max_size=3))
    return tuple(
        signal.reading(
            number,
            draw(st.one_of(VALUES[signal.name], VALUES[signal.name], VALUES[signal.name], st.none())),
            raw=draw(st.one_of(st.none(), TEXTS)),
            is_recognised=draw(st.booleans()),
        )
        for number, signal in [*about, *besides]
    )


POLLS = st.builds(
    Poll,
    readings=readings(),
    outcome=st.sampled_from(["ok", "ok", "denied"]),
    late_seconds=st.sampled_from([0, 0, 0, 5, 100]),
    present=st.one_of(st.none(), st.none(), st.frozensets(st.sampled_from(NUMBERS))),
)
MOVES: st.SearchStrategy[list[Move]] = st.lists(
    st.one_of(
        *[POLLS] * 6,
        st.builds(Wait, seconds=st.floats(0, 90), is_step=st.just(False), is_reboot=st.booleans()),
        st.builds(Wait, seconds=st.floats(0, 7200), is_step=st.just(False), is_reboot=st.booleans()),
        st.builds(Wait, seconds=st.floats(-7200, 7200), is_step=st.just(True), is_reboot=st.just(False)),
        st.builds(
            Do,
            what=st.sampled_from(["silence", "unsilence", "acknowledge", "close", "rehearse", "digest"]),
            seconds=st.integers(1, 7200),
        ),
        st.builds(
            Start,
            waba_ids=st.sampled_from([frozenset({"100"}), frozenset({"100"}), frozenset[str]()]),
            rules=st.sampled_from([frozenset({"Flag", "Quality"}), frozenset({"Flag"})]),
        ),
    ),
    min_size=8,
    max_size=40,
)

# --- the daemon's core, with a store beneath --------------------------------------------------------------------------


@dataclass
class Daemon:
    store: SqliteStore
    clock: FakeClock = field(default_factory=FakeClock)
    state: State = field(default_factory=State)
    transitions: list[Transition] = field(default_factory=list)
    history: list[Change] = field(default_factory=list)
    announcements: list[Announcement] = field(default_factory=list)
    acts: int = 0

    async def make(self, move: Move) -> None:
        match move:
            case Wait():
                (self.clock.step if move.is_step else self.clock.advance)(move.seconds)
                self.clock.boot_id += "+" if move.is_reboot else ""
                await self._commit(Ticked(moment=self.clock.moment()))
            case Do():
                self.acts += 1
                act = Act(id=f"act {self.acts}", actor="ann", deed=self._deed(move))
                await self._commit(Acted(moment=self.clock.moment(), act=act))
                assert await self.store.acted(act.id)
            case Poll():
                self.clock.advance(20)
                await self._commit(self._polled(move))
                await self._commit(Woken(moment=self.clock.moment()))
            case Start():
                await self._restart()
                await self._commit(Started(moment=self.clock.moment(), monitored=self._monitored(move)))

    async def _commit(self, event: Event) -> None:
        state, changes = step(self.state, event, POLICY)
        await self.store.commit(changes)
        self.state = state
        self.transitions += changes.transitions
        self.history += changes.history
        self.announcements += changes.announcements

    async def _restart(self) -> None:
        """A new daemon knows what the old one stored, and nothing else."""
        await self.store.close()
        await self.store.open()
        loaded = await self.store.load(SIGNALS)
        # When time alone brings something is found anew.
        desk = replace(self.state.desk, next_at=None)
        assert loaded == replace(self.state, missing={}, members={}, version=0, desk=desk)
        self.state = loaded

    async def check(self) -> None:
        await self._restart()
        assert list(await self.store.transitions(limit=10_000)) == self.transitions
        assert list(await self.store.history(SIGNALS, limit=10_000)) == self.history
        assert (await self.store.outbox_figures()).due == len(self.announcements)
        happened = {TransitionId(each.key, each.episode, each.ordinal): each for each in self.transitions}
        delivered = await self._deliver_all()
        for to, group_id in {(each.receiver, each.group_id) for each in self.announcements}:
            own = [n for n in delivered if (n.receiver, n.group_id) == (to, group_id)]
            assert [(n.kind, n.created_at, n.transitions, n.mentions, n.note) for n in own] == [
                (each.kind, each.at, tuple(happened[item] for item in each.items), each.mentions, each.note)
                for each in self.announcements
                if (each.receiver, each.group_id) == (to, group_id)
            ]
        for group_id in {each.group_id for each in self.transitions if each.group_id}:
            story = await self.store.story(group_id)
            if not story.group.is_storm:
                assert list(story.transitions) == [each for each in self.transitions if each.group_id == group_id]

    async def _deliver_all(self) -> list[Notification]:
        delivered: list[Notification] = []
        never = datetime.max.replace(tzinfo=UTC)
        while batches := [
            batch
            for receiver in sorted(POLICY.manner.everybody())
            for batch in await self.store.due_batches(receiver, never, limit=3)
        ]:
            for batch in batches:
                ids = [each.id for each in batch.notifications]
                reference = await self.store.begin_attempt(ids, at=self.clock.now())
                await self.store.finish_attempt(reference, Receipt(), at=self.clock.now(), root_revision=None)
                delivered += batch.notifications
        return delivered

    def _deed(self, move: Do) -> Deed:
        open_keys = tuple(sorted(alert.key for alert in self.state.alerts.values() if alert.is_open))
        match move.what:
            case "silence":
                return SetSilence(
                    silence=Silence(
                        id=f"s{self.acts}",
                        matchers=(Matcher.parse("waba_id=100"),),
                        reason="we know",
                        author="ann",
                        starts_at=self.clock.now(),
                        ends_at=self.clock.now() + timedelta(seconds=move.seconds),
                    )
                )
            case "unsilence":
                return EndSilence(silence_id=min(self.state.desk.silences, default="none"))
            case "acknowledge":
                return Acknowledge(keys=open_keys)
            case "close":
                return ForceClose(keys=open_keys[:1], reason="mended")
            case "rehearse":
                return Rehearse(
                    rule="Flag",
                    subject=NUMBERS[0],
                    severity=Severity.CRITICAL,
                    what="a drill",
                    lasts=timedelta(seconds=move.seconds),
                )
            case _:
                return PostDigest(text="{}")

    def _polled(self, move: Poll) -> Polled:
        return Polled(
            moment=self.clock.moment(),
            probe="account",
            target=WABA,
            outcome=move.outcome,
            observed_at=self.clock.now() - timedelta(seconds=move.late_seconds),
            interval=INTERVAL,
            readings=move.readings,
            rosters=()
            if move.present is None
            else (Roster(parent=WABA, kind=SubjectKind.PHONE_NUMBER, present=move.present),),
            fault=None if move.outcome == "ok" else "code 190",
        )

    def _monitored(self, move: Start) -> Monitored:
        return Monitored(
            waba_ids=move.waba_ids,
            tokens=frozenset(),
            app_ids=frozenset(),
            versions=frozenset(),
            probes=frozenset({"account"}),
            rules=move.rules,
        )


@settings(max_examples=60)
@given(moves=MOVES)
def test_what_is_loaded_is_what_step_computed(moves: list[Move]) -> None:
    async def story(folder: str) -> None:
        daemon = Daemon(store=SqliteStore(Path(folder) / "wamon.db", synchronous="OFF", clock=FakeClock()))
        await daemon.store.open()
        try:
            for move in moves:
                await daemon.make(move)
            await daemon.check()
        finally:
            await daemon.store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(story(folder))
