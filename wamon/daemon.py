"""The composition root: builds the parts from the settings, starts them in order, stops them in reverse."""

import asyncio
import contextlib
import logging
import random
import socket
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

from wamon import __version__
from wamon.config.settings import Settings
from wamon.config.values import Listen
from wamon.core import watch
from wamon.core.health import Subject
from wamon.core.ports import signals_by_name
from wamon.core.state import Changes, Monitored, State, Ticked
from wamon.core.step import Policy
from wamon.core.timing import Clock
from wamon.engine import Engine
from wamon.graph.client import Transport
from wamon.graph.quota import QuotaBudget
from wamon.intake import Intake
from wamon.metrics.exposition import Exposition
from wamon.metrics.instruments import Instruments, Scrape
from wamon.notify.alertmanager import peer_name
from wamon.notify.details import Links
from wamon.notify.heartbeat import Heartbeat
from wamon.notify.message import Composer
from wamon.notify.outbox import Outbox
from wamon.operating import Operations
from wamon.operating.history import History
from wamon.picture.lanes import FOLLOWED
from wamon.picture.scene import Scene
from wamon.picture.values import Health
from wamon.polling import Poller, Watch
from wamon.probes import PROBES, token
from wamon.receivers import build_buttons, build_notifiers, build_push, fallbacks, has_buttons, manner
from wamon.rules import RULES
from wamon.schedule import Job, Scheduler
from wamon.signals import SIGNALS
from wamon.store import SqliteStore
from wamon.supervision import Supervisor
from wamon.vitals import Vitals
from wamon.watches import Watches, build_client, senders
from wamon.web.live_pictures import LivePictures
from wamon.web.pages import Look, Pages, page_hosts, page_routes
from wamon.web.private import private_app
from wamon.web.public import public_app
from wamon.web.renewing import RenewingTls
from wamon.web.server import serve
from wamon.web.sockets import Place, Sockets
from wamon.weekly import WeeklyDigest

log = logging.getLogger(__name__)

TICK = "tick"
PRUNE = "prune"
HEARTBEAT = "heartbeat"
DIGEST = "digest"
HEARTBEAT_EVERY = timedelta(minutes=1)
DIGEST_EVERY = timedelta(minutes=5)
# A year to compare with, and a month to do it in.
HISTORY_KEPT = timedelta(days=396)
# What is read at once of a month's changes, at most.
MOST_CHANGES = 200_000
# A clock that jumped is often set right again soon; until then nothing is forgotten by it.
CLOCK_DOUBTED = timedelta(hours=1)
# A tick that is this many ticks late means that the loop hangs or a commit never ends.
MISSED_TICKS = 4


class Daemon:
    """The parts of one wamon, wired. `opened` takes and gives back what outlives a call; `run` is the whole life."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        random: random.Random,
        transport: Transport | None = None,
    ) -> None:
        """`transport` replaces the network towards the Graph API. Raises ConfigurationError."""
        self._settings = settings
        self._clock = clock
        self.version = settings.version(settings.versions, clock.now())
        self._watches = Watches(settings, version=self.version, state=lambda: self.engine.state)
        self.rules = settings.bound_rules(RULES)
        self.notifiers = build_notifiers(settings, self.rules)
        self.manner = manner(settings, self.rules)
        self.instruments = Instruments(
            version=__version__,
            clock=clock,
            probes=[probe.name for probe in PROBES],
            receivers=self.notifiers,
            peers=[peer_name(url) for url in settings.alertmanager_urls],
        )
        self.exposition = Exposition(
            SIGNALS,
            rules=self.rules,
            probes=PROBES,
            mode=settings.alerting_mode,
            modes=settings.rule_modes,
            max_series=settings.metrics_max_series,
        )
        self.store = SqliteStore(settings.database)
        self.engine = Engine(
            store=self.store,
            policy=Policy(rules=self.rules, manner=self.manner, tick_interval=tick_interval(settings)),
            clock=clock,
            observer=self.instruments,
            publish=self._publish,
        )
        self.budget = QuotaBudget(clock)
        self.client = build_client(
            settings,
            clock=clock,
            random=random,
            budget=self.budget,
            observer=self.instruments,
            transport=transport,
            learned_app_id=self._watches.learned_app_id,
        )
        self.poller = Poller(
            client=self.client, budget=self.budget, engine=self.engine, clock=clock, observer=self.instruments
        )
        self.intake = Intake(
            ledger=self.store,
            engine=self.engine,
            senders=senders(settings),
            watched={each.waba_id: each.phone_number_ids for each in settings.accounts},
            interval=settings.poll_interval,
            clock=clock,
            observer=self.instruments,
            ask_poll=lambda waba_id: self.poller.hint(Subject.waba(waba_id)),
        )
        links = Links(runbooks=settings.runbook_url, page=settings.page_url)
        self.outbox = Outbox(
            store=self.store,
            notifiers=self.notifiers,
            words=Composer(
                rules=self.rules,
                links=links,
                mention=settings.slack_escalation_mention,
                has_buttons=has_buttons(settings),
            ),
            state=lambda: self.engine.state,
            clock=clock,
            random=random,
            observer=self.instruments,
            fallbacks=fallbacks(settings),
        )
        self.operations = Operations(
            engine=self.engine,
            store=self.store,
            rules=self.rules,
            manner=self.manner,
            receivers=self.notifiers,
            clock=clock,
            random=random,
        )
        self.history = History(
            store=self.store,
            state=lambda: self.engine.state,
            signals=signals_by_name(SIGNALS),
            rules=self.rules,
            clock=clock,
            random=random,
            observer=self.instruments,
        )
        self.pictures = LivePictures(
            scene=self.scene,
            health=self.health,
            version=__version__,
            changes=lambda since: self.store.history(
                signals_by_name([each.signal for each in FOLLOWED]), since=since, limit=MOST_CHANGES
            ),
        )
        self._look = Look(version=__version__, clock=clock, random=random, count_alerts=self._open_alerts)
        self.buttons = build_buttons(
            settings, self.notifiers, self.operations.pressed, clock=clock, random=random, observer=self.instruments
        )
        self.vitals = Vitals(self.store, ailments=self._ailments, clock=clock)
        self.weekly: WeeklyDigest | None = None
        if settings.weekly_digest is not None:
            self.weekly = WeeklyDigest(
                settings.weekly_digest, engine=self.engine, store=self.store, rules=self.rules, clock=clock
            )
        self.push = build_push(
            settings,
            self.rules,
            self.manner,
            state=lambda: self.engine.state,
            recent=lambda since: self.store.transitions(since=since),
            is_well=self.vitals,
            links=links,
            clock=clock,
            random=random,
            observer=self.instruments,
        )
        self.heartbeat: Heartbeat | None = None
        if settings.heartbeat_url:
            self.heartbeat = Heartbeat(
                settings.heartbeat_url, is_well=self.vitals, clock=clock, observer=self.instruments
            )
        self.scrape = Scrape(self.exposition, self.instruments)
        # Not by the wall clock, whose jumps say nothing about us.
        self._ticked_at = clock.monotonic()
        self._is_first_round_done = False

    # --- the life -----------------------------------------------------------------------------------------------------

    async def run(
        self,
        stop: asyncio.Event,
        *,
        sockets: Sockets | None = None,
        listening: Callable[[str], None] = lambda _url: None,
        receiving: Callable[[str], None] = lambda _url: None,
        reload: Callable[[], str] | None = None,
        supervisor: Supervisor | None = None,
    ) -> None:
        """Serve, receive, poll and notify until `stop` is set. Raises ConfigurationError, StoreError before that.

        `sockets` outlive this daemon; without them it opens its own. `listening` is told the private listener's URL
        once it answers, `receiving` before that the public one's, where webhooks are taken; it is not called when none
        are. `reload` is what POST /-/reload does. `supervisor` hears that all is up, and for as long as it is well.
        """
        with contextlib.ExitStack() as stack:
            sock, public = self.listen(sockets or stack.enter_context(Sockets()))
            stack.enter_context(sock)
            if public is not None:
                stack.enter_context(public)
            async with self.opened(), asyncio.TaskGroup() as tasks:
                tls = self._settings.web_config.tls
                url = _url(sock, self._settings.web_config.scheme)
                log.info(
                    "watching",
                    extra={
                        "accounts": len(self._settings.accounts),
                        "graph_version": self.version,
                        "receivers": list(self.notifiers),
                        "page": url,
                        "webhooks": None if public is None else _url(public),
                    },
                )
                for warning in self._settings.warnings(self._clock.now()):
                    log.warning("configuration", extra={"warning": warning})
                app = private_app(
                    scrape=self.scrape,
                    health=self.health,
                    pages=self.pages(),
                    operations=self.operations,
                    history=self.history,
                    pictures=self.pictures,
                    bearer_token=self._settings.private_bearer_token,
                    web_config=self._settings.web_config,
                    reload=reload,
                )
                running = [
                    tasks.create_task(
                        serve(app, sock, tls=None if tls is None else RenewingTls(tls).context), name="private listener"
                    ),
                    tasks.create_task(self.outbox.run(), name="outbox"),
                    tasks.create_task(self.engine.keep_desk(), name="desk"),
                    tasks.create_task(self._watch(), name="scheduler"),
                ]
                if self.push is not None:
                    running.append(tasks.create_task(self.push.run(), name="push"))
                if self.buttons is not None:
                    running.append(tasks.create_task(self.buttons.run(), name="buttons"))
                if supervisor is not None:
                    running.append(tasks.create_task(supervisor.watch(self.health), name="supervisor"))
                if public is not None:
                    # The last to start is the first to stop: who still sends is answered while all else works.
                    requests = self.buttons.requests if self.buttons else None
                    receiver = serve(public_app(self.intake, requests), public, is_public=True)
                    running.append(tasks.create_task(receiver, name="public listener"))
                    if apps := self._settings.webhook_apps():
                        self.vitals.listen(_url(public), apps[0].verify_token or "")
                        receiving(_url(public))
                if supervisor is not None:
                    supervisor.ready()
                listening(url)
                await stop.wait()
                log.info("stopping")
                for task in reversed(running):
                    task.cancel()
                    await asyncio.wait({task})

    def places(self) -> dict[str, Place]:
        """Where this daemon listens, by the key that says so."""
        places = {"WAMON_PRIVATE_LISTEN": _place(self._settings.private_listen)}
        if self._settings.webhook_apps() or (self.buttons is not None and self.buttons.requests is not None):
            places["WAMON_PUBLIC_LISTEN"] = _place(self._settings.public_listen)
        return places

    def listen(self, sockets: Sockets) -> tuple[socket.socket, socket.socket | None]:
        """The private listener's socket, and the public one's where there is one. Raises ConfigurationError."""
        taken = {key: sockets.take(key, place) for key, place in self.places().items()}
        return taken["WAMON_PRIVATE_LISTEN"], taken.get("WAMON_PUBLIC_LISTEN")

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """The store open, the state loaded, interrupted notifications due again; all of it given back at the end."""
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self.client.close)
            for notifier in self.notifiers.values():
                stack.push_async_callback(notifier.close)
            for part in (self.vitals, self.heartbeat, self.push):
                if part is not None:
                    stack.push_async_callback(part.close)
            await self.store.open()
            stack.push_async_callback(self.store.close)
            await self.engine.start(signals_by_name(SIGNALS), self.monitored())
            await self.intake.start()
            await self.history.start()
            # The figures are not stored: without them the first polls would find every delivery alert unconfirmed.
            await self.tick()
            self.instruments.reloaded(is_successful=True)
            await self.outbox.recover()
            yield

    async def _watch(self) -> None:
        scheduler = Scheduler(clock=self._clock, observer=self.instruments)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.first_round())
            tasks.create_task(scheduler.run(self.jobs()))
            tasks.create_task(self.poller.follow_hints(self.watches()))

    # --- what runs when -----------------------------------------------------------------------------------------------

    def watches(self) -> tuple[Watch, ...]:
        return self._watches.all()

    def jobs(self) -> tuple[Job, ...]:
        interval = tick_interval(self._settings)
        tick = Job(name=TICK, interval=interval, first_after=interval, run=self.tick)
        prune = Job(name=PRUNE, interval=timedelta(days=1), first_after=timedelta(hours=1), run=self.prune)
        others = []
        if self.heartbeat is not None:
            every = HEARTBEAT_EVERY
            others.append(Job(name=HEARTBEAT, interval=every, first_after=every, run=self.heartbeat.beat))
        if self.weekly is not None:
            every = DIGEST_EVERY
            others.append(Job(name=DIGEST, interval=every, first_after=every, run=self.weekly.post))
        return (tick, prune, *others, *self.poller.jobs(self.watches()))

    async def first_round(self) -> None:
        """Ask everything once, so that a start does not look blind for an interval."""
        watches = self.watches()
        is_token = [watch.probe is token.PROBE for watch in watches]
        await self.poller.first_round([watch for watch, first in zip(watches, is_token, strict=True) if first])
        await self.poller.first_round([watch for watch, first in zip(watches, is_token, strict=True) if not first])
        self._is_first_round_done = True

    async def tick(self) -> None:
        """Let time pass: readings age, the books are judged, and everybody sees that we live."""
        if await self.engine.observe(lambda moment: Ticked(moment=moment, figures=self.intake.figures(moment.at))):
            self._ticked_at = self._clock.monotonic()
            self.intake.store_works()
        else:
            self.intake.figures_refused()
        await self.intake.settle(is_clock_trusted=self._is_clock_trusted())
        # These were stored with the webhooks that they count, whatever became of the tick.
        self.exposition.show_totals(self.intake.changed_totals())
        self.instruments.database_size.set(await self.store.size_bytes())

    def _is_clock_trusted(self) -> bool:
        """Whether the clock has run without a jump for long enough to forget things by it."""
        stepped_at = self.engine.state.snapshot.known(Subject.instance(), watch.CLOCK_STEPPED)
        return stepped_at is None or self._clock.now() - stepped_at > CLOCK_DOUBTED

    async def prune(self) -> None:
        """Forget what is older than anybody will ask for, in slices, so that nobody waits long for the store."""
        if not self._is_clock_trusted():
            return
        while await self.store.prune(self._clock.now() - HISTORY_KEPT):
            pass
        while await self.store.prune_ledger(self._clock.now() - self._settings.message_retention):
            pass

    def monitored(self) -> Monitored:
        return self._watches.monitored(self.rules)

    # --- what is shown ------------------------------------------------------------------------------------------------

    def health(self) -> Health:
        patience = MISSED_TICKS * tick_interval(self._settings) + timedelta(seconds=30)
        is_alive = self._clock.monotonic() - self._ticked_at < patience.total_seconds()
        waiting = () if self._is_first_round_done else ("the first look at every account is not done yet",)
        refused = dict.fromkeys(problem for problem in (self.engine.problem, self.intake.problem) if problem)
        pushing = () if self.push is None else tuple(f"alertmanager: {problem}" for problem in self.push.problems)
        pressing = () if self.buttons is None else self.buttons.problems
        reasons = (*waiting, *refused, *self.outbox.problems, *pushing, *pressing)
        return Health(is_healthy=is_alive, not_ready_reasons=reasons)

    def _ailments(self) -> tuple[str, ...]:
        """Why nobody should rely on this wamon, in words."""
        health = self.health()
        hung = () if health.is_healthy else ("the scheduler does not tick",)
        return (*hung, *health.not_ready_reasons)

    def scene(self) -> Scene:
        """What is known now, as pictures are made from it."""
        return Scene(
            state=self.engine.state,
            now=self._clock.now(),
            accounts=self._watches.account_targets(),
            books=self.intake.books,
            rules={rule.name: rule for rule in self.rules},
            is_receiving=bool(self._settings.webhook_apps()),
        )

    def pages(self) -> Pages:
        """The routes of the status pages."""
        return page_routes(
            self._look,
            operations=self.operations,
            pictures=self.pictures,
            timeline=self.history.timeline,
            hosts=page_hosts(self._settings.page_url),
        )

    def _open_alerts(self) -> int:
        return sum(alert.is_open and not alert.is_rehearsal for alert in self.engine.state.alerts.values())

    def _publish(self, state: State, changes: Changes) -> None:
        self.exposition.publish(state, changes)
        if changes.announcements or changes.groups:
            self.outbox.wake()
        if self.push is not None and (changes.transitions or changes.alerts):
            self.push.wake()


def tick_interval(settings: Settings) -> timedelta:
    """How often time is let pass: four times a poll, but at least once a minute and at most once a second."""
    return min(max(settings.poll_interval / 4, timedelta(seconds=1)), timedelta(minutes=1))


def _place(listen: Listen) -> tuple[str, int]:
    return listen.host, listen.port


def _url(sock: socket.socket, scheme: str = "http") -> str:
    host, port = sock.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
