from datetime import datetime, timedelta

import pytest

from tests.fakes import START
from tests.notify.cases import NUMBER, QUALITY, WABA_ID, at, notification, snapshot, transition
from wamon.core.alerting import CloseReason, Severity, Transition, TransitionKind
from wamon.core.health import NEVER, Sighting, Snapshot, Subject
from wamon.core.ports import Message, Rule
from wamon.core.watch import PROBE_LAST_SUCCESS
from wamon.notify.message import Links, compose, duration_words, moment_words

LINKS = Links(runbooks="https://wamon.example/runbooks", page="http://127.0.0.1:9877")


def said(
    of: Transition,
    *,
    now: datetime | None = None,
    rule: Rule | None = QUALITY,
    picture: Snapshot | None = None,
    links: Links = LINKS,
) -> Message:
    picture = snapshot() if picture is None else picture
    return compose(notification(of), rule=rule, snapshot=picture, now=now or of.at, links=links)


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


def test_raise_says_from_what_and_since_when() -> None:
    message = said(transition(TransitionKind.RAISE, opened_at=at(9, 25), returns=2, ordinal=3))

    assert message.headline == "CRITICAL  Quality rating RED  +1 555 078 3881 (Jasper's Market)"
    assert message.facts[:5] == (
        ("Raised", "from WARNING"),
        ("Since", "09:25 UTC (35 min ago)"),
        ("Last confirmed", "10:00 UTC"),
        ("Seen by", "poll of the Graph API"),
        ("Came back", "2 times"),
    )


def test_raise_of_a_forgotten_rule_claims_no_severity_before() -> None:
    message = said(transition(TransitionKind.RAISE), rule=None)

    assert message.facts[0] == ("Raised", "from a lower severity")


def test_resolved_says_how_long_it_lasted_and_gives_no_orders() -> None:
    closing = transition(
        TransitionKind.CLOSE,
        when=at(12, 10),
        opened_at=at(10),
        last_confirmed_at=at(11, 40),
        returns=1,
        close_reason=CloseReason.RESOLVED,
        ordinal=4,
    )

    message = said(closing)

    assert message.text == (
        "RESOLVED after 2 h 10 min  Quality rating RED  +1 555 078 3881 (Jasper's Market)\n"
        "Fired: 10:00 UTC\n"
        "Resolved: 12:10 UTC\n"
        "Last confirmed: 11:40 UTC\n"
        "Seen by: poll of the Graph API\n"
        "Came back: once\n"
        "Alert: QualityRed\n"
        "IDs: phone_number_id=106540352242922 waba_id=102290129340398\n"
        "- Quality rating (before): RED since 09:58\n"
        "wamon: http://127.0.0.1:9877"
    )
    assert message.is_resolved


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


def test_forced_close_names_the_operator() -> None:
    closing = transition(TransitionKind.CLOSE, when=at(12), opened_at=at(10), close_reason=CloseReason.FORCED)

    message = said(closing)

    assert message.headline.startswith("CLOSED by an operator after 2 h  Quality rating RED")
    assert ("Closed", "12:00 UTC") in message.facts
    assert "resolved" not in message.text.lower()


def test_late_message_says_so_and_dates_what_is_not_today() -> None:
    message = said(transition(when=at(23, 50, day=21)), now=at(0, 20))

    assert message.facts[0] == ("Since", "2026-11-21 23:50 UTC (30 min ago)")
    assert "Slack was unreachable or wamon was stopped: this message is 30 min late" in message.remarks


def test_message_within_five_minutes_is_not_late() -> None:
    message = said(transition(), now=START + timedelta(minutes=5))

    assert message.remarks == ()


def test_possible_duplicate_is_marked() -> None:
    doubtful = notification(transition(), is_possible_duplicate=True)

    message = compose(doubtful, rule=QUALITY, snapshot=snapshot(), now=START, links=Links())

    assert message.remarks == ("possible duplicate: an earlier attempt may have arrived",)


def test_stale_subject_says_when_it_was_last_confirmed() -> None:
    later = at(10, 30)
    aged = snapshot().age(later)[0]

    message = said(transition(when=later, opened_at=at(10), last_confirmed_at=at(10)), picture=aged)

    assert message.remarks == ("cannot see it at present: last confirmed 10:00 UTC",)


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
    message = said(transition(), rule=None, links=Links())

    assert ("Alert", "QualityRating") in message.facts
    assert message.steps == ()
    assert dict(message.facts).keys().isdisjoint({"Owner", "Meaning", "Usual cause"})


def test_reference_is_the_same_at_every_attempt_and_no_other_has_it() -> None:
    opened = said(transition()).reference
    again = said(transition(), now=at(11)).reference
    raised = said(transition(TransitionKind.RAISE, ordinal=2)).reference
    second_episode = said(transition(episode=2)).reference

    assert opened == again
    assert len({opened, raised, second_episode}) == 3


def test_stamp_from_a_clock_that_went_back_makes_no_negative_age() -> None:
    closing = transition(TransitionKind.CLOSE, opened_at=at(11), close_reason=CloseReason.RESOLVED)

    message = said(closing)

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
