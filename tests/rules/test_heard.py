"""What webhooks tell, from the notice to the opening and closing of its alert, in simulated time."""

from datetime import timedelta
from typing import Any

import pytest

from tests.core.world import MINUTE, NUMBER, WABA, World
from wamon.core.health import Reading, Subject
from wamon.core.state import Heard
from wamon.probes.account import PHONE_NUMBER_INFO, WABA_REVIEW_STATUS, WABA_STATUS
from wamon.rules import account, account_alert, flow, security
from wamon.webhooks.field import Directory, Notice
from wamon.webhooks.fields import FIELDS

WABA_ID = "100"
DAY = 86_400.0
WELL: tuple[Reading, ...] = (WABA_STATUS.reading(WABA, "ACTIVE"), WABA_REVIEW_STATUS.reading(WABA, "APPROVED"))
READERS = {field.name: field.read for field in FIELDS}
RESTRICTED = "WhatsAppAccountRestricted"
RESTRICTION = "WhatsAppRestrictionActive"
MESSAGING = Subject.restriction(WABA_ID, "RESTRICTED_BIZ_INITIATED_MESSAGING")


@pytest.fixture
def world() -> World:
    world = World(*account.RULES, *account_alert.RULES, *security.RULES, *flow.RULES)
    world.poll(PHONE_NUMBER_INFO.reading(NUMBER, {"display_phone_number": "+1 555-078-3881"}), *WELL)
    return world


def hear(world: World, field: str, value: dict[str, Any], *, told_seconds_ago: float = 2, after: float = 5) -> None:
    world.clock.advance(after)
    notice = Notice(
        waba_id=WABA_ID,
        field=field,
        at=world.clock.now() - timedelta(seconds=told_seconds_ago),
        value=value,
        digest=b"0123456789abcdef",
    )
    read = READERS[field]
    assert read is not None
    heed = read(notice, Directory(world.state.snapshot))
    world.take(
        Heard(
            moment=world.clock.moment(),
            field=field,
            observed_at=notice.at,
            interval=MINUTE,
            readings=heed.readings,
            digest=notice.digest,
        )
    )


def ban(world: World, state: str, **how: float) -> None:
    hear(world, "account_update", {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": state}}, **how)


def restrict(world: World, *, ends_in: float | None) -> None:
    end = None if ends_in is None else int(world.clock.now().timestamp() + ends_in)
    info = [{"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": end}]
    hear(world, "account_update", {"event": "ACCOUNT_RESTRICTION", "restriction_info": info})


def change_pin(world: World, **how: float) -> None:
    hear(world, "security", {"event": "PIN_CHANGED", "display_phone_number": "15550783881"}, **how)


def live(world: World, *, seconds: float, polls: bool = True) -> None:
    """Let time pass as the daemon does: a tick every 15 seconds, a poll every minute."""
    for quarter in range(int(seconds // 15)):
        world.tick()
        if polls and quarter % 4 == 3:
            world.poll(*WELL, after=0)


def test_ban_opens_at_once_and_good_news_closes_it(world: World) -> None:
    ban(world, "DISABLE")
    opened = world.kinds(RESTRICTED)
    live(world, seconds=600)
    held = world.kinds(RESTRICTED)
    ban(world, "REINSTATE")
    live(world, seconds=600)

    assert opened == held == ["open"]
    assert world.kinds(RESTRICTED) == ["open", "recovering", "close"]


def test_ban_that_no_webhook_takes_back_ends_when_polls_prove_it(world: World) -> None:
    ban(world, "DISABLE")
    live(world, seconds=3_500)
    held = world.kinds(RESTRICTED)
    live(world, seconds=900)

    assert held == ["open"]
    assert world.kinds(RESTRICTED) == ["open", "recovering", "close"]


def test_ban_outlives_polls_that_fail(world: World) -> None:
    ban(world, "DISABLE")
    live(world, seconds=14_400, polls=False)

    assert world.kinds(RESTRICTED) == ["open"]


def test_ban_that_meta_stamped_before_the_last_poll_counts(world: World) -> None:
    ban(world, "DISABLE")
    ban(world, "REINSTATE")
    live(world, seconds=120)
    recovering = world.picture(RESTRICTED, WABA)
    ban(world, "DISABLE", told_seconds_ago=100)
    live(world, seconds=60)

    assert recovering == "recovering"
    assert world.picture(RESTRICTED, WABA) == "firing"


def test_deletion_holds_until_the_account_is_connected_again(world: World) -> None:
    hear(world, "account_update", {"event": "ACCOUNT_OFFBOARDED"})
    live(world, seconds=7_200)
    held = world.kinds(RESTRICTED)
    hear(world, "account_update", {"event": "ACCOUNT_RECONNECTED"})
    live(world, seconds=600)

    assert held == ["open"]
    assert world.kinds(RESTRICTED) == ["open", "recovering", "close"]


def test_violation_closes_after_a_day_by_the_clock_alone(world: World) -> None:
    hear(world, "account_update", {"event": "ACCOUNT_VIOLATION", "violation_info": {"violation_type": "SCAM"}})
    world.tick(after=DAY - 60)
    held = world.kinds(RESTRICTED)
    live(world, seconds=600, polls=False)

    assert held == ["open"]
    assert world.kinds(RESTRICTED) == ["open", "recovering", "close"]


def test_review_is_judged_from_the_webhook(world: World) -> None:
    hear(world, "account_review_update", {"decision": "REJECTED"})
    opened = world.kinds(RESTRICTED)
    live(world, seconds=600)

    assert opened == ["open"]
    assert world.kinds(RESTRICTED) == ["open", "recovering", "close"]


def test_restriction_closes_at_its_own_end(world: World) -> None:
    restrict(world, ends_in=3_600)
    live(world, seconds=3_540)
    held = world.kinds(RESTRICTION)
    live(world, seconds=120)

    assert held == ["open"]
    assert world.kinds(RESTRICTION) == ["open", "recovering", "close"]


def test_restriction_that_is_renewed_goes_on(world: World) -> None:
    restrict(world, ends_in=3_600)
    live(world, seconds=1_800)
    restrict(world, ends_in=7_200)
    live(world, seconds=3_600)

    assert world.kinds(RESTRICTION) == ["open"]


def test_restriction_that_comes_back_is_told_again(world: World) -> None:
    restrict(world, ends_in=600)
    live(world, seconds=900)
    restrict(world, ends_in=600)

    assert world.kinds(RESTRICTION) == ["open", "recovering", "close", "open"]
    assert world.picture(RESTRICTION, MESSAGING) == "firing"


def test_restriction_without_an_end_is_over_after_a_month(world: World) -> None:
    restrict(world, ends_in=None)
    world.tick(after=29 * DAY)
    held = world.kinds(RESTRICTION)
    world.tick(after=DAY)
    world.tick()

    assert held == ["open"]
    assert world.kinds(RESTRICTION) == ["open", "recovering", "close"]


def test_lifted_restriction_closes(world: World) -> None:
    info = [{"restriction_type": "RESTRICTED_DIRECT_SEND_UTILITY_TEMPLATES", "expiration": "1999999999"}]
    hear(world, "account_update", {"event": "ACCOUNT_RESTRICTION", "restriction_info": info})
    lifted = {"violation_type": "DIRECT_SEND_UTILITY_CATEGORY_ABUSE_UNBAN"}
    hear(world, "account_update", {"event": "ACCOUNT_RESTRICTION", "violation_info": lifted})
    live(world, seconds=60)

    assert world.kinds(RESTRICTION) == ["open", "recovering", "close"]
    assert world.kinds(RESTRICTED) == []


def test_security_event_alerts_for_a_day(world: World) -> None:
    change_pin(world)
    world.tick(after=DAY - 60)
    held = world.kinds("WhatsAppSecurityEvent")
    live(world, seconds=120, polls=False)

    assert held == ["open"]
    assert world.kinds("WhatsAppSecurityEvent") == ["open", "recovering", "close"]


def test_security_event_from_before_the_last_closing_alerts_again(world: World) -> None:
    change_pin(world)
    world.tick(after=DAY)
    world.tick()
    change_pin(world, told_seconds_ago=600)

    assert world.kinds("WhatsAppSecurityEvent") == ["open", "recovering", "close", "open"]


def test_metas_own_alert_rises_and_ends(world: World) -> None:
    for severity, status in (("WARNING", "ACTIVE"), ("CRITICAL", "ACTIVE"), ("CRITICAL", "NONE")):
        info = {"alert_severity": severity, "alert_status": status, "alert_type": "OBA_REJECTED"}
        hear(world, "account_alerts", {"alert_info": info})
    live(world, seconds=60)

    assert world.kinds("WhatsAppAccountAlert") == ["open", "raise", "recovering", "close"]


def test_information_of_metas_is_recorded_only(world: World) -> None:
    info = {"alert_severity": "INFORMATIONAL", "alert_status": "ACTIVE", "alert_type": "OBA_APPROVED"}
    hear(world, "account_alerts", {"alert_info": info})

    assert world.told == []
    assert [change.after for change in world.changes.history] == ["INFORMATIONAL"]


def test_trouble_of_a_flow_opens_and_closes(world: World) -> None:
    value = {"event": "ENDPOINT_AVAILABILITY", "flow_id": "691244242662581", "availability": 75, "threshold": 90}
    hear(world, "flows", {**value, "alert_state": "ACTIVATED"})
    hear(world, "flows", {**value, "alert_state": "DEACTIVATED"})
    live(world, seconds=60)

    assert world.kinds("WhatsAppFlowUnhealthy") == ["open", "recovering", "close"]
