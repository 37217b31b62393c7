"""The timeline and the markers, over a real store."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import START
from tests.history import Past, opened
from tests.operators import run
from tests.store.samples import (
    FLAG,
    FLAG_MAP,
    GAUGE,
    NUMBER,
    OTHER_NUMBER,
    SIGNALS,
    TIMESTAMP,
    change,
    changes,
    fact,
    later,
    transition,
)
from wamon.core.alerting import CloseReason, Severity, TransitionKind
from wamon.core.health import NEVER, Change, Signal, Snapshot, Subject, SubjectKind, Value
from wamon.core.markers import MarkerKind
from wamon.core.past import PastKind
from wamon.operating import NotStoredError, OperatingError
from wamon.operating.entries import LONGEST_WORDS, SIGNAL_WORDS, called, words
from wamon.operating.history import MOST_MARKERS_A_DAY, Asked, Entry
from wamon.probes.account import PHONE_NUMBER_INFO
from wamon.signals import SIGNALS as ALL_SIGNALS


@pytest.fixture
def past(tmp_path: Path) -> Iterator[Past]:
    with opened(tmp_path) as it:
        yield it


def names(past: Past) -> None:
    """From here on Meta's names of the numbers are known."""
    info = {"display_phone_number": "+1 555-078-3881", "verified_name": "Jasper's Market"}
    past.snapshot = Snapshot({NUMBER: {PHONE_NUMBER_INFO.name: fact(PHONE_NUMBER_INFO, info)}})


def only(entries: tuple[Entry, ...]) -> Entry:
    (entry,) = entries
    return entry


def of(signal: Signal[Any], before: Value | None, after: Value | None, *, source: str = "poll") -> Change:
    return Change(
        signal=SIGNALS[signal.name], subject=NUMBER, before=before, after=after, raw=None, at=START, source=source
    )


# --- changes ----------------------------------------------------------------------------------------------------------


def test_change_says_what_was_what_is_and_how_that_is_known(past: Past) -> None:
    names(past)
    past.commit(changes(history=(replace(change("GREEN", "RED"), source="webhook"),)))

    entry = only(past.entries())

    assert entry == Entry(
        id="change-1",
        at=START,
        kind=PastKind.CHANGE,
        text="quality: GREEN -> RED",
        name="quality",
        known_by="webhook",
        subject="+1 555-078-3881 (Jasper's Market)",
        subject_kind="phone_number",
        labels={"phone_number_id": "200", "waba_id": "100"},
        before="GREEN",
        after="RED",
        before_words="GREEN",
        after_words="RED",
    )


def test_what_changed_while_nobody_could_look_is_told_with_what_it_was(past: Past) -> None:
    past.commit(changes(history=(replace(change(None, "RED"), known_before="GREEN"),)))

    entry = only(past.entries())

    assert (entry.text, entry.before, entry.after) == ("quality: GREEN, then not known -> RED", None, "RED")


def test_outage_of_one_subject_is_two_lines_that_name_the_readings(past: Past) -> None:
    names(past)
    lost = (of(FLAG, True, None, source="age"), of(GAUGE, 1.0, None, source="age"))
    back = (of(FLAG, None, True), replace(of(GAUGE, None, 1.0), known_before=1.0))
    past.commit(changes(history=tuple(replace(each, at=later(1)) for each in lost)))
    past.commit(changes(history=tuple(replace(each, at=later(2), known_before=each.after) for each in back)))

    ended, began = past.entries()

    assert began == Entry(
        id="change-1",
        at=later(1),
        kind=PastKind.CHANGE,
        text="can send, limit: known -> not known",
        name="no_longer_known",
        known_by="age",
        subject="+1 555-078-3881 (Jasper's Market)",
        subject_kind="phone_number",
        labels={"phone_number_id": "200", "waba_id": "100"},
        before_words="known",
        after_words="not known",
    )
    assert (ended.text, ended.name) == ("can send, limit: not known -> known, as before", "known_again")
    assert (ended.before_words, ended.after_words, ended.known_by) == ("not known", "known, as before", "poll")


def test_outage_of_an_account_is_one_line_that_counts(past: Past) -> None:
    account = replace(change("APPROVED", None), subject=Subject.waba("100"))
    numbers = tuple(replace(change("GREEN", None), subject=each) for each in (NUMBER, OTHER_NUMBER))
    past.commit(changes(history=(account, *numbers)))

    entry = only(past.entries())

    assert (entry.text, entry.subject) == ("3 readings: known -> not known", "WABA 100")
    assert (entry.subject_kind, entry.labels) == ("", {"waba_id": "100"})


def test_outage_of_several_accounts_says_how_many_of_each(past: Past) -> None:
    subjects = (Subject.waba("100"), Subject.waba("101"), NUMBER)
    past.commit(changes(history=tuple(replace(change("GREEN", None), subject=each) for each in subjects)))

    entry = only(past.entries())

    assert (entry.text, entry.subject) == ("3 readings: known -> not known", "2 accounts, 1 phone number")
    assert (entry.subject_kind, entry.labels) == ("", {})


@pytest.mark.parametrize(
    ("happened", "text", "after"),
    [
        (of(FLAG, None, True, source="webhook"), "can send: not known -> yes", True),
        (of(FLAG, True, False), "can send: yes -> no", False),
        (of(GAUGE, 1000.0, 100_000.0), "limit: 1000 -> 100000", 100_000.0),
        (of(GAUGE, 1000.0, 0.123456), "limit: 1000 -> 0.1235", 0.123456),
        (of(TIMESTAMP, NEVER, START), "expires: never -> 2026-11-22 10:00:00 UTC", "2026-11-22T10:00:00+00:00"),
        (of(GAUGE, 1.0, None, source="age"), "limit: 1 -> not known", None),
        (of(FLAG_MAP, None, {"a": True}, source="webhook"), "scopes: not known -> a yes", {"a": True}),
    ],
)
def test_values_of_every_shape_are_told(past: Past, happened: Change, text: str, after: object) -> None:
    past.commit(changes(history=(happened,)))

    entry = only(past.entries())

    assert (entry.text, entry.after, entry.known_by) == (text, after, happened.source)


def test_of_several_values_those_that_differ_are_told(past: Past) -> None:
    past.commit(changes(history=(of(FLAG_MAP, {"a": True, "b": True}, {"a": True, "b": False, "c": True}),)))

    entry = only(past.entries())

    assert (entry.before_words, entry.after_words) == ("b yes, c not known", "b no, c yes")
    assert entry.before == {"a": True, "b": True}


def test_long_values_are_cut_in_words_alone() -> None:
    before, after = words("x" * 500, {})

    assert len(before) == LONGEST_WORDS
    assert before.endswith("...")
    assert after == "nothing"


def test_every_signal_that_keeps_a_history_has_a_name_for_people() -> None:
    called_so = {called(signal) for signal in ALL_SIGNALS if signal.keeps_history}

    codelike = {"info", "waba", "outcome", "asset", "flag", "timestamp", "seconds", "pin", "matches", "granted"}
    assert "quality rating" in called_so
    assert not {each for each in called_so if "_" in each or "whatsapp" in each or not each}
    assert not {each for each in called_so if codelike & set(each.split()) and "jumped" not in each}


def test_words_are_those_of_signals_that_there_are() -> None:
    assert set(SIGNAL_WORDS) <= {signal.name for signal in ALL_SIGNALS if signal.keeps_history}


def test_signals_of_one_subject_are_told_apart() -> None:
    called_so = [(signal.kind, called(signal)) for signal in ALL_SIGNALS if signal.keeps_history]

    assert len(called_so) == len(set(called_so))


# --- alerts -----------------------------------------------------------------------------------------------------------


def test_step_of_an_alert_leads_to_it(past: Past) -> None:
    opening = transition(TransitionKind.OPEN, 1, rule="WhatsAppQualityRating")
    past.commit(changes(opening))

    entry = only(past.entries())

    assert (entry.kind, entry.step, entry.severity, entry.known_by) == (
        PastKind.ALERT,
        "open",
        Severity.CRITICAL,
        "wamon",
    )
    assert entry.text.endswith(" opened: Quality rating RED")
    assert (entry.before, entry.after, entry.alert_id) == ("inactive", "firing", opening.key[:12])
    assert entry.subject == "phone number 200"


def test_alert_of_a_rule_that_is_gone_keeps_the_rules_name(past: Past) -> None:
    past.commit(changes(transition(rule="gone")))

    assert only(past.entries()).text == "gone opened: Quality rating RED"


def test_alert_that_became_worse_tells_from_what(past: Past) -> None:
    opening = transition(TransitionKind.OPEN, 1, severity=Severity.WARNING)
    past.commit(changes(opening, transition(TransitionKind.RAISE, 2, at=later(1))))

    raised = past.entries()[0]

    assert (raised.before, raised.after) == ("warning", "critical")


def test_rise_whose_step_before_is_forgotten_tells_what_it_knows(past: Past) -> None:
    past.commit(changes(transition(TransitionKind.RAISE, 2)))

    raised = only(past.entries())

    assert (raised.before, raised.before_words, raised.after) == (None, "", "critical")


@pytest.mark.parametrize(
    ("reason", "before", "text"),
    [
        (CloseReason.RESOLVED, "recovering", "is resolved"),
        (CloseReason.REMOVED, None, "ended: it is no longer watched"),
        (CloseReason.FORCED, None, "was closed by hand by Kim (given up)"),
    ],
)
def test_closing_says_why(past: Past, reason: CloseReason, before: str | None, text: str) -> None:
    is_forced = reason is CloseReason.FORCED
    past.commit(
        changes(
            transition(
                TransitionKind.CLOSE,
                close_reason=reason,
                actor="Kim" if is_forced else "",
                note="given up" if is_forced else "",
            )
        )
    )

    entry = only(past.entries())

    assert (entry.before, entry.after) == (before, "inactive")
    assert entry.text == f"quality {text}: Quality rating RED"
    assert entry.known_by == ("operator" if is_forced else "wamon")


@pytest.mark.parametrize("kind", TransitionKind)
def test_every_step_has_words(past: Past, kind: TransitionKind) -> None:
    past.commit(changes(transition(kind, is_rehearsal=True)))

    entry = only(past.entries())

    assert entry.step == kind.value
    assert entry.text.startswith("quality ")
    assert entry.is_rehearsal


# --- which part -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("200", ["200"]),
        ("phone_number_id=201", ["201"]),
        ("+1 (555) 078-3881", ["200"]),
        ("15550783881", ["200"]),
        (" 100 ", ["201", "200"]),
        ("waba_id=100", ["201", "200"]),
        ("+1 555 000 0000", []),
        ("nobody", []),
    ],
)
def test_subject_is_found_by_whatever_people_call_it(past: Past, subject: str, expected: list[str]) -> None:
    names(past)
    past.commit(changes(history=(change("GREEN", "RED"), replace(change("GREEN", "RED"), subject=OTHER_NUMBER))))

    found = past.entries(subject=subject)

    assert [each.labels["phone_number_id"] for each in found] == expected


def test_pages_follow_each_other_by_cursor(past: Past) -> None:
    past.commit(changes(history=tuple(change("x", str(n), at=later(n)) for n in range(5))))
    past.mark(at=START)

    told, cursor = [], ""
    for _ in range(3):
        page = run(past.history.timeline(Asked(limit=2, cursor=cursor)))
        told += [each.text for each in page.entries]
        cursor = page.next_cursor

    assert cursor == ""
    assert told == [*(f"quality: x -> {n}" for n in (4, 3, 2, 1, 0)), "shop 4.2"]


@pytest.mark.parametrize("cursor", ["x", "1-2", "1-3-4", "9999999999999999999-0-1", "1-0-1 ", "-1-0-1"])
def test_cursor_of_nobodys_is_refused(past: Past, cursor: str) -> None:
    with pytest.raises(OperatingError, match="no such cursor"):
        past.entries(cursor=cursor)


@pytest.mark.parametrize("limit", [0, -1, 501])
def test_limit_has_bounds(past: Past, limit: int) -> None:
    with pytest.raises(OperatingError, match="limit is out of range"):
        past.entries(limit=limit)


def test_store_that_does_not_answer_is_told(past: Past) -> None:
    run(past.store.close())

    with pytest.raises(NotStoredError, match="the store does not answer"):
        past.entries()
    with pytest.raises(NotStoredError, match="the store does not answer"):
        past.mark()


# --- markers ----------------------------------------------------------------------------------------------------------


def test_marker_is_in_the_timeline(past: Past) -> None:
    marked = past.mark(kind="campaign", text=" first  wave ", link="https://ci.example.com/7", tags=("a", "b", "a"))

    entry = only(past.entries())

    assert entry.marker == marked.marker
    assert (entry.text, entry.name, entry.known_by, entry.actor, entry.note) == (
        "shop 4.2",
        "campaign",
        "operator",
        "ci",
        "first wave",
    )
    assert (marked.marker.tags, marked.marker.link) == (("a", "b"), "https://ci.example.com/7")
    assert marked.text == "marked: campaign shop 4.2"


def test_marker_of_the_same_id_is_set_once(past: Past) -> None:
    first = past.mark(marker_id="build-812")
    past.clock.advance(60)

    second = past.mark("another", marker_id="build-812")

    assert (second.is_repeated, second.marker) == (True, first.marker)
    assert len(past.entries()) == 1


def test_markers_without_an_id_are_all_set(past: Past) -> None:
    past.mark()
    past.mark()

    assert len(past.entries()) == 2


def test_latest_marker_of_each_kind_is_shown_and_survives_a_restart(past: Past) -> None:
    past.clock.advance(600)
    past.mark()
    past.mark(kind="note", at=later(3))
    past.mark("of before", at=later(1))
    shown = dict(past.latest)
    past.latest.clear()

    run(past.anew().start())

    assert shown == {"deploy": later(10).timestamp(), "note": later(3).timestamp()}
    assert past.latest == shown


def test_repeated_marker_moves_nothing_that_is_shown(past: Past) -> None:
    past.mark(marker_id="build-812")
    past.clock.advance(60)

    past.mark(marker_id="build-812")

    assert past.latest == {"deploy": START.timestamp()}


@pytest.mark.parametrize(
    ("at", "kept"),
    [
        (later(-5), later(-5)),
        (START + timedelta(minutes=4), START),
        (START.astimezone(timezone(timedelta(hours=2))), START),
        (START - timedelta(days=30), START - timedelta(days=30)),
    ],
)
def test_marker_can_be_of_another_moment(past: Past, at: datetime, kept: datetime) -> None:
    assert past.mark(at=at).marker.at == kept


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"title": " "}, "the title is missing"),
        ({"title": "x" * 121}, "the title is longer than 120"),
        ({"author": ""}, "the author is missing"),
        ({"text": "x" * 501}, "the text is longer than 500"),
        ({"kind": "deplyo"}, "there is no kind 'deplyo'"),
        ({"kind": ""}, "there is no kind ''"),
        ({"link": "javascript:alert(1)"}, "link is no web address"),
        ({"link": "https://"}, "link is no web address"),
        ({"link": "https://[::1"}, "link is no web address"),
        ({"link": "https://ci.example.com/a b"}, "link is no web address"),
        ({"link": "https://ci.example.com/" + "x" * 500}, "link is no web address"),
        ({"link": "https://kim:secret@ci.example.com/7"}, "link holds a user name"),
        ({"tags": ("",)}, "the tag is missing"),
        ({"tags": ("x" * 41,)}, "the tag is longer than 40"),
        ({"tags": tuple(map(str, range(11)))}, "more than 10 tags"),
        ({"at": START + timedelta(minutes=6)}, "at is later than now"),
        ({"at": START - timedelta(days=31)}, "at is later than now, or more than 30 days ago"),
        ({"marker_id": " "}, "the id is missing"),
    ],
)
def test_marker_that_cannot_be_is_refused(past: Past, given: dict[str, Any], problem: str) -> None:
    with pytest.raises(OperatingError, match=problem) as caught:
        past.mark(**{"title": "shop 4.2", **given})

    assert past.entries() == ()
    assert "secret" not in f"{caught.value} {caught.value.next_step}"


def test_misspelt_kind_names_the_nearest(past: Past) -> None:
    with pytest.raises(OperatingError) as caught:
        past.mark(kind="deplyo")

    assert caught.value.next_step.startswith("did you mean deploy? there are deploy, ")


def test_markers_without_end_are_refused_for_the_day(past: Past) -> None:
    for _ in range(MOST_MARKERS_A_DAY):
        past.mark()

    with pytest.raises(OperatingError, match="1000 markers of that day"):
        past.mark()
    past.clock.advance(86_400)

    assert not past.mark().is_repeated


def test_kinds_of_markers_are_few_enough_for_a_label() -> None:
    assert len(MarkerKind) <= 10


def test_what_is_about_a_template_is_found_by_its_name(past: Past) -> None:
    template = Subject.template("100", "order_update", "de")
    past.commit(changes(history=(replace(change("GREEN", "RED"), subject=template),)))

    entry = only(past.entries(subject="order_update"))

    assert entry.subject_kind == SubjectKind.TEMPLATE
    assert entry.subject == "template order_update (de) of WABA 100"


def test_probe_is_told_by_its_name(past: Past) -> None:
    probe = Subject.probe("token", Subject.waba("100"))
    past.commit(changes(history=(replace(change("ok", "denied"), subject=probe),)))

    entry = only(past.entries())

    assert (entry.subject, entry.text) == ("WABA 100", "token quality: ok -> denied")
