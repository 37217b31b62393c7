"""Replays recorded webhooks through the parser, the ledger and the rules: what would have been counted and told."""

import codecs
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from wamon.core import books
from wamon.core.alerting import Transition
from wamon.core.books import TallyKey
from wamon.core.errors import ConfigurationError, StoreError
from wamon.core.ports import Rule
from wamon.core.state import Changes, Monitored, State, Ticked
from wamon.core.step import Policy
from wamon.core.timing import Moment
from wamon.engine import Engine
from wamon.intake import Intake, Sender
from wamon.store import SqliteStore

TICK: Final = timedelta(seconds=60)
# After the last webhook time goes on for so long, so that what would have closed closes.
AFTERMATH: Final = timedelta(hours=2)
APP: Final = "replay"
# WhatsApp began in 2009.
FIRST_YEAR: Final = 2009
LAST_YEAR: Final = 2100


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One recorded request: its raw body, and when it was received, None where the recording does not say."""

    body: bytes
    received_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of it: how many requests, over which time, the books' sums, and every announced transition."""

    records: int
    first_at: datetime
    last_at: datetime
    totals: Mapping[TallyKey, int]
    transitions: tuple[Transition, ...]
    state: State

    @property
    def is_readable(self) -> bool:
        """Whether there was a webhook in any of it."""
        return sum(count for key, count in self.totals.items() if key[0] != books.QUARANTINED) > 0


def read_records(path: Path) -> Iterator[Record]:
    """The requests in a file, as `parse_records` finds them. Raises ConfigurationError that names the file."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror or error}") from error
    yield from parse_records(raw, source=str(path))


def parse_records(recorded: bytes, *, source: str) -> Iterator[Record]:
    """The requests in what was recorded: one JSON body, a list of them, or one a line.

    Each may also be `{"received_at": ..., "body": ...}` with a moment in ISO 8601 or unix seconds, and the body as JSON
    or as the text that was received. Raises ConfigurationError that names the source and the line.
    """
    raw = _without_mark(recorded)
    whole = _parsed(raw)
    if isinstance(whole, dict):
        yield _record(raw, whole, place=source)
        return
    if isinstance(whole, list):
        for number, each in enumerate(whole, start=1):
            yield _record(json.dumps(each).encode(), each, place=f"{source}, item {number}")
        return
    for number, line in enumerate(raw.splitlines(), start=1):
        if line.strip():
            yield _record(line.strip(), _parsed(line), place=f"{source}:{number}")


def _without_mark(raw: bytes) -> bytes:
    """The text in UTF-8 without a byte order mark, which some editors and shells put in front."""
    marks = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
    for mark, encoding in marks.items():
        if raw.startswith(mark):
            return raw.decode(encoding, errors="replace").removeprefix("\ufeff").encode()
    return raw


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _record(raw: bytes, parsed: Any, *, place: str) -> Record:
    if not isinstance(parsed, dict) or "body" not in parsed:
        # A body that is no JSON is replayed too: the daemon would have had to take it as well.
        return Record(body=raw)
    body = parsed["body"]
    text = body if isinstance(body, str) else json.dumps(body)
    return Record(body=text.encode(errors="surrogatepass"), received_at=_moment(parsed.get("received_at"), place=place))


def _moment(told: object, *, place: str) -> datetime | None:
    if told is None:
        return None
    problem = f"{place}: received_at {told!r} is no moment of webhooks: write 2026-11-22T10:15:00Z or unix seconds"
    try:
        if isinstance(told, int | float) and not isinstance(told, bool):
            at = datetime.fromtimestamp(told, UTC)
        else:
            at = datetime.fromisoformat(str(told))
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ConfigurationError(problem) from error
    if not FIRST_YEAR <= at.year < LAST_YEAR:
        raise ConfigurationError(problem)
    return at


async def replay(
    records: Sequence[Record],
    *,
    rules: tuple[Rule, ...],
    watched: Mapping[str, frozenset[str]] | None = None,
    now: datetime,
) -> Replayed:
    """Play the records in the order of their receipt; `watched` None watches every account that they name.

    A record without a receipt counts as received when its youngest stamp says, `now` when it has none.
    """
    ordered = sorted(((_received_at(record, now), record) for record in records), key=lambda pair: pair[0])
    if not ordered:
        raise ConfigurationError("nothing to replay: the files hold no webhook")
    accounts = _accounts(records) if watched is None else watched
    with tempfile.TemporaryDirectory(prefix="wamon-replay-") as folder:
        stage = _Stage(Path(folder), rules=rules, watched=accounts, begins_at=ordered[0][0])
        return await stage.play(ordered)


class _Stage:
    """The parts of the daemon that a replay needs, on a clock that it moves."""

    def __init__(
        self, folder: Path, *, rules: tuple[Rule, ...], watched: Mapping[str, frozenset[str]], begins_at: datetime
    ) -> None:
        self._clock = _Clock(begins_at)
        self._ticked_at = begins_at
        self._rules = rules
        self._watched = watched
        self._transitions: list[Transition] = []
        self._store = SqliteStore(folder / "replay.db", synchronous="OFF", clock=self._clock)
        self._engine = Engine(
            store=self._store,
            policy=Policy(rules=rules, tick_interval=TICK),
            clock=self._clock,
            observer=_Unobserved(),
            publish=self._published,
        )
        self._intake = Intake(
            ledger=self._store,
            engine=self._engine,
            senders=(Sender(name=APP, app_id=APP, verify_token="", secrets=()),),
            watched=watched,
            interval=TICK,
            clock=self._clock,
            observer=_Unobserved(),
            company_seconds=0,
        )

    async def play(self, ordered: Sequence[tuple[datetime, Record]]) -> Replayed:
        await self._store.open()
        try:
            await self._engine.start({}, self._monitored())
            await self._intake.start()
            for at, record in ordered:
                await self._pass_time(until=at)
                self._clock.at = max(self._clock.at, at)
                if not await self._intake.take(record.body, app_id=APP, now=self._clock.at.timestamp()):
                    raise StoreError(f"cannot go on replaying: {self._intake.problem or 'the store refused'}")
            await self._pass_time(until=ordered[-1][0] + AFTERMATH)
        finally:
            await self._store.close()
        return Replayed(
            records=len(ordered),
            first_at=ordered[0][0],
            last_at=ordered[-1][0],
            totals=dict(self._intake.books.totals),
            transitions=tuple(self._transitions),
            state=self._engine.state,
        )

    async def _pass_time(self, *, until: datetime) -> None:
        """Tick as the daemon would. Of a long silence only its begin and its end are lived through."""
        if until - self._clock.at > 2 * AFTERMATH:
            await self._tick_to(self._clock.at + AFTERMATH)
            self._ticked_at = until - AFTERMATH
        await self._tick_to(until)

    async def _tick_to(self, until: datetime) -> None:
        while self._ticked_at + TICK <= until:
            self._ticked_at += TICK
            self._clock.at = self._ticked_at
            await self._intake.settle()
            await self._engine.observe(lambda moment: Ticked(moment=moment, figures=self._intake.figures(moment.at)))

    def _monitored(self) -> Monitored:
        return Monitored(
            waba_ids=frozenset(self._watched),
            tokens=frozenset(),
            app_ids=frozenset(),
            versions=frozenset(),
            probes=frozenset(),
            rules=frozenset(rule.name for rule in self._rules),
        )

    def _published(self, state: State, changes: Changes) -> None:
        self._transitions += [transition for transition in changes.transitions if transition.is_announced]


class _Clock:
    """A clock that stands where it was put."""

    def __init__(self, at: datetime) -> None:
        self._begins_at = at
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - self._begins_at).total_seconds()

    def moment(self) -> Moment:
        return Moment(at=self.at, boot_id=APP, monotonic=self.monotonic())

    def real_seconds(self, seconds: float) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class _Unobserved:
    """Takes what the daemon would measure, and lets it be."""

    def committed(self, seconds: float) -> None: ...

    def commit_failed(self) -> None: ...

    def webhook_answered(self, code: int, seconds: float) -> None: ...

    def signature_failed(self) -> None: ...

    def listening(self, since: datetime) -> None: ...

    def ledger_committed(self, seconds: float, statuses: int) -> None: ...

    def ledger_commit_failed(self) -> None: ...


def _received_at(record: Record, now: datetime) -> datetime:
    if record.received_at is not None:
        return record.received_at
    youngest = max(_stamps(_parsed(record.body)), default=None)
    return now if youngest is None else datetime.fromtimestamp(youngest, UTC)


def _stamps(found: Any) -> Iterator[int]:
    """The stamps of a body's entries, statuses and messages."""
    for entry in _items(found, "entry"):
        yield from _seconds(entry.get("time"))
        for change in _items(entry, "changes"):
            value = change.get("value")
            for name in ("statuses", "messages", "user_preferences"):
                for each in _items(value, name):
                    yield from _seconds(each.get("timestamp"))


def _accounts(records: Iterable[Record]) -> Mapping[str, frozenset[str]]:
    """Every account that the records name."""
    named: dict[str, frozenset[str]] = {}
    for record in records:
        for entry in _items(_parsed(record.body), "entry"):
            for change in _items(entry, "changes"):
                # What concerns partners has the business portfolio's id in the entry, and the account within.
                info = _inside(_inside(change, "value"), "waba_info")
                waba_id = info.get("waba_id", entry.get("id"))
                if isinstance(waba_id, str | int):
                    named[str(waba_id)] = frozenset()
    return named


def _inside(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = found.get(name)
    return value if isinstance(value, dict) else {}


def _items(found: Any, name: str) -> Iterator[dict[str, Any]]:
    items = found.get(name) if isinstance(found, dict) else None
    return (each for each in items if isinstance(each, dict)) if isinstance(items, list) else iter(())


def _seconds(told: object) -> Iterator[int]:
    """A believable unix stamp: after 2009, when WhatsApp began, and before 2100."""
    text = str(told)
    if text.isdecimal() and len(text) <= 12 and 1_230_000_000 < int(text) < 4_102_444_800:
        yield int(text)
