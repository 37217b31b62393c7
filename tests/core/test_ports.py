"""What plug-ins are made of: verdicts, what a rule sees, what a message says, and the registry."""

from datetime import timedelta

import pytest

from tests.fakes import START
from wamon.core.alerting import Severity, Timing, Truth, Verdict
from wamon.core.health import Gauge, Sighting, Signal, Snapshot, SparseState, Subject, SubjectKind
from wamon.core.outgoing import Message
from wamon.core.ports import OutboxFigures, Owner, Rule, View, clear, firing, signals_by_name, unknown

NUMBER = Subject.phone_number("100", "200")
RATING = Signal(name="rating", kind=SubjectKind.PHONE_NUMBER, shape=SparseState("rating"), help="A rating.")
LIMIT = Signal(name="limit", kind=SubjectKind.WABA, shape=Gauge(), help="A limit.")


def rule(alertnames: dict[Severity, str]) -> Rule:
    return Rule(
        name="Example",
        kind=SubjectKind.PHONE_NUMBER,
        check=lambda view, params, now: None,
        alertnames=alertnames,
        timing=Timing(),
        params=None,
        meaning="",
        cause="",
        owner=Owner.SRE,
        steps=(),
    )


def test_verdicts_say_what_they_are_called() -> None:
    evidence = [("Quality rating", "RED")]

    assert unknown(START) == Verdict(truth=Truth.UNKNOWN, observed_at=START)
    assert clear(START) == Verdict(truth=Truth.FALSE, observed_at=START)
    assert firing(Severity.CRITICAL, START, "is RED", evidence=evidence) == Verdict(
        truth=Truth.TRUE,
        observed_at=START,
        severity=Severity.CRITICAL,
        what="is RED",
        evidence=(("Quality rating", "RED"),),
    )


@pytest.mark.parametrize(
    ("severity", "name"),
    [
        (Severity.WARNING, "ExampleYellow"),
        (Severity.CRITICAL, "ExampleRed"),
        (Severity.INFO, "ExampleRed"),
    ],
)
def test_alertname_is_that_of_the_severity(severity: Severity, name: str) -> None:
    example = rule({Severity.WARNING: "ExampleYellow", Severity.CRITICAL: "ExampleRed"})

    assert example.alertname(severity) == name


def test_view_shows_the_subject_and_the_picture_around_it() -> None:
    readings = (RATING.reading(NUMBER, "RED"), LIMIT.reading(Subject.waba("100"), 250.0))
    seen = Sighting(readings=readings, observed_at=START, interval=timedelta(minutes=1), source="poll")
    snapshot, _, _ = Snapshot().fold(seen)[0].age(START + timedelta(hours=1))

    view = View(snapshot, NUMBER)

    assert view.open_severity is None
    assert view.value(RATING) is None
    assert view.known(RATING) == "RED"
    assert view.known(LIMIT) is None
    assert view.known(LIMIT, of=Subject.waba("100")) == 250.0
    assert view.value(LIMIT, of=Subject.waba("100")) is None
    fact = view.fact(RATING)
    assert fact is not None
    assert fact.observed_at == START


def test_message_is_complete_as_plain_text() -> None:
    message = Message(
        headline="CRITICAL  Quality rating RED  +1 555 078 3881",
        severity=Severity.CRITICAL,
        is_resolved=False,
        facts=(("Since", "10:05"),),
        evidence=(("Quality rating", "RED"),),
        steps=("Stop campaigns.", "Find what changed."),
        links=(("Runbook", "https://example.org/runbook"),),
        remarks=("possible duplicate",),
        reference="1",
    )

    assert message.text.splitlines() == [
        "CRITICAL  Quality rating RED  +1 555 078 3881",
        "Since: 10:05",
        "- Quality rating: RED",
        "1. Stop campaigns.",
        "2. Find what changed.",
        "Runbook: https://example.org/runbook",
        "possible duplicate",
    ]


def test_signals_are_found_by_name() -> None:
    assert signals_by_name([RATING, LIMIT]) == {"rating": RATING, "limit": LIMIT}


def test_figures_may_be_empty() -> None:
    assert OutboxFigures().oldest_created_at is None
