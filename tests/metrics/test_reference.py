from tests.fakes import FakeClock
from tests.metrics.samples import FLAG, FLAGS, HIDDEN, RATING, RULE
from wamon.core.health import Subject, SubjectKind
from wamon.metrics.exposition import Exposition
from wamon.metrics.families import COUNTERS, IDENTITY_LABELS
from wamon.metrics.instruments import Instruments, Scrape
from wamon.metrics.reference import metric_rows, render_reference
from wamon.probes import PROBES
from wamon.probes import SIGNALS as ALL_SIGNALS


def test_every_exported_family_is_in_the_reference_with_its_type() -> None:
    exposition = Exposition(ALL_SIGNALS, rules=(RULE,), probes=PROBES, mode="builtin")
    scrape = Scrape(exposition, Instruments(version="1", clock=FakeClock()))
    lines = scrape(False).decode().splitlines()

    page = render_reference(ALL_SIGNALS)

    exported = {tuple(line.split(" ")[2:]) for line in lines if line.startswith("# TYPE")}
    assert exported <= {(row.name, row.type) for row in metric_rows(ALL_SIGNALS)}
    assert [name for name, kind in exported if f"| `{name}` | {kind} |" not in page.replace(" (optional)", "")] == []


def test_row_tells_type_labels_meaning_and_freshness() -> None:
    page = render_reference((RATING, FLAG, FLAGS, HIDDEN))

    cached = "cached from the last poll: see `wamon_probe_last_success_timestamp_seconds`"
    assert f"| `whatsapp_rating` | gauge | phone_number_id, waba_id, rating | A rating. | {cached} |\n" in page
    assert f"| `whatsapp_flag` (optional) | gauge | phone_number_id, waba_id | A flag. | {cached} |\n" in page
    assert (
        "| `wamon_clock_steps_total` | counter | direction | Jumps of the machine's clock. | since the first start"
        in page
    )
    assert "wamon_hidden" not in page


def test_no_family_is_listed_twice() -> None:
    names = [row.name for row in metric_rows(ALL_SIGNALS)]

    assert sorted(names) == sorted(set(names))


def test_names_follow_the_conventions() -> None:
    rows = metric_rows(ALL_SIGNALS)

    assert [row.name for row in rows if not row.name.startswith(("whatsapp_", "wamon_", "process_"))] == []
    assert [row.name for row in rows if row.name.endswith("_total") is not (row.type == "counter")] == []
    assert [row.name for row in rows if not row.meaning.endswith(".")] == []


def test_identity_labels_are_those_of_the_subjects() -> None:
    subjects = (
        Subject.instance(),
        Subject.app("1"),
        Subject.token("main"),
        Subject.token_asset("main", "1"),
        Subject.waba("1"),
        Subject.phone_number("1", "2"),
        Subject.sender("1", "waba", "1"),
        Subject.api_version("v25.0"),
    )

    assert {subject.kind: tuple(name for name, _ in subject.labels) for subject in subjects} == {
        kind: labels for kind, labels in IDENTITY_LABELS.items() if kind is not SubjectKind.PROBE
    }
    assert set(IDENTITY_LABELS) == set(SubjectKind)


def test_every_counter_of_the_state_is_declared() -> None:
    from wamon.core import step

    constants = {value for value in vars(step).values() if isinstance(value, str) and value.endswith("_total")}

    assert constants == {family.name for family in COUNTERS}
