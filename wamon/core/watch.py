"""The signals about the watching itself: when each probe last succeeded, and whether the clock can be trusted."""

from typing import Any

from wamon.core.health import Gauge, Signal, SparseState, SubjectKind, Timestamp

PROBE_LAST_SUCCESS = Signal(
    name="wamon_probe_last_success_timestamp_seconds",
    kind=SubjectKind.PROBE,
    shape=Timestamp(),
    help="When this probe last had a usable answer about this target; absent before the first.",
    is_event=True,
    keeps_history=False,
)
PROBE_WATCHED_SINCE = Signal(
    name="wamon_probe_watched_since_timestamp_seconds",
    kind=SubjectKind.PROBE,
    shape=Timestamp(),
    help="When this probe first ran for this target, whatever came of it.",
    is_event=True,
    keeps_history=False,
)
PROBE_OUTCOME = Signal(
    name="wamon_probe_outcome",
    kind=SubjectKind.PROBE,
    shape=SparseState("outcome"),
    help="How this probe's last run for this target ended.",
    is_event=True,
)
PROBE_INTERVAL = Signal(
    name="wamon_probe_interval_seconds",
    kind=SubjectKind.PROBE,
    shape=Gauge(),
    help="How far apart the runs of this probe for this target are at present.",
    is_event=True,
    keeps_history=False,
)
PROBE_FAULT = Signal(
    name="wamon_probe_fault",
    kind=SubjectKind.PROBE,
    shape=SparseState("fault"),
    help="Why the last run failed, in words; kept for messages, not exported.",
    is_event=True,
    is_exported=False,
    keeps_history=False,
)
CLOCK_STEPPED = Signal(
    name="wamon_clock_step_timestamp_seconds",
    kind=SubjectKind.INSTANCE,
    shape=Timestamp(),
    help="When the machine's clock was last seen to jump; absent when it never was.",
    is_event=True,
)
CLOCK_STEP = Signal(
    name="wamon_clock_step_seconds",
    kind=SubjectKind.INSTANCE,
    shape=Gauge(),
    help="How far the machine's clock jumped when it last did, negative when back.",
    is_event=True,
)

SIGNALS: tuple[Signal[Any], ...] = (
    PROBE_LAST_SUCCESS,
    PROBE_WATCHED_SINCE,
    PROBE_OUTCOME,
    PROBE_INTERVAL,
    PROBE_FAULT,
    CLOCK_STEPPED,
    CLOCK_STEP,
)
