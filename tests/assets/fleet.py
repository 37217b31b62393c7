"""A made-up fleet, large and ill: whatever wamon can export, it exports of each account, number, template and so on."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import cycle, islice
from typing import Any, Final

from tests.assets.ruletest import TARGET
from tests.fakes import FakeClock
from tests.metrics.samples import alert
from wamon.core import books, vocabulary
from wamon.core.alerting import OWN_KINDS, AlertState
from wamon.core.books import BOUNDS, FOR_EVER, TallyKey
from wamon.core.health import (
    Flag,
    FlagMap,
    Gauge,
    GaugeMap,
    Info,
    Reading,
    Shape,
    Sighting,
    Signal,
    SparseState,
    StateSet,
    Subject,
    SubjectKind,
    Timestamp,
)
from wamon.core.ports import ProbeOutcome
from wamon.core.state import Changes, CounterKey, State
from wamon.core.step import ALERT_TRANSITIONS
from wamon.core.timing import Moment
from wamon.metrics.exposition import Exposition
from wamon.metrics.families import TOTALS
from wamon.metrics.instruments import Instruments, Scrape
from wamon.probes import PROBES
from wamon.rules import RULES
from wamon.signals import SIGNALS

WABAS: Final = 200
NUMBERS_A_WABA: Final = 10
TEMPLATES_A_WABA: Final = 3
TOKENS: Final = 20
CODES: Final = ("131026", "131042", "131047", "131048", "131049", "130472", "132015", "other")
# The words of the open vocabularies, by signal; what is not here has the word OTHER.
_WORDS: Final[Mapping[str, vocabulary.Vocabulary]] = {
    "whatsapp_phone_number_status": vocabulary.PHONE_NUMBER_STATUS,
    "whatsapp_phone_number_name_status": vocabulary.NAME_STATUS,
    "whatsapp_phone_number_code_verification_status": vocabulary.CODE_VERIFICATION_STATUS,
    "whatsapp_phone_number_throughput_level": vocabulary.THROUGHPUT_LEVEL,
    "whatsapp_phone_number_can_send": vocabulary.HEALTH_STATE,
    "whatsapp_can_send": vocabulary.HEALTH_STATE,
    "whatsapp_waba_status": vocabulary.WABA_STATUS,
    "whatsapp_waba_review_status": vocabulary.ACCOUNT_REVIEW_STATUS,
    "whatsapp_waba_business_verification_status": vocabulary.BUSINESS_VERIFICATION_STATUS,
    "whatsapp_waba_ban_state": vocabulary.WABA_BAN_STATE,
    "whatsapp_waba_last_violation": vocabulary.VIOLATION_TYPE,
    "whatsapp_waba_connection": vocabulary.WABA_CONNECTION,
    "whatsapp_account_alert_severity": vocabulary.ACCOUNT_ALERT_SEVERITY,
    "whatsapp_phone_number_last_security_event": vocabulary.SECURITY_EVENT,
    "whatsapp_waba_last_security_event": vocabulary.SECURITY_EVENT,
    "whatsapp_flow_alert_state": vocabulary.FLOW_ALERT_STATE,
}
# The words of the labels that split numbers and claims.
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "window": ("1h", "24h"),
    "age": ("lt15m", "15m_1h", "1h_24h", "gt24h"),
    "code": CODES,
    "error_code": ("141000", "141006"),
    "app_id": ("app-1",),
    "scope": ("whatsapp_business_management", "whatsapp_business_messaging"),
    "field": ("messages", "account_update", "message_template_status_update"),
    "status": ("APPROVED", "PAUSED", "DISABLED", "REJECTED"),
    "category": ("MARKETING", "UTILITY", "AUTHENTICATION"),
    "quality": ("GREEN", "YELLOW", "RED"),
    "dimension": ("call_count", "total_time"),
    "calling_code": tuple(f"{code}" for code in range(1, 21)),
}
_PROBLEMS: Final = ("PAUSED", "DISABLED", "REJECTED", "QUALITY_RED")


def scrapes(began_at: datetime, *, every: timedelta, count: int) -> str:
    """The fleet's scrapes as OpenMetrics with their times, while its counters grow."""
    clock = FakeClock(began_at)
    exposition = Exposition(SIGNALS, rules=RULES, probes=PROBES, mode="builtin")
    instruments = Instruments(
        version="1.2.3",
        clock=clock,
        probes=[probe.name for probe in PROBES],
        receivers=["slack_bot"],
        peers=["am:9093"],
    )
    scrape = Scrape(exposition, instruments)
    subjects = _subjects()
    state = _publish(exposition, subjects, began_at)
    samples: list[str] = []
    for turn in range(1, count + 1):
        clock.advance(every.total_seconds() if turn > 1 else 0.0)
        state = _count(exposition, state, turn, clock.now())
        exposition.show_totals(dict(_totals(subjects, turn)))
        _observe(instruments)
        stamp = f" {clock.now().timestamp():.3f}"
        samples += [_placed(line) + stamp for line in scrape(False).decode().splitlines() if not line.startswith("#")]
        samples.append(_placed("up 1") + stamp)
    return "\n".join([*samples, "# EOF", ""])


def _placed(line: str) -> str:
    """The sample with the job and the instance that it was scraped of."""
    inside = ",".join(f'{label}="{value}"' for label, value in TARGET.items())
    name, bracket, rest = line.partition("{")
    if bracket:
        return f"{name}{{{inside},{rest}"
    name, _, value = line.partition(" ")
    return f"{name}{{{inside}}} {value}"


# --- what was read ----------------------------------------------------------------------------------------------------


def _publish(exposition: Exposition, subjects: Mapping[SubjectKind, tuple[Subject, ...]], at: datetime) -> State:
    readings = tuple(
        signal.reading(subject, _value(signal, subject, index, at))
        for signal in SIGNALS
        for index, subject in enumerate(subjects[signal.kind])
    )
    state = State(version=0)
    snapshot, facts, _ = state.snapshot.fold(_sighting(readings, at))
    changes = Changes(moment=_moment(at), facts=facts)
    state = replace(state, snapshot=snapshot, version=state.version + 1)
    exposition.publish(state, changes)
    return state


def _count(exposition: Exposition, state: State, turn: int, at: datetime) -> State:
    """Alerts opened and closed, and some of each name are open."""
    opened = [
        alert(f"{rule.name} {severity} {stage}", rule=rule.name, severity=severity, state=stage)
        for rule in RULES
        for severity in rule.alertnames
        for stage in (AlertState.PENDING, AlertState.FIRING, AlertState.RECOVERING)
    ]
    alerts = {each.key: each for each in opened}
    counters = {
        CounterKey.of(ALERT_TRANSITIONS, alertname=name, kind=kind): turn
        for rule in RULES
        for name in rule.alertnames.values()
        for kind in OWN_KINDS
    }
    after = replace(state, alerts=alerts, counters={**state.counters, **counters}, version=state.version + 1)
    exposition.publish(after, Changes(moment=_moment(at), alerts=tuple(opened), counters=counters))
    return after


def _sighting(readings: tuple[Reading, ...], at: datetime) -> Sighting:
    return Sighting(readings=readings, observed_at=at, interval=timedelta(minutes=5), source="poll")


def _moment(at: datetime) -> Moment:
    return Moment(at=at, boot_id="boot", monotonic=0.0)


def _subjects() -> dict[SubjectKind, tuple[Subject, ...]]:
    """Everything there is, by its kind."""
    wabas = [f"{1000 + index}" for index in range(WABAS)]
    numbers = [(waba, f"{waba}{index:02d}") for waba in wabas for index in range(NUMBERS_A_WABA)]
    tokens = [Subject.token(f"token-{index}") for index in range(TOKENS)]
    apps = [Subject.app(f"app-{index}") for index in range(TOKENS)]
    accounts = [Subject.waba(waba) for waba in wabas]
    watched = {"account": accounts, "templates": accounts, "token": tokens, "app": apps}
    senders = [(waba, "waba", waba) for waba in wabas] + [(waba, "phone_number", number) for waba, number in numbers]
    found: dict[SubjectKind, Iterable[Subject]] = {
        SubjectKind.INSTANCE: [Subject.instance()],
        SubjectKind.APP: apps,
        SubjectKind.TOKEN: tokens,
        SubjectKind.TOKEN_ASSET: (Subject.token_asset(f"token-{at % TOKENS}", waba) for at, waba in enumerate(wabas)),
        SubjectKind.WABA: accounts,
        SubjectKind.PHONE_NUMBER: (Subject.phone_number(*each) for each in numbers),
        SubjectKind.SENDER: (Subject.sender(*each) for each in senders),
        SubjectKind.API_VERSION: (Subject.api_version(f"v{number}.0") for number in range(19, 26)),
        SubjectKind.PROBE: (Subject.probe(name, target) for name, targets in watched.items() for target in targets),
        SubjectKind.RESTRICTION: (Subject.restriction(waba, "RESTRICTED_BIZ_INITIATED_MESSAGING") for waba in wabas),
        SubjectKind.ACCOUNT_ALERT: (Subject.account_alert(waba, "OBA_APPROVED") for waba in wabas),
        SubjectKind.TEMPLATE: (
            Subject.template(waba, f"template_{index}", "en_US") for waba in wabas for index in range(TEMPLATES_A_WABA)
        ),
        SubjectKind.FLOW: (Subject.flow(waba, f"flow-{waba}", "ENDPOINT_ERROR_RATE") for waba in wabas),
    }
    return {kind: tuple(subjects) for kind, subjects in found.items()}


def _value(signal: Signal[Any], subject: Subject, index: int, at: datetime) -> Any:
    """Something else for each subject, good and bad in turn."""
    shape: Shape[Any] = signal.shape
    match shape:
        case Timestamp():
            return at + timedelta(hours=index % 400 - 200)
        case StateSet(_, states):
            return states[index % len(states)]
        case SparseState():
            words = _words(signal.name)
            return words[index % len(words)]
        case Info(labels):
            return {label: f"{label} {dict(subject.labels)}" for label in labels}
        case Flag():
            return index % 2 == 0
        case FlagMap(label):
            return dict(zip(_keys(label, index), cycle((True, False)), strict=False))
        case GaugeMap(label):
            share = 0.01 if signal.name.endswith("ratio") else 10.0
            return dict.fromkeys(_keys(label, index), (index * 7 % 97 + 3) * share)
        case Gauge():
            return float(index % 100)
    raise AssertionError(f"no value for {signal.name}")


def _words(name: str) -> list[str]:
    if name == "wamon_probe_outcome":
        return [str(outcome) for outcome in ProbeOutcome]
    return sorted(_WORDS[name].values) if name in _WORDS else [vocabulary.OTHER]


def _keys(label: str, index: int) -> tuple[str, ...]:
    return (_PROBLEMS[index % len(_PROBLEMS)],) if label == "problem" else _KEYS.get(label, ("other",))


# --- what was counted -------------------------------------------------------------------------------------------------


def _totals(subjects: Mapping[SubjectKind, tuple[Subject, ...]], turn: int) -> Iterator[tuple[TallyKey, int]]:
    """The sums of every family of the books, more with each turn and different for each."""
    for total in TOTALS:
        name = total.family.name
        # One-time codes are a part of all messages.
        more = 1 if name == books.AUTHENTICATION_SECONDS else 3
        for index, subject in enumerate(subjects[total.kind]):
            whose = dict(subject.labels)
            for place, label in enumerate(_labels(name, total.label, total.starts)):
                key = name, whose.get("waba_id", ""), whose.get("phone_number_id", ""), label, FOR_EVER
                yield key, turn * more * (index % 53 + 10 * place + 1)


def _labels(name: str, label: str, starts: Iterable[str]) -> Iterable[str]:
    if name in BOUNDS:
        return (*(f"{bound}.0" for bound in islice(BOUNDS[name], 6)), books.SUM)
    return tuple(starts) or (_KEYS.get(label, ("other",)) if label else ("",))


def _observe(instruments: Instruments) -> None:
    """A little of everything that the daemon does itself."""
    for probe in PROBES:
        instruments.probe_run(probe.name, 0.4)
    for code in ("ok", "190", "4", "timeout"):
        instruments.request(code, 0.3)
    instruments.retry("timeout")
    instruments.job_started("tick", 0.1)
    instruments.committed(0.01)
    instruments.delivered("slack_bot", delay_seconds=2.0)
    instruments.webhook_answered(200, 0.01)
    instruments.ledger_committed(0.01, 5)
