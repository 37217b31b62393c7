"""A real Alertmanager is pushed to: alerts fire, stay, rise, end, and outlive its restart."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.alertmanagers import alertmanager
from tests.crash.lab import until
from tests.notify.cases import NUMBER, NUMBER_ID, QUALITY, WABA_ID
from tests.notify.ear import Ear, listening
from wamon.core.alerting import Alert, AlertState, Severity, Transition, alert_key
from wamon.core.state import State
from wamon.core.timing import SystemClock
from wamon.notify.alertmanager import AlertmanagerPush
from wamon.notify.details import Links

pytestmark = pytest.mark.alone

# One notification for an incident: all severities of an alert in one group, and the lower one inhibited by the higher.
CONFIGURATION = """
route:
  receiver: people
  group_by: [rule, waba_id, phone_number_id]
  group_wait: 100ms
  group_interval: 300ms
  repeat_interval: 1h
  routes:
    - matchers: [alertname = WamonWatchdog]
      receiver: dead-man
receivers:
  - name: people
    webhook_configs:
      - url: {url}/people
        send_resolved: true
  - name: dead-man
    webhook_configs:
      - url: {url}/dead-man
inhibit_rules:
  - source_matchers: [severity = critical]
    target_matchers: [severity = warning]
    equal: [rule, waba_id, phone_number_id]
"""
# Several of the configured intervals: what would be told again has been by then, and what was told has been noted.
INTERVALS_SECONDS = 1.5


@dataclass
class Desk:
    """The alerts that wamon has, pushed as a daemon would."""

    clock: SystemClock = field(default_factory=SystemClock)
    alerts: tuple[Alert, ...] = ()

    def push(self, *urls: str) -> AlertmanagerPush:
        return AlertmanagerPush(
            urls,
            state=lambda: State(alerts={alert.key: alert for alert in self.alerts}),
            rules=(QUALITY,),
            is_pushed=lambda rule: True,
            labels=lambda alert: dict(alert.subject.labels),
            recent=self._recent,
            is_well=self._is_well,
            instance="wamon-0",
            links=Links(runbooks="https://runbooks.example", page="http://127.0.0.1:9471"),
            clock=self.clock,
            random=random.Random(7),
            observer=self,
        )

    async def _recent(self, since: datetime) -> Sequence[Transition]:
        return ()

    async def _is_well(self) -> tuple[str, ...]:
        return ()

    def pushed(self, peer: str, outcome: str, alerts: int) -> None:
        """Nobody counts here."""

    def opens(self) -> None:
        at = self.clock.now() - timedelta(seconds=30)
        self.alerts = (
            Alert(
                key=alert_key(QUALITY.name, NUMBER),
                rule=QUALITY.name,
                subject=NUMBER,
                state=AlertState.FIRING,
                severity=Severity.WARNING,
                since=at,
                last_observed_at=at,
                last_confirmed_at=at,
                episode=1,
                opened_at=at,
                what="Quality rating YELLOW",
            ),
        )

    def rises(self) -> None:
        self.alerts = tuple(
            replace(alert, severity=Severity.CRITICAL, what="Quality rating RED") for alert in self.alerts
        )

    def closes(self) -> None:
        self.alerts = ()


def configured(receiver_url: str) -> str:
    return CONFIGURATION.format(url=receiver_url)


def told(ear: Ear) -> list[list[tuple[str, str]]]:
    """What people were told: each notification's alerts by name and status."""
    return [
        [(alert["labels"]["alertname"], alert["status"]) for alert in heard.json["alerts"]]
        for heard in ear.heard
        if heard.path == "/people"
    ]


def test_alert_fires_once_rises_and_resolves(tmp_path: Path) -> None:
    async def story() -> None:
        desk, ear = Desk(), Ear()
        async with listening(ear) as receiver, alertmanager(tmp_path / "am", configured(receiver)) as it:
            push = desk.push(it.url)
            desk.opens()
            await push.push_once()
            await until(lambda: len(told(ear)) == 1)
            for _ in range(3):
                await push.push_once()
            await asyncio.sleep(INTERVALS_SECONDS)
            assert told(ear) == [[("QualityYellow", "firing")]]

            desk.rises()
            await push.push_once()
            await until(lambda: len(told(ear)) == 2)
            await it.shows("QualityRed", "WamonWatchdog")
            await push.push_once()
            await asyncio.sleep(INTERVALS_SECONDS)
            assert told(ear)[1:] == [[("QualityRed", "firing")]]

            desk.closes()
            await push.push_once()
            await until(lambda: len(told(ear)) == 3)
            await it.shows("WamonWatchdog")
            await push.push_once()
            await asyncio.sleep(INTERVALS_SECONDS)
            (over,) = told(ear)[2:]
            # Nothing inhibits the lower one any more, which ended before.
            assert set(over) <= {("QualityRed", "resolved"), ("QualityYellow", "resolved")}
            assert ("QualityRed", "resolved") in over
            await push.close()

        people = [heard.json["alerts"][0] for heard in ear.heard if heard.path == "/people"]
        assert people[0]["labels"] == {
            "alertname": "QualityYellow",
            "severity": "warning",
            "rule": "QualityRating",
            "waba_id": WABA_ID,
            "phone_number_id": NUMBER_ID,
        }
        assert people[0]["annotations"]["runbook_url"] == "https://runbooks.example/QualityYellow.md"
        assert people[0]["generatorURL"] == "http://127.0.0.1:9471"
        assert [heard.json["status"] for heard in ear.heard if heard.path == "/dead-man"] == ["firing"]

    asyncio.run(story())


def test_restarted_alertmanager_gets_the_alert_again_and_tells_nobody_twice(tmp_path: Path) -> None:
    async def story() -> None:
        desk, ear = Desk(), Ear()
        async with listening(ear) as receiver, alertmanager(tmp_path / "am", configured(receiver)) as it:
            push = desk.push(it.url)
            desk.opens()
            await push.push_once()
            await until(lambda: len(told(ear)) == 1)
            await asyncio.sleep(INTERVALS_SECONDS)

            await it.stop()
            await push.push_once()
            await it.start()
            await it.shows()
            await push.push_once()
            await it.shows("QualityYellow", "WamonWatchdog")
            await asyncio.sleep(INTERVALS_SECONDS)
            assert told(ear) == [[("QualityYellow", "firing")]]

            desk.closes()
            await push.push_once()
            await until(lambda: len(told(ear)) == 2)
            assert told(ear)[1] == [("QualityYellow", "resolved")]
            await push.close()

    asyncio.run(story())


def test_alert_that_closes_while_its_alertmanager_is_down_is_told_as_resolved(tmp_path: Path) -> None:
    async def story() -> None:
        desk, ear = Desk(), Ear()
        async with listening(ear) as receiver, alertmanager(tmp_path / "am", configured(receiver)) as it:
            push = desk.push(it.url)
            desk.opens()
            await push.push_once()
            await until(lambda: len(told(ear)) == 1)
            await asyncio.sleep(INTERVALS_SECONDS)

            await it.stop()
            desk.closes()
            await push.push_once()
            await it.start()
            await push.push_once()
            await until(lambda: len(told(ear)) == 2)
            assert told(ear)[1] == [("QualityYellow", "resolved")]
            await push.close()

    asyncio.run(story())


def test_every_peer_gets_every_alert_whichever_is_down(tmp_path: Path) -> None:
    async def story() -> None:
        desk, ear = Desk(), Ear()
        async with (
            listening(ear) as receiver,
            alertmanager(tmp_path / "one", configured(receiver)) as one,
            alertmanager(tmp_path / "two", configured(receiver)) as two,
        ):
            push = desk.push(one.url, two.url)
            await one.stop()
            desk.opens()
            await push.push_once()
            await two.shows("QualityYellow", "WamonWatchdog")

            await one.start()
            await push.push_once()
            await one.shows("QualityYellow", "WamonWatchdog")
            assert push.problems == ()
            await push.close()

    asyncio.run(story())
