"""What is pushed to Alertmanager: what fires, what ended, and what each peer makes of it."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.fakes import START, FakeClock
from tests.notify.cases import NUMBER, QUALITY, WABA_ID, number
from tests.notify.ear import Ear, listening
from wamon.core.alerting import (
    Alert,
    AlertState,
    CloseReason,
    Severity,
    Transition,
    TransitionKind,
    alert_key,
    annotate,
    close,
)
from wamon.core.errors import StoreError
from wamon.core.health import Subject
from wamon.core.state import State
from wamon.core.timing import Clock
from wamon.notify.alertmanager import AT_ONCE, AlertmanagerPush
from wamon.notify.details import Links

STARTED = "2026-11-22T10:00:00.000+00:00"


def firing(
    severity: Severity = Severity.WARNING,
    *,
    subject: Subject = NUMBER,
    rule: str = QUALITY.name,
    state: AlertState = AlertState.FIRING,
    what: str = "Quality rating YELLOW",
    is_stale: bool = False,
    is_rehearsal: bool = False,
) -> Alert:
    return Alert(
        key=alert_key(rule, subject, is_rehearsal=is_rehearsal),
        rule=rule,
        subject=subject,
        state=state,
        severity=severity,
        since=START,
        last_observed_at=START,
        last_confirmed_at=START,
        episode=1,
        opened_at=START,
        what=what,
        evidence=(("Quality rating", "YELLOW since 09:58"),),
        is_stale=is_stale,
        is_rehearsal=is_rehearsal,
    )


@dataclass
class Bench:
    """The world around a push: a state to change, a clock to move, and what was counted."""

    clock: FakeClock = field(default_factory=FakeClock)
    alerts: tuple[Alert, ...] = ()
    recent: tuple[Transition, ...] = ()
    reasons: tuple[str, ...] = ()
    is_store_broken: bool = False
    pushes: asyncio.Queue[tuple[str, str, int]] = field(default_factory=asyncio.Queue)
    asked_since: list[datetime] = field(default_factory=list)

    def push(
        self, *urls: str, clock: Clock | None = None, links: Links | None = None, timeout_seconds: float = 30.0
    ) -> AlertmanagerPush:
        return AlertmanagerPush(
            urls,
            state=lambda: State(alerts={alert.key: alert for alert in self.alerts}),
            rules=(QUALITY,),
            is_pushed=lambda rule: rule != "NotPushed",
            labels=lambda alert: {**dict(alert.subject.labels), "account": "shop", "empty": ""},
            recent=self._recent,
            is_well=self._is_well,
            instance="wamon-0",
            links=links or Links(runbooks="https://runbooks.example", page="https://wamon.example"),
            clock=clock or self.clock,
            random=random.Random(7),
            observer=self,
            timeout_seconds=timeout_seconds,
        )

    async def _recent(self, since: datetime) -> Sequence[Transition]:
        self.asked_since.append(since)
        if self.is_store_broken:
            raise StoreError("the disk is full")
        return self.recent

    async def _is_well(self) -> tuple[str, ...]:
        return self.reasons

    def pushed(self, peer: str, outcome: str, alerts: int) -> None:
        self.pushes.put_nowait((peer, outcome, alerts))

    def outcomes(self) -> list[str]:
        return [self.pushes.get_nowait()[1] for _ in range(self.pushes.qsize())]


def at_bench(bench: Bench, ear: Ear, scenario: Callable[[AlertmanagerPush], Awaitable[None]]) -> None:
    async def main() -> None:
        async with listening(ear) as url:
            push = bench.push(url, timeout_seconds=ear.timeout_seconds)
            try:
                await scenario(push)
            finally:
                await push.close()

    asyncio.run(main())


def told(ear: Ear, index: int = -1) -> list[dict[str, Any]]:
    """The alerts of one request, without the watchdog."""
    return [each for each in ear.heard[index].json if each["labels"]["alertname"] != "WamonWatchdog"]


def watchdogs(ear: Ear) -> list[dict[str, Any]]:
    return [each for heard in ear.heard for each in heard.json if each["labels"]["alertname"] == "WamonWatchdog"]


def stamp(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


# --- what fires -------------------------------------------------------------------------------------------------------


def test_open_alert_is_pushed_whole() -> None:
    bench, ear = Bench(alerts=(firing(),)), Ear()

    at_bench(bench, ear, lambda push: push.push_once())

    assert [(heard.method, heard.path) for heard in ear.heard] == [("POST", "/api/v2/alerts")]
    assert told(ear) == [
        {
            "labels": {
                "account": "shop",
                "alertname": "QualityYellow",
                "phone_number_id": NUMBER.label("phone_number_id"),
                "rule": "QualityRating",
                "severity": "warning",
                "waba_id": WABA_ID,
            },
            "annotations": {
                "description": "Recipients dislike what this number sends.\nQuality rating: YELLOW since 09:58",
                "owner": "marketing",
                "runbook_url": "https://runbooks.example/QualityYellow.md",
                "summary": "Quality rating YELLOW",
            },
            "startsAt": STARTED,
            "endsAt": stamp(900),
            "generatorURL": "https://wamon.example",
        }
    ]


def test_pushed_again_only_the_end_moves() -> None:
    bench, ear = Bench(alerts=(firing(),)), Ear()

    async def scenario(push: AlertmanagerPush) -> None:
        await push.push_once()
        bench.clock.advance(60)
        await push.push_once()

    at_bench(bench, ear, scenario)

    assert told(ear, 1) == [{**told(ear, 0)[0], "endsAt": stamp(960)}]


def test_without_pages_of_our_own_there_are_no_links() -> None:
    bench, ear = Bench(alerts=(firing(),)), Ear()

    async def main() -> None:
        async with listening(ear) as url:
            push = bench.push(url, links=Links())
            await push.push_once()
            await push.close()

    asyncio.run(main())

    assert "generatorURL" not in told(ear)[0]
    assert "runbook_url" not in told(ear)[0]["annotations"]


@pytest.mark.parametrize("alert", [firing(is_stale=True), firing(state=AlertState.RECOVERING)])
def test_alert_that_is_not_known_to_be_over_stays_firing(alert: Alert) -> None:
    bench, ear = Bench(alerts=(alert,)), Ear()

    at_bench(bench, ear, lambda push: push.push_once())

    (each,) = told(ear)
    assert each["endsAt"] == stamp(900)
    assert each["annotations"].get("cannot_see") == ("last confirmed 2026-11-22 10:00 UTC" if alert.is_stale else None)


@pytest.mark.parametrize(
    "alert", [firing(state=AlertState.PENDING), firing(state=AlertState.INACTIVE), firing(rule="NotPushed")]
)
def test_alert_that_is_not_open_or_not_pushed_is_left_out(alert: Alert) -> None:
    bench, ear = Bench(alerts=(alert,)), Ear()

    at_bench(bench, ear, lambda push: push.push_once())

    assert told(ear) == []


def test_rehearsal_is_marked_and_is_not_the_real_alert() -> None:
    bench, ear = Bench(alerts=(firing(), firing(is_rehearsal=True))), Ear()

    at_bench(bench, ear, lambda push: push.push_once())

    assert [each["labels"].get("rehearsal") for each in told(ear)] == [None, "true"]
    assert told(ear)[1]["annotations"]["summary"].startswith("rehearsal: ")


def test_rule_that_is_gone_is_named_all_the_same() -> None:
    bench, ear = Bench(alerts=(firing(rule="Gone"),)), Ear()

    at_bench(bench, ear, lambda push: push.push_once())

    assert told(ear)[0]["labels"]["alertname"] == "Gone"


def test_text_with_half_a_surrogate_pair_is_sent_as_utf_8() -> None:
    broken = replace(firing(), subject=Subject.template(WABA_ID, "sale\ud83d", "en"), what="bad \ud83d")
    bench, ear = Bench(alerts=(broken,)), Ear()

    at_bench(bench, ear, lambda push: push.push_once())

    assert told(ear)[0]["labels"]["template"] == "sale?"
    assert told(ear)[0]["annotations"]["summary"] == "bad ?"


def test_many_alerts_go_in_pieces() -> None:
    bench, ear = Bench(alerts=tuple(firing(subject=number(index)) for index in range(AT_ONCE + 5))), Ear()

    at_bench(bench, ear, lambda push: push.push_once())

    assert [len(heard.json) for heard in ear.heard] == [AT_ONCE, 6]
    ids = {each["labels"].get("phone_number_id") for heard in ear.heard for each in heard.json}
    assert len(ids - {None}) == AT_ONCE + 5


# --- what ended -------------------------------------------------------------------------------------------------------


def test_closed_alert_is_told_as_ended_for_a_quarter_of_an_hour() -> None:
    bench, ear = Bench(alerts=(firing(),)), Ear()

    async def scenario(push: AlertmanagerPush) -> None:
        await push.push_once()
        bench.clock.advance(120)
        bench.alerts = (firing(state=AlertState.INACTIVE),)
        push.wake()
        for _ in range(16):
            bench.clock.advance(60)
            await push.push_once()

    at_bench(bench, ear, scenario)

    assert [[each["endsAt"] for each in told(ear, index)] for index in range(1, 17)] == [[stamp(120)]] * 15 + [[]]
    assert told(ear, 1)[0]["startsAt"] == STARTED


def test_raised_alert_is_another_one_and_the_old_one_ends() -> None:
    bench, ear = Bench(alerts=(firing(),)), Ear()

    async def scenario(push: AlertmanagerPush) -> None:
        await push.push_once()
        bench.clock.advance(60)
        bench.alerts = (firing(Severity.CRITICAL, what="Quality rating RED"),)
        await push.push_once()

    at_bench(bench, ear, scenario)

    ends = {(each["labels"]["alertname"], each["labels"]["severity"]): each["endsAt"] for each in told(ear)}
    assert ends == {("QualityYellow", "warning"): stamp(60), ("QualityRed", "critical"): stamp(960)}


def test_alert_that_fires_again_is_no_longer_told_as_ended() -> None:
    bench, ear = Bench(alerts=(firing(),)), Ear()

    async def scenario(push: AlertmanagerPush) -> None:
        for severity in (Severity.WARNING, Severity.CRITICAL, Severity.WARNING):
            bench.alerts = (firing(severity),)
            await push.push_once()
            bench.clock.advance(60)

    at_bench(bench, ear, scenario)

    ends = {each["labels"]["severity"]: each["endsAt"] for each in told(ear)}
    assert ends == {"critical": stamp(120), "warning": stamp(1020)}


def test_alert_that_opens_and_closes_between_two_pushes_is_told() -> None:
    bench, ear = Bench(), Ear()

    async def scenario(push: AlertmanagerPush) -> None:
        await push.push_once()
        bench.alerts = (firing(),)
        push.wake()
        bench.clock.advance(10)
        bench.alerts = ()
        push.wake()
        bench.clock.advance(10)
        await push.push_once()

    at_bench(bench, ear, scenario)

    assert [(each["startsAt"], each["endsAt"]) for each in told(ear)] == [(STARTED, stamp(10))]


def test_no_end_lies_ahead_or_before_its_start_when_the_clock_goes_back() -> None:
    bench, ear = Bench(alerts=(firing(),)), Ear()

    async def scenario(push: AlertmanagerPush) -> None:
        await push.push_once()
        bench.alerts = ()
        await push.push_once()
        bench.clock.step(-600)
        await push.push_once()

    at_bench(bench, ear, scenario)

    assert [(each["startsAt"], each["endsAt"]) for each in told(ear)] == [(stamp(-600), stamp(-600))]


def test_what_closed_just_before_a_restart_is_told_after_it() -> None:
    closed = close(firing(), reason=CloseReason.RESOLVED, now=START - timedelta(minutes=5)).transitions
    bench, ear = Bench(recent=closed), Ear()

    async def scenario(push: AlertmanagerPush) -> None:
        await push.push_once()
        await push.push_once()

    at_bench(bench, ear, scenario)

    assert [(each["labels"]["alertname"], each["endsAt"]) for each in told(ear)] == [("QualityYellow", stamp(-300))]
    assert bench.asked_since == [START - timedelta(minutes=15)]


def test_severity_from_before_a_restart_ends_after_it() -> None:
    red = firing(Severity.CRITICAL)
    _, raised = annotate(red, TransitionKind.RAISE, now=START)
    bench, ear = Bench(alerts=(red,), recent=(raised,)), Ear()

    at_bench(bench, ear, lambda push: push.push_once())

    ends = {each["labels"]["severity"]: each["endsAt"] for each in told(ear)}
    assert ends == {"warning": STARTED, "critical": stamp(900)}


def test_what_else_happened_before_a_restart_ends_nothing() -> None:
    _, opened = annotate(firing(), TransitionKind.OPEN, now=START)
    _, other = annotate(firing(rule="NotPushed"), TransitionKind.CLOSE, now=START)
    bench, ear = Bench(recent=(opened, other)), Ear()

    at_bench(bench, ear, lambda push: push.push_once())

    assert told(ear) == []


def test_store_that_cannot_be_read_at_the_start_holds_up_nothing() -> None:
    bench, ear = Bench(alerts=(firing(),), is_store_broken=True), Ear()

    at_bench(bench, ear, lambda push: push.push_once())

    assert len(told(ear)) == 1


# --- the watchdog -----------------------------------------------------------------------------------------------------


def test_watchdog_always_fires_for_its_instance() -> None:
    bench, ear = Bench(), Ear()

    async def scenario(push: AlertmanagerPush) -> None:
        await push.push_once()
        bench.clock.advance(60)
        await push.push_once()

    at_bench(bench, ear, scenario)

    first, second = watchdogs(ear)
    assert first["labels"] == {
        "alertname": "WamonWatchdog",
        "instance": "wamon-0",
        "rule": "WamonWatchdog",
        "severity": "info",
    }
    assert (first["startsAt"], first["endsAt"]) == (STARTED, stamp(300))
    assert second == {**first, "endsAt": stamp(360)}


def test_watchdog_is_left_to_end_while_wamon_is_not_well_and_alerts_are_not() -> None:
    bench, ear = Bench(alerts=(firing(),), reasons=("disk full",)), Ear()

    at_bench(bench, ear, lambda push: push.push_once())

    assert watchdogs(ear) == []
    assert len(told(ear)) == 1


def test_unwell_wamon_without_alerts_pushes_nothing() -> None:
    bench, ear = Bench(reasons=("disk full",)), Ear()

    at_bench(bench, ear, lambda push: push.push_once())

    assert ear.heard == []


def test_not_knowing_whether_wamon_is_well_is_not_well() -> None:
    bench, ear = Bench(alerts=(firing(),)), Ear()

    async def scenario(push: AlertmanagerPush) -> None:
        async def fails() -> tuple[str, ...]:
            raise StoreError("the disk is full")

        push._is_well = fails
        await push.push_once()

    at_bench(bench, ear, scenario)

    assert watchdogs(ear) == []
    assert len(told(ear)) == 1


# --- peers ------------------------------------------------------------------------------------------------------------


def test_every_peer_is_told_and_one_that_is_down_does_not_hold_up_the_others() -> None:
    bench, well, down = Bench(alerts=(firing(),)), Ear(), Ear(status=503)

    async def main() -> AlertmanagerPush:
        async with listening(well) as first, listening(down) as second:
            push = bench.push(second, first)
            await push.push_once()
            await push.close()
        return push

    push = asyncio.run(main())

    assert len(told(well)) == 1
    counted = sorted(bench.pushes.get_nowait() for _ in range(2))
    assert counted == sorted([(push.peers[0], "failed", 2), (push.peers[1], "ok", 2)])


def test_path_prefix_and_user_of_a_peer_are_used_and_the_user_is_not_shown() -> None:
    bench, ear = Bench(), Ear(status=401)

    async def main() -> AlertmanagerPush:
        async with listening(ear) as url:
            push = bench.push(url.replace("//", "//wamon:hunter2@") + "/alertmanager/")
            await push.push_once()
            await push.close()
        return push

    push = asyncio.run(main())

    assert ear.heard[0].path == "/alertmanager/api/v2/alerts"
    assert ear.heard[0].headers["authorization"].startswith("Basic ")
    (peer,) = push.peers
    assert peer.endswith("/alertmanager")
    assert "hunter2" not in f"{peer} {push.problems}"


@pytest.mark.parametrize(
    ("status", "step"), [(400, "makers"), (401, "password"), (403, "password"), (404, "prefix"), (302, "prefix")]
)
def test_refusal_is_a_problem_until_it_ends(status: int, step: str) -> None:
    bench, ear = Bench(), Ear(statuses=[status])

    async def scenario(push: AlertmanagerPush) -> None:
        await push.push_once()
        (problem,) = push.problems
        assert push.peers[0] in problem
        assert step in problem
        await push.push_once()
        assert push.problems == ()

    at_bench(bench, ear, scenario)

    assert bench.outcomes() == ["rejected", "ok"]


def test_piece_that_is_refused_leaves_the_others_be() -> None:
    bench = Bench(alerts=tuple(firing(subject=number(index)) for index in range(AT_ONCE + 5)))
    ear = Ear(statuses=[400])

    async def scenario(push: AlertmanagerPush) -> None:
        await push.push_once()
        assert len(push.problems) == 1

    at_bench(bench, ear, scenario)

    assert bench.outcomes() == ["rejected", "ok"]


@pytest.mark.parametrize("ear", [Ear(status=500), Ear(status=429), Ear(manner="hang"), Ear(manner="reset")])
def test_trouble_becomes_a_problem_when_all_alerts_have_ended_there(ear: Ear) -> None:
    bench = Bench(alerts=(firing(),))

    async def scenario(push: AlertmanagerPush) -> None:
        await push.push_once()
        assert push.problems == ()
        bench.clock.advance(901)
        await push.push_once()
        assert len(push.problems) == 1
        ear.status, ear.manner = 200, "answer"
        await push.push_once()
        assert push.problems == ()

    at_bench(bench, ear, scenario)

    assert bench.outcomes() == ["failed", "failed", "ok"]


def test_malformed_url_is_a_problem() -> None:
    async def main() -> tuple[str, ...]:
        push = Bench().push("alertmanager:9093")
        await push.push_once()
        await push.close()
        return push.problems

    (problem,) = asyncio.run(main())
    assert "malformed" in problem


def test_trouble_is_logged_once_until_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    bench, ear = Bench(), Ear(statuses=[500, 500, 401, 401, 200, 200])

    async def scenario(push: AlertmanagerPush) -> None:
        for _ in range(6):
            await push.push_once()

    at_bench(bench, ear, scenario)

    assert [record.getMessage() for record in caplog.records if record.name == "wamon.notify.alertmanager"] == [
        "Alertmanager does not take alerts",
        "Alertmanager refuses alerts",
        "Alertmanager takes alerts again",
    ]


# --- when -------------------------------------------------------------------------------------------------------------


class LongNights(FakeClock):
    """A clock by which nobody wakes up from more than `patience` seconds."""

    def __init__(self, patience: float) -> None:
        super().__init__()
        self.patience = patience

    async def sleep(self, seconds: float) -> None:
        if seconds > self.patience:
            self.slept.append(seconds)
            await asyncio.Event().wait()
        await super().sleep(seconds)


def running(bench: Bench, ear: Ear, scenario: Callable[[AlertmanagerPush], Awaitable[None]]) -> None:
    async def main(push: AlertmanagerPush) -> None:
        task = asyncio.create_task(push.run())
        try:
            async with asyncio.timeout(10):
                await scenario(push)
        finally:
            task.cancel()
            await asyncio.wait({task})

    at_bench(bench, ear, main)


def test_pushed_each_minute() -> None:
    bench, ear = Bench(alerts=(firing(),)), Ear()

    async def scenario(push: AlertmanagerPush) -> None:
        for _ in range(3):
            await bench.pushes.get()

    running(bench, ear, scenario)

    assert [each["endsAt"] for index in range(3) for each in told(ear, index)] == [stamp(900), stamp(960), stamp(1020)]


def test_woken_it_pushes_at_once_but_only_for_what_changed() -> None:
    bench, ear = Bench(clock=LongNights(1)), Ear()

    async def scenario(push: AlertmanagerPush) -> None:
        await bench.pushes.get()
        push.wake()
        bench.alerts = (firing(),)
        push.wake()
        await bench.pushes.get()
        push.wake()
        bench.alerts = (replace(firing(), last_confirmed_at=START + timedelta(minutes=1)),)
        push.wake()

    running(bench, ear, scenario)

    assert [len(told(ear, index)) for index in range(len(ear.heard))] == [0, 1]


def test_peer_in_trouble_is_asked_again_within_the_minute_and_not_more_often_when_woken() -> None:
    bench, ear = Bench(clock=LongNights(2)), Ear(status=500)

    async def scenario(push: AlertmanagerPush) -> None:
        await bench.pushes.get()
        await bench.pushes.get()
        while bench.clock.slept[-1] <= 2:
            await bench.pushes.get()
        bench.alerts = (firing(),)
        push.wake()
        assert bench.pushes.empty()

    running(bench, ear, scenario)

    assert all(1 <= seconds <= 60 for seconds in bench.clock.slept)
    assert bench.outcomes() == []
