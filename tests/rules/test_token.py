"""When an access token alerts: invalid, near its end, lacking a scope, shut out of a WABA."""

from datetime import datetime, timedelta

import pytest

from tests.rules.views import ASSET, DAY, HOUR, MINUTE, NOW, TOKEN, seen, view
from wamon.core.alerting import Severity, Verdict
from wamon.core.error_codes import lookup
from wamon.core.health import NEVER, Sighting
from wamon.core.ports import clear, firing, unknown
from wamon.probes.account import TOKEN_ASSET_ACCESS
from wamon.probes.evidence import TOKEN_VALID
from wamon.probes.token import TOKEN_DATA_ACCESS_EXPIRY, TOKEN_EXPIRY, TOKEN_SCOPE_GRANTED, TOKEN_TARGET_GRANTED
from wamon.rules.token import (
    ASSET_LOST,
    EXPIRING,
    INVALID,
    SCOPE_MISSING,
    ExpiringParams,
    check_asset,
    check_expiring,
    check_invalid,
    check_scopes,
)
from wamon.rules.words import NoParams

OLD = 46 * MINUTE  # older than three intervals of the token probe
SLOW = 15 * MINUTE


# --- invalid ----------------------------------------------------------------------------------------------------------


def invalid(raw: str | None) -> Verdict:
    verdict = check_invalid(view(TOKEN, seen(TOKEN_VALID.reading(TOKEN, False, raw=raw))), NoParams(), NOW)
    assert verdict is not None
    return verdict


@pytest.mark.parametrize(
    ("raw", "answer"), [(None, "is_valid: false"), ("code 999999", "code 999999"), ("expired", "expired")]
)
def test_invalid_token_fires_with_metas_answer(raw: str | None, answer: str) -> None:
    assert invalid(raw) == firing(
        Severity.CRITICAL, NOW, "Access token is not valid", evidence=[("Meta's answer", answer)]
    )


@pytest.mark.parametrize(
    ("raw", "code", "subcode"), [("code 190", 190, None), ("code 190, subcode 460", 190, 460), ("code 102", 102, None)]
)
def test_code_of_the_answer_is_explained(raw: str, code: int, subcode: int | None) -> None:
    known = lookup(code, subcode)

    assert known is not None
    assert invalid(raw).evidence == (("Meta's answer", raw), ("Which means", known.meaning))


def test_subcode_has_a_meaning_of_its_own() -> None:
    assert invalid("code 190, subcode 460").evidence[1] != invalid("code 190").evidence[1]


def test_valid_token_is_clear_and_an_old_answer_is_unknown() -> None:
    valid = TOKEN_VALID.reading(TOKEN, True)

    assert check_invalid(view(TOKEN, seen(valid, ago=MINUTE)), NoParams(), NOW) == clear(NOW - MINUTE)
    assert check_invalid(view(TOKEN, seen(valid, ago=OLD, interval=SLOW)), NoParams(), NOW) == unknown(NOW)
    assert check_invalid(view(TOKEN), NoParams(), NOW) == unknown(NOW)


def test_one_explicit_answer_is_enough() -> None:
    assert INVALID.timing.min_observations == 1


# --- expiring ---------------------------------------------------------------------------------------------------------


def ends(
    token: datetime | None, data: datetime | None = NEVER, *, ago: timedelta = timedelta(0), interval: timedelta = SLOW
) -> Sighting:
    return seen(
        TOKEN_EXPIRY.reading(TOKEN, token),
        TOKEN_DATA_ACCESS_EXPIRY.reading(TOKEN, data),
        ago=ago,
        interval=interval,
    )


def expiring(*sightings: Sighting, open_severity: Severity | None = None) -> Verdict:
    verdict = check_expiring(view(TOKEN, *sightings, open_severity=open_severity), ExpiringParams(), NOW)
    assert verdict is not None
    return verdict


def severity_at(left: timedelta, *, open_severity: Severity | None = None) -> Severity | None:
    verdict = expiring(ends(NOW + left), open_severity=open_severity)
    return verdict.severity if verdict.what else None


W, C = Severity.WARNING, Severity.CRITICAL


@pytest.mark.parametrize(
    ("left", "while_closed", "while_warning", "while_critical"),
    [
        (60 * DAY, None, None, None),
        (17 * DAY, None, None, None),
        (17 * DAY - MINUTE, None, W, W),
        (14 * DAY, None, W, W),
        (14 * DAY - MINUTE, W, W, W),
        (5 * DAY, W, W, W),
        (5 * DAY - MINUTE, W, W, C),
        (2 * DAY, W, W, C),
        (2 * DAY - MINUTE, C, C, C),
        (timedelta(0), C, C, C),
        (-3 * DAY, C, C, C),
    ],
)
def test_days_left_fire_at_one_threshold_and_clear_three_days_above(
    left: timedelta, while_closed: Severity | None, while_warning: Severity | None, while_critical: Severity | None
) -> None:
    assert severity_at(left) is while_closed
    assert severity_at(left, open_severity=W) is while_warning
    assert severity_at(left, open_severity=C) is while_critical


@pytest.mark.parametrize(
    ("token", "data", "what"),
    [
        (NOW + 36 * HOUR, NEVER, "Access token expires in 1 d 12 h"),
        (NEVER, NOW + 36 * HOUR, "Data access ends in 1 d 12 h"),
        (NOW + 10 * DAY, NOW + DAY, "Data access ends in 1 d"),
        (NOW, NEVER, "Access token expired 0 s ago"),
        (NOW - 2 * HOUR, NEVER, "Access token expired 2 h ago"),
        (NEVER, NOW - 2 * DAY, "Data access ended 2 d ago"),
        (None, NOW + DAY, "Data access ends in 1 d"),
        (NOW + DAY, None, "Access token expires in 1 d"),
    ],
)
def test_nearer_end_is_told(token: datetime | None, data: datetime | None, what: str) -> None:
    assert expiring(ends(token, data)).what == what


def test_both_ends_are_evidence() -> None:
    verdict = expiring(ends(NOW + DAY, NEVER))

    assert verdict.evidence == (("Access token expires", "2026-11-23 10:00 UTC"), ("Data access ends", "never"))


def test_token_that_never_expires_is_clear() -> None:
    assert expiring(ends(NEVER, NEVER, ago=MINUTE)) == clear(NOW - MINUTE)


def test_ends_that_are_not_known_are_unknown() -> None:
    assert expiring(ends(None, None)) == unknown(NOW)
    assert expiring() == unknown(NOW)
    assert expiring(ends(NOW + DAY, NEVER, ago=OLD)) == unknown(NOW)


def test_near_end_that_meta_stops_telling_does_not_close_the_alert() -> None:
    assert expiring(ends(NOW + DAY, NEVER, ago=MINUTE), ends(None, NEVER), open_severity=C) == unknown(NOW)


def test_end_that_meta_never_told_does_not_keep_the_rule_from_judging() -> None:
    assert expiring(ends(NEVER, None)) == clear(NOW)


def test_thresholds_can_be_configured() -> None:
    params = ExpiringParams(warning_days=30.0, critical_days=20.0, clear_margin_days=0.0)
    picture = view(TOKEN, ends(NOW + 19 * DAY))

    verdict = check_expiring(picture, params, NOW)

    assert verdict is not None
    assert verdict.severity is Severity.CRITICAL


def test_both_severities_share_one_name() -> None:
    assert {EXPIRING.alertname(severity) for severity in (W, C)} == {"WhatsAppTokenExpiring"}


# --- scopes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scopes", "what"),
    [
        ({"a": False, "b": True}, "Access token lacks a"),
        ({"b": False, "a": False}, "Access token lacks a and b"),
    ],
)
def test_missing_scope_fires(scopes: dict[str, bool], what: str) -> None:
    verdict = check_scopes(view(TOKEN, seen(TOKEN_SCOPE_GRANTED.reading(TOKEN, scopes))), NoParams(), NOW)

    evidence = [(scope, "granted" if scopes[scope] else "missing") for scope in ("a", "b")]
    assert verdict == firing(Severity.CRITICAL, NOW, what, evidence=evidence)


@pytest.mark.parametrize("scopes", [{"a": True}, {}])
def test_granted_scopes_are_clear(scopes: dict[str, bool]) -> None:
    picture = view(TOKEN, seen(TOKEN_SCOPE_GRANTED.reading(TOKEN, scopes), ago=MINUTE))

    assert check_scopes(picture, NoParams(), NOW) == clear(NOW - MINUTE)


def test_scopes_that_are_not_known_are_unknown() -> None:
    pictures = (
        view(TOKEN),
        view(TOKEN, seen(TOKEN_SCOPE_GRANTED.reading(TOKEN, None))),
        view(TOKEN, seen(TOKEN_SCOPE_GRANTED.reading(TOKEN, {"a": False}), ago=OLD, interval=SLOW)),
    )

    assert [check_scopes(picture, NoParams(), NOW) for picture in pictures] == [unknown(NOW)] * 3
    assert SCOPE_MISSING.timing.min_observations == 2


# --- access to the WABA -----------------------------------------------------------------------------------------------

LISTED = ("Token's own list of WABAs", "contains this one")
NOT_LISTED = ("Token's own list of WABAs", "does not contain this one")


def access(can_read: bool | None, is_granted: bool | None, *, raw: str | None = None) -> Sighting:
    return seen(TOKEN_ASSET_ACCESS.reading(ASSET, can_read, raw=raw), TOKEN_TARGET_GRANTED.reading(ASSET, is_granted))


@pytest.mark.parametrize(
    ("can_read", "is_granted", "raw", "evidence"),
    [
        (False, None, "code 200", [("Meta's answer", "code 200")]),
        (False, True, "code 100, subcode 33", [("Meta's answer", "code 100, subcode 33"), LISTED]),
        (False, False, None, [("Meta's answer", "denied"), NOT_LISTED]),
        (None, False, None, [NOT_LISTED]),
    ],
)
def test_denied_or_unlisted_waba_fires(
    can_read: bool | None, is_granted: bool | None, raw: str | None, evidence: list[tuple[str, str]]
) -> None:
    verdict = check_asset(view(ASSET, access(can_read, is_granted, raw=raw)), NoParams(), NOW)

    assert verdict == firing(Severity.CRITICAL, NOW, "Access to the WABA is lost", evidence=evidence)


@pytest.mark.parametrize("is_granted", [True, False, None])
def test_read_that_works_beats_the_list(is_granted: bool | None) -> None:
    assert check_asset(view(ASSET, access(True, is_granted)), NoParams(), NOW) == clear(NOW)


@pytest.mark.parametrize("is_granted", [True, None])
def test_list_alone_proves_no_access(is_granted: bool | None) -> None:
    assert check_asset(view(ASSET, access(None, is_granted)), NoParams(), NOW) == unknown(NOW)
    assert check_asset(view(ASSET), NoParams(), NOW) == unknown(NOW)


def test_old_denial_is_unknown() -> None:
    picture = view(ASSET, seen(TOKEN_ASSET_ACCESS.reading(ASSET, False), ago=15 * MINUTE))

    assert check_asset(picture, NoParams(), NOW) == unknown(NOW)
    assert ASSET_LOST.timing.min_observations == 2
