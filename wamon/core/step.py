"""One step: from the state and what happened to the next state and what must be written. Pure, like all it calls."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from wamon.core import alerting, plan, watch
from wamon.core.alerting import Advance, Alert, AlertState, CloseReason, Transition, Verdict
from wamon.core.desk import Act, Desk, ForceClose, Rehearse
from wamon.core.deskwork import Plan
from wamon.core.health import Change, Fact, Reading, Sighting, Snapshot, Subject, SubjectKind
from wamon.core.manner import Manner
from wamon.core.ports import Rule, View, unknown
from wamon.core.state import (
    Acted,
    Changes,
    CounterKey,
    Event,
    Heard,
    Monitored,
    Polled,
    Roster,
    Started,
    State,
    Ticked,
)
from wamon.core.timing import clock_step

ZERO = timedelta(0)
OUTCOME_OK = "ok"
SOURCE_POLL = "poll"
SOURCE_WEBHOOK = "webhook"
SOURCE_SELF = "wamon"

# A subject must be absent from two complete lists in a row before it counts as removed (ALERTING section 2).
LISTS_TO_REMOVE = 2

PROBE_RUNS = "wamon_probe_runs_total"
UNRECOGNISED_VALUES = "wamon_unrecognised_values_total"
ALERT_TRANSITIONS = "wamon_alert_transitions_total"
PENDING_DROPPED = "wamon_alerts_pending_dropped_total"
CLOCK_STEPS = "wamon_clock_steps_total"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How the daemon judges: its rules with their parameters, how people are told, and how often the clock ticks."""

    rules: tuple[Rule, ...]
    tick_interval: timedelta
    manner: Manner = field(default_factory=Manner)
    by_name: Mapping[str, Rule] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {rule.name: rule for rule in self.rules})


def step(state: State, event: Event, policy: Policy) -> tuple[State, Changes]:
    """The next state, and the changes that must be stored before anybody may see it."""
    draft = _Draft(state, event, policy)
    match event:
        case Started():
            draft.start(event.monitored)
        case Ticked():
            draft.tick(event.figures)
        case Heard():
            draft.hear(event)
        case Polled():
            draft.poll(event)
        case Acted():
            draft.act(event.act)
        case _:
            # Woken: there is nothing new but the time; what is due to be told is found in the end.
            pass
    return draft.finish()


class _Draft:
    """The next state in the making; it lives for one step and nothing outside sees it."""

    def __init__(self, state: State, event: Event, policy: Policy) -> None:
        self._before = state
        self._policy = policy
        self._moment = event.moment
        self._now: datetime = event.moment.at
        self._snapshot: Snapshot = state.snapshot
        self._alerts: dict[str, Alert] = dict(state.alerts)
        self._missing: dict[Subject, int] = dict(state.missing)
        self._members: dict[tuple[Subject, SubjectKind], frozenset[Subject]] = dict(state.members)
        self._facts: dict[tuple[Subject, str], Fact] = {}
        self._history: list[Change] = []
        self._removed: set[Subject] = set()
        self._touched_alerts: set[str] = set()
        self._transitions: list[Transition] = []
        self._counted: Counter[CounterKey] = Counter()
        self._notices: tuple[bytes, ...] = ()
        self._unrecognised: list[Reading] = []
        self._act: Act | None = None
        self._stopped_for: timedelta | None = None
        self._clock_step = clock_step(state.moment, event.moment) if state.moment else ZERO
        if state.moment is not None and self._now < state.moment.at:
            self._clamp()
        if self._clock_step:
            self._note_clock_step()

    # --- the events ----------------------------------------------------------------------------------------------

    def start(self, monitored: Monitored) -> None:
        last = self._before.moment
        self._stopped_for = max(self._now - last.at, ZERO) if last else ZERO
        self._remove(subject for subject in self._snapshot.facts if not monitored.covers(subject))
        for alert in list(self._alerts.values()):
            if alert.is_rehearsal and alert.is_open:
                # Nobody looks on any more.
                self._apply(alert, alerting.close(alert, reason=CloseReason.RESOLVED, now=self._now))
            elif alert.rule not in monitored.rules or not monitored.covers(alert.subject):
                self._apply(alert, alerting.close(alert, reason=CloseReason.REMOVED, now=self._now))
        self._age()

    def tick(self, figures: tuple[Reading, ...]) -> None:
        aged = self._age()
        current = [figure for figure in figures if not self._is_gone(figure.subject)]
        self._fold(current, observed_at=self._now, interval=self._policy.tick_interval, source=SOURCE_WEBHOOK)
        for alert in list(self._alerts.values()):
            rule = self._policy.by_name.get(alert.rule)
            if rule is not None and alert.state is not AlertState.INACTIVE and not alert.is_rehearsal:
                self._judge(rule, alert.subject, interval=self._policy.tick_interval)
        for rule in self._policy.rules:
            subjects = self._subjects(rule.kind) if rule.on_tick else [s for s in aged if s.kind is rule.kind]
            for subject in subjects:
                self._judge(rule, subject, interval=self._policy.tick_interval)

    def _subjects(self, kind: SubjectKind) -> Iterable[Subject]:
        """Everything of this kind; wamon itself is always there, though nothing may have been read of it."""
        return (Subject.instance(),) if kind is SubjectKind.INSTANCE else self._snapshot.subjects(kind)

    def poll(self, event: Polled) -> None:
        self._counted[CounterKey.of(PROBE_RUNS, probe=event.probe, outcome=event.outcome)] += 1
        probe_subject = Subject.probe(event.probe, event.target)
        seen_at, interval = event.observed_at, event.interval
        about = self._about_the_probe(event, probe_subject)
        self._fold(about, observed_at=seen_at, interval=interval, source=SOURCE_SELF)
        told = self._fold(event.readings, observed_at=seen_at, interval=interval, source=SOURCE_POLL)
        for roster in event.rosters:
            self._check_roster(roster)
        self._judge_all([probe_subject, *told], interval=interval)

    def hear(self, event: Heard) -> None:
        self._notices = (event.digest,)
        told = self._fold(event.readings, observed_at=event.observed_at, interval=event.interval, source=SOURCE_WEBHOOK)
        self._judge_all(told, interval=event.interval)

    def act(self, act: Act) -> None:
        """What an operator did to alerts; what he did to messages is the plan's."""
        self._act = act
        match act.deed:
            case ForceClose(keys=keys, reason=reason):
                for alert in [self._alerts[key] for key in keys if key in self._alerts]:
                    closed = alerting.close(
                        alert, reason=CloseReason.FORCED, now=self._now, actor=act.actor, note=reason
                    )
                    self._apply(alert, closed)
            case Rehearse(rule=rule, subject=subject, severity=severity, what=what):
                before = self._alerts.get(alerting.alert_key(rule, subject, is_rehearsal=True))
                # Of a rule that is announced elsewhere there is nothing to rehearse, and nobody would end it.
                is_ours = rule not in self._policy.manner.outside
                if is_ours and (before is None or not before.is_open):
                    opened = alerting.rehearse(
                        before, rule=rule, subject=subject, severity=severity, what=what, actor=act.actor, now=self._now
                    )
                    self._apply(before, opened)
            case _:
                return

    def finish(self) -> tuple[State, Changes]:
        told = self._plan()
        counters = {key: self._before.counters.get(key, 0) + count for key, count in self._counted.items()}
        state = State(
            snapshot=self._snapshot,
            alerts=self._alerts,
            counters={**self._before.counters, **counters},
            missing=self._missing,
            members=self._members,
            desk=told.desk,
            moment=self._moment,
            version=self._before.version + 1,
        )
        changes = Changes(
            moment=self._moment,
            facts=tuple(self._facts.values()),
            history=tuple(self._history),
            removed_subjects=tuple(sorted(self._removed)),
            alerts=tuple(self._alerts[key] for key in sorted(self._touched_alerts) if key in self._alerts),
            removed_alerts=tuple(key for key in sorted(self._touched_alerts) if key not in self._alerts),
            transitions=told.transitions,
            groups=told.groups,
            standings=told.standings,
            removed_standings=told.removed_standings,
            silences=told.silences,
            desk=told.desk if _own_values(told.desk) != _own_values(self._before.desk) else None,
            announcements=told.announcements,
            act=self._act,
            counters=counters,
            notices=self._notices,
            unrecognised=tuple(self._unrecognised),
            clock_step=self._clock_step,
        )
        return state, changes

    def _plan(self) -> Plan:
        """Decide what is told of all this; the overlays' own transitions belong to the alerts too."""
        occasion = plan.Occasion(
            now=self._now,
            was_at=self._before.moment.at if self._before.moment else None,
            transitions=tuple(self._transitions),
            act=self._act,
            stopped_for=self._stopped_for,
        )
        told = plan.plan(
            self._before.desk, self._alerts, occasion, rules=self._policy.by_name, manner=self._policy.manner
        )
        for key, alert in told.alerts.items():
            self._alerts[key] = alert
            self._touched_alerts.add(key)
        return told

    # --- readings -----------------------------------------------------------------------------------------------------

    def _about_the_probe(self, event: Polled, subject: Subject) -> tuple[Reading, ...]:
        readings = [
            watch.PROBE_OUTCOME.reading(subject, event.outcome),
            watch.PROBE_FAULT.reading(subject, event.fault),
            watch.PROBE_INTERVAL.reading(subject, event.interval.total_seconds()),
        ]
        if self._snapshot.value(subject, watch.PROBE_WATCHED_SINCE) is None:
            readings.append(watch.PROBE_WATCHED_SINCE.reading(subject, self._now))
        if event.outcome == OUTCOME_OK:
            readings.append(watch.PROBE_LAST_SUCCESS.reading(subject, self._not_ahead(event.observed_at)))
        return tuple(readings)

    def _fold(
        self, readings: Iterable[Reading], *, observed_at: datetime, interval: timedelta, source: str
    ) -> list[Subject]:
        """Take the readings in; the subjects they are about, in order."""
        sighting = Sighting(
            readings=tuple(readings), observed_at=self._not_ahead(observed_at), interval=interval, source=source
        )
        for reading in sighting.readings:
            self._count_unrecognised(reading)
        self._snapshot, facts, changes = self._snapshot.fold(sighting)
        self._keep(facts, changes)
        return list(dict.fromkeys(reading.subject for reading in sighting.readings))

    def _count_unrecognised(self, reading: Reading) -> None:
        """Count a vendor value that no vocabulary knows when it appears, not at every poll that repeats it."""
        if reading.is_recognised:
            return
        fact = self._snapshot.fact(reading.subject, reading.signal)
        if fact is None or fact.raw != reading.raw:
            self._counted[CounterKey.of(UNRECOGNISED_VALUES, signal=reading.signal.name)] += 1
            self._unrecognised.append(reading)

    def _age(self) -> list[Subject]:
        self._snapshot, facts, changes = self._snapshot.age(self._now)
        self._keep(facts, changes)
        return list(dict.fromkeys(fact.subject for fact in facts))

    def _keep(self, facts: Iterable[Fact], changes: Iterable[Change] = ()) -> None:
        self._facts.update({(fact.subject, fact.signal.name): fact for fact in facts})
        self._history.extend(changes)

    # --- what is gone -------------------------------------------------------------------------------------------------

    def _check_roster(self, roster: Roster) -> None:
        for subject in roster.present:
            self._missing.pop(subject, None)
        absent = sorted(self._members_of(roster) - roster.present)
        for subject in absent:
            self._missing[subject] = self._missing.get(subject, 0) + 1
        gone = [subject for subject in absent if self._missing[subject] >= LISTS_TO_REMOVE]
        self._members[roster.parent, roster.kind] = roster.present.union(absent).difference(gone)
        self._remove(gone)

    def _members_of(self, roster: Roster) -> frozenset[Subject]:
        """Who was under this parent so far; looked up in the whole picture only the first time."""
        known = self._members.get((roster.parent, roster.kind))
        if known is not None:
            return known
        parent = set(roster.parent.labels)
        return frozenset(s for s in self._snapshot.subjects(roster.kind) if parent <= set(s.labels))

    def _is_gone(self, subject: Subject) -> bool:
        """Whether the account's last list lacks this number: the books outlive it, and must not bring it back."""
        waba_id = subject.label("waba_id")
        if subject.kind is not SubjectKind.PHONE_NUMBER or waba_id is None:
            return False
        members = self._members.get((Subject.waba(waba_id), SubjectKind.PHONE_NUMBER))
        return members is not None and subject not in members

    def _remove(self, subjects: Iterable[Subject]) -> None:
        removed = set(subjects)
        if not removed:
            return
        self._removed |= removed
        self._snapshot = self._snapshot.without(removed)
        self._missing = {subject: count for subject, count in self._missing.items() if subject not in removed}
        self._facts = {key: fact for key, fact in self._facts.items() if key[0] not in removed}
        for alert in list(self._alerts.values()):
            if alert.subject in removed:
                self._apply(alert, alerting.close(alert, reason=CloseReason.REMOVED, now=self._now))

    # --- alerts -------------------------------------------------------------------------------------------------------

    def _judge_all(self, subjects: Iterable[Subject], *, interval: timedelta) -> None:
        """Judge each subject by every rule about its kind."""
        distinct = tuple(dict.fromkeys(subjects))
        for rule in self._policy.rules:
            for subject in distinct:
                if subject.kind is rule.kind and subject not in self._removed:
                    self._judge(rule, subject, interval=interval)

    def _judge(self, rule: Rule, subject: Subject, *, interval: timedelta) -> None:
        alert = self._alerts.get(alerting.alert_key(rule.name, subject))
        open_severity = alert.severity if alert is not None and alert.is_open else None
        verdict = rule.check(View(self._snapshot, subject, open_severity), rule.params, self._now)
        if verdict is None:
            if alert is None:
                return
            verdict = unknown(self._now)
        self._apply(alert, self._advance(alert, verdict, rule, subject, interval=interval))

    def _advance(
        self, alert: Alert | None, verdict: Verdict, rule: Rule, subject: Subject, *, interval: timedelta
    ) -> Advance:
        return alerting.advance(
            alert,
            verdict,
            rule.timing,
            rule=rule.name,
            subject=subject,
            now=self._now,
            max_gap=ZERO if alert is not None and self._spans_clock_step(alert) else 2 * interval,
        )

    def _spans_clock_step(self, alert: Alert) -> bool:
        """Whether the clock jumped since the alert's last observation; then the time since is not known."""
        stepped_at = self._snapshot.known(Subject.instance(), watch.CLOCK_STEPPED)
        return stepped_at is not None and alert.last_observed_at < stepped_at

    def _apply(self, before: Alert | None, advance: Advance) -> None:
        after = advance.alert
        if after is not None and after != before:
            self._alerts[after.key] = after
            self._touched_alerts.add(after.key)
        if after is None and before is not None:
            del self._alerts[before.key]
            self._touched_alerts.add(before.key)
        for transition in advance.transitions:
            self._transitions.append(transition)
            if not transition.is_rehearsal:
                alertname = self._alertname(transition)
                self._counted[CounterKey.of(ALERT_TRANSITIONS, alertname=alertname, kind=transition.kind)] += 1
        if advance.is_pending_dropped:
            self._counted[CounterKey.of(PENDING_DROPPED)] += 1

    def _alertname(self, transition: Transition) -> str:
        rule = self._policy.by_name.get(transition.rule)
        return rule.alertname(transition.severity) if rule else transition.rule

    # --- the clock ----------------------------------------------------------------------------------------------------

    def _not_ahead(self, at: datetime) -> datetime:
        """A moment before the clock went back, as one of the present clock."""
        return min(at, self._now)

    def _clamp(self) -> None:
        """After the clock went back: nothing may lie in the future, or every new reading would count as late."""
        self._snapshot, facts = self._snapshot.clamp(self._now)
        self._keep(facts)
        for key, alert in self._alerts.items():
            clamped = alerting.clamp(alert, self._now)
            if clamped != alert:
                self._alerts[key] = clamped
                self._touched_alerts.add(key)

    def _note_clock_step(self) -> None:
        direction = "back" if self._clock_step < ZERO else "forward"
        self._counted[CounterKey.of(CLOCK_STEPS, direction=direction)] += 1
        subject = Subject.instance()
        sighting = Sighting(
            readings=(
                watch.CLOCK_STEPPED.reading(subject, self._now),
                watch.CLOCK_STEP.reading(subject, self._clock_step.total_seconds()),
            ),
            observed_at=self._now,
            interval=self._policy.tick_interval,
            source=SOURCE_SELF,
        )
        self._snapshot, facts, changes = self._snapshot.fold(sighting)
        self._keep(facts, changes)


def _own_values(desk: Desk) -> Desk:
    """The desk without what has tables of its own, and without what is found anew at each plan."""
    return replace(desk, groups={}, standings={}, silences={}, next_at=None)
