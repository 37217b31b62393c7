"""The weekly digest, section by section."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.fakes import START
from tests.notify.cases import NUMBER, QUALITY, WABA_ID, snapshot, transition
from wamon.core import books, watch
from wamon.core.alerting import Alert, AlertState, CloseReason, Severity, Transition, TransitionKind
from wamon.core.books import TallyKey
from wamon.core.desk import Acknowledgement, Desk, Mute, Standing
from wamon.core.error_codes import lookup
from wamon.core.health import NEVER, Change, Reading, Sighting, Signal, Snapshot, Subject
from wamon.core.state import State
from wamon.notify.weekly import MOST_LINES, weekly_digest
from wamon.probes.account import QUALITY_RATING
from wamon.probes.api_version import VERSION_EXPIRY
from wamon.probes.templates import TEMPLATE_CATEGORY_PROBLEM, TEMPLATE_PROBLEM, TEMPLATE_QUALITY_PROBLEM
from wamon.probes.token import TOKEN_DATA_ACCESS_EXPIRY, TOKEN_EXPIRY

WEEK_AGO = START - timedelta(days=7)
PROBE = Subject.probe("account", Subject.waba(WABA_ID))
WHO = "+1 555 078 3881 (Jasper's Market)"


def digest(
    *,
    state: State | None = None,
    transitions: tuple[Transition, ...] = (),
    history: tuple[Change, ...] = (),
    tallies: Mapping[TallyKey, int] | None = None,
    tallies_before: Mapping[TallyKey, int] | None = None,
) -> dict[str, list[str]]:
    text = weekly_digest(
        state or State(snapshot=snapshot()),
        (QUALITY,),
        transitions,
        history,
        tallies or {},
        since=WEEK_AGO,
        now=START,
        tallies_before=tallies_before,
    )
    return dict(json.loads(text)["sections"])


def change(signal: Signal[Any], subject: Subject, before: Any, after: Any, *, hours: float) -> Change:
    """A change so many hours before the digest."""
    return Change(
        signal=signal,
        subject=subject,
        before=before,
        after=after,
        raw=None,
        at=START - timedelta(hours=hours),
        source="poll",
    )


def known(*readings: Reading, of: Snapshot | None = None, at: datetime = START) -> State:
    sighting = Sighting(readings=readings, observed_at=at, interval=timedelta(minutes=1), source="poll")
    return State(snapshot=(of or snapshot()).fold(sighting)[0])


def alert(
    key: str = "a", severity: Severity = Severity.CRITICAL, *, hours: float = 2, what: str = "Quality rating RED"
) -> Alert:
    at = START - timedelta(hours=hours)
    return Alert(
        key=key,
        rule=QUALITY.name,
        subject=NUMBER,
        state=AlertState.FIRING,
        severity=severity,
        since=at,
        last_observed_at=at,
        last_confirmed_at=at,
        episode=1,
        opened_at=at,
        what=what,
    )


def with_alerts(*alerts: Alert, standings: tuple[Standing, ...] = ()) -> State:
    return State(
        snapshot=snapshot(),
        alerts={each.key: each for each in alerts},
        desk=Desk(standings={each.key: each for each in standings}),
    )


def test_period_and_sections_are_told_in_order() -> None:
    text = weekly_digest(State(), (), (), (), {}, since=WEEK_AGO, now=START)

    content = json.loads(text)
    assert content["period"] == "2026-11-15 10:00 UTC to 2026-11-22 10:00 UTC"
    assert [title for title, _ in content["sections"]] == [
        "Rating changes",
        "Failed messages by error code, since wamon counts",
        "Templates with problems now",
        "Time left",
        "Alerts",
        "The watching itself",
    ]


def test_quiet_week_says_so_in_every_section() -> None:
    text = weekly_digest(State(), (), (), (), {}, since=WEEK_AGO, now=START)

    assert [lines for _, lines in json.loads(text)["sections"]] == [
        ["no rating changed"],
        ["no message failed"],
        ["none is known"],
        ["not known"],
        ["0 opened", "0 resolved", "none is open"],
        ["not known"],
    ]


# --- Meta's side ------------------------------------------------------------------------------------------------------


def test_rating_changes_are_told_in_order() -> None:
    lines = digest(
        history=(
            change(QUALITY_RATING, NUMBER, "YELLOW", "RED", hours=1),
            change(QUALITY_RATING, NUMBER, "GREEN", "YELLOW", hours=26),
        )
    )["Rating changes"]

    assert lines == [
        f"2026-11-21 08:00 UTC  {WHO}: GREEN to YELLOW",
        f"2026-11-22 09:00 UTC  {WHO}: YELLOW to RED",
    ]


def test_rating_that_was_not_known_for_a_while_changed_only_if_it_is_another() -> None:
    lines = digest(
        history=(
            change(QUALITY_RATING, NUMBER, "GREEN", None, hours=50),
            change(QUALITY_RATING, NUMBER, None, "GREEN", hours=40),
            change(QUALITY_RATING, NUMBER, "GREEN", None, hours=30),
            change(QUALITY_RATING, NUMBER, None, "RED", hours=20),
        )
    )["Rating changes"]

    assert lines == [f"2026-11-21 14:00 UTC  {WHO}: GREEN to RED"]


def test_first_rating_and_changes_outside_the_week_or_of_other_things_are_left_out() -> None:
    lines = digest(
        history=(
            change(QUALITY_RATING, NUMBER, None, "GREEN", hours=2),
            change(QUALITY_RATING, NUMBER, "RED", "GREEN", hours=200),
            change(watch.PROBE_OUTCOME, PROBE, "ok", "denied", hours=2),
        )
    )["Rating changes"]

    assert lines == ["no rating changed"]


def test_long_section_tells_the_first_and_counts_the_rest() -> None:
    ratings = ("GREEN", "RED")
    history = tuple(
        change(QUALITY_RATING, NUMBER, ratings[hour % 2], ratings[(hour + 1) % 2], hours=100 - hour)
        for hour in range(MOST_LINES + 3)
    )

    lines = digest(history=history)["Rating changes"]

    assert len(lines) == MOST_LINES + 1
    assert lines[-1] == "and 3 more"


def test_worst_codes_come_with_their_cause() -> None:
    row = lookup(131026)
    assert row is not None
    tallies: dict[TallyKey, int] = {
        (books.FAILURE_CODES, WABA_ID, "", "131026", books.FOR_EVER): 1200,
        (books.FAILURE_CODES, "2", "", "131026", books.FOR_EVER): 34,
        (books.FAILURE_CODES, WABA_ID, "", "other", books.FOR_EVER): 2000,
        (books.FAILURE_CODES, WABA_ID, "", "999999", books.FOR_EVER): 1,
        (books.FAILURES, WABA_ID, "", "131026", books.FOR_EVER): 9999,
    }

    lines = digest(tallies=tallies)["Failed messages by error code, since wamon counts"]

    assert lines == [
        "2,000 x other codes: not in the table of known codes",
        f"1,234 x code 131026: {row.title}. {row.cause}",
        "1 x code 999999: not in the table of known codes",
    ]


def test_with_the_sums_of_a_week_ago_codes_are_those_of_the_week() -> None:
    key: TallyKey = (books.FAILURE_CODES, WABA_ID, "", "131026", books.FOR_EVER)
    quiet: TallyKey = (books.FAILURE_CODES, WABA_ID, "", "131047", books.FOR_EVER)

    lines = digest(tallies={key: 110, quiet: 5}, tallies_before={key: 100, quiet: 5})["Failed messages by error code"]

    assert [line.partition(":")[0] for line in lines] == ["10 x code 131026"]


def test_templates_in_trouble_are_named_with_all_of_it() -> None:
    sale, fine = Subject.template(WABA_ID, "sale", "en"), Subject.template(WABA_ID, "fine", "en")
    state = known(
        TEMPLATE_PROBLEM.reading(sale, {"PAUSED": True}),
        TEMPLATE_QUALITY_PROBLEM.reading(sale, {"QUALITY_RED": True}),
        TEMPLATE_CATEGORY_PROBLEM.reading(sale, {}),
        TEMPLATE_PROBLEM.reading(fine, {}),
    )

    lines = digest(state=state)["Templates with problems now"]

    assert lines == [f"template sale (en) of Jasper's Market Inc (WABA {WABA_ID}): PAUSED, QUALITY_RED"]


def test_time_left_is_told_the_next_to_end_first() -> None:
    main, spare = Subject.token("main"), Subject.token("spare")
    state = known(
        TOKEN_EXPIRY.reading(main, NEVER),
        TOKEN_DATA_ACCESS_EXPIRY.reading(main, START + timedelta(days=60)),
        TOKEN_EXPIRY.reading(spare, START + timedelta(days=12, hours=3)),
        TOKEN_DATA_ACCESS_EXPIRY.reading(spare, NEVER),
        VERSION_EXPIRY.reading(Subject.api_version("v21.0"), START - timedelta(days=1)),
        VERSION_EXPIRY.reading(Subject.api_version("v25.0"), None),
    )

    assert digest(state=state)["Time left"] == [
        "Graph API v21.0: ended 2026-11-21 10:00 UTC",
        "token spare: 12 d left, until 2026-12-04 13:00 UTC",
        "token main, access to data: 60 d left, until 2027-01-21 10:00 UTC",
        "Graph API v25.0: no end is known",
        "token main: does not end",
    ]


# --- alerts -----------------------------------------------------------------------------------------------------------


def test_alerts_of_the_week_are_counted_and_rehearsals_are_not() -> None:
    closed = [
        transition(
            TransitionKind.CLOSE,
            when=START - timedelta(hours=1),
            opened_at=START - timedelta(hours=1, minutes=minutes),
            close_reason=reason,
        )
        for minutes, reason in ((10, CloseReason.RESOLVED), (30, CloseReason.RESOLVED), (99, CloseReason.FORCED))
    ]
    transitions = (
        transition(when=START - timedelta(hours=3)),
        transition(severity=Severity.WARNING, when=START - timedelta(hours=2)),
        transition(TransitionKind.RAISE, when=START - timedelta(hours=2)),
        transition(when=START - timedelta(days=8)),
        replace(transition(when=START - timedelta(hours=3)), is_rehearsal=True),
        *closed,
    )

    assert digest(transitions=transitions)["Alerts"] == [
        "2 opened (1 critical, 1 warning)",
        "2 resolved, half of them within 20 min",
        "none is open",
    ]


def test_open_alerts_are_told_worst_and_oldest_first_with_what_people_did() -> None:
    state = with_alerts(
        alert("old", hours=30),
        alert("new", hours=2),
        alert("yellow", Severity.WARNING, hours=50, what=""),
        replace(alert("stale", Severity.WARNING, hours=1, what="cannot see"), is_stale=True),
        replace(alert("drill"), is_rehearsal=True),
        replace(alert("over"), state=AlertState.INACTIVE),
        standings=(
            Standing(
                key="yellow",
                group_id=1,
                acknowledged=Acknowledgement(by="ada", at=START, until=START + timedelta(hours=24)),
                muted=Mute.SILENCED,
            ),
        ),
    )

    unseen = "cannot see it, last confirmed 2026-11-22 09:00 UTC"
    assert digest(state=state)["Alerts"][2:] == [
        "1 open for more than 1 d and acknowledged by nobody",
        f"CRITICAL  Quality rating RED  {WHO}: open for 1 d 6 h, not acknowledged",
        f"CRITICAL  Quality rating RED  {WHO}: open for 2 h, not acknowledged",
        f"WARNING  QualityYellow  {WHO}: open for 2 d 2 h, acknowledged by ada, silenced",
        f"WARNING  cannot see  {WHO}: open for 1 h, not acknowledged, {unseen}",
    ]


def test_old_alert_of_no_urgency_is_not_left_over() -> None:
    state = with_alerts(alert("info", Severity.INFO, hours=100))

    assert not any("nobody" in line for line in digest(state=state)["Alerts"])


# --- the watching itself ----------------------------------------------------------------------------------------------


def watched(
    probe: Subject = PROBE,
    *,
    outcome: str = "ok",
    since: datetime = WEEK_AGO - timedelta(days=1),
    succeeded_at: datetime = START,
    of: Snapshot | None = None,
) -> State:
    return known(
        watch.PROBE_OUTCOME.reading(probe, outcome),
        watch.PROBE_WATCHED_SINCE.reading(probe, since),
        watch.PROBE_LAST_SUCCESS.reading(probe, succeeded_at),
        watch.PROBE_INTERVAL.reading(probe, 60.0),
        of=of,
    )


def outcome(before: str | None, after: str, *, hours: float) -> Change:
    return change(watch.PROBE_OUTCOME, PROBE, before, after, hours=hours)


@pytest.mark.parametrize(
    ("state", "history", "share"),
    [
        (watched(), (), "100.0 %"),
        (watched(), (outcome("ok", "unreachable", hours=33.6), outcome("unreachable", "ok", hours=16.8)), "90.0 %"),
        (watched(outcome="denied"), (outcome("ok", "denied", hours=84),), "50.0 %"),
        (watched(outcome="denied"), (), "0.0 %"),
        (watched(), (outcome("denied", "ok", hours=0.001),), "0.0 %"),
        (watched(), (outcome("ok", "denied", hours=2), outcome("denied", "ok", hours=1.99)), "99.9 %"),
        (
            watched(since=START - timedelta(hours=10)),
            (outcome(None, "denied", hours=10), outcome("denied", "ok", hours=5)),
            "50.0 %",
        ),
        # 15 minutes after the last good answer nothing is fresh any more.
        (watched(succeeded_at=WEEK_AGO + timedelta(hours=83.75)), (), "50.0 %"),
    ],
)
def test_share_of_the_time_with_fresh_answers(state: State, history: tuple[Change, ...], share: str) -> None:
    lines = digest(state=state, history=history)["The watching itself"]

    assert lines == [
        f"account: {share} of the time with fresh answers",
        "for how long wamon itself was stopped is not known",
    ]


def test_share_of_several_targets_names_the_worst() -> None:
    other = Subject.probe("account", Subject.waba("2"))
    state = watched(other, outcome="denied", of=watched().snapshot)

    assert digest(state=state)["The watching itself"][0] == (
        "account: 50.0 % of the time with fresh answers, least WABA 2 with 0.0 %"
    )


def test_probe_whose_outcomes_nobody_knows_is_not_known() -> None:
    state = known(watch.PROBE_WATCHED_SINCE.reading(PROBE, WEEK_AGO))

    assert digest(state=state)["The watching itself"] == ["account: not known"]


def test_probe_that_is_not_critical_is_left_out() -> None:
    probe = Subject.probe("api_version", Subject.instance())

    assert digest(state=watched(probe))["The watching itself"] == ["not known"]
