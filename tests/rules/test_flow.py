"""When trouble of a Flow alerts."""

from datetime import timedelta

import pytest

from tests.rules.views import DAY, HOUR, NOW, WABA_ID, seen, view
from wamon.core.alerting import Severity, Truth, Verdict
from wamon.core.health import Subject
from wamon.core.ports import clear, firing, unknown
from wamon.rules.flow import FLOW_UNHEALTHY, FlowParams, check
from wamon.webhooks.fields.flows import FLOW_ALERT

FLOW = Subject.flow(WABA_ID, "691244242662581", "ENDPOINT_AVAILABILITY")


def judged(state: str, *, ago: timedelta = HOUR, subject: Subject = FLOW, raw: str | None = None) -> Verdict:
    picture = view(subject, seen(FLOW_ALERT.reading(subject, state, raw=raw), ago=ago))
    verdict = check(picture, FlowParams(), NOW)
    assert verdict is not None
    return verdict


def test_trouble_warns_in_metas_words() -> None:
    assert judged("ACTIVATED", raw="ACTIVATED; Availability is below 90%.") == firing(
        Severity.WARNING,
        NOW,
        "Flow is unhealthy",
        evidence=[
            ("Meta's words", "ACTIVATED; Availability is below 90%."),
            ("Told", "2026-11-22 09:00 UTC"),
            (
                "Which means",
                (
                    "The Flow's endpoint is often not reachable for Meta. "
                    "Check that the endpoint runs and that its health check answers."
                ),
            ),
        ],
    )


def test_trouble_of_an_unknown_kind_warns_too() -> None:
    verdict = judged("ACTIVATED", subject=Subject.flow(WABA_ID, "691244242662581", "OTHER"))

    assert (verdict.truth, verdict.evidence[0]) == (Truth.TRUE, ("Meta's words", "OTHER"))


def test_trouble_that_is_over_is_clear() -> None:
    assert judged("DEACTIVATED") == clear(NOW)


def test_unknown_state_neither_opens_nor_closes() -> None:
    assert judged("OTHER") == unknown(NOW)


@pytest.mark.parametrize("state", ["ACTIVATED", "OTHER"])
def test_trouble_whose_end_was_never_told_is_over_after_a_month(state: str) -> None:
    assert judged(state, ago=30 * DAY) == clear(NOW)
    assert judged(state, ago=30 * DAY - HOUR).truth is not Truth.FALSE


def test_flow_that_nobody_told_of_is_unknown() -> None:
    assert check(view(FLOW), FlowParams(), NOW) == unknown(NOW)


def test_trouble_is_told_at_once() -> None:
    assert FLOW_UNHEALTHY.timing.min_observations == 1
