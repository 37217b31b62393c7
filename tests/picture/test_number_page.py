"""One number's page: what it is, who must agree, and what became of its messages."""

from tests.fakes import START
from tests.picture.stage import number, scene, target, told
from wamon.core import books, figures
from wamon.core.health import Reading, Subject
from wamon.picture.number_page import number_page
from wamon.picture.scene import Scene
from wamon.picture.values import Mood, NumberPage

SUBJECT = Subject.phone_number("100", "200")


def page(of: Scene) -> NumberPage:
    found = number_page(of, "200")
    assert found is not None
    return found


def messages(attempted: float, failed: float, **ages: float) -> tuple[Reading, ...]:
    return (
        figures.MESSAGES_ATTEMPTED.reading(SUBJECT, {"1h": attempted, "24h": attempted}),
        figures.MESSAGES_FAILED.reading(SUBJECT, {"1h": failed, "24h": failed}),
        figures.MESSAGES_BOUNCED.reading(SUBJECT, {"1h": 1.0, "24h": 1.0}),
        figures.MESSAGES_OPEN.reading(SUBJECT, {"lt15m": 0.0, "15m_1h": 0.0, "1h_24h": 0.0, "gt24h": 0.0, **ages}),
    )


def test_number_that_is_not_watched_has_none() -> None:
    assert number_page(scene(*told(target(), number())), "7") is None


def test_window_tells_what_became_of_its_messages() -> None:
    hour, day = page(scene(*told(target(), number()), *messages(100, 4, **{"lt15m": 6.0, "1h_24h": 10.0}))).windows

    assert (hour.attempted, hour.failed, hour.open, hour.delivered, hour.bounced) == (100, 4, 6, 90, 1)
    assert (day.open, day.delivered) == (16, 80)


def test_more_open_than_there_can_be_is_never_less_than_nothing_delivered() -> None:
    hour, _ = page(scene(*told(target(), number()), *messages(5, 1, lt15m=9.0))).windows

    assert (hour.open, hour.delivered) == (4, 0)


def test_messages_that_nobody_has_counted_yet_are_not_called_none() -> None:
    assert page(scene(*told(target(), number()))).windows == ()


def test_codes_of_a_day_have_cause_and_fix_the_most_frequent_first() -> None:
    at = int(START.timestamp()) // 300 * 300
    tallied = {
        (books.RECENT_CODES, "100", "200", "131026", at): 3,
        (books.RECENT_CODES, "100", "200", "131049", at - 7200): 8,
        (books.RECENT_CODES, "100", "200", "999999", at): 1,
        (books.RECENT_CODES, "100", "200", "131047", at - 2 * 86400): 5,
        (books.RECENT_CODES, "100", "201", "131047", at): 5,
    }

    first, second, unheard_of = page(scene(*told(target(), number()), tallied=tallied)).codes

    assert [(each.code, each.count) for each in (first, second)] == [("131049", 8), ("131026", 3)]
    assert first.title
    assert first.cause
    assert first.fix
    assert (unheard_of.code, unheard_of.title) == ("999999", "")


def test_statuses_are_all_that_were_ever_counted_in_the_order_of_a_life() -> None:
    tallied = {
        (books.STATUSES, "100", "200", word, books.FOR_EVER): count
        for word, count in (("read", 5), ("failed", 1), ("sent", 9), ("delivered", 8))
    }

    shown = page(scene(*told(target(), number()), tallied=tallied)).statuses

    assert shown == (("sent", 9), ("delivered", 8), ("read", 5), ("failed", 1))


def test_who_must_agree_is_told_with_the_reasons() -> None:
    blocked = number(
        health_status={
            "entities": [
                {"entity_type": "PHONE_NUMBER", "id": "200", "can_send_message": "AVAILABLE"},
                {
                    "entity_type": "WABA",
                    "id": "100",
                    "can_send_message": "BLOCKED",
                    "errors": [{"error_code": 141006, "error_description": "There is an error with the payment"}],
                },
            ]
        }
    )

    own, waba = page(scene(*told(target(), blocked, number("201")))).senders

    assert (own.scope, own.can_send.mood) == ("phone number", Mood.GOOD)
    assert (waba.scope, waba.can_send.text) == ("waba", "BLOCKED")
    assert [reason.code for reason in waba.reasons] == ["141006"]


def test_without_webhooks_there_is_nothing_to_tell_of_messages() -> None:
    shown = page(scene(*told(target(), number()), *messages(100, 4), is_receiving=False))

    assert (shown.windows, shown.statuses, shown.open_by_age) == ((), (), ())


def test_properties_have_the_meaning_of_metas_words() -> None:
    rating, *_ = page(scene(*told(target(), number(quality_rating="YELLOW")))).properties

    assert (rating.name, rating.known.text, rating.known.mood) == ("Quality rating", "YELLOW", Mood.WATCH)
    assert "medium quality" in rating.known.meaning
