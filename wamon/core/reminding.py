"""Reminding people of what they know already: escalation, repeats, and what is silenced."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from wamon.core.alerting import AlertState, Severity, TransitionKind
from wamon.core.desk import NO_GROUP, AnnouncementKind, Mute, Standing
from wamon.core.deskwork import DeskDraft
from wamon.core.manner import Manner

# The escalation's first step calls people where they were told; the second tells somebody else.
CALL_PEOPLE: Final = 0


class Reminders:
    """What time alone makes due on a desk."""

    def __init__(self, draft: DeskDraft, manner: Manner) -> None:
        self._draft = draft
        self._manner = manner
        self._patience = manner.patience

    def escalate(self) -> None:
        """Call for help where a critical alert stays without an answer; one message for a group and step."""
        draft = self._draft
        due: dict[tuple[int, int], list[Standing]] = {}
        for standing in draft.standings.values():
            at = self._escalates_at(standing)
            if at is not None and at <= self._draft.now:
                due.setdefault((draft.speaker(standing.group_id).id, standing.escalated), []).append(standing)
            elif at is not None:
                draft.wake(at)
        for (group_id, step), standings in sorted(due.items()):
            to = self._called(step, standings)
            for standing in standings:
                kept = draft.put(replace(standing, escalated=step + 1, told_to=standing.told_to | to))
                if to:
                    draft.note(standing.key, TransitionKind.ESCALATED, note=", ".join(sorted(to)))
                if (at := self._escalates_at(kept)) is not None:
                    draft.wake(at)
            items = [standing.latest.id for standing in standings if standing.latest]
            draft.announce(group_id, to, AnnouncementKind.ESCALATION, items, is_broadcast=True, mentions=True)

    def _called(self, step: int, standings: list[Standing]) -> frozenset[str]:
        """Who hears of an escalation's step; nobody when the step is not configured."""
        if step == CALL_PEOPLE:
            told_to = frozenset[str]().union(*(standing.told_to for standing in standings))
            return told_to if self._manner.mentions else frozenset()
        return frozenset(filter(None, [self._manner.escalation_receiver]))

    def _escalates_at(self, standing: Standing) -> datetime | None:
        """When the next step is due; None when there is none, or somebody has answered."""
        alert, steps = self._draft.alerts.get(standing.key), self._patience.escalate_after
        if not (self._manner.mentions or self._manner.escalation_receiver) or standing.escalated >= len(steps):
            return None
        if alert is None or alert.state is not AlertState.FIRING or standing.told is not Severity.CRITICAL:
            return None
        if alert.severity is not Severity.CRITICAL:
            return None
        if standing.acknowledged is not None or standing.muted is not None or standing.critical_since is None:
            return None
        return standing.critical_since + steps[standing.escalated]

    def repeat(self) -> None:
        draft = self._draft
        for group in tuple(draft.groups.values()):
            reminded = [(s, every) for s in draft.spoken_for(group) if (every := self._repeats_after(s))]
            if not reminded or group.told_at is None:
                continue
            soonest = min(every for _, every in reminded)
            if self._draft.now < group.told_at + soonest:
                draft.wake(group.told_at + soonest)
                continue
            told_to = frozenset[str]().union(*(standing.told_to for standing, _ in reminded))
            items = [standing.latest.id for standing, _ in reminded if standing.latest]
            draft.announce(group.id, told_to, AnnouncementKind.REPEAT, items)
            draft.wake(self._draft.now + soonest)

    def _repeats_after(self, standing: Standing) -> timedelta | None:
        """After how long people are told again; None when this alert needs no reminder."""
        alert = self._draft.alerts.get(standing.key)
        if alert is None or alert.state is not AlertState.FIRING or standing.told is None or standing.is_flapping:
            return None
        if standing.acknowledged is not None or standing.muted is not None:
            return None
        return self._patience.repeats.get(standing.told)

    def tell_of_silenced(self) -> None:
        """Once a day say which critical alerts are silenced: what is out of sight must not be out of mind."""
        draft = self._draft
        hidden = [
            standing.latest.id
            for standing in draft.standings.values()
            if standing.muted is Mute.SILENCED
            and standing.latest is not None
            and (alert := draft.open_alert(standing.key)) is not None
            and alert.severity is Severity.CRITICAL
        ]
        if not hidden:
            draft.silenced_digest_at = None
            return
        last_at = draft.silenced_digest_at or self._draft.now
        is_due = self._draft.now >= last_at + self._patience.silenced_digest
        draft.silenced_digest_at = self._draft.now if is_due else last_at
        draft.wake(draft.silenced_digest_at + self._patience.silenced_digest)
        if is_due:
            draft.announce(NO_GROUP, self._manner.receivers, AnnouncementKind.SILENCED_DIGEST, hidden)
