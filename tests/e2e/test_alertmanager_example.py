"""The shipped example under a real Alertmanager: what Prometheus posts becomes messages of our form in Slack."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.alertmanagers import Alertmanager, alertmanager
from tests.crash.lab import until
from tests.notify.ear import Ear, listening
from wamon.core.timing import SystemClock
from wamon.sim.serve import serve
from wamon.sim.slack import SlackChannel, SlackMessage, slack_app

pytestmark = pytest.mark.alone

ALERTS = Path(__file__).parents[2] / "alerts"
# What the example waits becomes a twenty-fifth, but for the repeats of real alerts, which no test can wait for.
HASTE = 25
LONGEST_HASTENED = timedelta(minutes=10)
UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}
# Longer than the hastened wait, and than the watchdog's pause: what was to be told has been by then.
CALM_SECONDS = 3.0
# Longer than the hastened interval of warnings.
LONGEST_PAUSE_SECONDS = 6.0
STORY_SECONDS = 30
RUNBOOKS = "http://localhost:9877/runbooks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An alert of a shipped rule, and the form in which Prometheus posts it."""

    alert: str
    severity: str
    labels: Mapping[str, str]
    summary: str
    started_at: datetime
    ended_at: datetime | None = None
    description: str = "What Meta said of it."

    def form(self, now: datetime) -> dict[str, Any]:
        own = {"alertname": self.alert, "severity": self.severity, "job": "wamon", "instance": "wamon:9877"}
        return {
            "labels": {**own, **self.labels},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": f"{RUNBOOKS}/{self.alert}",
            },
            "startsAt": self.started_at.isoformat(),
            "endsAt": (self.ended_at or now + timedelta(minutes=4)).isoformat(),
            "generatorURL": "http://prometheus:9090/graph?g0.expr=up&g0.tab=1",
        }


@dataclass
class Stage:
    """Alertmanager by the example, Slack, and the service that the watchdog calls."""

    alertmanager: Alertmanager
    channel: SlackChannel
    dead_man: Ear
    clock: SystemClock = field(default_factory=SystemClock)

    async def post(self, *shown: Shown) -> None:
        now = self.clock.now()
        async with httpx.AsyncClient(base_url=self.alertmanager.url, trust_env=False) as client:
            answer = await client.post("/api/v2/alerts", json=[each.form(now) for each in shown])
        assert answer.status_code == 200

    def shown(self, alert: str, severity: str, summary: str, **labels: str) -> Shown:
        """One that begins now: Alertmanager counts its wait from an alert's start, not from when it hears of it."""
        return Shown(alert=alert, severity=severity, labels=labels, summary=summary, started_at=self.clock.now())

    @property
    def titles(self) -> list[str]:
        return [title_of(message) for message in self.channel.messages]


def title_of(message: SlackMessage) -> str:
    (attachment,) = message.attachments
    return str(attachment["title"])


def text_of(message: SlackMessage) -> str:
    (attachment,) = message.attachments
    return str(attachment["text"])


def hastened(value: Any, key: str = "") -> Any:
    """The configuration with its waits shortened."""
    if isinstance(value, Mapping):
        return {name: hastened(each, name) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [hastened(each, key) for each in value]
    if key not in ("group_wait", "group_interval", "repeat_interval"):
        return value
    match = re.fullmatch(r"(\d+)([smh])", value)
    assert match is not None
    wait = timedelta(**{UNITS[match[2]]: int(match[1])})
    return f"{wait // HASTE // timedelta(milliseconds=1)}ms" if wait <= LONGEST_HASTENED else value


def example(folder: Path, slack_url: str, dead_man_url: str) -> str:
    """The shipped file after the two edits that it asks for, in a hurry; its template is put beside it."""
    folder.mkdir()
    shutil.copy(ALERTS / "slack.tmpl", folder)
    secret = folder / "slack_webhook_url"
    secret.write_text(slack_url, encoding="utf-8")
    configuration = hastened(yaml.safe_load((ALERTS / "alertmanager.yml").read_text(encoding="utf-8")))
    configuration["global"]["slack_api_url_file"] = str(secret)
    (dead_man,) = [each for each in configuration["receivers"] if each["name"] == "dead-man"]
    dead_man["webhook_configs"][0]["url"] = dead_man_url
    return yaml.safe_dump(configuration, allow_unicode=True)


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    clock, dead_man = SystemClock(), Ear()
    channel = SlackChannel(now=clock.now, limits=False)
    async with (
        asyncio.timeout(STORY_SECONDS),
        serve(slack_app(channel)) as slack_url,
        listening(dead_man) as dead_man_url,
        alertmanager(folder, example(folder, f"{slack_url}{channel.webhook_path}", f"{dead_man_url}/ping")) as running,
    ):
        yield Stage(running, channel, dead_man, clock)


def test_alert_reaches_slack_in_our_form_and_its_recovery_too(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage(tmp_path / "am") as it:
            red = it.shown(
                "WhatsAppQualityRatingRed", "critical", "Quality rating RED", phone_number_id="1065", waba_id="1029"
            )
            red = replace(red, started_at=red.started_at - timedelta(hours=2, minutes=10, seconds=5))
            await it.post(replace(red, description="Rated low by <those> who got R&D's messages."))
            await until(lambda: it.channel.messages)
            (message,) = it.channel.messages
            assert title_of(message) == "CRITICAL  Quality rating RED  phone number 1065"
            assert text_of(message).splitlines() == [
                f"Since {red.started_at:%Y-%m-%d %H:%M} UTC",
                "Rated low by &lt;those&gt; who got R&amp;D's messages.",
                f"<{RUNBOOKS}/WhatsAppQualityRatingRed|Runbook>",
            ]
            assert message.attachments[0]["color"] == "danger"
            assert message.attachments[0]["fallback"] == title_of(message)

            over = replace(red, ended_at=it.clock.now())
            await it.post(over)
            await until(lambda: len(it.channel.messages) == 2)
            assert it.titles[1] == "RESOLVED after 2 h 10 min  Quality rating RED  phone number 1065"
            assert text_of(it.channel.messages[1]) == (
                f"Fired {over.started_at:%Y-%m-%d %H:%M} UTC, resolved {over.ended_at:%Y-%m-%d %H:%M} UTC"
            )
            assert it.channel.messages[1].attachments[0]["color"] == "good"

    asyncio.run(story())


def test_cause_is_told_and_its_consequence_is_not(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage(tmp_path / "am") as it:
            await it.post(
                it.shown("WhatsAppSubscriptionLost", "critical", "Subscription lost", waba_id="1029"),
                it.shown("WhatsAppWebhookSilence", "critical", "No webhooks", waba_id="1029"),
                it.shown("WhatsAppWebhookSilence", "critical", "No webhooks", waba_id="2058"),
                it.shown("WhatsAppQualityRatingYellow", "warning", "Quality rating YELLOW", phone_number_id="1065"),
                it.shown("WhatsAppQualityRatingRed", "critical", "Quality rating RED", phone_number_id="1065"),
                it.shown("WhatsAppCannotSend", "critical", "Blocked", scope="phone_number", id="1065", waba_id="77"),
                it.shown("WhatsAppCannotSend", "critical", "Blocked", scope="waba", id="77", waba_id="77"),
                it.shown("WhatsAppPaymentBlocked", "critical", "Payment blocked", waba_id="77"),
            )
            await asyncio.sleep(CALM_SECONDS)
            assert sorted(it.titles) == [
                "CRITICAL  Blocked  phone number 1065",
                "CRITICAL  No webhooks  WABA 2058",
                "CRITICAL  Payment blocked  WABA 77",
                "CRITICAL  Quality rating RED  phone number 1065",
                "CRITICAL  Subscription lost  WABA 1029",
            ]

    asyncio.run(story())


def test_rise_is_told_and_the_former_severity_ends_in_silence(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage(tmp_path / "am") as it:
            number = {"phone_number_id": "1065", "waba_id": "1029"}
            yellow = it.shown("WhatsAppQualityRatingYellow", "warning", "Quality rating YELLOW", **number)
            await it.post(yellow)
            await until(lambda: len(it.channel.messages) == 1)

            red = it.shown("WhatsAppQualityRatingRed", "critical", "Quality rating RED", **number)
            await it.post(red, yellow)
            await until(lambda: len(it.channel.messages) == 2)
            await it.post(red, replace(yellow, ended_at=it.clock.now()))
            await asyncio.sleep(LONGEST_PAUSE_SECONDS)

            assert it.titles == [
                "WARNING  Quality rating YELLOW  phone number 1065",
                "CRITICAL  Quality rating RED  phone number 1065",
            ]

    asyncio.run(story())


def test_alerts_of_a_family_in_one_account_share_a_message_of_bounded_length(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage(tmp_path / "am") as it:
            paused = [
                it.shown(
                    "WhatsAppTemplatePaused",
                    "warning",
                    "Template paused",
                    template=f"order_{number:02}",
                    language="en_US",
                    waba_id="1029",
                )
                for number in range(12)
            ]
            await it.post(*paused)
            await until(lambda: it.channel.messages)
            (message,) = it.channel.messages
            assert title_of(message) == "WARNING  Template paused  12 alerts of WABA 1029"
            assert text_of(message).count("*WARNING  Template paused  template order_") == 10
            assert text_of(message).endswith("and 2 more firing\n")
            assert message.attachments[0]["color"] == "warning"

            await it.post(*(replace(each, ended_at=it.clock.now()) for each in paused[1:]))
            await until(lambda: len(it.channel.messages) == 2)
            assert it.titles[1] == "WARNING  Template paused  template order_00 (en_US) of WABA 1029"
            assert text_of(it.channel.messages[1]).count("*RESOLVED after ") == 10
            assert text_of(it.channel.messages[1]).endswith("and 1 more resolved")

    asyncio.run(story())


def test_watchdog_calls_the_dead_man_again_and_again_and_says_nothing_when_it_ends(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage(tmp_path / "am") as it:
            watchdog = it.shown("WamonWatchdog", "info", "wamon is well")
            await it.post(watchdog)
            await until(lambda: len(it.dead_man.heard) >= 3)
            await it.post(replace(watchdog, ended_at=it.clock.now()))
            await it.alertmanager.shows()
            await asyncio.sleep(CALM_SECONDS)
            calls = list(it.dead_man.heard)
            await asyncio.sleep(CALM_SECONDS)

            assert len(it.dead_man.heard) == len(calls)
            assert {(call.method, call.path, call.json["status"]) for call in calls} == {("POST", "/ping", "firing")}
            assert it.channel.messages == []

    asyncio.run(story())
