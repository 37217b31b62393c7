"""The verdict: the worst that is known, and never good where nobody has looked."""

import time
from dataclasses import replace
from datetime import timedelta

from tests.metrics.samples import alert
from tests.picture.stage import number, scene, target, told
from wamon.core.alerting import AlertState, Severity
from wamon.core.health import Subject
from wamon.core.vocabulary import OTHER
from wamon.picture.overview import overview
from wamon.picture.scene import Scene
from wamon.picture.values import Health, Mood, Overview, Query
from wamon.probes.account import WABA_STATUS

WELL = Health(is_healthy=True)
NUMBER = Subject.phone_number("100", "200")
GREEN = told(target(), number("200"), number("201"))


def shown(of: Scene, *, health: Health = WELL) -> Overview:
    return overview(of, Query(), health=health, version="1.2.3")


def test_all_can_send_and_nothing_open_is_good() -> None:
    picture = shown(scene(*GREEN))

    assert (picture.mood, picture.verdict) == (Mood.GOOD, "All 2 numbers can send, and no alert is open.")


def test_notice_alone_needs_nobody_and_is_told() -> None:
    picture = shown(scene(*GREEN, alerts=[alert(severity=Severity.INFO, subject=NUMBER, what="Limit fell")]))

    assert (picture.mood, picture.verdict) == (Mood.GOOD, "All 2 numbers can send, and 1 notice is open.")
    assert picture.reasons == ("info: Limit fell",)


def test_number_that_cannot_send_comes_before_every_alert() -> None:
    readings = told(target(), number("200", can_send="BLOCKED"), number("201"), number("202", status="BANNED"))

    picture = shown(scene(*readings, alerts=[alert(subject=NUMBER)]))

    assert (picture.mood, picture.verdict, picture.cannot_send) == (Mood.BAD, "2 of 3 numbers cannot send.", 2)


def test_critical_alert_comes_before_warnings() -> None:
    alerts = [
        alert("a", severity=Severity.WARNING, subject=NUMBER, what="Quality rating YELLOW"),
        alert("b", severity=Severity.WARNING, subject=NUMBER, what="Quality rating YELLOW"),
        alert("c", severity=Severity.CRITICAL, subject=NUMBER, what="Access token is not valid"),
    ]

    picture = shown(scene(*GREEN, alerts=alerts))
    without = shown(scene(*GREEN, alerts=alerts[:2]))

    assert (picture.mood, picture.verdict) == (Mood.BAD, "1 critical alert is open.")
    assert picture.reasons == ("critical: Access token is not valid", "warning: Quality rating YELLOW (2 times)")
    assert (without.mood, without.verdict) == (Mood.WATCH, "2 warnings are open; every known number can send.")


def test_alert_that_is_only_pending_or_rehearsed_is_none() -> None:
    pending = alert("a", state=AlertState.PENDING, subject=NUMBER)

    rehearsed = replace(alert("b", subject=NUMBER), is_rehearsal=True)

    assert shown(scene(*GREEN, alerts=[pending, rehearsed])).mood is Mood.GOOD


def test_account_that_never_answered_is_no_good_news() -> None:
    picture = shown(scene(*GREEN, accounts=(target(), target("101", name="other"))))

    assert picture.mood is Mood.UNKNOWN
    assert picture.verdict == "1 of 2 accounts cannot be seen now: nobody knows how it is there."


def test_account_that_has_not_answered_lately_is_no_good_news() -> None:
    on_time, late = (shown(scene(*GREEN, later=timedelta(minutes=minutes))) for minutes in (14, 16))

    assert on_time.mood is Mood.GOOD
    assert late.mood is Mood.UNKNOWN
    assert late.verdict == "The only account cannot be seen now: nobody knows how it is there."


def test_account_that_nobody_sees_hides_no_number_that_is_known_to_be_bad() -> None:
    readings = told(target(), number("200", quality_rating="RED"), number("201"))

    picture = shown(scene(*readings, accounts=(target(), target("101", name="other"))))

    assert (picture.mood, picture.verdict) == (
        Mood.BAD,
        "No alert is open, but 1 of 2 numbers needs a look; 1 of 2 accounts cannot be seen now.",
    )


def test_account_of_which_meta_says_a_foreign_word_is_no_good_news() -> None:
    foreign = replace(WABA_STATUS.reading(Subject.waba("100"), OTHER), raw="HIBERNATING", is_recognised=False)

    picture = shown(scene(*GREEN, foreign))

    assert picture.mood is Mood.UNKNOWN
    assert picture.verdict == "No alert is open, but Meta says of the only account what wamon does not know."
    assert [(each.status.text, each.mood) for each in picture.accounts] == [("HIBERNATING", Mood.UNKNOWN)]


def test_number_whose_sending_is_not_told_is_no_good_news() -> None:
    picture = shown(scene(*told(target(), number("200"), number("201", can_send=None))))

    assert picture.mood is Mood.UNKNOWN
    assert picture.verdict == "No alert is open, but of 1 of 2 numbers it is not known whether it can send."
    assert "whether +1 555 000 201 (Jasper's Market) can send" in [each.what for each in picture.unseen]


def test_only_number_is_named_so_within_a_sentence_too() -> None:
    untold = shown(scene(*told(target(), number(can_send=None))))
    limited = shown(scene(*told(target(), number(can_send="LIMITED"))))

    assert untold.verdict == "No alert is open, but it is not known whether the only number can send."
    assert limited.verdict == "No alert is open, but the only number needs a look."


def test_warning_does_not_vouch_for_numbers_that_nobody_sees() -> None:
    warning = alert(severity=Severity.WARNING, subject=NUMBER)

    blind = shown(scene(*GREEN, alerts=[warning], later=timedelta(hours=3)))
    partly = shown(scene(*told(target(), number("200"), number("201", can_send=None)), alerts=[warning]))
    numberless = shown(scene(*told(target()), alerts=[warning]))

    assert blind.verdict == "1 warning is open; of 2 of 2 numbers it is not known whether they can send."
    assert partly.verdict == "1 warning is open; of 1 of 2 numbers it is not known whether it can send."
    assert numberless.verdict == "1 warning is open."


def test_open_notice_is_not_passed_over_where_something_is_unknown() -> None:
    notice = alert(severity=Severity.INFO, subject=NUMBER)

    picture = shown(scene(*told(target(), number("200"), number("201", can_send=None)), alerts=[notice]))

    assert picture.verdict == "Only 1 notice is open, but of 1 of 2 numbers it is not known whether it can send."


def test_bad_reading_without_an_alert_is_no_good_news() -> None:
    red = told(target(), number("200", quality_rating="RED"), number("201", can_send=None))
    disabled = WABA_STATUS.reading(Subject.waba("100"), "DISABLED")

    of_number, of_account = shown(scene(*red)), shown(scene(*GREEN, disabled))

    assert (of_number.mood, of_number.verdict) == (
        Mood.BAD,
        "No alert is open, but 1 of 2 numbers needs a look; of 1 of 2 numbers it is not known whether it can send.",
    )
    assert (of_account.mood, of_account.verdict) == (
        Mood.BAD,
        "No alert is open, but the only account needs a look; every known number can send.",
    )


def test_number_that_was_never_rated_is_as_good_as_another() -> None:
    picture = shown(scene(*told(target(), number("200", quality_rating="UNKNOWN"))))

    assert (picture.mood, picture.verdict) == (Mood.GOOD, "The only number can send, and no alert is open.")


def test_no_number_at_all_is_no_good_news() -> None:
    assert shown(scene(*told(target()))).verdict == "No phone number is known yet."


def test_not_ready_is_no_good_news() -> None:
    health = Health(is_healthy=True, not_ready_reasons=("the first look at every account is not done yet",))

    picture = shown(scene(*GREEN), health=health)

    assert (picture.mood, picture.reasons) == (Mood.UNKNOWN, health.not_ready_reasons)


def test_stopped_part_comes_before_everything() -> None:
    picture = shown(scene(*GREEN, alerts=[alert(subject=NUMBER)]), health=Health(is_healthy=False))

    assert (picture.mood, picture.verdict) == (Mood.BAD, "wamon itself is not well: a part of it has stopped.")


def test_many_kinds_of_alerts_are_summed_up() -> None:
    alerts = [alert(str(n), subject=NUMBER, what=f"Trouble {n}", severity=Severity.WARNING) for n in range(7)]

    assert shown(scene(*GREEN, alerts=alerts)).reasons[-1] == "and 2 more alerts"


def test_two_thousand_numbers_take_less_than_a_tick() -> None:
    accounts = [target(str(1000 + n), name=f"account {n}") for n in range(100)]
    readings = [
        reading for each in accounts for reading in told(each, *(number(f"{each.waba_id}{n:03d}") for n in range(20)))
    ]
    fleet = scene(*readings, accounts=accounts)

    pictures, took = [], []
    for _ in range(3):
        began = time.perf_counter()
        # A scene sums up once what it is asked for, so each picture has its own.
        pictures.append(shown(replace(fleet)))
        took.append(time.perf_counter() - began)

    assert [picture.numbers.of for picture in pictures] == [2000, 2000, 2000]
    # 0.08 s by itself; beside other tests, and while coverage is measured, several times that.
    assert min(took) < 1.0
