"""The picture of what was observed: how readings are taken in, how they age, and how they are stored."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import START
from wamon.core.health import (
    NEVER,
    Change,
    Fact,
    Flag,
    FlagMap,
    Gauge,
    GaugeMap,
    Info,
    Reading,
    Shape,
    Sighting,
    Signal,
    Snapshot,
    SparseState,
    StateSet,
    Subject,
    SubjectKind,
    Timestamp,
    Value,
)

NUMBER = Subject.phone_number("100", "200")
OTHER_NUMBER = Subject.phone_number("100", "201")
RATING = Signal(name="rating", kind=SubjectKind.PHONE_NUMBER, shape=SparseState("rating"), help="A rating.")
QUIET = Signal(name="quiet", kind=SubjectKind.PHONE_NUMBER, shape=Gauge(), help="Without history.", keeps_history=False)
EVENT = Signal(
    name="event", kind=SubjectKind.PHONE_NUMBER, shape=Timestamp(), help="Something happened.", is_event=True
)
EXPIRY = Signal(name="expiry", kind=SubjectKind.PHONE_NUMBER, shape=Timestamp(), help="Something will end.")


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def sighting(*readings: Reading, minute: float = 0, interval: float = 1) -> Sighting:
    return Sighting(readings=readings, observed_at=at(minute), interval=timedelta(minutes=interval), source="poll")


def rated(*ratings: tuple[float, str | None]) -> Snapshot:
    """What is known after these ratings at these minutes."""
    snapshot = Snapshot()
    for minute, rating in ratings:
        snapshot, _, _ = snapshot.fold(sighting(RATING.reading(NUMBER, rating), minute=minute))
    return snapshot


def fact_of(snapshot: Snapshot, signal: Signal[Any] = RATING) -> Fact:
    fact = snapshot.fact(NUMBER, signal)
    assert fact is not None
    return fact


# --- subjects ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "kind", "labels"),
    [
        (Subject.instance(), "instance", ()),
        (Subject.app("7"), "app", (("app_id", "7"),)),
        (Subject.token("main"), "token", (("token", "main"),)),
        (Subject.token_asset("main", "100"), "token_asset", (("token", "main"), ("waba_id", "100"))),
        (Subject.waba("100"), "waba", (("waba_id", "100"),)),
        (NUMBER, "phone_number", (("phone_number_id", "200"), ("waba_id", "100"))),
        (
            Subject.sender("100", "business", "5"),
            "sender",
            (("id", "5"), ("scope", "business"), ("waba_id", "100")),
        ),
        (Subject.api_version("v25.0"), "api_version", (("version", "v25.0"),)),
        (Subject.probe("account", Subject.waba("100")), "probe", (("probe", "account"), ("waba_id", "100"))),
        (
            Subject.restriction("100", "RESTRICTED_BIZ_INITIATED_MESSAGING"),
            "restriction",
            (("restriction_type", "RESTRICTED_BIZ_INITIATED_MESSAGING"), ("waba_id", "100")),
        ),
        (
            Subject.account_alert("100", "OBA_REJECTED"),
            "account_alert",
            (("alert_type", "OBA_REJECTED"), ("waba_id", "100")),
        ),
        (
            Subject.template("100", "welcome", "en_US"),
            "template",
            (("language", "en_US"), ("template", "welcome"), ("waba_id", "100")),
        ),
        (
            Subject.flow("100", "77", "ENDPOINT_LATENCY"),
            "flow",
            (("event", "ENDPOINT_LATENCY"), ("flow_id", "77"), ("waba_id", "100")),
        ),
    ],
)
def test_subject_is_its_kind_and_sorted_labels(
    subject: Subject, kind: str, labels: tuple[tuple[str, str], ...]
) -> None:
    assert subject == Subject(SubjectKind(kind), labels)


def test_subject_tells_its_labels() -> None:
    assert NUMBER.label("waba_id") == "100"
    assert NUMBER.label("token") is None
    assert str(NUMBER) == "phone_number phone_number_id=200 waba_id=100"


# --- fold -------------------------------------------------------------------------------------------------------------


def test_first_reading_is_known_from_then_on() -> None:
    reading = RATING.reading(NUMBER, "GREEN", raw="green")

    snapshot, facts, changes = Snapshot().fold(sighting(reading))

    assert snapshot.value(NUMBER, RATING) == snapshot.known(NUMBER, RATING) == "GREEN"
    assert facts == (
        Fact(
            signal=reading.signal,
            subject=NUMBER,
            value="GREEN",
            raw="green",
            known="GREEN",
            observed_at=at(0),
            changed_at=at(0),
            stale_at=at(15),
            source="poll",
        ),
    )
    assert changes == (
        Change(signal=reading.signal, subject=NUMBER, before=None, after="GREEN", raw="green", at=at(0), source="poll"),
    )


def test_change_says_what_was_known_before_however_old() -> None:
    seen, _, _ = rated((0, "GREEN")).fold(sighting(RATING.reading(NUMBER, None), minute=1))
    aged, _, grown_old = rated((0, "GREEN")).age(at(60))

    _, _, (lost,) = rated((0, "GREEN")).fold(sighting(RATING.reading(NUMBER, None), minute=1))
    _, _, (back,) = seen.fold(sighting(RATING.reading(NUMBER, "RED"), minute=2))
    _, _, (late,) = aged.fold(sighting(RATING.reading(NUMBER, "GREEN"), minute=61))

    assert [(each.before, each.after, each.known_before) for each in (lost, back, *grown_old, late)] == [
        ("GREEN", None, "GREEN"),
        (None, "RED", "GREEN"),
        ("GREEN", None, "GREEN"),
        (None, "GREEN", "GREEN"),
    ]


def test_same_value_again_moves_only_the_time_of_observation() -> None:
    snapshot, facts, changes = rated((0, "GREEN")).fold(sighting(RATING.reading(NUMBER, "GREEN"), minute=1))

    fact = fact_of(snapshot)
    assert facts == (fact,)
    assert changes == ()
    assert (fact.observed_at, fact.changed_at, fact.stale_at, fact.before) == (at(1), at(0), at(16), None)


def test_changed_value_keeps_what_was_before() -> None:
    snapshot, _, changes = rated((0, "GREEN")).fold(sighting(RATING.reading(NUMBER, "RED"), minute=1))

    fact = fact_of(snapshot)
    assert (fact.value, fact.known, fact.before, fact.changed_at) == ("RED", "RED", "GREEN", at(1))
    assert [(change.before, change.after, change.at) for change in changes] == [("GREEN", "RED", at(1))]


def test_late_reading_goes_to_the_history_only() -> None:
    before = rated((5, "RED"))

    snapshot, facts, changes = before.fold(sighting(RATING.reading(NUMBER, "GREEN"), minute=4))

    assert snapshot == before
    assert facts == ()
    assert [(change.before, change.after, change.at) for change in changes] == [("RED", "GREEN", at(4))]


def test_reading_of_the_same_moment_is_not_late() -> None:
    snapshot, _, _ = rated((5, "RED")).fold(sighting(RATING.reading(NUMBER, "GREEN"), minute=5))

    assert snapshot.value(NUMBER, RATING) == "GREEN"


def test_no_answer_makes_the_value_unknown_but_keeps_the_last_known() -> None:
    snapshot, _, changes = rated((0, "GREEN"), (1, "RED")).fold(sighting(RATING.reading(NUMBER, None), minute=2))

    fact = fact_of(snapshot)
    assert snapshot.value(NUMBER, RATING) is None
    assert snapshot.known(NUMBER, RATING) == "RED"
    assert (fact.changed_at, fact.before, fact.observed_at) == (at(1), "GREEN", at(2))
    assert [(change.before, change.after) for change in changes] == [("RED", None)]


def test_same_value_after_no_answer_is_no_change_of_the_known() -> None:
    fact = fact_of(rated((0, "GREEN"), (1, "RED"), (2, None), (3, "RED")))

    assert (fact.value, fact.changed_at, fact.before) == ("RED", at(1), "GREEN")


def test_other_value_after_no_answer_is_a_change_of_the_known() -> None:
    fact = fact_of(rated((0, "RED"), (1, None), (2, "GREEN")))

    assert (fact.value, fact.changed_at, fact.before) == ("GREEN", at(2), "RED")


def test_never_answered_has_no_time_of_change() -> None:
    fact = fact_of(rated((0, None), (1, None)))

    assert (fact.value, fact.known, fact.before, fact.changed_at, fact.observed_at) == (None, None, None, None, at(1))


def test_later_reading_of_one_sighting_wins() -> None:
    both = sighting(RATING.reading(NUMBER, "GREEN"), RATING.reading(NUMBER, "RED"))

    snapshot, facts, _ = Snapshot().fold(both)

    assert snapshot.value(NUMBER, RATING) == "RED"
    assert [fact.value for fact in facts] == ["RED"]


def test_first_reading_that_says_nothing_is_no_change() -> None:
    _, _, changes = Snapshot().fold(sighting(RATING.reading(NUMBER, None)))

    assert changes == ()


def test_signal_without_history_leaves_no_change() -> None:
    snapshot, _, changes = Snapshot().fold(sighting(QUIET.reading(NUMBER, 1.0), RATING.reading(NUMBER, "RED")))

    assert snapshot.value(NUMBER, QUIET) == 1.0
    assert [change.signal.name for change in changes] == ["rating"]


def test_fold_leaves_the_old_picture_as_it_was() -> None:
    before = rated((0, "GREEN"))

    before.fold(sighting(RATING.reading(NUMBER, "RED"), QUIET.reading(NUMBER, 1.0), minute=1))

    assert before == rated((0, "GREEN"))


def test_nothing_is_known_of_what_was_never_seen() -> None:
    assert Snapshot().fact(NUMBER, RATING) is None
    assert Snapshot().value(NUMBER, RATING) is None
    assert Snapshot().known(NUMBER, RATING) is None


def test_subjects_are_those_of_the_kind() -> None:
    snapshot, _, _ = Snapshot().fold(
        sighting(
            RATING.reading(NUMBER, "RED"), RATING.reading(OTHER_NUMBER, "RED"), RATING.reading(Subject.waba("1"), "x")
        )
    )

    assert list(snapshot.subjects(SubjectKind.PHONE_NUMBER)) == [NUMBER, OTHER_NUMBER]


@pytest.mark.parametrize(("interval", "stale_after"), [(1, 15), (5, 15), (6, 18), (60, 180)])
def test_reading_counts_as_known_for_three_intervals_and_at_least_a_quarter_of_an_hour(
    interval: float, stale_after: float
) -> None:
    assert sighting(minute=0, interval=interval).stale_at == at(stale_after)


# --- age --------------------------------------------------------------------------------------------------------------


def test_reading_is_no_longer_known_once_it_is_too_old() -> None:
    snapshot = rated((0, "RED"))

    young, nothing, _ = snapshot.age(at(14.9))
    old, facts, changes = snapshot.age(at(15))

    assert (young, nothing) == (snapshot, ())
    assert old.value(NUMBER, RATING) is None
    assert old.known(NUMBER, RATING) == "RED"
    assert facts == (fact_of(old),)
    assert [(change.before, change.after, change.at, change.source) for change in changes] == [
        ("RED", None, at(15), "age")
    ]


def test_reading_ages_once() -> None:
    old, _, _ = rated((0, "RED")).age(at(15))

    again, facts, changes = old.age(at(30))

    assert (again, facts, changes) == (old, (), ())


def test_what_was_unknown_ages_without_a_change() -> None:
    snapshot, _, _ = rated((0, None)).fold(sighting(QUIET.reading(NUMBER, 1.0)))

    _, facts, changes = snapshot.age(at(15))

    assert {fact.signal.name for fact in facts} == {"rating", "quiet"}
    assert changes == ()


def test_same_value_after_ageing_is_known_again_and_a_change_in_the_history() -> None:
    old, _, _ = rated((0, "RED")).age(at(15))

    snapshot, _, changes = old.fold(sighting(RATING.reading(NUMBER, "RED"), minute=20))

    fact = fact_of(snapshot)
    assert (fact.current, fact.changed_at, fact.before) == ("RED", at(0), None)
    assert [(change.before, change.after) for change in changes] == [(None, "RED")]


def test_event_never_ages() -> None:
    snapshot, _, _ = Snapshot().fold(sighting(EVENT.reading(NUMBER, at(0))))

    aged, facts, _ = snapshot.age(at(1_000_000))

    assert facts == ()
    assert aged.value(NUMBER, EVENT) == at(0)
    assert fact_of(aged, EVENT).stale_at == NEVER


@pytest.mark.parametrize("signal", [RATING, EVENT])
@pytest.mark.parametrize("end", [1, 14, 60, 40_000])
def test_reading_with_an_end_of_its_own_is_known_until_then(signal: Signal[Any], end: float) -> None:
    value: Value = "RED" if signal is RATING else at(0)
    snapshot, _, _ = Snapshot().fold(sighting(signal.reading(NUMBER, value, holds_until=at(end))))

    before, still, _ = snapshot.age(at(end - 0.1))
    after, aged, changes = snapshot.age(at(end))

    assert (before.value(NUMBER, signal), still) == (value, ())
    assert (after.value(NUMBER, signal), after.known(NUMBER, signal)) == (None, value)
    assert aged == (fact_of(after, signal),)
    assert [(change.before, change.after, change.at, change.source) for change in changes] == [
        (value, None, at(end), "age")
    ]


def test_end_of_a_reading_is_replaced_by_the_next_one() -> None:
    first, _, _ = Snapshot().fold(sighting(RATING.reading(NUMBER, "RED", holds_until=at(60))))

    longer, _, _ = first.fold(sighting(RATING.reading(NUMBER, "RED", holds_until=at(90)), minute=1))
    plain, _, _ = first.fold(sighting(RATING.reading(NUMBER, "RED"), minute=1))

    assert fact_of(longer).stale_at == at(90)
    assert fact_of(longer).changed_at == at(0)
    assert fact_of(plain).stale_at == at(16)


# --- clamp and without ------------------------------------------------------------------------------------------------


def test_clock_that_went_back_leaves_no_reading_ahead_of_it() -> None:
    snapshot, facts = rated((0, "GREEN"), (60, "RED")).clamp(at(30))

    fact = fact_of(snapshot)
    assert facts == (fact,)
    assert (fact.observed_at, fact.changed_at, fact.stale_at, fact.value) == (at(30), at(30), at(45), "RED")


def test_new_reading_is_taken_after_the_clock_went_back() -> None:
    clamped, _ = rated((60, "RED")).clamp(at(30))

    snapshot, _, _ = clamped.fold(sighting(RATING.reading(NUMBER, "GREEN"), minute=30))

    assert snapshot.value(NUMBER, RATING) == "GREEN"


def test_clamp_leaves_alone_what_is_not_ahead() -> None:
    before = rated((0, "GREEN"))

    assert before.clamp(at(0)) == (before, ())


def test_clamp_of_what_never_was_known_has_no_time_of_change() -> None:
    snapshot, _ = rated((60, None)).clamp(at(30))

    assert fact_of(snapshot).changed_at is None


def test_event_of_the_wrong_clock_has_happened_by_now() -> None:
    events = sighting(EVENT.reading(NUMBER, at(60)), EXPIRY.reading(NUMBER, at(600)), minute=60)

    snapshot, _ = Snapshot().fold(events)[0].clamp(at(30))

    event, expiry = fact_of(snapshot, EVENT), fact_of(snapshot, EXPIRY)
    assert (event.value, event.known, event.stale_at) == (at(30), at(30), NEVER)
    assert expiry.value == at(600)


def test_removed_subject_is_gone_from_the_picture() -> None:
    snapshot, _, _ = Snapshot().fold(sighting(RATING.reading(NUMBER, "RED"), RATING.reading(OTHER_NUMBER, "GREEN")))

    left = snapshot.without([NUMBER])

    assert left.fact(NUMBER, RATING) is None
    assert left.value(OTHER_NUMBER, RATING) == "GREEN"
    assert snapshot.value(NUMBER, RATING) == "RED"


# --- shapes -----------------------------------------------------------------------------------------------------------

NAMES = st.text(max_size=8)
MOMENTS = st.one_of(st.datetimes(timezones=st.just(UTC)), st.just(NEVER))
SHAPED: list[tuple[Shape[Any], st.SearchStrategy[Value]]] = [
    (Gauge(), st.floats(allow_nan=False)),
    (Flag(), st.booleans()),
    (Timestamp(), MOMENTS),
    (StateSet("rating", ("GREEN", "UNKNOWN")), NAMES),
    (SparseState("status"), NAMES),
    (Info(("name",)), st.dictionaries(NAMES, NAMES)),
    (FlagMap("scope"), st.dictionaries(NAMES, st.booleans())),
    (GaugeMap("dimension"), st.dictionaries(NAMES, st.floats(allow_nan=False))),
]


@pytest.mark.parametrize(("shape", "values"), SHAPED, ids=[type(shape).__name__ for shape, _ in SHAPED])
@given(data=st.data())
def test_value_survives_being_stored_as_json(
    shape: Shape[Any], values: st.SearchStrategy[Value], data: st.DataObject
) -> None:
    value = data.draw(values)

    stored = json.loads(json.dumps(shape.encode(value)))

    assert shape.decode(stored) == value


def test_never_is_the_last_of_all_moments() -> None:
    assert datetime.max.replace(tzinfo=UTC) == NEVER
    assert datetime(9999, 12, 31, tzinfo=UTC) < NEVER


def test_reading_carries_the_vendors_own_word() -> None:
    reading = RATING.reading(NUMBER, "OTHER", raw="PURPLE", is_recognised=False)

    assert (reading.value, reading.raw, reading.is_recognised) == ("OTHER", "PURPLE", False)
    assert reading.holds_until is None


def test_derived_reading_is_known_like_any_other() -> None:
    derived = replace(RATING, name="derived", is_derived=True)

    snapshot, facts, _ = Snapshot().fold(sighting(derived.reading(NUMBER, "RED")))

    assert snapshot.value(NUMBER, derived) == "RED"
    assert [fact.signal.is_derived for fact in facts] == [True]
    assert not RATING.is_derived
