"""A probe's run: how its generator is driven, how it ends, and what is learned on the side."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from tests.fakes import START
from tests.graph.rig import APP_ID, TOKEN, WABA_ID, CannedRig, Rig, SimRig, error, ok, usage
from wamon.core.errors import Denied, GraphFault, Refused, Unreachable
from wamon.core.health import Reading, Subject, SubjectKind
from wamon.core.ports import GraphQuery, Probe, ProbeOutcome, ProbeSteps, Report, UrlQuery
from wamon.core.state import Roster
from wamon.core.targets import AccountTarget
from wamon.graph.runner import ProbeRun, run_probe
from wamon.probes.account import PROBE as ACCOUNT
from wamon.probes.account import QUALITY_RATING
from wamon.probes.evidence import QUOTA_USED, TOKEN_VALID, VERSION_SERVED

NODE = GraphQuery(path=WABA_ID, fields=("name",), token="main", waba_id=WABA_ID)
TARGET = AccountTarget(name="market", waba_id=WABA_ID, token="main", version="v25.0")
RATING = QUALITY_RATING.reading(TARGET.subject, "GREEN")
ROSTER = Roster(parent=TARGET.subject, kind=SubjectKind.PHONE_NUMBER, present=frozenset())


def probe(run: Callable[[AccountTarget], ProbeSteps], *, is_essential: bool = True) -> Probe[AccountTarget]:
    return Probe(
        name="trial",
        target=AccountTarget,
        run=run,
        signals=(),
        interval=timedelta(minutes=1),
        doc="",
        is_essential=is_essential,
    )


# An answered call proves the token (docs/adr/0003).
ACCEPTED = TOKEN_VALID.reading(Subject.token("main"), True)


def ask_once(target: AccountTarget) -> ProbeSteps:
    yield NODE
    return Report(readings=(RATING,), rosters=(ROSTER,))


def run(rig: Rig, steps: Callable[[AccountTarget], ProbeSteps] = ask_once, **options: float) -> ProbeRun:
    return asyncio.run(run_probe(rig.client, probe(steps), TARGET, clock=rig.clock, **options))


def of(readings: tuple[Reading, ...], name: str) -> list[Reading]:
    return [reading for reading in readings if reading.signal.name == name]


# --- how it ends ------------------------------------------------------------------------------------------------------


def test_report_of_a_probe_is_the_run() -> None:
    assert run(CannedRig(ok())) == ProbeRun(
        outcome=ProbeOutcome.OK,
        observed_at=START,
        readings=(ACCEPTED, RATING),
        rosters=(ROSTER,),
        fault=None,
        duration_seconds=0.0,
    )


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (error(190, 401), ProbeOutcome.DENIED),
        (error(10, 403), ProbeOutcome.DENIED),
        (error(100, 400, error_subcode=33), ProbeOutcome.DENIED),
        (error(80008, 429), ProbeOutcome.THROTTLED),
        (httpx.ReadTimeout("slow"), ProbeOutcome.UNREACHABLE),
        (error(2, 500), ProbeOutcome.UNREACHABLE),
        (error(100), ProbeOutcome.REFUSED),
        (httpx.Response(200, text="<html>"), ProbeOutcome.UNEXPECTED),
    ],
)
def test_fault_that_the_probe_lets_pass_is_the_outcome(
    answer: httpx.Response | Exception, outcome: ProbeOutcome
) -> None:
    ended = run(CannedRig(answer))

    assert ended.outcome is outcome
    assert ended.fault
    assert ended.rosters == ()
    assert of(ended.readings, QUALITY_RATING.name) == []


def test_fault_is_thrown_into_the_probe_which_may_ask_otherwise() -> None:
    def steps(target: AccountTarget) -> ProbeSteps:
        try:
            yield NODE
        except Refused:
            answer = yield GraphQuery(path="5", token="main")
            assert answer["name"] == "Jasper's Market"
        return Report(readings=(RATING,))

    ended = run(CannedRig(error(100), ok()), steps)

    assert (ended.outcome, ended.readings) == (ProbeOutcome.OK, (ACCEPTED, RATING))


def test_report_with_a_fault_is_a_failed_run_that_keeps_its_readings() -> None:
    def steps(target: AccountTarget) -> ProbeSteps:
        try:
            yield NODE
        except Denied as fault:
            return Report(readings=(RATING,), fault=fault, rosters=(ROSTER,))
        raise AssertionError

    ended = run(CannedRig(error(10, 403)), steps)

    assert (ended.outcome, ended.readings, ended.rosters) == (ProbeOutcome.DENIED, (RATING,), ())
    assert "code 10" in str(ended.fault)


@pytest.mark.parametrize(
    "broken", [KeyError("data"), TypeError("x"), RecursionError(), AttributeError("secret of Meta")]
)
def test_parser_that_breaks_ends_the_run_not_the_daemon(broken: Exception, caplog: pytest.LogCaptureFixture) -> None:
    def steps(target: AccountTarget) -> ProbeSteps:
        yield NODE
        raise broken

    with caplog.at_level(logging.ERROR):
        ended = run(CannedRig(ok()), steps)

    assert ended.outcome is ProbeOutcome.UNEXPECTED
    assert ended.fault == f"{type(broken).__name__} while reading the answer: see the log"
    (record,) = caplog.records
    assert record.message == "probe broke"
    assert record.__dict__["probe"] == "trial"
    assert record.exc_info


def test_credential_that_is_missing_is_told_in_words() -> None:
    def steps(target: AccountTarget) -> ProbeSteps:
        yield GraphQuery(path="5", token="other")
        return Report(readings=())

    ended = run(CannedRig(ok()), steps)

    assert ended.outcome is ProbeOutcome.UNEXPECTED
    assert "'other'" in str(ended.fault)


def test_probe_that_asks_nothing_may_report_at_once() -> None:
    def steps(target: AccountTarget) -> ProbeSteps:
        return Report(readings=(RATING,))
        yield NODE

    assert run(CannedRig(ok()), steps).outcome is ProbeOutcome.OK


def test_plain_document_is_handed_to_the_probe() -> None:
    def steps(target: AccountTarget) -> ProbeSteps:
        answer = yield UrlQuery(url="https://table.example/")
        assert answer["as_of"] == "today"
        return Report(readings=())

    ended = run(CannedRig(ok({"as_of": "today"})), steps)

    assert (ended.outcome, ended.observed_at) == (ProbeOutcome.OK, START)


def test_plain_document_that_is_denied_says_nothing_of_a_token() -> None:
    def steps(target: AccountTarget) -> ProbeSteps:
        yield UrlQuery(url="https://table.example/")
        return Report(readings=())

    assert run(CannedRig(error(190, 401)), steps).readings == ()


def test_run_counts_from_its_first_answer_and_lasts_to_its_last() -> None:
    rig = SimRig()
    rig.world.faults.add("slow", seconds=4)

    def steps(target: AccountTarget) -> ProbeSteps:
        for _ in range(3):
            yield GraphQuery(path=rig.waba_id, fields=("name",), token="main")
        return Report(readings=())

    ended = run(rig, steps)

    assert ended.observed_at == START + timedelta(seconds=4)
    assert ended.duration_seconds == 12


def test_run_without_an_answer_counts_from_its_fault() -> None:
    rig = SimRig()
    rig.world.faults.add("hang", seconds=100)

    assert run(rig).observed_at == START + timedelta(seconds=100)


def test_run_ends_when_its_time_is_up() -> None:
    rig = SimRig()
    rig.world.faults.add("slow", seconds=15)
    asked: list[int] = []

    def steps(target: AccountTarget) -> ProbeSteps:
        while True:
            asked.append(1)
            yield GraphQuery(path=rig.waba_id, fields=("name",), token="main")

    ended = run(rig, steps, deadline_seconds=40)

    assert ended.outcome is ProbeOutcome.UNREACHABLE
    assert len(asked) == 4


def test_run_that_hangs_in_the_real_world_ends_when_its_time_is_up() -> None:
    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    rig = CannedRig(ok())
    hanging = Rig(httpx.MockTransport(never), rig.clock, rig.credentials)
    closed: list[bool] = []

    def steps(target: AccountTarget) -> ProbeSteps:
        try:
            yield NODE
        finally:
            closed.append(True)
        return Report(readings=())

    ended = run(hanging, steps, deadline_seconds=0.05)

    assert ended.outcome is ProbeOutcome.UNREACHABLE
    assert ended.fault == "no report within 0.05 s"
    assert closed == [True]


def test_cancelling_a_run_is_not_swallowed() -> None:
    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    rig = CannedRig(ok())
    hanging = Rig(httpx.MockTransport(never), rig.clock, rig.credentials)

    async def cancel() -> None:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(run_probe(hanging.client, probe(ask_once), TARGET, clock=rig.clock))
            await asyncio.sleep(0)
            task.cancel()
        assert task.cancelled()

    asyncio.run(cancel())


# --- evidence ---------------------------------------------------------------------------------------------------------


def test_dead_token_is_evidence_against_the_alias_that_asked() -> None:
    (reading,) = run(CannedRig(error(190, 401, error_subcode=463))).readings

    assert reading.signal is TOKEN_VALID
    assert reading.subject.label("token") == "main"
    assert reading.value is False
    assert reading.raw == "code 190, subcode 463"


@pytest.mark.parametrize(
    "answer", [error(10, 403), error(100, error_subcode=33), httpx.ReadTimeout("x"), error(2, 500)]
)
def test_no_other_fault_is_evidence_against_a_token(answer: httpx.Response | Exception) -> None:
    assert run(CannedRig(answer)).readings == ()


def test_denied_app_is_no_evidence_against_the_token_it_inspects() -> None:
    def steps(target: AccountTarget) -> ProbeSteps:
        yield GraphQuery(path="debug_token", as_app=APP_ID, token="main", inspect_token="main")
        return Report(readings=())

    ended = run(CannedRig(error(190, 401)), steps)

    assert (ended.outcome, ended.readings) == (ProbeOutcome.DENIED, ())


def test_what_the_probe_itself_concludes_counts_over_the_evidence() -> None:
    def steps(target: AccountTarget) -> ProbeSteps:
        try:
            yield NODE
        except GraphFault as fault:
            valid = TOKEN_VALID.reading(Subject.token("main"), True)
            return Report(readings=(valid,), fault=fault)
        raise AssertionError

    (reading,) = run(CannedRig(error(190, 401)), steps).readings

    assert reading.value is True


def test_version_that_answered_and_quota_are_readings_of_every_run() -> None:
    headers = {"facebook-api-version": "v22.0", **usage(31)}
    ended = run(CannedRig(httpx.Response(200, json={"id": WABA_ID}, headers=headers)))

    (served,) = of(ended.readings, VERSION_SERVED.name)
    (quota,) = of(ended.readings, QUOTA_USED.name)
    assert served.value == {"requested": "v25.0", "served": "v22.0"}
    assert quota.subject == TARGET.subject
    assert quota.value == {"call_count": 0.31, "total_cputime": 0.01, "total_time": 0.02}


def test_quota_is_a_reading_of_a_throttled_run_too_but_not_of_one_that_never_asked() -> None:
    rig = CannedRig(error(80008, 429, headers=usage(100, minutes=5)))

    told = run(rig)
    not_asked = run(rig)

    assert len(of(told.readings, QUOTA_USED.name)) == 1
    assert not_asked.outcome is ProbeOutcome.THROTTLED
    assert not_asked.readings == ()


def test_last_answer_of_a_run_tells_the_version_and_quota() -> None:
    def steps(target: AccountTarget) -> ProbeSteps:
        yield NODE
        yield NODE
        return Report(readings=())

    answers = [httpx.Response(200, json={"id": "1"}, headers=usage(percent)) for percent in (31, 32)]
    ended = run(CannedRig(*answers), steps)

    (quota,) = of(ended.readings, QUOTA_USED.name)
    assert quota.value == {"call_count": 0.32, "total_cputime": 0.01, "total_time": 0.02}


# --- the account probe before the simulated Meta ----------------------------------------------------------------------


def account_run(rig: SimRig) -> ProbeRun:
    target = AccountTarget(name="market", waba_id=rig.waba_id, token="main", app_id=rig.app_id, version="v25.0")
    return asyncio.run(run_probe(rig.client, ACCOUNT, target, clock=rig.clock))


def test_account_is_one_call() -> None:
    rig = SimRig()

    ended = account_run(rig)

    assert ended.outcome is ProbeOutcome.OK
    assert len(of(ended.readings, QUALITY_RATING.name)) == 3
    assert len(rig.world.calls) == 1


def test_account_is_read_by_separate_calls_where_nesting_is_refused() -> None:
    rig = SimRig()
    whole = account_run(rig)
    rig.world.faults.add("no_expansion")

    first, second = account_run(rig), account_run(rig)

    node, edges = f"/{rig.waba_id}", [f"/{rig.waba_id}/phone_numbers", f"/{rig.waba_id}/subscribed_apps"]
    assert first.outcome is second.outcome is ProbeOutcome.OK
    # That nesting is refused is found out once.
    assert [call.path for call in rig.world.calls[1:]] == [node, node, *edges, node, *edges]
    assert first.readings == second.readings == whole.readings


@pytest.mark.parametrize("kind", ["unknown_enum", "null", "number", "missing", "flip"])
def test_account_with_an_odd_rating_is_still_read(kind: str) -> None:
    rig = SimRig()
    rig.world.faults.add(kind, field="quality_rating")

    assert account_run(rig).outcome is ProbeOutcome.OK


def test_timeout_is_no_evidence_against_a_token() -> None:
    rig = SimRig()
    rig.world.faults.add("hang")

    ended = account_run(rig)

    assert ended.outcome is ProbeOutcome.UNREACHABLE
    assert ended.readings == ()
    assert TOKEN not in str(ended)


def test_raised_unreachable_keeps_its_words() -> None:
    def steps(target: AccountTarget) -> ProbeSteps:
        yield NODE
        raise Unreachable("too far away")

    assert run(CannedRig(ok()), steps).fault == "too far away"
