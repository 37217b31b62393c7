"""Random stories of a desk, with overlays, restarts and clock faults, from one seed; and what must always hold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil
from random import Random

from tests.core.telling import BAD, CAUSE, CAUSE_SIGNAL
from tests.core.telling_oracle import Happened, Oracle
from tests.core.world import MONITORED, RATING
from tests.fakes import FakeClock
from wamon.core.alerting import CloseReason, Severity, Timing, TransitionKind, Verdict
from wamon.core.desk import (
    NO_GROUP,
    Acknowledge,
    Act,
    AnnouncementKind,
    Deed,
    Desk,
    EndSilence,
    ForceClose,
    Group,
    Rehearse,
    SetSilence,
    Standing,
    TransitionId,
    TryReceiver,
)
from wamon.core.health import Subject, SubjectKind
from wamon.core.inhibition import Inhibition
from wamon.core.manner import Manner, Patience, Route
from wamon.core.ports import Rule, View, clear, firing, unknown
from wamon.core.silences import Matcher, Silence
from wamon.core.state import Acted, Changes, Event, Polled, Roster, Started, State, Ticked, Woken
from wamon.core.step import Policy, step

MINUTE = timedelta(minutes=1)
OVERLAYS = frozenset(
    {"inhibited", "uninhibited", "silenced", "unsilenced", "acknowledged", "unacknowledged", "flapping", "calmed"}
    | {"escalated", "taken_over"}
)
WABAS = ("100", "101", "102")
NUMBERS = tuple(Subject.phone_number(waba, f"{waba}{n}") for waba in WABAS for n in range(2))


def check_mild(view: View, params: object, now: datetime) -> Verdict:
    fact = view.fact(RATING)
    if fact is None or not fact.is_current:
        return unknown(now)
    bad = fact.value in ("YELLOW", "RED")
    return firing(Severity.INFO, fact.observed_at, "is mild") if bad else clear(fact.observed_at)


RULES = (
    replace(BAD, timing=Timing(min_observations=1, lower_after=timedelta(0))),
    replace(BAD, name="Mild", check=check_mild, family="Bad"),
    replace(CAUSE, timing=Timing(min_observations=1, keep_firing_for=timedelta(minutes=2))),
)
INHIBITIONS = (Inhibition(source="Cause", targets=frozenset({"Bad"}), equal=("waba_id",)),)
MANNERS = (
    Manner(receivers=("slack",), inhibitions=INHIBITIONS, mentions=True, escalation_receiver="pager"),
    Manner(receivers=("slack",), routes=(Route(receiver="red", least=Severity.CRITICAL),), inhibitions=INHIBITIONS),
    Manner(
        receivers=("slack", "log"),
        routes=(Route(receiver="team", accounts=frozenset({"one"})),),
        inhibitions=INHIBITIONS,
        ties={("waba_id", "100"): {"account": "one"}},
        mentions=True,
    ),
    Manner(
        receivers=("slack", "red"),
        inhibitions=INHIBITIONS,
        escalation_receiver="pager",
        patience=Patience(storm_groups=2),
    ),
    Manner(receivers=("slack",), inhibitions=INHIBITIONS, outside=frozenset({"Mild"}), mentions=True),
    Manner(receivers=("slack",), mentions=True, patience=Patience(storm_groups=2)),
    Manner(receivers=("slack", "pager"), patience=Patience(storm_groups=1), inhibitions=INHIBITIONS),
)
MATCHERS = (
    ("rule=Bad",),
    ("waba_id=100",),
    ("severity=critical",),
    ("alertname=BadWarning",),
    ("alertname=~.*Critical", "waba_id!=101"),
    ("rule=Cause",),
)
PAUSES = (1, 1, 2, 5, 5, 10, 20, 20, 30, 60, 60, 60, 60, 120, 300, 900, 1800)
LONG_PAUSES = (3600, 4 * 3600, 25 * 3600)


class Shelf:
    """What the store would have kept."""

    def __init__(self) -> None:
        self.groups: dict[int, Group] = {}
        self.standings: dict[str, Standing] = {}
        self.silences: dict[str, Silence] = {}
        self.desk = Desk()

    def take(self, changes: Changes) -> None:
        self.groups.update({group.id: group for group in changes.groups})
        self.groups = {key: group for key, group in self.groups.items() if group.closed_at is None}
        for key in changes.removed_standings:
            self.standings.pop(key, None)
        self.standings.update({standing.key: standing for standing in changes.standings})
        self.silences.update({silence.id: silence for silence in changes.silences})
        self.silences = {key: each for key, each in self.silences.items() if each.ends_at > changes.moment.at}
        self.desk = changes.desk or self.desk

    def restore(self) -> Desk:
        tables = (dict(self.groups), dict(self.standings), dict(self.silences))
        return replace(self.desk, groups=tables[0], standings=tables[1], silences=tables[2], next_at=None)


class Witness:
    """What must hold at each step of any story, whatever an oracle thinks (ALERTING sections 2, 5 and 7)."""

    def __init__(self) -> None:
        self.heard: set[tuple[str, TransitionId]] = set()
        # Who knows that an alert is open, and of which of its episodes they were told.
        self.believers: dict[str, set[str]] = {}
        self.sequences: dict[tuple[int, str], int] = {}
        self.last_group_id = 0
        self.rows: dict[TransitionId, TransitionKind] = {}

    def restart(self, manner: Manner) -> None:
        """Who is no longer told anything believes nothing; what was told stays told, for ever."""
        self.believers = {key: known & manner.everybody() for key, known in self.believers.items()}

    def forget(self, key: str) -> None:
        self.believers.pop(key, None)

    def watch(self, before: State, after: State, changes: Changes, policy: Policy) -> None:
        for row in changes.transitions:
            item = TransitionId(row.key, row.episode, row.ordinal)
            assert item not in self.rows
            self.rows[item] = row.kind
            was = before.alerts.get(row.key)
            if was is not None and was.is_stale and not was.is_rehearsal:
                assert row.close_reason != CloseReason.RESOLVED
        self._numbers(before, after, changes, policy)
        self._news(changes, policy, after)
        self._open_is_told(after, policy)

    def _numbers(self, before: State, after: State, changes: Changes, policy: Policy) -> None:
        """Group ids and sequences never repeat, and what has a group is in a live or just ended one."""
        for group in sorted(changes.groups, key=lambda group: group.id):
            assert group.id in before.desk.groups or group.id > self.last_group_id
            self.last_group_id = max(self.last_group_id, group.id)
        written = {*after.desk.groups, *(group.id for group in changes.groups)}
        for row in changes.transitions:
            assert row.group_id in written or (row.group_id == NO_GROUP and row.rule in policy.manner.outside)
        for each in changes.announcements:
            key = (each.group_id, each.receiver)
            if each.group_id != NO_GROUP:
                assert each.group_id in written
                assert each.sequence > self.sequences.get(key, 0)
                self.sequences[key] = each.sequence

    def _news(self, changes: Changes, policy: Policy, after: State) -> None:
        """Each receiver is told everything once, and the close of what it was told of, and of nothing else."""
        news: dict[TransitionId, set[str]] = {}
        for each in changes.announcements:
            for item in each.items:
                assert after.alerts[item.key].rule not in policy.manner.outside
                if each.kind is AnnouncementKind.NEWS:
                    assert (each.receiver, item) not in self.heard, (each.receiver, item)
                    self.heard.add((each.receiver, item))
                    news.setdefault(item, set()).add(each.receiver)
        for item in sorted(news):
            if self.rows[item] is TransitionKind.CLOSE:
                assert news[item] == self.believers.pop(item.key, set())
            else:
                self.believers.setdefault(item.key, set()).update(news[item])
        for each in changes.announcements:
            for key in {item.key for item in each.items} & after.desk.standings.keys():
                # A receiver that is new is caught up with a reminder; the other reminders are for those who know.
                is_caught_up = each.receiver in after.desk.standings[key].told_to
                if each.kind is AnnouncementKind.ESCALATION or (each.kind is AnnouncementKind.REPEAT and is_caught_up):
                    self.believers.setdefault(key, set()).add(each.receiver)
        for key, known in self.believers.items():
            assert known <= (after.desk.standings[key].told_to if key in after.desk.standings else frozenset())
        for standing in after.desk.standings.values():
            assert standing.told_to == self.believers.get(standing.key, set())
            assert standing.told is not None or not standing.told_to

    def _open_is_told(self, after: State, policy: Policy) -> None:
        """And as long as anything waits, the desk says when to look again."""
        desk, waits = after.desk, bool(after.desk.silences)
        for key, alert in after.alerts.items():
            if not alert.is_open or alert.rule in policy.manner.outside:
                continue
            standing = desk.standings[key]
            speaker = desk.groups[desk.groups[standing.group_id].message_id]
            is_waiting = any(news.id.key == key for news in speaker.pending)
            is_known = standing.told is not None and standing.told >= alert.severity
            # It is looked for a fresh observation every now and then only.
            is_unseen = standing.released_at is not None
            assert is_known or is_waiting or is_unseen or standing.muted or standing.is_flapping
            waits |= is_waiting or standing.is_flapping or bool(standing.acknowledged or standing.ends_at)
            waits |= is_unseen and not standing.muted and not is_known
        assert desk.next_at is not None or not waits


@dataclass
class Story:
    """One seed's story. `take` makes a step and lets the witness and, when there is one, the oracle compare it."""

    seed: int
    oracle: Oracle | None = None
    witness: Witness | None = None
    steps: int = 0
    happened: list[tuple[Event, Policy]] = field(default_factory=list)
    state: State = field(default_factory=State)
    policy: Policy = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.clock = FakeClock()
        self.shelf = Shelf()
        self.rules = RULES
        self.monitored = replace(MONITORED, waba_ids=frozenset(WABAS), rules=frozenset(rule.name for rule in RULES))
        self.words: dict[TransitionId, tuple[str, str, int, int]] = {}
        self.absent: set[Subject] = set()
        self.silence_count = 0
        self.restart(Random(self.seed).choice(MANNERS), RULES)

    # --- one step -----------------------------------------------------------------------------------------------------

    def take(self, event: Event) -> Changes:
        before = self.state
        self.state, changes = step(before, event, self.policy)
        self.steps += 1
        self.happened.append((event, self.policy))
        self.shelf.take(changes)
        for row in changes.transitions:
            ordinal = 0 if row.kind in (TransitionKind.FLAPPING, TransitionKind.TAKEN_OVER) else row.ordinal
            self.words[TransitionId(row.key, row.episode, row.ordinal)] = (row.key, str(row.kind), row.episode, ordinal)
        if self.witness is not None:
            self.witness.watch(before, self.state, changes, self.policy)
        if self.oracle is not None:
            self._compare(self.oracle, before, event, changes)
        return changes

    def _compare(self, oracle: Oracle, before: State, event: Event, changes: Changes) -> None:
        now = event.moment.at
        rows = [row for row in changes.transitions if str(row.kind) not in OVERLAYS]
        next_at = before.desk.next_at
        is_set_back = before.moment is not None and now < before.moment.at
        is_look = bool(rows) or isinstance(event, Started | Acted) or (next_at is not None and now >= next_at)
        stopped_for = None
        if isinstance(event, Started):
            stopped_for = max(now - before.moment.at, timedelta(0)) if before.moment else timedelta(0)
        act = event.act if isinstance(event, Acted) else None
        oracle.take(
            Happened(
                now=now,
                rows=rows,
                alerts=self.state.alerts,
                act=act,
                stopped_for=stopped_for,
                is_look=is_look or is_set_back,
            )
        )
        said = sorted(
            (a.receiver, str(a.kind), a.group_id, sorted(self.words[item] for item in a.items), a.is_broadcast)
            for a in changes.announcements
        )
        wanted = sorted((s.receiver, s.kind, s.group_id, sorted(s.items), s.is_loud) for s in oracle.said)
        assert said == wanted, "said"
        notes = sorted((row.key, str(row.kind)) for row in changes.transitions if str(row.kind) in OVERLAYS)
        assert notes == sorted(oracle.notes), "notes"
        for key in changes.removed_standings:
            if key in oracle.lives:
                assert oracle.penalty(oracle.lives[key], now) < 50
                assert oracle.lives[key].group_id not in oracle.crowds
                del oracle.lives[key]
        desk = self.state.desk
        assert sorted(desk.groups) == sorted(oracle.crowds), "groups"
        for group in desk.groups.values():
            crowd = oracle.crowds[group.id]
            assert list(group.members) == crowd.members, "members"
            assert (group.is_storm, group.storm_id or 0) == (crowd.is_storm, crowd.speaker_id), "storm"
        assert desk.standings.keys() == oracle.lives.keys(), "standings"
        for standing in desk.standings.values():
            life = oracle.lives[standing.key]
            mute = (str(standing.muted), standing.muted_by) if standing.muted else None
            believed = (standing.told, standing.told_to, mute, standing.acknowledged is not None, standing.is_flapping)
            assert believed == (
                life.told,
                life.told_to,
                life.mute,
                oracle.is_acknowledged(life),
                life.held_since is not None,
            ), "belief"

    # --- what can happen ----------------------------------------------------------------------------------------------

    def run(self, steps: int) -> None:
        while self.steps < steps:
            self.happen()

    def happen(self) -> None:
        random = self.random
        acts: Sequence[tuple[int, Callable[[], None]]] = (
            (34, self.see),
            (10, self.see_cause),
            (8, self.tick),
            (14, self.wake),
            (4, self.wake_off),
            (3, self.outbreak),
            (2, self.lose),
            (5, self.silence),
            (2, self.unsilence),
            (4, self.acknowledge),
            (1, self.close),
            (1, self.rehearse),
            (1, self.step_clock),
            (1, self.restart_somehow),
            (1, self.wait_long),
            (1, self.flap),
            (1, self.try_receiver),
        )
        chosen = random.choices([act for _, act in acts], [weight for weight, _ in acts])[0]
        chosen()

    def pause(self) -> None:
        self.clock.advance(self.random.choice(PAUSES))

    def see(self) -> None:
        self.pause()
        waba = self.random.choice(WABAS)
        self.rate({n: self.rating() for n in NUMBERS if n.label("waba_id") == waba and self.random.random() < 0.7})

    def rating(self) -> str | None:
        return self.random.choices(["GREEN", "YELLOW", "RED", None], [5, 4, 3, 1])[0]

    def rate(self, ratings: dict[Subject, str | None], *rosters: Roster) -> None:
        waba = next(iter(ratings), NUMBERS[0]).label("waba_id") or ""
        self.absent -= set(ratings)
        self.take(
            Polled(
                moment=self.clock.moment(),
                probe="account",
                target=Subject.waba(waba),
                outcome="ok",
                observed_at=self.clock.now(),
                interval=MINUTE,
                readings=tuple(RATING.reading(number, rating) for number, rating in ratings.items()),
                rosters=rosters,
            )
        )

    def see_cause(self) -> None:
        self.pause()
        subject = Subject.waba(self.random.choice(WABAS))
        self.take(
            Polled(
                moment=self.clock.moment(),
                probe="cause",
                target=subject,
                outcome="ok",
                observed_at=self.clock.now(),
                interval=2 * MINUTE,
                readings=(CAUSE_SIGNAL.reading(subject, self.random.choice(("BAD", "GOOD", "GOOD"))),),
            )
        )

    def tick(self) -> None:
        self.pause()
        self.take(Ticked(moment=self.clock.moment()))

    def wake(self) -> None:
        """When the desk asked for it, by a clock of whole seconds: thresholds are no matter of rounding."""
        next_at = self.state.desk.next_at
        if next_at is not None:
            self.clock.advance(max(ceil((next_at - self.clock.now()).total_seconds()), 1))
            self.take(Woken(moment=self.clock.moment()))

    def wake_off(self) -> None:
        self.pause()
        self.take(Woken(moment=self.clock.moment()))

    def outbreak(self) -> None:
        """Every number is the same at once; often after everything was well and all groups have ended."""
        rating = self.random.choice(("GREEN", "YELLOW", "RED"))
        ratings = ["GREEN", "GREEN", "GREEN", rating] if self.random.random() < 0.5 else [rating]
        for each in ratings:
            self.pause()
            for waba in WABAS:
                self.clock.advance(1)
                self.rate({number: each for number in NUMBERS if number.label("waba_id") == waba})

    def lose(self) -> None:
        """A number is gone from the account's list, twice in a row."""
        number = self.random.choice(NUMBERS)
        waba = number.label("waba_id")
        others = frozenset(n for n in NUMBERS if n.label("waba_id") == waba and n != number)
        for _ in range(2):
            self.pause()
            roster = Roster(parent=Subject.waba(waba or ""), kind=SubjectKind.PHONE_NUMBER, present=others)
            self.rate({other: self.rating() for other in others}, roster)

    def flap(self) -> None:
        """One number comes and goes, now and then for longer than it may be held."""
        number = self.random.choice(NUMBERS)
        for _ in range(self.random.choice((3, 4, 4, 5, 5, 25))):
            bad = self.random.choice(("YELLOW", "YELLOW", "YELLOW", "RED"))
            for rating in (bad, self.random.choice((bad, "YELLOW", "GREEN")), "GREEN", "GREEN"):
                self.clock.advance(self.random.choice((30, 60, 240)))
                self.rate({number: rating})

    def wait_long(self) -> None:
        self.clock.advance(self.random.choice(LONG_PAUSES))
        self.take(Ticked(moment=self.clock.moment()))

    def step_clock(self) -> None:
        self.clock.step(self.random.choice((-7200, -300, -90, -10, -3, 3, 90, 7200)))
        self.tick()

    # --- operators ----------------------------------------------------------------------------------------------------

    def do(self, deed: Deed) -> None:
        self.clock.advance(self.random.choice((1, 2, 10)))
        act = Act(id=f"act-{self.steps}", actor="Kim", deed=deed)
        self.take(Acted(moment=self.clock.moment(), act=act))

    def silence(self) -> None:
        self.silence_count += 1
        begins = self.clock.now() + timedelta(seconds=self.random.choice((0, 0, 0, 0, 600)))
        silence = Silence(
            id=f"s{self.silence_count}",
            matchers=tuple(map(Matcher.parse, self.random.choice(MATCHERS))),
            reason="maintenance",
            author="Kim",
            starts_at=begins,
            ends_at=begins + timedelta(seconds=self.random.choice((15, 60, 900, 3600, 26 * 3600))),
        )
        self.do(SetSilence(silence=silence))

    def unsilence(self) -> None:
        if silences := sorted(self.state.desk.silences):
            self.do(EndSilence(silence_id=self.random.choice(silences)))

    def keys(self) -> list[str]:
        return [key for key, alert in sorted(self.state.alerts.items()) if alert.is_open]

    def acknowledge(self) -> None:
        # A rehearsal may end in the very step in which it is acknowledged; which comes first does not matter.
        if keys := [key for key in self.keys() if not self.state.alerts[key].is_rehearsal]:
            self.do(Acknowledge(keys=tuple(self.random.sample(keys, min(len(keys), self.random.randrange(1, 4))))))

    def close(self) -> None:
        if keys := self.keys():
            self.do(ForceClose(keys=(self.random.choice(keys),), reason="known"))

    def rehearse(self) -> None:
        severity = self.random.choice((Severity.WARNING, Severity.CRITICAL))
        lasts = timedelta(seconds=self.random.choice((30, 300, 3600)))
        subject = self.random.choice(NUMBERS)
        self.do(Rehearse(rule="Bad", subject=subject, severity=severity, what="is bad", lasts=lasts))

    def try_receiver(self) -> None:
        self.do(TryReceiver(receiver="slack"))

    # --- restarts -----------------------------------------------------------------------------------------------------

    def restart_somehow(self) -> None:
        self.clock.advance(self.random.choice((1, 5, 20, 600, 1200, 86_400)))
        is_changed = self.random.random() < 0.5
        manner = self.random.choice(MANNERS) if is_changed else self.policy.manner
        rules = RULES if self.random.random() < 0.9 else RULES[:1] + RULES[2:]
        self.restart(manner, rules)

    def restart(self, manner: Manner, rules: Sequence[Rule]) -> None:
        self.policy = Policy(rules=tuple(rules), manner=manner, tick_interval=timedelta(seconds=15))
        kept = self.shelf.restore()
        assert kept == replace(self.state.desk, next_at=None), "the store would not give back what was there"
        self.state = replace(self.state, desk=kept, missing={}, members={})
        if self.witness is not None:
            for key, alert in self.state.alerts.items():
                if alert.rule in manner.outside:
                    self.witness.forget(key)
            self.witness.restart(manner)
        if self.oracle is not None:
            self.oracle.rules, self.oracle.manner = self.policy.by_name, manner
        names = frozenset(rule.name for rule in self.policy.rules)
        self.take(Started(moment=self.clock.moment(), monitored=replace(self.monitored, rules=names)))
