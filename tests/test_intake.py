"""What is acknowledged is kept, exactly once, and what cannot be kept is not acknowledged."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FakeClock
from wamon import intake as intake_module
from wamon.core import books, figures
from wamon.core.books import Tally, TallyKey
from wamon.core.delivery import Update
from wamon.core.errors import StoreError
from wamon.core.health import Subject
from wamon.core.manner import Manner
from wamon.core.ports import Quarantined, signals_by_name
from wamon.core.state import Changes, Monitored, State, Ticked
from wamon.core.step import Policy
from wamon.engine import Engine
from wamon.intake import Intake, Sender
from wamon.rules import RULES
from wamon.signals import SIGNALS
from wamon.store import SqliteStore

WABA_ID = "102290129340398"
NUMBER_ID = "106540352242922"
SECRET, FORMER_SECRET, OTHER_SECRET = "0123456789abcdef", "former-secret", "other-secret"
SENDERS = (
    Sender(name="shop", app_id="610000000000001", verify_token="shop-word", secrets=(SECRET, FORMER_SECRET)),
    Sender(name="desk", app_id="610000000000002", verify_token="desk-word", secrets=(OTHER_SECRET,)),
)


class BrittleStore(SqliteStore):
    """The real store, which refuses while it is told to, and waits where it is told to."""

    is_refusing = False
    gate: asyncio.Event | None = None

    async def record(
        self,
        updates: Sequence[Update],
        *,
        counted: Mapping[TallyKey, int],
        quarantined: Sequence[Quarantined] = (),
    ) -> Tally:
        if self.gate is not None:
            await self.gate.wait()
        self._refuse()
        return await super().record(updates, counted=counted, quarantined=quarantined)

    async def commit(self, changes: Changes) -> None:
        self._refuse()
        await super().commit(changes)

    async def fold(self, compaction: Mapping[TallyKey, int]) -> None:
        self._refuse()
        await super().fold(compaction)

    async def unheard(self, digests: Collection[bytes]) -> frozenset[bytes]:
        self._refuse()
        return await super().unheard(digests)

    def _refuse(self) -> None:
        if self.is_refusing:
            raise StoreError("database: the disk is full: make room")


@dataclass
class Desk:
    """An intake on a real store, and what it told those around it."""

    intake: Intake
    engine: Engine
    store: BrittleStore
    clock: FakeClock
    commits: list[int] = field(default_factory=list)
    failures: int = 0
    bad_signatures: int = 0
    listening_since: datetime | None = None
    answers: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    transitions: list[str] = field(default_factory=list)

    async def post(self, body: bytes, *, secret: str = SECRET, app: str | None = None) -> int:
        return await self.intake.receive(app, body, sign(body, secret))

    async def tick(self) -> bool:
        self.clock.advance(15)
        await self.intake.settle()
        return await self.engine.observe(lambda moment: Ticked(moment=moment, figures=self.intake.figures(moment.at)))

    def total(self, figure: str) -> dict[str, int]:
        return {key[3]: count for key, count in self.intake.books.totals.items() if key[0] == figure}

    # The observer's part.
    def listening(self, since: datetime) -> None:
        self.listening_since = since

    def webhook_answered(self, code: int, seconds: float) -> None:
        self.answers.append(code)

    def signature_failed(self) -> None:
        self.bad_signatures += 1

    def ledger_committed(self, seconds: float, statuses: int) -> None:
        self.commits.append(statuses)

    def ledger_commit_failed(self) -> None:
        self.failures += 1

    def published(self, state: State, changes: Changes) -> None:
        self.transitions += [f"{each.rule} {each.kind}" for each in changes.transitions if each.is_announced]


@asynccontextmanager
async def a_desk(folder: Path, *, clock: FakeClock | None = None) -> AsyncIterator[Desk]:
    clock = clock or FakeClock()
    store = BrittleStore(folder / "wamon.db", synchronous="OFF", clock=clock)
    desk: Desk

    def publish(state: State, changes: Changes) -> None:
        desk.published(state, changes)

    engine = Engine(
        store=store,
        policy=Policy(rules=RULES, manner=Manner(receivers=("test",)), tick_interval=timedelta(seconds=15)),
        clock=clock,
        observer=_Quiet(),
        publish=publish,
    )
    asked: list[str] = []
    observer = _Relay()
    intake = Intake(
        ledger=store,
        engine=engine,
        senders=SENDERS,
        watched={WABA_ID: frozenset()},
        interval=timedelta(minutes=1),
        clock=clock,
        observer=observer,
        ask_poll=asked.append,
    )
    desk = observer.desk = Desk(intake=intake, engine=engine, store=store, clock=clock, asked=asked)
    await store.open()
    try:
        await engine.start(signals_by_name(SIGNALS), monitored())
        await intake.start()
        yield desk
    finally:
        store.is_refusing = False
        await store.close()


class _Quiet:
    def committed(self, seconds: float) -> None: ...

    def commit_failed(self) -> None: ...


class _Relay:
    """The observer is made before the desk that it tells."""

    desk: Desk

    def __getattr__(self, name: str) -> Any:
        return getattr(self.desk, name)


def monitored() -> Monitored:
    return Monitored(
        waba_ids=frozenset({WABA_ID}),
        tokens=frozenset(),
        app_ids=frozenset(),
        versions=frozenset(),
        probes=frozenset(),
        rules=frozenset(rule.name for rule in RULES),
    )


def sign(body: bytes, secret: str) -> bytes:
    return b"sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()


def envelope(field_name: str, value: Mapping[str, Any], *, time: int | None = None) -> bytes:
    entry: dict[str, Any] = {"id": WABA_ID, "changes": [{"field": field_name, "value": value}]}
    if time is not None:
        entry["time"] = time
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def statuses(clock: FakeClock, *told: tuple[str, str]) -> bytes:
    at = str(int(clock.now().timestamp()))
    found = [{"id": wamid, "status": word, "timestamp": at, "recipient_id": "15550100199"} for wamid, word in told]
    return envelope("messages", {"metadata": {"phone_number_id": NUMBER_ID}, "statuses": found})


def ban(clock: FakeClock) -> bytes:
    value = {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE", "waba_ban_date": "April 17, 2025"}}
    return envelope("account_update", value, time=int(clock.now().timestamp()))


def test_what_is_answered_200_survives_a_restart(tmp_path: Path) -> None:
    async def story() -> None:
        clock = FakeClock()
        async with a_desk(tmp_path, clock=clock) as desk:
            assert await desk.post(statuses(clock, ("one", "sent"), ("two", "read"))) == 200
            before = desk.total(books.STATUSES)

        async with a_desk(tmp_path, clock=clock) as desk:
            assert desk.total(books.STATUSES) == before == {"sent": 2, "delivered": 1, "read": 1}

    asyncio.run(story())


def test_a_repeated_request_counts_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_desk(tmp_path) as desk:
            body = statuses(desk.clock, ("one", "sent"))

            assert [await desk.post(body) for _ in range(3)] == [200, 200, 200]

            assert desk.total(books.STATUSES) == {"sent": 1}
            assert desk.total(books.DUPLICATES) == {"": 2}

    asyncio.run(story())


def test_requests_that_arrive_together_share_a_commit(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_desk(tmp_path) as desk:
            bodies = [statuses(desk.clock, (f"message-{index}", "sent")) for index in range(40)]

            answers = await asyncio.gather(*(desk.post(body) for body in bodies))

            assert set(answers) == {200}
            assert sum(desk.commits) == 40
            assert len(desk.commits) <= 3

    asyncio.run(story())


def test_nobody_is_answered_before_the_commit(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_desk(tmp_path) as desk:
            desk.store.gate = asyncio.Event()
            waiting = asyncio.create_task(desk.post(statuses(desk.clock, ("one", "sent"))))
            await asyncio.sleep(0.02)
            assert not waiting.done()
            assert desk.total(books.STATUSES) == {}

            desk.store.gate.set()

            assert await waiting == 200

    asyncio.run(story())


def test_a_store_that_refuses_is_answered_503_and_recovers(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_desk(tmp_path) as desk:
            body = statuses(desk.clock, ("one", "sent"))
            desk.store.is_refusing = True
            assert await desk.post(body) == 503
            assert desk.intake.problem == "database: the disk is full: make room"
            assert desk.total(books.STATUSES) == {}

            desk.store.is_refusing = False

            assert await desk.post(body) == 200
            assert desk.intake.problem is None
            assert desk.failures == 1
            assert desk.total(books.STATUSES) == {"sent": 1}

    asyncio.run(story())


@pytest.mark.parametrize("refused", [None, b"", b"sha256=" + b"0" * 64, sign(b"another body", SECRET)])
def test_a_bad_signature_is_refused_and_leaves_a_count_only(tmp_path: Path, refused: bytes | None) -> None:
    async def story() -> None:
        async with a_desk(tmp_path) as desk:
            answer = await desk.intake.receive(None, statuses(desk.clock, ("one", "sent")), refused)

            assert answer == 401
            assert desk.bad_signatures == 1
            assert desk.intake.books.totals == {}

    asyncio.run(story())


def test_both_secrets_are_good_while_one_is_rotated_and_a_path_is_one_app_s(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_desk(tmp_path) as desk:
            body = statuses(desk.clock, ("one", "sent"))

            assert await desk.post(body, secret=FORMER_SECRET) == 200
            assert await desk.post(body, secret=FORMER_SECRET, app="shop") == 200
            assert await desk.post(body, secret=OTHER_SECRET) == 200
            assert await desk.post(body, secret=OTHER_SECRET, app="desk") == 200
            assert await desk.post(body, secret=OTHER_SECRET, app="shop") == 401

    asyncio.run(story())


def test_the_handshake_asks_for_the_verify_token_of_the_app(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_desk(tmp_path) as desk:
            intake = desk.intake

            assert intake.handshake(None, "shop-word")
            assert intake.handshake(None, "desk-word")
            assert intake.handshake("desk", "desk-word")
            assert not intake.handshake("desk", "shop-word")
            assert not intake.handshake(None, "")
            assert not intake.handshake(None, "ünicode")
            assert [intake.is_app(name) for name in (None, "shop", "desk", "none")] == [True, True, True, False]

    asyncio.run(story())


def test_a_ban_is_an_alert_before_it_is_acknowledged(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_desk(tmp_path) as desk:
            assert await desk.post(ban(desk.clock)) == 200

            assert desk.transitions == ["WhatsAppAccountRestricted open"]
            assert desk.asked == [WABA_ID]
            assert desk.total(books.WEBHOOK_EVENTS) == {"account_update": 1}

    asyncio.run(story())


def test_a_notice_that_breaks_a_rule_is_put_aside_and_holds_up_nothing_else(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_desk(tmp_path) as desk:

            async def broken(event: object) -> bool:
                raise OverflowError("date value out of range")

            desk.engine.observe = broken  # type: ignore[method-assign]  # no rule is known to break
            notice, told = json.loads(ban(desk.clock)), json.loads(statuses(desk.clock, ("one", "sent")))
            notice["entry"] += told["entry"]

            assert await desk.post(json.dumps(notice).encode()) == 200

            assert desk.total(books.STATUSES) == {"sent": 1}
            assert desk.total(books.QUARANTINED) == {"broke_a_rule": 1}

    asyncio.run(story())


def test_the_problem_ends_with_the_next_write_though_no_webhook_comes(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_desk(tmp_path) as desk:
            desk.store.is_refusing = True
            assert await desk.post(statuses(desk.clock, ("one", "sent"))) == 503
            await desk.intake.settle()
            assert desk.intake.problem is not None

            desk.store.is_refusing = False
            await desk.intake.settle()
            desk.intake.store_works()

            assert desk.intake.problem is None

    asyncio.run(story())


def test_windows_do_not_age_by_a_clock_that_has_just_jumped(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_desk(tmp_path) as desk:
            await desk.post(statuses(desk.clock, ("one", "sent")))
            desk.clock.step(30 * 86400)
            await desk.intake.settle(is_clock_trusted=False)
            desk.clock.step(-30 * 86400)

            await desk.tick()

            number = Subject.phone_number(WABA_ID, NUMBER_ID)
            assert desk.engine.state.snapshot.value(number, figures.MESSAGES_ATTEMPTED) == {"1h": 1.0, "24h": 1.0}

    asyncio.run(story())


def test_a_large_fleet_is_told_a_share_a_tick_and_everybody_once_a_slot(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_desk(tmp_path) as desk:
            for index in range(300):
                value = {
                    "metadata": {"phone_number_id": f"1065{index:011d}"},
                    "statuses": [{"id": "a", "status": "sent"}],
                }
                await desk.post(envelope("messages", value))

            def numbers() -> int:
                told = desk.intake.figures(desk.clock.now())
                return sum(reading.signal.name == figures.MESSAGES_ATTEMPTED.name for reading in told)

            assert numbers() == 300
            assert numbers() == 0
            desk.clock.advance(300)
            assert 0 < numbers() <= 100
            assert sum(numbers() for _ in range(3)) >= 200
            assert numbers() == 0

    asyncio.run(story())


def test_a_repeated_notice_has_no_further_effect(tmp_path: Path) -> None:
    async def story() -> None:
        clock = FakeClock()
        body = ban(clock)
        async with a_desk(tmp_path, clock=clock) as desk:
            assert await desk.post(body) == 200
            assert await desk.post(body) == 200
            assert desk.asked == [WABA_ID]
        async with a_desk(tmp_path, clock=clock) as desk:
            version = desk.engine.state.version

            assert await desk.post(body) == 200

            assert desk.engine.state.version == version
            assert desk.total(books.DUPLICATES) == {"": 2}

    asyncio.run(story())


def test_a_notice_that_cannot_be_stored_is_heard_when_it_is_repeated(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_desk(tmp_path) as desk:
            body = ban(desk.clock)
            desk.store.is_refusing = True
            assert await desk.post(body) == 503
            assert desk.transitions == []

            desk.store.is_refusing = False

            assert await desk.post(body) == 200
            assert desk.transitions == ["WhatsAppAccountRestricted open"]

    asyncio.run(story())


def test_what_cannot_be_read_is_kept_as_a_skeleton_and_acknowledged(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_desk(tmp_path) as desk:
            assert await desk.post(b"{not json") == 200
            assert await desk.post(b'{"object": "whatsapp_business_account", "entry": 7}') == 200

            kept = await desk.store.quarantine(limit=10)
            assert sum(desk.total(books.QUARANTINED).values()) == len(kept) == 2

    asyncio.run(story())


def test_what_waits_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_module, "MOST_WAITING", 3)

    async def story() -> None:
        async with a_desk(tmp_path) as desk:
            gate = desk.store.gate = asyncio.Event()
            many = statuses(desk.clock, ("one", "sent"), ("two", "sent"), ("three", "sent"))
            waiting = asyncio.create_task(desk.post(many))
            await asyncio.sleep(0.01)

            assert await desk.post(statuses(desk.clock, ("four", "sent"))) == 503

            gate.set()
            assert await waiting == 200
            assert await desk.post(statuses(desk.clock, ("four", "sent"))) == 200

    asyncio.run(story())


def test_who_leaves_does_not_take_the_others_along(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_desk(tmp_path) as desk:
            gate = desk.store.gate = asyncio.Event()
            first, second = (
                asyncio.create_task(desk.post(statuses(desk.clock, (name, "sent")))) for name in ("one", "two")
            )
            await asyncio.sleep(0.01)
            second.cancel()
            gate.set()
            assert await first == 200

            gate.clear()
            first, second = (
                asyncio.create_task(desk.post(statuses(desk.clock, (name, "sent")))) for name in ("three", "four")
            )
            await asyncio.sleep(0.01)
            first.cancel()
            gate.set()

            # It was not told that it is kept, so it asks for a repetition.
            assert await second == 503
            assert await desk.post(statuses(desk.clock, ("four", "sent"))) == 200

    asyncio.run(story())


def test_a_tick_tells_the_figures_of_those_who_sent(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_desk(tmp_path) as desk:
            told = [(f"message-{index}", "sent") for index in range(60)]
            await desk.post(statuses(desk.clock, *told))

            await desk.tick()

            number = Subject.phone_number(WABA_ID, NUMBER_ID)
            snapshot = desk.engine.state.snapshot
            assert snapshot.value(number, figures.MESSAGES_ATTEMPTED) == {"1h": 60.0, "24h": 60.0}
            assert snapshot.value(number, figures.FAILURE_RATIO) == {"1h": 0.0, "24h": 0.0}
            assert (snapshot.value(Subject.waba(WABA_ID), figures.LAST_EVENT) or {}).keys() == {"messages"}
            tally = snapshot.value(Subject.instance(), figures.RECEIVER_TALLY) or {}
            assert (tally["accepted"], tally["bad_signatures"]) == (1.0, 0.0)
            assert desk.listening_since is not None
            assert tally["listening_since"] == desk.listening_since.timestamp()
            assert desk.intake.changed_totals()
            assert desk.intake.changed_totals() == {}

    asyncio.run(story())


def test_figures_that_were_not_taken_are_told_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_desk(tmp_path) as desk:
            await desk.post(statuses(desk.clock, ("one", "sent")))
            desk.store.is_refusing = True
            assert not await desk.tick()
            desk.intake.figures_refused()

            desk.store.is_refusing = False
            await desk.tick()

            number = Subject.phone_number(WABA_ID, NUMBER_ID)
            assert desk.engine.state.snapshot.value(number, figures.MESSAGES_ATTEMPTED) == {"1h": 1.0, "24h": 1.0}
            assert desk.engine.state.snapshot.value(Subject.waba(WABA_ID), figures.LAST_EVENT)

    asyncio.run(story())


def test_requests_with_bad_signatures_are_remembered_for_a_quarter_of_an_hour(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_desk(tmp_path) as desk:
            for _ in range(4):
                await desk.intake.receive(None, b"{}", sign(b"{}", "of somebody else"))
                # What has no signature at all can come from anybody.
                await desk.intake.receive(None, b"hello", None)
                await desk.intake.receive(None, b"hello", b"sha256=hello")

            def seen() -> float:
                for reading in desk.intake.figures(desk.clock.now()):
                    if reading.signal.name == figures.RECEIVER_TALLY.name:
                        assert isinstance(reading.value, Mapping)
                        return float(reading.value["bad_signatures"])
                raise AssertionError("the receiver's figures are told at each tick")

            assert seen() == 4.0
            desk.clock.step(-3600)
            assert seen() == 0.0
            desk.clock.step(3600)
            assert seen() == 4.0
            desk.clock.advance(16 * 60)
            assert seen() == 0.0

    asyncio.run(story())
