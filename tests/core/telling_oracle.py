"""A slow, plain reading of ALERTING sections 3 to 6 and 8, to hold the plan against.

It keeps what happened to each alert and what was said of it, and looks back along these lists at each question: there
are no running totals, and no moment at which something is due is ever remembered.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from wamon.core.alerting import Alert, AlertState, Severity, Transition, TransitionKind
from wamon.core.desk import Acknowledge, Act, EndSilence, PostDigest, SetSilence, TryReceiver
from wamon.core.manner import Manner, alert_labels
from wamon.core.ports import Rule
from wamon.core.silences import Silence

OPEN, RAISE, LOWER, CLOSE = TransitionKind.OPEN, TransitionKind.RAISE, TransitionKind.LOWER, TransitionKind.CLOSE
FLAPPING, TAKEN_OVER = TransitionKind.FLAPPING, TransitionKind.TAKEN_OVER
OPENINGS = (OPEN, RAISE, TAKEN_OVER)
CRITICAL = Severity.CRITICAL
EARNS = {OPEN: 1000.0, TransitionKind.RETURNED: 500.0}
NOTIFYING = ("news", "repeat", "escalation", "ack_expired", "carried")
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One step. `rows` are the alerts' own transitions. `stopped_for` is given at a start. `is_look` is false when the
    plan may not have looked, because nothing happened and nothing was due."""

    now: datetime
    rows: Sequence[Transition]
    alerts: Mapping[str, Alert]
    act: Act | None = None
    stopped_for: timedelta | None = None
    is_look: bool = True


@dataclass(frozen=True, slots=True)
class News:
    """What may have to be told of an alert; the words of an overlay have no number of their own."""

    key: str
    kind: TransitionKind
    severity: Severity
    episode: int
    ordinal: int
    is_urgent: bool = False

    @property
    def word(self) -> tuple[str, str, int, int]:
        return (self.key, str(self.kind), self.episode, self.ordinal)


@dataclass(frozen=True, slots=True)
class Said:
    receiver: str
    kind: str
    group_id: int
    items: frozenset[tuple[str, str, int, int]]
    is_loud: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """What people learned or did since they believe that an alert is open: `what` is told, called or unacked."""

    what: str
    at: datetime
    severity: Severity | None = None
    to: frozenset[str] = frozenset()


@dataclass(slots=True)
class Life:
    key: str
    group_id: int
    latest: News | None = None
    entries: list[Entry] = field(default_factory=list)
    # Penalties earned: how much, when, and the time since the one before, which did pass whatever the clock says later.
    earned: list[tuple[float, datetime, timedelta]] = field(default_factory=list)
    held_since: datetime | None = None
    ack: tuple[int, datetime] | None = None
    mute: tuple[str, str] | None = None
    is_inhibited: bool = False
    released_at: datetime | None = None

    @property
    def told(self) -> Severity | None:
        told = [entry.severity for entry in self.entries if entry.what == "told"]
        return told[-1] if told else None

    @property
    def told_to(self) -> frozenset[str]:
        return frozenset[str]().union(*(entry.to for entry in self.entries))

    def called(self) -> tuple[datetime | None, int]:
        """Since when people have been answerable for something critical, and how often they were called since."""
        since, calls = None, 0
        for entry in self.entries:
            if entry.what == "called":
                calls += 1
            elif entry.what == "unacked" and since is not None:
                since, calls = entry.at, 0
            elif entry.what == "told" and entry.severity is not CRITICAL:
                since, calls = None, 0
            elif entry.what == "told" and since is None:
                since, calls = entry.at, 0
        return since, calls


@dataclass(slots=True)
class Crowd:
    """Alerts that share a message."""

    id: int
    key: tuple[str, str, str]
    is_storm: bool = False
    speaker_id: int = 0
    members: list[str] = field(default_factory=list)
    waiting: list[News] = field(default_factory=list)
    waiting_since: datetime | None = None
    said_at: list[datetime] = field(default_factory=list)
    urgent_at: list[datetime] = field(default_factory=list)


class Oracle:
    def __init__(self) -> None:
        self.rules: Mapping[str, Rule] = {}
        self.manner = Manner()
        self.lives: dict[str, Life] = {}
        self.crowds: dict[int, Crowd] = {}
        self.crowd_count = 0
        # Silences with whether they have begun: one that has does so for good, wherever the clock goes.
        self.silences: dict[str, tuple[Silence, bool]] = {}
        self.firsts: list[datetime] = []
        self.storm_id: int | None = None
        self.digest_at: datetime | None = None
        self.now: datetime | None = None
        self.alerts: Mapping[str, Alert] = {}
        self.said: list[Said] = []
        self.notes: list[tuple[str, str]] = []
        self.reminded: dict[tuple[int, str, str], list[tuple[News, frozenset[str]]]] = {}

    def take(self, happened: Happened) -> None:
        if self.now is not None and happened.now < self.now:
            self.set_back(happened.now)
        self.now, self.alerts = happened.now, happened.alerts
        self.said, self.notes, self.reminded = [], [], {}
        if happened.stopped_for is not None:
            self.start(happened.now, happened.stopped_for)
        self.silences = {
            name: (silence, has_begun or silence.starts_at <= happened.now)
            for name, (silence, has_begun) in self.silences.items()
            if silence.ends_at > happened.now
        }
        for row in happened.rows:
            self.admit(row, happened.now)
        if happened.act is not None:
            self.act(happened.act, happened.now)
        for life in self.lives.values():
            self.mute(life, happened.now)
            self.calm(life, happened.now)
            if happened.is_look:
                self.catch_up(life, happened.now)
            self.expire(life, happened.now)
        if happened.is_look:
            self.watch_for_storm(happened.now)
        for crowd in sorted(self.crowds.values(), key=lambda crowd: crowd.id):
            self.tell_if_due(crowd, happened.now)
        for (crowd_id, kind, _), reminded in self.reminded.items():
            to = frozenset[str]().union(*(told_to for _, told_to in reminded))
            self.say(crowd_id, to, kind, [news for news, _ in reminded], happened.now)
        self.escalate(happened.now)
        self.repeat(happened.now)
        self.tell_of_silenced(happened.now)
        self.end_crowds()

    def set_back(self, now: datetime) -> None:
        """Nothing that happened may lie in the future."""
        for life in self.lives.values():
            life.entries = [replace(entry, at=min(entry.at, now)) for entry in life.entries]
            life.earned = [(amount, min(at, now), gap) for amount, at, gap in life.earned]
            life.held_since = min(life.held_since, now) if life.held_since else None
            life.ack = (life.ack[0], min(life.ack[1], now)) if life.ack else None
            life.released_at = min(life.released_at, now) if life.released_at else None
        for crowd in self.crowds.values():
            crowd.waiting_since = min(crowd.waiting_since, now) if crowd.waiting_since else None
            crowd.said_at = [min(at, now) for at in crowd.said_at]
            crowd.urgent_at = [min(at, now) for at in crowd.urgent_at]
        self.firsts = [min(at, now) for at in self.firsts]
        self.digest_at = min(self.digest_at, now) if self.digest_at else None

    # --- questions ----------------------------------------------------------------------------------------------------

    def open_alert(self, key: str) -> Alert | None:
        alert = self.alerts.get(key)
        return alert if alert is not None and alert.is_open else None

    def labels(self, alert: Alert) -> Mapping[str, str]:
        return alert_labels(alert, self.rules.get(alert.rule), self.manner.ties)

    def silenced(self, alert: Alert) -> str | None:
        labels = self.labels(alert)
        hiding = [
            (silence.ends_at, silence.id)
            for silence, has_begun in self.silences.values()
            if has_begun and all(matcher.matches(labels) for matcher in silence.matchers)
        ]
        return max(hiding)[1] if hiding else None

    def inhibited(self, alert: Alert) -> str | None:
        if alert.is_rehearsal:
            return None
        labels = self.labels(alert)
        for inhibition in self.manner.inhibitions:
            for source in self.alerts.values():
                if source.rule != inhibition.source or not source.is_open or source.is_rehearsal:
                    continue
                theirs = self.labels(source)
                if alert.rule in inhibition.targets and all(theirs[name] == labels[name] for name in inhibition.equal):
                    return source.key
        return None

    def speaker(self, life: Life) -> Crowd:
        own = self.crowds[life.group_id]
        return self.crowds[own.speaker_id or own.id]

    def waits(self, life: Life, *kinds: TransitionKind) -> bool:
        if life.group_id not in self.crowds:
            return False
        return any(news.key == life.key and news.kind in kinds for news in self.speaker(life).waiting)

    def believed(self, life: Life) -> Severity | None:
        """What people will believe once they have heard of the close that waits."""
        return None if self.waits(life, CLOSE) else life.told

    def half_life(self, alert: Alert) -> timedelta:
        rule = self.rules.get(alert.rule)
        return max(30 * MINUTE, 6 * (rule.timing.keep_firing_for if rule else 0 * MINUTE))

    def penalty(self, life: Life, now: datetime) -> float:
        if not life.earned:
            return 0.0
        half, total = self.half_life(self.alerts[life.key]), 0.0
        for amount, _, gap in life.earned:
            total = total * 0.5 ** (gap / half) + amount
        return float(total * 0.5 ** (max(now - life.earned[-1][1], 0 * MINUTE) / half))

    def is_acknowledged(self, life: Life) -> bool:
        alert = self.open_alert(life.key)
        return life.ack is not None and alert is not None and alert.episode == life.ack[0]

    def readers(self, lives: Iterable[Life]) -> frozenset[str]:
        return frozenset[str]().union(*(life.told_to for life in lives))

    # --- what happens to an alert -------------------------------------------------------------------------------------

    def start(self, now: datetime, stopped_for: timedelta) -> None:
        everybody = {*self.manner.receivers, *(route.receiver for route in self.manner.routes)}
        everybody |= {self.manner.escalation_receiver} if self.manner.escalation_receiver else set()
        for life in list(self.lives.values()):
            alert = self.alerts[life.key]
            if alert.rule in self.manner.outside:
                self.drop_waiting(life, *OPENINGS, CLOSE, FLAPPING)
                del self.lives[life.key]
                continue
            life.entries = [replace(entry, to=entry.to & everybody) for entry in life.entries]
            is_silenced = any(
                silence.ends_at > now
                and (has_begun or silence.starts_at <= now)
                and all(matcher.matches(self.labels(alert)) for matcher in silence.matchers)
                for silence, has_begun in self.silences.values()
            )
            believed = self.believed(life)
            if believed is None or not alert.is_open or is_silenced:
                continue
            if stopped_for > 15 * MINUTE:
                self.remind(life, "carried")
            new = self.manner.route(self.labels(alert), believed) - life.told_to
            # Whatever waits will reach them as well.
            if new and not self.waits(life, *OPENINGS):
                self.say(self.speaker(life).id, new, "repeat", _latest([life]), now)
                life.entries.append(Entry("told", now, believed, new))
        for key, alert in self.alerts.items():
            if alert.is_open and key not in self.lives and alert.rule not in self.manner.outside:
                taken_over = News(key, TAKEN_OVER, alert.severity, alert.episode, 0)
                self.lives[key] = Life(key, self.join(alert).id, taken_over)
                self.notes.append((key, str(TAKEN_OVER)))

    def admit(self, row: Transition, now: datetime) -> None:
        if row.rule in self.manner.outside:
            return
        life = self.lives.get(row.key)
        if life is None or life.group_id not in self.crowds:
            crowd = self.join(self.alerts[row.key])
            life = self.lives.setdefault(row.key, Life(row.key, crowd.id))
            life.group_id = crowd.id
        was_held = life.held_since is not None
        if row.kind in EARNS and not row.is_rehearsal:
            gap = max(now - life.earned[-1][1], 0 * MINUTE) if life.earned else 0 * MINUTE
            life.earned.append((EARNS[row.kind], now, gap))
            if not was_held and row.severity is not CRITICAL and self.penalty(life, now) >= 3000:
                life.held_since = now
        if row.kind is LOWER and life.told is not None and not was_held:
            life.entries.append(Entry("told", now, row.severity))
        if row.kind is RAISE and self.is_acknowledged(life):
            self.unacknowledge(life, now)
        if row.kind in (OPEN, RAISE, CLOSE):
            self.hear(life, row, was_held=was_held, now=now)
        if life.held_since is not None and not was_held:
            self.notes.append((row.key, str(FLAPPING)))
            self.wait(life, News(row.key, FLAPPING, row.severity, row.episode, 0), now)

    def hear(self, life: Life, row: Transition, *, was_held: bool, now: datetime) -> None:
        is_worst = row.kind is not CLOSE and row.severity is CRITICAL
        is_urgent = row.kind is RAISE or is_worst
        life.latest = News(row.key, row.kind, row.severity, row.episode, row.ordinal, is_urgent)
        if row.kind is OPEN:
            life.released_at = None
        if row.kind is CLOSE:
            life.ack = None
        if not was_held or (is_worst and self.believed(life) is not CRITICAL):
            self.wait(life, life.latest, now)

    def act(self, act: Act, now: datetime) -> None:
        match act.deed:
            case SetSilence(silence=silence):
                self.silences[silence.id] = (silence, silence.starts_at <= now)
            case EndSilence(silence_id=name):
                self.silences.pop(name, None)
            case Acknowledge(keys=keys):
                for life in [self.lives[key] for key in keys if key in self.lives]:
                    alert = self.open_alert(life.key)
                    if alert is not None and not self.is_acknowledged(life):
                        life.ack = (alert.episode, now)
                        self.notes.append((life.key, "acknowledged"))
            case TryReceiver(receiver=receiver):
                self.say(0, {receiver}, "test", [], now)
            case PostDigest():
                self.say(0, self.manner.receivers, "weekly_digest", [], now)

    def unacknowledge(self, life: Life, now: datetime) -> None:
        life.ack = None
        life.entries.append(Entry("unacked", now))
        self.notes.append((life.key, "unacknowledged"))

    # --- overlays -----------------------------------------------------------------------------------------------------

    def mute(self, life: Life, now: datetime) -> None:
        """A silence mutes whatever it matches, an inhibition what nobody knows. Closes are never muted."""
        alert = self.alerts[life.key]
        silence = self.silenced(alert)
        source = self.inhibited(alert) if self.believed(life) is None else None
        found = ("silenced", silence) if silence else ("inhibited", source) if source else None
        if found is not None:
            self.drop_waiting(life, *OPENINGS, FLAPPING)
        is_open = alert.is_open
        if life.is_inhibited and source is None and is_open:
            life.released_at = now
        life.is_inhibited = source is not None and is_open
        mute = found if is_open else None
        if mute == life.mute:
            return
        if life.mute is not None and is_open:
            self.notes.append((life.key, {"silenced": "unsilenced", "inhibited": "uninhibited"}[life.mute[0]]))
        life.mute = mute
        if mute is not None:
            self.notes.append((life.key, mute[0]))
            if mute[0] == "silenced" and life.told is not None:
                self.remind(life, "silenced", mute[1])

    def calm(self, life: Life, now: datetime) -> None:
        if life.held_since is None:
            return
        alert = self.alerts[life.key]
        longest = 4 * self.half_life(alert)
        if self.penalty(life, now) > 1000.000001 and now < life.held_since + longest:
            return
        life.held_since = None
        self.notes.append((life.key, "calmed"))
        if alert.is_open:
            self.correct(life, now)
        elif life.latest is not None and life.latest.kind is CLOSE:
            self.wait(life, life.latest, now)

    def catch_up(self, life: Life, now: datetime) -> None:
        alert, told = self.open_alert(life.key), self.believed(life)
        if alert is None or life.latest is None or life.mute is not None or self.waits(life, *OPENINGS):
            return
        if told is not None and (told >= alert.severity or life.held_since is not None):
            return
        if life.released_at is not None and alert.last_confirmed_at <= life.released_at:
            return
        life.released_at = None
        self.wait(life, replace(life.latest, severity=alert.severity, is_urgent=False), now)

    def expire(self, life: Life, now: datetime) -> None:
        if life.ack is not None and self.is_acknowledged(life) and now >= life.ack[1] + 24 * HOUR:
            self.unacknowledge(life, now)
            if life.mute is None:
                self.remind(life, "ack_expired")

    def correct(self, life: Life, now: datetime) -> None:
        alert = self.open_alert(life.key)
        if alert is None or life.told is None or life.held_since is not None:
            return
        if alert.severity < life.told:
            life.entries.append(Entry("told", now, alert.severity))

    # --- telling ------------------------------------------------------------------------------------------------------

    def join(self, alert: Alert) -> Crowd:
        labels = self.labels(alert)
        key = (labels["family"], labels.get("app_id", ""), labels.get("waba_id", ""))
        found = [crowd for crowd in self.crowds.values() if crowd.key == key and not crowd.is_storm]
        crowd = found[0] if found else self.gather(key)
        if alert.key not in crowd.members:
            crowd.members.append(alert.key)
        return crowd

    def gather(self, key: tuple[str, str, str], *, is_storm: bool = False) -> Crowd:
        self.crowd_count += 1
        self.crowds[self.crowd_count] = Crowd(self.crowd_count, key, is_storm)
        return self.crowds[self.crowd_count]

    def wait(self, life: Life, news: News, now: datetime) -> None:
        speaker = self.speaker(life)
        speaker.waiting.append(news)
        speaker.waiting_since = speaker.waiting_since or now

    def drop_waiting(self, life: Life, *kinds: TransitionKind) -> None:
        if life.group_id in self.crowds:
            speaker = self.speaker(life)
            speaker.waiting = [n for n in speaker.waiting if n.key != life.key or n.kind not in kinds]
            speaker.waiting_since = speaker.waiting_since if speaker.waiting else None

    def watch_for_storm(self, now: datetime) -> None:
        untold = [
            crowd
            for crowd in self.crowds.values()
            if not crowd.is_storm and not crowd.said_at and any(n.kind in OPENINGS for n in crowd.waiting)
        ]
        self.firsts = [at for at in self.firsts if at > now - MINUTE]
        if len(self.firsts) + len(untold) <= self.manner.patience.storm_groups:
            self.storm_id = None
            return
        if self.storm_id is None:
            self.storm_id = self.gather(("storm", "", ""), is_storm=True).id
        storm = self.crowds[self.storm_id]
        for crowd in untold:
            crowd.speaker_id = storm.id
            storm.waiting += crowd.waiting
            storm.waiting_since = storm.waiting_since or now
            crowd.waiting, crowd.waiting_since = [], None
            self.firsts.append(now)

    def tell_if_due(self, crowd: Crowd, now: datetime) -> None:
        if crowd.waiting_since is None:
            return
        due_at = crowd.said_at[-1] + 2 * MINUTE if crowd.said_at else crowd.waiting_since + 20 * SECOND
        if any(news.is_urgent for news in crowd.waiting):
            due_at = min(due_at, crowd.urgent_at[-1] + 30 * SECOND if crowd.urgent_at else now)
        if now < due_at:
            return
        told, crowd.waiting, crowd.waiting_since = crowd.waiting, [], None
        items: dict[str, list[News]] = {}
        for news in told:
            for receiver in self.tell(news, now):
                items.setdefault(receiver, []).append(news)
        for key in {news.key for news in told}:
            self.correct(self.lives[key], now)
        if not items:
            return
        is_first = not crowd.said_at
        if is_first and not crowd.is_storm:
            self.firsts.append(now)
        if any(news.is_urgent for each in items.values() for news in each):
            crowd.urgent_at.append(now)
        for receiver, each in items.items():
            is_loud = any(n.kind is RAISE or (n.kind is OPEN and n.severity is CRITICAL) for n in each)
            self.say(crowd.id, {receiver}, "news", each, now, is_loud=is_loud and not is_first)

    def tell(self, news: News, now: datetime) -> frozenset[str]:
        """Who is told this, and believes it from now on."""
        life = self.lives[news.key]
        told_to = life.told_to
        if news.kind is CLOSE:
            life.entries = []
            return told_to
        if news.kind is FLAPPING:
            return told_to
        if life.told is not None and news.severity <= life.told:
            return frozenset()
        told_to |= self.manner.route(self.labels(self.alerts[news.key]), news.severity)
        life.entries.append(Entry("told", now, news.severity, told_to))
        return told_to

    def say(
        self,
        crowd_id: int,
        to: Iterable[str],
        kind: str,
        items: Sequence[News],
        now: datetime,
        *,
        is_loud: bool = False,
    ) -> None:
        said = [Said(r, kind, crowd_id, frozenset(news.word for news in items), is_loud) for r in to]
        self.said += said
        if said and kind in NOTIFYING:
            self.crowds[crowd_id].said_at.append(now)

    def remind(self, life: Life, kind: str, about: str = "") -> None:
        if life.latest is not None:
            about_whom = (self.speaker(life).id, kind, about)
            self.reminded.setdefault(about_whom, []).append((life.latest, life.told_to))

    def escalate(self, now: datetime) -> None:
        if not self.manner.mentions and not self.manner.escalation_receiver:
            return
        due: dict[tuple[int, int], list[Life]] = {}
        for life in self.lives.values():
            alert = self.open_alert(life.key)
            if alert is None or alert.state is not AlertState.FIRING or alert.severity is not CRITICAL:
                continue
            since, calls = life.called()
            if since is None or calls > 1 or life.mute is not None or self.is_acknowledged(life):
                continue
            if now >= since + (15 * MINUTE, 30 * MINUTE)[calls]:
                due.setdefault((self.speaker(life).id, calls), []).append(life)
        for (crowd_id, calls), lives in due.items():
            if calls == 0:
                to = self.readers(lives) if self.manner.mentions else frozenset()
            else:
                to = frozenset({self.manner.escalation_receiver} if self.manner.escalation_receiver else ())
            for life in lives:
                life.entries.append(Entry("called", now, to=to))
                if to:
                    self.notes.append((life.key, "escalated"))
            self.say(crowd_id, to, "escalation", _latest(lives), now, is_loud=True)

    def repeat(self, now: datetime) -> None:
        for crowd in self.crowds.values():
            lives = [life for life in self.lives.values() if self.is_reminded(life) and self.speaker(life) is crowd]
            every = [self.manner.patience.repeats[life.told] for life in lives if life.told]
            if crowd.said_at and every and now >= crowd.said_at[-1] + min(every):
                self.say(crowd.id, self.readers(lives), "repeat", _latest(lives), now)

    def is_reminded(self, life: Life) -> bool:
        alert = self.open_alert(life.key)
        is_firing = alert is not None and alert.state is AlertState.FIRING
        is_gated = life.mute is not None or life.held_since is not None or self.is_acknowledged(life)
        return is_firing and not is_gated and life.told in self.manner.patience.repeats

    def tell_of_silenced(self, now: datetime) -> None:
        hidden = []
        for life in self.lives.values():
            alert = self.open_alert(life.key)
            if (
                alert is not None
                and alert.severity is CRITICAL
                and life.mute is not None
                and life.mute[0] == "silenced"
            ):
                hidden.append(life)
        if not hidden:
            self.digest_at = None
        elif self.digest_at is None:
            self.digest_at = now
        elif now >= self.digest_at + 24 * HOUR:
            self.digest_at = now
            self.say(0, self.manner.receivers, "silenced_digest", _latest(hidden), now)

    def end_crowds(self) -> None:
        for crowd in sorted(self.crowds.values(), key=lambda crowd: crowd.is_storm):
            is_speaking = any(each.speaker_id == crowd.id for each in self.crowds.values())
            if not crowd.waiting and not is_speaking and not any(self.is_live(key, crowd) for key in crowd.members):
                del self.crowds[crowd.id]
                self.storm_id = None if self.storm_id == crowd.id else self.storm_id

    def is_live(self, key: str, crowd: Crowd) -> bool:
        life = self.lives.get(key)
        if life is None or life.group_id != crowd.id:
            return False
        is_waiting = self.waits(life, *OPENINGS, CLOSE, FLAPPING)
        return bool(self.open_alert(key)) or life.told is not None or life.held_since is not None or is_waiting


def _latest(lives: Iterable[Life]) -> list[News]:
    return [life.latest for life in lives if life.latest is not None]
