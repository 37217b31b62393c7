"""The four fields about message templates: status, quality, category, and use in the wrong category."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.webhooks.notices import AT, WABA_ID, directory, notice, told
from wamon.core.health import Reading, Signal, Subject
from wamon.probes.templates import (
    TEMPLATE_CATEGORIES,
    TEMPLATE_CATEGORY_PROBLEM,
    TEMPLATE_PROBLEM,
    TEMPLATE_QUALITY_PROBLEM,
    TEMPLATE_REJECTED_REASON,
)
from wamon.webhooks.field import Heed, WebhookShapeError
from wamon.webhooks.fields import (
    FIELDS,
    message_template_quality_update,
    message_template_status_update,
    template_category_update,
    template_correct_category_detection,
)
from wamon.webhooks.templates import TEMPLATE_RECATEGORISED, TEMPLATE_REMARK

TEMPLATE = Subject.template(WABA_ID, "order_update", "en_US")
OURS = (
    message_template_status_update,
    message_template_quality_update,
    template_category_update,
    template_correct_category_detection,
)
WHOM = {
    "message_template_id": 1689556908129832,
    "message_template_name": "order_update",
    "message_template_language": "en-US",
}


def heed(module: Any, **value: object) -> Heed:
    answer: Heed = module.read(notice(module.FIELD.name, {**WHOM, **value}), directory())
    return answer


def status(event: object, **value: object) -> Heed:
    return heed(message_template_status_update, event=event, **value)


def only(heard: Heed, signal: Signal[Any]) -> Reading:
    (reading,) = (each for each in heard.readings if each.signal is signal)
    return reading


def test_each_is_registered_and_asks_for_no_poll() -> None:
    registered = {field.name: field for field in FIELDS}

    for module in OURS:
        assert registered[module.FIELD.name] is module.FIELD
    assert not status("PAUSED").asks_poll


# --- status -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "problems"),
    [
        ("APPROVED", {}),
        ("REINSTATED", {}),
        ("UNARCHIVED", {}),
        ("approved", {}),
        ("PENDING", {"PENDING": True}),
        ("REJECTED", {"REJECTED": True}),
        ("PAUSED", {"PAUSED": True}),
        ("DISABLED", {"DISABLED": True}),
        ("FLAGGED", {"FLAGGED": True}),
        ("IN_APPEAL", {"IN_APPEAL": True}),
        ("LIMIT_EXCEEDED", {"LIMIT_EXCEEDED": True}),
        ("LOCKED", {"LOCKED": True}),
        ("SLEEPING", {"OTHER": True}),
    ],
)
def test_event_is_the_status(event: str, problems: dict[str, bool]) -> None:
    reading = only(status(event), TEMPLATE_PROBLEM)

    assert (reading.subject, reading.value, reading.raw) == (TEMPLATE, problems, event)
    assert reading.is_recognised is (event != "SLEEPING")
    assert reading.holds_until == AT + timedelta(days=1)


@pytest.mark.parametrize("event", ["DELETED", "PENDING_DELETION", "ARCHIVED"])
def test_template_that_was_taken_away_is_left_to_the_next_reads(event: str) -> None:
    assert status(event, reason=None) == Heed()


@pytest.mark.parametrize(
    ("event", "title", "problems"),
    [
        ("PAUSED", "FIRST_PAUSE", {"PAUSED": True}),
        ("PAUSED", None, {"PAUSED": True}),
        ("LOCKED", "FIRST_PAUSE", {"PAUSED": True}),
        ("LOCKED", "SECOND_PAUSE", {"PAUSED": True}),
        ("LOCKED", "RATE_LIMITING_PAUSE", {"PAUSED": True}),
        ("LOCKED", "DISABLED", {"DISABLED": True}),
        ("LOCKED", "WHATEVER", {"LOCKED": True}),
        ("APPROVED", "UNPAUSE", {}),
        ("PAUSED", "UNPAUSE", {}),
        ("UNLOCKED", "UNPAUSE", {}),
        ("REJECTED", "FIRST_PAUSE", {"REJECTED": True}),
        ("PAUSED", 5, {"PAUSED": True}),
        ("PAUSED", ["UNPAUSE"], {"PAUSED": True}),
    ],
)
def test_title_tells_what_locking_means(event: str, title: object, problems: dict[str, bool]) -> None:
    assert only(status(event, other_info={"title": title}), TEMPLATE_PROBLEM).value == problems


@pytest.mark.parametrize(
    ("reason", "value"),
    [
        ("INVALID_FORMAT", "INVALID_FORMAT"),
        ("NONE", None),
        (None, None),
        ("TAG_CONTENT_MISMATCH", "TAG_CONTENT_MISMATCH"),
        ("TASTE", "OTHER"),
        (7, None),
    ],
)
def test_reason(reason: object, value: str | None) -> None:
    assert only(status("REJECTED", reason=reason), TEMPLATE_REJECTED_REASON).value == value


@pytest.mark.parametrize(
    ("beside", "words"),
    [
        (
            {"other_info": {"title": "FIRST_PAUSE", "description": "Paused for\n3 hours."}},
            "FIRST_PAUSE; Paused for 3 hours.",
        ),
        ({"rejection_info": {"reason": "No example.", "recommendation": "Add one."}}, "No example.; Add one."),
        ({"disable_info": {"disable_date": 1751234563}}, "disabled on 2025-06-29 22:02 UTC"),
        ({"disable_info": {"disable_date": "1751234563"}}, "disabled on 2025-06-29 22:02 UTC"),
        ({"disable_info": {"disable_date": "January 31, 2021"}}, "disabled on January 31, 2021"),
        ({"other_info": {"description": "x" * 1000}}, "x" * 300),
    ],
)
def test_what_meta_says_beside_the_status_is_kept_for_messages(beside: dict[str, object], words: str) -> None:
    assert only(status("PAUSED", **beside), TEMPLATE_REMARK).value == {"status": "PAUSED", "words": words}


@pytest.mark.parametrize("beside", [{}, {"other_info": None, "disable_info": [], "rejection_info": "no"}])
def test_status_without_more_has_no_remark(beside: dict[str, object]) -> None:
    assert [each.signal for each in status("PAUSED", **beside).readings] == [TEMPLATE_PROBLEM, TEMPLATE_REJECTED_REASON]


def test_quality_under_the_wrong_name_is_read_as_quality() -> None:
    """Meta's own example of a quality update carries the field name of the status."""
    heard = heed(message_template_status_update, previous_quality_score="GREEN", new_quality_score="YELLOW")

    assert told(heard) == {(TEMPLATE, "whatsapp_template_quality_problem"): {"QUALITY_YELLOW": True}}


@pytest.mark.parametrize("event", [None, "", 5, ["PAUSED"], {}])
def test_status_without_an_event_has_not_the_documented_form(event: object) -> None:
    with pytest.raises(WebhookShapeError):
        status(event)


# --- quality ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("score", "problems"),
    [
        ("GREEN", {}),
        ("YELLOW", {"QUALITY_YELLOW": True}),
        ("red", {"QUALITY_RED": True}),
        ("UNKNOWN", {}),
        ("BLUE", None),
    ],
)
def test_new_score_is_the_quality(score: str, problems: dict[str, bool] | None) -> None:
    heard = heed(message_template_quality_update, previous_quality_score="GREEN", new_quality_score=score)

    (reading,) = heard.readings
    assert (reading.signal, reading.subject) == (TEMPLATE_QUALITY_PROBLEM, TEMPLATE)
    assert (reading.value, reading.raw, reading.is_recognised) == (problems, score, score != "BLUE")
    assert reading.holds_until == AT + timedelta(days=1)


@pytest.mark.parametrize("score", [None, "", 5, ["RED"]])
def test_quality_without_a_score_has_not_the_documented_form(score: object) -> None:
    with pytest.raises(WebhookShapeError):
        heed(message_template_quality_update, new_quality_score=score)


# --- category ---------------------------------------------------------------------------------------------------------


def category(**value: object) -> Heed:
    return heed(template_category_update, **value)


def test_change_to_come_names_the_day() -> None:
    heard = category(new_category="UTILITY", correct_category="MARKETING", category_update_timestamp=1746169200)

    assert told(heard) == {
        (TEMPLATE, TEMPLATE_CATEGORIES.name): {
            "category": "UTILITY",
            "previous_category": "",
            "correct_category": "MARKETING",
        },
        (TEMPLATE, TEMPLATE_CATEGORY_PROBLEM.name): {"CATEGORY_WILL_CHANGE": True},
        (TEMPLATE, TEMPLATE_RECATEGORISED.name): AT,
    }
    assert only(heard, TEMPLATE_CATEGORY_PROBLEM).raw == "on 2025-05-02 07:00 UTC"


@pytest.mark.parametrize("previous", ["UTILITY", "utility", None, 5])
def test_change_that_was_made_may_lack_what_was_before(previous: object) -> None:
    heard = category(previous_category=previous, new_category="marketing", category_appeal_status="NONE")

    assert told(heard)[TEMPLATE, TEMPLATE_CATEGORIES.name]["category"] == "MARKETING"
    assert only(heard, TEMPLATE_CATEGORY_PROBLEM).value == {}
    assert only(heard, TEMPLATE_RECATEGORISED).value == AT


@pytest.mark.parametrize(
    "value",
    [
        {"previous_category": "UTILITY", "new_category": "UTILITY"},
        {"previous_category": "UTILITY", "new_category": "utility", "correct_category": "UTILITY"},
    ],
)
def test_change_to_the_same_category_is_no_news(value: dict[str, object]) -> None:
    assert TEMPLATE_RECATEGORISED not in [each.signal for each in category(**value).readings]


@pytest.mark.parametrize("stamp", [None, "soon", True, {}, -1])
def test_day_that_makes_no_sense_is_left_out(stamp: object) -> None:
    heard = category(new_category="UTILITY", correct_category="MARKETING", category_update_timestamp=stamp)

    assert only(heard, TEMPLATE_CATEGORY_PROBLEM).raw is None


@pytest.mark.parametrize("value", [{}, {"new_category": None}, {"new_category": []}, {"previous_category": "UTILITY"}])
def test_change_without_a_category_has_not_the_documented_form(value: dict[str, object]) -> None:
    with pytest.raises(WebhookShapeError):
        category(**value)


# --- use in the wrong category ----------------------------------------------------------------------------------------


def test_use_in_the_wrong_category() -> None:
    heard = heed(template_correct_category_detection, category="UTILITY", correct_category="MARKETING")

    assert told(heard)[TEMPLATE, TEMPLATE_CATEGORY_PROBLEM.name] == {"CATEGORY_MISMATCH": True}
    assert told(heard)[TEMPLATE, TEMPLATE_RECATEGORISED.name] == AT


@pytest.mark.parametrize("correct", [None, "UTILITY", "utility", 5])
def test_use_in_the_right_category_is_well(correct: object) -> None:
    heard = heed(template_correct_category_detection, category="UTILITY", correct_category=correct)

    assert told(heard)[TEMPLATE, TEMPLATE_CATEGORY_PROBLEM.name] == {}
    assert (TEMPLATE, TEMPLATE_RECATEGORISED.name) not in told(heard)


def test_detection_with_an_id_alone_leads_nowhere() -> None:
    value = {"message_template_id": 5, "category": "UTILITY", "correct_category": "MARKETING"}

    assert template_correct_category_detection.read(notice("x", value), directory()) == Heed()


# --- any of them ------------------------------------------------------------------------------------------------------

ENOUGH = {"event": "PAUSED", "new_quality_score": "RED", "new_category": "MARKETING", "correct_category": "UTILITY"}


@pytest.mark.parametrize(
    "whom",
    [
        {"message_template_name": None},
        {"message_template_name": ""},
        {"message_template_name": ["x"]},
        {"message_template_name": "x" * 513},
        {"message_template_language": None},
        {"message_template_language": {}},
    ],
)
@pytest.mark.parametrize("module", OURS)
def test_notice_that_names_no_template_has_not_the_documented_form(module: Any, whom: dict[str, object]) -> None:
    with pytest.raises(WebhookShapeError):
        heed(module, **{**ENOUGH, **whom, "message_template_id": None})


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["PAUSED", "RED", "MARKETING", "UNPAUSE", "9" * 5000]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["title", "reason", "disable_date"]), inner)
    ),
    max_leaves=6,
)
VALUES = st.dictionaries(
    st.sampled_from(
        [
            *WHOM,
            *ENOUGH,
            *("previous_category", "category", "category_update_timestamp"),
            *("reason", "other_info", "rejection_info", "disable_info"),
        ]
    ),
    JSON,
)


@pytest.mark.parametrize("module", OURS)
@given(value=VALUES)
def test_whatever_the_value_is_it_is_read_or_refused(module: Any, value: dict[str, Any]) -> None:
    try:
        heard = module.read(notice(module.FIELD.name, {**WHOM, **value}), directory())
    except WebhookShapeError:
        return

    for reading in heard.readings:
        if reading.value is not None:
            reading.signal.shape.encode(reading.value)
    assert {each.signal for each in heard.readings} <= {*module.FIELD.signals, TEMPLATE_QUALITY_PROBLEM}
