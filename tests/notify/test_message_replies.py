"""What a batch adds: its news as an answer, what it reminds of, why it comes only now, and what is about no group."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.fakes import START
from tests.notify.cases import QUALITY, at, batch, number, open_alert, silence, state_of, story, told, transition
from wamon.core.alerting import CloseReason, Severity, Transition, TransitionKind
from wamon.core.desk import NO_GROUP, Acknowledgement, AnnouncementKind, Mute, Standing
from wamon.core.outgoing import Message, Notification
from wamon.core.state import State
from wamon.notify.details import Links
from wamon.notify.message import Composer

WHO = "+1 555 078 3881 (Jasper's Market)"
CALL = "<!subteam^S1>"
WORDS = Composer(rules=(QUALITY,), links=Links(), mention=CALL, has_buttons=True)
OPENED = transition(severity=Severity.WARNING, what="Quality rating YELLOW")
RAISED = transition(TransitionKind.RAISE, when=at(10, 5), opened_at=START, ordinal=2)
CLOSED = transition(
    TransitionKind.CLOSE, when=at(12, 10), opened_at=START, close_reason=CloseReason.RESOLVED, ordinal=3
)
ACK = Acknowledgement(by="anna", at=at(10, 5), until=at(10, 5, day=23))


def replied(
    *notifications: Notification,
    past: Sequence[Transition] = (),
    state: State | None = None,
    now: datetime | None = None,
) -> Message:
    """The answer in the thread, after what had happened by then."""
    news = [each for notification in notifications for each in notification.transitions]
    tale = tuple(dict.fromkeys((*past, *news)))
    latest = max(notification.created_at for notification in notifications)
    return WORDS.reply(batch(*notifications), story(*tale), state or state_of(*tale), now or latest)


def reminder(
    kind: AnnouncementKind, *of: Transition, when: datetime, mentions: bool = False, note: str = ""
) -> Notification:
    return told(*of, kind=kind, when=when, mentions=mentions, note=note)


def other(of: Transition, index: int = 1) -> Transition:
    """The same of another number."""
    return replace(of, key=f"{index}" * 64, subject=number(index))


# --- news -------------------------------------------------------------------------------------------------------------


def test_opening_is_one_line_with_its_evidence() -> None:
    message = replied(told(OPENED))

    assert message.text == f"WARNING  Quality rating YELLOW  {WHO}\n- Quality rating: RED since 09:58"
    assert message.severity is Severity.WARNING
    assert message.mention is None


def test_rise_says_from_what_to_what() -> None:
    message = replied(told(RAISED), past=[OPENED])

    assert message.text == (
        f"CRITICAL  Quality rating RED  {WHO}\nRaised: from WARNING to CRITICAL\n- Quality rating: RED since 09:58"
    )


def test_end_says_how_long_it_lasted() -> None:
    message = replied(told(CLOSED), past=[OPENED])

    assert message.text == f"RESOLVED after 2 h 10 min  Quality rating RED  {WHO}"
    assert message.is_resolved


def test_late_news_say_when_it_happened() -> None:
    message = replied(told(RAISED), past=[OPENED], now=at(10, 40))

    assert message.timeline == (("10:05 UTC", f"CRITICAL  Quality rating RED  {WHO}"),)
    assert message.remarks == ("Slack was unreachable or wamon was stopped: this message is 35 min late",)


def test_alert_that_another_way_told_before_says_who_tells_it_now() -> None:
    message = replied(told(replace(OPENED, kind=TransitionKind.TAKEN_OVER, ordinal=2)), past=[OPENED])

    assert message.headline == f"WARNING  told by wamon from now on  Quality rating YELLOW  {WHO}"


def test_several_news_of_one_alert_are_headed_by_the_last() -> None:
    message = replied(told(OPENED, RAISED))

    assert message.headline == f"CRITICAL  Quality rating RED  {WHO}"
    assert message.timeline == (
        ("10:00 UTC", f"WARNING  Quality rating YELLOW  {WHO}"),
        ("10:05 UTC", f"CRITICAL  Quality rating RED  {WHO}"),
    )


def test_several_alerts_are_counted_and_listed_in_order_of_time() -> None:
    later = replace(other(OPENED), at=at(10, 2))

    message = replied(told(RAISED, number=1), told(later, number=2), past=[OPENED])

    assert message.headline == "CRITICAL  2 alerts: 1 opened, 1 raised"
    assert [when for when, _ in message.timeline] == ["10:02 UTC", "10:05 UTC"]


def test_several_rehearsals_never_look_real() -> None:
    played = replace(OPENED, is_rehearsal=True)
    over = replace(CLOSED, is_rehearsal=True)

    assert replied(told(played, other(played))).headline.startswith("rehearsal  WARNING  2 alerts")
    assert replied(told(over, other(over))).headline == "rehearsal  RESOLVED  2 alerts"


def test_several_ends_are_resolved_only_when_all_of_them_are() -> None:
    gone = replace(other(CLOSED), close_reason=CloseReason.REMOVED)

    well = replied(told(CLOSED, other(CLOSED)))
    mixed = replied(told(CLOSED, gone))

    assert (well.headline, well.is_resolved) == ("RESOLVED  2 alerts", True)
    assert (mixed.headline, mixed.is_resolved) == ("2 alerts: 1 resolved, 1 closed", False)


def test_flapping_is_counted_in_its_line() -> None:
    turns = [
        replace(OPENED, kind=kind, at=START + timedelta(minutes=20 * index), ordinal=index + 1)
        for index, kind in enumerate([TransitionKind.OPEN, *[TransitionKind.RECOVERING, TransitionKind.RETURNED] * 3])
    ]
    flaps = replace(OPENED, kind=TransitionKind.FLAPPING, at=at(12), ordinal=9)

    message = replied(told(flaps), past=turns)

    assert message.headline == (
        f"WARNING  flapping, 7 changes in 2 h: held as firing until it calms  Quality rating YELLOW  {WHO}"
    )
    assert message.evidence == ()


def test_flapping_is_said_first_where_there_are_no_threads() -> None:
    flaps = replace(OPENED, kind=TransitionKind.FLAPPING, at=at(12), ordinal=2)
    state = state_of(OPENED, standings=[Standing(key=OPENED.key, group_id=1, flapping_since=at(12))])

    message = WORDS.first(batch(told(flaps)), story(OPENED, flaps), state, at(12))

    assert message.headline == f"flapping: WARNING  Quality rating YELLOW  {WHO}"


def test_what_opened_and_closed_unseen_is_told_with_both_times() -> None:
    soon = replace(CLOSED, at=at(10, 9))

    late = replied(told(OPENED, soon), now=at(10, 40))
    in_time = replied(told(OPENED, soon, when=at(10, 9)), now=at(10, 9))

    assert late.headline == f"RESOLVED after 9 min  Quality rating RED  {WHO}"
    assert late.remarks == (
        f"fired 10:00 UTC, resolved 10:09 UTC, Slack was unreachable: Quality rating RED  {WHO}",
        "Slack was unreachable or wamon was stopped: this message is 31 min late",
    )
    assert in_time.remarks == (f"fired 10:00 UTC, resolved 10:09 UTC: Quality rating RED  {WHO}",)


def test_what_went_out_of_sight_unseen_is_not_called_resolved() -> None:
    gone = replace(CLOSED, at=at(10, 9), close_reason=CloseReason.REMOVED)

    message = replied(told(OPENED, gone))

    assert message.remarks == (f"fired 10:00 UTC, closed 10:09 UTC: Quality rating RED  {WHO}",)


@pytest.mark.parametrize(
    ("kind", "actor", "note", "words"),
    [
        (TransitionKind.UNSILENCED, "anna", "campaign", "a silence by anna ended 3 min ago"),
        (
            TransitionKind.UNINHIBITED,
            "",
            "Access token is not valid",
            "its cause (Access token is not valid) was over 3 min ago",
        ),
    ],
)
def test_what_was_held_back_says_by_what(kind: TransitionKind, actor: str, note: str, words: str) -> None:
    let_go = replace(OPENED, kind=kind, at=at(11), ordinal=2, actor=actor, note=note)

    message = replied(told(OPENED, when=at(11, 1)), past=[OPENED, let_go], now=at(11, 3))

    assert message.remarks == (words,)


def test_old_news_that_nothing_held_back_says_how_old_it_is() -> None:
    message = replied(told(OPENED, when=at(11)))

    assert message.remarks == ("not told here before: it has been open for 1 h",)


def test_end_of_a_silence_before_the_news_does_not_explain_it() -> None:
    let_go = replace(OPENED, kind=TransitionKind.UNSILENCED, at=at(9), actor="anna")

    assert replied(told(OPENED), past=[let_go]).remarks == ()


# --- reminders --------------------------------------------------------------------------------------------------------


def test_repeat_says_that_it_still_fires_and_for_how_long() -> None:
    message = replied(reminder(AnnouncementKind.REPEAT, OPENED, when=at(14)))

    assert message.headline == f"still firing after 4 h: WARNING  Quality rating YELLOW  {WHO}"
    assert ("Since", "10:00 UTC (4 h ago)") in message.facts
    assert message.evidence == OPENED.evidence


def test_repeat_shows_the_severity_of_now() -> None:
    state = state_of(OPENED, alerts=[open_alert(RAISED)])

    message = replied(reminder(AnnouncementKind.REPEAT, OPENED, when=at(14)), state=state)

    assert message.headline.startswith("still firing after 4 h: CRITICAL  Quality rating RED")


def test_repeat_of_several_lists_them() -> None:
    message = replied(reminder(AnnouncementKind.REPEAT, OPENED, other(OPENED), when=at(14)))

    assert message.headline.startswith("still firing after 4 h: WARNING  Quality rating YELLOW  2 phone numbers of ")
    assert len(message.members) == 2


def test_reminder_of_what_has_ended_meanwhile_claims_nothing() -> None:
    late = reminder(AnnouncementKind.REPEAT, OPENED, when=at(14))

    message = WORDS.reply(batch(late), story(OPENED, CLOSED), state_of(OPENED, CLOSED), at(14))

    assert message.headline == f"RESOLVED after 2 h 10 min  Quality rating RED  {WHO}"
    assert message.evidence == ()


def test_escalation_calls_people_and_says_for_how_long_nobody_answered() -> None:
    state = state_of(RAISED, standings=[Standing(key=RAISED.key, group_id=1, critical_since=at(10, 5))])
    due = reminder(AnnouncementKind.ESCALATION, RAISED, when=at(10, 20), mentions=True)

    message = replied(due, past=[OPENED], state=state)

    assert message.headline == f"not acknowledged: CRITICAL  Quality rating RED  {WHO}"
    assert message.remarks == ("nobody has acknowledged for 15 min",)
    assert message.mention == CALL


def test_escalation_that_was_answered_meanwhile_calls_nobody() -> None:
    state = state_of(RAISED, standings=[Standing(key=RAISED.key, group_id=1, acknowledged=ACK)])
    due = reminder(AnnouncementKind.ESCALATION, RAISED, when=at(10, 20), mentions=True)

    message = replied(due, past=[OPENED], state=state)

    assert message.headline == f"CRITICAL  Quality rating RED  {WHO}"
    assert message.remarks == ("acknowledged by anna at 10:05 UTC",)
    assert message.mention is None


def test_escalation_of_what_is_over_calls_nobody() -> None:
    due = reminder(AnnouncementKind.ESCALATION, RAISED, when=at(12, 11), mentions=True)

    message = WORDS.reply(batch(due), story(OPENED, RAISED, CLOSED), state_of(CLOSED), at(12, 11))

    assert message.mention is None
    assert message.remarks == ()


def test_nobody_is_called_where_no_mention_is_configured() -> None:
    words = Composer(rules=(QUALITY,), links=Links())
    due = reminder(AnnouncementKind.ESCALATION, RAISED, when=at(10, 20), mentions=True)

    assert words.reply(batch(due), story(RAISED), state_of(RAISED), at(10, 20)).mention is None


def test_silence_says_by_whom_until_when_and_why() -> None:
    muted = Standing(key=OPENED.key, group_id=1, muted=Mute.SILENCED, muted_by="s1")
    state = state_of(OPENED, standings=[muted], silences=[silence()])

    message = replied(reminder(AnnouncementKind.SILENCED, OPENED, when=at(10, 1), note="s1"), state=state)

    assert message.headline == f"silenced: WARNING  Quality rating YELLOW  {WHO}"
    assert message.remarks == ("silenced by anna until 14:00 UTC (campaign)",)


def test_silence_that_has_ended_meanwhile_says_so() -> None:
    began = replace(OPENED, kind=TransitionKind.SILENCED, at=at(10, 1), ordinal=2, actor="anna", note="campaign")
    due = reminder(AnnouncementKind.SILENCED, OPENED, when=at(10, 1), note="s1")

    message = replied(due, past=[OPENED, began], now=at(10, 2))
    forgotten = replied(due, now=at(10, 2))

    assert message.remarks == ("silenced by anna (campaign); that has ended",)
    assert forgotten.remarks == ("silenced for a while",)


def test_expired_acknowledgement_asks_who_gave_it() -> None:
    taken = replace(OPENED, kind=TransitionKind.ACKNOWLEDGED, at=at(10, 1), ordinal=2, actor="anna")

    message = replied(reminder(AnnouncementKind.ACK_EXPIRED, OPENED, when=at(10, 1, day=23)), past=[OPENED, taken])

    assert message.headline.startswith("acknowledgement expired: WARNING  ")
    assert message.remarks[0] == "the acknowledgement of anna has expired: is somebody still working on it?"


def test_what_was_carried_over_a_stop_says_from_when_to_when() -> None:
    due = reminder(AnnouncementKind.CARRIED, OPENED, other(OPENED), when=at(12), note=at(11).isoformat())

    message = replied(due)

    assert message.headline.startswith("carried over: WARNING  ")
    assert message.remarks[0] == (
        "wamon was stopped from 11:00 UTC to 12:00 UTC; these alerts were open and are being looked at again"
    )


def test_stop_of_unknown_length_is_told_all_the_same() -> None:
    message = replied(reminder(AnnouncementKind.CARRIED, OPENED, when=at(12), note="?"))

    assert message.remarks[0] == ("wamon was stopped until 12:00 UTC; this alert was open and is being looked at again")


def test_news_beside_a_reminder_come_first() -> None:
    due = reminder(AnnouncementKind.ESCALATION, RAISED, when=at(10, 20), mentions=True)

    message = replied(told(other(OPENED), number=2), due, past=[OPENED, RAISED], now=at(10, 20))

    assert message.headline == "WARNING  Quality rating YELLOW  phone number 1001"
    assert "nobody has acknowledged for 20 min" in message.remarks
    assert message.mention == CALL


def test_reminder_of_a_forgotten_group_makes_a_message_all_the_same() -> None:
    due = reminder(AnnouncementKind.REPEAT, OPENED, when=at(14))

    message = WORDS.reply(batch(due), story(), State(), at(14))

    assert message.headline == "nothing is open any more"


def test_reminder_where_there_are_no_threads_is_the_whole_message() -> None:
    due = reminder(AnnouncementKind.REPEAT, OPENED, when=at(14))

    message = WORDS.first(batch(due), story(OPENED), state_of(OPENED), at(14))

    assert message.headline.startswith("still firing after 4 h: ")
    assert message.data["kind"] == ["repeat"]
    assert message.data["headline"] == message.headline
    assert message.steps == QUALITY.steps


# --- about no group ---------------------------------------------------------------------------------------------------


def alone(kind: AnnouncementKind, *, note: str = "", late: timedelta = timedelta(0)) -> Message:
    return WORDS.alone(batch(told(kind=kind, note=note)), State(), START + late)


def test_test_says_that_the_receiver_works_and_who_asked() -> None:
    message = alone(AnnouncementKind.TEST, note="anna")

    assert message.text == "wamon test message: this receiver works\nasked for by anna"
    assert message.severity is Severity.INFO
    assert (message.data["kind"], message.data["group"]) == (["test"], None)


def test_test_that_comes_late_says_so() -> None:
    message = alone(AnnouncementKind.TEST, late=timedelta(minutes=31))

    assert message.remarks == ("Slack was unreachable or wamon was stopped: this message is 31 min late",)


def hidden(count: int) -> tuple[Notification, State]:
    """That many critical alerts under one silence."""
    muted = [replace(transition(subject=number(index)), group_id=1) for index in range(count)]
    standings = [Standing(key=each.key, group_id=1, muted=Mute.SILENCED, muted_by="s1") for each in muted]
    due = replace(told(*muted, kind=AnnouncementKind.SILENCED_DIGEST), group_id=NO_GROUP)
    return due, state_of(*muted, standings=standings, silences=[silence()])


def test_digest_of_what_is_silenced_says_by_whom_and_until_when() -> None:
    due, state = hidden(1)

    message = WORDS.alone(batch(due), state, START)

    assert message.headline == "1 critical alert is open and silenced"
    (line,) = (text for _, _, text in message.members)
    assert line == "CRITICAL  Quality rating RED  phone number 1000: silenced by anna until 14:00 UTC (campaign)"


def test_long_digest_counts_the_rest() -> None:
    due, state = hidden(14)

    message = WORDS.alone(batch(due), state, START)

    assert message.headline == "14 critical alerts are open and silenced"
    assert message.members[-1][2] == "and 4 more: wamon alerts silences"


def test_digest_of_what_is_no_longer_silenced_hides_nothing() -> None:
    due, state = hidden(2)

    message = WORDS.alone(batch(due), replace(state, alerts={}), START)

    assert message.headline == "no critical alert is silenced any more"


def test_weekly_digest_is_told_section_by_section() -> None:
    sections = [["Alerts", ["2 opened", "1 resolved"]], ["Time left", []]]

    message = alone(AnnouncementKind.WEEKLY_DIGEST, note=json.dumps({"period": "a week", "sections": sections}))

    assert message.headline == "wamon, a week"
    assert message.facts == (("Alerts", "2 opened\n1 resolved"),)


@pytest.mark.parametrize(
    ("note", "words"),
    [
        ('{"period": "a week", "sections": []}', "wamon, a week\nthere is nothing to tell"),
        ("", "wamon's weekly digest could not be read"),
        ("[]", "wamon's weekly digest could not be read"),
        ('{"period": "a week", "sections": 1}', "wamon's weekly digest could not be read"),
    ],
)
def test_empty_or_unreadable_weekly_digest_is_tolerated(note: str, words: str) -> None:
    assert alone(AnnouncementKind.WEEKLY_DIGEST, note=note).text == words
