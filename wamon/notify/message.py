"""What is said to the person on call: a group as it is now, one piece of news, or a digest; before any markup."""

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from wamon.core.alerting import Severity, Transition, TransitionKind
from wamon.core.desk import AnnouncementKind
from wamon.core.health import Snapshot, Subject, SubjectKind
from wamon.core.outgoing import Batch, Button, Message, Story, Thread
from wamon.core.ports import Rule
from wamon.core.state import State
from wamon.notify.data import data_alone, data_of, with_kinds
from wamon.notify.details import Links, evidence, links_of, times, verdict
from wamon.notify.digests import plain, receiver_test, silenced_digest, weekly_digest
from wamon.notify.members import (
    Member,
    began_at,
    ended_at,
    is_resolved,
    last_of_each,
    members_of,
    raised_from,
    turns,
)
from wamon.notify.occasion import LATE_AFTER, calls, lateness, lead_of, news_of, occasion_remarks
from wamon.notify.overlays import LOST, flapping_words, group_remarks, overlay_words
from wamon.notify.words import counted, ending_word, fixed_word, happened, moment_words
from wamon.probes.names import describe

# More alerts than that cannot be read in one message; more of a time line neither.
MOST_MEMBERS: Final = 10
TIMELINE_FIRST: Final = 5
TIMELINE_LAST: Final = 20

_NOUNS: Final[Mapping[SubjectKind, str]] = MappingProxyType({
    SubjectKind.PHONE_NUMBER: "phone number",
    SubjectKind.WABA: "account",
    SubjectKind.TEMPLATE: "template",
    SubjectKind.TOKEN: "token",
    SubjectKind.APP: "app",
    SubjectKind.PROBE: "probe",
})  # fmt: skip
_SILENCES: Final = (("silence_1h", "Silence 1 h"), ("silence_4h", "Silence 4 h"), ("silence_24h", "Silence 24 h"))
# News whose headline needs no word for what happened: the severity or the end says it.
_HEADED: Final = frozenset({TransitionKind.OPEN, TransitionKind.RAISE, TransitionKind.CLOSE, TransitionKind.LOWER})


class Composer:
    """Finds the words at the moment of sending.

    `mention` is the receivers' own word for the people that an escalation calls. With `has_buttons` the reader can
    press some; else the message says which commands do the same.
    """

    def __init__(
        self, *, rules: Iterable[Rule], links: Links, mention: str | None = None, has_buttons: bool = False
    ) -> None:
        self._rules = {rule.name: rule for rule in rules}
        self._links = links
        self._mention = mention
        self._has_buttons = has_buttons

    def first(self, batch: Batch, story: Story, state: State, now: datetime) -> Message:
        """What a channel sees first of a group, and all that it sees where there are no threads.

        That is the group as it is now; where the batch is about one of several alerts, that alert.
        """
        keys = {each.key for notification in batch.notifications for each in notification.transitions}
        told = [each for each in story.transitions if each.key in keys] if len(keys) == 1 else story.transitions
        message = self._group(replace(story, transitions=tuple(told)), state, now, lost=batch.thread.lost_receipt)
        data = data_of(story, members_of(story.transitions, state), message, self._rules, self._links)
        news = news_of(batch)
        lead = "flapping: " if news and all(each.kind is TransitionKind.FLAPPING for each in news) else ""
        message = replace(message, headline=f"{lead}{message.headline}", data=data)
        return self._with_batch(message, batch, story, state, now)

    def reply(self, batch: Batch, story: Story, state: State, now: datetime) -> Message:
        """One batch as an answer in the group's thread: its news, or else what it reminds of."""
        news = news_of(batch)
        message = self._news(news, story, state, now) if news else self._reminder(batch, story, state, now)
        return self._with_batch(message, batch, story, state, now)

    def root(self, thread: Thread, story: Story, state: State, now: datetime) -> Message:
        """The group as it is now, to be shown in the place of what was shown before."""
        message = self._group(story, state, now, lost=thread.lost_receipt)
        data = data_of(story, members_of(story.transitions, state), message, self._rules, self._links)
        return replace(message, data=data)

    def alone(self, batch: Batch, state: State, now: datetime) -> Message:
        """What belongs to no group: a test, a digest."""
        (notification,) = batch.notifications
        match notification.kind:
            case AnnouncementKind.TEST:
                message = receiver_test(notification.note)
            case AnnouncementKind.SILENCED_DIGEST:
                message = silenced_digest(notification, state, now)
            case _:
                message = weekly_digest(notification.note)
        return replace(
            message,
            remarks=(*message.remarks, *lateness(batch, now)),
            data=with_kinds(data_alone(message), [notification.kind], message.headline),
        )

    # --- a group ------------------------------------------------------------------------------------------------------

    def _group(self, story: Story, state: State, now: datetime, *, lost: object) -> Message:
        members = members_of(story.transitions, state)
        if not members:
            return plain("nothing is open any more", [])
        if len(members) == 1:
            message = self._single(members[0], state, now)
        else:
            message = self._several(members, story, state, now)
        remarks = [*group_remarks(members, state, now), *([LOST] if lost is not None else [])]
        live = [member for member in members if not member.is_over]
        if live and not self._has_buttons:
            remarks += self._commands(story, members)
        return replace(
            message,
            timeline=self._timeline(story, members, state.snapshot, now),
            buttons=tuple(self._buttons(story, live)) if live and self._has_buttons else (),
            remarks=tuple(remarks),
        )

    def _single(self, member: Member, state: State, now: datetime) -> Message:
        transition, snapshot = member.now, state.snapshot
        rule = self._rules.get(transition.rule)
        raised = _raised(transition, member.transitions)
        return Message(
            headline=self._line(transition, member.transitions, snapshot),
            severity=_shown_severity(member),
            is_resolved=member.is_resolved,
            facts=(*raised, *times(transition, rule, snapshot, now), *verdict(transition, rule)),
            evidence=evidence(transition),
            steps=() if member.is_over or rule is None else rule.steps,
            links=tuple(links_of(transition, rule, self._links)),
            reference="",
        )

    def _several(self, members: Sequence[Member], story: Story, state: State, now: datetime) -> Message:
        live = [member for member in members if not member.is_over]
        worst = (live or members)[0]
        rule = self._rules.get(worst.now.rule)
        lines = self._member_lines(live or members, state, now)
        return Message(
            headline=self._group_headline(members, live, story, state.snapshot),
            severity=max(map(_shown_severity, live or members)),
            is_resolved=all(member.is_resolved for member in members),
            facts=tuple(self._group_facts(members, live, rule, now)),
            members=lines,
            steps=rule.steps if live and rule is not None else (),
            links=tuple(links_of(worst.now, rule, self._links)),
            reference="",
        )

    def _group_facts(
        self, members: Sequence[Member], live: Sequence[Member], rule: Rule | None, now: datetime
    ) -> Iterator[tuple[str, str]]:
        began = moment_words(began_at(members), now)
        if not live:
            yield "Fired", began
            yield "Ended", moment_words(ended_at(members), now)
            return
        by_severity = Counter(member.severity for member in live)
        yield "Since", began
        yield "Open", f"{len(live)} of {len(members)}" if len(live) < len(members) else str(len(live))
        yield "Severities", ", ".join(f"{by_severity[each]} {each.name}" for each in sorted(by_severity, reverse=True))
        if rule is not None:
            yield "Owner", str(rule.owner)
            yield "Meaning", rule.meaning

    def _group_headline(
        self, members: Sequence[Member], live: Sequence[Member], story: Story, snapshot: Snapshot
    ) -> str:
        """`CRITICAL  Quality rating RED  7 phone numbers of Jasper's Market Inc (WABA 102290129340398)`."""
        shown = live or members
        if live:
            word = max(member.severity for member in live).name
        else:
            lasted = ended_at(members) - began_at(members)
            word = ending_word([member.now for member in members], lasted=lasted)
        if any(member.now.is_rehearsal for member in members):
            word = f"rehearsal  {word}"
        if story.group.is_storm:
            groups = len({member.now.group_id for member in members})
            return f"{word}  {counted(len(members), 'alert')} in {counted(groups, 'group')} within a minute"
        whats = list(dict.fromkeys(member.now.what for member in shown))
        what = whats[0] if len(whats) == 1 else f"{whats[0]} and {len(whats) - 1} more"
        subjects = {member.now.subject for member in shown}
        if len(subjects) == 1:
            return f"{word}  {what}  {describe(shown[0].now.subject, snapshot)}"
        kinds = {subject.kind for subject in subjects}
        noun = _NOUNS.get(next(iter(kinds)), "alert") if len(kinds) == 1 else "alert"
        waba_id = story.group.key.waba_id
        whose = f" of {describe(Subject.waba(waba_id), snapshot)}" if waba_id and noun != "account" else ""
        return f"{word}  {what}  {counted(len(subjects), noun)}{whose}"

    def _member_lines(
        self, members: Sequence[Member], state: State, now: datetime
    ) -> tuple[tuple[Severity, bool, str], ...]:
        """The worst ones; the rest is counted."""
        shown = members[:MOST_MEMBERS]
        lines = [(_shown_severity(each), each.is_resolved, self._member_line(each, state, now)) for each in shown]
        if rest := len(members) - len(shown):
            where = self._links.page or "wamon alerts list"
            lines.append((Severity.INFO, all(each.is_resolved for each in members), f"and {rest} more: {where}"))
        return tuple(lines)

    def _member_line(self, member: Member, state: State, now: datetime) -> str:
        words = [self._line(member.now, member.transitions, state.snapshot)]
        if not member.is_over:
            words.append(f"since {moment_words(member.now.opened_at, now)}")
        return "  ·  ".join([*words, *overlay_words(member, state, now)])

    def _line(self, transition: Transition, transitions: Iterable[Transition], snapshot: Snapshot) -> str:
        """The headline, which is all that a phone's lock screen shows: what decides whether to get up."""
        what = transition.what
        if transition.kind is TransitionKind.FLAPPING:
            what = f"{flapping_words(*turns(transitions, transition.key, transition.at))}  {what}"
        elif transition.kind not in _HEADED:
            what = f"{happened(transition)}  {what}"
        return "  ".join([fixed_word(transition), what, describe(transition.subject, snapshot)])

    def _timeline(
        self, story: Story, members: Sequence[Member], snapshot: Snapshot, now: datetime
    ) -> tuple[tuple[str, str], ...]:
        """What happened, oldest first; nothing for what has only just begun."""
        if len(story.transitions) < 2:
            return ()
        is_single = len(members) == 1
        return _shortened(
            [
                (
                    moment_words(each.at, now),
                    happened(each) if is_single else f"{happened(each)}  {describe(each.subject, snapshot)}",
                )
                for each in story.transitions
            ]
        )

    # --- what the reader can do ---------------------------------------------------------------------------------------

    def _buttons(self, story: Story, live: Sequence[Member]) -> Iterator[Button]:
        value = str(story.group.id)
        if not all(member.is_acknowledged for member in live):
            yield Button("acknowledge", "Acknowledge", value)
        # What a storm holds has nothing in common that one silence could name.
        for action, label in () if story.group.is_storm else _SILENCES:
            yield Button(action, label, value)
        if self._links.page:
            yield Button("open", "Open", value, self._links.page)

    def _commands(self, story: Story, members: Sequence[Member]) -> Iterator[str]:
        """The same by command line."""
        if not all(member.is_acknowledged for member in members if not member.is_over):
            yield f"acknowledge: wamon alerts ack {story.group.id}"
        matchers = _matchers(story, members)
        what = " ".join(f"--match {shlex.quote(each)}" for each in matchers) if matchers else "--match LABEL=VALUE"
        yield f'silence: wamon alerts silence {what} --for 4h --reason "..."'

    # --- an answer in a thread ----------------------------------------------------------------------------------------

    def _news(self, news: Sequence[Transition], story: Story, state: State, now: datetime) -> Message:
        """One line for one transition; several in the order in which they happened, and old ones with their times."""
        last = last_of_each(news)
        worst = max((each.severity for each in last if each.kind is not TransitionKind.CLOSE), default=Severity.INFO)
        if len(last) == 1:
            (latest,) = last
            headline = self._line(latest, story.transitions, state.snapshot)
        else:
            headline = _summary(news, last)
        is_opening = len(last) == 1 and last[0].kind not in (TransitionKind.CLOSE, TransitionKind.FLAPPING)
        lines = [(moment_words(each.at, now), self._line(each, story.transitions, state.snapshot)) for each in news]
        return Message(
            headline=headline,
            severity=worst,
            is_resolved=all(map(is_resolved, last)),
            facts=_raised(last[0], story.transitions) if len(last) == 1 else (),
            evidence=last[0].evidence if is_opening else (),
            timeline=_shortened(lines) if len(news) > 1 or now - news[0].at > LATE_AFTER else (),
            reference="",
        )

    def _reminder(self, batch: Batch, story: Story, state: State, now: datetime) -> Message:
        """What it reminds of, as it is now."""
        members = _reminded(batch, story, state)
        if not members:
            return plain("nothing is open any more", [])
        if len(members) == 1:
            (member,) = members
            return Message(
                headline=self._line(member.now, member.transitions, state.snapshot),
                severity=_shown_severity(member),
                is_resolved=member.is_resolved,
                facts=tuple(times(member.now, self._rules.get(member.now.rule), state.snapshot, now)),
                evidence=() if member.is_over else member.now.evidence,
                remarks=tuple(overlay_words(member, state, now)),
                reference="",
            )
        return Message(
            headline=self._group_headline(
                members, [member for member in members if not member.is_over], story, state.snapshot
            ),
            severity=max(map(_shown_severity, members)),
            is_resolved=all(member.is_resolved for member in members),
            members=self._member_lines(members, state, now),
            reference="",
        )

    def _with_batch(self, message: Message, batch: Batch, story: Story, state: State, now: datetime) -> Message:
        reminded = _reminded(batch, story, state)
        lead = "" if news_of(batch) else lead_of(batch, reminded, now)
        headline = f"{lead}{message.headline}"
        remarks = dict.fromkeys((*occasion_remarks(batch, reminded, story, state, now), *message.remarks))
        return replace(
            message,
            headline=headline,
            remarks=tuple(remarks),
            mention=self._mention if calls(batch, reminded) else None,
            data=with_kinds(message.data, (each.kind for each in batch.notifications), headline),
        )


def _reminded(batch: Batch, story: Story, state: State) -> tuple[Member, ...]:
    """The alerts that the batch is about, as they are now."""
    keys = {each.key for notification in batch.notifications for each in notification.transitions}
    return members_of((each for each in story.transitions if each.key in keys), state)


def _shown_severity(member: Member) -> Severity:
    """What has ended without being well is no alarm any more, and nothing good either."""
    return Severity.INFO if member.is_over and not member.is_resolved else member.severity


def _raised(transition: Transition, transitions: Iterable[Transition]) -> tuple[tuple[str, str], ...]:
    if transition.kind is not TransitionKind.RAISE or (before := raised_from(transition, transitions)) is None:
        return ()
    return (("Raised", f"from {before.name} to {transition.severity.name}"),)


def _shortened(lines: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The first and the last of a long list."""
    left_out = len(lines) - TIMELINE_FIRST - TIMELINE_LAST
    if left_out <= 0:
        return tuple(lines)
    return (*lines[:TIMELINE_FIRST], ("…", f"{left_out} more"), *lines[-TIMELINE_LAST:])


def _summary(news: Sequence[Transition], last: Sequence[Transition]) -> str:
    """`CRITICAL  3 alerts: 2 opened, 1 raised`, `RESOLVED  2 alerts`; the severity is that of what is not over."""
    noun = counted(len(last), "alert")
    rehearsal = "rehearsal  " if any(each.is_rehearsal for each in last) else ""
    if all(map(is_resolved, last)):
        return f"{rehearsal}RESOLVED  {noun}"
    counts = {
        "opened": sum(each.kind in (TransitionKind.OPEN, TransitionKind.TAKEN_OVER) for each in news),
        "raised": sum(each.kind is TransitionKind.RAISE for each in news),
        "flapping": sum(each.kind is TransitionKind.FLAPPING for each in news),
        "resolved": sum(map(is_resolved, news)),
        "closed": sum(each.kind is TransitionKind.CLOSE and not is_resolved(each) for each in news),
    }
    worst = max((each.severity for each in last if each.kind is not TransitionKind.CLOSE), default=None)
    parts = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return f"{rehearsal}{f'{worst.name}  ' if worst else ''}{noun}: {parts}"


def _matchers(story: Story, members: Sequence[Member]) -> tuple[str, ...]:
    """What hides these alerts and no others; nothing for a storm, which has nothing in common."""
    if len(members) == 1:
        (member,) = members
        own = [f"rule={member.now.rule}", *(f"{name}={value}" for name, value in member.now.subject.labels)]
        return (*own, "rehearsal=true") if member.now.is_rehearsal else tuple(own)
    key = story.group.key
    values = {"family": key.family, "app_id": key.app_id, "waba_id": key.waba_id}
    return () if story.group.is_storm else tuple(f"{name}={value}" for name, value in values.items() if value)
