"""When a decision of Meta's against the whole account alerts, polled or heard."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.rules.views import DAY, HOUR, MINUTE, NOW, WABA, WABA_ID, seen, view
from wamon.core.alerting import Severity, Truth, Verdict
from wamon.core.health import Sighting, Signal, Subject
from wamon.core.ports import View, clear, firing, unknown
from wamon.probes.account import CAN_SEND, WABA_REVIEW_STATUS, WABA_STATUS
from wamon.rules.account import (
    RESTRICTED,
    RESTRICTION,
    RestrictedParams,
    RestrictionParams,
    check,
    check_restriction,
)
from wamon.webhooks.fields.account_update import (
    RESTRICTION_ACTIVE,
    RESTRICTION_EXPIRY,
    WABA_BAN_DATE,
    WABA_BAN_STATE,
    WABA_CONNECTION,
    WABA_VIOLATION,
)

SINCE = "since 2026-11-22 10:00 UTC"
NO_TIME = timedelta(0)
WELL = (WABA_STATUS.reading(WABA, "ACTIVE"), WABA_REVIEW_STATUS.reading(WABA, "APPROVED"))


def words(status: str | None, review: str | None, *, ago: timedelta = timedelta(0)) -> Sighting:
    return seen(WABA_STATUS.reading(WABA, status), WABA_REVIEW_STATUS.reading(WABA, review), ago=ago)


@pytest.mark.parametrize(
    ("status", "review", "what"),
    [
        ("RESTRICTED", "APPROVED", "Account status RESTRICTED"),
        ("DISABLED", None, "Account status DISABLED"),
        ("ACTIVE", "REJECTED", "Account review REJECTED"),
        (None, "RESTRICTED", "Account review RESTRICTED"),
        ("OTHER", "REJECTED", "Account review REJECTED"),
    ],
)
def test_restriction_fires(status: str | None, review: str | None, what: str) -> None:
    name, value = what.rsplit(" ", 1)

    verdict = check(view(WABA, words(status, review)), RestrictedParams(), NOW)

    assert verdict == firing(Severity.CRITICAL, NOW, what, evidence=[(name, f"{value} {SINCE}")])


@pytest.mark.parametrize(
    ("status", "review"),
    [("ACTIVE", "APPROVED"), ("ACTIVE", "PENDING"), ("PENDING", "APPROVED"), (None, "APPROVED"), ("ACTIVE", None)],
)
def test_account_that_works_or_waits_is_clear(status: str | None, review: str | None) -> None:
    assert check(view(WABA, words(status, review, ago=MINUTE)), RestrictedParams(), NOW) == clear(NOW - MINUTE)


@pytest.mark.parametrize(("status", "review"), [("OTHER", "APPROVED"), ("ACTIVE", "OTHER"), ("OTHER", None)])
def test_unknown_word_may_be_a_ban_and_closes_nothing(status: str, review: str | None) -> None:
    banned = words("DISABLED", "APPROVED", ago=MINUTE)

    assert check(view(WABA, banned, words(status, review)), RestrictedParams(), NOW) == unknown(NOW)


def test_account_without_any_word_is_unknown() -> None:
    pictures = (view(WABA), view(WABA, words(None, None)), view(WABA, words("DISABLED", "REJECTED", ago=15 * MINUTE)))

    assert [check(picture, RestrictedParams(), NOW) for picture in pictures] == [unknown(NOW)] * 3


def test_refusal_code_is_told_as_evidence() -> None:
    picture = view(WABA, seen(WABA_STATUS.reading(WABA, "RESTRICTED", raw="code 368")))

    verdict = check(picture, RestrictedParams(), NOW)

    assert verdict is not None
    assert verdict.evidence == (("Account status", f"RESTRICTED (Meta's word: code 368) {SINCE}"),)


@pytest.mark.parametrize("rule", [RESTRICTED, RESTRICTION])
def test_restriction_is_told_at_once(rule: Any) -> None:
    assert rule.timing.min_observations == 1
    assert rule.timing.for_ == timedelta(0)


# --- what webhooks told -----------------------------------------------------------------------------------------------


def heard(signal: Signal[Any], value: object, *, ago: timedelta, raw: str | None = None) -> Sighting:
    return seen(signal.reading(WABA, value, raw=raw), ago=ago)


def judged(*sightings: Sighting) -> Verdict:
    verdict = check(view(WABA, *sightings), RestrictedParams(), NOW)
    assert verdict is not None
    return verdict


@pytest.mark.parametrize(
    ("signal", "value", "severity", "what"),
    [
        (WABA_BAN_STATE, "DISABLE", Severity.CRITICAL, "Account is disabled"),
        (WABA_BAN_STATE, "SCHEDULE_FOR_DISABLE", Severity.CRITICAL, "Account is about to be disabled"),
        (WABA_CONNECTION, "DELETED", Severity.CRITICAL, "Account was deleted"),
        (WABA_CONNECTION, "OFFBOARDED", Severity.CRITICAL, "Account was cut off from the Cloud API"),
        (WABA_CONNECTION, "PARTNER_REMOVED", Severity.WARNING, "Partner was removed from the account"),
        (WABA_CONNECTION, "PARTNER_APP_UNINSTALLED", Severity.WARNING, "Partner's app was removed from the account"),
        (WABA_VIOLATION, "SCAM", Severity.CRITICAL, "Account violated a policy of Meta's"),
        (WABA_VIOLATION, "OTHER", Severity.CRITICAL, "Account violated a policy of Meta's"),
    ],
)
def test_bad_news_fires_while_polls_still_find_all_well(
    signal: Signal[Any], value: str, severity: Severity, what: str
) -> None:
    verdict = judged(heard(signal, value, ago=5 * MINUTE), seen(*WELL, ago=MINUTE))

    assert (verdict.truth, verdict.severity, verdict.what) == (Truth.TRUE, severity, what)


@pytest.mark.parametrize("polls", [True, False])
def test_what_was_told_holds_at_this_moment(polls: bool) -> None:
    poll = (seen(*WELL, ago=MINUTE),) if polls else ()

    # Its own moment lies before that of polls which may have counted already.
    assert judged(heard(WABA_BAN_STATE, "DISABLE", ago=5 * MINUTE), *poll).observed_at == NOW


@pytest.mark.parametrize(
    ("signal", "value"),
    [(WABA_BAN_STATE, "REINSTATE"), (WABA_CONNECTION, "CONNECTED")],
)
def test_good_news_is_clear(signal: Signal[Any], value: str) -> None:
    assert judged(heard(signal, value, ago=5 * MINUTE), seen(*WELL, ago=MINUTE)) == clear(NOW - MINUTE)
    assert judged(heard(signal, value, ago=5 * MINUTE)) == clear(NOW)


def test_good_news_does_not_outdo_what_polls_see() -> None:
    good = heard(WABA_BAN_STATE, "REINSTATE", ago=2 * MINUTE)

    assert judged(good, words("DISABLED", "APPROVED", ago=MINUTE)).what == "Account status DISABLED"
    assert judged(good, words("ACTIVE", "REJECTED", ago=MINUTE)).what == "Account review REJECTED"


@pytest.mark.parametrize(("status", "review"), [("DISABLED", "APPROVED"), ("ACTIVE", "REJECTED"), ("OTHER", None)])
def test_good_news_while_nobody_sees_leaves_open_what_polls_saw_last(status: str, review: str | None) -> None:
    blind = words(status, review, ago=15 * MINUTE)

    assert judged(blind, heard(WABA_BAN_STATE, "REINSTATE", ago=MINUTE)) == unknown(NOW)


def test_bad_news_is_told_with_all_that_is_known() -> None:
    verdict = judged(
        seen(
            WABA_BAN_STATE.reading(WABA, "DISABLE", raw="DISABLE"),
            WABA_BAN_DATE.reading(WABA, datetime(2026, 11, 22, tzinfo=UTC)),
        ),
        heard(WABA_VIOLATION, "SCAM", raw="SCAM; Stop it.", ago=HOUR),
        words("DISABLED", "APPROVED"),
    )

    assert verdict.what == "Account is disabled"
    assert verdict.evidence == (
        ("Ban", f"DISABLE {SINCE}"),
        ("Day of the ban", "2026-11-22"),
        ("Policy violation", "SCAM; Stop it."),
        ("Told", "2026-11-22 09:00 UTC"),
        (
            "Which means",
            (
                "Meta took messages or offers for a scam. "
                "Say who you are and why you write, and appeal in Business Support Home."
            ),
        ),
        ("Account status", f"DISABLED {SINCE}"),
    )


def test_warning_beside_a_critical_is_critical() -> None:
    verdict = judged(heard(WABA_CONNECTION, "PARTNER_REMOVED", ago=MINUTE), words("DISABLED", None))

    assert (verdict.severity, verdict.what) == (Severity.CRITICAL, "Account status DISABLED")


# --- what polls prove -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signal", "value"),
    [(WABA_BAN_STATE, "DISABLE"), (WABA_CONNECTION, "DELETED"), (WABA_CONNECTION, "PARTNER_REMOVED")],
)
@pytest.mark.parametrize(("after", "truth"), [(59 * MINUTE, Truth.TRUE), (60 * MINUTE, Truth.FALSE)])
def test_poll_that_finds_the_account_well_an_hour_later_outdoes_it(
    signal: Signal[Any], value: str, after: timedelta, truth: Truth
) -> None:
    verdict = judged(heard(signal, value, ago=after + MINUTE), seen(*WELL, ago=MINUTE))

    assert verdict.truth is truth


@pytest.mark.parametrize(("state", "truth"), [("AVAILABLE", Truth.FALSE), ("LIMITED", Truth.TRUE), (None, Truth.TRUE)])
def test_account_that_lets_messages_be_sent_is_well_too(state: str | None, truth: Truth) -> None:
    sending = CAN_SEND.reading(Subject.sender(WABA_ID, "waba", WABA_ID), state)

    verdict = judged(
        heard(WABA_BAN_STATE, "DISABLE", ago=2 * HOUR), words(None, "APPROVED", ago=MINUTE), seen(sending, ago=MINUTE)
    )

    assert verdict.truth is truth


@pytest.mark.parametrize(("status", "review"), [(None, "APPROVED"), ("PENDING", "APPROVED"), ("OTHER", "APPROVED")])
def test_other_words_of_a_poll_prove_nothing(status: str | None, review: str) -> None:
    verdict = judged(heard(WABA_BAN_STATE, "DISABLE", ago=9 * DAY), words(status, review, ago=MINUTE))

    assert verdict.truth is Truth.TRUE


def test_account_that_was_cut_off_waits_for_its_reconnection() -> None:
    verdict = judged(heard(WABA_CONNECTION, "OFFBOARDED", ago=9 * DAY), seen(*WELL))

    assert verdict.truth is Truth.TRUE


@pytest.mark.parametrize(
    ("day", "truth"),
    [(NOW - 25 * HOUR, Truth.FALSE), (NOW - 24 * HOUR, Truth.TRUE), (NOW + DAY, Truth.TRUE), (None, Truth.TRUE)],
)
def test_announced_ban_is_outdone_only_after_its_day(day: datetime | None, truth: Truth) -> None:
    ban = seen(
        WABA_BAN_STATE.reading(WABA, "SCHEDULE_FOR_DISABLE"), WABA_BAN_DATE.reading(WABA, day), ago=timedelta(days=9)
    )

    assert judged(ban, seen(*WELL)).truth is truth


@pytest.mark.parametrize(("ago", "truth"), [(DAY - MINUTE, Truth.TRUE), (DAY, Truth.FALSE)])
@pytest.mark.parametrize("polls", [True, False])
def test_violation_alerts_for_a_day(ago: timedelta, truth: Truth, polls: bool) -> None:
    poll = (seen(*WELL),) if polls else ()

    assert judged(heard(WABA_VIOLATION, "ADULT", ago=ago), *poll).truth is truth


def test_same_violation_again_alerts_again() -> None:
    verdict = judged(heard(WABA_VIOLATION, "ADULT", ago=9 * DAY), heard(WABA_VIOLATION, "ADULT", ago=HOUR))

    assert verdict.truth is Truth.TRUE


@pytest.mark.parametrize(("ago", "expected"), [(HOUR, unknown(NOW)), (DAY, clear(NOW))])
def test_unknown_word_for_a_ban_says_nothing_for_a_day(ago: timedelta, expected: Verdict) -> None:
    assert judged(heard(WABA_BAN_STATE, "OTHER", ago=ago), seen(*WELL)) == expected


# --- restrictions -----------------------------------------------------------------------------------------------------

MESSAGING = Subject.restriction(WABA_ID, "RESTRICTED_BIZ_INITIATED_MESSAGING")


def restricted(
    subject: Subject, *, ends: datetime | None = None, ago: timedelta = NO_TIME, raw: str | None = None
) -> View:
    return view(
        subject,
        seen(
            RESTRICTION_ACTIVE.reading(subject, True, raw=raw, holds_until=ends),
            RESTRICTION_EXPIRY.reading(subject, ends, holds_until=ends),
            ago=ago,
        ),
    )


def test_restriction_of_messages_is_critical() -> None:
    picture = restricted(MESSAGING, ends=NOW + DAY, ago=HOUR, raw="RESTRICTED_BIZ_INITIATED_MESSAGING; Send less.")

    assert check_restriction(picture, RestrictionParams(), NOW) == firing(
        Severity.CRITICAL,
        NOW,
        "Account is restricted",
        evidence=[
            ("Restriction", "RESTRICTED_BIZ_INITIATED_MESSAGING; Send less."),
            (
                "Which means",
                (
                    "The account may not start conversations; replies are still possible. "
                    "Stop campaigns, and read the reason in Business Support Home."
                ),
            ),
            ("Since", "2026-11-22 09:00 UTC"),
            ("Ends", "2026-11-23 10:00 UTC"),
        ],
    )


@pytest.mark.parametrize(
    ("kind", "severity"),
    [
        ("RESTRICTED_CUSTOMER_INITIATED_MESSAGING", Severity.CRITICAL),
        ("OTHER", Severity.CRITICAL),
        ("RESTRICTED_ADD_PHONE_NUMBER_ACTION", Severity.WARNING),
        ("RESTRICTED_BUSINESS_INITIATED_CALLING", Severity.WARNING),
        ("RESTRICTED_USER_INITIATED_CALLING", Severity.WARNING),
        ("RESTRICTED_BIZ_INITIATED_AND_USER_INITIATED_CALLING", Severity.WARNING),
        ("RESTRICTED_USER_INITIATED_CALLING_CALL_BUTTON_HIDDEN", Severity.WARNING),
        ("RESTRICTED_UTILITY_TEMPLATES", Severity.WARNING),
        ("RESTRICTED_DIRECT_SEND_UTILITY_TEMPLATES", Severity.WARNING),
    ],
)
def test_severity_of_a_restriction(kind: str, severity: Severity) -> None:
    verdict = check_restriction(restricted(Subject.restriction(WABA_ID, kind)), RestrictionParams(), NOW)

    assert verdict is not None
    assert (verdict.truth, verdict.severity) == (Truth.TRUE, severity)


@pytest.mark.parametrize(
    ("ends", "ago", "truth"),
    [
        (NOW + MINUTE, 40 * DAY, Truth.TRUE),
        (NOW, HOUR, Truth.FALSE),
        (NOW - 9 * DAY, 10 * DAY, Truth.FALSE),
        (None, 29 * DAY, Truth.TRUE),
        (None, 30 * DAY, Truth.FALSE),
    ],
)
def test_restriction_ends_by_itself(ends: datetime | None, ago: timedelta, truth: Truth) -> None:
    verdict = check_restriction(restricted(MESSAGING, ends=ends, ago=ago), RestrictionParams(), NOW)

    assert verdict is not None
    assert (verdict.truth, verdict.observed_at) == (truth, NOW)


def test_end_that_meta_did_not_name_is_told_as_such() -> None:
    verdict = check_restriction(restricted(MESSAGING), RestrictionParams(), NOW)

    assert verdict is not None
    assert verdict.evidence[-1] == ("Ends", "Meta named no end")


def test_lifted_restriction_is_clear() -> None:
    lifted = seen(RESTRICTION_ACTIVE.reading(MESSAGING, False), ago=HOUR)

    assert check_restriction(view(MESSAGING, lifted), RestrictionParams(), NOW) == clear(NOW)


def test_restriction_that_nobody_told_of_is_unknown() -> None:
    assert check_restriction(view(MESSAGING), RestrictionParams(), NOW) == unknown(NOW)


@pytest.mark.parametrize("day", [datetime(9999, 12, 31, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)])
@pytest.mark.parametrize("state", ["SCHEDULE_FOR_DISABLE", "DISABLE"])
def test_day_of_a_ban_at_the_end_of_the_calendar_is_bearable(day: datetime, state: str) -> None:
    told = seen(WABA_BAN_STATE.reading(WABA, state), WABA_BAN_DATE.reading(WABA, day), ago=30 * MINUTE)

    assert judged(told).truth is Truth.TRUE
