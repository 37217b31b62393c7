from tests.fakes import FakeClock
from tests.metrics.samples import FLAG, FLAGS, GAUGES, HIDDEN, RATING, RATIOS, RULE, TIMESTAMP
from wamon.core import books
from wamon.core.health import Subject, SubjectKind
from wamon.metrics.exposition import Exposition
from wamon.metrics.families import COUNTERS, IDENTITY_LABELS, TOTALS
from wamon.metrics.instruments import Instruments, Scrape
from wamon.metrics.reference import metric_rows, render_reference
from wamon.probes import PROBES
from wamon.signals import SIGNALS as ALL_SIGNALS
from wamon.webhooks import envelope
from wamon.webhooks.fields import messages, user_preferences


def test_every_exported_family_is_in_the_reference_with_its_type() -> None:
    exposition = Exposition(ALL_SIGNALS, rules=(RULE,), probes=PROBES, mode="builtin")
    scrape = Scrape(exposition, Instruments(version="1", clock=FakeClock()))
    lines = scrape(False).decode().splitlines()

    page = render_reference(ALL_SIGNALS)

    exported = {tuple(line.split(" ")[2:]) for line in lines if line.startswith("# TYPE")}
    assert exported <= {(row.name, row.type) for row in metric_rows(ALL_SIGNALS)}
    assert [name for name, kind in exported if f"| `{name}` | {kind} |" not in page.replace(" (optional)", "")] == []


def test_row_tells_type_labels_meaning_and_freshness() -> None:
    page = render_reference((RATING, FLAG, FLAGS, GAUGES, TIMESTAMP, RATIOS, HIDDEN))

    cached = "cached from the last poll: see `wamon_probe_last_success_timestamp_seconds`"
    assert f"| `whatsapp_rating` | gauge | phone_number_id, waba_id, rating | A rating. | {cached} |\n" in page
    assert f"| `whatsapp_flag` (optional) | gauge | phone_number_id, waba_id | A flag. | {cached} |\n" in page
    assert (
        "| `wamon_clock_steps_total` | counter | direction | Jumps of the machine's clock. | since the first start"
        in page
    )
    assert "| `wamon_gauges` | gauge | phone_number_id, waba_id, dimension | Gauges. | holds until the next" in page
    assert "| A moment. | as the last webhook about it told |\n" in page
    assert "| Ratios. | as of the last tick, from the webhooks so far |\n" in page
    assert "wamon_hidden" not in page


def test_sums_of_the_books_are_rows_like_any_other() -> None:
    page = render_reference(())

    assert "| `whatsapp_message_statuses_total` | counter | phone_number_id, waba_id, status |" in page
    assert "| `whatsapp_messages_by_calling_code_total` (optional) | counter | waba_id, calling_code |" in page
    assert "| `whatsapp_message_delivery_seconds` | histogram | waba_id |" in page
    assert "| `whatsapp_error_code_info` | gauge | code, error_class, title |" in page
    assert "| `wamon_webhook_duplicates_total` | counter |  | Statuses and notices" in page


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
        Subject.restriction("1", "RESTRICTED_ADD_PHONE_NUMBER_ACTION"),
        Subject.account_alert("1", "OBA_APPROVED"),
        Subject.template("1", "order", "en_US"),
        Subject.flow("1", "2", "FLOW_STATUS_CHANGE"),
    )

    assert {subject.kind: tuple(name for name, _ in subject.labels) for subject in subjects} == {
        kind: labels for kind, labels in IDENTITY_LABELS.items() if kind is not SubjectKind.PROBE
    }
    assert set(IDENTITY_LABELS) == set(SubjectKind)


def test_every_counter_of_the_state_is_declared() -> None:
    from wamon.core import step

    constants = {value for value in vars(step).values() if isinstance(value, str) and value.endswith("_total")}

    assert constants == {family.name for family in COUNTERS}


def test_every_sum_of_the_books_over_all_time_is_declared() -> None:
    constants = {value for value in vars(books).values() if isinstance(value, str)}

    assert {name for name in constants if name.startswith(("whatsapp_", "wamon_"))} - {books.__name__} == {
        total.family.name for total in TOTALS
    }
    assert {total.family.name for total in TOTALS if total.family.type == "histogram"} == set(books.BOUNDS)


def test_everything_unrecognised_in_webhooks_is_there_from_the_start() -> None:
    counted = (
        envelope.UNRECOGNISED_FIELD,
        messages.UNRECOGNISED_STATUS,
        messages.UNRECOGNISED_CATEGORY,
        user_preferences.UNRECOGNISED_PREFERENCE,
    )

    starts = next(total.starts for total in TOTALS if total.family.name == books.UNRECOGNISED)
    assert {(name, label) for name, _, _, label, _ in counted} == {(books.UNRECOGNISED, start) for start in starts}


def test_no_label_is_one_that_prometheus_sets_itself() -> None:
    taken = {
        (row.name, label) for row in metric_rows(ALL_SIGNALS) for label in row.labels if label in ("job", "instance")
    }

    assert taken == set()
