"""What operators see and do, through real steps."""

import asyncio
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from tests.core.telling import PATIENT, number
from tests.fakes import START, FakeClock
from tests.operators import Floor, run
from tests.test_engine import Bench, rating, started
from wamon.core.alerting import Severity, TransitionKind, alert_key
from wamon.core.health import Subject, SubjectKind
from wamon.core.inhibition import Inhibition
from wamon.core.manner import Manner, Patience
from wamon.core.outgoing import Press
from wamon.core.ports import Rule
from wamon.core.state import State, Woken
from wamon.operating import NotStoredError, OperatingError, Operations, UnknownError
from wamon.operating.finding import REHEARSED_LABELS, Finder
from wamon.rules import RULES

HOUR = timedelta(hours=1)


def press(action: str, group_id: int, *, act_id: str = "press-1", user: str = "Kim") -> Press:
    return Press(act_id=act_id, action=action, value=str(group_id), user_id="U1", user=user)


def opened(*numbers: int, rating: str = "YELLOW") -> Floor:
    """A floor on which these numbers have gone bad and people know."""
    floor = Floor()
    floor.see(rating, *(number(each) for each in numbers or (0,)))
    floor.passes(timedelta(minutes=1))
    return floor


def only_id(floor: Floor) -> str:
    (view,) = floor.operations.alerts()
    return view.id


def group_id(floor: Floor) -> int:
    (group,) = floor.groups()
    return group


# --- what there is ----------------------------------------------------------------------------------------------------


def test_open_alerts_are_listed_worst_first() -> None:
    floor = opened(0, 1)
    floor.see("RED", number(2))

    views = floor.operations.alerts()

    assert [(view.alertname, view.severity) for view in views] == [
        ("BadCritical", Severity.CRITICAL),
        ("BadWarning", Severity.WARNING),
        ("BadWarning", Severity.WARNING),
    ]
    assert views[0].subject == "phone number 202"
    assert len(views[0].id) == 12


def test_what_has_ended_is_listed_only_when_asked_for() -> None:
    floor = opened()
    floor.see("GREEN")
    floor.see("GREEN", after=60)

    assert floor.operations.alerts() == ()
    assert [str(view.state) for view in floor.operations.alerts(include_all=True)] == ["inactive"]


def test_alert_is_found_by_the_beginning_of_its_id_and_tells_its_life() -> None:
    floor = opened()
    floor.see("RED", after=60)

    history = run(floor.operations.alert(only_id(floor)[:6]))

    assert history.alert.severity is Severity.CRITICAL
    assert [moved.kind for moved in history.timeline] == ["open", "raise"]
    assert history.alert.group_id == group_id(floor)


def test_unknown_id_names_the_nearest() -> None:
    floor = opened()
    known = only_id(floor)

    with pytest.raises(UnknownError) as caught:
        run(floor.operations.alert(known[:-2] + "zz"))

    assert known in caught.value.next_step


def test_beginning_of_several_ids_is_refused() -> None:
    firsts = {alert_key("Bad", number(n))[:4]: n for n in range(1000)}
    shared, one = next((k, n) for n in range(1000) if firsts[k := alert_key("Bad", number(n))[:4]] != n)
    floor = opened(one, firsts[shared])

    with pytest.raises(UnknownError, match="is the beginning of several ids"):
        run(floor.operations.alert(shared))


def test_alert_shows_everything_that_holds_it_back() -> None:
    floor = Floor()
    floor.see("YELLOW")
    floor.passes(timedelta(minutes=1))
    run(floor.operations.acknowledge(only_id(floor), author="Ada"))
    run(floor.operations.silence(["alertname=BadWarning"], lasts=HOUR, reason="move", author="Kim"))

    (view,) = floor.operations.alerts()

    assert [(overlay.kind, overlay.by) for overlay in view.overlays] == [("silenced", "Kim"), ("acknowledged", "Ada")]
    assert view.overlays[0].until == floor.clock.now() + HOUR
    assert view.overlays[0].reason == "move"


# --- silences ---------------------------------------------------------------------------------------------------------


def test_preview_says_what_a_silence_would_hide() -> None:
    floor = opened(0, 1)

    assert len(floor.operations.preview(["family=Bad"])) == 2
    assert [v.labels["phone_number_id"] for v in floor.operations.preview(["phone_number_id=201"])] == ["201"]
    assert floor.operations.preview(["waba_id=999"]) == ()
    assert floor.operations.preview([]) == ()
    assert floor.operations.silences() == ()


def test_silence_holds_and_says_what_is_quiet() -> None:
    floor = opened(0, 1)

    outcome = run(floor.operations.silence(["waba_id=100"], lasts=HOUR, reason="move", author="Kim"))

    assert outcome.text == "silenced until 2026-11-22 11:01 UTC: 2 open alerts are quiet now"
    assert len(outcome.alerts) == 2
    (view,) = floor.operations.silences()
    assert (view, view.matchers, view.author, view.reason) == (outcome.silence, ("waba_id=100",), "Kim", "move")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"matchers": []}, "a silence needs at least one matcher"),
        ({"matchers": ["waba_id"]}, "is not a matcher"),
        ({"matchers": ["waba_id=~["]}, "is not a regular expression"),
        ({"matchers": ["waba_id!=5"]}, "the matchers match anything"),
        ({"matchers": ["a=b"] * 51}, "too many matchers"),
        ({"reason": " "}, "the reason is missing"),
        ({"author": "\n"}, "the author is missing"),
        ({"author": "x" * 501}, "the author is longer than 500 characters"),
        ({"lasts": timedelta(days=31)}, "a silence ends within 30 days"),
        ({"lasts": timedelta.max}, "a silence ends within 30 days"),
        ({"lasts": timedelta(0)}, "the silence would end before it begins"),
        ({"lasts": None}, "a silence needs one end"),
        ({"ends_at": START}, "a silence needs one end"),
    ],
)
def test_silence_that_cannot_be(changes: dict[str, object], words: str) -> None:
    floor = opened()
    asked = {"matchers": ["waba_id=100"], "lasts": HOUR, "reason": "move", "author": "Kim", **changes}

    with pytest.raises(OperatingError, match=words):
        run(floor.operations.silence(asked.pop("matchers"), **asked))  # type: ignore[arg-type]

    assert floor.operations.silences() == ()


def test_same_act_silences_once() -> None:
    floor = opened()

    async def twice() -> list[bool]:
        first, second = await asyncio.gather(
            *(
                floor.operations.silence(["waba_id=100"], lasts=HOUR, reason="move", author="Kim", act_id="click")
                for _ in range(2)
            )
        )
        assert first.silence == second.silence
        return [first.is_repeated, second.is_repeated]

    assert run(twice()) == [False, True]
    assert len(floor.operations.silences()) == 1


def test_silence_ends_before_its_time_and_the_next_act_finds_none() -> None:
    floor = opened()
    silence = run(floor.operations.silence(["waba_id=100"], lasts=HOUR, reason="move", author="Kim")).silence
    assert silence is not None

    ended = run(floor.operations.unsilence(silence.id[:5], author="Ada", act_id="click"))
    again = run(floor.operations.unsilence(silence.id[:5], author="Ada", act_id="click"))

    assert (ended.text, again.text) == ("the silence has ended", "done already")
    assert floor.operations.silences() == ()
    with pytest.raises(UnknownError, match="there is no silence"):
        run(floor.operations.unsilence(silence.id, author="Ada"))


# --- acknowledging and closing ----------------------------------------------------------------------------------------


def test_group_is_acknowledged_as_a_whole_and_once() -> None:
    floor = opened(0, 1, 2)

    outcome = run(floor.operations.acknowledge(str(group_id(floor)), author="Kim"))
    later = run(floor.operations.acknowledge(str(group_id(floor)), author="Ada"))

    assert outcome.text == "acknowledged 3 alerts"
    assert later.text == "already acknowledged by Kim until 2026-11-23 10:01 UTC"


def test_group_is_acknowledged_where_it_is_not_yet() -> None:
    floor = opened(0, 1)
    run(floor.operations.acknowledge(floor.operations.alerts()[0].id, author="Kim"))

    outcome = run(floor.operations.acknowledge(str(group_id(floor)), author="Ada"))

    assert outcome.text == "acknowledged 1 alert"


def test_what_others_announce_cannot_be_acknowledged_here() -> None:
    floor = Floor(outside=frozenset({"Bad"}))
    floor.see("YELLOW")

    with pytest.raises(OperatingError, match="others announce this alert"):
        run(floor.operations.acknowledge(only_id(floor), author="Kim"))


def test_forced_end_keeps_who_and_why() -> None:
    floor = opened()
    target = only_id(floor)

    outcome = run(floor.operations.force_close(target, reason="number is given up", author="Kim"))
    again = run(floor.operations.force_close(target, reason="number is given up", author="Kim"))

    closing = next(each for each in floor.transitions if each.kind is TransitionKind.CLOSE)
    assert (outcome.text, again.text) == ("closed 1 alert", "nothing open any more")
    assert (closing.actor, closing.note, str(closing.close_reason)) == ("Kim", "number is given up", "forced")


def test_store_that_refuses_is_told_and_nothing_has_changed() -> None:
    floor = opened()
    target = only_id(floor)
    floor.refuses = True

    with pytest.raises(NotStoredError, match="the store did not take it"):
        run(floor.operations.acknowledge(target, author="Kim"))

    assert floor.operations.alerts()[0].overlays == ()


def test_store_that_cannot_be_asked_is_told_without_acting() -> None:
    floor = opened()
    target = only_id(floor)
    floor.is_broken = True

    with pytest.raises(NotStoredError, match="the disk is gone"):
        run(floor.operations.acknowledge(target, author="Kim"))
    with pytest.raises(NotStoredError, match="the disk is gone"):
        run(floor.operations.alert(target))


# --- rehearsals and tests of receivers --------------------------------------------------------------------------------


def test_rehearsal_opens_at_once_and_ends_by_itself() -> None:
    floor = opened()

    outcome = run(floor.operations.rehearse("BadCritical", author="Kim", lasts=timedelta(minutes=5)))

    assert outcome.text == "rehearsal of BadCritical about phone number 200 for 5 min: see slack"
    rehearsal = next(view for view in floor.operations.alerts() if view.is_rehearsal)
    assert outcome.alerts == (rehearsal.id,)
    floor.passes(timedelta(minutes=6))
    assert [view.is_rehearsal for view in floor.operations.alerts()] == [False]
    assert "slack news open" in floor.words()


def test_rehearsal_is_about_what_is_asked_for() -> None:
    floor = opened(0, 1)

    run(floor.operations.rehearse("badwarning", author="Kim", labels={"phone_number_id": "201"}))

    rehearsal = next(view for view in floor.operations.alerts() if view.is_rehearsal)
    assert (rehearsal.labels["phone_number_id"], rehearsal.severity) == ("201", Severity.WARNING)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_alert_can_be_rehearsed_even_where_nothing_is_known(rule: Rule) -> None:
    floor = Floor()

    for name in dict.fromkeys(rule.alertnames.values()):
        run(floor.operations.rehearse(name, author="Kim"))
        floor.passes(timedelta(minutes=2))

    assert floor.operations.alerts() == ()
    assert floor.words()


def test_every_kind_of_subject_can_be_made_up() -> None:
    assert set(REHEARSED_LABELS) == set(SubjectKind) - {SubjectKind.INSTANCE}


@pytest.mark.parametrize(
    ("alertname", "labels", "words"),
    [
        ("BadCriticl", {}, "there is no alert 'BadCriticl'"),
        ("BadCritical", {"phone_number_id": "999"}, "no phone number has these labels"),
        ("BadCritical", {"waba": "100"}, "a phone number has no waba"),
        ("WamonGraphUnreachable", {"waba_id": "100"}, "this alert is about wamon itself"),
    ],
)
def test_rehearsal_that_fits_nothing(alertname: str, labels: dict[str, str], words: str) -> None:
    floor = opened()

    with pytest.raises(OperatingError, match=words):
        run(floor.operations.rehearse(alertname, author="Kim", labels=labels))


def test_misspelt_alert_names_the_nearest() -> None:
    with pytest.raises(UnknownError) as caught:
        run(Floor().operations.rehearse("BadCriticl", author="Kim"))

    assert caught.value.next_step.startswith("did you mean BadCritical")


def test_alert_that_others_announce_is_not_rehearsed() -> None:
    with pytest.raises(OperatingError, match="are not announced by wamon"):
        run(Floor(outside=frozenset({"Bad"})).operations.rehearse("BadCritical", author="Kim"))


@pytest.mark.parametrize("lasts", [timedelta(0), timedelta(hours=2)])
def test_rehearsal_is_neither_endless_nor_over_at_once(lasts: timedelta) -> None:
    with pytest.raises(OperatingError, match="lasts from 1 second to 1 hour"):
        run(Floor().operations.rehearse("BadCritical", author="Kim", lasts=lasts))


def test_receiver_is_tried() -> None:
    floor = Floor()

    outcome = run(floor.operations.try_receiver("slack", author="Kim"))

    assert outcome.text == "a test message is on its way to slack"
    assert floor.words() == ["slack test"]
    with pytest.raises(UnknownError) as caught:
        run(floor.operations.try_receiver("slak", author="Kim"))
    assert caught.value.next_step == "choose one of these: slack"


# --- buttons ----------------------------------------------------------------------------------------------------------


def test_button_acknowledges_the_group_once_however_often_it_is_delivered() -> None:
    floor = opened(0, 1, 2)
    pressed = press("acknowledge", group_id(floor))

    async def deliver() -> list[str]:
        return await asyncio.gather(*(floor.operations.pressed(pressed) for _ in range(3)))

    assert sorted(run(deliver())) == ["acknowledged 3 alerts", "done already", "done already"]
    kinds = [each.kind for each in floor.transitions if each.kind is TransitionKind.ACKNOWLEDGED]
    assert len(kinds) == 3


def test_second_person_learns_who_was_first() -> None:
    floor = opened()
    run(floor.operations.pressed(press("acknowledge", group_id(floor))))

    words = run(floor.operations.pressed(press("acknowledge", group_id(floor), act_id="press-2", user="Ada")))

    assert words == "already acknowledged by Kim until 2026-11-23 10:01 UTC"


@pytest.mark.parametrize(
    ("action", "ends"), [("silence_1h", "11:01"), ("silence_4h", "14:01"), ("silence_24h", "10:01")]
)
def test_button_silences_the_group_and_nothing_else(action: str, ends: str) -> None:
    floor = opened(0, 1)
    floor.see("YELLOW", number(5, "101"))

    words = run(floor.operations.pressed(press(action, min(floor.groups()))))

    assert f"{ends} UTC: 2 open alerts are quiet now" in words
    (silence,) = floor.operations.silences()
    assert silence.matchers == ("family=Bad", "waba_id=100")
    assert (silence.author, silence.reason) == ("Kim", "by a button")


def test_shorter_silence_of_the_same_group_says_that_it_is_silenced() -> None:
    floor = opened()
    run(floor.operations.pressed(press("silence_4h", group_id(floor))))

    words = run(floor.operations.pressed(press("silence_1h", group_id(floor), act_id="press-2", user="Ada")))

    assert words == "already silenced by Kim until 2026-11-22 14:01 UTC"
    assert len(floor.operations.silences()) == 1


def test_storm_is_silenced_by_one_button() -> None:
    floor = Floor(patience=Patience(storm_groups=2))
    for waba in ("100", "101"):
        floor.cause("BAD", waba=waba)
        floor.see("YELLOW", number(0, waba))
    floor.passes(timedelta(minutes=1))
    (storm,) = [group for group in floor.groups().values() if group.is_storm]

    words = run(floor.operations.pressed(press("silence_1h", storm.id)))

    assert "4 open alerts are quiet now" in words
    (silence,) = floor.operations.silences()
    assert silence.matchers == ("family=~Bad|Cause", "waba_id=~100|101")


@pytest.mark.parametrize("value", ["999", "", "nonsense", "-1", "9" * 40, "²"])
def test_button_of_a_group_that_has_ended_says_so(value: str) -> None:
    floor = opened()
    pressed = Press(act_id="a", action="acknowledge", value=value, user_id="U1", user="Kim")

    assert run(floor.operations.pressed(pressed)) == "nothing open any more"


def test_button_that_nobody_knows() -> None:
    floor = opened()

    assert run(floor.operations.pressed(press("explode", group_id(floor)))) == "this wamon does not know that button"


def test_button_says_when_the_store_refuses() -> None:
    floor = opened()
    floor.refuses = True

    words = run(floor.operations.pressed(press("acknowledge", group_id(floor))))

    assert words.startswith("the store did not take it: try again")


def test_subject_of_a_rehearsal_may_be_made_up_in_part() -> None:
    floor = opened()

    run(floor.operations.rehearse("WhatsAppTemplatePaused", author="Kim", labels={"template": "greeting"}))

    (rehearsal,) = [alert for alert in floor.state.alerts.values() if alert.is_rehearsal]
    assert rehearsal.subject == Subject.template("rehearsal", "greeting", "rehearsal")


# --- with the real engine and the real store --------------------------------------------------------------------------


def test_click_that_is_delivered_again_after_a_restart_has_no_second_effect(tmp_path: Path) -> None:
    async def story() -> None:
        clock = FakeClock()
        async with started(tmp_path, clock) as bench:
            await bench.poll(rating("RED"))
            clock.advance(30)
            await bench.engine.observe(lambda moment: Woken(moment=moment))
            first = await operations_of(bench).pressed(press("acknowledge", 1))
        clock.advance(30)
        async with started(tmp_path, clock) as again:
            operations = operations_of(again)
            second = await operations.pressed(press("acknowledge", 1))
            (view,) = operations.alerts()
            history = await operations.alert(view.id)

        assert (first, second) == ("acknowledged 1 alert", "done already")
        assert [overlay.kind for overlay in view.overlays] == ["acknowledged"]
        assert [(moved.kind, moved.actor) for moved in history.timeline] == [("open", ""), ("acknowledged", "Kim")]

    asyncio.run(story())


def operations_of(bench: Bench) -> Operations:
    return Operations(
        engine=bench.engine,
        store=bench.store,
        rules=RULES,
        manner=Manner(receivers=("slack",)),
        receivers=("slack",),
        clock=bench.clock,
        random=Random(7),
    )


# --- overlays that nobody asked for -----------------------------------------------------------------------------------


def test_inhibited_alert_names_its_cause() -> None:
    floor = Floor(inhibitions=(Inhibition(source="Cause", targets=frozenset({"Bad"}), equal=("waba_id",)),))
    floor.cause("BAD")
    floor.see("YELLOW")

    cause, muted = floor.operations.alerts()

    assert cause.overlays == ()
    assert [(each.kind, each.by, each.id, each.reason) for each in muted.overlays] == [
        ("inhibited", "CauseCritical", cause.id, "is the cause")
    ]


def test_flapping_alert_says_so() -> None:
    floor = Floor(PATIENT)
    for _ in range(12):
        floor.see("YELLOW", after=60)
        floor.see("GREEN", after=60)

    (view,) = floor.operations.alerts()

    assert [each.kind for each in view.overlays] == ["flapping"]


def test_repeated_end_by_force_is_done_already() -> None:
    floor = opened()
    target = only_id(floor)
    run(floor.operations.force_close(target, reason="x", author="Kim", act_id="click"))

    assert run(floor.operations.force_close(target, reason="x", author="Kim", act_id="click")).is_repeated


def test_rehearsal_about_an_account_that_nobody_knows() -> None:
    with pytest.raises(UnknownError, match="nothing is known of waba_id '999'"):
        run(opened().operations.rehearse("WhatsAppTemplatePaused", author="Kim", labels={"waba_id": "999"}))


def test_of_several_rules_with_one_alert_name_the_one_of_that_name_is_rehearsed() -> None:
    found = Finder(State, {rule.name: rule for rule in RULES})

    assert found.rule("WhatsAppAccountRestricted")[0].name == "WhatsAppAccountRestricted"
    assert found.rule("whatsappdeliveryslow")[0].name == "WhatsAppDeliverySlow"
