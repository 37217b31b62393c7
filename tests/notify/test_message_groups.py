"""Several alerts in one message: the group as it is now, for people and for machines."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

from tests.fakes import START
from tests.notify.cases import (
    NUMBER,
    QUALITY,
    WABA_ID,
    at,
    batch,
    number,
    open_alert,
    silence,
    state_of,
    story,
    told,
    transition,
)
from wamon.core.alerting import AlertState, CloseReason, Severity, Transition, TransitionKind
from wamon.core.desk import Acknowledgement, Mute, Standing
from wamon.core.health import Subject
from wamon.core.outgoing import Message, Story
from wamon.core.state import State
from wamon.notify.details import Links
from wamon.notify.message import Composer
from wamon.probes.names import describe

LINKS = Links(runbooks="https://wamon.example/runbooks", page="http://127.0.0.1:9877")
WORDS = Composer(rules=(QUALITY,), links=LINKS, has_buttons=True)


def opened(index: int, severity: Severity = Severity.CRITICAL, *, when: datetime = START) -> Transition:
    what = "Quality rating RED" if severity is Severity.CRITICAL else "Quality rating YELLOW"
    return replace(transition(severity=severity, subject=number(index), when=when, what=what), group_id=1)


def ended(of: Transition, when: datetime, reason: CloseReason = CloseReason.RESOLVED) -> Transition:
    return replace(of, kind=TransitionKind.CLOSE, at=when, close_reason=reason, ordinal=of.ordinal + 1)


def root(tale: Story, state: State | None = None, *, now: datetime = START, words: Composer = WORDS) -> Message:
    state = state_of(*tale.transitions) if state is None else state
    return words.root(batch(told(tale.transitions[0])).thread, tale, state, now)


def test_alerts_of_the_same_kind_are_counted_in_the_headline() -> None:
    message = root(story(*map(opened, range(7))))

    whose = f"Jasper's Market Inc (WABA {WABA_ID})"
    assert message.headline == f"CRITICAL  Quality rating RED  7 phone numbers of {whose}"
    assert message.facts[:3] == (("Since", "10:00 UTC"), ("Open", "7"), ("Severities", "7 CRITICAL"))
    assert len(message.members) == 7
    assert message.steps == QUALITY.steps


def test_alerts_of_several_kinds_are_headed_by_the_worst() -> None:
    message = root(story(opened(0, Severity.WARNING), opened(1), waba_id=""))

    assert message.headline == "CRITICAL  Quality rating RED and 1 more  2 phone numbers"
    assert dict(message.facts)["Severities"] == "1 CRITICAL, 1 WARNING"


def test_members_are_listed_worst_first_and_the_rest_is_counted() -> None:
    warnings = [opened(index, Severity.WARNING, when=at(9)) for index in range(11)]

    message = root(story(*warnings, opened(20, when=at(9, 30))), now=at(9, 31))

    assert len(message.members) == 11
    assert message.members[0] == (
        Severity.CRITICAL,
        False,
        "CRITICAL  Quality rating RED  phone number 1020  ·  since 09:30 UTC",
    )
    assert message.members[-1] == (Severity.INFO, False, "and 2 more: http://127.0.0.1:9877")


def test_rest_is_listed_by_command_where_there_is_no_page() -> None:
    words = Composer(rules=(QUALITY,), links=Links())

    message = root(story(*map(opened, range(12))), words=words)

    assert message.members[-1][2] == "and 2 more: wamon alerts list"
    assert message.remarks[0] == "acknowledge: wamon alerts ack 1"
    assert f"--match family=quality --match waba_id={WABA_ID} " in message.remarks[1]


def test_each_member_says_what_holds_it_back() -> None:
    first, second = opened(0), opened(1)
    state = state_of(
        first,
        second,
        standings=[
            Standing(
                key=first.key,
                group_id=1,
                acknowledged=Acknowledgement(by="ben", at=at(10, 1), until=at(10, 1, day=23)),
            ),
            Standing(key=second.key, group_id=1, muted=Mute.SILENCED, muted_by="s1"),
        ],
        silences=[silence()],
        alerts=[open_alert(second, is_stale=True)],
    )

    message = root(story(first, second), state)

    assert message.members[0][2].endswith("  ·  acknowledged by ben at 10:01 UTC")
    assert message.members[1][2].endswith(
        "  ·  cannot see it at present: last confirmed 10:00 UTC  ·  silenced by anna until 14:00 UTC (campaign)"
    )
    assert message.buttons[0].action == "acknowledge"


def test_last_open_member_is_named() -> None:
    first, second = opened(0), opened(1)
    over = ended(first, at(10, 30))

    message = root(story(first, second, over), now=at(10, 31))

    assert message.headline == "CRITICAL  Quality rating RED  phone number 1001"
    assert dict(message.facts)["Open"] == "1 of 2"
    assert [text.split("  ")[2] for _, _, text in message.members] == ["phone number 1001"]


def test_group_that_is_over_says_how_long_all_of_it_lasted() -> None:
    first, second = opened(0, when=at(10)), opened(1, when=at(11))

    message = root(story(first, second, ended(first, at(11, 30)), ended(second, at(12, 10))), now=at(12, 10))

    assert message.headline.startswith("RESOLVED after 2 h 10 min  Quality rating RED  2 phone numbers of ")
    assert message.is_resolved
    assert message.facts == (("Fired", "10:00 UTC"), ("Ended", "12:10 UTC"))
    assert all(is_well for _, is_well, _ in message.members)
    assert (message.steps, message.buttons) == ((), ())


def test_group_that_went_out_of_sight_is_not_called_resolved() -> None:
    first, second = opened(0), opened(1)
    gone = [ended(each, at(10, 5), CloseReason.REMOVED) for each in (first, second)]

    removed = root(story(first, second, *gone), now=at(10, 5))
    mixed = root(story(first, second, gone[0], ended(second, at(10, 5))), now=at(10, 5))

    assert removed.headline.startswith("no longer monitored after 5 min  Quality rating RED  2 phone numbers")
    assert removed.severity is Severity.INFO
    assert mixed.headline.startswith("OVER after 5 min")
    assert {text.split()[0]: is_well for _, is_well, text in mixed.members} == {"RESOLVED": True, "no": False}
    assert not removed.is_resolved
    assert not mixed.is_resolved


def test_storm_counts_alerts_and_groups() -> None:
    storm = [replace(opened(index), group_id=2 + index // 2) for index in range(30)]

    message = root(story(*storm, is_storm=True, family="storm", waba_id=""))

    assert message.headline == "CRITICAL  30 alerts in 15 groups within a minute"
    assert dict(message.facts)["Severities"] == "30 CRITICAL"
    assert len(message.members) == 11


def test_storm_has_no_button_that_would_hide_everything() -> None:
    storm = [replace(opened(index), group_id=2 + index) for index in range(3)]
    buttons = [button.action for button in root(story(*storm, is_storm=True)).buttons]

    assert buttons == ["acknowledge", "open"]


def test_several_alerts_about_one_number_name_it() -> None:
    first = opened(0)
    second = replace(first, key="another", what="16% of messages bounce")

    message = root(story(first, second))

    assert "and 1 more" in message.headline
    assert message.headline.endswith(describe(first.subject, State().snapshot))


def test_storm_is_not_silenced_by_a_command_that_would_hide_everything() -> None:
    storm = [replace(opened(index), group_id=2 + index) for index in range(3)]

    message = root(story(*storm, is_storm=True), words=Composer(rules=(QUALITY,), links=LINKS))

    assert message.remarks[-1] == 'silence: wamon alerts silence --match LABEL=VALUE --for 4h --reason "..."'


def test_acknowledging_is_offered_until_every_open_member_is_in_hand() -> None:
    first, second = opened(0), opened(1)
    taken = Acknowledgement(by="ben", at=START, until=at(10, day=23))
    standings = [Standing(key=each.key, group_id=1, acknowledged=taken) for each in (first, second)]

    some = root(story(first, second), state_of(first, second, standings=standings[:1]))
    all_of_them = root(story(first, second), state_of(first, second, standings=standings))

    assert "acknowledge" in [button.action for button in some.buttons]
    assert "acknowledge" not in [button.action for button in all_of_them.buttons]


def test_command_is_offered_until_every_open_member_is_in_hand() -> None:
    first = opened(0)
    taken = Acknowledgement(by="ben", at=START, until=at(10, day=23))
    state = state_of(first, standings=[Standing(key=first.key, group_id=1, acknowledged=taken)])

    message = root(story(first), state, words=Composer(rules=(QUALITY,), links=LINKS))

    assert [remark.split()[0] for remark in message.remarks] == ["acknowledged", "silence:"]


def test_alert_that_the_desk_has_forgotten_is_held_back_by_nothing() -> None:
    first, second = opened(0), opened(1)

    message = root(story(first, second), State(alerts={each.key: open_alert(each) for each in (first, second)}))

    assert {text.count("·") for _, _, text in message.members} == {1}


def test_rehearsal_of_several_is_marked_as_one() -> None:
    played = [transition(subject=number(index), is_rehearsal=True) for index in range(2)]

    message = root(story(*played, family="rehearsal"))

    assert message.headline.startswith("rehearsal  CRITICAL  Quality rating RED  2 phone numbers")
    assert message.remarks == ("rehearsal: nothing is wrong, somebody tries out this way",)
    assert message.data["is_rehearsal"]


def test_group_of_a_forgotten_rule_gives_no_advice() -> None:
    message = root(story(opened(0), opened(1)), words=Composer(rules=(), links=Links(), has_buttons=True))

    assert message.steps == ()
    assert dict(message.facts).keys() == {"Since", "Open", "Severities"}
    assert [alert["alertname"] for alert in message.data["alerts"]] == ["QualityRating", "QualityRating"]


def test_news_of_one_of_several_is_told_of_that_one() -> None:
    first, second = opened(0), opened(1, when=at(10, 5))

    message = WORDS.first(batch(told(second)), story(first, second), state_of(first, second), at(10, 5))

    assert message.headline == "CRITICAL  Quality rating RED  phone number 1001"
    assert message.members == ()


def test_group_of_which_nothing_is_left_makes_a_message_all_the_same() -> None:
    noted = transition(TransitionKind.SILENCED)

    message = root(story(noted))

    assert message.headline == "nothing is open any more"


# --- the time line ----------------------------------------------------------------------------------------------------


def test_time_line_tells_everything_in_order_with_whom_and_when() -> None:
    first, second = opened(0, when=at(23, 50, day=21)), opened(1, when=at(0, 5))
    between = replace(first, kind=TransitionKind.ACKNOWLEDGED, at=at(0, 2), ordinal=2, actor="anna")

    message = root(story(first, between, second), now=at(0, 6))

    assert message.timeline == (
        ("2026-11-21 23:50 UTC", "CRITICAL  Quality rating RED  phone number 1000"),
        ("00:02 UTC", "acknowledged by anna  phone number 1000"),
        ("00:05 UTC", "CRITICAL  Quality rating RED  phone number 1001"),
    )


def test_long_time_line_keeps_its_beginning_and_its_end() -> None:
    first = opened(0)
    seen = [
        replace(
            first,
            kind=TransitionKind.STALE if index % 2 else TransitionKind.CONFIRMED,
            at=START + timedelta(minutes=index),
            ordinal=1 + index,
        )
        for index in range(1, 60)
    ]

    message = root(story(first, *seen), now=at(11))

    assert len(message.timeline) == 26
    assert message.timeline[5] == ("…", "35 more")
    assert [message.timeline[index][0] for index in (0, 4, 6, -1)] == [
        "10:00 UTC",
        "10:04 UTC",
        "10:40 UTC",
        "10:59 UTC",
    ]


def test_what_has_only_just_begun_has_no_time_line() -> None:
    assert root(story(opened(0))).timeline == ()


# --- for machines -----------------------------------------------------------------------------------------------------


def test_machines_get_plain_json() -> None:
    first = replace(transition(subject=NUMBER), group_id=1)
    raised = replace(first, kind=TransitionKind.RAISE, at=at(10, 5), ordinal=2, actor="anna", note="why")

    message = WORDS.first(batch(told(raised)), story(first, raised), state_of(first, raised), at(10, 6))

    assert json.loads(json.dumps(message.data)) == {
        "version": 1,
        "kind": ["news"],
        "group": {"id": 1, "family": "quality", "app_id": "", "waba_id": WABA_ID},
        "status": "firing",
        "severity": "critical",
        "headline": "CRITICAL  Quality rating RED  +1 555 078 3881 (Jasper's Market)",
        "is_rehearsal": False,
        "alert_count": 1,
        "alerts": [
            {
                "id": first.key[:12],
                "alertname": "QualityRed",
                "rule": "QualityRating",
                "severity": "critical",
                "state": "firing",
                "is_stale": False,
                "overlays": [],
                "subject": {"phone_number_id": "106540352242922", "waba_id": WABA_ID},
                "summary": "Quality rating RED",
                "opened_at": "2026-11-22T10:00:00+00:00",
                "closed_at": None,
                "last_confirmed_at": "2026-11-22T10:00:00+00:00",
                "close_reason": None,
                "owner": "marketing",
                "evidence": {"Quality rating": "RED since 09:58"},
                "runbook": "https://wamon.example/runbooks/QualityRed.md",
            }
        ],
        "transitions": [
            {
                "at": f"2026-11-22T10:0{minute}:00+00:00",
                "kind": kind,
                "alert": first.key[:12],
                "alertname": "QualityRed",
                "severity": "critical",
                "summary": "Quality rating RED",
                "actor": actor,
                "note": note,
            }
            for minute, kind, actor, note in ((0, "open", None, None), (5, "raise", "anna", "why"))
        ],
    }


def test_machines_are_told_of_the_whole_group_whatever_the_news() -> None:
    first, second = opened(0), opened(1)
    over = ended(first, at(10, 5))
    tale = story(first, second, over)

    message = WORDS.first(batch(told(over)), tale, state_of(*tale.transitions), at(10, 5))

    assert message.headline.startswith("RESOLVED after 5 min")
    assert message.data["status"] == "firing"
    assert [(alert["state"], alert["close_reason"]) for alert in message.data["alerts"]] == [
        ("firing", None),
        ("closed", "resolved"),
    ]


def test_machines_see_what_recovers_and_what_holds_back() -> None:
    first = opened(0)
    held = Standing(key=first.key, group_id=1, muted=Mute.SILENCED, muted_by="s1", flapping_since=START)
    state = state_of(first, standings=[held], alerts=[open_alert(first, state=AlertState.RECOVERING)])

    (alert,) = root(story(first), state).data["alerts"]

    assert (alert["state"], alert["overlays"]) == ("recovering", ["silenced", "flapping"])


def test_body_of_a_storm_stays_within_bounds() -> None:
    storm = [replace(opened(index), group_id=2 + index) for index in range(1000)]

    data = root(story(*storm, is_storm=True)).data

    assert data["alert_count"] == 1000
    assert (len(data["alerts"]), len(data["transitions"])) == (100, 50)
    assert len(json.dumps(data)) < 200_000


def test_group_without_an_account_is_not_said_to_be_of_one() -> None:
    tokens = [transition(subject=Subject.token(name), what="Access token is not valid") for name in ("a", "b")]

    message = root(story(*tokens, waba_id=""))

    assert message.headline == "CRITICAL  Access token is not valid  2 tokens"
