"""What counts as monitored, and how counters are named."""

import pytest

from wamon.core.health import Subject
from wamon.core.state import CounterKey, Monitored, State

MONITORED = Monitored(
    waba_ids=frozenset({"100"}),
    tokens=frozenset({"main"}),
    app_ids=frozenset({"7"}),
    versions=frozenset({"v25.0"}),
    probes=frozenset({"account"}),
    rules=frozenset({"Example"}),
)


@pytest.mark.parametrize(
    ("subject", "is_covered"),
    [
        (Subject.instance(), True),
        (Subject.waba("100"), True),
        (Subject.waba("101"), False),
        (Subject.phone_number("100", "anything"), True),
        (Subject.phone_number("101", "anything"), False),
        (Subject.sender("100", "business", "anything"), True),
        (Subject.token("main"), True),
        (Subject.token("old"), False),
        (Subject.token_asset("main", "100"), True),
        (Subject.token_asset("main", "101"), False),
        (Subject.token_asset("old", "100"), False),
        (Subject.app("7"), True),
        (Subject.app("8"), False),
        (Subject.api_version("v25.0"), True),
        (Subject.api_version("v19.0"), False),
        (Subject.probe("account", Subject.waba("100")), True),
        (Subject.probe("retired", Subject.waba("100")), False),
        (Subject.probe("account", Subject.waba("101")), False),
        (Subject.probe("account", Subject.instance()), True),
    ],
    ids=str,
)
def test_subject_is_monitored_while_each_of_its_labels_is_configured(subject: Subject, is_covered: bool) -> None:
    assert MONITORED.covers(subject) is is_covered


def test_counter_is_the_same_whatever_the_order_of_its_labels() -> None:
    assert CounterKey.of("runs_total", probe="account", outcome="ok") == CounterKey(
        "runs_total", (("outcome", "ok"), ("probe", "account"))
    )
    assert CounterKey.of("steps_total") == CounterKey("steps_total")


def test_first_state_knows_nothing() -> None:
    state = State()

    assert not state.snapshot.facts
    assert not state.alerts
    assert not state.counters
    assert not state.missing
    assert (state.moment, state.version) == (None, 0)
