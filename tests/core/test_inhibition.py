"""Inhibition by itself: what mutes what at one moment, and which rules of it are refused."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.fakes import START
from wamon.core.alerting import Alert, AlertState, Severity, alert_key
from wamon.core.errors import ConfigurationError
from wamon.core.health import Subject
from wamon.core.inhibition import Inhibition, Inhibitors, check_acyclic

BY_WABA = Inhibition(source="Cause", targets=frozenset({"Bad"}), equal=("waba_id",))


def alert(rule: str, waba_id: str = "100", **changes: Any) -> Alert:
    subject = Subject.waba(waba_id)
    plain = Alert(
        key=alert_key(rule, subject),
        rule=rule,
        subject=subject,
        state=AlertState.FIRING,
        severity=Severity.WARNING,
        since=START,
        last_observed_at=START,
        last_confirmed_at=START,
    )
    return replace(plain, **changes)


def labels(each: Alert) -> Mapping[str, str]:
    return dict(each.subject.labels)


def muted(target: Alert, *sources: Alert, by: Inhibition = BY_WABA) -> bool:
    return Inhibitors([by], [(each, labels(each)) for each in sources]).of(target, labels(target)) is not None


@pytest.mark.parametrize(
    ("source", "mutes"),
    [
        (alert("Cause"), True),
        (alert("Cause", state=AlertState.RECOVERING), True),
        (alert("Cause", state=AlertState.PENDING), False),
        (alert("Cause", state=AlertState.INACTIVE), False),
        (alert("Cause", waba_id="101"), False),
        (alert("Other"), False),
        (alert("Cause", is_rehearsal=True), False),
    ],
)
def test_open_source_with_equal_labels_mutes(source: Alert, mutes: bool) -> None:
    assert muted(alert("Bad"), source) is mutes


def test_rehearsal_is_never_muted() -> None:
    assert not muted(alert("Bad", is_rehearsal=True), alert("Cause"))


def test_label_that_both_lack_is_not_equal() -> None:
    by_token = replace(BY_WABA, equal=("token",))

    assert not muted(alert("Bad"), alert("Cause"), by=by_token)


def test_targets_can_be_narrowed_by_their_labels() -> None:
    only = replace(BY_WABA, target_where={"waba_id": frozenset({"101"})})

    assert not muted(alert("Bad"), alert("Cause"), by=only)
    assert muted(alert("Bad", waba_id="101"), alert("Cause", waba_id="101"), by=only)


def test_sources_can_be_narrowed_by_their_labels() -> None:
    only = replace(BY_WABA, source_where={"waba_id": frozenset({"101"})})

    assert not muted(alert("Bad"), alert("Cause"), by=only)
    assert muted(alert("Bad", waba_id="101"), alert("Cause", waba_id="101"), by=only)


def test_alert_never_mutes_itself() -> None:
    itself = Inhibition(source="Bad", targets=frozenset({"Bad"}))

    assert not muted(alert("Bad"), alert("Bad"), by=itself)


@pytest.mark.parametrize(
    "pairs", [[("A", "A")], [("A", "B"), ("B", "A")], [("A", "B"), ("B", "C"), ("C", "A"), ("D", "A")]]
)
def test_circle_is_refused_by_name(pairs: list[tuple[str, str]]) -> None:
    inhibitions = [Inhibition(source=source, targets=frozenset({target})) for source, target in pairs]

    with pytest.raises(ConfigurationError, match=r"circle.*A > "):
        check_acyclic(inhibitions)


def test_chain_and_diamond_are_no_circle() -> None:
    pairs = [("A", "B"), ("A", "C"), ("B", "D"), ("C", "D")]

    check_acyclic([Inhibition(source=source, targets=frozenset({target})) for source, target in pairs])
