"""When an entity that must agree to every message alerts."""

from datetime import timedelta

import pytest

from tests.rules.views import MINUTE, NOW, WABA_ID, seen, view
from wamon.core.alerting import Severity
from wamon.core.error_codes import lookup
from wamon.core.health import Subject
from wamon.core.ports import clear, firing, unknown
from wamon.probes.account import CAN_SEND, CAN_SEND_REASON
from wamon.rules.can_send import CANNOT_SEND, check
from wamon.rules.words import NoParams

SENDER = Subject.sender(WABA_ID, "waba", WABA_ID)
SINCE = "since 2026-11-22 10:00 UTC"


@pytest.mark.parametrize(
    ("state", "severity", "what"),
    [("BLOCKED", Severity.CRITICAL, "Cannot send"), ("LIMITED", Severity.WARNING, "Sending is limited")],
)
def test_blocked_is_critical_and_limited_warns(state: str, severity: Severity, what: str) -> None:
    picture = view(SENDER, seen(CAN_SEND.reading(SENDER, state, raw=state), CAN_SEND_REASON.reading(SENDER, {})))

    assert check(picture, NoParams(), NOW) == firing(severity, NOW, what, evidence=[("Can send", f"{state} {SINCE}")])


def test_available_is_clear() -> None:
    picture = view(SENDER, seen(CAN_SEND.reading(SENDER, "AVAILABLE"), ago=MINUTE))

    assert check(picture, NoParams(), NOW) == clear(NOW - MINUTE)


@pytest.mark.parametrize("state", ["OTHER", None])
def test_verdict_without_a_meaning_is_unknown(state: str | None) -> None:
    picture = view(SENDER, seen(CAN_SEND.reading(SENDER, "BLOCKED"), ago=MINUTE), seen(CAN_SEND.reading(SENDER, state)))

    assert check(picture, NoParams(), NOW) == unknown(NOW)


@pytest.mark.parametrize("state", ["AVAILABLE", "BLOCKED"])
def test_old_verdict_is_unknown(state: str) -> None:
    picture = view(SENDER, seen(CAN_SEND.reading(SENDER, state), ago=timedelta(minutes=15)))

    assert check(picture, NoParams(), NOW) == unknown(NOW)
    assert check(view(SENDER), NoParams(), NOW) == unknown(NOW)


def test_evidence_explains_metas_codes() -> None:
    known = lookup(141006)
    assert known is not None
    raw = "141006 There is an error with the payment method.; 999999 Something new."
    readings = (
        CAN_SEND.reading(SENDER, "BLOCKED", raw="BLOCKED"),
        CAN_SEND_REASON.reading(SENDER, {"141006": True, "999999": True}, raw=raw),
    )
    before = seen(CAN_SEND.reading(SENDER, "AVAILABLE"), ago=MINUTE)

    verdict = check(view(SENDER, before, seen(*readings)), NoParams(), NOW)

    assert verdict is not None
    assert verdict.evidence == (
        ("Can send", f"BLOCKED {SINCE}, before that AVAILABLE"),
        ("Meta's reason", raw),
        ("Code 141006", f"{known.meaning} {known.fix}"),
    )


def test_limited_and_blocked_are_one_alert_with_two_names() -> None:
    assert CANNOT_SEND.alertname(Severity.WARNING) == "WhatsAppSendLimited"
    assert CANNOT_SEND.alertname(Severity.CRITICAL) == "WhatsAppCannotSend"
    assert CANNOT_SEND.timing.min_observations == 2
