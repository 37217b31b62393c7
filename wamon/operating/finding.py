"""Finding what operators mean: alerts and silences by their ids, rules by their names, and a subject to rehearse."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from wamon.core.alerting import Alert, Severity
from wamon.core.desk import Group
from wamon.core.errors import WamonError
from wamon.core.health import Subject, SubjectKind
from wamon.core.ports import Rule
from wamon.core.silences import Matcher, Operator, Silence
from wamon.core.state import State
from wamon.operating.views import SHORT_ID, short_ids

LEAST_PREFIX: Final = 4
LONGEST_TEXT: Final = 500
MOST_MATCHERS: Final = 50
# The identity labels of subjects of which none may be known at a time when one is to be rehearsed.
REHEARSED_LABELS: Final[Mapping[SubjectKind, tuple[str, ...]]] = MappingProxyType(
    {
        SubjectKind.TOKEN_ASSET: ("token", "waba_id"),
        SubjectKind.PHONE_NUMBER: ("phone_number_id", "waba_id"),
        SubjectKind.SENDER: ("id", "scope", "waba_id"),
        SubjectKind.RESTRICTION: ("restriction_type", "waba_id"),
        SubjectKind.ACCOUNT_ALERT: ("alert_type", "waba_id"),
        SubjectKind.TEMPLATE: ("language", "template", "waba_id"),
        SubjectKind.FLOW: ("event", "flow_id", "waba_id"),
        SubjectKind.PROBE: ("probe", "waba_id"),
        SubjectKind.WABA: ("waba_id",),
        SubjectKind.APP: ("app_id",),
        SubjectKind.TOKEN: ("token",),
        SubjectKind.API_VERSION: ("version",),
    }
)
_MADE_UP: Final = "rehearsal"


class OperatingError(WamonError):
    """What was asked for cannot be done; `next_step` says what to do instead."""

    def __init__(self, message: str, *, next_step: str) -> None:
        super().__init__(message)
        self.next_step = next_step


class UnknownError(OperatingError):
    """There is nothing by this name."""


class NotStoredError(OperatingError):
    """The store did not take it, so that nothing has changed."""


class Finder:
    """Looks in the present state. Whatever is not there raises UnknownError with what is near."""

    def __init__(self, state: Callable[[], State], rules: Mapping[str, Rule]) -> None:
        self._state = state
        self._rules = rules

    def alert(self, target: str) -> Alert:
        wanted = target.strip().lower()
        alerts = self._state().alerts
        found = [key for key in alerts if len(wanted) >= LEAST_PREFIX and key.startswith(wanted)]
        if len(found) == 1:
            return alerts[found[0]]
        if found:
            ids = ", ".join(sorted(short_ids(found)))
            raise UnknownError(
                f"{target!r} is the beginning of several ids: {ids}", next_step="give one of them in full"
            )
        raise self._unknown("alert", target, (key for key, alert in alerts.items() if alert.is_open), "list")

    def alerts_of(self, target: str) -> tuple[Alert, ...]:
        """The alert with this id, or those of the group with this number."""
        if target.strip().isascii() and target.strip().isdigit() and len(target.strip()) < SHORT_ID:
            alerts = self._state().alerts
            group = self.group(target)
            if group is not None:
                return tuple(alerts[key] for key in self._members(group) if key in alerts)
            if not any(key.startswith(target.strip()) for key in alerts):
                raise UnknownError(
                    f"there is no group {target.strip()} that is open",
                    next_step="`wamon alerts list` shows those that are",
                )
        return (self.alert(target),)

    def group(self, target: str) -> Group | None:
        """The live group with this number; None for one that has ended, or never was."""
        text = target.strip()
        is_number = text.isascii() and text.isdigit() and len(text) < SHORT_ID
        return self._state().desk.groups.get(int(text)) if is_number else None

    def _spoken_for(self, group: Group) -> tuple[Group, ...]:
        """The groups that a group's message tells of: itself, or those of a storm."""
        groups = self._state().desk.groups.values()
        found = tuple(each for each in groups if each.message_id == group.id and not each.is_storm)
        return found if found or group.is_storm else (group,)

    def _members(self, group: Group) -> Iterator[str]:
        for each in self._spoken_for(group):
            yield from each.members

    def matchers_of(self, group: Group) -> tuple[str, ...]:
        """The narrowest matchers that hide all of a group, and what joins it later."""
        keys = [each.key for each in self._spoken_for(group)]
        values = {
            "family": {key.family for key in keys},
            "app_id": {key.app_id for key in keys},
            "waba_id": {key.waba_id for key in keys},
        }
        return tuple(_matcher(label, known) for label, known in values.items() if all(known))

    def silence(self, silence_id: str) -> Silence:
        silences = self._state().desk.silences
        wanted = silence_id.strip().lower()
        found = [key for key in silences if len(wanted) >= LEAST_PREFIX and key.startswith(wanted)]
        if len(found) == 1:
            return silences[found[0]]
        raise self._unknown("silence", silence_id, silences, "silences")

    def _unknown(self, thing: str, target: str, known: Iterable[str], command: str) -> UnknownError:
        near = get_close_matches(target.strip().lower(), short_ids(known), n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}? " if near else ""
        return UnknownError(f"there is no {thing} {target!r}", next_step=f"{hint}`wamon alerts {command}` shows them")

    def rule(self, name: str) -> tuple[Rule, Severity]:
        """The rule that has this name or raises alerts of this name, and how bad these are."""
        names: dict[str, tuple[Rule, Severity]] = {}
        for rule in self._rules.values():
            names[rule.name.lower()] = (rule, max(rule.alertnames))
            # Where severities share a name the worst one is meant.
            names.update({own.lower(): (rule, severity) for severity, own in sorted(rule.alertnames.items())})
        # Of several that raise alerts of one name the rule of that name is meant.
        for rule in self._rules.values():
            if rule.name in rule.alertnames.values():
                names[rule.name.lower()] = (rule, max(rule.alertnames))
        found = names.get(name.strip().lower())
        if found is not None:
            return found
        shown = {key: rule.alertname(severity) for key, (rule, severity) in names.items()}
        near = [shown[key] for key in get_close_matches(name.strip().lower(), names, n=3, cutoff=0.6)]
        hint = f"did you mean {', '.join(dict.fromkeys(near))}? " if near else ""
        raise UnknownError(f"there is no alert {name!r}", next_step=f"{hint}`wamon explain` lists them all")

    def subject(self, kind: SubjectKind, labels: Mapping[str, str]) -> Subject:
        """What a rehearsal is about: something known that has these labels, else something made up."""
        if kind is SubjectKind.INSTANCE:
            if labels:
                raise OperatingError("this alert is about wamon itself", next_step="leave the subject out")
            return Subject.instance()
        snapshot = self._state().snapshot
        known = sorted(snapshot.subjects(kind))
        for subject in known:
            if labels.items() <= dict(subject.labels).items():
                return subject
        wanted = REHEARSED_LABELS[kind]
        if unknown := sorted(set(labels) - set(wanted)):
            raise OperatingError(
                f"a {kind.replace('_', ' ')} has no {unknown[0]}", next_step=f"it has {', '.join(wanted)}"
            )
        parents = {"waba_id": SubjectKind.WABA, "app_id": SubjectKind.APP, "token": SubjectKind.TOKEN}
        for name, parent in parents.items():
            values = sorted(subject.label(name) or "" for subject in snapshot.subjects(parent))
            if name in labels and labels[name] not in values:
                raise UnknownError(
                    f"nothing is known of {name} {labels[name]!r}",
                    next_step=f"choose one of these: {', '.join(values[:10]) or 'none is known yet'}",
                )
        if known and labels:
            subjects = "; ".join(" ".join(f"{k}={v}" for k, v in subject.labels) for subject in known[:5])
            raise UnknownError(f"no {kind.replace('_', ' ')} has these labels", next_step=f"known are: {subjects}")
        return Subject.of(kind, **{name: labels.get(name) or self._any(name, parents) for name in wanted})

    def _any(self, name: str, parents: Mapping[str, SubjectKind]) -> str:
        subjects = sorted(self._state().snapshot.subjects(parents[name])) if name in parents else []
        return (subjects[0].label(name) if subjects else None) or _MADE_UP


def parsed_matchers(matchers: Sequence[str]) -> tuple[Matcher, ...]:
    if len(matchers) > MOST_MATCHERS or any(len(each) > LONGEST_TEXT for each in matchers):
        raise OperatingError("too many matchers, or one that is too long", next_step="make it shorter")
    try:
        return tuple(dict.fromkeys(Matcher.parse(each) for each in matchers))
    except ValueError as error:
        raise OperatingError(str(error), next_step="write it like alertname=WhatsAppTokenInvalid") from error


def _matcher(label: str, values: Collection[str]) -> str:
    if len(values) == 1:
        return str(Matcher(label, Operator.EQUAL, next(iter(values))))
    return str(Matcher(label, Operator.MATCHES, "|".join(map(re.escape, sorted(values)))))


def one_line(text: str, name: str) -> str:
    """What a person wrote, on one line. Raises OperatingError for nothing and for a novel."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    if not line:
        raise OperatingError(f"the {name} is missing", next_step=f"give a {name}")
    if len(line) > LONGEST_TEXT:
        raise OperatingError(f"the {name} is longer than {LONGEST_TEXT} characters", next_step="make it shorter")
    return line
