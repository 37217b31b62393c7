"""Whatever is sent, lost, looked for and given up in whatever order, the outbox owes what plain dictionaries say."""

import asyncio
import tempfile
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.fakes import START, FakeClock
from tests.store.samples import announcement, changes, group, transition
from wamon.core.alerting import TransitionKind
from wamon.core.desk import AnnouncementKind
from wamon.core.outgoing import Batch, Receipt
from wamon.store import SqliteStore

RECEIVERS = ("slack", "log")
GROUPS = (1, 2, 3)
SECONDS = st.integers(0, 90)


@dataclass(kw_only=True)
class Row:
    """What is owed; `state` is as the store names it, `attempt` the one that has to be looked for or is under way."""

    id: int
    receiver: str
    group_id: int
    is_news: bool
    about: int
    created_at: datetime
    due_at: datetime
    state: str = "due"
    attempts: int = 0
    attempted_at: datetime | None = None
    attempt: "Try | None" = None
    has_problem: bool = False
    is_instead: bool = False

    @property
    def is_waiting(self) -> bool:
        return self.state in ("due", "sending")

    @property
    def is_unconfirmed(self) -> bool:
        return self.attempt is not None and self.attempt.is_unconfirmed


@dataclass(kw_only=True, eq=False)
class Try:
    """An attempt, from its beginning to its end."""

    reference: str
    started_at: datetime
    rows: list[Row]
    looks: int = 0
    is_unconfirmed: bool = False


@dataclass(kw_only=True)
class Root:
    """A message that stands for a group."""

    shown: int = 0
    is_there: bool = True


@dataclass(kw_only=True)
class Expected:
    """The outbox as plain dictionaries."""

    rows: list[Row] = field(default_factory=list)
    revisions: dict[int, int] = field(default_factory=lambda: dict.fromkeys(GROUPS, 1))
    roots: dict[tuple[str, int], Root] = field(default_factory=dict)

    def owe(
        self, receiver: str, group_id: int, about: int, now: datetime, *, is_news: bool, is_instead: bool = False
    ) -> None:
        self.rows.append(
            Row(
                id=len(self.rows) + 1,
                receiver=receiver,
                group_id=group_id,
                is_news=is_news,
                about=about,
                created_at=now,
                due_at=now,
                is_instead=is_instead,
            )
        )

    def knows(self, receiver: str, about: int) -> bool:
        return any(row.is_news and (row.receiver, row.about) == (receiver, about) for row in self.rows)

    def is_told_instead(self, receiver: str, group_id: int) -> bool:
        """Whether it holds something of the group meant for somebody else, and had news of the one alert there is."""
        rows = [row for row in self.rows if row.receiver == receiver]
        return any(row.is_instead and row.group_id == group_id for row in rows) and any(row.is_news for row in rows)

    def of_group(self, receiver: str, group_id: int) -> list[Row]:
        return [row for row in self.rows if (row.receiver, row.group_id) == (receiver, group_id) and row.is_waiting]

    def heads(self, receiver: str) -> list[list[Row]]:
        """What would go out next of each group, had its time come."""
        found = []
        for group_id in GROUPS:
            waiting = self.of_group(receiver, group_id)
            unconfirmed = [row for row in waiting if row.is_unconfirmed]
            if waiting and all(row.state == "due" for row in waiting):
                first = unconfirmed[0].attempt if unconfirmed else None
                found.append([row for row in waiting if row.attempt is first] if first else waiting)
        return sorted(found, key=lambda rows: rows[0].id)

    def under_way(self) -> list[Try]:
        found = {id(row.attempt): row.attempt for row in self.rows if row.state == "sending" and row.attempt}
        return list(found.values())

    def unconfirmed(self) -> list[Try]:
        found = {id(row.attempt): row.attempt for row in self.rows if row.is_waiting and row.is_unconfirmed}
        return [attempt for attempt in found.values() if attempt]

    def stale(self, receiver: str) -> list[tuple[int, int, int]]:
        return [
            (group_id, root.shown, self.revisions[group_id])
            for (to, group_id), root in sorted(self.roots.items())
            if to == receiver
            and root.is_there
            and root.shown < self.revisions[group_id]
            and not any(row.state == "sending" for row in self.of_group(receiver, group_id))
        ]


class OutboxMachine(RuleBasedStateMachine):
    """One store and its model, with a clock that goes both ways."""

    def __init__(self) -> None:
        super().__init__()
        self.expected = Expected()
        self.now = START
        self.told = 0
        self.sequence = 0
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.store = SqliteStore(Path(self.folder.name) / "wamon.db", synchronous="OFF", clock=FakeClock())

    def run(self, call: Any) -> Any:
        return self.runner.run(call)

    @initialize()
    def open(self) -> None:
        self.run(self.store.open())
        self.run(self.store.commit(changes(groups=tuple(map(group, GROUPS)))))

    def teardown(self) -> None:
        self.run(self.store.close())
        self.runner.close()
        self.folder.cleanup()

    # --- what happens -------------------------------------------------------------------------------------------------

    @rule(group_id=st.sampled_from(GROUPS), to=st.sets(st.sampled_from(RECEIVERS), min_size=1), is_news=st.booleans())
    def announce(self, group_id: int, to: set[str], *, is_news: bool) -> None:
        self.told += 1
        self.sequence += 1
        kind = AnnouncementKind.NEWS if is_news else AnnouncementKind.REPEAT
        told = transition(TransitionKind.OPEN, self.told, at=self.now)
        receivers = sorted(to)
        announced = [announcement(told, group_id=group_id, receiver=receiver, kind=kind) for receiver in receivers]
        revision = self.expected.revisions[group_id] = self.expected.revisions[group_id] + 1
        numbered = tuple(replace(each, sequence=self.sequence) for each in announced)
        self.run(self.store.commit(changes(told, groups=(group(group_id, revision=revision),), announcements=numbered)))
        for receiver in receivers:
            self.expected.owe(receiver, group_id, self.told, self.now, is_news=is_news)
        for other in set(RECEIVERS) - to:
            # Who was told in another's place hears how it goes on.
            if is_news and self.expected.is_told_instead(other, group_id):
                self.expected.owe(other, group_id, self.told, self.now, is_news=True, is_instead=True)

    @rule(seconds=st.integers(-60, 120))
    def pass_time(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: any(self.expected.heads(receiver) for receiver in RECEIVERS))
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        rows = data.draw(st.sampled_from([head for to in RECEIVERS for head in self.expected.heads(to)]))
        reference = self.run(self.store.begin_attempt([row.id for row in rows], at=self.now))
        attempt = Try(reference=reference, started_at=self.now, rows=list(rows))
        for row in rows:
            row.state, row.attempt, row.attempted_at = "sending", attempt, self.now
            row.attempts += 1

    @precondition(lambda self: self.expected.under_way() or self.expected.unconfirmed())
    @rule(data=st.data(), is_root=st.booleans())
    def finish(self, data: st.DataObject, *, is_root: bool) -> None:
        attempt = data.draw(st.sampled_from([*self.expected.under_way(), *self.expected.unconfirmed()]))
        row = attempt.rows[0]
        shown = self.expected.revisions[row.group_id] - 1
        receipt = Receipt(channel="C1", message_id=attempt.reference)
        revision = shown if is_root else None
        self.run(self.store.finish_attempt(attempt.reference, receipt, at=self.now, root_revision=revision))
        if is_root:
            self.expected.roots[row.receiver, row.group_id] = Root(shown=shown)
        attempt.is_unconfirmed = False
        for each in attempt.rows:
            each.state = "done"
        for each in self.expected.rows:
            each.has_problem = each.has_problem and each.receiver != row.receiver

    @precondition(lambda self: self.expected.under_way() or self.expected.unconfirmed())
    @rule(data=st.data(), seconds=SECONDS, may_have_arrived=st.booleans(), is_problem=st.booleans())
    def defer(self, data: st.DataObject, seconds: int, *, may_have_arrived: bool, is_problem: bool) -> None:
        attempt = data.draw(st.sampled_from([*self.expected.under_way(), *self.expected.unconfirmed()]))
        due_at = self.now + timedelta(seconds=seconds)
        self.run(
            self.store.defer_attempt(
                attempt.reference,
                due_at=due_at,
                reason="timeout",
                may_have_arrived=may_have_arrived,
                is_problem=is_problem,
            )
        )
        for row in attempt.rows:
            row.has_problem = row.has_problem or is_problem
        self._wait(attempt, due_at, is_unconfirmed=may_have_arrived)

    @precondition(lambda self: self.expected.unconfirmed())
    @rule(data=st.data(), seconds=SECONDS)
    def look(self, data: st.DataObject, seconds: int) -> None:
        attempt = data.draw(st.sampled_from(self.expected.unconfirmed()))
        due_at = self.now + timedelta(seconds=seconds)
        self.run(self.store.looked_in_vain(attempt.reference, due_at=due_at))
        self._wait(attempt, due_at, is_unconfirmed=True)
        attempt.looks += 1

    @precondition(lambda self: any(row.is_waiting for row in self.expected.rows))
    @rule(data=st.data(), is_handed_over=st.booleans())
    def give_up(self, data: st.DataObject, *, is_handed_over: bool) -> None:
        row = data.draw(st.sampled_from([row for row in self.expected.rows if row.is_waiting]))
        rows = row.attempt.rows if row.attempt and row.state == "sending" else [row]
        if row.is_unconfirmed and row.attempt is not None:
            rows = row.attempt.rows
        ids = [each.id for each in rows]
        (other,) = set(RECEIVERS) - {row.receiver}
        if is_handed_over:
            owed = self.run(self.store.hand_over(ids, to=other, at=self.now, reason="archived"))
            unknown = [each for each in rows if not (each.is_news and self.expected.knows(other, each.about))]
            assert owed == len(unknown)
            for each in unknown:
                self.expected.owe(other, each.group_id, each.about, self.now, is_news=each.is_news, is_instead=True)
        else:
            self.run(self.store.bury(ids, at=self.now, reason="archived"))
        for each in rows:
            each.state, each.attempt, each.has_problem = "dead", None, True

    @rule(group_id=st.sampled_from(GROUPS), receiver=st.sampled_from(RECEIVERS), is_lost=st.booleans())
    def edit(self, group_id: int, receiver: str, *, is_lost: bool) -> None:
        root = self.expected.roots.get((receiver, group_id), Root())
        if is_lost:
            self.run(self.store.thread_lost(receiver, group_id))
            root.is_there = False
        else:
            revision = self.expected.revisions[group_id]
            self.run(self.store.thread_shown(receiver, group_id, revision))
            root.shown = revision

    @rule(seconds=SECONDS)
    def restart(self, seconds: int) -> None:
        look_at = self.now + timedelta(seconds=seconds)
        self.run(self.store.close())
        self.run(self.store.open())
        interrupted = self.expected.under_way()
        dead = [row for row in self.expected.rows if row.state == "dead"]

        resumed = self.run(self.store.resume_outbox(RECEIVERS, at=self.now, look_at=look_at))

        assert (resumed.interrupted, resumed.owed, resumed.orphans) == (len(interrupted), len(dead), ())
        for attempt in interrupted:
            self._wait(attempt, look_at, is_unconfirmed=True)
        for row in dead:
            row.state, row.attempts, row.attempted_at, row.attempt = "due", 0, None, None
            row.created_at = row.due_at = self.now
        for row in self.expected.rows:
            if row.state == "due" and row.has_problem and not row.is_unconfirmed:
                row.due_at = self.now

    def _wait(self, attempt: Try, due_at: datetime, *, is_unconfirmed: bool) -> None:
        attempt.is_unconfirmed = is_unconfirmed
        for row in attempt.rows:
            row.state, row.due_at = "due", due_at
            if not is_unconfirmed:
                row.attempt = None

    # --- what must hold -----------------------------------------------------------------------------------------------

    def _due_at(self, row: Row) -> datetime:
        return self.now if (row.attempted_at or row.created_at) > self.now else row.due_at

    @invariant()
    def due_is_what_the_model_says(self) -> None:
        for receiver in RECEIVERS:
            heads = self.expected.heads(receiver)
            due = [rows for rows in heads if self._due_at(rows[0]) <= self.now]
            batches = self.run(self.store.due_batches(receiver, self.now, limit=9))
            assert list(map(_seen, batches)) == [_modelled(rows) for rows in due]
            next_at = min((self._due_at(rows[0]) for rows in heads), default=None)
            assert self.run(self.store.next_due_at(receiver, self.now)) == next_at

    @invariant()
    def stale_is_what_the_model_says(self) -> None:
        for receiver in RECEIVERS:
            threads = self.run(self.store.stale_threads(receiver, limit=9))
            seen = [(each.group_id, each.shown_revision, each.wanted_revision) for each in threads]
            assert seen == self.expected.stale(receiver)

    @invariant()
    def figures_count_the_model(self) -> None:
        figures = self.run(self.store.outbox_figures())
        states = [row.state for row in self.expected.rows]
        counted = tuple(states.count(state) for state in ("due", "sending", "dead"))
        assert (figures.due, figures.sending, figures.dead) == counted
        waiting = [row.created_at for row in self.expected.rows if row.is_waiting]
        assert figures.oldest_created_at == min(waiting, default=None)
        troubled = {row.receiver for row in self.expected.rows if row.has_problem}
        assert {receiver for receiver, _ in figures.problems} == troubled


def _seen(batch: Batch) -> tuple[Any, ...]:
    attempt = batch.unconfirmed
    return (
        [(each.id, each.attempts, [t.ordinal for t in each.transitions]) for each in batch.notifications],
        attempt and (attempt.reference, attempt.started_at, attempt.looks),
    )


def _modelled(rows: list[Row]) -> tuple[Any, ...]:
    attempt = rows[0].attempt if rows[0].is_unconfirmed else None
    return (
        [(row.id, row.attempts, [row.about]) for row in rows],
        attempt and (attempt.reference, attempt.started_at, attempt.looks),
    )


TestOutbox = OutboxMachine.TestCase
TestOutbox.settings = settings(max_examples=40, stateful_step_count=30)
