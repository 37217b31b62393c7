"""The demo's world and story in simulated time: the same beats by the same daemon, in seconds and always the same.

An epilogue follows, of what the demo does not tell and dashboards show.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from tests.flows.telling_harness import ANSWER_SECONDS, BotFlow
from tests.flows.webhooks_harness import WebhookFlow
from tests.notify.ear import Ear, listening
from tests.recording import Recorder, Recording
from wamon.demo import MANAGERS, MANAGERS_ID, POLL_INTERVAL_SECONDS
from wamon.schedule import Job
from wamon.sim.story import EVERYDAY_MISCHIEF, Beat, story
from wamon.sim.webhooks import Event, body_of, encode

SCRAPED_EVERY: Final = timedelta(minutes=1)
# Minutes of the story, counted as its beats are.
EPILOGUE_AT: Final = 255
ENDS_AT: Final = 300
CALLBACK_URL: Final = "https://hooks.example.com/webhook"
STRANGER: Final = "102290000000099"


class DemoFlow(WebhookFlow, BotFlow):
    """The demo's daemon: both accounts, webhooks, a bot in Slack, and managers who hear what nobody acknowledges."""

    def __init__(self, folder: Path, *, heartbeat_url: str) -> None:
        super().__init__(
            folder,
            accounts=2,
            poll_interval=str(POLL_INTERVAL_SECONDS),
            is_checked=False,
            slack_webhook_url="",
            slack_escalation_mention="<!here>",
            escalation_receiver=f"slack_bot:{MANAGERS_ID}",
            callback_url=CALLBACK_URL,
            heartbeat_url=heartbeat_url,
        )
        self.sender.mischief = EVERYDAY_MISCHIEF
        self.channel.workspace.add_channel(MANAGERS, MANAGERS_ID)

    def jobs(self) -> tuple[Job, ...]:
        """The jobs, each of which counts as started: what the scheduler does that simulated time goes without."""
        return tuple(replace(job, run=partial(self._started, job)) for job in super().jobs())

    async def _started(self, job: Job) -> None:
        self.daemon.instruments.job_started(job.name, 0.0)
        await job.run()

    async def happen(self, beat: Beat) -> None:
        """Let a beat happen, and what somebody presses come through."""
        beat.act(self.world)
        if beat.at_slack is None:
            return
        answered = len(self.channel.ephemerals)
        clicks = len(self.channel.workspace.interactivity.clicks)
        await beat.at_slack(self.channel)
        if len(self.channel.workspace.interactivity.clicks) > clicks:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self.channel.wait_for(lambda _: len(self.channel.ephemerals) > answered)
        await self.told()

    # --- what the demo does not tell ----------------------------------------------------------------------------------

    def decline(self) -> None:
        """What polls see: templates, a number, a token, an override in trouble, and a word that nobody knows."""
        for template, status in zip(self.waba.templates, ("PAUSED", "DISABLED"), strict=False):
            template.status = status
            template.quality = "RED"
            template.correct_category = "MARKETING"
        self.number.health.block(141006, "There is an error with the payment method")
        self.number.status = "A_WORD_OF_TOMORROW"
        self.token.data_access_expires_at = self.clock.now() + timedelta(days=10)
        self.world.subscribe(self.waba.id, self.app.id, override_callback_uri="https://elsewhere.example.com/webhook")
        self.traffic.start(self.number.id, per_hour=240, category="authentication")

    async def alarm(self) -> None:
        """What webhooks tell: of a PIN, of a Flow, of somebody else, and of nothing that can be read or believed."""
        pin: dict[str, object] = {
            "display_phone_number": "15550783881",
            "event": "PIN_CHANGED",
            "requester": "61550000000012",
        }
        trouble = {"event": "ENDPOINT_ERROR_RATE", "flow_id": "33", "error_rate": 14.28, "threshold": 10}
        moved: dict[str, object] = {
            "message_template_id": 1207700,
            "message_template_name": self.waba.templates[0].name,
            "message_template_language": "en_US",
            "previous_category": "UTILITY",
            "new_category": "MARKETING",
        }
        await self.tell("security", pin)
        await self.tell("flows", {**trouble, "alert_state": "ACTIVATED", "message": "The threshold was reached."})
        await self.tell("template_category_update", moved)
        await self.tell("a_field_of_tomorrow", {})
        foreign = Event(waba_id=STRANGER, field="security", at=self.clock.now(), item=pin)
        codes = [await self.post(each) for each in (encode(body_of([foreign])), b"no JSON")]
        assert [*codes, await self.sender.forge(self.app)] == [200, 200, 401]


async def recorded_demo(folder: Path) -> Recording:
    """The whole story, scraped once a simulated minute."""
    async with listening(Ear()) as heartbeat_url, DemoFlow(folder, heartbeat_url=heartbeat_url) as flow:
        recorder = Recorder(flow, every=SCRAPED_EVERY)
        minute = 0.0
        for beat in story(flow.world, flow.traffic):
            await recorder.run(minutes=beat.at_seconds / 60 - minute)
            minute = beat.at_seconds / 60
            await flow.happen(beat)
        await recorder.run(minutes=EPILOGUE_AT - minute)
        flow.decline()
        await recorder.run(minutes=20)
        await flow.alarm()
        await recorder.run(minutes=ENDS_AT - EPILOGUE_AT - 20)
        return recorder.recording()
