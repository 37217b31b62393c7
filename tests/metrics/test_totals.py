"""The sums of the books in the text: who has which, from when on, and until when."""

from collections.abc import Mapping

import pytest

from tests.metrics.samples import FLAG, GAUGE, NUMBER, RULE, SIGNALS, removed, seen
from wamon.core import books
from wamon.core.books import FOR_EVER, SUM, TallyKey
from wamon.core.error_codes import ErrorClass
from wamon.core.health import Subject
from wamon.core.state import State
from wamon.metrics.exposition import Exposition

WABA = Subject.waba("1029")
ID = 'phone_number_id="1065"'
ACCOUNT = 'waba_id="1029"'


def key(name: str, label: str = "", *, waba_id: str = "1029", number: str = "") -> TallyKey:
    return (name, waba_id, number, label, FOR_EVER)


def exposition(*subjects: Subject, max_series: int | None = None) -> Exposition:
    """With these subjects known."""
    exposed = Exposition(SIGNALS, rules=(RULE,), mode="builtin", max_series=max_series)
    exposed.publish(*seen(State(), *(GAUGE.reading(subject, 1.0) for subject in subjects)))
    return exposed


def lines_of(exposed: Exposition, *names: str) -> list[str]:
    """The samples of these families, the parts of a histogram among them."""
    lines = [line for line in exposed.text().decode().splitlines() if not line.startswith("#")]
    return [line for line in lines if line.startswith(tuple(f"{name}{after}" for name in names for after in "_{ "))]


def shown(totals: Mapping[TallyKey, int], *names: str) -> list[str]:
    exposed = exposition(NUMBER, WABA)
    exposed.show_totals(totals)
    return lines_of(exposed, *names)


# --- the lines --------------------------------------------------------------------------------------------------------


def test_sum_of_a_number_is_shown_and_the_other_statuses_are_0() -> None:
    assert shown({key(books.STATUSES, "sent", number="1065"): 41}, books.STATUSES) == [
        f'whatsapp_message_statuses_total{{{ID},status="delivered",{ACCOUNT}}} 0.0',
        f'whatsapp_message_statuses_total{{{ID},status="failed",{ACCOUNT}}} 0.0',
        f'whatsapp_message_statuses_total{{{ID},status="played",{ACCOUNT}}} 0.0',
        f'whatsapp_message_statuses_total{{{ID},status="read",{ACCOUNT}}} 0.0',
        f'whatsapp_message_statuses_total{{{ID},status="sent",{ACCOUNT}}} 41.0',
    ]


def test_first_sum_of_a_number_brings_all_its_counters() -> None:
    lines = shown(
        {key(books.OPT_OUTS, number="1065"): 1}, books.STATUSES, books.FAILURES, books.BOUNCES, books.OPT_OUTS
    )

    assert len(lines) == 5 + len(ErrorClass) + 2 + 1
    assert f'whatsapp_message_failures_total{{error_class="recipient",{ID},{ACCOUNT}}} 0.0' in lines
    assert f'whatsapp_message_bounces_total{{kind="hard",{ID},{ACCOUNT}}} 0.0' in lines
    assert f"whatsapp_message_opt_outs_total{{{ID},{ACCOUNT}}} 1.0" in lines


def test_number_that_sends_nothing_has_no_counters() -> None:
    assert shown({}, books.STATUSES, books.FAILURES, books.BOUNCES, books.OPT_OUTS) == []


def test_histogram_adds_its_buckets_up_and_sums_in_seconds() -> None:
    totals = {key(books.DELIVERY_SECONDS, le): count for le, count in (("1.0", 4), ("10.0", 2), ("+Inf", 1))}

    assert shown({**totals, key(books.DELIVERY_SECONDS, SUM): 90_001_500}, books.DELIVERY_SECONDS) == [
        f'whatsapp_message_delivery_seconds_bucket{{le="1.0",{ACCOUNT}}} 4.0',
        f'whatsapp_message_delivery_seconds_bucket{{le="2.0",{ACCOUNT}}} 4.0',
        f'whatsapp_message_delivery_seconds_bucket{{le="5.0",{ACCOUNT}}} 4.0',
        f'whatsapp_message_delivery_seconds_bucket{{le="10.0",{ACCOUNT}}} 6.0',
        f'whatsapp_message_delivery_seconds_bucket{{le="30.0",{ACCOUNT}}} 6.0',
        f'whatsapp_message_delivery_seconds_bucket{{le="60.0",{ACCOUNT}}} 6.0',
        f'whatsapp_message_delivery_seconds_bucket{{le="300.0",{ACCOUNT}}} 6.0',
        f'whatsapp_message_delivery_seconds_bucket{{le="1800.0",{ACCOUNT}}} 6.0',
        f'whatsapp_message_delivery_seconds_bucket{{le="7200.0",{ACCOUNT}}} 6.0',
        f'whatsapp_message_delivery_seconds_bucket{{le="86400.0",{ACCOUNT}}} 6.0',
        f'whatsapp_message_delivery_seconds_bucket{{le="+Inf",{ACCOUNT}}} 7.0',
        f"whatsapp_message_delivery_seconds_count{{{ACCOUNT}}} 7.0",
        f"whatsapp_message_delivery_seconds_sum{{{ACCOUNT}}} 90001.5",
    ]


def test_bucket_of_other_bounds_is_in_the_last_one() -> None:
    lines = shown({key(books.WEBHOOK_LAG, "15.0"): 3, key(books.WEBHOOK_LAG, "1.0"): 1}, books.WEBHOOK_LAG)

    assert f'whatsapp_webhook_lag_seconds_bucket{{le="86400.0",{ACCOUNT}}} 1.0' in lines
    assert f'whatsapp_webhook_lag_seconds_bucket{{le="+Inf",{ACCOUNT}}} 4.0' in lines


def test_error_code_has_its_title_for_joins() -> None:
    totals = {key(books.FAILURE_CODES, "131026"): 2, key(books.FAILURE_CODES, "other"): 1}

    assert shown(totals, books.FAILURE_CODES, "whatsapp_error_code_info") == [
        f'whatsapp_message_failure_codes_total{{code="131026",{ACCOUNT}}} 2.0',
        f'whatsapp_message_failure_codes_total{{code="other",{ACCOUNT}}} 1.0',
        'whatsapp_error_code_info{code="131026",error_class="recipient",title="Message undeliverable"} 1.0',
        'whatsapp_error_code_info{code="other",error_class="unknown",title="Codes that wamon does not know"} 1.0',
    ]


def test_daemons_own_sums_are_there_from_the_start() -> None:
    exposed = Exposition(SIGNALS, rules=(), mode="builtin")

    assert lines_of(exposed, "wamon_webhook") == [
        "wamon_webhook_duplicates_total 0.0",
        "wamon_webhook_out_of_order_total 0.0",
        "wamon_webhook_contradictions_total 0.0",
        'wamon_webhook_quarantined_total{reason="no_phone_number_id"} 0.0',
        'wamon_webhook_quarantined_total{reason="not_json"} 0.0',
        'wamon_webhook_quarantined_total{reason="too_deep"} 0.0',
        'wamon_webhook_quarantined_total{reason="unexpected_shape"} 0.0',
        'wamon_webhook_unrecognised_total{what="category"} 0.0',
        'wamon_webhook_unrecognised_total{what="field"} 0.0',
        'wamon_webhook_unrecognised_total{what="status"} 0.0',
        'wamon_webhook_unrecognised_total{what="user_preference"} 0.0',
    ]


def test_daemons_own_sums_are_shown_before_any_state_is_published() -> None:
    exposed = Exposition(SIGNALS, rules=(), mode="builtin")

    exposed.show_totals({key(books.DUPLICATES, waba_id=""): 3, key(books.UNMONITORED, "634", waba_id=""): 2})

    assert "wamon_webhook_duplicates_total 3.0" in lines_of(exposed, books.DUPLICATES)
    assert lines_of(exposed, books.UNMONITORED) == ['wamon_webhook_unmonitored_total{app_id="634"} 2.0']


def test_windows_and_forgotten_sums_are_no_families() -> None:
    exposed = exposition(NUMBER, WABA)
    before = exposed.text()

    exposed.show_totals(
        {(books.OPEN, "1029", "1065", "", 1795341600): 5, key("whatsapp_forgotten_total", number="1065"): 1}
    )

    assert exposed.text() == before


# --- one after the other ----------------------------------------------------------------------------------------------


def test_sum_that_is_not_told_again_stays() -> None:
    exposed = exposition(NUMBER)
    exposed.show_totals({key(books.STATUSES, "sent", number="1065"): 41})
    first = exposed.text()

    exposed.show_totals({key(books.STATUSES, "read", number="1065"): 7})

    lines = lines_of(exposed, books.STATUSES)
    assert f'whatsapp_message_statuses_total{{{ID},status="sent",{ACCOUNT}}} 41.0' in lines
    assert f'whatsapp_message_statuses_total{{{ID},status="read",{ACCOUNT}}} 7.0' in lines
    assert exposed.text() != first


def test_nothing_told_keeps_the_text() -> None:
    exposed = exposition(NUMBER)
    first = exposed.text()

    exposed.show_totals({})

    assert exposed.text() is first


def test_sums_of_an_unknown_number_wait_until_it_is_known() -> None:
    exposed = exposition(WABA)
    state, changes = seen(State(version=1), FLAG.reading(NUMBER, True))
    exposed.show_totals({key(books.STATUSES, "sent", number="1065"): 41})
    unknown = lines_of(exposed, books.STATUSES)

    exposed.publish(state, changes)

    assert unknown == []
    assert f'whatsapp_message_statuses_total{{{ID},status="sent",{ACCOUNT}}} 41.0' in lines_of(exposed, books.STATUSES)


def test_number_that_appears_in_the_next_step_gets_its_sums() -> None:
    exposed = Exposition(SIGNALS, rules=(RULE,), mode="builtin")
    state, changes = seen(State(), GAUGE.reading(WABA, 1.0))
    exposed.publish(state, changes)
    exposed.show_totals({key(books.OPT_OUTS, number="1065"): 2})

    exposed.publish(*seen(state, FLAG.reading(NUMBER, True), GAUGE.reading(NUMBER, 1.0)))

    assert lines_of(exposed, books.OPT_OUTS) == [f"whatsapp_message_opt_outs_total{{{ID},{ACCOUNT}}} 2.0"]


@pytest.mark.parametrize(
    ("subject", "total"),
    [(NUMBER, key(books.OPT_OUTS, number="1065")), (WABA, key(books.WEBHOOK_EVENTS, "messages"))],
)
def test_what_is_no_longer_monitored_loses_its_sums_and_has_them_again_when_it_is_back(
    subject: Subject, total: TallyKey
) -> None:
    exposed = Exposition(SIGNALS, rules=(RULE,), mode="builtin")
    state, changes = seen(State(), GAUGE.reading(subject, 1.0))
    exposed.publish(state, changes)
    empty = exposed.series
    exposed.show_totals({total: 5})
    told = exposed.text()

    gone, changes = removed(state, subject)
    exposed.publish(gone, changes)
    without = exposed.series
    exposed.publish(*seen(gone, GAUGE.reading(subject, 1.0)))

    assert without < empty
    assert exposed.text() == told


def test_counts_of_what_is_gone_are_not_shown() -> None:
    exposed = Exposition(SIGNALS, rules=(RULE,), mode="builtin")
    state, changes = seen(State(), GAUGE.reading(NUMBER, 1.0))
    exposed.publish(state, changes)
    exposed.publish(*removed(state, NUMBER))

    exposed.show_totals({key(books.STATUSES, "read", number="1065"): 1})

    assert lines_of(exposed, books.STATUSES) == []


def test_rebuilding_keeps_the_sums() -> None:
    exposed = Exposition(SIGNALS, rules=(RULE,), mode="builtin")
    state, changes = seen(State(), GAUGE.reading(WABA, 1.0))
    exposed.publish(state, changes)
    exposed.show_totals({key(books.FAILURE_CODES, "131026"): 2, key(books.DUPLICATES, waba_id=""): 1})
    told = exposed.text()

    exposed.rebuild(state)

    assert exposed.text() == told


def test_sums_that_no_alert_rests_on_go_first_when_there_are_too_many_series() -> None:
    totals = {key(books.BY_CALLING_CODE, "49"): 3, key(books.STATUSES, "sent", number="1065"): 3}
    roomy = exposition(NUMBER, WABA)
    roomy.show_totals(totals)

    tight = exposition(NUMBER, WABA, max_series=roomy.series - 1)
    tight.show_totals(totals)

    assert tight.left_out == 1
    assert lines_of(tight, books.BY_CALLING_CODE) == []
    assert len(lines_of(tight, books.STATUSES)) == 5
