"""One alert in a message: what it says, and in what words."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.fakes import START
from tests.notify.cases import (
    NUMBER,
    QUALITY,
    WABA_ID,
    at,
    batch,
    open_alert,
    silence,
    snapshot,
    state_of,
    story,
    told,
    transition,
)
from wamon.core.alerting import Alert, AlertState, CloseReason, Severity, Transition, TransitionKind
from wamon.core.desk import Acknowledgement, Mute, Standing
from wamon.core.health import NEVER, Sighting, Snapshot, Subject
from wamon.core.outgoing import Message
from wamon.core.ports import Rule
from wamon.core.silences import Silence
from wamon.core.watch import PROBE_LAST_SUCCESS
from wamon.notify.details import Links
from wamon.notify.message import Composer
from wamon.notify.words import duration_words, ending_word, happened, moment_words

LINKS = Links(runbooks="https://wamon.example/runbooks", page="http://127.0.0.1:9877")
ACK = Acknowledgement(by="anna", at=at(10, 5), until=at(10, 5, day=23))


def said(
    *transitions: Transition,
    now: datetime | None = None,
    rules: Sequence[Rule] = (QUALITY,),
    picture: Snapshot | None = None,
    links: Links = LINKS,
    standing: Standing | None = None,
    silences: Sequence[Silence] = (),
    alerts: Sequence[Alert] = (),
    has_buttons: bool = True,
) -> Message:
    """The first message about one alert, of which the last of these is the news."""
    composer = Composer(rules=rules, links=links, has_buttons=has_buttons)
    state = state_of(
        *transitions,
        standings=[standing] if standing else [],
        silences=silences,
        alerts=alerts,
        picture=picture,
    )
    return composer.first(batch(told(transitions[-1])), story(*transitions), state, now or transitions[-1].at)


def held(of: Transition, **overlays: object) -> Standing:
    return replace(Standing(key=of.key, group_id=1), **overlays)  # type: ignore[arg-type]


def resolved(when: datetime | None = None, *, opened_at: datetime = START, returns: int = 0) -> Transition:
    return transition(
        TransitionKind.CLOSE,
        when=when or at(12, 10),
        opened_at=opened_at,
        last_confirmed_at=at(11, 40),
        returns=returns,
        close_reason=CloseReason.RESOLVED,
        ordinal=4,
    )


def test_open_says_everything_in_the_order_of_the_specification() -> None:
    message = said(transition())

    assert message.text == (
        "CRITICAL  Quality rating RED  +1 555 078 3881 (Jasper's Market)\n"
        "Since: 10:00 UTC\n"
        "Last confirmed: 10:00 UTC\n"
        "Seen by: poll of the Graph API\n"
        "Owner: marketing\n"
        "Meaning: Recipients dislike what this number sends.\n"
        "Usual cause: Often one campaign.\n"
        "Alert: QualityRed\n"
        f"Alert id: {transition().key[:12]}\n"
        "IDs: phone_number_id=106540352242922 waba_id=102290129340398\n"
        "- Quality rating: RED since 09:58\n"
        "1. Stop campaigns.\n"
        "2. Find what changed.\n"
        "Runbook: https://wamon.example/runbooks/QualityRed.md\n"
        "wamon: http://127.0.0.1:9877\n"
        "WhatsApp Manager: https://business.facebook.com/wa/manage/phone-numbers/?waba_id=102290129340398"
    )
    assert message.severity is Severity.CRITICAL
    assert not message.is_resolved


def test_raise_says_from_what_to_what_and_since_when() -> None:
    opened = transition(severity=Severity.WARNING, when=at(9, 25), what="Quality rating YELLOW")
    raised = transition(TransitionKind.RAISE, opened_at=at(9, 25), returns=2, ordinal=3)

    message = said(opened, raised)

    assert message.headline == "CRITICAL  Quality rating RED  +1 555 078 3881 (Jasper's Market)"
    assert message.facts[:5] == (
        ("Raised", "from WARNING to CRITICAL"),
        ("Since", "09:25 UTC (35 min ago)"),
        ("Last confirmed", "10:00 UTC"),
        ("Seen by", "poll of the Graph API"),
        ("Came back", "2 times"),
    )


def test_raise_that_has_been_taken_back_is_not_shown_as_one() -> None:
    opened = transition(severity=Severity.WARNING, when=at(9))
    raised = transition(TransitionKind.RAISE, when=at(9, 30), opened_at=at(9), ordinal=2)
    lowered = transition(TransitionKind.LOWER, Severity.WARNING, opened_at=at(9), ordinal=3)

    message = said(opened, raised, lowered)

    assert message.headline.startswith("WARNING  ")
    assert "Raised" not in dict(message.facts)


def test_raise_whose_past_is_forgotten_claims_no_severity_before() -> None:
    message = said(transition(TransitionKind.RAISE, ordinal=2))

    assert "Raised" not in dict(message.facts)


def test_resolved_says_how_long_it_lasted_and_gives_no_orders() -> None:
    message = said(resolved(returns=1))

    assert message.text == (
        "RESOLVED after 2 h 10 min  Quality rating RED  +1 555 078 3881 (Jasper's Market)\n"
        "Fired: 10:00 UTC\n"
        "Resolved: 12:10 UTC\n"
        "Last confirmed: 11:40 UTC\n"
        "Seen by: poll of the Graph API\n"
        "Came back: once\n"
        "Alert: QualityRed\n"
        f"Alert id: {transition().key[:12]}\n"
        "IDs: phone_number_id=106540352242922 waba_id=102290129340398\n"
        "- Quality rating (before): RED since 09:58\n"
        "wamon: http://127.0.0.1:9877"
    )
    assert message.is_resolved
    assert message.buttons == ()


def test_removed_is_not_called_resolved() -> None:
    closing = transition(
        TransitionKind.CLOSE, when=at(12), opened_at=at(10), close_reason=CloseReason.REMOVED, ordinal=2
    )

    message = said(closing, picture=Snapshot())

    assert message.headline == "no longer monitored after 2 h  Quality rating RED  phone number 106540352242922"
    assert message.remarks == (
        "no longer monitored: it is gone from Meta's answer or from the configuration, not known to be well",
    )
    assert message.severity is Severity.INFO
    assert not message.is_resolved
    assert "resolved" not in message.text.lower()


def test_forced_close_names_who_did_it_and_why() -> None:
    closing = transition(
        TransitionKind.CLOSE,
        when=at(12),
        opened_at=at(10),
        close_reason=CloseReason.FORCED,
        actor="anna",
        note="number is given up",
    )

    message = said(closing)

    assert message.headline.startswith("CLOSED by anna after 2 h  Quality rating RED")
    assert ("Closed", "12:00 UTC") in message.facts
    assert message.remarks == ("closed by anna: number is given up",)
    assert "resolved" not in message.text.lower()


def test_message_shows_what_is_so_when_it_is_sent() -> None:
    opened = transition(severity=Severity.WARNING, what="Quality rating YELLOW")
    worse = replace(open_alert(transition()), last_confirmed_at=at(10, 20), evidence=(("Quality rating", "RED"),))

    message = said(opened, now=at(10, 21), alerts=[worse])

    assert message.headline.startswith("CRITICAL  Quality rating RED  ")
    assert ("Last confirmed", "10:20 UTC") in message.facts
    assert message.evidence == (("Quality rating", "RED"),)


def test_late_message_says_so_and_dates_what_is_not_today() -> None:
    message = said(transition(when=at(23, 50, day=21)), now=at(0, 20))

    assert message.facts[0] == ("Since", "2026-11-21 23:50 UTC (30 min ago)")
    assert "Slack was unreachable or wamon was stopped: this message is 30 min late" in message.remarks


def test_message_within_five_minutes_is_not_late() -> None:
    message = said(transition(), now=START + timedelta(minutes=5))

    assert message.remarks == ()


@pytest.mark.parametrize("way", ["subject", "alert"])
def test_what_cannot_be_seen_says_when_it_was_last_confirmed(way: str) -> None:
    opened, later = transition(), at(10, 30)
    is_old = way == "subject"

    message = said(
        opened,
        replace(opened, kind=TransitionKind.STALE, at=later, ordinal=2),
        now=later,
        picture=snapshot().age(later)[0] if is_old else None,
        alerts=[open_alert(opened, is_stale=not is_old)],
    )

    assert "cannot see it at present: last confirmed 10:00 UTC" in message.remarks


def test_readings_that_do_not_age_do_not_make_a_subject_stale() -> None:
    probe = Subject.probe("account", Subject.waba(WABA_ID))
    success = Sighting(
        readings=(PROBE_LAST_SUCCESS.reading(probe, START),),
        observed_at=START,
        interval=timedelta(minutes=1),
        source="wamon",
    )
    picture = Snapshot().fold(success)[0]

    message = said(transition(subject=probe, when=at(12)), picture=picture)

    assert message.remarks == ()
    assert ("Seen by", "wamon itself") in message.facts


def test_forgotten_rule_leaves_its_name_and_no_advice() -> None:
    message = said(transition(), rules=(), links=Links())

    assert ("Alert", "QualityRating") in message.facts
    assert message.steps == ()
    assert dict(message.facts).keys().isdisjoint({"Owner", "Meaning", "Usual cause"})


def test_stamp_from_a_clock_that_went_back_makes_no_negative_age() -> None:
    message = said(resolved(START, opened_at=at(11)))

    assert message.headline.startswith("RESOLVED after 0 s")


def test_every_kind_of_subject_makes_a_message() -> None:
    subjects = [
        NUMBER,
        Subject.waba("9"),
        Subject.sender("9", "business", "77"),
        Subject.token("main"),
        Subject.token_asset("main", "9"),
        Subject.app("55"),
        Subject.api_version("v21.0"),
        Subject.probe("token", Subject.token("main")),
        Subject.instance(),
    ]

    pages = [dict(said(transition(subject=subject)).links) for subject in subjects]

    assert pages[4]["WhatsApp Manager"].endswith("waba_id=9")
    assert pages[5]["Meta's app dashboard"] == "https://developers.facebook.com/apps/55/"
    assert all("{" not in url for page in pages for url in page.values())


def test_name_from_meta_cannot_break_the_headline_in_two() -> None:
    picture = snapshot(verified_name="Jasper's\nRESOLVED   " + "x" * 500)

    headline = said(transition(), picture=picture).headline

    assert "\n" not in headline
    assert len(headline) < 150


# --- overlays ---------------------------------------------------------------------------------------------------------


def test_acknowledged_alert_says_by_whom_and_offers_no_second_time() -> None:
    opened = transition()

    message = said(opened, standing=held(opened, acknowledged=ACK))

    assert message.remarks == ("acknowledged by anna at 10:05 UTC",)
    assert [button.action for button in message.buttons] == ["silence_1h", "silence_4h", "silence_24h", "open"]


def test_silenced_alert_says_by_whom_until_when_and_why() -> None:
    opened = transition()

    message = said(opened, standing=held(opened, muted=Mute.SILENCED, muted_by="s1"), silences=[silence()])

    assert message.remarks == ("silenced by anna until 14:00 UTC (campaign)",)


def test_silence_that_is_over_is_not_told() -> None:
    opened = transition()

    message = said(opened, standing=held(opened, muted=Mute.SILENCED, muted_by="s1"))

    assert message.remarks == ()


def test_inhibited_alert_names_its_cause() -> None:
    opened = transition()
    cause = transition(subject=Subject.token("main"), rule="TokenInvalid", what="Access token is not valid")

    message = said(opened, standing=held(opened, muted=Mute.INHIBITED, muted_by=cause.key), alerts=[open_alert(cause)])

    assert message.remarks == ("not told by itself while its cause is open: Access token is not valid",)


@pytest.mark.parametrize(("count", "words"), [(1, "hides 1 alert"), (37, "hides 37 alerts")])
def test_cause_counts_what_it_hides(count: int, words: str) -> None:
    cause = transition()
    others = [Standing(key=f"k{index}", group_id=2, muted=Mute.INHIBITED, muted_by=cause.key) for index in range(count)]
    state = state_of(cause, standings=[*others, Standing(key="x", group_id=2, muted=Mute.INHIBITED, muted_by="y")])

    message = Composer(rules=(QUALITY,), links=LINKS, has_buttons=True).first(
        batch(told(cause)), story(cause), state, START
    )

    assert message.remarks == (words,)


def test_flapping_alert_counts_its_changes_and_is_not_over_while_it_is_held() -> None:
    opened = transition(severity=Severity.WARNING)
    recovering = replace(opened, kind=TransitionKind.RECOVERING, at=at(10, 30), ordinal=2)
    returned = replace(opened, kind=TransitionKind.RETURNED, at=at(11), ordinal=3)
    closing = replace(resolved(at(11, 30)), severity=Severity.WARNING)

    message = said(opened, recovering, returned, closing, now=at(12), standing=held(opened, flapping_since=at(11)))

    assert message.headline.startswith("WARNING  Quality rating RED")
    assert "flapping, 3 changes in 2 h: held as firing until it calms" in message.remarks


def test_flapping_alert_whose_past_is_told_elsewhere_counts_nothing() -> None:
    opened = transition(severity=Severity.WARNING)

    message = said(opened, standing=held(opened, flapping_since=START))

    assert message.remarks == ("flapping: held as firing until it calms",)


# --- what the reader can do -------------------------------------------------------------------------------------------


def test_buttons_act_on_the_group_and_open_the_page() -> None:
    message = said(transition())

    assert [(button.action, button.value, button.url) for button in message.buttons] == [
        ("acknowledge", "1", None),
        ("silence_1h", "1", None),
        ("silence_4h", "1", None),
        ("silence_24h", "1", None),
        ("open", "1", "http://127.0.0.1:9877"),
    ]


def test_page_that_is_not_set_has_no_button() -> None:
    message = said(transition(), links=Links())

    assert "open" not in [button.action for button in message.buttons]


def test_commands_stand_where_there_are_no_buttons() -> None:
    matchers = f"--match rule=QualityRating --match phone_number_id=106540352242922 --match waba_id={WABA_ID}"

    message = said(transition(), has_buttons=False)

    assert message.buttons == ()
    assert message.remarks == (
        "acknowledge: wamon alerts ack 1",
        f'silence: wamon alerts silence {matchers} --for 4h --reason "..."',
    )


def test_name_in_a_command_cannot_become_another_command() -> None:
    hostile = Subject.template(WABA_ID, "x; rm -rf ~", "en")

    message = said(transition(subject=hostile), has_buttons=False)

    assert "--match 'template=x; rm -rf ~'" in message.remarks[-1]


def test_what_is_over_needs_no_commands() -> None:
    assert said(resolved(), has_buttons=False).remarks == ()


def test_rehearsal_says_that_nothing_is_wrong_and_can_be_acknowledged() -> None:
    opened = transition(is_rehearsal=True, actor="anna")

    message = said(opened)

    assert message.headline.startswith("rehearsal  CRITICAL  Quality rating RED")
    assert message.remarks == ("rehearsal: nothing is wrong, asked for by anna",)
    assert message.buttons[0].action == "acknowledge"


def test_rehearsal_hides_nothing_real_by_its_command() -> None:
    message = said(transition(is_rehearsal=True), has_buttons=False)

    assert message.remarks[0] == "rehearsal: nothing is wrong, somebody tries out this way"
    assert "--match rehearsal=true" in message.remarks[-1]


def test_message_after_a_lost_one_says_so() -> None:
    opened = transition()
    composer = Composer(rules=(QUALITY,), links=LINKS, has_buttons=True)
    lost = batch(told(opened), lost=True)

    first = composer.first(lost, story(opened), state_of(opened), START)
    again = composer.root(lost.thread, story(opened), state_of(opened), START)

    remark = "an earlier message about this was deleted or cannot be edited any more"
    assert first.remarks == again.remarks == (remark,)


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (timedelta(seconds=-5), "0 s"),
        (timedelta(0), "0 s"),
        (timedelta(seconds=40.9), "40 s"),
        (timedelta(minutes=5, seconds=3), "5 min 3 s"),
        (timedelta(hours=2, seconds=5), "2 h"),
        (timedelta(hours=2, minutes=10, seconds=59), "2 h 10 min"),
        (timedelta(days=3, hours=4, minutes=59), "3 d 4 h"),
        (timedelta(days=3, minutes=59), "3 d"),
    ],
)
def test_duration_in_words(duration: timedelta, words: str) -> None:
    assert duration_words(duration) == words


def test_moment_in_words() -> None:
    assert moment_words(at(9, 5), at(23)) == "09:05 UTC"
    assert moment_words(at(9, 5, day=21), at(9, 5)) == "2026-11-21 09:05 UTC"
    assert moment_words(NEVER, at(9)).startswith("9999-")


@pytest.mark.parametrize(
    ("reasons", "word"),
    [
        ([CloseReason.RESOLVED, CloseReason.RESOLVED], "RESOLVED after 5 min"),
        ([CloseReason.REMOVED, CloseReason.REMOVED], "no longer monitored after 5 min"),
        ([CloseReason.FORCED], "CLOSED by an operator after 5 min"),
        ([CloseReason.RESOLVED, CloseReason.REMOVED], "OVER after 5 min"),
    ],
)
def test_only_what_was_seen_to_be_well_is_called_resolved(reasons: list[CloseReason], word: str) -> None:
    closes = [transition(TransitionKind.CLOSE, close_reason=reason) for reason in reasons]

    assert ending_word(closes, lasted=timedelta(minutes=5)) == word


@pytest.mark.parametrize("kind", TransitionKind)
def test_every_transition_has_words_for_a_time_line(kind: TransitionKind) -> None:
    words = happened(transition(kind, close_reason=CloseReason.RESOLVED, actor="anna", note="why"))

    assert words.strip()
    assert words != str(kind)


def test_recovering_alert_stays_in_the_headline() -> None:
    opened = transition()
    recovering = replace(opened, kind=TransitionKind.RECOVERING, at=at(10, 30), ordinal=2)

    message = said(opened, recovering, alerts=[open_alert(opened, state=AlertState.RECOVERING)])

    assert message.headline.startswith("CRITICAL  ")
    assert message.timeline == (("10:00 UTC", "CRITICAL  Quality rating RED"), ("10:30 UTC", "seems to recover"))
