"""Whatever happens to the state, our text is prometheus_client's, byte for byte."""

import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from tests.fakes import START
from tests.metrics import oracle, samples
from tests.metrics.samples import (
    FLAG,
    FLAGS,
    GAUGE,
    GAUGES,
    HIDDEN,
    INFO,
    RATING,
    RATIOS,
    RULE,
    SIGNALS,
    STATUS,
    TIMESTAMP,
)
from wamon.core import books
from wamon.core.alerting import AlertState, Severity
from wamon.core.books import BOUNDS, FOR_EVER, SUM, TallyKey
from wamon.core.health import NEVER, Reading, Subject, SubjectKind
from wamon.core.state import Changes, CounterKey, State
from wamon.core.step import ALERT_TRANSITIONS, CLOCK_STEPS, PENDING_DROPPED, PROBE_RUNS, UNRECOGNISED_VALUES
from wamon.metrics.exposition import Exposition
from wamon.metrics.families import TOTALS, Total
from wamon.probes import PROBES

# A step of the state, or sums of the books.
Happening: TypeAlias = Callable[[State], tuple[State, Changes]] | dict[TallyKey, int]

nasty_texts = st.text(alphabet='ab"\\\n,{}=#\t é中😀', max_size=6) | st.text(max_size=4)
# 0.0 and -0.0 are equal, so which of them stays when one follows the other means nothing.
numbers = st.floats(allow_nan=False).map(lambda number: number + 0.0)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)) | st.just(NEVER)  # noqa: DTZ001 - the strategy adds the zone
few_texts = st.sampled_from(["1", "2", '"', "\\"])
subjects = st.one_of(
    st.builds(Subject.phone_number, few_texts, few_texts),
    st.builds(Subject.waba, few_texts),
    st.builds(Subject.token, nasty_texts),
    st.just(Subject.instance()),
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    GAUGE.name: numbers,
    FLAG.name: st.booleans(),
    TIMESTAMP.name: moments,
    RATING.name: st.sampled_from(["GREEN", "RED", "UNKNOWN", "PURPLE"]),
    STATUS.name: nasty_texts,
    INFO.name: st.dictionaries(st.sampled_from(["verified_name", "mode", "other"]), nasty_texts),
    FLAGS.name: st.dictionaries(nasty_texts, st.booleans(), max_size=3),
    GAUGES.name: st.dictionaries(nasty_texts, numbers, max_size=3),
    RATIOS.name: st.dictionaries(nasty_texts, numbers, max_size=3),
    HIDDEN.name: numbers,
}


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    signal = draw(st.sampled_from(SIGNALS))
    value = draw(st.none() | VALUES[signal.name])
    return Reading(signal=signal, subject=draw(subjects), value=value)


def sightings(minutes: int, found: list[Reading]) -> Happening:
    return lambda state: samples.seen(state, *found, at=START + timedelta(minutes=minutes))


def agings(minutes: int) -> Happening:
    return lambda state: samples.aged(state, START + timedelta(minutes=minutes))


def removals(picks: list[int]) -> Happening:
    def remove(state: State) -> tuple[State, Changes]:
        known = sorted(state.snapshot.facts)
        return samples.removed(state, *{known[pick % len(known)] for pick in picks} if known else ())

    return remove


counter_keys = st.one_of(
    st.builds(lambda probe, outcome: CounterKey.of(PROBE_RUNS, probe=probe, outcome=outcome), nasty_texts, few_texts),
    st.builds(lambda name: CounterKey.of(UNRECOGNISED_VALUES, signal=name), few_texts),
    st.just(CounterKey.of(ALERT_TRANSITIONS, alertname="RatingRed", kind="open")),
    st.just(CounterKey.of(PENDING_DROPPED)),
    st.just(CounterKey.of(CLOCK_STEPS, direction="back")),
    st.just(CounterKey.of("wamon_forgotten_total")),
)
counts = st.dictionaries(counter_keys, st.integers(0, 10**12), max_size=3).map(
    lambda counters: lambda state: samples.counted(state, counters)
)
alerts = st.builds(
    samples.alert,
    st.sampled_from(["one", "two", "three"]),
    state=st.sampled_from(AlertState),
    severity=st.sampled_from(Severity),
    is_stale=st.booleans(),
    rule=st.sampled_from([RULE.name, "Gone"]),
)
alertings = st.builds(
    lambda touched, gone: lambda state: samples.alerted(state, {a.key: a for a in touched}.values(), gone=gone),
    st.lists(alerts, max_size=2),
    st.lists(st.sampled_from(["four", "five"]), max_size=1),
)
endings = st.sampled_from(["one", "two", "three"]).map(lambda key: lambda state: samples.alerted(state, gone=[key]))


def sum_keys(total: Total) -> st.SearchStrategy[TallyKey]:
    """What the books call a sum of this family, with labels that nobody foresaw among them."""
    name = total.family.name
    labels = st.sampled_from([*total.starts, "131026", "132000", "other"]) | nasty_texts if total.label else st.just("")
    if name in BOUNDS:
        labels = st.sampled_from([*(f"{bound}.0" for bound in BOUNDS[name]), "+Inf", SUM])
    none = st.just("")
    return st.tuples(
        st.just(name),
        none if total.kind is SubjectKind.INSTANCE else few_texts,
        few_texts if total.kind is SubjectKind.PHONE_NUMBER else none,
        labels,
        st.just(FOR_EVER),
    )


ignored_keys = st.sampled_from(
    [("whatsapp_forgotten_total", "1", "2", "", FOR_EVER), (books.OPEN, "1", "2", "", 1795341600)]
)
sums = st.dictionaries(
    st.one_of(*map(sum_keys, TOTALS), ignored_keys), st.integers(0, 10**7) | st.integers(0, 10**15), max_size=12
)
happenings = st.one_of(
    sums,
    sums,
    st.builds(sightings, st.integers(0, 60), st.lists(readings(), min_size=1, max_size=6)),
    st.builds(agings, st.integers(0, 200)),
    st.builds(removals, st.lists(st.integers(0, 20), max_size=2)),
    counts,
    alertings,
    endings,
)


def exposition() -> Exposition:
    return Exposition(SIGNALS, rules=(RULE,), probes=PROBES, mode="builtin")


class Told:
    """What was shown so far."""

    def __init__(self) -> None:
        self.state = State()
        self.totals: dict[TallyKey, int] = {}

    def show(self, ours: Exposition, happening: Happening) -> None:
        if isinstance(happening, dict):
            self.totals |= happening
            ours.show_totals(happening)
        else:
            self.state, changes = happening(self.state)
            ours.publish(self.state, changes)


@given(st.lists(happenings, max_size=12))
def test_published_text_is_that_of_the_library_after_every_step(story: list[Happening]) -> None:
    ours, told = exposition(), Told()
    collector = oracle.OracleCollector(SIGNALS, rules=(RULE,), probes=PROBES, mode="builtin")

    for happening in story:
        told.show(ours, happening)
        collector.state, collector.totals = told.state, told.totals

        assert ours.text() == oracle.text(collector)


@given(st.lists(happenings, max_size=12))
def test_text_rebuilt_from_the_state_is_the_published_one(story: list[Happening]) -> None:
    published, rebuilt, told = exposition(), exposition(), Told()
    for happening in story:
        told.show(published, happening)

    rebuilt.show_totals(told.totals)
    rebuilt.rebuild(told.state)

    assert rebuilt.text() == published.text()
    assert rebuilt.series == published.series == len([line for line in lines(published) if not line.startswith("#")])


@given(st.lists(happenings, max_size=8))
def test_compressed_text_is_the_text(story: list[Happening]) -> None:
    ours, told = exposition(), Told()
    for happening in story:
        told.show(ours, happening)
        packed = ours.gzip()

        assert gzip.decompress(packed) == ours.text()


@given(st.lists(readings(), max_size=10), sums)
def test_text_is_read_back_as_the_samples_of_the_library(found: list[Reading], told: dict[TallyKey, int]) -> None:
    ours = exposition()
    collector = oracle.OracleCollector(SIGNALS, rules=(RULE,), probes=PROBES, mode="builtin")
    collector.state, changes = samples.seen(State(), *found)
    collector.totals = told

    ours.publish(collector.state, changes)
    ours.show_totals(told)

    parsed = [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(ours.text().decode())
        for sample in family.samples
    ]
    collected = [(s.name, s.labels, s.value) for metric in collector.collect() for s in metric.samples]
    assert parsed == collected


def lines(exposed: Exposition) -> list[str]:
    return exposed.text().decode().removesuffix("\n").split("\n")
