from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.fakes import START
from tests.metrics.samples import NUMBER, RULE, alert, alerted, seen
from wamon.core import watch
from wamon.core.alerting import AlertState, Severity
from wamon.core.health import Reading, Subject
from wamon.core.state import State
from wamon.core.targets import AccountTarget
from wamon.picture.values import Health
from wamon.probes.account import PHONE_NUMBER_IN_WABA, PHONE_NUMBER_INFO
from wamon.web.landing import AccountRow, Landing, Mood, landing

MAIN = AccountTarget(name="main", waba_id="1029", token="main", version="v25.0")
OTHER = AccountTarget(name="other", waba_id="1030", token="main", version="v25.0")
HEALTHY = Health(is_healthy=True)
WATCH = Subject.probe("account", MAIN.subject)
ANSWERED = watch.PROBE_LAST_SUCCESS.reading(WATCH, START)


def page(
    state: State,
    *,
    health: Health = HEALTHY,
    accounts: tuple[AccountTarget, ...] = (MAIN,),
    now: datetime = START,
) -> Landing:
    return landing(state, health=health, rules=(RULE,), accounts=accounts, version="1.2.3", now=now)


def state_with(*readings: Reading) -> State:
    return seen(State(), ANSWERED, *readings)[0]


def test_nothing_open_and_everybody_answered_is_good() -> None:
    shown = page(state_with())

    assert (shown.mood, shown.verdict) == (Mood.GOOD, "No alert is open.")


def test_account_that_never_answered_is_no_good_news() -> None:
    shown = page(state_with(), accounts=(MAIN, OTHER))

    assert (shown.mood, shown.verdict) == (
        Mood.UNKNOWN,
        "No alert is open, but not every account has answered yet.",
    )


def test_account_that_has_not_answered_lately_is_no_good_news() -> None:
    on_time = page(state_with(), now=START + timedelta(minutes=15))
    late = page(state_with(), now=START + timedelta(minutes=16))

    assert on_time.mood is Mood.GOOD
    assert (late.mood, late.verdict) == (
        Mood.UNKNOWN,
        "No alert is open, but 1 account has not answered lately: what was known of it is old.",
    )


def test_not_ready_is_no_good_news() -> None:
    health = Health(is_healthy=True, not_ready_reasons=("The first poll has not ended yet.",))

    shown = page(state_with(), health=health)

    assert (shown.mood, shown.verdict) == (Mood.UNKNOWN, "Not ready yet: what follows may be old or incomplete.")
    assert shown.reasons == ("The first poll has not ended yet.",)


def test_stopped_part_comes_before_everything() -> None:
    state, _ = alerted(state_with(), [alert()])

    shown = page(state, health=Health(is_healthy=False))

    assert (shown.mood, shown.verdict) == (Mood.BAD, "wamon itself is not well: a part of it has stopped.")


@pytest.mark.parametrize(
    ("severity", "mood", "verdict"),
    [
        (Severity.WARNING, Mood.WATCH, "1 alert is open, the worst is warning."),
        (Severity.CRITICAL, Mood.BAD, "1 alert is open, the worst is critical."),
    ],
)
def test_open_alert_is_the_verdict(severity: Severity, mood: Mood, verdict: str) -> None:
    state, _ = alerted(state_with(), [alert(severity=severity)])

    shown = page(state)

    assert (shown.mood, shown.verdict) == (mood, verdict)


def test_worst_and_oldest_alerts_come_first_and_closed_ones_not_at_all() -> None:
    alerts = [
        alert("1", severity=Severity.WARNING, what="third"),
        alert("2", what="second"),
        replace(alert("3", what="first"), since=START - timedelta(hours=1)),
        alert("4", state=AlertState.PENDING),
        alert("5", state=AlertState.INACTIVE),
    ]
    state, _ = alerted(state_with(), alerts)

    shown = page(state)

    assert [row.what for row in shown.alerts] == ["first", "second", "third"]
    assert shown.open_alerts == 3
    assert shown.verdict == "3 alerts are open, the worst is critical."


def test_only_so_many_alerts_are_listed() -> None:
    state, _ = alerted(state_with(), [alert(f"{index}") for index in range(103)])

    shown = page(state)

    assert len(shown.alerts) == 100
    assert shown.open_alerts == 103


@pytest.mark.parametrize(
    ("state", "is_stale", "remark"),
    [
        (AlertState.FIRING, False, ""),
        (AlertState.FIRING, True, "cannot be confirmed now"),
        (AlertState.RECOVERING, False, "recovering"),
    ],
)
def test_remark_tells_how_sure_an_alert_is(state: AlertState, is_stale: bool, remark: str) -> None:
    picture, _ = alerted(state_with(), [alert(state=state, is_stale=is_stale)])

    assert [row.remark for row in page(picture).alerts] == [remark]


def test_alert_is_about_what_people_call_it() -> None:
    names = {"display_phone_number": "+1 555 0100", "verified_name": "Shop", "platform_type": "", "account_mode": ""}
    state, _ = alerted(state_with(PHONE_NUMBER_INFO.reading(NUMBER, names)), [alert(subject=NUMBER)])

    assert [row.subject for row in page(state).alerts] == ["+1 555 0100 (Shop)"]


def test_alert_of_a_rule_that_is_gone_keeps_the_rule_as_its_name() -> None:
    state, _ = alerted(state_with(), [alert("1"), alert("2", rule="Gone")])

    assert {row.alertname for row in page(state).alerts} == {"RatingRed", "Gone"}


@pytest.mark.parametrize("minutes", [(0, 5), (5, 0)])
def test_newest_answer_of_any_probe_is_the_account_s(minutes: tuple[int, int]) -> None:
    readings = (
        watch.PROBE_LAST_SUCCESS.reading(Subject.probe(name, MAIN.subject), START - timedelta(minutes=ago))
        for name, ago in zip(("account", "templates"), minutes, strict=True)
    )
    silent = watch.PROBE_OUTCOME.reading(Subject.probe("other", MAIN.subject), "denied")

    shown = page(seen(State(), *readings, silent)[0])

    assert [row.last_success_at for row in shown.accounts] == [START]


def test_account_row_counts_its_own_numbers_and_alerts() -> None:
    elsewhere = Subject.phone_number("1030", "5")
    numbers = (NUMBER, Subject.phone_number("1029", "1066"), elsewhere)
    state = state_with(*(PHONE_NUMBER_IN_WABA.reading(number, True) for number in numbers))
    state, _ = alerted(state, [alert("1"), alert("2", subject=elsewhere), alert("3", subject=Subject.token("main"))])

    shown = page(state, accounts=(MAIN, OTHER))

    assert shown.numbers == 3
    assert shown.accounts == (
        AccountRow(name="main", waba_id="1029", numbers=2, open_alerts=1, last_success_at=START, is_stale=False),
        AccountRow(name="other", waba_id="1030", numbers=1, open_alerts=1, last_success_at=None, is_stale=False),
    )
