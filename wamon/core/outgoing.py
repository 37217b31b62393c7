"""What goes out to people and what comes back: notifications, messages, receipts, pressed buttons."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeAlias

from wamon.core.alerting import Severity, Transition
from wamon.core.desk import AnnouncementKind, Group

JsonObject: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One announcement on its way to one receiver. `id` is the outbox row; `attempts` counts the ones before this.

    `transitions` are what it tells or is about, in the order in which they happened; `because` is why it goes here and
    not where it was meant to go; see `Announcement` for the rest.
    """

    id: int
    receiver: str
    group_id: int
    kind: AnnouncementKind
    transitions: tuple[Transition, ...]
    created_at: datetime
    due_at: datetime
    attempts: int = 0
    is_broadcast: bool = False
    mentions: bool = False
    note: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the receiver answered: enough to find the message again, None where it gives no handle."""

    channel: str | None = None
    message_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """One receiver's message about one group. `receipt` is its first message, None before there is one.

    `shown_revision` is the group's when the message was last written, `wanted_revision` the group's now. `lost_receipt`
    is a message that stood for the group before and can no longer be written to.
    """

    receiver: str
    group_id: int
    receipt: Receipt | None = None
    shown_revision: int = 0
    wanted_revision: int = 0
    lost_receipt: Receipt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request that may have arrived although nobody said so. `looks` counts how often it was looked for in vain."""

    reference: str
    started_at: datetime
    looks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What goes out to one receiver in one message: everything due about one group, in order.

    With an `unconfirmed` attempt it is exactly what that attempt sent, to be found again or sent again.
    """

    receiver: str
    group_id: int
    notifications: tuple[Notification, ...]
    thread: Thread
    unconfirmed: Attempt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """All that happened to one group so far: itself as it is now, and its transitions in order."""

    group: Group
    transitions: tuple[Transition, ...]


@dataclass(frozen=True, slots=True)
class Button:
    """Something that the reader can do. `action` names it, `value` says to what; with a `url` it only opens a page."""

    action: str
    label: str
    value: str
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a person is to read, before any receiver's markup. `text` is the whole as plain text.

    `members` are the alerts of a group of several, worst first: (severity, whether it is resolved, text). `timeline` is
    what happened: (when, what). `mention` is the receiver's own word for the people to call. `data` is the same for
    machines: plain JSON values. `reference` finds the message again.
    """

    headline: str
    severity: Severity
    is_resolved: bool
    facts: tuple[tuple[str, str], ...] = ()
    members: tuple[tuple[Severity, bool, str], ...] = ()
    evidence: tuple[tuple[str, str], ...] = ()
    steps: tuple[str, ...] = ()
    timeline: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()
    buttons: tuple[Button, ...] = ()
    mention: str | None = None
    data: JsonObject = field(default_factory=lambda: MappingProxyType({}))
    reference: str

    @property
    def text(self) -> str:
        lines = [self.headline, *(f"{name}: {value}" for name, value in self.facts)]
        lines += [f"- {text}" for _, _, text in self.members]
        lines += [f"- {name}: {value}" for name, value in self.evidence]
        lines += [f"{number}. {step}" for number, step in enumerate(self.steps, start=1)]
        lines += [f"{when}  {what}" for when, what in self.timeline]
        lines += [f"{name}: {url}" for name, url in self.links]
        return "\n".join([*lines, *self.remarks])


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A button that somebody pressed under a message. `act_id` is the receiver's own id of this one press.

    `action` and `value` are the button's, `user_id` is as the receiver gives it, `user` the person's name for people.
    """

    act_id: str
    action: str
    value: str
    user_id: str
    user: str
