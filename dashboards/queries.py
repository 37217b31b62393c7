"""The PromQL that boards share: who is chosen, what people are called, who is worst, and what is not seen."""

from typing import Final

from dashboards.looks import States
from dashboards.panels import Column, Query
from wamon.core import vocabulary
from wamon.core.vocabulary import Grade

TARGET: Final = 'job=~"$job",instance=~"$instance"'
WABA: Final = f'{TARGET},waba_id=~"$waba"'
NUMBER: Final = f'{WABA},phone_number_id=~"$phone"'

BY_WABA: Final = "job, instance, waba_id"
BY_NUMBER: Final = "job, instance, waba_id, phone_number_id"
# Of the messages that are attempted, from which share on failures or bounces are a warning, and critical.
FAILING: Final = (0.05, 0.15)
BOUNCING: Final = (0.03, 0.1)

BY_PROBE: Final = "job, instance, probe, waba_id, token, app_id"

WAS_RATED: Final = "whatsapp_phone_number_last_known_quality_rating"
WAS_IN_STATUS: Final = "whatsapp_phone_number_last_known_status"
RATING: Final = States(
    metric="whatsapp_phone_number_quality_rating",
    label="rating",
    vocabulary=vocabulary.QUALITY_RATING,
    last_known=WAS_RATED,
    is_full=True,
)
STATUS: Final = States(
    metric="whatsapp_phone_number_status",
    label="status",
    vocabulary=vocabulary.PHONE_NUMBER_STATUS,
    last_known=WAS_IN_STATUS,
)
CAN_SEND: Final = States(metric="whatsapp_phone_number_can_send", label="state", vocabulary=vocabulary.HEALTH_STATE)


def matchers_of(metric: str) -> str:
    """Those that choose accounts, and numbers where the metric is about numbers."""
    return NUMBER if metric.startswith("whatsapp_phone_number_") else WABA


def either(*terms: str) -> str:
    """The first of the terms that has a series of the labels."""
    return " or ".join(terms)


def rate(counter: str, matchers: str, by: str) -> str:
    return f"sum by ({by}) (rate({counter}{{{matchers}}}[$__rate_interval]))"


def increase(counter: str, matchers: str, by: str) -> str:
    """How much a counter grew in the time shown."""
    return f"sum by ({by}) (increase({counter}{{{matchers}}}[$__range]))"


def worst_lines(most: int, series: str, by: str) -> str:
    """The lines of those that were worst in the time shown: the same ones from its begin to its end."""
    worst = f"topk({most}, max by ({by}) (max_over_time({series}[$__range] @ end())))"
    return f"max by ({by}) ({series}) and on ({by}) {worst}"


def busiest_lines(most: int, lines: str, counter: str, matchers: str, by: str) -> str:
    """Of these lines those whose counter grew most in the time shown."""
    busiest = f"topk({most}, sum by ({by}) (increase({counter}{{{matchers}}}[$__range] @ end())))"
    return f"{lines} and on ({by}) {busiest}"


def quantile(at: float, histogram: str, matchers: str, by: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({at:g}, {rate(f'{histogram}_bucket', matchers, labels)})"


def age(timestamp: str) -> str:
    return f"time() - {timestamp}"


def since(timestamp: str) -> str:
    """How long ago a moment of wamon's was; of the instance where it is longest ago."""
    return f"max(time() - {timestamp}{{{TARGET}}})"


# --- names ------------------------------------------------------------------------------------------------------------

# As last known: the name of somebody who cannot be seen now is still wanted. One each, also after a change; and once
# for all points of a graph.
_NUMBER_NAMES: Final = (
    f"topk by (job, instance, phone_number_id) (1, last_over_time(whatsapp_phone_number_info{{{NUMBER}}}[6h] @ end()))"
)
_WABA_NAMES: Final = f"topk by (job, instance, waba_id) (1, last_over_time(whatsapp_waba_info{{{WABA}}}[6h] @ end()))"


def _named(expr: str, on: str, labels: str, names: str) -> str:
    return f"({expr}) * on ({on}) group_left ({labels}) {names} or ({expr}) unless on ({on}) {names}"


def number_named(expr: str) -> str:
    """With the label display_phone_number, where it is known."""
    return _named(expr, "job, instance, phone_number_id", "display_phone_number", _NUMBER_NAMES)


def waba_named(expr: str) -> str:
    """With the label name, where it is known."""
    return _named(expr, BY_WABA, "name", _WABA_NAMES)


def number_names(chosen: str) -> Query:
    """A query for tables of numbers, that adds the columns display_phone_number and verified_name to the chosen."""
    labels = "display_phone_number, verified_name"
    on = "job, instance, phone_number_id"
    return Query(expr=f"(0 * ({chosen}) + 1) * on ({on}) group_left ({labels}) {_NUMBER_NAMES}")


def waba_names(chosen: str) -> Query:
    """A query for tables of accounts, that adds the column name to the chosen."""
    return Query(expr=f"(0 * ({chosen}) + 1) * on ({BY_WABA}) group_left (name) {_WABA_NAMES}")


def among(chosen: str, by: str, expr: str) -> str:
    """The values of the expression for the chosen only."""
    return f"{expr} + on ({by}) 0 * ({chosen})"


WABA_COLUMN: Final = Column(name="waba_id", title="Account ID", width=170)
WABA_NAME: Final = Column(name="name", title="Account", width=200)


# --- numbers: the worst ones ------------------------------------------------------------------------------------------


# Each weighs more than all that is lighter together; of the last a number can be three, and the share that fails adds
# less than one of them.
_STOPPED, _RED, _FAILING, _LIMITED, _YELLOW, _FAILING_SOME, _UNKNOWN, _SHARE = 2500, 1300, 600, 200, 100, 50, 10, 9


def badness(at: str = "") -> str:
    """How ill each chosen number is, to sort by: what keeps it from sending weighs most, then what may soon.

    A state that is unknown weighs more than a good one, and what was bad before it became unknown as much as before.
    `at` is a PromQL modifier, as " @ end()" for one choice over all of the time shown.
    """

    def has(metric: str, label: str, values: str, weight: int) -> str:
        return f'({metric}{{{NUMBER},{label}=~"{values}"}}{at} == 1) * {weight}'

    was_red = f"sum by ({BY_NUMBER}) ({has(WAS_RATED, 'rating', 'RED', _RED - _UNKNOWN)})"
    was_down = has(WAS_IN_STATUS, "status", STATUS.graded(Grade.DOWN), _STOPPED - _UNKNOWN)
    ratio = f'whatsapp_message_failure_ratio{{{NUMBER},window="24h"}}{at}'
    some, many = (
        f"{weight} * ({ratio} > bool {share:g})"
        for share, weight in zip(FAILING, (_FAILING_SOME, _FAILING - _FAILING_SOME), strict=True)
    )
    terms = (
        f"(whatsapp_phone_number_in_waba{{{NUMBER}}}{at} == 0) + {_STOPPED}",
        has(CAN_SEND.metric, "state", "BLOCKED", _STOPPED),
        has(CAN_SEND.metric, "state", "LIMITED|OTHER", _LIMITED),
        has(CAN_SEND.metric, "state", "UNKNOWN", _UNKNOWN),
        has(STATUS.metric, "status", STATUS.graded(Grade.DOWN), _STOPPED),
        has(STATUS.metric, "status", f"{STATUS.graded(Grade.WATCH)}|OTHER", _LIMITED),
        has(STATUS.metric, "status", "UNKNOWN", _UNKNOWN),
        was_down,
        has(RATING.metric, "rating", "RED", _RED),
        has(RATING.metric, "rating", "YELLOW", _YELLOW),
        has(RATING.metric, "rating", "UNKNOWN", _UNKNOWN),
        was_red,
        # Zero, so that every number that is watched has a place in the list.
        f'{RATING.metric}{{{NUMBER},rating="GREEN"}}{at} * 0',
        f"({ratio} * {_SHARE} + {some} + {many})",
    )
    return f"sum by ({BY_NUMBER}) ({either(*terms)})"


def worst_numbers(most: int, at: str = "") -> str:
    return f"topk({most}, {badness(at)})"


def said(expr: str, about: str, label: str = "") -> str:
    """With `about` as a label, and as `said` what the label says: rows of one table from different metrics."""
    value, word = ("$1", f'"{label}", "(.*)"') if label else ("", '"", ""')
    return f'label_replace(label_replace({expr}, "said", "{value}", {word}), "about", "{about}", "", "")'


# --- what is not seen -------------------------------------------------------------------------------------------------


def unheard(more: str = "") -> str:
    """For how long each probe has had no answer about its target; since it began where there was never one."""
    matchers = f"{{{TARGET},{more}}}" if more else f"{{{TARGET}}}"
    answered = f"wamon_probe_last_success_timestamp_seconds{matchers}"
    return f"time() - ({answered} or wamon_probe_watched_since_timestamp_seconds{matchers})"


def patience(more: str = "") -> str:
    """After how long a reading counts as unknown: three intervals, at least 15 minutes."""
    matchers = f",{more}" if more else ""
    return f"clamp_min(3 * wamon_probe_interval_seconds{{{TARGET}{matchers}}}, 900)"


def unseen(more: str = "") -> str:
    """1 for each target of a probe whose readings are unknown by now, else 0."""
    return f"({unheard(more)}) > bool {patience(more)}"
