"""What the tests of notify/ start from: a transition, the names around it, a rule, a store that owes something."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from tests.fakes import START, FakeClock
from wamon.core.alerting import Alert, CloseReason, Severity, Timing, Transition, TransitionKind, alert_key
from wamon.core.health import Sighting, Snapshot, Subject, SubjectKind
from wamon.core.ports import Message, Notification, OutboxFigures, Owner, Receipt, Rule, clear
from wamon.core.state import Changes
from wamon.probes.account import PHONE_NUMBER_INFO, QUALITY_RATING, WABA_INFO
from wamon.store.sqlite import SqliteStore

WABA_ID = "102290129340398"
NUMBER_ID = "106540352242922"
NUMBER = Subject.phone_number(WABA_ID, NUMBER_ID)

QUALITY = Rule(
    name="QualityRating",
    kind=SubjectKind.PHONE_NUMBER,
    check=lambda view, params, now: clear(now),
    alertnames={Severity.WARNING: "QualityYellow", Severity.CRITICAL: "QualityRed"},
    timing=Timing(),
    params=None,
    meaning="Recipients dislike what this number sends.",
    cause="Often one campaign.",
    owner=Owner.MARKETING,
    steps=("Stop campaigns.", "Find what changed."),
)


def at(hour: int, minute: int = 0, *, day: int = 22) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def transition(
    kind: TransitionKind = TransitionKind.OPEN,
    severity: Severity = Severity.CRITICAL,
    *,
    subject: Subject = NUMBER,
    when: datetime = START,
    opened_at: datetime | None = None,
    last_confirmed_at: datetime | None = None,
    returns: int = 0,
    what: str = "Quality rating RED",
    evidence: tuple[tuple[str, str], ...] = (("Quality rating", "RED since 09:58"),),
    close_reason: CloseReason | None = None,
    rule: str = QUALITY.name,
    episode: int = 1,
    ordinal: int = 1,
) -> Transition:
    return Transition(
        key=alert_key(rule, subject),
        rule=rule,
        subject=subject,
        episode=episode,
        ordinal=ordinal,
        kind=kind,
        severity=severity,
        at=when,
        observed_at=when,
        opened_at=opened_at or when,
        last_confirmed_at=last_confirmed_at or when,
        returns=returns,
        what=what,
        evidence=evidence,
        close_reason=close_reason,
    )


def notification(of: Transition, *, is_possible_duplicate: bool = False) -> Notification:
    return Notification(
        id=1,
        receiver="slack_bot",
        transition=of,
        created_at=of.at,
        due_at=of.at,
        is_possible_duplicate=is_possible_duplicate,
    )


def snapshot(*, observed_at: datetime = START, verified_name: str = "Jasper's Market") -> Snapshot:
    """The names of the one number and its WABA, and the number's rating."""
    names = {"display_phone_number": "+1 555 078 3881", "verified_name": verified_name}
    sighting = Sighting(
        readings=(
            PHONE_NUMBER_INFO.reading(NUMBER, names),
            QUALITY_RATING.reading(NUMBER, "RED"),
            WABA_INFO.reading(Subject.waba(WABA_ID), {"name": "Jasper's Market Inc", "currency": "USD"}),
        ),
        observed_at=observed_at,
        interval=timedelta(minutes=1),
        source="poll",
    )
    return Snapshot().fold(sighting)[0]


def number(index: int) -> Subject:
    """One of many phone numbers."""
    return Subject.phone_number(WABA_ID, str(1000 + index))


async def owe(
    store: SqliteStore,
    clock: FakeClock,
    transitions: Iterable[Transition],
    receivers: Sequence[str],
    alerts: Sequence[Alert] = (),
) -> None:
    """Commit transitions, and so what is owed to the receivers."""
    await store.commit(
        Changes(moment=clock.moment(), transitions=tuple(transitions), receivers=tuple(receivers), alerts=tuple(alerts))
    )


class Recorder:
    """An OutboxObserver that keeps what it is told."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[str, str]] = []
        self.delays: list[float] = []
        self.possible_duplicates = 0
        self.commit_failures = 0
        self.figures = OutboxFigures()

    def delivered(self, receiver: str, *, delay_seconds: float, is_possible_duplicate: bool) -> None:
        self.outcomes.append((receiver, "delivered"))
        self.delays.append(delay_seconds)
        self.possible_duplicates += is_possible_duplicate

    def notified(self, receiver: str, outcome: str) -> None:
        self.outcomes.append((receiver, outcome))

    def outbox(self, figures: OutboxFigures) -> None:
        self.figures = figures

    def commit_failed(self) -> None:
        self.commit_failures += 1


class Pigeon:
    """A notifier that keeps what it carries; `on_send` is called first, then `fate` is asked, and may raise."""

    def __init__(self, name: str = "slack_bot") -> None:
        self.name = name
        self.tried: list[Message] = []
        self.carried: list[Message] = []
        self.fate: dict[int | None, Exception] = {}
        self.on_send: Callable[[], None] = lambda: None

    async def send(self, message: Message) -> Receipt:
        self.on_send()
        self.tried.append(message)
        error = self.fate.get(len(self.tried)) or self.fate.get(None)
        if error is not None:
            raise error
        self.carried.append(message)
        return Receipt(message_id=message.reference)

    async def check(self) -> str:
        return "it flies"

    async def close(self) -> None:
        """Nothing is held."""
