"""A flow that Meta sends webhooks to: signed bodies through the public listener's app, or straight to the intake.

What Meta tells at the moment of its choosing goes by `post`, `tell` and `say`. What happens all the time is started on
`traffic`, and the simulated Meta's `sender` posts it every few seconds, as `run` lets time pass.
"""

import random
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TypeAlias

import httpx
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.fakes import START
from tests.flows.harness import Flow
from wamon.core.figures import SIGNALS
from wamon.metrics.families import TOTALS
from wamon.schedule import Job
from wamon.sim.entities import Number
from wamon.sim.sender import Sender
from wamon.sim.traffic import Traffic
from wamon.sim.webhooks import MESSAGES, Customer, Event, body_of, encode, signature, status, wamid
from wamon.sim.world import World
from wamon.web.public import public_app

VERIFY_TOKEN = "a-word-for-the-handshake"
CUSTOMER = Customer(phone="15550100199", name="Sheena Nelson", user_id="US.13491208655302741918")
# A whole number of times in a bucket of the books, so that what is sent together is counted together.
SEND_EVERY = timedelta(seconds=20)

Series: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]


class WebhookFlow(Flow):
    """A flow whose daemon takes webhooks of the world's app. Polls are rare, so that it is webhooks that tell."""

    def __init__(
        self,
        folder: Path,
        *,
        world: Callable[[Callable[[], datetime]], World] = World.small,
        accounts: int = 1,
        tables: str = "",
        is_checked: bool = True,
        poll_interval: str = "300",
        **settings: str,
    ) -> None:
        super().__init__(
            folder,
            world=world,
            accounts=accounts,
            tables=tables,
            at=START,
            is_checked=is_checked,
            poll_interval=poll_interval,
            verify_token=VERIFY_TOKEN,
            **settings,
        )
        self.traffic = Traffic(self.world, random.Random(1))
        self.sender = Sender(
            self.world,
            self.traffic.due,
            sleep=self.clock.sleep,
            random=random.Random(2),
            transport=httpx.ASGITransport(app=self._public),
        )
        self._app: ASGIApp
        self._own = count(1)

    async def start(self, **changed: str) -> None:
        await super().start(**changed)
        self._app = public_app(self.daemon.intake)

    def jobs(self) -> tuple[Job, ...]:
        sending = Job(name="webhooks", interval=SEND_EVERY, first_after=SEND_EVERY, run=self._send)
        return (*super().jobs(), sending)

    async def _public(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The listener of whichever daemon runs at present."""
        await self._app(scope, receive, send)

    async def _send(self) -> None:
        await self.sender.step()
        await self._follow()

    async def _follow(self) -> None:
        """What the daemon does within seconds of a webhook: it tells Slack, and looks where the webhook points to."""
        await self._notify()
        await self.daemon.poller.answer_hints(self.daemon.watches())
        await self._notify()

    # --- what Meta tells ----------------------------------------------------------------------------------------------

    async def post(self, body: bytes, *, secret: str | None = None) -> int:
        """One request with this body; the status that answers it."""
        signed = signature(secret or self.app.secret, body).encode()
        code = await self.daemon.intake.receive(None, body, signed)
        await self._follow()
        return code

    async def tell(self, field: str, value: Mapping[str, object], *, at: datetime | None = None) -> None:
        """Something of the whole account, stamped `at`, now when that is None."""
        assert await self.post(self.notice(field, value, at=at)) == 200

    def notice(self, field: str, value: Mapping[str, object], *, at: datetime | None = None) -> bytes:
        event = Event(waba_id=self.waba.id, field=field, at=at or self.clock.now(), item=dict(value))
        return encode(body_of([event]))

    def messages(self, number_of_them: int) -> list[str]:
        """Ids of messages that nobody has heard of yet."""
        return [wamid(CUSTOMER.phone, f"{next(self._own):018X}") for _ in range(number_of_them)]

    async def say(
        self,
        messages: Iterable[str],
        word: str,
        *,
        at: datetime | None = None,
        error_code: int | None = None,
        number: Number | None = None,
    ) -> None:
        """This status of each of the messages, all in one body."""
        assert await self.post(self.statuses(messages, word, at=at, error_code=error_code, number=number)) == 200

    def statuses(
        self,
        messages: Iterable[str],
        word: str,
        *,
        at: datetime | None = None,
        error_code: int | None = None,
        number: Number | None = None,
    ) -> bytes:
        stamp, of = at or self.clock.now(), number or self.number
        events = [
            Event(
                waba_id=of.waba_id,
                field=MESSAGES,
                at=stamp,
                item=status(each, word, stamp, CUSTOMER, error_code=error_code),
                number=of,
                customer=CUSTOMER,
            )
            for each in messages
        ]
        return encode(body_of(events))

    # --- what came of it ----------------------------------------------------------------------------------------------

    def totals(self) -> dict[Series, float]:
        """Every sum of the books as a scrape shows it, by its name and labels."""
        return self._shown({total.family.name for total in TOTALS})

    def figures(self) -> dict[Series, float]:
        """Everything that is derived from the books, as a scrape shows it."""
        return self._shown({signal.name for signal in SIGNALS if signal.is_derived})

    def _shown(self, names: Collection[str]) -> dict[Series, float]:
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(self.daemon.scrape(False).decode())
            if family.name in names or f"{family.name}_total" in names
            for sample in family.samples
        }

    def counter_lines(self) -> list[str]:
        """The lines of every sum of the books, as they stand in a scrape."""
        names = tuple(total.family.name for total in TOTALS)
        return [line for line in self.daemon.scrape(False).decode().splitlines() if line.startswith(names)]

    async def timeline(self) -> list[tuple[datetime, str, str, str]]:
        """When which rule told what."""
        told = await self.daemon.store.transitions(limit=100_000)
        return [(each.at, each.rule, str(each.kind), str(each.severity)) for each in told if each.is_announced]
