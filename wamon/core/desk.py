"""What people have been told of alerts and what they answered: groups, standings, silences; and what to tell next.

An alert's state is what is true. Its standing is what people believe of it, and whether they may be told more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

from wamon.core.alerting import Severity, TransitionKind
from wamon.core.health import Subject
from wamon.core.silences import Silence

# What belongs to no group: a digest, a receiver's test.
NO_GROUP: Final = 0


@dataclass(frozen=True, slots=True, order=True)
class GroupKey:
    """Alerts that agree on these share one message; an id is empty where the subject has none."""

    family: str
    app_id: str = ""
    waba_id: str = ""


STORM_KEY: Final = GroupKey("storm")


@dataclass(frozen=True, slots=True, order=True)
class TransitionId:
    """Which transition: unique for ever."""

    key: str
    episode: int
    ordinal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A transition that waits for its group's turn to be told; an urgent one hardly waits."""

    id: TransitionId
    kind: TransitionKind
    severity: Severity
    is_urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Alerts that share one message, from the first that opened to the last that closed.

    `members` are alert keys in the order of joining. `waiting_since` is when the first of `pending` came, None when
    nothing is. `sequence` counts the announcements; `told_at` is the last that notified, `urgent_at` the last that did
    so out of turn. `revision` grows with whatever the message shows. In a storm `storm_id` names the group that speaks
    for this one; that group itself `is_storm` and has no members of its own.
    """

    id: int
    key: GroupKey
    opened_at: datetime
    members: tuple[str, ...] = ()
    pending: tuple[Pending, ...] = ()
    waiting_since: datetime | None = None
    sequence: int = 0
    told_at: datetime | None = None
    urgent_at: datetime | None = None
    revision: int = 1
    storm_id: int | None = None
    is_storm: bool = False
    closed_at: datetime | None = None

    @property
    def message_id(self) -> int:
        """The id of the group whose message tells of this one."""
        return self.id if self.storm_id is None else self.storm_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """Somebody works on it: no repeats and no escalation `until` then."""

    by: str
    at: datetime
    until: datetime


class Mute(StrEnum):
    """Why an open alert is not announced."""

    INHIBITED = "inhibited"
    SILENCED = "silenced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What people were told of one alert and what they said to it.

    `told` is the severity that they believe it has, None when they believe that all is well; `told_to` are the
    receivers that were told so. `latest` is the last transition that was news, told or not. `critical_since` is when
    they were first told that it is critical; `escalated` is how many steps have been taken since. `muted_by` is the
    silence's id or the inhibiting alert's key; `is_inhibited` holds under a silence too, and `released_at` is when that
    ended, until the alert was observed anew. `penalty` is that of flapping at `penalty_at`; while it flaps, since
    `flapping_since`, people are to believe that it is open; `changes` counts what they were spared. `ends_at` is when a
    rehearsal closes by itself.
    """

    key: str
    group_id: int
    told: Severity | None = None
    told_to: frozenset[str] = frozenset()
    latest: Pending | None = None
    critical_since: datetime | None = None
    escalated: int = 0
    acknowledged: Acknowledgement | None = None
    muted: Mute | None = None
    muted_by: str = ""
    is_inhibited: bool = False
    released_at: datetime | None = None
    penalty: float = 0.0
    penalty_at: datetime | None = None
    flapping_since: datetime | None = None
    changes: int = 0
    ends_at: datetime | None = None

    @property
    def is_flapping(self) -> bool:
        return self.flapping_since is not None

    @property
    def overlays(self) -> tuple[str, ...]:
        """What holds messages about this alert back at present, in words."""
        muted = [str(self.muted)] if self.muted else []
        acknowledged = ["acknowledged"] if self.acknowledged else []
        return (*muted, *acknowledged, *(["flapping"] if self.is_flapping else []))


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Everything that decides what is told next, by group id, alert key and silence id.

    `groups` are the live ones. `first_told_ats` are when groups were first told of lately, for noticing a storm;
    `storm_id` is the storm's group while it goes on. `digest_at` and `silenced_digest_at` are when these were last
    sent. `next_at` is when time alone will bring something to do, None for never.
    """

    groups: Mapping[int, Group] = field(default_factory=lambda: MappingProxyType({}))
    standings: Mapping[str, Standing] = field(default_factory=lambda: MappingProxyType({}))
    silences: Mapping[str, Silence] = field(default_factory=lambda: MappingProxyType({}))
    last_group_id: int = NO_GROUP
    first_told_ats: tuple[datetime, ...] = ()
    storm_id: int | None = None
    digest_at: datetime | None = None
    silenced_digest_at: datetime | None = None
    next_at: datetime | None = None


# --- what is owed to receivers ----------------------------------------------------------------------------------------


class AnnouncementKind(StrEnum):
    """Why something is sent. NEWS brings transitions that the receiver does not know; the rest reminds or tells how."""

    NEWS = "news"
    REPEAT = "repeat"
    ESCALATION = "escalation"
    SILENCED = "silenced"
    ACK_EXPIRED = "ack_expired"
    CARRIED = "carried"
    SILENCED_DIGEST = "silenced_digest"
    WEEKLY_DIGEST = "weekly_digest"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """One thing owed to one receiver about one group; these two and `sequence` are unique for ever, but for NO_GROUP.

    `items` are the transitions that it tells (NEWS) or is about. In a thread it is a reply, shown in the channel too
    when `is_broadcast`. `mentions` asks for the people who are called when nobody has acknowledged. `note` is what the
    words need besides, for example who set a silence.
    """

    group_id: int
    sequence: int
    receiver: str
    kind: AnnouncementKind
    at: datetime
    items: tuple[TransitionId, ...] = ()
    is_broadcast: bool = False
    mentions: bool = False
    note: str = ""


# --- what operators do ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSilence:
    """Start a silence, as checked by `silence_problems`."""

    silence: Silence


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSilence:
    """End a silence before its time."""

    silence_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledge:
    """Take these open alerts in hand."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceClose:
    """Close these alerts although nobody saw them recover."""

    keys: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearse:
    """Open a rehearsal of a rule's alert; it closes by itself after `lasts`."""

    rule: str
    subject: Subject
    severity: Severity
    what: str
    lasts: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class TryReceiver:
    """Send a test message to one receiver."""

    receiver: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostDigest:
    """Send the weekly digest, as JSON text."""

    text: str


Deed: TypeAlias = SetSilence | EndSilence | Acknowledge | ForceClose | Rehearse | TryReceiver | PostDigest


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What one person asked for. `id` is unique for ever: a click that is repeated has no second effect."""

    id: str
    actor: str
    deed: Deed
