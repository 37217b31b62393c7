"""A world in which people are told of alerts: numbers that go bad, and a clock that stops where the desk asks."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from tests.core.world import MONITORED, RATING, World, a_rule, check_rating
from wamon.core.alerting import Alert, Severity, Timing, TransitionKind, alert_key
from wamon.core.desk import (
    Acknowledge,
    Act,
    Announcement,
    AnnouncementKind,
    Deed,
    EndSilence,
    Group,
    SetSilence,
    Standing,
    TransitionId,
)
from wamon.core.health import Signal, SparseState, Subject, SubjectKind
from wamon.core.manner import Manner
from wamon.core.ports import Rule, View, clear, firing
from wamon.core.silences import Matcher, Silence
from wamon.core.state import Acted, Changes, Polled, Woken

BAD = a_rule("Bad", SubjectKind.PHONE_NUMBER, check_rating)
CAUSE_SIGNAL = Signal(name="cause", kind=SubjectKind.WABA, shape=SparseState("state"), help="The cause of all evil.")


def check_cause(view: View, params: object, now: datetime) -> object:
    fact = view.fact(CAUSE_SIGNAL)
    if fact is None:
        return None
    at = fact.observed_at
    return firing(Severity.CRITICAL, at, "is the cause") if fact.value == "BAD" else clear(at)


CAUSE = a_rule("Cause", SubjectKind.WABA, check_cause)
PATIENT = replace(BAD, timing=Timing(min_observations=1, keep_firing_for=timedelta(minutes=30)))


def number(n: int = 0, waba: str = "100") -> Subject:
    return Subject.phone_number(waba, str(200 + n))


class Telling(World):
    """`said` is everything announced so far."""

    def __init__(self, *rules: Rule, **manner: object) -> None:
        super().__init__(*(rules or (BAD, CAUSE)))
        self.policy = replace(self.policy, manner=replace(Manner(receivers=("slack",)), **manner))  # type: ignore[arg-type]
        self.said: list[Announcement] = []
        self.ids: dict[TransitionId, TransitionKind] = {}
        self.acts = 0
        self.start(after=0)

    def take(self, event: object) -> Changes:
        changes = super().take(event)  # type: ignore[arg-type]
        self.said += changes.announcements
        for transition in changes.transitions:
            self.ids[TransitionId(transition.key, transition.episode, transition.ordinal)] = transition.kind
        return changes

    def see(self, rating: str | None, *numbers: Subject, after: float = 0) -> Changes:
        """One poll that shows these numbers (the first one, when none is named) with this rating."""
        return self.poll(*(RATING.reading(each, rating) for each in numbers or (number(),)), after=after)

    def cause(self, state: str, *, waba: str = "100", after: float = 0) -> Changes:
        self.clock.advance(after)
        subject = Subject.waba(waba)
        return self.take(
            Polled(
                moment=self.clock.moment(),
                probe="account",
                target=subject,
                outcome="ok",
                observed_at=self.clock.now(),
                interval=timedelta(minutes=1),
                readings=(CAUSE_SIGNAL.reading(subject, state),),
            )
        )

    def do(self, deed: Deed, *, actor: str = "Kim", after: float = 0) -> Changes:
        self.clock.advance(after)
        self.acts += 1
        return self.take(Acted(moment=self.clock.moment(), act=Act(id=f"act-{self.acts}", actor=actor, deed=deed)))

    def silence(self, *matchers: str, lasts: timedelta = timedelta(hours=1), name: str = "s1") -> Changes:
        now = self.clock.now()
        parsed = tuple(map(Matcher.parse, matchers))
        silence = Silence(
            id=name, matchers=parsed, reason="maintenance", author="Kim", starts_at=now, ends_at=now + lasts
        )
        return self.do(SetSilence(silence=silence))

    def unsilence(self, name: str = "s1") -> Changes:
        return self.do(EndSilence(silence_id=name))

    def acknowledge(self, *subjects: Subject, rule: str = "Bad") -> Changes:
        return self.do(Acknowledge(keys=tuple(alert_key(rule, each) for each in subjects or (number(),))))

    def passes(self, duration: timedelta) -> list[Announcement]:
        """Let time pass, waking whenever the desk asked for it; what was said meanwhile."""
        before, until = len(self.said), self.clock.now() + duration
        while True:
            next_at = self.state.desk.next_at
            if next_at is None or next_at > until:
                break
            self.clock.advance(max((next_at - self.clock.now()).total_seconds(), 0))
            self.take(Woken(moment=self.clock.moment()))
        self.clock.advance((until - self.clock.now()).total_seconds())
        return self.said[before:]

    def standing(self, subject: Subject | None = None, rule: str = "Bad") -> Standing:
        return self.state.desk.standings[alert_key(rule, subject or number())]

    def groups(self) -> Mapping[int, Group]:
        return self.state.desk.groups

    def of(self, subject: Subject | None = None, rule: str = "Bad") -> Alert:
        return self.state.alerts[alert_key(rule, subject or number())]

    def words(self, announcements: list[Announcement] | None = None) -> list[str]:
        """What was said, short: `slack news open raise`."""
        return [self.word(each) for each in (self.said if announcements is None else announcements)]

    def word(self, each: Announcement) -> str:
        kinds = [str(self.ids[item]) for item in each.items] if each.kind is AnnouncementKind.NEWS else []
        loud = ["aloud"] if each.is_broadcast else []
        return " ".join([each.receiver, str(each.kind), *kinds, *loud])


__all__ = ["BAD", "CAUSE", "MONITORED", "PATIENT", "Telling", "number"]
