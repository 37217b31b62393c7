"""The daemon's own instruments, and the scrape that puts them behind the account's metrics."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from wamon.core.markers import MarkerKind
from wamon.core.ports import OutboxFigures
from wamon.core.timing import Clock
from wamon.metrics.collectors import MomentGauge, PlainCounter, PlainHistogram
from wamon.metrics.compression import gzipped
from wamon.metrics.exposition import Exposition
from wamon.metrics.families import Family, Freshness

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

# A Graph call waits for up to half a minute, a commit for a disk, a notification for a Slack that is down for hours.
CALL_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
COMMIT_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
DELAY_BUCKETS: Final = (0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 14400)
# A webhook waits for a commit, at most for some of them.
ANSWER_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

# What the public listener answers, by its own design; anything else it counts as `other`.
WEBHOOK_CODES: Final = (200, 401, 403, 404, 405, 408, 413, 500, 503)
OTHER: Final = "other"

NOTIFICATION_OUTCOMES: Final = ("delivered", "adopted", "deferred", "handed_over", "rejected")
EDIT_OUTCOMES: Final = ("shown", "deferred", "rejected")
ACTION_OUTCOMES: Final = ("done", "refused", "malformed", "failed")
SLACK_ACTIONS: Final = ("acknowledge", "silence_1h", "silence_4h", "silence_24h")
OUTBOX_STATES: Final = ("due", "sending", "dead")
PUSH_OUTCOMES: Final = ("ok", "failed", "rejected")


def _family(kind: str, name: str, meaning: str, *labels: str) -> Family:
    freshness = Freshness.LIVE if kind == "gauge" else Freshness.PROCESS
    return Family(name=name, type=kind, meaning=meaning, labels=labels, freshness=freshness)


BUILD_INFO = _family("gauge", "wamon_build_info", "The version of wamon that runs.", "version")
RELOAD_SUCCESSFUL = _family(
    "gauge", "wamon_config_last_reload_successful", "Whether the configuration was accepted when it was last read."
)
RELOAD_SUCCESS_AT = _family(
    "gauge",
    "wamon_config_last_reload_success_timestamp_seconds",
    "When the configuration was last accepted.",
)
PROBE_DURATION = _family("histogram", "wamon_probe_duration_seconds", "How long each probe's runs took.", "probe")
GRAPH_REQUESTS = _family(
    "counter",
    "wamon_graph_requests_total",
    "Graph API requests by how they ended: ok, an error code of Meta's, http_STATUS, or why there was no answer.",
    "code",
)
GRAPH_DURATION = _family("histogram", "wamon_graph_request_duration_seconds", "How long Graph API requests took.")
GRAPH_RETRIES = _family("counter", "wamon_graph_retries_total", "Graph API requests made again, by reason.", "reason")
GRAPH_DROPPED_FIELDS = _family(
    "counter",
    "wamon_graph_dropped_fields_total",
    "Fields left out of queries because Meta no longer knows them; what they fed is unknown since.",
    "field",
)
NOTIFICATIONS = _family(
    "counter",
    "wamon_notifications_total",
    "Notifications by outcome: delivered, adopted (found to have arrived), deferred (tried again later), handed_over "
    "(told elsewhere because it was refused), rejected (given up).",
    "receiver",
    "outcome",
)
NOTIFICATION_DELAY = _family(
    "histogram", "wamon_notification_delay_seconds", "From the transition of an alert to its delivered notification."
)
POSSIBLE_DUPLICATES = _family(
    "counter",
    "wamon_notification_possible_duplicates_total",
    "Notifications sent again although an earlier attempt may have arrived.",
)
EDITS = _family(
    "counter",
    "wamon_notification_edits_total",
    "Edits that bring a message up to date: shown, deferred (tried again later), rejected.",
    "receiver",
    "outcome",
)
SLACK_ACTION = _family(
    "counter",
    "wamon_slack_actions_total",
    "Buttons that people pressed in Slack, by what became of it; refused is somebody who is not on the list.",
    "action",
    "outcome",
)
OUTBOX_ITEMS = _family(
    "gauge", "wamon_outbox_items", "Notifications in the outbox; dead ones wait for a human.", "state"
)
OUTBOX_EDITS = _family("gauge", "wamon_outbox_edits", "Messages that show less than is known: an edit of each is due.")
OUTBOX_OLDEST = _family(
    "gauge",
    "wamon_outbox_oldest_timestamp_seconds",
    "When the oldest unsent notification was queued; absent while nothing waits.",
)
HEARTBEAT = _family(
    "gauge",
    "wamon_scheduler_heartbeat_timestamp_seconds",
    "When the scheduler last started a job; absent before the first.",
)
SCHEDULER_LAG = _family("gauge", "wamon_scheduler_lag_seconds", "How late the scheduler's last job started.")
JOB_FAILURES = _family(
    "counter", "wamon_job_failures_total", "Scheduled jobs that ended with an error of wamon's own.", "task"
)
JOBS_SKIPPED = _family(
    "counter", "wamon_jobs_skipped_total", "Runs left out because the job's run before still went on.", "task"
)
DATABASE_SIZE = _family("gauge", "wamon_database_size_bytes", "Size of the database with its write-ahead log.")
COMMIT_DURATION = _family("histogram", "wamon_database_commit_duration_seconds", "How long commits took.")
COMMIT_FAILURES = _family(
    "counter", "wamon_commit_failures_total", "Commits that failed; what they held was neither kept nor shown."
)
LISTENING_SINCE = _family(
    "gauge",
    "wamon_webhook_listening_since_timestamp_seconds",
    "Since when this process hears webhooks; absent where it is not set up to.",
)
WEBHOOK_REQUESTS = _family(
    "counter", "wamon_webhook_requests_total", "Requests to the public listener by the status of the answer.", "code"
)
WEBHOOK_SIGNATURE_FAILURES = _family(
    "counter",
    "wamon_webhook_signature_failures_total",
    "Webhooks refused because no app secret gives their signature.",
)
WEBHOOK_DURATION = _family(
    "histogram", "wamon_webhook_request_duration_seconds", "How long requests to the public listener took."
)
LEDGER_COMMIT_DURATION = _family(
    "histogram", "wamon_ledger_commit_duration_seconds", "How long commits of webhooks to the ledger took."
)
LEDGER_STATUSES = _family(
    "counter",
    "wamon_ledger_committed_statuses_total",
    "Statuses in commits to the ledger, repeated ones included; by the commits it is how many go together.",
)
LEDGER_COMMIT_FAILURES = _family(
    "counter",
    "wamon_ledger_commit_failures_total",
    "Commits to the ledger that failed; their webhooks were not acknowledged.",
)
SERIES_DROPPED = _family(
    "counter",
    "wamon_series_dropped_total",
    "Series left out of scrapes because of metrics_max_series; it grows with each scrape while something is left out.",
)
ALERTMANAGER_PUSHES = _family(
    "counter",
    "wamon_alertmanager_pushes_total",
    "Requests with alerts to each Alertmanager by outcome: ok, failed (tried again), rejected (a human must mend it).",
    "peer",
    "outcome",
)
HEARTBEAT_SUCCESS = _family(
    "gauge",
    "wamon_heartbeat_last_success_timestamp_seconds",
    "When the outgoing heartbeat last arrived; absent before the first.",
)
MARKER_AT = _family(
    "gauge",
    "wamon_marker_timestamp_seconds",
    "When the latest marker of each kind was set for (wamon mark, POST /api/v1/markers); absent before the first.",
    "kind",
)
INSTRUMENTS: Final = (
    BUILD_INFO,
    RELOAD_SUCCESSFUL,
    RELOAD_SUCCESS_AT,
    PROBE_DURATION,
    GRAPH_REQUESTS,
    GRAPH_DURATION,
    GRAPH_RETRIES,
    GRAPH_DROPPED_FIELDS,
    NOTIFICATIONS,
    NOTIFICATION_DELAY,
    POSSIBLE_DUPLICATES,
    EDITS,
    SLACK_ACTION,
    OUTBOX_ITEMS,
    OUTBOX_EDITS,
    OUTBOX_OLDEST,
    HEARTBEAT,
    SCHEDULER_LAG,
    JOB_FAILURES,
    JOBS_SKIPPED,
    DATABASE_SIZE,
    COMMIT_DURATION,
    COMMIT_FAILURES,
    LISTENING_SINCE,
    WEBHOOK_REQUESTS,
    WEBHOOK_SIGNATURE_FAILURES,
    WEBHOOK_DURATION,
    LEDGER_COMMIT_DURATION,
    LEDGER_STATUSES,
    LEDGER_COMMIT_FAILURES,
    SERIES_DROPPED,
    ALERTMANAGER_PUSHES,
    HEARTBEAT_SUCCESS,
    MARKER_AT,
)
# What prometheus_client's ProcessCollector reads from /proc; on a system without it there are none.
PROCESS: Final = (
    _family("gauge", "process_virtual_memory_bytes", "Virtual memory of the daemon."),
    _family("gauge", "process_resident_memory_bytes", "Memory that the daemon really holds."),
    _family("gauge", "process_start_time_seconds", "When the process started."),
    _family("counter", "process_cpu_seconds_total", "CPU time that the daemon used."),
    _family("gauge", "process_open_fds", "Open file descriptors."),
    _family("gauge", "process_max_fds", "How many file descriptors it may open."),
)


class Instruments:
    """One attribute an instrument, in a registry of its own; and the events that move them.

    It is the observer that the Graph client, the engine, the scheduler, the outbox and the intake report to. Counters
    with a closed set of labels are there from the start at 0. They count since the start of the process: those that
    survive restarts are in the state or the books. The `_created` series of prometheus_client are switched off, for the
    whole process: that is the only switch there is.
    """

    def __init__(
        self,
        *,
        version: str,
        clock: Clock,
        probes: Iterable[str] = (),
        receivers: Iterable[str] = (),
        peers: Iterable[str] = (),
    ) -> None:
        self._clock = clock
        disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client leaves it without types
        self.registry = CollectorRegistry()
        self.build_info = self._gauge(BUILD_INFO)
        self.reload_successful = self._gauge(RELOAD_SUCCESSFUL)
        self.reload_success_at = self._moment(RELOAD_SUCCESS_AT)
        self.probe_duration = self._histogram(PROBE_DURATION, CALL_BUCKETS)
        self.graph_requests = self._counter(GRAPH_REQUESTS)
        self.graph_duration = self._histogram(GRAPH_DURATION, CALL_BUCKETS)
        self.graph_retries = self._counter(GRAPH_RETRIES)
        self.graph_dropped_fields = self._counter(GRAPH_DROPPED_FIELDS)
        self.notifications = self._counter(NOTIFICATIONS)
        self.notification_delay = self._histogram(NOTIFICATION_DELAY, DELAY_BUCKETS)
        self.possible_duplicates = self._counter(POSSIBLE_DUPLICATES)
        self.edits = self._counter(EDITS)
        self.slack_actions = self._counter(SLACK_ACTION)
        self.outbox_items = self._gauge(OUTBOX_ITEMS)
        self.outbox_edits = self._gauge(OUTBOX_EDITS)
        self.outbox_oldest = self._moment(OUTBOX_OLDEST)
        self.heartbeat = self._moment(HEARTBEAT)
        self.scheduler_lag = self._gauge(SCHEDULER_LAG)
        self.job_failures = self._counter(JOB_FAILURES)
        self.jobs_skipped = self._counter(JOBS_SKIPPED)
        self.database_size = self._gauge(DATABASE_SIZE)
        self.commit_duration = self._histogram(COMMIT_DURATION, COMMIT_BUCKETS)
        self.commit_failures = self._counter(COMMIT_FAILURES)
        self.listening_since = self._moment(LISTENING_SINCE)
        codes = [*map(str, WEBHOOK_CODES), OTHER]
        self.webhook_requests = self._plain_counter(WEBHOOK_REQUESTS, codes)
        self.webhook_signature_failures = self._plain_counter(WEBHOOK_SIGNATURE_FAILURES)
        self.webhook_duration = self._plain_histogram(WEBHOOK_DURATION, ANSWER_BUCKETS)
        self.ledger_commit_duration = self._plain_histogram(LEDGER_COMMIT_DURATION, COMMIT_BUCKETS)
        self.ledger_statuses = self._plain_counter(LEDGER_STATUSES)
        self.ledger_commit_failures = self._plain_counter(LEDGER_COMMIT_FAILURES)
        self.series_dropped = self._counter(SERIES_DROPPED)
        self.alertmanager_pushes = self._counter(ALERTMANAGER_PUSHES)
        self.heartbeat_success = self._moment(HEARTBEAT_SUCCESS)
        self.marker_at = self._gauge(MARKER_AT)
        self._webhook_codes = dict(zip(WEBHOOK_CODES, codes, strict=False))
        ProcessCollector(registry=self.registry)
        self._start(version, probes, receivers, peers)

    def text(self) -> bytes:
        return generate_latest(self.registry)

    # --- the Graph client ---------------------------------------------------------------------------------------------

    def request(self, code: str, seconds: float) -> None:
        """`code` is ok, Meta's error code, http_STATUS, or why there was no answer."""
        self.graph_requests.labels(code).inc()
        self.graph_duration.observe(seconds)

    def retry(self, reason: str) -> None:
        self.graph_retries.labels(reason).inc()

    def dropped_field(self, node_type: str, field: str) -> None:
        """The node's type is only logged: one field name says enough for a metric."""
        self.graph_dropped_fields.labels(field).inc()

    # --- probes, scheduler, configuration -----------------------------------------------------------------------------

    def probe_run(self, probe: str, seconds: float) -> None:
        self.probe_duration.labels(probe).observe(seconds)

    def job_started(self, name: str, lag_seconds: float) -> None:
        """Any job counts as the scheduler's heartbeat."""
        self.heartbeat.set(self._clock.now())
        self.scheduler_lag.set(lag_seconds)

    def job_failed(self, name: str) -> None:
        self.job_failures.labels(name).inc()

    def job_skipped(self, name: str) -> None:
        self.jobs_skipped.labels(name).inc()

    def reloaded(self, *, is_successful: bool) -> None:
        """The configuration was read, at the start or again."""
        self.reload_successful.set(is_successful)
        if is_successful:
            self.reload_success_at.set(self._clock.now())

    # --- store and outbox ---------------------------------------------------------------------------------------------

    def committed(self, seconds: float) -> None:
        self.commit_duration.observe(seconds)

    def commit_failed(self) -> None:
        self.commit_failures.inc()

    def possibly_duplicated(self) -> None:
        """A message was sent again although it may have arrived, and nobody could look."""
        self.possible_duplicates.inc()

    def edited(self, receiver: str, outcome: str) -> None:
        """One edit of a message ended; `outcome` is one of EDIT_OUTCOMES."""
        self.edits.labels(receiver, outcome).inc()

    def slack_action(self, action: str, outcome: str) -> None:
        """Somebody pressed a button in Slack; `outcome` is one of ACTION_OUTCOMES."""
        self.slack_actions.labels(action, outcome).inc()

    def notified(self, receiver: str, outcome: str) -> None:
        """One attempt ended; `outcome` is one of NOTIFICATION_OUTCOMES."""
        self.notifications.labels(receiver, outcome).inc()

    def delivered(self, receiver: str, *, delay_seconds: float) -> None:
        """A notification arrived, `delay_seconds` after what it tells."""
        self.notified(receiver, "delivered")
        self.notification_delay.observe(delay_seconds)

    def outbox(self, figures: OutboxFigures) -> None:
        for state, count in zip(OUTBOX_STATES, (figures.due, figures.sending, figures.dead), strict=True):
            self.outbox_items.labels(state).set(count)
        self.outbox_edits.set(figures.edits)
        self.outbox_oldest.set(figures.oldest_created_at)

    # --- Alertmanager and the dead man --------------------------------------------------------------------------------

    def pushed(self, peer: str, outcome: str, alerts: int) -> None:
        """One request ended; `outcome` is one of PUSH_OUTCOMES. How many alerts it had is not counted."""
        self.alertmanager_pushes.labels(peer, outcome).inc()

    def heartbeat_sent(self, at: datetime) -> None:
        self.heartbeat_success.set(at)

    # --- history ------------------------------------------------------------------------------------------------------

    def marked(self, kind: MarkerKind, at: datetime) -> None:
        """The latest marker of this kind is of then."""
        self.marker_at.labels(kind.value).set(at.timestamp())

    # --- webhooks, thousands a second ---------------------------------------------------------------------------------

    def listening(self, since: datetime) -> None:
        self.listening_since.set(since)

    def webhook_answered(self, code: int, seconds: float) -> None:
        """The public listener answered any request, `seconds` after it came."""
        self.webhook_requests.inc(self._webhook_codes.get(code, OTHER))
        self.webhook_duration.observe(seconds)

    def signature_failed(self) -> None:
        self.webhook_signature_failures.inc()

    def ledger_committed(self, seconds: float, statuses: int) -> None:
        """One commit ended well; `statuses` are those that it took, repeated ones included."""
        self.ledger_commit_duration.observe(seconds)
        self.ledger_statuses.inc(by=statuses)

    def ledger_commit_failed(self) -> None:
        self.ledger_commit_failures.inc()

    # --- construction -------------------------------------------------------------------------------------------------

    def _start(self, version: str, probes: Iterable[str], receivers: Iterable[str], peers: Iterable[str]) -> None:
        self.build_info.labels(version).set(1)
        self.graph_requests.labels("ok")
        for probe in probes:
            self.probe_duration.labels(probe)
        for receiver in receivers:
            for outcome in NOTIFICATION_OUTCOMES:
                self.notifications.labels(receiver, outcome)
            for outcome in EDIT_OUTCOMES:
                self.edits.labels(receiver, outcome)
        for action in SLACK_ACTIONS:
            for outcome in ACTION_OUTCOMES:
                self.slack_actions.labels(action, outcome)
        for peer in peers:
            for outcome in PUSH_OUTCOMES:
                self.alertmanager_pushes.labels(peer, outcome)
        for state in OUTBOX_STATES:
            self.outbox_items.labels(state)

    def _counter(self, family: Family) -> Counter:
        return Counter(family.name, family.help, family.labels, registry=self.registry)

    def _gauge(self, family: Family) -> Gauge:
        return Gauge(family.name, family.help, family.labels, registry=self.registry)

    def _histogram(self, family: Family, buckets: Sequence[float]) -> Histogram:
        return Histogram(family.name, family.help, family.labels, buckets=buckets, registry=self.registry)

    def _plain_counter(self, family: Family, values: Iterable[str] = ("",)) -> PlainCounter:
        counter = PlainCounter(family, values)
        self.registry.register(counter)
        return counter

    def _plain_histogram(self, family: Family, buckets: Sequence[float]) -> PlainHistogram:
        histogram = PlainHistogram(family, buckets)
        self.registry.register(histogram)
        return histogram

    def _moment(self, family: Family) -> MomentGauge:
        gauge = MomentGauge(family)
        self.registry.register(gauge)
        return gauge


class Scrape:
    """The body of /metrics: the account's metrics, then the daemon's own.

    It reads nothing but memory and /proc, and only in text format 0.0.4: OpenMetrics would say nothing more here.
    """

    def __init__(self, exposition: Exposition, instruments: Instruments) -> None:
        self._exposition = exposition
        self._instruments = instruments

    def __call__(self, is_gzip: bool) -> bytes:
        self._instruments.series_dropped.inc(self._exposition.left_out)
        own = self._instruments.text()
        if is_gzip:
            return gzipped(self._exposition.deflated(), own)
        return self._exposition.text() + own
