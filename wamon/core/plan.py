"""What to tell whom, and when: grouping, timing, inhibition, silences, acknowledgement, escalation, flap damping.

One pure function beside the alerts' own life (ALERTING sections 3 to 6). An alert's state is true whatever is told;
the plan compares it with what people believe and decides which transitions to announce. Whatever holds something back,
a close is told to everybody who was told of the opening.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from wamon.core import alerting, flapping
from wamon.core.alerting import Alert, CloseReason, Severity, Transition, TransitionKind
from wamon.core.desk import (
    NO_GROUP,
    STORM_KEY,
    Acknowledge,
    Acknowledgement,
    Act,
    AnnouncementKind,
    Desk,
    EndSilence,
    Group,
    Mute,
    Pending,
    PostDigest,
    Rehearse,
    SetSilence,
    Standing,
    TransitionId,
    TryReceiver,
)
from wamon.core.deskwork import DeskDraft, Plan
from wamon.core.inhibition import Inhibitors
from wamon.core.manner import Manner
from wamon.core.ports import Rule
from wamon.core.reminding import Reminders
from wamon.core.silences import silenced_by

OPENINGS = (TransitionKind.OPEN, TransitionKind.RAISE, TransitionKind.TAKEN_OVER)
NEWS = frozenset({TransitionKind.OPEN, TransitionKind.RAISE, TransitionKind.CLOSE})
_EARNED = {TransitionKind.OPEN: flapping.OPENED, TransitionKind.RETURNED: flapping.RETURNED}
_ENDED = {Mute.INHIBITED: TransitionKind.UNINHIBITED, Mute.SILENCED: TransitionKind.UNSILENCED}
_BEGAN = {Mute.INHIBITED: TransitionKind.INHIBITED, Mute.SILENCED: TransitionKind.SILENCED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Why the plan is made: what has just happened to alerts, and what an operator did.

    `was_at` is when the plan before was made, None when this is the first; later than `now` when the clock went back.
    `stopped_for` is how long wamon was not there before this start, None when this is no start.
    """

    now: datetime
    was_at: datetime | None = None
    transitions: tuple[Transition, ...] = ()
    act: Act | None = None
    stopped_for: timedelta | None = None


def plan(
    desk: Desk, alerts: Mapping[str, Alert], occasion: Occasion, *, rules: Mapping[str, Rule], manner: Manner
) -> Plan:
    """Decide what is told next. `alerts` are those after the occasion's transitions."""
    is_set_back = occasion.was_at is not None and occasion.now < occasion.was_at
    is_idle = not occasion.transitions and occasion.act is None and occasion.stopped_for is None and not is_set_back
    if is_idle and (desk.next_at is None or occasion.now < desk.next_at):
        return Plan(desk=desk, alerts={})
    draft = DeskDraft(desk, alerts, occasion.now, rules, manner)
    if is_set_back and occasion.was_at is not None:
        draft.set_back(occasion.was_at)
    return _Planner(draft, occasion, manner).run()


class _Planner:
    """One plan in the making: the order of `run` is the order in which things are decided."""

    def __init__(self, draft: DeskDraft, occasion: Occasion, manner: Manner) -> None:
        self._draft = draft
        self._occasion = occasion
        self._now = occasion.now
        self._manner = manner
        self._patience = manner.patience

    def run(self) -> Plan:
        draft = self._draft
        if self._occasion.stopped_for is not None:
            self._start(self._occasion.stopped_for)
        self._end_silences()
        for transition in self._occasion.transitions:
            self._admit(transition)
        if self._occasion.act is not None:
            self._act(self._occasion.act)
        self._end_rehearsals()
        open_alerts = [alert for alert in draft.alerts.values() if alert.is_open]
        self._inhibitors = Inhibitors(self._manner.inhibitions, [(a, draft.labels(a)) for a in open_alerts])
        for key in tuple(draft.standings):
            self._mute(key)
            self._calm(key)
            self._catch_up(key)
            self._expire_acknowledgement(key)
        self._watch_for_storm()
        self._tell_news()
        draft.announce_collected()
        reminders = Reminders(draft, self._manner)
        reminders.escalate()
        reminders.repeat()
        reminders.tell_of_silenced()
        self._end_groups()
        return draft.finish()

    # --- what happened ------------------------------------------------------------------------------------------------

    def _start(self, stopped_for: timedelta) -> None:
        """Look at everything anew: rules may be announced elsewhere now, and receivers may have come and gone."""
        draft, everybody = self._draft, self._manner.everybody()
        for key, standing in tuple(draft.standings.items()):
            alert = draft.alerts.get(key)
            if alert is None or alert.rule in self._manner.outside:
                del draft.standings[key]
                draft.unqueue(standing.group_id, key)
                continue
            kept = draft.put(replace(standing, told_to=standing.told_to & everybody))
            told = self._believed(kept)
            if told is None or kept.latest is None or not alert.is_open:
                continue
            if silenced_by(draft.labels(alert), draft.silences.values(), self._now):
                continue
            if stopped_for > self._patience.carried_gap:
                draft.collect(kept, AnnouncementKind.CARRIED, note=(self._now - stopped_for).isoformat())
            wanted = self._manner.route(draft.labels(alert), told) - kept.told_to
            # An opening or a rise that waits reaches them as well.
            if wanted and not draft.is_queued(kept.group_id, key, *OPENINGS):
                draft.announce(kept.group_id, wanted, AnnouncementKind.REPEAT, [kept.latest.id])
                draft.put(replace(kept, told_to=kept.told_to | wanted))
        draft.name_groups()
        for key, alert in draft.alerts.items():
            if alert.is_open and key not in draft.standings and alert.rule not in self._manner.outside:
                draft.put(Standing(key=key, group_id=draft.join(alert).id))
                taken_over = draft.note(key, TransitionKind.TAKEN_OVER)
                news = Pending(id=taken_over, kind=TransitionKind.TAKEN_OVER, severity=alert.severity)
                draft.put(replace(draft.standings[key], latest=news))

    def _end_silences(self) -> None:
        for silence in tuple(self._draft.silences.values()):
            if silence.ends_at <= self._now:
                self._draft.end_silence(silence)
            else:
                self._draft.wake(silence.ends_at if silence.starts_at <= self._now else silence.starts_at)

    def _admit(self, transition: Transition) -> None:
        """Give a transition its group, and its place in the queue when it is news."""
        draft, alert = self._draft, self._draft.alerts.get(transition.key)
        if alert is None or transition.rule in self._manner.outside:
            draft.record(transition, NO_GROUP)
            return
        standing = draft.standings.get(transition.key)
        if standing is None or standing.group_id not in draft.groups:
            group_id = draft.join(alert).id
            standing = replace(standing or Standing(key=alert.key, group_id=group_id), group_id=group_id)
        draft.record(transition, standing.group_id)
        was_flapping = standing.is_flapping
        standing = draft.put(self._penalised(standing, transition))
        if transition.kind is TransitionKind.LOWER and standing.told is not None and not was_flapping:
            is_critical = transition.severity is Severity.CRITICAL
            critical_since = standing.critical_since if is_critical else None
            escalated = standing.escalated if is_critical else 0
            standing = draft.put(
                replace(standing, told=transition.severity, critical_since=critical_since, escalated=escalated)
            )
        if transition.kind is TransitionKind.RAISE and standing.acknowledged is not None:
            standing = self._unacknowledge(standing, note="the severity rose")
        if transition.kind in NEWS:
            self._hold_or_queue(standing, transition, is_held=was_flapping)
        if standing.is_flapping and not was_flapping:
            told = draft.note(transition.key, TransitionKind.FLAPPING)
            news = Pending(id=told, kind=TransitionKind.FLAPPING, severity=transition.severity)
            draft.queue(standing.group_id, news)

    def _hold_or_queue(self, standing: Standing, transition: Transition, *, is_held: bool) -> None:
        is_opening = transition.kind is not TransitionKind.CLOSE
        is_critical = is_opening and transition.severity is Severity.CRITICAL
        news = Pending(
            id=TransitionId(transition.key, transition.episode, transition.ordinal),
            kind=transition.kind,
            severity=transition.severity,
            is_urgent=is_critical or transition.kind is TransitionKind.RAISE,
        )
        released_at = None if transition.kind is TransitionKind.OPEN else standing.released_at
        # While it flaps people are spared, but for the worst, and that once.
        is_spared = is_held and not (is_critical and self._believed(standing) is not Severity.CRITICAL)
        acknowledged = None if transition.kind is TransitionKind.CLOSE else standing.acknowledged
        self._draft.put(
            replace(
                standing,
                latest=news,
                released_at=released_at,
                acknowledged=acknowledged,
                changes=standing.changes + int(is_spared),
            )
        )
        if not is_spared:
            self._draft.queue(standing.group_id, news)

    def _penalised(self, standing: Standing, transition: Transition) -> Standing:
        """Flap damping, ALERTING section 3; what is critical is never held back."""
        earned = _EARNED.get(transition.kind)
        if earned is None or transition.is_rehearsal:
            return standing
        penalty = self._draft.penalty(standing) + earned
        is_tripped = penalty >= flapping.FLAPS_AT and transition.severity is not Severity.CRITICAL
        standing = replace(standing, penalty=penalty, penalty_at=self._now)
        if is_tripped and not standing.is_flapping:
            standing = replace(standing, flapping_since=self._now, changes=0)
        return standing

    def _act(self, act: Act) -> None:
        draft = self._draft
        match act.deed:
            case SetSilence(silence=silence):
                draft.silences[silence.id] = silence
                draft.wake(silence.ends_at if silence.starts_at <= self._now else silence.starts_at)
            case EndSilence(silence_id=silence_id):
                if (silence_now := draft.silences.get(silence_id)) is not None:
                    draft.end_silence(silence_now)
            case Acknowledge(keys=keys):
                for key in keys:
                    self._acknowledge(key, act.actor)
            case Rehearse(rule=rule, subject=subject, lasts=lasts):
                standing = draft.standings.get(alerting.alert_key(rule, subject, is_rehearsal=True))
                if standing is not None:
                    draft.put(replace(standing, ends_at=self._now + lasts))
            case TryReceiver(receiver=receiver):
                draft.announce(NO_GROUP, [receiver], AnnouncementKind.TEST, note=act.actor)
            case PostDigest(text=text):
                draft.digest_at = self._now
                draft.announce(NO_GROUP, self._manner.receivers, AnnouncementKind.WEEKLY_DIGEST, note=text)
            case _:
                # A forced close is a transition of the alert's own.
                return

    def _acknowledge(self, key: str, actor: str) -> None:
        standing = self._draft.standings.get(key)
        if standing is not None and standing.acknowledged is None and self._draft.open_alert(key):
            until = self._now + self._patience.ack_lasts
            self._draft.put(replace(standing, acknowledged=Acknowledgement(by=actor, at=self._now, until=until)))
            self._draft.note(key, TransitionKind.ACKNOWLEDGED, actor=actor)

    def _unacknowledge(self, standing: Standing, *, note: str) -> Standing:
        """From here on people are reminded and called again, as if they had just been told."""
        critical_since = self._now if standing.told is Severity.CRITICAL else None
        kept = self._draft.put(replace(standing, acknowledged=None, escalated=0, critical_since=critical_since))
        self._draft.note(standing.key, TransitionKind.UNACKNOWLEDGED, note=note)
        return kept

    def _end_rehearsals(self) -> None:
        for key, standing in tuple(self._draft.standings.items()):
            alert = self._draft.open_alert(key)
            if standing.ends_at is None or alert is None:
                continue
            if standing.ends_at > self._now:
                self._draft.wake(standing.ends_at)
                continue
            self._draft.put(replace(standing, ends_at=None))
            closed = alerting.close(alert, reason=CloseReason.RESOLVED, now=self._now)
            self._draft.alerts[key] = closed.alert or alert
            for transition in closed.transitions:
                self._admit(transition)

    # --- the overlays of one alert ------------------------------------------------------------------------------------

    def _mute(self, key: str) -> None:
        """See what holds an alert back at present, and write down when that begins and ends."""
        draft, standing, alert = self._draft, self._draft.standings[key], self._draft.open_alert(key)
        known = draft.alerts.get(key)
        if known is not None and self._muted_by(known, standing)[0] is not None:
            # It is told when that ends, if it is still so then.
            draft.unqueue(standing.group_id, key, *OPENINGS, TransitionKind.FLAPPING)
        standing = self._inhibit(standing, alert)
        mute, by = self._muted_by(alert, standing) if alert is not None else (None, "")
        if (mute, by) == (standing.muted, standing.muted_by):
            return
        draft.put(replace(standing, muted=mute, muted_by=by))
        for source in (by, standing.muted_by):
            # Its message tells how many it hides.
            if source in draft.standings:
                draft.revise(draft.standings[source].group_id)
        if alert is not None and standing.muted is not None:
            draft.note(key, _ENDED[standing.muted], **self._whose(standing.muted, standing.muted_by))
        if mute is not None:
            draft.note(key, _BEGAN[mute], **self._whose(mute, by))
        if mute is Mute.SILENCED and standing.told is not None:
            draft.collect(standing, AnnouncementKind.SILENCED, note=by)

    def _inhibit(self, standing: Standing, alert: Alert | None) -> Standing:
        """Note when an inhibition begins and ends, also under a silence: after it the alert must be seen anew."""
        is_inhibited = (
            alert is not None
            and self._believed(standing) is None
            and self._inhibitors.of(alert, self._draft.labels(alert)) is not None
        )
        if standing.is_inhibited == is_inhibited:
            return standing
        is_released = alert is not None and not is_inhibited
        released_at = self._now if is_released else standing.released_at
        return self._draft.put(replace(standing, is_inhibited=is_inhibited, released_at=released_at))

    def _muted_by(self, alert: Alert, standing: Standing) -> tuple[Mute | None, str]:
        """What mutes this alert, open or just closed: a silence always, an inhibition only what nobody knows yet."""
        labels = self._draft.labels(alert)
        if silence := silenced_by(labels, self._draft.silences.values(), self._now):
            return Mute.SILENCED, silence.id
        if self._believed(standing) is None and (source := self._inhibitors.of(alert, labels)):
            return Mute.INHIBITED, source.key
        return None, ""

    def _believed(self, standing: Standing) -> Severity | None:
        """What people will believe once they have heard of the close that waits."""
        is_over = self._draft.is_queued(standing.group_id, standing.key, TransitionKind.CLOSE)
        return None if is_over else standing.told

    def _whose(self, mute: Mute, by: str) -> dict[str, str]:
        """Who muted and why, for the time line."""
        if mute is Mute.SILENCED:
            silence = self._draft.silence(by)
            return {"actor": silence.author, "note": silence.reason} if silence else {}
        source = self._draft.alerts.get(by)
        return {"note": source.what} if source else {}

    def _calm(self, key: str) -> None:
        """Let go of an alert that has stopped flapping, or was held long enough."""
        draft, standing = self._draft, self._draft.standings[key]
        alert = draft.alerts.get(key)
        if standing.flapping_since is None or standing.penalty_at is None or alert is None:
            return
        half = draft.half_life(alert)
        calm_at = flapping.calm_at(standing.penalty, standing.penalty_at, half)
        until = min(calm_at, standing.flapping_since + flapping.LONGEST_HOLD_HALF_LIVES * half)
        if self._now < until:
            draft.wake(until)
            return
        draft.put(replace(standing, flapping_since=None))
        draft.note(key, TransitionKind.CALMED)
        self._correct_belief(key)
        if not alert.is_open and standing.latest is not None and standing.latest.kind is TransitionKind.CLOSE:
            draft.queue(standing.group_id, standing.latest)

    def _catch_up(self, key: str) -> None:
        """Queue what people should know and were not told, because something held it back that does not any more."""
        draft, standing, alert = self._draft, self._draft.standings[key], self._draft.open_alert(key)
        news = standing.latest
        if alert is None or news is None or news.kind is TransitionKind.CLOSE or standing.muted is not None:
            return
        told = self._believed(standing)
        is_known = told is not None and (told >= alert.severity or standing.is_flapping)
        if is_known or draft.is_queued(standing.group_id, key, *OPENINGS):
            return
        if standing.released_at is not None and alert.last_confirmed_at <= standing.released_at:
            # What was muted by an outage must first be seen again.
            draft.wake(self._now + self._patience.group_wait)
            return
        draft.put(replace(standing, released_at=None))
        draft.queue(standing.group_id, replace(news, severity=alert.severity, is_urgent=False))

    def _expire_acknowledgement(self, key: str) -> None:
        standing = self._draft.standings[key]
        if standing.acknowledged is None or self._draft.open_alert(key) is None:
            return
        if self._now < standing.acknowledged.until:
            self._draft.wake(standing.acknowledged.until)
            return
        standing = self._unacknowledge(standing, note="its time was up")
        if standing.muted is None:
            self._draft.collect(standing, AnnouncementKind.ACK_EXPIRED)

    # --- telling ------------------------------------------------------------------------------------------------------

    def _watch_for_storm(self) -> None:
        """Let one message speak for all when too many groups would be told of at once."""
        draft, most = self._draft, self._patience.storm_groups
        untold = [group for group in draft.groups.values() if self._would_open(group)]
        is_storm = len(draft.first_told_ats) + len(untold) > most
        if not is_storm:
            draft.storm_id = None
            return
        if draft.storm_id is None:
            draft.storm_id = draft.open_group(STORM_KEY, is_storm=True).id
        for group in untold:
            pending = draft.take_pending(group.id)
            draft.groups[group.id] = replace(draft.groups[group.id], storm_id=draft.storm_id)
            draft.first_told_ats = (*draft.first_told_ats, self._now)
            draft.revise(group.id)
            for news in pending:
                draft.queue(group.id, news)

    def _would_open(self, group: Group) -> bool:
        """Whether a group has something to open a message with."""
        return group.told_at is None and not group.is_storm and any(news.kind in OPENINGS for news in group.pending)

    def _tell_news(self) -> None:
        for group in sorted(self._draft.groups.values(), key=lambda group: group.id):
            if not group.pending or group.waiting_since is None:
                continue
            due_at = self._due_at(group, group.waiting_since)
            if self._now < due_at:
                self._draft.wake(due_at)
            else:
                self._tell(group)

    def _due_at(self, group: Group, waiting_since: datetime) -> datetime:
        if group.told_at is None:
            due_at = waiting_since + self._patience.group_wait
        else:
            due_at = group.told_at + self._patience.group_interval
        if any(news.is_urgent for news in group.pending):
            rested_at = group.urgent_at + self._patience.urgent_interval if group.urgent_at else self._now
            due_at = min(due_at, rested_at)
        return due_at

    def _tell(self, group: Group) -> None:
        """Announce what waits in a group; what is muted does not wait."""
        draft, is_first = self._draft, group.told_at is None
        items: dict[str, list[Pending]] = {}
        for news in group.pending:
            for receiver in self._believe(news):
                items.setdefault(receiver, []).append(news)
        for key in {news.id.key for news in group.pending}:
            self._correct_belief(key)
        told = [news for each in items.values() for news in each]
        urgent_at = self._now if any(news.is_urgent for news in told) else group.urgent_at
        draft.take_pending(group.id)
        draft.groups[group.id] = replace(draft.groups[group.id], urgent_at=urgent_at)
        if told and is_first and not group.is_storm:
            draft.first_told_ats = (*draft.first_told_ats, self._now)
        for receiver, each in sorted(items.items()):
            is_loud = not is_first and any(
                news.kind is TransitionKind.RAISE
                or (news.kind is TransitionKind.OPEN and news.severity is Severity.CRITICAL)
                for news in each
            )
            draft.announce(
                group.id, [receiver], AnnouncementKind.NEWS, [news.id for news in each], is_broadcast=is_loud
            )

    def _believe(self, news: Pending) -> frozenset[str]:
        """Who is told this news; from now on people believe it. Nobody when it is no news to them."""
        standing, alert = self._draft.standings[news.id.key], self._draft.alerts[news.id.key]
        told_to = standing.told_to
        if news.kind is TransitionKind.CLOSE:
            self._draft.put(replace(standing, told=None, told_to=frozenset(), critical_since=None, escalated=0))
            return told_to
        if news.kind is TransitionKind.FLAPPING:
            return told_to
        if standing.told is not None and news.severity <= standing.told:
            return frozenset()
        told_to |= self._manner.route(self._draft.labels(alert), news.severity)
        critical_since = self._now if news.severity is Severity.CRITICAL else None
        self._draft.put(replace(standing, told=news.severity, told_to=told_to, critical_since=critical_since))
        return told_to

    def _correct_belief(self, key: str) -> None:
        """The message shows what is so now: people do not believe what was worse while it waited."""
        standing, alert = self._draft.standings.get(key), self._draft.open_alert(key)
        if standing is None or standing.told is None or alert is None or standing.is_flapping:
            return
        if alert.severity < standing.told:
            self._draft.put(replace(standing, told=alert.severity, critical_since=None, escalated=0))

    # --- groups -------------------------------------------------------------------------------------------------------

    def _end_groups(self) -> None:
        """End the groups of which nothing is left to tell; the storms' last, which speak for others."""
        draft = self._draft
        for group in sorted(draft.groups.values(), key=lambda group: group.is_storm):
            is_speaking = group.is_storm and any(each.storm_id == group.id for each in draft.groups.values())
            if not draft.groups[group.id].pending and not is_speaking and not self._has_live_member(group):
                draft.end_group(group)

    def _has_live_member(self, group: Group) -> bool:
        draft = self._draft
        for key in group.members:
            standing = draft.standings.get(key)
            if standing is None or standing.group_id != group.id:
                continue
            if draft.open_alert(key) or standing.told is not None or standing.is_flapping:
                return True
            if draft.is_queued(group.id, key):
                return True
        return False
