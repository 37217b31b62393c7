"""Prometheus's own linter reads a scrape in which every family has something to say."""

import subprocess
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from tests.fakes import START, FakeClock
from tests.metrics.samples import RULE, alert, alerted, seen
from tests.tools import require_tool
from wamon.core.books import BOUNDS, FOR_EVER, SUM, TallyKey
from wamon.core.health import (
    FlagMap,
    Gauge,
    GaugeMap,
    Info,
    Reading,
    Shape,
    Signal,
    SparseState,
    StateSet,
    Subject,
    SubjectKind,
    Timestamp,
)
from wamon.core.markers import MarkerKind
from wamon.core.ports import OutboxFigures
from wamon.core.state import State
from wamon.metrics.exposition import Exposition
from wamon.metrics.families import TOTALS
from wamon.metrics.instruments import Instruments, Scrape
from wamon.metrics.reference import metric_rows
from wamon.probes import PROBES
from wamon.signals import SIGNALS

SUBJECTS = {
    SubjectKind.INSTANCE: Subject.instance(),
    SubjectKind.APP: Subject.app("634"),
    SubjectKind.TOKEN: Subject.token("main"),
    SubjectKind.TOKEN_ASSET: Subject.token_asset("main", "1029"),
    SubjectKind.WABA: Subject.waba("1029"),
    SubjectKind.PHONE_NUMBER: Subject.phone_number("1029", "1065"),
    SubjectKind.SENDER: Subject.sender("1029", "business", "88"),
    SubjectKind.API_VERSION: Subject.api_version("v25.0"),
    SubjectKind.PROBE: Subject.probe("account", Subject.waba("1029")),
    SubjectKind.RESTRICTION: Subject.restriction("1029", "RESTRICTED_BIZ_INITIATED_MESSAGING"),
    SubjectKind.ACCOUNT_ALERT: Subject.account_alert("1029", "OBA_APPROVED"),
    SubjectKind.TEMPLATE: Subject.template("1029", "order", "en_US"),
    SubjectKind.FLOW: Subject.flow("1029", "33", "ENDPOINT_ERROR_RATE"),
}


def value(shape: Shape[Any]) -> Any:
    match shape:
        case Timestamp():
            return START
        case StateSet(_, states):
            return states[0]
        case SparseState():
            return 'WITH "QUOTES"\\\n'
        case Info(labels):
            return dict.fromkeys(labels, 'a "name"\\\n')
        case FlagMap():
            return {"one": True, "two": False}
        case GaugeMap():
            return {"calls": 0.5}
        case Gauge():
            return float("inf")
    return True


def readings() -> Iterator[Reading]:
    for signal in SIGNALS:
        yield signal.reading(SUBJECTS[signal.kind], value(signal.shape))


def losses() -> Iterator[Reading]:
    """What had a state is no longer known, of other subjects than those above."""
    for signal in SIGNALS:
        if signal.last_known is not None:
            yield lost(signal)


def lost(signal: Signal[Any]) -> Reading:
    subject = SUBJECTS[signal.kind]
    return signal.reading(Subject(subject.kind, tuple((name, f"{text}9") for name, text in subject.labels)), None)


def totals() -> Iterator[tuple[TallyKey, int]]:
    """Sums of every family of the books."""
    for total in TOTALS:
        name, whose = total.family.name, dict(SUBJECTS[total.kind].labels)
        labels = [*total.starts, "131026"] if total.label else [""]
        if name in BOUNDS:
            labels = ["1.0", "30.0", "+Inf", SUM]
        for label in labels:
            yield (name, whose.get("waba_id", ""), whose.get("phone_number_id", ""), label, FOR_EVER), 7


def busy_scrape() -> Scrape:
    exposition = Exposition(SIGNALS, rules=(RULE,), probes=PROBES, mode="builtin")
    known = [signal.reading(lost(signal).subject, value(signal.shape)) for signal in SIGNALS if signal.last_known]
    state, changes = seen(State(), *readings(), *known)
    exposition.publish(state, changes)
    state, changes = seen(state, *losses(), at=START + timedelta(minutes=1))
    exposition.publish(state, changes)
    exposition.publish(*alerted(state, [alert()]))
    exposition.show_totals(dict(totals()))
    instruments = Instruments(
        version="1.2.3", clock=FakeClock(), probes=["account"], receivers=["slack"], peers=["am:9093"]
    )
    instruments.heartbeat_sent(START)
    instruments.retry("timeout")
    instruments.dropped_field("WhatsAppBusinessPhoneNumber", "is_pin_enabled")
    instruments.job_started("account", 0.1)
    instruments.job_failed("account")
    instruments.job_skipped("account")
    instruments.reloaded(is_successful=True)
    instruments.outbox(OutboxFigures(due=1, edits=1, oldest_created_at=START))
    instruments.listening(START)
    instruments.marked(MarkerKind.DEPLOY, START)
    return Scrape(exposition, instruments)


def test_every_documented_family_has_a_series() -> None:
    lines = busy_scrape()(False).decode().splitlines()

    names = {line.split("{")[0].split(" ")[0] for line in lines if not line.startswith("#")}
    silent = [
        row.name
        for row in metric_rows(SIGNALS)
        if row.name not in names and f"{row.name}_count" not in names and not row.name.startswith("process_")
    ]
    assert silent == []


def test_promtool_finds_nothing_to_say_about_the_metrics() -> None:
    promtool = require_tool("promtool")

    checked = subprocess.run(
        [promtool, "check", "metrics"], input=busy_scrape()(False), capture_output=True, timeout=60
    )

    assert checked.stdout.decode() + checked.stderr.decode() == ""
    assert checked.returncode == 0
