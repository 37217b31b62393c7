"""The whole visit: Meta first, then every other check at once, each in its own time."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from wamon.config.settings import Settings
from wamon.core.ports import Notifier, Rule
from wamon.core.timing import Clock
from wamon.doctor import machine, webhooks
from wamon.doctor.findings import Finding, Status
from wamon.doctor.meta import SECONDS as META_SECONDS
from wamon.doctor.meta import judge, look
from wamon.doctor.patient import Patient
from wamon.doctor.receivers import (
    BUTTONS_TITLE,
    CHANNEL_TITLE,
    RECEIVER_TITLE,
    examine_buttons,
    examine_channels,
    examine_receivers,
)
from wamon.doctor.routes import Route, ask_routing
from wamon.graph.client import GraphClient
from wamon.graph.visiting import Visitor

SECONDS: Final = 30.0
# A receiver is asked with its own retries and deadline, which are longer.
RECEIVER_SECONDS: Final = 45.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """One check besides those of the rules. `seconds` are the world's, and end it whatever it waits for."""

    title: str
    run: Callable[[Patient], Awaitable[Sequence[Finding]]]
    seconds: float = SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """All that was found, and where Meta sends which webhook."""

    findings: tuple[Finding, ...]
    routes: tuple[Route, ...]


async def _receivers(patient: Patient) -> Sequence[Finding]:
    return await examine_receivers(patient.notifiers.values())


async def _channels(patient: Patient) -> Sequence[Finding]:
    return await examine_channels(patient.notifiers.values(), patient.settings, patient.clock)


async def _buttons(patient: Patient) -> Sequence[Finding]:
    return await examine_buttons(patient.notifiers.values(), patient.settings, patient.clock)


# In the order in which they are told. A check is a function and a line here.
EXAMINATIONS: Final = (
    Examination(title=webhooks.HANDSHAKE, run=webhooks.callback_urls),
    Examination(title=webhooks.ROUTES, run=webhooks.routes),
    Examination(title=webhooks.FIELDS, run=webhooks.fields),
    Examination(title=webhooks.SIGNATURE, run=webhooks.signatures),
    Examination(title=RECEIVER_TITLE, run=_receivers, seconds=RECEIVER_SECONDS),
    Examination(title=CHANNEL_TITLE, run=_channels, seconds=RECEIVER_SECONDS),
    Examination(title=BUTTONS_TITLE, run=_buttons, seconds=RECEIVER_SECONDS),
    Examination(title=machine.QUOTA, run=machine.quota),
    Examination(title=machine.CLOCK, run=machine.clock),
    Examination(title=machine.DATABASE, run=machine.database),
    Examination(title=machine.LISTENER, run=machine.private_listener),
)


async def diagnose(
    settings: Settings,
    *,
    client: GraphClient,
    rules: Sequence[Rule],
    notifiers: Mapping[str, Notifier],
    visitor: Visitor,
    clock: Clock,
    random: random.Random,
    meta_seconds: float = META_SECONDS,
) -> Diagnosis:
    """Everything once. It raises nothing of what it finds, and waits for nobody for ever.

    Meta as a whole has `meta_seconds`, and then everybody else `RECEIVER_SECONDS` at most.
    """
    began = clock.monotonic()
    picture = await look(settings, client=client, clock=clock, seconds=meta_seconds)
    left = max(meta_seconds - (clock.monotonic() - began), 0.0)
    routing = await ask_routing(
        settings, client=client, snapshot=picture.snapshot, version=picture.version, seconds=left
    )
    patient = Patient(
        settings=settings,
        rules=rules,
        picture=picture,
        routing=routing,
        notifiers=notifiers,
        visitor=visitor,
        clock=clock,
        random=random,
    )
    found = await conduct(EXAMINATIONS, patient)
    judged = judge(picture, settings, rules=rules, now=clock.now())
    return Diagnosis(findings=(*judged, *found), routes=routing.routes)


async def conduct(examinations: Sequence[Examination], patient: Patient) -> tuple[Finding, ...]:
    """All at once; their findings in the order of the list."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_in_time(each, patient), name=each.title) for each in examinations]
    return tuple(finding for task in tasks for finding in task.result())


async def _in_time(examination: Examination, patient: Patient) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(examination.seconds):
            return await examination.run(patient)
    except TimeoutError:
        reason = f"not done within {examination.seconds:g} s"
    except Exception as error:  # noqa: BLE001 - one broken check must not take the others' findings with it
        reason = f"the check itself broke ({type(error).__name__}): please report it"
    return (
        Finding(
            check=examination.title,
            about="wamon doctor",
            status=Status.UNKNOWN,
            evidence=(("Found", reason),),
            cause="Nothing is known of it.",
            fix=("Run this again; if it stays so, see what it asks and cannot reach.",),
        ),
    )
