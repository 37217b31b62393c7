"""Accounts, what ends, whether webhooks come, and what wamon does not see."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.fakes import START
from tests.metrics.samples import alert
from tests.picture.stage import number, scene, target, told
from wamon.core import books, figures, watch
from wamon.core.alerting import Severity
from wamon.core.health import NEVER, Reading, Subject
from wamon.picture.accounts import account_rows, countdowns, subscription_rows, webhooks
from wamon.picture.unseen import unseen
from wamon.picture.values import Mood
from wamon.probes.account import WABA_REVIEW_STATUS, WABA_STATUS
from wamon.probes.api_version import VERSION_EXPIRY
from wamon.probes.app import WEBHOOK_CALLBACK_MATCHES, WEBHOOK_FIELD_SUBSCRIBED
from wamon.probes.token import TOKEN_DATA_ACCESS_EXPIRY, TOKEN_EXPIRY, TOKEN_SCOPE_GRANTED

DAY = timedelta(days=1)
WABA = Subject.waba("100")
TOKEN = Subject.token("main")
APP = Subject.app("61")


def expiry(left: timedelta | None) -> Reading:
    return TOKEN_EXPIRY.reading(TOKEN, None if left is None else START + left)


# --- accounts ---------------------------------------------------------------------------------------------------------


def test_accounts_stand_worst_first_with_their_numbers() -> None:
    main, other = target(), target("101", name="aaa")
    readings = (*told(main, number("200"), number("201")), *told(other, number("300")))
    trouble = alert(severity=Severity.WARNING, subject=Subject.waba("100"))

    first, second = account_rows(scene(*readings, accounts=(main, other), alerts=[trouble]))

    assert (first.name, first.numbers, first.mood, first.open_alerts) == ("main", 2, Mood.WATCH, 1)
    assert (second.name, second.mood, second.verified_name) == ("aaa", Mood.GOOD, "Shop 101")


def test_account_that_never_answered_is_unknown() -> None:
    (row,) = account_rows(scene())

    assert (row.mood, row.is_stale, row.checked_at) == (Mood.UNKNOWN, True, None)


@pytest.mark.parametrize(
    ("reading", "mood"),
    [
        (WABA_STATUS.reading(WABA, "ACTIVE"), Mood.GOOD),
        (WABA_STATUS.reading(WABA, "DISABLED"), Mood.BAD),
        (WABA_STATUS.reading(WABA, "HIBERNATING"), Mood.UNKNOWN),
        (WABA_REVIEW_STATUS.reading(WABA, "PENDING"), Mood.WATCH),
    ],
)
def test_account_is_as_its_status_and_review_are_before_any_alert(reading: Reading, mood: Mood) -> None:
    (row,) = account_rows(scene(*told(target(), number()), reading))

    assert row.mood is mood


# --- what ends --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "mood"),
    [(20 * DAY, Mood.GOOD), (13 * DAY, Mood.WATCH), (DAY, Mood.BAD), (-DAY, Mood.BAD)],
)
def test_token_is_judged_by_the_days_of_its_rule(left: timedelta, mood: Mood) -> None:
    (shown, *_) = countdowns(scene(expiry(left)))

    assert (shown.kind, shown.whose, shown.ends_at, shown.mood) == ("token", "token main", START + left, mood)


def test_both_ends_of_a_token_are_judged_each_by_itself() -> None:
    readings = (expiry(100 * DAY), TOKEN_DATA_ACCESS_EXPIRY.reading(TOKEN, START + DAY))

    assert [(each.kind, each.mood) for each in countdowns(scene(*readings))] == [
        ("data access", Mood.BAD),
        ("token", Mood.GOOD),
    ]


def test_soonest_stands_first_then_the_unknown_then_what_never_ends() -> None:
    version = VERSION_EXPIRY.reading(Subject.api_version("v25.0"), START + 60 * DAY)
    readings = (TOKEN_EXPIRY.reading(TOKEN, NEVER), TOKEN_DATA_ACCESS_EXPIRY.reading(TOKEN, None), version)

    shown = countdowns(scene(*readings))

    assert [(each.kind, each.mood, each.remark) for each in shown] == [
        ("API version", Mood.INFO, ""),
        ("data access", Mood.UNKNOWN, "Meta does not say when it ends"),
        ("token", Mood.GOOD, "never ends"),
    ]


def test_end_that_was_read_long_ago_is_shown_and_not_called_good() -> None:
    (shown, *_) = countdowns(scene(expiry(100 * DAY), later=timedelta(hours=2)))

    assert (shown.ends_at, shown.mood, shown.remark) == (START + 100 * DAY, Mood.UNKNOWN, "as it was last known")


def test_token_that_never_ended_is_not_called_good_once_nobody_looks() -> None:
    never = (TOKEN_EXPIRY.reading(TOKEN, NEVER), TOKEN_DATA_ACCESS_EXPIRY.reading(TOKEN, NEVER))

    for shown in countdowns(scene(*never, later=timedelta(hours=2))):
        assert (shown.ends_at, shown.mood, shown.remark) == (None, Mood.UNKNOWN, "never ends, as it was last known")


def test_end_is_judged_by_the_usual_days_when_its_rule_is_off() -> None:
    far, near = (replace(scene(expiry(left)), rules={}) for left in (100 * DAY, DAY))

    assert [each.mood for each in countdowns(far) if each.kind == "token"] == [Mood.GOOD]
    assert [each.mood for each in countdowns(near) if each.kind == "token"] == [Mood.BAD]


# --- webhooks ---------------------------------------------------------------------------------------------------------


def test_subscription_of_our_app_counts_and_others_are_named() -> None:
    fields = WEBHOOK_FIELD_SUBSCRIBED.reading(APP, {"messages": True})
    (there,) = subscription_rows(scene(*told(target(), number(), apps=("61", "62")), fields))
    (lost,) = subscription_rows(scene(*told(target(), number(), apps=("62",))))
    (unknown,) = subscription_rows(scene())

    assert (there.subscribed.text, there.mood, there.other_apps) == ("subscribed", Mood.GOOD, ("62",))
    assert (lost.subscribed.text, lost.mood) == ("not subscribed", Mood.BAD)
    assert (unknown.subscribed.text, unknown.mood, unknown.are_fields_known) == (None, Mood.UNKNOWN, False)


def test_subscription_is_not_good_while_its_fields_or_its_callback_are_not_known() -> None:
    fields = WEBHOOK_FIELD_SUBSCRIBED.reading(APP, {"messages": True})
    matching, untold = (WEBHOOK_CALLBACK_MATCHES.reading(APP, each) for each in (True, None))
    everything = (*told(target(), number()), fields)
    (fieldless,) = subscription_rows(scene(*told(target(), number())))
    (unmatched,) = subscription_rows(scene(*everything, matching, untold))
    (unconfigured,) = subscription_rows(scene(*everything, untold))

    assert (fieldless.subscribed.mood, fieldless.are_fields_known, fieldless.mood) == (Mood.GOOD, False, Mood.UNKNOWN)
    assert (unmatched.callback.text, unmatched.mood) == (None, Mood.UNKNOWN)
    assert (unconfigured.callback.text, unconfigured.mood) == (None, Mood.GOOD)


def test_missing_field_and_foreign_callback_are_to_be_looked_at() -> None:
    fields = WEBHOOK_FIELD_SUBSCRIBED.reading(APP, {"messages": True, "security": False})
    (missing,) = subscription_rows(scene(*told(target(), number()), fields))
    (foreign,) = subscription_rows(scene(*told(target(), number()), WEBHOOK_CALLBACK_MATCHES.reading(APP, False)))

    assert (missing.fields_missing, missing.are_fields_known, missing.mood) == (("security",), True, Mood.WATCH)
    assert (foreign.callback.text, foreign.mood) == ("another one", Mood.WATCH)


def test_webhooks_tell_when_the_last_of_each_field_came() -> None:
    waba = Subject.waba("100")
    readings = (
        figures.LAST_EVENT.reading(waba, {"messages": START.timestamp() - 60, "security": START.timestamp() - 86400}),
        figures.DELIVERY_PACE.reading(waba, {"lag_count": 5.0, "lag_p95": 1.5}),
        figures.LONGEST_GAP.reading(waba, 7200.0),
        figures.RECEIVER_TALLY.reading(Subject.instance(), {"accepted": 40.0, "bad_signatures": 2.0}),
    )
    tallied = {(books.DUPLICATES, "", "", "", books.FOR_EVER): 9}

    shown = webhooks(scene(*told(target(), number()), *readings, tallied=tallied))

    (row,) = shown.rows
    assert row.last_at == START - timedelta(minutes=1)
    assert [name for name, _ in row.fields] == ["messages", "security"]
    assert (row.lag_seconds, row.usual_pause, row.mood) == (1.5, timedelta(hours=2), Mood.GOOD)
    assert (shown.good, shown.bad) == (40, 2)
    assert shown.totals == (("repeated by Meta, counted once", 9),)


def test_account_without_any_webhook_is_unknown_and_silence_is_bad() -> None:
    silence = alert(rule="WhatsAppWebhookSilence", subject=Subject.waba("100"))

    (never,) = webhooks(scene(*told(target(), number()))).rows
    (silent,) = webhooks(scene(*told(target(), number()), alerts=[silence])).rows

    assert (never.mood, never.last_at) == (Mood.UNKNOWN, None)
    assert silent.mood is Mood.BAD


def test_webhook_of_long_ago_does_not_say_that_they_come() -> None:
    lately, long_ago = (
        figures.LAST_EVENT.reading(WABA, {"messages": (START - ago).timestamp()}) for ago in (2 * DAY, 4 * DAY)
    )

    (good,) = webhooks(scene(*told(target(), number()), lately)).rows
    (unknown,) = webhooks(scene(*told(target(), number()), long_ago)).rows

    assert (good.mood, unknown.mood) == (Mood.GOOD, Mood.UNKNOWN)


# --- what is not seen -------------------------------------------------------------------------------------------------


def test_failing_probe_is_told_with_its_reason_and_since_when() -> None:
    probe = Subject.probe("account", target().subject)
    readings = (
        *told(target(), number()),
        watch.PROBE_OUTCOME.reading(probe, "denied"),
        watch.PROBE_FAULT.reading(probe, "code 190: the token is dead"),
    )

    first, *_ = unseen(scene(*readings))

    assert first.what == "the health of Shop 100 (WABA 100) and its numbers"
    assert (first.why, first.since) == ("code 190: the token is dead", START)


def test_account_that_never_answered_or_not_lately_is_named_though_no_probe_failed() -> None:
    never = unseen(scene())
    lately = unseen(scene(*told(target(), number()), later=timedelta(hours=3)))

    assert ("the health of main and its numbers", "Meta has not answered yet", None) in [
        (each.what, each.why, each.since) for each in never
    ]
    assert ("the health of Shop 100 and its numbers", "Meta has not answered lately", START) in [
        (each.what, each.why, each.since) for each in lately
    ]


def test_failing_account_is_named_once() -> None:
    probe = Subject.probe("account", target().subject)
    readings = (*told(target(), number()), watch.PROBE_OUTCOME.reading(probe, "denied"))

    told_of = [each.what for each in unseen(scene(*readings, later=timedelta(hours=3))) if "health" in each.what]

    assert told_of == ["the health of Shop 100 (WABA 100) and its numbers"]


def test_scope_that_a_token_lacks_is_named() -> None:
    scopes = {"whatsapp_business_management": False, "whatsapp_business_messaging": True}

    shown = unseen(scene(*told(target(), number()), TOKEN_SCOPE_GRANTED.reading(TOKEN, scopes)))

    assert ("what token main may not read", "it lacks whatsapp_business_management") in [
        (each.what, each.why) for each in shown
    ]


def test_without_webhooks_the_messages_are_not_seen() -> None:
    whys = [each.what for each in unseen(scene(*told(target(), number()), is_receiving=False))]

    assert "what becomes of each message, and most of what happens to an account" in whys


def test_account_whose_webhooks_never_came_is_named() -> None:
    assert "the messages of Shop 100" in [each.what for each in unseen(scene(*told(target(), number())))]


def test_app_without_its_secret_and_account_without_an_app_are_named() -> None:
    readings = told(target(), number())

    of_app = [each.what for each in unseen(scene(*readings))]
    of_none = [each.what for each in unseen(scene(*readings, accounts=(target(app_id=None),)))]

    assert "webhook fields and callback URL of app 61" in of_app
    assert "whose app should be subscribed to main" in of_none


def test_token_whose_end_meta_does_not_tell_is_named() -> None:
    assert "when token main expires" in [each.what for each in unseen(scene(expiry(None)))]


def test_nothing_unseen_is_nothing_to_say() -> None:
    readings = (
        *told(target(), number()),
        expiry(100 * DAY),
        WEBHOOK_FIELD_SUBSCRIBED.reading(APP, {"messages": True}),
        figures.LAST_EVENT.reading(Subject.waba("100"), {"messages": START.timestamp()}),
    )

    assert unseen(scene(*readings)) == ()
