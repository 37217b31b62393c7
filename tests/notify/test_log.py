import asyncio
import logging
from dataclasses import replace

import pytest

from tests.fakes import START
from tests.notify.cases import NUMBER, QUALITY, at, batch, number, state_of, story, told, transition
from wamon.core.alerting import CloseReason, Transition, TransitionKind
from wamon.core.outgoing import Message
from wamon.notify.details import Links
from wamon.notify.log import LogNotifier
from wamon.notify.message import Composer

CLOSED = transition(TransitionKind.CLOSE, when=at(11), opened_at=START, close_reason=CloseReason.RESOLVED, ordinal=2)


def message(*transitions: Transition) -> Message:
    words = Composer(rules=(QUALITY,), links=Links())
    now = transitions[-1].at
    made = words.first(batch(told(*transitions)), story(*transitions), state_of(*transitions), now)
    return replace(made, reference="a1b2-1")


def logged(said: Message, caplog: pytest.LogCaptureFixture) -> logging.LogRecord:
    caplog.set_level(logging.INFO)

    receipt = asyncio.run(LogNotifier().send(said))

    (record,) = caplog.records
    assert receipt.message_id == record.__dict__["reference"] == "a1b2-1"
    return record


def test_firing_alert_is_one_structured_warning(caplog: pytest.LogCaptureFixture) -> None:
    record = logged(message(transition()), caplog)

    assert (record.levelname, record.getMessage()) == ("WARNING", "alert")
    assert record.__dict__["headline"] == "CRITICAL  Quality rating RED  +1 555 078 3881 (Jasper's Market)"
    assert record.__dict__["severity"] == "critical"
    assert record.__dict__["facts"]["Alert"] == "QualityRed"
    assert record.__dict__["steps"] == ["Stop campaigns.", "Find what changed."]
    assert record.__dict__["remarks"][0] == "acknowledge: wamon alerts ack 1"


def test_group_is_one_record_with_its_members_and_its_time_line(caplog: pytest.LogCaptureFixture) -> None:
    record = logged(message(transition(subject=NUMBER), transition(subject=number(1))), caplog)

    assert len(record.__dict__["members"]) == 2
    assert record.__dict__["timeline"][1] == "10:00 UTC CRITICAL  Quality rating RED  phone number 1001"


def test_resolved_alert_is_information(caplog: pytest.LogCaptureFixture) -> None:
    assert logged(message(transition(), CLOSED), caplog).levelname == "INFO"


def test_what_is_no_longer_monitored_is_information(caplog: pytest.LogCaptureFixture) -> None:
    gone = replace(CLOSED, close_reason=CloseReason.REMOVED)

    assert logged(message(transition(), gone), caplog).levelname == "INFO"


def test_log_cannot_be_written_to_twice() -> None:
    assert LogNotifier().threads is None


def test_doctor_is_told_that_nobody_is_told() -> None:
    async def scenario() -> str:
        notifier = LogNotifier()
        try:
            return await notifier.check()
        finally:
            await notifier.close()

    assert asyncio.run(scenario()) == "alerts are only logged"
