"""The desk in the making: the few ways in which a plan may change groups, standings and what is owed."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from wamon.core import alerting, flapping
from wamon.core.alerting import Alert, Transition, TransitionKind
from wamon.core.desk import (
    NO_GROUP,
    Announcement,
    AnnouncementKind,
    Desk,
    Group,
    GroupKey,
    Pending,
    Standing,
    TransitionId,
)
from wamon.core.manner import Manner, alert_labels, group_key
from wamon.core.ports import Rule
from wamon.core.silences import Silence

# What a message is sent for, and from which the next reminder is counted.
_NOTIFIES = frozenset(
    {
        AnnouncementKind.NEWS,
        AnnouncementKind.REPEAT,
        AnnouncementKind.ESCALATION,
        AnnouncementKind.ACK_EXPIRED,
        AnnouncementKind.CARRIED,
    }
)
_SOON = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The desk after the occasion, the alerts whose time line went on, and everything that has to be written.

    `transitions` are those of the occasion with their groups, and those of the overlays.
    """

    desk: Desk
    alerts: Mapping[str, Alert]
    transitions: tuple[Transition, ...] = ()
    groups: tuple[Group, ...] = ()
    standings: tuple[Standing, ...] = ()
    removed_standings: tuple[str, ...] = ()
    silences: tuple[Silence, ...] = ()
    announcements: tuple[Announcement, ...] = ()


class DeskDraft:
    """A desk that is being changed; `standings`, `silences` and `alerts` may be looked at and replaced by key."""

    def __init__(
        self, desk: Desk, alerts: Mapping[str, Alert], now: datetime, rules: Mapping[str, Rule], manner: Manner
    ) -> None:
        self.now = now
        self.alerts = dict(alerts)
        self.groups = dict(desk.groups)
        self.standings = dict(desk.standings)
        self.silences = dict(desk.silences)
        self.storm_id = desk.storm_id
        self.digest_at = desk.digest_at
        self.silenced_digest_at = desk.silenced_digest_at
        self.first_told_ats = tuple(at for at in desk.first_told_ats if at > now - manner.patience.storm_within)
        self._before = desk
        self._alerts_before = alerts
        self._rules = rules
        self._manner = manner
        self._last_group_id = desk.last_group_id
        # What waits, by alert: each alert is asked about several times, and a storm's queue is long.
        self._waiting: defaultdict[str, list[TransitionKind]] = defaultdict(list)
        for group in desk.groups.values():
            for news in group.pending:
                self._waiting[news.id.key].append(news.kind)
        self._by_key = {group.key: group.id for group in desk.groups.values() if not group.is_storm}
        self._ended_groups: list[Group] = []
        self._ended_silences: list[Silence] = []
        self._transitions: list[Transition] = []
        self._announcements: list[Announcement] = []
        self._collected: defaultdict[tuple[int, AnnouncementKind, str], list[tuple[frozenset[str], TransitionId]]]
        self._collected = defaultdict(list)
        self._ungrouped = 0
        self._labels: dict[str, dict[str, str]] = {}
        self._next_ats: list[datetime] = []

    def set_back(self, was_at: datetime) -> None:
        """The clock went back from there: nothing that has happened may lie later than now."""
        self.groups = {group.id: _group_by(group, self.now) for group in self.groups.values()}
        self.standings = {standing.key: _standing_by(standing, self.now) for standing in self.standings.values()}
        for silence in tuple(self.silences.values()):
            # One that has begun goes on.
            if silence.starts_at <= was_at:
                self.silences[silence.id] = replace(silence, starts_at=min(silence.starts_at, self.now))
        self.first_told_ats = tuple(min(at, self.now) for at in self.first_told_ats)
        self.digest_at = _by(self.digest_at, self.now)
        self.silenced_digest_at = _by(self.silenced_digest_at, self.now)

    # --- alerts -------------------------------------------------------------------------------------------------------

    def open_alert(self, key: str) -> Alert | None:
        alert = self.alerts.get(key)
        return alert if alert is not None and alert.is_open else None

    def labels(self, alert: Alert) -> Mapping[str, str]:
        found = self._labels.get(alert.key)
        if found is None:
            found = self._labels[alert.key] = alert_labels(alert, self._rules.get(alert.rule), self._manner.ties)
        return found

    def half_life(self, alert: Alert) -> timedelta:
        rule = self._rules.get(alert.rule)
        return flapping.half_life(rule.timing.keep_firing_for if rule else timedelta(0))

    def penalty(self, standing: Standing) -> float:
        """The penalty as it is now."""
        alert = self.alerts.get(standing.key)
        if standing.penalty_at is None or alert is None:
            return 0.0
        return flapping.faded(standing.penalty, self.now - standing.penalty_at, self.half_life(alert))

    def record(self, transition: Transition, group_id: int) -> None:
        """Take a transition in as one of this group, whose message then shows less than is known."""
        self._transitions.append(replace(transition, group_id=group_id))
        self.revise(group_id)

    def note(self, key: str, kind: TransitionKind, *, actor: str = "", note: str = "") -> TransitionId:
        """Write an overlay's transition into the alert's time line."""
        alert, transition = alerting.annotate(self.alerts[key], kind, now=self.now, actor=actor, note=note)
        self.alerts[key] = alert
        self.record(transition, self.standings[key].group_id)
        return TransitionId(key, alert.episode, alert.ordinal)

    # --- standings and silences ---------------------------------------------------------------------------------------

    def put(self, standing: Standing) -> Standing:
        self.standings[standing.key] = standing
        return standing

    def end_silence(self, silence: Silence) -> None:
        """A silence is over, at its time or before."""
        del self.silences[silence.id]
        if silence.ends_at > self.now:
            self._ended_silences.append(replace(silence, ends_at=self.now))

    def silence(self, silence_id: str) -> Silence | None:
        """A silence by its id, also one that has just ended."""
        return self.silences.get(silence_id) or self._before.silences.get(silence_id)

    # --- groups -------------------------------------------------------------------------------------------------------

    def join(self, alert: Alert) -> Group:
        """The live group that this alert belongs to, with the alert as a member."""
        key = group_key(self.labels(alert))
        found = self._by_key.get(key)
        group = self.open_group(key) if found is None else self.groups[found]
        if alert.key not in group.members:
            group = self.groups[group.id] = replace(group, members=(*group.members, alert.key))
        return group

    def open_group(self, key: GroupKey, *, is_storm: bool = False) -> Group:
        self._last_group_id += 1
        group = Group(id=self._last_group_id, key=key, opened_at=self.now, is_storm=is_storm)
        self.groups[group.id] = group
        if not is_storm:
            self._by_key[key] = group.id
        return group

    def name_groups(self) -> None:
        """Give each group the key that its alerts have by now: families and apps may have other names since."""
        for group in tuple(self.groups.values()):
            alert = next((self.alerts[key] for key in group.members if key in self.alerts), None)
            if alert is not None:
                named = self.groups[group.id] = replace(group, key=group_key(self.labels(alert)))
                self._by_key.setdefault(named.key, named.id)

    def end_group(self, group: Group) -> None:
        self.revise(group.id)
        self._ended_groups.append(replace(self.groups.pop(group.id), closed_at=self.now))
        if self.storm_id == group.id:
            self.storm_id = None

    def speaker(self, group_id: int) -> Group:
        """The group whose message tells of this one: itself, or a storm."""
        return self.groups[self.groups[group_id].message_id]

    def spoken_for(self, group: Group) -> Iterator[Standing]:
        """The standings of all alerts that this group's message tells of."""
        for each in tuple(self.groups.values()) if group.is_storm else (group,):
            if each.message_id == group.id:
                for key in each.members:
                    standing = self.standings.get(key)
                    if standing is not None and standing.group_id == each.id:
                        yield standing

    def revise(self, group_id: int) -> None:
        """The group's message shows less than is known."""
        if group_id in self.groups:
            speaker = self.speaker(group_id)
            self.groups[speaker.id] = replace(speaker, revision=speaker.revision + 1)

    def queue(self, group_id: int, news: Pending) -> None:
        """Let news wait for its group's turn."""
        speaker = self.speaker(group_id)
        waiting_since = speaker.waiting_since or self.now
        self.groups[speaker.id] = replace(speaker, pending=(*speaker.pending, news), waiting_since=waiting_since)
        self._waiting[news.id.key].append(news.kind)

    def take_pending(self, group_id: int) -> tuple[Pending, ...]:
        """What waits in a group, which does not wait any more."""
        group = self.groups[group_id]
        self.groups[group_id] = replace(group, pending=(), waiting_since=None)
        for news in group.pending:
            self._waiting[news.id.key].remove(news.kind)
        return group.pending

    def unqueue(self, group_id: int, key: str, *kinds: TransitionKind) -> None:
        """Forget what waits about one alert; only these kinds of news, when some are named."""
        if self.is_queued(group_id, key, *kinds):
            speaker = self.speaker(group_id)
            pending = tuple(n for n in speaker.pending if n.id.key != key or (kinds and n.kind not in kinds))
            waiting_since = speaker.waiting_since if pending else None
            self.groups[speaker.id] = replace(speaker, pending=pending, waiting_since=waiting_since)
            self._waiting[key] = [kind for kind in self._waiting[key] if kinds and kind not in kinds]
            self.revise(group_id)

    def is_queued(self, group_id: int, key: str, *kinds: TransitionKind) -> bool:
        waiting = self._waiting.get(key, ())
        return group_id in self.groups and any(not kinds or kind in kinds for kind in waiting)

    # --- what is owed -------------------------------------------------------------------------------------------------

    def announce(
        self,
        group_id: int,
        receivers: Iterable[str],
        kind: AnnouncementKind,
        items: Sequence[TransitionId] = (),
        *,
        is_broadcast: bool = False,
        mentions: bool = False,
        note: str = "",
    ) -> None:
        """Owe one announcement to each receiver, in the message that tells of this group."""
        to = sorted(receivers)
        if not to:
            return
        if group_id == NO_GROUP:
            self._ungrouped += 1
            message_id, sequence = NO_GROUP, self._ungrouped
        else:
            speaker = self.speaker(group_id)
            message_id, sequence = speaker.id, speaker.sequence + 1
            told_at = self.now if kind in _NOTIFIES else speaker.told_at
            self.groups[speaker.id] = replace(speaker, sequence=sequence, told_at=told_at)
        self._announcements.extend(
            Announcement(
                group_id=message_id,
                sequence=sequence,
                receiver=receiver,
                kind=kind,
                at=self.now,
                items=tuple(items),
                is_broadcast=is_broadcast,
                mentions=mentions,
                note=note,
            )
            for receiver in to
        )

    def collect(self, standing: Standing, kind: AnnouncementKind, *, note: str = "") -> None:
        """Remind everybody who was told of this alert, together with others of its message."""
        if standing.latest is not None:
            key = (self.speaker(standing.group_id).id, kind, note)
            self._collected[key].append((standing.told_to, standing.latest.id))

    def announce_collected(self) -> None:
        for (group_id, kind, note), reminded in self._collected.items():
            told_to = frozenset[str]().union(*(receivers for receivers, _ in reminded))
            self.announce(group_id, told_to, kind, [item for _, item in reminded], note=note)

    def wake(self, at: datetime) -> None:
        """Ask to be called again then, should nothing happen before."""
        self._next_ats.append(at)

    # --- the end ------------------------------------------------------------------------------------------------------

    def finish(self) -> Plan:
        for key, standing in tuple(self.standings.items()):
            if standing.group_id not in self.groups and self.penalty(standing) < flapping.FORGOTTEN_BELOW:
                del self.standings[key]
        before = self._before
        desk = Desk(
            groups=self.groups,
            standings=self.standings,
            silences=self.silences,
            last_group_id=self._last_group_id,
            first_told_ats=self.first_told_ats,
            storm_id=self.storm_id,
            digest_at=self.digest_at,
            silenced_digest_at=self.silenced_digest_at,
            next_at=max(min(self._next_ats), self.now + _SOON) if self._next_ats else None,
        )
        groups = [group for group in self.groups.values() if before.groups.get(group.id) != group]
        silences = [silence for silence in self.silences.values() if before.silences.get(silence.id) != silence]
        standings = [s for s in self.standings.values() if before.standings.get(s.key) != s]
        return Plan(
            desk=desk,
            alerts={key: alert for key, alert in self.alerts.items() if self._alerts_before.get(key) is not alert},
            transitions=tuple(self._transitions),
            groups=(*groups, *self._ended_groups),
            standings=tuple(standings),
            removed_standings=tuple(key for key in before.standings if key not in self.standings),
            silences=(*silences, *self._ended_silences),
            announcements=tuple(self._announcements),
        )


# --- a clock that went back -------------------------------------------------------------------------------------------


def _by(at: datetime | None, now: datetime) -> datetime | None:
    return None if at is None else min(at, now)


def _group_by(group: Group, now: datetime) -> Group:
    return replace(
        group,
        opened_at=min(group.opened_at, now),
        waiting_since=_by(group.waiting_since, now),
        told_at=_by(group.told_at, now),
        urgent_at=_by(group.urgent_at, now),
    )


def _standing_by(standing: Standing, now: datetime) -> Standing:
    taken = standing.acknowledged
    if taken is not None and taken.at > now:
        taken = replace(taken, at=now, until=now + (taken.until - taken.at))
    return replace(
        standing,
        acknowledged=taken,
        critical_since=_by(standing.critical_since, now),
        released_at=_by(standing.released_at, now),
        penalty_at=_by(standing.penalty_at, now),
        flapping_since=_by(standing.flapping_since, now),
    )
