"""Takes in Meta's webhooks: checks the signature, reads, commits in groups, and answers only then.

What is acknowledged is durable: Meta keeps nothing that it could send again.
"""

import asyncio
import hmac
import logging
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from wamon.core import books, figures
from wamon.core.books import SLOT, Books, Tally, TallyKey
from wamon.core.delivery import Update
from wamon.core.errors import StoreError
from wamon.core.health import Reading, Subject
from wamon.core.ports import Ledger, Quarantined
from wamon.core.state import Heard
from wamon.core.timing import Clock
from wamon.engine import Engine
from wamon.webhooks.digest import Digests
from wamon.webhooks.envelope import Post, decode, quarantine
from wamon.webhooks.field import Directory, Field, Heed, Notice, WebhookShapeError
from wamon.webhooks.fields import FIELDS
from wamon.webhooks.signature import SignatureChecker

log = logging.getLogger(__name__)

OK: Final = 200
UNAUTHORISED: Final = 401
UNAVAILABLE: Final = 503

BROKE_A_RULE: Final = "broke_a_rule"

# A commit costs nearly the same for one status as for sixteen, so each waits a moment for company.
# Source: measurements of the group commit, 2026-11.
COMPANY_SECONDS: Final = 0.002
COMPANY_ENOUGH: Final = 16
# Beyond this many statuses in waiting Meta is asked to come again: memory is not a queue.
MOST_WAITING: Final = 200_000

# The figures of a large fleet are told in so many ticks of a slot, and so many numbers a tick at least.
REFRESHING_TICKS: Final = 10
LEAST_REFRESHED: Final = 100

SIGNED: Final = re.compile(rb"sha256=[0-9a-f]{64}")
# How long requests are remembered by how their signature was.
SIGNATURES_SECONDS: Final = 900


class IntakeObserver(Protocol):
    """Who counts and times what is received."""

    def listening(self, since: datetime) -> None: ...

    def webhook_answered(self, code: int, seconds: float) -> None: ...

    def signature_failed(self) -> None: ...

    def ledger_committed(self, seconds: float, statuses: int) -> None: ...

    def ledger_commit_failed(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """A Meta app that sends webhooks. `secrets` are accepted side by side while one is rotated."""

    name: str
    app_id: str
    verify_token: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


class Intake:
    """What stands behind the public listener. It belongs to one event loop.

    `watched` are the accounts' phone_number_ids by waba_id, none for all numbers. `interval` is how often accounts are
    polled. `ask_poll` is told of an account that had better be looked at now. `company_seconds` is how long a request
    may wait for others to share its commit.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        engine: Engine,
        senders: Sequence[Sender],
        watched: Mapping[str, frozenset[str]],
        interval: timedelta,
        clock: Clock,
        observer: IntakeObserver,
        ask_poll: Callable[[str], None] = lambda _waba_id: None,
        company_seconds: float = COMPANY_SECONDS,
    ) -> None:
        self._engine = engine
        self._watched = watched
        self._interval = interval
        self._clock = clock
        self._observer = observer
        self._ask_poll = ask_poll
        self._ledger = ledger
        self._senders = {sender.name: (sender, SignatureChecker(sender.secrets)) for sender in senders}
        self._readers: dict[str, Field] = {each.name: each for each in FIELDS}
        self._committer = _Committer(ledger, clock, observer, company_seconds, self._note_events)
        self._hearing = asyncio.Lock()
        self._digests = Digests(b"")
        self._last_events: dict[str, dict[str, float]] = {}
        self._heard_of: set[str] = set()
        self._signatures = _Signatures()
        self._listening_since = 0.0
        self._shown_slot = 0
        self._due: list[tuple[str, str]] = []
        self._share = LEAST_REFRESHED
        self._fold_problem: str | None = None

    async def start(self) -> None:
        """Take up the books and the digest key. Raises StoreError. The engine must have its state."""
        self._digests = Digests(await self._ledger.digest_key())
        self._committer.books = Books(await self._ledger.tallied())
        now = self._clock.now()
        self._listening_since = now.timestamp()
        if self._senders:
            self._observer.listening(now)
        snapshot = self._engine.state.snapshot
        for waba_id in self._watched:
            known = snapshot.known(Subject.waba(waba_id), figures.LAST_EVENT)
            self._last_events[waba_id] = dict(known or {})

    @property
    def books(self) -> Books:
        return self._committer.books

    @property
    def problem(self) -> str | None:
        """Why webhooks cannot be kept at present, None when they can."""
        return self._committer.problem or self._fold_problem

    def store_works(self) -> None:
        """Something else was written: webhooks can be kept again, though none has come since."""
        self._committer.problem = None

    # --- what the public listener asks --------------------------------------------------------------------------------

    def is_app(self, name: str | None) -> bool:
        """Whether webhooks are taken under this name; without a name from any of the apps."""
        return bool(self._senders) if name is None else name in self._senders

    def handshake(self, app: str | None, verify_token: str) -> bool:
        """Whether this is the verify token; all that could match are compared, each in constant time."""
        given = verify_token.encode()
        matches = [hmac.compare_digest(sender.verify_token.encode(), given) for sender in self._named(app)]
        return any(matches)

    async def receive(self, app: str | None, body: bytes, signature: bytes | None) -> int:
        """Take one request in; the status to answer. 200 means that all of it is durable, or never will be of use."""
        now = self._clock.now().timestamp()
        sender = self._signer(app, body, signature)
        if sender is None:
            self._observer.signature_failed()
            # Anybody can send anything; only what looks like a webhook of Meta's speaks of a wrong secret.
            if signature is not None and SIGNED.fullmatch(signature):
                self._signatures.count(now, is_good=False)
            return UNAUTHORISED
        self._signatures.count(now, is_good=True)
        return OK if await self.take(body, app_id=sender.app_id, now=now) else UNAVAILABLE

    async def take(self, body: bytes, *, app_id: str, now: float) -> bool:
        """Take in a body that is believed, received at `now` (unix seconds); false when it could not be kept."""
        post = decode(body, received_at=now, digests=self._digests, watched=self._watched, app_id=app_id)
        if post.notices and not await self._hear(post):
            return False
        return await self._committer.enter(post, now)

    def answered(self, code: int, seconds: float) -> None:
        self._observer.webhook_answered(code, seconds)

    def _named(self, app: str | None) -> Iterator[Sender]:
        return (sender for sender, _ in self._senders.values() if app is None or sender.name == app)

    def _signer(self, app: str | None, body: bytes, signature: bytes | None) -> Sender | None:
        for sender, checker in self._senders.values():
            if (app is None or sender.name == app) and checker.is_valid(signature, body):
                return sender
        return None

    # --- account events -----------------------------------------------------------------------------------------------

    async def _hear(self, post: Post) -> bool:
        """Let the engine take in what it has not heard yet; false when it cannot, and then Meta must repeat it."""
        async with self._hearing:
            try:
                unheard = await self._ledger.unheard([notice.digest for notice in post.notices])
            except StoreError:
                return False
            heard: set[bytes] = set()
            for notice in post.notices:
                if notice.digest not in unheard or notice.digest in heard:
                    post.counted[books.DUPLICATES, "", "", "", books.FOR_EVER] += 1
                    continue
                heard.add(notice.digest)
                heed = self._read(notice, post)
                try:
                    is_taken = not heed.readings or await self._take(notice, heed)
                except Exception:
                    # A rule of ours that fails on it would fail each time that Meta repeats it.
                    log.exception("a webhook broke a rule", extra={"field": notice.field, "waba_id": notice.waba_id})
                    quarantine(post, notice.value, reason=BROKE_A_RULE, at=self._clock.now())
                    continue
                if not is_taken:
                    return False
                if heed.asks_poll:
                    self._ask_poll(notice.waba_id)
        return True

    def _read(self, notice: Notice, post: Post) -> Heed:
        reader = self._readers[notice.field].read
        if reader is None:
            return Heed()
        try:
            return reader(notice, Directory(self._engine.state.snapshot))
        except WebhookShapeError as error:
            quarantine(post, notice.value, reason=error.reason, at=self._clock.now())
            return Heed()

    async def _take(self, notice: Notice, heed: Heed) -> bool:
        return await self._engine.observe(
            lambda moment: Heard(
                moment=moment,
                field=notice.field,
                observed_at=notice.at,
                interval=self._interval,
                readings=heed.readings,
                digest=notice.digest,
            )
        )

    def _note_events(self, counted: Mapping[TallyKey, int], now: float) -> None:
        for figure, waba_id, _, label, _ in counted:
            if figure == books.WEBHOOK_EVENTS:
                self._last_events.setdefault(waba_id, {})[label] = now
                self._heard_of.add(waba_id)

    # --- what a tick wants --------------------------------------------------------------------------------------------

    async def settle(self, *, is_clock_trusted: bool = True) -> None:
        """Let the books age, and bring what was added to them into one place; a refusal is made up for next time.

        They do not age by a clock that cannot be trusted: what it sends out of the windows does not come back.
        """
        compaction = self.books.compaction(self._clock.now().timestamp()) if is_clock_trusted else {}
        try:
            await self._ledger.fold(compaction)
        except StoreError as error:
            # Nothing has moved; what is shown stays as it is stored.
            if self._fold_problem is None:
                log.warning("books not folded", extra={"reason": str(error)})
            self._fold_problem = str(error)
            return
        self._fold_problem = None
        self.books.apply(compaction)

    def figures(self, now: datetime) -> tuple[Reading, ...]:
        """What the books say now, of everybody whose figures may have changed since they were last asked."""
        if not self._senders:
            return ()
        at = now.timestamp()
        whose = self.books.touched() | set(self._refreshed(int(at) // SLOT))
        found = list(figures.readings(self.books, sorted(filter(self._is_watched, whose)), at))
        # A clock that has gone back left moments ahead of it.
        self._last_events |= {waba_id: _not_ahead(self._last_events[waba_id], at) for waba_id in self._heard_of}
        found += (
            figures.LAST_EVENT.reading(Subject.waba(waba_id), dict(self._last_events[waba_id]))
            for waba_id in sorted(self._heard_of)
        )
        self._heard_of.clear()
        tally = {**self._signatures.recent(at), "listening_since": self._listening_since}
        found.append(figures.RECEIVER_TALLY.reading(Subject.instance(), tally))
        return tuple(found)

    def _refreshed(self, slot: int) -> Sequence[tuple[str, str]]:
        """Those whose figures move with the time alone: each once a slot, a share of them a tick.

        The first time it is all of them, since nobody knows their figures yet.
        """
        if not self._shown_slot:
            self._shown_slot = slot
            return list(self.books.whose())
        if slot != self._shown_slot and not self._due:
            self._shown_slot = slot
            self._due = sorted(self.books.whose())
            self._share = max(LEAST_REFRESHED, len(self._due) // REFRESHING_TICKS)
        refreshed, self._due = self._due[: self._share], self._due[self._share :]
        return refreshed

    def _is_watched(self, whose: tuple[str, str]) -> bool:
        """Whether anybody still asks: the books outlive what is taken out of the configuration."""
        waba_id, number = whose
        wanted = self._watched.get(waba_id)
        return wanted is not None and (not number or not wanted or number in wanted)

    def figures_refused(self) -> None:
        """The last figures were not taken: tell all of them again."""
        self._shown_slot = 0
        self._heard_of = {waba_id for waba_id, events in self._last_events.items() if events}

    def changed_totals(self) -> dict[TallyKey, int]:
        """The sums that changed since the last call."""
        return self.books.changed_totals()


def _not_ahead(events: Mapping[str, float], now: float) -> dict[str, float]:
    """The moments as ones of the present clock, which may have gone back."""
    return {field_name: min(at, now) for field_name, at in events.items()}


class _Group:
    """Requests that are committed together."""

    __slots__ = ("_followers", "_loop", "counted", "is_ready", "latest_at", "posts", "quarantined", "updates")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._followers: list[asyncio.Future[bool]] = []
        self.posts = 0
        # When the last of them was received.
        self.latest_at = 0.0
        self.updates: list[Update] = []
        self.counted: Tally = defaultdict(int)
        self.quarantined: list[Quarantined] = []
        self.is_ready: asyncio.Future[None] = loop.create_future()

    def add(self, post: Post, now: float) -> None:
        self.posts += 1
        self.latest_at = now
        self.updates += post.updates
        if post.quarantined:
            self.quarantined += post.quarantined
        counted = self.counted
        for key, amount in post.counted.items():
            counted[key] += amount
        if self.posts == COMPANY_ENOUGH:
            self.make_ready()

    def follow(self) -> asyncio.Future[bool]:
        """Whether the group was written, once that is known. Each follower may leave without the others."""
        follower = self._loop.create_future()
        self._followers.append(follower)
        return follower

    def make_ready(self) -> None:
        if not self.is_ready.done():
            self.is_ready.set_result(None)

    def tell(self, *, is_written: bool) -> None:
        for follower in self._followers:
            if not follower.done():
                follower.set_result(is_written)


class _Committer:
    """Commits what arrives together in one transaction.

    The first request of a group leads it: it waits a moment for others, then for its turn, in which the group still
    grows, and tells the others how the commit went.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        observer: IntakeObserver,
        company_seconds: float,
        note_events: Callable[[Mapping[TallyKey, int], float], None],
    ) -> None:
        self.books = Books()
        self.problem: str | None = None
        self._ledger = ledger
        self._clock = clock
        self._observer = observer
        self._company_seconds = company_seconds
        self._note_events = note_events
        self._turn = asyncio.Lock()
        self._group: _Group | None = None
        self._waiting = 0

    async def enter(self, post: Post, now: float) -> bool:
        """Write what one request holds that was received at `now`; false when it was not written."""
        own = len(post.updates)
        if self._waiting + own > MOST_WAITING and self._waiting:
            return False
        self._waiting += own
        try:
            group = self._group
            if group is None:
                return await self._lead(post, now)
            group.add(post, now)
            return await group.follow()
        finally:
            self._waiting -= own

    async def _lead(self, post: Post, now: float) -> bool:
        loop = asyncio.get_running_loop()
        group = self._group = _Group(loop)
        group.add(post, now)
        is_written = False
        timer = loop.call_later(self._company_seconds, group.make_ready)
        try:
            await group.is_ready
            async with self._turn:
                self._group = None
                is_written = await self._commit(group)
        finally:
            timer.cancel()
            if self._group is group:
                self._group = None
            group.tell(is_written=is_written)
        return is_written

    async def _commit(self, group: _Group) -> bool:
        started = self._clock.monotonic()
        try:
            tally = await self._ledger.record(group.updates, counted=group.counted, quarantined=group.quarantined)
        except StoreError as error:
            self._observer.ledger_commit_failed()
            if self.problem is None:
                log.error("webhooks cannot be kept, Meta is asked to repeat them", extra={"reason": str(error)})
            self.problem = str(error)
            return False
        self._observer.ledger_committed(self._clock.monotonic() - started, len(group.updates))
        if self.problem is not None:
            log.info("webhooks are kept again")
            self.problem = None
        self.books.apply(tally)
        self._note_events(group.counted, group.latest_at)
        return True


class _Signatures:
    """How many requests of the last minutes had a good signature, and how many a bad one."""

    def __init__(self) -> None:
        self._minutes: dict[int, list[int]] = {}

    def count(self, now: float, *, is_good: bool) -> None:
        minute = int(now) // 60
        counts = self._minutes.get(minute)
        if counts is None:
            counts = self._minutes[minute] = [0, 0]
            for old in [each for each in self._minutes if each <= minute - SIGNATURES_SECONDS // 60]:
                del self._minutes[old]
        counts[is_good] += 1

    def recent(self, now: float) -> dict[str, float]:
        """Minutes ahead of now are those of a clock that has gone back since; they say nothing."""
        since = (now - SIGNATURES_SECONDS) // 60
        recent = [counts for minute, counts in self._minutes.items() if since < minute <= now // 60]
        bad, good = (float(sum(counts[index] for counts in recent)) for index in (0, 1))
        return {"accepted": good, "bad_signatures": bad}
