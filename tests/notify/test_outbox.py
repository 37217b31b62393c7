import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes import START
from tests.notify.cases import NUMBER, number, transition
from tests.notify.desk import Desk, Pigeon, at_desk, closed, opened, whos
from wamon.core.alerting import Severity
from wamon.core.desk import AnnouncementKind
from wamon.core.errors import DeliveryDeferred, DeliveryRejected
from wamon.core.outgoing import Message, Receipt
from wamon.notify import MessageRejected
from wamon.notify.message import Composer

DOWN = DeliveryDeferred("Slack cannot be reached: Connection refused")
ARCHIVED = DeliveryRejected("Slack refused (is_archived): unarchive it", reason="is_archived")
LOST = DeliveryDeferred("Slack did not answer: timed out", may_have_arrived=True)
UNSPEAKABLE = MessageRejected("Slack refused (invalid_blocks): report it", reason="invalid_blocks")


# --- what is owed arrives ---------------------------------------------------------------------------------------------


def test_what_is_owed_is_sent_once_and_then_nothing_is_left(tmp_path: Path) -> None:
    pigeon = Pigeon()

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(), opened(1))
        desk.clock.advance(2)

        assert await desk.outbox.deliver_due() is None
        assert await desk.outbox.deliver_due() is None

        assert whos(pigeon.carried) == ["CRITICAL 1000", "CRITICAL 1001"]
        assert desk.recorder.outcomes == [("slack_bot", "delivered")] * 2
        assert desk.recorder.delays == [2.0, 2.0]
        assert desk.recorder.possible_duplicates == 0
        assert (desk.recorder.figures.due, desk.recorder.figures.dead) == (0, 0)

    at_desk(tmp_path, scenario, pigeon)


def test_message_is_rendered_when_it_is_sent(tmp_path: Path) -> None:
    pigeon = Pigeon()

    async def scenario(desk: Desk) -> None:
        await desk.owe(replace(transition(subject=NUMBER), group_id=1))
        desk.clock.advance(1860)

        await desk.outbox.deliver_due()

        (message,) = pigeon.carried
        assert "(Jasper's Market)" in message.headline
        assert message.remarks[0].endswith("this message is 31 min late")

    at_desk(tmp_path, scenario, pigeon)


def test_each_receiver_gets_its_own(tmp_path: Path) -> None:
    bot, webhook = Pigeon("slack_bot"), Pigeon("slack_webhook")

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(), opened(1), receivers=("slack_bot", "slack_webhook"))

        await desk.outbox.deliver_due()

        assert len(bot.carried) == len(webhook.carried) == 2

    at_desk(tmp_path, scenario, bot, webhook)


def test_what_waits_about_one_group_goes_out_in_one_message_and_groups_apart(tmp_path: Path) -> None:
    pigeon = Pigeon()

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(0, group=1), opened(1, group=1), opened(2, group=2))

        await desk.outbox.deliver_due()

        assert [message.headline for message in pigeon.carried] == [
            "CRITICAL  Quality rating RED  2 phone numbers",
            "CRITICAL  Quality rating RED  phone number 1002",
        ]

    at_desk(tmp_path, scenario, pigeon)


def test_what_fired_and_ended_while_nobody_could_be_told_is_told_in_one_message(tmp_path: Path) -> None:
    pigeon = Pigeon()
    pigeon.fate = dict.fromkeys(range(1, 9), DOWN)

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())
        await desk.live(timedelta(minutes=1))
        await desk.owe(closed(when=desk.clock.now()))

        await desk.live(timedelta(minutes=9))

        (message,) = pigeon.carried
        assert message.headline.startswith("RESOLVED after 1 min  Quality rating RED")
        assert [what.split()[0] for _, what in message.timeline] == ["CRITICAL", "RESOLVED"]
        assert (desk.recorder.figures.due, desk.recorder.figures.dead) == (0, 0)

    at_desk(tmp_path, scenario, pigeon)


def test_end_never_overtakes_what_is_still_being_told(tmp_path: Path) -> None:
    pigeon = Pigeon()
    pigeon.fate = {1: LOST}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())
        await desk.outbox.deliver_due()
        await desk.owe(closed(when=desk.clock.now()))

        await desk.live(timedelta(minutes=1))

        again, after = pigeon.carried
        assert "possible duplicate" in again.remarks[-1]
        assert "possible duplicate" not in str(after.remarks)

    at_desk(tmp_path, scenario, pigeon)


def test_what_belongs_to_no_group_is_a_message_each(tmp_path: Path) -> None:
    pigeon = Pigeon()

    async def scenario(desk: Desk) -> None:
        await desk.owe(kind=AnnouncementKind.TEST, note="anna")
        await desk.outbox.deliver_due()
        await desk.owe(kind=AnnouncementKind.TEST, note="ben")

        await desk.outbox.deliver_due()

        assert [message.remarks for message in pigeon.carried] == [("asked for by anna",), ("asked for by ben",)]

    at_desk(tmp_path, scenario, pigeon)


def test_receiver_gets_a_short_burst_and_then_one_a_second(tmp_path: Path) -> None:
    pigeon = Pigeon()

    async def scenario(desk: Desk) -> None:
        sent_at: list[float] = []
        pigeon.on_send = lambda: sent_at.append((desk.clock.now() - START).total_seconds())
        await desk.owe(*(opened(index) for index in range(6)))
        await desk.outbox.deliver_due()
        desk.clock.advance(1.5)
        await desk.owe(*(opened(index) for index in range(6, 9)))

        await desk.outbox.deliver_due()

        assert sent_at == [0, 0, 0, 1, 2, 3, 4.5, 5, 6]

    at_desk(tmp_path, scenario, pigeon)


def test_what_waits_and_what_is_being_sent_is_shown_while_it_is_sent(tmp_path: Path) -> None:
    pigeon = Pigeon()

    async def scenario(desk: Desk) -> None:
        shown: list[tuple[int, int]] = []
        pigeon.on_send = lambda: shown.append((desk.recorder.figures.due, desk.recorder.figures.sending))
        await desk.owe(opened(0), opened(1))

        await desk.outbox.deliver_due()

        assert shown == [(1, 1), (0, 1)]
        assert desk.recorder.figures.sending == 0

    at_desk(tmp_path, scenario, pigeon)


# --- tried again ------------------------------------------------------------------------------------------------------


def test_failure_is_tried_again_with_growing_waits(tmp_path: Path) -> None:
    pigeon = Pigeon()
    pigeon.fate = {None: DOWN}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())

        waits = []
        for _ in range(12):
            due_at = await desk.outbox.deliver_due()
            assert due_at is not None
            waits.append((due_at - desk.clock.now()).total_seconds())
            desk.clock.advance(waits[-1])

        assert waits == [0.5, 1, 2, 4, 8, 16, 32, 64, 128, 150, 150, 150]
        assert desk.recorder.outcomes == [("slack_bot", "deferred")] * 12

    at_desk(tmp_path, scenario, pigeon)


def test_rate_limit_is_waited_out_exactly_by_all_of_its_receiver_and_by_no_other(tmp_path: Path) -> None:
    limited, free = Pigeon("slack_bot"), Pigeon("slack_webhook")
    limited.fate = {1: DeliveryDeferred("Slack asks to wait 3600 s", retry_after=timedelta(seconds=3600))}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(), opened(1), receivers=("slack_bot", "slack_webhook"))

        due_at = await desk.outbox.deliver_due()

        assert due_at == START + timedelta(seconds=3600.5)
        assert (len(limited.tried), len(free.carried)) == (1, 2)
        desk.clock.advance(3600)
        await desk.outbox.deliver_due()
        assert len(limited.tried) == 1
        desk.clock.advance(0.5)
        assert await desk.outbox.deliver_due() is None
        assert whos(limited.carried) == ["CRITICAL 1000", "CRITICAL 1001"]

    at_desk(tmp_path, scenario, limited, free)


def test_receiver_with_much_to_wait_for_does_not_hide_the_others(tmp_path: Path) -> None:
    limited, free = Pigeon("slack_bot"), Pigeon("slack_webhook")
    limited.fate = {1: DeliveryDeferred("Slack asks to wait 60 s", retry_after=timedelta(seconds=60))}

    async def scenario(desk: Desk) -> None:
        await desk.owe(*(opened(index) for index in range(150)))
        await desk.outbox.deliver_due()
        await desk.owe(opened(999), receivers=("slack_webhook",))

        await desk.outbox.deliver_due()

        assert len(free.carried) == 1

    at_desk(tmp_path, scenario, limited, free)


def test_message_that_slack_chokes_on_holds_up_nobody(tmp_path: Path) -> None:
    class Choking(Pigeon):
        async def send(self, message: Message) -> Receipt:
            if "1000" in message.headline or "1001" in message.headline:
                self.tried.append(message)
                raise DeliveryDeferred("Slack is in trouble (internal_error)")
            return await super().send(message)

    pigeon = Choking()

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(0), opened(1))
        await desk.live(timedelta(minutes=20))
        await desk.owe(*(opened(index, when=desk.clock.now()) for index in range(2, 6)))

        await desk.live(timedelta(minutes=6))

        assert whos(pigeon.carried) == ["CRITICAL 1002", "CRITICAL 1003", "CRITICAL 1004", "CRITICAL 1005"]

    at_desk(tmp_path, scenario, pigeon)


def test_outage_costs_two_attempts_a_round_however_much_waits(tmp_path: Path) -> None:
    pigeon = Pigeon()
    pigeon.fate = {None: DOWN}

    async def scenario(desk: Desk) -> None:
        await desk.owe(*(opened(index) for index in range(50)))

        await desk.outbox.deliver_due()

        assert len(pigeon.tried) == 2

    at_desk(tmp_path, scenario, pigeon)


def test_warning_is_given_up_after_a_day_and_a_critical_never(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pigeon = Pigeon()
    pigeon.fate = {None: DOWN}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(0, Severity.CRITICAL), opened(1, Severity.WARNING))

        await desk.live(timedelta(hours=23, minutes=50))
        assert desk.recorder.figures.dead == 0
        await desk.live(timedelta(hours=24))

        (letter,) = await desk.store.dead_letters()
        assert letter.notification.transitions[0].severity is Severity.WARNING
        assert letter.reason == "given up after a day: Slack cannot be reached: Connection refused"
        assert desk.recorder.figures.due == 1

    at_desk(tmp_path, scenario, pigeon)

    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.getMessage() == "notification given up"
    assert record.__dict__["told"] == [f"warning open: Quality rating RED: {number(1)}"]


def test_warning_is_not_given_up_for_its_age_alone(tmp_path: Path) -> None:
    pigeon = Pigeon()
    pigeon.fate = {None: DOWN}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(severity=Severity.WARNING))
        desk.clock.step(timedelta(days=3).total_seconds())

        await desk.live(timedelta(seconds=200))
        assert (len(pigeon.tried), desk.recorder.figures.dead) == (9, 0)
        await desk.live(timedelta(minutes=10))

        assert (len(pigeon.tried), desk.recorder.figures.dead) == (10, 1)

    at_desk(tmp_path, scenario, pigeon)


def test_outage_is_logged_when_it_begins_and_when_it_ends(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="wamon.notify")
    pigeon = Pigeon()
    pigeon.fate = {1: DOWN, 2: DOWN, 3: DOWN}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())
        await desk.live(timedelta(hours=1))

    at_desk(tmp_path, scenario, pigeon)

    assert [record.getMessage() for record in caplog.records] == ["notification deferred", "notifications arrive again"]


# --- what a human must mend -------------------------------------------------------------------------------------------


def test_refusal_of_the_receiver_waits_for_a_human_and_is_a_problem_until_something_arrives(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pigeon = Pigeon()
    pigeon.fate = {1: ARCHIVED, 2: ARCHIVED}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())

        assert await desk.outbox.deliver_due() == START + timedelta(minutes=5)

        assert list(desk.outbox.problems) == ["slack_bot: Slack refused (is_archived): unarchive it"]
        assert desk.recorder.outcomes == [("slack_bot", "deferred")]
        assert (desk.recorder.figures.due, desk.recorder.figures.dead) == (1, 0)
        await desk.live(timedelta(minutes=10))
        assert whos(pigeon.carried) == ["CRITICAL 1000"]
        assert pigeon.carried[0].remarks[-1].endswith("10 min late")
        assert not desk.outbox.problems

    at_desk(tmp_path, scenario, pigeon)

    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.getMessage() == "notifications are refused"
    assert record.__dict__["reason"] == "Slack refused (is_archived): unarchive it"
    assert "waba_id=102290129340398" in record.__dict__["told"][0]


def test_refusal_of_the_receiver_costs_two_attempts_a_round_however_much_waits(tmp_path: Path) -> None:
    pigeon = Pigeon()
    pigeon.fate = {None: ARCHIVED}

    async def scenario(desk: Desk) -> None:
        await desk.owe(*(opened(index) for index in range(50)))

        await desk.live(timedelta(minutes=14))

        assert len(pigeon.tried) == 6

    at_desk(tmp_path, scenario, pigeon)


def test_refused_warning_is_given_up_after_a_day_and_a_critical_never(tmp_path: Path) -> None:
    pigeon = Pigeon()
    pigeon.fate = {None: ARCHIVED}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(0, Severity.CRITICAL), opened(1, Severity.WARNING))

        await desk.live(timedelta(hours=25))

        (letter,) = await desk.store.dead_letters()
        assert letter.notification.transitions[0].severity is Severity.WARNING
        assert desk.recorder.figures.due == 1

    at_desk(tmp_path, scenario, pigeon)


def test_message_that_is_at_fault_itself_is_a_dead_letter_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pigeon = Pigeon()
    pigeon.fate = {1: UNSPEAKABLE}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened())

        assert await desk.outbox.deliver_due() is None

        assert list(desk.outbox.problems) == ["slack_bot: Slack refused (invalid_blocks): report it"]
        assert desk.recorder.outcomes == [("slack_bot", "rejected")]
        assert desk.recorder.figures.dead == 1
        await desk.owe(opened(1))
        await desk.outbox.deliver_due()
        assert not desk.outbox.problems

    at_desk(tmp_path, scenario, pigeon)

    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.__dict__["reason"] == "Slack refused (invalid_blocks): report it"


def test_message_that_wamon_fails_on_is_logged_and_does_not_stop_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pigeon = Pigeon()
    pigeon.fate = {1: ZeroDivisionError("a fault of ours")}

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(), opened(1))

        await desk.live(timedelta(minutes=1))

        assert whos(pigeon.carried) == ["CRITICAL 1001", "CRITICAL 1000"]
        assert "possible duplicate" in pigeon.carried[1].remarks[-1]

    at_desk(tmp_path, scenario, pigeon)

    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.exc_info is not None


def test_message_that_wamon_finds_no_words_for_holds_up_no_other_and_was_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pigeon = Pigeon()

    async def scenario(desk: Desk) -> None:
        await desk.owe(opened(), opened(1))
        with monkeypatch.context() as patch:
            patch.delattr(Composer, "first")
            await desk.outbox.deliver_due()

        await desk.live(timedelta(minutes=1))

        assert sorted(whos(pigeon.tried)) == ["CRITICAL 1000", "CRITICAL 1001"]
        assert [message.remarks for message in pigeon.tried] == [(), ()]

    at_desk(tmp_path, scenario, pigeon)
