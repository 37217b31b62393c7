"""What happens together is told together: groups, storms, causes with their consequences, and what flaps."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from tests.flows.harness import simulated
from tests.flows.telling_harness import BotFlow, first_line, history_of
from wamon.sim.world import World

QUALITY = "WhatsAppQualityRating"
CANNOT_SEND = "WhatsAppCannotSend"
PAYMENT = "WhatsAppPaymentBlocked"
CANNOT_SEE = "WamonCannotSee"
UNREACHABLE = "WamonGraphUnreachable"


def fleet(*, accounts: int, numbers: int) -> Callable[[Callable[[], datetime]], World]:
    return lambda now: World.fleet(now, wabas=accounts, numbers_per_waba=numbers)


@simulated
async def test_five_numbers_that_fall_together_are_one_message_to_their_end(tmp_path: Path) -> None:
    async with BotFlow(tmp_path, world=fleet(accounts=1, numbers=6)) as flow:
        numbers = flow.world.numbers_of(flow.waba.id)
        for number in numbers[:5]:
            number.quality_rating = "YELLOW"
        await flow.run(minutes=4)

        assert await flow.transitions(QUALITY) == [("open", "warning")] * 5
        assert flow.metric("wamon_alerts", alertname="WhatsAppQualityRatingYellow", state="firing") == 5
        assert flow.headlines == [
            f"WARNING  Quality rating YELLOW  5 phone numbers of Account 001 (WABA {flow.waba.id})"
        ]
        assert all(f"{number.display_phone_number} (" in flow.root.all_text for number in numbers[:5])
        assert f"{numbers[5].display_phone_number} (" not in flow.root.all_text

        numbers[1].quality_rating = "RED"
        await flow.run(minutes=3)

        red = f"CRITICAL  Quality rating RED  {numbers[1].display_phone_number} (Account 001 line 002)"
        assert flow.replies(flow.root) == [red]
        assert flow.broadcasts(flow.root) == [red]
        assert first_line(flow.root.text).startswith("CRITICAL  Quality rating RED")
        assert "5 phone numbers" in first_line(flow.root.text)

        for number in numbers[:3]:
            number.quality_rating = "GREEN"
        await flow.run(minutes=35)

        assert flow.replies(flow.root)[1:] == ["RESOLVED  3 alerts"]
        assert first_line(flow.root.text).startswith("WARNING  Quality rating YELLOW  2 phone numbers")

        for number in numbers:
            number.quality_rating = "GREEN"
        await flow.run(minutes=35)

        assert flow.replies(flow.root)[2:] == ["RESOLVED  2 alerts"]
        assert flow.broadcasts(flow.root) == [red]
        assert [headline.split("  ")[0].split()[0] for headline in history_of(flow.root)] == [
            "WARNING",
            "CRITICAL",
            "WARNING",
            "RESOLVED",
        ]
        assert flow.open_alerts == []
        assert flow.metric("wamon_alerts", alertname="WhatsAppQualityRatingYellow", state="firing") == 0


@simulated
async def test_storm_during_an_outage_of_slack_is_one_message_for_each_account(tmp_path: Path) -> None:
    async with BotFlow(tmp_path, world=fleet(accounts=12, numbers=17), accounts=12) as flow:
        accounts = list(flow.world.wabas.values())
        outage = flow.channel.faults.add("status")
        for number in flow.world.numbers.values():
            number.quality_rating = "YELLOW"
        flow.world.unsubscribe(accounts[1].id, flow.app.id)
        await flow.run(minutes=4)
        flow.world.numbers_of(accounts[2].id)[3].quality_rating = "RED"
        flow.world.subscribe(accounts[1].id, flow.app.id)
        await flow.run(minutes=26)

        assert flow.channel.messages == []
        assert len(flow.open_alerts) == 12 * 17
        assert flow.metric("wamon_outbox_items", state="due") == 15

        flow.channel.faults.remove(outage)
        await flow.run(minutes=7)

        # 204 numbers fell, one of them lower, and a subscription was lost and found.
        assert len(await flow.announced()) == 204 + 1 + 2
        assert len(flow.channel.messages) == len(flow.roots) == 12 + 1
        assert all("17 phone numbers of Account" in each for each in flow.headlines if "Quality rating" in each)
        assert all("Slack was unreachable" in root.text for root in flow.roots)
        assert flow.metric("wamon_outbox_items", state="due") == 0
        (worse,) = [root for root in flow.roots if root.text.startswith("CRITICAL")]
        assert "10:01 UTC  WARNING  Quality rating YELLOW" in worse.text
        assert "raised to CRITICAL  Quality rating RED" in worse.text
        (unseen,) = [root for root in flow.roots if root.text.startswith("RESOLVED")]
        assert "fired 10:01 UTC, resolved 10:05 UTC, Slack was unreachable: Webhook subscription is lost" in unseen.text


@simulated
async def test_storm_in_more_than_twenty_accounts_is_one_digest(tmp_path: Path) -> None:
    # Polls are spread over a minute: this long each group waits for company.
    patience = "[alerting]\ngroup_wait_seconds = 120"
    async with BotFlow(tmp_path, world=fleet(accounts=25, numbers=3), accounts=25, tables=patience) as flow:
        for number in flow.world.numbers.values():
            number.quality_rating = "YELLOW"
        await flow.run(minutes=10)

        assert len(flow.open_alerts) == 75
        assert first_line(flow.root.text).startswith("WARNING  75 alerts ")
        assert "and 65 more: wamon alerts list" in flow.root.text

        for number in flow.world.numbers.values():
            number.quality_rating = "GREEN"
        await flow.run(minutes=45)

        assert flow.open_alerts == []
        assert first_line(flow.root.text).startswith("RESOLVED after ")
        assert flow.broadcasts(flow.root) == []


@simulated
async def test_storm_that_comes_by_and_by_ends_in_a_digest(tmp_path: Path) -> None:
    async with BotFlow(tmp_path, world=fleet(accounts=40, numbers=2), accounts=40) as flow:
        for number in flow.world.numbers.values():
            number.quality_rating = "RED"
        await flow.run(minutes=5)

        assert len(flow.roots) == 20 + 1
        assert first_line(flow.roots[-1].text).startswith("CRITICAL  40 alerts ")
        assert all("2 phone numbers of Account" in first_line(root.text) for root in flow.roots[:-1])


@simulated
async def test_cause_is_told_and_its_consequences_are_not(tmp_path: Path) -> None:
    async with BotFlow(tmp_path) as flow:
        outage = flow.world.faults.add("refused")
        await flow.run(minutes=125)

        assert flow.open_alerts == [CANNOT_SEE] * 3 + [UNREACHABLE]
        assert flow.metric("wamon_alerts_held", overlay="inhibited") == 3
        assert flow.metric("wamon_alerts", alertname=CANNOT_SEE, severity="critical", state="firing") == 3
        assert first_line(flow.root.text).startswith("CRITICAL  The Graph API is unreachable")
        assert "hides 3 alerts" in flow.root.text

        flow.world.faults.remove(outage)
        await flow.run(minutes=60)

        assert flow.open_alerts == []
        assert [line.split("  ")[0].split()[0] for line in flow.replies(flow.root)] == ["CRITICAL", "RESOLVED"]
        assert all("cannot see" not in message.text.lower() for message in flow.channel.messages)
        assert history_of(flow.root)[-1].startswith("RESOLVED after 2 h")


@simulated
async def test_payment_problem_hides_that_its_account_cannot_send(tmp_path: Path) -> None:
    async with BotFlow(tmp_path) as flow:
        flow.waba.health.block(141006, "Payment method is missing", "Add one in Business settings.")
        await flow.run(minutes=5)

        assert flow.open_alerts == [CANNOT_SEND, PAYMENT]
        assert await flow.transitions(CANNOT_SEND) == [("open", "critical"), ("inhibited", "critical")]
        assert flow.metric("wamon_alerts", alertname=CANNOT_SEND, state="firing") == 1
        assert first_line(flow.root.text) == (
            f"CRITICAL  Messages are blocked by a payment problem  Jasper's Market (WABA {flow.waba.id})"
        )
        assert "hides 1 alert" in flow.root.text

        flow.waba.health.clear()
        await flow.run(minutes=30)

        assert flow.open_alerts == []
        assert [line.split()[0] for line in flow.replies(flow.root)] == ["RESOLVED"]


@simulated
async def test_number_that_flaps_is_told_so_once_and_then_that_it_is_over(tmp_path: Path) -> None:
    async with BotFlow(tmp_path, is_checked=False) as flow:

        async def come_and_go(*, is_held: bool = False) -> None:
            flow.number.health.limit("Quality is low.")
            await flow.run(minutes=3)
            assert flow.metric("wamon_alerts_held", overlay="flapping") == int(is_held)
            flow.number.health.clear()
            await flow.run(minutes=6)

        for _ in range(3):
            await come_and_go()
        before = len(flow.channel.messages)
        await come_and_go(is_held=True)
        root = flow.roots[-1]

        assert before == 6
        assert len(flow.channel.messages) == 7
        assert ("flapping", "warning") in await flow.transitions(CANNOT_SEND)
        assert "flapping" in root.versions[0].text
        assert first_line(root.text).startswith("WARNING  Sending is limited")

        for _ in range(2):
            await come_and_go(is_held=True)

        assert len(flow.channel.messages) == 7
        assert root.edits > 1
        assert "changes in" in root.text

        await flow.run(minutes=180)

        assert flow.open_alerts == []
        assert flow.metric("wamon_alerts_held", overlay="flapping") == 0
        assert len(flow.channel.messages) == 8
        assert [line.split()[0] for line in flow.replies(root)] == ["RESOLVED"]
        assert first_line(root.text).startswith("RESOLVED after ")
        assert "no longer flapping" in root.text
