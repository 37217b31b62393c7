"""What mutes what: known rules, no circles, and the cause is always announced before its consequences."""

from datetime import timedelta

import pytest

from wamon.core.inhibition import check_acyclic
from wamon.core.ports import Rule
from wamon.rules import BY_WEBHOOKS_ONLY, RULES, watching
from wamon.rules.inhibitions import INHIBITIONS

BY_NAME = {rule.name: rule for rule in RULES}
# One look at the default interval.
LOOK = timedelta(minutes=1)


def test_inhibitions_name_rules_that_exist_and_run_in_no_circle() -> None:
    names = {name for inhibition in INHIBITIONS for name in (inhibition.source, *inhibition.targets)}

    check_acyclic(INHIBITIONS)

    assert names <= BY_NAME.keys()


def patience(rule: Rule) -> timedelta:
    """From when the condition holds to when the alert opens; what the rule's own thresholds wait is in its params."""
    least = min(rule.timing.observations_needed(severity) for severity in rule.alertnames)
    return max(rule.timing.for_, (least - 1) * LOOK)


@pytest.mark.parametrize(
    ("source", "target"),
    [(inhibition.source, target) for inhibition in INHIBITIONS for target in sorted(inhibition.targets)],
)
def test_cause_opens_no_later_than_its_consequence(source: str, target: str) -> None:
    """ALERTING section 5, invariant 6; rules with long thresholds of their own are compared below."""
    if target == watching.CANNOT_SEE.name:
        assert watching.CannotSeeParams().warning_minutes >= watching.GraphUnreachableParams().warning_minutes + 2
        return

    assert patience(BY_NAME[source]) <= patience(BY_NAME[target])


def test_nothing_that_webhooks_alone_tell_is_muted_by_a_failed_poll() -> None:
    """Invariant 3."""
    about_polls = {watching.GRAPH_UNREACHABLE.name, watching.CANNOT_SEE.name, watching.QUOTA.name}
    muted = {target for i in INHIBITIONS if i.source in about_polls for target in i.targets}

    assert not muted & BY_WEBHOOKS_ONLY
