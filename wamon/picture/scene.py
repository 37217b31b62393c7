"""What a picture is made from, and how one observation of it becomes something to look at."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from wamon.core import figures, watch
from wamon.core.alerting import Alert, Severity
from wamon.core.books import Books
from wamon.core.health import NEVER, Fact, Signal, Snapshot, Subject, SubjectKind, fresh_for
from wamon.core.ports import Rule
from wamon.core.state import State
from wamon.core.targets import AccountTarget
from wamon.core.vocabulary import OTHER, Grade, Vocabulary
from wamon.picture.values import Known, Mood
from wamon.probes.account import WABA_INFO

MOOD_OF_SEVERITY: Final[Mapping[Severity, Mood]] = {
    Severity.CRITICAL: Mood.BAD,
    Severity.WARNING: Mood.WATCH,
    Severity.INFO: Mood.INFO,
}
MOOD_OF_GRADE: Final[Mapping[Grade, Mood]] = {
    Grade.HEALTHY: Mood.GOOD,
    Grade.WATCH: Mood.WATCH,
    Grade.DOWN: Mood.BAD,
    Grade.GONE: Mood.WATCH,
    Grade.UNKNOWN: Mood.UNKNOWN,
}
# The worst first. What nobody knows stands behind what is known to be bad, and before all that is known to be well.
WORST_FIRST: Final[Mapping[Mood, int]] = {
    mood: rank for rank, mood in enumerate((Mood.BAD, Mood.WATCH, Mood.UNKNOWN, Mood.INFO, Mood.GOOD))
}


def worst(moods: Iterable[Mood]) -> Mood:
    """GOOD when there is none."""
    return min(moods, key=WORST_FIRST.__getitem__, default=Mood.GOOD)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What is known at a moment. It lives as long as one picture is made, and sums up once what many parts of it need.

    `accounts` are the watched ones, `rules` the bound ones by name; `is_receiving` tells whether webhooks are
    configured to come here.
    """

    state: State
    now: datetime
    accounts: Sequence[AccountTarget]
    rules: Mapping[str, Rule]
    books: Books
    is_receiving: bool

    @property
    def snapshot(self) -> Snapshot:
        return self.state.snapshot

    @cached_property
    def open_alerts(self) -> tuple[Alert, ...]:
        """The open alerts, worst and oldest first; rehearsals are none."""
        found = (alert for alert in self.state.alerts.values() if alert.is_open and not alert.is_rehearsal)
        return tuple(sorted(found, key=lambda alert: (-alert.severity, alert.since, alert.key)))

    @cached_property
    def alerts_of_numbers(self) -> Mapping[str, Sequence[Alert]]:
        """The open alerts by the phone number id that they are about."""
        found: defaultdict[str, list[Alert]] = defaultdict(list)
        for alert in self.open_alerts:
            number = alert.subject.label("phone_number_id")
            if number is None and alert.subject.label("scope") == "phone_number":
                number = alert.subject.label("id")
            if number is not None:
                found[number].append(alert)
        return found

    @cached_property
    def alerts_of_accounts(self) -> Mapping[str, Sequence[Alert]]:
        """The open alerts by the WABA that they are about, or something of it."""
        found: defaultdict[str, list[Alert]] = defaultdict(list)
        for alert in self.open_alerts:
            if (waba_id := alert.subject.label("waba_id")) is not None:
                found[waba_id].append(alert)
        return found

    @cached_property
    def names(self) -> Mapping[str, str]:
        """What each account is called: Meta's name for it, else the configuration's."""
        named = {each.waba_id: each.name for each in self.accounts}
        for subject in self.snapshot.subjects(SubjectKind.WABA):
            waba_id = subject.label("waba_id") or ""
            told = (self.snapshot.known(subject, WABA_INFO) or {}).get("name", "")
            named[waba_id] = " ".join(told.split()) or named.get(waba_id, "")
        return named

    @cached_property
    def last_webhooks(self) -> Mapping[str, Mapping[str, datetime]]:
        """When the last webhook of each field came, by WABA."""
        told: dict[str, Mapping[str, datetime]] = {}
        for subject in self.snapshot.subjects(SubjectKind.WABA):
            at = self.snapshot.known(subject, figures.LAST_EVENT) or {}
            zone = self.now.tzinfo
            told[subject.label("waba_id") or ""] = {
                name: datetime.fromtimestamp(seconds, tz=zone) for name, seconds in at.items()
            }
        return told

    @cached_property
    def answers(self) -> Mapping[str, tuple[datetime, datetime]]:
        """When Meta last answered about each WABA, and until when that counts as known."""
        found: dict[str, tuple[datetime, datetime]] = {}
        for subject in self.snapshot.subjects(SubjectKind.PROBE):
            at, waba_id = self.snapshot.value(subject, watch.PROBE_LAST_SUCCESS), subject.label("waba_id")
            if at is None or waba_id is None or subject.label("probe") != "account":
                continue
            interval = timedelta(seconds=self.snapshot.value(subject, watch.PROBE_INTERVAL) or 0.0)
            found[waba_id] = at, at + fresh_for(interval)
        return found

    @cached_property
    def numbers_of(self) -> Counter[str]:
        return Counter(subject.label("waba_id") or "" for subject in self.snapshot.subjects(SubjectKind.PHONE_NUMBER))

    def last_webhook(self, waba_id: str) -> datetime | None:
        return max(self.last_webhooks.get(waba_id, {}).values(), default=None)

    def is_stale(self, waba_id: str) -> bool:
        """Whether what is known of the account is too old to count; true before Meta ever answered."""
        answer = self.answers.get(waba_id)
        return answer is None or answer[1] < self.now


def known(snapshot: Snapshot, subject: Subject, signal: Signal[Any], vocabulary: Vocabulary | None = None) -> Known:
    """One observation to look at. Words are graded by the vocabulary; without one, what is known is no more than that.

    Meta's own word is shown where wamon has no better one.
    """
    fact = snapshot.fact(subject, signal)
    if fact is None:
        return Known(text=None, mood=Mood.UNKNOWN)
    text, last = _said(fact, fact.current), _said(fact, fact.known)
    word = None if vocabulary is None else vocabulary.get(text or last or fact.raw or "")
    mood = Mood.UNKNOWN
    if text is not None:
        mood = Mood.INFO if vocabulary is None else MOOD_OF_GRADE[vocabulary.grade(text)]
    return Known(
        text=text,
        mood=mood,
        last=last,
        meaning=f"{word.meaning} {word.action}" if word else "",
        observed_at=fact.observed_at,
        changed_at=fact.changed_at,
        known_by=fact.source,
    )


def flag(
    snapshot: Snapshot, subject: Subject, signal: Signal[Any], *, yes: str, no: str, no_mood: Mood = Mood.BAD
) -> Known:
    """A claim to look at, in these words."""
    fact = snapshot.fact(subject, signal)
    if fact is None:
        return Known(text=None, mood=Mood.UNKNOWN)
    words = {True: yes, False: no}
    moods = {True: Mood.GOOD, False: no_mood}
    return Known(
        text=None if fact.current is None else words[bool(fact.current)],
        mood=Mood.UNKNOWN if fact.current is None else moods[bool(fact.current)],
        last=None if fact.known is None else words[bool(fact.known)],
        observed_at=fact.observed_at,
        changed_at=fact.changed_at,
        known_by=fact.source,
    )


def _said(fact: Fact, value: object) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return "yes" if value else "no"
        case datetime():
            return "never" if value == NEVER else f"{value:%Y-%m-%d %H:%M} UTC"
        case float() | int():
            return "no limit" if value == float("inf") else f"{value:,.0f}"
        case _ if value == OTHER and fact.raw:
            return fact.raw
    return str(value)
