"""Meta stops or limits sending: what health_status says, and decisions against the whole account."""

from pathlib import Path

import pytest

from tests.flows.harness import Flow, simulated

RULE = "WhatsAppCannotSend"
PAYMENT = "WhatsAppPaymentBlocked"
CAN_SEND = "whatsapp_can_send"


@simulated
async def test_blocked_account_is_told_once_for_all_of_its_numbers(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.waba.health.block(141010, "The business is not verified", "Verify it in Business settings.")
        await flow.run(minutes=3)

        assert flow.metric(CAN_SEND, scope="waba", id=flow.waba.id, state="BLOCKED") == 1
        assert flow.metric("whatsapp_can_send_reason_info", scope="waba", error_code="141010") == 1
        assert flow.metric("whatsapp_phone_number_can_send", phone_number_id=flow.number.id, state="BLOCKED") == 1
        assert await flow.announced() == [(RULE, "open", "critical")]
        assert flow.headlines == [f"CRITICAL  Cannot send  Jasper's Market (WABA {flow.waba.id})"]
        assert "141010 The business is not verified" in flow.last_message

        flow.waba.health.clear()
        await flow.run(minutes=8)

        assert await flow.announced() == [(RULE, "open", "critical"), (RULE, "close", "critical")]
        assert flow.metric("whatsapp_can_send_reason_info", scope="waba") is None


@simulated
async def test_payment_problem_that_a_poll_finds_is_named_and_ends_with_the_poll(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.waba.health.block(141006, "Payment method is missing", "Add one in Business settings.")
        await flow.run(minutes=3)

        assert sorted(await flow.announced()) == [(RULE, "open", "critical"), (PAYMENT, "open", "critical")]

        flow.waba.health.clear()
        await flow.run(minutes=30)

        assert flow.open_alerts == []


@simulated
async def test_business_that_no_longer_owns_the_account_is_no_longer_monitored(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        old = flow.world.business(flow.waba.business_id)
        old.health.block(141010, "The business is not verified")
        await flow.run(minutes=3)
        flow.waba.business_id = flow.world.add_business("New owner").id
        await flow.run(minutes=3)

        assert await flow.announced() == [(RULE, "open", "critical"), (RULE, "close", "critical")]
        assert flow.headlines[-1].startswith(f"no longer monitored after 3 min  Cannot send  business {old.id}")
        assert flow.metric(CAN_SEND, scope="business", id=old.id) is None


@simulated
async def test_limited_sending_warns_under_a_name_of_its_own(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.number.health.limit("Your display name has not been approved yet.")
        await flow.run(minutes=3)

        assert flow.metric(CAN_SEND, scope="phone_number", id=flow.number.id, state="LIMITED") == 1
        assert await flow.announced() == [(RULE, "open", "warning")]
        assert flow.metric("wamon_alerts", alertname="WhatsAppSendLimited", state="firing") == 1
        assert flow.headlines == ["WARNING  Sending is limited  +1 555-078-3881 (Jasper's Market)"]
        assert "Your display name has not been approved yet." in flow.last_message


@simulated
async def test_limit_that_becomes_a_block_is_raised(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.number.health.limit("Quality is low.")
        await flow.run(minutes=3)
        flow.number.health.block(131031, "The account has been locked")
        await flow.run(minutes=1)

        assert await flow.announced() == [(RULE, "open", "warning"), (RULE, "raise", "critical")]


@simulated
async def test_block_of_calling_alone_stays_silent(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.number.health.block_sip()
        await flow.run(minutes=10)

        assert await flow.announced() == []
        assert flow.metric(CAN_SEND, scope="phone_number", id=flow.number.id, state="AVAILABLE") == 1
        assert flow.samples(CAN_SEND, state="BLOCKED") == {}


@pytest.mark.parametrize(
    ("field", "word", "what"),
    [
        ("status", "RESTRICTED", "Account status RESTRICTED"),
        ("status", "DISABLED", "Account status DISABLED"),
        ("account_review_status", "REJECTED", "Account review REJECTED"),
    ],
)
@simulated
async def test_restricted_account_is_told_at_once(tmp_path: Path, field: str, word: str, what: str) -> None:
    async with Flow(tmp_path) as flow:
        setattr(flow.waba, field, word)
        await flow.run(minutes=1)

        assert await flow.announced() == [("WhatsAppAccountRestricted", "open", "critical")]
        assert flow.headlines == [f"CRITICAL  {what}  Jasper's Market (WABA {flow.waba.id})"]

        setattr(flow.waba, field, "ACTIVE" if field == "status" else "APPROVED")
        await flow.run(minutes=8)

        assert flow.open_alerts == []


@simulated
async def test_account_that_meta_answers_only_with_its_lock_is_restricted(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.world.faults.add("error", path=f"/{flow.waba.id}", code=131031, http_status=400, message="locked")
        await flow.run(minutes=1)

        assert await flow.announced() == [("WhatsAppAccountRestricted", "open", "critical")]
