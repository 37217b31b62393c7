"""When webhooks alert: the subscription lost, a field missing, the callback URL not the expected one."""

from datetime import timedelta

import pytest

from tests.rules.views import APP, APP_ID, MINUTE, NOW, WABA, seen, view
from wamon.core.alerting import Severity
from wamon.core.health import Sighting, Subject
from wamon.core.ports import Rule, clear, firing, unknown
from wamon.probes.account import WEBHOOK_OVERRIDE_MATCHES, WEBHOOK_SUBSCRIBED
from wamon.probes.app import WEBHOOK_ACTIVE, WEBHOOK_CALLBACK_MATCHES, WEBHOOK_FIELD_SUBSCRIBED
from wamon.rules.subscription import (
    CALLBACK_DRIFT,
    FIELD_MISSING,
    LOST,
    OVERRIDE_DRIFT,
    check_callback,
    check_fields,
    check_lost,
    check_override,
)
from wamon.rules.words import NoParams

SLOW = 15 * MINUTE
OLD = 46 * MINUTE


def apps(value: dict[str, bool] | None, *, ago: timedelta = timedelta(0)) -> Sighting:
    return seen(WEBHOOK_SUBSCRIBED.reading(WABA, value), ago=ago)


def webhook(is_active: bool | None, *, app: Subject = APP, ago: timedelta = timedelta(0)) -> Sighting:
    return seen(WEBHOOK_ACTIVE.reading(app, is_active), ago=ago, interval=SLOW)


# --- the subscription -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "what", "evidence"),
    [
        ({APP_ID: False}, "Webhook subscription is lost", [(f"App {APP_ID}", "not subscribed")]),
        (
            {"7": True, APP_ID: False},
            "Webhook subscription is lost",
            [(f"App {APP_ID}", "not subscribed"), ("App 7", "subscribed")],
        ),
        ({}, "No app is subscribed to the WABA's webhooks", []),
    ],
)
def test_lost_subscription_fires(value: dict[str, bool], what: str, evidence: list[tuple[str, str]]) -> None:
    verdict = check_lost(view(WABA, apps(value)), NoParams(), NOW)

    assert verdict == firing(Severity.CRITICAL, NOW, what, evidence=evidence)


@pytest.mark.parametrize("is_active", [True, None])
def test_subscribed_app_is_clear_whether_or_not_its_webhook_is_known(is_active: bool | None) -> None:
    picture = view(WABA, apps({APP_ID: True}, ago=MINUTE), webhook(is_active))

    assert check_lost(picture, NoParams(), NOW) == clear(NOW - MINUTE)


def test_inactive_webhook_of_a_subscribed_app_fires() -> None:
    picture = view(WABA, apps({APP_ID: True}), webhook(False))

    assert check_lost(picture, NoParams(), NOW) == firing(
        Severity.CRITICAL,
        NOW,
        "The app's webhook is inactive",
        evidence=[(f"App {APP_ID}", "subscribed"), (f"Webhook of app {APP_ID}", "inactive")],
    )


def test_inactive_webhook_of_an_app_that_is_not_subscribed_does_not_matter() -> None:
    picture = view(WABA, apps({APP_ID: True}), webhook(False, app=Subject.app("7")))

    assert check_lost(picture, NoParams(), NOW) == clear(NOW)


def test_inactive_webhook_that_is_no_longer_seen_does_not_close_the_alert() -> None:
    stale = view(WABA, webhook(False, ago=OLD), apps({APP_ID: True}))
    untold = view(WABA, webhook(False, ago=MINUTE), webhook(None), apps({APP_ID: True}))

    assert check_lost(stale, NoParams(), NOW) == unknown(NOW)
    assert check_lost(untold, NoParams(), NOW) == unknown(NOW)


def test_webhook_that_is_active_again_clears() -> None:
    picture = view(WABA, webhook(False, ago=MINUTE), webhook(True), apps({APP_ID: True}))

    assert check_lost(picture, NoParams(), NOW) == clear(NOW)


def test_subscription_that_is_not_known_is_unknown() -> None:
    pictures = (view(WABA), view(WABA, apps(None)), view(WABA, apps({APP_ID: False}, ago=15 * MINUTE)))

    assert [check_lost(picture, NoParams(), NOW) for picture in pictures] == [unknown(NOW)] * 3


# --- the fields -------------------------------------------------------------------------------------------------------


def fields(value: dict[str, bool] | None, *, is_active: bool | None = True, ago: timedelta = timedelta(0)) -> Sighting:
    return seen(
        WEBHOOK_FIELD_SUBSCRIBED.reading(APP, value),
        WEBHOOK_ACTIVE.reading(APP, is_active),
        ago=ago,
        interval=SLOW,
    )


@pytest.mark.parametrize(
    ("value", "what", "missing"),
    [
        ({"messages": False, "security": True}, "1 webhook field is not subscribed", "messages"),
        ({"security": False, "messages": False}, "2 webhook fields are not subscribed", "messages, security"),
    ],
)
def test_missing_field_warns(value: dict[str, bool], what: str, missing: str) -> None:
    verdict = check_fields(view(APP, fields(value)), NoParams(), NOW)

    assert verdict == firing(Severity.WARNING, NOW, what, evidence=[("Missing", missing)])


@pytest.mark.parametrize("value", [{"messages": True}, {}])
def test_subscribed_fields_are_clear(value: dict[str, bool]) -> None:
    assert check_fields(view(APP, fields(value, ago=MINUTE)), NoParams(), NOW) == clear(NOW - MINUTE)


def test_fields_of_an_inactive_webhook_neither_open_nor_close_anything() -> None:
    picture = view(APP, fields({"messages": False}, is_active=False))

    assert check_fields(picture, NoParams(), NOW) == unknown(NOW)


def test_fields_that_are_not_known_are_unknown() -> None:
    pictures = (view(APP), view(APP, fields(None)), view(APP, fields({"messages": False}, ago=OLD)))

    assert [check_fields(picture, NoParams(), NOW) for picture in pictures] == [unknown(NOW)] * 3


# --- the callback URL and its override --------------------------------------------------------------------------------


def test_callback_that_differs_warns_and_tells_where_webhooks_go() -> None:
    drifted = WEBHOOK_CALLBACK_MATCHES.reading(APP, False, raw="https://elsewhere.example.com/wa")

    assert check_callback(view(APP, seen(drifted)), NoParams(), NOW) == firing(
        Severity.WARNING,
        NOW,
        "Callback URL is not the expected one",
        evidence=[("Meta sends webhooks to", "https://elsewhere.example.com/wa")],
    )


def test_override_that_differs_warns_and_tells_where_webhooks_go() -> None:
    drifted = WEBHOOK_OVERRIDE_MATCHES.reading(WABA, False, raw="https://elsewhere.example.com/wa")

    assert check_override(view(WABA, seen(drifted)), NoParams(), NOW) == firing(
        Severity.WARNING,
        NOW,
        "Override of the callback URL is not the expected one",
        evidence=[("Meta sends webhooks to", "https://elsewhere.example.com/wa")],
    )


def test_matching_url_is_clear() -> None:
    callback, override = WEBHOOK_CALLBACK_MATCHES.reading(APP, True), WEBHOOK_OVERRIDE_MATCHES.reading(WABA, True)

    assert check_callback(view(APP, seen(callback, ago=MINUTE)), NoParams(), NOW) == clear(NOW - MINUTE)
    assert check_override(view(WABA, seen(override, ago=MINUTE)), NoParams(), NOW) == clear(NOW - MINUTE)


def test_nothing_to_compare_is_no_subject_of_the_rule() -> None:
    callback, override = WEBHOOK_CALLBACK_MATCHES.reading(APP, None), WEBHOOK_OVERRIDE_MATCHES.reading(WABA, None)

    assert check_callback(view(APP), NoParams(), NOW) is None
    assert check_callback(view(APP, seen(callback)), NoParams(), NOW) is None
    assert check_override(view(WABA, seen(override)), NoParams(), NOW) is None


def test_open_alert_clears_when_there_is_nothing_left_to_compare() -> None:
    drifted, gone = WEBHOOK_OVERRIDE_MATCHES.reading(WABA, False), WEBHOOK_OVERRIDE_MATCHES.reading(WABA, None)
    picture = view(WABA, seen(drifted, ago=MINUTE), seen(gone), open_severity=Severity.WARNING)

    assert check_override(picture, NoParams(), NOW) == clear(NOW)


def test_drift_is_not_over_because_the_webhook_went_inactive() -> None:
    drifted = WEBHOOK_CALLBACK_MATCHES.reading(APP, False)
    gone = (WEBHOOK_CALLBACK_MATCHES.reading(APP, None), WEBHOOK_ACTIVE.reading(APP, False))
    picture = view(APP, seen(drifted, ago=MINUTE), seen(*gone), open_severity=Severity.WARNING)

    assert check_callback(picture, NoParams(), NOW) == unknown(NOW)


def test_old_comparison_is_unknown() -> None:
    callback = seen(WEBHOOK_CALLBACK_MATCHES.reading(APP, False), ago=OLD, interval=SLOW)
    override = seen(WEBHOOK_OVERRIDE_MATCHES.reading(WABA, False), ago=15 * MINUTE)

    assert check_callback(view(APP, callback), NoParams(), NOW) == unknown(NOW)
    assert check_override(view(WABA, override), NoParams(), NOW) == unknown(NOW)


def test_both_drifts_go_by_one_name() -> None:
    names = {rule.alertname(Severity.WARNING) for rule in (CALLBACK_DRIFT, OVERRIDE_DRIFT)}

    assert names == {"WhatsAppWebhookCallbackDrift"}


@pytest.mark.parametrize("rule", [LOST, FIELD_MISSING, CALLBACK_DRIFT, OVERRIDE_DRIFT], ids=lambda rule: rule.name)
def test_webhooks_must_be_seen_wrong_twice(rule: Rule) -> None:
    assert rule.timing.min_observations == 2
