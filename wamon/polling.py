"""Asks each target when its time has come, and hands what came of it to the engine."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Protocol

from wamon.core.health import Subject
from wamon.core.ports import Probe, ProbeOutcome
from wamon.core.state import Polled
from wamon.core.targets import AccountTarget, AppTarget, InstanceTarget, Target, TokenTarget
from wamon.core.timing import Clock
from wamon.engine import Engine
from wamon.graph.client import GraphClient
from wamon.graph.quota import Decision, QuotaBudget
from wamon.graph.runner import ProbeRun, run_probe
from wamon.schedule import Job, spread

log = logging.getLogger(__name__)

# At the start everything is asked at once, but not all of it in the same moment.
FIRST_ROUND_CONCURRENCY = 10
# Webhooks come in bursts, and what they tell takes a moment to show: one look answers all hints of so many seconds.
HINT_SECONDS = 5.0
# Each look costs calls that the sender shares, however often Meta hints at the same account.
HINT_GAP_SECONDS = 30.0


class PollingObserver(Protocol):
    """Who measures the probes' runs."""

    def probe_run(self, probe: str, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One probe over the target that is this subject.

    The target is a function, since debug_token may tell an app id that nobody configured.
    """

    probe: Probe[Any]
    subject: Subject
    target: Callable[[], Target]
    interval: timedelta

    @property
    def name(self) -> str:
        return f"{self.probe.name} {self.subject}"


class Poller:
    """Runs watches, every second time only while the quota is short; that a call is not made at all the client says."""

    def __init__(
        self, *, client: GraphClient, budget: QuotaBudget, engine: Engine, clock: Clock, observer: PollingObserver
    ) -> None:
        self._client = client
        self._budget = budget
        self._engine = engine
        self._clock = clock
        self._observer = observer
        self._sat_out: set[str] = set()
        self._outcomes: dict[str, ProbeOutcome] = {}
        self._hints: dict[Subject, None] = {}
        self._hints_answered: dict[Subject, float] = {}
        self._hinted = asyncio.Event()

    def hint(self, subject: Subject) -> None:
        """Something is said to have changed there: look soon instead of when it is due."""
        self._hints[subject] = None
        self._hinted.set()

    async def follow_hints(self, watches: Sequence[Watch]) -> None:
        """Answer hints for ever, by those of the watches that are over the subject."""
        while True:
            await self._hinted.wait()
            await self.answer_hints(watches)
            await self._clock.sleep(HINT_SECONDS)

    async def answer_hints(self, watches: Sequence[Watch]) -> None:
        """Look once at everything that was hinted at so far, but for what was looked at a moment ago."""
        now = self._clock.monotonic()
        long_ago = now - HINT_GAP_SECONDS
        due = {subject for subject in self._hints if self._hints_answered.get(subject, long_ago) <= long_ago}
        self._hints_answered |= dict.fromkeys(due, now)
        self._hints = {subject: None for subject in self._hints if subject not in due}
        if not self._hints:
            self._hinted.clear()
        await self.first_round([watch for watch in watches if watch.subject in due])

    def jobs(self, watches: Sequence[Watch]) -> tuple[Job, ...]:
        """One job a watch, spread over its interval; the first round is asked for by `first_round`."""
        return tuple(
            Job(
                name=watch.name,
                interval=watch.interval,
                first_after=watch.interval / 2 + spread(watch.name, watch.interval),
                run=partial(self.poll, watch),
            )
            for watch in watches
        )

    async def first_round(self, watches: Sequence[Watch]) -> None:
        """Ask everything once, in the order given: a fresh start should not look blind for an interval."""
        turn = asyncio.Semaphore(FIRST_ROUND_CONCURRENCY)

        async def one(watch: Watch) -> None:
            async with turn:
                try:
                    await self.poll(watch)
                except Exception:
                    # As in the scheduler: one run is lost, the daemon is not.
                    log.exception("first look failed", extra={"watch": watch.name})

        async with asyncio.TaskGroup() as tasks:
            for watch in watches:
                tasks.create_task(one(watch))

    async def poll(self, watch: Watch) -> None:
        """One run, unless it is sat out to spare the quota."""
        target = watch.target()
        interval = watch.interval
        if self._is_short(watch.probe, target):
            interval *= 2
            if watch.name not in self._sat_out:
                self._sat_out.add(watch.name)
                return
        self._sat_out.discard(watch.name)
        run = await run_probe(self._client, watch.probe, target, clock=self._clock)
        self._observer.probe_run(watch.probe.name, run.duration_seconds)
        self._tell(watch, run)
        await self._engine.observe(
            lambda moment: Polled(
                moment=moment,
                probe=watch.probe.name,
                target=watch.subject,
                outcome=run.outcome,
                observed_at=run.observed_at,
                interval=interval,
                readings=run.readings,
                rosters=run.rosters,
                fault=run.fault,
            )
        )

    def _is_short(self, probe: Probe[Any], target: Target) -> bool:
        """Whether the quota that the probe's questions are charged to calls for half the pace."""
        if isinstance(target, InstanceTarget):
            return False
        waba_id, caller = self._charged(target)
        return self._budget.decide(waba_id, caller=caller, is_essential=probe.is_essential) is Decision.SLOW

    def _charged(self, target: AccountTarget | TokenTarget | AppTarget) -> tuple[str | None, str]:
        """Whose quota it is: that of the WABA, None when it is about none, and that of the caller."""
        match target:
            case AccountTarget():
                return target.waba_id, self._client.caller_of(target.token)
            case TokenTarget():
                return None, target.app_id or self._client.caller_of(target.token)
            case AppTarget():
                return None, target.app_id

    def _tell(self, watch: Watch, run: ProbeRun) -> None:
        """Log how the run ended when the last one ended otherwise: whoever just started wamon looks here first."""
        before = self._outcomes.get(watch.name, ProbeOutcome.OK)
        self._outcomes[watch.name] = run.outcome
        if run.outcome is before:
            return
        about = {"probe": watch.probe.name, "target": str(watch.subject)}
        if run.outcome is ProbeOutcome.OK:
            log.info("probe answers again", extra=about)
        else:
            log.warning("probe failed", extra={**about, "outcome": str(run.outcome), "reason": run.fault})
