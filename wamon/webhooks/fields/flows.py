"""flows: trouble with the account's Flows and the endpoints behind them.

Source: Meta "Flows webhooks" reference, read 2025-12.
"""

from typing import Final

from wamon.core import vocabulary
from wamon.core.health import Signal, SparseState, Subject, SubjectKind
from wamon.core.ports import JsonObject
from wamon.core.vocabulary import OTHER, Grade
from wamon.probes.payload import text
from wamon.webhooks.field import Directory, Field, Heed, Notice, WebhookShapeError
from wamon.webhooks.forms import number_of, required_word, words_of
from wamon.webhooks.lenient import UNEXPECTED_SHAPE

FLOW_ALERT = Signal(
    name="whatsapp_flow_alert_state",
    kind=SubjectKind.FLOW,
    shape=SparseState("state"),
    help="State of one kind of trouble of a Flow: ACTIVATED or DEACTIVATED; absent when it was never told.",
    changed_at="whatsapp_flow_alert_state_changed_timestamp_seconds",
    is_event=True,
)

ACTIVATED: Final = "ACTIVATED"
DEACTIVATED: Final = "DEACTIVATED"

# Ids have 15 or 16 digits; a label must not take whatever somebody sends.
LONGEST_ID: Final = 32

# What is measured, and the lowest of the thresholds at which Meta alerts: per cent (5, 10, 50) and milliseconds
# (1000, 5000, 7000). Availability has a single threshold, so its alert is over when Meta says so.
LOWEST_THRESHOLDS: Final = {
    "CLIENT_ERROR_RATE": ("error_rate", 5.0),
    "ENDPOINT_ERROR_RATE": ("error_rate", 5.0),
    "ENDPOINT_LATENCY": ("p90_latency", 1000.0),
}


def read(notice: Notice, directory: Directory) -> Heed:
    """The state of the trouble that is told of. Polls see no Flows, so none is asked for."""
    value = notice.value
    told = required_word(value, "event")
    event = vocabulary.FLOW_EVENT.normalise(told) or OTHER
    flow_id = _flow_id(value)
    state = _state(event, value)
    if state is None:
        return Heed()
    raw = words_of(
        told if event == OTHER else None,
        value.get("new_status") or value.get("alert_state"),
        value.get("message") or value.get("warning"),
    )
    subject = Subject.flow(notice.waba_id, flow_id, event)
    is_recognised = OTHER not in (event, state)
    return Heed(readings=(FLOW_ALERT.reading(subject, state, raw=raw, is_recognised=is_recognised),))


def _flow_id(value: JsonObject) -> str:
    flow_id = text(value.get("flow_id")) or ""
    if not flow_id.isascii() or not flow_id.isdecimal() or len(flow_id) > LONGEST_ID:
        raise WebhookShapeError(UNEXPECTED_SHAPE)
    return flow_id


def _state(event: str, value: JsonObject) -> str | None:
    """None when the notice does not tell."""
    if event == "FLOW_STATUS_CHANGE":
        status = vocabulary.FLOW_STATUS.normalise(value.get("new_status"))
        if status is None or status == OTHER:
            return status
        return ACTIVATED if vocabulary.FLOW_STATUS.grade(status) is Grade.WATCH else DEACTIVATED
    if event == "FLOW_VERSION_EXPIRY_WARNING":
        return ACTIVATED
    state = vocabulary.FLOW_ALERT_STATE.normalise(value.get("alert_state"))
    if state != DEACTIVATED or event not in LOWEST_THRESHOLDS:
        return state
    key, lowest = LOWEST_THRESHOLDS[event]
    threshold, measured = number_of(value.get("threshold")), number_of(value.get(key))
    if threshold is None or threshold <= lowest:
        return DEACTIVATED
    # Recovered from a higher threshold only: a lower one may still be crossed.
    if measured is None:
        return None
    return ACTIVATED if measured >= lowest else DEACTIVATED


FIELD = Field(
    name="flows",
    doc="Flows that are throttled or blocked, or whose endpoint fails or is slow.",
    signals=(FLOW_ALERT,),
    read=read,
)
