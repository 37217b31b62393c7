"""Who tells: wamon or Alertmanager, a bot or a plain webhook; rehearsals, the weekly digest, the sign of life."""

from datetime import timedelta
from pathlib import Path

from tests.flows.harness import Flow, simulated
from tests.flows.telling_harness import BotFlow, first_line
from tests.notify.ear import Ear, listening
from wamon.schedule import Job

QUALITY = "WhatsAppQualityRating"
RED = "WhatsAppQualityRatingRed"
LOST = "WhatsAppSubscriptionLost"
WHO = "+1 555-078-3881 (Jasper's Market)"


class PushFlow(BotFlow):
    """Besides, it tells Alertmanager, as often as a daemon does."""

    def jobs(self) -> tuple[Job, ...]:
        every = timedelta(minutes=1)
        pushing = Job(name="push", interval=every, first_after=every, run=self._push)
        return (*super().jobs(), pushing)

    async def _push(self) -> None:
        if self.daemon.push is not None:
            await self.daemon.push.push_once()


def mode(word: str) -> str:
    return f'[rules.{QUALITY}]\nmode = "{word}"'


@simulated
async def test_rehearsal_goes_the_real_way_and_is_marked_and_ends_by_itself(tmp_path: Path) -> None:
    async with BotFlow(tmp_path) as flow:
        before = flow.samples("wamon_alerts")
        outcome = await flow.daemon.operations.rehearse(RED, author="anna", lasts=timedelta(minutes=2))
        await flow.run(minutes=1)

        assert outcome.receivers == ("slack_bot",)
        assert first_line(flow.root.text).startswith("rehearsal  CRITICAL  ")
        assert WHO in first_line(flow.root.text)
        assert "rehearsal: nothing is wrong" in flow.root.text
        assert flow.samples("wamon_alerts") == before

        await flow.run(minutes=2)

        assert first_line(flow.root.text).startswith("rehearsal  RESOLVED after 2 min")
        assert [line.split("  ")[:2] for line in flow.replies(flow.root)] == [["rehearsal", "RESOLVED after 2 min"]]
        assert flow.samples("wamon_alerts") == before


@simulated
async def test_rehearsal_does_not_share_the_message_of_what_is_real(tmp_path: Path) -> None:
    async with BotFlow(tmp_path) as flow:
        await flow.daemon.operations.rehearse(RED, author="anna", lasts=timedelta(minutes=10))
        flow.number.quality_rating = "RED"
        await flow.run(minutes=15)

        drill, real = sorted(flow.roots, key=lambda root: "rehearsal" not in root.text)
        assert first_line(drill.text).startswith("rehearsal  RESOLVED after 10 min")
        assert first_line(real.text) == f"CRITICAL  Quality rating RED  {WHO}"
        assert "rehearsal" not in real.text


@simulated
async def test_rule_that_prometheus_tells_of_is_seen_and_not_told(tmp_path: Path) -> None:
    async with BotFlow(tmp_path, tables=mode("prometheus"), is_checked=False) as flow:
        flow.number.quality_rating = "RED"
        flow.world.unsubscribe(flow.waba.id, flow.app.id)
        await flow.run(minutes=5)

        assert flow.open_alerts == [QUALITY, LOST]
        assert await flow.announced() == [(QUALITY, "open", "critical"), (LOST, "open", "critical")]
        assert flow.metric("wamon_alerts", alertname=RED, state="firing") == 1
        assert flow.metric("wamon_alert_mode", alertname=RED, mode="prometheus") == 1
        assert first_line(flow.root.text).startswith("CRITICAL  Webhook subscription is lost")

        # The configuration is changed: from now on wamon tells of it.
        flow.tables = ""
        await flow.restart(gap=timedelta(minutes=1))
        await flow.run(minutes=2)

        _, taken_over = flow.roots
        assert first_line(taken_over.text) == f"CRITICAL  told by wamon from now on  Quality rating RED  {WHO}"

        flow.number.quality_rating = "GREEN"
        await flow.run(minutes=35)

        assert flow.replies(taken_over)[0].startswith("RESOLVED after ")


@simulated
async def test_pushed_rule_goes_to_alertmanager_and_never_to_slack(tmp_path: Path) -> None:
    ear = Ear()
    async with (
        listening(ear) as url,
        PushFlow(tmp_path, tables=mode("push"), alertmanager_urls=url, is_checked=False) as flow,
    ):
        flow.number.quality_rating = "RED"
        flow.world.unsubscribe(flow.waba.id, flow.app.id)
        await flow.run(minutes=5)

        pushed = {alert["labels"]["alertname"] for heard in ear.heard for alert in heard.json}
        assert {heard.path for heard in ear.heard} == {"/api/v2/alerts"}
        assert RED in pushed
        assert LOST not in pushed
        assert first_line(flow.root.text).startswith("CRITICAL  Webhook subscription is lost")
        assert flow.metric("wamon_alert_mode", alertname=RED, mode="push") == 1

        flow.number.quality_rating = "GREEN"
        await flow.run(minutes=35)

        (last,) = [alert for alert in ear.heard[-1].json if alert["labels"]["alertname"] == RED]
        assert last["endsAt"] <= flow.clock.now().isoformat()
        assert [message for message in flow.channel.messages if "Quality" in message.text] == []


@simulated
async def test_plain_webhook_tells_each_news_in_a_message_of_its_own(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        flow.number.quality_rating = "YELLOW"
        await flow.run(minutes=4)
        flow.number.quality_rating = "RED"
        await flow.run(minutes=4)
        flow.number.quality_rating = "GREEN"
        await flow.run(minutes=35)

        assert flow.headlines == [
            f"WARNING  Quality rating YELLOW  {WHO}",
            f"CRITICAL  Quality rating RED  {WHO}",
            f"RESOLVED after 37 min  Quality rating RED  {WHO}",
        ]
        opened, raised, closed = flow.channel.messages
        assert {message.thread_ts for message in flow.channel.messages} == {None}
        assert {message.edits for message in flow.channel.messages} == {0}
        assert all("wamon alerts ack " in message.text for message in (opened, raised))
        assert "wamon alerts ack " not in closed.text
        assert all(block["type"] != "actions" for message in flow.channel.messages for block in message.blocks)


@simulated
async def test_weekly_digest_comes_once_at_its_time(tmp_path: Path) -> None:
    async with BotFlow(tmp_path, weekly_digest="sunday 10:30") as flow:
        flow.number.quality_rating = "RED"
        await flow.run(minutes=25)
        before = len(flow.channel.messages)
        await flow.run(minutes=60)
        await flow.restart(gap=timedelta(minutes=1))
        await flow.run(minutes=60)

        assert before == 1
        _, digest = flow.roots
        assert digest.at.strftime("%H:%M") in ("10:30", "10:31", "10:32", "10:33", "10:34", "10:35")
        assert first_line(digest.text).startswith("wamon, ")


@simulated
async def test_sign_of_life_is_withheld_while_nobody_can_be_told(tmp_path: Path) -> None:
    ear = Ear()
    async with listening(ear) as url, BotFlow(tmp_path, heartbeat_url=url) as flow:
        await flow.run(minutes=5)

        assert len(ear.heard) == 5

        outage = flow.channel.faults.add("status")
        flow.number.quality_rating = "RED"
        await flow.run(minutes=10)
        patient = len(ear.heard)
        await flow.run(minutes=20)

        # A hiccup is no reason; news that nobody has had for ten minutes is.
        assert patient >= 14
        assert len(ear.heard) <= patient + 2
        beat_at = flow.metric("wamon_heartbeat_last_success_timestamp_seconds")
        assert beat_at is not None
        assert flow.clock.now().timestamp() - beat_at > 15 * 60

        flow.channel.faults.remove(outage)
        silent = len(ear.heard)
        await flow.run(minutes=10)

        assert len(ear.heard) > silent
        assert "Slack was unreachable" in flow.root.text
