import gzip
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.fakes import START, FakeClock
from tests.metrics.samples import FLAG, INFO, NUMBER, RULE, SIGNALS, seen
from wamon.core.markers import MarkerKind
from wamon.core.ports import OutboxFigures
from wamon.core.state import State
from wamon.metrics.exposition import Exposition
from wamon.metrics.instruments import INSTRUMENTS, PROCESS, Instruments, Scrape

STAMP = 1795341600.0


@pytest.fixture
def instruments() -> Instruments:
    return Instruments(version="1.2.3", clock=FakeClock(), probes=["account", "token"], receivers=["slack"])


def value(instruments: Instruments, name: str, **labels: str) -> float | None:
    """The sample, None when there is none."""
    return instruments.registry.get_sample_value(name, labels)


def test_every_declared_instrument_is_exported_in_its_order_and_nothing_else(instruments: Instruments) -> None:
    lines = instruments.text().decode().splitlines()
    exported = [tuple(line.split(" ")[2:]) for line in lines if line.startswith("# TYPE")]

    process = [(family.name, family.type) for family in PROCESS]
    own = [(family.name, family.type) for family in INSTRUMENTS]
    assert [each for each in exported if each not in process] == own
    assert {each for each in exported if each[0].startswith("process_")} <= set(process)


def test_no_created_series_are_exported(instruments: Instruments) -> None:
    instruments.request("200", 0.1)

    assert "_created" not in instruments.text().decode()


def test_counters_with_closed_labels_start_at_0(instruments: Instruments) -> None:
    for outcome in ("delivered", "adopted", "deferred", "handed_over", "rejected"):
        assert value(instruments, "wamon_notifications_total", receiver="slack", outcome=outcome) == 0
    for outcome in ("shown", "deferred", "rejected"):
        assert value(instruments, "wamon_notification_edits_total", receiver="slack", outcome=outcome) == 0
    assert value(instruments, "wamon_notification_possible_duplicates_total") == 0
    assert value(instruments, "wamon_commit_failures_total") == 0
    assert value(instruments, "wamon_series_dropped_total") == 0
    assert value(instruments, "wamon_probe_duration_seconds_count", probe="token") == 0
    assert value(instruments, "wamon_outbox_items", state="dead") == 0


def test_answers_that_the_listener_can_give_start_at_0(instruments: Instruments) -> None:
    codes = ("200", "401", "403", "404", "405", "408", "413", "500", "503", "other")

    assert [value(instruments, "wamon_webhook_requests_total", code=code) for code in codes] == [0] * 10
    assert value(instruments, "wamon_webhook_signature_failures_total") == 0
    assert value(instruments, "wamon_ledger_commit_failures_total") == 0
    assert value(instruments, "wamon_webhook_request_duration_seconds_count") == 0


def test_moments_are_absent_until_there_is_one(instruments: Instruments) -> None:
    assert value(instruments, "wamon_outbox_oldest_timestamp_seconds") is None
    assert value(instruments, "wamon_scheduler_heartbeat_timestamp_seconds") is None
    assert value(instruments, "wamon_config_last_reload_success_timestamp_seconds") is None


def test_version_is_told(instruments: Instruments) -> None:
    assert value(instruments, "wamon_build_info", version="1.2.3") == 1


def test_graph_calls_are_counted(instruments: Instruments) -> None:
    instruments.request("200", 0.2)
    instruments.request("timeout", 30.0)
    instruments.retry("timeout")
    instruments.dropped_field("WhatsAppBusinessPhoneNumber", "is_pin_enabled")

    assert value(instruments, "wamon_graph_requests_total", code="200") == 1
    assert value(instruments, "wamon_graph_requests_total", code="timeout") == 1
    assert value(instruments, "wamon_graph_request_duration_seconds_sum") == 30.2
    assert value(instruments, "wamon_graph_retries_total", reason="timeout") == 1
    assert value(instruments, "wamon_graph_dropped_fields_total", field="is_pin_enabled") == 1


def test_jobs_are_the_heartbeat(instruments: Instruments) -> None:
    instruments.job_started("poll", 0.25)
    instruments.job_failed("poll")
    instruments.job_skipped("poll")
    instruments.probe_run("account", 1.5)

    assert value(instruments, "wamon_scheduler_heartbeat_timestamp_seconds") == STAMP
    assert value(instruments, "wamon_scheduler_lag_seconds") == 0.25
    assert value(instruments, "wamon_job_failures_total", task="poll") == 1
    assert value(instruments, "wamon_jobs_skipped_total", task="poll") == 1
    assert value(instruments, "wamon_probe_duration_seconds_sum", probe="account") == 1.5


def test_refused_reload_keeps_the_time_of_the_last_good_one() -> None:
    clock = FakeClock()
    instruments = Instruments(version="1", clock=clock)
    instruments.reloaded(is_successful=True)
    clock.advance(60)

    instruments.reloaded(is_successful=False)

    assert value(instruments, "wamon_config_last_reload_successful") == 0
    assert value(instruments, "wamon_config_last_reload_success_timestamp_seconds") == STAMP


def test_latest_marker_of_each_kind_is_shown(instruments: Instruments) -> None:
    before = value(instruments, "wamon_marker_timestamp_seconds", kind="deploy")

    instruments.marked(MarkerKind.DEPLOY, START)

    assert before is None
    assert value(instruments, "wamon_marker_timestamp_seconds", kind="deploy") == STAMP
    assert value(instruments, "wamon_marker_timestamp_seconds", kind="note") is None


def test_store_and_outbox_are_measured(instruments: Instruments) -> None:
    instruments.committed(0.02)
    instruments.commit_failed()
    instruments.database_size.set(4096)
    instruments.notified("slack", "deferred")
    instruments.delivered("slack", delay_seconds=2.0)
    instruments.possibly_duplicated()
    instruments.edited("slack", "shown")
    instruments.outbox(OutboxFigures(due=3, sending=1, dead=2, oldest_created_at=START - timedelta(seconds=10)))

    assert value(instruments, "wamon_database_commit_duration_seconds_sum") == 0.02
    assert value(instruments, "wamon_commit_failures_total") == 1
    assert value(instruments, "wamon_database_size_bytes") == 4096
    assert value(instruments, "wamon_notifications_total", receiver="slack", outcome="deferred") == 1
    assert value(instruments, "wamon_notifications_total", receiver="slack", outcome="delivered") == 1
    assert value(instruments, "wamon_notification_edits_total", receiver="slack", outcome="shown") == 1
    assert value(instruments, "wamon_notification_delay_seconds_sum") == 2.0
    assert value(instruments, "wamon_notification_possible_duplicates_total") == 1
    assert value(instruments, "wamon_outbox_items", state="due") == 3
    assert value(instruments, "wamon_outbox_items", state="sending") == 1
    assert value(instruments, "wamon_outbox_items", state="dead") == 2
    assert value(instruments, "wamon_outbox_oldest_timestamp_seconds") == STAMP - 10


def test_oldest_goes_when_nothing_waits_any_more(instruments: Instruments) -> None:
    instruments.outbox(OutboxFigures(due=1, oldest_created_at=START))

    instruments.outbox(OutboxFigures())

    assert value(instruments, "wamon_outbox_oldest_timestamp_seconds") is None


def test_pushes_are_counted_by_peer_and_start_at_0() -> None:
    instruments = Instruments(version="1", clock=FakeClock(), peers=["am:9093"])

    instruments.pushed("am:9093", "failed", 12)

    counts = [
        value(instruments, "wamon_alertmanager_pushes_total", peer="am:9093", outcome=outcome)
        for outcome in ("ok", "failed", "rejected")
    ]
    assert counts == [0, 1, 0]


def test_last_heartbeat_is_a_moment_that_need_not_be_there(instruments: Instruments) -> None:
    before = value(instruments, "wamon_heartbeat_last_success_timestamp_seconds")

    instruments.heartbeat_sent(START)

    assert before is None
    assert value(instruments, "wamon_heartbeat_last_success_timestamp_seconds") == STAMP


def test_webhooks_are_counted_by_their_answer_and_timed(instruments: Instruments) -> None:
    for code, seconds in ((200, 0.001), (200, 0.004), (418, 9.0)):
        instruments.webhook_answered(code, seconds)
    instruments.signature_failed()

    assert value(instruments, "wamon_webhook_requests_total", code="200") == 2
    assert value(instruments, "wamon_webhook_requests_total", code="other") == 1
    assert value(instruments, "wamon_webhook_requests_total", code="401") == 0
    assert value(instruments, "wamon_webhook_request_duration_seconds_sum") == 9.005
    assert value(instruments, "wamon_webhook_request_duration_seconds_bucket", le="0.001") == 1
    assert value(instruments, "wamon_webhook_request_duration_seconds_bucket", le="5.0") == 2
    assert value(instruments, "wamon_webhook_request_duration_seconds_bucket", le="+Inf") == 3
    assert value(instruments, "wamon_webhook_signature_failures_total") == 1


def test_ledger_commits_are_timed_and_their_statuses_counted(instruments: Instruments) -> None:
    instruments.ledger_committed(0.002, 16)
    instruments.ledger_committed(0.25, 1)
    instruments.ledger_commit_failed()

    assert value(instruments, "wamon_ledger_commit_duration_seconds_count") == 2
    assert value(instruments, "wamon_ledger_commit_duration_seconds_sum") == 0.252
    assert value(instruments, "wamon_ledger_committed_statuses_total") == 17
    assert value(instruments, "wamon_ledger_commit_failures_total") == 1


# --- the whole scrape -------------------------------------------------------------------------------------------------


def test_scrape_is_the_account_then_the_daemon_and_the_same_compressed(instruments: Instruments) -> None:
    exposition = Exposition(SIGNALS, rules=(RULE,), mode="builtin")
    scrape = Scrape(exposition, instruments)

    plain, packed = scrape(False), gzip.decompress(scrape(True))

    names = [family.name for family in text_string_to_metric_families(plain.decode())]
    assert names.index("wamon_alerting_mode") < names.index("wamon_build_info")
    assert plain.startswith(exposition.text())
    # Only the process's own figures move between two scrapes.
    assert own_lines(packed) == own_lines(plain)


def test_dropped_series_grow_with_each_scrape(instruments: Instruments) -> None:
    exposition = Exposition(SIGNALS, rules=(RULE,), mode="builtin", max_series=1)
    exposition.publish(*seen(State(), FLAG.reading(NUMBER, True), INFO.reading(NUMBER, {})))
    scrape = Scrape(exposition, instruments)

    scrape(False)
    last = scrape(False)

    assert b"\nwamon_series_dropped_total 4.0\n" in last


def own_lines(text: bytes) -> list[str]:
    return [line for line in text.decode().splitlines() if not line.startswith("process_")]
