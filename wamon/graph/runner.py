"""Runs a probe against Meta: drives its generator, and adds what its answers say besides their content."""

import asyncio
import logging
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from wamon.core.errors import Denied, GraphFault, Throttled, Unreachable, WamonError
from wamon.core.health import Reading, Subject
from wamon.core.ports import GraphQuery, JsonObject, Probe, ProbeOutcome, ProbeSteps, Query, Report, TargetT
from wamon.core.state import Roster
from wamon.core.timing import Clock
from wamon.graph.client import GraphClient
from wamon.graph.http import patience_seconds, real_seconds
from wamon.probes.evidence import quota_used, token_accepted, token_denied, version_served

log = logging.getLogger(__name__)

DEADLINE_SECONDS: Final = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRun:
    """How one run of a probe ended.

    `observed_at` is when the first answer or fault came. `readings` holds evidence (version served, quota, a denied
    token) whatever the outcome. `fault` is the reason in words, without a secret; None when the outcome is ok.
    """

    outcome: ProbeOutcome
    observed_at: datetime
    readings: tuple[Reading, ...]
    rosters: tuple[Roster, ...]
    fault: str | None
    duration_seconds: float


async def run_probe(
    client: GraphClient,
    probe: Probe[TargetT],
    target: TargetT,
    *,
    clock: Clock,
    deadline_seconds: float = DEADLINE_SECONDS,
) -> ProbeRun:
    """Ask the probe's questions about the target. Never raises, except to be cancelled."""
    started = clock.monotonic()
    give_up_at = started + patience_seconds(clock, deadline_seconds)
    run = _Run(client, clock, is_essential=probe.is_essential, give_up_at=give_up_at)
    report: Report | None = None
    try:
        async with asyncio.timeout(real_seconds(clock, deadline_seconds)):
            report = await run.drive(probe.run(target))
        outcome, reason = _judge(report.fault)
    except GraphFault as fault:
        outcome, reason = _judge(fault)
    except TimeoutError:
        outcome, reason = ProbeOutcome.UNREACHABLE, f"no report within {deadline_seconds:.3g} s"
    except WamonError as exc:
        outcome, reason = ProbeOutcome.UNEXPECTED, str(exc)
    except Exception as exc:
        # An answer that the probe cannot read, or a fault of our own: this run is lost, the daemon is not. The text of
        # the exception stays in the log, since it may hold what Meta sent.
        log.exception("probe broke", extra={"probe": probe.name, "target": str(target.subject)})
        outcome, reason = ProbeOutcome.UNEXPECTED, f"{type(exc).__name__} while reading the answer: see the log"
    return ProbeRun(
        outcome=outcome,
        observed_at=run.observed_at or clock.now(),
        readings=_last_of_each((*run.evidence, *(report.readings if report else ()))),
        rosters=report.rosters if report and outcome is ProbeOutcome.OK else (),
        fault=reason,
        duration_seconds=clock.monotonic() - started,
    )


class _Run:
    """One run under way: what its answers and faults said on the side."""

    def __init__(self, client: GraphClient, clock: Clock, *, is_essential: bool, give_up_at: float) -> None:
        self._client = client
        self._clock = clock
        self._is_essential = is_essential
        self._give_up_at = give_up_at
        self.observed_at: datetime | None = None
        self.evidence: list[Reading] = []

    async def drive(self, steps: ProbeSteps) -> Report:
        """Hand each answer, or the fault in its place, to the probe until it reports."""
        with closing(steps):
            try:
                query = next(steps)
                while True:
                    answer = await self._ask(query)
                    query = steps.throw(answer) if isinstance(answer, GraphFault) else steps.send(answer)
            except StopIteration as done:
                report: Report = done.value
                return report

    async def _ask(self, query: Query) -> JsonObject | GraphFault:
        try:
            body = await self._fetch(query)
        except GraphFault as fault:
            self.observed_at = self.observed_at or self._clock.now()
            self._note_fault(query, fault)
            return fault
        return body

    async def _fetch(self, query: Query) -> JsonObject:
        if self._clock.monotonic() > self._give_up_at:
            raise Unreachable("the probe's time is up before its last question")
        if not isinstance(query, GraphQuery):
            body = await self._client.fetch_url(query)
            self.observed_at = self.observed_at or self._clock.now()
            return body
        answer = await self._client.fetch(query, is_essential=self._is_essential)
        self.observed_at = self.observed_at or answer.received_at
        if query.token is not None and query.as_app is None:
            self.evidence.append(token_accepted(query.token))
        if answer.served_version is not None:
            self.evidence.append(version_served(answer.requested_version, answer.served_version))
        if used := answer.usage.get(query.waba_id or ""):
            self.evidence.append(quota_used(query.waba_id or "", used))
        return answer.body

    def _note_fault(self, query: Query, fault: GraphFault) -> None:
        if not isinstance(query, GraphQuery):
            return
        # Asked as app, it was the app's own token that was denied, not the one that is inspected.
        if isinstance(fault, Denied) and query.token is not None and query.as_app is None:
            self.evidence += filter(None, [token_denied(query.token, fault)])
        # Without a code it was our own budget that said no, and no answer told anything.
        was_told = isinstance(fault, Throttled) and fault.code is not None
        if was_told and query.waba_id is not None and (used := self._client.budget.used(query.waba_id)):
            self.evidence.append(quota_used(query.waba_id, used))


def _judge(fault: GraphFault | None) -> tuple[ProbeOutcome, str | None]:
    return (ProbeOutcome.OK, None) if fault is None else (ProbeOutcome(fault.outcome), str(fault))


def _last_of_each(readings: tuple[Reading, ...]) -> tuple[Reading, ...]:
    """One reading for each signal of each subject: what the probe itself concluded comes last, and counts."""
    last: dict[tuple[Subject, str], Reading] = {(reading.subject, reading.signal.name): reading for reading in readings}
    return tuple(last.values())
