"""Message templates: paused, disabled, rejected, of low quality, moved to another category, long in review."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.rules.views import DAY, HOUR, MINUTE, NOW, WABA, WABA_ID, seen, view
from wamon.core.alerting import Severity, Truth, Verdict
from wamon.core.health import Reading, Sighting, Snapshot, Subject
from wamon.core.ports import Rule, View
from wamon.core.watch import PROBE_LAST_SUCCESS
from wamon.probes.templates import (
    TEMPLATE_CATEGORY_PROBLEM,
    TEMPLATE_LAST_UPDATED,
    TEMPLATE_PROBLEM,
    TEMPLATE_QUALITY_PROBLEM,
    TEMPLATE_REJECTED_REASON,
    TEMPLATES_LISTED,
    categories_reading,
    quality_reading,
    status_reading,
)
from wamon.rules.templates import (
    RULES,
    TEMPLATE_DISABLED,
    TEMPLATE_PAUSED,
    TEMPLATE_PENDING_LONG,
    TEMPLATE_QUALITY_LOW,
    TEMPLATE_RECATEGORISED_RULE,
    TEMPLATE_REJECTED,
    LastingParams,
    PendingParams,
    RecategorisedParams,
)
from wamon.webhooks.templates import TEMPLATE_RECATEGORISED, TEMPLATE_REMARK

TEMPLATE = Subject.template(WABA_ID, "order_update", "en_US")
QUARTER = timedelta(minutes=15)
POLL = Subject.probe("templates", WABA)
SECOND = timedelta(seconds=1)


def polled(*readings: Reading, ago: timedelta = SECOND) -> Sighting:
    """A read of the templates that showed this."""
    about = (PROBE_LAST_SUCCESS.reading(POLL, NOW - ago), TEMPLATES_LISTED.reading(WABA, True))
    return seen(*about, *readings, ago=ago, interval=QUARTER)


def heard(*readings: Reading, ago: timedelta = SECOND) -> Sighting:
    """A webhook that told this."""
    until = NOW - ago + DAY
    return replace(seen(*(replace(each, holds_until=until) for each in readings), ago=ago), source="webhook")


def status(word: str | None) -> Reading:
    return status_reading(TEMPLATE, word)


def quality(word: str | None) -> Reading:
    return quality_reading(TEMPLATE, word)


def check(rule: Rule, *sightings: Sighting, is_open: bool = False, params: Any = None) -> Verdict:
    severity = min(rule.alertnames) if is_open else None
    verdict = rule.check(view(TEMPLATE, *sightings, open_severity=severity), params or rule.params, NOW)
    assert verdict is not None
    return verdict


# --- status -----------------------------------------------------------------------------------------------------------

BY_STATUS = [
    (TEMPLATE_PAUSED, "PAUSED", "Template paused"),
    (TEMPLATE_DISABLED, "DISABLED", "Template disabled"),
    (TEMPLATE_REJECTED, "REJECTED", "Template rejected"),
]


@pytest.mark.parametrize("told", [polled, heard])
@pytest.mark.parametrize(("rule", "word", "what"), BY_STATUS)
def test_status_fires_at_once_whoever_tells_it(rule: Rule, word: str, what: str, told: Any) -> None:
    verdict = check(rule, told(status(word)))

    assert (verdict.truth, verdict.severity, verdict.what) == (Truth.TRUE, Severity.WARNING, what)
    assert verdict.observed_at == NOW - SECOND
    assert rule.timing.observations_needed(Severity.WARNING) == 1


@pytest.mark.parametrize("word", ["APPROVED", "REINSTATED", "PENDING", "IN_APPEAL"])
@pytest.mark.parametrize(("rule", "bad", "what"), BY_STATUS)
def test_other_status_is_clear(rule: Rule, bad: str, what: str, word: str) -> None:
    assert check(rule, polled(status(bad), ago=HOUR), polled(status(word))).truth is Truth.FALSE


@pytest.mark.parametrize("word", ["SLEEPING", None])
@pytest.mark.parametrize(("rule", "bad", "what"), BY_STATUS)
def test_status_that_wamon_does_not_know_gives_no_verdict(rule: Rule, bad: str, what: str, word: str | None) -> None:
    assert check(rule, polled(status(word)), is_open=True).truth is Truth.UNKNOWN


def test_reading_that_is_too_old_gives_no_verdict() -> None:
    assert check(TEMPLATE_PAUSED, polled(status("PAUSED"), ago=HOUR)).truth is Truth.UNKNOWN


def test_webhook_holds_where_nothing_can_be_read() -> None:
    assert check(TEMPLATE_PAUSED, heard(status("PAUSED"), ago=6 * HOUR)).truth is Truth.TRUE


def test_late_webhook_says_less_than_a_read_after_it() -> None:
    """The read did not show the template at all, so that there is no other reading of it."""
    told = heard(status("PAUSED"), ago=2 * HOUR), polled(ago=MINUTE)

    assert check(TEMPLATE_PAUSED, *told).truth is Truth.UNKNOWN


def test_webhook_of_a_week_ago_says_nothing_of_now() -> None:
    """It is judged when it comes, before anything could find it old."""
    picture, _, _ = Snapshot().fold(heard(status("PAUSED"), ago=7 * DAY))

    verdict = TEMPLATE_PAUSED.check(View(picture, TEMPLATE), TEMPLATE_PAUSED.params, NOW)

    assert verdict is not None
    assert verdict.truth is Truth.UNKNOWN


@pytest.mark.parametrize("age_days", [2, 30])
def test_pause_that_was_there_before_wamon_still_counts(age_days: int) -> None:
    updated = TEMPLATE_LAST_UPDATED.reading(TEMPLATE, NOW - age_days * DAY)

    assert check(TEMPLATE_PAUSED, polled(status("PAUSED"), updated)).truth is Truth.TRUE


@pytest.mark.parametrize(("age_days", "truth"), [(6, Truth.TRUE), (8, Truth.FALSE), (None, Truth.TRUE)])
@pytest.mark.parametrize(("rule", "word"), [(TEMPLATE_DISABLED, "DISABLED"), (TEMPLATE_REJECTED, "REJECTED")])
def test_old_trouble_that_the_first_look_finds_is_no_news(
    rule: Rule, word: str, age_days: int | None, truth: Truth
) -> None:
    updated = None if age_days is None else NOW - age_days * DAY

    verdict = check(rule, polled(status(word), TEMPLATE_LAST_UPDATED.reading(TEMPLATE, updated)))

    assert verdict.truth is truth
    assert rule.params == LastingParams(recent_days=7.0)


@pytest.mark.parametrize(("rule", "word"), [(TEMPLATE_DISABLED, "DISABLED"), (TEMPLATE_REJECTED, "REJECTED")])
def test_what_happens_while_wamon_watches_is_news_whenever_the_template_was_written(rule: Rule, word: str) -> None:
    updated = TEMPLATE_LAST_UPDATED.reading(TEMPLATE, NOW - 400 * DAY)

    assert check(rule, polled(ago=QUARTER), polled(status(word), updated)).truth is Truth.TRUE


@pytest.mark.parametrize(("rule", "word"), [(TEMPLATE_DISABLED, "DISABLED"), (TEMPLATE_REJECTED, "REJECTED")])
def test_open_alert_does_not_close_by_getting_old(rule: Rule, word: str) -> None:
    updated = TEMPLATE_LAST_UPDATED.reading(TEMPLATE, NOW - 400 * DAY)

    assert check(rule, polled(status(word), updated), is_open=True).truth is Truth.TRUE


def test_evidence_tells_reason_remark_quality_and_category() -> None:
    verdict = check(
        TEMPLATE_REJECTED,
        polled(
            status("REJECTED"),
            TEMPLATE_REJECTED_REASON.reading(TEMPLATE, "INVALID_FORMAT"),
            quality_reading(TEMPLATE, "YELLOW", reasons=["SPAM"]),
            categories_reading(TEMPLATE, category="UTILITY", correct="MARKETING"),
            TEMPLATE_CATEGORY_PROBLEM.reading(TEMPLATE, {"CATEGORY_WILL_CHANGE": True}, raw="on Friday"),
            TEMPLATE_LAST_UPDATED.reading(TEMPLATE, NOW - DAY),
        ),
        heard(TEMPLATE_REMARK.reading(TEMPLATE, {"status": "REJECTED", "words": "No example."})),
    )

    assert verdict.evidence == (
        ("Status", "REJECTED since 2026-11-22 09:59 UTC"),
        (
            "Reason",
            "INVALID_FORMAT: The template is not formatted as allowed. Check variables, links and special characters.",
        ),
        ("Meta says", "No example."),
        ("Quality", "YELLOW: SPAM"),
        ("Category", "UTILITY"),
        ("Category by Meta's judgement", "MARKETING"),
        ("Category changes", "on Friday"),
        ("Last updated", "2026-11-21 10:00 UTC"),
    )


def test_remark_about_another_status_is_not_shown() -> None:
    remark = TEMPLATE_REMARK.reading(TEMPLATE, {"status": "REJECTED", "words": "No example."})

    verdict = check(TEMPLATE_PAUSED, heard(remark, ago=HOUR), polled(status("PAUSED")))

    assert verdict.evidence == (("Status", "PAUSED since 2026-11-22 09:59 UTC"),)


# --- review -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hours", "truth"), [(71, Truth.FALSE), (73, Truth.TRUE)])
def test_long_review_that_wamon_saw_begin(hours: int, truth: Truth) -> None:
    old = TEMPLATE_LAST_UPDATED.reading(TEMPLATE, NOW - 400 * DAY)
    begun = polled(ago=100 * HOUR), polled(status("PENDING"), old, ago=hours * HOUR)

    verdict = check(TEMPLATE_PENDING_LONG, *begun, polled(status("PENDING"), old))

    assert (verdict.truth, verdict.severity) == (truth, Severity.INFO if truth is Truth.TRUE else verdict.severity)


@pytest.mark.parametrize(("hours", "truth"), [(71, Truth.FALSE), (73, Truth.TRUE), (None, Truth.FALSE)])
def test_long_review_that_was_under_way_before_wamon(hours: int | None, truth: Truth) -> None:
    updated = None if hours is None else NOW - hours * HOUR

    told = polled(status("PENDING"), TEMPLATE_LAST_UPDATED.reading(TEMPLATE, updated))

    assert check(TEMPLATE_PENDING_LONG, told).truth is truth


def test_review_may_take_as_long_as_the_parameter_says() -> None:
    told = polled(status("PENDING"), TEMPLATE_LAST_UPDATED.reading(TEMPLATE, NOW - 5 * HOUR))

    assert check(TEMPLATE_PENDING_LONG, told, params=PendingParams(pending_hours=4)).truth is Truth.TRUE


def test_end_of_the_review_is_clear() -> None:
    told = polled(status("PENDING"), ago=100 * HOUR), polled(status("APPROVED"))

    assert check(TEMPLATE_PENDING_LONG, *told, is_open=True).truth is Truth.FALSE


# --- quality ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [polled, heard])
def test_red_fires(told: Any) -> None:
    verdict = check(TEMPLATE_QUALITY_LOW, told(quality("RED")))

    assert (verdict.truth, verdict.severity, verdict.what) == (Truth.TRUE, Severity.WARNING, "Template quality RED")


@pytest.mark.parametrize("word", ["GREEN", "YELLOW", "UNKNOWN"])
def test_other_quality_is_clear(word: str) -> None:
    told = polled(quality("RED"), status("APPROVED"), ago=HOUR), polled(quality(word), status("APPROVED"))

    assert check(TEMPLATE_QUALITY_LOW, *told, is_open=True).truth is Truth.FALSE


def test_flag_of_meta_fires() -> None:
    assert check(TEMPLATE_QUALITY_LOW, heard(status("FLAGGED"))).what == "Template flagged for low quality"


def test_reinstated_template_that_was_never_rated_is_clear() -> None:
    told = heard(status("FLAGGED"), ago=MINUTE), heard(status("REINSTATED"))

    assert check(TEMPLATE_QUALITY_LOW, *told, is_open=True).truth is Truth.FALSE


def test_rating_that_is_no_longer_told_gives_no_verdict() -> None:
    told = polled(quality("RED"), ago=QUARTER), polled(quality(None), status("APPROVED"))

    assert check(TEMPLATE_QUALITY_LOW, *told, is_open=True).truth is Truth.UNKNOWN


@pytest.mark.parametrize("word", ["PAUSED", "DISABLED"])
def test_nothing_is_to_be_feared_of_what_has_come(word: str) -> None:
    told = polled(quality("RED"), status(word))

    assert check(TEMPLATE_QUALITY_LOW, told).truth is Truth.FALSE
    assert check(TEMPLATE_QUALITY_LOW, told, is_open=True).truth is Truth.TRUE


def test_quality_of_nothing_known_gives_no_verdict() -> None:
    assert check(TEMPLATE_QUALITY_LOW, polled()).truth is Truth.UNKNOWN


# --- category ---------------------------------------------------------------------------------------------------------


def moved(ago: timedelta, *, category: str = "", previous: str = "", correct: str = "") -> Sighting:
    categories = categories_reading(TEMPLATE, category=category, previous=previous, correct=correct)
    flags = {"CATEGORY_WILL_CHANGE": True} if correct else {}
    return heard(
        categories,
        TEMPLATE_CATEGORY_PROBLEM.reading(TEMPLATE, flags),
        TEMPLATE_RECATEGORISED.reading(TEMPLATE, NOW - ago),
        ago=ago,
    )


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ({"category": "MARKETING", "previous": "UTILITY"}, "Template category changed from UTILITY to MARKETING"),
        ({"category": "MARKETING"}, "Template category changed to MARKETING"),
        ({"category": "UTILITY", "correct": "MARKETING"}, "Template category will change from UTILITY to MARKETING"),
        ({"correct": "MARKETING"}, "Template category will change to MARKETING"),
        ({}, "Template category changed"),
    ],
)
def test_change_that_a_webhook_tells(words: dict[str, str], what: str) -> None:
    verdict = check(TEMPLATE_RECATEGORISED_RULE, moved(MINUTE, **words))

    assert (verdict.truth, verdict.severity, verdict.what) == (Truth.TRUE, Severity.WARNING, what)
    assert verdict.observed_at == NOW - MINUTE


def test_use_in_the_wrong_category_says_so() -> None:
    told = heard(
        categories_reading(TEMPLATE, category="UTILITY", correct="MARKETING"),
        TEMPLATE_CATEGORY_PROBLEM.reading(TEMPLATE, {"CATEGORY_MISMATCH": True}),
        TEMPLATE_RECATEGORISED.reading(TEMPLATE, NOW),
    )

    verdict = check(TEMPLATE_RECATEGORISED_RULE, told)

    assert verdict.what == "Template is used as UTILITY but belongs to MARKETING"


@pytest.mark.parametrize(("hours", "truth"), [(23, Truth.TRUE), (24, Truth.FALSE), (7 * 24, Truth.FALSE)])
def test_change_is_told_for_a_day_even_if_no_read_shows_it(hours: int, truth: Truth) -> None:
    told = moved(hours * HOUR, category="MARKETING", previous="UTILITY"), polled(status("APPROVED"))

    assert check(TEMPLATE_RECATEGORISED_RULE, *told).truth is truth


def test_change_is_told_for_as_long_as_the_parameter_says() -> None:
    params = RecategorisedParams(hold_hours=48)

    assert check(TEMPLATE_RECATEGORISED_RULE, moved(40 * HOUR), params=params).truth is Truth.TRUE


def category_read(ago: timedelta, category: str, *, correct: str = "", previous: str = "") -> Sighting:
    flags = {"CATEGORY_WILL_CHANGE": True} if correct else {}
    return polled(
        categories_reading(TEMPLATE, category=category, correct=correct, previous=previous),
        TEMPLATE_CATEGORY_PROBLEM.reading(TEMPLATE, flags),
        ago=ago,
    )


@pytest.mark.parametrize(("hours", "truth"), [(2, Truth.TRUE), (25, Truth.FALSE)])
def test_announcement_that_only_a_read_shows(hours: int, truth: Truth) -> None:
    told = (
        category_read(hours * HOUR, "UTILITY", correct="MARKETING"),
        category_read(SECOND, "UTILITY", correct="MARKETING"),
    )

    assert check(TEMPLATE_RECATEGORISED_RULE, *told).truth is truth


def test_change_that_only_two_reads_show() -> None:
    told = (
        category_read(30 * HOUR, "UTILITY", correct="MARKETING"),
        category_read(SECOND, "MARKETING", previous="UTILITY"),
    )

    verdict = check(TEMPLATE_RECATEGORISED_RULE, *told)

    assert (verdict.truth, verdict.what) == (Truth.TRUE, "Template category changed from UTILITY to MARKETING")


def test_change_of_long_ago_is_no_news() -> None:
    told = category_read(SECOND, "MARKETING", previous="ACCOUNT_UPDATE")

    assert check(TEMPLATE_RECATEGORISED_RULE, told).truth is Truth.FALSE


# --- all of them ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_of_an_empty_picture_says_nothing(rule: Rule) -> None:
    assert check(rule).truth is Truth.UNKNOWN


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_healthy_template_is_clear(rule: Rule) -> None:
    told = polled(
        status("APPROVED"),
        quality("GREEN"),
        categories_reading(TEMPLATE, category="UTILITY"),
        TEMPLATE_CATEGORY_PROBLEM.reading(TEMPLATE, {}),
    )

    assert check(rule, told).truth is Truth.FALSE


def test_readings_of_other_templates_do_not_matter() -> None:
    other = Subject.template(WABA_ID, "order_update", "es")
    told = polled(TEMPLATE_PROBLEM.reading(other, {"PAUSED": True}), TEMPLATE_QUALITY_PROBLEM.reading(other, {}))

    picture: View = view(TEMPLATE, told)

    verdict = TEMPLATE_PAUSED.check(picture, TEMPLATE_PAUSED.params, NOW)
    assert verdict is not None
    assert verdict.truth is Truth.UNKNOWN
