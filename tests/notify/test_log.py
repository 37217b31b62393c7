import asyncio
import logging

import pytest

from tests.fakes import START
from tests.notify.cases import QUALITY, at, notification, snapshot, transition
from wamon.core.alerting import CloseReason, TransitionKind
from wamon.core.ports import Message
from wamon.notify.log import LogNotifier
from wamon.notify.message import Links, compose


def message(*, is_closing: bool = False) -> Message:
    closing = transition(TransitionKind.CLOSE, when=at(11), opened_at=START, close_reason=CloseReason.RESOLVED)
    of = closing if is_closing else transition()
    return compose(notification(of), rule=QUALITY, snapshot=snapshot(), now=of.at, links=Links())


def test_firing_alert_is_one_structured_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    receipt = asyncio.run(LogNotifier().send(message()))

    (record,) = caplog.records
    assert (record.levelname, record.getMessage()) == ("WARNING", "alert")
    assert record.__dict__["headline"] == "CRITICAL  Quality rating RED  +1 555 078 3881 (Jasper's Market)"
    assert record.__dict__["severity"] == "critical"
    assert record.__dict__["facts"]["Alert"] == "QualityRed"
    assert record.__dict__["steps"] == ["Stop campaigns.", "Find what changed."]
    assert receipt.message_id == record.__dict__["reference"]


def test_resolved_alert_is_information(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    asyncio.run(LogNotifier().send(message(is_closing=True)))

    assert [record.levelname for record in caplog.records] == ["INFO"]


def test_doctor_is_told_that_nobody_is_told() -> None:
    async def scenario() -> str:
        notifier = LogNotifier()
        try:
            return await notifier.check()
        finally:
            await notifier.close()

    assert asyncio.run(scenario()) == "alerts are only logged"
