"""Alerts for Alertmanager: pushed to every peer again and again, because there an alert ends when nobody repeats it.

Source: Prometheus "Sending alerts" and "Alerts API" (API v2), read 2026-11.
"""

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol, TypeAlias
from urllib.parse import urlsplit

from wamon.core.alerting import Alert, AlertState, Severity, Transition, TransitionKind
from wamon.core.errors import StoreError, WamonError
from wamon.core.ports import Rule
from wamon.core.state import State
from wamon.core.timing import Clock
from wamon.notify.details import Links
from wamon.notify.http import HttpClient, NoAnswer, Unsendable, host_of

log = logging.getLogger(__name__)

PERIOD: Final = timedelta(minutes=1)
# An alert outlives a restart of wamon, or a peer's outage, of this length (ALERTING section 9).
LIFETIME: Final = timedelta(minutes=15)
# That one is there to end soon when nobody repeats it.
WATCHDOG_LIFETIME: Final = timedelta(minutes=5)
WATCHDOG: Final = "WamonWatchdog"
AT_ONCE: Final = 500
TIMEOUT_SECONDS: Final = 10.0
WELL_SECONDS: Final = 5.0
# Many alerts that open one after the other go together.
LEAST_PAUSE_SECONDS: Final = 1.0

LabelSet: TypeAlias = tuple[tuple[str, str], ...]


class AlertmanagerObserver(Protocol):
    """Who counts pushes; the outcomes are ok, failed (tried again) and rejected (a human must mend it)."""

    def pushed(self, peer: str, outcome: str, alerts: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pushed:
    """One of Alertmanager's alerts, whose identity is its labels; `ended_at` is None while it fires."""

    annotations: Mapping[str, str]
    started_at: datetime
    ended_at: datetime | None = None

    def form(self, labels: LabelSet, generator_url: str | None, now: datetime) -> dict[str, Any]:
        # The clock may have gone back since: an end is never ahead, and never before its start.
        ends_at = now + LIFETIME if self.ended_at is None else min(self.ended_at, now)
        return _form(labels, self.annotations, min(self.started_at, ends_at), ends_at, generator_url)


class AlertmanagerPush:
    """Keeps every peer's picture of the pushed rules' alerts like ours. Each peer has its own failures and pace.

    `is_pushed` tells by a rule's name whether its alerts go here, `labels` gives an alert's identity labels (account
    included). `recent` reads the transitions since a moment: what ended just before a restart is told after it.
    `is_well` gives the reasons why wamon is not well, none for well; while there are some, the watchdog is left to end.
    `instance` tells this watchdog from those of other wamons.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        state: Callable[[], State],
        rules: Iterable[Rule],
        is_pushed: Callable[[str], bool],
        labels: Callable[[Alert], Mapping[str, str]],
        recent: Callable[[datetime], Awaitable[Sequence[Transition]]],
        is_well: Callable[[], Awaitable[tuple[str, ...]]],
        instance: str,
        links: Links,
        clock: Clock,
        random: random.Random,
        observer: AlertmanagerObserver,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._state = state
        self._rules = {rule.name: rule for rule in rules}
        self._is_pushed = is_pushed
        self._labels = labels
        self._recent = recent
        self._is_well = is_well
        self._instance = instance
        self._links = links
        self._clock = clock
        self._client = HttpClient(timeout_seconds=timeout_seconds)
        self._peers = [_Peer(url, self._client, clock, random, observer) for url in urls]
        self._started_at = clock.now()
        self._firing: dict[LabelSet, _Pushed] = {}
        self._ended: dict[LabelSet, _Pushed] = {}
        self._is_recalled = False

    @property
    def peers(self) -> tuple[str, ...]:
        """What each peer is called in metrics, logs and problems."""
        return tuple(peer.name for peer in self._peers)

    @property
    def problems(self) -> tuple[str, ...]:
        """What a human must mend, in words, by peer."""
        return tuple(peer.problem for peer in self._peers if peer.problem is not None)

    def wake(self) -> None:
        """Say, after each commit, that alerts may have changed: a peer is told at once of what did."""
        if self._look():
            for peer in self._peers:
                peer.woken.set()

    async def run(self) -> None:
        """Push each minute and when woken, until cancelled."""
        await self._recall()
        async with asyncio.TaskGroup() as group:
            for peer in self._peers:
                group.create_task(peer.run(self._alerts), name=f"push to {peer.name}")

    async def push_once(self) -> None:
        """Push to every peer now: a step of `run`, for whoever moves the time by hand."""
        await self._recall()
        await asyncio.gather(*(peer.push(self._alerts) for peer in self._peers))

    async def close(self) -> None:
        await self._client.close()

    # --- what is pushed -----------------------------------------------------------------------------------------------

    async def _alerts(self) -> list[dict[str, Any]]:
        """Everything that fires, and what ended lately."""
        is_alive = await self._is_alive()
        self._look()
        now = self._clock.now()
        watchdog = (self._watchdog(now),) if is_alive else ()
        known = {**self._ended, **self._firing}
        return [*watchdog, *(each.form(labels, self._links.page, now) for labels, each in known.items())]

    async def _is_alive(self) -> bool:
        """Whether wamon is well. Alerts do not wait for an answer to this for long."""
        try:
            async with asyncio.timeout(WELL_SECONDS):
                return not await self._is_well()
        except (TimeoutError, WamonError):
            return False

    def _look(self) -> bool:
        """Compare the state with what was last seen; whether an alert began or ended here.

        An alert whose severity or name changed is another one to Alertmanager: the old one ends, and a new one begins.
        """
        now = self._clock.now()
        firing = {
            self._label_set(alert): _Pushed(
                annotations=self._annotations(alert), started_at=alert.opened_at or alert.since
            )
            for alert in self._state().alerts.values()
            if alert.is_open and self._is_pushed(alert.rule)
        }
        ended = {labels: replace(each, ended_at=now) for labels, each in self._firing.items() if labels not in firing}
        is_changed = bool(ended) or any(labels not in self._firing for labels in firing)
        self._ended = {
            labels: each
            for labels, each in {**self._ended, **ended}.items()
            if labels not in firing and each.ended_at is not None and now - each.ended_at <= LIFETIME
        }
        self._firing = firing
        return is_changed

    async def _recall(self) -> None:
        """Take up, once, what ended before the start: nobody may have told it."""
        if self._is_recalled:
            return
        try:
            transitions = await self._recent(self._clock.now() - LIFETIME)
        except StoreError as error:
            log.error("alerts that ended before the start end late in Alertmanager", extra={"reason": str(error)})
            transitions = ()
        self._is_recalled = True
        for transition in transitions:
            if self._is_pushed(transition.rule):
                self._ended.update(self._ended_by(transition))

    def _ended_by(self, transition: Transition) -> Iterator[tuple[LabelSet, _Pushed]]:
        """What a transition ended. It does not tell from what severity an alert came: any other one, then.

        To end what never was there does no harm: Alertmanager tells nobody.
        """
        alert = _alert_of(transition)
        match transition.kind:
            case TransitionKind.CLOSE:
                severities = [transition.severity]
            case TransitionKind.RAISE | TransitionKind.LOWER:
                rule = self._rules.get(transition.rule)
                severities = [each for each in (rule.alertnames if rule else Severity) if each != transition.severity]
            case _:
                return
        for severity in severities:
            then = replace(alert, severity=severity)
            yield (
                self._label_set(then),
                _Pushed(annotations=self._annotations(then), started_at=transition.opened_at, ended_at=transition.at),
            )

    def _label_set(self, alert: Alert) -> LabelSet:
        labels = {
            **self._labels(alert),
            "alertname": self._alertname(alert),
            "severity": str(alert.severity),
            "rule": alert.rule,
        }
        if alert.is_rehearsal:
            labels["rehearsal"] = "true"
        return _clean(labels)

    def _alertname(self, alert: Alert) -> str:
        rule = self._rules.get(alert.rule)
        return rule.alertname(alert.severity) if rule else alert.rule

    def _annotations(self, alert: Alert) -> Mapping[str, str]:
        rule = self._rules.get(alert.rule)
        annotations = {"summary": f"rehearsal: {alert.what}" if alert.is_rehearsal else alert.what}
        annotations["description"] = "\n".join(
            (*((rule.meaning,) if rule else ()), *(f"{name}: {value}" for name, value in alert.evidence))
        )
        if alert.is_stale:
            confirmed = alert.last_confirmed_at.astimezone(UTC)
            annotations["cannot_see"] = f"last confirmed {confirmed:%Y-%m-%d %H:%M} UTC"
        if rule is not None:
            annotations["owner"] = str(rule.owner)
            if self._links.runbooks:
                annotations["runbook_url"] = f"{self._links.runbooks}/{self._alertname(alert)}.md"
        return dict(_clean(annotations))

    def _watchdog(self, now: datetime) -> dict[str, Any]:
        labels = {"alertname": WATCHDOG, "severity": str(Severity.INFO), "rule": WATCHDOG, "instance": self._instance}
        annotations = {
            "summary": "wamon is well",
            "description": "This alert always fires. When it ends, wamon is not well or cannot reach Alertmanager.",
        }
        started_at = min(self._started_at, now)
        return _form(_clean(labels), annotations, started_at, now + WATCHDOG_LIFETIME, self._links.page)


def peer_name(url: str) -> str:
    """What a peer is called in metrics, logs and problems: all of its URL that may be shown."""
    host = host_of(url)
    return f"{host}{urlsplit(url).path.rstrip('/')}" if host else "malformed URL"


# --- one peer ---------------------------------------------------------------------------------------------------------


class _Peer:
    """One Alertmanager, at its own pace."""

    def __init__(
        self, url: str, client: HttpClient, clock: Clock, random: random.Random, observer: AlertmanagerObserver
    ) -> None:
        self.name = peer_name(url)
        self.woken = asyncio.Event()
        self.problem: str | None = None
        self._url = f"{url.rstrip('/')}/api/v2/alerts"
        self._client = client
        self._clock = clock
        self._random = random
        self._observer = observer
        self._failures = 0
        self._is_failing = False
        self._works_at = clock.monotonic()

    async def run(self, alerts: Callable[[], Awaitable[list[dict[str, Any]]]]) -> None:
        while True:
            self.woken.clear()
            await self.push(alerts)
            if self._failures:
                # What happens meanwhile goes out with the next attempt: a peer in trouble is not asked more often.
                await self._clock.sleep(self._backoff_seconds())
            else:
                await self._clock.sleep(LEAST_PAUSE_SECONDS)
                await self._wait_to_be_woken(PERIOD.total_seconds() - LEAST_PAUSE_SECONDS)

    async def push(self, alerts: Callable[[], Awaitable[list[dict[str, Any]]]]) -> None:
        """Send everything once, in pieces. After one that is refused the others are sent, after one that fails not."""
        pushed = await alerts()
        problem: str | None = None
        for start in range(0, len(pushed), AT_ONCE):
            some = pushed[start : start + AT_ONCE]
            outcome, trouble = await self._post(some)
            self._observer.pushed(self.name, outcome, len(some))
            if outcome == "failed":
                self._failed(trouble)
                return
            problem = problem or trouble
        if problem is not None and problem != self.problem:
            log.error("Alertmanager refuses alerts", extra={"peer": self.name, "reason": problem})
        elif problem is None and self._is_failing:
            log.info("Alertmanager takes alerts again", extra={"peer": self.name})
        self.problem = problem
        self._is_failing = problem is not None
        self._failures = 0
        self._works_at = self._clock.monotonic()

    async def _post(self, alerts: list[dict[str, Any]]) -> tuple[str, str | None]:
        """How it went, and what is wrong, in words."""
        body = json.dumps(alerts, ensure_ascii=False, separators=(",", ":")).encode()
        try:
            answer = await self._client.post(self._url, body, {})
        except NoAnswer as exc:
            return "failed", str(exc)
        except Unsendable:
            return "rejected", "a URL in WAMON_ALERTMANAGER_URLS is malformed: write it like http://alertmanager:9093"
        if answer.is_ok:
            return "ok", None
        if answer.status >= 500 or answer.status in (408, 429) or answer.status < 200:
            return "failed", f"status {answer.status}"
        return "rejected", f"Alertmanager {self.name} refused (status {answer.status}): {_step(answer.status)}"

    def _failed(self, trouble: str | None) -> None:
        if not self._is_failing:
            log.warning("Alertmanager does not take alerts", extra={"peer": self.name, "reason": trouble})
        self._is_failing = True
        self._failures += 1
        if self._clock.monotonic() - self._works_at > LIFETIME.total_seconds():
            self.problem = (
                f"Alertmanager {self.name} has taken no alert for so long that all have ended there: {trouble}"
            )

    def _backoff_seconds(self) -> float:
        """From 1 s up, within the period, with chance so that peers and wamons do not go in step."""
        longest = min(2.0 ** min(self._failures, 6), PERIOD.total_seconds())
        return max(self._random.uniform(0, longest), LEAST_PAUSE_SECONDS)

    async def _wait_to_be_woken(self, seconds: float) -> None:
        async with asyncio.TaskGroup() as group:
            waits: set[asyncio.Task[Any]] = {
                group.create_task(self.woken.wait()),
                group.create_task(self._clock.sleep(seconds)),
            }
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for task in waits:
                task.cancel()


def _step(status: int) -> str:
    match status:
        case 401 | 403:
            return "put user and password into its URL in WAMON_ALERTMANAGER_URLS"
        case 400 | 413 | 422:
            return "an alert has a form that it does not take: report it to wamon's makers"
        case _:
            return "WAMON_ALERTMANAGER_URLS must name Alertmanager 0.16 or later itself, with its path prefix if any"


# --- forms ------------------------------------------------------------------------------------------------------------


def _form(
    labels: LabelSet, annotations: Mapping[str, str], starts_at: datetime, ends_at: datetime, generator: str | None
) -> dict[str, Any]:
    """One alert as API v2 takes it."""
    form = {
        "labels": dict(labels),
        "annotations": dict(annotations),
        "startsAt": starts_at.isoformat(timespec="milliseconds"),
        "endsAt": ends_at.isoformat(timespec="milliseconds"),
    }
    return form if generator is None else {**form, "generatorURL": generator}


def _clean(texts: Mapping[str, str]) -> LabelSet:
    """In order, without empty ones, which Alertmanager drops too, and all of it valid UTF-8."""
    return tuple(
        (name, value.encode("utf-8", errors="replace").decode()) for name, value in sorted(texts.items()) if value
    )


def _alert_of(transition: Transition) -> Alert:
    """The alert that a transition is about, as far as it tells."""
    return Alert(
        key=transition.key,
        rule=transition.rule,
        subject=transition.subject,
        state=AlertState.INACTIVE,
        severity=transition.severity,
        since=transition.opened_at,
        last_observed_at=transition.observed_at,
        last_confirmed_at=transition.last_confirmed_at,
        episode=transition.episode,
        ordinal=transition.ordinal,
        opened_at=transition.opened_at,
        what=transition.what,
        evidence=transition.evidence,
        is_rehearsal=transition.is_rehearsal,
    )
