"""Whatever comes in whatever order, the ledger says what a plain dictionary of messages says."""

import asyncio
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.fakes import START, FakeClock
from wamon.core import books
from wamon.core.books import Books
from wamon.core.delivery import DELIVERED, FAILED, OPT_OUT, PLAYED, READ, SENT, Update
from wamon.store import SqliteStore

DAY = 86400
NOW = int(START.timestamp())
NAMES = {SENT: "sent", DELIVERED: "delivered", READ: "read", FAILED: "failed", PLAYED: "played", OPT_OUT: "opt_out"}
IMPLIES = {
    "sent": {"sent"},
    "delivered": {"delivered", "sent"},
    "read": {"read", "delivered", "sent"},
    "played": {"played", "delivered", "sent"},
    "failed": {"failed"},
    "opt_out": set[str](),
}
HARD, SOFT, OTHER = 131026, 131049, 131042
CATEGORIES = [None, "marketing", "authentication", "somethings_new"]


@dataclass
class Message:
    """One message to one recipient, or one recipient's stop."""

    number: str
    seen: set[str] = field(default_factory=set)
    sent_at: int | None = None
    delivered_at: int | None = None
    code: int | None = None
    category: str | None = None

    @property
    def reached(self) -> set[str]:
        return {name for seen in self.seen for name in IMPLIES[seen]}

    @property
    def fate(self) -> str:
        if self.seen == {"opt_out"}:
            return "none"
        if "delivered" in self.reached:
            return "delivered"
        return "failed" if "failed" in self.seen else "open"


@dataclass(frozen=True)
class Plan:
    """What Meta may tell of one message: consistent stamps, each of which it may tell again and again."""

    name: int
    number: str
    sent_at: int
    delays: tuple[int, int, int, int]
    code: int
    category: str | None
    is_opt_out: bool

    def update(self, status: int, received_at: float) -> Update:
        order = (SENT, DELIVERED, READ, PLAYED, FAILED)
        delay = sum(self.delays[: order.index(status)]) if status in order[:4] else self.delays[0]
        return Update(
            "100",
            self.number,
            self.name.to_bytes(16, "big"),
            OPT_OUT if self.is_opt_out else status,
            self.sent_at + (0 if self.is_opt_out else delay),
            received_at,
            self.code if status == FAILED and not self.is_opt_out else None,
            self.category,
        )


DELAYS = st.sampled_from([0, 0, 1, 40, 3 * 3600, DAY, 9 * DAY])
PLANS = st.builds(
    Plan,
    name=st.integers(0, 2**64),
    number=st.sampled_from(["200", "201"]),
    sent_at=st.integers(NOW - 3 * DAY, NOW),
    delays=st.tuples(DELAYS, DELAYS, DELAYS, DELAYS),
    code=st.sampled_from([HARD, SOFT, OTHER]),
    category=st.sampled_from(CATEGORIES),
    is_opt_out=st.sampled_from([False] * 9 + [True]),
)
STATUSES = st.sampled_from([SENT, SENT, DELIVERED, DELIVERED, READ, FAILED, PLAYED])
# Which message, which status, and whether another batch begins after it.
MOVES = st.lists(st.tuples(st.integers(0, 7), STATUSES, st.booleans()), min_size=1, max_size=12)


class LedgerMachine(RuleBasedStateMachine):
    """`messages` is the dictionary; `books` is what a daemon shows, from the answers alone."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._runner = asyncio.Runner()
        self.store = SqliteStore(Path(self._folder.name) / "wamon.db", synchronous="OFF", clock=FakeClock())
        self._run(self.store.open())
        self.plans: list[Plan] = []
        self.messages: dict[int, Message] = {}
        self.books = Books()
        self.received_at = float(NOW)
        self.duplicates = 0
        self.events = 0

    def _run(self, coroutine: Any) -> Any:
        return self._runner.run(coroutine)

    def teardown(self) -> None:
        self._run(self.store.close())
        self._runner.close()
        self._folder.cleanup()

    # --- what happens -------------------------------------------------------------------------------------------------

    @initialize(plans=st.lists(PLANS, min_size=8, max_size=8, unique_by=lambda plan: plan.name))
    def plan(self, plans: list[Plan]) -> None:
        self.plans = plans

    @rule(moves=MOVES)
    def tell(self, moves: list[tuple[int, int, bool]]) -> None:
        batch: list[Update] = []
        for which, status, ends in moves:
            plan = self.plans[which]
            batch.append(plan.update(status, self.received_at))
            self._note(plan, batch[-1])
            if ends:
                self._record(batch)
                batch = []
        self._record(batch)

    @rule(seconds=st.sampled_from([1, 600, 5 * 3600, DAY]))
    def wait(self, seconds: int) -> None:
        self.received_at += seconds

    @rule(seconds=st.sampled_from([-400 * DAY, -DAY, -3600, 3600, 2 * DAY, 400 * DAY]))
    def step_clock(self, seconds: int) -> None:
        self.received_at = max(self.received_at + seconds, 1.0)

    @rule()
    def mend_clock(self) -> None:
        self.received_at = float(NOW + DAY)

    @rule()
    def restart(self) -> None:
        self._run(self.store.close())
        self._run(self.store.open())
        self.books = Books(self._run(self.store.tallied()))

    @rule()
    def settle(self) -> None:
        compaction = self.books.compaction(self.received_at)
        self._run(self.store.fold(compaction))
        self.books.apply(compaction)

    @precondition(lambda self: self.messages)
    @rule()
    def replay_everything(self) -> None:
        told = [
            plan.update(status, self.received_at)
            for plan in self.plans
            for status, name in NAMES.items()
            if plan.name in self.messages and name in self.messages[plan.name].seen and status != OPT_OUT
        ]
        for update in told:
            self._note(next(plan for plan in self.plans if plan.name == int.from_bytes(update.digest, "big")), update)
        self._record(told)

    def _record(self, batch: list[Update]) -> None:
        event = (books.WEBHOOK_EVENTS, "100", "", "messages", 0)
        self.events += 1
        self.books.apply(self._run(self.store.record(batch, counted={event: 1})))

    def _note(self, plan: Plan, update: Update) -> None:
        message = self.messages.setdefault(plan.name, Message(plan.number))
        name = NAMES[update.status]
        if name in message.seen:
            self.duplicates += 1
            return
        message.seen.add(name)
        if name == "opt_out":
            return
        if name == "sent":
            message.sent_at = update.at
        if name == "delivered":
            message.delivered_at = update.at
        if name == "failed":
            message.code = update.error_code
        message.category = message.category or update.category

    # --- what must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def sums_are_those_of_the_messages(self) -> None:
        told: defaultdict[str, Counter[Any]] = defaultdict(Counter)
        for (figure, _, number, label, bucket), value in self.books.totals.items():
            if value and bucket == 0:
                told[figure][number, label] += value
        messages = self.messages.values()
        assert told[books.STATUSES] == Counter((each.number, name) for each in messages for name in each.reached)
        assert told[books.FAILURE_CODES] == Counter(("", str(each.code)) for each in messages if each.code)
        assert told[books.BOUNCES] == Counter(
            (each.number, "hard" if each.code == HARD else "soft") for each in messages if each.code in (HARD, SOFT)
        )
        assert told[books.BY_CATEGORY] == Counter(("", each.category) for each in messages if each.category)
        assert told[books.OPT_OUTS] == Counter((each.number, "") for each in messages if "opt_out" in each.seen)
        assert told[books.DUPLICATES].total() == self.duplicates
        assert told[books.WEBHOOK_EVENTS].total() == self.events
        timed = [each for each in messages if each.sent_at is not None and each.delivered_at is not None]
        latencies = told[books.DELIVERY_SECONDS]
        assert latencies.pop(("", books.SUM), 0) == sum(
            1000 * (each.delivered_at - each.sent_at) for each in timed if each.delivered_at and each.sent_at
        )
        assert latencies.total() == len(timed)

    @invariant()
    def store_says_what_is_shown(self) -> None:
        tallied = self._run(self.store.tallied())
        assert Books(tallied).totals == {key: value for key, value in self.books.totals.items() if value}
        assert self._windows(Books(tallied)) == self._windows(self.books)

    def _windows(self, shown: Books) -> dict[tuple[str, str, str], int]:
        figures = (books.ATTEMPTED, books.SENT_MESSAGES, books.FAILED_MESSAGES, books.HARD_BOUNCED, books.OPEN)
        sums = {
            (waba_id, number, figure): shown.windowed(waba_id, number, figure, since=-1e18)
            for waba_id, number in shown.whose()
            for figure in figures
        }
        return {key: value for key, value in sums.items() if value}


class SteadyClockMachine(LedgerMachine):
    """Where the clock is right and the time short no message leaves the windows, so each stands in its cohort."""

    @rule()
    def wait(self) -> None:
        self.received_at += 1

    step_clock = None  # type: ignore[assignment] # what must not happen here
    mend_clock = None  # type: ignore[assignment] # what must not happen here

    @initialize(plans=st.lists(PLANS, min_size=8, max_size=8, unique_by=lambda plan: plan.name))
    def plan(self, plans: list[Plan]) -> None:
        self.plans = [
            Plan(**{**vars(plan), "sent_at": NOW - plan.name % 3600, "delays": (0, 1, 2, 0)}) for plan in plans
        ]

    @invariant()
    def cohorts_are_those_of_the_messages(self) -> None:
        shown = self.books
        for number in ("200", "201"):
            fates = Counter(each.fate for each in self.messages.values() if each.number == number)
            told = {
                figure: shown.windowed("100", number, figure, since=0)
                for figure in (books.ATTEMPTED, books.FAILED_MESSAGES, books.OPEN)
            }
            assert told == {
                books.ATTEMPTED: fates.total() - fates["none"],
                books.FAILED_MESSAGES: fates["failed"],
                books.OPEN: fates["open"],
            }


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=120, stateful_step_count=25)
TestSteadyClock = SteadyClockMachine.TestCase
TestSteadyClock.settings = settings(max_examples=80, stateful_step_count=15)
