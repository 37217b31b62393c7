"""The operators' service: silences, acknowledgements, forced ends, rehearsals, receivers' tests.

Everything that is done goes through the engine like any other event, once for each act id: a click that arrives twice
has no second effect.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random
from types import MappingProxyType
from typing import Final, Protocol

from wamon.core.alerting import Transition
from wamon.core.desk import (
    Acknowledge,
    Acknowledgement,
    Act,
    Deed,
    EndSilence,
    ForceClose,
    Group,
    Rehearse,
    SetSilence,
    TryReceiver,
)
from wamon.core.errors import StoreError
from wamon.core.manner import Manner
from wamon.core.outgoing import Press, Story
from wamon.core.ports import Rule
from wamon.core.silences import Silence, silence_problems
from wamon.core.state import Acted, Event, State
from wamon.core.timing import Clock, Moment
from wamon.operating.finding import (
    Finder,
    NotStoredError,
    OperatingError,
    UnknownError,
    one_line,
    parsed_matchers,
)
from wamon.operating.views import SHORT_ID, AlertHistory, AlertView, SilenceView, Views, moved, short_ids
from wamon.probes.names import describe

REHEARSAL_LASTS: Final = timedelta(minutes=1)
LONGEST_REHEARSAL: Final = timedelta(hours=1)
REHEARSAL_WORDS: Final = "This is a rehearsal, nothing is wrong"
DONE_ALREADY: Final = "done already"
NOTHING_OPEN: Final = "nothing open any more"
SILENCE_BUTTONS: Final[Mapping[str, timedelta]] = MappingProxyType(
    {
        "silence_1h": timedelta(hours=1),
        "silence_4h": timedelta(hours=4),
        "silence_24h": timedelta(hours=24),
    }
)


class Engine(Protocol):
    """Who owns the state."""

    @property
    def state(self) -> State: ...

    async def observe(self, event: Callable[[Moment], Event]) -> bool: ...


class Memory(Protocol):
    """What is asked of the store."""

    async def acted(self, act_id: str) -> bool: ...

    async def story(self, group_id: int) -> Story: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an act came to, in words. With `is_repeated` the same act had its effect before."""

    text: str
    alerts: tuple[str, ...] = ()
    silence: SilenceView | None = None
    receivers: tuple[str, ...] = ()
    is_repeated: bool = False


class Operations:
    """The operators' service. Acts raise OperatingError; without an `act_id` each call is an act of its own.

    `receivers` are the names of all that a test message can be sent to.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        store: Memory,
        rules: Iterable[Rule],
        manner: Manner,
        receivers: Collection[str],
        clock: Clock,
        random: Random,
    ) -> None:
        self._engine = engine
        self._store = store
        by_name = {rule.name: rule for rule in rules}
        self._find = Finder(lambda: engine.state, by_name)
        self._views = Views(lambda: engine.state, rules=by_name, manner=manner, clock=clock)
        self._manner = manner
        self._receivers = tuple(receivers)
        self._clock = clock
        self._random = random
        # Two clicks at the same time are looked at one after the other.
        self._turn = asyncio.Lock()

    # --- what there is ------------------------------------------------------------------------------------------------

    def alerts(self, *, include_all: bool = False) -> tuple[AlertView, ...]:
        """The open alerts, worst first; with `include_all` those that are pending or have ended too."""
        found = [alert for alert in self._engine.state.alerts.values() if include_all or alert.is_open]
        found.sort(key=lambda alert: (not alert.is_open, -alert.severity, alert.opened_at or alert.since, alert.key))
        return tuple(map(self._views.alert, found))

    async def alert(self, target: str) -> AlertHistory:
        """One alert by its id, with what happened to it. Raises UnknownError, NotStoredError."""
        alert = self._find.alert(target)
        standing = self._engine.state.desk.standings.get(alert.key)
        transitions: tuple[Transition, ...] = ()
        if standing is not None:
            try:
                transitions = (await self._store.story(standing.group_id)).transitions
            except StoreError as error:
                raise _unstored(error) from error
        return AlertHistory(
            alert=self._views.alert(alert),
            evidence=alert.evidence,
            timeline=tuple(moved(each) for each in transitions if each.key == alert.key),
        )

    def silences(self) -> tuple[SilenceView, ...]:
        """The silences that have not ended, the next to end first."""
        found = sorted(self._engine.state.desk.silences.values(), key=lambda silence: (silence.ends_at, silence.id))
        return self._views.silences(found)

    @property
    def receivers(self) -> tuple[str, ...]:
        return self._receivers

    def preview(self, matchers: Sequence[str]) -> tuple[AlertView, ...]:
        """The open alerts that a silence with these matchers would hide now. Raises OperatingError."""
        parsed = parsed_matchers(matchers)
        return tuple(
            view for view in self.alerts() if parsed and all(matcher.matches(view.labels) for matcher in parsed)
        )

    # --- what is done -------------------------------------------------------------------------------------------------

    async def silence(
        self,
        matchers: Sequence[str],
        *,
        reason: str,
        author: str,
        lasts: timedelta | None = None,
        ends_at: datetime | None = None,
        act_id: str | None = None,
    ) -> Outcome:
        """Silence what these matchers match, until `ends_at` or for as long as `lasts`."""
        act_id, author, reason = self._act_id(act_id), one_line(author, "author"), one_line(reason, "reason")
        parsed, now = parsed_matchers(matchers), self._clock.now()
        if (lasts is None) == (ends_at is None):
            raise OperatingError("a silence needs one end", next_step="say how long it lasts, or when it ends")
        try:
            end = ends_at or now + (lasts or timedelta(0))
        except OverflowError:
            end = datetime.max.replace(tzinfo=now.tzinfo)
        # By the act, so that one that is repeated finds what it did.
        silence_id = sha256(act_id.encode()).hexdigest()[:SHORT_ID]
        silence = Silence(id=silence_id, matchers=parsed, reason=reason, author=author, starts_at=now, ends_at=end)
        if problems := silence_problems(silence, now=now):
            raise OperatingError("; ".join(problems), next_step="change the silence and try again")
        async with self._turn:
            is_new = await self._do(act_id, author, SetSilence(silence=silence))
        kept = self._engine.state.desk.silences.get(silence_id)
        view = self._views.silence(kept or silence)
        count = _plural(len(view.hides), "open alert")
        text = (
            f"silenced until {_clock_words(view.ends_at)}: {count} {'is' if len(view.hides) == 1 else 'are'} quiet now"
        )
        return Outcome(text=text if is_new else DONE_ALREADY, alerts=view.hides, silence=view, is_repeated=not is_new)

    async def unsilence(self, silence_id: str, *, author: str, act_id: str | None = None) -> Outcome:
        """End a silence before its time."""
        act_id, author = self._act_id(act_id), one_line(author, "author")
        async with self._turn:
            if await self._is_done(act_id):
                return Outcome(text=DONE_ALREADY, is_repeated=True)
            silence = self._find.silence(silence_id)
            view = self._views.silence(silence)
            await self._do(act_id, author, EndSilence(silence_id=silence.id))
        return Outcome(text="the silence has ended", alerts=view.hides, silence=view)

    async def acknowledge(self, target: str, *, author: str, act_id: str | None = None) -> Outcome:
        """Take an alert, or all alerts of a group, in hand: no repeats and no escalation for a while."""
        act_id, author = self._act_id(act_id), one_line(author, "author")
        async with self._turn:
            if await self._is_done(act_id):
                return Outcome(text=DONE_ALREADY, is_repeated=True)
            keys = [alert.key for alert in self._find.alerts_of(target) if alert.is_open]
            standings = [self._engine.state.desk.standings.get(key) for key in keys]
            told = [standing for standing in standings if standing is not None]
            if not keys:
                return Outcome(text=NOTHING_OPEN)
            if not told:
                raise OperatingError(
                    "others announce this alert, so it cannot be acknowledged here",
                    next_step="acknowledge it where it was announced (Alertmanager)",
                )
            todo = tuple(standing.key for standing in told if standing.acknowledged is None)
            if not todo:
                return Outcome(text=_acknowledged_words(told[0].acknowledged))
            await self._do(act_id, author, Acknowledge(keys=todo))
        return Outcome(text=f"acknowledged {_plural(len(todo), 'alert')}", alerts=short_ids(todo))

    async def force_close(self, target: str, *, reason: str, author: str, act_id: str | None = None) -> Outcome:
        """End an alert, or all alerts of a group, although nobody saw them recover."""
        act_id, author, reason = self._act_id(act_id), one_line(author, "author"), one_line(reason, "reason")
        async with self._turn:
            if await self._is_done(act_id):
                return Outcome(text=DONE_ALREADY, is_repeated=True)
            keys = tuple(alert.key for alert in self._find.alerts_of(target) if alert.is_open)
            if not keys:
                return Outcome(text=NOTHING_OPEN)
            await self._do(act_id, author, ForceClose(keys=keys, reason=reason))
        return Outcome(text=f"closed {_plural(len(keys), 'alert')}", alerts=short_ids(keys))

    async def rehearse(
        self,
        alertname: str,
        *,
        author: str,
        labels: Mapping[str, str] = MappingProxyType({}),
        lasts: timedelta = REHEARSAL_LASTS,
        act_id: str | None = None,
    ) -> Outcome:
        """Open a rehearsal of an alert, which ends by itself; without `labels` about something that fits."""
        act_id, author = self._act_id(act_id), one_line(author, "author")
        if not timedelta(seconds=1) <= lasts <= LONGEST_REHEARSAL:
            raise OperatingError("a rehearsal lasts from 1 second to 1 hour", next_step="choose another duration")
        rule, severity = self._find.rule(alertname)
        if rule.name in self._manner.outside:
            raise OperatingError(
                f"alerts of {rule.name} are not announced by wamon, so there is nothing to rehearse here",
                next_step="rehearse one whose mode is builtin",
            )
        subject = self._find.subject(rule.kind, {name: one_line(value, name) for name, value in labels.items()})
        deed = Rehearse(rule=rule.name, subject=subject, severity=severity, what=REHEARSAL_WORDS, lasts=lasts)
        async with self._turn:
            is_new = await self._do(act_id, author, deed)
        opened = [
            alert
            for alert in self._engine.state.alerts.values()
            if alert.is_rehearsal and alert.rule == rule.name and alert.subject == subject
        ]
        receivers = {name for alert in opened for name in self._manner.route(self._views.labels(alert), severity)}
        about = describe(subject, self._engine.state.snapshot)
        where = ", ".join(sorted(receivers)) or "nowhere, for there is no receiver"
        text = f"rehearsal of {rule.alertname(severity)} about {about} for {_duration_words(lasts)}: see {where}"
        return Outcome(
            text=text if is_new else DONE_ALREADY,
            alerts=short_ids(alert.key for alert in opened),
            receivers=tuple(sorted(receivers)),
            is_repeated=not is_new,
        )

    async def try_receiver(self, name: str, *, author: str, act_id: str | None = None) -> Outcome:
        """Send a test message to one receiver."""
        act_id, author = self._act_id(act_id), one_line(author, "author")
        if name not in self._receivers:
            known = ", ".join(self._receivers) or "none"
            raise UnknownError(f"there is no receiver {name!r}", next_step=f"choose one of these: {known}")
        async with self._turn:
            is_new = await self._do(act_id, author, TryReceiver(receiver=name))
        text = f"a test message is on its way to {name}" if is_new else DONE_ALREADY
        return Outcome(text=text, receivers=(name,), is_repeated=not is_new)

    async def pressed(self, press: Press) -> str:
        """Do what a button under a message says; what came of it, in words for who pressed it."""
        group = self._find.group(press.value)
        try:
            if press.action not in ("acknowledge", *SILENCE_BUTTONS):
                return "this wamon does not know that button"
            if group is None or not self._find.matchers_of(group):
                return NOTHING_OPEN
            if press.action in SILENCE_BUTTONS:
                return await self._silence_group(group, press, SILENCE_BUTTONS[press.action])
            outcome = await self.acknowledge(press.value, author=press.user, act_id=press.act_id)
            return outcome.text
        except OperatingError as error:
            return f"{error}: {error.next_step}"

    async def _silence_group(self, group: Group, press: Press, lasts: timedelta) -> str:
        matchers = self._find.matchers_of(group)
        until = self._clock.now() + lasts
        for silence in self._engine.state.desk.silences.values():
            if frozenset(map(str, silence.matchers)) == frozenset(matchers) and silence.ends_at >= until:
                return f"already silenced by {silence.author} until {_clock_words(silence.ends_at)}"
        outcome = await self.silence(
            matchers, reason="by a button", author=press.user, ends_at=until, act_id=press.act_id
        )
        return outcome.text

    # --- acting -------------------------------------------------------------------------------------------------------

    async def _do(self, act_id: str, actor: str, deed: Deed) -> bool:
        """Do it, in turn; false when it was done before."""
        if await self._is_done(act_id):
            return False
        act = Act(id=act_id, actor=actor, deed=deed)
        if not await self._engine.observe(lambda moment: Acted(moment=moment, act=act)):
            raise _unstored(None)
        return True

    async def _is_done(self, act_id: str) -> bool:
        try:
            return await self._store.acted(act_id)
        except StoreError as error:
            raise _unstored(error) from error

    def _act_id(self, given: str | None) -> str:
        if given is None:
            return f"{self._random.getrandbits(128):032x}"
        return one_line(given, "id")


def _unstored(error: StoreError | None) -> NotStoredError:
    reason = f": {error}" if error else ""
    return NotStoredError(f"the store did not take it{reason}", next_step="try again; `/-/ready` tells what is wrong")


def _acknowledged_words(taken: Acknowledgement | None) -> str:
    return f"already acknowledged by {taken.by} until {_clock_words(taken.until)}" if taken else NOTHING_OPEN


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _clock_words(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _duration_words(duration: timedelta) -> str:
    seconds = round(duration.total_seconds())
    return f"{seconds // 60} min" if seconds >= 60 and seconds % 60 == 0 else f"{seconds} s"
