"""The templates probe: what it asks, the counts, the templates in trouble, and how one that has recovered leaves."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import START, FakeClock
from tests.graph.rig import Recorder
from tests.probes.driving import ACCOUNT_TARGET, WABA, WABA_ID, finish, of_signal, value_of
from tests.sim.callers import HTTPX_ERRORS
from wamon.core.alerting import Alert, AlertState, Severity
from wamon.core.errors import GraphFault, Throttled, UnexpectedShape
from wamon.core.health import Reading, Sighting, Signal, Snapshot, Subject, SubjectKind
from wamon.core.ports import Edge, GraphQuery, ProbeOutcome, Report
from wamon.core.state import Roster, State
from wamon.core.targets import AccountTarget
from wamon.graph.client import GraphClient
from wamon.graph.credentials import Credentials
from wamon.graph.quota import QuotaBudget
from wamon.graph.runner import ProbeRun, run_probe
from wamon.probes import templates
from wamon.probes.templates import (
    PROBLEMS_LEFT_OUT,
    TEMPLATE_CATEGORIES,
    TEMPLATE_CATEGORY_PROBLEM,
    TEMPLATE_LAST_UPDATED,
    TEMPLATE_PROBLEM,
    TEMPLATE_QUALITY_PROBLEM,
    TEMPLATE_REJECTED_REASON,
    TEMPLATES,
    TEMPLATES_BY_CATEGORY,
    TEMPLATES_BY_QUALITY,
    TemplatesTarget,
    aim,
    read_templates,
)
from wamon.sim.graph import graph_app
from wamon.sim.world import World

SALE = Subject.template(WABA_ID, "spring_sale", "en_US")
OTHER_WABAS = Subject.template("9", "spring_sale", "en_US")


def item(name: str = "spring_sale", **changed: object) -> dict[str, object]:
    """A healthy template, as Graph answers."""
    healthy: dict[str, object] = {
        "id": "1207700001",
        "name": name,
        "language": "en_US",
        "status": "APPROVED",
        "category": "MARKETING",
        "quality_score": {"score": "GREEN", "date": 1760000000},
        "rejected_reason": "NONE",
        "last_updated_time": "2026-11-20T10:00:00+0000",
    }
    return {**healthy, **changed}


def read(*listed: object, target: AccountTarget = ACCOUNT_TARGET) -> Report:
    return read_templates({"data": list(listed)}, target)


def told(report: Report, signal: Signal[Any], template: Subject = SALE) -> Reading:
    (reading,) = (each for each in of_signal(report.readings, signal) if each.subject == template)
    return reading


def shown(report: Report) -> set[Subject]:
    return {each.subject for each in report.readings if each.subject.kind is SubjectKind.TEMPLATE}


def present(report: Report) -> frozenset[Subject]:
    (roster,) = report.rosters
    assert (roster.parent, roster.kind) == (WABA, SubjectKind.TEMPLATE)
    return roster.present


def knowing(*known: Subject, held: tuple[Subject, ...] = (), newcomers: tuple[Subject, ...] = ()) -> TemplatesTarget:
    state = State(snapshot=picture(*known))
    aimed = aim(ACCOUNT_TARGET, state)
    return TemplatesTarget(
        name=aimed.name,
        waba_id=aimed.waba_id,
        token=aimed.token,
        version=aimed.version,
        known=aimed.known,
        held=frozenset(held),
        newcomers=frozenset(newcomers),
    )


def picture(*known: Subject) -> Snapshot:
    sighting = Sighting(
        readings=tuple(TEMPLATE_PROBLEM.reading(each, {"PAUSED": True}) for each in known),
        observed_at=START,
        interval=timedelta(minutes=15),
        source="poll",
    )
    return Snapshot().fold(sighting)[0]


# --- the question -----------------------------------------------------------------------------------------------------


def test_all_templates_are_asked_for_in_one_query() -> None:
    steps = templates.run(ACCOUNT_TARGET)

    query = next(steps)

    assert query == GraphQuery(
        path=WABA_ID, edge=Edge("message_templates", templates.FIELDS, limit=250), token="main", waba_id=WABA_ID
    )
    assert finish(steps, {"data": []}).fault is None


def test_it_can_wait_and_nobody_is_blind_without_it() -> None:
    assert not templates.PROBE.is_essential
    assert not templates.PROBE.is_critical


def test_fault_fails_the_run() -> None:
    steps = templates.run(ACCOUNT_TARGET)
    next(steps)

    with pytest.raises(Throttled):
        finish(steps, Throttled("too many calls", retry_after=None, code=80008))


# --- the counts -------------------------------------------------------------------------------------------------------


def test_templates_are_counted_by_status_category_and_quality() -> None:
    report = read(
        item("one"),
        item("two", status="paused", quality_score={"score": "RED"}),
        item("two", language="es", status="PAUSED", category="UTILITY", quality_score={"score": "UNKNOWN"}),
        item("three", status="SLEEPING", category=None, quality_score=None),
    )

    statuses = value_of(report.readings, TEMPLATES)
    assert {word: count for word, count in statuses.items() if count} == {"APPROVED": 1, "PAUSED": 2, "OTHER": 1}
    assert statuses["REJECTED"] == 0
    assert value_of(report.readings, TEMPLATES_BY_CATEGORY) == {
        "AUTHENTICATION": 0,
        "MARKETING": 2,
        "UTILITY": 1,
        "UNKNOWN": 1,
    }
    assert value_of(report.readings, TEMPLATES_BY_QUALITY) == {"GREEN": 1, "YELLOW": 0, "RED": 1, "UNKNOWN": 2}


def test_account_without_templates_has_counts_of_zero() -> None:
    report = read()

    assert set(value_of(report.readings, TEMPLATES).values()) == {0}
    assert present(report) == frozenset()


def test_template_that_pages_show_twice_is_counted_once() -> None:
    assert value_of(read(item(), item()).readings, TEMPLATES)["APPROVED"] == 1


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": {}}, {"data": [None]}, {"data": [{"name": "x"}]}])
def test_answer_that_tells_of_no_template_is_not_an_empty_account(body: dict[str, object]) -> None:
    with pytest.raises(UnexpectedShape):
        read_templates(body, ACCOUNT_TARGET)


@pytest.mark.parametrize("unreadable", [None, 3, {}, {"name": "x"}, {"name": "x" * 513, "language": "en"}])
def test_nobody_is_gone_while_an_item_cannot_be_read(unreadable: object) -> None:
    report = read(unreadable, item(status="PAUSED"))

    assert report.rosters == ()
    assert shown(report) == {SALE}


# --- one template -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "problems"),
    [
        ("PAUSED", {"PAUSED": True}),
        ("disabled", {"DISABLED": True}),
        ("REJECTED", {"REJECTED": True}),
        ("PENDING", {"PENDING": True}),
        ("IN_APPEAL", {"IN_APPEAL": True}),
        ("LIMIT_EXCEEDED", {"LIMIT_EXCEEDED": True}),
        ("SLEEPING", {"OTHER": True}),
    ],
)
def test_status_is_the_problem(status: str, problems: dict[str, bool]) -> None:
    reading = told(read(item(status=status)), TEMPLATE_PROBLEM)

    assert (reading.value, reading.raw) == (problems, status)
    assert reading.is_recognised is (status != "SLEEPING")


def test_healthy_templates_are_only_counted() -> None:
    assert shown(read(item(), item("two", quality_score={"score": "UNKNOWN"}))) == set()


@pytest.mark.parametrize("status", ["ARCHIVED", "DELETED", "PENDING_DELETION"])
def test_template_that_somebody_took_away_is_only_counted(status: str) -> None:
    report = read(item(status=status, quality_score={"score": "RED"}), target=knowing(SALE, held=(SALE,)))

    assert shown(report) == set()
    assert present(report) == frozenset()


@pytest.mark.parametrize(
    ("score", "problems", "raw"),
    [
        ({"score": "RED", "reasons": ["SPAM", "BLOCKS"]}, {"QUALITY_RED": True}, "RED: BLOCKS, SPAM"),
        ({"score": "yellow", "reason": "SPAM"}, {"QUALITY_YELLOW": True}, "yellow: SPAM"),
        ({"score": "GREEN", "reasons": None}, {}, "GREEN"),
        ({"score": "UNKNOWN"}, {}, "UNKNOWN"),
        ({"score": "NA"}, {}, "NA"),
        ({"score": "BLUE"}, None, "BLUE"),
        ({"score": None}, None, None),
        ({"score": 3}, None, "3"),
        ("RED", None, None),
        (None, None, None),
    ],
)
def test_quality(score: object, problems: dict[str, bool] | None, raw: str | None) -> None:
    reading = told(read(item(status="PAUSED", quality_score=score)), TEMPLATE_QUALITY_PROBLEM)

    assert (reading.value, reading.raw, reading.is_recognised) == (problems, raw, raw != "BLUE")


@pytest.mark.parametrize("score", ["YELLOW", "RED"])
def test_low_quality_alone_is_trouble(score: str) -> None:
    report = read(item(quality_score={"score": score}))

    assert told(report, TEMPLATE_PROBLEM).value == {}
    assert shown(report) == {SALE} == present(report)


@pytest.mark.parametrize(
    ("correct", "is_announced"),
    [("UTILITY", True), ("utility", True), ("MARKETING", False), ("marketing", False), (None, False), ([], False)],
)
def test_other_category_that_meta_thinks_right_is_an_announcement(correct: object, is_announced: bool) -> None:
    report = read(item(status="PENDING", correct_category=correct, previous_category="ACCOUNT_UPDATE"))

    assert told(report, TEMPLATE_CATEGORY_PROBLEM).value == ({"CATEGORY_WILL_CHANGE": True} if is_announced else {})
    assert told(report, TEMPLATE_CATEGORIES).value == {
        "category": "MARKETING",
        "previous_category": "ACCOUNT_UPDATE",
        "correct_category": correct.upper() if isinstance(correct, str) else "",
    }


def test_category_of_long_ago_is_no_trouble() -> None:
    assert shown(read(item(previous_category="ACCOUNT_UPDATE"))) == set()


@pytest.mark.parametrize(
    ("reason", "value"), [("INVALID_FORMAT", "INVALID_FORMAT"), ("NONE", None), (None, None), ("TASTE", "OTHER")]
)
def test_rejected_reason(reason: object, value: str | None) -> None:
    reading = told(read(item(status="REJECTED", rejected_reason=reason)), TEMPLATE_REJECTED_REASON)

    assert (reading.value, reading.raw) == (value, reason)


@pytest.mark.parametrize(
    "written",
    ["2026-11-20T10:00:00+0000", "2026-11-20T11:00:00+01:00", "2026-11-20T10:00:00", 1_795_168_800, "1795168800"],
)
def test_last_update_is_read_in_any_form(written: object) -> None:
    reading = told(read(item(status="PENDING", last_updated_time=written)), TEMPLATE_LAST_UPDATED)

    assert reading.value == datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.mark.parametrize("written", [None, "", "yesterday", True, [], "0001-01-01T00:00:00+14:00", 1e300])
def test_last_update_that_makes_no_sense_is_not_known(written: object) -> None:
    assert told(read(item(status="PENDING", last_updated_time=written)), TEMPLATE_LAST_UPDATED).value is None


def test_language_is_written_one_way() -> None:
    assert shown(read(item(status="PAUSED", language="en-US"))) == {SALE}


# --- too many ---------------------------------------------------------------------------------------------------------


def test_worst_hundred_are_shown_and_the_rest_is_told() -> None:
    rejected = [item(f"old_{index:03d}", status="REJECTED") for index in range(120)]
    fresh = item("fresh", status="REJECTED", last_updated_time="2026-11-22T09:00:00+0000")

    report = read(*rejected, fresh, item(status="PAUSED"))

    names = {each.label("template") for each in shown(report)}
    assert len(names) == 100 == len(present(report))
    assert {"spring_sale", "fresh", "old_000"} <= names
    assert value_of(report.readings, PROBLEMS_LEFT_OUT) == 22


def test_template_with_an_open_alert_is_never_left_out() -> None:
    last = Subject.template(WABA_ID, "old_119", "en_US")

    report = read(*(item(f"old_{index:03d}", status="REJECTED") for index in range(120)), target=knowing(held=(last,)))

    assert last in shown(report) & present(report)
    assert value_of(report.readings, PROBLEMS_LEFT_OUT) == 19


def test_nothing_left_out_is_zero() -> None:
    assert value_of(read(item(status="PAUSED")).readings, PROBLEMS_LEFT_OUT) == 0


# --- the way out ------------------------------------------------------------------------------------------------------


def test_template_that_has_recovered_is_told_to_be_well_while_the_picture_holds_it() -> None:
    report = read(item(), target=knowing(SALE))

    assert told(report, TEMPLATE_PROBLEM).value == {}
    assert present(report) == frozenset()


def test_template_stays_on_the_list_until_its_alert_is_over() -> None:
    assert present(read(item(), target=knowing(SALE, held=(SALE,)))) == {SALE}


def test_template_that_only_a_webhook_told_of_is_listed_once_so_that_it_can_be_missed() -> None:
    assert present(read(item(), target=knowing(SALE, newcomers=(SALE,)))) == {SALE}


def test_deleted_template_is_on_no_list() -> None:
    report = read(item("two"), target=knowing(SALE, held=(SALE,)))

    assert shown(report) == set()
    assert present(report) == frozenset()


def test_aim_takes_what_the_picture_holds_of_this_account() -> None:
    other = Subject.template(WABA_ID, "login_code", "en_US")
    listed = Subject.template(WABA_ID, "order_update", "en_US")
    state = State(
        snapshot=picture(SALE, other, listed, OTHER_WABAS),
        alerts={"1": alert(SALE, AlertState.RECOVERING), "2": alert(other, AlertState.INACTIVE)},
        members={(WABA, SubjectKind.TEMPLATE): frozenset({SALE, listed})},
    )

    aimed = aim(ACCOUNT_TARGET, state)

    assert (aimed.name, aimed.waba_id, aimed.app_id) == (
        ACCOUNT_TARGET.name,
        ACCOUNT_TARGET.waba_id,
        ACCOUNT_TARGET.app_id,
    )
    assert aimed.known == {SALE, other, listed}
    assert aimed.held == {SALE}
    assert aimed.newcomers == {other}


def test_before_the_first_list_nobody_is_a_newcomer() -> None:
    assert aim(ACCOUNT_TARGET, State(snapshot=picture(SALE))).newcomers == frozenset()


def alert(subject: Subject, state: AlertState) -> Alert:
    return Alert(
        key=str(subject),
        rule="WhatsAppTemplatePaused",
        subject=subject,
        state=state,
        severity=Severity.WARNING,
        since=START,
        last_observed_at=START,
        last_confirmed_at=START,
    )


# --- against the simulated Meta ---------------------------------------------------------------------------------------


class Meta:
    """The simulated Meta, with a client and one account of `count` templates besides its own."""

    def __init__(self, count: int = 0) -> None:
        self.clock = FakeClock()
        self.world = World.small(self.clock.now)
        self.waba = next(iter(self.world.wabas.values()))
        for index in range(count - len(self.waba.templates)):
            self.world.add_template(self.waba, f"more_{index:04d}")
        token = self.world.token("system-user")
        self.recorder = Recorder()
        self.client = GraphClient(
            base_url="https://graph.facebook.com",
            version="v25.0",
            credentials=Credentials.of({"main": token.value}, app_secrets={}, app_ids={"main": token.app_id}),
            clock=self.clock,
            random=random.Random(1),
            transport=httpx.ASGITransport(app=graph_app(self.world, sleep=self.clock.sleep, stand_ins=HTTPX_ERRORS)),
            budget=QuotaBudget(self.clock),
            observer=self.recorder,
        )

    def poll(self) -> ProbeRun:
        target = AccountTarget(name="market", waba_id=self.waba.id, token="main", version="v25.0")

        async def poll() -> ProbeRun:
            return await run_probe(self.client, templates.PROBE, target, clock=self.clock)

        return asyncio.run(poll())


@pytest.mark.parametrize(("count", "calls"), [(4, 1), (250, 1), (251, 2), (600, 3)])
def test_run_costs_a_call_for_each_250_templates(count: int, calls: int) -> None:
    meta = Meta(count)

    run = meta.poll()

    assert run.outcome is ProbeOutcome.OK
    assert sum(value_of(run.readings, TEMPLATES).values()) == count
    assert len(meta.world.calls) == calls


def test_refused_field_is_left_out_and_learned() -> None:
    meta = Meta()
    meta.world.faults.add("unknown_field", field="correct_category")
    meta.waba.templates[0].status = "PAUSED"

    first, second = meta.poll(), meta.poll()

    assert first.outcome is second.outcome is ProbeOutcome.OK
    assert value_of(second.readings, TEMPLATE_PROBLEM) == {"PAUSED": True}
    assert len(meta.world.calls) == 3


def test_status_that_is_refused_is_not_known() -> None:
    meta = Meta()
    meta.world.faults.add("unknown_field", field="status")

    run = meta.poll()

    assert value_of(run.readings, TEMPLATES)["UNKNOWN"] == len(meta.waba.templates)


def test_templates_are_not_asked_for_while_the_quota_is_short() -> None:
    meta = Meta()
    meta.world.usage_headers_after_calls = 0
    meta.world.quota.spend((next(iter(meta.world.apps)), meta.waba.id), 4_600)
    meta.poll()

    run = meta.poll()

    assert run.outcome is ProbeOutcome.THROTTLED
    assert len(meta.world.calls) == 1


def test_endless_list_is_no_answer() -> None:
    meta = Meta(300)
    meta.world.faults.add("paging_loop")

    assert meta.poll().outcome is ProbeOutcome.UNEXPECTED


# --- whatever comes ---------------------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    ["APPROVED", "PAUSED", "RED", "GREEN", "MARKETING", "NONE", "x", "", "9" * 5000, "2026-11-20T10:00:00+0000"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=8)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["score", "reasons"]), inner),
    max_leaves=6,
)
ITEMS = st.dictionaries(st.sampled_from(templates.FIELDS), JSON)


@given(st.lists(ITEMS | JSON, max_size=4), st.booleans())
def test_any_list_is_read_or_refused(listed: list[Any], is_named: bool) -> None:
    if is_named:
        listed = [{**each, "name": "x", "language": "en"} if isinstance(each, dict) else each for each in listed]

    try:
        report = read(*listed, target=knowing(Subject.template(WABA_ID, "x", "en")))
    except GraphFault:
        return

    for reading in report.readings:
        if reading.value is not None:
            reading.signal.shape.encode(reading.value)
    assert all(isinstance(roster, Roster) for roster in report.rosters)
