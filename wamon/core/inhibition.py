"""Inhibition: while one alert says the cause, those that only say its consequences are not announced."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from wamon.core.alerting import Alert
from wamon.core.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Inhibition:
    """An open alert of the rule `source` mutes the opening of those of `targets` that agree with it on `equal`.

    `equal` names labels; both must have them. `source_where` and `target_where` narrow the sides: labels with the only
    values that count.
    """

    source: str
    targets: frozenset[str]
    equal: tuple[str, ...] = ()
    source_where: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    target_where: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))

    def mutes(self, source: Mapping[str, str], target: Mapping[str, str]) -> bool:
        """Whether a source with these labels mutes a target, of one of the rules in `targets`, with those."""
        agrees = all(source.get(label) and source.get(label) == target.get(label) for label in self.equal)
        return agrees and _fits(source, self.source_where) and _fits(target, self.target_where)


def _fits(labels: Mapping[str, str], where: Mapping[str, frozenset[str]]) -> bool:
    return all(labels.get(label) in values for label, values in where.items())


def check_acyclic(inhibitions: Iterable[Inhibition]) -> None:
    """Raise ConfigurationError when alerts could mute each other in a circle, or themselves."""
    mutes: dict[str, set[str]] = {}
    for inhibition in inhibitions:
        mutes.setdefault(inhibition.source, set()).update(inhibition.targets)
    done: set[str] = set()

    def walk(rule: str, path: tuple[str, ...]) -> None:
        if rule in path:
            circle = " > ".join([*path[path.index(rule) :], rule])
            raise ConfigurationError(f"inhibitions run in a circle, so that nobody would be told: {circle}")
        if rule in done:
            return
        for target in sorted(mutes.get(rule, ())):
            walk(target, (*path, rule))
        done.add(rule)

    for rule in sorted(mutes):
        walk(rule, ())


class Inhibitors:
    """Who mutes whom at one moment; `sources` are the open alerts with their labels."""

    def __init__(self, inhibitions: Sequence[Inhibition], sources: Iterable[tuple[Alert, Mapping[str, str]]]) -> None:
        wanted = {inhibition.source for inhibition in inhibitions}
        by_rule: dict[str, list[tuple[Alert, Mapping[str, str]]]] = {}
        for alert, labels in sources:
            if alert.rule in wanted and alert.is_open and not alert.is_rehearsal:
                by_rule.setdefault(alert.rule, []).append((alert, labels))
        self._sources: dict[str, list[tuple[Inhibition, list[tuple[Alert, Mapping[str, str]]]]]] = {}
        for inhibition in inhibitions:
            if found := by_rule.get(inhibition.source):
                for target in inhibition.targets:
                    self._sources.setdefault(target, []).append((inhibition, found))

    def of(self, alert: Alert, labels: Mapping[str, str]) -> Alert | None:
        """The open alert that mutes this one, None when nothing does. Nothing mutes a rehearsal."""
        if alert.is_rehearsal:
            return None
        for inhibition, sources in self._sources.get(alert.rule, ()):
            for source, source_labels in sources:
                if source.key != alert.key and inhibition.mutes(source_labels, labels):
                    return source
        return None
