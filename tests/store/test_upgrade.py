"""What an outbox of alerts still owes is not lost when it becomes an outbox of announcements."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from tests.fakes import START, FakeClock
from tests.store.contract import CLOSE, OPEN, RAISE, Run
from tests.store.samples import MOMENT, NUMBER, OTHER_NUMBER, SIGNALS, alert, identity, later, transition
from wamon.core.alerting import Alert, AlertState, Severity, Timing, Transition, TransitionKind
from wamon.core.desk import Act, Announcement, AnnouncementKind, ForceClose
from wamon.core.health import SubjectKind
from wamon.core.manner import Manner
from wamon.core.outgoing import Attempt, Notification, Receipt
from wamon.core.ports import Owner, Resumed, Rule
from wamon.core.state import Acted, Changes, Event, Monitored, Started, State, Woken
from wamon.core.step import Policy, step
from wamon.core.timing import Moment
from wamon.store import SqliteStore
from wamon.store.migrations import APPLICATION_ID, migrations
from wamon.store.rows import alert_row, microseconds, transition_row

OPENED = transition(OPEN, 1)
ENDED = alert(state=AlertState.INACTIVE, last_observed_at=later(2), ordinal=2)


@dataclass(frozen=True, kw_only=True)
class Owed:
    """A row of the outbox as it was."""

    of: Transition
    state: str = "due"
    receiver: str = "slack"
    attempts: int = 0
    attempted_at: datetime | None = None
    is_possible_duplicate: bool = False
    problem: str | None = None


def write(database: Path, alerts: list[Alert], transitions: list[Transition], *rows: Owed) -> None:
    """A database as the version before had it, at MOMENT."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        migrations().apply(Database(connection, execute_plugins=False), stop_before="m0003_telling")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        at = microseconds(MOMENT.at)
        connection.execute(
            "INSERT INTO instance VALUES (1, 'a1b2c3d4e5f6', ?, ?, ?, ?)", (at, at, MOMENT.boot_id, MOMENT.monotonic)
        )
        for each in alerts:
            values = alert_row(each)[:20]
            connection.execute(f"INSERT INTO alerts VALUES ({_marks(values)})", values)
        seqs = {}
        for told in transitions:
            values = (None, *transition_row(told)[:16])
            cursor = connection.execute(f"INSERT INTO alert_transitions VALUES ({_marks(values)})", values)
            seqs[identity(told)] = cursor.lastrowid
        for row in rows:
            connection.execute(
                """
                INSERT INTO outbox (transition_seq, alert_key, receiver, state, attempts, created_at, due_at,
                                    attempted_at, finished_at, is_possible_duplicate, last_reason, problem)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                (
                    seqs[identity(row.of)],
                    row.of.key,
                    row.receiver,
                    row.state,
                    row.attempts,
                    microseconds(row.of.at),
                    microseconds(row.of.at),
                    microseconds(row.attempted_at) if row.attempted_at else None,
                    microseconds(row.of.at) if row.state in ("done", "dead") else None,
                    row.is_possible_duplicate,
                    row.problem,
                    row.problem,
                ),
            )


def _marks(values: tuple[Any, ...]) -> str:
    return ", ".join("?" * len(values))


@dataclass
class Daemon:
    """The daemon of this version, as far as it decides what to tell: it starts a minute after the old one stopped."""

    run: Run
    store: SqliteStore
    state: State
    now: datetime = START + timedelta(minutes=1)

    def take(self, event: Event) -> Changes:
        self.state, changes = step(self.state, event, POLICY)
        self.run(self.store.commit(changes))
        return changes

    @property
    def moment(self) -> Moment:
        return Moment(at=self.now, boot_id=MOMENT.boot_id, monotonic=MOMENT.monotonic + (self.now - START).seconds)

    def start(self) -> tuple[Announcement, ...]:
        return self.take(Started(moment=self.moment, monitored=MONITORED)).announcements

    def live(self, duration: timedelta) -> list[Announcement]:
        """Everything that time alone brings up."""
        told: list[Announcement] = []
        end = self.now + duration
        while (next_at := self.state.desk.next_at) is not None and next_at <= end:
            self.now = next_at
            told += self.take(Woken(moment=self.moment)).announcements
        self.now = end
        return told

    def close(self, key: str) -> list[Announcement]:
        deed = ForceClose(keys=(key,), reason="mended")
        at_once = self.take(Acted(moment=self.moment, act=Act(id=f"a-{key}", actor="ann", deed=deed))).announcements
        return [*at_once, *self.live(timedelta(minutes=5))]

    def due(self) -> dict[int, list[Notification]]:
        batches = self.run(self.store.due_batches("slack", self.now, limit=100))
        return {batch.group_id: list(batch.notifications) for batch in batches}


RULE = Rule(
    name="quality",
    kind=SubjectKind.PHONE_NUMBER,
    check=lambda view, params, now: None,
    alertnames={Severity.CRITICAL: "Quality"},
    timing=Timing(),
    params=None,
    meaning="",
    cause="",
    owner=Owner.SRE,
    steps=(),
)
POLICY = Policy(rules=(RULE,), manner=Manner(receivers=("slack",)), tick_interval=timedelta(seconds=15))
MONITORED = Monitored(
    waba_ids=frozenset({"100"}),
    tokens=frozenset(),
    app_ids=frozenset(),
    versions=frozenset(),
    probes=frozenset(),
    rules=frozenset({"quality"}),
)


class Upgrade:
    """Opens databases of the version before, and closes them in the end."""

    def __init__(self, run: Run, folder: Path) -> None:
        self._run = run
        self._file = folder / "wamon.db"
        self._stores: list[SqliteStore] = []

    def __call__(self, alerts: list[Alert], transitions: list[Transition], *rows: Owed) -> Daemon:
        write(self._file, alerts, transitions, *rows)
        store = SqliteStore(self._file, synchronous="OFF", clock=FakeClock())
        self._stores.append(store)
        self._run(store.open())
        with closing(sqlite3.connect(self._file)) as connection:
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        return Daemon(self._run, store, self._run(store.load(SIGNALS)))

    def close(self) -> None:
        for store in self._stores:
            self._run(store.close())


@pytest.fixture
def upgraded(run: Run, tmp_path: Path) -> Iterator[Upgrade]:
    upgrade = Upgrade(run, tmp_path)
    yield upgrade
    upgrade.close()


def test_open_alert_that_was_told_is_not_told_again(upgraded: Upgrade) -> None:
    daemon = upgraded([alert()], [OPENED], Owed(of=OPENED, state="done"))

    assert daemon.start() == ()

    assert daemon.live(timedelta(minutes=30)) == []
    assert daemon.due() == {}
    (group,) = daemon.state.desk.groups.values()
    assert (group.id, group.members, group.told_at) == (1, (OPENED.key,), START)
    standing = daemon.state.desk.standings[OPENED.key]
    assert (standing.told, standing.told_to) == (Severity.CRITICAL, frozenset({"slack"}))


def test_close_of_an_alert_that_was_told_is_told(upgraded: Upgrade) -> None:
    daemon = upgraded([alert()], [OPENED], Owed(of=OPENED, state="done"))
    daemon.start()

    (told,) = daemon.close(OPENED.key)

    assert (told.kind, told.receiver, [item.ordinal for item in told.items]) == (AnnouncementKind.NEWS, "slack", [2])
    assert list(daemon.due()) == [told.group_id]
    assert daemon.state.desk.groups == {}


def test_severity_that_was_told_last_is_what_people_believe(upgraded: Upgrade) -> None:
    raised = transition(RAISE, 3, at=later(0.5))
    between = transition(TransitionKind.STALE, 2)
    daemon = upgraded(
        [alert(ordinal=3)], [OPENED, between, raised], Owed(of=OPENED, state="done"), Owed(of=raised, state="done")
    )

    standing = daemon.state.desk.standings[OPENED.key]

    assert standing.latest is not None
    assert (standing.latest.id, standing.latest.kind) == (identity(raised), RAISE)
    assert daemon.start() == ()


def test_what_waits_is_still_owed_and_what_follows_goes_with_it(upgraded: Upgrade) -> None:
    raised = transition(RAISE, 2, at=later(0.5))
    daemon = upgraded([alert(ordinal=2)], [OPENED, raised], Owed(of=OPENED), Owed(of=raised))
    assert daemon.start() == ()
    waiting = daemon.due()

    (told,) = daemon.close(OPENED.key)

    ordinals = [each.transitions[0].ordinal for each in waiting[1]]
    assert (ordinals, [each.kind for each in waiting[1]]) == ([1, 2], [AnnouncementKind.NEWS] * 2)
    assert [[each.kind for each in n.transitions] for n in daemon.due()[1]] == [[OPEN], [RAISE], [CLOSE]]
    assert told.sequence > 2


def test_what_is_owed_of_an_alert_that_is_over_is_told_of_a_group_that_is(run: Run, upgraded: Upgrade) -> None:
    closed = transition(CLOSE, 2, at=later(0.9))
    daemon = upgraded([ENDED], [OPENED, closed], Owed(of=OPENED, state="done"), Owed(of=closed))

    assert daemon.start() == ()

    ((group_id, (owed,)),) = daemon.due().items()
    story = run(daemon.store.story(group_id))
    assert owed.transitions == (replace(closed, group_id=group_id),)
    assert [each.kind for each in story.transitions] == [OPEN, CLOSE]
    assert story.group.closed_at == ENDED.last_observed_at
    assert (daemon.state.desk.groups, daemon.state.desk.standings) == ({}, {})


@pytest.mark.parametrize(
    "row",
    [
        Owed(of=OPENED, state="sending", attempts=1, attempted_at=later(0.5)),
        Owed(of=OPENED, attempts=1, attempted_at=later(0.5), is_possible_duplicate=True),
    ],
    ids=["interrupted", "possible duplicate"],
)
def test_what_may_have_arrived_is_looked_for(run: Run, upgraded: Upgrade, row: Owed) -> None:
    daemon = upgraded([alert()], [OPENED], row)
    daemon.start()

    (batch,) = run(daemon.store.due_batches("slack", daemon.now, limit=9))
    ids = [each.id for each in batch.notifications]
    reference = run(daemon.store.begin_attempt(ids, at=daemon.now))
    run(daemon.store.finish_attempt(reference, Receipt(), at=daemon.now, root_revision=1))

    assert batch.unconfirmed == Attempt(reference=batch.unconfirmed.reference, started_at=later(0.5))
    assert batch.notifications[0].attempts == 1
    assert reference.startswith("a1b2c3d4-")
    assert daemon.due() == {}


def test_dead_letter_of_an_open_alert_is_owed_once_more_and_not_twice(run: Run, upgraded: Upgrade) -> None:
    daemon = upgraded([alert()], [OPENED], Owed(of=OPENED, state="dead", attempts=1, problem="archived"))
    before = run(daemon.store.outbox_figures())

    told = daemon.start()
    resumed = run(daemon.store.resume_outbox(["slack"], at=daemon.now, look_at=daemon.now))

    assert (before.dead, before.problems) == (1, (("slack", "archived"),))
    assert (told, resumed) == ((), Resumed(owed=1))
    assert [len(owed) for owed in daemon.due().values()] == [1]


def test_what_waits_for_a_human_is_tried_at_the_start(run: Run, upgraded: Upgrade) -> None:
    waiting = Owed(of=replace(OPENED, at=later(90)), attempts=1, attempted_at=START, problem="archived")
    daemon = upgraded([alert()], [waiting.of], waiting)

    run(daemon.store.resume_outbox(["slack"], at=daemon.now, look_at=daemon.now))

    assert list(daemon.due()) == [1]


def test_receiver_that_was_never_told_is_told_of_what_is_open(upgraded: Upgrade) -> None:
    daemon = upgraded([alert()], [OPENED], Owed(of=OPENED, state="done", receiver="gone"))

    (told,) = daemon.start()

    assert (told.receiver, told.kind, told.items) == ("slack", AnnouncementKind.REPEAT, (identity(OPENED),))


def test_each_alert_becomes_a_group_of_its_own(run: Run, upgraded: Upgrade) -> None:
    other = alert(subject=OTHER_NUMBER)
    theirs = replace(OPENED, key=other.key, subject=OTHER_NUMBER)
    daemon = upgraded([alert(), other], [OPENED, theirs], Owed(of=OPENED, state="done"), Owed(of=theirs))
    daemon.start()

    stories = [run(daemon.store.story(group_id)) for group_id in daemon.state.desk.groups]

    assert sorted(tuple(each.subject for each in story.transitions) for story in stories) == [
        (NUMBER,),
        (OTHER_NUMBER,),
    ]
    assert {story.group.key.waba_id for story in stories} == {"100"}
    assert daemon.state.desk.last_group_id == 2


def test_life_before_the_present_one_belongs_to_nobody(run: Run, upgraded: Upgrade) -> None:
    earlier = [transition(OPEN, 1), transition(CLOSE, 2)]
    now = transition(OPEN, 1, episode=2, at=later(0.5))
    daemon = upgraded([alert(episode=2)], [*earlier, now], *(Owed(of=each, state="done") for each in (*earlier, now)))

    assert run(daemon.store.story(1)).transitions == (replace(now, group_id=1),)
    assert [each.group_id for each in run(daemon.store.transitions())] == [0, 0, 1]


def test_alert_that_only_may_come_is_not_talked_about(upgraded: Upgrade) -> None:
    pending = alert(state=AlertState.PENDING, episode=0, ordinal=0, opened_at=None)
    daemon = upgraded([pending], [])

    assert daemon.start() == ()

    assert (daemon.state.desk.groups, daemon.state.desk.standings) == ({}, {})
