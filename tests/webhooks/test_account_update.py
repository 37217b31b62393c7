"""account_update: bans, restrictions with their own end, violations, and the ties of the account."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.webhooks.notices import AT, WABA, WABA_ID, directory, notice, told
from wamon.core.health import Reading, Subject
from wamon.webhooks.field import Heed, WebhookShapeError
from wamon.webhooks.fields.account_update import (
    FIELD,
    RESTRICTION_ACTIVE,
    RESTRICTION_EXPIRY,
    WABA_BAN_DATE,
    WABA_BAN_STATE,
    WABA_CONNECTION,
    WABA_VIOLATED_AT,
    WABA_VIOLATION,
    read,
)

END = datetime(2026, 4, 19, 13, 59, 20, tzinfo=UTC)


def heed(event: object, **value: Any) -> Heed:
    return read(notice("account_update", {"event": event, **value}), directory())


def readings(event: object, **value: Any) -> tuple[Reading, ...]:
    return heed(event, **value).readings


def restriction(kind: str) -> Subject:
    return Subject.restriction(WABA_ID, kind)


# --- bans -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["DISABLE", "SCHEDULE_FOR_DISABLE", "REINSTATE"])
def test_ban_is_kept_with_its_day(state: str) -> None:
    found = heed("DISABLED_UPDATE", ban_info={"waba_ban_state": state, "waba_ban_date": "April 17, 2025"})

    assert found.readings == (
        WABA_BAN_STATE.reading(WABA, state, raw=state),
        WABA_BAN_DATE.reading(WABA, datetime(2025, 4, 17, tzinfo=UTC), raw="April 17, 2025"),
    )
    assert found.asks_poll


def test_day_of_a_ban_may_be_iso() -> None:
    found = heed("DISABLED_UPDATE", ban_info={"waba_ban_state": "DISABLE", "waba_ban_date": "2024-01-01"})

    assert told(found)[WABA, WABA_BAN_DATE.name] == datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("day", [None, "DATE", "", 0, [], {"day": 1}])
def test_day_that_cannot_be_read_does_not_spoil_the_ban(day: object) -> None:
    found = heed("DISABLED_UPDATE", ban_info={"waba_ban_state": "DISABLE", "waba_ban_date": day})

    assert told(found) == {(WABA, WABA_BAN_STATE.name): "DISABLE", (WABA, WABA_BAN_DATE.name): None}


@pytest.mark.parametrize(
    ("states", "state"),
    [
        (["REINSTATE"], "REINSTATE"),
        (["SCHEDULE_FOR_DISABLE", "DISABLE", "REINSTATE"], "DISABLE"),
        (["REINSTATE", "SCHEDULE_FOR_DISABLE"], "SCHEDULE_FOR_DISABLE"),
        (["REINSTATE", "SUSPEND"], "OTHER"),
        (["DISABLE", 7, None], "DISABLE"),
        ([], "OTHER"),
    ],
)
def test_of_a_list_of_states_the_worst_counts(states: list[object], state: str) -> None:
    assert told(heed("DISABLED_UPDATE", ban_info={"waba_ban_state": states}))[WABA, WABA_BAN_STATE.name] == state


def test_unknown_word_for_a_ban_is_kept_beside_other() -> None:
    (state, _) = readings("DISABLED_UPDATE", ban_info={"waba_ban_state": "Suspend"})

    assert (state.value, state.raw, state.is_recognised) == ("OTHER", "Suspend", False)


@pytest.mark.parametrize("ban", [None, "DISABLE", [], {}, {"waba_ban_state": None}, {"waba_ban_state": {}}])
def test_ban_without_a_state_is_not_taken_for_good_news(ban: object) -> None:
    (state, _) = readings("DISABLED_UPDATE", ban_info=ban)

    assert (state.value, state.raw, state.is_recognised) == ("OTHER", "DISABLED_UPDATE without a state", False)


# --- restrictions -----------------------------------------------------------------------------------------------------

KINDS = [
    "RESTRICTED_ADD_PHONE_NUMBER_ACTION",
    "RESTRICTED_BIZ_INITIATED_MESSAGING",
    "RESTRICTED_CUSTOMER_INITIATED_MESSAGING",
    "RESTRICTED_BUSINESS_INITIATED_CALLING",
    "RESTRICTED_USER_INITIATED_CALLING",
    "RESTRICTED_BIZ_INITIATED_AND_USER_INITIATED_CALLING",
    "RESTRICTED_USER_INITIATED_CALLING_CALL_BUTTON_HIDDEN",
    "RESTRICTED_UTILITY_TEMPLATES",
    "RESTRICTED_DIRECT_SEND_UTILITY_TEMPLATES",
]


@pytest.mark.parametrize("kind", KINDS)
def test_restriction_holds_until_its_own_end(kind: str) -> None:
    found = heed("ACCOUNT_RESTRICTION", restriction_info=[{"restriction_type": kind, "expiration": 1776607160}])

    assert found.readings == (
        RESTRICTION_ACTIVE.reading(restriction(kind), True, raw=kind, holds_until=END),
        RESTRICTION_EXPIRY.reading(restriction(kind), END, raw="1776607160", holds_until=END),
    )
    assert found.asks_poll


@pytest.mark.parametrize("expiration", [1776607160, "1776607160", "2026-04-19T13:59:20+0000"])
def test_end_of_a_restriction_is_read_in_every_form(expiration: object) -> None:
    info = [{"restriction_type": "RESTRICTED_UTILITY_TEMPLATES", "expiration": expiration}]

    active, expiry = readings("ACCOUNT_RESTRICTION", restriction_info=info)

    assert (active.holds_until, expiry.value) == (END, END)


@pytest.mark.parametrize("expiration", [None, 0, "", "soon", [], {"at": 1}])
def test_restriction_without_an_end_holds(expiration: object) -> None:
    info = [{"restriction_type": "RESTRICTED_USER_INITIATED_CALLING", "expiration": expiration}]

    active, expiry = readings("ACCOUNT_RESTRICTION", restriction_info=info)

    assert (active.value, active.holds_until, expiry.value) == (True, None, None)


def test_each_of_several_restrictions_is_its_own() -> None:
    info = [
        {"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": 1776607160},
        {"restriction_type": "RESTRICTED_ADD_PHONE_NUMBER_ACTION", "expiration": 1776693560},
    ]

    found = {reading.subject for reading in readings("ACCOUNT_RESTRICTION", restriction_info=info)}

    assert found == {
        restriction("RESTRICTED_BIZ_INITIATED_MESSAGING"),
        restriction("RESTRICTED_ADD_PHONE_NUMBER_ACTION"),
    }


def test_older_word_for_a_restriction_means_the_same() -> None:
    active, _ = readings(
        "ACCOUNT_RESTRICTION", restriction_info={"restriction_type": "RESTRICTION_ON_ADD_PHONE_NUMBER_ACTION"}
    )

    assert active.subject == restriction("RESTRICTED_ADD_PHONE_NUMBER_ACTION")
    assert active.raw == "RESTRICTION_ON_ADD_PHONE_NUMBER_ACTION"


def test_unknown_restriction_is_other_with_metas_words() -> None:
    active, _ = readings(
        "ACCOUNT_RESTRICTION",
        restriction_info=[{"restriction_type": "RESTRICTED_STICKERS", "remediation": "Send fewer stickers."}],
    )

    assert active == RESTRICTION_ACTIVE.reading(
        restriction("OTHER"), True, raw="RESTRICTED_STICKERS; Send fewer stickers.", is_recognised=False
    )


@pytest.mark.parametrize("info", [None, [], "RESTRICTED", [7], [{}], [{"restriction_type": 5}]])
def test_restriction_of_an_unreadable_kind_is_still_one(info: object) -> None:
    active, expiry = readings("ACCOUNT_RESTRICTION", restriction_info=info)

    assert (active.subject, active.value, active.is_recognised) == (restriction("OTHER"), True, False)
    assert (expiry.subject, expiry.value) == (restriction("OTHER"), None)


def test_lifted_direct_send_restriction_ends() -> None:
    found = heed(
        "ACCOUNT_RESTRICTION", violation_info={"violation_type": "DIRECT_SEND_UTILITY_CATEGORY_ABUSE_LEVEL_1_UNBAN"}
    )

    lifted = restriction("RESTRICTED_DIRECT_SEND_UTILITY_TEMPLATES")
    assert told(found) == {(lifted, RESTRICTION_ACTIVE.name): False, (lifted, RESTRICTION_EXPIRY.name): None}


def test_other_lifted_thing_is_no_violation_and_no_restriction() -> None:
    found = heed("ACCOUNT_RESTRICTION", violation_info={"violation_type": "STICKERS_UNBAN"})

    assert found == Heed(asks_poll=True)


# --- violations -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("violation", "kind"),
    [
        ("ADULT", "ADULT"),
        ("scam", "SCAM"),
        ("ALCOHOL", "ALCOHOL"),
        ("USER_INITIATED_CALLS_LOW_PICKUP_RATE", "USER_INITIATED_CALLS_LOW_PICKUP_RATE"),
        ("DIRECT_SEND_UTILITY_CATEGORY_ABUSE_WARNING", "DIRECT_SEND_UTILITY_CATEGORY_ABUSE"),
    ],
)
def test_violation_is_kept_with_its_moment(violation: str, kind: str) -> None:
    found = heed("ACCOUNT_VIOLATION", violation_info={"violation_type": violation})

    assert found.readings == (
        WABA_VIOLATION.reading(WABA, kind, raw=violation),
        WABA_VIOLATED_AT.reading(WABA, AT),
    )


def test_remediation_is_evidence() -> None:
    info = {"violation_type": "GAMBLING", "remediation": "Remove the offer."}

    violation, _ = readings("ACCOUNT_VIOLATION", violation_info=info)

    assert violation == WABA_VIOLATION.reading(WABA, "OTHER", raw="GAMBLING; Remove the offer.", is_recognised=False)


@pytest.mark.parametrize("info", [None, [], "SCAM", {}, {"violation_type": None}, {"violation_type": {}}])
def test_violation_of_an_unreadable_kind_is_still_one(info: object) -> None:
    assert told(heed("ACCOUNT_VIOLATION", violation_info=info)) == {
        (WABA, WABA_VIOLATION.name): "OTHER",
        (WABA, WABA_VIOLATED_AT.name): AT,
    }


def test_violation_beside_a_restriction_is_read_too() -> None:
    found = heed(
        "ACCOUNT_RESTRICTION",
        restriction_info=[{"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING"}],
        violation_info={"violation_type": "SCAM"},
    )

    assert told(found)[restriction("RESTRICTED_BIZ_INITIATED_MESSAGING"), RESTRICTION_ACTIVE.name] is True
    assert told(found)[WABA, WABA_VIOLATION.name] == "SCAM"


# --- ties -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "state"),
    [
        ("ACCOUNT_DELETED", "DELETED"),
        ("ACCOUNT_OFFBOARDED", "OFFBOARDED"),
        ("ACCOUNT_RECONNECTED", "CONNECTED"),
        ("PARTNER_ADDED", "CONNECTED"),
        ("PARTNER_APP_INSTALLED", "CONNECTED"),
        ("PARTNER_REMOVED", "PARTNER_REMOVED"),
        ("PARTNER_APP_UNINSTALLED", "PARTNER_APP_UNINSTALLED"),
    ],
)
def test_tie_of_the_account_is_kept(event: str, state: str) -> None:
    found = heed(event, waba_info={"waba_id": WABA_ID, "owner_business_id": "2329417887457253"})

    assert found == Heed(readings=(WABA_CONNECTION.reading(WABA, state, raw=event),), asks_poll=True)


def test_disconnection_tells_why_and_by_whom() -> None:
    (tie,) = readings(
        "PARTNER_REMOVED", disconnection_info={"reason": "PRIMARY_INACTIVITY", "initiated_by": "SYSTEM"}, waba_info=None
    )

    assert tie.raw == "PARTNER_REMOVED; reason PRIMARY_INACTIVITY; initiated by SYSTEM"


@pytest.mark.parametrize("info", [None, [], "why", {"reason": []}])
def test_mistyped_disconnection_does_not_spoil_the_event(info: object) -> None:
    (tie,) = readings("PARTNER_REMOVED", disconnection_info=info)

    assert (tie.value, tie.raw) == ("PARTNER_REMOVED", "PARTNER_REMOVED")


def test_event_about_another_account_is_not_put_on_this_one() -> None:
    assert heed("ACCOUNT_DELETED", waba_info={"waba_id": "9"}) == Heed(asks_poll=True)


# --- the rest ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        "PARTNER_CLIENT_CERTIFICATION_STATUS_UPDATE",
        "AD_ACCOUNT_LINKED",
        "AUTH_INTL_PRICE_ELIGIBILITY_UPDATE",
        "BUSINESS_PRIMARY_LOCATION_COUNTRY_UPDATE",
        "MM_LITE_TERMS_SIGNED",
        "VOLUME_BASED_PRICING_TIER_UPDATE",
    ],
)
def test_business_as_usual_is_left_alone(event: str) -> None:
    assert heed(event, volume_tier_info={"tier": "0:250000"}) == Heed()


@pytest.mark.parametrize("event", ["VERIFIED_ACCOUNT", "ACCOUNT_UPDATE", "SOMETHING_NEW"])
def test_other_events_ask_for_a_poll_only(event: str) -> None:
    assert heed(event, phone_number="16505551111") == Heed(asks_poll=True)


@pytest.mark.parametrize("event", [None, "", 7, ["DISABLED_UPDATE"]])
def test_notice_without_an_event_has_not_the_documented_form(event: object) -> None:
    with pytest.raises(WebhookShapeError):
        heed(event)


def test_field_declares_what_it_reads() -> None:
    assert FIELD.name == "account_update"
    assert {signal.name for signal in FIELD.signals} == {
        "whatsapp_waba_ban_state",
        "whatsapp_waba_ban_timestamp_seconds",
        "whatsapp_waba_restriction_active",
        "whatsapp_waba_restriction_expires_timestamp_seconds",
        "whatsapp_waba_last_violation",
        "whatsapp_waba_last_violation_timestamp_seconds",
        "whatsapp_waba_connection",
    }
    assert all(signal.is_event for signal in FIELD.signals)
